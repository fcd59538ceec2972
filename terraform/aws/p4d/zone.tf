# Written by planner 0.1.0 emit-tf from quote db8a2f033767; write it again rather than edit it.
# The zone: the first that sells the type, unless var.zone names one.
data "aws_ec2_instance_type_offerings" "this" {
  location_type = "availability-zone"

  filter {
    name   = "instance-type"
    values = [local.instance_type]
  }
}

locals {
  # The region's own zones come before its Local Zones, whose names have one part more.
  zones = concat(
    [for name in sort(data.aws_ec2_instance_type_offerings.this.locations) : name if !strcontains(trimprefix(name, "us-east-1"), "-")],
    sort(data.aws_ec2_instance_type_offerings.this.locations),
  )
}

# Kept from the first apply on: another answer of the cloud must not move what runs. To move it, set var.zone.
resource "terraform_data" "zone" {
  input            = length(local.zones) > 0 ? local.zones[0] : null
  triggers_replace = local.instance_type

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = var.zone != null || self.input != null
      error_message = "No zone of us-east-1 sells p4d.24xlarge to this account now: name one with `zone` in terraform.tfvars, or emit another type or region."
    }
  }
}

output "zones" {
  description = "Zones that sell p4d.24xlarge now, in the order in which to try them."
  value       = local.zones
}

locals {
  zone = coalesce(var.zone, terraform_data.zone.input)
}
