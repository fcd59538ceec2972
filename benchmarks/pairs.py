"""Whole-process timing in pairs: A B A B ..., so that a ratio holds while the machine's speed drifts.

Of each run both the wall clock and the processor's time are taken: on a machine that others use, the second is what repeats.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.results import ROOT, Data, medians


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a user whose folder of planner's is `home`: this checkout, and bytecode may be kept."""
    env = {**os.environ, "PLANNER_HOME": str(home)}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), env.get("PYTHONPATH", ""))))
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return env


def program() -> str:
    """Return the command `planner` of this environment."""
    return shutil.which("planner", path=f"{sys.prefix}/bin") or "planner"


def session(tool: str, asked: Data) -> str:
    """Return what an agent says: hello, and one call of a tool."""
    hello = {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
    said = (
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": tool, "arguments": asked}},
    )
    return "".join(json.dumps(one) + "\n" for one in said)


def once(
    command: Sequence[str], env: dict[str, str] | None = None, said: str | None = None, cwd: Path | None = None
) -> tuple[float, float]:
    """Return the wall and the processor's seconds of one run, output thrown away; `said` is its standard input."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
        env=env or dict(os.environ),
        input=said.encode() if said is not None else None,
        stdin=subprocess.DEVNULL if said is None else None,
        cwd=cwd,
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)[:200]}: exit {done.returncode}: {done.stderr.decode()[-500:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(
    a: Sequence[str],
    b: Sequence[str],
    runs: int = 15,
    env: dict[str, str] | None = None,
    said: str | None = None,
    cwd: Path | None = None,
) -> Data:
    """Return the medians of both and of the ratio per pair; `said` and `cwd` are for the first of them."""
    once(a, env, said, cwd), once(b, env)
    return medians([(once(a, env, said, cwd), once(b, env)) for _ in range(runs)])


def line(name: str, found: Data) -> str:
    """Return one line that says them."""
    return (
        f"{name:<44} {found['wall']:6.0f} ms beside {found['wall_beside']:5.0f} ms: {found['wall_ratio']:4.2f};"
        f"  processor {found['cpu']:6.0f} ms beside {found['cpu_beside']:5.0f} ms: {found['cpu_ratio']:4.2f}"
        f"  (medians of {found['runs']} pairs)"
    )


def compare(name: str, a: Sequence[str], b: Sequence[str], runs: int = 15, env: dict[str, str] | None = None) -> float:
    """Print the medians of both and of the ratio per pair, by the wall and by the processor; return the latter's ratio."""
    found = measure(a, b, runs, env)
    print(line(name, found), flush=True)
    return float(found["cpu_ratio"])
