"""A clock that is years ahead, or was: what it dated wins over nothing that came later, and is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from planner.cli import cli
from planner.prices.book import PriceBook
from planner.prices.book.fallback import Fallback
from planner.prices.book.write import Writer
from tests.bookrows import batch, price

BEFORE, TODAY, AFTER = "2026-11-20T08:00:00Z", "2026-11-23T12:00:00Z", "2031-11-23T12:00:00Z"
P4D = "p4d.24xlarge"


def _book(path: Path, *told: tuple[str, str], access: str = "keys") -> Path:
    """Write a fetch for each (time, amount), in this order."""
    with Writer.open(str(path)) as writer:
        for when, amount in told:
            writer.add(batch(price(amount=amount), zones=((P4D, f"zone-{amount}"),)), when, access)
    return path


def _now(path: Path, now: str = TODAY) -> tuple[list[str], list[str]]:
    """Return the amounts that a quote gets on that day, and what it is told."""
    said: list[str] = []
    opened = PriceBook.open_for_read(str(path), now)
    assert opened is not None
    with opened:
        book = Fallback(opened, said.append, said.append)
        amounts = [str(row.amount) for row in book.prices("aws", "us-east-1")]
        market = book.zones("aws", "us-east-1").sold("aws", P4D)
        assert market is not None and market.zones == tuple(f"zone-{amount}" for amount in amounts)
        assert book.withdrawn("aws", "us-east-1") == frozenset()
    return amounts, said


def test_a_later_honest_fetch_wins(tmp_path: Path) -> None:
    path = _book(tmp_path / "b.db", (BEFORE, "1"), (AFTER, "99"), (TODAY, "2"))
    assert _now(path) == (["2"], [])


def test_an_honest_fetch_of_the_other_way_of_asking_wins_too(tmp_path: Path) -> None:
    path = _book(tmp_path / "b.db", (AFTER, "99"), access="public")
    _book(path, (TODAY, "2"))
    assert _now(path)[0] == ["2"]


def test_while_it_is_the_last_it_is_used_and_said(tmp_path: Path) -> None:
    """Which of two clocks is wrong cannot be known: a computer without battery starts in 2020."""
    path = _book(tmp_path / "b.db", (BEFORE, "1"), (AFTER, "99"))
    amounts, said = _now(path)
    assert amounts == ["99"] and len(said) == 1
    assert f"dated {AFTER}, after now ({TODAY})" in said[0] and "planner refresh aws --region us-east-1" in said[0]
    assert _now(path, "2032-01-01T00:00:00Z") == (["99"], [])


def test_a_clock_that_is_behind_hides_nothing(tmp_path: Path) -> None:
    path = _book(tmp_path / "b.db", (BEFORE, "1"), (TODAY, "2"))
    amounts, said = _now(path, "2020-01-01T00:00:00Z")
    assert amounts == ["2"] and len(said) == 1


def test_a_day_of_the_past_is_what_it_was(tmp_path: Path) -> None:
    path = _book(tmp_path / "b.db", (BEFORE, "1"), (AFTER, "99"), (TODAY, "2"))
    with PriceBook.open_for_read(str(path), TODAY) as book:  # type: ignore[union-attr]
        assert [str(row.amount) for row in book.prices("aws", "us-east-1", "2026-11-21")] == ["1"]


def test_families_of_a_wrong_clock_cover_nothing_later(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    with Writer.open(str(path)) as writer:
        writer.add(batch(price(amount="99")), AFTER, "keys", ("p4d",))
        writer.add(batch(price(amount="2"), price("g5.xlarge", "1")), TODAY, "keys")
    with PriceBook.open_for_read(str(path), TODAY) as book:  # type: ignore[union-attr]
        assert sorted(str(row.amount) for row in book.prices("aws", "us-east-1")) == ["1", "2"]


def test_what_a_refresh_changed_is_told_by_its_own_clock(tmp_path: Path) -> None:
    path = _book(tmp_path / "b.db", (BEFORE, "1"), (AFTER, "99"))
    with Writer.open(str(path)) as writer:
        (change,) = writer.add(batch(price(amount="2")), TODAY, "keys")
    assert change.before is not None and (str(change.before.amount), str(change.row.amount)) == ("99", "2")


@pytest.mark.parametrize("command", [["quote", "--provider", "aws"], ["catalog", "check"]])
def test_the_commands_say_it(tmp_path: Path, command: list[str]) -> None:
    path = _book(tmp_path / "b.db", ("2999-01-01T00:00:00Z", "22"))
    done = CliRunner().invoke(cli, [*command, "--price-book-db", str(path)])
    assert done.exit_code == 0 and "after now" in done.stderr and "2999-01-01" in done.stderr
