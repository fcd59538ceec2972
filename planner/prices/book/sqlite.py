"""How the book talks to SQLite: opening a file, one writer at a time, and what SQLite's errors mean.

sqlite3 is imported when a file is opened, not before: most quotes have no book, and it costs 4 ms.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from planner.errors import PriceBookError

if TYPE_CHECKING:
    import sqlite3

__all__ = ["READ_WAIT_S", "WRITE_WAIT_S", "connect", "damaged", "mapped", "reading", "transaction"]

#: Readers wait this long for another planner's commit, which takes milliseconds.
READ_WAIT_S = 5.0
WRITE_WAIT_S = 30.0


def connect(path: str, wait_s: float) -> sqlite3.Connection:
    """Open an existing SQLite file, for writing where that is possible: a reader may have to finish a killed writer's
    rollback, which a read-only connection is not allowed to do."""
    import sqlite3

    # The three characters that a file: address gives a meaning to; urllib.parse would cost a quote 6 ms.
    name = os.path.abspath(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    name = "file:/" + name.replace("\\", "/") if os.name == "nt" else "file:" + name
    mode = "rw" if os.access(path, os.W_OK) else "ro"
    return sqlite3.connect(f"{name}?mode={mode}", uri=True, timeout=wait_s, isolation_level=None)


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Hold the file's write lock from the first line on; everything is kept, or nothing (also on Ctrl-C)."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself after some errors (a full disk).
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextmanager
def mapped(path: str) -> Iterator[None]:
    """Turn SQLite's errors into `PriceBookError`, in words and with what to do."""
    import sqlite3

    try:
        yield
    except sqlite3.Error as exc:
        name = getattr(exc, "sqlite_errorname", "") or ""
        # Without a name: sqlite3 itself could not decode what it got ("Could not decode to UTF-8 column").
        if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")) or not name:
            raise damaged(path, str(exc)) from exc
        raise PriceBookError(f"{path}: {_meaning(exc, path)}") from exc


@contextmanager
def reading(path: str) -> Iterator[None]:
    """`mapped`, for what reads: what is no text, number or record where one was written is damage, too."""
    with mapped(path):
        try:
            yield
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            MemoryError,
            RecursionError,
            TypeError,
            ValueError,
        ) as exc:
            raise damaged(path, f"{type(exc).__name__}: {exc}") from exc


def damaged(path: str, why: str) -> PriceBookError:
    """Return the error of a file that does not hold what was written to it."""
    shown = "".join(char if char.isprintable() else "?" for char in why)[:120]
    return PriceBookError(
        f"{path}: not a price book, or a damaged one ({shown}); move it aside (mv '{path}' '{path}.damaged') and run "
        "planner refresh, or use --offline-list to quote from the committed list"
    )


def _meaning(exc: sqlite3.Error, path: str) -> str:

    text = str(exc)
    name = getattr(exc, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "another planner is writing to this price book and did not finish in time; try again"
    if name.startswith("SQLITE_FULL"):
        return "the disk is full; nothing of this region was kept. Free some space and run planner refresh again"
    if name.startswith("SQLITE_READONLY"):
        return "the price book is read-only; name another with --price-book-db"
    if name.startswith("SQLITE_CANTOPEN"):
        return "cannot be opened; check the folder and its permissions, or name another with --price-book-db"
    if name.startswith("SQLITE_IOERR"):
        return f"the disk refused ({text}); nothing of this region was kept. Check space and quota, then refresh again"
    return f"{text}; move it aside and run planner refresh, or use --offline-list"
