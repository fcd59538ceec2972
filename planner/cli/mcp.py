"""`planner mcp`: planner's questions as tools for an agent."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from planner.cli.help import Grouped
from planner.cli.listening import listen, long_lived, token_of
from planner.errors import MisuseError, PlannerError, scrubbed

if TYPE_CHECKING:
    from planner.agents.server import Done, Kit
    from planner.agents.tools import Option

#: What a metavar tells of a value that may name a file.
_PATHS = {"WHAT": "demand", "WEIGHT=WHAT": "weighted"}
_FILES = ("FILE", ".toml", ".json", ".csv", "DIR", "PATH")
RESOURCES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "planner://models": (
        "models",
        "The models that can be sized: parameters, KV cache, context, licence.",
        ("models", "list", "--format=json"),
    ),
    "planner://gpus": (
        "GPUs",
        "The GPUs that can be sized: memory, bandwidth, operations, each with its source.",
        ("models", "gpus", "--format=json"),
    ),
    "planner://instance-types": (
        "instance types",
        "The instance types of every cloud: GPUs, memory, network, local disks.",
        ("catalog", "types", "--format=csv"),
    ),
}


@click.command("mcp", cls=Grouped)
@click.option(
    "--folder", metavar="DIR", default="", help="Folder whose files may be read, and modules written into.  [none]"
)
@click.option(
    "--http", "port", type=click.IntRange(0, 65535), metavar="PORT", help="Serve over HTTP.  [stdin and stdout]"
)
@click.option("--host", metavar="HOST", default="127.0.0.1", help="Address for --http.  [127.0.0.1]")
def mcp(folder: str, port: int | None, host: str) -> int:
    """Serve planner's questions to an agent (Model Context Protocol): quote, size, explain, diff, commit, rent_or_buy,
    catalog_search, history; with --folder also emit.

    Nothing is written without --folder. Over HTTP the agent sends the token in PLANNER_MCP_TOKEN. Needs the extra `mcp`.
    """
    try:
        from planner.agents import server
    except ModuleNotFoundError as exc:
        if exc.name not in ("mcp", "anyio", "starlette"):
            raise
        raise MisuseError("planner mcp needs the extra `mcp`: pip install 'gpu-cost-planner[mcp]'") from None
    if folder and not os.path.isdir(folder):
        raise MisuseError(f"--folder: {folder[:200]!r} is no folder")
    kit = _kit(folder)
    long_lived()
    if port is None:
        server.serve(kit)
        return 0
    token = token_of("PLANNER_MCP_TOKEN", "--http")
    if not token:
        raise MisuseError("--http: set PLANNER_MCP_TOKEN to the token that the agent sends, of 16 letters or more")
    return listen(server.app(kit, host, token), host, port, "--http", "/mcp")


def _kit(folder: str) -> Kit:
    from planner.agents.server import Kit
    from planner.agents.tools import TOOLS

    root = click.get_current_context().find_root().command
    options = {tool.name: _options(root, tool.command) for tool in TOOLS}
    return Kit(lambda line: _run(root, line), options, RESOURCES, folder)


def _options(root: click.Command, words: Sequence[str]) -> list[Option]:
    """Return what a command takes."""
    command, context = root, click.Context(root)
    for word in words:
        assert isinstance(command, click.Group)
        found = command.get_command(context, word)
        assert found is not None, word
        command = found
    return [_option(param) for param in command.params]


def _option(param: click.Parameter) -> Option:
    from planner.agents.tools import Option

    shown = (param.metavar or "").strip("[]")
    flags = param.opts if isinstance(param, click.Option) else []
    kind = param.type
    return Option(
        name=max(flags, key=len).removeprefix("--").replace("-", "_") if flags else str(param.name),
        flag=max(flags, key=len) if flags else "",
        help=str(getattr(param, "help", None) or param.make_metavar(click.Context(click.Command("planner")))),
        many=param.multiple or param.nargs != 1,
        choices=tuple(map(str, kind.choices)) if isinstance(kind, click.Choice) else (),
        path=_PATHS.get(shown) or ("file" if shown.endswith(_FILES) else ""),
        switch=isinstance(param, click.Option) and param.is_flag,
        required=param.required,
        off=param.secondary_opts[0] if param.secondary_opts else "",
    )


def _run(root: click.Command, line: Sequence[str]) -> Done:
    """Run a command line in this process; what it prints and says is the answer, and no error leaves here."""
    from planner.agents.server import Done

    out, said, error = io.StringIO(), io.StringIO(), ""
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
        try:
            # English whatever $PLANNER_LANG says: an agent is told of the tools and their answers in it.
            with root.make_context("planner", list(line), obj="en") as context:
                code = root.invoke(context)
            error = f"the command ended with {code}" if isinstance(code, int) and code else ""
        except PlannerError as exc:
            error = str(exc)
        except click.ClickException as exc:
            error = " ".join(exc.format_message().split())
        except click.exceptions.Exit as exc:
            error = f"the command ended with {exc.exit_code}" if exc.exit_code else ""
        except OSError as exc:
            error = f"{exc.filename}: {exc.strerror}" if exc.filename else str(exc)
        except Exception as exc:
            error = f"unexpected {type(exc).__name__}: {exc}; please report it"
    return Done(out.getvalue(), said.getvalue(), scrubbed(error))
