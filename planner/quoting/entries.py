"""What lies in time: a month of a window, and what one charge does in it; and what use under a commitment is worth at list.

FOCUS rows of use under a commitment bear the prices of the same hours on demand, and its effective cost: the specification's own
examples do so (appendix Commitment Discounts, CSV of each scenario: list and contracted 78.60, effective 52.40), and what the
commitment saves is the difference. What is bought keeps the price that is paid for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from planner.quoting.records import Charge, Offer
from planner.records import NamedTuple
from planner.units import RATE_MONTH_HOURS

__all__ = ["Entry", "Period", "covered", "dated", "usual"]


ZERO = Decimal(0)


class Period(NamedTuple):
    """A month, counted from the first day: its number from 0, first day and day after the last (ISO).

    hours, rest_hours: of the window, and of the term after the window; together at most what the month has. in_window:
    whether some of the window is in it. idle: hours of the window in which nothing runs (planner.duty).
    """

    number: int
    start: str
    end: str
    hours: Decimal
    rest_hours: Decimal
    in_window: bool
    idle: Decimal = ZERO


class Entry(NamedTuple):
    """What one charge does in one period.

    kind: "usage", "purchase" (of a commitment), "fee" (of a contract) or "tax". status: "" or, for what a commitment covers, "used" or
    "unused". once: paid once per term, not period by period. in_window: part of the window's totals, or owed after it.
    begins, ends: when (UTC); a payment once per term spans the term. quantity in the charge's unit. listed, billed,
    effective: amounts in the charge's currency; contracted: quantity at the contracted price, whether or not it is billed.
    """

    period: Period
    charge: Charge
    kind: str
    status: str
    once: bool
    in_window: bool
    begins: datetime
    ends: datetime
    quantity: Decimal
    listed: Decimal
    contracted: Decimal
    billed: Decimal
    effective: Decimal


def usual(offer: Offer, charge: Charge) -> tuple[Decimal, Decimal] | None:
    """Return what one unit of `charge` (an hour, or a month of 730) costs on demand: list and contracted price.

    None where the same type has no on-demand price in that currency. Of a price with steps it is the average of a month.
    """
    line = offer.on_demand
    if line is None or line.currency != charge.currency:
        return None
    price = line.rates[0].amount
    month = price * RATE_MONTH_HOURS
    if len(line.rates) > 1:
        parts = [
            (r, (RATE_MONTH_HOURS if r.end is None else min(r.end, RATE_MONTH_HOURS)) - r.start) for r in line.rates
        ]
        month = sum((r.amount * hours for r, hours in parts if hours > 0), ZERO)
        price = month / RATE_MONTH_HOURS
    listed = month if charge.unit == "month" else price
    for tax in offer.lines:
        if tax.rule.startswith("tax_within"):  # as in the offer's charges: what the prices hold is taken out
            listed /= 1 + tax.each
    return listed, listed * (1 - line.share)


def covered(offer: Offer, entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries with one for each use of a commitment, at on-demand prices and with the effective cost of all its
    parts (a payment upfront and one by the hour are one commitment); unused time likewise.
    """
    made: list[Entry] = []
    places: dict[tuple[datetime, datetime, str], int] = {}
    for entry in entries:
        prices = usual(offer, entry.charge) if entry.status else None
        if not entry.status:
            made.append(entry)
            continue
        key = (entry.begins, entry.ends, entry.status)
        if key in places:
            first = made[places[key]]
            made[places[key]] = first._replace(
                listed=first.listed + (ZERO if prices else entry.listed),
                contracted=first.contracted + (ZERO if prices else entry.contracted),
                effective=first.effective + entry.effective,
            )
            continue
        places[key] = len(made)
        if prices:
            listed, contracted = prices
            entry = entry._replace(listed=entry.quantity * listed, contracted=entry.quantity * contracted)
        made.append(entry)
    return made


def dated(offer: Offer, entry: Entry) -> Entry:
    """Return an entry of use within the days for which its price holds, where the offer's price changes in the window."""
    source = entry.charge.source
    for era, after in pairwise((*offer.eras, None)):
        if era is not None and any(rate.source == source for line in era.lines for rate in line.rates):
            begins = datetime.fromisoformat(era.since) if era.since else entry.begins
            ends = datetime.fromisoformat(after.since) if after is not None else entry.ends
            return entry._replace(begins=max(entry.begins, begins), ends=min(entry.ends, ends))
    return entry
