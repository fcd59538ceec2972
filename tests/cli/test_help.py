"""Help in groups: the fifteen options used most, the rest one word away, the same groups in the same order for every command."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

from planner import i18n
from planner.cli import cli
from planner.cli.help import FIRST, FORMS, GROUPS, MOST, Grouped
from planner.rendering.formats import FORMATS
from tests.conftest import Run


def commands(within: click.Group = cli, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that a user can call, those within groups too."""
    context = click.Context(within)
    for name in within.list_commands(context):
        found = within.get_command(context, name)
        if isinstance(found, click.Group):
            yield from commands(found, f"{path}{name} ")
        elif found is not None:
            yield path + name, found


COMMANDS = dict(commands())


def helped(name: str, whole: bool = False) -> str:
    one = COMMANDS[name]
    context = click.Context(one, info_name=name, max_content_width=100, terminal_width=100)
    if whole:
        context.meta["planner.help_all"] = True
    return one.get_help(context)


def own(name: str) -> set[str]:
    """The options of a command but those for help."""
    every = {max(p.opts, key=len) for p in COMMANDS[name].params if isinstance(p, click.Option)}
    return every - {"--help", "--help-all"}


def options(text: str) -> list[str]:
    return [name for name in re.findall(r"^  (?:-\w, )?(--[a-z0-9-]+)", text, re.M) if not name.startswith("--help")]


def titles(text: str) -> list[str]:
    """The titles of the groups, which are not Help's own."""
    return [t for t in re.findall(r"^(\w.*):$", text, re.M) if t != "Help"]


@pytest.mark.parametrize("name", COMMANDS)
def test_fifteen_first_and_every_one_by_help_all(name: str) -> None:
    every, short, long = own(name), helped(name), helped(name, whole=True)
    shown, whole = options(short), options(long)
    assert len(shown) == len(set(shown)) == min(len(every), MOST)
    assert len(whole) == len(set(whole)) and set(whole) == every
    hidden = re.search(r"Show (\d+) more options", short)
    assert (int(hidden[1]) if hidden else 0) == len(every) - len(shown)
    assert "more options" not in long


@pytest.mark.parametrize("name", COMMANDS)
def test_the_groups_are_the_same_and_in_the_same_order_everywhere(name: str) -> None:
    """A new option is named in a group of planner/cli/help.py."""
    also = FORMS if name == "quote" else ()
    assert isinstance(COMMANDS[name], Grouped)
    order = [title for title, _ in (*GROUPS, *also)]
    for whole in (False, True):
        text = helped(name, whole)
        assert titles(text) == [title for title in order if title in titles(text)]
        for title, names in (*GROUPS, *also):
            part = text.partition(f"\n{title}:\n")[2].split("\n\n")[0]
            assert options(part) == [n for n in names.split() if n in options(part)]


def test_the_table_names_each_option_once_and_none_that_is_not() -> None:
    grouped = [name for _, names in GROUPS for name in names.split()]
    assert len(grouped) == len(set(grouped))
    known = set().union(*map(own, COMMANDS))
    assert set(grouped) | {n for _, names in FORMS for n in names.split()} == known
    for name, first in FIRST.items():
        assert len(first.split()) == MOST and set(first.split()) <= own(name) and len(own(name)) > MOST


def test_every_group_has_a_chinese_name() -> None:
    assert {title for title, _ in (*GROUPS, *FORMS)} <= {english for _, english, _ in i18n.rows()}


def test_quotes_help_fits_a_screen() -> None:
    assert len(helped("quote").splitlines()) < 50


def test_options_of_one_format_stand_under_it() -> None:
    text = helped("quote", whole=True)
    for title, names in FORMS:
        assert title.removeprefix("Only with --format ") in {f.name for f in FORMATS}
        assert options(text.split(f"{title}:")[1].split("\n\n")[0]) == names.split()


def test_help_all_exits_0(planner: Run) -> None:
    done = planner("quote", "--help-all")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Only with --format focus:" in done.stdout
    assert "--help-all" in planner("quote", "--help").stdout
