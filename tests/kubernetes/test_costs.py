"""What a cluster costs beside the machines: a charge with its source, or named; nothing of an existing cluster."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest

from planner.cli.price import priced_at
from planner.errors import CatalogError
from planner.kubernetes import costs, facts, target, tree
from planner.prices.catalog import Catalog
from planner.terraform.price import Asked
from tests.kubernetes.cases import CASES, made

CATALOG = Catalog()
SHOWN = ("aws-nodes", "aws-one", "alicloud-three", "alicloud-nodes", "tencentcloud-three", "tencentcloud-spot")


def charges(name: str, existing: bool = False) -> tuple[dict[str, Decimal], tuple[str, ...], Decimal]:
    m = made(name)
    _, whole = costs.costed(m.target, m.quote, m.offer, existing, CATALOG)
    return {str(c.name): c.amount for c in whole.charges}, tuple(map(str, whole.unpriced)), whole.totals.effective


def test_the_control_plane_is_a_charge_by_its_own_row() -> None:
    found, _, total = charges("aws-nodes")
    assert found["Control plane"] == Decimal("0.1") * 720
    assert found["System disk of a CPU node (gp3)"] == Decimal(2 * 100 * 720) / 730 * Decimal("0.08")
    assert total == sum(found.values())
    found, unpriced, _ = charges("alicloud-three")
    assert found["Control plane (ack.pro)"] == Decimal("0.64") * 720
    assert any(said.startswith("CPU node (ecs.g7.xlarge): no price for cn-beijing") for said in unpriced)


def test_cpu_nodes_cost_the_same_in_the_tree_and_in_its_terraform(tmp_path: Path) -> None:
    m = made("aws-one")
    found, _, _ = charges("aws-one")
    assert found["CPU node (m6i.xlarge)"] == 2 * 720 * Decimal("0.192")
    for path, text in tree.files(m.target, m.quote, m.offer, existing=False).items():
        if path.startswith("cluster/"):
            (tmp_path / path.removeprefix("cluster/")).write_text(text)
    priced = priced_at(str(tmp_path), None, Asked(), CATALOG)
    (nodes,) = [part for part in priced.parts if part.address == "aws_eks_node_group.cpu"]
    (usage,) = [c for c in nodes.charges if str(c.name) == "Instance usage (m6i.xlarge)"]
    assert usage.amount == found["CPU node (m6i.xlarge)"] and "karpenter" in usage.source.text
    assert any(said.startswith("CPU node (m6i.xlarge): no price") for said in charges("aws-mainland")[1]) is False


@pytest.mark.parametrize("name", SHOWN)
def test_everything_is_priced_or_named_and_nothing_twice(name: str) -> None:
    m = made(name)
    found, unpriced, _ = charges(name)
    for thing in costs.created(m.target, existing=False):
        label = f"{thing.name} ({thing.variant})" if thing.variant else str(thing.name)
        if thing.item == "public_ip" and name.startswith("tencent"):
            continue  # free while it is bound: a charge of 0 is not shown
        assert (label in found) + any(said.startswith(f"{label}:") for said in unpriced) == 1, label
    wanted = {"Control plane", "CPU node", "NAT gateway", "Logs"}
    said = [*found, *unpriced]
    assert all(any(one.startswith(w) for one in said) for w in wanted)


@pytest.mark.parametrize("name", SHOWN)
def test_an_existing_cluster_brings_its_own(name: str) -> None:
    found, unpriced, total = charges(name, existing=True)
    assert total < charges(name)[2] or name.startswith("tencent")
    for word in ("Control plane", "CPU node", "NAT gateway", "Logs"):
        assert not any(said.startswith(word) for said in (*found, *unpriced))
    m = made(name)
    balancer = bool(m.target.service.gateway or m.target.cluster.lb_subnet)
    assert any(said.startswith("Load balancer") for said in (*found, *unpriced)) is balancer


def test_each_address_of_the_nat_gateway_is_charged_and_counted_in_the_times() -> None:
    """1.4 TB for two nodes of R1 want more than one address of 200 Mbit/s: five of them, each with its fee; three of 7B want two."""
    m = made("alicloud-nodes")
    two, five = charges("alicloud-three")[0], charges("alicloud-nodes")[0]
    assert five["Address of the NAT gateway"] / 5 == two["Address of the NAT gateway"] / 2 == Decimal("14.40")
    own, ours = target.times(m.target.d, m.target.service), target.times(m.target.d, m.target.service, existing=False)
    megabytes = float(m.target.d.weights_gib) * 1073.741824
    assert own.download == math.ceil(megabytes / 125) and ours.download == math.ceil(megabytes / (1000 / 8 / 2))
    assert ours.startup >= 2 * (ours.load + 300) + 2 * ours.download and ours.load == own.load
    readme = tree.files(m.target, m.quote, m.offer, existing=False)["serve/README.md"]
    assert f"| {ours.download} | 1000 Mbit/s of the NAT gateway, shared by 2 nodes" in readme
    assert (
        "5 addresses of 200 Mbit/s" in readme and "NAT" not in m.files["serve/README.md"].split("## What it costs")[0]
    )
    aws = made("aws-nodes").target
    assert target.times(aws.d, aws.service, existing=False) == aws.times  # its NAT gateway is no bottleneck


def test_readmes_rule_and_record_hold_one_sum() -> None:
    m = made("aws-kueue")
    files = tree.files(m.target, m.quote, m.offer, existing=False)
    found, unpriced, total = charges("aws-kueue")
    shown = f"{total:,.2f} USD"
    assert f"| **Total** | **{shown}** |" in files["serve/README.md"] and shown in files["cluster/README.md"]
    assert Decimal(json.loads(files["planner.json"])["bill"]["effective"]) == total
    for said in unpriced:
        assert said.split(":")[0] in files["serve/README.md"].replace("\\", "")
    rule = re.search(r"expr: \((\S+) \* count.* \+ (\S+)\) / ", files["serve/components/observe/rules.yaml"])
    assert rule is not None
    machines = found["Instance usage (p4d.24xlarge, on-demand)"]
    assert (
        abs(Decimal(rule[1]) * 2 * 720 - machines) < 1
        and abs((Decimal(rule[1]) * 2 + Decimal(rule[2])) * 720 - total) < 1
    )
    least, most = re.findall(
        r"An hour costs ([0-9.,]+) USD at the minimum of 1 and ([0-9.,]+) USD", files["serve/README.md"]
    )[0]
    assert abs(Decimal(most) * 720 - total) < 10
    assert abs((Decimal(most) - Decimal(least)) * 720 - machines / 2) < 10


def test_a_thing_charged_per_nothing_known_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    t = made("aws-one").target
    odd = t._replace(service=t.service._replace(things=({"what": "X", "item": "x", "per": "moon"},)))
    with pytest.raises(CatalogError, match="not per moon"):
        costs.created(odd, existing=False)
    assert all(facts.find(case.provider).things for case in CASES.values())


# -- priced as it stands ------------------------------------------------------------------------------------------------


def priced(folder: Path) -> dict[str, Decimal]:
    """Return what `planner price` says of a folder: charges by resource and name."""
    found = priced_at(str(folder), "720", Asked(), CATALOG)
    amounts: dict[str, Decimal] = {}
    for part in found.parts:
        for charge in part.charges:
            key = f"{part.address} {charge.name}"
            amounts[key] = amounts.get(key, Decimal(0)) + charge.amount
    return amounts


@pytest.mark.parametrize(
    "name",
    [
        "alicloud-three",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in CASES
            if not name.endswith(("-spot", "alicloud-three"))
        ),
    ],
)
def test_the_tree_is_priced_sum_by_sum_as_quoted(name: str, tmp_path: Path) -> None:
    """What `planner price` reads of Terraform is what the README says, charge by charge; nothing has drifted."""
    m = made(name)
    for path, text in tree.files(m.target, m.quote, m.offer, existing=False).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    found = priced_at(str(tmp_path), "720", Asked(), CATALOG)
    assert found.drift == ()
    _, whole = costs.costed(m.target, m.quote, m.offer, False, CATALOG)
    read = _by_kind((str(c.name), c.amount) for part in found.parts for c in part.charges)
    said = _by_kind((str(c.name), c.amount) for c in whole.charges)
    # The gateway's balancer is made by Kubernetes, and the weights pass when there is a pod: no Terraform has them.
    for only in ("Load balancer", "Weights through the NAT gateway"):
        said.pop(only, None)
    assert read == said and read


def _by_kind(charges: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    """Return amounts by what is charged: machines are machines and disks are disks, of whichever pool."""
    found: dict[str, Decimal] = {}
    for name, amount in charges:
        bare = name.partition(" (")[0].removesuffix(" of a CPU node")
        bare = {"CPU node": "Instance usage", "System disk": "Disk", "Data disk": "Disk"}.get(bare, bare)
        found[bare] = found.get(bare, Decimal(0)) + amount
    return {name: amount.quantize(Decimal("0.01")) for name, amount in found.items() if amount}


@pytest.mark.parametrize("name", ["aws-nodes", "aws-spot", "alicloud-three", "tencentcloud-three"])
def test_planner_price_reads_the_pools_as_they_stand(name: str, tmp_path: Path) -> None:
    m = made(name)
    for path, text in tree.files(m.target, m.quote, m.offer, existing=False).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    amounts = priced(tmp_path)
    (usage,) = [v for k, v in amounts.items() if ".gpu Instance usage" in k]
    _, whole = costs.costed(m.target, m.quote, m.offer, False, CATALOG)
    quoted = sum(c.amount for c in whole.charges if str(c.name).startswith("Instance usage"))
    if not m.offer.id.endswith("on_demand"):  # a spot price may be one zone's
        assert ", spot)" in next(k for k in amounts if ".gpu Instance usage" in k)
    else:
        assert abs(usage - quoted) < Decimal("0.01")
    main = tmp_path / "cluster" / "main.tf"
    main.write_text(re.sub(r"nodes( +)= [0-9]+ #", r"nodes\1= 7 #", main.read_text()))
    drifted = next(v for k, v in priced(tmp_path).items() if ".gpu Instance usage" in k)
    assert abs(drifted - usage / m.offer.count * 7) < Decimal("0.01")
