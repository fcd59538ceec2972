"""Exchange rates: dated, named, and never applied in silence."""

from __future__ import annotations

import os
from decimal import Decimal

from planner import tables
from planner.errors import MisuseError
from planner.files import DATA
from planner.money import Fx, decimal_of

__all__ = ["Rates", "committed"]

PATH = os.path.join(DATA, "fx.csv")


def committed(as_of: str = "") -> list[Fx]:
    """Return the newest committed rate per pair, at or before `as_of` (ISO date; "" = newest)."""
    newest: dict[tuple[str, str], Fx] = {}
    header, rows = tables.read(PATH)
    for texts, _ in rows:
        row = dict(zip(header, texts, strict=True))
        if as_of and row["date"] > as_of:
            continue
        pair = (row["base"], row["quote"])
        if pair not in newest or row["date"] > newest[pair].as_of:
            newest[pair] = Fx(*pair, decimal_of(row["rate"], "fx.csv"), row["date"], row["source"])
    return list(newest.values())


class Rates:
    """Converts amounts, remembers which rates it used, and refuses a pair for which it has none.

    The user's own rates (`--fx`) replace committed ones. A pair may be reached over one currency in between; both rates
    are then listed.
    """

    def __init__(self, known: list[Fx], own: tuple[tuple[str, Decimal], ...] = ()) -> None:
        table = {(fx.base, fx.quote): fx for fx in known}
        for pair, rate in own:
            base, quote = pair[:3], pair[3:]
            table.pop((quote, base), None)
            table[base, quote] = Fx(base, quote, rate, "", "given by the user (--fx)")
        self._table = table
        self._paths: dict[tuple[str, str], tuple[Fx, ...]] = {}
        self.used: dict[tuple[str, str], Fx] = {}

    def convert(self, amount: Decimal, source: str, target: str) -> Decimal:
        """Return `amount` of `source` in `target`, unrounded; raise `MisuseError` when there is no rate."""
        if source == target:
            return amount
        code = source
        for fx in self.path(source, target):
            if fx.base == code:
                amount, code = amount * fx.rate, fx.quote
            else:
                amount, code = amount / fx.rate, fx.base
        return amount

    def path(self, source: str, target: str) -> tuple[Fx, ...]:
        """Return the rates that lead from `source` to `target`, in order; raise `MisuseError` when there are none."""
        if source == target:
            return ()
        path = self._paths.get((source, target))
        if path is None:
            path = self._paths[source, target] = self._find(source, target)
            for fx in path:
                self.used[fx.base, fx.quote] = fx
        return path

    def _find(self, source: str, target: str) -> tuple[Fx, ...]:
        edges = [(fx.base, fx.quote, fx) for fx in self._table.values()]
        edges += [(fx.quote, fx.base, fx) for fx in self._table.values()]
        for start, end, fx in edges:
            if (start, end) == (source, target):
                return (fx,)
        for start, middle, first in edges:
            for onward, end, second in edges:
                if start == source and middle == onward and end == target:
                    return (first, second)
        raise MisuseError(f"no exchange rate from {source} to {target}: give one with --fx {target}{source}=RATE")
