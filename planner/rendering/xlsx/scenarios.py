"""The sheet Scenarios: every option under low, base and high: effective, to pay, present value, and what is then recommended."""

from __future__ import annotations

from planner.quoting import worth
from planner.rendering.xlsx.book import Book, Sheet, cell, quoted
from planner.rendering.xlsx.costs import ref, span
from planner.rendering.xlsx.egress import PART
from planner.rendering.xlsx.inputs import FACTORS, SCENARIOS, Inputs, months_needed, months_of_traffic
from planner.rendering.xlsx.model import Model, Option, label
from planner.rendering.xlsx.steps import SCENARIO, Steps, sold

__all__ = ["write_scenarios"]

FIRST, BEST = SCENARIO, PART + 1


def write_scenarios(book: Book, model: Model, refs: Inputs, steps: Steps) -> None:
    """Write Scenarios."""
    t, s = book.t, book.sheets["scenarios"]
    s.title(
        t(
            "Every option under the three scenarios of Inputs, in the report currency; the selector there drives all other sheets. Marked: what a quote at those inputs recommends."
        )
    )
    _inputs(book, model, refs)
    s.text(BEST, 1, t("recommended"), "bold")
    for n in range(3):
        _best(book, model, steps, s, n)
    titles = [t("no."), t("option")]
    for name in (t(x) for x in SCENARIOS):
        titles += [f"{name}: {t('effective')}", f"{name}: {t('to pay')}", f"{name}: {t('present value')}"]
    s.head(FIRST - 1, [*titles, t("to pay, high - low")], 40)
    for o in model.options:
        row = FIRST + o.number
        s.calc(row, 0, ref(book, "no", o.number), o.number + 1, "int", "link")
        s.calc(row, 1, ref(book, "option", o.number), label(o, t), "", "link", indent=1)
        owed = [_scenario(book, model, refs, steps, o, n) for n in range(3)]
        low, high = cell(row, 3), cell(row, 9)
        swing = "" if owed[0] == "" or owed[2] == "" else owed[2] - owed[0]  # type: ignore[operator]
        s.calc(row, 11, f'IF(OR({low}="",{high}=""),"",{high}-{low})', swing, "money")
    last = FIRST + len(model.options) - 1
    taken = book.file.add_format({"bold": True, "bg_color": "#DDF3DF"})
    for n in range(3):
        criteria = f"=$A{FIRST + 1}={cell(BEST, 2 + 3 * n, 'rc')}"
        s.ws.conditional_format(
            FIRST, 2 + 3 * n, last, 4 + 3 * n, {"type": "formula", "criteria": criteria, "format": taken}
        )
    s.freeze(FIRST, 2)


def _inputs(book: Book, model: Model, refs: Inputs) -> None:
    """Write what the scenarios ask: hours, factors, and the months that follow."""
    s, t, hours = book.sheets["scenarios"], book.t, model.quote.hours
    lines = ((t("hours"), "hours"), (t("traffic"), "pct"), (t("exchange rates"), "pct"))
    for what, (words, number) in enumerate(lines):
        s.text(3 + what, 1, words)
        for n, factor in enumerate(FACTORS[what]):
            formula = f"hours_typed*{refs.scenario[what][n]}" if what == 0 else refs.scenario[what][n]
            s.calc(3 + what, 2 + 3 * n, formula, factor * (hours if what == 0 else 1), number, "link")
    s.text(6, 1, t("billing months"))
    for n, factor in enumerate(FACTORS[0]):
        s.calc(6, 2 + 3 * n, months_needed(model, cell(3, 2 + 3 * n, "rc")), model.months(hours * factor), "int")
        whole, part = model.traffic(hours * factor)
        full, more = months_of_traffic(model, *(cell(line, 2 + 3 * n, "rc") for line in (3, 6, PART - 1)))
        s.calc(PART - 1, 2 + 3 * n, full, whole, "int")
        s.calc(PART, 2 + 3 * n, more, part, "num")
    for line, words in ((PART - 1, t("Whole months of traffic")), (PART, t("Share of one more month that is used"))):
        s.text(line, 1, words)


def _best(book: Book, model: Model, steps: Steps, s: Sheet, n: int) -> None:
    """Write the number and the name of what is recommended under a scenario."""
    t, area, col = book.t, steps.ranks(book, model, n), 2 + 3 * n
    best = steps.elsewhere[n].best
    found = next((o for o in model.options if best is not None and o.offer.id == best.id), None)
    number = cell(BEST, col)
    s.calc(
        BEST,
        col,
        f'IF(COUNT({area})=0,"",MATCH(MIN({area}),{area},0))',
        found.number + 1 if found else "",
        "int",
        "total",
        align="left",
    )
    none = quoted(t("No option is recommended."))
    name = f'IF({number}="",{none},INDEX({span(book, model, "option")},MAX(1,{number})))'
    said = label(found, t) if found else t("No option is recommended.")
    s.ws.merge_range(BEST + 1, col, BEST + 1, col + 2, "", book.fmt("wrap", bold=True))
    s.calc(BEST + 1, col, name, said, "", "wrap", bold=True)
    s.ws.set_row(BEST + 1, 26)


def _scenario(book: Book, model: Model, refs: Inputs, steps: Steps, o: Option, n: int) -> object:
    """Write an option under one scenario; return what is then to pay, "" where it is not sold."""
    s, row, col = book.sheets["scenarios"], FIRST + o.number, 2 + 3 * n
    at = {k: ref(book, k, o.number) for k in ("upfront", "term_hours", "term_months", "hourly", "monthly")}
    c = {
        key: steps.at(book, o, key, n)
        for key in ("term", "terms", "keep", "rest", "usage", "beside", "late", "early", "later", "fee")
    }
    hours, months = model.lasting_for(cell(3, col, "rc")), cell(6, col, "rc")
    spread = f"{at['upfront']}/MAX(1,{at['term_hours']})"
    used = f"{c['usage']}+{hours}*({spread}+{at['hourly']})+{months}*{at['monthly']}"
    owed = f"{c['usage']}+{c['terms']}*({c['term']}*({spread}+{at['hourly']})+{at['term_months']}*{at['monthly']})"
    found, quote = steps.found(o, n), steps.elsewhere[n]
    values: tuple[object, object, object] = ("", "", "")
    if found is not None:
        present = worth.present_value(quote, found, model.work.discount_rate or worth.ZERO)
        values = (found.totals.report.effective, found.totals.report.obligation, present)
    fee = (f"+{c['fee']}", f"+{c['fee']}*{steps.scalar(book, 'closing', n)}") if refs.contracts else ("", "")
    formulas = (
        f"{c['keep']}*({used})+{c['rest']}*{c['beside']}{fee[0]}",
        f"{c['keep']}*({owed})+{c['rest']}*{c['beside']}{fee[0]}",
        f"{c['keep']}*({c['late']}+{c['early']})+{c['rest']}*{c['later']}{fee[1]}",
    )
    always = sold(o, hours) == "TRUE"
    for number, (formula, value) in enumerate(zip(formulas, values, strict=True)):
        whole = formula if always else f'IF({sold(o, hours)},{formula},"")'
        s.calc(row, col + number, whole, value, "money", bold=number == 1)
    return values[1]
