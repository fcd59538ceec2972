"""An offer's amounts by quarter and fiscal year, as lines of text."""

from __future__ import annotations

from planner.i18n import English
from planner.money import show
from planner.quoting.fiscal import quarters, years
from planner.quoting.records import Offer, Quote
from planner.records import NamedTuple
from planner.rendering.columns import fold, layout

__all__ = ["Row", "lines", "rows"]


class Row(NamedTuple):
    """A quarter in words, or (year) the sum of a fiscal year's."""

    name: str
    begins: str
    billed: str
    effective: str
    year: bool


def rows(quote: Quote, offer: Offer, t: English) -> list[Row]:
    """Return the quarters of an offer, after those of each year their sum; [] where no start of the fiscal year is given."""
    if not quote.workload.fiscal_year_start:
        return []
    found, made = quarters(quote, offer), []
    for year in years(found):
        for one in found:
            if one.year == year.year:
                name = t("FY {year} Q{n}", year=one.year, n=one.number)
                made.append(Row(name, one.begins[:7], show(one.billed), show(one.effective), False))
        name = t("FY {year}", year=year.year)
        made.append(Row(name, t("in all"), show(year.billed), show(year.effective), True))
    return made


def lines(quote: Quote, offer: Offer, t: English, width: int | None = None) -> list[str]:
    """Return the table, headed by what it is; [] where no start of the fiscal year is given."""
    if not quote.workload.fiscal_year_start:
        return []
    made = [[r.name, r.begins, r.billed, r.effective] for r in rows(quote, offer, t)]
    head = [t("fiscal quarter"), t("from"), t("billed"), t("effective")]
    said = t("By fiscal quarter, {offer}, in {code}, the whole term included:", offer=offer.id, code=quote.currency)
    return ["", *fold(said, width, 2), *(x for block in layout(head, made, {2, 3}, width) for x in block)]
