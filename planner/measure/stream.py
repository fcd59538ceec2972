"""One connection to an OpenAI-compatible endpoint, on which answers stream: bounded in bytes, and cheap per token.

An answer's tokens are counted as they arrive; only the events before the first token, those with an error and those with a
`usage` are parsed, so that one core follows some 50,000 tokens a second. What a hostile endpoint can send is bounded: the
head, a line, the whole answer. Redirects are not followed: the key and the load are for the named host.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from planner.errors import FetchError, MisuseError
from planner.harmless import one_line
from planner.measure.target import Endpoint

__all__ = ["Answer", "Connection", "opened"]

CONNECT_SECONDS = 10.0
MOST_HEAD, MOST_LINE, MOST_SAID = 1 << 16, 1 << 20, 1 << 12
#: What an answer may hold: so much, and so much more for each token that was asked for.
MOST_ANSWER, MOST_TOKEN = 1 << 20, 1 << 13


class Answer:
    """An answer as it arrives. first, last: when its first and last token came (0.0: none yet).

    events: pieces with text, one token each where an engine keeps up; counted: those within the window. prompt, completion: tokens as the endpoint counts
    them (0: it did not say). body: what came in place of a stream, the beginning of it.
    """

    __slots__ = (
        "body",
        "chat",
        "completion",
        "counted",
        "events",
        "first",
        "last",
        "prompt",
        "started",
        "status",
        "streams",
    )

    def __init__(self, chat: bool = False) -> None:
        self.chat, self.status, self.streams = chat, 0, False
        self.started = self.first = self.last = 0.0
        self.events = self.counted = self.prompt = self.completion = 0
        self.body = b""

    @property
    def tokens(self) -> int:
        """Output tokens: the endpoint's own count, else one for each piece."""
        return self.completion or self.events

    def event(self, data: bytes, now: float) -> str:
        """Take one event of the stream; return what is wrong with it, "" for nothing."""
        if not self.first or b'"error"' in data[:256] or (b'"usage"' in data and b'"usage":null' not in data):
            try:
                said = json.loads(data)
                choices, usage = said.get("choices"), said.get("usage")
                if said.get("error"):
                    error = said["error"]
                    told = error.get("message", error) if isinstance(error, dict) else error
                    return f"it says {one_line(str(told))[:200]}"
                if isinstance(usage, dict):
                    self.prompt, self.completion = int(usage["prompt_tokens"]), int(usage.get("completion_tokens", 0))
                    if not (0 <= self.prompt < 10**9 and 0 <= self.completion < 10**9):
                        return "its count of tokens is out of bounds"
                if not choices:
                    return ""
                if self.chat and not self.first and not _spoken(choices[0].get("delta") or {}):
                    return ""  # the role, before the first token
            except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
                return f"it streams {one_line(data[:60].decode('utf-8', 'replace'))}, which is no completion"
        elif b'"choices":[]' in data or b'"choices": []' in data or b'"choices"' not in data:
            return ""
        self.events += 1
        self.last = now
        self.first = self.first or now
        return ""


def _spoken(delta: dict[str, Any]) -> bool:
    return bool(delta.get("content") or delta.get("reasoning_content") or delta.get("reasoning"))


class Connection(asyncio.Protocol):
    """A connection that is kept for one request after another. `token` is called for each piece of text that comes."""

    def __init__(self, to: Endpoint, token: Callable[[Answer], None]) -> None:
        self.to, self.token = to, token
        self.transport: Any = None
        self.answer: Answer | None = None
        self.done: asyncio.Future[None] | None = None
        self.alive = False
        self._clock = asyncio.get_running_loop().time

    # -- asyncio's side ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.alive = transport, True

    def connection_lost(self, exc: Exception | None) -> None:
        self.alive = False
        if self.answer is None:
            return
        if self._mode == "close" and exc is None:
            self._finish()
        else:
            self._fail("the connection broke before the answer was whole")

    def data_received(self, data: bytes) -> None:
        answer = self.answer
        if answer is None:  # nothing was asked
            self.transport.abort()
            return
        now = self._clock()
        self._taken += len(data)
        if self._taken > self._most:
            self._fail(f"more than {self._most:,} bytes came for one answer")
            return
        self._buffer += data
        if self._mode == "head" and not self._head():
            return
        try:
            if self._mode == "chunked":
                self._chunks(now)
            elif self._mode == "length":
                self._feed(self._some(self._left), now)
            elif self._mode == "close":
                self._feed(self._some(len(self._buffer)), now)
        except ValueError:
            self._fail("the answer is not framed as HTTP")
            return
        if self.answer is not None and self._mode == "length" and not self._left:
            self._finish()

    # -- ours ----------------------------------------------------------------------------------------------------

    def ask(self, path: str, body: bytes | None, answer: Answer, tokens: int = 0) -> asyncio.Future[None]:
        """Send a request (GET without a body); the future ends when `answer` is whole, or with `FetchError`."""
        self.answer, self._buffer, self._line = answer, bytearray(), bytearray()
        self._mode, self._left, self._size, self._taken, self._last = "head", 0, -1, 0, False
        self._most = MOST_ANSWER + tokens * MOST_TOKEN
        self.done = asyncio.get_running_loop().create_future()
        to = self.to
        host = f"[{to.host}]" if ":" in to.host else to.host
        place = f"{to.base}{path}"
        if to.proxy and not to.tls:
            place = f"http://{host}:{to.port}{place}"
        head = [f"{'GET' if body is None else 'POST'} {place} HTTP/1.1", f"Host: {host}:{to.port}"]
        head += ["User-Agent: gpu-cost-planner", "Accept: text/event-stream, application/json"]
        head += [f"Authorization: Bearer {to.key}"] if to.key else []
        head += _asks_proxy(to.proxy) if to.proxy and not to.tls else []
        head += ["Content-Type: application/json", f"Content-Length: {len(body)}"] if body is not None else []
        answer.started = self._clock()
        self.transport.write("\r\n".join([*head, "", ""]).encode("ascii") + (body or b""))
        return self.done

    def close(self) -> None:
        """End the connection, and with it an answer that is under way."""
        self.answer, self.alive = None, False
        if self.transport is not None:
            self.transport.abort()

    def _fail(self, why: str) -> None:
        done = self.done
        self.close()
        if done is not None and not done.done():
            done.set_exception(FetchError(f"{self.to.shown}: {why}"))

    def _finish(self) -> None:
        done, self.answer = self.done, None
        if self._last or self._mode == "close":
            self.alive = False
            self.transport.abort()
        if done is not None and not done.done():
            done.set_result(None)

    def _head(self) -> bool:
        """Read the head if it has come whole; returns whether the body follows."""
        answer = self.answer
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0 or answer is None:
                if len(self._buffer) > MOST_HEAD:
                    self._fail("the answer's head has no end")
                return False
            lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
            del self._buffer[: end + 4]
            words = lines[0].split(" ", 2)
            if not words[0].startswith("HTTP/1.") or len(words) < 2 or not words[1].isdecimal() or len(words[1]) != 3:
                self._fail("what answers there does not speak HTTP")
                return False
            answer.status = int(words[1])
            if answer.status >= 200:
                break
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        self._last = "close" in fields.get("connection", "").lower() or words[0] == "HTTP/1.0"
        answer.streams = answer.status == 200 and fields.get("content-type", "").startswith("text/event-stream")
        if 300 <= answer.status < 400:
            to = one_line(urlsplit(fields.get("location", "")).hostname or "another path")
            self._fail(f"a redirect (HTTP {answer.status}, to {to[:100]}), which is not followed; name that address")
            return False
        length = fields.get("content-length", "")
        if "chunked" in fields.get("transfer-encoding", "").lower():
            self._mode = "chunked"
        elif length.isdecimal() and len(length) < 12:
            self._mode, self._left = "length", int(length)
        else:
            self._mode = "close"
        return True

    def _some(self, most: int) -> bytes:
        """Take at most so many bytes off the buffer."""
        data = bytes(self._buffer[:most])
        del self._buffer[: len(data)]
        self._left -= len(data)
        return data

    def _chunks(self, now: float) -> None:
        """Take what has come of a chunked body."""
        while self.answer is not None:
            if self._size < 0:
                end = self._buffer.find(b"\r\n")
                if end < 0:
                    if len(self._buffer) > MOST_HEAD:
                        raise ValueError("a chunk's size has no end")
                    return
                word = bytes(self._buffer[:end]).partition(b";")[0].strip()
                del self._buffer[: end + 2]
                if len(word) > 8 or not word:
                    raise ValueError("no size of a chunk")
                self._size = self._left = int(word, 16)
            if self._size == 0:  # what may follow the last chunk ends with an empty line
                end = self._buffer.find(b"\r\n")
                if end < 0:
                    return
                del self._buffer[: end + 2]
                if end == 0:
                    self._finish()
                continue
            if self._left:
                if not self._buffer:
                    return
                self._feed(self._some(self._left), now)
                continue
            if len(self._buffer) < 2:
                return
            if self._buffer[:2] != b"\r\n":
                raise ValueError("a chunk without its end")
            del self._buffer[:2]
            self._size = -1

    def _feed(self, data: bytes, now: float) -> None:
        """Take a piece of the body: lines of a stream, or the beginning of what came in its place."""
        answer = self.answer
        if answer is None:
            return
        if not answer.streams:
            answer.body += data[: MOST_LINE - len(answer.body)]
            return
        lines = (bytes(self._line) + data).split(b"\n")
        self._line = bytearray(lines.pop())
        if len(self._line) > MOST_LINE:
            self._fail("a line of the stream has no end")
            return
        for line in lines:
            if not line.startswith(b"data:") or line.startswith((b"data: [DONE]", b"data:[DONE]")):
                continue
            before = answer.events
            wrong = answer.event(line[5:].strip(), now)
            if wrong:
                self._fail(wrong)
                return
            if answer.events > before:
                self.token(answer)


async def opened(to: Endpoint, token: Callable[[Answer], None]) -> Connection:
    """Return a connection to the endpoint, through the environment's proxy where it names one; raises `FetchError`."""
    loop = asyncio.get_running_loop()
    context = ssl.create_default_context() if to.tls else None
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            if not to.proxy:
                _, made = await loop.create_connection(lambda: Connection(to, token), to.host, to.port, ssl=context)
                return made
            return await _through(to, token, context)
    except TimeoutError:
        why = f"no connection within {CONNECT_SECONDS:g} s"
    except ssl.SSLError as exc:
        why = f"TLS failed ({exc.reason or 'certificate'})"
    except (OSError, UnicodeError) as exc:
        why = f"no connection ({getattr(exc, 'strerror', None) or type(exc).__name__})"
    raise FetchError(f"{to.shown}: {why}; is the endpoint up, and reachable from here?")


def _asks_proxy(proxy: str) -> list[str]:
    """Return the header by which a proxy's address that holds a name and a password is asked."""
    from base64 import b64encode
    from urllib.parse import unquote

    via = urlsplit(proxy)
    if not via.username:
        return []
    word = f"{unquote(via.username)}:{unquote(via.password or '')}"
    return [f"Proxy-Authorization: Basic {b64encode(word.encode()).decode()}"]


async def _through(to: Endpoint, token: Callable[[Answer], None], context: ssl.SSLContext | None) -> Connection:
    """Connect through a proxy; for https it is asked for a tunnel."""
    import socket

    loop = asyncio.get_running_loop()
    via = urlsplit(to.proxy if "://" in to.proxy else f"http://{to.proxy}")
    if via.scheme != "http" or not via.hostname:
        raise MisuseError(
            f"a proxy {via.scheme}://{via.hostname or ''} is not supported here; unset it, or set no_proxy"
        )
    found = await loop.getaddrinfo(via.hostname, via.port or 80, type=socket.SOCK_STREAM)
    sock = socket.socket(found[0][0], socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await loop.sock_connect(sock, found[0][4])
        if context is not None:
            head = [f"CONNECT {to.host}:{to.port} HTTP/1.1", f"Host: {to.host}:{to.port}", *_asks_proxy(to.proxy)]
            await loop.sock_sendall(sock, "\r\n".join([*head, "", ""]).encode("ascii"))
            said = b""
            while b"\r\n\r\n" not in said:
                more = await loop.sock_recv(sock, 4096)
                said += more
                if not more or len(said) > MOST_HEAD:
                    raise FetchError(f"{to.shown}: the proxy {via.hostname} gave no answer")
            if said.split(b" ")[1:2] != [b"200"]:
                status = one_line(said.split(b"\r\n")[0].decode("latin-1"))[:100]
                raise FetchError(f"{to.shown}: the proxy {via.hostname} refused ({status})")
        name = to.host if context is not None else None
        _, made = await loop.create_connection(
            lambda: Connection(to, token), sock=sock, ssl=context, server_hostname=name
        )
    except BaseException:
        sock.close()
        raise
    return made
