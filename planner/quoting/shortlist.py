"""What a screen can show, found among the rows of the price lists as they stand.

A table shows thirty ways of buying of hundreds, and a catalogue may hold tens of thousands. What a way of buying comes
to is linear in its prices: planner.quoting.cost is asked once per kind of it (way of paying, units, number of machines)
what a price of one adds, and all others of the kind are weighed by a multiplication. Records are made of those that may
be listed, of the named types, and of what the advice compares them with; the others are counted. Floats decide no order
here: whatever comes within a millionth of being listed is made, and the quote ranks what was made exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from operator import itemgetter
from typing import Any

from planner.errors import CatalogError, PlannerError
from planner.offer import InstanceType, Price, Source, Way
from planner.prices.checks import check_prices
from planner.prices.lists import Shelf
from planner.quoting.choose import kind_of_option
from planner.quoting.notes import Ages
from planner.quoting.offers import offer_id, weight
from planner.quoting.select import Bought, Place, Request
from planner.records import NamedTuple
from planner.sizing import Sizing
from planner.units import block_hours

__all__ = ["Look", "Shortlist", "simple"]

#: What makes a way of buying, its currency with it, and what else is read of a row.
_KEY = ("site", "instance_type", "purchase_option", "term", "payment", "offering", "zone", "currency")
_REST = ("os", "status", "unit", "amount", "tier_from", "tier_to", "effective_date", "confirmed")
_SLACK = 1 + 1e-6
_VALUE = itemgetter(0)
_NOBODY = Source("", "", "", "", "list")
#: A row of a price list: what makes a price of it, the row, its line; its unit, its amount, whether it is the whole of a price,
#: the last day on which it was seen; how its place begins, before the line.
_Row = tuple[Callable[[tuple[str, ...], int], Any], tuple[str, ...], int, str, str, bool, str, str]


#: About what a way of buying comes to and what is owed for it, in the report currency (None where only making it tells), and what
#: others have in common with it that come to the same to the last digit.
_Weight = tuple["float | None", float, tuple[object, ...]]
#: One way of buying. What _KEY says, its rows, its weight.
_Group = tuple[tuple[str, ...], list[_Row], _Weight]
#: What is compared: a value, what others of the same value have in common, and the way: region, then what _KEY says.
_Weighed = tuple[float, tuple[object, ...], tuple[str, ...]]


class Look(NamedTuple):
    """What was seen of one place. groups: all ways of buying what serves the workload. hourly: those on demand where the workload
    asks for other ways, which are compared with them. unmade: how is sold what is no record."""

    provider: str
    region: str
    specs: dict[str, InstanceType]
    groups: list[_Group]
    hourly: list[_Group]
    kept_out: dict[str, int]
    unmade: dict[str, set[str]]


def simple(req: Request) -> bool:
    """Return whether an offer is its machines alone, so that its own prices weigh it."""
    work = req.workload
    beside = work.egress_gb or work.inter_region_gb or work.storage_gb or work.public_ips or work.contract
    judged = work.budget is not None or work.discount_rate is not None or work.tax or work.taxes
    return not (req.whole or beside or judged or work.low_confidence)


class Shortlist:
    """The places of one quote: each is looked at (`look`), then `places` makes what is listed of them.

    top: how many offers of each provider and kind are listed. ages: of all prices looked at. left_out: how many ways of buying
    were not made.
    """

    def __init__(self, req: Request, top: int, ages: Ages) -> None:
        self.req = req
        self.top = max(top, 1)
        self.ages = ages
        self.left_out = 0
        self._looks: list[Look] = []
        self._weights: dict[tuple[object, ...], list[tuple[float, float]] | None] = {}

    def look(self, provider: str, region: str, how: Callable[[InstanceType], Sizing]) -> bool:
        """Take a place in; return whether its lists are all that is known of it (else the quote must make every offer)."""
        shelves = self.req.catalog.shelves(provider, region)
        if shelves is None or any("confirmed" not in shelf.names for level in shelves for shelf in level):
            return False
        look = Look(provider, region, self.req.catalog.instances(provider), [], [], {}, {})
        options, block = self.req.workload.purchase_option, block_hours(self.req.window.length) is not None
        counts: dict[str, int] = {}
        aged: list[list[str]] = []
        undated: list[str] = []
        for key, rows in self._found(look, shelves, counts, how).items():
            option = key[2]
            if options and option not in options:
                look.hourly.append((key, rows, (None, 0.0, ())))
                continue
            if option != "spot" and (block or option != "capacity_block"):
                seen = [row[6] for row in rows]
                aged.append(seen)
                if "" in seen:
                    undated += [f"{at}{line}" for _, _, line, _, _, _, day, at in rows if not day]
            look.groups.append((key, rows, self._weighed(provider, key, rows, counts[key[1]])))
        self.ages.add(provider, aged, undated)
        self._looks.append(look)
        return True

    def _found(
        self,
        look: Look,
        shelves: list[list[Shelf]],
        counts: dict[str, int],
        how: Callable[[InstanceType], Sizing],
    ) -> dict[tuple[str, ...], list[_Row]]:
        """Return the rows by way of buying, of what serves the workload; a region's own price replaces its group's."""
        options, specs = self.req.workload.purchase_option, look.specs
        found: dict[tuple[str, ...], list[_Row]] = {}
        own: set[tuple[str, ...]] = set()
        for level in shelves:
            here: list[tuple[str, ...]] = []
            for make, rows, at, key_of, rest_of in map(_opened, level):
                for row, line in rows:
                    key = key_of(row)
                    os_, status, unit, amount, start, end, day, confirmed = rest_of(row)
                    if len(shelves) > 1:
                        way = (*key[:6], os_)
                        if way in own:
                            continue
                        if not status:
                            here.append(way)
                    name, option = key[1], key[2]
                    count = counts.get(name)
                    if count is None:
                        count = counts[name] = self._count(specs.get(name), name, how)
                    if count < 0 or os_ != "linux":
                        continue
                    if status:
                        look.kept_out[option] = look.kept_out.get(option, 0) + 1
                    elif not count or (options and option not in options and option != "on_demand"):
                        look.unmade.setdefault(name, set()).add(option)
                    else:
                        whole = start in ("0", "") and not end
                        told = (make, row, line, unit, amount, whole, max(day[:10], confirmed), at)
                        if key in found:
                            found[key].append(told)
                        else:
                            found[key] = [told]
            own.update(here)
        return found

    def _count(self, spec: InstanceType | None, name: str, how: Callable[[InstanceType], Sizing]) -> int:
        """Return how many instances of a type serve the workload, 0 where none does, -1 where nobody asks for it."""
        if not self.req.wants(name, spec):
            return -1
        sizing = how(spec) if spec is not None else None
        return sizing.count if sizing is not None and sizing.fits else 0

    def _weighed(self, provider: str, key: tuple[str, ...], rows: list[_Row], count: int) -> _Weight:
        """Return the weight of a way of buying."""
        option, term, payment, currency = key[2], key[3], key[4], key[7]
        units = rows[0][3] if len(rows) == 1 else tuple([row[3] for row in rows])
        kind = (provider, option, term, payment, currency, count, units)
        if kind not in self._weights:
            self._weights[kind] = self._weight(provider, key, [row[3] for row in rows], count)
        weights = self._weights[kind]
        if weights is None:
            return None, 0.0, ()
        effective = owed = 0.0
        for (much, most), row in zip(weights, rows, strict=True):
            try:
                amount = float(row[4])
            except ValueError:
                return None, 0.0, ()
            if not (amount > 0 and row[5]):
                return None, 0.0, ()
            effective += much * amount
            owed += most * amount
        return effective, owed, (kind, rows[0][4] if len(rows) == 1 else tuple([row[4] for row in rows]))

    def _weight(
        self, provider: str, key: tuple[str, ...], units: list[str], count: int
    ) -> list[tuple[float, float]] | None:
        """Return what a price of one adds to the effective cost and to what is owed, price by price; None where it is not so."""
        site, _, option, term, payment, offering, _, currency = key
        if len(set(units)) < len(units) or option == "capacity_block":
            return None  # twice the same, which is a mistake; or the window makes its hours
        way = Way(provider, site, "", "", option, term, payment, offering)
        ones = [Price(way, unit, Decimal(1), currency, _NOBODY) for unit in units]
        if check_prices(ones):
            return None  # words that no price may bear: making it says which
        found = []
        try:
            for one in ones:
                prices = [price if price is one else price._replace(amount=Decimal(0)) for price in ones]
                report = weight(self.req, prices, count)
                found.append((float(report.effective), float(report.obligation)))
        except PlannerError:  # a currency without a rate: making it says so
            return None
        return found

    def places(self, named: frozenset[str]) -> Iterator[Place]:
        """Yield the places in their order, each with the prices of what may be listed; named: lower-case instance types that are
        listed whatever they cost."""
        wanted = self._wanted()
        for look in self._looks:
            yield self._place(look, wanted, named)

    def _wanted(self) -> set[tuple[str, ...]]:
        """Return what a screen lists or compares: the least of each provider and kind, the least owed, the least of what lasts."""
        listed: dict[tuple[str, str], list[_Weighed]] = {}
        owed: dict[str, list[_Weighed]] = {}
        lasting: dict[str, list[_Weighed]] = {}
        for look in self._looks:
            provider, region = look.provider, (look.region,)
            for key, _, (effective, most, same) in look.groups:
                if effective is not None:
                    kind, way = kind_of_option(key[2]), region + key
                    listed.setdefault((provider, kind), []).append((effective, same, way))
                    if kind != "spot":
                        owed.setdefault(provider, []).append((most, same, way))
                    if kind == "committed":
                        lasting.setdefault(provider, []).append((effective, same, way))
        of_kinds = [_first(values, self.top) for values in listed.values()]
        return set().union(*of_kinds, *(_first(v, 2) for v in owed.values()), *(_first(v, 1) for v in lasting.values()))

    def _place(self, look: Look, wanted: set[tuple[str, ...]], named: frozenset[str]) -> Place:
        provider, region = look.provider, (look.region,)
        kept: list[_Group] = []
        others: list[_Group] = []
        for group in look.groups:
            key, _, weight_ = group
            keep = weight_[0] is None or region + key in wanted or key[1].lower() in named
            (kept if keep else others).append(group)
        # A commitment is compared with the same type by the hour.
        types = {key[1] for key, _, _ in kept if key[2] != "on_demand"}
        hourly = [group for group in others if group[0][2] == "on_demand" and group[0][1] in types]
        self.left_out += len(others) - len(hourly)
        kept += hourly + [group for group in look.hourly if group[0][1] in types]
        made: dict[str, Bought] = {}
        prices = []
        for key, rows, _ in kept:
            of_one = [make(row, line) for make, row, line, *_ in rows]
            made.setdefault(key[1], {})[of_one[0].way, key[7]] = of_one
            prices += of_one
        problems = check_prices(prices, look.specs)
        if problems:
            raise CatalogError(problems[0])
        unmade = {name: set(ways) for name, ways in look.unmade.items()}
        for name, option in {(key[1], key[2]) for key, _, _ in (*others, *look.hourly)}:
            unmade.setdefault(name, set()).add(option)
        return Place(
            info=self.req.catalog.info(provider),
            region=look.region,
            specs=look.specs,
            types=made,
            traffic=(),
            services=(),
            kept_out=look.kept_out,
            unmade=unmade,
        )


def _opened(shelf: Shelf) -> tuple[Any, Any, str, Any, Any]:
    """Return what makes a row a price, the rows, how their places begin, and what reads _KEY and _REST of a row."""
    at = shelf.names.index
    return shelf.make, shelf.rows, shelf.at, itemgetter(*map(at, _KEY)), itemgetter(*map(at, _REST))


def _first(values: list[_Weighed], number: int) -> set[tuple[str, ...]]:
    """Return the `number` lowest ways to buy, wherever in the region and in whatever currency, and all that are as low but for
    a millionth; of those that come to the same to the last digit the first by id."""
    values.sort(key=_VALUE)
    ways: set[tuple[str, ...]] = set()
    most = values[-1][0]
    for value, _, way in values:
        ways.add(way[:7])
        if len(ways) == number:
            most = value * _SLACK
            break
    same: dict[tuple[object, ...], list[tuple[str, ...]]] = {}
    for value, alike, way in values:
        if value > most:
            break
        same.setdefault(alike, []).append(way)
    chosen: set[tuple[str, ...]] = set()
    for found in same.values():
        ways = set()
        for way in sorted(found, key=_id) if len(found) > number else found:
            ways.add(way[:7])
            if len(ways) > number:
                break
            chosen.add(way)
    return chosen


def _id(way: tuple[str, ...]) -> str:
    """Return what orders ways to buy of one provider: their offers' ids."""
    region, site, *rest, _ = way
    return offer_id(Way("", site, region, *rest))
