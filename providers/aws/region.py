"""One region of AWS through its APIs: which calls, in what order, and what is done when one of them brings nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from planner.errors import FetchError, PlannerError
from planner.offer import InstanceType, Price, TransferPrice
from planner.provider import Access, Batch
from providers._items import UNNAMED
from providers._together import together
from providers.aws import parse, public, rows, terms
from providers.aws.fetch import Aws
from providers.aws.where import Where

__all__ = ["fetch", "self_check"]

_WORKERS = 4
_GAPS = (
    "the 100 GB a month that AWS gives away (all regions pooled) are not in its price list: the committed list has them",
    "disks, addresses, NAT and traffic between zones are not fetched: the committed list stands",
)


def fetch(region: str, access: Access) -> Batch:
    """Ask in two rounds, the calls of a round at once: what needs nothing, then what needs the list of types."""
    aws = Aws(region, access)
    listed = bool(aws.partition.pricing_region)
    aws.open("ec2", *(("pricing", "savingsplans") if listed else ()))

    types: list[InstanceType] = []
    blocks_of: list[str] = []
    zones: list[tuple[str, str]] = []
    history: list[Any] = []
    prices: dict[str, list[Price]] = {"offers": [], "missing": [], "plans": [], "blocks": []}
    transfer: list[TransferPrice] = []
    gaps: dict[str, list[str]] = {}

    def ask_types() -> None:
        found, blocks = _types(aws, access)
        types.extend(found)
        blocks_of.extend(blocks)

    def ask_offers() -> None:
        prices["offers"], gaps["offers"] = _offers(aws, access)

    def ask_transfer() -> None:
        found, gaps["transfer"] = _transfer(aws, access)
        transfer.extend(found)

    def ask_public() -> None:
        batch = public.fetch(region, access)
        prices["offers"] = list(batch.prices)
        transfer.extend(batch.transfer)
        for name, why in batch.spoilt:
            aws.read.add(name, FetchError(why))
        gaps["offers"] = ["this partition has no price API: prices are from the public list"]

    _at_once([ask_types, ask_offers, ask_transfer] if listed else [ask_types, ask_public], region)
    names = [t.name for t in types]

    def ask_missing() -> None:
        have = {p.instance_type for p in prices["offers"]}
        prices["missing"], gaps["missing"] = _missing_offers(aws, access, names, have)

    def ask_plans() -> None:
        prices["plans"], gaps["plans"] = _plans(aws, access, names)

    second: list[Callable[[], object]] = [
        lambda: zones.extend(_zones(aws, access, names)),
        lambda: history.extend(_spot(aws, access, names)),
        *(partial(lambda name: prices["blocks"].extend(_blocks(aws, access, name)), name) for name in blocks_of),
    ]
    _at_once([ask_missing, ask_plans, *second] if listed else second, region)

    sold = {name for name, _ in zones}
    if names and not sold:
        where = _where(aws, access, "DescribeInstanceTypeOfferings", "LocationType=availability-zone")
        raise where.fail(f"no zone sells any of the {len(names)} GPU types of this region")
    lists = prices["offers"] + prices["missing"]
    on_demand = {p.instance_type: p.amount for p in lists if p.purchase_option == "on_demand"}
    spot_where = _where(aws, access, "DescribeSpotPriceHistory", "")
    with spot_where.reading():
        spot = parse.spot_prices(history, spot_where, access.families, on_demand)
    blocks = sorted(prices["blocks"], key=lambda p: (p.instance_type, p.zone))
    _suspect(aws, {*names} - on_demand.keys())
    described = {t.name for t in types}
    sold = described & (sold | {p.instance_type for p in spot + blocks})
    rows_of = [*lists, *prices["plans"], *spot, *blocks]
    bought = tuple(p for p in rows_of if p.instance_type in sold)
    listed_only = sorted({p.instance_type for p in rows_of} - sold - aws.read.spoilt.keys())
    told = [gap for part in ("offers", "missing", "plans", "transfer") for gap in gaps.get(part, ())]
    if listed_only:
        told.append(f"priced but sold in no zone to this account, left out: {', '.join(listed_only)}")
    if not names:
        told.insert(0, "no GPU instance type is offered here" + (" in these families" if access.families else ""))
    here = tuple(t for t in types if t.name in sold)
    return aws.read.settle(_batch(aws, here, bought, tuple(transfer), (*told, *_GAPS), tuple(zones)))


def _batch(
    aws: Aws,
    types: tuple[InstanceType, ...],
    prices: tuple[Price, ...],
    transfer: tuple[TransferPrice, ...],
    gaps: tuple[str, ...],
    zones: tuple[tuple[str, str], ...],
) -> Batch:
    return Batch(
        provider="aws",
        region=aws.region,
        account_site=aws.partition.site,
        instance_types=types,
        prices=prices,
        transfer=transfer,
        services=(),
        gaps=gaps,
        zones=zones,
    )


def _suspect(aws: Aws, unpriced: set[str]) -> None:
    """Report the types without an on-demand price, where something nameless could not be read: it may be theirs."""
    if UNNAMED in aws.read.spoilt:
        for name in sorted(unpriced):
            why = f"aws {aws.region}: {name}: its price may be one of those that could not be read"
            aws.read.add(name, FetchError(why))


def _at_once(asks: Sequence[Callable[[], object]], region: str) -> None:
    together(lambda ask: ask(), asks, _WORKERS, f"aws-{region}")


def _where(aws: Aws, access: Access, call: str, filters: str) -> Where:
    return Where(aws.region, aws.partition, call, filters or f"region={aws.region}", access.now, aws.read)


def _types(aws: Aws, access: Access) -> tuple[list[InstanceType], list[str]]:
    patterns = list(terms.GPU_FAMILY_PATTERNS)
    if access.families:  # "p6" is also p6-b200, as `in_families` has it
        patterns = [
            p for f in access.families for p in ((f.lower(),) if "." in f else (f"{f.lower()}.*", f"{f.lower()}-*"))
        ]
    where = _where(aws, access, "DescribeInstanceTypes", f"instance-type={','.join(patterns)}")
    answers = aws.items(
        "ec2",
        "DescribeInstanceTypes",
        "InstanceTypes",
        where,
        Filters=[{"Name": "instance-type", "Values": patterns}],
        MaxResults=100,
    )
    with where.reading():
        types = parse.instance_types(answers, where, access.families)
        ours = {t.name for t in types}
        blocks = sorted(
            a["InstanceType"]
            for a in answers
            if a.get("InstanceType") in ours and "capacity-block" in (a.get("SupportedUsageClasses") or ())
        )
    return types, blocks


def _chunks(names: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(names), size):
        yield names[start : start + size]


def _zones(aws: Aws, access: Access, names: list[str]) -> list[tuple[str, str]]:
    where = _where(aws, access, "DescribeInstanceTypeOfferings", "")
    found: list[tuple[str, str]] = []
    for chunk in _chunks(names, 100):
        offerings = aws.items(
            "ec2",
            "DescribeInstanceTypeOfferings",
            "InstanceTypeOfferings",
            where,
            LocationType="availability-zone",
            Filters=[{"Name": "instance-type", "Values": chunk}],
        )
        with where.reading():
            found += parse.zones(offerings, where)
    return sorted(found)


def _filters(fields: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in fields.items()]


def _told(fields: Mapping[str, str]) -> str:
    return ", ".join(f"{field}={value}" for field, value in fields.items())


def _get_products(aws: Aws, access: Access, service: str, fields: Mapping[str, str]) -> tuple[list[str], Where]:
    where = _where(aws, access, f"GetProducts {service}", _told(fields))
    items = aws.items(
        "pricing", "GetProducts", "PriceList", where, ServiceCode=service, Filters=_filters(fields), MaxResults=100
    )
    return items, where


def _offers(aws: Aws, access: Access) -> tuple[list[Price], list[str]]:
    """One query for all of AWS's "GPU instance" types of the region: a page holds a hundred of them."""
    fields = {"regionCode": aws.region, "instanceFamily": "GPU instance", **terms.ON_DEMAND_FILTERS}
    items, where = _get_products(aws, access, "AmazonEC2", fields)
    with where.reading():
        return rows.offer_prices(parse.offer_rates(items, where, access.families), where)


def _missing_offers(aws: Aws, access: Access, names: list[str], have: set[str]) -> tuple[list[Price], list[str]]:
    """Ask singly for types that the one query did not bring; a type without a price is a gap, a region without is wrong."""
    prices: list[Price] = []
    gaps: list[str] = []
    none: list[str] = []
    for name in (n for n in names if n not in have):
        if len(none) == 3 and not have and not prices:
            break  # nothing at all so far: the answer is empty, no use in sixty more calls
        fields = {"regionCode": aws.region, "instanceType": name, **terms.ON_DEMAND_FILTERS}
        items, where = _get_products(aws, access, "AmazonEC2", fields)
        with where.reading():
            found, more = rows.offer_prices(parse.offer_rates(items, where, access.families), where)
        prices += found
        gaps += more
        if not any(p.purchase_option == "on_demand" for p in found):
            none.append(name)
    if names and not have and not prices:
        if aws.read.first is not None:
            raise aws.read.first
        fields = {"regionCode": aws.region, "instanceFamily": "GPU instance", **terms.ON_DEMAND_FILTERS}
        raise _where(aws, access, "GetProducts AmazonEC2", _told(fields)).fail(
            f"no price at all for the {len(names)} GPU types that are offered here"
        )
    if none:
        told = _told({"regionCode": aws.region, **terms.ON_DEMAND_FILTERS})
        gaps.append(f"no on-demand price for {', '.join(none)} (asked for {told}): Capacity Blocks or spot only")
    return prices, gaps


def _transfer(aws: Aws, access: Access) -> tuple[list[TransferPrice], list[str]]:
    items, where = _get_products(aws, access, "AWSDataTransfer", {"fromRegionCode": aws.region})
    with where.traffic():
        return rows.transfer_prices(parse.transfer_rates(items, where), where)
    return [], []


def _plans(aws: Aws, access: Access, names: list[str]) -> tuple[list[Price], list[str]]:
    prices: list[Price] = []
    gaps: list[str] = []
    for chunk in _chunks(names, 25):
        fields = {
            "region": [aws.region],
            "instanceType": chunk,
            "productDescription": ["Linux/UNIX"],
            "tenancy": ["shared"],
        }
        short = {
            field: values if len(values) < 4 else [values[0], f"{len(values) - 1} more"]
            for field, values in fields.items()
        }
        told = ", ".join(f"{field}={'|'.join(values)}" for field, values in short.items())
        where = _where(aws, access, "DescribeSavingsPlansOfferingRates", told)
        results = aws.items(
            "savingsplans",
            "DescribeSavingsPlansOfferingRates",
            "searchResults",
            where,
            products=["EC2"],
            serviceCodes=["AmazonEC2"],
            maxResults=1000,
            filters=[{"name": field, "values": values} for field, values in fields.items()],
        )
        with where.reading():
            rates, unknown = parse.plan_rates(results, where, access.families)
            found, more = rows.plan_prices(rates, where)
        prices += found
        gaps += unknown + more
    return prices, sorted(set(gaps))


def _spot(aws: Aws, access: Access, names: list[str]) -> list[Any]:
    where = _where(aws, access, "DescribeSpotPriceHistory", "")
    history: list[Any] = []
    for chunk in _chunks(names, 100):
        history += aws.items(
            "ec2",
            "DescribeSpotPriceHistory",
            "SpotPriceHistory",
            where,
            InstanceTypes=chunk,
            StartTime=access.now,
            ProductDescriptions=["Linux/UNIX"],
        )
    return history


def _blocks(aws: Aws, access: Access, name: str) -> list[Price]:
    """Ask what one instance costs for a day, the shortest block: AWS prices a block per instance-hour."""
    where = _where(aws, access, "DescribeCapacityBlockOfferings", f"{name}, 1 instance, 24 h")
    offers = aws.items(
        "ec2",
        "DescribeCapacityBlockOfferings",
        "CapacityBlockOfferings",
        where,
        InstanceType=name,
        InstanceCount=1,
        CapacityDurationHours=24,
    )
    with where.reading():
        return parse.capacity_blocks(offers, where)


def self_check(access: Access) -> Iterator[tuple[str, bool, str]]:
    """Try each call once, for one type in one region, and say what came."""
    one = access._replace(families=("g5",))
    aws = Aws("us-east-1", one)
    fields = {"regionCode": aws.region, "instanceType": "g5.xlarge", **terms.ON_DEMAND_FILTERS}

    def products() -> str:
        items, where = _get_products(aws, one, "AmazonEC2", fields)
        prices, _ = rows.offer_prices(parse.offer_rates(items, where, one.families), where)
        hourly = [p for p in prices if p.purchase_option == "on_demand"]
        if len(hourly) != 1:
            raise where.fail(f"{len(hourly)} on-demand prices for g5.xlarge where one is expected")
        return f"g5.xlarge {hourly[0].amount} {hourly[0].currency}/h of {hourly[0].source.as_of}, {len(prices) - 1} reserved"

    def blocks() -> str:
        return f"{len(_blocks(aws, one, 'p4d.24xlarge'))} Capacity Blocks of p4d.24xlarge"

    def spot() -> str:
        where = _where(aws, one, "DescribeSpotPriceHistory", "")
        rows = parse.spot_prices(_spot(aws, one, ["g5.xlarge"]), where, one.families, {})
        return f"a spot price of g5.xlarge in {len(rows)} zones"

    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        ("ec2:DescribeInstanceTypes", lambda: f"{len(_types(aws, one)[0])} types in family g5"),
        ("ec2:DescribeInstanceTypeOfferings", lambda: f"g5.xlarge in {len(_zones(aws, one, ['g5.xlarge']))} zones"),
        ("pricing:GetProducts AmazonEC2", products),
        ("pricing:GetProducts AWSDataTransfer", lambda: f"{len(_transfer(aws, one)[0])} tiers"),
        ("savingsplans:DescribeSavingsPlansOfferingRates", lambda: f"{len(_plans(aws, one, ['g5.xlarge'])[0])} rates"),
        ("ec2:DescribeSpotPriceHistory", spot),
        ("ec2:DescribeCapacityBlockOfferings", blocks),
    )
    for call, check in checks:
        try:
            yield call, True, check()
        except PlannerError as exc:
            yield call, False, str(exc)
