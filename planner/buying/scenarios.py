"""Several demands that may come, each with a weight: the commitments that cost least on average, or in the worst share of cases.

Commitments are bought before anybody knows which demand comes; hours follow it. For one type, what a demand's hours cost beside C
committed instances is convex in C, so that the choice is a small mixed-integer programme over numbers of commitments alone. The
mean of the worst share of cases (conditional value at risk) is its usual linear form. HiGHS solves it (the extra `commit`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from planner.buying import plan as plans
from planner.buying.demand import Demand
from planner.buying.frontier import programme
from planner.buying.levels import Deal, Paid, Solved, held, on_spot, rest, solve
from planner.buying.market import Market, markets
from planner.buying.plan import Asked, Fleet
from planner.errors import MisuseError, NoOfferError
from planner.quoting.records import Quote
from planner.records import NamedTuple

__all__ = ["Case", "Chosen", "Scenario", "Uncertain", "choose", "cvar", "make", "together"]

ZERO, ONE = Decimal(0), Decimal(1)
#: Types that are solved and shown beside the cheapest.
SHOWN = 5


class Scenario(NamedTuple):
    """A demand that may come. weight: how much it counts beside the others; name: as it was said."""

    weight: Decimal
    demand: Demand
    name: str = ""


class Case(NamedTuple):
    """One scenario under the plan. share: its weight of all; cost: of the plan then; best: had it been known before. counts: instances in
    each hour; beside: what runs beside the commitments."""

    share: Decimal
    cost: Decimal
    best: Decimal
    counts: tuple[int, ...]
    beside: Solved


class Chosen(NamedTuple):
    """A type and its commitments. expected, tail: what it costs on average, and on average of the worst share of cases."""

    market: Market
    deals: tuple[tuple[Deal, int], ...]
    cases: tuple[Case, ...]
    expected: Decimal
    tail: Decimal


class Uncertain(NamedTuple):
    """The answer. worst: the share of cases whose mean is minimised (1: the expected cost). left: types whose price falls in steps of a
    run, which this does not plan."""

    quote: Quote
    scenarios: tuple[Scenario, ...]
    worst: Decimal
    found: tuple[Chosen, ...]
    types: int
    left: int
    spot_share: Decimal = ZERO

    @property
    def best(self) -> Chosen:
        return self.found[0]


def together(scenarios: Sequence[Scenario]) -> Demand:
    """Return the demand with the highest peak, by which types are sized; `MisuseError` for scenarios of different hours or kinds."""
    first = scenarios[0].demand
    for number, one in enumerate(scenarios[1:], 2):
        for what, mine, its in (
            ("hours", first.hours, one.demand.hours),
            ("counted in", first.kind, one.demand.kind),
            ("first day", first.start, one.demand.start),
        ):
            if mine != its:
                raise MisuseError(
                    f"--scenario: {what}: the first has {mine or 'none'}, number {number} has {its or 'none'}"
                )
    return max((s.demand for s in scenarios), key=lambda d: d.peak)


def cvar(costs: Sequence[Decimal], shares: Sequence[Decimal], worst: Decimal) -> Decimal:
    """Return the mean of the dearest cases that make up the share `worst`; a case at the edge counts in part."""
    left, total = worst, ZERO
    for cost, share in sorted(zip(costs, shares, strict=True), reverse=True):
        part = min(left, share)
        total, left = total + part * cost, left - part
    return total / (worst - left) if worst > left else max(costs)


def _convex(counts: Sequence[int], paid: Paid) -> list[tuple[int, Decimal]]:
    """Return (committed, cost of the hours beside) where the slope of that changes, from none committed to all.

    What is not sold by the hour must be committed: then from that number on.
    """
    spots = on_spot(counts, paid)
    hours = Counter(zip(counts, spots, strict=True))
    marks = sorted({0, *(n for n, _ in hours), *(n - s for n, s in hours)})
    firm_price, spot_price = paid.hour or ZERO, paid.spot or ZERO
    least = 0 if paid.hour is not None else max(n - s for n, s in hours)
    found = []
    for mark in (m for m in marks if m >= least):
        firm = sum(max(0, n - s - mark) * k for (n, s), k in hours.items())
        all_ = sum(max(0, n - mark) * k for (n, _), k in hours.items())
        found.append((mark, firm_price * firm + spot_price * (all_ - firm)))
    return found


def choose(
    counts: Sequence[Sequence[int]], shares: Sequence[Decimal], deals: Sequence[Deal], paid: Paid, worst: Decimal
) -> list[tuple[Deal, int]] | None:
    """Return the commitments that cost least: on average of the worst share of cases, 1 for all. None: nothing serves it.

    counts: instances in each hour, for each scenario; shares: their weights, of 1 together.
    """
    hours = len(counts[0])
    changes = (hour for hour, _ in paid.later if hour < hours)
    edges = sorted({0, hours, *changes, *(d.first for d in deals), *(min(hours, d.end) for d in deals)})
    cost = [float(d.cost) if worst == 1 else 0.0 for d in deals]
    most = [float(max(max(c[d.first : d.end]) for c in counts)) for d in deals]
    whole = [True] * len(deals)
    rows: list[list[tuple[int, float]]] = []
    low: list[float] = []

    def column(price: float, top: float = float("inf"), bottom: float = 0.0) -> int:
        cost.append(price)
        most.append(top)
        least.append(bottom)
        whole.append(False)
        return len(cost) - 1

    least = [0.0] * len(deals)
    value = None if worst == 1 else column(1.0, bottom=float("-inf"))
    for series, share in zip(counts, shares, strict=True):
        parts = []
        for first, end in pairwise(edges):
            covers = [(n, 1.0) for n, d in enumerate(deals) if d.first <= first and end <= d.end]
            now = paid.eras(first, end)[0][2]
            if now.hour is None:
                firm = [n - s for n, s in zip(series[first:end], on_spot(series[first:end], now), strict=True)]
                rows.append(covers)
                low.append(float(max(firm)))
            beside = column(float(share) if worst == 1 else 0.0)
            parts.append((beside, 1.0))
            for (a, fa), (b, fb) in pairwise(_convex(series[first:end], now)):
                slope = float((fb - fa) / (b - a))
                rows.append([(beside, 1.0), *((n, -slope) for n, _ in covers)])
                low.append(float(fa) - slope * a)
        if value is not None:
            over = column(float(share / worst))
            rows.append(
                [
                    (over, 1.0),
                    (value, 1.0),
                    *((n, -float(d.cost)) for n, d in enumerate(deals)),
                    *((c, -v) for c, v in parts),
                ]
            )
            low.append(0.0)
    if any(not row and bound > 0 for row, bound in zip(rows, low, strict=True)):
        return None
    engine = programme((cost, least, most, whole), rows, low, {"mip_abs_gap": 1e-4, "time_limit": 20.0})
    if engine is None:
        return None
    numbers = [round(x) for x, one in zip(engine.getSolution().col_value, whole, strict=True) if one]
    return [(d, n) for d, n in zip(deals, numbers, strict=True) if n]


def make(quote: Quote, scenarios: Sequence[Scenario], asked: Asked, worst: Decimal) -> Uncertain:
    """Return for each type the commitments that cost least over the scenarios, the cheapest type first.

    quote: of the highest peak (`together`). Raises `NoOfferError` where nothing on offer serves them all.
    """
    hours = scenarios[0].demand.hours
    weights = sum((s.weight for s in scenarios), ZERO)
    shares = [s.weight / weights for s in scenarios]
    fleets = [Fleet(quote, s.demand, asked) for s in scenarios]
    all_ = markets(quote, hours, asked.rules)
    plain = [m for m in all_ if not m.paid.stepped]
    bounds = sorted(
        (
            m.least * sum((f.instance_hours(m.ways[0]) * w for f, w in zip(fleets, shares, strict=True)), ZERO)
            + m.fixed,
            n,
        )
        for n, m in enumerate(plain)
    )
    found: list[Chosen] = []
    for bound, number in bounds:
        if len(found) >= SHOWN and bound > found[SHOWN - 1].tail:
            break
        one = _chosen(plain[number], fleets, shares, worst)
        if one is not None:
            found = sorted([*found, one], key=lambda c: (c.tail, c.market[:4]))
    if not found:
        raise NoOfferError(plans.nothing(quote))
    return Uncertain(
        quote, tuple(scenarios), worst, tuple(found[:SHOWN]), len(plain), len(all_) - len(plain), asked.rules.spot_share
    )


def _chosen(market: Market, fleets: Sequence[Fleet], shares: Sequence[Decimal], worst: Decimal) -> Chosen | None:
    counts = [fleet(market.ways[0]) for fleet in fleets]
    deals = choose(counts, shares, market.deals, market.paid, worst)
    if deals is None:
        return None
    owed = sum((deal.cost * number for deal, number in deals), ZERO)
    cases = []
    for series, share in zip(counts, shares, strict=True):
        beside = rest(series, held(deals, len(series)), market.paid)
        cost = owed + beside.cost + market.fixed
        best = solve(series, market.deals, market.paid).cost + market.fixed
        cases.append(Case(share, cost, best, tuple(series), beside))
    if not all(case.cost.is_finite() for case in cases):
        return None
    expected = sum((case.share * case.cost for case in cases), ZERO)
    return Chosen(market, tuple(deals), tuple(cases), expected, cvar([c.cost for c in cases], shares, worst))
