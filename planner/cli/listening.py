"""How a command serves over HTTP: a socket opened first, its address said, and a quiet end on Ctrl-C."""

from __future__ import annotations

import gc
import os
import socket
from typing import TYPE_CHECKING, Any

import click

from planner.addresses import loopback
from planner.errors import MisuseError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

__all__ = ["listen", "long_lived", "token_of"]


def long_lived() -> None:
    """Let the collector of memory work as usual again: a command is short and lets all be (planner.cli); a server is not."""
    gc.set_threshold(2_000, 20, 100)
    gc.freeze()


def token_of(variable: str, what: str) -> str:
    """Return the token that an environment variable holds, "" where there is none; raise `MisuseError` for a short one."""
    token = os.environ.get(variable, "")
    if token and len(token) < 16:
        raise MisuseError(f"{what}: {variable} holds fewer than 16 letters: too short for a token")
    return token


def listen(app: ASGIApp, host: str, port: int, what: str, path: str = "/", **config: Any) -> int:
    """Serve until a signal ends it; the address is said once it is open (port 0: a free one). Return the exit code.

    what: the option that named the port, for the error of one that is taken. config: more for uvicorn.
    """
    import uvicorn

    try:
        opened = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, UnicodeError) as exc:
        number = getattr(exc, "errno", None) or 0
        why = os.strerror(number) if number > 0 else exc  # create_server says the address once more
        free = f"; another may be free: {what} {port + 1}, or {what} 0 for any" if 0 < port < 65535 else ""
        raise MisuseError(f"{what}: cannot listen on {host} port {port}: {why}{free}") from None
    with opened:
        shown = f"[{host}]" if ":" in host else host
        click.echo(f"planner: serving on http://{shown}:{opened.getsockname()[1]}{path}", err=True)
        if not loopback(host):
            click.echo(
                "planner: warning: others reach this address: put TLS before it, or the token is read on the way",
                err=True,
            )
        settings = uvicorn.Config(app, **{"log_level": "warning", "timeout_graceful_shutdown": 3, **config})
        try:
            uvicorn.Server(settings).run(sockets=[opened])
        except KeyboardInterrupt as exc:
            if getattr(exc, "number", 2) != 2:
                raise  # another signal has its own exit code
    return 0
