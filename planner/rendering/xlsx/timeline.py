"""The sheet Timeline: cash and amortised cost by month for the option shown, with the balance of what is prepaid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from planner.rendering.xlsx.book import Book, Sheet, cell
from planner.rendering.xlsx.costs import span
from planner.rendering.xlsx.inputs import Refs, default_shown, label
from planner.rendering.xlsx.model import Model, Option, tiered

__all__ = ["Shown", "write_timeline"]

TOP = 4
MONTHS = 3  # first column of the months


class Shown:
    """The parameters of the option shown, as cells of Timeline and as values; `K` is what one list unit costs."""

    def __init__(self, book: Book, model: Model, s: Sheet) -> None:
        t, o = book.t, model.options[default_shown(model) - 1]
        self.option: Option = o
        off, beside_off = model.discount(o)
        hours, months = float(model.work.hours), model.quote.months
        self.values: dict[str, float | str] = {
            "option": label(o, t),
            "way": o.offer.purchase_option,
            "ladder": o.own.id,
            "even": o.even.id if o.even else (o.own.id if o.offer.purchase_option == "on_demand" else ""),
            "basis": o.disk_basis,
            "count": o.offer.count,
            "off": off,
            "beside_off": beside_off,
            "rate": model.rate(o),
            "term_hours": o.term_hours,
            "term_months": o.term_months,
            "terms": o.offer.commitment.terms if o.offer.commitment else 0,
            "upfront": o.upfront,
            "hourly": o.hourly,
            "monthly": o.monthly,
            "traffic": model.traffic(o, months),
            "disk": model.disk(o, hours, months),
            "ip": model.ip(o, hours),
        }
        names = {
            "option": t("option"),
            "way": t("bought as"),
            "ladder": t("price"),
            "even": t("on-demand price"),
            "basis": t("disk counted by"),
            "count": t("instances"),
            "off": t("discount on compute"),
            "beside_off": t("discount on the rest"),
            "rate": t("rate to report"),
            "term_hours": t("hours of term"),
            "term_months": t("months of term"),
            "terms": t("terms needed"),
            "upfront": t("upfront, one"),
            "hourly": t("commitment, one"),
            "monthly": t("subscription, one"),
            "traffic": t("traffic, list"),
            "disk": t("disk, list"),
            "ip": t("addresses, list"),
        }
        formats = {
            "off": "pct",
            "beside_off": "pct",
            "rate": "rate",
            "hourly": "price",
            "upfront": "money",
            "monthly": "money",
        }
        self.at: dict[str, str] = {}
        self.cells: dict[str, str] = {}
        for i, (key, value) in enumerate(self.values.items()):
            s.text(TOP + i, 0, names[key])
            number = "" if isinstance(value, str) else formats.get(key, "num")
            s.calc(TOP + i, 2, f"INDEX({span(book, model, key)},option_shown)", value, number, "link")
            self.cells[key] = cell(TOP + i, 2, "rc")
            self.at[key] = book.ref("timeline", self.cells[key])
        self.next = TOP + len(self.values)

    def v(self, key: str) -> float:
        """Return a value as a number."""
        return float(self.values[key])


def write_timeline(book: Book, model: Model, refs: Refs) -> Shown:
    """Write Timeline."""
    t, work = book.t, model.work
    span_months = _columns(model)
    s = book.sheet("timeline", [38, 9, 16] + [11.5] * span_months)
    s.title(
        t("The option shown (chosen on Inputs), month by month: the window, then the rest of the term that is owed.")
    )
    s.section(3, t("Option shown"), 3)
    p = Shown(book, model, s)
    c, v, o = p.cells, p.v, p.option
    row = p.next
    hours, months = float(work.hours), model.quote.months
    keep = v("count") * (1 - v("off")) * v("rate")
    rest_of_term = max(0.0, v("terms") * v("term_hours") - hours)
    sub = o.offer.purchase_option == "subscription"
    tail = 0
    if v("terms"):
        tail = max(0 if sub else (1 if rest_of_term > 0 else 0), int(v("terms") * v("term_months")) - months)
    rest = (v("traffic") + v("disk") + v("ip")) * (1 - v("beside_off")) * v("rate")
    derived = (
        (
            "K",
            t("report currency per list unit, all instances"),
            f"{c['count']}*(1-{c['off']})*{c['rate']}",
            keep,
            "rate",
        ),
        (
            "left",
            t("hours of the term after the window"),
            f"MAX(0,{c['terms']}*{c['term_hours']}-hours_used)",
            rest_of_term,
            "num",
        ),
        (
            "tail",
            t("months of the term after the window"),
            f'IF({c["terms"]}=0,0,MAX(IF(AND({c["way"]}<>"subscription",{cell(row + 1, 2, "rc")}>0),1,0),{c["terms"]}*{c["term_months"]}-months_used))',
            tail,
            "int",
        ),
        (
            "rest",
            t("traffic, disk and addresses in the window"),
            f"({c['traffic']}+{c['disk']}+{c['ip']})*(1-{c['beside_off']})*{c['rate']}",
            rest,
            "money",
        ),
    )
    for key, words, formula, value, number in derived:
        s.text(row, 0, words)
        s.calc(row, 2, formula, value, number)
        c[key] = cell(row, 2, "rc")
        p.at[key] = book.ref("timeline", c[key])
        row += 1
    row += 1
    head = row
    s.head(row, [t("month"), t("unit"), t("in all"), *[""] * span_months], 18)
    for m in range(span_months):
        s.put(row, MONTHS + m, m + 1, "int", "head")
    grid = _Grid(s, row + 1, span_months, c, head)
    code = model.quote.currency
    money = "money"
    sub_f = f'{c["way"]}="subscription"'
    prices: Any = lambda col: book.ref(
        "prices", f"{cell(refs.first_price, col, 'rc')}:{cell(refs.last_price, col, 'rc')}"
    )
    start = model.work.start
    window = _window(model, span_months)
    win = [1.0 if m < months else 0.0 for m in range(span_months)]
    cum = [sum(window[: m + 1]) for m in range(span_months)]
    tails = [1.0 if months <= m < months + tail else 0.0 for m in range(span_months)]
    tail_hours = [x * rest_of_term / tail if tail else 0.0 for x in tails]
    paid = [0.0] * span_months
    for m in range(span_months):
        if v("terms"):
            raw = (m + 1) / v("term_months") if sub else cum[m] / v("term_hours")
            paid[m] = float(-(-round(raw, 9) // 1)) if m < months else v("terms")
    used = [tiered(o.own.rates, x) if not o.committed else 0.0 for x in cum]
    if start:
        from datetime import date

        from planner.units import add_months

        day = date.fromisoformat(start)
        base = date(1899, 12, 30)
        dates: list[object] = [(add_months(day, m) - base).days for m in range(span_months)]
    else:
        dates = [""] * span_months
    grid.row(
        "date",
        t("first day"),
        "",
        lambda m: f'IF(start_typed="","",EDATE(start_typed,{m}-1))',
        dates,
        "date",
        total=False,
    )
    grid.section(t("Flags and hours"))
    grid.row("win", t("in the window"), "0/1", lambda m: f"IF({m}<=months_used,1,0)", win, "flag")
    grid.row(
        "tail_flag",
        t("owed after the window"),
        "0/1",
        lambda m: f"IF(AND({m}>months_used,{m}<=months_used+{c['tail']}),1,0)",
        tails,
        "flag",
    )
    in_month = f'IF(start_typed="",hours_used/months_used,MAX(0,(MIN(start_typed+hours_used/24,EDATE(start_typed,@))-EDATE(start_typed,@-1))*24))'  # noqa: F541
    grid.row(
        "hours", t("hours in the window"), "h", lambda m: f"{grid.at('win')}*{in_month.replace('@', m)}", window, "num"
    )
    grid.row(
        "cum", t("hours so far"), "h", lambda m: f"{grid.before('cum')}+{grid.at('hours')}", cum, "num", total=False
    )
    grid.row(
        "tail_hours",
        t("hours of the term after the window"),
        "h",
        lambda m: f"IF({c['tail']}=0,0,{grid.at('tail_flag')}*{c['left']}/MAX(1,{c['tail']}))",
        tail_hours,
        "num",
    )
    at_list: Any = lambda m: (
        f"IF({c['term_months']}>0,0,SUMPRODUCT(({prices(0)}={c['ladder']})*({grid.at('cum')}>{prices(7)})*({grid.at('cum')}-{prices(7)})*{prices(11)}))"
    )
    grid.row("so_far", t("pay as you go so far, one, list"), t("native"), at_list, used, money, total=False)
    terms_paid = f"ROUNDUP(ROUND(IF({sub_f},@/MAX(1,{c['term_months']}),%/MAX(1,{c['term_hours']})),9),0)"
    grid.row(
        "paid",
        t("terms paid so far"),
        t("number"),
        lambda m: (
            f"IF({c['terms']}=0,0,IF({m}<=months_used,{terms_paid.replace('@', m).replace('%', grid.at('cum'))},{c['terms']}))"
        ),
        paid,
        "int",
        total=False,
    )
    grid.section(t("Cash"))
    steps: Any = lambda xs: [x - (xs[i - 1] if i else 0.0) for i, x in enumerate(xs)]
    payg = [x * keep for x in steps(used)]
    grid.row(
        "payg",
        t("compute, pay as you go"),
        code,
        lambda m: f"({grid.at('so_far')}-{grid.before('so_far')})*{c['K']}",
        payg,
        money,
    )
    hourly = [(window[m] + tail_hours[m]) * v("hourly") * keep for m in range(span_months)]
    grid.row(
        "hourly",
        t("commitment, by the hour"),
        code,
        lambda m: f"({grid.at('hours')}+{grid.at('tail_hours')})*{c['hourly']}*{c['K']}",
        hourly,
        money,
    )
    one = v("upfront") + v("monthly") * v("term_months")
    prepaid = [x * one * keep for x in steps(paid)]
    grid.row(
        "prepaid",
        t("commitment, prepaid"),
        code,
        lambda m: (
            f"({grid.at('paid')}-{grid.before('paid')})*({c['upfront']}+{c['monthly']}*{c['term_months']})*{c['K']}"
        ),
        prepaid,
        money,
    )
    other = [x * rest / months for x in win]
    grid.row(
        "rest", t("traffic, disk, addresses"), code, lambda m: f"{grid.at('win')}*{c['rest']}/months_used", other, money
    )
    tax = float(work.tax)
    tax_cash = [tax * (payg[m] + hourly[m] + prepaid[m] + other[m]) for m in range(span_months)]
    grid.row(
        "tax_cash", t("tax"), code, lambda m: f"tax_used*SUM({grid.at('payg')}:{grid.at('rest')})", tax_cash, money
    )
    cash = [payg[m] + hourly[m] + prepaid[m] + other[m] + tax_cash[m] for m in range(span_months)]
    grid.row(
        "cash", t("cash"), code, lambda m: f"SUM({grid.at('payg')}:{grid.at('tax_cash')})", cash, money, style="total"
    )
    grid.row(
        "cum_cash",
        t("cash so far"),
        code,
        lambda m: f"{grid.before('cum_cash')}+{grid.at('cash')}",
        _running(cash),
        money,
        total=False,
    )
    grid.section(t("Prepaid balance, before tax"))
    released = [
        (
            (window[m] + tail_hours[m]) * (v("upfront") / v("term_hours") if v("term_hours") else 0.0)
            + (win[m] + tails[m]) * v("monthly")
        )
        * keep
        for m in range(span_months)
    ]
    closing = _running([prepaid[m] - released[m] for m in range(span_months)])
    opening = [0.0, *closing[:-1]]
    grid.row("opening", t("opening balance"), code, lambda m: grid.before("closing", 3), opening, money, total=False)
    grid.row("paid_in", t("paid in"), code, lambda m: grid.at("prepaid"), prepaid, money)
    grid.row(
        "released",
        t("used up (amortised)"),
        code,
        lambda m: (
            f"(({grid.at('hours')}+{grid.at('tail_hours')})*{c['upfront']}/MAX(1,{c['term_hours']})+({grid.at('win')}+{grid.at('tail_flag')})*{c['monthly']})*{c['K']}"
        ),
        released,
        money,
    )
    grid.row(
        "closing",
        t("closing balance"),
        code,
        lambda m: f"{grid.at('opening')}+{grid.at('paid_in')}-{grid.at('released')}",
        closing,
        money,
        total=False,
        style="total",
    )
    grid.section(t("Amortised cost"))
    before_tax = [payg[m] + hourly[m] + released[m] + other[m] for m in range(span_months)]
    amortised = [x * (1 + tax) for x in before_tax]
    grid.row(
        "amortised",
        t("amortised cost, with tax"),
        code,
        lambda m: f"({grid.at('payg')}+{grid.at('hourly')}+{grid.at('released')}+{grid.at('rest')})*(1+tax_used)",
        amortised,
        money,
        style="total",
    )
    grid.row(
        "cum_amortised",
        t("amortised so far"),
        code,
        lambda m: f"{grid.before('cum_amortised')}+{grid.at('amortised')}",
        _running(amortised),
        money,
        total=False,
    )
    grid.row(
        "win_cash",
        t("cash in the window"),
        code,
        lambda m: f"{grid.at('win')}*{grid.at('cash')}",
        [a * b for a, b in zip(win, cash, strict=True)],
        money,
    )
    grid.row(
        "win_amortised",
        t("amortised cost in the window"),
        code,
        lambda m: f"{grid.at('win')}*{grid.at('amortised')}",
        [a * b for a, b in zip(win, amortised, strict=True)],
        money,
    )
    p.rows, p.span_months, p.head = grid.rows, span_months, head  # type: ignore[attr-defined]
    chart = book.file.add_chart({"type": "line"})
    for key, name, colour in (
        ("cum_cash", t("cash so far"), "#C55A11"),
        ("cum_amortised", t("amortised so far"), "#1F3864"),
    ):
        chart.add_series(
            {
                "name": name,
                "categories": [s.ws.name, head, MONTHS, head, MONTHS + span_months - 1],
                "values": [s.ws.name, grid.rows[key], MONTHS, grid.rows[key], MONTHS + span_months - 1],
                "line": {"color": colour, "width": 2},
            }
        )
    p.chart = chart  # type: ignore[attr-defined]
    s.ws.freeze_panes(head + 1, MONTHS)
    s.ws.repeat_columns(0, 2)
    s.ws.fit_to_pages(max(1, span_months // 12), 1)
    return p


def _columns(model: Model) -> int:
    need = model.quote.months
    for o in model.options:
        terms = o.offer.commitment
        if terms is not None:
            need = max(need, terms.terms * terms.term_months, model.quote.months + 1)
    return min(132, -(-max(need, 12) // 12) * 12)


def _window(model: Model, columns: int) -> list[float]:
    """Return the hours of each month: even without a first day, by the calendar with one."""
    hours, months = float(model.work.hours), model.quote.months
    if not model.work.start:
        return [hours / months if m < months else 0.0 for m in range(columns)]
    from datetime import date

    from planner.units import add_months

    start = date.fromisoformat(model.work.start)
    edges = [(add_months(start, m) - start).days * 24.0 for m in range(columns + 1)]
    return [max(0.0, min(hours, edges[m + 1]) - edges[m]) if m < months else 0.0 for m in range(columns)]


def _running(values: list[float]) -> list[float]:
    total, result = 0.0, []
    for x in values:
        total += x
        result.append(total)
    return result


class _Grid:
    """Rows over months; a formula is made per column by a function of the month's header cell."""

    def __init__(self, s: Sheet, row: int, columns: int, cells: dict[str, str], head: int) -> None:
        self.s, self.next, self.columns, self.head, self.col = s, row, columns, head, MONTHS
        self.rows: dict[str, int] = {}

    def at(self, key: str) -> str:
        """Return the cell of `key` in the month being written."""
        return cell(self.rows[key], self.col)

    def before(self, key: str, ahead: int = 0) -> str:
        """Return the cell of `key` in the month before, or 0; a row still to come stands `ahead` rows below."""
        row = self.rows[key] if key in self.rows else self.next + ahead
        return "0" if self.col == MONTHS else cell(row, self.col - 1)

    def section(self, words: str) -> None:
        self.next += 1
        self.s.section(self.next, words, MONTHS + self.columns)
        self.next += 1

    def row(
        self,
        key: str,
        words: str,
        unit: str,
        formula: Callable[[str], str],
        values: list[float] | list[object],
        number: str,
        *,
        total: bool = True,
        style: str = "calc",
    ) -> None:
        s, row = self.s, self.next
        self.rows[key] = row
        s.text(row, 0, words, "bold" if style == "total" else "text")
        s.text(row, 1, unit, "unit")
        for m in range(self.columns):
            self.col = MONTHS + m
            s.calc(row, self.col, formula(cell(self.head, self.col, "r")), values[m], number, style)
        if total:
            whole = f"SUM({cell(row, MONTHS)}:{cell(row, MONTHS + self.columns - 1)})"
            s.calc(row, 2, whole, sum(float(str(x)) for x in values), number, style)
        self.next += 1
