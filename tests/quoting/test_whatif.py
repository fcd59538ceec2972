"""What if: an offer evaluated at other inputs is what a new quote at those inputs says."""

from __future__ import annotations

from decimal import Decimal

import pytest

from planner import workload
from planner.prices import catalog, fx
from planner.quoting import build, whatif
from planner.quoting.records import Quote
from tests.conftest import TODAY

PARTS = {"egress_gb": "500", "inter_region_gb": "90", "storage_gb": "40", "public_ips": "2", "tax": "6%"}


def make(**fields: object) -> Quote:
    work = workload.make(fields)
    return build.quote(work, catalog.Catalog(), TODAY, fx.Rates(fx.committed(), work.fx), whole=True)


def assert_agree(old: Quote, new: Quote, **changed: object) -> None:
    by_id = {o.id: o for o in new.offers}
    assert old.offers
    for offer in old.offers:
        if offer.purchase_option == "capacity_block" and new.hours > 4368:
            assert offer.id not in by_id  # no block is so long
            continue
        then, wanted = whatif.again(old, offer, **changed), by_id[offer.id]  # type: ignore[arg-type]
        assert then.native() == wanted.totals.native, (offer.id, changed)
        for got, want in zip(then.report(), wanted.totals.report, strict=True):
            assert abs(got - want) <= abs(want) * Decimal("1e-20"), (offer.id, changed)


@pytest.mark.parametrize("start", ["", "2027-01-31"])
@pytest.mark.parametrize("hours", ["1", "96.5", "745", "8761", "30000"])
def test_other_hours(hours: str, start: str) -> None:
    assert_agree(make(start=start, **PARTS), make(start=start, **PARTS | {"hours": hours}), hours=Decimal(hours))


def test_other_traffic() -> None:
    more = PARTS | {"egress_gb": "60000", "inter_region_gb": "10800"}
    assert_agree(make(**PARTS), make(**more), traffic=Decimal(120))


def test_another_discount_on_compute() -> None:
    quote, off = make(provider="aws", **PARTS), Decimal("0.25")
    ways = sorted({o.purchase_option for o in quote.offers})
    assert_agree(quote, make(provider="aws", discount=[f"aws:{w}=25%" for w in ways], **PARTS), share=off)


def test_another_exchange_rate_moves_foreign_amounts_only() -> None:
    quote = make(currency="CNY")
    for offer in quote.offers:
        moved = whatif.again(quote, offer, fx=Decimal("1.05")).report().effective
        foreign = offer.totals.native_currency != "CNY"
        wanted = offer.totals.report.effective * (Decimal("1.05") if foreign else 1)
        assert abs(moved - wanted) <= wanted * Decimal("1e-20")


def test_other_prices_move_their_part_alone() -> None:
    quote = make(**PARTS)
    offer = quote.offers[0]
    now, then = whatif.again(quote, offer), whatif.again(quote, offer, prices={"compute": Decimal("1.2")})
    assert then.native("compute").list == now.native("compute").list * Decimal("1.2")
    assert then.native(*whatif.BESIDE) == now.native(*whatif.BESIDE)
    assert then.native("tax").effective > now.native("tax").effective


def test_nothing_changed_is_the_quote_itself() -> None:
    quote = make(**PARTS)
    assert_agree(quote, quote)


def test_steps_hold_every_rate_once_and_every_charge_that_costs() -> None:
    for fields in ({}, PARTS, {"hours": "400", "egress_gb": "60000"}):
        quote = make(**fields)
        for offer in quote.offers:
            steps = whatif.steps(quote, offer)
            assert [s.rate for s in steps] == [r for line in offer.lines if line.rule != "tax" for r in line.rates]
            charged = [s.charge for s in steps if s.charge is not None]
            assert charged == [c for c in offer.charges if c.rule != "tax" and c.tier.key != "free quota"], offer.id
            assert all(s.charge.source == s.rate.source for s in steps if s.charge is not None)


def test_commitments_at_list_and_one_instance() -> None:
    quote = make(discount=["aws=10%"], provider="aws", count=3)
    for offer in quote.offers:
        terms, listed = offer.commitment, whatif.listed(offer)
        assert (terms is None) == (listed is None)
        if terms is not None and listed is not None:
            assert listed.hourly * Decimal("0.9") == terms.hourly and listed.upfront * Decimal("0.9") == terms.upfront
    line = next(o.on_demand for o in quote.offers if o.on_demand is not None)
    assert whatif.hours_of(line, Decimal(10)).list == line.rates[0].amount * 10
    assert whatif.hours_of(line, Decimal(0)).list == 0
