"""One machine at more and more requests at once: the curve of throughput against latency."""

from __future__ import annotations

from collections.abc import Callable

from planner.sizing import Sizing

__all__ = ["sweep"]


def sweep(run: Callable[[int], Sizing]) -> tuple[Sizing, ...]:
    """Return what `run` says of 1, 2, 4, 8 ... requests at once, and of as many as the machine holds (0), each once."""
    full = run(0)
    if not full.fits:
        return ()
    counts = []
    number = 1
    while number < full.concurrency:
        counts.append(number)
        number *= 2
    return (*(found for found in map(run, counts) if found.fits), full)
