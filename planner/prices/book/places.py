"""Where a price book is: a file, or one that somebody shares; opened for reading or for writing, whichever it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from planner.errors import MisuseError
from planner.prices.book.read import PriceBook

if TYPE_CHECKING:
    from planner.prices.book.write import Writer

__all__ = ["check_writable", "is_remote", "open_book", "open_writer"]


def is_remote(place: str) -> bool:
    """Return whether a price book's place is an address on the web."""
    return place.partition("://")[0].lower() in ("https", "http") and "://" in place


def open_book(place: str, folder: str, warn: Callable[[str], None], token: str = "") -> PriceBook | None:
    """Return the book at `place` for reading, None where there is no such file; raise `PriceBookError` when it cannot be used.

    folder: where copies of shared books are kept. warn hears when a copy of before is used.
    """
    if is_remote(place):
        from planner.prices.book.remote import copy_of

        return PriceBook.open_for_read(copy_of(place, folder, warn, token))
    return PriceBook.open_for_read(place)


def open_writer(place: str) -> Writer:
    """Return the book at `place` for writing, made if need be; one that is shared read-only is a `MisuseError`."""
    from planner.prices.book.write import Writer

    check_writable(place)
    return Writer.open(place)


def check_writable(place: str) -> None:
    """Raise `MisuseError` for a book that can only be read."""
    if is_remote(place):
        from planner.prices.book.remote import checked

        raise MisuseError(
            f"{checked(place)}: a book shared over the web is read-only; name a file of yours with --price-book-db, and "
            "publish that one"
        )
