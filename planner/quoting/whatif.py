"""What if: an offer's lines evaluated at other inputs. Scenarios, sensitivity, break-even and every step of a price ask here.

Nothing here knows a price or a rule: `planner.quoting.cost` evaluates, this module only changes what it evaluates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from planner.money import Fx
from planner.prices.fx import Rates
from planner.quoting import choose, cost
from planner.quoting.dominated import undominated
from planner.quoting.records import Amounts, Charge, Commitment, Line, Offer, Quote, Rate, Totals
from planner.quoting.rules import sold
from planner.quoting.steps import in_steps, months_of_traffic
from planner.records import NamedTuple
from planner.units import Window

__all__ = [
    "BESIDE",
    "Again",
    "Step",
    "again",
    "contenders",
    "elsewhere",
    "evaluated",
    "hours_of",
    "listed",
    "month_of",
    "rate_of",
    "steps",
    "winners",
]

ONE = Decimal(1)
TRAFFIC = ("egress", "inter_region")
#: The parts of an offer beside the machine itself, before tax.
BESIDE = (*TRAFFIC, "storage", "ip")


class Again(NamedTuple):
    """An offer at other inputs: its charges in its own currency, and what one unit of that is in the report currency."""

    charges: tuple[Charge, ...]
    rate: Decimal

    def native(self, *parts: str) -> Amounts:
        """Return the sums of the charges of `parts` (none given: of all) in the offer's currency."""
        return cost.totals(c for c in self.charges if not parts or c.category in parts)

    def report(self, *parts: str) -> Amounts:
        """Return the same in the report currency."""
        return Amounts(*(amount * self.rate for amount in self.native(*parts)))


def rate_of(quote: Quote, code: str, fx: Decimal = ONE) -> Decimal:
    """Return what one `code` is in the quote's currency, the rate of another currency scaled by `fx`."""
    if code == quote.currency:
        return ONE
    return Rates(list(quote.fx)).convert(ONE, code, quote.currency) * fx


def again(
    quote: Quote,
    offer: Offer,
    *,
    hours: Decimal | None = None,
    traffic: Decimal = ONE,
    share: Decimal | None = None,
    fx: Decimal = ONE,
    prices: Mapping[str, Decimal] | None = None,
) -> Again:
    """Return `offer` evaluated at other inputs; each left out is the quote's own.

    hours: the window's length, from the same first day. traffic: a factor on the GB of each month. share: the discount
    on compute. fx: a factor on the rate of exchange. prices: factors on the list prices, by part.
    """
    window = quote.window if hours is None else quote.window._replace(hours=hours)
    factors = prices or {}
    lines = [_changed(line, traffic, share, factors.get(line.part, ONE)) for line in offer.lines]
    terms = cost.terms_of(offer.way, window, window.months)
    charges = cost.charges_of(lines, terms, window, window.months)
    return Again(charges, rate_of(quote, offer.totals.native_currency, fx))


def _changed(line: Line, traffic: Decimal, share: Decimal | None, price: Decimal) -> Line:
    if line.rule == "traffic" and traffic != 1:
        line = line._replace(each=line.each * traffic)
    if line.part == "compute" and share is not None:
        line = line._replace(share=share)
    if price != 1:
        line = line._replace(rates=tuple(rate._replace(amount=rate.amount * price) for rate in line.rates))
    return line


def elsewhere(
    quote: Quote,
    *,
    hours: Decimal | None = None,
    traffic: Decimal = ONE,
    fx: Decimal = ONE,
    offers: Sequence[Offer] | None = None,
) -> Quote:
    """Return `quote` as a fresh one at other inputs is: its offers evaluated there, and what it then recommends.

    The inputs are those of `again`. offers: those to look at (None: all, with what is not sold for the quote's own window).
    The number of instances does not depend on any of the inputs, so the sizing stays.
    """
    window = quote.window if hours is None else quote.window._replace(hours=hours)
    quote = quote._replace(hours=window.hours, months=window.months, fx=_scaled(quote, fx))
    asked = (*quote.offers, *quote.beyond) if offers is None else offers
    made = tuple(evaluated(quote, o, traffic) for o in asked if sold(o.way, window.length))
    there = quote._replace(offers=made, beyond=())
    return there._replace(recommended=choose.recommend(there))


def evaluated(quote: Quote, offer: Offer, traffic: Decimal = ONE) -> Offer:
    """Return `offer` as it is in the window and at the rates of `quote`: lines with other traffic, charges, totals, terms."""
    lines = tuple(_changed(line, traffic, None, ONE) for line in offer.lines)
    then = again(quote, offer._replace(lines=lines))
    terms = cost.commitment_of(lines, offer.way, cost.terms_of(offer.way, quote.window, quote.months))
    code, native, rates = offer.totals.native_currency, then.native(), Rates(list(quote.fx))
    totals = Totals(code, native, Amounts(*(rates.convert(a, code, quote.currency) for a in native)))
    return offer._replace(lines=lines, charges=then.charges, totals=totals, commitment=terms)


def _scaled(quote: Quote, factor: Decimal) -> tuple[Fx, ...]:
    """Return the rates of exchange with which every other currency is worth `factor` times as much of the report's."""
    mine = quote.currency
    ways = {True: factor, False: 1 / factor}
    return tuple(
        f._replace(rate=f.rate * ways[f.quote == mine]) if mine in (f.base, f.quote) and factor != 1 else f
        for f in quote.fx
    )


def contenders(quote: Quote) -> list[Offer]:
    """Return the offers that can be recommended, be the least effective one or the least spot sample at any other inputs."""
    return undominated((*quote.offers, *quote.beyond))


#: Windows at which `winners` asks: days, months and years, and what lies between.
ASKED = tuple(Decimal(24 * d) for d in (1, 7, 14, 21, 30, 45, 61, 91, 122, 152, 182, 183, 213, 243, 274, 304, 334, 365))
ASKED += tuple(Decimal(8760) * n / 4 for n in (5, 6, 7, 8, 10, 12, 16, 20))


#: Discount rates, and the windows at which they are asked: with another than the quote's another way of paying may win.
RATES = (None, Decimal("0.05"), Decimal("0.1"), Decimal("0.2"))
WITH_RATES = tuple(map(Decimal, (720, 2190, 4380, 6570, 8760, 17520, 26280)))


def winners(quote: Quote) -> list[Offer]:
    """Return what is recommended for windows from a day to five years, at today's rates of exchange and a tenth around them,
    and for some of these windows at other discount rates."""
    pool = contenders(quote)
    found: dict[str, None] = {}
    foreign = len({o.totals.native_currency for o in pool}) > 1
    for hours in ASKED:
        for fx in (Decimal("0.9"), ONE, Decimal("1.1")) if foreign else (ONE,):
            chosen = elsewhere(quote, hours=hours, fx=fx, offers=pool).recommended
            if chosen is not None:
                found[chosen.id] = None
    for rate in RATES:
        if rate != quote.workload.discount_rate:
            other = quote._replace(workload=quote.workload._replace(discount_rate=rate))
            for hours in WITH_RATES:
                chosen = elsewhere(other, hours=hours, offers=pool).recommended
                if chosen is not None:
                    found[chosen.id] = None
    return [o for o in pool if o.id in found]


def hours_of(line: Line, hours: Decimal) -> Amounts:
    """Return what `hours` of one instance cost on a pay-as-you-go line."""
    return cost.totals(cost.charges_of((line._replace(count=1),), None, Window(hours)) if hours else ())


def month_of(line: Line, traffic: Decimal = ONE) -> Amounts:
    """Return what one month of a traffic line costs, its GB multiplied by `traffic`."""
    return cost.totals(cost.charges_of((_changed(line, traffic, None, ONE),), None, Window(ONE), 1))


def listed(offer: Offer) -> Commitment | None:
    """Return the raw numbers of a commitment at list (`Offer.commitment` has them contracted); None: pay as you go."""
    terms = offer.commitment
    if terms is None:
        return None
    length = cost.Terms(terms.term_hours, terms.term_months, terms.terms, terms.by_month)
    return cost.commitment_of([line._replace(share=Decimal(0)) for line in offer.lines], offer.way, length)


class Step(NamedTuple):
    """One rate of a line and the charge that it makes in the quote's window (None: nothing falls into it)."""

    line: Line
    rate: Rate
    charge: Charge | None


def steps(quote: Quote, offer: Offer) -> list[Step]:
    """Return every rate of every line but the tax, in order, with its charge in the quote's window."""
    result = []
    rest = list(offer.charges)
    for line in offer.lines:
        if line.part in ("tax", "contract"):
            continue
        if line.rule == "traffic":
            filled = [rate for rate, _, _ in months_of_traffic(line, quote.window) if rate is not line.free]
        elif line.rule in ("hours", "block"):
            filled = [rate for rate, _ in in_steps(line.rates, quote.hours)]
        else:
            filled = [rate for rate in line.rates if rate.amount or line.part == "compute"]
        if line.free is not None and line.each and line.free.end:
            rest.pop(0)  # the free quota's own charge: it costs nothing
        made = {rate: rest.pop(0) for rate in filled if line.each}
        result += [Step(line, rate, made.get(rate)) for rate in line.rates]
    return result
