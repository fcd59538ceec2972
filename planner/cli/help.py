"""Help in groups: `--help` shows the fifteen options used most, `--help-all` every one, in the same groups for every command.

To add an option, name it in its group below; for a command of more than fifteen FIRST says which are shown first.

Help is written in English and laid out by click. Where `language` says "zh" it goes through planner.cli.chinese, which is
imported only then and finds each text in data/help.csv: a new help text gets its row there (tests/cli/test_chinese.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

__all__ = [
    "COMMAND_GROUPS",
    "FIRST",
    "FORMS",
    "GROUPS",
    "MOST",
    "Context",
    "Group",
    "Grouped",
    "Option",
    "help_option",
    "lang_option",
    "language",
    "option",
    "spoken",
    "typed",
]

F = TypeVar("F", bound=Callable[..., Any])

#: The environment's word on the language: zh, zh_CN, zh-Hans ... and en alike; the locale has none, lest scripts change.
VARIABLE = "PLANNER_LANG"

#: (title, commands in the order in which `planner --help` shows them)
COMMAND_GROUPS: tuple[tuple[str, str], ...] = (
    ("Plan", "quote size explain init models"),
    ("Buy", "commit portfolio rent-or-buy"),
    ("Run", "emit-tf emit-k8s price verify rightsize diagnose doctor"),
    ("Prices", "catalog refresh book"),
    ("Share and review", "diff gate actual serve mcp completion man"),
)

#: (title, options in the order in which they are shown): every option of every command, in one order.
GROUPS: tuple[tuple[str, str], ...] = (
    (
        "What must run",
        "--hours --use --start --model --model-config --online --precision --kv-cache-dtype --engine --pipeline-gbps "
        "--measurements --served-model",
    ),
    (
        "Its load",
        "--preset --rps --concurrency --tokens-per-second --input-tokens --output-tokens --context-tokens --ttft-ms --tpot-ms "
        "--headroom --count --spare --arrival",
    ),
    (
        "Traffic, disks, addresses",
        "--egress-gb --egress-to --egress-months --inter-region-gb --storage-gb --public-ips",
    ),
    (
        "Where to look",
        "--provider --region --data-stays --site --gpu --gpus --tp --instance-type --family --item --purchase-option --low-confidence "
        "--all",
    ),
    (
        "Demand and commitment",
        "--demand --scenario --worst --repeat --term --shared --machine --min-replicas --scale-up-minutes --mix-types --price-falls "
        "--jobs",
    ),
    ("A batch with a deadline", "--tokens --by"),
    ("Spot", "--spot-share --spot-interruption --spot-limit"),
    ("Beside the clouds", "--own --beside-apis --cache-hits --neighbours"),
    (
        "Money",
        "--budget --budget-basis --currency --fx --discount --discount-rate --tax --fiscal-year-start --contract --tag",
    ),
    (
        "Prices",
        "--price-book --price-book-db --offline-list --as-of --since --from-list --max-age --strict --public --endpoint --keep-raw "
        "--self-check --confirm-days --dry-run",
    ),
    ("What was measured", "--prometheus --days --running --label --max-minutes --max-requests --max-cost --save"),
    ("Under review", "--base --policy --comment --basis --fail-on-increase"),
    (
        "What is deployed",
        "--quote --offer --name --existing-cluster --namespace --kubernetes --checkpoint --registry --image --deadline "
        "--reserve-capacity --check-quota --most-nodes --group --on-demand-share --fallback --queue --observe --stress "
        "--power-off-on-failure --as-module --backend --state-bucket --var --var-file",
    ),
    (
        "Network",
        "--zone --client-cidr --open-to-internet --vpc-id --subnet-id --security-group-id --vpc-cidr --balancer "
        "--balancer-certificate --balancer-name --balancer-subnet-id --lb-subnet --gateway-class --host --port --http",
    ),
    (
        "Secrets and alerts",
        "--api-key-secret --hf-token-secret --alert-webhook-secret --alert-email --accept-advisory",
    ),
    (
        "Output",
        "--format --output --lang --top --sort --wide --gaps --rejected --explain --infrastructure --folder --yes --sources --plot "
        "--force --charts --from-tf --target --replay --validate --plan",
    ),
)
#: Of `quote` alone: there these options go with one format, and stand under it, after all others.
FORMS: tuple[tuple[str, str], ...] = (
    ("Only with --format table", "--sort --wide --gaps --rejected --explain --infrastructure"),
    ("Only with --format markdown", "--compare"),
    ("Only with --format focus", "--offer --granularity --allow-unpriced"),
)
#: How many options `--help` shows.
MOST = 15
#: Those of each command that has more.
FIRST: dict[str, str] = {
    "quote": "--hours --model --preset --rps --input-tokens --output-tokens --egress-gb --provider --region --instance-type "
    "--purchase-option --budget --format --output --lang",
    "explain": "--offer --replay --hours --model --precision --preset --rps --input-tokens --output-tokens --provider --region "
    "--instance-type --price-book --as-of --lang",
    "commit": "--demand --scenario --repeat --term --min-replicas --mix-types --spot-share --own --model --provider --region "
    "--instance-type --format --output --lang",
    "portfolio": "--shared --term --min-replicas --spot-share --own --jobs --hours --provider --region --purchase-option --budget "
    "--currency --format --output --lang",
    "rent-or-buy": "--own --machine --demand --hours --model --preset --rps --input-tokens --output-tokens --provider --region "
    "--currency --format --output --lang",
    "size": "--model --precision --preset --rps --concurrency --input-tokens --output-tokens --ttft-ms --tpot-ms --gpu --gpus "
    "--instance-type --format --lang --explain",
    "verify": "--model --precision --engine --concurrency --input-tokens --output-tokens --gpu --gpus --instance-type --max-minutes "
    "--max-cost --save --quote --offer --format",
    "rightsize": "--hours --model --provider --region --instance-type --purchase-option --since --prometheus --days --running --label "
    "--save --offer --format --lang",
    "diagnose": "--model --model-config --precision --kv-cache-dtype --engine --concurrency --input-tokens --output-tokens "
    "--context-tokens --count --gpu --gpus --instance-type --format --lang",
    "emit-tf": "--model --rps --region --instance-type --purchase-option --quote --offer --name --deadline --zone --client-cidr "
    "--alert-email --validate --output --lang",
    "emit-k8s": "--model --rps --region --instance-type --purchase-option --min-replicas --quote --offer --name --existing-cluster "
    "--namespace --deadline --observe --host --output",
}

#: Longer names stand on a line of their own.
_COLUMN = 24


def spoken(args: Sequence[str]) -> str:
    """Return the language of a line as it was typed: --lang's, else the environment's, which is "" where it says neither."""
    said = ""
    for at, word in enumerate(args):
        if word == "--":
            break
        if word == "--lang" and at + 1 < len(args):
            said = args[at + 1]
        elif word.startswith("--lang="):
            said = word[7:]
    return said if said in ("en", "zh") else _environment()


def _environment() -> str:
    said = os.environ.get(VARIABLE, "")
    found = said.replace("-", "_").partition("_")[0].lower() if said else "en"
    return found if found in ("en", "zh") else ""


def language(ctx: click.Context) -> str:
    """Return "zh" where the help and errors of `ctx` are to be Chinese, else "en". The line's language is the context's object."""
    return "zh" if (ctx.obj or _environment()) == "zh" else "en"


class Context(click.Context):
    """A context whose help is laid out for its language."""

    def make_formatter(self) -> click.HelpFormatter:
        """Return click's own formatter, or that for Chinese."""
        if language(self) == "en":
            return super().make_formatter()
        from planner.cli.chinese import Formatter

        return Formatter(width=self.terminal_width, max_width=self.max_content_width)


class Option(click.Option):
    """An option whose help is taken as it stands, one line; click tidies it with `inspect`, which a quote need not load."""

    def __init__(self, *args: Any, help: str | None = None, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.help = help


def option(*names: str, **attributes: Any) -> Callable[[F], F]:
    """Add such an option to a command, as `click.option` does."""
    return click.option(*names, cls=Option, **attributes)


def lang_option(what: str = "Language of what people read.", **attributes: Any) -> Callable[[F], F]:
    """Add --lang to a command. what: begins its help."""
    said = f"{what}  [$PLANNER_LANG, or en]"
    return option("--lang", type=click.Choice(("en", "zh")), help=said, **{"default": _usual, **attributes})


def _usual() -> str:
    """Return the language that holds where the command's own --lang says nothing: `planner --lang`'s, or the environment's."""
    from planner.errors import MisuseError

    context = click.get_current_context(silent=True)
    found = str((context and context.obj) or _environment())
    if not found:
        raise MisuseError(f"{VARIABLE}: no texts in {os.environ[VARIABLE]!r}: en and zh are there")
    return found


def typed(name: str) -> bool:
    """Return whether a parameter of the command that runs was typed, rather than left to its default."""
    source = click.get_current_context().get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def help_option() -> click.Option:
    """Return `--help`. click's own asks gettext for its sentence, which looks for files and loads `locale`: two ms of a quote."""
    return Option(
        ["-h", "--help"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_some,
        help="Show this message and exit.",
    )


class Grouped(click.Command):
    """A command whose help comes in groups. also: groups that its options stand in rather than in those of all commands."""

    context_class = Context

    def __init__(self, *args: Any, also: Sequence[tuple[str, str]] = (), **attributes: Any) -> None:
        super().__init__(*args, **{**attributes, "add_help_option": False})
        self.also = also
        self.params.append(help_option())
        self.params.append(
            Option(
                ["--help-all"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_all,
                help="Show every option.",
            )
        )

    def groups(self) -> list[tuple[str, list[str]]]:
        """Return the groups of its options, each with the names that stand there."""
        own = {name for _, names in self.also for name in names.split()}
        every = [(title, [name for name in names.split() if name not in own]) for title, names in GROUPS]
        return [*every, *((title, names.split()) for title, names in self.also)]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        found: dict[str, tuple[str, str]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and isinstance(param, click.Option):
                found[max(param.opts, key=len)] = record
        more, last = found.pop("--help-all"), found.pop("--help")
        some = FIRST.get(self.name or "", "").split() if len(found) > MOST else list(found)
        if ctx.meta.get("planner.help_all"):
            some = list(found)
        sections: list[tuple[str, list[tuple[str, str]]]] = []
        for title, names in self.groups():
            sections.append((title, [found[name] for name in names if name in found and name in some]))
        hidden = len(found) - sum(len(records) for _, records in sections)
        sections.append(("Help", [*([(more[0], _more(ctx, hidden))] if hidden else []), last]))
        heading, wide, pad = _laid_out(ctx)
        sections = [(title, [(heading(name), said) for name, said in records]) for title, records in sections]
        # One column of names for all groups, so that the eye need not jump.
        column = max(wide(name) for _, records in sections for name, _ in records if wide(name) <= _COLUMN)
        for title, records in sections:
            if records:
                with formatter.section(title):
                    formatter.write_dl([(pad(name, column), said) for name, said in records], col_max=column)


def _laid_out(ctx: click.Context) -> tuple[Callable[[str], str], Callable[[str], int], Callable[[str, int], str]]:
    """Return what words the name of an option, how wide a text is, and what fills it up to a column."""
    if language(ctx) == "en":
        return str, len, str.ljust
    from planner.cli.chinese import heading
    from planner.i18n import pad, width

    return heading, width, pad


def _more(ctx: click.Context, hidden: int) -> str:
    said = "Show {count} more options."
    if language(ctx) == "zh":
        from planner.cli.chinese import words

        said = words(said)
    return said.format(count=hidden)


class Group(click.Group):
    """A group of commands whose help comes in groups."""

    command_class = Grouped
    context_class = Context

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, each with the whole first paragraph of its help; click's own cuts it at 45 signs."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, _first(command.help or "")) for name, command in found if command is not None])


def _first(text: str) -> str:
    return " ".join(text.strip().partition("\n\n")[0].split())


def _some(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


def _all(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.meta["planner.help_all"] = True
    _some(ctx, param, value)
