"""Markdown: short, its table whole, the difference to an earlier quote exact, text without markup."""

from decimal import Decimal

import pytest

from planner import workload
from planner.errors import MisuseError
from planner.money import show, signed
from planner.prices import fx
from planner.prices.catalog import Catalog
from planner.quoting import build, choose
from planner.quoting.diff import compare
from planner.rendering import diff, markdown


def quote(**values):
    work = workload.make({"instance_type": ("p4d.24xlarge",), **values})
    return build.quote(work, Catalog(), "2026-11-23", fx.Rates(fx.committed(""), work.fx))


def test_table_has_the_quote_s_figures_and_is_short():
    made = quote()
    text = markdown.dump(made)
    rows = [line for line in text.splitlines() if line.startswith(("| 1 x", "| **1 x"))]
    best = made.best.totals.report
    assert f"| {show(best.obligation)} | {show(best.effective)} | {show(best.billed)} |" in text
    assert rows and all(row.count("|") == 7 for row in rows)


CASES = ({}, {"hours": "8760", "rps": "9"}, {"egress_gb": "500", "tax": "6%", "budget": "900", "instance_type": ()})


@pytest.mark.parametrize("values", CASES)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_comment_has_at_most_25_lines(values, lang):
    old, new = quote(instance_type=()), quote(**{"instance_type": (), **values})
    for text in (markdown.dump(new, lang=lang), markdown.dump(new, lang=lang, compare=old)):
        assert len(text.splitlines()) <= markdown.LINES == diff.LINES == 25
        assert "-0.00" not in text and " 1 offers" not in text
        assert new.best.instance_type in text
    whole = markdown.dump(new, lang=lang, top=3)
    assert sum(line.startswith("|") for line in whole.splitlines()) > 20


def test_short_tables_list_the_best_of_each_provider_and_what_costs_up_to_twice_as_much():
    made = quote(instance_type=())
    listed = choose.near(made, choose.worth_showing(made, 1))
    least = made.best.totals.report.obligation
    best = {s.offer.id for s in choose.standings(made)}
    assert best <= {o.id for o in listed}
    assert all(o.totals.report.obligation <= 2 * least or o.id in best for o in listed)
    assert len(listed) > len(best)


def test_compare_says_what_changed_and_why():
    old, new = quote(), quote(hours="360")
    text = markdown.dump(new, compare=old)
    found = compare(old, new)
    before, after = found.before[1], found.after[1]
    assert (
        f"Recommended, all obligations included: {show(before)} to {show(after)} USD (-{show(before - after)})" in text
    )
    assert "hours -" in text
    assert markdown.dump(new, compare=new).count("hours -") == 0


def test_other_currency_cannot_be_compared():
    with pytest.raises(MisuseError, match="same --currency"):
        markdown.dump(quote(), compare=quote(currency="CNY"))


def test_a_name_cannot_make_markup_or_mention_anybody():
    text = markdown.dump(quote(name="a|b <script> @team [x](http://y) `z` *b*"))
    head = text.splitlines()[0]
    assert "<script" not in head and "@team" not in head and "](" not in head.replace("\\]\\(", "").replace("\\](", "")
    assert "\\|" in head


def test_signed():
    shown = {"1.005": "+1.01", "-2": "-2.00", "-0.001": "0.00", "0.004": "0.00", "0": "0.00", "-1234.5": "-1,234.50"}
    assert {value: signed(Decimal(value)) for value in shown} == shown
    assert show(Decimal("-0.001")) == "0.00" and show(Decimal("-0.0004"), 3) == "0.000"
