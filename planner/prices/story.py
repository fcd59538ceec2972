"""What one instance type has cost over time: the committed lists' dated prices, then what the price book has seen."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from planner.offer import Key, Price
from planner.prices.book.history import Event
from planner.records import NamedTuple

if TYPE_CHECKING:
    from planner.prices.catalog import Catalog

__all__ = ["LIST", "Point", "Series", "listed", "series"]

#: The way of asking of an event that no refresh saw: a committed list tells it.
LIST = "list"


class Point(NamedTuple):
    """A price from `day` on, last seen so on `until` (ISO dates); amount None: withdrawn."""

    day: str
    until: str
    amount: Decimal | None


class Series(NamedTuple):
    """One price over time: a way of buying, its unit, currency and step. points: oldest first, each another amount."""

    price: Price
    points: tuple[Point, ...]


def listed(catalog: Catalog, instance_type: str, provider: str = "", region: str = "") -> list[Event]:
    """Return what the committed lists tell of an instance type, oldest first within each price; "" = every place.

    A price that a source showed again is an event of its own, with the amount unchanged. Rows of low confidence are left out.
    """
    name = instance_type.lower()
    rows: dict[Key, list[Price]] = {}
    for cloud in (provider,) if provider else catalog.providers():
        for place in (region,) if region else catalog.regions(cloud):
            if place not in catalog.regions(cloud):
                continue
            for price in (*catalog.prices(cloud, place), *catalog.history(cloud, place)):
                if price.instance_type.lower() == name and price.status in ("", "superseded"):
                    rows.setdefault(price.key, []).append(price)
    return [event for key in sorted(rows, key=repr) for event in _events(rows[key])]


def _events(rows: Iterable[Price]) -> Iterable[Event]:
    before: Decimal | None = None
    for row in sorted(rows, key=lambda row: (row.source.as_of, row.source.confirmed, row.status == "")):
        if before is None or row.source.as_of:
            yield Event(row, row.source.as_of or "undated", LIST, before, row.amount)
        before = row.amount
        if row.source.confirmed:
            yield Event(row, row.source.confirmed, LIST, before, before)


def series(events: Iterable[Event]) -> list[Series]:
    """Return the dated prices of `events` as one series a price, whoever told it; what bears no date is left out."""
    told: dict[Key, list[Event]] = {}
    for event in events:
        if event.observed_at[:1].isdigit():
            told.setdefault(event.price.key, []).append(event)
    found = []
    for several in told.values():
        points: list[Point] = []
        for event in sorted(several, key=lambda event: (event.observed_at[:10], event.observed_at)):
            day = event.observed_at[:10]
            if points and points[-1].amount == event.amount:
                points[-1] = points[-1]._replace(until=day)
            else:
                points.append(Point(day, day, event.amount))
        found.append(Series(several[-1].price, tuple(points)))
    return found
