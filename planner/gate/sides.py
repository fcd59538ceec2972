"""What a workload or a module comes to on one side of a change, and both sides together."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from planner.errors import NoOfferError, PlannerError
from planner.prices.fx import Rates
from planner.quoting.choose import amount, ranked, why_none
from planner.quoting.diff import Diff
from planner.quoting.notes import seen
from planner.quoting.records import Charge, Quote
from planner.records import NamedTuple
from planner.terraform.price import Priced
from planner.text import Text

__all__ = ["BASES", "Side", "Subject", "of_priced", "of_quote", "rows_of"]

#: Amounts that a quote and a priced module both have.
BASES = ("obligation", "effective", "billed", "committed")
_FIELDS = {"effective": "amount"}


class Side(NamedTuple):
    """What is bought, and what it comes to on the basis. offer: the offer's id ("" = a module's own). seen: the day on which the oldest price of an
    offer, or of a module's machines, was last seen, undated: whether one has none. market: a spot price, which moves."""

    offer: str
    amount: Decimal
    currency: str
    hours: Decimal
    providers: tuple[str, ...]
    options: tuple[str, ...]
    seen: str
    undated: bool
    market: bool
    unpriced: tuple[Text, ...]
    charges: tuple[Charge, ...]


class Subject(NamedTuple):
    """A workload file or a module that changed. before, after: None where it is not there. quote: that of a workload as it is now. problem: why it
    cannot be priced now; base_problem: why it could not be before. why: what it breaks of the policy."""

    path: str
    kind: str
    before: Side | None = None
    after: Side | None = None
    quote: Quote | None = None
    diff: Diff | None = None
    problem: PlannerError | None = None
    base_problem: str = ""
    why: tuple[Text, ...] = ()


def of_quote(quote: Quote, basis: str) -> Side:
    """Return what the quote recommends, else (spot alone serves it) the least; raise `NoOfferError` where there is nothing."""
    offer = quote.best or next(iter(ranked(quote, quote.offers, basis)), None)
    if offer is None:
        raise NoOfferError(why_none(quote))
    comes = amount(quote, offer, basis)
    assert comes is not None  # BASES are the amounts that every offer has
    day, undated = seen(offer)
    return Side(
        offer=offer.id,
        amount=comes,
        currency=quote.currency,
        hours=quote.hours,
        providers=(offer.provider,),
        options=(offer.purchase_option,),
        seen="" if offer.market else day,
        undated=undated and not offer.market,
        market=offer.market,
        unpriced=offer.unpriced,
        charges=offer.charges,
    )


def of_priced(priced: Priced, bought: Sequence[tuple[str, str]], currency: str, rates: Rates, basis: str) -> Side:
    """Return what a priced module comes to. bought: of whom and how its machines are bought."""
    charges = tuple(charge for part in priced.parts for charge in part.charges)
    providers, options = (tuple(dict.fromkeys(filter(None, names))) for names in zip(*bought, strict=True))
    market = "spot" in options
    # As of a quote: the machines' prices have an age, spot has none, and what stands around them is small.
    days = [c.source.seen for c in charges if c.category == "compute" and not market]
    return Side(
        offer="",
        amount=sum((_report(c, currency, rates, basis) for c in charges), Decimal(0)),
        currency=currency,
        hours=priced.hours,
        providers=providers,
        options=options,
        seen=min((day for day in days if day), default=""),
        undated="" in days,
        market=market,
        unpriced=priced.unpriced,
        charges=charges,
    )


def _report(charge: Charge, currency: str, rates: Rates, basis: str) -> Decimal:
    value: Decimal = getattr(charge, _FIELDS.get(basis, basis))
    return rates.convert(value, charge.currency, currency)


def rows_of(subject: Subject, rates: Rates, basis: str) -> list[tuple[str, Decimal | None, Decimal | None]]:
    """Return the charges of a module that changed: name, what it came to, what it comes to (None: not there), in the currency that it has now."""
    known = subject.after or subject.before
    code = "" if known is None else known.currency
    sides = [_named(side.charges if side else (), code, rates, basis) for side in (subject.before, subject.after)]
    names = dict.fromkeys((*sides[0], *sides[1]))
    rows = [(name, sides[0].get(name), sides[1].get(name)) for name in names]
    return [row for row in rows if row[1] != row[2]]


def _named(charges: Sequence[Charge], code: str, rates: Rates, basis: str) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for charge in charges:
        name = f"{charge.name} [{charge.tier}]" if charge.tier else str(charge.name)
        found[name] = found.get(name, Decimal(0)) + _report(charge, code, rates, basis)
    return found
