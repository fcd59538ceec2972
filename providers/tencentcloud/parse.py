"""Tencent Cloud's answers, as plain dicts in the API's own field names, to our records; no I/O, no clock.

Every function raises `FetchError` with the question (`where`) in it when an answer is missing, doubled, in another
unit, or zero where a price is expected. Fields that are not read here may come and go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from planner.errors import FetchError
from planner.money import plain
from planner.offer import InstanceType, Price, Source, TransferPrice, Way
from planner.records import NamedTuple
from providers._border import clean, mapping, number, price, text
from providers._items import STRICT, Items
from providers.tencentcloud import terms

__all__ = [
    "Offered",
    "check_currency",
    "egress",
    "gpu_rows",
    "instance_types",
    "offered",
    "prices",
    "term_price",
    "type_configs",
]

Answer = Mapping[str, Any]
ZERO = Decimal(0)


class Context(NamedTuple):
    """What every row of one refresh shares. where: how an error begins."""

    region: str
    site: str
    date: str
    where: str

    @property
    def currency(self) -> str:
        return terms.currency_of(self.site)


class Offered(NamedTuple):
    """One row of DescribeZoneInstanceConfigInfos: a type in a zone in one way to pay, with its price as it came."""

    zone: str
    name: str
    family: str
    option: str
    on_sale: bool
    row: Answer


def gpu_rows(answer: Answer, where: str, items: Items = STRICT) -> list[Answer]:
    """Return the rows of `answer` that have GPUs, or parts of one."""
    found = answer.get("InstanceTypeQuotaSet")
    if not isinstance(found, list) or any(not isinstance(row, Mapping) for row in found):
        raise FetchError(f"{where}: InstanceTypeQuotaSet is missing from the answer; look at it with --keep-raw DIR")
    kept = []
    for row in found:
        with items.one(_said(row)):
            if _gpus(row, "Gpu", where) > 0:
                kept.append(row)
    return kept


def _said(row: Answer) -> str:
    """Return the type that a row names, "" where it names none."""
    name = row.get("InstanceType")
    return name.strip() if isinstance(name, str) else ""


def _gpus(row: Answer, whole: str, where: str) -> Decimal:
    """Return the GPUs of a row: GpuCount where it is given (below 1 for a slice), else the whole number."""
    at = f"{where}: {row.get('InstanceType')}"
    count = row.get("GpuCount")
    return number(count, f"{at}: GpuCount") if count else number(row.get(whole) or 0, f"{at}: {whole}")


def offered(answer: Answer, option: str, where: str, items: Items = STRICT) -> list[Offered]:
    """Return the GPU rows of one charge type, one per zone and type; two that differ in price are an error of that type."""
    charge_type = terms.CHARGE_TYPES[option]
    found: dict[tuple[str, str], Offered] = {}
    for row in gpu_rows(answer, where, items):
        with items.one(_said(row)):
            name = text(row.get("InstanceType"), f"{where}: InstanceType")
            zone = text(row.get("Zone"), f"{where}: {name}: Zone")
            if row.get("InstanceChargeType", charge_type) != charge_type:
                raise FetchError(
                    f"{where}: {name} in {zone} is {row.get('InstanceChargeType')}, {charge_type} was asked for"
                )
            family = str(row.get("InstanceFamily") or name.split(".")[0])
            one = Offered(zone, name, family, option, row.get("Status") == "SELL", row)
            held = found.get((zone, name))
            if held is not None and held.row.get("Price") != row.get("Price"):
                raise FetchError(f"{where}: two prices of {name} in {zone} where one is expected")
            found[zone, name] = one
    return [found[key] for key in sorted(found)]


def type_configs(answer: Answer, where: str) -> dict[str, Answer]:
    """Return DescribeInstanceTypeConfigs' rows by type; GpuType and GpuMemory may be absent from them."""
    found = answer.get("InstanceTypeConfigSet")
    if not isinstance(found, list) or any(not isinstance(row, Mapping) for row in found):
        raise FetchError(f"{where}: InstanceTypeConfigSet is missing from the answer; look at it with --keep-raw DIR")
    return {str(row.get("InstanceType")): row for row in found}


def instance_types(
    rows: Iterable[Offered], configs: Mapping[str, Answer], where: str, items: Items = STRICT
) -> list[InstanceType]:
    """Return each type once; zones that describe it differently are an error of that type."""
    found: dict[str, InstanceType] = {}
    for one in rows:
        with items.one(one.name):
            record = _instance_type(one, configs.get(one.name, {}), f"{where}: {one.name}")
            if found.setdefault(one.name, record) != record:
                raise FetchError(f"{where}: {one.name} is described differently by two zones")
    return [found[name] for name in sorted(found)]


def _instance_type(one: Offered, config: Answer, at: str) -> InstanceType:
    row = one.row
    count = _gpus(row, "Gpu", at)
    word = clean(str(config.get("GpuType") or ""), 60)
    said = number(config["GpuMemory"], f"{at}: GpuMemory") if config.get("GpuMemory") else None
    model, memory = terms.gpu_name(one.family, word, said, count)
    vcpu = number(row.get("Cpu"), f"{at}: Cpu")
    if vcpu <= 0 or vcpu != int(vcpu):
        raise FetchError(f"{at}: {plain(vcpu)} vCPU cannot be")
    bandwidth = row.get("InstanceBandwidth")
    return InstanceType(
        provider="tencentcloud",
        name=one.name,
        vcpu=int(vcpu),
        memory_gib=price(row.get("Memory"), f"{at}: Memory"),
        gpu_model=model,
        gpu_count=count,
        gpu_memory_gib=memory,
        network_gbps=number(bandwidth, f"{at}: InstanceBandwidth") if bandwidth else None,
        local_nvme_gb=0,
        source="Tencent Cloud CVM DescribeZoneInstanceConfigInfos and DescribeInstanceTypeConfigs",
        confidence="high" if word or said is not None else "medium",
        note="; ".join(
            filter(
                None,
                (
                    f"GpuType {word}"
                    if word
                    else "the API named no GPU: name and memory are the family's, by Tencent's page",
                    "local disks are not given" if row.get("LocalDiskTypeList") else "",
                ),
            )
        ),
    )


def prices(
    rows: Iterable[Offered], context: Context, source: str, items: Items = STRICT
) -> tuple[list[Price], list[str]]:
    """Return the prices of `rows`, one for the region where all zones agree and one per zone where they do not.

    The second part names what has no price: a type that is sold out and shows none.
    """
    by_type: dict[tuple[str, str], dict[str, list[Price]]] = {}
    gaps: list[str] = []
    for one in rows:
        at = f"{context.where}[InstanceType={one.name}, Zone={one.zone}, InstanceChargeType={terms.CHARGE_TYPES[one.option]}]"
        with items.one(one.name):
            item = one.row.get("Price")
            if not isinstance(item, Mapping):
                raise FetchError(f"{at}: Price is missing from the answer; look at it with --keep-raw DIR")
            if not one.on_sale and not any(
                item.get(field) for field in ("UnitPrice", "UnitPriceDiscount", "OriginalPrice")
            ):
                gaps.append(
                    f"{context.region}: {one.name} {one.option.replace('_', '-')} in {one.zone}: sold out, no price shown"
                )
                continue
            read = _terms if one.option == "subscription" else _hourly
            by_type.setdefault((one.name, one.option), {})[one.zone] = read(item, one, context, source, at)
    result: list[Price] = []
    for _, zones in sorted(by_type.items()):
        first = next(iter(zones.values()))
        if all(found == first for found in zones.values()):
            result += first
        else:
            result += [row._replace(way=row.way._replace(zone=zone)) for zone in sorted(zones) for row in zones[zone]]
    return result, gaps


def _hourly(item: Answer, one: Offered, context: Context, source: str, at: str) -> list[Price]:
    """Return the steps of an hourly price: of the list for on-demand, of what is left (the market's) for spot."""
    if item.get("ChargeUnit") != "HOUR":
        raise FetchError(f"{at}: ChargeUnit is {clean(repr(item.get('ChargeUnit')), 30)}, HOUR was expected")
    field = "UnitPrice" if one.option == "on_demand" else "UnitPriceDiscount"
    amounts = [number(item.get(f"{field}{step}") or 0, f"{at}: {field}{step}") for step, _, _ in terms.STEPS]
    price(item.get(field), f"{at}: {field}")
    if any(amount > 0 for amount in amounts[1:]) and not all(amount > 0 for amount in amounts):
        shown = ", ".join(plain(amount) for amount in amounts)
        raise FetchError(f"{at}: {field} has some of its three steps only ({shown})")
    steps = [(amount, start, end) for amount, (_, start, end) in zip(amounts, terms.STEPS, strict=True)]
    if amounts[1] == 0:
        steps = [(amounts[0], ZERO, None)]
    rows = []
    for (amount, start, end), (step, _, _) in zip(steps, terms.STEPS, strict=False):
        other = item.get(f"{'UnitPriceDiscount' if one.option == 'on_demand' else 'UnitPrice'}{step}")
        note = _shown(amount, other, f"{at}: {step}") if one.option == "on_demand" else _spot_note(amount, other, at)
        rows.append(
            _price(one, context, source, "", "hour", amount, "medium" if one.option == "spot" else "high", note)
        )
        rows[-1] = rows[-1]._replace(tier_from=start, tier_to=end)
    return rows


def _shown(amount: Decimal, other: object, at: str) -> str:
    """Return a remark where this account is shown another price than the list's."""
    left = number(other, at) if other else amount
    return "" if left == amount else f"list price; this account is shown {plain(left)}"


def _spot_note(amount: Decimal, other: object, at: str) -> str:
    full = number(other, at) if other else ZERO
    return "market price" + (f" ({plain(full)} before the spot discount)" if full > 0 and full != amount else "")


def _terms(item: Answer, one: Offered, context: Context, source: str, at: str) -> list[Price]:
    """Return the month and each term of years that the row has.

    A year's OriginalPrice is so many months of list price; what the length of the term takes off shows in its
    DiscountPrice only. That one is taken when the same account is shown no discount on a single month, that is, when
    what is off can only be for the length; else the list price is, with a remark.
    """
    listed = price(item.get("OriginalPrice"), f"{at}: OriginalPrice")
    left = number(item.get("DiscountPrice") or listed, f"{at}: DiscountPrice")
    rows = [_price(one, context, source, "1m", "month", listed, "high", _shown(listed, left, at))]
    for term, (unit, suffixes) in terms.TERMS.items():
        if term == "1m":
            continue
        suffix = next((word for word in suffixes if item.get(f"OriginalPrice{word}")), None)
        if suffix is None:
            continue
        total = price(item.get(f"OriginalPrice{suffix}"), f"{at}: OriginalPrice{suffix}")
        paid = number(item.get(f"DiscountPrice{suffix}") or total, f"{at}: DiscountPrice{suffix}")
        amount, confidence, note = term_price(total, paid, plain_month=left == listed)
        rows.append(_price(one, context, source, term, unit, amount, confidence, note))
    return rows


def term_price(total: Decimal, paid: Decimal, plain_month: bool) -> tuple[Decimal, str, str]:
    """Return (amount, confidence, note) of a term of years: see `_terms`."""
    if paid == total:
        return total, "high", ""
    if plain_month and 0 < paid < total:
        return paid, "medium", f"{plain(total)} less the discount for the length of the term"
    return total, "high", f"list price; this account is shown {plain(paid)}"


def check_currency(rows: Iterable[Price], context: Context) -> None:
    """Raise `FetchError` when on-demand prices look like the other site's currency.

    The API names none; but for a few types both sites' list prices are published, some seven times apart.
    """
    for row in rows:
        anchor = terms.ANCHORS.get(row.instance_type)
        if anchor is None or row.purchase_option != "on_demand" or row.tier_from != 0:
            continue
        own = anchor[context.site]
        other_site = next(site for site in anchor if site != context.site)
        other = anchor[other_site]
        # Nearer by ratio: beyond the geometric mean of the two, on the other one's side.
        square, middle = row.amount**2, own * other
        nearer_other = square > middle if other > own else square < middle
        if nearer_other:
            raise FetchError(
                f"{context.where}: {row.instance_type} costs {plain(row.amount)} an hour, which is like the "
                f"{other_site} site's {plain(other)} {terms.currency_of(other_site)} and unlike the {context.site} "
                f"site's {plain(own)} {context.currency}: these keys seem to belong to the {other_site} site "
                f"(--endpoint tencentcloud=https://{terms.SITES[other_site][1]})"
            )


def egress(answer: Answer, context: Context, source: str) -> TransferPrice | str:
    """Return the price per GB of traffic to the internet, or a sentence saying why the answer has none."""
    item = mapping(answer.get("Price"), f"{context.where}: Price").get("BandwidthPrice")
    if not isinstance(item, Mapping):
        return f"egress in {context.region}: InquiryPriceRunInstances gave no BandwidthPrice"
    if item.get("ChargeUnit") != "GB":
        unit = clean(repr(item.get("ChargeUnit")), 20)
        return f"egress in {context.region}: BandwidthPrice is per {unit}, not per GB, so it is no price of traffic"
    amount = price(item.get("UnitPrice"), f"{context.where}: BandwidthPrice.UnitPrice")
    return TransferPrice(
        provider="tencentcloud",
        site=context.site,
        region=context.region,
        destination="internet",
        to_region="",
        from_gb=ZERO,
        to_gb=None,
        amount=amount,
        currency=context.currency,
        source=source_of(source, context.date, "high"),
        note="; ".join(
            filter(
                None, ("bill by traffic; 1 GB = 1024 MB", _shown(amount, item.get("UnitPriceDiscount"), context.where))
            )
        ),
    )


def _price(
    one: Offered, context: Context, source: str, term: str, unit: str, amount: Decimal, confidence: str, note: str
) -> Price:
    return Price(
        way=Way(
            provider="tencentcloud",
            site=context.site,
            region=context.region,
            instance_type=one.name,
            purchase_option=one.option,
            term=term,
        ),
        unit=unit,
        amount=amount,
        currency=context.currency,
        source=source_of(source, context.date, confidence),
        note=note,
    )


def source_of(words: str, date: str, confidence: str) -> Source:
    """Return the source of a price that the API answered on `date`; words: which call, where."""
    return Source(text=words, as_of=date, dated="", confidence=confidence, origin="book", place=words)
