"""FOCUS rows of one offer: a forecast by month in the shape of a cloud bill (FOCUS 1.2, with two columns of 1.3).

One file holds one offer, so that its rows may be summed. The money is `planner.quoting.calendar.schedule`; this module
only gives each entry its columns. docs/focus.md says which row stands for what.
"""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal

from planner.errors import PlannerError
from planner.money import plain
from planner.quoting.calendar import Entry, schedule
from planner.quoting.choose import named
from planner.quoting.notes import is_old
from planner.quoting.records import Charge, Offer, Quote, Seller

__all__ = ["COLUMNS", "dump", "pick", "rows"]

ZERO = Decimal(0)
COLUMNS = (
    "AvailabilityZone",
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingAccountType",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "CapacityReservationId",
    "CapacityReservationStatus",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountQuantity",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "CommitmentDiscountUnit",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "HostProviderName",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingCurrency",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "ServiceProviderName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceDetails",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "SubAccountType",
    "Tags",
    "x_Confidence",
    "x_Offer",
    "x_Period",
    "x_PriceAsOf",
    "x_PriceOrigin",
    "x_PricePlace",
    "x_PriceSource",
    "x_Projected",
    "x_QuoteHash",
    "x_Scenario",
    "x_Stale",
)
#: part of an offer -> service category, subcategory, meter
SERVICES = {
    "compute": ("Compute", "Virtual Machines", "Compute Usage"),
    "storage": ("Storage", "Block Storage", "Storage"),
    "egress": ("Networking", "Network Infrastructure", "Data Transfer"),
    "inter_region": ("Networking", "Network Infrastructure", "Data Transfer"),
    "ip": ("Networking", "Network Infrastructure", "IP Address"),
    "tax": ("Other", "Other (Other)", ""),
}
TYPES = {"reserved": "Reserved Instance", "savings_plan": "Savings Plan", "subscription": "Subscription"}
UNITS = {
    "hour": "Hours",
    "month": "Months",
    "GB": "GB",
    "GB-month": "GB-Months",
    "GiB-month": "GiB-Months",
    "GB-hour": "GB-Hours",
    "GiB-hour": "GiB-Hours",
}
_PRICED = (
    "PricingQuantity",
    "PricingUnit",
    "ListUnitPrice",
    "ContractedUnitPrice",
    "SkuId",
    "SkuPriceId",
    "SkuMeter",
    "PricingCurrencyListUnitPrice",
    "PricingCurrencyContractedUnitPrice",
)


def pick(quote: Quote, wanted: str = "") -> Offer:
    """Return the offer `wanted` by its id, or the one that the quote recommends.

    Raises `MisuseError` for an unknown id, `PlannerError` when nothing is recommended.
    """
    if wanted:
        return named(quote, wanted)
    if quote.best is None:
        raise PlannerError("no firm, completely priced offer to write as FOCUS rows; name one with --offer ID")
    return quote.best


def dump(quote: Quote, *, offer: str = "") -> str:
    """Return the rows of one offer as CSV (RFC 4180, line feeds); `offer` is its id, "" the recommended one."""
    from planner.text import cell

    chosen = pick(quote, offer)
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows(quote, chosen):
        numbers = {k: plain(v) for k, v in row.items() if isinstance(v, Decimal)}
        writer.writerow({k: numbers[k] if k in numbers else cell(v) for k, v in row.items() if v is not None})
    return out.getvalue()


def rows(quote: Quote, offer: Offer) -> list[dict[str, object]]:
    """Return the rows, month by month; amounts are Decimals, absent values are left out."""
    seller = quote.seller(offer.provider)
    return [_row(quote, offer, seller, entry) for entry in schedule(quote, offer)]


def _row(quote: Quote, offer: Offer, seller: Seller, entry: Entry) -> dict[str, object]:
    charge = entry.charge
    row = {**_amounts(entry), **_period(entry), **_names(offer, seller, charge), **_traced(quote, offer, entry)}
    row["ChargeDescription"] = f"{charge.name} [{charge.tier}]" if charge.tier else str(charge.name)
    row["ChargeFrequency"] = "One-Time" if entry.once else "Recurring" if entry.kind == "purchase" else "Usage-Based"
    row["PricingCategory"] = _pricing(offer, entry)
    if entry.kind == "usage" and entry.status != "unused":
        row["ConsumedQuantity"], row["ConsumedUnit"] = entry.quantity, row["PricingUnit"]
    if charge.category == "compute":
        row |= _machine(offer)
        if offer.commitment and offer.way.term:
            row |= _commitment(quote, offer, entry)
    if entry.kind == "tax":
        for name in _PRICED:
            row.pop(name, None)
    return row


def _amounts(entry: Entry) -> dict[str, object]:
    charge = entry.charge
    return {
        "BilledCost": entry.billed,
        "EffectiveCost": entry.effective,
        "ListCost": entry.listed,
        "ContractedCost": entry.contracted,
        "ListUnitPrice": charge.list_unit_price,
        "ContractedUnitPrice": charge.unit_price,
        "PricingQuantity": entry.quantity,
        "PricingUnit": UNITS.get(charge.unit, charge.unit),
        "BillingCurrency": charge.currency,
        "PricingCurrency": charge.currency,
        "PricingCurrencyListUnitPrice": charge.list_unit_price,
        "PricingCurrencyContractedUnitPrice": charge.unit_price,
        "PricingCurrencyEffectiveCost": entry.effective,
    }


def _period(entry: Entry) -> dict[str, object]:
    start, end = f"{entry.period.start}T00:00:00Z", f"{entry.period.end}T00:00:00Z"
    return {
        "BillingPeriodStart": start,
        "BillingPeriodEnd": end,
        "ChargePeriodStart": start,
        "ChargePeriodEnd": end,
        "ChargeCategory": {"usage": "Usage", "purchase": "Purchase", "tax": "Tax"}[entry.kind],
    }


def _names(offer: Offer, seller: Seller, charge: Charge) -> dict[str, object]:
    service, sub, meter = SERVICES[charge.category]
    return {
        "BillingAccountId": "quote",
        "BillingAccountName": "projected, not billed",
        "BillingAccountType": "Quote",
        "InvoiceIssuerName": seller.title,
        "ProviderName": seller.title,
        "PublisherName": seller.title,
        "ServiceProviderName": seller.title,
        "HostProviderName": seller.title,
        "RegionId": offer.region,
        "RegionName": offer.region,
        "AvailabilityZone": offer.zone or None,
        "ServiceCategory": service,
        "ServiceSubcategory": sub,
        "ServiceName": seller.compute,
        "SkuMeter": meter,
        "SkuId": offer.instance_type if charge.category == "compute" else charge.category,
        "SkuPriceId": f"{offer.id}:{charge.category}" + (f":{charge.tier}" if charge.tier else ""),
    }


def _traced(quote: Quote, offer: Offer, entry: Entry) -> dict[str, object]:
    """Return the columns that lead back to the quote and the price list."""
    source = entry.charge.source
    return {
        "x_Confidence": source.confidence,
        "x_Offer": offer.id,
        "x_Period": "window" if entry.period.in_window else "rest of term",
        "x_PriceAsOf": source.as_of or source.dated,
        "x_PriceOrigin": source.origin,
        "x_PricePlace": source.place,
        "x_PriceSource": source.text,
        "x_Projected": "true",
        "x_QuoteHash": quote.hash,
        "x_Scenario": quote.workload.name or quote.workload.model,
        "x_Stale": "true" if is_old(offer, quote.workload.max_age, quote.quoted_on) else "false",
    }


def _pricing(offer: Offer, entry: Entry) -> str | None:
    if entry.kind == "tax":
        return None
    if entry.status:
        return "Committed"
    return "Dynamic" if offer.market and entry.charge.category == "compute" else "Standard"


def _machine(offer: Offer) -> dict[str, object]:
    machine = offer.machine
    details = {
        "CoreCount": machine.vcpu,
        "MemorySize": float(machine.memory_gib),
        "GpuCount": float(machine.gpu.count),
        "InstanceType": offer.instance_type,
        "OperatingSystem": "Linux",
        "x_GpuModel": machine.gpu.model,
    }
    return {
        "SkuPriceDetails": json.dumps(details, ensure_ascii=False, separators=(",", ":")),
        "ResourceType": "Instance",
        "ResourceId": f"planned:{offer.instance_type}",
    }


def _commitment(quote: Quote, offer: Offer, entry: Entry) -> dict[str, object]:
    spend = offer.purchase_option == "savings_plan"
    unit = UNITS.get(entry.charge.unit, entry.charge.unit)
    return {
        "CommitmentDiscountId": f"quote:{quote.hash}:{offer.id}",
        "CommitmentDiscountName": offer.id,
        "CommitmentDiscountCategory": "Spend" if spend else "Usage",
        "CommitmentDiscountType": TYPES[offer.purchase_option],
        "CommitmentDiscountStatus": entry.status.title() or None,
        "CommitmentDiscountQuantity": entry.contracted if spend else entry.quantity,
        "CommitmentDiscountUnit": entry.charge.currency if spend else unit,
    }
