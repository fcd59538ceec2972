terraform {
  required_providers {
    tencentcloud = { source = "tencentcloudstack/tencentcloud" }
  }
}

provider "tencentcloud" {
  region = "ap-guangzhou"
}

variable "zones" {
  type    = list(string)
  default = ["ap-guangzhou-3", "ap-guangzhou-4"]
}

resource "tencentcloud_vpc" "this" {
  name       = "v"
  cidr_block = "10.0.0.0/16"
}

resource "tencentcloud_subnet" "this" {
  for_each          = toset(var.zones)
  name              = "s-${each.key}"
  vpc_id            = tencentcloud_vpc.this.id
  availability_zone = each.value
  cidr_block        = cidrsubnet("10.0.0.0/16", 8, index(var.zones, each.value))
}

resource "tencentcloud_instance" "server" {
  for_each          = { for n, zone in var.zones : zone => n if n < 1 }
  instance_name     = "server-${each.value}"
  availability_zone = each.key
  image_id          = "img-487zeit5"
  instance_type     = "GN10Xp.2XLARGE40"
  vpc_id            = tencentcloud_vpc.this.id
  subnet_id         = tencentcloud_subnet.this[each.key].id
  system_disk_type  = "CLOUD_SSD"
  system_disk_size  = 100

  data_disks {
    data_disk_type = "CLOUD_SSD"
    data_disk_size = 500
  }
}

resource "tencentcloud_as_scaling_config" "fleet" {
  configuration_name = "fleet"
  image_id           = "img-487zeit5"
  instance_types     = ["GN10Xp.2XLARGE40"]
  system_disk_size   = 100
}

resource "tencentcloud_as_scaling_group" "fleet" {
  scaling_group_name = "fleet"
  configuration_id   = tencentcloud_as_scaling_config.fleet.id
  min_size           = 1
  max_size           = 4
  desired_capacity   = 2
  vpc_id             = tencentcloud_vpc.this.id
  subnet_ids         = [for zone in var.zones : tencentcloud_subnet.this[zone].id]
}

resource "tencentcloud_cos_bucket" "weights" {
  bucket = "weights-1250000000"
}
