"""A catalogue of 100,000 prices: does a quote still take the time of a small one?

The generator copies the committed lists and adds regions with made-up prices (marked so) until the number is reached.
The quote asks for the same home regions in both.
"""

from __future__ import annotations

import csv
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.pairs import compare
from planner.prices import catalog
from planner.provider import homes

CODE = """
import sys
from planner.quoting import build
from planner.prices import catalog, fx
from planner import workload
from planner.rendering.json import dump_bytes
w = workload.make({"hours": "720"})
q = build.quote(w, catalog.Catalog(sys.argv[1]), "2026-11-23", fx.Rates(fx.committed()))
sys.stdout.buffer.write(dump_bytes(q))
"""


def grow(root: Path, prices: int) -> int:
    """Fill `root` with a catalogue of at least `prices` prices and return how many there are."""
    count = 0
    for name in catalog.Catalog().providers():
        shutil.copytree(Path(homes()[name], "catalog"), root / name / "catalog")
        count += sum(
            len(p.read_text("utf-8").splitlines()) - 1 for p in (root / name / "catalog" / "prices").glob("*.csv")
        )
    folder = root / "aws" / "catalog"
    rows: dict[Path, list[list[str]]] = {}
    for path in sorted((folder / "prices").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows[path] = [row for row in csv.reader(file) if row[0] == "us-east-1"]
    with (folder / "regions.csv").open(encoding="utf-8", newline="") as file:
        columns = next(csv.reader(file))
    number = 0
    with (folder / "regions.csv").open("a", encoding="utf-8", newline="") as regions:
        while count < prices:
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
                count += len(mine)
    return count


def main() -> None:
    """Print the time of one quote on both catalogues."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        count = grow(root, 100_000)
        print(f"{count:,} prices in {folder}")
        run = [sys.executable, "-c", CODE]
        compare("quote on 100,000 prices (limit 2)", [*run, str(root)], [*run, ""])


if __name__ == "__main__":
    main()
