"""Where and when AWS's rates were read, and what becomes of an answer that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from planner.errors import FetchError
from planner.records import NamedTuple
from providers._items import STRICT, UNNAMED, Items
from providers.aws import terms

__all__ = ["Where"]


class Where(NamedTuple):
    """Where and when rates were read. `call` names the source for people; `filters` is what was asked, for errors. items:
    what of the region could not be read."""

    region: str
    partition: terms.Partition
    call: str
    filters: str
    now: str
    items: Items = STRICT

    @contextmanager
    def one(self, name: str) -> Iterator[None]:
        """Read one instance type: what is wrong with it is reported, and what is around it goes on. "": nameless."""
        with self.items.one(name or UNNAMED), self.reading():
            yield

    @contextmanager
    def traffic(self) -> Iterator[None]:
        """Read the prices of traffic: what is wrong with them is reported, and the instance types go on."""
        with self.items.one(""), self.reading():
            yield

    def undated(self) -> str:
        """Return what is known of the date of a price that bears none."""
        return f"in force on {self.now[:10]}; the answer bears no date"

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turn whatever goes wrong on an answer of another shape (a text for a number, a list for a map) into `fail`."""
        try:
            yield
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as exc:
            raise self.fail(f"the answer has another shape than expected ({type(exc).__name__}: {exc})"[:300]) from exc

    def fail(self, what: str) -> FetchError:
        """Return the error that says what is wrong with this answer, and what had been asked."""
        return FetchError(f"aws {self.region}: {self.call}: {what} (asked for {self.filters})")
