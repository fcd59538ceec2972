"""`planner explain`: one offer unfolded down to price rows and formulas."""

from __future__ import annotations

import sys
from typing import Any

import click

from planner.cli.help import Grouped, lang_option
from planner.cli.options import (
    book_options,
    make_quote,
    make_workload,
    measured_option,
    open_catalog,
    saved_quote,
    workload_options,
)
from planner.errors import MisuseError


@click.command(cls=Grouped)
@workload_options
@book_options
@measured_option
@click.option(
    "--offer", metavar="ID", help="Id of the offer (column `offer` of CSV, `id` of JSON).  [the recommended one]"
)
@click.option("--replay", metavar="FILE", help="Explain an offer of a saved JSON quote.")
@click.option("--strict", is_flag=True, help="Exit 1 when the saved quote was changed.")
@lang_option()
def explain(
    offer: str | None,
    replay: str | None,
    strict: bool,
    lang: str,
    price_book: tuple[str, ...],
    price_book_db: str | None,
    offline_list: bool,
    as_of: str | None,
    measurements: str | None,
    workload_file: str | None,
    **values: Any,
) -> int:
    """Unfold one offer: each charge to its price row, source and date, each total to its formula, the sizing step by step.

    The argument is an offer's id, or a workload file.
    """
    if workload_file and not workload_file.endswith(".toml"):
        offer, workload_file = workload_file, None
    from planner.i18n import translator
    from planner.quoting.choose import named, place_of
    from planner.rendering.explain import dump

    narrowed = False
    if replay:
        result = saved_quote(replay, strict)
    else:
        if offer and not values.get("region") and (found := place_of(offer)):
            values.update(found)
            narrowed = True
        workload = make_workload({"workload_file": workload_file, **values})
        catalog = open_catalog(price_book, price_book_db, offline_list, as_of)
        result = make_quote(workload, catalog, measurements=measurements)
    if not result.offers:
        reasons = "; ".join(f"{r.instance_type}: {r.reason}" for r in result.rejected[:3])
        raise MisuseError(f"no offer to explain{': ' + reasons if reasons else ''}")
    chosen = named(result, offer) if offer else result.best or result.offers[0]
    if narrowed:  # the best of one type in one place is no recommendation
        result = result._replace(recommended=None)
    sys.stdout.write(dump(result, chosen, translator(lang)))
    return 0
