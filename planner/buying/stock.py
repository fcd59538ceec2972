"""Machines of one's own as the offers of a provider: what `--own` brings into a catalogue for one workload.

What a machine costs follows from the work (how many, how busy), so its price is made for it: the costs of planner.buying.owned
over the whole life, told as a commitment of that life. Quote, commit and rent-or-buy so tell the same amounts.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from decimal import Decimal

from planner.buying.demand import Demand
from planner.buying.own import Machine, Own, Site, Value, read
from planner.buying.owned import MONTHS, Asked, Convert, Costs, Work, costs, fleet_of, sized, spec_of
from planner.errors import MisuseError
from planner.money import plain, show
from planner.offer import InstanceType, Price, ServicePrice, Source, Way
from planner.prices.catalog import Catalog
from planner.prices.fx import Rates
from planner.prices.lists import Lists
from planner.provider import MACHINES, Entry, installed, owns
from planner.quoting.lines import OWNED
from planner.records import NamedTuple
from planner.sizing import Sizing
from planner.sizing.fit import check, settled
from planner.sizing.serve import demand_of
from planner.text import Text, text
from planner.units import RATE_MONTH_HOURS
from planner.workload import Workload

__all__ = ["bring", "busy", "examples", "file_of", "seller"]

ZERO, ONE = Decimal(0), Decimal(1)
#: The day on which what stands in for a value that nobody gave was collected.
COLLECTED = "2026-11-26"
#: The one place and price book of such a provider.
PLACE = "own"


class Stock(Lists):
    """The lists of a provider of machines: those of its home, and the machines of one file."""

    def __init__(self, entry: Entry, types: dict[str, InstanceType], currency: str) -> None:
        super().__init__(entry.name, entry.home, entry.module.replace(".", "/"))
        self.types = types
        self.currency = currency

    def instances(self) -> dict[str, InstanceType]:
        return self.types

    def services(self, names: Iterable[str]) -> list[ServicePrice]:
        """Return that a disk is in the machine and an address costs nothing there."""
        source = Source(
            text="part of the machine", as_of="", dated="part of the machine", confidence="own", origin="own"
        )
        at = (self.provider, PLACE, PLACE)
        return [
            ServicePrice(*at, "block_storage", "in the machine", "GB-month", ZERO, self.currency, source, default=True),
            ServicePrice(*at, "public_ip", "of the site", "idle-hour", ZERO, self.currency, source),
        ]


class _Made(NamedTuple):
    """One machine for one workload."""

    spec: InstanceType
    sizing: Sizing
    prices: tuple[Price, ...]


def seller() -> Entry:
    """Return the provider whose home has machines; `MisuseError` where none is installed."""
    for entry in installed().values():
        if owns(entry.name):
            return entry
    raise MisuseError("--own: no provider of machines is installed (an entry point whose home has machines.toml)")


def examples() -> str:
    """Return the path of the dated examples."""
    return os.path.join(seller().home, MACHINES)


def file_of(said: str) -> Own:
    """Return the machines of the file that `--own` names; `examples`: the dated ones of planner."""
    return read(examples() if said == "examples" else said)


def busy(demand: Demand) -> Decimal:
    """Return the mean of a demand as a share of its peak; `MisuseError` where it counts instances of a cloud."""
    if demand.kind == "instances":
        raise MisuseError(
            "--own: instances of a cloud are no measure for other machines: say the demand in rps or tokens_per_second"
        )
    return demand.mean / demand.peak


def bring(catalog: Catalog, own: Own, workload: Workload, rates: Rates, share: Decimal = ONE) -> None:
    """Add the machines of a file to a catalogue, at what they cost for `workload`.

    share: the mean demand as a share of the workload's; without a demand the machines are taken to run full.
    """
    check(workload)
    entry, work = seller(), settled(workload)
    made = [_made(entry.name, own, machine, work, rates, share) for machine in own.machines]
    catalog.bring(Stock(entry, {m.spec.name: m.spec for m in made}, work.currency))
    others = (price for price in catalog.own if price.provider != entry.name)
    catalog.own = (*others, *(price for m in made for price in m.prices))
    sizings = {m.spec.name: m.sizing for m in made}
    catalog.sized[entry.name] = lambda spec: sizings[spec.name]


def _made(provider: str, own: Own, machine: Machine, work: Workload, rates: Rates, share: Decimal) -> _Made:
    spec = spec_of(machine)._replace(provider=provider, source=f"{own.path}:{machine.line}")
    sizing = sized(machine, work)

    def convert(amount: Decimal, code: str) -> Decimal:
        return rates.convert(amount, code, work.currency)

    number = sizing.count if sizing.fits else 1
    spare = 0 if work.count else min(work.spare, number - 1)
    site = own.site
    standby = max(site.standby.value, Decimal(work.spare))
    site = site._replace(standby=site.standby._replace(value=standby))
    cost = _costs(site, machine, sizing, work, number - spare, share, convert)
    if sizing.fits:
        sizing = sizing._replace(warnings=(*_said(machine, cost, work.currency, standby), *sizing.warnings))
    prices = _prices(Way(provider, PLACE, PLACE, machine.name, "reserved"), own, machine, cost, number, work.currency)
    return _Made(spec, sizing, prices)


def _costs(
    site: Site, machine: Machine, sizing: Sizing, work: Workload, working: int, share: Decimal, convert: Convert
) -> Costs:
    """Return what the machines that the sizing asks for cost, standby ones included."""
    peak = Decimal(str(demand_of(work.load).rate)) if sizing.fits else ZERO
    fleet = fleet_of(sizing, work, working)
    if not peak:
        peak = fleet.each * working
    return costs(Asked(site, machine, fleet), Work(work, peak, peak * share), convert)


def _said(machine: Machine, cost: Costs, currency: str, standby: Decimal) -> list[Text]:
    """Return what a reader of the offer must know of the machines."""
    key = "{n} machines are bought, {spare} of them stand by: {amount} {code} at once, {back} {code} back after {months} months"
    found = [
        text(
            key,
            n=cost.bought,
            spare=plain(standby),
            amount=show(cost.upfront, 0),
            back=show(cost.residual, 0),
            code=currency,
            months=cost.months,
        )
    ]
    if any(value.confidence == "low" for value in (machine.price, machine.load_w)):
        found.append(text("price or power of {machine} is an estimate: ask for a quote", machine=machine.name))
    return found + ([text("{note}", note=machine.note)] if machine.note else [])


def _prices(way: Way, own: Own, machine: Machine, cost: Costs, number: int, currency: str) -> tuple[Price, ...]:
    """Return the parts of a machine's cost as prices of one commitment, of which the fleet takes `number`."""
    months = cost.months
    term = f"{months // MONTHS}y" if months % MONTHS == 0 else f"{months}m"
    way = way._replace(term=term, payment="partial_upfront", offering=OWNED)
    hours, site = months * RATE_MONTH_HOURS, own.site
    wear = cost.upfront - cost.residual
    monthly = cost.power + cost.rack + cost.staff + cost.repairs
    capital = cost.cumulative[-1] - wear - months * monthly
    parts: tuple[tuple[str, str, Decimal, Value], ...] = (
        ("Wear of the machine", "term", wear, machine.price),
        ("Electricity", "hour", cost.power * months, site.electricity),
        ("Rack", "hour", cost.rack * months, site.rack),
        ("Staff", "hour", cost.staff * months, site.staff_year or site.staff),
        ("Repairs", "hour", cost.repairs * months, machine.failures),
        ("Cost of capital", "hour", capital, site.capital),
    )
    return tuple(
        Price(
            way=way,
            unit=unit,
            amount=amount / number / (1 if unit == "term" else hours),
            currency=currency,
            source=_source(own.path, value),
            note=name,
        )
        for name, unit, amount, value in parts
        if amount > 0
    )


def _source(path: str, value: Value) -> Source:
    """Return who says a value, and since when: of a month or year its first day."""
    if value.default:
        said = f"default, {value.source}"
        return Source(text=said, as_of=COLLECTED, dated="", confidence="low", origin="own", place="default")
    day = "-".join([*value.date.split("-"), "01", "01"][:3]) if value.date[:4].isdigit() else ""
    known = value.confidence if value.confidence in ("high", "medium", "low") else "own"
    said = ", ".join(filter(None, ("default" if value.default else "", value.source or "your own file")))
    place = f"{path}:{value.line}" if value.line else "default"
    return Source(
        text=said, as_of=day, dated=value.date or "no date given", confidence=known, origin="own", place=place
    )
