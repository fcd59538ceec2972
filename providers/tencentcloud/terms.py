"""Tencent Cloud's words, and what they mean here.

| Tencent's word | meaning | beware |
|---|---|---|
| UnitPrice, OriginalPrice | list price, by the hour and by the month | no currency is named anywhere |
| UnitPriceDiscount, DiscountPrice | the price that is *left* for this account | Alibaba's DiscountPrice is the amount off |
| Discount | the share left, in percent: 20.0 means 20 % of the list price is paid | Alibaba's rates are 0..1 |
| UnitPrice, ...SecondStep, ...ThirdStep | hours 0-96, 96-360 and above 360 of use | 0 or absent: one price for all hours |
| OriginalPrice...OneYear, ThreeYear, FiveYear | the total of the term | older answers say ThreeYears, FiveYears |
| ChargeUnit | HOUR or GB | only meaningful for what is paid afterwards |
| 0 in a price field | "does not apply" | so fields are chosen by charge type, never "the first above 0" |
| Gpu / GPU, Cpu / CPU | the same thing in two calls | Memory is GiB in both; InstanceBandwidth Gbit/s |
| GpuCount | physical GPUs, below 1 for a slice | |
| SELL, SOLD_OUT | whether a zone sells the type now | |
"""

from __future__ import annotations

from decimal import Decimal

__all__ = [
    "ANCHORS",
    "CHARGE_TYPES",
    "FAILURES",
    "GPUS",
    "PERMISSIONS",
    "SITES",
    "STEPS",
    "TERMS",
    "currency_of",
    "gpu_name",
    "host_of",
    "site_of_host",
]

#: site -> (currency, host). The API names no currency: it follows from the site that the account belongs to.
SITES = {
    "china": ("CNY", "cvm.tencentcloudapi.com"),
    "international": ("USD", "cvm.intl.tencentcloudapi.com"),
}

CHARGE_TYPES = {"on_demand": "POSTPAID_BY_HOUR", "subscription": "PREPAID", "spot": "SPOTPAID"}

#: suffix of the field -> hours of use in a month, from and to
STEPS = (("", Decimal(0), Decimal(96)), ("SecondStep", Decimal(96), Decimal(360)), ("ThirdStep", Decimal(360), None))

#: our term -> (unit, suffixes of the field; both spellings are met)
TERMS = {
    "1m": ("month", ("",)),
    "1y": ("term", ("OneYear", "OneYears")),
    "3y": ("term", ("ThreeYear", "ThreeYears")),
    "5y": ("term", ("FiveYear", "FiveYears")),
}

PERMISSIONS = {
    call: f"cvm:{call}"
    for call in (
        "DescribeAccountQuota",
        "DescribeZoneInstanceConfigInfos",
        "DescribeInstanceTypeConfigs",
        "DescribeImages",
        "InquiryPriceRunInstances",
    )
}

#: The start of an error code -> what it means for the user (longest match wins; see `_border.refusal`).
FAILURES = {
    "RequestLimitExceeded": "throttled",
    "LimitExceeded.RequestLimitExceeded": "throttled",
    "InternalError": "server",
    "InternalServerError": "server",
    "ServiceUnavailable": "server",
    "ServerNetworkError": "server",
    "ClientNetworkError": "network",
    "AuthFailure": "credentials",
    "AuthFailure.TokenFailure": "expired",
    "AuthFailure.SignatureExpire": "clock",
    "AuthFailure.UnauthorizedOperation": "permission",
    "UnauthorizedOperation": "permission",
}

#: Family -> (name in planner/data/gpus.csv, GiB per GPU), as Tencent's product pages print them for the family.
GPUS = {
    "GN10X": ("V100-SXM2-32GB", 32),
    "GN10Xp": ("V100-SXM2-32GB", 32),
    "GN7": ("T4", 16),
    "GI3X": ("T4", 16),
    "GT4": ("A100-SXM4-40GB", 40),
    "PNV4": ("A10", 24),
    "GN8": ("P40", 24),
}

#: On-demand list prices that Tencent printed on both sites (price pages 560/8025; China site undated, international
#: 2023-06-30), by the hour. They are only compared: a live price far nearer to the other site's is in its currency.
ANCHORS = {
    "GN10Xp.2XLARGE40": {"china": Decimal("11.98"), "international": Decimal("1.72")},
    "GN10X.2XLARGE40": {"china": Decimal("16.21"), "international": Decimal("2.68")},
    "GN7.2XLARGE32": {"china": Decimal("7.81"), "international": Decimal("1.26")},
}


def currency_of(site: str) -> str:
    """Return the currency that `site` bills in."""
    return SITES[site][0]


def host_of(site: str, region: str) -> str:
    """Return the host to ask; finance regions ("ap-shanghai-fsi") have their own."""
    host = SITES[site][1]
    return host.replace("cvm.", f"cvm.{region}.", 1) if region.endswith("-fsi") else host


def site_of_host(host: str) -> str:
    """Return the site that a host of Tencent's own belongs to ("" when it is none of theirs)."""
    if not host.endswith("tencentcloudapi.com"):
        return ""
    return "international" if ".intl." in f".{host}" else "china"


def gpu_name(family: str, word: str, memory_gib: Decimal | None, count: Decimal) -> tuple[str, Decimal | None]:
    """Return the GPU's name and GiB per GPU (per slice for a vGPU).

    A family's page is believed unless the API's own GpuMemory contradicts it; else it is the API's word. A slice of a
    GPU is named as one ("T4 (1/4 vGPU)").
    """
    known = GPUS.get(family)
    if known is None:
        return word or f"not named ({family})", memory_gib
    name, full = known
    if count < 1:
        parts = 1 / count
        share = f"1/{int(parts)}" if parts == int(parts) else str(count)
        return f"{name} ({share} vGPU)", memory_gib if memory_gib is not None else Decimal(full) * count
    if memory_gib is not None and memory_gib != full:
        return word or f"not named ({family})", memory_gib
    return name, Decimal(full)
