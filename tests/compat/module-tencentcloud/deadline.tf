# Written by planner 0.1.0 emit-tf from quote dfd61e57b961; write it again rather than edit it.
# The end: Tencent Cloud itself terminates the instances at the deadline, whatever the guest does.

resource "tencentcloud_cvm_action_timer" "deadline" {
  instance_id = tencentcloud_instance.this.id

  action_timer {
    timer_action = "TerminateInstances"
    action_time  = var.deadline
  }
}
