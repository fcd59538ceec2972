"""`planner --version`: the release, and the days that its data are of."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["lines"]

_COLUMN = 16


def lines() -> Iterator[str]:
    """Yield the release, then one line for each kind of data that comes with it: the newest day that it holds.

    Of a cloud's prices these are the newest in its home regions, by the list alone: `planner doctor` knows the price book.
    """
    from planner.prices import fx
    from planner.prices.catalog import Catalog
    from planner.sizing import engines
    from planner.version import VERSION

    catalog, lists = Catalog(), []
    for provider in catalog.providers():
        rows = [price for region in catalog.info(provider).home_regions for price in catalog.prices(provider, region)]
        lists.append(f"{provider} {max((price.source.seen for price in rows), default='') or 'without a day'}")
    yield f"planner {VERSION}"
    yield f"{'price lists':{_COLUMN}}{', '.join(lists)}"
    yield f"{'exchange rates':{_COLUMN}}{max(rate.as_of for rate in fx.committed())}"
    yield f"{'engines':{_COLUMN}}{max(build.as_of for build in engines.builds())}"
