"""What README and docs show is what a user sees."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from planner.cli import COMMANDS
from tests.conftest import ROOT
from tools import readme

PRINTED = readme.day_of(readme.README.read_text("utf-8"))


#: `make test` runs README and the tutorial, CI the others too.
SOON = ("README.md", "tutorial.md")
PAGES = [pytest.param(p, marks=() if p.name in SOON else pytest.mark.long) for p in readme.pages()]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_console_blocks_are_real(page: Path) -> None:
    text = page.read_text("utf-8")
    assert readme.renew(text, PRINTED) == text, f"{page.name} differs: run `make docs`"


def test_the_pages_are_of_their_day_not_of_today(tmp_path: Path) -> None:
    asked = "planner quote --hours 720 | grep -o '[^ ]*, [0-9]* days old'"
    for day in (PRINTED, PRINTED + timedelta(days=100)):
        listed, age = readme.run(asked, tmp_path / str(day), day).strip().split(", ")
        assert age == f"{(day - date.fromisoformat(listed)).days} days old"


def test_a_wrong_block_is_found() -> None:
    text = "```console\n$ planner --version\nplanner 0.0.0\n```"
    assert readme.renew(text, PRINTED) != text


def test_every_command_is_documented() -> None:
    text = "\n".join(p.read_text("utf-8") for p in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")))
    for name in COMMANDS:
        assert re.search(rf"planner {name}\b", text), f"`planner {name}` has no place in the docs"


def test_links_lead_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
