"""The commands of a module's RUNBOOKS.md as they stand there, run by bash with stubs that say what they were told."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from planner.cli import run
from tests.conftest import ROOT
from tests.terraform.test_change import TYPES, files
from tests.terraform.test_place import NETWORK

TOOLS = ("terraform", "planner", "aws", "aliyun", "tccli")


def blocks(page: str) -> dict[str, list[str]]:
    """Return the lines of commands below each heading."""
    found: dict[str, list[str]] = {}
    for part in page.split("\n## ")[1:]:
        title, _, rest = part.partition("\n")
        found[title] = re.findall(r"^    (\S.*)$", rest, re.M)
    return found


def told(lines: list[str], folder: Path) -> list[list[str]]:
    """Run the lines; return what each stub was told, in order. The key is typed as the user would."""
    tools, log = folder / "tools", folder / "log"
    tools.mkdir(exist_ok=True)
    for tool in TOOLS:
        (tools / tool).write_text('#!/bin/bash\n{ printf "%q " "${0##*/}" "$@"; echo; } >> "$LOG"\n[ -t 0 ] || cat >> "$LOG.in"\n')
        (tools / tool).chmod(0o755)
    log.write_text("")
    (folder / "work").mkdir(exist_ok=True)
    for other in re.findall(r"-o \.\./(\S+)", "\n".join(lines)):
        (folder / other).mkdir(exist_ok=True)
    env = {"PATH": f"{tools}:{os.environ['PATH']}", "LOG": str(log), "HOME": str(folder)}
    for line in lines:
        done = subprocess.run(["bash", "-euc", line], env=env, cwd=folder / "work", input="sk-new\n", text=True, capture_output=True, check=False)
        assert done.returncode == 0, f"{line}: {done.stderr}"
    return [shlex.split(line) for line in log.read_text().splitlines()]


@pytest.mark.parametrize(("provider", "count"), [("aws", 1), ("alicloud", 2), ("tencentcloud", 1)])
def test_each_runbook_can_be_run(provider: str, count: int, tmp_path: Path) -> None:
    given = files(provider, count, backend={"aws": "s3"}.get(provider, ""))
    found = blocks(given["RUNBOOKS.md"])
    key, node, state, zone = found.values()
    assert list(found) == ["The key is lost, or somebody else has it", "A node is lost", "The state is lost", "The zone is lost"]

    made, applied = told(key, tmp_path)
    named = applied[-1].partition("=")[2]
    assert applied[:3] == ["terraform", "apply", "-var"] and named in made, "the secret that was made is the one that is named"
    assert "sk-new" in " ".join(made) or "sk-new" in (tmp_path / "log.in").read_text()
    assert "sk-new" not in given["RUNBOOKS.md"]

    whole, one = told(node, tmp_path)
    address = one[-1].removeprefix("-replace=")
    assert whole == ["terraform", "apply"] and address == f"{provider}_instance.this" + (f'["{count - 1}"]' if count > 1 else "")
    assert f'resource "{provider}_instance" "this"' in given["main.tf"]

    asked = told(state, tmp_path)
    assert not [words for words in asked if words[:2] == ["terraform", "apply"]], "it would make everything twice"
    listed = [words for words in asked if words[0] != "terraform"]
    assert len(listed) == 2 and all("planner-workload" in " ".join(words) and "llm" in " ".join(words) for words in listed)
    assert bool(len(asked) - len(listed)) == (provider == "aws"), "a bucket's version is restored where there is one"

    emitted, *after = told(zone, tmp_path)
    assert emitted[:3] == ["planner", "emit-tf", provider] and after == [["terraform", "init"], ["terraform", "apply"]]


@pytest.mark.parametrize("provider", TYPES)
def test_what_the_zone_runbook_emits_is_a_module_beside_the_first(provider: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m").mkdir()
    monkeypatch.chdir(tmp_path / "m")
    given = files(provider)
    (command,) = (line for line in blocks(given["RUNBOOKS.md"])["The zone is lost"] if line.startswith("planner"))
    assert run([*shlex.split(command)[1:], "--offline-list"]) == 0
    other = (tmp_path / "llm-b" / "main.tf").read_text()
    secret = re.findall(r'variable "api_key_secret".*?default += "(.*?)"', given["variables.tf"], re.S)
    assert '"llm-b"' in other and f'default     = "{secret[0]}"' in (tmp_path / "llm-b" / "variables.tf").read_text()
    assert not (tmp_path / "llm-b" / "zone.tf").exists(), "the zone is named"


@pytest.mark.parametrize("provider", TYPES)
def test_a_network_that_exists_needs_another_subnet(provider: str) -> None:
    page = files(provider, **NETWORK[provider])["RUNBOOKS.md"]
    assert "--subnet-id SUBNET_OF_ANOTHER_ZONE" in page and "--zone" not in page and "terraform output zones" not in page


def test_the_page_has_the_same_four() -> None:
    page = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (the key|a node|the state|the zone) \|", page, re.M) == ["the key", "a node", "the state", "the zone"]
