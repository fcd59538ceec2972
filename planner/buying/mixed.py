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
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from planner.buying.frontier import Hours, Kind, programme, worth_taking
from planner.buying.levels import Deal
from planner.buying.nested import search
from planner.records import NamedTuple

__all__ = ["Chosen", "Mixed", "dispatch", "solve"]

ZERO = Decimal(0)
#: A mix is proven when nothing can be cheaper by as much as this, in the currency of the prices.
CENT = 0.004
#: Steps that a cell begins with, looks inside a step, and rounds of parting steps.
STEPS, INSIDE, ROUNDS = 12, 16, 150
#: Seconds after which the solver gives what it has, and says how far it may be off.
PATIENCE = 20.0


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


class _Programme:
    """Commitments and steps as a mixed-integer programme."""

    def __init__(self, hours: Hours, deals: Sequence[tuple[int, int, float, float, int]]) -> None:
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
                for point in self.hours.around(cell, mark):
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
        if mark <= max(0.0, edges[at]) + slack or mark >= end - slack:
            return False
        insort(edges, mark)
        return True

    def run(self, left: float, gap: float) -> tuple[list[int] | None, list[float], float]:
        """Return how many of each commitment, where each cell stands, and what nothing can cost less than; None where nothing serves.

        gap: how far from the programme's own best the solver may stop.
        """
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
        options = {"mip_abs_gap": gap, "mip_feasibility_tolerance": 1e-9, "time_limit": left}
        engine = programme((cost, [0.0] * len(cost), most, whole), rows, low, options)
        solution = [] if engine is None else list(engine.getSolution().col_value)
        if not solution:
            return None, [], float("inf")
        marks: list[float] = []
        at = deals
        for edges in self.edges:
            chosen, within = solution[at : at + 2 * len(edges) : 2], solution[at + 1 : at + 2 * len(edges) : 2]
            marks.append(sum(e * round(c) + w * scale for e, c, w in zip(edges, chosen, within, strict=True)))
            at += 2 * len(edges)
        return [round(x) for x in solution[:deals]], marks, float(engine.getInfo().mip_dual_bound)


def solve(
    kinds: Sequence[Kind], need: Sequence[float], share: Decimal = ZERO, patience: float = PATIENCE
) -> Mixed | None:
    """Return the cheapest mix that serves `need` in each hour; None where nothing does.

    share: the part of an hour's need that need not be served without spot. patience: seconds, after which the mix is the best found so far.
    """
    import time

    begun, hours = time.monotonic(), len(need)
    asked, kinds = kinds, worth_taking(kinds)
    slots = [(deal, k) for k, kind in enumerate(kinds) for deal in kind.deals]
    changes = (hour for kind in kinds for hour, _, _ in kind.later)
    ends = {0, hours, *changes, *(d.first for d, _ in slots), *(d.end for d, _ in slots)}
    edges = sorted(e for e in ends if e <= hours)
    groups = Hours(kinds, need, edges, float(share))
    place = {edge: n for n, edge in enumerate(edges)}
    columns = []
    for deal, k in slots:
        most = int(-(-max(need[deal.first : deal.end]) // kinds[k].size)) + 1
        columns.append((place[deal.first], place[deal.end], kinds[k].size, float(deal.cost), most))
    found = search(groups, columns, patience)
    best, bound = (found.numbers, found.bound) if found is not None else _programmed(groups, columns, begun, patience)
    if best is None:
        return None
    chosen = [(deal, k, n) for (deal, k), n in zip(slots, best, strict=True) if n]
    mix = dispatch(asked, need, chosen, share)
    assert mix is not None
    return mix._replace(bound=min(mix.cost, Decimal(repr(bound))))


def _programmed(
    groups: Hours, columns: Sequence[tuple[int, int, float, float, int]], begun: float, patience: float
) -> tuple[list[int] | None, float]:
    """Return how many of each commitment, and what nothing costs less than, by HiGHS: where the times of commitments cross."""
    import time

    programme = _Programme(groups, columns)
    best, cost, bound, exact = None, math.inf, 0.0, False
    for _ in range(ROUNDS):
        gap = 1.0 if cost == math.inf else max(CENT / 10, 0.0 if exact else (cost - bound) / 10)
        numbers, marks, least = programme.run(max(0.1, patience - (time.monotonic() - begun)), gap)
        if numbers is None:
            return None, 0.0
        bound = max(bound, least)
        total = programme.total(numbers)
        if total < cost:
            best, cost = numbers, total
        if cost - bound <= CENT or time.monotonic() - begun > patience:
            break
        if not programme.part(marks, numbers):
            if exact:
                break
            exact = True  # the solver stopped short of its own best
    return best, bound


def dispatch(
    kinds: Sequence[Kind],
    need: Sequence[float],
    bought: Sequence[tuple[Deal, int, int]],
    share: Decimal = ZERO,
) -> Mixed | None:
    """Return the cheapest hours beside commitments that are bought (deal, kind, number); None where they cannot be served."""
    hours = len(need)
    changes = (hour for kind in kinds for hour, _, _ in kind.later if hour < hours)
    ends = {0, hours, *changes, *(d.first for d, _, _ in bought), *(min(hours, d.end) for d, _, _ in bought)}
    edges = sorted(ends)
    groups = Hours(kinds, need, edges, float(share))
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
        sold = groups.at(cell)
        firm = int(sold.firm.at(groups.left(row, have[cell])[0][spot] - groups.slack))
        hired, taken = [0] * len(kinds), [0] * len(kinds)
        for n, kind in enumerate(sold.firm_kinds):
            hired[kind] = int(sold.firm.picks[firm][n])
        for n, kind in enumerate(sold.spot_kinds):
            taken[kind] = int(sold.spot.picks[spot][n])
        firm_size = sum(h * s for h, s in zip(hired, sizes, strict=True))
        spot_size = sum(t * s for t, s in zip(taken, sizes, strict=True))
        rest = max(need_ - firm_size - spot_size, need_ * (1 - float(share)) - firm_size)
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
        cost += sum(kind.cost(part.firm, part.spot), ZERO)
    return cost
