"""How long a workbook takes as a whole process: the default quote (limit 1.5 s of processor time), and 200 offers (limit 5 s).

    python benchmarks/workbook.py [RUNS]

Prints the best and the median of RUNS (5) wall times, and the least processor time, and exits 1 where that is above a limit.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

CASES = (("default quote", [], 1.5), ("200 offers and more", ["--top", "40", "--region", "all"], 5.0))


def main(runs: int) -> int:
    """Measure every case; return 1 when one is slower than its limit."""
    slow = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, options, limit in CASES:
            target = os.path.join(folder, "review.xlsx")
            command = [
                sys.executable,
                "-m",
                "planner",
                "quote",
                "--offline-list",
                "--format",
                "xlsx",
                "-o",
                target,
                *options,
            ]
            walls, cpus = [], []
            for _ in range(runs):
                before, start = os.times(), time.perf_counter()
                subprocess.run(command, check=True)
                walls.append(time.perf_counter() - start)
                after = os.times()
                cpus.append(after.children_user + after.children_system - before.children_user - before.children_system)
            size = os.path.getsize(target) / 1024
            print(
                f"{name}: best {min(walls):.2f} s, median {statistics.median(walls):.2f} s, processor {min(cpus):.2f} s (limit {limit} s), {size:.0f} KiB"
            )
            slow |= min(cpus) > limit
    return int(slow)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
