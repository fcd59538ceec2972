"""Duty cycle: capacity that runs only part of the time, for so many months.

    300h/month x12                        300 hours of each of twelve months (also h/week, h/day)
    mon-fri 08-20 Asia/Shanghai x12       a clock: days, hours of the day, time zone (UTC if none is named), months

What runs by the hour pays the hours of use; a commitment, a disk and the traffic pay the months.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from functools import cache
from itertools import pairwise

from planner.errors import MisuseError, suggest
from planner.records import NamedTuple

__all__ = ["Use", "parse"]

ZERO = Decimal(0)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: Hours of a month (8,760 a year) that hold one of the unit's.
UNITS = {"month": Decimal(730), "week": Decimal(168), "day": Decimal(24)}
MOST_MONTHS = 120
_FORM = 'write "300h/month x12" or "mon-fri 08-20 Asia/Shanghai x12"'


class Use(NamedTuple):
    """When something runs. text: as a file has it. months: for so many. hours: of a month, 0 by the clock.

    days: of the week (0 = Monday); begins, ends: minutes of the day, `ends` on the next day where it is not later.
    """

    text: str
    months: int
    hours: Decimal
    days: tuple[int, ...] = ()
    begins: int = 0
    ends: int = 0
    zone: str = "UTC"

    @property
    def clock(self) -> bool:
        """Whether it runs by the clock, so that the calendar says how many hours a month has."""
        return not self.hours

    @property
    def average(self) -> Decimal:
        """The hours of all months; by the clock those of average months."""
        if not self.clock:
            return round(self.hours * self.months, 6)
        length = self.ends - self.begins + (1440 if self.ends <= self.begins else 0)
        week = Decimal(len(self.days) * length) / 60
        return (week * 730 / 168 * self.months).quantize(Decimal("0.000001"))

    def by_month(self, edges: Sequence[datetime]) -> list[Decimal]:
        """Return the hours of use between each two of `edges` (UTC, in order), `months` + 1 of them.

        A month that is shorter than the hours asked of it is full, and the next ones take what is left.
        """
        rooms = [_hours(a, b) for a, b in pairwise(edges)]
        if self.clock:
            return self.on(edges)
        made, left = [], ZERO
        for number, room in enumerate(rooms):
            last = self.average - self.hours * (self.months - 1)
            wanted = left + (last if number == self.months - 1 else self.hours)
            made.append(min(wanted, room))
            left = wanted - made[-1]
        for number, room in enumerate(rooms if left else []):
            more = min(left, room - made[number])
            made[number], left = made[number] + more, left - more
        return made

    def on(self, edges: Sequence[datetime]) -> list[Decimal]:
        """Return the hours of use by the clock between each two of `edges` (UTC, in order), summer time and all."""
        zone, seconds = _zone(self.zone), [0] * (len(edges) - 1)
        day = edges[0].astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None) - timedelta(
            days=2
        )
        last = edges[-1].astimezone(zone).replace(tzinfo=None)
        at = 0
        while day <= last:
            if day.weekday() in self.days:
                end = day + timedelta(minutes=self.ends, days=self.ends <= self.begins)
                spans = [t.replace(tzinfo=zone).astimezone(UTC) for t in (day + timedelta(minutes=self.begins), end)]
                while at < len(seconds) - 1 and edges[at + 1] <= spans[0]:
                    at += 1
                for number in range(at, len(seconds)):
                    begin, finish = max(spans[0], edges[number]), min(spans[1], edges[number + 1])
                    if finish <= begin:
                        break
                    seconds[number] += int((finish - begin).total_seconds())
            day += timedelta(days=1)
        return [Decimal(s) / 3600 for s in seconds]


def _hours(begin: datetime, end: datetime) -> Decimal:
    return Decimal(int((end - begin).total_seconds())) / 3600


@cache
def parse(text: str) -> Use:
    """Return what `text` says; raise `MisuseError` for anything else."""
    words = text.lower().replace("×", "x").split()
    if len(words) > 1 and words[-2] == "x":
        words[-2:] = ["x" + words[-1]]
    if len(words) < 2 or not words[-1].startswith("x"):
        raise MisuseError(f"--use: {text[:60]!r}: for how many months? {_FORM}")
    months = _whole(words[-1][1:], text, 1, MOST_MONTHS, "months")
    first = words[0]
    if "/" in first:
        if len(words) != 2:
            raise MisuseError(f"--use: {text[:60]!r}: {words[1][:20]!r} says nothing; {_FORM}")
        return Use(f"{first} x{months}", months, _hourly(first, text))
    if len(words) not in (3, 4):
        raise MisuseError(f"--use: {text[:60]!r}: {_FORM}")
    days = _days(first, text)
    begins, ends = _times(words[1], text)
    zone = text.split()[2] if len(words) == 4 else "UTC"
    _zone(zone)
    return Use(f"{first} {words[1]} {zone} x{months}", months, ZERO, days, begins, ends, zone)


def _whole(word: str, text: str, low: int, high: int, what: str) -> int:
    number = int(word) if word.isascii() and word.isdigit() and len(word) < 5 else -1
    if not low <= number <= high:
        raise MisuseError(f"--use: {text[:60]!r}: {word[:20]!r} is not {low} to {high} {what}; {_FORM}")
    return number


def _hourly(word: str, text: str) -> Decimal:
    """Return the hours a month of `300h/month`."""
    amount, _, unit = word.partition("/")
    unit = {"mo": "month", "w": "week", "d": "day"}.get(unit, unit)
    if unit not in UNITS:
        raise MisuseError(f"--use: {text[:60]!r}: hours of a {unit[:20]!r}: {suggest(unit, UNITS)}")
    try:
        number = Decimal(amount.removesuffix("hours").removesuffix("hour").removesuffix("h"))
    except InvalidOperation:
        number = Decimal(-1)
    if not amount.endswith(("h", "hour", "hours")) or not number.is_finite() or number <= 0 or number > UNITS[unit]:
        raise MisuseError(f"--use: {text[:60]!r}: {amount[:20]!r} is not above 0h and at most {UNITS[unit]}h; {_FORM}")
    if number != round(number, 6):
        raise MisuseError(f"--use: {text[:60]!r}: at most six digits after the point")
    return number * 730 / UNITS[unit]


def _days(word: str, text: str) -> tuple[int, ...]:
    """Return the days of `mon-fri`, `sat,sun` or `daily`."""
    if word in ("daily", "all", "every"):
        return tuple(range(7))
    found: set[int] = set()
    for part in word.split(","):
        begin, dash, end = part.partition("-")
        ends = [begin, end] if dash else [begin, begin]
        for name in ends:
            if name[:3] not in DAYS or not name.isalpha():
                raise MisuseError(f"--use: {text[:60]!r}: no day {name[:20]!r}: {suggest(name[:3], DAYS)}; {_FORM}")
        low, high = (DAYS.index(name[:3]) for name in ends)
        found |= {n % 7 for n in range(low, high + (7 if high < low else 0) + 1)}
    return tuple(sorted(found))


def _times(word: str, text: str) -> tuple[int, int]:
    """Return the minutes of the day of `08-20` or `22:30-06`."""
    begin, dash, end = word.partition("-")
    if not dash:
        raise MisuseError(f"--use: {text[:60]!r}: {word[:20]!r} is no time of the day; {_FORM}")
    made = []
    for at in (begin, end):
        hour, _, minute = at.partition(":")
        made.append(
            _whole(hour, text, 0, 24, "o'clock") * 60 + (_whole(minute, text, 0, 59, "minutes") if minute else 0)
        )
    if made[0] == made[1] or max(made) > 1440:
        raise MisuseError(f"--use: {text[:60]!r}: {word[:20]!r} is no time of the day; {_FORM}")
    return made[0], made[1]


@cache
def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo

    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        from zoneinfo import available_timezones

        raise MisuseError(
            f"--use: no time zone {name[:40]!r}: {suggest(name, sorted(available_timezones()))}"
        ) from None
