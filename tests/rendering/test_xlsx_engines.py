"""Two engines calculate the workbook, LibreOffice and PyPI's `formulas` (extra `engines`), and agree in every numeric cell."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from planner import workload
from planner.prices import fx
from planner.prices.catalog import Catalog
from planner.quoting import build
from planner.quoting.records import Quote
from planner.rendering.xlsx import dump
from tests.rendering.test_xlsx import needs_soffice, recalculate

openpyxl = pytest.importorskip("openpyxl")
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:openpyxl"),
    pytest.mark.xdist_group("libreoffice"),
]
TODAY = "2026-11-23"
LONGEST = 250
#: Eight inputs, typed at once: label on Inputs -> value.
TYPED = {
    "Length of the window": 5000,
    "Data out": 900,
    "Data to other regions": 120,
    "Disk per instance": 75,
    "Public IPv4 addresses": 3,
    "Tax on top": 0.07,
    "Discount rate a year, nominal (empty: none)": 0.11,
    "Demand for the unit cost (0: what the instances deliver)": 300,
}
ENGINE = """
import json, re, sys, warnings
warnings.simplefilter("ignore")
import formulas
found = {}
for name, cell in formulas.ExcelModel().loads(sys.argv[1]).finish().calculate().items():
    place = re.match(r"'\\[.+?\\](.+?)'!([A-Z]+[0-9]+)$", str(name))
    if place:
        value = cell.value[0, 0]
        try:
            found[place[1].upper() + "!" + place[2]] = float(value)
        except (TypeError, ValueError):
            found[place[1].upper() + "!" + place[2]] = str(value)
json.dump(found, open(sys.argv[2], "w"))
"""


def quoted(**fields: object) -> Quote:
    work = workload.make(fields)
    return build.quote(work, Catalog(), TODAY, fx.Rates(fx.committed(""), work.fx), whole=True)


@pytest.mark.parametrize(
    "fields",
    [
        {"region": "all", "gpu": "A100", "egress_gb": "60000", "inter_region_gb": "700", "start": "2027-01-31"},
        pytest.param(
            {"tax": "6%", "discount_rate": "10%", "hours": "8760", "discount": ["aws=10%"], "storage_gb": "50"},
            marks=pytest.mark.slow,
        ),
    ],
)
@pytest.mark.long
def test_no_formula_is_longer_than_a_reviewer_reads(fields: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(dump(quoted(**fields), top=20))
    found = [
        (len(cell.value), sheet.title, cell.coordinate, cell.value)
        for sheet in openpyxl.load_workbook(path)
        for row in sheet.iter_rows()
        for cell in row
        if cell.data_type == "f"
    ]
    assert len(found) > 5000
    assert max(found)[0] < LONGEST, max(found)


@pytest.mark.slow
@pytest.mark.system
@needs_soffice
@pytest.mark.skipif(importlib.util.find_spec("formulas") is None, reason="formulas is not installed (extra engines)")
def test_two_engines_agree_after_eight_inputs_change(tmp_path: Path) -> None:
    quote = quoted(provider="aws", instance_type=["p4d.24xlarge", "g6.xlarge"], egress_gb="50", start="2027-01-15")
    first, path = tmp_path / "first.xlsx", tmp_path / "typed.xlsx"
    first.write_bytes(dump(quote, top=1))
    book = openpyxl.load_workbook(first)
    rows = {str(row[0].value): row[1] for row in book["Inputs"].iter_rows(max_row=20)}
    for label, value in TYPED.items():
        rows[label].value = value
    book.save(path)
    told = tmp_path / "told.json"
    subprocess.run([sys.executable, "-c", ENGINE, str(path), str(told)], check=True, capture_output=True, timeout=500)
    theirs = json.loads(told.read_text(encoding="utf-8"))
    office = openpyxl.load_workbook(recalculate(tmp_path, [path])["typed.xlsx"], data_only=True)
    before = openpyxl.load_workbook(first, data_only=True)
    compared = moved = 0
    for sheet in openpyxl.load_workbook(path):
        for row in sheet.iter_rows():
            for cell in row:
                value = office[sheet.title][cell.coordinate].value
                if cell.data_type != "f" or not isinstance(value, (int, float)):
                    continue
                compared += 1
                moved += value != before[sheet.title][cell.coordinate].value
                other = theirs[f"{sheet.title.upper()}!{cell.coordinate}"]
                assert other == pytest.approx(value, rel=1e-9, abs=1e-6), (sheet.title, cell.coordinate, cell.value)
    assert compared > 2000
    assert moved > 500
