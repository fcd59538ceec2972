"""The plan over real offers: amounts are the cost model's own, counts are the sizing's, and what it means adds up."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from planner import cli
from planner.api import quote as fresh
from planner.buying import answers, demand, market, plan, shapes
from planner.buying.market import Rules
from planner.errors import MisuseError, NoOfferError
from planner.workload import Workload
from tests.conftest import Run

D = Decimal
NONE = Rules()


def planned(said, rules=NONE, least=0, ahead=0, **fields):
    asked = demand.read(said) if said.endswith(".csv") else shapes.from_words(said)
    work = plan.workload_at_peak(Workload(), asked)
    return plan.make(fresh(work, whole=False, **fields), asked, plan.Asked(rules, least, ahead))


@pytest.fixture(scope="module")
def year():
    return planned("diurnal rps=60 trough=10% weekend=0.5 start=2027-01-01", region="us-east-1")


def test_a_flat_demand_costs_what_the_quote_says():
    """Every instance always runs: the mix is the quote's own recommendation, to the digit."""
    for provider in ("aws", "alicloud", "tencentcloud"):
        made = planned("flat rps=30 start=2027-01-01", provider=provider, egress_gb="900", storage_gb="80", tax="6%")
        best = made.quote.best
        assert best is not None and made.best.solved.spot == 0
        same = next(
            m for m in made.mixes if m.market.instance_type == best.instance_type and m.market.site == best.site
        )
        assert abs(same.cost - best.totals.report.obligation) < D("0.01")
        assert max(same.counts) == min(same.counts) == best.count


def test_counts_are_those_of_the_sizing(year):
    """Where the layout stays, an hour's instances are what a quote at that hour's demand says."""
    first = year.best.market.ways[0]
    for hour in (0, 5, 15, 100, 130):
        rps = year.demand.values[hour]
        again = fresh(rps=str(rps), instance_type=first.instance_type, region=first.region, purchase_option="on_demand")
        assert again.offers[0].sizing.layout == first.sizing.layout
        assert year.best.counts[hour] == again.offers[0].count, hour
    assert max(year.best.counts) == first.sizing.count


def test_the_cheapest_of_all_types_is_first(year):
    """No type that was left out unsolved is cheaper than what is shown."""
    from planner.buying.levels import solve

    counts = plan.fleet(year.quote, year.demand, year.asked)
    every = []
    for one in market.markets(year.quote, year.demand.hours, year.asked.rules):
        every.append(solve(counts(one.ways[0]), one.deals, one.paid).cost + one.fixed)
    assert sorted(every)[: len(year.mixes)] == [m.cost for m in year.mixes]
    assert year.types == len(every) > len(year.mixes)


def test_amounts_are_the_cost_models(year):
    mix = year.best
    for deal, _ in mix.solved.deals:
        way = mix.market.ways[deal.way]
        terms = way.commitment
        assert deal.cost == terms.upfront + terms.hourly * terms.term_hours + terms.monthly * terms.term_months
    price = mix.market.on_demand.lines[0].rates[0].amount
    assert mix.solved.on_demand_cost == price * mix.solved.on_demand
    assert sum(mix.counts) == mix.solved.on_demand + answers.answers(year).covered


def test_the_answers_add_up(year):
    found = answers.answers(year)
    price = found.on_demand / found.usage
    deals = year.best.solved.deals
    paid = sum(d.cost * n for d, n in deals) / found.bought
    assert abs(found.savings_rate - found.coverage * (1 - paid / price / found.utilisation)) < D("1e-12")
    assert year.best.cost <= min(found.on_demand, found.committed, found.fixed_fleet)
    by = {r.change: r for r in found.regret}
    assert by[D(0)].cost == by[D(0)].best == year.best.cost
    assert all(r.cost >= r.best for r in found.regret)
    assert by[D("0.5")].cost > by[D(0)].cost > by[D("-0.5")].cost
    # One step of a commitment pays above its break-even hours, the next does not.
    for step in found.steps:
        assert step.runs <= step.pays_from
    assert found.owed[-1].amount == 0 and [o.amount for o in found.owed] == sorted(o.amount for o in found.owed)[::-1]
    assert 0 < found.least_demand < 1


def test_money_has_a_price():
    made = planned("diurnal rps=60 trough=10% start=2027-01-01", region="us-east-1", discount_rate="10%")
    free = planned("diurnal rps=60 trough=10% start=2027-01-01", region="us-east-1", discount_rate="0%")
    assert abs(answers.answers(free).present_value - free.best.cost) < D("0.01")
    worth = answers.answers(made).present_value
    assert D("0.93") * made.best.cost < worth < D("0.97") * made.best.cost


def test_longer_terms_only_where_they_are_asked_for():
    said = "flat instances=2 start=2027-01-01 hours=4380"
    short = planned(said, instance_type="g6e.xlarge", count=None)
    assert not short.best.solved.deals
    # A year owed in full for half a year of use: on demand is cheaper, unless the year costs less than half.
    longer = planned(said, Rules("1y"), instance_type="g6e.xlarge")
    year = next(d for d in longer.best.market.deals if d.bought == 8760)
    assert longer.best.market.paid.hour * 4380 < year.cost and not longer.best.solved.deals
    nine = planned("flat instances=2 start=2027-01-01 hours=7000", Rules("1y"), instance_type="g6e.xlarge")
    assert [n for _, n in nine.best.solved.deals] == [2]
    assert answers.answers(nine).utilisation == D(7000) / 8760


def test_a_busy_month_is_subscribed_alone(tmp_path):
    """Where the month pays, it is bought for the five instances of that month only; the days before it are on demand."""
    path = tmp_path / "d.csv"
    path.write_text("hour,instances\n" + "".join(f"{h},{5 if 2000 <= h < 2700 else 0}\n" for h in range(8760)), "utf-8")
    made = planned(str(path), instance_type="GN10Xp.20XLARGE320", provider="tencentcloud")
    mix = next(m for m in made.mixes if m.market.site == "china")
    bought = [(mix.market.ways[deal.way].term, deal.first, deal.end, number) for deal, number in mix.solved.deals]
    assert bought == [("1m", 2190, 2920, 5)]
    assert mix.solved.on_demand == 5 * (2190 - 2000)


def test_steps_are_paid_run_by_run():
    """A price in hourly steps: an instance of every night begins at the first step, one that never stops reaches the last."""
    stepped = [
        o for o in fresh(provider="tencentcloud", purchase_option="on_demand").offers if len(o.lines[0].rates) > 1
    ]
    assert stepped, "no stepped price in the lists"
    name = stepped[0].instance_type
    site = stepped[0].site
    rates = [(r.start, r.end, r.amount) for r in stepped[0].lines[0].rates]

    def run(hours):
        return sum((max(D(0), (D(hours) if e is None else min(D(hours), e)) - s) * a for s, e, a in rates), D(0))

    def cost(said):
        made = planned(said, instance_type=name, provider="tencentcloud", purchase_option="on_demand", currency="CNY")
        return next(m for m in made.mixes if m.market.site == site)

    always = cost("flat instances=1 hours=720")
    assert always.solved.on_demand_cost == run(720)
    nights = cost("office instances=1 from=8 to=20 weekend=100% hours=720")
    assert nights.solved.on_demand_cost == 30 * run(12)


def test_least_and_ahead():
    plain = planned("office instances=4 hours=168", instance_type="g6e.xlarge").best.counts
    made = planned("office instances=4 hours=168", least=1, ahead=2, instance_type="g6e.xlarge").best.counts
    assert plain[6:10] == (0, 0, 0, 4) and made[6:10] == (1, 4, 4, 4)
    assert min(made) == 1 and made[17:19] == (4, 1)


def test_spot_takes_its_share_and_not_more():
    rules = Rules(spot_share=D("0.3"), interruption=D("0.1"))
    made = planned("flat instances=10 hours=100", rules, instance_type="g6e.xlarge", region="us-east-1")
    mix = made.best
    assert mix.solved.spot == 300
    spot = mix.market.spot.lines[0].rates[0].amount
    assert abs(mix.solved.spot_cost - 300 * spot / D("0.9")) < D("1e-9")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"use": "300h/month x12"}, "leave out --use"),
        ({"count": 3}, "leave out --count"),
    ],
)
def test_what_contradicts_a_demand(fields, told):
    with pytest.raises(MisuseError, match=told):
        plan.workload_at_peak(Workload()._replace(**fields), shapes.from_words("flat rps=1"))


def test_a_start_that_is_another_day():
    with pytest.raises(MisuseError, match="begins on 2027-01-01"):
        plan.workload_at_peak(Workload(start="2027-02-01"), shapes.from_words("flat rps=1 start=2027-01-01"))


def test_nothing_serves_it():
    with pytest.raises(NoOfferError, match=r"nothing meets ttft 1 ms; nearest is g6e\.xlarge"):
        planned("flat rps=10", ttft_ms="1", provider="aws", instance_type="g6e.xlarge")
    with pytest.raises(NoOfferError, match="longer than the demand"):
        planned("flat rps=10 hours=24", purchase_option="reserved", provider="aws")


def test_as_people_and_programs_read_it(planner: Run, tmp_path) -> None:
    said = ["commit", "--offline-list", "--demand", "chat-global rps=60 of=mean"]
    shown = planner(*said)
    assert shown.returncode == 0 and "effective savings rate" in shown.stdout and "Traceback" not in shown.stderr
    told = planner(*said, "--format", "json", "-o", str(tmp_path / "plan.json"))
    assert told.returncode == 0
    raw = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))
    assert raw["schema"] == "planner.commit/1" and len(raw["mix"]["instances"]) == 8760
    parts = sum(D(c["cost"]) for c in raw["mix"]["commitments"]) + sum(D(h["cost"]) for h in raw["mix"]["hourly"])
    assert parts + D(raw["cost"]["beside_instances"]) == D(raw["cost"]["mix"])
    again = planner(*said, "--budget", "10")
    assert again.returncode == 1 and "over" in again.stderr and again.stdout == shown.stdout
    chinese = planner(*said, "--lang", "zh").stdout
    assert "有效节省率" in chinese and "demand" not in chinese.replace("demand.csv", "")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--demand", "flat rps=1", "--term", "1m"], "shorter than the 8,760 hours"),
        (["--demand", "flat rps=1", "--term", "soon"], "no term"),
        (["--demand", "flat rps=1", "--repeat"], "say --term"),
        (["--demand", "flat rps=1", "--rps", "3"], "--rps: the demand is in --demand"),
        (["--demand", "flat rps=1", "--min-replicas", "1.5"], "not a whole number"),
        (["--demand", "flat rps=1", "--scale-up-minutes", "-5"], "outside 0"),
        (["--demand", "flat rps=1", "--spot-share", "130%"], "--spot-share"),
        (["--demand", "flat rps=1", "--spot-interruption", "100%"], "no spot hour ends"),
        (["--demand", "nowhere.csv"], "cannot read demand nowhere.csv"),
        ([], "--demand"),
    ],
)
def test_misuse_is_one_line(planner: Run, args, told) -> None:
    found = planner("commit", "--offline-list", *args)
    assert found.returncode == 2 and told in found.stderr and found.stderr.count("\n") == 1 and not found.stdout


def test_a_fall_of_the_lists_replayed_to_the_cent(planner: Run) -> None:
    """A year of p4d.24xlarge signed before the cut of 2025 (20.1754983 an hour, 32.7726 on demand), and after it (13.921094, 21.957642)."""
    said = (
        "commit",
        "--offline-list",
        "--provider",
        "aws",
        "--instance-type",
        "p4d.24xlarge",
        "--demand",
        "chat-global rps=60 of=mean",
    )
    told = json.loads(planner(*said, "--price-falls", "--format", "json").stdout)
    falls = told["price_falls"]
    first = falls["seen"][0]
    assert (first["instance_type"], first["term"], first["signed"]) == ("p4d.24xlarge", "1y", "2025-04-05")
    assert D(first["term_signed_before"]).quantize(D("0.01")) == D("176737.37")  # 20.1754983 x 8,760
    assert D(first["term_at_the_fallen_price"]).quantize(D("0.01")) == D("121948.78")  # 13.921094 x 8,760
    assert D(first["loses"]).quantize(D("0.01")) == D("54788.58")
    assert D(first["on_demand_then"]).quantize(D("0.01")) == D("192348.94")  # 21.957642 x 8,760
    committed = sum(D(c["cost"]) for c in told["mix"]["commitments"])
    share = D(first["loses"]) / D(first["term_signed_before"])
    assert abs(D(falls["at_risk"]) - committed * share) < D("0.005")
    shown = planner(*said, "--price-falls", "--lang", "zh").stdout
    assert "54,788.58" in shown and "loses" not in shown
    assert "price_falls" not in json.loads(planner(*said, "--format", "json").stdout)
    none = planner(
        "commit", "--offline-list", "--provider", "alicloud", "--demand", "flat rps=5 hours=800", "--price-falls"
    )
    assert none.returncode == 0 and "have seen no commitment's price fall" in none.stdout


def test_a_page_and_a_workbook_have_the_falls_too(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    said = ["commit", "--offline-list", "--instance-type", "p4d.24xlarge", "--demand", "flat rps=10 hours=800"]
    page, book = tmp_path / "a.html", tmp_path / "a.xlsx"
    assert cli.run([*said, "--price-falls", "--format", "html", "-o", str(page)]) == 0
    text = page.read_text("utf-8")
    assert "54,788.58" in text and "Price falls, replayed" in text
    assert cli.run([*said, "--price-falls", "--format", "xlsx", "-o", str(book)]) == 0
    rows = list(openpyxl.load_workbook(book, read_only=True, data_only=True)["Regret"].iter_rows(values_only=True))
    found = [row for row in rows if row[0] == "p4d.24xlarge, 1y no upfront"]
    assert [round(x, 2) for x in found[0][3:6]] == [176737.37, 121948.78, 54788.58] and found[0][6] == "USD"
