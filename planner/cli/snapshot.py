"""`planner catalog snapshot` and the comparison of two states of the lists."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from planner.cli.help import Grouped, lang_option
from planner.errors import CatalogError, MisuseError, PriceBookError
from planner.text import plural

if TYPE_CHECKING:
    from planner.i18n import English
    from planner.prices.catalog import Catalog
    from planner.prices.snapshot import Snapshot

__all__ = ["compare_lists", "snapshot"]

_SHOWN = 5
#: Lines of each verb and provider; the body of a pull request has its bounds.
_LINES = 60


@click.command(cls=Grouped)
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
@lang_option()
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
    lang: str,
    price_book_db: str | None,
) -> int:
    """Write what the price book knows into the lists under FOLDER (FOLDER/PROVIDER/catalog, a checkout's `providers`)."""
    from planner.cli.options import book_path, read_book
    from planner.i18n import translator
    from planner.prices.book.places import shown
    from planner.prices.snapshot import snapshot as made_of

    book = read_book(price_book_db)
    if book is None:
        raise PriceBookError(f"no price book at {shown(book_path(price_book_db))} yet: `planner refresh` makes one")
    with book:
        homes = _homes(folder, provider, {name for name, _ in book.places()})
        _check_regions(region, [place for name, place in book.places() if name in homes])
        made = [made_of(book, name, home, region, confirm_days) for name, home in homes.items()]
    t = translator(lang)
    refused = [text for one in made for text in _refusals(one, force, t)]
    for one in made:
        click.echo(_line(one, t))
    if refused:
        for text in refused:
            click.echo(t("refused: {why}", why=text), err=True)
        raise CatalogError(f"{len(refused)} reason{'s' * (len(refused) > 1)} not to write; nothing was written")
    if not dry_run:
        for one in made:
            _write(homes[one.provider], one.files)
    files = sum(len(one.files) for one in made)
    said = plural(files, "{n} file would be written", "{n} files would be written")
    click.echo(t(said if dry_run else plural(files, "{n} file written", "{n} files written"), n=files))
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


def _refusals(one: Snapshot, force: bool, t: English) -> list[str]:
    from planner.prices.snapshot import MOST_DROPPED

    found = [f"{one.provider}: {text}" for text in one.problems]
    if not force:
        found += [t.say(text) for text in one.back[:_SHOWN]]
        if len(one.back) > _SHOWN:
            more = t("{n} more that the list knows better than the book", n=len(one.back) - _SHOWN)
            found.append(f"{one.provider}: {more}")
        if one.dropped:
            why = t(
                "{n} of {rows} rows would go, more than {most} %: look at `planner catalog diff --from-list`, then --force",
                n=one.withdrawn,
                rows=one.rows,
                most=MOST_DROPPED,
            )
            found.append(f"{one.provider}: {why}")
    return found


def _line(one: Snapshot, t: English) -> str:
    return t(
        "{provider}: {changed} changed, {new} new, {gone} withdrawn, {again} seen again, {types} instance types",
        provider=one.provider,
        changed=one.changed,
        new=one.new,
        gone=one.withdrawn,
        again=one.confirmed,
        types=one.types,
    )


def _write(home: str, files: dict[str, bytes]) -> None:
    from planner.writing import write_new

    for name, data in files.items():
        path = os.path.join(home, *name.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_new(path, data, force=True)


def compare_lists(old: str, new: str, provider: str = "", region: str = "", lang: str = "en") -> int:
    """Print, as Markdown, what rose, fell, came and went between two folders of lists."""
    from planner.i18n import translator
    from planner.prices.listdiff import VERBS, list_diff, said

    t = translator(lang)
    before, after = _catalog(old), _catalog(new)
    total = 0
    for diff in list_diff(before, after, provider, region):
        lines = said(diff.changes, t)
        total += len(diff.changes) + len(diff.types) + len(diff.types_gone)
        counts = [sum(1 for line in lines if line.verb == verb) for verb in VERBS]
        if not lines and not diff.types and not diff.types_gone:
            known = t("No price moved ({n} prices{again}).", n=diff.same, again=_again(diff.seen_again, t))
            click.echo(f"## {diff.provider}\n\n{known}\n")
            continue
        verbs = {"rose": t("rose"), "fell": t("fell"), "came": t("came"), "went": t("went")}
        numbers = ", ".join(f"{count} {verbs[verb]}" for count, verb in zip(counts, VERBS, strict=True) if count)
        same = t(
            "{moved}; {n} prices as before{again}.",
            moved=numbers or t("No price moved"),
            n=diff.same,
            again=_again(diff.seen_again, t),
        )
        click.echo(f"## {diff.provider}\n\n{same}\n")
        if diff.types:
            click.echo(t("New instance types: {names}.", names=", ".join(diff.types)) + "\n")
        if diff.types_gone:
            click.echo(t("Gone instance types: {names}.", names=", ".join(diff.types_gone)) + "\n")
        for verb in VERBS:
            mine = [line for line in lines if line.verb == verb]
            if mine:
                click.echo(f"### {verbs[verb].title()}\n")
                for line in mine[:_LINES]:
                    click.echo(f"- {line.what}: {line.how} ({', '.join(line.regions)})")
                if len(mine) > _LINES:
                    click.echo("- " + t("and {n} more lines", n=len(mine) - _LINES))
                click.echo("")
    click.echo(t("{n} changes", n=total) if total else t("Nothing changed."))
    return 0


def _again(count: int, t: English) -> str:
    return t(", {n} of them seen again", n=count) if count else ""


def _catalog(folder: str) -> Catalog:
    from planner.prices.catalog import Catalog

    if not os.path.isdir(folder):
        raise MisuseError(f"{folder}: no such folder; name one that holds PROVIDER/catalog, e.g. providers")
    found = Catalog(folder)
    if not found.providers():
        raise MisuseError(f"{folder}: holds no PROVIDER/catalog/provider.json")
    return found
