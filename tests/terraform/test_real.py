"""The committed modules through real terraform, the real AWS provider and real checkov.

terraform: with ../shared/terraform-mirror, whose providers have the real schemas and made-up answers; and the AWS module
with the real provider against a moto server. checkov: `$CHECKOV`, or `checkov` on the PATH. Each is skipped, with the
reason, where it is missing.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tools import reference_modules

pytestmark = pytest.mark.system

MIRROR = ROOT.parent / "shared" / "terraform-mirror" / "build"
POLICIES = ROOT / "tests" / "policies"
MODULES = [case.folder for case in reference_modules.CASES]
DIGEST = "a" * 64

needs_terraform = pytest.mark.skipif(
    not (shutil.which("terraform") and MIRROR.exists()),
    reason="no terraform on the PATH, or no ../shared/terraform-mirror",
)
CHECKOV = os.environ.get("CHECKOV") or shutil.which("checkov") or ""
needs_checkov = pytest.mark.skipif(not CHECKOV, reason="no checkov ($CHECKOV or on the PATH)")


def environment(home: Path, real: bool = False) -> dict[str, str]:
    """Return the environment that points terraform at the mirror, built once under `home`'s machine-wide cache."""
    cache = os.environ.get("TERRAFORM_MIRROR_HOME") or str(
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "planner-test-mirror"
    )
    env = {**os.environ, "TERRAFORM_MIRROR_HOME": cache, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
    env.pop("TF_CLI_CONFIG_FILE", None)
    import fcntl

    os.makedirs(cache, exist_ok=True)
    with open(f"{cache}.lock", "w") as lock:  # two workers must not build it at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        built = subprocess.run(
            [str(MIRROR), *(["--real"] if real else [])], env=env, capture_output=True, text=True, check=True
        )
    env["TF_CLI_CONFIG_FILE"] = built.stdout.strip().splitlines()[-1]
    return env


def answers(given: str) -> str:
    """Return the terraform.tfvars of a module with what it still asks for: the lines that stand ready, made true."""
    said = {
        "client_cidr": '"10.8.0.0/16"',
        "zone": '"us-east-1a"',
        "capacity_block_offering_id": '"cb-0123456789abcdef0"',
        "addresses": '["10.0.0.10", "10.0.0.11"]',
    }
    asked = re.findall(r"^# (\w+) += (.*?) # ", given, re.M)
    lines = [f"{name} = {said.get(name, example.replace('...', DIGEST))}" for name, example in asked]
    return given + "".join(f"{line}\n" for line in lines)


def copy_module(folder: str, target: Path) -> Path:
    """Copy a committed module and fill in what it asks an engineer for: at most two values."""
    shutil.copytree(ROOT / "terraform" / folder, target, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    given = (target / "terraform.tfvars").read_text()
    (target / "terraform.tfvars").write_text(answers(given))
    copied(target)
    return target


def copied(folder: Path) -> None:
    """Run the module's copy-images.sh, where it has one, with a `crane` that says what it was told."""
    script = folder / "copy-images.sh"
    if not script.exists():
        return
    tools = folder.parent / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "crane").write_text(f'#!/bin/sh\n[ "$1" != digest ] || echo sha256:{DIGEST}\n')
    (tools / "crane").chmod(0o755)
    env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    subprocess.run(["bash", str(script), "registry.example.com/llm"], env=env, check=True, capture_output=True)


def terraform(
    folder: Path, env: dict[str, str], *words: str, ok: tuple[int, ...] = (0,)
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(["terraform", *words], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode in ok, (
        f"terraform {' '.join(words)}: {done.returncode}\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}"
    )
    return done


@needs_terraform
@pytest.mark.parametrize(
    "folder", [pytest.param(m, marks=pytest.mark.long if m in ("aws/p4d", "alicloud/gn7i") else pytest.mark.slow) for m in MODULES]
)
def test_a_module_lives_and_dies(folder: str, tmp_path: Path) -> None:
    env = environment(tmp_path)
    module = copy_module(folder, tmp_path / "m")
    terraform(module, env, "init", "-input=false", "-no-color")
    assert json.loads(terraform(module, env, "validate", "-json").stdout)["valid"] is True
    terraform(module, env, "plan", "-input=false", "-out=saved")
    planned = json.loads(terraform(module, env, "show", "-json", "saved").stdout)
    text = json.dumps(planned)
    assert "hf_" not in text
    assert "PRIVATE KEY" not in text
    terraform(module, env, "apply", "-input=false", "saved")
    assert terraform(module, env, "plan", "-input=false", "-detailed-exitcode", ok=(0, 2)).returncode == 0, (
        "a second plan finds changes"
    )
    outputs = json.loads(terraform(module, env, "output", "-json").stdout)
    assert outputs["api_url"]["value"] == "https://10.20.0.10:8443/v1"
    assert outputs["quoted_cost"]["value"] in (module / "README.md").read_text()
    user_data = _user_data(planned)
    from planner.terraform import cloud

    assert len(user_data) <= cloud.find(folder.split("/")[0]).user_data_bytes
    assert gzip.decompress(user_data).startswith(b"#cloud-config\n")
    terraform(module, env, "destroy", "-auto-approve", "-input=false")
    assert not json.loads((module / "terraform.tfstate").read_text())["resources"]


def _user_data(planned: dict[str, object]) -> bytes:
    """Return the user-data that the plan gives the (first) instance."""
    import base64

    for change in planned["resource_changes"]:  # type: ignore[attr-defined]
        if change["type"].endswith("_instance"):
            after = change["change"]["after"]
            return base64.b64decode(after.get("user_data_base64") or after["user_data"])
    raise AssertionError("no instance in the plan")


@pytest.mark.xdist_group("refusing")  # the module is initialised once
@needs_terraform
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('client_cidr = "0.0.0.0/0"', "wider than /8"),
        pytest.param('client_cidr = "everybody"', "IPv4 range", marks=pytest.mark.slow),
        ('deadline = "tomorrow"', "2026-12-31T18:00:00Z"),
        pytest.param('zone = "eu-west-1a"', "zone must be in", marks=pytest.mark.slow),
        pytest.param('api_key_secret = "my key; rm -rf /"', "must be a name", marks=pytest.mark.slow),
        pytest.param('alert_email = "nobody"', "e-mail", marks=pytest.mark.slow),
        (
            f'images = {{ engine = "x:latest", proxy = "r/p@sha256:{DIGEST}", prometheus = "r/p@sha256:{DIGEST}", grafana = "r/p@sha256:{DIGEST}", dcgm_exporter = "r/p@sha256:{DIGEST}", node_exporter = "r/p@sha256:{DIGEST}" }}',
            "pinned",
        ),
    ],
)
def test_the_variables_refuse_what_is_wrong(line: str, message: str, refusing: tuple[Path, dict[str, str]]) -> None:
    module, env = refusing
    name = line.split(" ")[0]
    wrong = module / f"zz-{name}.tfvars"
    wrong.write_text(line + "\n")
    done = terraform(module, env, "plan", "-input=false", "-no-color", f"-var-file={wrong.name}", ok=(1,))
    assert message in " ".join(re.sub("[│╷╵]", "", done.stderr).split())


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The AWS module, initialised once."""
    folder = tmp_path_factory.mktemp("refusing")
    env = environment(folder)
    module = copy_module("aws/p4d", folder / "m")
    terraform(module, env, "init", "-input=false", "-no-color")
    return module, env


# -- the real provider, against moto -------------------------------------------------------------------------------

#: What moto takes and then does not give back.
FORGOTTEN = ("aws_instance.this.vpc_security_group_ids",)
SERVICES = ("ec2", "elbv2", "iam", "sts", "ssm", "scheduler")
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}


@contextmanager
def moto_server() -> Iterator[str]:
    """A moto server of our own."""
    pytest.importorskip("moto.server", reason="no moto server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


def against(moto: str) -> str:
    """Return the override file that sends the real AWS provider to a moto server, without what moto lacks."""
    endpoints = "\n".join(f'    {name} = "{moto}"' for name in SERVICES)
    return f"""
provider "aws" {{
  access_key                  = "test"
  secret_key                  = "test"
  max_retries                 = 2
  skip_credentials_validation = true
  skip_metadata_api_check     = true

  endpoints {{
{endpoints}
  }}
}}

data "aws_ssm_parameter" "ami" {{
  name = "/test/ami"
}}

resource "aws_instance" "this" {{
  monitoring                  = false
  associate_public_ip_address = true
}}
"""


def moto_image(moto: str) -> None:
    """Give the test's own image parameter to a moto server."""
    import boto3

    image = boto3.client("ec2", endpoint_url=moto, **KEYS).describe_images()["Images"][0]["ImageId"]
    boto3.client("ssm", endpoint_url=moto, **KEYS).put_parameter(Name="/test/ami", Value=image, Type="String")


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["applied", "planned again"])
@pytest.mark.long
@pytest.mark.first
@needs_terraform
def test_the_real_aws_provider_applies_the_module(whole: bool, moto: str, tmp_path: Path) -> None:
    """Each start of the real provider takes ten seconds: the second plan and the end are tried with the full matrices.

    What moto 5 lacks, and is covered by the mirror instead:

    * Budgets' subscribers of a notification: budget.tf is left out.
    * EC2's MonitorInstances: detailed monitoring is off in the override.
    * instances without a public address: the override asks for one, since moto always gives one.
    * the public parameter of the Deep Learning AMI: the override names a parameter of the test's own.
    """
    import boto3

    env = environment(tmp_path, real=True)
    if "/" not in env["TF_CLI_CONFIG_FILE"] or "aws" not in Path(env["TF_CLI_CONFIG_FILE"]).read_text():
        pytest.skip("the real hashicorp/aws provider is not installed on this machine")
    keys = KEYS
    moto_image(moto)
    module = copy_module("aws/p4d", tmp_path / "m")
    (module / "budget.tf").unlink()
    (module / "test_override.tf").write_text(against(moto))
    terraform(module, env, "init", "-input=false")
    terraform(module, env, "apply", "-auto-approve", "-input=false")
    ec2 = boto3.client("ec2", endpoint_url=moto, **keys)
    (found,) = [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
    assert found["InstanceType"] == "p4d.24xlarge"
    assert found["PrivateIpAddress"] == "10.20.0.10"
    tags = {t["Key"]: t["Value"] for t in found["Tags"]}
    assert tags["planner-hours"] == "720"
    (schedule,) = boto3.client("scheduler", endpoint_url=moto, **keys).list_schedules()["Schedules"]
    detail = boto3.client("scheduler", endpoint_url=moto, **keys).get_schedule(Name=schedule["Name"])
    assert detail["ScheduleExpression"] == "at(2026-12-24T00:00:00)"
    assert json.loads(detail["Target"]["Input"]) == {"InstanceIds": [found["InstanceId"]]}
    groups = {g["GroupName"]: g for g in ec2.describe_security_groups()["SecurityGroups"]}
    (rule,) = groups[tags["Name"]]["IpPermissions"]
    assert (rule["FromPort"], rule["ToPort"], rule["IpRanges"][0]["CidrIp"]) == (8443, 8443, "10.8.0.0/16")
    if not whole:
        return
    terraform(module, env, "plan", "-input=false", "-out=again")
    again = json.loads(terraform(module, env, "show", "-json", "again").stdout)["resource_changes"]
    changed = {
        f"{c['address']}.{k}"
        for c in again
        if c["change"]["actions"] != ["no-op"] and c["mode"] == "managed"
        for k, v in c["change"]["after"].items()
        if c["change"]["before"].get(k) != v
    }
    assert changed <= set(FORGOTTEN), "a second plan finds changes"
    terraform(module, env, "destroy", "-auto-approve", "-input=false")
    assert all(
        i["State"]["Name"] == "terminated" for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]
    )


#: More variants for checkov: public addresses, several instances, a capacity block, a gated model.
PUBLIC: dict[str, dict[str, object]] = {
    "aws-public": {"public_ips": 2, "count": 2},
    "alicloud-public": {"public_ips": 1},
    "tencentcloud-public": {"public_ips": 1},
    "aws-block": {"purchase_option": ("capacity_block",), "instance_type": ("p5.48xlarge",), "hours": 336},
    "aws-pipeline": {"instance_type": ("p5.48xlarge",), "model": "DeepSeek-R1", "count": 2},
    "tencentcloud-token": {"hf_token_secret": "hub-token-of-the-team"},
}


def variants(provider: str, **given: object) -> dict[str, str]:
    """Return a module of `provider` for a workload, or settings, of its own."""
    from decimal import Decimal

    from planner.terraform import deploy, module
    from tests.conftest import make_quote

    usual = {"aws": "g6.xlarge", "alicloud": "ecs.gn7i-c16g1.4xlarge", "tencentcloud": "GN10Xp.20XLARGE320"}
    own = {k: v for k, v in given.items() if k in deploy.Settings._fields}
    fields = {k: Decimal(str(v)) if k == "hours" else v for k, v in given.items() if k not in own}
    fields = {"instance_type": (usual[provider],), "model": "DeepSeek-R1-Distill-Qwen-7B", **fields}
    quote = make_quote(provider=(provider,), **fields)
    offer = deploy.pick(quote, provider, option=fields.get("purchase_option", ()))
    settings = deploy.Settings(reference_modules.NOW, client_cidr="10.8.0.0/16")._replace(**own)
    return module.files(deploy.deploy(quote, offer, settings), quote, offer, {})


# -- checkov -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Every failed check, by folder: one run of checkov over the committed modules and the bad ones."""
    folder = tmp_path_factory.mktemp("checkov")
    for name in MODULES:
        shutil.copytree(ROOT / "terraform" / name, folder / name)
    for name, given in PUBLIC.items():
        for path, text in variants(name.split("-")[0], **given).items():
            (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / path).write_text(text)
    shutil.copytree(POLICIES / "bad", folder / "bad")
    done = subprocess.run(
        [
            CHECKOV,
            "-d",
            str(folder),
            "--framework",
            "terraform",
            "secrets",
            "--external-checks-dir",
            str(POLICIES / "rules"),
            "-o",
            "json",
            "--compact",
            "--quiet",
            "--skip-download",
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LOG_LEVEL": "ERROR"},
    )
    reports = json.loads(done.stdout)
    reports = reports if isinstance(reports, list) else [reports]  # one for each framework that found a file
    report = next(r for r in reports if r["check_type"] == "terraform")
    assert report["summary"]["passed"] > 100
    assert report["summary"]["parsing_errors"] == 0
    found: dict[str, list[str]] = {}
    for check in (check for r in reports for check in r["results"]["failed_checks"]):
        found.setdefault(os.path.dirname(check["file_path"]).strip("/"), []).append(check["check_id"])
    return found


@needs_checkov
@pytest.mark.long
@pytest.mark.xdist_group("checkov")  # which runs once for all of these tests
@pytest.mark.parametrize("folder", [*MODULES, *PUBLIC])
def test_checkov_finds_nothing(folder: str, checked: dict[str, list[str]]) -> None:
    assert checked.get(folder, []) == []


@pytest.mark.long
@needs_checkov
@pytest.mark.xdist_group("checkov")  # which runs once for all of these tests
@pytest.mark.parametrize("number", range(1, 10))
def test_our_own_policies_each_fail_on_their_bad_module(number: int, checked: dict[str, list[str]]) -> None:
    assert [c for c in checked[f"bad/{number}"] if "PLANNER" in c] == [f"CKV2_PLANNER_{number}"]


def test_every_policy_has_its_bad_module() -> None:
    rules = {re.findall(r"\d+", p.stem)[-1] for p in (POLICIES / "rules").glob("*.yaml")}
    assert rules == {p.name for p in (POLICIES / "bad").iterdir()}
