"""What differs between two states of the committed lists: which prices rose, fell, came and went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from planner.money import plain
from planner.offer import Key, Price, Priced
from planner.prices.book.words import name_of, unit_of
from planner.prices.book.write import Change
from planner.records import NamedTuple
from planner.text import Words, english

if TYPE_CHECKING:
    from planner.prices.catalog import Catalog

__all__ = ["ListDiff", "Said", "list_diff", "said"]

VERBS = ("rose", "fell", "came", "went")


class ListDiff(NamedTuple):
    """One provider's changes, and how many rows are as they were. seen_again: of these, rows that a source showed since."""

    provider: str
    changes: tuple[Change, ...]
    same: int
    seen_again: int
    types: tuple[str, ...]
    types_gone: tuple[str, ...]


class Said(NamedTuple):
    """One line of a report: what moved how, and in which regions it did so alike."""

    verb: str
    what: str
    how: str
    regions: tuple[str, ...]


def list_diff(old: Catalog, new: Catalog, provider: str = "", region: str = "") -> Iterator[ListDiff]:
    """Yield what differs per provider, in the order of their names; "" = every one."""
    names = sorted({*old.providers(), *new.providers()})
    for provider in [name for name in names if provider in ("", name)]:
        before, after = (_priced(catalog, provider, region) for catalog in (old, new))
        changes = [Change(before.get(key), row) for key, row in after.items()]
        changes += [Change(row, None) for key, row in before.items() if key not in after]
        moved = tuple(c for c in changes if c.before is None or c.after is None or c.before.amount != c.after.amount)
        again = sum(
            c.before is not None and c.after is not None and c.before.source.seen < c.after.source.seen
            for c in changes
            if c not in moved
        )
        types = [
            set(catalog.instances(provider)) if provider in catalog.providers() else set() for catalog in (old, new)
        ]
        yield ListDiff(
            provider=provider,
            changes=moved,
            same=len(changes) - len(moved),
            seen_again=again,
            types=tuple(sorted(types[1] - types[0])),
            types_gone=tuple(sorted(types[0] - types[1])),
        )


def _priced(catalog: Catalog, provider: str, region: str) -> dict[Key, Priced]:
    found: dict[Key, Priced] = {}
    if provider in catalog.providers():
        for place in [name for name in catalog.regions(provider) if region in ("", name)]:
            for row in catalog.priced(provider, place) or ():
                if not row.status and row.source.confidence != "low":
                    found[row.key] = row
    return found


def said(changes: Iterable[Change], t: Words = english) -> list[Said]:
    """Return the changes in words: what rose most first, and what moved alike in several regions once."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    weight: dict[tuple[str, str, str], float] = {}
    for change in changes:
        row = change.row
        line = (_verb(change), name_of(_nowhere(row), t).removeprefix(f"{row.provider} "), _how(change, t))
        alike.setdefault(line, []).append(row.region)
        weight[line] = abs(float(change.percent or 0))
    order = sorted(alike, key=lambda line: (VERBS.index(line[0]), -weight[line], line))
    return [Said(*line, tuple(sorted(set(alike[line])))) for line in order]


def _nowhere(row: Priced) -> Priced:
    """Return a row without its region."""
    return row._replace(way=row.way._replace(region="")) if isinstance(row, Price) else row._replace(region="")


def _verb(change: Change) -> str:
    if change.before is None:
        return "came"
    if change.after is None:
        return "went"
    return "rose" if change.after.amount > change.before.amount else "fell"


def _how(change: Change, t: Words) -> str:
    from planner.money import show

    unit = unit_of(change.row)
    if change.before is None or change.after is None:
        return f"{plain(change.row.amount)} {unit}"
    percent = change.percent
    shown = "" if percent is None else f", {'+' if percent > 0 else ''}{show(percent)} %"
    before, after = plain(change.before.amount), plain(change.after.amount)
    return t("{before} to {after} {unit}", before=before, after=after, unit=unit) + shown
