"""What a newcomer adds: each task of CONTRIBUTING done in a copy of the checkout, by touching the files it names and no other.

The copy is run as a user would run it. A task that suddenly needs another file fails here, and so does a page that names too
few or too many.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.source import ROOT

FOLDERS = ("planner", "providers", "templates")
FILES = ("pyproject.toml",)


class Checkout:
    """A copy of the checkout that remembers how it was."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder / "planner-main", folder / "home"
        unwritten = shutil.ignore_patterns("__pycache__", "*.pyc")
        for name in FOLDERS:
            shutil.copytree(ROOT / name, self.folder / name, ignore=unwritten)
        for name in FILES:
            shutil.copy(ROOT / name, self.folder / name)
        self.before = self._digests()

    def _digests(self) -> dict[str, str]:
        paths = [p for p in self.folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
        return {
            p.relative_to(self.folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in paths
            if ".dist-info" not in str(p)
        }

    def touched(self) -> set[str]:
        """Return the files that are new or changed."""
        after = self._digests()
        assert not set(self.before) - set(after)
        return {path for path, digest in after.items() if self.before.get(path) != digest}

    def copy_row(self, path: str, key: str, **changed: str) -> None:
        """Append to a CSV file a copy of the row whose first column is `key`, with other values."""
        file = self.folder / path
        text = file.read_text(encoding="utf-8")
        rows = list(csv.reader(io.StringIO(text)))
        row = dict(zip(rows[0], next(r for r in rows if r[0] == key), strict=True)) | changed
        assert set(row) == set(rows[0]), "an unknown column"
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerow(row.values())
        file.write_text(text + ("" if text.endswith("\n") else "\n") + out.getvalue(), encoding="utf-8")

    def insert(self, path: str, after: str, line: str) -> None:
        """Insert `line` behind the first line of a file that begins with `after`."""
        file = self.folder / path
        lines = file.read_text(encoding="utf-8").split("\n")
        at = next(i for i, text in enumerate(lines) if text.startswith(after))
        file.write_text("\n".join([*lines[: at + 1], line, *lines[at + 1 :]]), encoding="utf-8")

    def install(self) -> None:
        """Do what `make setup` does when pyproject.toml is newer: write down the entry points."""
        project = tomllib.loads((self.folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        info = self.folder / "gpu_cost_planner-0.dist-info"
        info.mkdir()
        lines = [f"{name} = {target}" for name, target in project["entry-points"]["planner.providers"].items()]
        (info / "entry_points.txt").write_text("\n".join(["[planner.providers]", *lines, ""]), encoding="utf-8")
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gpu-cost-planner\nVersion: 0\n", encoding="utf-8")

    def run(self, *args: str, code: int = 0) -> str:
        """Run `planner ARGS` from the copy; return what it printed."""
        env = os.environ | {"PYTHONPATH": str(self.folder), "PLANNER_HOME": str(self.home), "NO_COLOR": "1"}
        command = [sys.executable, "-m", "planner", *args]
        done = subprocess.run(command, cwd=self.folder.parent, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def named(task: str, **names: str) -> set[str]:
    """Return the paths that CONTRIBUTING names for a task, with the placeholders filled in; a folder ends with a slash."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| {re.escape(task)} \| (.*?) \|", page, re.M)
    paths = re.findall(r"`([^`]+)`", row)
    for name, value in names.items():
        paths = [path.replace(f"<{name}>", value) for path in paths]
    return set(paths)


def _touched_as_named(checkout: Checkout, paths: set[str]) -> None:
    folders = tuple(path for path in paths if path.endswith("/"))
    touched = {next((f for f in folders if path.startswith(f)), path) for path in checkout.touched()}
    assert touched == paths


def test_a_gpu(checkout: Checkout) -> None:
    assert "B999" in checkout.run("size", "--gpu", "B999", code=2)
    checkout.copy_row(
        "planner/data/gpus.csv", "H100-SXM5", name="B999-SXM", aliases="B999", memory_gb="192", usable_gib="178"
    )
    out = checkout.run("size", "--gpu", "B999", "--model", "DeepSeek-R1-Distill-Qwen-32B", "--format", "json")
    assert json.loads(out)["fits"] is True
    _touched_as_named(checkout, named("a GPU"))


def test_a_model_of_a_known_architecture(checkout: Checkout) -> None:
    name = "DeepSeek-R1-Distill-New-7B"
    checkout.copy_row(
        *("planner/data/models.csv", "DeepSeek-R1-Distill-Qwen-7B"),
        name=name,
        hf_id=f"deepseek-ai/{name}",
        modelscope_id=f"deepseek-ai/{name}",
        aliases="new-7b",
    )
    assert name in checkout.run("models", "list")
    assert name in checkout.run("size", "--model", "new-7b", "--gpu", "A10")
    made = json.loads(checkout.run("quote", "--model", name, "--provider", "aws", "--format", "json"))
    assert made["offers"] and {o["sizing"]["model"] for o in made["offers"]} == {name}
    checkout.run("emit-tf", "aws", "--model", name, "-o", "module", "--client-cidr", "10.0.0.0/8")
    module = "".join(p.read_text() for p in (checkout.folder.parent / "module").rglob("*") if p.is_file())
    assert f"deepseek-ai/{name}" in module
    _touched_as_named(checkout, named("a model of a known architecture"))


def test_a_new_architecture(checkout: Checkout) -> None:
    config = {
        "architectures": ["NewForCausalLM"],
        "num_hidden_layers": 28,
        "hidden_size": 3584,
        "vocab_size": 152064,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "intermediate_size": 18944,
        "torch_dtype": "bfloat16",
        "max_position_embeddings": 131072,
        "model_type": "new",
        "tie_word_embeddings": False,
    }
    (checkout.folder.parent / "config.json").write_text(json.dumps(config), encoding="utf-8")
    asked = ("size", "--model-config", "config.json", "--gpu", "A10")
    assert "'NewForCausalLM' is not known" in checkout.run(*asked, code=2)
    path = "planner/sizing/architectures.py"
    checkout.insert(path, '        Architecture("LlamaForCausalLM")', '        Architecture("NewForCausalLM"),')
    sized = json.loads(checkout.run(*asked, "--format", "json"))
    assert sized["fits"] is True and sized["memory"]["weights_gib"] > 13
    _touched_as_named(checkout, named("a new architecture"))


def test_a_format(checkout: Checkout) -> None:
    (checkout.folder / "planner" / "rendering" / "ids.py").write_text(
        '"""The ids of a quote\'s offers, one a line."""\n\n\n'
        "def dump(quote, *, top: int = 0):\n"
        '    """Return the ids, the cheapest first."""\n'
        '    return "".join(f"{offer.id}\\n" for offer in quote.offers[: top or None])\n',
        encoding="utf-8",
    )
    checkout.insert(
        "planner/rendering/formats.py", "FORMATS = (", '    Format("ids", "planner.rendering.ids", ("top",)),'
    )
    file = checkout.folder / "planner" / "cli" / "quote.py"
    text = file.read_text(encoding="utf-8")
    if re.search(r"^FORMATS = \(\"", text, re.M):  # the names once more, so that --help stays light
        file.write_text(text.replace('FORMATS = ("', 'FORMATS = ("ids", "', 1), encoding="utf-8")
    assert "ids" in checkout.run("quote", "--help")
    out = checkout.run("quote", "--gpu", "A10", "--format", "ids", "--top", "2")
    assert len(out.splitlines()) == 2 and all(line.count(":") >= 4 for line in out.splitlines())
    _touched_as_named(checkout, named("a format", name="ids"))


def test_a_provider(checkout: Checkout) -> None:
    fake = ROOT / "tests" / "fakecloud" / "fakecloud"
    unwritten = shutil.ignore_patterns("__pycache__", "templates")
    shutil.copytree(fake, checkout.folder / "providers" / "newcloud", ignore=unwritten)
    shutil.copytree(fake / "templates", checkout.folder / "templates" / "newcloud")
    for path in [
        *(checkout.folder / "providers/newcloud").rglob("*"),
        *(checkout.folder / "templates/newcloud").rglob("*"),
    ]:
        if path.is_file() and "__pycache__" not in path.parts:
            path.write_text(path.read_text(encoding="utf-8").replace("fakecloud", "newcloud"), encoding="utf-8")
    checkout.insert("pyproject.toml", "tencentcloud = ", 'newcloud = "providers.newcloud:provider"')
    checkout.install()
    checkout.run("catalog", "check")
    assert "newcloud" in checkout.run("quote", "--provider", "newcloud")
    assert "regions added" in checkout.run("refresh", "newcloud")
    made = json.loads(checkout.run("quote", "--format", "json"))
    assert {"aws", "newcloud"} <= {o["provider"] for o in made["offers"]}
    checkout.run("emit-tf", "newcloud", "-o", "module", "--client-cidr", "10.0.0.0/8")
    assert (checkout.folder.parent / "module" / "main.tf").exists()
    _touched_as_named(checkout, named("a provider", name="newcloud"))
