# Written by planner 0.1.0 emit-tf from quote 37525268a2c0; write it again rather than edit it.
# What the instances may do: read their secrets by name, and their tags. Nothing else.

data "alicloud_account" "this" {}

locals {
  secrets = "acs:kms:cn-beijing:${data.alicloud_account.this.id}:secret"
}

resource "alicloud_ram_role" "this" {
  role_name   = local.name
  description = "Instances of ${local.name}"

  assume_role_policy_document = jsonencode({
    Version = "1"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = ["ecs.aliyuncs.com"] }
    }]
  })
}

resource "alicloud_ram_policy" "this" {
  policy_name = local.name
  description = "Reads the secrets of ${local.name} by name, and the tags of instances"

  policy_document = jsonencode({
    Version = "1"
    Statement = [
      {
        Effect = "Allow"
        Action = ["kms:GetSecretValue"]
        Resource = [
          "${local.secrets}/${var.api_key_secret}",
        ]
      },
      {
        Effect   = "Allow"
        Action   = ["ecs:DescribeInstances"] # their own tags
        Resource = ["acs:ecs:cn-beijing:${data.alicloud_account.this.id}:instance/*"]
      },
    ]
  })
}

resource "alicloud_ram_role_policy_attachment" "this" {
  role_name   = alicloud_ram_role.this.role_name
  policy_name = alicloud_ram_policy.this.policy_name
  policy_type = "Custom"
}

# Where there were several before, the first stays.
moved {
  from = alicloud_ecs_ram_role_attachment.this["0"]
  to   = alicloud_ecs_ram_role_attachment.this
}

resource "alicloud_ecs_ram_role_attachment" "this" {
  instance_id   = alicloud_instance.this.id
  ram_role_name = alicloud_ram_role.this.role_name

  depends_on = [alicloud_ram_role_policy_attachment.this]
}
