"""Which fetches show the present state of a region: per way of asking, from the newest back to the newest whole one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from planner.errors import MisuseError
from planner.provider import EXCEPT, in_families

if TYPE_CHECKING:
    import sqlite3

__all__ = ["Layer", "bound_of", "read_scopes"]

#: A fetch that counts: id, families, observed_at, account site, whether it tells zones, and the time by which it counts
#: as newer or older than others (see `_ranked`).
Layer = tuple[int, tuple[str, ...], str, str, bool, str]
_Row = tuple[int, str, str, int]


def read_scopes(db: sqlite3.Connection, provider: str, region: str, bound: str, now: str) -> Iterator[list[Layer]]:
    """Yield, per scope, the fetches before `bound` that show its present state, newest first: up to the newest whole one.

    One that could not read some types is whole but for them: it is followed by older ones that could.

    region: "" = every one. now: the present UTC time.
    """
    # From one scope to the next through the index, then from its newest fetch back: neither reads the whole log.
    following = "SELECT region, account_site, access FROM fetch WHERE provider = ? AND {} ORDER BY 1, 2, 3 LIMIT 1"
    if region:
        following = following.format("region = ? AND (account_site, access) > (?, ?)")
        scope = db.execute(following, (provider, region, "", "")).fetchone()
    else:
        following = following.format("(region, account_site, access) > (?, ?, ?)")
        scope = db.execute(following, (provider, "", "", "")).fetchone()
    while scope:
        layers: list[Layer] = []
        asked: set[str] = set()
        open_: frozenset[str] | None = None  # what a whole fetch left out and nothing newer has; None: no whole one yet
        rows = db.execute(
            "SELECT id, families, observed_at, tells_zones FROM fetch WHERE provider = ? AND region = ? AND account_site = ?"
            " AND access = ? AND observed_at < ? ORDER BY observed_at DESC, id DESC",
            (provider, *scope, bound),
        )
        for (number, words, observed_at, tells), rank in _ranked(db, provider, scope[0], rows, now):
            families = tuple(words.split())
            named = [word for word in families if not word.startswith(EXCEPT)]
            left = {word[1:] for word in families if word.startswith(EXCEPT)}
            if open_ is not None:
                still = frozenset(name for name in open_ if not in_families(name, families))
                adds = still != open_
            else:
                still = frozenset(name for name in left if not (asked and in_families(name, tuple(asked))))
                # A fetch of families that newer ones have all asked again can add nothing.
                adds = not named or bool(left) or not asked.issuperset(named)
            if adds:
                layers.append((number, families, observed_at, scope[1], bool(tells), rank))
                if not left:
                    asked.update(named)
            if open_ is not None or not named:
                open_ = still
                if not open_:
                    break
        rows.close()
        if layers:
            yield layers
        scope = db.execute(following, (provider, *scope)).fetchone()


def _ranked(
    db: sqlite3.Connection, provider: str, region: str, rows: Iterable[_Row], now: str
) -> Iterator[tuple[_Row, str]]:
    """Yield a scope's fetches, newest first, each with the time by which it counts.

    One dated after now counts by its place in the log: newer than what the book had when it came, older than any later
    one. So a clock that once was years ahead hides nothing, and a clock that is behind now loses nothing.
    """
    before = "SELECT max(observed_at) FROM fetch WHERE provider = ? AND region = ? AND observed_at <= ? AND id < ?"
    late: list[tuple[_Row, str]] = []
    for row in rows:
        if row[2] > now:
            rank = str(db.execute(before, (provider, region, now, row[0])).fetchone()[0] or "")
            late.append((row, rank))
        elif not late:
            yield row, row[2]
        else:
            late.append((row, row[2]))
    yield from sorted(late, key=lambda one: (one[1], one[0][0]), reverse=True)


def bound_of(as_of: str) -> str:
    """Return a text that sorts after every time within `as_of` (a date, a time, or "" for ever)."""
    if not as_of:
        return "~"
    day = as_of[:10]
    if len(day) != 10 or day[4] + day[7] != "--" or not (day[:4] + day[5:7] + day[8:]).isdecimal():
        raise MisuseError(f"--as-of {as_of!r}: write a date like 2026-10-01")
    return as_of.removesuffix("Z") + "~"
