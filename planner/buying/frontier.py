"""What hours cost beside a committed capacity: the frontier of all combinations of types on demand and on spot.

numpy is loaded here alone, with the solver (the extra `commit`), when a mix of types is asked for.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

from planner.buying.levels import Deal
from planner.errors import PlannerError
from planner.records import NamedTuple

__all__ = ["Frontier", "Hours", "Kind", "programme", "solver", "worth_taking"]

#: The most points of a frontier.
POINTS = 100_000


class Kind(NamedTuple):
    """A type as the programme sees it, a unit of it. size: the demand it serves. hour, spot: what an hour costs, None where it is not
    sold so. deals: its commitments. later: where prices change, from which hour on, and the prices of an hour then, in order."""

    size: float
    hour: Decimal | None
    spot: Decimal | None
    deals: tuple[Deal, ...]
    later: tuple[tuple[int, Decimal | None, Decimal | None], ...] = ()

    def at(self, hour: int) -> Kind:
        """Return the type at the prices of an hour."""
        now = [one for one in self.later if one[0] <= hour]
        return self._replace(hour=now[-1][1], spot=now[-1][2], later=()) if now else self._replace(later=())

    def cost(self, firm: Sequence[int], spot: Sequence[int]) -> tuple[Decimal, Decimal]:
        """Return what so many units in each hour cost on demand, and on spot."""
        edges = [0, *(hour for hour, _, _ in self.later), len(firm)]
        paid = (Decimal(0), Decimal(0))
        for first, end in pairwise(edges):
            now = self.at(first)
            paid = (
                paid[0] + (now.hour or 0) * sum(firm[first:end]),
                paid[1] + (now.spot or 0) * sum(spot[first:end]),
            )
        return paid


def solver() -> tuple[Any, Any]:
    """Return highspy and numpy; one that is not installed is an error that says how."""
    try:
        import highspy
        import numpy
    except ImportError:
        raise PlannerError(
            "mixes of types and scenarios need the solver HiGHS: pip install 'gpu-cost-planner[commit]'"
        ) from None
    return highspy, numpy


def programme(  # type: ignore[no-untyped-def]
    columns: tuple[Sequence[float], Sequence[float], Sequence[float], Sequence[bool]],
    rows: Sequence[Sequence[tuple[int, float]]],
    low: Sequence[float],
    options: Mapping[str, object],
):
    """Return HiGHS after it has run; None where nothing is feasible.

    columns: cost, least and most of each, and whether it is a whole number. rows: (column, factor) sums, each at least `low`.
    """
    highspy, np = solver()
    cost, least, most, whole = columns
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(cost), len(rows)
    model.col_cost_, model.col_lower_, model.col_upper_ = np.array(cost), np.array(least), np.array(most)
    model.row_lower_, model.row_upper_ = np.array(low), np.full(len(rows), highspy.kHighsInf)
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.cumsum([0, *(len(r) for r in rows)]).astype(np.int32)
    model.a_matrix_.index_ = np.array([column for r in rows for column, _ in r], dtype=np.int32)
    model.a_matrix_.value_ = np.array([value for r in rows for _, value in r])
    kinds = highspy.HighsVarType
    model.integrality_ = [kinds.kInteger if one else kinds.kContinuous for one in whole]
    engine = highspy.Highs.__base__()  # itself prints a banner to the standard output
    for name, value in {"output_flag": False, "mip_rel_gap": 0.0, "threads": 1, **options}.items():
        engine.setOptionValue(name, value)
    engine.passModel(model)
    engine.run()
    return None if engine.getModelStatus() == highspy.HighsModelStatus.kInfeasible else engine


class Frontier:
    """All combinations of types worth taking: of each capacity the cheapest, none beaten by a larger one that costs no more."""

    def __init__(self, sizes: Sequence[float], prices: Sequence[float], top: float, np: Any) -> None:
        self.np, self.top = np, top
        self.sizes = np.zeros(1)
        self.costs = np.zeros(1)
        self.picks = np.zeros((1, len(sizes)), dtype=np.int32)
        for kind in sorted(range(len(sizes)), key=lambda k: prices[k] / sizes[k]):
            times = 1
            while (times - 1) * sizes[kind] < top:
                more = self.picks.copy()
                more[:, kind] += times
                self._join(self.sizes + times * sizes[kind], self.costs + times * prices[kind], more)
                times *= 2

    def _join(self, sizes: Any, costs: Any, picks: Any) -> None:
        """Add points, and drop those that another beats."""
        np = self.np
        sizes = np.minimum(np.concatenate((self.sizes, sizes)), self.top)
        costs = np.concatenate((self.costs, costs))
        picks = np.concatenate((self.picks, picks))
        order = np.lexsort((-sizes, costs))
        best = np.maximum.accumulate(sizes[order])
        kept = order[np.concatenate(([True], sizes[order][1:] > best[:-1] + 1e-12 * self.top))]
        if len(kept) > POINTS:
            raise PlannerError("too many combinations of types: name fewer with --instance-type or --gpu")
        self.sizes, self.costs, self.picks = sizes[kept], costs[kept], picks[kept]

    def at(self, need: Any) -> Any:
        """Return the point that serves each need, one past the last where none does."""
        return self.np.searchsorted(self.sizes, need)

    def cost(self, need: Any) -> Any:
        return self.np.append(self.costs, self.np.inf)[self.at(need)]


class _Sold:
    """What is sold by the hour for a time: the frontiers on demand and on spot, and of which kinds."""

    def __init__(self, kinds: Sequence[Kind], share: float, top: float, np: Any) -> None:
        firm = [(n, k) for n, k in enumerate(kinds) if k.hour is not None]
        spot = [(n, k) for n, k in enumerate(kinds) if k.spot is not None and share]
        self.firm_kinds, self.spot_kinds = [n for n, _ in firm], [n for n, _ in spot]
        self.firm = Frontier([k.size for _, k in firm], [float(k.hour or 0) for _, k in firm], top, np)
        self.spot = Frontier([k.size for _, k in spot], [float(k.spot or 0) for _, k in spot], top, np)


class Hours:
    """Groups of hours with the same cell and need, and what they cost beside a committed capacity."""

    def __init__(self, kinds: Sequence[Kind], need: Sequence[float], edges: Sequence[int], share: float) -> None:
        np = self.np = solver()[1]
        cells = [bisect_right(edges, hour) - 1 for hour in range(len(need))]
        self.groups = sorted(Counter(zip(cells, need, strict=True)))
        count = Counter(zip(cells, need, strict=True))
        self.number = {group: n for n, group in enumerate(self.groups)}
        self.of = [self.number[pair] for pair in zip(cells, need, strict=True)]
        self.cell = np.array([c for c, _ in self.groups])
        self.need = np.array([float(d) for _, d in self.groups])
        self.weight = np.array([float(count[g]) for g in self.groups])
        self.least = min(k.size for k in kinds)
        self.slack = 1e-9 * self.least
        top = max(need)
        changes = sorted({hour for kind in kinds for hour, _, _ in kind.later if hour < len(need)})
        self.sold = [_Sold([kind.at(hour) for kind in kinds], share, top, np) for hour in (0, *changes)]
        self.era = [bisect_right(changes, edge) for edge in edges[:-1]]
        self.without = self.need * (1 - share)
        self.rows = [np.flatnonzero(self.cell == c) for c in range(len(edges) - 1)]

    def at(self, cell: int) -> _Sold:
        """Return what is sold by the hour in a cell."""
        return self.sold[self.era[cell]]

    def firm(self, cell: int) -> Frontier:
        return self.at(cell).firm

    def spot_of(self, cell: int) -> bool:
        """Return whether anything is sold on spot in a cell."""
        return bool(self.at(cell).spot_kinds)

    def _spot(self, rows: Any) -> Frontier:
        return self.at(int(self.cell[rows[0]])).spot

    def left(self, rows: Any, committed: float) -> Any:
        """Return what is left to on demand in each group of `rows` beside the committed capacity, one column for each choice of spot."""
        beside = self.need[rows][:, None] - self._spot(rows).sizes[None, :]
        return self.np.maximum(beside, self.without[rows][:, None]) - committed

    def options(self, rows: Any, committed: float) -> Any:
        """Return what each group of `rows` costs an hour beside the committed capacity, one column for each choice of spot."""
        firm = self.firm(int(self.cell[rows[0]]))
        return firm.cost(self.left(rows, committed) - self.slack) + self._spot(rows).costs[None, :]

    def cost(self, cell: int, committed: float) -> float:
        """Return what a cell's hours cost beside a committed capacity: it falls in steps as that grows."""
        rows = self.rows[cell]
        return float((self.options(rows, committed).min(axis=1) * self.weight[rows]).sum())

    def around(self, cell: int, committed: float) -> tuple[float, float]:
        """Return the capacities at which the cell's cost last fell and falls next; those are infinite where it does not."""
        np, sizes = self.np, self.firm(cell).sizes
        left = self.left(self.rows[cell], committed)
        at = np.searchsorted(sizes, left - self.slack * 2)
        above = np.where(at > 0, left - sizes[np.maximum(at - 1, 0)], np.inf).min()
        below = np.where(at < len(sizes), left - sizes[np.minimum(at, len(sizes) - 1)], -np.inf).max()
        return committed + float(below), committed + float(above)


def worth_taking(kinds: Sequence[Kind]) -> list[Kind]:
    """Return the kinds without the ways that others beat: as many units of another kind as serve the same cost no more."""

    def beaten(n: int, cost: Decimal, price: Callable[[Kind], Decimal | None], strict: bool = False) -> bool:
        for m, other in enumerate(kinds):
            its = price(other)
            if its is None or (m == n and not strict):
                continue
            units = max(1, math.ceil(kinds[n].size / other.size - 1e-9))
            first = m < n or units * other.size > kinds[n].size * (1 + 1e-9)
            if its * units < cost or (its * units == cost and (strict or first)):
                return True
        return False

    def slot(deal: Deal) -> Callable[[Kind], Decimal | None]:
        return lambda kind: next((d.cost for d in kind.deals if (d.first, d.end) == (deal.first, deal.end)), None)

    def hours(deal: Deal) -> Callable[[Kind], Decimal | None]:
        length = deal.end - deal.first
        return lambda kind: None if kind.hour is None else kind.hour * length

    if any(kind.later for kind in kinds):  # what is beaten by the hour differs from time to time: frontiers tell
        return [
            kind._replace(deals=tuple(d for d in kind.deals if not beaten(n, d.cost, slot(d))))
            for n, kind in enumerate(kinds)
        ]
    return [
        kind._replace(
            hour=None if kind.hour is None or beaten(n, kind.hour, lambda k: k.hour) else kind.hour,
            spot=None if kind.spot is None or beaten(n, kind.spot, lambda k: k.spot) else kind.spot,
            deals=tuple(
                d for d in kind.deals if not beaten(n, d.cost, slot(d)) and not beaten(n, d.cost, hours(d), strict=True)
            ),
        )
        for n, kind in enumerate(kinds)
    ]
