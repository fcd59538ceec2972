"""The cost model: lines and a window become charges. Pure, exact, and every charge knows its price row.

Four views of one cost (docs/cost-model.md works each by hand):

* list       what the window costs at published prices of this way of buying,
* effective  the same at contracted prices, upfront payments spread evenly over their term (a charge's `amount`),
* billed     cash that leaves in the window,
* committed  what is owed over the whole term from the day of signing (0 for pay as you go),

and of the last two the greater, charge by charge: the **obligation**, all that taking the offer obliges to pay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import ROUND_CEILING, Decimal

from planner.errors import MisuseError
from planner.money import plain
from planner.offer import Source, Way
from planner.quoting.records import Amounts, Charge, Commitment, Line, Rate
from planner.quoting.steps import in_steps, months_of_traffic
from planner.records import NamedTuple
from planner.text import Text, raw
from planner.units import LONGEST_BLOCK, RATE_MONTH_HOURS, Window, block_hours, term_hours, term_months

__all__ = [
    "Terms",
    "break_even",
    "charges_of",
    "commitment_of",
    "monthly_cost",
    "paid",
    "terms_of",
    "totals",
]

ZERO, ONE = Decimal(0), Decimal(1)
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
        length = block_hours(window.hours) or LONGEST_BLOCK
        return Terms(length, 1, _ceil(window.hours / length), False)
    if way.purchase_option not in ("reserved", "savings_plan", "subscription"):
        return None
    length, calendar = term_hours(way.term), term_months(way.term)
    by_month = way.purchase_option == "subscription"
    needed = _ceil(Decimal(months) / calendar) if by_month else _ceil(window.hours / length)
    return Terms(length, calendar, needed, by_month)


def paid(line: Line, terms: Terms) -> Decimal:
    """Return the list price of one term of one instance of an `upfront` or `months` line, as its unit prints it."""
    rate = line.rates[0]
    if line.rule == "months":
        return rate.amount * terms.months if rate.unit == "month" else rate.amount
    return rate.amount if rate.unit == "term" else rate.amount * terms.hours


class Asked(NamedTuple):
    """What a rule is evaluated on."""

    line: Line
    window: Window
    months: int
    terms: Terms | None

    @property
    def hours(self) -> Decimal:
        return self.window.hours


def charges_of(lines: Iterable[Line], terms: Terms | None, window: Window, months: int = 0) -> tuple[Charge, ...]:
    """Return the charges of `lines` in `window`, in their order; a tax line takes its share of all before it.

    months: the window's billing months where the caller has them already (else counted). A line of no volume has no
    charge.
    """
    charges: list[Charge] = []
    months = months or window.months
    for line in lines:
        if line.part == "tax":
            charges = _taxed(line, charges)
        elif line.each:
            charges += _RULES[line.rule](Asked(line, window, months, terms))
    return tuple(charges)


def _charge(
    line: Line,
    rate: Rate,
    quantity: Decimal,
    list_price: Decimal,
    formula: Text,
    *,
    unit: str,
    billed: Decimal | None = None,
    committed: Decimal = ZERO,
    tier: Text = NONE,
    share: Decimal | None = None,
) -> Charge:
    """`list_price` per unit at list; `share` is the discount (None: the line's); billed and committed are contracted."""
    off = line.share if share is None else share
    unit_price = list_price * (1 - off) if off else list_price
    amount = quantity * unit_price
    cash = amount if billed is None else billed
    return Charge(
        name=line.name,
        category=line.part,
        rule=line.rule,
        unit=unit,
        quantity=quantity,
        unit_price=unit_price,
        list_unit_price=list_price,
        currency=line.currency,
        amount=amount,
        list=quantity * list_price,
        billed=cash,
        committed=committed,
        obligation=max(cash, committed),
        tier=tier,
        formula=formula,
        source=rate.source,
    )


def _hours(ask: Asked) -> list[Charge]:
    """Pay as you go: each hour at its step's price; a capacity block owes what it uses."""
    line, charges = ask.line, []
    for rate, part in in_steps(line.rates, ask.hours):
        quantity = part * line.count
        tier = NONE
        if len(line.rates) > 1:
            top = plain(rate.end) if rate.end is not None else ""
            tier = raw("{start}-{end} h", start=rate.start, end=top)
        owed = quantity * rate.amount * (1 - line.share) if line.rule == "block" else ZERO
        formula = _by_hour(part, line, rate)
        charges.append(_charge(line, rate, quantity, rate.amount, formula, unit="hour", committed=owed, tier=tier))
    return charges


def _by_hour(hours: Decimal, line: Line, rate: Rate) -> Text:
    key = (
        "{hours} h x {n} instances x {price} {code}/h"
        if line.count > 1
        else "{hours} h x {n} instance x {price} {code}/h"
    )
    return raw(key, hours=hours, n=line.count, price=rate.amount, code=line.currency)


def _needed(ask: Asked) -> Terms:
    assert ask.terms is not None, ask.line.rule
    return ask.terms


def _committed(ask: Asked) -> list[Charge]:
    """Every hour of the window costs the hourly share; every hour of the term is owed."""
    line, terms, rate = ask.line, _needed(ask), ask.line.rates[0]
    owed = rate.amount * (1 - line.share) * terms.hours * line.count * terms.needed
    formula = _by_hour(ask.hours, line, rate)
    return [_charge(line, rate, ask.hours * line.count, rate.amount, formula, unit="hour", committed=owed)]


def _upfront(ask: Asked) -> list[Charge]:
    """An upfront payment is spread over the hours of its term."""
    line, terms, rate = ask.line, _needed(ask), ask.line.rates[0]
    price = paid(line, terms)
    hourly = price / terms.hours if rate.unit == "term" else rate.amount
    owed = price * (1 - line.share) * line.count * terms.needed
    formula = raw(
        "{paid} {code} upfront / {term} h of the term x {hours} h x {n}",
        paid=price,
        code=line.currency,
        term=terms.hours,
        hours=ask.hours,
        n=line.count,
    )
    quantity = ask.hours * line.count
    return [_charge(line, rate, quantity, hourly, formula, unit="hour", billed=owed, committed=owed)]


def _months(ask: Asked) -> list[Charge]:
    """Whole calendar months, used or not; a longer term is spread over its months."""
    line, terms, rate = ask.line, _needed(ask), ask.line.rates[0]
    per_month = rate.amount if rate.unit == "month" else rate.amount / terms.months
    owed = paid(line, terms) * (1 - line.share) * terms.needed * line.count
    made = "{price} {code}/month" if rate.unit == "month" else "{price} {code} / {term} months"
    length = {} if rate.unit == "month" else {"term": terms.months}
    key = "{months} calendar month" + "s" * (ask.months > 1) + " x {n} instance" + "s" * (line.count > 1) + " x {made}"
    spread = raw(made, price=rate.amount, code=line.currency, **length)
    formula = raw(key, months=ask.months, n=line.count, made=spread)
    quantity = Decimal(ask.months * line.count)
    return [_charge(line, rate, quantity, per_month, formula, unit="month", billed=owed, committed=owed)]


def _traffic(ask: Asked) -> list[Charge]:
    """`each` GB leave in each month, tier by tier; tiers count anew each month.

    A free quota takes the first GB of the month, which then count towards the tiers, as on the clouds' bills.
    """
    line, months = ask.line, ask.window.traffic[0]
    charges = []
    for rate, gb, more in months_of_traffic(line, ask.window):
        quantity, free = gb * months + more, rate is line.free
        values = {"gb": gb, "months": months, "part": _short(more), "price": rate.amount, "code": line.currency}
        key = "{gb} GB x {months} month" + "s" * (months > 1)
        if more:
            key = "({gb} GB x {months} months + {part} GB of a month used in part)" if gb * months else "{part} GB"
        if free:
            key = f"{key} free" if more else "{gb} GB free x {months} mo."
        formula = raw(key if free else key + " x {price} {code}/GB", **values)
        if free:
            quota = raw("free quota")
            charges.append(_charge(line, rate, quantity, ZERO, formula, unit="GB", tier=quota, share=ZERO))
            continue
        top = plain(rate.end) if rate.end is not None else "up"
        tier = raw("{start}-{end} GB", start=rate.start, end=top) if len(line.rates) > 1 else NONE
        charges.append(_charge(line, rate, quantity, rate.amount, formula, unit="GB", tier=tier))
    return charges


def _short(value: Decimal) -> Decimal:
    """Return a quantity as a formula shows it: to four digits after the point."""
    return value.quantize(Decimal("0.0001")).normalize() if value else ZERO


def _held(ask: Asked) -> list[Charge]:
    """What is held all the while: by the hour, by 730 hours of a month, or by calendar months beside a subscription."""
    line, rate = ask.line, ask.line.rates[0]
    if not rate.amount:  # free while in use: nothing to charge
        return []
    held = line.each * line.count
    if line.rule == "held_hours":
        quantity, words = held * ask.hours, raw("{hours} h", hours=ask.hours)
    elif line.rule == "held_months":
        quantity, words = held * ask.months, raw("{months} mo.", months=ask.months)
    else:
        quantity, words = held * ask.hours / RATE_MONTH_HOURS, raw("{hours} h / 730 h", hours=ask.hours)
    owed = quantity * rate.amount * (1 - line.share) if line.rule == "held_months" else ZERO
    if line.part == "ip":
        formula = raw("{time} x {n} x {price} {code}/h", time=words, n=line.each, price=rate.amount, code=line.currency)
    else:
        formula = raw(
            "{gb} GB x {n} instance" + "s" * (line.count > 1) + " x {time} x {price} {code}/{unit}",
            gb=line.each,
            n=line.count,
            time=words,
            price=rate.amount,
            code=line.currency,
            unit=raw(rate.unit),
        )
    return [_charge(line, rate, quantity, rate.amount, formula, unit=rate.unit, committed=owed)]


_RULES: dict[str, Callable[[Asked], list[Charge]]] = {
    "hours": _hours,
    "block": _hours,
    "committed": _committed,
    "upfront": _upfront,
    "months": _months,
    "traffic": _traffic,
    "held_hours": _held,
    "held_730": _held,
    "held_months": _held,
}


def _taxed(line: Line, charges: list[Charge]) -> list[Charge]:
    """Return the charges without the tax that their prices hold, and one row of tax on all of them; as they are at 0 %.

    What comes back (`_back`) is billed and owed, and costs nothing.
    """
    share = line.each
    if not share or not charges:
        return charges
    gross = totals(charges)
    if line.rule.startswith("tax_within"):
        charges = [_without(charge, 1 + share) for charge in charges]
        net = totals(charges)
        due = Amounts(*(whole - part for whole, part in zip(gross, net, strict=True)))
    else:
        net = gross
        due = Amounts(*(amount * share for amount in net))
    cost = ZERO if line.rule.endswith("_back") else ONE
    source = line.rates[0].source if line.rates else Source("given by the user (--tax)", "", "", "own", "own", "--tax")
    row = Charge(
        name=line.name,
        category="tax",
        rule=line.rule,
        unit="rate",
        quantity=net.effective,
        unit_price=share * cost,
        list_unit_price=share * cost,
        currency=line.currency,
        amount=due.effective * cost,
        list=due.list * cost,
        billed=due.billed,
        committed=due.committed,
        obligation=due.obligation * cost,
        tier=NONE,
        formula=raw("{share} of {amount} {code}", share=share, amount=net.effective, code=line.currency),
        source=source,
    )
    return [*charges, row]


def _without(charge: Charge, whole: Decimal) -> Charge:
    """Return a charge without the tax in its price, which is `whole` times the net one."""
    names = ("unit_price", "list_unit_price", "amount", "list", "billed", "committed", "obligation")
    net = {name: getattr(charge, name) / whole for name in names}
    return charge._replace(formula=raw("{formula} / {whole}", formula=charge.formula, whole=whole), **net)


def totals(charges: Iterable[Charge]) -> Amounts:
    """Return the exact sums of the charges; raise `MisuseError` when they are not all in one currency."""
    listed = effective = billed = committed = obligation = ZERO
    code = ""
    for charge in charges:
        if charge.currency != code:
            if code:
                raise MisuseError(
                    f"cannot put {code} and {charge.currency} together: convert one with a dated rate (--fx) first"
                )
            code = charge.currency
        listed += charge.list
        effective += charge.amount
        billed += charge.billed
        committed += charge.committed
        obligation += charge.obligation
    return Amounts(listed, effective, billed, committed, obligation)


def commitment_of(lines: Iterable[Line], way: Way, terms: Terms | None) -> Commitment | None:
    """Return the raw numbers of a commitment (contracted, per instance), or None for pay as you go."""
    if terms is None:
        return None
    mine = [line for line in lines if line.part == "compute"]
    keep = 1 - mine[0].share
    upfront = hourly = monthly = ZERO
    for line in mine:
        if line.rule == "committed":
            hourly += line.rates[0].amount
        elif line.rule == "upfront" or line.rates[0].unit == "term":
            upfront += paid(line, terms)
        else:
            monthly += line.rates[0].amount
    return Commitment(
        term=way.term,
        payment=way.payment,
        offering=way.offering,
        term_hours=terms.hours,
        term_months=terms.months,
        upfront=upfront * keep,
        hourly=hourly * keep,
        monthly=monthly * keep,
        terms=terms.needed,
        by_month=terms.by_month,
    )


def monthly_cost(terms: Commitment) -> Decimal:
    """Return what a commitment costs a month: a calendar month's share of a subscription, or 730 of its hours."""
    if terms.by_month:
        return (terms.upfront + terms.monthly * terms.term_months) / terms.term_months
    return (terms.upfront / terms.term_hours + terms.hourly) * RATE_MONTH_HOURS


def break_even(terms: Commitment, on_demand: Line) -> int | None:
    """Return the hours a month from which the commitment is cheaper than the line `on_demand`, rounded up.

    None when it is not cheaper within a month of 744 hours. The commitment's month is a calendar month's share of a
    subscription, or 730 hours of an hourly commitment.
    """
    monthly = monthly_cost(terms)
    spent = ZERO
    for rate, part in in_steps(on_demand.rates, Decimal(744)):
        price = rate.amount * (1 - on_demand.share)
        if price and spent + part * price >= monthly:
            return _ceil(rate.start + (monthly - spent) / price)
        spent += part * price
    return None
