"""Disks, traffic, addresses and gateways: how facts are merged, and what quotes make of them, by hand."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from planner.offer import ServicePrice, Source, TransferPrice
from planner.prices.catalog import Catalog
from planner.prices.checks import check_beside
from planner.prices.review import review
from planner.quoting.lines import ladder
from planner.quoting.records import Offer
from tests.bookrows import disk, traffic
from tests.conftest import make_quote
from tools import merge_beside

D = Decimal
OTHER = "item provider region unit amount currency effective_date source confidence notes".split()
EGRESS = "provider from_region_group destination tier_from_gb tier_to_gb price_per_gb currency source confidence notes"


def offer(region: str, site: str, gb: str, **fields: object) -> Offer:
    quote = make_quote(
        hours="720", region=region, egress_gb=gb, inter_region_gb="1000", storage_gb="1000", public_ips="1", **fields
    )
    return next(o for o in quote.offers if o.way.site == site)


def paid(offer: Offer, part: str) -> Decimal:
    return sum((c.amount for c in offer.charges if c.category == part), D(0))


def lacks(offer: Offer) -> list[str]:
    return [str(text).partition(":")[0] for text in offer.unpriced]


@pytest.mark.parametrize(
    ("region", "gb", "to", "amount"),
    [
        ("cn-shenzhen", "1000", "internet", D(980) * D("0.8")),
        # An article's 37,997 takes the quota from the last step reached: 1 CNY less than from the first.
        ("cn-shenzhen", "50000", "internet", D(10220) * D("0.8") + D(39760) * D("0.75")),
        ("cn-shenzhen", "60000", "internet", D(10220) * D("0.8") + D(40960) * D("0.75") + D(8800) * D("0.7")),
        ("cn-shenzhen", "1000", "internet_flat", D(800)),
        ("cn-hongkong", "1000", "internet", D(800) * D("0.7")),
        ("cn-hongkong", "50000", "internet", D(10040) * D("0.7") + D(39760) * D("0.54")),
        ("cn-hongkong", "50000", "internet_flat", D(50000)),
        ("cn-hangzhou", "1000", "internet", D(800)),  # the steps of the mainland are known up to 10 TB only
    ],
)
def test_traffic_is_of_one_regime(region: str, gb: str, to: str, amount: Decimal) -> None:
    """Steps with the free quota, or one price without: never a quota of the one on the price of the other."""
    found = offer(region, "china", gb, provider="alicloud", egress_to=to)
    assert paid(found, "egress") == amount


def test_a_price_without_steps_has_no_quota_of_those_with() -> None:
    found = offer("us-east-1", "china", "1000", provider="alicloud")
    assert paid(found, "egress") == 500
    rows = Catalog().transfer("alicloud", "us-east-1")
    assert [r.to_gb for r in rows if r.quota and r.site == "international"] == [200]


@pytest.mark.parametrize(
    ("provider", "region", "site", "beside", "missing"),
    [
        # disk: 1,000 GiB x 720 h x 0.0021; the address is free while bound
        ("alicloud", "cn-shenzhen", "china", {"storage": D(1512), "ip": D(0)}, ["data transfer to another region"]),
        (
            "alicloud",
            "cn-shanghai",
            "china",
            {"storage": D(1512), "egress": D(800)},
            ["data transfer to another region"],
        ),
        ("alicloud", "cn-beijing", "china", {"egress": D(800)}, ["data transfer to another region", "disk"]),
        ("tencentcloud", "ap-guangzhou", "china", {"egress": D(800)}, ["data transfer to another region", "disk"]),
        ("tencentcloud", "ap-mumbai", "china", {"egress": D(580)}, ["data transfer to another region", "disk"]),
        (
            "tencentcloud",
            "ap-singapore",
            "international",
            {"egress": D(81), "storage": D(216)},
            ["data transfer to another region"],
        ),
        # 1,000 GB x 720/730 x 0.5312; between its two regions 0.6003; no free 100 GB
        (
            "aws",
            "cn-northwest-1",
            "aws-cn",
            {"egress": D(933), "inter_region": D("600.3"), "storage": D(1000) * 720 / 730 * D("0.5312")},
            ["public IP"],
        ),
        ("aws", "cn-north-1", "aws-cn", {"egress": D(933), "inter_region": D("600.3")}, ["disk", "public IP"]),
        ("aws", "us-east-1", "aws", {"egress": D(81), "inter_region": D(20), "ip": D("3.6")}, []),
        ("aws", "eu-west-1", "aws", {"storage": D(1000) * 720 / 730 * D("0.088"), "ip": D("3.6")}, []),
    ],
)
def test_what_stands_beside_an_instance_by_hand(
    provider: str, region: str, site: str, beside: dict[str, Decimal], missing: list[str]
) -> None:
    found = offer(
        region, site, "1000", provider=provider, **({"purchase_option": "on_demand"} if provider != "aws" else {})
    )
    assert {part: paid(found, part) for part in beside} == beside
    assert lacks(found) == missing


def test_every_fact_of_a_nat_gateway_and_a_balancer_is_in_the_lists() -> None:
    found = {
        (s.provider, s.region, s.item, s.variant, s.unit, s.currency): s.amount
        for provider, region in (
            ("alicloud", "cn-beijing"),
            ("alicloud", "ap-southeast-1"),
            ("tencentcloud", "ap-singapore"),
            ("aws", "ap-southeast-1"),
        )
        for s in Catalog().services(provider, region)
        if not s.status
    }
    assert found["alicloud", "cn-beijing", "nat_gateway", "", "hour", "CNY"] == D("0.23")
    assert found["alicloud", "ap-southeast-1", "nat_gateway", "single-AZ", "hour", "USD"] == D("0.0215")
    assert found["alicloud", "cn-beijing", "load_balancer", "NLB", "hour", "CNY"] == D("0.147")
    assert found["tencentcloud", "ap-singapore", "nat_gateway", "standard", "hour", "USD"] == D("0.043")
    assert found["tencentcloud", "ap-singapore", "nat_gateway_cu", "standard", "CU-hour", "USD"] == D("0.043")
    assert found["tencentcloud", "ap-singapore", "load_balancer", "CLB", "day", "USD"] == D("0.686")
    assert found["aws", "ap-southeast-1", "load_balancer", "ALB", "hour", "USD"] == D("0.0252")


def test_a_region_s_own_price_comes_before_its_group_s() -> None:
    rows = Catalog().transfer("tencentcloud", "ap-guangzhou")
    mine = [r for r in rows if r.site == "china" and r.destination == "internet"]
    assert [(r.source.as_of, r.source.group) for r in mine] == [("2026-10-09", "")]


def test_a_ladder_that_ends_is_none() -> None:
    open_ended = [traffic("0.8", to_gb=D(10240)), traffic("0.7", from_gb=D(10240))]
    assert ladder(open_ended) == open_ended
    assert ladder(open_ended[:1]) == []  # nobody says what the 10,241st GB costs


def facts(folder: Path, name: str, header: list[str], *rows: dict[str, str]) -> None:
    with (folder / f"{name}.csv").open("w", newline="") as file:
        out = csv.DictWriter(file, header)
        out.writeheader()
        out.writerows(rows)


@pytest.fixture
def lists(tmp_path: Path) -> tuple[Path, Path]:
    """Return a folder of facts, still without any, and providers with one small list."""
    home = tmp_path / "providers" / "alicloud" / "catalog"
    home.mkdir(parents=True)
    (home / "sources.csv").write_text("id,source\nold,an old page\n")
    (home / "regions.csv").write_text("id,groups\ncn-hangzhou,mainland all\n")
    (home / "services.csv").write_text(
        "region,site,item,variant,unit,amount,currency,default,effective_date,dated,confidence,status,source,note\n"
        "cn-hangzhou,china,block_storage,cloud_essd:PL1,GiB-hour,0.0021,CNY,yes,2020-12-01,,medium,,old,\n"
        "cn-hangzhou,china,nat_gateway,,hour,0.23,CNY,,2021-07-21,,medium,,old,\n"
    )
    told = tmp_path / "facts"
    told.mkdir()
    facts(told, "egress_new", EGRESS.split())
    return told, tmp_path / "providers"


def told(item: str, amount: str, day: str, note: str, **other: str) -> dict[str, str]:
    row = {"item": item, "provider": "alicloud", "region": "cn-hangzhou", "unit": "hour", "amount": amount}
    row |= {"currency": "CNY", "effective_date": day, "source": "a page", "confidence": "medium", "notes": note}
    return row | other


def rows_of(providers: Path) -> list[dict[str, str]]:
    with (providers / "alicloud" / "catalog" / "services.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_same_amount_confirms_and_another_replaces(
    lists: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, providers = lists
    facts(
        folder,
        "other_new",
        OTHER,
        told("nat_gateway", "0.23", "2026-09-26", "cross-AZ; CHINA site"),
        told("block_storage", "0.003", "2026-10-09", "ESSD PL1, pay-as-you-go; CHINA site", unit="GiB-hour"),
        told("load_balancer", "0.1", "", "NLB instance; CHINA site", region="somewhere"),
        told("load_balancer", "0.2", "2020-01-01", "NLB instance; CHINA site", confidence="low"),
    )
    monkeypatch.setattr("sys.argv", ["merge_beside", str(folder), str(providers)])
    merge_beside.main()
    assert "left out: somewhere (NLB instance; CHINA site...)" in capsys.readouterr().out
    rows = rows_of(providers)
    assert [(r["item"], r["amount"], r["effective_date"], r["confirmed"], r["status"], r["default"]) for r in rows] == [
        ("block_storage", "0.003", "2026-10-09", "", "", "yes"),
        ("block_storage", "0.0021", "2020-12-01", "", "superseded", "yes"),
        ("load_balancer", "0.2", "2020-01-01", "", "low", ""),
        ("nat_gateway", "0.23", "2021-07-21", "2026-09-26", "", ""),
    ]
    before = {p: p.read_bytes() for p in providers.rglob("*.csv")}
    merge_beside.main()
    assert {p: p.read_bytes() for p in providers.rglob("*.csv")} == before


def test_what_is_wrong_with_a_price_beside_is_said(tmp_path: Path) -> None:
    late = Source("x", "2026-02-01", "", "high", "list", "services.csv:2", confirmed="2026-01-31")
    bad: list[TransferPrice | ServicePrice] = [
        disk(source=late),
        disk(place="services.csv:3"),
        traffic(from_gb=D(10), to_gb=D(5), place="transfer.csv:2"),
        traffic(currency="XXX", as_of="soon", place="transfer.csv:3"),
    ]
    assert check_beside(bad) == [
        "services.csv:2: block_storage: confirmed 2026-01-31, not a day after its date 2026-02-01",
        "services.csv:3: block_storage of us-east-1 stands already at services.csv:2",
        "transfer.csv:2: the step ends at 5 GB, before it begins",
        "transfer.csv:3: internet: unknown currency 'XXX'",
        "transfer.csv:3: internet: its date 'soon' is not an ISO date",
    ]
    assert [review(Catalog(), name).problems for name in Catalog().providers()] == [(), (), ()]
