"""Alibaba Cloud: ECS instance types and prices, asked with the user's own keys (or read without any, see `public`)."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Mapping

from planner.provider import Access, Batch, Quota, Wanted
from providers._retry import Pace

__all__ = ["Alicloud", "provider"]

#: DescribePrice allows 500 calls a minute and account (its page in the API portal, 2024-12-26): 100 at once and 6 a
#: second after that are at most 460 in any minute. The other calls are kept to the same pace.
PRICE_BURST, PRICE_PER_SECOND = 100, 6.0


class Alicloud:
    """The adapter. Everything that a test may want to change is an argument; the SDK is imported when it is used."""

    name = "alicloud"
    quota_hint = "Quota Center, Elastic Compute Service"
    public_source = "the file behind Alibaba Cloud's ECS price page"
    #: One account's rate is shared by its regions; more regions at once would only wait for each other.
    max_parallel_regions = 5

    def __init__(
        self,
        *,
        connect_timeout: float = 5.0,
        read_timeout: float = 20.0,
        credentials_timeout: float = 3.0,
        workers: int = 12,
        random: Callable[[], float] = random.random,
    ) -> None:
        self.connect_timeout = connect_timeout
        self.read_timeout = read_timeout
        self.credentials_timeout = credentials_timeout
        self.workers = workers
        self.random = random
        self.paces = _Paces()

    def credentials_hint(self) -> str | None:
        """Return None when the SDK's default chain finds credentials, else what was looked for."""
        from providers.alicloud.ask import find_credentials

        return find_credentials(self.credentials_timeout)[1]

    def default_regions(self) -> tuple[str, ...]:
        return ("cn-hangzhou", "cn-shanghai", "cn-beijing", "cn-shenzhen", "ap-southeast-1")

    def fetch(self, region: str, access: Access) -> Batch:
        """Return everything the API gives for `region`; raise `FetchError` when any part of it cannot be trusted."""
        if access.public:
            from providers.alicloud.public import fetch as fetch_public

            return fetch_public(region, access)
        from providers.alicloud.fetch import fetch

        return fetch(self, region, access)

    def quotas(self, region: str, wanted: Wanted, access: Access) -> tuple[Quota, ...]:
        """Return what the account may still start; raise `FetchError` where it cannot be asked."""
        from providers.alicloud.quota import quotas

        return quotas(self, region, wanted, access)

    def self_check(self, access: Access) -> Iterable[tuple[str, bool, str]]:
        """Yield (call, ok, what was seen) for each call that `fetch` makes, with one small question each."""
        if access.public:
            from providers.alicloud.public import self_check as check_public

            return check_public(access)
        from providers.alicloud.check import self_check

        return self_check(self, access)

    def variables(self) -> Mapping[str, str]:
        """Return what the Terraform templates need to know about this cloud beyond the quote."""
        return {"provider_source": "aliyun/alicloud"}


class _Paces:
    """One `Pace` per call, made when first asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paces: dict[str, Pace] = {}

    def wait(self, call: str, sleep: Callable[[float], None]) -> None:
        with self._lock:
            pace = self._paces.setdefault(call, Pace(PRICE_PER_SECOND, PRICE_BURST))
        pace.wait(sleep)


provider = Alicloud()
