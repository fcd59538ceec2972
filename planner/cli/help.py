"""Help in groups: `--help` shows the options used most, `--help-all` every one, in the same groups for every command.

An option in no group is a command's own: it stands first and is always shown. To add an option to a group, name it in the table
below; the table may name what a command does not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

__all__ = ["BATCH", "COMMAND_GROUPS", "MOST_USED", "OUTPUT", "SHARED", "Grouped", "help_option"]

#: (title, commands in the order in which `planner --help` shows them)
COMMAND_GROUPS: tuple[tuple[str, str], ...] = (
    ("Plan", "quote size explain init models"),
    ("Buy", "commit portfolio rent-or-buy"),
    ("Run", "emit-tf emit-k8s price verify rightsize diagnose doctor"),
    ("Prices", "catalog refresh book"),
    ("Share and review", "diff gate actual serve mcp completion man"),
)

#: (title, options in the order in which they are shown)
SHARED: tuple[tuple[str, str], ...] = (
    (
        "What must run",
        "--hours --use --start --model --model-config --online --precision --kv-cache-dtype --engine "
        "--pipeline-gbps --measurements",
    ),
    (
        "Its load",
        "--preset --rps --concurrency --tokens-per-second --input-tokens --output-tokens --context-tokens --ttft-ms --tpot-ms "
        "--headroom --count --spare",
    ),
    (
        "Traffic, disks, addresses",
        "--egress-gb --egress-to --egress-months --inter-region-gb --storage-gb --public-ips",
    ),
    ("Where to look", "--provider --region --data-stays --gpu --instance-type --purchase-option --low-confidence"),
    (
        "Money",
        "--budget --budget-basis --currency --fx --discount --discount-rate --tax --fiscal-year-start --contract",
    ),
    ("Prices", "--price-book --price-book-db --offline-list --as-of --max-age --strict"),
)
#: Of `quote` alone.
BATCH: tuple[tuple[str, str], ...] = (
    ("Beside the clouds", "--own --beside-apis --cache-hits --neighbours"),
    ("A batch with a deadline", "--tokens --by --spot-share --spot-interruption"),
)
OUTPUT: tuple[tuple[str, str], ...] = (
    ("Output", "--format --output --lang --top --force --charts --from-tf --target --replay --tag"),
    ("Only with --format table", "--sort --wide --gaps --rejected --explain --infrastructure"),
    ("Only with --format markdown", "--compare"),
    ("Only with --format focus", "--offer --granularity --allow-unpriced"),
)
MOST_USED = frozenset(
    (
        "--hours --model --precision --preset --rps --input-tokens --output-tokens --egress-gb --provider --region --instance-type "
        "--purchase-option --budget --format --output --lang"
    ).split()
)

#: Longer names stand on a line of their own.
_COLUMN = 24


def help_option() -> click.Option:
    """Return `--help`. click's own asks gettext for its sentence, which looks for files and loads `locale`: two ms of a quote."""
    return click.Option(
        ["-h", "--help"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_some,
        help="Show this message and exit.",
    )


class Grouped(click.Command):
    """A command whose help comes in groups. groups: its table. most: what `--help` shows of it, None for everything."""

    def __init__(
        self,
        *args: Any,
        groups: Sequence[tuple[str, str]] = SHARED,
        most: frozenset[str] | None = MOST_USED,
        **attributes: Any,
    ) -> None:
        super().__init__(*args, **{**attributes, "add_help_option": False})
        self.groups, self.most = groups, most
        self.params.append(help_option())
        if most is not None:
            self.params.append(
                click.Option(
                    ["--help-all"],
                    is_flag=True,
                    is_eager=True,
                    expose_value=False,
                    callback=_all,
                    help="Show every option.",
                )
            )

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        most = None if ctx.meta.get("planner.help_all") else self.most
        found: dict[str, tuple[str, str]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and isinstance(param, click.Option):
                found[max(param.opts, key=len)] = record
        last = [found.pop(name) for name in ("--help-all", "--help") if name in found]
        grouped = {name for _, names in self.groups for name in names.split()}
        own = [record for name, record in found.items() if name not in grouped]
        sections: list[tuple[str, list[tuple[str, str]]]] = [("Options", own)]
        hidden = 0
        for title, names in self.groups:
            here = [name for name in names.split() if name in found]
            shown = [name for name in here if most is None or name in most]
            hidden += len(here) - len(shown)
            sections.append((title, [found[name] for name in shown]))
        if hidden:
            last[0] = (last[0][0], f"Show {hidden} more options.")
        sections.append(("Help", last))
        # One column of names for all groups, so that the eye need not jump.
        column = max(len(name) for _, records in sections for name, _ in records if len(name) <= _COLUMN)
        for title, records in sections:
            if records:
                with formatter.section(title):
                    formatter.write_dl([(name.ljust(column), said) for name, said in records])


def _some(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


def _all(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.meta["planner.help_all"] = True
    _some(ctx, param, value)
