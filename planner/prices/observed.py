"""What the catalogue needs of a price book; `planner.prices.book` has it."""

from __future__ import annotations

from collections.abc import Container
from typing import Protocol

from planner.offer import InstanceType, Price, ServicePrice, TransferPrice, Way
from planner.prices.zones import Market

__all__ = ["Book"]


class Book(Protocol):
    """All answers are the newest observations at or before `as_of`, an ISO date or time ("" = now)."""

    def prices(self, provider: str, region: str, as_of: str = "") -> list[Price]: ...

    def transfer(self, provider: str, region: str, as_of: str = "") -> list[TransferPrice]: ...

    def services(self, provider: str, region: str, as_of: str = "") -> list[ServicePrice]: ...

    def instance_types(self, provider: str) -> list[InstanceType]: ...

    def withdrawn(self, provider: str, region: str, as_of: str = "") -> frozenset[Way]: ...

    def zones(self, provider: str, region: str, as_of: str = "") -> Market: ...

    def regions(self, provider: str, as_of: str = "", listed: Container[str] = ()) -> dict[str, tuple[str, ...]]: ...
