"""The table of formats, and the words that the command line repeats so that its help stays light."""

from __future__ import annotations

import inspect
import json
from decimal import Decimal
from importlib import import_module

import pytest

from planner import workload
from planner.cli import options
from planner.cli import quote as command
from planner.errors import MisuseError
from planner.quoting import calendar, choose
from planner.quoting.records import Quote
from planner.rendering import formats
from tests.conftest import Run, make_quote


def test_the_command_line_repeats_the_tables() -> None:
    assert tuple(f.name for f in formats.FORMATS) == command.FORMATS
    assert options.BASES == workload.BASES == choose.BASES
    assert command.GRANULARITIES == calendar.GRANULARITIES


@pytest.mark.parametrize("form", formats.FORMATS, ids=lambda f: f.name)
def test_a_format_takes_its_options_by_keyword(form: formats.Format) -> None:
    parameters = inspect.signature(getattr(import_module(form.module), form.function)).parameters
    first, *rest = parameters.values()
    assert first.name == "quote"
    assert {p.name for p in rest} == set(form.options)
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY and p.default is not inspect.Parameter.empty for p in rest)


def test_unknown_formats_and_options_are_refused(quote: Quote) -> None:
    with pytest.raises(MisuseError, match="unknown format 'pdf'"):
        formats.render(quote, "pdf")
    with pytest.raises(MisuseError, match=r"--offer goes with --format focus"):
        formats.render(quote, "table", offer="x")
    with pytest.raises(MisuseError, match="no format has an option 'shiny'"):
        formats.render(quote, "csv", shiny=True)


@pytest.mark.parametrize("basis", workload.BASES)
def test_every_basis_orders_the_table(basis: str) -> None:
    quote = make_quote(hours="2190", instance_type="p4d.24xlarge", discount_rate="10%")
    shown = choose.ranked(quote, quote.offers, basis)
    values = [choose.amount(quote, o, basis) for o in shown if not o.unpriced]
    known = [v for v in values if v is not None]
    assert known == sorted(known)
    assert len(known) > 3
    assert isinstance(formats.render(quote, "table", sort=basis), str)


def test_present_value_needs_a_rate(quote: Quote, planner: Run) -> None:
    with pytest.raises(MisuseError, match="--discount-rate"):
        choose.amount(quote, quote.offers[0], "present-value")
    done = planner("quote", "--sort", "present-value")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--discount-rate" in done.stderr


def test_a_discount_rate_recommends_the_least_present_value() -> None:
    """Over three years the payment upfront is the least; at 60 % a year waiting is worth more than its discount."""
    asked = {"hours": "26280", "instance_type": "p4d.24xlarge", "purchase_option": "reserved"}
    plain = make_quote(**asked)
    assert plain.recommended is not None
    assert plain.recommended.basis == "obligation"
    assert plain.recommended.id.endswith("3y:all_upfront:standard")
    dear = make_quote(**asked, discount_rate="60%")
    assert dear.recommended is not None
    assert dear.recommended.basis == "present-value"
    assert dear.recommended.id.endswith("no_upfront:standard")


def test_present_value_at_no_interest_is_the_cash_owed() -> None:
    quote = make_quote(hours="26280", instance_type="p4d.24xlarge", discount_rate="0%", egress_gb="100", tax="6%")
    for offer in quote.offers:
        value = choose.amount(quote, offer, "present-value")
        assert value is not None
        assert abs(value - offer.totals.report.billed) < 1e-15


def test_the_budget_is_held_to_its_basis(planner: Run) -> None:
    """7,000 fit what a 3-year reservation bills in a month, not the 246,348.72 that it owes, nor the least that one owes."""
    asked = (
        "quote",
        "--instance-type",
        "p4d.24xlarge",
        "--region",
        "us-east-1",
        "--provider",
        "aws",
        "--budget",
        "7000",
    )
    asked += ("--purchase-option", "reserved")
    owed = planner(*asked)
    assert owed.returncode == 1
    assert (
        "nothing fits the budget of 7,000.00 USD: the lowest obligation is 121,947.96, 114,947.96 over" in owed.stderr
    )
    assert "NOTHING FITS; the lowest obligation is 121,947.96, 114,947.96 over" in owed.stdout
    billed = planner(*asked, "--budget-basis", "billed")
    assert billed.returncode == 0
    assert "1 offer fits by billed, and leaves 250.72" in billed.stdout
    raw = json.loads(planner(*asked, "--budget-basis", "billed", "--format", "json").stdout)
    assert (raw["budget"]["basis"], raw["budget"]["fitting"], raw["workload"].get("budget_basis")) == (
        "billed",
        1,
        None,
    )
    [fits] = [o for o in raw["offers"] if Decimal(o["totals"]["billed"]) <= 7000]
    assert (fits["totals"]["billed"], fits["totals"]["obligation"]) == ("6749.28", "246348.72")
    wrong = planner(*asked, "--budget-basis", "billd")
    assert wrong.returncode == 2
    assert "did you mean billed?" in wrong.stderr
