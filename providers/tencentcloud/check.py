"""`planner refresh --self-check`: one small question per call, to see whether Tencent Cloud still answers as expected."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from planner.errors import FetchError
from planner.provider import Access
from providers._border import questions
from providers.tencentcloud import parse, terms
from providers.tencentcloud.ask import Ask
from providers.tencentcloud.fetch import configs_of, image_of, inquire, rows_of

if TYPE_CHECKING:
    from providers.tencentcloud import Tencentcloud

__all__ = ["self_check"]


def self_check(adapter: Tencentcloud, access: Access) -> Iterable[tuple[str, bool, str]]:
    """Yield (call, ok, what was seen) for each call of `fetch`, one small question each, about GN7 in one region."""
    region = adapter.default_regions()[0]
    try:
        ask = Ask(adapter, region, access)
    except FetchError as error:
        yield "credentials", False, str(error)
        return
    yield "credentials", True, f"found by the SDK's default chain; {ask.site} site, {terms.currency_of(ask.site)}"
    context = parse.Context(region, ask.site, access.now[:10], ask.who)
    seen: dict[str, list[parse.Offered]] = {}
    image = [""]

    def rows(option: str) -> str:
        seen[option] = rows_of(ask, option)
        found, gaps = parse.prices(seen[option], context, "")
        if option == "on_demand":
            parse.check_currency(found, context)
        return f"{len({one.name for one in seen[option]})} GPU types, {len(found)} prices, {len(gaps)} sold out without"

    def configs() -> str:
        found = configs_of(ask)
        return f"{len(found)} types, {sum(1 for row in found.values() if row.get('GpuType'))} with GpuType"

    def images() -> str:
        image[0] = image_of(ask)
        if not image[0]:
            raise FetchError(f"{ask.who}: no public image")
        return image[0]

    def traffic() -> str:
        one = next((one for one in seen.get("on_demand", ()) if one.on_sale), None)
        if one is None or not image[0]:
            raise FetchError(f"{ask.who}: nothing on sale, or no image, to ask with")
        found = parse.egress(inquire(ask, one, image[0], 0, "traffic"), context, "")
        return found if isinstance(found, str) else f"{found.amount} {found.currency} per GB"

    yield from questions(
        (
            *(
                (f"DescribeZoneInstanceConfigInfos ({word})", lambda o=option: rows(o))
                for option, word in terms.CHARGE_TYPES.items()
            ),
            ("DescribeInstanceTypeConfigs", configs),
            ("DescribeImages", images),
            ("InquiryPriceRunInstances", traffic),
        )
    )
