# Written by planner 0.1.0 emit-k8s from quote 81ca0360c453; write it again rather than edit it.
# What ack-secret-manager may do: read the named secrets, as its own service account and nothing else (RRSA).

data "alicloud_account" "this" {}

locals {
  rrsa = alicloud_cs_managed_kubernetes.this.rrsa_metadata[0]
}

resource "alicloud_ram_role" "secrets" {
  role_name   = "${local.name}-secrets"
  description = "ack-secret-manager of ${local.name}"

  assume_role_policy_document = jsonencode({
    Version = "1"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Federated = [local.rrsa.ram_oidc_provider_arn] }
      Condition = {
        StringEquals = {
          "oidc:aud" = ["sts.aliyuncs.com"]
          "oidc:iss" = [local.rrsa.rrsa_oidc_issuer_url]
          "oidc:sub" = ["system:serviceaccount:kube-system:ack-secret-manager"]
        }
      }
    }]
  })
}

resource "alicloud_ram_policy" "secrets" {
  policy_name = "${local.name}-secrets"
  description = "Reads the secrets of ${local.name} by name"

  policy_document = jsonencode({
    Version = "1"
    Statement = [
      {
        Effect = "Allow"
        Action = ["kms:GetSecretValue"]
        Resource = [
          "acs:kms:cn-beijing:${data.alicloud_account.this.id}:secret/deepseek-r1-api-key",
        ]
      },
      {
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = ["acs:kms:cn-beijing:${data.alicloud_account.this.id}:key/*"]
      },
    ]
  })
}

resource "alicloud_ram_role_policy_attachment" "secrets" {
  role_name   = alicloud_ram_role.secrets.role_name
  policy_name = alicloud_ram_policy.secrets.policy_name
  policy_type = "Custom"
}
