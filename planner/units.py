"""Hours, months and gigabytes: what each cloud means by them, in one place.

A window is a number of hours. Two kinds of month follow from it:

* `RATE_MONTH_HOURS` (730): what a price *per month* is divided by when a cloud bills it by the hour (the usual rule
  for GB-months and for reserved instances' hourly shares).
* `billing_months(hours, start)`: how many calendar months the window needs. Subscriptions are bought in these, and
  traffic tiers start anew in each. Without a start date a month holds up to 744 hours (31 days), so 720, 730 and 744
  hours are one month and 8,760 hours are twelve; with a start date the calendar decides.
  `month_parts` says how much of the last of them is used: 2,190 hours from 1 December are three months and 30 hours.

GB is 10^9 bytes where a cloud says so and is otherwise the cloud's own word; GiB is 2^30 bytes. `docs/units.md` says
which cloud means which.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_CEILING, Decimal

from planner.errors import MisuseError, suggest
from planner.records import NamedTuple

__all__ = [
    "FIRST_YEAR",
    "LAST_YEAR",
    "LONGEST_MONTH_HOURS",
    "RATE_MONTH_HOURS",
    "YEAR_HOURS",
    "Window",
    "add_months",
    "billing_months",
    "iso_date",
    "month_of",
    "month_parts",
    "months_from",
    "term_hours",
    "term_months",
]

RATE_MONTH_HOURS = Decimal(730)
YEAR_HOURS = Decimal(8760)
LONGEST_BLOCK = Decimal(4368)  # hours of the longest capacity block, 182 days
LONGEST_MONTH_HOURS = Decimal(744)
SHORTEST_MONTH_HOURS = Decimal(720)  # of a month that no date says the length of; February is not among them
#: Years of a date that somebody gives: a term or a window from there stays within the calendar.
FIRST_YEAR, LAST_YEAR = 1970, 2999


def iso_date(text: str, what: str) -> str:
    """Return `text` as an ISO date (2026-12-01); `what` names it in the `MisuseError` for anything else."""
    try:
        day = date.fromisoformat(text[:20])
    except ValueError:
        raise MisuseError("{what}: {text!r} is not a date (write 2026-12-01)", what=what, text=text[:40]) from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise MisuseError(
            "{what}: {day} is outside the years {first} to {last}",
            what=what,
            day=day.isoformat(),
            first=FIRST_YEAR,
            last=LAST_YEAR,
        )
    return day.isoformat()


MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)


def month_of(value: object, what: str) -> int:
    """Return the month (1 to 12) that a name (april, apr) or number says; `what` begins the `MisuseError` for anything else."""
    word = str(value).strip().lower()
    if word.isascii() and word.isdigit() and len(word) < 3 and 1 <= int(word) <= 12:
        return int(word)
    found = [number for number, name in enumerate(MONTHS, 1) if len(word) >= 3 and name.startswith(word)]
    if len(found) != 1:
        raise MisuseError(
            "{what}: {value} is no month: {near}", what=what, value=ascii(value)[:40], near=suggest(word[:20], MONTHS)
        )
    return found[0]


def term_months(term: str) -> int:
    """Return the months of a term such as `"1m"`, `"1y"` or `"3y"`."""
    number = int(term[:-1])
    return number * 12 if term.endswith("y") else number


def term_hours(term: str) -> Decimal:
    """Return the hours of a term: 8,760 a year, 730 a month (the rule of reserved instances and savings plans)."""
    months = term_months(term)
    return YEAR_HOURS * (months // 12) if months % 12 == 0 else RATE_MONTH_HOURS * months


def block_hours(hours: Decimal) -> Decimal | None:
    """Return the hours of the capacity block that covers `hours`, None where none is so long.

    Blocks are sold by the day up to 14 days, then by the week up to 182 days (the seller's user guide, capacity-blocks-purchase,
    read 2026-11-26).
    """
    days = max(1, int((hours / 24).to_integral_value(ROUND_CEILING)))
    if days > 14:
        days = -(-days // 7) * 7
    return Decimal(24 * days) if 24 * days <= LONGEST_BLOCK else None


def add_months(day: date, months: int) -> date:
    """Return the same day `months` later, or that month's last day where there is no such day."""
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    for number in (day.day, 30, 29, 28):
        try:
            return date(year, month, number)
        except ValueError:
            continue
    raise ValueError(day)  # pragma: no cover - every month has a 28th


def billing_months(hours: Decimal, start: date | None = None) -> int:
    """Return how many whole calendar months cover `hours` (at least 1), counted from `start` if it is given."""
    if start is None:
        return max(1, int((hours / LONGEST_MONTH_HOURS).to_integral_value(ROUND_CEILING)))
    begin = datetime(start.year, start.month, start.day)
    end = begin + timedelta(hours=float(hours))
    months = max(1, int(hours // LONGEST_MONTH_HOURS))
    while datetime.combine(add_months(start, months), datetime.min.time()) < end:
        months += 1
    return months


def month_parts(hours: Decimal, start: date | None = None) -> tuple[int, Decimal]:
    """Return how many months `hours` fill, and what share they use of one more (from 0 to below 1).

    Months are counted from `start`. Without one a month is any of 720 to 744 hours and a year has 8,760: 720 and 744 hours
    are one month, 2,190 are three, 30 are 30/720 of one.
    """
    if start is None:
        years = int(hours // YEAR_HOURS)
        left = hours - years * YEAR_HOURS
        months = int(left // LONGEST_MONTH_HOURS)
        more = left - LONGEST_MONTH_HOURS * months
        room = SHORTEST_MONTH_HOURS * (months + 1) - LONGEST_MONTH_HOURS * months
        return (12 * years + months + 1, Decimal(0)) if more >= room else (12 * years + months, more / room)
    months = int(hours // LONGEST_MONTH_HOURS)
    while _between(start, add_months(start, months + 1)) <= hours:
        months += 1
    first, after = add_months(start, months), add_months(start, months + 1)
    return months, (hours - _between(start, first)) / _between(first, after)


def months_from(start: str, months: int) -> list[datetime]:
    """Return the instants (UTC) at which `months` months from an ISO day begin, and the one at which the last ends."""
    first = date.fromisoformat(start)
    return [datetime.combine(add_months(first, n), time(), UTC) for n in range(months + 1)]


def _between(begin: date, end: date) -> Decimal:
    return Decimal((end - begin).days * 24)


class Window(NamedTuple):
    """What is paid for: `hours` from the first day `start` (ISO date; "" = no day is given, see `billing_months`).

    prorated: traffic of a month that is used in part is that part of a month's, else a whole month's. span: the months that it
    lasts where its hours are only a part of them (planner.duty), 0 where they are all of it.
    """

    hours: Decimal
    start: str = ""
    prorated: bool = False
    span: int = 0

    @property
    def months(self) -> int:
        """The calendar months that the window needs."""
        return self.span or billing_months(self.hours, self._first)

    @property
    def length(self) -> Decimal:
        """The hours from its beginning to its end, used or not: of whole years 8,760 each, else by the calendar."""
        if not self.span:
            return self.hours
        if self.span % 12 == 0 or self._first is None:
            return max(self.hours, RATE_MONTH_HOURS * self.span)
        return max(self.hours, _between(self._first, add_months(self._first, self.span)))

    @property
    def traffic(self) -> tuple[int, Decimal]:
        """The months whose traffic is paid: how many whole ones, and the share of one more."""
        if self.span:
            return self.span, Decimal(0)
        return month_parts(self.hours, self._first) if self.prorated else (self.months, Decimal(0))

    @property
    def _first(self) -> date | None:
        return date.fromisoformat(self.start) if self.start else None
