"""Draw the plan of the house in docs/architecture.md from the layers that pyproject.toml holds the imports to."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- plan: written by `make docs` -->\n```text\n", "```\n<!-- end of plan -->"
WIDTH = 66


def layers() -> list[list[str]]:
    """Return the rooms of `planner`, floor by floor, the highest first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (plan,) = [c for c in settings["tool"]["importlinter"]["contracts"] if c.get("containers") == ["planner"]]
    return [re.split(r"\s*[|:]\s*", layer.replace("(", "").replace(")", "")) for layer in plan["layers"]]


def drawing() -> str:
    """Return the plan as text: a row of boxes for each floor, numbered from the ground."""
    every = layers()
    rows, edges = [], {0, WIDTH}
    lines: list[str] = []
    for floor in every:
        room = WIDTH // len(floor)
        walls = [i * room for i in range(len(floor))] + [WIDTH]
        rows.append((floor, walls))
    for at, (floor, walls) in enumerate(rows):
        edges = set(walls) | (set(rows[at - 1][1]) if at else set())
        lines.append("     " + "".join("+" if i in edges else "-" for i in range(WIDTH + 1)))
        boxes = "".join(
            "|" + name.center(right - left - 1) for name, left, right in zip(floor, walls, walls[1:], strict=False)
        )
        lines.append(f"  {len(every) - at:>2} {boxes}|")
    lines.append("     +" + "-" * (WIDTH - 1) + "+")
    return "\n".join(lines) + "\n"


def renew(text: str) -> str:
    """Return the page with the drawing made anew."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{PAGE.name}: the marks around the drawing are gone")
    return before + BEGIN + drawing() + END + after


def main() -> int:
    """Write the page; with `--check` only say whether it would change."""
    old = PAGE.read_text(encoding="utf-8")
    new = renew(old)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(new, encoding="utf-8")
        return 0
    return int(new != old)


if __name__ == "__main__":
    sys.exit(main())
