"""CSV files of ours as rows. What was parsed once is remembered beside the file, as Python remembers its own modules.

A quote reads a quarter of a megabyte of CSV. Its rows are kept in the folder `__pycache__` beside the file, under the
file's size and the time of its last change: a changed file is parsed anew. Where nothing can be written, or Python was told
to keep nothing (PYTHONDONTWRITEBYTECODE), every start parses.
"""

from __future__ import annotations

import os
import sys
import time
from itertools import chain
from marshal import dumps, loads
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["Rows", "read"]

#: A row, and the number of the line on which it ends.
Rows = list[tuple[tuple[str, ...], int]]
_FORM = 1
_LONGEST_WORD = 24
_SETTLED_S = 2


def read(path: str) -> tuple[tuple[str, ...], Rows]:
    """Return the header of a CSV file and its rows; a byte-order mark is no part of it. A missing file is `FileNotFoundError`."""
    if path.endswith(".gz"):
        return _parsed(path)
    state = os.stat(path)
    stamp = (_FORM, sys.version, state.st_size, state.st_mtime_ns)
    folder, name = os.path.split(path)
    kept = os.path.join(folder, "__pycache__", f"{name}.rows")
    try:
        with open(kept, "rb", buffering=0) as file:
            known, header, rows = loads(file.read())  # noqa: S302 - as much ours as the compiled modules beside it
        if known == stamp:
            return header, rows
    except (OSError, ValueError, EOFError, TypeError):
        pass
    header, rows = _parsed(path)
    # A file that was changed just now may change again within the same tick of the clock.
    if not sys.dont_write_bytecode and time.time() - state.st_mtime > _SETTLED_S:
        _keep(kept, dumps((stamp, header, rows)))
    return header, rows


def _parsed(path: str) -> tuple[tuple[str, ...], Rows]:
    """Parse the file; a word that stands in many rows is one object."""
    import csv

    one: dict[str, str] = {}
    with _opened(path) as file:
        reader = csv.reader(file)
        rows: Rows = [
            (tuple([one.setdefault(w, w) if len(w) <= _LONGEST_WORD else w for w in row]), reader.line_num)
            for row in reader
        ]
    first = rows.pop(0)[0] if rows else ()
    return tuple(chain([name.removeprefix("\ufeff") for name in first[:1]], first[1:])), rows


def _opened(path: str) -> TextIO:
    if path.endswith(".gz"):
        import gzip

        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return open(path, encoding="utf-8", newline="")


def _keep(path: str, content: bytes) -> None:
    """Write what was parsed, whole or not at all; that it cannot be written is nobody's trouble."""
    from planner.errors import PlannerError
    from planner.writing import write_new

    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_new(path, content, force=True)
    except (OSError, PlannerError):
        pass
