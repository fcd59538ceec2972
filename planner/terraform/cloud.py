"""What is peculiar to a cloud in an emitted module: the record `Cloud`, read from the `cloud.toml` in the provider's home.

A provider's home is the folder of its adapter (planner.provider.homes). A cloud can be emitted when its home holds
`cloud.toml`; its templates are in `<home>/templates/`, ours in planner's own `templates/<name>/`. Nothing here is read for
a quote: only emit-tf and reading a module back look at it. docs/terraform.md, "A cloud of your own", has the whole file.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from planner import provider
from planner.errors import CatalogError, MisuseError, suggest
from planner.files import read_text, toml
from planner.offer import PURCHASE_OPTIONS
from planner.records import NamedTuple

__all__ = [
    "Ask",
    "Balancer",
    "Cloud",
    "Deadline",
    "Disks",
    "Fabric",
    "Group",
    "Image",
    "Network",
    "Option",
    "Readback",
    "Rule",
    "Secrets",
    "Zone",
    "find",
    "names",
    "read",
    "secret_shapes",
    "templates",
]


_NO_TEXTS: Mapping[str, str] = MappingProxyType({})


class Zone(NamedTuple):
    """How the templates name a zone. argument: by its name; id_argument: by an id that is the same in every account.

    id_pattern: a regular expression of such an id, in the syntax that Python and Terraform share; "": there is none.
    command: lists the zones that sell a type; {region} and {type} are filled in. end: what a zone's name has after its region's, for an example.
    """

    argument: str
    command: str
    id_argument: str = ""
    id_pattern: str = ""
    end: str = "-1"


class Deadline(NamedTuple):
    """The cloud's own end. by: what ends the instances, a clause. least_minutes, most_hours: how
    far ahead it may lie; 0: no limit."""

    by: str
    least_minutes: int
    most_hours: int = 0


class Image(NamedTuple):
    """name: the machine image that brings driver and container runtime; "": plain Ubuntu. word: what the cloud calls one."""

    name: str = ""
    word: str = "image"


class Disks(NamedTuple):
    """How a guest knows its local disks. model: part of their model name; "": they are NVMe disks of another model.

    striped: where the machine image has already mounted them as one. kind: the cloud disks' type, where the templates
    ask for one; kinds: family of instance types (what stands before the point) -> another type.
    """

    model: str = ""
    striped: str = ""
    kind: str = ""
    kinds: Mapping[str, str] = _NO_TEXTS


class Secrets(NamedTuple):
    """The cloud's secret store. store: its name for people; api_key: the default name of the key's secret, of {name}.

    put: the command that makes the secret; {region} and {name} are filled in. packages: what parts/secret.sh needs from
    PyPI, each NAME==VERSION. shapes: kind -> regular expression of this cloud's credentials, which no module may hold.
    needs: what must be there, and is paid, before a secret can be made; Markdown of ours.
    """

    store: str
    api_key: str
    put: str
    needs: str = ""
    packages: tuple[str, ...] = ()
    shapes: Mapping[str, str] = _NO_TEXTS


class Option(NamedTuple):
    """A way of buying that the templates can write. needs_limit: a spot request must name its highest price.

    decimals: most that the price limit may have; 0: any. reservable: --reserve-capacity goes with it. capacity: what Deployment.capacity says for it. refused: site -> why not.
    """

    needs_limit: bool = False
    decimals: int = 0
    reservable: bool = False
    capacity: str = ""
    refused: Mapping[str, str] = _NO_TEXTS


class Network(NamedTuple):
    """A network that exists. ids: option ("vpc_id", "subnet_id", "security_group_id") -> regular expression of its ids, in the
    syntax that Python and Terraform share; without them the templates only write a network of their own. like: option ->
    an example. words: option -> what the cloud calls it.
    """

    ids: Mapping[str, str] = _NO_TEXTS
    like: Mapping[str, str] = _NO_TEXTS
    words: Mapping[str, str] = _NO_TEXTS


class Balancer(NamedTuple):
    """One address for many replicas. title: the kind of balancer that the templates make; "": none.

    certificate: regular expression of a certificate's id in the cloud's store, like: an example. zones: how many it must stand in.
    """

    title: str = ""
    certificate: str = ""
    like: str = ""
    zones: int = 1


class Fabric(NamedTuple):
    """Interfaces by which the nodes of a pipeline speak past TCP. title: what the cloud calls them; "": the templates make none.

    interfaces: instance type -> how many it takes ("32"); spared: types whose first network card takes none of them. transport: what
    NCCL's log says where it uses them. environment: of the engine's containers. without: why the nodes speak TCP, a clause.
    """

    title: str = ""
    transport: str = ""
    interfaces: Mapping[str, str] = _NO_TEXTS
    spared: tuple[str, ...] = ()
    environment: Mapping[str, str] = _NO_TEXTS
    without: str = ""


class Group(NamedTuple):
    """What the cloud's own group cannot do. most_hours: how far ahead its end may lie; 0: no other limit than that of an instance.

    refused: what an instance type begins with -> why no group can start it. note: what README.md says of it besides; Markdown of ours.
    """

    most_hours: int = 0
    note: str = ""
    refused: Mapping[str, str] = _NO_TEXTS


class Ask(NamedTuple):
    """A variable that the user must set before apply, and the command that finds its value ("": the user knows it).

    option: the way of buying that asks for it, "": all of them.
    """

    variable: str
    command: str = ""
    option: str = ""


class Rule(NamedTuple):
    """An instance is bought as `option` where the attribute at `path` is `value` (or, with `unlike`, is there and is not)."""

    option: str
    path: str
    value: str = ""
    unlike: str = ""


class Readback(NamedTuple):
    """Where the HCL says what is bought. resource: the type of the instance's resource.

    instance_type: path in that resource, nested blocks and maps by dots. region: `provider.NAME.ATTRIBUTE` or
    `local.NAME`. group: the type of the resource that keeps the instances instead (--group). bought: the first rule that holds says the way of buying; on demand where none does.
    """

    resource: str
    instance_type: str
    region: str
    bought: tuple[Rule, ...] = ()
    group: str = ""


class Cloud(NamedTuple):
    """All that the templates and checks of one cloud need beside the deployment itself.

    title: the cloud's name in sentences. user_data_bytes: most that its user-data takes, before base64. mtu: bytes that an
    instance's interface must carry. metadata: address or range of the metadata service, closed to containers.
    tag_prefixes: begin tags that only the cloud may set. apart: files of the bootstrap that lie beside the module, because
    the user-data has no room for them; acceptance: how the user then runs the acceptance test, "" for the usual way.
    metrics_billed: instances have metrics that cost even with a public address. offerings: offering -> its name at the
    cash desk. asks: beside `client_cidr`, `zone` and `images`. pypi: where
    instances in mainland China get Python packages. public_ip: the attribute of the instance with its public address.
    backend: kind of the remote state that backend.tf.j2 writes, "": none.
    """

    title: str
    user_data_bytes: int
    mtu: int
    metadata: str
    zone: Zone
    deadline: Deadline
    secrets: Secrets
    options: Mapping[str, Option]
    readback: Readback
    image: Image = Image()
    disks: Disks = Disks()
    tag_prefixes: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    acceptance: str = ""
    metrics_billed: bool = False
    offerings: Mapping[str, str] = _NO_TEXTS
    asks: tuple[Ask, ...] = ()
    pypi: str = ""
    public_ip: str = "public_ip"
    backend: str = ""
    network: Network = Network()
    balancer: Balancer = Balancer()
    fabric: Fabric = Fabric()
    group: Group = Group()


#: Records that a key of another record holds: {(record, key): (record, how many)}.
_NESTED: dict[tuple[type, str], tuple[type, str]] = {
    (Cloud, "zone"): (Zone, "one"),
    (Cloud, "deadline"): (Deadline, "one"),
    (Cloud, "image"): (Image, "one"),
    (Cloud, "disks"): (Disks, "one"),
    (Cloud, "network"): (Network, "one"),
    (Cloud, "balancer"): (Balancer, "one"),
    (Cloud, "fabric"): (Fabric, "one"),
    (Cloud, "group"): (Group, "one"),
    (Cloud, "secrets"): (Secrets, "one"),
    (Cloud, "readback"): (Readback, "one"),
    (Cloud, "options"): (Option, "table"),
    (Cloud, "asks"): (Ask, "list"),
    (Readback, "bought"): (Rule, "list"),
}

#: What a plain key may hold, by its annotation: (type in TOML, the words for it).
_PLAIN = {
    "str": (str, "text"),
    "int": (int, "a whole number"),
    "bool": (bool, "true or false"),
    "tuple[str, ...]": (list, "a list of texts"),
    "Mapping[str, str]": (dict, "a table of texts"),
}

#: Text of these keys stands in shell scripts between other words.
_WORDS = re.compile(r"[A-Za-z0-9 ./_-]*\Z")
_PATTERNS = {"certificate", "id_pattern", "ids", "shapes"}

_read: dict[str, Cloud] = {}


def names() -> tuple[str, ...]:
    """Return the installed providers that can be emitted, sorted."""
    return tuple(sorted(name for name, home in provider.homes().items() if os.path.isfile(_path(home))))


def find(name: str) -> Cloud:
    """Return what is peculiar to the cloud `name`; raise `MisuseError` with near names, `CatalogError` for a bad file."""
    homes = provider.homes()
    if name not in homes:
        raise MisuseError("unknown provider {provider!r}: {near}", provider=name[:60], near=suggest(name, names()))
    path = _path(homes[name])
    if path not in _read:
        if not os.path.isfile(path):
            raise MisuseError(f"provider {name} cannot be emitted: it has no {path}")
        _read[path] = read(path)
    return _read[path]


def templates(name: str) -> str:
    """Return the folder of the cloud's templates: its home's own, else planner's; raise `MisuseError` where neither is."""
    own = os.path.join(provider.homes()[name], "templates")
    from planner import templating  # brings jinja2, which naming a cloud does not need

    for folder in (own, os.path.join(templating.folder(), name)):
        if os.path.isdir(folder):
            return folder
    raise MisuseError(f"provider {name} cannot be emitted: it has no templates in {own}")


def secret_shapes() -> list[tuple[str, str]]:
    """Return (kind, regular expression) of the credentials of every installed cloud: none of them belongs in a module.

    A stranger's file that cannot be read adds none: it keeps nobody from emitting another cloud.
    """
    found: list[tuple[str, str]] = []
    for name in names():
        with contextlib.suppress(CatalogError):
            found += find(name).secrets.shapes.items()
    return found


def _path(home: str) -> str:
    return os.path.join(home, "cloud.toml")


def read(path: str) -> Cloud:
    """Return the record in the file `path`; raise `CatalogError` with file and key for what is unknown, missing or wrong."""
    try:
        raw = toml(read_text(path, "cloud facts", 1 << 20), path)
    except MisuseError as exc:
        raise CatalogError(str(exc)) from None
    found: Cloud = _record(Cloud, raw, path, "")
    if not found.options:
        raise CatalogError(f"{path}: options: name at least one way of buying")
    for way in (*found.options, *(rule.option for rule in found.readback.bought)):
        if way not in PURCHASE_OPTIONS:
            raise CatalogError(f"{path}: unknown way of buying {way!r}: {suggest(way, PURCHASE_OPTIONS)}")
    if not found.readback.region.startswith(("provider.", "local.")):
        raise CatalogError(f"{path}: readback.region must be provider.NAME.ATTRIBUTE or local.NAME")
    for key in ("title", "user_data_bytes", "mtu", "metadata"):
        if not getattr(found, key):
            raise CatalogError(f"{path}: {key} must not be empty")
    return found


def _record(kind: Any, raw: object, path: str, place: str) -> Any:
    """Return `raw`, the table at `place` of the file, as a record of `kind`."""
    if not isinstance(raw, dict):
        raise CatalogError(f"{path}: {place.rstrip('.')} is not a table")
    for key in raw:
        if key not in kind._fields:
            raise CatalogError(f"{path}: unknown key {place}{key}: {suggest(key, kind._fields)}")
    given = {}
    for key in kind._fields:
        if key in raw:
            given[key] = _value(kind, key, raw[key], path, place + key)
        elif key not in kind._field_defaults:
            raise CatalogError(f"{path}: the key {place}{key} is missing")
    return kind(**given)


def _value(kind: Any, key: str, raw: object, path: str, place: str) -> Any:
    """Return the checked value of one key."""
    if (kind, key) in _NESTED:
        inner, many = _NESTED[kind, key]
        if many == "one":
            return _record(inner, raw, path, place + ".")
        if many == "list" and isinstance(raw, list):
            return tuple(_record(inner, item, path, f"{place}[{i}].") for i, item in enumerate(raw))
        if many == "table" and isinstance(raw, dict):
            return {name: _record(inner, item, path, f"{place}.{name}.") for name, item in raw.items()}
        raise CatalogError(f"{path}: {place} is not a {many} of tables")
    wanted, words = _PLAIN[kind.__annotations__[key]]
    texts = raw if isinstance(raw, list) else list(raw.values()) if isinstance(raw, dict) else [raw]
    fits = isinstance(raw, wanted) and not (wanted is int and isinstance(raw, bool))
    if not fits or (wanted in (list, dict) and not all(isinstance(item, str) for item in texts)):
        raise CatalogError(f"{path}: {place} must be {words}")
    if kind in (Image, Disks) and not all(_WORDS.match(str(text)) for text in texts):
        raise CatalogError(f"{path}: {place} takes letters, digits, blanks and ./_- only: it stands in a shell script")
    for text in texts:
        if isinstance(text, str) and ("\n" in text or "\r" in text):
            raise CatalogError(f"{path}: {place} must stay on one line")
    if key in _PATTERNS:
        for text in texts:
            try:
                re.compile(str(text))
            except re.error as exc:
                raise CatalogError(f"{path}: {place} is not a regular expression: {exc}") from None
    return tuple(texts) if wanted is list else raw
