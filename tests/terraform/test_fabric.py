"""The nodes of a pipeline speak the cloud's own fabric where their type has one: interfaces, containers, start-up, and why not elsewhere."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from planner.prices.catalog import Catalog
from planner.quoting import around
from planner.quoting.records import Offer, Quote
from planner.terraform import bootstrap, cloud, deploy, module, place, price
from planner.terraform.deploy import Settings
from planner.terraform.hcl import parse
from tests.bootstrap.variants import VARIANTS
from tests.conftest import ROOT
from tests.terraform.test_module import NOW, changed, quoted
from tests.terraform.test_place import NETWORK
from tests.terraform.test_real import against, environment, moto_image, needs_terraform, terraform
from tests.terraform.test_real import moto as moto  # the fixture

pytestmark = pytest.mark.system

AWS = cloud.find("aws")


def pipeline(settings: Settings | None = None, count: int = 2, **fields: Any) -> dict[str, str]:
    """Return the module of DeepSeek-R1 over pairs of instances."""
    quote: Quote = quoted(
        "aws", **{"instance_type": ("p5.48xlarge",), "model": "DeepSeek-R1", "count": count, **fields}
    )
    offer: Offer = deploy.pick(quote, "aws")
    assert offer.sizing.layout is not None and offer.sizing.layout.pp == 2
    return module.files(
        deploy.deploy(quote, offer, settings or Settings(NOW, client_cidr="10.8.0.0/16")), quote, offer, {}
    )


@pytest.mark.parametrize("kind", AWS.fabric.interfaces)
def test_each_interface_has_a_place_of_its_own(kind: str) -> None:
    slots = place.fabric(AWS, kind, 2, public=False).slots
    assert len(slots) == int(AWS.fabric.interfaces[kind]) == len(set(slots))
    assert (0, 0) not in slots, "the address's own interface"
    cards = [card for card, _ in slots]
    first = 1 if kind in AWS.fabric.spared else 0
    assert sorted(cards) == list(range(first, first + len(cards))), "one a card, none left out"


@pytest.mark.parametrize("kind", ["g5.48xlarge", "p4d.24xlarge", "p5.48xlarge"])
def test_the_numbers_are_what_the_cloud_says(kind: str) -> None:
    said = json.loads((ROOT / "tests/providers/recorded/aws" / f"DescribeInstanceTypes.{kind}.json").read_text())
    network = said["response"]["InstanceTypes"][0]["NetworkInfo"]
    assert network["EfaInfo"]["MaximumEfaInterfaces"] == int(AWS.fabric.interfaces[kind])


def test_a_pipeline_has_its_interfaces_in_a_launch_template() -> None:
    files = pipeline()
    [template] = [b for b in parse(files["fabric.tf"], "fabric.tf").blocks if b.header[0] == "resource"]
    interfaces = [b for b in template.blocks if b.header[0] == "network_interfaces"]
    assert len(interfaces) == 33
    assert [("efa-only" in repr(b.attributes.get("interface_type"))) for b in interfaces] == [False] + [True] * 32
    [server] = [b for b in parse(files["main.tf"], "main.tf").blocks if "aws_instance" in b.header]
    both = {"subnet_id", "private_ip", "vpc_security_group_ids", "associate_public_ip_address"}
    assert not both & set(server.attributes), "AWS refuses them beside a template's interfaces"
    peers = re.findall(r'"aws_vpc_security_group_(ingress|egress)_rule" "peers"', files["network.tf"])
    assert sorted(peers) == ["egress", "ingress"], "all traffic from and to the group itself"
    compose = files["files/compose.yaml"]
    assert 'devices: ["/dev/infiniband:/dev/infiniband"]' in compose and 'FI_PROVIDER: "efa"' in compose
    assert "speak EFA to each other, by 32 interfaces each" in files["README.md"]


@pytest.mark.parametrize(
    ("kind", "public", "why"),
    [
        ("p5.48xlarge", True, "public address takes one interface"),
        ("p6e-gb200.36xlarge", False, "p6e-gb200.36xlarge takes was not read"),
    ],
)
def test_where_there_is_none_it_is_tcp_and_said(kind: str, public: bool, why: str) -> None:
    found = place.fabric(AWS, kind, 2, public)
    assert not found.slots and why in str(found.why)


@pytest.mark.parametrize("provider", ["alicloud", "tencentcloud"])
def test_the_other_clouds_say_why(provider: str) -> None:
    found = place.fabric(cloud.find(provider), "any", 2, public=False)
    assert not found.slots and "RDMA" in str(found.why).upper()


def test_a_type_of_a_computing_cluster_is_made_inside_one(tmp_path: Path) -> None:
    quote = quoted("tencentcloud")
    offer = changed(deploy.pick(quote, "tencentcloud"), {"instance_type": "HCCPNV6.96XLARGE2304"})
    files = module.files(deploy.deploy(quote, offer, Settings(NOW)), quote, offer, {})
    main = files["main.tf"]
    assert "= tencentcloud_cvm_hpc_cluster.this.id" in main and "hpc" not in pipeline()["main.tf"]
    for name, held in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(held)
    things, _, free = price.created(str(tmp_path), Decimal(1))
    assert "tencentcloud_cvm_hpc_cluster" not in dict(free)
    stands = [around.bill(quote, offer, Catalog(), made).unpriced for made in (None, things)]
    told = [[str(one) for one in unpriced if "HPC cluster" in str(one)] for unpriced in stands]
    assert told[0] == told[1] and len(told[0]) == 1 and told[0][0].startswith("HPC cluster: no price for")
    plain = around.bill(quote, deploy.pick(quote, "tencentcloud"), Catalog()).unpriced
    assert told[0][0] in files["README.md"] and not any("HPC" in str(one) for one in plain)


def test_one_instance_has_no_need_of_it() -> None:
    files = bootstrap.render(VARIANTS["p5en-r1"])
    assert "infiniband" not in "".join(files.values()) and "fabric" not in files["files/bootstrap.sh"]


def test_public_addresses_leave_the_interfaces_out() -> None:
    files = pipeline(public_ips=2)
    assert (
        "fabric.tf" not in files and "speak TCP to each other: an instance with a public address" in files["README.md"]
    )


@needs_terraform
@pytest.mark.slow
@pytest.mark.parametrize("where", ["own", "existing"])
def test_a_deadline_and_a_second_pair_replace_nothing(where: str, tmp_path: Path) -> None:
    from tests.terraform.test_change import Applied, lost, servers

    given = Settings(NOW, name="llm", client_cidr="10.8.0.0/16", alert_email="ops@example.com")
    if where == "existing":
        given = given._replace(**NETWORK["aws"])

    class Pairs(Applied):
        def write(self, given: Any, **values: str) -> None:
            super().write(given, **values)
            if where == "existing":
                addresses = json.dumps([f"10.20.0.{20 + i}" for i in range(4 if '"3" =' in given["main.tf"] else 2)])
                (self.folder / "zz.auto.tfvars").write_text(f"addresses = {addresses}\n")

    m = Pairs(tmp_path / "m", "aws", pipeline(given, 2))
    m.write(pipeline(given, 2), deadline="2036-01-31T12:00:00Z")
    plan = m.plan()
    assert plan and not lost(plan) and set(servers(plan).values()) == {("update",)}
    m.write(pipeline(given, 4))
    plan = m.plan()
    assert not lost(plan) and [a for a, x in servers(plan).items() if "create" in x] == [
        f'aws_instance.this["{i}"]' for i in (2, 3)
    ]


@needs_terraform
@pytest.mark.slow
def test_the_real_aws_provider_takes_the_interfaces(moto: str, tmp_path: Path) -> None:
    """moto makes one interface of each template's list; the provider's own checks and the API's form are what is tried."""
    import boto3

    from tests.terraform.test_real import KEYS

    folder, env = tmp_path / "m", environment(tmp_path, real=True)
    if "aws" not in Path(env["TF_CLI_CONFIG_FILE"]).read_text():
        pytest.skip("the real hashicorp/aws provider is not installed on this machine")
    moto_image(moto)
    given = pipeline(Settings(NOW, client_cidr="10.8.0.0/16", alert_email="ops@example.com", zone="us-east-1a"))
    for path, text in given.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / "budget.tf").unlink()
    main, group, _ = given["main.tf"].partition('\nresource "aws_placement_group"')
    assert group, "moto has none"
    (folder / "main.tf").write_text(re.sub(r"\n *placement_group .*", "", main))
    (folder / "test_override.tf").write_text(against(moto).replace("  associate_public_ip_address = true\n", ""))
    roles = re.findall(r"^    (\w+) += string$", given["variables.tf"], re.M)
    images = ["images = {", *(f'  {r} = "registry.example.com/{r}@sha256:{"a" * 64}"' for r in roles), "}"]
    (folder / "test.auto.tfvars").write_text("\n".join(['deadline = "2035-12-24T00:00:00Z"', *images]) + "\n")
    terraform(folder, env, "init", "-input=false")
    terraform(folder, env, "apply", "-auto-approve", "-input=false")
    ec2 = boto3.client("ec2", endpoint_url=moto, **KEYS)
    templates = ec2.describe_launch_templates()["LaunchTemplates"]
    assert len(templates) == 2
    version = ec2.describe_launch_template_versions(LaunchTemplateId=templates[0]["LaunchTemplateId"])[
        "LaunchTemplateVersions"
    ][0]
    interfaces = version["LaunchTemplateData"]["NetworkInterfaces"]
    assert len(interfaces) == 33 and [i.get("InterfaceType") for i in interfaces[1:]] == ["efa-only"] * 32
    terraform(folder, env, "plan", "-input=false", "-out=again")
    again = json.loads(terraform(folder, env, "show", "-json", "again").stdout)["resource_changes"]
    assert not [c["address"] for c in again if "delete" in c["change"]["actions"] or "create" in c["change"]["actions"]]
