# Written by planner 0.1.0 emit-k8s from quote 7f4386f0c38e; write it again rather than edit it.
# A TKE cluster for 1 x GN7.5XLARGE80 (1 x T4 each) in ap-guangzhou. Its API answers inside the network only.

locals {
  name          = "qwen2-5-0-5b-instruct"
  instance_type = "GN7.5XLARGE80"
  nodes         = 1 # the quote's count, and the most that the pool may have

  tags = {
    planner-workload        = "qwen2-5-0-5b-instruct"
    planner-quote           = "7f4386f0c38e"
    planner-purchase-option = "on_demand"
  }
}

resource "tencentcloud_kubernetes_cluster" "this" {
  cluster_name        = local.name
  cluster_version     = var.kubernetes_version
  cluster_deploy_type = "MANAGED_CLUSTER"
  cluster_level       = "L5"
  # A larger level costs more: that is a change to be decided, not one that happens.
  auto_upgrade_cluster_level = false

  vpc_id                  = tencentcloud_vpc.this.id
  network_type            = "VPC-CNI"
  vpc_cni_type            = "tke-route-eni"
  eni_subnet_ids          = [tencentcloud_subnet.this["first"].id, tencentcloud_subnet.this["second"].id]
  service_cidr            = "172.20.0.0/20"
  claim_expired_seconds   = 300
  is_non_static_ip_mode   = true
  container_runtime       = "containerd"
  cluster_max_service_num = 4096
  deletion_protection     = true

  cluster_internet = false # the API has no public address
  cluster_intranet = false # and none at all before there is a node: below

  cluster_audit {
    enabled = true
  }

  event_persistence {
    enabled = true
  }

  log_agent {
    enabled = true
  }

  tags = local.tags
}

# The API's private address: the cloud gives none to a cluster without a node.
resource "tencentcloud_kubernetes_cluster_endpoint" "this" {
  cluster_id                 = tencentcloud_kubernetes_cluster.this.id
  cluster_internet           = false
  cluster_intranet           = true
  cluster_intranet_subnet_id = tencentcloud_subnet.this["first"].id

  depends_on = [tencentcloud_kubernetes_node_pool.cpu]
}

resource "tencentcloud_kubernetes_encryption_protection" "this" {
  cluster_id = tencentcloud_kubernetes_cluster.this.id

  kms_configuration {
    key_id     = var.kms_key_id
    kms_region = "ap-guangzhou"
  }
}
