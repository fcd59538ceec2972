"""Driver, engine and images by GPU and cloud, and every refusal."""

from __future__ import annotations

import csv
import os
import re
from datetime import date
from decimal import Decimal

import pytest

from planner.errors import MisuseError
from planner.files import DATA
from planner.sizing import Layout, engines, gpus, models, parsers, support
from planner.sizing.serving import layout_flags, serving
from planner.terraform import bootstrap, stack
from planner.terraform.deployment import Stack
from tests.bootstrap.variants import VARIANTS, deployment


def made(provider: str, gpu: str, precision: str, engine: str = "", mainland: bool = False, **more: str) -> Stack:
    model = models.find(more.get("model", "DeepSeek-R1-Distill-Qwen-7B"))
    return stack.stack(
        stack.host(provider, mainland), gpus.find(gpu), model, precision, engine, more.get("checkpoint", "")
    )


@pytest.mark.parametrize(
    ("provider", "gpu", "precision", "mainland", "engine", "version", "driver", "dtype", "quantization"),
    [
        ("aws", "A100-SXM4-40GB", "bf16", False, "vllm", "0.31.0", "", "bfloat16", ""),
        ("aws", "A100-SXM4-40GB", "fp16", False, "vllm", "0.31.0", "", "float16", ""),
        ("aws", "H200-SXM", "fp8", False, "vllm", "0.31.0", "", "bfloat16", "fp8"),
        ("alicloud", "A10", "bf16", True, "vllm", "0.29.0", "570.133.20", "bfloat16", ""),
        ("alicloud", "A10", "int4-awq", False, "vllm", "0.29.0", "570.133.20", "float16", "awq"),
        ("tencentcloud", "V100-SXM2-32GB", "fp16", True, "lmdeploy", "0.17.0", "580.95.05", "float16", ""),
        ("tencentcloud", "T4", "int4-gptq", True, "vllm", "0.31.0", "580.95.05", "float16", "gptq"),
        ("tencentcloud", "T4", "fp8", True, "vllm", "0.31.0", "580.95.05", "float16", "fp8"),
        ("alicloud", "V100-SXM2-16GB", "fp16", True, "lmdeploy", "0.17.0", "570.133.20", "float16", ""),
    ],
)
def test_choice(provider, gpu, precision, mainland, engine, version, driver, dtype, quantization):
    checkpoint = {"int4-awq": "Qwen/Q-AWQ", "int4-gptq": "Qwen/Q-GPTQ-Int4"}.get(precision, "")
    chosen = made(provider, gpu, precision, mainland=mainland, checkpoint=checkpoint)
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
        (("tencentcloud", "V100-SXM2-32GB", "fp16", "vllm@0.33.0", True), "has no kernels for V100"),
        (("tencentcloud", "V100-SXM2-32GB", "fp16", "vllm", True), "use LMDeploy"),
        (("tencentcloud", "V100-SXM2-32GB", "fp16", "vllm@0.19.1", True), "no image of vLLM@0.19.1 is known that runs there"),
        (("alicloud", "A10", "bf16", "vllm@0.33.0", True), "needs driver 580 or newer, not 570.133.20"),
        (("alicloud", "B300", "bf16", "", False), "no build of the engine table runs on B300 under driver 570.133.20"),
        (("alicloud", "A10", "bf16", "vllm@0.11.0", False), "no build of vLLM@0.11.0 is for abroad"),
        (("tencentcloud", "T4", "bf16", "", True), "no bf16"),
        (("tencentcloud", "V100-SXM2-32GB", "bf16", "", True), "no bf16"),
        (("tencentcloud", "V100-SXM2-32GB", "fp8", "", True), "no fp8"),
        (("aws", "A100-SXM4-40GB", "fp8", "lmdeploy", False), "no fp8"),
        (("tencentcloud", "V100-SXM2-32GB", "int8", "", True), "int8"),
        (("aws", "A10G", "bf16", "tgi", False), "deploys vllm, lmdeploy, sglang, not TGI"),
        (("aws", "T4", "fp16", "sglang@0.5.20", False), "SGLang@0.5.20 has no kernels for T4"),
        (("alicloud", "A10", "bf16", "sglang@0.5.20", True), "needs driver 580 or newer, not 570.133.20"),
        (("aws", "H100", "bf16", "sglang@0.5.23", False), "its image tag was not seen in public"),
        (("aws", "H100", "bf16", "sglang@0.5.9", False), "known there: 0.5.20"),
        (("aws", "A10G", "bf16", "vllm@0.25.0", False), "known there: 0.31.0, 0.29.0, 0.30.0, 0.26.0, 0.19.1"),
        (("aws", "A10G", "bf16", "vllm@0.33.0", False), "its image tag was not seen in public"),
        (("aws", "RX 7900 XTX", "fp16", "", False), "no CUDA GPU"),
        (("aws", "P40", "fp16", "", False), "there are no kernels for P40"),
        (("aws", "A11", "fp16", "", False), "A11"),
    ],
)
def test_refusal(arguments, words):
    with pytest.raises(MisuseError, match=re.escape(words)):
        made(*arguments)


def test_sglang_is_told_what_its_own_source_names():
    """Flags, metrics and parsers of this version; experts in parallel; the rest is refused with the reason."""
    d = VARIANTS["g6e-sglang"]
    command = bootstrap.engine_command(d)
    assert command[:3] == ["python3", "-m", "sglang.launch_server"] and command[command.index("--port") + 1] == "8000"
    known = engines.flags("sglang", d.stack.engine_version)
    assert {word for word in command if word.startswith("--")} <= known, "each was read in the wheel"
    files = bootstrap.render(d)
    assert "sglang:token_usage > 0.80" in files["files/rules.yml"] and "sglang:num_running_reqs" in files["files/grafana/dashboard.json"]
    assert "VLLM" not in files["files/compose.yaml"] and "http://127.0.0.1:8000/health" in files["files/compose.yaml"]
    engine = engines.parse("sglang@0.5.20")
    assert parsers.flags("deepseek-ai/DeepSeek-R1-0528", engine) == ("--reasoning-parser", "deepseek-r1", "--tool-call-parser", "deepseekv3")
    assert parsers.flags("Qwen/Qwen3-Coder-480B-A35B-Instruct", engine) == ("--tool-call-parser", "qwen3_coder")
    assert parsers.flags("meta-llama/Meta-Llama-3-8B", engine) == ()
    way = serving(models.find("Qwen3-8B"), "fp8", gpus.find("H100"), engine)
    assert way.flags == ("--quantization", "fp8") and "--quantization fp8" in known and not way.made
    assert layout_flags(models.find("MiniMax-M2"), "fp8", 8, "", engine) == ("--ep-size", "8"), "its blocks cannot be cut in eight"
    assert layout_flags(models.find("DeepSeek-R1"), "fp8", 8, "", engine) == ()
    with pytest.raises(MisuseError, match="choose --engine vllm"):
        layout_flags(models.find("DeepSeek-V4-Flash"), "fp8", 8, "", engine)
    lacking = support.refusal(engine, gpus.find("H100"), "bf16", models.find("MiniMax-M3"))
    assert "MiniMaxM3ForCausalLM" in str(lacking)


def test_fp8_on_ampere_is_weight_only_and_says_so():
    assert any("W8A16" in str(note) for note in made("aws", "A100-SXM4-40GB", "fp8").notes)
    assert not any("W8A16" in str(note) for note in made("aws", "H100-SXM5", "fp8").notes)


def test_open_advisories_stand_in_the_readme():
    said = "\n".join(map(str, made("aws", "A100-SXM4-40GB", "bf16").notes))
    assert "vLLM@0.31.0 is open to CVE-2026-115911" in said and "CVE-2026-48746" not in said
    assert "answered by this module: PYSEC-2026-4349" in said


BIG = {
    "model": "DeepSeek-R1",
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
        (
            {**BIG, "model": "Llama-3.1-70B", "precision": "bf16", "layout": Layout(8, 2, 1), "engine": "lmdeploy"},
            "with vLLM only, not lmdeploy",
        ),
        (
            {
                "layout": Layout(1, 2, 1),
                "count": 2,
                "provider": "alicloud",
                "region": "cn-hangzhou",
                "gpu_model": "A10",
                "gpu_memory_gib": Decimal(24),
                "gpu_count": 1,
                "engine": "vllm@0.11.0",
            },
            "has no --nnodes",
        ),
    ],
)
def test_layout_refusal(changes, words):
    with pytest.raises(MisuseError, match=re.escape(words)):
        stack.check_layout(deployment(**changes))


def test_a_slow_network_passes_on_the_users_word():
    slow = {**BIG, "layout": Layout(8, 2, 1), "network_gbps": Decimal(50)}
    stack.check_layout(deployment(**slow)._replace(pipeline_gbps=50))
    with pytest.raises(MisuseError, match="has 50 Gbps: pipeline stages across instances need 51 Gbps"):
        stack.check_layout(deployment(**slow)._replace(pipeline_gbps=51))


def test_reference_layouts_pass():
    for variant in VARIANTS.values():
        stack.check_layout(variant)


def test_images_and_packages_are_whole():
    for name, key in (("images.csv", ("role",)), ("packages.csv", ("market", "package"))):
        with open(os.path.join(DATA, name), encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len({tuple(row[k] for k in key) for row in rows}) == len(rows) > 1
        for row in rows:
            assert None not in row and row["source"] and row["version"], row
            assert date.fromisoformat(row["as_of"]) <= date(2026, 12, 31)
            if "image" in row:
                assert re.fullmatch(r"[a-z0-9.-]+\.[a-z]+/[a-z0-9/_-]+:[A-Za-z0-9._-]+", row["image"]), row
                assert re.fullmatch(r"sha256:[0-9a-f]{64}", row["digest"]), row
