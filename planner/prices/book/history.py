"""What a price book has seen over time: the changes since a day, and one instance type's whole story."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

from planner.offer import Key, Price, Priced
from planner.prices.book.read import Fetch, PriceBook
from planner.prices.book.write import Change, changes_between
from planner.prices.texts import PRICE, observed
from planner.provider import in_families
from planner.records import NamedTuple

__all__ = ["Event", "changes_from_list", "changes_since", "history"]


class Event(NamedTuple):
    """A price as it was first seen, changed, was seen last, or vanished. amount None: withdrawn; before None: first seen or
    back; both the same: still so."""

    price: Price
    observed_at: str
    access: str
    before: Decimal | None
    amount: Decimal | None


def changes_since(book: PriceBook, since: str = "", provider: str = "", region: str = "") -> list[Change]:
    """Return what differs between the end of `since` (ISO date or time) and now, per region.

    since "" means: what the newest fetch of each region changed. What was first seen after `since` is new.
    """
    changes: list[Change] = []
    for name, place in book.places():
        if (provider and name != provider) or (region and place != region):
            continue
        start = since
        if not since:
            times = sorted({fetch.observed_at for fetch in book.fetches(name, place)})
            start = times[-2] if len(times) > 1 else "0001-01-01"
        changes += changes_between(_state(book, name, place, start), _state(book, name, place, ""))
    return changes


def changes_from_list(
    book: PriceBook, listed: Callable[[str, str], Iterable[Priced] | None], provider: str = "", region: str = ""
) -> list[Change]:
    """Return where the book differs from the committed list: another amount, or a price that the list lacks.

    listed(provider, region) gives what the list says there, None where there is no list. What only the list has is left
    out: the book may simply not have looked there.
    """
    changes: list[Change] = []
    for name, place in book.places():
        if (provider and name != provider) or (region and place != region):
            continue
        rows = listed(name, place)
        if rows is None:
            continue
        old = {row.key: row for row in rows if not row.status}
        changes += [c for c in changes_between(old, _state(book, name, place, "")) if c.after is not None]
    return changes


def _state(book: PriceBook, provider: str, region: str, as_of: str) -> dict[Key, Priced]:
    rows: tuple[Priced, ...] = (
        *book.prices(provider, region, as_of),
        *book.transfer(provider, region, as_of),
        *book.services(provider, region, as_of),
    )
    return {row.key: row for row in rows}


def history(book: PriceBook, instance_type: str, provider: str = "", region: str = "") -> list[Event]:
    """Return every change of every price of an instance type, oldest first within each price."""
    events: list[Event] = []
    for name, place in book.places():
        if (provider and name != provider) or (region and place != region):
            continue
        scopes: dict[tuple[str, str], list[Fetch]] = {}
        for fetch in book.fetches(name, place):
            if in_families(instance_type, fetch.families):
                scopes.setdefault((fetch.account_site, fetch.access), []).append(fetch)
        for fetches in scopes.values():
            events += _story(book, instance_type, sorted(fetches, key=lambda f: (f.observed_at, f.id)))
    return sorted(events, key=lambda e: (e.price.key, e.access, e.observed_at))


def _story(book: PriceBook, instance_type: str, fetches: list[Fetch]) -> Iterator[Event]:
    """Walk the fetches that cover the type, in time, and yield where a price begins, moves, ends, and was seen last."""
    known: dict[Key, Price] = {}
    told: dict[Key, str] = {}
    for fetch in fetches:
        seen = {price.key: price for price in _prices(book, instance_type, fetch)}
        for key, price in seen.items():
            before = known.get(key)
            if before is None or before.amount != price.amount:
                told[key] = fetch.observed_at
                yield Event(price, fetch.observed_at, fetch.access, before.amount if before else None, price.amount)
        for key, price in known.items():
            if key not in seen:
                yield Event(price, fetch.observed_at, fetch.access, price.amount, None)
        known = seen
    for key, price in known.items():
        if told[key] != fetches[-1].observed_at:
            yield Event(price, fetches[-1].observed_at, fetches[-1].access, price.amount, price.amount)


def _prices(book: PriceBook, instance_type: str, fetch: Fetch) -> Iterator[Price]:
    for texts in book.texts(PRICE, fetch.id, instance_type):
        price = PRICE.read(texts, observed(fetch.observed_at))
        assert isinstance(price, Price)
        yield price
