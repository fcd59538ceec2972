"""From AWS's price rates, however they came, to checked Price and TransferPrice rows. Pure; used by API and files.

A rate that is ambiguous, in the wrong unit or currency, or zero raises `FetchError` with the filters that let it in: a
wrong price is worse than none. A word this version does not know (a new plan, a new term) becomes a gap instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal

from planner.errors import FetchError, MisuseError
from planner.money import CURRENCIES, decimal_of, plain
from planner.offer import Price, Source, TransferPrice, Way
from planner.records import NamedTuple
from providers.aws import terms
from providers.aws.where import Where

__all__ = [
    "PlanRate",
    "Rate",
    "TransferRate",
    "amount_of",
    "day_of",
    "offer_prices",
    "plan_prices",
    "price",
    "transfer_prices",
]

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_ZERO = Decimal(0)
_PLAIN_TRAFFIC = {"internet": "DataTransfer-Out-Bytes", "inter_region": "AWS-Out-Bytes"}


class Rate(NamedTuple):
    """One price dimension of an instance type. kind: AWS's "OnDemand" or "Reserved"; words as AWS writes them."""

    instance_type: str
    sku: str
    kind: str
    lease: str
    payment: str
    offering: str
    unit: str
    amount: str
    currency: str
    effective: str
    version: str


class PlanRate(NamedTuple):
    """One savings-plan rate; `plan` and `term` are ours already ("compute", "1y"), `payment` is AWS's word."""

    instance_type: str
    plan: str
    term: str
    payment: str
    unit: str
    amount: str
    currency: str
    effective: str
    version: str


class TransferRate(NamedTuple):
    """One tier of a data transfer product; words as AWS writes them, `end` may be "Inf"."""

    sku: str
    kind: str
    to_location: str
    to_region: str
    operation: str
    usage: str
    unit: str
    begin: str
    end: str
    amount: str
    currency: str
    effective: str
    version: str


def amount_of(text: object, currency: str, what: str, where: Where) -> Decimal:
    """Return a non-negative amount in the partition's currency, or raise `FetchError`."""
    if currency not in CURRENCIES:
        raise where.fail(f"{what}: unknown currency {currency!r}")
    if currency != where.partition.currency:
        raise where.fail(f"{what}: {currency} where {where.partition.site} bills in {where.partition.currency}")
    try:
        amount = Decimal(plain(decimal_of(text, what)))  # AWS pads with zeros; equal prices should look equal
    except MisuseError as exc:
        raise where.fail(str(exc)) from exc
    if amount < 0:
        raise where.fail(f"{what}: negative price {plain(amount)}")
    return amount


def day_of(text: str) -> str:
    """Return the ISO date at the head of a timestamp, or "" where there is none."""
    match = _DAY.match(text)
    return match.group() if match else ""


def price(
    where: Where,
    instance_type: str,
    purchase_option: str,
    amount: Decimal,
    *,
    effective: str,
    version: str = "",
    term: str = "",
    payment: str = "",
    offering: str = "",
    unit: str = "hour",
    zone: str = "",
    status: str = "",
    confidence: str = "high",
    note: str = "",
) -> Price:
    """Return a Price row as `planner refresh` observed it."""
    return Price(
        way=Way(
            provider="aws",
            site=where.partition.site,
            region=where.region,
            instance_type=instance_type,
            purchase_option=purchase_option,
            term=term,
            payment=payment,
            offering=offering,
            zone=zone,
        ),
        unit=unit,
        amount=amount,
        currency=where.partition.currency,
        source=_source(where, effective, version, confidence),
        status=status,
        note=note,
    )


def _source(where: Where, effective: str, version: str, confidence: str = "high") -> Source:
    day = day_of(effective)
    return Source(
        text=f"AWS {where.call}, {where.region}" + (f", version {version}" if version else ""),
        as_of=day,
        dated="" if day else where.undated(),
        confidence=confidence,
        origin="book",
    )


def offer_prices(rates: Iterable[Rate], where: Where) -> tuple[list[Price], list[str]]:
    """Return on-demand and reserved prices, and the gaps; raise `FetchError` on anything ambiguous, zero or odd."""
    on_demand: dict[str, list[Rate]] = {}
    reserved: dict[tuple[str, str, str, str], list[Rate]] = {}
    for rate in rates:
        if rate.kind == "OnDemand":
            on_demand.setdefault(rate.instance_type, []).append(rate)
        else:
            reserved.setdefault((rate.instance_type, rate.lease, rate.payment, rate.offering), []).append(rate)
    prices = []
    for name, found in sorted(on_demand.items()):
        with where.one(name):
            prices.append(_on_demand(name, found, where))
    unknown: dict[str, set[str]] = {}
    for (name, lease, payment, offering), found in sorted(reserved.items()):
        known = (terms.LEASES.get(lease), terms.PAYMENTS.get(payment), terms.OFFERING_CLASSES.get(offering))
        if None in known:
            unknown.setdefault(f"{lease} {payment} {offering}".strip(), set()).add(name)
            continue
        with where.one(name):
            prices += _reserved(name, found, where, *(word or "" for word in known))
    gaps = [
        f"reserved terms {words!r} are new to this version and left out: {_some(names)}"
        for words, names in sorted(unknown.items())
    ]
    return prices, gaps


def _on_demand(name: str, found: list[Rate], where: Where) -> Price:
    if len(found) > 1:
        listed = ", ".join(f"SKU {r.sku} {r.amount} {r.currency}/{r.unit}" for r in found[:4])
        raise where.fail(f"{len(found)} on-demand prices for {name} where one is expected: {listed}")
    (rate,) = found
    _unit(rate, "Hrs", where)
    amount = amount_of(rate.amount, rate.currency, f"{name} on demand (SKU {rate.sku})", where)
    if not amount:
        raise where.fail(f"{name} on demand (SKU {rate.sku}) costs 0: not a price")
    return price(where, name, "on_demand", amount, effective=rate.effective, version=rate.version)


def _reserved(name: str, found: list[Rate], where: Where, term: str, payment: str, offering: str) -> list[Price]:
    """All upfront: one row per term. Partial: one per term, one per hour. None upfront: one per hour."""
    what = f"{name} reserved {term} {payment} {offering}"
    by_unit: dict[str, list[Rate]] = {}
    for rate in found:
        by_unit.setdefault(rate.unit, []).append(rate)
    for unit, several in by_unit.items():
        if unit not in ("Hrs", "Quantity"):
            raise where.fail(f"{what} (SKU {several[0].sku}): unit {unit!r}, expected Hrs or Quantity")
        if len(several) > 1:
            listed = ", ".join(f"SKU {r.sku} {r.amount}" for r in several[:4])
            raise where.fail(f"{what}: {len(several)} prices per {unit} where one is expected: {listed}")
    amounts = {
        unit: amount_of(several[0].amount, several[0].currency, what, where) for unit, several in by_unit.items()
    }
    upfront, hourly = amounts.get("Quantity", _ZERO), amounts.get("Hrs", _ZERO)
    if (upfront > 0, hourly > 0) != (payment != "no_upfront", payment != "all_upfront"):
        raise where.fail(f"{what}: {plain(upfront)} upfront and {plain(hourly)} per hour do not fit its name")
    rows = []
    for unit, amount, word in (("Quantity", upfront, "term"), ("Hrs", hourly, "hour")):
        if amount:
            rate = by_unit[unit][0]
            rows.append(
                price(
                    where,
                    name,
                    "reserved",
                    amount,
                    effective=rate.effective,
                    version=rate.version,
                    term=term,
                    payment=payment,
                    offering=offering,
                    unit=word,
                )
            )
    return rows


def plan_prices(rates: Iterable[PlanRate], where: Where) -> tuple[list[Price], list[str]]:
    """Return savings-plan prices (per hour of the term); a rate is what an hour costs, upfront or not."""
    seen: dict[tuple[str, str, str, str], PlanRate] = {}
    unknown: dict[str, set[str]] = {}
    prices = []
    for rate in sorted(rates):
        payment = terms.PAYMENTS.get(rate.payment)
        if payment is None:
            unknown.setdefault(rate.payment, set()).add(rate.instance_type)
            continue
        with where.one(rate.instance_type):
            prices.append(_plan(rate, payment, seen, where))
    gaps = [
        f"savings-plan payment {word!r} is new to this version and left out: {_some(names)}"
        for word, names in sorted(unknown.items())
    ]
    return prices, gaps


def _plan(rate: PlanRate, payment: str, seen: dict[tuple[str, str, str, str], PlanRate], where: Where) -> Price:
    what = f"{rate.instance_type} savings plan {rate.plan} {rate.term} {payment}"
    key = (rate.instance_type, rate.plan, rate.term, payment)
    if key in seen:
        raise where.fail(f"{what}: rates {seen[key].amount} and {rate.amount} where one is expected")
    seen[key] = rate
    if rate.unit != "Hrs":
        raise where.fail(f"{what}: unit {rate.unit!r}, expected Hrs")
    amount = amount_of(rate.amount, rate.currency, what, where)
    if not amount:
        raise where.fail(f"{what} costs 0: not a price")
    return price(
        where,
        rate.instance_type,
        "savings_plan",
        amount,
        effective=rate.effective,
        version=rate.version,
        term=rate.term,
        payment=payment,
        offering=rate.plan,
    )


def transfer_prices(rates: Iterable[TransferRate], where: Where) -> tuple[list[TransferPrice], list[str]]:
    """Return internet egress (must be there, in whole tiers from 0 up) and what is certain between regions."""
    products: dict[tuple[str, str], dict[str, list[TransferRate]]] = {}
    for rate in rates:
        if rate.operation == "" and rate.kind == "AWS Outbound" and rate.to_location == "External":
            products.setdefault(("internet", ""), {}).setdefault(rate.sku, []).append(rate)
        elif rate.operation == "" and rate.kind == "InterRegion Outbound" and rate.to_region not in ("", where.region):
            products.setdefault(("inter_region", rate.to_region), {}).setdefault(rate.sku, []).append(rate)
    rows: list[TransferPrice] = []
    doubtful = []
    if ("internet", "") not in products:
        with where.traffic():
            raise where.fail("no price for traffic to the internet (transferType AWS Outbound, toLocation External)")
    for (destination, to_region), skus in sorted(products.items()):
        if len(skus) > 1:  # plain traffic stands beside accelerated and other kinds: the usage type tells them apart
            plain_ones = {s: r for s, r in skus.items() if r[0].usage.endswith(_PLAIN_TRAFFIC[destination])}
            skus = plain_ones or skus
        try:
            rows += _tiers(destination, to_region, skus, where)
        except FetchError as error:
            if destination == "internet":
                with where.traffic():
                    raise error from None
            else:
                doubtful.append(to_region)
    gaps = []
    if doubtful:
        gaps.append(f"traffic to {_some(doubtful)} has several prices or none: left out, the committed list stands")
    return rows, gaps


def _tiers(
    destination: str, to_region: str, skus: Mapping[str, list[TransferRate]], where: Where
) -> list[TransferPrice]:
    what = f"traffic to {to_region or 'the internet'}"
    found: dict[tuple[tuple[Decimal, Decimal | None, Decimal], ...], tuple[str, TransferRate]] = {}
    for sku, rates in skus.items():
        steps: list[tuple[Decimal, Decimal | None, Decimal]] = []
        for rate in rates:
            if rate.unit != "GB":
                raise where.fail(f"{what} (SKU {sku}): unit {rate.unit!r}, expected GB")
            try:
                begin = decimal_of(rate.begin, f"{what} beginRange")
                end = None if rate.end == "Inf" else decimal_of(rate.end, f"{what} endRange")
            except MisuseError as exc:
                raise where.fail(str(exc)) from exc
            steps.append((begin, end, amount_of(rate.amount, rate.currency, what, where)))
        found[tuple(sorted(steps, key=lambda step: step[0]))] = (sku, rates[0])
    if len(found) > 1:
        listed = ", ".join(f"SKU {sku} from {plain(tiers[0][2])}" for tiers, (sku, _) in found.items())
        raise where.fail(f"{len(found)} prices for {what} where one is expected: {listed}")
    ((tiers, (sku, first)),) = found.items()
    edges = [begin for begin, _, _ in tiers[1:]]
    if tiers[0][0] != 0 or tiers[-1][1] is not None or edges != [end for _, end, _ in tiers[:-1]]:
        raise where.fail(f"{what} (SKU {sku}): tiers have a hole or overlap")
    if not all(amount for _, _, amount in tiers):
        raise where.fail(f"{what} (SKU {sku}) costs 0: not a price")
    source = _source(where, first.effective, first.version)
    return [
        TransferPrice(
            provider="aws",
            site=where.partition.site,
            region=where.region,
            destination=destination,
            to_region=to_region,
            from_gb=begin,
            to_gb=end,
            amount=amount,
            currency=where.partition.currency,
            source=source,
        )
        for begin, end, amount in tiers
    ]


def _unit(rate: Rate, expected: str, where: Where) -> None:
    if rate.unit != expected:
        raise where.fail(f"{rate.instance_type} {rate.kind} (SKU {rate.sku}): unit {rate.unit!r}, expected {expected}")


def _some(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:4]) + (f" and {len(ordered) - 4} more" if len(ordered) > 4 else "")
