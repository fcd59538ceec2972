"""The contract of a provider adapter, and the one place that looks adapters up.

What a caller may rely on:

* Importing an adapter's package imports no SDK; `fetch`, `specs` and `self_check` may.
* `fetch` yields one `Batch` per region; a failing region raises `FetchError` naming it. A type whose answer cannot be read
  fails no region: it is left out wholly and reported in `Batch.spoilt`.
* Every price has passed the adapter's own checks of unit, currency and ambiguity; `planner.prices.checks.check_batch` then
  checks it like any other price.
* Nothing secret is in a batch, an error or a raw answer handed to `keep_raw`.
* Time, network addresses and credentials come in through `Access`; an adapter reads no environment of its own beyond
  its SDK's default credential chain.
* Rows of a batch bear the batch's provider and region. A row that the newest whole fetch of a region no longer has is
  taken as withdrawn, so an adapter that cannot ask for a part (no permission) raises; it does not leave the part out.

What an adapter may add, as plain attributes (read with `getattr`, so none is needed):

* `max_parallel_regions` (default 4): how many regions may be fetched at once within the API's rate.
* `public_source` (default ""): what `Access.public` reads, for people ("the bulk price list"); "" = there is none.
* `quotas(region, wanted, access) -> tuple[Quota, ...]`: what limits this account has for `Wanted` machines there; raises
  `FetchError` where it cannot ask. quota_hint (default ""): where people look that up.
* `known_regions() -> tuple[str, ...]` (default `default_regions()`): region ids that `--region` may name.

An adapter comes in by an entry point of the group `planner.providers`: `mycloud = "mycloud:provider"`. The folder of the
module that it names is the provider's *home*, which may hold more than code:

* `catalog/`: dated price lists (docs/catalog.md). A provider without them quotes from the price book alone: its regions,
  sites and types are those that a refresh has seen, and its home regions are `default_regions()`.
* `cloud.toml` and `templates/`: what `planner emit-tf` needs (docs/terraform.md).
* `machines.toml`: machines that are bought, not rented, with `provider.json` and `regions.csv` beside it (docs/rent-or-buy.md).
  Such a provider sells nothing until `--own` names a file.

Managed APIs, which sell tokens and no machines, come in by the group `planner.tokens`; their home holds `tokens.csv`
(docs/tokens.md), which `planner quote --beside-apis` reads.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Protocol

from planner.errors import MisuseError, PlannerError, suggest
from planner.offer import InstanceType, Price, ServicePrice, TransferPrice
from planner.records import NamedTuple

__all__ = [
    "MACHINES",
    "TOKENS",
    "Access",
    "Batch",
    "Entry",
    "Provider",
    "Quota",
    "Wanted",
    "bare_type",
    "checked_endpoint",
    "homes",
    "in_families",
    "installed",
    "load",
    "names",
    "owns",
    "token_homes",
]

#: The file of a home that makes a provider one of machines to own.
MACHINES = "machines.toml"
#: The file of a home that sells tokens.
TOKENS = "tokens.csv"
#: The group of entry points that names providers, and that of managed APIs.
_GROUP, _TOKENS = "planner.providers", "planner.tokens"
#: The files in a home of ours, one of which marks it as one of the group.
_MARKS = {_GROUP: (os.path.join("catalog", "provider.json"), MACHINES), _TOKENS: (TOKENS,)}


class Access(NamedTuple):
    """How to reach a cloud. endpoint: "" or an override (https, or http on loopback only).

    public: use the sources that need no keys. now: ISO time of this refresh (UTC). keep_raw(name, text) stores a raw
    answer for audit. families: only these instance families (() = all GPU families). sleep: for retries.
    """

    now: str
    public: bool = False
    endpoint: str = ""
    families: tuple[str, ...] = ()
    keep_raw: Callable[[str, str], None] | None = None
    sleep: Callable[[float], None] | None = None


class Batch(NamedTuple):
    """What one region gave. gaps: sentences about what the API cannot give. account_site: which price book.

    zones: (instance type, zone) pairs in which the type is sold; a type that the fetch covers and that is in no pair is
    sold nowhere (so () is: nothing is). None where the source does not say. spoilt: (instance type, why) of each type whose
    answer could not be read; nothing of it is in the batch, and what was known of it stays. Its name is "" where what could
    not be read is no type (traffic, say).
    """

    provider: str
    region: str
    account_site: str
    instance_types: tuple[InstanceType, ...]
    prices: tuple[Price, ...]
    transfer: tuple[TransferPrice, ...]
    services: tuple[ServicePrice, ...]
    gaps: tuple[str, ...]
    zones: tuple[tuple[str, str], ...] | None = None
    spoilt: tuple[tuple[str, str], ...] = ()


class Wanted(NamedTuple):
    """Machines that somebody is about to start. option: the way of buying; vcpu: of one."""

    instance_type: str
    option: str
    count: int  # type: ignore[assignment]
    vcpu: int


class Quota(NamedTuple):
    """A limit of the account. name: the cloud's own; unit: "vCPUs", "instances". used: None = not known; needs: what is wanted of it."""

    name: str
    unit: str
    limit: Decimal
    used: Decimal | None
    needs: Decimal

    @property
    def enough(self) -> bool:
        """Whether what is left is what is needed; of what is used nothing is known, all counts as left."""
        return self.limit - (self.used or 0) >= self.needs


class Provider(Protocol):
    """A cloud. Every method is described above."""

    @property
    def name(self) -> str: ...

    def credentials_hint(self) -> str | None:
        """Return None when the SDK's default chain finds credentials, else what was looked for, in a sentence."""

    def default_regions(self) -> tuple[str, ...]: ...

    def fetch(self, region: str, access: Access) -> Batch: ...

    def self_check(self, access: Access) -> Iterable[tuple[str, bool, str]]:
        """Yield (call, ok, what was seen) for each call that `fetch` depends on."""

    def variables(self) -> Mapping[str, str]:
        """Return what the Terraform templates need to know about this cloud beyond the quote."""


def checked_endpoint(url: str, provider: str) -> str:
    """Return `url` without a trailing slash; raise `MisuseError` unless it is https, or http on loopback.

    Credentials in the address are refused because addresses end up in logs.
    """
    from urllib.parse import urlsplit

    from planner.addresses import loopback

    def refuse(why: str) -> MisuseError:
        shown = "".join(char if char.isprintable() else "?" for char in url.rpartition("@")[2])
        return MisuseError(f"--endpoint {provider}={shown}: {why}; use https://HOST or http://127.0.0.1:PORT")

    if any(char <= " " or char == "\x7f" for char in url):
        raise refuse("blanks are not allowed in an address")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as exc:
        raise refuse(f"not an address ({exc})") from exc
    if parts.username is not None or parts.password is not None:
        raise refuse("an address must not hold credentials")
    if not host or port == 0 or parts.query or parts.fragment:
        raise refuse("an address needs a host, and neither query nor fragment")
    if parts.scheme == "https" or (parts.scheme == "http" and loopback(host)):
        return url.rstrip("/")
    raise refuse("plain http is for loopback only" if parts.scheme == "http" else "the scheme must be https")


#: Stands before a type that a fetch does not cover, although it covers its family.
EXCEPT = "!"


def bare_type(word: str) -> str:
    """Return an instance type or family in lower case, without the prefix that some clouds give to all of their types.

    A prefix is a first part without a digit: "abc.g7i-c16.4xlarge" becomes "g7i-c16.4xlarge", "p4d.24xlarge" has none.
    """
    head, dot, rest = word.lower().partition(".")
    return rest if dot and not any(char.isdigit() for char in head) else head + dot + rest


def in_families(instance_type: str, families: tuple[str, ...]) -> bool:
    """Return whether `instance_type` is of one of `families` (case does not matter; () is every family).

    A family is what stands before the size, with or without the cloud's prefix (`bare_type`): "p4d" and "P4D" hold
    p4d.24xlarge, "g7i" and "abc.g7i" hold abc.g7i-c16.4xlarge, "GN10Xp" holds GN10Xp.20XLARGE320. A whole type name holds
    itself. "!p4d.24xlarge" takes that one type out of the others, and out of every family where no other is named.
    """
    if not families:
        return True
    name = bare_type(instance_type)
    held = named = False
    for family in families:
        if family.startswith(EXCEPT):
            if name == bare_type(family[1:]):
                return False
            continue
        named = True
        word = bare_type(family)
        held = held or name == word or name.startswith((word + ".", word + "-"))
    return held or not named


class Entry(NamedTuple):
    """An installed provider: the line of an entry point in the group `planner.providers`, and its home."""

    name: str
    module: str
    attribute: str
    home: str


def installed() -> dict[str, Entry]:
    """Return the installed providers by name, sorted.

    Where none of ours is installed (a checkout that nobody has set up), the folder `providers` beside `planner` stands
    in for the entry points. A line whose module is nowhere is left out.
    """
    return _installed(tuple(sys.path))


def homes() -> dict[str, str]:
    """Return the home of each installed provider by name: the folder of the module that its entry point names.

    A home may hold `catalog/` (price lists: docs/catalog.md), `cloud.toml` and `templates/` (docs/terraform.md).
    """
    return {name: entry.home for name, entry in installed().items()}


def token_homes() -> dict[str, str]:
    """Return the homes of managed APIs by name."""
    return {name: entry.home for name, entry in _installed(tuple(sys.path), _TOKENS).items()}


def owns(name: str) -> bool:
    """Return whether a provider is one of machines to own."""
    entry = installed().get(name)
    return entry is not None and os.path.isfile(os.path.join(entry.home, MACHINES))


def names() -> tuple[str, ...]:
    """Return the installed providers' names, sorted."""
    return tuple(installed())


def load(name: str) -> Provider:
    """Return the adapter called `name`; raise `MisuseError` with near names when there is none."""
    from importlib import import_module

    entry = installed().get(name)
    if entry is not None:
        if entry.module.startswith("providers."):
            _check_owner(entry)
        provider: Provider = import_module(entry.module)
        for part in entry.attribute.split("."):
            provider = getattr(provider, part)
        return provider
    known = names()
    if not known:
        raise MisuseError("no provider is installed: a checkout needs `pip install -e .` (or `make setup`) once")
    raise MisuseError("unknown provider {provider!r}: {near}", provider=name, near=suggest(name, known))


def _check_owner(entry: Entry) -> None:
    """Raise `PlannerError` when Python would take the package `providers` from another distribution than ours.

    Nothing of that package is run to find out.
    """
    from importlib.util import find_spec

    try:
        spec = find_spec("providers")
    except (ImportError, ValueError):
        spec = None
    origin = (spec.origin if spec else None) or ""
    ours = os.path.join(os.path.dirname(entry.home), "__init__.py")
    try:
        same = bool(origin) and os.path.samefile(origin, ours)
        with open(ours, encoding="utf-8") as file:
            same = same and 'OWNER = "gpu-cost-planner"' in file.read(4096)
    except (OSError, UnicodeDecodeError):
        same = False
    if not same:
        from importlib.metadata import packages_distributions

        others = sorted(set(packages_distributions().get("providers", ())) - {"gpu-cost-planner"})
        who = f"the distribution {', '.join(others)}" if others else "another package"
        raise PlannerError(
            f"{entry.name}: {who} also has a top-level package `providers` ({origin or ours}), which stands in the place of "
            "planner's; nothing of it was used. Install gpu-cost-planner into an environment of its own"
        )


_LARGEST = 1 << 20


@lru_cache(maxsize=8)
def _installed(path: tuple[str, ...], group: str = _GROUP) -> dict[str, Entry]:
    """`installed` on a search path; it is asked several times by one quote, and reads some hundred small files."""
    lines: dict[str, str] = {}
    for folder in path:
        for name, target in _lines(folder or ".", group):
            lines.setdefault(name, target)
    if not any(target.startswith("providers.") for target in lines.values()):
        beside = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "providers")
        for name in _folders(beside, group):
            lines.setdefault(name, f"providers.{name}:{'provider' if group == _GROUP else 'prices'}")
    found = {}
    for name, target in sorted(lines.items()):
        module, _, attribute = target.partition(":")
        home = _home(module, path, group)
        if home:
            found[name] = Entry(name, module, attribute, home)
    return found


def _lines(folder: str, wanted: str) -> Iterator[tuple[str, str]]:
    """Yield (name, "module:attribute") of every entry point of the group `wanted` in the distributions of one folder.

    This is what importlib.metadata does, at a tenth of its price (15 ms of a quote's 70).
    """
    try:
        inside = os.listdir(folder)
    except OSError:
        return
    for name in inside:
        if not name.endswith((".dist-info", ".egg-info")):
            continue
        try:
            handle = os.open(f"{folder}/{name}/entry_points.txt", os.O_RDONLY)  # open() takes three times as long
        except OSError:
            continue
        try:
            content = os.read(handle, _LARGEST)
        except OSError:
            continue
        finally:
            os.close(handle)
        group = ""
        for line in content.decode(errors="replace").splitlines() if f"[{wanted}]".encode() in content else ():
            line = line.strip()
            if line.startswith("["):
                group = line[1:-1].strip()
            elif group == wanted and "=" in line and not line.startswith(("#", ";")):
                word, _, target = line.partition("=")
                yield word.strip(), target.partition("[")[0].strip().replace(" ", "")


def _folders(beside: str, group: str) -> list[str]:
    try:
        return [name for name in os.listdir(beside) if _lists(os.path.join(beside, name), group)]
    except OSError:
        return []


def _lists(home: str, group: str) -> bool:
    """Return whether a folder is the home of one of ours in a group."""
    return any(os.path.isfile(os.path.join(home, name)) for name in _MARKS[group])


def _home(module: str, path: tuple[str, ...], group: str) -> str:
    """Return the folder of a module, "" where there is none. Nothing of the module itself is run."""
    parts = module.split(".")
    for folder in path:
        place = os.path.join(os.path.abspath(folder), *parts)
        # Of two packages `providers` on the path, only ours has price lists.
        if os.path.isfile(os.path.join(place, "__init__.py")) and (parts[0] != "providers" or _lists(place, group)):
            return place
        if os.path.isfile(place + ".py"):
            return os.path.dirname(place)
    # Something else than a folder on the path: an import hook (some editable installs), which only Python can ask.
    from importlib.util import find_spec

    try:
        spec = find_spec(module)
    except ImportError:
        return ""
    if spec is None or not spec.origin or not os.path.exists(spec.origin):
        return ""
    return os.path.dirname(os.path.abspath(spec.origin))
