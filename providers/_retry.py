"""Asking again when a cloud is busy, and not asking too fast: what adapters use whose SDK does neither well.

Tencent's `StandardRetryer` raises the old error after a success; Alibaba's `RetryOptions` cannot name network errors
and sleeps by its own clock. So both SDKs run with their retries off, inside this loop.
"""

from __future__ import annotations

import random as _random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["BASE_SECONDS", "CAP_SECONDS", "TRIES", "Pace", "retry"]

T = TypeVar("T")

TRIES = 5
BASE_SECONDS = 1.0
CAP_SECONDS = 20.0


def retry(
    ask: Callable[[], T],
    transient: Callable[[Exception], float | None],
    *,
    sleep: Callable[[float], None] = time.sleep,
    random: Callable[[], float] = _random.random,
    tries: int = TRIES,
    base: float = BASE_SECONDS,
    cap: float = CAP_SECONDS,
) -> T:
    """Return what `ask` returns, asking at most `tries` times; raise its last error as it was.

    `transient(error)` says whether asking again may help: None means no (authentication, bad parameters, a malformed
    answer), a number means yes and is the least wait in seconds that the cloud wishes (0 where it says nothing).
    The wait before try n+1 is uniform in 0..min(cap, base * 2**(n-1)): full jitter, so that many callers which failed
    together do not come back together. It is never above `cap`, whatever the cloud wishes.
    """
    for attempt in range(1, tries + 1):
        try:
            return ask()
        except Exception as error:
            wish = transient(error)
            if wish is None or attempt == tries:
                raise
            sleep(min(cap, max(wish, random() * min(cap, base * 2 ** (attempt - 1)))))
    raise AssertionError("tries must be at least 1")  # pragma: no cover


class Pace:
    """At most `burst` calls at once and `per_second` after that, shared by all threads (a leaky bucket).

    The bucket books a call's place under its lock and sleeps outside of it, so that callers wait in order and nobody
    holds the others up.
    """

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._gap = 1 / per_second
        self._slack = self._gap * (burst - 1)
        self._clock = clock
        self._lock = threading.Lock()
        self._next = float("-inf")

    def wait(self, sleep: Callable[[float], None] = time.sleep) -> float:
        """Sleep until the next call is due; return how long that was in seconds."""
        with self._lock:
            now = self._clock()
            due = max(self._next, now)
            self._next = due + self._gap
        pause = max(0.0, due - self._slack - now)
        if pause > 0:
            sleep(pause)
        return pause
