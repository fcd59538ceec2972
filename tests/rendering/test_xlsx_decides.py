"""What the workbook recommends at typed inputs is what a fresh quote there recommends; its present values are the planner's."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from planner import workload
from planner.prices import fx
from planner.prices.catalog import Catalog
from planner.quoting import build, choose, whatif, worth
from planner.quoting.records import Quote
from planner.rendering.xlsx import dump, options_of
from planner.rendering.xlsx.costs import SCENARIO
from planner.rendering.xlsx.inputs import FACTORS
from tests.rendering.test_page_decides import HOURS, MODELS, TODAY
from tests.rendering.test_xlsx import change, needs_soffice, recalculate, totals

openpyxl = pytest.importorskip("openpyxl")
pytestmark = [
    pytest.mark.system,
    pytest.mark.filterwarnings("ignore::UserWarning:openpyxl"),
    pytest.mark.xdist_group("libreoffice"),
]
#: model, the quote's own hours and rate, what is typed
SAMPLE = [
    ("qwen-32b", {"hours": "720"}, {"hours": 6570}),
    ("qwen-7b", {"hours": "2190", "discount_rate": "10%"}, {"hours": 26280}),
    ("llama-70b", {"hours": "720"}, {"hours": 8760, "rate": 0.12}),
]
#: The same of a duty cycle: what is typed are the hours in use; and of framework contracts.
CYCLES = [
    ("qwen-7b", {"use": "300h/month x12", "start": "2027-01-31"}, {"hours": 6000}, {"use": "500h/month x12"}),
    (
        "llama-70b",
        {"use": "mon-fri 08-20 Asia/Shanghai x15", "start": "2027-12-15", "discount_rate": "10%"},
        {},
        {},
    ),
    (
        "qwen-32b",
        {"hours": "720", "contract": ["aws=120000x12:8%:50%", "alicloud=9000x12:20%"]},
        {"hours": 6570},
        {"hours": "6570"},
    ),
    (
        "qwen-7b",
        {"use": "200h/month x30", "contract": ["aws=900x12:3%", "tencentcloud=3000x6:5%"], "discount_rate": "8%"},
        {"hours": 15000, "rate": 0.12},
        {"use": "500h/month x30", "discount_rate": "0.12"},
    ),
]
WHOLE = [
    (name, {"hours": first, **({"discount_rate": "10%"} if first == "8760" else {})}, {"hours": int(hours)})
    for name in MODELS
    for first in ("720", "8760")
    for hours in HOURS
]


def fresh(name: str, **fields: Any) -> Quote:
    work = workload.make({**MODELS[name], **fields})
    return build.quote(work, Catalog(as_of=TODAY), TODAY, fx.Rates(fx.committed(""), work.fx), whole=True)


@needs_soffice
@pytest.mark.parametrize(
    "cases",
    [
        pytest.param(SAMPLE, marks=pytest.mark.long),
        pytest.param(CYCLES, marks=pytest.mark.slow),
        pytest.param(WHOLE, marks=pytest.mark.slow),
    ],
    ids=["sample", "cycles", "whole"],
)
def test_typed_hours_and_rates_recommend_what_a_fresh_quote_does(cases: list[Any], tmp_path: Path) -> None:
    files, wanted = [], []
    for number, (name, own, typed, *other) in enumerate(cases):
        quote = fresh(name, **own)
        path, target = tmp_path / f"p{number}.xlsx", tmp_path / f"t{number}.xlsx"
        path.write_bytes(dump(quote, top=1))
        change(path, target, typed)
        files.append(target)
        asked = {**own, **other[0]} if other else {**own, "hours": str(typed["hours"])}
        if "rate" in typed:
            asked["discount_rate"] = str(typed["rate"])
        wanted.append((options_of(quote, 1), fresh(name, **asked)))
    books = recalculate(tmp_path, files)
    for path, (options, new) in zip(files, wanted, strict=True):
        agrees(books[path.name], options, new)


def agrees(path: Path, options: list[Any], new: Quote) -> None:
    """The marked row, the sentence, every option's amounts and the scenarios are those of the fresh quote."""
    book = openpyxl.load_workbook(path, data_only=True)
    best, rate = new.best, new.workload.discount_rate or Decimal(0)
    assert best is not None
    number = [o.id for o in options].index(best.id) + 1
    marked = [row[0] for row in book["Summary"].iter_rows(min_row=7, values_only=True) if row[15] == "recommended"]
    assert marked == [number]
    value = choose.amount(new, best, choose.basis_of(new))
    assert f"option {number}, " in book["Summary"]["A3"].value
    assert f"for {value:,.2f} {new.currency}." in book["Summary"]["A3"].value
    by_id = {o.id: o for o in new.offers}
    for row, option in zip(totals(path), options, strict=True):
        offer = by_id.get(option.id)
        if offer is None:  # a capacity block is not sold for so long
            assert row["rank"] in ("", None)
            continue
        assert row["r_all"] == pytest.approx(float(offer.totals.report.obligation), rel=1e-9), offer.id
        assert row["pv"] == pytest.approx(float(worth.present_value(new, offer, rate)), rel=1e-9), offer.id
    for n, (hours, traffic, scale) in enumerate(zip(*FACTORS, strict=True)):
        there = whatif.elsewhere(new, hours=new.hours * hours, traffic=traffic, fx=scale, offers=options)
        assert there.best is not None
        rows = list(book["Scenarios"].iter_rows(values_only=True))
        assert rows[9][2 + 3 * n] == [o.id for o in options].index(there.best.id) + 1, n
        for row, option in zip(rows[SCENARIO:], options, strict=False):
            offer = next((o for o in there.offers if o.id == option.id), None)
            found = row[2 + 3 * n : 5 + 3 * n]
            if offer is None:
                assert all(x in ("", None) for x in found)
                continue
            report = offer.totals.report
            for said, amount in zip(
                found, (report.effective, report.obligation, worth.present_value(there, offer, rate)), strict=True
            ):
                assert said == pytest.approx(float(amount), rel=1e-9), (offer.id, n)
