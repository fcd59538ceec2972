"""An hourly demand: what is asked for in each hour, read from a CSV file and held to what a series of hours must be."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from planner.errors import MisuseError, suggest
from planner.files import read_text
from planner.money import plain, seen
from planner.records import NamedTuple

__all__ = ["KINDS", "MOST", "MOST_HOURS", "Demand", "made", "read", "repeated", "scaled"]

#: What a demand may be counted in.
KINDS = ("rps", "tokens_per_second", "instances")
#: Ten years; a file of more rows is refused before it is read to its end.
MOST_HOURS = 24 * 366 * 10
#: The most of anything in an hour, and the most instances.
MOST, MOST_INSTANCES = Decimal(10) ** 12, Decimal(100_000)
_LIMIT = 8 * 2**20


class Demand(NamedTuple):
    """What is asked for in each hour.

    kind: one of KINDS, or "sized" for what the sizing says of the whole workload. values: one for each hour, in order. start: ISO date of the first hour where the file has one, else "".
    source: where it comes from, in words.
    """

    kind: str
    values: tuple[Decimal, ...]
    start: str = ""
    source: str = ""

    @property
    def hours(self) -> int:
        return len(self.values)

    @property
    def peak(self) -> Decimal:
        return max(self.values)

    @property
    def mean(self) -> Decimal:
        return sum(self.values, Decimal(0)) / len(self.values)


def made(kind: str, values: Sequence[Decimal], where: str, start: str = "") -> Demand:
    """Return the demand of checked values; one that asks for nothing, or for more than can be, is `MisuseError`."""
    if not any(values):
        raise MisuseError(f"{where}: nothing is asked for in any hour: every value is 0")
    found = Demand(kind, tuple(values), start, where)
    if kind == "instances" and found.peak > MOST_INSTANCES:
        hour = found.values.index(found.peak)
        raise MisuseError(
            f"{where}: {plain(found.peak)} instances in hour {hour}: more than the limit of {MOST_INSTANCES:,}"
        )
    return found


def scaled(demand: Demand, factor: Decimal) -> Demand:
    """Return the demand with every hour multiplied by `factor`."""
    return demand._replace(values=tuple(value * factor for value in demand.values))


def repeated(demand: Demand, hours: int) -> Demand:
    """Return the demand said again and again until it is `hours` long."""
    times = -(-hours // demand.hours)
    return demand._replace(values=(demand.values * times)[:hours])


def read(path: str) -> Demand:
    """Return the demand in a CSV file: columns `hour` (0, 1, 2 ... or ISO times with offset) and one of KINDS.

    Hours follow each other without gap, repetition or step back; anything else is `MisuseError` that names the line.
    """
    where = f"demand {path}"
    if os.path.isfile(path) and os.path.getsize(path) > _LIMIT:
        raise MisuseError(f"{where}: more than {_LIMIT:,} bytes: a demand has at most {MOST_HOURS:,} hours (ten years)")
    body = read_text(path, "demand", _LIMIT)
    rows = _rows(body, where)
    number, header = next(rows, (1, []))
    names = [name.strip().lower() for name in header]
    hour, column, kind = _columns(names, f"{where}:{number}")
    values: list[Decimal] = []
    clock = _Clock(where)
    for number, row in rows:
        at = f"{where}:{number}"
        if len(values) >= MOST_HOURS:
            raise MisuseError(f"{at}: more than {MOST_HOURS:,} hours (ten years): is it hourly?")
        if len(row) != len(names):
            raise MisuseError(f"{at}: {len(row)} fields, the first line has {len(names)} columns")
        clock.tick(row[hour].strip(), at)
        values.append(_value(row[column].strip(), kind, at))
    if not values:
        raise MisuseError(f"{where}: no hours: write a line of `hour,{kind}` and one line for each hour")
    return made(kind, values, where, clock.start)


def _rows(body: str, where: str) -> Iterator[tuple[int, list[str]]]:
    """Return the rows that hold anything, each with the number of its line."""
    reader = csv.reader(body.split("\n"), strict=True)
    try:
        for row in reader:
            if any(field.strip() for field in row):
                yield reader.line_num, row
    except csv.Error as exc:
        raise MisuseError(f"{where}:{reader.line_num}: not CSV: {exc}") from None


def _columns(names: Sequence[str], at: str) -> tuple[int, int, str]:
    """Return where the hour and the demand stand, and what that is counted in."""
    if not names:
        raise MisuseError(f"{at}: the file is empty: it needs the columns hour and one of {', '.join(KINDS)}")
    for name in ("hour", *KINDS):
        if names.count(name) > 1:
            raise MisuseError(f"{at}: the column {name} stands twice")
    found = [name for name in KINDS if name in names]
    if "hour" not in names:
        near = next((n for n in names if n in ("time", "timestamp", "date", "datetime", "hours")), "")
        hint = f" (call {near} `hour`)" if near else f"; it has {seen(', '.join(names)[:80])}"
        raise MisuseError(f"{at}: no column `hour` in the first line{hint}")
    if len(found) > 1:
        raise MisuseError(f"{at}: give one demand, not {' and '.join(found)}")
    if not found:
        others = [n for n in names if n != "hour"]
        told = f": {suggest(others[0], KINDS)}" if others else ""
        raise MisuseError(f"{at}: no column of rps, tokens_per_second or instances{told}")
    return names.index("hour"), names.index(found[0]), found[0]


def _value(text: str, kind: str, at: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise MisuseError(f"{at}: {kind} is {seen(text)}: not a number") from None
    if not value.is_finite() or not text.isascii() or "_" in text:
        raise MisuseError(f"{at}: {kind} is {seen(text)}: not a number")
    if value < 0:
        raise MisuseError(f"{at}: {kind} is {seen(text)}: a demand is not below zero")
    if value > MOST or (value and value < 1 / MOST) or len(text) > 60:
        raise MisuseError(f"{at}: {kind} is {seen(text[:60])}: out of bounds (0, or 1e-12 to 1e12)")
    return value


class _Clock:
    """The hours of a file as they come: numbers from 0, or instants an hour apart."""

    def __init__(self, where: str) -> None:
        self.start = ""
        self._where = where
        self._number = 0
        self._last: datetime | None = None
        self._shown = ""

    def tick(self, text: str, at: str) -> None:
        """Take the next hour; one that does not follow the last is `MisuseError`."""
        if text.isascii() and text.removeprefix("-").isdigit():
            self._count(text, at)
        else:
            self._instant(text, at)
        self._number += 1
        self._shown = text

    def _count(self, text: str, at: str) -> None:
        if self._last is not None:
            raise MisuseError(f"{at}: hour {seen(text)} is a number, the lines before have times")
        hour = int(text) if len(text) < 12 else MOST_HOURS + 1
        if hour == self._number:
            return
        if not self._number:
            raise MisuseError(f"{at}: the first hour is {text[:20]}: hours are counted from 0")
        self._refuse(hour - self._number, f"hour {self._number}", at, text[:20])

    def _refuse(self, off: int, expected: str, at: str, text: str) -> None:
        """Raise the error for an hour that is `off` hours from the expected one."""
        if off == -1:
            raise MisuseError(f"{at}: hour {text} stands twice (also in the line before)")
        if off < 0:
            raise MisuseError(f"{at}: hour {text} goes back behind {self._shown}: sort the file, and remove duplicates")
        missing = f"{off:,} hours are missing" if off > 1 else "an hour is missing"
        raise MisuseError(
            f"{at}: {text} follows {self._shown}: {missing} ({expected} is next); write 0 where none is asked"
        )

    def _instant(self, text: str, at: str) -> None:
        if self._number and self._last is None:
            raise MisuseError(f"{at}: hour {seen(text)} is no number, the lines before have numbers")
        try:
            local = datetime.fromisoformat(text)
        except ValueError:
            told = "neither a whole number nor a time (write 0, 1, 2 ... or 2026-01-01T00:00+08:00)"
            raise MisuseError(f"{at}: hour is {seen(text[:40])}: {told}") from None
        if local.tzinfo is None:
            raise MisuseError(f"{at}: {text[:40]} names no time zone: write its offset, as in 2026-01-01T00:00+08:00")
        if local.minute or local.second or local.microsecond:
            raise MisuseError(f"{at}: {text[:40]} is not a whole hour")
        try:
            instant = local.astimezone(UTC)
            following = instant + timedelta(hours=1)
        except OverflowError:
            raise MisuseError(f"{at}: {text[:40]} is outside the calendar") from None
        if self._last is None:
            self.start = local.date().isoformat()
        elif instant != self._last:
            off = instant - self._last
            if off % timedelta(hours=1):
                raise MisuseError(f"{at}: {text[:40]} is not a whole number of hours after {self._shown}")
            expected = self._last.astimezone(local.tzinfo).isoformat(timespec="minutes")
            try:
                self._refuse(off // timedelta(hours=1), expected, at, text[:40])
            except MisuseError as exc:
                if abs(off) == timedelta(hours=1):
                    told = "; where the clock changes, the offset changes with it (or write UTC)"
                    raise MisuseError(f"{exc}{told}") from None
                raise
        self._last = following
