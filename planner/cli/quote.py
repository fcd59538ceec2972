"""`planner quote`: the main command."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from planner.cli.options import book_options, make_quote, make_workload, open_catalog, workload_options
from planner.errors import BudgetError, MisuseError, StaleError

if TYPE_CHECKING:
    from planner.quoting.records import Quote

FORMATS = ("table", "json", "csv", "xlsx", "html", "markdown", "focus")

#: Formats that recompute carry every price that an offer could need.
RECOMPUTE = ("xlsx", "html")


@click.command()
@workload_options
@book_options
@click.option("--strict", is_flag=True, help="Exit 1 when a provider's prices are stale.")
@click.option(
    "--top",
    type=click.IntRange(1, 1000),
    metavar="N",
    help="Offers per provider and way of buying shown.  [1; workbook 3]",
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", help="Output format.  [table]")
@click.option("-o", "--output", metavar="FILE", help="Write to a file instead of the terminal.")
@click.option("--lang", type=click.Choice(("en", "zh")), default="en", help="Language of what people read.  [en]")
@click.option("--offer", metavar="ID", help="FOCUS rows: the offer to write.  [the one to recommend]")
@click.option("--compare", metavar="OLD.json", help="Markdown: say what changed since an earlier JSON quote.")
@click.option("--charts", metavar="DIR", help="Also write the main charts as PNG and SVG into this folder.")
@click.option("--explain", is_flag=True, help="Unfold the cheapest offer of each provider.")
@click.option("--from-tf", metavar="DIR", help="Price what the module in DIR provisions, as its HCL stands now.")
@click.option("--replay", metavar="FILE", help="Show a saved JSON quote again, from the prices it carries.")
def quote(
    price_book: tuple[str, ...],
    price_book_db: str | None,
    offline_list: bool,
    as_of: str | None,
    strict: bool,
    top: int | None,
    form: str,
    output: str | None,
    lang: str,
    offer: str | None,
    compare: str | None,
    charts: str | None,
    explain: bool,
    from_tf: str | None,
    replay: str | None,
    **values: Any,
) -> int:
    """What a workload costs on each cloud: on-demand, committed and spot, with traffic, from dated prices.

    Without a workload it is the reference case: DeepSeek-R1-Distill-Qwen-7B at FP16 with 20 % headroom.
    """
    _fits(form, output, offer, compare, explain)
    if replay:
        result = _replay(replay, values)
    else:
        base = None
        if from_tf:
            from planner.terraform.readback import workload_of

            base = workload_of(from_tf)
        workload = make_workload(values, base)
        books = open_catalog(price_book, price_book_db, offline_list, as_of)
        result = make_quote(workload, books, form in RECOMPUTE)
    if form == "table":
        text: str | bytes = _table(result, top or 1, lang, explain, output is None)
    else:
        text = _file(result, form, top, lang, offer, compare)
    if charts:
        from planner.rendering.charts import write

        write(result, charts, top or 1, lang)
    _put(text, output)
    _verdict(result, strict)
    return 0


def _fits(form: str, output: str | None, offer: str | None, compare: str | None, explain: bool) -> None:
    """Refuse options that do not go with the format."""
    if form == "xlsx" and not output:
        raise MisuseError("--format xlsx writes a file: name it with -o review.xlsx")
    if offer and form != "focus":
        raise MisuseError("--offer goes with --format focus")
    if compare and form != "markdown":
        raise MisuseError("--compare goes with --format markdown")
    if explain and form != "table":
        raise MisuseError("--explain goes with the table; JSON carries every formula anyway")


def _replay(path: str, values: dict[str, Any]) -> Quote:
    given = [k for k, v in values.items() if v is not None and v != ()]
    if given:
        raise MisuseError(f"--replay shows a saved quote as it was; --{given[0].replace('_', '-')} cannot change it")
    from planner.quoting.saved import read

    return read(path)


def _file(result: Quote, form: str, top: int | None, lang: str, offer: str | None, compare: str | None) -> str | bytes:
    if form == "json":
        from planner.rendering.json import dump_bytes

        return dump_bytes(result)
    if form == "csv":
        from planner.rendering.csv import dump as dump_csv

        return dump_csv(result)
    if form == "xlsx":
        from planner.rendering.xlsx import dump as dump_xlsx

        return dump_xlsx(result, top or 3, lang)
    if form == "focus":
        from planner.rendering.focus import dump as dump_focus

        return dump_focus(result, offer or "")
    if form == "html":
        from planner.rendering.html import dump as dump_html

        return dump_html(result, top or 1, lang)
    from planner.rendering.markdown import dump as dump_markdown

    return dump_markdown(result, top or 1, lang, _replay(compare, {}) if compare else None)


def _table(result: Quote, top: int, lang: str, explain: bool, to_terminal: bool) -> str:
    from planner.i18n import translator
    from planner.rendering.table import dump

    speak = translator(lang)
    text = dump(result, top, to_terminal and sys.stdout.isatty(), speak)
    if explain:
        from planner.rendering.explain import dump as dump_explain

        seen: set[str] = set()
        for offer in result.offers:
            if offer.provider not in seen:
                seen.add(offer.provider)
                text += "\n" + dump_explain(result, offer, speak)
    return text


def _put(text: str | bytes, output: str | None) -> None:
    if output:
        from planner.files import write_new

        write_new(output, text)
    elif isinstance(text, bytes) and hasattr(sys.stdout, "buffer"):
        sys.stdout.flush()
        sys.stdout.buffer.write(text)
    else:
        sys.stdout.write(text if isinstance(text, str) else text.decode())


def _verdict(result: Quote, strict: bool) -> None:
    budget = result.budget
    if budget is not None and not budget.fits:
        from planner.money import show

        if budget.cheapest is None:
            raise BudgetError(
                f"nothing fits the budget of {show(budget.limit)} {budget.currency}: no offer serves the workload"
            )
        raise BudgetError(
            f"nothing fits the budget of {show(budget.limit)} {budget.currency}: the cheapest bills "
            f"{show(budget.cheapest)}, {show(budget.cheapest - budget.limit)} over"
        )
    if strict and result.stale:
        raise StaleError("; ".join(f"{s.provider}: {s.message}" for s in result.stale))
