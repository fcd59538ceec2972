"""A whole price book as one CSV file, so that a team can share it: written exactly, read back only if nothing changed.

Each fetch is a line `fetch` with its digest, followed by one line per observation. The digest is over every field, so
a number that a spreadsheet has rounded, a lost line or a line from elsewhere is found before anything is kept.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO

from planner.errors import MisuseError
from planner.harmless import FORMULA
from planner.money import decimal_of
from planner.prices.book.digest import Content, Fetch, uid_of
from planner.prices.book.read import PriceBook
from planner.prices.book.sqlite import mapped, transaction
from planner.prices.book.write import Writer, normal_families
from planner.prices.texts import KINDS, Kind
from planner.records import NamedTuple

__all__ = ["COLUMNS", "Imported", "check_csv", "export_csv", "import_csv", "is_time", "write_fetch"]

_HEAD = ("record", "fetch", "uid", "observed_at", "access", "account_site", "families", "gaps", "tells_zones")
_FIELDS = tuple(dict.fromkeys(name for kind in KINDS for name in kind.texts))
COLUMNS = (*_HEAD, *_FIELDS)
#: What exports had before books kept zones; such a file is still read.
_OLD_COLUMNS = tuple(name for name in COLUMNS if name != "tells_zones")
_BY_NAME = {kind.name: kind for kind in KINDS}
_NUMBERS = frozenset(name for kind in KINDS for name in kind.texts if kind.is_number(name))
_MAY_BE_EMPTY = frozenset(name for kind in KINDS for name in kind.texts if kind.may_be_empty(name))
_SHOWN = 5

CheckFetch = Callable[[Fetch, Content], Iterable[str]]
Wrong = Callable[[int, str], MisuseError]


class Imported(NamedTuple):
    """What an import did: fetches and observations added, and fetches that the book had already."""

    fetches: int
    observations: int
    known: int


def export_csv(book: PriceBook, out: TextIO) -> int:
    """Write the whole book to `out` (opened with newline="") and return how many observations it holds.

    Fetches never change, so this needs no lock and holds up no other planner.
    """
    writer = _writer(out)
    count = 0
    for number, fetch in enumerate(book.fetches(), 1):
        content = [
            (kind, dict(zip(kind.texts, texts, strict=True)))
            for kind in KINDS
            for texts in sorted(book.texts(kind, fetch.id))
        ]
        _write(writer, number, fetch, content)
        count += len(content)
    return count


def write_fetch(fetch: Fetch, content: Content, out: TextIO) -> None:
    """Write one fetch as a book of its own would be exported."""
    _write(_writer(out), 1, fetch, content)


def _writer(out: TextIO) -> csv.DictWriter[str]:
    # CRLF as in RFC 4180; only then does the writer also quote a text with a bare CR in it.
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    return writer


def _write(writer: csv.DictWriter[str], number: int, fetch: Fetch, content: Content) -> None:
    head = fetch._asdict() | {"record": "fetch", "fetch": number, "families": " ".join(fetch.families)}
    head["gaps"] = json.dumps(fetch.gaps, ensure_ascii=False)
    head["tells_zones"] = "1" if fetch.tells_zones else ""
    del head["id"]
    writer.writerow(head)
    for kind, texts in content:
        guarded = {name: _guarded(text) for name, text in texts.items()}
        writer.writerow({"record": kind.name, "fetch": number, **guarded})


def check_csv(path: str, check: CheckFetch) -> None:
    """Read the file wholly and raise `MisuseError` naming the first problems; nothing is written.

    `check` gets each fetch with its records and returns problems in sentences (the checks of any fetched price).
    """
    problems: list[str] = []
    total = 0
    for place, fetch, content in _fetches(path):
        try:
            found = _problems(fetch, content) or list(check(fetch, content))
        except (ValueError, ArithmeticError) as exc:
            found = [f"a number cannot be read ({exc})"]
        total += len(found)
        problems += [f"line {place}: {text}" for text in found[: _SHOWN - len(problems)]]
    if problems:
        more = f" (and {total - len(problems)} more)" if total > len(problems) else ""
        raise MisuseError(f"{path}: {'; '.join(problems)}{more}; nothing was imported")


def import_csv(path: str, writer: Writer) -> Imported:
    """Add the file's fetches to the book, all or none; call `check_csv` first. Fetches that are known are left out."""
    fetches = observations = known = 0
    with mapped(writer.path), transaction(writer.db):
        for _, fetch, content in _fetches(path):
            if writer.insert(fetch, content):
                fetches += 1
                observations += len(content)
            else:
                known += 1
    return Imported(fetches, observations, known)


def _problems(fetch: Fetch, content: Content) -> list[str]:
    if not is_time(fetch.observed_at):
        return [f"observed_at {fetch.observed_at!r} is not a UTC time like 2026-11-23T10:00:00Z"]
    if fetch.access not in ("keys", "public"):
        return [f"access {fetch.access!r} is neither keys nor public"]
    if not fetch.provider or not fetch.region:
        return ["a fetch needs a provider and a region"]
    if fetch.families != normal_families(fetch.families):
        return ["families are not in order"]
    if uid_of(fetch, content) != fetch.uid:
        return ["this fetch was changed since it was exported (its digest differs); export it again"]
    return []


def _fetches(path: str) -> Iterator[tuple[int, Fetch, list[tuple[Kind, dict[str, str]]]]]:
    """Yield (line, fetch, content) one at a time, so that a file of any size fits."""
    try:
        if not os.path.isfile(path):  # it is read twice, and a line of it at a time
            raise MisuseError(f"{path}: {'not a file' if os.path.exists(path) else 'there is no such file'}")
        with open(path, encoding="utf-8-sig", newline="") as file:
            yield from _parsed(path, csv.reader(file, strict=True))
    except OSError as exc:
        raise MisuseError(f"{path}: cannot be read ({exc.strerror})") from exc
    except UnicodeDecodeError as exc:
        raise MisuseError(f"{path}: not UTF-8 text; import the file as `planner catalog export` wrote it") from exc


def _parsed(path: str, lines: Iterator[list[str]]) -> Iterator[tuple[int, Fetch, list[tuple[Kind, dict[str, str]]]]]:
    def wrong(number: int, why: str) -> MisuseError:
        return MisuseError(f"{path}:{number}: {why}; nothing was imported")

    number, start = 1, 1
    fetch: Fetch | None = None
    content: list[tuple[Kind, dict[str, str]]] = []
    serial = ""
    try:
        columns = tuple(next(lines, []))
        if columns not in (COLUMNS, _OLD_COLUMNS):
            raise wrong(1, "not a price book's columns; import the file as `planner catalog export` wrote it")
        for line in lines:
            number = lines.line_num  # type: ignore[attr-defined]
            if len(line) != len(columns):
                raise wrong(number, f"{len(line)} fields where {len(columns)} are expected")
            row = dict(zip(columns, line, strict=True))
            if row["record"] == "fetch":
                if fetch is not None:
                    yield start, fetch, content
                start, serial, content = number, row["fetch"], []
                fetch = _fetch(row, number, wrong)
                continue
            kind = _BY_NAME.get(row["record"])
            if kind is None:
                raise wrong(number, f"unknown record {row['record']!r}")
            if fetch is None or row["fetch"] != serial:
                raise wrong(number, "an observation that follows no fetch of its own")
            texts = {name: _bare(row[name]) for name in kind.texts}
            for name in _NUMBERS.intersection(kind.texts):
                if texts[name] or name not in _MAY_BE_EMPTY:
                    try:
                        decimal_of(texts[name], name)
                    except MisuseError as exc:
                        raise wrong(number, str(exc)) from exc
            content.append((kind, texts))
    except csv.Error as exc:
        raise wrong(number + 1, f"not CSV ({exc})") from exc
    if fetch is not None:
        yield start, fetch, content


def _guarded(text: str) -> str:
    """Return a text as a spreadsheet may see it: what could be a formula stands behind an apostrophe, exactly undone by `_bare`."""
    return f"'{text}" if text.startswith((*FORMULA, "'")) else text


def _bare(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith((*FORMULA, "'")) else text


def _fetch(row: dict[str, str], number: int, wrong: Wrong) -> Fetch:
    try:
        gaps = json.loads(row["gaps"])
        if not isinstance(gaps, list) or not all(isinstance(gap, str) for gap in gaps):
            raise ValueError
    except ValueError as exc:
        raise wrong(number, "gaps is not a JSON list of texts") from exc
    tells = row.get("tells_zones", "")
    if tells not in ("", "1"):
        raise wrong(number, f"tells_zones {tells!r} is neither 1 nor empty")
    return Fetch(
        id=0,
        uid=row["uid"],
        provider=row["provider"],
        region=row["region"],
        account_site=row["account_site"],
        access=row["access"],
        families=tuple(row["families"].split()),
        observed_at=row["observed_at"],
        gaps=tuple(gaps),
        tells_zones=tells == "1",
    )


def is_time(text: str) -> bool:
    """Return whether `text` is a UTC time in the form that the book keeps."""
    from datetime import datetime

    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").strftime("%Y-%m-%dT%H:%M:%SZ") == text
    except ValueError:
        return False
