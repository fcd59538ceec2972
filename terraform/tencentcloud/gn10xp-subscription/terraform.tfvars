# Written by planner 0.1.0 emit-tf from quote 94de5cb4249c; write it again rather than edit it.

# Pin what you have tried: fill in the digests (`crane digest NAME:TAG`) and remove the marks.
# Copy them first (`crane copy`) to a registry in ap-guangzhou; mainland China cannot rely on these hosts.
# images = {
#   engine = "...@sha256:..." # docker.io/openmmlab/lmdeploy:v0.17.0-cu12.8
#   proxy = "...@sha256:..." # docker.io/library/caddy:2.10.2
#   prometheus = "...@sha256:..." # docker.io/prom/prometheus:v3.5.0
#   grafana = "...@sha256:..." # docker.io/grafana/grafana:12.2.0
#   dcgm_exporter = "...@sha256:..." # docker.io/nvidia/dcgm-exporter:4.6.1-4.8.4-distroless
#   node_exporter = "...@sha256:..." # docker.io/prom/node-exporter:v1.9.1
# }
