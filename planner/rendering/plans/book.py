"""What the workbooks of plans share: sheets, charts and how a file is opened and closed."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

from planner.i18n import English
from planner.rendering.plans import Doc
from planner.rendering.xlsx.book import Book

__all__ = ["COLOURS", "MOST", "close", "look", "number", "opened", "series"]

#: Hours that a workbook holds: four years.
MOST = 35_136
NAMES = {
    "commit": {"mix": "Mix", "levels": "Levels", "regret": "Regret", "hours": "Hours"},
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
