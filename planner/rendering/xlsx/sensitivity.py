"""The sheet Sensitivity: hours x discount for the option shown, and what a fifth more or less of each input does."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from planner.quoting.whatif import BESIDE, TRAFFIC, Again, again
from planner.rendering.xlsx.book import Book, Sheet, cell
from planner.rendering.xlsx.costs import say_recommended, span
from planner.rendering.xlsx.inputs import billing_months, part_month, whole_months
from planner.rendering.xlsx.model import Model
from planner.rendering.xlsx.prices import Prices, steps_cost
from planner.rendering.xlsx.shown import Shown

__all__ = ["Centre", "write_sensitivity"]

HOURS = tuple(map(Decimal, ("0.25", "0.5", "0.8", "1", "1.2", "1.5", "2")))
SHARES = tuple(map(Decimal, ("0", "0.05", "0.1", "0.15", "0.2", "0.3", "0.4")))
DOWN, NOW, UP = (HOURS.index(Decimal(x)) for x in ("0.8", "1", "1.2"))
GRID = 13


class Centre(NamedTuple):
    """The cell of the grid that stands for the quote itself, and its value."""

    at: str
    value: Decimal


def write_sensitivity(book: Book, model: Model, prices: Prices, shown: Shown) -> Centre:
    """Write Sensitivity; return the centre of its grid."""
    t = book.t
    s = book.sheet("sensitivity", [44, 15, 15, 15, 15, 15, 15, 15])
    s.title(t("The option shown with other hours and discounts on compute: effective cost in the report currency."))
    s.calc(2, 0, shown.at["option"], shown.values["option"], "", "link")
    say_recommended(book, model, s, 3)
    s.head(4, [t("share of the hours"), *[""] * len(HOURS)], 18)
    names = (
        t("hours"),
        t("billing months"),
        t("Whole months of traffic"),
        t("Share of one more month that is used"),
        t("compute at list, report currency"),
        t("beside compute, contracted, report currency"),
    )
    for row, words in enumerate(names, 5):
        s.text(row, 0, words)
    for i, share in enumerate(HOURS):
        _hours(book, model, prices, shown, 1 + i, share)
    s.head(GRID - 1, [t("discount on compute"), *[""] * len(HOURS)], 18)
    _grid(s, model, shown)
    row = GRID + len(SHARES) + 3
    s.section(row, t("What a fifth less or more of each input does"), 8)
    s.head(row + 1, [t("input"), "-20%", t("now"), "+20%", t("change, -20%"), t("change, +20%"), t("swing")], 18)
    value = _swings(book, model, shown, row + 2)
    _chart(book, s, row + 2)
    s.freeze(5, 1)
    return Centre(book.ref("sensitivity", cell(GRID, 1 + NOW, "rc")), value)


def _hours(book: Book, model: Model, prices: Prices, shown: Shown, col: int, share: Decimal) -> None:
    """Write one column of other hours: the months they need, compute and the rest."""
    s, a, quote = book.sheets["sensitivity"], shown.at, model.quote
    hours, months = cell(5, col, "r"), cell(6, col, "r")
    then = again(quote, shown.option.offer, hours=quote.hours * share)
    s.put(4, col, share, "pct", "input", bold=True)
    s.calc(5, col, f"hours_used*{cell(4, col)}", quote.hours * share, "hours")
    s.calc(6, col, billing_months(hours), model.months(quote.hours * share), "int")
    usage = f"IF({a['term_months']}>0,0,{steps_cost(book, prices, a['ladder'], hours)})"
    per = f"{usage}+{hours}*({a['upfront']}/MAX(1,{a['term_hours']})+{a['hourly']})+{months}*{a['monthly']}"
    (whole, part), prorated = model.traffic(quote.hours * share), model.work.window.prorated
    s.calc(7, col, whole_months(prorated, hours, months), whole, "int")
    s.calc(8, col, part_month(prorated, hours, cell(7, col, "r")), part, "num")
    s.calc(9, col, f"{a['count']}*({per})*{a['net']}*{a['rate']}", then.report("compute").list, "money")
    disk = f'IF({a["basis"]}="month",{months}/months_used,{hours}/hours_used)'
    rest = f"{cell(7, col, 'r')}*{a['lanes']}+{disk}*{a['disk']}+{hours}/hours_used*{a['ip']}"
    for lane, quota, name in (("lane_out", "free_out", "egress"), ("lane_in", "free_in", "inter")):
        gb = f"({name}_used*{cell(8, col, 'r')})"
        paid, free = (steps_cost(book, prices, a[lane], amount) for amount in (gb, f"MIN({gb},{a[quota]})"))
        rest += f"+({paid}-{free})*{a['net']}"
    formula = f"({rest})*(1-{a['beside_off']})*{a['rate']}"
    s.calc(10, col, formula, then.report(*BESIDE).effective, "money")


def _grid(s: Sheet, model: Model, shown: Shown) -> None:
    quote, offer, own = model.quote, shown.option.offer, Decimal(str(shown.values["off"]))
    for i, share in enumerate(HOURS):
        s.calc(GRID - 1, 1 + i, cell(5, 1 + i), quote.hours * share, "hours", "head")
    for row, off in enumerate((own, *SHARES), GRID):
        if row == GRID:
            s.calc(row, 0, shown.at["off"], off, "pct", "link", align="left")
        else:
            s.put(row, 0, off, "pct", "input", align="left")
        for col, share in enumerate(HOURS, 1):
            value = again(quote, offer, hours=quote.hours * share, share=off).report().effective
            compute, beside = cell(9, col, "r"), cell(10, col, "r")
            formula = f"({compute}*(1-{cell(row, 0, 'c')})+{beside})*{shown.at['t_cost']}"
            s.calc(row, col, formula, value, "money", "total" if row == GRID else "calc")
    scale = {"type": "2_color_scale", "min_color": "#FFFFFF", "max_color": "#F4B183"}
    s.ws.conditional_format(GRID, 1, GRID + len(SHARES), len(HOURS), scale)


def _swings(book: Book, model: Model, shown: Shown, first: int) -> Decimal:
    """Write what a fifth less or more of each input does; return what the option costs now."""
    s, t, a, quote, offer = book.sheets["sensitivity"], book.t, shown.at, model.quote, shown.option.offer
    less, more = HOURS[DOWN], HOURS[UP]
    now_at = cell(GRID, 1 + NOW, "rc")
    compute = f"{cell(9, 1 + NOW, 'rc')}*(1-{a['off']})*{a['t_cost']}"
    traffic = f"{a['traffic']}*(1-{a['beside_off']})*{a['rate']}*{a['t_cost']}"
    foreign = f'{now_at}*IF(INDEX({span(book, model, "code")},option_shown)="{quote.currency}",0,1)'
    hours = (cell(GRID, 1 + DOWN, "rc"), cell(GRID, 1 + UP, "rc"))

    def fifth(part: str) -> tuple[str, str]:
        return f"{now_at}-0.2*{part}", f"{now_at}+0.2*{part}"

    def both(change: Callable[[Decimal], Again]) -> tuple[Decimal, Decimal]:
        return change(less).report().effective, change(more).report().effective

    cases = (
        (t("hours"), hours, both(lambda x: again(quote, offer, hours=quote.hours * x))),
        (t("list price of compute"), fifth(compute), both(lambda x: again(quote, offer, prices={"compute": x}))),
        (t("exchange rate"), fifth(foreign), both(lambda x: again(quote, offer, fx=x))),
        (
            t("price of traffic"),
            fifth(traffic),
            both(lambda x: again(quote, offer, prices=dict.fromkeys(TRAFFIC, x))),
        ),
    )
    now = again(quote, offer).report().effective
    for r, (words, (low_at, high_at), (low, high)) in enumerate(cases, first):
        s.text(r, 0, words)
        s.calc(r, 1, low_at, low, "money")
        s.calc(r, 2, now_at, now, "money")
        s.calc(r, 3, high_at, high, "money")
        s.calc(r, 4, f"{cell(r, 1)}-{cell(r, 2)}", low - now, "money")
        s.calc(r, 5, f"{cell(r, 3)}-{cell(r, 2)}", high - now, "money")
        s.calc(r, 6, f"ABS({cell(r, 5)}-{cell(r, 4)})", abs(high - low), "money")
    return now


def _chart(book: Book, s: Sheet, first: int) -> None:
    chart, t = book.file.add_chart({"type": "bar", "subtype": "clustered"}), book.t
    for col, words, colour in ((4, "-20%", "#2E75B6"), (5, "+20%", "#C55A11")):
        chart.add_series(
            {
                "name": words,
                "categories": [s.ws.name, first, 0, first + 3, 0],
                "values": [s.ws.name, first, col, first + 3, col],
                "fill": {"color": colour},
                "overlap": 100,
                "gap": 60,
            }
        )
    lines = {"visible": True, "line": {"color": "#DDDDDD"}}
    chart.set_y_axis({"reverse": True, "label_position": "low", "num_font": {"size": 9}})
    chart.set_x_axis({"num_format": "#,##0", "num_font": {"size": 9}, "major_gridlines": lines})
    chart.set_title({"name": t("What a fifth less or more of each input does"), "name_font": {"size": 11}})
    chart.set_legend({"position": "bottom"})
    chart.set_size({"width": 760, "height": 260})
    said = t(
        "Bars: by how much the option's effective cost moves when one input is a fifth lower or higher; the table above has the numbers."
    )
    s.ws.insert_chart(first + 6, 0, chart, {"description": said})
    s.seen(first + 20, 7)
