"""The rules by which a line becomes what it comes to: quantity, price, cash and what is owed. Pure and exact.

planner.quoting.parts tells the rules in a table; planner.quoting.cost makes charges of the parts, or only sums them.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, Decimal
from functools import partial

from planner.errors import MisuseError
from planner.money import plain
from planner.offer import Way
from planner.quoting.records import Line, Rate
from planner.quoting.steps import in_steps, months_of_traffic
from planner.records import NamedTuple
from planner.text import Text, raw
from planner.units import LONGEST_BLOCK, RATE_MONTH_HOURS, Window, block_hours, term_hours, term_months

__all__ = ["RULES", "Part", "Terms", "paid", "sold", "terms_of"]

ZERO = Decimal(0)
NONE = Text("")


class Terms(NamedTuple):
    """A commitment's length and how many of them a window needs. by_month: bought in calendar months."""

    hours: Decimal
    months: int
    needed: int
    by_month: bool


def _ceil(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_CEILING))


def terms_of(way: Way, window: Window, months: int) -> Terms | None:
    """Return the terms of `way` in a window of `months` billing months, None for pay as you go."""
    if way.purchase_option == "capacity_block":
        length = block_hours(window.length) or LONGEST_BLOCK
        return Terms(length, 1, _ceil(window.length / length), False)
    if way.purchase_option not in ("reserved", "savings_plan", "subscription"):
        return None
    length, calendar = term_hours(way.term), term_months(way.term)
    by_month = way.purchase_option == "subscription"
    needed = _ceil(Decimal(months) / calendar) if by_month or window.span else _ceil(window.hours / length)
    return Terms(length, calendar, needed, by_month)


def sold(way: Way, hours: Decimal) -> bool:
    """Return whether a way of buying is for sale for a window of `hours`: a capacity block lasts 182 days at most."""
    return way.purchase_option != "capacity_block" or block_hours(hours) is not None


def paid(line: Line, terms: Terms) -> Decimal:
    """Return the list price of one term of one instance of an `upfront` or `months` line, as its unit prints it."""
    rate = line.rates[0]
    if line.rule == "months":
        return rate.amount * terms.months if rate.unit == "month" else rate.amount
    return rate.amount if rate.unit == "term" else rate.amount * terms.hours


#: What a line, or one step of it, comes to: a charge without its words, of which most offers are never asked. (rate; unit;
#: quantity; price of a unit at list; discount on it; what is owed over the term; cash in the window, None where that is the
#: contracted amount; a function that returns the step, "" without steps, and how quantity and price came about)
Part = tuple[Rate, str, Decimal, Decimal, Decimal, Decimal, "Decimal | None", Callable[[], "tuple[Text, Text]"]]


def _hours(line: Line, window: Window, months: int, terms: Terms | None) -> list[Part]:
    """Pay as you go: each hour at its step's price; a capacity block owes what it uses."""
    parts: list[Part] = []
    for rate, part in in_steps(line.rates, window.hours):
        quantity = part * line.count
        owed = quantity * rate.amount * (1 - line.share) if line.rule == "block" else ZERO
        said = partial(_by_step, part, line, rate)
        parts.append((rate, "hour", quantity, rate.amount, line.share, owed, None, said))
    return parts


def _by_step(hours: Decimal, line: Line, rate: Rate) -> tuple[Text, Text]:
    tier = NONE
    if len(line.rates) > 1:
        tier = raw("{start}-{end} h", start=rate.start, end=plain(rate.end) if rate.end is not None else "")
    return tier, _by_hour(hours, line, rate)


def _by_hour(hours: Decimal, line: Line, rate: Rate) -> Text:
    key = (
        "{hours} h x {n} instances x {price} {code}/h"
        if line.count > 1
        else "{hours} h x {n} instance x {price} {code}/h"
    )
    return raw(key, hours=hours, n=line.count, price=rate.amount, code=line.currency)


def _needed(line: Line, terms: Terms | None) -> Terms:
    if terms is None:
        raise MisuseError(f"a line of rule {line.rule!r} needs a commitment, and the offer has no term")
    return terms


def _committed(line: Line, window: Window, months: int, terms: Terms | None) -> list[Part]:
    """Every hour of the window costs the hourly share; every hour of the term is owed."""
    terms, rate = _needed(line, terms), line.rates[0]
    owed = rate.amount * (1 - line.share) * terms.hours * line.count * terms.needed
    hours = window.length

    def said() -> tuple[Text, Text]:
        return NONE, _by_hour(hours, line, rate)

    return [(rate, "hour", hours * line.count, rate.amount, line.share, owed, None, said)]


def _upfront(line: Line, window: Window, months: int, terms: Terms | None) -> list[Part]:
    """An upfront payment is spread over the hours of its term."""
    terms, rate = _needed(line, terms), line.rates[0]
    price, term, hours = paid(line, terms), terms.hours, window.length
    hourly = price / terms.hours if rate.unit == "term" else rate.amount
    owed = price * (1 - line.share) * line.count * terms.needed

    def said() -> tuple[Text, Text]:
        return NONE, raw(
            "{paid} {code} upfront / {term} h of the term x {hours} h x {n}",
            paid=price,
            code=line.currency,
            term=term,
            hours=hours,
            n=line.count,
        )

    return [(rate, "hour", hours * line.count, hourly, line.share, owed, owed, said)]


def _months(line: Line, window: Window, months: int, terms: Terms | None) -> list[Part]:
    """Whole calendar months, used or not; a longer term is spread over its months."""
    terms, rate = _needed(line, terms), line.rates[0]
    per_month = rate.amount if rate.unit == "month" else rate.amount / terms.months
    owed = paid(line, terms) * (1 - line.share) * terms.needed * line.count
    quantity = Decimal(months * line.count)
    said = partial(_by_month, months, terms.months, line, rate)
    return [(rate, "month", quantity, per_month, line.share, owed, owed, said)]


def _by_month(months: int, term: int, line: Line, rate: Rate) -> tuple[Text, Text]:
    made = "{price} {code}/month" if rate.unit == "month" else "{price} {code} / {term} months"
    length = {} if rate.unit == "month" else {"term": term}
    key = "{months} calendar month" + "s" * (months > 1) + " x {n} instance" + "s" * (line.count > 1) + " x {made}"
    spread = raw(made, price=rate.amount, code=line.currency, **length)
    return NONE, raw(key, months=months, n=line.count, made=spread)


def _traffic(line: Line, window: Window, months: int, terms: Terms | None) -> list[Part]:
    """`each` GB leave in each month, tier by tier; tiers count anew each month.

    A free quota takes the first GB of the month, which then count towards the tiers, as on the clouds' bills.
    """
    parts: list[Part] = []
    whole = window.traffic[0]
    for rate, gb, more in months_of_traffic(line, window):
        said = partial(_by_tier, gb, whole, more, line, rate)
        price, share = (ZERO, ZERO) if rate is line.free else (rate.amount, line.share)
        parts.append((rate, "GB", gb * whole + more, price, share, ZERO, None, said))
    return parts


def _by_tier(gb: Decimal, months: int, more: Decimal, line: Line, rate: Rate) -> tuple[Text, Text]:
    values = {"gb": gb, "months": months, "part": _short(more), "price": rate.amount, "code": line.currency}
    key = "{gb} GB x {months} month" + "s" * (months > 1)
    if more:
        key = "({gb} GB x {months} months + {part} GB of a month used in part)" if gb * months else "{part} GB"
    if rate is line.free:
        return raw("free quota"), raw(f"{key} free" if more else "{gb} GB free x {months} mo.", **values)
    top = plain(rate.end) if rate.end is not None else "up"
    tier = raw("{start}-{end} GB", start=rate.start, end=top) if len(line.rates) > 1 else NONE
    return tier, raw(key + " x {price} {code}/GB", **values)


def _short(value: Decimal) -> Decimal:
    """Return a quantity as a formula shows it: to four digits after the point."""
    return value.quantize(Decimal("0.0001")).normalize() if value else ZERO


def _held(line: Line, window: Window, months: int, terms: Terms | None) -> list[Part]:
    """What is held all the while: by the hour, by 730 hours of a month, or by calendar months beside a subscription."""
    rate = line.rates[0]
    if not rate.amount:  # free while in use: nothing to charge
        return []
    held = line.each * line.count
    if line.rule == "held_hours":
        quantity = held * window.length
    elif line.rule == "held_months":
        quantity = held * months
    else:
        quantity = held * window.length / RATE_MONTH_HOURS
    owed = quantity * rate.amount * (1 - line.share) if line.rule == "held_months" else ZERO
    said = partial(_by_holding, line, window.length, months)
    return [(rate, rate.unit, quantity, rate.amount, line.share, owed, None, said)]


def _by_holding(line: Line, hours: Decimal, months: int) -> tuple[Text, Text]:
    rate = line.rates[0]
    if line.rule == "held_hours":
        words = raw("{hours} h", hours=hours)
    elif line.rule == "held_months":
        words = raw("{months} mo.", months=months)
    else:
        words = raw("{hours} h / 730 h", hours=hours)
    if line.part == "ip":
        return NONE, raw(
            "{time} x {n} x {price} {code}/h", time=words, n=line.each, price=rate.amount, code=line.currency
        )
    if line.part == "around":
        return NONE, raw(
            "{each} x {n} x {time} x {price} {code}/{unit}",
            each=line.each,
            n=line.count,
            time=words,
            price=rate.amount,
            code=line.currency,
            unit=raw(rate.unit),
        )
    return NONE, raw(
        "{gb} GB x {n} instance" + "s" * (line.count > 1) + " x {time} x {price} {code}/{unit}",
        gb=line.each,
        n=line.count,
        time=words,
        price=rate.amount,
        code=line.currency,
        unit=raw(rate.unit),
    )


def _once(line: Line, window: Window, months: int, terms: Terms | None) -> list[Part]:
    """What passes one time, whatever the window: the download of a model."""
    rate, quantity = line.rates[0], line.each * line.count

    def said() -> tuple[Text, Text]:
        key = "{gb} GB x {n} instance" + "s" * (line.count > 1) + ", once x {price} {code}/{unit}"
        unit = raw(rate.unit)
        return NONE, raw(key, gb=line.each, n=line.count, price=rate.amount, code=line.currency, unit=unit)

    return [(rate, rate.unit, quantity, rate.amount, line.share, ZERO, None, said)]


RULES: dict[str, Callable[[Line, Window, int, Terms | None], list[Part]]] = {
    "hours": _hours,
    "block": _hours,
    "committed": _committed,
    "upfront": _upfront,
    "months": _months,
    "traffic": _traffic,
    "held_hours": _held,
    "held_730": _held,
    "held_months": _held,
    "once": _once,  # in a whole bill only (planner.quoting.around): no offer has such a line
}
