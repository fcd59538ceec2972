"""From an emitted module back to the workload it was priced for, so that what runs can be priced again.

The instance type, count, region, way of buying and hours are read from the HCL itself, where a reader may have changed
them; the rest of the workload from planner.json.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from planner.errors import MisuseError, suggest
from planner.files import read_text
from planner.money import CURRENCIES
from planner.quoting.fields import load_workload
from planner.records import NamedTuple
from planner.terraform import cloud
from planner.terraform.cloud import Readback, Rule
from planner.terraform.write import unfinished
from planner.typed import held, number
from planner.workload import Workload, make

__all__ = ["Module", "blocks", "module_of", "workload_of"]

SCHEMA = "planner.module/1"
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|#[^\n]*|//[^\n]*|/\*.*?\*/|[{}\[\]()=\n]|[^\s"{}\[\]()=#]+', re.S)
_BILLING_ONLY = ("reserved", "savings_plan")


class Module(NamedTuple):
    """What a module folder says: the workload that prices it, and the offer it was made from."""

    workload: Workload
    offer: str
    quote: str
    currency: str
    effective: Decimal
    billed: Decimal


class Block(NamedTuple):
    """An HCL block: its header words without quotes, its one-line attributes as written, and its nested blocks."""

    header: tuple[str, ...]
    attributes: dict[str, str]
    blocks: list[Any]


def workload_of(folder: str) -> Workload:
    """Return the workload of the module in `folder`, narrowed to exactly what its HCL runs; else `MisuseError`."""
    return module_of(folder).workload


def module_of(folder: str) -> Module:
    """Return all that the module in `folder` says; raise `MisuseError` naming the file that cannot be read."""
    path = os.path.join(folder, "planner.json")
    if not os.path.isdir(folder):
        raise MisuseError(f"--from-tf: {folder} is not a folder")
    if unfinished(folder):
        raise MisuseError(f"--from-tf: {folder}: planner was stopped while it wrote there; run `planner emit-tf` again")
    try:
        raw = json.loads(read_text(path, "module record"))
    except (ValueError, RecursionError) as exc:
        raise MisuseError(f"{path}: not valid JSON: {exc}") from None
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        raise MisuseError(f"{path}: not a {SCHEMA} file; was this folder written by `planner emit-tf`?")
    from planner.quoting.fields import load_workload

    try:
        provider, cost, currency = raw["provider"], raw["cost"], str(raw["cost"]["currency"])
        base = load_workload(raw["workload"], f"{path}: workload")
        amounts = number(cost["effective"], f"{path}: cost.effective"), number(cost["billed"], f"{path}: cost.billed")
        offer, quote_hash = raw["offer"], raw["quote"]
    except (KeyError, TypeError, AttributeError) as exc:
        raise MisuseError(f"{path}: damaged: {type(exc).__name__} {exc}") from None
    for name, text in (("provider", provider), ("offer", offer), ("quote", quote_hash)):
        held(text, str, f"{path}: {name}")
    if currency not in CURRENCIES:
        raise MisuseError(f"{path}: cost.currency: unknown currency {currency[:40]!r}: {suggest(currency[:40], CURRENCIES)}")
    facts = _facts(folder, provider, _rules(provider, path))
    names = {name: [facts[name]] for name in ("region", "instance_type", "purchase_option")}
    run = {"provider": [provider], **names, "count": facts["count"], "spare": 0, "hours": facts["hours"]}
    return Module(make(run, base, folder), offer, quote_hash, currency, *amounts)


def _rules(provider: str, path: str) -> Readback:
    """Return where the HCL of `provider` says what is bought; raise `MisuseError` that names the record `path`."""
    try:
        return cloud.find(provider).readback
    except MisuseError as exc:
        raise MisuseError(f"{path}: {exc}") from None


def _facts(folder: str, provider: str, rules: Readback) -> dict[str, str]:
    """Return instance_type, count, region, purchase_option and hours as the module's HCL has them."""
    found: list[Block] = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".tf"):
            found += blocks(read_text(os.path.join(folder, name), "module"), name)
    scope = {k: v for b in found if b.header == ("locals",) for k, v in b.attributes.items()}
    instances = [b for b in found if b.header[:2] == ("resource", rules.resource)]
    if len(instances) != 1:
        raise MisuseError(f"{folder}: expected one {rules.resource}, found {len(instances)}")
    instance = instances[0]
    nodes = [b for b in found if b.header == ("locals",) for b in b.blocks if b.header == ("nodes",)]
    count = len(nodes[0].blocks) if "for_each" in instance.attributes and nodes else 1
    return {
        "instance_type": _value(_attribute(instance, rules.instance_type), scope, folder),
        "region": _value(_region(found, rules.region, folder), scope, folder),
        "count": str(count),
        "hours": _value(scope.get("hours", ""), scope, folder),
        "purchase_option": _bought(
            provider, instance, rules.bought, _value(scope.get("purchase_option", ""), scope, folder), folder
        ),
    }


def _attribute(block: Block, path: str) -> str:
    """Return the attribute at `path`, as written; "" where there is none."""
    *outer, name = path.split(".")
    for word in outer:
        inner = [b for b in block.blocks if b.header == (word,)]
        if not inner:
            return ""
        block = inner[0]
    return block.attributes.get(name, "")


def _region(found: list[Block], place: str, folder: str) -> str:
    """Return what stands at `provider.NAME.ATTRIBUTE` or `local.NAME`."""
    kind, _, rest = place.partition(".")
    if kind != "provider":
        return place
    name, _, attribute = rest.partition(".")
    regions = [b.attributes[attribute] for b in found if b.header == ("provider", name) and attribute in b.attributes]
    if not regions and any("region" in b.attributes for b in found if b.header == ("locals",)):
        return "local.region"  # a module without a provider
    if len(regions) != 1:
        raise MisuseError(f"{folder}: expected one provider {name!r} with a {attribute}, found {len(regions)}")
    return regions[0]


def _bought(provider: str, instance: Block, rules: tuple[Rule, ...], said: str, folder: str) -> str:
    """Return the way of buying by the instance's own arguments; billing-only ways run on demand and are only said."""
    real = next((rule.option for rule in rules if _holds(rule, instance)), "on_demand")
    if real == said or (real == "on_demand" and said in _BILLING_ONLY):
        return said
    raise MisuseError(
        f"{folder}: locals say {said or 'nothing'}, but the {provider} instance is bought as {real}; make them agree"
    )


def _holds(rule: Rule, instance: Block) -> bool:
    have = _attribute(instance, rule.path).strip('"').lower()
    return have == rule.value.lower() if rule.value else have not in ("", rule.unlike.lower())


def _value(text: str, scope: dict[str, str], folder: str) -> str:
    """Return the plain value of an attribute: a literal, or a local that is one."""
    if text.startswith("local."):
        text = scope.get(text.removeprefix("local."), "")
    if len(text) >= 2 and text[0] == text[-1] == '"' and "\\" not in text and "${" not in text and "%{" not in text:
        return text[1:-1]
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return text
    raise MisuseError(f"{folder}: cannot read back {text[:40]!r}; only literal values can be priced")


def blocks(text: str, where: str) -> list[Block]:
    """Return the blocks of HCL `text`, maps read as blocks too; enough for modules in the shape that planner writes.

    Raises `MisuseError` for unbalanced braces. Expressions over several lines are skipped, not understood.
    """
    tokens = (m[0] for m in _TOKEN.finditer(text))
    try:
        root = _body(tokens, 0)
    except (StopIteration, RecursionError):
        raise MisuseError(f"{where}: braces do not match") from None
    found: list[Block] = root.blocks
    return found


def _body(tokens: Iterator[str], depth: int) -> Block:
    """Read attributes and blocks up to the closing brace (or the end, at depth 0)."""
    block = Block((), {}, [])
    line: list[str] = []
    for item in tokens:
        if item.startswith(("#", "//", "/*")):
            continue
        if item == "{":
            header = tuple(w.strip('"') for w in line if w != "=")
            inner = _body(tokens, depth + 1)
            block.blocks.append(Block(header, inner.attributes, inner.blocks))
            line = []
        elif item in ("}", "\n"):
            if len(line) >= 3 and line[1] == "=":
                block.attributes[line[0].strip('"')] = "".join(line[2:])
            line = []
            if item == "}":
                if depth == 0:
                    raise StopIteration
                return block
        elif item in ("(", "["):
            line.append(item + _skip(tokens, ")" if item == "(" else "]"))
        else:
            line.append(item)
    if depth:
        raise StopIteration
    return block


def _skip(tokens: Iterator[str], closing: str) -> str:
    """Skip a bracketed expression and return a stand-in for it."""
    pairs = {"(": ")", "[": "]", "{": "}"}
    want = [closing]
    for item in tokens:
        if item in pairs:
            want.append(pairs[item])
        elif item in (")", "]", "}"):
            if item != want.pop():
                raise StopIteration
            if not want:
                return "..." + closing
    raise StopIteration
