"""`planner portfolio`: many workloads under one budget, each by itself or with commitments that all of them share."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from planner.cli.commit import asked_of, buying_options
from planner.cli.filed import stays
from planner.cli.help import Grouped
from planner.cli.options import (
    book_options,
    load_options,
    measured_option,
    my_measurements,
    open_catalog,
    output_options,
    own_option,
    put,
    told,
)
from planner.cli.shown import checked
from planner.errors import BudgetError, MisuseError, PlannerError

if TYPE_CHECKING:
    from planner.buying.demand import Demand
    from planner.buying.listing import Portfolio
    from planner.buying.portfolio import Given
    from planner.buying.workloads import Item
    from planner.prices.catalog import Catalog
    from planner.workload import Workload

#: Wrong workloads that are told one by one.
TOLD = 20
#: Processes: more take memory, and the least of them is the catalogue that each reads.
MOST_JOBS = 8


@click.command(cls=Grouped)
@click.argument("path", metavar="FILE|DIR")
@click.option("--shared", is_flag=True, help="Buy commitments of one type for all workloads together.")
@buying_options
@click.option("--jobs", metavar="N", default="", help="Processes that work at once.  [the processors, at most 8]")
@click.option("--top", metavar="N", default="30", help="Dearest workloads shown in the table.  [30]")
@load_options
@book_options
@measured_option
@own_option
@output_options
def portfolio(
    path: str,
    shared: bool,
    term: str,
    min_replicas: str,
    scale_up_minutes: str,
    spot_share: str,
    spot_interruption: str,
    jobs: str,
    top: str,
    price_book: tuple[str, ...],
    price_book_db: str | None,
    offline_list: bool,
    as_of: str | None,
    measurements: str | None,
    own_file: str | None,
    form: str,
    output: str | None,
    force: bool,
    lang: str,
    **values: Any,
) -> int:
    """What many workloads cost: a TOML file with [[workload]] tables, a CSV table, or a folder of TOML files.

    Options that are typed hold for all of them; --budget is of all together.
    """
    from datetime import date

    from planner.buying.portfolio import Given

    asked = asked_of(term, min_replicas, scale_up_minutes, spot_share, spot_interruption)
    checked(form, output)
    workers, shown = _whole(jobs or str(min(os.cpu_count() or 1, MOST_JOBS)), "--jobs"), _whole(top, "--top")
    if own_file and shared:
        raise MisuseError(
            "--own: machines of your own cost what one workload asks of them, so not with --shared: leave one out"
        )
    limit = values.pop("budget", None)
    items, budget = _read(path, values, limit)
    opened = partial(open_catalog, price_book, price_book_db, offline_list, as_of)
    catalog = opened()
    today = catalog.as_of or date.today().isoformat()
    machines = _machines(own_file)
    given = Given(opened, today, asked, my_measurements(measurements, catalog.as_of), shared, machines)
    found = _planned(items, given, catalog, workers, budget)
    put(_told(found, form, lang, shown), output, force, people=form == "table")
    _judged(found)
    return 0


def _machines(own_file: str | None) -> Callable[[Catalog, Workload, Demand | None], None] | None:
    """Return what puts the machines of a file into a catalogue for one workload, in the place of those for the one before."""
    if not own_file:
        return None
    from planner.buying import stock
    from planner.prices import fx

    own = stock.file_of(own_file)

    def bring(catalog: Catalog, work: Workload, demand: Demand | None) -> None:
        share = Decimal(1) if demand is None else stock.busy(demand)
        stock.bring(catalog, own, work, fx.Rates(fx.committed(catalog.as_of), work.fx), share)

    return bring


def _whole(text: str, label: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:7]) <= 1_000_000):
        raise MisuseError(f"{label}: {text[:40]!r} is not a whole number from 1")
    return int(text[:7])


def _read(path: str, values: dict[str, Any], limit: str | None) -> tuple[list[Item], Decimal | None]:
    """Return the workloads and the budget of all; every workload is checked before any is planned."""
    from planner.buying.workloads import many
    from planner.workload import Workload, make

    given = {k: v for k, v in values.items() if k in (*Workload._fields, "preset") and v is not None and v != ()}
    if values.get("online"):
        raise MisuseError("--online: fetch config.json of each model before (`planner size --online`)")
    given |= stays(values, given.get("region", ()), given.get("provider", ()), told)
    make(given, heard=told)  # what is typed is told by its own name
    budget = None if limit is None else make({"budget": limit}).budget
    items, wrong = many(path, Workload(), given)
    codes = sorted({item.work.currency for item in items})
    if len(codes) > 1:
        wrong.append(f"{path}: amounts in {' and '.join(codes)} are not added: say --currency {codes[-1]}")
    if wrong:
        for line in wrong[: TOLD if len(wrong) > 1 else 0]:
            click.echo(f"planner: {line}", err=True)
        if len(wrong) == 1:
            raise MisuseError(wrong[0])
        above = "all above" if len(wrong) <= TOLD else f"the first {TOLD} above"
        raise MisuseError(f"{path}: {len(wrong):,} faults, {above}; nothing was planned")
    return items, budget


def _planned(items: list[Item], given: Given, catalog: Catalog, jobs: int, budget: Decimal | None) -> Portfolio:
    from planner.buying import portfolio as work
    from planner.buying.listing import Portfolio

    with _progress(len(items)) as step:
        found = list(work.results(items, given, catalog, jobs, step))
    pools = None
    if given.shared:
        from planner.buying.sharing import share

        pools = share(items, found, given, catalog)
        if pools is not None and pools.cost >= pools.apart:
            pools = None
    rows = tuple(one.row for one in found)
    return Portfolio(rows, pools, given.shared, items[0].work.currency, given.today, budget)


@contextlib.contextmanager
def _progress(number: int) -> Iterator[Callable[[], None]]:
    """Yield what is called after each workload: a bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    with click.progressbar(length=number, label=f"{number:,}", file=getattr(sys.stderr, "bare", sys.stderr)) as bar:
        yield lambda: bar.update(1)


def _told(found: Portfolio, form: str, lang: str, top: int) -> str | bytes:
    from planner.buying import listing

    if form == "json":
        import json

        return json.dumps(listing.as_json(found), indent=2, ensure_ascii=False) + "\n"
    from planner.i18n import translator
    from planner.rendering.words import way

    t = translator(lang)
    said = listing.table(found, t, top, way)
    if form == "table":
        return said
    from planner.cli.shown import plan

    offers = [] if found.shared is None else [offer for pool in found.shared.pools for offer in pool.market.ways]
    return plan("portfolio", listing.as_json(found), said, offers, form, t)


def _judged(found: Portfolio) -> None:
    """Raise where a workload is served by nothing, or a budget is exceeded."""
    from planner.money import show

    failed = [row for row in found.rows if row.why]
    if failed:
        more = f" and {len(failed) - 1:,} more" if len(failed) > 1 else ""
        raise PlannerError(f"nothing serves {failed[0].name} ({failed[0].where}){more}: {failed[0].why}")
    if found.budget is not None and found.cost > found.budget:
        raise BudgetError(
            f"nothing fits the budget of {show(found.budget)} {found.currency}: the workloads oblige to {show(found.cost)}, "
            f"{show(found.cost - found.budget)} over"
        )
    over = [row for row in found.rows if row.over]
    if over:
        raise BudgetError(
            f"{over[0].name} ({over[0].where}) is {show(over[0].over)} over its own budget; over are {len(over):,}"
        )
