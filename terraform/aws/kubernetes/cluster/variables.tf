# Written by planner 0.1.0 emit-k8s from quote 60ab75ca378a; write it again rather than edit it.

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
  description = "Availability zone of the GPU nodes: one that sells p4d.24xlarge; README.md has the command that lists them."

  validation {
    condition     = startswith(var.zone, "us-east-1")
    error_message = "zone must be in us-east-1."
  }
}

variable "second_zone" {
  type        = string
  description = "Another zone of the region, for the control plane and half of the CPU nodes."

  validation {
    condition     = startswith(var.second_zone, "us-east-1") && var.second_zone != var.zone
    error_message = "second_zone must be another zone of us-east-1 than zone."
  }
}

variable "cpu_instance_type" {
  type        = string
  description = "Type of the two CPU nodes that run the router, the gateway and the operators."
  default     = "m6i.xlarge"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*\\.[a-z0-9-]+$", var.cpu_instance_type))
    error_message = "cpu_instance_type looks like m6i.xlarge."
  }
}
