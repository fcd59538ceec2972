"""How many instances an account may still start in each zone of a region, by CVM's DescribeAccountQuota."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from planner.errors import FetchError
from planner.provider import Access, Quota, Wanted
from providers.tencentcloud.ask import Ask, filters

if TYPE_CHECKING:
    from providers.tencentcloud import Tencentcloud

__all__ = ["quotas"]

_SETS = {"subscription": "PrePaidQuotaSet", "spot": "SpotPaidQuotaSet"}


def quotas(adapter: Tencentcloud, region: str, wanted: Wanted, access: Access) -> tuple[Quota, ...]:
    """Return the quota of the zone that has most left; raise `FetchError` where it cannot be asked."""
    ask = Ask(adapter, region, access)
    kind = _SETS.get(wanted.option, "PostPaidQuotaSet")
    answer = ask("DescribeAccountQuota", filters(quota_type=[kind]))
    try:
        rows = answer["AccountQuotaOverview"]["AccountQuota"][kind] or []
        zones = [
            (int(r["RemainingQuota"]), str(r["Zone"]), Decimal(r["TotalQuota"]), Decimal(r["UsedQuota"])) for r in rows
        ]
    except (KeyError, TypeError, ValueError):
        raise FetchError(f"{ask.who}: DescribeAccountQuota answered in a way that is not known") from None
    if not zones:
        raise FetchError(f"{ask.who}: DescribeAccountQuota says nothing of {kind}")
    _, zone, total, used = max(zones)
    return (Quota(f"{kind} in {zone}", "instances", total, used, Decimal(wanted.count)),)
