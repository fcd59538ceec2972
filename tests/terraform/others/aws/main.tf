# A plain module of somebody else's, as people write them: variables, locals, count, for_each, a module, an override.
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

provider "aws" {
  region = var.region
}

variable "region" {
  type    = string
  default = "eu-west-1" # terraform.tfvars says another
}

variable "servers" {
  type = map(object({
    kind = string
    disk = optional(number, 100)
    spot = optional(bool, false)
  }))
}

variable "bastions" {
  type    = number
  default = 0
}

locals {
  name  = "inference"
  kinds = { small = "g5.xlarge", large = "g5.12xlarge" }
  disks = flatten([for name, one in var.servers : [for n in range(2) : { name = "${name}-${n}", size = one.disk }]])
  tags = merge({ app = local.name }, {
    stage = terraform.workspace == "prod" ? "prod" : "test"
  })
}

data "aws_ami" "this" {
  most_recent = true
  owners      = ["amazon"]
}

resource "aws_vpc" "this" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_subnet" "this" {
  vpc_id     = aws_vpc.this.id
  cidr_block = cidrsubnet(aws_vpc.this.cidr_block, 8, 1)
}

resource "aws_instance" "server" {
  for_each      = var.servers
  ami           = data.aws_ami.this.id
  instance_type = local.kinds[each.value.kind]
  subnet_id     = aws_subnet.this.id
  monitoring    = each.key == "b"

  root_block_device {
    volume_type = "gp3"
    volume_size = 150
  }

  dynamic "ebs_block_device" {
    for_each = [for disk in local.disks : disk if startswith(disk.name, each.key)]
    content {
      device_name = "/dev/sd${element(["f", "g"], ebs_block_device.key)}"
      volume_type = "gp3"
      volume_size = ebs_block_device.value.size
      iops        = 4000
    }
  }

  dynamic "instance_market_options" {
    for_each = each.value.spot ? [1] : []
    content {
      market_type = "spot"
    }
  }

  tags = local.tags
}

resource "aws_instance" "bastion" {
  count                       = var.bastions
  ami                         = data.aws_ami.this.id
  instance_type               = "t3.micro"
  subnet_id                   = aws_subnet.this.id
  associate_public_ip_address = true
}

resource "aws_ebs_volume" "shared" {
  count             = length(var.servers) > 1 ? 1 : 0
  availability_zone = "${var.region}a"
  type              = "gp3"
  size              = 500
}

resource "aws_s3_bucket" "weights" {
  bucket_prefix = local.name
}

module "fleet" {
  source    = "./fleet"
  kind      = local.kinds.small
  subnet_id = aws_subnet.this.id
  template  = aws_launch_template.fleet.id
}

resource "aws_launch_template" "fleet" {
  image_id      = data.aws_ami.this.id
  instance_type = module.fleet.kind

  block_device_mappings {
    device_name = "/dev/sda1"
    ebs {
      volume_type = "gp3"
      volume_size = 80
    }
  }
}
