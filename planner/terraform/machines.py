"""The machines of a configuration: which resources are or start them, of what type, how many, and how they are bought."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from math import ceil
from typing import Any

from planner.money import plain
from planner.records import NamedTuple
from planner.terraform import cloud, resources
from planner.terraform.cloud import Rule
from planner.terraform.configuration import Resource
from planner.terraform.evaluate import Unknown
from planner.terraform.functions import number
from planner.terraform.resources import Table
from planner.text import Text, text

__all__ = [
    "Machine",
    "all_at",
    "bought",
    "firm",
    "first",
    "holds",
    "inside",
    "kind",
    "machine",
    "named",
    "size",
    "truth",
    "ways",
    "why_no_kind",
    "word",
]

ZERO = Decimal(0)
_MOST = 100_000


class Machine(NamedTuple):
    """A resource that is or starts machines, with the values of its template."""

    resource: Resource
    table: Table
    facts: dict[str, Any]
    values: dict[str, Any]
    count: int  # type: ignore[assignment]


# ---- values


def all_at(values: Any, path: str) -> list[Any]:
    """Return every value at `path`, through nested blocks; of several paths with | between, the first that is there."""
    for one in path.split("|"):
        here = [values]
        for name in one.split(".") if one else ():
            spread = [x for v in here for x in (v if isinstance(v, list) else [v])]
            here = [v[name] for v in spread if isinstance(v, dict) and v.get(name) is not None]
        found = [x for v in here for x in (v if isinstance(v, list) and one else [v])]
        if found:
            return found
    return []


def first(values: Any, path: str) -> Any:
    """Return the first value at `path`; "" where there is none."""
    return next(iter(all_at(values, path)), "")


def size(given: Any) -> Decimal | None:
    """Return a number that is not negative, None for what is not known."""
    made = number(given)
    return made if made is not None and made >= 0 else None


def truth(given: Any) -> bool:
    """Return whether an argument says yes: true, or a number above 0."""
    return given is True or given == "true" or bool(size(given))


def word(given: Any) -> str:
    """Return a value as a word, "" for what is not known."""
    return plain(given) if isinstance(given, Decimal) else given if isinstance(given, str) else ""


def inside(blocks: Iterable[dict[str, Any]], path: str) -> Iterator[dict[str, Any]]:
    """Yield the blocks with what the block at `path` in each says; none that has none there ("" leaves them as they are)."""
    for block in blocks:
        if not path:
            yield block
        elif isinstance(inner := first(block, path), dict):
            yield {**block, **inner}


def named(one: Resource, said: Any, found: Sequence[Resource], kinds: Sequence[str] = ()) -> Resource | None:
    """Return the resource that a value, or one in a block, refers to or is the id of; kinds: types that are known by name too."""
    for value in said.values() if isinstance(said, dict) else (said,):
        if isinstance(value, Unknown):
            names = value.ref.split(".")
            if len(names) < 2:
                continue
            kind, name = names[0], names[1].partition("[")[0]
            mine = [o for o in found if (o.module, o.type, o.name) == (value.at, kind, name)]
        elif isinstance(value, str) and value:
            mine = [
                o for o in found if o.values.get("id") == value or (o.type in kinds and o.values.get("name") == value)
            ]
        else:
            continue
        if mine:
            suffix = one.address.removeprefix(f"{one.module}{one.type}.{one.name}")
            return next((o for o in mine if suffix and o.address.endswith(suffix)), mine[0])
    return None


# ---- machines


def machine(one: Resource, found: Sequence[Resource], missing: list[Text]) -> Machine | None:
    """Return a resource as a machine with its template's values; None where it is none. What is not known goes to `missing`."""
    table = resources.of_type(one.type)
    facts = table.machines.get(one.type) if table is not None else None
    if table is None or facts is None:
        return None
    values = one.values
    for path in facts.get("template", ()):
        for said in all_at(values, path):
            other = named(one, said, found, facts.get("templates", ()))
            if other is not None:
                values = _over(values, other.values)
    if "from" in facts:
        rest = facts["from"]
        for other in found:
            mine = named(other, other.values.get(rest["by"]), found) if other.type == rest["resource"] else None
            if mine is not None and mine.address == one.address:
                values = _over(values, other.values)
    count = Decimal(1)
    if "count" in facts:
        known = [n for path in facts["count"] if (n := size(first(values, path))) is not None]
        if not known:
            missing.append(
                text("{what}: {why}", what=one.address, why=text("its number is not known: it is counted once"))
            )
        count = known[0] if known else Decimal(1)
    return Machine(one, table, facts, values, min(int(count), _MOST))


def _over(values: dict[str, Any], template: dict[str, Any]) -> dict[str, Any]:
    """Return a template's values under those of the resource that say something."""
    return {**template, **{k: v for k, v in values.items() if v not in (None, "", []) and not isinstance(v, Unknown)}}


def kind(one: Machine) -> str:
    """Return the instance type, "" where it is not known."""
    facts = one.facts
    return word(first(one.values, facts["type"])) or word(first(one.values, facts.get("types", facts["type"])))


def why_no_kind(one: Machine) -> Text:
    """Return why the instance type of a machine is not known."""
    held = first(one.values, one.facts["type"])
    if isinstance(held, Unknown) and held.ref.startswith("var."):
        return text("its instance type is {name}, which has no value: give it with --var", name=held.ref)
    return text("its instance type is not known")


def bought(one: Machine) -> Iterator[tuple[str, str, int]]:
    """Yield the ways in which the machines are bought by their arguments: the way, the term of a subscription, how many."""
    facts = one.facts
    rules = cloud.find(one.table.provider).readback.bought
    option = facts.get("bought") or next((rule.option for rule in rules if holds(rule, one.values)), "on_demand")
    term = ""
    if option == "subscription":
        months = int(size(first(one.values, facts.get("period", "period"))) or 1)
        if word(first(one.values, "period_unit")).lower() == "year":
            months *= 12
        term = f"{months // 12}y" if months % 12 == 0 and months else f"{months}m"
    share = facts.get("share")
    if share is None or not all_at(one.values, share["when"]):
        yield option, term, one.count
        return
    base = min(one.count, int(size(first(one.values, share["base"])) or 0))
    percent = size(first(one.values, share["percent"]))
    firm = base + ceil((one.count - base) * min(Decimal(100) if percent is None else percent, Decimal(100)) / 100)
    if firm:
        yield ("on_demand" if option == "spot" else option), term, firm
    if one.count - firm:
        yield "spot", "", one.count - firm


def ways(found: Sequence[Resource]) -> tuple[tuple[str, str], ...]:
    """Return of whom and how machines are bought by their arguments, each (provider, way) once."""
    held = [one for resource in found if (one := machine(resource, found, [])) is not None and one.count]
    return tuple(dict.fromkeys((one.table.provider, option) for one in held for option, _, n in bought(one) if n))


def firm(found: Sequence[Resource]) -> int:
    """Return how many instances of spot groups are on demand."""
    groups = [held for one in found if (held := machine(one, found, [])) is not None and "count" in held.facts]
    ways = [(option, n) for held in groups for option, _, n in bought(held)]
    spot = any(option == "spot" for option, _ in ways)
    return sum(n for option, n in ways if option == "on_demand") if spot else 0


def holds(rule: Rule, values: Any) -> bool:
    """Return whether the arguments of a machine are those of a way of buying."""
    have = word(first(values, rule.path)).lower()
    return have == rule.value.lower() if rule.value else have not in ("", rule.unlike.lower())
