"""So many tokens by a deadline: the cheapest machines, how many, for how long, and what share of them on spot.

A unit (the instances that hold one copy of the model) makes `each` tokens an hour: the low side of the estimate, with the headroom
kept, once its machine has started and the weights are loaded (`start`: minutes that are paid for). Hours are whole, and so are units.
Of a spot unit's work a share is lost when it is taken back and done again. Every way that is looked at finishes in time; the cheapest
of them is found exactly (`cheapest`), type by type, best bound first.
"""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial

from planner import tables
from planner.buying.levels import Deal
from planner.buying.market import Market, Rules, fixed, markets, owed
from planner.errors import NoOfferError
from planner.files import DATA
from planner.quoting.records import Offer, Quote
from planner.records import NamedTuple
from planner.units import block_hours

__all__ = ["MOST", "Asked", "Batch", "Found", "Run", "Shop", "cheapest", "make", "shortest"]

ZERO, ONE = Decimal(0), Decimal(1)
#: Instances at once, where nobody says how many may be had (the bound of --count).
MOST = 10_000
#: Types that are solved and shown.
SHOWN = 5
#: A quotient of decimals may be rounded up in its last place: bounds are taken this much lower.
_CERTAIN = 1 - Decimal("1e-20")


class Asked(NamedTuple):
    """tokens: of output. hours: whole hours to the deadline. most: instances at once. share: of the units that may be spot;
    lost: share of a spot unit's hours that is done again."""

    tokens: int
    hours: int
    most: int = MOST
    share: Decimal = ONE
    lost: Decimal = ZERO


def _nothing(hours: int) -> Decimal:
    """Return what a service without traffic pays beside its machines."""
    return ZERO


class Shop(NamedTuple):
    """What one unit makes and costs at one place. each: tokens an hour; start: minutes before it works; hour: what so many hours cost on demand, None where it is not
    sold so; spot: what an hour costs on spot, None without; blocks: (hours, cost) of commitments from the start on, longer and dearer
    ones last; beside: what the service costs for so many hours, however many units run."""

    each: int
    most: int
    hour: Callable[[int], Decimal] | None
    spot: Decimal | None
    blocks: tuple[tuple[int, Decimal], ...] = ()
    start: int = 0
    beside: Callable[[int], Decimal] = _nothing


class Run(NamedTuple):
    """One way to finish. hours: that every unit runs; firm, spot, committed: units; cost: all of it; block: the commitment's place in
    `Shop.blocks`, -1 without."""

    cost: Decimal
    firm: int
    spot: int
    committed: int
    hours: int
    block: int = -1

    @property
    def units(self) -> int:
        return self.firm + self.spot + self.committed

    @property
    def rank(self) -> tuple[Decimal, int, int, int]:
        """The cheaper first; of two alike the one with fewer units, fewer of them on spot, then the shorter."""
        return self.cost, self.units, self.spot, self.hours


class Found(NamedTuple):
    """The best run at one place. unit: instances of a unit; deals: the commitments of a committed run, one after the other."""

    market: Market
    shop: Shop
    unit: int
    run: Run
    deals: tuple[Deal, ...] = ()

    @property
    def instances(self) -> int:
        return self.run.units * self.unit


class Batch(NamedTuple):
    """The answer. best: the cheapest types, best first. firm: the cheapest without spot, None where there is none. shortest: the hours
    that `most` of the fastest take; types: how many were looked at."""

    quote: Quote
    asked: Asked
    best: tuple[Found, ...]
    firm: Found | None
    shortest: int
    types: int


def cheapest(shop: Shop, asked: Asked) -> Run | None:
    """Return the cheapest run that finishes in time, None where none does."""
    best: Run | None = None
    for run in _committed(shop, asked):
        if best is None or run.rank < best.rank:
            best = run
    # From the longest down: there less is lost to starting, so that the first ones found leave few hours to look at.
    for hours in range(asked.hours, shop.start // 60, -1):
        if best is not None and _least(shop, asked, hours) > best.cost:
            continue
        for run in _hourly(shop, asked, hours):
            if best is None or run.rank < best.rank:
                best = run
    return best


def _least(shop: Shop, asked: Asked, hours: int) -> Decimal:
    """Return what no run of so many hours costs less than: as if parts of a unit could be had."""
    units = Decimal(60 * asked.tokens) / (shop.each * (60 * hours - shop.start))
    prices = [] if shop.hour is None else [shop.hour(hours)]
    prices += [] if shop.spot is None else [shop.spot * hours / (1 - asked.lost)]
    return units * min(prices) * _CERTAIN if prices else ZERO


def _committed(shop: Shop, asked: Asked) -> Iterator[Run]:
    """Yield the run of each commitment: it costs the same however long it works, so that it works as long as may be."""
    for number, (end, cost) in enumerate(shop.blocks):
        minutes = 60 * min(end, asked.hours) - shop.start
        units = _up(60 * asked.tokens, shop.each * minutes) if minutes > 0 else shop.most + 1
        if units <= shop.most:
            needed = _up(_up(60 * asked.tokens, shop.each * units) + shop.start, 60)
            yield Run(cost * units + shop.beside(needed), 0, 0, units, needed, number)


def _hourly(shop: Shop, asked: Asked, hours: int) -> Iterator[Run]:
    """Yield runs of so many hours, on demand and spot, with the best among them.

    A spot unit does (q - p)/q of a firm one's work. With q more spot units q - p firm ones less are needed, at a difference in cost that is
    the same everywhere: so the best number of spot units is among the first q or the last q of those that the share allows, or one
    more, where the share asks for firm units that the work does not.
    """
    lost, q = asked.lost.as_integer_ratio()
    top, bottom = asked.share.as_integer_ratio() if shop.spot is not None else (0, 1)
    minutes = 60 * hours - shop.start
    work, firm, spot = 60 * asked.tokens * q, shop.each * q * minutes, shop.each * (q - lost) * minutes
    if _up(work, firm) > shop.most:
        return
    price = shop.hour(hours) if shop.hour is not None else None
    other = shop.spot * hours if shop.spot is not None else ZERO
    beside = shop.beside(hours)
    for y in _spots(work, firm, spot, (top, bottom), q):
        x = max(_up(max(0, work - y * spot), firm), _up(y * (bottom - top), top) if y else 0)
        if x + y > shop.most or (x and price is None):
            continue
        yield Run((price * x if price is not None else ZERO) + other * y + beside, x, y, 0, hours)


def _spots(work: int, firm: int, spot: int, share: tuple[int, int], q: int) -> list[int]:
    """Return the numbers of spot units among which the best is."""
    top, bottom = share
    if not top:
        return [0]
    last = _up(work, spot)
    # The largest y whose share asks for no more firm units than the work does: both sides are monotone in y.
    low, high = 0, last
    while low < high:
        middle = (low + high + 1) // 2
        if _up(middle * (bottom - top), top) <= _up(max(0, work - middle * spot), firm):
            low = middle
        else:
            high = middle - 1
    first = range(min(q, low + 1))
    return sorted({*first, *range(max(0, low - q + 1), low + 1), min(low + 1, last)})


def _up(value: int, by: int) -> int:
    return -(-value // by)


def shortest(shop: Shop, asked: Asked) -> int:
    """Return the hours that `shop.most` units take, on demand or committed if they are sold so, else on spot."""
    lost, q = asked.lost.as_integer_ratio()
    each = shop.each * q if shop.hour is not None or shop.blocks else shop.each * (q - lost)
    return _up(_up(60 * asked.tokens * q, each * shop.most) + shop.start, 60)


def make(quote: Quote, asked: Asked) -> Batch:
    """Return the cheapest runs for a quote without a demand, whose window is the time to the deadline.

    Raises `NoOfferError` where nothing is on offer, or nothing finishes in time; that names the shortest time.
    """
    shops = [_shop(quote, asked, market) for market in markets(quote, asked.hours, Rules("", asked.share, ZERO))]
    known = [one for one in shops if one is not None]
    if not known:
        from planner.quoting.choose import why_none

        none = "nothing to plan with: no offer that serves the model is fully priced for so short a time"
        raise NoOfferError(none if quote.offers else why_none(quote))
    least, quickest = min(((shortest(one.shop, asked), number) for number, one in enumerate(known)))
    if least > asked.hours:
        one = known[quickest]
        number = f"{one.shop.most * one.unit:,} x {one.market.instance_type} ({one.market.provider})"
        raise NoOfferError(
            f"{asked.tokens:,} tokens cannot be made in {asked.hours:,} hours: the shortest is {least:,} hours, with {number}"
            + ("; more machines (--count) or a later deadline (--by)" if asked.most < MOST else "; say a later --by")
        )
    best = _best(known, asked, SHOWN)
    if not best:
        raise NoOfferError(
            "nothing finishes in time: what is sold on demand is too slow, and spot alone is above --spot-share"
        )
    firm = next((one for one in best if not one.run.spot), None)
    if firm is None:
        alone = _best(known, asked._replace(share=ZERO), 1)
        firm = alone[0] if alone else None
    return Batch(quote, asked, tuple(best), firm, least, len(known))


class _Known(NamedTuple):
    """A shop, and of what it is made. chains: the deals of each block."""

    market: Market
    shop: Shop
    unit: int
    chains: tuple[tuple[Deal, ...], ...]
    bound: Decimal


def _best(known: list[_Known], asked: Asked, number: int) -> list[Found]:
    """Return the best `number` places, solving only those whose bound can be among them."""
    found: list[Found] = []
    for one in sorted(known, key=lambda k: (k.bound, k.market[:4])):
        if len(found) >= number and one.bound > found[number - 1].run.cost:
            break
        shop = one.shop if asked.share else one.shop._replace(spot=None)
        run = cheapest(shop, asked)
        if run is not None:
            deals = one.chains[run.block] if run.block >= 0 else ()
            found.append(Found(one.market, one.shop, one.unit, run, deals))
            found.sort(key=lambda f: (f.run.cost, f.run.units, f.market[:4]))
    return found[:number]


def _shop(quote: Quote, asked: Asked, market: Market) -> _Known | None:
    """Return what a unit makes and costs at a place, None where it makes nothing that counts."""
    offer = market.ways[0]
    sizing, keep = offer.sizing, float(ONE - quote.workload.headroom)
    if sizing.output_tokens_per_second is None or sizing.layout is None:
        return None
    unit = sizing.layout.pp
    each, most = int(sizing.output_tokens_per_second.low * keep * unit * 3600), asked.most // unit
    if not each or not most:
        return None
    chains = tuple(_chains((*market.deals, *_blocks(quote, asked, market))))
    blocks = tuple((chain[-1].end, unit * sum((deal.cost for deal in chain), ZERO)) for chain in chains)
    paid = market.paid
    hour: Callable[[int], Decimal] | None = None
    if paid.hour is not None and not paid.later:
        hour = partial(operator.mul, paid.hour * unit)
    elif paid.hour is not None or paid.run is not None:
        # Every machine runs from the start on: what its hours cost by then, at the price of their day.
        run, steps = partial(paid.going, 0), dict[int, Decimal]()

        def hour(hours: int) -> Decimal:
            if hours not in steps:
                steps[hours] = run(hours) * unit
            return steps[hours]

    spot = paid.spot * unit if paid.spot is not None and asked.share else None
    if any(one.spot != paid.spot for _, one in paid.later):  # a run on spot has one price
        spot = None
    shop = Shop(each, most, hour, spot, blocks, _start(offer), _beside(quote, market))
    return _Known(market, shop, unit, chains, _bound(shop, market, asked, unit))


def _start(offer: Offer) -> int:
    """Return the minutes from asking for a machine to its first token: planner/data/kubernetes.csv's rates and times, and the weights."""
    _, rows = tables.read(os.path.join(DATA, "kubernetes.csv"))
    known = {row[0]: Decimal(row[1]) for row, _ in rows if row[1].replace(".", "", 1).isdigit()}
    megabytes = Decimal(offer.sizing.memory.weights_gib if offer.sizing.memory else 0) * Decimal("1073.741824")
    moved = megabytes / known["hub_mb_s"] + megabytes / known["nvme_mb_s"]
    return math.ceil((known["node_start_s"] + known["image_pull_s"] + known["engine_start_s"] + moved) / 60)


def _blocks(quote: Quote, asked: Asked, market: Market) -> Iterator[Deal]:
    """Yield the capacity blocks that end before the deadline: the market's own is as long as the time to it."""
    for number, way in enumerate(market.ways):
        if way.purchase_option == "capacity_block":
            lengths = {block_hours(Decimal(hours)) for hours in range(24, asked.hours, 24)}
            for length in sorted(one for one in lengths if one is not None and one < asked.hours):
                yield Deal(number, 0, int(length), owed(quote, way, length), length)


def _bound(shop: Shop, market: Market, asked: Asked, unit: int) -> Decimal:
    """Return what no run at the place costs less than: every hour at its least price, none wasted."""
    hours = Decimal(asked.tokens) / shop.each
    firm = [cost / min(end, asked.hours) for end, cost in shop.blocks]
    hourly = [paid.hour for paid in (market.paid, *(later for _, later in market.paid.later)) if paid.hour is not None]
    hourly += [] if market.floor is None else [market.floor]
    firm += [min(hourly) * unit] if hourly else []
    firm += [] if shop.spot is None else [shop.spot / (1 - asked.lost)]
    return min(firm) * hours * _CERTAIN if firm else ZERO


def _chains(deals: tuple[Deal, ...]) -> Iterator[tuple[Deal, ...]]:
    """Yield for each time that commitments can cover from the start on the cheapest of them, one after the other."""
    best: dict[int, tuple[Decimal, tuple[Deal, ...]]] = {0: (ZERO, ())}
    for deal in sorted(deals, key=lambda d: (d.first, d.end)):
        if deal.first in best:
            cost, before = best[deal.first]
            held = best.get(deal.end)
            if held is None or cost + deal.cost < held[0]:
                best[deal.end] = (cost + deal.cost, (*before, deal))
    for end in sorted(best):
        if end:
            yield best[end][1]


def _beside(quote: Quote, market: Market) -> Callable[[int], Decimal]:
    """Return the function from hours to what the service pays beside its machines: nothing is evaluated where nothing is asked."""
    if not market.fixed:
        return _nothing
    same: Offer = next(o for o in (*quote.offers, *quote.beyond) if o.id == market.ways[0].id)
    known: dict[int, Decimal] = {}

    def beside(hours: int) -> Decimal:
        if hours not in known:
            known[hours] = fixed(quote, same, hours)
        return known[hours]

    return beside
