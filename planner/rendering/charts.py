"""The main charts as PNG and SVG for slides, drawn by matplotlib (the extra `charts`), which nothing else imports."""

import os
from decimal import Decimal
from typing import Any

from planner.errors import MisuseError, PlannerError
from planner.i18n import English, translator
from planner.money import plain, show
from planner.quoting.choose import advise, worth_showing
from planner.quoting.cost import monthly_cost
from planner.quoting.records import Offer, Quote
from planner.rendering import advice, words
from planner.rendering.formats import ours
from planner.text import text
from planner.writing import write_new

__all__ = ["BLUE", "GREY", "INK", "ORANGE", "frame", "picture", "pyplot_of", "write"]

FONTS = ["Noto Sans CJK SC", "Noto Sans CJK JP", "PingFang SC", "Microsoft YaHei", "WenQuanYi Micro Hei", "DejaVu Sans"]
BLUE, ORANGE, GREY, INK = "#0b5cad", "#c2570c", "#5d6b7a", "#17202c"


def write(quote: Quote, folder: str, top: int = 1, lang: str = "en", *, force: bool = False) -> list[str]:
    """Write cost.png, months.png, break-even.png and the same as SVG; return their paths.

    months and break-even show the commitment of the recommendation; without any commitment they are left out. A file of
    such a name that planner did not write raises `MisuseError` unless `force`.
    """
    if not os.path.isdir(folder):
        raise MisuseError(f"--charts: the folder {folder} does not exist; create it first")
    plt = pyplot_of()
    t = translator(lang)
    shown = worth_showing(quote, top)
    made = []
    if shown:
        made.append(("cost", _bars(plt, quote, shown, t)))
    chosen = _commitment(quote, shown)
    if chosen is not None:
        made.append(("months", _months(plt, quote, chosen, t)))
        if chosen.on_demand_hourly is not None:
            made.append(("break-even", _even(plt, quote, chosen, t)))
    paths = []
    for name, figure in made:
        for kind in ("png", "svg"):
            path = os.path.join(folder, f"{name}.{kind}")
            write_new(path, picture(figure, kind), force=force, mine=ours)
            paths.append(path)
        plt.close(figure)
    return paths


def pyplot_of(option: str = "--charts") -> Any:
    """Return matplotlib's pyplot, set up for our pictures; `PlannerError` naming `option` where it is not installed."""
    try:
        import matplotlib
    except ImportError:
        raise PlannerError(f"{option} needs matplotlib: pip install 'gpu-cost-planner[charts]'") from None
    import logging

    matplotlib.use("Agg")
    from matplotlib import font_manager, pyplot

    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    known = {f.name for f in font_manager.fontManager.ttflist}
    matplotlib.rcParams.update(
        {
            "font.family": [f for f in FONTS if f in known] or ["sans-serif"],
            "font.size": 13,
            "svg.hashsalt": "planner",
            "svg.fonttype": "path",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": "#b9c1cc",
            "text.color": INK,
            "axes.labelcolor": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "text.parse_math": False,
            "axes.unicode_minus": False,
        }
    )
    return pyplot


def picture(figure: Any, kind: str) -> bytes:
    """Return a figure as PNG or SVG, the same each time."""
    from io import BytesIO

    out = BytesIO()
    # The mark by which `planner.rendering.formats.ours` knows the file again.
    stamp = {"Software": "planner"} if kind == "png" else {"Title": "planner", "Date": None, "Creator": None}
    figure.savefig(out, format=kind, dpi=160, metadata=stamp)
    return out.getvalue()


def frame(plt: Any, title: str, foot: str, height: float = 6.75) -> tuple[Any, Any]:
    """Return a figure and its axes, titled."""
    figure, axes = plt.subplots(figsize=(12, height), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=18, fontweight="bold")
    figure.supxlabel(foot, x=0.01, ha="left", fontsize=10.5, color=GREY)
    axes.set_axisbelow(True)
    return figure, axes


def _foot(quote: Quote, t: English) -> str:
    rates = "".join(f"; 1 {f.base} = {plain(f.rate)} {f.quote} ({f.as_of or t.say(text(f.source))})" for f in quote.fx)
    return words.workload(quote, t) + "\n" + t("Quote {hash} of {date}", hash=quote.hash, date=quote.quoted_on) + rates


def _bars(plt: Any, quote: Quote, shown: list[Offer], t: English) -> Any:
    title = t("Effective cost for {hours} hours, {code}", hours=plain(quote.hours), code=quote.currency)
    figure, axes = frame(
        plt, title, t("grey: spot or not fully priced") + "\n" + _foot(quote, t), max(4.5, 0.46 * len(shown) + 2)
    )
    rows = sorted(shown, key=lambda o: -o.totals.report.effective)
    values = [float(o.totals.report.effective) for o in rows]
    colours = [GREY if o.market or o.unpriced else BLUE for o in rows]
    bars = axes.barh([advice.name(quote, o, t) for o in rows], values, color=colours, height=0.62)
    axes.bar_label(bars, [show(o.totals.report.effective) for o in rows], padding=6)
    axes.set_xlim(0, max(values) * 1.2 or 1)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


def _commitment(quote: Quote, shown: list[Offer]) -> Offer | None:
    """Return the commitment that the advice names, else the first one shown."""
    said = advise(quote)
    for offer in (said.lasting, said.best, *shown):
        if offer is not None and offer.commitment is not None:
            return offer
    return None


def _rate(offer: Offer) -> Decimal:
    native = offer.totals.native.effective
    return offer.totals.report.effective / native if native else Decimal(1)


def _monthly(offer: Offer) -> Decimal:
    """Return the commitment's cost of a month over all instances, report currency, compute only."""
    c = offer.commitment
    assert c is not None
    return monthly_cost(c) * offer.count * _rate(offer)


def _months(plt: Any, quote: Quote, offer: Offer, t: English) -> Any:
    c = offer.commitment
    assert c is not None
    title = t("Cash and amortised cost by month") + f", {quote.currency}"
    figure, axes = frame(plt, title, advice.name(quote, offer, t) + t(", compute only") + "\n" + _foot(quote, t))
    length = max(quote.months, c.term_months)
    month = _monthly(offer)
    prepaid = offer.purchase_option == "subscription"
    once = month * c.term_months if prepaid else c.upfront * offer.count * _rate(offer)
    each = Decimal(0) if prepaid else c.hourly * c.term_hours / c.term_months * offer.count * _rate(offer)
    x = list(range(length + 1))
    cash = [float(once * -(-m // c.term_months) + each * m) for m in x]
    axes.step(x, cash, where="pre", color=BLUE, linewidth=2.5, label=t("cash"))
    axes.plot(x, [float(month * m) for m in x], color=ORANGE, linewidth=2.5, linestyle="--", label=t("amortised"))
    if offer.on_demand_hourly is not None:
        use = offer.on_demand_hourly * offer.count * _rate(offer) * quote.hours / quote.months
        label = t("on-demand, same type") + t(" ({hours} h a month)", hours=plain(round(quote.hours / quote.months, 1)))
        axes.plot(x, [float(use * m) for m in x], color=GREY, linewidth=2, linestyle=":", label=label)
    _axes(axes, t("month"))
    return figure


def _even(plt: Any, quote: Quote, offer: Offer, t: English) -> Any:
    title = t("Break-even by hours a month") + f", {quote.currency}"
    figure, axes = frame(plt, title, advice.name(quote, offer, t) + t(", compute only") + "\n" + _foot(quote, t))
    assert offer.on_demand_hourly is not None
    hourly, flat = float(offer.on_demand_hourly * offer.count * _rate(offer)), float(_monthly(offer))
    axes.plot([0, 744], [0, hourly * 744], color=BLUE, linewidth=2.5, label=t("on-demand, same type"))
    axes.plot([0, 744], [flat, flat], color=ORANGE, linewidth=2.5, linestyle="--", label=t("commitment"))
    mine = float(quote.hours / quote.months)
    axes.plot([mine, mine], [mine * hourly, flat], "D", color=INK, markersize=9, label=t("your hours"))
    if offer.break_even_hours is not None:
        axes.axvline(offer.break_even_hours, color=GREY, linestyle=":")
        axes.annotate(
            t("even at {hours} h", hours=offer.break_even_hours),
            (offer.break_even_hours, 0),
            (6, 10),
            textcoords="offset points",
        )
    axes.set_xlim(0, 760)
    _axes(axes, t("hours a month"))
    return figure


def _axes(axes: Any, label: str) -> None:
    from matplotlib.ticker import FuncFormatter

    axes.set_ylim(bottom=0)
    axes.set_xlabel(label)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}"))
    axes.grid(axis="y", color="#d5dbe3")
    axes.legend(frameon=False, loc="upper left")
