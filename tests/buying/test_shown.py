"""Plans as pages and workbooks: the amounts of the JSON, formulas that LibreOffice finds alike, and typed values that take effect."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from planner.rendering.plans import svg
from tests.conftest import Run
from tests.rendering.test_xlsx import needs_soffice, recalculate

D = Decimal
LIST = "--offline-list"
COMMIT = ("commit", LIST, "--provider", "aws", "--demand", "chat-global rps=60 of=mean hours=8760")
SPOT = ("commit", LIST, "--provider", "aws", "--demand", "diurnal rps=20 trough=20% hours=240", "--spot-share", "30%")
#: On demand and on spot change on 8 January and 15 January; there spot is the dearer for a week.
DATED = (*SPOT[:-3], "diurnal rps=20 trough=20% hours=384 start=2027-01-01", *SPOT[-2:], "--region", "us-east-1")
DATED += ("--instance-type", "g6e.xlarge", "--price-book")
PRICES = "provider,region,instance_type,purchase_option,amount,currency,effective_date\n" + "".join(
    f"aws,us-east-1,g6e.xlarge,{option},{amount},USD,{day}\n"
    for option, amount, day in (
        ("on_demand", "1.20", ""),
        ("on_demand", "0.60", "2027-01-08"),
        ("on_demand", "0.90", "2027-01-15"),
        ("spot", "0.70", ""),
    )
)
YEAR = "provider,region,instance_type,purchase_option,term,payment,amount,currency\naws,us-east-1,g6e.xlarge,reserved,1y,no_upfront,0.03,USD\n"
#: Two types of one region, and three demands with weights, with spot; both at two months.
MIXED = ("commit", LIST, "--provider", "tencentcloud", "--region", "ap-guangzhou", "--mix-types", "--demand")
MIXED += ("chat-global rps=60 of=mean hours=744 start=2027-01-01",)
CASES = ("commit", LIST, "--region", "ap-guangzhou", "--worst", "30%")
CASES += tuple(
    word
    for one in ("6=flat rps=60 hours=744", "4=diurnal rps=25 trough=20% hours=744", "2=flat rps=90 hours=744")
    for word in ("--scenario", f"{one} start=2027-01-01")
)
#: The same with spot, prices that change, and a year that is longer than the demand.
ON_SPOT = (
    "commit",
    LIST,
    "--provider",
    "aws",
    "--region",
    "us-east-1",
    "--instance-type",
    "g6e.xlarge",
    "--spot-share",
)
ON_SPOT += ("30%", "--term", "1y", *(one.replace("744", "480") for one in CASES[4:]), "--price-book")
ASKED: dict[tuple[str, ...], dict[str, Any]] = {}
OWN = ("rent-or-buy", LIST, "--own", "examples", "--provider", "aws", "--demand", "chat-global rps=60 of=mean")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("shown")
    (made / "three.csv").write_text(
        "name,demand\nday,office rps=60 from=0 to=12 weekend=1 hours=1000\n"
        "night,office rps=60 from=12 to=24 weekend=1 hours=1000\nsteady,flat rps=5 hours=1000\n",
        "utf-8",
    )
    (made / "prices.csv").write_text(PRICES, "utf-8")
    (made / "year.csv").write_text(YEAR, "utf-8")
    return made


def many(folder: Path) -> tuple[str, ...]:
    return (
        "portfolio",
        LIST,
        "--provider",
        "aws",
        "--shared",
        "--term",
        "1y",
        "--budget",
        "9000000",
        str(folder / "three.csv"),
    )


def kept(planner: Run, folder: Path, said: tuple[str, ...], form: str, lang: str = "en") -> tuple[dict[str, Any], Path]:
    """Return the answer as JSON (asked once) and the file of the format."""
    path = folder / f"{said[0]}-{len(said)}-{lang}.{form}"
    made = planner(*said, "--format", form, "--lang", lang, "-o", str(path), "--force")
    assert made.returncode == 0, made.stderr
    if said not in ASKED:
        ASKED[said] = json.loads(planner(*said, "--format", "json").stdout)
    return ASKED[said], path


def cells(path: Path, sheet: int = 0) -> list[tuple[Any, ...]]:
    """Return the values of a sheet, row by row."""
    book = openpyxl.load_workbook(path, data_only=True, read_only=True)
    rows = list(book.worksheets[sheet].iter_rows(values_only=True))
    book.close()
    return rows


def labelled(path: Path, sheet: int = 0) -> dict[str, list[Any]]:
    """Return the rows of a sheet by what stands first, the first of a kind."""
    found: dict[str, list[Any]] = {}
    for row in cells(path, sheet):
        found.setdefault(str(row[0]), list(row[1:]))
    return found


def near(value: Any, amount: Any) -> bool:
    return abs(D(str(value)) - D(str(amount))) < D("0.005")


def check_commit(doc: dict[str, Any], path: Path) -> None:
    mix = labelled(path)
    assert near(mix["together"][4], doc["cost"]["mix"])
    assert near(mix["the same, all on demand"][4], doc["cost"]["all_on_demand"])
    for name, key in (("coverage", "coverage"), ("effective savings rate", "effective_savings_rate")):
        assert abs(D(str(mix[name][0])) - D(doc[key] or 0)) < D("0.00001"), name
    assert mix["instance-hours needed"][0] == doc["usage_hours"]
    hours = sum(h["instance_hours"] for h in doc["mix"]["hourly"])
    if not any("prices" in one for one in doc["mix"]["hourly"]):
        assert sum(mix[name][0] for name in mix if mix[name][1] == "instance-hours") == hours


def check_dated(doc: dict[str, Any], path: Path) -> None:
    """Each price has its row, and its rows have all hours; the dear week of spot has none of it."""
    check_commit(doc, path)
    rows = [row for row in cells(path) if row[0] in ("on-demand", "spot")]
    assert [row[2:4] for row in rows] == [(0, 168), (168, 336), (336, 384)] * 2
    for one, mine in zip(doc["mix"]["hourly"], (rows[:3], rows[3:]), strict=True):
        assert sum(row[1] for row in mine) == one["instance_hours"] and near(sum(row[5] for row in mine), one["cost"])
    assert rows[4][1] == 0 < rows[3][1]


def check_mixed(doc: dict[str, Any], path: Path) -> None:
    """All rows of all types are what the mix costs, and its rates those that were told."""
    mix = doc["mixed_types"]
    rows = labelled(path)
    assert len(mix["parts"]) > 1 and near(rows["together"][5], mix["cost"])
    assert abs(D(str(rows["coverage"][1])) - D(mix["coverage"])) < D("0.00001")
    assert abs(D(str(rows["effective savings rate"][1])) - D(mix["effective_savings_rate"])) < D("0.00001")


def check_cases(doc: dict[str, Any], path: Path) -> None:
    plan, rows = doc["plan"], labelled(path)
    for at, case in enumerate(plan["cases"], 1):
        cost, best, lost = rows[f"scenario {at}"][4:7]
        assert near(cost, case["cost"]) and near(best, case["best"]) and near(lost, D(case["cost"]) - D(case["best"]))
        used = sum(one["instance_hours"] for one in case["hourly"])
        assert sum(case["instances"]) >= used and rows[f"scenario {at}"][3] == sum(case["instances"])
    assert near(rows["expected"][4], plan["expected"]) and near(rows["on average of the worst"][4], plan["worst_mean"])


def check_own(doc: dict[str, Any], path: Path) -> None:
    buy, best = labelled(path), doc["machines"][0]
    assert near(buy["a month of owning, all of it"][0], best["month"])
    assert near(buy["paid at once"][0], best["upfront"])
    assert buy["buying wins from month"][0] == (best["buying_wins_from_month"] or "never")
    curve = labelled(path, 1)
    for point in doc["cumulative"]:
        _, _, own, rent, more = curve[str(point["month"])]
        assert near(own, point["own"]) and near(rent, point["rent"]) and near(more, D(point["own"]) - D(point["rent"]))


def check_portfolio(doc: dict[str, Any], path: Path) -> None:
    rows = labelled(path)
    assert near(rows["together"][6], doc["cost"]) and near(rows["each by itself"][6], doc["cost_apart"])
    assert near(rows["left of the budget"][6], D(doc["budget"]) - D(doc["cost"]))
    assert near(labelled(path, 2)["aws"][1], doc["cost_apart"])


def test_the_workbooks_hold_the_plans(planner: Run, folder: Path) -> None:
    check_commit(*kept(planner, folder, SPOT, "xlsx"))
    check_dated(*kept(planner, folder, (*DATED, str(folder / "prices.csv")), "xlsx"))
    check_own(*kept(planner, folder, OWN, "xlsx"))


def test_the_pages_run_nothing_and_tell_the_amounts(planner: Run, folder: Path) -> None:
    check_pages(planner, folder, (SPOT, ("cost", "mix"), 4, "zh"), (OWN, ("rent", "month"), 2, "zh"))
    check_pages(planner, folder, (CASES, ("plan", "expected"), 5, "zh"))


@pytest.mark.long
def test_every_page_in_both_languages(planner: Run, folder: Path) -> None:
    for lang in ("en", "zh"):
        check_pages(planner, folder, (COMMIT, ("cost", "mix"), 4, lang), (many(folder), ("cost",), 2, lang))
        check_pages(planner, folder, (MIXED, ("mixed_types", "cost"), 3, lang), (CASES, ("plan", "expected"), 5, lang))


def check_pages(planner: Run, folder: Path, *asked: tuple[tuple[str, ...], tuple[str, ...], int, str]) -> None:
    for said, key, charts, lang in asked:
        doc, path = kept(planner, folder, said, "html", lang)
        page = path.read_text("utf-8")
        amount: Any = doc
        for word in key:
            amount = amount[word]
        assert f"{D(amount):,.2f}" in page and page.count("<svg ") == charts, said[0]
        assert "<script" not in page and "src=" not in page.partition("<body>")[2] and "default-src 'none'" in page
        if lang == "zh":
            bare = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.S)
            assert not re.search(r"\b(committed|demand|regret|rented|instances|wins|month)\b", bare), said[0]


@pytest.mark.long
@pytest.mark.system
@needs_soffice
def test_libreoffice_finds_the_same_and_typed_values_take_effect(planner: Run, folder: Path) -> None:
    """Recalculated, every workbook is as written; a commitment more, a dearer kWh and six years change what they should."""
    plan, one = kept(planner, folder, COMMIT, "xlsx")
    spot, two = kept(planner, folder, SPOT, "xlsx")
    own, three = kept(planner, folder, OWN, "xlsx")
    all_, four = kept(planner, folder, many(folder), "xlsx")
    dated, five = kept(planner, folder, (*DATED, str(folder / "prices.csv")), "xlsx")
    types, six = kept(planner, folder, MIXED, "xlsx")
    cases, seven = kept(planner, folder, CASES, "xlsx")
    spots, eight = kept(
        planner, folder, (*ON_SPOT, str(folder / "prices.csv"), "--price-book", str(folder / "year.csv")), "xlsx"
    )
    typed, aged = folder / "typed.xlsx", folder / "aged.xlsx"
    book = openpyxl.load_workbook(one)
    book.worksheets[0]["B6"] = book.worksheets[0]["B6"].value + 1
    book.save(typed)
    book = openpyxl.load_workbook(three)
    sheet = book.worksheets[0]
    assert sheet["A10"].value == "years"
    sheet["B10"] = 6
    book.save(aged)
    done = recalculate(folder, [one, two, three, four, five, six, seven, eight, typed, aged])
    check_commit(plan, done[one.name])
    check_commit(spot, done[two.name])
    check_dated(dated, done[five.name])
    check_mixed(types, six)
    check_mixed(types, done[six.name])
    assert any(part["commitments"] for part in types["mixed_types"]["parts"]) and spots["plan"]["commitments"]
    assert any(":spot" in one["offer"] for case in spots["plan"]["cases"] for one in case["hourly"])
    for told, path in ((cases, seven), (spots, eight)):
        check_cases(told, path)
        check_cases(told, done[path.name])
    check_own(own, done[three.name])
    check_portfolio(all_, done[four.name])
    deal, firm = plan["mix"]["commitments"][0], plan["mix"]["hourly"][0]
    price = D(firm["cost"]) / firm["instance_hours"]
    runs = sum(1 for n in plan["mix"]["instances"] if n > deal["number"])
    more = D(plan["cost"]["mix"]) + D(deal["cost_each"]) - runs * price
    assert near(labelled(done["typed.xlsx"])["together"][4], more)
    longer = next(turn for turn in own["sensitivity"] if turn["if"] == "years 6")
    assert near(labelled(done["aged.xlsx"])["a month of owning, all of it"][0], longer["own_month"])
    for path in done.values():
        for sheet in openpyxl.load_workbook(path, data_only=True).worksheets:
            for row in sheet.iter_rows(values_only=True):
                assert not any(isinstance(v, str) and v.startswith("#") for v in row), (path.name, sheet.title, row)


def test_what_cannot_be_shown_is_one_line(planner: Run, folder: Path) -> None:
    for said, why in (
        ((*SPOT, "--format", "xlsx"), "name it with -o"),
        ((*CASES, "--format", "xlsx"), "name it with -o"),
    ):
        made = planner(*said)
        assert made.returncode == 2 and why in made.stderr and made.stderr.count("\n") == 1, made.stderr


def test_the_picture_of_a_number_is_where_it_belongs() -> None:
    """Steps of an axis are round and few; a bar of half the height has half of it."""
    for most in (0, 0.003, 1, 7, 39, 99, 1234, 5e6, 1.2e9):
        step = svg._nice(most)
        assert step > 0 and (not most or 2 <= most / step <= 7.001), most
    assert svg._short(12.5, 20) == "12.5" and svg._short(15.0, 20) == "15"  # an axis in steps of 2.5
    made = svg.bars("t", ["a", "b"], [(100.0,), (50.0,)], [("x", 1)], "")
    high, low = (float(h) for h in re.findall(r'<rect class="a1"[^>]*height="([\d.]+)"', made))
    assert abs(high - 2 * low) < 0.2
    assert "&lt;b&gt;" in svg.lines("t", [svg.Series("<b>", 1, [(0.0, 1.0), (2.0, 3.0)])], [], "")
