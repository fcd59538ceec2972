"""What README and docs show is what a user sees."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from planner.cli import COMMANDS
from tests.conftest import ROOT
from tools import readme


@pytest.mark.parametrize("page", readme.pages(), ids=lambda p: p.name)
def test_console_blocks_are_real(page: Path) -> None:
    text = page.read_text("utf-8")
    assert readme.same(readme.renew(text), text), f"{page.name} differs: run `make docs`"


def test_a_wrong_block_is_found() -> None:
    assert (
        readme.renew("```console\n$ planner --version\nplanner 0.0.0\n```")
        != "```console\n$ planner --version\nplanner 0.0.0\n```"
    )


def test_an_age_alone_is_no_difference() -> None:
    assert readme.same("129 days old. STALE", "130 days old. STALE") and not readme.same("1 USD", "2 USD")


def test_every_command_is_documented() -> None:
    text = "\n".join(p.read_text("utf-8") for p in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")))
    for name in COMMANDS:
        assert re.search(rf"planner {name}\b", text), f"`planner {name}` has no place in the docs"


def test_links_lead_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
