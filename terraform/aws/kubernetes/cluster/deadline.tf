# Written by planner 0.1.0 emit-k8s from quote 60ab75ca378a; write it again rather than edit it.
# The end: AWS itself takes the GPU pool to 0 nodes at the deadline. The cluster and its CPU nodes stay until `terraform destroy`.

resource "aws_scheduler_schedule" "deadline" {
  #checkov:skip=CKV_AWS_297:the schedule holds names, nothing secret
  name                         = "${local.name}-deadline"
  description                  = "Takes the GPU pool of ${local.name} to 0 nodes at the deadline"
  schedule_expression          = "at(${trimsuffix(var.deadline, "Z")})"
  schedule_expression_timezone = "UTC"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "${local.arn}:scheduler:::aws-sdk:eks:updateNodegroupConfig"
    role_arn = aws_iam_role.deadline.arn

    input = jsonencode({
      ClusterName   = aws_eks_cluster.this.name
      NodegroupName = aws_eks_node_group.gpu.node_group_name
      ScalingConfig = { MinSize = 0, MaxSize = 1, DesiredSize = 0 } # less than 1 is not taken
      # No pod of ours tolerates it, so that no autoscaler makes that one node again.
      Taints = { AddOrUpdateTaints = [{ Key = "planner-ended", Value = "true", Effect = "NO_SCHEDULE" }] }
    })

    retry_policy {
      maximum_retry_attempts       = 185
      maximum_event_age_in_seconds = 86400
    }
  }
}

resource "aws_iam_role" "deadline" {
  name_prefix = "${local.name}-end-" # at most 38 characters

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "deadline" {
  name = "take-to-zero"
  role = aws_iam_role.deadline.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "eks:UpdateNodegroupConfig"
      Resource = aws_eks_node_group.gpu.arn
    }]
  })
}
