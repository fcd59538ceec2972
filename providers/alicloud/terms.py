"""Alibaba Cloud's words, and what they mean here.

| Alibaba's word | meaning | beware |
|---|---|---|
| OriginalPrice | list price | of everything asked for: with a system disk unless the DetailInfo is read |
| DiscountPrice | the amount taken *off* | Tencent's DiscountPrice is the price that is *left* |
| TradePrice | what this account is shown: OriginalPrice - DiscountPrice | holds promotions and contracts |
| DetailInfo.Resource | `instanceType`, `systemDisk`, `bandwidth`, ... | the instance is one line of the total |
| PriceUnit, Period | Hour 1; Month 1; Year 1, 2, 3 | a Year price is the total of the term |
| DiscountRate (savings plans) | the share of the list price that is *paid* ("0.85") | Tencent's Discount counts in percent |
| PayMode | total, half, zero | all, partial, no upfront |
| SpnType | ecs, universal | a plan for ECS instances only, or for most products |
| MemorySize, GPUMemorySize | GiB; the latter per GPU | |
| InstanceBandwidthRx/Tx | kbit/s, in steps of 1024 | 3 Gbit/s is 3,072,000 |
| LocalStorageCapacity | GiB per disk | times LocalStorageAmount |
| WithStock, ClosedWithStock, WithoutStock, ClosedWithoutStock | Closed: no new stock will come | |
"""

from __future__ import annotations

from decimal import Decimal

__all__ = [
    "BSS_HOSTS",
    "CURRENCY_SITES",
    "CYCLES",
    "FAILURES",
    "NOT_SOLD",
    "OTHER_DISK",
    "PAY_MODES",
    "PERMISSIONS",
    "STOCK",
    "SUBSCRIPTIONS",
    "ecs_host",
    "gpu_name",
    "not_applicable",
    "not_sold",
]

#: What a bill in this currency says about the account: two price books, two sets of accounts, never mixed.
CURRENCY_SITES = {"CNY": "china", "USD": "international"}

#: Billing is asked where the account lives, not where the region is.
BSS_HOSTS = {"china": "business.aliyuncs.com", "international": "business.ap-southeast-1.aliyuncs.com"}

#: our term -> PriceUnit, Period, our unit
SUBSCRIPTIONS = {
    "1m": ("Month", 1, "month"),
    "1y": ("Year", 1, "term"),
    "2y": ("Year", 2, "term"),
    "3y": ("Year", 3, "term"),
}

#: our term -> Cycle of a savings plan
CYCLES = {"1y": "1:Year", "3y": "3:Year"}

PAY_MODES = {"no_upfront": "zero", "partial_upfront": "half", "all_upfront": "total"}

STOCK = {
    "WithStock": "in_stock",
    "ClosedWithStock": "in_stock",
    "WithoutStock": "sold_out",
    "ClosedWithoutStock": "sold_out",
}

PERMISSIONS = {
    "DescribeAccountAttributes": "ecs:DescribeAccountAttributes",
    "DescribeInstanceTypes": "ecs:DescribeInstanceTypes",
    "DescribeAvailableResource": "ecs:DescribeAvailableResource",
    "DescribePrice": "ecs:DescribePrice",
    "DescribeSpotPriceHistory": "ecs:DescribeSpotPriceHistory",
    "QuerySavingsPlansDiscount": "bssapi:QuerySavingsPlansDiscount",
}

#: Parts of error codes that say "not sold like this here" (an absent price, not a failure).
NOT_SOLD = ("InstanceType", "InvalidPeriod", "NoStock", "NotSupported", "PRICING_PLAN", "PriceNotFound", "PricePlan")

#: Parts of error codes that say "not with this system disk".
OTHER_DISK = ("DiskCategory", "ImageId", "SystemDisk")


def not_sold(code: str) -> bool:
    """Return whether a refusal says that the type is not sold like this; that no disk fits says nothing of the kind."""
    return any(part in code for part in NOT_SOLD) and not any(part in code for part in OTHER_DISK)


#: The start of an error code -> what it means for the user (longest match wins; see `_border.refusal`).
FAILURES = {
    "Throttling": "throttled",
    "RequestLimitExceeded": "throttled",
    "ServiceUnavailable": "server",
    "InternalError": "server",
    "InvalidAccessKeyId": "credentials",
    "IncompleteSignature": "credentials",
    "SignatureDoesNotMatch": "credentials",
    "InvalidSecurityToken": "credentials",
    "MissingSecurityToken": "credentials",
    "InvalidSecurityToken.Expired": "expired",
    "SecurityTokenExpired": "expired",
    "InvalidTimeStamp": "clock",
    "IllegalTimestamp": "clock",
    "Forbidden": "permission",
    "NoPermission": "permission",
    "NotAuthorized": "permission",
    "Unauthorized": "permission",
}

#: GPUSpec and GiB per GPU -> name in planner/data/gpus.csv. Only what a vendor page says; masked names ("GPU H", "G49")
#: and parts that are not in the table stay the vendor's own word.
_GPUS = {
    ("NVIDIA A10", 24): "A10",
    ("NVIDIA T4", 16): "T4",
    ("NVIDIA L20", 48): "L20",
    ("NVIDIA H20", 96): "H20",
    ("NVIDIA A30", 24): "A30",
    ("NVIDIA P4", 8): "P4",
    # gn6v and gn6e carry SXM2 boards, gn7 and gn7e SXM4 boards: their pages name NVLink or NVSwitch.
    ("NVIDIA V100", 16): "V100-SXM2-16GB",
    ("NVIDIA V100", 32): "V100-SXM2-32GB",
    ("NVIDIA A100", 40): "A100-SXM4-40GB",
    ("NVIDIA A100", 80): "A100-SXM4-80GB",
}


def not_applicable(code: str, message: str) -> bool:
    """Return whether the billing API says that a question is not for this kind of account (a reseller's customer)."""
    return "NotApplicable" in code or "not applicable" in message.lower()


def gpu_name(spec: str, memory_gib: Decimal | None) -> str:
    """Return the table's name for `spec` with that much memory, else `spec` itself."""
    word = " ".join(spec.split())
    if memory_gib is None or memory_gib != int(memory_gib):
        return word
    return _GPUS.get((word, int(memory_gib)), word)


def ecs_host(region: str) -> str:
    """Return the host that answers ECS calls for `region`."""
    return "ecs-cn-hangzhou.aliyuncs.com" if region == "cn-hangzhou" else f"ecs.{region}.aliyuncs.com"
