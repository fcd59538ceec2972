"""The book's SQLite schema: its versions, and how an older file is brought up to date."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from planner.errors import PriceBookError
from planner.prices.book.sqlite import damaged, transaction
from planner.prices.texts import DETAIL, INSTANCE_TYPE, PRICE, SERVICE, TRANSFER, ZONE

if TYPE_CHECKING:
    import sqlite3

__all__ = ["APPLICATION_ID", "VERSION", "WITHOUT_DIGEST", "check_file", "migrate"]

#: "plnr": written into the file's header, so that another program's SQLite file is never taken for a book.
APPLICATION_ID = 0x706C6E72

#: The source of the detail whose status is the last fetch without a digest that can be made again.
WITHOUT_DIGEST = "fetches kept before schema 2"

_KEEP_LOG = ("fetch", "observation", "detail")

#: The kinds of record that the first two versions had.
_FIRST_KINDS = (PRICE, TRANSFER, SERVICE, INSTANCE_TYPE)


def _first_version(db: sqlite3.Connection) -> None:
    """Create the log: fetches, items, details, observations; deleting or changing what was seen is refused."""
    db.execute(
        "CREATE TABLE fetch (id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, provider TEXT NOT NULL,"
        " region TEXT NOT NULL, account_site TEXT NOT NULL, access TEXT NOT NULL, families TEXT NOT NULL,"
        " observed_at TEXT NOT NULL) STRICT"
    )
    db.execute("CREATE INDEX fetch_newest ON fetch (provider, region, account_site, access, observed_at, id)")
    details = ", ".join(f'"{name}" TEXT NOT NULL' for name in DETAIL)
    names = ", ".join(f'"{name}"' for name in DETAIL)
    db.execute(f"CREATE TABLE detail (id INTEGER PRIMARY KEY, {details}, UNIQUE ({names})) STRICT")
    for kind in _FIRST_KINDS:
        columns = ", ".join(f'"{name}" TEXT NOT NULL' for name in kind.item)
        names = ", ".join(f'"{name}"' for name in kind.item)
        db.execute(f"CREATE TABLE {kind.table} (id INTEGER PRIMARY KEY, {columns}, UNIQUE ({names})) STRICT")
    # Clustered by fetch: reading a region's newest prices touches neighbouring pages however long the log is.
    db.execute(
        "CREATE TABLE observation (fetch INTEGER NOT NULL REFERENCES fetch, kind INTEGER NOT NULL,"
        " item INTEGER NOT NULL, detail INTEGER NOT NULL REFERENCES detail, amount TEXT NOT NULL,"
        " PRIMARY KEY (fetch, kind, item)) STRICT, WITHOUT ROWID"
    )
    for table in _KEEP_LOG:
        for deed in ("UPDATE", "DELETE"):
            db.execute(
                f"CREATE TRIGGER {table}_no_{deed.lower()} BEFORE {deed} ON {table}"
                " BEGIN SELECT RAISE(ABORT, 'the price book is append-only'); END"
            )


def _second_version(db: sqlite3.Connection) -> None:
    """Note with each item when it was first seen (so that a vanished price is found without reading the log), and
    with each fetch what its cloud could not give."""
    for kind in _FIRST_KINDS:
        db.execute(f"ALTER TABLE {kind.table} ADD COLUMN first_seen TEXT NOT NULL DEFAULT ''")
        db.execute(
            f"UPDATE {kind.table} SET first_seen = seen.first FROM (SELECT o.item AS item, min(f.observed_at) AS first"
            f" FROM observation o JOIN fetch f ON f.id = o.fetch WHERE o.kind = {kind.number} GROUP BY o.item) AS seen"
            f" WHERE seen.item = {kind.table}.id"
        )
    db.execute("ALTER TABLE fetch ADD COLUMN gaps TEXT NOT NULL DEFAULT '[]'")
    # The digest of an older fetch is over gaps that the first version did not keep, so it cannot be made again. Which these
    # are is noted as a detail of no observation: the tables stay those of every other book.
    newest = db.execute("SELECT max(id) FROM fetch").fetchone()[0]
    if newest is not None:
        db.execute("INSERT INTO detail VALUES (NULL, '', '', ?, '', ?, '')", (WITHOUT_DIGEST, str(newest)))


def _third_version(db: sqlite3.Connection) -> None:
    """Keep in which zones a type is sold; with each fetch, whether it said so at all (older ones did not)."""
    columns = ", ".join(f'"{name}" TEXT NOT NULL' for name in ZONE.item)
    names = ", ".join(f'"{name}"' for name in ZONE.item)
    db.execute(
        f"CREATE TABLE {ZONE.table} (id INTEGER PRIMARY KEY, {columns}, first_seen TEXT NOT NULL, UNIQUE ({names})) STRICT"
    )
    db.execute("ALTER TABLE fetch ADD COLUMN tells_zones INTEGER NOT NULL DEFAULT 0")


def _fourth_version(db: sqlite3.Connection) -> None:
    """Change no table: the families of a fetch may name types that it could not read ("!p4d.24xlarge"), which a planner of
    before would take for the name of a family."""


#: One step per version, oldest first. A new file goes through all of them, so none is ever unused.
MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _first_version,
    _second_version,
    _third_version,
    _fourth_version,
)
VERSION = len(MIGRATIONS)


def check_file(db: sqlite3.Connection, path: str) -> int:
    """Return the version of an open file (0: empty); raise `PriceBookError` when it is not ours or is newer."""
    if db.in_transaction:
        return _check(db, path)
    # All answers are of one moment: between two of them another planner may make an empty file a book.
    db.execute("BEGIN")
    try:
        return _check(db, path)
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _check(db: sqlite3.Connection, path: str) -> int:
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    owner = int(db.execute("PRAGMA application_id").fetchone()[0])
    if owner != APPLICATION_ID:
        if owner or version or db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            raise PriceBookError(
                f"{path}: an SQLite file of another program, left as it is; name another with --price-book-db"
            )
        return 0
    if version < 1:  # both numbers are written in one transaction
        raise damaged(path, f"schema {version}")
    if version > VERSION:
        raise PriceBookError(
            f"{path}: written by a newer planner (schema {version}, this one knows {VERSION}); upgrade "
            "gpu-cost-planner, or use --offline-list to quote from the committed list"
        )
    return version


def migrate(db: sqlite3.Connection, path: str) -> None:
    """Bring the file to the present schema, whole or not at all."""
    if check_file(db, path) == VERSION:
        return
    with transaction(db):
        # Asked again inside the transaction: another planner may have done it while we waited.
        version = check_file(db, path)
        for number in range(version, VERSION):
            MIGRATIONS[number](db)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {VERSION}")
