"""The registry agrees with what model cards print; a local config.json is read with care."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from planner.errors import MisuseError, PlannerError
from planner.sizing import config, models

SIZABLE = [m for m in models.rows() if m.sizable]


@pytest.mark.parametrize("model", SIZABLE, ids=lambda m: m.name)
def test_computed_parameters_match_the_published(model: models.Model) -> None:
    published = float(re.match(r"[\d.]+", model.total_published)[0])  # type: ignore[index]
    # Cards round to 2 or 3 digits; Qwen2.5-32B prints 32.5 of 32.76.
    assert model.total_params / 1e9 == pytest.approx(published, rel=0.015)


@pytest.mark.parametrize(
    ("name", "kv"),
    [
        ("DeepSeek-R1-Distill-Qwen-7B", 57_344),
        ("DeepSeek-R1-Distill-Qwen-14B", 196_608),
        ("DeepSeek-R1-Distill-Qwen-32B", 262_144),
        ("DeepSeek-R1-Distill-Llama-70B", 327_680),
        ("deepseek-llm-7b", 491_520),
        ("DeepSeek-V2", 69_120),
        ("DeepSeek-V3", 70_272),
        ("DeepSeek-R1", 70_272),
        ("DeepSeek-V3.2", 61 * (2 * 576 + 132)),
    ],
)
def test_kv_bytes_per_token(name: str, kv: int) -> None:
    assert models.find(name).kv_bytes_per_token == kv


def test_active_parameters_of_mixtures() -> None:
    assert models.find("DeepSeek-V3").active_params / 1e9 == pytest.approx(37.55, abs=0.01)
    assert models.find("mixtral-8x7b").active_params / 1e9 == pytest.approx(12.9, abs=0.05)


@pytest.mark.parametrize(
    "name",
    [
        "deepseek-ai/DeepSeek-R1",
        "TheBloke/Llama-2-70B-GPTQ",
        "nvidia/Llama-3.1-8B-Instruct-FP8",
        "qwen/qwen3-32b",
        "RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w8a8",
        "mistralai/Mixtral-8x7B-Instruct-v0.1",
        "meta-llama/Llama-3.3-70B",
        "deepseek-r1-distill-qwen-7b",
    ],
)
def test_found_by_id_and_alias(name: str) -> None:
    assert models.find(name).sizable


def test_unknown_names_get_near_matches() -> None:
    with pytest.raises(MisuseError, match="DeepSeek-R1-Distill-Qwen-7B"):
        models.find("deepseek-r1-distil-qwen-7")
    with pytest.raises(MisuseError, match="no model is named"):
        models.find(" ")


def test_v41_is_known_but_not_sized() -> None:
    model = models.find("DeepSeek-V4.1-Flash")
    assert not model.sizable
    assert model.notes


def test_names_are_unique() -> None:
    seen: dict[str, str] = {}
    for model in models.rows():
        for name in {n.lower() for n in (model.name, model.hf_id, *model.aliases) if n}:
            assert seen.setdefault(name, model.name) == model.name, name


QWEN: dict[str, Any] = {
    "architectures": ["Qwen2ForCausalLM"],
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_attention_heads": 28,
    "num_hidden_layers": 28,
    "num_key_value_heads": 4,
    "vocab_size": 152064,
    "max_position_embeddings": 131072,
    "tie_word_embeddings": False,
}
V3: dict[str, Any] = {
    "architectures": ["DeepseekV3ForCausalLM"],
    "hidden_size": 7168,
    "intermediate_size": 18432,
    "num_attention_heads": 128,
    "num_hidden_layers": 61,
    "num_key_value_heads": 128,
    "vocab_size": 129280,
    "max_position_embeddings": 163840,
    "kv_lora_rank": 512,
    "q_lora_rank": 1536,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
    "n_routed_experts": 256,
    "n_shared_experts": 1,
    "num_experts_per_tok": 8,
    "moe_intermediate_size": 2048,
    "first_k_dense_replace": 3,
    "quantization_config": {"quant_method": "fp8"},
}


def write(folder: Path, data: object) -> str:
    path = folder / "config.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(("data", "name"), [(QWEN, "DeepSeek-R1-Distill-Qwen-7B"), (V3, "DeepSeek-V3")])
def test_a_config_gives_the_same_shape_as_the_registry(tmp_path: Path, data: dict[str, Any], name: str) -> None:
    mine, ours = config.load(write(tmp_path, data)), models.find(name)
    assert mine.total_params == ours.total_params
    assert mine.kv_bytes_per_token == ours.kv_bytes_per_token
    assert mine.active_params == ours.active_params
    assert mine.max_context == ours.max_context


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (json.dumps(QWEN)[:150], "is not JSON"),
        ("", "is not JSON"),
        ("[" * 100_000, "nested too deeply|is not JSON"),
        ([1], "holds a JSON list"),
        ({}, "names no architecture"),
        ({**QWEN, "architectures": ["GPT2LMHeadModel"]}, "'GPT2LMHeadModel' is not known"),
        ({**QWEN, "architectures": "Qwen2ForCausalLM"}, "names no architecture"),
        ({**QWEN, "hidden_size": None}, "`hidden_size`"),
        ({**QWEN, "hidden_size": "3584"}, "`hidden_size`"),
        ({**QWEN, "hidden_size": -1}, "`hidden_size`"),
        ({**QWEN, "num_hidden_layers": 10**9}, "`num_hidden_layers`"),
        ({**QWEN, "num_hidden_layers": True}, "`num_hidden_layers`"),
        ({**QWEN, "num_key_value_heads": 5}, "does not divide"),
        ({**QWEN, "num_attention_heads": 27}, "is not a multiple|does not divide"),
        ({**V3, "num_experts_per_tok": 300}, "more than the 256 experts"),
        ({**V3, "first_k_dense_replace": 99}, "more than the 61 layers"),
        ({**QWEN, "filler": "x" * 1_000_001}, "more than the limit"),
    ],
)
def test_bad_configs_are_refused_with_the_reason(tmp_path: Path, data: object, message: str) -> None:
    path = write(tmp_path, data)
    with pytest.raises(MisuseError, match=message) as caught:
        config.load(path)
    assert path in str(caught.value)


def test_a_config_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="cannot read"):
        config.load(str(tmp_path / "none.json"))
    with pytest.raises(MisuseError, match="cannot read"):
        config.load(str(tmp_path))
    (tmp_path / "b.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MisuseError, match="not UTF-8"):
        config.load(str(tmp_path / "b.json"))


def test_a_row_of_an_unknown_architecture_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = Path(models._DATA).read_text(encoding="utf-8").splitlines()
    for change, words in (("GPT2LMHeadModel", "is not known"), ("DeepseekV41ForCausalLM", "cannot be sized")):
        path = tmp_path / "models.csv"
        path.write_text("\n".join([lines[0], lines[1].replace("Qwen2ForCausalLM", change)]), encoding="utf-8")
        monkeypatch.setattr(models, "_DATA", str(path))
        with pytest.raises(PlannerError, match=words):
            models.rows()


def test_the_blocks_of_an_fp8_checkpoint_are_read(tmp_path: Path) -> None:
    method = {"quant_method": "fp8", "weight_block_size": [128, 128]}
    assert config.load(write(tmp_path, {**V3, "quantization_config": method})).published == "fp8-block"
    assert config.load(write(tmp_path, V3)).published == "fp8"
    assert config.load(write(tmp_path, QWEN)).published == "16"


def test_somebodys_copy_of_a_known_model_is_that_model_from_that_owner() -> None:
    copy = models.find("unsloth/Llama-3.3-70B-Instruct")
    own = models.find("meta-llama/Llama-3.3-70B-Instruct")
    assert (copy.name, copy.hf_id, copy.modelscope_id) == (
        "Llama-3.3-70B-Instruct",
        "unsloth/Llama-3.3-70B-Instruct",
        "",
    )
    assert copy.total_params == own.total_params
    for name in ("nobody/Llama-9", "a/b/Qwen3-32B", "unsloth/"):
        with pytest.raises(MisuseError, match="unknown model"):
            models.find(name)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Qwen3 32B", "Qwen3-32B"),
        (" qwen/qwen3-32b ", "Qwen3-32B"),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "Llama-3.1-8B"),
        ("Meta-Llama-3.1-70B", "Llama-3.1-70B"),
        ("meta-llama/Meta-Llama-3.1-405B-Instruct", "Llama-3.1-405B"),
    ],
)
def test_names_as_people_write_them(written: str, name: str) -> None:
    assert models.find(written).name == name


def test_models_are_searched_by_names_then_by_kind(capsys: pytest.CaptureFixture[str]) -> None:
    from planner.cli import run

    def found(*words: str) -> list[str]:
        code = run(["models", "search", *words])
        lines = capsys.readouterr().out.splitlines()
        assert (code == 0) == bool(lines)
        return [line.partition(":")[0] for line in lines]

    assert found("GLM Air") == found("glm", "air") == ["GLM-4.5-Air"]
    assert {"DeepSeek-V3", "DeepSeek-V2-Lite"} <= set(found("mla"))
    assert set(found("moe", "mxfp4")) >= {"gpt-oss-20b", "gpt-oss-120b"}
    assert found("nothing has this") == []
    run(["models", "search", "glm", "air", "--format", "json"])
    assert '"name": "GLM-4.5-Air"' in capsys.readouterr().out
