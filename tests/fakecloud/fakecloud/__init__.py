"""A cloud for tests, a package of its own and found like any third party's: by its entry point, with its price lists in
`catalog/` beside this file. What its API does is told by $FAKECLOUD (JSON).

delay_s: seconds per region. amount: price of the first type. rows: prices per region. drop: leave out that many.
fail: {region: message}; crash: regions in which it raises what an SDK might; hint: no credentials, and why.
public: "" = no public source. zero: regions with a zero price. raw: text handed to keep_raw. wrong_region: regions
that answer for another one.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from planner.errors import FetchError
from planner.offer import InstanceType, Price, ServicePrice, Source, TransferPrice, Way
from planner.provider import Access, Batch, checked_endpoint, in_families

REGIONS = ("north-1", "north-2", "south-1", "south-2", "west-1")


class Fake:
    max_parallel_regions = 4

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def public_source(self) -> str:
        return str(self._told().get("public", "the fake list"))

    def _told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(os.environ.get("FAKECLOUD", "{}"))
        return told | told.get(self.name, {})

    def credentials_hint(self) -> str | None:
        hint: str | None = self._told().get("hint")
        return hint

    def default_regions(self) -> tuple[str, ...]:
        return tuple(self._told().get("regions", REGIONS))

    def fetch(self, region: str, access: Access) -> Batch:
        told = self._told()
        if access.endpoint:
            checked_endpoint(access.endpoint, self.name)
        time.sleep(told.get("delay_s", 0))
        if region not in self.default_regions():
            raise FetchError(f"{self.name} {region}: no such region")
        if region in told.get("fail", {}):
            raise FetchError(f"{self.name} {region}: {told['fail'][region]}")
        if region in told.get("crash", ()):
            raise KeyError("PriceInfo\nmissing")
        if access.keep_raw is not None:
            access.keep_raw("DescribePrice.json", told.get("raw", '{"price": "10.5"}'))
        if region in told.get("wrong_region", ()):
            region = "elsewhere"
        count = int(told.get("rows", 8))
        names = [f"{'g' if i % 2 else 'h'}{i}.{i}xlarge" for i in range(count)]
        names = [name for name in names if in_families(name, access.families)][int(told.get("drop", 0)) :]
        amount = "0" if region in told.get("zero", ()) else str(told.get("amount", "10.5"))
        types = tuple(self._type(n) for n in names)
        prices = tuple(
            Price(
                way=Way(provider=self.name, site="fake", region=region, instance_type=n, purchase_option="on_demand"),
                unit="hour",
                amount=Decimal(amount) if i == 0 else Decimal(i % 100) + Decimal("1.25"),
                currency="USD",
                source=_source("fake DescribePrice"),
            )
            for i, n in enumerate(names)
        )
        transfer = TransferPrice(
            provider=self.name,
            site="fake",
            region=region,
            destination="internet",
            to_region="",
            from_gb=Decimal(0),
            to_gb=None,
            amount=Decimal("0.09"),
            currency="USD",
            source=_source("fake DescribeTraffic"),
        )
        service = ServicePrice(
            provider=self.name,
            site="fake",
            region=region,
            item="block_storage",
            variant="ssd",
            unit="GB-month",
            amount=Decimal("0.08"),
            currency="USD",
            source=_source("fake DescribeDisk"),
            default=True,
        )
        return Batch(
            provider=self.name,
            region=region,
            account_site="fake",
            instance_types=types,
            prices=prices,
            transfer=(transfer,),
            services=(service,),
            gaps=("Spot prices are not sold.",),
        )

    def _type(self, name: str) -> InstanceType:
        return InstanceType(
            provider=self.name,
            name=name,
            vcpu=8,
            memory_gib=Decimal(64),
            gpu_model="A10",
            gpu_count=Decimal(1),
            gpu_memory_gib=Decimal(24),
            network_gbps=None,
            local_nvme_gb=0,
            source="fake",
            confidence="high",
            note="",
        )

    def self_check(self, access: Access) -> Iterable[tuple[str, bool, str]]:
        told = self._told()
        yield "DescribePrice", True, "10.5 USD"
        if told.get("check_fails"):
            yield "DescribeTraffic", False, "answered 403:\nno permission"

    def variables(self) -> Mapping[str, str]:
        return {"title": "Fake Cloud"}


def _source(words: str) -> Source:
    return Source(text=words, as_of="2026-01-01", dated="", confidence="high", origin="book")


provider = Fake("fakecloud")
