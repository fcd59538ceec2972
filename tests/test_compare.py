"""Comparing quotes: parts add up to the last digit, each cause gets its own, and CI hears of an increase."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import MisuseError
from planner.money import Tax
from planner.prices import fx
from planner.prices.catalog import Catalog
from planner.quoting import build
from planner.quoting.diff import CAUSES, OfferDiff, compare, increase, near
from planner.quoting.records import Fx, Quote
from planner.quoting.saved import load
from planner.rendering.diff import LINES, as_json, as_markdown, as_table, why
from planner.rendering.json import dump
from planner.workload import Workload
from tests.bookrows import changed

ROOT = Path(__file__).resolve().parent.parent
P4D = "aws:aws:us-east-1:p4d.24xlarge:on_demand"
GN10 = "tencentcloud:china:ap-guangzhou:GN10Xp.20XLARGE320:on_demand"
CATALOG = Catalog()
EXACT = Context(prec=200)
TYPES = ("p4d.24xlarge", "GN10Xp.20XLARGE320", "ecs.gn7i-c16g1.4xlarge")


def _quote(rate: str = "7", own: tuple[Any, ...] = (), **work: Any) -> Quote:
    base: dict[str, Any] = {"instance_type": TYPES, "region": ("us-east-1", "ap-guangzhou", "cn-beijing")}
    rates = fx.Rates([Fx("USD", "CNY", Decimal(rate), "2026-10-30", "test")])
    catalog = CATALOG if not own else Catalog(own=own)
    return build.quote(Workload(**(base | work)), catalog, "2026-11-23", rates)


def _one(old: Quote, new: Quote, name: str) -> OfferDiff:
    return next(o for o in compare(old, new).offers if o.id == name)


def _parts(old: Quote, new: Quote, name: str) -> dict[str, Decimal]:
    return {cause: round(amount, 9) for cause, amount in _one(old, new, name).parts if cause != "rounding"}


def test_a_quote_does_not_differ_from_itself() -> None:
    quote = _quote(egress_gb=Decimal(1000), storage_gb=Decimal(100), count=3)
    again = load(dump(quote), "quote")
    result = compare(quote, again)
    assert {o.status for o in result.offers} == {"same"} and increase(result) == 0
    assert "offers unchanged" in as_table(result) and result.notes == ()


def test_a_commitment_is_an_increase_although_it_costs_less_an_hour() -> None:
    """Issue 12: from nothing owed to 214,420.00, which passed as -62.84 % of the effective cost."""
    asked = {"instance_type": ("p4d.24xlarge",), "region": ("us-east-1",), "hours": Decimal(720)}
    old = _quote(**asked, purchase_option=("on_demand",))
    new = _quote(**asked, purchase_option=("reserved",))
    three = next(o for o in new.offers if (o.term, o.payment) == ("3y", "all_upfront"))
    assert new.recommended is not None
    new = new._replace(offers=(three,), recommended=new.recommended._replace(id=three.id))
    told = compare(old, new)
    assert told.before is not None and told.after is not None
    assert [f"{amount:.2f}" for amount in (told.before[1], told.after[1])] == ["15809.50", "214420.00"]
    assert f"{increase(told):.2f}" == "1256.27"
    assert f"{increase(compare(old, new, 'effective')):.2f}" == "-62.84"


def test_hours_count_and_rate_by_hand() -> None:
    assert _parts(_quote(), _quote(hours=Decimal(730)), P4D) == {"hours": 10 * Decimal("21.957642")}
    assert _parts(_quote(count=1), _quote(count=3), P4D) == {"count": 2 * 720 * Decimal("21.957642")}
    # Hours come before count: the ten hours more are counted at the old count, then both instances at the new hours.
    both = _parts(_quote(count=1), _quote(count=3, hours=Decimal(730)), P4D)
    assert both == {"hours": 10 * Decimal("21.957642"), "count": 2 * 730 * Decimal("21.957642")}
    assert _parts(_quote(), _quote(rate="6"), P4D) == {}
    cny = next(o for o in _quote().offers if o.id == GN10).totals.native.effective
    got = _parts(_quote(), _quote(rate="6"), GN10)
    assert set(got) == {"exchange_rate"} and got["exchange_rate"] == round(cny / 6 - cny / 7, 9)


def test_price_and_discount_by_hand() -> None:
    rows = [p for p in CATALOG.prices("aws", "us-east-1") if p.instance_type == "p4d.24xlarge" and not p.status]
    price = next(p for p in rows if p.purchase_option == "on_demand")
    dearer = _quote(own=(changed(price, amount=Decimal("30"), origin="own", place="mine.csv:2"),))
    assert _parts(_quote(), dearer, P4D) == {"price": 720 * (30 - Decimal("21.957642"))}
    detail = _one(_quote(), dearer, P4D).details[0]
    assert detail.before.startswith("21.957642 USD/hour (list") and detail.after.startswith("30 USD/hour (own")
    less = _quote(discount=(("aws", Decimal("0.1")),))
    assert _parts(_quote(), less, P4D) == {"discount": -72 * Decimal("21.957642")}
    both = _quote(own=(price._replace(amount=Decimal("30")),), discount=(("aws", Decimal("0.1")),))
    assert _parts(_quote(), both, P4D) == {"price": 720 * (30 - Decimal("21.957642")), "discount": Decimal(-72 * 30)}
    # With the same discount on both sides the difference is the price's alone.
    assert set(_parts(less, both, P4D)) == {"price"}


def test_volumes_by_hand() -> None:
    some, more = _quote(egress_gb=Decimal(1000)), _quote(egress_gb=Decimal(2000))
    assert _parts(some, more, P4D) == {"volume": Decimal("90")}
    assert _parts(_quote(), some, P4D) == {"volume": Decimal("81")}  # 900 GB at 0.09 after the free 100
    # 1,460 hours are two billing months: twice the traffic, and that is due to the hours.
    longer = _one(some, _quote(egress_gb=Decimal(1000), hours=Decimal(1440)), P4D)
    assert round(sum(d.amount for d in longer.details if "transfer" in d.charge), 9) == 81
    assert {cause for cause, _ in longer.parts} == {"hours"}
    disk = _parts(_quote(storage_gb=Decimal(100)), _quote(storage_gb=Decimal(300)), P4D)
    assert set(disk) == {"volume"}
    assert set(_parts(_quote(tax=Decimal("0.06")), _quote(), P4D)) == {"tax"}


def test_a_tax_that_the_prices_hold_changes_no_price() -> None:
    held = (Tax("aws", Decimal("0.06"), True),)
    assert _parts(_quote(), _quote(taxes=held), P4D) == {}
    back = (Tax("aws", Decimal("0.06"), True, True),)
    found = _parts(_quote(), _quote(taxes=back), P4D)
    usual = 720 * Decimal("21.957642")
    assert set(found) == {"tax"} and found["tax"] == round(usual / Decimal("1.06") - usual, 9)
    assert set(_parts(_quote(taxes=held), _quote(taxes=held, hours=Decimal(730)), P4D)) == {"hours"}
    assert any("taxes: - -> aws=0.06:included" in note for note in compare(_quote(), _quote(taxes=held)).notes)


def test_a_step_that_is_reached_is_due_to_the_hours() -> None:
    assert set(_parts(_quote(hours=Decimal(50)), _quote(hours=Decimal(500)), GN10)) <= {"hours"}


WORK = st.fixed_dictionaries(
    {
        "hours": st.integers(1, 9000).map(Decimal),
        "count": st.integers(1, 7),
        "egress_gb": st.sampled_from([0, 1, 99, 12345, 200000]).map(Decimal),
        "storage_gb": st.sampled_from([0, 33, 1000]).map(Decimal),
        "public_ips": st.integers(0, 2),
        "tax": st.sampled_from(["0", "0.06"]).map(Decimal),
        "taxes": st.sampled_from(
            [(), (Tax("aws", Decimal("0.05"), True),), (Tax("tencentcloud", Decimal("0.06"), True, True),)]
        ),
        "discount": st.sampled_from([(), (("aws", Decimal("0.07")), ("tencentcloud", Decimal("0.333")))]),
        "rate": st.sampled_from(["7.1", "6.652882", "7"]),
    }
)


@settings(max_examples=40, deadline=None)
@given(old=WORK, new=WORK)
def test_parts_add_up_to_the_last_digit(old: dict[str, Any], new: dict[str, Any]) -> None:
    first, last = _quote(**old), _quote(**new)
    result = compare(first, last)
    assert len(result.offers) >= 3
    for offer in result.offers:
        if ":capacity_block" in offer.id and (offer.before is None or offer.after is None):
            assert max(first.hours, last.hours) > 4368  # no block is so long
            continue
        assert offer.before is not None
        assert offer.after is not None
        total = Decimal(0)
        for _, amount in offer.parts:
            total = EXACT.add(total, amount)
        assert total == EXACT.subtract(offer.after, offer.before)
        parts = dict(offer.parts)
        assert abs(parts.get("rounding", Decimal(0))) < Decimal("1e-15")
        assert set(parts) <= set(CAUSES)
        # What did not move has no part in it, not even in the last digit.
        for cause, fields in {
            "hours": ("hours",),
            "volume": ("egress_gb", "storage_gb", "public_ips"),
            "tax": (),
        }.items():
            if fields and all(old[f] == new[f] for f in fields):
                assert cause not in parts
        if old["rate"] == new["rate"]:
            assert "exchange_rate" not in parts
        if old["count"] == new["count"]:
            assert "count" not in parts
        assert "price" not in parts
    body = json.loads(as_json(result))
    for offer in body["offers"]:
        if offer["difference"] is None:  # no capacity block is so long
            continue
        total = Decimal(0)
        for amount in offer["parts"].values():
            total = EXACT.add(total, Decimal(amount))
        assert total == Decimal(offer["difference"])


def test_new_and_gone_offers_are_named() -> None:
    result = compare(_quote(instance_type=("p4d.24xlarge",)), _quote(instance_type=("ecs.gn7i-c16g1.4xlarge",)))
    assert {o.status for o in result.offers} == {"new", "gone"}
    assert f"{P4D}\n  gone: 15,809.50" in as_table(result, 0)
    assert f"| {P4D} | 15,809.50 | gone |" in as_markdown(result, 0)


def test_it_shows_the_recommended_and_what_changed_within_twice_its_cost() -> None:
    everything: dict[str, Any] = {"instance_type": (), "region": ()}
    old, new = _quote(**everything), _quote(rate="6.5", hours=Decimal(730), egress_gb=Decimal(100), **everything)
    result = compare(old, new)
    shown = near(result)
    assert result.after is not None and old.best is not None
    assert shown[0].id == result.after[0]
    limit = 2 * result.after[1]
    assert 3 < len(shown) < 60 < len(result.offers)
    assert all(min(v for v in o.owed if v is not None) <= limit for o in shown)
    for text in (as_table(result), as_markdown(result)):
        assert len(text.splitlines()) <= LINES
        assert shown[0].id in text and "-0.00" not in text
        assert "more changed (--top 0 shows all)" in text
    assert len(as_table(result, 0).splitlines()) > 500
    assert as_table(result, 3).count("\n  ") < 60


def test_a_change_in_what_is_owed_is_printed_where_the_effective_cost_hides_it() -> None:
    """The window's share of a commitment stays what it was when it needs one more term."""
    asked: dict[str, Any] = {"instance_type": ("p4d.24xlarge",), "purchase_option": ("reserved",)}
    result = compare(_quote(hours=Decimal(8760), **asked), _quote(hours=Decimal(8761), **asked))
    row = next(o for o in result.offers if "1y:no_upfront" in o.id)
    assert ("obligation +121,947.96", "121,947.96 -> 243,895.92") in why(result, row)


def test_one_offer_is_one_offer() -> None:
    only: dict[str, Any] = {"instance_type": ("p4d.24xlarge",), "purchase_option": ("on_demand",)}
    result = compare(_quote(**only), _quote(**only))
    assert len(result.offers) == 1
    assert as_table(result).endswith("1 of 1 offer unchanged\n")


def test_two_currencies_are_not_compared() -> None:
    with pytest.raises(MisuseError, match="same --currency"):
        compare(_quote(), _quote(currency="CNY"))


def _diff(tmp_path: Path, old: Quote, new: Quote, *args: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "old.json").write_text(dump(old))
    (tmp_path / "new.json").write_text(dump(new))
    command = [sys.executable, "-m", "planner", "diff", str(tmp_path / "old.json"), str(tmp_path / "new.json"), *args]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_ci_is_told_of_an_increase(tmp_path: Path) -> None:
    only = {"instance_type": ("p4d.24xlarge",), "purchase_option": ("on_demand",)}
    old, new = _quote(**only), _quote(hours=Decimal(756), **only)  # exactly 5 % more
    assert _diff(tmp_path, old, new, "--fail-on-increase", "5%").returncode == 0
    over = _diff(tmp_path, old, new, "--fail-on-increase", "4.99")
    assert over.returncode == 1 and "the recommended offer costs 5.00 % more, over the limit of 4.99 %" in over.stderr
    assert _diff(tmp_path, new, old, "--fail-on-increase", "0%").returncode == 0
    assert _diff(tmp_path, old, new, "--fail-on-increase", "1%", "--offer", P4D).returncode == 1
    gone = _diff(
        tmp_path, old, _quote(instance_type=("ecs.gn7i-c16g1.4xlarge",)), "--fail-on-increase", "1%", "--offer", P4D
    )
    assert gone.returncode == 1 and "is gone" in gone.stderr


@pytest.mark.parametrize(
    "args", [("--fail-on-increase", "-1"), ("--fail-on-increase", "x"), ("--offer", "nothing"), ("--format", "xml")]
)
def test_misuse_is_one_line(tmp_path: Path, args: tuple[str, ...]) -> None:
    done = _diff(tmp_path, _quote(), _quote(), *args)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1


def test_a_file_that_is_no_quote_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    command = [sys.executable, "-m", "planner", "diff", str(tmp_path / "a.json"), str(tmp_path / "none.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "a.json" in done.stderr and "Traceback" not in done.stderr


def test_markdown_keeps_its_table(tmp_path: Path) -> None:
    done = _diff(tmp_path, _quote(), _quote(hours=Decimal(800)), "--format", "markdown", "-o", str(tmp_path / "out.md"))
    assert done.returncode == 0 and done.stdout == ""
    rows = [line for line in (tmp_path / "out.md").read_text().splitlines() if line.startswith("|")]
    assert len(rows) > 3 and {line.count("|") for line in rows} == {6}


def test_the_28th_digit_of_a_prorated_price_is_no_discount() -> None:
    rows = [p for p in CATALOG.prices("aws", "us-east-1") if p.instance_type == "p4d.24xlarge" and not p.status]
    term = next(p for p in rows if p.payment == "all_upfront" and p.unit == "term")
    share = (("aws", Decimal("0.07")),)
    for more in (7, 11, 13, 17, 101):
        old, new = _quote(discount=share), _quote(discount=share, own=(term._replace(amount=term.amount + more),))
        name = next(
            o.id for o in new.offers if (o.payment, o.term, o.offering) == (term.payment, term.term, term.offering)
        )
        parts = dict(_one(old, new, name).parts)
        assert "discount" not in parts
        assert parts["price"] > 0
