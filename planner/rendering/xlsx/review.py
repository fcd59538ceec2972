"""The sheets for a reviewer: Sources, with date, age and confirmation of each price, and Versions, with its change log."""

from __future__ import annotations

from datetime import date

from planner.i18n import width as words_wide
from planner.money import plain
from planner.quoting.records import SCHEMA
from planner.rendering import words
from planner.rendering.words import way as bought_as
from planner.rendering.xlsx.book import Book, Sheet, cell, quoted, serial
from planner.rendering.xlsx.model import Ladder, Model
from planner.text import text
from planner.version import VERSION

__all__ = ["write_sources", "write_versions"]

FIRST = 4
#: Empty rows of the change log.
ENTRIES = 15


def write_sources(book: Book, model: Model) -> None:
    """Write Sources: one row per price, in the order of Prices."""
    t = book.t
    s = book.sheet("sources", [6, 12, 14, 28, 24, 11, 8, 11, 11, 8, 8, 10, 66, 36])
    s.title(
        t(
            "Who says each price, since when, when it was last seen unchanged, and how old it is on the day of the review."
        )
    )
    titles = [t("price"), t("provider"), t("region"), t("item"), t("bought as"), t("list price"), t("currency")]
    titles += [t("as of"), t("confirmed on"), t("age, days"), t("too old"), t("confidence"), t("source"), t("place")]
    s.head(3, titles, 30)
    row = FIRST
    for ladder in model.ladders:
        row = _ladder(book, model, s, ladder, row)
    s.ws.autofilter(3, 0, row - 1, 13)
    s.freeze(4, 1)


def _ladder(book: Book, model: Model, s: Sheet, ladder: Ladder, row: int) -> int:
    """Write the rows of a price; return the next row."""
    t, offer = book.t, ladder.offer
    way = bought_as(offer, t) if ladder.part == "compute" else t.say(ladder.way)
    for number, rate in enumerate(ladder.rates):
        source = rate.source
        for col, said in enumerate((ladder.id, offer.provider, offer.region, t.say(ladder.item), way)):
            s.text(row, col, said)
        s.calc(row, 5, book.ref("prices", cell(ladder.row + number, 9, "rc")), rate.amount, "price", "link")
        s.text(row, 6, ladder.currency)
        s.put(row, 7, source.as_of, "date" if source.as_of else "", "calc", align="left")
        if not source.as_of:
            s.text(row, 7, t.say(text(source.dated)) or t("undated"))
        s.put(row, 8, source.confirmed, "date" if source.confirmed else "", "calc", align="left")
        seen = book.ref("prices", cell(ladder.row + number, 16, "rc"))
        days = serial(model.quote.quoted_on) - serial(source.seen) if source.seen else ""
        s.calc(row, 9, f'IF(ISNUMBER({seen}),review_used-{seen},"")', days, "int")
        old = t("yes") if days == "" or int(str(days)) > model.work.max_age else ""
        s.calc(
            row,
            10,
            f'IF({cell(row, 9)}="",{quoted(t("yes"))},IF({cell(row, 9)}>maxage_used,{quoted(t("yes"))},""))',
            old,
            "",
            "check",
        )
        s.text(row, 11, t(source.confidence))
        s.text(row, 12, source.text, text_wrap=True, font_size=7)
        s.text(row, 13, source.place, text_wrap=True, font_size=7)
        lines = max(-(-words_wide(source.text) // 88), -(-words_wide(source.place) // 48), 1)
        s.ws.set_row(row, 3 + 9.5 * lines)
        row += 1
    return row


def write_versions(book: Book, model: Model) -> None:
    """Write Versions: what the workbook was made from, and a change log to fill in."""
    t, quote = book.t, model.quote
    s = book.sheet("versions", [26, 22, 26, 70, 22])
    s.title(t("What this workbook was made from, and what was changed since: each change gets a row."))
    s.section(3, t("Made from"), 5)
    facts = [
        (t("planner"), VERSION),
        (t("Quote"), quote.hash),
        (t("Schema"), SCHEMA),
        (t("Quoted on"), quote.quoted_on),
        *(
            (t("Prices of {provider}", provider=a.provider), words.dates(a, t).partition(" ")[2])
            for a in quote.prices_as_of
        ),
        *((f"1 {f.base} = {plain(f.rate)} {f.quote}", f"{f.as_of or t('undated')}, {f.source}") for f in quote.fx),
    ]
    row = FIRST
    for name, said in facts:
        s.text(row, 0, name, "bold")
        s.text(row, 1, said)
        row += 1
    row += 1
    s.section(row, t("Change log"), 5)
    s.head(
        row + 1,
        [
            t("version"),
            t("date"),
            t("changed by"),
            t("what was changed, on which sheet and cell, and why"),
            t("approved by"),
        ],
        20,
    )
    row += 2
    s.text(row, 0, "1")
    s.put(row, 1, date.fromisoformat(quote.quoted_on).isoformat(), "date", "calc", align="left")
    s.text(row, 2, f"planner {VERSION}")
    s.text(row, 3, t("made from quote {hash}", hash=quote.hash))
    s.put(row, 4, "", "", "input")
    for line in range(row + 1, row + 1 + ENTRIES):
        for col, number in enumerate(("", "date", "", "", "")):
            s.put(line, col, "", number, "input")
