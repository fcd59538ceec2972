# Written by planner 0.1.0 emit-k8s from quote 1308d89216fc; write it again rather than edit it.

output "cluster" {
  description = "Id of the cluster."
  value       = tencentcloud_kubernetes_cluster.this.id
}

output "kubeconfig" {
  description = "Writes the file kubeconfig, with the private address; run it from inside the network."
  value       = "umask 077; tccli tke DescribeClusterKubeconfig --region ap-guangzhou --ClusterId ${tencentcloud_kubernetes_cluster.this.id} --IsExtranet false | python3 -c 'import json, sys; print(json.load(sys.stdin)[\"Kubeconfig\"])' > kubeconfig"
}

output "lb_subnet" {
  description = "For --lb-subnet of emit-k8s: where a private load balancer may stand."
  value       = tencentcloud_subnet.this["first"].id
}

output "gpu_nodes" {
  description = "The most GPU nodes that the pool may have, as quoted."
  value       = local.nodes
}
