"""A module's record and HCL are not believed: what is damaged is refused in one sentence (`make fuzz` tries 20,000)."""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from planner import Workload, emit, quote
from planner.errors import MisuseError, PlannerError
from planner.terraform.readback import module_of
from tests.damage import damaged, places

TIMES = int(os.environ.get("PLANNER_FUZZ", "300"))


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("module")
    made = quote(Workload(provider=("aws",), instance_type=("p4d.24xlarge",), name="x"))
    for name, text in emit(made).items():
        if "/" not in name:
            (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def record(module: Path) -> Any:
    path = module / "planner.json"
    text = path.read_text(encoding="utf-8")
    yield path
    path.write_text(text, encoding="utf-8")


def _change(path: Path, *keys: str, value: Any) -> None:
    tree = inner = json.loads(path.read_text(encoding="utf-8"))
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    path.write_text(json.dumps(tree), encoding="utf-8")


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        (("cost", "effective"), "NaN", "cost.effective"),
        (("cost", "billed"), "-1", "cost.billed"),
        (("cost", "currency"), "XXX", "cost.currency: unknown currency"),
        (("workload", "hours"), "1e999999999", "workload: --hours"),
        (("workload", "model_config"), [1], "workload: --model-config: expected text"),
        (("workload", "rps"), "1" * 61, "workload: --rps"),
        (("workload",), 7, "workload: expected an object"),
        (("provider",), "../../x", "../../x"),
        (("offer",), "\x1b[31m", "offer: expected text without control characters"),
        (("quote",), None, "quote: expected text"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_record_that_cannot_be_is_refused_with_its_place(
    record: Path, keys: tuple[str, ...], value: Any, said: str
) -> None:
    _change(record, *keys, value=value)
    with pytest.raises(MisuseError) as caught:
        module_of(str(record.parent))
    assert said in str(caught.value)
    assert str(record) in str(caught.value)


def test_a_number_is_a_name_of_a_file_not_an_open_one(record: Path) -> None:
    _change(record, "workload", "model_config", value=1)
    assert module_of(str(record.parent)).workload.model_config == "1"


@pytest.mark.fuzz
@pytest.mark.parametrize("name", ["planner.json", "main.tf"])
def test_damage_is_never_a_traceback(module: Path, name: str) -> None:
    path, kinds = module / name, Counter[str]()
    if not path.exists():
        pytest.fail(f"the module has no {name}: {sorted(os.listdir(module))}")
    text, rng = path.read_text(encoding="utf-8"), random.Random(20261126)
    where = list(places(json.loads(text))) if name.endswith(".json") else []
    try:
        for number in range(TIMES):
            path.write_bytes(damaged(text, rng, where))
            begun = time.process_time()
            try:
                module_of(str(module))
                kinds["read"] += 1
            except PlannerError as exc:
                kinds["refused" if len(str(exc)) < 1000 else "told at length"] += 1
            assert time.process_time() - begun < 2, f"number {number} took too long"
    finally:
        path.write_text(text, encoding="utf-8")
    assert kinds["refused"] > TIMES // 20
    assert not kinds["told at length"]
