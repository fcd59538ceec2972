"""Generated catalogues of 1 to 100 times the committed prices: what the time and the memory of a quote grow with.

Two ways to grow, both with made-up names (marked so): more regions, which a quote does not ask for, and more instance
types in the regions that it does ask for. Each is timed in pairs with `import click`; the first quote after the lists
changed, which reads every file anew, is timed by itself. The plot is growth.svg.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import offers
from benchmarks.pairs import environment, measure, once
from benchmarks.results import HERE, ROOT, Data, hand

TIMES = (1, 3, 10, 30, 100)
PAIRS = 7
LIMIT = 2.0
#: What the axes of the plot say.
AXES = {"cpu": (50, 100, 200, 500, 1000), "memory_mb": (10, 20, 50, 100, 200)}
PLOT = HERE / "growth.svg"
REGIONS, TYPES = "more regions", "more types in the regions asked"


def count(root: Path) -> int:
    """Return how many prices the lists under `root` hold."""
    return sum(len(p.read_text("utf-8").splitlines()) - 1 for p in root.glob("*/catalog/prices/*.csv"))


def grow(root: Path, prices: int) -> int:
    """Fill `root` with a catalogue of at least `prices` prices, in more regions of AWS, and return how many there are."""
    offers.committed(root)
    total = count(root)
    folder = root / "aws" / "catalog"
    rows: dict[Path, list[list[str]]] = {}
    for path in sorted((folder / "prices").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows[path] = [row for row in csv.reader(file) if row[0] == "us-east-1"]
    with (folder / "regions.csv").open(encoding="utf-8", newline="") as file:
        columns = next(csv.reader(file))
    number = 0
    with (folder / "regions.csv").open("a", encoding="utf-8", newline="") as regions:
        while total < prices:
            number += 1
            region = f"made-up-{number}"
            row = {
                "id": region,
                "name_en": region,
                "name_zh": region,
                "sites": "aws",
                "market": "abroad",
                "source": "made up",
            }
            csv.DictWriter(regions, columns, lineterminator="\n").writerow(row)
            for path, mine in rows.items():
                with path.open("a", encoding="utf-8", newline="") as out:
                    csv.writer(out, lineterminator="\n").writerows([region, *row[1:]] for row in mine)
                total += len(mine)
    return total


def more_regions(root: Path, times: int) -> None:
    """Fill `root` with so many times the committed prices, in more regions."""
    grow(root, times * count(ROOT / "providers"))


def settle(root: Path) -> None:
    """Date the files an hour back: what planner reads is kept only of files that are not being written right now."""
    then = time.time() - 3600
    for path in root.rglob("*.csv"):
        os.utime(path, (then, then))


def point(root: Path, env: dict[str, str]) -> Data:
    """Return what a quote takes on the lists under `root`: the first, the usual, and its memory."""
    command = [sys.executable, "-c", offers.CODE, str(root)]
    first, _ = once(command, env)
    found = measure(command, [sys.executable, "-c", "import click"], PAIRS, env)
    said = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.split()
    return {
        "prices": count(root),
        "offers": int(said[0]),
        "memory_mb": int(said[1]),
        "first_s": round(first, 2),
        **found,
    }


def series(grown: Callable[[Path, int], None], name: str) -> list[Data]:
    """Return the points of one way to grow."""
    points = []
    for times in TIMES:
        with tempfile.TemporaryDirectory() as folder:
            root, home = Path(folder, "lists"), Path(folder, "home")
            root.mkdir()
            grown(root, times)
            settle(root)
            points.append({"times": times, **point(root, environment(home))})
        p = points[-1]
        print(
            f"{name}, {times:>3} times: {p['prices']:>7,} prices, {p['offers']:>6,} offers: processor {p['cpu']:6.0f} ms,"
            f" {p['cpu_ratio']:.2f} of import click; {p['memory_mb']} MB; the first quote {p['first_s']:.1f} s",
            flush=True,
        )
    return points


def draw(path: Path, found: dict[str, list[Data]]) -> None:
    """Draw time and memory against prices, on logarithmic scales: a straight line of slope one is proportional."""
    from planner.rendering.canvas import BLUE, ORANGE, pyplot_of

    plt = pyplot_of()
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    figure, sides = plt.subplots(1, 2, figsize=(11, 4.5))
    for side, key, label in ((sides[0], "cpu", "processor, ms"), (sides[1], "memory_mb", "memory, MB")):
        marks = AXES[key]
        for (name, points), colour in zip(found.items(), (BLUE, ORANGE), strict=True):
            side.loglog([p["prices"] for p in points], [p[key] for p in points], marker="o", color=colour, label=name)
        across = [p["prices"] for p in found[REGIONS]]
        for axis, ticks in ((side.xaxis, across), (side.yaxis, marks)):
            axis.set_major_locator(FixedLocator(ticks))
            axis.set_minor_locator(NullLocator())
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        side.tick_params(axis="x", labelsize=8)
        side.set_xlabel("prices in the lists")
        side.set_ylabel(label)
        side.set_ylim(bottom=marks[0], top=marks[-1])
        side.grid(True, alpha=0.3)
        side.legend(frameon=False, loc="upper left")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> int:
    """Print and draw all; return 1 where 100,000 prices in other regions take twice what the committed ones do."""
    found = {REGIONS: series(more_regions, REGIONS), TYPES: series(offers.grow, TYPES)}
    points = found[REGIONS]
    ratio = points[-1]["cpu_ratio"] / points[0]["cpu_ratio"]
    print(
        f"a quote on {points[-1]['prices']:,} prices beside {points[0]['prices']:,}: {ratio:.2f} times (limit {LIMIT})"
    )
    hand("catalogue", {"series": found, "ratio": round(ratio, 2), "limit": LIMIT})
    try:
        draw(PLOT, found)
    except Exception as error:  # noqa: BLE001 - the numbers stand without the picture
        print(f"growth.svg is not drawn: {error}")
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
