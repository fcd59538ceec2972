# Written by planner 0.1.0 emit-tf from quote 94de5cb4249c; write it again rather than edit it.

variable "zone" {
  type        = string
  description = "Availability zone that sells GN10Xp.20XLARGE320; README.md has the command that lists them."

  validation {
    condition     = startswith(var.zone, "ap-guangzhou")
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

variable "images" {
  type = object({
    engine        = string
    proxy         = string
    prometheus    = string
    grafana       = string
    dcgm_exporter = string
    node_exporter = string
  })
  description = "Container images by digest (repository@sha256:...). terraform.tfvars names the versions that this module was written for."

  validation {
    condition     = alltrue([for image in values(var.images) : can(regex("^[a-z0-9][A-Za-z0-9./_:-]*@sha256:[0-9a-f]{64}$", image))])
    error_message = "Every image must be pinned: repository@sha256:<64 hex digits>."
  }

  validation {
    condition     = alltrue([for image in values(var.images) : !can(regex("^(docker\\.io|registry-1\\.docker\\.io|nvcr\\.io|quay\\.io|ghcr\\.io|gcr\\.io)/", image)) && can(regex("^[^/]+\\.[^/]+/", image))])
    error_message = "ap-guangzhou is in mainland China: name a registry that it can reach (host/repository@sha256:...), not docker.io, nvcr.io, quay.io or ghcr.io."
  }
}

variable "image_id" {
  type        = string
  description = "Ubuntu Server 22.04 LTS 64-bit image (img-...) for GN10Xp.20XLARGE320; README.md has the command that lists them."

  validation {
    condition     = can(regex("^img-[0-9a-z]+$", var.image_id))
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
