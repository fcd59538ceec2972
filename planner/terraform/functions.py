"""The functions of HCL that a number, a name or a choice of a module is computed with; any other's value is unknown."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import product
from typing import Any

__all__ = ["FUNCTIONS", "number", "same", "word"]

_LONGEST = 1 << 20
_MOST = 10_000


def word(part: Any) -> str:
    """Return a value as text, the way HCL converts it; `TypeError` for what has none."""
    if isinstance(part, bool):
        return "true" if part else "false"
    if isinstance(part, Decimal):
        return format(part.normalize(), "f")
    if not isinstance(part, str):
        raise TypeError
    return part


def number(given: Any) -> Decimal | None:
    """Return a value as a number, None for what is none."""
    if isinstance(given, bool):
        return None
    if isinstance(given, (int, Decimal)):
        return Decimal(given)
    try:
        made = Decimal(given) if isinstance(given, str) else None
    except ArithmeticError:
        return None
    return made if made is not None and made.is_finite() and abs(made.adjusted()) <= 60 else None


def same(a: Any, b: Any) -> bool:
    """Return whether two values are equal: true is not 1."""
    return isinstance(a, bool) is isinstance(b, bool) and bool(a == b)


def _exact(given: Any) -> Decimal:
    made = number(given)
    if made is None:
        raise TypeError
    return made


def _range(*given: Any) -> list[Decimal]:
    bounds = [int(_exact(v)) for v in given]
    made = range(*bounds)
    if len(made) > _MOST:
        raise OverflowError(f"a range of {len(made):,} is over {_MOST:,}")
    return [Decimal(n) for n in made]


def _flat(given: list[Any]) -> list[Any]:
    made: list[Any] = []
    rest = given[::-1]
    while rest:
        one = rest.pop()
        if isinstance(one, list):
            rest.extend(one[::-1])
        else:
            made.append(one)
        if len(made) + len(rest) > 10 * _MOST:
            raise OverflowError(f"a list is over {10 * _MOST:,}")
    return made


def _unique(given: Iterable[Any]) -> list[Any]:
    made: list[Any] = []
    seen: set[Any] = set()
    for one in given:
        if isinstance(one, (str, Decimal, bool)):
            if (type(one), one) in seen:
                continue
            seen.add((type(one), one))
        elif any(one == x for x in made):
            continue
        made.append(one)
    return made


def _lookup(held: dict[str, Any], key: Any, *default: Any) -> Any:
    return held[word(key)] if word(key) in held else default[0]


def _long(size: int) -> None:
    if size > _LONGEST:
        raise OverflowError(f"a text of {size:,} characters is over {_LONGEST:,}")


def _replace(text: str, old: str, new: str) -> str:
    if len(old) > 2 and old.startswith("/") and old.endswith("/"):
        raise TypeError  # a regular expression of RE2
    _long(len(text) + (text.count(old) if old else len(text) + 1) * len(new))
    return text.replace(old, new)


def _join(sign: str, *lists: list[Any]) -> str:
    words = [word(x) for one in lists for x in one]
    _long(sum(map(len, words)) + len(sign) * len(words))
    return sign.join(words)


def _format(pattern: str, *given: Any) -> str:
    made, rest = [], list(given)
    parts = pattern.replace("%%", "\0").split("%")
    made.append(parts[0])
    for part in parts[1:]:
        mark = next((n for n, c in enumerate(part) if c.isalpha()), -1)
        flags, kind = part[:mark], part[mark : mark + 1]
        if mark < 0 or kind not in "sdvqf" or len(flags) > 3:
            raise TypeError
        held = rest.pop(0)
        said = word(held)
        if kind == "d":
            said = str(int(_exact(held)))
        elif kind == "q":
            said = json.dumps(said)
        elif kind == "f":
            said = f"{_exact(held):{flags or '.6'}f}"
        made.append((said.rjust(int(flags), "0" if flags[0] == "0" else " ") if flags.isdigit() else said) + part[mark + 1 :])
    _long(sum(map(len, made)))
    return "".join(made).replace("\0", "%")


def _sets(pick: Callable[[Any, list[Any]], bool]) -> Callable[[list[Any], list[Any]], list[Any]]:
    return lambda a, b: _unique(x for x in a if pick(x, b))


def _product(*given: list[Any]) -> list[Any]:
    if math.prod(map(len, given)) > _MOST:
        raise OverflowError(f"a product is over {_MOST:,}")
    return [list(row) for row in product(*given)]


def _one(given: list[Any]) -> Any:
    return given[0] if given else None


def _sized(given: Any) -> Decimal:
    if not isinstance(given, (str, list, dict)):
        raise TypeError
    return Decimal(len(given))


def _boolean(given: Any) -> bool:
    return {"true": True, "false": False}[word(given)]


def _pow(a: Any, b: Any) -> Decimal:
    base, power = _exact(a), _exact(b)
    if abs(power) > 100 or abs(base) > 10**6:
        raise TypeError
    return base**power


def _substr(text: str, at: Any, size: Any) -> str:
    begin, length = int(_exact(at)), int(_exact(size))
    begin = max(0, len(text) + begin) if begin < 0 else begin
    return text[begin:] if length < 0 else text[begin : begin + length]


def _read(text: str) -> Any:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def _merge(*given: dict[str, Any] | None) -> dict[str, Any]:
    return {k: v for one in given for k, v in (one or {}).items()}


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": lambda v: abs(_exact(v)),
    "alltrue": lambda v: all(_boolean(x) for x in v),
    "anytrue": lambda v: any(_boolean(x) for x in v),
    "ceil": lambda v: Decimal(math.ceil(_exact(v))),
    "chunklist": lambda v, n: [v[at : at + int(n)] for at in range(0, len(v), int(n))],
    "coalesce": lambda *v: next(x for x in v if x not in (None, "")),
    "coalescelist": lambda *v: next(x for x in v if x),
    "compact": lambda v: [x for x in v if x not in (None, "")],
    "concat": lambda *v: [x for one in v for x in one],
    "contains": lambda v, x: any(same(x, y) for y in v),
    "distinct": _unique,
    "element": lambda v, n: v[int(n) % len(v)],
    "endswith": lambda v, end: v.endswith(end),
    "flatten": _flat,
    "floor": lambda v: Decimal(math.floor(_exact(v))),
    "format": _format,
    "index": lambda v, x: Decimal(v.index(x)),
    "join": _join,
    "jsondecode": _read,
    "keys": sorted,
    "length": _sized,
    "lookup": _lookup,
    "lower": lambda v: word(v).lower(),
    "max": lambda *v: max(map(_exact, v)),
    "merge": _merge,
    "min": lambda *v: min(map(_exact, v)),
    "nonsensitive": lambda v: v,
    "one": _one,
    "parseint": lambda v, base: Decimal(int(word(v), int(base))),
    "pow": _pow,
    "range": _range,
    "replace": _replace,
    "reverse": lambda v: v[::-1],
    "sensitive": lambda v: v,
    "setintersection": _sets(lambda x, b: x in b),
    "setproduct": _product,
    "setsubtract": _sets(lambda x, b: x not in b),
    "setunion": lambda *v: _unique(x for one in v for x in one),
    "slice": lambda v, a, b: v[int(a) : int(b)],
    "sort": sorted,
    "split": lambda sign, v: v.split(sign),
    "startswith": lambda v, head: v.startswith(head),
    "strcontains": lambda v, part: part in v,
    "substr": _substr,
    "sum": lambda v: sum(map(_exact, v), Decimal(0)),
    "title": lambda v: v.title(),
    "tobool": _boolean,
    "tolist": list,
    "tomap": dict,
    "tonumber": lambda v: None if v is None else _exact(v),
    "toset": _unique,
    "tostring": lambda v: None if v is None else word(v),
    "trim": lambda v, chars: v.strip(chars),
    "trimprefix": lambda v, head: v.removeprefix(head),
    "trimspace": lambda v: v.strip(),
    "trimsuffix": lambda v, end: v.removesuffix(end),
    "upper": lambda v: word(v).upper(),
    "values": lambda v: [v[k] for k in sorted(v)],
    "zipmap": lambda names, v: {word(k): x for k, x in zip(names, v, strict=True)},
}
