# Written by planner 0.1.0 emit-k8s from quote 1308d89216fc; write it again rather than edit it.

variable "deadline" {
  type        = string
  description = "When the GPU pool goes to 0 nodes, RFC 3339 in UTC, e.g. 2026-12-31T18:00:00Z."
  default     = "2026-12-24T00:00:00Z"

  validation {
    condition     = can(regex("^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}Z$", var.deadline)) && can(timeadd(var.deadline, "0s"))
    error_message = "deadline must look like 2026-12-31T18:00:00Z (UTC)."
  }
}

variable "zone" {
  type        = string
  description = "Availability zone of the GPU nodes: one that sells GT4.41XLARGE948; README.md has the command that lists them."

  validation {
    condition     = startswith(var.zone, "ap-guangzhou")
    error_message = "zone must be in ap-guangzhou."
  }
}

variable "second_zone" {
  type        = string
  description = "Another zone of the region, for the control plane and half of the CPU nodes."

  validation {
    condition     = startswith(var.second_zone, "ap-guangzhou") && var.second_zone != var.zone
    error_message = "second_zone must be another zone of ap-guangzhou than zone."
  }
}

variable "kubernetes_version" {
  type        = string
  description = "Full version of the cluster: `tccli tke DescribeVersions --region ap-guangzhou`."
  default     = "1.34.1"

  validation {
    condition     = startswith(var.kubernetes_version, "1.34.")
    error_message = "kubernetes_version must be a release of 1.34."
  }
}

variable "kms_key_id" {
  type        = string
  description = "KMS key that encrypts the cluster's secrets: `tccli kms ListKeys --region ap-guangzhou`."

  validation {
    condition     = can(regex("^[a-z0-9-]{8,}$", var.kms_key_id))
    error_message = "kms_key_id looks like 9ffacc8b-6461-11ee-a54e-525400dd8a7d."
  }
}

variable "key_id" {
  type        = string
  description = "Id of the key pair of the nodes, which the cloud asks for; no rule lets SSH in."

  validation {
    condition     = can(regex("^skey-[a-z0-9]+$", var.key_id))
    error_message = "key_id looks like skey-487zeit5."
  }
}

variable "gpu_driver" {
  type        = object({ version = string, name = string })
  description = "Driver of the GPU nodes, as `tccli tke DescribeGPUInfo` lists it for GT4.41XLARGE948 and the node image; at least 580."
  default     = { version = "580.95.05", name = "NVIDIA-Linux-x86_64-580.95.05.run" }

  validation {
    condition     = can(regex("^[0-9.]+$", var.gpu_driver.version)) && endswith(var.gpu_driver.name, ".run")
    error_message = "gpu_driver looks like { version = \"570.158.01\", name = \"NVIDIA-Linux-x86_64-570.158.01.run\" }."
  }
}

variable "disk_type" {
  type        = string
  description = "Type of the cloud disks; not every type is sold with every instance family (tccli cbs DescribeDiskConfigQuota)."
  default     = "CLOUD_HSSD"

  validation {
    condition     = startswith(var.disk_type, "CLOUD_")
    error_message = "disk_type is CLOUD_HSSD, CLOUD_SSD, CLOUD_BSSD or CLOUD_PREMIUM."
  }
}

variable "cpu_instance_type" {
  type        = string
  description = "Type of the two CPU nodes that run the router, the gateway and the operators."
  default     = "SA5.LARGE16"

  validation {
    condition     = can(regex("^[A-Z][A-Za-z0-9]*\\.[A-Z0-9]+$", var.cpu_instance_type))
    error_message = "cpu_instance_type looks like SA5.LARGE16."
  }
}

variable "network_policy_addon" {
  type        = string
  description = "Name of the add-on that enforces NetworkPolicy; public sources spell it NetworkPolicy, networkpolicy and network-policy: `tccli tke GetTkeAppChartList --region ap-guangzhou --Kind network` lists it."
  default     = "NetworkPolicy"

  validation {
    condition     = can(regex("(?i)^network-?policy$", var.network_policy_addon))
    error_message = "network_policy_addon is NetworkPolicy, networkpolicy or network-policy."
  }
}
