"""The sheet Prices: one row per published price, with its source and age."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from planner.i18n import English
from planner.offer import Source
from planner.quoting import steps, whatif
from planner.quoting.records import Offer, Rate
from planner.rendering.words import dated
from planner.rendering.words import way as bought_as
from planner.rendering.xlsx.book import Book, Sheet, cell, serial
from planner.rendering.xlsx.model import Ladder, Model

__all__ = ["Prices", "column", "ladder_cost", "steps_cost", "write_prices"]

FIRST = 4
LONGEST = Decimal(744)


class Prices(NamedTuple):
    """The rows of all prices, counted from 0."""

    first: int
    last: int

    def column(self, book: Book, col: int) -> str:
        """Return a column over all prices."""
        return book.ref("prices", f"{cell(self.first, col, 'rc')}:{cell(self.last, col, 'rc')}")


def column(book: Book, ladder: Ladder, col: int) -> str:
    """Return the cells of `ladder` in a column of Prices."""
    return book.ref("prices", f"{cell(ladder.row, col, 'rc')}:{cell(ladder.last, col, 'rc')}")


def ladder_cost(book: Book, ladder: Ladder, amount: str) -> str:
    """Return the formula of what `amount` costs: each step adds its price above the step before it."""
    return steps_cost(book, f'"{ladder.id}"', amount)


def steps_cost(book: Book, which: str, amount: str) -> str:
    """Return the same of the ladder whose id stands in the cell `which`; p_id, p_from, p_step are columns of Prices."""
    return f"SUMPRODUCT((p_id={which})*({amount}>p_from)*({amount}-p_from)*p_step)"


def write_prices(book: Book, model: Model) -> Prices:
    """Write Prices, one row per price, and note the rows in the ladders."""
    t = book.t
    s = book.sheet("prices", [7, 12, 15, 14, 27, 27, 10, 9, 9, 13, 9, 12, 9, 12, 8, 7, 11, 9, 10, 12, 60, 44])
    s.title(
        t("One row per published price, excluding discounts; type a new price over a blue one and everything follows.")
    )
    _head(s, book)
    row = FIRST
    for ladder in model.ladders:
        if ladder.free is not None:
            _price(book, model, ladder, ladder.free, row)
            row += 1
        ladder.row = row
        for number, rate in enumerate(ladder.rates):
            _price(book, model, ladder, rate, row)
            if ladder.line.rule in ("hours", "block", "traffic"):
                _step(s, ladder, number, row)
            row += 1
    s.ws.autofilter(3, 0, row - 1, 21)
    s.freeze(4, 1)
    s.ws.fit_to_pages(2, 0)
    made = Prices(FIRST, row - 1)
    for name, col in (("p_id", 0), ("p_from", 7), ("p_step", 11)):
        book.file.define_name(name, "=" + made.column(book, col))
    return made


def _head(s: Sheet, book: Book) -> None:
    t = book.t
    titles = [
        t("price"),
        t("provider"),
        t("region"),
        t("book"),
        t("item"),
        t("bought as"),
        t("unit"),
        t("from"),
        t("to"),
        t("list price"),
        t("currency"),
        t("price above the step before"),
        t("hours up to 744"),
        t("cost up to the step"),
        t("hours of term"),
        t("months of term"),
        t("as of"),
        t("age, days"),
        t("confidence"),
        t("tax"),
        t("source"),
        t("place"),
    ]
    s.head(3, titles, 40)


def _step(s: Sheet, ladder: Ladder, number: int, row: int) -> None:
    """Write what the formulas of steps need: the price above the step before, and for hours the cost up to here."""
    rate, money = ladder.rates[number], cell(row, 9)
    before = ladder.rates[number - 1].amount if number else None
    above = f"{money}-{cell(row - 1, 9)}" if number else money
    s.calc(row, 11, above, rate.amount - (before or 0), "price")
    if rate.unit != "hour" or ladder.part not in ("compute", "on_demand"):
        return
    start, end = cell(row, 7), cell(row, 8)
    inside = dict(steps.in_steps(ladder.rates, LONGEST)).get(rate, 0)
    s.calc(row, 12, f'MAX(0,MIN(744,IF({end}="",744,{end}))-{start})', inside, "num")
    so_far = f"{cell(row - 1, 13)}+({cell(row - 1, 8)}-{cell(row - 1, 7)})*{cell(row - 1, 9)}" if number else "0"
    s.calc(row, 13, so_far, whatif.hours_of(ladder.line, rate.start).list, "money")


def _tax(model: Model, offer: Offer) -> str:
    """Return whether the offer's price book prints prices with tax: "exclusive", "inclusive" or "unknown"."""
    return next((s.tax for s in model.quote.seller(offer.provider).sites if s.id == offer.site), "unknown")


def _from(source: Source, t: English) -> str:
    """Return the source; where another one confirmed the price, also since when it holds."""
    return f"{source.text} ({dated(source, t)})" if source.confirmed else source.text


def _price(book: Book, model: Model, ladder: Ladder, rate: Rate, row: int) -> None:
    s, offer, t, source = book.sheets["prices"], ladder.offer, book.t, rate.source
    name = ladder.id if rate is not ladder.free else ""
    way = bought_as(ladder.offer, t) if ladder.part == "compute" else t.say(ladder.way)
    what = (name, offer.provider, offer.region, t(offer.site), t.say(ladder.item), way, t(rate.unit))
    for col, text in enumerate(what):
        s.text(row, col, text)
    s.put(row, 7, rate.start, "num")
    s.put(row, 8, rate.end, "num")
    s.put(row, 9, rate.amount, "price", "input")
    s.text(row, 10, ladder.currency)
    terms = next((o.offer.commitment for o in model.options if o.own is ladder and o.committed), None)
    if terms is not None:
        if offer.purchase_option == "capacity_block":
            days = f"ROUNDUP({model.length}/24,0)"
            block = f"24*MIN(182,IF({days}>14,7*ROUNDUP({days}/7,0),{days}))"
            s.calc(row, 14, block, terms.term_hours, "int")
        else:
            s.put(row, 14, terms.term_hours, "int")
        s.put(row, 15, terms.term_months, "int")
    if source.seen:
        s.put(row, 16, source.seen, "date")
        age = serial(model.quote.quoted_on) - serial(source.seen)
        s.calc(row, 17, f"review_used-{cell(row, 16)}", age, "int")
    else:
        s.text(row, 16, t("undated"))
        s.text(row, 17, "")
    told = (t(source.confidence), t(_tax(model, offer)), _from(source, t), source.place)
    for col, text in enumerate(told, 18):
        s.text(row, col, text)
