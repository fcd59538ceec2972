"""What every adapter promises (`planner.testing.ProviderContract`), for both Chinese clouds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from planner.provider import Access, Provider
from planner.testing import ProviderContract
from providers.alicloud import Alicloud
from providers.tencentcloud import Tencentcloud
from tests.providers import test_alicloud as ali
from tests.providers import test_tencentcloud as tencent
from tests.providers.fake_http import FakeCloud


class Local(ProviderContract):
    __test__ = False
    fake: FakeCloud

    def access(self, **changes: Any) -> Access:
        base = Access(now=ali.NOW, endpoint=self.fake.url, sleep=lambda _: None)
        return base._replace(**changes)


class TestAlicloud(Local):
    __test__ = True
    region = ali.REGION
    heavy = ("alibabacloud_ecs20140526", "alibabacloud_tea_openapi", "Tea", "requests")
    secrets = (ali.SECRET, ali.KEY_ID)
    family = "gn7i"

    @pytest.fixture(autouse=True)
    def server(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        ali.use_keys(monkeypatch)
        self.fake = ali.FakeAlicloud(ali.world())
        sold = self.fake.answers["DescribeAvailableResource"]
        self.fake.answers["DescribeAvailableResource"] = lambda asked: (
            ali.error(404, "InvalidRegionId.NotFound") if asked["RegionId"] == self.unknown_region else sold
        )
        yield
        self.fake.close()

    def provider(self) -> Provider:
        return Alicloud(random=lambda: 0.0)


class TestTencentcloud(Local):
    __test__ = True
    region = tencent.REGION
    heavy = ("tencentcloud.common", "requests")
    secrets = (tencent.SECRET, tencent.KEY_ID)
    family = "GN7"

    @pytest.fixture(autouse=True)
    def server(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        tencent.use_keys(monkeypatch)
        self.fake = tencent.FakeTencentcloud(tencent.world())
        for call, answer in list(self.fake.answers.items()):
            self.fake.answers[call] = lambda asked, answer=answer: (
                tencent.error("UnsupportedRegion")
                if asked["_region"] == self.unknown_region
                else answer(asked)
                if callable(answer)
                else answer
            )
        yield
        self.fake.close()

    def provider(self) -> Provider:
        return Tencentcloud(random=lambda: 0.0)
