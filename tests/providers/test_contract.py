"""The three adapters hold the contract that any adapter must (planner.testing), with their SDKs against local servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from planner.provider import Access, Provider
from planner.testing import ProviderContract
from tests.providers import test_alicloud as ali
from tests.providers import test_tencentcloud as tencent
from tests.providers.aws_world import NOW, REGION, World
from tests.providers.fake_aws import KEY, SECRET, FakeAws


class _Local(ProviderContract):
    __test__ = False
    url = ""

    def access(self, **changes: Any) -> Access:
        return Access(now=NOW, endpoint=self.url, sleep=lambda _: None)._replace(**changes)


class TestAws(_Local):
    __test__ = True
    region = REGION
    family = "p4d"
    heavy = ("boto3", "botocore")
    secrets = (SECRET,)

    @pytest.fixture(autouse=True)
    def _server(self, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> Iterator[None]:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/none")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        with FakeAws() as server:
            World().fill(server)
            self.url = server.url
            yield

    def provider(self) -> Provider:
        from providers.aws import provider

        return provider


class TestAlicloud(_Local):
    __test__ = True
    region = ali.REGION
    heavy = (
        "alibabacloud_credentials",
        "alibabacloud_ecs20140526",
        "alibabacloud_tea_openapi",
        "darabonba",
        "requests",
        "Tea",
    )
    secrets = (ali.SECRET, ali.KEY_ID)
    family = "gn7i"

    @pytest.fixture(autouse=True)
    def server(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        ali.use_keys(monkeypatch)
        fake = ali.FakeAlicloud(ali.world())
        sold = fake.answers["DescribeAvailableResource"]
        fake.answers["DescribeAvailableResource"] = lambda asked: (
            ali.error(404, "InvalidRegionId.NotFound") if asked["RegionId"] == self.unknown_region else sold
        )
        self.url = fake.url
        yield
        fake.close()

    def provider(self) -> Provider:
        from providers.alicloud import Alicloud

        return Alicloud(random=lambda: 0.0)


class TestTencentcloud(_Local):
    __test__ = True
    region = tencent.REGION
    heavy = ("tencentcloud", "tencentcloud.common", "requests")
    secrets = (tencent.SECRET, tencent.KEY_ID)
    family = "GN10Xp"

    @pytest.fixture(autouse=True)
    def server(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        tencent.use_keys(monkeypatch)
        fake = tencent.FakeTencentcloud(tencent.world())
        for call, answer in list(fake.answers.items()):
            fake.answers[call] = lambda asked, answer=answer: (
                tencent.error("UnsupportedRegion")
                if asked["_region"] == self.unknown_region
                else answer(asked)
                if callable(answer)
                else answer
            )
        self.url = fake.url
        yield
        fake.close()

    def provider(self) -> Provider:
        from providers.tencentcloud import Tencentcloud

        return Tencentcloud(random=lambda: 0.0)
