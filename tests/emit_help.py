"""A quote and a stand-in bootstrap for tests of the Terraform side."""

from __future__ import annotations

from datetime import UTC, datetime

from planner.terraform.deployment import Image, Stack

NOW = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)

ROLES = ("engine", "proxy", "prometheus", "grafana", "dcgm_exporter", "node_exporter")
STACK = Stack(
    "vllm", "0.33.0", "580.95.05", "580", "bfloat16", "",
    tuple(Image(r, f"docker.io/example/{r}:v1.0", "", "test", "2026-11-23") for r in ROLES), ("A note of the stack.",),
)  # fmt: skip
PINS = {r: f"registry.example.com/{r}@sha256:{i:064x}" for i, r in enumerate(ROLES, 1)}
BOOTSTRAP = {
    "cloud-init.yaml.tftpl": """#cloud-config
write_files:
  - path: /etc/planner/module.env
    permissions: "0600"
    encoding: b64
    content: ${module_env}
  - path: /var/lib/planner/bundle.json
    permissions: "0600"
    encoding: gz+b64
    content: ${bundle}
""",
    "files/bootstrap.sh": "#!/bin/sh\nexec true\n",
}
