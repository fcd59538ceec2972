"""Many workloads at once: each with its own cheapest way, or with commitments that all of them share (planner.buying.sharing)."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from planner.buying import plan
from planner.buying.demand import Demand
from planner.buying.market import Known
from planner.buying.plan import Asked
from planner.buying.workloads import Item
from planner.errors import MisuseError, NoOfferError
from planner.prices import fx
from planner.prices.catalog import Catalog
from planner.quoting import build
from planner.quoting.choose import why_none
from planner.quoting.records import Offer, Quote
from planner.records import NamedTuple
from planner.workload import Workload

if TYPE_CHECKING:
    from planner.sizing.own import Measurement

__all__ = ["Candidate", "Given", "Result", "Row", "quoted", "results"]

ZERO = Decimal(0)
#: From so many workloads on, more than one process works; a process takes so many at a time.
ALONE, CHUNK = 60, 16


class Given(NamedTuple):
    """What all workloads share. opened: makes the catalogue, in each process anew; today: ISO date; asked: what may be bought;
    own: the user's measurements; bring: puts machines of one's own
    into the catalogue, at what they cost for a workload, None without; shared: whether commitments are bought for all together."""

    opened: Callable[[], Catalog]
    today: str
    asked: Asked
    own: tuple[Measurement, ...]
    shared: bool
    bring: Callable[[Catalog, Workload, Demand | None], None] | None = None


class Row(NamedTuple):
    """What one workload takes. offers: (offer as it is bought, number, amount), the number 0 for hours; instances: the most at
    once. why: why nothing serves it, "" else. over: by how much it is over its own budget."""

    name: str
    where: str
    provider: str
    site: str
    region: str
    instance_type: str
    gpu: str
    offers: tuple[tuple[str, int, Decimal], ...]
    instances: int
    hours: int
    cost: Decimal
    why: str
    over: Decimal


class Candidate(NamedTuple):
    """A type that a workload may take. key: provider, site, region, type; cost: by itself; fixed: beside its instances; counts: in each hour."""

    key: tuple[str, str, str, str]
    cost: Decimal
    fixed: Decimal
    counts: array[int]


class Result(NamedTuple):
    """One workload's row, and the types it may take where commitments are shared (none where it takes no part in that)."""

    row: Row
    candidates: tuple[Candidate, ...] = ()


def quoted(given: Given, catalog: Catalog, work: Workload, top: int = 0) -> Quote:
    """Return the quote of a workload, as `planner quote` makes it for a screen.

    top: as there; 0 = every offer is in it, and none is before the others: a plan weighs them by itself.
    """
    rates = fx.Rates(fx.committed(catalog.as_of), work.fx)
    return build.quote(work, catalog, given.today, rates, brief=True, own=given.own, top=top, ranked=top > 0)


def results(
    items: Sequence[Item], given: Given, catalog: Catalog, jobs: int, step: Callable[[], None]
) -> Iterator[Result]:
    """Yield the result of each workload, in order; `step` is called after each. jobs: the most processes.

    Raises `MisuseError` for a name that the prices do not know, with the workload's file and line.
    """
    _HERE[:] = [_Here(given, catalog, items, {})]
    if jobs > 1 and len(items) >= ALONE and hasattr(os, "fork"):
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        context = get_context("fork")
        with ProcessPoolExecutor(jobs, context, _begin, (given,)) as pool:
            for found in pool.map(_one, range(len(items)), chunksize=CHUNK):
                step()
                yield found
        return
    for number in range(len(items)):
        yield _one(number)
        step()


class _Here(NamedTuple):
    """What a process knows; a forked one has it from its parent."""

    given: Given
    catalog: Catalog
    items: Sequence[Item]
    known: Known


_HERE: list[_Here] = []


def _begin(given: Given) -> None:
    import gc

    gc.set_threshold(200_000, 20, 100)
    if _HERE[0].catalog.book is not None:  # an open price book is not shared between processes
        _HERE[:] = [_HERE[0]._replace(catalog=given.opened())]


def _one(number: int) -> Result:
    here = _HERE[0]
    item = here.items[number]
    try:
        if here.given.bring is not None:
            here.given.bring(here.catalog, item.work, item.demand)
        if here.given.shared and not item.work.use:
            return _planned(item, here, shared=True)
        return _planned(item, here, shared=False) if item.said is not None else _simple(item, here)
    except MisuseError as exc:
        raise MisuseError(f"{item.where}: {exc}") from None
    except NoOfferError as exc:
        return Result(_row(item, why=str(exc)))


def _simple(item: Item, here: _Here) -> Result:
    """Return what `planner quote` recommends."""
    quote = quoted(here.given, here.catalog, item.work, top=1)  # the best one alone is looked at
    best = quote.best
    if best is None:
        return Result(_row(item, why=why_none(quote)))
    cost = best.totals.report.obligation
    offers = ((best.id, best.count, cost),)
    return Result(_row(item, best, offers, best.count, int(quote.hours), cost))


def _planned(item: Item, here: _Here, shared: bool) -> Result:
    """Return the cheapest mix of the type that is cheapest by itself, and where commitments are shared the next types."""
    work, demand = item.work, item.demand or sized(item.work)
    made = plan.make(quoted(here.given, here.catalog, work), demand, here.given.asked, here.known)
    mix = made.best
    offers = [(mix.market.ways[deal.way].id, number, deal.cost * number) for deal, number in mix.solved.deals]
    for offer, hours, cost in (
        (mix.market.on_demand, mix.solved.on_demand, mix.solved.on_demand_cost),
        (mix.market.spot, mix.solved.spot, mix.solved.spot_cost),
    ):
        if offer is not None and hours:
            offers.append((offer.id, 0, cost))
    row = _row(item, mix.market.ways[0], offers, max(mix.counts), demand.hours, mix.cost)
    if not shared:
        return Result(row)
    found = (
        Candidate(m.market[:4], m.cost, m.market.fixed, array("H" if max(m.counts) < 65_536 else "L", m.counts))
        for m in made.mixes
    )
    return Result(row, tuple(found))


def sized(work: Workload) -> Demand:
    """Return the demand of a workload that has none by the hour: what the sizing says, all the time."""
    return Demand("sized", (Decimal(1),) * max(1, -int(-work.hours // 1)), work.start, "")


def _row(
    item: Item,
    offer: Offer | None = None,
    offers: Iterable[tuple[str, int, Decimal]] = (),
    instances: int = 0,
    hours: int = 0,
    cost: Decimal = ZERO,
    why: str = "",
) -> Row:
    place = ("", "", "", "") if offer is None else (offer.provider, offer.site, offer.region, offer.instance_type)
    gpu = "" if offer is None else f"{offer.gpu.count}x {offer.gpu.model}"
    limit = item.work.budget
    return Row(
        item.name,
        item.where,
        *place,
        gpu=gpu,
        offers=tuple(offers),
        instances=instances,
        hours=hours,
        cost=cost,
        why=why,
        over=max(ZERO, cost - limit) if limit is not None else ZERO,
    )
