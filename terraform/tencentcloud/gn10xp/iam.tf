# Written by planner 0.1.0 emit-tf from quote 7ab973a277d2; write it again rather than edit it.
# What the instances may do: read their secrets by name, and their tags. Nothing else.

data "tencentcloud_user_info" "this" {}

locals {
  secrets = "qcs::ssm:ap-guangzhou:uin/${data.tencentcloud_user_info.this.owner_uin}:secret/creatorUin/*"
}

resource "tencentcloud_cam_role" "this" {
  name        = local.name
  description = "Instances of ${local.name}"

  document = jsonencode({
    version = "2.0"
    statement = [{
      effect    = "allow"
      action    = ["name/sts:AssumeRole"]
      principal = { service = ["cvm.qcloud.com"] }
    }]
  })
}

resource "tencentcloud_cam_policy" "this" {
  name        = local.name
  description = "Reads the secrets of ${local.name} by name, and the tags of instances"

  document = jsonencode({
    version = "2.0"
    statement = [
      {
        effect = "allow"
        action = ["name/ssm:GetSecretValue"]
        resource = [
          "${local.secrets}/${var.api_key_secret}",
        ]
      },
      {
        effect   = "allow"
        action   = ["name/cvm:DescribeInstances"] # their own tags
        resource = ["qcs::cvm:ap-guangzhou:uin/${data.tencentcloud_user_info.this.owner_uin}:instance/*"]
      },
    ]
  })
}

resource "tencentcloud_cam_role_policy_attachment" "this" {
  role_id   = tencentcloud_cam_role.this.id
  policy_id = tencentcloud_cam_policy.this.id
}
