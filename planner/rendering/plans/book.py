"""What the workbooks of plans share: sheets, charts and how a file is opened and closed."""

from __future__ import annotations

import io
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from planner.i18n import English
from planner.rendering.plans import Doc, Words
from planner.rendering.xlsx.book import Book, Sheet

__all__ = ["COLOURS", "MOST", "close", "look", "number", "opened", "regret", "series"]

#: Hours that a workbook holds: four years.
MOST = 35_136
NAMES = {
    "commit": {"mix": "Mix", "levels": "Levels", "regret": "Regret", "hours": "Hours"},
    "mixed": {"mix": "Mix", "regret": "Regret", "hours": "Hours"},
    "scenarios": {"mix": "Mix", "hours": "Hours"},
    "portfolio": {"workloads": "Workloads", "pools": "Shared", "providers": "Providers"},
    "rent": {
        "buy": "Rent or buy",
        "curve": "Curve",
        "machines": "Machines",
        "turns": "Sensitivity",
        "values": "Values",
    },
}
COLOURS = ("#0b5cad", "#c2570c", "#17202c", "#1d7a3a")


def opened(doc: Doc, kind: str, title: str, t: English, lang: str) -> tuple[Book, io.BytesIO]:
    stream = io.BytesIO()
    book = Book(stream, t, lang, doc["quoted_on"], NAMES[kind])
    comments = t("A forecast from published prices, not a bill.")
    # The subject is the mark by which planner knows the file again.
    properties = {"title": title, "subject": f"planner {kind}", "created": book.created, "comments": comments}
    book.file.set_properties(properties)
    return book, stream


def close(book: Book, stream: io.BytesIO, first: str) -> bytes:
    for sheet in book.sheets.values():
        sheet.close()
    book.empty[first].activate()
    book.file.close()
    return stream.getvalue()


def number(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def series(
    book: Book, key: str, rows: tuple[int, int], x: int, y: int, name: str, colour: str, *, line: bool = False
) -> dict[str, Any]:
    sheet = book.t(book.names[key])
    made: dict[str, Any] = {
        "name": name,
        "categories": [sheet, rows[0], x, rows[1], x],
        "values": [sheet, rows[0], y, rows[1], y],
    }
    return made | ({"line": {"color": colour, "width": 2}} if line else {"fill": {"color": colour}})


def look(chart: Any, title: str, x: str, y: str) -> None:
    font = {"name": "Arial", "size": 9}
    chart.set_title({"name": title, "name_font": {"name": "Arial", "size": 12}})
    chart.set_x_axis({"name": x, "name_font": font, "num_font": font, "num_format": "#,##0", "min": 0})
    grid = {"visible": True, "line": {"color": "#d5dbe3"}}
    chart.set_y_axis({"name": y, "name_font": font, "num_font": font, "num_format": "#,##0", "major_gridlines": grid})
    chart.set_legend({"position": "bottom", "font": font})


def regret(
    s: Sheet,
    told: Sequence[Doc],
    owed: Sequence[Doc],
    code: str,
    t: English,
    falls: Doc | None = None,
    words: Words | None = None,
) -> None:
    """Write what a mix costs at other demands, what is owed at an early end, and what commitments lost when lists fell."""
    s.title(t("The commitments stay, the rest follows; beside it what would have been best."))
    s.head(3, [t("demand comes out"), t("this mix"), t("best then"), t("regret")])
    row = 4
    for one in told:
        s.put(row, 0, Decimal(one["demand"]), "pct")
        s.put(row, 1, number(one["cost"]), "money")
        s.put(row, 2, number(one["best"]), "money")
        if one["regret"] is not None:
            s.calc(row, 3, f"B{row + 1}-C{row + 1}", Decimal(one["regret"]), "money")
        row += 1
    chart = s.book.file.add_chart({"type": "column"})
    for col, name, colour in ((1, "this mix", 0), (2, "best then", 3)):
        chart.add_series(series(s.book, "regret", (4, row - 1), 0, col, t(name), COLOURS[colour]))
    look(chart, t("Regret: demand comes out otherwise"), t("demand"), code)
    chart.set_x_axis({"num_format": "0%", "label_position": "low"})
    s.ws.insert_chart(row + 1, 0, chart, {"x_scale": 1.3, "y_scale": 1.2})
    s.seen(row + 20, 3)
    row += 22
    if owed:
        s.section(row, t("Still owed if it ends"), 4)
        for one in owed:
            row += 1
            s.text(row, 0, t("month {n}", n=one["after_month"]))
            s.put(row, 1, Decimal(one["amount"]), "money")
    if falls is None or words is None:
        return
    row += 2
    for said in filter(None, words.fallen):
        s.text(row, 0, said)
        row += 1
    if not words.falls:
        return
    head = [*words.falls[0][:6], t("currency"), words.falls[0][6]]
    s.head(row, head)
    for shown, fall in zip(words.falls[1:], falls["seen"], strict=False):
        row += 1
        for col in range(3):
            s.text(row, col, shown[col])
        s.put(row, 3, Decimal(fall["term_signed_before"]), "money")
        s.put(row, 4, Decimal(fall["term_at_the_fallen_price"]), "money")
        s.calc(row, 5, f"D{row + 1}-E{row + 1}", Decimal(fall["loses"]), "money")
        s.text(row, 6, fall["currency"])
        s.put(row, 7, number(fall["on_demand_then"]), "money")
