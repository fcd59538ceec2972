"""A plan for several demands with weights, told to people and to programs."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from planner.buying.answers import hourly_json
from planner.buying.report import columns, percent
from planner.buying.scenarios import Chosen, Uncertain
from planner.i18n import English
from planner.money import plain, show
from planner.quoting.records import Offer, Quote

__all__ = ["SCHEMA", "as_json", "table"]

SCHEMA = "planner.commit-scenarios/1"
Way = Callable[[Offer, English], str]
Seller = Callable[[Quote, Offer, English], str]


def table(made: Uncertain, t: English, way: Way, seller: Seller) -> str:
    """Return the answer for people."""
    best, code = made.best, made.quote.currency
    market = best.market
    hours = f"{made.scenarios[0].demand.hours:,}"
    first = market.ways[0]
    name = f"{market.instance_type}, {seller(made.quote, first, t)} {market.region}"
    if made.worst == 1:
        key = "Take {type}: {amount} {code} expected for {hours} hours, over {n} scenarios."
        head = [t(key, type=name, amount=show(best.expected), code=code, hours=hours, n=len(best.cases))]
    else:
        key = "Take {type}: {amount} {code} for {hours} hours on average of the worst {share} of cases, {expected} expected."
        told = {"share": percent(made.worst, 0), "expected": show(best.expected)}
        head = [t(key, type=name, amount=show(best.tail), code=code, hours=hours, **told)]
    for deal, number in best.deals:
        slot = t("hours {first} to {end}", first=f"{deal.first:,}", end=f"{deal.end:,}")
        head.append(f"  {number} x {way(market.ways[deal.way], t)}, {slot}: {show(deal.cost * number)}")
    if not best.deals:
        head.append("  " + t("no commitment"))
    rows = [(t("scenario"), t("weight"), t("this plan"), t("best, had it been known"), t("regret"))]
    for scenario, case in zip(made.scenarios, best.cases, strict=True):
        costs = (show(case.cost), show(case.best), show(case.cost - case.best))
        rows.append((scenario.name or scenario.demand.source, percent(case.share), *costs))
    known = sum((case.share * case.best for case in best.cases), Decimal(0))
    rows.append((t("expected"), "100 %", show(best.expected), show(known), show(best.expected - known)))
    others = [(t("provider"), t("region"), t("instance type"), t("commitments"), t("expected"), t("worst"))]
    for one in made.found:
        deals = t("; ").join(f"{n} x {way(one.market.ways[d.way], t)}" for d, n in one.deals[:2]) or "-"
        most = max(case.cost for case in one.cases)
        place = (one.market.provider, one.market.region, one.market.instance_type)
        others.append((*place, deals, show(one.expected), show(most)))
    parts = [head, columns(rows, "lrrrr", "  "), columns(others, "llllrr", "  ")]
    if made.left:
        key = "{n} types are left out: their price on demand falls in steps of a run."
        parts.append([t(key, n=made.left)])
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def as_json(made: Uncertain) -> dict[str, Any]:
    """Return `planner.commit-scenarios/1`: amounts and shares as text; null for what does not apply."""
    return {
        "schema": SCHEMA,
        "quoted_on": made.quote.quoted_on,
        "currency": made.quote.currency,
        "worst": plain(made.worst),
        "spot_share": plain(made.spot_share),
        "hours": made.scenarios[0].demand.hours,
        "beside_instances": plain(made.best.market.fixed),
        "scenarios": [
            {
                "name": s.name or s.demand.source,
                "weight": plain(s.weight),
                "kind": s.demand.kind,
                "peak": plain(s.demand.peak),
                "source": s.demand.source,
            }
            for s in made.scenarios
        ],
        "plan": _chosen(made.best, whole=True),
        "alternatives": [_chosen(one) for one in made.found[1:]],
        "types": made.types,
        "left_out": made.left,
    }


def _chosen(one: Chosen, whole: bool = False) -> dict[str, Any]:
    """Return a type and its commitments; whole: with what runs beside them and the instances of each hour, case by case."""
    market = one.market
    return {
        **dict(zip(("provider", "site", "region", "instance_type"), market[:4], strict=True)),
        "expected": plain(round(one.expected, 6)),
        "worst_mean": plain(round(one.tail, 6)),
        "commitments": [
            {
                "offer": market.ways[deal.way].id,
                "number": number,
                "first_hour": deal.first,
                "end_hour": deal.end,
                "cost_each": plain(deal.cost),
                "cost": plain(deal.cost * number),
            }
            for deal, number in one.deals
        ],
        "cases": [
            {
                "share": plain(round(c.share, 9)),
                "cost": plain(c.cost),
                "best": plain(c.best),
                **({"hourly": hourly_json(market, c.beside), "instances": list(c.counts)} if whole else {}),
            }
            for c in one.cases
        ],
    }
