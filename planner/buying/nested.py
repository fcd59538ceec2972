"""The cheapest mix of several types where the times of their commitments lie within each other: exact, and quick.

A year's commitments and those of its months do not all depend on each other: once the capacity is known that the year's serve, each
month is a question of its own. So every time takes the frontier of all combinations of its own commitments (of each capacity the
cheapest), and asks the times within it what is then left to pay. More capacity never leaves more to pay, so that between two points
of a frontier nothing costs less than the commitments of the lower and the rest of the higher one: what cannot win is not looked at.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Any

from planner.buying.frontier import Frontier, Hours
from planner.errors import PlannerError
from planner.records import NamedTuple

__all__ = ["Found", "search"]

#: The most steps of what a cell's hours cost that are worked out at once; beyond, each capacity is asked for by itself.
STEPS = 3_000_000
#: Capacities that differ by less are one, in units of the smallest type.
SAME = 1e-9

#: A commitment: first cell, end cell, what it serves, what it costs, the most of it.
Column = tuple[int, int, float, float, int]


class Found(NamedTuple):
    """numbers: of each commitment; bound: nothing costs less."""

    numbers: list[int]
    bound: float


class _LateError(Exception):
    """The time is up."""


class _Slot:
    """A time for which commitments are sold. deals: their places in the list; cells: those that no slot within it has."""

    def __init__(self, first: int, end: int) -> None:
        self.first, self.end = first, end
        self.deals: list[int] = []
        self.within: list[_Slot] = []
        self.cells: list[int] = []
        self.known: dict[float, tuple[float, int]] = {}
        self.frontier: Frontier

    def grow(self, columns: Sequence[Column], hours: Hours, most: Sequence[float]) -> None:
        """Work out the frontiers, and which cells are the slot's own."""
        taken = {cell for slot in self.within for cell in range(slot.first, slot.end)}
        self.cells = [cell for cell in range(self.first, self.end) if cell not in taken]
        top = max(most[self.first : self.end])
        sizes, costs = [columns[n][2] for n in self.deals], [columns[n][3] for n in self.deals]
        self.frontier = Frontier(sizes, costs, top, hours.np)
        for slot in self.within:
            slot.grow(columns, hours, most)


def _nest(columns: Sequence[Column], cells: int) -> _Slot | None:
    """Return the slots within each other, one of all time outermost; None where two of them cross."""
    root = _Slot(0, cells)
    for number in sorted(range(len(columns)), key=lambda n: (columns[n][0], -columns[n][1])):
        first, end = columns[number][:2]
        slot = root
        while (first, end) != (slot.first, slot.end):
            inner = slot.within[-1] if slot.within else None
            if inner is None or inner.end <= first:
                inner = _Slot(first, end)
                slot.within.append(inner)
            elif end > inner.end:
                return None
            slot = inner
        slot.deals.append(number)
    return root


class _Cell:
    """What a cell's hours cost beside a capacity: a function that falls in steps."""

    def __init__(self, hours: Hours, cell: int) -> None:
        self.hours, self.cell, self.np = hours, cell, hours.np
        self.known: dict[float, float] = {}
        rows, firm = hours.rows[cell], hours.firm(cell)
        self.falls: Any = None
        if hours.spot_of(cell) or len(rows) * len(firm.sizes) > STEPS:
            return
        np, need, weight = self.np, hours.need[rows], hours.weight[rows]
        at = (need[:, None] - hours.slack - firm.sizes[None, :]).ravel()
        less = (weight[:, None] * np.append(np.diff(firm.costs), 0.0)[None, :]).ravel()
        order = np.argsort(at)
        self.falls = at[order]
        # From the highest capacity down: nothing is left to pay there, and below each step its own part more.
        self.costs = np.append(np.cumsum(less[order][::-1])[::-1], 0.0)
        self.least = float((need - hours.slack - firm.sizes[-1]).max())

    def at(self, held: Any) -> Any:
        """Return the cost beside each of some capacities."""
        np = self.np
        if self.falls is None:
            return np.array([self._one(float(x)) for x in held])
        costs = self.costs[np.searchsorted(self.falls, held, side="right")]
        return np.where(held >= self.least, costs, np.inf)

    def _one(self, held: float) -> float:
        if held not in self.known:
            self.known[held] = self.hours.cost(self.cell, held)
        return self.known[held]


class _Search:
    def __init__(self, hours: Hours, root: _Slot, until: float) -> None:
        self.hours, self.np, self.root, self.until = hours, hours.np, root, until
        self.cells = [_Cell(hours, cell) for cell in range(len(hours.rows))]

    def beside(self, slot: _Slot, held: float) -> float:
        """Return what is left to pay in a slot beside a capacity."""
        one = self.np.array([held])
        total = math.fsum(float(self.cells[cell].at(one)[0]) for cell in slot.cells)
        return total + math.fsum(self.least(inner, held)[0] for inner in slot.within)

    def least(self, slot: _Slot, held: float) -> tuple[float, int]:
        """Return the least that a slot costs beside a capacity, and the point of its frontier that does."""
        key = round(held / (self.hours.least * SAME)) if held else 0.0
        if key not in slot.known:
            slot.known[key] = self._least(slot, held)
        return slot.known[key]

    def _least(self, slot: _Slot, held: float) -> tuple[float, int]:
        sizes, costs = slot.frontier.sizes, slot.frontier.costs
        if not slot.within and all(self.cells[cell].falls is not None for cell in slot.cells):
            total = costs.copy()
            for cell in slot.cells:
                total += self.cells[cell].at(held + sizes)
            at = int(total.argmin())
            return float(total[at]), at
        found, _ = self.inside(slot, held)
        return found

    def inside(self, slot: _Slot, held: float) -> tuple[tuple[float, int], float]:
        """Return the least and its point, and what nothing costs less than: the same, but for a search whose time is up."""
        sizes, costs = slot.frontier.sizes, slot.frontier.costs
        left: dict[int, float] = {}
        best = (math.inf, -1)

        def look(at: int) -> None:
            nonlocal best
            left[at] = self.beside(slot, held + float(sizes[at]))
            best = min(best, (float(costs[at]) + left[at], at))

        heap: list[tuple[float, int, int]] = []

        def keep(low: int, high: int) -> None:
            if high > low + 1:
                heappush(heap, (float(costs[low + 1]) + left[high], low, high))

        bound = 0.0
        try:
            look(len(sizes) - 1)
            look(0)
            keep(0, len(sizes) - 1)
            while heap and heap[0][0] < best[0]:
                if time.monotonic() > self.until:
                    raise _LateError
                bound, low, high = heap[0]
                middle = (low + high) // 2
                look(middle)
                heappop(heap)
                keep(low, middle)
                keep(middle, high)
        except _LateError:
            if slot is not self.root or best[1] < 0:
                raise
            return best, min(best[0], heap[0][0] if heap else bound)
        return best, best[0]

    def picks(self, slot: _Slot, held: float, numbers: list[int], at: int) -> None:
        """Write how many of each commitment a slot and those within it take."""
        for place, number in enumerate(slot.deals):
            numbers[number] = int(slot.frontier.picks[at][place])
        held += float(slot.frontier.sizes[at])
        for inner in slot.within:
            self.picks(inner, held, numbers, self.least(inner, held)[1])


def search(hours: Hours, columns: Sequence[Column], patience: float) -> Found | None:
    """Return the cheapest numbers of the commitments; None where their times cross, nothing serves, or no answer comes in time."""
    root = _nest(columns, len(hours.rows))
    if root is None:
        return None
    until = time.monotonic() + patience
    most = [float(hours.need[rows].max()) if len(rows) else 0.0 for rows in hours.rows]
    try:
        root.grow(columns, hours, most)
    except PlannerError:  # too many combinations of commitments for a frontier: the programme bears more
        return None
    made = _Search(hours, root, until)
    try:
        (cost, at), bound = made.inside(root, 0.0)
        if not math.isfinite(cost):
            return None
        numbers = [0] * len(columns)
        made.until = math.inf
        made.picks(root, 0.0, numbers, at)
    except _LateError:
        return None
    return Found(numbers, bound)
