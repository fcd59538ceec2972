"""The sheet Checks: figures that must be equal, and whether they are."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from planner.rendering.xlsx.book import Book, Sheet, cell
from planner.rendering.xlsx.costs import COL, FIRST, ref, span
from planner.rendering.xlsx.egress import Egress
from planner.rendering.xlsx.focus import FocusTotals
from planner.rendering.xlsx.model import Model, Option
from planner.rendering.xlsx.prices import Prices
from planner.rendering.xlsx.sensitivity import Centre
from planner.rendering.xlsx.timeline import Timeline

__all__ = ["Checked", "Written", "write_checks"]

TOP = 4


class Written(NamedTuple):
    """What the sheets that are checked say of themselves; focus_of: the option on FOCUS."""

    prices: Prices
    egress: Egress
    timeline: Timeline
    centre: Centre
    focus: FocusTotals
    focus_of: Option


class Checked(NamedTuple):
    """The cell that is 1 when all checks hold, the formula of the first that fails, and its words now ("" = none)."""

    passed: str
    failing: str
    failed: str


class _Check(NamedTuple):
    """Two figures that must be equal: formulas, and their values now."""

    words: str
    figure: str
    value: float
    target: str
    wanted: float

    @property
    def tolerance(self) -> float:
        return 0.005 + abs(self.wanted) * 1e-9

    @property
    def holds(self) -> bool:
        return abs(self.value - self.wanted) <= self.tolerance


def _same(words: str, figure: str, value: object, target: str, wanted: object = None) -> _Check:
    """Return a check of `value` against `wanted` (left out: the same)."""
    found = float(str(value))
    return _Check(words, figure, found, target, found if wanted is None else float(str(wanted)))


def _none(words: str, figure: str, value: float = 0.0) -> _Check:
    """Return a check that a figure is 0."""
    return _Check(words, figure, value, "0", 0.0)


def write_checks(book: Book, model: Model, written: Written) -> Checked:
    """Write Checks."""
    t = book.t
    s = book.sheet("checks", [70, 18, 18, 14, 10])
    s.title(t("Each check compares two figures; 1 holds, 0 fails. Cover shows the worst."))
    s.head(3, [t("check"), t("figure"), t("must be"), t("tolerance"), t("holds")], 18)
    checks = [
        *_costs(book, model),
        *_timeline(book, model, written.timeline),
        *_prices(book, model, written.prices),
        *_egress(book, written.egress),
        *_sensitivity(book, model, written.centre),
        *_focus(book, written),
    ]
    for row, check in enumerate(checks, TOP):
        s.text(row, 0, check.words)
        s.calc(row, 1, check.figure, check.value, "money")
        s.calc(row, 2, check.target, check.wanted, "money")
        s.calc(row, 3, f"0.005+ABS({cell(row, 2)})*0.000000001", check.tolerance, "rate")
        formula = f"IF(ABS({cell(row, 1)}-{cell(row, 2)})<={cell(row, 3)},1,0)"
        s.calc(row, 4, formula, int(check.holds), "flag", "check")
    last = TOP + len(checks) - 1
    failed = next((check.words for check in checks if not check.holds), "")
    s.text(last + 2, 0, t("All checks"), "bold")
    s.calc(last + 2, 4, f"MIN({cell(TOP, 4)}:{cell(last, 4)})", int(not failed), "flag", "check", top=1)
    _colours(book, s, last + 2)
    s.freeze(4, 1)
    words, holds = (book.ref("checks", f"{cell(TOP, c, 'rc')}:{cell(last, c, 'rc')}") for c in (0, 4))
    return Checked(
        passed=book.ref("checks", cell(last + 2, 4, "rc")),
        failing=f"INDEX({words},MATCH(0,{holds},0))",
        failed=failed,
    )


def _colours(book: Book, s: Sheet, last: int) -> None:
    red = book.file.add_format({"font_color": "#C00000", "bg_color": "#FDE0E0"})
    green = book.file.add_format({"font_color": "#006100", "bg_color": "#DDF3DF"})
    for wanted, colour in ((0, red), (1, green)):
        criteria = f"=AND(ISNUMBER(E5),E5={wanted})"
        s.ws.conditional_format(TOP, 4, last, 4, {"type": "formula", "criteria": criteria, "format": colour})


def _costs(book: Book, model: Model) -> list[_Check]:
    t = book.t
    rate, compute, beside, fee, tax, effective = (
        span(book, model, key) for key in ("rate", "c_eff", "beside_eff", "fee", "tax", "r_eff")
    )
    value = sum((o.offer.totals.report.effective for o in model.options), Decimal(0))
    last = FIRST + len(model.options) - 1
    area = book.ref("costs", f"{cell(FIRST, COL['count'], 'rc')}:{cell(last, COL['rank'], 'rc')}")
    whole = any(o.offer.firm for o in model.options)
    return [
        _same(
            t("parts add up: compute, rest and tax of all options = effective"),
            f"SUMPRODUCT({rate}*({compute}+{beside}+{fee}+{tax}))",
            value,
            f"SUM({effective})",
        ),
        _none(t("nothing is negative"), f'COUNTIF({area},"<0")'),
        _none(
            t("a firm option is priced completely"),
            f"IF(COUNT({span(book, model, 'rank')})>0,0,1)",
            float(not whole),
        ),
    ]


def _timeline(book: Book, model: Model, timeline: Timeline) -> list[_Check]:
    t, shown = book.t, timeline.shown
    report, sums, first = shown.option.offer.totals.report, timeline.sums, shown.at["first"]
    end = f"EDATE({first},months_used)" if model.span else f"{first}+hours_used/24"

    def now(key: str) -> str:
        return f"INDEX({span(book, model, key)},option_shown)"

    def total(key: str) -> str:
        return timeline.total(book, key)

    return [
        _same(
            t("option shown: cash in the window = billed"),
            total("win_cash"),
            sums["win_cash"],
            now("r_bill"),
            report.billed,
        ),
        _same(
            t("option shown: amortised in the window = effective"),
            total("win_amortised"),
            sums["win_amortised"],
            now("r_eff"),
            report.effective,
        ),
        _same(
            t("option shown: cash over the term = amortised over the term"),
            f"{total('cash')}*{shown.at['t_cost']}/{shown.at['t_cash']}",
            sums["cash"] * Decimal(str(shown.values["t_cost"])) / Decimal(str(shown.values["t_cash"])),
            total("amortised"),
            sums["amortised"],
        ),
        _none(
            t("option shown: nothing prepaid is left after the term"),
            timeline.end(book, "closing"),
            float(timeline.left_over),
        ),
        _none(
            t("timeline holds all months"),
            f"MAX(0,MAX({end},{shown.at['ends']})-EDATE({shown.at['first']},{timeline.columns}))",
            float(max(0, timeline.months - timeline.columns)),
        ),
    ]


def _prices(book: Book, model: Model, prices: Prices) -> list[_Check]:
    t, spot = book.t, book.t("spot")
    amounts, ways, dates, ages = (prices.column(book, col) for col in (9, 5, 16, 17))
    firm = f'(LEFT({ways},{len(spot)})<>"{spot}")'
    old, undated = _ages(model)
    return [
        _none(t("prices by hand are at least 0"), f'COUNTIF({amounts},"<0")'),
        _none(
            t("no price is older than the limit (spot apart)"),
            f"SUMPRODUCT({firm}*ISNUMBER({ages})*({dates}<review_used-maxage_used))",
            float(old),
        ),
        _none(t("no price is undated (spot apart)"), f"SUMPRODUCT({firm}*NOT(ISNUMBER({ages})))", float(undated)),
    ]


def _ages(model: Model) -> tuple[int, int]:
    """Return how many prices are too old, and how many bear no date."""
    today, old, undated = date.fromisoformat(model.quote.quoted_on), 0, 0
    for ladder in model.ladders:
        if ladder.way.startswith("spot"):
            continue
        for rate in (*([ladder.free] if ladder.free else []), *ladder.rates):
            if not rate.source.seen:
                undated += 1
            elif (today - date.fromisoformat(rate.source.seen)).days > model.work.max_age:
                old += 1
    return old, undated


def _egress(book: Book, egress: Egress) -> list[_Check]:
    if egress.tiers[1] < egress.tiers[0]:
        return []
    tiers, lanes = (
        book.ref("egress", f"{cell(first, col, 'rc')}:{cell(last, col, 'rc')}")
        for (first, last), col in ((egress.tiers, 8), (egress.lanes, 7))
    )
    words = book.t("traffic: tiers add up to the lanes")
    return [_same(words, f"SUM({tiers})", egress.sums, f"SUM({lanes})")]


def _sensitivity(book: Book, model: Model, centre: Centre) -> list[_Check]:
    words = book.t("sensitivity: its centre = effective of the option shown")
    now = f"INDEX({span(book, model, 'r_eff')},option_shown)"
    return [_same(words, centre.at, centre.value, now, model.shown.offer.totals.report.effective)]


def _focus(book: Book, written: Written) -> list[_Check]:
    t, focus, o = book.t, written.focus, written.focus_of
    native = o.offer.totals.native
    return [
        _same(
            t("FOCUS: billed in the window = Costs"),
            focus.window_billed.at,
            focus.window_billed.value,
            ref(book, "n_bill", o.number),
            native.billed,
        ),
        _same(
            t("FOCUS: effective in the window = Costs"),
            focus.window_effective.at,
            focus.window_effective.value,
            ref(book, "n_eff", o.number),
            native.effective,
        ),
        _same(
            t("FOCUS: effective over the term = billed over the term"),
            focus.effective.at,
            focus.effective.value,
            focus.billed.at,
            focus.billed.value,
        ),
    ]
