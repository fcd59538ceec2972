"""The sheet Commitment: break-even, what an idle month loses, what is owed after the window; and the curve of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from planner.quoting import whatif, worth
from planner.quoting.cost import monthly_cost
from planner.rendering.xlsx.book import Book, Sheet, cell, quoted
from planner.rendering.xlsx.costs import flat_month, ref, say_recommended, span
from planner.rendering.xlsx.inputs import Inputs
from planner.rendering.xlsx.model import Ladder, Model, Option, label
from planner.rendering.xlsx.prices import column, ladder_cost, steps_cost
from planner.rendering.xlsx.shown import Shown
from planner.text import text

__all__ = ["break_even_cell", "write_commitment"]

FIRST = 4
CURVE = [Decimal(62 * i) for i in range(13)]


def _monthly(o: Option) -> Decimal:
    """Return what one instance of a commitment costs a month, contracted."""
    assert o.offer.commitment is not None, o.offer.id
    return monthly_cost(o.offer.commitment)


def _owed_later(model: Model, o: Option) -> Decimal:
    """Return what is owed for compute beyond the window's cash."""
    compute = model.now(o).native("compute")
    return compute.committed - compute.billed


def break_even_cell(book: Book, model: Model, o: Option) -> tuple[str, object]:
    """Return where a commitment's break-even stands, and what it says."""
    row = FIRST + [x.number for x in model.options if x.committed].index(o.number)
    even, t = o.offer.break_even_hours, book.t
    said = t("no on-demand price") if o.even is None else t("never") if even is None else even
    return book.ref("commitment", cell(row, 5)), said


def write_commitment(book: Book, model: Model, refs: Inputs, shown: Shown) -> Any:
    """Write Commitment; return the chart of the break-even."""
    t = book.t
    s = book.sheet("commitment", [5, 46, 9, 15, 15, 15, 15, 15, 15, 15, 15, 15])
    s.title(
        t(
            "From how many hours a month a commitment is cheaper than on-demand, and what is lost when it stands idle. Native currency."
        )
    )
    say_recommended(book, model, s, 2)
    _head(s, book)
    row = FIRST
    for o in model.options:
        if o.committed:
            _row(book, model, refs, o, row)
            row += 1
    if row == FIRST:
        s.text(row, 1, t("No commitment among the options."))
        row += 1
    row = _ties(book, model, row + 1)
    chart = _curve(book, model, refs, shown, row + 1)
    s.freeze(4, 2)
    return chart


def _head(s: Sheet, book: Book) -> None:
    t = book.t
    titles = [
        t("no."),
        t("option"),
        t("currency"),
        t("commitment, one month, one instance"),
        t("on-demand, 744 h, one instance"),
        t("cheaper from, hours a month"),
        t("hours a month in the window"),
        t("on-demand at those hours"),
        t("saved a month (loss if negative), one"),
        t("lost in an idle month, one"),
        t("owed after the window, all"),
        t("one month in on-demand list prices"),
    ]
    s.head(3, titles, 54)


def _row(book: Book, model: Model, refs: Inputs, o: Option, row: int) -> None:
    s, month = book.sheets["commitment"], _monthly(o)
    at = {k: ref(book, k, o.number) for k in ("way", "monthly", "upfront", "term_hours", "hourly", "off")}
    used = model.quote.hours / model.quote.months
    s.calc(row, 0, ref(book, "no", o.number), o.number + 1, "int", "link")
    s.calc(row, 1, ref(book, "option", o.number), label(o, book.t), "", "link", indent=1)
    s.calc(row, 2, ref(book, "code", o.number), o.code, "", "link")
    s.calc(row, 3, f"{flat_month(book, at)}*(1-{at['off']})", month, "money")
    s.calc(row, 6, "hours_used/months_used", used, "hours")
    s.calc(row, 9, cell(row, 3), month, "money")
    owed = f"{ref(book, 'c_owed', o.number)}-{ref(book, 'c_bill', o.number)}"
    s.calc(row, 10, owed, _owed_later(model, o), "money")
    if o.even is None:
        s.text(row, 5, book.t("no on-demand price"))
        return
    special, common = refs.discount[o.offer.provider, "on_demand"], refs.discount[o.offer.provider, ""]
    _against(book, model, o, o.even, f'(1-IF({special}="",{common},{special}))', row)


def _against(book: Book, model: Model, o: Option, even: Ladder, keep: str, row: int) -> None:
    """Write the commitment against on-demand; keep: the formula of the share of on-demand's list price that is paid."""
    s, month = book.sheets["commitment"], _monthly(o)
    wide, price, done = (column(book, even, x) for x in (12, 9, 13))
    full = whatif.hours_of(even.line, Decimal(744)).effective
    s.calc(row, 4, f"SUMPRODUCT({wide}*{price})*{keep}", full, "money")
    share = whatif.hours_of(even.line, Decimal(744))
    s.calc(row, 11, f"{cell(row, 3)}/{keep}", month * share.list / share.effective if share.effective else 0, "money")
    over = f"({cell(row, 11)}-{done})/{price}"  # hours into each step, held between none and all of it
    inner = f"SUMPRODUCT(ABS({over})-ABS({over}-{wide})+{wide})/2"
    never = quoted(book.t("never"))
    formula = f"IF({cell(row, 4)}<{cell(row, 3)},{never},ROUNDUP(ROUND({inner},8),0))"
    s.calc(row, 5, formula, break_even_cell(book, model, o)[1], "int", "total", align="right")
    same = whatif.hours_of(even.line, model.quote.hours / model.quote.months).effective
    s.calc(row, 7, f"{ladder_cost(book, even, cell(row, 6))}*{keep}", same, "money")
    s.calc(row, 8, f"{cell(row, 7)}-{cell(row, 3)}", same - month, "money")


def _curve(book: Book, model: Model, refs: Inputs, shown: Shown, row: int) -> Any:
    s, t, at = book.sheets["commitment"], book.t, shown.at
    s.section(row, t("Break-even of the option shown: one instance, one month, report currency"), 11)
    s.calc(row + 1, 1, at["option"], shown.values["option"], "", "link")
    s.head(row + 2, ["", t("hours a month"), "", t("on-demand"), t("option shown"), t("now")], 18)
    first, rate = row + 3, model.rate(shown.option.code)
    last = first + len(CURVE) - 1
    off, kept = cell(row + 1, 4, "rc"), 1 - model.share(shown.option.offer.provider, "on_demand")
    s.text(row + 1, 3, t("on-demand discount"), align="right")
    _on_demand_share(book, model, refs, row + 1, 1 - kept)
    keep, kept_now = cell(row + 1, 8, "rc"), 1 - model.discount(shown.option)[0]
    s.text(row + 1, 7, t("report currency per list unit"), align="right")
    s.calc(row + 1, 8, f"(1-{at['off']})*{at['rate']}", kept_now * rate, "rate", align="left")
    usual, own = shown.option.usual, shown.option
    for line, hours in enumerate([*CURVE, model.quote.hours / model.quote.months], first):
        if line <= last:
            s.put(line, 1, hours, "int")
        else:
            s.text(line, 0, t("now"))
            s.calc(line, 1, "hours_used/months_used", hours, "num")
        x = cell(line, 1)
        value = whatif.hours_of(usual.line, hours).effective * rate if usual else 0
        mine = (_monthly(own) if own.committed else whatif.hours_of(own.own.line, hours).effective) * rate
        s.calc(line, 3, f"{steps_cost(book, at['even'], x)}*(1-{off})*{at['rate']}", value, "money")
        used = f"IF({at['term_months']}=0,{steps_cost(book, at['ladder'], x)},{flat_month(book, at)})"
        s.calc(line, 4, f"{used}*{keep}", mine, "money")
    s.calc(last + 1, 5, cell(last + 1, 4), mine, "money")
    return _chart(book, s, first, last)


def _chart(book: Book, s: Sheet, first: int, last: int) -> Any:
    chart, t, name = book.file.add_chart({"type": "scatter", "subtype": "straight"}), book.t, s.ws.name
    for col, words, colour in ((3, t("on-demand"), "#C55A11"), (4, t("option shown"), "#1F3864")):
        chart.add_series(
            {
                "name": words,
                "categories": [name, first, 1, last, 1],
                "values": [name, first, col, last, col],
                "line": {"color": colour, "width": 2},
                "marker": {"type": "none"},
            }
        )
    chart.add_series(
        {
            "name": t("now"),
            "categories": [name, last + 1, 1, last + 1, 1],
            "values": [name, last + 1, 5, last + 1, 5],
            "marker": {"type": "circle", "size": 9, "fill": {"color": "#C00000"}, "border": {"color": "#C00000"}},
            "line": {"none": True},
        }
    )
    return chart


def _on_demand_share(book: Book, model: Model, refs: Inputs, row: int, value: object) -> None:
    """Write the on-demand discount of the provider of the option shown, and before it that provider's row on Inputs."""
    s, providers = book.sheets["commitment"], sorted({o.offer.provider for o in model.options})
    special, common = (
        f"{refs.discount[providers[0], way]}:{refs.discount[providers[-1], way].rpartition('!')[2]}"
        for way in ("on_demand", "")
    )
    names = common.replace("$B$", "$A$")
    name = f"INDEX({span(book, model, 'provider')},option_shown)"
    number = cell(row, 11, "rc")
    s.text(row, 10, book.t("its provider on Inputs, no."), align="right")
    at = providers.index(model.shown.offer.provider) + 1
    s.calc(row, 11, f"MATCH({name},{names},0)", at, "int", "link", align="left")
    formula = f'IF(INDEX({special},{number})="",INDEX({common},{number}),INDEX({special},{number}))'
    s.calc(row, 4, formula, value, "pct", "link", align="left")


def _ties(book: Book, model: Model, row: int) -> int:
    """Write where two ways of paying for one commitment tie (planner.quoting.worth); return the next row."""
    s, t = book.sheets["commitment"], book.t
    by_id = {o.offer.id: o for o in model.options}
    found = worth.ties(model.quote, [o.offer for o in model.options])
    if not found:
        return row
    s.section(
        row, t("Where two ways of paying tie: below the rate paying early is worth less, above it paying late"), 12
    )
    titles = [t("no."), t("paid early"), t("currency"), t("no."), t("paid late: {what}", what=t("bought as"))]
    titles += [t("more at once"), t("less a month"), t("months of term"), t("less in all")]
    s.head(row + 1, [*titles, t("rate a year, nominal"), t("rate a year, effective"), ""], 40)
    row += 2
    for tie in found:
        early, late = by_id[tie.early.id], by_id[tie.late.id]
        s.calc(row, 0, ref(book, "no", early.number), early.number + 1, "int", "link")
        s.calc(row, 1, ref(book, "option", early.number), label(early, t), "", "link", indent=1)
        s.text(row, 2, early.code)
        s.calc(row, 3, ref(book, "no", late.number), late.number + 1, "int", "link")
        s.text(row, 4, t.say(text(late.offer.payment.replace("_", " "))))
        keep = f"{ref(book, 'count', early.number)}*(1-{ref(book, 'off', early.number)})"
        up = [ref(book, "upfront", o.number) for o in (early, late)]
        hourly = [ref(book, "hourly", o.number) for o in (late, early)]
        at = {key: ref(book, key, early.number) for key in ("term_hours", "term_months")}
        saved = (tie.saved + tie.upfront) / tie.months
        s.calc(row, 5, f"({up[0]}-{up[1]})*{keep}", tie.upfront, "money")
        s.calc(row, 6, f"({hourly[0]}-{hourly[1]})*{at['term_hours']}/{at['term_months']}*{keep}", saved, "money")
        s.calc(row, 7, at["term_months"], tie.months, "int", "link")
        more, less, months, nominal = (cell(row, col) for col in (5, 6, 7, 9))
        s.calc(row, 8, f"{less}*{months}-{more}", tie.saved, "money")
        never = quoted(t("never"))
        s.calc(
            row,
            9,
            f"IF({cell(row, 8)}<=0,{never},12*RATE({months},-{less},{more},0,0,0.01))",
            tie.nominal,
            "pct3",
            "total",
        )
        s.calc(row, 10, f"IF({cell(row, 8)}<=0,{never},(1+{nominal}/12)^12-1)", tie.effective, "pct3")
        row += 1
    return row + 1
