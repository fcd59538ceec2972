"""Two curves as pictures, by matplotlib (the extra `charts`): cost over hours by way of buying, and throughput against latency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from planner.i18n import English
from planner.rendering.canvas import GREY, INK, foot, frame
from planner.rendering.words import seller, way

if TYPE_CHECKING:
    from planner.quoting.records import Quote
    from planner.sizing import Range, Sizing

__all__ = ["HUES", "hours", "latency"]

#: Okabe and Ito's colours, told apart with any colour vision; each with a dash of its own, for print without colour.
HUES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 3)))


def hours(plt: Any, quote: Quote, t: English) -> Any | None:
    """Return the figure of what the ways of buying the recommended machine oblige to pay over the window's hours; None where nothing is recommended."""
    from planner.quoting.overtime import curves

    found, best = curves(quote), quote.best
    if best is None:
        return None
    title = t("To pay by hours of the window, {code}", code=quote.currency)
    named = f"{best.count} x {best.instance_type}, {seller(quote, best, t)} {best.region}"
    figure, axes = frame(plt, title, named + "\n" + foot(quote, t))
    for number, curve in enumerate(found):
        label = way(curve.offer, t)
        if curve.even is not None:
            label += t(" (even with on-demand at {hours} h)", hours=f"{curve.even:,}")
        x, y = [float(h) for h, _ in curve.points], [float(a) for _, a in curve.points]
        steps = "default" if curve.offer.commitment is None else "steps-pre"
        colour, dash = HUES[number], _DASHES[number]
        axes.plot(x, y, color=colour, linestyle=dash, linewidth=2.5, label=label, drawstyle=steps)
        if curve.even is not None:
            paid = dict(curve.points)[next(h for h, _ in curve.points if h == curve.even)]
            axes.plot([curve.even], [float(paid)], "D", color=colour, markersize=8, markeredgecolor="white")
    label = t("your {hours} hours", hours=f"{quote.hours.normalize():,f}")
    axes.axvline(float(quote.hours), color=GREY, linestyle=":", linewidth=1.8, label=label)
    axes.set_xlim(0, float(found[0].points[-1][0]))
    axes.set_ylim(0, _top(found))
    _numbers(axes.xaxis)
    _numbers(axes.yaxis)
    axes.set_xlabel(t("hours of the window, from its first day"))
    axes.grid(axis="both", color="#d5dbe3")
    axes.legend(frameon=True, framealpha=0.9, edgecolor="none", loc="upper left", fontsize=11.5)
    return figure


def _top(found: Sequence[Any]) -> float:
    """Return the top of the axis: what pays as it goes, and where others meet it, fill the picture; what never does may leave it."""
    first = float(found[0].points[-1][1])
    met = [float(a) for c in found if c.even is not None for h, a in c.points if h == c.even]
    return (max([first, *met]) or 1) * 1.45


def latency(
    plt: Any, runs: Sequence[Sizing], title: str, limits: tuple[float, float], lines: Sequence[str], t: English
) -> Any:
    """Return the figure of one machine's throughput against both latencies, a point for each number of requests at once.

    limits: TPOT and TTFT in ms that were asked for, 0 = none. lines: what stands below.
    """
    figure, axes = plt.subplots(1, 2, figsize=(12, 6.4), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=17, fontweight="bold")
    figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=10.5, color=GREY)
    weak = t("time to the first token (TTFT), ms, a weak estimate")
    for at, (name, field) in enumerate(((t("time per output token (TPOT), ms"), "tpot_ms"), (weak, "ttft_ms"))):
        points = [(s.concurrency, s.output_tokens_per_second, getattr(s, field)) for s in runs]
        _panel(axes[at], points, (HUES[at], name, limits[at]), t)
    return figure


def _panel(
    axes: Any, points: Sequence[tuple[int, Range | None, Range | None]], shown: tuple[str, str, float], t: English
) -> None:
    colour, name, limit = shown
    known = [(n, speed, late) for n, speed, late in points if speed is not None and late is not None]
    x = [speed.estimate for _, speed, _ in known]
    y = [late.estimate for _, _, late in known]
    low, high = [late.low for _, _, late in known], [late.high for _, _, late in known]
    axes.set_axisbelow(True)
    if len(x) > 1:
        axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0, label=t("range"))
    axes.plot(x, y, "o-", color=colour, linewidth=2.2, markersize=6, label=t("estimate, by requests at once"))
    reach = max(x, default=1.0) or 1.0
    last = -reach
    for number, ((count, _, _), right, up) in enumerate(zip(known, x, y, strict=True)):
        if right - last > reach * 0.05 or number == len(x) - 1:
            axes.annotate(
                str(count), (right, up), (-5, 5), textcoords="offset points", ha="right", fontsize=10.5, color=INK
            )
            last = right
    if limit:
        axes.axhline(limit, color=INK, linestyle="--", linewidth=1.5, label=t("limit of {ms} ms", ms=f"{limit:g}"))
    axes.set_xlim(0, reach * 1.08)
    axes.set_ylim(0, max([*high, limit, 0.001]) * 1.3)
    _numbers(axes.xaxis)
    _numbers(axes.yaxis)
    axes.set_title(name, loc="left", fontsize=12.5)
    axes.set_xlabel(t("output tokens a second of one machine"))
    axes.grid(axis="both", color="#d5dbe3")
    axes.legend(frameon=False, loc="upper left", fontsize=11)


def _numbers(axis: Any) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(7))
    axis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:g}")
    )
