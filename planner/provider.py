"""The contract of a provider adapter, and the one place that looks adapters up.

What a caller may rely on:

* Importing an adapter's package imports no SDK; `fetch`, `specs` and `self_check` may.
* `fetch` yields one `Batch` per region, each whole or not at all; a failing region raises `FetchError` naming it.
* Every price has passed the adapter's own checks of unit, currency and ambiguity; `planner.prices.catalog.check_prices` then
  checks it like any other price.
* Nothing secret is in a batch, an error or a raw answer handed to `keep_raw`.
* Time, network addresses and credentials come in through `Access`; an adapter reads no environment of its own beyond
  its SDK's default credential chain.
* Rows of a batch bear the batch's provider and region. A row that the newest whole fetch of a region no longer has is
  taken as withdrawn, so an adapter that cannot ask for a part (no permission) raises; it does not leave the part out.

What an adapter may add, as plain attributes (read with `getattr`, so none is needed):

* `max_parallel_regions` (default 4): how many regions may be fetched at once within the API's rate.
* `public_source` (default ""): what `Access.public` reads, for people ("the bulk price list"); "" = there is none.
* `known_regions() -> tuple[str, ...]` (default `default_regions()`): region ids that `--region` may name.
"""

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from planner.errors import MisuseError, suggest
from planner.offer import InstanceType, Price, ServicePrice, TransferPrice
from planner.records import NamedTuple

__all__ = ["Access", "Batch", "Provider", "bare_type", "checked_endpoint", "homes", "in_families", "load", "names"]


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
    sold nowhere (so () is: nothing is). None where the source does not say.
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

    Loopback is `localhost` and the literal addresses 127.0.0.0/8 and ::1; a name that merely resolves there is not.
    Credentials in the address are refused because addresses end up in logs.
    """
    from ipaddress import ip_address
    from urllib.parse import urlsplit

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
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if parts.scheme == "https" or (parts.scheme == "http" and loopback):
        return url.rstrip("/")
    raise refuse("plain http is for loopback only" if parts.scheme == "http" else "the scheme must be https")


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
    itself.
    """
    if not families:
        return True
    name = bare_type(instance_type)
    for family in families:
        word = bare_type(family)
        if name == word or name.startswith((word + ".", word + "-")):
            return True
    return False


def homes() -> dict[str, str]:
    """Return each installed provider's home: the folder of the module that its entry point names.

    importlib.metadata would cost a quarter of a quote's time: the entry points' files are read as they lie. A checkout that
    is not installed has its own `providers/`.
    """
    from importlib.util import find_spec

    modules: dict[str, str] = {}
    for place in sys.path:
        try:
            found = [name for name in os.listdir(place or ".") if name.endswith(".dist-info")]
        except OSError:
            continue
        for name in sorted(found):
            for key, module in _entry_points(os.path.join(place, name, "entry_points.txt")):
                modules.setdefault(key, module)
    result = {}
    for key, module in modules.items():
        spec = find_spec(module)
        if spec is not None and spec.origin:
            result[key] = os.path.dirname(os.path.abspath(spec.origin))
    ours = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "providers")
    if not result and os.path.isdir(ours):
        return {name: os.path.join(ours, name) for name in os.listdir(ours) if name[0] not in "._"}
    return result


def _entry_points(path: str) -> list[tuple[str, str]]:
    """Return (name, module) of each provider that the file names; [] where there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError:
        return []
    body = text.partition("[planner.providers]")[2].partition("\n[")[0]
    pairs = (line.partition("=") for line in body.splitlines() if "=" in line)
    return [(name.strip(), value.partition(":")[0].strip()) for name, _, value in pairs]


def names() -> tuple[str, ...]:
    """Return the installed providers' names, sorted."""
    from importlib.metadata import entry_points

    return tuple(sorted(ep.name for ep in entry_points(group="planner.providers")))


def load(name: str) -> Provider:
    """Return the adapter called `name`; raise `MisuseError` with near names when there is none."""
    from importlib.metadata import entry_points

    for ep in entry_points(group="planner.providers"):
        if ep.name == name:
            provider: Provider = ep.load()
            return provider
    known = names()
    if not known:
        raise MisuseError("no provider is installed: a checkout needs `pip install -e .` (or `make setup`) once")
    raise MisuseError(f"unknown provider {name!r}: {suggest(name, known)}")
