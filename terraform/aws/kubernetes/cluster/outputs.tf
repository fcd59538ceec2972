# Written by planner 0.1.0 emit-k8s from quote 60ab75ca378a; write it again rather than edit it.

output "cluster" {
  description = "Name of the cluster."
  value       = aws_eks_cluster.this.name
}

output "kubeconfig" {
  description = "Writes the cluster into your kubeconfig; run it from inside the network."
  value       = "aws eks update-kubeconfig --region us-east-1 --name ${aws_eks_cluster.this.name}"
}

output "tunnel" {
  description = "Carries the private API to port 8443 of your machine, through a CPU node; keep it running: sh -c \"$(terraform output -raw tunnel)\" &"
  value = join("\n", [
    "node=$(aws ec2 describe-instances --region us-east-1 --filters Name=tag:eks:cluster-name,Values=${aws_eks_cluster.this.name} Name=tag:eks:nodegroup-name,Values=cpu Name=instance-state-name,Values=running --query 'Reservations[0].Instances[0].InstanceId' --output text)",
    "kubectl config set-cluster ${aws_eks_cluster.this.arn} --server https://127.0.0.1:8443 --tls-server-name ${trimprefix(aws_eks_cluster.this.endpoint, "https://")}",
    "aws ssm start-session --region us-east-1 --target $node --document-name AWS-StartPortForwardingSessionToRemoteHost --parameters host=${trimprefix(aws_eks_cluster.this.endpoint, "https://")},portNumber=443,localPortNumber=8443",
  ])
}

output "gpu_nodes" {
  description = "The most GPU nodes that the pool may have, as quoted."
  value       = aws_eks_node_group.gpu.scaling_config[0].max_size
}
