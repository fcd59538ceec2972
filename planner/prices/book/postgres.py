"""A price book in PostgreSQL, for a team: the same records and history as in the file, one writer at a time by an advisory lock.

The book's own code speaks SQLite's SQL. `Connection` understands what of it the book uses, and turns PostgreSQL's errors into
`PriceBookError`. Whoever may only SELECT can quote; whoever may write can refresh, and brings the schema up to date. A password
comes with the address, with $PGPASSWORD or from ~/.pgpass, and is never shown. Needs psycopg 3 (the extra `postgres`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, cast
from urllib.parse import urlsplit

from planner.errors import PlannerError, PriceBookError
from planner.prices.book.read import PriceBook
from planner.prices.book.schema import VERSION
from planner.prices.book.write import Writer
from planner.prices.texts import DETAIL, KINDS

__all__ = ["MIGRATIONS", "Connection", "open_for_read", "open_writer", "shown"]

#: "plnr", as in the file's header: the advisory lock that every writer takes.
LOCK = 0x706C6E72
CONNECT_S, READ_S, WRITE_WAIT_S = 5, 60, 30
#: The first version of the schema here; the versions before were of files only.
FIRST = 4


def shown(url: str) -> str:
    """Return how messages show an address: without user and password, and without what stands in its query."""
    try:
        parts = urlsplit(url)
        place = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
    except ValueError:
        return "postgresql://..."
    return f"postgresql://{place}"


class _Rows:
    """What a statement brought. lastrowid: the id of the row that it made."""

    def __init__(self, rows: Sequence[tuple[Any, ...]], lastrowid: int | None = None) -> None:
        self._rows, self.lastrowid = iter(rows), lastrowid

    def fetchone(self) -> tuple[Any, ...] | None:
        return next(self._rows, None)

    def fetchall(self) -> list[tuple[Any, ...]]:
        return list(self._rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self._rows

    def close(self) -> None:
        self._rows = iter(())


class Connection:
    """A connection that takes the book's SQL. path: how messages show the address."""

    def __init__(self, url: str, read_only: bool) -> None:
        self.path = shown(url)
        psycopg = _psycopg()
        try:
            options = {} if "connect_timeout" in url else {"connect_timeout": CONNECT_S}
            self._db = psycopg.connect(url, autocommit=True, application_name="planner", **options)
            self._db.execute(f"SET statement_timeout = '{READ_S}s'" if read_only else "SET statement_timeout = 0")
            self._db.execute(f"SET lock_timeout = '{WRITE_WAIT_S}s'")
            if read_only:
                self._db.execute("SET default_transaction_read_only = on")
        except psycopg.Error as exc:
            raise PriceBookError(f"{self.path}: {_meaning(exc, url)}") from None

    def execute(self, sql: str, values: Iterable[object] = ()) -> _Rows:
        """Run one statement of the book's."""
        if sql.startswith("PRAGMA"):
            return self._pragma(sql)
        if sql == "BEGIN IMMEDIATE":
            self._run("BEGIN")
            try:
                return self._run("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            except PriceBookError:
                self._run("ROLLBACK")
                raise
        return self._run(_translated(sql), tuple(values))

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement with many rows of values."""
        self._mapped(lambda: self._db.cursor().executemany(_translated(sql), list(rows)))

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open; none is on a connection that was lost."""
        return not self._db.closed and int(self._db.info.transaction_status) != 0

    def close(self) -> None:
        self._db.close()

    def _run(self, sql: str, values: Sequence[object] = ()) -> _Rows:
        def work() -> _Rows:
            cursor = self._db.execute(sql, values or None)
            rows = cursor.fetchall() if cursor.description is not None else []
            return _Rows(rows, int(rows[0][0]) if rows and sql.endswith(" RETURNING id") else None)

        return cast("_Rows", self._mapped(work))

    def _mapped(self, work: Callable[[], object]) -> object:
        psycopg = _psycopg()
        try:
            return work()
        except psycopg.Error as exc:
            raise PriceBookError(f"{self.path}: {_meaning(exc, '')}") from None

    def _pragma(self, sql: str) -> _Rows:
        if sql.startswith("PRAGMA busy_timeout"):
            self._run("SET lock_timeout = '1ms'")
        # The server looks after its own pages; what was said is proven by the digests.
        return _Rows([("ok",)] if "integrity_check" in sql else [])


@cache
def _translated(sql: str) -> str:
    """Return a statement of the book's in PostgreSQL's words: its placeholders, its reserved word, its joins."""
    made, word = "", ""
    for sign in f"{sql} ":
        if sign.isalnum() or sign == "_":
            word += sign
            continue
        made += '"fetch"' if word == "fetch" else word
        word = ""
        made += "%s" if sign == "?" else sign
    made = made.rstrip().replace(" CROSS JOIN ", " JOIN ")
    made = made.replace("i.instance_type = %s COLLATE NOCASE", "lower(i.instance_type) = lower(%s)")
    made = made.replace("CAST(status AS INTEGER) >= %s", "lpad(status, 20, '0') >= lpad(CAST(%s AS TEXT), 20, '0')")
    named = made.split(" ", 3)
    if named[0] == "INSERT" and named[2] != "observation":
        made += " RETURNING id"
    return made


def _psycopg() -> Any:
    try:
        import psycopg
    except ImportError:
        raise PlannerError(
            "a price book in PostgreSQL needs psycopg: pip install 'gpu-cost-planner[postgres]'"
        ) from None
    return psycopg


def _meaning(exc: Exception, url: str) -> str:
    """Return in words what went wrong; the address's own text is never in it."""
    state = getattr(exc, "sqlstate", None) or ""
    said = " ".join(str(exc).split())
    if state == "55P03":
        return "another planner is writing to this price book and did not finish in time; try again"
    if state in ("42501", "25006"):
        return "this user may read the price book and not write it; refresh as one who may"
    if state == "53100":
        return "the server's disk is full; nothing of this region was kept"
    if "password authentication failed" in said or state in ("28P01", "28000"):
        return "the server refused the user or its password; check the address, $PGPASSWORD or ~/.pgpass"
    if state == "3D000" or ("database" in said and "does not exist" in said):
        return "there is no such database on the server; check the name at the end of the address"
    if state == "57014":
        return f"no answer within {READ_S} s"
    if not state and url and ("invalid" in said or "missing" in said):
        return "not an address; write postgresql://USER@HOST/DATABASE"
    return f"the server or the way to it failed ({said[:160]})"


def _create(db: Connection) -> None:
    """Make the tables of version 4: those of the file, sorted by bytes as there; nothing is changed or deleted later."""
    text = 'TEXT COLLATE "C" NOT NULL'
    key = "id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"
    names = ", ".join(
        f"{name} {text}" for name in "provider region account_site access families observed_at gaps".split()
    )
    made = [
        f'CREATE TABLE "fetch" ({key}, uid {text} UNIQUE, {names}, tells_zones INTEGER NOT NULL DEFAULT 0)',
        'CREATE INDEX fetch_newest ON "fetch" (provider, region, account_site, access, observed_at, id)',
        f"CREATE TABLE detail ({key}, " + ", ".join(f'"{name}" {text}' for name in DETAIL) + ")",
        # A source or a note may be longer than what an index holds.
        "CREATE UNIQUE INDEX detail_once ON detail ("
        + ", ".join(f"md5({name})" if name in ("source", "note") else name for name in sorted(DETAIL, key=_last))
        + ")",
    ]
    for kind in KINDS:
        columns = ", ".join(f'"{name}" {text}' for name in kind.item)
        once = ", ".join(f'"{name}"' for name in kind.item)
        made.append(f"CREATE TABLE {kind.table} ({key}, {columns}, first_seen {text}, UNIQUE ({once}))")
    made += [
        'CREATE TABLE observation ("fetch" BIGINT NOT NULL REFERENCES "fetch", kind INTEGER NOT NULL,'
        f' item BIGINT NOT NULL, detail BIGINT NOT NULL REFERENCES detail, amount {text}, PRIMARY KEY ("fetch", kind, item))',
        "CREATE FUNCTION planner_keeps() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'the price book is append-only'; END $$",
    ]
    made += [
        f"CREATE TRIGGER {table}_keeps BEFORE UPDATE OR DELETE OR TRUNCATE ON {name}"
        " FOR EACH STATEMENT EXECUTE FUNCTION planner_keeps()"
        for table, name in (("fetch", '"fetch"'), ("observation", "observation"), ("detail", "detail"))
    ]
    for statement in made:
        db._run(statement)


def _last(name: str) -> bool:
    return name in ("source", "note")


#: One step per version from `FIRST` on, oldest first.
MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_create,)


def _version(db: Connection) -> int:
    """Return the schema's version, 0 where there is no book; raise `PriceBookError` for a newer one."""
    newest = max(VERSION, FIRST + len(MIGRATIONS) - 1)
    # By a look at the table of tables: what the session remembers of names may be older than the lock that it waited for.
    sql = "SELECT 1 FROM pg_catalog.pg_tables WHERE tablename = 'planner_book' AND schemaname = ANY (current_schemas(false))"
    if db._run(sql).fetchone() is None:
        return 0
    version = int((db._run("SELECT max(version) FROM planner_book").fetchone() or (0,))[0] or 0)
    if version > newest:
        raise PriceBookError(
            f"{db.path}: written by a newer planner (schema {version}, this one knows {newest}); upgrade gpu-cost-planner, "
            "or use --offline-list to quote from the committed list"
        )
    return version


def _migrate(db: Connection) -> None:
    """Bring the schema up to date, whole or not at all."""
    if _version(db) == FIRST + len(MIGRATIONS) - 1:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        version = _version(db)  # another planner may have done it while we waited
        if not version:
            db._run("CREATE TABLE planner_book (version INTEGER NOT NULL)")
        for number, step in enumerate(MIGRATIONS, FIRST):
            if number > version:
                step(db)
                db._run("INSERT INTO planner_book VALUES (%s)", (number,))
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def open_for_read(url: str, now: str = "") -> PriceBook | None:
    """Return the book at `url`, None where there is none yet; raise `PriceBookError` when it cannot be used."""
    db = Connection(url, read_only=True)
    try:
        version = _version(db)
        if not version:
            db.close()
            return None
        if version < FIRST + len(MIGRATIONS) - 1:
            raise PriceBookError(
                f"{db.path}: of an older planner (schema {version}); `planner refresh` by somebody who may write brings it "
                "up to date"
            )
        db._run('SELECT 1 FROM "fetch" LIMIT 1')
    except BaseException:
        db.close()
        raise
    book = _Book(cast("Any", db), db.path, now)
    book._keeps = True
    return book


class _Book(PriceBook):
    """A `PriceBook` whose indexes are the server's business."""

    def _compare_index(self) -> None:
        pass


def open_writer(url: str, folder: str) -> Writer:
    """Return the book at `url` for writing, made if need be. folder: where what cannot be written lies aside."""
    from hashlib import sha256

    db = Connection(url, read_only=False)
    try:
        _migrate(db)
    except BaseException:
        db.close()
        raise
    writer = Writer(cast("Any", db), db.path)
    writer.beside = os.path.join(folder, f"postgresql-{sha256(db.path.encode()).hexdigest()[:16]}")
    return writer
