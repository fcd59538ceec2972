"""The contract of a provider adapter, and the one place that looks adapters up.

What a caller may rely on:

* Importing an adapter's package imports no SDK; `fetch`, `specs` and `self_check` may.
* `fetch` yields one `Batch` per region, each whole or not at all; a failing region raises `FetchError` naming it.
* Every price has passed the adapter's own checks of unit, currency and ambiguity; `planner.catalog.check_prices` then
  checks it like any other price.
* Nothing secret is in a batch, an error or a raw answer handed to `keep_raw`.
* Time, network addresses and credentials come in through `Access`; an adapter reads no environment of its own beyond
  its SDK's default credential chain.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

from planner.errors import MisuseError, suggest
from planner.offer import InstanceType, Price, ServicePrice, TransferPrice

__all__ = ["Access", "Batch", "Provider", "load", "names"]


class Access(NamedTuple):
    """How to reach a cloud. endpoint: "" or an override (https, or http on loopback only).

    public: use the sources that need no keys. now: ISO time of this refresh (UTC). keep_raw(name, text) stores a raw
    answer for audit. families: only these instance families (() = all GPU families). sleep, jitter: for retries.
    """

    now: str
    public: bool = False
    endpoint: str = ""
    families: tuple[str, ...] = ()
    keep_raw: Callable[[str, str], None] | None = None
    sleep: Callable[[float], None] | None = None


class Batch(NamedTuple):
    """What one region gave. gaps: sentences about what the API cannot give. account_site: which price book."""

    provider: str
    region: str
    account_site: str
    instance_types: tuple[InstanceType, ...]
    prices: tuple[Price, ...]
    transfer: tuple[TransferPrice, ...]
    services: tuple[ServicePrice, ...]
    gaps: tuple[str, ...]


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
    raise MisuseError(f"unknown provider {name!r}: {suggest(name, names())}")
