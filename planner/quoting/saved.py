"""Saved quotes: `planner.quote/1` as `planner.rendering.json` writes it, read back; also a workload on its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from planner.errors import MisuseError
from planner.files import read_text
from planner.money import Fx, plain
from planner.quoting.records import (
    SCHEMA,
    Amounts,
    AsOf,
    Budget,
    Charge,
    Commitment,
    Gap,
    Gpu,
    HourStep,
    Offer,
    Quote,
    Rate,
    Rejected,
    Stale,
    Totals,
)
from planner.sizing import Layout, Memory, Range, Sizing, Step
from planner.workload import Workload

__all__ = ["load", "load_workload", "read", "workload_dict"]


def workload_dict(w: Workload) -> dict[str, Any]:
    """Return the workload under its option names; decimals as strings, pairs as objects."""
    result: dict[str, Any] = {}
    for field in w._fields:
        value = getattr(w, field)
        if field in ("discount", "fx"):
            result[field] = {k: plain(v) for k, v in value}
        else:
            result[field] = plain(value) if isinstance(value, Decimal) else value
    return result


def load(text: str, where: str = "quote") -> Quote:
    """Return the quote in `text`; anything that is not a `planner.quote/1` raises `MisuseError` naming `where`."""
    try:
        raw = json.loads(text)
    except ValueError as exc:
        raise MisuseError(f"{where}: not valid JSON: {exc}") from None
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        found = raw.get("schema") if isinstance(raw, dict) else type(raw).__name__
        raise MisuseError(f"{where}: not a {SCHEMA} file (found {found!r}); save one with --format json")
    try:
        return _quote(raw)
    except (KeyError, TypeError, ValueError, ArithmeticError) as exc:
        raise MisuseError(f"{where}: damaged or from another version: {type(exc).__name__} {exc}") from None


def read(path: str) -> Quote:
    """Return the saved quote in the file at `path`, of at most 256 MiB."""
    return load(read_text(path, "quote", 256 * 2**20), path)


def _quote(raw: Mapping[str, Any]) -> Quote:
    budget = raw["budget"]
    return Quote(
        raw["quoted_on"],
        Decimal(raw["hours"]),
        raw["months"],
        raw["currency"],
        load_workload(raw["workload"]),
        tuple(Fx(**{**f, "rate": Decimal(f["rate"])}) for f in raw["fx"]),
        tuple(AsOf(**a) for a in raw["prices_as_of"]),
        tuple(_load_offer(o, raw["sizing_steps"]) for o in raw["offers"]),
        tuple(Rejected(**r) for r in raw["rejected"]),
        tuple(Gap(**g) for g in raw["gaps"]),
        tuple(Stale(**s) for s in raw["stale"]),
        Budget(Decimal(budget["limit"]), budget["currency"], budget["fits"], _dec(budget["cheapest"]))
        if budget
        else None,
        tuple(raw["notes"]),
        raw["hash"],
        tuple(raw["reference_types"]),
    )


def _dec(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def load_workload(raw: Mapping[str, Any]) -> Workload:
    """Return the workload that `workload_dict` wrote."""
    default = Workload()
    fields: dict[str, Any] = {}
    for field, value in raw.items():
        kind = getattr(default, field)
        if field in ("discount", "fx"):
            fields[field] = tuple((k, Decimal(v)) for k, v in value.items())
        elif field == "budget":
            fields[field] = _dec(value)
        elif isinstance(kind, Decimal):
            fields[field] = Decimal(value)
        else:
            fields[field] = tuple(value) if isinstance(kind, tuple) else value
    return Workload(**fields)


def _load_amounts(raw: Mapping[str, Any]) -> Amounts:
    return Amounts(*(Decimal(raw[f]) for f in Amounts._fields))


_CHARGE_NUMBERS = ("quantity", "unit_price", "list_unit_price", "amount", "list", "billed", "committed")


def _load_charge(raw: Mapping[str, Any]) -> Charge:
    values = {**raw, "as_of": raw["as_of"] or ""}
    for name in _CHARGE_NUMBERS:
        values[name] = Decimal(values[name])
    return Charge(**values)


def _load_commitment(raw: Mapping[str, Any] | None) -> Commitment | None:
    if raw is None:
        return None
    return Commitment(
        raw["term"],
        raw["payment"] or "",
        raw["offering"] or "",
        Decimal(raw["term_hours"]),
        raw["term_months"],
        Decimal(raw["upfront"]),
        Decimal(raw["hourly"]),
        Decimal(raw["monthly"]),
        raw["terms"],
    )


_RANGES = {"layout": Layout, "memory": Memory}


def load_sizing(raw: Mapping[str, Any]) -> Sizing:
    """Return a sizing of its numbers, basis and steps."""
    fields: dict[str, Any] = {}
    for field, value in raw.items():
        if field == "steps":
            fields[field] = tuple(Step(**s) for s in value)
        elif isinstance(value, dict):
            fields[field] = _RANGES.get(field, Range)(**value)
        else:
            fields[field] = tuple(value) if isinstance(value, list) else value
    return Sizing(**fields)


def _load_offer(raw: Mapping[str, Any], steps: Mapping[str, Any]) -> Offer:
    gpu, totals = raw["gpu"], raw["totals"]
    even = raw["break_even_hours"]
    return Offer(
        raw["id"],
        raw["provider"],
        raw["site"],
        raw["region"],
        raw["zone"] or "",
        raw["instance_type"],
        raw["vcpu"],
        Decimal(raw["memory_gib"]),
        _dec(raw["network_gbps"]),
        raw["local_nvme_gb"],
        Gpu(gpu["model"], Decimal(gpu["count"]), _dec(gpu["memory_gib"])),
        raw["count"],
        raw["purchase_option"],
        raw["term"] or "",
        raw["payment"] or "",
        raw["offering"] or "",
        raw["market"],
        tuple(_load_charge(c) for c in raw["charges"]),
        Totals(totals["native_currency"], _load_amounts(totals["native"]), _load_amounts(totals)),
        _load_commitment(raw["commitment"]),
        None if even is None else int(even),
        _dec(raw["on_demand_hourly"]),
        tuple(raw["unpriced"]),
        load_sizing({**raw["sizing"], **steps[f"{raw['provider']}:{raw['instance_type']}"]}),
        _dec(raw["cost_per_million_output"]),
        _dec(raw["cost_per_million_tokens"]),
        tuple(raw["notes"]),
        tuple(_load_rate(r) for r in raw.get("prices", ())),
        tuple(
            HourStep(Decimal(s["tier_from"]), _dec(s["tier_to"]), Decimal(s["list_unit_price"]))
            for s in raw.get("hour_steps", ())
        ),
    )


def _load_rate(raw: Mapping[str, Any]) -> Rate:
    return Rate(**{**raw, "start": Decimal(raw["start"]), "end": _dec(raw["end"]), "amount": Decimal(raw["amount"])})
