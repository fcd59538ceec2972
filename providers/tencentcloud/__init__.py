"""Tencent Cloud: CVM GPU instance types and prices, asked with the user's own keys."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Mapping

from planner.errors import MisuseError
from planner.provider import Access, Batch, Quota, Wanted
from providers._retry import Pace

__all__ = ["Tencentcloud", "provider"]

#: Calls a second and calls at once: together under the documented limits (40 a second for the specifications, 10 for
#: price inquiries and for most others).
PACES = {"DescribeZoneInstanceConfigInfos": (20.0, 20), "": (5.0, 5)}


class Tencentcloud:
    """The adapter. Everything that a test may want to change is an argument; the SDK is imported when it is used.

    site: "china" (CNY, the default) or "international" (USD). The API names no currency, so this decides what amounts
    are in; an endpoint override of Tencent's own (https://cvm.intl.tencentcloudapi.com) decides it too.
    """

    name = "tencentcloud"
    quota_hint = "the CVM console, Quota Management"
    #: Each region is asked a handful of questions; the API allows 40 and 10 a second.
    max_parallel_regions = 5

    def __init__(
        self,
        site: str = "china",
        *,
        timeout: float = 20.0,
        credentials_timeout: float = 3.0,
        workers: int = 8,
        random: Callable[[], float] = random.random,
    ) -> None:
        from providers.tencentcloud.terms import SITES

        if site not in SITES:
            raise MisuseError(f"tencentcloud: unknown site {site!r} (known: {', '.join(SITES)})")
        self.site = site
        self.timeout = timeout
        self.credentials_timeout = credentials_timeout
        self.workers = workers
        self.random = random
        self._lock = threading.Lock()
        self._paces: dict[tuple[str, str], Pace] = {}

    def pace(self, call: str, region: str) -> Pace:
        """Return what keeps `call` within its rate in `region`: Tencent counts per call, region and account."""
        with self._lock:
            rate, burst = PACES.get(call, PACES[""])
            return self._paces.setdefault((call, region), Pace(rate, burst))

    def credentials_hint(self) -> str | None:
        """Return None when the SDK's default chain finds credentials, else what was looked for."""
        from providers.tencentcloud.ask import find_credentials

        return find_credentials(self.credentials_timeout)[1]

    def default_regions(self) -> tuple[str, ...]:
        return ("ap-guangzhou", "ap-shanghai", "ap-beijing", "ap-nanjing", "ap-singapore")

    def fetch(self, region: str, access: Access) -> Batch:
        """Return everything the API gives for `region`; raise `FetchError` when any part of it cannot be trusted."""
        from providers.tencentcloud.fetch import fetch

        return fetch(self, region, access)

    def quotas(self, region: str, wanted: Wanted, access: Access) -> tuple[Quota, ...]:
        """Return what the account may still start; raise `FetchError` where it cannot be asked."""
        from providers.tencentcloud.quota import quotas

        return quotas(self, region, wanted, access)

    def self_check(self, access: Access) -> Iterable[tuple[str, bool, str]]:
        """Yield (call, ok, what was seen) for each call that `fetch` makes, with one small question each."""
        from providers.tencentcloud.check import self_check

        return self_check(self, access)

    def variables(self) -> Mapping[str, str]:
        """Return what the Terraform templates need to know about this cloud beyond the quote."""
        return {"provider_source": "tencentcloudstack/tencentcloud"}


provider = Tencentcloud()
