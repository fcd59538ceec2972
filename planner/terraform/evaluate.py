"""The values of HCL expressions: what can be known without a cloud, and `Unknown` for all else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from planner.records import NamedTuple
from planner.terraform.hcl import Block, Expression

__all__ = ["Scope", "Unknown", "body", "value"]

_TRUE = {"true": True, "false": False}


class Unknown(NamedTuple):
    """A value that only an apply knows. ref: what it refers to ("aws_launch_template.this.id"), "" where it is computed."""

    ref: str = ""


class Scope:
    """What names mean in one module. variables: known values; locals: expressions; each, index: of the resource at hand."""

    def __init__(self, variables: Mapping[str, Any], local: Mapping[str, Expression]) -> None:
        self.variables, self.locals = variables, local
        self.each: tuple[Any, Any] | None = None
        self.index: Any = None
        self.bound: dict[str, Any] = {}
        self._known: dict[str, Any] = {}

    def at(self, each: tuple[Any, Any] | None = None, index: Any = None) -> Scope:
        """Return the scope of one instance of a resource."""
        made = Scope(self.variables, self.locals)
        made._known = self._known
        made.each, made.index = each, index
        return made

    def local(self, name: str) -> Any:
        """Return the value of a local; Unknown for one that refers to itself."""
        if name not in self._known:
            self._known[name] = Unknown(f"local.{name}")
            self._known[name] = value(self.locals[name], Scope._plain(self)) if name in self.locals else Unknown(f"local.{name}")
        return self._known[name]

    def _plain(self) -> Scope:
        made = Scope(self.variables, self.locals)
        made._known = self._known
        return made

    def find(self, names: tuple[str, ...]) -> Any:
        """Return what a reference means."""
        head, *rest = names
        found: Any = Unknown(".".join(names))
        if head == "var" and rest:
            found = self.variables.get(rest.pop(0), found)
        elif head == "local" and rest:
            found = self.local(rest.pop(0))
        elif head == "count" and rest == ["index"] and self.index is not None:
            return self.index
        elif head == "each" and self.each is not None and rest:
            found = self.each[0 if rest.pop(0) == "key" else 1]
        else:
            return found
        for name in rest:
            found = _get(found, name)
        return found


def body(block: Block, scope: Scope) -> dict[str, Any]:
    """Return a block as values: attributes by name, nested blocks as lists of the same; `dynamic` blocks unfolded."""
    made: dict[str, Any] = {name: value(expression, scope) for name, expression in block.attributes.items()}
    for inner in block.blocks:
        if inner.header[0] == "dynamic" and len(inner.header) == 2:
            made.setdefault(inner.header[1], []).extend(_dynamic(inner, scope))
        elif inner.header[0] != "lifecycle":
            held = made.setdefault(inner.header[0], [])
            if isinstance(held, list):
                held.append(body(inner, scope))
    return made


def _dynamic(block: Block, scope: Scope) -> list[Any]:
    items = value(block.attributes.get("for_each", ("literal", [])), scope)
    content = next((b for b in block.blocks if b.header == ("content",)), None)
    if content is None or isinstance(items, Unknown):
        return [{"unknown": Unknown()}]
    pairs = list(items.items()) if isinstance(items, dict) else list(enumerate(items or []))
    made = []
    for key, item in pairs:
        inner = scope.at(scope.each, scope.index)
        inner.bound = {block.header[1]: {"key": key, "value": item}}
        made.append(body(content, inner))
    return made


def value(expression: Expression, scope: Scope) -> Any:
    """Return the value of an expression, `Unknown` where it is not known."""
    kind, *rest = expression
    return _KINDS[kind](scope, *rest)


def _reference(scope: Scope, names: tuple[str, ...]) -> Any:
    if names[0] in scope.bound:
        found = scope.bound[names[0]]
        for name in names[1:]:
            found = _get(found, name)
        return found
    return scope.find(names)


def _get(whole: Any, key: Any) -> Any:
    if isinstance(whole, Unknown):
        return Unknown(f"{whole.ref}.{key}" if whole.ref else "")
    if isinstance(whole, dict):
        return whole.get(str(key), Unknown())
    if isinstance(whole, list) and str(key).isdigit() and int(key) < len(whole):
        return whole[int(key)]
    return Unknown()


def _index(scope: Scope, whole: Expression, key: Expression) -> Any:
    held, at = value(whole, scope), value(key, scope)
    if isinstance(held, Unknown):
        return held  # an instance of a resource stands for all of them
    return Unknown() if isinstance(at, Unknown) else _get(held, at)


def _text(scope: Scope, parts: list[Any]) -> Any:
    made = [part if isinstance(part, str) else value(part, scope) for part in parts]
    if len(made) == 1:
        return made[0]
    if any(isinstance(part, (Unknown, dict, list)) or part is None for part in made):
        return Unknown(next((p.ref for p in made if isinstance(p, Unknown)), ""))
    return "".join(_word(part) for part in made)


def _word(part: Any) -> str:
    if isinstance(part, bool):
        return "true" if part else "false"
    return format(part.normalize(), "f") if isinstance(part, Decimal) else str(part)


def _number(given: Any) -> Decimal | None:
    if isinstance(given, bool):
        return None
    if isinstance(given, (int, Decimal)):
        return Decimal(given)
    try:
        made = Decimal(given) if isinstance(given, str) else None
    except ArithmeticError:
        return None
    return made if made is not None and made.is_finite() else None


def _operate(scope: Scope, sign: str, left: Expression, right: Expression) -> Any:
    a, b = value(left, scope), value(right, scope)
    if isinstance(a, Unknown) or isinstance(b, Unknown):
        return Unknown()
    if sign in ("==", "!="):
        return (a == b) is (sign == "==")
    if sign in ("&&", "||"):
        one, two = _TRUE.get(a, a) if isinstance(a, str) else a, _TRUE.get(b, b) if isinstance(b, str) else b
        return bool(one and two) if sign == "&&" else bool(one or two)
    x, y = _number(a), _number(b)
    if x is None or y is None or (sign in "/%" and not y):
        return Unknown()
    return _SIGNS[sign](x, y)


_SIGNS: dict[str, Callable[[Decimal, Decimal], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": lambda a, b: a % b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


def _choose(scope: Scope, test: Expression, yes: Expression, no: Expression) -> Any:
    held = value(test, scope)
    if isinstance(held, Unknown):
        return Unknown()
    return value(yes if held in (True, "true") else no, scope)


def _not(scope: Scope, inner: Expression) -> Any:
    held = value(inner, scope)
    return held if isinstance(held, Unknown) else held not in (True, "true")


def _minus(scope: Scope, inner: Expression) -> Any:
    number = _number(value(inner, scope))
    return Unknown() if number is None else -number


def _map(scope: Scope, pairs: list[tuple[Expression, Expression]]) -> Any:
    made = {}
    for key, held in pairs:
        name = value(key, scope)
        if isinstance(name, (Unknown, dict, list)):
            return Unknown()
        made[_word(name)] = value(held, scope)
    return made


def _call(scope: Scope, name: str, given: list[Expression]) -> Any:
    values = [value(one, scope) for one in given]
    if name == "try":
        return next((v for v in values if not isinstance(v, Unknown)), Unknown())
    if name not in _FUNCTIONS or any(isinstance(v, Unknown) for v in values):
        return Unknown()
    try:
        return _FUNCTIONS[name](*values)
    except (TypeError, ValueError, ArithmeticError, AttributeError, LookupError):
        return Unknown()


def _numbers(pick: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given: pick(Decimal(v) for v in given)


def _range(*given: Any) -> list[Decimal]:
    bounds = [int(v) for v in given]
    if abs(bounds[-1] if len(bounds) < 3 else bounds[1]) > 10_000:
        raise ValueError
    return [Decimal(n) for n in range(*bounds)]


def _merge(*given: dict[str, Any]) -> dict[str, Any]:
    return {k: v for one in given for k, v in (one or {}).items()}


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "length": lambda v: Decimal(len(v)),
    "max": _numbers(max),
    "min": _numbers(min),
    "ceil": lambda v: Decimal(math.ceil(Decimal(v))),
    "floor": lambda v: Decimal(math.floor(Decimal(v))),
    "tonumber": Decimal,
    "tostring": _word,
    "toset": lambda v: list(dict.fromkeys(v)),
    "tolist": list,
    "tomap": dict,
    "keys": lambda v: sorted(v),
    "values": lambda v: [v[k] for k in sorted(v)],
    "concat": lambda *v: [x for one in v for x in one],
    "merge": _merge,
    "lookup": lambda m, k, *d: m[k] if k in m else d[0],
    "element": lambda v, n: v[int(n) % len(v)],
    "coalesce": lambda *v: next(x for x in v if x not in (None, "")),
    "range": _range,
    "lower": lambda v: v.lower(),
    "upper": lambda v: v.upper(),
    "join": lambda s, v: s.join(_word(x) for x in v),
    "split": lambda s, v: v.split(s),
}

_KINDS: dict[str, Callable[..., Any]] = {
    "literal": lambda scope, held: held,
    "ref": _reference,
    "list": lambda scope, items: [value(item, scope) for item in items],
    "map": _map,
    "text": _text,
    "call": _call,
    "op": _operate,
    "not": _not,
    "minus": _minus,
    "if": _choose,
    "index": _index,
    "get": lambda scope, whole, name: _get(value(whole, scope), name),
    "unknown": lambda scope, _text: Unknown(),
}
