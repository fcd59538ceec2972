# Written by planner 0.1.0 emit-tf from quote 7ab973a277d2; write it again rather than edit it.
# Warns, and stops nothing.

# The whole account's cost, by the month; who is told is set in the console (Billing Center, Budgets).
resource "tencentcloud_billing_budget" "this" {
  budget_name  = local.name
  budget_quota = "9985.68"
  bill_type    = "BILL"
  fee_type     = "REAL_COST"
  plan_type    = "FIX"
  cycle_type   = "MONTH"
  period_begin = "2026-11"
  period_end   = "2026-12"

  warn_json {
    warn_type       = "ACTUAL"
    cal_type        = "PERCENTAGE"
    threshold_value = "80"
  }

  warn_json {
    warn_type       = "FORECAST"
    cal_type        = "PERCENTAGE"
    threshold_value = "100"
  }
}
