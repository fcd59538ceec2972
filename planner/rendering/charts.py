"""The main charts as PNG and SVG for slides."""

from decimal import Decimal
from typing import Any

from planner.errors import MisuseError
from planner.i18n import English, translator
from planner.money import plain, show
from planner.quoting.choose import advise, worth_showing
from planner.quoting.cost import monthly_cost
from planner.quoting.records import Offer, Quote
from planner.rendering import advice
from planner.rendering.canvas import BLUE, GREY, INK, ORANGE, foot, frame, kept, pyplot_of, single
from planner.rendering.curves import hours

__all__ = ["write"]


def write(quote: Quote, where: str, top: int = 1, lang: str = "en", *, force: bool = False) -> list[str]:
    """Write the charts cost, hours, months and break-even, each as PNG and SVG, into the folder `where`; return their paths.

    A file's name that ends in .png or .svg gets the chart of the hours alone. months and break-even show the commitment of the recommendation;
    without any commitment they are left out. A file of such a name that planner did not write raises `MisuseError` unless `force`.
    """
    alone = single(where)
    plt = pyplot_of()
    t = translator(lang)
    over = hours(plt, quote, t)
    if alone:
        if over is None:
            raise MisuseError(
                f"--charts {where}: nothing firm and fully priced serves this workload, so there is no machine to draw"
            )
        return kept(plt, [("hours", over)], where, force=force)
    shown = worth_showing(quote, top)
    made = []
    if shown:
        made.append(("cost", _bars(plt, quote, shown, t)))
    if over is not None:
        made.append(("hours", over))
    chosen = _commitment(quote, shown)
    if chosen is not None:
        made.append(("months", _months(plt, quote, chosen, t)))
        if chosen.on_demand_hourly is not None:
            made.append(("break-even", _even(plt, quote, chosen, t)))
    return kept(plt, made, where, force=force)


def _bars(plt: Any, quote: Quote, shown: list[Offer], t: English) -> Any:
    title = t("Effective cost for {hours} hours, {code}", hours=plain(quote.hours), code=quote.currency)
    figure, axes = frame(
        plt, title, t("grey: spot or not fully priced") + "\n" + foot(quote, t), max(4.5, 0.46 * len(shown) + 2)
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
    figure, axes = frame(plt, title, advice.name(quote, offer, t) + t(", compute only") + "\n" + foot(quote, t))
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
    figure, axes = frame(plt, title, advice.name(quote, offer, t) + t(", compute only") + "\n" + foot(quote, t))
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
