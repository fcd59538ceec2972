"""`planner catalog history`: how the prices of an instance type moved, as a table and as a plot."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from planner.cli.help import Grouped, lang_option
from planner.cli.options import open_catalog, put
from planner.errors import MisuseError, suggest

if TYPE_CHECKING:
    from planner.i18n import English
    from planner.prices.book.history import Event
    from planner.prices.catalog import Catalog
    from planner.prices.story import Series

__all__ = ["history"]

_SUFFIXES = {".png": "png", ".svg": "svg", ".csv": "csv"}


@click.command(cls=Grouped)
@click.argument("instance_type", metavar="TYPE")
@click.option("--provider", metavar="NAME", default="", help="Only this provider.")
@click.option("--region", metavar="ID", default="", help="Only this region; also prices that never moved.")
@click.option("--site", metavar="ID", default="", help="Only this price book (site).")
@click.option("--purchase-option", metavar="P", default="", help="Only this way of buying.")
@click.option("--plot", is_flag=True, help="Draw it in the terminal.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "png", "svg"]), help="Output format.  [table]")
@click.option("-o", "--output", metavar="FILE", help="Write here; .png, .svg and .csv choose the format.")
@click.option("--force", is_flag=True, help="Replace a file that planner did not write.")
@lang_option()
@click.option("--price-book-db", metavar="FILE", help="Price book of `planner refresh`.")
@click.option("--offline-list", is_flag=True, help="Use the committed lists only.")
def history(
    instance_type: str, plot: bool, form: str | None, output: str | None, force: bool, lang: str, **values: Any
) -> int:
    """Show how each price of an instance type moved: what the lists tell, then what the price book saw."""
    from planner.i18n import translator
    from planner.prices.book.words import name_of

    t = translator(lang)
    suffix = next((kind for end, kind in _SUFFIXES.items() if (output or "").lower().endswith(end)), "table")
    form = form or suffix
    if form in ("png", "svg") and (plot or not output):
        raise MisuseError(
            "--format {form}: a picture goes to a file: -o {instance_type}.{form}",
            form=form,
            instance_type=instance_type,
        )
    wanted = {name: values.pop(name) for name in ("provider", "region", "site", "purchase_option")}
    catalog = open_catalog(**values)
    _check_place(catalog, wanted)
    events = [event for event in _events(catalog, instance_type, wanted) if _fits(event, wanted)]
    if not events:
        raise MisuseError(
            "no price of {instance_type!r} is known there, neither in the lists nor in the price book; `planner catalog list` shows what is known",
            instance_type=instance_type,
        )
    if form == "csv":
        put(_csv(events), output, force=force, people=False)
        return 0
    if form == "table" and not plot:
        put(_table(events, bool(wanted["region"]), t), output, force=force)
        return 0
    lines = _lines(events)
    names = [f"{name_of(line.price, t)}, {line.price.site}" for line in lines]
    if form == "table":
        from planner.cli.screen import columns
        from planner.rendering.history import chart

        simple = not (sys.stdout.encoding or "").lower().startswith("utf")
        put(
            "\n".join([*chart(lines, names, columns() or 100, simple, t), *_alone(lines, t)]) + "\n",
            output,
            force=force,
        )
        return 0
    from planner.rendering.history import picture

    put(picture(lines, names, t("Prices of {type}", type=lines[0].price.instance_type), form, t), output, force=force)
    click.echo(t("{file}: {n} prices", file=output, n=len(lines)))
    for text in _alone(lines, t):
        click.echo(text)
    return 0


def _check_place(catalog: Catalog, wanted: dict[str, str]) -> None:
    provider, region = wanted["provider"], wanted["region"]
    if provider:
        catalog.info(provider)  # refuses an unknown one with near names
    names = (provider,) if provider else catalog.providers()
    known = {place for name in names for place in catalog.regions(name)}
    if region and region not in known:
        raise MisuseError("unknown region {region!r}: {near}", region=region, near=suggest(region, known))


def _events(catalog: Catalog, instance_type: str, wanted: dict[str, str]) -> list[Event]:
    """Return what is known, sorted by price: first what the lists say of it, then what the book has seen."""
    from planner.prices.book.fallback import Fallback
    from planner.prices.catalog import Catalog as Lists
    from planner.prices.story import LIST, listed

    events = listed(Lists(), instance_type, wanted["provider"], wanted["region"])
    if isinstance(catalog.book, Fallback):
        events += catalog.book.history(instance_type, wanted["provider"], wanted["region"])
    return sorted(events, key=lambda e: (repr(e.price.key), e.access != LIST, e.access))


def _fits(event: Event, wanted: dict[str, str]) -> bool:
    price, option = event.price, wanted["purchase_option"].replace("-", "_")
    return wanted["site"] in ("", price.site) and option in ("", price.purchase_option)


def _lines(events: list[Event]) -> list[Series]:
    """Return the series to draw: of one unit, and no more than can be told apart; those that moved, where any did."""
    from planner.prices.book.words import unit_of
    from planner.prices.story import series
    from planner.rendering.history import MOST

    lines = series(events)
    lines = [line for line in lines if len(line.points) > 1] or lines
    if not lines:
        raise MisuseError("no price of it bears a date: there is nothing to draw")
    units = sorted({unit_of(line.price) for line in lines})
    if len(units) > 1:
        raise MisuseError(
            "these prices are in {units} units ({listed}), which share no axis: narrow with --purchase-option, --site or --region",
            units=len(units),
            listed=", ".join(units),
        )
    if len(lines) > MOST:
        raise MisuseError(
            "{lines} prices fit, and a plot shows {most}: narrow with --region, --purchase-option or --site",
            lines=len(lines),
            most=MOST,
        )
    return lines


def _alone(lines: list[Series], t: English) -> list[str]:
    """Return the sentence that a history of one point needs."""
    if any(len(line.points) > 1 for line in lines):
        return []
    return [t("each price is known as one amount: no change was seen yet; `planner refresh` adds what it is today")]


def _table(events: list[Event], everything: bool, t: English) -> str:
    from planner.prices.book.words import name_of

    asked = {"list": t("committed list"), "keys": t("with keys"), "public": t("public list")}
    groups: dict[str, list[Event]] = {}
    for event in events:
        name = f"{name_of(event.price, t)}, {event.price.site}, {asked.get(event.access, event.access)}"
        groups.setdefault(name, []).append(event)
    moving = {name for name, told in groups.items() if len({e.amount for e in told}) > 1}
    # Without a region there may be hundreds that the lists tell once: they are counted.
    shown = {n: told for n, told in groups.items() if everything or n in moving or told[0].access != "list"}
    made: list[str] = []
    for name, told in (shown or groups).items():
        made += [name, *(f"  {t(event.observed_at)}  {_said(event, t)}" for event in told)]
    left = len(groups) - len(shown or groups)
    if left:
        made.append(t("{n} more prices of the lists never moved: --region ID shows them", n=left))
    if not moving:
        made += [t("no change was seen yet: each of these prices is known as one amount")]
    return "\n".join(made) + "\n"


def _said(event: Event, t: English) -> str:
    from planner.money import plain, show
    from planner.prices.book.words import unit_of

    if event.amount is None:
        return t("withdrawn")
    if event.before is None:
        return f"{plain(event.amount)} {unit_of(event.price)}"
    if event.before == event.amount:
        return t("seen unchanged")
    percent = (event.amount - event.before) / event.before * 100
    return f"{plain(event.amount)} {unit_of(event.price)} ({'+' if percent > 0 else ''}{show(percent)} %)"


def _csv(events: list[Event]) -> str:
    import csv
    from io import StringIO

    from planner.harmless import cell
    from planner.money import plain

    head = (
        "provider site region instance_type purchase_option term payment offering zone unit currency tier_from".split()
    )
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*head, "asked", "date", "amount"])
    for event in events:
        row = [getattr(event.price, name) for name in head[:-1]] + [plain(event.price.tier_from)]
        amount = "" if event.amount is None else plain(event.amount)
        writer.writerow([cell(x) for x in (*row, event.access, event.observed_at, amount)])
    return out.getvalue()
