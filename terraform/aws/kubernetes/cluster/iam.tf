# Written by planner 0.1.0 emit-k8s from quote 60ab75ca378a; write it again rather than edit it.
# What the control plane, the nodes and the one pod that reads secrets may do.

resource "aws_iam_role" "cluster" {
  name_prefix = "${local.name}-"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "eks.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "cluster" {
  role       = aws_iam_role.cluster.name
  policy_arn = "${local.arn}:iam::aws:policy/AmazonEKSClusterPolicy"
}

resource "aws_iam_role" "node" {
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

resource "aws_iam_role_policy_attachment" "node" {
  for_each = toset(["AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryPullOnly"])

  role       = aws_iam_role.node.name
  policy_arn = "${local.arn}:iam::aws:policy/${each.key}"
}

# The way to the API from outside the network: a session through a node, by Systems Manager, which needs no open port.
resource "aws_iam_role_policy" "session" {
  #checkov:skip=CKV_AWS_355:the calls of an agent for itself name no resource
  #checkov:skip=CKV_AWS_290:as before; who may open a session is decided by the users' own rights
  name = "sessions"
  role = aws_iam_role.node.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect = "Allow"
      Action = [
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
      ]
      Resource = "*"
    }]
  })
}

# External Secrets reads the named parameters, by EKS Pod Identity.
resource "aws_iam_role" "secrets" {
  name_prefix        = "${local.name}-"
  assume_role_policy = local.pod_identity
}

resource "aws_iam_role_policy" "secrets" {
  name = "read-secrets-by-name"
  role = aws_iam_role.secrets.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect = "Allow"
      Action = "ssm:GetParameter"
      Resource = [
        "${local.arn}:ssm:us-east-1:${local.account}:parameter/deepseek-r1/api-key",
      ]
    }]
  })
}

resource "aws_eks_pod_identity_association" "secrets" {
  cluster_name    = aws_eks_cluster.this.name
  namespace       = "external-secrets"
  service_account = "external-secrets"
  role_arn        = aws_iam_role.secrets.arn
}
