# Written by planner 0.1.0 emit-tf from quote 7ab973a277d2; write it again rather than edit it.
# 1 x GN10Xp.20XLARGE320 (8 x V100-SXM2-32GB each) in ap-guangzhou that serve the model when they have booted.

locals {
  name            = "deepseek-r1-distill-llama-70b"
  instance_type   = "GN10Xp.20XLARGE320"
  instances       = 1
  purchase_option = "on_demand"
  hours           = 720

  # What names no host is in the registry.
  images = { for role, image in var.images : role => can(regex("^[^/]+[.:][^/]*/", image)) ? image : "${var.registry}/${image}" }

  # What the instance learns at its first boot besides the files in files/. What may change later is in its tags.
  module_env = {
    PLANNER_PROVIDER            = "tencentcloud"
    PLANNER_REGION              = "ap-guangzhou"
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
  # the whole compressed: so the user-data stays below this cloud's 12288 bytes.
  bundle = join("", [for name in fileset("${path.module}/files", "**") :
    "\u000c${name}\n${replace(file("${path.module}/files/${name}"), "/(?m)^ *# .*\\n/", "")}"
  ])
  user_data = base64gzip(templatefile("${path.module}/cloud-init.yaml.tftpl", {
    bundle     = jsonencode(local.bundle)
    module_env = jsonencode(join("", [for name, value in local.module_env : "${name}=${value}\n"]))
  }))

  tags = {
    planner-workload        = "deepseek-r1-distill-llama-70b"
    planner-quote           = "7ab973a277d2"
    planner-hours           = tostring(local.hours)
    planner-purchase-option = local.purchase_option
    planner-deadline        = var.deadline
    planner-api-key-secret  = var.api_key_secret
    planner-instances       = tostring(local.instances)
  }
}

# Plain Ubuntu, the newest of the cloud's own; the bootstrap installs the driver named in files/.
data "tencentcloud_images" "this" {
  image_name_regex = "^Ubuntu Server 22\\.04 LTS 64(bit|位)$"
  instance_type    = local.instance_type
}

# Where there were several before, the first stays.
moved {
  from = tencentcloud_instance.this["0"]
  to   = tencentcloud_instance.this
}

resource "tencentcloud_instance" "this" {
  instance_name               = local.name
  instance_type               = local.instance_type
  image_id                    = coalesce(var.image_id, data.tencentcloud_images.this.images[0].image_id)
  availability_zone           = local.zone
  vpc_id                      = tencentcloud_vpc.this.id
  subnet_id                   = tencentcloud_subnet.this.id
  private_ip                  = "10.20.0.10"
  orderly_security_groups     = [tencentcloud_security_group.this.id]
  allocate_public_ip          = false
  internet_max_bandwidth_out  = 0
  cam_role_name               = tencentcloud_cam_role.this.name
  user_data                   = local.user_data
  user_data_replace_on_change = true
  tags                        = local.tags

  # The agents that give a shell without SSH (TAT) and watch the host.
  disable_automation_service = false
  disable_monitor_service    = false
  disable_security_service   = false

  instance_charge_type = "POSTPAID_BY_HOUR"

  system_disk_type    = var.disk_type
  system_disk_size    = 200
  system_disk_encrypt = true

  data_disks {
    data_disk_name       = "models"
    data_disk_type       = var.disk_type
    data_disk_size       = 270
    encrypt              = true
    delete_with_instance = true
  }

  lifecycle {
    # A newer image must not replace a running server, nor another engine or model: roll.sh takes it there in place.
    ignore_changes = [image_id, user_data]

    precondition {
      condition     = length(local.user_data) / 4 * 3 <= 12288
      error_message = "The user-data is over Tencent Cloud's limit of 12288 bytes: shorten what is in files/."
    }
  }
}
