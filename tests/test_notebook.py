"""What a notebook shows: the terminal's numbers, escaped; data frames that stay exact; an example that runs as it is stored."""

from __future__ import annotations

import json
import re
import sys
from decimal import Decimal
from html import unescape
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import pytest

from planner.api import diff, render, size
from planner.errors import MisuseError, PlannerError
from planner.quoting.records import Quote
from planner.rendering import frames
from planner.rendering.sizing import rates
from tests.conftest import ROOT, make_quote
from tools import notebook

D = Decimal
HOSTILE = "<script>alert(1)</script>&\"'"


class Cells(HTMLParser):
    """The texts of a table's cells; complains of what a small table does not need."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert all(name in ("style", "scope") for name, _ in attrs), attrs
        if tag in ("td", "th"):
            self.cells.append("")
        self.inside = tag in ("td", "th") or (tag == "b" and self.inside)

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.cells[-1] += data


def shown(record: Any) -> tuple[str, list[str]]:
    text = record._repr_html_()
    parser = Cells()
    parser.feed(text)
    assert parser.tags <= set("div b table thead tbody tr th td".split())
    return text, parser.cells


@pytest.fixture(scope="module")
def small() -> Quote:
    return make_quote(instance_type=("p4d.24xlarge", "g6.xlarge"), name=HOSTILE)


def test_a_quote_shows_the_terminal_s_table(small: Quote) -> None:
    text, cells = shown(small)
    terminal = str(render(small, "table", width=110))
    table = terminal[terminal.index("\nAmounts in") :]
    rows = [line for line in table.splitlines() if line.startswith(("> ", "  ")) and "more offers" not in line]
    amount = re.compile(r"[\d,]+\.\d\d")
    assert len(cells) > 30 and amount.findall("\n".join(rows)) == amount.findall("\n".join(cells))
    assert unescape(re.sub("<[^>]+>", "", text)).startswith(terminal.splitlines()[0][:60])
    assert "<script" not in text and "&lt;script&gt;" in text and len(text) < 20_000


def test_a_sizing_shows_the_numbers_of_planner_size() -> None:
    s = size("DeepSeek-R1-Distill-Qwen-7B", "A10", concurrency=16)
    _, cells = shown(s)
    for rate in rates(s):
        at = cells.index(rate.label)
        assert cells[at + 1 : at + 4] == [rate.low, rate.estimate, rate.high]
    refused, cells = shown(size("DeepSeek-R1", "H100"))
    assert "does not serve it" in refused and cells == []


def test_a_comparison_shows_what_changed(small: Quote) -> None:
    d = diff(small, make_quote(instance_type=("p4d.24xlarge", "g6.xlarge"), hours="360"))
    text, cells = shown(d)
    assert "720 -&gt; 360" in text and "hours -" in " ".join(cells) and "<script" not in text
    nothing = diff(small, small)
    assert "offers unchanged" in shown(nothing)[0]


def test_amounts_are_the_offers_own(small: Quote) -> None:
    made = frames.columns(small)
    assert made["obligation"] == ("amount", [o.totals.report.obligation for o in small.offers])
    best = small.best
    assert best is not None and [i for i, yes in zip(made["offer"][1], made["recommended"][1], strict=True) if yes] == [
        best.id
    ]
    d = frames.columns(diff(small, make_quote(instance_type="g6.xlarge", hours="360", egress_gb="50")))
    causes = [values for name, (_, values) in d.items() if name.startswith("by_")]
    judged = 0
    for row, difference in enumerate(d["difference"][1]):
        parts = [column[row] for column in causes]
        assert (difference is None) == (parts[0] is None)
        if difference is not None:
            judged += 1
            assert abs(sum(parts, D(0)) - difference) < D("1e-20")
    assert judged and None in d["difference"][1]


@pytest.mark.parametrize("library", frames.LIBRARIES)
def test_a_data_frame_is_exact(small: Quote, library: str) -> None:
    pytest.importorskip(library)
    records = (
        small,
        size("DeepSeek-R1-Distill-Qwen-7B", "A10"),
        diff(small, make_quote(instance_type="g6.xlarge", rps="2")),
    )
    for record in records:
        frame = record.to_dataframe(library)
        for name, (kind, values) in frames.columns(record).items():
            got = frame[name].to_list()
            if kind == "amount":
                assert got == values and all(one is None or isinstance(one, D) for one in got), name
            elif kind != "number":
                assert [None if str(one) in ("None", "<NA>", "nan") else one for one in got] == values, name
        assert len(frame) == len(values)


def test_digits_that_polars_cannot_hold_stay_python_s() -> None:
    stub = SimpleNamespace(Decimal=lambda precision, scale: (precision, scale), Object="object")
    assert frames._exact(stub, [D("12.5"), None, D("0.00000000000000000000000000000001")]) == (38, 32)
    assert frames._exact(stub, [D("1234567.5"), D("0.00000000000000000000000000000001")]) == "object"
    assert frames._exact(stub, []) == (38, 0) and frames._exact(stub, [D("1E+3")]) == (38, 0)


def test_without_either_it_says_what_to_install(small: Quote, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in frames.LIBRARIES:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(PlannerError, match=r"pandas or polars: pip install 'gpu-cost-planner\[notebook\]'"):
        small.to_dataframe()
    with pytest.raises(MisuseError, match="did you mean pandas"):
        small.to_dataframe("panda")


def test_the_example_runs_as_it_is_stored() -> None:
    (path,) = notebook.notebooks()
    book = json.loads(path.read_text("utf-8"))
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5) and len({cell["id"] for cell in book["cells"]}) == len(
        book["cells"]
    )
    made = notebook.ran(book)
    code = [cell for cell in made["cells"] if cell["cell_type"] == "code"]
    assert len(code) == 4 and all(cell["outputs"] for cell in code)
    assert made == book, f"{path.relative_to(ROOT)} differs: run `make docs`"


def test_a_cell_that_shows_something_else_is_found() -> None:
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": ["x = 1\n", "print(x)\n", "x + 1"], "outputs": []}
    (made,) = notebook.ran({"cells": [cell]})["cells"]
    assert [one["output_type"] for one in made["outputs"]] == ["stream", "execute_result"] and made != cell
    assert made["outputs"][1]["data"] == {"text/plain": ["2"]}
