"""FOCUS rows of one offer: a forecast in the shape of a cloud bill (FOCUS 1.2, with two columns of 1.3).

One file holds one offer, so that its rows may be summed. The money is `planner.quoting.calendar`'s, cut at the calendar's
months, days or hours; this module only gives each entry its columns. docs/focus.md says which row stands for what.
"""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from decimal import Decimal

from planner.errors import MisuseError, PlannerError, suggest
from planner.money import plain
from planner.quoting.calendar import GRANULARITIES, Entry, cut, next_month
from planner.quoting.choose import named
from planner.quoting.entries import usual
from planner.quoting.notes import is_old
from planner.quoting.records import Charge, Offer, Quote, Seller
from planner.text import Text

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
    "x_Unpriced",
)
#: part of an offer -> service category, subcategory, meter, what the service is called behind the provider's title ("" =
#: by the provider's own name for rented instances)
SERVICES = {
    "compute": ("Compute", "Virtual Machines", "Compute Usage", ""),
    "storage": ("Storage", "Block Storage", "Storage", "Block Storage"),
    "egress": ("Networking", "Network Infrastructure", "Data Transfer", "Data Transfer"),
    "inter_region": ("Networking", "Network Infrastructure", "Data Transfer", "Data Transfer"),
    "ip": ("Networking", "Network Infrastructure", "IP Address", "IP Addresses"),
    "contract": ("Other", "Other (Other)", "", "Contract"),
    "tax": ("Other", "Other (Other)", "", "Tax"),
    "unpriced": ("Other", "Other (Other)", "", "Unpriced"),
}
TYPES = {
    "reserved": "Reserved Instance",
    "savings_plan": "Savings Plan",
    "subscription": "Subscription",
    "capacity_block": "Capacity Block",
}
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


def dump(quote: Quote, *, offer: str = "", granularity: str = "monthly", allow_unpriced: bool = False) -> str:
    """Return the rows of one offer as CSV (RFC 4180, line feeds); `offer` is its id, "" the recommended one.

    granularity: hourly, daily or monthly. Raises `PlannerError` for an offer of which a part has no price, since the sum of
    its rows would be too little, unless `allow_unpriced` is given.
    """
    from planner.harmless import cell

    chosen = pick(quote, offer)
    if chosen.unpriced and not allow_unpriced:
        parts = "; ".join(str(u) for u in chosen.unpriced)
        raise PlannerError(
            f"{chosen.id}: part of it has no price ({parts}), so its rows would add up to too little; give a price with "
            "--price-book, leave that part out, or take rows marked x_Unpriced with --allow-unpriced"
        )
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows(quote, chosen, granularity):
        numbers = {k: _number(v) for k, v in row.items() if isinstance(v, Decimal)}
        writer.writerow({k: numbers[k] if k in numbers else cell(v) for k, v in row.items() if v is not None})
    return out.getvalue()


def _number(value: Decimal) -> str:
    """Return a decimal that every reader takes for one: with a point."""
    text = plain(value)
    return text if "." in text else text + ".0"


def rows(quote: Quote, offer: Offer, granularity: str = "monthly") -> list[dict[str, object]]:
    """Return the rows in the order of time, then a row for each part without a price.

    Amounts are Decimals, absent values are left out. Raises `MisuseError` for an unknown granularity.
    """
    if granularity not in GRANULARITIES:
        raise MisuseError(f"--granularity: {suggest(granularity, GRANULARITIES)}")
    seller = quote.seller(offer.provider)
    entries = cut(quote, offer, granularity)
    made = [_row(quote, offer, seller, entry) for entry in entries]
    return made + [_unpriced(quote, offer, entries, seller, part) for part in offer.unpriced]


def _unpriced(quote: Quote, offer: Offer, entries: list[Entry], seller: Seller, part: Text) -> dict[str, object]:
    """Return the row of a part without a price: what it costs is not known, and the specification wants a number there."""
    last = max(e.ends for e in entries if e.in_window and not e.once)
    period = _period(entries[0])
    row = _names(offer, seller, "unpriced") | period | _traced(quote, offer)
    costs = dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), ZERO)
    code = offer.totals.native_currency
    return {
        **{k: v for k, v in row.items() if k not in ("SkuId", "SkuPriceId", "SkuMeter")},
        **costs,
        "BillingCurrency": code,
        "PricingCurrency": code,
        "ChargePeriodEnd": min(_stamp(last), str(period["BillingPeriodEnd"])),
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "ChargeDescription": f"no price: {part}",
        "x_Period": "window",
        "x_Unpriced": str(part),
    }


def _row(quote: Quote, offer: Offer, seller: Seller, entry: Entry) -> dict[str, object]:
    charge = entry.charge
    row = {**_amounts(offer, entry), **_period(entry), **_names(offer, seller, charge.category, charge)}
    row |= {**_traced(quote, offer), **_priced_by(charge), "x_Period": "window" if entry.in_window else "rest of term"}
    row["ChargeDescription"] = f"{charge.name} [{charge.tier}]" if charge.tier else str(charge.name)
    row["ChargeFrequency"] = "One-Time" if entry.once else "Recurring" if entry.kind == "purchase" else "Usage-Based"
    row["PricingCategory"] = _pricing(offer, entry)
    if entry.kind == "usage" and entry.status != "unused":
        row["ConsumedQuantity"], row["ConsumedUnit"] = entry.quantity, row["PricingUnit"]
    if charge.category == "compute":
        row |= _machine(offer)
        if offer.commitment:
            row |= _commitment(quote, offer, entry)
    if entry.kind in ("tax", "fee"):
        for name in _PRICED:
            row.pop(name, None)
    return row


def _unit_prices(offer: Offer, entry: Entry) -> tuple[Decimal, Decimal]:
    """Return list and contracted price of a unit: what a commitment covers is worth what it costs on demand."""
    charge = entry.charge
    if not entry.status:
        return charge.list_unit_price, charge.unit_price
    return usual(offer, charge) or (entry.listed / entry.quantity, entry.contracted / entry.quantity)


def _amounts(offer: Offer, entry: Entry) -> dict[str, object]:
    charge = entry.charge
    listed, contracted = _unit_prices(offer, entry)
    return {
        "BilledCost": entry.billed,
        "EffectiveCost": entry.effective,
        "ListCost": entry.listed,
        "ContractedCost": entry.contracted,
        "ListUnitPrice": listed,
        "ContractedUnitPrice": contracted,
        "PricingQuantity": entry.quantity,
        "PricingUnit": UNITS.get(charge.unit, charge.unit),
        "BillingCurrency": charge.currency,
        "PricingCurrency": charge.currency,
        "PricingCurrencyListUnitPrice": listed,
        "PricingCurrencyContractedUnitPrice": contracted,
        "PricingCurrencyEffectiveCost": entry.effective,
    }


def _period(entry: Entry) -> dict[str, object]:
    """Billed in the calendar month in which it begins."""
    end = next_month(entry.begins)
    return {
        "BillingPeriodStart": f"{entry.begins:%Y-%m}-01T00:00:00Z",
        "BillingPeriodEnd": _stamp(end),
        "ChargePeriodStart": _stamp(entry.begins),
        "ChargePeriodEnd": _stamp(entry.ends),
        "ChargeCategory": {"usage": "Usage", "purchase": "Purchase", "fee": "Adjustment", "tax": "Tax"}[entry.kind],
    }


def _stamp(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds") + "Z"


def _names(offer: Offer, seller: Seller, category: str, charge: Charge | None = None) -> dict[str, object]:
    service, sub, meter, called = SERVICES[category]
    tier = f":{charge.tier}" if charge and charge.tier else ""
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
        "ServiceName": f"{seller.title} {called}" if called else seller.compute,
        "SkuMeter": meter,
        "SkuId": offer.instance_type if category == "compute" else category,
        "SkuPriceId": f"{offer.id}:{category}{tier}",
    }


def _priced_by(charge: Charge) -> dict[str, object]:
    """Return the columns that lead back to the price list."""
    source = charge.source
    return {
        "x_Confidence": source.confidence,
        "x_PriceAsOf": source.as_of or source.dated,
        "x_PriceOrigin": source.origin,
        "x_PricePlace": source.place,
        "x_PriceSource": source.text,
    }


def _traced(quote: Quote, offer: Offer) -> dict[str, object]:
    """Return the columns that lead back to the quote, and to whose it is."""
    tags = quote.workload.tag
    return {
        "Tags": json.dumps(dict(tags), ensure_ascii=False, separators=(",", ":")) if tags else None,
        "x_Offer": offer.id,
        "x_Projected": "true",
        "x_QuoteHash": quote.hash,
        "x_Scenario": quote.workload.name or quote.workload.model,
        "x_Stale": "true" if is_old(offer, quote.workload.max_age, quote.quoted_on) else "false",
    }


def _pricing(offer: Offer, entry: Entry) -> str | None:
    if entry.kind in ("tax", "fee"):
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
    name = f"quote:{quote.hash}:{offer.id}"
    bought = entry.kind == "purchase" or entry.status == "unused"  # the resource is the commitment, not a machine
    return {
        **({"ResourceId": name, "ResourceType": TYPES[offer.purchase_option]} if bought else {}),
        "CommitmentDiscountId": name,
        "CommitmentDiscountName": offer.id,
        "CommitmentDiscountCategory": "Spend" if spend else "Usage",
        "CommitmentDiscountType": TYPES[offer.purchase_option],
        "CommitmentDiscountStatus": entry.status.title() or None,
        "CommitmentDiscountQuantity": (entry.billed or entry.effective) if spend else entry.quantity,
        "CommitmentDiscountUnit": entry.charge.currency if spend else unit,
    }
