"""The command line in Chinese: help, usage errors and the frame of every other error, from data/help.csv (id, en, zh).

Loaded only where Chinese is asked for (`planner.cli.help.language`). Help stays where its commands are, in English; a text is
looked up by its English as it is laid out, so a command needs to know nothing of it. Words for what stands for a value (FILE,
NAME) have rows of their own, `metavar.FILE`, and are put together; lines are folded by their width, since a Chinese character
takes two columns. What is in no row comes in English.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from types import ModuleType

import click

from planner.errors import Near, PlannerError, nearest
from planner.files import DATA
from planner.i18n import pad, translator, width
from planner.rendering.columns import fold
from planner.text import Text

__all__ = [
    "Formatter",
    "framed",
    "heading",
    "meaning",
    "metavar",
    "no_command",
    "of_click",
    "rows",
    "speaking",
    "words",
]

PATH = os.path.join(DATA, "help.csv")
#: What stands for a value: FILE, OLD_NAME; a single letter is a sign, and stays.
_VALUE = re.compile(r"[A-Z]{2,}(?:_[A-Z]+)*")
#: An option as click heads its help: its names, then what stands for its value.
_HEADED = re.compile(r"(-[^ ]*(?:(?:, | / )-[^ ]*)*)(?: (.*))?")
#: A link of docs/errors.md.
_LINK = re.compile(r"\[([^]]+)\]\([^)]+\)")
#: What there is to do where the English sentence says it.
_AS_SAID = "照本行"


def rows() -> list[tuple[str, str, str]]:
    """Return the table's rows: (id, English, Chinese)."""
    from planner import tables

    return [(key, english, chinese) for (key, english, chinese), _ in tables.read(PATH)[1]]


@cache
def _texts() -> tuple[dict[str, str], dict[str, str]]:
    """Return Chinese by English, and by id."""
    found = rows()
    return {english: chinese for _, english, chinese in found}, {key: chinese for key, _, chinese in found}


def words(text: str) -> str:
    """Return `text` in Chinese; what the outputs say as well (the titles of the groups) has its row in their table."""
    found = _texts()[0].get(text)
    return translator("zh")(text) if found is None else found


def metavar(text: str) -> str:
    """Return what stands for a value with its words in Chinese: [FILE.csv] is [文件.csv]."""
    by_id = _texts()[1]
    return _VALUE.sub(lambda match: by_id.get(f"metavar.{match[0]}", match[0]), text)


def meaning(text: str) -> str:
    """Return the help of an option: what click added behind it ("  [1<=x<=99]") stays as it is."""
    own, _, added = text.rpartition("  [")
    if text in _texts()[0] or not own:
        return words(text)
    return f"{words(own)}  [{words(added[:-1])}]"


class Formatter(click.HelpFormatter):
    """Lays help out as click does, in Chinese and by width."""

    def _fold(self, text: str, at: int) -> Iterator[str]:
        """Yield `text` in lines that begin in column `at`."""
        for line in fold(text, max(self.width - at, 11)):
            yield " " * at + line

    def _meaning(self, text: str, at: int) -> list[str]:
        """Return what an option means in lines; its default ("  [720]") is kept in one where it can be."""
        own, _, default = text.rpartition("  [") if text.endswith("]") else (text, "", "")
        if not own or not default:
            return list(self._fold(text, at))
        *lines, last = self._fold(own, at)
        if width(f"{last}  [{default}") <= self.width:
            return [*lines, f"{last}  [{default}"]
        return [*lines, last, *self._fold(f"[{default}", at)]

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write how a command is called."""
        head = f"{words('Usage:')}{prog} "
        first, *rest = self._fold(metavar(args), width(head))
        self.write(f"{' ' * self.current_indent}{head}{first.lstrip()}\n" + "".join(f"{line}\n" for line in rest))

    def write_heading(self, heading: str) -> None:
        """Write the title of a section."""
        self.write(f"{' ' * self.current_indent}{words(heading)}：\n")

    def write_text(self, text: str) -> None:
        """Write paragraphs, a blank line between them; one that begins with \\b is an example, and stays as it is."""
        made = []
        for part in re.split(r"\n\s*\n", text):
            if part.startswith("\b"):
                made.append("\n".join(f"{' ' * self.current_indent}{line}" for line in part.splitlines()[1:]))
            else:
                made.append("\n".join(self._fold(words(" ".join(part.split())), self.current_indent)))
        self.write("\n\n".join(made) + "\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write names and what each means; a name of more than `col_max` columns stands on a line of its own."""
        listed = [(heading(name), said) for name, said in rows]
        at = min(max(width(name) for name, _ in listed), col_max)
        for head, said in listed:
            lines = self._meaning(meaning(said), self.current_indent + at + col_spacing)
            if width(head) <= at:
                lines[0] = f"{' ' * self.current_indent}{pad(head, at + col_spacing)}{lines[0].lstrip()}"
            else:
                lines.insert(0, " " * self.current_indent + head)
            self.write("".join(f"{line.rstrip()}\n" for line in lines))


def heading(name: str) -> str:
    """Return what heads the help of an option (or a command, which stays)."""
    found = _HEADED.fullmatch(name)
    return f"{found[1]} {metavar(found[2])}" if found and found[2] else name


# -- errors ----------------------------------------------------------------------------------------------------------


class _Sentence(str):
    """A sentence of click's in Chinese, whose values may be words of click's as well ("integer")."""

    __slots__ = ()

    def format(self, *args: object, **values: object) -> str:
        for name in ("number_type", "param_type"):
            if name in values:
                values[name] = words(str(values[name]))
        if "param_hint" in values:
            values["param_hint"] = metavar(str(values["param_hint"]))
        return str.format(self, *args, **values)


@contextmanager
def speaking() -> Iterator[None]:
    """Let click word its errors in Chinese meanwhile: all of its sentences go through `_`, which is gettext's elsewhere."""
    import click.core
    import click.exceptions
    import click.parser
    import click.termui
    import click.types

    def one(text: str) -> str:
        return _Sentence(words(text))

    def counted(single: str, many: str, n: int) -> str:
        return _Sentence(words(single if n == 1 else many))

    kept: list[tuple[ModuleType, str, object]] = []
    for module in (click.core, click.exceptions, click.parser, click.termui, click.types):
        for name, mine in (("_", one), ("ngettext", counted)):
            if hasattr(module, name):
                kept.append((module, name, getattr(module, name)))
                setattr(module, name, mine)
    try:
        yield
    finally:
        for module, name, was in kept:
            setattr(module, name, was)


def of_click(exc: click.ClickException) -> str:
    """Return the sentence of an error of click's, made while `speaking`."""
    if isinstance(exc, click.MissingParameter) and exc.param is not None and exc.ctx is not None:
        exc.param_hint = metavar(exc.param.get_error_hint(exc.ctx) or "")
    said = " ".join(exc.format_message().split())
    return re.sub(r"\.(?= |$)", "。", said).rstrip("。").replace("。 ", "。")


def no_command(name: str, known: Sequence[str]) -> str:
    """Return that there is no such command, and which are spelled nearly so."""
    if near := nearest(name, list(known)):
        told = words("did you mean {names}?").format(names="、".join(near))
    else:
        told = words("`planner --help` lists all {count}").format(count=len(known))
    return words("no command {name!r}: {near}").format(name=name, near=told)


def _value(value: object) -> object:
    if isinstance(value, Near):
        return words(value.said).format(**value.told("、"))
    return translator("zh").say(value) if isinstance(value, Text) else value


def framed(error: PlannerError | str, code: str) -> str:
    """Return an error's sentence in Chinese; one of which there is none is followed by what its code means, and what to do."""
    said, values = (error.said, error.values) if isinstance(error, PlannerError) else (error, {})
    if isinstance(within := values.get("error"), PlannerError):  # said of a place
        return f"{values['at']}{framed(within, code)}"
    found = translator("zh").say(said) if isinstance(said, Text) else words(str(said))
    if found != str(said):
        return found.format(**{name: _value(value) for name, value in values.items()}) if values else found
    by_id = _texts()[1]
    if f"error.{code}.what" not in by_id:
        return str(error)
    what, todo = (_LINK.sub(r"\1", by_id[f"error.{code}.{part}"]) for part in ("what", "do"))
    return f"{error}（{what}）" if todo.startswith(_AS_SAID) else f"{error}（{what}；{todo}）"
