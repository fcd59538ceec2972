"""Words in the shell: commands, options and what the price lists and models know, in less than a tenth of a second."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from planner.cli import COMMANDS, cli
from planner.cli.help import COMMAND_GROUPS
from planner.prices.catalog import Catalog
from planner.version import VERSION
from tests.conftest import ROOT, Run


def completed(monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    """What bash would offer for the last of `words`."""
    from click.shell_completion import get_completion_class

    monkeypatch.setenv("_PLANNER_COMPLETE", "bash_complete")
    found = get_completion_class("bash")
    assert found is not None
    one = found(cli, {}, "planner", "_PLANNER_COMPLETE")
    return [
        f"{item.type}:{item.value}".removeprefix("plain:") for item in one.get_completions(list(words[:-1]), words[-1])
    ]


@pytest.fixture(autouse=True)
def _whole_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands are taught to complete where they are: other tests get them anew."""
    for module, _, _ in COMMANDS.values():
        monkeypatch.delitem(sys.modules, module, raising=False)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("qu",), ["quote"]),
        (("emit-tf", "al"), ["alicloud"]),
        (("quote", "--model", "qwen3-30"), ["Qwen3-30B-A3B", "Qwen3-30B-A3B-2507"]),
        (("quote", "--instance-type", "P4"), ["p4d.24xlarge", "p4de.24xlarge"]),
        (("quote", "--preset", "r"), ["rag", "research"]),
        (("quote", "--purchase-option", "s"), ["savings_plan", "spot", "subscription"]),
        (("quote", "--data-stays", ""), ["CN", "EU", "US"]),
        (("quote", "--budget-basis", "pre"), ["present-value"]),
        (("quote", "--lang", ""), ["en", "zh"]),
        (("quote", "--format", "x"), ["xlsx"]),
        (("size", "--gpu", "H20"), ["H20", "H200"]),
        (("catalog", "show", "ecs.gn7i-c8"), ["ecs.gn7i-c8g1.2xlarge"]),
        (("catalog", "list", "--provider", ""), list(Catalog().providers())),
        (("models", "show", "DeepSeek-V2-L"), ["DeepSeek-V2-Lite"]),
        (("refresh", "te"), ["tencentcloud"]),
        (("quote", "wo"), ["file:wo"]),
        (("quote", "--price-book", "m"), ["file:m"]),
        (("emit-tf", "aws", "--output", "m"), ["dir:m"]),
        (("quote", "--hours", ""), []),
    ],
)
def test_what_is_known_is_offered(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], offered: list[str]) -> None:
    found = completed(monkeypatch, *words)
    assert set(offered) <= set(found) if words[1:2] == ("--gpu",) else found == offered


def test_regions_are_those_of_the_cloud_that_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = completed(monkeypatch, "quote", "--provider", "alicloud", "--region", "cn-")
    assert found == sorted(r for r in Catalog().regions("alicloud") if r.startswith("cn-"))
    assert "all" in completed(monkeypatch, "quote", "--region", "a")


@pytest.mark.parametrize("words", ["quote --provider aws --region us", "emit-tf a"])
def test_it_takes_less_than_a_tenth_of_a_second(words: str) -> None:
    asked = {
        "COMP_WORDS": f"planner {words}",
        "COMP_CWORD": str(len(words.split())),
        "_PLANNER_COMPLETE": "bash_complete",
    }
    env = {**os.environ, **asked, "PYTHONPATH": str(ROOT)}
    spent = []
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, "-m", "planner"], env=env, capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert done.stdout.startswith("plain,")
    assert min(spent) < 0.1 + 0.05, spent  # of processor time; the room is for a machine that does other things


def test_bash_takes_the_script(planner: Run, tmp_path: Path) -> None:
    """The real shell: the script is sourced and the function that it makes is called as readline calls it."""
    done = planner("completion", "bash")
    assert done.returncode == 0
    script = tmp_path / "planner.bash"
    script.write_text(done.stdout)
    shim = tmp_path / "planner"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m planner "$@"\n')
    shim.chmod(0o755)
    asked = f"""source {script}; COMP_WORDS=(planner quote --provider aws --region us-w); COMP_CWORD=5
_planner_completion planner; printf '%s\\n' "${{COMPREPLY[@]}}"; complete -p planner"""
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    said = subprocess.run(
        [shutil.which("bash") or "bash", "-c", asked], env=env, capture_output=True, text=True, check=True
    )
    assert {"us-west-1", "us-west-2"} <= set(said.stdout.split())
    assert "_planner_completion" in said.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("shell", "word"),
    [("zsh", "compdef _planner_completion planner"), ("fish", "complete --no-files --command planner")],
)
def test_the_scripts_of_other_shells(planner: Run, shell: str, word: str) -> None:
    done = planner("completion", shell)
    assert done.returncode == 0 and word in done.stdout


def test_an_unknown_shell(planner: Run) -> None:
    done = planner("completion", "tcsh")
    assert done.returncode == 2 and "'bash', 'zsh', 'fish'" in done.stderr


def test_every_command_stands_in_one_group() -> None:
    """A new command is named in planner.cli.help.COMMAND_GROUPS."""
    grouped = [name for _, names in COMMAND_GROUPS for name in names.split()]
    assert sorted(grouped) == sorted(COMMANDS)
    said = click.Context(cli, info_name="planner", terminal_width=110)
    assert [title for title, _ in COMMAND_GROUPS] == [
        line.rstrip(":") for line in cli.get_help(said).splitlines() if line.endswith(":") and line != "Options:"
    ]


def test_the_version_names_the_days_of_its_data(planner: Run) -> None:
    done = planner("--version")
    first, prices, *rest = done.stdout.splitlines()
    assert first == f"planner {VERSION}"
    catalog = Catalog()
    for provider in catalog.providers():
        newest = max(p.source.seen for r in catalog.info(provider).home_regions for p in catalog.prices(provider, r))
        assert f"{provider} {newest}" in prices
    assert [line.split("  ")[0] for line in rest] == ["exchange rates", "engines"]


def test_the_manual_page_has_every_command_and_option(planner: Run, tmp_path: Path) -> None:
    """groff, the real reader of such pages, finds nothing to warn of."""
    done = planner("man")
    assert done.returncode == 0
    for name in COMMANDS:
        assert f'.SS "planner {name}'.replace("-", "\\-") in done.stdout, name
    assert ".B \\-\\-egress\\-gb GB" in done.stdout and "planner catalog list" in done.stdout
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("groff is not installed")
    shown = subprocess.run(
        [groff, "-ww", "-man", "-Tutf8"], input=done.stdout, capture_output=True, text=True, check=True
    )
    assert not shown.stderr and "Data that leaves per calendar month" in " ".join(shown.stdout.split())
