"""The AWS adapter with moto's EC2 (its instance data are scraped from the real one) and our signed Price List beside it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from planner.provider import Access
from providers.aws import provider
from providers.aws.terms import GPUS
from tests.providers.aws_world import NOW, REGION, World, product
from tests.providers.fake_aws import KEY, SECRET, FakeAws

moto = pytest.importorskip("moto", reason="moto is not installed")


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> Iterator[FakeAws]:
    """EC2 answers from moto inside the process; pricing and savingsplans go, signed, to our server."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")
    with FakeAws() as fake:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", fake.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAVINGSPLANS", fake.url)
        # Moto would put keys of its own in, and our server would refuse their signature.
        with moto.mock_aws(config={"core": {"mock_credentials": False}}):
            yield fake


def test_a_family_of_real_specifications(rig: FakeAws) -> None:
    world = World()
    sizes = {"g5.xlarge": "1.006", "g5.48xlarge": "16.288"}
    world.products = [product(name, hourly) for name, hourly in sizes.items()]
    world.fill(rig)
    batch = provider.fetch(REGION, Access(now=NOW, families=("g5",)))
    types = {t.name: t for t in batch.instance_types}
    assert len(types) == 8
    big = types["g5.48xlarge"]
    assert (big.vcpu, big.gpu_count, big.gpu_model, big.network_gbps) == (192, Decimal(8), "A10G", Decimal(100))
    assert {zone for name, zone in batch.zones if name == "g5.48xlarge"} <= {f"{REGION}{z}" for z in "abcdef"}
    assert {p.instance_type: p.amount for p in batch.prices if p.purchase_option == "on_demand"} == {
        name: Decimal(hourly) for name, hourly in sizes.items()
    }
    gap = next(gap for gap in batch.gaps if "no on-demand price for" in gap)
    assert "g5.2xlarge" in gap and "g5.48xlarge" not in gap


def test_slices_of_a_gpu_are_counted_as_such(rig: FakeAws) -> None:
    world = World()
    world.products = [product("g6f.large", "0.2")]
    world.fill(rig)
    types = {t.name: t for t in provider.fetch(REGION, Access(now=NOW, families=("g6f",))).instance_types}
    slice_ = types["g6f.large"]
    assert (slice_.gpu_count, slice_.gpu_model) == (Decimal("0.125"), "L4")
    assert slice_.gpu_memory_gib == Decimal(2861) / 1024
    assert types["g6f.4xlarge"].gpu_count == Decimal("0.5")


def test_every_gpu_type_moto_knows_can_be_read(rig: FakeAws) -> None:
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    from providers.aws import parse, terms
    from providers.aws.where import Where

    where = Where(REGION, terms.partition_of(REGION), "DescribeInstanceTypes", "all", NOW)
    types = {t.name: t for t in parse.instance_types(INSTANCE_TYPES.values(), where, ())}
    assert len(types) >= 60
    assert not any(name.startswith(("trn", "inf", "vt", "m", "c")) for name in types)
    assert {t.gpu_model for t in types.values()} >= set(GPUS.values()) - {"V100-SXM2-16GB"}
    assert types["p5.48xlarge"].network_gbps == 3200
    assert types["g6e.48xlarge"].network_gbps == 400 and "the lesser is used" in types["g6e.48xlarge"].note
    assert types["p6-b200.48xlarge"].gpu_model == "B200"  # not in gpus.csv: AWS's own word
