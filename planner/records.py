"""`NamedTuple` for records, as typing has it, but cheap to define.

`typing.NamedTuple` compiles a constructor for every class: 45 records cost 12 ms of every start, a third of what a quote
may take. This one shares a constructor. Type checkers see typing's own; at run time a record is a tuple with the same
fields, defaults, `_fields`, `_field_defaults`, `_make`, `_replace`, `_asdict`, repr, pickling and pattern matching
(tests/test_records.py holds both to the same behaviour).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["SHOWN", "NamedTuple", "as_dataframe", "as_html"]

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: How a record shows itself in a notebook ("html", "dataframe"): planner.api, which stands above the rooms that word it, says so when it is loaded.
SHOWN: dict[str, Callable[..., Any]] = {}


def as_html(record: object) -> str | None:
    """Return a record as HTML for a notebook; None, by which a notebook takes its repr, where `planner.api` was never loaded."""
    show = SHOWN.get("html")
    return None if show is None else show(record)


def as_dataframe(record: object, library: str) -> Any:
    """Return a record as a data frame of pandas or polars (planner.rendering.frames); whoever made it by the public API can."""
    show = SHOWN.get("dataframe")
    if show is None:
        raise RuntimeError("to_dataframe() is of the public API: import planner.api first")
    return show(record, library)


if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from _collections import _tuplegetter

    _new = tuple.__new__

    def _constructor(fields, defaults):
        """Return the constructor of a record: what most calls are, every field in its place, is quick."""
        number = len(fields)
        usual = tuple(defaults.values())
        least = number - len(usual)

        def _construct(cls, *args, **given):
            if not given:
                if len(args) == number:
                    return _new(cls, args)
                if least <= len(args) < number:
                    return _new(cls, args + usual[len(args) - least :])
            elif given.keys().isdisjoint(fields[: len(args)]):
                # By keyword: what is not given takes its default.
                known = given if len(given) == number else {**defaults, **given}
                if args:
                    known = {**known, **dict(zip(fields, args, strict=False))}
                if len(known) == number and len(args) <= number:
                    try:
                        return _new(cls, map(known.__getitem__, fields))
                    except KeyError:
                        pass
            return _checked(cls, args, given)

        return _construct

    def _checked(cls, args, given):
        """Make a record field by field, and say what is wrong where it cannot be."""
        fields = cls._fields
        if len(args) > len(fields):
            raise TypeError(f"{cls.__name__} takes {len(fields)} fields, {len(args)} were given")
        values = list(args)
        defaults = cls._field_defaults
        for field in fields[len(args) :]:
            if field in given:
                values.append(given.pop(field))
            elif field in defaults:
                values.append(defaults[field])
            else:
                raise TypeError(f"{cls.__name__} lacks the field {field!r}")
        if given:
            raise TypeError(f"{cls.__name__} has no field {', '.join(map(repr, given))}, or it was given twice")
        return _new(cls, values)

    def _make(cls, iterable):
        values = tuple(iterable)
        if len(values) != len(cls._fields):
            raise TypeError(f"{cls.__name__} takes {len(cls._fields)} fields, {len(values)} were given")
        return _new(cls, values)

    def _replace(self, /, **given):
        values = [given.pop(field, value) for field, value in zip(self._fields, self, strict=True)]
        if given:
            raise ValueError(f"Got unexpected field names: {list(given)!r}")
        return _new(self.__class__, values)

    def _asdict(self):
        return dict(zip(self._fields, self, strict=True))

    def _repr(self):
        inner = ", ".join(f"{f}={v!r}" for f, v in zip(self._fields, self, strict=True))
        return f"{self.__class__.__name__}({inner})"

    def _getnewargs(self):
        return tuple(self)

    _SHARED = {
        "__slots__": (),
        "__repr__": _repr,
        "__getnewargs__": _getnewargs,
        "_make": classmethod(_make),
        "_replace": _replace,
        "__replace__": _replace,
        "_asdict": _asdict,
    }

    #: What reads the first field of a record, the second ...: records share them.
    _GETTERS = []

    class _Meta(type):
        def __new__(mcs, name, bases, namespace):
            fields = tuple(namespace.get("__annotations__", ()))
            defaults = {f: namespace[f] for f in fields if f in namespace}
            if defaults and any(f in defaults for f in fields[: -len(defaults)]):
                raise TypeError(f"{name}: a field without a default follows one with a default")
            while len(_GETTERS) < len(fields):
                _GETTERS.append(_tuplegetter(len(_GETTERS), ""))
            body = {"__new__": _constructor(fields, defaults), **namespace, **_SHARED}
            if "__repr__" in namespace:
                body["__repr__"] = namespace["__repr__"]
            body.update(zip(fields, _GETTERS, strict=False))
            body["_fields"] = body["__match_args__"] = fields
            body["_field_defaults"] = defaults
            return type(name, (tuple,), body)

    NamedTuple = type.__new__(_Meta, "NamedTuple", (), {})
