# Written by planner 0.1.0 emit-tf from quote 94de5cb4249c; write it again rather than edit it.
# The zone: the first that has the type to sell now, unless var.zone names one.
data "tencentcloud_instance_types" "this" {
  exclude_sold_out = true

  filter {
    name   = "instance-type"
    values = [local.instance_type]
  }

  filter {
    name   = "instance-charge-type"
    values = ["PREPAID"]
  }
}

locals {
  zones = sort(data.tencentcloud_instance_types.this.instance_types[*].availability_zone)
}

# Kept from the first apply on: another answer of the cloud must not move what runs. To move it, set var.zone.
resource "terraform_data" "zone" {
  input            = length(local.zones) > 0 ? local.zones[0] : null
  triggers_replace = local.instance_type

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = var.zone != null || self.input != null
      error_message = "No zone of ap-guangzhou sells GN10Xp.20XLARGE320 to this account now: name one with `zone` in terraform.tfvars, or emit another type or region."
    }
  }
}

output "zones" {
  description = "Zones that sell GN10Xp.20XLARGE320 now, in the order in which to try them."
  value       = local.zones
}

locals {
  zone = coalesce(var.zone, terraform_data.zone.input)
}
