# Written by planner 0.1.0 emit-tf from quote 8cafc6cd10b7; write it again rather than edit it.
# What the instances may do: read their secrets by name, and be logged in to through Session Manager. Nothing else.

data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

locals {
  parameters = "arn:${data.aws_partition.current.partition}:ssm:us-east-1:${data.aws_caller_identity.current.account_id}:parameter"
}

resource "aws_iam_role" "instance" {
  name_prefix = "${local.name}-"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.${data.aws_partition.current.dns_suffix}" }
    }]
  })
}

resource "aws_iam_role_policy" "instance" {
  #checkov:skip=CKV_AWS_290:Session Manager's channels cannot be limited to a resource
  #checkov:skip=CKV_AWS_355:Session Manager's channels cannot be limited to a resource
  name = "boot-and-log-in"
  role = aws_iam_role.instance.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "ReadSecretsByName"
        Effect = "Allow"
        Action = "ssm:GetParameter"
        Resource = [
          "${local.parameters}/${trimprefix(var.api_key_secret, "/")}",
        ]
      },
      {
        Sid    = "SessionManager"
        Effect = "Allow"
        Action = [
          "ssm:UpdateInstanceInformation",
          "ssmmessages:CreateControlChannel",
          "ssmmessages:CreateDataChannel",
          "ssmmessages:OpenControlChannel",
          "ssmmessages:OpenDataChannel",
        ]
        Resource = "*"
      },
    ]
  })
}

resource "aws_iam_instance_profile" "this" {
  name_prefix = "${local.name}-"
  role        = aws_iam_role.instance.name
}
