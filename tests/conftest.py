"""Shared fixtures: a quiet home, a way to run the command line, and one quote to look at."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from planner import workload
from planner.prices import catalog, fx
from planner.quoting import build
from planner.quoting.records import Quote

ROOT = Path(__file__).resolve().parent.parent
TODAY = "2026-11-23"
# Whoever is started in the background ignores Ctrl-C, and so do its children: the commands of the tests hear it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes a minute begins first, then what takes long: at the end nothing would fill the time that it waits."""
    items.sort(key=lambda item: [item.get_closest_marker(mark) is None for mark in ("first", "long")])


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the developer's price book, keys, colours or language."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("PLANNER_HOME", str(folder))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("PLANNER_LANG", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)  # pytest-xdist sets it for its workers
    return folder


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def planner(tmp_path: Path) -> Run:
    """Run `planner ARGS` as a user would: its own process, in an empty folder."""

    def run(*args: str, **options: object) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [sys.executable, "-m", "planner", *args],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=env,
            timeout=60,
            **options,
        )  # type: ignore[call-overload,no-any-return]

    return run


def make_quote(**fields: object) -> Quote:
    """Quote `fields` on the committed lists, as of a fixed day."""
    work = workload.make(fields)
    return build.quote(work, catalog.Catalog(), TODAY, fx.Rates(fx.committed(), work.fx))


@pytest.fixture(scope="session")
def quote() -> Quote:
    """The reference case: 720 hours of the article's 7B at FP16, home regions."""
    return make_quote(hours="720")
