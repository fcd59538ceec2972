"""CSV files of ours as rows. What was parsed once is remembered beside the file, as Python remembers its own modules.

The lists hold more than a megabyte of CSV, of which a quote looks at a tenth. Rows are kept in the folder `__pycache__` beside
the file, apart by the text of one column (`APART`), under the file's size and the time of its last change: a changed file is
parsed anew, and who asks for one region, or for one engine, reads that one alone. Each version of Python keeps its own, as it does
of modules: two that share a checkout never take each other's away. Where nothing can be written, or Python was told to keep nothing
(PYTHONDONTWRITEBYTECODE), every start parses.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate, chain
from marshal import dumps, loads
from operator import itemgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import TextIO

__all__ = ["APART", "REGION", "Made", "RaggedError", "Rows", "apart", "json_of", "read"]

#: A row, and the number of the line on which it ends.
Rows = list[tuple[tuple[str, ...], int]]
#: The column by whose texts the rows of a file are kept apart, where it has that column: by the file's name, REGION elsewhere.
APART = {"advisories.csv": "engine", "kernels.csv": "engine", "models.csv": "name"}
REGION = "region"
_FORM = 4
#: How a kept file ends.
_ENDING = f".{sys.implementation.cache_tag}.rows"
#: Bytes of the number that opens a kept file: the length of its index.
_WIDTH = 4
#: So many bytes are read at once: most kept files are shorter.
_AT_ONCE = 1 << 14
#: How a kept file is opened; os.open takes a third of what open() does, and a quote reads forty.
_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_LONGEST_WORD = 24
_SETTLED_S = 2


class RaggedError(ValueError):
    """A row has more or fewer columns than the header. line: where it ends."""

    def __init__(self, line: int, found: int, expected: int) -> None:
        super().__init__(f"{found} columns, expected {expected}")
        self.line = line


class Made(Mapping[str, Any]):
    """Records by name; one is made of its row when somebody looks at it."""

    def __init__(self, rows: Mapping[str, Any], make: Callable[[Any], Any]) -> None:
        self._rows, self._make = rows, make
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._make(self._rows[name])
        return self._made[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return the record, `default` where there is none of the name."""
        return self[name] if name in self._rows else default

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def read(path: str, only: Collection[str] = ()) -> tuple[tuple[str, ...], Rows]:
    """Return the header of a CSV file and its rows, in their order; a byte-order mark is no part of it.

    only: the texts of the column that keeps rows apart whose rows are wanted, () = all. A missing file is `FileNotFoundError`.
    """
    if path.endswith(".gz"):
        return _parsed(path)
    header, parts = apart(path, only)
    if len(parts) == 1:
        return header, next(iter(parts.values()))
    return header, sorted((row for part in parts.values() for row in part), key=itemgetter(1))


def apart(path: str, only: Collection[str] = ()) -> tuple[tuple[str, ...], dict[str, Rows]]:
    """Return what `read` does, the rows by the text that keeps them apart ("" where the file has no such column)."""
    stamp, settled = _state(path)
    kept = _beside(path)
    try:
        handle = os.open(kept, _FLAGS)
        try:
            first = os.read(handle, _AT_ONCE)
            begin = _WIDTH + int.from_bytes(first[:_WIDTH], "big")
            known, header, places = loads(_bytes(handle, first, _WIDTH, begin - _WIDTH))  # noqa: S302 - ours, as compiled modules
            if known == stamp:
                wanted = {name: places[name] for name in only if name in places} if only else places
                return header, {
                    name: loads(_bytes(handle, first, begin + start, length))  # noqa: S302
                    for name, (start, length) in wanted.items()
                }
        finally:
            os.close(handle)
    except (OSError, ValueError, EOFError, TypeError, OverflowError, MemoryError):
        pass
    header, rows = _parsed(path)
    parts: dict[str, Rows] = {}
    by = APART.get(os.path.basename(path), REGION)
    column = header.index(by) if by in header else None
    for row in rows:
        parts.setdefault(row[0][column] if column is not None else "", []).append(row)
    if settled:
        texts = {name: dumps(part) for name, part in parts.items()}
        starts = [0, *accumulate(map(len, texts.values()))]
        index = dumps((stamp, header, {name: (at, len(texts[name])) for name, at in zip(texts, starts, strict=False)}))
        _keep(kept, b"".join((len(index).to_bytes(_WIDTH, "big"), index, *texts.values())))
    return header, {name: part for name, part in parts.items() if not only or name in only}


def _bytes(handle: int, first: bytes, start: int, length: int) -> bytes:
    """Return a part of an open file, of which the `first` bytes are known."""
    if start + length <= len(first):
        return first[start : start + length]
    os.lseek(handle, start, os.SEEK_SET)
    found = os.read(handle, length)
    if len(found) != length:
        raise EOFError
    return found


def json_of(path: str) -> Any:
    """Return what a JSON file says, as `json.loads` does; a quote that finds it kept need not import `json`."""
    stamp, settled = _state(path)
    kept = _beside(path)
    try:
        with open(kept, "rb", buffering=0) as file:
            known, found = loads(file.read())  # noqa: S302
            if known == stamp:
                return found
    except (OSError, ValueError, EOFError, TypeError):
        pass
    import json

    with open(path, encoding="utf-8") as text:
        found = json.loads(text.read().removeprefix("\ufeff"))
    if settled:
        _keep(kept, dumps((stamp, found)))
    return found


def _state(path: str) -> tuple[tuple[int, int, int], bool]:
    """Return under what the content of a file is kept, and whether it may be."""
    state = os.stat(path)
    # A file that was changed just now may change again within the same tick of the clock.
    settled = not sys.dont_write_bytecode and time.time() - state.st_mtime > _SETTLED_S
    return (_FORM, state.st_size, state.st_mtime_ns), settled


def _beside(path: str) -> str:
    folder, name = os.path.split(path)
    return f"{folder or os.curdir}{os.sep}__pycache__{os.sep}{name}{_ENDING}"


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
    for row, line in rows:
        if len(row) != len(first):
            raise RaggedError(line, len(row), len(first))
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
