"""The cluster's Terraform: what it holds, what is refused, and real terraform and checkov over it.

terraform: with ../shared/terraform-mirror, as tests/terraform/test_real.py; skipped, with the reason, where either is missing.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import hcl2
import pytest

from planner.errors import MisuseError
from planner.kubernetes import cluster, facts, target, tree
from planner.kubernetes.target import Cluster
from planner.terraform import deploy
from planner.terraform.align import tidy
from planner.terraform.deploy import Settings
from tests.kubernetes.cases import CASES, NOW, build, made
from tests.terraform.test_module import changed, squeezed
from tests.terraform.test_real import KEYS, environment, moto_server, needs_checkov, needs_terraform, terraform

SHOWN = (
    "aws-one",
    "aws-nodes",
    "aws-spot",
    "alicloud-three",
    "alicloud-nodes",
    "tencentcloud-three",
    "tencentcloud-spot",
    "tencentcloud-nodes",
)


@cache
def written(name: str) -> dict[str, str]:
    """Return the files below cluster/ of a case."""
    m = made(name)
    files = tree.files(m.target, m.quote, m.offer, existing=False)
    return {path.removeprefix("cluster/"): text for path, text in files.items() if path.startswith("cluster/")}


def whole(name: str) -> str:
    return squeezed("\n".join(text for path, text in written(name).items() if path.endswith(".tf")))


def test_a_type_that_no_node_pool_can_have_takes_nodes_of_ones_own() -> None:
    t = made("tencentcloud-nodes").target
    odd = t.d._replace(instance_type="HCCPNV6.96XLARGE2304")
    with pytest.raises(MisuseError, match=r"is not sold to a node pool of Tencent Cloud TKE: .* --existing-cluster"):
        cluster.check(odd, t.service)
    cluster.check(t.d, t.service)


# -- what it holds ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHOWN)
def test_the_pool_has_at_most_the_quotes_count_and_an_end(name: str) -> None:
    m = made(name)
    text = whole(name)
    assert f"nodes = {m.offer.count} #" in text
    assert "max_size = local.nodes" in text
    assert f'default = "{m.target.d.deadline}"' in text
    assert f'instance_type = "{m.offer.instance_type}"' in text
    for path, body in written(name).items():
        if path.endswith(".tf"):
            assert tidy(body) == body and hcl2.loads(body)
    for block in hcl2.loads(written(name)["variables.tf"])["variable"]:
        for variable, body in block.items():
            assert body["type"] and body["description"] and body["validation"], variable


@pytest.mark.parametrize(
    ("name", "present"),
    [
        (
            "aws-nodes",
            [
                "endpoint_public_access = false",
                'http_tokens = "required"',
                "http_put_response_hop_limit = 1",
                'strategy = "cluster"',
                'ami_type = "AL2023_x86_64_NVIDIA"',
                "strategy: RAID0",
                'effect = "NO_SCHEDULE"',
                "planner-pool = local.name",
                'enableNetworkPolicy = "true"',
                'support_type = "STANDARD"',
                "aws-sdk:eks:updateNodegroupConfig",
                "enabled = true",
                "enable_key_rotation = true",
                "aws_eks_pod_identity_association",
                'version = "1.35"',
            ],
        ),
        ("aws-spot", ['capacity_type = "SPOT"']),
        (
            "alicloud-nodes",
            [
                "slb_internet_enabled = false",
                "new_nat_gateway = false",
                'http_tokens = "required"',
                "encryption_provider_key",
                'NetworkPolicy = "true"',
                "enable_rrsa = true",
                'strategy = "LowLatency"',
                "alicloud_ess_scheduled_task",
                'key = "ack.aliyun.com/nvidia-driver-version"',
                'mount_target = "/srv/models"',
                "system_disk_encrypted = true",
            ],
        ),
        (
            "tencentcloud-nodes",
            [
                'for_each = toset(["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"])',
                "assigned_eip_set = [for address in tencentcloud_eip.nat : address.public_ip]",
                "bandwidth = 1000",
                'cluster_level = "L5"',
            ],
        ),
        (
            "tencentcloud-spot",
            [
                "addon_name = var.network_policy_addon",
                'default = "NetworkPolicy"',
                'for_each = toset(["1"])',
                "bandwidth = 100",
                "cluster_internet = false",
                "delete_keep_instance = false",
                "auto_upgrade_cluster_level = false",
                "tencentcloud_as_schedule",
                'spot_max_price = "9"',
                'instance_charge_type = "SPOTPAID"',
                'mount_target = "/srv/models"',
                'network_type = "VPC-CNI"',
            ],
        ),
    ],
)
def test_what_a_platform_team_would_write(name: str, present: list[str]) -> None:
    text = whole(name)
    for line in present:
        assert squeezed(line) in text, line
    assert not re.search(r"\b(helm|kubernetes)_release|provider \"(helm|kubernetes)\"", text)


def test_only_the_chosen_way_is_written() -> None:
    assert "aws_placement_group" not in whole("aws-spot") and "aws_placement_group" not in whole("aws-one")
    assert "RAID0" in whole("aws-one") and "throughput" not in whole("aws-one")
    assert "SPOTPAID" not in whole("tencentcloud-three") and "alicloud_ecs_deployment_set" not in whole(
        "alicloud-three"
    )
    assert not [p for p in made("aws-one").files if p.startswith("cluster/")]


def test_weights_without_local_disks_get_room_on_the_root_disk() -> None:
    d = made("aws-one").target.d._replace(storage_gb=100, local_nvme_gb=0)
    t = target.target(d, Cluster(), {}, NOW.date())
    text = squeezed(cluster.files(t)["cluster/nodes.tf"])
    assert "volume_size = 300 #" in text and "throughput = 500" in text and "RAID0" not in text
    assert t.models == "/srv/models"


def test_a_capacity_block_brings_its_reservation_and_no_placement_group() -> None:
    m = made("aws-nodes")
    offer = changed(m.offer, {"purchase_option": "capacity_block"})
    d = deploy.deploy(m.quote, offer, Settings(NOW))
    files = cluster.files(target.target(d, Cluster(), {}, NOW.date()))
    text = squeezed("\n".join(files.values()))
    for line in (
        'market_type = "capacity-block"',
        'capacity_type = "CAPACITY_BLOCK"',
        "desired_size = 0 #",
        'variable "capacity_reservation_id"',
        "condition = var.block_nodes >= 3",
    ):
        assert line in text
    assert "aws_placement_group" not in text
    assert "desiredSize=3" in files["cluster/README.md"]


@pytest.mark.parametrize(
    ("name", "answer"), [("alicloud-three", {"config": "a: b\n"}), ("tencentcloud-three", {"Kubeconfig": "a: b\n"})]
)
def test_the_kubeconfig_becomes_a_file_that_git_does_not_see(name: str, answer: dict[str, str], tmp_path: Path) -> None:
    """The command of the output itself, with a stand-in for the cloud's command line."""
    files = written(name)
    (found,) = re.findall(r'value += "(umask .*)"$', files["outputs.tf"], re.M)
    command = re.sub(r"\$\{[^}]+\}", "c1", found).replace('\\"', '"')
    for tool in ("aliyun", "tccli"):
        (tmp_path / tool).write_text(f"#!/bin/sh\ncat <<'E'\n{json.dumps(answer)}\nE\n")
        (tmp_path / tool).chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "kubeconfig").read_text().strip() == "a: b" and (
        tmp_path / "kubeconfig"
    ).stat().st_mode & 0o77 == 0
    assert "kubeconfig" in files[".gitignore"].split()
    assert "export KUBECONFIG=$PWD/kubeconfig" in files["README.md"]
    assert "export KUBECONFIG" not in written("aws-one")["README.md"]


def test_a_reservation_is_made_with_the_placement_group_and_kept() -> None:
    text = whole("aws-reserved")
    for line in (
        "instance_count = local.nodes",
        "end_date = var.deadline",
        "placement_group_arn = aws_placement_group.this.arn",
        "capacity_reservation_id = aws_ec2_capacity_reservation.this.id",
        'capacity_type = "ON_DEMAND"',
    ):
        assert squeezed(line) in text, line
    assert "capacity reserved from apply to the deadline" in written("aws-reserved")["README.md"]
    assert "aws_ec2_capacity_reservation" not in whole("aws-nodes")


def test_the_readme_names_what_only_the_user_knows() -> None:
    readme = written("alicloud-three")["README.md"]
    for name in ("zone", "second_zone", "kubernetes_version", "kms_key_id", "key_name"):
        assert f'\n       {name} = "..." # ' in readme
    assert "deletion_protection = false" in readme and "nothing was applied to a cloud" in readme
    assert "\n\n\n" not in readme


@pytest.mark.parametrize(
    ("name", "change", "settings", "message"),
    [
        ("alicloud-three", {"purchase_option": "subscription", "term": "1m"}, {}, "is a subscription: take another"),
        ("aws-spot", {}, {"spot_limit": Decimal(9)}, "pays the market price in its pools"),
    ],
)
def test_refused(name: str, change: dict[str, Any], settings: dict[str, Any], message: str) -> None:
    m = made(name)
    d = deploy.deploy(m.quote, changed(m.offer, change), Settings(NOW, **settings))
    t = target.target(d, Cluster(registry="r.example.com"), {}, NOW.date())
    with pytest.raises(MisuseError, match=re.escape(message)):
        tree.files(t, m.quote, m.offer, existing=False)


def test_a_gpu_that_the_node_image_does_not_drive_is_refused() -> None:
    t = made("aws-one").target
    later = t._replace(d=t.d._replace(stack=t.d.stack._replace(driver_min="590.1")))
    with pytest.raises(MisuseError, match=r"needs driver 590\.1, and the node image of Amazon EKS brings 580"):
        cluster.check(later.d, later.service)
    three = made("alicloud-three").target
    with pytest.raises(MisuseError, match="does not mount by itself"):
        cluster.check(three.d._replace(storage_gb=0), three.service)


# -- real terraform ----------------------------------------------------------------------------------------------------


def place(name: str, folder: Path) -> Path:
    """Write the Terraform of a case and fill in what an engineer fills in."""
    folder.mkdir(parents=True)
    for path, text in written(name).items():
        (folder / path).write_text(text)
    region = made(name).target.d.region
    sign = "-" if name.startswith("tencent") else ""
    first, second = ("1", "2") if sign else ("a", "b")
    mine = {"zone": f"{region}{sign}{first}", "second_zone": f"{region}{sign}{second}", "kms_key_id": "key-0123456789"}
    mine |= {
        "kubernetes_version": f"{made(name).target.version}.0-aliyun.1",
        "key_name": "team",
        "key_id": "skey-487zeit5",
    }
    wanted = re.findall(r'variable "(\w+)"', written(name)["variables.tf"])
    lines = [f'{k} = "{v}"' for k, v in mine.items() if k in wanted and not (k == "kubernetes_version" and sign)]
    if made(name).target.d.zone:
        lines[:2] = ['second_zone = "use1-az2"']
    (folder / "mine.auto.tfvars").write_text(tidy("\n".join(lines) + "\n"))
    return folder


@pytest.mark.system
@pytest.mark.long
@needs_terraform
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ("aws-nodes", "tencentcloud-spot") else pytest.mark.slow)
        for name in (*SHOWN, "aws-kueue", "aws-reserved")
    ],
)
def test_a_cluster_is_planned_applied_and_destroyed_by_real_terraform(name: str, tmp_path: Path) -> None:
    env = environment(tmp_path)
    module = place(name, tmp_path / "m")
    assert terraform(module, env, "fmt", "-check", "-diff").stdout == ""
    terraform(module, env, "init", "-input=false", "-no-color")
    assert json.loads(terraform(module, env, "validate", "-json").stdout)["valid"] is True
    terraform(module, env, "plan", "-input=false", "-out=saved")
    terraform(module, env, "apply", "-input=false", "saved")
    assert terraform(module, env, "plan", "-input=false", "-detailed-exitcode", ok=(0, 2)).returncode == 0, (
        "a second plan finds changes"
    )
    outputs = json.loads(terraform(module, env, "output", "-json").stdout)
    assert outputs["gpu_nodes"]["value"] == made(name).offer.count
    assert subprocess.run(["sh", "-n"], input=outputs["kubeconfig"]["value"], text=True, check=False).returncode == 0
    terraform(module, env, "destroy", "-auto-approve", "-input=false")
    assert not json.loads((module / "terraform.tfstate").read_text())["resources"]


@pytest.mark.system
@pytest.mark.long
@needs_terraform
def test_the_real_provider_takes_the_cluster(tmp_path: Path) -> None:
    """Its own checks of values, where it is installed; the stand-in knows the schema only."""
    env = environment(tmp_path, real=True)
    for name in ("aws-nodes", "aws-spot"):
        module = place(name, tmp_path / name)
        terraform(module, env, "init", "-input=false", "-no-color")
        assert json.loads(terraform(module, env, "validate", "-json").stdout)["valid"] is True


#: What moto 5 has not: add-ons, and who a pod is. Their stand-ins answer above.
MISSING = ("aws_eks_addon", "aws_eks_pod_identity_association")


def for_moto(module: Path, moto: str) -> None:
    """Take out of a module what moto lacks, and send the rest to it."""
    for path in module.glob("*.tf"):
        text = path.read_text()
        for kind in MISSING:
            text = re.sub(rf'(?ms)^resource "{kind}" .*?^}}\n', "", text)
            text = re.sub(rf",? *{kind}\.\w+", "", text)
        path.write_text(text)
    services = ("ec2", "eks", "iam", "kms", "logs", "scheduler", "sts")
    endpoints = "\n".join(f'    {name} = "{moto}"' for name in services)
    (module / "test_override.tf").write_text(
        'provider "aws" {\n  access_key = "test"\n  secret_key = "test"\n  skip_credentials_validation = true\n'
        f"  skip_metadata_api_check = true\n\n  endpoints {{\n{endpoints}\n  }}\n}}\n"
    )


@pytest.mark.system
@pytest.mark.slow
@needs_terraform
def test_the_real_provider_applies_the_cluster_against_moto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group of nodes with EFA, scaled, on spot: moto knows no placement group."""
    boto3 = pytest.importorskip("boto3")
    monkeypatch.setenv("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    env = environment(tmp_path, real=True)
    if "aws" not in Path(env["TF_CLI_CONFIG_FILE"]).read_text():
        pytest.skip("the real hashicorp/aws provider is not installed on this machine")
    case = CASES["aws-groups"]
    m = build(case._replace(change={"purchase_option": "spot"}, cluster={"min_replicas": 1}))
    files = tree.files(m.target, m.quote, m.offer, existing=False)
    module = tmp_path / "m"
    module.mkdir()
    for path, text in files.items():
        if path.startswith("cluster/"):
            (module / path.removeprefix("cluster/")).write_text(text)
    zone = 'zone = "use1-az1"\n' if m.target.d.zone else 'zone = "us-east-1a"\n'
    (module / "mine.auto.tfvars").write_text(zone + f"second_{zone.replace('1a', '1b').replace('az1', 'az2')}")
    with moto_server() as moto:
        for_moto(module, moto)
        terraform(module, env, "init", "-input=false")
        terraform(module, env, "apply", "-auto-approve", "-input=false")
        keys = {"endpoint_url": moto, **KEYS}
        eks, ec2 = boto3.client("eks", **keys), boto3.client("ec2", **keys)
        name = m.target.d.name
        made_cluster = eks.describe_cluster(name=name)["cluster"]
        assert made_cluster["version"] == "1.35" and made_cluster["resourcesVpcConfig"]["endpointPublicAccess"] is False
        pool = eks.describe_nodegroup(clusterName=name, nodegroupName="gpu")["nodegroup"]
        assert (
            pool["scalingConfig"] == {"minSize": 0, "maxSize": 6, "desiredSize": 6} and pool["capacityType"] == "SPOT"
        )
        assert pool["taints"] == [{"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}]
        template = pool["launchTemplate"]["id"]
        (version,) = ec2.describe_launch_template_versions(LaunchTemplateId=template)["LaunchTemplateVersions"]
        cards = version["LaunchTemplateData"]["NetworkInterfaces"]
        assert len(cards) == 1 + len(m.target.d.fabric.slots)
        assert [c.get("InterfaceType") for c in cards] == [None, *["efa-only"] * (len(cards) - 1)]
        scheduler = boto3.client("scheduler", **keys)
        (schedule,) = scheduler.list_schedules()["Schedules"]
        asked = json.loads(scheduler.get_schedule(Name=schedule["Name"])["Target"]["Input"])
        assert (
            asked["ScalingConfig"] == {"MinSize": 0, "MaxSize": 1, "DesiredSize": 0} and asked["NodegroupName"] == "gpu"
        )
        tunnel = json.loads(terraform(module, env, "output", "-json").stdout)["tunnel"]["value"]
        assert subprocess.run(["sh", "-n"], input=tunnel, text=True, check=False).returncode == 0
        terraform(module, env, "destroy", "-auto-approve", "-input=false")
        assert eks.list_clusters()["clusters"] == []


@pytest.mark.system
@pytest.mark.long
@needs_checkov
def test_checkov_finds_nothing(tmp_path: Path) -> None:
    for name in SHOWN:
        place(name, tmp_path / "c" / name)
    words = ["--framework", "terraform", "secrets", "-o", "json", "--compact", "--quiet", "--skip-download"]
    done = subprocess.run(
        [os.environ.get("CHECKOV") or "checkov", "-d", str(tmp_path / "c"), *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LOG_LEVEL": "ERROR"},
    )
    reports = json.loads(done.stdout)
    reports = reports if isinstance(reports, list) else [reports]
    assert [
        f"{c['file_path']} {c['check_id']} {c['resource']}" for r in reports for c in r["results"]["failed_checks"]
    ] == []
    assert next(r for r in reports if r["check_type"] == "terraform")["summary"]["passed"] > 100


def test_without_a_version_asked_for_it_is_one_that_is_supported_on_the_day() -> None:
    service = facts.find("aws")._replace(
        version="1.34", versions={"1.9": "", "1.34": "2026-12-02", "1.35": "2027-03-27", "1.36": "2027-09-01"}
    )
    days = {"2026-12-02": "1.34", "2026-12-03": "1.35", "2027-03-28": "1.36"}
    assert {day: facts.version(service, "", date.fromisoformat(day)) for day in days} == days
    for asked, day in (("1.34", "2026-12-03"), ("", "2027-09-02")):
        with pytest.raises(MisuseError, match="ended standard support"):
            facts.version(service, asked, date.fromisoformat(day))
