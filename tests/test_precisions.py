"""Words for precisions are understood, or refused with the reason; half a model's name is told the whole."""

from __future__ import annotations

import pytest

from planner.errors import MisuseError
from planner.precisions import PRECISIONS, precision_of
from planner.sizing import models
from planner.sizing.naming import alike
from planner.workload import make
from tests.conftest import Run, make_quote

MEANT = {
    "int4": "int4-w4a16",
    "INT4": "int4-w4a16",
    "4bit": "int4-w4a16",
    "w4a16": "int4-w4a16",
    "awq": "int4-awq",
    "int4_awq": "int4-awq",
    "gptq": "int4-gptq",
    "gptq-int8": "int8-w8a16",
    "8bit": "int8-w8a16",
    "w8a8": "int8",
    "int8-w8a8": "int8",
    "float16": "fp16",
    "bfloat16": "bf16",
    "fp8_e4m3": "fp8",
    "auto": "auto",
}


@pytest.mark.parametrize(("said", "want"), [*MEANT.items(), *((p, p) for p in PRECISIONS)])
def test_a_word_is_understood(said: str, want: str) -> None:
    assert precision_of(said, "--precision") == want
    assert make({"precision": said}).precision == want


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        *((word, "quantises while it loads") for word in ("nf4", "bnb", "bitsandbytes", "BitsAndBytes", "bnb_4bit")),
        ("bnb-8bit", "int8-w8a16 is 8 bits"),
        *((word, "GGUF") for word in ("gguf", "q4_k_m", "Q8_0", "q5-k-s")),
        ("mlx", "MLX"),
        ("exl2", "EXL2"),
        ("fp32", "bf16 or fp16"),
        ("fp4", "nvfp4"),
        ("int2", "so few bits"),
        ("1.58bit", "so few bits"),
        ("hqq", "how fast an engine serves it"),
        ("AutoRound", "GPTQ or AWQ"),
        ("marlin", "by itself"),
        ("bitsandbytes-4bit", "quantises while it loads"),
    ],
)
def test_a_word_is_refused_with_the_reason(said: str, reason: str) -> None:
    with pytest.raises(MisuseError, match="is known, but not sized") as caught:
        precision_of(said, "--precision")
    assert reason in str(caught.value)


@pytest.mark.parametrize("said", ["", "int5", "x" * 5000, "int4\n", 4, None])
def test_others_are_unknown(said: object) -> None:
    if said == "int4\n":
        assert precision_of(said, "--precision") == "int4-w4a16"
        return
    with pytest.raises(MisuseError, match="unknown precision"):
        precision_of(said, "--precision")


def test_int4_is_quoted_with_its_bill(planner: Run) -> None:
    """The bill around the machines is of a checkpoint made in that precision, which a module is told by --checkpoint."""
    done = planner("quote", "--precision", "int4", "--provider", "aws", "--gpu", "A10G")
    assert done.returncode == 0, done.stderr
    assert "at int4-w4a16" in done.stdout
    assert "Around the machines" in done.stdout


def test_a_quote_says_the_precision_that_was_meant() -> None:
    assert make_quote(precision="awq", provider="aws", gpu="A10G").workload.precision == "int4-awq"


@pytest.mark.parametrize(
    ("said", "first"),
    [
        ("deepseek/7b", "deepseek-llm-7b"),
        ("deepseek-7b", "deepseek-llm-7b"),
        ("DeepSeek/67B", "deepseek-llm-67b"),
        ("deepseek/1.5b", "DeepSeek-R1-Distill-Qwen-1.5B"),
        ("deepseek/r1", "DeepSeek-R1"),
        ("r1", "DeepSeek-R1"),
        ("deepseek/v3", "DeepSeek-V3"),
        ("qwen/7b", "Qwen2-7B"),
    ],
)
def test_half_a_name_is_told_the_whole(said: str, first: str) -> None:
    with pytest.raises(MisuseError, match=f"did you mean {first}[,?]"):
        models.find(said)


def test_a_misspelt_name_is_told_what_is_spelled_nearly_so() -> None:
    with pytest.raises(MisuseError, match=r"did you mean DeepSeek-R1"):
        models.find("DeepSek-R1")
    assert alike("deepseek", ["DeepSeek-R1"]) == []
    assert alike("9b", ["Qwen2-7B"]) == []
    assert alike("//--", ["Qwen2-7B"]) == []
