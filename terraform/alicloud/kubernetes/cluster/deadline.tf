# Written by planner 0.1.0 emit-k8s from quote 81ca0360c453; write it again rather than edit it.
# The end: Alibaba Cloud itself takes the GPU pool to 0 nodes at the deadline, and lets none come after it. The cluster and its CPU
# nodes stay until `terraform destroy`.

resource "alicloud_ess_scheduled_task" "deadline" {
  scheduled_task_name = "${local.name}-deadline"
  description         = "Takes the GPU pool of ${local.name} to 0 nodes"
  scaling_group_id    = alicloud_cs_kubernetes_node_pool.gpu.scaling_group_id
  launch_time         = formatdate("YYYY-MM-DD'T'hh:mm'Z'", var.deadline)
  min_value           = 0
  max_value           = 0
  desired_capacity    = 0
}
