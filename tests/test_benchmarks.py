"""`make bench` runs every benchmark, and CI every supported Python."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from benchmarks.__main__ import HELPERS, main, names
from benchmarks.catalogue import grow
from planner import workload
from planner.prices import fx
from planner.prices.catalog import Catalog
from planner.prices.review import review
from planner.quoting import build
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


@pytest.mark.long
def test_a_quote_on_a_larger_catalogue_is_the_same(tmp_path: Path) -> None:
    """What catalogue.py times: other regions add nothing to a quote, in offers nor in rows read."""
    assert grow(tmp_path, 9_000) >= 9_000
    small, large = (list(offers(Catalog(root))) for root in ("", str(tmp_path)))
    assert small == large and len(small) > 300
    assert review(Catalog(str(tmp_path)), "aws").problems == ()


def offers(catalog: Catalog) -> Iterator[tuple[str, Decimal]]:
    made = build.quote(workload.make({"hours": "720"}), catalog, "2026-11-26", fx.Rates(fx.committed()))
    for offer in made.offers:
        yield offer.id, offer.totals.report.billed
