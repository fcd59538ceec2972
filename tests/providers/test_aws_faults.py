"""What the user sees when AWS does not answer as it should: every fault, on every call, through the real SDK."""

from __future__ import annotations

import copy
import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from planner.errors import FetchError
from planner.provider import Access
from providers.aws import fetch as aws_fetch
from providers.aws import provider
from tests.providers import fake_aws
from tests.providers.aws_world import NOW, REGION, World, instance_type, plan, product
from tests.providers.fake_aws import KEY, SECRET, TOKEN, FakeAws

pytest.importorskip("boto3", reason="boto3 is not installed")

CALLS = ["DescribeInstanceTypes", "GetProducts", "DescribeSavingsPlansOfferingRates", "DescribeSpotPriceHistory"]


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    from botocore.retries.standard import ExponentialBackoff

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    # Only the length of the waits is changed: how often and after what botocore tries again is its own.
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda self, context: 0.001)


@pytest.fixture
def fake() -> Iterator[FakeAws]:
    with FakeAws() as server:
        yield World().fill(server)


def _fetch(fake: FakeAws, **more: Any) -> Any:
    return provider.fetch(REGION, Access(now=NOW, endpoint=fake.url, **more))


def _fails(fake: FakeAws) -> str:
    with pytest.raises(FetchError) as caught:
        _fetch(fake)
    text = str(caught.value)
    assert text.startswith(f"aws {REGION}: ") and "\n" not in text
    assert SECRET not in text and KEY not in text
    return text


def _reported(fake: FakeAws, spoilt: str) -> str:
    """Return why `spoilt` was left out of a region; whatever is told of the others is what a good refresh tells."""
    batch = _fetch(fake)
    good = _fetch(World().fill(fake))
    assert not good.spoilt and {p.instance_type for p in good.prices} > {spoilt} - {""}
    assert [p for p in good.prices if p.instance_type != spoilt] == list(batch.prices)
    assert [t for t in good.instance_types if t.name != spoilt] == list(batch.instance_types)
    assert batch.zones == tuple(pair for pair in good.zones or () if pair[0] != spoilt)
    names = [name for name, _ in batch.spoilt]
    assert spoilt in names and (spoilt != "") == any(t.destination == "internet" for t in batch.transfer)
    return "; ".join(why for _, why in batch.spoilt)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", [fake_aws.throttled, fake_aws.unavailable], ids=["throttled", "503"])
def test_twice_then_fine(fake: FakeAws, call: str, fault: Any) -> None:
    whole = _fetch(fake)
    before = len(fake.calls(call))
    fake.faults[call].extend([fault, fault])
    assert _fetch(fake) == whole
    assert len(fake.calls(call)) == 2 * before + 2


@pytest.mark.parametrize("call", CALLS)
def test_throttled_for_ever(fake: FakeAws, call: str) -> None:
    fake.always[call] = fake_aws.throttled
    text = _fails(fake)
    assert call in text and "still throttled after 5 tries" in text


def test_five_tries_and_not_one_more(fake: FakeAws) -> None:
    fake.always["DescribeInstanceTypes"] = fake_aws.throttled
    _fails(fake)
    assert len(fake.calls("DescribeInstanceTypes")) == 5


@pytest.mark.parametrize("call", CALLS)
def test_503_for_ever(fake: FakeAws, call: str) -> None:
    fake.always[call] = fake_aws.unavailable
    text = _fails(fake)
    assert call in text and "HTTP 503 after 5 tries" in text


def test_connection_refused() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(FetchError, match=r"aws us-east-1: .*no connection after 5 tries; check the network"):
        provider.fetch(REGION, Access(now=NOW, endpoint=f"http://127.0.0.1:{port}"))


@pytest.mark.parametrize("call", CALLS)
def test_timeout_mid_answer(fake: FakeAws, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws_fetch, "READ_SECONDS", 0.2)
    fake.always[call] = fake_aws.stalls(0.6)
    text = _fails(fake)
    assert call in text and ("no whole answer within 0.2 s" in text or "cut off" in text)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("claim", [None, 50_000], ids=["honest length", "connection closed"])
def test_truncated_answer(fake: FakeAws, call: str, claim: int | None) -> None:
    body = (
        b"<DescribeInstanceTypesResponse><instanceTypeSet><item>"
        if call.startswith("Describe")
        else b'{"PriceList": ["{'
    )
    if call == "DescribeSavingsPlansOfferingRates":
        body = b'{"searchResults": [{"rate": "1'
    fake.always[call] = fake_aws.truncated(body, claim)
    text = _fails(fake)
    assert call in text and ("cut off" in text or "the connection was closed" in text)


def test_wrong_secret_is_not_tried_again(fake: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
    with pytest.raises(FetchError, match="AWS refuses these credentials; check the access key") as caught:
        _fetch(fake)
    assert "not-the-secret" not in str(caught.value)
    assert len(fake.calls("DescribeInstanceTypes")) <= 1
    assert len(fake.calls("GetProducts")) <= 2  # one for instances, one for traffic


def test_expired_token(fake: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    fake.expired_tokens.add(TOKEN)
    text = _fails(fake)
    assert "the session has expired; sign in again" in text and TOKEN not in text
    assert len(fake.calls("DescribeInstanceTypes")) <= 1


def test_clock_skew(fake: FakeAws) -> None:
    fake.clock_offset = timedelta(hours=1)
    assert "this computer's clock is off by more than five minutes" in _fails(fake)


def test_no_credentials(fake: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert "no AWS credentials found; run `aws configure`" in _fails(fake)
    assert not fake.log


@pytest.mark.parametrize("call", CALLS)
def test_permission_missing(fake: FakeAws, call: str) -> None:
    code = (
        "UnauthorizedOperation"
        if call in ("DescribeInstanceTypes", "DescribeSpotPriceHistory")
        else "AccessDeniedException"
    )
    fake.always[call] = fake_aws.error(403, code, "User: arn:aws:iam::123456789012:user/x is not authorized")
    text = _fails(fake)
    assert call in text and "lack this permission" in text and "123456789012" not in text


def test_empty_answer_of_the_price_list_names_the_filters(fake: FakeAws) -> None:
    world = World()
    world.products = []
    text = _fails(world.fill(fake))
    assert "no price at all for the 2 GPU types" in text and "regionCode=us-east-1" in text and "tenancy=Shared" in text


def test_an_empty_page_in_between_is_gone_past(fake: FakeAws) -> None:
    whole = _fetch(fake)
    real = fake.answers["GetProducts"]

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        if not request.get("NextToken"):
            return {"PriceList": [], "NextToken": "go on"}
        return real({**request, "NextToken": 0})

    fake.answers["GetProducts"] = answer
    assert _fetch(fake) == whole


def test_no_gpu_type_in_the_region(fake: FakeAws) -> None:
    world = World()
    world.types, world.products = [], []
    batch = _fetch(world.fill(fake))
    assert batch.prices == () and "no GPU instance type is offered here" in batch.gaps[0]


def test_no_zone_sells_anything(fake: FakeAws) -> None:
    fake.answers["DescribeInstanceTypeOfferings"] = lambda request: {"InstanceTypeOfferings": []}
    assert "no zone sells any of the 2 GPU types" in _fails(fake)


def test_a_type_that_is_priced_but_not_sold_here_is_left_out_and_told(fake: FakeAws) -> None:
    world = World()
    world.products.append(product("p3.2xlarge", "3.06"))
    batch = _fetch(world.fill(fake))
    assert "p3.2xlarge" not in {p.instance_type for p in batch.prices}
    assert any("left out: p3.2xlarge" in gap for gap in batch.gaps)


def _traffic(usage: str, amount: str) -> World:
    world = World()
    world.egress[0]["product"]["attributes"]["usagetype"] = "USE1-DataTransfer-Out-Bytes"
    other = json.loads(json.dumps(world.egress[0]).replace("OUT", "OTHER").replace("0.09", amount))
    other["product"]["attributes"]["usagetype"] = usage
    world.egress.append(other)
    return world


def test_accelerated_traffic_is_not_plain_traffic(fake: FakeAws) -> None:
    whole = _fetch(fake).transfer
    assert _fetch(_traffic("USE1-DataTransfer-Out-ABytes", "0.13").fill(fake)).transfer == whole


def test_two_products_of_one_price_are_one_and_of_two_are_refused(fake: FakeAws) -> None:
    whole = _fetch(fake).transfer
    assert _fetch(_traffic("USE1-DataTransfer-Out-Bytes", "0.09").fill(fake)).transfer == whole
    text = _reported(_traffic("USE1-DataTransfer-Out-Bytes", "0.13").fill(fake), "")
    assert "2 prices for traffic to the internet where one is expected" in text


def test_no_egress_price(fake: FakeAws) -> None:
    world = World()
    world.egress = world.egress[1:]
    assert "no price for traffic to the internet" in _reported(world.fill(fake), "")


@pytest.mark.parametrize("call", CALLS)
def test_page_two_fails(fake: FakeAws, call: str) -> None:
    world = World()
    world.size = 1
    world.fill(fake)
    real = fake.answers[call]

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        if request.get("NextToken") or request.get("nextToken"):
            return (
                {"nothing": "of use"} if call in ("GetProducts", "DescribeSavingsPlansOfferingRates") else real(request)
            )
        return real(request)

    fake.answers[call] = answer
    if call.startswith("Describe") and call != "DescribeSavingsPlansOfferingRates":
        fake.faults[call].extend([fake_aws.passes, *[fake_aws.unavailable] * 5])
    text = _fails(fake)
    assert call in text and ("has no PriceList" in text or "has no searchResults" in text or "HTTP 503" in text)


def test_pages_that_go_in_a_circle(fake: FakeAws) -> None:
    fake.answers["GetProducts"] = lambda request: {"PriceList": [], "NextToken": "again"}
    assert "points back to an earlier page" in _fails(fake)


def test_two_prices_where_one_is_expected(fake: FakeAws) -> None:
    world = World()
    other = product("g5.xlarge", "1.1")
    other["product"]["sku"] = "OTHER"
    world.products.append(other)
    text = _reported(world.fill(fake), "g5.xlarge")
    assert "2 on-demand prices for g5.xlarge where one is expected" in text
    assert "SKU OTHER 1.1 USD/Hrs" in text and "capacitystatus=Used" in text


def test_two_savings_plan_rates_where_one_is_expected(fake: FakeAws) -> None:
    world = World()
    world.plans.append(plan("p4d.24xlarge", "16.48"))
    assert "rates 16.47 and 16.48 where one is expected (asked for region=us-east-1" in _reported(
        world.fill(fake), "p4d.24xlarge"
    )


def _changed(change: Any) -> World:
    world = World()
    item = copy.deepcopy(world.products[0])
    (dimension,) = next(iter(item["terms"]["OnDemand"].values()))["priceDimensions"].values()
    change(item, dimension)
    world.products[0] = item
    return world


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda i, d: d.update(pricePerUnit={"USD": "0.0000000000"}), "g5.xlarge on demand (SKU SKUG5XLARGE) costs 0"),
        (lambda i, d: d.update(pricePerUnit={"USD": "-1"}), "negative price -1"),
        (lambda i, d: d.update(pricePerUnit={"USD": "1e2"}), "not a plain decimal number"),
        (lambda i, d: d.update(pricePerUnit={"USD": "NaN"}), "not a plain decimal number"),
        (lambda i, d: d.update(pricePerUnit={"XTS": "1.0"}), "unknown currency 'XTS'"),
        (lambda i, d: d.update(pricePerUnit={"CNY": "1.0"}), "CNY where aws bills in USD"),
        (lambda i, d: d.update(pricePerUnit={"USD": "1", "CNY": "7"}), "prices in CNY, USD, one is expected"),
        (lambda i, d: d.update(pricePerUnit={}), "prices in no currency"),
        (lambda i, d: d.update(unit="Seconds"), "unit 'Seconds', expected Hrs"),
        (lambda i, d: d.pop("pricePerUnit"), "has no pricePerUnit"),
        (lambda i, d: i["product"].pop("sku"), "has no product.sku"),
        (lambda i, d: i["product"].pop("attributes"), "has no product.attributes"),
        (lambda i, d: i["product"]["attributes"].pop("instanceType"), "has no instanceType"),
        (lambda i, d: i["product"]["attributes"].update(regionCode="eu-west-1"), "is of region 'eu-west-1'"),
    ],
)
def test_a_wrong_price_is_refused_with_its_filters(fake: FakeAws, change: Any, said: str) -> None:
    text = _reported(_changed(change).fill(fake), "g5.xlarge")
    assert said in text and "instanceFamily=GPU instance" in text


def test_new_fields_are_no_fault(fake: FakeAws) -> None:
    whole = _fetch(fake)

    def change(item: Any, dimension: Any) -> None:
        item["product"]["attributes"]["quantumReady"] = "Yes"
        item["terms"]["Barter"] = {"X": {"priceDimensions": {}}}
        dimension["carbon"] = {"unit": "kg"}

    assert _fetch(_changed(change).fill(fake)) == whole


def test_a_new_word_is_left_out_and_told(fake: FakeAws) -> None:
    def change(item: Any, dimension: Any) -> None:
        term = next(
            t for t in item["terms"]["Reserved"].values() if t["termAttributes"]["PurchaseOption"] == "No Upfront"
        )
        term["termAttributes"]["LeaseContractLength"] = "5yr"

    batch = _fetch(_changed(change).fill(fake))
    assert any("5yr No Upfront standard" in gap and "g5.xlarge" in gap for gap in batch.gaps)


def test_upfront_that_does_not_fit_its_name(fake: FakeAws) -> None:
    def change(item: Any, dimension: Any) -> None:
        term = next(
            t for t in item["terms"]["Reserved"].values() if t["termAttributes"]["PurchaseOption"] == "All Upfront"
        )
        term["priceDimensions"].popitem()

    assert "do not fit its name" in _reported(_changed(change).fill(fake), "g5.xlarge")


def test_a_missing_field_of_a_specification(fake: FakeAws) -> None:
    world = World()
    del world.types[0]["GpuInfo"]["Gpus"][0]["MemoryInfo"]
    text = _reported(world.fill(fake), "p4d.24xlarge")
    assert "DescribeInstanceTypes: p4d.24xlarge has no MemoryInfo.SizeInMiB" in text


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda gpu: (gpu.pop("Count"), gpu.pop("LogicalGpuCount", None)), "p4d.24xlarge has no Count"),
        (lambda gpu: gpu.update(GpuPartitionSize=0), "make no sense"),
    ],
)
def test_a_type_without_a_count_of_gpus_is_reported_and_the_others_stay(fake: FakeAws, spoil: Any, said: str) -> None:
    world = World()
    spoil(world.types[0]["GpuInfo"]["Gpus"][0])
    assert said in _reported(world.fill(fake), "p4d.24xlarge")


def test_an_item_that_is_no_json_is_known_by_its_name(fake: FakeAws) -> None:
    world = World().fill(fake)
    real = world.answers["GetProducts"]

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        found = real(request)
        return found | {"PriceList": [t[:-9] if '"g5.xlarge"' in t else t for t in found["PriceList"]]}

    fake.answers["GetProducts"] = answer
    assert "an item of PriceList is not JSON" in _reported(fake, "g5.xlarge")


def test_when_more_is_spoilt_than_not_the_region_fails(fake: FakeAws) -> None:
    world = World()
    for described in world.types:
        described["GpuInfo"]["Gpus"][0].pop("MemoryInfo")
    assert "has no MemoryInfo.SizeInMiB" in _fails(world.fill(fake))


def test_ten_thousand_types(fake: FakeAws) -> None:
    world = World()
    needed = ("GpuInfo", "MemoryInfo", "VCpuInfo", "NetworkInfo", "SupportedUsageClasses")
    base = {field: value for field, value in instance_type("g5.xlarge").items() if field in needed}
    names = [f"{'g5' if n % 25 == 0 else 'm5'}.{n}xlarge" for n in range(10_000)]
    world.types = [{**(base if name.startswith("g5") else {}), "InstanceType": name} for name in names]
    world.products = [product(name, f"{n + 1}.5", reserved=False) for n, name in enumerate(names)]
    world.plans, world.spot, world.blocks = [], [], []
    world.size = 5000
    batch = _fetch(world.fill(fake))
    assert len(batch.instance_types) == 400
    assert [p.instance_type[:3] for p in batch.prices] == ["g5."] * 400
