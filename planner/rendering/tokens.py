"""Managed APIs beside the offers of a quote: a table, and the figures of it in JSON."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from planner.i18n import English
from planner.money import plain, show
from planner.quoting.records import Api, Beside, Quote
from planner.quoting.tokens import Compared, Even, Volume, compared, evens, machines, volume
from planner.rendering.columns import fold, layout
from planner.rendering.words import seller, way
from planner.text import plural

__all__ = ["as_json", "dump", "name", "notes_below", "section"]

#: So many APIs are listed; JSON has every one.
MOST = 8


def as_json(quote: Quote) -> dict[str, Any]:
    """Return what the table says, in figures: APIs by cost, and the tokens a day from which each provider's best offer wins."""
    much = volume(quote)
    told: dict[str, Any] = {"volume": None}
    if much is not None:
        told["volume"] = {
            "input_tokens": _whole(much.inputs * 1_000_000),
            "output_tokens": _whole(much.outputs * 1_000_000),
            "days": plain(much.days),
            "from": "machines" if much.full else "demand",
        }
    told["offers"] = [
        {
            "vendor": c.api.vendor,
            "site": c.api.site,
            "region": c.api.region,
            "model": c.api.model,
            "as_of": c.api.source.as_of,
            "cost_per_million_tokens": plain(c.million),
            "cost": None if c.cost is None else plain(c.cost),
            "cost_in_batches": None if c.batch is None else plain(c.batch),
            "break_even": [
                {
                    "offer": e.offer.id,
                    "tokens_a_day": _whole(e.a_day),
                    "copies": e.units,
                    "tokens_a_day_each": _whole(e.each),
                    "machines_hold": None if e.holds is None else _whole(e.holds),
                    "never": e.never,
                }
                for e in evens(quote, c)
            ],
        }
        for c in compared(quote)
    ]
    return told


def _whole(value: Decimal) -> str:
    return plain(value.to_integral_value())


def dump(quote: Quote, t: English, room: int | None) -> str:
    """Return the section of a terminal's table; "" where no APIs were asked for."""
    if quote.beside is None:
        return ""
    head, rows, said, lacks = section(quote, t)
    lines = [x for s in head for x in fold(s, room)]
    if rows:
        lines += [x for block in layout(rows[0], rows[1:], set(range(3, len(rows[0]))), room) for x in block]
    lines += [x for s in (*said, *lacks) for x in fold(s, room, 2)]
    return "\n" + "\n".join(lines) + "\n"


def section(quote: Quote, t: English) -> tuple[list[str], list[list[str]], list[str], list[str]]:
    """Return the opening sentences, the table (its header first), the sentences below it, and what each API lacks (its title first)."""
    told, much, found = quote.beside, volume(quote), compared(quote)
    assert told is not None
    head = [_head(quote, told, much, t)]
    if not found:
        key = "No API is known to sell {model} inside {area} at a dated price that can be compared."
        if told.area:
            head.append(t(key, model=quote.workload.model, area=told.area))
            return head, [], [*_left_out(told, t), *_without_rate(quote, found, t)], []
        head.append(t("No API sells {model} at a dated price that can be compared.", model=quote.workload.model))
        return head, [], [*_left_out(told, t), *_without_rate(quote, found, t)], []
    head += _verdict(quote, found[0], t)
    titles = [t("tokens of"), t("sold as"), t("price of"), t("in"), t("cached"), t("out"), t("1M tok"), t("cost")]
    titles += [t("in batches"), t("machines win from")]
    rows = [titles, *(_row(quote, c, t) for c in found[:MOST])]
    said = []
    if len(found) > MOST:
        said.append(t("and {n} more: --format json has every one", n=len(found) - MOST))
    said += _machines(quote, t)
    key = (
        "in, cached, out: per million tokens in the API's currency; 1M tok: {code} per million, input and output mixed as "
        "here; machines win from: tokens a day (each: of every copy of the model) from which these machines cost no more, "
        "- never: the API stays cheaper up to what they hold at the low side of the estimate"
    )
    said.append(t(key, code=quote.currency))
    if any(_old(quote, c.api) for c in found[:MOST]):
        said.append(t("!: the price was last seen more than {days} days ago", days=quote.workload.max_age))
    groups: dict[tuple[str, ...], list[str]] = {}
    for c in found[:MOST]:
        lacks = t("; ").join(t.say(x) for x in c.api.lacks)
        groups.setdefault((lacks,), []).append(name(c.api))
    lacking = [t("What an API lacks beside a machine of yours:")]
    lacking += [f"{', '.join(dict.fromkeys(names))}: {lacks[0]}" for lacks, names in groups.items()]
    for c in found[:MOST]:  # what a list says of its own rows is in JSON
        notes = [n for n in c.api.notes if n.key != "{note}"]
        said += [t("{api}: {note}", api=f"{name(c.api)} {c.api.model}", note=t.say(n)) for n in notes]
    return head, rows, [*said, *_left_out(told, t), *_without_rate(quote, found, t)], lacking


def _head(quote: Quote, told: Beside, much: Volume | None, t: English) -> str:
    model, hits = quote.workload.model, plain(told.cache_hits * 100)
    if much is None:
        return t("Tokens of {model} instead of machines; nobody says how many: give --rps", model=model)
    key = "Tokens of {model} instead of machines: {inputs} M in ({hits} % from the cache) and {outputs} M out in {days} days"
    if much.full:
        key += ", as many as the recommended machines put out (--rps says how many you need)"
    days = show(much.days, 0)
    return t(key, model=model, inputs=show(much.inputs, 1), hits=hits, outputs=show(much.outputs, 1), days=days)


def _verdict(quote: Quote, least: Compared, t: English) -> list[str]:
    """Return whether the cheapest API or the recommended machines cost less; [] where one of them has no amount."""
    best = quote.best
    if best is None or least.cost is None:
        return []
    machine = best.totals.report.effective
    key = (
        "By price alone tokens win: {api} asks {cost} {code} (price of {day}), the recommended machines cost {machine}."
    )
    if machine <= least.cost:
        key = "By price alone machines win: the recommended ones cost {machine} {code}, {api} asks {cost} (price of {day})."
    amounts = {"cost": show(least.cost), "code": quote.currency, "machine": show(machine)}
    return [t(key, api=name(least.api), day=least.api.source.as_of, **amounts)]


def _row(quote: Quote, one: Compared, t: English) -> list[str]:
    api = one.api
    as_of = api.source.as_of
    cached = "-" if api.cached is None else _price(api.cached)
    found = sorted(evens(quote, one), key=lambda e: (e.never, e.each))
    return [
        name(api),
        api.model,
        as_of + (" !" if _old(quote, api) else ""),
        f"{_price(api.input)} {api.currency}",
        cached,
        _price(api.output),
        show(one.million, 3),
        "?" if one.cost is None else show(one.cost),
        "-" if one.batch is None else show(one.batch),
        _from(found[0], t) if found else "?",
    ]


def _old(quote: Quote, api: Api) -> bool:
    seen = date.fromisoformat(api.source.as_of)
    return (date.fromisoformat(quote.quoted_on) - seen).days > quote.workload.max_age


def _from(even: Even, t: English) -> str:
    if even.never:
        return t("- never")
    key = "{n} M ({provider})" if even.units == 1 else "{n} M each ({provider})"
    return t(key, n=show(even.each / 1_000_000, 1), provider=even.offer.provider)


def _machines(quote: Quote, t: English) -> list[str]:
    """Return what the machines that stand beside cost in the same hours, and what they bind."""
    found = []
    for offer in machines(quote):
        cost = offer.totals.report
        what = f"{seller(quote, offer, t)} {offer.count} x {offer.instance_type}, {way(offer, t)}"
        key = "machines: {what}: {amount} {code}"
        if cost.obligation > cost.effective:
            key = "machines: {what}: {amount} {code} of the {bound} that they bind"
        bound = show(cost.obligation)
        found.append(t(key, what=what, amount=show(cost.effective), code=quote.currency, bound=bound))
    return found


def _left_out(told: Beside, t: English) -> list[str]:
    found = []
    for n, one, many in (
        (told.undated, "{n} price without a date was left out", "{n} prices without a date were left out"),
        (told.doubtful, "{n} price of low confidence was left out", "{n} prices of low confidence were left out"),
        (told.long, "{n} price is for another length of input", "{n} prices are for other lengths of input"),
    ):
        if n:
            found.append(t(plural(n, one, many), n=n))
    if told.outside:
        one, many = "{n} API outside {area} was left out", "{n} APIs outside {area} were left out"
        found.append(t(plural(told.outside, one, many), n=told.outside, area=told.area))
    if told.unplaced:
        key = "not compared, because no list says where they compute ({area} was asked for): {apis}"
        found.append(t(key, area=told.area, apis=", ".join(told.unplaced)))
    return found


def notes_below(quote: Quote, t: English) -> list[str]:
    """Return what was left out and why, for a table that lists every API."""
    assert quote.beside is not None
    found = compared(quote)
    return [*_left_out(quote.beside, t), *_without_rate(quote, found, t)]


def _without_rate(quote: Quote, found: list[Compared], t: English) -> list[str]:
    assert quote.beside is not None
    shown = [c.api for c in found]
    return [
        t("{api}: {note}", api=name(a), note=t.say(a.notes[-1]))
        for a in quote.beside.apis
        if a not in shown and a.notes
    ]


def name(api: Api) -> str:
    """Return what reports call an API."""
    return " ".join(x for x in (api.vendor, api.site, "" if api.region in api.site else api.region) if x)


def _price(value: Decimal) -> str:
    return plain(value.quantize(Decimal("0.0001")).normalize())
