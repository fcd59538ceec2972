# Breaks CKV2_PLANNER_5 and nothing else of ours.
resource "alicloud_instance" "this" {
  instance_type              = "ecs.gn7i-c16g1.4xlarge"
  http_tokens                = "required"
  system_disk_encrypted      = true
  internet_max_bandwidth_out = 0
  instance_charge_type       = "PostPaid"
}
