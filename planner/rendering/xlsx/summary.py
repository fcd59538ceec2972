"""The sheet Summary: the recommendation, the options side by side, three charts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from planner.money import plain, show
from planner.rendering.xlsx.book import Book, Sheet, cell, quoted
from planner.rendering.xlsx.commitment import break_even_cell
from planner.rendering.xlsx.costs import best_of, ref, span
from planner.rendering.xlsx.model import Model, Option, label

__all__ = ["FIRST", "write_summary"]

FIRST = 6
BARS = 12
GRID = {"visible": True, "line": {"color": "#DDDDDD"}}


def write_summary(book: Book, model: Model, first: int, cash: Any, curve: Any) -> None:
    """Write Summary; first: the row on Steps for the pieces of its sentence; cash, curve: charts of Timeline and Commitment."""
    t, code = book.t, model.quote.currency
    s = book.sheet("summary", [5, 46, 19, 9, 13, 13, 13, 13, 13, 13, 11, 11, 11, 9, 8, 13])
    s.ws.fit_to_pages(1, 1 if len(model.options) <= 40 else 0)
    s.title(t("All amounts in {code}; every number is a formula down to Inputs and Prices.", code=code))
    _sentence(book, model, s, first)
    _facts(book, model, s)
    titles = [
        t("no."),
        t("option"),
        "GPU",
        t("instances"),
        t("to pay"),
        t("present value"),
        t("effective"),
        t("billed"),
        t("committed"),
        t("list"),
        t("above the recommended"),
        t("per million tokens out"),
        t("break-even, hours a month"),
        t("complete"),
        t("currency"),
        t("recommended"),
    ]
    s.head(5, titles, 40)
    for o in model.options:
        _row(book, model, s, o)
    last = FIRST + len(model.options) - 1
    _colours(book, s, last)
    below = _bars(book, model, s, last)
    _lines(book, model, s, below, cash, curve)
    s.freeze(6, 2)


def _sentence(book: Book, model: Model, s: Sheet, first: int) -> None:
    """Write what to take, now and for a need that lasts: the words follow what is typed. Its pieces stand on Steps."""
    t, code, steps = book.t, model.quote.currency, book.sheets["steps"]
    none = t("No firm option is priced completely: see Notes.")
    leads = (
        t("Least to pay for the window, all obligations included: "),
        t("Least present value of all that is owed: "),
    )
    second, middle, end = t(" If the need lasts the whole term: "), t(", for "), t(" effective in the window.")
    option, comma = t("option {no}, ", no="@").split("@")
    names, rank, lasts = (span(book, model, key) for key in ("option", "rank", "lasting"))
    best, lasting = model.best, model.lasting
    full_stop = t("{code}.", code=code)
    lead, now, then = leads[model.work.discount_rate is not None], "", ""
    if best is not None and lasting is not None:
        now = f"{label(best, t)}{middle}{show(model.obliged(best) or Decimal(0))} {full_stop}"
        if lasting is not best:
            effective = show(lasting.offer.totals.report.effective)
            then = f"{second}{label(lasting, t)}{middle}{effective} {code}{end}"
    later = lasting.number + 1 if lasting else ""
    pieces: tuple[tuple[str, str, str, object], ...] = (
        ("say_lead", t("how it begins"), f'IF(rate_used="",{quoted(leads[0])},{quoted(leads[1])})', lead),
        (
            "say_name",
            t("what is recommended"),
            f'IF(option_recommended="","",INDEX({names},option_recommended))',
            label(best, t) if best else "",
        ),
        (
            "say_now",
            t("recommended, with its amount"),
            f'say_name&{quoted(middle)}&TEXT(MIN({rank}),"#,##0.00")&{quoted(" " + full_stop)}',
            now or f"{middle}0.00 {full_stop}",
        ),
        ("say_later", t("number of what lasts"), best_of(book, model, "lasting"), later),
        (
            "say_lasting",
            t("what lasts"),
            f'IF(say_later="","",INDEX({names},say_later))',
            label(lasting, t) if lasting else "",
        ),
        (
            "say_then",
            t("for a need that lasts"),
            f'IF(say_later=option_recommended,"",{quoted(second)}&say_lasting&{quoted(middle)}&TEXT(MIN({lasts}),"#,##0.00")&{quoted(" " + code + end)})',
            then,
        ),
    )
    steps.section(first, t("the sentence on Summary"), 7)
    for row, (name, words, formula, value) in enumerate(pieces, first + 1):
        steps.text(row, 1, words)
        steps.calc(row, 2, formula, value, "", "calc", align="left")
        book.define(name, "steps", row, 2)
    spoken = f"{lead}{option}{best.number + 1}{comma}{now}{then}" if best is not None else none
    formula = f'IF(option_recommended="",{quoted(none)},say_lead&{quoted(option)}&option_recommended&{quoted(comma)}&say_now&say_then)'
    s.ws.set_row(2, 40)
    s.ws.merge_range(2, 0, 2, 15, "", book.fmt("big"))
    s.calc(2, 0, formula, spoken, "", "big")


def _facts(book: Book, model: Model, s: Sheet) -> None:
    t, work = book.t, model.work
    hours = f'{quoted(t("hours") + ": ")}&TEXT(hours_used,"#,##0.0")'
    s.calc(3, 1, hours, f"{t('hours')}: {work.hours:,.1f}", "", "calc")
    facts = (
        (t("billing months"), "months_used", model.quote.months, "int"),
        (t("data out, GB/month"), "egress_used", work.egress_gb, "num"),
        (t("tax"), "tax_used", work.tax, "pct"),
    )
    for i, (words, name, value, number) in enumerate(facts, 1):
        s.text(3, 2 + 2 * i, words, "unit", align="right", bottom=0)
        s.calc(3, 3 + 2 * i, name, value, number, "calc", align="left")


def _row(book: Book, model: Model, s: Sheet, o: Option) -> None:
    t, row, report = book.t, FIRST + o.number, o.offer.totals.report

    def at(key: str) -> str:
        return ref(book, key, o.number)

    s.calc(row, 0, at("no"), o.number + 1, "int", "link")
    s.calc(row, 1, at("option"), label(o, t), "", "link", indent=1)
    s.text(row, 2, f"{plain(o.offer.gpu.count)}x {o.offer.gpu.model}")
    s.calc(row, 3, at("count"), o.offer.count, "int", "link")
    amounts = (
        ("r_all", report.obligation),
        ("pv", model.figures(o)["pv"]),
        ("r_eff", report.effective),
        ("r_bill", report.billed),
        ("r_owed", report.committed),
        ("r_list", report.list),
    )
    for col, (key, value) in enumerate(amounts, 4):
        s.calc(row, col, at(key), value, "money", "link", bold=col == 4)
    least = f"INDEX({span(book, model, 'r_all')},MAX(1,option_recommended))"
    best = model.best.offer.totals.report.obligation if model.best else 0
    above = report.obligation / best - 1 if best else ""
    s.calc(row, 10, f'IF(option_recommended="","",IF({least}=0,0,{cell(row, 4)}/{least}-1))', above, "pct")
    out = o.offer.cost_per_million_output
    s.calc(row, 11, at("m_out"), "" if out is None else out, "unit3", "link")
    if o.committed:
        where, said = break_even_cell(book, model, o)
        s.calc(row, 12, where, said, "int", "link", align="right")
    else:
        s.text(row, 12, "")
    yes, no = t("yes"), t("NO")
    whole = f"IF({at('whole')}=1,{quoted(yes)},{quoted(no)})"
    s.calc(row, 13, whole, no if o.offer.unpriced else yes, "", "calc", align="center")
    s.text(row, 14, o.code, align="center")
    mark = f'IF({cell(row, 0)}=option_recommended,{quoted(t("recommended"))},"")'
    s.calc(row, 15, mark, t("recommended") if o is model.best else "", "", "check")


def _colours(book: Book, s: Sheet, last: int) -> None:
    s.ws.conditional_format(FIRST, 4, last, 4, {"type": "data_bar", "bar_color": "#9DB8DC", "bar_solid": True})
    red = book.file.add_format({"font_color": "#C00000", "bold": True})
    no = {"type": "cell", "criteria": "==", "value": quoted(book.t("NO")), "format": red}
    s.ws.conditional_format(FIRST, 13, last, 13, no)
    taken = book.file.add_format({"bold": True, "bg_color": "#DDF3DF"})
    criteria = f"=$A{FIRST + 1}=option_recommended"
    s.ws.conditional_format(FIRST, 0, last, 15, {"type": "formula", "criteria": criteria, "format": taken})


def _style(chart: Any, title: str) -> None:
    chart.set_title({"name": title, "name_font": {"size": 11, "bold": True}, "overlay": False})
    chart.set_chartarea({"border": {"color": "#C8CED8"}})


def _bars(book: Book, model: Model, s: Sheet, last: int) -> int:
    """Draw the first options' effective cost; return the row below."""
    bars, name = book.file.add_chart({"type": "bar"}), s.ws.name
    shown = min(last, FIRST + BARS - 1)
    for title, col, colour in ((book.t("to pay"), 4, "#A9BFDF"), (book.t("effective"), 6, "#1F3864")):
        bars.add_series(
            {
                "name": title,
                "categories": [name, FIRST, 1, shown, 1],
                "values": [name, FIRST, col, shown, col],
                "fill": {"color": colour},
                "gap": 45,
                "overlap": 0,
                "data_labels": {"value": True, "num_format": "#,##0", "font": {"size": 8}},
            }
        )
    _style(
        bars,
        book.t("To pay, all obligations included, and effective cost of the window, {code}", code=model.quote.currency),
    )
    bars.set_y_axis({"reverse": True, "num_font": {"size": 8}})
    bars.set_x_axis({"num_format": "#,##0", "num_font": {"size": 8}, "major_gridlines": GRID, "min": 0})
    bars.set_legend({"position": "bottom"})
    height = 90 + 34 * (shown - FIRST + 1)
    bars.set_size({"width": 1380, "height": height})
    said = book.t(
        "Bars: what each option obliges to pay, and its effective cost in the window; the table above has the numbers."
    )
    s.ws.insert_chart(last + 2, 0, bars, {"description": said})
    return last + 2 + height // 20 + 2


def _lines(book: Book, model: Model, s: Sheet, row: int, cash: Any, curve: Any) -> None:
    """Draw the option shown over time, and its break-even."""
    t, code = book.t, model.quote.currency
    small = {"num_font": {"size": 8}, "name_font": {"size": 8}}
    money = {"num_format": "#,##0", "num_font": {"size": 8}, "major_gridlines": GRID}
    _style(cash, t("Option shown: cash and amortised, so far, {code}", code=code))
    cash.set_x_axis({"name": t("month"), "interval_unit": 6, "interval_tick": 6, **small})
    cash.set_y_axis(money)
    _style(curve, t("Option shown: break-even, one instance and month, {code}", code=code))
    curve.set_x_axis({"name": t("hours a month"), "min": 0, "max": 744, "major_unit": 124, **small})
    curve.set_y_axis({**money, "min": 0})
    over = t("Lines: what the option shown has cost by each month, as cash and amortised; Timeline has the numbers.")
    even = t("Lines: a month's cost of the option shown and on demand by hours run; Commitment has the numbers.")
    for chart, col, offset, said in ((cash, 0, 0, over), (curve, 5, 40, even)):
        chart.set_legend({"position": "bottom"})
        chart.set_size({"width": 670, "height": 310})
        s.ws.insert_chart(row, col, chart, {"x_offset": offset, "description": said})
    s.seen(row + 17, 15)
