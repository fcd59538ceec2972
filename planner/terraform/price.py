"""What a Terraform configuration costs: its machines and all that stands around them, each priced by its source or named unpriced.

A module of ours is the offer that it was emitted from, with what its HCL has around it now; another's module, or a plan, is
priced resource by resource, Linux, at the list price of the first price book that has one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from planner.errors import MisuseError, NoOfferError
from planner.files import read_text
from planner.money import plain
from planner.offer import Price, Way
from planner.prices.catalog import Catalog
from planner.quoting import around, cost, lines
from planner.quoting.around import Bill, Thing
from planner.quoting.records import Charge, Offer, Quote
from planner.records import NamedTuple
from planner.terraform import configuration, plans, resources
from planner.terraform.configuration import Configuration, Resource
from planner.terraform.evaluate import Unknown
from planner.terraform.machines import Machine, all_at, bought, firm, first, inside, kind, machine, named, size, truth, why_no_kind, word
from planner.terraform.resources import Table
from planner.text import Text, text
from planner.units import Window

__all__ = ["Asked", "Part", "Priced", "created", "own", "price", "record"]

RECORD = "planner.json"
ZERO = Decimal(0)
_ZONES = ("availability_zone", "zone_id", "zone")


class Asked(NamedTuple):
    """What the command line adds to a module of others: a price book, a region where it names none, values of variables."""

    site: str = ""
    region: str = ""
    variables: Mapping[str, Any] = MappingProxyType({})


class Part(NamedTuple):
    """The charges of one resource, "" for those of a whole module."""

    address: str
    charges: tuple[Charge, ...]


class Priced(NamedTuple):
    """What a configuration costs in `hours`. unpriced: sentences; free: types that cost nothing, with their number. drift: where what stands
    in manifests, pools and quote differs."""

    path: str
    hours: Decimal
    parts: tuple[Part, ...]
    unpriced: tuple[Text, ...]
    free: tuple[tuple[str, int], ...]
    drift: tuple[Text, ...] = ()

    @property
    def totals(self) -> dict[str, Decimal]:
        """The sum in each currency."""
        found: dict[str, Decimal] = {}
        for part in self.parts:
            for charge in part.charges:
                found[charge.currency] = found.get(charge.currency, ZERO) + charge.amount
        return found


def price(path: str, catalog: Catalog, hours: Decimal, asked: Asked | None = None) -> Priced:
    """Return what the module or plan at `path` costs; raise `MisuseError` where it is neither or creates nothing."""
    asked = asked or Asked()
    found = read(path, asked.variables)
    if not found.resources and not found.unread:
        raise MisuseError(f"{path}: creates no resource")
    groups = _groups(found.resources)
    alone = [one for one, _ in groups]
    parts: list[Part] = []
    unpriced = [text("{what}: {why}", what=u.address, why=u.why) for u in found.unread]
    for one, times in groups:
        table = resources.of_type(one.type)
        if table is not None and (one.type in table.machines or one.type in table.things):
            part, missing = _part((one, times), alone, table, catalog, (hours, asked))
            unpriced += missing
            if part.charges:
                parts.append(part)
        elif not resources.free(one.type):
            unpriced.append(text("{what}: not priced by this planner", what=_address(one, times)))
    return Priced(path, hours, tuple(parts), tuple(dict.fromkeys(unpriced)), _free(found.resources))


def read(path: str, variables: Mapping[str, Any] | None = None) -> Configuration:
    """Return the configuration at `path`, a module's folder or a plan's JSON; raise `MisuseError` where it is neither."""
    if os.path.isdir(path):
        return configuration.read(path, variables)
    if not os.path.exists(path):
        raise MisuseError(f"{path}: no such file or folder; name a module's folder, or a plan from `terraform show -json`")
    if path.endswith((".tf", ".tf.json", ".tfvars")):
        raise MisuseError(f"{path}: one file of a module; name the folder that it is in")
    if variables:
        raise MisuseError(f"{path}: a plan has its variables already: --var and --var-file go with a folder")
    return plans.read(path)


def created(folder: str, weights: Decimal) -> tuple[list[Thing], list[Text], tuple[tuple[str, int], ...]]:
    """Return what a module of ours has around its machines as its HCL stands now, what was not read, and what is free."""
    found = configuration.read(folder)
    groups = _groups(found.resources)
    alone = [one for one, _ in groups]
    things: dict[tuple[Any, ...], Thing] = {}
    missing = [text("{what}: {why}", what=u.address, why=u.why) for u in found.unread]
    machines = [machine(one, alone, missing) for one in alone]
    nodes = sum(m.count * times for m, (_, times) in zip(machines, groups, strict=True) if m is not None)
    for (one, times), held in zip(groups, machines, strict=True):
        table = resources.of_type(one.type)
        if table is None or (held is None and one.type not in table.things):
            if not resources.free(one.type):
                missing.append(text("{what}: not priced by this planner", what=_address(one, times)))
            continue
        made = (
            _machine_things(held, missing)
            if held is not None
            else _things(one, alone, table, (weights, nodes), missing)
        )
        for thing in made:
            key = thing._replace(count=0)
            before = things[key].count if key in things else 0
            things[key] = thing._replace(count=before + thing.count * (1 if thing.once else times))
    return list(things.values()), missing, _free(found.resources)


def _groups(found: Iterable[Resource]) -> list[tuple[Resource, int]]:
    """Return the resources with how many instances are alike: a count of 1,000 is priced once."""
    made: list[tuple[Resource, int]] = []
    for one in found:
        last, times = made[-1] if made else (one, 0)
        if times and (one[1:] == last[1:]):
            made[-1] = (last, times + 1)
        else:
            made.append((one, 1))
    return made


def _address(one: Resource, times: int) -> str:
    return one.address if times == 1 else f"{one.module}{one.type}.{one.name} x {times}"


def _free(found: Iterable[Resource]) -> tuple[tuple[str, int], ...]:
    number: dict[str, int] = {}
    for one in found:
        if resources.free(one.type):
            number[one.type] = number.get(one.type, 0) + 1
    return tuple(sorted(number.items()))


# ---- what stands around


def _machine_things(one: Machine, missing: list[Text]) -> Iterator[Thing]:
    """Yield the disks, addresses and metrics of a machine; disks whose size is not known are named in `missing`."""
    values, count = one.values, one.count
    for disk in one.facts["disks"]:
        held = [values] if not disk["at"] else [v for v in all_at(values, disk["at"]) if isinstance(v, dict)]
        if not held and disk.get("least") and not any(all_at(values, path) for path in disk.get("unless", ())):
            held = [{}]  # the cloud makes one of its own size
        for block in inside(held, disk.get("inside", "")) if count else ():
            words = [word(first(block, path)) for path in disk["variant"]]
            variant = ":".join(w for w in words if w) or disk["usual"]
            variant = disk.get("variants", {}).get(variant, variant)
            said = first(block, disk["size"])
            each = size(said) or (ZERO if isinstance(said, Unknown) else Decimal(disk.get("least", 0)))
            name = text(disk.get("names", {}).get(word(block.get(disk.get("name"))), disk["what"]))
            if each:
                yield Thing(name, "block_storage", variant, each, count)
            else:
                why = text("its size is not known")
                missing.append(text("{what}: {thing}: {why}", what=one.resource.address, thing=name, why=why))
            for path, item, label in (
                ("iops", "block_storage_iops", "Data disk: IOPS over 3,000"),
                ("throughput", "block_storage_throughput", "Data disk: MB/s over 125"),
            ):
                more = (size(first(block, path)) or ZERO) - Decimal(disk.get(path, 10**9))
                if more > 0:
                    yield Thing(text(label), item, variant, more, count)
    for extra in one.facts["extras"]:
        if count and any(truth(first(values, path)) for path in extra["when"]):
            yield Thing(text(extra["what"]), extra["item"], "", Decimal(extra.get("each", 1)), count)


def _things(
    one: Resource,
    found: Sequence[Resource],
    table: Table,
    passing: tuple[Decimal, int] | None,
    missing: list[Text],
) -> Iterator[Thing]:
    """Yield what a resource is charged as; passing: GB of weights and the instances that fetch them, None where unknown."""
    for entry in table.things.get(one.type, ()):
        count = _count(one.values, entry)
        if not count:
            if count is None:
                why = text("whether it has one is not known")
                missing.append(text("{what}: {thing}: {why}", what=one.address, thing=text(entry["what"]), why=why))
            continue
        variant = word(first(one.values, entry["variant"])) if "variant" in entry else ""
        variant = variant or entry.get("usual", "")
        variant = entry.get("variants", {}).get(variant, variant)
        if "more" in entry:
            variant = ":".join(w for w in (variant, word(first(one.values, entry["more"]))) if w)
        name = text(entry["what"])
        if entry.get("download"):
            if passing is not None and passing[1] and passing[0]:
                yield Thing(name, entry["item"], variant, passing[0], passing[1], True)
            elif passing is None:
                yield Thing(name, entry["item"], variant, ZERO, 0, True)
        elif entry.get("usage"):
            yield Thing(name, entry["item"], variant, ZERO, 0, True)
        elif not ("bound" in entry and _bound(one, found, entry["bound"])):
            each = size(first(one.values, entry["each"])) if "each" in entry else Decimal(1)
            if each:
                yield Thing(name, entry["item"], variant, each, count, False, entry.get("unit", ""))
            else:
                key, why = "{what}: {thing}: {why}", text("its size is not known")
                missing.append(text(key, what=one.address, thing=name, why=why))


def _count(values: Mapping[str, Any], entry: Mapping[str, Any]) -> int | None:
    """Return how many of a thing a resource has: 0 where a value of `when` says none, None where that is not known."""
    for path, said in entry.get("when", {}).items():
        value = first(values, path)
        if isinstance(value, Unknown):
            return None
        if (str(value).lower() if isinstance(value, bool) else word(value)) not in said:
            return 0
    if "places" not in entry:
        return 1
    places = entry["places"].split("|")
    if any(isinstance(values.get(path), Unknown) for path in places):
        return None
    found = [block for path in places for block in all_at(values, path)]
    return sum(not (isinstance(block, dict) and any(block.get(key) for key in entry.get("besides", ()))) for block in found)


def _bound(one: Resource, found: Sequence[Resource], rule: list[str]) -> bool:
    """Return whether an address is bound to a machine, where it is free."""
    link_type, mine, other, target = rule
    for link in found:
        held = named(link, link.values.get(mine), found) if link.type == link_type else None
        to = named(link, link.values.get(other), found) if held is not None and held.address == one.address else None
        if to is not None and to.type == target:
            return True
    return False


# ---- another's module


def _part(
    group: tuple[Resource, int], found: Sequence[Resource], table: Table, catalog: Catalog, asked: tuple[Decimal, Asked]
) -> tuple[Part, list[Text]]:
    """Return the charges of a resource, or of several that are alike, and what of it has no price."""
    one, times = group
    address = _address(one, times)
    missing: list[Text] = []
    place = _region(one, found, table, catalog, asked[1].region)
    if not place[0]:
        return Part(address, ()), [text("{what}: {why}", what=address, why=place[1])]
    region = place[0]
    window = Window(asked[0], "", True, 0)
    held = machine(one, found, missing)
    sites = catalog.regions(table.provider)[region].sites or tuple(catalog.info(table.provider).sites)
    sites = tuple(s for s in sites if asked[1].site in ("", s))
    charges: tuple[Charge, ...] = ()
    site = sites[0] if sites else ""
    by_month = False
    for mine, option, term, count in [] if held is None or not held.count else [(held, *way) for way in bought(held)]:
        rows, why = _rows(mine, region, sites, catalog, (option, term)) if kind(mine) else ([], why_no_kind(mine))
        if not rows:
            # A machine that no quote offers may be priced as what stands around one: the CPU nodes of a cluster.
            named_so = Thing(text("Instance usage"), "machine", kind(mine), Decimal(1), count * times)
            beside = [s for s in catalog.services(table.provider, region) if s.site in sites] if option == "on_demand" else []
            single = around.line(beside, named_so, False, ZERO)
            if single is None:
                missing.append(text("{what}: {why}", what=address, why=why))
            else:
                charges += cost.charges_of((single,), None, window)
            continue
        way = rows[0].way
        site, by_month = way.site, way.purchase_option == "subscription"
        made = lines.compute(rows, count * times, ZERO)
        charges += cost.charges_of(made, cost.terms_of(way, window, window.months), window)
    currency = charges[0].currency if charges else catalog.info(table.provider).sites.get(site, {}).get("currency", "")
    prices = [s for s in catalog.services(table.provider, region) if s.site == site and s.currency == currency]
    for thing in _machine_things(held, missing) if held is not None else _things(one, found, table, None, missing):
        line = around.line(prices, thing._replace(count=thing.count * times), by_month, ZERO)
        if line is None:
            key = "{what}: {thing}: no price for {place}"
            missing.append(text(key, what=address, thing=around.label(thing), place=region))
        elif not thing.count:
            missing.append(text("{what}: {why}", what=address, why=around.by_use(line)))
        else:
            charges += cost.charges_of((line,), None, window)
    return Part(address, charges), missing


def _region(
    one: Resource, found: Sequence[Resource], table: Table, catalog: Catalog, said: str
) -> tuple[str, Text]:
    """Return the region that a resource stands in, or why it is not known.

    Its provider's; that of its zone; the one that was `said`; the one in which all zones of the cloud's resources lie.
    """
    known = catalog.regions(table.provider)
    if isinstance(one.region, str) and one.region:
        if one.region in known:
            return one.region, text("")
        return "", text("there are no prices for region {region}", region=one.region[:40])
    mine = _region_of(one, known)
    if mine or said in known:
        return mine or said, text("")
    family = one.type.partition("_")[0]
    regions = {r for other in found if other.type.partition("_")[0] == family and (r := _region_of(other, known))}
    if len(regions) == 1 and not said:
        return regions.pop(), text("")
    if said:
        return "", text("there are no prices for region {region}", region=said[:40])
    return "", text("its region is not known: give it with --region")


def _region_of(one: Resource, known: Iterable[str]) -> str:
    """Return the region of a resource's zone; "" where it names none."""
    zone = next((said for path in _ZONES if (said := word(first(one.values, path)))), "")
    return max((r for r in known if zone.startswith(r)), key=len, default="")


def _rows(
    one: Machine, region: str, sites: tuple[str, ...], catalog: Catalog, asked: tuple[str, str]
) -> tuple[list[Price], Text]:
    """Return the price rows of a machine as it is bought (way, term), or why there are none."""
    name, (option, term) = kind(one), asked
    zone = word(first(one.values, one.facts.get("zone", "availability_zone")))
    ways: dict[tuple[Way, str], list[Price]] = {}
    mine = [p for p in catalog.prices(one.table.provider, region) if p.way.instance_type.lower() == name.lower()]
    for row in mine:
        way = row.way
        if way.os == "linux" and not row.status and way.purchase_option == option and way.term == term and way.site in sites:
            ways.setdefault((way, row.currency), []).append(row)
    if not ways:
        key = "{type} has no {way} price in {region}" if mine else "{type} has no price in {region} at all"
        label = text(option.replace("_", "-"))
        return [], text(key, type=name, way=label, region=region)
    order = sorted(
        ways.items(), key=lambda w: (sites.index(w[0][0].site), w[0][0].zone not in (zone, ""), w[1][0].amount, w[0][0].zone)
    )
    return order[0][1], text("")


# ---- a module of ours


def record(path: str) -> dict[str, Any] | None:
    """Return planner.json of a module of ours; None for another's."""
    file = os.path.join(path, RECORD)
    if not os.path.isfile(file):
        return None
    try:
        raw = json.loads(read_text(file, "module record"))
    except (ValueError, RecursionError):
        return None
    return raw if isinstance(raw, dict) else None


def own(path: str, quote: Quote, offer_id: str, catalog: Catalog) -> tuple[Bill, Offer, Priced]:
    """Return the whole bill of a module of ours: the offer that its HCL buys now, and what it has around the machines."""
    offer = next((o for o in quote.offers if o.id == offer_id), None)
    if offer is None:
        site = (*offer_id.split(":"), "", "")[1]
        offer = next((o for o in quote.offers if o.site == site), None) or next(iter(quote.offers), None)
    if offer is None:
        raise NoOfferError(f"{path}: nothing that is priced serves the model on what the module buys")
    raw = record(path) or {}
    said = raw.get("bill") if isinstance(raw.get("bill"), dict) else {}
    weights = size((said or {}).get("weights_gb"))
    if weights is None:
        weights = around.stand_of(quote, offer).weights_gb
    things, missing, free = created(path, weights)
    bill = around.bill(quote, offer, catalog, things, firm=firm(configuration.read(path).resources))
    bill = bill._replace(unpriced=(*bill.unpriced, *missing))
    return bill, offer, Priced(path, quote.hours, (Part("", bill.charges),), bill.unpriced, free)
