"""From a demand and a quote of its peak to the cheapest mix of commitments, on-demand and spot over all types on offer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import ROUND_CEILING, Decimal
from operator import mul

from planner.buying.demand import Demand
from planner.buying.levels import Solved, solve
from planner.buying.market import Known, Market, Rules, markets
from planner.errors import MisuseError, NoOfferError
from planner.quoting.choose import why_none
from planner.quoting.records import Offer, Quote
from planner.records import NamedTuple
from planner.sizing.hourly import capacity, counter
from planner.units import term_hours
from planner.workload import Workload

__all__ = ["Asked", "Fleet", "Mix", "Plan", "fleet", "make", "nothing", "whole_term", "workload_at_peak"]

ZERO = Decimal(0)
#: Types that are solved and shown beside the cheapest.
SHOWN = 5


class Asked(NamedTuple):
    """How the fleet runs and what may be bought. least: instances that always run; ahead: hours before they are needed in which
    instances start."""

    rules: Rules = Rules()
    least: int = 0
    ahead: int = 0


class Mix(NamedTuple):
    """One type's cheapest mix. counts: its instances in each hour. cost: all of it, with what the service pays beside them."""

    market: Market
    counts: tuple[int, ...]
    solved: Solved
    cost: Decimal


class Plan(NamedTuple):
    """The answer. quote: of the peak, over the demand's hours. mixes: the cheapest first, one a type and place; more are left
    out where they cannot be cheaper. types: how many were looked at. markets: all of them."""

    quote: Quote
    demand: Demand
    asked: Asked
    mixes: tuple[Mix, ...]
    types: int
    markets: tuple[Market, ...] = ()

    @property
    def best(self) -> Mix:
        return self.mixes[0]


def whole_term(demand: Demand, term: str, repeat: bool, hours_of: str = "--demand") -> None:
    """Raise `MisuseError` for a term that ends before the demand does."""
    if term and term_hours(term) < demand.hours and not repeat:
        raise MisuseError(
            f"--term {term} is {term_hours(term)} hours, shorter than the {demand.hours:,} hours of {hours_of}: "
            "leave --term out (commitments that end within the demand are looked at anyway), or shorten the demand"
        )


def workload_at_peak(workload: Workload, demand: Demand) -> Workload:
    """Return the workload at the demand's peak, over its hours; `MisuseError` for what contradicts a demand."""
    if workload.use:
        raise MisuseError("--demand says when the capacity runs: leave out --use")
    if workload.count and demand.kind != "instances":
        raise MisuseError(f"--count: the sizing turns {demand.kind} into instances: leave out --count")
    if workload.start and demand.start and workload.start != demand.start:
        raise MisuseError(f"--start {workload.start}: the demand begins on {demand.start}")
    clear = workload._replace(rps=ZERO, tokens_per_second=ZERO, concurrency=0)
    clear = clear._replace(hours=Decimal(demand.hours), start=demand.start or workload.start)
    if demand.kind == "instances":
        return clear._replace(count=_up(demand.peak))
    return clear._replace(rps=demand.peak) if demand.kind == "rps" else clear._replace(tokens_per_second=demand.peak)


def _up(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_CEILING))


def _as_sized(number: object) -> Callable[[Decimal], int]:
    assert isinstance(number, int)
    return lambda value: number if value else 0


class Fleet:
    """The instances of each type: from an offer of the peak's quote to how many run in each hour."""

    def __init__(self, quote: Quote, demand: Demand, asked: Asked) -> None:
        self.load, self.kind, self.asked = quote.workload.load, demand.kind, asked
        values, ahead = demand.values, asked.ahead
        # What is needed later is started before: more demand never takes fewer instances, so the demand may be moved.
        self.values = tuple(max(values[h : h + ahead + 1]) for h in range(len(values))) if ahead else values
        self.hours = Counter(self.values)
        self.floats = tuple(map(float, self.hours))
        place = {value: number for number, value in enumerate(self.hours)}
        self.at = tuple(map(place.__getitem__, self.values))
        self.number: dict[object, list[int]] = {}
        self.known: dict[object, tuple[int, ...]] = {}
        self.total: dict[object, int] = {}

    def _key(self, offer: Offer | Market) -> object:
        if self.kind == "sized":
            return offer.sizing.count
        return None if self.kind == "instances" else capacity(offer.sizing, self.load)

    def _numbers(self, key: object, offer: Offer | Market) -> list[int]:
        """Return the instances of each demand that differs, in the order of `hours`."""
        if key not in self.number:
            if isinstance(key, tuple):
                found = map(counter(offer.sizing, self.load), self.floats)
            else:
                found = map(_up if key is None else _as_sized(key), self.hours)
            least = self.asked.least
            self.number[key] = [max(number, least) for number in found] if least else list(found)
        return self.number[key]

    def __call__(self, offer: Offer | Market) -> tuple[int, ...]:
        key = self._key(offer)
        if key not in self.known:
            number = self._numbers(key, offer)
            self.known[key] = tuple(map(number.__getitem__, self.at))
        return self.known[key]

    def instance_hours(self, offer: Offer | Market) -> int:
        """Return the sum over all hours."""
        key = self._key(offer)
        if key not in self.total:
            number = self._numbers(key, offer)
            self.total[key] = sum(map(mul, number, self.hours.values()))
        return self.total[key]


def fleet(quote: Quote, demand: Demand, asked: Asked) -> Fleet:
    """Return the function from an offer of the peak's quote to the instances of its type in each hour."""
    return Fleet(quote, demand, asked)


def make(quote: Quote, demand: Demand, asked: Asked, known: Known | None = None) -> Plan:
    """Return the cheapest mix for each type of a quote that was made for the peak (`workload_at_peak`), best first.

    known: what types cost, where many workloads are planned.

    Raises `NoOfferError` where nothing on offer serves the demand.
    """
    found = markets(quote, demand.hours, asked.rules, known)
    if not found:
        raise NoOfferError(nothing(quote))
    counts_of = fleet(quote, demand, asked)
    bounds = []
    for number, market in enumerate(found):
        bounds.append((market.least * counts_of.instance_hours(market) + market.fixed, number))
    mixes: list[Mix] = []
    for bound, number in sorted(bounds):
        market = found[number]
        if len(mixes) >= SHOWN and bound > mixes[SHOWN - 1].cost:
            break
        counts = counts_of(market)
        solved = solve(counts, market.deals, market.paid)
        if solved.cost.is_finite():
            mixes.append(Mix(market, counts, solved, solved.cost + market.fixed))
            mixes.sort(key=lambda m: (m.cost, m.market[:4]))
    if not mixes:
        raise NoOfferError(
            "no type is sold by the hour, and none of its commitments lasts through the demand: allow on_demand "
            "(--purchase-option), or longer commitments (--term)"
        )
    return Plan(quote, demand, asked, tuple(mixes[:SHOWN]), len(found), tuple(found))


def nothing(quote: Quote) -> str:
    """Return why no type serves the demand."""
    if not quote.offers:
        return why_none(quote)
    return (
        "nothing to plan with: every offer that serves the peak lacks a price of a part, is spot without --spot-share, or "
        "is committed for longer than the demand (allow it with --term)"
    )
