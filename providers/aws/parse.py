"""AWS's answers, as the SDK hands them over, to our records. Pure: no SDK, no clock, no network.

A field that AWS adds is ignored; one that is missing, where we need it, raises `FetchError` naming it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from planner.errors import FetchError
from planner.money import plain
from planner.offer import InstanceType, Price
from planner.provider import in_families
from providers._border import clean
from providers.aws import terms
from providers.aws.rows import PlanRate, Rate, TransferRate, amount_of, price
from providers.aws.where import Where

__all__ = [
    "capacity_blocks",
    "check_key",
    "instance_types",
    "offer_rates",
    "plan_rates",
    "spot_prices",
    "transfer_rates",
    "wanted",
    "zones",
]

_GPU_TYPE = re.compile(r"(?:g|gr|p)\d[a-z0-9-]*\.[a-z0-9-]+")
#: The type that a price list's item is about, before the item is read.
_GPU_NAME = re.compile(r'"instanceType"\s*:\s*"((?:g|gr|p)\d[a-z0-9-]*\.[a-z0-9-]+)"')
_PRINTED_GBPS = re.compile(r"(\d+(?:\.\d+)?) Gigabit")
_GIB = Decimal(1024)


def wanted(instance_type: str, families: tuple[str, ...]) -> bool:
    """Return whether this is a GPU type of one of `families` (() = all)."""
    return bool(_GPU_TYPE.fullmatch(instance_type)) and in_families(instance_type, families)


def _need(record: Mapping[str, Any], path: str, where: Where, what: str) -> Any:
    value: Any = record
    for key in path.split("."):
        if not isinstance(value, Mapping) or key not in value or value[key] is None:
            raise where.fail(f"{what} has no {path}")
        value = value[key]
    return value


def _object(value: Any, where: Where, what: str) -> Mapping[str, Any]:
    """Return `value` where it is an object, {} for none; raise `FetchError` naming `what`."""
    if value is not None and not isinstance(value, Mapping):
        raise where.fail(f"{what} is {clean(repr(value), 60)}, which is not an object")
    return value or {}


def instance_types(answers: Iterable[Mapping[str, Any]], where: Where, families: tuple[str, ...]) -> list[InstanceType]:
    """Return the GPU types of DescribeInstanceTypes, by name. A type without `GpuInfo` is not one of ours."""
    found: dict[str, InstanceType] = {}
    for answer in answers:
        name = ""
        with where.one(""):
            name = str(_need(answer, "InstanceType", where, "an instance type"))
        with where.one(name):
            if wanted(name, families) and answer.get("GpuInfo"):
                found[name] = _instance_type(name, answer, where)
    return [found[name] for name in sorted(found)]


def _instance_type(name: str, answer: Mapping[str, Any], where: Where) -> InstanceType:
    gpus = _need(answer, "GpuInfo.Gpus", where, name)
    if len(gpus) != 1:
        raise where.fail(f"{name} has {len(gpus)} kinds of GPU where one is expected")
    gpu = gpus[0]
    # A slice (g6f) has Count 0: what counts is how many logical GPUs of which share. Older answers have Count only.
    logical = gpu.get("LogicalGpuCount") or _need(gpu, "Count", where, name)
    share = Decimal(str(gpu.get("GpuPartitionSize", 1)))
    mib = int(_need(gpu, "MemoryInfo.SizeInMiB", where, name))
    if not logical or not 0 < share <= 1 or mib <= 0:
        raise where.fail(f"{name}: {logical} GPUs of share {share} with {mib} MiB make no sense")
    notes = []
    if gpu.get("Manufacturer") not in (None, "NVIDIA"):
        notes.append(f"GPU by {gpu['Manufacturer']}")
    if share < 1:
        notes.append(f"a slice: {logical} x {share} of a GPU, memory per slice")
    gbps, doubt = _network(_need(answer, "NetworkInfo", where, name))
    notes += doubt
    storage = answer.get("InstanceStorageInfo") or {}
    return InstanceType(
        provider="aws",
        name=name,
        vcpu=int(_need(answer, "VCpuInfo.DefaultVCpus", where, name)),
        memory_gib=Decimal(int(_need(answer, "MemoryInfo.SizeInMiB", where, name))) / _GIB,
        gpu_model=terms.gpu_model(str(_need(gpu, "Name", where, name)), mib, float(share)),
        gpu_count=Decimal(plain(Decimal(int(logical)) * share)),
        gpu_memory_gib=Decimal(mib) / _GIB,
        network_gbps=gbps,
        local_nvme_gb=int(storage.get("TotalSizeInGB", 0)),
        source=f"AWS {where.call}, {where.region}",
        confidence="high",
        note="; ".join(notes),
    )


def _network(info: Mapping[str, Any]) -> tuple[Decimal | None, list[str]]:
    """Return the instance's total: the cards' sum, or AWS's printed total where that is less (g6e.48xlarge: 400 of 1600)."""
    cards = [card.get("BaselineBandwidthInGbps") for card in info.get("NetworkCards") or ()]
    if not cards or None in cards:
        return None, []
    total = Decimal(plain(sum((Decimal(str(card)) for card in cards), Decimal(0))))
    printed = _PRINTED_GBPS.fullmatch(str(info.get("NetworkPerformance", "")))
    if len(cards) == 1 or printed is None or Decimal(printed.group(1)) == total:
        return total, []
    return min(total, Decimal(printed.group(1))), [
        f"its {len(cards)} network cards sum to {total} Gbps, AWS prints {printed.group()}: the lesser is used"
    ]


def zones(offerings: Iterable[Mapping[str, Any]], where: Where) -> list[tuple[str, str]]:
    """Return (type, zone) pairs of DescribeInstanceTypeOfferings, sorted."""
    pairs = set()
    for offering in offerings:
        with where.one(str(offering.get("InstanceType") or "")):
            what = "an offering"
            pairs.add(
                (str(_need(offering, "InstanceType", where, what)), str(_need(offering, "Location", where, what)))
            )
    return sorted(pairs)


def _products(price_list: Iterable[str], where: Where) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    what = "an item of PriceList"
    for text in price_list:
        found = None
        named = _GPU_NAME.search(text) if isinstance(text, str) else None
        with where.one(named[1] if named else ""):
            try:
                item = _object(json.loads(text, parse_float=Decimal), where, what)
            except ValueError as exc:
                raise where.fail(f"{what} is not JSON ({exc})") from exc
            attributes = _need(item, "product.attributes", where, what)
            found = item, _object(attributes, where, f"product.attributes of {what}")
        if found:
            yield found


def _dimensions(item: Mapping[str, Any], kind: str, what: str, where: Where) -> Iterator[tuple[Any, Any, str, str]]:
    """Yield (term, dimension, currency, amount) of an item's terms of one kind."""
    offers = _object(_object(item.get("terms"), where, f"terms of {what}").get(kind), where, f"terms.{kind} of {what}")
    for code, value in offers.items():
        offer = _object(value, where, f"terms.{kind}.{code} of {what}")
        dimensions = _object(_need(offer, "priceDimensions", where, what), where, f"priceDimensions of {what}")
        for dimension in (_object(value, where, f"priceDimensions of {what}") for value in dimensions.values()):
            amounts = _object(_need(dimension, "pricePerUnit", where, what), where, f"pricePerUnit of {what}")
            if len(amounts) != 1:
                raise where.fail(f"{what} has prices in {', '.join(sorted(amounts)) or 'no currency'}, one is expected")
            ((currency, amount),) = amounts.items()
            yield offer, dimension, currency, str(amount)


def offer_rates(price_list: Iterable[str], where: Where, families: tuple[str, ...]) -> Iterator[Rate]:
    """Yield the rates of GetProducts('AmazonEC2'), whose items are JSON strings."""
    for item, attributes in _products(price_list, where):
        rates: list[Rate] = []
        with where.one(str(attributes.get("instanceType") or "")):
            sku = str(_need(item, "product.sku", where, "an item of PriceList"))
            name = str(_need(attributes, "instanceType", where, f"SKU {sku}"))
            if wanted(name, families):
                rates += _offer_rates(item, attributes, name, sku, where)
        yield from rates


def _offer_rates(
    item: Mapping[str, Any], attributes: Mapping[str, Any], name: str, sku: str, where: Where
) -> Iterator[Rate]:
    if attributes.get("regionCode") != where.region:
        raise where.fail(f"{name} (SKU {sku}) is of region {attributes.get('regionCode')!r}")
    for kind in ("OnDemand", "Reserved"):
        for offer, dimension, currency, amount in _dimensions(item, kind, f"{name} (SKU {sku})", where):
            words = _object(offer.get("termAttributes"), where, f"termAttributes of {name} (SKU {sku})")
            yield Rate(
                instance_type=name,
                sku=sku,
                kind=kind,
                lease=str(words.get("LeaseContractLength", "")),
                payment=str(words.get("PurchaseOption", "")),
                offering=str(words.get("OfferingClass", "")),
                unit=str(dimension.get("unit", "")),
                amount=amount,
                currency=currency,
                effective=str(offer.get("effectiveDate", "")),
                version=str(item.get("version", "")),
            )


def transfer_rates(price_list: Iterable[str], where: Where) -> Iterator[TransferRate]:
    """Yield the rates of GetProducts('AWSDataTransfer') that leave this region."""
    for item, attributes in _products(price_list, where):
        sku = str(_need(item, "product.sku", where, "an item of PriceList"))
        if attributes.get("fromRegionCode") != where.region or attributes.get("fromLocationType") != "AWS Region":
            continue
        to_region = str(attributes.get("toRegionCode", "")) if attributes.get("toLocationType") == "AWS Region" else ""
        for offer, dimension, currency, amount in _dimensions(item, "OnDemand", f"SKU {sku}", where):
            yield TransferRate(
                sku=sku,
                kind=str(attributes.get("transferType", "")),
                to_location=str(attributes.get("toLocation", "")),
                to_region=to_region,
                operation=str(attributes.get("operation", "")),
                usage=str(attributes.get("usagetype", "")),
                unit=str(dimension.get("unit", "")),
                begin=str(dimension.get("beginRange", "")),
                end=str(dimension.get("endRange", "")),
                amount=amount,
                currency=currency,
                effective=str(offer.get("effectiveDate", "")),
                version=str(item.get("version", "")),
            )


def plan_rates(
    results: Iterable[Mapping[str, Any]], where: Where, families: tuple[str, ...]
) -> tuple[list[PlanRate], list[str]]:
    """Return the rates of DescribeSavingsPlansOfferingRates for Linux on shared hosts, and gaps for unknown plans.

    Rates of an unused capacity reservation and of dedicated hosts are skipped.
    """
    rates, gaps = [], set()
    for result in results:
        name = ""
        with where.one(""):
            usage = str(_need(result, "usageType", where, "a savings-plan rate"))
            if "BoxUsage:" not in usage:
                continue  # "UnusedBox:...", "DedicatedUsage:...", "HostUsage:..."
            properties = {p.get("name"): p.get("value") for p in result.get("properties") or ()}
            name = str(properties.get("instanceType") or usage.partition("BoxUsage:")[2])
            if not name:
                raise where.fail(f"a savings-plan rate ({usage}) has no instanceType")
        if not wanted(name, families):
            continue
        with where.one(name):
            if properties.get("region", where.region) != where.region:
                raise where.fail(f"a savings-plan rate for {name} is of region {properties['region']}")
            rate = _plan_rate(result, name, where)
            if isinstance(rate, str):
                gaps.add(rate)
            else:
                rates.append(rate)
    return rates, sorted(gaps)


def _plan_rate(result: Mapping[str, Any], name: str, where: Where) -> PlanRate | str:
    """Return a rate, or the gap where its kind of plan is new."""
    plan = _need(result, "savingsPlanOffering", where, f"a savings-plan rate for {name}")
    kind = str(_need(plan, "planType", where, f"a savings plan for {name}"))
    seconds = _need(plan, "durationSeconds", where, f"a savings plan for {name}")
    if kind not in terms.PLAN_TYPES or seconds not in terms.DURATIONS:
        return f"savings plans of type {kind} over {seconds} s are new to this version and left out"
    return PlanRate(
        instance_type=name,
        plan=terms.PLAN_TYPES[kind],
        term=terms.DURATIONS[seconds],
        payment=str(_need(plan, "paymentOption", where, f"a savings plan for {name}")),
        unit=str(_need(result, "unit", where, f"a savings-plan rate for {name}")),
        amount=str(_need(result, "rate", where, f"a savings-plan rate for {name}")),
        currency=str(_need(plan, "currency", where, f"a savings plan for {name}")),
        effective="",
        version="",
    )


def spot_prices(
    history: Iterable[Mapping[str, Any]], where: Where, families: tuple[str, ...], on_demand: Mapping[str, Decimal]
) -> list[Price]:
    """Return the current spot price per type and zone; floors that are no offers are kept out by status "low".

    AWS prints exactly the on-demand price where there is nothing spare, and exactly a tenth of it where nobody asked.
    """
    newest: dict[tuple[str, str], Mapping[str, Any]] = {}
    for entry in history:
        with where.one(str(entry.get("InstanceType") or "")):
            name = str(_need(entry, "InstanceType", where, "a spot price"))
            if not wanted(name, families) or entry.get("ProductDescription", "Linux/UNIX") != "Linux/UNIX":
                continue
            key = (name, str(_need(entry, "AvailabilityZone", where, f"a spot price of {name}")))
            when = _need(entry, "Timestamp", where, f"a spot price of {name}")
            if key not in newest or when > newest[key]["Timestamp"]:
                newest[key] = entry
    rows = []
    for (name, zone), entry in sorted(newest.items()):
        with where.one(name):
            rows.append(_spot_price(name, zone, entry, where, on_demand.get(name)))
    return rows


def _spot_price(name: str, zone: str, entry: Mapping[str, Any], where: Where, full: Decimal | None) -> Price:
    what = f"{name} spot in {zone}"
    amount = amount_of(_need(entry, "SpotPrice", where, what), where.partition.currency, what, where)
    if not amount:
        raise where.fail(f"{what} costs 0: not a price")
    floor = ""
    if full is not None and amount >= full:
        floor = "not below the on-demand price: no spare capacity"
    elif full is not None and amount * 10 == full:
        floor = "exactly a tenth of the on-demand price: a floor without demand"
    return price(
        where,
        name,
        "spot",
        amount,
        effective=_iso(entry["Timestamp"]),
        zone=zone,
        status="low" if floor else "",
        confidence="low" if floor else "high",
        note=floor,
    )


def capacity_blocks(offerings: Iterable[Mapping[str, Any]], where: Where) -> list[Price]:
    """Return, per type and zone, the cheapest Capacity Block on offer, as its fee per instance-hour of the block."""
    best: dict[tuple[str, str], tuple[Decimal, Mapping[str, Any]]] = {}
    for offer in offerings:
        with where.one(str(offer.get("InstanceType") or "")):
            name = str(_need(offer, "InstanceType", where, "a Capacity Block"))
            what = f"Capacity Block of {name}"
            zone = str(_need(offer, "AvailabilityZone", where, what))
            currency = str(_need(offer, "CurrencyCode", where, what))
            fee = amount_of(_need(offer, "UpfrontFee", where, what), currency, what, where)
            hours = _need(offer, "CapacityBlockDurationHours", where, what) * _need(offer, "InstanceCount", where, what)
            if not fee or hours <= 0:
                raise where.fail(f"{what} in {zone} costs {fee} for {hours} instance-hours: not a price")
            rate = fee / hours
            if (name, zone) not in best or rate < best[name, zone][0]:
                best[name, zone] = (rate, offer)
    return [
        price(
            where,
            name,
            "capacity_block",
            rate,
            effective="",
            zone=zone,
            payment="all_upfront",
            note=f"{offer['UpfrontFee']} for {offer['CapacityBlockDurationHours']} h x "
            f"{offer['InstanceCount']}, starting {_iso(offer.get('StartDate', ''))[:16]}; the operating system's fee is apart",
        )
        for (name, zone), (rate, offer) in sorted(best.items())
    ]


def _iso(moment: Any) -> str:
    return moment if isinstance(moment, str) else str(moment.isoformat())


def check_key(answer: Mapping[str, Any], key: str, where: Where) -> Any:
    """Return `answer[key]`; a body that is not what the SDK expects (cut off, a proxy's page) comes out without it."""
    if key not in answer:
        raise FetchError(f"aws {where.region}: {where.call}: the answer has no {key}: cut off, or not AWS's; try again")
    return answer[key]
