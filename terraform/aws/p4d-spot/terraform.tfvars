# Written by planner 0.1.0 emit-tf from quote 61951d8350f0; write it again rather than edit it.
deadline = "2026-12-24T00:00:00Z" # 720 hours after this file was written

images = {
  engine        = "docker.io/vllm/vllm-openai:v0.31.0@sha256:c1c9f6fd5c109ba7f0546a59f5b2f15fb87f64c77782e90a27b648b42a8e67c3"                    # docker.io/vllm/vllm-openai:v0.31.0
  proxy         = "docker.io/library/caddy:2.10.2@sha256:c3d7ee5d2b11f9dc54f947f68a734c84e9c9666c92c88a7f30b9cba5da182adb"                        # docker.io/library/caddy:2.10.2
  prometheus    = "docker.io/prom/prometheus:v3.5.0@sha256:63805ebb8d2b3920190daf1cb14a60871b16fd38bed42b857a3182bc621f4996"                      # docker.io/prom/prometheus:v3.5.0
  grafana       = "docker.io/grafana/grafana:12.2.0@sha256:74144189b38447facf737dfd0f3906e42e0776212bf575dc3334c3609183adf7"                      # docker.io/grafana/grafana:12.2.0
  dcgm_exporter = "docker.io/nvidia/dcgm-exporter:4.6.1-4.8.4-distroless@sha256:148b0c025e5f2850256816fa33754fbf4733b7a086697a95613fc0ba3db5b003" # docker.io/nvidia/dcgm-exporter:4.6.1-4.8.4-distroless
  node_exporter = "docker.io/prom/node-exporter:v1.9.1@sha256:d00a542e409ee618a4edc67da14dd48c5da66726bbd5537ab2af9c1dfc442c8a"                   # docker.io/prom/node-exporter:v1.9.1
}
