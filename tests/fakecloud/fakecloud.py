"""A cloud for tests, found like any third party's: by its entry point. What it does is told by $FAKECLOUD (JSON).

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
from planner.offer import InstanceType, Price, ServicePrice, TransferPrice
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
        types = tuple(
            InstanceType(self.name, n, 8, Decimal(64), "A10", Decimal(1), Decimal(24), None, 0, "fake", "high", "")
            for n in names
        )
        prices = tuple(
            Price(
                self.name,
                "fake",
                region,
                n,
                "on_demand",
                "",
                "",
                "",
                "hour",
                Decimal(amount) if i == 0 else Decimal(i % 100) + Decimal("1.25"),
                "USD",
                Decimal(0),
                None,
                "",
                "linux",
                "2026-01-01",
                "",
                "fake DescribePrice",
                "high",
                "",
                "",
                "book",
                "",
            )
            for i, n in enumerate(names)
        )
        transfer = (
            TransferPrice(
                self.name,
                "fake",
                region,
                "internet",
                "",
                Decimal(0),
                None,
                Decimal("0.09"),
                "USD",
                False,
                "2026-01-01",
                "",
                "fake DescribeTraffic",
                "high",
                "",
                "",
                "book",
                "",
            ),
        )
        services = (
            ServicePrice(
                self.name,
                "fake",
                region,
                "block_storage",
                "ssd",
                "GB-month",
                Decimal("0.08"),
                "USD",
                True,
                "2026-01-01",
                "",
                "fake DescribeDisk",
                "high",
                "",
                "",
                "book",
                "",
            ),
        )
        return Batch(self.name, region, "fake", types, prices, transfer, services, ("Spot prices are not sold.",))

    def self_check(self, access: Access) -> Iterable[tuple[str, bool, str]]:
        told = self._told()
        yield "DescribePrice", True, "10.5 USD"
        if told.get("check_fails"):
            yield "DescribeTraffic", False, "answered 403:\nno permission"

    def variables(self) -> Mapping[str, str]:
        return {"title": "Fake Cloud"}


provider = Fake("fakecloud")
other = Fake("otherfake")
