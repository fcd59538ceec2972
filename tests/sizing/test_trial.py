"""What checkpoints say of themselves, in the words that the hubs have: formats, names, GPUs; each was wrong or silent once."""

import json
from pathlib import Path
from typing import Any

import pytest

from planner.errors import MisuseError
from planner.sizing import config, engines, gpus, memory, models, serving
from planner.sizing.machine import on_machine
from planner.sizing.memory import weight_bytes
from planner.workload import Workload

DENSE: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "tie_word_embeddings": False,
}
ATTENTION, MLP, ENDS = 32 * 4096 * 10240, 32 * 3 * 4096 * 14336, 2 * 128256 * 4096


def read(folder: Path, stored: object, **more: object) -> models.Model:
    (folder / "config.json").write_text(json.dumps({**DENSE, "quantization_config": stored, **more}), encoding="utf-8")
    return config.load(str(folder))


def group(bits: int, kind: str, targets: list[str], **weights: object) -> dict[str, Any]:
    return {"targets": targets, "weights": {"num_bits": bits, "type": kind, "symmetric": True, **weights}}


def test_groups_of_two_widths(tmp_path: Path) -> None:
    """Attention in fp8, MLPs in 4 bits of groups of 128: each part weighs what its own group says (14.7 GB once)."""
    groups = {
        "group_0": group(8, "float", ["re:.*self_attn.*"], strategy="channel"),
        "group_1": group(4, "int", ["re:.*mlp.*"], strategy="group", group_size=128),
    }
    stored = {
        "quant_method": "compressed-tensors",
        "format": "mixed-precision",
        "config_groups": groups,
        "ignore": ["lm_head"],
    }
    m = read(tmp_path, stored)
    assert weight_bytes(m, m.own) == pytest.approx(ATTENTION + MLP * (0.5 + 2 / 128) + 2 * ENDS, rel=0.001)


@pytest.mark.parametrize(
    ("stored", "word"),
    [
        ({"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, "load_in_4bit"),
        ({"load_in_8bit": True, "load_in_4bit": False}, "load_in_8bit"),
        ({"group_size": 64, "bits": 4}, "bits"),
        ({"w_bit": 4, "q_group_size": 128}, "w_bit"),
    ],
)
def test_a_width_without_a_format_is_never_16_bits(tmp_path: Path, stored: object, word: str) -> None:
    with pytest.raises(MisuseError, match=f"says `{word}` and no `quant_method`"):
        read(tmp_path, stored)


def test_mlx_says_it_beside(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="is MLX's"):
        read(tmp_path, None, quantization={"group_size": 64, "bits": 4})


@pytest.mark.parametrize(
    ("method", "precision"), [("awq_marlin", "int4-awq"), ("gptq_marlin", "int4-gptq"), ("moe_wna16", "int4-gptq")]
)
def test_a_kernel_s_name_is_its_format(tmp_path: Path, method: str, precision: str) -> None:
    assert read(tmp_path, {"quant_method": method, "bits": 4, "group_size": 128}).own == precision


@pytest.mark.parametrize("stored", [None, {}, {"quant_method": "none"}])
def test_no_format_is_16_bits(tmp_path: Path, stored: object) -> None:
    assert read(tmp_path, stored).own == "fp16"


def test_modules_that_gptqmodel_leaves_alone(tmp_path: Path) -> None:
    stored = {"quant_method": "gptq", "bits": 4, "group_size": 128, "dynamic": {"-:.*self_attn.*": {}, "+:.*mlp.*": {}}}
    m = read(tmp_path, stored)
    assert weight_bytes(m, m.own) == pytest.approx(2 * ATTENTION + MLP * 0.51953 + 2 * ENDS, rel=0.002)


@pytest.mark.parametrize(
    "name",
    [
        "unsloth/Llama-3.3-70B-Instruct-bnb-4bit",
        "mlx-community/Qwen2.5-7B-Instruct-4bit",
        "turboderp/Llama-3.1-8B-Instruct-exl2",
        "bartowski/Llama-3.3-70B-Instruct-GGUF",
    ],
)
def test_formats_that_no_engine_here_serves_are_refused_by_name(name: str) -> None:
    with pytest.raises(MisuseError, match="is not served by the engines sized here"):
        models.find(name)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("Qwen/Qwen2.5-Coder-32B-Instruct", "Qwen2.5-32B"),
        ("Qwen/Qwen2-72B-Instruct", "Qwen2.5-72B"),
        ("Qwen/Qwen3-Coder-Next", "Qwen3-Next-80B-A3B"),
        ("meta-llama/Llama-2-70b-chat-hf", "Llama-2-70b"),
        ("deepseek-ai/DeepSeek-V3.2-Speciale", "DeepSeek-V3.2"),
        ("Llama-4-Scout", "Llama-4-Scout-17B-16E"),
        ("mistralai/Mistral-Small-3.2-24B-Instruct-2506", "Mistral-Small-3.2-24B-2506"),
        ("TheBloke/Mistral-7B-Instruct-v0.2-AWQ", "Mistral-7B-Instruct-v0.2-AWQ"),
        ("Qwen/Qwen3-4B-Instruct-2507", "Qwen3-4B-2507"),
        ("meta-llama/Llama-3.2-3B-Instruct", "Llama-3.2-3B"),
    ],
)
def test_names_as_people_have_them(name: str, known: str) -> None:
    assert models.find(name).name == known


@pytest.mark.parametrize(
    ("name", "gpu"),
    [
        ("a100-80g", "A100-SXM4-80GB"),
        ("A800 80G", "A800-SXM4-80GB"),
        ("V100-32G", "V100-SXM2-32GB"),
        ("NVIDIA H800 80GB HBM3", "H800-SXM5-80GB"),
        ("NVIDIA B300 SXM6 AC", "B300"),
        ("NVIDIA A100 80GB PCIe LC", "A100-PCIE-80GB"),
    ],
)
def test_gpus_as_people_have_them(name: str, gpu: str) -> None:
    assert gpus.find(name).name == gpu


@pytest.mark.parametrize(
    "name", ["A100 SXM4", "A100-SXM", "A800 PCIe", "A800", "V100", "Tesla V100", "A100", "A100 PCIe"]
)
def test_a_gpu_of_several_sizes_is_asked_back(name: str) -> None:
    with pytest.raises(MisuseError, match="comes in several sizes"):
        gpus.find(name)


@pytest.mark.parametrize(
    ("name", "tp", "spread", "words"),
    [
        ("Qwen/Qwen3-30B-A3B-GPTQ-Int4", 2, False, ""),
        ("Qwen/Qwen3-30B-A3B-GPTQ-Int4", 4, True, ""),  # 768 / 4 = 192 is no multiple of 128
        ("Qwen/Qwen3-235B-A22B-GPTQ-Int4", 8, True, ""),  # 1,536 / 8 = 192
        ("moonshotai/Kimi-K2.5", 8, False, ""),  # groups of 32
        ("Qwen2.5-7B-Instruct-AWQ", 4, False, ""),
        ("Qwen2.5-14B-Instruct-AWQ", 8, False, "cuts the quantisation groups"),
    ],
)
def test_int4_experts_are_spread_whole(name: str, tp: int, spread: bool, words: str) -> None:
    model = models.find(name)
    refused = memory.tp_refusal(model, model.own, tp)
    assert (words in str(refused)) if words else refused is None
    assert memory.expert_parallel(model, model.own, tp) is spread
    vllm, lmdeploy = engines.parse("vllm@0.31.0"), engines.parse("lmdeploy@0.17.0")
    flags = serving.layout_flags(model, model.own, tp, "", vllm)
    assert ("--enable-expert-parallel" in flags) is spread
    if spread:
        assert "would need expert parallel" in str(
            memory.tile_refusal(model, model.own, gpus.find("L40S"), lmdeploy, tp)
        )
        assert memory.tile_refusal(model, model.own, gpus.find("L40S"), vllm, tp) is None


@pytest.mark.parametrize(
    ("name", "gpu", "number"),
    [
        ("DeepSeek-V4-Flash", "H20", 2),
        ("DeepSeek-V4-Pro", "H200", 8),
        ("Kimi-K3", "B300", 8),
        ("Kimi-K2.6", "H200", 8),
        ("GLM-5-FP8", "H20-141GB", 8),
        ("MiniMax-M2.7", "A100-80", 4),
        ("MiniMax-M3", "H200", 8),
        ("Qwen3.5-397B-A17B", "H200", 8),
        ("Qwen/Qwen3.6-35B-A3B-FP8", "H100", 1),
        ("MiMo-V2.5-Pro", "H200", 8),
        ("gpt-oss-120b", "A100-80", 1),
        ("gpt-oss-120b", "H100", 1),
        ("gemma-4-26B-A4B", "H100", 1),
        ("Mistral-Large-3-675B", "H200", 8),
        ("Step-3.7-Flash", "H200", 8),
    ],
)
def test_the_fewest_gpus_that_vendors_show(name: str, gpu: str, number: int) -> None:
    """Recipes and cookbooks of vLLM and SGLang serve these so (2026-07 and -08): what an engine keeps must leave room."""
    asked = Workload(model=name, precision=models.find(name).own)
    assert on_machine(asked, gpu, float(number)).fits
