"""What one instance costs by each way of buying: an offer's own lines, evaluated for the hours in question, and nothing else.

Costs are what taking the way obliges to pay (docs/cost-model.md), in the quote's currency, tax and disk included. Traffic and
addresses are of the whole service: the same for every mix at one place (`fixed`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from functools import cache
from itertools import pairwise
from typing import overload

from planner.buying.levels import Deal, Paid, laminar
from planner.provider import owns
from planner.quoting import whatif
from planner.quoting.records import Offer, Quote
from planner.records import NamedTuple
from planner.sizing import Sizing
from planner.units import add_months, term_hours, term_months

__all__ = ["PRICED", "Known", "Market", "Rules", "Ways", "fixed", "from_hour", "markets", "one_of", "owed"]

ZERO, ONE = Decimal(0), Decimal(1)
#: Parts of an offer that do not follow the number of instances.
SERVICE = ("egress", "inter_region", "ip")
#: Parts of which every instance has its own. What a framework contract lacks of its promise is neither: it is left out.
INSTANCE = ("compute", "storage", "tax")
#: Hours of the shortest month.
SHORTEST = 28 * 24
COMMITTED = ("reserved", "savings_plan", "subscription", "capacity_block")


#: Fields of a workload that change what an instance costs: only workloads that agree on them share.
PRICED = (
    *("storage_gb", "currency", "discount", "fx", "tax", "taxes", "contract", "purchase_option", "low_confidence"),
    *("budget_basis", "discount_rate"),
)
#: The most types whose prices are kept, over the workloads of a portfolio.
KEPT = 4000


class Rules(NamedTuple):
    """What may be bought. term: the longest commitment, "" for none beyond the demand's end. spot_share: of an hour's instances
    that may be spot; interruption: the share of spot hours that is lost and done again."""

    term: str = ""
    spot_share: Decimal = ZERO
    interruption: Decimal = ZERO


class Ways(Sequence[Offer]):
    """The offers of a type, one instance each, made when they are looked at: of most types nobody asks more than the sizing."""

    def __init__(self, offers: Sequence[Offer], more: Sequence[Offer] = ()) -> None:
        self._offers, self._made = offers, dict(enumerate(more, len(offers)))

    @property
    def sizing(self) -> Sizing:
        return self._offers[0].sizing if self._offers else self[0].sizing

    def __len__(self) -> int:
        return max(len(self._offers), max(self._made, default=-1) + 1)

    @overload
    def __getitem__(self, index: int) -> Offer: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Offer]: ...
    def __getitem__(self, index: int | slice) -> Offer | Sequence[Offer]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        at = range(len(self))[index]
        if at not in self._made:
            self._made[at] = one_of(self._offers[at])
        return self._made[at]


class Priced(NamedTuple):
    """What a type's ways cost, whatever runs on it: numbers of its offers, as in `Market`."""

    deals: tuple[Deal, ...]
    paid: Paid
    on_demand: int
    spot: int
    floor: Decimal | None


#: What types cost, by all that it depends on: for workloads that are planned one after the other.
Known = dict[tuple[object, ...], Priced]


class Market(NamedTuple):
    """One instance type at one place. ways: its offers, one instance each; a deal's `way` is its number there. firm_at, spot_at:
    the numbers of those whose hours `paid` prices, -1 without. fixed: what the service pays there however many instances run. floor: the least that
    an hour of a run adds, where the price on demand falls in steps."""

    provider: str
    site: str
    region: str
    instance_type: str
    ways: Ways
    deals: tuple[Deal, ...]
    paid: Paid
    firm_at: int
    spot_at: int
    fixed: Decimal
    floor: Decimal | None = None

    @property
    def sizing(self) -> Sizing:
        return self.ways.sizing

    @property
    def on_demand(self) -> Offer | None:
        """The offer whose hours `paid` prices, None without."""
        return None if self.firm_at < 0 else self.ways[self.firm_at]

    @property
    def spot(self) -> Offer | None:
        return None if self.spot_at < 0 else self.ways[self.spot_at]

    @property
    def least(self) -> Decimal:
        """No hour of an instance costs less than this: a bound by which to leave a type out unsolved."""
        prices = [deal.cost / (deal.end - deal.first) for deal in self.deals]
        for paid in (self.paid, *(later for _, later in self.paid.later)):
            prices += [paid.hour] if paid.hour is not None else []
            prices += [paid.spot] if paid.spot is not None and paid.share else []
        prices += [self.floor] if self.floor is not None else []
        return min(prices, default=ZERO)


def markets(quote: Quote, hours: int, rules: Rules, known: Known | None = None) -> list[Market]:
    """Return every type at every place of a quote whose window is the demand's `hours`. What is not fully priced is left out.

    known: what types cost, as far as earlier workloads have asked; it grows.
    """
    groups: dict[tuple[str, str, str, str], list[Offer]] = {}
    for offer in (*quote.offers, *quote.beyond):
        if not offer.unpriced:
            way = offer.way
            groups.setdefault((way.provider, way.site, way.region, way.instance_type), []).append(offer)
    edges = _months(quote, hours)
    work = quote.workload
    asked = (hours, rules, work.start, work.use, *(getattr(work, name) for name in PRICED))
    if known is not None and len(known) > KEPT:
        known.clear()
    found = (_market(quote, hours, rules, edges, key, mine, (asked, known)) for key, mine in groups.items())
    return [m for m in found if m.deals or m.firm_at >= 0 or m.paid.spot is not None]


def one_of(offer: Offer) -> Offer:
    """Return the offer as one instance, without what the whole service shares."""
    lines = [line._replace(count=1) for line in offer.lines if line.part in INSTANCE]
    return offer._replace(count=1, lines=tuple(lines))


def _months(quote: Quote, hours: int) -> list[int]:
    """Return the hours at which the demand's calendar months begin, and its end; even months where no day is given."""
    start, months = quote.window.start, quote.window.months
    if not start:
        return [-(-hours * n // months) for n in range(months + 1)]
    first = date.fromisoformat(start)
    return [min(hours, (add_months(first, n) - first).days * 24) for n in range(months)] + [hours]


def _market(
    quote: Quote,
    hours: int,
    rules: Rules,
    edges: list[int],
    key: tuple[str, str, str, str],
    offers: list[Offer],
    asked: tuple[tuple[object, ...], Known | None],
) -> Market:
    begun, known = asked
    if (
        known is None or any(o.eras for o in offers) or owns(key[0])
    ):  # machines of one's own cost what the work makes of them
        priced, ways = _priced(quote, hours, rules, edges, offers)
    else:
        name = (begun, tuple([o.id for o in offers]))
        ways = Ways(offers)
        if name not in known:
            known[name], ways = _priced(quote, hours, rules, edges, offers)
        priced = known[name]
    firm, spot, service = priced.on_demand, priced.spot, fixed(quote, offers[0], hours)
    return Market(*key, ways, priced.deals, priced.paid, firm, spot, service, priced.floor)


def _priced(quote: Quote, hours: int, rules: Rules, edges: list[int], offers: list[Offer]) -> tuple[Priced, Ways]:
    """Return what a type's ways cost, and the ways; one that changes stands there once more for each later price."""
    ways = [one_of(o) for o in offers]
    deals: list[Deal] = []
    on_demand: tuple[Decimal, int] | None = None
    spot: tuple[Decimal, int] | None = None
    for number, way in enumerate(tuple(ways)):
        if way.purchase_option in COMMITTED:
            begun = [
                (number if not n else len(ways) + n - 1, since, one) for n, (since, one) in enumerate(eras(quote, way))
            ]
            ways += [one for _, _, one in begun[1:]]
            deals += _deals(quote, hours, rules, edges, begun)
            continue
        whole = owed(quote, way, ONE if way.purchase_option == "spot" and not way.eras else Decimal(hours))
        if way.purchase_option == "spot":
            spot = min(spot or (whole, number), (whole, number))
        else:
            on_demand = min(on_demand or (whole, number), (whole, number))
    firm = None if on_demand is None else ways[on_demand[1]]
    market = None if spot is None else ways[spot[1]]
    priced = Priced(
        deals=tuple(laminar(_cheapest(deals))),
        paid=_paid(quote, firm, market, rules),
        on_demand=-1 if on_demand is None else on_demand[1],
        spot=-1 if spot is None else spot[1],
        floor=None if firm is None else _floors(quote, firm, hours),
    )
    return priced, Ways((), ways)


def eras(quote: Quote, way: Offer) -> list[tuple[int, Offer]]:
    """Return an offer as it is sold from each hour of the demand on, the first from 0."""
    if not way.eras:
        return [(0, way)]
    beside = tuple(line for line in way.lines if line.part != "compute")
    found = []
    for era in way.eras:
        hour = (date.fromisoformat(era.since) - date.fromisoformat(quote.window.start)).days * 24 if era.since else 0
        lines = tuple(line._replace(count=1) for line in era.lines)
        found.append((hour, way._replace(lines=lines + beside, eras=())))
    return found


def _paid(quote: Quote, firm: Offer | None, market: Offer | None, rules: Rules) -> Paid:
    """Return what hours cost, before and after each change of their prices."""
    by_hour = [] if firm is None else eras(quote, firm)
    on_spot = [] if market is None or not rules.spot_share else eras(quote, market)

    def at(hour: int) -> Paid:
        way = next((one for since, one in reversed(by_hour) if since <= hour), None)
        spot = next((one for since, one in reversed(on_spot) if since <= hour), None)
        again = None if spot is None else owed(quote, spot, ONE) / (1 - rules.interruption)
        price, run = _by_hour(quote, way)
        return Paid(price, run, again, rules.spot_share)

    changes = sorted({hour for hour, _ in (*by_hour, *on_spot)} - {0})
    return at(0)._replace(later=tuple((hour, at(hour)) for hour in changes))


def _floors(quote: Quote, firm: Offer, hours: int) -> Decimal | None:
    """Return the least that an hour of a run adds to its price at any time, None where no price falls in steps."""
    found = []
    for _, way in eras(quote, firm):
        _, run = _by_hour(quote, way)
        found += [] if run is None else [_floor(way, run, hours)]
    return min(found, default=None)


def _floor(way: Offer, run: Callable[[int], Decimal], hours: int) -> Decimal:
    """Return the least that an hour of a run adds to its price: that of the cheapest step that the demand's hours reach."""
    ends = {int(rate.end) for line in way.lines if line.rule == "hours" for rate in line.rates if rate.end is not None}
    edges = [0, *sorted(end for end in ends if 0 < end < hours), hours]
    paid = [ZERO, *(run(edge) for edge in edges[1:])]
    return min((b - a) / (y - x) for (x, y), (a, b) in zip(pairwise(edges), pairwise(paid), strict=True))


def owed(quote: Quote, way: Offer, hours: Decimal, first: int = 0) -> Decimal:
    """Return what one instance for `hours`, from the demand's hour `first`, obliges to pay in the quote's currency."""
    return whatif.again(from_hour(quote, first), way, hours=hours).report().obligation


def from_hour(quote: Quote, first: int) -> Quote:
    """Return the quote with a window that begins in the demand's hour `first`."""
    work = quote.workload
    if not first or not work.start:
        return quote
    day = (datetime.fromisoformat(work.start) + timedelta(hours=first)).date().isoformat()
    return quote._replace(workload=work._replace(start=day))


def _by_hour(quote: Quote, way: Offer | None):  # type: ignore[no-untyped-def]
    """Return the price of an hour, or the function from a run's hours to its price where that falls in steps."""
    if way is None:
        return None, None
    if all(len(line.rates) == 1 for line in way.lines if line.rule == "hours"):
        return owed(quote, way, ONE), None
    return None, cache(lambda hours: owed(quote, way, Decimal(hours)))  # runs of a length come again in each month


def fixed(quote: Quote, offer: Offer, hours: int) -> Decimal:
    """Return what the service pays beside its instances in the whole window: traffic and addresses, with their tax."""
    work = quote.workload
    if not (work.egress_gb or work.inter_region_gb or work.public_ips):
        return ZERO
    lines = tuple(line for line in offer.lines if line.part in (*SERVICE, "tax"))
    if not any(line.part in SERVICE for line in lines):
        return ZERO
    return whatif.again(quote, offer._replace(lines=lines), hours=Decimal(hours)).report().obligation


def _deals(
    quote: Quote, hours: int, rules: Rules, edges: list[int], begun: list[tuple[int, int, Offer]]
) -> Iterator[Deal]:
    """Return the slots for which a commitment can be bought: from the first day on, one after the other.

    begun: the numbers of its offers, the hour from which each is sold, and the offers: the day of signing says which.
    """
    way = begun[0][2]
    slots: Iterable[tuple[int, int, bool]]
    if way.purchase_option == "capacity_block":
        block = way.commitment.term_hours if way.commitment is not None else Decimal(hours)
        slots = [(0, hours, True)] if block >= hours else []
    elif way.purchase_option == "subscription":
        slots = _calendar(edges, term_months(way.term))
        block = ZERO
    else:
        block = term_hours(way.term)
        length = int(block.to_integral_value(ROUND_CEILING))
        slots = ((a, min(a + length, hours), a + length <= hours) for a in range(0, hours, length))
    longer = bool(rules.term) and bool(way.term) and term_months(way.term) <= term_months(rules.term)
    known: dict[tuple[int, int], Decimal] = {}
    for first, end, within in slots:
        if within or longer:
            length = end - first
            number, _, signed = next(one for one in reversed(begun) if one[1] <= first)
            at = length, number
            if at not in known or (way.purchase_option == "subscription" and quote.workload.start):
                known[at] = owed(quote, signed, Decimal(length), first)
            bought = block
            if way.purchase_option == "subscription":
                months = term_months(way.term)
                # Without a day, a month that is used for as long as the shortest is may be all used.
                full = within and not quote.workload.start and length >= SHORTEST * months
                bought = max(Decimal(length), ZERO if full else _term_hours(quote, first, months))
            yield Deal(number, first, end, known[at], bought)


def _calendar(edges: list[int], months: int) -> Iterator[tuple[int, int, bool]]:
    last = len(edges) - 1
    for n in range(0, last, months):
        yield edges[n], edges[min(n + months, last)], n + months <= last


def _term_hours(quote: Quote, first: int, months: int) -> Decimal:
    """Return the hours of a term of calendar months that begins in the demand's hour `first`."""
    start = from_hour(quote, first).workload.start
    if not start:
        return term_hours(f"{months}m")
    day = date.fromisoformat(start)
    return Decimal((add_months(day, months) - day).days * 24)


def _cheapest(deals: Iterable[Deal]) -> list[Deal]:
    """Return for each slot the deal that obliges least; of two alike, the first."""
    best: dict[tuple[int, int], Deal] = {}
    for deal in deals:
        held = best.get((deal.first, deal.end))
        if held is None or deal.cost < held.cost:
            best[deal.first, deal.end] = deal
    return list(best.values())
