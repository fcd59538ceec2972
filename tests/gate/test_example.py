"""docs/examples/pull-request as a repository of its own: a change is priced, commented once, updated, and judged; without network."""

from __future__ import annotations

import json
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from planner.cli import run
from planner.gate import base, words
from planner.gate.sides import Side, Subject
from planner.i18n import translator
from planner.prices.fx import Rates, committed
from tests.conftest import ROOT
from tests.gate.forges import World, serving
from tests.gate.test_forge import environ

yaml = pytest.importorskip("yaml")
EXAMPLE = ROOT / "docs/examples/pull-request"
WORKLOAD = "services/chat/workload.toml"
#: A second machine, beside the module's own.
SPOT = """resource "aws_instance" "more" {
  ami           = "ami-1"
  instance_type = "g6.xlarge"
  instance_market_options {
    market_type = "spot"
  }
}

resource "aws_instance" "this" {"""
ASKED = ["gate", "--policy", "policy.toml", "--as-of", "2026-11-26"]


def git(*given: str) -> None:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *given], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shop"
    shutil.copytree(EXAMPLE, folder)
    shutil.copytree(ROOT / "terraform/aws/p4d", folder / "infra")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    for name in ("GITHUB_EVENT_PATH", "GITLAB_CI", "GITHUB_TOKEN", "GITLAB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-q", "-m", "base")
    git("switch", "-q", "-c", "change")
    return folder


def edit(path: str, old: str, new: str) -> None:
    text = Path(path).read_text("utf-8")
    assert old in text
    Path(path).write_text(text.replace(old, new), "utf-8")


def test_one_comment_for_a_change_and_its_second_push(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(WORKLOAD, "rps = 1\n", "rps = 12\n")
    with serving(World("github")) as world:
        for name, value in environ(world, tmp_path).items():
            monkeypatch.setenv(name, value)
        assert run([*ASKED, "--base", "main", "--comment", "github"]) == 3
        said = capsys.readouterr()
        assert "comment created" in said.err and "[E300]" in said.err and "over the budget of 2,000.00 USD" in said.out
        first = world.comments[0]["body"]
        assert first.startswith("<!-- planner gate: cost -->\n") and "- rps: 1 -\\> 12" in first
        edit(WORKLOAD, "rps = 12\n", "rps = 1\negress_gb = 500\n")
        edit("policy.toml", '"2000 USD"', '"9 USD"')  # a change cannot alter by what it is judged
        assert run([*ASKED, "--base", "main", "--comment", "github"]) == 0
        assert "comment updated" in capsys.readouterr().err
        (second,) = [c["body"] for c in world.comments]
        assert second != first and "Within the policy." in second and "judged by the base" in second
        assert world.writes == ["POST", "PATCH"]


def test_a_fork_without_secrets_gets_its_text_in_the_summary(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edit("infra/main.tf", "p4d.24xlarge", "p4de.24xlarge")
    with serving(World("github", refuse=403)) as world:
        for token in ("", "of-a-fork"):
            for name, value in environ(world, tmp_path, fork=True, token=token or "x").items():
                monkeypatch.setenv(name, value)
            monkeypatch.setenv("GITHUB_TOKEN", token and "a-token-of-the-test")
            assert run(["gate", "--base", "main", "--comment", "github"]) == 0
            assert "its text stands in the job's summary" in capsys.readouterr().err
    summary = (tmp_path / "summary.md").read_text("utf-8")
    assert summary.count("<!-- planner gate: cost -->") == 2 and "| infra | " in summary
    assert "| Instance usage (p4de.24xlarge, on-demand) | - | " in summary


def test_how_a_module_buys_is_read_from_what_stands_there(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(ROOT / "terraform/aws/kubernetes", "tree")
    Path("strict.toml").write_text('[policy]\npurchase_options = ["on_demand"]\nproviders = ["aws"]\n')
    asked = ["gate", "--policy", "strict.toml", "tree", "infra"]
    assert run(asked) == 0
    nodes = Path("tree/cluster/nodes.tf")
    edit(str(nodes), 'capacity_type   = "ON_DEMAND"', 'capacity_type   = "SPOT"')
    edit("infra/main.tf", 'resource "aws_instance" "this" {', SPOT)
    assert run(asked) == 3
    said = capsys.readouterr().out
    assert "tree: purchase option spot is not allowed" in said and "infra: purchase option spot is not allowed" in said


def test_what_is_new_gone_renamed_or_broken(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git("mv", WORKLOAD, "services/chat/main.workload.toml")
    shutil.rmtree("infra")
    Path("services/batch.toml").write_text('model = "no such model"\n')
    found = {
        one.now or one.before: one for one in base.found(base.changes(base.start("main")), (), base.records("main"))
    }
    assert {name: (one.kind, one.before, one.now) for name, one in found.items()} == {
        "services/chat/main.workload.toml": ("workload", WORKLOAD, "services/chat/main.workload.toml"),
        "infra": ("module", "infra", ""),
    }
    # A file that is named is a workload, whatever its name; what cannot be priced is said, and fails.
    assert run(["gate", "--base", "main", "--format", "json", "services/batch.toml", "infra"]) == 2
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told["verdict"] == "failed" and [one["path"] for one in told["subjects"]] == ["services/batch.toml", "infra"]
    assert "unknown model" in told["subjects"][0]["problem"] and told["subjects"][1]["after"] is None
    assert told["subjects"][1]["before"]["providers"] == ["aws"]


def test_the_base_uses_the_files_of_the_base(repository: Path, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    edit(WORKLOAD, "rps = 1\n", "rps = 3\n")
    edit("infra/main.tf", "p4d.24xlarge", "p4de.24xlarge")
    Path("infra/mine.tf").write_text("# new\n")
    base.unpacked("main", [WORKLOAD, "infra", "../outside", "/etc/passwd", "not-there"], str(folder))
    assert "rps = 1\n" in (folder / WORKLOAD).read_text() and not (folder / "infra/mine.tf").exists()
    for file in (ROOT / "terraform/aws/p4d").rglob("*"):
        if file.is_file():
            assert (folder / "infra" / file.relative_to(ROOT / "terraform/aws/p4d")).read_bytes() == file.read_bytes()
    # One new file in a module that was there is no new module.
    edit("infra/main.tf", "p4de.24xlarge", "p4d.24xlarge")
    (one,) = base.found([base.Change("", "infra/mine.tf")], (), base.records("main"))
    assert one == base.Found("module", "infra", "infra")


def test_asked_wrongly(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for given, told in (
        (["--base", "nowhere"], "fetch-depth: 0"),
        (["--base", "--output=x"], "does not have it"),
        (["no-such-folder"], "no such file or folder"),
        (["--name", "a -->"], "--name"),
        (["--policy", "nowhere.toml"], "nowhere.toml"),
        (["--comment", "gitlab"], "CI_PROJECT_ID"),
    ):
        assert run(["gate", *given]) == 2
        assert told in capsys.readouterr().err
    assert run(["gate", "--base", "main"]) == 0 and "No workload and no module changed." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-actions", ("action.yml",)),
        ("github-workflows", ("docs/examples/pull-request/.github/workflows/cost.yml",)),
        ("gitlab-ci", (".ci/gitlab-cost.yml", "docs/examples/pull-request/.gitlab-ci.yml")),
    ],
)
def test_the_files_are_what_the_forges_take(schema: str, files: tuple[str, ...]) -> None:
    builtin = pytest.importorskip("check_jsonschema.catalog")
    folder = Path(builtin.__file__).parent / "builtin_schemas/vendor"
    jsonschema = pytest.importorskip("jsonschema")
    kept = json.loads((folder / f"{schema}.json").read_text("utf-8"))
    check = jsonschema.validators.validator_for(kept)(kept)
    for name in files:
        content = yaml.safe_load((ROOT / name).read_text("utf-8"))
        content = json.loads(json.dumps({("on" if key is True else key): value for key, value in content.items()}))
        assert [error.message for error in check.iter_errors(content)] == [], name
    assert list(check.iter_errors({"runs": 1, "on": 2, "stages": 3})) != []


def test_they_only_call_planner_and_let_no_input_become_a_script() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    for step in action["runs"]["steps"]:
        assert "uses" not in step and "${{" not in step["run"]
    job = yaml.safe_load((EXAMPLE / ".github/workflows/cost.yml").read_text("utf-8"))
    assert "pull_request_target" not in job[True] and job["permissions"] == {
        "contents": "read",
        "pull-requests": "write",
    }
    uses = [step["uses"] for step in job["jobs"]["cost"]["steps"]]
    assert (
        len(uses[0].rpartition("@")[2]) == 40
        and uses[0].startswith("actions/checkout@")
        and uses[1] == "OWNER/planner@REF"
    )


def test_the_action_calls_planner_with_its_inputs(tmp_path: Path) -> None:
    step = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["runs"]["steps"][1]
    program = tmp_path / "planner/bin/planner"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    env = {"PATH": "/usr/bin:/bin", "RUNNER_TEMP": str(tmp_path), "NAME": "cost", "LANGUAGE_OF": "en"}
    env |= {"PATHS": "services\n\ninfra $(touch x)\n", "POLICY": "a policy.toml", "BASE": "", "BOOKS": ""}
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", step["run"]], env=env, capture_output=True, text=True, cwd=tmp_path
    )
    asked = "gate --comment github --name cost --lang en --policy".split()
    assert done.stdout.splitlines() == [*asked, "a policy.toml", "--", "services", "infra $(touch x)"]


def test_the_gitlab_job_calls_planner_and_ends_as_it_does(tmp_path: Path) -> None:
    job = yaml.safe_load((ROOT / ".ci/gitlab-cost.yml").read_text("utf-8"))["planner-cost"]
    program = tmp_path / "planner/bin/planner"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/bash\nprintf "%s\\n" "$@" > planner-cost.md\nexit 3\n')
    program.chmod(0o755)
    script = "\n".join(job["script"][2:])
    env = {"PATH": "/usr/bin:/bin", "CI_BUILDS_DIR": str(tmp_path), "PLANNER_POLICY": "a policy.toml"}
    env |= {"PLANNER_PATHS": "services $(id)", "PLANNER_ARGS": "--lang zh"}
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script], env=env, capture_output=True, text=True, cwd=tmp_path
    )
    asked = "gate --comment gitlab --format markdown --output planner-cost.md --force --policy".split()
    assert done.stdout.splitlines() == [*asked, "a policy.toml", "--lang", "zh", "--", "services", "$(id)"]
    assert done.returncode == 3 and job["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "merge_request_event"'}]


def test_a_thousand_changes_are_still_one_comment_without_markup_of_theirs() -> None:
    side = Side("aws:x", Decimal(1), "USD", Decimal(720), ("aws",), ("on_demand",), "", False, False, (), ())
    many = tuple(Subject(f"a/{n}/<img src=x>@you|`workload.toml", "workload", after=side) for n in range(1200))
    told = words.Told(many, "abc", "", "obligation", "2026-11-27", Rates(committed()))
    text = words.as_markdown(told, translator("en"), "cost")
    assert text.startswith("<!-- planner gate: cost -->\n") and len(text) <= words.MOST
    assert "<img" not in text and "@you" not in text and text.count("<!--") == 1
