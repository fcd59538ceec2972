"""Plan against bill: what an offer was to cost in each month, what the cloud billed for it, and what explains the difference.

A bill's row belongs to the plan by its region, its unit and, for machines, the instance type that it names. What does not is
kept apart and named; nothing is spread over what is not known.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from planner.errors import MisuseError, PlannerError
from planner.quoting.bill import BillRow
from planner.quoting.calendar import cut
from planner.quoting.entries import Entry
from planner.quoting.records import Offer, Quote
from planner.records import NamedTuple
from planner.text import Text, text

__all__ = ["BASES", "CATEGORIES", "CAUSES", "Actual", "Cell", "Unmatched", "compare"]

ZERO = Decimal(0)
BASES = ("billed", "effective")
CATEGORIES = ("compute", "commitment", "storage", "traffic", "ip", "tax", "other")
#: What may explain a difference: more or fewer hours of machines; of GB or addresses; another price; the rest by its name.
CAUSES = ("hours", "volume", "price", "commitment", "tax", "other")
OTHER_REGION = text("another region")
OTHER_TYPE = text("another instance type")
OTHER_SERVICE = text("another service")
OTHER_CURRENCY = text("another currency")
OTHER_MONTH = text("a month outside the plan")


class Cell(NamedTuple):
    """One category in one month. units, planned: quantities (None: one side has none). causes: (cause, amount), exact sum."""

    month: str
    category: str
    plan: Decimal
    bill: Decimal
    planned: Decimal | None
    units: Decimal | None
    causes: tuple[tuple[str, Decimal], ...]

    @property
    def difference(self) -> Decimal:
        return self.bill - self.plan


class Unmatched(NamedTuple):
    """Charges of the bill that are not the plan's, by service and reason; largest first."""

    service: str
    reason: Text
    rows: int
    currency: str
    amount: Decimal


class Actual(NamedTuple):
    """A plan and its bill. months: those compared. later: what the plan has for months that are not billed yet. assumed: rows
    of machines that do not say which type they are, taken as the plan's. skipped: rows without the tags asked for."""

    offer: str
    currency: str
    basis: str
    months: tuple[str, ...]
    cells: tuple[Cell, ...]
    unmatched: tuple[Unmatched, ...]
    later: Decimal
    assumed: int
    skipped: int
    rows: int

    @property
    def plan(self) -> Decimal:
        return sum((cell.plan for cell in self.cells), ZERO)

    @property
    def bill(self) -> Decimal:
        return sum((cell.bill for cell in self.cells), ZERO)

    def caused(self, cause: str) -> Decimal:
        """Return how much of the difference a cause explains."""
        return sum((amount for cell in self.cells for name, amount in cell.causes if name == cause), ZERO)


class _Sum:
    """Cost and quantity of a category in a month."""

    def __init__(self) -> None:
        self.cost, self.quantity, self.unit = ZERO, ZERO, ""

    def add(self, cost: Decimal, quantity: Decimal | None, unit: str) -> None:
        self.cost += cost
        if quantity is not None and unit and self.unit in ("", unit):
            self.quantity += quantity
            self.unit = unit


def compare(
    quote: Quote, offer: Offer, rows: Iterable[BillRow], basis: str = "billed", tags: tuple[tuple[str, str], ...] = ()
) -> Actual:
    """Return the plan of `offer` against the rows of a bill, month by month and by category, in the offer's currency.

    basis: "billed" (cash) or "effective" (commitments spread over their term). tags: only rows that bear all of them. Raises
    `PlannerError` when no row belongs to the plan.
    """
    if basis not in BASES:
        raise MisuseError(f"--basis: {basis[:40]!r} is not {' or '.join(BASES)}")
    plan: dict[tuple[str, str], _Sum] = {}
    for entry in cut(quote, offer):
        _planned(plan.setdefault((f"{entry.begins:%Y-%m}", _category(entry)), _Sum()), entry, basis)
    months = {month for month, _ in plan}
    bill: dict[tuple[str, str], _Sum] = {}
    others: dict[tuple[str, Text, str], list[Decimal]] = {}
    assumed = skipped = count = 0
    for row in rows:
        count += 1
        if not set(tags) <= set(row.tags):
            skipped += 1
            continue
        cost = row.billed if basis == "billed" else row.effective
        category, why = _place(row, offer)
        why = why or (None if row.month in months else OTHER_MONTH)
        if why is not None:
            others.setdefault((row.service, why, row.currency), []).append(cost)
            continue
        assumed += category == "compute" and not row.type and offer.instance_type.lower() not in row.said
        used = None if row.status.lower() == "unused" else row.quantity
        bill.setdefault((row.month, category), _Sum()).add(cost, *_measure(used, row.unit))
    unmatched = [Unmatched(s, why, len(costs), code, sum(costs, ZERO)) for (s, why, code), costs in others.items()]
    unmatched.sort(key=lambda u: (-abs(u.amount), u.service, str(u.reason)))
    seen = sorted({month for month, _ in bill})
    if not seen:
        reasons = (
            "; ".join(f"{u.rows} of {u.service}: {u.reason}" for u in unmatched[:3]) or f"{skipped} without the tags"
        )
        raise PlannerError(f"none of the bill's {count} rows belongs to {offer.id} ({reasons})")
    cells = [
        _cell(month, category, plan.get((month, category)), bill.get((month, category)))
        for month in sorted(months)
        if month in seen
        for category in CATEGORIES
        if (month, category) in plan or (month, category) in bill
    ]
    return Actual(
        offer=offer.id,
        currency=offer.totals.native_currency,
        basis=basis,
        months=tuple(seen),
        cells=tuple(cell for cell in cells if cell.plan or cell.bill),
        unmatched=tuple(unmatched),
        later=sum((made.cost for (month, _), made in plan.items() if month not in seen), ZERO),
        assumed=assumed,
        skipped=skipped,
        rows=count,
    )


def _category(entry: Entry) -> str:
    if entry.kind == "tax":
        return "tax"
    part = entry.charge.category
    if part == "contract":
        return "other"
    if part in ("egress", "inter_region"):
        return "traffic"
    return "commitment" if part == "compute" and entry.kind == "purchase" else part


def _planned(made: _Sum, entry: Entry, basis: str) -> None:
    quantity = None if entry.status == "unused" or entry.kind != "usage" else entry.quantity
    made.add(entry.billed if basis == "billed" else entry.effective, *_measure(quantity, entry.charge.unit))


#: From how bills and price lists call a unit to its family and how many of the family's one is: hours of a machine, GB, GB-months.
_UNITS = {
    **dict.fromkeys(("hour", "hours", "hr", "hrs", "h", "instance-hours", "instance hours"), ("hours", Decimal(1))),
    **dict.fromkeys(("second", "seconds", "s"), ("hours", 1 / Decimal(3600))),
    **dict.fromkeys(("month", "months", "mo"), ("months", Decimal(1))),
    **dict.fromkeys(("gb", "gib", "gigabyte", "gigabytes"), ("gb", Decimal(1))),
    **dict.fromkeys(("tb", "tib"), ("gb", Decimal(1024))),
    **dict.fromkeys(("gb-month", "gb-months", "gb-mo", "gib-month", "gib-months"), ("held", Decimal(1))),
    **dict.fromkeys(("gb-hour", "gb-hours", "gib-hour", "gib-hours", "gb-hrs"), ("held", 1 / Decimal(730))),
}
_NONE = ("", Decimal(1))


def _measure(quantity: Decimal | None, unit: str) -> tuple[Decimal | None, str]:
    family, times = _UNITS.get(unit.lower(), _NONE)
    return (None if quantity is None or not family else quantity * times), family


def _place(row: BillRow, offer: Offer) -> tuple[str, Text | None]:
    """Return the category of a row, and why it is not the plan's (None: it is)."""
    if row.currency != offer.totals.native_currency:
        return "other", OTHER_CURRENCY
    if row.region and row.region != offer.region:
        return "other", OTHER_REGION
    charge = row.category.lower()
    if charge == "tax":
        return "tax", None
    if charge in ("credit", "adjustment"):
        return "other", None
    family, kind = _UNITS.get(row.unit.lower(), _NONE)[0], row.kind.lower()
    if kind not in ("compute", "storage", "networking", ""):
        return "other", OTHER_SERVICE
    if family == "held" or (kind == "storage" and not family):
        return "storage", None
    if family == "gb":
        return "traffic", None
    if kind == "networking":
        return "ip", None
    if kind == "storage":
        return "storage", None
    if not kind and not family and offer.instance_type.lower() not in row.said:
        return "other", OTHER_SERVICE
    if row.type and row.type != offer.instance_type.lower():
        return "other", OTHER_TYPE
    return ("commitment" if charge == "purchase" else "compute"), None


def _cell(month: str, category: str, plan: _Sum | None, bill: _Sum | None) -> Cell:
    one, two = plan or _Sum(), bill or _Sum()
    difference = two.cost - one.cost
    causes: tuple[tuple[str, Decimal], ...]
    if category in ("commitment", "tax", "other"):
        causes = ((category, difference),)
    else:
        by = "hours" if category == "compute" else "volume"
        if plan is None or bill is None or not one.cost or not two.cost:
            causes = ((by, difference),)
        elif one.quantity and two.quantity and one.unit == two.unit:
            moved = (two.quantity - one.quantity) * one.cost / one.quantity
            causes = ((by, moved), ("price", difference - moved))
        else:
            causes = (("price", difference),)
    return Cell(
        month=month,
        category=category,
        plan=one.cost,
        bill=two.cost,
        planned=one.quantity or None,
        units=two.quantity or None,
        causes=tuple((name, amount) for name, amount in causes if amount),
    )
