"""Write a price book: one whole region per transaction, nothing changed or deleted later."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Self, cast

from planner.errors import MisuseError, PriceBookError
from planner.offer import Key, Priced
from planner.prices.book.digest import Content, Fetch, Texts, uid_of
from planner.prices.book.read import PriceBook
from planner.prices.book.schema import migrate
from planner.prices.book.sqlite import WRITE_WAIT_S, connect, mapped, transaction
from planner.prices.texts import DETAIL, Kind, Record, Zone, kind_of
from planner.provider import EXCEPT, Batch, bare_type
from planner.records import NamedTuple

__all__ = ["Change", "Writer", "as_fetch", "changes_between", "normal_families", "uid_of"]

#: Item and detail ids are remembered up to this many; an import of a large book must not fill the memory.
_REMEMBER = 200_000


class Change(NamedTuple):
    """What a fetch changed about one priced row: `before` None is new, `after` None is withdrawn."""

    before: Priced | None
    after: Priced | None

    @property
    def row(self) -> Priced:
        """The newer of the two rows."""
        return cast("Priced", self.after or self.before)

    @property
    def percent(self) -> Decimal | None:
        """The change in per cent, None when there are not two amounts or the old one was zero."""
        if self.before is None or self.after is None or not self.before.amount:
            return None
        return (self.after.amount - self.before.amount) / self.before.amount * 100


class Writer:
    """A book opened for writing; one per thread. `book` reads through the same connection."""

    def __init__(self, db: sqlite3.Connection, path: str) -> None:
        self.db = db
        self.path = path
        #: Where what cannot be written lies aside, and what waits for a word.
        self.beside = path
        self.book = PriceBook(db, path)
        self._ids: dict[tuple[str, ...], int] = {}

    @classmethod
    def open(cls, path: str) -> Writer:
        """Open the book at `path`, made if there is none; raise `PriceBookError` when it cannot be written."""
        with mapped(path):
            if os.path.exists(path) and not os.path.isfile(path):
                raise PriceBookError(f"{path}: not a file; name another with --price-book-db")
            try:
                os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o700, exist_ok=True)
                # Prices of an account can be confidential: the file is its owner's. It may well exist already.
                os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            except OSError as exc:
                raise PriceBookError(
                    f"{path}: the price book cannot be written ({exc.strerror}); name another with --price-book-db"
                ) from exc
            db = connect(path, WRITE_WAIT_S)
            try:
                migrate(db, path)
            except BaseException:
                db.close()
                raise
        return cls(db, path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.db.close()

    def add(self, batch: Batch, observed_at: str, access: str, families: Iterable[str] = ()) -> list[Change]:
        """Keep what one region gave, whole or not at all, and return what it changed. The same fetch twice adds nothing.

        The batch has been checked (planner.prices.refresh does); this only refuses what a database cannot hold. Times are UTC,
        "2026-11-23T10:00:00Z"; `observed_at` is also the present, by which the book knows what is dated after it.
        """
        fetch, content = as_fetch(batch, observed_at, access, families)
        clock, self.book.now = self.book.now, observed_at
        try:
            with mapped(self.path), self._transaction():
                before = self.priced(batch.provider, batch.region)
                self.insert(fetch, content)
                after = self.priced(batch.provider, batch.region)
        finally:
            self.book.now = clock
        return changes_between(before, after)

    def hurry(self) -> None:
        """Wait for no other planner from now on: this one has waited long enough once."""
        with mapped(self.path):
            self.db.execute("PRAGMA busy_timeout = 0")

    def insert(self, fetch: Fetch, content: Content) -> bool:
        """Append one fetch inside the caller's transaction; return False when the book has it already."""
        import json

        uid = uid_of(fetch, content)
        if self.db.execute("SELECT 1 FROM fetch WHERE uid = ?", (uid,)).fetchone():
            return False
        number = self.db.execute(
            "INSERT INTO fetch (uid, provider, region, account_site, access, families, observed_at, gaps,"
            " tells_zones) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                uid,
                fetch.provider,
                fetch.region,
                fetch.account_site,
                fetch.access,
                " ".join(fetch.families),
                fetch.observed_at,
                json.dumps(fetch.gaps, ensure_ascii=False),
                int(fetch.tells_zones),
            ),
        ).lastrowid
        self.db.executemany(
            "INSERT INTO observation (fetch, kind, item, detail, amount) VALUES (?, ?, ?, ?, ?)",
            [
                (
                    number,
                    kind.number,
                    self._item(kind, texts, fetch.observed_at),
                    self._detail(texts),
                    texts.get("amount", ""),
                )
                for kind, texts in content
            ],
        )
        return True

    def _transaction(self) -> _Remembering:
        return _Remembering(self)

    def priced(self, provider: str, region: str) -> dict[Key, Priced]:
        """Return what the book says of a region now, by key."""
        book = self.book
        rows: tuple[Priced, ...] = (
            *book.prices(provider, region),
            *book.transfer(provider, region),
            *book.services(provider, region),
        )
        return {row.key: row for row in rows}

    def _item(self, kind: Kind, texts: Texts, observed_at: str) -> int:
        values = tuple(texts[name] for name in kind.item)
        name = (kind.table, *values)
        number = self._ids.get(name)
        if number is None:
            number = self._id_of(kind.table, kind.item, values, observed_at)
            self._ids[name] = number
        # Only an import can bring something older than what is here.
        self.db.execute(
            f"UPDATE {kind.table} SET first_seen = ? WHERE id = ? AND first_seen > ?",
            (observed_at, number, observed_at),
        )
        return number

    def _detail(self, texts: Texts) -> int:
        values = tuple(texts.get(name, "") for name in DETAIL)
        name = ("detail", *values)
        number = self._ids.get(name)
        if number is None:
            number = self._ids[name] = self._id_of("detail", DETAIL, values, None)
        return number

    def _id_of(self, table: str, columns: Sequence[str], values: Sequence[str], first_seen: str | None) -> int:
        """Return the id of the row with these values, made if need be."""
        if len(self._ids) > _REMEMBER:
            self._ids.clear()
        where = " AND ".join(f'"{name}" = ?' for name in columns)
        row = self.db.execute(f"SELECT id FROM {table} WHERE {where}", values).fetchone()
        if row is not None:
            return int(row[0])
        extra = () if first_seen is None else (first_seen,)
        names = ", ".join(f'"{name}"' for name in (*columns, *("first_seen" for _ in extra)))
        marks = ", ".join("?" for _ in (*columns, *extra))
        made = self.db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", (*values, *extra)).lastrowid
        return cast("int", made)


class _Remembering:
    """A transaction after whose failure the ids remembered in it are forgotten: their rows are gone."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._inner = transaction(writer.db)

    def __enter__(self) -> None:
        self._inner.__enter__()

    def __exit__(self, *failure: object) -> None:
        if failure[0] is not None:
            self._writer._ids.clear()
        self._inner.__exit__(*failure)  # type: ignore[arg-type]


def as_fetch(batch: Batch, observed_at: str, access: str, families: Iterable[str] = ()) -> tuple[Fetch, Content]:
    """Return a batch as the book keeps it, with its digest."""
    fetch = Fetch(
        id=0,
        uid="",
        provider=batch.provider,
        region=batch.region,
        account_site=batch.account_site,
        access=access,
        families=normal_families(families),
        observed_at=observed_at,
        gaps=batch.gaps,
        tells_zones=batch.zones is not None,
    )
    zones = (Zone(batch.provider, batch.region, *pair) for pair in batch.zones or ())
    rows: tuple[Record, ...] = (*batch.prices, *batch.transfer, *batch.services, *batch.instance_types, *zones)
    content = [(kind_of(row), kind_of(row).write(row)) for row in rows]
    return fetch._replace(uid=uid_of(fetch, content)), content


def normal_families(families: Iterable[str]) -> tuple[str, ...]:
    """Return families as the book compares them: lower case, without the cloud's prefix, sorted, each once."""
    words = {EXCEPT + bare_type(word[1:]) if word.startswith(EXCEPT) else bare_type(word) for word in families}
    for word in (word.removeprefix(EXCEPT) for word in words):
        if not word or not word.isprintable() or " " in word:
            raise MisuseError(
                f"--family {word.replace(chr(0), EXCEPT)!r}: write the part before the size, e.g. p4d, gn7i, GN10Xp"
            )
    return tuple(sorted(words))


def changes_between(before: dict[Key, Priced], after: dict[Key, Priced]) -> list[Change]:
    """Return what differs in amount between two states of a book, by key."""
    changes = [Change(before.get(key), row) for key, row in after.items()]
    changes += [Change(row, None) for key, row in before.items() if key not in after]
    return [c for c in changes if c.before is None or c.after is None or c.before.amount != c.after.amount]
