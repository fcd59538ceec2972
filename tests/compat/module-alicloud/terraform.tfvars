# Written by planner 0.1.0 emit-tf from quote 3e10a9b32c10; write it again rather than edit it.
deadline    = "2027-01-31T18:00:00Z" # 720 hours after this file was written
client_cidr = "10.1.0.0/16"

# Pin what you have tried: fill in the digests (`crane digest NAME:TAG`) and remove the marks.
# Copy them first (`crane copy`) to a registry in cn-beijing; mainland China cannot rely on these hosts.
# images = {
#   engine = "...@sha256:..." # egs-registry.cn-hangzhou.cr.aliyuncs.com/egs/vllm:0.11.0-pytorch2.8-cu128-20251015
#   proxy = "...@sha256:..." # docker.io/library/caddy:2.10.2
#   prometheus = "...@sha256:..." # docker.io/prom/prometheus:v3.5.0
#   grafana = "...@sha256:..." # docker.io/grafana/grafana:12.2.0
#   dcgm_exporter = "...@sha256:..." # docker.io/nvidia/dcgm-exporter:4.6.1-4.8.4-distroless
#   node_exporter = "...@sha256:..." # docker.io/prom/node-exporter:v1.9.1
# }
