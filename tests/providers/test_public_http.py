"""Reading a file from the web: going on where it broke off, giving up in time, refusing what is not safe."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest

from planner.errors import FetchError
from providers import _http
from tests.providers.fake_aws import FakeAws, Handler

pytest.importorskip("urllib3", reason="urllib3 is not installed")

BODY = bytes(range(256)) * 4000


@pytest.fixture
def fake() -> Iterator[FakeAws]:
    with FakeAws() as server:
        server.files["/file"] = (BODY, {"ETag": '"one"'})
        yield server


def _read(url: str, waits: list[float] | None = None) -> bytes:
    with _http.Download(url, "a file", (waits if waits is not None else []).append) as stream:
        return io.BufferedReader(stream, 1 << 16).read()


def _half(handler: Handler, body: bytes = BODY, etag: str = '"one"') -> bool:
    """Send the first half of what Content-Length promises, then hang up."""
    start = int((handler.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
    rest = body[start:]
    handler.send_response(206 if start else 200)
    handler.send_header("ETag", etag)
    handler.send_header("Content-Length", str(len(rest)))
    handler.end_headers()
    handler.wfile.write(rest[: len(rest) // 2])
    handler.close_connection = True
    return True


def test_a_broken_connection_is_taken_up_where_it_broke(fake: FakeAws) -> None:
    waits: list[float] = []
    fake.faults["/file"].extend([lambda h, _: _half(h), lambda h, _: _half(h)])
    assert _read(fake.url + "/file", waits) == BODY
    asked = [headers.get("Range") for headers in fake.calls("/file")]
    assert asked == [None, f"bytes={len(BODY) // 2}-", f"bytes={len(BODY) * 3 // 4}-"]
    assert len(waits) == 2


def test_a_file_that_changed_meanwhile_is_refused(fake: FakeAws) -> None:
    fake.faults["/file"].append(lambda h, _: _half(h))
    fake.files["/file"] = (BODY, {"ETag": '"two"'})
    with pytest.raises(FetchError, match="broke off after 512,000 bytes and cannot be taken up there"):
        _read(fake.url + "/file")


def test_a_part_of_another_version_is_refused(fake: FakeAws) -> None:
    fake.faults["/file"].extend([lambda h, _: _half(h), lambda h, _: _half(h, etag='"two"')])
    with pytest.raises(FetchError, match="cannot be taken up there"):
        _read(fake.url + "/file")


def test_without_an_etag_nothing_is_pieced_together(fake: FakeAws) -> None:
    fake.faults["/file"].append(lambda h, _: _half(h, etag=""))
    with pytest.raises(FetchError, match="cannot be taken up there"):
        _read(fake.url + "/file")


def test_five_tries_and_waits_under_the_cap(fake: FakeAws) -> None:
    waits: list[float] = []
    fake.always["/file"] = lambda h, _: h.send(503, b"", "text/plain") or True
    with pytest.raises(FetchError, match=r"a file: HTTP 503, 5 tries; check the network"):
        _read(fake.url + "/file", waits)
    assert len(fake.calls("/file")) == 5 and len(waits) == 4
    assert all(0 <= wait <= 2**number for number, wait in enumerate(waits))


def test_waits_never_pass_twenty_seconds(monkeypatch: pytest.MonkeyPatch, fake: FakeAws) -> None:
    waits: list[float] = []
    monkeypatch.setattr(_http, "TRIES", 12)
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    fake.always["/file"] = lambda h, _: h.send(429, b"", "text/plain") or True
    with pytest.raises(FetchError, match="still throttled"):
        _read(fake.url + "/file", waits)
    assert waits == [1, 2, 4, 8, 16, 20, 20, 20, 20, 20, 20]


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_not_tried_again(fake: FakeAws, status: int) -> None:
    fake.always["/file"] = lambda h, _: h.send(status, b"", "text/plain") or True
    with pytest.raises(FetchError, match=f"HTTP {status}") as caught:
        _read(fake.url + "/file")
    assert len(fake.calls("/file")) == 1
    assert isinstance(caught.value, _http.MissingFileError) == (status in (403, 404))


def test_no_connection() -> None:
    with FakeAws() as gone:
        url = gone.url
    with pytest.raises(FetchError, match="a file: no connection, 5 tries"):
        _read(url + "/file")


def test_a_silent_server_is_left_in_time(fake: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setattr(_http, "READ_SECONDS", 0.1)
    fake.always["/file"] = lambda h, _: time.sleep(0.3) or True
    with pytest.raises(FetchError, match=r"no answer within 0.1 s, 5 tries"):
        _read(fake.url + "/file")


def _to(where: str) -> Any:
    def fault(handler: Handler, call: str) -> bool:
        handler.send_response(302)
        handler.send_header("Location", where)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return True

    return fault


def test_redirections(fake: FakeAws) -> None:
    fake.always["/old"] = _to("/file")
    assert _read(fake.url + "/old") == BODY
    fake.always["/bad"] = _to("http://prices.example.com/file")
    with pytest.raises(FetchError, match="https only"):
        _read(fake.url + "/bad")
    fake.always["/round"] = _to("/round")
    with pytest.raises(FetchError, match="more than 4 redirections"):
        _read(fake.url + "/round")


def test_plain_http_and_other_schemes_are_refused() -> None:
    for url in ("http://prices.example.com/x", "file:///etc/hostname", "ftp://prices.example.com/x"):
        with pytest.raises(FetchError, match="https only"):
            _read(url)


def test_an_encoding_that_was_not_asked_for(fake: FakeAws) -> None:
    fake.files["/file"] = (BODY, {"ETag": '"one"', "Content-Encoding": "gzip"})
    with pytest.raises(FetchError, match="sent as gzip"):
        _read(fake.url + "/file")


def test_lines_and_small_files_have_their_limits(fake: FakeAws) -> None:
    fake.files["/text"] = (b"a\nbb\nccc", {})
    with _http.Download(fake.url + "/text", "a file") as stream:
        assert list(_http.lines(stream, "a file")) == ["a\n", "bb\n", "ccc"]
    with _http.Download(fake.url + "/file", "a file") as stream, pytest.raises(FetchError, match="not text"):
        list(_http.lines(stream, "a file"))
    with pytest.raises(FetchError, match="larger than 1,000 bytes"):
        _http.read_small(fake.url + "/file", "a file", most=1000)
