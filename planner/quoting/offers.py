"""One offer: a way of buying made into lines, evaluated, and described."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING

from planner.offer import InstanceType, Price, Way
from planner.quoting import cost, lines
from planner.quoting.records import Amounts, Commitment, Gpu, Line, Machine, Offer, Totals
from planner.sizing import Sizing
from planner.text import Text, text
from planner.workload import Workload

if TYPE_CHECKING:
    from planner.quoting.select import Place, Request

__all__ = ["machine_of", "offer", "offer_id", "per_million"]


def offer_id(way: Way) -> str:
    """Return the offer's id: what tells it from all others, with colons between."""
    parts = (way.provider, way.site, way.region, way.instance_type, way.purchase_option)
    more = (way.term, way.payment, way.offering, way.zone)
    return ":".join((*parts, *(p for p in more if p)))


def offer(
    req: Request,
    place: Place,
    machine: Machine,
    sizing: Sizing,
    prices: Sequence[Price],
    made: tuple[Line, ...],
    on_demand: Line | None,
) -> Offer:
    """Return the offer that `prices` (all rows of one way of buying) make.

    made: the lines of those prices; on_demand: the line of the same type by the hour.
    """
    way, currency = prices[0].way, prices[0].currency
    beside, unpriced = _beside(req, place, way, currency, sizing.count)
    made += beside
    if req.workload.tax:
        made += (lines.tax(req.workload.tax, currency),)
    terms = cost.terms_of(way, req.window, req.months)
    charges = cost.charges_of(made, terms, req.window, req.months)
    native = cost.totals(charges)
    report = Amounts(*(req.rates.convert(a, currency, req.workload.currency) for a in native))
    commitment = cost.commitment_of(made, way, terms)
    even = cost.break_even(commitment, on_demand) if commitment is not None and on_demand is not None else None
    per_output, per_token = per_million(req.workload, sizing, report.effective)
    return Offer(
        id=offer_id(way),
        way=way,
        machine=machine,
        count=sizing.count,
        lines=made,
        charges=charges,
        totals=Totals(currency, native, report),
        commitment=commitment,
        on_demand=on_demand,
        break_even_hours=even,
        unpriced=unpriced,
        sizing=sizing,
        cost_per_million_output=per_output,
        cost_per_million_tokens=per_token,
        notes=(
            *_block(way, commitment),
            *_notes(prices, commitment.terms if commitment else 1),
            *_zone_notes(req, way),
        ),
    )


def machine_of(spec: InstanceType) -> Machine:
    """Return the specification as an offer carries it."""
    gpu = Gpu(spec.gpu_model, spec.gpu_count, spec.gpu_memory_gib)
    return Machine(spec.vcpu, spec.memory_gib, spec.network_gbps, spec.local_nvme_gb, gpu)


def _beside(
    req: Request, place: Place, way: Way, currency: str, count: int
) -> tuple[tuple[Line, ...], tuple[Text, ...]]:
    """Return the lines of traffic, disks and addresses in the book (site) of the offer, and what has no price.

    With `req.whole` also parts of no volume have their line.
    """
    work, share = req.workload, req.share(place.info.name)
    title = place.info.sites.get(way.site, {}).get("title", way.site)
    made: list[Line] = []
    unpriced: list[Text] = []

    def add(line: Line | None, volume: object, what: Text) -> None:
        if line is not None and (volume or req.whole):
            made.append(line)
        elif volume:
            unpriced.append(text("{what}: no price for {place}, {site}", what=what, place=way.region, site=text(title)))

    for volume, destination in (("egress_gb", work.egress_to), ("inter_region_gb", "inter_region")):
        gb: Decimal = getattr(work, volume)
        if gb or req.whole:
            found, name = lines.lane(place.traffic, way.site, currency, destination, place.info.lanes)
            add(lines.traffic(found, name, volume, gb, currency, share), gb, _lower(name))
    disks = [s for s in place.services if s.site == way.site and s.currency == currency]
    by_month = way.purchase_option == "subscription"
    if work.storage_gb or req.whole:
        price = lines.disk(disks, by_month)
        held = None if price is None else lines.storage(price, work.storage_gb, count, by_month, share)
        add(held, work.storage_gb, text("disk"))
    if work.public_ips or req.whole:
        address = lines.address(disks)
        line = None if address is None else lines.addresses(address, work.public_ips, share)
        add(line, work.public_ips, text("public IP"))
    return tuple(made), tuple(unpriced)


def _lower(name: Text) -> Text:
    """Return a lane's name as it stands within a sentence."""
    return name._replace(key=name.key[:1].lower() + name.key[1:])


def per_million(work: Workload, sizing: Sizing, effective: Decimal) -> tuple[Decimal | None, Decimal | None]:
    """Return the report currency per million output and per million input and output tokens.

    With a demand the tokens are those that it makes in the window; without one they are what the instances deliver
    at the low side of the estimate.
    """
    inflow = Decimal(work.input_tokens) / work.output_tokens
    if work.rps:
        rate = work.rps * work.output_tokens
    elif work.tokens_per_second:
        rate = work.tokens_per_second
    elif sizing.output_tokens_per_second is not None:
        serving = sizing.count if sizing.count_given else max(1, sizing.count - work.spare)
        rate = Decimal(str(round(sizing.output_tokens_per_second.low, 3))) * serving
    else:
        return None, None
    millions = rate * 3600 * work.hours / 1_000_000
    if not millions:
        return None, None
    return effective / millions, effective / (millions * (1 + inflow))


_SPOT = text("market price of a past sample: it moves, and the instance can be taken back")


@cache
def _undated(known: str) -> Text:
    return text("undated price: {text}", text=text(known))


def _block(way: Way, bought: Commitment | None) -> tuple[Text, ...]:
    if way.purchase_option != "capacity_block" or bought is None:
        return ()
    key = (
        "a block of {hours} h, all paid upfront: sold by the day up to 14 days, then by the week; it ends at 11:30 UTC"
    )
    return (text(key, hours=bought.term_hours),)


def _notes(prices: Sequence[Price], terms: int) -> list[Text]:
    way, notes = prices[0].way, []
    if way.purchase_option == "spot":
        notes.append(_SPOT)
    for price in prices:
        if price.range_low is not None:
            notes.append(
                text(
                    "the source prints {low} to {high} {code} per {unit} for the group of regions; the high end is quoted",
                    low=price.range_low,
                    high=price.amount,
                    code=price.currency,
                    unit=text(price.unit),
                )
            )
    source = prices[0].source
    if source.group:
        key = "price printed for the region group {group}; ask whether {region} has stock"
        notes.append(text(key, group=source.group, region=way.region))
    if not source.as_of:
        notes.append(_undated(source.dated or "the source bears no date"))
    if terms > 1:
        notes.append(text("the window needs {n} terms; each is counted at today's price", n=terms))
    return notes


def _zone_notes(req: Request, way: Way) -> list[Text]:
    """Return what the price book knows of where the type is sold."""
    market = req.catalog.zones(way.provider, way.region)
    sold = market.sold(way.site, way.instance_type) if market is not None else None
    # A price of one zone (spot, capacity block) is sold there, whatever the list of offerings leaves out.
    if sold is None or not (sold.zones or not way.zone):
        return []
    when = sold.observed_at[:10]
    if not sold.zones:
        return [text("sold in no zone when last asked ({date})", date=when)]
    return [text("sold in {zones} when last asked ({date})", zones=", ".join(sold.zones), date=when)]
