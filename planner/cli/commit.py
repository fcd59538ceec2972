"""`planner commit`: how much to commit for a demand that changes by the hour."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from planner.cli.help import Grouped
from planner.cli.options import (
    book_options,
    bring_own,
    make_quote,
    make_workload,
    measured_option,
    open_catalog,
    output_options,
    own_option,
    put,
    told,
    workload_options,
)
from planner.cli.shown import checked
from planner.errors import BudgetError, MisuseError

if TYPE_CHECKING:
    from planner.buying.blend import Blend
    from planner.buying.demand import Demand
    from planner.buying.falls import Falls
    from planner.buying.plan import Asked, Plan
    from planner.buying.scenarios import Scenario, Uncertain
    from planner.quoting.records import Quote
    from planner.workload import Workload

ZERO = Decimal(0)
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


@click.command(cls=Grouped)
@click.option(
    "--demand",
    "said",
    metavar="WHAT",
    help='Hourly demand: a CSV file (hour, and rps, tokens_per_second or instances), or a shape: "diurnal rps=20".  '
    "[the workload's [demand]]",
)
@click.option(
    "--scenario", "scenarios", metavar="WEIGHT=WHAT", multiple=True, help="A demand that may come, and its weight."
)
@click.option(
    "--worst", metavar="SHARE", default="", help="With --scenario: plan for the worst share of cases.  [100%]"
)
@buying_options
@click.option("--repeat", is_flag=True, help="Repeat the demand to the end of --term.")
@click.option("--price-falls", is_flag=True, help="What commitments lose when lists fall, replayed from past prices.")
@click.option("--mix-types", is_flag=True, help="Also mix instance types of a region (needs the extra `commit`).")
@workload_options
@book_options
@measured_option
@own_option
@output_options
def commit(
    said: str | None,
    scenarios: tuple[str, ...],
    worst: str,
    term: str,
    repeat: bool,
    min_replicas: str,
    scale_up_minutes: str,
    spot_share: str,
    spot_interruption: str,
    mix_types: bool,
    price_falls: bool,
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
    """How much to commit for a demand that changes by the hour: the cheapest mix of commitments, on-demand and spot.

    Every type on offer is sized at the peak and follows the demand below it; commitments count at their full obligation.
    """
    from planner.buying import plan
    from planner.buying import scenarios as scenario

    asked = asked_of(term, min_replicas, scale_up_minutes, spot_share, spot_interruption)
    checked(form, output)
    others = {"--demand": said, "--repeat": repeat, "--mix-types": mix_types, "--price-falls": price_falls}
    _together(scenarios, worst, {name for name, given in others.items() if given})
    if scenarios or worst:
        several = _several(scenarios, values)
        peak = plan.workload_at_peak(make_workload(values), scenario.together(several))
        catalog = open_catalog(price_book, price_book_db, offline_list, as_of)
        if own_file:
            shares = [(one.weight, one.weight * _busy(one.demand, peak)) for one in several]
            bring_own(catalog, own_file, peak, sum((s for _, s in shares), ZERO) / sum((w for w, _ in shares), ZERO))
        quote = make_quote(peak, catalog, brief=True, measurements=measurements)
        found = scenario.make(quote, several, asked, _worst(worst))
        put(_uncertain(found, form, lang), output, force, people=form == "table")
        _within(quote, found.best.tail)
        return 0
    demand, work = _demand(said, values, asked.rules.term, repeat)
    work = plan.workload_at_peak(work, demand)
    catalog = open_catalog(price_book, price_book_db, offline_list, as_of)
    if own_file:
        bring_own(catalog, own_file, work, _busy(demand, work))
    made = plan.make(make_quote(work, catalog, brief=True, measurements=measurements), demand, asked)
    falls = None
    if price_falls:
        from planner.buying.falls import replayed

        falls = replayed(made, catalog)
    blend = None
    if mix_types:
        from planner.buying.blend import make

        blend = make(made)
    put(_told(made, blend, falls, (form, lang, mix_types)), output, force, people=form == "table")
    _within(made.quote, made.best.cost if blend is None else blend.cost)
    return 0


def _together(scenarios: tuple[str, ...], worst: str, others: set[str]) -> None:
    """Raise `MisuseError` for options that do not go together; others: those given that say more of one demand."""
    if scenarios and others:
        raise MisuseError("{others} and --scenario: give one of them", others=min(others))
    if worst and others and not scenarios:
        raise MisuseError("--worst: it needs --scenario")


def _busy(demand: Demand, peak: Workload) -> Decimal:
    """Return the mean of a demand as a share of what the workload at its peak asks for."""
    from planner.buying.stock import busy

    return busy(demand) * demand.peak / (peak.rps or peak.tokens_per_second)


def asked_of(term: str, least: str, minutes: str, share: str, lost: str) -> Asked:
    """Return the options as numbers; `MisuseError` for what is none, or out of bounds."""
    from planner.buying.market import Rules
    from planner.buying.plan import Asked
    from planner.money import bounded, percent_of
    from planner.offer import TERMS

    if term and term not in TERMS:
        raise MisuseError("--term: {term!r} is no term: write 1m, 6m, 1y, 3y ...", term=term[:40])
    number = bounded(least, "--min-replicas", 0, 100_000)
    if number % 1:
        raise MisuseError("--min-replicas: {least} is not a whole number", least=least)
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
            raise MisuseError("--{value}: the demand is in --demand: give one of them", value=name.replace("_", "-"))
    path, hours = values.pop("workload_file", None), values.pop("hours", None)
    aside: dict[str, str] = {}
    base, found = one(path, None, told, aside) if path else (None, None)
    where = "--demand"
    if hours:
        if not said or not shapes.is_shape(said):
            raise MisuseError("--hours: the demand's file says how many hours there are")
        said = f"{said} hours={hours}"
    if said:
        found = shapes.read(said)
    else:
        where = "[demand]"
    if found is None:
        raise MisuseError(
            'what is asked for, hour by hour? say --demand "flat rps=20" or a file, or [demand] in WORKLOAD.toml'
        )
    if repeat and not term:
        raise MisuseError("--repeat: until when? say --term, such as 1y")
    whole_term(found, term, repeat, where)
    work = make_workload(values, base, aside)
    return demand.repeated(found, int(term_hours(term))) if repeat else found, work


def _several(said: tuple[str, ...], values: dict[str, Any]) -> list[Scenario]:
    """Return the scenarios of WEIGHT=WHAT; `MisuseError` names the one that is none."""
    from planner.buying import shapes
    from planner.buying.scenarios import Scenario
    from planner.money import bounded

    for name in (*SAID, "hours"):
        if values.get(name):
            raise MisuseError("--{value}: the demand is in --scenario: give one of them", value=name.replace("_", "-"))
    if not said:
        raise MisuseError("--worst: of which cases? say --scenario WEIGHT=WHAT, at least two")
    found = []
    for one in said:
        weight, sign, what = (part.strip() for part in one.partition("="))
        if not sign or not what or any(c.isalpha() or c.isspace() for c in weight):
            raise MisuseError('--scenario: {one!r}: write WEIGHT=WHAT, as in "0.3=diurnal rps=40"', one=one[:60])
        number = bounded(weight, "--scenario: weight", 0, 1_000_000)
        if not number:
            raise MisuseError("--scenario: weight: 0 never comes: leave it out")
        found.append(Scenario(number, shapes.read(what), what))
    if len(found) < 2:
        raise MisuseError("--scenario: say at least two; one demand that is sure is --demand")
    return found


def _worst(said: str) -> Decimal:
    from planner.money import percent_of

    share = percent_of(said or "100%", "--worst")
    if not share:
        raise MisuseError("--worst: 0 % of the cases are none: 10% is the mean of the dearest tenth")
    return share


def _uncertain(found: Uncertain, form: str, lang: str) -> str | bytes:
    from planner.buying import uncertain

    if form == "json":
        import json

        return json.dumps(uncertain.as_json(found), indent=2, ensure_ascii=False) + "\n"
    from planner.i18n import translator
    from planner.rendering.words import seller, way

    t = translator(lang)
    told = uncertain.table(found, t, way, seller)
    if form == "table":
        return told
    from planner.cli.shown import plan

    return plan("scenarios", uncertain.as_json(found), told, found.best.market.ways, form, t)


def _told(made: Plan, blend: Blend | None, falls: Falls | None, asked: tuple[str, str, bool]) -> str | bytes:
    """Return the answer. asked: format, language, and whether a mix of types was asked for, which is said to be none where there is none."""
    from planner.buying import answers, blended, report
    from planner.buying import falls as fallen
    from planner.buying.blend import meaning

    form, lang, mixed = asked
    found = answers.answers(made)
    means = None if blend is None else meaning(made, blend)
    if form == "json":
        import json

        told = report.as_json(made, found)
        if mixed:
            told["mixed_types"] = None if blend is None or means is None else blended.as_json(blend, means)
        if falls is not None:
            told["price_falls"] = fallen.as_json(falls)
        return json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    from planner.i18n import translator
    from planner.rendering.words import seller, way

    t = translator(lang)
    fell = {} if falls is None else {"price_falls": fallen.as_json(falls)}
    shown = ([], []) if falls is None else (fallen.rows_of(falls, t), fallen.said_of(falls, made, t))
    more = "" if falls is None else "\n" + "\n".join(fallen.lines(falls, made, t)) + "\n"
    if blend is not None and means is not None:
        said = blended.table(made, found, blend, means, t, way, seller)
        if form == "table":
            return said + more
        from planner.cli.shown import plan

        doc = report.as_json(made, found) | {"mixed_types": blended.as_json(blend, means)} | fell
        return plan("mixed", doc, said, [w for part in blend.parts for w in part.market.ways], form, t, (), shown)
    said = report.table(made, found, t, way, seller)
    if form != "table":
        from planner.cli.shown import plan

        return plan("commit", report.as_json(made, found) | fell, said, made.best.market.ways, form, t, (), shown)
    return said + (t("No mix of types of one region was found that is cheaper.") + "\n" if mixed else "") + more


def _within(quote: Quote, cost: Decimal) -> None:
    """Raise `BudgetError` where the cheapest mix is over the workload's budget."""
    from planner.money import show

    limit = quote.workload.budget
    if limit is not None and cost > limit:
        raise BudgetError(
            "nothing fits the budget of {limit} {currency}: the cheapest mix obliges to {cost}, {over} over",
            limit=show(limit),
            currency=quote.currency,
            cost=show(cost),
            over=show(cost - limit),
        )
