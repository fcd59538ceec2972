"""How fast the sizing is: 10,000 sizings in one process, and `planner size` as a process against `import click`.

python benchmarks/sizing.py        limits: 2 s, and 2 times
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from planner.offer import InstanceType
from planner.sizing.fit import check, size
from planner.workload import Workload

CARDS = (("A10", "24"), ("A100-SXM4-40GB", "40"), ("V100-SXM2-32GB", "32"), ("L20", "48"), ("H100-SXM5", "80"))
COMMAND = ["size", "--model", "DeepSeek-R1-Distill-Qwen-7B", "--gpu", "A10", "--concurrency", "8"]


def sizings(number: int = 10_000) -> float:
    """Return the seconds of processor time of `number` sizings, no two alike."""
    machines = [
        InstanceType(
            provider="aws",
            name=f"{name}-{count}",
            vcpu=8,
            memory_gib=Decimal(64),
            gpu_model=name,
            gpu_count=Decimal(count),
            gpu_memory_gib=Decimal(gib),
            network_gbps=Decimal(100),
            local_nvme_gb=0,
            source="",
            confidence="high",
            note="",
        )
        for (name, gib), count in itertools.product(CARDS, ("1", "2", "4", "8"))
    ]
    begin = time.process_time()
    for i in range(number):
        work = Workload(input_tokens=64 + i // len(machines), rps=Decimal(7))
        if i % len(machines) == 0:
            check(work)
        size(work, machines[i % len(machines)])
    return time.process_time() - begin


def processes(rounds: int = 15) -> tuple[float, float]:
    """Return the fastest seconds of `planner size` and of `import click`, taken in turn."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    best = {"size": 9.0, "click": 9.0}
    commands = {"size": [sys.executable, "-m", "planner", *COMMAND], "click": [sys.executable, "-c", "import click"]}
    for _ in range(rounds):
        for name, command in commands.items():
            begin = time.perf_counter()
            subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
            best[name] = min(best[name], time.perf_counter() - begin)
    return best["size"], best["click"]


if __name__ == "__main__":
    print(f"10,000 sizings: {sizings():.2f} s of processor time (limit 2 s)")
    mine, click = processes()
    print(f"planner size: {mine * 1e3:.0f} ms, import click: {click * 1e3:.0f} ms, {mine / click:.2f} times (limit 2)")
