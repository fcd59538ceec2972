"""What a region of Tencent Cloud is asked, in which order; answers go to `parse` as dicts.

Questions, in order: rows of each charge type, the GPUs' names, an image (together), then price inquiries (together).
The chain of dependent calls is two long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from planner.errors import MisuseError
from planner.offer import Price, TransferPrice
from planner.provider import Access, Batch, in_families
from providers._border import RefusedError, mapping, mappings, number, price
from providers._items import STRICT, Items
from providers.tencentcloud import parse, terms
from providers.tencentcloud.ask import Ask, filters, shown, source_of

if TYPE_CHECKING:
    from providers.tencentcloud import Tencentcloud

__all__ = ["configs_of", "fetch", "image_of", "inquire", "rows_of"]


def fetch(adapter: Tencentcloud, region: str, access: Access) -> Batch:
    """Return everything the API gives for `region`; raise `FetchError` when any part of it cannot be trusted."""
    if access.public:
        raise MisuseError("tencentcloud: no source without keys is known; drop --public, or leave this provider out")
    ask = Ask(adapter, region, access)
    items = Items()
    rows, configs, image = _what_is_sold(ask, items)
    rows = [one for one in rows if in_families(one.name, access.families)]
    context = parse.Context(region, ask.site, access.now[:10], f"{ask.who}: DescribeZoneInstanceConfigInfos")
    source = source_of("DescribeZoneInstanceConfigInfos", ask)
    prices, gaps = parse.prices(rows, context, source, items)
    parse.check_currency(prices, context)
    transfer: list[TransferPrice] = []
    if rows:
        more, missing, found = _inquiries(ask, rows, prices, image, items)
        prices += more
        gaps += missing
        if isinstance(found, str):
            gaps.append(found)
        elif found is not None:
            transfer.append(found)
    else:
        chosen = f" of {', '.join(access.families)}" if access.families else ""
        gaps.append(f"{region}: no GPU instance type{chosen} is sold here")
    if any(row.tier_from for row in prices):
        gaps.append(
            "hourly prices in steps: the API says 'hours of use' without saying whether they start anew each month; a "
            "quote counts them once, from the start of its window, so a window of several months may cost more"
        )
    gaps += [
        f"currency: the API names none; amounts are taken as {context.currency} because the adapter is set to the "
        f"{ask.site} site (an account of the other site: --endpoint tencentcloud=https://"
        f"{terms.SITES['china' if ask.site == 'international' else 'international'][1]})",
        "reserved instances: this SDK has no call for them any more; one and three years are subscriptions here",
        "savings plans: the API has no call for them",
    ]
    return items.settle(
        Batch(
            provider="tencentcloud",
            region=region,
            account_site=ask.site,
            instance_types=tuple(parse.instance_types(rows, configs, context.where, items)),
            prices=tuple(sorted(prices, key=lambda row: row.key)),
            transfer=tuple(transfer),
            services=(),
            gaps=tuple(gaps),
            zones=tuple(sorted({(one.name, one.zone) for one in rows if one.on_sale})),
        )
    )


def rows_of(ask: Ask, option: str, items: Items = STRICT) -> list[parse.Offered]:
    charge_type = terms.CHARGE_TYPES[option]
    asked = filters(instance_charge_type=[charge_type])
    answer = ask("DescribeZoneInstanceConfigInfos", asked, charge_type)
    return parse.offered(answer, option, f"{ask.who}: DescribeZoneInstanceConfigInfos{shown(asked)}", items)


def configs_of(ask: Ask) -> dict[str, Any]:
    return parse.type_configs(ask("DescribeInstanceTypeConfigs", {}), f"{ask.who}: DescribeInstanceTypeConfigs")


def image_of(ask: Ask) -> str:
    """Return the id of a public Linux image of the region, which a price inquiry wants to see, or ""."""
    asked = filters(image_type=["PUBLIC_IMAGE"], platform=["TencentOS", "Ubuntu"]) | {"Limit": 5}
    try:
        answer = ask("DescribeImages", asked)
    except RefusedError as error:
        if error.failure.kind == "other":
            return ""
        raise
    images = mappings(answer.get("ImageSet"), f"{ask.who}: DescribeImages: ImageSet")
    return next((str(one["ImageId"]) for one in images if one.get("ImageId")), "")


def _what_is_sold(ask: Ask, items: Items) -> tuple[list[parse.Offered], dict[str, Any], str]:
    """Return the rows of all charge types, what is known of each type's GPU, and an image's id."""

    def work(what: str) -> Any:
        if what in terms.CHARGE_TYPES:
            return rows_of(ask, what, items)
        return configs_of(ask) if what == "configs" else image_of(ask)

    *rows, configs, image = ask.together(work, [*terms.CHARGE_TYPES, "configs", "image"])
    return [one for found in rows for one in found], configs, image


def inquire(ask: Ask, one: parse.Offered, image: str, months: int, tag: str) -> dict[str, Any]:
    """Return InquiryPriceRunInstances' answer: for `months` of subscription, or by the hour with 0."""
    asked: dict[str, Any] = {
        "Placement": {"Zone": one.zone},
        "ImageId": image,
        "InstanceType": one.name,
        "InstanceChargeType": "PREPAID" if months else "POSTPAID_BY_HOUR",
        "InternetAccessible": {"InternetChargeType": "TRAFFIC_POSTPAID_BY_HOUR", "InternetMaxBandwidthOut": 10},
    }
    if months:
        asked["InstanceChargePrepaid"] = {"Period": months}
    return ask("InquiryPriceRunInstances", asked, tag)


def _inquiries(
    ask: Ask, rows: Sequence[parse.Offered], prices: Sequence[Price], image: str, items: Items
) -> tuple[list[Price], list[str], TransferPrice | str | None]:
    """Return two-year prices, what could not be had, and the price of traffic (why there is none; None: it was reported)."""
    region = ask.region
    no_traffic = f"egress in {region}: no price, because no type is on sale pay-as-you-go to ask with"
    if not image:
        why = "DescribeImages gave no public image, without which no price can be inquired"
        return [], [f"{region}: two-year prices: {why}"], f"egress in {region}: {why}"
    context = parse.Context(region, ask.site, ask.access.now[:10], f"{ask.who}: InquiryPriceRunInstances")
    source = source_of("InquiryPriceRunInstances", ask)
    first: dict[str, parse.Offered] = {}
    for one in rows:
        if one.option == "subscription" and one.on_sale:
            first.setdefault(one.name, one)
    hourly = next((one for one in rows if one.option == "on_demand" and one.on_sale), None)

    def work(one: parse.Offered | None) -> Any:
        try:
            if one is None:
                return inquire(ask, hourly, image, 0, "traffic") if hourly else no_traffic
            return inquire(ask, one, image, 24, f"{one.name}-24")
        except RefusedError as error:
            if error.failure.kind == "other":  # the question was understood: not to be had now, or not like this
                return error
            raise

    types = list(first.values())
    traffic, *answers = ask.together(work, [None, *types])
    found: list[Price] = []
    gaps: list[str] = []
    for one, answer in zip(types, answers, strict=True):
        if isinstance(answer, RefusedError):
            gaps.append(f"{region}: {one.name} two years: not sold ({answer.code})")
            continue
        at = f"{context.where}[InstanceType={one.name}, Zone={one.zone}, Period=24]"
        with items.one(one.name):
            row = _two_years(one, answer, prices, at, source)
            if row is not None:
                found.append(row)
    if isinstance(traffic, RefusedError):
        return found, gaps, f"egress in {region}: no price could be inquired ({traffic.code})"
    egress: TransferPrice | str | None = None
    with items.one(""):
        egress = traffic if isinstance(traffic, str) else parse.egress(traffic, context, source)
    return found, gaps, egress


def _two_years(
    one: parse.Offered, answer: dict[str, Any], prices: Sequence[Price], at: str, source: str
) -> Price | None:
    """Return the two-year row beside the month's own row; its zone is the month's."""
    month = next(
        (row for row in prices if row.instance_type == one.name and row.term == "1m" and row.zone in ("", one.zone)),
        None,
    )
    if month is None:
        return None
    whole = mapping(answer.get("Price"), f"{at}: Price")
    item = mapping(whole.get("InstancePrice"), f"{at}: InstancePrice")
    total = price(item.get("OriginalPrice"), f"{at}: OriginalPrice")
    paid = number(item.get("DiscountPrice") or total, f"{at}: DiscountPrice")
    amount, confidence, note = parse.term_price(total, paid, plain_month=not month.note)
    return month._replace(
        way=month.way._replace(term="2y"),
        unit="term",
        amount=amount,
        source=parse.source_of(source, month.source.as_of, confidence),
        note=note,
    )
