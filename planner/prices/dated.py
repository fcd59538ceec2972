"""The user's own prices by the day from which they hold: what holds on one day, and what replaces it later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from planner.offer import Price, Way
from planner.prices.catalog import Catalog
from planner.prices.checks import check_prices
from planner.provider import owns
from planner.records import NamedTuple

__all__ = ["Change", "Held", "check", "held", "on"]


class Change(NamedTuple):
    """All prices of one way of buying (whatever the zone) from a day on. since: ISO date, "" where none is said."""

    since: str
    prices: tuple[Price, ...]


class Held(NamedTuple):
    """What is known of the user's own prices on a day. now: those that hold; later: what replaces them, or the list's, by way of
    buying and in order."""

    now: tuple[Price, ...]
    later: dict[Way, tuple[Change, ...]]


def _by_day(own: Iterable[Price]) -> dict[Way, dict[str, list[Price]]]:
    """Return prices by way of buying and by day; machines that are owned have parts of several days, and no day of their own."""
    found: dict[Way, dict[str, list[Price]]] = {}
    bought: dict[str, bool] = {}
    for price in own:
        name = price.provider
        if name not in bought:
            bought[name] = owns(name)
        since = "" if bought[name] else price.source.as_of[:10]
        found.setdefault(price.group, {}).setdefault(since, []).append(price)
    return found


def held(own: Iterable[Price], day: str) -> Held:
    """Return the prices that hold on `day`, an ISO date: of each way those of the latest day that is not after it."""
    now: list[Price] = []
    later: dict[Way, tuple[Change, ...]] = {}
    for way, days in _by_day(own).items():
        begun = max((since for since in days if since <= day), default=None)
        now += days[begun] if begun is not None else ()
        after = tuple(Change(since, tuple(days[since])) for since in sorted(days) if since > day)
        if after:
            later[way] = after
    return Held(tuple(now), later)


def on(catalog: Catalog, day: str, placed: bool) -> tuple[Catalog, Held]:
    """Return the catalogue as it is on `day`, and what changes later.

    placed: whether hours have a day at all. Without one a way that has a later price only is taken at that, and nothing changes.
    """
    known = held(catalog.own, day)
    now = known.now
    if not placed:
        has = {price.group for price in now}
        for way, changes in known.later.items():
            now += () if way in has else changes[0].prices
    return catalog.holding((day, placed), now), known


def check(prices: Sequence[Price], catalog: Catalog) -> list[str]:
    """Return every problem of the user's own prices: on each day there is one price of a thing, and a way keeps its currency."""
    problems: list[str] = []
    for provider in sorted({price.provider for price in prices}):
        mine = [price for price in prices if price.provider == provider]
        for since in sorted({price.source.as_of[:10] for price in mine}):
            same = [price for price in mine if price.source.as_of[:10] == since]
            problems += check_prices(same, catalog.instances(provider))
    for days in _by_day(prices).values():
        codes = {price.currency: price for rows in days.values() for price in rows}
        if len(days) > 1 and len(codes) > 1:
            one, other = list(codes.values())[:2]
            problems.append(
                f"{other.source.place}: {other.instance_type} is in {other.currency}, at {one.source.place} in {one.currency}: "
                "a price that changes keeps its currency"
            )
    return problems
