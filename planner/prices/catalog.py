"""The catalogue: all that is known to be for sale, never from the network.

Precedence, per (type, region, site, way of buying): the user's own prices, then the newest observation in the price
book, then the committed list (planner.prices.lists). A quote reads only the regions that it asks for, so its time does
not grow with the size of the catalogue.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from planner.errors import CatalogError, MisuseError, suggest
from planner.offer import InstanceType, Price, Priced, Region, ServicePrice, TransferPrice
from planner.prices.checks import check_prices
from planner.prices.lists import Lists, NotSold, ProviderInfo, Shelf
from planner.provider import installed, owns

if TYPE_CHECKING:
    from planner.prices.observed import Book
    from planner.prices.zones import Market

__all__ = ["Catalog", "ProviderInfo"]


class Catalog:
    """All that is known to be for sale. Cheap to make; files are read when asked for.

    root: a folder with one folder per provider, "" = the installed ones (planner.provider.homes). own: the user's own prices (planner.prices.own). book: a price book or None. as_of:
    ISO date; committed and observed prices that became effective later are left out ("" = all). sized: by provider, how its types serve
    the workload in hand, where that is no matter of their GPUs alone (planner.buying.stock).
    """

    def __init__(self, root: str = "", own: Iterable[Price] = (), book: Book | None = None, as_of: str = "") -> None:
        self.root = root
        self.own = tuple(own)
        self.book = book
        self.as_of = as_of
        self.sized: dict[str, Callable[[InstanceType], Any]] = {}
        self._cache: dict[tuple[str, ...], Any] = {}

    # -- who and where ------------------------------------------------------------------------------------------

    def providers(self) -> tuple[str, ...]:
        """Return the names of the providers that have a price list, or prices in the price book, sorted."""
        return tuple(self._lists())

    def bring(self, lists: Lists) -> None:
        """Add the lists of a provider that has none of its own, or take these in their place; what was known of it is forgotten."""
        for key in [key for key in self._cache if key[0] in (lists.provider, "holding")]:
            del self._cache[key]
        self._lists()[lists.provider] = lists

    def holding(self, day: tuple[str, bool], own: tuple[Price, ...]) -> Catalog:
        """Return the same with those of the user's own prices that hold on a day (planner.prices.dated)."""

        def make() -> Catalog:
            made = Catalog(self.root, own, self.book, self.as_of)
            made.sized = self.sized
            made._cache = {key: found for key, found in self._cache.items() if "prices" not in key[1:2]}
            return made

        found: Catalog = self._once(("holding", *map(str, day)), make)
        return found

    def _lists(self) -> dict[str, Lists]:
        found: dict[str, Lists] = self._once(("lists",), self._find_lists)
        return found

    def _find_lists(self) -> dict[str, Lists]:
        found = {}
        for name, home, shown in self._homes():
            lists = Lists(name, os.path.join(home, "catalog"), f"{shown}/catalog")
            if lists.exist() or (not self.root and self.book is not None and self.book.regions(name, self.as_of)):
                found[name] = lists
        return found

    def _homes(self) -> list[tuple[str, str, str]]:
        """Return (name, home, what places call the home) of every provider, sorted."""
        if self.root:
            return [(n, os.path.join(self.root, n), f"providers/{n}") for n in sorted(os.listdir(self.root))]
        return [(e.name, e.home, e.module.replace(".", "/")) for e in installed().values()]

    def _of(self, provider: str) -> Lists:
        """Return the lists of `provider`; raise `MisuseError` with near names when there are none."""
        if provider not in self._lists():
            if not self.root and owns(provider):
                raise MisuseError(
                    "{provider}: which machines? name your file with --own (--own examples takes dated ones)",
                    provider=provider,
                )
            if not self.root and provider in installed():
                raise MisuseError(
                    "{provider} brings no price list and the price book has none of its prices: run `planner refresh {provider}` first",
                    provider=provider,
                )
            raise MisuseError(
                "unknown provider {provider!r}: {near}", provider=provider, near=suggest(provider, self.providers())
            )
        return self._lists()[provider]

    def info(self, provider: str) -> ProviderInfo:
        """Return what is known of `provider`; raise `MisuseError` with near names when there is none."""
        info: ProviderInfo = self._once((provider, "info"), lambda: self._read_info(provider))
        return info

    def _read_info(self, provider: str) -> ProviderInfo:
        lists = self._of(provider)
        if lists.exist() or self.book is None:
            return lists.info()
        from planner.prices.unlisted import info_from

        return info_from(self.book, provider, self.as_of)

    def regions(self, provider: str) -> Mapping[str, Region]:
        """Return the provider's regions by id: those of the list, then those that only the price book knows.

        The latter have no price groups; they bear the price lists (sites) that were seen there and that the provider has.
        """
        found: Mapping[str, Region] = self._once((provider, "regions"), lambda: self._read_regions(provider))
        return found

    def market(self, provider: str, region: str) -> str:
        """Return one of MARKETS for `region`, whether or not a list has it."""
        listed = self.regions(provider).get(region)
        return listed.market if listed is not None else self.info(provider).market(region)

    def _read_regions(self, provider: str) -> Mapping[str, Region]:
        listed = self._of(provider).regions()
        if self.book is None:
            return listed
        result, info = dict(listed), self.info(provider)
        for name, seen in self.book.regions(provider, self.as_of, listed).items():
            sites = tuple(site for site in seen if site in info.sites)
            if sites:
                result[name] = Region(
                    provider=provider,
                    id=name,
                    name_en=name,
                    name_zh=name,
                    sites=sites,
                    groups=(),
                    source="price book",
                    market=info.market(name),
                )
        return result

    def instances(self, provider: str) -> Mapping[str, InstanceType]:
        """Return the provider's instance types by name."""
        found: Mapping[str, InstanceType] = self._once((provider, "instances"), lambda: self._read_instances(provider))
        return found

    def _read_instances(self, provider: str) -> Mapping[str, InstanceType]:
        listed = self._of(provider).instances()
        if self.book is None:
            return listed
        from planner.prices.overlay import types_over_list

        return {i.name: i for i in types_over_list(listed.values(), self.book.instance_types(provider))}

    # -- prices -------------------------------------------------------------------------------------------------

    def prices(self, provider: str, region: str) -> list[Price]:
        """Return every price of `region`: committed, observed and own, each way of buying from one origin only."""
        found: list[Price] = self._once((provider, "prices", region), lambda: self._read_prices(provider, region))
        return found

    def shelves(self, provider: str, region: str) -> list[list[Shelf]] | None:
        """Return the committed rows of `region`, then those of its groups, as they stand in the files; None where they are not
        the whole of what is known: a price book, the user's own prices or a past day have a say in `prices`."""
        if self.book is not None or self.as_of or self.own:
            return None
        found: list[list[Shelf]] = self._once(
            (provider, "shelves", region), lambda: self._read_shelves(provider, region)
        )
        return found

    def _read_shelves(self, provider: str, region: str) -> list[list[Shelf]]:
        found = self._of(provider).shelves(self._names(provider, region), region)
        return [shelves for shelves in found if shelves]

    def _read_prices(self, provider: str, region: str) -> list[Price]:
        result: list[Price] = []
        for name in self._names(provider, region):
            listed = self._of(provider).prices(name, region, self.as_of)
            result += _without(listed, result)
        if self.as_of:
            result += self._earlier(provider, region, result)
        problems = check_prices(result, self.instances(provider))
        if problems:
            raise CatalogError(problems[0])
        if self.book is not None:
            from planner.prices.overlay import newest_over_list

            observed = self.book.prices(provider, region, self.as_of)
            result = newest_over_list(result, observed, self.book.withdrawn(provider, region, self.as_of))
        mine = [p for p in self.own if p.provider == provider and p.region == region]
        if mine:
            replaced = {p.group for p in mine}
            result = [p for p in result if p.group not in replaced] + mine
        return result

    def _earlier(self, provider: str, region: str, listed: Iterable[Price]) -> list[Price]:
        """Return what history tells of ways of buying that `listed` has no price of yet on the day asked for."""
        from planner.prices.overlay import newest_of

        now = {price.group for price in listed if not price.status}
        past = self._of(provider).history(region)
        return [price for price in newest_of(past, self.as_of) if price.group not in now]

    def history(self, provider: str, region: str = "") -> list[Price]:
        """Return the list's prices that others replaced, of one region or of all; each has a status.

        A price printed for a group of regions is replaced by one for the region itself.
        """
        past: list[Price] = self._once((provider, "history", region), lambda: self._read_history(provider, region))
        return past

    def _read_history(self, provider: str, region: str) -> list[Price]:
        past = self._of(provider).history(region)
        first, *groups = self._names(provider, region) if region else ("",)
        mine = self.listed(provider, first, region) if groups else []
        for name in groups:
            listed = self.listed(provider, name, region)
            kept = {price.group for price in _without(listed, mine)}
            past += [price._replace(status="superseded") for price in listed if price.group not in kept]
        return past

    def listed(self, provider: str, name: str, region: str = "") -> list[Price]:
        """Return the list's rows of a region or group as prices of `region` ("" = of `name`; a group's hold for each member)."""
        return self._of(provider).prices(name, region or name, self.as_of)

    def not_sold(self, provider: str) -> tuple[NotSold, ...]:
        """Return what the provider is known not to sell."""
        found: tuple[NotSold, ...] = self._once((provider, "not_sold"), self._of(provider).not_sold)
        return found

    def zones(self, provider: str, region: str) -> Market | None:
        """Return where in `region` types were sold when it was asked last, None without a price book."""
        if self.book is None:
            return None
        book = self.book
        found: Market = self._once((provider, "zones", region), lambda: book.zones(provider, region, self.as_of))
        return found

    def transfer(self, provider: str, region: str) -> list[TransferPrice]:
        """Return the traffic prices that hold in `region`, its groups' included."""
        names = self._names(provider, region)
        table: list[TransferPrice] = self._once(
            (provider, "transfer", *names), lambda: self._of(provider).transfer(names)
        )
        listed = _nearest(table, names, region)
        if self.book is None:
            return listed
        from planner.prices.overlay import newest_over_list

        return newest_over_list(listed, self.book.transfer(provider, region, self.as_of))

    def services(self, provider: str, region: str) -> list[ServicePrice]:
        """Return the prices of disks, addresses and gateways that hold in `region`."""
        names = self._names(provider, region)
        table: list[ServicePrice] = self._once(
            (provider, "services", *names), lambda: self._of(provider).services(names)
        )
        listed = _nearest(table, names, region)
        if self.book is None:
            return listed
        from planner.prices.overlay import newest_over_list

        return newest_over_list(listed, self.book.services(provider, region, self.as_of))

    def priced(self, provider: str, region: str) -> list[Priced] | None:
        """Return everything that has a price in `region`, None for a provider that is not in the catalogue."""
        if provider not in self.providers():
            return None
        return [*self.prices(provider, region), *self.transfer(provider, region), *self.services(provider, region)]

    def _names(self, provider: str, region: str) -> tuple[str, ...]:
        entry = self.regions(provider).get(region)
        if entry is None:
            return (region,)
        return (region, *entry.groups)

    def priced_places(self, provider: str) -> tuple[str, ...]:
        """Return the regions and groups of which the list has prices, sorted."""
        return self._of(provider).priced_places()

    def _once(self, key: tuple[str, ...], make: Callable[[], Any]) -> Any:
        if key not in self._cache:
            self._cache[key] = make()
        return self._cache[key]


Beside = TypeVar("Beside", TransferPrice, ServicePrice)


def _without(listed: list[Price], mine: list[Price]) -> list[Price]:
    """Return a group's prices but for those that the region's own ones replace."""
    if not (listed and mine):
        return listed
    own = {price.group for price in mine if not price.status}
    return [price for price in listed if price.group not in own]


def _nearest(table: Iterable[Beside], names: Sequence[str], region: str) -> list[Beside]:
    """Return the rows of a region and its groups (`names`), but a group's where the region has its own price of the thing."""
    found = [row for row in table if row.region in names]
    own = {row.group for row in found if row.region == names[0] and not row.status}
    rows = [(row, _in(row, region)) for row in found]
    return [mine for row, mine in rows if row.region == names[0] or mine.group not in own]


def _in(row: Beside, region: str) -> Beside:
    """Return a row of a region or of a group of regions as one of `region`."""
    if row.region == region:
        return row
    return row._replace(region=region, source=row.source._replace(group=row.region))
