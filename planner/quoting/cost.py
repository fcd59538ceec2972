"""The cost model: prices and a window become charges. Pure, exact, and every charge knows its price row.

Four views of one cost (docs/cost-model.md works each by hand):

* list       what the window costs at published prices of this way of buying,
* effective  the same at contracted prices, upfront payments spread evenly over their term (a charge's `amount`),
* billed     cash that leaves in the window,
* committed  what is owed over the whole term from the day of signing (0 for pay as you go).

Commitments by the hour (AWS) cost every hour of the window; subscriptions cost every calendar month begun, used or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, Decimal
from itertools import pairwise

from planner.money import plain
from planner.offer import Price, ServicePrice, TransferPrice
from planner.quoting.records import Amounts, Charge, Commitment
from planner.units import RATE_MONTH_HOURS, term_hours, term_months

__all__ = [
    "address",
    "break_even",
    "commitment_of",
    "compute",
    "disk",
    "ip",
    "ladder",
    "monthly_cost",
    "quota",
    "storage",
    "tax",
    "totals",
    "transfer",
]

ZERO = Decimal(0)
WORDS = {
    "on_demand": "Instance usage",
    "spot": "Instance usage",
    "capacity_block": "Capacity block",
    "reserved": "Reserved instance",
    "savings_plan": "Savings plan",
    "subscription": "Subscription",
}


def _ceil(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_CEILING))


def _charge(
    price: Price | TransferPrice | ServicePrice,
    name: str,
    category: str,
    unit: str,
    quantity: Decimal,
    list_price: Decimal,
    share: Decimal,
    formula: str,
    *,
    billed: Decimal | None = None,
    committed: Decimal = ZERO,
    tier: str = "",
) -> Charge:
    """`list_price` per unit at list; `share` is the discount; billed and committed are contracted amounts."""
    unit_price = list_price * (1 - share) if share else list_price
    amount = quantity * unit_price
    return Charge(
        name,
        category,
        unit,
        quantity,
        unit_price,
        list_price,
        price.currency,
        amount,
        quantity * list_price,
        amount if billed is None else billed,
        committed,
        tier,
        formula,
        price.source.text,
        price.source.as_of,
        price.source.dated,
        price.source.confidence,
        price.source.origin,
        price.source.place,
    )


def in_steps(rows: Sequence[Price], hours: Decimal) -> list[tuple[Price, Decimal]]:
    """Split `hours` over hourly rows by their tiers; rows without tiers take all of it."""
    if len(rows) == 1 and rows[0].tier_to is None and not rows[0].tier_from:
        return [(rows[0], hours)]
    parts = []
    for row in sorted(rows, key=lambda r: r.tier_from):
        end = hours if row.tier_to is None else min(hours, row.tier_to)
        if end > row.tier_from:
            parts.append((row, end - row.tier_from))
    return parts


def commitment_of(rows: Sequence[Price], hours: Decimal, months: int, share: Decimal) -> Commitment | None:
    """Return the raw numbers of a commitment (contracted, per instance), or None for pay as you go."""
    first = rows[0]
    if first.purchase_option not in ("reserved", "savings_plan", "subscription"):
        return None
    keep = 1 - share
    length, calendar = term_hours(first.term), term_months(first.term)
    upfront = sum((r.amount for r in rows if r.unit == "term"), ZERO) * keep
    hourly = sum((r.amount for r in rows if r.unit == "hour"), ZERO) * keep
    monthly = sum((r.amount for r in rows if r.unit == "month"), ZERO) * keep
    if first.payment == "all_upfront" and not upfront:
        # The source prints "upfront / hours of the term" only: the payment is that rate times the term.
        upfront, hourly = hourly * length, ZERO
    by_month = first.purchase_option == "subscription"
    terms = _ceil(Decimal(months) / calendar) if by_month else _ceil(hours / length)
    return Commitment(first.term, first.payment, first.offering, length, calendar, upfront, hourly, monthly, terms)


def compute(rows: Sequence[Price], count: int, hours: Decimal, months: int, share: Decimal) -> list[Charge]:
    """Return the compute charges of `count` instances bought as `rows` say (all rows of one way of buying)."""
    first = rows[0]
    label = f"{WORDS[first.purchase_option]} ({first.instance_type}, "
    terms = commitment_of(rows, hours, months, ZERO)
    if terms is None:
        label += first.purchase_option.replace("_", "-")
        charges = []
        for row, part in in_steps(rows, hours):
            step = (
                f"{plain(row.tier_from)}-{plain(row.tier_to) if row.tier_to is not None else ''} h"
                if len(rows) > 1
                else ""
            )
            quantity = part * count
            block = first.purchase_option == "capacity_block"
            owed = quantity * row.amount * (1 - share) if block else ZERO
            charges.append(
                _charge(
                    row,
                    label + ")",
                    "compute",
                    "hour",
                    quantity,
                    row.amount,
                    share,
                    f"{plain(part)} h x {count} instance{'s' * (count > 1)} x {plain(row.amount)} {row.currency}/h",
                    committed=owed,
                    tier=step,
                )
            )
        return charges
    label += first.term + (f" {first.payment.replace('_', ' ')}" if first.payment else "")
    if first.purchase_option == "subscription":
        return [_subscription(row, terms, label, count, months, share) for row in rows]
    return [_by_the_hour(row, terms, label, count, hours, share) for row in rows]


def _subscription(row: Price, terms: Commitment, label: str, count: int, months: int, share: Decimal) -> Charge:
    """Whole months, used or not; a longer term is spread over its months."""
    by_month = row.unit == "month"
    per_month = row.amount if by_month else row.amount / terms.term_months
    term_price = row.amount * terms.term_months if by_month else row.amount
    owed = term_price * (1 - share) * terms.terms * count
    made = f"{plain(row.amount)} {row.currency}"
    made += "/month" if by_month else f" / {terms.term_months} months"
    return _charge(
        row,
        label + ")",
        "compute",
        "month",
        Decimal(months * count),
        per_month,
        share,
        f"{months} calendar month{'s' * (months > 1)} x {count} instance{'s' * (count > 1)} x {made}",
        billed=owed,
        committed=owed,
    )


def _by_the_hour(row: Price, terms: Commitment, label: str, count: int, hours: Decimal, share: Decimal) -> Charge:
    """Every hour of the window costs the hourly share; an upfront payment is spread over the hours of its term."""
    quantity, length, keep = hours * count, terms.term_hours, 1 - share
    upfront = row.unit == "term" or (terms.payment == "all_upfront" and terms.hourly == 0)
    if upfront:
        paid = row.amount if row.unit == "term" else row.amount * length
        hourly = paid / length if row.unit == "term" else row.amount
        owed = paid * keep * count * terms.terms
        return _charge(
            row,
            label + ", upfront)",
            "compute",
            "hour",
            quantity,
            hourly,
            share,
            f"{plain(paid)} {row.currency} upfront / {plain(length)} h of the term x {plain(hours)} h x {count}",
            billed=owed,
            committed=owed,
        )
    return _charge(
        row,
        label + ")",
        "compute",
        "hour",
        quantity,
        row.amount,
        share,
        f"{plain(hours)} h x {count} instance{'s' * (count > 1)} x {plain(row.amount)} {row.currency}/h",
        committed=row.amount * keep * length * count * terms.terms,
    )


def monthly_cost(terms: Commitment, by_month: bool) -> Decimal:
    """Return what a commitment costs a month: a calendar month's share of a subscription, or 730 of its hours."""
    if by_month:
        return (terms.upfront + terms.monthly * terms.term_months) / terms.term_months
    return (terms.upfront / terms.term_hours + terms.hourly) * RATE_MONTH_HOURS


def break_even(terms: Commitment, on_demand: Sequence[Price], share: Decimal, by_month: bool) -> int | None:
    """Return the hours a month from which the commitment is cheaper than `on_demand` rows, rounded up.

    None when it is not cheaper within a month of 744 hours. The commitment's month is a calendar month's share of a
    subscription, or 730 hours of an hourly commitment.
    """
    monthly = monthly_cost(terms, by_month)
    spent = ZERO
    for row, part in in_steps(on_demand, Decimal(744)):
        rate = row.amount * (1 - share)
        if rate and spent + part * rate >= monthly:
            return _ceil(row.tier_from + (monthly - spent) / rate)
        spent += part * rate
    return None


def ladder(prices: Iterable[TransferPrice]) -> list[TransferPrice]:
    """Return the tiers in order; [] when there are none or they leave a hole."""
    tiers = sorted((p for p in prices if not p.quota and not p.status), key=lambda p: p.from_gb)
    whole = all(a.to_gb is not None and a.to_gb == b.from_gb for a, b in pairwise(tiers))
    return tiers if tiers and tiers[0].from_gb == 0 and whole else []


def quota(prices: Iterable[TransferPrice]) -> TransferPrice | None:
    """Return the largest free quota, or None."""
    return max((p for p in prices if p.quota and not p.status), key=lambda p: p.to_gb or ZERO, default=None)


def transfer(
    prices: Iterable[TransferPrice], category: str, what: str, gb_per_month: Decimal, months: int, share: Decimal
) -> list[Charge]:
    """Return the charges for `gb_per_month` leaving in each of `months`, tier by tier; [] when there is no price.

    Tiers count anew each calendar month. A free quota takes the first GB of the month, which then count towards the
    tiers, as on the clouds' bills.
    """
    prices = list(prices)
    tiers = ladder(prices)
    if not tiers:
        return []
    given = quota(prices)
    free = min(gb_per_month, given.to_gb or ZERO) if given else ZERO
    charges = []
    if given and free:
        charges.append(
            _charge(
                given,
                what,
                category,
                "GB",
                free * months,
                ZERO,
                ZERO,
                f"{plain(free)} GB free x {months} mo.",
                tier="free quota",
            )
        )
    for row in tiers:
        start = max(row.from_gb, free)
        end = gb_per_month if row.to_gb is None else min(gb_per_month, row.to_gb)
        if end <= start:
            continue
        top = f"{plain(row.to_gb)}" if row.to_gb is not None else "up"
        charges.append(
            _charge(
                row,
                what,
                category,
                "GB",
                (end - start) * months,
                row.amount,
                share,
                f"{plain(end - start)} GB x {months} month{'s' * (months > 1)} x {plain(row.amount)} {row.currency}/GB",
                tier=f"{plain(row.from_gb)}-{top} GB" if len(tiers) > 1 else "",
            )
        )
    return charges


def disk(prices: Iterable[ServicePrice], by_month: bool) -> ServicePrice | None:
    """Return the default disk's price: by the hour where there is one, by the month first beside a subscription."""
    rows = {p.unit: p for p in prices if p.item == "block_storage" and p.default and not p.status}
    hourly = next((p for u, p in rows.items() if u.endswith("-hour")), None)
    monthly = next((p for u, p in rows.items() if u.endswith("-month")), None)
    return (monthly or hourly) if by_month else (hourly or monthly)


def address(prices: Iterable[ServicePrice]) -> ServicePrice | None:
    """Return the price of an address by the hour; a price of unit "idle-hour" says that it is free in use."""
    rows = [p for p in prices if p.item == "public_ip" and not p.status]
    price = next((p for p in rows if p.default and p.unit == "hour"), None)
    return price or next((p for p in rows if p.unit == "idle-hour"), None)


def storage(
    prices: Iterable[ServicePrice], gb: Decimal, count: int, hours: Decimal, months: int, by_month: bool, share: Decimal
) -> list[Charge]:
    """Return the charge for `gb` of the default disk at each of `count` instances; [] when there is no price.

    A price per hour counts hours; a price per month counts hours / 730 on pay as you go and calendar months beside a
    subscription.
    """
    price = disk(prices, by_month)
    if price is None:
        return []
    hourly = price.unit.endswith("-hour")
    if hourly:
        quantity, words = gb * count * hours, f"{plain(hours)} h"
    elif by_month:
        quantity, words = gb * count * months, f"{months} mo."
    else:
        quantity, words = gb * count * hours / RATE_MONTH_HOURS, f"{plain(hours)} h / 730 h"
    owed = quantity * price.amount * (1 - share) if by_month and not hourly else ZERO
    return [
        _charge(
            price,
            f"Disk ({price.variant})",
            "storage",
            price.unit,
            quantity,
            price.amount,
            share,
            f"{plain(gb)} GB x {count} instance{'s' * (count > 1)} x {words} x {plain(price.amount)} {price.currency}/{price.unit}",
            committed=owed,
        )
    ]


def ip(prices: Iterable[ServicePrice], addresses: int, hours: Decimal, share: Decimal) -> list[Charge] | None:
    """Return the charge for public addresses in use; [] when they are free while in use; None when unpriced."""
    price = address(prices)
    if price is None:
        return None
    if price.unit == "idle-hour":
        return []
    return [
        _charge(
            price,
            "Public IPv4 address",
            "ip",
            "hour",
            hours * addresses,
            price.amount,
            share,
            f"{plain(hours)} h x {addresses} x {plain(price.amount)} {price.currency}/h",
        )
    ]


def tax(charges: Sequence[Charge], share: Decimal) -> list[Charge]:
    """Return one tax row on all of `charges`, at `share`; [] for a share of 0."""
    if not share or not charges:
        return []
    sums = totals(charges)
    return [
        Charge(
            f"Tax ({plain(share * 100)} %)",
            "tax",
            "rate",
            sums.effective,
            share,
            share,
            charges[0].currency,
            sums.effective * share,
            sums.list * share,
            sums.billed * share,
            sums.committed * share,
            "",
            f"{plain(share)} of {plain(sums.effective)} {charges[0].currency}",
            "given by the user (--tax)",
            "",
            "",
            "own",
            "own",
            "--tax",
        )
    ]


def totals(charges: Iterable[Charge]) -> Amounts:
    """Return the exact sums of the charges, which are all in one currency."""
    listed = effective = billed = committed = ZERO
    for charge in charges:
        listed += charge.list
        effective += charge.amount
        billed += charge.billed
        committed += charge.committed
    return Amounts(listed, effective, billed, committed)
