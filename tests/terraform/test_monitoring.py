"""Rules, Prometheus configuration and dashboard, by promtool and against the engines' own metric names."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess

import pytest
import yaml

from planner.errors import PlannerError
from planner.terraform import bootstrap, monitoring
from tests.bootstrap.variants import VARIANTS

METRIC = re.compile(r"\b(?:vllm|lmdeploy):[a-z0-9_]+|\bDCGM_FI_[A-Z_]+|\bnode_[a-z_]+|\bup\b")


@pytest.fixture(scope="module", params=["p4d-8x-tp1", "gn7i", "gn10xp"])
def variant(request):
    return VARIANTS[request.param], bootstrap.render(VARIANTS[request.param])


@pytest.fixture
def promtool():
    path = shutil.which("promtool")
    if path is None:
        pytest.skip("promtool is not installed (apt-get install prometheus)")
    return path


def _known(deployment, files) -> set[str]:
    """Return every metric that the instance exposes and that these files may read."""
    names = set()
    for name, kind in monitoring.known_metrics(deployment.stack.engine, deployment.stack.engine_version).items():
        names.add(name.removesuffix("_total") + "_total" if kind == "counter" else name)
        if kind == "histogram":
            names |= {f"{name}_bucket", f"{name}_sum", f"{name}_count"}
    names |= {line.split(",")[0] for line in files["files/dcgm.csv"].splitlines() if not line.startswith("#")}
    return names | {"up", "node_filesystem_avail_bytes", "node_filesystem_size_bytes"}  # of node-exporter's default collectors


def _expressions(files) -> list[str]:
    rules = yaml.safe_load(files["files/rules.yml"])
    dashboard = json.loads(files["files/grafana/dashboard.json"])
    found = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    return found + [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def test_every_metric_read_is_one_that_is_exposed(variant):
    deployment, files = variant
    known = _known(deployment, files)
    used = {name for expression in _expressions(files) for name in METRIC.findall(expression)}
    assert len(used) >= 10
    assert used <= known, used - known
    accepted = METRIC.findall(files.get("files/acceptance.sh", files.get("acceptance.sh", "")))
    assert set(accepted) & known


def test_unknown_engine_version_is_refused():
    with pytest.raises(PlannerError, match=re.escape("0.1.0")):
        monitoring.engine_metrics("vllm", "0.1.0")


def test_dashboard_is_laid_out_without_overlap(variant):
    _, files = variant
    dashboard = json.loads(files["files/grafana/dashboard.json"])
    places = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places) >= 9
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(places)


def test_promtool_accepts_configuration_and_rules(variant, promtool, tmp_path):
    _, files = variant
    for name in ("prometheus.yml", "rules.yml"):
        (tmp_path / name).write_text(files[f"files/{name}"])
    done = subprocess.run(
        [promtool, "check", "config", "prometheus.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "11 rules found" in done.stdout


def _rule_tests(m: dict[str, str], engine: str, gpus: int) -> dict[str, object]:
    """Return promtool's test file: each alert fires where it should, and not where it should not."""
    busy, idle = 'x="busy"', 'x="idle"'
    ttft = m["ttft"]
    slow = [
        {"series": f'{ttft}_bucket{{le="{le}"}}', "values": f"0+{step}x120"}
        for le, step in (("1", 1), ("10", 60), ("+Inf", 60))
    ]

    def case(series, alert, at, fires, labels=None, summary=None):
        expected = [{"exp_labels": labels or {}, "exp_annotations": {"summary": summary}}] if fires else []
        return {
            "interval": "1m",
            "input_series": series,
            "alert_rule_test": [{"eval_time": at, "alertname": alert, "exp_alerts": expected}],
        }

    gpu = [{"series": 'DCGM_FI_DEV_GPU_UTIL{gpu="0"}', "values": "40x120"}]
    load = [{"series": f"{m['running']}{{{busy}}}", "values": "4x120"}]
    none = [{"series": f"{m['running']}{{{idle}}}", "values": "0x120"}]
    full = [{"series": f'{m["kv_cache"]}{{instance="a"}}', "values": "0.85x60"}]
    fine = [{"series": f'{m["kv_cache"]}{{instance="a"}}', "values": "0.80x60"}]
    headroom = {"severity": "warning", "instance": "a"}
    cases = [
        case(
            gpu + load,
            "GpuUnderused",
            "90m",
            True,
            {"severity": "info"},
            "GPU utilisation 40 % under load, the target is 70 %",
        ),
        case(gpu + none, "GpuUnderused", "90m", False),
        case([{"series": 'DCGM_FI_DEV_GPU_UTIL{gpu="0"}', "values": "71x120"}, *load], "GpuUnderused", "90m", False),
        case(full, "KvCacheHeadroomLow", "20m", True, headroom, "Less than 20 % of the KV cache is free on a"),
        case(full, "KvCacheHeadroomLow", "5m", False),
        case(fine, "KvCacheHeadroomLow", "20m", False),
        case(
            slow,
            "SlowFirstToken",
            "60m",
            True,
            {"severity": "warning"},
            "95 % of first tokens within 9.542 s, the limit is 5 s",
        ),
        case(
            [{"series": 'DCGM_FI_DEV_XID_ERRORS{gpu="3"}', "values": "0x5 79x10"}],
            "GpuXid",
            "10m",
            True,
            {"severity": "critical", "gpu": "3"},
            "Xid 79 on GPU 3",
        ),
        case([{"series": 'DCGM_FI_DEV_XID_ERRORS{gpu="3"}', "values": "0x15"}], "GpuXid", "10m", False),
        case(
            [{"series": 'DCGM_FI_DEV_ECC_DBE_VOL_TOTAL{gpu="2"}', "values": "0x5 1x10"}],
            "GpuMemoryFault",
            "10m",
            True,
            {"severity": "critical", "gpu": "2"},
            "Memory of GPU 2 fails (uncorrected ECC error, or no row left to remap)",
        ),
        case(
            [{"series": 'DCGM_FI_DEV_ROW_REMAP_FAILURE{gpu="5"}', "values": "0x5 1x10"}],
            "GpuMemoryFault",
            "10m",
            True,
            {"severity": "critical", "gpu": "5"},
            "Memory of GPU 5 fails (uncorrected ECC error, or no row left to remap)",
        ),
        case(
            [
                {"series": 'DCGM_FI_DEV_ROW_REMAP_FAILURE{gpu="5"}', "values": "0x15"},
                {"series": 'DCGM_FI_DEV_ECC_DBE_VOL_TOTAL{gpu="5"}', "values": "3x15"},
            ],
            "GpuMemoryFault",
            "10m",
            False,
        ),
        case(
            [{"series": 'up{job="engine", instance="i"}', "values": "1x2 0x20"}],
            "TargetDown",
            "15m",
            True,
            {"severity": "critical", "job": "engine", "instance": "i"},
            "engine i does not answer",
        ),
        case(
            [
                {"series": "DCGM_FI_DEV_FB_FREE", "values": "20x60"},
                {"series": "DCGM_FI_DEV_FB_USED", "values": "80x60"},
            ],
            "UnusedGpuMemory",
            "45m",
            True,
            {"severity": "info"},
            "More than 15 % of GPU memory is unused",
        ),
        case(
            [
                {"series": "DCGM_FI_DEV_FB_FREE", "values": "10x60"},
                {"series": "DCGM_FI_DEV_FB_USED", "values": "90x60"},
            ],
            "UnusedGpuMemory",
            "45m",
            False,
        ),
    ]
    seen = [{"series": f'DCGM_FI_DEV_GPU_UTIL{{gpu="{i}"}}', "values": "50x60"} for i in range(gpus)]
    gone = [*seen[:-1], {"series": f'DCGM_FI_DEV_GPU_UTIL{{gpu="{gpus - 1}"}}', "values": "50x10 stale"}]
    critical, lost = {"severity": "critical"}, f"Not all {gpus} GPUs are seen"
    down = [{"series": 'up{job="engine", instance="i"}', "values": "1x2 0x20"}]
    here = {**critical, "job": "engine", "instance": "i"}

    def disk(share: int, mountpoint: str = "/srv/models") -> list[dict[str, str]]:
        where = f'{{mountpoint="{mountpoint}", device="/dev/md0"}}'
        return [
            {"series": f"node_filesystem_avail_bytes{where}", "values": f"{share}x60"},
            {"series": f"node_filesystem_size_bytes{where}", "values": "100x60"},
        ]

    full_disk = {**critical, "mountpoint": "/srv/models", "device": "/dev/md0"}
    cases += [
        case(down, "EngineDown", "10m", True, here, "The engine i does not answer"),
        case(down, "EngineDown", "2m", False),
        case(seen, "GpuLost", "30m", False),
        case(gone, "GpuLost", "30m", True, critical, lost),
        case([], "GpuLost", "30m", True, critical, lost),
        case(disk(9), "DiskAlmostFull", "20m", True, full_disk, "Less than 10 % is free on /srv/models"),
        case(disk(11), "DiskAlmostFull", "20m", False),
        case(disk(1, "/boot/efi"), "DiskAlmostFull", "20m", False),
    ]
    if engine == "vllm":
        series = [{"series": f'{m["preemptions"]}{{instance="a"}}', "values": "0+1x60"}]
        cases.append(case(series, "Preemptions", "30m", True, headroom, "Requests preempted for lack of KV cache on a"))
    else:
        series = [{"series": f'{m["waiting"]}{{instance="a"}}', "values": "2x60"}]
        cases.append(case(series, "RequestsWait", "30m", True, headroom, "Requests have waited for ten minutes on a"))
    return {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": cases}


def test_alerts_fire_when_they_should_and_only_then(variant, promtool, tmp_path):
    deployment, files = variant
    m = monitoring.engine_metrics(deployment.stack.engine, deployment.stack.engine_version)
    (tmp_path / "rules.yml").write_text(files["files/rules.yml"])
    (tmp_path / "test.yml").write_text(yaml.safe_dump(_rule_tests(m, deployment.stack.engine, deployment.gpu_count)))
    done = subprocess.run(
        [promtool, "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_promtool_sees_a_broken_threshold(variant, promtool, tmp_path):
    deployment, files = variant
    m = monitoring.engine_metrics(deployment.stack.engine, deployment.stack.engine_version)
    (tmp_path / "rules.yml").write_text(files["files/rules.yml"].replace("> 0.80", "> 0.90"))
    (tmp_path / "test.yml").write_text(yaml.safe_dump(_rule_tests(m, deployment.stack.engine, deployment.gpu_count)))
    assert subprocess.run(
        [promtool, "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, check=False
    ).returncode


def test_every_name_was_read_from_a_wheel() -> None:
    """What the dashboard shows, what `planner rightsize` asks for: each name is a metric of some version, and of the right type."""
    from planner.measure import series
    from planner.metric_names import NAMES, counted

    with open("planner/data/metrics.csv", encoding="utf-8", newline="") as file:
        known = {row["name"]: row["type"] for row in csv.DictReader(file)}
    for engine, names in NAMES.items():
        for what, spelled in names.items():
            assert all(name in known for name in spelled), (engine, what)
    counters = {counted(name) for name, kind in known.items() if kind == "counter"}
    gauges = {name for name, kind in known.items() if kind == "gauge"}
    for by_engine in series.COUNTERS.values():
        assert {name for spelled in by_engine.values() for name in spelled} <= counters
    for _, by_engine in series.GAUGES.values():
        assert {name for engine, spelled in by_engine.items() if engine for name in spelled} <= gauges
