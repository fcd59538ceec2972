"""What was seen of one place on the price lists: the rows of what serves the workload, and what is left out.

It runs for every row of every list of the place, of which a screen shows thirty: column by column, as Python is quick at that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from operator import itemgetter
from typing import Any

from planner.prices.lists import Shelf, Types
from planner.quoting.notes import refusal
from planner.quoting.select import Request
from planner.sizing.fit import Sizer
from planner.tables import Rows
from planner.text import Text

__all__ = ["Look", "Sold", "Way"]

#: What makes a way of buying, its currency with it, and what else is read of a row.
_KEY = ("site", "instance_type", "purchase_option", "term", "payment", "offering", "zone", "currency")
_REST = ("unit", "amount", "tier_from", "tier_to", "effective_date", "confirmed")

#: What _KEY says of a way of buying.
Way = tuple[str, ...]
#: A row of a price list, with what reads _REST of it, what makes a price of it and its line, how its place begins before the line.
Sold = tuple[tuple[str, ...], int, Callable[[tuple[str, ...]], Any], Callable[[tuple[str, ...], int], Any], str]


class Counts(dict[str, int]):
    """How many instances of each type serve the workload: 0 where none does, -1 where nobody asks for it.

    Types that are alike to the sizing are sized once.
    """

    def __init__(self, req: Request, specs: Types, how: Sizer) -> None:
        self._wants = req.wants if req.types or req.workload.gpu else None
        self._specs, self._how = specs, how
        self._alike: dict[tuple[str, ...] | None, int] = {}
        self._refusals: dict[tuple[str, ...] | None, Text] = {}

    def __missing__(self, name: str) -> int:
        if self._wants and not self._wants(name, self._specs.get(name)):
            self[name] = -1
            return -1
        machine = self._specs.machine(name)
        try:
            count = self._alike[machine]
        except KeyError:
            count = self._alike[machine] = 0 if machine is None else self._how.count(*self._specs.printed(name))
        self[name] = count
        return count

    def refusal(self, name: str) -> Text:
        """Return why a type does not serve the workload."""
        machine = self._specs.machine(name)
        if machine not in self._refusals:
            self._refusals[machine] = refusal(None if machine is None else self._how(self._specs[name]))
        return self._refusals[machine]


class Look:
    """What was seen of one place. `ways` and `sold` go together: of each row of what serves the workload the way of buying, and
    the row.

    counts: how many instances of a type it takes. kept_out: rows left out, by way of buying. unmade, options: the types that are not
    in `sold`, and in which ways they are sold. refused: why types do not serve.
    """

    def __init__(self, req: Request, provider: str, region: str, specs: Types, how: Sizer) -> None:
        self.provider = provider
        self.region = region
        self.specs = specs
        self.counts = Counts(req, specs, how)
        self.ways: list[Way] = []
        self.sold: list[Sold] = []
        self.kept_out: dict[str, int] = {}
        self.refused: dict[str, Text] = {}
        self.unmade: set[str] = set()
        self.options: set[str] = set()
        self._asked = req.workload.purchase_option

    def take(self, shelves: list[list[Shelf]]) -> None:
        """Take in the rows of a region, then those of its groups; a region's own price replaces its group's."""
        own: set[Way] = set()
        for level in shelves:
            here: set[Way] = set()
            for shelf in level:
                self._take(shelf, _rest(shelf, own, here) if len(shelves) > 1 else shelf.rows)
            own |= here
        self.refused = {name: self.counts.refusal(name) for name in self.unmade if not self.counts[name]}

    def _take(self, shelf: Shelf, rows: Rows) -> None:
        at = shelf.names.index
        name, option, os_, status = at("instance_type"), at("purchase_option"), at("os"), at("status")
        numbers = list(map(self.counts.__getitem__, [row[name] for row, _ in rows]))
        good = [
            one
            for one, number in zip(rows, numbers, strict=True)
            if number > 0 and not one[0][status] and one[0][os_] == "linux"
        ]
        if len(good) < len(rows):
            left = [
                row
                for (row, _), number in zip(rows, numbers, strict=True)
                if number >= 0 and (not number or row[status]) and row[os_] == "linux"
            ]
            self.unmade.update([row[name] for row in left if not row[status]])
            self.options.update([row[option] for row in left if not row[status]])
            for way, number in Counter(row[option] for row in left if row[status]).items():
                self.kept_out[way] = self.kept_out.get(way, 0) + number
        if self._asked:  # what is sold by the hour is compared with what is asked for
            for row, _ in good:
                if row[option] not in self._asked and row[option] != "on_demand":
                    self.unmade.add(row[name])
                    self.options.add(row[option])
            good = [one for one in good if one[0][option] in (*self._asked, "on_demand")]
        read, make, begin = itemgetter(*map(at, _REST)), shelf.make, shelf.at
        self.ways += map(itemgetter(*map(at, _KEY)), [row for row, _ in good])
        self.sold += [(row, line, read, make, begin) for row, line in good]

    def shared(self) -> list[list[int]]:
        """Return where in `sold` the rows stand that make one way of buying together, for each such way."""
        count = Counter(self.ways)
        found: dict[Way, list[int]] = {}
        if len(count) < len(self.ways):
            for index, way in enumerate(self.ways):
                if count[way] > 1:
                    found.setdefault(way, []).append(index)
        return list(found.values())


def _rest(shelf: Shelf, own: set[Way], here: set[Way]) -> Rows:
    """Return the rows of what no nearer list has a price of (`own`); what these have a price of goes to `here`."""
    at = shelf.names.index
    way_of, status = itemgetter(*map(at, (*_KEY[:6], "os"))), at("status")
    rows = [one for one in shelf.rows if way_of(one[0]) not in own]
    here.update([way_of(row) for row, _ in rows if not row[status]])
    return rows
