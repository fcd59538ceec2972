"""A duty cycle: what runs by the hour pays its hours, what is committed, held or sent pays the months."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner import workload
from planner.duty import parse
from planner.errors import MisuseError
from planner.quoting.calendar import cut, periods, schedule
from planner.quoting.records import Offer, Quote
from planner.quoting.saved import load
from planner.rendering.focus import rows
from planner.rendering.formats import render
from planner.rendering.json import dump
from planner.units import months_from
from tests.conftest import Run, make_quote

D, ZERO = Decimal, Decimal(0)
P4D = {"provider": "aws", "region": "us-east-1", "instance_type": "p4d.24xlarge"}


def ways(quote: Quote) -> dict[str, Offer]:
    return {f"{o.purchase_option} {o.term} {o.payment}".strip(): o for o in quote.offers}


def test_on_demand_pays_its_hours_and_a_commitment_all_of_them() -> None:
    quote = make_quote(use="300h/month x12", egress_gb="500", storage_gb="100", **P4D)
    found = ways(quote)
    assert (quote.hours, quote.months, quote.window.length) == (3600, 12, 8760)
    usual, year = found["on_demand"], found["reserved 1y no_upfront"]
    assert [c.quantity for c in usual.charges if c.category == "compute"] == [D(3600)]
    assert [c.quantity for c in year.charges if c.category == "compute"] == [D(8760)]
    assert any("8760 h of the commitment lie in the window, 5160 h of them unused" in str(n) for n in year.notes)
    for offer in (usual, year):  # traffic and disks are there all twelve months
        assert sum(c.quantity for c in offer.charges if c.category == "egress") == 12 * 500
        assert [c.quantity for c in offer.charges if c.category == "storage"] == [D(12 * 100)]
    assert year.commitment is not None and year.commitment.terms == 1
    assert year.totals.native.billed == year.totals.native.committed + sum(
        c.billed for c in year.charges if c.category != "compute"
    )


def test_the_winner_flips_at_the_break_even_to_the_hour() -> None:
    """By brute force, every hour a month around the break-even and far from it: the printed hours are where it flips."""
    options = {"purchase_option": ["on_demand", "reserved"], **P4D}
    first = ways(make_quote(use="300h/month x12", **options))["reserved 1y no_upfront"]
    even = first.break_even_hours
    assert even == 463
    for hours in (1, 100, *range(even - 6, even + 7), 600, 730):
        quote = make_quote(use=f"{hours}h/month x12", **options)
        rivals = [o for o in quote.offers if o.term in ("", "1y")]
        best = min(rivals, key=lambda o: o.totals.report.obligation)
        assert (best.purchase_option == "reserved") == (hours >= even), hours
        assert ways(quote)["reserved 1y no_upfront"].break_even_hours == even
        if hours < even:
            assert quote.best is not None and quote.best.purchase_option == "on_demand"


def test_by_the_clock_the_calendar_says_how_many_hours() -> None:
    quote = make_quote(use="mon-fri 08-20 Asia/Shanghai x12", start="2026-12-01", **P4D)
    assert quote.hours == 261 * 12 and quote.months == 12
    [offer] = [o for o in quote.offers if o.purchase_option == "on_demand"]
    months = [p.hours for p in periods(quote, offer)]
    assert months[:3] == [276, 252, 240] or months[:3] == [D(23 * 12), D(21 * 12), D(20 * 12)]
    undated = make_quote(use="mon-fri 08-20 x12", **P4D)
    assert undated.workload.start == "2026-12-01"  # the first of the month after the quote


def test_summer_time_takes_and_gives_an_hour() -> None:
    use = parse("daily 00-24 Europe/Berlin x12")
    assert sum(use.by_month(months_from("2027-01-01", 12))) == 8760
    night = parse("sun 01-05 Europe/Berlin x1")
    assert sum(night.by_month(months_from("2027-03-01", 1))) == 4 * 4 - 1
    assert sum(night.by_month(months_from("2027-10-01", 1))) == 5 * 4 + 1
    over = parse("fri 22-06 UTC x1")
    assert sum(over.by_month(months_from("2027-01-01", 1))) == 5 * 8  # 1, 8, 15, 22 and 29 January


@settings(max_examples=40, deadline=None)
@given(
    use=st.sampled_from(
        [
            "300h/month x12",
            "10h/day x7",
            "60h/week x5",
            "730h/month x3",
            "mon-fri 08-20 Asia/Shanghai x12",
            "sat,sun 22-06 x2",
        ]
    ),
    start=st.sampled_from(["2026-12-01", "2027-01-31", "2027-03-01", "2028-02-29"]),
)
def test_months_hold_what_they_have_and_sums_stay(use: str, start: str) -> None:
    quote = make_quote(use=use, start=start, egress_gb="700", storage_gb="50", tax="6%", gpu=["A100"])
    for offer in ways(quote).values():
        entries, when = schedule(quote, offer), periods(quote, offer)
        for period in when:
            room = (date.fromisoformat(period.end) - date.fromisoformat(period.start)).days * 24
            assert min(period.hours, period.idle, period.rest_hours) >= 0, (offer.id, period)
            assert period.hours + period.idle + period.rest_hours <= room, (offer.id, period)
        assert abs(sum(p.hours for p in when) - quote.hours) < D("1e-5")
        near = lambda a, b: abs(a - b) <= D("1e-6") * max(1, abs(b))
        for mine in (entries, cut(quote, offer)):
            window = [e for e in mine if e.in_window]
            assert near(sum(e.billed for e in window), offer.totals.native.billed), offer.id
            assert near(sum(e.effective for e in window), offer.totals.native.effective), offer.id
            assert near(sum(e.billed for e in mine), sum(e.effective for e in mine)), offer.id


def test_focus_rows_say_what_is_used_and_unused_in_each_month() -> None:
    quote = make_quote(use="300h/month x12", start="2026-12-01", **P4D)
    offer = ways(quote)["reserved 1y no_upfront"]
    found = rows(quote, offer)
    for status, whole in (("Used", 3600), ("Unused", 5160)):
        mine = [r for r in found if r.get("CommitmentDiscountStatus") == status]
        assert len(mine) == 12 and sum(r["PricingQuantity"] for r in mine) == whole  # type: ignore[misc]
        assert {r["x_Period"] for r in mine} == {"window"}
    december = [
        r["PricingQuantity"]
        for r in found
        if str(r["ChargePeriodStart"]) == "2026-12-01T00:00:00Z" and r["ChargeCategory"] == "Usage"
    ]
    assert december == [300, 444]


@pytest.mark.parametrize("granularity", ["daily", "hourly"])
def test_by_the_clock_rows_stand_where_it_runs(granularity: str) -> None:
    """Monday to Friday from 08 to 20 in Shanghai is 00 to 12 UTC: weekends have no use, and what is unused is the rest."""
    quote = make_quote(use="mon-fri 08-20 Asia/Shanghai x1", start="2027-02-01", egress_gb="280", **P4D)
    for way in ("on_demand", "reserved 1y no_upfront"):
        offer = ways(quote)[way]
        mine = [e for e in cut(quote, offer, granularity) if e.charge.category == "compute" and e.kind == "usage"]
        used = [e for e in mine if e.status != "unused"]
        assert sum(e.quantity for e in used) == quote.hours == 20 * 12
        assert {e.begins.weekday() for e in used} == {0, 1, 2, 3, 4}
        if granularity == "daily":
            assert {e.quantity for e in used} == {12} and len(used) == 20
        else:
            assert {e.begins.hour for e in used} == set(range(12)) and {e.quantity for e in used} == {1}
        if way != "on_demand":
            idle = [e for e in mine if e.status == "unused" and e.in_window]
            assert sum(e.quantity for e in idle) == 28 * 24 - 240
            assert all(e.quantity <= (24 if granularity == "daily" else 1) for e in idle)
        sent = [e for e in cut(quote, offer, granularity) if e.charge.category == "egress"]
        assert {e.begins.weekday() for e in sent} == set(range(7))  # traffic is spread over the month


def test_it_goes_through_toml_json_and_saved_quotes(tmp_path: Path, planner: Run) -> None:
    path = tmp_path / "w.toml"
    path.write_text('provider = "aws"\nuse = "300h/month x12"\n')
    assert workload.from_toml(str(path)).hours == 3600
    overridden = workload.make({"hours": "50"}, workload.from_toml(str(path)))
    assert (overridden.use, overridden.hours) == ("", 50)
    quote = make_quote(use="mon-fri 08-20 Asia/Shanghai x12", egress_gb="90", provider="aws")
    assert load(dump(quote)) == quote
    raw = json.loads(dump(quote))
    assert raw["workload"]["use"] == "mon-fri 08-20 Asia/Shanghai x12" and raw["workload"]["hours"] == raw["hours"]
    changed = (
        dump(quote)
        .replace("use mon-fri", "use mon-thu")
        .replace('"use": "mon-fri 08-20 Asia/Shanghai x12"', '"use": "mon-thu 08-20 Asia/Shanghai x12"')
    )
    with pytest.raises(MisuseError, match="hours is 3132, but 'mon-thu"):
        load(changed)
    told = planner("quote", "--use", "300h/month x12", "--provider", "aws")
    assert told.returncode == 0
    assert "to pay for 3600 of the 8760 hours of 12 months" in told.stdout
    assert "a commitment 8760 h with 5160 h unused" in " ".join(told.stdout.split())
    both = planner("quote", "--use", "300h/month x12", "--hours", "720")
    assert both.returncode == 2 and "leave out --hours" in both.stderr


def test_every_format_takes_a_duty_cycle() -> None:
    quote = make_quote(use="300h/month x12", provider="aws")
    for form in ("table", "html", "xlsx", "json", "csv", "markdown", "focus"):
        assert render(quote, form)


@pytest.mark.parametrize(
    "said",
    [
        "300h/month",
        "x12",
        "300/month x12",
        "0h/month x12",
        "731h/month x12",
        "25h/day x1",
        "1e3h/month x1",
        "nanh/month x1",
        "300h/month x0",
        "300h/month x121",
        "300h/year x1",
        "300h/month now x12",
        "foo 08-20 x12",
        "mon-fri 8 x12",
        "mon-fri 08-08 x1",
        "mon-fri 08-25 x1",
        "mon-fri 08:60-20 x1",
        "mon-fri 08-20 Asia/Shangai x12",
        "mon-fri 08-20 ../x x1",
        "mon-fri 08-20 a b c x1",
        "mon- 08-20 x1",
        "300h/month x" + "9" * 400,
    ],
)
def test_what_says_nothing_is_a_misuse(said: str) -> None:
    with pytest.raises(MisuseError, match=r"^--use: "):
        workload.make({"use": said})
