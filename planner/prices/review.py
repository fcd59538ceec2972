"""Read one provider's committed lists wholly: every problem, how much there is, and how old it is."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from planner.errors import CatalogError
from planner.prices.checks import check_beside, check_prices
from planner.records import NamedTuple

if TYPE_CHECKING:
    from planner.prices.catalog import Catalog

__all__ = ["Review", "review"]


class Review(NamedTuple):
    """What one provider's lists hold.

    prices: rows that hold a price, of which `undated` bear no date and `out` are kept out of quotes. instance_types and
    regions also count what only the price book knows. oldest, newest: ISO dates on which quotable prices were last seen, ""
    where none is dated. problems: sentences; not () means that the lists must not be quoted, and the numbers may be short.
    """

    provider: str
    prices: int = 0
    undated: int = 0
    out: int = 0
    instance_types: int = 0
    regions: int = 0
    oldest: str = ""
    newest: str = ""
    problems: tuple[str, ...] = ()

    def age(self, today: date) -> int | None:
        """Return the days since the newest price, None where none is dated."""
        return (today - date.fromisoformat(self.newest)).days if self.newest else None


def review(catalog: Catalog, provider: str) -> Review:
    """Return what `provider`'s lists hold and what is wrong with them; a file that cannot be read is one problem."""
    found = Review(provider)
    dates: list[str] = []
    problems: list[str] = []
    try:
        specs, regions = catalog.instances(provider), catalog.regions(provider)
        placed = {name for region in regions.values() for name in (region.id, *region.groups)}
        found = found._replace(instance_types=len(specs), regions=len(regions))
        for name in catalog.priced_places(provider):
            prices = catalog.listed(provider, name)
            if name not in placed and not all(price.status for price in prices):
                problems.append(f"{provider}: {name or 'no name'} has prices, and belongs to no region")
            problems += check_prices(prices, specs)
            found = found._replace(
                prices=found.prices + len(prices),
                undated=found.undated + sum(1 for price in prices if not price.source.seen),
                out=found.out + sum(1 for price in prices if price.status),
            )
            dates += [price.source.seen for price in prices if price.source.seen and not price.status]
        for region in regions:
            beside = check_beside((*catalog.transfer(provider, region), *catalog.services(provider, region)))
            problems += [problem for problem in beside if problem not in problems]  # a group's: once
    except CatalogError as exc:
        problems.append(str(exc))
    return found._replace(oldest=min(dates, default=""), newest=max(dates, default=""), problems=tuple(problems))
