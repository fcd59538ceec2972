# Written by planner 0.1.0 emit-k8s from quote 1308d89216fc; write it again rather than edit it.
# The GPU pool, at most as large as the quote, and two CPU nodes beside it. TKE brings its device plugin; a second one would
# register every GPU twice.

resource "tencentcloud_kubernetes_node_pool" "gpu" {
  name                 = "gpu"
  cluster_id           = tencentcloud_kubernetes_cluster.this.id
  vpc_id               = tencentcloud_vpc.this.id
  subnet_ids           = [tencentcloud_subnet.this["first"].id]
  min_size             = 0
  max_size             = local.nodes
  desired_capacity     = local.nodes
  enable_auto_scale    = true
  node_os              = "tlinux3.1x86_64"
  delete_keep_instance = false # destroy ends the machines, and their bill

  auto_scaling_config {
    instance_type              = local.instance_type
    instance_charge_type       = "POSTPAID_BY_HOUR"
    system_disk_type           = var.disk_type
    system_disk_size           = "200"
    key_ids                    = [var.key_id]
    orderly_security_group_ids = [tencentcloud_security_group.this.id]
    public_ip_assigned         = false
    internet_max_bandwidth_out = 0
    enhanced_security_service  = true
    enhanced_monitor_service   = true

    data_disk {
      disk_type            = var.disk_type
      disk_size            = 1100
      encrypt              = true
      delete_with_instance = true
    }
  }

  node_config {
    # The weights.
    data_disk {
      disk_type             = var.disk_type
      disk_size             = 1100
      file_system           = "ext4"
      auto_format_and_mount = true
      mount_target          = "/srv/models"
    }

    gpu_args {
      driver     = var.gpu_driver
      mig_enable = false
    }
  }

  labels = {
    planner-pool = local.name
  }

  taints {
    key    = "nvidia.com/gpu"
    value  = "present"
    effect = "NoSchedule"
  }

  tags = local.tags

  lifecycle {
    ignore_changes = [desired_capacity] # the autoscaler's, and the deadline's
  }
}

resource "tencentcloud_kubernetes_node_pool" "cpu" {
  name                 = "cpu"
  cluster_id           = tencentcloud_kubernetes_cluster.this.id
  vpc_id               = tencentcloud_vpc.this.id
  subnet_ids           = [tencentcloud_subnet.this["first"].id, tencentcloud_subnet.this["second"].id]
  min_size             = 2
  max_size             = 2
  desired_capacity     = 2
  enable_auto_scale    = false
  node_os              = "tlinux3.1x86_64"
  delete_keep_instance = false

  auto_scaling_config {
    instance_type              = var.cpu_instance_type
    instance_charge_type       = "POSTPAID_BY_HOUR"
    system_disk_type           = "CLOUD_HSSD"
    system_disk_size           = "100"
    key_ids                    = [var.key_id]
    orderly_security_group_ids = [tencentcloud_security_group.this.id]
    public_ip_assigned         = false
    internet_max_bandwidth_out = 0
    enhanced_security_service  = true
    enhanced_monitor_service   = true
  }

  tags = local.tags
}
