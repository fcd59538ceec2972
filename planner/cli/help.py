"""Help in groups: `--help` shows the fifteen options used most, `--help-all` every one, in the same groups for every command.

To add an option, name it in its group below; for a command of more than fifteen FIRST says which are shown first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

__all__ = ["COMMAND_GROUPS", "FIRST", "FORMS", "GROUPS", "MOST", "Group", "Grouped", "Option", "help_option", "option"]

F = TypeVar("F", bound=Callable[..., Any])

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
    "--instance-type --price-book --as-of --strict",
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


class Option(click.Option):
    """An option whose help is taken as it stands, one line; click tidies it with `inspect`, which a quote need not load."""

    def __init__(self, *args: Any, help: str | None = None, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.help = help


def option(*names: str, **attributes: Any) -> Callable[[F], F]:
    """Add such an option to a command, as `click.option` does."""
    return click.option(*names, cls=Option, **attributes)


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
        sections.append(("Help", [*([(more[0], f"Show {hidden} more options.")] if hidden else []), last]))
        # One column of names for all groups, so that the eye need not jump.
        column = max(len(name) for _, records in sections for name, _ in records if len(name) <= _COLUMN)
        for title, records in sections:
            if records:
                with formatter.section(title):
                    formatter.write_dl([(name.ljust(column), said) for name, said in records])


class Group(click.Group):
    """A group of commands whose help comes in groups."""

    command_class = Grouped


def _some(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


def _all(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.meta["planner.help_all"] = True
    _some(ctx, param, value)
