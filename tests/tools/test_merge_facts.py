"""tools/merge_facts: what is current, what is history, what was only seen again; twice changes nothing."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pytest

from planner.prices.checks import check_prices
from planner.prices.lists import Lists
from tools import merge_facts
from tools.merge_facts import merged, not_sold_of, price_of, spec_of, way

FACT = (
    "provider region instance_type purchase_option unit amount currency effective_date source confidence notes".split()
)
CONFIRMED = [*FACT, "confirmed_on"]
SPEC = (
    "instance_type provider vcpu memory_gib gpu_model gpu_count gpu_memory_gib_each network_gbps local_nvme_gb source"
    " confidence notes"
).split()
NOT_SOLD = "provider family_or_type region term confidence source notes".split()


def fact(option: str, amount: str, day: str, **other: str) -> dict[str, str]:
    row = dict.fromkeys(FACT, "") | {"provider": "aws", "region": "us-east-1", "instance_type": "p5.48xlarge"}
    row |= {"purchase_option": option, "unit": "hour", "amount": amount, "currency": "USD", "effective_date": day}
    return row | {"source": "acme/prices@0123456789 prices.json", "confidence": "high"} | other


def put(folder: Path, name: str, header: list[str], *rows: dict[str, str]) -> None:
    with (folder / f"{name}.csv").open("w", newline="") as file:
        out = csv.DictWriter(file, header)
        out.writeheader()
        out.writerows(rows)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Return a folder of facts and the catalogue of a provider that has a region and one old price."""
    home = tmp_path / "providers" / "aws" / "catalog"
    (home / "prices").mkdir(parents=True)
    (home / "sources.csv").write_text("id,source\nold,an old page\n")
    (home / "regions.csv").write_text(
        "id,name_en,name_zh,sites,groups,market,source\nus-east-1,Virginia,弗吉尼亚,aws,,abroad,old\n", encoding="utf-8"
    )
    (home / "instances.csv").write_text(",".join(merge_facts.SPEC) + "\n")
    first = price_of(fact("on_demand", "98.32", "2024-11-01")) | {"source": "old"}
    block = price_of(fact("capacity_block", "31.464", "2026-03-01")) | {"source": "old"}
    with (home / "prices" / "us-east-1.csv").open("w", newline="") as file:
        out = csv.DictWriter(file, merge_facts.PRICE)
        out.writeheader()
        out.writerows((first, block))
    facts = tmp_path / "facts"
    facts.mkdir()
    for name, header in (
        ("prices_new", FACT),
        ("history", FACT),
        ("confirmed", CONFIRMED),
        ("specs_new", SPEC),
        ("not_sold", NOT_SOLD),
    ):
        put(facts, name, header)
    monkeypatch.setattr("sys.argv", ["merge_facts", str(facts), str(tmp_path / "providers")])
    return facts, home


def rows(path: Path) -> list[dict[str, str]]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_latest_is_current_and_the_rest_is_history(places: tuple[Path, Path]) -> None:
    facts, home = places
    put(
        facts,
        "prices_new",
        FACT,
        fact("capacity_block", "41.528", "2026-07-22"),
        fact("on_demand", "99", "2023-01-01"),  # older than what is listed: history at once
        fact("on_demand", "3.5", "2026-01-21", region="us-east-1-atl-2a", notes="LOCAL ZONE"),
    )
    put(facts, "history", FACT, fact("capacity_block", "30", "2025-01-01"))
    put(
        facts,
        "confirmed",
        CONFIRMED,
        fact("on_demand", "98.320", "2024-11-01") | {"confirmed_on": "2026-09-18"},
        fact("spot", "1", "2024-11-01") | {"confirmed_on": "2026-09-18"},  # of nothing that is listed
    )
    merge_facts.main()
    assert [p.name for p in sorted((home / "prices").glob("*.csv"))] == ["capacity_block.csv", "on_demand.csv"]
    current = [
        (r["purchase_option"], r["amount"], r["effective_date"], r["confirmed"])
        for option in ("capacity_block", "on_demand")
        for r in rows(home / "prices" / f"{option}.csv")
        if r["region"] == "us-east-1"
    ]
    assert current == [
        ("capacity_block", "41.528", "2026-07-22", ""),
        ("on_demand", "98.32", "2024-11-01", "2026-09-18"),
    ]
    past = [
        (r["purchase_option"], r["amount"], r["effective_date"], r["status"]) for r in rows(home / "history.csv.gz")
    ]
    assert past == [
        ("capacity_block", "30", "2025-01-01", "superseded"),
        ("capacity_block", "31.464", "2026-03-01", "superseded"),
        ("on_demand", "99", "2023-01-01", "superseded"),
    ]
    assert [r["region"] for r in rows(home / "prices" / "on_demand.csv")] == ["us-east-1", "us-east-1-atl-2a"]
    zone = next(r for r in rows(home / "regions.csv") if r["zone_of"])
    assert (zone["id"], zone["zone_of"], zone["name_zh"]) == (
        "us-east-1-atl-2a",
        "us-east-1",
        "弗吉尼亚，本地扩展区 us-east-1-atl-2a",
    )
    before = {p: p.read_bytes() for p in home.rglob("*") if p.is_file()}
    merge_facts.main()
    assert {p: p.read_bytes() for p in home.rglob("*") if p.is_file()} == before
    assert check_prices(Lists("aws", str(home), "x").prices("us-east-1", "us-east-1")) == []


def test_a_region_without_a_name_is_asked_for(places: tuple[Path, Path]) -> None:
    facts, home = places
    put(facts, "prices_new", FACT, fact("on_demand", "1", "2026-01-01", region="xx-new-1"))
    before = (home / "prices" / "us-east-1.csv").read_bytes()
    with pytest.raises(ValueError, match=r"xx-new-1: give the region its names in regions\.csv first"):
        merge_facts.main()
    assert (home / "prices" / "us-east-1.csv").read_bytes() == before


def test_steps_are_replaced_together() -> None:
    stepped = [
        price_of(fact(f"on_demand{step}", amount, "2022-05-20", provider="tencentcloud", currency="CNY"))
        for step, amount in (("", "8.68"), ("_step2", "4.34"), ("_step3", "2.95"))
    ]
    assert [(r["tier_from"], r["tier_to"]) for r in stepped] == [("0", ""), ("96", "360"), ("360", "")]
    flat = price_of(fact("on_demand", "8", "2026-06-15", provider="tencentcloud", currency="CNY"))
    kept, old = merged(stepped, [flat])
    assert kept == [flat] and sorted(r["amount"] for r in old) == ["2.95", "4.34", "8.68"]
    assert merged([flat], stepped)[0] == [flat]


def test_a_low_row_never_takes_the_place_of_a_better_one() -> None:
    good = price_of(fact("on_demand", "10", "2024-01-01"))
    low = price_of(fact("on_demand", "5", "2026-01-01", confidence="low"))
    kept, old = merged([good], [low])
    assert sorted(r["amount"] for r in kept) == ["10", "5"] and not old
    assert [r["status"] for r in (good, low)] == ["", "low"]


@pytest.mark.parametrize(
    ("word", "columns"),
    [
        ("reserved_3y_no_upfront_convertible", ("reserved", "3y", "no_upfront", "convertible")),
        ("reserved_1y_all_upfront", ("reserved", "1y", "all_upfront", "standard")),
        ("subscription_5y", ("subscription", "5y", "", "")),
        ("subscription_1m_promotion", ("subscription", "1m", "", "")),
        ("capacity_block", ("capacity_block", "", "", "")),
    ],
)
def test_a_word_of_the_facts_is_a_way_of_buying(word: str, columns: tuple[str, ...]) -> None:
    found = way(word)
    assert tuple(found[name] for name in ("purchase_option", "term", "payment", "offering")) == columns


def test_a_share_of_a_gpu_is_that_gpu() -> None:
    row = dict.fromkeys(SPEC, "") | {"instance_type": "g6f.large", "provider": "aws", "vcpu": "2", "memory_gib": "8.0"}
    row |= {"gpu_model": "L4 (1/8 GPU)", "gpu_count": "0.125", "gpu_memory_gib_each": "2.8", "network_gbps": ""}
    made = spec_of(row)
    assert (made["gpu_model"], made["gpu_count"], made["gpu_memory_gib"]) == ("L4", "0.125", "22.4")


def test_what_is_not_sold_names_types_places_and_ways() -> None:
    row = dict.fromkeys(NOT_SOLD, "") | {"provider": "aws", "family_or_type": "p5, p5en", "region": "all but us-east-1"}
    made = not_sold_of(row | {"term": "reserved_1y_standard"})
    assert made is not None
    assert (made["types"], made["regions"], made["purchase_option"], made["term"], made["offering"]) == (
        "p5 p5en",
        "!us-east-1",
        "reserved",
        "1y",
        "standard",
    )
    assert not_sold_of(row | {"term": "on_demand_step2"}) is None
