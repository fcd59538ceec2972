"""FOCUS rows hold the rules of the specification, and add up to the quote's totals."""

from __future__ import annotations

import csv
import io
import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from planner import workload
from planner.errors import MisuseError, PlannerError
from planner.prices import fx
from planner.prices.catalog import Catalog
from planner.quoting import build
from planner.quoting.records import Offer, Quote
from planner.quoting.whatif import hours_of
from planner.rendering.focus import COLUMNS, dump, pick, rows
from tests.conftest import Run

ZERO = Decimal(0)
MANDATORY = (
    "BilledCost",
    "BillingAccountId",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
    "ServiceProviderName",
    "HostProviderName",
    "ServiceSubcategory",
)
ALLOWED = {
    "ChargeCategory": {"Usage", "Purchase", "Tax", "Credit", "Adjustment"},
    "ChargeFrequency": {"One-Time", "Recurring", "Usage-Based"},
    "PricingCategory": {"Standard", "Dynamic", "Committed", "Other", ""},
    "CommitmentDiscountCategory": {"Usage", "Spend", ""},
    "CommitmentDiscountStatus": {"Used", "Unused", ""},
    "ChargeClass": {"Correction", ""},
    "ServiceCategory": {"Compute", "Networking", "Storage", "Other"},
    "ServiceSubcategory": {"Virtual Machines", "Network Infrastructure", "Block Storage", "Other (Other)"},
}
UNITS = {"Hours", "Months", "GB", "GB-Months", "GiB-Months", "GB-Hours", "GiB-Hours", ""}
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
NUMBER = re.compile(r"-?\d+\.\d+")
COSTS = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost")
CASES: list[dict[str, object]] = [
    {},
    {"hours": "2500", "egress_gb": "700", "storage_gb": "50", "public_ips": "1"},
    {"hours": "8784", "tax": "6%"},
    {"hours": "1500", "start": "2027-01-31", "egress_gb": "20000", "inter_region_gb": "10"},
    {"count": "3", "discount": ["aws=9%"], "tax": "13%"},
    {"hours": "30000", "count": "2"},
    {"currency": "CNY", "egress_gb": "99"},
]


def quote_of(values: dict[str, object]) -> Quote:
    work = workload.make(values)
    return build.quote(work, Catalog(), "2026-11-23", fx.Rates(fx.committed(""), work.fx))


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def problems(found: list[dict[str, str]]) -> list[str]:
    """Return what breaks a rule of FOCUS, in words; [] when nothing does."""
    out = []
    for number, row in enumerate(found):
        say = lambda text, number=number: out.append(f"row {number}: {text}")
        for name in MANDATORY:
            if row[name] == "":
                say(f"{name} is null")
        for name, values in ALLOWED.items():
            if row[name] not in values:
                say(f"{name} {row[name]!r} is not allowed")
        for name in ("BillingPeriodEnd", "BillingPeriodStart", "ChargePeriodEnd", "ChargePeriodStart"):
            if not STAMP.fullmatch(row[name]):
                say(f"{name} {row[name]!r} is not a UTC time")
        for name, value in row.items():
            if value and (name.endswith(("Cost", "Price", "Quantity"))) and not NUMBER.fullmatch(value):
                say(f"{name} {value!r} is not a plain number")
        spans = row["ChargeFrequency"] == "One-Time"  # what is paid once spans its term
        start, end = row["BillingPeriodStart"], row["BillingPeriodEnd"]
        if not start <= row["ChargePeriodStart"] < row["ChargePeriodEnd"] or (
            not spans and row["ChargePeriodEnd"] > end
        ):
            say("the charge period is not inside the billing period")
        if (start[7:], end[7:]) != ("-01T00:00:00Z", "-01T00:00:00Z"):
            say("the billing period is not a month of the calendar")
        if not re.fullmatch(r"[A-Z]{3}", row["BillingCurrency"]):
            say("BillingCurrency")
        if {row["PricingUnit"], row["ConsumedUnit"]} - UNITS:
            say(f"unit {row['PricingUnit']}")
        if any(p.startswith(f"row {number}:") and "plain number" in p for p in out):
            continue
        if row["ChargeCategory"] == "Tax":
            if row["PricingCategory"] or row["PricingQuantity"] or row["ListUnitPrice"]:
                say("a tax row has no price")
        else:
            for cost, price in (("ListCost", "ListUnitPrice"), ("ContractedCost", "ContractedUnitPrice")):
                product = Decimal(row[price]) * Decimal(row["PricingQuantity"])
                if abs(product - Decimal(row[cost])) > Decimal("1e-15") * max(1, abs(product)):
                    say(f"{cost} is not {price} x PricingQuantity")
        if row["ChargeCategory"] == "Purchase" and (
            Decimal(row["EffectiveCost"]) or row["ConsumedQuantity"] or row["PricingCategory"] == "Committed"
        ):
            say("a purchase that covers usage has no effective cost, no consumption and is not Committed")
        covered = (
            row["ChargeCategory"] == "Usage" and row["CommitmentDiscountId"] and row["PricingCategory"] == "Committed"
        )
        if row["CommitmentDiscountStatus"] and not (covered and not Decimal(row["BilledCost"])):
            say("a covered row is Usage, Committed, billed 0, and names its commitment")
        if row["CommitmentDiscountStatus"] == "Unused" and row["ConsumedQuantity"]:
            say("unused rows consume nothing")
        bought = row["ChargeCategory"] == "Purchase" or row["CommitmentDiscountStatus"] == "Unused"
        if bought and row["ResourceId"] != row["CommitmentDiscountId"]:
            say("a purchase, and what is unused, is of the commitment")
        if row["SkuPriceDetails"] and not isinstance(json.loads(row["SkuPriceDetails"]), dict):
            say("SkuPriceDetails")
    if any("plain number" in p for p in out):
        return out
    ids = {r["CommitmentDiscountId"] for r in found} - {""}
    for name in ids:
        mine = [r for r in found if r["CommitmentDiscountId"] == name]
        billed = sum((Decimal(r["BilledCost"]) for r in mine if r["ChargeCategory"] == "Purchase"), ZERO)
        effective = sum((Decimal(r["EffectiveCost"]) for r in mine if r["ChargeCategory"] == "Usage"), ZERO)
        if abs(billed - effective) > Decimal("1e-9") * max(1, billed):
            out.append(f"{name}: billed {billed}, effective {effective}")
    return out


def kinds(quote: Quote) -> list[Offer]:
    """Return one offer of every way of buying in the quote."""
    seen: dict[tuple[str, str, str, str], Offer] = {}
    for offer in quote.offers:
        seen.setdefault((offer.provider, offer.purchase_option, offer.term, offer.payment), offer)
    return list(seen.values())


@pytest.mark.parametrize("values", CASES, ids=lambda v: ",".join(v) or "default")
def test_rows_hold_the_rules_and_add_up(values: dict[str, object]) -> None:
    quote = quote_of(values)
    ways = kinds(quote)
    assert {o.purchase_option for o in ways} >= {"on_demand", "reserved", "spot", "subscription"}
    for offer in ways:
        found = table(dump(quote, offer=offer.id, allow_unpriced=True))
        priced = [r for r in found if not r["x_Unpriced"]]
        assert len(found) - len(priced) == len(offer.unpriced)
        assert problems(priced) == [], offer.id
        names = {r["ServiceCategory"]: r["ServiceName"] for r in found}
        assert len(set(names.values())) == len(names), names
        window = [r for r in found if r["x_Period"] == "window"]
        total = lambda name, rows_: sum((Decimal(r[name]) for r in rows_), ZERO)
        near = lambda a, b: abs(a - b) <= Decimal("1e-12") * max(1, abs(b))
        native = offer.totals.native
        assert near(total("BilledCost", window), native.billed), offer.id
        assert near(total("EffectiveCost", window), native.effective), offer.id
        listed = [r for r in window if r["ChargeCategory"] != "Purchase"]
        if not offer.commitment:
            assert near(total("ListCost", listed), native.list), offer.id
        assert near(total("BilledCost", found), total("EffectiveCost", found)), offer.id


def test_the_validator_finds_faults() -> None:
    """Each rule fails on a row that breaks it."""
    quote = quote_of({"tax": "6%"})
    reserved = next(o for o in quote.offers if o.purchase_option == "reserved")
    good = table(dump(quote, offer=reserved.id))
    faults = {
        "is null": {"ProviderName": ""},
        "is not allowed": {"ChargeCategory": "usage"},
        "UTC time": {"ChargePeriodStart": "2026-12-01"},
        "plain number": {"BilledCost": "1,000"},
        "is not ListUnitPrice": {"ListCost": "1.0"},
        "billing period": {"ChargePeriodEnd": "2026-01-01T00:00:00Z"},
    }
    for words, change in faults.items():
        assert any(words in p for p in problems([{**good[0], **change}, *good[1:]])), words
    assert any("effective" in p for p in problems([r for r in good if r["CommitmentDiscountStatus"] != "Unused"]))


def test_a_commitment_has_purchase_used_and_unused_rows() -> None:
    quote = quote_of({})
    offer = next(o for o in quote.offers if o.payment == "all_upfront" and o.term == "3y")
    found = table(dump(quote, offer=offer.id))
    assert offer.commitment is not None
    purchases = [r for r in found if r["ChargeCategory"] == "Purchase"]
    assert [(Decimal(r["BilledCost"]), r["ChargeFrequency"]) for r in purchases] == [
        (offer.totals.native.billed, "One-Time")
    ]
    used = [r for r in found if r["CommitmentDiscountStatus"] == "Used"]
    unused = [r for r in found if r["CommitmentDiscountStatus"] == "Unused"]
    assert sum(Decimal(r["PricingQuantity"]) for r in used) == 720
    assert sum(Decimal(r["PricingQuantity"]) for r in unused).quantize(Decimal("1e-12")) == 26280 - 720
    assert len(unused) == 36  # the last day of the first month, and 35 months
    [bought] = purchases
    assert (bought["ChargePeriodStart"], bought["ChargePeriodEnd"]) == ("2026-12-01T00:00:00Z", "2029-11-30T00:00:00Z")
    assert (used[-1]["ChargePeriodEnd"], unused[0]["ChargePeriodStart"]) == ("2026-12-31T00:00:00Z",) * 2


def test_use_of_a_commitment_is_worth_what_it_costs_on_demand() -> None:
    """As in the specification's examples: list and contracted price of the same hours on demand, effective the commitment's;
    what is bought keeps its own price, and a part upfront and a part by the hour are one use."""
    discounts = ["aws:on_demand=10%", "aws:reserved=4%"]
    quote = quote_of({"discount": discounts, "tax": "10%", "gpu": ["A100", "V100"]})
    seen = set()
    for offer in kinds(quote):
        usual = offer.on_demand
        if offer.commitment is None or usual is None:
            continue
        found = table(dump(quote, offer=offer.id, allow_unpriced=True))
        by_month = offer.commitment.by_month
        month = hours_of(usual, Decimal(730)).list  # a price may have steps
        price = month if by_month else month / 730
        for row in found:
            if not row["CommitmentDiscountStatus"]:
                continue
            seen.add((offer.purchase_option, offer.payment))
            assert Decimal(row["ListUnitPrice"]) == price, offer.id
            assert Decimal(row["ContractedUnitPrice"]) == price * (1 - usual.share), offer.id
            assert Decimal(row["EffectiveCost"]) < Decimal(row["ListCost"]), offer.id
        spans = [
            (r["ChargePeriodStart"], r["CommitmentDiscountStatus"]) for r in found if r["CommitmentDiscountStatus"]
        ]
        assert len(spans) == len(set(spans)), offer.id
        bought = [r for r in found if r["ChargeCategory"] == "Purchase"]
        assert {r["ContractedCost"] == r["BilledCost"] for r in bought} == {True}, offer.id
        used = [r for r in found if r["ChargeCategory"] == "Usage" and r["x_Period"] == "window"]
        listed = sum((Decimal(r["ListCost"]) for r in used), ZERO)
        taxes = [r for r in found if r["ChargeCategory"] == "Tax" and r["x_Period"] == "window"]
        assert abs(sum((Decimal(r["ListCost"]) for r in taxes), ZERO) - listed / 10) < Decimal("1e-9")
    assert {o for o, _ in seen} >= {"reserved", "subscription"} and len(seen) > 3


def test_a_part_upfront_and_a_part_by_the_hour_are_one_use(planner: Run, tmp_path: Path) -> None:
    """The specification's partial upfront example has one row an hour, of list 75.35 and effective 50.23."""
    (tmp_path / "own.csv").write_text(
        "provider,region,instance_type,purchase_option,term,payment,unit,amount,currency\n"
        "aws,us-east-1,p4d.24xlarge,reserved,1y,partial_upfront,term,87600,USD\n"
        "aws,us-east-1,p4d.24xlarge,reserved,1y,partial_upfront,hour,5,USD\n"
    )
    asked = ("quote", "--price-book", "own.csv", "--purchase-option", "reserved", "--purchase-option", "on_demand")
    asked = (*asked, "--instance-type", "p4d.24xlarge", "--region", "us-east-1", "--start", "2026-12-01", "--format")
    offers = json.loads(planner(*asked, "json").stdout)["offers"]
    [offer] = [o for o in offers if o["payment"] == "partial_upfront"]
    found = table(planner(*asked, "focus", "--offer", offer["id"]).stdout)
    [used] = [r for r in found if r["CommitmentDiscountStatus"] == "Used"]
    assert Decimal(used["EffectiveCost"]) == 720 * 15 and Decimal(used["ListUnitPrice"]) == Decimal("21.957642")
    assert [r["ChargeFrequency"] for r in found if r["ChargeCategory"] == "Purchase"][:2] == ["One-Time", "Recurring"]
    assert problems(found) == []


def test_days_hours_and_billing_months(planner: Run) -> None:
    """720 h of p4d on demand by day are 30 rows of 15,809.50 in all; from the 15th they lie in two billing months."""
    offer = "aws:aws:us-east-1:p4d.24xlarge:on_demand"
    asked = ("quote", "--provider", "aws", "--region", "us-east-1", "--instance-type", "p4d.24xlarge")
    asked += ("--format", "focus", "--start", "2026-12-15", "--offer", offer)
    days = table(planner(*asked, "--granularity", "daily").stdout)
    assert len(days) == 30 and {r["PricingQuantity"] for r in days} == {"24.0"}
    assert sum(Decimal(r["BilledCost"]) for r in days).quantize(Decimal("0.01")) == Decimal("15809.50")
    assert len(table(planner(*asked, "--granularity", "hourly").stdout)) == 720
    months = table(planner(*asked).stdout)
    told = [(r["BillingPeriodStart"][:10], r["ChargePeriodStart"][:10], r["ChargePeriodEnd"][:10]) for r in months]
    assert told == [("2026-12-01", "2026-12-15", "2027-01-01"), ("2027-01-01", "2027-01-01", "2027-01-14")]
    assert [r["PricingQuantity"] for r in months] == ["408.0", "312.0"]
    wrong = planner("quote", "--granularity", "daily")
    assert wrong.returncode == 2 and "--granularity goes with --format focus" in wrong.stderr


def test_a_capacity_block_ends_when_it_ends(planner: Run, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(
        "provider,region,instance_type,purchase_option,unit,amount,currency\n"
        "aws,us-east-1,p4d.24xlarge,capacity_block,hour,11.8,USD\n"
    )
    asked = ("quote", "--price-book", "own.csv", "--purchase-option", "capacity_block", "--hours", "96")
    asked = (*asked, "--instance-type", "p4d.24xlarge")
    bought, row = table(planner(*asked, "--start", "2026-12-01", "--format", "focus").stdout)
    assert (bought["ChargeCategory"], bought["BilledCost"], row["EffectiveCost"]) == ("Purchase", "1132.8", "1132.8")
    assert (row["ChargePeriodStart"], row["ChargePeriodEnd"]) == ("2026-12-01T00:00:00Z", "2026-12-05T00:00:00Z")


def test_parts_without_a_price_are_not_dropped(planner: Run) -> None:
    asked = ("quote", "--provider", "aws", "--region", "cn-north-1", "--public-ips", "1")
    raw = json.loads(planner(*asked, "--format", "json").stdout)
    asked = (*asked, "--format", "focus", "--start", "2026-12-15")
    offer = next(o for o in raw["offers"] if o["unpriced"])
    refused = planner(*asked, "--offer", offer["id"])
    assert (refused.returncode, refused.stdout) == (1, "")
    assert offer["unpriced"][0] in refused.stderr and "--allow-unpriced" in refused.stderr
    taken = planner(*asked, "--offer", offer["id"], "--allow-unpriced")
    found = table(taken.stdout)
    marked = [r for r in found if r["x_Unpriced"]]
    assert taken.returncode == 0 and [r["x_Unpriced"] for r in marked] == offer["unpriced"]
    assert {r["ChargeDescription"] for r in marked} == {f"no price: {u}" for u in offer["unpriced"]}
    for row in marked:
        assert Decimal(row["BilledCost"]) == 0 and not row["PricingQuantity"]
        assert [name for name in MANDATORY if row[name] == ""] == []


def test_custom_columns_come_last_and_the_default_is_the_recommendation() -> None:
    assert list(COLUMNS) == sorted(c for c in COLUMNS if c[:2] != "x_") + sorted(c for c in COLUMNS if c[:2] == "x_")
    quote = quote_of({})
    best = pick(quote)
    assert not best.market and not best.unpriced
    cheapest = min(
        max(o.totals.report.billed, o.totals.report.committed) for o in quote.offers if not o.market and not o.unpriced
    )
    assert max(best.totals.report.billed, best.totals.report.committed) == cheapest
    assert {r["x_Offer"] for r in table(dump(quote))} == {best.id}


def test_an_unknown_offer_is_a_misuse_and_nothing_to_recommend_a_failure() -> None:
    quote = quote_of({"provider": "aws"})
    with pytest.raises(MisuseError, match="did you mean"):
        pick(quote, quote.offers[0].id + "x")
    with pytest.raises(PlannerError, match="--offer"):
        pick(quote._replace(offers=tuple(o for o in quote.offers if o.market)))


def test_text_that_looks_like_a_formula_is_harmless() -> None:
    found = table(dump(quote_of({"name": "=1+1"})))
    assert {r["x_Scenario"] for r in found} == {"'=1+1"}


def test_rows_are_decimals() -> None:
    quote = quote_of({"egress_gb": "300"})
    for row in rows(quote, pick(quote)):
        assert all(isinstance(row[name], Decimal) for name in COSTS)
