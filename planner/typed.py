"""Records that came from a file, held to their own annotations before anything is made of them.

A file that a person or a program changed may hold a list where a number belongs, a number of a million digits, NaN, or a
control character for the terminal. `held` walks a record by the types that its class declares and names the first place
that is wrong, so that what reads the record afterwards may rely on them.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache
from string import Formatter
from types import NoneType, UnionType
from typing import Any

from planner.errors import MisuseError
from planner.money import decimal_of
from planner.text import Text

__all__ = ["held", "number"]

#: Bounds of every number in a file: far above any bill, far below what would cost time or memory.
MOST = 10**15
_TEXT, _MANY = 20_000, 200_000

#: Says what is wrong with a value as (place within it, what was expected, the value); None where nothing is.
Wrong = tuple[str, str, object]
Check = Callable[[Any], Wrong | None]


def number(text: object, what: str) -> Decimal:
    """Return the amount, quantity or share that a file's text stands for: a plain decimal from 0 to 10^15.

    Raises `MisuseError` that begins with `what`.
    """
    if not isinstance(text, str):
        raise MisuseError(f"{what}: expected a number in quotes, got {_seen(text)}")
    value = decimal_of(text, what)
    if not 0 <= value <= MOST:
        raise MisuseError(f"{what}: {text[:40]} is outside 0 to 10^15")
    return value


def held(record: Any, kind: Any, at: str) -> None:
    """Raise `MisuseError` naming the place (after `at`) of the first value in `record` that is not what `kind` declares.

    kind: a record class or a type made of them. Numbers must be finite and from 0 to 10^15, texts free of control
    characters.
    """
    wrong = _check(kind)(record)
    if wrong is not None:
        place, expected, value = wrong
        raise MisuseError(f"{(at + place).lstrip('.')}: expected {expected}, got {_seen(value)}")


def _seen(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 40 else text[:37] + "..."


@cache
def _check(kind: Any) -> Check:
    if kind in _SCALARS:
        return _SCALARS[kind]
    if hasattr(kind, "_fields"):
        return _record(kind)
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (UnionType, typing.Union):
        return _either([_check(k) for k in inner if k is not NoneType], NoneType in inner)
    if origin in (tuple, Sequence) and (len(inner) == 1 or inner[1:] == (Ellipsis,)):
        return _each(_check(inner[0]))
    if origin is tuple:
        return _row([_check(k) for k in inner])
    raise TypeError(f"no check for {kind!r}")  # a record with a field of a new kind: say here what it may hold


def _record(kind: Any) -> Check:
    hints = typing.get_type_hints(kind)
    checks = [(f".{name}", _check(hints[name])) for name in kind._fields]

    def check(value: Any) -> Wrong | None:
        if not isinstance(value, kind):
            return "", f"a {kind.__name__.lower()}", value
        for (name, inner), item in zip(checks, value, strict=True):
            wrong = inner(item)
            if wrong is not None:
                return name + wrong[0], wrong[1], wrong[2]
        return None

    return check


def _either(checks: Sequence[Check], or_none: bool) -> Check:
    def check(value: Any) -> Wrong | None:
        if value is None and or_none:
            return None
        return next((None for inner in checks if inner(value) is None), checks[0](value))

    return check


def _each(inner: Check) -> Check:
    def check(value: Any) -> Wrong | None:
        if isinstance(value, str) or not isinstance(value, Sequence) or len(value) > _MANY:
            return "", "a list", value
        for index, item in enumerate(value):
            wrong = inner(item)
            if wrong is not None:
                return f"[{index}]{wrong[0]}", wrong[1], wrong[2]
        return None

    return check


def _row(checks: Sequence[Check]) -> Check:
    def check(value: Any) -> Wrong | None:
        if not isinstance(value, tuple) or len(value) != len(checks):
            return "", f"{len(checks)} values", value
        return next((wrong for inner, item in zip(checks, value, strict=True) if (wrong := inner(item))), None)

    return check


def _string(value: Any) -> Wrong | None:
    if isinstance(value, str) and len(value) <= _TEXT and (value.isprintable() or not any(map(_control, value))):
        return None
    return "", "text without control characters", value


def _control(letter: str) -> bool:
    return ord(letter) < 32 or 127 <= ord(letter) < 160 or 0xD800 <= ord(letter) < 0xE000


def _whole(value: Any) -> Wrong | None:
    right = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST
    return None if right else ("", "a whole number from 0 to 10^15", value)


def _float(value: Any) -> Wrong | None:
    right = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= MOST
    return None if right else ("", "a number from 0 to 10^15", value)


def _decimal(value: Any) -> Wrong | None:
    right = isinstance(value, Decimal) and value.is_finite() and 0 <= value <= MOST
    return None if right else ("", "a number from 0 to 10^15", value)


def _bool(value: Any) -> Wrong | None:
    return None if isinstance(value, bool) else ("", "true or false", value)


def _sentence(value: Any) -> Wrong | None:
    if not isinstance(value, Text):
        return "", "a sentence", value
    names = {name for name, _ in value.values}
    wrong = _string(value.key) or next((wrong for _, said in value.values if (wrong := _said(said))), None)
    if wrong is None and names and not _worded(value.key, names):
        return "", "a sentence whose {names} have values", value.key
    return wrong


def _worded(key: str, names: set[str]) -> bool:
    """Whether a sentence names its values plainly: no attribute, no format (which could ask for a gigabyte), none else."""
    try:
        return all(f is None or (f in names and not spec and not how) for _, f, spec, how in Formatter().parse(key))
    except ValueError:
        return False


def _said(value: Any) -> Wrong | None:
    """Check a value of a sentence: text, a number, a sentence, or several of them."""
    if isinstance(value, Text):
        return _sentence(value)
    if isinstance(value, tuple):
        return next((wrong for item in value if (wrong := _said(item))), None)
    return _string(value) if isinstance(value, str) else _float(value) if not isinstance(value, Decimal) else None


_SCALARS: dict[Any, Check] = {
    str: _string,
    int: _whole,
    float: _float,
    bool: _bool,
    Decimal: _decimal,
    Text: _sentence,
}
