"""Run the console blocks of README.md, README.zh.md and docs/*.md and write their real output back (`make docs`).

A block begins with ```console; each line `$ command` in it is run by bash in an empty folder with `planner` on the
PATH, docs/, an empty price book and no colour; what follows it up to the next `$` or the end is its output. `--check` only
says what differs; the tests call it.

A row of the table below `<!-- answers -->` is a question, a command in backticks and what it prints on stdout (a pipe
of the command stands as `\\|`), which is written back in the same way.

Ages of prices depend on the day, so README names the day on which the outputs of all pages were printed, and the commands
run with their clock set to it: the pages stay true, and equal, on every later day. `make docs` moves that day to today.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README, CHINESE = ROOT / "README.md", ROOT / "README.zh.md"
ANSWERS = re.compile(r"(?<=^<!-- answers -->\n).*?(?=^\n|\Z)", re.M | re.S)
ROW = re.compile(r"^(\| [^|`]+ \| `)((?:[^`\\]|\\.)+)(` \| ).*( \|)$", re.M)
DAY = re.compile(r"(?<=printed on )\d{4}-\d\d-\d\d(?=\.)|(?<=打印于 )\d{4}-\d\d-\d\d(?=。)")
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)


PLANNER_THEN = """#!{python}
import runpy
import time_machine
time_machine.travel("{day}T12:00:00+00:00").start()
runpy.run_module("planner", run_name="__main__", alter_sys=True)
"""


def day_of(text: str) -> date:
    """Return the day on which the outputs were printed, from the sentence in README."""
    return date.fromisoformat(DAY.findall(text)[0])


def run(command: str, folder: Path, day: date, *, both: bool = True) -> str:
    """Return what `command` prints on `day` (both streams, or stdout alone), as a user would see it."""
    shim = folder / ".bin"
    if not shim.exists():
        shim.mkdir(parents=True)
        script = shim / "planner"
        script.write_text(PLANNER_THEN.format(python=sys.executable, day=day))
        script.chmod(0o755)
        (folder / "docs").symlink_to(ROOT / "docs")
    env = {
        "PATH": f"{shim}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PLANNER_HOME": str(folder / ".home"),
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "NO_COLOR": "1",
        "COLUMNS": "110" if both else "400",
    }
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=env,
        text=True,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if both else subprocess.DEVNULL,
        timeout=120,
    )
    return done.stdout


def renew(text: str, day: date) -> str:
    """Return `text` with the output of every console block made anew, as it is on `day`."""
    with tempfile.TemporaryDirectory() as folder:

        def block(match: re.Match[str]) -> str:
            lines = []
            for command in re.findall(r"^\$ (.*)$", match[1], re.M):
                lines += [f"$ {command}", *(x.rstrip() for x in run(command, Path(folder), day).splitlines())]
            return "```console\n" + "\n".join(lines) + "\n```"

        def row(match: re.Match[str]) -> str:
            said = run(match[2].replace("\\|", "|"), Path(folder), day, both=False)
            shown = "<br>".join(" ".join(line.split()) for line in said.splitlines() if line.strip())
            return match[1] + match[2] + match[3] + shown.replace("|", "\\|") + match[4]

        return ANSWERS.sub(lambda match: ROW.sub(row, match[0]), BLOCK.sub(block, text))


def pages() -> list[Path]:
    """Return the pages that may hold console blocks."""
    return [
        p for p in (README, CHINESE, *sorted((ROOT / "docs").rglob("*.md"))) if "```console" in p.read_text("utf-8")
    ]


def main() -> int:
    """Rewrite the pages, or with `--check` return 1 when one differs."""
    different = []
    check = "--check" in sys.argv
    day = day_of(README.read_text("utf-8")) if check else datetime.now(UTC).date()
    for page in pages():
        old = page.read_text("utf-8")
        new = DAY.sub(day.isoformat(), renew(old, day))
        if old != new:
            different.append(page.relative_to(ROOT))
            if not check:
                page.write_text(new, "utf-8")
    for page in different:
        print(f"{page}: {'differs: run `make docs`' if check else 'rewritten'}")
    return 1 if different and check else 0


if __name__ == "__main__":
    sys.exit(main())
