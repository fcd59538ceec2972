"""`planner commit`: how much to commit for a demand that changes by the hour."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from planner.cli.help import OUTPUT, SHARED, Grouped
from planner.cli.options import (
    book_options,
    make_quote,
    make_workload,
    measured_option,
    open_catalog,
    put,
    workload_options,
)
from planner.errors import BudgetError, MisuseError

if TYPE_CHECKING:
    from planner.buying.blend import Blend
    from planner.buying.demand import Demand
    from planner.buying.plan import Asked, Plan
    from planner.workload import Workload

#: Options of the workload that say in other words what the demand says.
SAID = ("rps", "concurrency", "tokens_per_second", "use")


#: What may be bought, and how a fleet runs.
BUYING = (
    click.option(
        "--spot-interruption", metavar="SHARE", default="5%", help="Share of spot hours lost and redone.  [5%]"
    ),
    click.option("--spot-share", metavar="SHARE", default="0", help="Most of an hour's instances on spot.  [0%]"),
    click.option(
        "--scale-up-minutes", metavar="MIN", default="0", help="How long before its hour an instance starts.  [0]"
    ),
    click.option("--min-replicas", metavar="N", default="0", help="Instances that always run.  [0]"),
    click.option(
        "--term", metavar="TERM", default="", help="Longest commitment, e.g. 1y or 3y.  [the demand's length]"
    ),
)


def buying_options(function: Any) -> Any:
    """Add the options that say what may be bought, and how a fleet runs."""
    for option in BUYING:
        function = option(function)
    return function


@click.command(cls=Grouped, groups=(*SHARED, *OUTPUT))
@click.option(
    "--demand",
    "said",
    metavar="WHAT",
    help='Hourly demand: a CSV file (hour, and rps, tokens_per_second or instances), or a shape: "diurnal rps=20".  '
    "[the workload's [demand]]",
)
@buying_options
@click.option("--repeat", is_flag=True, help="Repeat the demand to the end of --term.")
@click.option("--mix-types", is_flag=True, help="Also mix instance types of a region (needs the extra `commit`).")
@workload_options
@book_options
@measured_option
@click.option("--format", "form", type=click.Choice(("table", "json")), default="table", help="table, json.  [table]")
@click.option("-o", "--output", metavar="FILE", help="Write to a file instead of the terminal.")
@click.option("--force", is_flag=True, help="Replace a file that planner did not write (-o).")
@click.option("--lang", type=click.Choice(("en", "zh")), default="en", help="Language of what people read.  [en]")
def commit(
    said: str | None,
    term: str,
    repeat: bool,
    min_replicas: str,
    scale_up_minutes: str,
    spot_share: str,
    spot_interruption: str,
    mix_types: bool,
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
    """How much to commit for a demand that changes by the hour: the cheapest mix of commitments, on-demand and spot.

    Every type on offer is sized at the peak and follows the demand below it; commitments count at their full obligation.
    """
    from planner.buying import plan

    asked = asked_of(term, min_replicas, scale_up_minutes, spot_share, spot_interruption)
    demand, work = _demand(said, values, asked.rules.term, repeat)
    work = plan.workload_at_peak(work, demand)
    catalog = open_catalog(price_book, price_book_db, offline_list, as_of)
    made = plan.make(make_quote(work, catalog, brief=True, measurements=measurements), demand, asked)
    blend = None
    if mix_types:
        from planner.buying.blend import make

        blend = make(made)
    put(_told(made, blend, form, lang, mix_types), output, force, people=form == "table")
    _within(made, made.best.cost if blend is None else blend.cost)
    return 0


def asked_of(term: str, least: str, minutes: str, share: str, lost: str) -> Asked:
    """Return the options as numbers; `MisuseError` for what is none, or out of bounds."""
    from planner.buying.market import Rules
    from planner.buying.plan import Asked
    from planner.money import bounded, percent_of
    from planner.offer import TERMS

    if term and term not in TERMS:
        raise MisuseError(f"--term: {term[:40]!r} is no term: write 1m, 6m, 1y, 3y ...")
    number = bounded(least, "--min-replicas", 0, 100_000)
    if number % 1:
        raise MisuseError(f"--min-replicas: {least} is not a whole number")
    ahead = -(-bounded(minutes, "--scale-up-minutes", 0, 24 * 60) // 60)
    interruption = percent_of(lost, "--spot-interruption")
    if interruption >= 1:
        raise MisuseError("--spot-interruption: 100 % of the work is lost: no spot hour ends")
    return Asked(Rules(term, percent_of(share, "--spot-share"), interruption), int(number), int(ahead))


def _demand(said: str | None, values: dict[str, Any], term: str, repeat: bool) -> tuple[Demand, Workload]:
    """Return the demand that `--demand` or the workload's file names, repeated to the term's end where that is asked, and the workload."""
    from planner.buying import demand, shapes
    from planner.buying.plan import whole_term
    from planner.buying.workloads import one
    from planner.units import term_hours

    for name in SAID:
        if values.get(name):
            raise MisuseError(f"--{name.replace('_', '-')}: the demand is in --demand: give one of them")
    path, hours = values.pop("workload_file", None), values.pop("hours", None)
    base, found = one(path) if path else (None, None)
    where = "--demand"
    if said and shapes.is_shape(said):
        found = shapes.from_words(f"{said} hours={hours}" if hours else said)
    elif hours:
        raise MisuseError("--hours: the demand's file says how many hours there are")
    elif said:
        found = shapes.read_toml(said) if said.endswith(".toml") else demand.read(said)
    else:
        where = "[demand]"
    if found is None:
        raise MisuseError(
            'what is asked for, hour by hour? say --demand "flat rps=20" or a file, or [demand] in WORKLOAD.toml'
        )
    if repeat and not term:
        raise MisuseError("--repeat: until when? say --term, such as 1y")
    whole_term(found, term, repeat, where)
    work = make_workload(values, base)
    return demand.repeated(found, int(term_hours(term))) if repeat else found, work


def _told(made: Plan, blend: Blend | None, form: str, lang: str, mixed: bool) -> str:
    """Return the answer as text. mixed: a mix of types was asked for, and is said to be none where there is none."""
    from planner.buying import answers, blended, report
    from planner.buying.blend import meaning

    found = answers.answers(made)
    means = None if blend is None else meaning(made, blend)
    if form == "json":
        import json

        told = report.as_json(made, found)
        if mixed:
            told["mixed_types"] = None if blend is None or means is None else blended.as_json(blend, means)
        return json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    from planner.i18n import translator
    from planner.rendering.words import seller, way

    t = translator(lang)
    if blend is not None and means is not None:
        return blended.table(made, found, blend, means, t, way, seller)
    said = report.table(made, found, t, way, seller)
    return said + t("No mix of types of one region was found that is cheaper.") + "\n" if mixed else said


def _within(made: Plan, cost: Decimal) -> None:
    """Raise `BudgetError` where the cheapest mix is over the workload's budget."""
    from planner.money import show

    limit = made.quote.workload.budget
    if limit is not None and cost > limit:
        raise BudgetError(
            f"nothing fits the budget of {show(limit)} {made.quote.currency}: the cheapest mix obliges to {show(cost)}, "
            f"{show(cost - limit)} over"
        )
