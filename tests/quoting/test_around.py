"""The whole bill: what a module creates around the machines, against hand calculations; one sum wherever it is shown."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from planner.money import show
from planner.prices import fx
from planner.prices.catalog import Catalog
from planner.quoting import around, build
from planner.terraform import cloud, deploy
from planner.workload import make
from tests.conftest import TODAY
from tools import reference_modules

CATALOG = Catalog()
D = Decimal


def quoted(**fields):
    return build.quote(make(fields), CATALOG, TODAY, fx.Rates(fx.committed(""), ()))


def billed(provider, **fields):
    quote = quoted(provider=(provider,), **fields)
    offer = deploy.pick(quote, provider)
    return offer, around.bill(quote, offer, CATALOG)


def amounts(bill):
    return {str(c.name): c.amount for c in bill.charges}


def test_aws_by_hand():
    offer, bill = billed("aws", instance_type=("g6.xlarge",), region=("us-east-1",), hours="730", count="2")
    # One g6.xlarge keeps 250 GB of NVMe: no data disk. Weights: 7,615,616,512 parameters of 2 bytes.
    assert amounts(bill) == {
        "Instance usage (g6.xlarge, on-demand)": offer.totals.native.effective,
        "System disk (gp3)": 2 * 200 * D("0.08"),
        "Detailed monitoring: metrics": 2 * 7 * D("0.30"),
        "NAT gateway": 730 * D("0.045"),
        "Weights through the NAT gateway": 2 * D("15.231") * D("0.045"),
        "Address of the NAT gateway": 730 * D("0.005"),
        "Load balancer (NLB)": 730 * D("0.0225"),
    }
    assert [str(said) for said in bill.unpriced] == [
        "Load balancer: capacity units (NLB): by use, 0.006 USD per NLCU-hour"
    ]
    assert bill.around == bill.totals.effective - offer.totals.native.effective == sum([*amounts(bill).values()][1:])


def test_a_data_disk_of_aws_pays_for_its_speed():
    quote = quoted(provider=("aws",), instance_type=("g6.xlarge",), region=("us-east-1",), hours="730")
    stand = around.Stand("x.without-local-disks", 1, False, 80, D("15.231"))
    bill = around.bill(quote, deploy.pick(quote, "aws"), CATALOG, stand=stand)
    size = around.data_disk(D(0), 15.231, 0)
    assert around.data_disk(D(75), 1.0, 0) == 80  # what is asked for, never less
    assert size == 80  # 1.5 x 15.231 + 50, up to whole tens
    assert {k: v for k, v in amounts(bill).items() if k.startswith("Data disk")} == {
        "Data disk (gp3)": 80 * D("0.08"),
        "Data disk: IOPS over 3,000 (gp3)": 1000 * D("0.005"),
        "Data disk: MB/s over 125 (gp3)": 375 * D("0.04"),
    }


def test_alibaba_by_hand():
    offer, bill = billed("alicloud", instance_type=("ecs.gn7i-c16g1.4xlarge",), region=("cn-hangzhou",), hours="720")
    assert offer.site == "china"
    assert amounts(bill) == {
        "Instance usage (ecs.gn7i-c16g1.4xlarge, on-demand)": offer.totals.native.effective,
        "System disk (cloud_essd:PL1)": 200 * 720 * D("0.0021"),
        "Data disk (cloud_essd:PL1)": 80 * 720 * D("0.0021"),
        "NAT gateway": 720 * D("0.23"),
        "Weights through the NAT gateway": D("15.231") * D("0.23"),
        "Address of the NAT gateway": 720 * D("0.02"),  # charged, though bound: it is a gateway's
    }


def test_tencent_by_hand():
    quote = quoted(provider=("tencentcloud",), region=("ap-singapore",), hours="720")
    offer = next(o for o in quote.offers if o.site == "international" and o.purchase_option == "on_demand")
    stand = around.Stand(
        "GN7.2XLARGE32", 1, False, 80, D("15.231")
    )  # another family than the V100's, which is not sold with HSSD
    bill = around.bill(quote, offer, CATALOG, stand=stand)
    disk = {k: v for k, v in amounts(bill).items() if "disk" in k}
    assert disk == {
        "System disk (CLOUD_HSSD)": 200 * 720 * D("0.0003"),
        "Data disk (CLOUD_HSSD)": 80 * 720 * D("0.0003"),
    }
    assert amounts(bill)["NAT gateway (small)"] == 720 * D("0.13")
    assert "Address of the NAT gateway" not in amounts(bill)  # free while it is bound


def test_a_public_address_each_and_no_gateway():
    _, bill = billed("aws", instance_type=("g6.xlarge",), region=("us-east-1",), hours="100", count="3", public_ips="1")
    assert amounts(bill)["Public address"] == 3 * 100 * D("0.005")
    assert not any("NAT" in name for name in amounts(bill))


def test_tax_and_discount_hold_for_all_of_it():
    plain, taxed = billed("aws", region=("us-east-1",))[1], billed("aws", region=("us-east-1",), tax="10%")[1]
    assert taxed.totals.effective == plain.totals.effective * D("1.1")
    less = billed("aws", region=("us-east-1",), discount=("aws=50%",))[1]
    assert less.totals.effective == pytest.approx(plain.totals.effective / 2)


def test_what_has_no_price_is_named_and_not_in_the_sum():
    bill = billed("alicloud", instance_type=("ecs.gn7i-c16g1.4xlarge",), region=("cn-beijing",))[1]
    assert [str(said) for said in bill.unpriced] == [
        "System disk (cloud_essd:PL1): no price for cn-beijing, China site (aliyun.com)",
        "Data disk (cloud_essd:PL1): no price for cn-beijing, China site (aliyun.com)",
    ]
    assert "System disk (cloud_essd:PL1)" not in amounts(bill)


def test_every_charge_has_a_source():
    for provider in ("aws", "alicloud", "tencentcloud"):
        for charge in billed(provider)[1].charges:
            assert charge.source.text, charge.name
            assert charge.source.place, charge.name


@pytest.mark.parametrize("name", CATALOG.providers())
def test_disks_are_those_that_the_templates_ask_for(name):
    facts = cloud.find(name).disks
    for entry in CATALOG.info(name).module:
        if entry["item"] == "block_storage" and facts.kind:
            assert (entry["variant"], entry["kinds"]) == (facts.kind, dict(facts.kinds))


@pytest.mark.parametrize("case", reference_modules.CASES, ids=lambda c: c.folder)
def test_quote_readme_budget_and_record_hold_one_sum(case):
    provider = case.workload.provider[0]
    quote = build.quote(
        case.workload, CATALOG, reference_modules.NOW.date().isoformat(), fx.Rates(fx.committed(""), ())
    )
    offer = deploy.pick(quote, provider, option=case.workload.purchase_option)
    bill = around.bill(quote, offer, CATALOG)
    folder = Path(reference_modules.ROOT) / case.folder
    readme = (folder / "README.md").read_text()
    total = re.search(r"\*\*Total\*\* \| \*\*([\d,.]+) ", readme)
    assert total is not None
    assert total[1] == show(bill.totals.effective)
    assert D(json.loads((folder / "planner.json").read_text())["bill"]["effective"]) == bill.totals.effective
    assert f"{total[1]} {bill.currency}" in (folder / "outputs.tf").read_text()
    if (folder / "budget.tf").exists():
        limit = re.search(r'(?:limit_amount|budget_quota)\s*= "([\d.]+)"', (folder / "budget.tf").read_text())
        assert limit is not None
        assert show(D(limit[1])) == show(bill.totals.effective / quote.months)
    for said in bill.unpriced:
        assert str(said) in readme.replace("\\", "")
