"""Errors have a code each that stays, that the docs explain, and that the line ends with."""

from __future__ import annotations

import re

import pytest

from planner import errors
from planner.cli.terminal import OutputError
from tests.conftest import ROOT, Run

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.PlannerError)]
ROWS = {
    row[0]: int(row[1])
    for row in re.findall(
        r"^\| (E\d{3}) \| (\d) \| [^|]{10,} \| [^|]{10,} \|$", (ROOT / "docs/errors.md").read_text("utf-8"), re.M
    )
}


def test_each_kind_has_a_code_of_its_own_that_the_docs_explain() -> None:
    codes = [kind.code for kind in (*KINDS, OutputError)]
    assert len(set(codes)) == len(codes) > 8
    for kind in (*KINDS, OutputError):
        assert ROWS[kind.code] == kind.exit_code, kind
    source = (ROOT / "planner/cli/__init__.py").read_text("utf-8")
    assert set(re.findall(r'"(E\d{3})"', source)) | set(codes) == set(ROWS)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("quote --model nothing-like-it", "E200"),
        ("quote --no-such-option", "E201"),
        ("quote --budget 1", "E102"),
        ("quote --strict", "E104"),
        ("quote --model DeepSeek-R1 --precision bf16 --gpu T4", "E103"),
        ("quote -o /proc/nowhere/q.json --format json", "E200"),
    ],
)
def test_the_line_ends_with_it(planner: Run, words: str, code: str) -> None:
    done = planner(*words.split())
    last = done.stderr.splitlines()[-1]
    assert re.search(rf" \[{code}\]$", last), last
    assert done.returncode == ROWS[re.findall(r"E\d{3}", last)[-1]]
