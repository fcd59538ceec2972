"""`planner rent-or-buy`: machines of one's own beside the cheapest rent for the same demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from planner.cli.help import Grouped
from planner.cli.options import (
    book_options,
    make_quote,
    make_workload,
    measured_option,
    open_catalog,
    output_options,
    put,
    told,
    workload_options,
)
from planner.cli.shown import checked
from planner.errors import MisuseError

if TYPE_CHECKING:
    from planner.prices.catalog import Catalog


@click.command(cls=Grouped)
@click.option("--own", "own_file", metavar="FILE", help="Machines and site (TOML), or `examples`: those of planner.")
@click.option("--machine", metavar="NAME", default="", help="The machine told in full.  [the cheapest a month]")
@click.option("--demand", "said", metavar="WHAT", help="Hourly demand, as for `planner commit`.")
@workload_options
@book_options
@measured_option
@output_options
def rent_or_buy(
    own_file: str | None,
    machine: str,
    said: str | None,
    price_book: tuple[str, ...],
    price_book_db: str | None,
    offline_list: bool,
    as_of: str | None,
    measurements: str | None,
    form: str,
    output: str | None,
    force: bool,
    lang: str,
    **values: Any,
) -> int:
    """Rent or buy: monthly and cumulative cost of both, the month in which buying wins or never, and what would turn it."""
    from planner.buying import choice, rentbuy, stock
    from planner.buying.workloads import demand_of, one
    from planner.prices import fx
    from planner.workload import Workload

    checked(form, output)
    if not own_file:
        raise MisuseError("--own: which machines? name a TOML file; `--own examples` takes the dated ones of planner")
    machines = stock.file_of(own_file)
    path = values.pop("workload_file", None)
    aside: dict[str, str] = {}
    base, demand = one(path, None, told, aside) if path else (None, None)
    if said:
        demand = demand_of(said, "--demand", "")
    work = make_workload(values, base, aside)
    if work.budget is not None:
        raise MisuseError("--budget: rent-or-buy compares, and holds nothing to a budget: leave it out")
    catalog = open_catalog(price_book, price_book_db, offline_list, as_of)
    rates = fx.Rates(fx.committed(catalog.as_of), work.fx)

    def quoted(peak: Workload) -> Any:
        return make_quote(peak, catalog, brief=True, measurements=measurements)

    found = rentbuy.compare(machines, work, demand, quoted, rates, machine)
    put(_told(choice, found, form, lang, _bound(found, catalog, lang)), output, force, people=form == "table")
    return 0


def _bound(found: Any, catalog: Catalog, lang: str) -> str:
    """Return what binds the model, the rented cards and those of the machine told in full, by licence or export rule."""
    from planner.cli.terms import bound
    from planner.sizing.fit import model_of

    market, chosen = found.rent.mix.market, found.chosen
    model = model_of(found.rent.plan.quote.workload)
    mainland = catalog.market(market.provider, market.region) == "mainland"
    rented = market.ways[0].gpu.model
    said = bound(model, rented, mainland, lang) + bound(model, chosen.machine.gpu if chosen else "", False, lang)
    return "\n".join(("", *dict.fromkeys(said), "")) if said else ""


def _told(choice: Any, found: Any, form: str, lang: str, binding: str) -> str | bytes:
    if form == "json":
        import json

        return json.dumps(choice.as_json(found), indent=2, ensure_ascii=False) + "\n"
    from planner.i18n import translator
    from planner.rendering.words import way

    t = translator(lang)
    told: str = choice.table(found, t, way) + binding
    if form == "table":
        return told
    from planner.cli.shown import plan

    turns = [t.say(turn.what) for turn in found.turns]
    return plan("rent_or_buy", choice.as_json(found), told, (), form, t, turns)
