"""An offer as a recipe: the few numbers from which its totals follow for any hours and exchange rate.

The page's calc.js follows the same steps as cost.py in the same 28-digit arithmetic; tests hold the two equal.
"""

from decimal import Decimal
from itertools import permutations
from typing import Any

from planner.money import Fx, plain
from planner.quoting.records import Charge, Offer, Quote

__all__ = ["path", "recipe"]


def recipe(quote: Quote, offer: Offer) -> dict[str, Any] | None:
    """Return the recipe of `offer`, or None when a charge is of a kind that cannot be recomputed from the quote."""
    steps: list[dict[str, Any]] = []
    for charge in offer.charges:
        if charge.category == "tax":
            continue
        made = _step(quote, offer, charge)
        if made is None:
            return None
        if made.get("kind") != "steps" or not any(s["kind"] == "steps" for s in steps):
            steps.append(made)
    return {"steps": steps, "path": path(quote, offer), "terms": _terms(offer)}


def _terms(offer: Offer) -> dict[str, Any] | None:
    terms = offer.commitment
    if terms is None:
        return None
    return {
        "by_month": offer.purchase_option == "subscription",
        "hours": plain(terms.term_hours),
        "months": terms.term_months,
        "upfront": plain(terms.upfront),
        "hourly": plain(terms.hourly),
        "monthly": plain(terms.monthly),
        "now": terms.terms,
    }


def _step(quote: Quote, offer: Offer, charge: Charge) -> dict[str, Any] | None:
    work, result = quote.workload, {"unit_price": plain(charge.unit_price), "list": plain(charge.list_unit_price)}
    if charge.category == "compute":
        return result | _compute(quote, offer, charge)
    if charge.category in ("egress", "inter_region"):
        return result | {"kind": "per_month", "quantity": plain(charge.quantity / quote.months)}
    if charge.category == "ip":
        return result | {"kind": "per_hour", "quantity": str(work.public_ips)}
    if charge.category == "storage":
        held = plain(work.storage_gb * offer.count)
        if charge.unit.endswith("-hour"):
            return result | {"kind": "per_hour", "quantity": held}
        if offer.purchase_option == "subscription":
            return result | {"kind": "per_month", "quantity": held, "keep": plain(1 - share(quote, offer.provider))}
        return result | {"kind": "per_730_hours", "quantity": held}
    return None


def _compute(quote: Quote, offer: Offer, charge: Charge) -> dict[str, Any]:
    count, terms = str(offer.count), offer.commitment
    if terms is not None:
        kind = "hourly"
        if charge.unit == "month":
            kind = "subscription"
        elif charge.name.endswith(", upfront)"):
            kind = "upfront"
        return {"kind": kind, "count": count, "owed": plain(charge.committed / terms.terms)}
    rows = [(s.tier_from, s.tier_to, s.list_unit_price) for s in offer.hour_steps]
    rows = rows or [(Decimal(0), None, charge.list_unit_price)]
    return {
        "kind": "steps",
        "count": count,
        "keep": plain(1 - share(quote, offer.provider, offer.purchase_option)),
        "rows": [[plain(a), None if b is None else plain(b), plain(p)] for a, b, p in rows],
        "owes": offer.purchase_option == "capacity_block",
    }


def share(quote: Quote, provider: str, option: str = "") -> Decimal:
    """Return the discount that holds for a way of buying (else for the provider), as build.py takes it."""
    shares = dict(quote.workload.discount)
    return shares.get(f"{provider}:{option}", shares.get(provider, Decimal(0)))


def path(quote: Quote, offer: Offer) -> list[list[Any]]:
    """Return the rates that lead from the offer's currency to the report's: [index in quote.fx, "x" or "/"]."""
    source, target = offer.totals.native_currency, quote.currency
    if source == target:
        return []
    found: list[list[list[Any]]] = []
    for length in (1, 2):
        for order in permutations(range(len(quote.fx)), length):
            code, steps, amount = source, [], offer.totals.native.effective
            for index in order:
                fx: Fx = quote.fx[index]
                if fx.base == code:
                    steps.append([index, "x"])
                    code, amount = fx.quote, amount * fx.rate
                elif fx.quote == code:
                    steps.append([index, "/"])
                    code, amount = fx.base, amount / fx.rate
            if code == target and len(steps) == length:
                found.append(steps)
                if amount == offer.totals.report.effective:
                    return steps
    return found[0] if found else []
