"""JSON of a quote: `planner.quote/2`, complete, exact, one offer a line; `planner.quoting.saved` reads it back.

Money, hours and volumes are decimal strings; counts are numbers; what is unknown is null. Sentences are English; `words`
holds how each was made, so that a saved quote can be shown in another language. docs/json.md describes every field.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from planner.money import plain
from planner.offer import Source
from planner.quoting.digest import SEAL, seal
from planner.quoting.fields import workload_dict
from planner.quoting.offers import saturated
from planner.quoting.records import SCHEMA, Amounts, Charge, Commitment, Line, Offer, Quote, Rate, Rejected
from planner.sizing import Layout, Memory, Range, Sizing, Step
from planner.text import Text, shown
from planner.workload import Workload

__all__ = ["dump", "dump_bytes"]

_one = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": ")).encode


_text = json.encoder.encode_basestring  # CPython's C function: one quoted string, UTF-8 kept

# The hot records are written field by field: 236 offers of 25 fields in 5 ms, where dicts and the encoder take 14.


def _d(value: Decimal | None) -> str:
    return "null" if value is None else f'"{plain(value)}"'


def _or_null(text: str) -> str:
    return _text(text) if text else "null"


def _bool(value: bool) -> str:
    return "true" if value else "false"


class _Writer:
    """What the parts of one file share: the sentences said in it, its sources, and what is written once."""

    def __init__(self) -> None:
        self.words: dict[str, Text] = {}
        self.sources: dict[Source, int] = {}
        # By the object's id: most sentences are shared by many offers. The object is kept, so that its id stays its own.
        self._said: dict[int, tuple[Text, str]] = {}
        self._lines: dict[int, str] = {}
        self._sizings: dict[int, str] = {}

    def say(self, said: Text | str) -> str:
        """Return a sentence as JSON; how it was made is kept for `words`."""
        if isinstance(said, str):
            return _text(said)
        known = self._said.get(id(said))
        if known is None:
            english = str(said)
            if said.values:
                self.words[english] = said
            known = self._said[id(said)] = (said, _text(english))
        return known[1]

    def says(self, items: Sequence[Text | str]) -> str:
        return f"[{', '.join([self.say(x) for x in items])}]" if items else "[]"

    def source(self, source: Source) -> int:
        """Return the number of a source in the file's table."""
        return self.sources.setdefault(source, len(self.sources))

    def rate(self, rate: Rate) -> str:
        return (
            f'{{"amount": "{plain(rate.amount)}", "unit": "{rate.unit}", "start": "{plain(rate.start)}", '
            f'"end": {_d(rate.end)}, "source": {self.source(rate.source)}}}'
        )

    def line(self, line: Line | None) -> str:
        if line is None:
            return "null"
        made = self._lines.get(id(line))
        if made is None:
            rates = ", ".join([self.rate(r) for r in line.rates])
            # What the machine itself is called follows from the way of buying; only other names are kept in `words`.
            name = _text(str(line.name)) if line.part == "compute" else self.say(line.name)
            made = self._lines[id(line)] = (
                f'{{"part": "{line.part}", "rule": "{line.rule}", "name": {name}, "count": {line.count}, '
                f'"each": "{plain(line.each)}", "currency": "{line.currency}", "rates": [{rates}], '
                f'"share": "{plain(line.share)}", "free": {self.rate(line.free) if line.free else "null"}, '
                f'"volume": "{line.volume}"}}'
            )
        return made

    def charge(self, c: Charge) -> str:
        s = c.source
        return (
            f'{{"name": {_text(str(c.name))}, "category": "{c.category}", "rule": "{c.rule}", "unit": {_text(c.unit)}, '
            f'"quantity": "{plain(c.quantity)}", "unit_price": "{plain(c.unit_price)}", '
            f'"list_unit_price": "{plain(c.list_unit_price)}", "currency": "{c.currency}", "amount": "{plain(c.amount)}", '
            f'"list": "{plain(c.list)}", "billed": "{plain(c.billed)}", "committed": "{plain(c.committed)}", '
            f'"obligation": "{plain(c.obligation)}", "tier": {_text(str(c.tier))}, "formula": {_text(str(c.formula))}, '
            f'"source": {_text(s.text)}, "as_of": {_or_null(s.as_of)}, "dated": {_text(s.dated)}, '
            f'"confidence": "{s.confidence}", "origin": "{s.origin}", "place": {_text(s.place)}, '
            f'"confirmed": {_or_null(s.confirmed)}}}'
        )

    def step(self, s: Step) -> str:
        return (
            f'{{"what": {self.say(s.what)}, "formula": {self.say(s.formula)}, "result": {self.say(s.result)}, '
            f'"unit": {self.say(s.unit)}, "source": {self.say(s.source)}}}'
        )

    def sizing(self, s: Sizing) -> str:
        """Return the sizing without `basis` and `steps`, which a quote holds once per instance type."""
        made = self._sizings.get(id(s))
        if made is None:
            made = self._sizings[id(s)] = (
                f'{{"fits": {_bool(s.fits)}, "reasons": {self.says(s.reasons)}, "count": {s.count}, '
                f'"count_given": {_bool(s.count_given)}, "model": {_text(s.model)}, "precision": {_text(s.precision)}, '
                f'"engine": {_text(s.engine)}, "layout": {_floats(s.layout)}, "memory": {_floats(s.memory)}, '
                f'"output_tokens_per_second": {_floats(s.output_tokens_per_second)}, '
                f'"total_tokens_per_second": {_floats(s.total_tokens_per_second)}, "ttft_ms": {_floats(s.ttft_ms)}, '
                f'"tpot_ms": {_floats(s.tpot_ms)}, "concurrency": {s.concurrency}, '
                f'"utilisation": {"null" if s.utilisation is None else repr(s.utilisation)}, "idle_gpus": {s.idle_gpus}, '
                f'"warnings": {self.says(s.warnings)}}}'
            )
        return made

    def offer(self, o: Offer, work: Workload, worth: Decimal | None = None) -> bytes:
        """Return one offer as one line; a sizing or line that several offers share is encoded once. worth: its present value."""
        names, full = ("output", "tokens"), ""
        if work.rps or work.tokens_per_second:
            found = zip(names, saturated(work, o), strict=True)
            full = "".join([f'"cost_per_million_{name}_saturated": {_d(value)}, ' for name, value in found])
        present = "" if worth is None else f'"present_value": "{plain(worth)}", '
        way, machine, gpus = o.way, o.machine, o.machine.gpu.count
        eras = ", ".join(
            f'{{"since": {_or_null(e.since)}, "lines": [{", ".join([self.line(x) for x in e.lines])}]}}' for e in o.eras
        )
        changes = f', "eras": [{eras}]' if eras else ""
        even = "null" if o.break_even_hours is None else f'"{o.break_even_hours}"'
        return (
            f'{{"id": {_text(o.id)}, "provider": "{way.provider}", "site": {_text(way.site)}, "region": {_text(way.region)}, '
            f'"zone": {_or_null(way.zone)}, "instance_type": {_text(way.instance_type)}, "vcpu": {machine.vcpu}, '
            f'"memory_gib": "{plain(machine.memory_gib)}", "network_gbps": {_d(machine.network_gbps)}, '
            f'"local_nvme_gb": {machine.local_nvme_gb}, "gpu": {{"model": {_text(machine.gpu.model)}, '
            f'"count": {int(gpus) if gpus == int(gpus) else _d(gpus)}, "memory_gib": {_d(machine.gpu.memory_gib)}}}, '
            f'"count": {o.count}, "purchase_option": "{way.purchase_option}", "term": {_or_null(way.term)}, '
            f'"payment": {_or_null(way.payment)}, "offering": {_or_null(way.offering)}, "market": {_bool(o.market)}, '
            f'"charges": [{", ".join([self.charge(c) for c in o.charges])}], '
            f'"totals": {{"native_currency": "{o.totals.native_currency}", "native": {{{_amounts(o.totals.native)}}}, '
            f'{_amounts(o.totals.report)}}}, "commitment": {_commitment(o.commitment)}, "break_even_hours": {even}, '
            f'"on_demand_hourly": {_d(o.on_demand_hourly)}, "unpriced": {self.says(o.unpriced)}, '
            f'"cost_per_million_output": {_d(o.cost_per_million_output)}, '
            f'"cost_per_million_tokens": {_d(o.cost_per_million_tokens)}, {present}{full}"notes": {self.says(o.notes)}, '
            f'"sizing": {self.sizing(o.sizing)}, "lines": [{", ".join([self.line(x) for x in o.lines])}], '
            f'"on_demand": {self.line(o.on_demand)}{changes}}}'
        ).encode()

    def rejected(self, r: Rejected) -> str:
        return (
            f'{{"provider": "{r.provider}", "region": {_text(r.region)}, "instance_type": {_text(r.instance_type)}, '
            f'"reason": {self.say(r.reason)}}}'
        )

    def records(self, items: tuple[Any, ...]) -> bytes:
        """Return plain records, one a line."""
        return _lines([_one(self._plain(x)).encode() for x in items])

    def _plain(self, record: Any) -> dict[str, Any]:
        return {f: self._value(v) for f, v in zip(record._fields, record, strict=True)}

    def _value(self, value: Any) -> Any:
        if isinstance(value, Text):
            if value.values:
                self.words[str(value)] = value
            return str(value)
        if isinstance(value, Decimal):
            return plain(value)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return self._plain(value)
        return [self._value(v) for v in value] if isinstance(value, tuple) else value


def _amounts(value: Amounts) -> str:
    return (
        f'"list": "{plain(value.list)}", "effective": "{plain(value.effective)}", "billed": "{plain(value.billed)}", '
        f'"committed": "{plain(value.committed)}", "obligation": "{plain(value.obligation)}"'
    )


def _commitment(c: Commitment | None) -> str:
    if c is None:
        return "null"
    return (
        f'{{"term": {_text(c.term)}, "payment": {_or_null(c.payment)}, "offering": {_or_null(c.offering)}, '
        f'"term_hours": "{plain(c.term_hours)}", "term_months": {c.term_months}, "upfront": "{plain(c.upfront)}", '
        f'"hourly": "{plain(c.hourly)}", "monthly": "{plain(c.monthly)}", "terms": {c.terms}, '
        f'"by_month": {_bool(c.by_month)}}}'
    )


def _floats(record: Range | Memory | Layout | None) -> str:
    if record is None:
        return "null"
    return "{" + ", ".join([f'"{f}": {v!r}' for f, v in zip(record._fields, record, strict=True)]) + "}"


def _made(said: Text) -> str:
    """Return how a sentence is made: its key, and its values (a sentence within it likewise, a list as a list)."""
    return f"[{_text(said.key)}, {_values(said)}]"


def _values(said: Text) -> str:
    return "{" + ", ".join([f"{_text(name)}: {_value(value)}" for name, value in said.values]) + "}"


def _value(value: object) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Text):
        return f'{{"key": {_text(value.key)}, "values": {_values(value)}}}'
    if isinstance(value, tuple):
        return f"[{', '.join([_value(v) for v in value])}]"
    return _text(shown(value))


def dump(quote: Quote) -> str:
    """Return the quote as JSON text ending with a line feed."""
    return dump_bytes(quote).decode()


def dump_bytes(quote: Quote) -> bytes:
    """Return the quote as UTF-8 JSON ending with a line feed."""
    out = _Writer()
    sized = {f"{o.provider}:{o.instance_type}": o.sizing for o in (*quote.offers, *quote.beyond)}
    steps = [
        f'{_text(name)}: {{"basis": {_one(s.basis)}, "steps": [{", ".join([out.step(x) for x in s.steps])}]}}'
        for name, s in sorted(sized.items())
    ]
    chosen, budget = quote.recommended, quote.budget
    fields: list[tuple[str, bytes]] = [
        ("schema", _one(SCHEMA).encode()),
        ("hash", _one(quote.hash).encode()),
        ("quoted_on", _one(quote.quoted_on).encode()),
        ("hours", _one(plain(quote.hours)).encode()),
        ("months", _one(quote.months).encode()),
        ("currency", _one(quote.currency).encode()),
        ("workload", _one(workload_dict(quote.workload)).encode()),
        ("fx", out.records(quote.fx)),
        ("prices_as_of", out.records(quote.prices_as_of)),
        ("recommended", _one(out._plain(chosen) if chosen else None).encode()),
        (
            "offers",
            _lines(
                [
                    out.offer(o, quote.workload, value)
                    for o, value in zip(quote.offers, _present_values(quote), strict=True)
                ]
            ),
        ),
        *_worth(quote),
        *([("beyond", _lines([out.offer(o, quote.workload) for o in quote.beyond]))] if quote.beyond else []),
        ("rejected", _lines([out.rejected(r).encode() for r in quote.rejected])),
        ("gaps", out.records(quote.gaps)),
        ("stale", out.records(quote.stale)),
        ("budget", _one(out._plain(budget) if budget else None).encode()),
        ("notes", out.says(quote.notes).encode()),
        ("reference_types", _one(quote.reference_types).encode()),
        ("sellers", out.records(quote.sellers)),
        ("sizing_steps", _lines([x.encode() for x in steps], b"{", b"}")),
        ("sources", out.records(tuple(out.sources))),
    ]
    fields[-1:-1] = _fiscal(quote)
    if quote.measurements:
        fields.insert(-1, ("measurements", out.records(quote.measurements)))
    if quote.beside is not None:
        from planner.rendering.tokens import as_json

        fields[-1:-1] = [("beside", _one(out._plain(quote.beside)).encode()), ("apis", _one(as_json(quote)).encode())]
    words = [f"{_text(said)}: {_made(how)}".encode() for said, how in sorted(out.words.items())]
    fields.append(("words", _lines(words, b"{", b"}")))
    # Joined as bytes: one Chinese source would otherwise make the whole text two bytes a character (10 ms).
    body = b"{\n" + b",\n".join(b' "%s": %s' % (name.encode(), text) for name, text in fields)
    return b'%s%s"%s"\n}\n' % (body, SEAL.encode(), seal(body).encode())


def _present_values(quote: Quote) -> list[Decimal | None]:
    rate = quote.workload.discount_rate
    if rate is None:
        return [None] * len(quote.offers)
    from planner.quoting.worth import present_value

    return [present_value(quote, o, rate) for o in quote.offers]


def _fiscal(quote: Quote) -> list[tuple[str, bytes]]:
    """Return what a fiscal year's start adds: the recommended offer's quarters."""
    best = quote.best
    if best is None or not quote.workload.fiscal_year_start:
        return []
    from planner.quoting.fiscal import quarters

    rows = [
        {f: plain(v) if isinstance(v, Decimal) else v for f, v in q._asdict().items()} for q in quarters(quote, best)
    ]
    return [("fiscal_quarters", _lines([_one(row).encode() for row in rows]))]


def _worth(quote: Quote) -> list[tuple[str, bytes]]:
    """Return what a discount rate adds beside the offers' present values: where two ways of paying tie."""
    if quote.workload.discount_rate is None:
        return []
    from planner.quoting import worth

    ties = [
        {
            "offer": x.early.id,
            "against": x.late.id,
            "rate_nominal_monthly": plain(x.nominal),
            "rate_effective": plain(x.effective),
            "months": x.months,
            "currency": x.early.totals.native_currency,
            "upfront": plain(x.upfront),
            "saved": plain(x.saved),
        }
        for x in worth.ties(quote, quote.offers)
    ]
    return [("ties", _lines([_one(x).encode() for x in ties]))]


def _lines(items: list[bytes], start: bytes = b"[", end: bytes = b"]") -> bytes:
    return start + b"\n  " + b",\n  ".join(items) + b"\n " + end if items else start + end
