"""Several instance types of one region beside each other: the cheapest mix of them, over all regions, and what it means."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from planner.buying import answers
from planner.buying.answers import FACTORS, Owed, Regret
from planner.buying.frontier import Kind
from planner.buying.levels import Deal, Paid, Solved
from planner.buying.market import Market
from planner.buying.mixed import Chosen, Mixed, dispatch, solve
from planner.buying.plan import Mix, Plan
from planner.errors import MisuseError
from planner.records import NamedTuple
from planner.sizing.hourly import capacity

__all__ = ["Blend", "Meaning", "make", "meaning"]

ZERO, ONE = Decimal(0), Decimal(1)
#: Seconds for a region, and for what would have been best at another demand.
PATIENCE, AGAIN = 20.0, 5.0
#: A mix of types is worth telling from this on, in the quote's currency.
WORTH = Decimal("0.01")


class _Place(NamedTuple):
    """The types of one region as the programme sees them. units: instances of a unit, by type; need: of each hour."""

    markets: tuple[Market, ...]
    kinds: tuple[Kind, ...]
    units: tuple[int, ...]
    need: tuple[float, ...]
    fixed: Decimal
    bound: Decimal


class Blend(NamedTuple):
    """The answer. parts: one for each type in the mix. cost: all of it, with what the service pays beside instances. bound: nothing
    costs less. places: regions looked at. serves, spots: of each part what an instance serves, in output tokens a second or instances, and
    its instances on spot in each hour."""

    place: _Place
    found: Mixed
    parts: tuple[Mix, ...]
    cost: Decimal
    bound: Decimal
    places: int
    serves: tuple[float, ...] = ()
    spots: tuple[tuple[int, ...], ...] = ()

    @property
    def proven(self) -> bool:
        return self.found.proven


class Meaning(NamedTuple):
    """What a blend means; as `answers.Answers`. Coverage and utilisation count hours by the demand that they serve."""

    on_demand: Decimal | None
    coverage: Decimal
    utilisation: Decimal | None
    savings_rate: Decimal | None
    regret: tuple[Regret, ...]
    owed: tuple[Owed, ...]
    present_value: Decimal | None


def make(plan: Plan, patience: float = PATIENCE) -> Blend | None:
    """Return the cheapest mix of types of one region where it costs less than the plan's best single type, else None.

    Raises `MisuseError` for what is said of one type only.
    """
    asked, load = plan.asked, plan.quote.workload.load
    if load.spare:
        raise MisuseError("--mix-types: spare instances (--spare) are of one type: leave out one of them")
    if asked.least > 1:
        raise MisuseError("--mix-types: --min-replicas above 1 counts instances of one type: leave out one of them")
    places: dict[tuple[str, str, str], list[Market]] = {}
    for market in plan.markets:
        places.setdefault((market.provider, market.site, market.region), []).append(market)
    looked = sorted((_place(plan, markets) for markets in places.values()), key=lambda p: p.bound)
    best: Blend | None = None
    for place in looked:
        known = plan.best.cost if best is None else best.cost
        if place.bound >= known:
            break
        found = solve(place.kinds, place.need, asked.rules.spot_share, patience)
        if found is not None and found.cost + place.fixed < known - WORTH:
            cost, bound = found.cost + place.fixed, found.bound + place.fixed
            best = Blend(place, found, _parts(place, found), cost, bound, len(looked), *_serving(place, found))
    return best if best is not None and len(best.parts) > 1 else None


def _need(plan: Plan) -> tuple[float, ...]:
    """Return what each hour asks of the fleet, in output tokens a second, or instances."""
    load, kind = plan.quote.workload.load, plan.demand.kind
    each = float(load.output_tokens) if kind == "rps" else 1.0
    need = [float(value) * each for value in plan.demand.values]
    ahead = plan.asked.ahead
    if ahead:
        need = [max(need[hour : hour + ahead + 1]) for hour in range(len(need))]
    least = max(need) * 1e-6 if plan.asked.least else 0.0
    return tuple(max(value, least) for value in need)


def _place(plan: Plan, markets: Sequence[Market]) -> _Place:
    """Return the types of a region; a price on demand that falls in steps of a run is left out, its commitments are not."""
    load, need = plan.quote.workload.load, _need(plan)
    kinds, units, prices = [], [], []
    for market in markets:
        size, unit = (1.0, 1) if plan.demand.kind == "instances" else capacity(market.ways[0].sizing, load)
        paid = market.paid
        deals = tuple(d._replace(cost=d.cost * unit, bought=d.bought * unit) for d in market.deals)

        def prices_of(
            one: Paid, unit: int = unit, stepped: bool = paid.stepped
        ) -> tuple[Decimal | None, Decimal | None]:
            return (
                None if one.hour is None or stepped else one.hour * unit,
                one.spot * unit if one.spot is not None and one.share else None,
            )

        later = tuple((hour, *prices_of(one)) for hour, one in paid.later)
        kind = Kind(size, *prices_of(paid), deals, later)
        kinds.append(kind)
        units.append(unit)
        hourly = [deal.cost / (deal.end - deal.first) for deal in deals]
        hourly += [p for _, *two in ((0, kind.hour, kind.spot), *later) for p in two if p is not None]
        prices += [float(price) / size for price in hourly]
    bound = Decimal(sum(need) * min(prices, default=0.0)) + markets[0].fixed
    return _Place(tuple(markets), tuple(kinds), tuple(units), need, markets[0].fixed, bound)


def _parts(place: _Place, found: Mixed) -> tuple[Mix, ...]:
    made = []
    for market, unit, kind, part in zip(place.markets, place.units, place.kinds, found.parts, strict=True):
        firm, spot = sum(part.firm) * unit, sum(part.spot) * unit
        if not (part.deals or firm or spot):
            continue
        own = {(d.first, d.end): d for d in market.deals}
        deals = tuple((own[d.first, d.end], n * unit) for d, n in part.deals)
        firm_cost, spot_cost = kind.cost(part.firm, part.spot)
        cost = sum((d.cost * n for d, n in deals), firm_cost + spot_cost)
        counts = tuple((a + b + c) * unit for a, b, c in zip(part.held, part.firm, part.spot, strict=True))
        made.append(Mix(market, counts, Solved(cost, deals, firm, firm_cost, spot, spot_cost), cost))
    return tuple(made)


def _serving(place: _Place, found: Mixed) -> tuple[tuple[float, ...], tuple[tuple[int, ...], ...]]:
    """Return what an instance of each type in the mix serves, and how many run on spot in each hour."""
    serves, spots = [], []
    for unit, kind, part in zip(place.units, place.kinds, found.parts, strict=True):
        if part.deals or any(part.firm) or any(part.spot):
            serves.append(kind.size / unit)
            spots.append(tuple(n * unit for n in part.spot))
    return tuple(serves), tuple(spots)


def meaning(plan: Plan, blend: Blend) -> Meaning:
    """Return the rates, the regret, what is owed and what it is worth today."""
    place, share = blend.place, plan.asked.rules.spot_share
    free = dispatch(place.kinds, place.need, ())
    whole = [(kind.size, part) for kind, part in zip(place.kinds, blend.found.parts, strict=True)]
    held = sum(size * sum(part.held) for size, part in whole)
    all_ = held + sum(size * (sum(part.firm) + sum(part.spot)) for size, part in whole)
    bought = sum(
        size * float(d.bought) / unit * n
        for (size, part), unit in zip(whole, place.units, strict=True)
        for d, n in part.deals
    )
    rate = plan.quote.workload.discount_rate
    each = [plan._replace(mixes=(part._replace(market=part.market._replace(fixed=ZERO)),)) for part in blend.parts]
    today = None
    if rate is not None:
        beside = plan._replace(mixes=(_nothing(plan, blend),))
        today = sum((answers.present_value(one, rate) for one in (*each, beside)), ZERO)
    return Meaning(
        on_demand=None if free is None else free.cost,
        coverage=_share(held, all_),
        utilisation=_share(held, bought) if bought else None,
        savings_rate=None if free is None or not free.cost else 1 - blend.found.cost / free.cost,
        regret=tuple(_regret(place, blend, share, change) for change in FACTORS),
        owed=_owed(each),
        present_value=today,
    )


def _nothing(plan: Plan, blend: Blend) -> Mix:
    """Return a mix of no instance, which has what the service pays beside them."""
    market = blend.parts[0].market
    return Mix(market, tuple(0 for _ in plan.demand.values), Solved(ZERO, (), 0, ZERO, 0, ZERO), ZERO)


def _share(part: float, whole: float) -> Decimal:
    return Decimal(repr(part / whole)) if whole else ZERO


def _regret(place: _Place, blend: Blend, share: Decimal, change: Decimal) -> Regret:
    if not change:
        return Regret(change, blend.cost, blend.cost)
    need = [value * float(1 + change) for value in place.need]
    then, best = dispatch(place.kinds, need, _bought(blend.found.parts), share), solve(place.kinds, need, share, AGAIN)
    return Regret(
        change,
        None if then is None else then.cost + place.fixed,
        None if best is None else best.cost + place.fixed,
    )


def _bought(parts: Sequence[Chosen]) -> list[tuple[Deal, int, int]]:
    return [(deal, kind, number) for kind, part in enumerate(parts) for deal, number in part.deals]


def _owed(each: Sequence[Plan]) -> tuple[Owed, ...]:
    """Return what is owed month by month on the commitments of all types."""
    found: dict[int, Decimal] = {}
    for plan in each:
        for month, amount in answers.owed(plan):
            found[month] = found.get(month, ZERO) + amount
    return tuple(Owed(month, found[month]) for month in sorted(found))
