"""`planner catalog services`: the prices of what stands beside an instance."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from planner.cli.help import Grouped
from planner.cli.options import book_options, open_catalog, put
from planner.cli.screen import colours
from planner.errors import MisuseError, suggest

if TYPE_CHECKING:
    from planner.offer import ServicePrice, TransferPrice

__all__ = ["services"]

_HEADER = (
    "provider,site,region,item,variant,from,to,amount,currency,unit,as of,confirmed,confidence,state,printed for".split(
        ","
    )
)


@click.command(cls=Grouped)
@click.option(
    "--item", metavar="ITEM", multiple=True, help="Only this item (block_storage, nat_gateway, internet ...)."
)
@click.option("--region", metavar="ID", multiple=True, help="Only this region.  [the provider's home regions]")
@click.option("--provider", metavar="NAME", multiple=True, help="Only this provider.")
@click.option("--all", "everything", is_flag=True, help="Also replaced and low-confidence rows.")
@click.option("--format", "form", type=click.Choice(["table", "csv"]), default="table", help="Output format.  [table]")
@book_options
def services(
    item: tuple[str, ...], region: tuple[str, ...], provider: tuple[str, ...], everything: bool, form: str, **books: Any
) -> int:
    """List the prices of traffic, disks, addresses, gateways and balancers, one row each."""
    from planner.rendering.columns import grid

    book = open_catalog(**books)
    names = provider or book.providers()
    known = {name: book.regions(name) for name in names if book.info(name)}
    for place in region:
        if not any(place in regions for regions in known.values()):
            raise MisuseError(f"unknown region {place!r}: {suggest(place, {r for k in known.values() for r in k})}")
    found: list[TransferPrice | ServicePrice] = []
    for name in names:
        places = [place for place in region if place in known[name]] if region else book.info(name).home_regions
        for place in places:
            found += (*book.transfer(name, place), *book.services(name, place))
    items = {_item(row) for row in found}
    for word in item:
        if word not in items:
            raise MisuseError(f"no price of {word!r} there: {suggest(word, items)}")
    rows = [
        _row(row)
        for row in found
        if (everything or not (row.status or row.source.confidence == "low")) and (not item or _item(row) in item)
    ]
    if form == "csv":
        import csv
        from io import StringIO

        from planner.harmless import cell

        out = StringIO()
        head = [name.replace(" ", "_") for name in _HEADER]
        csv.writer(out, lineterminator="\n").writerows([head, *([cell(text) for text in row] for row in rows)])
        put(out.getvalue(), None, people=False)
        return 0
    if not rows:
        sys.stdout.write("No price fits; loosen the filters, or add --all for rows that quotes leave out.\n")
        return 0
    sys.stdout.write("\n".join(grid(_HEADER, rows, {5, 6, 7}, colours())) + f"\n{len(rows)} prices\n")
    return 0


def _item(row: TransferPrice | ServicePrice) -> str:
    return getattr(row, "item", "") or getattr(row, "destination", "")


def _row(row: TransferPrice | ServicePrice) -> list[str]:
    from planner.money import plain
    from planner.offer import TransferPrice

    source = row.source
    last = [source.as_of or "undated", source.confirmed, source.confidence, row.status or source.origin, source.group]
    if isinstance(row, TransferPrice):
        steps = row.from_gb or row.to_gb is not None
        start, end = (plain(row.from_gb), "" if row.to_gb is None else plain(row.to_gb)) if steps else ("", "")
        what = [row.destination, "free quota" if row.quota else row.to_region, start, end, plain(row.amount)]
        return [row.provider, row.site, row.region, *what, row.currency, "GB", *last]
    what = [row.item, row.variant + (" *" if row.default else ""), "", "", plain(row.amount)]
    return [row.provider, row.site, row.region, *what, row.currency, row.unit, *last]
