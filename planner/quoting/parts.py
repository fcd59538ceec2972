"""What an offer is made of and what that comes to: lines, charges and amounts.

What an offer costs has one definition, its **lines**. A `Line` is a quantity rule and the rates that it pays:

    rule        quantity in a window                         cash                         owed over the term
    hours       hours, each at the step it falls in          as used                      nothing
    block       the same                                     as used                      as used (0.1.0's capacity block)
    committed   hours                                        as used                      every hour of the term
    upfront     hours, the payment spread over the term's    once per term                the payment
    months      calendar months, a longer term spread        once per term                the payment
    traffic     GB in each calendar month, tier by tier      as used                      nothing
    held_hours  volume x hours                               as used                      nothing
    held_730    volume x hours / 730                         as used                      nothing
    held_months volume x calendar months                     as used                      as used
    shortfall   a contract's promise less cash, if above 0   at the window's end          the same
    tax         a share of all others                        the share of their cash      the share of theirs

Where the window's hours are only a part of its months (planner.duty), what is held or committed counts all of them.

A tax's rule says how it stands to the prices: `tax` is added, `tax_within` is held by them and taken out of the other charges;
`tax_back` and `tax_within_back` come back, so that they are cash and no cost.
"""

from decimal import Decimal

from planner.offer import Source
from planner.records import NamedTuple
from planner.text import Text

__all__ = ["RULES", "Amounts", "Charge", "Line", "Rate", "Totals"]

RULES = (
    "hours",
    "block",
    "committed",
    "upfront",
    "months",
    "traffic",
    "held_hours",
    "held_730",
    "held_months",
    "shortfall",
    "tax",
    "tax_within",
    "tax_back",
    "tax_within_back",
)
ZERO, ONE = Decimal(0), Decimal(1)


class Rate(NamedTuple):
    """One step of a price at list, as its source prints it.

    amount: per `unit` ("hour", "month", "term", "GB", "GB-month", ...). start..end: hours run, or GB a month, that the
    step covers (end None: open).
    """

    amount: Decimal
    unit: str
    source: Source
    start: Decimal = ZERO
    end: Decimal | None = None


class Line(NamedTuple):
    """One part of an offer: a quantity rule (RULES) and the rates it pays, at list, in one currency.

    part: "compute", "egress", "inter_region", "storage", "ip", "contract" or "tax". count: instances (1 where they do not matter).
    each: volume per instance: 1 for compute, GB held, GB a month, addresses, or the share of a tax. share: the discount
    agreed (0.12 = 12 % off list). free: a free quota (its `end` is the GB of each month that cost nothing). volume: the
    workload's field that `each` comes from ("" = none). name: what it is, for people; the same in every window.
    """

    part: str
    rule: str
    name: Text
    count: int  # type: ignore[assignment]  # the field's own word; tuple.count is not used
    each: Decimal
    currency: str
    rates: tuple[Rate, ...]
    share: Decimal = ZERO
    free: Rate | None = None
    volume: str = ""


class Charge(NamedTuple):
    """One row of a cost, in the currency it is billed in: what a line (or one step of it) costs in the window.

    amount = quantity x unit_price = the effective cost in the window (upfront payments spread over their term).
    unit_price is the contracted price, list_unit_price the published one; they are equal without a discount.
    list = quantity x list_unit_price. billed: cash in the window. committed: what is owed over the term (0 for pay as
    you go). obligation: the greater of the two. tier names the step, empty without steps. formula says in words and
    numbers how quantity and unit_price came about. category: the line's part, rule: its rule.
    """

    name: Text
    category: str
    rule: str
    unit: str
    quantity: Decimal
    unit_price: Decimal
    list_unit_price: Decimal
    currency: str
    amount: Decimal
    list: Decimal
    billed: Decimal
    committed: Decimal
    obligation: Decimal
    tier: Text
    formula: Text
    source: Source


class Amounts(NamedTuple):
    """The totals, in one currency. Each is the sum of the charges' field of that name (effective: `amount`)."""

    list: Decimal
    effective: Decimal
    billed: Decimal
    committed: Decimal
    obligation: Decimal


class Totals(NamedTuple):
    """`native` in the currency the cloud bills; `report` the same in the quote's currency at the quote's rate."""

    native_currency: str
    native: Amounts
    report: Amounts
