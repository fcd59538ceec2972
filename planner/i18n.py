"""English and Chinese: one table of strings (data/strings.csv: key, en, zh) for table, page, workbook and Markdown.

The English text stands in the code and is the look-up key, so English reads no file and costs nothing:

    t = translator("zh")                     # "en": gives every text back
    t("provider")                            # a fixed text
    t("Amounts in {code}", code="USD")       # a text with values; values are put in as they are
    t.say("no spot price in ...")        # a whole sentence made elsewhere (notes, gaps, charge names, formulas)

`say` looks for the whole text first and then for a row whose key begins with `msg.` and whose English, with its
{placeholders} as gaps, matches. A `{name!t}` in the Chinese text translates that gap too. What is in no row comes back
in English: a report is never lost for a missing translation, and tests/test_i18n.py finds the missing one.
To add a text: use it in code through `t(...)`, add a row to strings.csv; the test compares code and table.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from planner.errors import MisuseError
from planner.files import DATA
from planner.text import Text, shown

__all__ = ["LANGUAGES", "English", "Translator", "pad", "rows", "translator", "width"]

LANGUAGES = ("en", "zh")
PATH = os.path.join(DATA, "strings.csv")


class English:
    """Gives every text back; the base of the other languages."""

    lang = "en"
    tag = "en"

    def __call__(self, text: str, /, **values: object) -> str:
        """Return `text` in this language with `values` in the place of its {names}."""
        return text.format(**values) if values else text

    def say(self, text: str | Text) -> str:
        """Return a sentence in this language: a `Text`, or (until all are) a finished English one."""
        return str(text)


class Translator(English):
    """Looks texts up in a table of (key, English, translation)."""

    def __init__(self, lang: str, tag: str, table: list[tuple[str, str, str]]) -> None:
        self.lang, self.tag = lang, tag
        self._texts = {english: other for _, english, other in table}
        self._sources = [(english, other) for key, english, other in table if key.startswith("msg.") and "{" in english]
        self._patterns: list[tuple[Callable[[str], Any], str]] | None = None
        self._said: dict[str, str] = {}

    def __call__(self, text: str, /, **values: object) -> str:
        found = self._texts.get(text, text)
        return found.format(**values) if values else found

    def say(self, text: str | Text) -> str:
        if isinstance(text, Text) and not text.values:
            text = text.key  # a fixed sentence, or a whole one out of a file of 0.1.0
        if isinstance(text, Text):
            words = self._texts.get(text.key, text.key)
            return words.format(**{name: self._value(value) for name, value in text.values})
        if not text:
            return text
        found = self._said.get(text)
        if found is None:
            found = self._said[text] = self._say(text)
        return found

    def _value(self, value: object) -> str:
        if isinstance(value, Text):
            return self.say(value)
        if isinstance(value, tuple):
            return "；".join(self.say(part) if isinstance(part, str) else self._value(part) for part in value)
        return shown(value)

    def _say(self, text: str) -> str:
        whole = self._texts.get(text)
        if whole is not None:
            return whole
        if self._patterns is None:
            # The sentence with the most words of its own is the most exact one.
            sources = sorted(self._sources, key=lambda row: -_own(row[0]))
            self._patterns = [(_pattern(english), other) for english, other in sources]
        for match, other in self._patterns:
            hit = match(text)
            if hit:
                return self._fill(other, hit.groupdict())
        if "; " in text:
            return "; ".join(self.say(part) for part in text.split("; ")).replace("; ", "；")
        return text

    def _fill(self, other: str, values: dict[str, str]) -> str:
        return other.format(**{name: self.say(value) for name, value in values.items()})


def _own(english: str) -> int:
    """Return how many characters of `english` are not gaps."""
    return sum(len(part.partition("}")[2] if i else part) for i, part in enumerate(english.split("{")))


def _pattern(english: str) -> Callable[[str], Any]:
    """Return a matcher for the sentence `english` whose {names} may be any text within a clause (no "; ")."""
    import re

    parts = re.split(r"\{(\w+)\}", english)
    made = "".join(re.escape(p) if i % 2 == 0 else f"(?P<{p}>(?:(?!; ).)+?)" for i, p in enumerate(parts))
    return re.compile(made, re.DOTALL).fullmatch


def rows() -> list[tuple[str, str, str]]:
    """Return the table's rows: (key, English, Chinese)."""
    import csv

    with open(PATH, encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        return [(key, english, chinese) for key, english, chinese in reader]


_ENGLISH = English()
_MADE: dict[str, Translator] = {}


def translator(lang: str) -> English:
    """Return the translator of `lang` ("en" or "zh"); another language raises `MisuseError`."""
    if lang == "en":
        return _ENGLISH
    if lang != "zh":
        raise MisuseError(f"--lang: no texts in {lang!r}: en and zh are there")
    if lang not in _MADE:
        _MADE[lang] = Translator("zh", "zh-Hans", rows())
    return _MADE[lang]


def width(text: str) -> int:
    """Return how many columns of a terminal `text` takes: a Chinese character takes two."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def pad(text: str, columns: int, right: bool = False) -> str:
    """Return `text` filled up with blanks to `columns` columns, on the left side when `right`-aligned."""
    gap = " " * max(0, columns - width(text))
    return gap + text if right else text + gap
