"""Who may ask over HTTP: by the name that this machine is asked by, and by a token that is compared in constant time."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Iterable

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from planner.addresses import loopback

__all__ = ["Gate", "names"]

_EVERY = ("", "0.0.0.0", "::")  # noqa: S104 - known when it is named, never chosen


class Gate:
    """Lets a request in that carries the token, to a name that it may be asked by.

    token: "" lets everybody in. named: whether a name in the Host header is ours, None takes any. browser: a browser may send the
    token as a password (any user) after asking for it.
    """

    def __init__(
        self, within: ASGIApp, token: str, named: Callable[[str], bool] | None = None, browser: bool = False
    ) -> None:
        self.within, self.token, self.named = within, token.encode(), named
        self.asks = 'Basic realm="planner", charset="UTF-8"' if browser else "Bearer"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            refused = self._refused(headers.get(b"host", b""), headers.get(b"authorization", b""))
            if refused is not None:
                await refused(scope, receive, send)
                return
        await self.within(scope, receive, send)

    def _refused(self, host: bytes, sent: bytes) -> PlainTextResponse | None:
        if self.named is not None and not self.named(_name(host.decode("latin-1"))):
            return PlainTextResponse("this is not served under that name\n", 421)
        if self.token and not hmac.compare_digest(_token(sent, self.asks), self.token):
            kind = "the token as password" if self.asks.startswith("Basic") else "a bearer token"
            return PlainTextResponse(f"{kind} is needed\n", 401, {"WWW-Authenticate": self.asks})
        return None


def names(host: str, others: Iterable[str] = ()) -> Callable[[str], bool]:
    """Return whether a Host header's name is one of a server that listens on `host`: a page of another name that was made to point
    here (DNS rebinding) is not. others: further names by which it is reached. Addresses themselves cannot be made to point elsewhere."""
    known = {host.lower(), *(name.lower().rstrip(".") for name in others)} - set(_EVERY)
    return lambda name: name in known or loopback(name) or (host in _EVERY and _is_address(name))


def _name(host: str) -> str:
    """Return the name in a Host header, without the port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if ":" in host else host.lower()


def _is_address(name: str) -> bool:
    from ipaddress import ip_address

    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _token(sent: bytes, asks: str) -> bytes:
    """Return the token of an Authorization header, b"" where there is none that counts."""
    kind, _, rest = sent.partition(b" ")
    if kind.lower() == b"bearer":
        return rest.strip()
    if kind.lower() != b"basic" or not asks.startswith("Basic"):
        return b""
    try:
        return base64.b64decode(rest.strip(), validate=True).partition(b":")[2]
    except binascii.Error:
        return b""
