"""`planner emit-tf` as a user runs it."""

from __future__ import annotations

import os
import resource
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Run

P4D = ("aws", "--instance-type", "p4d.24xlarge", "--offline-list")


def test_writes_a_module_and_says_what(planner: Run, tmp_path: Path) -> None:
    done = planner("emit-tf", *P4D, "-o", "m", "--client-cidr", "10.8.0.0/16", "--tag", "team=a=b")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("m: ")
    assert "1 x p4d.24xlarge in us-east-1, on demand, " in done.stdout
    assert 'client_cidr = "10.8.0.0/16"' in (tmp_path / "m" / "terraform.tfvars").read_text()
    assert '"team"' in (tmp_path / "m" / "main.tf").read_text()


def test_the_quote_and_the_module_agree(planner: Run, tmp_path: Path) -> None:
    saved = planner("quote", "--instance-type", "p4d.24xlarge", "--offline-list", "--format", "json", "-o", "q.json")
    assert saved.returncode == 0, saved.stderr
    one = planner("emit-tf", "aws", "--quote", "q.json", "-o", "m")
    assert one.returncode == 0, one.stderr
    import json

    raw = json.loads((tmp_path / "q.json").read_text())
    record = json.loads((tmp_path / "m" / "planner.json").read_text())
    offer = next(o for o in raw["offers"] if o["id"] == record["offer"])
    assert record["quote"] == raw["hash"]
    assert record["cost"]["effective"] == offer["totals"]["native"]["effective"]
    spot = planner("emit-tf", "aws", "--quote", "q.json", "-o", "s", "--purchase-option", "spot")
    assert spot.returncode == 0, spot.stderr
    assert '"spot"' in (tmp_path / "s" / "main.tf").read_text()


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("gcp",), 2, "unknown provider 'gcp': known: alicloud, aws, tencentcloud"),
        (("alyclud",), 2, "did you mean alicloud?"),
        (("aws", "--provider", "alicloud"), 2, "drop --provider"),
        (("aws", "--instance-type", "p4d.24xlrge"), 2, "did you mean p4d.24xlarge"),
        (("alicloud", "--purchase-option", "capacity_block"), 2, "does not sell GPU instances as capacity-block"),
        (("aws", "--region", "mars-1"), 2, "mars-1"),
        (("aws", "--region", "us-west-2-lax-1"), 2, "us-west-2-lax-1 is a zone of us-west-2 that is sold apart"),
        (("aws", "--region", "ca-west-1"), 2, "planner refresh aws --region ca-west-1"),
        ((*P4D, "--quote", "missing.json", "--hours", "3"), 2, "cannot change it"),
        (("aws", "--quote", "missing.json"), 2, "missing.json"),
        ((*P4D, "--tag", "x"), 2, "KEY=VALUE"),
        ((*P4D, "--client-cidr", "0.0.0.0/0"), 2, "--open-to-internet"),
        ((*P4D, "--spot-limit", "9.5"), 2, "--purchase-option spot"),
        ((*P4D, "--purchase-option", "spot", "--spot-limit", "1e3"), 2, "--spot-limit"),
        ((*P4D, "-o", "no/such/place"), 2, "does not exist"),
        (
            (
                "tencentcloud",
                "--instance-type",
                "GN10Xp.20XLARGE320",
                "--purchase-option",
                "subscription",
                "--deadline",
                "2030-01-01T00:00:00Z",
            ),
            2,
            "cannot have a deadline",
        ),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    planner: Run, tmp_path: Path, args: tuple[str, ...], code: int, message: str
) -> None:
    done = planner("emit-tf", *args)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_edits_are_kept(planner: Run, tmp_path: Path) -> None:
    assert planner("emit-tf", *P4D, "-o", "m").returncode == 0
    (tmp_path / "m" / "main.tf").write_text("# mine\n")
    done = planner("emit-tf", *P4D, "-o", "m")
    assert done.returncode == 2
    assert "main.tf" in done.stderr
    assert (tmp_path / "m" / "main.tf").read_text() == "# mine\n"
    assert planner("emit-tf", *P4D, "-o", "m", "--force").returncode == 0


def fake_terraform(folder: Path, script: str) -> None:
    folder.mkdir()
    path = folder / "terraform"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (None, "no terraform on the PATH; install Terraform 1.9 or newer"),
        ('echo \'{"terraform_version": "1.5.7"}\'', "is Terraform 1.5.7; this module needs Terraform 1.9 or newer"),
        ("exit 3", "does not say its version (exit 3)"),
        (
            '[ "$1" = version ] && { echo \'{"terraform_version": "1.11.4"}\'; exit; }\nprintf "Error: no registry\\n\\ndetails" >&2; exit 1',
            "terraform init: no registry",
        ),
        (
            'case $1 in version) echo \'{"terraform_version": "1.11.4"}\';; init) ;; *) echo \'{"valid": false, "diagnostics": [{"severity": "error", "summary": "Unsupported argument", "range": {"filename": "main.tf", "start": {"line": 7}}}]}\'; exit 1;; esac',
            "main.tf:7: Unsupported argument",
        ),
    ],
)
def test_validate_reports_in_our_words(
    planner: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, message: str
) -> None:
    if script is not None:
        fake_terraform(tmp_path / "bin", script)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    done = planner("emit-tf", *P4D, "-o", "m", "--validate")
    assert done.returncode == 1, done.stdout
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "m" / "main.tf").exists()


@pytest.mark.system
@pytest.mark.long
def test_validate_and_plan_with_real_terraform(planner: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.terraform.test_real import MIRROR, environment

    if not (shutil.which("terraform") and MIRROR.exists()):
        pytest.skip("no terraform on the PATH, or no ../shared/terraform-mirror")
    for key, value in environment(tmp_path).items():
        monkeypatch.setenv(key, value)
    pins = [
        f"--image={r}=reg.example.com/{r}@sha256:{'a' * 64}"
        for r in ("engine", "proxy", "prometheus", "grafana", "dcgm_exporter", "node_exporter")
    ]
    args = ("emit-tf", *P4D, "-o", "m", "--alert-email", "a@b.example", *pins)
    first = planner(*args, "--plan")
    assert first.returncode == 1 and "client_cidr" in first.stderr
    said = (*args, "--client-cidr", "10.8.0.0/16")
    done = planner(*said, "--plan")
    assert done.returncode == 0 and "terraform plans 24 to add, 0 to change, 0 to destroy" in done.stdout, done.stderr
    assert "valid" in planner(*said, "--zone", "us-east-1a", "--validate").stdout


def test_emit_tf_starts_fast(tmp_path: Path) -> None:
    """The whole process at most 3.5 times `python -c "import click"` (benchmarks/), a little more beside other tests."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(tmp_path / "pyc")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # as installed: modules are compiled once
    probe = [sys.executable, "-c", "import click"]
    ours = [sys.executable, "-m", "planner", "emit-tf", *P4D, "-o", str(tmp_path / "m")]

    def timed(command: list[str]) -> float:
        # Processor time: what else the machine does is nobody's fault here.
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, env=env, check=True, capture_output=True, cwd=tmp_path)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    timed(ours)
    timed(probe)
    pairs = [(timed(probe), timed(ours)) for _ in range(11)]
    base, mine = (min(x) for x in zip(*pairs, strict=True))
    assert mine <= 4 * base, f"{mine * 1000:.0f} ms against {base * 1000:.0f} ms: {mine / base:.1f} times"


def test_why_the_cheapest_is_not_the_type_that_is_known_and_how_to_get_it() -> None:
    from planner.cli.emitting import besides
    from planner.quoting.choose import pick
    from tests.conftest import make_quote

    quote = make_quote(provider="aws")
    offer = pick(quote, "aws", (), (), (), "")
    (said,) = map(str, besides("aws", quote, offer, False))
    assert said.startswith("not p4d.24xlarge: 1 x of it (8x A100-SXM4-40GB) is ")
    assert said.endswith(
        f"of 1 x {offer.instance_type}, which serves the workload as well; --instance-type p4d.24xlarge emits it"
    )
    assert besides("aws", quote, offer, True) == []
    taken = next(o for o in quote.offers if o.instance_type == "p4d.24xlarge")
    assert besides("aws", quote, taken, False) == []
    bare = quote._replace(offers=tuple(o for o in quote.offers if o.instance_type != "p4d.24xlarge"))
    assert besides("aws", bare, offer, False) == []


def test_a_known_type_that_does_not_serve_says_why() -> None:
    from planner.cli.emitting import besides
    from planner.quoting.choose import pick
    from tests.conftest import make_quote

    quote = make_quote(provider="aws", model="DeepSeek-R1", count=1)
    offer = pick(quote, "aws", (), (), (), "")
    (said,) = map(str, besides("aws", quote, offer, False))
    assert said.startswith("not p4d.24xlarge: ")
    assert "--instance-type" not in said
