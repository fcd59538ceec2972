"""A batch told: a table for people in either language, `planner.batch/1` for programs (docs/batch.md names its fields)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from planner.buying.batch import Batch, Found
from planner.buying.report import amount_of, columns, percent, rate_of
from planner.i18n import English
from planner.money import plain, show
from planner.quoting.records import Offer, Quote
from planner.text import plural

__all__ = ["SCHEMA", "as_json", "table"]

SCHEMA = "planner.batch/1"
ZERO, MILLION = Decimal(0), 1_000_000
Way = Callable[[Offer, English], str]
Seller = Callable[[Quote, Offer, English], str]


def table(made: Batch, start: datetime, deadline: datetime, t: English, way: Way, seller: Seller) -> str:
    """Return the answer for people. start: when the work begins."""
    best, code, asked = made.best[0], made.quote.currency, made.asked
    work, run = made.quote.workload, best.run
    first = best.market.ways[0]
    gpu = f"{plain(first.gpu.count)}x {first.gpu.model}"
    name = (
        f"{best.instances:,} x {best.market.instance_type} ({gpu}), {seller(made.quote, first, t)} {best.market.region}"
    )
    key = plural(run.hours, "Take {type} for {hours} hour: {amount} {code} to pay, all obligations included.", TAKE)
    head = [t(key, type=name, hours=f"{run.hours:,}", amount=show(run.cost), code=code)]
    head += columns(_parts(made, best, t, way), "llr", "  ")
    requests = -(-asked.tokens // work.output_tokens)
    said = {"tokens": f"{asked.tokens:,}", "requests": f"{requests:,}"}
    key = "That is {tokens} output tokens: {requests} requests of {input} tokens in and {output} out."
    told = [t(key, **said, input=f"{work.input_tokens:,}", output=f"{work.output_tokens:,}")]
    end = start + timedelta(hours=run.hours)
    key = "From {start} it is done by {end} UTC; the deadline is {last}, {off} off. The shortest is {least}."
    off, least = (t(plural(n, "{hours} hour", "{hours} hours"), hours=f"{n:,}") for n in (asked.hours, made.shortest))
    told.append(t(key, start=_at(start), end=_at(end), last=_at(deadline), off=off, least=least))
    key = "A million output tokens: {amount} {code}. Rates are the low side of the estimate, {share} of it kept free."
    each = show(run.cost * MILLION / asked.tokens, 4)
    told.append(t(key, amount=each, code=code, share=percent(work.headroom, 0)))
    told += _spot(made, t)
    key = "Each machine starts and loads the weights for {minutes} minutes of its hours (assumed rates, docs/batch.md)."
    told.append(t(key, minutes=best.shop.start))
    rows: list[tuple[str, ...]] = [
        tuple(t(word) for word in ("provider", "region", "instance type", "machines", "hours", "spot", "to pay"))
    ]
    for one in made.best:
        place = (one.market.provider, one.market.region, one.market.instance_type)
        rows.append((*place, f"{one.instances:,}", f"{one.run.hours:,}", _share(one), show(one.run.cost)))
    parts = [head, told, columns(rows, "lllrrrr", "  ")]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _spot(made: Batch, t: English) -> list[str]:
    """Return what spot means for the work, and what it costs without."""
    best, firm = made.best[0], made.firm
    if not best.run.spot:
        return []
    key = "Of spot hours {share} are lost when machines are taken back, and done again (--spot-interruption)."
    told = [t(key, share=percent(made.asked.lost, 1))]
    if firm is None:
        return [*told, t("Without spot nothing finishes in time.")]
    key = "Without spot: {type} for {hours} hours, {amount} {code} ({more} more)."
    said = {
        "type": f"{firm.instances:,} x {firm.market.instance_type}, {firm.market.provider}",
        "hours": f"{firm.run.hours:,}",
        "amount": show(firm.run.cost),
        "code": made.quote.currency,
        "more": percent(firm.run.cost / best.run.cost - 1, 0),
    }
    return [*told, t(key, **said)]


TAKE = "Take {type} for {hours} hours: {amount} {code} to pay, all obligations included."


def _at(when: datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M")


def _share(one: Found) -> str:
    return percent(Decimal(one.run.spot) / one.run.units, 0)


def _parts(made: Batch, one: Found, t: English, way: Way) -> list[tuple[str, str, str]]:
    """Return how the machines are bought: how many and how, for how long, for what."""
    market, run, rows = one.market, one.run, list[tuple[str, str, str]]()
    for deal in one.deals:
        count = run.committed * one.unit
        slot = t("hours {first} to {end}", first=f"{deal.first:,}", end=f"{deal.end:,}")
        rows.append((f"{count:,} x {way(market.ways[deal.way], t)}", slot, show(deal.cost * count)))
    paid = ((market.on_demand, run.firm), (market.spot, run.spot))
    for offer, units in paid:
        if units and offer is not None:
            time = units * one.unit * run.hours
            said = t(plural(time, "{n} instance-hour", "{n} instance-hours"), n=f"{time:,}")
            rows.append((f"{units * one.unit:,} x {way(offer, t)}", said, show(_cost(one, offer, made))))
    beside = one.shop.beside(run.hours)
    if beside:
        rows.append((t("traffic and addresses"), "", show(beside)))
    return rows


def _cost(one: Found, offer: Offer, made: Batch) -> Decimal:
    """Return what the units on demand, or those on spot, cost."""
    run, shop = one.run, one.shop
    if offer.market:
        return (shop.spot or ZERO) * run.spot * run.hours
    return shop.hour(run.hours) * run.firm if shop.hour is not None else ZERO


def as_json(made: Batch, start: datetime, deadline: datetime) -> dict[str, Any]:
    """Return `planner.batch/1`: amounts and shares as text, exact; null for what does not apply."""
    asked, work = made.asked, made.quote.workload
    return {
        "schema": SCHEMA,
        "quoted_on": made.quote.quoted_on,
        "currency": made.quote.currency,
        "model": work.model,
        "precision": work.precision,
        "tokens": asked.tokens,
        "requests": -(-asked.tokens // work.output_tokens),
        "start": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "deadline": deadline.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "hours": asked.hours,
        "most_instances": asked.most,
        "spot_share_most": plain(asked.share),
        "spot_interruption": plain(asked.lost),
        "headroom": plain(work.headroom),
        "shortest_hours": made.shortest,
        "plan": _run(made, made.best[0]),
        "without_spot": None if made.firm is None else _run(made, made.firm),
        "alternatives": [_run(made, one) for one in made.best[1:]],
        "types": made.types,
    }


def _run(made: Batch, one: Found) -> dict[str, Any]:
    run, market = one.run, one.market
    return {
        **dict(zip(("provider", "site", "region", "instance_type"), market[:4], strict=True)),
        "instances": one.instances,
        "instances_of_a_copy": one.unit,
        "hours": run.hours,
        "start_minutes": one.shop.start,
        "on_demand": run.firm * one.unit,
        "spot": run.spot * one.unit,
        "committed": run.committed * one.unit,
        "spot_share": rate_of(Decimal(run.spot) / run.units),
        "tokens_per_second": one.shop.each // 3600 // one.unit,
        "offers": {
            "on_demand": market.on_demand.id if run.firm and market.on_demand else None,
            "spot": market.spot.id if run.spot and market.spot else None,
            "committed": [market.ways[deal.way].id for deal in one.deals],
        },
        "cost": amount_of(run.cost),
        "cost_per_million_tokens": rate_of(run.cost * MILLION / made.asked.tokens),
    }
