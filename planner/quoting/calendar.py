"""Lines over time: what is bought, used and left unused in each month. Cash and amortised cost by month follow from it.

One function, `schedule`, makes the entries; FOCUS rows, the workbook's timeline and the present value read them. Over all
periods billed and effective are the same money; within the window they are the offer's totals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from planner.prices.fx import Rates
from planner.quoting.records import Charge, Offer, Quote
from planner.records import NamedTuple
from planner.units import add_months

__all__ = ["Entry", "Period", "by_period", "periods", "present_value", "schedule"]

ZERO = Decimal(0)


class Period(NamedTuple):
    """A month: its number from 0, first day and day after the last (ISO), hours of the window and of the term in it.

    in_window: whether it is part of the window; the months after it are those of a term that goes on.
    """

    number: int
    start: str
    end: str
    hours: Decimal
    rest_hours: Decimal
    in_window: bool


class Entry(NamedTuple):
    """What one charge does in one period.

    kind: "usage", "purchase" (of a commitment) or "tax". status: "" or, for what a commitment covers, "used" or
    "unused". once: paid once per term, not period by period. quantity in the charge's unit. listed, billed, effective:
    amounts in the charge's currency; contracted: quantity at the contracted price, whether or not it is billed here.
    """

    period: Period
    charge: Charge
    kind: str
    status: str
    once: bool
    quantity: Decimal
    listed: Decimal
    contracted: Decimal
    billed: Decimal
    effective: Decimal


def periods(quote: Quote, offer: Offer) -> list[Period]:
    """Return the months of the window, then those of the rest of the term.

    Without a first day the window begins on the first of the month after the quote, and its hours are spread evenly.
    """
    work, months = quote.workload, quote.months
    if work.start:
        start = date.fromisoformat(work.start)
    else:
        start = add_months(date.fromisoformat(quote.quoted_on).replace(day=1), 1)
    result: list[Period] = []

    def add(hours: Decimal, rest: Decimal, inside: bool) -> None:
        number = len(result)
        first, after = add_months(start, number), add_months(start, number + 1)
        result.append(Period(number, first.isoformat(), after.isoformat(), hours, rest, inside))

    left = quote.hours
    for m in range(months):
        if work.start and m < months - 1:
            hours = min(left, Decimal((add_months(start, m + 1) - add_months(start, m)).days * 24))
        else:
            hours = left if m == months - 1 else quote.hours / months
        left -= hours
        add(hours, ZERO, True)
    terms = offer.commitment
    if terms is None:
        return result
    left = rest = terms.terms * terms.term_hours - quote.hours
    count = terms.terms * terms.term_months - months
    if not terms.by_month:
        count = max(1, count) if rest > 0 else 0
    for m in range(count):
        hours = left if m == count - 1 else rest / count
        left -= hours
        add(ZERO, hours, False)
    return result


def schedule(quote: Quote, offer: Offer) -> list[Entry]:
    """Return what every charge of `offer` does in every period, ordered by period; tax rows last in each."""
    when = periods(quote, offer)
    window = [p for p in when if p.in_window]
    entries: list[Entry] = []
    for charge in offer.charges:
        if charge.rule in ("traffic", "held_hours", "held_730", "held_months"):
            by_hours = charge.rule in ("held_hours", "held_730")
            parts = _spread(window, charge.quantity, by_hours)
            entries += [_entry(period, charge, part) for period, part in parts if part]
    used = [c for c in offer.charges if c.rule in ("hours", "block")]
    entries += _pay_as_you_go(used, window, offer.count)
    for charge in offer.charges:
        if charge.rule in ("committed", "upfront", "months"):
            entries += _commitment(charge, offer, when)
    entries += _tax([c for c in offer.charges if c.rule == "tax"], entries, when)
    return sorted(entries, key=lambda e: e.period.number)


def _entry(
    period: Period,
    charge: Charge,
    quantity: Decimal,
    *,
    kind: str = "usage",
    status: str = "",
    once: bool = False,
    billed: bool = True,
    effective: bool = True,
) -> Entry:
    contracted = quantity * charge.unit_price
    return Entry(
        period=period,
        charge=charge,
        kind=kind,
        status=status,
        once=once,
        quantity=quantity,
        listed=quantity * charge.list_unit_price,
        contracted=contracted,
        billed=contracted if billed else ZERO,
        effective=contracted if effective else ZERO,
    )


def _pay_as_you_go(charges: Sequence[Charge], window: Sequence[Period], count: int) -> list[Entry]:
    """Fill the steps of an hourly price in order: the first hours of the window pay the first step."""
    entries = []
    left = [c.quantity for c in charges]
    for period in window:
        need = period.hours * count
        for index, charge in enumerate(charges):
            take = left[index] if period is window[-1] else min(left[index], need)
            left[index], need = left[index] - take, need - take
            if take:
                entries.append(_entry(period, charge, take))
    return entries


def _commitment(charge: Charge, offer: Offer, when: Sequence[Period]) -> list[Entry]:
    """A commitment is bought (once per term, or by the hour), used in the window, and unused after it."""
    terms, count = offer.commitment, Decimal(offer.count)
    assert terms is not None, offer.id
    entries = []
    window = [p for p in when if p.in_window]
    if charge.rule != "committed":
        length = Decimal(terms.term_months) if terms.by_month else terms.term_hours
        for number in range(terms.terms):
            first = _begins(number, window, terms.term_months, terms.term_hours if not terms.by_month else None)
            entries.append(_entry(first, charge, length * count, kind="purchase", once=True, effective=False))
    for period in when:
        inside = outside = ZERO
        if period.in_window:
            inside = (Decimal(1) if terms.by_month else period.hours) * count
        else:
            outside = (Decimal(1) if terms.by_month else period.rest_hours) * count
        if charge.rule == "committed" and inside + outside:
            entries.append(_entry(period, charge, inside + outside, kind="purchase", effective=False))
        for quantity, status in ((inside, "used"), (outside, "unused")):
            if quantity:
                entries.append(_entry(period, charge, quantity, status=status, billed=False))
    return entries


def _begins(number: int, window: Sequence[Period], months: int, hours: Decimal | None) -> Period:
    """Return the period in which the `number`-th term (from 0) begins; hours None: terms of calendar months."""
    done = ZERO
    for index, period in enumerate(window):
        done += period.hours
        if (index >= number * months) if hours is None else (done > number * hours):
            return period
    return window[-1]


def _spread(window: Sequence[Period], quantity: Decimal, by_hours: bool) -> list[tuple[Period, Decimal]]:
    """Split `quantity` over `window` by its hours or evenly; the last takes what is left, so that the sum is exact."""
    whole = sum((p.hours for p in window), ZERO)
    parts, left = [], quantity
    for period in window[:-1]:
        part = quantity * period.hours / whole if by_hours else quantity / len(window)
        parts.append((period, part))
        left -= part
    return [*parts, (window[-1], left)]


def _tax(charges: Iterable[Charge], entries: Sequence[Entry], when: Sequence[Period]) -> list[Entry]:
    """One row a month on what that month bills; its effective cost is the tax on what it uses up."""
    result = []
    for charge in charges:
        share = charge.unit_price
        for period in when:
            mine = [e for e in entries if e.period.number == period.number]
            if not mine:
                continue
            usage = [e for e in mine if e.kind == "usage"]
            result.append(
                Entry(
                    period=period,
                    charge=charge,
                    kind="tax",
                    status="",
                    once=False,
                    quantity=Decimal(1),
                    listed=share * sum((e.listed for e in usage), ZERO),
                    contracted=share * sum((e.contracted for e in usage), ZERO),
                    billed=share * sum((e.billed for e in mine), ZERO),
                    effective=share * sum((e.effective for e in mine), ZERO),
                )
            )
    return result


def by_period(entries: Iterable[Entry]) -> list[tuple[Period, Decimal, Decimal]]:
    """Return (period, billed, effective) for each period that has entries, in order."""
    sums: dict[int, tuple[Period, Decimal, Decimal]] = {}
    for entry in entries:
        _, billed, effective = sums.get(entry.period.number, (entry.period, ZERO, ZERO))
        sums[entry.period.number] = (entry.period, billed + entry.billed, effective + entry.effective)
    return [sums[number] for number in sorted(sums)]


def present_value(quote: Quote, offer: Offer, rate: Decimal) -> Decimal:
    """Return all cash that `offer` owes, discounted to the first day, in the report currency.

    rate: nominal a year, compounded by calendar months. What is paid once per term is paid on the first day of its
    month, everything else at the month's end.
    """
    native = ZERO
    factor = 1 + rate / 12
    for entry in schedule(quote, offer):
        if entry.billed:
            native += entry.billed / factor ** (entry.period.number + (0 if entry.once else 1))
    return Rates(list(quote.fx)).convert(native, offer.totals.native_currency, quote.currency)
