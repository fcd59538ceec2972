"""Read a file from the web as a stream, in bounded memory, going on where a broken connection stopped.

https, or http on loopback, only; explicit timeouts; five tries in a row with full jitter (20 s at most between two),
only after throttling (429), 5xx and network errors. A file that changes while it is read is refused: half of one
price list and half of the next is neither.
"""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

from planner.errors import FetchError, MisuseError
from planner.provider import checked_endpoint

__all__ = ["Download", "MissingFileError", "lines", "read_small"]

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
TRIES = 5
LONGEST_WAIT = 20.0
_CHUNK = 1 << 18
_REDIRECTS = 4


class MissingFileError(FetchError):
    """There is no file at this address (HTTP 403 or 404)."""


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
        self._pool: Any = None
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
                data: bytes = self._answer.read(len(view), decode_content=False)
                if not data and self._total is not None and self._done < self._total:
                    raise urllib3.exceptions.ProtocolError("cut off")
            except (urllib3.exceptions.HTTPError, OSError) as exc:
                self._again(_word(exc))
                continue
            self._failures = 0 if data else self._failures
            self._done += len(data)
            view[: len(data)] = data
            return len(data)

    def close(self) -> None:
        self._drop()
        if self._pool is not None:
            self._pool.clear()
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
                url, hops = urljoin(url, answer.headers["location"]), hops + 1
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
        import urllib.request

        import urllib3

        try:
            parts = urlsplit(url)
            checked_endpoint(f"{parts.scheme}://{parts.netloc}", "download")
        except MisuseError as exc:
            raise FetchError(f"{self._what}: refused to read {url}: https only") from exc
        if self._pool is None:
            host = parts.hostname or ""
            proxy = "" if _near(host) else urllib.request.getproxies().get(parts.scheme, "")
            if proxy and urllib.request.proxy_bypass(host):
                proxy = ""
            settings: dict[str, Any] = {
                "timeout": urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
                "retries": False,
            }
            self._pool = urllib3.ProxyManager(proxy, **settings) if proxy else urllib3.PoolManager(**settings)
        headers = {"User-Agent": "gpu-cost-planner", "Accept-Encoding": "identity"}
        if self._done:
            headers["Range"] = f"bytes={self._done}-"
            headers["If-Range"] = self._version
        return self._pool.request("GET", url, headers=headers, preload_content=False, redirect=False)


def _near(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


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
