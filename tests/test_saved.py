"""Saved quotes are not believed: whatever they say is held to what it is made of, and damage is refused in one sentence.

`PLANNER_FUZZ` is how often each kind is tried (300 in CI, 20,000 by hand: `make fuzz`); the seed is fixed.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import time
from collections import Counter
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from planner import Quote, Workload, quote, render
from planner.cli import run
from planner.errors import MisuseError, PlannerError
from planner.quoting import saved
from planner.rendering import formats
from tests.damage import damaged, places

TIMES = int(os.environ.get("PLANNER_FUZZ", "300"))
WORK = Workload(
    instance_type=("p4d.24xlarge", "ecs.gn7i-c16g1.4xlarge"),
    region=("us-east-1", "cn-beijing"),
    hours=Decimal(2190),
    start="2026-12-01",
    egress_gb=Decimal(50_000),
    storage_gb=Decimal(100),
    public_ips=1,
    budget=Decimal(10_000_000),
    fx=(("USDCNY", Decimal("7.1")),),
    currency="CNY",
)


@cache
def whole() -> tuple[Quote, str]:
    made = quote(WORK)
    text = render(made, "json")
    return made, text if isinstance(text, str) else text.decode()


def changed(change: Any) -> str:
    """Return the saved quote with `change` made to its tree."""
    tree = json.loads(whole()[1])
    change(tree)
    return json.dumps(tree)


def test_a_quote_comes_back_as_it_was_and_says_nothing() -> None:
    made, text = whole()
    again = saved.load(text)
    assert again == made
    assert saved.altered(again) is None


def _totals(tree: Any) -> None:
    for offer in tree["offers"]:
        for amounts in (offer["totals"], offer["totals"]["native"]):
            amounts.update(dict.fromkeys(("list", "effective", "billed", "committed", "obligation"), "1"))


def _at(*path: Any, value: Any) -> Any:
    def change(tree: Any) -> None:
        for key in path[:-1]:
            tree = tree[key]
        tree[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_totals, "offers[0].totals.native.list is '1', but what it is made of gives"),
        (_at("offers", 0, "totals", "billed", value="NaN"), "offers[0].totals.billed"),
        (_at("offers", 0, "lines", 0, "rates", 0, "amount", value="NaN"), "offers[0].lines[0].amount"),
        (_at("offers", 0, "lines", 0, "rates", 0, "amount", value="-1"), "outside 0 to 10^15"),
        (_at("offers", 0, "lines", 0, "rates", 0, "amount", value="1E+999999"), "not a plain decimal number"),
        (_at("offers", 0, "lines", 0, "count", value=10**30), "offers[0].lines[0].count: expected a whole number"),
        (_at("offers", 0, "lines", 0, "rule", value="guess"), "offers[0].lines[0].rule: unknown 'guess'"),
        (_at("offers", 0, "lines", 0, "each", value=1), "offers[0].lines[0].each: expected a number in quotes, got 1"),
        (_at("offers", 0, "count", value=7), "offers[0].count is 7"),
        (_at("offers", 0, "vcpu", value="many"), "offers[0].machine.vcpu: expected a whole number"),
        (_at("offers", 0, "id", value="aws"), "offers[0].id is 'aws'"),
        (_at("offers", 0, "cost_per_million_output", value="0"), "offers[0].cost_per_million_output is '0'"),
        (_at("recommended", "id", value="another"), "recommended is 'another'"),
        (_at("budget", "fits", value=False), "budget is"),
        (_at("months", value=10**9), "months is 1000000000"),
        (_at("hours", value="1e999999999"), "hours"),
        (_at("workload", "hours", value="1e999999999"), "workload: --hours"),
        (_at("workload", "model_config", value=[1]), "workload: --model-config: expected text"),
        (_at("workload", "start", value="9999-13-01"), "workload: --start"),
        (_at("quoted_on", value="today"), "quoted_on"),
        (_at("fx", 0, "rate", value="0"), "no exchange rate"),
        (_at("sources", 0, "text", value="\x1b[31mred"), "sources[0].text: expected text without control characters"),
        (_at("words", "x {y}", value=["x {y:>1000000000}", {"y": "1"}]), "words"),
        (_at("words", "x", value=["x {y.__class__}", {"y": "1"}]), "words"),
        (_at("offers", value={}), "offers: expected a list"),
        (_at("offers", 0, "lines", value=[]), "offers[0].charges: "),
    ],
)
def test_what_does_not_follow_is_refused_with_its_place(change: Any, said: str) -> None:
    with pytest.raises(MisuseError) as caught:
        saved.load(changed(change), "q.json")
    assert str(caught.value).startswith("q.json: ")
    assert said in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "change",
    [
        _at("offers", 0, "vcpu", value=1),
        _at("offers", 0, "notes", value=["ask me"]),
        _at("hash", value="0" * 12),
        _at("gaps", value=[]),
        lambda tree: None,
    ],
    ids=["machine", "note", "hash", "gaps", "layout"],
)
def test_content_that_follows_but_was_changed_is_said_in_every_output(change: Any) -> None:
    made = saved.load(changed(change), "q.json")
    assert saved.altered(made) == saved.ALTERED
    for name in ("table", "markdown"):
        assert str(saved.ALTERED) in str(formats.render(made, name))


def _tried(text: str, kinds: Counter[str]) -> None:
    rng, where = random.Random(20261126), list(places(json.loads(text)))
    usual = saved.load(text)
    for number in range(TIMES):
        data, begun = damaged(text, rng, where), time.process_time()
        try:
            made = saved.load(data.decode(), "q.json")
            for form in ("table", "json", "focus"):
                formats.render(made, form)
        except UnicodeDecodeError:
            kinds["not text"] += 1
            continue
        except PlannerError as exc:
            kinds["refused" if len(str(exc)) < 1000 else "told at length"] += 1
        else:
            assert made == usual or saved.altered(made), f"number {number} was believed"
            kinds["the same" if made == usual else "said"] += 1
        assert time.process_time() - begun < 2, f"number {number} took too long"


@pytest.mark.fuzz
def test_damage_is_refused_or_said_and_never_a_traceback() -> None:
    kinds: Counter[str] = Counter()
    _tried(whole()[1], kinds)
    assert kinds["refused"] > TIMES // 2
    assert kinds["said"]
    assert not kinds["told at length"]


OLD = Path(__file__).parent / "compat" / "quote-reserved.json.gz"


@pytest.mark.fuzz
def test_damage_to_a_quote_of_the_first_release() -> None:
    kinds: Counter[str] = Counter()
    text = gzip.decompress(OLD.read_bytes()).decode()
    tree = json.loads(text)
    tree["offers"] = tree["offers"][:3]
    names = {f"{o['provider']}:{o['instance_type']}" for o in tree["offers"]}
    tree["sizing_steps"] = {k: v for k, v in tree["sizing_steps"].items() if k in names}
    rng, where = random.Random(1), list(places(tree))
    small = json.dumps(tree)
    for _ in range(TIMES):
        try:
            made = saved.load(damaged(small, rng, where).decode(), "q.json")
            for form in ("table", "json"):
                formats.render(made, form)
            kinds["read"] += 1
        except UnicodeDecodeError:
            continue
        except PlannerError:
            kinds["refused"] += 1
    assert kinds["refused"] > TIMES // 3


@pytest.mark.parametrize(
    "command",
    [
        ("quote", "--replay", "{}"),
        ("quote", "--replay", "{}", "--format", "json"),
        ("explain", "--replay", "{}"),
        ("diff", "{}", "{}"),
        ("emit-tf", "aws", "--quote", "{}", "-o", "{}-module"),
    ],
    ids=" ".join,
)
def test_every_command_warns_of_a_changed_file_and_strict_stops(
    command: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "q.json"
    words = [word.format(path) for word in command]

    def said(text: str, *more: str) -> tuple[int, str, str]:
        path.write_text(text, encoding="utf-8")
        code = run([*words, *more])
        return (code, *capsys.readouterr())

    code, _, errors = said(whole()[1])
    assert (code, errors) == (0, "")
    touched = changed(_at("hash", value="0" * 12))
    code, _, errors = said(touched, *(["--force"] if "emit-tf" in words else []))
    assert code == 0
    assert errors == f"planner: warning: {path}: {saved.ALTERED}\n" * words.count(str(path))
    assert said(touched, "--strict") == (1, "", f"planner: {path}: {saved.ALTERED} [E100]\n")
