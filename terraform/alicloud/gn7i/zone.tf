# Written by planner 0.1.0 emit-tf from quote 37525268a2c0; write it again rather than edit it.
# The zone: the first that sells the type, unless var.zone names one.
data "alicloud_zones" "this" {
  available_instance_type     = local.instance_type
  available_resource_creation = "VSwitch"
  instance_charge_type        = "PostPaid"
}

locals {
  zones = sort(data.alicloud_zones.this.ids)
}

# Kept from the first apply on: another answer of the cloud must not move what runs. To move it, set var.zone.
resource "terraform_data" "zone" {
  input            = length(local.zones) > 0 ? local.zones[0] : null
  triggers_replace = local.instance_type

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = var.zone != null || self.input != null
      error_message = "No zone of cn-beijing sells ecs.gn7i-c16g1.4xlarge to this account now: name one with `zone` in terraform.tfvars, or emit another type or region."
    }
  }
}

output "zones" {
  description = "Zones that sell ecs.gn7i-c16g1.4xlarge now, in the order in which to try them."
  value       = local.zones
}

locals {
  zone = coalesce(var.zone, terraform_data.zone.input)
}
