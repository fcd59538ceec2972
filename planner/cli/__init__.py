"""The command line: a table of commands, each loaded when it is called, and errors turned into one line and a code."""

from __future__ import annotations

import contextlib
import gc

# A quote makes some 50,000 small objects and ends, on a large catalogue half a million: looking for cycles is a sixth of its time,
# and a twentieth of what it takes to import click.
gc.set_threshold(1_000_000, 20, 100)

import os  # noqa: E402
import sys  # noqa: E402
from collections.abc import Sequence  # noqa: E402

from planner.cli.later import put_off  # noqa: E402

put_off("inspect")

import click  # noqa: E402

from planner.cli.help import COMMAND_GROUPS, Context, Option, help_option, lang_option, language, spoken  # noqa: E402
from planner.errors import PlannerError, scrubbed  # noqa: E402

__all__ = ["cli", "main"]

#: command -> (module, attribute, one line for --help); a command's module is imported only when it runs.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "quote": ("planner.cli.quote", "quote", "What a workload costs on each cloud, from dated prices."),
    "init": ("planner.cli.init", "init", "Five questions, and a workload file with the loads of a public trace."),
    "commit": ("planner.cli.commit", "commit", "How much to commit for a demand that changes by the hour."),
    "portfolio": ("planner.cli.portfolio", "portfolio", "What many workloads cost, apart or with shared commitments."),
    "rent-or-buy": ("planner.cli.rent_or_buy", "rent_or_buy", "Machines of your own beside the cheapest rent."),
    "explain": ("planner.cli.explain", "explain", "Unfold one offer down to price rows, sources and formulas."),
    "catalog": ("planner.cli.catalog", "catalog", "List, show and check the prices that quotes are made of."),
    "book": ("planner.cli.book", "book", "Share the price book: its whole history as one file."),
    "refresh": ("planner.cli.refresh", "refresh", "Fetch newer prices from the clouds into your price book."),
    "diff": ("planner.cli.diff", "diff", "What changed between two saved quotes, in money and why."),
    "gate": ("planner.cli.gate", "gate", "What a pull request changes in cost: one comment, judged by a policy."),
    "actual": ("planner.cli.actual", "actual", "What was planned against what the cloud billed (FOCUS)."),
    "size": ("planner.cli.size", "size", "How many GPUs a model needs, what they deliver, how sure that is."),
    "verify": ("planner.cli.verify", "verify", "Check the sizing against a running endpoint or a benchmark's results."),
    "rightsize": ("planner.cli.rightsize", "rightsize", "What a service was measured to need, beside the plan."),
    "emit-tf": ("planner.cli.emit_tf", "emit_tf", "Write the Terraform module of an offer."),
    "emit-k8s": ("planner.cli.emit_k8s", "emit_k8s", "Write an offer for Kubernetes: cluster and manifests."),
    "price": ("planner.cli.price", "price", "What a Terraform module or plan costs."),
    "doctor": (
        "planner.cli.doctor",
        "doctor",
        "What works here: versions, prices, keys, terraform, folders, advisories.",
    ),
    "diagnose": ("planner.cli.diagnose", "diagnose", "What a log says went wrong, and what to do about it."),
    "models": ("planner.cli.models", "models", "The models that can be sized."),
    "serve": ("planner.cli.serve", "serve", "The report's page with the workload as a form, in a browser."),
    "mcp": ("planner.cli.mcp", "mcp", "Serve these questions to an agent (Model Context Protocol)."),
    "man": ("planner.cli.manual", "man", "The manual page of all commands."),
    "completion": ("planner.cli.completion", "completion", "The script that completes words in bash, zsh or fish."),
}

#: What a shell sets when it asks for the words that may come next.
_COMPLETE = "_PLANNER_COMPLETE"


class Commands(click.Group):
    """A group whose commands live in modules that are imported on use."""

    context_class = Context

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module = __import__(entry[0], fromlist=[entry[1]])
        command: click.Command = getattr(module, entry[1])
        if _COMPLETE in os.environ:
            from planner.cli.completion import attach

            attach(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            if language(ctx) == "zh":
                from planner.cli.chinese import no_command

                ctx.fail(no_command(args[0], list(COMMANDS)))
            from planner.errors import suggest

            ctx.fail(f"no command {args[0]!r}: {suggest(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        column = max(map(len, COMMANDS))
        for title, names in COMMAND_GROUPS:
            with formatter.section(title):
                formatter.write_dl([(name.ljust(column), COMMANDS[name][2]) for name in names.split()])


@click.group(
    cls=Commands,
    add_help_option=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
def cli() -> None:
    """Plan what it costs to serve a model on rented GPUs: quotes, sizing, Terraform, finance files.

    Works at once and offline on the price lists that come with it; `planner refresh` fetches newer ones.
    """


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from planner.cli.about import lines

        click.echo("\n".join(lines()))
        ctx.exit()


cli.params.append(
    Option(
        ["--version"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_version,
        help="Show the version and how old its data are.",
    )
)
cli = lang_option("Language of help, of errors and of what people read.", default=None, expose_value=False)(cli)
cli.params.append(help_option())


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 fine, 1 failed, 2 misused, 3 not allowed by a policy, 130 interrupted, 143 and 129 stopped by a signal.

    An error that is none of ours is one line as well; with PLANNER_DEBUG set it is the traceback.
    """
    from planner.cli import terminal

    terminal.prepare()
    try:
        code = run(args)
    except Exception as exc:
        if os.environ.get("PLANNER_DEBUG"):
            raise
        what = f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__
        said = "unexpected {what}; please report it, with what PLANNER_DEBUG=1 shows"
        code = _say(_worded(said, spoken(_line(args)), what=what), 1, "E199")
    if "coverage" in sys.modules:
        sys.exit(code)
    # All output is flushed and every file closed: freeing 100,000 objects one by one would take another 15 ms.
    os._exit(code)


def run(args: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; errors are one line on stderr."""
    line = _line(args)
    lang = spoken(line)
    if lang != "zh":
        return _run(line, lang)
    from planner.cli.chinese import speaking

    with speaking():
        return _run(line, lang)


def _line(args: Sequence[str] | None) -> list[str]:
    return list(sys.argv[1:] if args is None else args)


def _run(args: list[str], lang: str) -> int:
    try:
        code = _invoke(args, lang)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except PlannerError as exc:
        return _say(_framed(exc, exc.code, lang), exc.exit_code, exc.code)
    except click.ClickException as exc:
        return _misused(exc, lang)
    except BrokenPipeError:
        # The reader (`| head -1`) has gone: nothing to say, and nothing more to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except (KeyboardInterrupt, click.exceptions.Abort) as exc:
        number = getattr(exc, "number", 2)
        return _say(_worded("interrupted" if number == 2 else "stopped by a signal", lang), 128 + number)
    except RecursionError:
        return _say(_worded("the input is nested too deeply", lang), 2, "E202")
    except MemoryError:
        return _say(_worded("out of memory", lang), 1, "E110")
    except OSError as exc:
        said = f"{exc.filename}: {exc.strerror}" if exc.filename else str(exc)
        return _say(_framed(said, "E109", lang), 1, "E109")


def _invoke(args: list[str], lang: str) -> object:
    """Call the command, as `click.Group.main` does; that one also prints on an interrupt, and ends where a pipe breaks."""
    if _COMPLETE in os.environ or sys.platform == "win32":
        return cli.main(args=args, prog_name="planner", standalone_mode=False, obj=lang)
    try:
        with cli.make_context("planner", args, obj=lang) as context:
            return cli.invoke(context)
    except click.exceptions.Exit as exc:
        return exc.exit_code


def _misused(exc: click.ClickException, lang: str) -> int:
    """Say what click found wrong with a line; a group called without a command shows its help."""
    context = exc.ctx if isinstance(exc, click.UsageError) else None
    if (
        context is not None and type(exc).__name__ == "NoArgsIsHelpError"
    ):  # click 8.2; older ones print it and leave with 0
        print(context.get_help(), file=sys.stderr)
        return exc.exit_code
    if lang == "zh":
        from planner.cli.chinese import of_click

        said = of_click(exc)
    else:
        said = " ".join(exc.format_message().split())
    where = context.command_path if context else "planner"
    return _say(_worded("{said} (see `{where} --help`)", lang, said=said, where=where), exc.exit_code, "E201")


def _worded(said: str, lang: str, /, **values: str) -> str:
    """Return a sentence of this module in the language of the line, with its values."""
    if lang == "zh":
        from planner.cli.chinese import words

        said = words(said)
    return said.format(**values)


def _framed(error: PlannerError | str, code: str, lang: str) -> str:
    """Return an error's sentence; where there is no Chinese of it, in English with what its code means in Chinese behind it."""
    if lang != "zh":
        return str(error)
    from planner.cli.chinese import framed

    return framed(error, code)


def _say(message: str, code: int, name: str = "") -> int:
    """Say an error in one line, with its stable name (docs/errors.md); return the exit code."""
    from planner.harmless import one_line

    try:
        with contextlib.suppress(PlannerError):
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    print(f"planner: {one_line(scrubbed(' '.join(message.split())))}{name and f' [{name}]'}", file=sys.stderr)
    return code
