"""One provider's committed price lists: the text files of one folder, each row checked as it is read.

    provider.json         title, home regions, sites (price books) with currency and tax
    regions.csv           id, names, sites, price groups, market (mainland or abroad)
    instances.csv         specifications
    prices/<option>.csv   one row per price, of a region, of a group of regions (it holds for every member) or of a zone that is
                          sold apart (regions.csv: zone_of); ours hold one purchase option each, but any file there is read
    history.csv.gz        prices that later ones replaced, in the same columns
    not_sold.csv          what is not sold, so that its lack is no gap
    transfer.csv          traffic prices by tier;  services.csv  disks, addresses, gateways
    sources.csv           the full text of each source id

Columns are found by the names in a file's first line (those of planner.prices.texts). A row that cannot be read stops
the load with its file and line; a missing file holds no rows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache, cached_property
from itertools import chain
from operator import attrgetter, itemgetter
from types import MappingProxyType
from typing import Any, cast

from planner import tables
from planner.errors import CatalogError
from planner.money import CURRENCIES
from planner.offer import MARKETS, Driver, InstanceType, Price, Region, ServicePrice, TransferPrice
from planner.prices.texts import INSTANCE_TYPE, PRICE, SERVICE, TRANSFER, At, Kind, Record, number, reader_of
from planner.records import NamedTuple

__all__ = ["Lists", "NotSold", "ProviderInfo", "Shelf", "Types"]

_REGION = ("id", "name_en", "name_zh", "sites", "groups", "market", "source")
_NOT_SOLD = ("types", "regions", "site", "purchase_option", "term", "offering", "os", "source", "note")
_PRICES = "prices"
#: What the sizing looks at.
_MACHINE = ("gpu_model", "gpu_memory_gib", "gpu_count", "network_gbps")
#: How the prices of a place stand: what is sold of one type is together, as in the files what is sold in one way.
_SHELF = attrgetter("way.site", "way.instance_type")
_new = tuple.__new__


class ProviderInfo(NamedTuple):
    """What a provider's price lists are called and which regions a quote takes when none is named.

    reference_types: the instance types that tables always show. sells: purchase options that the cloud has for GPU
    instances. sites: id -> {title, currency, tax ("exclusive", "inclusive", "unknown"), tax_source}. services: category ->
    what the cloud calls that service on its bill (FOCUS: ServiceName); "compute" stands for any that is not named.
    driver: what its GPU machines run, None where nothing is known. mainland: ids of regions in mainland China that
    regions.csv does not list ("cn-*": all that begin so). lanes: traffic by the word of the workload ("internet") -> the
    destinations of transfer.csv that may stand for it, the first with a whole ladder is taken. module: what a module of ours
    creates around the instances and is charged for (planner.quoting.around reads the entries). areas: EU and US -> ids of the regions
    whose machines stand there (planner.prices.places).
    """

    name: str
    title: str
    title_zh: str
    home_regions: tuple[str, ...]
    reference_types: tuple[str, ...]
    month: str
    sells: tuple[str, ...]
    sites: dict[str, dict[str, str]]
    services: dict[str, str]
    driver: Driver | None
    mainland: tuple[str, ...]
    lanes: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    module: tuple[Mapping[str, Any], ...] = ()
    areas: Mapping[str, tuple[str, ...]] = MappingProxyType({})

    def market(self, region: str) -> str:
        """Return the market of a region that regions.csv does not list."""
        inside = any(region.startswith(name[:-1]) if name.endswith("*") else region == name for name in self.mainland)
        return "mainland" if inside else "abroad"


class NotSold(NamedTuple):
    """What a provider does not sell, and who says so: the lack of such a price is no gap.

    types: instance types, or beginnings of their names before a "." or "-"; () = all. regions: () = all; `but`: all others
    than these. site, purchase_option, term, offering: "" = any.
    """

    types: tuple[str, ...]
    regions: tuple[str, ...]
    but: bool
    site: str
    purchase_option: str
    term: str
    offering: str
    os: str
    source: str
    note: str

    def holds(self, region: str, option: str) -> bool:
        """Return whether it holds in `region` for every way of `option`, whatever the site, term and offering."""
        if self.site or self.term or self.offering or self.os or self.purchase_option not in ("", option):
            return False
        return not self.regions or (region in self.regions) is not self.but

    @staticmethod
    def spoken_of(rows: Iterable[NotSold]) -> Callable[[str], bool]:
        """Return a quick way to ask whether any of `rows` names an instance type."""
        rows = list(rows)
        types = frozenset(name for row in rows for name in row.types)
        return (
            (lambda _: True) if not all(row.types for row in rows) else lambda name: not types.isdisjoint(_heads(name))
        )

    def names(self, name: str) -> bool:
        """Return whether the instance type `name` is among its types."""
        return not self.types or not _heads(name).isdisjoint(self.types)


class Shelf(NamedTuple):
    """Rows of a price file as they stand. names: the columns. make: a row and its line as the price that it is. at: how the
    places of its rows begin, before the line."""

    names: Sequence[str]
    rows: tables.Rows
    make: Callable[[tuple[str, ...], int], Any]
    at: str


@cache
def _heads(name: str) -> frozenset[str]:
    """Return an instance type's name and its beginnings before a "." or "-"."""
    found, begin = [name], ""
    for part in name.replace("-", ".").split(".")[:-1]:
        begin = name[: len(begin) + bool(begin) + len(part)]
        found.append(begin)
    return frozenset(found)


class Types(tables.Made):
    """The instance types of a list by name."""

    def __init__(self, shelf: Shelf | None) -> None:
        if shelf is None:
            super().__init__({}, lambda _: None)
            return
        name, make = shelf.names.index("name"), shelf.make
        super().__init__({row[0][name]: row for row in shelf.rows}, lambda row: make(*row))
        self._machine = itemgetter(*map(shelf.names.index, _MACHINE))

    def machine(self, name: str) -> tuple[str, ...] | None:
        """Return what the sizing looks at, as it stands in the list: types of which it is the same are sized alike."""
        row = self._rows.get(name)
        return None if row is None else self._machine(row[0])

    def printed(self, name: str) -> tuple[str, Decimal | None, Decimal, Decimal | None]:
        """Return the same as values: the GPU, its memory, how many, the network; the record of the type is not made for it."""
        gpu, memory, count, network = self._machine(self._rows[name][0])
        try:
            return gpu, number(memory) if memory else None, number(count), number(network) if network else None
        except ValueError:  # making the record says where
            spec = self[name]
            return spec.gpu_model, spec.gpu_memory_gib, spec.gpu_count, spec.network_gbps


class Lists:
    """The lists of `provider` in `folder`; files are read when asked for. shown: how places name the folder."""

    def __init__(self, provider: str, folder: str, shown: str) -> None:
        self.provider = provider
        self.folder = folder
        self.shown = shown

    def exist(self) -> bool:
        """Return whether there is a list at all."""
        return os.path.isfile(os.path.join(self.folder, "provider.json"))

    def info(self) -> ProviderInfo:
        """Return what provider.json says."""
        raw = tables.json_of(os.path.join(self.folder, "provider.json"))
        if raw["name"] != self.provider:
            raise CatalogError(f"{self.shown}/provider.json: the list of {raw['name']!r}, not of {self.provider!r}")
        return ProviderInfo(
            name=raw["name"],
            title=raw["title"],
            title_zh=raw["title_zh"],
            home_regions=tuple(raw["home_regions"]),
            reference_types=tuple(raw["reference_types"]),
            month=raw["month"],
            sells=tuple(raw["sells"]),
            sites=raw["sites"],
            services=raw.get("services", {}),
            driver=Driver(**raw["driver"]) if raw.get("driver") else None,
            mainland=tuple(raw.get("mainland", ())),
            lanes={word: tuple(names) for word, names in raw.get("lanes", {}).items()},
            module=tuple(raw.get("module", ())),
            areas={area: tuple(names) for area, names in raw.get("areas", {}).items()},
        )

    def regions(self) -> Mapping[str, Region]:
        """Return the regions by id."""
        rows = {}
        for row, line in self._rows("regions.csv", _REGION, "zone_of"):
            if row[5] not in MARKETS:
                known = ", ".join(MARKETS)
                raise CatalogError(f"{self.shown}/regions.csv:{line}: unknown market {row[5]!r} (known: {known})")
            rows[row[0]] = row
        return tables.Made(rows, self._region)

    def _region(self, row: tuple[str, ...]) -> Region:
        name, name_en, name_zh, sites, groups, market, source, zone_of = row
        return Region(
            provider=self.provider,
            id=name,
            name_en=name_en,
            name_zh=name_zh,
            sites=tuple(sites.split()),
            groups=tuple(groups.split()),
            source=self._sources.get(source, source),
            market=market,
            zone_of=zone_of,
        )

    def instances(self) -> Mapping[str, InstanceType]:
        """Return the instance types by name."""
        return Types(self._shelf(INSTANCE_TYPE, "instances.csv"))

    def prices(self, name: str, region: str, as_of: str = "") -> list[Price]:
        """Return the rows of `name` (a region or a group of regions) as prices of `region`, whatever file they stand in.

        as_of: ISO date; rows that hold only from a later day on are left out ("" = none is).
        """
        found: list[Price] = []
        for file in self.price_files:
            rows = self._records(PRICE, file, region, "" if name == region else name, only=(name,), until=as_of)
            found += cast("Iterator[Price]", rows)
        found.sort(key=_SHELF)
        return found

    def history(self, region: str = "") -> list[Price]:
        """Return the prices that later ones replaced, of one region or of all; each has a status."""
        make, apart = self._past
        rows = apart.get(region, ()) if region else chain.from_iterable(apart.values())
        return [cast("Price", make(*row)) for row in rows]

    @cached_property
    def _past(self) -> tuple[Callable[..., Record], dict[str, tables.Rows]]:
        """What makes a price of a row of the history, and its rows by region: the file is packed, and parsed once."""
        shelf = self._shelf(PRICE, "history.csv.gz") or Shelf((tables.REGION,), [], lambda *_: None, "")
        at, apart = shelf.names.index(tables.REGION), dict[str, tables.Rows]()
        for row in shelf.rows:
            apart.setdefault(row[0][at], []).append(row)
        return shelf.make, apart

    def transfer(self, names: Sequence[str]) -> list[TransferPrice]:
        """Return the traffic prices of some regions and groups; a group's bear the group's name as their region."""
        rows = cast("list[TransferPrice]", list(self._records(TRANSFER, "transfer.csv", only=names)))
        for row in rows:
            if row.amount < 0 or not (row.amount or row.quota or row.destination == "same_region"):
                raise CatalogError(f"{row.source.place}: traffic price {row.amount} is not above zero")
            if row.currency not in CURRENCIES:
                raise CatalogError(f"{row.source.place}: unknown currency {row.currency!r}")
        return rows

    def services(self, names: Sequence[str]) -> list[ServicePrice]:
        """Return the prices of disks, addresses and gateways of some regions and groups; a group's bear its name as their region."""
        rows = cast("list[ServicePrice]", list(self._records(SERVICE, "services.csv", only=names)))
        for row in rows:
            if row.amount <= 0:
                raise CatalogError(f"{row.source.place}: {row.item} price {row.amount} is not above zero")
        return rows

    def not_sold(self) -> tuple[NotSold, ...]:
        """Return what the provider is known not to sell."""
        found = []
        for row, _ in self._rows("not_sold.csv", _NOT_SOLD):
            types, regions, site, option, term, offering, os_, source, note = row
            said = self._sources.get(source, source)
            where, but = tuple(regions.removeprefix("!").split()), regions.startswith("!")
            found.append(
                NotSold._make((tuple(types.split()), where, but, site, option, term, offering, os_, said, note))
            )
        return tuple(found)

    @cached_property
    def price_files(self) -> tuple[str, ...]:
        """The files that hold prices, sorted."""
        try:
            names = os.listdir(os.path.join(self.folder, _PRICES))
        except FileNotFoundError:
            return ()
        return tuple(sorted(f"{_PRICES}/{name}" for name in names if name.endswith(".csv")))

    def priced_places(self) -> tuple[str, ...]:
        """Return the regions and groups of which there are prices, sorted."""
        found: set[str] = set()
        for file in self.price_files:
            header, rows = self._read(file, (tables.REGION,))
            found.update(map(itemgetter(header.index(tables.REGION)), (row for row, _ in rows)))
        return tuple(sorted(found))

    @cached_property
    def _sources(self) -> dict[str, str]:
        return {row[0]: row[1] for row, _ in self._rows("sources.csv", ("id", "source"))}

    def shelves(self, names: Sequence[str], region: str) -> list[list[Shelf]]:
        """Return the rows of `prices` as they stand and how to make prices of them: of each of `names` file by file."""
        found: dict[str, list[Shelf]] = {name: [] for name in names}
        for file in self.price_files:
            header, parts = self._asked(tables.apart, file, PRICE.texts[1:], names) or ((), {})
            for name, rows in parts.items():
                found[name].append(self._shelved(PRICE, file, header, rows, region, "" if name == region else name))
        return list(found.values())

    def _shelf(
        self, kind: Kind, file: str, region: str = "", group: str = "", *, only: Sequence[str] = ()
    ) -> Shelf | None:
        """Return the rows of a file, None where there are none.

        region: what to put instead of the row's own, "" = leave it. only: the regions whose rows are read, () = all.
        """
        header, rows = self._read(file, kind.texts[1:], only)
        return self._shelved(kind, file, header, rows, region, group) if rows else None

    def _shelved(
        self, kind: Kind, file: str, header: Sequence[str], rows: tables.Rows, region: str, group: str
    ) -> Shelf:
        # "provider" is the first text of every kind, and no column: a file is of one provider.
        # A price may say when it was last seen unchanged; the other kinds do not.
        names = (*header, "provider", *(() if "confirmed" in header else ("confirmed",)))
        more = [self.provider, ""][: len(names) - len(header)]
        read, sources, start = reader_of(kind.record, names), self._sources, f"{self.shown}/{file}:"
        source, confirmed = names.index("source"), names.index("confirmed")
        where = names.index("region") if region else 0

        def make(row: tuple[str, ...], line: int) -> Record:
            values = [*row, *more]
            values[source] = sources.get(row[source], row[source])
            if region:
                values[where] = region
            place = f"{start}{line}"
            try:
                return read(values, _new(At, ("list", place, "", group, values[confirmed])))
            except ValueError as exc:
                raise CatalogError(f"{place}: {exc}") from exc

        return Shelf(header, rows, make, start)

    def _records(
        self,
        kind: Kind,
        file: str,
        region: str = "",
        group: str = "",
        *,
        only: Sequence[str] = (),
        until: str = "",
    ) -> Iterator[Record]:
        """Yield the records of a file (`_shelf`). until: ISO date; rows that hold only from a later day on are left out."""
        shelf = self._shelf(kind, file, region, group, only=only)
        if shelf is None:
            return
        names, rows, make, _ = shelf
        since = names.index("effective_date") if until else 0
        for row, line in rows:
            if not until or row[since] <= until:
                yield make(row, line)

    def _rows(self, file: str, columns: Sequence[str], last: str = "") -> Iterator[tuple[tuple[str, ...], int]]:
        """Yield the rows after a file's header as the texts of `columns`, each with its line.

        last: one more column, that a file need not have ("" stands for it then).
        """
        header, rows = self._read(file, columns)
        names = [*header, last] if last and last not in header else header
        pick = itemgetter(*(names.index(name) for name in ((*columns, last) if last else columns)))
        more = ("",) * (len(names) - len(header))
        for row, line in rows:
            yield pick(row + more if more else row), line

    def _read(self, file: str, columns: Sequence[str], only: Sequence[str] = ()) -> tuple[Sequence[str], tables.Rows]:
        """Return a file's header and its rows after it, those of the regions `only`; of a missing file `columns` and no rows."""
        return self._asked(tables.read, file, columns, only) or (columns, [])

    def _asked(self, how: Callable[..., Any], file: str, columns: Sequence[str], only: Sequence[str]) -> Any:
        """Return the header and the rows of a file, None of a missing one; raise `CatalogError` where a column is missing."""
        try:
            header, rows = how(f"{self.folder}/{file}", only)
        except FileNotFoundError:
            return None
        except tables.RaggedError as exc:
            raise CatalogError(f"{self.shown}/{file}:{exc.line}: {exc}") from None
        missing = set(columns).difference(header)
        if missing:
            first = next(name for name in columns if name in missing)
            raise CatalogError(f"{self.shown}/{file}: the column {first!r} is missing")
        return header, rows
