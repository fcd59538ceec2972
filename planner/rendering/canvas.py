"""What all pictures share: matplotlib set up (the extra `charts`, imported here alone), a frame, the same bytes each time, and where they go."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from planner.errors import MisuseError, PlannerError
from planner.i18n import English
from planner.money import plain
from planner.rendering import words
from planner.rendering.formats import ours
from planner.text import text
from planner.writing import write_new

if TYPE_CHECKING:
    from planner.quoting.records import Quote

__all__ = ["BLUE", "GREY", "INK", "ORANGE", "foot", "frame", "kept", "picture", "pyplot_of", "single"]

FONTS = ["Noto Sans CJK SC", "Noto Sans CJK JP", "PingFang SC", "Microsoft YaHei", "WenQuanYi Micro Hei", "DejaVu Sans"]
BLUE, ORANGE, GREY, INK = "#0b5cad", "#c2570c", "#5d6b7a", "#17202c"


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


def foot(quote: Quote, t: English) -> str:
    rates = "".join(f"; 1 {f.base} = {plain(f.rate)} {f.quote} ({f.as_of or t.say(text(f.source))})" for f in quote.fx)
    return words.workload(quote, t) + "\n" + t("Quote {hash} of {date}", hash=quote.hash, date=quote.quoted_on) + rates


def single(where: str) -> bool:
    """Return whether `--charts` names one file; raise `MisuseError` where it names neither that nor a folder."""
    if os.path.isdir(where):
        return False
    if where.endswith((".png", ".svg")):
        return True
    raise MisuseError(
        f"--charts: the folder {where} does not exist; create it first, or name a file that ends in .png or .svg"
    )


def kept(plt: Any, made: Sequence[tuple[str, Any]], where: str, *, force: bool = False) -> list[str]:
    """Write figures by their names into the folder `where`, as PNG and SVG each, or the first into the file `where`; return the paths."""
    paths = []
    for name, figure in made[:1] if single(where) else made:
        folder = {kind: os.path.join(where, f"{name}.{kind}") for kind in ("png", "svg")}
        for kind, path in ({where[-3:]: where} if single(where) else folder).items():
            write_new(path, picture(figure, kind), force=force, mine=ours)
            paths.append(path)
    for _, figure in made:
        plt.close(figure)
    return paths
