"""The cost model against hand calculation, and its laws."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner import workload
from planner.errors import MisuseError
from planner.money import Tax, tax_at
from planner.offer import Price, TransferPrice
from planner.prices import catalog
from planner.quoting import cost, lines
from planner.quoting.calendar import schedule
from planner.quoting.fields import load_workload, workload_dict
from planner.quoting.records import Charge, Offer
from planner.quoting.saved import load
from planner.quoting.whatif import rate_of
from planner.quoting.worth import present_value
from planner.rendering.json import dump
from planner.text import text
from planner.units import Window
from tests import bookrows
from tests.conftest import make_quote

D = Decimal


def find(offers: tuple[Offer, ...], **fields: object) -> Offer:
    found = [o for o in offers if all(getattr(o, k) == v for k, v in fields.items())]
    assert len(found) == 1, [o.id for o in found]
    return found[0]


def price(option: str = "on_demand", amount: str = "1", **fields: object) -> Price:
    base = bookrows.price("t", amount, purchase_option=option, origin="list", place="p")
    return bookrows.changed(base, **fields)


def compute(rows: Sequence[Price], count: int, hours: Decimal, months: int, share: Decimal) -> tuple[Charge, ...]:
    """Return the compute charges of `rows` in a window of `hours` that bills `months`."""
    made, window = lines.compute(rows, count, share), Window(hours)
    return cost.charges_of(made, cost.terms_of(rows[0].way, window, months), window, months)


def transfer(rows: Sequence[TransferPrice], gb: int) -> Decimal:
    """Return what `gb` in one month cost."""
    line = lines.traffic(rows, text("x"), "egress_gb", D(gb), rows[0].currency, D(0))
    assert line is not None
    return sum((c.amount for c in cost.charges_of([line], None, Window(D(720)))), D(0))


def test_p4d_on_demand_and_reserved() -> None:
    offers = make_quote(hours="720", instance_type="p4d.24xlarge").offers
    usage = find(offers, purchase_option="on_demand")
    assert usage.count == 1
    assert usage.totals.native_currency == "USD"
    assert usage.totals.native.list == D("15809.50224") == usage.totals.native.effective
    assert usage.totals.native.committed == 0
    one = find(offers, term="1y", payment="no_upfront")
    assert one.totals.native.effective == 720 * D("13.921") == one.totals.native.billed
    assert one.totals.native.committed == 8760 * D("13.921")
    assert one.break_even_hours == 463  # 730 x 13.921 / 21.957642 = 462.8
    three = find(offers, term="3y", payment="all_upfront")
    assert three.totals.native.billed == three.totals.native.committed == 214420
    assert abs(three.totals.native.effective - D(214420) * 720 / 26280) < D("1e-20")


def test_gn7i_and_gn10xp() -> None:
    ali = make_quote(hours="720", instance_type="ecs.gn7i-c16g1.4xlarge", region="cn-beijing").offers
    assert find(ali, purchase_option="on_demand").totals.native.list == D("7267.248")
    offers = make_quote(hours="720", instance_type="GN10Xp.20XLARGE320", region="ap-guangzhou").offers
    china = find(offers, site="china", purchase_option="on_demand")
    month = find(offers, site="china", purchase_option="subscription", term="1m")
    abroad = find(offers, site="international", purchase_option="on_demand")
    assert (china.totals.native.list, china.totals.native_currency) == (D("69004.80"), "CNY")
    assert month.totals.native.billed == 46000 == month.totals.native.effective == month.totals.native.committed
    assert month.break_even_hours == 480
    assert (abroad.totals.native.list, abroad.totals.native_currency) == (D("13.78") * 720, "USD")


def test_tencent_s_hourly_steps_by_hand() -> None:
    """720 h of GN7.2XLARGE32: 96 h at 8.68, 264 h at 4.34 and 360 h at 2.95."""
    by_hand = 96 * D("8.68") + 264 * D("4.34") + 360 * D("2.95")
    assert by_hand == D("3041.04")
    offers = make_quote(
        hours="720",
        instance_type="GN7.2XLARGE32",
        region="ap-guangzhou",
        model="Qwen2.5-0.5B",
        purchase_option="on_demand",
    ).offers
    assert find(offers, site="china").totals.native.list == by_hand


@pytest.mark.parametrize(
    ("hours", "block"), [("1", 24), ("100", 120), ("336", 336), ("337", 504), ("720", 840), ("4368", 4368)]
)
def test_a_capacity_block_is_bought_in_steps(hours: str, block: int) -> None:
    """By the day to 14 days, then by the week to 182; all of it is paid upfront, at 11.80 USD an hour."""
    asked = {"instance_type": "p4d.24xlarge", "region": "us-east-1", "purchase_option": "capacity_block"}
    (offer,) = make_quote(hours=hours, **asked).offers
    sums = offer.totals.native
    assert sums.billed == sums.committed == sums.obligation == block * D("11.8") * offer.count
    assert sums.effective == D(hours) * D("11.8") * offer.count
    assert offer.commitment is not None and offer.commitment.term_hours == block


def test_a_capacity_block_is_refused_beyond_182_days() -> None:
    made = make_quote(hours="8760", instance_type="p4d.24xlarge", region="us-east-1", provider="aws")
    assert "capacity_block" not in {o.purchase_option for o in made.offers} and made.offers
    assert [str(r.reason) for r in made.rejected] == [
        "a capacity block lasts at most 182 days (4,368 h); the window has 8760 h"
    ]


def test_egress_from_us_east_1_by_hand() -> None:
    """200,000 GB: 100 free, 10,140 at 0.09, 40,960 at 0.085, 102,400 at 0.07, 46,400 at 0.05."""
    by_hand = 10140 * D("0.09") + 40960 * D("0.085") + 102400 * D("0.07") + 46400 * D("0.05")
    assert by_hand == D("13882.20")
    offers = make_quote(
        hours="720", instance_type="p4d.24xlarge", egress_gb="200000", purchase_option="on_demand"
    ).offers
    egress = [c for c in offers[0].charges if c.category == "egress"]
    assert sum(c.amount for c in egress) == by_hand
    assert sum(c.quantity for c in egress) == 200000
    assert offers[0].totals.native.list == D("15809.50224") + by_hand


@pytest.mark.parametrize(("gb", "cost_"), [(0, "0"), (100, "0"), (101, "0.09"), (10240, "912.6"), (10241, "912.685")])
def test_egress_edges(gb: int, cost_: str) -> None:
    rows = [t for t in catalog.Catalog().transfer("aws", "us-east-1") if t.destination == "internet"]
    assert transfer(rows, gb) == D(cost_)


def test_two_months_start_the_tiers_twice() -> None:
    offers = make_quote(
        hours="1460", instance_type="p4d.24xlarge", egress_gb="10340", purchase_option="on_demand"
    ).offers
    egress = sum(c.amount for c in offers[0].charges if c.category == "egress")
    assert egress == 2 * (10140 * D("0.09") + 100 * D("0.085"))


def test_hours_in_steps() -> None:
    """Tencent's hourly prices fall with the hours run: 96 at 3, 264 at 2, the rest at 1."""
    rows = [
        price(amount="3", tier_to=D(96)),
        price(amount="2", tier_from=D(96), tier_to=D(360)),
        price(amount="1", tier_from=D(360)),
    ]
    charges = compute(rows, 2, D(720), 1, D(0))
    assert [c.amount for c in charges] == [96 * 3 * 2, 264 * 2 * 2, 360 * 2]
    assert sum(c.amount for c in compute(rows, 1, D(50), 1, D(0))) == 150
    month = [price("subscription", "500", unit="month", term="1m")]
    made = lines.compute(month, 1, D(0))
    terms = cost.commitment_of(made, month[0].way, cost.terms_of(month[0].way, Window(D(720)), 1))
    assert terms is not None
    assert cost.break_even(terms, lines.compute(rows, 1, D(0))[0]) == 202  # 96 x 3 = 288; (500 - 288) / 2 = 106 more


def test_partial_upfront() -> None:
    rows = [
        price("reserved", "8760", unit="term", term="1y", payment="partial_upfront"),
        price("reserved", "2", unit="hour", term="1y", payment="partial_upfront"),
    ]
    charges = compute(rows, 1, D(720), 1, D("0.5"))
    sums = cost.totals(charges)
    assert sums.list == 720 + 1440
    assert sums.effective == 1080
    assert sums.billed == 4380 + 720
    assert sums.committed == 4380 + 8760


def test_longer_subscription_is_spread_over_its_months() -> None:
    rows = [price("subscription", "12000", unit="term", term="1y", currency="CNY")]
    sums = cost.totals(compute(rows, 3, D(720), 1, D(0)))
    assert (sums.effective, sums.billed, sums.committed) == (3000, 36000, 36000)
    sums = cost.totals(compute(rows, 1, D(8760 + 744), 13, D(0)))
    assert (sums.effective, sums.billed) == (13000, 24000)


def test_window_longer_than_the_term_needs_more_terms() -> None:
    rows = [price("reserved", "8760", unit="term", term="1y", payment="all_upfront")]
    sums = cost.totals(compute(rows, 1, D(8761), 12, D(0)))
    assert sums.billed == 2 * 8760
    assert sums.effective == 8761


def test_unpriced_is_never_zero() -> None:
    """Beijing has no price of a disk on the China site: the offer says so and ranks after complete ones."""
    quote = make_quote(hours="720", egress_gb="1000", storage_gb="1000", instance_type="ecs.gn7i-c16g1.4xlarge")
    beijing = find(quote.offers, region="cn-beijing")
    hangzhou = find(quote.offers, region="cn-hangzhou")
    assert not any(c.category == "storage" for c in beijing.charges)
    assert "disk: no price for cn-beijing" in str(beijing.unpriced[0])
    assert sum(c.amount for c in hangzhou.charges if c.category == "egress") == 800
    assert quote.offers.index(hangzhou) < quote.offers.index(beijing)


def test_discounts_stand_beside_list() -> None:
    quote = make_quote(hours="720", instance_type="p4d.24xlarge", discount=["aws=12%", "aws:reserved=5%"])
    usage = find(quote.offers, purchase_option="on_demand")
    assert usage.totals.native.list == D("15809.50224")
    assert usage.totals.native.effective == D("15809.50224") * D("0.88")
    one = find(quote.offers, term="1y", payment="no_upfront")
    assert one.totals.native.effective == 720 * D("13.921") * D("0.95")
    assert one.totals.native.committed == 8760 * D("13.921") * D("0.95")


def test_tax_adds_its_own_row() -> None:
    quote = make_quote(hours="720", instance_type="p4d.24xlarge", tax="6%", purchase_option="on_demand")
    rows = [c for c in quote.offers[0].charges if c.category == "tax"]
    assert [c.amount for c in rows] == [D("15809.50224") * D("0.06")]
    assert quote.offers[0].totals.native.effective == D("15809.50224") * D("1.06")


def v100(**fields: object) -> Offer:
    fields = {"instance_type": "GN10Xp.20XLARGE320", "region": "ap-guangzhou", "currency": "CNY", **fields}
    return find(make_quote(hours="720", **fields).offers, site="china", purchase_option="subscription", term="1m")


def test_a_tax_that_the_prices_hold_is_taken_out_of_them() -> None:
    """46,000 with 6 % in it are 43,396.23 and 2,603.77."""
    offer = v100(tax=["tencentcloud=6%:included"])
    assert [c.amount.quantize(D("0.01")) for c in offer.charges] == [D("43396.23"), D("2603.77")]
    assert set(offer.totals.native) == {D(46000)}
    added = v100(tax=["tencentcloud:china=6%", "aws=0%"])
    assert [c.amount for c in added.charges] == [D(46000), D(2760)]


def test_a_tax_that_comes_back_is_cash_and_no_cost() -> None:
    offer = v100(tax="6%:included:recoverable")
    net = D(46000) / D("1.06")
    assert (offer.totals.native.effective, offer.totals.native.obligation, offer.totals.native.list) == (net, net, net)
    assert (offer.totals.native.billed, offer.totals.native.committed) == (D(46000), D(46000))
    offer = v100(tax={"default": "6%:recoverable"})
    assert offer.totals.native.effective == 46000 and offer.totals.native.billed == 48760
    for told in ("6%:recoverable", "6%:included:recoverable", "6%:included", "6%"):
        quote = make_quote(tax=told, discount_rate="0%", provider="tencentcloud", region="ap-guangzhou")
        for one in quote.offers:
            cash = present_value(quote, one, D(0))
            owed = sum(e.billed for e in schedule(quote, one) if not e.charge.rule.endswith("_back"))
            assert abs(cash - owed * rate_of(quote, one.totals.native_currency)) < D("1e-15"), (told, one.id)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("6%:inclusive", "--tax: 'inclusive'"),
        ("6%:added:included", "not both"),
        ("=6%", "write 6%, PROVIDER=6%"),
        (["aws=1%", "aws=2%"], "aws is given twice"),
        (["1%", "2%"], "the tax of all is given twice"),
        ("aws=120%", "--tax aws: 120% is outside"),
        ("aws=nan", "--tax aws"),
        ("asw=6%", "unknown provider 'asw'.*aws"),
        ("tencentcloud:chian=6%", "has no site 'chian'.*china"),
        ({"aws": ["6%"]}, "--tax aws"),
    ],
)
def test_a_tax_that_says_nothing_is_a_misuse(given: object, words: str) -> None:
    with pytest.raises(MisuseError, match=words):
        make_quote(tax=given)


def test_what_is_said_of_a_site_comes_before_its_provider_and_of_that_before_all() -> None:
    work = workload.make({"tax": ["5%", "aws=0%", "tencentcloud=6%:included", "tencentcloud:international=9%"]})
    found = [
        tax_at(work.taxes, work.tax, *at)
        for at in (("aws", "aws"), ("alicloud", "china"), ("tencentcloud", "international"))
    ]
    assert [t.share for t in found] == [D(0), D("0.05"), D("0.09")]
    assert tax_at(work.taxes, work.tax, "tencentcloud", "china").included
    told = workload_dict(work)
    assert told["taxes"] == {"aws": "0", "tencentcloud": "0.06:included", "tencentcloud:international": "0.09"}
    assert load_workload(told, "x") == work and "taxes" not in workload_dict(workload.make({"tax": "6%"}))


def test_taxes_in_toml_and_in_a_saved_quote(tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    path.write_text('provider = "tencentcloud"\n[tax]\ndefault = "5%"\ntencentcloud = "6%:included"\n')
    work = workload.from_toml(str(path))
    assert work.tax == D("0.05") and work.taxes == (Tax("tencentcloud", D("0.06"), True),)
    quote = make_quote(tax=["tencentcloud=6%:included", "alicloud=9%:recoverable"], egress_gb="90")
    again = load(dump(quote))
    assert again == quote and again.hash == quote.hash


def test_range_quotes_the_high_end_and_says_so() -> None:
    offers = make_quote(hours="720", instance_type="GN10X.4XLARGE80", region="ap-shanghai").offers
    china = find(offers, site="china", purchase_option="on_demand")
    assert china.charges[0].unit_price == D("36.49")
    assert any("32.79 to 36.49" in str(n) for n in china.notes)


def test_storage_and_address() -> None:
    quote = make_quote(hours="730", instance_type="p4d.24xlarge", storage_gb="1000", public_ips="2", count="2")
    usage = find(quote.offers, purchase_option="on_demand")
    by_category = {c.category: c.amount for c in usage.charges}
    assert by_category["storage"] == 2 * 1000 * D("0.08")
    assert by_category["ip"] == 2 * 730 * D("0.005")


options = st.sampled_from(["on_demand", "reserved", "savings_plan", "subscription", "spot"])
shares = st.decimals(min_value=0, max_value="0.999", places=3)


@settings(max_examples=60, deadline=None)
@given(
    hours=st.decimals(min_value="0.5", max_value=30000, places=1),
    egress=st.integers(0, 400_000),
    storage=st.integers(0, 5000),
    share=shares,
    tax=shares,
    count=st.integers(1, 9),
)
def test_laws_of_a_quote(hours: Decimal, egress: int, storage: int, share: Decimal, tax: Decimal, count: int) -> None:
    """Charges add up to totals; effective never exceeds list; amounts are quantity times price."""
    quote = make_quote(
        hours=hours,
        egress_gb=egress,
        storage_gb=storage,
        discount=[f"aws={share}", f"tencentcloud={share}"],
        tax=tax,
        count=count,
        provider=["aws", "tencentcloud"],
        gpu=["A100", "V100"],
    )
    assert quote.offers
    for offer in quote.offers:
        native = offer.totals.native
        assert sum(c.amount for c in offer.charges) == native.effective
        assert sum(c.list for c in offer.charges) == native.list
        assert sum(c.billed for c in offer.charges) == native.billed
        assert sum(c.committed for c in offer.charges) == native.committed
        assert native.effective <= native.list
        assert all(c.currency == offer.totals.native_currency for c in offer.charges)
        for c in offer.charges:
            assert c.amount == c.quantity * c.unit_price
            assert min(c.amount, c.list, c.billed, c.committed) >= 0


@settings(max_examples=60, deadline=None)
@given(a=st.integers(0, 300_000), b=st.integers(0, 300_000))
def test_traffic_is_monotone_and_cheaper_per_gb(a: int, b: int) -> None:
    rows = [t for t in catalog.Catalog().transfer("aws", "us-east-1") if t.destination == "internet"]

    def of(gb: int) -> Decimal:
        return transfer(rows, gb)

    low, high = sorted((a, b))
    assert of(low) <= of(high)
    assert of(low) + of(high) >= of(low + high) - 100 * D("0.09")  # volume makes it cheaper; the quota is given once


@settings(max_examples=40, deadline=None)
@given(first=st.integers(1, 3000), second=st.integers(1, 3000))
def test_flat_hours_add_up(first: int, second: int) -> None:
    def of(hours: int) -> Decimal:
        return cost.totals(compute([price(amount="21.957642")], 3, D(hours), 1, D(0))).effective

    assert of(first) + of(second) == of(first + second)


CODES = st.sampled_from(["USD", "CNY", "EUR"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(CODES, st.integers(1, 10_000)), min_size=1, max_size=6))
def test_currencies_never_add_up(parts: list[tuple[str, int]]) -> None:
    """Charges of one currency are summed; two currencies raise, whatever their order."""
    charges = [
        c for code, amount in parts for c in compute([price(amount=str(amount), currency=code)], 1, D(1), 1, D(0))
    ]
    if len({code for code, _ in parts}) == 1:
        assert cost.totals(charges).effective == sum(amount for _, amount in parts)
    else:
        with pytest.raises(MisuseError, match="cannot put"):
            cost.totals(charges)


def test_the_obligation_is_the_greater_of_billed_and_committed_charge_by_charge() -> None:
    """A reservation's hours are owed to its end; the traffic beside it only as it is used."""
    quote = make_quote(hours="720", instance_type="p4d.24xlarge", egress_gb="1000", purchase_option="reserved")
    one = find(quote.offers, term="1y", payment="no_upfront")
    traffic = sum(c.billed for c in one.charges if c.category == "egress")
    assert one.totals.native.obligation == 8760 * D("13.921") + traffic
    assert one.totals.native.obligation > max(one.totals.native.billed, one.totals.native.committed)
