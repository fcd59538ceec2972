"""The cost of money: when cash leaves, what that is worth on the first day, and the rate at which two ways of paying tie.

Rates are nominal a year, compounded by the month (`rate / 12` a month); 9.245 % so is 9.647 % effective.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from planner.prices.fx import Rates
from planner.quoting.calendar import periods, schedule
from planner.quoting.entries import Entry, Period
from planner.quoting.records import Offer, Quote
from planner.records import NamedTuple

__all__ = ["Month", "Tie", "cash", "effective_rate", "present_value", "tie", "ties", "worth_of"]

ZERO, ONE = Decimal(0), Decimal(1)
#: Rates looked at; beyond 1,000 % a year nobody pays, and a tie below 0 is none.
HIGHEST = Decimal(10)


class Month(NamedTuple):
    """What one month pays, tax included, in the offer's currency: advance on its first day (what is paid once per term),
    arrears at its end. effective: what is used up in it."""

    period: Period
    advance: Decimal
    arrears: Decimal
    effective: Decimal


def cash(quote: Quote, offer: Offer) -> list[Month]:
    """Return the months of an offer, in order from the first. The tax on a payment is paid with it; what comes
    back of it is left out."""
    months: dict[int, list[Entry]] = {}
    for entry in schedule(quote, offer):
        months.setdefault(entry.period.number, []).append(entry)
    made = []
    for period in periods(quote, offer):
        mine = months.get(period.number, [])
        advance = sum((e.billed for e in mine if e.once), ZERO)
        billed = sum((e.billed for e in mine if e.kind != "tax"), ZERO)
        tax = sum((e.billed for e in mine if e.kind == "tax" and not e.charge.rule.endswith("_back")), ZERO)
        whole = advance + tax * advance / billed if billed else ZERO
        made.append(Month(period, whole, billed + tax - whole, sum((e.effective for e in mine), ZERO)))
    return made


def worth_of(months: Iterable[Month], rate: Decimal) -> Decimal:
    """Return the cash of `months`, counted from the first, discounted to the first day, in its own currency."""
    factor, result = 1 + rate / 12, ZERO
    for number, month in enumerate(months):
        result += month.advance / factor**number + month.arrears / factor ** (number + 1)
    return result


def present_value(quote: Quote, offer: Offer, rate: Decimal) -> Decimal:
    """Return all cash that `offer` owes, discounted to the first day, in the report currency.

    rate: nominal a year, compounded by calendar months. What is paid once per term is paid on the first day of its
    month, everything else at the month's end. A rate of 0 gives today's cash: all that is owed.
    """
    native = worth_of(cash(quote, offer), rate)
    return Rates(list(quote.fx)).convert(native, offer.totals.native_currency, quote.currency)


def effective_rate(nominal: Decimal) -> Decimal:
    """Return what a nominal rate compounded by the month is over a year."""
    return (1 + nominal / 12) ** 12 - 1


class Tie(NamedTuple):
    """Two ways of paying for the same commitment: `early` pays more upfront than `late` and less in all.

    nominal: the rate a year, compounded by the month, at which both are worth the same; below it `early` is worth less.
    upfront: what `early` pays more at once; saved: what it pays less in all; both for all instances, contracted, before tax,
    in the currency that is billed. months: of the term.
    """

    early: Offer
    late: Offer
    nominal: Decimal
    upfront: Decimal
    saved: Decimal
    months: int

    @property
    def effective(self) -> Decimal:
        return effective_rate(self.nominal)


def tie(one: Offer, other: Offer) -> Tie | None:
    """Return where two ways of paying for the same commitment tie; None where one is better at every rate, or they are
    not the same commitment.

    Of one term: what is paid upfront, and what is paid by the hour in as many equal payments as the term has months, each
    at the month's end, whatever day it begins and however many hours its months have.
    """
    a, b = one.commitment, other.commitment
    if (
        a is None
        or b is None
        or a.by_month
        or b.by_month
        or one.way._replace(payment="") != other.way._replace(payment="")
    ):
        return None
    monthly = [x.hourly * x.term_hours / x.term_months for x in (a, b)]
    if a.upfront < b.upfront:
        return tie(other, one)
    upfront, saved = a.upfront - b.upfront, monthly[1] - monthly[0]
    if upfront <= 0 or saved * a.term_months <= upfront:
        return None

    def worth(rate: Decimal) -> Decimal:
        step = rate / 12
        return saved * (a.term_months if not step else (1 - (1 + step) ** -a.term_months) / step)

    low, high = ZERO, HIGHEST
    if worth(high) > upfront:
        return None
    while high - low > Decimal("1e-15"):
        middle = (low + high) / 2
        low, high = (middle, high) if worth(middle) > upfront else (low, middle)
    nominal = low.quantize(Decimal("1e-12"))
    return Tie(one, other, nominal, upfront * one.count, (saved * a.term_months - upfront) * one.count, a.term_months)


def ties(quote: Quote, offers: Iterable[Offer]) -> list[Tie]:
    """Return the ties among `offers`: of each commitment every pair of its ways of paying, the recommended one's first."""
    groups: dict[object, list[Offer]] = {}
    for offer in offers:
        if offer.commitment is not None and not offer.commitment.by_month:
            groups.setdefault(offer.way._replace(payment=""), []).append(offer)
    found = []
    for group in groups.values():
        for number, one in enumerate(group):
            found += [made for other in group[number + 1 :] if (made := tie(one, other)) is not None]
    best = quote.best
    return sorted(found, key=lambda x: (best is None or best.id not in (x.early.id, x.late.id), x.early.id, x.late.id))
