"""Cost over hours: the same numbers as quotes of these hours, and break-even to the hour."""

from __future__ import annotations

from decimal import Decimal

import pytest

from planner.quoting.overtime import MOST, at, curves
from planner.quoting.records import Quote
from tests.conftest import make_quote

D = Decimal


@pytest.fixture(
    scope="module", params=[{"instance_type": "p4d.24xlarge"}, {"provider": "tencentcloud", "egress_gb": "200"}]
)
def quote(request: pytest.FixtureRequest) -> Quote:
    return make_quote(**request.param)


def test_break_even_is_the_first_hour(quote: Quote) -> None:
    found = curves(quote)
    paid = found[0].offer
    assert paid.purchase_option == "on_demand" and 2 < len(found) <= MOST
    evens = [curve for curve in found if curve.even is not None]
    assert len(evens) >= 2
    for curve in evens:
        assert curve.even is not None
        assert at(quote, paid, D(curve.even)) >= at(quote, curve.offer, D(curve.even))
        assert at(quote, paid, D(curve.even - 1)) < at(quote, curve.offer, D(curve.even - 1))
    assert all(
        curve.even is None for curve in found if curve.offer.purchase_option in ("on_demand", "spot", "capacity_block")
    )


def test_points_are_what_a_quote_of_these_hours_says(quote: Quote) -> None:
    work = quote.workload
    hours = D(5000)
    fresh = {
        o.id: o.totals.report.obligation
        for o in make_quote(
            hours="5000", provider=work.provider, instance_type=work.instance_type, egress_gb=work.egress_gb
        ).offers
    }
    same = [curve.offer for curve in curves(quote) if curve.offer.id in fresh]
    assert len(same) >= 3
    for offer in same:
        assert at(quote, offer, hours) == fresh[offer.id]
    for curve in curves(quote):
        amounts = [amount for _, amount in curve.points]
        assert amounts == sorted(amounts) and dict(curve.points)[quote.hours] == curve.offer.totals.report.obligation


def test_nothing_recommended_is_nothing_to_draw(quote: Quote) -> None:
    assert curves(quote._replace(recommended=None)) == ()
