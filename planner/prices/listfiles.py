"""The files of a price list as rows of text, to be changed and written again: sorted, each row where a reader looks for it."""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections.abc import Iterable, Sequence
from decimal import Decimal

from planner import tables
from planner.errors import CatalogError
from planner.prices.texts import PRICE, SERVICE, TRANSFER, Kind

__all__ = ["COLUMNS", "FILE", "NAMES", "ORDER", "Files", "Row", "Sources", "key_of"]

Row = dict[str, str]

#: The file of each kind of row that stands beside prices.
NAMES = {TRANSFER: "transfer.csv", SERVICE: "services.csv"}
#: In a row of a price file, the file that it stands in; no column.
FILE = "file:"
#: What is one price, in the order in which rows stand.
ORDER = {
    PRICE: ("region site instance_type purchase_option term payment offering os currency zone unit tier_from".split()),
    TRANSFER: "region site destination to_region from_gb quota currency".split(),
    SERVICE: "region site item variant unit currency".split(),
}
#: The columns of a file that is new.
COLUMNS = {
    PRICE: (
        "region site instance_type purchase_option term payment offering os zone unit amount range_low currency tier_from"
        " tier_to effective_date dated confirmed confidence status source note"
    ).split(),
    TRANSFER: (
        "region site destination to_region from_gb to_gb amount currency quota effective_date dated confirmed confidence"
        " status source note"
    ).split(),
    SERVICE: (
        "region site item variant unit amount currency default effective_date dated confirmed confidence status source note"
    ).split(),
}
_NUMBERS = ("tier_from", "from_gb")


def key_of(kind: Kind, row: Row) -> tuple[str, ...]:
    """Return what a row is the price of."""
    return tuple(row[name] for name in ORDER[kind])


def _place(kind: Kind, row: Row) -> tuple[object, ...]:
    key = tuple(Decimal(row[name] or 0) if name in _NUMBERS else row[name] for name in ORDER[kind])
    return (*key, row["status"], row["effective_date"], Decimal(row["amount"]), row["source"])


class Sources:
    """The texts of a provider's sources by their ids; a text that is new gets an id of its own."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.texts = {row["id"]: row["source"] for row in rows}
        self._ids = {text: name for name, text in self.texts.items()}

    def id_of(self, text: str) -> str:
        """Return the id of a text."""
        if text not in self._ids:
            letters = "".join(c if c.isascii() and c.isalnum() else "-" for c in text.lower())
            stem = "-".join(word for word in letters.split("-") if word)[:40].strip("-") or "source"
            number = 1
            while (name := stem if number == 1 else f"{stem}-{number}") in self.texts:
                number += 1
            self._ids[text] = name
            self.texts[name] = text
        return self._ids[text]


class Files:
    """A provider's list in `folder`: files are read when asked for, changed in memory, and given back as bytes."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.columns: dict[str, tuple[str, ...]] = {}
        self.rows: dict[str, list[Row]] = {}
        self.sources = Sources(self.read("sources.csv"))

    def read(self, name: str, columns: Sequence[str] = ()) -> list[Row]:
        """Return the rows of a file, which may be changed in place; columns: those of a file that is not there yet."""
        if name not in self.rows:
            try:
                header, rows = tables.read(os.path.join(self.folder, *name.split("/")))
            except FileNotFoundError:
                header, rows = tuple(columns), []
            except tables.RaggedError as exc:
                raise CatalogError(f"{os.path.join(self.folder, name)}:{exc.line}: {exc}") from None
            more = tuple(column for column in columns if column not in header)
            self.columns[name] = (*header, *more)
            self.rows[name] = [dict.fromkeys(more, "") | dict(zip(header, row, strict=True)) for row, _ in rows]
        return self.rows[name]

    def prices(self) -> list[Row]:
        """Return the rows of every price file; each names its `FILE`."""
        try:
            names = sorted(name for name in os.listdir(os.path.join(self.folder, "prices")) if name.endswith(".csv"))
        except FileNotFoundError:
            names = []
        files = dict.fromkeys(
            (*(f"prices/{name}" for name in names), *(n for n in self.rows if n.startswith("prices/")))
        )
        return [row for name in files for row in self._marked(name)]

    def _marked(self, name: str) -> list[Row]:
        rows = self.read(name, COLUMNS[PRICE])
        for row in rows:
            row[FILE] = name
        return rows

    def sort(self, name: str, kind: Kind) -> None:
        """Put the rows of a price file in order."""
        self.rows[name].sort(key=lambda row: _place(kind, row))

    def changed(self) -> dict[str, bytes]:
        """Return what must be written, by file, in the order in which it must be: sources first, history last."""
        texts = [{"id": name, "source": self.sources.texts[name]} for name in sorted(self.sources.texts)]
        self.rows["sources.csv"] = texts
        made = {name: self._bytes(name) for name in self.rows}
        first = ("sources.csv", "instances.csv", "regions.csv")
        order = sorted(made, key=lambda name: (first.index(name) if name in first else len(first), name))
        return {name: made[name] for name in order if _plain(made[name]) != _plain(self._old(name))}

    def _old(self, name: str) -> bytes:
        try:
            with open(os.path.join(self.folder, *name.split("/")), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return b""

    def _bytes(self, name: str) -> bytes:
        if not self.rows[name] and not self._old(name):
            return b""
        text = io.StringIO()
        out = csv.DictWriter(text, self.columns[name], lineterminator="\n", extrasaction="ignore")
        out.writeheader()
        out.writerows(self.rows[name])
        data = text.getvalue().encode()
        return gzip.compress(data, mtime=0) if name.endswith(".gz") else data


def _plain(data: bytes) -> bytes:
    """Return the text of a file, unpacked: the same text may be packed otherwise by another Python."""
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
