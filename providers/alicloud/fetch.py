"""What a region of Alibaba Cloud is asked, in which order; answers go to `parse` as dicts.

Questions, in order: which types exist and which are sold here (together), then every price of every type (together),
then savings plans. The chain of dependent calls is three long, plus one for each further page.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner.errors import FetchError
from planner.offer import Price, TransferPrice
from planner.provider import Access, Batch, in_families
from planner.records import NamedTuple
from providers._border import RefusedError, mapping, mappings, number
from providers._items import Items
from providers.alicloud import parse, terms
from providers.alicloud.ask import Ask, shown, source_of

if TYPE_CHECKING:
    from providers.alicloud import Alicloud

__all__ = ["PAGE_SIZE", "Question", "answer_to", "fetch", "plan_rate", "spot_pages", "traffic_price"]

PAGE_SIZE = 100
SAVINGS_PAGE_SIZE = 20
#: Pages of one list; a server that hands out tokens for ever is stopped here.
MAX_PAGES = 400
SPOT_WINDOW = timedelta(hours=24)
#: Which system disks a type takes differs, and the disk's line is not read; "" leaves the choice to the cloud.
DISKS = (("cloud_essd", "PL0", 40), ("cloud_efficiency", None, 40), ("cloud_ssd", None, 40), ("", None, 0))

RESERVED_GAP = (
    "reserved instances: Alibaba Cloud has no call that lists what it offers (DescribeReservedInstances lists what the "
    "account owns)"
)
QUOTA_GAP = (
    "free internet traffic (CDT quota) and its tiers: no call gives them; the committed list has the published quota"
)


class Question(NamedTuple):
    """One price to ask for: a type and a way to buy it ("on_demand", "spot", or a subscription's term)."""

    name: str
    way: str


def fetch(adapter: Alicloud, region: str, access: Access) -> Batch:
    """Return everything the API gives for `region`; raise `FetchError` when any part of it cannot be trusted."""
    ask = Ask(adapter, region, access)
    where = f"{ask.who}: "
    items = Items()
    all_types, post, pre, spot_market = _what_is_sold(ask, items)
    types = {
        name: found
        for name, found in sorted(all_types.items())
        if in_families(name, access.families) and (name in post or name in pre or name in spot_market)
    }
    questions = [Question(name, "on_demand") for name in types if name in post]
    questions += [Question(name, term) for name in types if name in pre for term in terms.SUBSCRIPTIONS]
    questions += [Question(name, "spot") for name in types if name in spot_market]
    traffic = [Question("", "bandwidth")] if types else []
    answers = dict(
        zip(questions + traffic, ask.together(lambda one: answer_to(ask, one), questions + traffic), strict=True)
    )

    prices, gaps, sites = _prices(ask, answers, items)
    if len(sites) > 1:
        raise FetchError(f"{where}prices of two price books in one answer: {', '.join(sorted(sites))}")
    site = next(iter(sites), "")
    gaps.append(RESERVED_GAP)
    if not types:
        chosen = f" of {', '.join(access.families)}" if access.families else ""
        gaps.append(f"{region}: no GPU instance type{chosen} is sold here")
    transfer: list[TransferPrice] = []
    if site:
        on_demand = [row for row in prices if row.purchase_option == "on_demand"]
        plans, missing = _savings_plans(ask, site, on_demand, types, items)
        prices += plans
        gaps += missing
        with items.one(""):
            found = traffic_price(ask, answers[traffic[0]], site)
            if isinstance(found, str):
                gaps.append(found)
            else:
                transfer.append(found)
                gaps.append(QUOTA_GAP)
    zones = {
        (name, zone)
        for market in (post, pre, spot_market)
        for name in types
        for zone, status in market.get(name, {}).items()
        if status != "sold_out"
    }
    return items.settle(
        Batch(
            provider="alicloud",
            region=region,
            account_site=site,
            instance_types=tuple(record for record, _ in types.values()),
            prices=tuple(sorted(prices, key=lambda row: row.key)),
            transfer=tuple(transfer),
            services=(),
            gaps=tuple(gaps),
            zones=tuple(sorted(zones)),
        )
    )


def traffic_price(ask: Ask, answer: Any, site: str) -> TransferPrice | str:
    if isinstance(answer, RefusedError):
        return f"egress in {ask.region}: DescribePrice refused ResourceType=bandwidth ({answer.code})"
    return parse.egress(
        answer,
        region=ask.region,
        site=site,
        date=ask.access.now[:10],
        source=source_of("DescribePrice(ResourceType=bandwidth)", ask),
        where=f"{ask.who}: DescribePrice[bandwidth]",
    )


def _what_is_sold(ask: Ask, items: Items) -> tuple[Any, dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return all GPU types, and what is sold here pay-as-you-go, by subscription and on the spot market."""
    from alibabacloud_ecs20140526 import models

    def market(options: dict[str, str]) -> dict[str, dict[str, str]]:
        request = models.DescribeAvailableResourceRequest(
            region_id=ask.region, destination_resource="InstanceType", io_optimized="optimized", **options
        )
        answer = ask.ecs("DescribeAvailableResource", request, "-".join(options.values()))
        return parse.offered(answer, f"{ask.who}: DescribeAvailableResource{shown(request)}")

    def work(item: dict[str, str] | None) -> Any:
        if item:
            return market(item)
        return parse.instance_types(_type_pages(ask), f"{ask.who}: DescribeInstanceTypes", items)

    found = ask.together(
        work,
        [
            None,
            {"instance_charge_type": "PostPaid"},
            {"instance_charge_type": "PrePaid"},
            {"instance_charge_type": "PostPaid", "spot_strategy": "SpotAsPriceGo"},
        ],
    )
    return found[0], found[1], found[2], found[3]


def _type_pages(ask: Ask) -> list[dict[str, Any]]:
    from alibabacloud_ecs20140526 import models

    pages: list[dict[str, Any]] = []
    token, seen = "", {""}
    while len(pages) < MAX_PAGES:
        request = models.DescribeInstanceTypesRequest(
            max_results=PAGE_SIZE, next_token=token or None, minimum_gpuamount=1
        )
        pages.append(ask.ecs("DescribeInstanceTypes", request, f"page{len(pages) + 1}"))
        token = str(pages[-1].get("NextToken") or "")
        if not token:
            return pages
        if token in seen:
            break
        seen.add(token)
    raise FetchError(f"{ask.who}: DescribeInstanceTypes: its pages do not end ({len(pages)} read)")


def answer_to(ask: Ask, question: Question) -> Any:
    """Return the raw answer to `question`; for a price that is not sold or cannot be read, the error itself."""
    from alibabacloud_ecs20140526 import models

    if question.way == "spot":
        try:
            return spot_pages(ask, question.name)
        except RefusedError as error:
            if error.failure.kind == "other":
                return error
            raise
        except FetchError as error:
            return error
    if question.way == "bandwidth":
        request = models.DescribePriceRequest(
            region_id=ask.region,
            resource_type="bandwidth",
            internet_charge_type="PayByTraffic",
            internet_max_bandwidth_out=1,
        )
        try:
            return ask.ecs("DescribePrice", request, "bandwidth")
        except RefusedError as error:
            if error.failure.kind == "other":
                return error
            raise
    unit, period = ("Hour", 1) if question.way == "on_demand" else terms.SUBSCRIPTIONS[question.way][:2]
    refused: RefusedError | None = None
    for category, level, size in DISKS:
        request = models.DescribePriceRequest(
            region_id=ask.region,
            resource_type="instance",
            instance_type=question.name,
            price_unit=unit,
            period=period,
            amount=1,
            instance_network_type="vpc",
            io_optimized="optimized",
            system_disk=models.DescribePriceRequestSystemDisk(category=category, performance_level=level, size=size)
            if category
            else None,
        )
        try:
            answer = ask.ecs("DescribePrice", request, f"{question.name}-{unit}{period}")
            return parse.Quoted(answer, "instanceType", f"{ask.who}: DescribePrice{shown(request)}")
        except RefusedError as error:
            if any(part in error.code for part in terms.OTHER_DISK):
                refused = error
                continue
            if error.failure.kind == "other":  # understood, and refused: about this type alone
                return error
            raise
        except FetchError as error:
            return error
    return refused or AssertionError("no disk kinds")


def spot_pages(ask: Ask, name: str) -> list[dict[str, Any]]:
    from alibabacloud_ecs20140526 import models

    end = datetime.fromisoformat(ask.access.now)
    shape = "%Y-%m-%dT%H:%M:%SZ"
    pages: list[dict[str, Any]] = []
    offset = 0
    while len(pages) < MAX_PAGES:
        request = models.DescribeSpotPriceHistoryRequest(
            region_id=ask.region,
            instance_type=name,
            network_type="vpc",
            ostype="linux",
            io_optimized="optimized",
            start_time=(end - SPOT_WINDOW).strftime(shape),
            end_time=end.strftime(shape),
            offset=offset,
        )
        pages.append(ask.ecs("DescribeSpotPriceHistory", request, f"{name}-page{len(pages) + 1}"))
        following = number(
            pages[-1].get("NextOffset") or 0, f"{ask.who}: DescribeSpotPriceHistory of {name}: NextOffset"
        )
        if following <= offset:
            return pages
        offset = int(following)
    raise FetchError(f"{ask.who}: DescribeSpotPriceHistory of {name}: its pages do not end ({len(pages)} read)")


def _prices(ask: Ask, answers: dict[Question, Any], items: Items) -> tuple[list[Price], list[str], set[str]]:
    """Return the rows, what was not given, and the price books met."""
    date, region = ask.access.now[:10], ask.region
    prices: list[Price] = []
    gaps: list[str] = []
    sites = {found.site for found in answers.values() if isinstance(found, parse.Quoted)}
    for (name, way), found in answers.items():
        if way == "bandwidth":
            continue
        if isinstance(found, RefusedError) and terms.not_sold(found.code):
            gaps.append(f"{region}: {name} {way.replace('_', '-')}: not sold ({found.code})")
        elif isinstance(found, FetchError):
            items.add(name, found)
        elif way == "spot":
            where = f"{ask.who}: DescribeSpotPriceHistory[InstanceType={name}, RegionId={region}]"
            currency = next((page.get("Currency") for page in found if page.get("Currency")), None)
            with items.one(name):
                rows = parse.spot(
                    found,
                    region=region,
                    name=name,
                    site=parse.site_of(currency, where) if currency else "",
                    where=where,
                    source=source_of("DescribeSpotPriceHistory", ask),
                )
                sites |= {row.site for row in rows}
                prices += rows
                if not rows:
                    hours = SPOT_WINDOW // timedelta(hours=1)
                    gaps.append(f"{region}: {name} spot: no price in the last {hours} hours")
        else:
            on_demand = way == "on_demand"
            unit, period, our_unit = ("Hour", 1, "hour") if on_demand else terms.SUBSCRIPTIONS[way]
            month = answers.get(Question(name, "1m"))
            prices.append(
                parse.quoted(
                    found,
                    month if isinstance(month, parse.Quoted) else None,
                    region=region,
                    name=name,
                    option="on_demand" if on_demand else "subscription",
                    term="" if on_demand else way,
                    unit=our_unit,
                    source=source_of(f"DescribePrice(PriceUnit={unit}, Period={period})", ask),
                    date=date,
                )
            )
    return prices, gaps, sites


def _savings_plans(
    ask: Ask, site: str, on_demand: Iterable[Price], types: dict[str, Any], items: Items
) -> tuple[list[Price], list[str]]:
    """Return savings plan prices of every type with an on-demand price, and the families that have none."""
    by_family: dict[str, list[Price]] = {}
    for row in on_demand:
        by_family.setdefault(types[row.instance_type][1], []).append(row)
    wanted = [
        (family, kind, term, payment)
        for family in sorted(by_family)
        for kind in ("ecs", "universal")
        for term in terms.CYCLES
        for payment in terms.PAY_MODES
    ]
    host = terms.BSS_HOSTS[site]

    def rate_of(item: tuple[str, str, str, str]) -> Decimal | str | None:
        rate = None
        with items.one(""):
            rate = plan_rate(ask, host, *item)
        return rate

    rates = ask.together(rate_of, wanted)
    prices: list[Price] = []
    refused: dict[str, str] = {}
    for (family, kind, term, payment), rate in zip(wanted, rates, strict=True):
        if isinstance(rate, str):
            refused[family] = f" ({rate})"
        elif rate is not None:
            source = source_of(f"QuerySavingsPlansDiscount(SpnType={kind}, Cycle={terms.CYCLES[term]})", ask, host)
            prices += [
                parse.savings_plans(row, rate, term=term, payment=payment, kind=kind, source=source)
                for row in by_family[family]
            ]
    with_plans = {types[row.instance_type][1] for row in prices}
    return prices, [
        f"{ask.region}: {family}: no savings plan discount is given{refused.get(family, '')}"
        for family in sorted(by_family)
        if family not in with_plans
    ]


def plan_rate(ask: Ask, host: str, family: str, kind: str, term: str, payment: str) -> Decimal | str | None:
    """Return the share of the list price that is left, None where none is given, or the cloud's word for a refusal."""
    from alibabacloud_bssopenapi20171214 import models

    pages: list[dict[str, Any]] = []
    while True:
        request = models.QuerySavingsPlansDiscountRequest(
            commodity_code="ecs",
            module_code="instance_type",
            spn_type=kind,
            cycle=terms.CYCLES[term],
            pay_mode=terms.PAY_MODES[payment],
            region=ask.region,
            spec=family,
            locale="EN",
            page_num=len(pages) + 1,
            page_size=SAVINGS_PAGE_SIZE,
        )
        where = f"{ask.who}: QuerySavingsPlansDiscount{shown(request)}"
        tag = f"{family}-{kind}-{terms.CYCLES[term].replace(':', '')}-{terms.PAY_MODES[payment]}"
        try:
            pages.append(ask("QuerySavingsPlansDiscount", host, request, f"{tag}-page{len(pages) + 1}"))
        except RefusedError as error:
            if error.failure.kind == "other":  # no such plan for this account, site or family
                return error.code
            raise
        items = mappings(mapping(pages[-1].get("Data"), f"{where}: Data").get("Items"), f"{where}: Data.Items")
        if len(items) < SAVINGS_PAGE_SIZE or len(pages) >= MAX_PAGES:
            return parse.discounts(pages, family=family, region=ask.region, where=where)
