"""The sheet Timeline: cash and amortised cost by month for the option shown, with the balance of what is prepaid.

Its formulas follow the entries of `planner.quoting.calendar.schedule`, its values are them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from planner.quoting.calendar import first_day, periods
from planner.rendering.xlsx.book import Book, Sheet, cell, serial
from planner.rendering.xlsx.costs import say_recommended
from planner.rendering.xlsx.grid import FIRST, Grid
from planner.rendering.xlsx.model import Model
from planner.rendering.xlsx.months import Months, months_of, running
from planner.rendering.xlsx.prices import Prices, steps_cost
from planner.rendering.xlsx.shown import TAKEN, TOP, Shown, write_shown
from planner.units import add_months

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
    made = _Rows(book, model, grid, shown, now)
    made.flags(book, prices)
    made.cash()
    left_over = made.balance()
    made.amortised()
    chart = _chart(book, s, grid)
    s.ws.freeze_panes(head + 1, FIRST)
    s.ws.repeat_columns(0, 2)
    s.ws.fit_to_pages(max(1, columns // 12), 1)
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
    ends = f'IF({c["terms"]}=0,0,IF({c["way"]}="subscription",{monthly_end},{hourly_end}))'
    day = first_day(model.quote)
    first_typed = f'IF(start_typed="",DATE({day.year},{day.month},{day.day}),start_typed)'
    held = f'IF({c["basis"]}="month",@,0)'
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


class _Rows:
    """The rows of the grid, section by section, with the months of the option shown as their values."""

    def __init__(self, book: Book, model: Model, grid: Grid, shown: Shown, now: Months) -> None:
        self.t, self.code, self.grid, self.c, self.now = book.t, model.quote.currency, grid, shown.cells, now
        self.first, self.span, self.contract = first_day(model.quote), model.span, bool(model.work.contract)

    def held(self) -> str:
        """Return the hours of a month from beginning to end of the window: what a commitment and a disk pay."""
        return f"{self.grid.at('hours')}+{self.grid.at('idle')}" if self.span else self.grid.at("hours")

    def fee(self, month: str) -> str:
        """Return what is added to a month's cash where a contract charges its shortfall at the window's end."""
        if not self.contract:
            return ""
        row, last = self.grid.rows["win"], FIRST + self.grid.columns - 1
        return f"+IF({month}=SUM({cell(row, FIRST, 'rc')}:{cell(row, last, 'rc')}),{self.c['fee']}*{self.c['rate']},0)"

    def flags(self, book: Book, prices: Prices) -> None:
        """Write which months there are, and the hours in them."""
        t, grid, c, now, span = self.t, self.grid, self.c, self.now, self.span
        month = f"EDATE({c['first']},@-1)"
        dates = [serial(add_months(self.first, m).isoformat()) for m in range(grid.columns)]
        grid.row("date", t("first day"), "", lambda m: month.replace("@", m), dates, number="date", total=False)
        grid.section(t("Flags and hours"))
        end, after = f"({c['first']}+hours_used/24)", f"EDATE({c['first']},@)"
        grid.row(
            "win",
            t("in the window"),
            "0/1",
            lambda m: (
                f"IF({m}<=months_used,1,0)"
                if span
                else f"IF(OR({m}<=months_used,{grid.at('date')}<ROUND({end},9)),1,0)"
            ),
            now.window,
            number="flag",
        )
        inside = f"MAX(0,(MIN({end},{after})-%)*24)"
        grid.row(
            "hours",
            t("hours in the window"),
            "h",
            lambda m: (
                f"{grid.at('win')}*hours_used*(INDEX(u_to,{m})-INDEX(u_from,{m}))"
                if span
                else f"{grid.at('win')}*{inside.replace('@', m).replace('%', grid.at('date'))}"
            ),
            now.hours,
            number="num",
        )
        if span:
            grid.row(
                "idle",
                t("hours in the window, not in use"),
                "h",
                lambda m: (
                    f"{grid.at('win')}*MAX(0,MIN(INDEX(m_len,{m}),length_used-INDEX(m_from,{m}))-{grid.at('hours')})"
                ),
                now.idle,
                number="num",
            )
        grid.row(
            "cum",
            t("hours so far"),
            "h",
            lambda _: f"{grid.before('cum')}+{grid.at('hours')}",
            running(now.hours),
            number="num",
            total=False,
        )
        rest = f"ROUND(MAX(0,MIN({c['ends']},{after})-MAX({end},%))*24,6)"
        if span:  # what is left of the term begins with the month after the window
            left = f"({c['ends']}-{c['first']})*24-length_used+INDEX(m_from,months_used+1)-INDEX(m_from,@)"
            rest = f"ROUND(IF(@>months_used,MAX(0,MIN(INDEX(m_len,@),{left})),0),6)"
        grid.row(
            "tail_hours",
            t("hours of the term after the window"),
            "h",
            lambda m: rest.replace("@", m).replace("%", grid.at("date")),
            now.rest_hours,
            number="num",
        )
        subscribed = f"AND(@>months_used,@<={c['terms']}*{c['term_months']})"
        owed = f'IF(IF({c["way"]}="subscription",{subscribed},%>0),1,0)'
        grid.row(
            "after",
            t("owed after the window"),
            "0/1",
            lambda m: owed.replace("@", m).replace("%", grid.at("tail_hours")),
            now.after,
            number="flag",
        )
        grid.row(
            "so_far",
            t("pay as you go so far, one, list"),
            t("native"),
            lambda _: f"IF({c['term_months']}>0,0,{steps_cost(book, c['ladder'], grid.at('cum'))})",
            now.used,
            total=False,
        )
        begun = f'IF({c["way"]}="subscription",@/MAX(1,{c["term_months"]}),%/MAX(1,{c["term_hours"]}))'
        paid = f"MIN({c['terms']},ROUNDUP(ROUND({begun},9),0))"
        none = f"OR({c['terms']}=0,{c['upfront']}+{c['monthly']}=0)"
        grid.row(
            "paid",
            t("terms paid so far"),
            t("number"),
            lambda m: (
                f"IF({none},0,{paid.replace('@', m).replace('%', f'INDEX(m_to,{m})' if span else grid.at('cum'))})"
            ),
            now.paid,
            number="int",
            total=False,
        )

    def cash(self) -> None:
        """Write what is paid in each month."""
        t, grid, c, now, code = self.t, self.grid, self.c, self.now, self.code
        length = "length_used" if self.span else "hours_used"
        grid.section(t("Cash"))
        grid.row(
            "payg",
            t("compute, pay as you go"),
            code,
            lambda _: f"({grid.at('so_far')}-{grid.before('so_far')})*{c['K']}",
            now.payg,
        )
        grid.row(
            "hourly",
            t("commitment, by the hour"),
            code,
            lambda _: f"({self.held()}+{grid.at('tail_hours')})*{c['hourly']}*{c['K']}",
            now.hourly,
        )
        one = f"({c['upfront']}+{c['monthly']}*{c['term_months']})*{c['K']}"
        grid.row(
            "prepaid",
            t("commitment, prepaid"),
            code,
            lambda _: f"({grid.at('paid')}-{grid.before('paid')})*{one}",
            now.prepaid,
        )
        grid.row(
            "rest",
            t("traffic, disk, addresses"),
            code,
            lambda m: (
                f"IF({m}<=months_used,{c['evenly']}/months_used,0)+({self.held()})*{c['by_hours']}/{length}"
                f"+IF({m}<=months_whole,{c['month']},IF({m}=months_whole+1,{c['last_month']},0))"
                f"{self.fee(m)}"
            ),
            now.beside,
        )
        grid.row(
            "tax_cash", t("tax"), code, lambda _: f"({c['t_cash']}-1)*SUM({grid.at('payg')}:{grid.at('rest')})", now.tax
        )
        parts = zip(now.payg, now.hourly, now.prepaid, now.beside, now.tax, strict=True)
        cash = [sum(month, Decimal(0)) for month in parts]
        grid.row(
            "cash", t("cash"), code, lambda _: f"SUM({grid.at('payg')}:{grid.at('tax_cash')})", cash, style="total"
        )
        grid.row(
            "cum_cash",
            t("cash so far"),
            code,
            lambda _: f"{grid.before('cum_cash')}+{grid.at('cash')}",
            running(cash),
            total=False,
        )
        grid.row(
            "present",
            t("present value of the month's cash, without tax that comes back"),
            code,
            lambda m: (
                f"({grid.at('prepaid')}*(1+rate_now/12)+{grid.at('payg')}+{grid.at('hourly')}+{grid.at('rest')})"
                f"*(1+rate_now/12)^-{m}*{c['t_cost']}"
            ),
            now.present,
        )

    def balance(self) -> Decimal:
        """Write what is prepaid and not yet used; return what is left at the end."""
        t, grid, c, now, code = self.t, self.grid, self.c, self.now, self.code
        grid.section(t("Prepaid balance, before tax"))
        closing = running([a - b for a, b in zip(now.prepaid, now.released, strict=True)])
        grid.row(
            "opening",
            t("opening balance"),
            code,
            lambda _: grid.before("closing", 3),
            [Decimal(0), *closing[:-1]],
            total=False,
        )
        grid.row("paid_in", t("paid in"), code, lambda _: grid.at("prepaid"), now.prepaid)
        upfront, whole = f"*{c['upfront']}/MAX(1,{c['term_hours']})", "IF(@<=months_used,1,0)"
        grid.row(
            "released",
            t("used up (amortised)"),
            code,
            lambda m: (
                f"(({self.held()}+{grid.at('tail_hours')}){upfront}"
                f"+({whole.replace('@', m)}+{grid.at('after')})*{c['monthly']})*{c['K']}"
            ),
            now.released,
        )
        grid.row(
            "closing",
            t("closing balance"),
            code,
            lambda _: f"{grid.at('opening')}+{grid.at('paid_in')}-{grid.at('released')}",
            closing,
            total=False,
            style="total",
        )
        return closing[-1]

    def amortised(self) -> None:
        """Write what each month uses, and of both how much falls into the window."""
        t, grid, c, now, code = self.t, self.grid, self.c, self.now, self.code
        grid.section(t("Amortised cost"))
        grid.row(
            "amortised",
            t("amortised cost, with tax"),
            code,
            lambda _: "(" + "+".join(grid.at(k) for k in ("payg", "hourly", "released", "rest")) + f")*{c['t_cost']}",
            now.amortised,
            style="total",
        )
        grid.row(
            "cum_amortised",
            t("amortised so far"),
            code,
            lambda _: f"{grid.before('cum_amortised')}+{grid.at('amortised')}",
            running(now.amortised),
            total=False,
        )
        later = f"{c['hourly']}*{c['K']}*{c['t_cash']}"
        grid.row(
            "win_cash",
            t("cash in the window"),
            code,
            lambda _: f"{grid.at('cash')}-{grid.at('tail_hours')}*{later}",
            now.win_cash,
        )
        unused = f"({c['hourly']}+{c['upfront']}/MAX(1,{c['term_hours']}))"
        grid.row(
            "win_amortised",
            t("amortised cost in the window"),
            code,
            lambda _: (
                f"{grid.at('amortised')}-({grid.at('tail_hours')}*{unused}"
                f"+{grid.at('after')}*{c['monthly']})*{c['K']}*{c['t_cost']}"
            ),
            now.win_amortised,
        )


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
