"""Rows for tests of prices: short ways to make the long records."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar

from planner.offer import InstanceType, Price, ServicePrice, Source, TransferPrice, Way
from planner.provider import Batch

NOON = "2026-11-23T12:00:00Z"
SOURCE = Source(text="GetProducts", as_of="2026-07-20", dated="", confidence="high", origin="book")

Row = TypeVar("Row", Price, TransferPrice, ServicePrice)


def changed(row: Row, **fields: Any) -> Row:
    """Return `row` with other fields; those of its way and its source are named as if they were its own (text for the
    source's text)."""
    source = {name: fields.pop(name) for name in Source._fields if name in fields}
    if source:
        row = row._replace(source=row.source._replace(**source))
    if isinstance(row, Price):
        way = {name: fields.pop(name) for name in Way._fields if name in fields}
        row = row._replace(way=row.way._replace(**way))
    return row._replace(**fields)


def price(instance_type: str = "p4d.24xlarge", amount: str = "21.957642", **other: Any) -> Price:
    way = Way(
        provider="aws",
        site="aws",
        region="us-east-1",
        instance_type=instance_type,
        purchase_option="on_demand",
    )
    return changed(Price(way=way, unit="hour", amount=Decimal(amount), currency="USD", source=SOURCE), **other)


def traffic(amount: str = "0.09", **other: Any) -> TransferPrice:
    row = TransferPrice(
        provider="aws",
        site="aws",
        region="us-east-1",
        destination="internet",
        to_region="",
        from_gb=Decimal(0),
        to_gb=None,
        amount=Decimal(amount),
        currency="USD",
        source=SOURCE,
    )
    return changed(row, **other)


def disk(amount: str = "0.08", **other: Any) -> ServicePrice:
    row = ServicePrice(
        provider="aws",
        site="aws",
        region="us-east-1",
        item="block_storage",
        variant="gp3",
        unit="GB-month",
        amount=Decimal(amount),
        currency="USD",
        source=SOURCE,
        default=True,
    )
    return changed(row, **other)


def spec(name: str = "p4d.24xlarge", **other: Any) -> InstanceType:
    row = InstanceType(
        provider="aws",
        name=name,
        vcpu=96,
        memory_gib=Decimal(1152),
        gpu_model="A100-SXM4-40GB",
        gpu_count=Decimal(8),
        gpu_memory_gib=Decimal(40),
        network_gbps=Decimal(400),
        local_nvme_gb=8000,
        source="DescribeInstanceTypes",
        confidence="high",
        note="",
    )
    return row._replace(**other)


def batch(*prices: Price, **other: Any) -> Batch:
    made = Batch(
        provider="aws",
        region="us-east-1",
        account_site="aws",
        instance_types=(),
        prices=prices,
        transfer=(),
        services=(),
        gaps=(),
    )
    return made._replace(**other)
