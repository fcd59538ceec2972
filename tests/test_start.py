"""Starting stays light: what the hot commands import, and how long they take beside click alone."""

from __future__ import annotations

import os
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
    "planner.cli.chinese",
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


#: What a quote loads of planner, and how many kept files it reads: each module is some 0.9 million instructions, each file 0.1.
#: With these a quote takes 1.75 times the instructions of `import click`, and 1.58 times its processor time (bar: 1.6).
MODULES, FILES = 74, 40
#: What click or the lists would bring, were they read as they stand.
UNUSED = ("ast", "dis", "tokenize", "csv", "json", "gzip", "locale", "tomllib")


def test_a_quote_loads_no_more_than_it_uses() -> None:
    """The bar of 1.6 times `import click`, held by counts: they are the same on every machine (benchmarks/startup.py times it)."""
    code = (
        "import contextlib, io, os, sys\nfrom planner.cli import run\nopened = []\n"
        "sys.addaudithook(lambda what, args: opened.append(str(args[0])) if what == 'open' else None)\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n    code = run(sys.argv[1:])\n"
        "modules = sum(name.partition('.')[0] == 'planner' for name in sys.modules)\n"
        "kept = sum(path.endswith('.rows') for path in opened)\n"
        f"print(code, modules, kept, [m for m in {UNUSED!r} if m in sys.modules], 'cleandoc' in vars(sys.modules['inspect']))"
    )
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    # The first start keeps what `make setup` has not.
    for _ in range(2):
        result = subprocess.run(
            [sys.executable, "-c", code, "quote", "--hours", "720"],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=env,
            check=True,
            timeout=60,
        )
    code_, modules, kept, *rest = result.stdout.split(maxsplit=3)
    assert (code_, rest) == ("0", ["[] False\n"]), result.stdout + result.stderr
    assert int(modules) <= MODULES and 0 < int(kept) <= FILES, result.stdout
