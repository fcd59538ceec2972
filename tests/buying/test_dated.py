"""Prices that change at a known date: against brute force, and by hand through a quote, a plan, scenarios and a portfolio."""

import random
from decimal import Decimal
from itertools import product

import pytest

from planner.buying.levels import Deal, Paid, held, rest, solve
from planner.buying.scenarios import choose
from tests.buying.test_scenarios import cost_of

D = Decimal
CENT = D("0.01")


def changing(r, hours):
    """Prices on demand and on spot that change once or twice in so many hours."""
    firm = r.random() < 0.9
    spot = r.random() < 0.6
    share = D(r.choice(["0", "0.25", "0.3", "0.5", "1"]))

    def at():
        hour = r.randint(30, 130) * CENT if firm else None
        return Paid(hour, None, r.randint(10, 140) * CENT if spot else None, share)

    changes = sorted(r.sample(range(1, hours), min(hours - 1, r.randint(1, 2))))
    return at()._replace(later=tuple((hour, at()) for hour in changes))


def slots(r, hours):
    cut = r.randint(1, hours - 1)
    found = [(0, hours), *[(0, cut), (cut, hours)][: r.randint(0, 2)]]
    return [Deal(n, a, b, r.randint(20, 110) * CENT * (b - a), D(b - a)) for n, (a, b) in enumerate(found)]


def now(paid, hour):
    return [paid._replace(later=()), *(one for since, one in paid.later if since <= hour)][-1]


def brute(counts, deals, paid):
    """The least cost over every number of every commitment, each hour at the price of its time."""
    best = D("Infinity")
    for numbers in product(range(max(counts) + 1), repeat=len(deals)):
        cost = sum((d.cost * n for d, n in zip(deals, numbers, strict=True)), D(0))
        for hour, need in enumerate(counts):
            price = now(paid, hour)
            have = sum(n for d, n in zip(deals, numbers, strict=True) if d.first <= hour < d.end)
            left = max(0, need - have)
            cheap = price.spot is not None and (price.hour is None or price.spot < price.hour)
            spot = min(left, int(need * price.share)) if cheap else 0
            if left > spot and price.hour is None:
                cost = D("Infinity")
            cost += (price.hour or 0) * (left - spot) + (price.spot or 0) * spot
        best = min(best, cost)
    return best


def check(seed):
    r = random.Random(seed)
    hours = r.randint(2, 10)
    counts = [r.randint(0, 4) for _ in range(hours)]
    counts[r.randrange(hours)] = 3
    deals, paid = slots(r, hours), changing(r, hours)
    found = solve(counts, deals, paid)
    assert found.cost == brute(counts, deals, paid), (seed, counts, deals, paid)
    if found.cost.is_finite():
        again = rest(counts, held(found.deals, hours), paid)
        assert sum((d.cost * n for d, n in found.deals), D(0)) + again.cost == found.cost, seed
        assert (again.on_demand_cost, again.spot_cost) == (found.on_demand_cost, found.spot_cost), seed
        begin = r.randrange(hours)
        parts = [
            rest(counts[:begin], [0] * begin, paid),
            rest(counts[begin:], [0] * (hours - begin), paid.since(begin)),
        ]
        assert sum((p.cost for p in parts), D(0)) == rest(counts, [0] * hours, paid).cost, seed


def test_the_cheapest_of_all_mixes_where_prices_change():
    for seed in range(250):
        check(seed)


@pytest.mark.slow
def test_the_cheapest_of_all_mixes_where_prices_change_a_thousand_times():
    for seed in range(1000, 2000):
        check(seed)


#: A price in steps of a run (to 2 hours, to 5, beyond), and one that has none.
LADDERS = ((D("1.00"), D("0.50"), D("0.10")), (D("0.80"), D("0.60"), D("0.30")), (D("0.40"),) * 3)


def rung(length):
    return 0 if length < 2 else 1 if length < 5 else 2


def stepped(ladder):
    return lambda hours: sum((ladder[rung(n)] for n in range(hours)), D(0))


def test_a_run_goes_on_through_a_change_and_pays_the_step_that_it_has_reached():
    for seed in range(200):
        r = random.Random(seed)
        hours = r.randint(2, 16)
        counts = [r.randint(0, 3) for _ in range(hours)]
        first, then = r.sample(LADDERS, 2)
        at = r.randrange(1, hours)
        flat = then[0] == then[2] and r.random() < 0.5
        later = Paid(then[0]) if flat else Paid(None, stepped(then))
        paid = Paid(None, stepped(first), later=((at, later),))
        total = D(0)
        for level in range(1, 4):
            length = 0
            for hour, need in enumerate(counts):
                if need >= level:
                    total += (then if hour >= at else first)[rung(length)]
                    length += 1
                else:
                    length = 0
        assert solve(counts, (), paid).cost == total, seed


def test_scenarios_where_prices_change():
    for seed in range(40):
        r = random.Random(seed)
        hours = r.randint(2, 8)
        counts = [[r.randint(0, 3) for _ in range(hours)] for _ in range(r.randint(1, 3))]
        shares = [D(1) / len(counts)] * len(counts)
        deals, paid, worst = slots(r, hours), changing(r, hours), D(r.choice(["1", "0.5"]))
        best = min(
            cost_of(counts, shares, list(zip(deals, numbers, strict=True)), paid, worst)
            for numbers in product(range(max(map(max, counts)) + 1), repeat=len(deals))
        )
        found = choose(counts, shares, deals, paid, worst)
        mine = D("Infinity") if found is None else cost_of(counts, shares, found, paid, worst)
        assert mine == best or abs(mine - best) < D("0.005"), (seed, found, mine, best)
