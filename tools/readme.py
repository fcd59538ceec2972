"""Run the console blocks of README.md and docs/*.md and write their real output back (`make docs`).

A block begins with ```console; each line `$ command` in it is run by bash in an empty folder with `planner` on the
PATH, an empty price book and no colour; what follows it up to the next `$` or the end is its output. `--check` only
says what differs; the tests call it.

A row of the table below `<!-- answers -->` is a question, a command in backticks and what it prints on stdout (a pipe
of the command stands as `\\|`), which is written back in the same way.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ANSWERS = re.compile(r"(?<=^<!-- answers -->\n).*?(?=^\n|\Z)", re.M | re.S)
ROW = re.compile(r"^(\| [^|`]+ \| `)((?:[^`\\]|\\.)+)(` \| ).*( \|)$", re.M)
AGE = re.compile(r"\b\d+ days old\b")
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)


def run(command: str, folder: Path, *, both: bool = True) -> str:
    """Return what `command` prints (both streams, or stdout alone), as a user would see it."""
    shim = folder / ".bin"
    if not shim.exists():
        shim.mkdir()
        script = shim / "planner"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m planner "$@"\n')
        script.chmod(0o755)
    env = {
        "PATH": f"{shim}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PLANNER_HOME": str(folder / ".home"),
        "HOME": str(folder),
        "LANG": "C.UTF-8",
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


def renew(text: str) -> str:
    """Return `text` with the output of every console block made anew."""
    with tempfile.TemporaryDirectory() as folder:

        def block(match: re.Match[str]) -> str:
            lines = []
            for command in re.findall(r"^\$ (.*)$", match[1], re.M):
                lines += [f"$ {command}", *(x.rstrip() for x in run(command, Path(folder)).splitlines())]
            return "```console\n" + "\n".join(lines) + "\n```"

        def row(match: re.Match[str]) -> str:
            said = run(match[2].replace("\\|", "|"), Path(folder), both=False)
            shown = "<br>".join(" ".join(line.split()) for line in said.splitlines() if line.strip())
            return match[1] + match[2] + match[3] + shown.replace("|", "\\|") + match[4]

        return ANSWERS.sub(lambda match: ROW.sub(row, match[0]), BLOCK.sub(block, text))


def same(old: str, new: str) -> bool:
    """Return whether two pages say the same but for ages, which grow each day."""
    return AGE.sub("", old) == AGE.sub("", new)


def pages() -> list[Path]:
    """Return the pages that may hold console blocks."""
    return [
        p for p in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if "```console" in p.read_text("utf-8")
    ]


def main() -> int:
    """Rewrite the pages, or with `--check` return 1 when one differs."""
    different = []
    for page in pages():
        old = page.read_text("utf-8")
        new = renew(old)
        if not same(old, new):
            different.append(page.relative_to(ROOT))
            if "--check" not in sys.argv:
                page.write_text(new, "utf-8")
    for page in different:
        print(f"{page}: {'differs: run `make docs`' if '--check' in sys.argv else 'rewritten'}")
    return 1 if different and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
