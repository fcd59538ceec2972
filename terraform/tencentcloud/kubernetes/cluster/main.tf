# Written by planner 0.1.0 emit-k8s from quote 1308d89216fc; write it again rather than edit it.
# A TKE cluster for 3 x GT4.41XLARGE948 (8 x A100-SXM4-40GB each) in ap-guangzhou. Its API answers inside the network only.

locals {
  name          = "deepseek-r1"
  instance_type = "GT4.41XLARGE948"
  nodes         = 3 # the quote's count, and the most that the pool may have

  tags = {
    planner-workload        = "deepseek-r1"
    planner-quote           = "1308d89216fc"
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

# Without this add-on the NetworkPolicies of serve/ are accepted and do nothing; a name that the cloud does not know fails here
# and not in silence. Its pods need a node to stand on.
resource "tencentcloud_kubernetes_addon" "network_policy" {
  cluster_id = tencentcloud_kubernetes_cluster.this.id
  addon_name = var.network_policy_addon

  depends_on = [tencentcloud_kubernetes_node_pool.cpu]
}
