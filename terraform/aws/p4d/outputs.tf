# Written by planner 0.1.0 emit-tf from quote db8a2f033767; write it again rather than edit it.

output "api_url" {
  description = "Base URL of the OpenAI-compatible API, as the clients in client_cidr see it."
  value       = "https://10.20.0.10:8443/v1"
}

output "deadline" {
  description = "When the instances are released, UTC."
  value       = var.deadline
}

output "quoted_cost" {
  description = "What quote db8a2f033767 says for 720 hours; README.md has the rows."
  value       = "15,869.70 USD"
}

output "servers" {
  description = "What roll.sh brings to each instance."
  value       = { "0" = { id = aws_instance.this.id, data = local.user_data } }
  sensitive   = true # it holds no secret, but is long
}

output "log_in" {
  description = "Shell on an instance through Session Manager; no key and no open port."
  value       = "aws ssm start-session --region us-east-1 --target ${aws_instance.this.id}"
}

output "forward" {
  description = "Brings a port of the instance to this computer: 8443 API, 3000 Grafana, 9090 Prometheus."
  value       = "aws ssm start-session --region us-east-1 --target ${aws_instance.this.id} --document-name AWS-StartPortForwardingSession --parameters portNumber=8443,localPortNumber=8443"
}
