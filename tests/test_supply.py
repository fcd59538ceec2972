"""What a release is made of: locks, floors, licences, bill of materials, and whose package `providers` is."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from tools import audit, notice, sbom

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _pins(file: str) -> dict[str, str]:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    found = (re.match(r"([A-Za-z0-9][\w.-]*)==([^\s;\\]+)", line) for line in lines)
    return {sbom.normal(one[1]): one[2] for one in found if one}


@pytest.mark.parametrize(
    ("file", "extras"), [("constraints.txt", ()), ("requirements/dev.lock", ("test",))], ids=["users", "development"]
)
def test_the_lock_names_what_the_project_asks_for(file: str, extras: tuple[str, ...]) -> None:
    pins = _pins(file)
    asked = [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    for one in map(Requirement, asked):
        version = pins.get(sbom.normal(one.name))
        assert version and one.specifier.contains(version), f"{one}: {file} has {version}; run `make lock`"


def test_the_extra_all_is_every_extra_but_the_tools_of_tests_and_site() -> None:
    extras = PROJECT["optional-dependencies"]
    (one,) = map(Requirement, extras["all"])
    assert one.name == PROJECT["name"] and one.extras == set(extras) - {"all", "test", "site"}


@pytest.mark.parametrize("file", ["requirements/dev.lock", "requirements/build.lock"])
def test_every_file_of_the_lock_has_a_hash(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text.partition("\n\n")[2] or text)
    for block in blocks:
        if "==" in block.split("\n")[0]:
            assert "--hash=sha256:" in block, block[:80]
    assert "http://" not in text and "https://" not in text and "file:" not in text


def test_no_floor_allows_a_known_vulnerability() -> None:
    assert audit.low_floors() == []
    pins = _pins("constraints.txt")
    for name, (first, advisory) in audit.FLOORS.items():
        assert Version(pins[name]) >= Version(first), advisory


def test_the_audit_says_when_it_could_not_look(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: object, **more: object) -> Any:
        return subprocess.CompletedProcess([], 1, "", "ConnectionError: no route to host")

    monkeypatch.setattr(subprocess, "run", offline)
    code, said = audit.looked_up()
    assert code == 0 and said.startswith("not looked up") and "no route" in said


def test_the_audit_fails_on_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    found = subprocess.CompletedProcess([], 1, "Found 1 known vulnerability in 1 package", "")
    monkeypatch.setattr(subprocess, "run", lambda *args, **more: found)
    assert audit.looked_up()[0] == 1


def test_the_bill_of_materials_names_everything_that_a_user_gets() -> None:
    made = sbom.sbom()
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    names = {one["name"] for one in made["components"]}
    assert {sbom.normal(Requirement(text).name) for text in PROJECT["dependencies"]} <= names
    assert {"cryptography", "certifi", "echarts"} <= names and "pytest" not in names
    refs = [one["bom-ref"] for one in made["components"]]
    assert len(refs) == len(set(refs))
    known = {*refs, made["metadata"]["component"]["bom-ref"]}
    assert all({one["ref"], *one["dependsOn"]} <= known for one in made["dependencies"])
    assert json.dumps(made) == json.dumps(sbom.sbom())


def test_the_vendored_scripts_of_the_bill_are_those_of_the_page() -> None:
    readme = (ROOT / "templates/report/vendor/README.md").read_text(encoding="utf-8").lower()
    for name, _ in sbom.VENDORED:
        assert name in readme


def test_licences_follow_the_data() -> None:
    shared = notice.shared()
    assert shared and PROJECT["license"] == "Apache-2.0 AND CC-BY-SA-4.0"
    assert "Attribution-ShareAlike 4.0 International" in (ROOT / "LICENSES/CC-BY-SA-4.0.txt").read_text(
        encoding="utf-8"
    )
    text = (ROOT / "NOTICE").read_text(encoding="utf-8")
    assert text == notice.notice(), "run `make docs`"
    for path in ROOT.glob("providers/*/catalog/sources.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            assert all(" ".join(row["source"].split()) in text for row in csv.DictReader(file))


def test_the_release_stores_no_password_and_attests_what_it_built() -> None:
    text = (ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8")
    flow = yaml.safe_load(text)
    assert "secrets." not in text and "password" not in text.replace("without any stored password", "")
    assert flow["permissions"] == {"contents": "read"}
    assert flow["jobs"]["publish"]["permissions"] == {"id-token": "write"}
    used = [step.get("uses", "") for job in flow["jobs"].values() for step in job["steps"]]
    for action in ("attest-build-provenance", "attest-sbom", "gh-action-pypi-publish"):
        assert any(action in one for one in used)
    assert "--require-hashes -r requirements/dev.lock" in text


# -- another package `providers` -------------------------------------------------------------------------------------


def _run(*path: Path, code: str) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (*path, ROOT)))}
    return subprocess.run(
        [sys.executable, "-c", code], cwd="/", env=environ, capture_output=True, text=True, check=False
    )


LOAD = "from planner import provider; print(provider.load('aws').name)"


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """A distribution `other` with a package `providers`, even with an `aws` in it, that must not be run."""
    (tmp_path / "providers/aws").mkdir(parents=True)
    for file in ("providers/__init__.py", "providers/aws/__init__.py"):
        (tmp_path / file).write_text("raise SystemExit('somebody else was run')\n")
    info = tmp_path / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (info / "top_level.txt").write_text("providers\n")
    return tmp_path


def test_another_package_of_that_name_is_named_and_not_run(stranger: Path) -> None:
    done = _run(stranger, code=LOAD)
    assert done.returncode == 1 and "somebody else" not in done.stdout + done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert "the distribution other also has a top-level package `providers`" in last and str(stranger) in last


def test_a_quote_takes_the_price_lists_of_ours(stranger: Path) -> None:
    code = "import sys; sys.argv[1:] = ['quote', '--provider', 'aws', '--offline-list']; from planner.cli import main; main()"
    done = _run(stranger, code=code)
    assert done.returncode == 0 and "p4d.24xlarge" in done.stdout, done.stderr


def test_ours_alone_is_taken() -> None:
    assert _run(code=LOAD).stdout == "aws\n"
