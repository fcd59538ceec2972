"""Where a price book is: a file, or one that somebody shares; opened for reading or for writing, whichever it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from planner.errors import MisuseError
from planner.prices.book.read import PriceBook

if TYPE_CHECKING:
    from planner.prices.book.write import Writer

__all__ = ["check_writable", "is_postgres", "is_remote", "open_book", "open_writer", "shown"]


def is_remote(place: str) -> bool:
    """Return whether a price book's place is an address on the web."""
    return place.partition("://")[0].lower() in ("https", "http") and "://" in place


def is_postgres(place: str) -> bool:
    """Return whether a price book's place is a PostgreSQL database."""
    return place.startswith(("postgresql://", "postgres://"))


def shown(place: str) -> str:
    """Return how messages show a place: an address without its secrets."""
    if is_postgres(place):
        from planner.prices.book import postgres

        return postgres.shown(place)
    if is_remote(place):
        from planner.prices.book.remote import checked

        return checked(place)
    return place


def open_book(place: str, folder: str, warn: Callable[[str], None], token: str = "") -> PriceBook | None:
    """Return the book at `place` for reading, None where there is no such file; raise `PriceBookError` when it cannot be used.

    folder: where copies of shared books are kept. warn hears when a copy of before is used.
    """
    if is_remote(place):
        from planner.prices.book.remote import copy_of

        return PriceBook.open_for_read(copy_of(place, folder, warn, token))
    if is_postgres(place):
        from planner.prices.book import postgres

        return postgres.open_for_read(place)
    return PriceBook.open_for_read(place)


def open_writer(place: str, folder: str = "") -> Writer:
    """Return the book at `place` for writing, made if need be; one that is shared read-only is a `MisuseError`.

    folder: where what a server's book cannot take lies aside.
    """
    from planner.prices.book.write import Writer

    check_writable(place)
    if is_postgres(place):
        from planner.prices.book import postgres

        return postgres.open_writer(place, folder)
    return Writer.open(place)


def check_writable(place: str) -> None:
    """Raise `MisuseError` for a book that can only be read."""
    if is_remote(place):
        from planner.prices.book.remote import checked

        raise MisuseError(
            f"{checked(place)}: a book shared over the web is read-only; name a file of yours with --price-book-db, and "
            "publish that one"
        )
