"""The finance workbook: a quote as sheets of live formulas, with the values that they have now.

Only hours, traffic, rates, discounts, counts (Inputs) and prices (Prices) are typed; docs/workbook.md walks through it.
"""

from __future__ import annotations

import io

from planner.errors import PlannerError
from planner.quoting.records import Quote

__all__ = ["MOST", "dump"]

#: Offers in one workbook at most; more are left to CSV and JSON.
MOST = 250


def dump(quote: Quote, *, top: int = 3, lang: str = "en") -> bytes:
    """Return the workbook of `quote` (built `whole`), the `top` offers per provider and way of buying in it.

    Raises `PlannerError` when the quote holds no offer.
    """
    from planner.i18n import translator
    from planner.quoting.choose import worth_showing
    from planner.rendering.xlsx.analysis import write_commitment, write_scenarios, write_sensitivity
    from planner.rendering.xlsx.book import Book
    from planner.rendering.xlsx.costs import write_costs, write_egress
    from planner.rendering.xlsx.inputs import Refs, write_inputs, write_prices
    from planner.rendering.xlsx.model import Model
    from planner.rendering.xlsx.output import recommended, write_checks, write_focus, write_summary
    from planner.rendering.xlsx.timeline import write_timeline
    from planner.rendering.xlsx.words import write_cover, write_notes, write_sizing

    offers = worth_showing(quote, top)[:MOST]
    if not offers:
        raise PlannerError(
            "no offer serves this workload, so there is nothing to put in a workbook; see --format table"
        )
    t = translator(lang)
    model, refs, stream = Model(quote, offers), Refs(), io.BytesIO()
    book = Book(stream, t, lang, quote.quoted_on)
    book.file.set_properties(
        {
            "title": t("Cost review: GPU capacity for {model}", model=quote.workload.model),
            "subject": f"planner {quote.hash}",
            "created": book.created,
            "comments": t("A forecast from published prices, not a bill."),
        }
    )
    best = recommended(model)[0] or model.options[0]
    write_inputs(book, model, refs)
    write_prices(book, model, refs)
    write_sizing(book, model)
    write_egress(book, model, refs)
    write_costs(book, model, refs)
    shown = write_timeline(book, model, refs)
    curve = write_commitment(book, model, refs, shown)
    write_scenarios(book, model, refs)
    write_sensitivity(book, model, refs, shown)
    write_focus(book, model, model.options.index(best))
    passed = write_checks(book, model, refs, shown, model.options.index(best))
    write_summary(book, model, shown, curve)
    write_notes(book, model)
    write_cover(book, model, passed)
    for sheet in book.sheets.values():
        sheet.close()
    book.empty["summary"].activate()
    book.file.close()
    return stream.getvalue()
