"""The AWS adapter holds what every adapter must."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from planner.provider import Access, Provider
from planner.testing import ProviderContract
from providers.aws import provider
from tests.providers.aws_world import NOW, REGION, World
from tests.providers.fake_aws import KEY, SECRET, FakeAws

pytest.importorskip("boto3", reason="boto3 is not installed")


class TestAws(ProviderContract):
    region = REGION
    heavy = ("boto3", "botocore", "urllib3", "ijson")
    secrets = (SECRET, KEY)
    family = "g5"
    url = ""

    @pytest.fixture(autouse=True)
    def _server(self, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> Iterator[None]:
        for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/none")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        with FakeAws() as fake:
            self.url = World().fill(fake).url
            yield

    def provider(self) -> Provider:
        return provider

    def access(self, **changes: Any) -> Access:
        return Access(now=NOW, endpoint=self.url)._replace(**changes)
