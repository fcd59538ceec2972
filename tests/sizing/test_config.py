"""A config.json is believed: what it says of its weights, its layers and its context, and nothing in it can hurt."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from planner.cli import run
from planner.errors import MisuseError
from planner.sizing import config, engines, gpus, memory, models, support
from planner.sizing.models import Model
from planner.workload import Workload, make

DENSE: dict[str, Any] = {
    "architectures": ["Qwen2ForCausalLM"],
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_attention_heads": 28,
    "num_hidden_layers": 28,
    "num_key_value_heads": 4,
    "vocab_size": 152064,
    "max_position_embeddings": 32768,
}
MOE: dict[str, Any] = {
    "architectures": ["Qwen3MoeForCausalLM"],
    "hidden_size": 2048,
    "intermediate_size": 6144,
    "num_hidden_layers": 48,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "head_dim": 128,
    "vocab_size": 151936,
    "max_position_embeddings": 40960,
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "moe_intermediate_size": 768,
}
OSS: dict[str, Any] = {
    "architectures": ["GptOssForCausalLM"],
    "hidden_size": 2880,
    "intermediate_size": 2880,
    "num_hidden_layers": 24,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "vocab_size": 201088,
    "max_position_embeddings": 131072,
    "sliding_window": 128,
    "layer_types": ["sliding_attention", "full_attention"] * 12,
    "num_local_experts": 32,
    "num_experts_per_tok": 4,
    "quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn", "lm_head"]},
}
V4: dict[str, Any] = {
    "architectures": ["DeepseekV4ForCausalLM"],
    "num_hidden_layers": 43,
    "hidden_size": 4096,
    "num_attention_heads": 64,
    "num_key_value_heads": 1,
    "head_dim": 512,
    "moe_intermediate_size": 2048,
    "n_routed_experts": 256,
    "n_shared_experts": 1,
    "num_experts_per_tok": 6,
    "vocab_size": 129280,
    "max_position_embeddings": 1048576,
    "q_lora_rank": 1024,
    "o_lora_rank": 1024,
    "o_groups": 8,
    "compress_ratios": [0, 0, *([4, 128] * 20), 4, 0],
    "sliding_window": 128,
    "num_nextn_predict_layers": 1,
    "expert_dtype": "fp4",
    "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
}
NEXT: dict[str, Any] = MOE | {
    "architectures": ["Qwen3NextForCausalLM"],
    "full_attention_interval": 4,
    "head_dim": 256,
    "linear_conv_kernel_dim": 4,
    "linear_key_head_dim": 128,
    "linear_num_key_heads": 16,
    "linear_num_value_heads": 32,
    "linear_value_head_dim": 128,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "num_experts": 512,
    "num_experts_per_tok": 10,
    "moe_intermediate_size": 512,
    "shared_expert_intermediate_size": 512,
    "max_position_embeddings": 262144,
}


def load(folder: Path, data: dict[str, Any]) -> Model:
    (folder / "config.json").write_text(json.dumps(data), encoding="utf-8")
    return config.load(str(folder))


def groups(**weights: object) -> dict[str, Any]:
    """A quantization_config of compressed-tensors with one group of weights."""
    told = {"input_activations": weights.pop("activations", None), "targets": ["Linear"], "weights": weights}
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": told}, "ignore": ["lm_head"]}


@pytest.mark.parametrize(
    ("stored", "precision", "width"),
    [
        ({"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True}, "int4-awq", 0.51953),
        ({"quant_method": "awq", "w_bit": 4, "q_group_size": 64}, "int4-awq", 0.53906),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, "int4-gptq", 0.51953),
        ({"quant_method": "gptq", "bits": 8, "group_size": -1}, "int8-w8a16", 1.0),
        ({"quant_method": "fp8", "activation_scheme": "dynamic"}, "fp8", 1.0),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "fp8", 1.0),
        ({"quant_method": "fbgemm_fp8"}, "fp8", 1.0),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, "fp8", 1.0),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "nvfp4", 0.5625),
        (groups(num_bits=4, type="int", group_size=128, symmetric=True), "int4-w4a16", 0.515625),
        (groups(num_bits=4, type="int", group_size=32, symmetric=True), "int4-w4a16", 0.5625),
        (groups(num_bits=8, type="int", strategy="channel", activations={"num_bits": 8}), "int8", 1.0),
        (groups(num_bits=8, type="int", strategy="channel"), "int8-w8a16", 1.0),
        (groups(num_bits=8, type="float", strategy="channel"), "fp8", 1.0),
        (groups(num_bits=4, type="float", group_size=16), "nvfp4", 0.5625),
        (groups(num_bits=4, type="float", group_size=32), "mxfp4", 0.53125),
    ],
)
def test_what_the_weights_are_in(tmp_path: Path, stored: dict[str, Any], precision: str, width: float) -> None:
    model = load(tmp_path, DENSE | {"quantization_config": stored})
    body = model.total_params - model.embedding_params
    assert model.own == precision
    got = (memory.weight_bytes(model, precision) - 2 * model.embedding_params) / body
    assert got == pytest.approx(width, rel=1e-4)


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "'bitsandbytes' cannot be sized"),
        ({"quant_method": "gptq", "bits": 3}, "gptq in 3 bits"),
        ({"quant_method": "awq", "bits": 10**30}, "from 1 to 16 bits"),
        ({"quant_method": "awq", "bits": "four"}, "from 1 to 16 bits"),
        ({"quant_method": "awq"}, "says no bits"),
        ({"quant_method": "awq", "bits": 4, "group_size": 10**30}, "no group size"),
        ("awq", "must be an object"),
        (groups(num_bits=2, type="int"), "weights of 2 bits"),
        ({"quant_method": "compressed-tensors", "config_groups": {"a": {}}}, "says no `weights`"),
    ],
)
def test_a_format_that_is_not_known_is_refused(tmp_path: Path, stored: object, words: str) -> None:
    with pytest.raises(MisuseError, match=words) as caught:
        load(tmp_path, DENSE | {"quantization_config": stored})
    assert str(tmp_path / "config.json") in str(caught.value)


def test_parts_that_are_not_converted_weigh_16_bits(tmp_path: Path) -> None:
    stored = groups(num_bits=4, type="int", group_size=32, symmetric=True)
    stored["ignore"] = ["lm_head", "re:.*self_attn.*", "re:.*mlp\\.(gate|up|gate_up|down)_proj.*"]
    model = load(tmp_path, MOE | {"quantization_config": stored})
    assert model.parts == (2.0, 2.0, 0.5625, 0.5625)
    stored["ignore"] = [f"model.layers.{i}.self_attn.q_proj" for i in range(48)]
    assert load(tmp_path, MOE | {"quantization_config": stored}).parts[0] == pytest.approx(0.5625 + 0.4 * 1.4375)


def test_gpt_oss(tmp_path: Path) -> None:
    model = load(tmp_path, OSS)
    # openai/gpt-oss-20b: 13,761,264,768 bytes are published.
    assert memory.weight_bytes(model, model.own) == pytest.approx(13_761_264_768, rel=0.005)
    assert (model.kv_bytes_per_token, model.window, model.kv_window) == (24_576, 128, 24_576)
    assert support.attention(model) == "sinks"


def test_v4_as_vllm_lays_out_its_cache(tmp_path: Path) -> None:
    model = load(tmp_path, V4)
    assert model.total_params / 1e9 == pytest.approx(284.3, rel=0.001)
    assert memory.weight_bytes(model, "fp8") / 1e9 == pytest.approx(159.6, rel=0.002)  # recipes: ~160 GB on disk
    assert model.kv_bytes_per_token == 3915  # vllm-project/vllm#54703: a page of 1,002,240 bytes for 256 tokens
    # vllm-project/vllm#44376: 16,384 tokens in flight take 6.2 to 6.7 GiB beside the request.
    assert 8192 * model.inflight / 2**30 == pytest.approx(6.2, abs=0.1)
    for gpu, words in (("A100-80", "CSA and HCA"), ("L40S", "CSA and HCA"), ("H20", ""), ("H200", "")):
        spec = gpus.find(gpu)
        assert words in str(support.refusal(engines.default(spec), spec, "fp8", model)), gpu


def test_linear_layers_hold_a_state(tmp_path: Path) -> None:
    model = load(tmp_path, NEXT)
    assert model.total_params / 1e9 == pytest.approx(79.67, rel=0.001)
    assert (model.kv_bytes_per_token, model.state) == (24_576, 77_266_944)
    gpu = gpus.find("H200")
    plan = memory.plan(model, "bf16", gpu, engines.default(gpu), 2)
    assert plan.state == model.state / 2
    assert plan.holds(1000) == int(plan.pool // (1000 * plan.kv_per_token + plan.state))


@pytest.mark.parametrize(
    ("change", "window", "near"),
    [
        ({"architectures": ["MistralForCausalLM"], "sliding_window": 4096}, 4096, 28),
        ({"architectures": ["MistralForCausalLM"], "sliding_window": None}, 0, 0),
        ({"architectures": ["Phi3ForCausalLM"], "sliding_window": 32768}, 0, 0),  # as wide as the context
        ({"sliding_window": 4096, "use_sliding_window": False}, 0, 0),
        ({"sliding_window": 4096, "use_sliding_window": True, "max_window_layers": 21}, 4096, 7),
        ({"architectures": ["Gemma3ForCausalLM"], "sliding_window": 1024, "sliding_window_pattern": 6}, 1024, 24),
    ],
)
def test_windows(tmp_path: Path, change: dict[str, Any], window: int, near: int) -> None:
    model = load(tmp_path, DENSE | change)
    assert (model.window, model.kv_window) == (window, near * 4 * 4 * 128)
    assert model.kv_bytes_per_token == (28 - near) * 4 * 4 * 128


def test_a_window_lets_more_requests_in(tmp_path: Path) -> None:
    gpu = gpus.find("L4")
    narrow = load(tmp_path, DENSE | {"architectures": ["MistralForCausalLM"], "sliding_window": 4096})
    plain = load(tmp_path, DENSE)
    held = [memory.plan(m, "bf16", gpu, engines.default(gpu), 1).holds(30_000) for m in (narrow, plain)]
    assert held[0] > 4 * held[1]


@pytest.mark.parametrize(
    ("scaling", "longest"),
    [
        ({"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}, 131_072),
        ({"rope_type": "yarn", "factor": 4.0}, 131_072),
        ({"type": "yarn", "factor": 40, "original_max_position_embeddings": 819}, 32_768),
        ({"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 8192}, 32_768),
        ({"type": "su"}, 32_768),
        ({"type": "linear", "factor": 2.0}, 65_536),
        (None, 32_768),
    ],
)
def test_context(tmp_path: Path, scaling: object, longest: int) -> None:
    assert load(tmp_path, DENSE | {"rope_scaling": scaling}).max_context == longest


@pytest.mark.parametrize(
    ("change", "mixtures"),
    [
        ({}, 48),
        ({"decoder_sparse_step": 2}, 24),
        ({"mlp_only_layers": [0, 1, 2]}, 45),
        ({"first_k_dense_replace": 3}, 45),
        ({"moe_layer_freq": [0, *[1] * 47]}, 47),
        ({"mlp_layer_types": ["dense"] * 4 + ["sparse"] * 44}, 44),
    ],
)
def test_which_layers_have_experts(tmp_path: Path, change: dict[str, Any], mixtures: int) -> None:
    assert load(tmp_path, MOE | change).mixtures == mixtures


def test_a_nested_config_with_a_vision_tower(tmp_path: Path) -> None:
    inner = {k: v for k, v in MOE.items() if k != "architectures"}
    tower = {"hidden_size": 1152, "depth": 27, "intermediate_size": 4304, "out_hidden_size": 2048}
    outer = {"architectures": ["Qwen3VLMoeForConditionalGeneration"], "model_type": "qwen3_vl_moe"}
    model = load(tmp_path, outer | {"text_config": inner, "vision_config": tower})
    # Qwen/Qwen3-VL-30B-A3B-Instruct: 62.1 GB with the vision tower.
    assert memory.weight_bytes(model, "bf16") / 1e9 == pytest.approx(62.1, rel=0.005)


def test_a_byte_order_mark_and_a_folder(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("\ufeff" + json.dumps(DENSE), encoding="utf-8")
    assert config.load(str(tmp_path)) == config.load(str(tmp_path / "config.json"))


def test_modelopt_s_file_beside_it(tmp_path: Path) -> None:
    told = {"quantization": {"quant_algo": "NVFP4", "exclude_modules": ["lm_head"]}}
    (tmp_path / "hf_quant_config.json").write_text(json.dumps(told), encoding="utf-8")
    assert load(tmp_path, DENSE).own == "nvfp4"


def test_each_module_in_a_precision_of_its_own(tmp_path: Path) -> None:
    """ModelOpt's MIXED_PRECISION: attention in fp8, experts in fp8 in half of the layers and in 4 bits in the others."""
    layers = {
        f"model.layers.{i}.self_attn.{p}": {"quant_algo": "FP8"} for i in range(48) for p in ("qkv_proj", "o_proj")
    }
    for i in range(48):
        told = {"quant_algo": "NVFP4", "group_size": 16} if i % 2 else {"quant_algo": "FP8"}
        layers |= {f"model.layers.{i}.mlp.experts.{e}.{p}": told for e in range(3) for p in ("up_proj", "down_proj")}
    bare = {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"}
    model = load(tmp_path, MOE | {"quantization_config": bare | {"quantized_layers": layers}})
    assert model.own == "nvfp4"
    assert model.parts == pytest.approx((1.0, 2.0, 2.0, (1.0 + 0.5625) / 2))
    # config.json may say only that it is mixed, and the file beside it how.
    (tmp_path / "hf_quant_config.json").write_text(
        json.dumps({"quantization": {"quant_algo": "MIXED_PRECISION", "quantized_layers": layers}}), encoding="utf-8"
    )
    assert load(tmp_path, MOE | {"quantization_config": bare}).parts == model.parts
    layers["model.layers.0.self_attn.o_proj"] = {"quant_algo": 4}
    with pytest.raises(MisuseError, match=r"no `quant_algo` of 'model\.layers\.0\.self_attn\.o_proj'"):
        load(tmp_path, MOE | {"quantization_config": bare | {"quantized_layers": layers}})


VALUES = (
    None,
    True,
    -1,
    0,
    1,
    3,
    10**30,
    1.5,
    float("inf"),
    "x",
    "",
    [],
    [1],
    [[]],
    {},
    {"a": 1},
    ["re:.*"],
    [None] * 43,
)


def told(path: Path) -> Model | str:
    """Return the model, or why there is none."""
    try:
        return config.load(str(path))
    except MisuseError as why:
        return str(why)


@pytest.mark.parametrize("base", [DENSE, MOE, OSS, V4, NEXT], ids=lambda b: str(b["architectures"][0]))
def test_damage_gives_a_model_or_a_reason(tmp_path: Path, base: dict[str, Any]) -> None:
    """Any field may hold anything: the answer is a model that can be sized or a refusal that names the file."""
    path = tmp_path / "config.json"
    more = ("layer_types", "rope_scaling", "vision_config", "text_config", "quantization_config", "sliding_window")
    gpu = gpus.find("H200")
    for field in (*base, *more):
        for value in VALUES:
            path.write_text(json.dumps(base | {field: value}), encoding="utf-8")
            model = told(path)
            if isinstance(model, str):
                assert str(path) in model
                continue
            plan = memory.plan(model, model.own, gpu, engines.default(gpu), 1)
            assert plan.weights > 0 and plan.holds(1000) >= 0
    whole = json.dumps(base)
    chance = random.Random(14)
    for _ in range(100):
        at = chance.randrange(len(whole))
        path.write_text(whole[:at] + chance.choice(["", "]", "}", "9" * 40, '"', "null"]) + whole[at + 1 :], "utf-8")
        model = told(path)
        assert not isinstance(model, str) or str(path) in model


def test_a_damaged_config_is_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.json"
    for text in ("{", "null", '{"architectures": ["Qwen2ForCausalLM"], "hidden_size": 1e999}', "\x00"):
        path.write_text(text, encoding="utf-8")
        assert run(["size", "--model-config", str(path), "--gpu", "H100"]) == 2
        assert str(path) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "precision", "hf_id"),
    [
        ("Qwen/Qwen2.5-72B-Instruct-AWQ", "int4-awq", "Qwen/Qwen2.5-72B-Instruct-AWQ"),
        ("Qwen2.5-7B-Instruct-GPTQ-Int8", "int8-w8a16", "Qwen/Qwen2.5-7B-Instruct-GPTQ-Int8"),
        ("Qwen/Qwen3-8B-FP8", "fp8", "Qwen/Qwen3-8B-FP8"),
        ("RedHatAI/Qwen3-8B-quantized.w4a16", "int4-w4a16", "RedHatAI/Qwen3-8B-quantized.w4a16"),
        ("nvidia/Llama-3.1-8B-Instruct-FP8", "fp8", "nvidia/Llama-3.1-8B-Instruct-FP8"),
        ("Qwen2.5-7B-Instruct", "fp16", "Qwen/Qwen2.5-7B-Instruct"),
        ("Qwen/Qwen3-30B-A3B", "fp16", "Qwen/Qwen3-30B-A3B"),
        ("openai/gpt-oss-120b", "mxfp4", "openai/gpt-oss-120b"),
        ("deepseek-ai/DeepSeek-V3.1-Terminus", "fp8", "deepseek-ai/DeepSeek-V3.1"),
        ("nvidia/Kimi-K2.5-NVFP4", "nvfp4", "nvidia/Kimi-K2.5-NVFP4"),
    ],
)
def test_an_id_names_its_checkpoint(name: str, precision: str, hf_id: str) -> None:
    model = models.find(name)
    assert (model.own, model.hf_id) == (precision, hf_id)


def test_gguf_is_refused_by_name() -> None:
    with pytest.raises(MisuseError, match="GGUF"):
        models.find("bartowski/Qwen3-8B-GGUF")


def test_an_fp8_kv_cache_is_asked_for_or_refused() -> None:
    gpu = gpus.find("H100")
    for name, want in (("Qwen3-8B", 0.5), ("DeepSeek-V3.2", 48_068 / 78_324), ("DeepSeek-R1", 0.5)):
        model = models.find(name)
        sixteen = memory.plan(model, "fp8", gpu, engines.default(gpu), 8).kv_per_token
        assert memory.plan(model, "fp8", gpu, engines.default(gpu), 8, kv="fp8").kv_per_token == sixteen * want
    old = gpus.find("V100-32")
    assert "no KV cache in fp8" in str(
        support.refusal(engines.default(old), old, "fp16", models.find("Qwen3-8B"), "fp8")
    )
    assert Workload().kv_cache_dtype == "" and make({"kv_cache_dtype": "FP8"}).kv_cache_dtype == "fp8"
    with pytest.raises(MisuseError, match="write auto or fp8"):
        make({"kv_cache_dtype": "fp5"})


@pytest.mark.parametrize(
    ("group", "left", "refused"),
    [(128, [], [1, 2, 4]), (32, [], [4]), (128, ["re:.*layers.0.mlp.*"], [])],
)
def test_int4_groups_of_a_mixture_s_dense_layer(
    tmp_path: Path, group: int, left: list[str], refused: list[int]
) -> None:
    # vLLM 0.26.0, measured on 2026-11-27: "Weight input_size_per_partition=10944 for layer
    # 'model.layers.0.mlp.down_proj' is not divisible by group_size=128".
    weights = {"num_bits": 4, "type": "int", "group_size": group, "strategy": "group", "symmetric": True}
    stored = {"quant_method": "compressed-tensors", "format": "pack-quantized", "ignore": ["lm_head", *left]}
    stored["config_groups"] = {"group_0": {"targets": ["Linear"], "weights": weights, "input_activations": None}}
    dense = {"intermediate_size": 10944, "first_k_dense_replace": 1, "n_routed_experts": 128, "num_attention_heads": 96}
    mixture = {"architectures": ["Glm4MoeForCausalLM"], "num_key_value_heads": 8, "moe_intermediate_size": 1408}
    model = load(tmp_path, {**MOE, **dense, **mixture, "quantization_config": stored})
    tps = [tp for tp in (1, 2, 4) if "cuts the quant" in str(memory.tp_refusal(model, model.own, tp) or "")]
    assert tps == refused


@pytest.mark.parametrize(
    ("name", "tp", "words", "spread"),
    [
        ("Qwen/Qwen3-235B-A22B-FP8", 8, "", True),
        ("Qwen/Qwen3-235B-A22B-FP8", 4, "", False),
        ("Qwen/Qwen3-30B-A3B-FP8", 4, "", True),
        ("Qwen/Qwen3-32B-FP8", 8, "", False),
        ("Qwen/Qwen3-32B-FP8", 16, "cuts the fp8 blocks", False),
        ("deepseek-ai/DeepSeek-R1", 16, "", False),
    ],
)
def test_fp8_blocks(name: str, tp: int, words: str, spread: bool) -> None:
    model = models.find(name)
    assert words in str(memory.tp_refusal(model, "fp8", tp) or "")
    assert memory.expert_parallel(model, "fp8", tp) is spread


def test_the_workload_s_engine_table_reaches_the_module(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work = tmp_path / "w.toml"
    work.write_text(
        'model = "Qwen/Qwen3-30B-A3B-FP8"\ninstance_type = ["g6.12xlarge"]\nprovider = ["aws"]\ninput_tokens = 8000\n'
        '[engine]\nname = "vllm"\nkv_cache_dtype = "fp8"\n',
        encoding="utf-8",
    )
    assert run(["emit-tf", "aws", str(work), "-o", str(tmp_path / "out")]) == 0, capsys.readouterr().err
    told = (tmp_path / "out" / "files" / "compose.yaml").read_text(encoding="utf-8")
    assert "--kv-cache-dtype" in told
    degree = int("".join(c for c in told.split("--tensor-parallel-size")[1][:12] if c.isdigit()))
    assert (768 // degree) % 128 == 0 or "--enable-expert-parallel" in told
    work.write_text('[engine]\nkv = "fp8"\n', encoding="utf-8")
    assert run(["quote", str(work)]) == 2
    assert "[engine] knows name and kv_cache_dtype" in capsys.readouterr().err


def test_models_are_searched(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "search", "glm", "air"]) == 0
    assert "zai-org/GLM-4.5-Air-FP8" in capsys.readouterr().out
    assert run(["models", "search", "gpt-5"]) == 1
    assert "no model has" in capsys.readouterr().err


def test_what_rests_on_no_row_and_what_a_licence_binds_is_said() -> None:
    gpu = gpus.find("H200")
    said = [str(n) for n in support.note(engines.default(gpu), gpu, "fp8", models.find("MiniMaxAI/MiniMax-M2.7"))]
    assert any("non-commercial" in n for n in said)
    said = [str(n) for n in support.note(engines.default(gpu), gpu, "mxfp4", models.find("openai/gpt-oss-120b"))]
    assert not any("no measured row" in n for n in said), "gpt-oss has been measured"


@pytest.mark.parametrize(
    ("stored", "width"),
    [
        ({"quant_method": "fp8", "kv_cache_scheme": {"num_bits": 8, "type": "float"}}, 0.5),
        ({"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}, 0.5),
        ({"quant_method": "fp8", "kv_cache_scheme": None}, 1.0),
        ({"quant_method": "fp8", "kv_cache_scheme": {"num_bits": 8, "type": "int"}}, 1.0),
    ],
)
def test_a_kv_cache_that_the_checkpoint_says_is_believed(tmp_path: Path, stored: dict[str, Any], width: float) -> None:
    model, gpu = load(tmp_path, DENSE | {"quantization_config": stored}), gpus.find("H100")
    engine = engines.parse("vllm@0.31.0")
    assert memory.plan(model, "fp8", gpu, engine, 1).width == width
    # Served in another width it is another checkpoint; and what is asked for counts before what is published.
    assert memory.plan(model, "fp16", gpu, engine, 1).width == 1.0
    assert memory.plan(model, "fp8", gpu, engine, 1, kv="fp8").width == 0.5


def test_a_card_without_an_fp8_cache_refuses_the_checkpoint_that_says_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load(tmp_path, DENSE | {"quantization_config": {"quant_method": "fp8", "kv_cache_scheme": {"num_bits": 8}}})
    path = str(tmp_path / "config.json")
    assert run(["size", "--model-config", path, "--gpu", "H100"]) == 0
    assert "0.0267 GiB per 1,000 tokens" in capsys.readouterr().out
    assert run(["size", "--model-config", path, "--gpu", "H100", "--engine", "sglang@0.5.9"]) == 2
    assert "has no KV cache in fp8" in capsys.readouterr().err
