"""Machines of one's own, by the same door as a cloud: what they cost is no list but follows from a file and the work.

`machines.toml` beside this file holds dated examples; `--own FILE` names the user's own. Nothing is fetched: whoever asks is
told where prices come from.
"""

from collections.abc import Iterable, Mapping

from planner.errors import FetchError
from planner.provider import Access, Batch

WHY = "machines of your own have no price list: `planner quote --own FILE` reads what they cost from your file"


class Owned:
    """The adapter. It has no regions to refresh."""

    name = "owned"

    def credentials_hint(self) -> str | None:
        return None

    def default_regions(self) -> tuple[str, ...]:
        return ()

    def fetch(self, region: str, access: Access) -> Batch:
        raise FetchError(f"{self.name} {region}: {WHY}")

    def self_check(self, access: Access) -> Iterable[tuple[str, bool, str]]:
        return ()

    def variables(self) -> Mapping[str, str]:
        return {}


provider = Owned()
