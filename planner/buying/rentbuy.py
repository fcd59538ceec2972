"""Rent beside buy: the cheapest rent of a year's demand, every machine of the user's file, and what would turn the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from planner.buying import plan as plans
from planner.buying.demand import Demand, repeated, scaled
from planner.buying.levels import solve
from planner.buying.own import Own
from planner.buying.owned import (
    Asked,
    Costs,
    Owned,
    Unserved,
    Work,
    cheapest,
    costs,
    fleet,
    tokens_a_month,
    varied,
    wins,
    work_of,
)
from planner.buying.plan import Mix, Plan
from planner.errors import MisuseError, NoOfferError, suggest
from planner.money import Fx
from planner.prices.fx import Rates
from planner.quoting.records import Quote
from planner.records import NamedTuple
from planner.text import Text, text
from planner.workload import Workload

__all__ = ["YEAR", "Comparison", "Rent", "Turn", "compare", "curve", "yearly"]

ZERO, ONE, MONTHS = Decimal(0), Decimal(1), 12
YEAR = 8760
#: Shares of the demand, of the price of rent and of a machine's output at which the answer is asked again.
DEMANDS = tuple(Decimal(n) / 100 for n in (25, 50, 75))
RENTS = tuple(Decimal(n) / 100 for n in (60, 80, 120))
OUTPUTS = tuple(Decimal(n) / 100 for n in (80, 120))


class Rent(NamedTuple):
    """The cheapest rent of a year. month: a twelfth of it; on_demand: of the same type, all by the hour, None where it is not sold so."""

    plan: Plan
    mix: Mix
    month: Decimal
    on_demand: Decimal | None


class Turn(NamedTuple):
    """The answer with one value elsewhere. wins: the month from which owning is cheaper, None: never."""

    what: Text
    own: Decimal
    rent: Decimal
    tokens: Decimal
    wins: int | None


class Comparison(NamedTuple):
    """The answer. machines: the cheapest a month first; chosen: the one told in full; tokens: millions of output tokens a month."""

    own: Own
    work: Work
    rent: Rent
    machines: tuple[Owned, ...]
    unserved: tuple[Unserved, ...]
    chosen: Owned | None
    turns: tuple[Turn, ...]
    tokens: Decimal
    fx: tuple[Fx, ...]

    def per_million(self, month: Decimal) -> Decimal:
        """Return what a million output tokens cost at so much a month."""
        return month / self.tokens

    def wins(self, one: Owned) -> int | None:
        return wins(one.costs.cumulative, self.rent.month)


def yearly(workload: Workload, demand: Demand | None) -> Demand:
    """Return a year of the demand: what the file says, again and again; flat where it says one rate."""
    if demand is None:
        kind = "rps" if workload.rps else "tokens_per_second"
        value = workload.rps or workload.tokens_per_second
        return Demand(kind, (value,) * YEAR, workload.start, f"flat {kind}={value}")
    if demand.kind == "instances":
        raise MisuseError(
            "rent or buy: instances of a cloud are no measure for other machines: say rps or tokens_per_second"
        )
    return repeated(demand, YEAR)


def compare(
    own: Own, workload: Workload, demand: Demand | None, quoted: Callable[[Workload], Quote], rates: Rates, machine: str
) -> Comparison:
    """Return rent and buy for a year's demand, year after year.

    quoted: makes a quote; rates: of exchange, dated. machine: the name of the one to tell in full, "" for the cheapest.
    Raises `NoOfferError` where nothing can be rented, `MisuseError` for a name that the file lacks.
    """
    names = [m.name for m in own.machines]
    if machine and machine not in names:
        raise MisuseError(f"--machine: no {machine[:60]!r} in {own.path}: {suggest(machine, names)}")
    if workload.use:
        raise MisuseError("rent or buy: hours of use are a demand here: say them by --demand, and leave out --use")
    if demand is None:
        work_of(workload, None)
    year = yearly(workload, demand)
    peak = plans.workload_at_peak(workload, year)
    work = work_of(peak, year)
    quote = quoted(peak)
    rent = _rent(quote, year)

    def convert(amount: Decimal, code: str) -> Decimal:
        return rates.convert(amount, code, quote.currency)

    made: list[Owned] = []
    unserved: list[Unserved] = []
    for one in own.machines:
        found = fleet(one, work)
        if isinstance(found, Unserved):
            unserved.append(found)
        else:
            made.append(Owned(one, found, costs(Asked(own.site, one, found), work, convert)))
    ranked = cheapest(made)
    chosen = next((o for o in ranked if not machine or o.machine.name == machine), None)
    turns = () if chosen is None else tuple(_turns(chosen, own, work, rent, year, convert))
    used = tuple(rates.used.values())
    return Comparison(
        own=own,
        work=work,
        rent=rent,
        machines=tuple(ranked),
        unserved=tuple(unserved),
        chosen=chosen,
        turns=turns,
        tokens=tokens_a_month(work.mean),
        fx=used,
    )


def _rent(quote: Quote, demand: Demand) -> Rent:
    made = plans.make(quote, demand, plans.Asked())
    mix = made.best
    hourly = solve(mix.counts, (), mix.market.paid.firm).cost
    on_demand = (hourly + mix.market.fixed) / MONTHS if hourly.is_finite() else None
    return Rent(made, mix, mix.cost / MONTHS, on_demand)


def _turns(
    chosen: Owned, own: Own, work: Work, rent: Rent, demand: Demand, convert: Callable[[Decimal, str], Decimal]
) -> list[Turn]:
    """Return the answer with one value elsewhere, one after the other."""
    found: list[Turn] = []
    tokens = tokens_a_month(work.mean)

    def turn(what: Text, mine: Costs, month: Decimal, made: Decimal = tokens) -> None:
        found.append(Turn(what, mine.month, month, made, wins(mine.cumulative, month)))

    def at(share: Decimal) -> str:
        return f"{'+' if share > 1 else ''}{(share - 1) * 100:.0f} %"

    for share in DEMANDS:
        less = work._replace(mean=work.mean * share)
        mine = costs(Asked(own.site, chosen.machine, chosen.fleet), less, convert)
        try:
            month = _rent(rent.plan.quote, scaled(demand, share)).month
        except NoOfferError:
            continue
        turn(text("demand comes out {change}", change=at(share)), mine, month, tokens * share)
    for share in RENTS:
        turn(text("price of rent {change}", change=at(share)), chosen.costs, rent.month * share)
    for share in OUTPUTS:
        other = fleet(chosen.machine, work, share)
        if not isinstance(other, Unserved):
            mine = costs(Asked(own.site, chosen.machine, other), work, convert)
            turn(text("output of a machine {change}", change=at(share)), mine, rent.month)
    for what, _, value, mine in varied(chosen, own.site, work, convert):
        said = f"{value.value.normalize():f}" + (f" {value.currency}" if value.currency else "")
        turn(text("{what} {value}", what=text(what), value=said), mine, rent.month)
    return found


def curve(one: Owned, rent: Decimal) -> Sequence[tuple[int, Decimal, Decimal]]:
    """Return (month, owned so far, rented so far) for the months that a reader wants to see."""
    last = one.costs.months
    months = sorted({0, 1, 3, 6, *range(12, last + 1, 12), last})
    return [(month, one.costs.cumulative[month], rent * month) for month in months if month <= last]
