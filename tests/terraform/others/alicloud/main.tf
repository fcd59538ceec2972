terraform {
  required_providers {
    alicloud = { source = "aliyun/alicloud" }
  }
}

provider "alicloud" {
  region = local.region
}

locals {
  region = join("-", ["cn", "beijing"])
  kind   = "ecs.gn7i-c16g1.4xlarge"
}

variable "months" {
  type    = number
  default = 1
}

resource "alicloud_vpc" "this" {
  cidr_block = "10.0.0.0/8"
}

resource "alicloud_vswitch" "this" {
  vpc_id     = alicloud_vpc.this.id
  cidr_block = "10.1.0.0/16"
  zone_id    = "${local.region}-h"
}

resource "alicloud_security_group" "this" {
  vpc_id = alicloud_vpc.this.id
}

resource "alicloud_instance" "server" {
  count                = 2
  image_id             = "ubuntu_22_04_x64_20G_alibase_20240130.vhd"
  instance_type        = local.kind
  vswitch_id           = alicloud_vswitch.this.id
  security_groups      = [alicloud_security_group.this.id]
  system_disk_category = "cloud_essd"
  system_disk_size     = 100 + 50 * count.index

  dynamic "data_disks" {
    for_each = count.index == 0 ? [] : [200]
    content {
      category = "cloud_essd"
      size     = data_disks.value
    }
  }
}

resource "alicloud_ess_scaling_group" "fleet" {
  min_size           = 3
  max_size           = 9
  scaling_group_name = "fleet"
  vswitch_ids        = [alicloud_vswitch.this.id]
}

resource "alicloud_ess_scaling_configuration" "fleet" {
  scaling_group_id  = alicloud_ess_scaling_group.fleet.id
  image_id          = "ubuntu_22_04_x64_20G_alibase_20240130.vhd"
  instance_type     = local.kind
  security_group_id = alicloud_security_group.this.id
  active            = true

  data_disk {
    size     = 300
    category = "cloud_essd"
  }
}

resource "alicloud_nat_gateway" "this" {
  vpc_id           = alicloud_vpc.this.id
  vswitch_id       = alicloud_vswitch.this.id
  nat_type         = "Enhanced"
  nat_gateway_name = "out"
}

resource "alicloud_oss_bucket" "weights" {
  bucket = "weights-of-somebody"
}
