"""The cost of money: present values by month, and the rate at which two ways of paying tie."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from planner import workload
from planner.errors import MisuseError
from planner.i18n import translator
from planner.prices import catalog, fx
from planner.prices import own as ownprices
from planner.quoting import build, choose, saved, worth
from planner.quoting.records import Offer, Quote
from planner.rendering import advice, table
from planner.rendering.json import dump
from tests.conftest import TODAY, Run, make_quote

#: The prices of the issue, as the list had them: 214,420.00 upfront, or 9.374 an hour for three years.
OWN = """provider,region,instance_type,purchase_option,term,payment,offering,unit,amount,currency
aws,us-east-1,p4d.24xlarge,on_demand,,,,hour,21.957642,USD
aws,us-east-1,p4d.24xlarge,reserved,1y,no_upfront,standard,hour,13.921,USD
aws,us-east-1,p4d.24xlarge,reserved,3y,all_upfront,standard,term,214420,USD
aws,us-east-1,p4d.24xlarge,reserved,3y,no_upfront,standard,hour,9.374,USD
aws,us-east-1,p4d.24xlarge,reserved,3y,partial_upfront,standard,term,110000,USD
aws,us-east-1,p4d.24xlarge,reserved,3y,partial_upfront,standard,hour,4.4,USD
"""
P4D = {"instance_type": ("p4d.24xlarge",), "region": ("us-east-1",), "provider": ("aws",)}


@pytest.fixture
def own(tmp_path: Path) -> catalog.Catalog:
    path = tmp_path / "own.csv"
    path.write_text(OWN, encoding="utf-8")
    made = catalog.Catalog(as_of=TODAY)
    made.own = tuple(ownprices.load(str(path), made))
    return made


def quoted(own: catalog.Catalog, **fields: object) -> Quote:
    work = workload.make({**P4D, **fields})
    return build.quote(work, own, TODAY, fx.Rates(fx.committed(), work.fx))


def ways(quote: Quote, term: str = "3y") -> dict[str, Offer]:
    return {o.payment: o for o in quote.offers if o.purchase_option == "reserved" and o.term == term}


@pytest.mark.parametrize("fields", [{}, {"hours": "26280"}, {"start": "2027-02-01"}, {"tax": "6%", "count": "3"}])
def test_the_rate_of_the_issue(own: catalog.Catalog, fields: dict[str, str]) -> None:
    """9.245 % +- 0.01, nominal, over 36 equal payments at the months' ends; whatever the window, its first day and tax."""
    found = ways(quoted(own, **fields))
    tie = worth.tie(found["no_upfront"], found["all_upfront"])
    assert tie is not None
    assert (tie.early.payment, tie.late.payment, tie.months) == ("all_upfront", "no_upfront", 36)
    assert abs(tie.nominal - Decimal("0.09245")) < Decimal("0.0001")
    step, payment = tie.nominal / 12, Decimal("9.374") * 26280 / 36
    assert abs(sum(payment / (1 + step) ** n for n in range(1, 37)) - 214420) < Decimal("0.0001")
    assert abs(tie.effective - Decimal("0.09647")) < Decimal("0.00001")
    count = found["no_upfront"].count
    assert (tie.upfront, tie.saved) == (214420 * count, Decimal("31928.72") * count)


def test_every_pair_of_ways_of_one_commitment_ties_once(own: catalog.Catalog) -> None:
    quote = quoted(own)
    pairs = [(x.early.payment, x.late.payment) for x in worth.ties(quote, quote.offers)]
    assert sorted(pairs) == [
        ("all_upfront", "no_upfront"),
        ("all_upfront", "partial_upfront"),
        ("partial_upfront", "no_upfront"),
    ]
    one, other = ways(quote, "1y")["no_upfront"], ways(quote)["no_upfront"]
    assert worth.tie(one, other) is None  # not the same commitment


def test_what_costs_more_in_all_and_at_once_never_ties(own: catalog.Catalog) -> None:
    found = ways(quoted(own))
    dear = found["all_upfront"].commitment
    assert dear is not None
    worse = found["all_upfront"]._replace(commitment=dear._replace(upfront=Decimal(300000)))
    assert worth.tie(worse, found["no_upfront"]) is None


def test_present_value_by_hand(own: catalog.Catalog) -> None:
    """A year from December: each month's hours are paid at its end, discounted by as many months."""
    quote = quoted(own, start="2026-12-01", discount_rate="12%")
    offer = ways(quote, "1y")["no_upfront"]
    days = (31, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30)
    wanted = sum(Decimal("13.921") * 24 * d / Decimal("1.01") ** n for n, d in enumerate(days, 1))
    assert abs(worth.present_value(quote, offer, Decimal("0.12")) - wanted) < Decimal("1e-18")
    assert abs((choose.amount(quote, offer, "present-value") or 0) - wanted) < Decimal("1e-18")


def test_tax_is_paid_with_what_it_is_on(own: catalog.Catalog) -> None:
    """Paid on the first day, an upfront payment and its tax lose nothing to discounting."""
    quote = quoted(own, tax="6%")
    assert worth.present_value(quote, ways(quote)["all_upfront"], Decimal("0.5")) == Decimal("214420") * Decimal("1.06")


@pytest.mark.parametrize("hours", ["30", "720", "2190", "8760"])
def test_a_rate_of_nothing_gives_todays_cash(hours: str) -> None:
    """All that is owed, for every way of buying, with traffic, disks, addresses and tax."""
    quote = make_quote(hours=hours, egress_gb="900", storage_gb="80", public_ips="2", tax="6%", currency="CNY")
    for offer in quote.offers:
        value, owed = worth.present_value(quote, offer, Decimal(0)), offer.totals.report.obligation
        assert abs(value - owed) <= owed * Decimal("1e-20"), offer.id
        assert worth.present_value(quote, offer, Decimal("0.1")) <= value


def test_json_says_it_and_is_held_to_it(own: catalog.Catalog) -> None:
    quote = quoted(own, discount_rate="10%")
    raw = json.loads(dump(quote))
    tie = next(
        x for x in raw["ties"] if x["offer"].endswith("3y:all_upfront:standard") and "no_upfront" in x["against"]
    )
    assert tie["rate_nominal_monthly"].startswith("0.09245")
    assert tie["rate_effective"].startswith("0.09647")
    for said, offer in zip(raw["offers"], quote.offers, strict=True):
        assert Decimal(said["present_value"]) == worth.present_value(quote, offer, Decimal("0.1"))
    assert saved.load(dump(quote)) == quote
    for place, old, new in (
        ("ties[0].rate_nominal_monthly", raw["ties"][0]["rate_nominal_monthly"], "0.5"),
        ("offers[1].present_value", raw["offers"][1]["present_value"], "1"),
    ):
        with pytest.raises(MisuseError) as told:
            name = place.rpartition(".")[2]
            saved.load(dump(quote).replace(f'"{name}": "{old}"', f'"{name}": "{new}"', 1))
        assert place in str(told.value)
    plain = json.loads(dump(quoted(own)))
    assert "ties" not in plain
    assert not any("present_value" in o for o in plain["offers"])


def test_the_table_says_where_ways_of_paying_tie(own: catalog.Catalog) -> None:
    quote = quoted(own, discount_rate="10%", hours="26280")
    said = table.dump(quote)
    assert "all upfront instead of no upfront takes 214,420.00 USD more at once and 31,928.72 USD less in all" in said
    assert "below 9.245 % a year (nominal, by the month; 9.647 % effective)" in said
    chinese = table.dump(quote, lang="zh")
    assert "9.245 %" in chinese
    assert "instead of" not in chinese
    assert len(advice.ties(quote, quote.offers, translator("en"))) == 3
    assert "tie" not in table.dump(quoted(own, hours="26280"))


def test_from_the_command_line(planner: Run) -> None:
    asked = ("quote", "--instance-type", "p4d.24xlarge", "--region", "us-east-1", "--discount-rate", "10%")
    done = planner(*asked, "--format", "json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["ties"][0]["rate_nominal_monthly"].startswith("0.0924")
