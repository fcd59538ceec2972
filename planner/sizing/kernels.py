"""What runs where: planner/data/kernels.csv, read from the engines' own sources, by version and compute capability.

A row speaks for versions from `version_from` to `version_to` ("" is open), for the formats in `kinds` and for the
compute capabilities listed ("" means all). Where several rows match, the last one counts. A version that no row covers
takes the rows of the nearest covered one before it (else after it): what was not read is not assumed to have changed.

support: native; weights (stored in that format, computed in 16 bits); unconfirmed (no check refuses it, nobody was seen
running it); refused.
"""

from __future__ import annotations

import os
from functools import lru_cache

from planner import tables
from planner.files import DATA
from planner.records import NamedTuple

__all__ = ["Kernel", "architectures", "find", "last_branch", "lowest", "numbers"]

PATH = os.path.join(DATA, "kernels.csv")


class Kernel(NamedTuple):
    """One row. since, until: first two numbers of a version, () is open. capabilities: () means all."""

    since: tuple[int, ...]
    until: tuple[int, ...]
    aspect: str
    kinds: tuple[str, ...]
    capabilities: tuple[float, ...]
    support: str
    kernel: str
    note: str


@lru_cache(maxsize=1024)
def numbers(version: str) -> tuple[int, ...]:
    """Return the leading two numbers of `0.20.1+x`, `2024` or `0.9.3(2023)`; () when there is none."""
    parts: list[int] = []
    for word in version.lstrip("vV").split(".")[:2]:
        digits = ""
        for letter in word:
            if not letter.isdigit():
                break
            digits += letter
        if not digits:
            break
        parts.append(int(digits[:6]))
        if len(digits) < len(word):
            break
    return tuple(parts)


@lru_cache(maxsize=64)
def _lines(engine: str) -> dict[str, list[tuple[str, ...]]]:
    """Return the lines of one engine by aspect, read once; nothing of them is parsed."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for texts, _ in tables.read(PATH, (engine,))[1]:
        found.setdefault(texts[3], []).append(texts)
    return found


@lru_cache(maxsize=256)
def _of(engine: str, aspect: str) -> tuple[Kernel, ...]:
    """Return the rows of one engine that speak of an aspect, in the order of the file."""
    return tuple(
        [
            Kernel(numbers(r[1]), numbers(r[2]), r[3], tuple(r[4].split()), _capabilities(r[5]), r[6], r[7], r[8])
            for r in _lines(engine).get(aspect, ())
        ]
    )


@lru_cache(maxsize=256)
def _capabilities(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split()))


@lru_cache(maxsize=1024)
def _about(engine: str, aspect: str, kind: str) -> tuple[Kernel, ...]:
    """Return the rows that speak of one kind."""
    return tuple([row for row in _of(engine, aspect) if kind in row.kinds])


def _at(number: tuple[int, ...]) -> tuple[int, ...]:
    """Return a version for comparing: none said is the newest; a year before 2026 counts as the oldest."""
    if not number or number[0] >= 2026:
        return (10**6,)
    return (0, 0) if number[0] >= 2000 else number


@lru_cache(maxsize=4096)
def find(engine: str, number: tuple[int, ...], aspect: str, kind: str, capability: float) -> Kernel | None:
    """Return what `engine` does with `kind` on a GPU of `capability`; None when no row speaks of it."""
    at = _at(number)
    inside: Kernel | None = None
    before: Kernel | None = None
    after: Kernel | None = None
    for row in _about(engine, aspect, kind):
        if row.capabilities and capability not in row.capabilities:
            continue
        if row.since > at:
            after = row if after is None or row.since < after.since else after
        elif not row.until or at[:2] <= row.until:
            inside = row
        elif before is None or row.since >= before.since:
            before = row
    return inside or before or after


@lru_cache(maxsize=256)
def lowest(engine: str, number: tuple[int, ...]) -> float:
    """Return the lowest compute capability that `engine` runs 16-bit weights on (0: it has no row)."""
    rows = [find(engine, number, "weight", "fp16", c) for c in CAPABILITIES]
    return min((c for c, row in zip(CAPABILITIES, rows, strict=True) if row and row.support != "refused"), default=0.0)


CAPABILITIES = (7.0, 7.5, 8.0, 8.6, 8.9, 9.0, 10.0, 10.3, 12.0)


@lru_cache(maxsize=256)
def architectures(engine: str, number: tuple[int, ...]) -> tuple[str, ...]:
    """Return the only model architectures that this version of `engine` has; () where it is not limited by the table."""
    at = _at(number)
    for row in _of(engine, "architecture"):
        if row.since <= at and (not row.until or at[:2] <= row.until):
            return row.kinds
    return ()


@lru_cache(maxsize=256)
def lacking(engine: str, number: tuple[int, ...]) -> tuple[str, ...]:
    """Return the model architectures that were looked for in this version of `engine` and are not in it."""
    at = _at(number)
    return tuple(kind for row in _of(engine, "no-architecture") if row.since <= at for kind in row.kinds)


@lru_cache(maxsize=64)
def last_branch(capability: float) -> int:
    """Return the last driver branch that has a GPU of `capability` (0: no last one is known)."""
    for row in _of("driver", "driver"):
        if capability in row.capabilities:
            return row.until[0]
    return 0
