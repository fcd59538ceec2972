"""Billed as each cloud bills: one case by hand for each way of billing, through a plan of hours."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from planner.api import quote
from planner.buying import answers, plan, shapes
from planner.buying.market import Rules
from planner.buying.plan import Asked
from planner.prices.catalog import Catalog
from planner.prices.own import load
from planner.workload import Workload

D = Decimal
HEAD = "provider,region,instance_type,purchase_option,term,payment,unit,tier_from,tier_to,amount,currency\n"
AWS = "aws,us-east-1,g6e.xlarge"
ALI = "alicloud,cn-hangzhou,ecs.gn7i-c16g1.4xlarge"
TEN = "tencentcloud,ap-guangzhou,GN10Xp.20XLARGE320"


def planned(folder: Path, rows: str, said: str, term: str = "", *only: str) -> plan.Plan:
    """Plan a demand where one type is sold, in the ways `only` (else all of `rows`), at the prices of `rows`."""
    path = folder / "own.csv"
    path.write_text(HEAD + rows, encoding="utf-8")
    catalog = Catalog()
    catalog.own = tuple(load(str(path), catalog))
    provider, region, name = rows.split(",")[:3]
    options = only or tuple(dict.fromkeys(row.split(",")[3] for row in rows.split("\n") if row))
    series = shapes.read(said)
    work = Workload(provider=(provider,), region=(region,), instance_type=(name,), purchase_option=options)
    work = plan.workload_at_peak(work._replace(currency=rows.split("\n")[0].rsplit(",", 1)[1]), series)
    return plan.make(quote(work, catalog=catalog, today=date(2026, 11, 26)), series, Asked(Rules(term)))


def test_a_subscription_is_paid_by_whole_calendar_months(tmp_path: Path) -> None:
    """Two machines from 15 January for 59 days: the months to 15 February and to 15 March, 59 days of them used; of 45 days it is two
    months as well."""
    rows = f"{ALI},subscription,1m,,month,,,5000,CNY\n"
    for days in (59, 45):
        made = planned(tmp_path, rows, f"flat instances=2 hours={days * 24} start=2027-01-15", "1m")
        assert made.best.cost == 2 * 2 * 5000
        assert [deal.bought for deal, _ in made.best.solved.deals] == [31 * 24, 28 * 24]
    # Without a first day: 30 days may be a month, 45 days are two that are used in part.
    for hours, bought in ((720, [720]), (1080, [730, 730])):
        made = planned(tmp_path, rows, f"flat instances=1 hours={hours}", "1m")
        assert [deal.bought for deal, _ in made.best.solved.deals] == bought and made.best.cost == 5000 * len(bought)
    # Used for two days of the second month only, and still the whole month is owed.
    two = planned(tmp_path, rows, "flat instances=1 hours=792 start=2027-01-15", "1m")
    assert two.best.cost == 2 * 5000 and answers.answers(two).utilisation == D(792) / (59 * 24)


def test_a_month_without_a_day_is_never_less_than_one_and_a_year_is_paid_at_once(tmp_path: Path) -> None:
    year = f"{ALI},subscription,1y,,term,,,48000,CNY\n{ALI},subscription,1m,,month,,,5000,CNY\n"
    made = planned(tmp_path, year, "flat instances=1 hours=8760 start=2027-01-01")
    assert made.best.cost == 48000 and [deal.end for deal, _ in made.best.solved.deals] == [8760]
    assert [one.amount for one in answers.owed(made)] == [0] * 13  # all of it was paid on the first day


@pytest.mark.parametrize(("hours", "price"), [("0.5", "1.00"), ("0.025", "0.05"), ("1.75", "3.50")])
def test_hours_are_paid_by_the_second(tmp_path: Path, hours: str, price: str) -> None:
    """Half an hour is half the price, ninety seconds a fortieth of it."""
    path = tmp_path / "own.csv"
    path.write_text(HEAD + f"{AWS},on_demand,,,hour,,,2.00,USD\n", encoding="utf-8")
    catalog = Catalog()
    catalog.own = tuple(load(str(path), catalog))
    asked = {"provider": "aws", "instance_type": "g6e.xlarge", "purchase_option": "on_demand", "hours": hours}
    (offer,) = quote(catalog=catalog, today=date(2026, 11, 26), **asked).offers
    assert offer.totals.native.billed == D(price)


def test_what_clouds_bill_at_least_is_said_below_a_minute() -> None:
    short, minute = (quote(provider="aws", hours=hours, purchase_option="on_demand") for hours in ("0.01", "0.0167"))
    said = [any("at least a minute" in str(note) for note in one.notes) for one in (short, minute)]
    assert said == [True, False]


def test_upfront_and_hourly_parts_of_a_reservation_are_both_owed(tmp_path: Path) -> None:
    """4,000 at once and 0.40 an hour of all 8,760: 7,504 each; on demand the same year is 17,520."""
    rows = (
        f"{AWS},reserved,1y,partial_upfront,term,,,4000,USD\n{AWS},reserved,1y,partial_upfront,hour,,,0.40,USD\n"
        f"{AWS},on_demand,,,hour,,,2.00,USD\n"
    )
    made = planned(tmp_path, rows, "flat instances=3 hours=8760")
    assert made.best.cost == 3 * (4000 + D("0.40") * 8760) == 3 * 7504
    owed = answers.owed(made)
    assert owed[0].amount == 3 * D("0.40") * 8760  # the upfront part is gone on the day of signing
    assert answers.answers(made).on_demand == 3 * 17520


def test_every_hour_of_a_reserved_term_is_owed_used_or_not(tmp_path: Path) -> None:
    """12 of 24 hours, and a demand that ends after 5,000: at 0.90 an hour the year is 7,884, 5,000 hours on demand are 5,000 at 1.00."""
    rows = f"{AWS},reserved,1y,no_upfront,hour,,,{{}},USD\n{AWS},on_demand,,,hour,,,1.00,USD\n"
    short = planned(tmp_path, rows.format("0.90"), "flat instances=1 hours=5000", "1y")
    assert short.best.cost == 5000 and not short.best.solved.deals
    taken = planned(tmp_path, rows.format("0.50"), "flat instances=1 hours=5000", "1y")
    assert taken.best.cost == D("0.50") * 8760 and answers.answers(taken).utilisation == D(5000) / 8760
    half = planned(tmp_path, rows.format("0.51"), "office instances=1 from=8 to=20 weekend=1 hours=8760")
    assert half.best.cost == 4380 and not half.best.solved.deals  # 12 h a day: 4,380 against 4,467.60
    less = planned(tmp_path, rows.format("0.49"), "office instances=1 from=8 to=20 weekend=1 hours=8760")
    assert less.best.cost == D("0.49") * 8760


@pytest.mark.parametrize(("hours", "block"), [(20, 24), (100, 120), (336, 336), (337, 504), (720, 840)])
def test_a_capacity_block_is_paid_in_the_steps_in_which_it_is_sold(tmp_path: Path, hours: int, block: int) -> None:
    rows = "aws,us-east-1,p4d.24xlarge,capacity_block,,,hour,,,10.00,USD\n"
    made = planned(tmp_path, rows, f"flat instances=2 hours={hours}")
    assert made.best.cost == 2 * block * 10 and answers.answers(made).utilisation == D(hours) / block


def test_hourly_steps_begin_anew_with_each_run(tmp_path: Path) -> None:
    """10.00 to 96 hours of a run, 5.00 to 360, 3.40 beyond: a month without stop, and the same hours in nights."""
    rows = "".join(
        f"{TEN},on_demand,,,hour,{a},{b},{price},CNY\n" for a, b, price in ((0, 96, 60), (96, 360, 30), (360, "", 20))
    )
    month = planned(tmp_path, rows, "flat instances=1 hours=720")
    assert month.best.cost == 96 * 60 + 264 * 30 + 360 * 20
    nights = planned(tmp_path, rows, "office instances=1 from=0 to=12 weekend=1 hours=720")
    assert nights.best.cost == 30 * 12 * 60
    # Two for 200 hours, then one for 100 more: the second run ends at 200, the first goes on from its own step.
    path = tmp_path / "d.csv"
    path.write_text("hour,instances\n" + "".join(f"{h},{2 if h < 200 else 1}\n" for h in range(300)), "utf-8")
    both = planned(tmp_path, rows, str(path))
    assert both.best.cost == (96 * 60 + 204 * 30) + (96 * 60 + 104 * 30)
