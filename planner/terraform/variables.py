"""What the variables of a module are: defaults, then tfvars in Terraform's order, then what a caller gives, in their types."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from planner.errors import MisuseError
from planner.files import read_text
from planner.terraform.evaluate import Scope, Unknown, value
from planner.terraform.functions import number, word
from planner.terraform.hcl import Block, Expression, parse

__all__ = ["given_by", "of_folder", "typed", "unset"]

_NOTHING: frozenset[str] = frozenset()


def given_by(files: Iterable[str], pairs: Iterable[str]) -> dict[str, Any]:
    """Return the variables of `--var-file` and `--var NAME=VALUE`, the later winning."""
    found: dict[str, Any] = {}
    for path in files:
        found |= _file(path)
    for pair in pairs:
        name, sign, said = pair.partition("=")
        if not sign or not name.strip():
            raise MisuseError(f"--var {pair[:60]}: say NAME=VALUE")
        found[name.strip()] = _said(said)
    return found


def of_folder(folder: str, names: Iterable[str], blocks: Iterable[Block], given: Mapping[str, Any], *, root: bool) -> dict[str, Any]:
    """Return what the variables of the module in `folder` are; given: by the command line or the caller, which win.

    Raises `MisuseError` for a variable that is given and not declared by the root: most likely a name mistyped.
    """
    empty = Scope({}, {}, _NOTHING)
    declared = {b.header[1]: b for b in blocks if b.header[0] == "variable" and len(b.header) == 2}
    known = {n: value(b.attributes["default"], empty) for n, b in declared.items() if "default" in b.attributes}
    if root:
        for name in given:
            if name not in declared:
                raise MisuseError(f"{folder}: --var {name}: no such variable; it has {', '.join(sorted(declared)) or 'none'}")
        present = sorted(names)
        auto = [n for n in present if n.endswith((".auto.tfvars", ".auto.tfvars.json"))]
        for name in [n for n in ("terraform.tfvars", "terraform.tfvars.json") if n in present] + auto:
            known |= {k: v for k, v in _file(os.path.join(folder, name)).items() if k in declared}
    made = {}
    for name, held in {**known, **given}.items():
        if name not in declared:
            continue
        block = declared[name]
        if held is None and block.attributes.get("nullable") == ("literal", False):
            held = known.get(name)
        made[name] = typed(held, block.attributes.get("type", ("ref", ("any",))))
    return made


def unset(folder: str, environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return (name, description) of each variable of the root module in `folder` that nothing gives a value, in their order."""
    blocks = [b for name in sorted(os.listdir(folder)) if name.endswith(".tf") for b in parse(read_text(f"{folder}/{name}", "HCL"), name).blocks]
    known = of_folder(folder, os.listdir(folder), blocks, {}, root=True)
    found = []
    for block in blocks:
        if block.header[0] == "variable" and len(block.header) == 2:
            name = block.header[1]
            if name not in known and f"TF_VAR_{name}" not in environ:
                said = block.attributes.get("description")
                found.append((name, str(said[1]) if said and said[0] == "literal" else ""))
    return found


def typed(held: Any, said: Expression) -> Any:
    """Return a value in the type that a variable has: "3" is a number where one is said, and optional attributes are filled in."""
    if held is None or isinstance(held, Unknown):
        return held
    name = said[1][0] if said[0] == "ref" else said[1] if said[0] == "call" else ""
    if name == "number":
        made = number(held)
        return held if made is None else made
    if name == "bool":
        return {"true": True, "false": False}.get(held, held) if isinstance(held, str) else held
    if name == "string":
        return word(held) if isinstance(held, (str, bool, Decimal)) else held
    inner = said[2][0] if said[0] == "call" and said[2] else None
    if inner is None:
        return held
    if name in ("list", "set") and isinstance(held, list):
        return [typed(one, inner) for one in held]
    if name == "map" and isinstance(held, dict):
        return {k: typed(v, inner) for k, v in held.items()}
    if name == "object" and isinstance(held, dict) and inner[0] == "map":
        return _object(held, inner[1])
    return held


def _object(held: dict[str, Any], fields: list[tuple[Expression, Expression]]) -> dict[str, Any]:
    made = dict(held)
    for key, said in fields:
        name = str(key[1])
        if said[:2] == ("call", "optional"):
            kind, *default = said[2]
            if made.get(name) is None:
                made[name] = value(default[0], Scope({}, {}, _NOTHING)) if default else None
            said = kind
        if name in made:
            made[name] = typed(made[name], said)
    return made


def _file(path: str) -> dict[str, Any]:
    text = read_text(path, "variables")
    if path.endswith(".json"):
        try:
            raw = json.loads(text, parse_float=Decimal, parse_int=Decimal)
        except (ValueError, RecursionError) as exc:
            raise MisuseError(f"{path}: not valid JSON: {str(exc)[:80]}") from None
        if not isinstance(raw, dict):
            raise MisuseError(f"{path}: no variables: say them as one object")
        return raw
    empty = Scope({}, {}, _NOTHING)
    return {k: value(v, empty) for k, v in parse(text, path).attributes.items()}


def _said(text: str) -> Any:
    """Return a value as the command line says it: HCL for lists, maps and quoted texts, else the words themselves."""
    if text[:1] in ("[", "{", '"'):
        return value(parse(f"value = {text}\n", "--var").attributes["value"], Scope({}, {}, _NOTHING))
    return text
