"""The months of one option, from `planner.quoting.calendar.schedule`: what the sheet Timeline holds now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple

from planner.quoting.calendar import Entry, Period, periods, schedule
from planner.quoting.records import RULES
from planner.rendering.xlsx.model import Model, Option

__all__ = ["Months", "months_of", "running"]

ZERO = Decimal(0)
Amounts = list[Decimal]


class Months(NamedTuple):
    """One value per column (a column without a period holds zeros). Amounts are in the report currency, with the tax
    apart, but `used`: pay as you go at list for one instance, in the offer's currency. paid: terms begun so far.
    released: what is used up of `prepaid`. tail: periods after the window, left: hours of the term in them. evenly,
    by_hours: the two ways in which `beside` is spread over the window.
    """

    starts: list[str]
    window: Amounts
    after: Amounts
    hours: Amounts
    rest_hours: Amounts
    used: Amounts
    paid: Amounts
    payg: Amounts
    hourly: Amounts
    prepaid: Amounts
    beside: Amounts
    tax: Amounts
    released: Amounts
    amortised: Amounts
    tail: int
    left: Decimal
    evenly: Decimal
    by_hours: Decimal


def running(values: Sequence[Decimal]) -> Amounts:
    """Return the sums so far."""
    return list(accumulate(values))


def months_of(model: Model, o: Option, columns: int) -> Months:
    """Return the first `columns` months of an option."""
    when, entries = periods(model.quote, o.offer), schedule(model.quote, o.offer)
    rate, count = model.rate(o.code), o.offer.count

    def by_period(value: Callable[[Period], Decimal]) -> Amounts:
        return [value(when[m]) if m < len(when) else ZERO for m in range(columns)]

    def sums(value: Callable[[Entry], Decimal], *rules: str, kind: str = "") -> Amounts:
        made = [ZERO] * columns
        for e in entries:
            wanted = e.charge.rule in rules if rules else e.charge.category not in ("compute", "tax")
            if e.period.number < columns and wanted and (not kind or e.kind == kind):
                made[e.period.number] += value(e)
        return made

    def whole(*rules: str) -> Decimal:
        return sum((e.effective * rate for e in entries if e.charge.rule in rules), ZERO)

    def billed(e: Entry) -> Decimal:
        return e.billed * rate

    terms = o.offer.commitment
    left = terms.terms * terms.term_hours - model.quote.hours if terms else ZERO
    return Months(
        starts=[p.start for p in when],
        window=by_period(lambda p: Decimal(p.in_window)),
        after=by_period(lambda p: Decimal(not p.in_window)),
        hours=by_period(lambda p: p.hours),
        rest_hours=by_period(lambda p: max(ZERO, p.rest_hours)),
        used=running(sums(lambda e: e.listed / count, "hours", "block")),
        paid=_begun(o, entries, columns),
        payg=sums(billed, "hours", "block"),
        hourly=sums(billed, "committed"),
        prepaid=sums(billed, "upfront", "months"),
        beside=sums(billed),
        tax=sums(billed, "tax"),
        released=sums(lambda e: e.effective * rate, "upfront", "months", kind="usage"),
        amortised=sums(lambda e: e.effective * rate, *RULES),
        tail=sum(not p.in_window for p in when),
        left=max(ZERO, left),
        evenly=whole("traffic", "held_months"),
        by_hours=whole("held_hours", "held_730"),
    )


def _begun(o: Option, entries: Sequence[Entry], columns: int) -> Amounts:
    """Return how many prepaid terms have begun by the end of each month."""
    made = [ZERO] * columns
    first = next((e.charge for e in entries if e.once), None)
    for e in entries:
        if e.once and e.charge is first and e.period.number < columns:
            made[e.period.number] += 1
    return running(made)
