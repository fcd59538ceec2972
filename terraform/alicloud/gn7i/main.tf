# Written by planner 0.1.0 emit-tf from quote 37525268a2c0; write it again rather than edit it.
# 1 x ecs.gn7i-c16g1.4xlarge (1 x A10 each) in cn-beijing that serve the model when they have booted.

locals {
  name            = "deepseek-r1-distill-qwen-7b"
  instance_type   = "ecs.gn7i-c16g1.4xlarge"
  instances       = 1
  purchase_option = "on_demand"
  hours           = 720

  # What names no host is in the registry.
  images = { for role, image in var.images : role => can(regex("^[^/]+[.:][^/]*/", image)) ? image : "${var.registry}/${image}" }

  # What the instance learns at its first boot besides the files in files/. What may change later is in its tags.
  module_env = {
    PLANNER_PROVIDER            = "alicloud"
    PLANNER_REGION              = "cn-beijing"
    PLANNER_NODE_INDEX          = "0"
    PLANNER_NODE_RANK           = "0"
    PLANNER_NODE_IP             = "10.20.0.10"
    PLANNER_HEAD_IP             = "10.20.0.10"
    PLANNER_IMAGE_ENGINE        = local.images.engine
    PLANNER_IMAGE_PROXY         = local.images.proxy
    PLANNER_IMAGE_PROMETHEUS    = local.images.prometheus
    PLANNER_IMAGE_GRAFANA       = local.images.grafana
    PLANNER_IMAGE_DCGM_EXPORTER = local.images.dcgm_exporter
    PLANNER_IMAGE_NODE_EXPORTER = local.images.node_exporter
  }

  # All of files/ in one text, each after a form feed and its name, without lines that are only a comment. cloud-init takes
  # the whole compressed: so the user-data stays below this cloud's 32768 bytes.
  bundle = join("", [for name in fileset("${path.module}/files", "**") :
    "\u000c${name}\n${replace(file("${path.module}/files/${name}"), "/(?m)^ *# .*\\n/", "")}"
  ])
  user_data = base64gzip(templatefile("${path.module}/cloud-init.yaml.tftpl", {
    bundle     = jsonencode(local.bundle)
    module_env = jsonencode(join("", [for name, value in local.module_env : "${name}=${value}\n"]))
  }))

  tags = {
    planner-workload        = "deepseek-r1-distill-qwen-7b"
    planner-quote           = "37525268a2c0"
    planner-hours           = tostring(local.hours)
    planner-purchase-option = local.purchase_option
    planner-deadline        = var.deadline
    planner-api-key-secret  = var.api_key_secret
    planner-instances       = tostring(local.instances)
  }
}

# Plain Ubuntu; the bootstrap installs the driver named in files/.
data "alicloud_images" "this" {
  owners                = "system"
  name_regex            = "^ubuntu_22_04_x64"
  instance_type         = local.instance_type
  is_support_cloud_init = true
  most_recent           = true
}

# Where there were several before, the first stays.
moved {
  from = alicloud_instance.this["0"]
  to   = alicloud_instance.this
}

resource "alicloud_instance" "this" {
  instance_name              = local.name
  instance_type              = local.instance_type
  image_id                   = data.alicloud_images.this.images[0].id
  availability_zone          = local.zone
  vswitch_id                 = alicloud_vswitch.this.id
  private_ip                 = "10.20.0.10"
  security_groups            = [alicloud_security_group.this.id]
  internet_max_bandwidth_out = 0 # no public address
  user_data                  = local.user_data
  tags                       = local.tags
  volume_tags                = local.tags

  http_endpoint = "enabled"
  http_tokens   = "required" # metadata, and with it the role, by token only

  instance_charge_type = "PostPaid"
  auto_release_time    = var.deadline # Alibaba Cloud itself releases the instance then

  system_disk_category          = "cloud_essd"
  system_disk_performance_level = "PL1"
  system_disk_size              = 200
  system_disk_encrypted         = true

  data_disks {
    name                 = "models"
    category             = "cloud_essd"
    performance_level    = "PL1"
    size                 = 80
    encrypted            = true
    delete_with_instance = true
  }

  lifecycle {
    # Either would restart or replace a running server.
    ignore_changes = [image_id, user_data]

    precondition {
      condition     = length(local.user_data) / 4 * 3 <= 32768
      error_message = "The user-data is over Alibaba Cloud's limit of 32768 bytes: shorten what is in files/."
    }
  }
}
