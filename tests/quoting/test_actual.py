"""Plan against bill.

The bills here are constructed: their columns and the way in which they say things follow the examples of the FOCUS
specification (appendix Commitment Discounts) and the column lists of the clouds' own exports; no real bill is among them.
"""

from __future__ import annotations

import csv
import gzip
import json
import struct
from decimal import Decimal
from pathlib import Path

import pytest

from planner.errors import MisuseError, PlannerError
from planner.quoting import bill as bills
from planner.quoting.actual import CAUSES, Actual, compare
from planner.quoting.bill import read
from planner.quoting.records import Offer, Quote
from planner.rendering import focus
from planner.rendering.json import dump
from tests.conftest import Run, make_quote

D = Decimal
P4D = {
    "provider": "aws",
    "region": "us-east-1",
    "instance_type": "p4d.24xlarge",
    "hours": "2190",
    "start": "2026-12-01",
}
PRICE = D("21.957642")
#: What an export of FOCUS 1.0 has of a machine's hours; without SkuPriceDetails, the usage type in an x_ column.
ROW = {
    "BillingPeriodStart": "2026-12-01 00:00:00",
    "ChargePeriodStart": "2026-12-01 00:00:00",
    "ChargeCategory": "Usage",
    "ServiceCategory": "Compute",
    "ServiceName": "Amazon Elastic Compute Cloud",
    "ProviderName": "AWS",
    "RegionId": "us-east-1",
    "PricingUnit": "Hrs",
    "PricingQuantity": "744",
    "BilledCost": str(744 * PRICE),
    "EffectiveCost": str(744 * PRICE),
    "BillingCurrency": "USD",
    "Tags": '{"team":"search"}',
    "x_UsageType": "BoxUsage:p4d.24xlarge",
}


def write(path: Path, *rows: dict[str, str]) -> str:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(ROW))
        writer.writeheader()
        writer.writerows({**ROW, **row} for row in rows)
    return str(path)


def cost(amount: object) -> dict[str, str]:
    return {"BilledCost": str(amount), "EffectiveCost": str(amount)}


def usual(**fields: object) -> tuple[Quote, Offer]:
    quote = make_quote(**{**P4D, **fields})
    return quote, next(o for o in quote.offers if o.purchase_option == "on_demand")


def against(path: str, *args: object, **fields: object) -> Actual:
    quote, offer = usual(**fields)
    return compare(quote, offer, read(path), *args)  # type: ignore[arg-type]


@pytest.mark.parametrize("basis", ["billed", "effective"])
def test_the_plans_own_rows_are_a_bill_that_differs_by_nothing(tmp_path: Path, basis: str) -> None:
    quote = make_quote(
        **{**P4D, "provider": (), "region": (), "instance_type": (), "gpu": ["A100", "V100"]},
        egress_gb="800",
        storage_gb="90",
        tax="6%",
    )
    seen = set()
    for offer in quote.offers:
        way = (offer.provider, offer.purchase_option, offer.term, offer.payment)
        if offer.unpriced or way in seen:
            continue
        seen.add(way)
        path = tmp_path / "own.csv.gz"
        path.write_bytes(gzip.compress(focus.dump(quote, offer=offer.id).encode()))
        made = compare(quote, offer, read(str(path)), basis)
        assert abs(made.bill - made.plan) < D("1e-9") and made.later == 0 and not made.unmatched, offer.id
        assert all(abs(cell.difference) < D("1e-9") for cell in made.cells), offer.id
    assert len(seen) >= 8


def test_hours_price_and_traffic_explain_the_difference(tmp_path: Path) -> None:
    path = write(
        tmp_path / "bill.csv",
        {"PricingQuantity": "700", **cost(700 * D(23))},
        {"PricingUnit": "GB", "PricingQuantity": "1200", "x_UsageType": "DataTransfer-Out-Bytes", **cost("99")},
        {"PricingUnit": "GB-Mo", "PricingQuantity": "101.9", "x_UsageType": "EBS:VolumeUsage.gp3", **cost("8.15")},
        {"ServiceName": "Amazon RDS", "ServiceCategory": "Databases", **cost("55")},
        {"RegionId": "eu-west-1", **cost("70")},
        {"ChargeCategory": "Credit", "PricingUnit": "", "PricingQuantity": "", **cost("-40")},
        {"BillingPeriodStart": "2026-11-01T00:00:00Z", **cost("5")},
    )
    made = against(path, egress_gb="800", storage_gb="100")
    cells = {(c.month, c.category): c for c in made.cells}
    machines = cells["2026-12", "compute"]
    assert (machines.plan, machines.bill, machines.units) == (744 * PRICE, 700 * D(23), 700)
    assert dict(machines.causes) == {"hours": -44 * PRICE, "price": 700 * (D(23) - PRICE)}
    traffic = cells["2026-12", "traffic"]
    assert traffic.plan == 700 * D("0.09") and traffic.difference == 99 - 700 * D("0.09")
    assert abs(dict(traffic.causes)["volume"] - 400 * traffic.plan / 800) < D("1e-20")
    assert cells["2026-12", "other"].causes == (("other", D(-40)),)
    assert abs(sum(made.caused(c) for c in CAUSES) - (made.bill - made.plan)) < D("1e-20")
    assert [(u.service, str(u.reason), u.amount) for u in made.unmatched] == [
        ("Amazon Elastic Compute Cloud", "another region", D(70)),
        ("Amazon RDS", "another service", D(55)),
        ("Amazon Elastic Compute Cloud", "a month outside the plan", D(5)),
    ]
    assert made.months == ("2026-12",) and made.later > 30_000  # January to March are not billed yet


def test_a_commitment_is_compared_by_what_is_bought_and_used(tmp_path: Path) -> None:
    """As in the specification's savings plan at 75 %: 18 hours used, 6 unused, effective 52.40 an hour."""
    quote = make_quote(**{**P4D, "hours": "720"})
    offer = next(o for o in quote.offers if o.payment == "no_upfront" and o.term == "1y")
    used = {"ServiceName": "EC2", **cost(0), "EffectiveCost": "250.578", "PricingQuantity": "18"}
    path = tmp_path / "bill.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*ROW, "CommitmentDiscountStatus"])
        writer.writeheader()
        for extra in (
            {"ChargeCategory": "Purchase", **cost("334.104")},
            {**used, "CommitmentDiscountStatus": "Used"},
            {**used, "PricingQuantity": "6", "EffectiveCost": "83.526", "CommitmentDiscountStatus": "Unused"},
        ):
            writer.writerow({"CommitmentDiscountStatus": "", **ROW, **extra})
    billed = compare(quote, offer, read(str(path)))
    assert {c.category: c.bill for c in billed.cells} == {"commitment": D("334.104")}
    spread = compare(quote, offer, read(str(path)), "effective")
    cell = {c.category: c for c in spread.cells}["compute"]
    assert cell.units == 18 and cell.bill == D("334.104")  # what is unused costs, and is no hour of use


def test_only_the_rows_with_a_tag_count_and_other_types_do_not(tmp_path: Path) -> None:
    other = {"Tags": '{"team":"ads"}'}
    told = {"x_UsageType": "BoxUsage:g6.xlarge"}
    path = write(tmp_path / "bill.csv", {}, other, told)
    made = against(path, "billed", (("team", "search"),))
    assert made.skipped == 1 and made.assumed == 1  # usage types are not decoded: the row does not name p4d
    details = tmp_path / "details.csv"
    with details.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*ROW, "SkuPriceDetails"])
        writer.writeheader()
        writer.writerow({**ROW, "SkuPriceDetails": '{"InstanceType":"g6.xlarge"}'})
        writer.writerow({**ROW, "SkuPriceDetails": '{"InstanceType":"p4d.24xlarge"}'})
    made = against(str(details))
    assert [str(u.reason) for u in made.unmatched] == ["another instance type"] and made.assumed == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"BilledCost": "1,000"}, "row 2: BilledCost '1,000' is no number"),
        ({"BilledCost": "NaN"}, "is no number"),
        ({"PricingQuantity": "1e99"}, "is no number"),
        ({"BillingPeriodStart": "December"}, "row 2: BillingPeriodStart"),
    ],
)
def test_a_bad_cell_is_named(tmp_path: Path, change: dict[str, str], words: str) -> None:
    with pytest.raises(MisuseError, match=words):
        against(write(tmp_path / "bill.csv", change))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no column BilledCost"),
        (b"a;b;c\n1;2;3\n", "no FOCUS export"),
        (",".join(ROW).encode() + b"\n1,2\n", "row 2 has 2 columns"),
        (",".join(ROW).encode() + b"\n\xff\xfe", "not UTF-8"),
        (b"\x1f\x8b\x08\x00garbage garbage", "gzip"),
        (gzip.compress(b"x" * 9000, mtime=0)[:-20], "gzip"),
        (b'"' + b"x" * 200_000, "not CSV"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "bill.csv"
    path.write_bytes(data)
    with pytest.raises(MisuseError, match=words):
        against(str(path))


def test_a_bill_of_something_else_says_why_nothing_matches(tmp_path: Path) -> None:
    path = write(tmp_path / "bill.csv", {"RegionId": "eu-west-1"}, {"BillingCurrency": "EUR"})
    with pytest.raises(PlannerError, match=r"none of the bill's 2 rows belongs to .*another"):
        against(path)


def test_what_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bills, "_WHOLE", 100_000)
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(",".join(ROW).encode() + b"\n" + b"\n" * 5_000_000))
    with pytest.raises(MisuseError, match="more than 100,000 bytes when unpacked"):
        against(str(path))


def test_parquet_needs_its_extra_and_is_read_with_it(tmp_path: Path) -> None:
    path = tmp_path / "bill.parquet"
    path.write_bytes(b"PAR1" + struct.pack("<i", 0) + b"PAR1")
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        with pytest.raises(PlannerError, match=r"pip install 'gpu-cost-planner\[parquet\]'"):
            against(str(path))
        pytest.skip("pyarrow is not installed: the extra [parquet]")
    with pytest.raises(MisuseError, match="damaged Parquet"):
        against(str(path))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([ROW]), str(path))
    assert [c.difference for c in against(str(path)).cells] == [0]


def test_the_command_shows_and_writes_both_languages(tmp_path: Path, planner: Run) -> None:
    quote, offer = usual()
    (tmp_path / "q.json").write_text(dump(quote))
    write(tmp_path / "bill.csv", {"PricingQuantity": "700", **cost(700 * PRICE)})
    asked = ("actual", "q.json", "bill.csv", "--offer", offer.id)
    done = planner(*asked)
    assert done.returncode == 0, done.stderr
    assert "planned 16,336.49 USD, billed 15,370.35 USD, -966.14 (-5.91 % of the plan)" in done.stdout
    assert "-966.14  hours of machines" in done.stdout
    assert "实例小时数" in planner(*asked, "--lang", "zh").stdout
    told = json.loads(planner(*asked, "--format", "json").stdout)
    assert told["schema"] == "planner.actual/1" and told["causes"]["hours"] == "-966.136248"
    missing = planner("actual", "q.json", "none.csv")
    assert missing.returncode == 2 and "cannot read bill none.csv" in missing.stderr
