"""The months of one option, from `planner.quoting.calendar.schedule`: what the sheet Timeline holds now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple

from planner.quoting import whatif
from planner.quoting.calendar import Entry, Period, first_day, periods, schedule
from planner.quoting.records import RULES
from planner.quoting.worth import cash
from planner.rendering.xlsx.book import serial
from planner.rendering.xlsx.model import Model, Option
from planner.units import add_months

__all__ = ["Months", "months_of", "running"]

ZERO = Decimal(0)
Amounts = list[Decimal]


class Months(NamedTuple):
    """One value per column (a column without a period holds zeros). Amounts are in the report currency, with the tax
    apart, but `used`: pay as you go at list for one instance, in the offer's currency. paid: terms begun so far.
    released: what is used up of `prepaid`. first: the first day, ends: the day on which the term ends (0: no term), both
    as serial numbers. evenly, by_hours: two ways in which `beside` is spread over the window; month, last_month: traffic. win_cash,
    win_amortised: the part of each month that lies in the window.
    """

    starts: list[str]
    window: Amounts
    after: Amounts
    hours: Amounts
    idle: Amounts
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
    win_cash: Amounts
    win_amortised: Amounts
    first: int
    ends: Decimal
    evenly: Decimal
    by_hours: Decimal
    present: Amounts
    month: Decimal
    last_month: Decimal


def running(values: Sequence[Decimal]) -> Amounts:
    """Return the sums so far."""
    return list(accumulate(values))


def months_of(model: Model, o: Option, columns: int) -> Months:
    """Return the first `columns` months of an option."""
    when, entries = periods(model.quote, o.offer), schedule(model.quote, o.offer)
    rate, count = model.rate(o.code), o.offer.count

    def by_period(value: Callable[[Period], Decimal]) -> Amounts:
        return [value(when[m]) if m < len(when) else ZERO for m in range(columns)]

    def sums(value: Callable[[Entry], Decimal], *rules: str, kind: str = "", window: bool = False) -> Amounts:
        made = [ZERO] * columns
        for e in entries:
            wanted = e.charge.rule in rules if rules else e.charge.category not in ("compute", "tax")
            wanted = wanted and (e.in_window or not window)
            if e.period.number < columns and wanted and (not kind or e.kind == kind):
                made[e.period.number] += value(e)
        return made

    def whole(*rules: str) -> Decimal:
        return sum((e.effective * rate for e in entries if e.charge.rule in rules), ZERO)

    def billed(e: Entry) -> Decimal:
        return e.billed * rate

    tax = model.tax(o.offer.provider, o.offer.site)
    net = rate / (1 + tax.share) if tax.included else rate
    month = sum((whatif.month_of(x.line).effective * net for x in o.lanes), ZERO)
    terms, first = o.offer.commitment, first_day(model.quote)
    ends, owed = ZERO, 0
    if terms is not None and terms.by_month:
        owed = terms.terms * terms.term_months
        ends = Decimal(serial(add_months(first, owed).isoformat()))
    elif terms is not None:
        ends = serial(first.isoformat()) + terms.terms * terms.term_hours / 24

    def after(p: Period) -> Decimal:
        return Decimal(model.quote.months <= p.number < owed if owed else p.rest_hours > 0)

    return Months(
        starts=[p.start for p in when],
        window=by_period(lambda p: Decimal(p.in_window)),
        after=by_period(after),
        hours=by_period(lambda p: p.hours),
        idle=by_period(lambda p: p.idle),
        rest_hours=by_period(lambda p: p.rest_hours),
        used=running(sums(lambda e: e.listed / count, "hours", "block")),
        paid=_begun(o, entries, columns),
        payg=sums(billed, "hours", "block"),
        hourly=sums(billed, "committed"),
        prepaid=sums(billed, "upfront", "months"),
        beside=sums(billed),
        tax=sums(billed, *(rule for rule in RULES if rule.startswith("tax"))),
        released=sums(lambda e: e.effective * rate, "upfront", "months", kind="usage"),
        amortised=sums(lambda e: e.effective * rate, *RULES),
        win_cash=sums(billed, *RULES, window=True),
        win_amortised=sums(lambda e: e.effective * rate, *RULES, window=True),
        first=serial(first.isoformat()),
        ends=ends,
        present=_present(model, o, columns),
        evenly=whole("held_months"),
        by_hours=whole("held_hours", "held_730"),
        month=month,
        last_month=whole("traffic") - month * model.work.window.traffic[0],
    )


def _present(model: Model, o: Option, columns: int) -> Amounts:
    """Return what each month's cash is worth on the first day, in the report currency."""
    rate, factor = model.rate(o.code), 1 + (model.work.discount_rate or ZERO) / 12
    months = enumerate(cash(model.quote, o.offer))
    made = [(m.advance / factor**n + m.arrears / factor ** (n + 1)) * rate for n, m in months]
    return [*made, *[ZERO] * columns][:columns]


def _begun(o: Option, entries: Sequence[Entry], columns: int) -> Amounts:
    """Return how many prepaid terms have begun by the end of each month."""
    made = [ZERO] * columns
    first = next((e.charge for e in entries if e.once), None)
    for e in entries:
        if e.once and e.charge is first and e.period.number < columns:
            made[e.period.number] += 1
    return running(made)
