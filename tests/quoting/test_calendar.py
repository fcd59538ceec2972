"""Months of an offer: no month has more hours than it has, the window's part month carries on, sums stay."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import MisuseError
from planner.quoting.calendar import Entry, by_period, cut, periods, schedule
from planner.quoting.fields import load_workload, workload_dict
from planner.quoting.records import Offer, Quote
from planner.quoting.saved import load
from planner.rendering.json import dump
from tests.conftest import make_quote

ZERO = Decimal(0)
MOUNTED = {"egress_gb": "700", "storage_gb": "50", "public_ips": "1", "tax": "6%"}


@cache
def quote_of(hours: str, start: str, count: str = "2") -> Quote:
    return make_quote(hours=hours, start=start, count=count, gpu=["A100"], **MOUNTED)


def ways(quote: Quote) -> list[Offer]:
    """Return one offer of each way of buying."""
    seen: dict[tuple[str, ...], Offer] = {}
    for o in quote.offers:
        seen.setdefault((o.provider, o.purchase_option, o.term, o.payment), o)
    return list(seen.values())


def p4d(hours: str, start: str, term: str, payment: str, **fields: str) -> tuple[Quote, Offer]:
    quote = make_quote(hours=hours, start=start, instance_type=["p4d.24xlarge"], provider="aws", **fields)
    return quote, next(o for o in quote.offers if (o.purchase_option, o.term, o.payment) == ("reserved", term, payment))


def test_the_part_month_of_a_window_carries_on() -> None:
    """2,190 h from 1 December, 1 year no upfront: March has 30 h used and 714 h unused, April 720 h."""
    quote, offer = p4d("2190", "2026-12-01", "1y", "no_upfront")
    cash = {p.start: billed for p, billed, _ in by_period(schedule(quote, offer))}
    assert cash["2027-03-01"].quantize(Decimal("0.01")) == Decimal("10357.22")
    assert cash["2027-04-01"].quantize(Decimal("0.01")) == Decimal("10023.12")
    assert [(p.hours, p.rest_hours) for p in periods(quote, offer)][2:5] == [(672, 0), (30, 714), (0, 720)]
    assert len(cash) == 12 and sum(cash.values()) == offer.totals.native.committed
    march = [e for e in schedule(quote, offer) if e.period.start == "2027-03-01"]
    told = [(e.kind, e.status, e.in_window, e.quantity, e.begins.isoformat(), e.ends.isoformat()) for e in march]
    edge, end = "2027-03-02T06:00:00", "2027-04-01T00:00:00"
    assert told == [
        ("purchase", "", True, 30, "2027-03-01T00:00:00", edge),
        ("usage", "used", True, 30, "2027-03-01T00:00:00", edge),
        ("purchase", "", False, 714, edge, end),
        ("usage", "unused", False, 714, edge, end),
    ]


def test_a_window_without_a_first_day_fills_the_calendar() -> None:
    """It begins on the first of the month after the quote: no February has 730 hours."""
    dated, offer = p4d("2190", "2026-12-01", "1y", "no_upfront")
    undated, same = p4d("2190", "", "1y", "no_upfront")
    assert undated.quoted_on == "2026-11-23" and (dated.months, undated.months) == (4, 3)
    assert [p.hours for p in periods(undated, same)] == [p.hours for p in periods(dated, offer)]


def test_an_upfront_payment_spans_its_term_and_terms_follow_one_another() -> None:
    quote, offer = p4d("30000", "2027-01-15", "3y", "all_upfront")
    bought = [e for e in schedule(quote, offer) if e.once]
    assert [(e.begins.date().isoformat(), e.ends.date().isoformat()) for e in bought] == [
        ("2027-01-15", "2030-01-14"),
        ("2030-01-14", "2033-01-13"),
    ]


@settings(deadline=None, max_examples=25)
@given(
    hours=st.sampled_from(["0.5", "30", "720", "744", "1000.25", "2190", "4380", "8760", "8928", "26280"]),
    start=st.one_of(st.just(""), st.dates(date(2026, 12, 1), date(2029, 3, 1)).map(date.isoformat)),
)
def test_no_month_has_more_hours_than_it_has_and_sums_stay(hours: str, start: str) -> None:
    quote = quote_of(hours, start)
    for offer in ways(quote):
        entries = schedule(quote, offer)
        for period in periods(quote, offer):
            has = (date.fromisoformat(period.end) - date.fromisoformat(period.start)).days * 24
            assert 0 <= period.hours + period.rest_hours <= has, (offer.id, period)
            for kind in ("usage", "purchase"):
                _within(entries, period.number, kind, has * offer.count)
        _adds_up(offer, entries)
        _adds_up(offer, cut(quote, offer), listed=offer.commitment is None)


def _within(entries: list[Entry], number: int, kind: str, most: int) -> None:
    """The hours that each charge of machines uses (or buys by the hour) in a month are at most those that it has."""
    mine = [e for e in entries if e.period.number == number and e.kind == kind and not e.once]
    timed = [e for e in mine if e.charge.category == "compute" and e.charge.unit == "hour"]
    for charge in {e.charge for e in timed}:
        assert sum(e.quantity for e in timed if e.charge == charge) <= most, (number, kind, charge)


def _adds_up(offer: Offer, entries: list[Entry], listed: bool = True) -> None:
    """listed: of `schedule`; `cut` gives what a commitment covers the list price on demand."""

    def total(name: str, mine: list[Entry]) -> Decimal:
        return sum((getattr(e, name) for e in mine), ZERO)

    def near(left: Decimal, right: Decimal) -> bool:
        return abs(left - right) <= Decimal("1e-20") * max(1, abs(right))

    window, native = [e for e in entries if e.in_window], offer.totals.native
    assert near(total("billed", window), native.billed), offer.id
    assert near(total("effective", window), native.effective), offer.id
    if listed:
        assert near(total("listed", [e for e in window if e.kind != "purchase"]), native.list), offer.id
    assert near(total("billed", entries), total("effective", entries)), offer.id
    assert all(e.begins < e.ends for e in entries), offer.id


def test_by_day_and_by_hour() -> None:
    quote = make_quote(hours="720", start="2026-12-01", instance_type=["p4d.24xlarge"], purchase_option="on_demand")
    [offer] = [o for o in quote.offers if o.region == "us-east-1"]
    days = cut(quote, offer, "daily")
    assert (len(days), {e.quantity for e in days}) == (30, {Decimal(24)})
    assert sum(e.billed for e in days).quantize(Decimal("0.01")) == Decimal("15809.50")
    assert days[-1].ends == datetime(2026, 12, 31)
    assert len(cut(quote, offer, "hourly")) == 720 and len(cut(quote, offer)) == 1


@pytest.mark.parametrize("granularity", ["hourly", "daily", "monthly"])
def test_parts_add_up_at_every_granularity(granularity: str) -> None:
    quote = quote_of("1000.25", "2027-01-31")
    for offer in ways(quote):
        if granularity != "hourly" or offer.commitment is None:  # a term by the hour is tens of thousands of rows
            _adds_up(offer, cut(quote, offer, granularity), listed=offer.commitment is None)


@pytest.mark.parametrize("gb", ["99", "150", "1000", "20000", "300000"])
def test_traffic_of_a_month_used_in_part_is_that_part(gb: str) -> None:
    """2,190 h from the 1st, the 15th and the 31st agree within 2 %; a month has what its entries say, on its own tiers."""
    sums = []
    for start in ("2026-12-01", "2026-12-15", "2026-12-31"):
        quote = make_quote(hours="2190", start=start, provider="aws", purchase_option="on_demand", egress_gb=gb)
        offer = quote.offers[0]
        entries = [e for e in schedule(quote, offer) if e.charge.category == "egress"]
        charges = [c for c in offer.charges if c.category == "egress"]
        sums.append(sum((c.amount for c in charges), ZERO))
        whole = [sum(e.quantity for e in entries if e.period.number == n) for n in range(4)]
        room = 720 if start.endswith("31") else 744
        assert whole[:3] == [Decimal(gb)] * 3
        assert abs(whole[3] - Decimal(gb) * 30 / room) < Decimal("1e-20")
        for charge in charges:
            assert abs(sum(e.quantity for e in entries if e.charge == charge) - charge.quantity) < Decimal("1e-20")
    assert max(sums) - min(sums) <= Decimal("0.02") * max(sums)
    if gb == "20000":
        assert [s.quantize(Decimal("0.01")) for s in sums] == [Decimal(x) for x in ("5290.18", "5290.18", "5292.60")]
    begun = make_quote(hours="30", provider="aws", purchase_option="on_demand", egress_gb=gb, egress_months="begun")
    month = make_quote(hours="720", provider="aws", purchase_option="on_demand", egress_gb=gb)
    one, other = ([c for c in q.offers[0].charges if c.category == "egress"] for q in (begun, month))
    assert [c.amount for c in one] == [c.amount for c in other]


def test_how_months_count_is_a_word_and_saved_quotes_of_before_replay() -> None:
    with pytest.raises(MisuseError, match="--egress-months: 'monthly'"):
        make_quote(egress_months="monthly")
    begun = make_quote(hours="2190", start="2026-12-01", egress_gb="500", egress_months="begun", provider="aws")
    told = workload_dict(begun.workload)
    assert "egress_months" not in told and load_workload(told, "x").egress_months == "begun"
    now = make_quote(hours="2190", start="2026-12-01", egress_gb="500", provider="aws")
    assert workload_dict(now.workload)["egress_months"] == "prorated" and now.hash != begun.hash
    for quote in (begun, now):
        assert load(dump(quote)) == quote
    assert "egress_months" not in workload_dict(make_quote(provider="aws").workload)
