"""One bad item never loses a region: what of an answer cannot be read is reported, and the rest is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from planner.errors import FetchError
from planner.provider import Batch
from providers._border import RefusedError

__all__ = ["STRICT", "UNNAMED", "Items"]


#: An instance type whose name could not be read either.
UNNAMED = "?"


class Items:
    """Which items of a region could be read. An item is an instance type by name, `UNNAMED`, or "" for whatever is none.

    Whether the cloud is there at all, and takes the keys, is not about an item: `RefusedError` passes. strict: every error
    passes.
    """

    def __init__(self, strict: bool = False) -> None:
        self.strict = strict
        self.spoilt: dict[str, list[str]] = {}
        self.first: FetchError | None = None

    def add(self, name: str, error: FetchError) -> None:
        """Report an item that cannot be read."""
        self.first = self.first or error
        said = self.spoilt.setdefault(name, [])
        if str(error) not in said:
            said.append(str(error))

    @contextmanager
    def one(self, name: str) -> Iterator[None]:
        """Read one item: a `FetchError` on the way is reported, and what is around it goes on."""
        try:
            yield
        except RefusedError:
            raise
        except FetchError as error:
            if self.strict:
                raise
            self.add(name, error)

    def settle(self, batch: Batch) -> Batch:
        """Return `batch` without anything of the spoilt types, and with their report.

        When nothing is left, or more is spoilt than is not, the answer as a whole is not to be trusted: the first error is
        raised.
        """
        if self.first is None:
            return batch
        types = {row.instance_type for row in batch.prices} | {row.name for row in batch.instance_types}
        good = types - self.spoilt.keys()
        if not good or len(self.spoilt.keys() - {"", UNNAMED}) > len(good):
            raise self.first
        return batch._replace(
            instance_types=tuple(row for row in batch.instance_types if row.name in good),
            prices=tuple(row for row in batch.prices if row.instance_type in good),
            zones=None if batch.zones is None else tuple(pair for pair in batch.zones if pair[0] not in self.spoilt),
            spoilt=tuple(
                ("" if name == UNNAMED else name, "; ".join(said[:2])) for name, said in sorted(self.spoilt.items())
            ),
        )


#: Whatever cannot be read is an error.
STRICT = Items(strict=True)
