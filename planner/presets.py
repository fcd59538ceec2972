"""What a use stands for: lengths, latency limits and arrival of a workload, from public traces and rules, each with its source.

planner/data/presets.csv has a row for each value; one without a value says why nobody publishes it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from planner.errors import MisuseError, suggest
from planner.records import NamedTuple

__all__ = ["PRESETS", "Value", "expanded", "values"]

#: The names, in the order in which they are offered.
PRESETS = ("chat", "code", "agent", "rag", "research", "batch")
_DEMAND = ("rps", "concurrency", "tokens_per_second")
_LENGTHS = ("input_tokens", "output_tokens")
#: What a preset says; whatever of it has no row is as if it had not been said.
_SAYS = (*_LENGTHS, "context_tokens", "rps", "ttft_ms", "tpot_ms")

_PATH = os.path.join(os.path.dirname(__file__), "data", "presets.csv")

Heard = Callable[[str], None]


class Value(NamedTuple):
    """One value of a preset. field: of the workload; value: "" where none is published; what: what it is in its source."""

    preset: str
    field: str
    value: str
    what: str
    source: str
    date: str
    confidence: str


def values(name: object, where: str = "") -> list[Value]:
    """Return the values of a preset; raises `MisuseError` for a name that is none. where: begins the error."""
    word = str(name).strip().lower() if isinstance(name, str) else ""
    if word not in PRESETS:
        raise MisuseError(f"{where}--preset: unknown preset {str(name)[:60]!r}: {suggest(word, PRESETS)}")
    import csv

    with open(_PATH, encoding="utf-8", newline="") as file:
        return [Value(*row) for row in csv.reader(file) if row[0] == word]


def expanded(said: Mapping[str, object], where: str = "", heard: Heard | None = None) -> dict[str, object]:
    """Return what was said, with the values that its `preset` stands for in its place; what is said beside it stands.

    Another demand takes the place of the preset's rate; other lengths that of its longest context, which is of those lengths.
    heard: is told, in a sentence, what the preset stands for and what of it was said otherwise.
    """
    given = {key: value for key, value in said.items() if key != "preset"}
    name = said.get("preset")
    if name in (None, ""):
        return given
    rows = {one.field: one for one in values(name, where)}
    demand = [key for key in _DEMAND if key in given]
    lengths = [key for key in _LENGTHS if key in given]
    made: dict[str, object] = {} if demand else dict.fromkeys(_DEMAND, 0)
    taken, other = [], []
    for field in _SAYS:
        row = rows.get(field)
        if field in given:
            if row is not None and row.value:
                other.append(f"{field} {given[field]} (its {row.value})")
        elif field == "rps" and demand:
            if row is not None and row.value:
                mine = f"{demand[0]} {given[demand[0]]}" if given[demand[0]] else "no rate"
                other.append(f"{mine} (its rps {row.value})")
        elif field == "context_tokens" and lengths:
            if row is not None and row.value:
                other.append(f"no longest context for these lengths (its {row.value})")
        elif row is None or not row.value:
            made[field] = 0
            if row is not None:
                other.append(f"no {field} is published")
        else:
            made[field] = row.value
            taken += [f"{field} {row.value}"] if row.value != "0" else []
    if heard is not None:
        aside = f"; beside it: {', '.join(other)}" if other else ""
        whole = ", ".join(taken) or "nothing"
        heard(f"preset {rows['rps'].preset} stands for {whole}{aside} (sources: planner init --sources)")
    return made | given
