# Written by planner 0.1.0 emit-k8s from quote 81ca0360c453; write it again rather than edit it.

output "cluster" {
  description = "Id of the cluster."
  value       = alicloud_cs_managed_kubernetes.this.id
}

output "kubeconfig" {
  description = "Writes the file kubeconfig, with the private address, good for an hour; run it from inside the network."
  value       = "umask 077; aliyun cs GET /k8s/${alicloud_cs_managed_kubernetes.this.id}/user_config --PrivateIpAddress true --TemporaryDurationMinutes 60 | python3 -c 'import json, sys; print(json.load(sys.stdin)[\"config\"])' > kubeconfig"
}

output "secrets_role" {
  description = "For addons/install.sh: the role that ack-secret-manager takes on."
  value       = alicloud_ram_role.secrets.arn
}

output "oidc_provider" {
  description = "For addons/install.sh: what vouches for the cluster's service accounts."
  value       = local.rrsa.ram_oidc_provider_arn
}

output "gpu_nodes" {
  description = "The most GPU nodes that the pool may have, as quoted."
  value       = local.nodes
}
