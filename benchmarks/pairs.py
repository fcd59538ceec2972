"""Whole-process timing in pairs: A B A B ..., so that a ratio holds while the machine's speed drifts.

Of each run both the wall clock and the processor's time are taken: on a machine that others use, the second is what repeats.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Sequence


def once(command: Sequence[str], env: dict[str, str] | None = None) -> tuple[float, float]:
    """Return the wall and the processor's seconds of one run, output thrown away."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, env=env or dict(os.environ)
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(name: str, a: Sequence[str], b: Sequence[str], runs: int = 15, env: dict[str, str] | None = None) -> float:
    """Print the medians of both and of the ratio per pair, by the wall and by the processor; return the latter's ratio."""
    once(a, env), once(b, env)
    pairs = [(once(a, env), once(b, env)) for _ in range(runs)]
    found = []
    for at in (0, 1):
        first, second = (statistics.median(p[i][at] for p in pairs) * 1000 for i in (0, 1))
        found.append((first, second, statistics.median(x[at] / y[at] for x, y in pairs)))
    (wall, other, ratio), (cpu, beside, by_cpu) = found
    print(
        f"{name:<44} {wall:6.0f} ms beside {other:5.0f} ms: {ratio:4.2f};  processor {cpu:6.0f} ms beside {beside:5.0f} ms:"
        f" {by_cpu:4.2f}  (medians of {runs} pairs)"
    )
    return by_cpu
