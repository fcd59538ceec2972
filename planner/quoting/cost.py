"""The cost model: lines and a window become charges. Pure, exact, and every charge knows its price row.

Four views of one cost (docs/cost-model.md works each by hand):

* list       what the window costs at published prices of this way of buying,
* effective  the same at contracted prices, upfront payments spread evenly over their term (a charge's `amount`),
* billed     cash that leaves in the window,
* committed  what is owed over the whole term from the day of signing (0 for pay as you go),

and of the last two the greater, charge by charge: the **obligation**, all that taking the offer obliges to pay.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_CEILING, Decimal

from planner.errors import MisuseError
from planner.offer import Source, Way
from planner.quoting.records import Amounts, Charge, Commitment, Line, Offer
from planner.quoting.rules import RULES, Part, Terms, paid, terms_of
from planner.quoting.steps import in_steps
from planner.text import Text, raw
from planner.units import RATE_MONTH_HOURS, Window

__all__ = [
    "Terms",
    "break_even",
    "charges_of",
    "commitment_of",
    "monthly_cost",
    "paid",
    "terms_of",
    "totals",
    "weigh",
    "with_tax",
]

ZERO, ONE = Decimal(0), Decimal(1)
NONE = Text("")


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
        elif line.part == "contract":
            charges += _shortfall(line, charges, window)
        elif line.each:
            charges += [_charge(line, part) for part in RULES[line.rule](line, window, months, terms)]
    return tuple(charges)


def weigh(
    lines: Iterable[Line], terms: Terms | None, window: Window, months: int
) -> tuple[Amounts, tuple[Source, ...]]:
    """Return the totals of the charges of `lines`, and the sources of their prices, without making the charges.

    That is `totals(charges_of(...))` to the last digit, for a third of the time: for all the offers that a screen does
    not show.
    """
    lines = tuple(lines)
    if len(lines) > 1 and any(
        line.part == "contract" or line.rule.startswith("tax_") for line in lines[-2:]
    ):  # takes the charges apart: rare, and not worth a second way
        made = charges_of(lines, terms, window, months)
        return totals(made), tuple(charge.source for charge in made if charge.category != "tax")
    listed = effective = billed = committed = obligation = ZERO
    sources: list[Source] = []
    code = ""
    for line in lines:
        if code and line.currency != code:
            raise _mixed(code, line.currency)
        if line.rule == "tax":
            listed += listed * line.each
            effective += effective * line.each
            billed += billed * line.each
            committed += committed * line.each
            obligation += obligation * line.each
        elif line.each:
            code = line.currency
            for part in RULES[line.rule](line, window, months, terms):
                _, amount, price, cash, owed = _figures(part)
                if sources:
                    listed += price
                    effective += amount
                    billed += cash
                    committed += part[5]
                    obligation += owed
                else:  # most offers are one part, of which list, effective, cash and obligation are one number
                    listed, effective, billed, committed, obligation = price, amount, cash, part[5], owed
                sources.append(part[0].source)
    return Amounts(listed, effective, billed, committed, obligation), tuple(sources)


def _figures(part: Part) -> tuple[Decimal, Decimal, Decimal, Decimal, Decimal]:
    """Return the contracted price of a unit, and the part's amount, list price, cash and obligation."""
    _, _, quantity, price, share, committed, billed, _ = part
    unit_price = price * (1 - share) if share else price
    amount = quantity * unit_price
    cash = amount if billed is None else billed
    return unit_price, amount, quantity * price if share else amount, cash, committed if committed > cash else cash


def _charge(line: Line, part: Part) -> Charge:
    rate, unit, quantity, price, _, committed, _, said = part
    unit_price, amount, listed, billed, obligation = _figures(part)
    tier, formula = said()
    return Charge(
        name=line.name,
        category=line.part,
        rule=line.rule,
        unit=unit,
        quantity=quantity,
        unit_price=unit_price,
        list_unit_price=price,
        currency=line.currency,
        amount=amount,
        list=listed,
        billed=billed,
        committed=committed,
        obligation=obligation,
        tier=tier,
        formula=formula,
        source=rate.source,
    )


def _shortfall(line: Line, charges: list[Charge], window: Window) -> list[Charge]:
    """Return what a contract charges for its promise in the window less what the charges bill; nothing if they reach it."""
    promised, billed = line.each * window.length / RATE_MONTH_HOURS, totals(charges).billed
    unspent, rate = promised - billed, line.rates[0]
    if unspent <= 0 or not rate.amount:
        return []
    fee = unspent * rate.amount
    formula = raw(
        "{share} x ({promised} {code} promised - {billed} billed)",
        share=rate.amount,
        promised=promised,
        billed=billed,
        code=line.currency,
    )
    return [
        Charge(
            name=line.name,
            category=line.part,
            rule=line.rule,
            unit="rate",
            quantity=unspent,
            unit_price=rate.amount,
            list_unit_price=rate.amount,
            currency=line.currency,
            amount=fee,
            list=fee,
            billed=fee,
            committed=fee,
            obligation=fee,
            tier=NONE,
            formula=formula,
            source=rate.source,
        )
    ]


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


def with_tax(offer: Offer, window: Window) -> tuple[Charge, ...]:
    """Return an offer's charges at the prices that are printed, also where those hold a tax that `offer.charges` are without.

    The row of tax is what is left of it then: nothing, or less than nothing where it comes back.
    """
    if not offer.lines or not offer.lines[-1].rule.startswith("tax_within") or offer.charges[-1].category != "tax":
        return offer.charges
    printed = charges_of(offer.lines[:-1], terms_of(offer.way, window, window.months), window)
    due = offer.totals.native.effective - totals(printed).effective
    return (*printed, offer.charges[-1]._replace(amount=due))


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
                raise _mixed(code, charge.currency)
            code = charge.currency
        listed += charge.list
        effective += charge.amount
        billed += charge.billed
        committed += charge.committed
        obligation += charge.obligation
    return Amounts(listed, effective, billed, committed, obligation)


def _mixed(one: str, other: str) -> MisuseError:
    return MisuseError(f"cannot put {one} and {other} together: convert one with a dated rate (--fx) first")


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
            return int((rate.start + (monthly - spent) / price).to_integral_value(ROUND_CEILING))
        spent += part * price
    return None
