"""What the manifests of a tree ask for, beside what its node pools have and what its quote had: where they say different things.

Read is what stands in serve/ and cluster/ as text today; patches of overlays that somebody added are not applied.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from planner.errors import MisuseError
from planner.files import read_text
from planner.kubernetes.manifests import at, documents
from planner.prices.catalog import Catalog
from planner.quoting.fields import load_workload
from planner.records import NamedTuple
from planner.terraform import configuration, resources
from planner.terraform.machines import all_at, kind, machine, size
from planner.text import Text, text
from planner.workload import Workload, make

__all__ = ["Load", "Tree", "found", "nodes", "read", "workload"]

SCHEMA = "planner.kubernetes/1"


class Load(NamedTuple):
    """Something that asks for GPUs. least, most: replicas, or groups of `pods` pods. gpus: of one replica or group; largest: of one pod."""

    kind: str
    name: str
    least: int
    most: int
    pods: int
    gpus: int
    largest: int


class Tree(NamedTuple):
    """A tree of emit-k8s as it stands. quotas: (queue, GPUs) that admit; record: planner.json."""

    path: str
    loads: tuple[Load, ...]
    quotas: tuple[tuple[str, int], ...]
    record: Mapping[str, Any]

    @property
    def most(self) -> int:
        """GPUs that are asked for at most."""
        return sum(load.most * load.gpus for load in self.loads)


def read(path: str) -> Tree | None:
    """Return the tree in a folder, None where there is none of emit-k8s; raise `MisuseError` for what cannot be read."""
    serve, file = os.path.join(path, "serve"), os.path.join(path, "planner.json")
    if not (os.path.isdir(serve) and os.path.isfile(file)):
        return None
    try:
        record = json.loads(read_text(file, "record", 1 << 20))
    except (ValueError, RecursionError):
        raise MisuseError(f"{file}: not valid JSON; write the tree again with `planner emit-k8s`") from None
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        return None
    items = list(_items(serve))
    scaled = {
        (at(i, "spec", "scaleTargetRef", "kind") or "Deployment", at(i, "spec", "scaleTargetRef", "name")): (
            _whole(at(i, "spec", "minReplicaCount"), 0),
            _whole(at(i, "spec", "maxReplicaCount"), 100),
        )
        for i in items
        if at(i, "kind") == "ScaledObject"
    }
    loads = tuple(load for item in items if (load := _load(item, scaled)) is not None)
    return Tree(path, loads, tuple(_quotas(items)), record)


def _items(serve: str) -> Iterator[Any]:
    for folder, inner, names in os.walk(serve):
        inner.sort()
        for name in sorted(names):
            if name.endswith((".yaml", ".yml")) and name != "kustomization.yaml":
                file = os.path.join(folder, name)
                yield from documents(read_text(file, "manifest", 1 << 20), file)


def _whole(given: Any, otherwise: int) -> int:
    made = size(Decimal(given)) if isinstance(given, str) and given.isdigit() else None
    return int(made) if made is not None else otherwise


def _gpus(template: Any) -> int:
    containers = at(template, "spec", "containers")
    limits = [at(c, "resources", "limits") or {} for c in containers] if isinstance(containers, list) else []
    return sum(
        _whole(n, 0) for asked in limits if isinstance(asked, dict) for key, n in asked.items() if key.endswith("/gpu")
    )


def _load(item: Any, scaled: Mapping[tuple[Any, Any], tuple[int, int]]) -> Load | None:
    """Return what one manifest asks for, None where it asks for no GPU."""
    what, name, spec = at(item, "kind"), at(item, "metadata", "name"), at(item, "spec")
    group = at(spec, "leaderWorkerTemplate")
    if group is not None:
        worker = _gpus(at(group, "workerTemplate"))
        head = _gpus(at(group, "leaderTemplate")) if at(group, "leaderTemplate") else worker
        pods = _whole(at(group, "size"), 1)
        each, largest = head + worker * (pods - 1), max(head, worker)
    else:
        pods, each = 1, _gpus(at(spec, "template"))
        largest = each
    if not each:
        return None
    said = _whole(at(spec, "replicas"), 1)
    least, most = scaled.get((what, name), (said, said))
    return Load(str(what), str(name), least, most, pods, each, largest)


def _quotas(items: Iterable[Any]) -> Iterator[tuple[str, int]]:
    for item in items:
        name = str(at(item, "metadata", "name"))
        if at(item, "kind") == "Queue":
            yield name, _whole((at(item, "spec", "capability") or {}).get("nvidia.com/gpu"), 0)
        elif at(item, "kind") == "ClusterQueue":
            for group in at(item, "spec", "resourceGroups") or ():
                for flavor in at(group, "flavors") or ():
                    for one in at(flavor, "resources") or ():
                        if str(at(one, "name")).endswith("/gpu"):
                            yield name, _whole(at(one, "nominalQuota"), 0)


def nodes(tree: Tree, per_node: int) -> int:
    """Return how many machines with so many GPUs the manifests need at most."""
    return sum(-(-load.most * load.pods // max(1, per_node // max(1, load.largest))) for load in tree.loads)


def _pools(tree: Tree, catalog: Catalog) -> list[tuple[str, int, int]]:
    """Return (type, GPUs of one, machines at most) of every pool of GPU nodes in cluster/."""
    inside = os.path.join(tree.path, "cluster")
    if not os.path.isfile(os.path.join(inside, "main.tf")):
        return []
    all_of = [one for one in configuration.read(inside).resources if resources.of_type(one.type) is not None]
    made: list[tuple[str, int, int]] = []
    for one in all_of:
        held = machine(one, all_of, [])
        sold = catalog.instances(str(tree.record.get("provider"))).get(kind(held)) if held is not None else None
        if held is None or sold is None or not sold.gpu_count:
            continue
        most = [n for n in map(size, all_at(held.values, "scaling_config.max_size|max_size")) if n is not None]
        made.append((sold.name, int(sold.gpu_count), int(max(most)) if most else held.count))
    return made


def found(tree: Tree, catalog: Catalog) -> list[Text]:
    """Return what differs between manifests, pools and quote, a sentence each."""
    r, asked = tree.record, tree.most
    said = [text("drift: serve/ asks for no GPU")] if not tree.loads else []
    quoted = [r.get(name) for name in ("replicas", "nodes", "gpus")]
    whole = [n for n in quoted if isinstance(n, int) and not isinstance(n, bool)]
    if len(whole) == 3 and asked != whole[0] * whole[1] * whole[2]:
        had = whole[0] * whole[1] * whole[2]
        said.append(
            text("drift: the manifests ask for {asked} GPUs at most, the quote had {had}", asked=asked, had=had)
        )
    pools = _pools(tree, catalog)
    have = sum(gpus * most for _, gpus, most in pools)
    if pools and asked > have:
        key = "drift: the manifests ask for {asked} GPUs at most, the pools have {have}: pods of the rest wait for ever"
        said.append(text(key, asked=asked, have=have))
    if pools and asked < have:
        key = "drift: the manifests ask for {asked} GPUs at most, the pools may have {have}: the rest serves nothing"
        said.append(text(key, asked=asked, have=have))
    sold = (*str(r.get("offer")).split(":"), "", "", "", "")[3]
    for name, gpus, _ in pools:
        if sold and name != sold:
            said.append(text("drift: a pool is of {kind}, the quote of {sold}", kind=name, sold=sold))
        for load in tree.loads:
            if load.largest > gpus:
                key = "drift: a pod of {name} asks for {asked} GPUs and {kind} has {have}: no node takes it"
                said.append(text(key, name=load.name, asked=load.largest, kind=name, have=gpus))
    for queue, quota in tree.quotas:
        if quota != asked:
            key = "drift: the queue {name} admits {quota} GPUs, the manifests ask for {asked} at most"
            said.append(text(key, name=queue, quota=quota, asked=asked))
    return said


def workload(tree: Tree, catalog: Catalog) -> tuple[Workload, str, str]:
    """Return what prices the machines that the manifests ask for, its offer, and the machines in words; raise `MisuseError` for a damaged record."""
    file = os.path.join(tree.path, "planner.json")
    try:
        base = load_workload(tree.record["workload"], f"{file}: workload")
        offer = str(tree.record["offer"])
        provider, _, region, name, option = offer.split(":")[:5]
    except (KeyError, TypeError, ValueError) as exc:
        raise MisuseError(f"{file}: damaged: {type(exc).__name__} {exc}") from None
    sold = catalog.instances(provider).get(name)
    if sold is None or not tree.loads:
        raise MisuseError(f"{tree.path}: serve/ asks for no machine that has a price")
    many = nodes(tree, int(sold.gpu_count))
    names = {"provider": [provider], "region": [region], "instance_type": [name], "purchase_option": [option]}
    return make({**names, "count": str(many), "spare": 0}, base, file), offer, f"serve: {many} x {name}"
