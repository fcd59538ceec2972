# Written by planner 0.1.0 emit-tf from quote 37525268a2c0; write it again rather than edit it.

output "api_url" {
  description = "Base URL of the OpenAI-compatible API, as the clients in client_cidr see it."
  value       = "https://10.20.0.10:8443/v1"
}

output "deadline" {
  description = "When the instances are released, UTC."
  value       = var.deadline
}

output "quoted_cost" {
  description = "What quote 37525268a2c0 says for 720 hours; README.md has the rows."
  value       = "7,450.75 CNY"
}

output "servers" {
  description = "What roll.sh brings to each instance."
  value       = { "0" = { id = alicloud_instance.this.id, data = local.user_data } }
  sensitive   = true # it holds no secret, but is long
}

output "log_in" {
  description = "Opens a shell on an instance through Session Manager; no key and no open port. README.md says how to switch it on."
  value       = "ali-instance-cli session --instance ${alicloud_instance.this.id}"
}

output "forward" {
  description = "Brings a port of the instance to this computer: 8443 API, 3000 Grafana, 9090 Prometheus."
  value       = "ali-instance-cli portforward --instance ${alicloud_instance.this.id} --local-port 8443 --remote-port 8443"
}
