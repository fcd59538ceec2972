# Breaks CKV2_PLANNER_3 and nothing else of ours.
resource "alicloud_instance" "this" {
  instance_type              = "ecs.gn7i-c16g1.4xlarge"
  http_tokens                = "required"
  system_disk_encrypted      = true
  internet_max_bandwidth_out = 0
  auto_release_time          = "2026-12-23T00:00:00Z"
  instance_charge_type       = "PostPaid"
  password                   = "hunter2!A"
}
