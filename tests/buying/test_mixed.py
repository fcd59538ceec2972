"""Several types at once: the programme against brute force to the cent, and over real offers against its own parts."""

import json
import random
import subprocess
import sys
import time
from decimal import Decimal
from itertools import pairwise, product
from types import SimpleNamespace

import pytest

from planner.api import quote as fresh
from planner.buying import blend, mixed, nested, plan, shapes
from planner.buying.frontier import Hours, Kind, worth_taking
from planner.buying.levels import Deal, Paid
from planner.buying.levels import solve as by_levels
from planner.buying.mixed import dispatch, solve
from planner.errors import MisuseError
from planner.workload import Workload
from tests.conftest import ROOT, Run

D = Decimal
NEVER = D("Infinity")


def case(seed, changes=False):
    """A random small case: one to three types of odd sizes, commitments in slots, some not sold by the hour, spot for a share.

    changes: prices by the hour change, of each type at another time.
    """
    r = random.Random(seed)
    cent, hours, kinds = D("0.01"), r.randint(1, 8), []
    for _ in range(r.randint(1, 3)):
        size = D(r.choice(["1", "1.5", "2", "2.7", "3", "4.1"]))
        slots = [(0, hours)]
        if hours > 1 and r.random() < 0.4:
            slots += [(0, hours // 2), (hours // 2, hours)]
        deals = [
            Deal(0, a, b, (r.randint(20, 110) * cent * size * (b - a)).quantize(cent), D(b - a))
            for a, b in slots
            if r.random() < 0.6
        ]
        hour = None if r.random() < 0.15 else (r.randint(40, 130) * cent * size).quantize(cent)
        spot = (r.randint(20, 90) * cent * size).quantize(cent) if r.random() < 0.4 else None
        later: tuple[tuple[int, Decimal | None, Decimal | None], ...] = ()
        if changes and hours > 1:
            at = r.randint(1, hours - 1)
            prices = [None if p is None else (p * r.randint(50, 150) * cent).quantize(cent) for p in (hour, spot)]
            later = ((at, *prices),)
        kinds.append(Kind(float(size), hour, spot, tuple(deals), later))
    need = [round(r.uniform(0, r.choice([3, 5, 7])), 1) if r.random() < 0.9 else 0.0 for _ in range(hours)]
    return kinds, need if any(need) else [1.0, *need[1:]], D(r.choice(["0", "0", "0.3", "0.5", "1"]))


def brute(kinds, need, share):
    """The least cost over every number of every commitment and, hour by hour, of every type on demand and on spot."""
    top = max(need)

    def all_of(price, at):
        sold = [k.at(at) for k in kinds if price(k) is not None]
        numbers = product(*(range(int(top / k.size) + 2) for k in sold))
        return [
            (
                sum(n * k.size for n, k in zip(c, sold, strict=True)),
                sum((n * price(k) for n, k in zip(c, sold, strict=True)), D(0)),
            )
            for c in numbers
        ]

    def prices(at):
        return all_of(lambda k: k.hour, at), all_of(lambda k: k.spot, at) if share else [(0.0, D(0))]

    changes = {since for k in kinds for since, _, _ in k.later}
    sold = {at: prices(at) for at in {0, *changes}}
    known = {}

    def hour(asked, held, h):
        era = max(at for at in sold if at <= h)
        firm, spot = sold[era]
        key = (asked, round(held, 6), era)
        if key not in known:
            known[key] = min(
                (
                    fc + sc
                    for (s, sc), (f, fc) in product(spot, firm)
                    if f + s + held >= asked - 1e-9 and f + held >= asked * (1 - float(share)) - 1e-9
                ),
                default=NEVER,
            )
        return known[key]

    deals = [(d, kind) for kind in kinds for d in kind.deals]
    best = NEVER
    for numbers in product(*(range(int(max(need[d.first : d.end]) / k.size + 1) + 1) for d, k in deals)):
        cost = sum((n * d.cost for n, (d, _) in zip(numbers, deals, strict=True)), D(0))
        for h, asked in enumerate(need):
            if cost >= best:
                break
            cost += hour(
                asked, sum(n * k.size for n, (d, k) in zip(numbers, deals, strict=True) if d.first <= h < d.end), h
            )
        best = min(best, cost)
    return best


def check(seed, changes=False):
    kinds, need, share = case(seed, changes)
    found, best = solve(kinds, need, share), brute(kinds, need, share)
    if found is None:
        assert best == NEVER, seed
        return
    assert found.proven and abs(found.cost - best) < D("0.005"), (seed, found.cost, best)
    for hour, asked in enumerate(need):
        serves = [
            (k.size * (p.held[hour] + p.firm[hour]), k.size * p.spot[hour])
            for k, p in zip(kinds, found.parts, strict=True)
        ]
        firm, spot = sum(f for f, _ in serves), sum(s for _, s in serves)
        assert firm + spot >= asked - 1e-6 and firm >= asked * (1 - float(share)) - 1e-6, seed
    for part in found.parts:
        for hour in range(len(need)):
            assert part.held[hour] <= sum(n for d, n in part.deals if d.first <= hour < d.end), seed


def test_the_cheapest_of_all_mixes_of_types():
    for seed in range(60):
        check(seed)
        check(seed, changes=True)


def test_the_programme_finds_the_same(monkeypatch):
    """The solver, which takes over where times of commitments cross: as exact as the search within times."""
    monkeypatch.setattr(mixed, "search", lambda *_: None)
    for seed in range(30):
        check(seed, changes=bool(seed % 2))


@pytest.mark.slow
def test_the_cheapest_of_all_mixes_of_types_a_thousand_times():
    for seed in range(1000, 2000):
        check(seed)
        check(seed, changes=True)


@pytest.mark.slow
def test_the_programme_finds_the_same_a_thousand_times(monkeypatch):
    monkeypatch.setattr(mixed, "search", lambda *_: None)
    for seed in range(1000, 2000):
        check(seed, changes=bool(seed % 2))


def test_times_that_cross_are_left_to_the_programme():
    """Of two types one is sold for the first two thirds, the other for the last two: neither time lies within the other."""
    kinds = [
        Kind(1.0, D(1), None, (Deal(0, 0, 4, D("2.4"), D(4)),)),
        Kind(1.0, D(1), None, (Deal(0, 2, 6, D("2.8"), D(4)),)),
    ]
    need = [1.0, 1.0, 2.0, 2.0, 2.0, 1.0]
    found = solve(kinds, need)
    assert found is not None and found.proven and found.cost == brute(kinds, need, D(0))


def twelve_months():
    """Four types by the year, by the month and by the hour over a year that repeats a week: what a solver of steps took half a minute for."""
    sizes, year = (1.0, 2.0, 0.27, 0.3), [0, 744, 1416, 2160, 2880, 3624, 4344, 5088, 5832, 6552, 7296, 8016, 8760]
    kinds = []
    for n, size in enumerate(sizes):
        price = D(str(size)) * (1 + n * D("0.1"))
        months = [Deal(0, a, b, price * D("0.48") * (b - a), D(b - a)) for a, b in pairwise(year)]
        deals = [Deal(0, 0, 8760, price * D("0.47") * 8760, D(8760)), *months]
        kinds.append(Kind(size, price, None, tuple(deals)))
    week = [26.6 * float(one) for one in shapes._profile("chat-global")]
    return kinds, [week[h % 168] for h in range(8760)]


def test_a_year_of_months_is_proven_in_a_moment():
    kinds, need = twelve_months()
    begun = time.perf_counter()
    found = solve(kinds, need)
    assert found is not None and found.proven and time.perf_counter() - begun < 8


def test_what_is_not_finished_in_time_says_how_far_off_it_may_be():
    kinds, need = twelve_months()
    groups = Hours(
        worth_taking(kinds), need, sorted({e for k in kinds for d in k.deals for e in (d.first, d.end)}), 0.0
    )
    edges = sorted({e for k in kinds for d in k.deals for e in (d.first, d.end)})
    columns = [
        (edges.index(d.first), edges.index(d.end), k.size, float(d.cost), 99)
        for k in worth_taking(kinds)
        for d in k.deals
    ]
    whole = nested.search(groups, columns, 60)
    assert whole is not None
    clock = iter(range(10**6))
    ticking = SimpleNamespace(monotonic=lambda: float(next(clock)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nested, "time", ticking)
        cut = nested.search(groups, columns, 3)
    assert cut is not None and cut.bound < whole.bound  # nothing costs less than the bound, which is below the optimum
    at_once = nested.search(groups, columns, -1)  # even without any time there is an answer
    assert at_once is not None and at_once.bound <= cut.bound


def test_one_type_is_what_its_levels_say():
    """The same answer by another road: one type, whole instances."""
    for seed in range(40):
        r = random.Random(seed)
        need = [r.randint(0, 6) for _ in range(24)]
        need[0] = 6
        deals = (
            Deal(0, 0, 24, D(r.randint(300, 2000)) / 100, D(24)),
            Deal(0, 0, 12, D(r.randint(150, 1100)) / 100, D(12)),
        )
        spot, share = D(r.randint(20, 110)) / 100, D(r.choice(["0", "0.3", "0.5"]))
        mixed = solve([Kind(1.0, D(1), spot, deals)], [float(n) for n in need], share)
        assert abs(mixed.cost - by_levels(need, deals, Paid(D(1), None, spot if share else None, share)).cost) < D(
            "0.005"
        ), seed


def test_what_is_left_out_is_beaten():
    big = Kind(2.0, D(3), None, (Deal(0, 0, 10, D(25), D(10)),))
    small = Kind(1.0, D("1.4"), None, (Deal(0, 0, 10, D(13), D(10)),))
    kept = worth_taking([big, small])
    assert kept[0].hour is None and kept[1].hour == D("1.4")  # two small ones cost 2.80
    assert [len(k.deals) for k in kept] == [1, 1]  # two small ones for the term cost 26, not 25
    dear = small._replace(deals=(Deal(0, 0, 10, D(14), D(10)),))
    assert worth_taking([dear])[0].deals == ()  # as dear as ten hours on demand
    twins = worth_taking([small, small])
    assert [k.hour for k in twins] == [D("1.4"), None]


def test_hours_that_nothing_serves():
    deal = Deal(0, 0, 2, D(5), D(2))
    assert solve([Kind(1.0, None, None, (deal,))], [1.0, 1.0, 1.0]) is None
    assert solve([Kind(1.0, None, None, (deal,))], [1.0, 1.0, 0.0]).cost == 5
    assert dispatch([Kind(1.0, None, None, (deal,))], [2.0, 1.0], [(deal, 0, 1)]) is None


@pytest.fixture(scope="module")
def made():
    asked = shapes.from_words("chat-global rps=60 of=mean start=2027-01-01")
    work = plan.workload_at_peak(Workload(region=("us-east-1",), discount_rate=D("0.1")), asked)
    return plan.make(fresh(work, whole=False), asked, plan.Asked())


def test_a_mix_of_types_over_real_offers(made):
    found = blend.make(made)
    assert found.proven and found.cost < made.best.cost - 1000 and len(found.parts) > 1
    assert sum(p.cost for p in found.parts) + found.place.fixed == found.cost
    assert found.bound <= found.cost
    for part in found.parts:  # an amount is what the way costs: nothing is priced a second time
        solved, paid = part.solved, part.market.paid
        assert solved.on_demand_cost == (paid.hour or 0) * solved.on_demand
        assert sum(part.counts) <= solved.on_demand + solved.spot + sum(d.bought * n for d, n in solved.deals)
    means = blend.meaning(made, found)
    assert found.cost < means.on_demand + found.place.fixed
    assert means.savings_rate == 1 - found.found.cost / means.on_demand
    by = {r.change: r for r in means.regret}
    assert all(r.cost >= r.best - D("0.02") for r in means.regret) and by[D(0)].cost == by[D(0)].best == found.cost
    assert D("0.9") * found.cost < means.present_value < found.cost
    assert means.owed[-1].amount == 0 and 0 < means.coverage < 1 and 0 < means.utilisation <= 1


@pytest.mark.parametrize(
    ("fields", "asked", "told"),
    [({"spare": 1}, plan.Asked(), "--spare"), ({}, plan.Asked(least=2), "--min-replicas above 1")],
)
def test_what_is_said_of_one_type_only(made, fields, asked, told):
    quote = made.quote._replace(workload=made.quote.workload._replace(**fields))
    with pytest.raises(MisuseError, match=told):
        blend.make(made._replace(quote=quote, asked=asked))


def test_as_people_and_programs_read_it(planner: Run) -> None:
    demand = "diurnal rps=60 hours=240 trough=40%"
    said = ["commit", "--offline-list", "--region", "us-east-1", "--demand", demand, "--mix-types", "--budget", "1000"]
    shown = planner(*said)
    assert "types in us-east-1" in shown.stdout and "the cheapest single type" in shown.stdout
    assert "HiGHS" not in shown.stdout + shown.stderr
    raw = json.loads(planner(*said, "--format", "json").stdout)
    mixed = raw["mixed_types"]
    assert mixed["proven"] is True and D(mixed["cost"]) < D(raw["cost"]["mix"])
    parts = sum(D(p["cost"]) for p in mixed["parts"])
    assert parts + D(mixed["beside_instances"]) == D(mixed["cost"])
    assert shown.returncode == 1 and f"obliges to {D(mixed['cost']):,.2f}" in shown.stderr
    chinese = planner(*said, "--lang", "zh").stdout
    assert "种机型" in chinese and "types" not in chinese
    one = planner("commit", "--offline-list", "--instance-type", "g6e.xlarge", "--demand", "flat rps=20", "--mix-types")
    assert "No mix of types" in one.stdout


def test_a_solver_that_is_not_installed_is_one_line() -> None:
    code = "import sys; sys.modules['highspy'] = None\nfrom planner.cli import run\nsys.exit(run(sys.argv[1:]))"
    args = ["commit", "--offline-list", "--region", "us-east-1", "--demand", "flat rps=20"]
    found = subprocess.run(
        [sys.executable, "-c", code, *args, "--mix-types"], capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    assert found.returncode == 1 and found.stderr.count("\n") == 1 and not found.stdout
    assert "pip install 'gpu-cost-planner[commit]'" in found.stderr
    found = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert found.returncode == 0, found.stderr  # without a mix of types it is not needed


WORKLOAD = 'provider = ["aws"]\ninstance_type = "g6e.xlarge"\n\n[demand]\n'


def test_a_workload_carries_its_demand(planner: Run, tmp_path) -> None:
    file, table = tmp_path / "w.toml", tmp_path / "d.csv"
    table.write_text("hour,instances\n" + "".join(f"{h},{1 + h % 3}\n" for h in range(48)), "utf-8")
    file.write_text(WORKLOAD + 'file = "d.csv"\n', "utf-8")
    raw = json.loads(planner("commit", "--offline-list", str(file), "--format", "json").stdout)
    assert raw["mix"]["instances"] == [1 + h % 3 for h in range(48)] and raw["mix"]["instance_type"] == "g6e.xlarge"
    file.write_text(WORKLOAD + 'shape = "flat"\ninstances = 2\nhours = 24\n', "utf-8")
    raw = json.loads(planner("commit", "--offline-list", str(file), "--format", "json").stdout)
    assert raw["mix"]["instances"] == [2] * 24
    raw = json.loads(
        planner(
            "commit", "--offline-list", str(file), "--demand", "flat instances=3 hours=5", "--format", "json"
        ).stdout
    )
    assert raw["mix"]["instances"] == [3] * 5  # what is typed beats the file


@pytest.mark.parametrize(
    ("demand", "told"),
    [
        ('shape = "flat"\nrps = "sixty"\n', "w.toml:6: rps: 'sixty'"),
        ('shape = "flat"\nrps = 1\nwekend = 0.5\n', "w.toml:7: wekend"),
        ('shape = "flt"\nrps = 1\n', "no shape 'flt'"),
        ("rps = 1\n", "needs shape ="),
        ('file = "d.csv"\nrps = 3\n', "stands alone, not with rps"),
        ('file = "nowhere.csv"\n', "cannot read demand"),
        ('shape = "flat"\nrps = 1\ngrowth = "2000%"\n', "w.toml:7: growth: 20 a month, for 12 months, overflows"),
    ],
)
def test_a_demand_that_is_wrong_names_its_line(planner: Run, tmp_path, demand, told) -> None:
    file = tmp_path / "w.toml"
    file.write_text(WORKLOAD + demand, "utf-8")
    found = planner("commit", "--offline-list", str(file))
    assert found.returncode == 2 and told in found.stderr and found.stderr.count("\n") == 1, found.stderr


def test_other_commands_say_whose_table_it_is(planner: Run, tmp_path) -> None:
    file = tmp_path / "w.toml"
    file.write_text(WORKLOAD + 'shape = "flat"\nrps = 1\n', "utf-8")
    found = planner("quote", "--offline-list", str(file))
    assert found.returncode == 2 and "[demand] is for `planner commit`" in found.stderr
    none = planner("commit", "--offline-list")
    assert none.returncode == 2 and "--demand" in none.stderr
