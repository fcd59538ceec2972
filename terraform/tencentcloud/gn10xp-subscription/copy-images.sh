#!/usr/bin/env bash
# Written by planner 0.1.0 emit-tf from quote 94de5cb4249c; write it again rather than edit it.
# Copies the images into a registry that ap-guangzhou reaches, and says so to Terraform (images.auto.tfvars). Run it where both answer:
#   crane auth login HOST -u USER && bash copy-images.sh HOST/NAMESPACE
set -euo pipefail
to=${1:?usage: bash copy-images.sh HOST/NAMESPACE}
said=$(dirname "$0")/images.auto.tfvars
crane copy docker.io/openmmlab/lmdeploy:v0.17.0-cu12.8 "$to/"lmdeploy:v0.17.0-cu12.8
crane copy docker.io/library/caddy:2.10.2@sha256:c3d7ee5d2b11f9dc54f947f68a734c84e9c9666c92c88a7f30b9cba5da182adb "$to/"caddy:2.10.2
crane copy docker.io/prom/prometheus:v3.5.0@sha256:63805ebb8d2b3920190daf1cb14a60871b16fd38bed42b857a3182bc621f4996 "$to/"prometheus:v3.5.0
crane copy docker.io/grafana/grafana:12.2.0@sha256:74144189b38447facf737dfd0f3906e42e0776212bf575dc3334c3609183adf7 "$to/"grafana:12.2.0
crane copy docker.io/nvidia/dcgm-exporter:4.6.1-4.8.4-distroless@sha256:148b0c025e5f2850256816fa33754fbf4733b7a086697a95613fc0ba3db5b003 "$to/"dcgm-exporter:4.6.1-4.8.4-distroless
crane copy docker.io/prom/node-exporter:v1.9.1@sha256:d00a542e409ee618a4edc67da14dd48c5da66726bbd5537ab2af9c1dfc442c8a "$to/"node-exporter:v1.9.1
{
  echo "registry = \"$to\""
  # No digest of these was known when the module was written.
  echo 'images = {'
  echo "  engine = \"lmdeploy:v0.17.0-cu12.8@$(crane digest "$to/"lmdeploy:v0.17.0-cu12.8)\""
  echo '}'
} > "$said.part"
mv "$said.part" "$said"
echo "$said names the registry now: terraform reads it beside terraform.tfvars"
