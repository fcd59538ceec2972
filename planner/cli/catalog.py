"""`planner catalog`: look at the prices that quotes are made of, and check them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from planner.cli.book import add_to
from planner.cli.help import Group
from planner.cli.history import history
from planner.cli.machines import types
from planner.cli.options import book_options, open_catalog, put
from planner.cli.screen import colours
from planner.cli.services import services
from planner.cli.snapshot import snapshot
from planner.errors import CatalogError, MisuseError, suggest

if TYPE_CHECKING:
    from planner.offer import Price
    from planner.prices.catalog import Catalog


@click.group(cls=Group)
def catalog() -> None:
    """List, show and check the prices that quotes are made of."""


def _filters(function: Any) -> Any:
    for name, metavar, text in (
        ("--purchase-option", "P", "Only this way of buying."),
        ("--instance-type", "TYPE", "Only this instance type (or the beginning of its name)."),
        ("--gpu", "NAME", "Only this GPU."),
        ("--region", "ID", "Only this region."),
        ("--provider", "NAME", "Only this provider."),
    ):
        function = click.option(name, metavar=metavar, help=text, multiple=True)(function)
    return book_options(function)


@catalog.command("list")
@_filters
@click.option(
    "--all", "everything", is_flag=True, help="Also superseded, expired and low-confidence rows, and replaced prices."
)
@click.option("--format", "form", type=click.Choice(["table", "csv"]), default="table", help="Output format.  [table]")
def list_(everything: bool, form: str, **values: Any) -> int:
    """List prices, one row each."""
    from planner.money import plain
    from planner.quoting.lines import exchangeable
    from planner.rendering.columns import grid

    rows = []
    for price, spec in _select(values, everything):
        if (price.status or price.source.confidence == "low" or price.os != "linux") and not everything:
            continue
        tier = (
            "" if price.tier_to is None and not price.tier_from else f"{plain(price.tier_from)}-{price.tier_to or ''} h"
        )
        rows.append(
            [
                price.provider,
                price.site,
                price.region,
                price.instance_type,
                spec.gpu_model if spec else "",
                plain(spec.gpu_count) if spec else "",
                price.purchase_option,
                price.term,
                " ".join([price.payment.replace("_", " "), *([price.offering] if exchangeable(price.way) else [])]),
                price.zone or tier,
                plain(price.amount),
                price.currency,
                price.unit,
                price.source.as_of or "undated",
                price.source.confidence,
                price.status or price.source.origin,
                price.source.confirmed,
            ]
        )
    header = [
        "provider",
        "site",
        "region",
        "instance type",
        "gpu",
        "gpus",
        "bought as",
        "term",
        "payment",
        "zone",
        "amount",
        "currency",
        "unit",
        "as of",
        "confidence",
        "state",
        "confirmed",
    ]
    if form == "csv":
        import csv
        from io import StringIO

        from planner.harmless import cell

        out = StringIO()
        made = [[h.replace(" ", "_") for h in header], *([cell(x) for x in row] for row in rows)]
        csv.writer(out, lineterminator="\n").writerows(made)
        put(out.getvalue(), None, people=False)
        return 0
    if not rows:
        sys.stdout.write("No price fits; loosen the filters, or add --all for rows that quotes leave out.\n")
        return 0
    sys.stdout.write("\n".join(grid(header, rows, {5, 10}, colours())) + f"\n{len(rows)} prices\n")
    return 0


def _select(values: dict[str, Any], history: bool = False) -> Any:
    """Yield (price, specification or None) for the filters; unknown names raise `MisuseError`. history: also replaced prices."""
    from planner.sizing.gpus import means

    books = {k: values.pop(k) for k in ("price_book", "price_book_db", "offline_list", "as_of")}
    book = open_catalog(**books)
    providers = values["provider"] or book.providers()
    regions = {p: book.regions(p) for p in providers if book.info(p)}
    for region in values["region"]:
        if not any(region in known for known in regions.values()):
            raise MisuseError(
                "unknown region {region!r}: {near}",
                region=region,
                near=suggest(region, {r for k in regions.values() for r in k}),
            )
    types = tuple(t.lower() for t in values["instance_type"])
    if types:
        names = {n for p in providers for n in book.instances(p)}
        names |= {x.instance_type for p in providers for name in book.priced_places(p) for x in book.listed(p, name)}
        for name in types:
            if not any(n.lower().startswith(name) for n in names):
                raise MisuseError("unknown instance type {name!r}: {near}", name=name, near=suggest(name, names))
    options = tuple(o.replace("-", "_") for o in values["purchase_option"])
    for provider in providers:
        specs = book.instances(provider)
        for region in regions[provider]:
            if values["region"] and region not in values["region"]:
                continue
            past = book.history(provider, region) if history else []
            for price in (*book.prices(provider, region), *past):
                spec = specs.get(price.instance_type)
                if types and not price.instance_type.lower().startswith(types):
                    continue
                if options and price.purchase_option not in options:
                    continue
                if values["gpu"] and not (spec and any(means(g, spec.gpu_model) for g in values["gpu"])):
                    continue
                yield price, spec


@catalog.command()
@click.argument("name", metavar="INSTANCE_TYPE")
@_filters
def show(name: str, **values: Any) -> int:
    """Show one instance type: specification, every price in every region, each with source and date."""
    from planner.money import plain

    books = {k: values[k] for k in ("price_book", "price_book_db", "offline_list", "as_of")}
    values["instance_type"] = (name,)
    found = [(p, s) for p, s in _select(values, True) if p.instance_type.lower() == name.lower()]
    book = open_catalog(**books)
    specs = (s for provider in book.providers() for s in book.instances(provider).values())
    spec = next((s for s in specs if s.name.lower() == name.lower()), None)
    if spec is None and not found:
        known = {n for provider in book.providers() for n in book.instances(provider)}
        raise MisuseError("no instance type {name!r}: {near}", name=name, near=suggest(name, known))
    lines = []
    if spec:
        memory = f" of {plain(spec.gpu_memory_gib)} GiB" if spec.gpu_memory_gib is not None else ""
        network = f", {plain(spec.network_gbps)} Gbps" if spec.network_gbps is not None else ""
        nvme = f", {spec.local_nvme_gb} GB local NVMe" if spec.local_nvme_gb else ""
        lines += [
            f"{spec.name} ({spec.provider})",
            f"  {plain(spec.gpu_count)} x {spec.gpu_model}{memory}, {spec.vcpu} vCPU, {plain(spec.memory_gib)} GiB{network}{nvme}",
            f"  specification: {spec.source} (confidence {spec.confidence}){'; ' + spec.note if spec.note else ''}",
        ]
    elif found:
        lines += [f"{found[0][0].instance_type} ({found[0][0].provider})", "  no specification in the catalogue"]
    if not found:
        lines.append("  no price in the catalogue")
    provider, exact = (spec.provider, spec.name) if spec else (found[0][0].provider, found[0][0].instance_type)
    sold = _sold(book, provider, exact, values["region"])
    place = ""
    for p, _ in sorted(found, key=lambda x: (x[0].region, x[0].site, x[0].purchase_option, x[0].term, x[0].payment)):
        if place != f"{p.region} ({p.site})":
            place = f"{p.region} ({p.site})"
            lines += ["", f"  {place}", *sold.pop((p.region, p.site), ())]
        words = " ".join(
            w for w in (p.purchase_option, p.term, p.payment, p.offering, p.zone, "" if p.os == "linux" else p.os) if w
        )
        low = f" (range from {plain(p.range_low)})" if p.range_low is not None else ""
        state = f"  [{p.status}: not quoted]" if p.status else ""
        lines.append(f"    {words}: {plain(p.amount)} {p.currency} per {p.unit}{low}{state}")
        lines.append(
            f"      {p.source.as_of or p.source.dated or 'undated'}{_confirmed(p)}, confidence {p.source.confidence}, "
            f"{p.source.place}"
        )
        lines.append(f"      {p.source.text}")
        if p.note:
            lines.append(f"      {p.note}")
    for (region, site), said in sorted(sold.items()):
        lines += ["", f"  {region} ({site})", *said, *([] if values["purchase_option"] else ["    no price"])]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _confirmed(price: Price) -> str:
    """Return the last day on which another source showed the price, where one did."""
    return f", seen unchanged {price.source.confirmed}" if price.source.confirmed else ""


def _sold(book: Catalog, provider: str, name: str, only: tuple[str, ...]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return, by region and site, the line that says in which zones a type was sold, where the price book knows.

    only: regions to look at, () = all.
    """
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for region in book.regions(provider) if book.book is not None else ():
        market = book.zones(provider, region) if not only or region in only else None
        for site in market.sites() if market is not None else ():
            sold = market.sold(site, name) if market is not None else None
            if sold is not None:
                where = f"sold in zones {', '.join(sold.zones)}" if sold.zones else "not sold in any zone"
                found[region, site] = (f"    {where} (observed {sold.observed_at[:10]})",)
    return found


@catalog.command()
@click.option(
    "--max-age", type=click.IntRange(0), default=90, metavar="DAYS", help="Age from which prices are stale.  [90]"
)
@click.option("--strict", is_flag=True, help="Exit 1 when a provider's newest on-demand price is stale.")
@book_options
def check(max_age: int, strict: bool, **books: Any) -> int:
    """Validate every price of every provider and report their age."""
    from datetime import date

    from planner.prices.review import review

    book = open_catalog(**books)
    today = date.fromisoformat(book.as_of) if book.as_of else date.today()
    reviews = [review(book, provider) for provider in book.providers()]
    stale = []
    for found in reviews:
        if found.problems:
            continue
        places = f"{found.instance_types} instance types, {found.regions} regions"
        if not found.prices:
            click.echo(f"{found.provider}: no price list; the price book has {places}")
            continue
        age = found.age(today)
        late = age is None or age > max_age
        if late:
            stale.append(found.provider)
        words = f"newest {found.newest}, {age} days old" if age is not None else "undated"
        click.echo(
            f"{found.provider}: {found.prices} prices, {places}; oldest {found.oldest or '-'}, "
            f"{words}{' STALE' if late else ''}; {found.undated} undated, {found.out} kept out of quotes"
        )
    problems = [problem for found in reviews for problem in found.problems]
    if not books["offline_list"]:
        problems += _book_problems(books["price_book_db"])
    for problem in problems:
        click.echo(f"problem: {problem}", err=True)
    if problems:
        raise CatalogError(
            f"{len(problems)} problem{'s' * (len(problems) > 1)} in the price lists and the price book; see above"
        )
    if strict and stale:
        raise CatalogError(
            "stale: {stale}; run `planner refresh {providers}`", stale=", ".join(stale), providers=" ".join(stale)
        )
    return 0


def _book_problems(price_book_db: str | None) -> list[str]:
    """Return what is wrong with the price book, each digest made again; say which fetches are dated after now."""
    from planner.cli.options import read_book
    from planner.errors import PriceBookError

    try:
        book = read_book(price_book_db)
        if book is None:
            return []
        with book:
            for fetch in book.late():
                click.echo(
                    f"planner: warning: {book.path}: {fetch.provider} {fetch.region} was observed at {fetch.observed_at}, after "
                    f"now ({book.now}): a clock was wrong; any later refresh wins over it",
                    err=True,
                )
            return book.check()
    except PriceBookError as exc:
        return [str(exc)]


catalog.add_command(services)
catalog.add_command(snapshot)
catalog.add_command(history)
catalog.add_command(types)
add_to(catalog)
