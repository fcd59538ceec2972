"""Write constraints.txt (for users) and requirements/{dev,build}.lock (with hashes) by pip-compile. Usage: make lock"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMON = ("--quiet", "--strip-extras", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links")
HASHED = ("--generate-hashes", "--allow-unsafe")
USERS = """\
# What this release was tested with, for: pip install -c constraints.txt gpu-cost-planner
# Made by `make lock`.
"""
LOCKED = """\
# Every file that may be installed, by its hash: pip install --require-hashes -r {name}
# For the oldest Python that we support. Made by `make lock`.
"""


def _compiled(source: str, *options: str) -> str:
    command = [sys.executable, "-m", "piptools", "compile", *COMMON, *options, "--output-file", "-", source]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def main() -> None:
    (ROOT / "requirements").mkdir(exist_ok=True)
    for name, source, options in (
        ("requirements/dev.lock", "pyproject.toml", ("--extra", "test", *HASHED)),
        ("requirements/build.lock", "requirements/build.in", HASHED),
    ):
        (ROOT / name).write_text(LOCKED.format(name=name) + _compiled(source, *options), encoding="utf-8")
    (ROOT / "constraints.txt").write_text(USERS + _compiled("pyproject.toml"), encoding="utf-8")


if __name__ == "__main__":
    main()
