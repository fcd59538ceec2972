"""What a command printed, as an agent is told it: the same records, without what would fill its window.

A quote's file holds every offer with all that recomputing it needs, over a megabyte. An agent hears the recommended offer and a
few of each cloud and way of buying, each with the charges that make it, and how many others there are.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["ANSWERS", "shape"]

#: What of an offer an agent needs to name it, to trust it and to compare it; the rest of it is for recomputing.
OFFER = (
    "id provider site region zone instance_type gpu count purchase_option term payment offering market totals commitment "
    "break_even_hours on_demand_hourly unpriced cost_per_million_output cost_per_million_tokens notes"
).split()
CHARGE = (
    "name category currency amount list billed committed formula source as_of dated confidence confirmed place".split()
)
SIZING = (
    "fits count model precision engine layout output_tokens_per_second ttft_ms tpot_ms concurrency utilisation idle_gpus warnings"
).split()
#: What a quote says besides its offers.
QUOTE = (
    "schema hash quoted_on hours months currency workload fx prices_as_of recommended budget stale gaps notes apis"
).split()


def _cut(record: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    return {name: record[name] for name in names if name in record}


def _offer(offer: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_cut(offer, OFFER),
        "charges": [_cut(charge, CHARGE) for charge in offer["charges"]],
        "sizing": _cut(offer["sizing"], SIZING),
    }


def quoted(printed: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return a quote with the recommended offer and the `top` cheapest of each cloud and way of buying."""
    quote: dict[str, Any] = json.loads(printed)
    best = (quote.get("recommended") or {}).get("id")
    top, counts, shown = int(said.get("top") or 1), dict[tuple[str, str], int](), []
    for offer in quote["offers"]:
        kind = (offer["provider"], offer["purchase_option"])
        counts[kind] = counts.get(kind, 0) + 1
        if offer["id"] == best or counts[kind] <= top:
            shown.append(_offer(offer))
    return {
        **_cut(quote, QUOTE),
        "offers": sorted(shown, key=lambda offer: offer["id"] != best),
        "offers_left_out": len(quote["offers"]) - len(shown),
        "instance_types_rejected": len(quote["rejected"]),
    }


def as_json(printed: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as the command's JSON has it."""
    found = json.loads(printed)
    return found if isinstance(found, dict) else {"rows": found}


def committed(printed: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return a plan without its instances hour by hour, which its levels say as well."""
    found = as_json(printed, said)
    if isinstance(found.get("mix"), dict):
        found["mix"].pop("instances", None)
    return found


def differed(printed: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return a comparison with the recommended offers and the `top` that changed most (they come in that order)."""
    found = as_json(printed, said)
    best = {(found["recommended"] or {}).get(side, {}).get("id") for side in ("before", "after")}
    top = int(said.get("top") or 5)
    shown = [offer for at, offer in enumerate(found["offers"]) if at < top or offer["id"] in best]
    return {**found, "offers": shown, "offers_left_out": len(found["offers"]) - len(shown)}


def as_text(printed: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what people read, as text."""
    return {"text": printed}


def rows(printed: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rows of a table, at most `limit`, and how many there are."""
    every = list(csv.DictReader(io.StringIO(printed)))
    limit = int(said.get("limit") or 100)
    return {"rows": every[:limit], "found": len(every), "left_out": max(0, len(every) - limit)}


def emitted(printed: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was written where, and what the command said of it."""
    folder = str(said["folder"])
    files = sorted(
        os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names
    )
    return {"folder": folder, "files": files, "report": printed.splitlines()}


ANSWERS: dict[str, Callable[[str, Mapping[str, Any]], dict[str, Any]]] = {
    made.__name__: made for made in (quoted, as_json, committed, differed, as_text, rows, emitted)
}

#: What an answer always has, and of what kind, by the way in which it is read.
_ALWAYS: dict[str, dict[str, Any]] = {
    "quoted": {
        "schema": {"const": "planner.quote/2"},
        "quoted_on": {"type": "string", "format": "date"},
        "currency": {"type": "string"},
        "prices_as_of": {"type": "array", "items": {"type": "object"}},
        "recommended": {"type": ["object", "null"]},
        "stale": {"type": "array"},
        "gaps": {"type": "array"},
        "notes": {"type": "array", "items": {"type": "string"}},
        "offers": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "count", "totals", "unpriced", "charges", "sizing"],
                "properties": {
                    "id": {"type": "string"},
                    "count": {"type": "integer"},
                    "totals": {"type": "object"},
                    "unpriced": {"type": "array"},
                    "charges": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["name", "amount", "currency", "formula", "source", "as_of", "confidence"],
                        },
                    },
                    "sizing": {"type": "object"},
                },
            },
        },
        "offers_left_out": {"type": "integer"},
        "instance_types_rejected": {"type": "integer"},
    },
    "as_json": {},
    "committed": {"schema": {"type": "string"}, "mix": {"type": "object"}},
    "differed": {
        "schema": {"const": "planner.diff/2"},
        "recommended": {"type": ["object", "null"]},
        "offers": {"type": "array", "items": {"type": "object", "required": ["id", "status"]}},
        "offers_left_out": {"type": "integer"},
    },
    "as_text": {"text": {"type": "string"}},
    "rows": {
        "rows": {"type": "array", "items": {"type": "object"}},
        "found": {"type": "integer"},
        "left_out": {"type": "integer"},
    },
    "emitted": {
        "folder": {"type": "string"},
        "files": {"type": "array", "items": {"type": "string"}},
        "report": {"type": "array", "items": {"type": "string"}},
    },
}


def shape(answer: str) -> dict[str, Any]:
    """Return the JSON Schema of what a question that is read so is told; `said` is what the command said beside its answer."""
    always = _ALWAYS[answer]
    said = {"said": {"type": "array", "items": {"type": "string"}}}
    return {"type": "object", "properties": {**always, **said}, "required": list(always)}
