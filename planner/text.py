"""A sentence that carries its values: made where the fact is known, worded in a language where it is shown.

    text("no price for {region}", region="us-east-1")       str(): English; i18n's `say`: any language

`key` is the English sentence with {names}; it is also what translations are looked up by (planner/data/strings.csv). A
value may be a plain word, a Decimal (shown exactly), another `Text` (worded in the same language) or a tuple of those
(joined with "; "). Nothing reads a finished sentence back.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from planner.money import plain
from planner.records import NamedTuple

__all__ = ["Text", "Words", "english", "plural", "raw", "shown", "text"]


#: Words a sentence with its values in one language: `english`, or a translator of planner.i18n.
Words = Callable[..., str]


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


def english(key: str, /, **values: object) -> str:
    """Return the sentence `key` with its values in English: what words it where no translator is given."""
    return key.format(**values) if values else key


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
