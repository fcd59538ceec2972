"""Driver, engine and images by GPU and cloud, and every refusal."""

from __future__ import annotations

import csv
import re
from datetime import date
from decimal import Decimal

import pytest

from planner.errors import MisuseError
from planner.sizing import Layout
from planner.terraform import engines, monitoring
from planner.terraform.bootstrap import stack
from tests.bootstrap.variants import VARIANTS, deployment


@pytest.mark.parametrize(
    ("provider", "gpu", "precision", "mainland", "engine", "version", "driver", "dtype", "quantization"),
    [
        ("aws", "A100-SXM4-40GB", "bf16", False, "vllm", "0.33.0", "", "bfloat16", ""),
        ("aws", "A100-SXM4-40GB", "fp16", False, "vllm", "0.33.0", "", "float16", ""),
        ("aws", "H200-SXM", "fp8", False, "vllm", "0.33.0", "", "bfloat16", "fp8"),
        ("alicloud", "A10", "bf16", True, "vllm", "0.11.0", "570.133.20", "bfloat16", ""),
        ("alicloud", "A10", "int4-awq", False, "vllm", "0.19.1", "570.133.20", "float16", "awq"),
        ("tencentcloud", "V100-SXM2-32GB", "fp16", True, "lmdeploy", "0.16.0", "580.95.05", "float16", ""),
        ("tencentcloud", "T4", "int4-gptq", True, "vllm", "0.33.0", "580.95.05", "float16", "gptq"),
    ],
)
def test_choice(provider, gpu, precision, mainland, engine, version, driver, dtype, quantization):
    chosen = stack(provider, gpu, precision, "", mainland)
    assert chosen[:6] == (engine, version, driver, chosen.driver_min, dtype, quantization)
    assert [image.role for image in chosen.images] == [
        "engine",
        "proxy",
        "prometheus",
        "grafana",
        "dcgm_exporter",
        "node_exporter",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("aws", "V100-SXM2-16GB", "fp16", "", False), "R580 is the last branch for V100"),
        (("tencentcloud", "V100-SXM2-32GB", "fp16", "vllm@0.33.0", True), "no kernels for compute capability 7"),
        (("tencentcloud", "V100-SXM2-32GB", "fp16", "vllm", True), "use lmdeploy"),
        (("alicloud", "A10", "bf16", "vllm@0.33.0", True), "needs driver 580 or newer, not 570.133.20"),
        (("tencentcloud", "T4", "bf16", "", True), "no bf16"),
        (("tencentcloud", "V100-SXM2-32GB", "bf16", "", True), "no bf16"),
        (("tencentcloud", "T4", "fp8", "", True), "no fp8"),
        (("tencentcloud", "V100-SXM2-32GB", "fp8", "", True), "no fp8"),
        (("aws", "A100-SXM4-40GB", "fp8", "lmdeploy", False), "no fp8"),
        (("tencentcloud", "V100-SXM2-32GB", "int8", "", True), "int8"),
        (("aws", "A10G", "bf16", "sglang", False), "vllm or lmdeploy"),
        (("aws", "A10G", "bf16", "vllm@0.26.0", False), "known: 0.33.0, 0.19.1"),
        (("aws", "RX 7900 XTX", "fp16", "", False), "no CUDA GPU"),
        (("aws", "A11", "fp16", "", False), "A11"),
    ],
)
def test_refusal(arguments, words):
    with pytest.raises(MisuseError, match=re.escape(words)):
        stack(*arguments)


@pytest.mark.parametrize(
    ("engine", "version", "capability", "driver", "runs"),
    [
        ("vllm", "0.19.1", 8.0, "570.133.20", True),
        ("vllm", "0.20.0", 8.0, "570.133.20", False),
        ("vllm", "0.20.0", 8.0, "580.65.06", True),
        ("vllm", "0.20.0", 7.0, "580.65.06", False),
        ("vllm", "0.20.0", 7.5, "580.65.06", True),
        ("lmdeploy", "0.16.0", 7.0, "580.95.05", True),
        ("lmdeploy", "0.16.0", 7.0, "590.44.01", False),
        ("lmdeploy", "0.16.0", 7.5, "595.91.07", True),
        ("lmdeploy", "0.16.0", 7.0, "470.82.01", False),
    ],
)
def test_refusal_matrix(engine, version, capability, driver, runs):
    assert (engines.refusal(engine, version, capability, driver) == "") is runs


def test_fp8_on_ampere_is_weight_only_and_says_so():
    assert any("W8A16" in note for note in stack("aws", "A100-SXM4-40GB", "fp8", "", False).notes)
    assert not any("W8A16" in note for note in stack("aws", "H100-SXM5", "fp8", "", False).notes)


def test_another_version_than_sized_is_noted():
    assert any(
        "sized for vLLM@0.33.0, deployed with vllm 0.11.0" in n
        for n in stack("alicloud", "A10", "bf16", "", True).notes
    )


BIG = {
    "hf_id": "deepseek-ai/DeepSeek-R1",
    "precision": "fp8",
    "network_gbps": Decimal(3200),
    "gpu_model": "H100-SXM5",
    "gpu_memory_gib": Decimal(80),
    "instance_type": "p5.48xlarge",
    "count": 2,
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({**BIG, "layout": Layout(16, 1, 1)}, "only pipeline parallel crosses instances"),
        ({**BIG, "layout": Layout(4, 1, 3)}, "need more than the 8 GPUs"),
        ({**BIG, "layout": Layout(8, 2, 2)}, "one replica for each 2 instances"),
        ({**BIG, "layout": Layout(8, 2, 1), "count": 3}, "do not divide into pipelines"),
        ({**BIG, "layout": Layout(8, 2, 1), "network_gbps": Decimal(10)}, "has 10 Gbps"),
        ({**BIG, "layout": Layout(8, 2, 1), "network_gbps": None}, "unknown network"),
        ({**BIG, "layout": Layout(8, 2, 1), "engine": "lmdeploy"}, "no pipeline parallel"),
        (
            {
                "layout": Layout(1, 2, 1),
                "count": 2,
                "provider": "alicloud",
                "region": "cn-hangzhou",
                "gpu_model": "A10",
                "gpu_memory_gib": Decimal(24),
                "gpu_count": 1,
            },
            "has no --nnodes",
        ),
    ],
)
def test_layout_refusal(changes, words):
    with pytest.raises(MisuseError, match=re.escape(words)):
        engines.check_layout(deployment(**changes))


def test_reference_layouts_pass():
    for variant in VARIANTS.values():
        engines.check_layout(variant)


def test_versions_table_is_whole():
    with open(engines._DATA, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    keys = [tuple(row[k] for k in ("role", "provider", "market", "engine", "version", "reference")) for row in rows]
    assert len(keys) == len(set(keys))
    for row in rows:
        assert None not in row and row["source"] and row["version"], row
        assert date.fromisoformat(row["as_of"]) <= date(2026, 12, 31)
        assert row["digest"] == "" or re.fullmatch(r"sha256:[0-9a-f]{64}", row["digest"]), row
        if row["role"] not in ("driver", "package", "cudnn"):
            assert re.fullmatch(r"[a-z0-9.-]+\.[a-z]+/[a-z0-9/_-]+:[A-Za-z0-9._-]+", row["reference"]), row
        if row["role"] == "engine":
            assert monitoring.engine_metrics(row["engine"], row["version"])
            assert int(row["driver_min"]) >= (580 if row["cuda"].startswith("13") else 525)
