"""`planner actual`: what was planned against what the cloud billed."""

from __future__ import annotations

import click

from planner.cli.help import Grouped, lang_option
from planner.cli.options import put, saved_quote
from planner.cli.screen import columns


@click.command(cls=Grouped)
@click.argument("plan", metavar="QUOTE.json")
@click.argument("bill", metavar="FOCUS.csv")
@click.option("--offer", metavar="ID", help="The offer that was bought.  [the recommended one]")
@click.option("--tag", metavar="KEY=VALUE", multiple=True, help="Only rows of the bill that bear this tag.")
@click.option(
    "--basis",
    type=click.Choice(("billed", "effective")),
    default="billed",
    help="Cash, or spread over the term.  [billed]",
)
@click.option("--format", "form", type=click.Choice(("table", "json")), default="table", help="Output format.  [table]")
@lang_option("Language of the table.")
@click.option("-o", "--output", metavar="FILE", help="Write to a file instead of the terminal.")
@click.option("--strict", is_flag=True, help="Exit 1 when the saved quote was changed.")
@click.option("--force", is_flag=True, help="Replace a file that planner did not write.")
def actual(
    plan: str,
    bill: str,
    offer: str | None,
    tag: tuple[str, ...],
    basis: str,
    form: str,
    lang: str,
    output: str | None,
    strict: bool,
    force: bool,
) -> int:
    """What a saved quote planned against what the cloud billed, by month and category, and what explains the difference.

    FOCUS.csv is the cloud's own export of its bill: FOCUS 1.0 to 1.2, also .csv.gz, and .parquet with the extra of that name.
    """
    from planner.i18n import translator
    from planner.quoting.actual import compare
    from planner.quoting.bill import read
    from planner.rendering.actual import FORMATS
    from planner.rendering.focus import pick
    from planner.tags import tags_of

    quote = saved_quote(plan, strict)
    made = compare(quote, pick(quote, offer or ""), read(bill), basis, tags_of(tag) if tag else ())
    text = FORMATS[form](made, translator(lang), columns() if output is None else None)
    put(text, output, force)
    return 0
