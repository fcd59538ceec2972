"""The user's own prices, as spreadsheets of any locale write them: read in the one way they can mean, or refused."""

from __future__ import annotations

import codecs
import random
from decimal import Decimal
from pathlib import Path

import pytest

from planner import render
from planner.errors import MisuseError, PlannerError
from planner.offer import Price
from planner.prices.catalog import Catalog
from planner.prices.own import load
from tests.conftest import Run, make_quote

HEAD = ("provider", "region", "instance_type", "purchase_option", "amount", "currency", "note")
ROW = ("alicloud", "cn-hangzhou", "ecs.gn7i-c8g1.2xlarge", "on_demand", "9.876", "CNY", "协议价")


def sheet(sep: str = ",", end: str = "\n", **cells: str) -> str:
    row = dict(zip(HEAD, ROW, strict=True)) | cells
    return f"{sep.join(HEAD)}{end}{sep.join(row[name] for name in HEAD)}{end}"


def read(tmp_path: Path, data: bytes | str, name: str = "own.csv") -> Price:
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    (price,) = load(str(path), Catalog())
    return price


@pytest.mark.parametrize(
    "data",
    [
        sheet().encode(),
        sheet().encode("utf-8-sig"),
        sheet().encode("gbk"),
        sheet().encode("gb18030"),
        sheet().encode("utf-16"),
        codecs.BOM_UTF16_BE + sheet().encode("utf-16-be"),
        sheet(end="\r\n").encode("utf-8-sig"),
        sheet(end="\r").encode(),
        sheet("\t", "\r\n").encode("utf-16"),  # Excel's "Unicode text"
        sheet(";").encode(),
        sheet("|").encode(),
        ("sep=;\r\n" + sheet(";", "\r\n")).encode("gbk"),
        sheet(";", amount="9,8760").encode(),
        sheet(amount="¥9.876").encode("gb18030"),
        sheet(amount="￥9.876").encode("gbk"),
        sheet(amount="9.876元").encode(),
        sheet(amount='"9.876"').encode(),
        *(sheet(currency=c).encode() for c in ("RMB", "rmb", "人民币", "元", "CNH", "cny")),
    ],
)
def test_what_a_spreadsheet_writes_is_read(tmp_path: Path, data: bytes) -> None:
    price = read(tmp_path, data)
    assert (price.amount, price.currency, price.note) == (Decimal("9.876"), "CNY", "协议价")
    assert price.source.place == f"own.csv:{3 if b'sep=' in data else 2}"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (sheet().encode("utf-16-le"), "NUL bytes (UTF-16 without a byte-order mark?); save it as CSV UTF-8"),
        (sheet(note="prix négocié").encode("latin-1"), "neither UTF-8 nor GBK text; save it as CSV UTF-8"),
        (sheet().encode("utf-16") + b"\0", "byte"),
        (sheet("~"), "between commas, semicolons, tabs, bars are expected"),
        (sheet(currency="¥"), "own.csv:2: currency: '¥' may be CNY or JPY: write the code"),
        (sheet(currency="$"), "currency: '$' may be USD or HKD"),
        (sheet(amount="$9.876"), "amount: '$9.876' bears the sign of USD"),
        (sheet(amount='"9,876"'), "amount: '9,876' may mean two numbers: write it with a decimal point alone"),
        (sheet(";", amount="9,876"), "may mean two numbers"),
        (sheet(";", amount="1.234,50"), "may mean two numbers"),
        (
            sheet(";", amount="9,8760") + ";".join((*ROW[:4], "1.234", *ROW[5:])),
            "own.csv:3: amount: '1.234' may mean two",
        ),
        (sheet(amount="9.876E2"), "own.csv:2: amount: '9.876E2' is not a plain decimal number"),
        (sheet(amount="９．８７６"), "is not a plain decimal number"),
        (sheet(note='"' + "a" * 200_000 + '"'), "own.csv:2: not CSV: field larger than field limit"),
        (sheet() + "alicloud,cn-hangzhou\n", "own.csv:3: 2 columns, expected 7"),
        ("", "the column 'provider' is missing"),
        ("\n", "the column 'provider' is missing"),
    ],
)
def test_what_may_mean_two_things_is_refused_with_what_to_write(tmp_path: Path, data: bytes | str, said: str) -> None:
    with pytest.raises(MisuseError) as caught:
        read(tmp_path, data)
    assert said in str(caught.value)
    assert "own.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_toml_knows_the_names_of_currencies_too(tmp_path: Path) -> None:
    cells = "\n".join(f'{k} = "{v}"' for k, v in dict(zip(HEAD, ROW, strict=True), currency="RMB").items())
    assert read(tmp_path, f"[[price]]\n{cells}\n", "own.toml").currency == "CNY"


def test_damage_is_never_a_traceback(tmp_path: Path) -> None:
    rng, text, longest = random.Random(20261126), sheet().encode("gbk"), 0
    for _ in range(300):
        data = bytearray(text)
        for _ in range(rng.randrange(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            read(tmp_path, bytes(data))
        except PlannerError as exc:
            longest = max(longest, len(str(exc)))
    assert 0 < longest < 600


def test_csv_for_excel_in_chinese_bears_a_byte_order_mark() -> None:
    made = make_quote(provider=["aws"])
    plain, chinese = render(made, "csv"), render(made, "csv", lang="zh")
    assert chinese == f"\ufeff{plain}"
    assert not str(plain).startswith("\ufeff")


def test_a_price_that_does_not_hold_yet_is_said(planner: Run, tmp_path: Path) -> None:
    head = "provider,region,instance_type,purchase_option,unit,amount,currency,effective_date"
    (tmp_path / "own.csv").write_text(f"{head}\naws,us-east-1,g6.xlarge,on_demand,hour,0.5,USD,2099-03-01\n")
    args = ("quote", "--provider", "aws", "--price-book", "own.csv")
    said = planner(*args).stdout
    assert "Its price holds only from 2099-03-01." in said and "not yet valid on 20" in said
    later = planner(*args, "--start", "2099-03-01").stdout
    assert "not yet valid" not in later and "360.00" in later
