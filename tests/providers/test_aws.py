"""The AWS adapter through the unmodified SDK against a server that checks signatures: what a region gives."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from planner.errors import MisuseError
from planner.offer import Price
from planner.provider import Access, Batch
from providers.aws import provider
from tests.providers import public_files
from tests.providers.aws_world import NOW, REGION, World
from tests.providers.fake_aws import KEY, SECRET, FakeAws

pytest.importorskip("boto3", reason="boto3 is not installed")


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def fake() -> Iterator[FakeAws]:
    with FakeAws() as server:
        yield World().fill(server)


def _of(batch: Batch, option: str, name: str = "p4d.24xlarge") -> list[Price]:
    return [p for p in batch.prices if p.purchase_option == option and p.instance_type == name]


def test_a_region_comes_whole(fake: FakeAws) -> None:
    batch = provider.fetch(REGION, Access(now=NOW, endpoint=fake.url))
    assert (batch.provider, batch.region, batch.account_site) == ("aws", REGION, "aws")
    p4d = next(t for t in batch.instance_types if t.name == "p4d.24xlarge")
    assert (p4d.vcpu, p4d.memory_gib, p4d.gpu_model, p4d.gpu_count) == (96, Decimal(1152), "A100-SXM4-40GB", Decimal(8))
    assert (p4d.gpu_memory_gib, p4d.network_gbps, p4d.local_nvme_gb) == (Decimal(40), Decimal(400), 8000)
    (hourly,) = _of(batch, "on_demand")
    assert (hourly.amount, hourly.currency, hourly.unit, hourly.os) == (Decimal("21.957642"), "USD", "hour", "linux")
    assert hourly.source.as_of == "2026-11-01"
    assert hourly.source.text == "AWS GetProducts AmazonEC2, us-east-1, version 20261101000000"
    assert {(z, n) for n, z in batch.zones} >= {("us-east-1a", "p4d.24xlarge"), ("us-east-1b", "g5.xlarge")}
    assert any("100 GB a month" in gap for gap in batch.gaps)
    assert {p.source.origin for p in batch.prices} == {"book"}


def test_reserved_rows_say_how_they_are_paid(fake: FakeAws) -> None:
    rows = {
        (p.payment, p.unit): p.amount for p in _of(provider.fetch(REGION, Access(NOW, endpoint=fake.url)), "reserved")
    }
    assert rows == {
        ("all_upfront", "term"): Decimal("109788.21"),
        ("partial_upfront", "term"): Decimal(3000),
        ("partial_upfront", "hour"): Decimal("0.25"),
        ("no_upfront", "hour"): Decimal("13.63"),
    }


def test_savings_plans_spot_and_blocks(fake: FakeAws) -> None:
    batch = provider.fetch(REGION, Access(now=NOW, endpoint=fake.url))
    plans = {(p.offering, p.term, p.payment): (p.amount, p.unit) for p in _of(batch, "savings_plan")}
    assert plans == {
        ("compute", "1y", "no_upfront"): (Decimal("16.47"), "hour"),
        ("ec2_instance", "1y", "no_upfront"): (Decimal("14.23"), "hour"),
    }
    assert [p.amount for p in _of(batch, "savings_plan", "g5.xlarge")] == [Decimal("0.7")]  # not the unused one
    spot = {p.zone: (p.amount, p.status) for p in _of(batch, "spot")}
    assert spot == {"us-east-1a": (Decimal("11.5"), ""), "us-east-1b": (Decimal("21.957642"), "low")}
    (block,) = _of(batch, "capacity_block")
    assert (block.amount, block.zone) == (Decimal("14.75"), "us-east-1c")
    assert "354.00 for 24 h" in block.note


def test_egress_tiers_and_the_pair_that_differs(fake: FakeAws) -> None:
    batch = provider.fetch(REGION, Access(now=NOW, endpoint=fake.url))
    rows = [(t.destination, t.to_region, t.from_gb, t.to_gb, t.amount) for t in batch.transfer]
    assert rows == [
        ("inter_region", "us-east-2", Decimal(0), None, Decimal("0.01")),
        ("internet", "", Decimal(0), Decimal(10240), Decimal("0.09")),
        ("internet", "", Decimal(10240), None, Decimal("0.085")),
    ]
    assert not any(t.quota for t in batch.transfer)


def test_pages_are_followed_on_every_call(fake: FakeAws) -> None:
    world = World()
    whole = provider.fetch(REGION, Access(now=NOW, endpoint=fake.url))
    world.size = 1
    assert provider.fetch(REGION, Access(now=NOW, endpoint=world.fill(fake).url)) == whole
    assert len(fake.calls("DescribeSavingsPlansOfferingRates")) == 1 + len(world.plans)


def test_the_price_list_is_asked_once_for_all_types_with_the_filters_that_pin_a_price(fake: FakeAws) -> None:
    provider.fetch(REGION, Access(now=NOW, endpoint=fake.url))
    asked = [
        {f["Field"]: f["Value"] for f in r["Filters"]}
        for r in fake.calls("GetProducts")
        if r["ServiceCode"] == "AmazonEC2"
    ]
    assert asked == [
        {
            "regionCode": REGION,
            "instanceFamily": "GPU instance",
            "operatingSystem": "Linux",
            "tenancy": "Shared",
            "preInstalledSw": "NA",
            "capacitystatus": "Used",
            "licenseModel": "No License required",
            "marketoption": "OnDemand",
        }
    ]


def test_families_narrow_every_part(fake: FakeAws) -> None:
    batch = provider.fetch(REGION, Access(now=NOW, endpoint=fake.url, families=("g5",)))
    assert {p.instance_type for p in batch.prices} == {"g5.xlarge"}
    assert [t.name for t in batch.instance_types] == ["g5.xlarge"]
    asked = fake.calls("DescribeInstanceTypes")[0]
    assert (asked["Filter.1.Value.1"], asked["Filter.1.Value.2"]) == ("g5.*", "g5-*")


def test_a_type_without_a_price_is_asked_for_singly_and_then_told_as_a_gap(fake: FakeAws) -> None:
    world = World()
    world.products = world.products[:1]  # g5 only
    batch = provider.fetch(REGION, Access(now=NOW, endpoint=world.fill(fake).url))
    assert any("no on-demand price for p4d.24xlarge" in gap and "tenancy=Shared" in gap for gap in batch.gaps)
    assert not _of(batch, "on_demand")


def test_raw_answers_are_kept_and_hold_no_secret(fake: FakeAws) -> None:
    kept: dict[str, str] = {}
    provider.fetch(REGION, Access(now=NOW, endpoint=fake.url, keep_raw=kept.__setitem__))
    assert {
        "aws-us-east-1-pricing-GetProducts-AmazonEC2-001.json",
        "aws-us-east-1-ec2-DescribeInstanceTypes-001.json",
    } <= set(kept)
    assert len(kept) == 7
    everything = "".join(kept.values())
    assert "21.9576420000" in everything
    for secret in (SECRET, KEY, "Signature", "Authorization", "RequestId"):
        assert secret not in everything
    for text in kept.values():
        json.loads(text)


def test_govcloud_takes_prices_from_the_public_list_and_the_rest_from_its_own_api(fake: FakeAws) -> None:
    public_files.move(public_files.fill(fake), "us-gov-west-1")
    batch = provider.fetch("us-gov-west-1", Access(now=NOW, endpoint=fake.url))
    assert batch.account_site == "aws-us-gov" and {p.site for p in batch.prices} == {"aws-us-gov"}
    (hourly,) = _of(batch, "on_demand")
    assert "public price list" in hourly.source.text and hourly.amount == Decimal("21.957642")
    assert len(batch.instance_types) == 2 and _of(batch, "spot")
    assert not fake.calls("GetProducts") and not fake.calls("DescribeSavingsPlansOfferingRates")
    assert any("has no price API" in gap for gap in batch.gaps)


def test_china_bills_in_cny(fake: FakeAws) -> None:
    from tests.providers.aws_world import egress, product

    world = World()
    world.products = [product("g5.xlarge", "11.5", "cn-north-1", "CNY")]
    world.egress = egress("cn-north-1", "CNY")
    world.plans, world.spot, world.blocks = [], [], []
    batch = provider.fetch("cn-north-1", Access(now=NOW, endpoint=world.fill(fake).url, families=("g5",)))
    assert (batch.account_site, {(p.site, p.currency) for p in batch.prices}) == ("aws-cn", {("aws-cn", "CNY")})


@pytest.mark.parametrize("endpoint", ["http://pricing.example.com", "ftp://127.0.0.1", "https://user:pw@proxy.example"])
def test_an_unsafe_endpoint_is_refused_before_anything_is_sent(endpoint: str) -> None:
    with pytest.raises(MisuseError):
        provider.fetch(REGION, Access(now=NOW, endpoint=endpoint))


def test_importing_the_adapter_imports_no_sdk() -> None:
    code = "import sys, providers.aws as a; a.provider.default_regions(); print([m for m in sys.modules if m in ('boto3', 'botocore', 'urllib3', 'ijson')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_self_check_tells_each_call(fake: FakeAws) -> None:
    from tests.providers.fake_aws import error

    fake.always["DescribeSpotPriceHistory"] = error(403, "UnauthorizedOperation")
    found = {call: (ok, seen) for call, ok, seen in provider.self_check(Access(now=NOW, endpoint=fake.url))}
    assert len(found) == 7
    ok, seen = found.pop("ec2:DescribeSpotPriceHistory")
    assert not ok and "lack this permission" in seen
    assert all(ok for ok, _ in found.values())
    assert found["pricing:GetProducts AmazonEC2"][1] == "g5.xlarge 1.006 USD/h of 2026-11-01, 4 reserved"


def test_credentials_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    assert provider.credentials_hint() is None
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    hint = provider.credentials_hint() or ""
    assert "no AWS credentials found" in hint and "aws configure" in hint
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert "nobody" in (provider.credentials_hint() or "")


def test_credentials_hint_does_not_wait_long_for_a_role(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    with socket.socket() as silent:  # accepts, never answers: a metadata address that hangs
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        start = time.monotonic()
        assert "no AWS credentials" in (provider.credentials_hint() or "")
        assert time.monotonic() - start < 15


def test_calls_that_need_nothing_of_each_other_run_together(fake: FakeAws) -> None:
    provider.fetch(REGION, Access(now=NOW, endpoint=fake.url))  # models are parsed once per process
    fake.latency, before = 0.6, len(fake.log)
    start = time.monotonic()
    provider.fetch(REGION, Access(now=NOW, endpoint=fake.url))
    took, one_after_another = time.monotonic() - start, 0.6 * (len(fake.log) - before)
    assert took < 0.75 * one_after_another  # two rounds of calls, and what a busy machine adds


def test_the_documented_policy_is_what_a_refresh_needs_and_no_more(fake: FakeAws) -> None:
    page = (Path(__file__).parents[2] / "docs" / "providers" / "aws.md").read_text()
    policy = json.loads(page.split("```json\n")[1].split("```")[0])
    (statement,) = policy["Statement"]
    provider.fetch(REGION, Access(now=NOW, endpoint=fake.url))
    services = {"GetProducts": "pricing", "DescribeSavingsPlansOfferingRates": "savingsplans"}
    assert statement["Action"] == sorted({f"{services.get(call, 'ec2')}:{call}" for call, _ in fake.log})
