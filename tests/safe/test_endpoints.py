"""The official SDKs, and the reader of public files, against endpoints that mean harm: nothing leaks, everything ends."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from planner.errors import FetchError, PlannerError
from planner.provider import Access
from providers import _http
from tests.fakecloud.fakecloud import REGIONS, Fake
from tests.providers import fake_alicloud, fake_aws, fake_tencentcloud
from tests.safe import hostile
from tests.safe.hostile import serving

NOW = "2026-11-23T12:00:00+00:00"
TOKEN = "a-session-token-of-no-account"
PASSWORD = "pr0xy-passw0rd"


def _aws(url: str) -> None:
    from providers.aws import provider

    provider.fetch("us-east-1", Access(now=NOW, endpoint=url, families=("g5",), sleep=lambda s: None))


def _alicloud(url: str) -> None:
    from providers.alicloud import Alicloud

    Alicloud(read_timeout=2.0, workers=2, random=lambda: 0.0).fetch(
        "cn-hangzhou", Access(now=NOW, endpoint=url, families=("gn7i",), sleep=lambda s: None)
    )


def _tencentcloud(url: str) -> None:
    from providers.tencentcloud import Tencentcloud

    Tencentcloud(timeout=2.0, workers=2, random=lambda: 0.0).fetch(
        "ap-guangzhou", Access(now=NOW, endpoint=url, families=("GN7",), sleep=lambda s: None)
    )


def _public_alicloud(url: str) -> None:
    from providers.alicloud import Alicloud

    Alicloud().fetch("cn-hangzhou", Access(now=f"{NOW}{url}", public=True, endpoint=url, sleep=lambda s: None))


def _public_aws(url: str) -> None:
    from providers.aws import provider

    provider.fetch("us-east-1", Access(now=NOW, public=True, endpoint=url, sleep=lambda s: None))


SDKS = [_aws, _alicloud, _tencentcloud]
ALL = [*SDKS, _public_aws, _public_alicloud]
Ask = Callable[[str], None]


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from botocore.retries.standard import ExponentialBackoff

    fake_alicloud.use_keys(monkeypatch, token=TOKEN)
    fake_tencentcloud.use_keys(monkeypatch)
    for name, value in {
        "AWS_ACCESS_KEY_ID": fake_aws.KEY,
        "AWS_SECRET_ACCESS_KEY": fake_aws.SECRET,
        "AWS_SESSION_TOKEN": TOKEN,
        "TENCENTCLOUD_TOKEN": TOKEN,
        "AWS_CONFIG_FILE": f"{tmp_path}/none",
        "AWS_SHARED_CREDENTIALS_FILE": f"{tmp_path}/none",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda self, context: 0.001)
    monkeypatch.setattr("random.random", lambda: 0.0)


def _refused(ask: Ask, url: str) -> str:
    with pytest.raises(FetchError) as caught:
        ask(url)
    line = str(caught.value)
    assert "\n" not in line and TOKEN not in line and PASSWORD not in line
    return line


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("ask", SDKS)
def test_a_redirect_is_not_followed_and_no_token_leaves_the_host(ask: Ask, status: int) -> None:
    with serving(hostile.saying(200)) as elsewhere, serving(hostile.to(elsewhere.url + "/", status)) as named:
        line = _refused(ask, named.url)
        assert "redirect" in line and "not followed" in line
        assert any(TOKEN in head or "authorization:" in head for head in named.heads)
        assert elsewhere.heads == []


def test_the_credential_chain_s_own_sessions_follow_none_either() -> None:
    """STS, and an address of the user's for credentials: both of Alibaba's HTTP cores send through guarded sessions."""
    import Tea.core
    from Tea.request import TeaRequest

    from providers._session import guard_darabonba

    guard_darabonba()
    with serving(hostile.saying(200)) as elsewhere, serving(hostile.to(elsewhere.url + "/")) as named:
        request = TeaRequest()
        request.method, request.pathname, request.protocol = "POST", "/", "http"
        request.headers = {"host": named.url.partition("//")[2], "x-acs-security-token": TOKEN}
        request.port = 80
        with pytest.raises(FetchError, match="not followed"):
            Tea.core.TeaCore.do_action(request)
        assert len(named.heads) == 1 and elsewhere.heads == []


@pytest.mark.parametrize("ask", ALL)
def test_loopback_asks_no_proxy(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(hostile.saying(403)) as named, serving(hostile.saying(403)) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        _refused(ask, named.url)
        assert named.heads and proxy.heads == []


@pytest.mark.parametrize(
    "proxy",
    [f"http://user:{PASSWORD}@[bad", f"http://user:{PASSWORD}@127.0.0.1:1", f"http://user:{PASSWORD}/@x@127.0.0.1:1"],
)
@pytest.mark.parametrize("ask", ALL)
def test_a_proxy_s_password_is_in_no_message(ask: Ask, proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, proxy)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    line = _refused(ask, "https://named.invalid")
    assert "user" not in line


@pytest.mark.parametrize("ask", ALL)
@pytest.mark.parametrize("answer", [hostile.endless, hostile.bomb], ids=["endless", "bomb"])
def test_an_answer_without_end_fills_no_memory(ask: Ask, answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """64 MiB is the bound; here a quarter of it, for time's sake."""
    monkeypatch.setattr(_http, "MOST_BYTES", 16 << 20)
    monkeypatch.setattr(_http, "MOST_STREAMED", 16 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with serving(answer) as named:
        begin = time.monotonic()
        line = _refused(ask, named.url)
        assert time.monotonic() - begin < 20
    assert "more than" in line or "not asked for" in line or "of more than" in line or "larger than" in line, line
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 << 10


def test_the_threads_of_a_region_share_the_bound() -> None:
    bound = _http.Bound()
    bound.take(_http.MOST_BYTES, "one")
    with pytest.raises(_http.UnsafeAnswerError, match="more than 67,108,864 bytes"):
        bound.take(1, "another")
    bound.take(-_http.MOST_BYTES - 1, "both")
    assert bound.left() == _http.MOST_BYTES


def test_the_bound_is_what_the_documents_say() -> None:
    assert _http.MOST_BYTES == 64 << 20 and _http.REGION_SECONDS == 600


@pytest.mark.parametrize("ask", ALL)
def test_a_byte_at_a_time_ends(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http, "REGION_SECONDS", 1.0)
    with serving(hostile.trickle) as named:
        begin = time.monotonic()
        assert "within 1 s" in _refused(ask, named.url)
        assert time.monotonic() - begin < 8


@pytest.mark.parametrize("ask", ALL)
def test_429_is_tried_again_whatever_is_in_it(ask: Ask) -> None:
    with serving(hostile.saying(429)) as named:
        line = _refused(ask, named.url)
        assert "throttled" in line and len(named.heads) >= 5


@pytest.mark.parametrize("ask", SDKS)
@pytest.mark.parametrize("status", [404, 418])
def test_another_status_is_not_tried_again(ask: Ask, status: int) -> None:
    with serving(hostile.saying(status, b"<html>no</html>")) as named:
        _refused(ask, named.url)
        questions = len(named.heads)
    assert questions <= 6  # each of those that were on their way at once, once


def test_a_region_that_never_ends_is_given_up_and_the_others_go_on(tmp_path: Path) -> None:
    """A head sent letter by letter is bounded by no reader: the refresh leaves it behind."""
    from planner.prices.book.write import Writer
    from planner.prices.refresh import Job, Outcome, run

    class Slow(Fake):
        max_parallel_regions = 1

        def fetch(self, region: str, access: Access) -> Any:
            if region == jobs[0].region:
                _http.read_small(access.endpoint, "a file")
            return super().fetch(region, access._replace(endpoint=""))

    seen: list[Outcome] = []
    with serving(hostile.trickling_head) as named, Writer.open(str(tmp_path / "b.db")) as book:
        slow = Slow("fakecloud")
        jobs = [Job(slow, region, Access("2026-11-23T12:00:00Z", endpoint=named.url)) for region in REGIONS[:2]]
        run(jobs, book, seen.append, threading.Event(), limit=1.0)
    errors = {outcome.region: outcome.error for outcome in seen}
    assert "did not end within" in errors[REGIONS[0]] and not errors[REGIONS[1]]


def test_a_public_file_may_not_point_to_this_machine() -> None:
    with pytest.raises(PlannerError, match="https only"):
        _http.read_small("http://example.com/x", "a file")
