"""Which places and prices a workload looks at: names checked, regions found, prices grouped by way of buying."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING

from planner.errors import MisuseError, suggest
from planner.offer import InstanceType, Price, ServicePrice, TransferPrice, Way
from planner.prices.catalog import Catalog, ProviderInfo
from planner.prices.fx import Rates
from planner.quoting.rules import Terms, terms_of
from planner.records import NamedTuple
from planner.sizing.gpus import means
from planner.text import Text
from planner.units import Window
from planner.workload import Workload

if TYPE_CHECKING:
    from planner.quoting.changes import Changes

__all__ = ["Bought", "Place", "Request", "place", "places", "request"]

ZERO = Decimal(0)
Bought = dict[tuple[Way, str], list[Price]]  # prices by way of buying and currency, in the catalogue's order


class Request(NamedTuple):
    """One quote being made: what is asked, on what. whole: offers carry every line that other inputs could need. changes: of the user's
    own prices, where there are any (planner.quoting.changes)."""

    workload: Workload
    catalog: Catalog
    rates: Rates
    window: Window
    months: int
    whole: bool
    shares: dict[str, Decimal]
    types: frozenset[str]
    gpus: dict[str, bool]
    known: dict[tuple[str, str], Terms | None]
    changes: Changes | None = None

    def terms(self, way: Way) -> Terms | None:
        """Return the terms of a way of buying in the window, None for pay as you go."""
        key = (way.purchase_option, way.term)
        if key not in self.known:
            self.known[key] = terms_of(way, self.window, self.months)
        return self.known[key]

    def share(self, provider: str, option: str = "") -> Decimal:
        """Return the discount agreed with `provider` for a way of buying (else for all of it)."""
        if not self.shares:
            return ZERO
        if option and f"{provider}:{option}" in self.shares:
            return self.shares[f"{provider}:{option}"]
        return self.shares.get(provider, ZERO)

    def wants(self, name: str, spec: InstanceType | None) -> bool:
        """Say whether the workload's filters let an instance type pass."""
        if self.types and name.lower() not in self.types:
            return False
        if not self.workload.gpu:
            return True
        if spec is None:
            return False
        known = self.gpus.get(spec.gpu_model)
        if known is None:
            known = self.gpus[spec.gpu_model] = any(means(g, spec.gpu_model) for g in self.workload.gpu)
        return known

    def wanted(self, specs: Mapping[str, InstanceType]) -> Collection[str]:
        """Return the names of the instance types that the workload's filters let pass."""
        if not (self.types or self.workload.gpu):
            return specs
        return [name for name, spec in specs.items() if self.wants(name, spec)]


class Place(NamedTuple):
    """What one region sells for the workload. types: by instance type. kept_out: rows left out, by way of buying.

    Of what a screen does not list no record is made. unmade: the instance types without any; sold: in which ways there are such;
    refused: why some of the types do not serve the workload."""

    info: ProviderInfo
    region: str
    specs: Mapping[str, InstanceType]
    types: dict[str, Bought]
    traffic: Sequence[TransferPrice]
    services: Sequence[ServicePrice]
    kept_out: dict[str, int]
    unmade: Collection[str] = ()
    sold: Collection[str] = ()
    refused: Mapping[str, Text] = MappingProxyType({})


def request(workload: Workload, catalog: Catalog, rates: Rates, whole: bool, changes: Changes | None = None) -> Request:
    """Return the request for `workload`; `places` checks its names."""
    window = workload.window
    return Request(
        workload=workload,
        catalog=catalog,
        rates=rates,
        window=window,
        months=window.months,
        whole=whole,
        shares={**{c.provider: c.discount for c in workload.contract}, **dict(workload.discount)},
        types=frozenset(t.lower() for t in workload.instance_type),
        gpus={},
        known={},
        changes=changes,
    )


def places(workload: Workload, catalog: Catalog) -> list[tuple[str, str]]:
    """Return (provider, region) pairs to look at; raise `MisuseError` when a name of the workload is unknown."""
    found = _places(workload, catalog)
    _check_names(workload, catalog, found)
    return found


def _places(workload: Workload, catalog: Catalog) -> list[tuple[str, str]]:
    providers = workload.provider or catalog.providers()
    for name in providers:
        catalog.info(name)
    for scope, _ in workload.discount:
        provider = scope.partition(":")[0]
        if provider not in catalog.providers():
            raise MisuseError(
                "--discount: unknown provider {provider!r}: {near}",
                provider=provider,
                near=suggest(provider, catalog.providers()),
            )
    for contract in workload.contract:
        if contract.provider not in catalog.providers():
            near = suggest(contract.provider, catalog.providers())
            raise MisuseError(
                "--contract: unknown provider {provider!r}: {near}", provider=contract.provider[:60], near=near
            )
        if contract.provider in dict(workload.discount):
            raise MisuseError(
                "--contract: {provider} has a --discount as well; say in the contract what is agreed",
                provider=contract.provider,
            )
    for tax in workload.taxes:
        provider, _, site = tax.scope.partition(":")
        if provider and provider not in catalog.providers():
            raise MisuseError(
                "--tax: unknown provider {provider!r}: {near}",
                provider=provider,
                near=suggest(provider, catalog.providers()),
            )
        if site and site not in catalog.info(provider).sites:
            raise MisuseError(
                "--tax: {provider} has no site {site!r}: {near}",
                provider=provider,
                site=site,
                near=suggest(site, catalog.info(provider).sites),
            )
    if not workload.region:
        return [(p, r) for p in providers for r in catalog.info(p).home_regions]
    if workload.region == ("all",):
        return [(p, name) for p in providers for name, region in catalog.regions(p).items() if not region.zone_of]
    known = {p: catalog.regions(p) for p in providers}
    for region in workload.region:
        if not any(region in regions for regions in known.values()):
            everywhere = sorted({r for regions in known.values() for r in regions})
            raise MisuseError("unknown region {region!r}: {near}", region=region, near=suggest(region, everywhere))
    return [(p, r) for p in providers for r in workload.region if r in known[p]]


def _check_names(workload: Workload, catalog: Catalog, found: list[tuple[str, str]]) -> None:
    providers = sorted({p for p, _ in found})
    if workload.instance_type:
        known = {n.lower() for p in providers for n in catalog.instances(p)}
        if not {t.lower() for t in workload.instance_type} <= known:
            # A type may be priced without a specification; look only when it is needed.
            known |= {p.way.instance_type.lower() for pl in found for p in catalog.prices(*pl)}
        for name in workload.instance_type:
            if name.lower() not in known:
                names = {n for p in providers for n in catalog.instances(p)}
                raise MisuseError("unknown instance type {name!r}: {near}", name=name, near=suggest(name, names))
    if workload.gpu:
        models = {i.gpu_model for p in providers for i in catalog.instances(p).values()}
        for name in workload.gpu:
            if not any(means(name, model) for model in models):
                raise MisuseError(
                    "no instance has a GPU called {name!r}: {near}", name=name, near=suggest(name, models)
                )


def place(req: Request, provider: str, region: str) -> Place:
    """Return what `region` sells of what the workload wants."""
    catalog, work = req.catalog, req.workload
    specs = catalog.instances(provider)
    types: dict[str, Bought] = {}
    kept_out: dict[str, int] = {}
    for price in catalog.prices(provider, region):
        way = price.way
        name = way.instance_type
        if way.os != "linux" or not req.wants(name, specs.get(name)):
            continue
        if price.status and not (price.status == "low" and work.low_confidence):
            kept_out[way.purchase_option] = kept_out.get(way.purchase_option, 0) + 1
            continue
        types.setdefault(name, {}).setdefault((way, price.currency), []).append(price)
    for price in req.changes.unheld(provider, region, types) if req.changes else ():
        if req.wants(price.instance_type, specs.get(price.instance_type)):
            types.setdefault(price.instance_type, {}).setdefault((price.way, price.currency), []).append(price)
    needs_traffic = req.whole or work.egress_gb or work.inter_region_gb
    needs_services = req.whole or work.storage_gb or work.public_ips
    return Place(
        info=catalog.info(provider),
        region=region,
        specs=specs,
        types=types,
        traffic=catalog.transfer(provider, region) if needs_traffic else (),
        services=catalog.services(provider, region) if needs_services else (),
        kept_out=kept_out,
    )
