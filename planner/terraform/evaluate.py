"""The values of HCL expressions: what can be known without a cloud, and `Unknown` for all else."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from planner.errors import MisuseError
from planner.records import NamedTuple
from planner.terraform.functions import FUNCTIONS, number, same, word
from planner.terraform.hcl import Block, Expression

__all__ = ["Scope", "Unknown", "body", "value"]

_MOST_STEPS = 500_000
#: What of a resource says how Terraform treats it, not what it is.
_META = ("depends_on", "provider", "count", "for_each")
_META_BLOCKS = ("lifecycle", "provisioner", "connection", "timeouts")


class Unknown(NamedTuple):
    """A value that only an apply knows. ref: what it refers to (TYPE.NAME.id), "" where it is computed.

    at: the address of the module that says so. missing: there is no such value, which `try` passes over.
    """

    ref: str = ""
    at: str = ""
    missing: bool = False


_MISSING = Unknown("", "", True)


class _World:
    """What all scopes of one reading share: how much was evaluated, and what is being evaluated."""

    def __init__(self) -> None:
        self.steps = 0
        self.open: list[str] = []


class Scope:
    """What names mean in one module.

    variables: known values; declared: "var.x", "local.x", "TYPE.NAME", ...; at: the module's address; modules: the outputs of a
    module, by its name; resources: a resource as its instances, by its type and name.
    """

    def __init__(
        self,
        variables: Mapping[str, Any],
        local: Mapping[str, Expression],
        declared: frozenset[str] | None = None,
        at: str = "",
        above: Scope | None = None,
    ) -> None:
        self.variables, self.locals, self.declared, self.at = variables, local, declared, at
        self.modules: Callable[[str], Any] | None = None
        self.resources: Callable[[str], Any] | None = None
        self.bound: dict[str, Any] = {}
        self.world: _World = above.world if above is not None else _World()
        self._known: dict[str, Any] = {}

    def bind(self, **names: Any) -> Scope:
        """Return the scope in which `names` mean these values besides."""
        made = copy.copy(self)
        made.bound = {**self.bound, **names}
        return made

    def step(self) -> None:
        """Count one evaluation; raise `MisuseError` where a configuration needs more than any real one."""
        self.world.steps += 1
        if self.world.steps > _MOST_STEPS:
            raise MisuseError(f"{self.at or 'the module '}evaluates to too much: over {_MOST_STEPS:,} steps")

    def find(self, names: tuple[str, ...], where: str) -> Any:
        """Return what a reference means; raise `MisuseError` for a name that the module does not declare."""
        head, *rest = names
        if head in self.bound:
            return _through(self.bound[head], rest)
        full = ".".join(names)
        self._declares(names, where)
        if head == "var" and rest:
            return _through(self.variables.get(rest[0], Unknown(f"var.{rest[0]}", self.at)), rest[1:])
        if head == "local" and rest:
            return _through(self.local(rest[0], where), rest[1:])
        if head == "module" and rest and self.modules is not None:
            return _through(self.modules(rest[0]), rest[1:])
        if rest and self.resources is not None and "_" in head:
            return _through(self.resources(f"{head}.{rest[0]}"), rest[1:])
        return Unknown(full, self.at)

    def _declares(self, names: tuple[str, ...], where: str) -> None:
        size = 3 if names[0] == "data" else 2
        if self.declared is None or len(names) < size:
            return
        name = ".".join(names[:size])
        if (names[0] in ("var", "local", "module", "data") or "_" in names[0]) and name not in self.declared:
            raise MisuseError(f"{where}: {name} is not declared in this module")

    def local(self, name: str, where: str) -> Any:
        """Return the value of a local; raise `MisuseError` for one that needs itself."""
        if name not in self._known:
            full = f"{self.at}local.{name}"
            with_me = [*self.world.open, full]
            if full in self.world.open:
                raise MisuseError(f"{where}: {full} needs itself: {' -> '.join(with_me[with_me.index(full) :])}")
            plain = copy.copy(self)
            plain.bound = {}
            self.world.open.append(full)
            self._known[name] = value(self.locals[name], plain) if name in self.locals else Unknown(f"local.{name}", self.at)
            self.world.open.pop()
        return self._known[name]


def body(block: Block, scope: Scope) -> dict[str, Any]:
    """Return a block as values: attributes by name, nested blocks as lists of the same; `dynamic` blocks unfolded."""
    made: dict[str, Any] = {n: value(e, scope) for n, e in block.attributes.items() if n not in _META}
    for inner in block.blocks:
        if inner.header[0] == "dynamic" and len(inner.header) == 2:
            held = made.setdefault(inner.header[1], [])
            if isinstance(held, list):
                held.extend(_dynamic(inner, scope))
        elif inner.header[0] not in _META_BLOCKS:
            held = made.setdefault(inner.header[0], [])
            if isinstance(held, list):
                held.append(body(inner, scope))
    return made


def _dynamic(block: Block, scope: Scope) -> list[Any]:
    items = value(block.attributes.get("for_each", ("literal", [])), scope)
    content = next((b for b in block.blocks if b.header == ("content",)), None)
    if content is None or isinstance(items, Unknown):
        return []
    name = block.attributes.get("iterator", ("ref", (block.header[1],)))[1][0]
    return [body(content, scope.bind(**{name: {"key": key, "value": item}})) for key, item in _pairs(items)]


def value(expression: Expression, scope: Scope) -> Any:
    """Return the value of an expression, `Unknown` where it is not known."""
    scope.step()
    kind, *rest = expression
    return _KINDS[kind](scope, *rest)


def _pairs(items: Any) -> list[tuple[Any, Any]]:
    if isinstance(items, dict):
        return sorted(items.items())
    return [(Decimal(n), x) for n, x in enumerate(items)] if isinstance(items, list) else []


def _through(found: Any, names: list[str]) -> Any:
    for name in names:
        found = _get(found, name)
    return found


def _get(whole: Any, key: Any) -> Any:
    if isinstance(whole, Unknown):
        return Unknown(f"{whole.ref}.{key}" if whole.ref else "", whole.at, whole.missing)
    if isinstance(whole, dict):
        return whole.get(str(key), _MISSING)
    if isinstance(whole, list) and str(key).isdigit() and int(key) < len(whole):
        return whole[int(key)]
    return _MISSING


def _index(scope: Scope, whole: Expression, key: Expression) -> Any:
    held, at = value(whole, scope), value(key, scope)
    if isinstance(held, Unknown):
        return held  # an instance of a resource stands for all of them
    if isinstance(at, Unknown):
        items = list(held.values()) if isinstance(held, dict) else held if isinstance(held, list) else []
        return items[0] if items and isinstance(items[0], Unknown) else Unknown()
    return _get(held, word(at) if isinstance(at, Decimal) else at)


def _text(scope: Scope, parts: list[Any]) -> Any:
    made = [part if isinstance(part, str) else value(part, scope) for part in parts]
    if len(made) == 1:
        return made[0]
    if any(isinstance(part, (Unknown, dict, list)) or part is None for part in made):
        return Unknown(*next(((p.ref, p.at) for p in made if isinstance(p, Unknown)), ()))
    said = [word(part) for part in made]
    if sum(map(len, said)) > 1 << 20:
        raise MisuseError(f"{scope.at or 'the module '}evaluates to too much: a text of over a million characters")
    return _bounded(scope, "".join(said))


def _spread(scope: Scope, inner: Expression) -> Any:
    """Return the texts of a template's loop, one after the other."""
    made = value(inner, scope)
    return "".join(made) if isinstance(made, list) and all(isinstance(x, str) for x in made) else Unknown()


def _operate(scope: Scope, sign: str, left: Expression, right: Expression) -> Any:
    a = value(left, scope)
    if sign in ("&&", "||") and a in (sign == "||", "true" if sign == "||" else "false"):
        return sign == "||"
    b = value(right, scope)
    if sign in ("&&", "||") and b in (sign == "||", "true" if sign == "||" else "false"):
        return sign == "||"
    if isinstance(a, Unknown) or isinstance(b, Unknown):
        return Unknown()
    if sign in ("==", "!="):
        return same(a, b) is (sign == "==")
    if sign in ("&&", "||"):
        return sign == "&&"
    x, y = number(a), number(b)
    if x is None or y is None or (sign in "/%" and not y):
        return _MISSING
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
        one, other = value(yes, scope), value(no, scope)
        return one if same(one, other) and not isinstance(one, Unknown) else Unknown()
    return value(yes if held in (True, "true") else no, scope)


def _not(scope: Scope, inner: Expression) -> Any:
    held = value(inner, scope)
    return held if isinstance(held, Unknown) else held not in (True, "true")


def _minus(scope: Scope, inner: Expression) -> Any:
    made = number(value(inner, scope))
    return Unknown() if made is None else -made


def _map(scope: Scope, pairs: list[tuple[Expression, Expression]]) -> Any:
    made = {}
    for key, held in pairs:
        name = value(key, scope)
        if not isinstance(name, (str, bool, Decimal)):
            return Unknown()
        made[word(name)] = value(held, scope)
    return made


def _splat(scope: Scope, whole: Expression, each: Expression) -> Any:
    held = value(whole, scope)
    if isinstance(held, Unknown):
        return held
    items = held if isinstance(held, list) else [] if held is None else [held]
    return [value(each, scope.bind(item=one)) for one in items]


def _item(scope: Scope) -> Any:
    return scope.bound["item"]


def _loop(
    scope: Scope,
    names: tuple[str, str],
    of: Expression,
    key: Expression | None,
    each: Expression,
    test: Expression | None,
    grouped: bool,
) -> Any:
    items = value(of, scope)
    if isinstance(items, Unknown):
        return items._replace(ref="")
    rows: list[Any] = []
    made: dict[str, Any] = {}
    for at, held in _pairs(items):
        inner = scope.bind(**({names[0]: at} if names[0] else {}), **{names[1]: held})
        kept = True if test is None else value(test, inner)
        if isinstance(kept, Unknown):
            return Unknown()
        if kept not in (True, "true"):
            continue
        if key is None:
            rows.append(value(each, inner))
            continue
        name = value(key, inner)
        if not isinstance(name, (str, bool, Decimal)):
            return Unknown()
        one = value(each, inner)
        if grouped:
            made.setdefault(word(name), []).append(one)
        else:
            made[word(name)] = one
    return rows if key is None else made


def _call(scope: Scope, name: str, given: list[Expression], spread: bool) -> Any:
    values = [value(one, scope) for one in given]
    if spread and values:
        last = values.pop()
        if not isinstance(last, list):
            return Unknown()
        values += last
    if name == "try":
        return next((v for v in values if not (isinstance(v, Unknown) and v.missing)), _MISSING)
    if name == "can" and len(values) == 1 and (not isinstance(values[0], Unknown) or values[0].missing):
        return not isinstance(values[0], Unknown)
    unknown = next((v for v in values if isinstance(v, Unknown)), None)
    if name not in FUNCTIONS or unknown is not None:
        return Unknown("", "", unknown is not None and unknown.missing)
    try:
        return _bounded(scope, FUNCTIONS[name](*values))
    except OverflowError as exc:
        raise MisuseError(f"{scope.at or 'the module '}evaluates to too much: {name}(): {exc}") from None
    except (TypeError, ValueError, ArithmeticError, AttributeError, LookupError, StopIteration, RecursionError):
        return _MISSING


def _bounded(scope: Scope, made: Any) -> Any:
    """Return a value whose size counts as steps, so that none grows without bound."""
    if isinstance(made, (list, dict)):
        scope.world.steps += len(made)
    elif isinstance(made, str):
        scope.world.steps += len(made) >> 10
    scope.step()
    return made


_KINDS: dict[str, Callable[..., Any]] = {
    "literal": lambda scope, held: held,
    "ref": lambda scope, names, where="": scope.find(names, where),
    "list": lambda scope, items: [value(item, scope) for item in items],
    "map": _map,
    "text": _text,
    "spread": _spread,
    "call": _call,
    "op": _operate,
    "not": _not,
    "minus": _minus,
    "if": _choose,
    "index": _index,
    "get": lambda scope, whole, name: _get(value(whole, scope), name),
    "splat": _splat,
    "item": _item,
    "for": _loop,
}
