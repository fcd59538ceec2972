"""An answer of commit, portfolio or rent-or-buy as a page or a workbook: which renderer takes it, and its words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from planner.errors import MisuseError

if TYPE_CHECKING:
    from planner.i18n import English
    from planner.quoting.records import Offer

__all__ = ["checked", "plan"]


#: Where a kind of plan is shown, if not in the usual page; and its workbook.
PAGES = {"mixed": "several", "scenarios": "several", "portfolio": "portfolio_page"}
BOOKS = {
    "commit": "commit_book",
    "portfolio": "portfolio_book",
    "rent_or_buy": "own_book",
    "mixed": "several_book",
    "scenarios": "several_book",
}


def checked(form: str, output: str | None) -> None:
    """Raise `MisuseError` for a workbook that is to go to the terminal."""
    if form == "xlsx" and not output:
        raise MisuseError("--format xlsx writes a file: name it with -o plan.xlsx")


def plan(
    kind: str,
    doc: Mapping[str, Any],
    told: str,
    offers: Iterable[Offer],
    form: str,
    t: English,
    turns: Sequence[str] = (),
    falls: tuple[Sequence[Sequence[str]], Sequence[str]] = ((), ()),
) -> str | bytes:
    """Return a document as a page or workbook. kind: a key of BOOKS; told: its table, whose first lines head it;
    offers: those that it names; falls: rows and sentences of `--price-falls`."""
    from planner.rendering.plans import Words
    from planner.rendering.words import way

    first = told.partition("\n\n")[0].split("\n")
    heading = [line for line in first if not line.startswith(" ")]
    words = Words(heading, {offer.id: way(offer, t) for offer in offers}, turns, *falls)
    if form == "html":
        made: str = getattr(_module(PAGES.get(kind, "page")), kind)(doc, words, t)
        return made
    book: bytes = getattr(_module(BOOKS[kind]), kind)(doc, words, t, t.lang)
    return book


def _module(name: str) -> Any:
    from importlib import import_module

    return import_module(f"planner.rendering.plans.{name}")
