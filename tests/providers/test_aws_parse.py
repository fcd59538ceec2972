"""Parsing AWS's answers when anything at all in them is odd: a clear error or a right answer, never a crash."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from planner.errors import FetchError
from planner.offer import Price, TransferPrice
from providers.aws import parse, rows, terms
from providers.aws.where import Where
from tests.providers.aws_world import NOW, RECORDED, REGION, egress, instance_type, plan, product

WHERE = Where(REGION, terms.partition_of(REGION), "a call", "a filter", NOW)
ODD: list[Any] = [None, [], {}, "", "x", -1, 0, True, 1.5, ["x"], {"a": 1}, "9" * 80, "\0"]


def _types(data: Any) -> Any:
    return parse.instance_types(data, WHERE, ())


def _offers(data: Any) -> Any:
    return rows.offer_prices(parse.offer_rates([json.dumps(item) for item in data], WHERE, ()), WHERE)[0]


def _transfer(data: Any) -> Any:
    return rows.transfer_prices(parse.transfer_rates([json.dumps(item) for item in data], WHERE), WHERE)[0]


def _plans(data: Any) -> Any:
    return rows.plan_prices(parse.plan_rates(data, WHERE, ())[0], WHERE)[0]


def _spot(data: Any) -> Any:
    return parse.spot_prices(data, WHERE, (), {"g5.xlarge": Decimal("1.006")})


def _blocks(data: Any) -> Any:
    return parse.capacity_blocks(data, WHERE)


SPOT = [{"InstanceType": "g5.xlarge", "AvailabilityZone": "us-east-1a", "SpotPrice": "0.4", "Timestamp": NOW}]
BLOCKS = [
    {
        "InstanceType": "p4d.24xlarge",
        "AvailabilityZone": "us-east-1a",
        "UpfrontFee": "354",
        "CurrencyCode": "USD",
        "InstanceCount": 1,
        "CapacityBlockDurationHours": 24,
        "StartDate": NOW,
    }
]


def _paths(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in pairs:
        yield from _paths(value, (*path, key))


@pytest.mark.parametrize(
    ("read", "data"),
    [
        (_types, [instance_type("g5.xlarge"), instance_type("g6f.large")]),
        (_offers, [product("p4d.24xlarge", "21.9")]),
        (_transfer, egress()),
        (_plans, [plan("p4d.24xlarge", "16.47")]),
        (_spot, SPOT),
        (_blocks, BLOCKS),
    ],
    ids=["types", "offers", "transfer", "plans", "spot", "blocks"],
)
def test_any_node_may_be_anything(read: Callable[[Any], Any], data: Any) -> None:
    assert read(data)
    whole = list(_paths(data))
    chance = random.Random(4)  # the same cases every time
    for _ in range(250):
        changed = copy.deepcopy(data)
        *above, last = chance.choice(whole)
        node = changed
        for key in above:
            node = node[key]
        if chance.random() < 0.3:
            del node[last]
        else:
            node[last] = chance.choice(ODD)
        said = "aws us-east-1: a call: "
        try:
            with WHERE.reading():
                found = read(changed)
        except FetchError as exc:
            found, said = (), str(exc)
        assert said.startswith("aws us-east-1: a call: ")
        assert "\n" not in said
        for row in found:
            if isinstance(row, (Price, TransferPrice)):
                assert row.amount > 0 and row.currency == "USD" and row.region == REGION


def test_a_recorded_answer_of_another_product_gives_nothing() -> None:
    """AWS's own published example is an EBS volume: it has no instance type, and must not pass for one."""
    items = json.loads((RECORDED / "GetProducts.botocore-example.json").read_text())["output"]["PriceList"]
    with pytest.raises(FetchError, match="has no instanceType"):
        list(parse.offer_rates(items, WHERE, ()))


def test_the_constructed_answers_under_the_real_shape() -> None:
    items = json.loads((RECORDED / "GetProducts.p4d.json").read_text())["output"]["PriceList"]
    prices, gaps = rows.offer_prices(parse.offer_rates(items, WHERE, ()), WHERE)
    assert [(p.purchase_option, p.payment, p.unit, p.amount) for p in prices] == [
        ("on_demand", "", "hour", Decimal("21.957642")),
        ("reserved", "all_upfront", "term", Decimal(110000)),
        ("reserved", "no_upfront", "hour", Decimal("13.5")),
        ("reserved", "partial_upfront", "term", Decimal(56000)),
        ("reserved", "partial_upfront", "hour", Decimal("6.4")),
    ]
    assert gaps == []
    items = json.loads((RECORDED / "GetProducts.egress.json").read_text())["output"]["PriceList"]
    tiers, _ = rows.transfer_prices(parse.transfer_rates(items, WHERE), WHERE)
    assert [(t.from_gb, t.to_gb, t.amount) for t in tiers] == [
        (Decimal(0), Decimal(10240), Decimal("0.09")),
        (Decimal(10240), Decimal(51200), Decimal("0.085")),
        (Decimal(51200), Decimal(153600), Decimal("0.07")),
        (Decimal(153600), None, Decimal("0.05")),
    ]
    results = json.loads((RECORDED / "DescribeSavingsPlansOfferingRates.json").read_text())["output"]["searchResults"]
    assert {p.amount for p in rows.plan_prices(parse.plan_rates(results, WHERE, ())[0], WHERE)[0]} == {
        Decimal("16.47"),
        Decimal("14.23"),
    }


def test_trainium_is_not_a_gpu() -> None:
    assert parse.instance_types([instance_type("trn1.32xlarge")], WHERE, ()) == []


@pytest.mark.parametrize(
    ("name", "mib", "share", "model"),
    [
        ("A100", 40960, 1.0, "A100-SXM4-40GB"),
        ("A100", 81920, 1.0, "A100-SXM4-80GB"),
        ("H200", 144384, 1.0, "H200-SXM"),
        ("L4", 2861, 0.125, "L4"),
        ("L4", 5722, 0.25, "L4"),
        ("L4", 11444, 0.5, "L4"),
        ("A100", 20480, 1.0, "A100"),
        ("B200", 183359, 1.0, "B200"),
    ],
)
def test_gpu_names_are_mapped_only_where_certain(name: str, mib: int, share: float, model: str) -> None:
    assert terms.gpu_model(name, mib, share) == model


def test_every_mapped_name_is_in_the_planners_table() -> None:
    from pathlib import Path

    table = (Path(__file__).parents[2] / "planner" / "data" / "gpus.csv").read_text()
    names = {line.split(",")[0] for line in table.splitlines()[1:]}
    assert set(terms.GPUS.values()) <= names
