"""How prices moved, drawn: in the terminal, or as a picture by matplotlib (the extra `charts`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from planner.money import plain, show
from planner.prices.book.words import unit_of
from planner.prices.story import Point, Series
from planner.text import Words, english

__all__ = ["MOST", "chart", "moved", "picture"]

#: More lines than these cannot be told apart.
MOST = 8
_SIGNS = "ABCDEFGH"
_COLOURS = ("#0b5cad", "#c2570c", "#3a7d44", "#7b3fa0", "#a4243b", "#1b7f8c", "#8a6d00", "#5d6b7a")


def moved(points: Sequence[Point], t: Words = english) -> str:
    """Return a series in words: each price with the day from which it is known, and the change in per cent."""
    words = []
    for number, point in enumerate(points):
        before = points[number - 1].amount if number else None
        if point.amount is None:
            words.append(t("withdrawn {day}", day=point.day))
            continue
        change = ""
        if before:
            percent = (point.amount - before) / before * 100
            change = f" ({'+' if percent > 0 else ''}{show(percent)} %)"
        seen = t(" to {day}", day=point.until) if point.until != point.day else ""
        words.append(t("{amount} on {day}", amount=plain(point.amount), day=point.day) + seen + change)
    return ", ".join(words)


def _span(lines: Sequence[Series]) -> tuple[date, date]:
    """Return the first and the last day of a chart, at least four weeks apart."""
    days = [date.fromisoformat(day) for line in lines for point in line.points for day in (point.day, point.until)]
    first, last = min(days), max(days)
    return (first, last) if (last - first).days >= 28 else (first - timedelta(14), last + timedelta(14))


def chart(
    lines: Sequence[Series], names: Sequence[str], width: int, plain_signs: bool = False, t: Words = english
) -> list[str]:
    """Return the chart as lines of text of `width` columns and its legend. plain_signs: ASCII only.

    A dotted line joins two sights of a price between which it changed: on which day, nobody saw.
    """
    flat, dotted, upright = ("-", ".", "|") if plain_signs else ("─", "┄", "│")
    amounts = [point.amount for line in lines for point in line.points if point.amount is not None]
    low, high = min(amounts), max(amounts)
    pad = (high - low) / 10 or high / 10
    low, high = max(Decimal(0), low - pad), high + pad
    labels = [show(high), show((high + low) / 2), show(low)]
    left = max(map(len, labels)) + 1
    columns, rows = max(20, width - left - 2), 13
    first, last = _span(lines)
    grid = [[" "] * columns for _ in range(rows)]

    def x(day: str) -> int:
        return round((date.fromisoformat(day) - first).days / (last - first).days * (columns - 1))

    def y(amount: Decimal) -> int:
        return round((high - amount) / (high - low) * (rows - 1))

    for number, line in enumerate(lines):
        for here, after in pairwise((*line.points, None)):
            if here is None or here.amount is None:
                continue
            row = y(here.amount)
            for column in range(x(here.day), x(here.until) + 1):
                grid[row][column] = flat
            if after is not None:
                for column in range(x(here.until) + 1, x(after.day)):
                    grid[row][column] = dotted
                if after.amount is not None:
                    end = y(after.amount)
                    for between in range(min(row, end) + 1, max(row, end)):
                        grid[between][x(after.day)] = upright
            grid[row][x(here.day)] = _SIGNS[number]
    marks = dict(zip((0, rows // 2, rows - 1), labels, strict=True))
    bar = "|" if plain_signs else "│"
    made = [f"{marks.get(number, ''):>{left}} {bar}{''.join(row).rstrip()}" for number, row in enumerate(grid)]
    made.append(" " * left + (" +" + "-" * columns if plain_signs else " └" + "─" * columns))
    made.append(" " * (left + 2) + first.isoformat() + last.isoformat().rjust(columns - 10))
    unit = unit_of(lines[0].price)
    made += [f"{_SIGNS[n]}  {names[n]}, {unit}: {moved(line.points, t)}" for n, line in enumerate(lines)]
    return made


def picture(lines: Sequence[Series], names: Sequence[str], title: str, kind: str, t: Words = english) -> bytes:
    """Return the chart as "png" or "svg"; needs the extra `charts`, else raises `PlannerError`."""
    from planner.rendering.canvas import frame, pyplot_of
    from planner.rendering.canvas import picture as saved

    plt = pyplot_of(f"a picture ({kind})")
    from matplotlib import dates

    foot = t("a dot: a source showed this price; a dotted line: it changed in between, nobody saw on which day")
    figure, axes = frame(plt, title, foot)
    first, last = _span(lines)
    for number, line in enumerate(lines):
        _draw(axes, line.points, names[number], _COLOURS[number])
    axes.set_xlim(first - (last - first) * 0.03, last + (last - first) * 0.10)
    top = max(float(point.amount) for line in lines for point in line.points if point.amount is not None)
    axes.set_ylim(0, top * 1.15)
    axes.set_ylabel(unit_of(lines[0].price))
    axes.grid(axis="y", color="#d5dbe3")
    axes.legend(frameon=False, loc="lower left")
    axes.xaxis.set_major_locator(dates.AutoDateLocator(maxticks=8))
    axes.xaxis.set_major_formatter(dates.DateFormatter("%Y-%m-%d"))
    data = saved(figure, kind)
    plt.close(figure)
    return data


def _draw(axes: Any, points: Sequence[Point], name: str, colour: str) -> None:
    label: str | None = name
    for here, after in pairwise((*points, None)):
        if here is None or here.amount is None:
            continue
        day, until, amount = date.fromisoformat(here.day), date.fromisoformat(here.until), float(here.amount)
        axes.plot([day, until], [amount, amount], "o-", color=colour, linewidth=2.5, label=label)
        label = None
        axes.annotate(plain(here.amount), (day, amount), (5, 9), textcoords="offset points", color=colour)
        if after is not None:
            end = date.fromisoformat(after.day)
            to = amount if after.amount is None else float(after.amount)
            axes.plot([until, end, end], [amount, amount, to], ":", color=colour, linewidth=1.8)
