"""What a Terraform configuration creates: the resources of a folder's HCL as values.

Overrides, variables, tfvars, locals, count, for_each, `dynamic`, and modules of the same repository with their outputs. Nothing is
run, and no provider is asked: what only an apply knows is `Unknown`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from planner.errors import MisuseError
from planner.files import read_text
from planner.records import NamedTuple
from planner.terraform import variables
from planner.terraform.evaluate import Scope, Unknown, body, value
from planner.terraform.functions import word
from planner.terraform.hcl import Block, Expression, parse, parse_json
from planner.text import Text, text

__all__ = ["Configuration", "Resource", "Unread", "read"]

_DEEPEST = 5
_MOST = 10_000


class Resource(NamedTuple):
    """One resource instance. module: the address of its module with a dot behind, "" for the root. region: of its provider."""

    address: str
    module: str
    type: str
    name: str
    values: dict[str, Any]
    region: Any


class Unread(NamedTuple):
    """What was not read, and why; a clause."""

    address: str
    why: Text


class Configuration(NamedTuple):
    """What is created. local: the values of the root's locals, by name; root: the blocks of the root. A plan has neither."""

    resources: list[Resource]
    unread: list[Unread]
    local: Mapping[str, Any]
    root: Any = None

    def named(self, place: str) -> Any:
        """Return what stands at `provider.NAME.ATTRIBUTE` or `local.NAME` of the root; Unknown for nothing."""
        head, _, rest = place.partition(".")
        if head == "local":
            return self.local.get(rest, Unknown())
        name, _, attribute = rest.partition(".")
        blocks = self.root.blocks if self.root is not None else ()
        said = [b.attributes[attribute] for b in blocks if b.header == ("provider", name) and attribute in b.attributes]
        return value(said[0], self.root.scope) if len(said) == 1 else Unknown()


def read(folder: str, given: Mapping[str, Any] | None = None) -> Configuration:
    """Return what the module in `folder` creates; given: variables of the command line. Raises `MisuseError`."""
    found = Configuration([], [], {})
    root = _Module(folder, given or {}, "", {}, None)
    root.resources(found)
    return found._replace(local=root, root=root)


class _Module(Mapping[str, Any]):
    """One module with its inputs; as a mapping, its locals."""

    def __init__(
        self, folder: str, given: Mapping[str, Any], at: str, regions: Mapping[str, Any], above: _Module | None
    ) -> None:
        self.folder, self.at, self.above = folder, at, above
        self.blocks, names = _blocks_of(folder)
        values = variables.of_folder(folder, names, self.blocks, given, root=above is None)
        self.local = {k: v for b in self.blocks if b.header == ("locals",) for k, v in b.attributes.items()}
        self.scope: Scope = Scope(values, self.local, _declared(self.blocks, self.local), at, above.scope if above else None)
        self.scope.modules, self.scope.resources = self.outputs, self.instances_of
        self.written = {f"{b.header[1]}.{b.header[2]}": b for b in self.blocks if b.header[0] == "resource" and len(b.header) == 3}
        self.made: list[int] = above.made if above else [0]
        self.regions = {**regions, **_regions(self.blocks, self.scope)}
        self.calls = {b.header[1]: b for b in self.blocks if b.header[0] == "module" and len(b.header) == 2}
        self.kept: dict[str, Any] = {}
        self.inner: dict[str, tuple[list[tuple[str, _Module]], str] | None] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self.local:
            raise KeyError(name)
        return self.scope.local(name, self.folder)

    def __iter__(self) -> Iterator[str]:
        return iter(self.local)

    def __len__(self) -> int:
        return len(self.local)

    def count(self, what: str) -> None:
        """Count one more instance; raise `MisuseError` where there are more than anybody applies."""
        self.made[0] += 1
        if self.made[0] > _MOST:
            raise MisuseError(f"{what}: it would make more than {_MOST:,} resources")

    def resources(self, into: Configuration) -> None:
        """Add what this module and those it calls create."""
        for block in self.written.values():
            self.resource(block, into)
        for name in self.calls:
            for _, inner in self.children(name, into.unread):
                inner.resources(into)

    def instances_of(self, name: str) -> Any:
        """Return a resource as its instances, a list by count or a map by for_each: each is unknown, not how many there are."""
        if name in self.kept:
            return self.kept[name]
        block, one = self.written.get(name), Unknown(name, self.at)
        if block is None or not ("count" in block.attributes or "for_each" in block.attributes):
            return one
        full = f"{self.at}{name}"
        if full in self.scope.world.open:
            raise MisuseError(f"{block.where}: {full}: how many there are needs itself")
        self.scope.world.open.append(full)
        found, why = _instances(block, self.scope, full)
        self.scope.world.open.pop()
        alike = [one] * len(found) if "count" in block.attributes else {suffix[2:-2]: one for suffix, _ in found}
        self.kept[name] = one if why is not None else alike
        return self.kept[name]

    def resource(self, block: Block, into: Configuration) -> None:
        _, kind, name = block.header
        address = f"{self.at}{kind}.{name}"
        instances, why = _instances(block, self.scope, address)
        if why:
            into.unread.append(Unread(address, why))
        written = block.attributes.get("provider", ("literal", ""))
        alias = ".".join(written[1]) if written[0] == "ref" else str(written[1]) or kind.partition("_")[0]
        for suffix, scope in instances:
            self.count(f"{block.where}: {address}")
            values = body(block, scope)
            region = values.get("region") or self.regions.get(alias, "")
            into.resources.append(Resource(f"{address}{suffix}", self.at, kind, name, values, region))

    # -- modules that this one calls

    def children(self, name: str, unread: list[Unread] | None = None) -> list[tuple[str, _Module]]:
        """Return the instances of a called module, by the suffix of their address; what is not read goes to `unread`."""
        block, address = self.calls[name], f"{self.at}module.{name}"
        if name not in self.inner:
            self.inner[name] = None  # being read
            self.inner[name] = ([], "") if self.source(block) is None else self.call(block, address)
        held = self.inner[name]
        if held is None:
            raise MisuseError(f"{block.where}: {address} needs its own output")
        if unread is not None:
            source = self.source(block)
            if source is None:
                said = value(block.attributes.get("source", ("literal", "")), self.scope)
                key = "{source} is not in this folder: price its plan (`terraform show -json`)"
                unread.append(Unread(address, text(key, source=said[:60] if isinstance(said, str) else "?")))
            elif held[1]:
                unread.append(Unread(address, text(held[1])))
        return held[0]

    def source(self, block: Block) -> str | None:
        """Return the folder of a called module; None for one that is elsewhere. Raises `MisuseError` for one that is missing."""
        said = value(block.attributes.get("source", ("literal", "")), self.scope)
        if not isinstance(said, str) or not said.startswith(("./", "../")):
            return None
        inside = os.path.join(self.folder, said)
        if not os.path.isdir(inside):
            raise MisuseError(f"{block.where}: module {block.header[1]}: no folder {said[:80]}")
        return inside

    def call(self, block: Block, address: str) -> tuple[list[tuple[str, _Module]], str]:
        inside = str(self.source(block))
        above: _Module | None = self
        while above is not None:
            if os.path.realpath(above.folder) == os.path.realpath(inside):
                raise MisuseError(f"{block.where}: {address} calls the module that it stands in")
            above = above.above
        if address.count("module.") > _DEEPEST:
            raise MisuseError(f"{block.where}: {address}: modules in modules, more than {_DEEPEST} deep")
        instances, why = _instances(block, self.scope, address)
        skip = ("source", "version", "count", "for_each", "providers", "depends_on")
        given = {k: v for k, v in block.attributes.items() if k not in skip}
        regions = {k: v for k, v in self.regions.items() if "." not in k} | dict(_mapped(block, self.regions))
        made = []
        for suffix, scope in instances:
            self.count(f"{block.where}: {address}")
            values = {k: value(v, scope) for k, v in given.items()}
            made.append((suffix, _Module(inside, values, f"{address}{suffix}.", regions, self)))
        return made, why.key if why else ""

    def outputs(self, name: str) -> Any:
        """Return the outputs of a called module, as `module.NAME` means them."""
        if name not in self.calls:
            return Unknown(f"module.{name}", self.at)
        made = self.children(name)
        found = [(suffix, inner.output()) for suffix, inner in made]
        call = self.calls[name]
        if not found and self.source(call) is None:
            return Unknown(f"module.{name}", self.at)
        if "count" in call.attributes:
            return [held for _, held in found]
        if "for_each" in call.attributes:
            return {suffix[2:-2]: held for suffix, held in found}
        return found[0][1] if found else Unknown(f"module.{name}", self.at)

    def output(self) -> dict[str, Any]:
        said = {b.header[1]: b.attributes.get("value") for b in self.blocks if b.header[0] == "output" and len(b.header) == 2}
        return {name: value(held, self.scope) for name, held in said.items() if held is not None}


def _blocks_of(folder: str) -> tuple[list[Block], list[str]]:
    """Return the blocks of a module's folder, overrides merged in, and the names of its files."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as exc:
        raise MisuseError(f"{folder}: {exc.strerror}") from None
    mine = [n for n in names if n.endswith((".tf", ".tf.json")) and not n.startswith(".")]
    if not mine:
        raise MisuseError(f"{folder}: no module: it has no .tf file")
    over = [n for n in mine if n.removesuffix(".json").removesuffix(".tf").split("_")[-1] == "override"]
    blocks = [b for name in mine if name not in over for b in _file(folder, name)]
    for name in over:
        for block in _file(folder, name):
            blocks = _overridden(blocks, block)
    return blocks, names


def _file(folder: str, name: str) -> list[Block]:
    path = os.path.join(folder, name)
    text = read_text(path, "module")
    found: list[Block] = (parse_json if name.endswith(".json") else parse)(text, path).blocks
    return found


def _overridden(blocks: list[Block], over: Block) -> list[Block]:
    """Return the blocks with `over` merged in as Terraform does: its attributes win, its nested blocks replace those of their kind."""
    if over.header == ("locals",):
        return [*blocks, over]
    kinds = {b.header[1] if b.header[0] == "dynamic" else b.header[0] for b in over.blocks}
    made, seen = [], False
    for block in blocks:
        if block.header == over.header and not (block.header[0] == "provider" and _alias(block) != _alias(over)):
            kept = [b for b in block.blocks if (b.header[1] if b.header[0] == "dynamic" else b.header[0]) not in kinds]
            block = Block(block.header, {**block.attributes, **over.attributes}, [*kept, *over.blocks], block.where)
            seen = True
        made.append(block)
    if not seen and over.header[0] in ("resource", "data", "module"):
        raise MisuseError(f"{over.where}: overrides {'.'.join(over.header[1:])}, which the module does not have")
    return made if seen else [*blocks, over]


def _alias(block: Block) -> str:
    made = block.attributes.get("alias", ("literal", ""))
    return str(made[1]) if made[0] == "literal" else ""


def _declared(blocks: list[Block], local: Mapping[str, Expression]) -> frozenset[str]:
    heads = {"variable": "var.", "module": "module.", "data": "data.", "resource": "", "ephemeral": "ephemeral."}
    found = {f"{heads[b.header[0]]}{'.'.join(b.header[1:])}" for b in blocks if b.header[0] in heads}
    return frozenset(found | {f"local.{name}" for name in local})


def _regions(blocks: list[Block], scope: Scope) -> dict[str, Any]:
    """Return the region of each provider block, by "name" or "name.alias"."""
    found: dict[str, Any] = {}
    for block in blocks:
        if block.header[0] == "provider" and len(block.header) == 2:
            alias = _alias(block)
            region = value(block.attributes["region"], scope) if "region" in block.attributes else Unknown()
            found[f"{block.header[1]}.{alias}" if alias else block.header[1]] = region
    return found


def _instances(block: Block, scope: Scope, address: str) -> tuple[list[tuple[str, Scope]], Text | None]:
    """Return the instances of a block, (suffix of the address, scope), and what is not known of them."""
    if "count" in block.attributes:
        made = value(block.attributes["count"], scope)
        size = made if isinstance(made, Decimal) else Decimal(made) if isinstance(made, str) and made.isdigit() else None
        if size is not None:
            if size < 0 or size != int(size):
                raise MisuseError(f"{block.where}: {address}: a count of {word(size)[:40]} is none")
            if size > _MOST:
                raise MisuseError(f"{block.where}: {address}: a count of {word(size)[:40]} is over {_MOST:,}")
            return [(f"[{n}]", scope.bind(count={"index": Decimal(n)})) for n in range(int(size))], None
        return [("", scope.bind(count=Unknown()))], text("its count is not known: it is counted once")
    if "for_each" in block.attributes:
        made = value(block.attributes["for_each"], scope)
        if isinstance(made, dict):
            pairs = sorted(made.items())
        elif isinstance(made, list) and all(isinstance(key, str) for key in made):
            pairs = [(key, key) for key in sorted(set(made))]
        else:
            return [("", scope.bind(each=Unknown()))], text("its for_each is not known: it is counted once")
        return [(f'["{key}"]', scope.bind(each={"key": key, "value": held})) for key, held in pairs], None
    return [("", scope)], None


def _mapped(block: Block, regions: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the regions of the providers that a module call hands on."""
    kind, *rest = block.attributes.get("providers", ("literal", None))
    for key, held in rest[0] if kind == "map" else ():
        if held[0] == "ref" and key[0] in ("literal", "ref"):
            name = key[1] if key[0] == "literal" else ".".join(key[1])
            yield name, regions.get(".".join(held[1]), "")
