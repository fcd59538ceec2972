"""What a screen can show, found among the rows of the price lists as they stand.

A table shows thirty ways of buying of hundreds, and a catalogue may hold tens of thousands. What a way of buying comes
to is linear in its prices: planner.quoting.cost is asked once per kind of it (way of paying, units, number of machines)
what a price of one adds, and all others of the kind are weighed by a multiplication. Records are made of those that may
be listed, of the named types, and of what the advice compares them with; the others are counted. Floats decide no order
here: whatever comes within a millionth of being listed is made, and the quote ranks what was made exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from math import inf
from operator import itemgetter
from typing import Any

from planner.errors import CatalogError, PlannerError
from planner.offer import Price, Source, Way
from planner.prices.checks import check_prices
from planner.prices.lists import Shelf, Types
from planner.quoting.choose import kind_of_option
from planner.quoting.notes import Ages, refusal
from planner.quoting.offers import id_of, weight
from planner.quoting.select import Bought, Place, Request
from planner.sizing.fit import Sizer
from planner.text import Text
from planner.units import block_hours

__all__ = ["Look", "Shortlist", "simple"]

#: What makes a way of buying, its currency with it, and what else is read of a row.
_KEY = ("site", "instance_type", "purchase_option", "term", "payment", "offering", "zone", "currency")
_REST = ("unit", "amount", "tier_from", "tier_to", "effective_date", "confirmed")
_SLACK = 1 + 1e-6
_VALUE = itemgetter(0)
_NOBODY = Source("", "", "", "", "list")
#: So many values are kept before those that cannot be among the lowest are let go.
_MANY = 256


#: What reads _REST of a shelf's rows, what makes a price of one, and how its place begins, before the line.
_Reader = tuple[Callable[[tuple[str, ...]], Any], Callable[[tuple[str, ...], int], Any], str]
_Row = tuple[_Reader, tuple[str, ...], int]
#: One way of buying: what _KEY says, and its rows.
_Sold = tuple[tuple[str, ...], tuple[_Row, ...]]
#: One that may be listed: and whether it is made whatever it comes to, since its type is named or only making it tells.
_Group = tuple[tuple[str, ...], tuple[_Row, ...], bool]
#: What a price of one adds to the effective cost and to what is owed, price by price; () where only making it tells.
_Weights = Sequence[tuple[float, float]]
#: When prices were published, and when they were last seen unchanged.
_Dates = tuple[tuple[str, ...], ...]
#: What is compared: a value, what others of the same value have in common, and the way: region, then what _KEY says.
_Weighed = tuple[float, tuple[object, ...], tuple[str, ...]]


class Look:
    """What was seen of one place. ways: how many ways of buying the workload asks for; groups: those that may be listed. hourly: by
    type, the others on demand: what is listed is compared with them. unmade, sold: the types that have a price, and their ways.
    refused: why types do not serve."""

    __slots__ = ("groups", "hourly", "kept_out", "provider", "refused", "region", "sold", "specs", "unmade", "ways")

    def __init__(self, provider: str, region: str, specs: Types) -> None:
        self.provider = provider
        self.region = region
        self.specs = specs
        self.ways = 0
        self.groups: list[_Group] = []
        self.hourly: dict[str, list[_Sold]] = {}
        self.kept_out: dict[str, int] = {}
        self.unmade: set[str] = set()
        self.sold: set[str] = set()
        self.refused: dict[str, Text] = {}


class _Least:
    """The lowest values of those given, and all that are as low as the last of them but for a millionth.

    number: how many ways to buy are listed, wherever in the region and in whatever currency. bound: what is above it is not asked
    for.
    """

    __slots__ = ("_number", "_values", "bound")

    def __init__(self, number: int) -> None:
        self._number = number
        self._values: list[_Weighed] = []
        self.bound = inf

    def add(self, value: float, alike: tuple[object, ...], way: tuple[str, ...]) -> None:
        self._values.append((value, alike, way))
        if len(self._values) >= _MANY and self.bound == inf:
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


class _Counts(dict[str, int]):
    """How many instances of each type serve the workload: 0 where none does, -1 where nobody asks for it.

    Types that are alike to the sizing are sized once.
    """

    def __init__(self, req: Request, specs: Types, how: Sizer) -> None:
        self._req, self._specs, self._how = req, specs, how
        self._alike: dict[tuple[str, ...] | None, int] = {}
        self._refused: dict[tuple[str, ...] | None, Text] = {}

    def __missing__(self, name: str) -> int:
        req, specs = self._req, self._specs
        if (req.types or req.workload.gpu) and not req.wants(name, specs.get(name)):
            count = -1
        else:
            machine = specs.machine(name)
            known = self._alike.get(machine)
            if known is None:
                known = self._alike[machine] = 0 if machine is None else self._how.count(specs[name])
            count = known
        self[name] = count
        return count

    def refusal(self, name: str) -> Text:
        """Return why a type does not serve the workload."""
        machine = self._specs.machine(name)
        if machine not in self._refused:
            self._refused[machine] = refusal(None if machine is None else self._how(self._specs[name]))
        return self._refused[machine]


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
        self._looks: list[Look] = []
        self._weights: dict[str, dict[tuple[object, ...], _Weights]] = {}
        #: What a screen lists or compares of each provider: the least of each kind, the least owed, the least of what lasts.
        self._least: dict[tuple[str, str], _Least] = {}

    def look(self, provider: str, region: str, how: Sizer) -> bool:
        """Take a place in; return whether its lists are all that is known of it (else the quote must make every offer)."""
        shelves = self.req.catalog.shelves(provider, region)
        if shelves is None or any("confirmed" not in shelf.names for level in shelves for shelf in level):
            return False
        specs = self.req.catalog.instances(provider)
        if not isinstance(specs, Types):
            return False
        look = Look(provider, region, specs)
        counts = _Counts(self.req, specs, how)
        self._weigh(look, self._found(look, shelves, counts), counts)
        self._looks.append(look)
        return True

    def _found(
        self, look: Look, shelves: list[list[Shelf]], counts: _Counts
    ) -> dict[tuple[str, ...], tuple[_Row, ...]]:
        """Return the rows by way of buying, of what serves the workload; a region's own price replaces its group's."""
        options = self.req.workload.purchase_option
        found: dict[tuple[str, ...], tuple[_Row, ...]] = {}
        own: set[tuple[str, ...]] = set()
        several = len(shelves) > 1
        for level in shelves:
            here: list[tuple[str, ...]] = []
            for shelf in level:
                at = shelf.names.index
                key_of, name_at, option_at = itemgetter(*map(at, _KEY)), at("instance_type"), at("purchase_option")
                os_at, status_at = at("os"), at("status")
                reader = itemgetter(*map(at, _REST)), shelf.make, shelf.at
                for row, line in shelf.rows:
                    if several:
                        way = (*key_of(row)[:6], row[os_at])
                        if way in own:
                            continue
                        if not row[status_at]:
                            here.append(way)
                    count = counts[row[name_at]]
                    if count < 0 or row[os_at] != "linux":
                        continue
                    if row[status_at]:
                        look.kept_out[row[option_at]] = look.kept_out.get(row[option_at], 0) + 1
                        continue
                    if not count:
                        look.unmade.add(row[name_at])
                        look.sold.add(row[option_at])
                        continue
                    key = key_of(row)
                    if options and key[2] not in options and key[2] != "on_demand":
                        look.unmade.add(key[1])
                        look.sold.add(key[2])
                    elif key in found:
                        found[key] = (*found[key], (reader, row, line))
                    else:
                        found[key] = ((reader, row, line),)
            own.update(here)
        look.refused.update((name, counts.refusal(name)) for name in look.unmade if not counts[name])
        return found

    def _weigh(self, look: Look, found: dict[tuple[str, ...], tuple[_Row, ...]], counts: _Counts) -> None:
        """Weigh every way of buying, and count the ages of its prices."""
        provider, region, options = look.provider, (look.region,), self.req.workload.purchase_option
        names = {name for name in {key[1] for key in found} if name.lower() in self.named}
        compared = {option: self._compared(provider, option) for option in {key[2] for key in found}}
        asked = {option for option in compared if not options or option in options}
        known = self._weights.setdefault(provider, {})
        seen: dict[str, dict[_Dates, int]] = {option: {} for option in asked}
        for key, rows in found.items():
            _, name, option, term, payment, _, _, currency = key
            sure = keep = False
            if option in asked:
                # This runs for every way of buying that is on the lists; nearly all are one row.
                if len(rows) == 1:
                    (((read, _, _), row, _),) = rows
                    told = (read(row),)
                    units, amounts, dates = told[0][0], told[0][1], (told[0][4:],)
                else:
                    told = tuple([reader[0](row) for reader, row, _ in rows])
                    units, amounts = tuple([one[0] for one in told]), tuple([one[1] for one in told])
                    dates = tuple([one[4:] for one in told])
                of_option = seen[option]
                of_option[dates] = of_option.get(dates, 0) + 1
                kind = (option, term, payment, currency, counts[name], units)
                weights = known.get(kind)
                if weights is None:
                    weights = known[kind] = self._weight(provider, key, [one[0] for one in told], counts[name])
                sums = _sums(weights, told)
                keep = sure = sums is None or name in names
                if sums is not None:
                    for least, which in compared[option]:
                        value = sums[which]
                        if value <= least.bound:
                            keep = True
                            least.add(value, (kind, amounts), region + key)
                look.ways += 1
            if keep:
                look.groups.append((key, rows, sure))
            elif option == "on_demand":
                look.hourly.setdefault(name, []).append((key, rows))
        look.unmade.update({key[1] for key in found})
        look.sold.update(compared)
        self._age(provider, seen, found)

    def _age(
        self, provider: str, seen: dict[str, dict[_Dates, int]], found: dict[tuple[str, ...], tuple[_Row, ...]]
    ) -> None:
        """Count the ages of the prices that count: of the market's none does, nor one of what cannot be bought for so long."""
        aged: dict[tuple[str, ...], int] = {}
        counted = {option for option in seen if option != "spot" and (self._block or option != "capacity_block")}
        for option in counted:
            for dates, number in seen[option].items():
                days = tuple([max(day[:10], confirmed) for day, confirmed in dates])
                aged[days] = aged.get(days, 0) + number
        undated = []
        if any("" in days for days in aged):
            rows = (one for key, rows in found.items() if key[2] in counted for one in rows)
            undated = [f"{reader[2]}{line}" for reader, row, line in rows if not any(reader[0](row)[4:])]
        self.ages.add(provider, aged, undated)

    def _compared(self, provider: str, option: str) -> list[tuple[_Least, int]]:
        """Return where the ways of buying by `option` stand to be among the least: of its kind, of what is owed, of what lasts; and
        which of the two sums counts there."""
        kind = kind_of_option(option)
        asked = [(kind, self.top, 0)]
        if kind != "spot":
            asked.append(("owed", 2, 1))
        if kind == "committed":
            asked.append(("lasting", 1, 0))
        return [(self._least.setdefault((provider, what), _Least(n)), which) for what, n, which in asked]

    def _weight(self, provider: str, key: tuple[str, ...], units: Sequence[str], count: int) -> _Weights:
        """Return the weights of a kind."""
        site, _, option, term, payment, offering, _, currency = key
        if len(set(units)) < len(units) or (option == "capacity_block" and not self._block):
            return ()  # twice the same, which is a mistake; or it cannot be bought for so long
        way = Way(provider, site, "", "", option, term, payment, offering)
        ones = [Price(way, unit, Decimal(1), currency, _NOBODY) for unit in units]
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
        for look in self._looks:
            yield self._place(look, {way[1:] for way in wanted if way[0] == look.region})

    def _place(self, look: Look, wanted: set[tuple[str, ...]]) -> Place:
        kept: list[_Sold] = []
        for key, rows, sure in look.groups:
            if sure or key in wanted:
                kept.append((key, rows))
            elif key[2] == "on_demand":
                look.hourly.setdefault(key[1], []).append((key, rows))
        # A commitment is compared with the same type by the hour.
        types = {key[1]: None for key, _ in kept if key[2] != "on_demand"}
        beside = [one for name in types for one in look.hourly.get(name, ())]
        options = self.req.workload.purchase_option
        self.left_out += look.ways - sum(not options or key[2] in options for key, _ in (*kept, *beside))
        made: dict[str, Bought] = {}
        prices = []
        for key, rows in (*kept, *beside):
            of_one = [make(row, line) for (_, make, _), row, line in rows]
            made.setdefault(key[1], {})[of_one[0].way, key[7]] = of_one
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
            sold=look.sold,
            refused=look.refused,
        )


def _sums(weights: _Weights, told: Sequence[Any]) -> tuple[float, float] | None:
    """Return about what prices come to and what is owed for them; None where only making them tells."""
    if not weights:
        return None
    effective = owed = 0.0
    for (much, most), (_, amount, start, end, _, _) in zip(weights, told, strict=True):
        try:
            price = float(amount)
        except ValueError:
            return None
        if not price > 0 or end or start not in ("0", ""):
            return None
        effective += much * price
        owed += most * price
    return effective, owed


def _id(way: tuple[str, ...]) -> str:
    """Return what orders ways to buy of one provider: their offers' ids."""
    region, site, name, option = way[:4]
    return id_of((site, region, name, option), way[4:8])
