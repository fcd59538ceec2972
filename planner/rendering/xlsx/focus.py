"""The sheet FOCUS: one option's entries (`planner.quoting.calendar.cut`) as live rows, summed over the window and over the
rest of the term."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from planner.quoting.calendar import Entry, cut
from planner.quoting.entries import usual
from planner.quoting.records import Charge
from planner.quoting.whatif import Step, steps
from planner.rendering.focus import UNITS
from planner.rendering.xlsx.book import Book, Sheet, cell, quoted
from planner.rendering.xlsx.costs import ref
from planner.rendering.xlsx.inputs import Inputs
from planner.rendering.xlsx.model import Ladder, Model, Option, label
from planner.rendering.xlsx.prices import ladder_cost

__all__ = ["FocusTotals", "write_focus"]

ZERO = Decimal(0)
FIRST = 4
HEAD = (
    "ChargeCategory",
    "ChargeDescription",
    "ChargeFrequency",
    "PricingCategory",
    "CommitmentDiscountStatus",
    "PricingQuantity",
    "PricingUnit",
    "ListUnitPrice",
    "ContractedUnitPrice",
    "ListCost",
    "ContractedCost",
    "BilledCost",
    "EffectiveCost",
    "BillingCurrency",
    "x_Period",
)
WINDOW, REST = "window", "rest of the term"


class Total(NamedTuple):
    """A sum and where it stands."""

    at: str
    value: Decimal


class FocusTotals(NamedTuple):
    """What the option is billed, and what it costs effectively: in all and in the window, in its own currency."""

    billed: Total
    effective: Total
    window_billed: Total
    window_effective: Total


class _Line(NamedTuple):
    """One row. quantity: its formula; price: the formula of the list price of one unit; share: the cell of the discount.

    kind, status: those of the entries in `charge` that the row sums; in_window: on which side of the window's end.
    effective: the formula of what a unit of use under a commitment costs ("" = its contracted price).
    """

    words: str
    kind: str
    status: str
    pricing: str
    in_window: bool
    quantity: str
    unit: str
    price: str
    share: str
    charge: Charge | None
    step: Step
    once: bool = False
    effective: str = ""


class _Sums(NamedTuple):
    """Amounts of a row, in the order of its columns."""

    listed: Decimal = ZERO
    contracted: Decimal = ZERO
    billed: Decimal = ZERO
    effective: Decimal = ZERO


def write_focus(book: Book, model: Model, refs: Inputs, o: Option) -> FocusTotals:
    """Write FOCUS: the live rows of an option over its window and the rest of its term."""
    t = book.t
    s = book.sheet("focus", [14, 58, 15, 14, 16, 14, 12, 14, 14, 14, 14, 14, 14, 10, 15])
    s.title(
        t(
            "Option {no} as rows in the shape of FOCUS 1.2, projected, not billed; --format focus writes all columns by month.",
            no=o.number + 1,
        )
    )
    s.head(3, list(HEAD), 30)
    entries = cut(model.quote, o.offer)
    writer = _Writer(book, s, model, refs, o)
    for line in writer.lines():
        writer.write(line, [e for e in entries if _belongs(e, line)])
    if model.contract(o) is not None:
        writer.fee([e for e in entries if e.kind == "fee"])
    taxes = {inside: [e for e in entries if e.kind == "tax" and e.in_window == inside] for inside in (True, False)}
    body = writer.row - 1
    for inside, mine in taxes.items():
        writer.tax(inside, mine, body)
    totals = writer.totals(entries)
    s.freeze(4, 2)
    return totals


def _belongs(e: Entry, line: _Line) -> bool:
    same = e.charge == line.charge and e.kind == line.kind and e.status == line.status.lower()
    return same and (line.once or e.in_window == line.in_window)


def _sum(entries: Sequence[Entry]) -> _Sums:
    amounts = [(e.listed, e.contracted, e.billed, e.effective) for e in entries]
    return _Sums(*(sum(column, ZERO) for column in zip(*amounts, strict=True))) if amounts else _Sums()


class _Writer:
    """The rows of one option, from the first on."""

    def __init__(self, book: Book, s: Sheet, model: Model, refs: Inputs, o: Option) -> None:
        self.book, self.s, self.t, self.model, self.refs, self.o, self.row = book, s, book.t, model, refs, o, FIRST

    def at(self, key: str) -> str:
        return ref(self.book, key, self.o.number)

    def lines(self) -> list[_Line]:
        """Return a row for everything that any step of any line can do, also where it does nothing now."""
        made: list[_Line] = []
        bought: list[_Line] = []
        seen: dict[str, int] = {}
        for step in steps(self.model.quote, self.o.offer):
            number = seen[step.line.part] = seen.get(step.line.part, -1) + 1
            if step.line.rule in ("committed", "upfront", "months"):
                bought.append(self._bought(step, number))
            else:
                made.append(self._usage(step, number))
        return [*(part for line in bought for part in self._purchase(line)), *self._covered(bought), *made]

    def _cell(self, ladder: Ladder, number: int, col: int) -> str:
        return self.book.ref("prices", cell(ladder.row + number, col, "rc"))

    def _usage(self, step: Step, number: int) -> _Line:
        """Return the row of hours, GB, disks or addresses at one step of their price."""
        o, line, at = self.o, step.line, self.at
        ladders = {"compute": o.own, "egress": o.egress, "inter_region": o.inter, "storage": o.disk, "ip": o.ip}
        ladder = ladders[line.part]
        assert ladder is not None, line.part
        low, high, price = (self._cell(ladder, number, col) for col in (7, 8, 9))
        words, pricing = self.t.say(ladder.item), "Standard"
        if line.part == "compute":
            words, pricing = label(o, self.t), "Dynamic" if o.offer.market else "Standard"
            quantity = f'{at("count")}*MAX(0,IF({high}="",hours_used,MIN(hours_used,{high}))-{low})'
        elif line.rule == "traffic":
            whole, part = (self.book.ref("egress", cell(ladder.tiers + number, c, "rc")) for c in (7, 9))
            quantity = f"months_whole*{whole}+{part}"
        elif line.part == "ip":
            words, quantity = self.t("Public IPv4 address"), f"IF({price}=0,0,{self.model.length}*ips_used)"
        else:
            words, quantity = self.t("Disk"), f"IF({price}=0,0,{at('disk')}/{price}/{at('net')})"
        return _Line(
            words=words,
            kind="usage",
            status="",
            pricing=pricing,
            in_window=True,
            quantity=quantity,
            unit=UNITS.get(step.rate.unit, step.rate.unit),
            price=price,
            share=at("off") if line.part == "compute" else at("beside_off"),
            charge=step.charge,
            step=step,
        )

    def _bought(self, step: Step, number: int) -> _Line:
        """Return what one part of a commitment is when it is bought: all of its terms."""
        at, rule = self.at, step.line.rule
        price = self._cell(self.o.own, number, 9)
        term = "term_months" if rule == "months" else "term_hours"
        return _Line(
            words=label(self.o, self.t),
            kind="purchase",
            status="",
            pricing="Standard",
            in_window=True,
            quantity=f"{at('count')}*{at('terms')}*{at(term)}",
            unit="Months" if rule == "months" else "Hours",
            price=f"{price}/{at(term)}" if step.rate.unit == "term" else price,
            share=at("off"),
            charge=step.charge,
            step=step,
            once=rule != "committed",
        )

    def _sides(self, line: _Line) -> tuple[str, str, str]:
        """Return the formulas of a commitment's quantity in use, idle within the window, and after it."""
        at, by_month, length = self.at, line.step.line.rule == "months", self.model.length
        if by_month:
            return f"{at('count')}*months_used", "", f"{at('count')}*({at('terms')}*{at('term_months')}-months_used)"
        idle = f"{at('count')}*({length}-hours_used)" if self.model.span else ""
        return f"{at('count')}*hours_used", idle, f"{at('count')}*({at('terms')}*{at('term_hours')}-{length})"

    def _purchase(self, line: _Line) -> list[_Line]:
        """Return what is bought: once a term, or by the hour in the window and after it."""
        if line.once:
            return [line]
        inside, idle, after = self._sides(line)
        inside = f"{inside}+{idle}" if idle else inside
        return [line._replace(quantity=inside), line._replace(quantity=after, in_window=False)]

    def _covered(self, bought: list[_Line]) -> list[_Line]:
        """Return what is used in the window and left unused after it, of all parts of a commitment together.

        Its prices are those of the same type on demand, where there is such a price (`planner.quoting.entries`).
        """
        if not bought:
            return []
        first, even = bought[0], self.o.even
        inside, idle, after = self._sides(first)
        paid = "+".join(f"({line.price})*(1-{line.share})" for line in bought)
        use = first._replace(kind="usage", pricing="Committed", once=False, effective=paid)
        if even is not None and even.currency == self.o.code:
            month = ladder_cost(self.book, even, "730")
            price = (
                month
                if first.unit == "Months"
                else self._cell(even, 0, 9)
                if len(even.rates) == 1
                else f"({month})/730"
            )
            own, common = (self.refs.discount[self.o.offer.provider, way] for way in ("on_demand", ""))
            use = use._replace(price=price, share=f'IF({own}="",{common},{own})')
        used_up = use._replace(status="Used", quantity=inside)
        unused = [use._replace(status="Unused", quantity=idle)] if idle else []
        return [used_up, *unused, use._replace(status="Unused", quantity=after, in_window=False)]

    def write(self, line: _Line, entries: Sequence[Entry]) -> None:
        """Write one row with the sums of its entries."""
        s, row, sums, rate = self.s, self.row, _sum(entries), self._price(line)
        frequency = "One-Time" if line.once else "Recurring" if line.kind == "purchase" else "Usage-Based"
        period = self.t(WINDOW if line.in_window else REST)
        category = line.kind.title()
        words = ((0, category), (1, line.words), (2, frequency), (3, line.pricing), (4, line.status), (6, line.unit))
        for col, text in (*words, (13, self.o.code), (14, period)):
            s.text(row, col, text)
        s.calc(row, 5, line.quantity, sum((e.quantity for e in entries), ZERO), "num")
        s.calc(row, 7, f"({line.price})*{self.at('net')}", rate[0], "price", "link")
        s.calc(row, 8, f"{cell(row, 7)}*(1-{line.share})", rate[1], "price")
        s.calc(row, 9, f"{cell(row, 5)}*{cell(row, 7)}", sums.listed, "money")
        s.calc(row, 10, f"{cell(row, 5)}*{cell(row, 8)}", sums.contracted, "money")
        s.calc(row, 11, cell(row, 10) if line.kind == "purchase" or not line.status else "0", sums.billed, "money")
        used = f"{cell(row, 5)}*({line.effective})*{self.at('net')}" if line.effective else cell(row, 10)
        s.calc(row, 12, used if line.kind == "usage" else "0", sums.effective, "money")
        self.row += 1

    def _price(self, line: _Line) -> tuple[Decimal, Decimal]:
        """Return the list and the contracted price of a unit, also where no charge stands for the step now."""
        if line.charge is not None:
            covered = usual(self.o.offer, line.charge) if line.status else None
            return covered or (line.charge.list_unit_price, line.charge.unit_price)
        price = line.step.rate.amount * Decimal(str(self.model.figures(self.o)["net"]))
        return price, price * (1 - line.step.line.share)

    def fee(self, entries: Sequence[Entry]) -> None:
        """Write the shortfall of a framework contract, due at the window's end."""
        s, row, t, sums = self.s, self.row, self.t, _sum(entries)
        words = (t("Shortfall of the framework contract"), "One-Time")
        for col, text in ((0, "Adjustment"), (1, words[0]), (2, words[1]), (13, self.o.code), (14, t(WINDOW))):
            s.text(row, col, text)
        for k, value in enumerate(sums):
            s.calc(row, 9 + k, self.at("fee"), value, "money")
        self.row += 1

    def tax(self, inside: bool, entries: Sequence[Entry], body: int) -> None:
        """Write the tax on what the window, or the rest of the term, bills and uses."""
        s, row, t, sums = self.s, self.row, self.t, _sum(entries)
        period = t(WINDOW if inside else REST)
        for col, text in (
            (0, "Tax"),
            (1, f"{t('tax')}, {period}"),
            (2, "Usage-Based"),
            (13, self.o.code),
            (14, period),
        ):
            s.text(row, col, text)
        for k, value in enumerate(sums):
            area, periods, kinds = (f"{cell(FIRST, c, 'r')}:{cell(body, c, 'r')}" for c in (9 + k, 14, 0))
            times = self.at("t_cash" if k == 2 else "t_cost")
            kept = ("Usage", "Adjustment") if self.model.contract(self.o) else ("Usage",)
            only = [f',{kinds},"{kind}"' for kind in kept] if k < 2 else [""]
            sums_ = "+".join(f"SUMIFS({area},{periods},{cell(row, 14)}{kind})" for kind in only)
            s.calc(row, 9 + k, f"({times}-1)*({sums_})" if len(only) > 1 else f"({times}-1)*{sums_}", value, "money")
        self.row += 1

    def totals(self, entries: Sequence[Entry]) -> FocusTotals:
        """Write what the rows come to, in all and in the window."""
        s, t, row = self.s, self.t, self.row
        made = []
        for down, words, mine in (
            (0, t("in all"), entries),
            (1, t("in the window"), [e for e in entries if e.in_window]),
        ):
            s.text(row + down, 1, words, "bold")
            sums = _sum(mine)
            for col, value in ((11, sums.billed), (12, sums.effective)):
                area, periods = (f"{cell(FIRST, c)}:{cell(row - 1, c)}" for c in (col, 14))
                formula = f"SUMIFS({area},{periods},{quoted(t(WINDOW))})" if down else f"SUM({area})"
                s.calc(row + down, col, formula, value, "money", "total")
                made.append(Total(self.book.ref("focus", cell(row + down, col)), value))
        return FocusTotals(*made)
