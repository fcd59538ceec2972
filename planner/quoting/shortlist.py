"""What a screen can show, found among the rows of the price lists as they stand.

A table shows thirty ways of buying of hundreds, and a catalogue may hold tens of thousands. What a way of buying comes
to is linear in its prices: planner.quoting.cost is asked once per kind of it (way of paying, units, number of machines)
what a price of one adds, and all others of the kind are weighed by a multiplication. Records are made of those that may
be listed, of the named types, and of what the advice compares them with; the others are counted. Floats decide no order
here: whatever comes within a millionth of being listed is made, and the quote ranks what was made exactly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from math import inf
from operator import itemgetter
from typing import Any

from planner.errors import CatalogError, PlannerError
from planner.offer import Price, Source
from planner.offer import Way as Record
from planner.prices.checks import check_prices
from planner.prices.lists import Types
from planner.quoting.choose import kind_of_option
from planner.quoting.look import Look, Sold, Way
from planner.quoting.notes import Ages
from planner.quoting.offers import id_of, weight
from planner.quoting.select import Bought, Place, Request
from planner.records import NamedTuple
from planner.sizing.fit import Sizer
from planner.units import block_hours

__all__ = ["Shortlist", "simple"]

_SLACK = 1 + 1e-6
_VALUE = itemgetter(0)
_NOBODY = Source("", "", "", "", "list")
#: So many more values are kept before those that cannot be among the lowest are let go.
_MANY = 16


#: One way of buying, and its rows.
_Group = tuple[Way, list[Sold]]
#: What makes ways of buying alike, so that one multiplication weighs them all: option, term, payment, currency, number, units.
_Kind = tuple[Any, ...]
#: What a price of one adds to the effective cost and to what is owed, price by price; () where only making it tells.
_Weights = Sequence[tuple[float, float]]
#: About what a way of buying comes to and what is owed for it, in the report currency.
_Sums = tuple[float, float]
#: When prices were published, and when they were last seen unchanged.
_Dates = tuple[tuple[str, str], ...]
#: What is compared: a value, what others of the same value have in common, and the way: region, then what a `Way` says.
_Weighed = tuple[float, tuple[object, ...], tuple[str, ...]]


class _Least:
    """The lowest values of those given, and all that are as low as the last of them but for a millionth.

    number: how many ways to buy are listed, wherever in the region and in whatever currency. bound: what is above it is not asked
    for.
    """

    __slots__ = ("_full", "_number", "_values", "bound")

    def __init__(self, number: int) -> None:
        self._number = number
        self._full = _MANY
        self._values: list[_Weighed] = []
        self.bound = inf if number else -inf

    def add(self, value: float, alike: tuple[object, ...], way: tuple[str, ...]) -> None:
        """Take in a value that is not above the bound."""
        self._values.append((value, alike, way))
        if len(self._values) >= self._full:
            self._settle()

    def _settle(self) -> None:
        """Find the bound, and let go of what is above it."""
        self._values.sort(key=_VALUE)
        ways: set[tuple[str, ...]] = set()
        for value, _, way in self._values:
            ways.add(way[:7])
            if len(ways) == self._number:
                self.bound = value * _SLACK
                break
        self._values = [one for one in self._values if one[0] <= self.bound]
        self._full = len(self._values) + _MANY

    def ways(self) -> set[tuple[str, ...]]:
        """Return the lowest ways to buy; of those that come to the same to the last digit the first by id."""
        self._settle()
        same: dict[tuple[object, ...], list[tuple[str, ...]]] = {}
        for _, alike, way in self._values:
            same.setdefault(alike, []).append(way)
        chosen: set[tuple[str, ...]] = set()
        for found in same.values():
            ways: set[tuple[str, ...]] = set()
            for way in sorted(found, key=_id) if len(found) > self._number else found:
                ways.add(way[:7])
                if len(ways) > self._number:
                    break
                chosen.add(way)
        return chosen


class _Lists(NamedTuple):
    """Where the ways of one purchase option stand to be among the least: of its kind, of what is owed, of what lasts."""

    kind: _Least
    owed: _Least
    lasting: _Least


class _Seen:
    """A place that was looked at. groups: the ways of buying that may be listed; sure: those that are made whatever they come to,
    since their types are named or only making them tells. hourly: by type, the others on demand: what is listed is compared with
    them. number: how many ways of buying the workload asks for."""

    __slots__ = ("groups", "hourly", "look", "names", "number", "sure")

    def __init__(self, look: Look, named: frozenset[str]) -> None:
        self.look = look
        self.names = {name for name, number in look.counts.items() if number > 0 and name.lower() in named}
        self.number = 0
        self.sure: list[_Group] = []
        self.groups: list[_Group] = []
        self.hourly: dict[str, list[_Group]] = {}

    def put(self, way: Way, rows: list[Sold], sums: _Sums | None, alike: tuple[object, ...], lists: _Lists) -> None:
        """Take a way of buying in whose prices come to `sums`; alike: what others of the same sums have in common."""
        if sums is None:
            self.sure.append((way, rows))
            return
        much, most = sums
        keep = False
        for least, value in ((lists.kind, much), (lists.owed, most), (lists.lasting, much)):
            if value <= least.bound:
                keep = True
                least.add(value, alike, (self.look.region, *way))
        if way[1] in self.names:
            self.sure.append((way, rows))
        elif keep:
            self.groups.append((way, rows))
        else:
            self.let_go(way, rows)

    def let_go(self, way: Way, rows: list[Sold]) -> None:
        """Take in what is not listed."""
        if way[2] == "on_demand":
            self.hourly.setdefault(way[1], []).append((way, rows))


def simple(req: Request) -> bool:
    """Return whether an offer is its machines alone, so that its own prices weigh it."""
    work = req.workload
    beside = work.egress_gb or work.inter_region_gb or work.storage_gb or work.public_ips or work.contract
    judged = work.budget is not None or work.discount_rate is not None or work.tax or work.taxes
    return not (req.whole or beside or judged or work.low_confidence)


class Shortlist:
    """The places of one quote: each is looked at (`look`), then `places` makes what is listed of them.

    top: how many offers of each provider and kind are listed. named: lower-case instance types that are listed whatever they cost.
    ages: of all prices looked at. left_out: how many ways of buying were not made.
    """

    def __init__(self, req: Request, top: int, named: frozenset[str], ages: Ages) -> None:
        self.req = req
        self.top = max(top, 1)
        self.named = named
        self.ages = ages
        self.left_out = 0
        self._block = block_hours(req.window.length) is not None
        self._seen: list[_Seen] = []
        self._weights: dict[tuple[str, _Kind], _Weights] = {}
        self._least: dict[tuple[str, str], _Least] = {}

    def look(self, provider: str, region: str, how: Sizer) -> bool:
        """Take a place in; return whether its lists are all that is known of it (else the quote must make every offer)."""
        shelves = self.req.catalog.shelves(provider, region)
        if shelves is None or any("confirmed" not in shelf.names for level in shelves for shelf in level):
            return False
        specs = self.req.catalog.instances(provider)
        if not isinstance(specs, Types):
            return False
        look = Look(self.req, provider, region, specs, how)
        look.take(shelves)
        self._seen.append(_Seen(look, self.named))
        if look.sold:
            self._weigh(self._seen[-1])
        return True

    def _weigh(self, seen: _Seen) -> None:
        """Weigh every way of buying, and count the ages of its prices: column by column, since Python is quick at that."""
        look, options, names = seen.look, self.req.workload.purchase_option, seen.names
        told = [read(row) for row, _, read, _, _ in look.sold]
        units, amounts, starts, ends, days, confirmed = zip(*told, strict=True)
        _, types, ways, terms, payments, _, _, currencies = zip(*look.ways, strict=True)
        numbers = map(look.counts.__getitem__, types)
        kinds = list(zip(ways, terms, payments, currencies, numbers, units, strict=True))
        lists = {option: self._lists(look.provider, option) for option in set(ways) if not options or option in options}
        ones = dict(zip(kinds, look.ways, strict=True))
        weights = {kind: self._of(look, way, kind) if kind[0] in lists else () for kind, way in ones.items()}
        look.unmade.update(types)
        look.options.update(ways)
        shared = look.shared()
        of_many = {index for those in shared for index in those}
        prices = list(map(_price, amounts, starts, ends))
        for index, (way, kind, price) in enumerate(zip(look.ways, kinds, prices, strict=True)):
            option, found = way[2], weights[kind]
            if index in of_many:
                continue
            if option not in lists:
                seen.let_go(way, [look.sold[index]])
            elif not found or price is None:
                seen.sure.append((way, [look.sold[index]]))
            else:
                much, most = found[0][0] * price, found[0][1] * price
                at = lists[option]
                if much <= at.kind.bound or most <= at.owed.bound or much <= at.lasting.bound or way[1] in names:
                    seen.put(way, [look.sold[index]], (much, most), (kind, amounts[index]), at)
                elif option == "on_demand":
                    seen.let_go(way, [look.sold[index]])
        for those in shared:
            way, rows = look.ways[those[0]], [look.sold[index] for index in those]
            if way[2] not in lists:
                seen.let_go(way, rows)
                continue
            kind = (*kinds[those[0]][:5], *(units[index] for index in those))
            sums = _sums(self._of(look, way, kind), [prices[index] for index in those])
            seen.put(way, rows, sums, (kind, *(amounts[index] for index in those)), lists[way[2]])
        dates = list(zip(days, confirmed, strict=True))
        one_by_one = Counter(zip(ways, dates, strict=True))
        one_by_one.subtract((ways[index], dates[index]) for index in of_many)
        seen_at: Counter[tuple[str, _Dates]] = Counter(
            {(option, (date,)): n for (option, date), n in one_by_one.items()}
        )
        seen_at.update((ways[those[0]], tuple([dates[index] for index in those])) for those in shared)
        asked = {dates: n for dates, n in seen_at.items() if n and dates[0] in lists}
        seen.number = sum(asked.values())
        self._age(look, asked)

    def _age(self, look: Look, asked: dict[tuple[str, _Dates], int]) -> None:
        """Count the ages of the prices that count: of the market's none does, nor one of what cannot be bought for so long.

        asked: how many ways of buying there are of each option whose prices have the same dates.
        """
        aged: dict[tuple[str, ...], int] = {}
        counted = {option for option, _ in asked if option != "spot" and (self._block or option != "capacity_block")}
        for (option, dates), number in asked.items():
            if option in counted:
                days = tuple([max(day[:10], confirmed) for day, confirmed in dates])
                aged[days] = aged.get(days, 0) + number
        undated = []
        if any("" in days for days in aged):
            rows = (row for way, row in zip(look.ways, look.sold, strict=True) if way[2] in counted)
            undated = [f"{begin}{line}" for row, line, read, _, begin in rows if not any(read(row)[4:])]
        self.ages.add(look.provider, aged, undated)

    def _lists(self, provider: str, option: str) -> _Lists:
        """Return where the ways of buying by `option` stand to be among the least."""
        kind = kind_of_option(option)

        def least(what: str, number: int) -> _Least:
            return self._least.setdefault((provider, what), _Least(number))

        owed = least("owed", 2) if kind != "spot" else _NOWHERE
        return _Lists(least(kind, self.top), owed, least("lasting", 1) if kind == "committed" else _NOWHERE)

    def _of(self, look: Look, way: Way, kind: _Kind) -> _Weights:
        """Return the weights of a kind; way: one of it."""
        key = look.provider, kind
        if key not in self._weights:
            self._weights[key] = self._weight(look.provider, way, kind[5:], kind[4])
        return self._weights[key]

    def _weight(self, provider: str, way: Way, units: Sequence[str], count: int) -> _Weights:
        site, _, option, term, payment, offering, _, currency = way
        if len(set(units)) < len(units) or (option == "capacity_block" and not self._block):
            return ()  # twice the same, which is a mistake; or it cannot be bought for so long
        record = Record(provider, site, "", "", option, term, payment, offering)
        ones = [Price(record, unit, Decimal(1), currency, _NOBODY) for unit in units]
        if check_prices(ones):
            return ()  # words that no price may bear: making it says which
        found = []
        try:
            for one in ones:
                prices = [price if price is one else price._replace(amount=Decimal(0)) for price in ones]
                report = weight(self.req, prices, count)
                found.append((float(report.effective), float(report.obligation)))
        except PlannerError:  # a currency without a rate: making it says so
            return ()
        return found

    def places(self) -> Iterator[Place]:
        """Yield the places in their order, each with the prices of what may be listed."""
        wanted: set[tuple[str, ...]] = set().union(*(least.ways() for least in self._least.values()))
        for seen in self._seen:
            yield self._place(seen, {way[1:] for way in wanted if way[0] == seen.look.region})

    def _place(self, seen: _Seen, wanted: set[Way]) -> Place:
        look, kept, options = seen.look, seen.sure[:], self.req.workload.purchase_option
        for way, rows in seen.groups:
            if way in wanted:
                kept.append((way, rows))
            else:
                seen.let_go(way, rows)
        # A commitment is compared with the same type by the hour.
        types = {way[1]: None for way, _ in kept if way[2] != "on_demand"}
        kept += [one for name in types for one in seen.hourly.get(name, ())]
        self.left_out += seen.number - sum(not options or way[2] in options for way, _ in kept)
        made: dict[str, Bought] = {}
        prices = []
        for way, rows in kept:
            of_one = [make(row, line) for row, line, _, make, _ in rows]
            made.setdefault(way[1], {})[of_one[0].way, way[7]] = of_one
            prices += of_one
        problems = check_prices(prices, look.specs)
        if problems:
            raise CatalogError(problems[0])
        return Place(
            info=self.req.catalog.info(look.provider),
            region=look.region,
            specs=look.specs,
            types=made,
            traffic=(),
            services=(),
            kept_out=look.kept_out,
            unmade=look.unmade,
            sold=look.options,
            refused=look.refused,
        )


_NOWHERE = _Least(0)


def _price(amount: str, start: str, end: str) -> float | None:
    """Return the amount of a row that is the whole of a price, None where only making a record tells."""
    try:
        price = float(amount)
    except ValueError:
        return None
    return price if price > 0 and not end and start in ("0", "") else None


def _sums(weights: _Weights, prices: Sequence[float | None]) -> _Sums | None:
    """Return about what prices come to and what is owed for them; None where only making them tells."""
    if not weights:
        return None
    effective = owed = 0.0
    for (much, most), price in zip(weights, prices, strict=True):
        if price is None:
            return None
        effective += much * price
        owed += most * price
    return effective, owed


def _id(way: tuple[str, ...]) -> str:
    """Return what orders ways to buy of one provider: their offers' ids."""
    region, site, name, option = way[:4]
    return id_of((site, region, name, option), way[4:8])
