"""`make bench` runs every benchmark, and CI every supported Python."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import click
import pytest

import benchmarks.__main__
from benchmarks import catalogue, page, results, startup
from benchmarks.__main__ import HELPERS, main, names
from benchmarks.catalogue import grow
from planner import workload
from planner.cli import cli
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
    assert main(["sizng"]) == 2 and "known: accuracy" in capsys.readouterr().err


def test_the_page_of_results_is_written_from_the_kept_numbers() -> None:
    kept = results.read()
    assert results.PAGE.read_text(encoding="utf-8") == page.render(kept), "python -m benchmarks.page writes it"
    beside = page.BESIDE.read_text(encoding="utf-8")
    assert beside == page.within(beside, kept), "python -m benchmarks.page writes it"
    assert set(kept["parts"]) == set(names()), "a run of `make bench` keeps every benchmark"
    for name, part in kept["parts"].items():
        assert set(part["about"]) >= {"when", "machine", "cores", "python", "commit", "load", "load_after"}, name
        assert part["data"] or part["printed"], name
        if part["code"]:
            assert f"== {name}: {part['seconds']} s, FAILED" in results.PAGE.read_text(encoding="utf-8"), name


def test_the_page_follows_its_numbers_and_says_by_part_what_other_runs_made() -> None:
    kept = copy.deepcopy(results.read())
    row = kept["parts"]["startup"]["data"]["rows"][3]
    row.update(cpu_ratio=9.87, over=True)
    kept["parts"]["sizing"]["about"].update(commit="0123456789", when="2031-02-03 04:05 UTC")
    text = page.render(kept)
    assert f"`{row['words']}`" in text and "**9.87** (over)" in text
    assert "2031-02-03, planner" in text and "at commit 0123456789 (sizing)" in text


def test_a_run_of_some_leaves_the_kept_results_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And --keep replaces those parts alone, with what was handed over; what failed is kept as failed."""
    monkeypatch.setattr(results, "write", lambda *a: pytest.fail("kept"))
    monkeypatch.setattr(benchmarks.__main__, "run", lambda name, env: {"code": 1, "seconds": 0, "printed": ["x"]})
    assert main(["sizing"]) == 1
    monkeypatch.undo()
    path = tmp_path / "results.json"
    old = {"about": results.about(), "code": 0, "seconds": 1, "printed": [], "data": {"rows": []}}
    results.write({"startup": old, "gone": old}, ["startup", "sizing"], path)
    whole = results.write({"sizing": {**old, "code": 1}}, ["startup", "sizing"], path)
    assert sorted(whole["parts"]) == ["sizing", "startup"] and results.read(path) == whole
    path.write_text('{"schema": "other"}', encoding="utf-8")
    with pytest.raises(ValueError, match=results.SCHEMA):
        results.read(path)


def test_a_benchmark_hands_its_numbers_to_the_run_that_started_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(results.FOLDER, raising=False)
    results.hand("x", {"a": 1})  # by hand: nowhere to leave it
    monkeypatch.setenv(results.FOLDER, str(tmp_path))
    results.hand("x", {"a": 1})
    assert results.handed(tmp_path, "x") == {"a": 1} and results.handed(tmp_path, "y") is None


def test_medians_are_of_the_pairs() -> None:
    found = results.medians([((0.1, 0.2), (0.05, 0.1)), ((0.3, 0.6), (0.1, 0.1)), ((0.2, 0.1), (0.1, 0.1))])
    assert (found["wall"], found["wall_beside"], found["wall_ratio"]) == (200.0, 100.0, 2.0)
    assert (found["cpu"], found["cpu_ratio"], found["runs"]) == (200.0, 2.0, 3)


def test_every_command_of_the_first_help_page_is_timed_or_said_not_to_be() -> None:
    """A new command is timed too: what asks a network, a cloud or an endpoint cannot be, and is timed elsewhere or not."""
    timed = {word for c in startup.commands() for word in c.words.split()[1:2]}
    listed = set(cli.list_commands(click.Context(cli)))
    assert listed - timed <= {"refresh", "serve", "verify", "rightsize", "book", "mcp"}


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


def test_the_plot_of_growth_holds_every_point(tmp_path: Path) -> None:
    """Drawn from the kept numbers: no point lies outside the axes."""
    pytest.importorskip("matplotlib")
    found = results.read()["parts"]["catalogue"]["data"]["series"]
    catalogue.draw(tmp_path / "growth.svg", found)
    assert (tmp_path / "growth.svg").stat().st_size > 5_000
    for key, marks in catalogue.AXES.items():
        values = [p[key] for points in found.values() for p in points]
        assert marks[0] <= min(values) and max(values) <= marks[-1], key
