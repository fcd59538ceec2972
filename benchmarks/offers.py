"""A hundred times the offers in the same regions, and a thousand workloads in one process.

The generator copies the committed lists and gives every instance type copies with its prices. The table weighs all offers
and makes those that it lists; the memory is the process's largest. A thousand workloads share one catalogue.
"""

from __future__ import annotations

import csv
import gc
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.pairs import compare
from planner import workload
from planner.prices import catalog, fx
from planner.provider import homes
from planner.quoting import build

#: The regions that a quote takes when none is named, and the group of regions that one of them belongs to.
HOME = ("us-east-1", "cn-beijing", "cn-hangzhou", "ap-guangzhou", "cn-mainland")
CODE = """
import gc, os, sys
import click, planner.cli.quote  # as the command does
gc.set_threshold(1_000_000, 20, 100)
from planner.quoting import build
from planner.prices import catalog, fx
from planner import workload
from planner.rendering.table import dump
q = build.quote(
    workload.make({"hours": "720"}), catalog.Catalog(sys.argv[1]), "2026-11-26", fx.Rates(fx.committed()), brief=True, top=1
)
dump(q)
# getrusage remembers what the process was before exec; the kernel's own page does not
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(len(q.offers) + q.left_out, int(status["VmHWM"].split()[0]) // 1024, flush=True)
os._exit(0)
"""
MODELS = ("DeepSeek-R1-Distill-Qwen-7B", "DeepSeek-R1-Distill-Qwen-32B", "DeepSeek-R1-Distill-Llama-8B")


def committed(root: Path) -> list[Path]:
    """Fill `root` with the committed lists, and return the folder of each provider's."""
    folders = []
    for name, home in homes().items():
        if not Path(home, "catalog").is_dir():
            continue  # a provider whose lists the user brings
        folders.append(root / name / "catalog")
        shutil.copytree(Path(home, "catalog"), folders[-1], ignore=shutil.ignore_patterns("__pycache__"))
    return folders


def grow(root: Path, times: int) -> None:
    """Fill `root` with the committed lists, each instance type of the home regions `times` times."""
    for folder in committed(root):
        _copy(folder / "instances.csv", "name", times)
        for path in (folder / "prices").glob("*.csv"):
            _copy(path, "instance_type", times, HOME)


def _copy(path: Path, column: str, times: int, regions: Sequence[str] = ()) -> None:
    """Write the rows of a file so many times, of some regions only where such are named; each copy has a name of its own."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    at = header.index(column)
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(header)
        where = header.index("region") if regions else 0
        for number in range(times):
            again = rows if not number or not regions else [r for r in rows if r[where] in regions]
            out.writerows([*r[:at], f"{r[at]}-copy{number}" if number else r[at], *r[at + 1 :]] for r in again)


def thousand(number: int = 1000) -> tuple[float, int]:
    """Return the seconds of processor time that so many workloads take in this process, and its memory in MB."""
    lists, rates = catalog.Catalog(), fx.committed()
    gc.set_threshold(1_000_000, 20, 100)
    start = time.process_time()
    for i in range(number):
        work = workload.make({"hours": str(100 + 7 * i), "model": MODELS[i % 3], "rps": str(1 + i % 17)})
        assert build.quote(work, lists, "2026-11-26", fx.Rates(rates), brief=True, top=1).best is not None
    return time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    """Print both."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        grow(root, 62)
        run = [sys.executable, "-c", CODE]
        compare("23,746 offers beside 383, whole process", [*run, str(root)], [*run, ""], runs=5)
    seconds, memory = thousand()
    print(f"1,000 workloads in one process: {seconds:.1f} s of processor time, {memory} MB")


if __name__ == "__main__":
    main()
