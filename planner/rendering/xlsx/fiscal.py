"""Fiscal quarters and years below Timeline: the months of the option shown, each in the quarter in which it begins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from planner.quoting.fiscal import quarters, years
from planner.rendering.xlsx.book import Book, cell, quoted, serial
from planner.rendering.xlsx.grid import FIRST, Grid
from planner.rendering.xlsx.model import Model
from planner.units import add_months

__all__ = ["write_fiscal"]

ZERO = Decimal(0)
#: Columns of the table: the quarter's first month, billed, effective, the year that it belongs to.
BEGINS, BILLED, EFFECTIVE, YEAR = 2, 3, 4, 5


class _Table(NamedTuple):
    """The table: where it begins, its months (first day, cash, amortised cost of each), and the month in which a year begins."""

    book: Book
    grid: Grid
    first: date
    cash: Sequence[Decimal]
    used: Sequence[Decimal]
    start: int


def write_fiscal(
    book: Book, model: Model, grid: Grid, months: tuple[date, Sequence[Decimal], Sequence[Decimal]]
) -> None:
    """Write what each fiscal quarter and year bills and uses up; months: the first day, cash and amortised cost of each month.

    The month in which a fiscal year begins may be typed on Inputs.
    """
    t, code = book.t, model.quote.currency
    within = months[0].day > 1  # such a month lies in two quarters, and Timeline knows it as one
    key = (
        "By fiscal quarter, in {code}, as quoted: the window begins within a month, so what is typed does not change it"
        if within
        else "By fiscal quarter, in {code}: a month counts where it begins"
    )
    grid.section(t(key, code=code))
    titles = [t("fiscal quarter"), "", t("from"), t("billed"), t("effective"), t("fiscal year")]
    grid.s.head(grid.next, titles, 18)
    if within:
        _as_quoted(book, model, grid)
        return
    table, top, count = (
        _Table(book, grid, *months, model.work.fiscal_year_start),
        grid.next + 1,
        -(-grid.columns // 3) + 1,
    )
    _quarters(table, top, count)
    _years(table, top, count)


def _as_quoted(book: Book, model: Model, grid: Grid) -> None:
    """Write the quarters and years of the option shown as the quote has them."""
    s, t, row = grid.s, book.t, grid.next + 1
    found = quarters(model.quote, model.shown.offer)
    for one in (*found, *years(found)):
        style = "calc" if one.number else "total"
        named = t("FY {year} Q{n}", year=one.year, n=one.number) if one.number else t("FY {year}", year=one.year)
        s.text(row, 0, named, "text" if one.number else "total")
        if one.number:
            s.put(row, BEGINS, one.begins, "date", align="right")
            s.put(row, YEAR, int(one.year[:4]), "flag", style)
        else:
            s.text(row, 1, "", "total")
            s.text(row, BEGINS, t("in all"), "total", align="right")
        s.put(row, BILLED, one.billed, "some", style)
        s.put(row, EFFECTIVE, one.effective, "some", style)
        row += 1


def _quarters(table: _Table, top: int, count: int) -> None:
    grid, first, start = table.grid, table.first, table.start
    s, t, day = grid.s, table.book.t, table.first.replace(day=1)
    begins = add_months(day, -((day.month - start) % 3))
    dates, opening = _row(grid, "date"), cell(grid.rows["date"], FIRST, "rc")
    quarter_of = f"EDATE({opening}-DAY({opening})+1,-MOD(MONTH({opening})-fiscal_start,3))"
    for n in range(count):
        at, when = top + n, add_months(begins, 3 * n)
        formula = f"EDATE({cell(at - 1, BEGINS)},3)" if n else quarter_of
        s.calc(at, BEGINS, formula, serial(when.isoformat()), "date", align="right")
        here, after = cell(at, BEGINS, "c"), add_months(when, 3)
        inside = f"({dates}>={here})*({dates}<EDATE({here},3))"
        for col, key, values in ((BILLED, "cash", table.cash), (EFFECTIVE, "amortised", table.used)):
            value = sum((v for m, v in enumerate(values) if when <= add_months(first, m) < after), ZERO)
            s.calc(at, col, f"SUMPRODUCT({inside}*{_row(grid, key)})", value, "some")
        number, quarter = f"INT(MOD(MONTH({here})-fiscal_start,12)/3)", (when.month - start) % 12 // 3
        year = add_months(when, -3 * quarter).year
        s.calc(at, YEAR, f"YEAR(EDATE({here},-3*{number}))", year, "flag")
        words = _named(t("FY {year} Q{n}", year="@", n="#"), cell(at, YEAR, "c"), f"{number}+1")
        s.calc(at, 0, words, t("FY {year} Q{n}", year=_year(year, start), n=quarter + 1), "", "text")


def _years(table: _Table, top: int, count: int) -> None:
    s, t, start, first = table.grid.s, table.book.t, table.start, table.first
    last, at = top + count - 1, top + count
    area = {col: f"{cell(top, col, 'rc')}:{cell(last, col, 'rc')}" for col in (BILLED, EFFECTIVE, YEAR)}
    for n in range(-(-count // 4) + 1):
        row, year = at + n, _of(first, start) + n
        s.calc(row, YEAR, f"{cell(top, YEAR, 'rc')}+{n}", year, "flag", "total")
        words = _named(t("FY {year}", year="@"), cell(row, YEAR, "c"), "")
        s.calc(row, 0, words, t("FY {year}", year=_year(year, start)), "", "total")
        s.text(row, 1, "", "total")
        s.text(row, BEGINS, t("in all"), "total", align="right")
        for col, values in ((BILLED, table.cash), (EFFECTIVE, table.used)):
            value = sum((v for m, v in enumerate(values) if _of(add_months(first, m), start) == year), ZERO)
            s.calc(row, col, f"SUMIFS({area[col]},{area[YEAR]},{cell(row, YEAR, 'c')})", value, "some", "total")


def _row(grid: Grid, key: str) -> str:
    """Return a row of Timeline over all of its months."""
    row = grid.rows[key]
    return f"{cell(row, FIRST, 'rc')}:{cell(row, FIRST + grid.columns - 1, 'rc')}"


def _of(day: date, start: int) -> int:
    """Return the year in which the fiscal year of a day began."""
    return day.year - (day.month < start)


def _year(year: int, start: int) -> str:
    return str(year) if start == 1 else f"{year}/{(year + 1) % 100:02}"


def _named(words: str, year: str, number: str) -> str:
    """Return the formula of a name in which "@" stands for the year and "#" for the quarter."""
    said = f'{year}&IF(fiscal_start=1,"","/"&TEXT(MOD({year}+1,100),"00"))'
    before, _, rest = words.partition("@")
    parts = [quoted(before), said]
    middle, mark, end = rest.partition("#")
    parts += [quoted(middle), *([number, quoted(end)] if mark else [])]
    return "&".join(p for p in parts if p != '""')
