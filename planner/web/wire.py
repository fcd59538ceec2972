"""The connection: what uvicorn leaves open: how long a browser may take to ask, and how much."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["Wire"]

#: Seconds in which a request must have come whole.
SECONDS = 15.0


class Wire(H11Protocol):
    """A connection that is closed when no whole request has come in time; a request's line and headers are 64 KiB at most (h11)."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._late = self.loop.call_later(SECONDS, self._unasked)

    def connection_lost(self, exc: Exception | None) -> None:
        self._late.cancel()
        super().connection_lost(exc)

    def _unasked(self) -> None:
        cycle: Any = self.cycle
        if cycle is None:
            self.transport.close()
