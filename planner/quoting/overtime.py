"""What the ways of buying one machine oblige to pay as the window grows, and from how many hours a commitment is the cheaper."""

from __future__ import annotations

from decimal import Decimal

from planner.quoting.records import Offer, Quote
from planner.quoting.rules import sold, terms_of
from planner.quoting.whatif import evaluated
from planner.records import NamedTuple
from planner.units import LONGEST_MONTH_HOURS

__all__ = ["MOST", "Curve", "at", "curves"]

#: More lines than these cannot be told apart.
MOST = 7
#: Windows that are drawn beyond the last one of interest, and how many of them are asked.
_ROOM, _POINTS = Decimal("1.1"), 160
ZERO = Decimal(0)


class Curve(NamedTuple):
    """One way of buying. points: (hours of the window, what it obliges to pay for it in the report currency). even: the whole hours from which it
    comes to no more than on demand of the same machine (None: not within its term, or nothing to compare with)."""

    offer: Offer
    points: tuple[tuple[Decimal, Decimal], ...]
    even: int | None


def at(quote: Quote, offer: Offer, hours: Decimal) -> Decimal:
    """Return what an offer obliges to pay for a window of `hours`, from the quote's first day, in the report currency."""
    window = quote.window._replace(hours=hours)
    return evaluated(quote._replace(hours=hours, months=window.months), offer).totals.report.obligation


def curves(quote: Quote) -> tuple[Curve, ...]:
    """Return the ways of buying the machine that the quote recommends, on demand first; () where it recommends none.

    Of each way and term the payment that obliges to the least counts, and the zone that does. A pattern of use is left aside: the hours are in a row.
    """
    best = quote.best
    if best is None:
        return ()
    if quote.workload.use:
        quote = quote._replace(workload=quote.workload._replace(use=""))
    place = (best.provider, best.site, best.region, best.instance_type)
    mine = [o for o in quote.offers if (o.provider, o.site, o.region, o.instance_type) == place and not o.unpriced]
    kept: dict[tuple[str, str], Offer] = {}
    for offer in sorted(mine, key=lambda o: (o.totals.report.obligation, o.totals.report.effective, o.id)):
        kept.setdefault((offer.purchase_option, offer.term), offer)
    paid = kept.get(("on_demand", ""))
    evens = {offer.id: _even(quote, paid, offer) for offer in kept.values() if paid is not None}
    end = max([quote.hours, *(Decimal(even) for even in evens.values() if even)]) * _ROOM
    asked = {end * n / _POINTS for n in range(1, _POINTS + 1)} | {Decimal(1), quote.hours}
    asked |= {Decimal(even) for even in evens.values() if even}
    ends = [_first_term(quote, offer) for offer in kept.values() if offer.commitment is not None]
    asked |= {Decimal(hours) for last in ends for hours in (last, last + 1) if hours < end}
    order = sorted(kept.values(), key=lambda o: (o is not paid, o is not best, o.totals.report.obligation, o.id))[:MOST]
    return tuple(Curve(o, _points(quote, o, sorted(asked)), evens.get(o.id)) for o in order)


def _points(quote: Quote, offer: Offer, asked: list[Decimal]) -> tuple[tuple[Decimal, Decimal], ...]:
    return tuple((hours, at(quote, offer, hours)) for hours in asked if sold(offer.way, hours))


def _even(quote: Quote, paid: Offer, offer: Offer) -> int | None:
    """Return the least whole hours, within one term of a commitment, for which on demand comes to as much; both only rise, so halving finds it."""
    if offer.commitment is None or offer is paid or offer.purchase_option == "capacity_block":
        return None  # a block is bought for the window itself
    low, high = 1, _first_term(quote, offer)
    if at(quote, paid, Decimal(high)) < at(quote, offer, Decimal(high)):
        return None
    while low < high:
        middle = (low + high) // 2
        if at(quote, paid, Decimal(middle)) >= at(quote, offer, Decimal(middle)):
            high = middle
        else:
            low = middle + 1
    return low


def _first_term(quote: Quote, offer: Offer) -> int:
    """Return the most whole hours of a window that one term covers."""
    low, high = 1, int(LONGEST_MONTH_HOURS) * 12 * 10
    while low < high:
        middle = (low + high + 1) // 2
        window = quote.window._replace(hours=Decimal(middle))
        terms = terms_of(offer.way, window, window.months)
        if terms is not None and terms.needed == 1:
            low = middle
        else:
            high = middle - 1
    return low
