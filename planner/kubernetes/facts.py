"""What is peculiar to a cloud's managed Kubernetes: the record `Service`, from the `kubernetes.toml` in the provider's home.

Beside it what holds on every cloud: rates and times (planner/data/kubernetes.csv) and pinned images (planner/data/addons.csv),
each with its source and date.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from types import MappingProxyType

from planner import provider
from planner.errors import CatalogError, MisuseError, suggest
from planner.files import DATA, read_text, toml
from planner.money import decimal_of
from planner.records import NamedTuple
from planner.terraform.deployment import Image

__all__ = ["Addon", "Service", "addon", "find", "image", "names", "number", "own", "read", "version"]

FILE = "kubernetes.toml"
_NONE: Mapping[str, str] = MappingProxyType({})


class Service(NamedTuple):
    """The managed Kubernetes of one cloud.

    service: its name for people. version: the one that is taken unless another is asked for; versions: known version ->
    last day of its standard support, "" where that is not published. regions: where it is sold, () = not known.
    disk_mb_s: what the nodes' data disk reads and writes. nvme_path: where local disks are mounted as one; "": the data
    disk's path holds the weights. notice_s: seconds between a spot instance's notice and its end. gateway: annotations
    that keep the load balancer private; subnet_annotation: the one that does so by a subnet's id, "" where none is needed.
    driver: the GPU driver that the node image brings, 0 where the pool says which. device_plugin: the cloud brings one. secrets_operator: the chart of
    ours that brings its secrets, "" where there is none. spot_limit: a pool takes a highest price.
    addons: the cloud's own controllers, each a chart with `name`, `version`, `reference`, `namespace`, `source` and `as_of`, where wanted with `set`
    (what install.sh tells it beside its values) and `when` ("always" where left out, "fabric" with interfaces past TCP, "scaling" with an autoscaler
    and a cluster of ours). fabric: how a pod gets the interfaces that emit-tf's `d.fabric` counts, by a `resource`, and an image that carries NCCL's
    plug-in (`reference`, `digest`, `source`, `as_of`).
    nat_mbit_s: what an address of cluster/'s NAT gateway lets in, for all nodes together; 0: no narrower than the hub. nat_addresses: the most that it gets.
    apart: how the names of those types begin that a node pool cannot have.
    scales_nodes: cluster/ makes and removes nodes as pods wait; False: an autoscaler is the user's.
    things: what is charged beside the machines, as `module` in provider.json; per "node", "data_disk" and "balancer" always, per "cluster",
    "address" (of its NAT gateway), "cpu" and "download" (GB that each node fetches) where the cluster is ours.
    """

    service: str
    version: str
    versions: Mapping[str, str]
    disk_mb_s: int
    notice_s: int
    regions: tuple[str, ...] = ()
    nvme_path: str = ""
    gateway: Mapping[str, str] = _NONE
    nat_mbit_s: int = 0
    nat_addresses: int = 1
    apart: tuple[str, ...] = ()
    subnet_annotation: str = ""
    driver: int = 0
    device_plugin: bool = True
    secrets_operator: str = ""
    spot_limit: bool = True
    scales_nodes: bool = True
    things: tuple[Mapping[str, str], ...] = ()
    addons: tuple[Mapping[str, str], ...] = ()
    fabric: Mapping[str, str] = _NONE


_KINDS: dict[str, tuple[type, str]] = {
    "str": (str, "text"),
    "int": (int, "a whole number above 0"),
    "bool": (bool, "true or false"),
    "tuple[str, ...]": (list, "a list of texts"),
    "tuple[Mapping[str, str], ...]": (list, "a list of tables of texts"),
    "Mapping[str, str]": (dict, "a table of texts"),
}
#: What each table of a list must hold.
_NEEDED = {
    "things": ("what", "item", "per"),
    "addons": ("name", "version", "reference", "namespace", "source", "as_of"),
}
_read: dict[str, Service] = {}


def names() -> tuple[str, ...]:
    """Return the installed providers whose Kubernetes can be emitted, sorted."""
    return tuple(sorted(n for n, home in provider.homes().items() if os.path.isfile(os.path.join(home, FILE))))


def find(name: str) -> Service:
    """Return the managed Kubernetes of `name`; raise `MisuseError` where there is none, `CatalogError` for a bad file."""
    homes = provider.homes()
    if name not in homes:
        raise MisuseError("unknown provider {provider!r}: {near}", provider=name[:60], near=suggest(name, names()))
    path = os.path.join(homes[name], FILE)
    if path not in _read:
        if not os.path.isfile(path):
            raise MisuseError(f"provider {name} has no Kubernetes that can be emitted: there is no {path}")
        _read[path] = read(path)
    return _read[path]


def read(path: str) -> Service:
    """Return the record in the file `path`; raise `CatalogError` with file and key for what is unknown, missing or wrong."""
    try:
        raw = toml(read_text(path, "Kubernetes facts", 1 << 20), path)
    except MisuseError as exc:
        raise CatalogError(str(exc)) from None
    for key in raw:
        if key not in Service._fields:
            raise CatalogError(f"{path}: unknown key {key}: {suggest(key, Service._fields)}")
    values: dict[str, object] = {}
    for key in Service._fields:
        if key in raw:
            values[key] = _value(path, key, raw[key])
        elif key not in Service._field_defaults:
            raise CatalogError(f"{path}: the key {key} is missing")
    found = Service(**values)  # type: ignore[arg-type]
    if found.version not in found.versions:
        raise CatalogError(f"{path}: version {found.version} is not among versions")
    for known, end in found.versions.items():
        try:
            if end:
                date.fromisoformat(end)
        except ValueError:
            raise CatalogError(f"{path}: versions.{known}: {end!r} is no date such as 2027-03-27") from None
    return found


def _value(path: str, key: str, raw: object) -> object:
    kind, words = _KINDS[Service.__annotations__[key]]
    needed = _NEEDED.get(key, ())
    tables = raw if isinstance(raw, list) and needed else [raw]
    inner = [
        x
        for one in tables
        for x in (one if isinstance(one, list) else list(one.values()) if isinstance(one, dict) else [])
    ]
    if needed and not all(isinstance(one, dict) and one.keys() >= set(needed) for one in tables):
        raise CatalogError(f"{path}: each of {key} needs {', '.join(needed[:-1])} and {needed[-1]}")
    fits = (
        isinstance(raw, kind)
        and isinstance(raw, bool) is (kind is bool)
        and all(isinstance(item, str) for item in inner)
    )
    if not fits or (kind is int and int(str(raw)) < 1):
        raise CatalogError(f"{path}: {key} must be {words}")
    return tuple(raw) if isinstance(raw, list) else raw


def _minor(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def version(service: Service, asked: str, today: date) -> str:
    """Return the Kubernetes version to deploy; raise `MisuseError` for one that is not known or whose support has ended.

    Without one asked for it is the service's own in the data, or once that has ended the next that is still supported.
    """
    living = [v for v, end in service.versions.items() if not end or date.fromisoformat(end) >= today]
    newer = sorted((v for v in living if _minor(v) > _minor(service.version)), key=_minor)
    chosen = asked or next((v for v in (service.version, *newer) if v in living), service.version)
    if chosen not in service.versions:
        raise MisuseError(f"--kubernetes {chosen[:20]!r}: {service.service} is known with {', '.join(living)}")
    end = service.versions[chosen]
    if chosen not in living:
        other = f"choose {', '.join(living)} with --kubernetes" if living else "no other version is known"
        raise MisuseError(f"{service.service} ended standard support of Kubernetes {chosen} on {end}: {other}")
    return chosen


@cache
def _numbers() -> dict[str, Decimal]:
    with open(os.path.join(DATA, "kubernetes.csv"), encoding="utf-8", newline="") as file:
        return {row["name"]: decimal_of(row["value"], "kubernetes.csv") for row in csv.DictReader(file)}


def number(name: str) -> Decimal:
    """Return the rate or time `name` of planner/data/kubernetes.csv."""
    return _numbers()[name]


class Addon(NamedTuple):
    """Something that is installed beside what we write. kind: "chart" or "manifest". reference: its repository or address.

    settings: what the chart is told on the command line beside its values, words of the shell.
    """

    kind: str
    name: str
    version: str
    reference: str
    digest: str
    note: str
    settings: str = ""


def own(service: Service, when: tuple[str, ...]) -> list[tuple[Addon, str]]:
    """Return the cloud's own controllers that are wanted at these occasions, each with its namespace, in their order."""
    return [
        (
            Addon("chart", a["name"], a["version"], a["reference"], "", a.get("note", ""), a.get("set", "")),
            a["namespace"],
        )
        for a in service.addons
        if a.get("when", "always") in when
    ]


@cache
def addon(name: str) -> Addon:
    """Return the pinned chart or manifest `name` of planner/data/addons.csv."""
    with open(os.path.join(DATA, "addons.csv"), encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["kind"] != "image" and row["name"] == name:
                return Addon(row["kind"], name, row["version"], row["reference"], row["digest"], row["note"])
    raise CatalogError(f"planner/data/addons.csv: there is no chart or manifest {name}")


@cache
def image(name: str) -> Image:
    """Return the pinned image `name` of planner/data/addons.csv."""
    with open(os.path.join(DATA, "addons.csv"), encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if (row["kind"], row["name"]) == ("image", name):
                return Image(name, row["reference"], row["digest"], row["source"], row["as_of"])
    raise CatalogError(f"planner/data/addons.csv: there is no image {name}")
