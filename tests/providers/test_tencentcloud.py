"""The Tencent Cloud adapter: the official SDK, unmodified, against a local server that checks its signatures."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from planner.errors import FetchError, MisuseError, PlannerError
from planner.offer import Price
from planner.provider import Access, Batch
from providers.tencentcloud import Tencentcloud, parse, terms
from tests.providers.fake_http import serving
from tests.providers.fake_tencentcloud import KEY_ID, SECRET, FakeTencentcloud, error, use_keys

RECORDED = Path(__file__).parent / "recorded" / "tencentcloud"
NOW = "2026-11-23T22:00:00+00:00"
V100, T4, SLICE = "GN10Xp.2XLARGE40", "GN7.2XLARGE32", "GN7.LARGE20"
REGION = "ap-guangzhou"
ZONES = ("ap-guangzhou-3", "ap-guangzhou-4")
CONFIGS, INQUIRY = "DescribeZoneInstanceConfigInfos", "InquiryPriceRunInstances"
CONTEXT = parse.Context(REGION, "china", "2026-11-23", "t")

ITEMS = {
    ("POSTPAID_BY_HOUR", V100): {
        "UnitPrice": 11.98,
        "UnitPriceSecondStep": 10.5,
        "UnitPriceThirdStep": 9.75,
        "ChargeUnit": "HOUR",
        "UnitPriceDiscount": 11.98,
        "UnitPriceDiscountSecondStep": 10.5,
        "UnitPriceDiscountThirdStep": 9.75,
    },
    ("POSTPAID_BY_HOUR", T4): {"UnitPrice": 7.81, "UnitPriceDiscount": 3.905, "Discount": 50.0, "ChargeUnit": "HOUR"},
    ("POSTPAID_BY_HOUR", SLICE): {"UnitPrice": 1.6, "UnitPriceDiscount": 1.6, "ChargeUnit": "HOUR"},
    ("PREPAID", V100): {
        "OriginalPrice": 5750,
        "DiscountPrice": 5750,
        "OriginalPriceOneYear": 69000,
        "DiscountPriceOneYear": 57270.0,
        "DiscountOneYear": 83.0,
        "OriginalPriceThreeYear": 207000,
        "DiscountPriceThreeYear": 103500,
        "OriginalPriceFiveYear": 0,
        "DiscountPriceFiveYear": 0,
        "UnitPrice": 0,
        "ChargeUnit": "HOUR",
    },
    ("PREPAID", T4): {
        "OriginalPrice": 2500,
        "DiscountPrice": 2000,
        "OriginalPriceOneYear": 30000,
        "DiscountPriceOneYear": 20000,
    },
    ("SPOTPAID", V100): {"UnitPrice": 11.98, "UnitPriceDiscount": 2.396, "Discount": 20.0, "ChargeUnit": "HOUR"},
}
SPECS = {
    V100: ("GN10Xp", 10, 40, 1, 1),
    T4: ("GN7", 8, 32, 1, 1),
    SLICE: ("GN7", 5, 20, 0, 0.25),
    "S6.LARGE8": ("S6", 4, 8, 0, 0),
}


def row(charge_type: str, name: str, zone: str, **change: Any) -> dict[str, Any]:
    family, cpu, memory, gpu, count = SPECS[name]
    price = ITEMS.get((charge_type, name), {"UnitPrice": 0.5, "ChargeUnit": "HOUR"})
    return {
        "Zone": zone,
        "InstanceType": name,
        "InstanceFamily": family,
        "InstanceChargeType": charge_type,
        "Cpu": cpu,
        "Memory": memory,
        "Gpu": gpu,
        "GpuCount": count,
        "Status": "SELL",
        "StatusCategory": "EnoughStock",
        "InstanceBandwidth": 3.0,
        "Price": copy.deepcopy(price),
        **change,
    }


def rows(asked: dict[str, Any]) -> list[dict[str, Any]]:
    (charge_type,) = asked["Filters"][0]["Values"]
    names = [name for kind, name in ITEMS if kind == charge_type] + ["S6.LARGE8"]
    return [row(charge_type, name, zone) for name in names for zone in ZONES]


def inquire(asked: dict[str, Any]) -> Any:
    assert asked["ImageId"] == "img-linux"
    traffic = {"UnitPrice": 0.8, "UnitPriceDiscount": 0.8, "ChargeUnit": "GB", "OriginalPrice": 0}
    if asked["InstanceChargeType"] == "PREPAID":
        month = ITEMS["PREPAID", asked["InstanceType"]]["OriginalPrice"]
        return {
            "Price": {
                "InstancePrice": {"OriginalPrice": month * 24, "DiscountPrice": month * 24 * 0.7},
                "BandwidthPrice": traffic,
            }
        }
    return {"Price": {"InstancePrice": {"UnitPrice": 11.98, "ChargeUnit": "HOUR"}, "BandwidthPrice": traffic}}


def world() -> dict[str, Any]:
    return {
        CONFIGS: lambda asked: {"InstanceTypeQuotaSet": rows(asked)},
        "DescribeInstanceTypeConfigs": {
            "InstanceTypeConfigSet": [
                {"InstanceType": V100, "Zone": ZONES[0], "GpuType": "NVIDIA V100", "GpuMemory": 32.0},
                {"InstanceType": T4},
            ]
        },
        "DescribeImages": {"ImageSet": [{"ImageId": "img-linux"}, {"ImageId": "img-other"}]},
        INQUIRY: inquire,
    }


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch):
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    use_keys(monkeypatch)
    with serving(lambda: FakeTencentcloud(world())) as server:
        yield server


@pytest.fixture
def adapter() -> Tencentcloud:
    return Tencentcloud(timeout=0.4, credentials_timeout=5.0, random=lambda: 1.0)


class Sleeps(list):
    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def access(fake: FakeTencentcloud, **more: Any) -> Access:
    return Access(now=NOW, endpoint=fake.url, **({"sleep": Sleeps()} | more))


def fails(adapter: Tencentcloud, fake: FakeTencentcloud, **more: Any) -> str:
    """Return the one line a user sees; no answer, no secret, one line."""
    with pytest.raises(PlannerError) as caught:
        adapter.fetch(REGION, access(fake, **more))
    line = str(caught.value)
    assert "\n" not in line and SECRET not in line and KEY_ID not in line
    assert len(line) <= 400  # what `planner refresh` shows of it
    return line


def reported(adapter: Tencentcloud, fake: FakeTencentcloud, name: str) -> str:
    """Return why `name` was left out of a region; whatever is told of the others is what a good refresh tells."""
    poisoned, fake.answers = fake.answers, world()
    good = adapter.fetch(REGION, access(fake))
    fake.answers = poisoned
    batch = adapter.fetch(REGION, access(fake))
    ((spoilt, why),) = batch.spoilt
    assert spoilt == name and not good.spoilt and {row.instance_type for row in good.prices} > {name}
    assert list(batch.prices) == [row for row in good.prices if row.instance_type != name]
    assert list(batch.instance_types) == [row for row in good.instance_types if row.name != name]
    assert batch.transfer == good.transfer and batch.zones == tuple(z for z in good.zones or () if z[0] != name)
    return why


def one(batch: Batch, **wanted: Any) -> Price:
    found = [row for row in batch.prices if all(getattr(row, key) == value for key, value in wanted.items())]
    assert len(found) == 1, found
    return found[0]


def changing(fake: FakeTencentcloud, charge_type: str, name: str, zone: str = "", **change: Any) -> None:
    """Change the price of a type (in one zone, or all); None takes a field away."""

    def answer(asked: dict[str, Any]) -> Any:
        found = rows(asked)
        for one_row in found:
            if (one_row["InstanceChargeType"], one_row["InstanceType"]) == (charge_type, name) and zone in (
                "",
                one_row["Zone"],
            ):
                one_row["Price"].update(change)
                for key in [key for key, value in change.items() if value is None]:
                    one_row["Price"].pop(key)
        return {"InstanceTypeQuotaSet": found}

    fake.answers[CONFIGS] = answer


# -- what a good answer gives -----------------------------------------------------------------------------------------


def test_importing_the_adapter_imports_no_sdk():
    code = "import sys, providers.tencentcloud as a; a.provider.default_regions(); print([m for m in sys.modules if m.startswith(('tencentcloud', 'requests'))])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.strip() == "[]"


def test_specifications(adapter, fake):
    batch = adapter.fetch(REGION, access(fake))
    by_name = {record.name: record for record in batch.instance_types}
    assert set(by_name) == {V100, T4, SLICE}  # S6 has no GPU
    v100 = by_name[V100]
    assert (v100.vcpu, v100.memory_gib, v100.gpu_model, v100.gpu_count, v100.gpu_memory_gib) == (
        10,
        40,
        "V100-SXM2-32GB",
        1,
        32,
    )
    assert (v100.network_gbps, v100.confidence) == (3, "high")
    assert by_name[T4].confidence == "medium" and "the API named no GPU" in by_name[T4].note
    part = by_name[SLICE]
    assert (part.gpu_model, part.gpu_count, part.gpu_memory_gib) == ("T4 (1/4 vGPU)", Decimal("0.25"), 4)


def test_hourly_prices_in_steps_of_hours(adapter, fake):
    batch = adapter.fetch(REGION, access(fake))
    steps = [row for row in batch.prices if row.instance_type == V100 and row.purchase_option == "on_demand"]
    assert sorted((row.tier_from, row.tier_to, row.amount) for row in steps) == [
        (0, 96, Decimal("11.98")),
        (96, 360, Decimal("10.5")),
        (360, None, Decimal("9.75")),
    ]
    assert {(row.unit, row.currency, row.site, row.zone) for row in steps} == {("hour", "CNY", "china", "")}
    assert steps[0].source.as_of == "2026-11-23" and CONFIGS in steps[0].source.text and REGION in steps[0].source.text


def test_one_price_for_all_hours_is_one_open_step(adapter, fake):
    row = one(adapter.fetch(REGION, access(fake)), instance_type=T4, purchase_option="on_demand")
    assert (row.tier_from, row.tier_to, row.amount) == (0, None, Decimal("7.81"))
    assert row.note == "list price; this account is shown 3.905"


def test_subscriptions(adapter, fake):
    batch = adapter.fetch(REGION, access(fake))
    found = {
        row.term: row for row in batch.prices if row.instance_type == V100 and row.purchase_option == "subscription"
    }
    assert {term: (row.unit, row.amount) for term, row in found.items()} == {
        "1m": ("month", 5750),
        "1y": ("term", 57270),
        "2y": ("term", 96600),
        "3y": ("term", 103500),
    }
    assert found["1y"].note == "69000 less the discount for the length of the term"
    assert INQUIRY in found["2y"].source.text  # five years: zero means "does not apply"


def test_a_discounted_month_leaves_the_years_at_list(adapter, fake):
    batch = adapter.fetch(REGION, access(fake))
    assert one(batch, instance_type=T4, term="1y").amount == 30000
    assert one(batch, instance_type=T4, term="1y").note == "list price; this account is shown 20000"
    assert one(batch, instance_type=T4, term="2y").amount == 60000


def test_both_spellings_of_the_years(adapter, fake):
    changing(
        fake,
        "PREPAID",
        V100,
        OriginalPriceThreeYear=None,
        DiscountPriceThreeYear=None,
        OriginalPriceThreeYears=207000,
        OriginalPriceOneYear=None,
        DiscountPriceOneYear=None,
        OriginalPriceOneYears=69000,
        DiscountPriceOneYears=57270,
        DiscountPriceThreeYears=103500,
        OriginalPriceFiveYears=345000,
        DiscountPriceFiveYears=120000,
    )
    batch = adapter.fetch(REGION, access(fake))
    assert one(batch, instance_type=V100, term="3y").amount == 103500
    assert one(batch, instance_type=V100, term="5y").amount == 120000
    assert one(batch, instance_type=V100, term="1y").amount == 57270


def test_spot_is_what_is_left_of_the_price(adapter, fake):
    row = one(adapter.fetch(REGION, access(fake)), purchase_option="spot")
    assert (row.amount, row.unit, row.source.confidence) == (Decimal("2.396"), "hour", "medium")
    assert row.note == "market price (11.98 before the spot discount)"


def test_zones_that_disagree_get_a_row_each(adapter, fake):
    changing(fake, "SPOTPAID", V100, zone=ZONES[1], UnitPriceDiscount=3.5)
    batch = adapter.fetch(REGION, access(fake))
    found = {row.zone: row.amount for row in batch.prices if row.purchase_option == "spot"}
    assert found == {ZONES[0]: Decimal("2.396"), ZONES[1]: Decimal("3.5")}


def test_traffic_by_the_gb(adapter, fake):
    (row,) = adapter.fetch(REGION, access(fake)).transfer
    assert (row.amount, row.currency, row.destination, row.to_gb) == (Decimal("0.8"), "CNY", "internet", None)


def test_traffic_by_the_hour_is_a_gap(adapter, fake):
    fake.answers[INQUIRY] = lambda asked: {
        "Price": {
            "InstancePrice": inquire(asked)["Price"]["InstancePrice"],
            "BandwidthPrice": {"UnitPrice": 0.8, "ChargeUnit": "HOUR"},
        }
    }
    batch = adapter.fetch(REGION, access(fake))
    assert batch.transfer == ()
    assert f"egress in {REGION}: BandwidthPrice is per 'HOUR', not per GB, so it is no price of traffic" in batch.gaps


def test_what_the_api_does_not_give_is_a_gap(adapter, fake):
    gaps = adapter.fetch(REGION, access(fake)).gaps
    assert any(gap.startswith("currency: the API names none; amounts are taken as CNY") for gap in gaps)
    assert any(gap.startswith("reserved instances:") for gap in gaps)
    assert any(gap.startswith("hourly prices in steps:") for gap in gaps)
    assert not any(
        gap.startswith("hourly prices in steps:") for gap in adapter.fetch(REGION, access(fake, families=("GN7",))).gaps
    )


def test_sold_out_zones_are_left_out_of_zones(adapter, fake):
    def answer(asked: dict[str, Any]) -> Any:
        found = rows(asked)
        for one_row in found:
            if one_row["Zone"] == ZONES[1]:
                one_row.update(Status="SOLD_OUT")
        return {"InstanceTypeQuotaSet": found}

    fake.answers[CONFIGS] = answer
    batch = adapter.fetch(REGION, access(fake))
    assert {zone for _, zone in batch.zones} == {ZONES[0]}
    assert one(batch, purchase_option="spot").zone == ""  # still priced the same in both


def test_sold_out_without_a_price_is_a_gap(adapter, fake):
    def answer(asked: dict[str, Any]) -> Any:
        found = rows(asked)
        if asked["Filters"][0]["Values"] == ["SPOTPAID"]:
            for one_row in found:
                one_row.update(Status="SOLD_OUT", Price={"UnitPrice": 0, "UnitPriceDiscount": 0, "ChargeUnit": "HOUR"})
        return {"InstanceTypeQuotaSet": found}

    fake.answers[CONFIGS] = answer
    batch = adapter.fetch(REGION, access(fake))
    assert not [row for row in batch.prices if row.purchase_option == "spot"]
    assert f"{REGION}: {V100} spot in {ZONES[0]}: sold out, no price shown" in batch.gaps


def test_families(adapter, fake):
    batch = adapter.fetch(REGION, access(fake, families=("gn7",)))
    assert {row.instance_type for row in batch.prices} == {T4, SLICE}
    assert {record.name for record in batch.instance_types} == {T4, SLICE}


def test_the_international_site(fake):
    dollars = {V100: 1.72, T4: 1.26, SLICE: 0.3}

    def answer(asked: dict[str, Any]) -> Any:
        found = rows(asked)
        for one_row in found:
            if one_row["InstanceChargeType"] == "POSTPAID_BY_HOUR" and one_row["InstanceType"] in dollars:
                one_row["Price"] = {"UnitPrice": dollars[one_row["InstanceType"]], "ChargeUnit": "HOUR"}
        return {"InstanceTypeQuotaSet": found}

    fake.answers[CONFIGS] = answer
    batch = Tencentcloud("international").fetch(REGION, access(fake))
    assert batch.account_site == "international"
    assert {(row.site, row.currency) for row in batch.prices} == {("international", "USD")}
    # The same dollars read as yuan are noticed: both sites' list prices are published for these types.
    line = fails(Tencentcloud(), fake)
    assert (
        "is like the international site's" in line
        and "--endpoint tencentcloud=https://cvm.intl.tencentcloudapi.com" in line
    )


@pytest.mark.parametrize(
    ("site", "amount", "good"),
    [
        ("china", "11.98", True),
        ("china", "6", True),
        ("china", "1.7", False),
        ("international", "1.72", True),
        ("international", "3", True),
        ("international", "12", False),
    ],
)
def test_the_other_site_s_currency_is_noticed(site, amount, good):
    context = CONTEXT._replace(site=site)
    item = {"UnitPrice": amount, "ChargeUnit": "HOUR"}
    found, _ = parse.prices([parse.Offered("z", V100, "GN10Xp", "on_demand", True, {"Price": item})], context, "s")
    if good:
        parse.check_currency(found, context)
    else:
        with pytest.raises(FetchError, match="seem to belong to the"):
            parse.check_currency(found, context)


@pytest.mark.parametrize(
    ("endpoint", "site", "host"),
    [
        ("", "china", "cvm.tencentcloudapi.com"),
        ("https://cvm.intl.tencentcloudapi.com", "international", "cvm.intl.tencentcloudapi.com"),
        ("https://cvm.ap-hongkong.tencentcloudapi.com", "china", "cvm.ap-hongkong.tencentcloudapi.com"),
        ("https://proxy.example:8443", "china", "proxy.example:8443"),
    ],
)
def test_the_site_follows_from_tencent_s_own_hosts(adapter, monkeypatch, endpoint, site, host):
    from providers.tencentcloud.ask import Ask

    use_keys(monkeypatch)
    ask = Ask(adapter, REGION, Access(now=NOW, endpoint=endpoint))
    assert (ask.site, ask.host) == (site, host)


def test_finance_regions_have_their_own_host():
    assert terms.host_of("china", "ap-shanghai-fsi") == "cvm.ap-shanghai-fsi.tencentcloudapi.com"


def test_an_unknown_site_is_refused():
    with pytest.raises(MisuseError, match="unknown site 'mars'"):
        Tencentcloud("mars")


def test_there_is_no_source_without_keys(adapter, fake):
    assert "no source without keys is known" in fails(adapter, fake, public=True)


def test_raw_answers_are_kept(adapter, fake):
    fake.answers["DescribeImages"] = {"ImageSet": [{"ImageId": "img-linux"}], "Uin": "100000123456"}
    kept: dict[str, str] = {}
    adapter.fetch(REGION, access(fake, keep_raw=kept.__setitem__))
    assert f"tencentcloud-{REGION}-{CONFIGS}-PREPAID.json" in kept
    assert len(kept) == len(fake.requests)
    everything = "".join(kept) + "".join(kept.values())
    assert SECRET not in everything and KEY_ID not in everything and "100000123456" not in everything


def test_the_same_answers_give_the_same_batch(adapter, fake):
    assert adapter.fetch(REGION, access(fake)) == adapter.fetch(REGION, access(fake))


def test_every_row_passes_the_catalogue_s_checks(adapter, fake):
    from planner.prices import checks

    batch = adapter.fetch(REGION, access(fake))
    assert checks.check_prices(batch.prices, {record.name: record for record in batch.instance_types}) == []


# -- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [CONFIGS, "DescribeInstanceTypeConfigs", "DescribeImages", INQUIRY])
def test_throttled_twice_then_fine(adapter, fake, call):
    good = adapter.fetch(REGION, access(fake))
    fake.fail("throttle", call, times=2)
    waits = Sleeps()
    assert adapter.fetch(REGION, access(fake, sleep=waits)) == good
    assert len([wait for wait in waits if wait >= 1]) == 2


def test_throttled_for_ever(adapter, fake):
    fake.fail("throttle", "DescribeInstanceTypeConfigs")
    waits = Sleeps()
    line = fails(adapter, fake, sleep=waits)
    assert line.startswith(
        "tencentcloud ap-guangzhou: DescribeInstanceTypeConfigs was throttled (RequestLimitExceeded) 5 times"
    )
    assert [wait for wait in waits if wait >= 1] == [1, 2, 4, 8]


@pytest.mark.parametrize("body", [{"Response": {}}, b"<html>503</html>"])
def test_503(adapter, fake, body):
    fake.fail("reply", "DescribeImages", reply=(503, body, {}))
    line = fails(adapter, fake)
    assert "failed on the cloud's side 5 times; try again later" in line
    assert fake.count("DescribeImages") == 5


def test_an_error_of_the_cloud_s_own_is_retried(adapter, fake):
    fake.fail("reply", CONFIGS, times=1, reply=error("InternalError"))
    assert adapter.fetch(REGION, access(fake)).prices


def test_connection_refused(adapter, fake):
    fake.close()
    line = fails(adapter, fake)
    assert "could not be reached or broke off 5 times: connection refused; check network and proxy" in line


def test_connection_dropped(adapter, fake):
    fake.fail("drop", INQUIRY, times=1)
    adapter.fetch(REGION, access(fake))
    fake.fail("drop", INQUIRY)
    assert "could not be reached or broke off 5 times" in fails(adapter, fake)


def test_timeout_in_the_middle_of_an_answer(adapter, fake):
    fake.fail("stall", CONFIGS, times=1)
    adapter.fetch(REGION, access(fake))
    fake.fail("stall", "DescribeImages")
    assert "broke off 5 times: timed out" in fails(adapter, fake)


def test_truncated_json(adapter, fake):
    fake.fail("truncate", CONFIGS, times=1)
    line = fails(adapter, fake)
    assert "answered what is not the JSON expected: its text does not parse" in line and "instance-charge-type=" in line


def test_an_error_behind_another_content_type_is_still_an_error(adapter, fake):
    """The SDK looks for errors only where the type is exactly application/json."""
    fake.content_type = "application/json; charset=utf-8"
    fake.fail("reply", CONFIGS, reply=error("UnauthorizedOperation"))
    assert "grant cvm:DescribeZoneInstanceConfigInfos" in fails(adapter, fake)


def test_wrong_secret(adapter, fake, monkeypatch):
    use_keys(monkeypatch, secret="another-secret")
    waits = Sleeps()
    line = fails(adapter, fake, sleep=waits)
    assert "the credentials were refused (AuthFailure.SignatureFailure); check the access key's id and secret" in line
    assert [wait for wait in waits if wait >= 1] == []


def test_expired_token(adapter, fake, monkeypatch):
    from tencentcloud.common import credential

    old = credential.Credential(KEY_ID, SECRET, "an-old-token")
    monkeypatch.setattr(credential.DefaultCredentialProvider, "get_credentials", lambda self: old)
    line = fails(adapter, fake)
    assert "temporary credentials have expired (AuthFailure.TokenFailure); get new ones" in line
    assert "an-old-token" not in line
    fake.tokens.add("an-old-token")
    assert adapter.fetch(REGION, access(fake)).prices


def test_clock_skew(adapter, fake):
    fake.clock_skew = 3600
    line = fails(adapter, fake)
    assert "clock differs too much from the cloud's (AuthFailure.SignatureExpire); set the clock" in line


def test_missing_permission(adapter, fake):
    fake.fail("reply", INQUIRY, reply=error("UnauthorizedOperation"))
    assert "grant cvm:InquiryPriceRunInstances (docs/providers/tencentcloud.md has a policy to paste)" in fails(
        adapter, fake
    )


def test_an_unknown_refusal_shows_the_cloud_s_words_but_no_key(adapter, fake):
    fake.fail("reply", CONFIGS, reply=error("InvalidParameter", f"what is {KEY_ID}?\n\x1b[31m"))
    line = fails(adapter, fake)
    assert "was refused (InvalidParameter): what is AKID...?" in line and "\x1b" not in line


def test_empty_page(adapter, fake):
    fake.answers[CONFIGS] = {"InstanceTypeQuotaSet": []}
    batch = adapter.fetch(REGION, access(fake))
    assert (batch.prices, batch.instance_types, batch.zones) == ((), (), ())
    assert f"{REGION}: no GPU instance type is sold here" in batch.gaps


def test_empty_answer(adapter, fake):
    fake.answers[CONFIGS] = {}
    assert "InstanceTypeQuotaSet is missing from the answer" in fails(adapter, fake)


def test_the_second_question_of_three_fails(adapter, fake):
    """This API has no pages; its nearest is one charge type after another."""
    fake.fail("reply", CONFIGS, skip=1, reply=error("InternalError"))
    assert f"{CONFIGS}[instance-charge-type=" in fails(adapter, fake)


def test_two_prices_where_one_is_expected(adapter, fake):
    def answer(asked: dict[str, Any]) -> Any:
        found = rows(asked)
        found.append(copy.deepcopy(found[0]))
        found[-1]["Price"]["UnitPrice"] = 5.0
        return {"InstanceTypeQuotaSet": found}

    fake.answers[CONFIGS] = answer
    line = reported(adapter, fake, V100)
    assert f"two prices of {V100} in {ZONES[0]} where one is expected" in line and "instance-charge-type=" in line


def test_the_same_row_twice_is_one_row(adapter, fake):
    good = adapter.fetch(REGION, access(fake))
    fake.answers[CONFIGS] = lambda asked: {"InstanceTypeQuotaSet": rows(asked) * 2}
    assert adapter.fetch(REGION, access(fake)) == good


@pytest.mark.parametrize(
    ("charge_type", "name", "field"),
    [
        ("POSTPAID_BY_HOUR", T4, "UnitPrice"),
        ("PREPAID", V100, "OriginalPrice"),
        ("SPOTPAID", V100, "UnitPriceDiscount"),
    ],
)
def test_zero_price(adapter, fake, charge_type, name, field):
    changing(fake, charge_type, name, **{field: 0})
    line = reported(adapter, fake, name)
    assert f"[InstanceType={name}, Zone={ZONES[0]}, InstanceChargeType={charge_type}]" in line  # the filter is printed
    assert f"{field} is 0 where a price is expected" in line


def test_missing_field(adapter, fake):
    changing(fake, "POSTPAID_BY_HOUR", T4, UnitPrice=None)
    assert "UnitPrice is missing from the answer; the API may have changed" in reported(adapter, fake, T4)


def test_some_of_the_steps_only(adapter, fake):
    changing(fake, "POSTPAID_BY_HOUR", V100, UnitPriceThirdStep=0)
    assert "UnitPrice has some of its three steps only (11.98, 10.5, 0)" in reported(adapter, fake, V100)


def test_a_count_of_gpus_that_is_none(adapter, fake):
    def answer(asked: dict[str, Any]) -> Any:
        found = rows(asked)
        for one_row in found:
            if one_row["InstanceType"] == SLICE:
                one_row["GpuCount"] = "a quarter"
        return {"InstanceTypeQuotaSet": found}

    fake.answers[CONFIGS] = answer
    assert "GpuCount is 'a quarter', which is not a number" in reported(adapter, fake, SLICE)


def test_when_more_is_spoilt_than_not_the_region_fails(adapter, fake):
    def answer(asked: dict[str, Any]) -> Any:
        found = rows(asked)
        for one_row in found:
            if one_row["InstanceType"] in (V100, T4):
                one_row["Price"]["ChargeUnit"] = "DAY"
                one_row["Price"]["OriginalPrice"] = 0
        return {"InstanceTypeQuotaSet": found}

    fake.answers[CONFIGS] = answer
    assert "'DAY', HOUR was expected" in fails(adapter, fake)


def test_traffic_that_cannot_be_read_loses_no_machine(adapter, fake):
    fake.answers[INQUIRY] = lambda asked: (
        {"Price": {"BandwidthPrice": {"ChargeUnit": "GB", "UnitPrice": "dear"}}}
        | (inquire(asked) if asked["InstanceChargeType"] == "PREPAID" else {})
    )
    batch = adapter.fetch(REGION, access(fake))
    ((name, why),) = batch.spoilt
    assert name == "" and "not a number" in why and batch.prices and not batch.transfer


def test_wrong_unit(adapter, fake):
    changing(fake, "POSTPAID_BY_HOUR", T4, ChargeUnit="DAY")
    assert "ChargeUnit is 'DAY', HOUR was expected" in reported(adapter, fake, T4)


def test_another_charge_type_than_asked(adapter, fake):
    fake.answers[CONFIGS] = {"InstanceTypeQuotaSet": [row("CDHPAID", T4, ZONES[0])]}
    assert "is CDHPAID," in fails(adapter, fake)


@pytest.mark.parametrize("value", ["NaN", "ten", True, [1]])
def test_a_price_that_is_no_number(adapter, fake, value):
    changing(fake, "POSTPAID_BY_HOUR", T4, UnitPrice=value)
    assert "which is not a number" in reported(adapter, fake, T4)


def test_missing_optional_fields_are_unknown_not_zero(adapter, fake):
    fake.answers["DescribeInstanceTypeConfigs"] = {"InstanceTypeConfigSet": []}

    def answer(asked: dict[str, Any]) -> Any:
        found = rows(asked)
        for one_row in found:
            one_row.pop("InstanceBandwidth")
        return {"InstanceTypeQuotaSet": found}

    fake.answers[CONFIGS] = answer
    assert {record.network_gbps for record in adapter.fetch(REGION, access(fake)).instance_types} == {None}


def test_a_new_field_changes_nothing(adapter, fake):
    good = adapter.fetch(REGION, access(fake))
    changing(fake, "POSTPAID_BY_HOUR", T4, UnitPriceFourthStep=0.01, Currency="USD")
    assert adapter.fetch(REGION, access(fake)) == good


def test_unknown_currency_cannot_be_met_because_none_is_named():
    """So the amount is compared with what both sites print: see `test_the_other_site_s_currency_is_noticed`."""
    assert {currency for currency, _ in terms.SITES.values()} == {"CNY", "USD"}
    assert all(set(anchor) == set(terms.SITES) for anchor in terms.ANCHORS.values())


def test_two_years_not_sold_is_a_gap(adapter, fake):
    fake.answers[INQUIRY] = lambda asked: (
        error("ResourcesSoldOut.SpecifiedInstanceType") if asked["InstanceChargeType"] == "PREPAID" else inquire(asked)
    )
    batch = adapter.fetch(REGION, access(fake))
    assert not [row for row in batch.prices if row.term == "2y"]
    assert f"{REGION}: {V100} two years: not sold (ResourcesSoldOut.SpecifiedInstanceType)" in batch.gaps


def test_no_image_is_a_gap(adapter, fake):
    fake.answers["DescribeImages"] = {"ImageSet": []}
    batch = adapter.fetch(REGION, access(fake))
    assert batch.transfer == () and fake.count(INQUIRY) == 0
    assert any("DescribeImages gave no public image" in gap for gap in batch.gaps)


def test_ten_thousand_types(adapter, fake):
    """One answer of 20,000 rows; only GPU types are kept."""
    fake.answers[CONFIGS] = lambda asked: {
        "InstanceTypeQuotaSet": rows(asked)
        + [
            {
                **row("POSTPAID_BY_HOUR", "S6.LARGE8", zone),
                "InstanceType": f"S6.{number}XLARGE",
                "InstanceChargeType": kind,
            }
            for number in range(10_000)
            for zone in ZONES
            for kind in asked["Filters"][0]["Values"]
        ]
    }
    adapter.timeout = 10.0
    assert len(adapter.fetch(REGION, access(fake)).instance_types) == 3


def test_a_plain_http_endpoint_elsewhere_is_refused(adapter, fake):
    with pytest.raises(MisuseError, match="a path is not supported here"):
        adapter.fetch(REGION, access(fake)._replace(endpoint=f"{fake.url}/gateway"))
    with pytest.raises(MisuseError, match="plain http is for loopback only"):
        adapter.fetch(REGION, Access(now=NOW, endpoint="http://cvm.example.com"))


# -- credentials, self check, terms -----------------------------------------------------------------------------------


@pytest.fixture
def no_keys(monkeypatch, tmp_path):
    from tencentcloud.common import credential

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("TENCENTCLOUD_SECRET_ID", raising=False)
    monkeypatch.delenv("TENCENTCLOUD_SECRET_KEY", raising=False)
    # Away from Tencent the metadata name may resolve to anything, or hang: it is pointed at a closed port.
    monkeypatch.setattr(credential.CVMRoleCredential, "_role_endpoint", "http://127.0.0.1:9/")


def test_credentials_hint(adapter, monkeypatch, no_keys):
    hint = adapter.credentials_hint()
    assert hint is not None and hint.startswith("no Tencent Cloud credentials found: looked at TENCENTCLOUD_SECRET_ID")
    use_keys(monkeypatch)
    assert adapter.credentials_hint() is None


def test_credentials_of_the_profile_file(adapter, tmp_path, no_keys):
    folder = tmp_path / ".tencentcloud"
    folder.mkdir()
    (folder / "credentials").write_text(f"[default]\nsecret_id={KEY_ID}\nsecret_key={SECRET}\n")
    assert adapter.credentials_hint() is None


def test_no_credentials_is_a_clear_failure(adapter, fake, no_keys):
    assert "no Tencent Cloud credentials found" in fails(adapter, fake)
    assert fake.requests == []


def test_self_check_names_each_call_and_goes_on_after_a_failure(adapter, fake):
    seen = list(adapter.self_check(access(fake)))
    assert [ok for _, ok, _ in seen] == [True] * 7, seen
    assert seen[-1] == (INQUIRY, True, "0.8 CNY per GB")
    fake.fail("reply", "DescribeInstanceTypeConfigs", reply=error("UnauthorizedOperation"))
    again = {call: (ok, text) for call, ok, text in adapter.self_check(access(fake))}
    assert [call for call, (ok, _) in again.items() if not ok] == ["DescribeInstanceTypeConfigs"]


def example(name: str, number: int = 0) -> Any:
    file = json.loads((RECORDED / f"{name}.tccli-examples.json").read_text())
    return file["examples"][number]["output"]["Response"]


def test_tencent_s_own_examples():
    answer = example(CONFIGS)
    assert parse.gpu_rows(answer, "t") == []  # S2 has no GPU
    only = dict(answer["InstanceTypeQuotaSet"][0], GpuCount=1)
    found, _ = parse.prices([parse.Offered("z", "S2.SMALL1", "S2", "subscription", True, only)], CONTEXT, "s")
    assert [(row.term, row.amount) for row in found] == [("1m", 59), ("1y", Decimal("587.64"))]
    hour = example(INQUIRY, 1)["Price"]["InstancePrice"]
    found, _ = parse.prices([parse.Offered("z", "T", "F", "on_demand", True, {"Price": hour})], CONTEXT, "s")
    assert [(row.tier_from, row.amount) for row in found] == [
        (0, Decimal("16.09")),
        (96, Decimal("16.09")),
        (360, Decimal("16.09")),
    ]
    assert found[0].note == "list price; this account is shown 3.33"
    gap = parse.egress(example(INQUIRY, 1), CONTEXT, "s")
    assert isinstance(gap, str) and "per 'HOUR', not per GB" in gap
    assert len(parse.type_configs(example("DescribeInstanceTypeConfigs"), "t")) == 3


@pytest.mark.parametrize(
    ("family", "word", "memory", "count", "expected"),
    [
        ("GN10Xp", "", None, 8, ("V100-SXM2-32GB", 32)),
        ("GN10Xp", "NVIDIA V100", 32, 1, ("V100-SXM2-32GB", 32)),
        ("GN10Xp", "NVIDIA H20", 96, 8, ("NVIDIA H20", 96)),
        ("GN7", "", None, "0.5", ("T4 (1/2 vGPU)", 8)),
        ("PNV5", "GPU-X", 48, 1, ("GPU-X", 48)),
        ("PNV5", "", None, 1, ("not named (PNV5)", None)),
    ],
)
def test_gpu_names_are_mapped_only_where_certain(family, word, memory, count, expected):
    assert terms.gpu_name(family, word, None if memory is None else Decimal(memory), Decimal(count)) == expected


def test_every_mapped_gpu_stands_in_the_table():
    table = Path(__file__).parents[2] / "planner" / "data" / "gpus.csv"
    names = {line.split(",")[0] for line in table.read_text().splitlines()[1:]}
    assert {name for name, _ in terms.GPUS.values()} <= names


def test_permissions_cover_every_call_and_stand_in_the_docs(adapter, fake):
    adapter.fetch(REGION, access(fake))
    page = (Path(__file__).parents[2] / "docs" / "providers" / "tencentcloud.md").read_text()
    calls = {call for call, _ in fake.requests}
    # The quota is asked by `emit-tf --plan` alone (test_quotas.py).
    assert calls | {"DescribeAccountQuota"} == set(terms.PERMISSIONS) and "DescribeAccountQuota" not in calls
    assert all(f'"{permission}"' in page for permission in terms.PERMISSIONS.values())
