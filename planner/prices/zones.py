"""In which zones a type was sold when its region was last asked. Reads nothing: the book makes these records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planner.provider import in_families
from planner.records import NamedTuple

__all__ = ["Market", "Sight", "Sold"]


class Sold(NamedTuple):
    """Where a type was sold at `observed_at` (UTC time): its zones, sorted; () = in none."""

    zones: tuple[str, ...]
    observed_at: str


class Sight(NamedTuple):
    """What one fetch said about zones. families: what it covers, () = all GPU families. zones: sorted, by type;
    None = it said nothing, which is not the same as "nowhere". rank: the time by which it counts, None = observed_at."""

    families: tuple[str, ...]
    observed_at: str
    fetch: int
    zones: Mapping[str, tuple[str, ...]] | None
    rank: str | None = None


class Market(NamedTuple):
    """One region. scopes: (account site, its fetches that still count, newest first), one per way of asking."""

    scopes: Sequence[tuple[str, Sequence[Sight]]] = ()

    def sites(self) -> list[str]:
        """Return the account sites that were asked, sorted."""
        return sorted({site for site, _ in self.scopes})

    def sold(self, site: str, instance_type: str) -> Sold | None:
        """Return where `instance_type` was sold to accounts of `site`, None when the book does not know.

        In each way of asking the newest fetch that covers the type decides, also when it said nothing; of two that
        said something the newer is right.
        """
        best: tuple[tuple[str, int], Sold] | None = None
        for name, sights in self.scopes:
            if name != site:
                continue
            for sight in sights:
                if not in_families(instance_type, sight.families):
                    continue
                if sight.zones is not None:
                    rank = (sight.observed_at if sight.rank is None else sight.rank, sight.fetch)
                    if best is None or rank > best[0]:
                        best = rank, Sold(sight.zones.get(instance_type, ()), sight.observed_at)
                break
        return best[1] if best else None
