"""The policy file: what it may hold, and what it refuses."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from planner.errors import MisuseError
from planner.gate.policy import Policy, judge, read
from planner.gate.sides import Side, Subject
from planner.prices.fx import Rates, committed
from planner.text import text

D = Decimal
KNOWN = ("aws", "alicloud", "tencentcloud")
RATES = Rates(committed())


def side(amount: str = "100", code: str = "USD", **other: object) -> Side:
    made = Side("aws:x", D(amount), code, D(720), ("aws",), ("on_demand",), "2026-11-01", False, False, (), ())
    return made._replace(**other)  # type: ignore[arg-type]


def said(policy: Policy, after: Side | None, before: Side | None = None) -> list[str]:
    subject = Subject("w.toml", "workload", before=before, after=after)
    return [str(why) for why in judge(policy, subject, "2026-11-27", RATES)]


def policy(tmp_path: Path, body: str) -> Policy:
    file = tmp_path / "policy.toml"
    file.write_text(body)
    return read(str(file), KNOWN)


def test_every_key_is_read(tmp_path: Path) -> None:
    made = policy(
        tmp_path,
        '[policy]\nbudget = "5,000.50 USD"\nmax_increase = ["20 %", "500 cny"]\nmax_age = 90\nproviders = ["aws"]\n'
        'purchase_options = ["on-demand", "reserved"]\nbasis = "effective"\nallow_unpriced = true\n',
    )
    increase = ((D(20), "%"), (D(500), "CNY"))
    ways = ("on_demand", "reserved")
    assert made == Policy((D("5000.50"), "USD"), increase, 90, ("aws",), ways, "effective", True)


def test_a_bare_number_is_in_the_policy_s_own_currency(tmp_path: Path) -> None:
    made = policy(tmp_path, '[policy]\ncurrency = "cny"\nbudget = 5000.5\nmax_increase = ["10%", 300, "4 USD"]\n')
    assert made.budget == (D("5000.5"), "CNY")
    assert made.max_increase == ((D(10), "%"), (D(300), "CNY"), (D(4), "USD"))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('[policy]\nbudgett = "5 USD"', "unknown key 'budgett': did you mean budget"),
        ('[policy]\nprovider = ["aws"]', "did you mean providers"),
        ("[policy]\nbudget = 5000", 'write "5000 USD"'),
        ('[policy]\ncurrency = "XXX"\nbudget = 5', "unknown currency"),
        ('[policy]\ncurrency = "USD"\nbudget = true', "no amount"),
        ('[policy]\nbudget = "20 %"', 'write "5000 USD"'),
        ('[policy]\nbudget = "5000 USX"', "unknown currency"),
        ('[policy]\nbudget = "-1 USD"', "budget"),
        ('[policy]\nbudget = "nan USD"', "budget"),
        ("[policy]\nmax_increase = 20", 'write "20 %" or "500 USD"'),
        ('[policy]\nmax_increase = "%"', 'write "20 %"'),
        ("[policy]\nmax_age = 1.5", "whole number"),
        ("[policy]\nproviders = []", "leave the key out"),
        ('[policy]\nproviders = ["awz"]', "did you mean aws"),
        ('[policy]\npurchase_options = ["spott"]', "did you mean spot"),
        ('[policy]\nbasis = "per-token"', "basis"),
        ('[policy]\nallow_unpriced = "yes"', "true or false"),
        ('budget = "5 USD"', "not 'budget'"),
        ("", "[policy] is missing"),
        ("policy = 1", "[policy] is missing"),
        ("[policy", "not valid TOML"),
    ],
)
def test_what_it_cannot_mean_is_refused(tmp_path: Path, body: str, told: str) -> None:
    with pytest.raises(MisuseError) as caught:
        policy(tmp_path, body)
    assert told in str(caught.value)


def test_limits_hold_to_the_last_digit() -> None:
    budget = Policy(budget=(D(100), "USD"))
    assert said(budget, side("100")) == [] and "over the budget" in said(budget, side("100.0000000001"))[0]
    share, much = Policy(max_increase=((D(10), "%"),)), Policy(max_increase=((D(10), "USD"),))
    for rule in (share, much):
        assert said(rule, side("110"), side()) == [] and len(said(rule, side("110.01"), side())) == 1
        assert said(rule, side("900")) == []  # what is new has no increase
        assert said(rule, side("1"), side()) == [] and said(rule, None, side()) == []
    assert said(share, side("5"), side("0")) == ["it costs ? % more, and the policy allows 10 %"]


def test_a_limit_in_another_currency_goes_by_the_dated_rate() -> None:
    comes = RATES.convert(D(100), "USD", "CNY")
    assert said(Policy(budget=(comes, "CNY")), side()) == []
    assert said(Policy(budget=(comes - 1, "CNY")), side()) != []
    assert said(Policy(max_increase=((D(0), "%"),)), side(), side(str(comes), "CNY")) == []


def test_a_missing_price_is_not_zero() -> None:
    lacks = side(unpriced=(text("System disk: no price"),))
    assert "no limit can be judged (System disk: no price)" in said(Policy(budget=(D(500), "USD")), lacks)[0]
    assert said(Policy(max_age=90), lacks) == [] == said(Policy(budget=(D(500), "USD"), allow_unpriced=True), lacks)


def test_age_provider_and_way_of_buying() -> None:
    assert said(Policy(max_age=26), side()) == [] and "26 days ago" in said(Policy(max_age=25), side())[0]
    assert "has no date" in said(Policy(max_age=25), side(seen="", undated=True))[0]
    assert said(Policy(providers=("alicloud",)), side()) == ["provider aws is not allowed"]
    assert said(Policy(purchase_options=("reserved",)), side()) == ["purchase option on_demand is not allowed"]
