"""The worked examples of the documentation, by hand: each line by its own arithmetic, and what the cost model says by the product."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest

from planner.quoting.records import Offer
from tests.conftest import ROOT, make_quote

D = Decimal
WORKED = (ROOT / "docs" / "worked.md").read_text("utf-8")
MODEL = " ".join((ROOT / "docs" / "cost-model.md").read_text("utf-8").split())
NUMBER = r"-?\d[\d,]*(?:\.\d+)?(?:e\+?\d+)?"
EXPLAINED = re.findall(r"^\$ planner explain (.*?)^(?:\$|```)", WORKED, re.M | re.S)


def numbers(text: str) -> list[float]:
    return [float(one.replace(",", "")) for one in re.findall(rf"(?<![\w.-]){NUMBER}", text)]


def near(shown: D, worked: D) -> bool:
    return abs(shown - worked) <= abs(worked) * D("1e-12")


@pytest.mark.parametrize("text", EXPLAINED, ids=[re.findall(r"--offer \S*?:(\w+:\w*)", one)[0] for one in EXPLAINED])
def test_charges_are_quantity_times_price_and_totals_their_sum(text: str) -> None:
    charges = re.findall(rf"^    \S.*: ({NUMBER}) (?:USD|CNY)\n      = ({NUMBER}) \w+ x ({NUMBER})", text, re.M)
    assert len(charges) >= 2
    for amount, quantity, price in charges:
        assert near(D(amount), D(quantity) * D(price)), amount
    totals = {
        name: (D(native), other)
        for name, native, other in re.findall(
            rf"^    (list|effective|billed|committed) +({NUMBER}) \w+(.*)$", text, re.M
        )
    }
    assert near(totals["effective"][0], sum((D(amount) for amount, _, _ in charges), D(0)))
    if rate := re.search(rf"^    rate: 1 USD = ({NUMBER}) CNY", text, re.M):
        for native, other in totals.values():
            assert near(D(re.findall(NUMBER, other)[0]), native / D(rate[1]))
    if even := re.search(rf"break-even (\d+) h a month: ({NUMBER}) a month / ({NUMBER})", text):
        assert int(even[1]) == math.ceil(D(even[2]) / D(even[3]))


def test_three_months_and_a_part_by_hand() -> None:
    march = D(20000) * 30 / 744
    first, second = 3 * D(10140) + march - 100, 3 * D(20000 - 100 - 10140)
    shown = re.findall(rf"\[(0-10240|10240-51200) GB\]: ({NUMBER}) USD", EXPLAINED[0])
    assert [step for step, _ in shown] == ["0-10240", "10240-51200"]
    assert near(D(shown[0][1]), first * D("0.09")) and near(D(shown[1][1]), second * D("0.085"))


GIB = 2.0**30
#: The line of the sizing -> what its own numbers come to, in the unit that it is shown in.
STEPS: dict[str, Callable[[Sequence[float]], float]] = {
    "weights of attention": lambda n: n[0] * n[1] / GIB,
    "weights of dense layers": lambda n: n[0] * n[1] / GIB,
    "embedding and output head": lambda n: n[0] * n[1] / GIB,
    "weights, one copy": lambda n: n[0] + n[1] + n[2],
    "KV cache per token": lambda n: math.prod(n),
    "engine and activations per GPU": lambda n: sum(n[:4]),
    "KV cache per GPU": lambda n: n[0] * n[1] - n[2] - n[3],
    "tokens one copy holds": lambda n: n[0] / n[1],
    "requests at once, one copy": lambda n: math.floor(n[0] / n[1]),
    "weights read in a decode step": lambda n: n[0] / (n[1] * n[2]) * 1e3,
    "arithmetic of a decode step": lambda n: n[0] * n[1] / (n[2] * n[3] * 1e3) * 1e3,
    "weights and arithmetic of a decode step": lambda n: math.hypot(n[0], n[2]),
    "KV cache read": lambda n: n[0] * n[1] * n[2] / 1e6,
    "engine's own time in a step": lambda n: n[0] + n[1] * n[2] / 1e3 + n[3] * n[4] / 1e3,
    "steps that have one": lambda n: 1 - math.exp(-abs(n[1])),
    "output of one instance": lambda n: n[0] * n[1] / (n[2] + n[3] * (n[4] + n[5] * (n[6] - n[7]))) * 1e3,
    "low side": lambda n: n[0] * n[1],
    "instances": lambda n: math.ceil(n[0] / (n[1] * n[2])),
}


def test_the_sizing_by_hand() -> None:
    text = WORKED.split("| sed -n '/^  steps/")[1].split("\n```")[0]
    lines = dict(re.findall(r"^    ([^:]+): (.*)$", text, re.M))
    for name, worked in STEPS.items():
        shown, _, formula = lines[name].partition(" = ")
        value = numbers(shown)[0]
        formula = re.sub(r"\s+\[.*?\]$|\((?:docs|\d+ %).*\)$", "", formula).replace("e^(-", "e (")
        found = numbers(formula.replace("1 - e", "1 e"))
        assert worked(found) == pytest.approx(value, rel=6e-3), (name, formula, found)
    parts = ("weights and arithmetic of a decode step", "KV cache read", "engine's own time in a step")
    assert numbers(lines["decode step"])[0] == pytest.approx(sum(numbers(lines[part])[0] for part in parts), rel=1e-3)
    assert numbers(lines["tokens one copy holds"].partition("=")[2])[0] == pytest.approx(
        numbers(lines["KV cache per GPU"])[0] * GIB, rel=2e-3
    )


# -- what docs/cost-model.md says ------------------------------------------------------------------------------------


def p4d(**fields: object) -> dict[str, Offer]:
    made = make_quote(instance_type="p4d.24xlarge", region="us-east-1", provider="aws", **fields)
    return {o.id.partition("p4d.24xlarge:")[2]: o for o in made.offers}


def said(amount: D) -> str:
    return f"{amount:,.2f}"


def test_the_cost_models_numbers_are_the_products() -> None:
    """Amounts in the text are found there as the product computes them today."""
    used = p4d(use="300h/month x12")
    assert f"3,600 h of p4d.24xlarge are {said(used['on_demand'].totals.native.obligation)} USD" in MODEL
    year = used["reserved:1y:no_upfront:standard"].totals.native.obligation
    assert f"5,160 of them unused, {said(year)} USD" in MODEL
    for hours in (462, 463):
        amount = p4d(use=f"{hours}h/month x12")["on_demand"].totals.native.obligation
        assert re.search(rf"{hours} h (?:a month )?cost {said(amount)}", MODEL) and (amount > year) == (hours == 463)
    month = p4d(hours="720")
    three = month["reserved:3y:no_upfront:standard"].totals.native
    assert f"({said(three.billed)}) fit 7,000 although they oblige to pay {said(three.obligation)}" in MODEL
    held = p4d(hours="730", contract="aws=240000x12:8%:50%")["on_demand"].charges
    assert (
        f"8 % off are {said(held[0].amount)}; of 20,000 a month half of the rest is due, {said(held[1].amount)}"
        in MODEL
    )
    made = make_quote(instance_type="GN10Xp.20XLARGE320", region="ap-guangzhou", tax="tencentcloud:china=6%:included")
    taxed = next(o for o in made.offers if o.id.endswith(":subscription:1m"))
    assert f"46,000.00 CNY at 6 % are {said(taxed.charges[0].amount)} and {said(taxed.charges[-1].amount)}" in MODEL
