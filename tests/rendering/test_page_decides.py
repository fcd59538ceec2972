"""What the page recommends at other inputs is what a fresh quote there recommends, and its months are the calendar's.

The page's arithmetic (templates/report/calc.js) runs in node here, on the data that a page carries; `test_html_browser.py`
drives the page itself.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from planner import workload
from planner.money import plain
from planner.prices import fx
from planner.prices.catalog import Catalog
from planner.quoting import build, choose, whatif, worth
from planner.quoting.records import Offer, Quote
from planner.rendering import html

NODE = shutil.which("node")
REPORT = Path(__file__).parents[2] / "templates" / "report"
TODAY = "2026-11-26"
HOURS = ("720", "2190", "4380", "6570", "8760", "26280")
MODELS: dict[str, dict[str, Any]] = {
    "qwen-32b": {
        "model": "DeepSeek-R1-Distill-Qwen-32B",
        "precision": "int4-awq",
        "rps": "2",
        "input_tokens": "900",
        "output_tokens": "350",
    },
    "qwen-7b": {"start": "2027-01-31", "egress_gb": "12000.5", "storage_gb": "100", "public_ips": "2", "tax": "6%"},
    "llama-70b": {
        "model": "DeepSeek-R1-Distill-Llama-70B",
        "currency": "CNY",
        "discount": ["tencentcloud=12%"],
        "tax": [
            "8%",
            "aws=0%",
            "tencentcloud=6%:included",
            "alicloud=13%:recoverable",
            "tencentcloud:international=9%:included:recoverable",
        ],
    },
}
DRIVE = """
const text = (rows) => rows.map((r) => [r.advance, r.arrears, r.effective].map(String));
console.log(JSON.stringify(asked.cases.map(({ hours, rates, rate, months }) => {
  const best = recommended(asked.quote, hours, rates, rate);
  return { best: best && best.offer.id, value: best && String(best.value),
    months: asked.quote.offers.filter((o) => months && sold(asked.quote, o, hours)).map((o) => [o.id, text(monthly(asked.quote, o, hours)),
      String(convert(o, presentValue(monthly(asked.quote, o, hours), rate || "0"), rates))]) };
})));
"""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog(as_of=TODAY)


def fresh(catalog: Catalog, **fields: Any) -> Quote:
    work = workload.make(fields)
    return build.quote(work, catalog, TODAY, fx.Rates(fx.committed(""), work.fx), whole=True)


def data_of(quote: Quote) -> dict[str, Any]:
    page = html.dump(quote)
    made: dict[str, Any] = json.loads(page.split('<script type="application/json" id="data">')[1].split("</script>")[0])
    return made


def calc(quote: Quote, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what calc.js makes of the data of `quote`'s page at other hours, rates of exchange and discount rates."""
    if NODE is None:
        pytest.skip("node is not installed")
    asked = f"const asked = {json.dumps({'quote': data_of(quote), 'cases': cases})};"
    library, rules = ((REPORT / name).read_text(encoding="utf-8") for name in ("vendor/decimal.min.js", "calc.js"))
    script = "\n".join((library, rules, asked, DRIVE))
    done = subprocess.run([NODE, "-"], input=script, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    made: list[dict[str, Any]] = json.loads(done.stdout)
    return made


def near(told: str, value: Decimal) -> bool:
    """Python and decimal.js both keep 28 digits; sums in another order may differ in the last of them."""
    return abs(Decimal(told) - value) <= abs(value) * Decimal("1e-22") + Decimal("1e-20")


FACTORS = {"1": ("2190", "26280"), "0.9": (), "1.1": ()}  # of the rates of exchange; where all months are compared too
SAMPLE = {("qwen-32b", "720", None), ("qwen-7b", "8760", "0.1"), ("llama-70b", "720", None)}
MATRIX = [
    pytest.param(*case, marks=[] if case in SAMPLE else [pytest.mark.slow])
    for case in ((name, first, rate) for name in MODELS for first in ("720", "8760") for rate in (None, "0.1"))
]


@pytest.mark.parametrize(("name", "first", "rate"), MATRIX)
def test_the_page_recommends_what_a_fresh_quote_recommends(
    name: str, first: str, rate: str | None, catalog: Catalog
) -> None:
    asked = {**MODELS[name], **({"discount_rate": rate} if rate else {})}
    quote = fresh(catalog, hours=first, **asked)
    cases = []
    for hours in HOURS:
        for factor, whole in FACTORS.items():
            rates = [plain(f.rate * Decimal(factor)) for f in quote.fx]
            cases.append({"hours": hours, "rates": rates, "rate": rate, "months": hours in whole})
    for case, made in zip(cases, calc(quote, cases), strict=True):
        pairs = tuple(f"{f.base}{f.quote}={r}" for f, r in zip(quote.fx, case["rates"], strict=True))
        new = fresh(catalog, hours=case["hours"], fx=pairs, **asked)
        assert new.best is not None
        assert made["best"] == new.best.id, case
        value = choose.amount(new, new.best, choose.basis_of(new))
        assert value is not None
        assert near(made["value"], value), case
        by_id = {o.id: o for o in new.offers}
        for id_, months, present in made["months"]:
            same_months(new, by_id[id_], months)
            assert near(present, worth.present_value(new, by_id[id_], Decimal(rate or 0))), (id_, case)


#: A duty cycle's own hours a month, as --use asks for them, and those asked in the page.
CYCLES = [("300h/month x12", ("1", "100", "300", "525.5", "700")), ("60h/week x30", ("40", "60", "90"))]
CONTRACTS = [
    {},
    {"contract": ["aws=120000x12:8%:50%", "tencentcloud=3000x6:5%"]},
    {"contract": ["alicloud=9000x12:20%:100%", "aws=900x12:3%"], "tax": ["aws=6%", "alicloud=13%:included"]},
]
CYCLE_SAMPLE = [(CYCLES[0], CONTRACTS[2], "0.1"), (CYCLES[1], CONTRACTS[1], None)]
CYCLED = [
    pytest.param(*case, marks=[] if case in CYCLE_SAMPLE else [pytest.mark.slow])
    for case in ((cycle, terms, rate) for cycle in CYCLES for terms in CONTRACTS for rate in (None, "0.1"))
]


@pytest.mark.parametrize(("cycle", "terms", "rate"), CYCLED)
@pytest.mark.long
def test_the_page_of_a_duty_cycle_recommends_what_a_fresh_quote_recommends(
    cycle: tuple[str, tuple[str, ...]], terms: dict[str, Any], rate: str | None, catalog: Catalog
) -> None:
    use, amounts = cycle
    asked = {**terms, "egress_gb": "700", "start": "2027-01-15", **({"discount_rate": rate} if rate else {})}
    quote = fresh(catalog, use=use, **asked)
    rates, (own, months) = [plain(f.rate) for f in quote.fx], use.split("h/")
    news = [fresh(catalog, use=f"{hours}h/{months}", **asked) for hours in amounts]
    cases = [{"hours": plain(new.hours), "rates": rates, "rate": rate, "months": True} for new in news]
    for new, made, hours in zip(news, calc(quote, cases), amounts, strict=True):
        assert new.best is not None
        assert made["best"] == new.best.id, (hours, own)
        there, full = whatif.elsewhere(quote, hours=new.hours), Decimal(hours) > 672  # a full February: another pattern
        assert there.best is not None
        assert there.best.id == new.best.id
        value = choose.amount(there, there.best, choose.basis_of(there))
        assert value is not None
        assert near(made["value"], value), hours
        assert float(value) == pytest.approx(
            float(choose.amount(new, new.best, choose.basis_of(new)) or 0), rel=1e-3 if full else 1e-8
        )
        by_id, totals = {o.id: o for o in there.offers}, {o.id: o.totals.report for o in new.offers}
        assert {id_ for id_, *_ in made["months"]} <= set(by_id)
        for id_, told, present in made["months"]:
            same_months(there, by_id[id_], told)
            assert near(present, worth.present_value(there, by_id[id_], Decimal(rate or 0))), id_
            assert float(by_id[id_].totals.report.obligation) == pytest.approx(float(totals[id_].obligation), rel=1e-8)


@pytest.mark.parametrize("terms", CONTRACTS[1:])
def test_the_page_with_a_contract_recommends_what_a_fresh_quote_recommends(
    terms: dict[str, Any], catalog: Catalog
) -> None:
    asked = {**terms, "provider": ("aws", "alicloud")}
    quote = fresh(catalog, hours="720", **asked)
    rates = [plain(f.rate) for f in quote.fx]
    cases = [{"hours": hours, "rates": rates, "rate": None, "months": True} for hours in HOURS]
    for case, made in zip(cases, calc(quote, cases), strict=True):
        new = fresh(catalog, hours=case["hours"], **asked)
        assert new.best is not None
        assert made["best"] == new.best.id, case
        assert near(made["value"], new.best.totals.report.obligation), case
        for id_, months, _ in made["months"]:
            same_months(new, next(o for o in new.offers if o.id == id_), months)


def test_where_a_contract_makes_offers_equally_dear_the_one_that_spends_less_of_it_is_taken(catalog: Catalog) -> None:
    """All that is promised is due, spent or not: every machine by the hour costs the same, and the cheaper leaves more."""
    quote = fresh(
        catalog, hours="720", provider=("aws",), contract=["aws=120000x12:8%"], purchase_option=("on_demand",)
    )
    least = min(quote.offers, key=lambda o: o.charges[0].amount)
    assert len({round(o.totals.report.obligation, 6) for o in quote.offers}) < len(quote.offers)
    assert quote.best is least


def same_months(quote: Quote, offer: Offer, told: list[list[str]]) -> None:
    months = worth.cash(quote, offer)
    assert len(told) == len(months), offer.id
    for said, month in zip(told, months, strict=True):
        for text, value in zip(said, (month.advance, month.arrears, month.effective), strict=True):
            assert near(text, value), (offer.id, month)


def test_the_case_of_the_issue(catalog: Catalog) -> None:
    """A page of 720 hours moved to 6,570 marked three years all upfront at 18,216.51, where 69,676.29 was billed and a fresh
    quote recommended 39,370.44. At the prices and on the three machines of 2026-11-26 these are 13,791.75, 55,167.00 and
    30,800.16."""
    quote = fresh(catalog, hours="720", **MODELS["qwen-32b"])
    there = whatif.elsewhere(quote, hours=Decimal(6570))
    trap = min((o for o in there.offers if o.firm), key=lambda o: o.totals.report.effective)
    assert (trap.term, trap.payment) == ("3y", "all_upfront")
    assert f"{trap.totals.report.effective:.2f} {trap.totals.report.billed:.2f}" == "13791.75 55167.00"
    best = there.best
    assert best is not None
    assert f"{best.totals.report.obligation:.2f}" == "30800.16"
    assert (best.term, best.payment) == ("1y", "no_upfront")
    assert there.recommended == fresh(catalog, hours="6570", **MODELS["qwen-32b"]).recommended
    rates = [plain(f.rate) for f in quote.fx]
    (made,) = calc(quote, [{"hours": "6570", "rates": rates, "rate": None}])
    assert (made["best"], f"{Decimal(made['value']):.2f}") == (best.id, "30800.16")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.long
def test_elsewhere_is_the_fresh_quote(name: str, catalog: Catalog) -> None:
    """The same offers and totals to the last digit, at shorter and longer windows than the quote's own."""
    for first in ("720", "8760"):
        quote = fresh(catalog, hours=first, **MODELS[name])
        pool = whatif.contenders(quote)
        assert len(pool) < len(quote.offers)
        for hours in ("1", "95.5", "4368", "4369", "6570", "26280"):
            new, there = fresh(catalog, hours=hours, **MODELS[name]), whatif.elsewhere(quote, hours=Decimal(hours))
            assert {o.id: o.totals for o in there.offers} == {o.id: o.totals for o in new.offers}
            assert there.recommended == new.recommended
            assert whatif.elsewhere(quote, hours=Decimal(hours), offers=pool).recommended == new.recommended
            assert new.recommended is not None
            assert new.recommended.id in {o.id for o in pool}


def test_a_block_of_a_short_window_is_kept_for_what_if(catalog: Catalog) -> None:
    """A quote for a year sells no capacity block; asked about 720 hours, it recommends the one that a fresh quote does."""
    asked = {"instance_type": ("p4d.24xlarge",), "region": ("us-east-1",)}
    quote = fresh(catalog, hours="8760", **asked)
    assert not any(o.purchase_option == "capacity_block" for o in quote.offers)
    assert [o.purchase_option for o in quote.beyond] == ["capacity_block"]
    there = whatif.elsewhere(quote, hours=Decimal(720)).best
    assert there is not None
    assert there.purchase_option == "capacity_block"
    rates = [plain(f.rate) for f in quote.fx]
    (made,) = calc(quote, [{"hours": "720", "rates": rates, "rate": None}])
    assert made["best"] == there.id
