"""`planner quote`: the main command."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from planner.cli.options import book_options, make_quote, make_workload, open_catalog, workload_options
from planner.errors import BudgetError, MisuseError, StaleError

if TYPE_CHECKING:
    from planner.quote import Quote

FORMATS = ("table", "json", "csv", "html", "markdown")


@click.command()
@workload_options
@book_options
@click.option("--strict", is_flag=True, help="Exit 1 when a provider's prices are stale.")
@click.option("--top", type=click.IntRange(1, 1000), metavar="N", help="Offers per provider and way of buying shown.  [1; page 2]")
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", help="Output format.  [table]")
@click.option("-o", "--output", metavar="FILE", help="Write to a file instead of the terminal.")
@click.option("--lang", type=click.Choice(("en", "zh")), default="en", help="Language of table, page and Markdown.  [en]")
@click.option("--compare", metavar="OLD.json", help="Markdown: say what changed since an earlier JSON quote.")
@click.option("--charts", metavar="DIR", help="Also write the main charts as PNG and SVG into this folder.")
@click.option("--explain", is_flag=True, help="Unfold the cheapest offer of each provider.")
@click.option("--from-tf", metavar="DIR", help="Price what the module in DIR provisions, as its HCL stands now.")
@click.option("--replay", metavar="FILE", help="Show a saved JSON quote again, from the prices it carries.")
def quote(
    strict: bool, top: int | None, form: str, lang: str, compare: str | None, charts: str | None, output: str | None, explain: bool, from_tf: str | None, replay: str | None, price_book: tuple[str, ...],
    price_book_db: str | None, offline_list: bool, as_of: str | None, **values: Any,
) -> int:  # fmt: skip
    """What a workload costs on each cloud: on-demand, committed and spot, with traffic, from dated prices.

    Without a workload it is the reference case: DeepSeek-R1-Distill-Qwen-7B at FP16 with 20 % headroom.
    """
    if replay:
        result = _replay(replay, values)
    else:
        base = None
        if from_tf:
            from planner.terraform.readback import workload_of

            base = workload_of(from_tf)
        workload = make_workload(values, base)
        result = make_quote(workload, open_catalog(price_book, price_book_db, offline_list, as_of))
    if compare and form != "markdown":
        raise MisuseError("--compare goes with --format markdown")
    text = _render(result, form, top, explain, output is None, lang, compare)
    if charts:
        from planner.render.charts import write

        write(result, charts, top or 1, lang)
    if output:
        from planner.files import write_new

        write_new(output, text)
    elif isinstance(text, bytes) and hasattr(sys.stdout, "buffer"):
        sys.stdout.flush()
        sys.stdout.buffer.write(text)
    else:
        sys.stdout.write(text if isinstance(text, str) else text.decode())
    _verdict(result, strict)
    return 0


def _replay(path: str, values: dict[str, Any]) -> Quote:
    given = [k for k, v in values.items() if v is not None and v != ()]
    if given:
        raise MisuseError(f"--replay shows a saved quote as it was; --{given[0].replace('_', '-')} cannot change it")
    from planner.files import read_text
    from planner.render.json import load

    return load(read_text(path, "quote", 256 * 2**20), path)


def _render(
    result: Quote, form: str, top: int | None, explain: bool, to_terminal: bool, lang: str, compare: str | None
) -> str | bytes:
    if form == "json":
        from planner.render.json import dump_bytes

        return dump_bytes(result)
    if form == "csv":
        from planner.render.csv import dump as dump_csv

        return dump_csv(result)
    if form == "html":
        from planner.render.html import dump as dump_html

        return dump_html(result, top or 2, lang)
    if form == "markdown":
        from planner.render.markdown import dump as dump_markdown

        return dump_markdown(result, top or 1, lang, _replay(compare, {}) if compare else None)
    from planner.i18n import translator
    from planner.render.table import dump as dump_table

    colour = to_terminal and sys.stdout.isatty()
    text = dump_table(result, top or 1, colour, translator(lang))
    if explain:
        from planner.render.explain import dump as dump_explain

        seen: set[str] = set()
        for offer in result.offers:
            if offer.provider not in seen:
                seen.add(offer.provider)
                text += "\n" + dump_explain(result, offer, translator(lang))
    return text


def _verdict(result: Quote, strict: bool) -> None:
    budget = result.budget
    if budget is not None and not budget.fits:
        from planner.money import show

        if budget.cheapest is None:
            raise BudgetError(f"nothing fits the budget of {show(budget.limit)} {budget.currency}: no offer serves the workload")
        raise BudgetError(
            f"nothing fits the budget of {show(budget.limit)} {budget.currency}: the cheapest bills "
            f"{show(budget.cheapest)}, {show(budget.cheapest - budget.limit)} over"
        )
    if strict and result.stale:
        raise StaleError("; ".join(f"{s.provider}: {s.message}" for s in result.stale))
