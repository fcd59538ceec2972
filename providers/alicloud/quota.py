"""How many vCPUs an account may still start in a region, by ECS's DescribeAccountAttributes."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from planner.errors import FetchError
from planner.provider import Access, Quota, Wanted
from providers.alicloud.ask import Ask

if TYPE_CHECKING:
    from providers.alicloud import Alicloud

__all__ = ["quotas"]


def quotas(adapter: Alicloud, region: str, wanted: Wanted, access: Access) -> tuple[Quota, ...]:
    """Return the account's vCPU quota for the way of buying; raise `FetchError` where it cannot be asked.

    A subscription has none that the API tells. The quota counts machines without GPUs too; GPU types may have one of their own (Quota Center).
    """
    from alibabacloud_ecs20140526 import models

    if wanted.option == "subscription":
        return ()
    ask = Ask(adapter, region, access)
    kind = "spot" if wanted.option == "spot" else "postpaid"
    names = [f"max-{kind}-instance-vcpu-count", f"used-{kind}-instance-vcpu-count"]
    request = models.DescribeAccountAttributesRequest(region_id=region, attribute_name=names)
    answer = ask.ecs("DescribeAccountAttributes", request)
    most, used = (_value(answer, name) for name in names)
    if most is None:
        raise FetchError(f"{ask.who}: DescribeAccountAttributes says no {names[0]}")
    return (Quota(names[0], "vCPUs", most, used, Decimal(wanted.vcpu * wanted.count)),)


def _value(answer: dict[str, Any], name: str) -> Decimal | None:
    try:
        items = answer["AccountAttributeItems"]["AccountAttributeItem"]
        (item,) = (one for one in items if one["AttributeName"] == name)
        return Decimal(item["AttributeValues"]["ValueItem"][0]["Value"])
    except (KeyError, IndexError, TypeError, ValueError, InvalidOperation):
        return None
