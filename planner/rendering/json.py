"""JSON of a quote: `planner.quote/1`, complete, exact, one offer a line; `load` reads it back to the same bytes.

Money, hours and volumes are decimal strings; counts are numbers; what is unknown is null. docs/json.md describes every
field.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from planner.money import plain
from planner.quoting.records import (
    SCHEMA,
    Amounts,
    Charge,
    Commitment,
    Offer,
    Quote,
    Rejected,
)
from planner.quoting.saved import workload_dict
from planner.sizing import Layout, Memory, Range, Sizing, Step

__all__ = ["dump", "dump_bytes"]

_one = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": ")).encode


_text = json.encoder.encode_basestring  # CPython's C function: one quoted string, UTF-8 kept

# The hot records are written field by field: 236 offers of 25 fields in 5 ms, where dicts and the encoder take 14.


def _d(value: Decimal | None) -> str:
    return "null" if value is None else f'"{plain(value)}"'


def _or_null(text: str) -> str:
    return _text(text) if text else "null"


def _texts(items: tuple[str, ...]) -> str:
    return f"[{', '.join([_text(x) for x in items])}]" if items else "[]"


def _amounts(value: Amounts) -> str:
    return (
        f'"list": "{plain(value.list)}", "effective": "{plain(value.effective)}", '
        f'"billed": "{plain(value.billed)}", "committed": "{plain(value.committed)}"'
    )


def _charge(c: Charge) -> str:
    return (
        f'{{"name": {_text(c.name)}, "category": "{c.category}", "unit": {_text(c.unit)}, '
        f'"quantity": "{plain(c.quantity)}", "unit_price": "{plain(c.unit_price)}", '
        f'"list_unit_price": "{plain(c.list_unit_price)}", "currency": "{c.currency}", "amount": "{plain(c.amount)}", '
        f'"list": "{plain(c.list)}", "billed": "{plain(c.billed)}", "committed": "{plain(c.committed)}", '
        f'"tier": {_text(c.tier)}, "formula": {_text(c.formula)}, "source": {_text(c.source)}, '
        f'"as_of": {_or_null(c.as_of)}, "dated": {_text(c.dated)}, "confidence": "{c.confidence}", '
        f'"origin": "{c.origin}", "place": {_text(c.place)}}}'
    )


def _step(s: Step) -> str:
    return (
        f'{{"what": {_text(s.what)}, "formula": {_text(s.formula)}, "result": {_text(s.result)}, '
        f'"unit": {_text(s.unit)}, "source": {_text(s.source)}}}'
    )


def _commitment(c: Commitment | None) -> str:
    if c is None:
        return "null"
    return (
        f'{{"term": {_text(c.term)}, "payment": {_or_null(c.payment)}, "offering": {_or_null(c.offering)}, '
        f'"term_hours": "{plain(c.term_hours)}", "term_months": {c.term_months}, "upfront": "{plain(c.upfront)}", '
        f'"hourly": "{plain(c.hourly)}", "monthly": "{plain(c.monthly)}", "terms": {c.terms}}}'
    )


def _floats(record: Range | Memory | Layout | None) -> str:
    if record is None:
        return "null"
    return "{" + ", ".join([f'"{f}": {v!r}' for f, v in zip(record._fields, record, strict=True)]) + "}"


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _sizing_numbers(s: Sizing) -> str:
    """The sizing without `basis` and `steps`, which a quote holds once per instance type."""
    return (
        f'{{"fits": {_bool(s.fits)}, "reasons": {_texts(s.reasons)}, "count": {s.count}, '
        f'"count_given": {_bool(s.count_given)}, "model": {_text(s.model)}, "precision": {_text(s.precision)}, '
        f'"engine": {_text(s.engine)}, "layout": {_floats(s.layout)}, "memory": {_floats(s.memory)}, '
        f'"output_tokens_per_second": {_floats(s.output_tokens_per_second)}, '
        f'"total_tokens_per_second": {_floats(s.total_tokens_per_second)}, "ttft_ms": {_floats(s.ttft_ms)}, '
        f'"tpot_ms": {_floats(s.tpot_ms)}, "concurrency": {s.concurrency}, '
        f'"utilisation": {"null" if s.utilisation is None else repr(s.utilisation)}, "idle_gpus": {s.idle_gpus}, '
        f'"warnings": {_texts(s.warnings)}}}'
    )


def _offer(o: Offer, cache: dict[int, str]) -> bytes:
    """Return one offer as one line; a sizing that several offers share is encoded once."""
    sized = cache.get(id(o.sizing))
    if sized is None:
        sized = cache[id(o.sizing)] = _sizing_numbers(o.sizing)
    gpus = o.gpu.count
    prices = ', "prices": ' + _one([_plain_record(r) for r in o.prices]) if o.prices else ""
    if o.hour_steps:
        prices += ', "hour_steps": ' + _one([_plain_record(s) for s in o.hour_steps])
    even = "null" if o.break_even_hours is None else f'"{o.break_even_hours}"'
    return (
        f'{{"id": {_text(o.id)}, "provider": "{o.provider}", "site": {_text(o.site)}, "region": {_text(o.region)}, '
        f'"zone": {_or_null(o.zone)}, "instance_type": {_text(o.instance_type)}, "vcpu": {o.vcpu}, '
        f'"memory_gib": "{plain(o.memory_gib)}", "network_gbps": {_d(o.network_gbps)}, '
        f'"local_nvme_gb": {o.local_nvme_gb}, "gpu": {{"model": {_text(o.gpu.model)}, '
        f'"count": {int(gpus) if gpus == int(gpus) else _d(gpus)}, "memory_gib": {_d(o.gpu.memory_gib)}}}, '
        f'"count": {o.count}, "purchase_option": "{o.purchase_option}", "term": {_or_null(o.term)}, '
        f'"payment": {_or_null(o.payment)}, "offering": {_or_null(o.offering)}, '
        f'"market": {"true" if o.market else "false"}, "charges": [{", ".join([_charge(c) for c in o.charges])}], '
        f'"totals": {{"native_currency": "{o.totals.native_currency}", "native": {{{_amounts(o.totals.native)}}}, '
        f'{_amounts(o.totals.report)}}}, "commitment": {_commitment(o.commitment)}, "break_even_hours": {even}, '
        f'"on_demand_hourly": {_d(o.on_demand_hourly)}, "unpriced": {_texts(o.unpriced)}, '
        f'"cost_per_million_output": {_d(o.cost_per_million_output)}, '
        f'"cost_per_million_tokens": {_d(o.cost_per_million_tokens)}, "notes": {_texts(o.notes)}, "sizing": {sized}{prices}}}'
    ).encode()


def _sizing_steps(offers: tuple[Offer, ...]) -> dict[str, Sizing]:
    return {f"{o.provider}:{o.instance_type}": o.sizing for o in offers}


def _plain_record(record: Any) -> dict[str, Any]:
    return {f: plain(v) if isinstance(v, Decimal) else v for f, v in zip(record._fields, record, strict=True)}


def dump(quote: Quote) -> str:
    """Return the quote as JSON text ending with a line feed."""
    return dump_bytes(quote).decode()


def dump_bytes(quote: Quote) -> bytes:
    """Return the quote as UTF-8 JSON ending with a line feed."""
    cache: dict[int, str] = {}
    steps = [
        f'{_text(name)}: {{"basis": {_texts(s.basis)}, "steps": [{", ".join([_step(x) for x in s.steps])}]}}'
        for name, s in sorted(_sizing_steps(quote.offers).items())
    ]
    fields: list[tuple[str, bytes]] = [
        ("schema", _one(SCHEMA).encode()),
        ("hash", _one(quote.hash).encode()),
        ("quoted_on", _one(quote.quoted_on).encode()),
        ("hours", _one(plain(quote.hours)).encode()),
        ("months", _one(quote.months).encode()),
        ("currency", _one(quote.currency).encode()),
        ("workload", _one(workload_dict(quote.workload)).encode()),
        ("fx", _records(quote.fx)),
        ("prices_as_of", _records(quote.prices_as_of)),
        ("offers", _lines([_offer(o, cache) for o in quote.offers])),
        ("rejected", _lines([_rejected(r).encode() for r in quote.rejected])),
        ("gaps", _records(quote.gaps)),
        ("stale", _records(quote.stale)),
        ("budget", _one(_plain_record(quote.budget) if quote.budget else None).encode()),
        ("notes", _one(quote.notes).encode()),
        ("reference_types", _one(quote.reference_types).encode()),
        ("sizing_steps", _lines([x.encode() for x in steps], b"{", b"}")),
    ]
    # Joined as bytes: one Chinese source would otherwise make the whole text two bytes a character (10 ms).
    return b"{\n" + b",\n".join(b' "%s": %s' % (name.encode(), text) for name, text in fields) + b"\n}\n"


def _rejected(r: Rejected) -> str:
    return (
        f'{{"provider": "{r.provider}", "region": {_text(r.region)}, "instance_type": {_text(r.instance_type)}, '
        f'"reason": {_text(r.reason)}}}'
    )


def _records(items: tuple[Any, ...]) -> bytes:
    return _lines([_one(_plain_record(x)).encode() for x in items])


def _lines(items: list[bytes], start: bytes = b"[", end: bytes = b"]") -> bytes:
    return start + b"\n  " + b",\n  ".join(items) + b"\n " + end if items else start + end
