"""What a workload's file says beside the workload, as if its options had been typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["stays", "table_of", "take_asides"]


def take_asides(values: dict[str, Any]) -> None:
    """Put what the file of `values` says beside the workload (planner.asides) where no option says it, and keep the file as read.

    A file is read once: it may be a pipe.
    """
    path = values.get("workload_file")
    if not path:
        return
    from planner import asides

    table = values["workload_table"] = table_of(path)
    inner = table.get("workload")
    found = asides.of({**table, **(inner if isinstance(inner, dict) else {})}, f"workload {path}: ")
    if not values.get("beside_apis"):  # it describes the workload, and is asked for by nothing else
        found.pop("cache_hits", None)
    for key, value in found.items():
        if values.get(key) is None:
            values[key] = value


def table_of(path: str) -> dict[str, Any]:
    """Return the keys of a workload's file."""
    from planner.asides import MOST
    from planner.files import read_toml

    return read_toml(path, "workload", MOST)


def stays(
    values: Mapping[str, Any], region: Sequence[str], provider: Sequence[str], told: Callable[[str], None]
) -> dict[str, Any]:
    """Return the regions that `--data-stays` leaves of those named ((): the usual ones), and say them (told); nothing without the option."""
    if not values.get("data_stays"):
        return {}
    from planner.prices import places

    return {"region": places.stays(values["data_stays"], provider, region, told)}
