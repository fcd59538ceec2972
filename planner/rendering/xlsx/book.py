"""One workbook being written: its formats, and cells that are text, typed inputs or formulas with their value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from xlsxwriter.utility import xl_rowcol_to_cell

__all__ = ["Book", "Sheet", "cell", "clean", "named", "quoted", "same", "serial"]

LONGEST = 32_000
NAMES = {
    "cover": "Cover",
    "summary": "Summary",
    "inputs": "Inputs",
    "prices": "Prices",
    "sizing": "Sizing",
    "costs": "Costs",
    "timeline": "Timeline",
    "commitment": "Commitment",
    "egress": "Egress",
    "scenarios": "Scenarios",
    "sensitivity": "Sensitivity",
    "steps": "Steps",
    "checks": "Checks",
    "focus": "FOCUS",
    "notes": "Notes",
    "sources": "Sources",
    "versions": "Versions",
}
FONT = "Arial"
NAVY, PALE, GREY, LINE = "#1F3864", "#EAF0F9", "#666666", "#C8CED8"
STYLES: dict[str, dict[str, Any]] = {
    "plain": {"valign": "vcenter"},
    "title": {"bold": True, "font_size": 16, "font_color": NAVY},
    "subtitle": {"font_color": GREY, "italic": True},
    "section": {"bold": True, "font_size": 11, "font_color": NAVY, "bottom": 2, "bottom_color": NAVY},
    "head": {
        "bold": True,
        "font_color": "#FFFFFF",
        "bg_color": NAVY,
        "text_wrap": True,
        "valign": "vcenter",
        "align": "center",
    },
    "headleft": {"bold": True, "font_color": "#FFFFFF", "bg_color": NAVY, "text_wrap": True, "valign": "vcenter"},
    "unit": {"font_color": GREY, "italic": True, "font_size": 8, "align": "center", "bottom": 1, "bottom_color": LINE},
    "text": {"valign": "vcenter", "indent": 1},
    "wrap": {"text_wrap": True, "valign": "top"},
    "bold": {"bold": True, "valign": "vcenter"},
    "big": {
        "bold": True,
        "font_size": 12,
        "text_wrap": True,
        "valign": "vcenter",
        "bg_color": PALE,
        "font_color": NAVY,
    },
    "input": {
        "font_color": "#0000FF",
        "bg_color": "#FFF9DB",
        "border": 1,
        "border_color": LINE,
        "locked": False,
        "valign": "vcenter",
    },
    "calc": {"font_color": "#000000", "valign": "vcenter"},
    "link": {"font_color": "#00803C", "valign": "vcenter"},
    "total": {"bold": True, "top": 1, "top_color": NAVY, "valign": "vcenter"},
    "check": {"bold": True, "align": "center"},
}
NUMBERS = {
    "": None,
    "money": "#,##0.00;[Red]-#,##0.00",
    "some": "#,##0.00;[Red]-#,##0.00;–",
    "price": "#,##0.00######",
    "int": "#,##0",
    "hours": "#,##0.0",
    "pct": "0.0%",
    "pct3": "0.000%",
    "date": "yyyy-mm-dd",
    "rate": "0.0000####",
    "factor": "0.000000",
    "flag": "0",
    "num": "#,##0.0##",
    "unit3": "#,##0.000",
}


def clean(text: object) -> str:
    """Return `text` as a cell can hold it: no control characters, at most 32,000 of the 32,767 characters."""
    body = "".join(c if ord(c) >= 32 or c == "\n" else " " for c in str(text) if not 0xD800 <= ord(c) <= 0xDFFF)
    return body if len(body) <= LONGEST else body[: LONGEST - 3] + "..."


def cell(row: int, col: int, fixed: str = "") -> str:
    """Return "B3" for row 2, column 1 (counted from 0); `fixed` holds "r" and/or "c" for dollar signs."""
    name: str = xl_rowcol_to_cell(row, col, "r" in fixed, "c" in fixed)
    return name


def quoted(text: str) -> str:
    """Return `text` as a formula writes it."""
    return '"' + text.replace('"', '""') + '"'


#: What a disk is counted by, where the key alone says too little.
BASES = {"rate": "hours / 730"}


def named(key: str, t: Any) -> str:
    """Return a key of ours (a way of buying, what a disk is counted by) in the reader's words; formulas compare with them."""
    said: str = t(BASES.get(key, key.replace("_", "-"))) if key else ""
    return said


def same(key: str, t: Any) -> str:
    """Return `named` as a formula writes it."""
    return quoted(named(key, t))


def serial(day: str) -> int:
    """Return the number that a spreadsheet counts an ISO date by."""
    return date.fromisoformat(day).toordinal() - date(1899, 12, 30).toordinal()


class Book:
    """A workbook in `lang`; `t` gives a string of the catalogue, `sheet` adds a protected sheet; names: of its sheets, by key."""

    def __init__(self, stream: Any, t: Any, lang: str, created: str, names: Mapping[str, str] = NAMES) -> None:
        import xlsxwriter

        self.t, self.lang, self.names = t, lang, names
        self.file = xlsxwriter.Workbook(
            stream,
            {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True},
        )
        self.file.set_calc_mode("auto")
        self.created = datetime.fromisoformat(created)
        self._formats: dict[tuple[Any, ...], Any] = {}
        self.sheets: dict[str, Sheet] = {}
        # All at once: sheets stand in reading order, and are filled in the order of calculation.
        self.empty = {key: self.file.add_worksheet(t(name)) for key, name in names.items()}

    def fmt(self, style: str, number: str = "", **more: Any) -> Any:
        """Return the format of `style` (a key of STYLES) with a number format of NUMBERS."""
        key = (style, number, *sorted(more.items()))
        if key not in self._formats:
            props: dict[str, Any] = {"font_name": FONT, "font_size": 9, **STYLES[style], **more}
            if NUMBERS[number]:
                props["num_format"] = NUMBERS[number]
            self._formats[key] = self.file.add_format(props)
        return self._formats[key]

    def sheet(self, key: str, widths: list[float], landscape: bool = True) -> Sheet:
        """Add the sheet `key`, whose columns have `widths`."""
        made = self.sheets[key] = Sheet(self, key, widths, landscape)
        return made

    def define(self, name: str, key: str, row: int, col: int) -> None:
        """Give a cell of the sheet `key` a name for formulas."""
        self.file.define_name(name, "=" + self.ref(key, cell(row, col, "rc")))

    def ref(self, key: str, where: str) -> str:
        """Return a reference to `where` on the sheet `key`, as formulas write it."""
        return f"'{self.t(self.names[key])}'!{where}"


class Sheet:
    """A sheet; rows and columns count from 0."""

    def __init__(self, book: Book, key: str, widths: list[float], landscape: bool) -> None:
        self.book, self.key, self.last = book, key, [0, len(widths) - 1]
        self.ws = ws = book.empty[key]
        for col, width in enumerate(widths):
            ws.set_column(col, col, width, book.fmt("calc"))
        ws.hide_gridlines(2)
        if landscape:
            ws.set_landscape()
        ws.set_paper(9)  # A4 throughout: a review is printed in one go
        ws.fit_to_pages(1, 0)
        ws.set_margins(0.5, 0.5, 0.6, 0.6)
        ws.set_footer("&L&8&F  &A&R&8&P / &N")
        ws.protect("", {"select_locked_cells": True, "format_columns": True, "format_rows": True})

    def seen(self, row: int, col: int) -> None:
        """Widen the print area to hold a cell, or what a chart covers."""
        self.last = [max(self.last[0], row), max(self.last[1], col)]

    def text(self, row: int, col: int, text: object, style: str = "text", **more: Any) -> None:
        """Write text, never read as a formula, number or link."""
        self.seen(row, col)
        self.ws.write_string(row, col, clean(text), self.book.fmt(style, **more))

    def head(self, row: int, titles: list[str], height: float = 36) -> None:
        """Write a header row."""
        self.ws.set_row(row, height)
        for col, title in enumerate(titles):
            self.text(row, col, title, "head" if col > 1 else "headleft")

    def title(self, intro: str) -> None:
        """Write the sheet's title and the (translated) sentence below it."""
        self.ws.set_row(0, 24)
        self.text(0, 0, self.book.t(self.book.names[self.key]), "title")
        self.text(1, 0, intro, "subtitle")

    def section(self, row: int, title: str, width: int) -> None:
        """Write a (translated) heading over `width` columns."""
        for col in range(width):
            self.text(row, col, title if col == 0 else "", "section")

    def put(self, row: int, col: int, value: object, number: str = "", style: str = "calc", **more: Any) -> None:
        """Write a constant: a number, an ISO date (number "date") or text."""
        self.seen(row, col)
        fmt = self.book.fmt(style, number, **more)
        if value is None or value == "":
            self.ws.write_blank(row, col, None, fmt)
        elif number == "date":
            self.ws.write_datetime(row, col, date.fromisoformat(str(value)), fmt)
        elif isinstance(value, (int, float, Decimal)):
            self.ws.write_number(row, col, float(value), fmt)
        else:
            self.ws.write_string(row, col, clean(value), fmt)

    def calc(
        self, row: int, col: int, formula: str, value: object, number: str = "", style: str = "calc", **more: Any
    ) -> None:
        """Write a formula with the value that it has now, for viewers that do not calculate."""
        self.seen(row, col)
        if isinstance(value, (Decimal, int)) and not isinstance(value, bool):
            value = float(value)
        elif isinstance(value, str):
            value = clean(value)
        self.ws.write_formula(row, col, "=" + formula, self.book.fmt(style, number, **more), value)

    def freeze(self, row: int, col: int) -> None:
        """Keep what is above `row` and left of `col` in view, and print those rows on every page."""
        self.ws.freeze_panes(row, col)
        if row:
            self.ws.repeat_rows(row - 1)

    def close(self) -> None:
        """Set the print area to what was written."""
        self.ws.print_area(0, 0, *self.last)
