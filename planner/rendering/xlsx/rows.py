"""The rows of Timeline, section by section: flags and hours, cash, what is prepaid, amortised cost."""

from __future__ import annotations

from decimal import Decimal

from planner.quoting.calendar import first_day
from planner.rendering.xlsx.book import Book, cell, same, serial
from planner.rendering.xlsx.grid import FIRST, Grid
from planner.rendering.xlsx.model import Model
from planner.rendering.xlsx.months import Months, running
from planner.rendering.xlsx.prices import Prices, steps_cost
from planner.rendering.xlsx.shown import Shown
from planner.units import add_months

__all__ = ["Rows"]


class Rows:
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
        self._owed(end, after)
        self._begun(book)

    def _owed(self, end: str, after: str) -> None:
        """Write the hours of the term that are owed after the window; end, after: the days on which window and month end."""
        t, grid, c, now, span = self.t, self.grid, self.c, self.now, self.span
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
        owed = f"IF(IF({c['way']}={same('subscription', t)},{subscribed},%>0),1,0)"
        grid.row(
            "after",
            t("owed after the window"),
            "0/1",
            lambda m: owed.replace("@", m).replace("%", grid.at("tail_hours")),
            now.after,
            number="flag",
        )

    def _begun(self, book: Book) -> None:
        """Write what is used so far by the hour, and how many terms are paid."""
        t, grid, c, now, span = self.t, self.grid, self.c, self.now, self.span
        grid.row(
            "so_far",
            t("pay as you go so far, one, list"),
            t("native"),
            lambda _: f"IF({c['term_months']}>0,0,{steps_cost(book, c['ladder'], grid.at('cum'))})",
            now.used,
            total=False,
        )
        begun = f"IF({c['way']}={same('subscription', t)},@/MAX(1,{c['term_months']}),%/MAX(1,{c['term_hours']}))"
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
        cash = self.paid = [sum(month, Decimal(0)) for month in parts]
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
