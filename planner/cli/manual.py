"""`planner man`: the manual page, made from the commands themselves."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import click

from planner.cli.help import COMMAND_GROUPS, Grouped

__all__ = ["man"]

FILES = (
    ("~/.local/share/planner/", "Price book, measurements, fetched models. PLANNER_HOME names another folder."),
    ("WORKLOAD.toml", "A workload; every option of `planner quote` is a key of it, with underscores."),
)
ENVIRONMENT = (
    ("PLANNER_HOME", "Folder of planner's data."),
    ("PLANNER_LANG", "Language of help, of errors and of what people read: en or zh; --lang beats it."),
    ("PLANNER_BOOK", "Price book to use instead: a file or a postgresql:// address."),
    ("PLANNER_BOOK_TOKEN", "Bearer token for a price book that is shared over HTTPS."),
    ("PLANNER_PROMETHEUS_TOKEN", "Bearer token for the Prometheus of `planner rightsize`."),
    ("PLANNER_PROMETHEUS_BASIC", "user:password for it instead."),
    ("PLANNER_MCP_TOKEN", "Bearer token that agents send to `planner mcp --http`."),
    ("PLANNER_SERVE_TOKEN", "Password that browsers send to `planner serve`, whatever the user."),
    ("PLANNER_DEBUG", "Show the traceback of an unexpected error."),
    ("NO_COLOR", "No colours."),
)
EXIT = (
    ("0", "Fine."),
    ("1", "The work could not be done, or what was asked to be held does not hold."),
    ("2", "The request itself is wrong."),
)


def _roff(text: str) -> str:
    """Return text as troff prints it; a line never begins with a control character."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "")
    text = " ".join(text.split())
    return f"\\&{text}" if text[:1] in (".", "'") else text


def _entries(title: str, rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f".SH {title}"
    for name, said in rows:
        yield ".TP"
        yield f".B {_roff(name)}"
        yield _roff(said)


def _described(name: str, command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield a command, its options, and the commands within it."""
    usage = " ".join(command.collect_usage_pieces(context))
    yield f'.SS "planner {_roff(name)} {_roff(usage)}"'
    yield _roff((command.help or command.short_help or "").split("\b")[0])
    for param in command.get_params(context):
        record = param.get_help_record(context)
        if record is not None and param.name not in ("help", "help_all"):
            yield ".TP"
            yield f".B {_roff(record[0])}"
            yield _roff(record[1])
    if isinstance(command, click.Group):
        for within in command.list_commands(context):
            found = command.get_command(context, within)
            assert found is not None
            yield from _described(f"{name} {within}", found, click.Context(found, info_name=within))


@click.command(cls=Grouped)
def man() -> int:
    """Print the manual page of all commands.

    \b
    planner man | man -l -
    planner man > ~/.local/share/man/man1/planner.1
    """
    sys.stdout.write(_page(click.get_current_context().find_root().command))
    return 0


def _page(cli: click.Command) -> str:
    lines = [
        '.TH PLANNER 1 "" "planner" "User Commands"',
        ".SH NAME",
        "planner \\- plan what it costs to serve a model on rented GPUs",
        ".SH SYNOPSIS",
        ".B planner",
        ".I COMMAND",
        "[\\fIOPTION\\fR]...",
        ".SH DESCRIPTION",
        _roff(cli.help or ""),
    ]
    assert isinstance(cli, click.Group)
    root = click.Context(cli, info_name="planner", terminal_width=200)
    for title, names in COMMAND_GROUPS:
        lines.append(f'.SH "COMMANDS: {title.upper()}"')
        for name in names.split():
            command = cli.get_command(root, name)
            assert command is not None, name
            lines += _described(name, command, click.Context(command, info_name=name, terminal_width=200))
    lines += _entries("FILES", FILES)
    lines += _entries("ENVIRONMENT", ENVIRONMENT)
    lines += _entries("EXIT STATUS", EXIT)
    return "\n".join(lines) + "\n"
