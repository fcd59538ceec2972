"""A saved quote is enough: no format opens a price list, a provider's module or a price book to show it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from planner.rendering.json import dump
from tests.conftest import ROOT, make_quote

#: Renders the saved quote argv[1] in the format argv[2], in a process that may not open anything of a provider.
SCRIPT = """
import sys
from pathlib import Path

import planner
import planner.quoting.saved

root = Path(planner.__file__).resolve().parent.parent / "providers"

def forbid(event, args):
    if event == "open" and isinstance(args[0], (str, bytes)):
        name = args[0] if isinstance(args[0], str) else args[0].decode()
        if Path(name).resolve().is_relative_to(root):
            raise RuntimeError(f"opened {name}")
    if event == "sqlite3.connect":
        raise RuntimeError(f"opened a price book: {args[0]}")

sys.addaudithook(forbid)
quote = planner.load(sys.argv[1])
if sys.argv[2] == "explain":
    from planner.rendering.explain import dump
    made = dump(quote, quote.best)
elif sys.argv[2] == "catalogue":
    made = planner.quote(hours=720).hash
else:
    made = planner.render(quote, sys.argv[2])
assert made
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "quote.json"
    path.write_text(dump(make_quote(hours="720", egress_gb="300", tax="6%", provider="aws")), encoding="utf-8")
    return path


def run(saved: Path, what: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT, str(saved), what]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.parametrize("form", ["table", "json", "csv", "xlsx", "html", "markdown", "focus", "explain"])
def test_a_renderer_sees_only_the_quote(saved: Path, form: str) -> None:
    done = run(saved, form)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_guard_would_see_it(saved: Path) -> None:
    done = run(saved, "catalogue")
    assert done.returncode == 1
    assert "opened" in done.stderr
