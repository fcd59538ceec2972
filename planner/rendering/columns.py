"""Text in columns of a terminal: how wide it is, where it folds, which columns of a table fit. Knows nothing of quotes.

Widths are columns of the screen: a Chinese character takes two (planner.i18n.width).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from planner.i18n import pad, width

__all__ = ["bold", "dim", "fitting", "fold", "gap_of", "grid", "layout"]

#: Signs that must not begin a line.
_CLOSING = ",.;:!?)]%，。；：！？）】、》”"
#: Signs that must not end one.
_OPENING = "([（【《“"
#: Least width to which a column is folded.
_LEAST = 8


def bold(text: str, colour: bool = True) -> str:
    """Return `text` in bold, where colours are asked for."""
    return f"\x1b[1m{text}\x1b[0m" if colour and text else text


def dim(text: str, colour: bool = True) -> str:
    """Return `text` dimmed, where colours are asked for."""
    return f"\x1b[2m{text}\x1b[0m" if colour and text else text


def fold(text: str, room: int | None, hang: int = 0) -> list[str]:
    """Return `text` in lines of at most `room` columns, later ones indented by `hang`; None: one line.

    Breaks at blanks and between Chinese characters; a word longer than a line is cut, so that nothing is ever lost.
    """
    if room is None or width(text) <= room:
        return [text]
    lines, line, free = [], "", room
    for part in _parts(text):
        if width(line + part.rstrip()) > free and line.strip():
            lines.append(line.rstrip())
            line, free = " " * hang, room
            part = part.lstrip()
        while width(line + part.rstrip()) > free:
            at = _cut(part, max(1, free - width(line)))
            lines.append(line + part[:at])
            line, part = " " * hang, part[at:]
        line += part
    return [*lines, line.rstrip()] if line.strip() else lines


def _parts(text: str) -> list[str]:
    """Return the pieces between which a line may break; each keeps the blanks behind it."""
    parts: list[str] = []
    for char in text:
        wide = width(char) == 2
        if (parts and (char == " " or char in _CLOSING or parts[-1][-1] in _OPENING)) or (
            parts and not wide and parts[-1][-1] != " " and width(parts[-1][-1]) < 2
        ):
            parts[-1] += char
        else:
            parts.append(char)
    return parts


def _cut(text: str, room: int) -> int:
    """Return how many characters of `text` fit into `room` columns, at least one."""
    taken = at = 0
    while at < len(text) and taken + width(text[at]) <= room:
        taken += width(text[at])
        at += 1
    return max(1, at)


def gap_of(room: int | None) -> int:
    """Return how many blanks stand between columns: a narrow screen needs them for itself."""
    return 1 if room is not None and room < 116 else 2


def fitting(widths: Sequence[int], ranks: Sequence[int], room: int | None) -> list[int]:
    """Return which columns fit into `room`: all of rank 0, then by rank until one does not fit; None: all.

    The marks before the rows take two.
    """
    if room is None:
        return list(range(len(widths)))
    gap = gap_of(room)
    taken = [i for i, rank in enumerate(ranks) if rank == 0]
    used = sum(widths[i] + gap for i in taken) - gap + 2
    for i in sorted((i for i, rank in enumerate(ranks) if rank), key=lambda i: ranks[i]):
        used += widths[i] + gap
        if used > room:
            break
        taken.append(i)
    return sorted(taken)


def layout(
    header: Sequence[str], rows: Sequence[Sequence[str]], right: set[int], room: int | None, marked: int = -1
) -> list[list[str]]:
    """Return each row below its header as the lines that it takes within `room` columns.

    Where the columns do not fit, the widest ones that are not numbers fold. marked: the row below the header that gets
    a ">"; the others are indented as much.
    """
    table = [list(header), *(list(r) for r in rows)]
    widths = [max(map(width, column)) for column in zip(*table, strict=True)]
    gap = gap_of(room)
    if room is not None:
        words = [max(width(p.rstrip()) for r in table for p in _parts(r[i]) or [""]) for i in range(len(header))]
        for least in (words, [_LEAST] * len(words)):
            _shrink(widths, right, room - 2 - gap * (len(widths) - 1), least)
    blocks = []
    for number, row in enumerate(table):
        cells = [fold(c, w) if i not in right else [c] for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines = []
        for at in range(max(len(c) for c in cells)):
            texts = [
                pad(c[at] if at < len(c) else "", w, i in right)
                for i, (c, w) in enumerate(zip(cells, widths, strict=True))
            ]
            mark = "> " if number > 0 and number - 1 == marked and at == 0 else "  "
            lines.append((mark + (" " * gap).join(texts)).rstrip())
        blocks.append(lines)
    return blocks


def _shrink(widths: list[int], fixed: set[int], room: int, least: Sequence[int]) -> None:
    """Narrow the widest columns outside `fixed` until all of them fit, none below its least width."""
    while sum(widths) > room:
        free = [i for i in range(len(widths)) if i not in fixed and widths[i] > max(_LEAST, least[i])]
        if not free:
            return
        widths[max(free, key=lambda i: widths[i])] -= 1


def grid(header: Sequence[str], rows: Iterable[Sequence[str]], right: set[int], colour: bool) -> list[str]:
    """Return rows below their header, each column as wide as its widest cell; the header in bold where asked."""
    table = [list(header), *(list(r) for r in rows)]
    widths = [max(width(r[i]) for r in table) for i in range(len(header))]
    lines = []
    for number, row in enumerate(table):
        cells = [pad(c, w, i in right) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        line = "  ".join(cells).rstrip()
        lines.append(bold(line, colour) if number == 0 else line)
    return lines
