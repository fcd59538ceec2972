"""`planner quote`: the main command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from planner.cli.filed import take_asides
from planner.cli.help import FORMS, Grouped, lang_option, option, typed
from planner.cli.options import (
    BASES,
    book_options,
    bring_own,
    doubted,
    make_quote,
    make_workload,
    measured_option,
    open_catalog,
    own_option,
    put,
    saved_quote,
    workload_options,
)
from planner.cli.screen import colours, columns
from planner.errors import BudgetError, MisuseError, NoOfferError, PriceBookError, StaleError

if TYPE_CHECKING:
    from planner.prices.catalog import Catalog
    from planner.quoting.records import Quote
    from planner.workload import Workload

#: The names of planner.rendering.formats.FORMATS (a test holds them equal; help must not import the renderers).
FORMATS = ("table", "json", "csv", "xlsx", "html", "markdown", "focus")
#: Those of planner.quoting.calendar.
GRANULARITIES = ("hourly", "daily", "monthly")


@click.command(cls=Grouped, also=FORMS)
@workload_options
@book_options
@measured_option
@own_option
@option(
    "--strict",
    is_flag=True,
    help="Exit 1 when prices are stale, the price book could not be read, or a saved quote was changed.",
)
@option(
    "--top",
    type=click.IntRange(1, 1000),
    metavar="N",
    help="Offers per provider and way of buying shown.  [1; workbook 3]",
)
@option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    metavar="FORMAT",
    default="table",
    help=f"{', '.join(FORMATS)}.  [table]",
)
@option("-o", "--output", metavar="FILE", help="Write to a file instead of the terminal.")
@option("--force", is_flag=True, help="Replace files that planner did not write (-o, --charts).")
@lang_option()
@option(
    "--sort", type=click.Choice(BASES), metavar="BASIS", help=f"Order of the rows: {', '.join(BASES)}.  [obligation]"
)
@option("--wide", is_flag=True, help="Every column, however narrow the terminal.")
@option("--gaps", is_flag=True, help="List what has no price.")
@option("--rejected", is_flag=True, help="List what does not serve the workload, and why.")
@option("--offer", metavar="ID", help="The offer to write.  [the recommended one]")
@option("--granularity", type=click.Choice(GRANULARITIES), help="How long a row is.  [monthly]")
@option("--allow-unpriced", is_flag=True, help="Mark parts without a price instead of exit 1.")
@option("--compare", metavar="OLD.json", help="Say what changed since an earlier JSON quote.")
@option(
    "--charts",
    metavar="PATH",
    help="Also draw: the main charts into a folder, or the cost over hours into FILE.png or .svg.",
)
@option("--explain", is_flag=True, help="Unfold the best offer of each provider.")
@option("--infrastructure", is_flag=True, help="The whole bill: with what a module creates around the machines.")
@option("--from-tf", metavar="PATH", help="Price what a module provisions, as its HCL stands now (planner price).")
@option("--target", metavar="WHERE", help="kubernetes: the same on the cloud's managed cluster, and what that adds.")
@option(
    "--beside-apis", is_flag=True, help="Also what managed APIs ask for the same tokens, and from when machines win."
)
@option("--cache-hits", metavar="SHARE", help="With --beside-apis: input that an API finds in its cache.  [0%]")
@option("--replay", metavar="FILE", help="Show a saved JSON quote again, from the prices it carries.")
@option("--neighbours", is_flag=True, help="Models and formats beside this one: published scores, and what each costs.")
@option("--tokens", metavar="N", help="A batch instead: so many output tokens, e.g. 2e9, by a deadline.")
@option("--by", metavar="WHEN", help="The batch's deadline: 2026-12-05T08:00 (UTC), or hours: 48h.")
@option("--spot-share", metavar="SHARE", help="Most of the batch's machines on spot.  [100%]")
@option("--spot-interruption", metavar="SHARE", help="Share of spot hours lost and done again.  [5%]")
def quote(
    price_book: tuple[str, ...],
    price_book_db: str | None,
    offline_list: bool,
    as_of: str | None,
    measurements: str | None,
    own_file: str | None,
    strict: bool,
    top: int | None,
    form: str,
    output: str | None,
    force: bool,
    lang: str,
    sort: str | None,
    wide: bool,
    gaps: bool,
    rejected: bool,
    offer: str | None,
    granularity: str | None,
    allow_unpriced: bool,
    compare: str | None,
    charts: str | None,
    explain: bool,
    infrastructure: bool,
    from_tf: str | None,
    replay: str | None,
    **values: Any,
) -> int:
    """What a workload costs on each cloud: on-demand, committed and spot, with traffic, from dated prices.

    Without a workload it is the reference case: DeepSeek-R1-Distill-Qwen-7B at FP16 with 20 % headroom.
    """
    from planner.rendering import formats

    chosen = formats.find(form)
    target = values.pop("target")
    _check_form(form, output, wide=wide, explain=explain, infrastructure=infrastructure)
    asked, hits = _for_apis(values, form)
    catalog = open_catalog(price_book, price_book_db, offline_list, as_of)
    if values.pop("neighbours"):
        return _near(values, catalog, (form, lang, output, force), (from_tf, replay, charts, own_file, asked, target))
    batch = {name: values.pop(name) for name in ("tokens", "by", "spot_share", "spot_interruption")}
    if any(said is not None for said in batch.values()):
        other = (from_tf, replay, compare, charts, offer, own_file, asked, target)
        return _batch(batch, values, catalog, other, (form, output, force, lang, measurements))
    if from_tf and not _ours(from_tf):
        return _price(from_tf, values, catalog, (form, lang, output, force))
    if replay:
        said = {"measurements": measurements, "own": own_file, "beside-apis": asked}
        result = _replay(replay, said | values, strict)
    else:
        workload = _asked(values, from_tf)
        if own_file:
            bring_own(catalog, own_file, workload)
        brief = chosen.name == "table" and not (charts or target)  # a chart names the quote's hash
        result = make_quote(workload, catalog, chosen.whole, brief, measurements, top or 1)
        result = _beside(result, catalog, hits, values.get("data_stays")) if asked else result
    if target is not None:
        others = (from_tf, compare, charts, explain, infrastructure, sort, gaps, rejected, granularity, asked)
        return _elsewhere(target, (result, offer, strict), catalog, others, (form, lang, output, force))
    given: dict[str, object] = {"sort": sort, "gaps": gaps, "rejected": rejected, "offer": offer}
    given |= {"granularity": granularity, "allow_unpriced": allow_unpriced}
    given |= {"compare": _replay(compare, {}, strict) if compare else None}
    room = columns() if output is None and not wide else None
    common = {"top": top, "lang": _spoken(form, lang), "colour": output is None and colours(), "width": room}
    options = {k: v for k, v in given.items() if v}
    options |= {k: v for k, v in common.items() if v is not None and k in chosen.options}
    if not result.offers and chosen.name in ("xlsx", "focus"):  # a workbook or rows of nothing
        raise NoOfferError(_why_none(result, None if replay else catalog))
    text = formats.render(result, form, **options)
    if explain:
        text = str(text) + _explained(result, lang)
    if infrastructure or (form == "table" and not replay):
        text = str(text) + _around(result, catalog, lang, (infrastructure, from_tf or ""), room)
    if result.beside is not None and form == "table":
        text = str(text) + _tokens(result, lang, room)
    _draw(result, charts, top or 1, lang, force)
    put(text, output, force, people=chosen.plain)
    _verdict(result, strict, None if replay else catalog)
    return 0


def _spoken(form: str, lang: str) -> str:
    """Return the language of a format: what programs read is the same whatever $PLANNER_LANG says."""
    return lang if form != "csv" or typed("lang") else "en"


def _near(*asked: Any) -> int:
    from planner.cli.neighbours import neighbours

    return neighbours(*asked)


def _batch(*asked: Any) -> int:
    from planner.cli.batch import alone

    return alone(*asked)


def _draw(result: Quote, folder: str | None, top: int, lang: str, force: bool) -> None:
    if folder and result.offers:
        from planner.rendering.charts import write

        write(result, folder, top, lang, force=force)


def _asked(values: dict[str, Any], from_tf: str | None) -> Workload:
    """Return the workload of the options, over that of a module where one is priced again."""
    if not from_tf:
        return make_workload(values)
    from planner.terraform.readback import workload_of

    return make_workload(values, workload_of(from_tf))


def _elsewhere(
    target: str,
    asked: tuple[Quote, str | None, bool],
    catalog: Catalog,
    others: tuple[object, ...],
    shown: tuple[Any, ...],
) -> int:
    """Compare one offer on plain instances with the same on a cluster. others: options that say nothing of that."""
    from planner.cli.on_cluster import alone, compare

    alone(others)
    result, offer, strict = asked
    if result.offers:
        compare(target, result, offer, catalog, *shown)
    _verdict(result, strict)
    return 0


def _check_form(form: str, output: str | None, **given: bool) -> None:
    """Raise `MisuseError` for a format without the file that it needs, or an option that goes with the table only."""
    if form == "xlsx" and not output:
        raise MisuseError("--format xlsx writes a file: name it with -o review.xlsx")
    if form == "table":
        return
    elsewhere = {
        "wide": "the other formats carry everything",
        "explain": "JSON carries every formula anyway",
        "infrastructure": "a module's planner.json and README have it too",
    }
    for name, why in elsewhere.items():
        if given[name]:
            raise MisuseError(f"--{name} goes with the table; {why}")


def _for_apis(values: dict[str, Any], form: str) -> tuple[str | None, str]:
    """Return whether APIs were asked for ("yes", None: not), and the share of hits; raise `MisuseError` for what says nothing.

    What the workload's file says beside the workload is put among `values` before.
    """
    take_asides(values)
    asked, cache_hits = values.pop("beside_apis"), values.pop("cache_hits")
    if cache_hits and not asked:
        raise MisuseError("--cache-hits goes with --beside-apis")
    if asked and form not in ("table", "json", "html", "xlsx"):
        raise MisuseError("--beside-apis goes with --format table, json, html or xlsx")
    return "yes" if asked else None, cache_hits or "0%"


def _beside(result: Quote, catalog: Catalog, cache_hits: str, area: str | None) -> Quote:
    from planner.money import percent_of
    from planner.quoting import tokens

    return tokens.beside(result, catalog, percent_of(cache_hits, "--cache-hits"), (area or "").strip().upper())


def _tokens(result: Quote, lang: str, room: int | None) -> str:
    from planner.i18n import translator
    from planner.rendering.tokens import dump

    return dump(result, translator(lang), room)


def _replay(path: str, values: dict[str, Any], strict: bool) -> Quote:
    given = [k for k, v in values.items() if v is not None and v != ()]
    if given:
        raise MisuseError(f"--replay shows a saved quote as it was; --{given[0].replace('_', '-')} cannot change it")
    return saved_quote(path, strict)


def _explained(result: Quote, lang: str) -> str:
    """Return the best offer of each provider, unfolded."""
    from planner.i18n import translator
    from planner.quoting.choose import best_of
    from planner.rendering.explain import dump

    text = ""
    for provider in dict.fromkeys(o.provider for o in result.offers):
        mine = [o for o in result.offers if o.provider == provider]
        text += "\n" + dump(result, best_of(result, mine) or mine[0], translator(lang))
    return text


def _ours(path: str) -> bool:
    """Return whether `path` is a module of emit-tf."""
    from planner.terraform.price import record

    return record(path) is not None


def _price(path: str, values: dict[str, Any], catalog: Catalog, shown: tuple[str, str, str | None, bool]) -> int:
    """Price another's module or a plan, as `planner price` does."""
    from planner.cli.price import priced_at, show
    from planner.terraform.price import Asked

    form, lang, output, force = shown
    given = [k for k, v in values.items() if v not in (None, ()) and k != "hours"]
    if given:
        raise MisuseError(
            f"--from-tf {path}: no module of emit-tf, so --{given[0].replace('_', '-')} says nothing of it"
        )
    if form not in ("table", "json"):
        raise MisuseError(
            f"--from-tf {path}: no module of emit-tf: its price is a table or json, no quote to write as {form}"
        )
    show(priced_at(path, values.get("hours"), Asked(), catalog), form, lang, output, force=force)
    return 0


def _around(result: Quote, catalog: Catalog, lang: str, asked: tuple[bool, str], room: int | None) -> str:
    """Return what a module of the recommended offer adds, in a sentence; or the bill of the best offer of each provider.

    asked: whether the bill is wanted, and the folder of the module that is priced again: there, what its HCL has now counts.
    """
    from planner.i18n import translator
    from planner.provider import owns
    from planner.quoting.around import bill
    from planner.quoting.choose import best_of
    from planner.rendering import bill as shown
    from planner.rendering.columns import fold

    t, best = translator(lang), result.best
    whole, folder = asked
    if folder and result.offers:
        from planner.terraform.price import own
        from planner.terraform.readback import module_of

        made, offer, _ = own(folder, result, module_of(folder).offer, catalog)
        return (
            "\n" + shown.dump(made, offer, t) if whole else "".join(f"{x}\n" for x in fold(shown.line(made, t), room))
        )
    if not whole:
        said = [] if best is None or owns(best.provider) else fold(shown.line(bill(result, best, catalog), t), room)
        said += [line for one in _bound(result, catalog, lang) for line in fold(one, room)]
        return "".join(f"{line}\n" for line in said)
    text = ""
    for provider in dict.fromkeys(o.provider for o in result.offers):
        mine = [o for o in result.offers if o.provider == provider]
        offer = best_of(result, mine) or mine[0]
        text += "\n" + shown.dump(bill(result, offer, catalog), offer, t)
    return text


def _bound(result: Quote, catalog: Catalog, lang: str) -> list[str]:
    """Return what binds the model and the recommended offer's cards by licence or export rule, each with its text's source."""
    from planner.provider import owns
    from planner.sizing.fit import model_of

    best, model = result.best, model_of(result.workload)
    free = model.license.startswith(("Apache", "MIT")) and "+" not in model.license
    mainland = best is not None and catalog.market(best.provider, best.region) == "mainland"
    if free and (best is None or not (mainland or owns(best.provider) or best.gpu.model.startswith("RTX"))):
        return []  # the usual quote reads no more
    from planner.cli.terms import bound

    return bound(model, "" if best is None else best.gpu.model, mainland, lang)


def _why_none(result: Quote, catalog: Catalog | None = None) -> str:
    """Return why there is no offer; catalog: of a quote made now, which names a smaller model that does fit."""
    from planner.cli.neighbours import suggestion
    from planner.quoting.choose import why_none

    return why_none(result) + (suggestion(result, catalog) if catalog is not None else "")


def _verdict(result: Quote, strict: bool, catalog: Catalog | None = None) -> None:
    """Raise what the exit code has to say of a quote that has been written."""
    budget = result.budget
    if not result.offers:
        raise NoOfferError(_why_none(result, catalog))
    if budget is not None and not budget.fits:
        from planner.money import show

        if budget.cheapest is None:
            raise BudgetError(
                "nothing fits the budget of {limit} {currency}: no offer is firm and fully priced (spot samples do not count)",
                limit=show(budget.limit),
                currency=budget.currency,
            )
        least = "the cheapest bills" if budget.basis == "billed" else f"the lowest {budget.basis.replace('-', ' ')} is"
        raise BudgetError(
            f"nothing fits the budget of {show(budget.limit)} {budget.currency}: {least} "
            f"{show(budget.cheapest)}, {show(budget.cheapest - budget.limit)} over"
        )
    if strict and (why := doubted()):
        raise PriceBookError(f"--strict: {why}")
    if strict and result.stale:
        raise StaleError("; ".join(f"{s.provider}: {s.message}" for s in result.stale))
