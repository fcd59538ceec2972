"""One offer: a way of buying made into lines, evaluated, and described."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, cast

from planner.money import tax_at
from planner.offer import InstanceType, Price, Way
from planner.quoting import cost, lines
from planner.quoting.records import Amounts, Commitment, Era, Gpu, Line, Machine, Offer, Totals
from planner.records import NamedTuple
from planner.sizing import Sizing
from planner.text import Text, text
from planner.workload import Workload

if TYPE_CHECKING:
    from planner.quoting.select import Place, Request

__all__ = [
    "Bought",
    "id_of",
    "later",
    "machine_of",
    "offer",
    "offer_id",
    "per_million",
    "saturated",
    "unweighed",
    "weight",
]


def offer_id(way: Way) -> str:
    """Return the offer's id: what tells it from all others, with colons between."""
    return id_of(way[:5], way[5:9])


def id_of(always: tuple[str, ...], sometimes: tuple[str, ...]) -> str:
    """Return the id of provider, site, region, type and purchase option; of term, payment, offering and zone where they are said."""
    return ":".join((*always, *filter(None, sometimes)))


class Bought(NamedTuple):
    """What one offer is made of. prices: all rows of one way of buying; lines: those of these prices; on_demand: the line of
    the same type by the hour, None without one; eras: those from each day on, where the price changes."""

    place: Place
    spec: InstanceType
    sizing: Sizing
    prices: Sequence[Price]
    lines: tuple[Line, ...]
    on_demand: Line | None
    eras: tuple[Era, ...] = ()


#: All lines of an offer, what has no price, and what the lines come to.
_Weighed = tuple[tuple[Line, ...], tuple[Text, ...], Totals]


class Later:
    """An offer that is weighed now and made when somebody reads more of it than its weight.

    A screen shows thirty of hundreds of offers, and ranks all of them. To whoever holds it, this is the `Offer`: what is not
    known yet is the offer's own, made once.
    """

    __slots__ = (
        "_asked",
        "_made",
        "eras",
        "id",
        "instance_type",
        "market",
        "provider",
        "purchase_option",
        "sizing",
        "sources",
        "totals",
        "unpriced",
        "way",
    )

    def __init__(self, req: Request, what: Bought, weighed: bool = True) -> None:
        way, currency = what.prices[0].way, what.prices[0].currency
        self.way = way
        self.provider, self.instance_type, self.purchase_option = way.provider, way.instance_type, way.purchase_option
        self.market = way.purchase_option == "spot"
        self.id, self.sizing, self.eras = offer_id(way), what.sizing, what.eras
        self._made: Offer | None = None
        known: _Weighed | None = None
        lines_, self.unpriced = _lines(req, what)
        if weighed:
            native, self.sources = cost.weigh(lines_, req.terms(way), req.window, req.months)
            self.totals = _totals(req, currency, native)
            known = lines_, self.unpriced, self.totals
        else:  # the quote names the rates that its offers need
            req.rates.path(currency, req.workload.currency)
        self._asked = req, what, known

    @property
    def firm(self) -> bool:
        """Whether the price holds and every part of the workload has one."""
        return not self.unpriced and not self.market

    def __getattr__(self, name: str) -> object:
        if self._made is None:
            self._made = offer(*self._asked)
        return getattr(self._made, name)


def later(req: Request, what: Bought) -> Offer:
    """Return the offer, only weighed until more of it is read."""
    return cast("Offer", Later(req, what))


def unweighed(req: Request, what: Bought) -> Offer:
    """Return the offer, not even weighed until it is read: what a mix of commitments costs is not what a window costs."""
    return cast("Offer", Later(req, what, weighed=False))


def weight(req: Request, prices: Sequence[Price], count: int) -> Amounts:
    """Return what `count` instances bought at `prices` come to in the report currency, without anything beside them."""
    way, currency = prices[0].way, prices[0].currency
    made = lines.compute(prices, count, req.share(way.provider, way.purchase_option))
    return _totals(req, currency, cost.weigh(made, req.terms(way), req.window, req.months)[0]).report


def _lines(req: Request, what: Bought) -> tuple[tuple[Line, ...], tuple[Text, ...]]:
    """Return all lines of an offer, and what has no price."""
    way, currency = what.prices[0].way, what.prices[0].currency
    beside, unpriced = _beside(req, what.place, way, currency, what.sizing.count)
    made = what.lines + beside if beside else what.lines
    work = req.workload
    if work.contract:
        contract = next((c for c in work.contract if c.provider == way.provider), None)
        made += (lines.shortfall(contract, currency),) if contract is not None else ()
    if work.taxes or work.tax:
        tax = tax_at(work.taxes, work.tax, way.provider, way.site)
        made += (lines.tax(tax, currency),) if tax.share else ()
    return made, unpriced


def _totals(req: Request, currency: str, native: Amounts) -> Totals:
    target = req.workload.currency
    if currency == target:
        return Totals(currency, native, native)
    convert = req.rates.convert
    listed, effective, billed, committed, obligation = native
    most = convert(effective, currency, target)
    cash = most if billed is effective else convert(billed, currency, target)
    owed = cash if committed is billed else convert(committed, currency, target)
    return Totals(
        currency,
        native,
        Amounts(
            most if listed is effective else convert(listed, currency, target),
            most,
            cash,
            owed,
            cash
            if obligation is billed
            else owed
            if obligation is committed
            else convert(obligation, currency, target),
        ),
    )


def offer(req: Request, what: Bought, weighed: _Weighed | None = None) -> Offer:
    """Return the offer that a way of buying makes, whole. weighed: what is known of it already."""
    sizing, prices = what.sizing, what.prices
    way, currency = prices[0].way, prices[0].currency
    made, unpriced = weighed[:2] if weighed else _lines(req, what)
    terms = req.terms(way)
    charges = cost.charges_of(made, terms, req.window, req.months)
    totals = weighed[2] if weighed else _totals(req, currency, cost.totals(charges))
    commitment = cost.commitment_of(made, way, terms)
    on_demand = what.on_demand
    even = cost.break_even(commitment, on_demand) if commitment is not None and on_demand is not None else None
    per_output, per_token = per_million(req.workload, sizing, totals.report.effective)
    return Offer(
        id=offer_id(way),
        way=way,
        machine=machine_of(what.spec),
        count=sizing.count,
        lines=made,
        charges=charges,
        totals=totals,
        commitment=commitment,
        on_demand=on_demand,
        break_even_hours=even,
        unpriced=unpriced,
        sizing=sizing,
        cost_per_million_output=per_output,
        cost_per_million_tokens=per_token,
        notes=(
            *_block(way, commitment),
            *_idle(req, commitment),
            *_notes(prices, commitment.terms if commitment else 1),
            *_zone_notes(req, way),
            *_changes(what),
        ),
        eras=what.eras,
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
    work = req.workload
    if not (req.whole or work.egress_gb or work.inter_region_gb or work.storage_gb or work.public_ips):
        return (), ()
    share = req.share(place.info.name)
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


def saturated(work: Workload, offer: Offer) -> tuple[Decimal | None, Decimal | None]:
    """Return what `per_million` does, were the instances full: (None, None) where no demand is given, as it is the same then."""
    if not work.rps and not work.tokens_per_second:
        return None, None
    full = work._replace(rps=Decimal(0), tokens_per_second=Decimal(0))
    return per_million(full, offer.sizing, offer.totals.report.effective)


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


def _changes(what: Bought) -> list[Text]:
    if not what.eras:
        return []
    from planner.quoting.changes import said

    return said(what.eras)


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


def _idle(req: Request, bought: Commitment | None) -> tuple[Text, ...]:
    window = req.window
    if bought is None or not window.span or window.length <= window.hours:
        return ()
    key = "{all} h of the commitment lie in the window, {unused} h of them unused"
    return (text(key, all=window.length, unused=window.length - window.hours),)


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
