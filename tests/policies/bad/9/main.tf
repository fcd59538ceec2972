# Breaks CKV2_PLANNER_9 and nothing else of ours.
resource "tencentcloud_instance" "this" {
  instance_type              = "GN10Xp.20XLARGE320"
  system_disk_encrypt        = true
  internet_max_bandwidth_out = 0
  instance_charge_type       = "POSTPAID_BY_HOUR"
}
