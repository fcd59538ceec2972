"""`planner quote --neighbours`: the models and formats beside the asked one, with published scores and what each would cost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from planner.cli.options import make_quote, make_workload, put
from planner.errors import MisuseError

if TYPE_CHECKING:
    from planner.i18n import English
    from planner.prices.catalog import Catalog
    from planner.quoting.quality import Near, Neighbours
    from planner.quoting.records import Quote
    from planner.workload import Workload

__all__ = ["neighbours", "suggestion"]


#: Options of `quote` that say nothing of neighbours.
SILENT = ("from-tf", "replay", "charts", "own", "beside-apis", "target")


def neighbours(
    values: dict[str, Any], catalog: Catalog, shown: tuple[str, str, str | None, bool], others: tuple[object, ...]
) -> int:
    """Tell the neighbours of the workload's model. shown: format, language, file, force; others: what was given for SILENT."""
    from planner.i18n import translator
    from planner.quoting import quality

    form, lang, output, force = shown
    for name, given in zip(SILENT, others, strict=True):
        if given:
            raise MisuseError(f"--{name}: says nothing of neighbours: leave it out")
    if form not in ("table", "json"):
        raise MisuseError("--neighbours goes with --format table or json")
    found = quality.near(make_workload(values), lambda work: make_quote(work, catalog, brief=True))
    if form == "json":
        told = json.dumps(quality.as_json(found), indent=2, ensure_ascii=False) + "\n"
    else:
        told = table(found, translator(lang))
    put(told, output, force, people=form == "table")
    return 0


def table(found: Neighbours, t: English) -> str:
    """Return the neighbours as people read them: a line each, then the sources."""
    from planner.money import show
    from planner.rendering.columns import grid

    best, code = found.asked.best, found.asked.currency
    head = (
        t("model"),
        t("precision"),
        t("weights"),
        t("cheapest offer"),
        t("to pay in {code}", code=code),
        t("published score (of {model})", model=found.model),
    )

    def row(near: Near) -> tuple[str, ...]:
        said = []
        for mine, other in near.scores:
            beside = mine.baseline if other is None else other.score
            said.append(f"{mine.benchmark} {mine.score} ({beside})")
        what = (
            f"{near.offer.count} x {near.offer.instance_type}, {near.offer.region}"
            if near.offer
            else t("nothing serves it")
        )
        paid = show(near.offer.totals.report.obligation) if near.offer else ""
        return near.published_as, near.precision, f"{near.gigabytes:,.0f} GB", what, paid, "; ".join(said[:4])

    mine = (
        found.model,
        found.precision,
        f"{found.gigabytes:,.0f} GB",
        f"{best.count} x {best.instance_type}, {best.region}" if best else t("nothing serves it"),
        show(best.totals.report.obligation) if best else "",
        t("asked for"),
    )
    lines = grid(head, [mine, *map(row, found.formats), *map(row, found.models)], {2, 4}, False)
    sources = {
        (s.source, s.date): None
        for near in (*found.formats, *found.models)
        for pair in near.scores
        for s in pair
        if s is not None
    }
    lines += [
        "",
        t("A score is compared within its benchmark only; none is estimated. Formats stand beside their own baseline."),
    ]
    lines += [t("Source: {source} ({date})", source=source, date=date) for source, date in sources]
    return "\n".join(lines) + "\n"


def suggestion(result: Quote, catalog: Catalog) -> str:
    """Return a smaller model that does fit where nothing serves the asked one, "" where none with a published score does."""
    from planner.quoting.quality import smaller

    def quoted(work: Workload) -> Quote:
        return make_quote(work, catalog, brief=True)

    found = smaller(result.workload, quoted)
    if found is None:
        return ""
    mine, other, offer = found
    return (
        f"; {mine.model} fits, on {offer.count} x {offer.instance_type} ({mine.benchmark} {mine.score} beside {other.score}, {mine.source}, "
        f"{mine.date}): --model {mine.model}"
    )
