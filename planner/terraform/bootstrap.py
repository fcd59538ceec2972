"""The start-up half of a module: cloud-init and everything below `files/`, checked for size and secrets."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
import zlib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from planner.sizing import advisories, engines, gpus
from planner import templating
from planner.errors import MisuseError, PlannerError
from planner.terraform import cloud, monitoring
from planner.terraform import stack as stacks
from planner.terraform.cloud import Cloud
from planner.terraform.deployment import MODULE_ENV, Deployment

__all__ = ["engine_command", "find_secrets", "hub_id", "in_place", "model_path", "module_env", "render", "user_data_size"]

#: Templates that every module has, by the path they get below files/. None depends on how many instances there are:
#: another one must not change the user-data of those that serve.
_COMMON = (
    "bootstrap.sh", "model.py", "compose.yaml", "Caddyfile", "prometheus.yml", "rules.yml", "dcgm.csv", "acceptance.sh",
    "stress.sh", "grafana/datasource.yml", "grafana/dashboards.yml", "units/planner-bootstrap.service",
    "units/planner-watch.service", "units/planner-watch.timer", "units/planner-iperf3.service",
)
#: What comes when it is asked for (--stress).
_STRESS = ("units/planner-stress.service", "units/planner-stress.timer")
#: What a spot instance has beside that.
_SPOT = ("units/planner-spot.service", "units/planner-spot.timer")
_STATIC = ("alerts.py", "peers.py", ".csv", ".service", "watch.timer", "spot.timer", "stress.sh", "datasource.yml", "dashboards.yml")

_HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}\Z")
_SERVED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}\Z")
_SHARE = re.compile(r"0\.[0-9]{1,4}\Z")

#: What a secret looks like on every cloud; each cloud adds the shapes of its own (cloud.toml). Word boundaries keep `disk-...` from reading as `sk-...`.
_SECRETS = (
    ("Hugging Face token", re.compile(r"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{20,}")),
    ("API key", re.compile(r"(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{16,}")),
    ("private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
)


#: Where an engine listens within its container; compose publishes the port on the host's loopback only.
_INSIDE = "0.0.0.0"  # noqa: S104


def hub_id(deployment: Deployment) -> str:
    """Return the model's id on the hub that the region reaches; raise MisuseError for what no hub would take."""
    found = deployment.modelscope_id if deployment.mainland else deployment.hf_id
    if not _HUB_ID.match(found) or ".." in found:
        hub = "ModelScope" if deployment.mainland else "Hugging Face"
        raise MisuseError(f"model {deployment.model[:60]!r}: {found[:60]!r} is not an id on {hub} (owner/name)")
    return found


def model_path(deployment: Deployment) -> str:
    """Return where the model lies on the instance."""
    name = hub_id(deployment).partition("/")[2]
    # Another revision comes beside the one that serves.
    return posixpath.join("/srv/models", f"{name}-{deployment.revision[:12]}" if deployment.revision else name)


def in_place(d: Deployment) -> bool:
    """Return whether roll.sh takes another engine or model to the instances that serve: not behind a balancer, where it makes new ones in turn."""
    behind = d.place.balancer and d.count // d.layout.pp > 1
    there = os.path.exists(os.path.join(cloud.templates(d.provider), "parts", "remote.sh.j2"))
    return there and not behind and not d.place.as_module and not d.group


def engine_command(deployment: Deployment) -> list[str]:
    """Return the engine's command line, every value that matters explicit; a worker adds `--headless`."""
    d, chosen = deployment, deployment.stack
    pp = d.layout.pp > 1
    if not _SERVED.match(d.served_name):
        raise MisuseError(
            f"served name {d.served_name[:60]!r}: 1 to 128 of letters, digits and ._:/@+- (a letter or digit first)"
        )
    if not _SHARE.match(d.gpu_memory_utilization):
        raise MisuseError(f"GPU memory utilisation {d.gpu_memory_utilization[:20]!r} is not a share like 0.9")
    if chosen.engine == "lmdeploy":
        # 0.8: TurboMind's share is of the memory left after the weights, not of the whole as vLLM's.
        command = [
            "lmdeploy", "serve", "api_server", model_path(d), "--backend", "turbomind", "--server-name", _INSIDE,
            "--server-port", "8000", "--model-name", d.served_name, "--tp", str(d.layout.tp), "--dtype", chosen.dtype,
            "--session-len", str(d.max_model_len), "--cache-max-entry-count", "0.8",
        ]
        return [*command, *chosen.flags]
    if chosen.engine == "sglang":
        # Weights and KV cache together get what the engine itself finds safe: its own share leaves room for what it captures.
        command = [
            "python3", "-m", "sglang.launch_server", "--model-path", model_path(d), "--host", _INSIDE, "--port", "8000",
            "--served-model-name", d.served_name, "--tp-size", str(d.layout.tp), "--dtype", chosen.dtype,
            "--context-length", str(d.max_model_len), "--enable-metrics",
        ]
        return [*command, *chosen.flags]
    command = [
        "vllm", "serve", model_path(d), "--host", "127.0.0.1" if pp else _INSIDE, "--port", "8000",
        "--served-model-name", d.served_name, "--tensor-parallel-size", str(d.layout.tp), "--dtype", chosen.dtype,
        "--max-model-len", str(d.max_model_len), "--gpu-memory-utilization", d.gpu_memory_utilization,
        "--disable-fastapi-docs",
    ]
    command += chosen.flags
    if pp:
        command += [
            "--pipeline-parallel-size", str(d.layout.pp), "--nnodes", str(d.layout.pp),
            "--node-rank", "${PLANNER_NODE_RANK:?}", "--master-addr", "${PLANNER_HEAD_IP:?}", "--master-port", "29501",
        ]
    return command


def _values(d: Deployment, facts: Cloud) -> dict[str, Any]:
    """Return what the templates need beside the deployment itself."""
    hub, layout = hub_id(d), d.layout
    gpu = gpus.find(d.gpu_model, float(d.gpu_memory_gib) if d.gpu_memory_gib else None)
    host = "cn" if d.mainland else "us"
    installed = stacks.driver(d.provider)
    driver = {
        "cuda": installed.cuda,
        "cudnn": installed.cudnn,
        "url": f"https://{host}.download.nvidia.com/tesla/{d.stack.driver}/NVIDIA-Linux-x86_64-{d.stack.driver}.run",
    }
    completion = {"model": d.served_name, "max_tokens": 8, "messages": [{"role": "user", "content": "Say OK."}]}
    return {
        "d": d,
        "cloud": facts,
        "command": engine_command(d),
        "completion": json.dumps(completion),
        "cuda_repo": f"https://developer.download.nvidia.{'cn' if d.mainland else 'com'}/compute/cuda/repos/ubuntu2204/x86_64",
        "devices": [[str(i * layout.tp + k) for k in range(layout.tp)] for i in range(layout.replicas)],
        "directory": posixpath.basename(model_path(d)),
        "disk_floor": 1000 if d.local_nvme_gb else 100,
        "driver": driver,
        "engine": d.stack.engine,
        "engine_targets": [f"127.0.0.1:{8000 + i}" for i in range(layout.replicas)],
        "gbps_floor": str(min(d.network_gbps, Decimal(100)) / 2) if d.network_gbps else "1",
        "host_network": layout.pp > 1,
        "hub_id": hub,
        "index": facts.pypi if d.mainland else "",
        "m": monitoring.engine_metrics(d.stack.engine, d.stack.engine_version),
        "metadata": facts.metadata,
        "model_path": model_path(d),
        "mtu": facts.mtu,
        "open_paths": advisories.paths(engines.parse(f"{d.stack.engine}@{d.stack.engine_version}")),
        "nvswitch": gpu.link == "nvlink" and d.gpu_count >= 8 and gpu.family != "volta",
        "probe": json.dumps({"model": d.served_name, "max_tokens": 8, "prompt": "Say OK."}),
        "packages": (*facts.secrets.packages, *stacks.packages(d.mainland)),
        "pp": layout.pp > 1,
        "served_json": json.dumps(d.served_name),
        "volta": gpu.compute_capability == 7.0,
    }


def _own_files(folder: str) -> list[str]:
    """Return the templates below `files/` of the cloud's own folder, in order."""
    place = os.path.join(folder, "files")
    return sorted(
        os.path.relpath(os.path.join(at, name), place).replace(os.sep, "/")
        for at, _, names in os.walk(place)
        for name in names
    )


def render(deployment: Deployment) -> dict[str, str]:
    """Return `{path: text}` of cloud-init.yaml.tftpl and of everything below files/.

    Raises MisuseError for a layout, a name or a GPU that cannot be, PlannerError when the result would hold a secret
    or not fit into the cloud's user-data. Where that is narrow, the board lies beside the module when nothing else makes room.
    """
    stacks.check_layout(deployment)
    facts = cloud.find(deployment.provider)
    out = _rendered(deployment, True)
    if facts.apart and user_data_size(deployment, out) > facts.user_data_bytes:
        out = _rendered(deployment, False)
    for path, text in out.items():
        for kind in find_secrets(text):
            raise PlannerError(
                f"{path} would hold what looks like a secret ({kind}); give its name in the secret store instead"
            )
    size, limit = user_data_size(deployment, out), facts.user_data_bytes
    if size > limit:
        raise PlannerError(
            f"user-data would be {size:,} bytes, {deployment.provider} takes {limit:,}: use shorter names, or leave out --alert-webhook-secret, --power-off-on-failure or --stress"
        )
    return dict(sorted(out.items()))


def _rendered(deployment: Deployment, board: bool) -> dict[str, str]:
    """Return the files, unchecked; board: the instance brings the dashboard, else it is beside the module, to be imported."""
    facts, own = cloud.find(deployment.provider), cloud.templates(deployment.provider)
    values = {**_values(deployment, facts), "board": board}
    sources = {"cloud-init.yaml.tftpl": "bootstrap/cloud-init.yaml.tftpl.j2"}
    spot = (*_SPOT, *(("peers.py",) if deployment.layout.pp > 1 else ())) if deployment.purchase_option == "spot" else ()
    more = (*spot, *(_STRESS if deployment.stress else ()), *(("alerts.py",) if deployment.alert_webhook_secret else ()))
    for name in sorted((*_COMMON, *more)):
        if name == "stress.sh" and facts.apart and not deployment.stress:
            continue  # the narrowest user-data has room for it only when it is asked for
        if name == "grafana/dashboards.yml" and not board:
            continue
        suffix = "" if name.endswith(_STATIC) else ".j2"
        sources[name if name in facts.apart else f"files/{name}"] = f"bootstrap/{name}{suffix}"
    sources |= {f"files/{name.removesuffix('.j2')}": f"cloud/files/{name}" for name in _own_files(own)}
    if in_place(deployment):
        sources["change.sh"] = "bootstrap/change.sh.j2"
    out = {path: templating.render(source, own=own, **values) for path, source in sources.items()}
    out["files/grafana/dashboard.json" if board else "dashboard.json"] = monitoring.dashboard(deployment)
    return out


def find_secrets(text: str) -> list[str]:
    """Return what kinds of secret `text` seems to hold, never the secret itself."""
    return [kind for kind, pattern in _shapes() if pattern.search(text)]


@cache
def _shapes() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return what a secret looks like on any cloud that is installed."""
    return (*_SECRETS, *((kind, re.compile(shape)) for kind, shape in cloud.secret_shapes()))


def module_env(deployment: Deployment) -> str:
    """Return /etc/planner/module.env as large as it can get: what Terraform fills in, with the longest usual values."""
    letters = hashlib.sha256(deployment.name.encode()).hexdigest()
    longest = {
        "PLANNER_PROVIDER": deployment.provider,
        "PLANNER_REGION": deployment.region,
        "PLANNER_NODE_INDEX": "100",
        "PLANNER_NODE_RANK": "100",
    }
    lines = [f"{key}={longest.get(key, letters[:15])}\n" for key in MODULE_ENV]
    registry = "registry-of-the-user.ap-somewhere.cr.example.com/"
    lines += [
        f"PLANNER_IMAGE_{image.role.upper()}={registry}{image.reference.partition('/')[2].partition(':')[0]}"
        f"@sha256:{hashlib.sha256(image.role.encode()).hexdigest()}\n"  # digests do not compress: not zeros
        for image in deployment.stack.images
    ]
    return "".join(lines)


def user_data_size(deployment: Deployment, files: Mapping[str, str]) -> int:
    """Return the bytes of rendered user-data, compressed, before its base64, as Terraform will make it (see deployment.py), or a little more."""
    bundle = "".join(
        f"\f{path.removeprefix('files/')}\n" + re.sub(r"(?m)^ *# .*\n", "", text)
        for path, text in sorted(files.items())
        if path.startswith("files/")
    )
    text = files["cloud-init.yaml.tftpl"]
    text = text.replace("${bundle}", _json(bundle)).replace("${module_env}", _json(module_env(deployment)))
    packed = zlib.compress(text.encode(), 6)
    return len(packed) + 24 + len(packed) // 90  # Terraform's deflate is a few bytes weaker than zlib's


def _json(text: str) -> str:
    """Return what Terraform's jsonencode makes of `text`."""
    return re.sub("[<>&]", lambda m: f"\\u{ord(m[0]):04x}", json.dumps(text))
