"""Rows over months: a row of Timeline is a formula of the month's header cell and the values that it has now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from planner.rendering.xlsx.book import Sheet, cell

__all__ = ["FIRST", "Grid"]

FIRST = 3  # first column of the months


class Grid:
    """Rows over months; a formula is made per column by a function of the month's header cell."""

    def __init__(self, s: Sheet, head: int, columns: int) -> None:
        self.s, self.next, self.columns, self.head, self.col = s, head + 1, columns, head, FIRST
        self.rows: dict[str, int] = {}
        self.sums: dict[str, Decimal] = {}

    def at(self, key: str) -> str:
        """Return the cell of `key` in the month being written."""
        return cell(self.rows[key], self.col)

    def before(self, key: str, ahead: int = 0) -> str:
        """Return the cell of `key` in the month before, or 0; a row still to come stands `ahead` rows below."""
        row = self.rows[key] if key in self.rows else self.next + ahead
        return "0" if self.col == FIRST else cell(row, self.col - 1)

    def section(self, words: str) -> None:
        self.next += 1
        self.s.section(self.next, words, FIRST + self.columns)
        self.next += 1

    def row(
        self,
        key: str,
        words: str,
        unit: str,
        formula: Callable[[str], str],
        values: Sequence[object],
        *,
        number: str = "money",
        total: bool = True,
        style: str = "calc",
    ) -> None:
        s, row = self.s, self.next
        self.rows[key] = row
        s.text(row, 0, words, "bold" if style == "total" else "text")
        s.text(row, 1, unit, "unit")
        for m in range(self.columns):
            self.col = FIRST + m
            s.calc(row, self.col, formula(cell(self.head, self.col, "r")), values[m], number, style)
        if total:
            self.sums[key] = sum((Decimal(str(v)) for v in values), Decimal(0))
            whole = f"SUM({cell(row, FIRST)}:{cell(row, FIRST + self.columns - 1)})"
            s.calc(row, 2, whole, self.sums[key], number, style)
        self.next += 1
