"""Every sentence of the sizing is a `Text` whose key has a Chinese row; nothing has to be read back to be translated."""

from __future__ import annotations

import ast
import re
from decimal import Decimal
from pathlib import Path

import pytest

from planner import i18n
from planner.sizing import engines, gpus, support
from planner.sizing.engines import Host
from planner.sizing.fit import case_of, chosen
from planner.sizing.layout import options
from planner.sizing.models import find
from planner.text import Text
from planner.workload import Workload

FOLDER = Path(engines.__file__).parent
ROWS = {english: chinese for _, english, chinese in i18n.rows()}
#: Numbers alone read the same in every language.
SAME = {"", "{numbers}", "{osl} / ({isl} / {prompt} + {osl} / {rate})"}


def keys() -> set[str]:
    """Return the keys that the modules give to `text` and `Text`, directly or by a variable called key or holds."""
    found = set()
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("text", "Text") and node.args:
                found.add(getattr(node.args[0], "value", None))
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in ("key", "holds"):
                found.add(getattr(node.value, "value", None))
    return {key for key in found if isinstance(key, str)}


def test_every_sentence_has_its_chinese() -> None:
    assert len(keys()) > 60
    assert sorted(keys() - SAME - set(ROWS)) == []


def test_gaps_are_the_same_in_both_languages() -> None:
    for key in keys() & set(ROWS):
        gaps = set(re.findall(r"\{(\w+)\}", key))
        assert set(re.findall(r"\{(\w+)(?:!t)?\}", ROWS[key])) == gaps, key


@pytest.mark.parametrize("values", [{}, {"rps": Decimal(5)}, {"concurrency": 900, "spare": 1}, {"tpot_ms": Decimal(1)}])
def test_an_answer_is_worded_whole_in_chinese(values: dict[str, object]) -> None:
    t = i18n.translator("zh")
    for name, number in (("A100-40", 8), ("V100-32", 8), ("A10", 1)):
        load = Workload(**values).load  # type: ignore[arg-type]
        case = case_of(load, (name, None, number), Host())
        assert not isinstance(case[0], str)
        plans = options(case.model, case.load.precision, case.gpu, case.engine, gpus=case.cards, context=1536)  # type: ignore[union-attr]
        made = chosen(case, plans)  # type: ignore[arg-type]
        said = [*made.reasons, *made.warnings, *(s.what for s in made.steps), *(s.formula for s in made.steps)]
        assert said
        for sentence in said:
            assert isinstance(sentence, Text)
            words = re.sub(
                r"[A-Z][\w.@-]*|\b(?:tp|x|token|ms|ns|min|ceil|tpot|ttft|docs/sizing.md)\b|[\d.e+-]+",
                " ",
                t.say(sentence),
            )
            assert not re.search(r"[a-z]{3,}", words), (t.say(sentence), words)


def test_a_refusal_says_its_values() -> None:
    said = support.refusal(engines.parse("vllm@0.31.0"), gpus.find("V100-32"), "fp16", find("Qwen3-8B"))
    assert dict(said.values)["engine"] == "vLLM@0.31.0"
    assert i18n.translator("zh").say(said).startswith("vLLM@0.31.0 没有适用于 V100-SXM2-32GB")
