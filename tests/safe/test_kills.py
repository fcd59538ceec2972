"""Whatever stops a writer, at whichever call: what is on the disk is old or new, and the next run goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

#: What a deed is stopped at, at least: a harness that stops nothing would hold nothing.
STOPS = {"file": 25, "new-file": 20, "module": 350, "new-module": 120}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.long) if n == "module" else n for n in STOPS])
def test_stopped_anywhere(name: str, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.safe.kills", name, str(tmp_path)],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["wrong"] == [] and done.stderr == ""
    assert found["stops"] >= STOPS[name]
