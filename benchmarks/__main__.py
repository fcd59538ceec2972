"""Run the benchmarks one after the other, each in a process of its own: `python -m benchmarks [--keep] [NAME]...`.

A run of all of them, or one with --keep, leaves its numbers in results.json and writes RESULTS.md from it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import page, results

HERE = Path(__file__).resolve().parent
#: What others use, and this file.
HELPERS = ("__init__", "__main__", "page", "pairs", "results")


def names() -> list[str]:
    """Return every benchmark: each module of this folder that is no helper, by name."""
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem not in HELPERS)


def run(name: str, env: dict[str, str]) -> results.Data:
    """Run one benchmark, showing what it prints, and return that with its seconds and its exit code."""
    begin = time.monotonic()
    printed = []
    command = [sys.executable, "-m", f"benchmarks.{name}"]
    with subprocess.Popen(command, cwd=HERE.parent, env=env, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout or ():
            print(line, end="", flush=True)
            printed.append(line.rstrip("\n"))
    return {"code": child.returncode, "seconds": round(time.monotonic() - begin), "printed": printed}


def absent(part: results.Data) -> bool:
    """Whether a benchmark found nothing to measure here, no peer being installed: what an earlier run measured stays, with its date."""
    return bool(part["data"] and part["data"].get("absent"))


def main(argv: list[str]) -> int:
    """Run those benchmarks (all of them without a name); return 1 when one fails."""
    wanted = [word for word in argv if word != "--keep"]
    unknown = sorted(set(wanted) - set(names()))
    if unknown:
        print(f"no benchmark {unknown[0]!r}: known: {', '.join(names())}", file=sys.stderr)
        return 2
    failed, parts, machine = [], {}, results.about()
    with tempfile.TemporaryDirectory() as name_of:
        folder = Path(name_of)
        env = {**os.environ, results.FOLDER: str(folder)}
        for name in wanted or names():
            print(f"== {name}", flush=True)
            begin = {"when": results.now(), "load": results.load()}
            found = run(name, env)
            about = {**machine, **begin, "load_after": results.load()}
            code = found["code"]
            print(f"   {found['seconds']} s{'' if code == 0 else f', FAILED ({code})'}\n", flush=True)
            if code:
                failed.append(name)
            parts[name] = {"about": about, **found, "data": results.handed(folder, name)}
    if not wanted or "--keep" in argv:
        results.write({name: part for name, part in parts.items() if not absent(part)}, names())
        page.main()
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
