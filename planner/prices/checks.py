"""Check prices before a quote or the price book relies on them: every problem in a sentence of its own.

`check_prices` is for prices of any origin, `check_batch` for all that a cloud gave for one region.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING

from planner.money import CURRENCIES, plain
from planner.offer import (
    CONFIDENCES,
    PAYMENTS,
    PURCHASE_OPTIONS,
    TERMS,
    InstanceType,
    Key,
    Price,
    ServicePrice,
    Source,
    TransferPrice,
)
from planner.prices.texts import kind_of

if TYPE_CHECKING:
    from planner.provider import Batch

__all__ = ["NOTHING", "check_batch", "check_beside", "check_prices"]

ZERO = Decimal(0)
#: Plausible price of one GPU for one hour, per currency; outside of it a row is taken for a mistake.
PLAUSIBLE = {"USD": (Decimal("0.02"), Decimal(200)), "CNY": (Decimal("0.15"), Decimal(1400))}

UNITS = ("hour", "month", "term")
#: What is wrong with a batch that is empty.
NOTHING = "no price at all came back; an empty region is not kept"

Row = Price | TransferPrice | ServicePrice | InstanceType


def check_prices(prices: Iterable[Price], instances: Mapping[str, InstanceType] | None = None) -> list[str]:
    """Return every problem of `prices`, each with its place: bad amount, currency, words, tiers, duplicates, outliers."""
    problems: list[str] = []
    seen: dict[Key, str] = {}
    fine: set[tuple[str, ...]] = set()
    days: set[str] = set()
    for price in prices:
        way, at = price.way, price.source.place
        if not price.amount.is_finite() or price.amount <= ZERO:
            problems.append(f"{at}: {way.instance_type}: amount {price.amount} is not above zero")
            continue
        words = (price.currency, way.purchase_option, price.unit, way.payment, way.term)
        if words not in fine:
            said = _words(price)
            problems += said
            if not said:
                fine.add(words)
        if price.source.confirmed or price.source.as_of not in days:
            said = list(_misdated(price.source, way.instance_type))
            problems += said
            if not said:
                days.add(price.source.as_of)
        if price.tier_to is not None and price.tier_to <= price.tier_from:
            problems.append(f"{at}: tier ends at {price.tier_to}, before it begins at {price.tier_from}")
        if not price.status and price.source.confidence != "low":
            where = seen.setdefault(price.key, at)
            if where is not at:
                problems.append(f"{at}: {way.instance_type} {way.purchase_option} stands already at {where}")
        problem = _implausible(price, instances)
        if problem:
            problems.append(problem)
    return problems


def _words(price: Price) -> list[str]:
    """Return what is wrong with the words of a price, which many prices share."""
    problems: list[str] = []
    way, at = price.way, price.source.place
    if price.currency not in CURRENCIES:
        problems.append(f"{at}: {way.instance_type}: unknown currency {price.currency!r}")
    if way.purchase_option not in PURCHASE_OPTIONS:
        problems.append(f"{at}: unknown purchase option {way.purchase_option!r}")
    if price.unit not in UNITS:
        problems.append(f"{at}: unknown unit {price.unit!r} (known: {', '.join(UNITS)})")
    if way.payment and way.payment not in PAYMENTS:
        problems.append(f"{at}: unknown payment {way.payment!r} (known: {', '.join(PAYMENTS)})")
    if way.term and way.term not in TERMS:
        problems.append(f"{at}: unknown term {way.term[:40]!r} (write it like 1m, 1y or 3y)")
    if way.purchase_option in ("reserved", "savings_plan", "subscription") and not way.term:
        problems.append(f"{at}: {way.purchase_option} needs a term such as 1m, 1y or 3y")
    return problems


def _misdated(source: Source, what: str) -> Iterable[str]:
    confirmed = source.confirmed
    if source.as_of and not _is_date(source.as_of):
        yield f"{source.place}: {what}: its date {source.as_of[:40]!r} is not an ISO date"
    elif confirmed and not (_is_date(confirmed) and source.as_of[:10] <= confirmed):
        yield f"{source.place}: {what}: confirmed {confirmed}, not a day after its date {source.as_of}"


def check_beside(rows: Iterable[TransferPrice | ServicePrice]) -> list[str]:
    """Return every problem of the prices of traffic, disks, addresses and gateways in one region's lists."""
    problems: list[str] = []
    seen: dict[Key, str] = {}
    for row in rows:
        at, what = row.source.place, row.destination if isinstance(row, TransferPrice) else row.item
        if row.currency not in CURRENCIES:
            problems.append(f"{at}: {what}: unknown currency {row.currency!r}")
        problems += _misdated(row.source, what)
        if isinstance(row, TransferPrice) and row.to_gb is not None and row.to_gb <= row.from_gb:
            problems.append(f"{at}: the step ends at {plain(row.to_gb)} GB, before it begins")
        if not row.status and (where := seen.setdefault(row.key, at)) is not at:
            problems.append(f"{at}: {what} of {row.region} stands already at {where}")
    return problems


def _implausible(price: Price, instances: Mapping[str, InstanceType] | None) -> str:
    spec = instances.get(price.way.instance_type) if instances else None
    band = PLAUSIBLE.get(price.currency)
    if spec is None or band is None or not spec.gpu_count or price.unit == "term":
        return ""
    factor = spec.gpu_count * 730 if price.unit == "month" else spec.gpu_count
    if band[0] * factor <= price.amount <= band[1] * factor:
        return ""
    hourly = price.amount / spec.gpu_count / (730 if price.unit == "month" else 1)
    return (
        f"{price.source.place}: {price.instance_type}: {hourly:.4f} {price.currency} per GPU-hour is outside "
        f"{band[0]} to {band[1]}; a wrong unit or currency?"
    )


def check_batch(batch: Batch, listed: Mapping[str, InstanceType] | None = None) -> list[str]:
    """Return everything that is wrong with a batch; an empty list means that it may be kept.

    listed: specifications known already, for sources that give prices only: without the number of GPUs a price cannot
    be found implausible.
    """
    problems: list[str] = []
    if not batch.provider or not batch.region or not batch.account_site:
        problems.append("a batch needs a provider, a region and an account site")
    if not (batch.prices or batch.transfer or batch.services):
        problems.append(NOTHING)
    rows: tuple[Row, ...] = (*batch.prices, *batch.transfer, *batch.services, *batch.instance_types)
    for row in rows:
        problems += _common(row, batch)
    # The same checks as for the committed list. Specifications, first of this very fetch, say how many GPUs a price pays for.
    named = [price._replace(source=price.source._replace(place=_name(price))) for price in batch.prices]
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
        if row.source.as_of and not _is_date(row.source.as_of):
            yield f"{_name(row)}: effective date {row.source.as_of!r} is not an ISO date"
    texts = kind_of(row).write(row)
    if not texts["source"]:
        yield f"{_name(row)}: no source"
    if texts["confidence"] not in CONFIDENCES:
        yield f"{_name(row)}: unknown confidence {texts['confidence']!r}"
    for field, text in texts.items():
        if not _storable(text):
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


@cache
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
    seen: set[Key] = set()
    rows: tuple[TransferPrice | ServicePrice | InstanceType, ...] = (
        *batch.transfer,
        *batch.services,
        *batch.instance_types,
    )
    for row in rows:
        key: Key = (type(row), row.name if isinstance(row, InstanceType) else row.key)
        if key in seen:
            yield f"{_name(row)}: two rows where one is expected"
        seen.add(key)
