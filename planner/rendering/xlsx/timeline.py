"""The sheet Timeline: cash and amortised cost by month for the option shown, with the balance of what is prepaid.

Its formulas follow the entries of `planner.quoting.calendar.schedule`, its values are them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from planner.quoting.calendar import first_day, periods
from planner.rendering.xlsx.book import Book, Sheet, cell, same
from planner.rendering.xlsx.costs import say_recommended
from planner.rendering.xlsx.fiscal import write_fiscal
from planner.rendering.xlsx.grid import FIRST, Grid
from planner.rendering.xlsx.model import Model
from planner.rendering.xlsx.months import Months, months_of
from planner.rendering.xlsx.prices import Prices
from planner.rendering.xlsx.rows import Rows
from planner.rendering.xlsx.shown import TAKEN, TOP, Shown, write_shown

__all__ = ["Timeline", "write_timeline"]


class Timeline(NamedTuple):
    """The option shown, its rows by key, and the columns of months.

    months: how many it needs. sums: the values in the column "in all". left_over: what is prepaid at the end.
    """

    shown: Shown
    rows: dict[str, int]
    columns: int
    months: int
    sums: dict[str, Decimal]
    left_over: Decimal
    chart: Any

    def total(self, book: Book, key: str) -> str:
        """Return the cell of a row in the column "in all"."""
        return book.ref("timeline", cell(self.rows[key], 2, "rc"))

    def end(self, book: Book, key: str) -> str:
        """Return the cell of a row in the last month."""
        return book.ref("timeline", cell(self.rows[key], FIRST + self.columns - 1, "rc"))


def write_timeline(book: Book, model: Model, prices: Prices) -> Timeline:
    """Write Timeline."""
    t, columns = book.t, _columns(model)
    s = book.sheet("timeline", [38, 9, 16] + [11.5] * columns)
    s.title(
        t("The option shown (chosen on Inputs), month by month: the window, then the rest of the term that is owed.")
    )
    say_recommended(book, model, s, 2)
    s.section(3, t("Option shown"), 3)
    shown = write_shown(book, model, s)
    now = months_of(model, shown.option, columns)
    head = _derived(book, model, s, shown, now) + 1
    s.head(head, [t("month"), t("unit"), t("in all"), *[""] * columns], 18)
    for m in range(columns):
        s.put(head, FIRST + m, m + 1, "int", "head")
    grid = Grid(s, head, columns)
    made = Rows(book, model, grid, shown, now)
    made.flags(book, prices)
    made.cash()
    left_over = made.balance()
    made.amortised()
    if model.work.fiscal_year_start:
        write_fiscal(book, model, grid, (first_day(model.quote), made.paid, now.amortised))
    chart = _chart(book, s, grid)
    s.ws.freeze_panes(head + 1, FIRST)
    s.ws.repeat_columns(0, 2)
    s.ws.fit_to_pages(max(1, columns // 12), 2 if model.work.fiscal_year_start else 1)
    return Timeline(
        shown=shown,
        rows=grid.rows,
        columns=columns,
        months=len(now.starts),
        sums=grid.sums,
        left_over=left_over,
        chart=chart,
    )


def _columns(model: Model) -> int:
    need = max(len(periods(model.quote, o.offer)) for o in model.options)
    return min(132, -(-max(need, 12) // 12) * 12)


def _derived(book: Book, model: Model, s: Sheet, shown: Shown, now: Months) -> int:
    """Write what follows for the whole timeline; return the next row."""
    t, c, v = book.t, shown.cells, shown.values
    first = TOP + len(TAKEN)
    for row, key in enumerate(("K", "first", "ends", "month", "last_month", "evenly", "by_hours"), first):
        c[key] = cell(row, 2, "rc")
        shown.at[key] = book.ref("timeline", c[key])
    keep = Decimal(str(v["count"])) * (1 - Decimal(str(v["off"]))) * Decimal(str(v["net"])) * Decimal(str(v["rate"]))
    hourly_end = f"{c['first']}+{c['terms']}*{c['term_hours']}/24"
    monthly_end = f"EDATE({c['first']},{c['terms']}*{c['term_months']})"
    ends = f"IF({c['terms']}=0,0,IF({c['way']}={same('subscription', t)},{monthly_end},{hourly_end}))"
    day = first_day(model.quote)
    first_typed = f'IF(start_typed="",DATE({day.year},{day.month},{day.day}),start_typed)'
    held = f"IF({c['basis']}={same('month', t)},@,0)"
    kept = f"*(1-{c['beside_off']})*{c['rate']}"
    evenly = f"{held.replace('@', c['disk'])}{kept}"
    timed = f"({c['disk']}-{held.replace('@', c['disk'])}+{c['ip']}){kept}"
    lines: tuple[tuple[str, str, object, str], ...] = (
        (
            t("report currency per list unit, all instances"),
            f"{c['count']}*(1-{c['off']})*{c['net']}*{c['rate']}",
            keep,
            "rate",
        ),
        (t("first day; where none is given, of the month after the quote"), first_typed, Decimal(now.first), "date"),
        (t("end of the term"), ends, now.ends, "date"),
        (t("traffic of a whole month"), f"{c['lanes']}{kept}", now.month, "money"),
        (
            t("traffic of the month used in part"),
            f"({c['traffic']}-months_whole*{c['lanes']}){kept}",
            now.last_month,
            "money",
        ),
        (t("by the month: disk beside a subscription"), evenly, now.evenly, "money"),
        (t("by the hour: other disk, addresses"), timed, now.by_hours, "money"),
    )
    for row, (words, formula, value, number) in enumerate(lines, first):
        s.text(row, 0, words)
        s.calc(row, 2, formula, value, number)
    return first + len(lines)


def _chart(book: Book, s: Sheet, grid: Grid) -> Any:
    chart, t, last = book.file.add_chart({"type": "line"}), book.t, FIRST + grid.columns - 1
    for key, name, colour in (
        ("cum_cash", t("cash so far"), "#C55A11"),
        ("cum_amortised", t("amortised so far"), "#1F3864"),
    ):
        chart.add_series(
            {
                "name": name,
                "categories": [s.ws.name, grid.head, FIRST, grid.head, last],
                "values": [s.ws.name, grid.rows[key], FIRST, grid.rows[key], last],
                "line": {"color": colour, "width": 2},
            }
        )
    return chart
