"""A screen makes the offers that it lists and counts the others: what it says is what it would say had it made them all."""

from __future__ import annotations

import csv
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from planner.errors import PlannerError
from planner.prices import fx
from planner.prices.catalog import Catalog
from planner.provider import homes
from planner.quoting import build
from planner.quoting.records import Quote
from planner.rendering.table import dump
from planner.workload import make

CATALOG = Catalog()
WORKLOADS: dict[str, dict[str, object]] = {
    "a month": {"hours": "720"},
    "a year, every region": {"hours": "8760", "region": ("all",)},
    "terms that end within, in yuan": {"hours": "30000", "currency": "CNY"},
    "a demand": {"rps": "9", "model": "DeepSeek-R1-Distill-Qwen-32B", "precision": "fp8"},
    "bought in some ways": {"purchase_option": ("spot", "reserved")},
    "blocks alone": {"purchase_option": ("capacity_block",), "hours": "100"},
    "one kind of GPU": {"gpu": ("A100",), "hours": "5000"},
    "discounts": {"hours": "5000", "discount": ("aws=12%", "aws:reserved=30%", "tencentcloud:subscription=50%")},
    "a part of each month": {"use": "300h/month x12"},
    "one type": {"instance_type": ("p4d.24xlarge",)},
    "steps": {"provider": ("tencentcloud",), "hours": "400", "instance_type": ("GN7.2XLARGE32", "GN8.LARGE56")},
    "nothing serves": {"model": "DeepSeek-R1", "precision": "bf16", "gpu": ("T4",)},
}


def quoted(values: dict[str, object], catalog: Catalog, top: int) -> Quote:
    workload = make(values)
    rates = fx.Rates(fx.committed(), workload.fx)
    return build.quote(workload, catalog, "2026-11-26", rates, brief=True, top=top)


def same(values: dict[str, object], catalog: Catalog, top: int) -> Quote:
    every, short = quoted(values, catalog, 0), quoted(values, catalog, top)
    assert len(every.offers) == len(short.offers) + short.left_out and every.left_out == 0
    for field in ("recommended", "prices_as_of", "stale", "gaps", "rejected", "notes", "fx"):
        assert getattr(every, field) == getattr(short, field), field
    for given in ({}, {"lang": "zh", "width": 100}, {"sort": "per-token", "gaps": True, "rejected": True}):
        assert dump(every, top=top, **given) == dump(short, top=top, **given)  # type: ignore[arg-type]
    return short


@pytest.mark.parametrize("top", [1, 4])
@pytest.mark.parametrize("name", WORKLOADS)
def test_the_screen_says_the_same(name: str, top: int) -> None:
    same(WORKLOADS[name], CATALOG, top)


def test_most_are_not_made() -> None:
    short = same({"hours": "720"}, CATALOG, 1)
    assert len(short.offers) < 70 < 300 < short.left_out


def changed(root: Path, change: Callable[[dict[str, str]], list[dict[str, str]]]) -> Catalog:
    """The committed lists with each row of a price put through `change`."""
    for name in CATALOG.providers():
        home = homes()[name]
        shutil.copytree(Path(home, "catalog"), root / name / "catalog", ignore=shutil.ignore_patterns("__pycache__"))
        for path in (root / name / "catalog" / "prices").glob("*.csv"):
            with path.open(encoding="utf-8", newline="") as file:
                reader = csv.DictReader(file)
                rows = [new for row in reader for new in change(row)]
                header = list(reader.fieldnames or ())
            with path.open("w", encoding="utf-8", newline="") as file:
                out = csv.DictWriter(file, header, lineterminator="\n")
                out.writeheader()
                out.writerows(rows)
    return Catalog(str(root))


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.long
def test_other_prices_with_many_ties(seed: int, tmp_path: Path) -> None:
    """Prices of a few round figures: hundreds of offers come to the same, in other regions, terms and currencies."""
    rng = random.Random(seed)

    def change(row: dict[str, str]) -> list[dict[str, str]]:
        if row["unit"] == "hour" and row["amount"]:
            low, high = ("3", "6") if row["currency"] == "CNY" else ("1.50", "1.5")
            row["amount"] = rng.choice((low, high, low, f"{rng.uniform(3, 9):.3f}"))
        days = ("", "2024-02-29", row["effective_date"])
        row["effective_date"] = rng.choice(days) if not row["confirmed"] else row["effective_date"]
        return [row] if rng.random() < 0.8 else []

    catalog = changed(tmp_path, change)
    for name in ("a month", "discounts", "a demand", "bought in some ways", "terms that end within, in yuan"):
        for top in (1, 3):
            same({**WORKLOADS[name], "region": ("all",)} if name == "a month" else WORKLOADS[name], catalog, top)


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": "x"},
        {"amount": "-1"},
        {"amount": "0"},
        {"amount": "NaN"},
        {"currency": "XXX"},
        {"unit": "week"},
        {"amount": "0.000001"},
    ],
    ids=str,
)
def test_a_wrong_price_is_refused_all_the_same(wrong: dict[str, str], tmp_path: Path) -> None:
    def change(row: dict[str, str]) -> list[dict[str, str]]:
        mine = row["region"] == "us-east-1" and row["instance_type"] == "g6e.xlarge"
        return [row | wrong if mine and row["purchase_option"] == "on_demand" and row["os"] == "linux" else row]

    catalog = changed(tmp_path, change)
    said = []
    for top in (0, 1):
        with pytest.raises(PlannerError) as found:
            quoted({"hours": "720"}, catalog, top)
        said.append(str(found.value))
    assert said[0] == said[1]


def test_the_same_price_twice_is_refused_all_the_same(tmp_path: Path) -> None:
    catalog = changed(tmp_path, lambda row: [row, row] if row["instance_type"] == "g6e.xlarge" else [row])
    for top in (0, 1):
        with pytest.raises(PlannerError, match="stands already"):
            quoted({"hours": "720"}, catalog, top)


def test_what_stands_beside_the_machines_is_made_in_full() -> None:
    for more in (
        {"egress_gb": "10"},
        {"tax": "6%"},
        {"discount_rate": "5%"},
        {"budget": "9"},
        {"low_confidence": True},
    ):
        assert quoted({"hours": "720", **more}, CATALOG, 1).left_out == 0
