"""An offer's amounts by quarter and fiscal year, as lines of text."""

from __future__ import annotations

from planner.i18n import English
from planner.money import show
from planner.quoting.fiscal import quarters, years
from planner.quoting.records import Offer, Quote
from planner.rendering.columns import fold, layout

__all__ = ["lines"]


def lines(quote: Quote, offer: Offer, t: English, width: int | None = None) -> list[str]:
    """Return the table, headed by what it is; [] where no start of the fiscal year is given."""
    if not quote.workload.fiscal_year_start:
        return []
    found = quarters(quote, offer)
    rows = []
    for year in years(found):
        mine = [q for q in found if q.year == year.year]
        for one in mine:
            name = t("FY {year} Q{n}", year=one.year, n=one.number)
            rows.append([name, one.begins[:7], show(one.billed), show(one.effective)])
        rows.append([t("FY {year}", year=year.year), t("in all"), show(year.billed), show(year.effective)])
    head = [t("fiscal quarter"), t("from"), t("billed"), t("effective")]
    said = t("By fiscal quarter, {offer}, in {code}, the whole term included:", offer=offer.id, code=quote.currency)
    return ["", *fold(said, width, 2), *(x for block in layout(head, rows, {2, 3}, width) for x in block)]
