"""The workbook: its formulas, recalculated by LibreOffice, give what the planner gives, now and with other inputs."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import zipfile
from datetime import date, datetime
from decimal import Decimal
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from planner import workload
from planner.errors import PlannerError
from planner.prices import fx
from planner.prices.catalog import Catalog
from planner.prices.own import load
from planner.quoting import build
from planner.quoting.calendar import by_period, cut, schedule
from planner.quoting.fiscal import quarters, years
from planner.quoting.records import Quote
from planner.quoting.saved import load as from_json
from planner.rendering.json import dump as to_json
from planner.rendering.xlsx import dump
from planner.rendering.xlsx import options_of as choose
from planner.rendering.xlsx.book import LONGEST, clean
from planner.rendering.xlsx.costs import COL, FIRST
from planner.rendering.xlsx.model import Model

openpyxl = pytest.importorskip("openpyxl")
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:openpyxl"),
    pytest.mark.xdist_group("libreoffice"),  # books are recalculated once for all of these tests
]
TODAY = "2026-11-23"
P4D: dict[str, object] = {"provider": "aws", "region": "us-east-1", "instance_type": ["p4d.24xlarge"]}
SOFFICE = shutil.which("soffice")
needs_soffice = pytest.mark.skipif(SOFFICE is None, reason="LibreOffice (soffice) is not installed")
RECALCULATE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop></item>
</oor:items>
"""
TIERED = (
    "provider,region,instance_type,purchase_option,amount,currency,site,unit,term,payment,tier_from,tier_to\n"
    "tencentcloud,ap-guangzhou,GN10Xp.2XLARGE40,on_demand,12,CNY,china,hour,,,0,96\n"
    "tencentcloud,ap-guangzhou,GN10Xp.2XLARGE40,on_demand,9,CNY,china,hour,,,96,360\n"
    "tencentcloud,ap-guangzhou,GN10Xp.2XLARGE40,on_demand,5.5,CNY,china,hour,,,360,\n"
    "tencentcloud,ap-guangzhou,GN10Xp.2XLARGE40,subscription,50001,CNY,china,term,1y,,,\n"
    "aws,us-east-1,g6.xlarge,reserved,1000,USD,aws,term,1y,partial_upfront,,\n"
    "aws,us-east-1,g6.xlarge,reserved,0.21,USD,aws,hour,1y,partial_upfront,,\n"
)

#: At least 40 workloads: providers, ways of buying, currencies, tiers, discounts, counts, taxes, dates.
WORKLOADS: list[dict[str, object]] = [
    {},
    {"hours": "100"},
    {"hours": "744"},
    {"hours": "745"},
    {"hours": "8760"},
    {"hours": "8784"},
    {"hours": "17520"},
    {"hours": "30000"},
    {"hours": "0.5"},
    {"hours": "1234.5"},
    {"start": "2027-01-31"},
    {"start": "2027-01-31", "hours": "1488"},
    {"start": "2028-02-01", "hours": "8784"},
    {"start": "2027-02-01", "hours": "2000", "egress_gb": "100"},
    {"currency": "CNY"},
    {"currency": "CNY", "fx": ["USDCNY=7.1"]},
    {"currency": "EUR", "fx": ["EURUSD=1.08"]},
    {"fx": ["CNYUSD=0.14"]},
    {"egress_gb": "50"},
    {"egress_gb": "100"},
    {"egress_gb": "500"},
    {"egress_gb": "10240"},
    {"egress_gb": "60000"},
    {"egress_gb": "200000", "hours": "2200"},
    {"inter_region_gb": "700"},
    {"inter_region_gb": "700", "egress_gb": "900", "region": "all", "provider": "aws"},
    {"storage_gb": "100"},
    {"storage_gb": "250", "hours": "1500"},
    {"public_ips": "3"},
    {"storage_gb": "80", "public_ips": "2", "egress_gb": "300"},
    {"tax": "6%"},
    {"tax": "13%", "egress_gb": "800", "storage_gb": "50"},
    {"discount": ["aws=12%"]},
    {"discount": ["aws=12%", "aws:reserved=5%", "tencentcloud:subscription=20%"], "egress_gb": "400"},
    {"discount": ["alicloud=7.5%", "tencentcloud:on_demand=3%"], "tax": "6%"},
    {"count": "4"},
    {"count": "3", "hours": "5000", "storage_gb": "40", "tax": "9%"},
    {"provider": "aws", "purchase_option": "reserved"},
    {"provider": "aws", "purchase_option": "spot"},
    {"provider": "aws", "purchase_option": "on_demand"},
    {"provider": "tencentcloud"},
    {"provider": "tencentcloud", "purchase_option": "subscription", "hours": "2500"},
    {"provider": "alicloud", "egress_gb": "100"},
    {"region": "all", "gpu": "A100"},
    {"rps": "20"},
    {"tokens_per_second": "900", "spare": "1"},
    {"region": "cn-north-1", "provider": "aws", "currency": "CNY"},
    {"book": True},
    {"book": True, "hours": "300"},
    {"book": True, "hours": "9000", "discount": ["tencentcloud=10%", "aws:reserved=4%"]},
    {"book": True, "hours": "96.5", "count": "2", "egress_gb": "20"},
    {"spare": "1", "provider": "aws"},
    {
        "use": "mon-fri 08-20 Asia/Shanghai x15",
        "start": "2027-12-15",
        "tax": ["6%", "alicloud=13%:included"],
        "discount_rate": "10%",
        "egress_gb": "700",
        "storage_gb": "100",
        "contract": ["aws=120000x12:8%:50%", "alicloud=9000x12:20%"],
    },
    {"use": "300h/month x12", "provider": "tencentcloud", "fiscal_year_start": "april", "public_ips": "1"},
    {
        "hours": "8760",
        "start": "2027-01-31",
        "contract": ["aws=120000x12:8%"],
        "provider": "aws",
        "fiscal_year_start": "1",
    },
    {"discount_rate": "10%", "hours": "2190", "provider": "aws"},
    {
        "tax": ["5%", "aws=0%", "alicloud=13%:recoverable", "tencentcloud:china=6%:included:recoverable"],
        "hours": "2190",
        "start": "2026-12-31",
        "egress_gb": "900",
        "storage_gb": "50",
        "public_ips": "1",
    },
    {
        "book": True,
        "purchase_option": "reserved",
        "instance_type": ["g6.xlarge"],
        "hours": "3000",
        "start": "2027-01-15",
        "egress_gb": "150",
        "storage_gb": "60",
        "public_ips": "1",
        "tax": "6%",
    },
]
#: Workloads whose workbooks are compared cell by cell: every ninth, and the last six.
EVERY_CELL = [*range(0, len(WORKLOADS) - 6, 9), *range(len(WORKLOADS) - 6, len(WORKLOADS))]
REST = [number for number in range(len(WORKLOADS)) if number not in EVERY_CELL]


def make(values: dict[str, object], tmp_path_factory: Any = None) -> Quote:
    """Return the quote of `values`; "book" adds tiered and partial-upfront own prices."""
    values = dict(values)
    catalog = Catalog()
    if values.pop("book", False):
        path = tmp_path_factory.getbasetemp() / "own.csv"
        path.write_text(TIERED)
        catalog.own = tuple(load(str(path), catalog))
        values.setdefault("instance_type", ["GN10Xp.2XLARGE40", "g6.xlarge"])
    work = workload.make(values)
    return build.quote(work, catalog, TODAY, fx.Rates(fx.committed(""), work.fx), whole=True)


def recalculate(folder: Path, files: list[Path]) -> dict[str, Any]:
    """Return where the files recalculated by LibreOffice are, by name."""
    out, running = folder / "out", []
    for half in (0, 1):  # two at once, each with its own profile: one process uses one core
        profile = folder / f"profile{half}"
        (profile / "user").mkdir(parents=True, exist_ok=True)
        (profile / "user" / "registrymodifications.xcu").write_text(RECALCULATE)
        command = [
            str(SOFFICE),
            f"-env:UserInstallation=file://{profile}",
            "--headless",
            "--convert-to",
            "xlsx",
            "--outdir",
            str(out),
        ]
        if files[half::2]:
            running.append(
                subprocess.Popen(
                    [*command, *map(str, files[half::2])], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
            )
    for process in running:
        assert process.wait(timeout=300) == 0
    return {f.name: out / f.name for f in files}


def values(path: Path, number: int) -> list[tuple[Any, ...]]:
    """Return the rows of sheet `number` (from 0) as values; read-only reading is several times faster."""
    book = openpyxl.load_workbook(path, data_only=True, read_only=True)
    rows = list(book.worksheets[number].iter_rows(values_only=True))
    book.close()
    return rows


def totals(path: Path) -> list[dict[str, Any]]:
    """Return the rows of Costs as numbers by column key."""
    rows = []
    for row in values(path, 5)[FIRST:]:
        if row[0] is None:
            break
        rows.append({key: row[col] for key, col in COL.items()})
    return rows


def assert_same(quote: Quote, offers: list[Any], rows: list[dict[str, Any]], where: object) -> None:
    """Every total of every option equals the planner's, to the cent and to nine digits."""
    assert len(rows) == len(offers), where
    for row, offer in zip(rows, offers, strict=True):
        pairs = [
            (row[f"{scope}_{short}"], getattr(getattr(offer.totals, long), name))
            for scope, long in (("n", "native"), ("r", "report"))
            for short, name in (("list", "list"), ("eff", "effective"), ("bill", "billed"), ("owed", "committed"))
        ]
        for found, expected in pairs:
            assert abs(Decimal(repr(found)) - expected) <= max(Decimal("1e-9"), abs(expected) * Decimal("1e-9")), (
                where,
                offer.id,
                row,
            )
        assert row["whole"] == (0 if offer.unpriced else 1), (where, offer.id)
        if offer.cost_per_million_output is not None:
            assert row["m_out"] == pytest.approx(float(offer.cost_per_million_output), rel=1e-9), (where, offer.id)


@pytest.fixture(scope="module")
def recalculated(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The workbooks of some of the workloads, written and recalculated once."""
    return _recalculated(EVERY_CELL, tmp_path_factory)


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Those of the rest (`make slow`)."""
    return _recalculated(REST, tmp_path_factory)


def _recalculated(numbers: list[int], tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("books")
    quotes, files = {}, {}
    for number in numbers:
        quotes[number] = make(WORKLOADS[number], tmp_path_factory)
        files[number] = folder / f"w{number:02d}.xlsx"
        language = "zh" if number % 7 == 3 else "en"
        files[number].write_bytes(dump(quotes[number], top=1 + (number % 10 == 0), lang=language))
    return quotes, files, recalculate(folder, list(files.values()))


def test_there_are_enough_workloads() -> None:
    assert len(WORKLOADS) >= 40


@pytest.mark.system
@needs_soffice
@pytest.mark.parametrize(
    "number",
    [pytest.param(number, marks=pytest.mark.slow if at % 3 else ()) for at, number in enumerate(EVERY_CELL)],
)
@pytest.mark.long
def test_every_total_equals_the_planner(recalculated: Any, number: int) -> None:
    _totals_equal(recalculated, number)


@pytest.mark.slow
@pytest.mark.system
@needs_soffice
@pytest.mark.parametrize("number", REST)
def test_every_other_total_equals_the_planner(others: Any, number: int) -> None:
    _totals_equal(others, number)


def _totals_equal(recalculated: Any, number: int) -> None:
    quotes, files, books = recalculated
    assert_same(
        quotes[number],
        choose(quotes[number], 1 + (number % 10 == 0)),
        totals(books[files[number].name]),
        WORKLOADS[number],
    )


@pytest.mark.system
@pytest.mark.slow
@needs_soffice
def test_every_cached_value_is_what_libreoffice_calculates(recalculated: Any) -> None:
    _, files, books = recalculated
    count = 0
    for path in (files[number] for number in EVERY_CELL):
        cached, formulas = openpyxl.load_workbook(path, data_only=True), openpyxl.load_workbook(path)
        fresh = openpyxl.load_workbook(books[path.name], data_only=True)
        for sheet in formulas:
            ours, theirs = cached[sheet.title], fresh[sheet.title]
            for row in sheet.iter_rows():
                for cell in row:
                    new = theirs[cell.coordinate].value
                    assert not (isinstance(new, str) and re.match(r"#|Err:", new)), (
                        path.name,
                        sheet.title,
                        cell.coordinate,
                        new,
                    )
                    if cell.data_type != "f":
                        continue
                    count += 1
                    old = ours[cell.coordinate].value
                    old, new = (x.toordinal() if hasattr(x, "toordinal") else x for x in (old, new))
                    if isinstance(old, (int, float)) and isinstance(new, (int, float)):
                        # amounts can cancel, so small ones are compared to a millionth
                        assert abs(old - new) <= max(1e-6, 1e-9 * abs(old)), (
                            path.name,
                            sheet.title,
                            cell.coordinate,
                            old,
                            new,
                            cell.value,
                        )
                    else:
                        assert (old or "") == (new or ""), (
                            path.name,
                            sheet.title,
                            cell.coordinate,
                            old,
                            new,
                            cell.value,
                        )
    assert count > 7_000


@pytest.mark.system
def test_rows_of_focus_are_the_entries_of_the_schedule(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A commitment paid in part upfront: what is bought, used and left unused, as `--format focus` says month by month."""
    quote = make(WORKLOADS[-1], tmp_path_factory)
    best = quote.best
    assert best is not None and best.payment == "partial_upfront"
    entries = cut(quote, best)
    sheet = openpyxl.load_workbook(io.BytesIO(dump(quote, top=1)), data_only=True)["FOCUS"]
    table = [row for row in sheet.iter_rows(min_row=5, values_only=True) if row[0]]
    for kind in ("usage", "purchase", "tax"):
        mine = [row for row in table if row[0] == kind.title()]
        for col, amount in ((9, "listed"), (10, "contracted"), (11, "billed"), (12, "effective")):
            total = sum(getattr(e, amount) for e in entries if e.kind == kind)
            assert sum(row[col] for row in mine) == pytest.approx(float(total), rel=1e-12), (kind, amount)
    bought = [(row[2], row[6]) for row in table if row[0] == "Purchase"]
    assert bought == [("One-Time", "Hours"), ("Recurring", "Hours"), ("Recurring", "Hours")]


def test_timeline_months_are_those_of_the_schedule(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Disks and addresses fall on months by their hours, traffic evenly; cash and cost by month are `by_period`'s."""
    quote = make(WORKLOADS[-1], tmp_path_factory)
    book = openpyxl.load_workbook(io.BytesIO(dump(quote, top=1)), data_only=True)
    label = "Option shown in detail (number on Summary)"
    shown = next(r[1] for r in book["Inputs"].iter_rows(max_row=30, values_only=True) if r[0] == label)
    offer = choose(quote, 1)[int(shown) - 1]
    rows = {row[0]: row[3:] for row in book["Timeline"].iter_rows(min_row=5, values_only=True) if row[0]}
    for m, (_, billed, effective) in enumerate(by_period(schedule(quote, offer))):
        assert rows["cash"][m] == pytest.approx(float(billed), abs=1e-9), m
        assert rows["amortised cost, with tax"][m] == pytest.approx(float(effective), abs=1e-9), m


@pytest.mark.system
@needs_soffice
@pytest.mark.long
def test_only_checks_of_age_fail(recalculated: Any) -> None:
    """The arithmetic checks hold in every workbook; the committed lists are old, and the workbook says so."""
    quotes, files, books = recalculated
    for quote, path in zip(quotes.values(), files.values(), strict=True):
        sheet = values(books[path.name], 12)
        failing = {row[0] for row in sheet[4:] if row[1] is not None and row[4] != 1}
        allowed = {
            "no price is older than the limit (spot apart)",
            "没有超过期限的旧价格（竞价除外）",
            "no price is undated (spot apart)",
            "没有无日期的价格（竞价除外）",
        }
        if all(o.unpriced or o.market for o in choose(quote, 1)):
            allowed |= {"a firm option is priced completely", "至少一个稳定方案价格完整"}
        assert failing <= allowed, (path.name, failing)


#: (start, typed changes as {label: value}, the workload that says the same)
EDITS: list[tuple[dict[str, object], dict[str, object], dict[str, object]]] = [
    ({}, {"hours": 100}, {"hours": "100"}),
    ({}, {"hours": 2000}, {"hours": "2000"}),
    (
        {"egress_gb": "10", "storage_gb": "20"},
        {"hours": 8760},
        {"hours": "8760", "egress_gb": "10", "storage_gb": "20"},
    ),
    ({}, {"egress": 70000}, {"egress_gb": "70000"}),
    ({"egress_gb": "500"}, {"egress": 0}, {}),
    ({}, {"inter": 900, "storage": 60, "ips": 2}, {"inter_region_gb": "900", "storage_gb": "60", "public_ips": "2"}),
    ({}, {"tax": 0.06}, {"tax": "6%"}),
    ({}, {"fx": 7.25}, {"fx": ["USDCNY=7.25"]}),
    ({"currency": "CNY"}, {"fx": 7.25, "hours": 100}, {"currency": "CNY", "fx": ["USDCNY=7.25"], "hours": "100"}),
    ({"discount": ["aws=10%"]}, {"discount": 0.25}, {"discount": ["aws=25%"]}),
    (
        {},
        {"discount": 0.12, "hours": 100, "egress": 300},
        {"discount": ["aws=12%"], "hours": "100", "egress_gb": "300"},
    ),
    ({}, {"count": 5}, {"count": "5"}),
    ({"start": "2027-01-31"}, {"hours": 1500}, {"start": "2027-01-31", "hours": "1500"}),
    ({"book": True}, {"hours": 100}, {"book": True, "hours": "100"}),
    ({"book": True, "hours": "50"}, {"hours": 700}, {"book": True, "hours": "700"}),
    ({"book": True}, {"scenario": "High", "egress": 1000}, {"book": True, "hours": "864", "egress_gb": "1200"}),
]
CELLS = {
    "hours": "B6",
    "egress": "B8",
    "inter": "B9",
    "storage": "B10",
    "ips": "B11",
    "tax": "B12",
    "rate": "B16",
    "scenario": "B17",
}


def change(path: Path, target: Path, changes: dict[str, object]) -> None:
    """Type `changes` into Inputs of `path` and save it as `target`."""
    book = openpyxl.load_workbook(path)
    sheet = book["Inputs"]
    labels: dict[str, int] = {}
    for row in range(1, sheet.max_row + 1):
        labels.setdefault(str(sheet.cell(row, 1).value), row)
    for name, value in changes.items():
        if name in CELLS:
            sheet[CELLS[name]] = value
        elif name == "fx":
            sheet.cell(labels["1 USD = ... CNY"], 2).value = value
        elif name == "discount":
            sheet.cell(labels["aws"], 2).value = value
        elif name == "count":
            for row in range(labels["Instances per option"] + 2, sheet.max_row + 1):
                sheet.cell(row, 2).value = value
    book.save(target)


@pytest.mark.slow
@pytest.mark.system
@needs_soffice
def test_typed_inputs_give_what_a_new_quote_gives(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("edited")
    files, wanted = [], []
    for number, (before, changes, after) in enumerate(EDITS):
        old, new = make(before, tmp_path_factory), make(after, tmp_path_factory)
        path, target = folder / f"plain{number}.xlsx", folder / f"e{number:02d}.xlsx"
        path.write_bytes(dump(old, top=1))
        change(path, target, changes)
        files.append(target)
        by_id = {o.id: o for o in new.offers}
        wanted.append((old, [by_id.get(o.id) for o in choose(old, 1)], new))
    books = recalculate(folder, files)
    for (old, offers, new), path, (before, changes, _) in zip(wanted, files, EDITS, strict=True):
        # A capacity block is not sold for so long a window: a new quote lacks it.
        at = [index for index, offer in enumerate(offers) if offer is not None]
        rows, offers = [totals(books[path.name])[i] for i in at], [offers[i] for i in at]
        if "scenario" in changes:  # the scenario scales exchange rates too
            scale = Decimal("1.05")
            assert rows[0]["n_eff"] == pytest.approx(float(offers[0].totals.native.effective), rel=1e-9)
            for row, offer in zip(rows, offers, strict=True):
                foreign = offer.totals.native_currency != new.currency
                assert row["r_eff"] == pytest.approx(
                    float(offer.totals.report.effective * (scale if foreign else 1)), rel=1e-9
                )
            continue
        assert_same(new, offers, rows, (before, changes))
        commitments = takewhile(lambda row: isinstance(row[0], int), values(books[path.name], 7)[4:])  # ties follow
        evens = {row[0] - 1: row[5] for row in commitments}
        for index, offer in zip(at, offers, strict=True):
            if offer.break_even_hours is not None:
                assert evens[index] == offer.break_even_hours, (changes, offer.id)
        assert old.hash != new.hash


@pytest.mark.parametrize("start", ["2026-12-01", "2026-12-17"])
def test_fiscal_quarters_of_the_workbook_are_the_planners(start: str) -> None:
    """From the first of a month on by formulas, from a later day on as quoted; in both languages."""
    asked = {"hours": "8760", "start": start, "fiscal_year_start": "april", **P4D}
    quote = make(asked)
    shown = Model(quote, choose(quote, 3)).shown.offer
    found = quarters(quote, shown)
    for lang, named in (("en", "FY 2026/27 Q3"), ("zh", "2026/27 财年第 3 季")):
        sheet = openpyxl.load_workbook(io.BytesIO(dump(quote, lang=lang)), data_only=True).worksheets[6]
        rows = {str(row[0]): row[2:5] for row in sheet.iter_rows(values_only=True) if row[0]}
        assert rows[named][0] == datetime(2026, 10, 1)
        told = [row for row in rows.values() if isinstance(row[0], datetime) and (row[1] or row[2])]
        assert [row[0].date().isoformat() for row in told] == [q.begins for q in found]
        for row, quarter in zip(told, found, strict=True):
            assert row[1:] == pytest.approx((float(quarter.billed), float(quarter.effective)), rel=1e-9)
        for year in years(found):
            name = f"FY {year.year}" if lang == "en" else f"{year.year} 财年"
            assert rows[name][1:] == pytest.approx((float(year.billed), float(year.effective)), rel=1e-9)


@pytest.mark.long
@pytest.mark.system
@needs_soffice
def test_a_typed_price_moves_the_summary(tmp_path: Path) -> None:
    quote = make({"provider": "aws", "purchase_option": "on_demand"})
    path, target = tmp_path / "a.xlsx", tmp_path / "b.xlsx"
    path.write_bytes(dump(quote, top=3))
    book = openpyxl.load_workbook(path)
    book["Prices"]["J5"] = 10
    book.save(target)
    sheet = openpyxl.load_workbook(recalculate(tmp_path, [target])["b.xlsx"], data_only=True)["Summary"]
    assert sheet["E7"].value == pytest.approx(7200)
    assert choose(quote, 3)[1].instance_type in sheet["A3"].value


def text_of(data: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {n: archive.read(n).decode() for n in archive.namelist() if n.endswith((".xml", ".rels"))}


def test_summary_holds_no_typed_number() -> None:
    """Every number on Summary, Costs, Timeline and Scenarios below the headers is a formula; the exceptions are axes."""
    book = openpyxl.load_workbook(io.BytesIO(dump(make({}), top=3)))
    for name, first, columns in (
        ("Summary", 7, range(1, 16)),
        ("Costs", 6, range(2, 60)),
        ("Scenarios", 10, range(1, 20)),
        ("Steps", 6, range(3, 40)),
    ):
        for row in book[name].iter_rows(min_row=first):
            for cell in row:
                if cell.column in columns:
                    assert not isinstance(cell.value, (int, float)), (name, cell.coordinate)


def test_formulas_are_of_the_old_kind_and_nothing_is_hidden() -> None:
    data = dump(make({"egress_gb": "500"}), top=3)
    parts = text_of(data)
    everything = "".join(v for k, v in parts.items() if k.startswith("xl/worksheets/sheet"))
    formulas = re.findall(r"<f>(.*?)</f>", everything)
    assert len(formulas) > 2000
    banned = r"\b(OFFSET|INDIRECT|TODAY|NOW|RAND|RANDBETWEEN|INFO|CELL|LET|XLOOKUP|FILTER|UNIQUE|SORT|SEQUENCE|IFS|MAXIFS|MINIFS|SWITCH|LAMBDA)\("
    for formula in formulas:
        assert not re.search(banned, formula), formula
        assert len(formula) < 2000 and "[" not in formula and "#REF" not in formula
    assert not any("vbaProject" in n or "externalLink" in n for n in parts)
    assert 'state="hidden"' not in parts["xl/workbook.xml"]
    book = openpyxl.load_workbook(io.BytesIO(data))
    for sheet in book:
        assert sheet.protection.sheet and not sheet.protection.password
        assert sheet.print_area and sheet.sheet_properties.pageSetUpPr.fitToPage
    assert not book["Inputs"]["B6"].protection.locked and not book["Prices"]["J5"].protection.locked
    assert book["Summary"]["E7"].protection.locked and book["Summary"].freeze_panes == "C7"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_sheets_print_on_one_paper_and_charts_say_what_they_show(lang: str) -> None:
    made = dump(make({"hours": "720"}), lang=lang)
    parts = text_of(made)
    papers = [re.findall(r'paperSize="(\d+)"', x) for n, x in parts.items() if n.startswith("xl/worksheets/sheet")]
    assert len(papers) > 10
    assert {one for found in papers for one in found} == {"9"}
    assert all(papers)
    charts = [
        c for n, x in parts.items() if n.startswith("xl/drawings/drawing") for c in re.findall("<xdr:cNvPr[^>]*>", x)
    ]
    assert len(charts) == 4
    assert all(len(re.findall(r'descr="[^"]{15,}"', c)) == 1 for c in charts)
    assert len(set(charts)) == 4


def test_terms_are_chinese_in_a_chinese_workbook() -> None:
    made = dump(make({"hours": "720"}), lang="zh")
    shared = text_of(made)["xl/sharedStrings.xml"]
    said = [x for x in re.findall(r"<t[^>]*>([^<]*)</t>", shared) if not re.search(r"\w:\w", x)]
    assert any("预留实例 3 年 全额预付" in x for x in said)
    assert [x for x in said if re.search(r"\b\d+[ym]\b|upfront", x)] == []


def test_the_same_quote_gives_the_same_bytes() -> None:
    assert dump(make({}), top=2) == dump(make({}), top=2)


@pytest.mark.parametrize("name", ['=HYPERLINK("http://x")', "+1+1", "-2", "@SUM(A1)", "=cmd|' /C calc'!A0"])
def test_user_text_is_never_a_formula(name: str) -> None:
    data = dump(make({"name": name, "provider": "aws"}), top=1)
    book = openpyxl.load_workbook(io.BytesIO(data))
    assert book["Cover"]["A2"].value == name and book["Cover"]["A2"].data_type == "s"
    inside = "".join(v for k, v in text_of(data).items() if "worksheets/sheet" in k)
    assert name not in "".join(re.findall(r"<f>(.*?)</f>", inside))


def test_own_price_text_that_looks_like_a_formula_stays_text(tmp_path: Path) -> None:
    catalog = Catalog()
    path = tmp_path / "own.csv"
    path.write_text(
        'provider,region,instance_type,purchase_option,amount,currency,source\naws,us-east-1,g6.xlarge,on_demand,0.5,USD,"=1+1"\n'
    )
    catalog.own = tuple(load(str(path), catalog))
    work = workload.make({"instance_type": ["g6.xlarge"], "purchase_option": ["on_demand"], "provider": ["aws"]})
    quote = build.quote(work, catalog, TODAY, fx.Rates(fx.committed(""), ()), whole=True)
    sheet = openpyxl.load_workbook(io.BytesIO(dump(quote, top=1)))["Prices"]
    assert (sheet["U5"].value, sheet["U5"].data_type) == ("=1+1", "s")


def test_text_is_cut_and_cleaned() -> None:
    assert clean("a\x00b\x1bc\ud800") == "a b c"
    assert len(clean("x" * 40_000)) == LONGEST and clean("x" * 40_000).endswith("...")


def test_a_quote_without_offers_is_refused() -> None:
    quote = make({"provider": "aws", "instance_type": ["g4dn.xlarge"], "model": "DeepSeek-R1"})
    with pytest.raises(PlannerError, match="nothing to put"):
        dump(quote._replace(offers=()), top=1)


@pytest.mark.system
@needs_soffice
@pytest.mark.long
def test_a_saved_quote_makes_a_workbook_too(tmp_path: Path) -> None:
    """Without the carried prices, the figures of the saved quote itself must still come out of the formulas."""
    quote = make({"egress_gb": "500", "storage_gb": "40", "tax": "6%", "discount": ["aws=5%"]})
    asked = tuple(o._replace(lines=tuple(x for x in o.lines if x.each)) for o in quote.offers)
    bare = from_json(to_json(quote._replace(offers=asked)))
    path = tmp_path / "r.xlsx"
    path.write_bytes(dump(bare, top=3))
    book = recalculate(tmp_path, [path])["r.xlsx"]
    assert_same(bare, choose(bare, 3), totals(book), "replay")


def test_prices_survive_json() -> None:
    quote = make({"provider": "tencentcloud"})
    assert from_json(to_json(quote)).offers == quote.offers and quote.offers[0].lines


def run(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "planner", "quote", "--offline-list", "--provider", "aws", *args]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_needs_a_file_and_leaves_old_files_alone(tmp_path: Path) -> None:
    missing = run("--format", "xlsx")
    assert (missing.returncode, missing.stderr.count("\n")) == (2, 1)
    assert "-o review.xlsx" in missing.stderr
    nowhere = run("--format", "xlsx", "-o", str(tmp_path / "no" / "a.xlsx"))
    assert nowhere.returncode == 2
    assert "does not exist" in nowhere.stderr
    old = tmp_path / "old.xlsx"
    old.write_text("kept")
    old.chmod(0o444)
    refused = run("--format", "xlsx", "-o", str(old))
    assert (refused.returncode, old.read_text()) == (1, "kept")
    assert "read-only" in refused.stderr
    good = tmp_path / "good.xlsx"
    assert run("--format", "xlsx", "-o", str(good)).returncode == 0
    assert openpyxl.load_workbook(good).sheetnames[:3] == ["Cover", "Summary", "Inputs"]
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".tmp"] == []
    assert run("--offer", "x").returncode == 2


def test_sources_have_date_confirmation_and_age_of_each_price() -> None:
    quote = make({"provider": "aws"})
    book = openpyxl.load_workbook(io.BytesIO(dump(quote, top=2)), data_only=True)
    rows = [row for row in book["Sources"].iter_rows(min_row=5, values_only=True) if row[0]]
    lines = [
        x for o in choose(quote, 2) for x in (*o.lines, *([o.on_demand] if o.on_demand else [])) if x.part != "tax"
    ]
    rates = [r for line in lines for r in line.rates]
    assert {row[12] for row in rows} >= {r.source.text for r in rates}
    for row in rows:
        source = next(r.source for r in rates if r.source.place == row[13])
        assert str(row[7]).removesuffix(" 00:00:00") == (source.as_of or source.dated or "undated")
        assert (str(row[8])[:10] if row[8] else "") == source.confirmed
        if source.seen:
            age = (date.fromisoformat(TODAY) - date.fromisoformat(source.seen)).days
            assert (row[9], row[10] == "yes") == (age, age > quote.workload.max_age)
        else:
            assert (row[9] in ("", None), row[10]) == (True, "yes")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_versions_say_what_it_was_made_from_and_have_a_change_log(lang: str) -> None:
    quote = make({})
    book = openpyxl.load_workbook(io.BytesIO(dump(quote, top=1, lang=lang)), data_only=True)
    sheet = book.worksheets[-1]
    said = [str(cell) for row in sheet.iter_rows(values_only=True) for cell in row if cell]
    assert quote.hash in said
    assert any(quote.fx[0].as_of in x for x in said)
    free = [cell for row in sheet.iter_rows() for cell in row if not cell.protection.locked]
    assert len(free) > 50


@pytest.mark.system
@needs_soffice
@pytest.mark.long
def test_the_rate_at_which_two_ways_of_paying_tie_is_live(tmp_path: Path) -> None:
    """9.245 % nominal, 9.647 % effective: three years of p4d.24xlarge for 214,420.00 at once or 9.374 an hour."""
    path = tmp_path / "a.xlsx"
    path.write_bytes(dump(make({"instance_type": ["p4d.24xlarge"], "region": ["us-east-1"]}), top=2))
    for file in (path, recalculate(tmp_path, [path])["a.xlsx"]):
        sheet = openpyxl.load_workbook(file, data_only=True)["Commitment"]
        rates = [row[9:11] for row in sheet.iter_rows(values_only=True) if row[4] == "no upfront"]
        assert rates[0] == pytest.approx((0.09245455, 0.0964747), abs=1e-7)
    formula = next(
        row[9]
        for row in openpyxl.load_workbook(path)["Commitment"].iter_rows(values_only=True)
        if row[4] == "no upfront"
    )
    assert "RATE(" in formula
