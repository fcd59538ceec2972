"""The endpoint that is measured: its address, checked, and the key that goes there and nowhere else."""

from __future__ import annotations

from urllib.parse import urlsplit

from planner.addresses import loopback, proxy_for
from planner.errors import MisuseError
from planner.harmless import one_line
from planner.records import NamedTuple

__all__ = ["KEY", "Endpoint", "endpoint"]

#: The variable that holds the endpoint's API key.
KEY = "PLANNER_VERIFY_KEY"


class Endpoint(NamedTuple):
    """Where requests go. base: path before `/v1`. proxy: address that the environment names, "" for none."""

    host: str
    port: int
    tls: bool
    base: str
    key: str
    proxy: str

    @property
    def shown(self) -> str:
        """The address as messages print it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{self.base}"


def endpoint(url: str, key: str) -> Endpoint:
    """Return the endpoint at `url`, with or without `/v1` at its end.

    Raises `MisuseError` for an address that holds a password, or a key that would travel in the clear.
    """

    def refuse(why: str) -> MisuseError:
        return MisuseError(f"endpoint {one_line(url.rpartition('@')[2])[:200]}: {why}")

    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as exc:
        raise refuse(f"not an address ({exc})") from exc
    if parts.username is not None or parts.password is not None:
        raise refuse(f"an address must not hold credentials; the key belongs into {KEY}")
    if parts.scheme not in ("http", "https") or not host or port == 0 or parts.query or parts.fragment:
        raise refuse("write http://HOST:PORT or https://HOST, without query or fragment")
    if any(char <= " " or char >= "\x7f" for char in parts.path + host):
        raise refuse("blanks and letters beyond ASCII are not allowed in an address")
    if any(char <= " " or char >= "\x7f" for char in key):
        raise MisuseError(f"{KEY}: a key is one word of ASCII; is a line end left in it?")
    tls, near = parts.scheme == "https", loopback(host)
    if key and not tls and not near:
        raise refuse(f"{KEY} would cross the network in the clear: use https, or a tunnel to http://127.0.0.1:PORT")
    base = parts.path.rstrip("/")
    for tail in ("/completions", "/chat", "/v1"):
        base = base.removesuffix(tail)
    return Endpoint(host, port or (443 if tls else 80), tls, base, key, proxy_for(url))
