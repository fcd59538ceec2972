"""Which checkpoint is downloaded: the one that was named, on the hub that the region reaches, and never its sister."""

from __future__ import annotations

import csv
import os

import pytest

from planner.errors import MisuseError
from planner.files import DATA
from planner.sizing import models
from planner.terraform import checkpoints

SHA = "0123456789abcdef0123456789abcdef01234567"


def found(asked: str, given: str = "", mainland: bool = False) -> checkpoints.Checkpoint:
    return checkpoints.find(models.find(asked), asked, given, mainland)


@pytest.mark.parametrize(
    ("asked", "hf_id"),
    [
        ("Mixtral-8x7B-v0.1", "mistralai/Mixtral-8x7B-v0.1"),
        ("mistralai/Mixtral-8x7B-v0.1", "mistralai/Mixtral-8x7B-v0.1"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mistralai/Mixtral-8x7B-Instruct-v0.1"),
        ("Mixtral-8x7B-Instruct-v0.1", "mistralai/Mixtral-8x7B-Instruct-v0.1"),
        ("meta-llama/Llama-3.1-8B", "meta-llama/Llama-3.1-8B"),
        ("Qwen/Qwen2.5-7B", "Qwen/Qwen2.5-7B"),
        ("Qwen/Qwen2.5-7B-Instruct", "Qwen/Qwen2.5-7B-Instruct"),
        ("DeepSeek-V3-0324", "deepseek-ai/DeepSeek-V3-0324"),
        ("deepseek-ai/DeepSeek-R1-0528", "deepseek-ai/DeepSeek-R1-0528"),
        ("mistralai/Mistral-7B-v0.3", "mistralai/Mistral-7B-v0.3"),
        ("meta-llama/Llama-3.3-70B-Instruct", "meta-llama/Llama-3.3-70B-Instruct"),
    ],
)
def test_what_is_named_is_what_is_served(asked: str, hf_id: str) -> None:
    hub = found(asked)
    assert hub.hf_id == hf_id and not hub.revision
    assert hub.served == (models.find(asked).name if hf_id == models.find(asked).hf_id else hf_id.rpartition("/")[2])


def test_a_short_name_that_a_base_model_has_too_is_said() -> None:
    hub = found("Qwen2.5-7B")
    assert hub.hf_id == "Qwen/Qwen2.5-7B-Instruct"
    assert str(hub.note) == "Qwen2.5-7B is served as Qwen/Qwen2.5-7B-Instruct; for the base model: --checkpoint Qwen/Qwen2.5-7B"
    assert not found("Qwen/Qwen2.5-7B").note and not found("DeepSeek-R1").note


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        ("Mistral-7B", "LLM-Research/Mistral-7B-Instruct-v0.3"),
        ("Mixtral-8x7B-v0.1", "AI-ModelScope/Mixtral-8x7B-v0.1"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "AI-ModelScope/Mixtral-8x7B-Instruct-v0.1"),
        ("Llama-3.1-8B", "LLM-Research/Meta-Llama-3.1-8B-Instruct"),
        ("deepseek-ai/DeepSeek-V3-0324", "deepseek-ai/DeepSeek-V3-0324"),
        ("phi-4", "LLM-Research/phi-4"),
    ],
)
def test_mainland_china_gets_the_id_of_its_own_hub(asked: str, there: str) -> None:
    assert found(asked, mainland=True).modelscope_id == there


def test_an_id_of_hugging_face_that_is_named_is_looked_up_there_too() -> None:
    assert found("Qwen2.5-7B", "mistralai/Mixtral-8x7B-v0.1", mainland=True).modelscope_id == "AI-ModelScope/Mixtral-8x7B-v0.1"
    assert found("Qwen2.5-7B", "my-org/Own", mainland=True).modelscope_id == "my-org/Own"


def test_a_hub_without_the_model_says_what_to_do() -> None:
    with pytest.raises(MisuseError, match=r"no id of meta-llama/Llama-3\.1-70B on ModelScope is known.*--checkpoint ORG/NAME"):
        found("Llama-3.1-70B", mainland=True)


def test_every_model_has_an_id_on_modelscope_or_the_way_out() -> None:
    for name in models.names():
        try:
            hub = found(name, mainland=True)
        except MisuseError as error:
            assert "--checkpoint ORG/NAME" in str(error)  # noqa: PT017 - either is right
        else:
            assert "/" in hub.modelscope_id, name


def test_a_revision_is_forty_digits() -> None:
    assert found("Qwen2.5-7B", f"Qwen/Qwen2.5-7B@{SHA}").revision == SHA
    for wrong in ("Qwen/Qwen2.5-7B@main", "Qwen/Qwen2.5-7B@" + SHA[:12], "Qwen/Qwen2.5-7B@", f"Qwen@{SHA}", "a/b/c"):
        with pytest.raises(MisuseError, match="40 hex digits"):
            found("Qwen2.5-7B", wrong)


def test_the_table_is_whole() -> None:
    with open(os.path.join(DATA, "modelscope.csv"), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({r["hf_id"].lower() for r in rows}) == len(rows) >= 20
    assert all("/" in r["modelscope_id"] and r["source"] and r["as_of"] for r in rows)
