"""Starting stays light: what the hot commands import, and how long they take beside click alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT

HEAVY = (
    "boto3",
    "botocore",
    "alibabacloud_ecs20140526",
    "Tea",
    "darabonba",
    "tencentcloud",
    "pydantic",
    "jinja2",
    "rich",
    "openpyxl",
    "xlsxwriter",
    "importlib.metadata",
    "python_terraform",
    "numpy",
    "sqlite3",
    "dataclasses",
    "urllib.request",
)


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["quote", "--help"],
        ["quote", "--hours", "720"],
        ["quote", "--hours", "720", "--format", "json"],
        ["quote", "--format", "csv"],
        ["catalog", "list"],
    ],
)
def test_nothing_heavy_is_imported(args: list[str]) -> None:
    code = (
        "import sys, contextlib, io\nfrom planner.cli import run\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n    code = run(sys.argv[1:])\n"
        f"found = [m for m in {HEAVY!r} if m in sys.modules]\n"
        "print(code, found)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *args], capture_output=True, text=True, cwd=ROOT, check=True, timeout=60
    )
    assert result.stdout.strip() == "0 []", result.stdout + result.stderr
