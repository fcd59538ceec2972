"""Check what a cloud gave before it is kept: one region's rows, every problem in a sentence of its own."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from planner.money import CURRENCIES, plain
from planner.offer import CONFIDENCES, PAYMENTS, PURCHASE_OPTIONS, InstanceType, Price, ServicePrice, TransferPrice
from planner.provider import Batch
from planner.units import term_hours, term_months

__all__ = ["check_batch"]

Row = Price | TransferPrice | ServicePrice | InstanceType

#: A GPU-hour outside of this, in USD, is a wrong unit or a wrong type: the cheapest slice and the dearest GPU known are
#: an order of magnitude away from both ends.
_PER_GPU_USD = (Decimal("0.05"), Decimal(200))

#: How many of a currency make one USD, to one digit: good enough to tell a month from an hour, not for money.
_ROUGH_USD = {
    "USD": 1, "EUR": 1, "GBP": 1, "CHF": 1, "AUD": 2, "CAD": 1, "SGD": 1, "NZD": 2, "CNY": 7, "HKD": 8, "MYR": 4,
    "BRL": 5, "SEK": 10, "NOK": 10, "ZAR": 20, "THB": 35, "TWD": 30, "PHP": 60, "INR": 85, "JPY": 150, "KRW": 1400,
    "IDR": 16000,
}  # fmt: skip


def check_batch(batch: Batch) -> list[str]:
    """Return everything that is wrong with a batch; an empty list means that it may be kept."""
    problems: list[str] = []
    if not batch.provider or not batch.region or not batch.account_site:
        problems.append("a batch needs a provider, a region and an account site")
    if not (batch.prices or batch.transfer or batch.services):
        problems.append("no price at all came back; an empty region is not kept")
    rows: tuple[Row, ...] = (*batch.prices, *batch.transfer, *batch.services, *batch.instance_types)
    for row in rows:
        problems += _common(row, batch)
    gpus = {row.name: row.gpu_count for row in batch.instance_types}
    for price in batch.prices:
        problems += _price(price, gpus.get(price.instance_type))
    for transfer in batch.transfer:
        if transfer.amount < 0 or (not transfer.amount and not transfer.quota):
            problems.append(f"{_name(transfer)}: {plain(transfer.amount)} is not a price (a free quota is marked as one)")
        if transfer.to_gb is not None and transfer.to_gb <= transfer.from_gb:
            problems.append(f"{_name(transfer)}: the step ends at {plain(transfer.to_gb)} GB, before it begins")
    problems += [f"{_name(row)}: {plain(row.amount)} is not a price" for row in batch.services if row.amount <= 0]
    problems += _twice(batch)
    return problems


def _name(row: Row) -> str:
    words: tuple[str, ...]
    if isinstance(row, Price):
        words = (row.region, row.zone, row.instance_type, row.purchase_option, row.term, row.payment, row.offering)
    elif isinstance(row, TransferPrice):
        words = (row.region, "traffic to", row.destination, row.to_region)
    elif isinstance(row, ServicePrice):
        words = (row.region, row.item, row.variant)
    else:
        words = (row.name,)
    return " ".join(word for word in (row.provider, *words) if word)


def _common(row: Row, batch: Batch) -> Iterable[str]:
    if row.provider != batch.provider:
        yield f"{_name(row)}: a row of {row.provider!r} in a batch of {batch.provider!r}"
    if not isinstance(row, InstanceType):
        if row.region != batch.region:
            yield f"{_name(row)}: a row of region {row.region!r} in a batch of {batch.region!r}"
        if row.currency not in CURRENCIES:
            yield f"{_name(row)}: unknown currency {row.currency!r}"
        if not row.amount.is_finite():
            yield f"{_name(row)}: {row.amount} is not an amount"
        if row.effective_date and not _is_date(row.effective_date):
            yield f"{_name(row)}: effective date {row.effective_date!r} is not an ISO date"
    if not row.source:
        yield f"{_name(row)}: no source"
    if row.confidence not in CONFIDENCES:
        yield f"{_name(row)}: unknown confidence {row.confidence!r}"
    for field in row._fields:
        value = getattr(row, field)
        if isinstance(value, str) and not _storable(value):
            yield f"{_name(row)}: {field} holds characters that are not text"


def _is_date(text: str) -> bool:
    from datetime import date, datetime

    try:
        datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _price(price: Price, gpu_count: Decimal | None) -> Iterable[str]:
    name = _name(price)
    if not price.amount.is_finite():
        return
    if price.amount < 0 or (not price.amount and price.payment != "all_upfront"):
        yield f"{name}: {plain(price.amount)} {price.currency} is not a price"
    if price.purchase_option not in PURCHASE_OPTIONS:
        yield f"{name}: unknown purchase option {price.purchase_option!r}"
    if price.payment not in ("", *PAYMENTS):
        yield f"{name}: unknown payment {price.payment!r}"
    if price.unit not in ("hour", "month", "term"):
        yield f"{name}: unknown unit {price.unit!r}"
    if price.tier_to is not None and price.tier_to <= price.tier_from:
        yield f"{name}: the step ends at {plain(price.tier_to)} h, before it begins"
    hours = _hours(price)
    if hours is None:
        yield f"{name}: a price per {price.unit} with term {price.term!r}"
    elif gpu_count and price.amount > 0 and price.unit in ("hour", "month") and not price.payment.startswith("partial"):
        rough = _ROUGH_USD.get(price.currency)
        per_gpu = price.amount / hours / gpu_count / (rough or 1)
        if rough and not _PER_GPU_USD[0] <= per_gpu <= _PER_GPU_USD[1]:
            yield (
                f"{name}: {plain(price.amount)} {price.currency} per {price.unit} is about {per_gpu:.3g} USD per GPU-hour,"
                f" outside {_PER_GPU_USD[0]} to {_PER_GPU_USD[1]}; wrong unit?"
            )


def _hours(price: Price) -> Decimal | None:
    """Return the hours that one unit of the price pays for, None when unit and term do not go together."""
    if price.unit == "hour":
        return Decimal(1)
    if price.unit == "month":
        return Decimal(730)
    try:
        return term_hours(price.term) if term_months(price.term) > 0 else None
    except ValueError:
        return None


def _twice(batch: Batch) -> Iterable[str]:
    seen: dict[tuple[str, ...], Row] = {}
    rows: tuple[Row, ...] = (*batch.prices, *batch.transfer, *batch.services, *batch.instance_types)
    for row in rows:
        key: tuple[str, ...]
        if isinstance(row, Price):
            key = ("price", *row.key)
        elif isinstance(row, TransferPrice):
            key = ("transfer", row.site, row.destination, row.to_region, plain(row.from_gb), str(row.quota), row.currency)
        elif isinstance(row, ServicePrice):
            key = ("service", row.site, row.item, row.variant, row.unit, row.currency)
        else:
            key = ("instance_type", row.name)
        if key in seen:
            yield f"{_name(row)}: two rows where one is expected"
        seen[key] = row
