"""A price book that never stops a quote: what cannot be read is said once, then the committed list answers alone."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import TYPE_CHECKING, TypeVar

from planner.errors import PriceBookError
from planner.offer import InstanceType, Price, ServicePrice, TransferPrice, Way
from planner.prices.book.read import PriceBook
from planner.prices.zones import Market

if TYPE_CHECKING:
    from planner.prices.book.history import Event

__all__ = ["Fallback"]

T = TypeVar("T")


class Fallback:
    """The reading side of a `PriceBook`, empty from the first error on.

    `warn` hears of that error, `note` of what the book has to say of itself (`PriceBook.notes`).
    """

    def __init__(
        self, book: PriceBook, warn: Callable[[str], None], note: Callable[[str], None] = lambda text: None
    ) -> None:
        self._book: PriceBook | None = book
        self._warn, self._note = warn, note
        self._told = 0

    def prices(self, provider: str, region: str, as_of: str = "") -> list[Price]:
        return self._ask(lambda book: book.prices(provider, region, as_of), [])

    def transfer(self, provider: str, region: str, as_of: str = "") -> list[TransferPrice]:
        return self._ask(lambda book: book.transfer(provider, region, as_of), [])

    def services(self, provider: str, region: str, as_of: str = "") -> list[ServicePrice]:
        return self._ask(lambda book: book.services(provider, region, as_of), [])

    def instance_types(self, provider: str) -> list[InstanceType]:
        return self._ask(lambda book: book.instance_types(provider), [])

    def withdrawn(self, provider: str, region: str, as_of: str = "") -> frozenset[Way]:
        return self._ask(lambda book: book.withdrawn(provider, region, as_of), frozenset())

    def zones(self, provider: str, region: str, as_of: str = "") -> Market:
        return self._ask(lambda book: book.zones(provider, region, as_of), Market())

    def regions(self, provider: str, as_of: str = "", listed: Container[str] = ()) -> dict[str, tuple[str, ...]]:
        return self._ask(lambda book: book.regions(provider, as_of, listed), {})

    def history(self, instance_type: str, provider: str = "", region: str = "") -> list[Event]:
        from planner.prices.book.history import history

        return self._ask(lambda book: history(book, instance_type, provider, region), [])

    def _ask(self, question: Callable[[PriceBook], T], nothing: T) -> T:
        if self._book is None:
            return nothing
        try:
            answer = question(self._book)
            for text in self._book.notes[self._told :]:
                self._note(text)
            self._told = len(self._book.notes)
            return answer
        except PriceBookError as exc:
            # Half a book could mix old and new prices of one region; none at all is at least the dated list.
            self._book.close()
            self._book = None
            self._warn(str(exc))
            return nothing
