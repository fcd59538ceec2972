"""Models whose blocks differ: Mamba-2 beside attention (Nemotron-H), and heads and MLPs of each layer's own (DeciLM)."""

import json
from pathlib import Path
from typing import Any

import pytest

from planner.errors import MisuseError
from planner.sizing import config, models
from planner.sizing.machine import on_machine
from planner.sizing.memory import weight_bytes
from planner.workload import Workload

NANO: dict[str, Any] = {
    "architectures": ["NemotronHForCausalLM"],
    "num_hidden_layers": 52,
    "hidden_size": 2688,
    "num_attention_heads": 32,
    "num_key_value_heads": 2,
    "head_dim": 128,
    "intermediate_size": 1856,
    "moe_intermediate_size": 1856,
    "n_routed_experts": 128,
    "n_shared_experts": 1,
    "num_experts_per_tok": 6,
    "vocab_size": 131072,
    "max_position_embeddings": 262144,
    "hybrid_override_pattern": "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME",
    "mamba_num_heads": 64,
    "mamba_head_dim": 64,
    "ssm_state_size": 128,
    "n_groups": 8,
    "conv_kernel": 4,
    "moe_shared_expert_intermediate_size": 3712,
}
SUPER: dict[str, Any] = {
    "architectures": ["DeciLMForCausalLM"],
    "num_hidden_layers": 3,
    "hidden_size": 8192,
    "num_attention_heads": 64,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "block_configs": [
        {"attention": {"n_heads_in_group": 8, "no_op": False}, "ffn": {"ffn_mult": 5.25, "no_op": False}},
        {"attention": {"no_op": True}, "ffn": {"ffn_mult": 1.0, "no_op": False}},
        {"attention": {"no_op": False, "n_heads_in_group": 16}, "ffn": {"no_op": True}},
    ],
}


def read(folder: Path, data: dict[str, Any]) -> models.Model:
    (folder / "config.json").write_text(json.dumps(data), encoding="utf-8")
    return config.load(str(folder))


def test_nemotron_nano(tmp_path: Path) -> None:
    """31.58 billion parameters; 6,144 bytes a token in six layers; 49 MB of state in 23 (facts of its maker's config)."""
    m = read(tmp_path, NANO)
    assert m.total_params == pytest.approx(31.58e9, rel=0.001)
    assert m.kv_bytes_per_token == 6144
    assert m.state == pytest.approx(49e6, rel=0.005)
    assert (m.layers, m.mixtures, m.full_layers) == (29, 23, 6)
    row = models.find("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16")
    assert (row.total_params, row.state, row.kv_bytes_per_token) == (m.total_params, m.state, 6144)


@pytest.mark.parametrize(
    ("name", "billions", "cache", "state"),
    [
        ("Nemotron-3-Super-120B-A12B", 120.67, 8192, 170e6),
        ("Nemotron-3-Ultra-550B-A55B", 549.3, 12288, 408e6),
        ("Nemotron-H-56B", 56.3, 40960, 913e6),
    ],
)
def test_the_rest_of_the_family(name: str, billions: float, cache: int, state: float) -> None:
    m = models.find(name)
    assert m.total_params == pytest.approx(billions * 1e9, rel=0.002)
    assert m.kv_bytes_per_token == cache
    assert m.state == pytest.approx(state, rel=0.005)


def test_a_speed_that_rests_on_nothing_says_so() -> None:
    asked = Workload(model="Nemotron-3-Nano-30B-A3B", precision="bf16", concurrency=64)
    assert any("no measured row has Mamba-2" in str(w) for w in on_machine(asked, "H100", 1.0).warnings)


def test_blocks_in_words_and_without_a_count(tmp_path: Path) -> None:
    words = {"M": "mamba", "*": "attention", "E": "moe"}
    listed = [words[k] for k in NANO["hybrid_override_pattern"]]
    changed = {k: v for k, v in NANO.items() if k not in ("hybrid_override_pattern", "num_hidden_layers")}
    plain = read(tmp_path, NANO)
    assert read(tmp_path, {**changed, "layers_block_type": listed}).total_params == plain.total_params


@pytest.mark.parametrize("pattern", ["", "MXE", 7, ["mamba", "rnn"]])
def test_blocks_that_are_not_known_are_named(tmp_path: Path, pattern: object) -> None:
    with pytest.raises(MisuseError, match="hybrid_override_pattern"):
        read(tmp_path, {**NANO, "hybrid_override_pattern": pattern})


def test_each_layer_s_own_heads_and_mlp(tmp_path: Path) -> None:
    m = read(tmp_path, SUPER)
    assert m.kv_bytes_per_token == 2 * 2 * 128 * (8 + 4)
    wide, narrow = 28672, 5632  # 2 x 5.25 x 8192 / 3; 2 x 8192 / 3 rounded up to 256
    assert m.dense_params == 3 * 8192 * (wide + narrow)
    assert m.attention_params == 2 * 8192 * 128 * (64 + 8 + 64 + 4)
    assert weight_bytes(m, "bf16") == 2.0 * m.total_params
    assert m.kv_heads == 4


@pytest.mark.parametrize(
    "blocks", [None, [], [{}], [{"attention": {"n_heads_in_group": 0}, "ffn": {}}] * 3, [{"attention": {}}] * 3]
)
def test_a_layer_without_a_shape_is_named(tmp_path: Path, blocks: object) -> None:
    with pytest.raises(MisuseError, match=r"config\.json: field"):
        read(tmp_path, {**SUPER, "block_configs": blocks})


@pytest.mark.parametrize("name", ["Qwen3.8-2.4T-A95B", "DeepSeek-V4.1-Flash", "nvidia/Llama-3_3-Nemotron-Super-49B-v1"])
def test_what_is_not_sized_says_which_fact_is_missing(name: str) -> None:
    assert models.find(name).notes.startswith("not known")
