variable "kind" {
  type = string
}

variable "subnet_id" {
  type = string
}

variable "template" {
  type = string
}

resource "aws_autoscaling_group" "this" {
  min_size            = 1
  max_size            = 6
  desired_capacity    = 4
  vpc_zone_identifier = [var.subnet_id]

  mixed_instances_policy {
    instances_distribution {
      on_demand_base_capacity                  = 1
      on_demand_percentage_above_base_capacity = 50
    }
    launch_template {
      launch_template_specification {
        launch_template_id = var.template
      }
    }
  }
}

output "kind" {
  value = upper(var.kind) == "G5.XLARGE" ? var.kind : null
}
