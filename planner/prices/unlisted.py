"""What to say of a provider that brings no price lists: what its adapter and a refresh of it tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.offer import PURCHASE_OPTIONS
from planner.prices.lists import ProviderInfo
from planner.provider import load

if TYPE_CHECKING:
    from planner.prices.observed import Book

__all__ = ["info_from"]


def info_from(book: Book, provider: str, as_of: str = "") -> ProviderInfo:
    """Return what is known of `provider` from its observations at or before `as_of`.

    Its title is its name and its home regions are the adapter's `default_regions()`. Sites, their currencies and what is
    sold are those of the prices seen.
    """
    currencies: dict[str, str] = {}
    sold: set[str] = set()
    for region in book.regions(provider, as_of):
        for price in book.prices(provider, region, as_of):
            currencies.setdefault(price.site, price.currency)
            sold.add(price.purchase_option)
    return ProviderInfo(
        name=provider,
        title=provider,
        title_zh=provider,
        home_regions=tuple(load(provider).default_regions()),
        reference_types=(),
        month="730 h",
        sells=tuple(option for option in PURCHASE_OPTIONS if option in sold),
        sites={
            site: {"title": site, "currency": currency, "tax": "unknown", "tax_source": "not stated in the source"}
            for site, currency in sorted(currencies.items())
        },
        services={},
        driver=None,
        mainland=(),
    )
