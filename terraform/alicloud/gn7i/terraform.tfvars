# Written by planner 0.1.0 emit-tf from quote 37525268a2c0; write it again rather than edit it.
deadline = "2026-12-24T00:00:00Z" # 720 hours after this file was written

# Pin what you have tried: fill in the digests (`crane digest NAME:TAG`) and remove the marks.
# Copy them first (`crane copy`) to a registry in cn-beijing; mainland China cannot rely on these hosts.
# images = {
#   engine = "...@sha256:..." # docker.io/vllm/vllm-openai:v0.29.0-cu129
#   proxy = "...@sha256:..." # docker.io/library/caddy:2.10.2
#   prometheus = "...@sha256:..." # docker.io/prom/prometheus:v3.5.0
#   grafana = "...@sha256:..." # docker.io/grafana/grafana:12.2.0
#   dcgm_exporter = "...@sha256:..." # docker.io/nvidia/dcgm-exporter:4.6.1-4.8.4-distroless
#   node_exporter = "...@sha256:..." # docker.io/prom/node-exporter:v1.9.1
# }
