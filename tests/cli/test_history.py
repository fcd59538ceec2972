"""`planner catalog history`: the table, the plot in the terminal, the picture; and what cannot be drawn."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from planner.money import plain
from planner.prices.book.history import Event
from planner.prices.catalog import Catalog
from planner.prices.story import Point, listed, series
from planner.rendering.history import chart, moved
from tests.bookrows import batch, price
from tests.conftest import Run

D = Decimal
BLOCK = ("p5.48xlarge", "--region", "us-east-1", "--purchase-option", "capacity_block", "--offline-list")


def test_the_rise_of_capacity_blocks_as_a_table(planner: Run) -> None:
    done = planner("catalog", "history", *BLOCK)
    assert done.returncode == 0 and done.stdout.splitlines() == [
        "aws us-east-1 p5.48xlarge capacity_block, aws, committed list",
        "  2026-03-01  31.464 USD/hour",
        "  2026-07-22  41.528 USD/hour (+31.99 %)",  # 41.528 / 31.464 = 1.31986
    ]


def test_the_rise_drawn_in_the_terminal(planner: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = planner("catalog", "history", *BLOCK, "--plot")
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and lines[-1].endswith("31.464 on 2026-03-01, 41.528 on 2026-07-22 (+31.99 %)")
    drawn = lines[:13]
    assert max(map(len, drawn)) <= 80
    first, last = (next(n for n, line in enumerate(drawn) if line.rstrip()[-1:] == sign) for sign in ("A", "┄"))
    assert first < last  # the new price stands above the old one, at the right end
    assert drawn[first].index("A") == len(drawn[first]) - 1 and "A┄┄" in drawn[last]
    assert lines[14].split() == ["2026-03-01", "2026-07-22"]


@pytest.mark.parametrize("kind", ["png", pytest.param("svg", marks=pytest.mark.long)])
def test_a_picture(planner: Run, tmp_path: Path, kind: str) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / f"p5.{kind}"
    done = planner("catalog", "history", *BLOCK, "-o", str(path))
    assert done.returncode == 0 and done.stdout == f"{path}: 1 prices\n"
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG" if kind == "png" else b"<?xml") and len(data) > 5000
    assert planner("catalog", "history", *BLOCK, "-o", str(path)).returncode == 0  # planner's own: replaced
    assert path.read_bytes() == data
    path.write_text("mine")
    done = planner("catalog", "history", *BLOCK, "-o", str(path))
    assert done.returncode == 2 and path.read_text() == "mine"


def test_a_picture_without_matplotlib_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ImportError('none')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from planner.cli import main; main()"
    command = [sys.executable, "-c", code, "catalog", "history", *BLOCK, "-o", str(tmp_path / "x.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "pip install 'gpu-cost-planner[charts]'" in done.stderr
    assert not (tmp_path / "x.png").exists() and done.stderr.count("\n") == 1


def test_a_history_of_one_point_says_so(planner: Run) -> None:
    asked = ("g6f.large", "--region", "us-east-1", "--purchase-option", "on_demand", "--offline-list")
    done = planner("catalog", "history", *asked)
    assert done.returncode == 0 and "no change was seen yet" in done.stdout.splitlines()[-1]
    drawn = planner("catalog", "history", *asked, "--plot")
    assert drawn.returncode == 0 and "no change was seen yet" in drawn.stdout.splitlines()[-1] and "A" in drawn.stdout


def test_csv_has_every_point(planner: Run) -> None:
    done = planner("catalog", "history", *BLOCK, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(r["date"], r["amount"], r["asked"]) for r in rows] == [
        ("2026-03-01", "31.464", "list"),
        ("2026-07-22", "41.528", "list"),
    ]


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("nothing.at.all",), 2, "no price of 'nothing.at.all' is known there"),
        (("p5.48xlarge", "--region", "us-eat-1"), 2, "did you mean us-east-1"),
        (("p5.48xlarge", "--provider", "awz"), 2, "aws"),
        (("p5.48xlarge", "--format", "png"), 2, "a picture goes to a file: -o p5.48xlarge.png"),
        (("p5.48xlarge", "--plot", "-o", "x.png"), 2, "a picture goes to a file"),
        (("p5.48xlarge", "--plot"), 2, "narrow with"),
        (("GN7.2XLARGE32", "--region", "ap-guangzhou", "--plot"), 2, "units (CNY/hour, CNY/month, CNY/term, USD/hour"),
        (("p5.48xlarge", "--site", "mars"), 2, "no price of"),
    ],
)
@pytest.mark.long
def test_what_cannot_be_shown_is_said(planner: Run, args: tuple[str, ...], code: int, words: str) -> None:
    done = planner("catalog", "history", *args, "--offline-list")
    assert done.returncode == code and words in done.stderr and done.stderr.count("\n") == 1 and not done.stdout


@pytest.mark.long
def test_the_lists_tell_all_that_is_in_them() -> None:
    """Every dated price of the lists and of their history is an event, but for those of low confidence."""
    catalog = Catalog()
    rows = [
        row
        for region in catalog.regions("tencentcloud")
        for row in (*catalog.prices("tencentcloud", region), *catalog.history("tencentcloud", region))
        if row.instance_type == "GN7.2XLARGE32" and row.status in ("", "superseded") and row.source.as_of
    ]
    told = {(e.price.key, e.observed_at, e.amount) for e in listed(catalog, "gn7.2xlarge32")}
    assert rows and {(row.key, row.source.as_of, row.amount) for row in rows} <= told


def test_lists_and_book_make_one_line() -> None:
    """What the list says, what a source saw unchanged, what the book saw, and that it is sold no more."""
    row = price(as_of="2026-01-01", origin="list")
    events = [
        Event(row, "2026-01-01", "list", None, D(10)),
        Event(row, "2026-03-01", "list", D(10), D(10)),
        Event(row, "2026-05-01T10:00:00Z", "keys", None, D(10)),
        Event(row, "2026-06-01T10:00:00Z", "keys", D(10), D(12)),
        Event(row, "2026-07-01T10:00:00Z", "keys", D(12), None),
        Event(row, "undated", "list", None, D(9)),
    ]
    (line,) = series(events)
    assert line.points == (
        Point("2026-01-01", "2026-05-01", D(10)),
        Point("2026-06-01", "2026-06-01", D(12)),
        Point("2026-07-01", "2026-07-01", None),
    )
    assert moved(line.points) == "10 on 2026-01-01 to 2026-05-01, 12 on 2026-06-01 (+20.00 %), withdrawn 2026-07-01"
    drawn = chart([line], ["x"], 60, plain_signs=True)
    assert all(text.isascii() for text in drawn) and any("A---" in text and "..." in text for text in drawn)


def test_the_book_is_told_after_the_lists(planner: Run, tmp_path: Path) -> None:
    from planner.prices.book.write import Writer

    book = str(tmp_path / "b.db")
    with Writer.open(book) as writer:
        for day, amount in (("01", "22"), ("02", "22"), ("03", "23")):
            writer.add(batch(price("p4d.24xlarge", amount)), f"2026-11-{day}T10:00:00Z", "keys")
    asked = ("p4d.24xlarge", "--region", "us-east-1", "--purchase-option", "on_demand", "--price-book-db", book)
    lines = planner("catalog", "history", *asked).stdout.splitlines()
    start = lines.index("aws us-east-1 p4d.24xlarge on_demand, aws, with keys")
    assert start > 0 and lines[0].endswith("committed list")
    assert lines[start + 1 :] == [
        "  2026-11-01T10:00:00Z  22 USD/hour",
        "  2026-11-03T10:00:00Z  23 USD/hour (+4.55 %)",
    ]
    amounts = [
        plain(p.amount)
        for s in series(listed(Catalog(), "p4d.24xlarge", "aws", "us-east-1"))
        for p in s.points
        if p.amount
    ]
    assert amounts
