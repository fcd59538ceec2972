"""Quotas of the account, through the unmodified SDKs against servers that check signatures."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from planner.errors import FetchError
from planner.provider import Access, Quota, Wanted
from providers.alicloud import Alicloud
from providers.aws import provider as aws
from providers.aws.quota import group_of
from providers.tencentcloud import Tencentcloud
from tests.providers import fake_alicloud, fake_tencentcloud
from tests.providers.fake_aws import FakeAws
from tests.providers.fake_http import serving
from tests.providers.test_aws import _keys as _keys  # the fixture: keys of the fake account

NOW = "2026-11-26T00:00:00+00:00"
QUOTAS = {
    "Running On-Demand P instances": 192,
    "Running On-Demand G and VT instances": 64,
    "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances": 1152,
    "All P4, P3 and P2 Spot Instance Requests": 96,
    "All P5 Spot Instance Requests": 0,
    "All G and VT Spot Instance Requests": 8,
    "EC2-VPC Elastic IPs": 5,
}


def machine(kind: str, cores: int, **more: str) -> dict[str, Any]:
    return {"InstanceType": kind, "CpuOptions": {"CoreCount": cores, "ThreadsPerCore": 2}, **more}


@pytest.fixture
def account() -> Any:
    with FakeAws() as fake:
        listed = [
            {"QuotaName": name, "QuotaCode": f"L-{n}", "Value": value} for n, (name, value) in enumerate(QUOTAS.items())
        ]
        fake.answers["ListServiceQuotas"] = lambda request: (
            {"Quotas": listed[4:]} if request.get("NextToken") else {"Quotas": listed[:4], "NextToken": "more"}
        )
        running = [
            machine("p4d.24xlarge", 48),
            machine("g6.xlarge", 2),
            machine("p4d.24xlarge", 48, InstanceLifecycle="spot"),
        ]
        fake.answers["DescribeInstances"] = lambda request: {"Reservations": [{"Instances": running}]}
        yield fake


@pytest.mark.parametrize(
    ("kind", "option", "vcpu", "quota"),
    [
        ("p4d.24xlarge", "on_demand", 96, ("Running On-Demand P instances", 192, 96)),
        ("g6.xlarge", "on_demand", 4, ("Running On-Demand G and VT instances", 64, 4)),
        ("p4d.24xlarge", "spot", 96, ("All P4, P3 and P2 Spot Instance Requests", 96, 96)),
        ("p5en.48xlarge", "spot", 192, ("All P5 Spot Instance Requests", 0, 0)),
        ("gr6.4xlarge", "on_demand", 16, ("Running On-Demand G and VT instances", 64, 4)),
    ],
)
def test_aws_tells_limit_and_use_of_the_right_group(
    account: FakeAws, kind: str, option: str, vcpu: int, quota: tuple[str, int, int]
) -> None:
    (found,) = aws.quotas("us-east-1", Wanted(kind, option, 1, vcpu), Access(now=NOW, endpoint=account.url))
    name, limit, used = quota
    assert found == Quota(name, "vCPUs", Decimal(limit), Decimal(used), Decimal(vcpu))
    assert found.enough is (limit - used >= vcpu)


def test_aws_needs_none_for_a_block_and_says_what_it_may_not_ask(account: FakeAws) -> None:
    assert (
        aws.quotas("us-east-1", Wanted("p5.48xlarge", "capacity_block", 1, 192), Access(now=NOW, endpoint=account.url))
        == ()
    )
    del account.answers["ListServiceQuotas"]
    with pytest.raises(FetchError, match="service-quotas ListServiceQuotas"):
        aws.quotas("us-east-1", Wanted("g6.xlarge", "on_demand", 1, 4), Access(now=NOW, endpoint=account.url))


def test_families_of_aws() -> None:
    assert [
        group_of(k) for k in ("p4d.24xlarge", "g6.xlarge", "gr6.4xlarge", "trn1.32xlarge", "inf2.xlarge", "m7i.large")
    ] == [
        "P",
        "G and VT",
        "G and VT",
        "Trn",
        "Inf",
        "Standard (A, C, D, H, I, M, R, T, Z)",
    ]


def attribute(name: str, value: str) -> dict[str, Any]:
    return {"AttributeName": name, "AttributeValues": {"ValueItem": [{"Value": value}]}}


def test_alibaba_tells_vcpus(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_alicloud.use_keys(monkeypatch)
    items = [attribute("max-postpaid-instance-vcpu-count", "100"), attribute("used-postpaid-instance-vcpu-count", "90")]
    answers: dict[str, Any] = {"DescribeAccountAttributes": {"AccountAttributeItems": {"AccountAttributeItem": items}}}
    adapter = Alicloud(credentials_timeout=5.0)
    with serving(lambda: fake_alicloud.FakeAlicloud(answers)) as server:
        (found,) = adapter.quotas(
            "cn-beijing", Wanted("ecs.gn7i-c16g1.4xlarge", "on_demand", 2, 16), Access(now=NOW, endpoint=server.url)
        )
        assert (
            found == Quota("max-postpaid-instance-vcpu-count", "vCPUs", Decimal(100), Decimal(90), Decimal(32))
            and not found.enough
        )
        with pytest.raises(FetchError, match="says no max-spot-instance-vcpu-count"):
            adapter.quotas(
                "cn-beijing", Wanted("ecs.gn7i-c16g1.4xlarge", "spot", 1, 16), Access(now=NOW, endpoint=server.url)
            )
    assert adapter.quotas("cn-beijing", Wanted("x", "subscription", 1, 16), Access(now=NOW)) == ()


def test_tencent_tells_instances_of_the_zone_with_most_left(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_tencentcloud.use_keys(monkeypatch)
    rows = [
        {"Zone": "ap-guangzhou-3", "TotalQuota": 30, "UsedQuota": 29, "RemainingQuota": 1},
        {"Zone": "ap-guangzhou-6", "TotalQuota": 60, "UsedQuota": 2, "RemainingQuota": 58},
    ]
    overview = {"Region": "ap-guangzhou", "AccountQuota": {"PostPaidQuotaSet": rows, "SpotPaidQuotaSet": []}}
    answers: dict[str, Any] = {"DescribeAccountQuota": {"AppId": 1, "AccountQuotaOverview": overview}}
    adapter = Tencentcloud(credentials_timeout=5.0)
    with serving(lambda: fake_tencentcloud.FakeTencentcloud(answers)) as server:
        (found,) = adapter.quotas(
            "ap-guangzhou", Wanted("GN10Xp.20XLARGE320", "on_demand", 2, 80), Access(now=NOW, endpoint=server.url)
        )
        assert (
            found == Quota("PostPaidQuotaSet in ap-guangzhou-6", "instances", Decimal(60), Decimal(2), Decimal(2))
            and found.enough
        )
        with pytest.raises(FetchError, match="says nothing of SpotPaidQuotaSet"):
            adapter.quotas(
                "ap-guangzhou", Wanted("GN10Xp.20XLARGE320", "spot", 1, 80), Access(now=NOW, endpoint=server.url)
            )
