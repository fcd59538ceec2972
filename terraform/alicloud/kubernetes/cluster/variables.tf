# Written by planner 0.1.0 emit-k8s from quote 81ca0360c453; write it again rather than edit it.

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
  description = "Availability zone of the GPU nodes: one that sells ecs.ebmgn7ex.32xlarge; README.md has the command that lists them."

  validation {
    condition     = startswith(var.zone, "cn-beijing")
    error_message = "zone must be in cn-beijing."
  }
}

variable "second_zone" {
  type        = string
  description = "Another zone of the region, for the control plane and half of the CPU nodes."

  validation {
    condition     = startswith(var.second_zone, "cn-beijing") && var.second_zone != var.zone
    error_message = "second_zone must be another zone of cn-beijing than zone."
  }
}

variable "kubernetes_version" {
  type        = string
  description = "Full version of the cluster, e.g. 1.35.0-aliyun.1: `aliyun cs GET /api/v1/metadata/versions --Region cn-beijing --ClusterType ManagedKubernetes`."

  validation {
    condition     = startswith(var.kubernetes_version, "1.35.")
    error_message = "kubernetes_version must be a release of 1.35."
  }
}

variable "kms_key_id" {
  type        = string
  description = "KMS key that encrypts the cluster's secrets: `aliyun kms ListKeys`."

  validation {
    condition     = can(regex("^[a-z0-9-]{8,}$", var.kms_key_id))
    error_message = "kms_key_id looks like key-hzz62f1cb66fa42qo...."
  }
}

variable "key_name" {
  type        = string
  description = "Name of the key pair of the nodes, which the cloud asks for; no rule lets SSH in."

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9_:.-]{1,127}$", var.key_name))
    error_message = "key_name must be the name of a key pair."
  }
}

variable "cpu_instance_type" {
  type        = string
  description = "Type of the two CPU nodes that run the router, the gateway and the operators."
  default     = "ecs.g7.xlarge"

  validation {
    condition     = startswith(var.cpu_instance_type, "ecs.")
    error_message = "cpu_instance_type looks like ecs.g7.xlarge."
  }
}
