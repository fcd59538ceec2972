"""Saved quotes: `planner.quote/2` as `planner.rendering.json` writes it, read back; 0.1.0's `/1` through `saved_v1`.

What a saved quote says must follow from what it is made of: charges are evaluated anew from its lines, totals from the
charges, and a file whose numbers differ is refused with the place that does not follow.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from planner.errors import MisuseError
from planner.files import read_text
from planner.money import Fx, plain
from planner.offer import Source, Way
from planner.prices.fx import Rates
from planner.quoting import cost
from planner.quoting.fields import decimal_or_none, load_workload, machine_of, sizing_of, way_of
from planner.quoting.lines import compute_name
from planner.quoting.records import (
    SCHEMA,
    Amounts,
    AsOf,
    Budget,
    Charge,
    Commitment,
    Gap,
    Line,
    Offer,
    Quote,
    Rate,
    Recommended,
    Rejected,
    Seller,
    Site,
    Stale,
    Totals,
)
from planner.sizing import Sizing
from planner.text import Text
from planner.units import Window

__all__ = ["load", "read"]

#: From a provider's name to what reports call it, for files that do not carry it.
Sellers = Callable[[str], Seller]

_CHARGE_NUMBERS = ("quantity", "unit_price", "list_unit_price", "amount", "list", "billed", "committed", "obligation")


def read(path: str, sellers: Sellers | None = None) -> Quote:
    """Return the saved quote in the file at `path`, of at most 48 MiB (40 times the largest of ours); sellers: see `load`."""
    return load(read_text(path, "quote", 48 * 2**20), path, sellers)


def load(text: str, where: str = "quote", sellers: Sellers | None = None) -> Quote:
    """Return the quote in `text`; anything that is not a `planner.quote/2` or `/1` raises `MisuseError` naming `where`.

    sellers: names the providers of a quote of 0.1.0, which does not carry their titles.
    """
    try:
        raw = json.loads(text)
    except ValueError as exc:
        raise MisuseError(f"{where}: not valid JSON: {exc}") from None
    schema = raw.get("schema") if isinstance(raw, dict) else type(raw).__name__
    try:
        if schema == SCHEMA:
            return _Reader(raw, where).quote()
        if schema == "planner.quote/1":
            from planner.quoting import saved_v1

            return saved_v1.quote(raw, sellers)
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError, IndexError) as exc:
        raise MisuseError(f"{where}: damaged or from another version: {type(exc).__name__} {exc}") from None
    raise MisuseError(f"{where}: not a {SCHEMA} file (found {schema!r}); save one with --format json")


class _Reader:
    """One file being read: its sentences and sources, and where it is wrong."""

    def __init__(self, raw: Mapping[str, Any], where: str) -> None:
        self.raw, self.where = raw, where
        self.words = {said: _unmade(*how) for said, how in raw["words"].items()}
        self.sources = [Source(**s) for s in raw["sources"]]
        self.rates = Rates([Fx(**{**f, "rate": Decimal(f["rate"])}) for f in raw["fx"]])
        self._sizings: dict[str, Sizing] = {}

    def say(self, english: str) -> Text:
        return self.words.get(english) or Text(english)

    def quote(self) -> Quote:
        raw, budget, chosen = self.raw, self.raw["budget"], self.raw["recommended"]
        work = load_workload(raw["workload"])
        window, months = Window(Decimal(raw["hours"]), work.start), raw["months"]
        offers = tuple(self.offer(o, window, months, f"offers[{n}]") for n, o in enumerate(raw["offers"]))
        if chosen is not None and chosen["id"] not in {o.id for o in offers}:
            raise MisuseError(f"{self.where}: recommended.id: no offer {chosen['id']!r} in it")
        return Quote(
            quoted_on=raw["quoted_on"],
            hours=window.hours,
            months=months,
            currency=raw["currency"],
            workload=work,
            fx=tuple(Fx(**{**f, "rate": Decimal(f["rate"])}) for f in raw["fx"]),
            prices_as_of=tuple(AsOf(**a) for a in raw["prices_as_of"]),
            offers=offers,
            rejected=tuple(Rejected(**{**r, "reason": self.say(r["reason"])}) for r in raw["rejected"]),
            gaps=tuple(Gap(**{**g, "message": self.say(g["message"])}) for g in raw["gaps"]),
            stale=tuple(Stale(**{**s, "message": self.say(s["message"])}) for s in raw["stale"]),
            budget=Budget(
                **{**budget, "limit": Decimal(budget["limit"]), "cheapest": decimal_or_none(budget["cheapest"])}
            )
            if budget
            else None,
            notes=tuple(self.say(n) for n in raw["notes"]),
            hash=raw["hash"],
            reference_types=tuple(raw["reference_types"]),
            recommended=Recommended(chosen["id"], chosen["basis"], self.say(chosen["reason"])) if chosen else None,
            sellers=tuple(Seller(**{**s, "sites": tuple(Site(**x) for x in s["sites"])}) for s in raw["sellers"]),
        )

    def rate(self, raw: Mapping[str, Any]) -> Rate:
        return Rate(
            Decimal(raw["amount"]),
            raw["unit"],
            self.sources[raw["source"]],
            Decimal(raw["start"]),
            decimal_or_none(raw["end"]),
        )

    def line(self, raw: Mapping[str, Any], way: Way) -> Line:
        name = self.say(raw["name"]) if raw["part"] != "compute" else compute_name(way, raw["rule"] == "upfront")
        return Line(
            part=raw["part"],
            rule=raw["rule"],
            name=name,
            count=raw["count"],
            each=Decimal(raw["each"]),
            currency=raw["currency"],
            rates=tuple(self.rate(r) for r in raw["rates"]),
            share=Decimal(raw["share"]),
            free=None if raw["free"] is None else self.rate(raw["free"]),
            volume=raw["volume"],
        )

    def offer(self, raw: Mapping[str, Any], window: Window, months: int, place: str) -> Offer:
        way, even, told = way_of(raw), raw["break_even_hours"], raw["totals"]
        lines = tuple(self.line(x, way) for x in raw["lines"])
        usual = way._replace(purchase_option="on_demand", term="", payment="", offering="", zone="")
        terms = cost.terms_of(way, window, months)
        charges = cost.charges_of(lines, terms, window, months)
        self._follow(raw["charges"], charges, place)
        code = told["native_currency"]
        native = cost.totals(charges)
        report = Amounts(*(self.rates.convert(a, code, self.raw["currency"]) for a in native))
        for name, said, made in (("totals.native", told["native"], native), ("totals", told, report)):
            self._same(said, made, f"{place}.{name}")
        return Offer(
            id=raw["id"],
            way=way,
            machine=machine_of(raw),
            count=raw["count"],
            lines=lines,
            charges=charges,
            totals=Totals(code, native, report),
            commitment=_commitment(raw["commitment"]),
            on_demand=None if raw["on_demand"] is None else self.line(raw["on_demand"], usual),
            break_even_hours=None if even is None else int(even),
            unpriced=tuple(self.say(u) for u in raw["unpriced"]),
            sizing=self.sizing(raw),
            cost_per_million_output=decimal_or_none(raw["cost_per_million_output"]),
            cost_per_million_tokens=decimal_or_none(raw["cost_per_million_tokens"]),
            notes=tuple(self.say(n) for n in raw["notes"]),
        )

    def sizing(self, raw: Mapping[str, Any]) -> Sizing:
        name = f"{raw['provider']}:{raw['instance_type']}"
        key = f"{name} {json.dumps(raw['sizing'], sort_keys=True)}"
        if key not in self._sizings:
            self._sizings[key] = sizing_of({**raw["sizing"], **self.raw["sizing_steps"][name]}, self.say)
        return self._sizings[key]

    def _follow(self, told: Sequence[Mapping[str, Any]], made: Sequence[Charge], place: str) -> None:
        if len(told) != len(made):
            raise MisuseError(f"{self.where}: {place}.charges: {len(told)} of them, its lines make {len(made)}")
        for number, (said, charge) in enumerate(zip(told, made, strict=True)):
            for name in _CHARGE_NUMBERS:
                if Decimal(said[name]) != getattr(charge, name):
                    self._differs(f"{place}.charges[{number}].{name}", said[name], getattr(charge, name))

    def _same(self, told: Mapping[str, Any], made: Amounts, place: str) -> None:
        for name, value in zip(made._fields, made, strict=True):
            if Decimal(told[name]) != value:
                self._differs(f"{place}.{name}", told[name], value)

    def _differs(self, place: str, said: object, made: Decimal) -> None:
        raise MisuseError(
            f"{self.where}: {place} is {str(said)[:40]}, but what it is made of gives {plain(made)}: the file was changed"
        )


def _commitment(raw: Mapping[str, Any] | None) -> Commitment | None:
    if raw is None:
        return None
    return Commitment(
        term=raw["term"],
        payment=raw["payment"] or "",
        offering=raw["offering"] or "",
        term_hours=Decimal(raw["term_hours"]),
        term_months=raw["term_months"],
        upfront=Decimal(raw["upfront"]),
        hourly=Decimal(raw["hourly"]),
        monthly=Decimal(raw["monthly"]),
        terms=raw["terms"],
        by_month=raw["by_month"],
    )


def _unmade(key: str, values: Mapping[str, Any]) -> Text:
    """Return the sentence that `words` describes."""

    def value(given: Any) -> Any:
        if isinstance(given, dict):
            return _unmade(given["key"], given["values"])
        return tuple(value(v) for v in given) if isinstance(given, list) else given

    return Text(key, tuple((name, value(v)) for name, v in values.items()))
