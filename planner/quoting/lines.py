"""What an offer is made of: from the catalogue's prices to `Line`s. The one place that decides which price a part takes.

Every line is in the currency and the price book (site) of the offer. A part without a price has no line: the caller says
so (`unpriced`), nothing is ever priced by a neighbour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from itertools import pairwise

from planner.money import Contract, Tax, plain
from planner.offer import Price, ServicePrice, Source, TransferPrice, Way
from planner.quoting.records import Line, Rate
from planner.text import Text, text

__all__ = [
    "OWNED",
    "address",
    "addresses",
    "compute",
    "compute_name",
    "disk",
    "exchangeable",
    "ladder",
    "lane",
    "quota",
    "shortfall",
    "storage",
    "tax",
    "traffic",
]

ZERO, ONE = Decimal(0), Decimal(1)
#: The offering of machines that are bought (planner.buying.stock): each of their prices is named for what it pays.
OWNED = "owned"

#: What a charge for the machine itself is called, by way of buying.
WORDS = {
    "on_demand": text("Instance usage"),
    "spot": text("Instance usage"),
    "capacity_block": text("Capacity block"),
    "reserved": text("Reserved instance"),
    "savings_plan": text("Savings plan"),
    "subscription": text("Subscription"),
}
#: Traffic, by destination; another word is a region's name.
LANES = {
    "internet": text("Data transfer out to the internet"),
    "internet_flat": text("Data transfer out to the internet, one price for every GB"),
    "same_region": text("Data transfer to another zone"),
    "inter_region": text("Data transfer to another region"),
}
#: The price of one step for accounts that are not billed by monthly steps; the same as "internet" where there is one regime.
REGIMES = {"internet_flat": ("internet",)}
TAX_SOURCE = Source(text="given by the user (--tax)", as_of="", dated="", confidence="own", origin="own", place="--tax")


def exchangeable(way: Way) -> bool:
    """Return whether a reservation is of a class that its name must say: not the standard one (convertible)."""
    return way.purchase_option == "reserved" and way.offering not in ("", "standard")


@cache
def way_text(option: str, term: str, payment: str, offering: str = "") -> Text:
    """Return how something is bought, for people: "on-demand", "1y no upfront", "1m"."""
    if not term:
        return text(option.replace("_", "-"))
    if not payment:
        return term_text(term)
    paid = text(payment.replace("_", " "))
    if offering:
        return text("{term} {payment} {offering}", term=term_text(term), payment=paid, offering=text(offering))
    return text("{term} {payment}", term=term_text(term), payment=paid)


def term_text(term: str) -> Text:
    """Return a term ("3y", "1m") for people."""
    return text("{n}y", n=term[:-1]) if term.endswith("y") else text("{n}m", n=term[:-1])


def compute_name(way: Way, upfront: bool = False) -> Text:
    """Return what a line for the machine itself is called; upfront: the part of a commitment that is paid at once."""
    offering = way.offering if exchangeable(way) else ""
    kind, how = _named(way.purchase_option, way.term, way.payment, offering)
    key = "{kind} ({type}, {way}, upfront)" if upfront else "{kind} ({type}, {way})"
    return Text(key, (kind, ("type", way.instance_type), how))


@cache
def _named(option: str, term: str, payment: str, offering: str) -> tuple[tuple[str, Text], tuple[str, Text]]:
    """Return the values of a name that many instance types share."""
    return ("kind", WORDS[option]), ("way", way_text(option, term, payment, offering))


def _rate(price: Price) -> Rate:
    return Rate(price.amount, price.unit, price.source, price.tier_from, price.tier_to)


def compute(prices: Sequence[Price], count: int, share: Decimal) -> tuple[Line, ...]:
    """Return the lines of `count` instances bought as `prices` say (all rows of one way of buying).

    Pay as you go is one line with its steps. A commitment has one line per row: what is paid upfront and what runs by
    the hour. An all-upfront source that prints only "upfront / hours of the term" is paid upfront all the same. A capacity
    block is a commitment whose term the window sets (`planner.units.block_hours`).
    """
    way = prices[0].way
    option = way.purchase_option
    currency = prices[0].currency
    if option in ("reserved", "savings_plan", "subscription"):
        lines = []
        lump = any(p.unit == "term" for p in prices)
        for price in prices:
            upfront = price.unit == "term" or (way.payment == "all_upfront" and not lump)
            rule = "months" if option == "subscription" else "upfront" if upfront else "committed"
            label = text(price.note) if way.offering == OWNED else compute_name(way, rule == "upfront")
            lines.append(Line("compute", rule, label, count, ONE, currency, (_rate(price),), share))
        return tuple(lines)
    if option == "capacity_block":  # the whole block is paid before it begins
        return (Line("compute", "upfront", compute_name(way, True), count, ONE, currency, (_rate(prices[0]),), share),)
    steps = sorted(prices, key=lambda p: p.tier_from) if len(prices) > 1 else prices
    rates = tuple([_rate(p) for p in steps])
    return (Line("compute", "hours", compute_name(way), count, ONE, currency, rates, share),)


def ladder(prices: Iterable[TransferPrice]) -> list[TransferPrice]:
    """Return the tiers in order; [] when there are none, they leave a hole, or nobody says what lies above the last."""
    tiers = sorted((p for p in prices if not p.quota and not p.status), key=lambda p: p.from_gb)
    whole = all(a.to_gb is not None and a.to_gb == b.from_gb for a, b in pairwise(tiers))
    return tiers if tiers and tiers[0].from_gb == 0 and tiers[-1].to_gb is None and whole else []


def quota(prices: Iterable[TransferPrice]) -> TransferPrice | None:
    """Return the largest free quota, or None."""
    return max((p for p in prices if p.quota and not p.status), key=lambda p: p.to_gb or ZERO, default=None)


def lane(
    prices: Iterable[TransferPrice], site: str, currency: str, destination: str, lanes: Mapping[str, tuple[str, ...]]
) -> tuple[list[TransferPrice], Text]:
    """Return the prices of traffic to `destination` in one book and currency, and what to call it.

    destination: a word of `LANES`, or the name of a region. A price for that very region comes before the one for any
    other region. A free quota holds in whatever currency it was printed. lanes: the provider's own (ProviderInfo.lanes):
    where it bills the same traffic by one of several regimes, a quota is never taken from the one and a step from the other.
    """
    mine = [p for p in prices if p.site == site and (p.quota or p.currency == currency)]
    kind = destination if destination in LANES else "inter_region"
    to = "" if destination in LANES else destination
    found: list[TransferPrice] = []
    for word in lanes.get(kind) or REGIMES.get(kind, (kind,)):
        found = [p for p in mine if p.destination == word and p.to_region == to]
        found = found or [p for p in mine if p.destination == word and not p.to_region]
        if ladder(found):
            break
    name = text("Data transfer to another region ({place})", place=to) if to else LANES[kind]
    return found, name


def traffic(
    prices: Sequence[TransferPrice], name: Text, volume: str, gb: Decimal, currency: str, share: Decimal
) -> Line | None:
    """Return the line of `gb` leaving in each calendar month; None when its tiers have no price or leave a hole.

    volume: the workload's field that says how many GB.
    """
    tiers = ladder(prices)
    if not tiers:
        return None
    free = quota(prices)
    given = None if free is None else Rate(ZERO, "GB", free.source, ZERO, free.to_gb)
    rates = tuple(Rate(t.amount, "GB", t.source, t.from_gb, t.to_gb) for t in tiers)
    part = "inter_region" if tiers[0].destination == "inter_region" else "egress"
    return Line(
        part=part,
        rule="traffic",
        name=name,
        count=1,
        each=gb,
        currency=currency,
        rates=rates,
        share=share,
        free=given,
        volume=volume,
    )


def disk(prices: Iterable[ServicePrice], by_month: bool) -> ServicePrice | None:
    """Return the default disk's price: by the hour where there is one, by the month first beside a subscription."""
    rows = {p.unit: p for p in prices if p.item == "block_storage" and p.default and not p.status}
    hourly = next((p for u, p in rows.items() if u.endswith("-hour")), None)
    monthly = next((p for u, p in rows.items() if u.endswith("-month")), None)
    return (monthly or hourly) if by_month else (hourly or monthly)


def storage(price: ServicePrice, gb: Decimal, count: int, by_month: bool, share: Decimal) -> Line:
    """Return the line of `gb` of a disk at each of `count` instances.

    A price per hour counts hours; a price per month counts hours / 730 on pay as you go and calendar months beside a
    subscription.
    """
    rule = "held_hours" if price.unit.endswith("-hour") else "held_months" if by_month else "held_730"
    rate = Rate(price.amount, price.unit, price.source)
    name = text("Disk ({what})", what=price.variant)
    return Line(
        part="storage",
        rule=rule,
        name=name,
        count=count,
        each=gb,
        currency=price.currency,
        rates=(rate,),
        share=share,
        volume="storage_gb",
    )


def address(prices: Iterable[ServicePrice]) -> ServicePrice | None:
    """Return the price of an address by the hour; a price of unit "idle-hour" says that it is free in use.

    What an idle one costs is then not charged, and may be of low confidence.
    """
    rows = [p for p in prices if p.item == "public_ip"]
    price = next((p for p in rows if p.default and p.unit == "hour" and not p.status), None)
    return price or next((p for p in rows if p.unit == "idle-hour" and p.status in ("", "low")), None)


def addresses(price: ServicePrice, number: int, share: Decimal) -> Line:
    """Return the line of `number` public addresses in use; at a rate of 0 where they are free while in use."""
    free = price.unit == "idle-hour"
    rate = Rate(ZERO if free else price.amount, "hour", price.source)
    return Line(
        part="ip",
        rule="held_hours",
        name=text("Public IPv4 address"),
        count=1,
        each=Decimal(number),
        currency=price.currency,
        rates=(rate,),
        share=share,
        volume="public_ips",
    )


CONTRACT_SOURCE = TAX_SOURCE._replace(text="given by the user (--contract)", place="--contract")


def shortfall(contract: Contract, currency: str) -> Line:
    """Return the line of what a framework contract charges for money that it promises and nobody spends.

    `each` is what its promise leaves to be spent a month.
    """
    left = max(ZERO, contract.committed - contract.spent) / contract.months
    rate = Rate(contract.shortfall, "rate", CONTRACT_SOURCE)
    return Line("contract", "shortfall", text("Shortfall of the framework contract"), 1, left, currency, (rate,))


#: From whether prices hold it and whether it comes back to a tax's rule and its name.
TAXES = {
    (False, False): ("tax", "Tax ({n} %)"),
    (True, False): ("tax_within", "Tax ({n} %, included in the prices)"),
    (False, True): ("tax_back", "Tax ({n} %, recoverable)"),
    (True, True): ("tax_within_back", "Tax ({n} %, included in the prices, recoverable)"),
}


def tax(given: Tax, currency: str) -> Line:
    """Return the tax line: a share of all others together."""
    rule, key = TAXES[given.included, given.recoverable]
    share = given.share
    return Line("tax", rule, text(key, n=plain(share * 100)), 1, share, currency, (Rate(share, "rate", TAX_SOURCE),))
