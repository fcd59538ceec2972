"""Fiscal quarters add up to what is billed and used; the cost of a token at the demand stands beside the one at saturation."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from planner import workload
from planner.errors import MisuseError
from planner.money import show
from planner.quoting.calendar import schedule
from planner.quoting.fiscal import quarters, years
from planner.quoting.offers import saturated
from planner.quoting.saved import load
from planner.quoting.whatif import rate_of
from planner.rendering.formats import render
from planner.rendering.json import dump
from tests.conftest import Run, make_quote

P4D = {"provider": "aws", "region": "us-east-1", "instance_type": "p4d.24xlarge"}


@pytest.mark.parametrize("start", ["april", "january", "10", "feb"])
@pytest.mark.parametrize("first", ["2026-12-01", "2027-01-31", "2027-03-15"])
def test_quarters_add_up_to_all_that_is_owed(start: str, first: str) -> None:
    quote = make_quote(hours="2190", start=first, fiscal_year_start=start, tax="6%", egress_gb="500", gpu=["A100"])
    seen = set()
    for offer in quote.offers:
        if (offer.provider, offer.purchase_option, offer.term, offer.payment) in seen:
            continue
        seen.add((offer.provider, offer.purchase_option, offer.term, offer.payment))
        found, entries = quarters(quote, offer), schedule(quote, offer)
        rate = rate_of(quote, offer.totals.native_currency)
        for field in ("billed", "effective"):
            owed = sum(getattr(e, field) for e in entries) * rate
            assert abs(sum(getattr(q, field) for q in found) - owed) <= Decimal("1e-15") * max(1, owed), offer.id
            assert abs(sum(getattr(y, field) for y in years(found)) - owed) <= Decimal("1e-15") * max(1, owed)
        assert [q.begins for q in found] == sorted({q.begins for q in found})
        month = quote.workload.fiscal_year_start
        assert {(int(q.begins[5:7]) - month) % 3 for q in found} == {0}


def test_a_year_of_april_is_named_by_both_its_years(planner: Run) -> None:
    quote = make_quote(hours="2190", start="2026-12-01", fiscal_year_start="April", **P4D)
    offer = next(o for o in quote.offers if o.payment == "no_upfront" and o.term == "1y")
    found = quarters(quote, offer)
    assert [(q.year, q.number, q.begins, q.ends) for q in found[:3]] == [
        ("2026/27", 3, "2026-10-01", "2027-01-01"),
        ("2026/27", 4, "2027-01-01", "2027-04-01"),
        ("2027/28", 1, "2027-04-01", "2027-07-01"),
    ]
    assert found[0].billed == 744 * Decimal("13.921")  # December alone
    assert [y.year for y in years(found)] == ["2026/27", "2027/28"]
    asked = ("quote", "--hours", "2190", "--start", "2026-12-01", "--provider", "aws", "--fiscal-year-start", "april")
    told = planner(*asked).stdout
    assert "By fiscal quarter" in told and "FY 2026/27 Q3" in told and "FY 2026/27" in told
    assert "2026/27 财年第 3 季" in planner(*asked, "--lang", "zh").stdout
    assert "fiscal" not in planner(*asked[:-2]).stdout


def test_page_and_markdown_say_the_fiscal_amounts() -> None:
    quote = make_quote(hours="8760", start="2026-12-01", fiscal_year_start="april", **P4D)
    best = quote.best
    assert best is not None
    found = quarters(quote, best)
    said = [(q.begins[:7], show(q.billed), show(q.effective)) for q in found]
    page = str(render(quote, "html"))
    table = page.split('id="fiscal"')[1].split("</section>")[0]
    assert all(f">{x}<" in table for row in said for x in row)
    for year in years(found):
        assert f"FY {year.year}</th>" in table and f">{show(year.billed)}<" in table
        assert f"FY {year.year} {show(year.billed)}" in str(render(quote, "markdown"))
    assert "2026/27 财年 " in str(render(quote, "markdown", lang="zh"))
    assert "按财季" in str(render(quote, "html", lang="zh"))
    plain = make_quote(hours="8760", **P4D)
    assert 'id="fiscal"' not in str(render(plain, "html")) and "fiscal" not in str(render(plain, "markdown"))


def test_it_stands_in_json_and_toml_and_a_changed_amount_is_found(tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    path.write_text('fiscal_year_start = "april"\n')
    assert workload.from_toml(str(path)).fiscal_year_start == 4
    quote = make_quote(hours="2190", start="2026-12-01", fiscal_year_start="april", **P4D)
    raw = json.loads(dump(quote))
    assert raw["workload"]["fiscal_year_start"] == 4
    assert sum(Decimal(q["billed"]) for q in raw["fiscal_quarters"]) == quote.best.totals.report.billed  # type: ignore[union-attr]
    assert load(dump(quote)) == quote
    changed = {**raw, "fiscal_quarters": [{**raw["fiscal_quarters"][0], "billed": "1"}]}
    with pytest.raises(MisuseError, match="fiscal_quarters"):
        load(json.dumps(changed))
    for wrong in ("13", "apricot", "ma", "0x4", "j"):
        with pytest.raises(MisuseError, match="--fiscal-year-start"):
            workload.make({"fiscal_year_start": wrong})


def test_the_cost_of_a_token_at_the_demand_stands_beside_the_one_at_saturation(planner: Run) -> None:
    quote = make_quote(rps="0.2", **P4D)
    raw = json.loads(dump(quote))
    free = {o.id: o for o in make_quote(count=str(quote.offers[0].count), **P4D).offers}
    for offer, told in zip(quote.offers, raw["offers"], strict=True):
        out, all_ = saturated(quote.workload, offer)
        assert out is not None and offer.cost_per_million_output is not None and out < offer.cost_per_million_output
        assert (
            Decimal(told["cost_per_million_output_saturated"]),
            Decimal(told["cost_per_million_tokens_saturated"]),
        ) == (out, all_)
        assert out == free[offer.id].cost_per_million_output
    assert "saturated" not in dump(make_quote(**P4D))
    asked = ("quote", "--provider", "aws", "--rps", "0.2")
    assert "1M full" in planner(*asked).stdout and "1M full" not in planner(*asked[:3]).stdout
    assert load(dump(quote)) == quote
