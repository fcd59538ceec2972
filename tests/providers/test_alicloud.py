"""The Alibaba Cloud adapter: the official SDK, unmodified, against a local server that checks its signatures."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from planner.errors import MisuseError, PlannerError
from planner.offer import Price
from planner.provider import Access, Batch
from providers.alicloud import Alicloud, parse, terms
from tests.providers.fake_alicloud import KEY_ID, SECRET, FakeAlicloud, error, use_keys
from tests.providers.fake_http import serving

RECORDED = Path(__file__).parent / "recorded" / "alicloud"
NOW = "2026-11-23T22:00:00+00:00"
A10, V100 = "ecs.gn7i-c8g1.2xlarge", "ecs.gn6e-c12g1.3xlarge"
REGION = "cn-hangzhou"


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"{name}.json").read_text())["response"]


def described(name: str, family: str, gpu: str, memory: float, count: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "InstanceTypeId": name,
        "InstanceTypeFamily": family,
        "CpuCoreCount": 8,
        "MemorySize": 30.0,
        "GPUAmount": count,
        "GPUSpec": gpu,
        "GPUMemorySize": memory,
        "InstanceBandwidthRx": 16384000,
        "InstanceBandwidthTx": 16384000,
        **more,
    }


TYPES = [
    described(A10, "ecs.gn7i", "NVIDIA A10", 24.0),
    described(V100, "ecs.gn6e", "NVIDIA V100", 32.0),
    described("ecs.g7.large", "ecs.g7", "", 0.0, count=0),
]
#: (type, unit, period) -> list, off
PRICES = {
    (A10, "Hour", 1): (9.99, 0.0),
    (A10, "Month", 1): (3213.99, 0.0),
    (A10, "Year", 1): (38567.88, 5785.18),
    (A10, "Year", 2): (77135.76, 23140.73),
    (A10, "Year", 3): (115703.64, 57851.82),
    (V100, "Hour", 1): (17.77, 1.777),
    (V100, "Month", 1): (6398.0, 639.8),
    (V100, "Year", 1): (76776.0, 19194.0),
    (V100, "Year", 2): (153552.0, 61420.8),
    (V100, "Year", 3): (230328.0, 138196.8),
}


def unreadable(asked: dict[str, Any]) -> Any:
    """Answer for V100 with a price that is no number."""
    answer = describe_price(asked)
    if asked.get("InstanceType") == V100:
        answer["PriceInfo"]["Price"]["DetailInfos"]["DetailInfo"][0]["OriginalPrice"] = "a lot"
    return answer


def priced(listed: float, off: float, currency: str = "CNY", **more: Any) -> dict[str, Any]:
    lines = [
        {
            "Resource": "instanceType",
            "OriginalPrice": listed,
            "DiscountPrice": off,
            "TradePrice": round(listed - off, 4),
        },
        {"Resource": "systemDisk", "OriginalPrice": 0.07, "DiscountPrice": 0.0, "TradePrice": 0.07},
    ]
    total = {"OriginalPrice": listed + 0.07, "DiscountPrice": off, "TradePrice": round(listed - off + 0.07, 4)}
    rules = {"Rule": [{"Description": "yearly discount", "RuleId": 7}] if off else []}
    return {
        "PriceInfo": {
            "Price": {"Currency": currency, **total, "DetailInfos": {"DetailInfo": lines}},
            "Rules": rules,
            **more,
        }
    }


def describe_price(asked: dict[str, Any], currency: str = "CNY") -> Any:
    if asked["ResourceType"] == "bandwidth":
        return {
            "PriceInfo": {
                "Price": {"Currency": currency, "OriginalPrice": 0.8, "DiscountPrice": 0.0, "TradePrice": 0.8}
            }
        }
    return priced(*PRICES[asked["InstanceType"], asked["PriceUnit"], int(asked["Period"])], currency)


def sold(*zones: tuple[str, dict[str, str]]) -> dict[str, Any]:
    return {
        "AvailableZones": {
            "AvailableZone": [
                {
                    "ZoneId": zone,
                    "AvailableResources": {
                        "AvailableResource": [
                            {
                                "Type": "InstanceType",
                                "SupportedResources": {
                                    "SupportedResource": [
                                        {"Value": name, "StatusCategory": word} for name, word in names.items()
                                    ]
                                },
                            }
                        ]
                    },
                }
                for zone, names in zones
            ]
        }
    }


def spot_history(asked: dict[str, Any], currency: str = "CNY") -> dict[str, Any]:
    rows = [
        ("cn-hangzhou-i", "2026-11-23T08:00:00Z", 1.6),
        ("cn-hangzhou-i", "2026-11-23T21:00:00Z", 1.5),
        ("cn-hangzhou-j", "2026-11-23T20:00:00Z", 2.25),
    ]
    return {
        "Currency": currency,
        "NextOffset": 0,
        "SpotPrices": {
            "SpotPriceType": [
                {
                    "InstanceType": asked["InstanceType"],
                    "IoOptimized": "optimized",
                    "NetworkType": "vpc",
                    "ZoneId": zone,
                    "Timestamp": when,
                    "SpotPrice": amount,
                    "OriginPrice": 9.99,
                }
                for zone, when, amount in rows
            ]
        },
    }


RATES = {("ecs", "1:Year", "total"): "0.62", ("ecs", "3:Year", "zero"): "0.41"}


def plan_rates(asked: dict[str, Any]) -> dict[str, Any]:
    rate = RATES.get((asked["SpnType"], asked["Cycle"], asked["PayMode"])) if asked["Spec"] == "ecs.gn7i" else None
    item = {"Spec": asked["Spec"], "RegionCode": asked["Region"], "DiscountRate": rate, "ContractDiscountRate": "0.01"}
    return {"Success": True, "Code": "Success", "Data": {"HostId": "203.0.113.9", "Items": [item] if rate else []}}


def world() -> dict[str, Any]:
    return {
        "DescribeInstanceTypes": {"NextToken": "", "InstanceTypes": {"InstanceType": TYPES}},
        "DescribeAvailableResource": sold(
            ("cn-hangzhou-i", {A10: "WithStock", V100: "WithoutStock", "ecs.g7.large": "WithStock"}),
            ("cn-hangzhou-j", {A10: "ClosedWithStock"}),
        ),
        "DescribePrice": describe_price,
        "DescribeSpotPriceHistory": spot_history,
        "QuerySavingsPlansDiscount": plan_rates,
    }


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch):
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    use_keys(monkeypatch)
    with serving(lambda: FakeAlicloud(world())) as server:
        yield server


@pytest.fixture
def adapter() -> Alicloud:
    return Alicloud(read_timeout=0.4, connect_timeout=1.0, credentials_timeout=5.0, random=lambda: 1.0)


class Sleeps(list):
    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def access(fake: FakeAlicloud, **more: Any) -> Access:
    """Return an access to one family, gn7i, unless `families` says otherwise: each fetch asks two dozen questions."""
    return Access(now=NOW, endpoint=fake.url, **({"sleep": Sleeps(), "families": ("gn7i",)} | more))


def fails(adapter: Alicloud, fake: FakeAlicloud, **more: Any) -> str:
    """Return the one line a user sees; no answer, no secret, one line."""
    with pytest.raises(PlannerError) as caught:
        adapter.fetch(REGION, access(fake, **more))
    line = str(caught.value)
    assert "\n" not in line and SECRET not in line and KEY_ID not in line
    assert len(line) <= 400  # what `planner refresh` shows of it
    return line


def reported(adapter: Alicloud, fake: FakeAlicloud) -> str:
    """Return what is reported of savings plans, the prices of the machine being whole."""
    batch = adapter.fetch(REGION, access(fake))
    assert {row.purchase_option for row in batch.prices} == {"on_demand", "subscription", "spot"}
    ((name, why),) = batch.spoilt
    assert name == "" and batch.transfer
    return why


def one(batch: Batch, **wanted: Any) -> Price:
    found = [row for row in batch.prices if all(getattr(row, key) == value for key, value in wanted.items())]
    assert len(found) == 1, found
    return found[0]


# -- one bad item never loses a region ---------------------------------------------------------------------------------


def poisoned(adapter: Alicloud, fake: FakeAlicloud, **answers: Any) -> str:
    """Return why V100 was left out; whatever is told of A10 is what a good refresh tells."""
    both = ("gn7i", "gn6e")
    good = adapter.fetch(REGION, access(fake, families=both))
    assert not good.spoilt and {row.instance_type for row in good.prices} == {A10, V100}
    fake.answers.update(answers)
    batch = adapter.fetch(REGION, access(fake, families=both))
    ((name, why),) = batch.spoilt
    assert name == V100
    assert list(batch.prices) == [row for row in good.prices if row.instance_type == A10]
    assert [row.name for row in batch.instance_types] == [A10]
    assert batch.transfer == good.transfer and batch.zones == tuple(z for z in good.zones or () if z[0] == A10)
    return why


def described_without_gpu_spec() -> dict[str, Any]:
    return {"NextToken": "", "InstanceTypes": {"InstanceType": [TYPES[0], TYPES[1] | {"GPUSpec": ""}, TYPES[2]]}}


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        (
            {
                "DescribePrice": lambda asked: (
                    error(400, "InvalidSystemDiskCategory.ValueNotSupported", "no such disk")
                    if asked.get("InstanceType") == V100
                    else describe_price(asked)
                )
            },
            "InvalidSystemDiskCategory",
        ),
        (
            {
                "DescribePrice": lambda asked: (
                    error(400, "SomethingNew", "?") if asked.get("InstanceType") == V100 else describe_price(asked)
                )
            },
            "SomethingNew",
        ),
        ({"DescribePrice": unreadable}, "not a number"),
        (
            {
                "DescribePrice": lambda asked: (
                    priced(0.0, 0.0) if asked.get("InstanceType") == V100 else describe_price(asked)
                )
            },
            "where a price is expected",
        ),
        ({"DescribeInstanceTypes": described_without_gpu_spec()}, "GPUSpec is missing"),
        (
            {
                "DescribeSpotPriceHistory": lambda asked: (
                    spot_history(asked, "JPY") if asked["InstanceType"] == V100 else spot_history(asked)
                )
            },
            "JPY",
        ),
    ],
)
def test_one_bad_item_never_loses_a_region(adapter, fake, answers, why):
    assert why in poisoned(adapter, fake, **answers)


def test_traffic_that_cannot_be_read_loses_no_machine(adapter, fake):
    fake.answers["DescribePrice"] = lambda asked: (
        {"PriceInfo": {"Price": {"Currency": "CNY", "OriginalPrice": "dear"}}}
        if asked["ResourceType"] == "bandwidth"
        else describe_price(asked)
    )
    batch = adapter.fetch(REGION, access(fake))
    ((name, why),) = batch.spoilt
    assert name == "" and "not a number" in why and batch.prices and not batch.transfer


# -- what a good answer gives -----------------------------------------------------------------------------------------


def test_importing_the_adapter_imports_no_sdk():
    code = "import sys, providers.alicloud as a; a.provider.default_regions(); print([m for m in sys.modules if m.startswith(('alibabacloud', 'darabonba', 'Tea', 'requests'))])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.strip() == "[]"


def test_specifications(adapter, fake):
    batch = adapter.fetch(REGION, access(fake, families=()))
    assert [record.name for record in batch.instance_types] == [V100, A10]
    a10 = batch.instance_types[1]
    assert (a10.vcpu, a10.memory_gib, a10.gpu_model, a10.gpu_count, a10.gpu_memory_gib) == (8, 30, "A10", 1, 24)
    assert a10.network_gbps == 16  # 16,384,000 kbit/s in steps of 1024
    assert batch.instance_types[0].gpu_model == "V100-SXM2-32GB"


def test_the_instance_is_priced_without_its_disk_and_at_list(adapter, fake):
    batch = adapter.fetch(REGION, access(fake, families=()))
    hour = one(batch, instance_type=A10, purchase_option="on_demand")
    assert (hour.amount, hour.currency, hour.unit, hour.site) == (Decimal("9.99"), "CNY", "hour", "china")
    assert hour.source.as_of == "2026-11-23" and "DescribePrice" in hour.source.text and REGION in hour.source.text
    shown_less = one(batch, instance_type=V100, purchase_option="on_demand")
    assert shown_less.amount == Decimal("17.77")
    assert shown_less.note == "list price; this account is shown 15.993 (yearly discount)"
    assert batch.account_site == "china"


def test_subscriptions_by_month_and_by_term(adapter, fake):
    batch = adapter.fetch(REGION, access(fake))
    rows = {row.term: row for row in batch.prices if row.instance_type == A10 and row.purchase_option == "subscription"}
    assert {term: (row.unit, row.amount) for term, row in rows.items()} == {
        "1m": ("month", Decimal("3213.99")),
        # A single month is shown undiscounted, so what is off a year is off for its length.
        "1y": ("term", Decimal("32782.7")),
        "2y": ("term", Decimal("53995.03")),
        "3y": ("term", Decimal("57851.82")),
    }
    assert rows["1y"].note == "38567.88 less the discount for the length of the term (yearly discount)"
    assert rows["1y"].source.confidence == "medium" and rows["1m"].source.confidence == "high"


def test_a_discounted_month_leaves_the_years_at_list(adapter, fake):
    """Then what is off a year may be this account's own contract, which belongs into nobody else's price book."""
    batch = adapter.fetch(REGION, access(fake, families=()))
    year = one(batch, instance_type=V100, term="1y", purchase_option="subscription")
    assert year.amount == Decimal("76776")
    assert year.note == "list price; this account is shown 57582 (yearly discount)"


def test_spot_is_the_newest_of_each_zone_with_its_own_date(adapter, fake):
    batch = adapter.fetch(REGION, access(fake))
    rows = [row for row in batch.prices if row.purchase_option == "spot" and row.instance_type == A10]
    assert [(row.zone, row.amount) for row in rows] == [
        ("cn-hangzhou-i", Decimal("1.5")),
        ("cn-hangzhou-j", Decimal("2.25")),
    ]
    assert rows[0].source.as_of == "2026-11-23" and "2026-11-23T21:00:00Z" in rows[0].note


def test_a_savings_plan_is_a_rate_of_the_on_demand_price_of_the_same_refresh(adapter, fake):
    batch = adapter.fetch(REGION, access(fake, families=()))
    rows = [row for row in batch.prices if row.purchase_option == "savings_plan"]
    assert [(row.instance_type, row.term, row.payment, row.offering, row.amount) for row in rows] == [
        (A10, "1y", "all_upfront", "ecs", Decimal("6.1938")),
        (A10, "3y", "no_upfront", "ecs", Decimal("4.0959")),
    ]
    assert rows[0].note.startswith("0.62 of the on-demand price 9.99 of the same refresh")
    assert f"{REGION}: ecs.gn6e: no savings plan discount is given" in batch.gaps


def test_traffic_by_the_gb(adapter, fake):
    batch = adapter.fetch(REGION, access(fake))
    (row,) = batch.transfer
    assert (row.amount, row.currency, row.destination, row.to_gb) == (Decimal("0.8"), "CNY", "internet", None)


def test_an_amount_that_cannot_be_a_gb_is_a_gap(adapter, fake):
    fake.answers["DescribePrice"] = lambda asked: (
        {"PriceInfo": {"Price": {"Currency": "CNY", "OriginalPrice": 23.0}}}
        if asked["ResourceType"] == "bandwidth"
        else describe_price(asked)
    )
    batch = adapter.fetch(REGION, access(fake))
    assert batch.transfer == ()
    assert any("23 CNY" in gap and "cannot be a price per GB" in gap for gap in batch.gaps)


def test_zones_are_those_with_stock(adapter, fake):
    assert adapter.fetch(REGION, access(fake)).zones == ((A10, "cn-hangzhou-i"), (A10, "cn-hangzhou-j"))


def test_what_the_api_does_not_give_is_a_gap(adapter, fake):
    gaps = adapter.fetch(REGION, access(fake)).gaps
    assert any(gap.startswith("reserved instances:") for gap in gaps)
    assert any("CDT quota" in gap for gap in gaps)


def test_families_narrow_the_questions(adapter, fake):
    batch = adapter.fetch(REGION, access(fake, families=("gn6e",)))
    assert {row.instance_type for row in batch.prices} == {V100}
    assert all(asked.get("InstanceType", V100) == V100 for _, asked in fake.requests)


def test_the_international_site_is_told_by_its_currency(adapter, fake):
    fake.answers["DescribePrice"] = lambda asked: describe_price(asked, "USD")
    fake.answers["DescribeSpotPriceHistory"] = lambda asked: spot_history(asked, "USD")
    batch = adapter.fetch(REGION, access(fake))
    assert batch.account_site == "international"
    assert {(row.site, row.currency) for row in batch.prices} == {("international", "USD")}


def test_two_currencies_are_never_mixed(adapter, fake):
    fake.answers["DescribeSpotPriceHistory"] = lambda asked: spot_history(asked, "USD")
    assert "two price books" in fails(adapter, fake)


@pytest.mark.parametrize("taken", ["cloud_essd", "cloud_efficiency", "cloud_ssd", "none of them"])
def test_another_kind_of_disk_is_tried_where_one_is_not_taken(adapter, fake, taken):
    def picky(asked: dict[str, Any]) -> Any:
        if "SystemDisk.Category" in asked and asked["SystemDisk.Category"] != taken:
            return error(400, "InvalidSystemDiskCategory.ValueNotSupported")
        return describe_price(asked)

    fake.answers["DescribePrice"] = picky
    batch = adapter.fetch(REGION, access(fake))
    assert one(batch, purchase_option="on_demand").amount == Decimal("9.99")


def test_what_is_not_sold_is_a_gap_not_a_failure(adapter, fake):
    fake.answers["DescribePrice"] = lambda asked: (
        error(404, "PriceNotFound") if asked.get("PriceUnit") == "Year" else describe_price(asked)
    )
    batch = adapter.fetch(REGION, access(fake))
    assert {row.term for row in batch.prices if row.purchase_option == "subscription"} == {"1m"}
    assert f"{REGION}: {A10} 3y: not sold (PriceNotFound)" in batch.gaps


def test_raw_answers_are_kept_without_the_caller(adapter, fake):
    kept: dict[str, str] = {}
    adapter.fetch(REGION, access(fake, keep_raw=kept.__setitem__))
    assert (
        json.loads(kept[f"alicloud-{REGION}-DescribePrice-{A10}-Hour1.json"])["PriceInfo"]["Price"]["Currency"] == "CNY"
    )
    everything = "".join(kept) + "".join(kept.values())
    assert "203.0.113.9" not in everything and SECRET not in everything and KEY_ID not in everything
    assert len(kept) == sum(1 for _ in fake.requests)


def test_the_same_answers_give_the_same_batch(adapter, fake):
    assert adapter.fetch(REGION, access(fake)) == adapter.fetch(REGION, access(fake))


def test_every_row_passes_the_catalogue_s_checks(adapter, fake):
    from planner.prices import checks

    batch = adapter.fetch(REGION, access(fake))
    assert checks.check_prices(batch.prices, {record.name: record for record in batch.instance_types}) == []


# -- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        "DescribeInstanceTypes",
        "DescribeAvailableResource",
        "DescribePrice",
        "DescribeSpotPriceHistory",
        "QuerySavingsPlansDiscount",
    ],
)
def test_throttled_twice_then_fine(adapter, fake, call):
    good = adapter.fetch(REGION, access(fake))
    fake.fail("throttle", call, times=2)
    waits = Sleeps()
    assert adapter.fetch(REGION, access(fake, sleep=waits)) == good
    assert len(waits) == 2


def test_throttled_for_ever(adapter, fake):
    fake.fail("throttle", "DescribeAvailableResource")
    waits = Sleeps()
    line = fails(adapter, fake, sleep=waits)
    assert line.startswith("alicloud cn-hangzhou: DescribeAvailableResource[")
    assert "throttled (Throttling.User) 5 times" in line and "--family" in line
    assert max(waits) <= 20


def test_the_wait_that_the_cloud_wishes_is_kept(adapter, fake):
    fake.fail(
        "reply", "DescribeInstanceTypes", times=1, reply=error(429, "Throttling", **{"x-acs-retry-after": "3000"})
    )
    waits = Sleeps()
    adapter.fetch(REGION, access(fake, sleep=waits))
    assert waits == [3.0]


@pytest.mark.parametrize("body", [{"Code": "ServiceUnavailable", "Message": "try later"}, b"<html>503</html>"])
def test_503(adapter, fake, body):
    fake.fail("reply", "DescribeInstanceTypes", reply=(503, body, {}))
    line = fails(adapter, fake)
    assert "failed on the cloud's side" in line and "5 times" in line
    assert fake.count("DescribeInstanceTypes") == 5


def test_connection_refused(adapter, fake):
    fake.close()
    line = fails(adapter, fake)
    assert "could not be reached or broke off 5 times: connection refused" in line and "check network and proxy" in line


def test_connection_dropped(adapter, fake):
    fake.fail("drop", "DescribePrice", times=1)
    adapter.fetch(REGION, access(fake))
    fake.fail("drop", "DescribePrice")
    assert "could not be reached or broke off 5 times" in fails(adapter, fake)


def test_timeout_in_the_middle_of_an_answer(adapter, fake):
    fake.fail("stall", "DescribeAvailableResource", times=1)
    waits = Sleeps()
    adapter.fetch(REGION, access(fake, sleep=waits))
    assert len(waits) == 1
    fake.fail("stall", "DescribeInstanceTypes")
    assert "broke off 5 times: timed out" in fails(adapter, fake)


def test_truncated_json(adapter, fake):
    fake.fail("truncate", "DescribePrice", times=1)
    line = fails(adapter, fake)
    assert "answered what is not the JSON expected" in line and "DescribePrice[" in line


def test_wrong_secret(adapter, fake, monkeypatch):
    use_keys(monkeypatch, secret="another-secret")
    waits = Sleeps()
    line = fails(adapter, fake, sleep=waits)
    assert "the credentials were refused (SignatureDoesNotMatch); check the access key's id and secret" in line
    assert waits == []


def test_unknown_key(adapter, fake, monkeypatch):
    use_keys(monkeypatch, key_id="LTAI5tSomebodyElse00001")
    line = fails(adapter, fake)
    assert "the credentials were refused (InvalidAccessKeyId.NotFound)" in line and "SomebodyElse" not in line


def test_expired_token(adapter, fake, monkeypatch):
    use_keys(monkeypatch, token="an-old-token")
    waits = Sleeps()
    line = fails(adapter, fake, sleep=waits)
    assert "temporary credentials have expired (InvalidSecurityToken.Expired); get new ones" in line
    assert waits == [] and "an-old-token" not in line


def test_a_good_token_is_sent(adapter, fake, monkeypatch):
    use_keys(monkeypatch, token="a-new-token")
    fake.tokens.add("a-new-token")
    assert adapter.fetch(REGION, access(fake)).prices


def test_clock_skew(adapter, fake):
    fake.clock_skew = 3600
    waits = Sleeps()
    line = fails(adapter, fake, sleep=waits)
    assert "clock differs too much from the cloud's (InvalidTimeStamp.Expired); set the clock" in line
    assert waits == []


def test_missing_permission(adapter, fake):
    """A part that may not be asked for fails the region: left out, its old prices would look withdrawn."""
    fake.fail("reply", "QuerySavingsPlansDiscount", reply=error(403, "NoPermission"))
    line = fails(adapter, fake)
    assert "grant bssapi:QuerySavingsPlansDiscount (docs/providers/alicloud.md has a policy to paste)" in line


def test_an_unknown_refusal_shows_the_cloud_s_words_but_no_key(adapter, fake):
    fake.fail("reply", "DescribePrice", reply=error(400, "InvalidParameter", f"what is {KEY_ID}?\n\x1b[31m"))
    line = fails(adapter, fake)
    assert "was refused (InvalidParameter)" in line and "what is LTAI...?" in line and "\x1b" not in line


def test_empty_page(adapter, fake):
    fake.answers["DescribeInstanceTypes"] = {"NextToken": "", "InstanceTypes": {"InstanceType": []}}
    batch = adapter.fetch(REGION, access(fake, families=()))
    assert (batch.prices, batch.instance_types) == ((), ())
    assert f"{REGION}: no GPU instance type is sold here" in batch.gaps


def test_empty_answer(adapter, fake):
    fake.answers["DescribeInstanceTypes"] = {}
    assert "InstanceTypes.InstanceType is missing from the answer" in fails(adapter, fake)


def paged(asked: dict[str, Any]) -> dict[str, Any]:
    token = asked.get("NextToken", "")
    return {"NextToken": "" if token else "two", "InstanceTypes": {"InstanceType": TYPES[1:] if token else TYPES[:1]}}


def test_pages_are_followed(adapter, fake):
    fake.answers["DescribeInstanceTypes"] = paged
    assert len(adapter.fetch(REGION, access(fake, families=())).instance_types) == 2


def test_page_two_fails(adapter, fake):
    fake.answers["DescribeInstanceTypes"] = paged
    fake.fail("reply", "DescribeInstanceTypes", skip=1, reply=error(503, "ServiceUnavailable"))
    line = fails(adapter, fake)
    assert "DescribeInstanceTypes[MaxResults=100, MinimumGPUAmount=1, NextToken=two]" in line


def test_pages_that_do_not_end(adapter, fake):
    fake.answers["DescribeInstanceTypes"] = {"NextToken": "again", "InstanceTypes": {"InstanceType": TYPES}}
    assert "its pages do not end (2 read)" in fails(adapter, fake)


def test_page_two_of_spot_prices(adapter, fake):
    def pages(asked: dict[str, Any]) -> dict[str, Any]:
        answer = spot_history(asked)
        rows = answer["SpotPrices"]["SpotPriceType"]
        first = asked["Offset"] == "0"
        return {
            "Currency": "CNY",
            "NextOffset": 2 if first else 0,
            "SpotPrices": {"SpotPriceType": rows[:2] if first else rows[2:]},
        }

    fake.answers["DescribeSpotPriceHistory"] = pages
    batch = adapter.fetch(REGION, access(fake))
    assert [row.zone for row in batch.prices if row.purchase_option == "spot"] == ["cn-hangzhou-i", "cn-hangzhou-j"]
    fake.fail("reply", "DescribeSpotPriceHistory", skip=1, reply=error(503, "ServiceUnavailable"))
    assert "DescribeSpotPriceHistory[" in fails(adapter, fake)


def changed(**change: Any):
    """Return DescribePrice with the instance's line changed; None takes a field away."""

    def answer(asked: dict[str, Any]) -> Any:
        found = describe_price(asked)
        if asked["ResourceType"] == "instance":
            line = found["PriceInfo"]["Price"]["DetailInfos"]["DetailInfo"][0]
            line.update(change)
            for key in [key for key, value in change.items() if value is None]:
                del line[key]
        return found

    return answer


def test_two_prices_where_one_is_expected(adapter, fake):
    def doubled(asked: dict[str, Any]) -> Any:
        found = describe_price(asked)
        if asked["ResourceType"] == "instance":
            lines = found["PriceInfo"]["Price"]["DetailInfos"]["DetailInfo"]
            lines.append({**lines[0], "OriginalPrice": 1.23})
        return found

    fake.answers["DescribePrice"] = doubled
    line = fails(adapter, fake)
    assert "2 prices of 'instanceType' where one is expected" in line
    assert f"InstanceType={A10}" in line and "PriceUnit=" in line  # the filter is printed


def test_no_price_where_one_is_expected(adapter, fake):
    fake.answers["DescribePrice"] = changed(Resource="image")
    assert "0 prices of 'instanceType' where one is expected (lines in the answer: image, systemDisk)" in fails(
        adapter, fake
    )


def test_zero_price(adapter, fake):
    fake.answers["DescribePrice"] = changed(OriginalPrice=0.0)
    line = fails(adapter, fake)
    assert "OriginalPrice of instanceType is 0 where a price is expected" in line and "PriceUnit=" in line


@pytest.mark.parametrize("value", ["NaN", "ten", True, [1]])
def test_a_price_that_is_no_number(adapter, fake, value):
    fake.answers["DescribePrice"] = changed(OriginalPrice=value)
    assert "which is not a number" in fails(adapter, fake)


def test_missing_field(adapter, fake):
    fake.answers["DescribePrice"] = changed(OriginalPrice=None)
    assert "OriginalPrice of instanceType is missing from the answer; the API may have changed" in fails(adapter, fake)


def test_missing_optional_fields_are_unknown_not_zero(adapter, fake):
    spare = {key: value for key, value in TYPES[0].items() if not key.startswith(("InstanceBandwidth", "GPUMemory"))}
    fake.answers["DescribeInstanceTypes"] = {"InstanceTypes": {"InstanceType": [spare]}}
    (record,) = adapter.fetch(REGION, access(fake)).instance_types
    assert (record.network_gbps, record.gpu_memory_gib, record.gpu_model) == (None, None, "NVIDIA A10")


def test_a_new_field_changes_nothing(adapter, fake):
    good = adapter.fetch(REGION, access(fake))
    fake.answers["DescribePrice"] = changed(CarbonPrice=1.5, StandardPrice=0.0)
    fake.answers["DescribeInstanceTypes"] = {
        "InstanceTypes": {"InstanceType": [{**row, "GPUInterconnect": "NVLink"} for row in TYPES]},
        "TotalCount": 3,
    }
    assert adapter.fetch(REGION, access(fake)) == good


@pytest.mark.parametrize("currency", ["EUR", "RMB", "", None])
def test_unknown_currency(adapter, fake, currency):
    fake.answers["DescribePrice"] = lambda asked: describe_price(asked, currency)
    line = fails(adapter, fake)
    assert ("known price books are CNY (china), USD (international)" in line) == bool(currency)


def test_two_spot_prices_at_one_moment(adapter, fake):
    def twice(asked: dict[str, Any]) -> Any:
        answer = spot_history(asked)
        rows = answer["SpotPrices"]["SpotPriceType"]
        rows.append({**rows[1], "SpotPrice": 7.0})
        return answer

    fake.answers["DescribeSpotPriceHistory"] = twice
    assert "two spot prices in cn-hangzhou-i at 2026-11-23T21:00:00Z where one is expected: 1.5 and 7" in fails(
        adapter, fake
    )


@pytest.mark.parametrize("rate", ["8.5", "0", "-0.2"])
def test_a_rate_that_is_no_share(adapter, fake, rate):
    fake.answers["QuerySavingsPlansDiscount"] = lambda asked: {
        "Success": True,
        "Data": {"Items": [{"Spec": asked["Spec"], "RegionCode": REGION, "DiscountRate": rate}]},
    }
    assert "a share of the list price (0..1) was expected" in reported(adapter, fake)


def test_a_plan_answer_that_says_it_failed_inside_http_200(adapter, fake):
    fake.answers["QuerySavingsPlansDiscount"] = {"Success": False, "Code": "PARAM_ERROR", "Message": "not for you"}
    assert "answered PARAM_ERROR: not for you" in reported(adapter, fake)


@pytest.mark.parametrize(
    "answer",
    [
        {"Success": False, "Code": "NotApplicable", "Message": "This API is not applicable for caller."},
        error(400, "NotApplicable", "This API is not applicable for caller."),
    ],
)
def test_an_account_without_savings_plans_has_a_gap(adapter, fake, answer):
    fake.answers["QuerySavingsPlansDiscount"] = lambda asked: answer
    batch = adapter.fetch(REGION, access(fake))
    said = " (NotApplicable)" if isinstance(answer, tuple) else ""
    assert f"{REGION}: ecs.gn7i: no savings plan discount is given{said}" in batch.gaps


def test_a_refused_question_about_traffic_is_a_gap(adapter, fake):
    fake.answers["DescribePrice"] = lambda asked: (
        error(400, "MissingParameter.InstanceType") if asked["ResourceType"] == "bandwidth" else describe_price(asked)
    )
    batch = adapter.fetch(REGION, access(fake))
    assert batch.transfer == ()
    assert (
        f"egress in {REGION}: DescribePrice refused ResourceType=bandwidth (MissingParameter.InstanceType)"
        in batch.gaps
    )


def test_ten_thousand_types(adapter, fake):
    """A hundred pages; only GPU types that are sold here are priced."""
    plain = [{**TYPES[2], "InstanceTypeId": f"ecs.g7.{number}xlarge"} for number in range(9_998)]
    everything = [*plain[:5000], TYPES[0], *plain[5000:], TYPES[1]]

    def page(asked: dict[str, Any]) -> dict[str, Any]:
        start, size = int(asked.get("NextToken") or 0), int(asked["MaxResults"])
        following = str(start + size) if start + size < len(everything) else ""
        return {"NextToken": following, "InstanceTypes": {"InstanceType": everything[start : start + size]}}

    fake.answers["DescribeInstanceTypes"] = page
    batch = adapter.fetch(REGION, access(fake, families=()))
    assert len(batch.instance_types) == 2
    assert fake.count("DescribeInstanceTypes") == 100
    assert fake.count("DescribePrice") == 2 * 5 + 1


def test_a_plain_http_endpoint_elsewhere_is_refused(adapter, fake):
    with pytest.raises(MisuseError, match="a path is not supported here"):
        adapter.fetch(REGION, access(fake)._replace(endpoint=f"{fake.url}/gateway"))
    with pytest.raises(MisuseError, match="plain http is for loopback only"):
        adapter.fetch(REGION, Access(now=NOW, endpoint="http://ecs.example.com"))


# -- credentials, self check, terms -----------------------------------------------------------------------------------


def test_credentials_hint(adapter, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    use_keys(monkeypatch)
    assert adapter.credentials_hint() is None
    use_keys(monkeypatch, key_id="", secret="")
    hint = adapter.credentials_hint()
    assert hint is not None and hint.startswith(
        "no Alibaba Cloud credentials found: looked at ALIBABA_CLOUD_ACCESS_KEY_ID"
    )


def test_no_credentials_is_a_clear_failure(adapter, fake, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    use_keys(monkeypatch, key_id="", secret="")
    assert "no Alibaba Cloud credentials found" in fails(adapter, fake)
    assert fake.requests == []


def test_a_hanging_metadata_address_is_not_waited_for(monkeypatch):
    import time

    from providers._border import resolve_quickly

    with pytest.raises(TimeoutError):
        began = time.monotonic()
        resolve_quickly(lambda: time.sleep(5), 0.05)
    assert time.monotonic() - began < 4


def test_self_check_names_each_call_and_goes_on_after_a_failure(adapter, fake):
    seen = list(adapter.self_check(access(fake)))
    assert [ok for _, ok, _ in seen] == [True] * 8, seen
    assert (seen[3][0], seen[3][2]) == ("DescribePrice (hour)", f"{A10}: 9.99 CNY an hour (china site)")
    fake.fail("reply", "DescribeSpotPriceHistory", reply=error(403, "Forbidden.RAM"))
    again = {call: (ok, text) for call, ok, text in adapter.self_check(access(fake))}
    assert [call for call, (ok, _) in again.items() if not ok] == ["DescribeSpotPriceHistory"]
    assert "grant ecs:DescribeSpotPriceHistory" in again["DescribeSpotPriceHistory"][1]


def test_the_recorded_shapes_parse():
    types = parse.instance_types([recorded("DescribeInstanceTypes")], "t")
    a100, family = types["ecs.gn7-c12g1.24xlarge"]
    assert (a100.gpu_count, a100.gpu_model, family) == (8, "A100-SXM4-40GB", "ecs.gn7")
    assert a100.local_nvme_gb == 2061  # 2 x 960 GiB
    quoted = parse.Quoted(recorded("DescribePrice"), "instanceType", "t")
    assert (quoted.list_amount, quoted.currency, quoted.site) == (Decimal("9.99"), "CNY", "china")
    assert parse.offered(recorded("DescribeAvailableResource"), "t") == {A10: {"cn-hangzhou-i": "in_stock"}}
    history = parse.spot(
        [recorded("DescribeSpotPriceHistory")], region=REGION, name=A10, site="china", source="s", where="t"
    )
    assert [(row.zone, row.amount) for row in history] == [("cn-hangzhou-i", Decimal("1.5"))]


@pytest.mark.parametrize(
    "code", ["InvalidInstanceType.ValueNotSupported", "OperationDenied.NoStock", "PRICE.PRICING_PLAN_RESULT_NOT_FOUND"]
)
def test_words_for_not_sold(adapter, fake, code):
    fake.answers["DescribePrice"] = lambda asked: (
        error(400, code) if asked.get("PriceUnit") == "Hour" else describe_price(asked)
    )
    batch = adapter.fetch(REGION, access(fake))
    assert f"{REGION}: {A10} on-demand: not sold ({code})" in batch.gaps
    assert not [row for row in batch.prices if row.purchase_option in ("on_demand", "savings_plan")]


@pytest.mark.parametrize(
    ("word", "memory", "name"),
    [
        ("NVIDIA A10", 24, "A10"),
        ("NVIDIA V100", 16, "V100-SXM2-16GB"),
        ("NVIDIA V100", 32, "V100-SXM2-32GB"),
        ("NVIDIA A100", 80, "A100-SXM4-80GB"),
        ("GPU H", 96, "GPU H"),
        ("GPU H-e", 141, "GPU H-e"),
        ("G49", 48, "G49"),
        ("NVIDIA A10", 12, "NVIDIA A10"),
        ("NVIDIA T4/2", 8, "NVIDIA T4/2"),
        ("NVIDIA A10", None, "NVIDIA A10"),
    ],
)
def test_gpu_names_are_mapped_only_where_certain(word, memory, name):
    assert terms.gpu_name(word, None if memory is None else Decimal(memory)) == name


def test_every_mapped_gpu_stands_in_the_table():
    table = Path(__file__).parents[2] / "planner" / "data" / "gpus.csv"
    names = {line.split(",")[0] for line in table.read_text().splitlines()[1:]}
    assert set(terms._GPUS.values()) <= names


def test_permissions_cover_every_call_and_stand_in_the_docs(adapter, fake):
    adapter.fetch(REGION, access(fake, families=()))
    page = (Path(__file__).parents[2] / "docs" / "providers" / "alicloud.md").read_text()
    calls = {call for call, _ in fake.requests}
    # The quota is asked by `emit-tf --plan` alone (test_quotas.py).
    assert calls | {"DescribeAccountAttributes"} == set(terms.PERMISSIONS) and "DescribeAccountAttributes" not in calls
    assert all(f'"{permission}"' in page for permission in terms.PERMISSIONS.values())


def test_a_silent_machine_gets_a_sentence_not_a_traceback(tmp_path: Path) -> None:
    """The SDK logs tracebacks of the metadata address to the terminal; a user must see our sentence only."""
    import os
    import subprocess
    import sys

    root = Path(__file__).resolve().parents[2]
    env = {k: v for k, v in os.environ.items() if not k.startswith("ALIBABA_CLOUD")}
    env.update(PYTHONPATH=str(root), HOME=str(tmp_path))
    code = "from providers.alicloud import provider; print(provider.credentials_hint())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=60, check=True)
    assert "no Alibaba Cloud credentials found" in done.stdout
    assert done.stderr == ""
