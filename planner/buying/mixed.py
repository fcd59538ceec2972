"""The cheapest mix of several instance types and commitments at once, exactly: a small mixed-integer programme.

What an hour's uncommitted rest costs depends on one number only: the capacity that commitments serve in that hour. So the
programme chooses how many of each commitment, and in each cell (a time that no commitment's edge cuts) the step on which the
committed capacity stands; what that step costs in its hours is worked out before, from the frontier of all combinations of
types by the hour. Steps are joined at first, at the least of their costs, and parted where a solution stands until what the
programme promises is what its solution costs: then nothing is cheaper.

The solver is HiGHS (the extra `commit`); it and numpy are loaded here alone, when a mix is asked for.
"""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

from planner.buying.levels import Deal
from planner.errors import PlannerError
from planner.records import NamedTuple

__all__ = ["Chosen", "Kind", "Mixed", "dispatch", "solve"]

ZERO = Decimal(0)
#: A mix is proven when nothing can be cheaper by as much as this, in the currency of the prices.
CENT = 0.004
#: Steps that a cell begins with, looks inside a step, rounds of parting steps, and the most points of a frontier.
STEPS, INSIDE, ROUNDS, POINTS = 12, 16, 150, 100_000
#: Seconds after which the solver gives what it has, and says how far it may be off.
PATIENCE = 20.0


class Kind(NamedTuple):
    """A type as the programme sees it, a unit of it. size: the demand it serves. hour, spot: what an hour costs, None where it is not
    sold so. deals: its commitments."""

    size: float
    hour: Decimal | None
    spot: Decimal | None
    deals: tuple[Deal, ...]


class Chosen(NamedTuple):
    """One kind's part in a mix, in units. deals: commitments and how many. held, firm, spot: in each hour, those committed that run, on demand, on spot."""

    deals: tuple[tuple[Deal, int], ...]
    held: tuple[int, ...]
    firm: tuple[int, ...]
    spot: tuple[int, ...]


class Mixed(NamedTuple):
    """The cheapest mix. parts: one for each kind, in order. bound: no mix costs less, up to a cent where it is proven."""

    cost: Decimal
    parts: tuple[Chosen, ...]
    bound: Decimal

    @property
    def proven(self) -> bool:
        return self.cost - self.bound < Decimal("0.01")


def _solver() -> tuple[Any, Any]:
    try:
        import highspy
        import numpy
    except ImportError:
        raise PlannerError("a mix of types needs the solver HiGHS: pip install 'gpu-cost-planner[commit]'") from None
    return highspy, numpy


class _Frontier:
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


class _Hours:
    """Groups of hours with the same cell and need, and what they cost beside a committed capacity."""

    def __init__(self, kinds: Sequence[Kind], need: Sequence[float], edges: Sequence[int], share: float) -> None:
        np = self.np = _solver()[1]
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
        firm = [(n, k) for n, k in enumerate(kinds) if k.hour is not None]
        spot = [(n, k) for n, k in enumerate(kinds) if k.spot is not None and share]
        self.firm_kinds, self.spot_kinds = [n for n, _ in firm], [n for n, _ in spot]
        self.firm = _Frontier([k.size for _, k in firm], [float(k.hour or 0) for _, k in firm], top, np)
        self.spot = _Frontier([k.size for _, k in spot], [float(k.spot or 0) for _, k in spot], top, np)
        self.without = self.need * (1 - share)
        self.rows = [np.flatnonzero(self.cell == c) for c in range(len(edges) - 1)]

    def left(self, rows: Any, committed: float) -> Any:
        """Return what is left to on demand in each group of `rows` beside the committed capacity, one column for each choice of spot."""
        beside = self.need[rows][:, None] - self.spot.sizes[None, :]
        return self.np.maximum(beside, self.without[rows][:, None]) - committed

    def options(self, rows: Any, committed: float) -> Any:
        """Return what each group of `rows` costs an hour beside the committed capacity, one column for each choice of spot."""
        return self.firm.cost(self.left(rows, committed) - self.slack) + self.spot.costs[None, :]

    def cost(self, cell: int, committed: float) -> float:
        """Return what a cell's hours cost beside a committed capacity: it falls in steps as that grows."""
        rows = self.rows[cell]
        return float((self.options(rows, committed).min(axis=1) * self.weight[rows]).sum())

    def following(self, cell: int, committed: float) -> float:
        """Return the least larger capacity from which the cell may cost less; infinity where none does."""
        np = self.np
        left = self.left(self.rows[cell], committed)
        at = np.searchsorted(self.firm.sizes, left - self.slack * 2) - 1
        steps = np.where(at >= 0, left - self.firm.sizes[np.maximum(at, 0)], np.inf)
        step = float(steps.min())
        return committed + step if step < np.inf else step


class _Programme:
    """Commitments and steps as a mixed-integer programme."""

    def __init__(self, hours: _Hours, deals: Sequence[tuple[int, int, float, float, int]]) -> None:
        self.hours, self.deals = hours, deals  # (first cell, end cell, size, cost, the most)
        self.cells = len(hours.rows)
        self.edges: list[list[float]] = []
        self.known: dict[tuple[int, float], float] = {}
        self.lines: dict[tuple[int, float, float], tuple[float, float] | None] = {}
        for cell in range(self.cells):
            need = hours.need[hours.rows[cell]]
            most = sum(d[2] * d[4] for d in deals if d[0] <= cell < d[1])
            marks = hours.np.quantile(need, [n / STEPS for n in range(STEPS + 1)])
            self.edges.append(sorted({0.0, *(float(m) for m in marks if 0 < m < most)}))

    def value(self, cell: int, committed: float) -> float:
        key = (cell, committed)
        if key not in self.known:
            self.known[key] = self.hours.cost(cell, committed)
        return self.known[key]

    def step(self, cell: int, edge: float, end: float) -> tuple[float, float] | None:
        """Return a line (at `edge`, fall by capacity) that no capacity from `edge` to before `end` costs less than; None: none serves."""
        if (cell, edge, end) not in self.lines:
            marks = [edge + (end - edge) * n / INSIDE for n in range(INSIDE + 1)]
            last = end - self.hours.slack * 4
            least = [self.value(cell, max(edge, min(mark, last))) for mark in marks[1:]]
            known = [(mark, cost) for mark, cost in zip(marks, least, strict=False) if cost < math.inf]
            line = None
            if known:
                (first, top), (final, bottom) = known[0], known[-1]
                fall = max(0.0, (top - bottom) / (final - first)) if final > first else 0.0
                line = min(cost + fall * (mark - edge) for mark, cost in known), fall
            self.lines[cell, edge, end] = line
        return self.lines[cell, edge, end]

    def committed(self, numbers: Sequence[int]) -> list[float]:
        """Return the capacity that so many of each commitment serve in each cell."""
        return [
            sum(n * d[2] for n, d in zip(numbers, self.deals, strict=True) if d[0] <= cell < d[1])
            for cell in range(self.cells)
        ]

    def total(self, numbers: Sequence[int]) -> float:
        paid = sum(n * d[3] for n, d in zip(numbers, self.deals, strict=True))
        return paid + sum(self.value(c, held) for c, held in enumerate(self.committed(numbers)))

    def part(self, marks: Sequence[float], numbers: Sequence[int]) -> bool:
        """Part the steps on which a solution says it stands, and does; False where they are as fine as they can be."""
        new = False
        for cell, points in enumerate(zip(marks, self.committed(numbers), strict=True)):
            edges = self.edges[cell]
            last = float(self.hours.need.max()) + self.hours.least
            for mark in points:
                for point in (mark, self.hours.following(cell, mark)):
                    new = self._add(edges, point, last) or new
                at = max(0, bisect_right(edges, mark + self.hours.slack) - 1)
                ends = [*edges, last][max(0, at - 1) : at + 3]
                for low, high in pairwise(ends):
                    new = self._add(edges, (low + high) / 2, last) or new
        return new

    def _add(self, edges: list[float], mark: float, last: float) -> bool:
        """Part a step at `mark`, unless it is parted there or nothing changes inside it."""
        slack = self.hours.slack * 4
        at = bisect_right(edges, mark) - 1
        end = edges[at + 1] if at + 1 < len(edges) else last
        if mark <= edges[at] + slack or mark >= end - slack:
            return False
        insort(edges, mark)
        return True

    def run(self, left: float, gap: float) -> tuple[list[int] | None, list[float], float]:
        """Return how many of each commitment, where each cell stands, and what nothing can cost less than; None where nothing serves.

        gap: how far from the programme's own best the solver may stop.
        """
        highspy, np = _solver()
        deals, scale = len(self.deals), self.hours.least
        cost = [d[3] for d in self.deals]
        most = [float(d[4]) for d in self.deals]
        whole = [True] * deals
        rows: list[list[tuple[int, float]]] = []
        low: list[float] = []
        for cell, edges in enumerate(self.edges):
            begin, ends = len(cost), [*edges[1:], float(self.hours.need.max()) + self.hours.least]
            reach = [(n, d[2] / scale) for n, d in enumerate(self.deals) if d[0] <= cell < d[1]]
            for n, (edge, end) in enumerate(zip(edges, ends, strict=True)):
                step, on = self.step(cell, edge, end), begin + 2 * n
                cost += [step[0], -step[1] * scale] if step else [0.0, 0.0]
                width = (end - edge) / scale * (INSIDE - 1) / INSIDE
                most += [1.0, width] if step else [0.0, 0.0]
                whole += [True, False]
                rows.append([(on, width), (on + 1, -1.0)])
                low.append(0.0)
                reach += [(on, -edge / scale), (on + 1, -1.0)]
            rows.append([(begin + 2 * n, 1.0) for n in range(len(edges))])
            low.append(1.0)
            rows.append(reach)
            low.append(-1e-9)
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = len(cost), len(rows)
        model.col_cost_, model.col_lower_, model.col_upper_ = np.array(cost), np.zeros(len(cost)), np.array(most)
        model.row_lower_, model.row_upper_ = np.array(low), np.full(len(rows), highspy.kHighsInf)
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.cumsum([0, *(len(r) for r in rows)]).astype(np.int32)
        model.a_matrix_.index_ = np.array([column for r in rows for column, _ in r], dtype=np.int32)
        model.a_matrix_.value_ = np.array([value for r in rows for _, value in r])
        kinds = highspy.HighsVarType
        model.integrality_ = [kinds.kInteger if one else kinds.kContinuous for one in whole]
        solver = highspy.Highs.__base__()  # itself prints a banner to the standard output
        solver.setOptionValue("output_flag", False)
        options = {"mip_rel_gap": 0.0, "mip_abs_gap": gap, "mip_feasibility_tolerance": 1e-9, "time_limit": left}
        for name, value in options.items():
            solver.setOptionValue(name, value)
        solver.passModel(model)
        solver.run()
        solution = list(solver.getSolution().col_value)
        if solver.getModelStatus() == highspy.HighsModelStatus.kInfeasible or not solution:
            return None, [], float("inf")
        marks, at = [], deals
        for edges in self.edges:
            steps = range(len(edges))
            marks.append(sum(edges[n] * round(solution[at + 2 * n]) + solution[at + 2 * n + 1] * scale for n in steps))
            at += 2 * len(edges)
        return [round(x) for x in solution[:deals]], marks, float(solver.getInfo().mip_dual_bound)


def solve(kinds: Sequence[Kind], need: Sequence[float], share: Decimal = ZERO, patience: float = PATIENCE) -> Mixed | None:
    """Return the cheapest mix that serves `need` in each hour; None where nothing does.

    share: the part of an hour's need that need not be served without spot. patience: seconds, after which the mix is the best found so far.
    """
    import time

    begun, hours = time.monotonic(), len(need)
    asked, kinds = kinds, worth_taking(kinds)
    slots = [(deal, k) for k, kind in enumerate(kinds) for deal in kind.deals]
    ends = {0, hours, *(d.first for d, _ in slots), *(d.end for d, _ in slots)}
    edges = sorted(e for e in ends if e <= hours)
    groups = _Hours(kinds, need, edges, float(share))
    place = {edge: n for n, edge in enumerate(edges)}
    columns = []
    for deal, k in slots:
        most = int(-(-max(need[deal.first : deal.end]) // kinds[k].size)) + 1
        columns.append((place[deal.first], place[deal.end], kinds[k].size, float(deal.cost), most))
    programme = _Programme(groups, columns)
    best, cost, bound = None, float("inf"), 0.0
    for _ in range(ROUNDS):
        gap = max(CENT / 10, (cost - bound) / 10) if cost < math.inf else 1.0
        numbers, marks, least = programme.run(max(0.1, patience - (time.monotonic() - begun)), gap)
        if numbers is None:
            return None
        bound = max(bound, least)
        total = programme.total(numbers)
        if total < cost:
            best, cost = numbers, total
        if cost - bound <= CENT or time.monotonic() - begun > patience or not programme.part(marks, numbers):
            break
    if best is None:
        return None
    chosen = [(deal, k, n) for (deal, k), n in zip(slots, best, strict=True) if n]
    found = dispatch(asked, need, chosen, share)
    assert found is not None
    return found._replace(bound=min(found.cost, Decimal(repr(bound))))


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
        return lambda kind: None if kind.hour is None else kind.hour * (deal.end - deal.first)

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


def dispatch(
    kinds: Sequence[Kind],
    need: Sequence[float],
    bought: Sequence[tuple[Deal, int, int]],
    share: Decimal = ZERO,
    groups: _Hours | None = None,
) -> Mixed | None:
    """Return the cheapest hours beside commitments that are bought (deal, kind, number); None where they cannot be served."""
    hours = len(need)
    edges = sorted({0, hours, *(d.first for d, _, _ in bought), *(min(hours, d.end) for d, _, _ in bought)})
    if groups is None or len(groups.rows) != len(edges) - 1:
        groups = _Hours(kinds, need, edges, float(share))
    held = [[0] * len(kinds) for _ in edges[:-1]]
    for deal, kind, number in bought:
        for cell, (first, end) in enumerate(pairwise(edges)):
            if deal.first <= first and end <= deal.end:
                held[cell][kind] += number
    sizes = [k.size for k in kinds]
    rows: list[tuple[list[int], list[int], list[int]]] = []
    np = groups.np
    have = [sum(n * s for n, s in zip(own, sizes, strict=True)) for own in held]
    for cell, need_ in groups.groups:
        row = np.array([groups.number[cell, need_]])
        options = groups.options(row, have[cell])[0]
        spot = int(options.argmin())
        if options[spot] == np.inf:
            return None
        firm = int(groups.firm.at(groups.left(row, have[cell])[0][spot] - groups.slack))
        hired, taken = [0] * len(kinds), [0] * len(kinds)
        for n, kind in enumerate(groups.firm_kinds):
            hired[kind] = int(groups.firm.picks[firm][n])
        for n, kind in enumerate(groups.spot_kinds):
            taken[kind] = int(groups.spot.picks[spot][n])
        first = sum(h * s for h, s in zip(hired, sizes, strict=True))
        all_ = first + sum(t * s for t, s in zip(taken, sizes, strict=True))
        rest = max(need_ - all_, need_ * (1 - float(share)) - first)
        rows.append((_running(held[cell], sizes, rest - groups.slack), hired, taken))
    parts = []
    for k in range(len(kinds)):
        mine = tuple((deal, n) for deal, kind, n in bought if kind == k)
        own, hired_, taken_ = (tuple(rows[g][which][k] for g in groups.of) for which in range(3))
        parts.append(Chosen(mine, own, hired_, taken_))
    return Mixed(_cost(kinds, parts), tuple(parts), ZERO)


def _running(held: Sequence[int], sizes: Sequence[float], need: float) -> list[int]:
    """Return how many of those held must run to serve what is left: the largest are stopped first."""
    running = list(held)
    spare = sum(n * s for n, s in zip(held, sizes, strict=True)) - need
    for kind in sorted(range(len(sizes)), key=lambda k: -sizes[k]):
        stop = max(0, min(running[kind], int(spare / sizes[kind])))
        running[kind] -= stop
        spare -= stop * sizes[kind]
    return running


def _cost(kinds: Sequence[Kind], parts: Sequence[Chosen]) -> Decimal:
    """Return all that a mix costs, exactly."""
    cost = ZERO
    for kind, part in zip(kinds, parts, strict=True):
        cost += sum((deal.cost * n for deal, n in part.deals), ZERO)
        cost += (kind.hour or ZERO) * sum(part.firm) + (kind.spot or ZERO) * sum(part.spot)
    return cost
