"""Whole-process timing in pairs: A B A B ..., so that a ratio holds while the machine's speed drifts."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Sequence


def once(command: Sequence[str], env: dict[str, str] | None = None) -> float:
    """Return the wall seconds of one run, output thrown away."""
    start = time.perf_counter()
    subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, env=env or dict(os.environ)
    )
    return time.perf_counter() - start


def compare(name: str, a: Sequence[str], b: Sequence[str], runs: int = 15, env: dict[str, str] | None = None) -> float:
    """Print the medians of both and of the ratio per pair; return the median ratio."""
    once(a, env), once(b, env)
    pairs = [(once(a, env), once(b, env)) for _ in range(runs)]
    ratio = statistics.median(x / y for x, y in pairs)
    first, second = (statistics.median(p[i] for p in pairs) * 1000 for i in (0, 1))
    print(f"{name:<44} {first:7.1f} ms  beside {second:6.1f} ms  ratio {ratio:5.2f}  (median of {runs} pairs)")
    return ratio
