"""Text of others', made harmless for a terminal, a CSV file and a spreadsheet."""

from __future__ import annotations

__all__ = ["FORMULA", "cell", "one_line", "visible"]

#: Blanks that `str.isprintable` does not count as such.
_BLANKS = frozenset("\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000")
#: What makes a spreadsheet take a cell for a formula, also in their full width.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def one_line(text: str) -> str:
    """Return `text` with whatever would move a cursor, end a line, turn the direction of writing or stay unseen as an escape."""
    if text.isprintable():
        return text
    return "".join([c if c.isprintable() or c in _BLANKS else c.encode("unicode_escape").decode("ascii") for c in text])


def visible(text: str) -> str:
    """Return `text` as `one_line` does, its own lines and tabs kept."""
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "\n".join("\t".join(one_line(part) for part in line.split("\t")) for line in text.split("\n"))


def cell(value: object) -> str:
    """Return what stands in a cell of a CSV file: one line, and text to a spreadsheet where it could pass for a formula.

    A number stays a number, also a negative one.
    """
    text = value if isinstance(value, str) else str(value)
    if text.startswith(FORMULA) and not text.removeprefix("-").replace(".", "", 1).isdecimal():
        text = "'" + text
    return one_line(text)
