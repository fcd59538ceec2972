"""Workloads that carry their demand: one TOML file of `planner commit`, or the many of a portfolio."""

from __future__ import annotations

import os
from collections.abc import Mapping

from planner.buying import demand, shapes
from planner.buying.demand import Demand
from planner.errors import MisuseError
from planner.files import read_text, toml
from planner.workload import Workload, of_table

__all__ = ["demand_of", "lines_of", "one"]

_LIMIT = 1 << 20


def lines_of(text: str) -> dict[str, int]:
    """Return the line on which each key of a TOML file stands first, and each table as `[name]`."""
    found: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        word = line.strip()
        key = word.partition("#")[0].strip() if word.startswith("[") else word.partition("=")[0].strip()
        if key and (word.startswith("[") or "=" in word):
            found.setdefault(key, number)
    return found


def one(path: str, base: Workload | None = None) -> tuple[Workload, Demand | None]:
    """Return the workload in a TOML file, and its `[demand]` where it has one."""
    text, where = read_text(path, "workload", _LIMIT), f"workload {path}"
    data = toml(text, where)
    said = data.pop("demand", None)
    inner = data.get("workload")
    if said is None and isinstance(inner, dict) and "demand" in inner:
        data["workload"] = {k: v for k, v in inner.items() if k != "demand"}
        said = inner["demand"]
    lines = _below(text, ("[demand]", "[workload.demand]"))
    found = None if said is None else demand_of(said, where, os.path.dirname(path), lines)
    return of_table(data, where, base), found


def _below(text: str, names: tuple[str, ...]) -> dict[str, int]:
    """Return the line of each key below the first table of those names."""
    rows = text.split("\n")
    for number, row in enumerate(rows, 1):
        if row.partition("#")[0].strip() in names:
            return {key: number + line for key, line in lines_of("\n".join(rows[number:])).items()}
    return {}


def demand_of(said: object, where: str, folder: str, lines: Mapping[str, int] | None = None) -> Demand:
    """Return the demand of a table `[demand]`: a shape with its keys, or `file = "demand.csv"`, beside the workload's file."""
    if isinstance(said, str):
        return shapes.from_words(said) if shapes.is_shape(said) else demand.read(os.path.join(folder, said))
    if not isinstance(said, dict):
        raise MisuseError(f'{where}: [demand] must be a table: shape = "flat" and rps = 20, or file = "demand.csv"')
    file, name = said.get("file"), said.get("shape")
    if file is not None:
        others = sorted(set(said) - {"file"})
        if others or not isinstance(file, str):
            raise MisuseError(
                f'{where}: [demand]: file = "demand.csv" stands alone{f", not with {others[0]}" if others else ""}'
            )
        return demand.read(os.path.join(folder, file))
    if not isinstance(name, str):
        known = ", ".join(shapes.SHAPES)
        raise MisuseError(f'{where}: [demand] needs shape = "flat" ({known}) or file = "demand.csv"')
    rest = {key: value for key, value in said.items() if key != "shape"}
    return shapes.shape(name, rest, where, lines)
