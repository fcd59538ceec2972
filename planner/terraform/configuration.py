"""What a Terraform configuration creates: the resources of a folder's HCL or of a `terraform show -json` plan, as values.

Folder: overrides, variables with defaults and tfvars, locals, count, for_each, and modules of the same repository. Nothing is run,
and no provider is asked: what only an apply knows is `Unknown`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from planner.errors import MisuseError
from planner.files import read_text
from planner.records import NamedTuple
from planner.terraform.evaluate import Scope, Unknown, body, value
from planner.terraform.hcl import Block, Expression, parse

__all__ = ["Resource", "Unread", "read"]

_DEEPEST = 5
_MOST = 10_000


class Resource(NamedTuple):
    """One resource instance. module: the address of its module, "" for the root. region: of its provider, Unknown or "" else.

    number: how many it stands for; more than one where a count is known and all are alike.
    """

    address: str
    module: str
    type: str
    name: str
    values: dict[str, Any]
    region: Any


class Unread(NamedTuple):
    """What was not read, and why; a clause."""

    address: str
    why: str


Found = tuple[list[Resource], list[Unread]]


def read(path: str) -> Found:
    """Return the resources at `path`, a module's folder or a plan's JSON; raise `MisuseError` where it is neither."""
    if os.path.isdir(path):
        found: list[Resource] = []
        unread: list[Unread] = []
        _folder(path, {}, "", {}, (found, unread))
        return found, unread
    if not os.path.exists(path):
        raise MisuseError(f"{path}: no such file or folder; name a module's folder, or a plan from `terraform show -json`")
    try:
        raw = json.loads(read_text(path, "plan", 1 << 28))
    except (ValueError, RecursionError) as exc:
        why = f"not valid JSON ({str(exc)[:60]})"
        raise MisuseError(f"{path}: {why}; name a module's folder, or a plan from `terraform show -json PLAN`") from None
    return _plan(raw, path)


# ---- a folder


def _folder(folder: str, given: Mapping[str, Any], at: str, regions: Mapping[str, Any], into: Found) -> None:
    """Read the module in `folder`; given: its inputs ({} for the root, which has tfvars). at: its address."""
    names = sorted(os.listdir(folder))
    blocks = [b for name in names if name.endswith(".tf") and not _override(name) for b in _blocks(folder, name)]
    if not blocks and not any(name.endswith((".tf", ".tf.json")) for name in names):
        raise MisuseError(f"{folder}: no module: it has no .tf file")
    for name in names:
        if name.endswith(".tf") and _override(name):
            for over in _blocks(folder, name):
                blocks = _overridden(blocks, over)
        elif name.endswith(".tf.json"):
            into[1].append(Unread(name, "JSON syntax is not read"))
    scope = Scope(_variables(folder, names, blocks, given, root=not at), _locals(blocks))
    here = {**regions, **_regions(blocks, scope)}
    for block in blocks:
        if len(block.header) == 3 and block.header[0] == "resource":
            _resource(block, scope, at, here, into)
        elif len(block.header) == 2 and block.header[0] == "module":
            _module(folder, block, scope, at, here, into)


def _override(name: str) -> bool:
    return name == "override.tf" or name.endswith("_override.tf")


def _blocks(folder: str, name: str) -> list[Block]:
    path = os.path.join(folder, name)
    found: list[Block] = parse(read_text(path, "module"), path).blocks
    return found


def _overridden(blocks: list[Block], over: Block) -> list[Block]:
    """Return the blocks with `over` merged in as Terraform does: its attributes win, its nested blocks replace those of their kind."""
    if over.header == ("locals",):
        return [*blocks, over]
    kinds = {b.header[0] for b in over.blocks}
    made, seen = [], False
    for block in blocks:
        if block.header == over.header and not (block.header[0] == "provider" and _alias(block) != _alias(over)):
            kept = [b for b in block.blocks if b.header[0] not in kinds]
            block = Block(block.header, {**block.attributes, **over.attributes}, [*kept, *over.blocks])
            seen = True
        made.append(block)
    return made if seen else [*blocks, over]


def _alias(block: Block) -> str:
    made = block.attributes.get("alias", ("literal", ""))
    return str(made[1]) if made[0] == "literal" else ""


def _locals(blocks: list[Block]) -> dict[str, Expression]:
    """Return the locals; `x = { ... }` is an expression, so only attributes count."""
    return {k: v for b in blocks if b.header == ("locals",) for k, v in b.attributes.items()}


def _variables(
    folder: str, names: list[str], blocks: list[Block], given: Mapping[str, Any], *, root: bool
) -> dict[str, Any]:
    """Return what the variables are: defaults, then tfvars in Terraform's order, then what the caller gives."""
    empty = Scope({}, {})
    known: dict[str, Any] = {}
    for block in blocks:
        if block.header[0] == "variable" and len(block.header) == 2 and "default" in block.attributes:
            known[block.header[1]] = value(block.attributes["default"], empty)
    if root:
        auto = [n for n in names if n.endswith((".auto.tfvars", ".auto.tfvars.json"))]
        for name in [n for n in ("terraform.tfvars", "terraform.tfvars.json") if n in names] + auto:
            path = os.path.join(folder, name)
            text = read_text(path, "variables")
            if name.endswith(".json"):
                known |= _values(text, path)
            else:
                known |= {k: value(v, empty) for k, v in parse(text, path).attributes.items()}
    return {**known, **given}


def _values(text: str, path: str) -> dict[str, Any]:
    try:
        raw = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    except (ValueError, RecursionError) as exc:
        raise MisuseError(f"{path}: not valid JSON: {exc}") from None
    return raw if isinstance(raw, dict) else {}


def _regions(blocks: list[Block], scope: Scope) -> dict[str, Any]:
    """Return the region of each provider block, by "name" or "name.alias"."""
    found: dict[str, Any] = {}
    for block in blocks:
        if block.header[0] == "provider" and len(block.header) == 2:
            alias = _alias(block)
            region = value(block.attributes["region"], scope) if "region" in block.attributes else Unknown()
            found[f"{block.header[1]}.{alias}" if alias else block.header[1]] = region
    return found


def _many(block: Block, scope: Scope) -> tuple[list[tuple[str, Scope]], str]:
    """Return the instances of a block, (suffix of the address, scope), and what is not known of them."""
    for word in ("count", "for_each"):
        if word not in block.attributes:
            continue
        made = value(block.attributes[word], scope)
        if word == "count" and isinstance(made, (Decimal, str)) and str(made).isdigit():
            if int(made) > _MOST:
                raise MisuseError(f"{'.'.join(block.header[1:])}: a count of {made} is over {_MOST:,}")
            return [(f"[{n}]", scope.at(index=Decimal(n))) for n in range(int(made))], ""
        if isinstance(made, dict):
            return [(f'["{key}"]', scope.at((key, held))) for key, held in made.items()], ""
        if isinstance(made, list):
            return [(f'["{key}"]', scope.at((key, key))) for key in made], ""
        return [("", scope)], f"its {word} is not known: it is counted once"
    return [("", scope)], ""


def _resource(block: Block, scope: Scope, at: str, regions: Mapping[str, Any], into: Found) -> None:
    _, kind, name = block.header
    address = f"{at}{kind}.{name}"
    instances, why = _many(block, scope)
    if why:
        into[1].append(Unread(address, why))
    written = block.attributes.get("provider")
    alias = ".".join(written[1]) if written is not None and written[0] == "ref" else kind.partition("_")[0]
    for suffix, inner in instances:
        values = body(block, inner)
        region = values.get("region") or regions.get(alias, "")
        into[0].append(Resource(f"{address}{suffix}", at, kind, name, values, region))


def _module(folder: str, block: Block, scope: Scope, at: str, regions: Mapping[str, Any], into: Found) -> None:
    address = f"{at}module.{block.header[1]}"
    source = value(block.attributes.get("source", ("literal", "")), scope)
    if not isinstance(source, str) or not source.startswith(("./", "../")):
        said = source if isinstance(source, str) else "its source"
        into[1].append(Unread(address, f"{said[:60]} is not in this folder: price its plan (`terraform show -json`)"))
        return
    inside = os.path.join(folder, source)
    if address.count("module.") > _DEEPEST or not os.path.isdir(inside):
        into[1].append(Unread(address, f"{source[:60]} is no folder that can be read"))
        return
    instances, why = _many(block, scope)
    if why:
        into[1].append(Unread(address, why))
    own = dict(_mapped(block, regions))
    skip = ("source", "version", "count", "for_each", "providers", "depends_on")
    for suffix, inner in instances:
        given = {k: value(v, inner) for k, v in block.attributes.items() if k not in skip}
        _folder(inside, given, f"{address}{suffix}.", {**regions, **own}, into)


def _mapped(block: Block, regions: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the regions of the providers that a module call hands on."""
    kind, *rest = block.attributes.get("providers", ("literal", None))
    for key, held in rest[0] if kind == "map" else ():
        if held[0] == "ref" and key[0] in ("literal", "ref"):
            name = key[1] if key[0] == "literal" else ".".join(key[1])
            yield name, regions.get(".".join(held[1]), "")


# ---- a plan


def _plan(raw: Any, path: str) -> Found:
    """Return the resources that a plan leaves standing."""
    if not isinstance(raw, dict) or "format_version" not in raw:
        raise MisuseError(f"{path}: no Terraform plan: make one with `terraform show -json PLAN > plan.json`")
    root = (raw.get("planned_values") or raw.get("values") or {}).get("root_module")
    if not isinstance(root, dict):
        raise MisuseError(f"{path}: a plan without planned values; `terraform plan -out PLAN`, then `terraform show -json PLAN`")
    found: list[Resource] = []
    raw = raw if isinstance(raw.get("configuration"), dict) else {**raw, "configuration": {}}
    try:
        _planned(root, raw["configuration"].get("root_module") or {}, raw, found)
    except (AttributeError, TypeError, KeyError) as exc:
        raise MisuseError(f"{path}: a damaged plan: {type(exc).__name__} {str(exc)[:60]}") from None
    return found, []


def _planned(module: dict[str, Any], written: dict[str, Any], plan: dict[str, Any], found: list[Resource]) -> None:
    by_address = {r.get("address"): r for r in written.get("resources", ())}
    at = f"{module['address']}." if module.get("address") else ""
    for one in module.get("resources", ()):
        if one.get("mode", "managed") != "managed":
            continue
        source = by_address.get(f"{one['type']}.{one['name']}", {})
        values = _exact(one.get("values") or {})
        _refer(values, source.get("expressions") or {})
        region = values.get("region") or _region(plan, source.get("provider_config_key") or "", one["type"])
        found.append(Resource(one["address"], at, one["type"], one["name"], values, region))
    for inner in module.get("child_modules", ()):
        name = inner["address"].rpartition("module.")[2].partition("[")[0]
        call = (written.get("module_calls") or {}).get(name) or {}
        _planned(inner, call.get("module") or {}, plan, found)


def _exact(values: Any) -> Any:
    if isinstance(values, dict):
        return {k: _exact(v) for k, v in values.items()}
    if isinstance(values, list):
        return [_exact(v) for v in values]
    return Decimal(str(values)) if isinstance(values, (int, float)) and not isinstance(values, bool) else values


def _refer(values: dict[str, Any], expressions: Mapping[str, Any]) -> None:
    """Put what a value refers to where the plan does not know it yet."""
    for name, said in expressions.items():
        held = values.get(name)
        if isinstance(said, list) and isinstance(held, list):
            for inner, expression in zip(held, said, strict=False):
                if isinstance(inner, dict) and isinstance(expression, dict):
                    _refer(inner, expression)
        elif held in (None, "") and isinstance(said, dict) and said.get("references"):
            values[name] = Unknown(said["references"][0])


def _region(plan: dict[str, Any], key: str, kind: str) -> Any:
    """Return the region of a provider of the plan's configuration."""
    providers = plan["configuration"].get("provider_config") or {}
    found = providers.get(key) or providers.get(key.rpartition(":")[2]) or providers.get(kind.partition("_")[0]) or {}
    said = (found.get("expressions") or {}).get("region") or {}
    if "constant_value" in said:
        return said["constant_value"]
    for name in said.get("references", ()):
        known = (plan.get("variables") or {}).get(name.removeprefix("var."))
        if known:
            return known.get("value", "")
    return ""
