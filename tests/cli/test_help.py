"""Help in groups: the sixteen options used most, the rest one word away, none without a group."""

from __future__ import annotations

import re

import click
import pytest

from planner.cli import COMMANDS, cli
from planner.cli.help import BATCH, MOST_USED, OUTPUT, SHARED, Grouped
from planner.rendering.formats import FORMATS
from tests.conftest import Run


def command(name: str) -> click.Command:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    return found


def helped(name: str, whole: bool = False) -> str:
    one = command(name)
    context = click.Context(one, info_name=name, max_content_width=100, terminal_width=100)
    if whole:
        context.meta["planner.help_all"] = True
    return one.get_help(context)


def options(text: str) -> list[str]:
    return re.findall(r"^  (?:-\w, )?(--[a-z-]+)", text, re.M)


def test_quote_shows_the_sixteen_used_most() -> None:
    shown = options(helped("quote"))
    assert set(shown) == MOST_USED | {"--help-all", "--help"}
    assert len(MOST_USED) == 16
    assert len(helped("quote").splitlines()) < 50


@pytest.mark.parametrize("name", ["quote", "explain", "emit-tf", "size"])
def test_help_all_shows_every_option_once(name: str) -> None:
    every = {max(p.opts, key=len) for p in command(name).params if isinstance(p, click.Option)}
    shown = options(helped(name, whole=True))
    assert len(shown) == len(set(shown))
    assert set(shown) == every | {"--help"}
    hidden = re.search(r"Show (\d+) more options", helped(name))
    assert len(shown) - len(options(helped(name))) == (int(hidden[1]) if hidden else 0)


def test_every_option_of_quote_has_a_group() -> None:
    """A new option is named in a group of planner/cli/help.py."""
    grouped = [n for _, names in (*SHARED, *BATCH, *OUTPUT) for n in names.split()]
    assert len(grouped) == len(set(grouped))
    every = {max(p.opts, key=len) for p in command("quote").params if isinstance(p, click.Option)}
    assert sorted(every - set(grouped) - {"--help-all", "--help"}) == []


def test_the_groups_are_the_same_and_in_the_same_order_everywhere() -> None:
    order = [title for title, _ in (*SHARED, *BATCH, *OUTPUT)]
    for name in COMMANDS:
        if isinstance(command(name), Grouped):
            for whole in (False, True):
                titles = re.findall(r"^(\w.*):$", helped(name, whole), re.M)
                assert [t for t in titles if t in order] == [t for t in order if t in titles]


def test_options_of_one_format_stand_under_it() -> None:
    text = helped("quote", whole=True)
    for title, names in OUTPUT:
        form = title.removeprefix("Only with --format ")
        if form == title:
            continue
        assert form in {f.name for f in FORMATS}
        part = text.split(f"{title}:")[1].split("\n\n")[0]
        assert options(part) == [n for n in names.split() if n in options(text)]


def test_help_all_exits_0(planner: Run) -> None:
    done = planner("quote", "--help-all")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Only with --format focus:" in done.stdout
    assert "--help-all" in planner("quote", "--help").stdout
