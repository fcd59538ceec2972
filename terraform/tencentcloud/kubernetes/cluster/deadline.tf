# Written by planner 0.1.0 emit-k8s from quote 1308d89216fc; write it again rather than edit it.
# The end: Tencent Cloud itself takes the GPU pool to 0 nodes at the deadline, and lets none come after it. The cluster and its CPU
# nodes stay until `terraform destroy`.

resource "tencentcloud_as_schedule" "deadline" {
  schedule_action_name = "${local.name}-deadline"
  scaling_group_id     = tencentcloud_kubernetes_node_pool.gpu.auto_scaling_group_id
  start_time           = "${trimsuffix(var.deadline, "Z")}+00:00"
  min_size             = 0
  max_size             = 0
  desired_capacity     = 0
}
