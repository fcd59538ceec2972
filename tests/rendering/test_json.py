"""JSON comes back to the same bytes, CSV to the same sums, and both carry every offer."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import MisuseError
from planner.quoting.records import Quote
from planner.quoting.saved import load
from planner.rendering import csv as csv_render
from planner.rendering.json import dump
from tests.conftest import make_quote


def test_json_round_trip_is_exact(quote: Quote) -> None:
    text = dump(quote)
    again = load(text)
    assert again == quote
    assert dump(again) == text


@settings(max_examples=8, deadline=None)
@given(
    hours=st.decimals(min_value="0.1", max_value=40000, places=2),
    egress=st.decimals(min_value=0, max_value=10**6, places=3),
    share=st.decimals(min_value=0, max_value="0.9999", places=4),
    currency=st.sampled_from(["USD", "CNY"]),
)
def test_any_quote_comes_back(hours: Decimal, egress: Decimal, share: Decimal, currency: str) -> None:
    quote = make_quote(
        hours=hours,
        egress_gb=egress,
        discount=[f"tencentcloud={share}"],
        currency=currency,
        provider="tencentcloud",
        storage_gb="10",
        budget="5",
        name='Ünï "quoted" 名',
    )
    text = dump(quote)
    assert load(text) == quote and dump(load(text)) == text
    rows = list(csv.DictReader(io.StringIO(csv_render.dump(quote))))
    for offer in quote.offers:
        mine = [r for r in rows if r["offer"] == offer.id]
        assert sum(Decimal(r["amount"]) for r in mine) == offer.totals.native.effective
        assert sum(Decimal(r["billed"]) for r in mine) == offer.totals.native.billed
        assert {Decimal(r["offer_effective"]) for r in mine} == {offer.totals.report.effective}
    assert {r["offer"] for r in rows} == {o.id for o in quote.offers}


def test_the_documented_fields_are_there(quote: Quote) -> None:
    raw = json.loads(dump(quote))
    assert raw["schema"] == "planner.quote/2"
    assert {"schema", "hours", "currency", "fx", "offers", "rejected", "gaps", "stale"} <= set(raw)
    for offer in raw["offers"]:
        assert {
            "provider",
            "region",
            "instance_type",
            "count",
            "gpu",
            "purchase_option",
            "term",
            "payment",
            "site",
            "charges",
            "totals",
            "break_even_hours",
        } <= set(offer)
        assert {"model", "count", "memory_gib"} == set(offer["gpu"])
        amounts = {"list", "effective", "billed", "committed", "obligation"}
        assert amounts == set(offer["totals"]["native"])
        assert {"native_currency", "native", *amounts} == set(offer["totals"])
        for charge in offer["charges"]:
            assert {
                "name",
                "category",
                "unit",
                "quantity",
                "unit_price",
                "currency",
                "amount",
                "source",
                "as_of",
                "confidence",
            } <= set(charge)
            assert isinstance(charge["amount"], str)
            assert charge["category"] in ("compute", "egress", "inter_region", "storage", "ip", "tax")


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert dump(make_quote(hours="100")) == dump(make_quote(hours="100"))


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"schema": "planner.quoting.records/99"}', '{"schema": "planner.quote/1"}', "null", "\x00"]
)
def test_what_is_not_a_quote_is_refused(text: str) -> None:
    with pytest.raises(MisuseError, match=r"q\.json"):
        load(text, "q.json")


def test_csv_has_no_formula(quote: Quote) -> None:
    for row in csv.reader(io.StringIO(csv_render.dump(quote))):
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row)
