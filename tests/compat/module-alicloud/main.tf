# Written by planner 0.1.0 emit-tf from quote 3e10a9b32c10; write it again rather than edit it.
# 1 x ecs.gn7i-c8g1.2xlarge (1 x A10 each) in cn-beijing that serve the model when they have booted.

locals {
  name            = "old-alicloud"
  instance_type   = "ecs.gn7i-c8g1.2xlarge"
  instances       = 1
  purchase_option = "on_demand"
  hours           = 720

  # What the instance learns at boot besides the files in files/. Names of secrets, never secrets.
  module_env = {
    PLANNER_PROVIDER            = "alicloud"
    PLANNER_REGION              = "cn-beijing"
    PLANNER_SECRET_REGION       = "cn-beijing"
    PLANNER_DEADLINE            = var.deadline
    PLANNER_API_KEY_SECRET      = var.api_key_secret
    PLANNER_HF_TOKEN_SECRET     = ""
    PLANNER_CLIENT_CIDR         = var.client_cidr
    PLANNER_PEER_IPS            = "10.20.0.10"
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

  # One compressed stream for all of files/, each after a form feed and its name, without lines that are only a comment:
  # so the user-data stays below this cloud's 32768 bytes.
  bundle = base64gzip(join("", [for name in fileset("${path.module}/files", "**") :
    "\u000c${name}\n${replace(file("${path.module}/files/${name}"), "/(?m)^ *# .*\\n/", "")}"
  ]))
  user_data = templatefile("${path.module}/cloud-init.yaml.tftpl", {
    bundle     = local.bundle
    module_env = base64gzip(join("", [for name, value in local.module_env : "${name}=${value}\n"]))
  })

  tags = {
    planner-workload        = "old-alicloud"
    planner-quote           = "3e10a9b32c10"
    planner-hours           = tostring(local.hours)
    planner-purchase-option = local.purchase_option
    planner-deadline        = var.deadline
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

resource "alicloud_instance" "this" {
  instance_name              = local.name
  instance_type              = local.instance_type
  image_id                   = data.alicloud_images.this.images[0].id
  availability_zone          = var.zone
  vswitch_id                 = alicloud_vswitch.this.id
  private_ip                 = "10.20.0.10"
  security_groups            = [alicloud_security_group.this.id]
  internet_max_bandwidth_out = 0 # no public address
  user_data                  = base64encode(local.user_data)
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
      condition     = length(local.user_data) <= 32768
      error_message = "The user-data is over Alibaba Cloud's limit of 32768 bytes: shorten what is in files/."
    }
  }
}
