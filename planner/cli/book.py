"""`planner catalog diff|export|import`: the price book over time, and shared."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from planner.cli.help import Group, Grouped, lang_option
from planner.errors import MisuseError, PriceBookError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.i18n import English
    from planner.prices.book import PriceBook
    from planner.prices.book.write import Change

__all__ = ["add_to"]

_DB = click.option(
    "--price-book-db", metavar="FILE", help="The price book.  [prices.sqlite3 in $PLANNER_HOME or your data folder]"
)


@click.group(cls=Group)
def book() -> None:
    """Share the price book: its whole history as one file, with digests."""


def add_to(group: click.Group) -> None:
    """Attach the commands of the price book to the group `planner catalog`."""
    for command in (diff, export, import_):
        group.add_command(command)


def _open(price_book_db: str | None) -> PriceBook:
    from planner.cli.options import book_path, read_book
    from planner.prices.book.places import shown

    book = read_book(price_book_db)
    if book is None:
        raise PriceBookError(
            f"no price book at {shown(book_path(price_book_db))} yet: `planner refresh` or `planner catalog import FILE` makes one"
        )
    return book


@click.command(cls=Grouped)
@click.argument("folders", metavar="[OLD NEW]", nargs=-1)
@click.option(
    "--since", metavar="DATE", help="Changes after this day.  [what the newest refresh of each region changed]"
)
@click.option("--from-list", is_flag=True, help="Where the book differs from the committed list instead.")
@click.option("--provider", metavar="NAME", default="", help="Only this provider.")
@click.option("--region", metavar="ID", default="", help="Only this region.")
@click.option(
    "--quote", "quote_file", metavar="FILE", help="Also name the offers of this saved quote that are affected."
)
@lang_option()
@_DB
def diff(
    folders: tuple[str, ...],
    since: str | None,
    from_list: bool,
    provider: str,
    region: str,
    quote_file: str | None,
    lang: str,
    price_book_db: str | None,
) -> int:
    """Show price changes: old, new, per cent, and which offers they affect.

    OLD and NEW are two states of the lists (folders that hold PROVIDER/catalog): what rose, fell, came and went, in words.
    """
    if folders:
        if len(folders) != 2 or since or from_list or quote_file:
            raise MisuseError(
                "compare two folders of lists, OLD NEW, without other options; or none, for the price book"
            )
        from planner.cli.snapshot import compare_lists

        return compare_lists(*folders, provider, region, lang)
    from planner.i18n import translator
    from planner.prices.book.history import changes_from_list, changes_since
    from planner.prices.book.words import change_line
    from planner.prices.catalog import Catalog

    if from_list and since:
        raise MisuseError("--from-list compares with the committed list, --since with an earlier day: give one of them")
    offers = None
    if quote_file:
        from planner.cli.options import saved_quote

        offers = saved_quote(quote_file).offers
    with _open(price_book_db) as book:
        if from_list:
            changes = changes_from_list(book, Catalog().priced, provider, region)
        else:
            changes = changes_since(book, _date(since, "--since"), provider, region)
    t = translator(lang)
    for change in changes:
        click.echo(change_line(change, t))
        click.echo("  " + t("affects {what}", what=_affected(change, offers, t)))
    moved = sum(c.before is not None and c.after is not None for c in changes)
    new = sum(c.before is None for c in changes)
    gone = len(changes) - moved - new
    click.echo(t("{changed} changed, {new} new, {gone} withdrawn", changed=moved, new=new, gone=gone))
    return 0


def _affected(change: Change, offers: Iterable[object] | None, t: English) -> str:
    from planner.quoting.affects import ids_affected, words_affected

    if offers is None:
        return words_affected(change.row, t)
    ids = ids_affected(change.row, offers)  # type: ignore[arg-type]
    return ", ".join(ids) if ids else t("no offer of the quote")


@click.command(cls=Grouped)
@click.argument("file", metavar="[FILE.csv]", required=False)
@click.option("--force", is_flag=True, help="Replace a file that planner did not write.")
@_DB
def export(file: str | None, force: bool, price_book_db: str | None) -> int:
    """Write the whole price book as CSV, to a file or to the terminal."""
    from io import TextIOWrapper

    from planner.prices.book.csvfile import export_csv

    with _open(price_book_db) as book:
        if not file:
            out = TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
            export_csv(book, out)
            out.detach()
            return 0
        # Written piece by piece, since a book may be larger than the memory; moved into place when whole.
        from planner.rendering.formats import ours
        from planner.writing import writing

        with writing(file, force=force, mine=ours) as raw:
            out = TextIOWrapper(raw, encoding="utf-8", newline="")
            count = export_csv(book, out)
            out.detach()
    click.echo(f"{count} observations written to {file}")
    return 0


@click.command("import", cls=Grouped)
@click.argument("file", metavar="FILE.csv")
@_DB
def import_(file: str, price_book_db: str | None) -> int:
    """Add an exported price book to yours: checked wholly first, then all of it or nothing. Known fetches are skipped."""
    from planner.cli.options import book_path, home
    from planner.prices.book.csvfile import check_csv, import_csv
    from planner.prices.book.places import open_writer
    from planner.prices.refresh import check_fetch

    check_csv(file, check_fetch)
    with open_writer(book_path(price_book_db), home()) as writer:
        done = import_csv(file, writer)
    click.echo(f"{done.fetches} regions with {done.observations} observations added, {done.known} were known already")
    return 0


def _date(text: str | None, option: str) -> str:
    if not text:
        return ""
    from planner.units import iso_date

    return iso_date(text, option)


for command in (export, import_):
    book.add_command(command)
