"""The price book: damage is said, never a traceback and never a wrong price; what it cannot take is kept aside or held."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from planner.cli import cli
from planner.errors import PriceBookError
from planner.prices.book import PriceBook, aside
from planner.prices.book.write import Writer
from planner.prices.refresh import Job, Outcome, check_fetch, run
from planner.provider import Access
from tests.bookrows import NOON, batch, price
from tests.fakecloud.fakecloud import REGIONS, Fake
from tests.safe import flips

LATER = "2026-11-24T12:00:00Z"


@pytest.mark.fuzz
@pytest.mark.long
def test_flipped_bits_are_said_and_never_a_traceback() -> None:
    tally = flips.run(int(os.environ.get("PLANNER_FUZZ", "300")), seed=5)
    bad = {name: n for name, n in tally.items() if name in ("tracebacks", "another answer without a word", "slow")}
    assert not any(bad.values()), tally
    assert tally["more than a line"] == 0 and tally["said by a quote"] > 30


def _change(path: Path, amount: str, fetch: int) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER observation_no_update")
        db.execute("UPDATE observation SET amount = ? WHERE fetch = ? AND kind = 1", (amount, fetch))


def test_a_changed_digit_is_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    with Writer.open(str(path)) as writer:
        writer.add(batch(price(amount="20")), NOON, "keys")
    _change(path, "21", 1)
    with PriceBook.open_for_read(str(path)) as book, pytest.raises(PriceBookError, match="its digest differs"):  # type: ignore[union-attr]
        book.prices("aws", "us-east-1")
    done = CliRunner().invoke(cli, ["quote", "--provider", "aws", "--price-book-db", str(path)])
    assert done.exit_code == 0 and done.stderr.count("its digest differs") == 1 and "committed lists" in done.stderr
    done = CliRunner().invoke(cli, ["catalog", "check", "--price-book-db", str(path)])
    assert isinstance(done.exception, Exception) and "its digest differs" in done.stderr


def test_the_check_looks_at_fetches_that_no_quote_uses(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    with Writer.open(str(path)) as writer:
        writer.add(batch(price(amount="20")), NOON, "keys")
        writer.add(batch(price(amount="22")), LATER, "keys")
    _change(path, "21", 1)
    with PriceBook.open_for_read(str(path)) as book:  # type: ignore[union-attr]
        assert [str(row.amount) for row in book.prices("aws", "us-east-1")] == ["22"]
        assert [problem for problem in book.check() if NOON in problem]


# -- a book that is not to be had ------------------------------------------------------------------------------------


def _refresh(path: Path, now: str, regions: tuple[str, ...] = REGIONS) -> list[Outcome]:
    with Writer.open(str(path)) as book:
        book.db.execute("PRAGMA busy_timeout = 300")
        jobs = [Job(Fake("fakecloud"), region, Access(now)) for region in regions]
        return run(jobs, book, lambda outcome: None, threading.Event())


def _amounts(path: Path) -> dict[str, int]:
    with PriceBook.open_for_read(str(path)) as book:  # type: ignore[union-attr]
        return {region: len(book.prices("fakecloud", region)) for region in REGIONS}


def test_one_wait_for_a_lock_and_nothing_fetched_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    Writer.open(str(path)).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        begin = time.monotonic()
        outcomes = _refresh(path, NOON)
        assert time.monotonic() - begin < 4 * 0.3
        assert all("the next refresh takes it in" in outcome.error for outcome in outcomes)
        other.execute("ROLLBACK")
    folder = tmp_path / "b.db.aside"
    files = sorted(folder.iterdir())
    assert len(files) == len(REGIONS)
    assert folder.stat().st_mode & 0o777 == 0o700 and {f.stat().st_mode & 0o777 for f in files} == {0o600}
    with Writer.open(str(path)) as writer:
        assert [why for _, why in aside.take_in(writer, check_fetch)] == [""] * len(REGIONS)
        assert list(aside.take_in(writer, check_fetch)) == []
    assert not folder.exists() and set(_amounts(path).values()) == {8}


def test_a_file_aside_that_was_changed_stays_there_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    Writer.open(str(path)).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        _refresh(path, NOON, REGIONS[:2])
    first, second = sorted((tmp_path / "b.db.aside").iterdir())
    first.write_text(first.read_text().replace("10.5", "11.5"))
    with Writer.open(str(path)) as writer:
        told = dict(aside.take_in(writer, check_fetch))
    assert "its digest differs" in told[str(first)] and told[str(second)] == ""
    assert first.exists() and not second.exists()


def test_several_take_in_at_once_and_each_fetch_is_there_once(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    Writer.open(str(path)).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        _refresh(path, NOON)
    failed: list[Any] = []

    def take() -> None:
        try:
            with Writer.open(str(path)) as writer:
                failed.extend(why for _, why in aside.take_in(writer, check_fetch) if why)
        except BaseException as exc:
            failed.append(exc)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and set(_amounts(path).values()) == {8}
    with PriceBook.open_for_read(str(path)) as book:  # type: ignore[union-attr]
        assert len(book.fetches()) == len(REGIONS)


def test_the_next_refresh_takes_in_what_lies_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("PLANNER_HOME", str(home))
    path = home / "prices.sqlite3"
    Writer.open(str(path)).close()
    assert home.stat().st_mode & 0o777 == 0o700 and path.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        _refresh(path, NOON, REGIONS[:1])
    monkeypatch.setattr("planner.provider.load", Fake)
    done = CliRunner().invoke(cli, ["refresh", "fakecloud", "--region", REGIONS[1]])
    assert "taken in what lay aside" in done.stderr
    assert {region for region, count in _amounts(path).items() if count} == set(REGIONS[:2])


# -- prices that are far off -----------------------------------------------------------------------------------------


class Odd(Fake):
    """A cloud that is twenty times and more away from yesterday."""

    factor = Decimal(1)

    def fetch(self, region: str, access: Access) -> Any:
        made = super().fetch(region, access)
        first, second, *rest = made.prices
        return made._replace(prices=(first, second._replace(amount=second.amount * self.factor), *rest))


@pytest.mark.parametrize(("factor", "held"), [("20", False), ("20.1", True), ("0.05", False), ("0.049", True)])
def test_a_price_twenty_times_off_waits_for_a_word(tmp_path: Path, factor: str, held: bool) -> None:
    path = tmp_path / "b.db"
    _refresh(path, NOON, REGIONS[:1])
    odd = Odd("fakecloud")
    odd.factor = Decimal(factor)
    with Writer.open(str(path)) as book:
        (outcome,) = run([Job(odd, REGIONS[0], Access(LATER))], book, lambda outcome: None, threading.Event())
    assert [name for name, why in outcome.spoilt if "held for confirmation" in why] == ["g1.1xlarge"] * held
    with PriceBook.open_for_read(str(path)) as book:  # type: ignore[union-attr]
        assert len(book.fetches()) == 2 and not outcome.error
        amounts = {row.instance_type: row.amount for row in book.prices("fakecloud", REGIONS[0])}
        assert amounts["g1.1xlarge"] == Decimal("2.25") * (1 if held else odd.factor) and len(amounts) == 8
    if held:
        assert "g1.1xlarge on_demand 2.25 -> " in outcome.spoilt[0][1]
        file = outcome.spoilt[0][1].rpartition("planner catalog import ")[2]
        done = CliRunner().invoke(cli, ["catalog", "import", file, "--price-book-db", str(path)])
        assert done.exit_code == 0, done.output
        with PriceBook.open_for_read(str(path)) as book:  # type: ignore[union-attr]
            amounts = {row.instance_type: row.amount for row in book.prices("fakecloud", REGIONS[0])}
        assert amounts["g1.1xlarge"] == Decimal("2.25") * odd.factor


def test_without_a_book_the_committed_list_is_the_last_known(tmp_path: Path) -> None:
    from planner.prices.catalog import Catalog

    listed = next(
        row
        for row in Catalog().prices("aws", "us-east-1")
        if row.purchase_option == "spot" and not row.status and row.source.confidence != "low"
    )
    made = batch(listed._replace(amount=listed.amount * 25))

    class Once(Fake):
        def fetch(self, region: str, access: Access) -> Any:
            return made

    with Writer.open(str(tmp_path / "b.db")) as book:
        (outcome,) = run([Job(Once("aws"), "us-east-1", Access(NOON))], book, lambda outcome: None, threading.Event())
    assert "held for confirmation" in outcome.error or "outside" in outcome.error
