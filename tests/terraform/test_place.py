"""Into a network that exists, and as a module that others call: what is refused, what is made, and real plans of both."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from planner.errors import MisuseError
from planner.terraform import deploy, module
from planner.terraform.deploy import Settings
from planner.terraform.hcl import parse
from planner.terraform.readback import module_of
from tests.terraform.test_change import NOW, TYPES, Applied, files, lost, servers
from tests.terraform.test_module import made, quoted
from tests.terraform.test_real import copied, environment, needs_terraform, terraform

NETWORK: dict[str, dict[str, Any]] = {
    "aws": {"vpc_id": "vpc-0a1b2c3d4e5f67890", "subnet_id": "subnet-0a1b2c3d4e5f67890"},
    "alicloud": {"vpc_id": "vpc-bp1aevy8sofi8mh1qc5cm", "subnet_id": "vsw-bp1s5fnvk4gn2tws03624"},
    "tencentcloud": {"vpc_id": "vpc-mcqaoy0f", "subnet_id": "subnet-1a2b3c4d"},
}
GROUP = {"aws": "sg-0a1b2c3d4e5f67890", "alicloud": "sg-bp67acfmxazb4p2ayqsw", "tencentcloud": "sg-ohuuioma"}
#: What a module makes of a network, by the words in the names of its resources.
WORDS = ("terraform_data", "vpc", "default_security_group", "subnet", "vswitch", "gateway", "eip", "route", "snat")
SLOW = ["aws", pytest.param("alicloud", marks=pytest.mark.slow), pytest.param("tencentcloud", marks=pytest.mark.slow)]


def resources(module: dict[str, str]) -> set[str]:
    found = (b for p, t in module.items() if p.endswith(".tf") and "/" not in p for b in parse(t, p).blocks)
    return {b.header[1] for b in found if b.header[0] == "resource"}


@pytest.mark.parametrize("provider", TYPES)
def test_nothing_of_a_network_is_made_where_one_exists(provider: str) -> None:
    own, there = resources(files(provider)), resources(files(provider, **NETWORK[provider]))
    gone = own - there
    assert gone and all(any(word in kind for word in WORDS) for kind in gone), gone
    left = {kind for kind in there if any(word in kind for word in WORDS)} - {
        "aws_vpc_security_group_ingress_rule",
        "aws_vpc_security_group_egress_rule",
    }
    assert not left, left
    none = resources(files(provider, client_cidr="", **NETWORK[provider], security_group_id=GROUP[provider]))
    assert not {kind for kind in none if "security_group" in kind}


@pytest.mark.parametrize("provider", TYPES)
def test_what_a_network_that_exists_costs_is_not_in_the_sum_and_said(provider: str) -> None:
    text = files(provider, **NETWORK[provider])["README.md"]
    assert "NAT gateway |" not in text and "what your network takes for the way out" in text
    assert "NAT gateway" in files(provider)["README.md"]


@pytest.mark.parametrize(
    ("provider", "settings", "said"),
    [
        ("aws", {"vpc_id": "vpc-1", "subnet_id": "subnet-0a1b2c3d"}, "--vpc-id: 'vpc-1' is not an id of AWS"),
        ("aws", {"vpc_id": "vpc-0a1b2c3d", "subnet_id": "vsw-bp1s5fnvk4gn2tws03624"}, "one looks like subnet-"),
        ("alicloud", {"vpc_id": "vpc-bp1aevy8sofi8mh1qc5cm", "subnet_id": "subnet-0a1b2c3d"}, "one looks like vsw-"),
        (
            "tencentcloud",
            {"vpc_id": "vpc-0a1b2c3d4e5f67890", "subnet_id": "subnet-1a2b3c4d"},
            "not an id of Tencent Cloud",
        ),
        ("aws", {"vpc_id": 'vpc-0a1b2c3d"; evil', "subnet_id": "subnet-0a1b2c3d"}, "is not an id of AWS"),
        ("aws", {"vpc_id": "vpc-0a1b2c3d\n", "subnet_id": "subnet-0a1b2c3d"}, "is not an id of AWS"),
        ("aws", {"vpc_id": "vpc-0a1b2c3d"}, "--vpc-id goes with --subnet-id"),
        ("aws", {"subnet_id": "subnet-0a1b2c3d"}, "--subnet-id goes with --vpc-id"),
        ("aws", {"security_group_id": "sg-0a1b2c3d"}, "give --vpc-id and --subnet-id too"),
        (
            "aws",
            {**NETWORK["aws"], "vpc_cidr": "10.1.0.0/24"},
            "--vpc-cidr is the range of a network that the module makes",
        ),
        ("aws", {**NETWORK["aws"], "zone": "us-east-1a"}, "the zone is the subnet's"),
        (
            "aws",
            {**NETWORK["aws"], "security_group_id": GROUP["aws"], "client_cidr": "10.0.0.0/8"},
            "--client-cidr does not go",
        ),
        ("aws", {"vpc_cidr": "everything"}, "not an IPv4 range"),
        ("aws", {"vpc_cidr": "10.1.0.1/24"}, "host bits"),
        ("aws", {"vpc_cidr": "8.8.8.0/24"}, "is not private"),
        ("aws", {"vpc_cidr": "10.0.0.0/8"}, "from /16 to /25"),
        ("aws", {"vpc_cidr": "192.168.1.0/26"}, "from /16 to /25"),
        ("aws", {"vpc_cidr": "172.17.4.0/24"}, "which containers on the instances use"),
    ],
)
def test_what_is_no_network_of_the_cloud_is_refused(provider: str, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(MisuseError) as error:
        made(provider, Settings(NOW, **settings))
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_range_of_the_own_network_moves_everything_in_it() -> None:
    module = made("alicloud", Settings(NOW, vpc_cidr="192.168.8.0/22"))[1]
    text = "".join(module.values())
    assert "10.20.0." not in text
    assert '"192.168.8.0/22"' in text and '"192.168.8.0/23"' in text and "https://192.168.8.10:8443/v1" in text
    aws = made("aws", Settings(NOW, vpc_cidr="10.99.0.0/25"))[1]["network.tf"]
    assert '"10.99.0.0/26"' in aws and '"10.99.0.64/28"' in aws


@needs_terraform
@pytest.mark.system
@pytest.mark.parametrize("provider", SLOW)
@pytest.mark.long
def test_a_module_in_a_network_that_exists_lives_and_grows(provider: str, tmp_path: Path) -> None:
    m = Applied(tmp_path / "m", provider, files(provider, 1, **NETWORK[provider]))
    assert not m.plan(), "a second plan is empty"
    outputs = json.loads(terraform(m.folder, m.env, "output", "-json").stdout)
    assert re.fullmatch(r"https://[^:/]+:8443/v1", outputs["api_url"]["value"])
    apart = {"balancer": False} if provider == "alicloud" else {}  # its balancer wants a second subnet
    m.write(files(provider, 2, **apart, **NETWORK[provider]), deadline="2036-01-31T12:00:00Z")
    plan = m.plan()
    assert not lost(plan), plan
    assert [a for a, x in servers(plan).items() if "create" in x] == [f'{provider}_instance.this["1"]']
    m.write(files(provider, 2, **apart, **NETWORK[provider]), vpc_id="network-of-mine")
    done = terraform(m.folder, m.env, "plan", "-input=false", "-no-color", ok=(1,))
    assert "vpc_id looks like vpc-" in " ".join(re.sub("[│╷╵]", "", done.stderr).split())


@needs_terraform
@pytest.mark.system
@pytest.mark.parametrize("provider", SLOW)
@pytest.mark.long
def test_the_example_of_a_module_without_provider_is_applied(provider: str, tmp_path: Path) -> None:
    """Two instances in a network that exists, called by the example beside the module."""
    given = files(provider, 1, as_module=True, **NETWORK[provider])
    assert not any(
        b.header[0] == "provider"
        for p, t in given.items()
        if p.endswith(".tf") and "/" not in p
        for b in parse(t, p).blocks
    )
    assert "terraform.tfvars" not in given, "terraform reads it in the calling folder only"
    for path, text in given.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    example, env = tmp_path / "example", environment(tmp_path)
    terraform(tmp_path, env, "fmt", "-check", "-recursive", "-diff")
    assert "\n# " not in given["example/terraform.tfvars"], "nothing is left to be said"
    copied(tmp_path)
    terraform(example, env, "init", "-input=false")
    terraform(example, env, "apply", "-auto-approve", "-input=false")
    terraform(example, env, "plan", "-input=false", "-detailed-exitcode")
    state = json.loads(terraform(example, env, "show", "-json").stdout)
    called = state["values"]["root_module"]["child_modules"][0]["resources"]
    server = next(r["values"] for r in called if r["type"] == f"{provider}_instance")
    assert server["tags"]["planner-deadline"].startswith("2026-12-2"), "the instance reads its own tags"
    assert module_of(str(tmp_path)).workload.region == (_region(given),), "and it can be priced again"


def _region(given: dict[str, str]) -> str:
    return str(re.findall(r'region += "([^"]+)"', given["main.tf"])[0])


def test_several_nodes_in_a_network_that_exists_are_told_their_addresses() -> None:
    quote = quoted("aws", count=2)
    offer = deploy.pick(quote, "aws", option=("on_demand",))
    layout = offer.sizing.layout
    assert layout is not None
    staged = offer._replace(sizing=offer.sizing._replace(layout=layout._replace(tp=8, pp=2, replicas=1)))
    d = deploy.deploy(quote, staged, Settings(NOW, **NETWORK["aws"]))
    text = module.files(d, quote, staged, {})
    assert 'variable "addresses"' in text["variables.tf"]
    assert '"1" = { ip = var.addresses[1], rank = 1, head_ip = var.addresses[0] }' in text["main.tf"]
    assert "addresses" in text["README.md"] and "route get" not in text["files/bootstrap.sh"]
    assert "route get" in files("aws", **NETWORK["aws"])["files/bootstrap.sh"]
