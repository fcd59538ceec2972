"""The finance workbook: a quote as sheets of live formulas, with the values that they have now.

Only hours, traffic, rates, discounts, counts (Inputs) and prices (Prices) are typed; docs/workbook.md walks through it.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from planner.errors import PlannerError
from planner.quoting.records import Offer, Quote

if TYPE_CHECKING:
    from planner.rendering.xlsx.book import Book
    from planner.rendering.xlsx.model import Model

__all__ = ["MOST", "dump", "options_of"]

#: Offers in one workbook at most; more are left to CSV and JSON.
MOST = 250


def dump(quote: Quote, *, top: int = 3, lang: str = "en") -> bytes:
    """Return the workbook of `quote` (built `whole`), the `top` offers per provider and way of buying in it.

    Raises `PlannerError` when the quote holds no offer.
    """
    from planner.i18n import translator
    from planner.rendering.xlsx.book import Book
    from planner.rendering.xlsx.model import Model

    if not quote.offers:
        raise PlannerError(
            "no offer serves this workload, so there is nothing to put in a workbook; see --format table"
        )
    t = translator(lang)
    model, stream = Model(quote, options_of(quote, top)), io.BytesIO()
    book = Book(stream, t, lang, quote.quoted_on, names_of(quote))
    book.file.set_properties(
        {
            "title": t("Cost review: GPU capacity for {model}", model=quote.workload.model),
            "subject": f"planner {quote.hash}",
            "created": book.created,
            "comments": t("A forecast from published prices, not a bill."),
        }
    )
    _write(book, model)
    for sheet in book.sheets.values():
        sheet.close()
    book.empty["summary"].activate()
    book.file.close()
    return stream.getvalue()


def names_of(quote: Quote) -> dict[str, str]:
    """Return the sheets of a quote's workbook: one more where managed APIs stand beside its offers."""
    from planner.rendering.xlsx.book import NAMES

    if quote.beside is None:
        return NAMES
    from planner.rendering.xlsx.tokens import NAME

    found = {}
    for key, name in NAMES.items():
        found[key] = name
        if key == "sensitivity":
            found["tokens"] = NAME
    return found


def options_of(quote: Quote, top: int) -> list[Offer]:
    """Return the options of the workbook, by what must be paid: the `top` offers per provider and way of buying, and what is
    recommended now and at other hours; at most `MOST`.

    So that what the workbook marks at typed hours and in its scenarios is what a fresh quote there recommends.
    """
    from planner.quoting.choose import advise, basis_of, ranked, worth_showing
    from planner.quoting.whatif import winners

    said, mine = advise(quote), {o.id for o in quote.offers}
    kept = [o for o in (said.best, said.lasting, *winners(quote)) if o is not None and o.id in mine]
    ids = {o.id for o in kept} | {o.id for o in worth_showing(quote, top)}
    found = ranked(quote, (o for o in quote.offers if o.id in ids), basis_of(quote))
    late = [o for o in found[MOST:] if o in kept]
    return found[: MOST - len(late)] + late


def _write(book: Book, model: Model) -> None:
    """Fill the sheets in the order in which they refer to one another."""
    from planner.rendering.xlsx.checks import Written, write_checks
    from planner.rendering.xlsx.commitment import write_commitment
    from planner.rendering.xlsx.costs import best_of, write_costs
    from planner.rendering.xlsx.egress import write_egress
    from planner.rendering.xlsx.focus import write_focus
    from planner.rendering.xlsx.inputs import write_inputs
    from planner.rendering.xlsx.prices import write_prices
    from planner.rendering.xlsx.review import write_sources, write_versions
    from planner.rendering.xlsx.scenarios import write_scenarios
    from planner.rendering.xlsx.sensitivity import write_sensitivity
    from planner.rendering.xlsx.steps import write_steps
    from planner.rendering.xlsx.summary import write_summary
    from planner.rendering.xlsx.timeline import write_timeline
    from planner.rendering.xlsx.words import write_cover, write_notes, write_sizing

    best = model.best or model.options[0]
    refs = write_inputs(book, model, best_of(book, model, "rank"))
    prices = write_prices(book, model)
    write_sizing(book, model)
    egress = write_egress(book, model, refs)
    write_costs(book, model, refs)
    timeline = write_timeline(book, model, prices)
    curve = write_commitment(book, model, refs, timeline.shown)
    book.sheet("scenarios", [5, 46, *[13.5] * 10])
    steps = write_steps(book, model, refs)
    write_scenarios(book, model, refs, steps)
    centre = write_sensitivity(book, model, timeline.shown)
    if model.quote.beside is not None:
        from planner.rendering.xlsx.tokens import write_tokens

        write_tokens(book, model, refs)
    focus = write_focus(book, model, refs, best)
    checked = write_checks(book, model, Written(prices, egress, timeline, centre, focus, best))
    write_summary(book, model, steps.sentence, timeline.chart, curve)
    write_notes(book, model)
    write_sources(book, model)
    write_versions(book, model)
    write_cover(book, model, checked)
