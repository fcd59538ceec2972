"""Fetched data that the book could not take, or should not yet: whole regions, each a file beside the book.

`<book>.aside/` holds what came while the book could not be written; the next refresh takes it in. `<book>.held/` holds
what waits for a person's word: `planner catalog import FILE` is that word. A file is an export of one fetch with its
digest, written whole and never again, so that several planners may put aside and take in at once.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from planner.errors import MisuseError, PlannerError, PriceBookError
from planner.prices.book.csvfile import CheckFetch, check_csv, import_csv, write_fetch
from planner.prices.book.digest import Content, Fetch
from planner.prices.book.write import Writer

__all__ = ["ASIDE", "HELD", "put", "take_in"]

ASIDE, HELD = "aside", "held"


def put(book: str, folder: str, fetch: Fetch, content: Content) -> str:
    """Write a fetch into the folder ASIDE or HELD of the book at `book`, and return the file's path."""
    place = f"{book}.{folder}"
    name = "-".join((fetch.provider, fetch.region, fetch.observed_at.replace(":", ""), fetch.uid[:8]))
    path = os.path.join(place, "".join(sign if sign.isalnum() or sign in "-._" else "-" for sign in name) + ".csv")
    temporary = f"{path}.{os.urandom(4).hex()}.tmp"
    try:
        os.makedirs(place, mode=0o700, exist_ok=True)
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "w", encoding="utf-8", newline="") as out:
                write_fetch(fetch, content, out)
                out.flush()
                os.fsync(out.fileno())
            os.replace(temporary, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
    except OSError as exc:
        raise PriceBookError(f"{path}: cannot be written ({exc.strerror}), so what was fetched is lost") from exc
    return path


def take_in(writer: Writer, check: CheckFetch) -> Iterator[tuple[str, str]]:
    """Add what lies aside to the book, and yield (file, "") for each, or (file, why it stays there)."""
    place = f"{writer.beside}.{ASIDE}"
    try:
        names = sorted(name for name in os.listdir(place) if name.endswith(".csv"))
    except OSError:
        return
    for name in names:
        path = os.path.join(place, name)
        try:
            check_csv(path, check)
            import_csv(path, writer)
        except PlannerError as exc:
            # Another planner may have taken it in meanwhile.
            if os.path.exists(path) or not isinstance(exc, MisuseError):
                yield path, str(exc)
            continue
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        yield path, ""
    with contextlib.suppress(OSError):
        os.rmdir(place)  # only when nothing is left in it
