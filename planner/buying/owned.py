"""Rent or buy: what machines of one's own cost month by month beside the cheapest rent for the same demand.

Buying pays the machines at once and electricity, rack, staff and repairs each month; capital costs what is still in the books,
which fall in a straight line to the residual value; that comes back at the end. Renting pays the cheapest mix of `planner
commit` for a year of the demand, year after year.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Any

from planner.buying.demand import Demand
from planner.buying.own import Machine, Measured, Site, Value
from planner.errors import MisuseError
from planner.offer import InstanceType
from planner.records import NamedTuple
from planner.sizing import Range, Sizing, streams
from planner.sizing.fit import model_of, refused, settled, size
from planner.sizing.hourly import capacity
from planner.sizing.machine import on_machine
from planner.sizing.serve import demand_of
from planner.text import Text, text
from planner.units import RATE_MONTH_HOURS
from planner.workload import Workload

__all__ = [
    "Asked",
    "Costs",
    "Fleet",
    "Owned",
    "Unserved",
    "Work",
    "cheapest",
    "costs",
    "fleet",
    "fleet_of",
    "sized",
    "spec_of",
    "tokens_a_month",
    "varied",
    "wins",
    "work_of",
]

ZERO, ONE, THOUSAND = Decimal(0), Decimal(1), Decimal(1000)
MONTHS = 12
#: An amount of a currency in the currency of the comparison.
Convert = Callable[[Decimal, str], Decimal]


class Work(NamedTuple):
    """What is asked for: the workload at its peak, output tokens a second at the peak and on average."""

    workload: Workload
    peak: Decimal
    mean: Decimal


class Fleet(NamedTuple):
    """How many of a machine serve. working: at the peak, with headroom; each: tokens a second of one, without headroom; measured: the row that
    says so, None where it is sized. engine, precision: what runs there. sizing: all that is known of it."""

    working: int
    each: Decimal
    measured: Measured | None
    engine: str
    precision: str
    sizing: Sizing | None = None


class Unserved(NamedTuple):
    """A machine that does not serve the work, and why."""

    machine: Machine
    why: tuple[Text, ...]


class Asked(NamedTuple):
    """Values of one calculation, each at its middle or, for a sensitivity, elsewhere."""

    site: Site
    machine: Machine
    fleet: Fleet


class Costs(NamedTuple):
    """What owning costs. bought: machines with those that stand by; upfront: of all of them; each month: power, rack, staff, repairs; capital:
    of the first month; residual: what comes back; kwh: a month; cumulative: from month 0 to the last, the residual in the last."""

    bought: int
    months: int
    upfront: Decimal
    power: Decimal
    rack: Decimal
    staff: Decimal
    repairs: Decimal
    capital: Decimal
    residual: Decimal
    kwh: Decimal
    utilisation: Decimal
    cumulative: tuple[Decimal, ...]

    @property
    def month(self) -> Decimal:
        """What a month costs on average over the whole life, all in."""
        return self.cumulative[-1] / self.months


class Owned(NamedTuple):
    """A machine that serves the work, and what it costs."""

    machine: Machine
    fleet: Fleet
    costs: Costs


def tokens_a_month(rate: Decimal) -> Decimal:
    """Return millions of tokens in a month at so many a second."""
    return rate * 3600 * RATE_MONTH_HOURS / 1_000_000


def work_of(workload: Workload, demand: Demand | None) -> Work:
    """Return what is asked for; `MisuseError` where nothing says how much."""
    if workload.concurrency or not (workload.rps or workload.tokens_per_second):
        raise MisuseError(
            "rent or buy: how much work? say --rps or --tokens-per-second, or [demand] in the workload's file"
        )
    peak = Decimal(str(demand_of(workload.load).rate))
    mean = peak if demand is None else peak * demand.mean / demand.peak
    return Work(workload, peak, mean)


def sized(machine: Machine, workload: Workload) -> Sizing:
    """Return how a machine serves a workload: sized where its GPU can be, else as measured, else as its kind of card or socket."""
    why: tuple[Text, ...] = ()
    if machine.gpu:
        try:
            sizing = on_machine(workload, machine.gpu, machine.gpus)
        except MisuseError as exc:
            why = (text("{reason}", reason=str(exc)),)
        else:
            if sizing.fits and sizing.engine != streams.ENGINE:
                return counted(sizing, workload, machine)
            why = sizing.reasons
    row = _measured(machine, workload)
    limits = workload.ttft_ms or workload.tpot_ms
    if row is not None and not limits:
        return _as_measured(row, workload)
    load = settled(workload).load
    if machine.gpu and (alike := streams.sized(load, machine.gpu, machine.gpus)) is not None and alike.fits:
        return alike
    if row is not None:
        return refused(load, row.engine, (*why, text("a measured rate does not say whether latency limits hold")))
    known = ", ".join(m.model for m in machine.measured)
    name = model_of(workload).name
    more: tuple[Text, ...] = ()
    if known:
        more = (text("measured here: {models}, not {model}", models=known, model=name),)
    elif not why:
        more = (text("nothing was measured on it"),)
    return refused(load, "", (*why, *more))


def counted(sizing: Sizing, workload: Workload, machine: Machine) -> Sizing:
    """Return the sizing of one machine as one of as many as the workload takes."""
    if workload.rps or workload.tokens_per_second or not (workload.concurrency or workload.count):
        return sizing
    if workload.count:
        return sizing._replace(count=workload.count, count_given=True)
    return size(settled(workload), spec_of(machine))


def spec_of(machine: Machine) -> InstanceType:
    """Return the machine as an instance type that the sizing takes."""
    return InstanceType(
        provider="",
        name=machine.name,
        vcpu=0,
        memory_gib=ZERO,
        gpu_model=machine.gpu or machine.name,
        gpu_count=Decimal(machine.gpus),
        gpu_memory_gib=None,
        network_gbps=None,
        local_nvme_gb=0,
        source="",
        confidence="own",
        note=machine.note,
    )


def _measured(machine: Machine, workload: Workload) -> Measured | None:
    name = model_of(workload).name
    return next((m for m in machine.measured if _same(m.model, name)), None)


def _as_measured(row: Measured, workload: Workload) -> Sizing:
    """Return the sizing by a measured rate, whose number of streams nobody says."""
    rate = row.rate
    each = Range(float(rate.low), float(rate.value), float(rate.high))
    tpot = Range(*(1e3 / value for value in (each.high, each.estimate, each.low)))
    said = text(
        "measured at {precision} with {engine}, not sized", precision=row.precision or "?", engine=row.engine or "?"
    )
    how = (row.engine, row.precision)
    pace = streams.Pace(each, 1, tpot, None)
    return streams.of_rate(settled(workload).load, pace, how, None, (), (said,))


def fleet_of(sizing: Sizing, workload: Workload, working: int, row: Measured | None = None) -> Fleet:
    """Return the machines of a sizing, each at the low side of its range."""
    assert not sizing.fits or sizing.output_tokens_per_second is not None
    each = sizing.output_tokens_per_second.low if sizing.output_tokens_per_second is not None else 1.0
    if sizing.fits and (workload.rps or workload.tokens_per_second) and sizing.utilisation:
        units, pp = capacity(sizing, workload.load)
        each = units / float(1 - workload.headroom) / pp
    return Fleet(working, Decimal(str(each)), row, sizing.engine, sizing.precision, sizing)


def fleet(machine: Machine, work: Work, scale: Decimal = ONE) -> Fleet | Unserved:
    """Return how many machines serve the work. scale: on what one puts out."""
    sizing = sized(machine, work.workload._replace(spare=0))
    if not sizing.fits:
        return Unserved(machine, sizing.reasons)
    row = _measured(machine, work.workload) if sizing.memory is None else None
    found = fleet_of(sizing, work.workload._replace(spare=0), sizing.count, row)
    if scale == ONE:
        return found
    each = found.each * scale
    return found._replace(working=_number(work, each), each=each)


def _same(one: str, other: str) -> bool:
    """Return whether two names are of one model: without the organisation, and tuned as the base is."""
    short = [name.rpartition("/")[2].lower().removesuffix("-instruct") for name in (one, other)]
    return short[0] == short[1]


def _number(work: Work, each: Decimal) -> int:
    return max(1, math.ceil(work.peak / (each * (1 - work.workload.headroom)) - Decimal("1e-9")))


def costs(asked: Asked, work: Work, convert: Convert) -> Costs:
    """Return what owning costs, month by month."""
    site, machine, serves = asked
    bought = serves.working + int(site.standby.value)
    months = int((machine.years.value * MONTHS).to_integral_value(ROUND_CEILING))
    price = convert(machine.price.value, machine.price.currency) * bought
    upfront = price * (1 + machine.extras.value + site.spares.value)
    residual = price * machine.residual.value
    used = min(ONE, work.mean / (serves.each * serves.working))
    watts = serves.working * (machine.idle_w.value + (machine.load_w.value - machine.idle_w.value) * used)
    watts += int(site.standby.value) * machine.idle_w.value
    kwh = watts / THOUSAND * site.pue.value * RATE_MONTH_HOURS
    power = kwh * convert(site.electricity.value, site.electricity.currency)
    rack = machine.rated_w.value / THOUSAND * bought * convert(site.rack.value, site.rack.currency)
    person = site.staff_year
    staff = ZERO if person is None else site.staff.value * convert(person.value, person.currency) / MONTHS
    repairs = price * machine.failures.value / MONTHS
    fall = (upfront - residual) / months
    spent, cumulative, first = upfront, [upfront], ZERO
    for month in range(months):
        capital = (upfront - fall * month) * site.capital.value / MONTHS
        first = capital if month == 0 else first
        spent += power + rack + staff + repairs + capital
        cumulative.append(spent)
    cumulative[-1] -= residual
    return Costs(
        bought=bought,
        months=months,
        upfront=upfront,
        power=power,
        rack=rack,
        staff=staff,
        repairs=repairs,
        capital=first,
        residual=residual,
        kwh=kwh,
        utilisation=used,
        cumulative=tuple(cumulative),
    )


def wins(own: Sequence[Decimal], rent: Decimal) -> int | None:
    """Return the first month from which owning has cost no more than renting, to the end of its life; None: never."""
    dearer = [month for month, spent in enumerate(own) if not month or spent > rent * month]
    return dearer[-1] + 1 if dearer[-1] + 1 < len(own) else None


def cheapest(machines: Iterable[Owned]) -> list[Owned]:
    """Return them by what a month costs."""
    return sorted(machines, key=lambda o: (o.costs.month, o.machine.name))


#: (what varies, whose: "site" or "machine" and its field), each from its low to its high end.
RANGES = (
    ("price of the machine", "machine", "price"),
    ("years", "machine", "years"),
    ("residual value", "machine", "residual"),
    ("electricity", "site", "electricity"),
    ("PUE", "site", "pue"),
    ("rack", "site", "rack"),
    ("cost of capital", "site", "capital"),
    ("repairs", "machine", "failures"),
    ("spare parts", "site", "spares"),
)


def varied(one: Owned, site: Site, work: Work, convert: Convert) -> list[tuple[str, str, Value, Costs]]:
    """Return (what, "low" or "high", the value, costs) for each value that has a range, one after the other."""
    found = []
    for what, whose, field in RANGES:
        record = site if whose == "site" else one.machine
        value: Value = getattr(record, field)
        for end, number in (("low", value.low), ("high", value.high)):
            if number != value.value:
                there = value._replace(value=number)
                changed: dict[str, Any] = {field: there}
                mine, machine = site, one.machine
                if whose == "site":
                    mine = site._replace(**changed)
                else:
                    machine = machine._replace(**changed)
                asked = Asked(mine, machine, one.fleet)
                found.append((what, end, there, costs(asked, work, convert)))
    return found
