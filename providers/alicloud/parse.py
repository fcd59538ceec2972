"""Alibaba Cloud's answers, as plain dicts in the API's own field names, to our records; no I/O, no clock.

Every function raises `FetchError` with the question (`where`) in it when an answer is missing, doubled, in another
unit or currency, or zero where a price is expected. Fields that are not read here may come and go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from planner.errors import FetchError
from planner.money import plain
from planner.offer import InstanceType, Price, Source, TransferPrice, Way
from providers._border import clean, mapping, mappings, number, price, text
from providers._items import STRICT, Items
from providers.alicloud import terms

__all__ = ["Quoted", "discounts", "egress", "instance_types", "offered", "quoted", "savings_plans", "site_of", "spot"]

Answer = Mapping[str, Any]
ZERO = Decimal(0)
GIB_PER_GB = Decimal(2**30) / Decimal(10**9)
#: Gbit/s per unit of InstanceBandwidthRx: kbit/s in steps of 1024.
BANDWIDTH_UNIT = Decimal(1024) * 1000


def rows(answer: Answer, outer: str, inner: str, where: str) -> list[Answer]:
    """Return the list that Alibaba wraps twice ({"Zones": {"Zone": [...]}}); raise when it is not there."""
    box = answer.get(outer)
    found = box.get(inner) if isinstance(box, Mapping) else None
    if found is None and isinstance(box, Mapping):
        found = []
    if not isinstance(found, list) or any(not isinstance(row, Mapping) for row in found):
        raise FetchError(f"{where}: {outer}.{inner} is missing from the answer; look at it with --keep-raw DIR")
    return found


def site_of(currency: object, where: str) -> str:
    """Return the price book that `currency` belongs to; an unknown one raises `FetchError`."""
    word = text(currency, f"{where}: Currency")
    if word not in terms.CURRENCY_SITES:
        known = ", ".join(f"{code} ({site})" for code, site in terms.CURRENCY_SITES.items())
        raise FetchError(f"{where}: prices come in {clean(word, 20)}, but the known price books are {known}")
    return terms.CURRENCY_SITES[word]


def instance_types(answers: Iterable[Answer], where: str, items: Items = STRICT) -> dict[str, tuple[InstanceType, str]]:
    """Return the GPU types of DescribeInstanceTypes' pages by name, each with its family ("ecs.gn7i")."""
    found: dict[str, tuple[InstanceType, str]] = {}
    for answer in answers:
        for row in rows(answer, "InstanceTypes", "InstanceType", where):
            said = row.get("InstanceTypeId")
            with items.one(said if isinstance(said, str) else ""):
                name = text(said, f"{where}: InstanceTypeId")
                at = f"{where}: {name}"
                count = number(row.get("GPUAmount", 0), f"{at}: GPUAmount")
                if count <= 0:
                    continue
                record = _instance_type(row, name, count, at)
                if name in found and found[name][0] != record:
                    raise FetchError(f"{at} is described twice, differently")
                found[name] = (record, str(row.get("InstanceTypeFamily") or _family(name)))
    return found


def _family(name: str) -> str:
    """Return "ecs.gn7i" for "ecs.gn7i-c8g1.2xlarge": only where the answer does not say it."""
    head = ".".join(name.split(".")[:2])
    return head.rpartition("-")[0] or head


def _instance_type(row: Answer, name: str, count: Decimal, at: str) -> InstanceType:
    spec = text(row.get("GPUSpec"), f"{at}: GPUSpec")
    gpu_memory = number(row["GPUMemorySize"], f"{at}: GPUMemorySize") if row.get("GPUMemorySize") else None
    bandwidths = [
        number(row[key], f"{at}: {key}")
        for key in ("InstanceBandwidthRx", "InstanceBandwidthTx")
        if row.get(key)  # absent and 0 both mean "not said"
    ]
    disks = ZERO
    if str(row.get("LocalStorageCategory") or "").startswith("local_ssd"):
        disks = number(row.get("LocalStorageAmount"), f"{at}: LocalStorageAmount") * number(
            row.get("LocalStorageCapacity"), f"{at}: LocalStorageCapacity"
        )
    vcpu = number(row.get("CpuCoreCount"), f"{at}: CpuCoreCount")
    memory = number(row.get("MemorySize"), f"{at}: MemorySize")
    if vcpu <= 0 or vcpu != int(vcpu) or memory <= 0:
        raise FetchError(f"{at}: {plain(vcpu)} vCPU and {plain(memory)} GiB cannot be")
    return InstanceType(
        provider="alicloud",
        name=name,
        vcpu=int(vcpu),
        memory_gib=memory,
        gpu_model=terms.gpu_name(spec, gpu_memory),
        gpu_count=count,
        gpu_memory_gib=gpu_memory,
        network_gbps=Decimal(plain(min(bandwidths) / BANDWIDTH_UNIT)) if bandwidths else None,
        local_nvme_gb=int(disks * GIB_PER_GB),
        source="Alibaba Cloud ECS DescribeInstanceTypes",
        confidence="high",
        note=f"GPUSpec {clean(spec, 60)}",
    )


def offered(answer: Answer, where: str) -> dict[str, dict[str, str]]:
    """Return type -> zone -> "in_stock", "sold_out" or "unknown" from DescribeAvailableResource's answer.

    A type that is not in the result is not sold in this way in the region; one without stock still has a price.
    """
    found: dict[str, dict[str, str]] = {}
    for zone in rows(answer, "AvailableZones", "AvailableZone", where):
        zone_id = text(zone.get("ZoneId"), f"{where}: ZoneId")
        if not isinstance(zone.get("AvailableResources"), Mapping):
            continue
        for resource in rows(zone, "AvailableResources", "AvailableResource", where):
            if resource.get("Type") != "InstanceType" or not isinstance(resource.get("SupportedResources"), Mapping):
                continue
            for row in rows(resource, "SupportedResources", "SupportedResource", where):
                word = str(row.get("StatusCategory") or "")
                found.setdefault(text(row.get("Value"), f"{where}: Value"), {})[zone_id] = terms.STOCK.get(
                    word, "unknown"
                )
    return found


class Quoted:
    """One answer of DescribePrice: the line of the resource asked for."""

    __slots__ = ("currency", "discount", "list_amount", "rules", "shown", "site")

    def __init__(self, answer: Answer, resource: str, where: str) -> None:
        info = answer.get("PriceInfo")
        money = info.get("Price") if isinstance(info, Mapping) else None
        if not isinstance(info, Mapping) or not isinstance(money, Mapping):
            raise FetchError(f"{where}: PriceInfo.Price is missing from the answer; look at it with --keep-raw DIR")
        self.site = site_of(money.get("Currency"), where)
        self.currency = str(money["Currency"])
        lines = rows(money, "DetailInfos", "DetailInfo", where) if "DetailInfos" in money else []
        fitting = [line for line in lines if line.get("Resource") == resource]
        if len(fitting) != 1:
            seen = ", ".join(clean(str(line.get("Resource")), 30) for line in lines) or "none"
            raise FetchError(
                f"{where}: {len(fitting)} prices of {resource!r} where one is expected (lines in the answer: {seen})"
            )
        line = fitting[0]
        self.list_amount = price(line.get("OriginalPrice"), f"{where}: OriginalPrice of {resource}")
        self.discount = number(line.get("DiscountPrice", 0) or 0, f"{where}: DiscountPrice of {resource}")
        self.shown = (
            number(line["TradePrice"], f"{where}: TradePrice of {resource}")
            if line.get("TradePrice") is not None
            else self.list_amount - self.discount
        )
        box = info.get("Rules")
        found = box.get("Rule") if isinstance(box, Mapping) else box
        self.rules = tuple(
            clean(str(rule["Description"]), 60)
            for rule in (found if isinstance(found, list) else [])
            if isinstance(rule, Mapping) and rule.get("Description")
        )

    @property
    def discounted(self) -> bool:
        """Whether this account is shown less than the list price."""
        return self.shown != self.list_amount


def quoted(
    found: Quoted,
    month: Quoted | None,
    *,
    region: str,
    name: str,
    option: str,
    term: str,
    unit: str,
    source: str,
    date: str,
) -> Price:
    """Return the price row of one DescribePrice answer. `month`: the same type's answer for one month, for years.

    The row holds the list price. A term of years is the exception: its OriginalPrice is that many times the yearly
    list without the published discount for the length of the term, which only TradePrice shows. TradePrice is taken
    when the same account is shown no discount on a single month, that is, when what is off can only be for the length.
    """
    amount, notes = found.list_amount, []
    confidence = "high"
    if found.discounted:
        rules = f" ({'; '.join(found.rules)})" if found.rules else ""
        lengthy = unit == "term" and month is not None and not month.discounted and ZERO < found.shown < amount
        if lengthy:
            notes.append(f"{plain(amount)} less the discount for the length of the term{rules}")
            amount, confidence = found.shown, "medium"
        else:
            notes.append(f"list price; this account is shown {plain(found.shown)}{rules}")
    return _price(
        region=region,
        name=name,
        option=option,
        term=term,
        unit=unit,
        amount=amount,
        site=found.site,
        currency=found.currency,
        source=source,
        date=date,
        note="; ".join(notes),
        confidence=confidence,
    )


def spot(answers: Iterable[Answer], *, region: str, name: str, site: str, source: str, where: str) -> list[Price]:
    """Return the newest spot price of each zone; two prices of one zone at one moment raise `FetchError`."""
    newest: dict[str, tuple[str, Decimal, str]] = {}
    for answer in answers:
        found = rows(answer, "SpotPrices", "SpotPriceType", where)
        if found and site_of(answer.get("Currency"), where) != site:
            raise FetchError(
                f"{where}: spot prices come in {answer.get('Currency')}, the others of site {site!r} do not"
            )
        for row in found:
            if row.get("InstanceType") != name or row.get("NetworkType", "vpc") != "vpc":
                continue
            if row.get("IoOptimized", "optimized") != "optimized":
                continue
            zone = text(row.get("ZoneId"), f"{where}: ZoneId")
            when = text(row.get("Timestamp"), f"{where}: Timestamp")
            amount = price(row.get("SpotPrice"), f"{where}: SpotPrice in {zone}")
            held = newest.get(zone)
            if held is not None and held[0] == when and held[1] != amount:
                raise FetchError(
                    f"{where}: two spot prices in {zone} at {clean(when, 30)} where one is expected: "
                    f"{plain(held[1])} and {plain(amount)}"
                )
            if held is None or when > held[0]:
                newest[zone] = (when, amount, str(answer["Currency"]))
    return [
        _price(
            region=region,
            name=name,
            option="spot",
            term="",
            unit="hour",
            amount=amount,
            site=site,
            currency=currency,
            source=source,
            date=when[:10],
            zone=zone,
            confidence="medium",
            note=f"market price of {when}, with one hour of protection; disk and traffic apart",
        )
        for zone, (when, amount, currency) in sorted(newest.items())
    ]


def discounts(answers: Iterable[Answer], *, family: str, region: str, where: str) -> Decimal | None:
    """Return the share of the list price that a savings plan leaves for `family`, or None where none is offered."""
    rates: dict[Decimal, Answer] = {}
    for answer in answers:
        if answer.get("Success") is False:
            if terms.not_applicable(str(answer.get("Code")), str(answer.get("Message"))):
                return None
            raise FetchError(
                f"{where}: answered {clean(str(answer.get('Code')), 40)}: {clean(str(answer.get('Message')), 120)}"
            )
        data = mapping(answer.get("Data"), f"{where}: Data")
        for item in mappings(data.get("Items"), f"{where}: Data.Items"):
            if str(item.get("Spec") or family) != family or str(item.get("RegionCode") or region) != region:
                continue
            rate = number(item.get("DiscountRate"), f"{where}: DiscountRate")
            if not 0 < rate <= 1:
                raise FetchError(
                    f"{where}: DiscountRate is {plain(rate)}, a share of the list price (0..1) was expected"
                )
            rates[rate] = item
    if len(rates) > 1:
        seen = ", ".join(plain(rate) for rate in sorted(rates))
        raise FetchError(f"{where}: {len(rates)} rates where one is expected: {seen}")
    return next(iter(rates), None)


def savings_plans(on_demand: Price, rate: Decimal, *, term: str, payment: str, kind: str, source: str) -> Price:
    """Return the hourly price under a savings plan: `rate` of the on-demand price asked for in the same refresh."""
    return on_demand._replace(
        way=on_demand.way._replace(purchase_option="savings_plan", term=term, payment=payment, offering=kind),
        amount=on_demand.amount * rate,
        source=on_demand.source._replace(text=source, confidence="medium"),
        note=f"{plain(rate)} of the on-demand price {plain(on_demand.amount)} of the same refresh; the API gives rates, "
        "not prices",
    )


def egress(answer: Answer, *, region: str, site: str, source: str, date: str, where: str) -> TransferPrice | str:
    """Return the price per GB of traffic to the internet, or a sentence saying why the answer is not one.

    The answer names no unit. The API's page says that for ResourceType=bandwidth only the pay-by-traffic price comes
    back, and traffic is billed by the GB; an amount outside of what a GB can cost is therefore not believed.
    """
    money = mapping(answer.get("PriceInfo"), f"{where}: PriceInfo").get("Price")
    if not isinstance(money, Mapping) or money.get("OriginalPrice") is None:
        return f"egress in {region}: DescribePrice gave no price for ResourceType=bandwidth"
    if site_of(money.get("Currency"), where) != site:
        raise FetchError(f"{where}: traffic comes in {money.get('Currency')}, the other prices of site {site!r} do not")
    lines = rows(money, "DetailInfos", "DetailInfo", where) if "DetailInfos" in money else []
    named = {number(line.get("OriginalPrice"), where) for line in lines if line.get("Resource") == "bandwidth"}
    if len(named) > 1:
        raise FetchError(f"{where}: {len(named)} prices of 'bandwidth' where one is expected")
    amount = named.pop() if named else number(money.get("OriginalPrice"), f"{where}: OriginalPrice")
    if not Decimal("0.01") <= amount <= 3:
        return (
            f"egress in {region}: DescribePrice gave {plain(amount)} {money.get('Currency')} for ResourceType=bandwidth, "
            "which cannot be a price per GB"
        )
    return TransferPrice(
        provider="alicloud",
        site=site,
        region=region,
        destination="internet",
        to_region="",
        from_gb=ZERO,
        to_gb=None,
        amount=amount,
        currency=str(money["Currency"]),
        source=_source(source, date, "medium"),
        note="pay by traffic; the answer names no unit, the API's page says this is the price by traffic (per GB)",
    )


def _price(
    *,
    region: str,
    name: str,
    option: str,
    term: str,
    unit: str,
    amount: Decimal,
    site: str,
    currency: str,
    source: str,
    date: str,
    note: str,
    confidence: str,
    zone: str = "",
) -> Price:
    return Price(
        way=Way(
            provider="alicloud",
            site=site,
            region=region,
            instance_type=name,
            purchase_option=option,
            term=term,
            zone=zone,
        ),
        unit=unit,
        amount=amount,
        currency=currency,
        source=_source(source, date, confidence),
        note=note,
    )


def _source(words: str, date: str, confidence: str) -> Source:
    return Source(text=words, as_of=date, dated="", confidence=confidence, origin="book", place=words)
