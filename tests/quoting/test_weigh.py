"""A screen weighs every offer and makes those that it shows: both are the same offer, to the last digit."""

from __future__ import annotations

import pytest

from planner.prices import fx
from planner.prices.catalog import Catalog
from planner.quoting import build
from planner.quoting.records import Offer, Quote
from planner.rendering.table import dump
from planner.workload import make

CATALOG = Catalog()
WORKLOADS = {
    "nothing beside": {"hours": "720"},
    "everything beside": {
        "hours": "2190",
        "start": "2026-12-15",
        "egress_gb": "12000",
        "inter_region_gb": "300",
        "storage_gb": "500",
        "public_ips": "1",
        "tax": "6%",
        "discount": ("aws=12%", "alicloud:subscription=5%"),
    },
    "a demand, in yuan": {"hours": "8760", "rps": "9", "currency": "CNY", "spare": "1", "low_confidence": True},
    "a discount rate": {"hours": "6570", "discount_rate": "10%", "region": ("all",), "gpu": ("A100",)},
}


def quoted(values: dict[str, object], brief: bool) -> Quote:
    workload = make(values)
    return build.quote(workload, CATALOG, "2026-11-26", fx.Rates(fx.committed(), workload.fx), brief=brief)


@pytest.mark.parametrize("name", WORKLOADS)
def test_weighed_is_made(name: str) -> None:
    whole, brief = quoted(WORKLOADS[name], False), quoted(WORKLOADS[name], True)
    assert len(whole.offers) == len(brief.offers) > 20
    for one, other in zip(whole.offers, brief.offers, strict=True):
        assert not isinstance(other, Offer), "it was made before anybody looked"
        for field in ("id", "way", "unpriced", "totals", "sources", "provider", "instance_type", "purchase_option"):
            assert getattr(other, field) == getattr(one, field), (one.id, field)
        assert (other.market, other.firm) == (one.market, one.firm)
        assert Offer._make(getattr(other, field) for field in Offer._fields) == one._replace(
            sizing=other.sizing, lines=other.lines
        )
    assert whole.recommended == brief.recommended and whole.prices_as_of == brief.prices_as_of
    assert whole.stale == brief.stale and whole.rejected == brief.rejected and whole.gaps == brief.gaps


@pytest.mark.parametrize("sort", ["", "per-token"])
@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", WORKLOADS)
def test_the_screen_shows_the_same(name: str, lang: str, sort: str) -> None:
    for width in (None, 100):
        shown = [dump(quoted(WORKLOADS[name], brief), lang=lang, sort=sort, width=width) for brief in (False, True)]
        assert shown[0] == shown[1]
