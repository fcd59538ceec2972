"""What the resources of a cloud's Terraform provider are charged as: `resources.toml` in the provider's home.

    free                 types that cost nothing by themselves; a * at the end stands for all that begin so
    machines.TYPE        type: path of the instance type (types: of a list, the first counts); zone, period (months of a
                         subscription); count: paths of the number, the first that is known; bought: a way of buying, where the type says
                         it; template: paths that refer to the resource with the rest; templates: types that are also referred to by name; share: when,
                         base, percent: paths of a group that is partly spot; from: the resource that refers to this one and has
                         the rest; like: another machine, whose disks and extras it shares
      .disks             at: path of the block ("": the resource itself); what, variant (paths, joined by a colon; variants), size; usual, least: what
                         the cloud takes where nothing is said (least 0: no disk; not where a path of `unless` is there); iops, throughput: what the price includes;
                         inside: the block in that one that says it; name: path of what a disk is called there, names: its value -> another what
      .extras            when: paths, any of them true or above 0; what, item, each
    things.TYPE          what, item, variant (path, variants: its value -> ours, usual, more: a second path), each: path of the size;
                         unit; download: the weights pass it; usage: charged by use only; bound: [type, key of this, key of the other, type of the
                         other]: free where it is bound to one; when: value of a path -> what it may be
                         ("" for none), else there is no such thing; places: paths of what there is one for each of, besides: those with one of these keys

Paths go through nested blocks by dots; of two with | between, the first that is there counts.
"""

from __future__ import annotations

import os
from typing import Any

from planner import provider
from planner.errors import CatalogError
from planner.files import read_text, toml
from planner.records import NamedTuple

__all__ = ["Table", "free", "of_type"]

#: Providers whose resources are values and files, nothing that a cloud charges.
_OF_NO_CLOUD = ("archive", "cloudinit", "external", "http", "local", "null", "random", "template", "terraform", "time", "tls")

_KEYS = ("free", "machines", "things")


class Table(NamedTuple):
    """What one cloud says of its resources."""

    provider: str
    free: frozenset[str]
    heads: tuple[str, ...]
    machines: dict[str, dict[str, Any]]
    things: dict[str, list[dict[str, Any]]]


_read: list[Table] = []


def of_type(name: str) -> Table | None:
    """Return the table of the cloud whose Terraform provider the resource type `name` is of; None for a stranger's."""
    if not _read:
        homes = sorted(provider.homes().items())
        _read.extend(_table(key, home) for key, home in homes if os.path.isfile(os.path.join(home, "resources.toml")))
    return next((t for t in _read if name in t.free or name in t.machines or name in t.things), None) or next(
        (t for t in _read if name.partition("_")[0] in {m.partition("_")[0] for m in t.machines}), None
    )


def free(name: str) -> bool:
    """Return whether resources of this type cost nothing by themselves."""
    table = of_type(name)
    if table is None:
        return name.partition("_")[0] in _OF_NO_CLOUD
    return name in table.free or any(name.startswith(head) for head in table.heads)


def _table(name: str, home: str) -> Table:
    path = os.path.join(home, "resources.toml")
    raw = toml(read_text(path, "resources", 1 << 20), path)
    for key in raw:
        if key not in _KEYS:
            raise CatalogError(f"{path}: unknown key {key}")
    machines = dict(raw.get("machines", {}))
    for key, machine in machines.items():
        like = machines.get(machine.get("like", key))
        if like is None or "type" not in machine:
            raise CatalogError(f"{path}: machines.{key}: needs a type, and `like` another machine")
        machines[key] = {"disks": like.get("disks", []), "extras": like.get("extras", []), **machine}
    names = raw.get("free", ())
    heads = tuple(n.removesuffix("*") for n in names if n.endswith("*"))
    return Table(name, frozenset(names), heads, machines, dict(raw.get("things", {})))
