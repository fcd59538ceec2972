"""Damage as files meet it: bytes flipped, cut and doubled; JSON values swapped for what does not belong there."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

__all__ = ["BAD", "damaged", "places"]

#: What stands where something else belongs.
BAD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1,
    1.5,
    2**63,
    10**4000,
    float("nan"),
    float("inf"),
    "",
    "x",
    "NaN",
    "-1",
    "Infinity",
    "1E+999999",
    "1e-999999",
    "9" * 61,
    "=1+1",
    "\x1b[31m",
    "\r\n",
    "\ud800",
    "../../victim",
    "a" * 100_000,
    [],
    [[]],
    {},
    {"a": 1},
    "2026-13-45",
    "9999-12-31",
    "0001-01-01",
    "١٢",
    "1_000",
    " 1",
    "{0}",
    "{x.__class__}",
    "%s",
)


def places(tree: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in a JSON tree."""
    if at:
        yield at
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from places(value, (*at, key))


def damaged(text: str, rng: random.Random, where: list[tuple[Any, ...]]) -> bytes:
    """Return `text` (JSON) with one to three faults; where: the paths in it (`places`; none: any text)."""
    if not where or rng.random() < 0.3:
        return _bytes(text.encode(), rng)
    tree = json.loads(text)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        _value(tree, rng.choice(where), rng)
    return json.dumps(tree, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _value(tree: Any, path: tuple[Any, ...], rng: random.Random) -> None:
    try:
        for key in path[:-1]:
            tree = tree[key]
        old = tree[path[-1]]
        kind = rng.randrange(6)
        if kind == 0:
            del tree[path[-1]]
        elif kind == 1 and isinstance(tree, list):
            tree.append(old)
        elif kind == 2 and isinstance(tree, dict):
            tree[str(path[-1]) + "x"] = tree.pop(path[-1])
        elif kind == 3 and isinstance(old, str) and old:
            index = rng.randrange(len(old))
            tree[path[-1]] = old[:index] + rng.choice('0123456789.-eE:x"\\{}\n') + old[index + 1 :]
        else:
            tree[path[-1]] = rng.choice(BAD)
    except (KeyError, IndexError, TypeError):
        pass  # an earlier fault took the place away


def _bytes(data: bytes, rng: random.Random) -> bytes:
    kind, at = rng.randrange(4), rng.randrange(len(data))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
    if kind == 2:
        return data[:at] + data[at + rng.randrange(1, 40) :]
    return data[:at] + data[at : at + rng.randrange(1, 200)] + data[at:]
