"""A framework contract is a term of its provider's price: a discount, and a fee for what is promised and not spent."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pytest

from planner import workload
from planner.errors import MisuseError
from planner.money import Contract
from planner.quoting.calendar import cut, schedule
from planner.quoting.diff import compare
from planner.quoting.records import Offer, Quote
from planner.quoting.saved import load
from planner.rendering import focus
from planner.rendering.formats import render
from planner.rendering.json import dump
from tests.conftest import make_quote

D = Decimal
P4D = {"region": "us-east-1", "instance_type": "p4d.24xlarge", "provider": "aws", "hours": "730"}
USUAL = 730 * D("21.957642")


def on_demand(quote: Quote) -> Offer:
    return next(o for o in quote.offers if o.purchase_option == "on_demand")


def test_what_is_promised_and_not_spent_is_charged_at_its_share() -> None:
    """A month of 730 h at 8 % off is 14,746.75; 20,000 a month are promised, and half of the rest is due."""
    offer = on_demand(make_quote(contract="aws=240000x12:8%:50%", **P4D))
    spent = USUAL * D("0.92")
    assert [(c.category, c.amount) for c in offer.charges] == [("compute", spent), ("contract", (20000 - spent) / 2)]
    assert offer.totals.native.obligation == offer.totals.native.billed == spent + (20000 - spent) / 2
    assert "promised" in str(offer.charges[-1].formula)
    reached = on_demand(make_quote(contract="aws=100000x12:8%", **P4D))
    assert [c.category for c in reached.charges] == ["compute"] and reached.totals.native.effective == spent
    elsewhere = on_demand(make_quote(contract="aws=240000x12:8%:100%:240000", **P4D))  # other spending reaches it
    assert [c.category for c in elsewhere.charges] == ["compute"]


def test_only_its_providers_offers_bear_it_and_tax_comes_on_top() -> None:
    quote = make_quote(contract="aws=2400000x12:8%", tax="6%", gpu=["A100", "V100"])
    bare = {o.id: o for o in make_quote(tax="6%", gpu=["A100", "V100"]).offers}
    for offer in quote.offers:
        if offer.provider != "aws":
            assert offer == bare[offer.id]
            continue
        fees = [c for c in offer.charges if c.category == "contract"]
        [tax] = [c for c in offer.charges if c.category == "tax"]
        rest = [c for c in offer.charges if c.category not in ("contract", "tax")]
        left = 200_000 * D(720) / 730 - sum(c.billed for c in rest)
        if left <= 0:  # three years paid at once spend more than is promised
            assert fees == []
            continue
        [fee] = fees
        assert fee.amount == left, offer.id
        assert abs(tax.billed - (fee.billed + sum(c.billed for c in rest)) * D("0.06")) < D("1e-15")


def test_the_fee_is_due_at_the_end_and_is_an_adjustment_in_focus() -> None:
    quote = make_quote(contract="aws=2400000x12:8%", tax="6%", start="2026-12-15", **{**P4D, "hours": "2190"})
    for offer in quote.offers:
        for mine in (schedule(quote, offer), cut(quote, offer)):
            [fee] = [e for e in mine if e.kind == "fee"]
            assert (
                fee.begins >= max(e.begins for e in mine if e.in_window and e.kind == "usage") or fee.begins.month == 3
            )
            window = [e for e in mine if e.in_window]
            assert abs(sum(e.billed for e in window) - offer.totals.native.billed) < D("1e-12"), offer.id
            assert abs(sum(e.effective for e in window) - offer.totals.native.effective) < D("1e-12"), offer.id
    rows = list(csv.DictReader(io.StringIO(focus.dump(quote, offer=on_demand(quote).id))))
    [row] = [r for r in rows if r["ChargeCategory"] == "Adjustment"]
    assert (
        row["BilledCost"] == row["EffectiveCost"] != "0.0" and not row["PricingCategory"] and not row["ListUnitPrice"]
    )


def test_it_goes_through_toml_and_saved_quotes_and_a_comparison_names_it(tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    path.write_text(
        '[contract]\nprovider = "aws"\ncommitted = 240000\nmonths = 12\ndiscount = "8%"\nshortfall = "50%"\n'
    )
    made = (Contract("aws", D(240000), 12, D("0.08"), D("0.5")),)
    assert workload.from_toml(str(path)).contract == made
    assert workload.make({"contract": ["aws=240000x12:8%:50%"]}).contract == made
    path.write_text("[contract.aws]\ncommitted = 1000\nmonths = 12\n[contract.alicloud]\ncommitted = 5\nmonths = 1\n")
    assert [c.provider for c in workload.from_toml(str(path)).contract] == ["alicloud", "aws"]
    quote = make_quote(contract="aws=240000x12:8%:50%", egress_gb="90", **P4D)
    assert load(dump(quote)) == quote
    assert json.loads(dump(quote))["workload"]["contract"]["aws"]["committed"] == "240000"
    parts = {o.id: dict(o.parts) for o in compare(make_quote(egress_gb="90", **P4D), quote).offers}
    assert set(parts[on_demand(quote).id]) <= {"discount", "contract", "rounding"}
    for form in ("table", "csv", "markdown", "json", "focus", "html", "xlsx"):
        assert render(quote, form)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("aws", "write CLOUD=120000x12"),
        ("aws=1000:8%", "write CLOUD=120000x12"),
        ("aws=xx12:8%", "committed"),
        ("aws=1000x0:8%", "months"),
        ("aws=1000x12:108%", "discount"),
        ("aws=1000x12:100%", "leaves a price"),
        ("aws=0x12:1%", "promises something"),
        ("aws=1000x12:8%:x", "shortfall"),
        (["aws=1x1:1%", "aws=2x2:2%"], "aws is given twice"),
        ({"provider": "aws", "committed": 5}, "months is missing"),
        ({"provider": "aws", "committed": 5, "months": 1, "fee": 2}, "unknown 'fee'"),
        ("asw=1000x12:8%", "unknown provider 'asw'"),
    ],
)
def test_what_is_no_contract_is_a_misuse(given: object, words: str) -> None:
    with pytest.raises(MisuseError, match=words):
        make_quote(contract=given)


def test_a_discount_beside_a_contract_would_be_a_second_answer() -> None:
    with pytest.raises(MisuseError, match="aws has a --discount as well"):
        make_quote(contract="aws=1000x12:8%", discount=["aws=3%"])
