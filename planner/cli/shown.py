"""An answer of commit, portfolio or rent-or-buy as a page or a workbook: which renderer takes it, and its words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from planner.errors import MisuseError

if TYPE_CHECKING:
    from planner.i18n import English
    from planner.quoting.records import Offer

__all__ = ["checked", "plan"]


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
) -> str | bytes:
    """Return a document as a page or workbook. kind: commit, portfolio or rent_or_buy; told: its table, whose first lines head it;
    offers: those that it names."""
    from planner.rendering.plans import Words
    from planner.rendering.words import way

    first = told.partition("\n\n")[0].split("\n")
    heading = [line for line in first if not line.startswith(" ")]
    words = Words(heading, {offer.id: way(offer, t) for offer in offers}, turns)
    if form == "html":
        from planner.rendering.plans import page

        made: str = getattr(page, kind)(doc, words, t)
        return made
    from importlib import import_module

    module = {"commit": "commit_book", "portfolio": "portfolio_book", "rent_or_buy": "own_book"}[kind]
    book: bytes = getattr(import_module(f"planner.rendering.plans.{module}"), kind)(doc, words, t, t.lang)
    return book
