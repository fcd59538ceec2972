"""Quotes that release 0.1.0 saved (`planner.quote/1`): finished sentences and charges without lines.

Its sentences are recognised by the table of texts, and its charges made into lines again; nothing else in planner reads
a sentence back. The lines must give the file's totals to the last digit, else it was changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from planner.i18n import rows
from planner.money import Fx
from planner.offer import OBSERVED, Source, Way
from planner.prices.fx import Rates
from planner.quoting import choose, cost
from planner.quoting.fields import check_line, load_workload, machine_of, number_or_none, sizing_of, way_of
from planner.quoting.records import (
    Amounts,
    AsOf,
    Commitment,
    Gap,
    Line,
    Offer,
    Quote,
    Rate,
    Rejected,
    Seller,
    Stale,
    Totals,
)
from planner.text import Text, text
from planner.typed import number
from planner.workload import Workload

__all__ = ["quote", "recognise"]

ZERO, ONE = Decimal(0), Decimal(1)
#: No sentence of 0.1.0 is longer; what is gets no pattern tried on it.
_LONGEST = 4_000
_VOLUMES = {"egress": "egress_gb", "inter_region": "inter_region_gb", "storage": "storage_gb", "ip": "public_ips"}


@cache
def _patterns() -> list[tuple[Any, str]]:
    """Return a matcher and the key of every sentence with values, those with the most words of their own first."""
    keys = {english for _, english, _ in rows() if "{" in english}
    return [(_pattern(key), key) for key in sorted(keys, key=lambda k: (-len(re.sub(r"\{\w+\}", "", k)), k))]


def _pattern(key: str) -> Any:
    parts = re.split(r"\{(\w+)\}", key)
    seen: set[str] = set()
    made = ""
    for index, part in enumerate(parts):
        if index % 2 == 0:
            made += re.escape(part)
        else:
            made += f"(?P={part})" if part in seen else f"(?P<{part}>.+?)"
            seen.add(part)
    return re.compile(made, re.DOTALL)


@cache
def recognise(sentence: str) -> Text:
    """Return how a finished English sentence of 0.1.0 is made today; itself where the table has none like it."""
    if not sentence or len(sentence) > _LONGEST:
        return Text(sentence)
    for pattern, key in _patterns():
        hit = pattern.fullmatch(sentence)
        if hit and len(re.sub(r"\{\w+\}", "", key)) > 2:
            values = {n: recognise(v) for n, v in hit.groupdict().items()}
            return text(key, **{n: v if v.values else v.key for n, v in values.items()})
    if "; " in sentence:
        return text("{parts}", parts=tuple(recognise(part) for part in sentence.split("; ")))
    return Text(sentence)


def quote(raw: Mapping[str, Any], sellers: Callable[[str], Seller] | None = None) -> Quote:
    """Return the quote of a `planner.quote/1` object; sellers names its providers."""
    work = load_workload(raw["workload"], "workload")
    months = work.window.months
    if number(raw["hours"], "hours") != work.hours or raw["months"] != months or raw["currency"] != work.currency:
        raise ValueError("hours, months and currency do not follow from the workload")
    offers = tuple(_offer(o, work, raw) for o in raw["offers"])
    names = dict.fromkeys(o.provider for o in offers)
    made = Quote(
        quoted_on=raw["quoted_on"],
        hours=number(raw["hours"], "hours"),
        months=raw["months"],
        currency=raw["currency"],
        workload=work,
        fx=tuple(Fx(**{**f, "rate": number(f["rate"], "rate")}) for f in raw["fx"]),
        prices_as_of=tuple(AsOf(**a) for a in raw["prices_as_of"]),
        offers=offers,
        rejected=tuple(Rejected(**{**r, "reason": recognise(r["reason"])}) for r in raw["rejected"]),
        gaps=tuple(Gap(**{**g, "message": recognise(g["message"])}) for g in raw["gaps"]),
        stale=tuple(Stale(**{**s, "message": recognise(s["message"])}) for s in raw["stale"]),
        budget=None,
        notes=tuple(recognise(n) for n in raw["notes"]),
        hash=raw["hash"],
        reference_types=tuple(raw["reference_types"]),
        sellers=tuple(sellers(name) for name in names) if sellers else (),
    )
    budget = choose.within(made, work.budget, work.budget_basis)
    return made._replace(recommended=choose.recommend(made), budget=budget)


def _source(raw: Mapping[str, Any]) -> Source:
    """Return who says so; a price of the price book bears the day of its observation in its place."""
    observed = raw["place"].removeprefix(OBSERVED) if raw["origin"] == "book" else ""
    return Source(
        text=raw["source"],
        as_of=raw["as_of"] or "",
        dated=raw["dated"],
        confidence=raw["confidence"],
        origin=raw["origin"],
        place=raw["place"],
        observed=observed,
    )


def _offer(raw: Mapping[str, Any], work: Workload, whole: Mapping[str, Any]) -> Offer:
    way, terms = way_of(raw), _commitment(raw["commitment"], raw["purchase_option"] == "subscription")
    lines = tuple(_lines(raw, work, way, terms))
    for line in lines:
        check_line(line, str(raw["id"]))
    window, months, totals = work.window, whole["months"], raw["totals"]
    charges = cost.charges_of(lines, cost.terms_of(way, window, months), window, months)
    native = cost.totals(charges)
    rates = Rates([Fx(**{**f, "rate": number(f["rate"], "rate")}) for f in whole["fx"]])
    report = Amounts(*(rates.convert(a, totals["native_currency"], whole["currency"]) for a in native))
    for name in ("list", "effective", "billed", "committed"):
        for told, made in ((totals["native"], native), (totals, report)):
            if Decimal(told[name]) != getattr(made, name):
                raise ValueError(
                    f"{raw['id']}: {name} is {str(told[name])[:40]}, but its charges give {getattr(made, name)}"
                )
    even, hourly, share = raw["break_even_hours"], raw["on_demand_hourly"], _share(work, way.provider, "on_demand")
    usual = None
    if hourly is not None:
        steps = [r for r in raw.get("prices", ()) if r["part"] == "on_demand"]
        rates_ = [_rate(r) for r in steps] or [
            _bare(number(hourly, "on_demand_hourly") / (1 - share) if share < 1 else ZERO, raw)
        ]
        code = totals["native_currency"]
        usual = Line("compute", "hours", text("on-demand"), raw["count"], ONE, code, tuple(rates_), share)
    name = f"{raw['provider']}:{raw['instance_type']}"
    return Offer(
        id=raw["id"],
        way=way,
        machine=machine_of(raw),
        count=raw["count"],
        lines=lines,
        charges=charges,
        totals=Totals(totals["native_currency"], native, report),
        commitment=terms,
        on_demand=usual,
        break_even_hours=None if even is None else int(even),
        unpriced=tuple(recognise(u) for u in raw["unpriced"]),
        sizing=sizing_of({**raw["sizing"], **whole["sizing_steps"][name]}, recognise),
        cost_per_million_output=number_or_none(raw["cost_per_million_output"], "cost_per_million_output"),
        cost_per_million_tokens=number_or_none(raw["cost_per_million_tokens"], "cost_per_million_tokens"),
        notes=tuple(recognise(n) for n in raw["notes"]),
    )


def _commitment(raw: Mapping[str, Any] | None, by_month: bool) -> Commitment | None:
    if raw is None:
        return None
    return Commitment(
        term=raw["term"],
        payment=raw["payment"] or "",
        offering=raw["offering"] or "",
        term_hours=number(raw["term_hours"], "term_hours"),
        term_months=raw["term_months"],
        upfront=number(raw["upfront"], "upfront"),
        hourly=number(raw["hourly"], "hourly"),
        monthly=number(raw["monthly"], "monthly"),
        terms=raw["terms"],
        by_month=by_month,
    )


def _share(work: Workload, provider: str, option: str = "") -> Decimal:
    shares = dict(work.discount)
    return shares.get(f"{provider}:{option}", shares.get(provider, ZERO))


def _rate(raw: Mapping[str, Any]) -> Rate:
    """Return the rate of one of 0.1.0's `prices`."""
    return Rate(
        number(raw["amount"], "amount"),
        raw["unit"],
        _source(raw),
        number(raw["start"], "start"),
        number_or_none(raw["end"], "end"),
    )


def _bare(amount: Decimal, raw: Mapping[str, Any]) -> Rate:
    return Rate(amount, "hour", _source(raw["charges"][0]))


def _lines(raw: Mapping[str, Any], work: Workload, way: Way, terms: Commitment | None) -> Iterable[Line]:
    """Yield the lines that an offer's charges (and prices, where it carries them) came from."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for charge in raw["charges"]:
        groups.setdefault((charge["category"], charge["name"]), []).append(charge)
    carried: dict[str, list[Mapping[str, Any]]] = {}
    for price in raw.get("prices", ()):
        carried.setdefault(price["part"], []).append(price)
    for (part, name), charges in groups.items():
        if part == "compute":
            yield _compute(raw, charges, name, _share(work, way.provider, way.purchase_option), terms)
        elif part == "tax":
            yield Line(part, "tax", recognise(name), 1, work.tax, charges[0]["currency"], (_printed(charges[0]),))
        else:
            yield _beside(raw, part, name, charges, carried.pop(part, []), work)
    for part, prices in carried.items():
        if part in _VOLUMES:
            yield _beside(raw, part, prices[0]["item"], [], prices, work)


def _printed(charge: Mapping[str, Any], start: Decimal = ZERO, end: Decimal | None = None) -> Rate:
    unit = charge["unit"]
    return Rate(number(charge["list_unit_price"], "list_unit_price"), unit, _source(charge), start, end)


def _compute(
    raw: Mapping[str, Any], charges: list[Mapping[str, Any]], name: str, share: Decimal, terms: Commitment | None
) -> Line:
    first, count = charges[0], raw["count"]
    if terms is None:
        steps = raw.get("hour_steps", ())
        rule = "block" if raw["purchase_option"] == "capacity_block" else "hours"
        rates = [
            Rate(
                number(s["list_unit_price"], "list_unit_price"),
                "hour",
                _source(first),
                number(s["tier_from"], "tier_from"),
                number_or_none(s["tier_to"], "tier_to"),
            )
            for s in steps
        ] or [_printed(first)]
        return Line("compute", rule, recognise(name), count, ONE, first["currency"], tuple(rates), share)
    price, unit = number(first["list_unit_price"], "list_unit_price"), first["unit"]
    rule = "months" if unit == "month" else "upfront" if name.endswith(", upfront)") else "committed"
    if rule != "committed":
        lump = number(first["committed"], "committed") / ((1 - share) * terms.terms * count)
        length = Decimal(terms.term_months) if rule == "months" else terms.term_hours
        if price * length != lump or (rule == "months" and terms.upfront):
            price, unit = lump, "term"
    rate = Rate(price, unit, _source(first))
    return Line("compute", rule, recognise(name), count, ONE, first["currency"], (rate,), share)


def _beside(
    raw: Mapping[str, Any],
    part: str,
    name: str,
    charges: list[Mapping[str, Any]],
    prices: list[Mapping[str, Any]],
    work: Workload,
) -> Line:
    """Return a line of traffic, disk or addresses, with every tier that the file carries."""
    free: Rate | None = None
    rates: list[Rate] = []
    for price in prices:
        if price["quota"]:
            free = Rate(ZERO, "GB", _source(price), ZERO, number_or_none(price["end"], "end"))
        else:
            rates.append(_rate(price))
    if not prices:
        for charge in charges:
            if charge["tier"] == "free quota":
                free = Rate(
                    ZERO, "GB", _source(charge), ZERO, number(charge["quantity"], "quantity") / _months(raw, charge)
                )
                continue
            low, _, high = charge["tier"].partition(" ")[0].partition("-")
            end = number(high, "tier") if high and high != "up" else None
            rates.append(_printed(charge, number(low, "tier") if low else ZERO, end))
    volume = _VOLUMES[part]
    if part in ("egress", "inter_region"):
        rule = "traffic"
    elif part == "ip" or rates[0].unit.endswith("-hour"):
        rule = "held_hours"
    else:
        rule = "held_months" if raw["purchase_option"] == "subscription" else "held_730"
    return Line(
        part=part,
        rule=rule,
        name=recognise(name),
        count=raw["count"] if part == "storage" else 1,
        each=Decimal(getattr(work, volume)),
        currency=(charges or prices)[0]["currency"],
        rates=tuple(rates),
        share=_share(work, raw["provider"]),
        free=free,
        volume=volume,
    )


def _months(raw: Mapping[str, Any], charge: Mapping[str, Any]) -> Decimal:
    """Return the months that a free quota was counted in, from its formula "100 GB free x 3 mo."."""
    found = re.search(r"x (\d+) mo", charge["formula"])
    return Decimal(found[1]) if found else ONE
