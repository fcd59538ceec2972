# Written by planner 0.1.0 emit-tf from quote 7ab973a277d2; write it again rather than edit it.

variable "deadline" {
  type        = string
  description = "When everything billed by the hour is released, RFC 3339 in UTC, e.g. 2026-12-31T18:00:00Z. Set in terraform.tfvars."

  validation {
    condition     = can(regex("^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}Z$", var.deadline)) && can(timeadd(var.deadline, "0s"))
    error_message = "deadline must look like 2026-12-31T18:00:00Z (UTC)."
  }
}

variable "zone" {
  type        = string
  description = "Availability zone that sells GN10Xp.20XLARGE320; null takes the first that the cloud names, and keeps to it."
  default     = null

  validation {
    condition     = startswith(coalesce(var.zone, "ap-guangzhou"), "ap-guangzhou")
    error_message = "zone must be in ap-guangzhou."
  }
}

variable "client_cidr" {
  type        = string
  description = "IPv4 range that may call the API on port 8443, e.g. 10.8.0.0/16."

  validation {
    condition     = can(cidrnetmask(var.client_cidr))
    error_message = "client_cidr must be an IPv4 range such as 10.8.0.0/16."
  }

  validation {
    condition     = can(cidrnetmask(var.client_cidr)) && try(tonumber(split("/", var.client_cidr)[1]) >= 8, false)
    error_message = "client_cidr is wider than /8, which is close to everybody; emit the module with --open-to-internet if you mean it."
  }
}

variable "api_key_secret" {
  type        = string
  description = "Name (never the value) of the secret that holds the API key."
  default     = "deepseek-r1-distill-llama-70b-api-key"

  validation {
    condition     = can(regex("^[A-Za-z0-9/][A-Za-z0-9_./-]{0,126}$", var.api_key_secret))
    error_message = "api_key_secret must be a name of letters, digits, _ . / and -."
  }
}

variable "registry" {
  type        = string
  description = "Registry and namespace that ap-guangzhou reaches, into which copy-images.sh has copied the images, e.g. registry.example.com/llm."

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]*(:[0-9]+)?(/[a-z0-9._-]+)*$", var.registry)) && !can(regex("^(docker\\.io|registry-1\\.docker\\.io|nvcr\\.io|quay\\.io|ghcr\\.io|gcr\\.io)(/|$)", var.registry))
    error_message = "registry is HOST/NAMESPACE without https://, of a registry that mainland China reaches: not docker.io, nvcr.io, quay.io or ghcr.io."
  }
}

variable "images" {
  type = object({
    engine        = string # docker.io/openmmlab/lmdeploy:v0.17.0-cu12.8: no digest is known
    proxy         = optional(string, "caddy:2.10.2@sha256:c3d7ee5d2b11f9dc54f947f68a734c84e9c9666c92c88a7f30b9cba5da182adb")
    prometheus    = optional(string, "prometheus:v3.5.0@sha256:63805ebb8d2b3920190daf1cb14a60871b16fd38bed42b857a3182bc621f4996")
    grafana       = optional(string, "grafana:12.2.0@sha256:74144189b38447facf737dfd0f3906e42e0776212bf575dc3334c3609183adf7")
    dcgm_exporter = optional(string, "dcgm-exporter:4.6.1-4.8.4-distroless@sha256:148b0c025e5f2850256816fa33754fbf4733b7a086697a95613fc0ba3db5b003")
    node_exporter = optional(string, "node-exporter:v1.9.1@sha256:d00a542e409ee618a4edc67da14dd48c5da66726bbd5537ab2af9c1dfc442c8a")
  })
  description = "Container images by digest (name@sha256:... in registry, or repository@sha256:...); what is left out is what this module was written for."
  nullable    = false

  validation {
    condition     = alltrue([for image in values(var.images) : can(regex("^[a-z0-9][A-Za-z0-9./_:-]*@sha256:[0-9a-f]{64}$", image))])
    error_message = "Every image must be pinned: repository@sha256:<64 hex digits>."
  }

  validation {
    condition     = alltrue([for image in values(var.images) : !can(regex("^(docker\\.io|registry-1\\.docker\\.io|nvcr\\.io|quay\\.io|ghcr\\.io|gcr\\.io)/", image))])
    error_message = "ap-guangzhou is in mainland China: name a registry that it can reach (host/repository@sha256:...), not docker.io, nvcr.io, quay.io or ghcr.io."
  }
}

variable "image_id" {
  type        = string
  description = "Ubuntu Server 22.04 LTS 64-bit image (img-...) for GN10Xp.20XLARGE320; null takes the newest of the cloud's own."
  default     = null

  validation {
    condition     = can(regex("^img-[0-9a-z]+$", coalesce(var.image_id, "img-0")))
    error_message = "image_id looks like img-487zeit5."
  }
}

variable "disk_type" {
  type        = string
  description = "Type of the cloud disks; not every type is sold with every instance family (tccli cbs DescribeDiskConfigQuota)."
  default     = "CLOUD_SSD"

  validation {
    condition     = startswith(var.disk_type, "CLOUD_")
    error_message = "disk_type is CLOUD_HSSD, CLOUD_SSD, CLOUD_BSSD or CLOUD_PREMIUM."
  }
}
