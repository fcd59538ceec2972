"""Money as a company's books see it: what an offer bills and uses up in each quarter of its fiscal years."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from planner.quoting.calendar import cut
from planner.quoting.records import Offer, Quote
from planner.quoting.whatif import rate_of
from planner.records import NamedTuple
from planner.units import add_months

__all__ = ["Quarter", "quarters", "years"]

ZERO = Decimal(0)


class Quarter(NamedTuple):
    """A quarter of a fiscal year, or all of one (number 0). year: "2026/27", or "2026" where it is the calendar's. begins, ends:
    first day and the day after the last. billed, effective: in the report currency, with tax."""

    year: str
    number: int
    begins: str
    ends: str
    billed: Decimal
    effective: Decimal


def quarters(quote: Quote, offer: Offer) -> list[Quarter]:
    """Return the quarters in which `offer` bills or uses up anything, the whole term of a commitment included.

    They begin with the workload's `fiscal_year_start` (1: the calendar's). Over all of them billed is all that is owed.
    """
    first, rate = quote.workload.fiscal_year_start or 1, rate_of(quote, offer.totals.native_currency)
    sums: dict[date, list[Decimal]] = {}
    for entry in cut(quote, offer):
        day = entry.begins.date().replace(day=1)
        begins = add_months(day, -((day.month - first) % 3))
        made = sums.setdefault(begins, [ZERO, ZERO])
        made[0] += entry.billed * rate
        made[1] += entry.effective * rate
    found = []
    for begins, (billed, effective) in sorted(sums.items()):
        number = (begins.month - first) % 12 // 3
        year = add_months(begins, -3 * number).year
        name = str(year) if first == 1 else f"{year}/{(year + 1) % 100:02}"
        found.append(
            Quarter(name, number + 1, begins.isoformat(), add_months(begins, 3).isoformat(), billed, effective)
        )
    return found


def years(found: list[Quarter]) -> list[Quarter]:
    """Return the fiscal years of quarters, each as the sum of its quarters."""
    made: dict[str, Quarter] = {}
    for one in found:
        known = made.get(one.year)
        if known is None:
            begins = add_months(date.fromisoformat(one.begins), -3 * (one.number - 1))
            ends = add_months(begins, 12).isoformat()
            known = Quarter(one.year, 0, begins.isoformat(), ends, ZERO, ZERO)
        made[one.year] = known._replace(billed=known.billed + one.billed, effective=known.effective + one.effective)
    return list(made.values())
