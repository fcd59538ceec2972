"""Check what a cloud gave before it is kept: one region's rows, every problem in a sentence of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from planner.money import CURRENCIES, plain
from planner.offer import CONFIDENCES, InstanceType, Price, ServicePrice, TransferPrice
from planner.prices.catalog import check_prices
from planner.provider import Batch

__all__ = ["check_batch"]

Row = Price | TransferPrice | ServicePrice | InstanceType


def check_batch(batch: Batch, listed: Mapping[str, InstanceType] | None = None) -> list[str]:
    """Return everything that is wrong with a batch; an empty list means that it may be kept.

    listed: specifications known already, for sources that give prices only: without the number of GPUs a price cannot
    be found implausible.
    """
    problems: list[str] = []
    if not batch.provider or not batch.region or not batch.account_site:
        problems.append("a batch needs a provider, a region and an account site")
    if not (batch.prices or batch.transfer or batch.services):
        problems.append("no price at all came back; an empty region is not kept")
    rows: tuple[Row, ...] = (*batch.prices, *batch.transfer, *batch.services, *batch.instance_types)
    for row in rows:
        problems += _common(row, batch)
    # The same checks as for the committed list. Specifications, first of this very fetch, say how many GPUs a price pays for.
    named = [price._replace(place=_name(price)) for price in batch.prices]
    problems += check_prices(named, {**(listed or {}), **{row.name: row for row in batch.instance_types}})
    for transfer in batch.transfer:
        if transfer.amount < 0 or (not transfer.amount and not transfer.quota):
            problems.append(
                f"{_name(transfer)}: {plain(transfer.amount)} is not a price (a free quota is marked as one)"
            )
        if transfer.to_gb is not None and transfer.to_gb <= transfer.from_gb:
            problems.append(f"{_name(transfer)}: the step ends at {plain(transfer.to_gb)} GB, before it begins")
    problems += [f"{_name(row)}: {plain(row.amount)} is not a price" for row in batch.services if row.amount <= 0]
    problems += _twice(batch)
    problems += _zones(batch)
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


def _zones(batch: Batch) -> Iterable[str]:
    seen: set[tuple[str, str]] = set()
    for pair in batch.zones or ():
        name, zone = pair
        where = f"{batch.provider} {batch.region}: {name!r} in zone {zone!r}"
        if not (name and zone) or not (_storable(name) and _storable(zone)):
            yield f"{where}: a type and a zone need a name"
        if pair in seen:
            yield f"{where}: two rows where one is expected"
        seen.add(pair)


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


def _twice(batch: Batch) -> Iterable[str]:
    seen: set[tuple[str, ...]] = set()
    rows: tuple[TransferPrice | ServicePrice | InstanceType, ...] = (
        *batch.transfer,
        *batch.services,
        *batch.instance_types,
    )
    for row in rows:
        key: tuple[str, ...]
        if isinstance(row, TransferPrice):
            key = (
                "transfer",
                row.site,
                row.destination,
                row.to_region,
                plain(row.from_gb),
                str(row.quota),
                row.currency,
            )
        elif isinstance(row, ServicePrice):
            key = ("service", row.site, row.item, row.variant, row.unit, row.currency)
        else:
            key = ("instance_type", row.name)
        if key in seen:
            yield f"{_name(row)}: two rows where one is expected"
        seen.add(key)
