"""`planner catalog snapshot` and the comparison of two states of the lists."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from planner.errors import CatalogError, MisuseError, PriceBookError

if TYPE_CHECKING:
    from planner.prices.catalog import Catalog
    from planner.prices.snapshot import Snapshot

__all__ = ["compare_lists", "snapshot"]

_SHOWN = 5
#: Lines of each verb and provider; the body of a pull request has its bounds.
_LINES = 60


@click.command()
@click.argument("folder", metavar="FOLDER")
@click.option("--provider", metavar="NAME", multiple=True, help="Only this provider.")
@click.option("--region", metavar="ID", multiple=True, help="Only this region.")
@click.option(
    "--confirm-days",
    type=click.IntRange(0, 36_500),
    default=30,
    metavar="N",
    show_default=False,
    help="Date an unchanged price anew when it was last seen more than N days before.  [30]",
)
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@click.option(
    "--force", is_flag=True, help="Also where the list is newer than the book, or more than 5 % of its rows go."
)
@click.option(
    "--price-book-db", metavar="FILE", help="The price book.  [prices.sqlite3 in $PLANNER_HOME or your data folder]"
)
def snapshot(
    folder: str,
    provider: tuple[str, ...],
    region: tuple[str, ...],
    confirm_days: int,
    dry_run: bool,
    force: bool,
    price_book_db: str | None,
) -> int:
    """Write what the price book knows into the lists under FOLDER (FOLDER/PROVIDER/catalog, a checkout's `providers`)."""
    from planner.cli.options import book_path, read_book
    from planner.prices.book.places import shown
    from planner.prices.snapshot import snapshot as made_of

    book = read_book(price_book_db)
    if book is None:
        raise PriceBookError(f"no price book at {shown(book_path(price_book_db))} yet: `planner refresh` makes one")
    with book:
        homes = _homes(folder, provider, {name for name, _ in book.places()})
        _check_regions(region, [place for name, place in book.places() if name in homes])
        made = [made_of(book, name, home, region, confirm_days) for name, home in homes.items()]
    refused = [text for one in made for text in _refusals(one, force)]
    for one in made:
        click.echo(_line(one))
    if refused:
        for text in refused:
            click.echo(f"refused: {text}", err=True)
        raise CatalogError(f"{len(refused)} reason{'s' * (len(refused) > 1)} not to write; nothing was written")
    if not dry_run:
        for one in made:
            _write(homes[one.provider], one.files)
    files = sum(len(one.files) for one in made)
    click.echo(f"{files} file{'s' * (files != 1)} {'would be written' if dry_run else 'written'}")
    return 0


def _homes(folder: str, wanted: tuple[str, ...], seen: set[str]) -> dict[str, str]:
    """Return the folder of each provider's lists."""
    if not os.path.isdir(folder):
        raise MisuseError(f"{folder}: no such folder; name the one that holds PROVIDER/catalog, e.g. providers")
    found = {}
    for name in sorted(os.listdir(folder)):
        home = os.path.join(folder, name, "catalog")
        if os.path.isfile(os.path.join(home, "provider.json")):
            found[name] = home
    if not found:
        raise MisuseError(f"{folder}: holds no PROVIDER/catalog/provider.json; name a checkout's `providers`")
    for name in wanted:
        if name not in found:
            raise MisuseError(f"--provider {name}: no list of it in {folder} (there are {', '.join(found)})")
        if name not in seen:
            raise MisuseError(f"--provider {name}: the price book has nothing of it; `planner refresh {name}` first")
    chosen = {name: home for name, home in found.items() if name in seen and (not wanted or name in wanted)}
    if not chosen:
        raise MisuseError(f"the price book has nothing of {', '.join(found)}; `planner refresh` first")
    return chosen


def _check_regions(wanted: tuple[str, ...], seen: list[str]) -> None:
    from planner.errors import suggest

    for name in wanted:
        if name not in seen:
            raise MisuseError(f"--region {name}: the price book has never seen it: {suggest(name, seen)}")


def _refusals(one: Snapshot, force: bool) -> list[str]:
    from planner.prices.snapshot import MOST_DROPPED

    found = [f"{one.provider}: {text}" for text in one.problems]
    if not force:
        found += one.back[:_SHOWN]
        if len(one.back) > _SHOWN:
            found.append(f"{one.provider}: and {len(one.back) - _SHOWN} more that the list knows better than the book")
        if one.dropped:
            found.append(
                f"{one.provider}: {one.withdrawn} of {one.rows} rows would go, more than {MOST_DROPPED} %: look at "
                "`planner catalog diff --from-list`, then --force"
            )
    return found


def _line(one: Snapshot) -> str:
    return (
        f"{one.provider}: {one.changed} changed, {one.new} new, {one.withdrawn} withdrawn, {one.confirmed} seen again, "
        f"{one.types} instance types"
    )


def _write(home: str, files: dict[str, bytes]) -> None:
    from planner.writing import write_new

    for name, data in files.items():
        path = os.path.join(home, *name.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_new(path, data, force=True)


def compare_lists(old: str, new: str, provider: str = "", region: str = "") -> int:
    """Print, as Markdown, what rose, fell, came and went between two folders of lists."""
    from planner.prices.listdiff import VERBS, list_diff, said

    before, after = _catalog(old), _catalog(new)
    total = 0
    for diff in list_diff(before, after, provider, region):
        lines = said(diff.changes)
        total += len(diff.changes) + len(diff.types) + len(diff.types_gone)
        counts = [sum(1 for line in lines if line.verb == verb) for verb in VERBS]
        if not lines and not diff.types and not diff.types_gone:
            click.echo(f"## {diff.provider}\n\nNo price moved ({diff.same} prices{_again(diff.seen_again)}).\n")
            continue
        numbers = ", ".join(f"{count} {verb}" for count, verb in zip(counts, VERBS, strict=True) if count)
        click.echo(
            f"## {diff.provider}\n\n{numbers or 'No price moved'}; {diff.same} prices as before{_again(diff.seen_again)}.\n"
        )
        for verb, names in (("New", diff.types), ("Gone", diff.types_gone)):
            if names:
                click.echo(f"{verb} instance types: {', '.join(names)}.\n")
        for verb in VERBS:
            mine = [line for line in lines if line.verb == verb]
            if mine:
                click.echo(f"### {verb.title()}\n")
                for line in mine[:_LINES]:
                    click.echo(f"- {line.what}: {line.how} ({', '.join(line.regions)})")
                if len(mine) > _LINES:
                    click.echo(f"- and {len(mine) - _LINES} more lines")
                click.echo("")
    click.echo(f"{total} changes" if total else "Nothing changed.")
    return 0


def _again(count: int) -> str:
    return f", {count} of them seen again" if count else ""


def _catalog(folder: str) -> Catalog:
    from planner.prices.catalog import Catalog

    if not os.path.isdir(folder):
        raise MisuseError(f"{folder}: no such folder; name one that holds PROVIDER/catalog, e.g. providers")
    found = Catalog(folder)
    if not found.providers():
        raise MisuseError(f"{folder}: holds no PROVIDER/catalog/provider.json")
    return found
