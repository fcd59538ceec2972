"""Prices of the user's own that change at a known date, worked by hand through a quote, what is saved of it, and a plan."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from planner.api import load, quote, render
from planner.buying import plan, shapes
from planner.buying.answers import owed
from planner.buying.market import Rules
from planner.buying.plan import Asked
from planner.errors import MisuseError
from planner.prices.catalog import Catalog
from planner.prices.own import load as own
from planner.prices.own import load_all
from planner.workload import Workload
from tests.conftest import Run

D = Decimal
TODAY = date(2026, 11, 26)
HEAD = (
    "provider,region,instance_type,purchase_option,term,payment,unit,tier_from,tier_to,amount,currency,effective_date\n"
)
TYPE = "aws,us-east-1,g6e.xlarge"
#: On demand: 2.00, from 15 January 1.50, from 1 March 1.00. A year without upfront payment: 1.20 an hour, from 1 March 0.70.
ROWS = (
    f"{TYPE},on_demand,,,hour,,,2.00,USD,\n"
    f"{TYPE},on_demand,,,hour,,,1.00,USD,2027-03-01\n"
    f"{TYPE},on_demand,,,hour,,,1.50,USD,2027-01-15\n"
    f"{TYPE},reserved,1y,no_upfront,hour,,,1.20,USD,2026-01-01\n"
    f"{TYPE},reserved,1y,no_upfront,hour,,,0.70,USD,2027-03-01\n"
)
AT = {"provider": ("aws",), "region": ("us-east-1",), "instance_type": ("g6e.xlarge",)}


def catalog(folder: Path, rows: str = ROWS) -> Catalog:
    path = folder / "own.csv"
    path.write_text(HEAD + rows, encoding="utf-8")
    made = Catalog()
    made.own = tuple(own(str(path), made))
    return made


def offers(folder: Path, rows: str = ROWS, **asked: object):
    work = {**AT, "start": "2027-01-01", "hours": 2190, "purchase_option": ("on_demand", "reserved", "spot"), **asked}
    made = quote(catalog=catalog(folder, rows), today=TODAY, **work)
    return made, {(o.purchase_option, o.term, o.payment, o.offering): o for o in made.offers}


def test_every_hour_pays_the_price_of_its_day(tmp_path: Path) -> None:
    """14 days of January at 2.00, 45 days to 1 March at 1.50, the other 774 of 2,190 hours at 1.00."""
    made, found = offers(tmp_path)
    hourly, year = found["on_demand", "", "", ""], found["reserved", "1y", "no_upfront", ""]
    assert [(c.quantity, c.unit_price) for c in hourly.charges] == [(336, 2), (1080, D("1.5")), (774, 1)]
    assert hourly.totals.native.billed == 336 * 2 + 1080 * D("1.5") + 774 == 3066
    # Signed on 1 January it keeps 1.20, every hour of its term.
    assert year.totals.native.obligation == D("1.2") * 8760
    said = [str(note) for note in (*hourly.notes, *year.notes)]
    assert "from 2027-01-15 on 1.5 USD per hour, before 2" in said
    assert any("from 2027-03-01 on 0.7" in one and "what was signed before keeps its price" in one for one in said)
    assert any("your own prices change on 2027-01-15, 2027-03-01" in str(note) for note in made.notes)


def test_each_month_is_billed_at_its_own_price(tmp_path: Path) -> None:
    from planner.quoting.calendar import by_period, schedule

    made, found = offers(tmp_path)
    billed = [amount for _, amount, _ in by_period(schedule(made, found["on_demand", "", "", ""]))]
    # January 336 h at 2.00 and 408 h at 1.50; February 672 h at 1.50; March 744 h at 1.00; 30 h of April.
    assert billed == [672 + 612, 1008, 744, 30]


def test_each_day_is_billed_at_its_own_price(tmp_path: Path) -> None:
    from planner.quoting.calendar import cut

    made, found = offers(tmp_path, hours=768)  # to 2 February
    days = {e.begins.date().isoformat(): e.billed for e in cut(made, found["on_demand", "", "", ""], "daily")}
    assert len(days) == 32 and days["2027-01-14"] == 48 and days["2027-01-15"] == 36 == days["2027-02-01"]


@pytest.mark.parametrize(
    ("asked", "billed"),
    [
        ({"hours": 24}, 48),  # over before the first change
        ({"start": "2027-01-15", "hours": 24}, 36),  # from the day itself on
        ({"start": "2027-02-28", "hours": 48}, 24 * D("1.5") + 24),  # through a change at midnight
        ({"start": "2028-01-01", "hours": 24}, 24),  # all over: the last holds
        ({"start": "", "hours": 24}, 48),  # no day: what holds today, and a note
        ({"use": "mon-fri 08-20 x3", "hours": None}, 120 * 2 + 372 * D("1.5") + 276),
    ],
)
def test_the_window_says_which_prices_it_meets(tmp_path: Path, asked: dict[str, object], billed: object) -> None:
    """By the clock: 10 weekdays before 15 January of 12 h, 31 to 1 March, 23 in March."""
    made, found = offers(tmp_path, **asked)
    hourly = found["on_demand", "", "", ""]
    assert hourly.totals.native.billed == billed
    if not asked.get("start", "x"):
        assert any("--start says when the window begins" in str(note) for note in made.notes)


def test_a_list_price_holds_until_ones_own_begins(tmp_path: Path) -> None:
    listed = quote(catalog=Catalog(), today=TODAY, **AT, hours=48, purchase_option=("on_demand",)).offers[0]
    before = listed.totals.native.billed / 48
    _, found = offers(tmp_path, f"{TYPE},on_demand,,,hour,,,1.00,USD,2027-01-02\n", hours=48)
    assert found["on_demand", "", "", ""].totals.native.billed == before * 24 + 24


def test_a_run_goes_on_through_its_steps_at_the_price_of_the_day(tmp_path: Path) -> None:
    """Steps at 100 hours: 3.00 and 2.00; from 3 January (hour 48) 1.50 and 1.00."""
    rows = "".join(
        f"{TYPE},on_demand,,,hour,{a},{b},{amount},USD,{day}\n"
        for a, b, amount, day in (
            (0, 100, "3.00", ""),
            (100, "", "2.00", ""),
            (0, 100, "1.50", "2027-01-03"),
            (100, "", "1.00", "2027-01-03"),
        )
    )
    _, found = offers(tmp_path, rows, hours=120)
    assert found["on_demand", "", "", ""].totals.native.billed == 48 * 3 + 52 * D("1.5") + 20


def test_what_is_saved_says_the_same_again(tmp_path: Path) -> None:
    made, _ = offers(tmp_path)
    path = tmp_path / "quote.json"
    path.write_bytes(bytes(render(made, "json")))
    again = load(str(path))
    assert render(again, "json") == render(made, "json")
    assert [o.eras for o in again.offers] == [o.eras for o in made.offers] and any(o.eras for o in again.offers)
    raw = json.loads(path.read_text(encoding="utf-8"))
    changed = next(o for o in raw["offers"] if "eras" in o)
    for days in (["", "2027-03-01"], ["2027-03-01", "2027-01-15"], ["no day", "2027-01-15"]):
        for era, day in zip(changed["eras"], days, strict=False):
            era["since"] = day
        path.write_text(json.dumps(raw), encoding="utf-8")
        if days[0]:
            with pytest.raises(MisuseError, match="eras"):
                load(str(path))


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (f"{TYPE},on_demand,,,hour,,,2.00,USD,2027-01-01\n" * 2, "stands already at own.csv:2"),
        (
            f"{TYPE},on_demand,,,hour,,,2.00,USD,\n{TYPE},on_demand,,,hour,,,9.00,CNY,2027-01-01\n",
            "keeps its currency",
        ),
        (f"{TYPE},on_demand,,,hour,,,2.00,USD,2027-02-30\n", "effective_date"),
        (f"{TYPE},on_demand,,,hour,,,0,USD,2027-02-20\n", "not above zero"),
    ],
)
def test_what_is_wrong_names_its_line(tmp_path: Path, rows: str, told: str) -> None:
    with pytest.raises(MisuseError, match=told):
        catalog(tmp_path, rows)


def test_a_currency_that_changes_from_the_lists_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match=r"own\.csv:2.*is in CNY from 2027-01-15 on, before in USD"):
        offers(tmp_path, f"{TYPE},on_demand,,,hour,,,9.00,CNY,2027-01-15\n")


def test_two_files_do_not_say_one_price_twice(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(HEAD + f"{TYPE},on_demand,,,hour,,,2.00,USD,\n", encoding="utf-8")
    with pytest.raises(MisuseError, match=r"b\.csv:2: .* stands already at a\.csv:2"):
        load_all([str(tmp_path / "a.csv"), str(tmp_path / "b.csv")], Catalog())


def planned(folder: Path, rows: str, demand: str, term: str = "", **asked: object):
    series = shapes.read(demand)
    work = plan.workload_at_peak(Workload(**AT, **asked), series)
    return plan.make(quote(work, catalog=catalog(folder, rows), today=TODAY), series, Asked(Rules(term)))


def test_a_plan_pays_each_hour_at_its_day_and_each_commitment_at_its_signing(tmp_path: Path) -> None:
    """Three instances for 2,190 hours on demand: 3 x 3,066. A year signed on 1 January at 1.20 would be 10,512 each."""
    found = planned(tmp_path, ROWS, "flat instances=3 hours=2190 start=2027-01-01", purchase_option=("on_demand",))
    assert found.best.cost == 3 * 3066
    assert [(hour, one.hour) for hour, one in found.best.market.paid.later] == [(336, D("1.5")), (1416, 1)]


def test_a_month_that_is_signed_later_costs_what_it_costs_then(tmp_path: Path) -> None:
    """Months of a subscription at 700, from 1 March at 400: two of the one and two of the other, an instance all the while."""
    where = "alicloud,cn-hangzhou,ecs.gn7i-c16g1.4xlarge,subscription,1m,,month,,"
    rows = f"{where},7000,CNY,\n{where},4000,CNY,2027-03-01\n"
    asked = {
        "provider": ("alicloud",),
        "region": ("cn-hangzhou",),
        "instance_type": ("ecs.gn7i-c16g1.4xlarge",),
        "purchase_option": ("subscription",),
        "currency": "CNY",
    }
    series = shapes.read("flat instances=1 hours=2880 start=2027-01-01")  # 31 + 28 + 31 + 30 days
    work = plan.workload_at_peak(Workload(**asked), series)
    made = plan.make(quote(work, catalog=catalog(tmp_path, rows), today=TODAY), series, Asked(Rules("")))
    assert made.best.cost == 2 * 7000 + 2 * 4000
    assert [deal.cost for deal, _ in made.best.solved.deals] == [7000, 7000, 4000, 4000]
    assert all(one.amount == 0 for one in owed(made))  # each month is paid when it is signed


def test_people_and_programs_see_the_change(planner: Run, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(HEAD + ROWS, encoding="utf-8")
    args = ("commit", "--offline-list", "--provider", "aws", "--region", "us-east-1", "--instance-type", "g6e.xlarge")
    args += ("--price-book", "own.csv", "--demand", "flat instances=3 hours=2190 start=2027-01-01")
    shown = planner(*args).stdout
    assert "9,198.00" in shown and "from 2027-01-15 on 1.5 USD per hour, before 2" in shown
    raw = json.loads(planner(*args, "--format", "json").stdout)
    assert raw["mix"]["hourly"][0]["prices"] == [
        {"first_hour": 0, "price": "2"},
        {"first_hour": 336, "price": "1.5"},
        {"first_hour": 1416, "price": "1"},
    ]
    assert "自 2027-01-15 起" in planner(*args, "--lang", "zh").stdout
    scenarios = ("--scenario", "1=flat instances=3 hours=2190 start=2027-01-01")
    both = (*args[:-2], *scenarios, "--scenario", "1=flat instances=1 hours=2190 start=2027-01-01", "--format", "json")
    assert D(json.loads(planner(*both).stdout)["plan"]["expected"]) == 2 * 3066
    (tmp_path / "many.csv").write_text(
        "name,demand,start\none,flat instances=3 hours=2190 start=2027-01-01,\ntwo,flat instances=1 hours=48 start=2027-02-28,\n",
        encoding="utf-8",
    )
    rows = planner("portfolio", "many.csv", *args[1:-2], "--format", "json").stdout
    costs = {row["name"]: D(row["cost"]) for row in json.loads(rows)["workloads"]}
    assert costs == {"one": 9198, "two": 60}
