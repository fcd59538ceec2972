# Written by planner 0.1.0 emit-k8s from quote 81ca0360c453; write it again rather than edit it.
# An ACK cluster for 4 x ecs.ebmgn7ex.32xlarge (8 x A100-SXM4-80GB each) in cn-beijing. Its API answers inside the network only.

locals {
  name          = "deepseek-r1"
  instance_type = "ecs.ebmgn7ex.32xlarge"
  nodes         = 4 # the quote's count, and the most that the pool may have

  tags = {
    planner-workload        = "deepseek-r1"
    planner-quote           = "81ca0360c453"
    planner-purchase-option = "on_demand"
  }
}

resource "alicloud_cs_managed_kubernetes" "this" {
  name         = local.name
  cluster_spec = "ack.pro.small"
  version      = var.kubernetes_version
  profile      = "Default"

  vswitch_ids                  = [alicloud_vswitch.this["first"].id, alicloud_vswitch.this["second"].id]
  pod_vswitch_ids              = [alicloud_vswitch.this["first"].id, alicloud_vswitch.this["second"].id]
  service_cidr                 = "172.21.0.0/20"
  proxy_mode                   = "ipvs"
  is_enterprise_security_group = true
  new_nat_gateway              = false # network.tf has one
  slb_internet_enabled         = false # the API has no public address

  encryption_provider_key = var.kms_key_id
  enable_rrsa             = true # pods get roles of their own; it cannot be turned off again
  deletion_protection     = true

  control_plane_log_components = ["apiserver", "kcm", "scheduler", "ccm"]
  control_plane_log_ttl        = "365"

  # Certificates and keys of the administrator stay out of the state.
  skip_set_certificate_authority = true

  audit_log_config {
    enabled = true
  }

  # Without NetworkPolicy the policies of serve/ are accepted and do nothing.
  addons {
    name   = "terway-eniip"
    config = jsonencode({ IPVlan = "false", NetworkPolicy = "true" })
  }

  addons {
    name = "csi-plugin"
  }

  addons {
    name = "csi-provisioner"
  }

  tags = local.tags
}
