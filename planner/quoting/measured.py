"""The file of the user's own measurements (`planner verify --save`), read and held to its types."""

from __future__ import annotations

import json

from planner.errors import MisuseError
from planner.files import read_text
from planner.sizing.own import SCHEMA, Measurement, made
from planner.typed import held

__all__ = ["read"]

LIMIT = 4 * 2**20


def read(path: str) -> tuple[Measurement, ...]:
    """Return the measurements kept in a file; raises `MisuseError` that names the file and the place that is wrong."""
    try:
        raw = json.loads(read_text(path, "measurements", LIMIT))
    except (ValueError, RecursionError) as exc:
        raise MisuseError(f"measurements {path}: not JSON: {exc}") from None
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA or not isinstance(raw.get("measurements"), list):
        raise MisuseError(f"measurements {path}: no {SCHEMA} file; planner verify --save writes one")
    return tuple(
        made(row, f"measurements {path}: measurements[{n}]", held) for n, row in enumerate(raw["measurements"])
    )
