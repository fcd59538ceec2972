# Written by planner 0.1.0 emit-k8s from quote 60ab75ca378a; write it again rather than edit it.

output "cluster" {
  description = "Name of the cluster."
  value       = aws_eks_cluster.this.name
}

output "kubeconfig" {
  description = "Writes the cluster into your kubeconfig; run it from inside the network."
  value       = "aws eks update-kubeconfig --region us-east-1 --name ${aws_eks_cluster.this.name}"
}

output "gpu_nodes" {
  description = "The most GPU nodes that the pool may have, as quoted."
  value       = aws_eks_node_group.gpu.scaling_config[0].max_size
}
