"""`planner refresh`: fetch specifications and prices from the clouds into the price book."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from planner.cli.help import Grouped
from planner.errors import FetchError, MisuseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.prices.book.write import Writer
    from planner.prices.refresh import Outcome, Plan
    from planner.provider import Provider

_SHOWN_CHANGES = 40


@click.command(cls=Grouped)
@click.argument("provider", nargs=-1)
@click.option("--region", multiple=True, metavar="ID", help="Only this region.  [the provider's usual ones]")
@click.option(
    "--family", multiple=True, metavar="NAME", help="Only this family (p4d, gn7i, GN10Xp, ...).  [all with GPUs]"
)
@click.option("--public", is_flag=True, help="Use the sources that need no keys, even where there are keys.")
@click.option("--keep-raw", metavar="DIR", help="Keep the raw answers for audit, without secrets.")
@click.option(
    "--endpoint", multiple=True, metavar="PROVIDER=URL", help="Another address of the API: https, or loopback."
)
@click.option(
    "--self-check", is_flag=True, help="Ask each call once and say whether it answers as expected; keep nothing."
)
@click.option(
    "--price-book-db", metavar="FILE", help="The price book.  [prices.sqlite3 in $PLANNER_HOME or your data folder]"
)
def refresh(
    provider: tuple[str, ...],
    region: tuple[str, ...],
    family: tuple[str, ...],
    public: bool,
    keep_raw: str | None,
    endpoint: tuple[str, ...],
    self_check: bool,
    price_book_db: str | None,
) -> int:
    """Fetch newer prices from the clouds into your price book, with your own keys or from public lists.

    Without PROVIDER all of them are asked. Each region is kept whole or not at all; what fails is named at the end, the
    others are kept, and the exit code is 1. Credentials come from each SDK's own default chain.
    """
    import os
    import threading
    from datetime import UTC, datetime

    from planner import provider as adapters
    from planner.cli.options import book_path
    from planner.prices.book.places import check_writable
    from planner.prices.book.write import normal_families
    from planner.prices.raw import RawFiles
    from planner.prices.refresh import endpoints_of, plan
    from planner.provider import EXCEPT, Access

    stop = threading.Event()
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    chosen = [adapters.load(name) for name in _fetched(provider) or adapters.names()]
    addresses = endpoints_of(endpoint, os.environ, [one.name for one in chosen])
    if not self_check:
        check_writable(book_path(price_book_db))
    normal_families(word.replace(EXCEPT, "\0") for word in family)  # refuses what is no family's name
    raw = RawFiles(keep_raw, now, os.environ) if keep_raw else None

    def sleep(seconds: float) -> None:
        if stop.wait(seconds):
            raise FetchError("interrupted")

    def access(one: Provider, keyless: bool, place: str) -> Access:
        keep = raw.keeper(one.name, place) if raw else None
        return Access(now, keyless, addresses.get(one.name, ""), family, keep, sleep)

    if self_check:
        return _self_check([(one, access(one, public, "self-check")) for one in chosen])
    todo = plan(chosen, access, named=bool(provider), regions=region, public=public, known=_known_regions)
    for note in todo.notes:
        click.echo(note, err=True)
    for name, why in todo.skipped:
        click.echo(f"{name} left out: {why}; {_go_on(name)}", err=True)
    return _run(todo, price_book_db, stop)


def _fetched(named: Iterable[str]) -> list[str]:
    """Return the named providers once each, without those whose machines are the user's own: these have no list to fetch."""
    from planner.provider import owns

    names = list(dict.fromkeys(named))
    mine = [name for name in names if owns(name)]
    if not mine:
        return names
    said = f"{', '.join(mine)}: nothing to fetch, the prices of your own machines stand in your file"
    said += ": name it with --own FILE in quote, commit and rent-or-buy (--own examples takes dated ones)"
    if len(mine) == len(names):
        raise MisuseError(said)
    click.echo(said, err=True)
    return [name for name in names if name not in mine]


def _run(todo: Plan, price_book_db: str | None, stop: Any) -> int:
    from planner.cli.options import book_path, home
    from planner.prices.book.places import open_writer
    from planner.prices.refresh import run

    path = book_path(price_book_db)
    seen: list[Outcome] = []
    if not todo.jobs:
        click.echo("nothing to fetch")
        return 1 if todo.missing else 0
    with open_writer(path, home()) as book:
        _say_late(book, todo)
        _take_in(book)
        try:
            if sys.stderr.isatty():
                label = f"{len(todo.jobs)} regions"
                with click.progressbar(
                    length=len(todo.jobs), label=label, file=getattr(sys.stderr, "bare", sys.stderr)
                ) as bar:

                    def step(outcome: Outcome) -> None:
                        seen.append(outcome)
                        bar.update(1)

                    run(todo.jobs, book, step, stop)
            else:

                def line(outcome: Outcome) -> None:
                    seen.append(outcome)
                    click.echo(_line(outcome), err=True)

                run(todo.jobs, book, line, stop)
        except (KeyboardInterrupt, click.Abort):
            stop.set()
            _summary(seen, book.path)
            left = len(todo.jobs) - len(seen)
            click.echo(
                f"interrupted: {left} of {len(todo.jobs)} regions were not fetched; the others are whole", err=True
            )
            return 130
    _summary(seen, book.path)
    return 1 if todo.missing or any(outcome.error for outcome in seen) else 0


def _say_late(book: Writer, todo: Plan) -> None:
    """Say what the book has of these regions that is dated after now."""
    places = {(job.provider.name, job.region) for job in todo.jobs}
    book.book.now = todo.jobs[0].access.now
    late = [fetch for fetch in book.book.late() if (fetch.provider, fetch.region) in places]
    if late:
        newest = max(fetch.observed_at for fetch in late)
        click.echo(
            f"planner: warning: {book.path}: {len(late)} fetches of these regions are dated after now ({book.book.now}), the "
            f"newest {newest}: this computer's clock is wrong, or was; this refresh wins over them",
            err=True,
        )


def _take_in(book: Writer) -> None:
    from planner.prices.book.aside import take_in
    from planner.prices.refresh import check_fetch

    for path, why in take_in(book, check_fetch):
        click.echo(f"{path}: {why}" if why else f"taken in what lay aside: {path}", err=True)


def _line(outcome: Outcome) -> str:
    where = f"{outcome.provider} {outcome.region}"
    if outcome.error:
        return f"{where}: failed: {_reason(outcome)}"
    prices, transfer, services, types = outcome.counts
    how = "public list" if outcome.public else "API"
    return (
        f"{where}: {prices} prices, {transfer} traffic, {services} services, {types} types ({how}, {outcome.seconds:.1f} s); "
        f"{_counted(outcome)}{_left(outcome)}"
    )


def _left(outcome: Outcome) -> str:
    count = len(outcome.spoilt)
    return f"; {count} item{'s' * (count > 1)} left out" if count else ""


def _reason(outcome: Outcome) -> str:
    """Return the error without the cloud and region that most errors begin with; the line says them already."""
    return outcome.error.removeprefix(f"{outcome.provider} {outcome.region}").lstrip(": ")


def _counted(outcome: Outcome) -> str:
    new = sum(change.before is None for change in outcome.changes)
    gone = sum(change.after is None for change in outcome.changes)
    return f"{len(outcome.changes) - new - gone} changed, {new} new, {gone} withdrawn"


def _summary(outcomes: Sequence[Outcome], path: str) -> None:
    """Print what was fetched, what changed, what failed and why, and what no API gives."""
    from planner.prices.book.words import change_line

    good = sorted((o for o in outcomes if not o.error), key=lambda o: (o.provider, o.region))
    bad = sorted((o for o in outcomes if o.error), key=lambda o: (o.provider, o.region))
    if good:
        click.echo("fetched")
        for outcome in good:
            click.echo(f"  {_line(outcome)}")
    changes = [c for o in good for c in o.changes if c.before is not None]
    if changes:
        click.echo("changed")
        for change in changes[:_SHOWN_CHANGES]:
            click.echo(f"  {change_line(change)}")
        if len(changes) > _SHOWN_CHANGES:
            click.echo(f"  and {len(changes) - _SHOWN_CHANGES} more: planner catalog diff")
    spoilt = [(o, name, why) for o in good for name, why in o.spoilt]
    if spoilt:
        click.echo("left out, what was known of them stays")
        for outcome, name, why in spoilt:
            at = f"{outcome.provider} {outcome.region}"
            click.echo(f"  {at}{' ' * bool(name)}{name}: {why.removeprefix(at).lstrip(': ')}")
    gaps = dict.fromkeys((o.provider, gap) for o in good for gap in o.gaps)
    if gaps:
        click.echo("not given by the clouds")
        for name, gap in gaps:
            click.echo(f"  {name}: {gap}")
    if bad:
        click.echo("failed")
        for outcome in bad:
            click.echo(f"  {outcome.provider} {outcome.region}: {_reason(outcome)}")
    items = f", {len(spoilt)} items of them left out" if spoilt else ""
    click.echo(f"price book: {path} ({len(good)} regions added, {len(bad)} failed{items})")


def _self_check(pairs: Sequence[tuple[Provider, Any]]) -> int:
    from planner.prices.refresh import self_check

    code = 0
    for name, call, good, seen in self_check(pairs):
        click.echo(f"{'ok    ' if good else 'FAILED'}  {name}  {call}  {seen}")
        code = code if good else 1
    return code


def _known_regions(name: str) -> tuple[str, ...]:
    from planner.prices.catalog import Catalog

    catalog = Catalog()
    return tuple(catalog.regions(name)) if name in catalog.providers() else ()


def _go_on(name: str) -> str:
    """Say what quotes do without newer prices: which committed list they take, by the date of its newest price."""
    from planner.prices.catalog import Catalog

    catalog = Catalog()
    if name not in catalog.providers():
        return "it has no committed list"
    dates = [
        price.source.as_of[:10]
        for region in catalog.info(name).home_regions
        for price in catalog.prices(name, region)
        if not price.status
    ]
    newest = max(dates, default="")
    return f"quotes go on with the list of {newest}" if newest else "quotes go on with the committed list"
