# Written by planner 0.1.0 emit-tf from quote 7ab973a277d2; write it again rather than edit it.

output "api_url" {
  description = "Base URL of the OpenAI-compatible API, as the clients in client_cidr see it."
  value       = "https://10.20.0.10:8443/v1"
}

output "deadline" {
  description = "When the instances are released, UTC."
  value       = var.deadline
}

output "quoted_cost" {
  description = "What quote 7ab973a277d2 says for 720 hours; README.md has the rows."
  value       = "9,985.68 USD"
}

output "servers" {
  description = "What roll.sh brings to each instance."
  value       = { "0" = { id = tencentcloud_instance.this.id, data = local.user_data } }
  sensitive   = true # it holds no secret, but is long
}

output "log_in" {
  description = "Instances to open in the console with Log In, OrcaTerm, password-free (by the TAT agent): no key and no open port."
  value       = tencentcloud_instance.this.id
}

output "run" {
  description = "Runs acceptance.sh on the instance through Automation Tools; nothing needs an open port."
  value       = "tccli tat RunCommand --region ap-guangzhou --InstanceIds '[\"${tencentcloud_instance.this.id}\"]' --Timeout 3600 --Content \"$(base64 -w0 acceptance.sh)\""
}
