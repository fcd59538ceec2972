# Written by planner 0.1.0 emit-tf from quote 7ab973a277d2; write it again rather than edit it.
# The end: Tencent Cloud itself terminates the instances at the deadline, whatever the guest does.

# Where there were several before, the first stays.
moved {
  from = tencentcloud_cvm_action_timer.deadline["0"]
  to   = tencentcloud_cvm_action_timer.deadline
}

resource "tencentcloud_cvm_action_timer" "deadline" {
  instance_id = tencentcloud_instance.this.id

  action_timer {
    timer_action = "TerminateInstances"
    action_time  = var.deadline
  }

  lifecycle {
    create_before_destroy = true # a timer cannot be moved: the new one stands before the old one goes
  }
}
