"""Several demands with weights: against every number of every commitment, and over real offers."""

import json
import random
from decimal import Decimal
from itertools import product

import pytest

from planner.buying import scenarios
from planner.buying.levels import Deal, Paid, held, rest
from planner.buying.levels import solve as by_levels
from planner.buying.scenarios import choose, cvar
from tests.conftest import Run

D = Decimal
NEVER = D("Infinity")


def case(seed):
    r = random.Random(seed)
    cent, hours = D("0.01"), r.randint(1, 8)
    counts = [[r.randint(0, 5) for _ in range(hours)] for _ in range(r.randint(1, 4))]
    weights = [D(r.randint(1, 9)) for _ in counts]
    shares = [w / sum(weights) for w in weights]
    slots = [(0, hours)] + ([(0, hours // 2), (hours // 2, hours)] if hours > 1 and r.random() < 0.5 else [])
    deals = [Deal(n, a, b, r.randint(20, 110) * cent * (b - a), D(b - a)) for n, (a, b) in enumerate(slots)]
    hour = None if r.random() < 0.1 else r.randint(30, 130) * cent
    spot = r.randint(10, 140) * cent if r.random() < 0.5 else None
    worst = D(r.choice(["1", "1", "0.5", "0.3", "0.1"]))
    return counts, shares, deals, Paid(hour, None, spot, D(r.choice(["0", "0.3", "0.5"]))), worst


def cost_of(counts, shares, deals, paid, worst):
    owed = sum((d.cost * n for d, n in deals), D(0))
    costs = [owed + rest(series, held(deals, len(series)), paid).cost for series in counts]
    return NEVER if NEVER in costs else cvar(costs, shares, worst)


def check(seed):
    counts, shares, deals, paid, worst = case(seed)
    top = max(map(max, counts))
    best = min(
        cost_of(counts, shares, list(zip(deals, numbers, strict=True)), paid, worst)
        for numbers in product(range(top + 1), repeat=len(deals))
    )
    found = choose(counts, shares, deals, paid, worst)
    mine = NEVER if found is None else cost_of(counts, shares, found, paid, worst)
    assert mine == best or abs(mine - best) < D("0.005"), (seed, found, mine, best)


def test_the_best_of_all_numbers():
    for seed in range(150):
        check(seed)


@pytest.mark.slow
def test_the_best_of_all_numbers_a_thousand_times():
    for seed in range(1000, 2000):
        check(seed)


def test_one_scenario_is_the_plan_itself():
    for seed in range(30):
        counts, _, deals, paid, _ = case(seed)
        found = choose(counts[:1], [D(1)], deals, paid, D(1))
        best = by_levels(counts[0], deals, paid).cost
        mine = NEVER if found is None else cost_of(counts[:1], [D(1)], found, paid, D(1))
        assert mine == best or abs(mine - best) < D("0.005"), seed


def test_the_mean_of_the_worst_by_hand():
    costs, shares = [D(100), D(200), D(400)], [D("0.5"), D("0.3"), D("0.2")]
    assert cvar(costs, shares, D(1)) == D(190)
    assert cvar(costs, shares, D("0.2")) == 400 and cvar(costs, shares, D("0.1")) == 400
    assert cvar(costs, shares, D("0.5")) == (400 * D("0.2") + 200 * D("0.3")) / D("0.5")


def test_fear_of_the_worst_commits_otherwise():
    """A quiet and a busy year as likely: on average nothing is committed for the busy one; against the worst case it is."""
    counts, shares = [[1] * 10, [5] * 10], [D("0.6"), D("0.4")]
    deal = Deal(0, 0, 10, D(7), D(10))
    expected = choose(counts, shares, [deal], Paid(D(1)), D(1))
    assert expected == [(deal, 1)]  # levels 2 to 5 run in 40 % of the cases, and pay from 70 %
    assert choose(counts, shares, [deal], Paid(D(1)), D("0.4")) == [(deal, 5)]


SAID = ["commit", "--offline-list", "--region", "cn-hangzhou"]
THREE = [
    *("--scenario", "0.5=chat-global rps=60 of=mean hours=744 start=2027-01-01"),
    *("--scenario", "0.3=chat-global rps=30 of=mean hours=744 start=2027-01-01"),
    *("--scenario", "0.2=chat-global rps=120 of=mean hours=744 start=2027-01-01"),
]


def test_as_people_and_programs_read_it(planner: Run) -> None:
    shown = planner(*SAID, *THREE, "--worst", "20%", "--budget", "1000")
    assert shown.returncode == 1 and "over" in shown.stderr, shown.stderr
    assert "on average of the worst 20 %" in shown.stdout and "expected" in shown.stdout
    raw = json.loads(planner(*SAID, *THREE, "--format", "json").stdout)
    assert raw["schema"] == "planner.commit-scenarios/1" and len(raw["scenarios"]) == 3
    plan = raw["plan"]
    cases = plan["cases"]
    assert abs(sum(D(c["share"]) * D(c["cost"]) for c in cases) - D(plan["expected"])) < D("0.01")
    assert all(D(c["cost"]) >= D(c["best"]) for c in cases)
    fear = json.loads(planner(*SAID, *THREE, "--worst", "20%", "--format", "json").stdout)["plan"]
    assert D(fear["worst_mean"]) <= max(D(c["cost"]) for c in cases) + D("0.01") and D(fear["expected"]) >= D(
        plan["expected"]
    )
    assert "情景" in planner(*SAID, *THREE, "--lang", "zh").stdout


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--scenario", "flat rps=3"], "WEIGHT=WHAT"),
        (["--scenario", "-1=flat rps=3"], "--scenario: weight"),
        (["--scenario", "0=flat rps=3", "--scenario", "0=flat rps=4"], "--scenario: weight"),
        (["--scenario", "1=flat rps=3"], "at least two"),
        (
            ["--scenario", "1=flat rps=3", "--scenario", "1=flat rps=3 hours=5"],
            "hours: the first has 8760, number 2 has 5",
        ),
        (["--scenario", "1=flat rps=3", "--scenario", "1=flat instances=3"], "counted in"),
        (["--scenario", "1=flat rps=3", "--scenario", "1=flat rsp=3"], "rsp"),
        ([*THREE, "--demand", "flat rps=1"], "--demand and --scenario"),
        ([*THREE, "--mix-types"], "--mix-types"),
        ([*THREE, "--worst", "0%"], "--worst"),
        (["--demand", "flat rps=1", "--worst", "10%"], "--worst"),
    ],
)
def test_misuse_is_one_line(planner: Run, args, told) -> None:
    found = planner(*SAID, *args)
    assert found.returncode == 2 and told in found.stderr and found.stderr.count("\n") == 1 and not found.stdout, (
        found.stderr
    )


def test_no_type_that_was_left_out_is_cheaper():
    from planner.api import quote as fresh
    from planner.buying import market, plan, shapes
    from planner.workload import Workload

    both = [
        scenarios.Scenario(D(w), shapes.from_words(f"diurnal rps={rps} trough=20% hours=400"))
        for w, rps in ((1, 20), (2, 9))
    ]
    asked = plan.Asked()
    work = plan.workload_at_peak(Workload(), scenarios.together(both))
    quote = fresh(work, whole=False)
    made = scenarios.make(quote, both, asked, D(1))
    fleets = [plan.Fleet(quote, s.demand, asked) for s in both]
    every = [
        scenarios._chosen(m, fleets, [D(1) / 3, D(2) / 3], D(1))
        for m in market.markets(quote, 400, asked.rules)
        if m.paid.run is None
    ]
    costs = sorted(c.tail for c in every if c is not None)
    assert [round(c.tail, 6) for c in made.found] == [round(c, 6) for c in costs[: len(made.found)]]
