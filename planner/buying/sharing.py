"""Commitments that many workloads share: those of one type at one place are bought for the sum of what they need.

What the sum needs is flatter than its parts, so more of it is worth committing. For the types that the workloads take, the shared
commitments are the cheapest (by the levels of the sum). Which types they take is a search: each its own cheapest at first, then
groups of workloads move to a type together wherever all of it gets cheaper; it ends where no such move is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from struct import pack, unpack

from planner.buying.levels import Solved, solve
from planner.buying.market import PRICED, Market, markets
from planner.buying.portfolio import Candidate, Given, Result, Row, quoted
from planner.buying.workloads import Item
from planner.prices.catalog import Catalog
from planner.records import NamedTuple
from planner.workload import Workload

__all__ = ["Pool", "Shared", "share"]

ZERO = Decimal(0)
#: How much dearer by itself a type may be to which a workload moves with others.
NEAR = (Decimal("1.05"), Decimal("1.15"), Decimal("1.4"))
#: Types to which workloads try to move, those first that most of them could take.
TRIED = 12
#: Bits of an hour's number where a year of hours is one whole number, which is added at once.
BITS = 64
Key = tuple[object, ...]


class Pool(NamedTuple):
    """The workloads of one type at one place. names: theirs; counts: instances in each hour of all; cost: with what the
    workloads pay beside instances."""

    market: Market
    names: tuple[str, ...]
    counts: tuple[int, ...]
    solved: Solved
    cost: Decimal


class Shared(NamedTuple):
    """The answer. cost: of the workloads that share; apart: of the same ones, each by itself. moved: names of those that take another
    type than by themselves. start: the first day where one is known."""

    pools: tuple[Pool, ...]
    hours: int
    start: str
    cost: Decimal
    apart: Decimal
    moved: tuple[str, ...]


class _Member(NamedTuple):
    row: Row
    work: Workload
    offset: int
    candidates: tuple[Candidate, ...]


def _packed(counts: Sequence[int], offset: int) -> int:
    """Return the numbers of all hours as one, `BITS` an hour, the first lowest."""
    return int.from_bytes(pack(f"<{len(counts)}Q", *counts), "little") << BITS * offset


def _hours(packed: int, hours: int) -> tuple[int, ...]:
    """Return the number of each hour."""
    return unpack(f"<{hours}Q", packed.to_bytes(BITS // 8 * hours, "little"))


class _Search:
    """Which type each workload takes, and what that costs. sums: of each type the instances of all who take it, packed."""

    def __init__(self, members: Sequence[_Member], given: Given, catalog: Catalog, start: str) -> None:
        self.members, self.given, self.catalog, self.start = members, given, catalog, start
        self.hours = max(m.offset + len(m.candidates[0].counts) for m in members)
        self.takes = [0] * len(members)
        self.keys = [self._keys(member) for member in members]
        self.known: dict[Key, Market | None] = {}
        self.sums: dict[Key, int] = {}
        for number in range(len(members)):
            self._put(self.sums, number, 0, 1)
        self.costs = {key: self._cost(key, packed) for key, packed in self.sums.items()}

    @staticmethod
    def _keys(member: _Member) -> tuple[Key, ...]:
        """Return what only those agree on who may share, of each type that the workload may take."""
        priced = tuple(getattr(member.work, name) for name in PRICED)
        return tuple((*candidate.key, *priced) for candidate in member.candidates)

    def key(self, number: int, choice: int) -> Key:
        return self.keys[number][choice]

    def _put(self, sums: dict[Key, int], number: int, choice: int, sign: int) -> None:
        """Add a workload's instances to a sum, or take them out of it."""
        member, key = self.members[number], self.keys[number][choice]
        packed = _packed(member.candidates[choice].counts, member.offset)
        sums[key] = (sums[key] if key in sums else self.sums.get(key, 0)) + sign * packed

    def market(self, key: Key) -> Market | None:
        """Return what the type costs over the whole time, None where it is not sold then."""
        if key not in self.known:
            member = next(
                m for n, m in enumerate(self.members) for c in range(len(m.candidates)) if self.key(n, c) == key
            )
            provider, _, region, name = (str(part) for part in key[:4])
            work = member.work._replace(provider=(provider,), region=(region,), instance_type=(name,), budget=None)
            work = work._replace(hours=Decimal(self.hours), start=self.start)
            found = markets(quoted(self.given, self.catalog, work), self.hours, self.given.asked.rules)
            self.known[key] = next((m for m in found if m[:4] == key[:4]), None)
        return self.known[key]

    def solved(self, key: Key, packed: int) -> Solved | None:
        """Return the shared commitments of a type, None where none of it is taken or it is not sold."""
        market = self.market(key) if packed else None
        return None if market is None else solve(_hours(packed, self.hours), market.deals, market.paid)

    def _cost(self, key: Key, packed: int) -> Decimal:
        found = self.solved(key, packed)
        if found is None:
            return Decimal("Infinity") if packed else ZERO
        return found.cost

    def _move(self, target: Key, near: Decimal) -> bool:
        """Move all workloads to a type that could take it and are not much dearer there, if all of it gets cheaper."""
        moves = []
        for number, member in enumerate(self.members):
            for choice, candidate in enumerate(member.candidates):
                fits = choice != self.takes[number] and self.keys[number][choice] == target
                if fits and candidate.cost <= member.candidates[0].cost * near:
                    moves.append((number, choice))
        if not moves:
            return False
        sums: dict[Key, int] = {}
        saved = ZERO
        for number, choice in moves:
            candidates = self.members[number].candidates
            self._put(sums, number, self.takes[number], -1)
            self._put(sums, number, choice, 1)
            saved += candidates[self.takes[number]].fixed - candidates[choice].fixed
        costs = {key: self._cost(key, packed) for key, packed in sums.items()}
        if not all(cost.is_finite() for cost in costs.values()):
            return False
        saved += sum((self.costs.get(key, ZERO) - cost for key, cost in costs.items()), ZERO)
        if saved <= 0:
            return False
        self.sums |= sums
        self.costs |= costs
        for number, choice in moves:
            self.takes[number] = choice
        return True

    def run(self) -> None:
        """Move groups until no move makes all of it cheaper."""
        could: dict[Key, int] = {}
        for number, member in enumerate(self.members):
            for choice in range(len(member.candidates)):
                key = self.key(number, choice)
                could[key] = could.get(key, 0) + 1
        targets = sorted((key for key, many in could.items() if many > 1), key=lambda k: (-could[k], str(k)))[:TRIED]
        better = True
        while better:
            better = False
            for target in targets:
                for near in NEAR:
                    better = self._move(target, near) or better


def share(items: Iterable[Item], found: Iterable[Result], given: Given, catalog: Catalog) -> Shared | None:
    """Return commitments bought for all workloads together; None where fewer than two take part."""
    pairs = [(item, one) for item, one in zip(items, found, strict=True) if one.candidates]
    starts = [item.work.start for item, _ in pairs if item.work.start]
    start = min(starts, default="")
    members = []
    for item, one in pairs:
        begins = item.work.start or start
        offset = (date.fromisoformat(begins) - date.fromisoformat(start)).days * 24 if start else 0
        members.append(_Member(one.row, item.work, offset, one.candidates))
    if len(members) < 2:
        return None
    search = _Search(members, given, catalog, start)
    search.run()
    pools = []
    for key, packed in search.sums.items():
        market, solved = search.market(key), search.solved(key, packed)
        if market is None or solved is None:
            continue
        mine = [n for n in range(len(members)) if search.key(n, search.takes[n]) == key]
        beside = sum((members[n].candidates[search.takes[n]].fixed for n in mine), ZERO)
        names = tuple(members[n].row.name for n in mine)
        pools.append(Pool(market, names, _hours(packed, search.hours), solved, solved.cost + beside))
    pools.sort(key=lambda p: (-p.cost, p.market[:4]))
    moved = tuple(m.row.name for m, taken in zip(members, search.takes, strict=True) if taken)
    apart = sum((m.row.cost for m in members), ZERO)
    return Shared(tuple(pools), search.hours, start, sum((p.cost for p in pools), ZERO), apart, moved)
