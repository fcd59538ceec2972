"""The sheet Scenarios: every option under low, base and high."""

from __future__ import annotations

from decimal import Decimal

from planner.quoting import whatif
from planner.rendering.xlsx.book import Book, cell
from planner.rendering.xlsx.costs import ref
from planner.rendering.xlsx.egress import PART
from planner.rendering.xlsx.inputs import FACTORS, SCENARIOS, Inputs, billing_months, part_month, whole_months
from planner.rendering.xlsx.model import Model, Option, label
from planner.rendering.xlsx.prices import ladder_cost

__all__ = ["write_scenarios"]

FIRST = PART + 3


def write_scenarios(book: Book, model: Model, refs: Inputs) -> None:
    """Write Scenarios."""
    t = book.t
    s = book.sheet("scenarios", [5, 46, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14])
    s.title(
        t(
            "Every option under the three scenarios of Inputs, effective, in the report currency; the selector there drives all other sheets."
        )
    )
    hours = model.quote.hours
    lines = ((t("hours"), "hours"), (t("traffic"), "pct"), (t("exchange rates"), "pct"))
    for what, (words, number) in enumerate(lines):
        s.text(3 + what, 1, words)
        for n, factor in enumerate(FACTORS[what]):
            formula = f"hours_typed*{refs.scenario[what][n]}" if what == 0 else refs.scenario[what][n]
            s.calc(3 + what, 2 + 3 * n, formula, factor * (hours if what == 0 else 1), number, "link")
    s.text(6, 1, t("billing months"))
    for n, factor in enumerate(FACTORS[0]):
        s.calc(6, 2 + 3 * n, billing_months(cell(3, 2 + 3 * n, "rc")), model.months(hours * factor), "int")
        whole, part = model.traffic(hours * factor)
        prorated, at = model.work.window.prorated, [cell(line, 2 + 3 * n, "rc") for line in (3, 6, PART - 1)]
        s.calc(PART - 1, 2 + 3 * n, whole_months(prorated, at[0], at[1]), whole, "int")
        s.calc(PART, 2 + 3 * n, part_month(prorated, at[0], at[2]), part, "num")
    for line, words in ((PART - 1, t("Whole months of traffic")), (PART, t("Share of one more month that is used"))):
        s.text(line, 1, words)
    titles = [t("no."), t("option")]
    for name in (t(x) for x in SCENARIOS):
        titles += [f"{name}: {t('compute')}", f"{name}: {t('beside compute')}", f"{name}: {t('effective')}"]
    s.head(FIRST - 1, [*titles, t("high - low")], 40)
    for o in model.options:
        row = FIRST + o.number
        s.calc(row, 0, ref(book, "no", o.number), o.number + 1, "int", "link")
        s.calc(row, 1, ref(book, "option", o.number), label(o, t), "", "link", indent=1)
        low, _, high = (_scenario(book, model, refs, o, n) for n in range(3))
        s.calc(row, 11, f"{cell(row, 10)}-{cell(row, 4)}", high - low, "money")
    s.freeze(FIRST, 2)


def _scenario(book: Book, model: Model, refs: Inputs, o: Option, n: int) -> Decimal:
    """Write an option under one scenario; return its effective cost."""
    s, row, col = book.sheets["scenarios"], FIRST + o.number, 2 + 3 * n
    at = {
        k: ref(book, k, o.number)
        for k in ("count", "upfront", "term_hours", "hourly", "monthly", "off", "net", "t_cost")
    }
    hours, months, fx = cell(3, col, "rc"), cell(6, col, "rc"), cell(5, col, "rc")
    rate = ref(book, "rate", o.number)
    if o.code != model.quote.currency:
        rate += f"/{refs.fx_now}*{fx}"
    traffic, scale = FACTORS[1][n], FACTORS[2][n]
    then = whatif.again(model.quote, o.offer, hours=model.quote.hours * FACTORS[0][n], traffic=traffic, fx=scale)
    usage = "0" if o.committed else ladder_cost(book, o.own, hours)
    per = f"{usage}+{hours}*({at['upfront']}/MAX(1,{at['term_hours']})+{at['hourly']})+{months}*{at['monthly']}"
    compute = f"{at['count']}*({per})*{at['net']}*(1-{at['off']})*({rate})"
    s.calc(row, col, compute, then.report("compute").effective, "money")
    whole, (lanes, rest) = cell(PART - 1, col, "rc"), (_lanes(book, o, first + n) for first in (9, 13))
    held = {"hour": hours, "month": months, "rate": f"{hours}/730", "": "0"}[o.disk_basis]
    disk = f"storage_used*{at['count']}*{held}*{book.ref('prices', cell(o.disk.row, 9, 'rc'))}" if o.disk else "0"
    ip = f"{hours}*ips_used*{book.ref('prices', cell(o.ip.row, 9, 'rc'))}" if o.ip else "0"
    beside = f"({whole}*({lanes})+{rest}+{disk}+{ip})*{at['net']}*(1-{ref(book, 'beside_off', o.number)})*({rate})"
    s.calc(row, col + 1, beside, then.report(*whatif.BESIDE).effective, "money")
    effective = then.report().effective
    s.calc(row, col + 2, f"({cell(row, col)}+{cell(row, col + 1)})*{at['t_cost']}", effective, "money", "total")
    return effective


def _lanes(book: Book, o: Option, col: int) -> str:
    """Return the formula of what an option's traffic costs, in a column of Egress."""
    return "+".join(book.ref("egress", cell(x.lane, col, "rc")) for x in o.lanes) or "0"
