"""`planner refresh --self-check`: one small question per call, to see whether Alibaba Cloud still answers as expected."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from planner.errors import FetchError
from planner.provider import Access
from providers._border import questions
from providers.alicloud import parse, terms
from providers.alicloud.ask import Ask
from providers.alicloud.fetch import PAGE_SIZE, Question, answer_to, plan_rate, spot_pages, traffic_price

if TYPE_CHECKING:
    from providers.alicloud import Alicloud

__all__ = ["self_check"]


def self_check(adapter: Alicloud, access: Access) -> Iterable[tuple[str, bool, str]]:
    """Yield (call, ok, what was seen) for each call of `fetch`, one small question each, about gn7i in one region."""
    from alibabacloud_ecs20140526 import models

    region, probe = adapter.default_regions()[0], "ecs.gn7i-c8g1.2xlarge"
    try:
        ask = Ask(adapter, region, access)
    except FetchError as error:
        yield "credentials", False, str(error)
        return
    yield "credentials", True, "found by the SDK's default chain"

    def types() -> str:
        request = models.DescribeInstanceTypesRequest(instance_types=[probe], max_results=PAGE_SIZE)
        found = parse.instance_types([ask.ecs("DescribeInstanceTypes", request)], ask.who)
        if probe not in found:
            raise FetchError(f"{ask.who}: {probe} is not described")
        record = found[probe][0]
        return f"{probe}: {record.gpu_count} x {record.gpu_model}"

    def sold() -> str:
        request = models.DescribeAvailableResourceRequest(
            region_id=region, destination_resource="InstanceType", instance_charge_type="PostPaid", instance_type=probe
        )
        zones = parse.offered(ask.ecs("DescribeAvailableResource", request), ask.who).get(probe, {})
        return f"{probe}: {', '.join(f'{zone} {status}' for zone, status in sorted(zones.items())) or 'not sold here'}"

    site = ["china"]

    def hour() -> str:
        found = answer_to(ask, Question(probe, "on_demand"))
        if isinstance(found, FetchError):
            raise found
        site[0] = found.site
        return f"{probe}: {found.list_amount} {found.currency} an hour ({found.site} site)"

    def month() -> str:
        found = answer_to(ask, Question(probe, "1m"))
        if isinstance(found, FetchError):
            raise found
        return f"{probe}: {found.list_amount} {found.currency} a month"

    def market() -> str:
        rows = parse.spot(
            spot_pages(ask, probe), region=region, name=probe, site=site[0], source="", where=f"{ask.who}: {probe}"
        )
        return f"{probe}: {len(rows)} zones"

    def plan() -> str:
        rate = plan_rate(ask, terms.BSS_HOSTS[site[0]], "ecs.gn7i", "ecs", "1y", "all_upfront")
        if isinstance(rate, str):
            raise FetchError(f"{ask.who}: QuerySavingsPlansDiscount was refused ({rate})")
        return "ecs.gn7i: no discount given" if rate is None else f"ecs.gn7i: {rate} of list, 1 year, all upfront"

    def traffic() -> str:
        found = traffic_price(ask, answer_to(ask, Question("", "bandwidth")), site[0])
        return found if isinstance(found, str) else f"{found.amount} {found.currency} per GB"

    yield from questions(
        (
            ("DescribeInstanceTypes", types),
            ("DescribeAvailableResource", sold),
            ("DescribePrice (hour)", hour),
            ("DescribePrice (month)", month),
            ("DescribeSpotPriceHistory", market),
            ("QuerySavingsPlansDiscount", plan),
            ("DescribePrice (bandwidth)", traffic),
        )
    )
