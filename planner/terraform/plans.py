"""What a Terraform plan leaves standing: the JSON of `terraform show -json PLAN` as the same resources that a folder gives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from planner.errors import MisuseError
from planner.files import read_bytes
from planner.terraform.configuration import Configuration, Resource
from planner.terraform.evaluate import Unknown

__all__ = ["read"]

_LARGEST = 1 << 28


def read(path: str) -> Configuration:
    """Return what the plan (or state) in the JSON file at `path` has; raise `MisuseError` where it is none."""
    data = read_bytes(path, "plan", _LARGEST)
    hint = "name a module's folder, or a plan in JSON: `terraform show -json PLAN > plan.json`"
    if data[:2] == b"PK":
        raise MisuseError(f"{path}: a plan as Terraform saves it; {hint}")
    try:
        raw = json.loads(data, parse_float=Decimal)
    except (ValueError, RecursionError) as exc:
        raise MisuseError(f"{path}: not valid JSON ({' '.join(str(exc).split())[:60]}); {hint}") from None
    if not isinstance(raw, dict) or "format_version" not in raw:
        raise MisuseError(f"{path}: no Terraform plan; {hint}")
    if raw.get("errored") is True:
        raise MisuseError(f"{path}: the plan failed and is not whole; mend it and plan again")
    known = raw.get("planned_values") or raw.get("values") or {}
    root = known.get("root_module") if isinstance(known, dict) else None
    if not isinstance(root, dict):
        raise MisuseError(f"{path}: a plan without planned values; {hint}")
    config = raw.get("configuration") if isinstance(raw.get("configuration"), dict) else {}
    found: list[Resource] = []
    try:
        _module(root, (config or {}).get("root_module") or {}, {**raw, "configuration": config}, {}, found)
    except (AttributeError, TypeError, KeyError, ValueError, RecursionError, ArithmeticError) as exc:
        raise MisuseError(f"{path}: a damaged plan: {type(exc).__name__} {str(exc)[:60]}") from None
    return Configuration(found, [], {})


def _module(
    module: dict[str, Any],
    written: dict[str, Any],
    plan: dict[str, Any],
    given: Mapping[str, Unknown],
    found: list[Resource],
) -> None:
    """Add the resources of a module; given: what its variables refer to in the modules around it."""
    by_address = {r.get("address"): r for r in written.get("resources", ())}
    at = f"{module['address']}." if module.get("address") else ""
    for one in module.get("resources", ()):
        if one.get("mode", "managed") != "managed":
            continue
        source = by_address.get(f"{one['type']}.{one['name']}", {})
        values = _exact(one.get("values") or {})
        _refer(values, source.get("expressions") or {}, at, given)
        region = values.get("region") or _region(plan, source.get("provider_config_key") or "", one["type"])
        found.append(Resource(str(one["address"]), at, str(one["type"]), str(one["name"]), values, region))
    for inner in module.get("child_modules", ()):
        name = inner["address"].rpartition("module.")[2].partition("[")[0]
        call = (written.get("module_calls") or {}).get(name) or {}
        handed = {k: _unknown(v, at, given) for k, v in (call.get("expressions") or {}).items()}
        known = {k: v for k, v in handed.items() if v is not None}
        _module(inner, call.get("module") or {}, plan, known, found)


def _exact(values: Any) -> Any:
    if isinstance(values, dict):
        return {k: _exact(v) for k, v in values.items()}
    if isinstance(values, list):
        return [_exact(v) for v in values]
    return Decimal(values) if isinstance(values, int) and not isinstance(values, bool) else values


def _unknown(said: Any, at: str, given: Mapping[str, Unknown]) -> Unknown | None:
    """Return what an expression refers to first; None for one that refers to nothing."""
    references = said.get("references") if isinstance(said, dict) else None
    if not references:
        return None
    ref = str(references[0])
    if ref.startswith("var."):
        return given.get(ref.removeprefix("var.").partition(".")[0])
    return Unknown(ref, at)


def _refer(values: dict[str, Any], expressions: Mapping[str, Any], at: str, given: Mapping[str, Unknown]) -> None:
    """Put what a value refers to where the plan does not know it yet."""
    for name, said in expressions.items():
        held = values.get(name)
        if isinstance(said, list) and isinstance(held, list):
            for inner, expression in zip(held, said, strict=False):
                if isinstance(inner, dict) and isinstance(expression, dict):
                    _refer(inner, expression, at, given)
        elif held in (None, "") and (known := _unknown(said, at, given)) is not None:
            values[name] = known


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
