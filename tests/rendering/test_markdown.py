"""Markdown: short, its table whole, the difference to an earlier quote exact, text without markup."""

from decimal import Decimal

import pytest

from planner import workload
from planner.errors import MisuseError
from planner.money import show
from planner.prices import fx
from planner.prices.catalog import Catalog
from planner.quoting import build
from planner.quoting.diff import compare
from planner.rendering import markdown


def quote(**values):
    work = workload.make({"instance_type": ("p4d.24xlarge",), **values})
    return build.quote(work, Catalog(), "2026-11-23", fx.Rates(fx.committed(""), work.fx))


def test_table_has_the_quote_s_figures_and_is_short():
    made = quote()
    text = markdown.dump(made)
    rows = [line for line in text.splitlines() if line.startswith("| 1 x")]
    assert rows
    best = made.offers[0].totals.report
    assert f"| {show(best.effective)} | {show(best.billed)} |" in rows[0]
    assert all(row.count("|") == 7 for row in rows)
    assert len(text.splitlines()) < 60


def test_compare_says_what_changed_and_why():
    old, new = quote(), quote(hours="360")
    text = markdown.dump(new, compare=old)
    diff = compare(old, new)
    before, after = diff.before[1], diff.after[1]
    assert (
        f"Recommended, all obligations included: {show(before)} to {show(after)} USD (-{show(before - after)})" in text
    )
    assert "hours -" in text
    assert markdown.dump(new, compare=new).count("(hours") == 0


def test_other_currency_cannot_be_compared():
    with pytest.raises(MisuseError, match="same --currency"):
        markdown.dump(quote(), compare=quote(currency="CNY"))


def test_a_name_cannot_make_markup_or_mention_anybody():
    text = markdown.dump(quote(name="a|b <script> @team [x](http://y) `z` *b*"))
    head = text.splitlines()[0]
    assert "<script" not in head and "@team" not in head and "](" not in head.replace("\\]\\(", "").replace("\\](", "")
    assert "\\|" in head


def test_signed():
    assert markdown._signed(Decimal("1.005")) == "+1.01"
    assert markdown._signed(Decimal("-2")) == "-2.00"
