"""What an instance shows of itself: the engine's metric names by version, and the Grafana dashboard made of them."""

from __future__ import annotations

import csv
import json
import os

from planner.errors import PlannerError
from planner.files import DATA
from planner.metric_names import GPU, NAMES, counted
from planner.terraform.deployment import Deployment

__all__ = ["dashboard", "engine_metrics", "known_metrics"]

_DATA = os.path.join(DATA, "metrics.csv")
#: What rules, dashboard and acceptance test read.
SHOWN = ("running", "waiting", "kv_cache", "preemptions", "ttft", "per_token", "prompt_tokens", "output_tokens")


def known_metrics(engine: str, version: str) -> dict[str, str]:
    """Return name and type of every metric that was read from the wheel of `engine` `version`; {} when it was not."""
    with open(_DATA, encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["engine"] == engine and version in row["versions"].split()]
    return {row["name"]: row["type"] for row in rows}


def engine_metrics(engine: str, version: str) -> dict[str, str]:
    """Return the names as Prometheus sees them (counters end in _total), "" where the engine has none.

    Raises PlannerError for a version whose metrics nobody has read: a dashboard of guesses would stay empty.
    """
    known = known_metrics(engine, version)
    if not known:
        raise PlannerError(f"the metrics of {engine} {version} are not in planner/data/metrics.csv")
    names: dict[str, str] = {}
    for what in SHOWN:
        candidates = NAMES[engine][what]
        name = next((name for name in candidates if name in known), "")
        if candidates and not name:
            raise PlannerError(f"{engine} {version} has none of {', '.join(candidates)}")
        names[what] = counted(name) if known.get(name) == "counter" else name
    return names


#: Without blanks: some clouds' user-data is 12 KB for everything.
DENSE = (",", ":")


def _quantiles(histogram: str) -> list[tuple[str, str]]:
    return [
        (f"histogram_quantile({share}, sum by (le) (rate({histogram}_bucket[5m])))", f"p{round(float(share) * 100)}")
        for share in ("0.5", "0.95")
    ]


def dashboard(deployment: Deployment) -> str:
    """Return the Grafana dashboard, one panel a line, for the engine of `deployment`."""
    m = engine_metrics(deployment.stack.engine, deployment.stack.engine_version)
    panels: list[tuple[str, str, list[tuple[str, str]]]] = [
        ("Requests", "short", [(f"sum({m['running']})", "running"), (f"sum({m['waiting']})", "waiting")]),
        ("KV cache used (target: under 80 %)", "percentunit", [(m["kv_cache"], "{{instance}}")]),
        ("Tokens per second", "short", [
            (f"sum(rate({m['prompt_tokens']}[1m]))", "prompt"), (f"sum(rate({m['output_tokens']}[1m]))", "output")]),
        ("Time to first token", "s", _quantiles(m["ttft"])),
        ("Time per output token", "s", _quantiles(m["per_token"])),
        ("GPU utilisation (target: over 70 % under load)", "percent", [(GPU["utilisation"], "GPU {{gpu}}")]),
        ("Tensor cores active", "percentunit", [("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "GPU {{gpu}}")]),
        ("GPU memory used", "decmbytes", [("DCGM_FI_DEV_FB_USED", "GPU {{gpu}}")]),
        ("GPU power", "watt", [(GPU["power"], "GPU {{gpu}}")]),
        ("GPU temperature", "celsius", [("DCGM_FI_DEV_GPU_TEMP", "GPU {{gpu}}")]),
        ("GPU memory faults", "short", [
            ("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", "ECC, uncorrected {{gpu}}"), ("DCGM_FI_DEV_ECC_SBE_VOL_TOTAL", "ECC, corrected {{gpu}}"),
            ("DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", "rows remapped {{gpu}}"), ("DCGM_FI_DEV_ROW_REMAP_FAILURE", "remap failed {{gpu}}")]),
        ("Last Xid", "short", [("DCGM_FI_DEV_XID_ERRORS", "GPU {{gpu}}")]),
    ]
    if m["preemptions"]:
        panels[0][2].append((f"sum(rate({m['preemptions']}[5m]))", "preemptions/s"))
    lines = [
        json.dumps({
            "id": i + 1,
            "type": "timeseries",
            "title": title,
            "gridPos": {"x": i % 3 * 8, "y": i // 3 * 8, "w": 8, "h": 8},
            "fieldConfig": {"defaults": {"unit": unit}},
            "targets": [
                {"refId": "ABCD"[k], "expr": expr, "legendFormat": legend} for k, (expr, legend) in enumerate(targets)
            ],
        }, separators=DENSE)
        for i, (title, unit, targets) in enumerate(panels)
    ]
    head = json.dumps({
        "uid": "planner", "title": f"planner: {deployment.name}", "schemaVersion": 39, "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
    }, separators=DENSE)
    return head[:-1] + ',"panels":[\n' + ",\n".join(lines) + "\n]}\n"
