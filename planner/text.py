"""A sentence that carries its values: made where the fact is known, worded in a language where it is shown.

    text("no price for {region}", region="us-east-1")       str(): English; i18n's `say`: any language

`key` is the English sentence with {names}; it is also what translations are looked up by (planner/data/strings.csv). A
value may be a plain word, a Decimal (shown exactly), another `Text` (worded in the same language) or a tuple of those
(joined with "; "). Nothing reads a finished sentence back.
"""

from __future__ import annotations

from decimal import Decimal

from planner.money import plain
from planner.records import NamedTuple

__all__ = ["FORMULA", "Text", "cell", "one_line", "plural", "raw", "shown", "text", "visible"]


class Text(NamedTuple):
    """key: English with {names}; values: (name, value) pairs in the order in which they were given."""

    key: str
    values: tuple[tuple[str, object], ...] = ()

    def __str__(self) -> str:
        return self.key.format(**{name: shown(value) for name, value in self.values}) if self.values else self.key

    def __bool__(self) -> bool:
        return bool(self.key)


def text(key: str, /, **values: object) -> Text:
    """Return the sentence `key` with its values; a number is kept as its exact text, so that it comes back the same."""
    return Text(key, tuple([(n, v if isinstance(v, (str, tuple)) else shown(v)) for n, v in values.items()]))


def raw(key: str, /, **values: object) -> Text:
    """Return the sentence `key` with its values as they are: quicker, for what is made anew rather than read back."""
    return Text(key, tuple(values.items()))


def plural(n: Decimal | int, one: str, many: str) -> str:
    """Return the key that goes with a number of things: `one` for exactly one, else `many`."""
    return one if n == 1 else many


def shown(value: object) -> str:
    """Return a value in English: a Decimal without exponent and without trailing zeros, a tuple joined with "; "."""
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, tuple) and not isinstance(value, Text):
        return "; ".join(shown(part) for part in value)
    return str(value)


# -- text of others', made harmless ----------------------------------------------------------------------------------

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
