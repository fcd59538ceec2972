"""Lines over time: what is bought, used and left unused in each month. Cash and amortised cost by month follow from it.

One function, `schedule`, makes the entries; FOCUS rows, the workbook's timeline and the cost of money
(`planner.quoting.worth`) read them. Over all periods billed and effective are the same money; what lies in the window is the
offer's totals. A month holds the hours that it has: the window's last month, if the window ends in it, carries on with the
term.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_CEILING, Decimal
from itertools import pairwise

from planner.duty import Use, parse
from planner.quoting.entries import Entry, Period, covered, dated
from planner.quoting.records import Charge, Commitment, Line, Offer, Quote
from planner.quoting.steps import months_of_traffic
from planner.records import NamedTuple
from planner.units import add_months, months_from

__all__ = [
    "GRANULARITIES",
    "Entry",
    "Period",
    "by_period",
    "cut",
    "first_day",
    "next_month",
    "periods",
    "schedule",
    "used_by_month",
]

ZERO = Decimal(0)
#: How finely `cut` cuts.
GRANULARITIES = ("hourly", "daily", "monthly")


def first_day(quote: Quote) -> date:
    """Return the window's first day; where none is given, the first of the month after the quote."""
    if quote.workload.start:
        return date.fromisoformat(quote.workload.start)
    return add_months(date.fromisoformat(quote.quoted_on).replace(day=1), 1)


def _after(begin: datetime, hours: Decimal) -> datetime:
    """Return the instant `hours` later, to the second and never the same."""
    return begin + timedelta(seconds=int((hours * 3600).to_integral_value(ROUND_CEILING)))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _hours_between(begin: date, end: date) -> Decimal:
    return Decimal((end - begin).days * 24)


def periods(quote: Quote, offer: Offer) -> list[Period]:
    """Return the months of the window and of the rest of the term.

    Months are counted from the first day. A window without one needs a month more than it is billed where its months are
    shorter than the longest (2,190 h from December end on 2 March).
    """
    start, terms = first_day(quote), offer.commitment
    if quote.window.span:
        return _in_part(quote, offer, start)
    left, rest, owed = quote.hours, ZERO, 0
    if terms is not None and terms.by_month:
        owed = terms.terms * terms.term_months
        rest = max(ZERO, _hours_between(start, add_months(start, owed)) - quote.hours)
    elif terms is not None:
        rest = terms.terms * terms.term_hours - quote.hours
    made: list[Period] = []
    while left > 0 or rest > 0 or len(made) < max(quote.months, owed):
        number = len(made)
        first, after = add_months(start, number), add_months(start, number + 1)
        room = _hours_between(first, after)
        hours = min(left, room)
        later = min(rest, room - hours)
        inside = left > 0 or number < quote.months
        made.append(Period(number, first.isoformat(), after.isoformat(), hours, later, inside))
        left, rest = left - hours, rest - later
    return made


def used_by_month(quote: Quote) -> list[Decimal]:
    """Return the hours in use of each month of a duty cycle, as the workload asks for them."""
    use = parse(quote.workload.use)
    return use.by_month(months_from(first_day(quote).isoformat(), use.months))


def _in_part(quote: Quote, offer: Offer, start: date) -> list[Period]:
    """Return the months of a window of which only a part is used, and of the rest of the term."""
    window, terms = quote.window, offer.commitment
    scale = quote.hours / quote.workload.hours  # other hours are the same pattern, more or less of it
    used = [hours * scale for hours in used_by_month(quote)]
    left, owed = window.length, terms.terms * terms.term_months if terms is not None else 0
    rest = ZERO
    if terms is not None:
        whole = _hours_between(start, add_months(start, owed)) if terms.by_month else terms.terms * terms.term_hours
        rest = max(ZERO, whole - left)
    made: list[Period] = []
    while len(made) < window.span or rest > 0 or (terms is not None and terms.by_month and len(made) < owed):
        number = len(made)
        first, after = add_months(start, number), add_months(start, number + 1)
        room, inside = _hours_between(first, after), number < window.span
        hours = used[number] if inside else ZERO
        idle = max(ZERO, min(room, left) - hours) if inside else ZERO
        later = ZERO if inside else min(rest, room)
        made.append(Period(number, first.isoformat(), after.isoformat(), hours, later, inside, idle))
        left, rest = left - hours - idle, rest - later
    return made


def schedule(quote: Quote, offer: Offer) -> list[Entry]:
    """Return what every charge of `offer` does in every period, ordered by period; tax rows last in each."""
    when = periods(quote, offer)
    entries = _untaxed(quote, offer, when)
    for line, charge in _taxes(offer):
        for period in when:
            mine = [e for e in entries if e.period.number == period.number and e.kind != "tax"]
            entries += [_tax(line, charge, part) for part in _sides(mine)]
    return sorted(entries, key=lambda e: e.period.number)


def cut(quote: Quote, offer: Offer, granularity: str = "monthly") -> list[Entry]:
    """Return the entries of `schedule` cut at the calendar's months, days or hours, in the order of their beginning.

    A part takes its share of the time; the last takes what is left, so that sums stay. What is paid once per term is not
    cut, tax is a row a calendar month, and what a commitment covers bears on-demand prices (`entries.covered`).
    """
    whole = _untaxed(quote, offer, periods(quote, offer))
    use = parse(quote.workload.use) if quote.workload.use else None
    by_clock = use if use is not None and use.clock else None
    parts = [part for entry in whole for part in ([entry] if entry.once else _cut(entry, granularity, by_clock))]
    entries = covered(offer, parts)
    entries.sort(key=lambda e: e.begins)
    by_month: dict[tuple[int, int], list[Entry]] = {}
    for entry in entries:
        by_month.setdefault((entry.begins.year, entry.begins.month), []).append(entry)
    made: list[Entry] = []
    for mine in by_month.values():
        made += mine
        for line, charge in _taxes(offer):
            made += [_tax(line, charge, part) for part in _sides(mine)]
    return made


def next_month(instant: datetime) -> datetime:
    """Return the first instant of the next calendar month."""
    return _midnight(add_months(instant.date().replace(day=1), 1))


def _next(instant: datetime, granularity: str) -> datetime:
    if granularity == "hourly":
        return instant.replace(minute=0, second=0) + timedelta(hours=1)
    return next_month(instant) if granularity == "monthly" else _midnight(instant.date()) + timedelta(days=1)


def _cut(entry: Entry, granularity: str, use: Use | None = None) -> list[Entry]:
    """Return an entry in parts that each lie in one month, day or hour of the calendar; a part of nothing is left out.

    use: the clock by which machines run, else they run evenly.
    """
    edges = [entry.begins]
    while edges[-1] < entry.ends:
        edges.append(min(_next(edges[-1], granularity), entry.ends))
    weights = [Decimal(int((b - a).total_seconds())) for a, b in pairwise(edges)]
    if use is not None and entry.kind == "usage" and entry.charge.category == "compute" and entry.in_window:
        on = [hours * 3600 for hours in use.on([edge.replace(tzinfo=UTC) for edge in edges])]
        weights = [w - x for w, x in zip(weights, on, strict=True)] if entry.status == "unused" else on
    whole, left, parts = sum(weights, ZERO), entry.quantity, []
    if entry.kind == "fee":
        weights = [*([ZERO] * (len(weights) - 1)), weights[-1]]
    filled = [n for n, weight in enumerate(weights) if weight > 0] or [0]
    for n in filled:
        quantity = left if n == filled[-1] else entry.quantity * weights[n] / whole
        parts.append(_priced(entry._replace(begins=edges[n], ends=edges[n + 1], quantity=quantity)))
        left -= quantity
    return parts


def _priced(entry: Entry) -> Entry:
    """Return an entry with the amounts of its quantity; what was not billed, or cost nothing, stays so."""
    contracted = entry.quantity * entry.charge.unit_price
    return entry._replace(
        listed=entry.quantity * entry.charge.list_unit_price,
        contracted=contracted,
        billed=contracted if entry.billed else ZERO,
        effective=contracted if entry.effective else ZERO,
    )


def _untaxed(quote: Quote, offer: Offer, when: Sequence[Period]) -> list[Entry]:
    """Return the entries of all charges but the tax."""
    window = [p for p in when if p.in_window]
    begin = _midnight(first_day(quote))
    ends = _midnight(add_months(begin.date(), quote.window.span)) if quote.window.span else _after(begin, quote.hours)
    timed = _Clock(begin, ends)
    entries: list[Entry] = []
    for charge in offer.charges:
        if charge.rule == "held_months":  # by the billing month
            parts = _spread(window[: quote.months], charge.quantity, by_hours=False)
            entries += [_entry(timed, period, charge, part) for period, part in parts if part]
        elif charge.rule == "shortfall":  # what was not spent is known at the end
            entries.append(_entry(timed, window[-1], charge, charge.quantity, kind="fee"))
        elif charge.rule in ("held_hours", "held_730"):
            parts = _spread(window, charge.quantity, by_hours=True)
            entries += [_entry(timed, period, charge, part) for period, part in parts if part]
    for line in offer.lines:
        if line.rule == "traffic" and line.each:
            entries += _traffic(timed, line, [c for c in offer.charges if c.category == line.part], window, quote)
    used = [c for c in offer.charges if c.rule in ("hours", "block")]
    entries += [dated(offer, entry) for entry in _pay_as_you_go(timed, used, window, offer.count)]
    for charge in offer.charges:
        if charge.rule in ("committed", "upfront", "months"):
            entries += _commitment(timed, charge, offer, when, quote.months)
    return sorted(entries, key=lambda e: e.period.number)


def _traffic(
    timed: _Clock, line: Line, charges: Sequence[Charge], window: Sequence[Period], quote: Quote
) -> list[Entry]:
    """Return the GB of each month at each step of their price: whole months, then the month that is used in part."""
    (months, _), entries = quote.window.traffic, []
    for charge, (_, gb, more) in zip(charges, months_of_traffic(line, quote.window), strict=True):
        for number, quantity in enumerate([gb] * months + [more]):
            if quantity:
                entries.append(_entry(timed, window[min(number, len(window) - 1)], charge, quantity))
    return entries


class _Clock(NamedTuple):
    """When the window begins and ends."""

    begin: datetime
    end: datetime

    def of(self, period: Period, inside: bool) -> tuple[datetime, datetime]:
        """Return the part of a period that lies in the window, or after it."""
        start, end = datetime.fromisoformat(period.start), datetime.fromisoformat(period.end)
        edge = self.end
        if inside:
            return start, max(start + timedelta(seconds=1), min(end, edge))
        first = max(start, edge) if period.hours else start
        if not period.rest_hours:
            return min(start, end), end
        return min(first, end - timedelta(seconds=1)), min(end, _after(start, period.hours + period.rest_hours))


def _entry(
    timed: _Clock,
    period: Period,
    charge: Charge,
    quantity: Decimal,
    *,
    kind: str = "usage",
    status: str = "",
    in_window: bool = True,
    span: tuple[datetime, datetime] | None = None,
    billed: bool = True,
    effective: bool = True,
) -> Entry:
    """span: from when to when, of what is paid once for all of it (None: the period's part of the window or after it)."""
    contracted = quantity * charge.unit_price
    begins, ends = span or timed.of(period, in_window)
    return Entry(
        period=period,
        charge=charge,
        kind=kind,
        status=status,
        once=span is not None,
        in_window=in_window,
        begins=begins,
        ends=ends,
        quantity=quantity,
        listed=quantity * charge.list_unit_price,
        contracted=contracted,
        billed=contracted if billed else ZERO,
        effective=contracted if effective else ZERO,
    )


def _pay_as_you_go(timed: _Clock, charges: Sequence[Charge], window: Sequence[Period], count: int) -> list[Entry]:
    """Fill the steps of an hourly price in order: the first hours of the window pay the first step."""
    entries = []
    left = [c.quantity for c in charges]
    for period in window:
        need = period.hours * count
        for index, charge in enumerate(charges):
            take = left[index] if period is window[-1] else min(left[index], need)
            left[index], need = left[index] - take, need - take
            if take:
                entries.append(_entry(timed, period, charge, take))
    return entries


def _commitment(timed: _Clock, charge: Charge, offer: Offer, when: Sequence[Period], months: int) -> list[Entry]:
    """A commitment is bought (once per term, or by the hour), used in the window, and unused after it.

    months: the billing months of the window, in which a subscription is used.
    """
    terms, count = offer.commitment, Decimal(offer.count)
    assert terms is not None, offer.id
    entries = []
    if charge.rule != "committed":
        length = Decimal(terms.term_months) if terms.by_month else terms.term_hours
        for number in range(terms.terms):
            spans = [_term(timed, terms, n) for n in (number, number + 1)]
            first = next(p for p in reversed(when) if datetime.fromisoformat(p.start) <= spans[0])
            span = (spans[0], spans[1])
            entries.append(_entry(timed, first, charge, length * count, kind="purchase", span=span, effective=False))
    for period in when:
        inside, idle, outside = (hours * count for hours in (period.hours, period.idle, period.rest_hours))
        if terms.by_month:
            used, owed = period.number < months, period.number < terms.terms * terms.term_months
            inside, idle, outside = count * used, ZERO, count * (owed and not used)
        for quantity, status, within in ((inside, "used", True), (idle, "unused", True), (outside, "unused", False)):
            if quantity and charge.rule == "committed":
                made = _entry(timed, period, charge, quantity, kind="purchase", in_window=within, effective=False)
                entries.append(made)
            if quantity:
                made = _entry(timed, period, charge, quantity, status=status, in_window=within, billed=False)
                entries.append(made)
    return entries


def _term(timed: _Clock, terms: Commitment, number: int) -> datetime:
    """Return when the `number`-th term (from 0) begins."""
    if terms.by_month:
        return _midnight(add_months(timed.begin.date(), number * terms.term_months))
    return _after(timed.begin, number * terms.term_hours)


def _spread(window: Sequence[Period], quantity: Decimal, by_hours: bool) -> list[tuple[Period, Decimal]]:
    """Split `quantity` over `window` by its hours or evenly; the last takes what is left, so that the sum is exact."""
    whole = sum((p.hours + p.idle for p in window), ZERO)
    parts, left = [], quantity
    for period in window[:-1]:
        part = quantity * (period.hours + period.idle) / whole if by_hours else quantity / len(window)
        parts.append((period, part))
        left -= part
    return [*parts, (window[-1], left)]


def _sides(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Return the entries of the window and those after it, without what is empty."""
    sides = [[e for e in entries if e.in_window is inside] for inside in (True, False)]
    return [side for side in sides if side]


def _taxes(offer: Offer) -> list[tuple[Line, Charge]]:
    """Return the tax lines with their charges."""
    lines = [line for line in offer.lines if line.part == "tax"]
    charges = [charge for charge in offer.charges if charge.category == "tax"]
    return list(zip(lines, charges, strict=True)) if charges else []


def _tax(line: Line, charge: Charge, mine: Sequence[Entry]) -> Entry:
    """One row a month on what that month bills; its effective cost is the tax on what it uses up, none if it comes back."""
    usage = [e for e in mine if e.kind in ("usage", "fee")]
    share, cost = line.each, ZERO if line.rule.endswith("_back") else line.each
    begins = min(e.begins for e in mine)
    return Entry(
        period=mine[0].period,
        charge=charge,
        kind="tax",
        status="",
        once=False,
        in_window=mine[0].in_window,
        begins=begins,
        ends=max((e.ends for e in mine if not e.once), default=next_month(begins)),
        quantity=Decimal(1),
        listed=cost * sum((e.listed for e in usage), ZERO),
        contracted=cost * sum((e.contracted for e in usage), ZERO),
        billed=share * sum((e.billed for e in mine), ZERO),
        effective=cost * sum((e.effective for e in mine), ZERO),
    )


def by_period(entries: Iterable[Entry]) -> list[tuple[Period, Decimal, Decimal]]:
    """Return (period, billed, effective) for each period that has entries, in order."""
    sums: dict[int, tuple[Period, Decimal, Decimal]] = {}
    for entry in entries:
        _, billed, effective = sums.get(entry.period.number, (entry.period, ZERO, ZERO))
        sums[entry.period.number] = (entry.period, billed + entry.billed, effective + entry.effective)
    return [sums[number] for number in sorted(sums)]
