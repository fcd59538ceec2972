"""A stranger's cloud from refresh to apply: its facts and templates come from its own package, and its module is read back.

Each command is a process of its own with tests/fakecloud on its path, as for a package that somebody has installed. Its
templates use Terraform's built-in resource, so terraform itself checks, plans and applies them without any provider.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.conftest import ROOT

FAKE = ROOT / "tests" / "fakecloud"
Run = Callable[..., "subprocess.CompletedProcess[str]"]

ROLES = ("engine", "proxy", "prometheus", "grafana", "dcgm_exporter", "node_exporter")
PINS = [f"--image={role}=registry.fakecloud.example/{role}@sha256:{'a' * 64}" for role in ROLES]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `planner ARGS` with the strangers of `path` installed."""

    def run(*args: str, path: Path = FAKE) -> subprocess.CompletedProcess[str]:
        env = os.environ | {
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(path))),
            "PLANNER_HOME": str(tmp_path / "home"),
            "FAKECLOUD": json.dumps({"amount": "8.25", "rows": 2}),
        }
        command = [sys.executable, "-m", "planner", *args]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=env, check=False)

    return run


def ok(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stderr.startswith("Error")) == (0, False), done.stderr
    return done.stdout


def test_from_refresh_to_the_module_and_back(run: Run, tmp_path: Path) -> None:
    run("refresh", "fakecloud")
    wanted = ("--provider", "fakecloud", "--instance-type", "h0.0xlarge", "--hours", "100", "--format", "json")
    quote = json.loads(ok(run("quote", *wanted)))
    said = ok(run("emit-tf", "fakecloud", "--instance-type", "h0.0xlarge", "--hours", "100", "-o", "m", "--count", "2"))
    assert said.startswith("m: ") and "2 x h0.0xlarge in north-1, on demand, 1,650.00 USD" in said
    module = tmp_path / "m"
    readme = (module / "README.md").read_text()
    for text in (
        "Fake quota for 2 machines of h0.0xlarge",
        "the Fake Vault",
        "fake vault put north-1",
        "Fake Cloud takes the machines back",
        "fake zones north-1 h0.0xlarge",
    ):
        assert text in readme.replace("\\", ""), text
    boot = (module / "files" / "bootstrap.sh").read_text()
    assert 'fake vault get "$1"' in boot and "fakecloud-vault==1.0" in boot and "-d 192.0.2.1" in boot
    assert "the image must bring" in boot and "install_driver" not in boot
    again = json.loads(ok(run("quote", "--from-tf", "m", "--format", "json")))
    assert again["workload"]["count"] == 2

    def hourly(body: dict[str, list[dict[str, object]]]) -> set[str]:
        return {
            str(charge["unit_price"])
            for offer in body["offers"]
            if str(offer["id"]).endswith("h0.0xlarge:on_demand")
            for charge in offer["charges"][:1]  # type: ignore[index]
        }

    assert hourly(quote) == hourly(again) == {"8.25"}
    total = next(o for o in again["offers"] if o["id"].endswith("h0.0xlarge:on_demand"))["totals"]["native"]
    assert Decimal(total["effective"]) == Decimal("1650")


@pytest.mark.skipif(not shutil.which("terraform"), reason="no terraform on the PATH")
@pytest.mark.parametrize("extra", [(), ("--count", "2"), ("--public-ips", "1")], ids=["one", "two", "public"])
def test_terraform_takes_the_module(run: Run, tmp_path: Path, extra: tuple[str, ...]) -> None:
    wanted = ("--offline-list", "--client-cidr", "10.8.0.0/16", "--zone", "north-1-a", *PINS, *extra)
    assert "finds the module valid" in ok(run("emit-tf", "fakecloud", "-o", "m", "--validate", *wanted))

    (tmp_path / "rc").write_text("disable_checkpoint = true\n")
    env = os.environ | {"TF_CLI_CONFIG_FILE": str(tmp_path / "rc")}

    def terraform(*words: str) -> str:
        command = ["terraform", f"-chdir={tmp_path / 'm'}", *words]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    terraform("fmt", "-check", "-diff", "-recursive")
    terraform("apply", "-auto-approve", "-input=false", "-no-color")
    terraform("plan", "-input=false", "-detailed-exitcode")
    outputs = json.loads(terraform("output", "-json"))
    host = "192.0.2.10" if "--public-ips" in extra else "10.20.0.10"
    assert outputs["api_url"]["value"] == f"https://{host}:8443/v1"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("otherfake",), "otherfake cannot be emitted: it has no "),
        (("fakeclouds",), "unknown provider 'fakeclouds': did you mean fakecloud"),
        (("fakecloud", "--tag", "fake:x=1"), "the key 'fake:x' is not allowed"),
        (("fakecloud", "--tag", "x=FAKEKEY-12345678"), "what looks like a secret (Fake Cloud key)"),
        (("fakecloud", "--hours", "20001"), "Fake Cloud releases an instance at most 20000 hours"),
    ],
)
def test_its_rules_are_its_own(run: Run, args: tuple[str, ...], message: str) -> None:
    done = run("emit-tf", *args, "--offline-list", "--instance-type", "h0.0xlarge", "-o", "m")
    assert done.returncode in (1, 2) and message in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1


def test_a_credential_of_any_installed_cloud_is_seen_in_any_module(run: Run) -> None:
    done = run("emit-tf", "aws", "--instance-type", "p4d.24xlarge", "--offline-list", "--tag", "x=FAKEKEY-12345678")
    assert done.returncode in (1, 2) and "(Fake Cloud key)" in done.stderr and "12345678" not in done.stderr


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("templates/main.tf.j2", None, "a module needs main.tf.j2"),
        ("templates/parts/quota.md.j2", None, "there is no template cloud/parts/quota.md.j2"),
        ("templates/parts/secret.sh.j2", "{{ nothing }}", "'nothing' is undefined"),
        ("cloud.toml", "title = 1", "cloud.toml: title must be text"),
        ("cloud.toml", "ttle = 'x'", "cloud.toml: unknown key ttle: did you mean title?"),
    ],
)
def test_a_fault_in_its_package_is_one_sentence(
    run: Run, tmp_path: Path, path: str, text: str | None, message: str
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(FAKE, broken)
    target = broken / "fakecloud" / path
    target.unlink()
    if text is not None:
        target.write_text(text)
    done = run("emit-tf", "fakecloud", "--offline-list", "-o", "m", path=broken)
    assert done.returncode in (1, 2) and message in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert not (tmp_path / "m").exists()


def test_ours_are_emitted_in_spite_of_a_broken_stranger(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(FAKE, broken)
    (broken / "fakecloud" / "cloud.toml").write_text("title = 1")
    ok(run("emit-tf", "aws", "--instance-type", "p4d.24xlarge", "--offline-list", "-o", "m", path=broken))
