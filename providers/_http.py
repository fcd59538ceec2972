"""What is read from the web, in bounded memory and time: files as streams, and the answers that the SDKs get.

A file is taken up where a broken connection stopped.
https, or http on loopback, only; explicit timeouts; five tries in a row with full jitter (20 s at most between two),
only after throttling (429), 5xx and network errors. A file that changes while it is read is refused: half of one
price list and half of the next is neither.
"""

from __future__ import annotations

import io
import random
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

from planner.addresses import loopback, proxy_for
from planner.errors import FetchError, MisuseError
from planner.provider import checked_endpoint

__all__ = [
    "MOST_BYTES",
    "Bound",
    "Download",
    "MissingFileError",
    "UnsafeAnswerError",
    "lines",
    "read_bounded",
    "read_small",
    "refuse_redirect",
]

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
TRIES = 5
LONGEST_WAIT = 20.0
_CHUNK = 1 << 18
_REDIRECTS = 4

#: What one answer may hold after decoding, and what of a streamed file may be kept in memory.
MOST_BYTES = 64 << 20
#: What a streamed file may hold: the largest price list has some 300 MB.
MOST_STREAMED = 4 << 30
#: How long a region, or a file, may take altogether: a server that sends a byte a second never times out by itself.
REGION_SECONDS = 600.0


class MissingFileError(FetchError):
    """There is no file at this address (HTTP 403 or 404)."""


class UnsafeAnswerError(FetchError):
    """An answer that is not read: a redirect, one without end, one that takes too long. status: HTTP's, 0 = not its fault."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Bound:
    """Until when answers are read: `seconds` from now on, REGION_SECONDS unless given; and how much of them at a time.

    The threads of a region share it: what they are reading at one moment is together at most MOST_BYTES.
    """

    def __init__(self, seconds: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = REGION_SECONDS if seconds is None else seconds
        self._clock = clock
        self._end = clock() + self._seconds
        self._lock = threading.Lock()
        self._reading = 0

    def check(self, what: str) -> None:
        """Raise `UnsafeAnswerError` when the time is over."""
        if self._clock() > self._end:
            raise UnsafeAnswerError(
                f"{what} did not answer wholly within {self._seconds:g} s; try again later, or ask for less at once"
            )

    def left(self) -> int:
        """Return how many bytes may still be taken."""
        with self._lock:
            return MOST_BYTES - self._reading

    def take(self, size: int, what: str) -> None:
        """Count what is read, and with a negative size what is read no more; raise `UnsafeAnswerError` beyond the bound."""
        with self._lock:
            self._reading += size
            over = size > 0 and self._reading > MOST_BYTES
        if over:
            raise UnsafeAnswerError(f"{what} answered with more than {MOST_BYTES:,} bytes: not what was asked for")


def read_bounded(raw: Any, what: str, bound: Bound) -> bytes:
    """Return the decoded body of an urllib3 answer; raise `UnsafeAnswerError` beyond the bound's bytes or time.

    Piece by piece as they come, so that neither a byte a second nor a compressed gigabyte gets past the two.
    """
    coding = raw.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise UnsafeAnswerError(f"{what} answered in {coding[:20]!r}, which was not asked for")
    unpack = None if coding in ("", "identity") else zlib.decompressobj(47)
    body = io.BytesIO()
    taken = 0
    try:
        while True:
            bound.check(what)
            data = raw.read1(_CHUNK, decode_content=False)
            try:
                # A piece is a thousandfold at most, and what is left bounds it.
                more = unpack.decompress(data, max(1, bound.left() + 1)) if unpack else data
            except zlib.error as exc:
                raise UnsafeAnswerError(f"{what} answered what is not {coding}, though it says so") from exc
            taken += len(more)
            bound.take(len(more), what)
            if unpack is not None and unpack.unconsumed_tail:  # cut at what was left when it was unpacked
                raise UnsafeAnswerError(f"{what} answered with more than {MOST_BYTES:,} bytes: not what was asked for")
            body.write(more)
            if not data:
                return body.getvalue()
    finally:
        bound.take(-taken, what)


def refuse_redirect(status: int, target: str, host: str) -> None:
    """Raise `UnsafeAnswerError` when an answer to a signed question points elsewhere."""
    if 300 <= status < 400:
        to = urlsplit(target).hostname or "nowhere"
        raise UnsafeAnswerError(
            f"{host} answered with a redirect (HTTP {status}, to {to}), which is not followed: credentials go to the named "
            "host only; check the endpoint and any proxy on the way"
        )


class Download(io.RawIOBase):
    """A readable stream of what stands at `url`; raises `FetchError` with `what` in front. Close it, or use `with`."""

    def __init__(self, url: str, what: str, sleep: Callable[[float], None] | None = None) -> None:
        super().__init__()
        self._url, self._what = url, what
        self._sleep = sleep or time.sleep
        self._done = 0
        self._total: int | None = None
        self._version = ""
        self._failures = 0
        self._answer: Any = None
        self._pools: dict[str, Any] = {}
        self._bound = Bound()
        self._open()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        import urllib3

        view = memoryview(buffer)
        while True:
            try:
                if self._answer is None:
                    self._open()
                self._bound.check(self._what)
                data: bytes = self._answer.read1(len(view), decode_content=False)
                if not data and self._total is not None and self._done < self._total:
                    raise urllib3.exceptions.ProtocolError("cut off")
            except (urllib3.exceptions.HTTPError, OSError) as exc:
                self._again(_word(exc))
                continue
            self._failures = 0 if data else self._failures
            self._done += len(data)
            if self._done > MOST_STREAMED:
                raise UnsafeAnswerError(f"{self._what}: more than {MOST_STREAMED:,} bytes: no price list ({self._url})")
            view[: len(data)] = data
            return len(data)

    def close(self) -> None:
        self._drop()
        for pool in self._pools.values():
            pool.clear()
        super().close()

    def _drop(self) -> None:
        if self._answer is not None:
            self._answer.close()
            self._answer = None

    def _again(self, why: str) -> None:
        """Wait before the next try, or give up."""
        self._drop()
        self._failures += 1
        if self._failures >= TRIES:
            at = f" after {self._done:,} bytes" if self._done else ""
            raise FetchError(
                f"{self._what}: {why}{at}, {TRIES} tries; check the network or the proxy and try again ({self._url})"
            )
        self._sleep(random.uniform(0, min(LONGEST_WAIT, 2.0 ** (self._failures - 1))))  # noqa: S311 - jitter, not a secret

    def _open(self) -> None:
        """Connect at the byte where reading stopped, following redirects to safe addresses."""
        import urllib3

        url = self._url
        hops = 0
        while True:
            try:
                answer = self._ask(url)
            except (urllib3.exceptions.HTTPError, OSError) as exc:
                self._again(_word(exc))
                continue
            if answer.status in (301, 302, 303, 307, 308) and answer.headers.get("location"):
                answer.close()
                before, url, hops = url, urljoin(url, answer.headers["location"]), hops + 1
                if loopback(urlsplit(url).hostname or "") and not loopback(urlsplit(before).hostname or ""):
                    raise FetchError(f"{self._what}: refused a redirection to this machine ({self._url})")
                if hops > _REDIRECTS:
                    raise FetchError(f"{self._what}: more than {_REDIRECTS} redirections ({self._url})")
                continue
            if answer.status == 429 or answer.status >= 500:
                answer.close()
                self._again("still throttled (HTTP 429)" if answer.status == 429 else f"HTTP {answer.status}")
                continue
            self._accept(answer)
            return

    def _accept(self, answer: Any) -> None:
        headers = answer.headers
        version = headers.get("etag") or headers.get("last-modified") or ""
        if answer.status not in (200, 206):
            answer.close()
            kind = MissingFileError if answer.status in (403, 404, 410) else FetchError
            raise kind(f"{self._what}: HTTP {answer.status} where the file was expected ({self._url})")
        if headers.get("content-encoding", "identity") != "identity":
            answer.close()
            raise FetchError(
                f"{self._what}: sent as {headers['content-encoding']}, which was not asked for ({self._url})"
            )
        if self._done and (answer.status != 206 or version != self._version or not version):
            answer.close()
            raise FetchError(
                f"{self._what}: broke off after {self._done:,} bytes and cannot be taken up there; try again ({self._url})"
            )
        if not self._done:
            self._version = version
            length = headers.get("content-length", "")
            self._total = int(length) if length.isdigit() else None
        self._answer = answer

    def _ask(self, url: str) -> Any:
        import urllib3

        try:
            parts = urlsplit(url)
            checked_endpoint(f"{parts.scheme}://{parts.netloc}", "download")
        except (MisuseError, ValueError) as exc:
            raise FetchError(f"{self._what}: refused to read {url}: https only") from exc
        proxy = proxy_for(url)
        if proxy not in self._pools:
            settings: dict[str, Any] = {
                "timeout": urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
                "retries": False,
            }
            self._pools[proxy] = urllib3.ProxyManager(proxy, **settings) if proxy else urllib3.PoolManager(**settings)
        headers = {"User-Agent": "gpu-cost-planner", "Accept-Encoding": "identity"}
        if self._done:
            headers["Range"] = f"bytes={self._done}-"
            headers["If-Range"] = self._version
        return self._pools[proxy].request("GET", url, headers=headers, preload_content=False, redirect=False)


def _word(exc: BaseException) -> str:
    name = type(exc).__name__
    if "Timeout" in name or isinstance(exc, TimeoutError):
        return f"no answer within {READ_SECONDS:g} s"
    return {"NewConnectionError": "no connection", "NameResolutionError": "no such host", "SSLError": "TLS failed"}.get(
        name, "the connection broke"
    )


def lines(stream: Download, what: str, longest: int = 1 << 20) -> Iterator[str]:
    """Yield text lines (UTF-8) of at most `longest` bytes, so that a file without line ends cannot fill the memory."""
    buffered = io.BufferedReader(stream, _CHUNK)
    while True:
        line = buffered.readline(longest)
        if not line:
            return
        if len(line) >= longest:
            raise FetchError(f"{what}: a line of more than {longest:,} bytes: not the price list")
        try:
            yield line.decode()
        except UnicodeDecodeError as exc:
            raise FetchError(f"{what}: not text: not the price list") from exc


def read_small(url: str, what: str, sleep: Callable[[float], None] | None = None, most: int = 8 << 20) -> str:
    """Return a small file's text (UTF-8, unknown bytes replaced); raise `FetchError` when it is larger than `most`."""
    with Download(url, what, sleep) as stream:
        data = io.BufferedReader(stream, _CHUNK).read(most + 1)
    if len(data) > most:
        raise FetchError(f"{what}: larger than {most:,} bytes: not what was expected ({url})")
    return data.decode("utf-8", "replace")
