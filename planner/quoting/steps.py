"""Steps: hours split over the steps of an hourly price, GB of a month over tiers beyond the free quota."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from planner.quoting.records import Line, Rate
from planner.units import Window

__all__ = ["in_steps", "in_tiers", "months_of_traffic"]

ZERO = Decimal(0)


def in_steps(rates: Sequence[Rate], quantity: Decimal) -> list[tuple[Rate, Decimal]]:
    """Split hours (or GB) over the steps of a price; a price without steps takes all of it."""
    if len(rates) == 1 and rates[0].end is None and not rates[0].start:
        return [(rates[0], quantity)]
    parts = []
    for rate in sorted(rates, key=lambda r: r.start):
        end = quantity if rate.end is None else min(quantity, rate.end)
        if end > rate.start:
            parts.append((rate, end - rate.start))
    return parts


def _free(line: Line) -> Decimal:
    """Return the GB of a month that a free quota takes."""
    return min(line.each, line.free.end or ZERO) if line.free else ZERO


def in_tiers(line: Line) -> list[tuple[Rate, Decimal]]:
    """Split one month's GB of a traffic line over its tiers, beyond the free quota; empty tiers are left out."""
    gb, free = line.each, _free(line)
    parts = []
    for rate in line.rates:
        start, end = max(rate.start, free), gb if rate.end is None else min(gb, rate.end)
        if end > start:
            parts.append((rate, end - start))
    return parts


def months_of_traffic(line: Line, window: Window) -> list[tuple[Rate, Decimal, Decimal]]:
    """Return for each step that GB fall into, the free quota first: the rate, the GB of a whole month, those of the part month.

    Tiers and the quota begin anew each month, so the few GB of a month used in part stand on the lowest step.
    """
    part = window.traffic[1]
    less = line._replace(each=line.each * part)
    whole, rest = dict(in_tiers(line)), dict(in_tiers(less)) if part else {}
    steps = [(rate, whole.get(rate, ZERO), rest.get(rate, ZERO)) for rate in line.rates]
    free, some = _free(line), _free(less) if part else ZERO
    quota = [(line.free, free, some)] if line.free and free else []
    full = window.traffic[0]
    return [(rate, gb, more) for rate, gb, more in (*quota, *steps) if gb * full or more]
