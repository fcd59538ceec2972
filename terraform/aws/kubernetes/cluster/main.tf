# Written by planner 0.1.0 emit-k8s from quote 60ab75ca378a; write it again rather than edit it.
# An EKS cluster for 3 x p4d.24xlarge (8 x A100-SXM4-40GB each) in us-east-1. Its API answers inside the network only.

locals {
  name          = "deepseek-r1"
  instance_type = "p4d.24xlarge"
  nodes         = 3 # the quote's count, and the most that the pool may have

  tags = {
    planner-workload        = "deepseek-r1"
    planner-quote           = "60ab75ca378a"
    planner-purchase-option = "on_demand"
  }
}

data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

locals {
  arn     = "arn:${data.aws_partition.current.partition}"
  account = data.aws_caller_identity.current.account_id
}

# Encrypts the cluster's secrets and its logs.
resource "aws_kms_key" "this" {
  description             = "Secrets and logs of ${local.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 7

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Owner"
        Effect    = "Allow"
        Principal = { AWS = "${local.arn}:iam::${local.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "Logs"
        Effect    = "Allow"
        Principal = { Service = "logs.us-east-1.${data.aws_partition.current.dns_suffix}" }
        Action    = ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
        Resource  = "*"
        Condition = { ArnEquals = { "kms:EncryptionContext:aws:logs:arn" = "${local.arn}:logs:us-east-1:${local.account}:log-group:/aws/eks/${local.name}/cluster" } }
      },
    ]
  })
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/eks/${local.name}/cluster"
  retention_in_days = 365
  kms_key_id        = aws_kms_key.this.arn
}

resource "aws_eks_cluster" "this" {
  #checkov:skip=CKV_AWS_339:checkov's list of supported versions ends before 1.35, whose standard support lasts until 2027-03-27
  name     = local.name
  role_arn = aws_iam_role.cluster.arn
  version  = "1.35"

  enabled_cluster_log_types = ["api", "audit", "authenticator", "controllerManager", "scheduler"]

  access_config {
    authentication_mode                         = "API"
    bootstrap_cluster_creator_admin_permissions = true
  }

  # The add-ons below are the only ones: AWS's own of the same names would stand in the way of their settings.
  bootstrap_self_managed_addons = false

  # At the end of standard support AWS upgrades the cluster, instead of charging six times as much.
  upgrade_policy {
    support_type = "STANDARD"
  }

  vpc_config {
    subnet_ids              = [aws_subnet.this["first"].id, aws_subnet.this["second"].id]
    endpoint_private_access = true
    endpoint_public_access  = false
  }

  encryption_config {
    resources = ["secrets"]

    provider {
      key_arn = aws_kms_key.this.arn
    }
  }

  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy_attachment.cluster]
}

# Without it the NetworkPolicies of serve/ are accepted and do nothing.
resource "aws_eks_addon" "vpc_cni" {
  cluster_name         = aws_eks_cluster.this.name
  addon_name           = "vpc-cni"
  configuration_values = jsonencode({ enableNetworkPolicy = "true" })
}

resource "aws_eks_addon" "this" {
  for_each = toset(["kube-proxy", "eks-pod-identity-agent", "eks-node-monitoring-agent"])

  cluster_name = aws_eks_cluster.this.name
  addon_name   = each.key
}

resource "aws_eks_addon" "coredns" {
  cluster_name = aws_eks_cluster.this.name
  addon_name   = "coredns"

  depends_on = [aws_eks_node_group.cpu]
}
