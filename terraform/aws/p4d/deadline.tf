# Written by planner 0.1.0 emit-tf from quote db8a2f033767; write it again rather than edit it.
# The end: AWS itself terminates the instances at the deadline, whatever the guest does.

# Where there were several before, the first stays.
moved {
  from = aws_scheduler_schedule.deadline["0"]
  to   = aws_scheduler_schedule.deadline
}

resource "aws_scheduler_schedule" "deadline" {
  #checkov:skip=CKV_AWS_297:the schedule holds instance ids, nothing secret
  name                         = "${local.name}-deadline"
  description                  = "Terminates ${local.name} at the deadline"
  schedule_expression          = "at(${trimsuffix(var.deadline, "Z")})"
  schedule_expression_timezone = "UTC"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "arn:${data.aws_partition.current.partition}:scheduler:::aws-sdk:ec2:terminateInstances"
    role_arn = aws_iam_role.deadline.arn
    input    = jsonencode({ InstanceIds = [aws_instance.this.id] })

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
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "deadline" {
  name = "terminate"
  role = aws_iam_role.deadline.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "ec2:TerminateInstances"
      Resource = aws_instance.this.arn
    }]
  })
}
