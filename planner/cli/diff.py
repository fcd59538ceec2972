"""`planner diff`: what changed between two saved quotes, in money and why."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import click

from planner.cli.help import Grouped
from planner.cli.options import BASES, put, saved_quote

if TYPE_CHECKING:
    from planner.quoting.diff import Diff


@click.command(cls=Grouped)
@click.argument("old", metavar="OLD.json")
@click.argument("new", metavar="NEW.json")
@click.option(
    "--fail-on-increase", "limit", metavar="PERCENT", help="Exit 1 when the cost rises by more than this (5%)."
)
@click.option("--offer", metavar="ID", help="Judge this offer.  [the recommended of each quote]")
@click.option(
    "--basis", type=click.Choice(BASES), default="obligation", help="What the increase is judged on.  [obligation]"
)
@click.option(
    "--top",
    type=click.IntRange(0),
    metavar="N",
    help="Show the N that changed most; 0 = all.  [the recommended and what changed within twice its cost]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "markdown"]),
    default="table",
    help="Output format.  [table]",
)
@click.option("-o", "--output", metavar="FILE", help="Write to a file instead of the terminal.")
@click.option("--strict", is_flag=True, help="Exit 1 when a file was changed after it was saved.")
@click.option("--force", is_flag=True, help="Replace a file that planner did not write.")
def diff(
    old: str,
    new: str,
    strict: bool,
    limit: str | None,
    offer: str | None,
    basis: str,
    top: int | None,
    form: str,
    output: str | None,
    force: bool,
) -> int:
    """What changed between two saved quotes (`planner quote --format json`), split exactly into price, discount,
    exchange rate, hours, count and volume."""
    from planner.quoting.diff import compare, increase
    from planner.rendering.diff import FORMATS

    most = _limit(limit) if limit is not None else None
    result = compare(saved_quote(old, strict), saved_quote(new, strict), basis)
    rise = increase(result, offer or "")
    text = FORMATS[form](result, top, offer or "")
    put(text, output, force)
    return 0 if most is None else _verdict(result, offer or "", rise, most)


def _verdict(result: Diff, offer: str, rise: Decimal | None, most: Decimal) -> int:
    from planner.money import plain, show

    name = offer or "the recommended offer"
    if rise is None:
        lost = (
            next((o.status for o in result.offers if o.id == offer), "") == "gone"
            if offer
            else result.before is not None and result.after is None
        )
        if lost:
            click.echo(f"planner: {name} is gone: the new quote has no complete offer to compare", err=True)
            return 1
        click.echo(f"planner: {name} is in the new quote only: no increase to judge", err=True)
        return 0
    if rise > most:
        click.echo(f"planner: {name} costs {show(rise)} % more, over the limit of {plain(most)} %", err=True)
        return 1
    return 0


def _limit(text: str) -> Decimal:
    from planner.errors import MisuseError
    from planner.money import decimal_of

    value = decimal_of(text.strip().removesuffix("%").rstrip(), "--fail-on-increase")
    if value < 0:
        raise MisuseError("--fail-on-increase: write a share such as 5%, not below zero")
    return value
