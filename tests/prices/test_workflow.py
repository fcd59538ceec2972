"""The scheduled workflow: its steps, run for real against a price book, with a stub for GitHub's own program."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from planner.cli import COMMANDS
from tests.conftest import ROOT
from tests.prices.test_snapshot import NOW, D, book, fetched, listed

yaml = pytest.importorskip("yaml")
WORKFLOW = ROOT / ".github" / "workflows" / "prices.yml"


def steps() -> dict[str, dict[str, Any]]:
    """Return the named steps of the one job."""
    (job,) = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"].values()
    return {step["name"]: step for step in job["steps"] if "name" in step}


def test_it_may_write_no_more_than_it_must() -> None:
    text = WORKFLOW.read_text(encoding="utf-8")
    told = yaml.safe_load(text)
    assert told["permissions"] == {"contents": "read"}
    (job,) = told["jobs"].values()
    assert job["permissions"] == {"contents": "write", "pull-requests": "write", "id-token": "write"}
    # A key is given to the step that refreshes, and to no other.
    holders = {name for name, step in steps().items() if "secrets." in str(step)}
    assert holders == {"Refresh"} and "pull_request" not in told[True]


def test_its_commands_are_ours() -> None:
    for step in steps().values():
        for line in str(step.get("run", "")).splitlines():
            words = line.split()
            if ".venv/bin/planner" in words:
                assert words[words.index(".venv/bin/planner") + 1] in COMMANDS, line


@pytest.mark.system
@pytest.mark.long
def test_what_moved_becomes_a_pull_request_in_words(tmp_path: Path) -> None:
    work, remote, temp, tools = (tmp_path / name for name in ("work", "remote.git", "temp", "bin"))
    for folder in (work, temp, tools, work / ".venv" / "bin"):
        folder.mkdir(parents=True)
    shutil.copytree(
        ROOT / "providers" / "aws" / "catalog",
        work / "providers" / "aws" / "catalog",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (work / ".gitignore").write_text(".venv/\n__pycache__/\n")
    rows = listed(ROOT / "providers")
    (row,) = [p for p in rows if p.way.instance_type == "p4d.24xlarge" and p.purchase_option == "on_demand"]
    home = tmp_path / "home"
    home.mkdir()
    book(home / "prices.sqlite3", (fetched([row._replace(amount=D("25"))]), NOW))
    log = tmp_path / "gh.log"
    program(work / ".venv/bin/planner", f'exec {sys.executable} -m planner "$@"')
    program(tools / "gh", f'echo "$@" >> {log}; for w in "$@"; do [ -f "$w" ] && cat "$w" >> {log}; done; echo 0')
    env = os.environ | {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "RUNNER_TEMP": str(temp),
        "PLANNER_HOME": str(home),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "PYTHONPATH": str(ROOT),
        "GIT_CONFIG_GLOBAL": "/dev/null",
    }

    def shell(script: str) -> str:
        command = ["bash", "-e", "-o", "pipefail", "-c", script]
        done = subprocess.run(command, cwd=work, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    shell(
        f"git init -q -b main && git config user.name x && git config user.email x@y && git add -A && git commit -q -m x"
        f" && git init -q --bare {remote} && git remote add origin {remote}"
    )
    shell(steps()["Write the lists"]["run"])
    shell(steps()["Propose"]["run"])
    told = log.read_text()
    assert "pr create --head prices --title Prices of 20" in told and "## aws\n\n1 rose;" in told
    assert "- p4d.24xlarge on_demand: 21.957642 to 25 USD/hour, +13.86 % (us-east-1)" in told
    changed = shell("git diff --stat=200 main prices")
    assert "prices/on_demand.csv" in changed and "history.csv.gz" in changed and "reserved" not in changed
    assert shell(f"git --git-dir {remote} log --oneline prices").count("\n") == 2
    # Once more, from the new state: nothing is left to propose.
    shell(steps()["Write the lists"]["run"])
    assert "no price moved" in shell(steps()["Propose"]["run"]) and log.read_text() == told


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
