"""Parts of saved files that every schema shares: a workload, a machine, a way of buying, a sizing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from planner.errors import MisuseError, suggest
from planner.money import CURRENCIES, Contract, plain
from planner.offer import CATEGORIES, Way
from planner.quoting.records import RULES, Gpu, Line, Machine
from planner.sizing import Layout, Memory, Range, Sizing, Step
from planner.text import Text
from planner.typed import held, number
from planner.workload import Workload, make, unsaid

__all__ = ["Say", "check_line", "load_workload", "machine_of", "number_or_none", "sizing_of", "way_of", "workload_dict"]

#: From a sentence of the file to how it was made.
Say = Callable[[str], Text]

_RECORDS = {"layout": Layout, "memory": Memory}


def workload_dict(w: Workload) -> dict[str, Any]:
    """Return the workload under its option names; decimals as strings, pairs as objects.

    Fields that came after 0.1.0 are left out where they mean what it meant, so that what it wrote stays the same.
    """
    result: dict[str, Any] = {}
    late = unsaid(w._asdict())
    for field in w._fields:
        value = getattr(w, field)
        if field in late and value == late[field]:
            continue
        if field == "taxes":
            result[field] = {tax.scope: tax.said for tax in value}
        elif field == "contract":
            result[field] = {c.provider: _contract(c) for c in value}
        elif field == "tag":
            result[field] = dict(value)
        elif field in ("discount", "fx"):
            result[field] = {k: plain(v) for k, v in value}
        else:
            result[field] = plain(value) if isinstance(value, Decimal) else value
    return result


def _contract(contract: Contract) -> dict[str, Any]:
    told = {k: plain(v) if isinstance(v, Decimal) else v for k, v in contract._asdict().items()}
    return {k: v for k, v in told.items() if k != "provider"}


def load_workload(raw: Mapping[str, Any], where: str) -> Workload:
    """Return the workload that `workload_dict` wrote, checked as one that a user writes; errors begin with `where`."""
    if not isinstance(raw, Mapping):
        raise MisuseError(f"{where}: expected an object, got {ascii(raw)[:40]}")
    return make({**unsaid(raw), **raw}, where=where, saved=True)


def number_or_none(text: object, what: str) -> Decimal | None:
    """Return the number that a file's text or null stands for; raise `MisuseError` that begins with `what`."""
    return None if text is None else number(text, what)


def machine_of(raw: Mapping[str, Any]) -> Machine:
    """Return the machine of an offer's fields."""
    gpu = raw["gpu"]
    return Machine(
        vcpu=raw["vcpu"],
        memory_gib=number(raw["memory_gib"], "memory_gib"),
        network_gbps=number_or_none(raw["network_gbps"], "network_gbps"),
        local_nvme_gb=raw["local_nvme_gb"],
        gpu=Gpu(
            gpu["model"], number(str(gpu["count"]), "gpu.count"), number_or_none(gpu["memory_gib"], "gpu.memory_gib")
        ),
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


def check_line(line: Line, at: str) -> None:
    """Raise `MisuseError` for a line that no quote has: an unknown rule or part, no rate, steps that overlap."""
    held(line, Line, at)
    for name, value, known in (("rule", line.rule, RULES), ("part", line.part, CATEGORIES)):
        if value not in known:
            raise MisuseError(f"{at}.{name}: unknown {value[:40]!r}: {suggest(value[:40], known)}")
    if not line.rates or line.currency not in CURRENCIES or line.share > 1:
        raise MisuseError(f"{at}: a line needs a rate, a currency and a discount of at most 1")
    if line.count > 10_000:
        raise MisuseError(f"{at}.count: {line.count} is over 10,000")
    ends = [rate.end for rate in line.rates]
    if any(end is None or end != after.start for end, after in zip(ends, line.rates[1:], strict=False)):
        raise MisuseError(f"{at}.rates: its steps do not follow one another")
