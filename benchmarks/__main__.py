"""Run the benchmarks one after the other, each in a process of its own: `python -m benchmarks [NAME]...`."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
#: What others use, and this file.
HELPERS = ("__init__", "__main__", "pairs")


def names() -> list[str]:
    """Return every benchmark: each module of this folder that is no helper, by name."""
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem not in HELPERS)


def main(wanted: list[str]) -> int:
    """Run those benchmarks (all of them without a name); return 1 when one fails."""
    unknown = sorted(set(wanted) - set(names()))
    if unknown:
        print(f"no benchmark {unknown[0]!r}: known: {', '.join(names())}", file=sys.stderr)
        return 2
    failed = []
    for name in wanted or names():
        print(f"== {name}", flush=True)
        start = time.monotonic()
        code = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=HERE.parent, check=False).returncode
        print(f"   {time.monotonic() - start:.0f} s{'' if code == 0 else f', FAILED ({code})'}\n", flush=True)
        if code:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
