"""The catalogue: dated price lists per cloud, read from the text files beside the adapters, never from the network.

Layout (one folder per provider, `providers/<name>/catalog/`):

    provider.json         title, home regions, sites (price books) with currency and tax
    regions.csv           id, names, sites, price groups
    instances.csv         specifications
    prices/<region>.csv   one row per price; a group's file (e.g. cn-mainland.csv) holds for every member region
    transfer.csv          traffic prices by tier;  services.csv  disks, addresses, gateways
    sources.csv           the full text of each source id

A quote reads only the regions that it asks for, so its time does not grow with the size of the catalogue. Rows are
checked as they are read; a row that fails stops the load with its file and line.

Precedence, per (type, region, site, way of buying): the user's own prices, then the newest observation in the price
book, then the committed list.
"""

import csv
import json
import os
from collections.abc import Callable, Container, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from planner.errors import CatalogError, MisuseError, suggest
from planner.money import CURRENCIES
from planner.offer import PAYMENTS, PURCHASE_OPTIONS, InstanceType, Price, Region, ServicePrice, TransferPrice
from planner.records import NamedTuple

if TYPE_CHECKING:
    from planner.prices.zones import Market

__all__ = ["ROOT", "Catalog", "ProviderInfo", "check_prices"]

#: The folder that holds one folder per provider.
ROOT = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "providers")

#: Plausible price of one GPU for one hour, per currency; outside of it a row is taken for a mistake.
PLAUSIBLE = {"USD": (Decimal("0.02"), Decimal(200)), "CNY": (Decimal("0.15"), Decimal(1400))}

UNITS = ("hour", "month", "term")
ZERO = Decimal(0)
_LETTERS = frozenset("eEnNiI+_ ")


class ProviderInfo(NamedTuple):
    """What a provider's price lists are called and which regions a quote takes when none is named.

    reference_types: the instance types that tables always show. sells: purchase options that the cloud has for GPU instances. sites: id -> {title, currency, tax ("exclusive",
    "inclusive", "unknown"), tax_source}.
    """

    name: str
    title: str
    title_zh: str
    home_regions: tuple[str, ...]
    reference_types: tuple[str, ...]
    month: str
    sells: tuple[str, ...]
    sites: dict[str, dict[str, str]]


class Book(Protocol):
    """What the catalogue needs of a price book (planner.prices.book); all newest observations at or before a date."""

    def prices(self, provider: str, region: str, as_of: str = "") -> list[Price]: ...

    def transfer(self, provider: str, region: str, as_of: str = "") -> list[TransferPrice]: ...

    def services(self, provider: str, region: str, as_of: str = "") -> list[ServicePrice]: ...

    def instance_types(self, provider: str) -> list[InstanceType]: ...

    def withdrawn(self, provider: str, region: str, as_of: str = "") -> frozenset[tuple[str, ...]]: ...

    def zones(self, provider: str, region: str, as_of: str = "") -> "Market": ...

    def regions(self, provider: str, as_of: str = "", listed: Container[str] = ()) -> dict[str, tuple[str, ...]]: ...


def _identity(price: Price) -> tuple[str, ...]:
    """One way to buy one type in one place: what a newer or own price replaces as a whole."""
    return (
        price.provider,
        price.site,
        price.region,
        price.instance_type,
        price.purchase_option,
        price.term,
        price.payment,
        price.offering,
        price.os,
    )


def _number(text: str, what: str) -> Decimal:
    if not text or not _LETTERS.isdisjoint(text):
        raise ValueError(f"{what} {text!r} is not a plain number")
    return Decimal(text)


def check_prices(prices: Iterable[Price], instances: dict[str, InstanceType] | None = None) -> list[str]:
    """Return every problem of `prices`, each with its place: bad amount, currency, words, tiers, duplicates, outliers."""
    problems: list[str] = []
    seen: dict[tuple[str, ...], str] = {}
    for price in prices:
        at = price.place
        if not price.amount.is_finite() or price.amount <= 0:
            problems.append(f"{at}: {price.instance_type}: amount {price.amount} is not above zero")
            continue
        if price.currency not in CURRENCIES:
            problems.append(f"{at}: {price.instance_type}: unknown currency {price.currency!r}")
        if price.purchase_option not in PURCHASE_OPTIONS:
            problems.append(f"{at}: unknown purchase option {price.purchase_option!r}")
        if price.unit not in UNITS:
            problems.append(f"{at}: unknown unit {price.unit!r} (known: {', '.join(UNITS)})")
        if price.payment and price.payment not in PAYMENTS:
            problems.append(f"{at}: unknown payment {price.payment!r} (known: {', '.join(PAYMENTS)})")
        if price.purchase_option in ("reserved", "savings_plan", "subscription") and not price.term:
            problems.append(f"{at}: {price.purchase_option} needs a term such as 1m, 1y or 3y")
        if price.tier_to is not None and price.tier_to <= price.tier_from:
            problems.append(f"{at}: tier ends at {price.tier_to}, before it begins at {price.tier_from}")
        if not price.status and price.confidence != "low":
            where = seen.setdefault(price.key, at)
            if where is not at:
                problems.append(f"{at}: {price.instance_type} {price.purchase_option} stands already at {where}")
        problem = _implausible(price, instances)
        if problem:
            problems.append(problem)
    return problems


def _implausible(price: Price, instances: dict[str, InstanceType] | None) -> str:
    spec = instances.get(price.instance_type) if instances else None
    band = PLAUSIBLE.get(price.currency)
    if spec is None or band is None or not spec.gpu_count or price.unit == "term":
        return ""
    hourly = price.amount / spec.gpu_count / (730 if price.unit == "month" else 1)
    if band[0] <= hourly <= band[1]:
        return ""
    return (
        f"{price.place}: {price.instance_type}: {hourly:.4f} {price.currency} per GPU-hour is outside "
        f"{band[0]} to {band[1]}; a wrong unit or currency?"
    )


class Catalog:
    """All that is known to be for sale. Cheap to make; files are read when asked for.

    root: folder of the providers. own: the user's own prices (planner.prices.own). book: a price book or None. as_of:
    ISO date; committed and observed prices that became effective later are left out ("" = all).
    """

    def __init__(self, root: str = ROOT, own: Iterable[Price] = (), book: Book | None = None, as_of: str = "") -> None:
        self.root = root
        self.own = tuple(own)
        self.book = book
        self.as_of = as_of
        self._cache: dict[tuple[str, ...], Any] = {}

    # -- who and where ------------------------------------------------------------------------------------------

    def providers(self) -> tuple[str, ...]:
        """Return the names of the providers that have a price list, sorted."""
        found: tuple[str, ...] = self._once(("providers",), self._find_providers)
        return found

    def _find_providers(self) -> tuple[str, ...]:
        names = (n for n in os.listdir(self.root) if os.path.isfile(self._path(n, "provider.json")))
        return tuple(sorted(names))

    def info(self, provider: str) -> ProviderInfo:
        """Return what is known of `provider`; raise `MisuseError` with near names when there is none."""
        if provider not in self.providers():
            raise MisuseError(f"unknown provider {provider!r}: {suggest(provider, self.providers())}")
        info: ProviderInfo = self._once((provider, "info"), lambda: self._read_info(provider))
        return info

    def _read_info(self, provider: str) -> ProviderInfo:
        with open(self._path(provider, "provider.json"), encoding="utf-8") as file:
            raw = json.load(file)
        return ProviderInfo(
            raw["name"],
            raw["title"],
            raw["title_zh"],
            tuple(raw["home_regions"]),
            tuple(raw["reference_types"]),
            raw["month"],
            tuple(raw["sells"]),
            raw["sites"],
        )

    def regions(self, provider: str) -> dict[str, Region]:
        """Return the provider's regions by id: those of the list, then those that only the price book knows.

        The latter have no price groups; they bear the price lists (sites) that were seen there and that the provider has.
        """
        found: dict[str, Region] = self._once((provider, "regions"), lambda: self._read_regions(provider))
        return found

    def _read_regions(self, provider: str) -> dict[str, Region]:
        sources = self._sources(provider)
        result = {
            row[0]: Region(
                provider, row[0], row[1], row[2], tuple(row[3].split()), tuple(row[4].split()), sources(row[5])
            )
            for row, _ in self._rows(provider, "regions.csv")
        }
        if self.book is not None:
            known = self.info(provider).sites
            for name, seen in self.book.regions(provider, self.as_of, result).items():
                sites = tuple(site for site in seen if site in known)
                if sites:
                    result[name] = Region(provider, name, name, name, sites, (), "price book")
        return result

    def instances(self, provider: str) -> dict[str, InstanceType]:
        """Return the provider's instance types by name."""
        found: dict[str, InstanceType] = self._once((provider, "instances"), lambda: self._read_instances(provider))
        return found

    def _read_instances(self, provider: str) -> dict[str, InstanceType]:
        sources = self._sources(provider)
        result = {}
        for row, place in self._rows(provider, "instances.csv"):
            name, vcpu, memory, gpu, gpus, gpu_memory, network, nvme, confidence, source, note = row
            try:
                result[name] = InstanceType(
                    provider,
                    name,
                    int(vcpu),
                    Decimal(memory),
                    gpu,
                    Decimal(gpus),
                    Decimal(gpu_memory) if gpu_memory else None,
                    Decimal(network) if network else None,
                    int(nvme or 0),
                    sources(source),
                    confidence,
                    note,
                )
            except (ValueError, ArithmeticError) as exc:
                raise CatalogError(f"{place}: {name}: {exc}") from exc
        if self.book is not None:
            from planner.prices.overlay import types_over_list

            result = {i.name: i for i in types_over_list(result.values(), self.book.instance_types(provider))}
        return result

    # -- prices -------------------------------------------------------------------------------------------------

    def prices(self, provider: str, region: str) -> list[Price]:
        """Return every price of `region`: committed, observed and own, each way of buying from one origin only."""
        found: list[Price] = self._once((provider, "prices", region), lambda: self._read_prices(provider, region))
        return found

    def _read_prices(self, provider: str, region: str) -> list[Price]:
        entry = self.regions(provider).get(region)
        result: list[Price] = []
        for name in (region, *(entry.groups if entry else ())):
            result += self.file_prices(provider, name, region)
        problems = check_prices(result, self.instances(provider))
        if problems:
            raise CatalogError(problems[0])
        if self.book is not None:
            from planner.prices.overlay import newest_over_list

            observed = self.book.prices(provider, region, self.as_of)
            result = newest_over_list(result, observed, self.book.withdrawn(provider, region, self.as_of))
        own = [p for p in self.own if p.provider == provider and p.region == region]
        if own:
            replaced = {_identity(p) for p in own}
            result = [p for p in result if _identity(p) not in replaced] + own
        return result

    def file_prices(self, provider: str, name: str, region: str) -> list[Price]:
        """Return the rows of one price file as prices of `region` (a group's file holds for each member)."""
        sources = self._sources(provider)
        result = []
        for row, place in self._rows(provider, "prices", f"{name}.csv"):
            try:
                (
                    _,
                    site,
                    type_,
                    option,
                    term,
                    payment,
                    offering,
                    os_,
                    zone,
                    unit,
                    amount,
                    low,
                    currency,
                    start,
                    end,
                    date,
                    dated,
                    confidence,
                    status,
                    source,
                    note,
                ) = row
                if self.as_of and date > self.as_of:
                    continue
                result.append(
                    Price(
                        provider,
                        site,
                        region,
                        type_,
                        option,
                        term,
                        payment,
                        offering,
                        unit,
                        _number(amount, "amount"),
                        currency,
                        _number(start, "tier_from"),
                        _number(end, "tier_to") if end else None,
                        zone,
                        os_,
                        date,
                        dated,
                        sources(source),
                        confidence,
                        status,
                        note,
                        "list",
                        place,
                        _number(low, "range_low") if low else None,
                    )
                )
            except (ValueError, ArithmeticError) as exc:
                raise CatalogError(f"{place}: {exc}") from exc
        return result

    def zones(self, provider: str, region: str) -> "Market | None":
        """Return where in `region` types were sold when it was asked last, None without a price book."""
        if self.book is None:
            return None
        book = self.book
        found: Market = self._once((provider, "zones", region), lambda: book.zones(provider, region, self.as_of))
        return found

    def transfer(self, provider: str, region: str) -> list[TransferPrice]:
        """Return the traffic prices that hold in `region`, its groups' included."""
        table: list[TransferPrice] = self._once((provider, "transfer"), lambda: self._read_transfer(provider))
        names = self._names(provider, region)
        listed = [t._replace(region=region) for t in table if t.region in names]
        if self.book is None:
            return listed
        from planner.prices.overlay import newest_over_list

        return newest_over_list(listed, self.book.transfer(provider, region, self.as_of))

    def _read_transfer(self, provider: str) -> list[TransferPrice]:
        sources = self._sources(provider)
        result = []
        for row, place in self._rows(provider, "transfer.csv"):
            (
                region,
                site,
                dest,
                to,
                start,
                end,
                amount,
                currency,
                quota,
                date,
                dated,
                confidence,
                status,
                source,
                note,
            ) = row
            price = _number(amount, "amount")
            if price < 0 or (price == 0 and not quota and dest != "same_region"):
                raise CatalogError(f"{place}: traffic price {amount} is not above zero")
            if currency not in CURRENCIES:
                raise CatalogError(f"{place}: unknown currency {currency!r}")
            result.append(
                TransferPrice(
                    provider,
                    site,
                    region,
                    dest,
                    to,
                    _number(start, "from_gb"),
                    _number(end, "to_gb") if end else None,
                    price,
                    currency,
                    bool(quota),
                    date,
                    dated,
                    sources(source),
                    confidence,
                    status,
                    note,
                    "list",
                    place,
                )
            )
        return result

    def services(self, provider: str, region: str) -> list[ServicePrice]:
        """Return the prices of disks, addresses and gateways that hold in `region`."""
        table: list[ServicePrice] = self._once((provider, "services"), lambda: self._read_services(provider))
        names = self._names(provider, region)
        listed = [s._replace(region=region) for s in table if s.region in names]
        if self.book is None:
            return listed
        from planner.prices.overlay import newest_over_list

        return newest_over_list(listed, self.book.services(provider, region, self.as_of))

    def _read_services(self, provider: str) -> list[ServicePrice]:
        sources = self._sources(provider)
        result = []
        for row, place in self._rows(provider, "services.csv"):
            region, site, item, variant, unit, amount, currency, default, date, dated, conf, status, source, note = row
            price = _number(amount, "amount")
            if price <= 0:
                raise CatalogError(f"{place}: {item} price {amount} is not above zero")
            result.append(
                ServicePrice(
                    provider,
                    site,
                    region,
                    item,
                    variant,
                    unit,
                    price,
                    currency,
                    bool(default),
                    date,
                    dated,
                    sources(source),
                    conf,
                    status,
                    note,
                    "list",
                    place,
                )
            )
        return result

    # -- files --------------------------------------------------------------------------------------------------

    def _names(self, provider: str, region: str) -> tuple[str, ...]:
        entry = self.regions(provider).get(region)
        return (region, *(entry.groups if entry else ()))

    def price_files(self, provider: str) -> tuple[str, ...]:
        """Return the names (regions and groups) for which a committed price file exists, sorted."""
        return tuple(sorted(n[:-4] for n in os.listdir(self._path(provider, "prices")) if n.endswith(".csv")))

    def _sources(self, provider: str) -> Callable[[str], str]:
        table: dict[str, str] = self._once((provider, "sources"), lambda: self._read_sources(provider))
        return lambda key: table.get(key, key)

    def _read_sources(self, provider: str) -> dict[str, str]:
        return {row[0]: row[1] for row, _ in self._rows(provider, "sources.csv")}

    def _path(self, provider: str, *names: str) -> str:
        return os.path.join(self.root, provider, "catalog", *names)

    def _rows(self, provider: str, *names: str) -> list[tuple[list[str], str]]:
        """Return the rows of a file after its header, each with its place; a missing file has none."""
        path = self._path(provider, *names)
        shown = "/".join(("providers", provider, "catalog", *names))
        try:
            with open(path, encoding="utf-8", newline="") as file:
                reader = csv.reader(file)
                header = next(reader, [])
                result = []
                for row in reader:
                    if len(row) != len(header):
                        raise CatalogError(f"{shown}:{reader.line_num}: {len(row)} columns, expected {len(header)}")
                    result.append((row, f"{shown}:{reader.line_num}"))
                return result
        except FileNotFoundError:
            return []

    def _once(self, key: tuple[str, ...], make: Callable[[], Any]) -> Any:
        if key not in self._cache:
            self._cache[key] = make()
        return self._cache[key]
