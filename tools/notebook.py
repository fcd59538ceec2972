"""Run the cells of docs/examples/*.ipynb in order and keep what they show (`make docs`); the tests hold that it is still so.

A cell shows what it prints, and of its last expression what a notebook would: its HTML, else its repr. `--check` only says what differs.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import io
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def notebooks() -> list[Path]:
    """Return the example notebooks."""
    return sorted((ROOT / "docs" / "examples").glob("*.ipynb"))


def ran(book: dict[str, Any]) -> dict[str, Any]:
    """Return a notebook with the outputs that its code cells have now, run in one namespace; a cell that needs pandas keeps its own without it."""
    names: dict[str, Any] = {"__name__": "__main__"}
    without = importlib.util.find_spec("pandas") is None
    cells = []
    for cell in book["cells"]:
        if cell["cell_type"] != "code" or (without and "to_dataframe" in "".join(cell["source"])):
            cells.append(cell)
            continue
        cells.append({**cell, "outputs": _outputs("".join(cell["source"]), names), "execution_count": None})
    return {**book, "cells": cells}


def _outputs(source: str, names: dict[str, Any]) -> list[dict[str, Any]]:
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(tree, "cell", "exec"), names)
        value = None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    made: list[dict[str, Any]] = []
    if said.getvalue():
        made.append({"name": "stdout", "output_type": "stream", "text": said.getvalue().splitlines(keepends=True)})
    if value is not None:
        show = getattr(value, "_repr_html_", None)
        data = {"text/html": [show()]} if show else {"text/plain": repr(value).splitlines(keepends=True)}
        made.append({"data": data, "execution_count": None, "metadata": {}, "output_type": "execute_result"})
    return made


def main() -> int:
    code = 0
    for path in notebooks():
        old = path.read_text("utf-8")
        new = json.dumps(ran(json.loads(old)), ensure_ascii=False, indent=1) + "\n"
        if "--check" in sys.argv:
            code |= new != old
            print(f"{path.name}: {'differs: run make docs' if new != old else 'as it runs'}")
        else:
            path.write_text(new, "utf-8")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
