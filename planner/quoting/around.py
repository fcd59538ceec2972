"""The whole bill of an offer: what a module of it creates around the machines, and what that costs.

The one room that decides both. What a module creates stands in the provider's provider.json (`module`): one entry a thing,
with the item and variant of services.csv that it is charged as. `planner.terraform.price` reads the same `Thing`s from the HCL
of a module, so that a quote, the module's README, its budget and a module read back give one sum.

A thing without a price is unpriced and named; nothing is priced by a neighbour.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import ceil

from planner.errors import MisuseError
from planner.money import tax_at
from planner.offer import Price, ServicePrice
from planner.prices.catalog import Catalog, ProviderInfo
from planner.quoting import cost, lines
from planner.quoting.records import Amounts, Charge, Line, Offer, Quote, Rate
from planner.records import NamedTuple
from planner.sizing import engines, fit, gpus
from planner.sizing.models import Model
from planner.sizing.serving import serving
from planner.text import Text, text
from planner.units import Window

__all__ = [
    "IMAGES_GB",
    "ROOT_GB",
    "Bill",
    "Stand",
    "Thing",
    "bill",
    "by_use",
    "data_disk",
    "download_gb",
    "label",
    "line",
    "stand_of",
    "things",
    "weights_gb",
]

ZERO = Decimal(0)
ROOT_GB = 200  # operating system, driver, and engine images of 10 to 20 GB each, twice over for an update
#: GB of container images that an instance fetches at its first boot: least and most.
IMAGES_GB = (10, 20)
#: Parts of an offer that the things of a module stand for, and count what is created.
_REPLACED = ("storage", "ip")


class Stand(NamedTuple):
    """What decides what a module creates. public: the instances have public addresses, and there is no NAT gateway.

    disk_gb: data disk of an instance (0: none). weights_gb: what an instance downloads of the model. existing: the network is
    there already, and with it what it costs. balancer: one stands before the instances.
    """

    instance_type: str
    count: int  # type: ignore[assignment]  # as in Offer
    public: bool
    disk_gb: int
    weights_gb: Decimal
    existing: bool = False
    balancer: bool = False


class Thing(NamedTuple):
    """Something a module creates that is charged: `each` units of `item` at `count` places.

    item, variant: as in services.csv. once: `each` GB that pass one time, not something that is held. unit: the unit of the price
    that holds here, where it is not the usual one ("idle-hour": an address that is charged although it is bound).
    """

    name: Text
    item: str
    variant: str
    each: Decimal
    count: int  # type: ignore[assignment]
    once: bool = False
    unit: str = ""


class Bill(NamedTuple):
    """All that running an offer costs in the window, in `currency`. around: the part that is not the offer's own.

    charges: the machines, the traffic and what stands around them, tax last. unpriced: named, and not in the sums.
    """

    charges: tuple[Charge, ...]
    unpriced: tuple[Text, ...]
    totals: Amounts
    around: Decimal
    currency: str


def weights_gb(model: Model, memory_gib: float | None, made: bool) -> float:
    """Return GB (10^9) to download: what is served where the checkpoint is made in it, else 16 bits a parameter."""
    if made and memory_gib is not None:
        return memory_gib * 1.073741824
    return model.total_params * 2 / 1e9


def download_gb(quote: Quote, offer: Offer) -> float:
    """Return GB that an instance of the offer downloads of its model, by the engine that it was sized for.

    Where the published checkpoint is in another width, a module names one that is made in the quote's (--checkpoint).
    """
    work, sized = quote.workload, offer.sizing
    model = fit.model_of(work)
    gpu = gpus.find(offer.gpu.model, float(offer.gpu.memory_gib) if offer.gpu.memory_gib else None)
    try:
        made = serving(model, work.precision, gpu, engines.parse(sized.engine)).made
    except MisuseError:
        made = True
    return weights_gb(model, sized.memory.weights_gib if sized.memory else None, made)


def data_disk(asked: Decimal, weights: float, nvme_gb: int) -> int:
    """Return the size of the data disk in GB; 0: the local disks hold the weights, and one beside them would lie idle."""
    if nvme_gb >= weights * 1.5 + 50:
        return 0
    return ceil(max(asked, Decimal(str(weights * 1.5 + 50))) / 10) * 10


def stand_of(quote: Quote, offer: Offer) -> Stand:
    """Return what a module of the offer is built by."""
    weights = download_gb(quote, offer)
    disk = data_disk(quote.workload.storage_gb, weights, offer.machine.local_nvme_gb)
    exact = Decimal(str(round(weights, 3)))
    replicas = offer.count // (offer.sizing.layout.pp if offer.sizing.layout else 1)
    return Stand(offer.instance_type, offer.count, quote.workload.public_ips > 0, disk, exact, balancer=replicas > 1)


def things(info: ProviderInfo, stand: Stand) -> list[Thing]:
    """Return what a module of ours creates around the instances and is charged for."""
    family = stand.instance_type.partition(".")[0]
    sizes = {"root_gb": Decimal(ROOT_GB), "disk_gb": Decimal(stand.disk_gb), "weights_gb": stand.weights_gb}
    private = not stand.public and not stand.existing
    places = {
        "module": 1,
        "instance": stand.count,
        "data_disk": stand.count if stand.disk_gb else 0,
        "gateway": int(private),
        "download": stand.count * private,
        "public": stand.count * stand.public,
        "balancer": int(stand.balancer),
        "balancer_public": int(stand.balancer and stand.public),
    }
    made = []
    for entry in info.module:
        if not stand.instance_type.startswith(entry.get("types", "")):
            continue
        size = entry.get("each", "1")
        each, count = sizes[size] if size in sizes else Decimal(size), places[entry["per"]]
        variant: str = dict(entry.get("kinds", ())).get(family) or entry.get("variant", "")
        if count and each and entry.get("use"):
            made.append(Thing(text(entry["what"]), entry["item"], variant, ZERO, 0, True, entry.get("unit", "")))
        elif count and each:
            once = entry["per"] == "download"
            made.append(Thing(text(entry["what"]), entry["item"], variant, each, count, once, entry.get("unit", "")))
    return made


def bill(
    quote: Quote,
    offer: Offer,
    catalog: Catalog,
    created: Sequence[Thing] | None = None,
    stand: Stand | None = None,
    window: Window | None = None,
    without: Sequence[str] = (),
    firm: int = 0,
) -> Bill:
    """Return the whole bill of an offer; created: what the module has, None for what a module of ours would have.

    window: another one than the quote's; without: parts of the offer that are left out. Either leaves `around` at 0.
    firm: so many of the offer's instances are on demand, whatever its way of buying.
    """
    info = catalog.info(offer.provider)
    known = bool(info.module) or created is not None
    if created is None:
        created = things(info, stand or stand_of(quote, offer)) if known else ()
    work = quote.workload
    share = dict(work.discount).get(offer.provider, ZERO)
    by_month = offer.purchase_option == "subscription"
    rows = [s for s in catalog.services(offer.provider, offer.region) if s.site == offer.way.site]
    currency = offer.totals.native_currency
    rows = [s for s in rows if s.currency == currency and s.status in ("", "low")]
    made: list[Line] = []
    unpriced: list[Text] = []
    site = info.sites.get(offer.site, {}).get("title", offer.site)
    for thing in created:
        held = line(rows, thing, by_month, share)
        if held is None:
            key = "{what}: no price for {place}, {site}"
            unpriced.append(text(key, what=label(thing), place=offer.region, site=text(site)))
        elif not thing.count:
            unpriced.append(by_use(held))
        else:
            made.append(held)
    if not known:
        unpriced.append(
            text("what stands around the machines: {who} does not say what its module creates", who=info.title)
        )
    gone = ("tax", *without, *(_REPLACED if known else ()))
    own = [x for x in (_firm(offer, catalog, firm, unpriced) if firm else offer.lines) if x.part not in gone]
    tax = tax_at(work.taxes, work.tax, offer.provider, offer.site)
    taxes = (lines.tax(tax, currency),) if tax.share else ()
    within, months = (window, window.months) if window else (quote.window, quote.months)
    terms = cost.terms_of(offer.way, within, months)
    charges = cost.charges_of((*own, *made, *taxes), terms, within, months)
    totals = cost.totals(charges)
    beside = tuple(u for u in offer.unpriced if not (known and _replaced(u)))
    around = ZERO if window or without else totals.effective - offer.totals.native.effective
    return Bill(charges, (*beside, *unpriced), totals, around, currency)


def _firm(offer: Offer, catalog: Catalog, firm: int, unpriced: list[Text]) -> list[Line]:
    """Return the lines of an offer of which `firm` instances are on demand, at the list price of its zone and price book."""
    own, currency = offer.way, offer.totals.native_currency
    ways: dict[str, list[Price]] = {}
    for p in catalog.prices(offer.provider, offer.region):
        way = p.way
        alike = (way.instance_type, way.site, way.os, p.currency) == (own.instance_type, own.site, own.os, currency)
        if alike and way.purchase_option == "on_demand" and not p.status and way.zone in ("", own.zone):
            ways.setdefault(way.zone, []).append(p)
    compute = [x for x in offer.lines if x.part == "compute"]
    made = [x._replace(count=x.count - firm) for x in compute]
    if ways:
        made += lines.compute(ways.get(own.zone) or ways[""], firm, compute[0].share)
    else:
        key = "{type} has no {way} price in {region}"
        unpriced.append(text(key, type=own.instance_type, way=text("on-demand"), region=offer.region))
    return [*made, *(x for x in offer.lines if x.part != "compute")]


def _replaced(said: Text) -> bool:
    """Return whether an offer's unpriced part is one that the module's own things stand for."""
    what = dict(said.values).get("what") if said.values else None
    return isinstance(what, Text) and what.key in ("disk", "public IP")


def by_use(held: Line) -> Text:
    """Return what a line of a thing that is charged only as it is used is said as: its rate, and no amount."""
    rate = held.rates[0]
    key = "{what}: by use, {price} {code} per {unit}"
    return text(key, what=held.name, price=rate.amount, code=held.currency, unit=text(rate.unit))


def label(thing: Thing) -> Text:
    """Return what a thing is called, with its variant."""
    return text("{what} ({variant})", what=thing.name, variant=thing.variant) if thing.variant else thing.name


def _kind(unit: str) -> str:
    """Return how a price counts: by the "hour", "day" or "month", or once for each "GB"."""
    word = unit.split()[0] if unit else ""
    return next((kind for kind in ("hour", "day", "month") if word == kind or word.endswith("-" + kind)), "GB")


def _price(rows: Iterable[ServicePrice], thing: Thing, by_month: bool) -> ServicePrice | None:
    """Return the price of a thing: the firm one first; a disk beside a subscription by the month where there is one."""
    mine = [s for s in rows if s.item == thing.item and s.variant == thing.variant]
    if thing.item == "public_ip" and not thing.unit:
        return lines.address(mine)
    monthly = by_month and thing.item.startswith("block_storage")
    if thing.unit:
        mine = [s for s in mine if s.unit == thing.unit]
    mine = [s for s in mine if not s.status]
    return min(mine, key=lambda s: (_kind(s.unit) == "month") is not monthly, default=None)


def line(rows: Iterable[ServicePrice], thing: Thing, by_month: bool, share: Decimal) -> Line | None:
    """Return the line of a thing at its price among `rows`; None where there is none. by_month: disks are a subscription's."""
    price = _price(rows, thing, by_month)
    return None if price is None else _line(price, thing, by_month, share)


def _line(price: ServicePrice, thing: Thing, by_month: bool, share: Decimal) -> Line:
    """Return the line of a thing at its price; an address that is free while bound is at a rate of 0."""
    kind, amount, unit = _kind(price.unit), price.amount, price.unit
    if thing.once:
        rule = "once"
    elif kind == "month":
        rule = "held_months" if by_month and thing.item.startswith("block_storage") else "held_730"
    else:
        rule = "held_hours"
    if kind == "day":
        amount, unit = amount / 24, "hour"
    if price.unit == "idle-hour":
        amount, unit = (amount if thing.unit else ZERO), "hour"
    rate = Rate(amount, unit, price.source)
    part = "storage" if thing.item == "block_storage" else "around"
    return Line(part, rule, label(thing), thing.count, thing.each, price.currency, (rate,), share)
