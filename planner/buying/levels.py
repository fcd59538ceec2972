"""The cheapest mix for one instance type, exactly: each level of the load-duration curve is decided by itself.

Stack the demand in unit levels: level u runs in the hours in which at least u instances are needed. A commitment bought for a
level is paid whether that level runs or not; without one, the level pays for its hours. Levels do not interact, so that the
cheapest mix is the cheapest choice level by level, and levels that run in the same hours are decided at once. Commitments
cover slots of time that lie within each other or apart (a year, and the months in it): then the choice for a level is made
from the shortest slots up.

Of spot, at most a share of each hour's instances: it takes the top levels of the hour.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import accumulate, pairwise

from planner.records import NamedTuple

__all__ = ["Deal", "Paid", "Solved", "held", "laminar", "on_spot", "rest", "solve"]

ZERO, NEVER = Decimal(0), Decimal("Infinity")


class Deal(NamedTuple):
    """A commitment of one instance for one slot of time.

    way: which offer it is, for the caller. first, end: hours of the demand that it covers. cost: all that it obliges to pay. bought:
    hours that are paid for, beyond the demand's end too.
    """

    way: int
    first: int
    end: int
    cost: Decimal
    bought: Decimal


class Paid(NamedTuple):
    """What hours without a commitment cost.

    hour: the price of an hour on demand, None where it is not one price. run: what a run of so many hours costs without stop,
    where the price falls in steps, None where `hour` says it; both None: not sold on demand. spot: of an hour's work on spot,
    None without. share: the part of an hour's instances that may be spot. later: where prices change, the hour from which others hold,
    and those (without a `later` of their own), in order.
    """

    hour: Decimal | None
    run: Callable[[int], Decimal] | None = None
    spot: Decimal | None = None
    share: Decimal = ZERO
    later: tuple[tuple[int, Paid], ...] = ()

    @property
    def firm(self) -> Paid:
        """The same without spot."""
        return self._replace(spot=None, later=tuple((hour, paid._replace(spot=None)) for hour, paid in self.later))

    @property
    def stepped(self) -> bool:
        """Whether a run's price falls in steps at any time."""
        return any(paid.run is not None for paid in (self, *(paid for _, paid in self.later)))

    def eras(self, first: int, end: int) -> list[tuple[int, int, Paid]]:
        """Return the prices from hour `first` to before `end`, each with its hours."""
        if not self.later:
            return [(first, end, self)]
        edges = [0, *(hour for hour, _ in self.later), max(end, self.later[-1][0])]
        paid = [self._replace(later=()), *(paid for _, paid in self.later)]
        spans = ((max(a, first), min(b, end), one) for (a, b), one in zip(pairwise(edges), paid, strict=True))
        return [span for span in spans if span[0] < span[1]]

    def since(self, hour: int) -> Paid:
        """Return the prices as seen by demand that begins in `hour`."""
        eras = self.eras(hour, max(hour + 1, self.later[-1][0] + 1)) if self.later else []
        return eras[0][2]._replace(later=tuple((a - hour, one) for a, _, one in eras[1:])) if eras else self

    def going(self, first: int, end: int) -> Decimal:
        """Return what an instance on demand costs from hour `first` to before `end`, without stop."""
        total = ZERO
        for a, b, paid in self.eras(first, end):
            if paid.run is not None:
                total += paid.run(b - first) - (paid.run(a - first) if a > first else ZERO)
            elif paid.hour is not None:
                total += paid.hour * (b - a)
            else:
                return NEVER
        return total


class Solved(NamedTuple):
    """The cheapest mix. deals: commitments and how many of each. on_demand, spot: instance-hours; *_cost: what these cost."""

    cost: Decimal
    deals: tuple[tuple[Deal, int], ...]
    on_demand: int
    on_demand_cost: Decimal
    spot: int
    spot_cost: Decimal


def laminar(deals: Sequence[Deal]) -> list[Deal]:
    """Return the deals without those that cut into the slot of a longer one (a renewal across another term's end)."""
    kept: list[Deal] = []
    for deal in sorted(deals, key=lambda d: (d.first - d.end, d.first)):
        if all(deal.end <= k.first or k.end <= deal.first or k.first <= deal.first <= deal.end <= k.end for k in kept):
            kept.append(deal)
    return kept


def on_spot(counts: Sequence[int], paid: Paid) -> list[int]:
    """Return how many instances of each hour may run on spot; none where spot is not the cheaper."""
    if paid.later:
        return [n for a, b, one in paid.eras(0, len(counts)) for n in on_spot(counts[a:b], one)]
    if paid.spot is None or not paid.share or (paid.hour is not None and paid.spot >= paid.hour):
        return [0] * len(counts)
    top, bottom = paid.share.as_integer_ratio()
    return [n * top // bottom for n in counts]


def _kinds(counts: tuple[int, ...], first: int) -> dict[tuple[int, int, int, int], int]:
    """Return the kinds of runs without stop (above which level, up to which, how long, from which hour on), and how many of each.

    Weeks repeat: most runs are of few kinds, and each kind is priced once. first: the hour of the first count where it matters when a
    run begins, since prices change; -1 where it does not.
    """
    found: dict[tuple[int, int, int, int], int] = {}
    standing = [(0, 0)]  # (level up to which instances run, hour since which), and below all of them nothing
    level = 0  # of the last of them
    for hour, n in enumerate((*counts, 0)):
        if n > level:
            standing.append((n, hour))
            level = n
        elif n < level:
            since = hour
            while level > n:
                top, since = standing.pop()
                level = standing[-1][0]
                low = level if level > n else n
                kind = (low, top, hour - since, first + since if first >= 0 else 0)
                found[kind] = found.get(kind, 0) + 1
            if n > level:
                standing.append((n, since))
                level = n
    return found


class _Curve:
    """The load-duration curve in segments of equal levels, cell by cell; a cell is a time that no slot's edge cuts."""

    def __init__(self, counts: Sequence[int], edges: Sequence[int], paid: Paid) -> None:
        spot = on_spot(counts, paid) if paid.later or paid.spot is not None else ()
        some = any(spot)
        firm = [n - s for n, s in zip(counts, spot, strict=True)] if some else counts
        self.tops = sorted((set(counts).union(firm) if some else set(counts)) - {0})
        self.widths = [top - low for low, top in zip([0, *self.tops], self.tops, strict=False)]
        self.edges, self.paid = edges, paid
        cells = list(pairwise(edges))
        self.cells = len(cells)
        self.firm = [self._hours(firm[a:b]) for a, b in cells]
        every = [self._hours(counts[a:b]) for a, b in cells] if some else self.firm
        self.spot = [
            [n - f for n, f in zip(all_, own, strict=True)] for all_, own in zip(every, self.firm, strict=True)
        ]
        self.whole: list[Decimal] | None = None
        if paid.stepped:
            self.cost = [self._runs(firm[a:b], a) for a, b in cells]
            self.whole = self.cost[0] if len(cells) == 1 else self._runs(firm, 0)
        else:
            self.cost = [self._priced(firm, a, b, own) for (a, b), own in zip(cells, self.firm, strict=True)]
        if paid.later:
            taken = [n - f for n, f in zip(counts, firm, strict=True)] if some else ()
            self.spotted = [
                self._spotted(counts, firm, a, b) if any(taken[a:b]) else [ZERO] * len(self.tops) for a, b in cells
            ]
        else:
            self.spotted = [[paid.spot * h if h and paid.spot else ZERO for h in own] for own in self.spot]

    def _priced(self, firm: Sequence[int], first: int, end: int, hours: Sequence[int]) -> list[Decimal]:
        """Return what each segment costs in a cell, hour by hour at the price of its time; hours: in how many it runs there."""
        eras = self.paid.eras(first, end)
        total = [ZERO] * len(self.tops)
        for a, b, paid in eras:
            hour = NEVER if paid.hour is None else paid.hour
            runs = hours if len(eras) == 1 else self._hours(firm[a:b])
            total = [t + hour * h if h else t for t, h in zip(total, runs, strict=True)]
        return total

    def _spotted(self, counts: Sequence[int], firm: Sequence[int], first: int, end: int) -> list[Decimal]:
        """Return what each segment costs on spot in a cell."""
        total = [ZERO] * len(self.tops)
        for a, b, paid in self.paid.eras(first, end):
            hours = zip(self._hours(counts[a:b]), self._hours(firm[a:b]), strict=True)
            total = [t + (paid.spot or ZERO) * (n - f) if n > f else t for t, (n, f) in zip(total, hours, strict=True)]
        return total

    def _hours(self, counts: Sequence[int]) -> list[int]:
        """Return in how many hours each segment runs."""
        found = [0] * (len(self.tops) + 1)
        at = {top: number + 1 for number, top in enumerate(self.tops)}
        for n, hours in Counter(counts).items():
            found[at.get(n, 0)] += hours
        running = list(accumulate(reversed(found[1:])))
        running.reverse()
        return running

    def _runs(self, counts: Sequence[int], first: int) -> list[Decimal]:
        """Return what each segment costs where every run without stop is paid by its length; first: the hour of the first count."""
        steps = [ZERO] * (len(self.tops) + 1)
        found = _kinds(tuple(counts), first if self.paid.later else -1)
        price = {(hours, at): self.paid.going(at, at + hours) for hours, at in {kind[2:] for kind in found}}
        for (low, top, hours, at), number in found.items():
            cost = price[hours, at] * number
            steps[bisect_left(self.tops, low + 1)] += cost
            steps[bisect_left(self.tops, top + 1)] -= cost
        return list(accumulate(steps))[:-1]

    def outside(self, segment: int) -> list[Decimal]:
        """Return what a level of the segment costs in each cell without a commitment."""
        return [c[segment] + s[segment] for c, s in zip(self.cost, self.spotted, strict=True)]


#: Which deals are taken, each against what its slot costs without it, and which cells are left to pay by the hour.
Choice = tuple[tuple[bool, ...], tuple[int, ...], tuple[int, ...]]


def _choose(curve: _Curve, segment: int, deals: Sequence[tuple[Deal, int, int]]) -> Choice:
    """Return the cheapest choice for a level of the segment; of two that cost the same, the one that commits less."""
    costs = curve.outside(segment)
    before = sum(costs, ZERO)
    owner = [-1] * curve.cells
    taken = []
    for number, (deal, first, end) in enumerate(deals):
        better = deal.cost < sum(costs[first:end], ZERO)
        taken.append(better)
        if better:
            costs[first:end] = [deal.cost, *[ZERO] * (end - first - 1)]
            owner[first:end] = [number] * (end - first)
    if curve.whole is not None and sum(costs, ZERO) < before:
        # Runs go on across the cells' edges: without any commitment the level costs less than its cells do one by one.
        whole = curve.whole[segment] + sum((s[segment] for s in curve.spotted), ZERO)
        if whole <= sum(costs, ZERO):
            owner = [-1] * curve.cells
    bought = tuple(dict.fromkeys(n for n in owner if n >= 0))
    return tuple(taken), bought, tuple(c for c, n in enumerate(owner) if n < 0)


def solve(counts: Sequence[int], deals: Sequence[Deal], paid: Paid) -> Solved:
    """Return the cheapest way to have `counts` instances in each hour; cost is infinite where nothing can.

    deals: slots within each other or apart (`laminar`). Exact where an hour on demand has one price. Where it falls in steps a
    run is cut at the edges of the slots in which a level is committed only for a part of the time.
    """
    ends = {0, len(counts), *(d.first for d in deals), *(d.end for d in deals)}
    edges = sorted(e for e in ends if e <= len(counts))
    curve = _Curve(counts, edges, paid)
    place = {edge: number for number, edge in enumerate(edges)}
    known = [(d, place[d.first], place[d.end]) for d in sorted(deals, key=lambda d: (d.end - d.first, d.cost))]
    found: dict[int, Choice] = {}

    def at(segment: int) -> Choice:
        if segment not in found:
            found[segment] = _choose(curve, segment, known)
        return found[segment]

    stretches: list[tuple[int, int]] = []
    todo = [(0, len(curve.tops) - 1)] if curve.tops else []
    while todo:
        low, high = todo.pop()
        # Higher levels run less, so that what holds for both ends holds between; not so where a stop begins the steps anew.
        if low == high or (curve.whole is None and at(low)[0] == at(high)[0]):
            stretches.append((low, high))
        else:
            middle = (low + high) // 2
            todo += [(low, middle), (middle + 1, high)]
    return _summed(curve, known, [(a, b, at(a)) for a, b in stretches])


def _summed(
    curve: _Curve, known: Sequence[tuple[Deal, int, int]], stretches: Sequence[tuple[int, int, Choice]]
) -> Solved:
    """Return the sums over all levels."""
    numbers: dict[int, int] = {}
    firm = spot = 0
    firm_cost = spot_cost = ZERO
    for low, high, (_, bought, left) in stretches:
        widths = curve.widths[low : high + 1]
        for number in bought:
            numbers[number] = numbers.get(number, 0) + sum(widths)
        hours = 0
        for cell in left:
            hours += sum(w * h for w, h in zip(widths, curve.firm[cell][low : high + 1], strict=True))
            spot += sum(w * h for w, h in zip(widths, curve.spot[cell][low : high + 1], strict=True))
        firm += hours
        if curve.whole is not None:
            rows = [curve.whole] if len(left) == curve.cells else [curve.cost[cell] for cell in left]
            for row in rows:
                firm_cost += sum((w * c for w, c in zip(widths, row[low : high + 1], strict=True)), ZERO)
        elif curve.paid.later:
            for cell in left:
                row = curve.cost[cell]
                firm_cost += sum((w * c for w, c in zip(widths, row[low : high + 1], strict=True)), ZERO)
        elif hours:
            firm_cost += NEVER if curve.paid.hour is None else curve.paid.hour * hours
        if curve.paid.later:
            for cell in left:
                row = curve.spotted[cell]
                spot_cost += sum((w * c for w, c in zip(widths, row[low : high + 1], strict=True)), ZERO)
    if spot and not curve.paid.later:
        assert curve.paid.spot is not None
        spot_cost = curve.paid.spot * spot
    deals = tuple((known[n][0], count) for n, count in sorted(numbers.items(), key=lambda x: known[x[0]][0]))
    total = sum((deal.cost * count for deal, count in deals), firm_cost + spot_cost)
    return Solved(total, deals, firm, firm_cost, spot, spot_cost)


def rest(counts: Sequence[int], held: Sequence[int], paid: Paid) -> Solved:
    """Return what `counts` instances cost in each hour beside `held` ones that are paid for already."""
    left = [max(0, n - k) for n, k in zip(counts, held, strict=True)]
    spot = [min(s, n) for s, n in zip(on_spot(counts, paid), left, strict=True)]
    firm = [n - s for n, s in zip(left, spot, strict=True)]
    hourly = solve(firm, (), paid.firm)
    hours, cost = sum(spot), ZERO
    for a, b, one in paid.eras(0, len(spot)):
        taken = sum(spot[a:b])
        cost += one.spot * taken if taken and one.spot is not None else ZERO
    return hourly._replace(cost=hourly.cost + cost, spot=hours, spot_cost=cost)


def held(deals: Sequence[tuple[Deal, int]], hours: int) -> list[int]:
    """Return how many instances are committed in each hour."""
    change = [0] * (hours + 1)
    for deal, number in deals:
        change[deal.first] += number
        change[deal.end] -= number
    return list(accumulate(change))[:-1]
