"""What a Terraform configuration costs: its machines and all that stands around them, each priced by its source or named unpriced.

A module of ours is the offer that it was emitted from, with what its HCL has around it now; another's module, or a plan, is
priced resource by resource, Linux, at the list price of the first price book that has one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
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
from planner.terraform import cloud, resources
from planner.terraform.cloud import Rule
from planner.terraform.configuration import Resource, read
from planner.terraform.evaluate import Unknown
from planner.terraform.resources import Table
from planner.text import Text, text
from planner.units import Window

__all__ = ["Part", "Priced", "created", "own", "price", "record"]

RECORD = "planner.json"
ZERO = Decimal(0)


class Part(NamedTuple):
    """The charges of one resource, "" for those of a whole module."""

    address: str
    charges: tuple[Charge, ...]


class Priced(NamedTuple):
    """What a configuration costs in `hours`. unpriced: sentences; free: types that cost nothing, with their number."""

    path: str
    hours: Decimal
    parts: tuple[Part, ...]
    unpriced: tuple[Text, ...]
    free: tuple[tuple[str, int], ...]

    @property
    def totals(self) -> dict[str, Decimal]:
        """The sum in each currency."""
        found: dict[str, Decimal] = {}
        for part in self.parts:
            for charge in part.charges:
                found[charge.currency] = found.get(charge.currency, ZERO) + charge.amount
        return found


class _Machine(NamedTuple):
    """A resource that is or starts machines, with the values of its template."""

    resource: Resource
    table: Table
    facts: dict[str, Any]
    values: dict[str, Any]
    count: int  # type: ignore[assignment]


def price(path: str, catalog: Catalog, hours: Decimal, site: str = "") -> Priced:
    """Return what the module or plan at `path` costs; raise `MisuseError` where it is neither or creates nothing."""
    found, unread = read(path)
    if not found and not unread:
        raise MisuseError(f"{path}: creates no resource")
    parts: list[Part] = []
    unpriced = [text("{what}: {why}", what=u.address, why=u.why) for u in unread]
    for one in found:
        table = resources.of_type(one.type)
        if table is None or not (one.type in table.free or one.type in table.machines or one.type in table.things):
            unpriced.append(text("{what}: not priced by this planner", what=one.address))
        elif one.type in table.machines or one.type in table.things:
            part, missing = _part(one, found, table, catalog, (hours, site))
            unpriced += missing
            if part.charges:
                parts.append(part)
    return Priced(path, hours, tuple(parts), tuple(unpriced), _free(found))


def created(folder: str, weights: Decimal) -> tuple[list[Thing], list[Text], tuple[tuple[str, int], ...]]:
    """Return what a module of ours has around its machines as its HCL stands now, what was not read, and what is free."""
    found, unread = read(folder)
    things: dict[tuple[Any, ...], Thing] = {}
    missing = [text("{what}: {why}", what=u.address, why=u.why) for u in unread]
    nodes = sum(m.count for one in found if (m := _machine(one, found, missing)) is not None)
    for one in found:
        table = resources.of_type(one.type)
        machine = _machine(one, found, [])
        if table is None or not (one.type in table.free or machine is not None or one.type in table.things):
            missing.append(text("{what}: not priced by this planner", what=one.address))
            continue
        made = _machine_things(machine) if machine is not None else _things(one, found, table, (weights, nodes))
        for thing in made:
            key = thing._replace(count=0)
            before = things[key].count if key in things else 0
            things[key] = thing._replace(count=thing.count + before)
    return list(things.values()), missing, _free(found)


def _free(found: Iterable[Resource]) -> tuple[tuple[str, int], ...]:
    number: dict[str, int] = {}
    for one in found:
        table = resources.of_type(one.type)
        if table is not None and one.type in table.free:
            number[one.type] = number.get(one.type, 0) + 1
    return tuple(sorted(number.items()))


# ---- values


def _at(values: Any, path: str) -> list[Any]:
    """Return every value at `path`, through nested blocks."""
    here = [values]
    for word in path.split(".") if path else ():
        spread = [x for v in here for x in (v if isinstance(v, list) else [v])]
        here = [v[word] for v in spread if isinstance(v, dict) and v.get(word) is not None]
    return [x for v in here for x in (v if isinstance(v, list) and path else [v])]


def _one(values: Any, path: str) -> Any:
    """Return the first value at `path`; "" where there is none."""
    return next(iter(_at(values, path)), "")


def _size(given: Any) -> Decimal | None:
    """Return a number, None for what is not known."""
    try:
        made = Decimal(str(given)) if isinstance(given, (str, int, Decimal)) and not isinstance(given, bool) else None
    except ArithmeticError:
        return None
    return made if made is not None and made.is_finite() and made >= 0 else None


def _truth(given: Any) -> bool:
    return given is True or given == "true" or bool(_size(given))


def _word(given: Any) -> str:
    return plain(given) if isinstance(given, Decimal) else "" if isinstance(given, Unknown) else str(given)


def _named(one: Resource, said: Any, found: Sequence[Resource]) -> Resource | None:
    """Return the resource of the same module that a value refers to."""
    held = [said] if isinstance(said, Unknown) else list(said.values()) if isinstance(said, dict) else []
    for value in held:
        names = value.ref.split(".") if isinstance(value, Unknown) else []
        for other in found:
            if len(names) >= 2 and (other.module, other.type, other.name) == (one.module, names[0], names[1].partition("[")[0]):
                return other
    return None


def _machine(one: Resource, found: Sequence[Resource], missing: list[Text]) -> _Machine | None:
    """Return a resource as a machine with its template's values; None where it is none."""
    table = resources.of_type(one.type)
    facts = table.machines.get(one.type) if table is not None else None
    if table is None or facts is None:
        return None
    values = one.values
    for path in facts.get("template", ()):
        for said in _at(values, path):
            other = _named(one, said, found)
            if other is not None:
                values = {**other.values, **{k: v for k, v in values.items() if not isinstance(v, Unknown)}}
    if "from" in facts:
        rest = facts["from"]
        for other in found:
            mine = _named(other, other.values.get(rest["by"]), found) if other.type == rest["resource"] else None
            if mine is not None and mine.address == one.address:
                values = {**other.values, **values}
    count = Decimal(1)
    if "count" in facts:
        known = [size for path in facts["count"] if (size := _size(_one(values, path))) is not None]
        if not known:
            missing.append(text("{what}: {why}", what=one.address, why="its number is not known: it is counted once"))
        count = known[0] if known else Decimal(1)
    return _Machine(one, table, facts, values, int(count))


def _kind(machine: _Machine) -> str:
    """Return the instance type, "" where it is not known."""
    facts = machine.facts
    kind = _one(machine.values, facts["type"]) or _one(machine.values, facts.get("types", facts["type"]))
    return _word(kind)


# ---- what stands around


def _machine_things(machine: _Machine) -> Iterator[Thing]:
    """Yield the disks, addresses and metrics of a machine."""
    values, count = machine.values, machine.count
    for disk in machine.facts["disks"]:
        held = [values] if not disk["at"] else [v for v in _at(values, disk["at"]) if isinstance(v, dict)]
        if not held and disk.get("least") and not any(_at(values, path) for path in disk.get("unless", ())):
            held = [{}]  # the cloud makes one of its own size
        for block in held:
            words = [_word(_one(block, path)) for path in disk["variant"]]
            variant = ":".join(word for word in words if word) or disk["usual"]
            size = _size(_one(block, disk["size"])) or Decimal(disk.get("least", 0))
            if size and count:
                yield Thing(text(disk["what"]), "block_storage", variant, size, count)
            for word, item, label in (
                ("iops", "block_storage_iops", "Data disk: IOPS over 3,000"),
                ("throughput", "block_storage_throughput", "Data disk: MB/s over 125"),
            ):
                more = (_size(_one(block, word)) or ZERO) - Decimal(disk.get(word, 10**9))
                if more > 0 and count:
                    yield Thing(text(label), item, variant, more, count)
    for extra in machine.facts["extras"]:
        if count and any(_truth(_one(values, path)) for path in extra["when"]):
            yield Thing(text(extra["what"]), extra["item"], "", Decimal(extra.get("each", 1)), count)


def _things(
    one: Resource, found: Sequence[Resource], table: Table, passing: tuple[Decimal, int] | None
) -> Iterator[Thing]:
    """Yield what a resource is charged as; passing: GB of weights and the instances that fetch them, None where unknown."""
    for entry in table.things.get(one.type, ()):
        variant = _word(_one(one.values, entry["variant"])) if "variant" in entry else ""
        variant = variant or entry.get("usual", "")
        variant = entry.get("variants", {}).get(variant, variant)
        if "more" in entry:
            variant = ":".join(w for w in (variant, _word(_one(one.values, entry["more"]))) if w)
        name = text(entry["what"])
        if entry.get("download"):
            if passing is not None and passing[1] and passing[0]:
                yield Thing(name, entry["item"], variant, passing[0], passing[1], True)
            elif passing is None:
                yield Thing(name, entry["item"], variant, ZERO, 0, True)
        elif entry.get("usage"):
            yield Thing(name, entry["item"], variant, ZERO, 0, True)
        elif not ("bound" in entry and _bound(one, found, entry["bound"])):
            size = _size(_one(one.values, entry["each"])) if "each" in entry else Decimal(1)
            if size:
                yield Thing(name, entry["item"], variant, size, 1, False, entry.get("unit", ""))


def _bound(one: Resource, found: Sequence[Resource], rule: list[str]) -> bool:
    """Return whether an address is bound to a machine, where it is free."""
    kind, mine, other, machine = rule
    for link in found:
        held = _named(link, link.values.get(mine), found) if link.type == kind else None
        to = _named(link, link.values.get(other), found) if held is not None and held.address == one.address else None
        if to is not None and to.type == machine:
            return True
    return False


# ---- another's module


def _part(
    one: Resource, found: Sequence[Resource], table: Table, catalog: Catalog, asked: tuple[Decimal, str]
) -> tuple[Part, list[Text]]:
    """Return the charges of one resource, and what of it has no price."""
    missing: list[Text] = []
    region = _region(one, table, catalog)
    if not region:
        return Part(one.address, ()), [text("{what}: {why}", what=one.address, why="its region is not known")]
    info = catalog.info(table.provider)
    window = Window(asked[0], "", True, 0)
    machine = _machine(one, found, missing)
    sites = catalog.regions(table.provider)[region].sites or tuple(info.sites)
    if asked[1]:
        sites = tuple(s for s in sites if s == asked[1])
    charges: tuple[Charge, ...] = ()
    site = sites[0] if sites else ""
    by_month = False
    if machine is not None:
        rows, why = _rows(machine, region, sites, catalog)
        if not rows or not machine.count:
            missing += [text("{what}: {why}", what=one.address, why=why)] if not rows else []
        else:
            way = rows[0].way
            site, by_month = way.site, way.purchase_option == "subscription"
            made = lines.compute(rows, machine.count, ZERO)
            charges = cost.charges_of(made, cost.terms_of(way, window, window.months), window)
    currency = charges[0].currency if charges else info.sites.get(site, {}).get("currency", "")
    prices = [s for s in catalog.services(table.provider, region) if s.site == site and s.currency == currency]
    for thing in _machine_things(machine) if machine is not None else _things(one, found, table, None):
        held = around.line(prices, thing, by_month, ZERO)
        if held is None:
            key = "{what}: {thing}: no price for {place}"
            missing.append(text(key, what=one.address, thing=thing.name, place=region))
        elif not thing.count:
            rate = held.rates[0]
            key = "{what}: {thing}: by use, {price} {code} per {unit}"
            said = {"price": rate.amount, "code": held.currency, "unit": text(rate.unit)}
            missing.append(text(key, what=one.address, thing=thing.name, **said))
        else:
            charges += cost.charges_of((held,), None, window)
    return Part(one.address, charges), missing


def _region(one: Resource, table: Table, catalog: Catalog) -> str:
    """Return the region that a resource stands in: its provider's, else the one that its zone is of."""
    known = catalog.regions(table.provider)
    if isinstance(one.region, str) and one.region in known:
        return one.region
    zone = _word(_one(one.values, table.machines.get(one.type, {}).get("zone", "availability_zone")))
    return max((r for r in known if zone.startswith(r)), key=len, default="")


def _bought(machine: _Machine) -> tuple[str, str]:
    """Return the way of buying by the machine's arguments, and the term of a subscription."""
    option = machine.facts.get("bought", "")
    rules = cloud.find(machine.table.provider).readback.bought
    option = option or next((rule.option for rule in rules if _holds(rule, machine.values)), "on_demand")
    if option != "subscription":
        return option, ""
    months = int(_size(_one(machine.values, machine.facts.get("period", "period"))) or 1)
    return option, f"{months // 12}y" if months % 12 == 0 and months else f"{months}m"


def _holds(rule: Rule, values: Any) -> bool:
    have = _word(_one(values, rule.path)).lower()
    return have == rule.value.lower() if rule.value else have not in ("", rule.unlike.lower())


def _rows(machine: _Machine, region: str, sites: tuple[str, ...], catalog: Catalog) -> tuple[list[Price], str]:
    """Return the price rows of a machine as it is bought, or why there are none."""
    kind = _kind(machine)
    if not kind:
        return [], "its instance type is not known"
    option, term = _bought(machine)
    zone = _word(_one(machine.values, machine.facts.get("zone", "availability_zone")))
    ways: dict[tuple[Way, str], list[Price]] = {}
    mine = [p for p in catalog.prices(machine.table.provider, region) if p.way.instance_type.lower() == kind.lower()]
    for row in mine:
        way = row.way
        if way.os == "linux" and not row.status and way.purchase_option == option and way.term == term and way.site in sites:
            ways.setdefault((way, row.currency), []).append(row)
    if not ways:
        known = "" if mine else " (no price of this type at all)"
        return [], f"{kind} has no {option.replace('_', ' ')}{' ' + term if term else ''} price in {region}{known}"
    order = sorted(
        ways.items(), key=lambda w: (sites.index(w[0][0].site), w[0][0].zone not in (zone, ""), w[1][0].amount, w[0][0].zone)
    )
    return order[0][1], ""


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
    weights = _size((said or {}).get("weights_gb"))
    if weights is None:
        weights = around.stand_of(quote, offer).weights_gb
    things, missing, free = created(path, weights)
    bill = around.bill(quote, offer, catalog, things)
    bill = bill._replace(unpriced=(*bill.unpriced, *missing))
    return bill, offer, Priced(path, quote.hours, (Part("", bill.charges),), bill.unpriced, free)
