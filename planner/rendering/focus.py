"""FOCUS rows of one offer: a forecast by month in the shape of a cloud bill (FOCUS 1.2, with two columns of 1.3).

One file holds one offer, so that its rows may be summed. docs/focus.md says which row stands for what.
"""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from planner.errors import MisuseError, PlannerError, suggest
from planner.money import plain
from planner.quoting.records import Charge, Offer, Quote
from planner.units import add_months

__all__ = ["COLUMNS", "dump", "pick"]

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
PROVIDERS = {"aws": "AWS", "alicloud": "Alibaba Cloud", "tencentcloud": "Tencent Cloud"}
COMPUTE = {"aws": "Amazon EC2", "alicloud": "Elastic Compute Service", "tencentcloud": "Cloud Virtual Machine"}
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


class Period(NamedTuple):
    """A charge period: first day, day after the last (or its hour), hours of the window and of the term in it."""

    start: str
    end: str
    hours: Decimal
    rest_hours: Decimal
    in_window: bool


def pick(quote: Quote, wanted: str = "") -> Offer:
    """Return the offer `wanted` by its id, or the one to recommend: firm, complete, least to pay in all.

    Raises `MisuseError` for an unknown id, `PlannerError` when nothing can be recommended.
    """
    if wanted:
        found = next((o for o in quote.offers if o.id == wanted), None)
        if found is None:
            raise MisuseError(f"--offer: no offer {wanted!r}: {suggest(wanted, [o.id for o in quote.offers])}")
        return found
    firm = [o for o in quote.offers if not o.unpriced and not o.market]
    best = min(firm, key=lambda o: max(o.totals.report.billed, o.totals.report.committed), default=None)
    if best is None:
        raise PlannerError("no firm, completely priced offer to write as FOCUS rows; name one with --offer ID")
    return best


def dump(quote: Quote, offer: str = "") -> str:
    """Return the rows of one offer as CSV (RFC 4180, line feeds); `offer` is its id, "" the one to recommend."""
    from planner.rendering.csv import safe

    chosen = pick(quote, offer)
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows(quote, chosen):
        numbers = {k: plain(v) for k, v in row.items() if isinstance(v, Decimal)}
        writer.writerow({k: numbers[k] if k in numbers else safe(str(v)) for k, v in row.items() if v is not None})
    return out.getvalue()


def rows(quote: Quote, offer: Offer) -> list[dict[str, object]]:
    """Return the rows, month by month; amounts are Decimals, absent values are left out."""
    maker = _Maker(quote, offer)
    for charge in offer.charges:
        if charge.category == "compute":
            continue
        if charge.category != "tax":
            maker.beside(charge)
    maker.compute([c for c in offer.charges if c.category == "compute"])
    maker.tax([c for c in offer.charges if c.category == "tax"])
    return sorted(maker.rows, key=lambda r: str(r["ChargePeriodStart"]))


class _Maker:
    def __init__(self, quote: Quote, offer: Offer) -> None:
        self.quote, self.offer = quote, offer
        self.rows: list[dict[str, object]] = []
        self.periods = _periods(quote, offer)
        self.window = [p for p in self.periods if p.in_window]
        self.rest = [p for p in self.periods if not p.in_window]
        terms = offer.commitment
        self.commitment = f"quote:{quote.hash}:{offer.id}" if terms else ""

    def add(
        self,
        charge: Charge,
        period: Period,
        category: str,
        quantity: Decimal,
        *,
        unit: str,
        list_price: Decimal,
        price: Decimal,
        billed: bool,
        effective: bool,
        frequency: str,
        pricing: str | None,
        status: str = "",
    ) -> None:
        """Add one row; billed and effective say which of the two its contracted cost is."""
        if not quantity:
            return
        q, o = self.quote, self.offer
        contracted = quantity * price
        service, sub, meter = SERVICES[charge.category]
        name = PROVIDERS.get(o.provider, o.provider)
        row: dict[str, object] = {
            "BilledCost": contracted if billed else ZERO,
            "EffectiveCost": contracted if effective else ZERO,
            "ListCost": quantity * list_price,
            "ContractedCost": contracted,
            "ListUnitPrice": list_price,
            "ContractedUnitPrice": price,
            "PricingQuantity": quantity,
            "PricingUnit": unit,
            "PricingCategory": pricing,
            "BillingAccountId": "quote",
            "BillingAccountName": "projected, not billed",
            "BillingAccountType": "Quote",
            "BillingCurrency": charge.currency,
            "BillingPeriodStart": period.start[:10] + "T00:00:00Z",
            "BillingPeriodEnd": period.end,
            "ChargePeriodStart": period.start,
            "ChargePeriodEnd": period.end,
            "ChargeCategory": category,
            "ChargeFrequency": frequency,
            "ChargeDescription": charge.name + (f" [{charge.tier}]" if charge.tier else ""),
            "InvoiceIssuerName": name,
            "ProviderName": name,
            "PublisherName": name,
            "ServiceProviderName": name,
            "HostProviderName": name,
            "PricingCurrency": charge.currency,
            "PricingCurrencyListUnitPrice": list_price,
            "PricingCurrencyContractedUnitPrice": price,
            "PricingCurrencyEffectiveCost": contracted if effective else ZERO,
            "RegionId": o.region,
            "RegionName": o.region,
            "AvailabilityZone": o.zone or None,
            "ServiceCategory": service,
            "ServiceSubcategory": sub,
            "ServiceName": COMPUTE.get(o.provider, o.provider),
            "SkuMeter": meter,
            "SkuId": o.instance_type if charge.category == "compute" else charge.category,
            "SkuPriceId": f"{o.id}:{charge.category}" + (f":{charge.tier}" if charge.tier else ""),
            "x_Confidence": charge.confidence,
            "x_Offer": o.id,
            "x_Period": "window" if period.in_window else "rest of term",
            "x_PriceAsOf": charge.as_of or charge.dated,
            "x_PriceOrigin": charge.origin,
            "x_PricePlace": charge.place,
            "x_PriceSource": charge.source,
            "x_Projected": "true",
            "x_QuoteHash": q.hash,
            "x_Scenario": q.workload.name or q.workload.model,
            "x_Stale": "true" if any(s.provider == o.provider for s in q.stale) else "false",
        }
        if category == "Usage" and status != "Unused":
            row["ConsumedQuantity"], row["ConsumedUnit"] = quantity, unit
        if charge.category == "compute":
            details = {
                "CoreCount": o.vcpu,
                "MemorySize": float(o.memory_gib),
                "GpuCount": float(o.gpu.count),
                "InstanceType": o.instance_type,
                "OperatingSystem": "Linux",
                "x_GpuModel": o.gpu.model,
            }
            row["SkuPriceDetails"] = json.dumps(details, ensure_ascii=False, separators=(",", ":"))
            row["ResourceType"], row["ResourceId"] = "Instance", f"planned:{o.instance_type}"
            if self.commitment:
                spend = o.purchase_option == "savings_plan"
                row |= {
                    "CommitmentDiscountId": self.commitment,
                    "CommitmentDiscountName": o.id,
                    "CommitmentDiscountCategory": "Spend" if spend else "Usage",
                    "CommitmentDiscountType": TYPES[o.purchase_option],
                    "CommitmentDiscountStatus": status or None,
                    "CommitmentDiscountQuantity": contracted if spend else quantity,
                    "CommitmentDiscountUnit": charge.currency if spend else unit,
                }
        self.rows.append(row)

    def beside(self, charge: Charge) -> None:
        """Traffic is the same each month; disks and addresses follow the hours."""
        by_hours = "hour" in charge.unit or charge.category == "ip"
        for period, part in _spread(self.window, charge.quantity, by_hours):
            self.add(
                charge,
                period,
                "Usage",
                part,
                unit=UNITS.get(charge.unit, charge.unit),
                list_price=charge.list_unit_price,
                price=charge.unit_price,
                billed=True,
                effective=True,
                frequency="Usage-Based",
                pricing="Standard",
            )

    def compute(self, charges: list[Charge]) -> None:
        """Pay as you go fills its steps in order; a commitment is bought, used, and unused after the window."""
        terms, count = self.offer.commitment, Decimal(self.offer.count)
        if terms is None:
            self._pay_as_you_go(charges)
            return
        by_month = self.offer.purchase_option == "subscription"
        for charge in charges:
            unit = "Months" if by_month else "Hours"
            price, list_price = charge.unit_price, charge.list_unit_price
            upfront = by_month or ", upfront)" in charge.name
            length = Decimal(terms.term_months) if by_month else terms.term_hours
            if upfront:
                for number in range(terms.terms):
                    first = self._when(number, terms.term_months, terms.term_hours, by_month)
                    self.add(
                        charge,
                        first,
                        "Purchase",
                        length * count,
                        unit=unit,
                        list_price=list_price,
                        price=price,
                        billed=True,
                        effective=False,
                        frequency="One-Time",
                        pricing="Standard",
                    )
            for period in self.periods:
                inside = (Decimal(1) if by_month else period.hours) * count if period.in_window else ZERO
                idle = (Decimal(1) if by_month else period.rest_hours) * count if not period.in_window else ZERO
                if not upfront:
                    self.add(
                        charge,
                        period,
                        "Purchase",
                        inside + idle,
                        unit=unit,
                        list_price=list_price,
                        price=price,
                        billed=True,
                        effective=False,
                        frequency="Recurring",
                        pricing="Standard",
                    )
                for quantity, status in ((inside, "Used"), (idle, "Unused")):
                    self.add(
                        charge,
                        period,
                        "Usage",
                        quantity,
                        unit=unit,
                        list_price=list_price,
                        price=price,
                        billed=False,
                        effective=True,
                        frequency="Usage-Based",
                        pricing="Committed",
                        status=status,
                    )

    def _when(self, number: int, months: int, hours: Decimal, by_month: bool) -> Period:
        """Return the period in which the `number`-th term (from 0) begins."""
        done = ZERO
        for index, period in enumerate(self.window):
            done += period.hours
            if (index >= number * months) if by_month else (done > number * hours):
                return period
        return self.window[-1]

    def _pay_as_you_go(self, charges: list[Charge]) -> None:
        kind = "Dynamic" if self.offer.market else "Standard"
        left = [[c, c.quantity] for c in charges]
        for period in self.window:
            need = period.hours * self.offer.count
            for entry in left:
                charge, rest = entry
                assert isinstance(charge, Charge)
                assert isinstance(rest, Decimal)
                take = rest if period is self.window[-1] else min(rest, need)
                entry[1], need = rest - take, need - take
                self.add(
                    charge,
                    period,
                    "Usage",
                    take,
                    unit="Hours",
                    list_price=charge.list_unit_price,
                    price=charge.unit_price,
                    billed=True,
                    effective=True,
                    frequency="Usage-Based",
                    pricing=kind,
                )

    def tax(self, charges: list[Charge]) -> None:
        """One row a month on what that month bills; its effective cost is the tax on what it uses up."""
        for charge in charges:
            share = charge.unit_price
            for period in self.periods:
                mine = [r for r in self.rows if r["ChargePeriodStart"] == period.start and r["ChargeCategory"] != "Tax"]
                sums = {k: _sum(mine, k) for k in ("BilledCost", "EffectiveCost")}
                usage = [r for r in mine if r["ChargeCategory"] == "Usage"]
                if not mine:
                    continue
                self.add(
                    charge,
                    period,
                    "Tax",
                    Decimal(1),
                    unit="",
                    list_price=ZERO,
                    price=ZERO,
                    billed=True,
                    effective=True,
                    frequency="Usage-Based",
                    pricing=None,
                )
                row = self.rows[-1]
                for name in (
                    "PricingQuantity",
                    "PricingUnit",
                    "ListUnitPrice",
                    "ContractedUnitPrice",
                    "SkuId",
                    "SkuPriceId",
                    "SkuMeter",
                    "PricingCurrencyListUnitPrice",
                    "PricingCurrencyContractedUnitPrice",
                ):
                    row.pop(name, None)
                row["BilledCost"], row["EffectiveCost"] = share * sums["BilledCost"], share * sums["EffectiveCost"]
                row["PricingCurrencyEffectiveCost"] = row["EffectiveCost"]
                row["ListCost"] = share * _sum(usage, "ListCost")
                row["ContractedCost"] = share * _sum(usage, "ContractedCost")


def _sum(rows: list[dict[str, object]], name: str) -> Decimal:
    return sum((v for r in rows if isinstance(v := r[name], Decimal)), ZERO)


def _spread(periods: list[Period], quantity: Decimal, by_hours: bool) -> list[tuple[Period, Decimal]]:
    """Split `quantity` over `periods` by their hours or evenly; the last takes what is left, so that the sum is exact."""
    whole = sum((p.hours for p in periods), ZERO)
    parts, left = [], quantity
    for period in periods[:-1]:
        part = quantity * period.hours / whole if by_hours else quantity / len(periods)
        parts.append((period, part))
        left -= part
    return [*parts, (periods[-1], left)]


def _periods(quote: Quote, offer: Offer) -> list[Period]:
    """Return the months of the window, then those of the rest of the term.

    Without a first day the window begins on the first of the month after the quote, and its hours are spread evenly.
    """
    work, months = quote.workload, quote.months
    if work.start:
        start = date.fromisoformat(work.start)
    else:
        start = add_months(date.fromisoformat(quote.quoted_on).replace(day=1), 1)
    result, left = [], quote.hours
    for m in range(months):
        first, after = add_months(start, m), add_months(start, m + 1)
        if work.start and m < months - 1:
            hours = min(left, Decimal((after - first).days * 24))
        else:
            hours = left if m == months - 1 else quote.hours / months
        left -= hours
        result.append(Period(_stamp(first), _stamp(after), hours, ZERO, True))
    terms = offer.commitment
    if terms is None:
        return result
    rest = terms.terms * terms.term_hours - quote.hours
    by_month = offer.purchase_option == "subscription"
    count = terms.terms * terms.term_months - months
    if not by_month:
        count = max(1, count) if rest > 0 else 0
    left = rest
    for m in range(count):
        hours = left if m == count - 1 else rest / count
        left -= hours
        result.append(
            Period(_stamp(add_months(start, months + m)), _stamp(add_months(start, months + m + 1)), ZERO, hours, False)
        )
    return result


def _stamp(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"
