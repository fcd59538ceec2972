"""Both Chinese clouds through `planner.prices.refresh` into a price book: whatever one region meets, the book loses nothing."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from planner.prices.book import PriceBook
from planner.prices.book.write import Writer
from planner.prices.refresh import Job, Outcome, run
from planner.provider import Access, Provider
from providers.alicloud import Alicloud
from providers.tencentcloud import Tencentcloud
from tests.providers import test_alicloud as ali
from tests.providers import test_tencentcloud as tencent
from tests.providers.fake_http import FakeCloud

GOOD, BAD = "ap-singapore-good", "ap-singapore-bad"
FIRST, SECOND = "2026-11-22T10:00:00Z", "2026-11-23T10:00:00Z"


class Cloud:
    """An adapter, its stand-in, and how that fails."""

    def __init__(self, adapter: Provider, fake: FakeCloud, call: str, errors: Any) -> None:
        self.adapter, self.fake, self.call, self.error = adapter, fake, call, errors

    def refresh(self, path: str, now: str) -> dict[str, Outcome]:
        access = Access(now=now, endpoint=self.fake.url, sleep=lambda _: None)
        jobs = [Job(self.adapter, region, access) for region in (BAD, GOOD)]
        with Writer.open(path) as book:
            outcomes = run(jobs, book, lambda outcome: None, threading.Event())
        return {outcome.region: outcome for outcome in outcomes}


@pytest.fixture(params=["alicloud", "tencentcloud"])
def cloud(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    if request.param == "alicloud":
        ali.use_keys(monkeypatch)
        world = ali.world()
        fake: FakeCloud = ali.FakeAlicloud(world)
        made = Cloud(
            Alicloud(read_timeout=0.2, random=lambda: 0.0),
            fake,
            "DescribePrice",
            {
                "503": ali.error(503, "ServiceUnavailable"),
                "secret": ali.error(400, "SignatureDoesNotMatch"),
                "token": ali.error(400, "InvalidSecurityToken.Expired"),
                "clock": ali.error(400, "InvalidTimeStamp.Expired"),
            },
        )
    else:
        tencent.use_keys(monkeypatch)
        fake = tencent.FakeTencentcloud(tencent.world())
        made = Cloud(
            Tencentcloud(timeout=0.2, random=lambda: 0.0),
            fake,
            tencent.CONFIGS,
            {
                "503": (503, {}, {}),
                "secret": tencent.error("AuthFailure.SignatureFailure"),
                "token": tencent.error("AuthFailure.TokenFailure"),
                "clock": tencent.error("AuthFailure.SignatureExpire"),
            },
        )
    yield made
    fake.close()


def rows(path: str, name: str, region: str, as_of: str = "") -> list[tuple[Any, ...]]:
    book = PriceBook.open_for_read(path)
    assert book is not None
    try:
        return sorted((row.key, row.amount) for row in book.prices(name, region, as_of))
    finally:
        book.close()


def test_two_regions_are_kept_and_quoted_from(cloud, tmp_path):
    path = str(tmp_path / "book.sqlite3")
    outcomes = cloud.refresh(path, FIRST)
    assert [outcome.error for outcome in outcomes.values()] == ["", ""]
    assert rows(path, cloud.adapter.name, GOOD)
    assert len(rows(path, cloud.adapter.name, GOOD)) == outcomes[GOOD].counts[0]


@pytest.mark.parametrize("fault", ["throttle", "503", "drop", "stall", "truncate", "secret", "token", "clock"])
def test_a_failing_region_loses_nothing_and_stops_no_other(cloud, tmp_path, fault):
    path = str(tmp_path / "book.sqlite3")
    name = cloud.adapter.name
    cloud.refresh(path, FIRST)
    before = rows(path, name, BAD)
    reply = cloud.error.get(fault)
    cloud.fake.fail("reply" if reply else fault, cloud.call, reply=reply, region=BAD)
    outcomes = cloud.refresh(path, SECOND)
    assert outcomes[BAD].error.startswith(f"{name} {BAD}: {cloud.call}"), outcomes[BAD].error
    assert outcomes[GOOD].error == "" and outcomes[GOOD].counts[0] > 0
    assert before and rows(path, name, BAD) == before


def test_refused_connections_leave_the_book_as_it_was(cloud, tmp_path):
    path = str(tmp_path / "book.sqlite3")
    cloud.refresh(path, FIRST)
    before = rows(path, cloud.adapter.name, "")
    cloud.fake.close()
    outcomes = cloud.refresh(path, SECOND)
    assert all("could not be reached" in outcome.error for outcome in outcomes.values())
    assert rows(path, cloud.adapter.name, "") == before


def test_an_answer_without_anything_does_not_withdraw_what_was_there(cloud, tmp_path):
    path = str(tmp_path / "book.sqlite3")
    cloud.refresh(path, FIRST)
    before = rows(path, cloud.adapter.name, "")
    empty = {
        "DescribeInstanceTypes": {"InstanceTypes": {"InstanceType": []}},
        tencent.CONFIGS: {"InstanceTypeQuotaSet": []},
    }
    cloud.fake.answers.update({call: answer for call, answer in empty.items() if call in cloud.fake.answers})
    outcomes = cloud.refresh(path, SECOND)
    assert all("an empty region is not kept" in outcome.error for outcome in outcomes.values())
    assert rows(path, cloud.adapter.name, "") == before
