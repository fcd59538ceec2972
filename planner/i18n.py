"""English and Chinese: one table of strings (data/strings.csv: key, en, zh) for table, page, workbook and Markdown.

The English text stands in the code and is the look-up key, so English reads no file and costs nothing:

    t = translator("zh")                     # "en": gives every text back
    t("provider")                            # a fixed text
    t("Amounts in {code}", code="USD")       # a text with values; values are put in as they are
    t.say(offer.notes[0])                    # a sentence made elsewhere (planner.text.Text); values that are sentences
                                             # themselves are worded in the same language

Nothing looks into a finished sentence. What is in no row comes back in English: a report is never lost for a missing
translation, and tests/test_i18n.py finds the missing one. To add a text: use it in code through `t(...)` or `text(...)`, add
a row to strings.csv; the test compares code and table.
"""

from __future__ import annotations

import os

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
        """Return a sentence (or a fixed text) in this language."""
        return str(text)


class Translator(English):
    """Looks texts up in a table of (key, English, translation)."""

    def __init__(self, lang: str, tag: str, table: list[tuple[str, str, str]]) -> None:
        self.lang, self.tag = lang, tag
        self._texts = {english: other for _, english, other in table}

    def __call__(self, text: str, /, **values: object) -> str:
        found = self._texts.get(text, text)
        return found.format(**values) if values else found

    def say(self, text: str | Text) -> str:
        if not isinstance(text, Text):
            return self._texts.get(text, text)
        words = self._texts.get(text.key, text.key)
        return words.format(**{name: self._value(value) for name, value in text.values}) if text.values else words

    def _value(self, value: object) -> str:
        if isinstance(value, Text):
            return self.say(value)
        return "；".join(self._value(part) for part in value) if isinstance(value, tuple) else shown(value)


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
    """Return how many columns of a terminal `text` takes: a Chinese character takes two, a mark upon another none."""
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width

    return sum(0 if category(c) in ("Mn", "Me", "Cf") else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def pad(text: str, columns: int, right: bool = False) -> str:
    """Return `text` filled up with blanks to `columns` columns, on the left side when `right`-aligned."""
    if text.isascii():
        return text.rjust(columns) if right else text.ljust(columns)
    gap = " " * max(0, columns - width(text))
    return gap + text if right else text + gap
