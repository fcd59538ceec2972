"""Plans shown: the answers of commit, portfolio and rent-or-buy as a page and as a workbook.

Both are made from the documents that `--format json` writes (planner.commit/1, planner.portfolio/1, planner.rent-or-buy/1),
so that nothing is computed a second time; `Words` brings what is said in a language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from planner.records import NamedTuple

__all__ = ["Doc", "Words", "weeks"]

#: A document as JSON has it: amounts are text.
Doc = Mapping[str, Any]


class Words(NamedTuple):
    """What a document lacks in a language. heading: the first lines of the table; ways: how each offer is bought, by its id;
    turns: what would turn an answer, in the document's order; falls, fallen: the rows (the header first) and sentences of replayed price falls."""

    heading: Sequence[str]
    ways: Mapping[str, str]
    turns: Sequence[str] = ()
    falls: Sequence[Sequence[str]] = ()
    fallen: Sequence[str] = ()


def weeks(instances: Sequence[int]) -> tuple[int, int]:
    """Return the hours of the week of the demand's peak."""
    top = instances.index(max(instances))
    first = top // 168 * 168
    return first, min(len(instances), first + 168)
