# Written by planner 0.1.0 emit-tf from quote db8a2f033767; write it again rather than edit it.
# Warns by e-mail where alert_email is set; hours late, and stops nothing.

resource "aws_budgets_budget" "this" {
  name         = local.name
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = "15869.7" # the quote, by the month
  limit_unit   = "USD"

  # The whole account's machines, disks, gateways, addresses and metrics: a filter by tag would stay silent until that tag is activated for billing.
  cost_filter {
    name   = "Service"
    values = ["Amazon Elastic Compute Cloud - Compute", "EC2 - Other", "Amazon Virtual Private Cloud", "AmazonCloudWatch"]
  }

  # Budgets takes no notification without a reader: none where alert_email is null.
  dynamic "notification" {
    for_each = var.alert_email == null ? {} : { ACTUAL = 80, FORECASTED = 100 }

    content {
      comparison_operator        = "GREATER_THAN"
      threshold                  = notification.value
      threshold_type             = "PERCENTAGE"
      notification_type          = notification.key
      subscriber_email_addresses = [var.alert_email]
    }
  }
}
