"""The article's 45 claims: each has a verdict, its figures are the product's own, and its command shows them."""

from __future__ import annotations

import csv
import io
import shlex
import subprocess
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from planner.cli import cli
from tests.conftest import ROOT
from tools import claims

IDS = [
    *(f"A{n}" for n in range(1, 6)),
    *(f"B{n}" for n in range(1, 10)),
    *(f"C{n}" for n in range(1, 10)),
    *(f"D{n}" for n in range(1, 7)),
    *(f"E{n}" for n in range(1, 8)),
    *(f"F{n}" for n in range(1, 7)),
    *(f"G{n}" for n in range(1, 4)),
]


@pytest.fixture(scope="module")
def known() -> dict[str, str]:
    return claims.values()


@pytest.fixture(scope="module")
def made(known: dict[str, str]) -> list[dict[str, str]]:
    return claims.rows(known)


def test_every_claim_is_judged_with_source_and_date_in_both_languages(made: list[dict[str, str]]) -> None:
    assert [row["id"] for row in made] == IDS
    assert len(IDS) == 45
    for row in made:
        assert row["verdict"] in claims.VERDICTS, row["id"]
        for key in ("claim", "claim_zh", "figure", "figure_zh", "source", "date"):
            assert row[key].strip(), (row["id"], key)
        assert date.fromisoformat(f"{row['date']}-01-01"[:10]) <= date.today(), row["id"]
        assert not row["claim_zh"].isascii() and not row["figure_zh"].isascii(), row["id"]
        assert ("{" in row["figure"]) == ("{" in row["figure_zh"]) is False


def test_the_pages_are_those_of_the_product(made: list[dict[str, str]]) -> None:
    """A new price, card or weight changes a figure: then `make docs`, and look at the verdict."""
    for name, text in claims.pages(made).items():
        assert (ROOT / "docs" / name).read_text("utf-8") == text, f"docs/{name} differs: run `make docs`"
    raw = list(csv.DictReader(io.StringIO((ROOT / "docs" / "claims.csv").read_text("utf-8"))))
    assert next(tuple(row) for row in raw) == claims.COLUMNS
    assert len(raw) == 45


def test_a_changed_price_changes_the_page(known: dict[str, str], made: list[dict[str, str]]) -> None:
    dearer = claims.pages(claims.rows({**known, "p4d_price": "22.5"}))
    for name, text in claims.pages(made).items():
        assert dearer[name] != text
        assert "22.5 USD" in dearer[name]


@pytest.mark.parametrize("name", sorted(claims.CHECKS))
def test_a_verdict_stands_on_the_products_figures(name: str, known: dict[str, str]) -> None:
    assert claims.CHECKS[name](known), f"{name}: the figure has turned: judge it anew in tools/claims.csv"


def test_every_bound_figure_that_can_turn_a_verdict_is_checked() -> None:
    """A number of the catalogue or the sizing beside the article's own number has a check."""
    for row in claims.table():
        if (
            row["id"][0] in "BD"
            and "{" in row["figure"]
            and row["verdict"] != "holds"
            and row["id"] not in ("B6", "B7")
        ):
            assert row["id"] in claims.CHECKS, row["id"]


def run(command: str, ran: dict[str, str]) -> str:
    """Return what a command prints; below `&&` a grep of what it wrote."""
    first, _, search = command.partition(" && ")
    if first not in ran:
        done = CliRunner().invoke(cli, first.split()[1:], standalone_mode=False)
        ran[first] = done.output + str(done.exception or "")
    if not search:
        return ran[first]
    assert search.startswith("grep ")
    return subprocess.run(shlex.split(search), capture_output=True, text=True, check=True).stdout


def test_the_command_shows_the_figure(
    made: list[dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran: dict[str, str] = {}
    for row in made:
        assert row["command"], row["id"]
        if row["command"].startswith("none: "):
            assert not row["shows"], row["id"]
            english, chinese = row["command"].removeprefix("none: ").split("|")
            assert english.isascii() and not chinese.isascii()
            continue
        assert row["shows"], row["id"]
        said = " ".join(run(row["command"], ran).split())
        assert row["shows"] in said, (row["id"], row["command"], said[:2000])
