"""How much to commit over a year of hours, and how its time grows with offers and with workloads; the plot is buying.svg.

Processor seconds of whole processes: hours that repeat (a shape) and 8,760 different ones (a file), on copies of the committed lists
that grow, and portfolios that grow, each workload by itself and with shared commitments.
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

from benchmarks.offers import grow
from benchmarks.pairs import once

HERE = Path(__file__).resolve().parent
SHAPE = "chat-global rps=60 of=mean start=2027-01-01"
LIMIT = 2.0
OFFERS = (1, 2, 4, 8, 16)
APART, SHARED = (50, 100, 250, 500, 1000), (25, 50, 100, 200, 400)
MODELS = ("DeepSeek-R1-Distill-Qwen-7B", "DeepSeek-R1-Distill-Qwen-32B", "DeepSeek-R1-Distill-Llama-8B")
SHAPES = ("chat-global", "code-workday", "api-evening", "diurnal", "office")
#: Plans a year on the lists in a folder ("" for the committed ones), and says how many offers were looked at.
CODE = """
import gc, sys
gc.set_threshold(200_000, 20, 100)
from planner.buying import demand, plan, shapes
from planner.prices import catalog, fx
from planner.quoting import build
from planner.workload import Workload
asked = demand.read(sys.argv[2]) if sys.argv[2].endswith(".csv") else shapes.from_words(sys.argv[2])
work = plan.workload_at_peak(Workload(), asked)
q = build.quote(work, catalog.Catalog(sys.argv[1]), "2026-11-26", fx.Rates(fx.committed()), brief=True)
plan.make(q, asked, plan.Asked())
"""

Points = list[tuple[float, float]]


def year(path: Path) -> None:
    """Write a demand of 8,760 different hours."""
    r = random.Random(1)
    rows = (f"{hour},{20 + 60 * r.random():.5f}" for hour in range(8760))
    path.write_text("hour,rps\n" + "\n".join(rows) + "\n", encoding="utf-8")


def by_offers(folder: Path) -> tuple[Points, Points]:
    """Return (times the offers, seconds) of a shape and of a year of different hours."""
    year(folder / "year.csv")
    found: tuple[Points, Points] = ([], [])
    for times in OFFERS:
        root = ""
        if times > 1:
            grow(folder / str(times), times)
            root = str(folder / str(times))
        for points, said in zip(found, (SHAPE, str(folder / "year.csv")), strict=True):
            name = "8,760 different hours" if said.endswith(".csv") else "a shape"
            command = [sys.executable, "-c", CODE, root, said]
            once(command)  # reads the rows of the lists, and keeps them
            seconds = min(once(command)[1] for _ in range(3))
            points.append((times, seconds))
            print(f"{times:>3} times the offers, {name}: {seconds:.2f} s of processor time")
    return found


def by_workloads(folder: Path) -> tuple[Points, Points]:
    """Return (workloads, seconds) of portfolios apart and shared."""
    apart: Points = []
    for number in APART:
        rows = "".join(f"w{n},{100 + 7 * n},{MODELS[n % 3]},{1 + n % 17}\n" for n in range(number))
        apart.append((number, _portfolio(folder, "name,hours,model,rps\n" + rows)))
        print(f"{number:>5} workloads apart: {apart[-1][1]:.1f} s of processor time")
    shared: Points = []
    for number in SHARED:
        rows = "".join(f"w{n},{MODELS[n % 3]},{SHAPES[n % 5]} rps={1 + n % 37}\n" for n in range(number))
        shared.append((number, _portfolio(folder, "name,model,demand\n" + rows, "--shared")))
        print(f"{number:>5} workloads of a year, shared: {shared[-1][1]:.1f} s of processor time")
    return apart, shared


def _portfolio(folder: Path, text: str, *options: str) -> float:
    table = folder / "many.csv"
    table.write_text(text, encoding="utf-8")
    return once([sys.executable, "-m", "planner", "portfolio", "--offline-list", *options, str(table)])[1]


def draw(path: Path, offers: tuple[Points, Points], workloads: tuple[Points, Points]) -> None:
    """Draw both growths, on logarithmic scales: a straight line of slope one is proportional."""
    from planner.rendering.canvas import BLUE, ORANGE, pyplot_of

    plt = pyplot_of()
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    figure, sides = plt.subplots(1, 2, figsize=(11, 4.5))
    for side, pair, names, label in (
        (sides[0], offers, ("a shape", "8,760 different hours"), "times the offers of three clouds"),
        (sides[1], workloads, ("each by itself", "a year each, shared"), "workloads"),
    ):
        for points, name, colour in zip(pair, names, (BLUE, ORANGE), strict=True):
            side.loglog(*zip(*points, strict=True), marker="o", color=colour, label=name)
        across = sorted({x for points in pair for x, _ in points})
        for axis, marks in ((side.xaxis, across), (side.yaxis, (0.2, 0.5, 1, 2, 5, 10, 20, 50))):
            axis.set_major_locator(FixedLocator(marks))
            axis.set_minor_locator(NullLocator())
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        side.tick_params(axis="x", labelsize=9)
        side.set_xlabel(label)
        side.set_ylabel("processor, s")
        side.grid(True, alpha=0.3)
        side.legend(frameon=False, loc="upper left")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> int:
    """Print and draw all; return 1 where a year over all offers takes longer than its limit."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        offers = by_offers(folder)
        workloads = by_workloads(folder)
    draw(HERE / "buying.svg", offers, workloads)
    slowest = max(points[0][1] for points in offers)
    print(f"a year over all offers of three clouds: {slowest:.2f} s (limit {LIMIT} s)")
    return int(slowest > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
