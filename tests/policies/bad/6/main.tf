# Breaks CKV2_PLANNER_6 and nothing else of ours.
resource "tencentcloud_instance" "this" {
  instance_type              = "GN10Xp.20XLARGE320"
  system_disk_encrypt        = false
  internet_max_bandwidth_out = 0
  instance_charge_type       = "POSTPAID_BY_HOUR"
}

resource "tencentcloud_cvm_action_timer" "this" {
  instance_id = tencentcloud_instance.this.id

  action_timer {
    timer_action = "TerminateInstances"
    action_time  = "2026-12-23T00:00:00Z"
  }
}
