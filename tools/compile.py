"""Compile the modules and the price lists of a checkout, as installing a release does: `make setup` runs it once.

Python would do so at the first start, unless it was told to keep nothing (PYTHONDONTWRITEBYTECODE).
"""

from __future__ import annotations

import compileall
import sys
from pathlib import Path

from planner import tables

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Compile everything in planner/ and providers/."""
    sys.dont_write_bytecode = False
    for folder in ("planner", "providers"):
        compileall.compile_dir(ROOT / folder, quiet=1)
        for path in sorted((ROOT / folder).rglob("*.csv")):
            tables.read(str(path))
        for path in sorted((ROOT / folder).rglob("provider.json")):
            tables.json_of(str(path))


if __name__ == "__main__":
    main()
