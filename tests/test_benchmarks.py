"""`make bench` runs every benchmark, and CI every supported Python."""

from __future__ import annotations

import re
import tomllib

import pytest

from benchmarks.__main__ import HELPERS, main, names
from tests.conftest import ROOT


def test_every_benchmark_is_run_and_described() -> None:
    modules = {path.stem for path in (ROOT / "benchmarks").glob("*.py")}
    assert set(names()) == modules - set(HELPERS) and len(names()) >= 7
    page = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    for name in names():
        assert f"{name}.py" in page, name
        assert "__main__" in (ROOT / "benchmarks" / f"{name}.py").read_text(encoding="utf-8"), name


def test_an_unknown_benchmark_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sizng"]) == 2 and "known: adapters" in capsys.readouterr().err


def test_every_target_of_make_is_declared_and_helped() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    declared = set(re.findall(r"^\.PHONY: (.*)$", text, re.M)[0].split())
    helped = set(re.findall(r"^([a-z0-9-]+):.*?##", text, re.M))
    assert declared == helped
    assert {
        "test",
        "slow",
        "core",
        "cover",
        "lint",
        "format",
        "types",
        "contracts",
        "terraform",
        "docs",
        "sizing",
        "bench",
    } <= helped


def test_ci_looks_for_the_pythons_that_we_say_we_support() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    supported = {c.rpartition("3.")[2] for c in project["classifiers"] if "Python :: 3." in c}
    (tried,) = re.findall(r"^for minor in ([\d ]+);", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.M)
    assert supported <= set(tried.split()) and project["requires-python"] == f">=3.{min(supported)}"
