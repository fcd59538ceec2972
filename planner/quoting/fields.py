"""Parts of saved files that every schema shares: a workload, a machine, a way of buying, a sizing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from planner.money import plain
from planner.offer import Way
from planner.quoting.records import Gpu, Machine
from planner.sizing import Layout, Memory, Range, Sizing, Step
from planner.text import Text
from planner.workload import LATER, Workload

__all__ = ["Say", "decimal_or_none", "load_workload", "machine_of", "sizing_of", "way_of", "workload_dict"]

#: From a sentence of the file to how it was made.
Say = Callable[[str], Text]

_RECORDS = {"layout": Layout, "memory": Memory}


def workload_dict(w: Workload) -> dict[str, Any]:
    """Return the workload under its option names; decimals as strings, pairs as objects.

    Fields that came after 0.1.0 are left out at their default, so that what an older release wrote stays the same.
    """
    result: dict[str, Any] = {}
    for field in w._fields:
        value = getattr(w, field)
        if field in LATER and value == Workload._field_defaults[field]:
            continue
        if field in ("discount", "fx"):
            result[field] = {k: plain(v) for k, v in value}
        else:
            result[field] = plain(value) if isinstance(value, Decimal) else value
    return result


def load_workload(raw: Mapping[str, Any]) -> Workload:
    """Return the workload that `workload_dict` wrote."""
    default = Workload()
    fields: dict[str, Any] = {}
    for field, value in raw.items():
        kind = getattr(default, field)
        if field in ("discount", "fx"):
            fields[field] = tuple((k, Decimal(v)) for k, v in value.items())
        elif field in ("budget", "discount_rate"):
            fields[field] = decimal_or_none(value)
        elif isinstance(kind, Decimal):
            fields[field] = Decimal(value)
        else:
            fields[field] = tuple(value) if isinstance(kind, tuple) else value
    return Workload(**fields)


def decimal_or_none(text: str | None) -> Decimal | None:
    """Return the number that a file's text or null stands for."""
    return None if text is None else Decimal(text)


def machine_of(raw: Mapping[str, Any]) -> Machine:
    """Return the machine of an offer's fields."""
    gpu = raw["gpu"]
    return Machine(
        vcpu=raw["vcpu"],
        memory_gib=Decimal(raw["memory_gib"]),
        network_gbps=decimal_or_none(raw["network_gbps"]),
        local_nvme_gb=raw["local_nvme_gb"],
        gpu=Gpu(gpu["model"], Decimal(gpu["count"]), decimal_or_none(gpu["memory_gib"])),
    )


def way_of(raw: Mapping[str, Any]) -> Way:
    """Return the way of buying of an offer's fields."""
    names = ("provider", "site", "region", "instance_type", "purchase_option", "term", "payment", "offering", "zone")
    return Way(**{name: raw[name] or "" for name in names})


def sizing_of(raw: Mapping[str, Any], say: Say) -> Sizing:
    """Return a sizing of its numbers, basis and steps."""
    fields: dict[str, Any] = {}
    for field, value in raw.items():
        if field == "steps":
            fields[field] = tuple(Step(**{**s, "what": say(s["what"]), "formula": say(s["formula"])}) for s in value)
        elif field in ("reasons", "warnings"):
            fields[field] = tuple(say(x) for x in value)
        elif isinstance(value, dict):
            fields[field] = _RECORDS.get(field, Range)(**value)
        else:
            fields[field] = tuple(value) if isinstance(value, list) else value
    return Sizing(**fields)
