"""Price books and exports of release 0.1.0 stay readable, row for row and digest for digest.

data/book-0.1.0.sql is a book that 0.1.0 wrote, as SQL; .csv is its export, .json the rows that 0.1.0 read from it.
"""

from __future__ import annotations

import io
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from planner.prices.book import PriceBook
from planner.prices.book.csvfile import check_csv, export_csv, import_csv
from planner.prices.book.write import Writer, uid_of
from planner.prices.texts import KINDS, Record, kind_of

DATA = Path(__file__).parent / "data"
NAME = "book-0.1.0"


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.sqlite3"
    db = sqlite3.connect(path)
    db.executescript((DATA / f"{NAME}.sql").read_text("utf-8"))
    db.close()
    return path


def _flat(row: Any) -> list[str | None]:
    """A record as 0.1.0 kept it: flat, origin and place before the fields with a default, empty numbers None."""
    texts = kind_of(row).write(row)
    for name, value in row._asdict().items():
        texts[name] = texts.get(name, "") if value is not None else None  # type: ignore[assignment]
    for name in ("quota", "default"):
        if name in texts:
            texts[name] = str(texts[name] == "1")
    names = [name for name in kind_of(row).texts if name != "range_low"]
    values: list[str | None] = [texts[name] for name in names]
    if hasattr(row, "gpu_count"):
        return values
    values += [row.source.origin, row.source.place]
    return [*values, texts["range_low"]] if "range_low" in texts else values


def test_an_old_book_gives_the_rows_that_0_1_0_read(book: Path) -> None:
    expected = json.loads((DATA / f"{NAME}.json").read_text("utf-8"))
    found: dict[str, Any] = {}
    opened = PriceBook.open_for_read(str(book))
    assert opened is not None
    with opened:
        for provider, region in opened.places():
            for day in ("", "2026-10-02"):
                rows: dict[str, list[Record]] = {
                    "prices": [*opened.prices(provider, region, day)],
                    "transfer": [*opened.transfer(provider, region, day)],
                    "services": [*opened.services(provider, region, day)],
                }
                for kind, several in rows.items():
                    found[f"{provider} {region} {kind} {day}".strip()] = [_flat(row) for row in several]
            found[f"{provider} types"] = [_flat(row) for row in opened.instance_types(provider)]
            # 0.1.0 told a withdrawn way to buy without its zone, with a word for the kind in front.
            gone = sorted(opened.withdrawn(provider, region))
            found[f"{provider} {region} withdrawn"] = [["price", *way[:8], way.os] for way in gone]
    assert found == expected


def test_its_fetches_keep_their_digests(book: Path) -> None:
    opened = PriceBook.open_for_read(str(book))
    assert opened is not None
    with opened:
        fetches = opened.fetches()
        assert len(fetches) == 3
        for fetch in fetches:
            content = [
                (kind, dict(zip(kind.texts, texts, strict=True)))
                for kind in KINDS
                for texts in opened.texts(kind, fetch.id)
            ]
            assert uid_of(fetch, content) == fetch.uid


def test_its_export_is_the_same_and_is_read_back(book: Path, tmp_path: Path) -> None:
    path = DATA / f"{NAME}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        exported = file.read()
    opened = PriceBook.open_for_read(str(book))
    assert opened is not None
    with opened:
        out = io.StringIO(newline="")
        export_csv(opened, out)
    assert out.getvalue() == exported
    check_csv(str(path), lambda fetch, content: [])
    with Writer.open(str(tmp_path / "new.sqlite3")) as writer:
        assert import_csv(str(path), writer).fetches == 3
    with Writer.open(str(book)) as writer:
        assert import_csv(str(path), writer) == (0, 0, 3)
