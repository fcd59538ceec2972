"""Rows for tests of the price book: short ways to make the long records."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from planner.offer import InstanceType, Price, ServicePrice, TransferPrice
from planner.provider import Batch

NOON = "2026-11-23T12:00:00Z"


def price(instance_type: str = "p4d.24xlarge", amount: str = "21.957642", **other: Any) -> Price:
    row = Price(
        "aws",
        "aws",
        "us-east-1",
        instance_type,
        "on_demand",
        "",
        "",
        "",
        "hour",
        Decimal(amount),
        "USD",
        Decimal(0),
        None,
        "",
        "linux",
        "2026-07-20",
        "",
        "GetProducts",
        "high",
        "",
        "",
        "book",
        "",
    )
    return row._replace(**other)


def traffic(amount: str = "0.09", **other: Any) -> TransferPrice:
    row = TransferPrice(
        "aws",
        "aws",
        "us-east-1",
        "internet",
        "",
        Decimal(0),
        None,
        Decimal(amount),
        "USD",
        False,
        "2026-07-20",
        "",
        "GetProducts",
        "high",
        "",
        "",
        "book",
        "",
    )
    return row._replace(**other)


def disk(amount: str = "0.08", **other: Any) -> ServicePrice:
    row = ServicePrice(
        "aws",
        "aws",
        "us-east-1",
        "block_storage",
        "gp3",
        "GB-month",
        Decimal(amount),
        "USD",
        True,
        "2026-07-20",
        "",
        "GetProducts",
        "high",
        "",
        "",
        "book",
        "",
    )
    return row._replace(**other)


def spec(name: str = "p4d.24xlarge", **other: Any) -> InstanceType:
    row = InstanceType(
        "aws",
        name,
        96,
        Decimal(1152),
        "A100-SXM4-40GB",
        Decimal(8),
        Decimal(40),
        Decimal(400),
        8000,
        "DescribeInstanceTypes",
        "high",
        "",
    )
    return row._replace(**other)


def batch(*prices: Price, **other: Any) -> Batch:
    made = Batch("aws", "us-east-1", "aws", (), prices, (), (), ())
    return made._replace(**other)
