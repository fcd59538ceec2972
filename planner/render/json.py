"""JSON of a quote: `planner.quote/1`, complete, exact, one offer a line; `load` reads it back to the same bytes.

Money, hours and volumes are decimal strings; counts are numbers; what is unknown is null. docs/json.md describes every
field.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from planner.errors import MisuseError
from planner.money import plain
from planner.quote import (
    SCHEMA,
    Amounts,
    AsOf,
    Budget,
    Charge,
    Commitment,
    Fx,
    Gap,
    Gpu,
    Offer,
    Quote,
    Rejected,
    Stale,
    Totals,
)
from planner.sizing import Layout, Memory, Range, Sizing, Step
from planner.workload import Workload

__all__ = ["dump", "load"]

_one = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": ")).encode


def _d(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _amounts(value: Amounts) -> dict[str, str]:
    return {
        "list": plain(value.list),
        "effective": plain(value.effective),
        "billed": plain(value.billed),
        "committed": plain(value.committed),
    }


def _charge(c: Charge) -> dict[str, Any]:
    return {
        "name": c.name,
        "category": c.category,
        "unit": c.unit,
        "quantity": plain(c.quantity),
        "unit_price": plain(c.unit_price),
        "list_unit_price": plain(c.list_unit_price),
        "currency": c.currency,
        "amount": plain(c.amount),
        "list": plain(c.list),
        "billed": plain(c.billed),
        "committed": plain(c.committed),
        "tier": c.tier,
        "formula": c.formula,
        "source": c.source,
        "as_of": c.as_of or None,
        "dated": c.dated,
        "confidence": c.confidence,
        "origin": c.origin,
        "place": c.place,
    }


def _commitment(c: Commitment | None) -> dict[str, Any] | None:
    if c is None:
        return None
    return {
        "term": c.term,
        "payment": c.payment or None,
        "offering": c.offering or None,
        "term_hours": plain(c.term_hours),
        "term_months": c.term_months,
        "upfront": plain(c.upfront),
        "hourly": plain(c.hourly),
        "monthly": plain(c.monthly),
        "terms": c.terms,
    }


def sizing_dict(s: Sizing) -> dict[str, Any]:
    """Return the sizing as JSON values; ranges are {low, estimate, high}, steps are objects."""
    result: dict[str, Any] = {}
    for field, value in zip(s._fields, s, strict=True):
        if isinstance(value, (Layout, Memory, Range)):
            result[field] = dict(zip(value._fields, value, strict=True))
        elif field == "steps":
            result[field] = [dict(zip(x._fields, x, strict=True)) for x in value]
        else:
            result[field] = value
    return result


def _offer(o: Offer, cache: dict[int, str]) -> str:
    """Return one offer as one line; a sizing that several offers share is written once."""
    sized = cache.get(id(o.sizing))
    if sized is None:
        sized = cache[id(o.sizing)] = _one(sizing_dict(o.sizing))
    head = _one(
        {
            "id": o.id,
            "provider": o.provider,
            "site": o.site,
            "region": o.region,
            "zone": o.zone or None,
            "instance_type": o.instance_type,
            "vcpu": o.vcpu,
            "memory_gib": plain(o.memory_gib),
            "network_gbps": _d(o.network_gbps),
            "local_nvme_gb": o.local_nvme_gb,
            "gpu": {
                "model": o.gpu.model,
                "count": int(o.gpu.count) if o.gpu.count == int(o.gpu.count) else plain(o.gpu.count),
                "memory_gib": _d(o.gpu.memory_gib),
            },
            "count": o.count,
            "purchase_option": o.purchase_option,
            "term": o.term or None,
            "payment": o.payment or None,
            "offering": o.offering or None,
            "market": o.market,
            "charges": [_charge(c) for c in o.charges],
            "totals": {
                "native_currency": o.totals.native_currency,
                "native": _amounts(o.totals.native),
                **_amounts(o.totals.report),
            },
            "commitment": _commitment(o.commitment),
            "break_even_hours": None if o.break_even_hours is None else str(o.break_even_hours),
            "on_demand_hourly": _d(o.on_demand_hourly),
            "unpriced": o.unpriced,
            "cost_per_million_output": _d(o.cost_per_million_output),
            "cost_per_million_tokens": _d(o.cost_per_million_tokens),
            "notes": o.notes,
        }
    )
    return f'{head[:-1]}, "sizing": {sized}}}'


def workload_dict(w: Workload) -> dict[str, Any]:
    """Return the workload under its option names; decimals as strings, pairs as objects."""
    result: dict[str, Any] = {}
    for field, value in zip(w._fields, w, strict=True):
        if field in ("discount", "fx"):
            result[field] = {k: plain(v) for k, v in value}
        else:
            result[field] = plain(value) if isinstance(value, Decimal) else value
    return result


def _plain_record(record: Any) -> dict[str, Any]:
    return {
        f: plain(v) if isinstance(v, Decimal) else v for f, v in zip(record._fields, record, strict=True)
    }


def dump(quote: Quote) -> str:
    """Return the quote as JSON text ending with a line feed."""
    cache: dict[int, str] = {}
    fields = [
        ("schema", _one(SCHEMA)),
        ("hash", _one(quote.hash)),
        ("quoted_on", _one(quote.quoted_on)),
        ("hours", _one(plain(quote.hours))),
        ("months", _one(quote.months)),
        ("currency", _one(quote.currency)),
        ("workload", _one(workload_dict(quote.workload))),
        ("fx", _lines(_one(_plain_record(f)) for f in quote.fx)),
        ("prices_as_of", _lines(_one(_plain_record(a)) for a in quote.prices_as_of)),
        ("offers", _lines(_offer(o, cache) for o in quote.offers)),
        ("rejected", _lines(_one(_plain_record(r)) for r in quote.rejected)),
        ("gaps", _lines(_one(_plain_record(g)) for g in quote.gaps)),
        ("stale", _lines(_one(_plain_record(s)) for s in quote.stale)),
        ("budget", _one(_plain_record(quote.budget) if quote.budget else None)),
        ("notes", _one(quote.notes)),
    ]
    return "{\n" + ",\n".join(f' "{name}": {text}' for name, text in fields) + "\n}\n"


def _lines(items: Any) -> str:
    body = ",\n  ".join(items)
    return f"[\n  {body}\n ]" if body else "[]"


# -- reading ----------------------------------------------------------------------------------------------------


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


def _quote(raw: Mapping[str, Any]) -> Quote:
    budget = raw["budget"]
    return Quote(
        raw["quoted_on"],
        Decimal(raw["hours"]),
        raw["months"],
        raw["currency"],
        _workload(raw["workload"]),
        tuple(Fx(**{**f, "rate": Decimal(f["rate"])}) for f in raw["fx"]),
        tuple(AsOf(**a) for a in raw["prices_as_of"]),
        tuple(_load_offer(o) for o in raw["offers"]),
        tuple(Rejected(**r) for r in raw["rejected"]),
        tuple(Gap(**g) for g in raw["gaps"]),
        tuple(Stale(**s) for s in raw["stale"]),
        Budget(Decimal(budget["limit"]), budget["currency"], budget["fits"], _dec(budget["cheapest"])) if budget else None,
        tuple(raw["notes"]),
        raw["hash"],
    )


def _dec(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _workload(raw: Mapping[str, Any]) -> Workload:
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
    """Return the sizing that `sizing_dict` wrote."""
    fields: dict[str, Any] = {}
    for field, value in raw.items():
        if field == "steps":
            fields[field] = tuple(Step(**s) for s in value)
        elif isinstance(value, dict):
            fields[field] = _RANGES.get(field, Range)(**value)
        else:
            fields[field] = tuple(value) if isinstance(value, list) else value
    return Sizing(**fields)


def _load_offer(raw: Mapping[str, Any]) -> Offer:
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
        load_sizing(raw["sizing"]),
        _dec(raw["cost_per_million_output"]),
        _dec(raw["cost_per_million_tokens"]),
        tuple(raw["notes"]),
    )
