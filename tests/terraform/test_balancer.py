"""One address for many replicas: when a balancer is made, what it costs, and what changes do to it, planned by real terraform."""

from __future__ import annotations

import json
import os
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from planner.errors import MisuseError
from planner.prices.catalog import Catalog
from planner.quoting import around
from planner.terraform import deploy, module
from planner.terraform.deploy import Settings
from planner.terraform.hcl import parse
from tests.terraform.test_change import NOW, SLOW, TYPES, Applied, files, lost, servers
from tests.terraform.test_module import made, quoted
from tests.terraform.test_place import GROUP, NETWORK
from tests.terraform.test_real import CHECKOV, POLICIES, needs_checkov, needs_terraform, terraform

CERTIFICATE = {
    "aws": "arn:aws:acm:us-east-1:123456789012:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
    "alicloud": "12345678-cn-hangzhou",
    "tencentcloud": "zE1CcNHd",
}
SECOND = {"alicloud": {"balancer_subnet_id": "vsw-bp1zzzzzzzzzzzzzzzzzz"}}
KIND = {"aws": "aws_lb", "alicloud": "alicloud_nlb_load_balancer", "tencentcloud": "tencentcloud_clb_instance"}


def kinds(given: dict[str, str]) -> set[str]:
    return {
        b.header[1]
        for p, t in given.items()
        if p.endswith(".tf")
        for b in parse(t, p).blocks
        if b.header[0] == "resource"
    }


@pytest.mark.parametrize("provider", TYPES)
def test_a_balancer_is_made_from_two_replicas_on(provider: str) -> None:
    assert KIND[provider] not in kinds(files(provider, 1))
    two = files(provider, 2)
    assert KIND[provider] in kinds(two) and "8444" in two["balancer.tf"] and "/health" in two["balancer.tf"]
    without = files(provider, 2, balancer=False)
    assert KIND[provider] not in kinds(without) and "https://10.20.0.10:8443/v1" in without["outputs.tf"]
    assert KIND[provider] in kinds(files(provider, 1, balancer=True))
    same = {p: t for p, t in two.items() if p.startswith(("files/", "cloud-init"))}
    assert same == {p: t for p, t in files(provider, 1).items() if p.startswith(("files/", "cloud-init"))}


def test_the_nodes_of_one_pipeline_are_one_replica() -> None:
    for count, balanced in ((2, False), (4, True)):
        quote = quoted("aws", count=count)
        offer = deploy.pick(quote, "aws", option=("on_demand",))
        layout = offer.sizing.layout
        assert layout is not None
        staged = offer._replace(sizing=offer.sizing._replace(layout=layout._replace(tp=8, pp=2, replicas=1)))
        text = module.files(deploy.deploy(quote, staged, Settings(NOW)), quote, staged, {})
        assert ("balancer.tf" in text) is balanced
        if balanced:
            assert "if node.rank == 0 }" in text["balancer.tf"], "only the heads serve"


@pytest.mark.parametrize("provider", TYPES)
def test_the_balancer_is_a_charge_with_a_source_or_named(provider: str) -> None:
    quote = quoted(provider, count=2)
    offer = deploy.pick(quote, provider, option=("on_demand",))
    whole = around.bill(quote, offer, Catalog())
    names = [str(c.name) for c in whole.charges] + [str(said) for said in whole.unpriced]
    assert any(name.startswith("Load balancer (") for name in names), names
    assert provider == "tencentcloud" or any("capacity units" in name and "by use" in name for name in names), names
    one = quoted(provider, count=1)
    single = around.bill(one, deploy.pick(one, provider, option=("on_demand",)), Catalog())
    assert "Load balancer" not in " ".join(str(c.name) for c in single.charges)
    d = deploy.deploy(quote, offer, Settings(NOW))
    assert d.bill == whole.totals.effective, "the module, its budget and the quote say one sum"
    bare = deploy.deploy(quote, offer, Settings(NOW, balancer=False))
    paid = [c for c in whole.charges if "oad balancer" in str(c.name)]
    assert d.bill - bare.bill == sum((c.amount for c in paid), Decimal(0)) > 0


@pytest.mark.parametrize(("provider", "rate"), [("aws", "0.005"), ("alicloud", "0.02"), ("tencentcloud", "")])
def test_the_balancer_s_public_address_is_a_charge_with_a_source_or_named(provider: str, rate: str) -> None:
    """One in a zone: AWS's stands in one, Alibaba Cloud's in two; no source says that Tencent Cloud's is free."""
    quote = quoted(provider, count=2, public_ips=2)
    offer = deploy.pick(quote, provider, option=("on_demand",))
    whole = around.bill(quote, offer, Catalog())
    paid = [c for c in whole.charges if str(c.name) == "Address of the load balancer"]
    if rate:
        (one,) = paid
        assert one.amount == Decimal(rate) * 720 * (2 if provider == "alicloud" else 1)
        assert any(row.source for row in Catalog().services(provider, offer.region) if row.item == "public_ip")
    else:
        assert not paid and any(str(u).startswith("Address of the load balancer: no price for") for u in whole.unpriced)
    d = deploy.deploy(quote, offer, Settings(NOW))
    readme = module.files(d, quote, offer, {})["README.md"]
    assert "Address of the load balancer" in readme and d.bill == whole.totals.effective
    inside = around.bill(quoted(provider, count=2), offer, Catalog())
    assert "Address of the load balancer" not in " ".join([*(str(c.name) for c in inside.charges), *map(str, inside.unpriced)])


@pytest.mark.parametrize(
    ("provider", "settings", "said"),
    [
        ("aws", {"balancer_certificate": CERTIFICATE["aws"]}, "go together"),
        ("aws", {"balancer_name": "llm.example.com"}, "go together"),
        (
            "aws",
            {"balancer_certificate": "zE1CcNHd", "balancer_name": "llm.example.com"},
            "is not a certificate's id on AWS",
        ),
        (
            "alicloud",
            {"balancer_certificate": CERTIFICATE["aws"], "balancer_name": "llm.example.com"},
            "looks like 12345678-",
        ),
        ("aws", {"balancer_certificate": CERTIFICATE["aws"], "balancer_name": "not a host"}, "is not a host's name"),
        ("aws", {"balancer": False, "balancer_name": "llm.example.com"}, "does not go with --no-balancer"),
        ("alicloud", {**NETWORK["alicloud"]}, "must stand in two zones"),
        ("alicloud", {**NETWORK["alicloud"], "balancer_subnet_id": NETWORK["alicloud"]["subnet_id"]}, "another subnet"),
        ("alicloud", {"balancer_subnet_id": "vsw-bp1zzzzzzzzzzzzzzzzzz"}, "for a network that exists"),
        ("aws", {**NETWORK["aws"], "balancer_subnet_id": "subnet-0a1b2c3d"}, "must stand in two zones"),
    ],
)
def test_what_cannot_be_balanced_is_refused(provider: str, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(MisuseError) as error:
        made(provider, Settings(NOW, **settings), count=2)
    assert said in str(error.value)
    if "balancer_name" in settings:
        with pytest.raises(MisuseError, match="one replica|no-balancer"):
            made(provider, Settings(NOW, **settings))


@needs_terraform
@pytest.mark.system
@pytest.mark.slow
@pytest.mark.parametrize("provider", ["aws", "alicloud", "tencentcloud"])
def test_changes_behind_a_balancer_replace_nothing(provider: str, tmp_path: Path) -> None:
    """From one replica to a balancer with two, three, two again; then another deadline: no server, no balancer is lost."""
    m = Applied(tmp_path / "m", provider, files(provider, 1))
    for count in (2, 3):
        m.write(files(provider, count))
        plan = m.plan()
        assert not lost(plan), plan
        assert [a for a, x in servers(plan).items() if "create" in x] == [f'{provider}_instance.this["{count - 1}"]']
        terraform(m.folder, m.env, "apply", "-auto-approve", "-input=false")
        assert not m.plan(), "a second plan is empty"
    url = json.loads(terraform(m.folder, m.env, "output", "-json").stdout)["api_url"]["value"]
    assert url.startswith("https://") and "10.20.0.10" not in url, "clients call the balancer"
    m.write(files(provider, 2), deadline="2036-01-31T12:00:00Z")
    plan = m.plan()
    gone = lost(plan)
    assert gone and all('["2"]' in a for a in gone), "the highest instance and its place behind the balancer"
    assert not [a for a, x in plan.items() if a == f"{KIND[provider]}.this" and x != ("update",)], plan


@needs_terraform
@pytest.mark.system
@pytest.mark.parametrize("provider", SLOW)
@pytest.mark.long
def test_with_a_certificate_in_a_network_that_exists(provider: str, tmp_path: Path) -> None:
    own: dict[str, Any] = {**NETWORK[provider], **SECOND.get(provider, {})}
    own |= {"balancer_certificate": CERTIFICATE[provider], "balancer_name": "llm.example.com"}
    given = files(provider, 2, security_group_id=GROUP[provider], client_cidr="", **own)
    m = Applied(tmp_path / "m", provider, given)
    assert not m.plan()
    outputs = json.loads(terraform(m.folder, m.env, "output", "-json").stdout)
    assert outputs["api_url"]["value"] == "https://llm.example.com/v1" and outputs["balancer"]["value"]
    terraform(m.folder, m.env, "fmt", "-check", "balancer.tf", "network.tf", "main.tf", "variables.tf", "outputs.tf")


@needs_checkov
@pytest.mark.system
@pytest.mark.slow
@pytest.mark.parametrize("certificate", [False, True])
@pytest.mark.parametrize("provider", TYPES)
def test_checkov_finds_nothing(provider: str, certificate: bool, tmp_path: Path) -> None:
    own = {"balancer_certificate": CERTIFICATE[provider], "balancer_name": "llm.example.com"} if certificate else {}
    for path, text in files(provider, 2, **own).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    words = [CHECKOV, "-d", str(tmp_path), "--framework", "terraform", "secrets", "-o", "json", "--compact"]
    words += ["--external-checks-dir", str(POLICIES / "rules")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={**os.environ, "LOG_LEVEL": "ERROR"})
    found = json.loads(done.stdout)
    for report in found if isinstance(found, list) else [found]:
        failed = report.get("results", {}).get("failed_checks", [])
        assert not failed, [(f["check_id"], f["resource"], f["check_name"]) for f in failed]
