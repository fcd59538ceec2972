# Written by planner 0.1.0 emit-tf from quote 61951d8350f0; write it again rather than edit it.
# 1 x p4d.24xlarge (8 x A100-SXM4-40GB each) in us-east-1 that serve the model when they have booted.

locals {
  name            = "deepseek-r1-distill-llama-70b"
  instance_type   = "p4d.24xlarge"
  instances       = 1
  purchase_option = "spot"
  hours           = 720

  # What the instance learns at its first boot besides the files in files/. What may change later is in its tags.
  module_env = {
    PLANNER_PROVIDER            = "aws"
    PLANNER_REGION              = "us-east-1"
    PLANNER_NODE_INDEX          = "0"
    PLANNER_NODE_RANK           = "0"
    PLANNER_NODE_IP             = "10.20.0.10"
    PLANNER_HEAD_IP             = "10.20.0.10"
    PLANNER_IMAGE_ENGINE        = var.images.engine
    PLANNER_IMAGE_PROXY         = var.images.proxy
    PLANNER_IMAGE_PROMETHEUS    = var.images.prometheus
    PLANNER_IMAGE_GRAFANA       = var.images.grafana
    PLANNER_IMAGE_DCGM_EXPORTER = var.images.dcgm_exporter
    PLANNER_IMAGE_NODE_EXPORTER = var.images.node_exporter
  }

  # All of files/ in one text, each after a form feed and its name, without lines that are only a comment. cloud-init takes
  # the whole compressed: so the user-data stays below this cloud's 16384 bytes.
  bundle = join("", [for name in fileset("${path.module}/files", "**") :
    "\u000c${name}\n${replace(file("${path.module}/files/${name}"), "/(?m)^ *# .*\\n/", "")}"
  ])
  user_data = base64gzip(templatefile("${path.module}/cloud-init.yaml.tftpl", {
    bundle     = jsonencode(local.bundle)
    module_env = jsonencode(join("", [for name, value in local.module_env : "${name}=${value}\n"]))
  }))

  tags = {
    planner-workload        = "deepseek-r1-distill-llama-70b"
    planner-quote           = "61951d8350f0"
    planner-hours           = tostring(local.hours)
    planner-purchase-option = local.purchase_option
    planner-deadline        = var.deadline
    planner-api-key-secret  = var.api_key_secret
    planner-instances       = tostring(local.instances)
  }
}

# NVIDIA driver, container runtime, Session Manager agent: AWS keeps this image up to date.
data "aws_ssm_parameter" "ami" {
  name = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id"
}

# Where there were several before, the first stays.
moved {
  from = aws_instance.this["0"]
  to   = aws_instance.this
}

resource "aws_instance" "this" {
  ami                                  = data.aws_ssm_parameter.ami.insecure_value
  instance_type                        = local.instance_type
  subnet_id                            = aws_subnet.this.id
  private_ip                           = "10.20.0.10"
  associate_public_ip_address          = false
  vpc_security_group_ids               = [aws_security_group.this.id]
  iam_instance_profile                 = aws_iam_instance_profile.this.name
  ebs_optimized                        = true
  monitoring                           = true
  user_data_base64                     = local.user_data
  user_data_replace_on_change          = true
  instance_initiated_shutdown_behavior = "terminate" # the guest's own deadline ends the bill, not only the work

  instance_market_options {
    market_type = "spot"

    spot_options {
      spot_instance_type             = "one-time"
      instance_interruption_behavior = "terminate"
      max_price                      = "21.95" # USD per hour
    }
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1         # containers on a bridge network cannot reach the role
    instance_metadata_tags      = "enabled" # deadline and names of secrets: what may change without a new instance
  }

  root_block_device {
    volume_type = "gp3"
    volume_size = 200
    encrypted   = true
  }

  tags        = { Name = local.name }
  volume_tags = local.tags

  lifecycle {
    # A newer image must not replace a running server, nor another engine or model: roll.sh takes it there in place.
    ignore_changes = [ami, user_data_base64]

    precondition {
      condition     = length(local.user_data) / 4 * 3 <= 16384
      error_message = "The user-data is over AWS's limit of 16384 bytes: shorten what is in files/."
    }
  }
}
