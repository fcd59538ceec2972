"""Which parsers an engine needs to hand out a model's reasoning and tool calls: by the checkpoint's family and the version.

planner/data/parsers.csv: `models` holds beginnings of names, each with what must not be in the name behind `!`. The first
row that fits is taken; a base model (-Base) talks in no form that could be parsed.
"""

from __future__ import annotations

import csv
import os

from planner.files import DATA
from planner.sizing.engines import Engine

__all__ = ["find", "flags"]


def find(checkpoint: str, engine: Engine) -> dict[str, str]:
    """Return `reasoning` and `tool`, where there is one, for the checkpoint ORG/NAME on `engine`."""
    name = checkpoint.rpartition("/")[2].lower()
    found: dict[str, str] = {}
    if name.endswith("-base"):
        return found
    at = _full(engine.version)
    with open(os.path.join(DATA, "parsers.csv"), encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            fits = row["engine"] == engine.key and at >= _full(row["since"]) and _matches(name, row["models"])
            if fits and row["kind"] not in found:
                found[row["kind"]] = row["parser"]
    return found


def flags(checkpoint: str, engine: Engine) -> tuple[str, ...]:
    """Return the parsers as the engine's command line has them."""
    found = find(checkpoint, engine)
    given: list[str] = []
    if "reasoning" in found:
        given += ["--reasoning-parser", found["reasoning"]]
    if "tool" in found:
        given += ["--enable-auto-tool-choice"] if engine.key == "vllm" else []
        given += ["--tool-call-parser", found["tool"]]
    return tuple(given)


def _full(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _matches(name: str, models: str) -> bool:
    for word in models.split():
        start, *out = word.split("!")
        if name.startswith(start) and not any(part in name for part in out):
            return True
    return False
