"""A stranger's cloud, found by its entry point alone: its lists, a refresh of it, quotes from either.

Each command is a process of its own with two more folders on its path, as for packages that somebody has installed:
tests/fakecloud holds `fakecloud` (with price lists) and `otherfake` (an adapter and nothing else).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from planner.errors import CatalogError
from planner.prices.catalog import Catalog
from planner.provider import homes, installed, load, names

ROOT = Path(__file__).resolve().parents[2]
FAKE = ROOT / "tests" / "fakecloud"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `planner ARGS` with the strangers installed; `told` is what the fake cloud answers."""

    def run(*args: str, **told: object) -> subprocess.CompletedProcess[str]:
        env = os.environ | {
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(FAKE))),
            "PLANNER_HOME": str(tmp_path / "home"),
            "FAKECLOUD": json.dumps(told),
        }
        command = [sys.executable, "-m", "planner", *args]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=env, check=False)

    return run


def _offers(run: Run, *args: str) -> dict[str, tuple[str, str]]:
    """Quote and return amount per hour and origin of the compute charge of each offer."""
    done = run("quote", "--hours", "1", "--format", "json", *args)
    assert done.returncode == 0, done.stderr
    charges = {o["id"]: o["charges"][0] for o in json.loads(done.stdout)["offers"]}
    return {name: (charge["unit_price"], charge["origin"]) for name, charge in charges.items()}


@pytest.mark.long
def test_a_stranger_is_listed_quoted_and_checked_from_its_own_lists(run: Run) -> None:
    done = run("catalog", "list", "--provider", "fakecloud", "--region", "north-1", "--format", "csv")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1 + 3, done.stderr
    assert _offers(run, "--provider", "fakecloud") == {
        "fakecloud:fake:north-1:g1.1xlarge:on_demand": ("2.5", "list"),
        "fakecloud:fake:north-1:h0.0xlarge:on_demand": ("9.75", "list"),
        "fakecloud:fake:north-1:h0.0xlarge:reserved:1y:no_upfront:standard": ("6.5", "list"),
    }
    shown = run("catalog", "show", "h0.0xlarge").stdout
    assert "fakecloud/catalog/prices/north.csv:2" in shown and "made up for tests of planner" in shown
    checked = run("catalog", "check")
    assert checked.returncode == 0 and "fakecloud: 3 prices, 2 instance types, 2 regions" in checked.stdout
    # Without a name all of them are asked, the stranger among ours.
    assert {name.split(":")[0] for name in _offers(run)} == {"aws", "alicloud", "tencentcloud", "fakecloud"}


def test_after_a_refresh_the_book_is_before_the_list(run: Run) -> None:
    assert run("refresh", "fakecloud", amount="8.25", rows=2).returncode == 0
    found = _offers(run, "--provider", "fakecloud")
    assert found["fakecloud:fake:north-1:h0.0xlarge:on_demand"] == ("8.25", "book")
    assert found["fakecloud:fake:north-1:h0.0xlarge:reserved:1y:no_upfront:standard"] == ("6.5", "list")
    # A region that only the refresh knows; its market follows from the provider's own rule.
    assert _offers(run, "--provider", "fakecloud", "--region", "south-1") == {
        "fakecloud:fake:south-1:g1.1xlarge:on_demand": ("2.25", "book"),
        "fakecloud:fake:south-1:h0.0xlarge:on_demand": ("8.25", "book"),
    }


def test_a_stranger_without_lists_quotes_from_the_book(run: Run) -> None:
    before = run("quote", "--provider", "otherfake")
    assert before.returncode == 2 and "run `planner refresh otherfake` first" in before.stderr
    assert run("refresh", "otherfake", rows=2).returncode == 0
    expected = {
        "otherfake:fake:north-1:g1.1xlarge:on_demand": ("2.25", "book"),
        "otherfake:fake:north-1:h0.0xlarge:on_demand": ("10.5", "book"),
    }
    assert _offers(run, "--provider", "otherfake", "--region", "north-1") == expected
    # Its home regions are the adapter's default regions.
    assert len(_offers(run, "--provider", "otherfake")) == 5 * len(expected)
    listed = run("catalog", "list", "--provider", "otherfake", "--region", "north-1", "--format", "csv")
    assert len(listed.stdout.splitlines()) == 1 + 2
    checked = run("catalog", "check", "--strict", "--max-age", "99999")
    assert checked.returncode == 0 and "otherfake: no price list" in checked.stdout


def test_nobody_is_imported_to_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FAKE))
    for name in ("fakecloud", "otherfake"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    found = homes()
    assert found["fakecloud"] == str(FAKE / "fakecloud") and found["otherfake"] == str(FAKE)
    assert list(found) == sorted(found) == list(names())
    assert not {"fakecloud", "otherfake"} & set(sys.modules)
    assert installed()["aws"].module == "providers.aws"
    assert load("otherfake").name == "otherfake"
    assert Catalog().info("fakecloud").driver is not None


def test_entry_points_are_read_as_packaging_writes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "x-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text(
        "[console_scripts]\nmine = mine:main\n\n[planner.providers]\n# a remark\nmine=mine.adapter : it.self [extra]\n"
        "gone = nowhere_to_be_found:provider\n[other]\nx = y:z\n"
    )
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").touch()
    (tmp_path / "mine" / "adapter.py").write_text("class it: self = 'the adapter'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path / "missing"))
    entry = installed()["mine"]
    assert (entry.module, entry.attribute, entry.home) == ("mine.adapter", "it.self", str(tmp_path / "mine"))
    assert load("mine") == "the adapter"
    assert not {"gone", "x", "console_scripts"} & set(names())


def test_a_checkout_without_installation_has_our_own(tmp_path: Path) -> None:
    code = "import sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p]\n"
    code += "from planner import provider; print(provider.names(), provider.load('aws').name)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.stdout.split("\n")[0] == "('alicloud', 'aws', 'owned', 'tencentcloud') aws", done.stderr


def test_a_list_of_another_provider_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "mine" / "catalog"
    home.mkdir(parents=True)
    (home / "provider.json").write_text('{"name": "other"}')
    with pytest.raises(CatalogError, match="the list of 'other', not of 'mine'"):
        Catalog(str(tmp_path)).info("mine")
