# Written by planner 0.1.0 emit-k8s from quote 81ca0360c453; write it again rather than edit it.
# The GPU pool, at most as large as the quote, and two CPU nodes beside it. ACK installs the driver and its device plugin; a second
# plugin would register every GPU twice.

resource "alicloud_ecs_deployment_set" "this" {
  deployment_set_name = local.name
  strategy            = "LowLatency"
}

# Who makes nodes for pods that wait; the pools say how many there may be.
resource "alicloud_cs_autoscaling_config" "this" {
  cluster_id                    = alicloud_cs_managed_kubernetes.this.id
  scaler_type                   = "cluster-autoscaler"
  expander                      = "least-waste"
  scale_up_from_zero            = true
  scale_down_enabled            = true
  unneeded_duration             = "60m"
  cool_down_duration            = "60m"
  gpu_utilization_threshold     = "0.3"
  utilization_threshold         = "0.5"
  scan_interval                 = "30s"
  skip_nodes_with_local_storage = false # the weights are fetched again
  skip_nodes_with_system_pods   = true
}

resource "alicloud_cs_kubernetes_node_pool" "gpu" {
  cluster_id        = alicloud_cs_managed_kubernetes.this.id
  node_pool_name    = "gpu"
  vswitch_ids       = [alicloud_vswitch.this["first"].id]
  instance_types    = [local.instance_type]
  image_type        = "AliyunLinux3"
  runtime_name      = "containerd"
  key_name          = var.key_name
  deployment_set_id = alicloud_ecs_deployment_set.this.id

  instance_charge_type = "PostPaid"
  spot_strategy        = "NoSpot"

  system_disk_category          = "cloud_essd"
  system_disk_performance_level = "PL1"
  system_disk_size              = 200
  system_disk_encrypted         = true

  # The weights.
  data_disks {
    category          = "cloud_essd"
    performance_level = "PL1"
    size              = 1080
    encrypted         = "true"
    auto_format       = "true"
    file_system       = "ext4"
    mount_target      = "/srv/models"
  }

  instance_metadata_options {
    http_tokens = "required" # metadata, and with it the role, by token only
  }

  # The managed autoscaler makes nodes for pods that wait, up to what was quoted.
  scaling_config {
    enable   = true
    min_size = 0
    max_size = local.nodes
    type     = "gpu"
  }

  management {
    enable      = true
    auto_repair = true
  }

  labels {
    key   = "planner-pool"
    value = local.name
  }

  # Pinned; a version that ACK does not have falls back to its own without a word: look with nvidia-smi.
  labels {
    key   = "ack.aliyun.com/nvidia-driver-version"
    value = "570.133.20"
  }

  labels {
    key   = "ack.node.gpu.schedule"
    value = "default"
  }

  taints {
    key    = "nvidia.com/gpu"
    value  = "present"
    effect = "NoSchedule"
  }

  tags = local.tags

  depends_on = [alicloud_cs_autoscaling_config.this]
}

resource "alicloud_cs_kubernetes_node_pool" "cpu" {
  cluster_id     = alicloud_cs_managed_kubernetes.this.id
  node_pool_name = "cpu"
  vswitch_ids    = [alicloud_vswitch.this["first"].id, alicloud_vswitch.this["second"].id]
  instance_types = [var.cpu_instance_type]
  image_type     = "AliyunLinux3"
  runtime_name   = "containerd"
  key_name       = var.key_name
  desired_size   = "2"

  instance_charge_type          = "PostPaid"
  system_disk_category          = "cloud_essd"
  system_disk_performance_level = "PL1"
  system_disk_size              = 100
  system_disk_encrypted         = true

  instance_metadata_options {
    http_tokens = "required"
  }

  management {
    enable      = true
    auto_repair = true
  }

  tags = local.tags
}
