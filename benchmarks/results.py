"""What a run of `make bench` keeps: its numbers in results.json with machine and date, and RESULTS.md written from them.

A benchmark hands its numbers over with `hand`, which does nothing when it runs by itself; `python -m benchmarks` gathers
what was handed over and printed. No number of RESULTS.md is typed: `python -m benchmarks.page` writes it from results.json.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
KEPT, PAGE = HERE / "results.json", HERE / "RESULTS.md"
SCHEMA = "planner.benchmarks/1"
#: Names the folder where a benchmark leaves its numbers for the run that started it.
FOLDER = "PLANNER_BENCH_FOLDER"

Data = dict[str, Any]


def hand(name: str, data: Data) -> None:
    """Leave the numbers of a benchmark for the run that started it; by hand, without one, nothing is kept."""
    if folder := os.environ.get(FOLDER):
        Path(folder, f"{name}.json").write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")


def handed(folder: Path, name: str) -> Data | None:
    """Return what a benchmark left in that folder, or nothing."""
    path = folder / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def load() -> float:
    """Return how many processes ran or wanted to, on average over the last minute."""
    return round(os.getloadavg()[0], 2)


def now() -> str:
    """Return the moment, to the minute."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def about() -> Data:
    """Return the machine, the interpreter, the commit and the moment."""
    from planner.version import VERSION

    return {
        "when": now(),
        "machine": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "planner": VERSION,
        "commit": _commit(),
        "load": load(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str:
    """Return the commit that was measured, and whether files differ from it (other than what a run writes)."""

    def git(*args: str) -> str:
        return subprocess.run(["git", *args], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    written = {f"benchmarks/{name}" for name in ("results.json", "RESULTS.md", "growth.svg", "buying.svg")}
    written.add("docs/comparison.md")
    changed = [line for line in git("status", "--porcelain").splitlines() if line.split()[-1] not in written]
    return (git("rev-parse", "--short=10", "HEAD") or "unknown") + (" and changes" if changed else "")


def read(path: Path = KEPT) -> Data:
    """Return the kept results."""
    found: Data = json.loads(path.read_text(encoding="utf-8"))
    if found.get("schema") != SCHEMA:
        raise ValueError(f"{path}: not {SCHEMA}")
    return found


def write(parts: dict[str, Data], known: Sequence[str], path: Path = KEPT) -> Data:
    """Replace these parts of the kept results, drop those of benchmarks that are gone, and return the whole."""
    whole: Data = read(path) if path.exists() else {"schema": SCHEMA, "parts": {}}
    found = {**whole["parts"], **parts}
    whole["parts"] = {name: found[name] for name in sorted(found) if name in known}
    path.write_text(json.dumps(whole, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return whole


def medians(pairs: list[tuple[tuple[float, float], tuple[float, float]]]) -> Data:
    """Return the medians in ms of both sides and of the ratio per pair, by the wall and by the processor."""
    found: Data = {"runs": len(pairs)}
    for at, name in ((0, "wall"), (1, "cpu")):
        first, second = (statistics.median(p[i][at] for p in pairs) * 1000 for i in (0, 1))
        found[name] = round(first, 1)
        found[f"{name}_beside"] = round(second, 1)
        found[f"{name}_ratio"] = round(statistics.median(x[at] / y[at] for x, y in pairs), 2)
    return found
