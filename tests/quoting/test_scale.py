"""Many offers and many workloads: what the screen does not show is weighed, not made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import offers
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("times", "least", "most_mb"), [(6, 2_000, 40), pytest.param(62, 23_000, 100, marks=pytest.mark.slow)]
)
def test_memory_of_many_offers(tmp_path: Path, times: int, least: int, most_mb: int) -> None:
    offers.grow(tmp_path / "lists", times)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-c", offers.CODE, str(tmp_path / "lists")],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    found, memory = map(int, run.stdout.split())
    assert found >= least and memory <= most_mb, f"{found:,} offers in {memory} MB"


@pytest.mark.long
def test_workloads_of_one_process_share_what_they_can() -> None:
    """A tenth of the thousand that must take ten seconds; the bound leaves room for a busy machine."""
    seconds, _ = offers.thousand(100)
    assert seconds <= 4
