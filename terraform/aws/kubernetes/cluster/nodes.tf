# Written by planner 0.1.0 emit-k8s from quote 60ab75ca378a; write it again rather than edit it.
# The GPU pool, at most as large as the quote, and two CPU nodes beside it. AL2023 brings the driver; nothing else may install one.

# Low latency between the stages of a pipeline.
resource "aws_placement_group" "this" {
  name     = local.name
  strategy = "cluster"
}

# EFA goes past addresses: a rule must name the group itself, both ways. The cluster's own group comes beside it.
resource "aws_security_group" "fabric" {
  #checkov:skip=CKV2_AWS_5:the launch template names it
  name        = "${local.name}-fabric"
  description = "Between the GPU nodes of a group"
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${local.name}-fabric" }
}

resource "aws_vpc_security_group_ingress_rule" "fabric" {
  security_group_id            = aws_security_group.fabric.id
  description                  = "Between the GPU nodes"
  referenced_security_group_id = aws_security_group.fabric.id
  ip_protocol                  = "-1"
}

resource "aws_vpc_security_group_egress_rule" "fabric" {
  security_group_id            = aws_security_group.fabric.id
  description                  = "Between the GPU nodes"
  referenced_security_group_id = aws_security_group.fabric.id
  ip_protocol                  = "-1"
}

resource "aws_launch_template" "gpu" {
  name_prefix            = "${local.name}-gpu-"
  update_default_version = true
  instance_type          = local.instance_type

  # All local disks as one, where images and weights lie. It is empty after a stop.
  user_data = base64encode(<<-EOT
    MIME-Version: 1.0
    Content-Type: multipart/mixed; boundary="//"

    --//
    Content-Type: application/node.eks.aws

    apiVersion: node.eks.aws/v1alpha1
    kind: NodeConfig
    spec:
      instance:
        localStorage:
          strategy: RAID0

    --//--
  EOT
  )

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type           = "gp3"
      volume_size           = 200
      encrypted             = true
      delete_on_termination = true
    }
  }

  # One interface a network card; they cost nothing, and are set when an instance starts.
  network_interfaces {
    network_card_index    = 0
    device_index          = 0
    security_groups       = [aws_eks_cluster.this.vpc_config[0].cluster_security_group_id, aws_security_group.fabric.id]
    delete_on_termination = true
  }

  network_interfaces {
    network_card_index    = 0
    device_index          = 1
    interface_type        = "efa-only" # needs no address
    security_groups       = [aws_eks_cluster.this.vpc_config[0].cluster_security_group_id, aws_security_group.fabric.id]
    delete_on_termination = true
  }

  network_interfaces {
    network_card_index    = 1
    device_index          = 0
    interface_type        = "efa-only" # needs no address
    security_groups       = [aws_eks_cluster.this.vpc_config[0].cluster_security_group_id, aws_security_group.fabric.id]
    delete_on_termination = true
  }

  network_interfaces {
    network_card_index    = 2
    device_index          = 0
    interface_type        = "efa-only" # needs no address
    security_groups       = [aws_eks_cluster.this.vpc_config[0].cluster_security_group_id, aws_security_group.fabric.id]
    delete_on_termination = true
  }

  network_interfaces {
    network_card_index    = 3
    device_index          = 0
    interface_type        = "efa-only" # needs no address
    security_groups       = [aws_eks_cluster.this.vpc_config[0].cluster_security_group_id, aws_security_group.fabric.id]
    delete_on_termination = true
  }

  placement {
    group_name = aws_placement_group.this.name
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1 # pods do not reach the node's role
  }

  tag_specifications {
    resource_type = "instance"
    tags          = merge(local.tags, { Name = "${local.name}-gpu" })
  }

  tag_specifications {
    resource_type = "volume"
    tags          = local.tags
  }
}

resource "aws_eks_node_group" "gpu" {
  cluster_name    = aws_eks_cluster.this.name
  node_group_name = "gpu"
  node_role_arn   = aws_iam_role.node.arn
  subnet_ids      = [aws_subnet.this["first"].id]
  ami_type        = "AL2023_x86_64_NVIDIA"
  capacity_type   = "ON_DEMAND"

  launch_template {
    id      = aws_launch_template.gpu.id
    version = aws_launch_template.gpu.latest_version
  }

  labels = {
    planner-pool = local.name
  }

  taint {
    key    = "nvidia.com/gpu"
    value  = "present"
    effect = "NO_SCHEDULE"
  }

  scaling_config {
    min_size     = 0
    max_size     = local.nodes
    desired_size = local.nodes
  }

  update_config {
    max_unavailable = 1
  }

  # Replaces a node whose GPU has failed.
  node_repair_config {
    enabled = true
  }

  lifecycle {
    ignore_changes = [scaling_config[0].desired_size] # the deadline's, and an autoscaler's
  }

  depends_on = [aws_iam_role_policy_attachment.node, aws_eks_addon.vpc_cni, aws_eks_addon.this]
}

resource "aws_launch_template" "cpu" {
  name_prefix            = "${local.name}-cpu-"
  update_default_version = true
  instance_type          = var.cpu_instance_type

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type           = "gp3"
      volume_size           = 100
      encrypted             = true
      delete_on_termination = true
    }
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  tag_specifications {
    resource_type = "instance"
    tags          = merge(local.tags, { Name = "${local.name}-cpu" })
  }
}

resource "aws_eks_node_group" "cpu" {
  cluster_name    = aws_eks_cluster.this.name
  node_group_name = "cpu"
  node_role_arn   = aws_iam_role.node.arn
  subnet_ids      = [aws_subnet.this["first"].id, aws_subnet.this["second"].id]
  ami_type        = "AL2023_x86_64_STANDARD"

  launch_template {
    id      = aws_launch_template.cpu.id
    version = aws_launch_template.cpu.latest_version
  }

  scaling_config {
    min_size     = 2
    max_size     = 2
    desired_size = 2
  }

  update_config {
    max_unavailable = 1
  }

  depends_on = [aws_iam_role_policy_attachment.node, aws_eks_addon.vpc_cni, aws_eks_addon.this]
}
