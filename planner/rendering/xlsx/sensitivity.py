"""The sheet Sensitivity: hours x discount for the option shown, and what a fifth more or less of each input does."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from planner.quoting.whatif import BESIDE, TRAFFIC, Again, again, evaluated, month_of
from planner.rendering.xlsx.book import Book, Sheet, cell, same
from planner.rendering.xlsx.costs import say_recommended, span
from planner.rendering.xlsx.inputs import months_needed, months_of_traffic
from planner.rendering.xlsx.model import Model
from planner.rendering.xlsx.prices import steps_cost
from planner.rendering.xlsx.shown import Shown
from planner.units import RATE_MONTH_HOURS

__all__ = ["Centre", "write_sensitivity"]

HOURS = tuple(map(Decimal, ("0.25", "0.5", "0.8", "1", "1.2", "1.5", "2")))
SHARES = tuple(map(Decimal, ("0", "0.05", "0.1", "0.15", "0.2", "0.3", "0.4")))
DOWN, NOW, UP = (HOURS.index(Decimal(x)) for x in ("0.8", "1", "1.2"))
#: Rows that only a contract asks for: what compute bills, what is promised, and the shortfall.
BILLED, PROMISED, FEE = 16, 17, 18


class Centre(NamedTuple):
    """The cell of the grid that stands for the quote itself, and its value."""

    at: str
    value: Decimal


def write_sensitivity(book: Book, model: Model, shown: Shown) -> Centre:
    """Write Sensitivity; return the centre of its grid."""
    t = book.t
    s = book.sheet("sensitivity", [44, 15, 15, 15, 15, 15, 15, 15])
    s.title(
        t(
            "The option shown with other hours and discounts on compute: what is to pay, then effective cost, in the report currency."
        )
    )
    s.calc(2, 0, shown.at["option"], shown.values["option"], "", "link")
    say_recommended(book, model, s, 3)
    s.head(4, [t("share of the hours"), *[""] * len(HOURS)], 18)
    names: tuple[str, ...] = (
        t("hours"),
        t("billing months"),
        t("Whole months of traffic"),
        t("Share of one more month that is used"),
        t("compute at list, report currency"),
        t("beside compute, contracted, report currency"),
        t("traffic of a month used in part, list"),
        t("the same to other regions, list"),
        t("hours of term"),
        t("terms needed"),
        t("to pay, all obligations included"),
    )
    if model.work.contract:
        names += (
            t("compute billed at list, report currency"),
            t("promised under a contract, report currency"),
            t("contract shortfall, report currency"),
        )
    for row, words in enumerate(names, 5):
        s.text(row, 0, words)
    for i, share in enumerate(HOURS):
        _hours(book, model, shown, 1 + i, share)
    top = _top(model)
    s.head(top - 1, [t("effective, at a discount on compute of"), *[""] * len(HOURS)], 18)
    _grid(s, model, shown)
    row = top + len(SHARES) + 3
    s.section(row, t("What a fifth less or more of each input does"), 8)
    s.head(row + 1, [t("input"), "-20%", t("now"), "+20%", t("change, -20%"), t("change, +20%"), t("swing")], 18)
    value = _swings(book, model, shown, row + 2)
    _chart(book, s, row + 2)
    s.freeze(5, 1)
    s.ws.fit_to_pages(1, 1)
    return Centre(book.ref("sensitivity", cell(top, 1 + NOW, "rc")), value)


def _hours(book: Book, model: Model, shown: Shown, col: int, share: Decimal) -> None:
    """Write one column of other hours: the months they need, compute and the rest."""
    s, a, quote = book.sheets["sensitivity"], shown.at, model.quote
    hours, months = cell(5, col, "r"), cell(6, col, "r")
    then = again(quote, shown.option.offer, hours=quote.hours * share)
    s.put(4, col, share, "pct", "input", bold=True)
    s.calc(5, col, f"hours_used*{cell(4, col)}", quote.hours * share, "hours")
    length = model.lasting_for(hours)
    s.calc(6, col, months_needed(model, hours), model.months(quote.hours * share), "int")
    usage = f"IF({a['term_months']}>0,0,{steps_cost(book, a['ladder'], hours)})"
    per = f"{usage}+{length}*({a['upfront']}/MAX(1,{a['term_hours']})+{a['hourly']})+{months}*{a['monthly']}"
    whole, part = model.traffic(quote.hours * share)
    full, more = months_of_traffic(model, hours, months, cell(7, col, "r"))
    s.calc(7, col, full, whole, "int")
    s.calc(8, col, more, part, "num")
    s.calc(9, col, f"{a['count']}*({per})*{a['net']}*{a['rate']}", then.report("compute").list, "money")
    disk = f"IF({a['basis']}={same('month', book.t)},{months}/months_used,{length}/{model.length})"
    rest = f"{cell(7, col, 'r')}*{a['lanes']}+{disk}*{a['disk']}+{length}/{model.length}*{a['ip']}"
    o = shown.option
    lanes = (("lane_out", "free_out", "egress", o.egress), ("lane_in", "free_in", "inter", o.inter))
    for row, (lane, quota, name, ladder) in enumerate(lanes, 11):
        gb = f"({name}_used*{cell(8, col, 'r')})"
        paid, free = (steps_cost(book, a[lane], amount) for amount in (gb, f"MIN({gb},{a[quota]})"))
        value = month_of(ladder.line, part).list if ladder is not None else 0
        s.calc(row, col, f"{paid}-{free}", value, "money")
    rest += f"+({cell(11, col, 'r')}+{cell(12, col, 'r')})*{a['net']}"
    formula = f"({rest})*(1-{a['beside_off']})*{a['rate']}"
    s.calc(10, col, formula, then.report(*BESIDE).effective, "money")
    _obligation(model, s, shown, col, share)


def _obligation(model: Model, s: Sheet, shown: Shown, col: int, share: Decimal) -> None:
    """Write what is to pay at other hours: of a commitment all of its terms, whatever is used of them."""
    a, quote, t = shown.at, model.quote, s.book.t
    hours, months, term, terms = (cell(row, col, "r") for row in (5, 6, 13, 14))
    there = evaluated(
        quote._replace(hours=quote.hours * share, months=model.months(quote.hours * share)), shown.option.offer
    )
    bound = there.commitment
    length = model.lasting_for(hours)
    days = f"ROUNDUP({length}/24,0)"
    block = f"24*MIN(182,IF({days}>14,7*ROUNDUP({days}/7,0),{days}))"
    formula = f"IF({a['way']}={same('capacity_block', t)},{block},{a['term_hours']})"
    s.calc(13, col, formula, bound.term_hours if bound else 0, "int")
    by_month = f"ROUNDUP({months}/MAX(1,{a['term_months']}),0)"
    monthly = f"{a['way']}<>{same('capacity_block', t)}" if model.span else f"{a['way']}={same('subscription', t)}"
    needed = f"IF({monthly},{by_month},ROUNDUP(ROUND({length}/MAX(1,{term}),9),0))"
    s.calc(14, col, f"IF({a['term_months']}=0,0,{needed})", bound.terms if bound else 0, "int")
    spread = f"({a['upfront']}/MAX(1,{a['term_hours']})+{a['hourly']})"
    owed = f"{terms}*({term}*{spread}+{a['term_months']}*{a['monthly']})*{a['count']}*{a['net']}*{a['rate']}"
    compute = f"IF({a['term_months']}=0,{cell(9, col, 'r')},{owed})"
    whole = f"({compute}*(1-{a['off']})+{cell(10, col, 'r')})*{a['t_cost']}"
    if model.work.contract:
        spread = f"{term}*{a['upfront']}/MAX(1,{a['term_hours']})+{a['term_months']}*{a['monthly']}"
        bill = f"({length}*{a['hourly']}+{terms}*({spread}))*{a['count']}*{a['net']}*{a['rate']}"
        then = again(quote, shown.option.offer, hours=quote.hours * share, share=Decimal(0))
        s.calc(
            BILLED, col, f"IF({a['term_months']}=0,{cell(9, col, 'r')},{bill})", then.report("compute").billed, "money"
        )
        promised = f"{a['promised']}*{length}/{model.length}*{a['net']}*{a['rate']}"
        s.calc(PROMISED, col, promised, _promised(model, shown, quote.hours * share), "money")
        due = sum((c.amount for c in there.charges if c.category == "contract"), Decimal(0))
        worth = due * Decimal(str(shown.values["t_cost"])) * Decimal(str(shown.values["rate"]))
        s.calc(FEE, col, _fee(shown, col, a["off"]), worth, "money")
        whole += f"+{cell(FEE, col, 'r')}"
    s.calc(15, col, whole, there.totals.report.obligation, "money", "total")


def _promised(model: Model, shown: Shown, hours: Decimal) -> Decimal:
    """Return what a contract promises in so many hours in use, in the report currency, without the tax that prices hold."""
    line, v = model.contract(shown.option), shown.values
    length = model.quote.window._replace(hours=hours).length
    month = line.each * length / RATE_MONTH_HOURS if line is not None else Decimal(0)
    return month * Decimal(str(v["net"])) * Decimal(str(v["rate"]))


def _fee(shown: Shown, col: int, off: str, more: str = "") -> str:
    """Return the formula of a contract's shortfall at another discount on compute; more: what else is billed."""
    a = shown.at
    left = f"{cell(PROMISED, col, 'r')}-{cell(BILLED, col, 'r')}*(1-{off})-{cell(10, col, 'r')}{more}"
    return f"MAX(0,{left})*{a['short']}*{a['t_cost']}"


def _top(model: Model) -> int:
    """Return the first row of the grid of hours and discounts."""
    return 21 if model.work.contract else 18


def _grid(s: Sheet, model: Model, shown: Shown) -> None:
    quote, offer, own, top = model.quote, shown.option.offer, Decimal(str(shown.values["off"])), _top(model)
    for i, share in enumerate(HOURS):
        s.calc(top - 1, 1 + i, cell(5, 1 + i), quote.hours * share, "hours", "head")
    for row, off in enumerate((own, *SHARES), top):
        if row == top:
            s.calc(row, 0, shown.at["off"], off, "pct", "link", align="left")
        else:
            s.put(row, 0, off, "pct", "input", align="left")
        for col, share in enumerate(HOURS, 1):
            value = again(quote, offer, hours=quote.hours * share, share=off).report().effective
            compute, beside = cell(9, col, "r"), cell(10, col, "r")
            formula = f"({compute}*(1-{cell(row, 0, 'c')})+{beside})*{shown.at['t_cost']}"
            if model.work.contract:
                formula += f"+{_fee(shown, col, cell(row, 0, 'c'))}"
            s.calc(row, col, formula, value, "money", "total" if row == top else "calc")
    scale = {"type": "2_color_scale", "min_color": "#FFFFFF", "max_color": "#F4B183"}
    s.ws.conditional_format(top, 1, top + len(SHARES), len(HOURS), scale)


def _swings(book: Book, model: Model, shown: Shown, first: int) -> Decimal:
    """Write what a fifth less or more of each input does; return what the option costs now."""
    s, t, a, quote, offer = book.sheets["sensitivity"], book.t, shown.at, model.quote, shown.option.offer
    less, more, top = HOURS[DOWN], HOURS[UP], _top(model)
    now_at = cell(top, 1 + NOW, "rc")
    compute = f"{cell(9, 1 + NOW, 'rc')}*(1-{a['off']})*{a['t_cost']}"
    traffic = f"{a['traffic']}*(1-{a['beside_off']})*{a['rate']}*{a['t_cost']}"
    foreign = f'{now_at}*IF(INDEX({span(book, model, "code")},option_shown)="{quote.currency}",0,1)'
    hours = (cell(top, 1 + DOWN, "rc"), cell(top, 1 + UP, "rc"))

    def fifth(part: str, billed: str = "") -> tuple[str, str]:
        low, high = f"{now_at}-0.2*{part}", f"{now_at}+0.2*{part}"
        if not billed or not model.work.contract:
            return low, high
        due = [f"+{_fee(shown, 1 + NOW, a['off'], f'{sign}0.2*{billed}')}-{cell(FEE, 1 + NOW, 'rc')}" for sign in "+-"]
        return low + due[0], high + due[1]

    def both(change: Callable[[Decimal], Again]) -> tuple[Decimal, Decimal]:
        return change(less).report().effective, change(more).report().effective

    cases = (
        (t("hours"), hours, both(lambda x: again(quote, offer, hours=quote.hours * x))),
        (
            t("list price of compute"),
            fifth(compute, f"{cell(BILLED, 1 + NOW, 'rc')}*(1-{a['off']})"),
            both(lambda x: again(quote, offer, prices={"compute": x})),
        ),
        (t("exchange rate"), fifth(foreign), both(lambda x: again(quote, offer, fx=x))),
        (
            t("price of traffic"),
            fifth(traffic, f"{a['traffic']}*(1-{a['beside_off']})*{a['rate']}"),
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
