"""Charts as SVG text: areas over time, lines and paired bars, in the colours of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from planner.records import NamedTuple

__all__ = ["Series", "areas", "bars", "lines"]

WIDE, HIGH = 760, 300
LEFT, RIGHT, TOP, BOTTOM = 76, 16, 34, 44


class Series(NamedTuple):
    """One line or layer. colour: a number of the page's colours; points: (x, y)."""

    name: str
    colour: int
    points: Sequence[tuple[float, float]]
    dashed: bool = False


def _nice(most: float) -> float:
    """Return a round step that divides an axis up to `most` in four to eight."""
    if most <= 0:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(most / 5))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power * 7 >= most)


def _short(value: float, top: float) -> str:
    if top >= 1e6:
        return f"{value / 1e6:g}M" if value else "0"
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


class _Frame:
    """Axes from zero: places on the drawing, grid and labels."""

    def __init__(self, right: float, most: float, high: int = HIGH) -> None:
        self.step = _nice(most)
        self.top = max(self.step, math.ceil(most / self.step - 1e-9) * self.step)
        self.right, self.high = right or 1.0, high

    def x(self, value: float) -> float:
        return LEFT + value / self.right * (WIDE - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return self.high - BOTTOM - value / self.top * (self.high - TOP - BOTTOM)

    def path(self, points: Sequence[tuple[float, float]]) -> str:
        return " ".join(f"{self.x(a):.1f},{self.y(b):.1f}" for a, b in points)

    def grid(self) -> list[str]:
        made = []
        for number in range(round(self.top / self.step) + 1):
            at = self.y(number * self.step)
            made.append(f'<line class="grid" x1="{LEFT}" x2="{WIDE - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
            made.append(
                f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{_short(number * self.step, self.top)}</text>'
            )
        return made

    def marks(self, ticks: Sequence[tuple[float, str]], label: str) -> list[str]:
        low = self.high - BOTTOM
        made = [f'<line class="axis" x1="{LEFT}" x2="{WIDE - RIGHT}" y1="{low}" y2="{low}"/>']
        for value, said in ticks:
            at = self.x(value)
            side = "end" if at > WIDE - RIGHT - 1 else "middle"
            made.append(f'<text x="{at:.1f}" y="{low + 17}" text-anchor="{side}">{escape(said)}</text>')
        made.append(f'<text x="{WIDE - RIGHT}" y="{self.high - 6}" text-anchor="end">{escape(label)}</text>')
        return made


def _key(names: Sequence[tuple[str, int, bool]]) -> tuple[list[str], int]:
    """Return the legend, names in rows above the drawing (wide characters take more room), and how much higher it is than one row."""
    rows: list[list[tuple[float, str, int, bool]]] = [[]]
    at = float(LEFT)
    for name, colour, dashed in names:
        room = 50 + sum(17 if ord(char) > 0x2E7F else 9 for char in name)  # as wide as on a telephone
        if rows[-1] and at + room - 22 > WIDE:
            rows.append([])
            at = float(LEFT)
        rows[-1].append((at, name, colour, dashed))
        at += room
    made = []
    for number, row in enumerate(reversed(rows)):
        y = 14 - 20 * number
        for at, name, colour, dashed in row:
            look = ' stroke-dasharray="5 4"' if dashed else ""
            made.append(f'<line class="c{colour}" x1="{at:.0f}" x2="{at + 22:.0f}" y1="{y}" y2="{y}"{look}/>')
            made.append(f'<text x="{at + 28:.0f}" y="{y + 4}">{escape(name)}</text>')
    return made, 20 * (len(rows) - 1)


def _whole(title: str, parts: Sequence[str], key: Sequence[tuple[str, int, bool]], high: int = HIGH) -> str:
    named, more = _key(key)
    inside = "\n".join([*parts, *named])
    return f'<svg viewBox="0 {-more} {WIDE} {high + more}" role="img" aria-label="{escape(title)}">\n{inside}\n</svg>'


def areas(
    title: str,
    layers: Sequence[tuple[str, int, Sequence[float]]],
    line: tuple[str, Sequence[float]] | None,
    ticks: Sequence[tuple[float, str]],
    label: str,
) -> str:
    """Return layers one upon the other in steps (name, colour, a value an hour or day), and a line across them."""
    length = len(layers[0][2])
    sums = [0.0] * length
    tops = [sum(values) for values in zip(*(layer[2] for layer in layers), strict=True)]
    frame = _Frame(length, max([*tops, *(line[1] if line else ())], default=0))
    parts = frame.grid()
    for _, colour, values in layers:
        above = [low + more for low, more in zip(sums, values, strict=True)]
        up = [(at + side, value) for at, value in enumerate(above) for side in (0, 1)]
        down = [(at + side, value) for at, value in reversed(list(enumerate(sums))) for side in (1, 0)]
        parts.append(f'<polygon class="a{colour}" points="{frame.path([*up, *down])}"/>')
        sums = above
    if line:
        steps = [(at + side, value) for at, value in enumerate(line[1]) for side in (0, 1)]
        parts.append(f'<polyline class="c3" points="{frame.path(steps)}"/>')
    key = [(name, colour, False) for name, colour, _ in layers] + ([(line[0], 3, False)] if line else [])
    return _whole(title, [*parts, *frame.marks(ticks, label)], key)


def lines(
    title: str,
    series: Sequence[Series],
    ticks: Sequence[tuple[float, str]],
    label: str,
    mark: tuple[float, str] | None = None,
) -> str:
    """Return lines over a common axis from zero. mark: a place on it that a dotted line shows."""
    right = max(x for one in series for x, _ in one.points)
    frame = _Frame(right, max(y for one in series for _, y in one.points))
    parts = frame.grid()
    if mark is not None:
        at = frame.x(mark[0])
        parts.append(f'<line class="mark" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HIGH - BOTTOM}"/>')
        side = ("end", -6) if mark[0] > right * 0.7 else ("start", 6)
        parts.append(f'<text x="{at + side[1]:.1f}" y="{TOP + 12}" text-anchor="{side[0]}">{escape(mark[1])}</text>')
    for one in series:
        look = ' stroke-dasharray="5 4"' if one.dashed else ""
        parts.append(f'<polyline class="c{one.colour}" points="{frame.path(one.points)}"{look}/>')
    key = [(one.name, one.colour, one.dashed) for one in series]
    return _whole(title, [*parts, *frame.marks(ticks, label)], key)


def bars(
    title: str, names: Sequence[str], pairs: Sequence[Sequence[float]], series: Sequence[tuple[str, int]], label: str
) -> str:
    """Return groups of bars beside each other, a group a name."""
    frame = _Frame(len(names), max((max(group) for group in pairs), default=0))
    parts = frame.grid()
    each = 0.72 / len(series)
    for at, group in enumerate(pairs):
        for number, value in enumerate(group):
            left, wide = frame.x(at + 0.14 + number * each), frame.x(each) - frame.x(0) - 2
            top = frame.y(value)
            parts.append(
                f'<rect class="a{series[number][1]}" x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}" '
                f'height="{HIGH - BOTTOM - top:.1f}"/>'
            )
    ticks = [(at + 0.5, name) for at, name in enumerate(names)]
    return _whole(title, [*parts, *frame.marks(ticks, label)], [(name, c, False) for name, c in series])
