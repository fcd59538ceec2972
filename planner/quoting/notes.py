"""What a reader of a quote must know beside the offers: gaps, ages of prices, and what was assumed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from planner.prices.lists import NotSold
from planner.provider import owns
from planner.quoting.lines import OWNED
from planner.quoting.records import AsOf, Gap, Offer, Quote, Rejected, Stale
from planner.quoting.select import Place, Request
from planner.sizing import advisories
from planner.sizing.layout import PIPELINE_GBPS
from planner.text import Text, plural, text
from planner.workload import Workload

if TYPE_CHECKING:
    from planner.sizing import Sizing
    from planner.sizing.own import Measurement

__all__ = [
    "Ages",
    "ages",
    "gaps",
    "is_old",
    "late",
    "measured",
    "of_all",
    "of_engine",
    "old_offers",
    "refusal",
    "seen",
]

#: So many of the user's measurements are told one by one.
MEASURED = 3


def gaps(req: Request, place: Place) -> tuple[list[Gap], list[Rejected]]:
    """Return what has no price in a region: ways of buying that nobody sells there, and types without any price.

    What the cloud is known not to sell is no gap: of types that were asked for it is said why they have no offer.
    """
    info, region, work = place.info, place.region, req.workload
    if not (place.types or place.unmade or place.kept_out) and not req.catalog.prices(info.name, region):
        key = (
            "no price at all for {region}: `planner refresh {provider} --region {region}` fetches what is sold there; or "
            "name another region"
        )
        return [Gap(info.name, region, "", "", text(key, provider=info.name, region=region))], []
    found = {way.purchase_option for ways in place.types.values() for way, _ in ways}.union(place.sold)
    wanted = req.wanted(place.specs)
    missing, rejected = [], []
    for option in work.purchase_option or info.sells:
        if option in found:
            continue
        said = _unsold(req, place, sorted(wanted), (option,), all_or_none=not req.types) if option in info.sells else {}
        if not wanted or len(said) < len(wanted):
            missing.append(Gap(info.name, region, "", option, _gap(req, place, option)))
        elif req.types:
            rejected += [Rejected(info.name, region, n, _not_sold(place, (option,), why)) for n, why in said.items()]
    bare = sorted(set(wanted).difference(place.types, place.unmade))
    # Sold by the hour or not at all: what cannot be rented by the hour is not missed.
    unsold = _unsold(req, place, bare, ("on_demand",)) if bare else {}
    if req.types:
        told = {r.instance_type for r in rejected}
        rejected += [
            Rejected(info.name, region, name, _not_sold(place, ("on_demand",), unsold[name]))
            if name in unsold
            else Rejected(info.name, region, name, text("no price in the catalogue for {region}", region=region))
            for name in bare
            if name not in told
        ]
        return missing, rejected
    bare = [name for name in bare if name not in unsold]
    if bare:
        shown = ", ".join(bare[:3]) + (", ..." if len(bare) > 3 else "")
        key = plural(
            len(bare),
            "{n} {who} instance type has a specification but no price: {names}",
            "{n} {who} instance types have a specification but no price: {names}",
        )
        missing.append(Gap(info.name, region, "", "", text(key, n=len(bare), who=info.title, names=shown)))
    return missing, rejected


def _unsold(
    req: Request, place: Place, names: Sequence[str], options: tuple[str, ...], all_or_none: bool = False
) -> dict[str, NotSold]:
    """Return which of the types are known not to be sold in the place in any of the ways, and who says so.

    all_or_none: {} unless all of them are: one that may be sold ends the search.
    """
    known = req.catalog.not_sold(place.info.name)
    ways = [[k for k in known if k.holds(place.region, option)] for option in options]
    found: dict[str, NotSold] = {}
    if not all(ways):
        return found
    spoken = [NotSold.spoken_of(way) for way in ways]
    first = spoken.pop(0)
    for name in names:
        if not (first(name) and all(may(name) for may in spoken)):
            if all_or_none:
                return {}
            continue
        said = [next((k for k in way if k.names(name)), None) for way in ways]
        if all(said) and said[0] is not None:
            found[name] = said[0]
        elif all_or_none:
            return {}
    return found


def _not_sold(place: Place, options: tuple[str, ...], said: NotSold) -> Text:
    way = text(options[0].replace("_", "-")) if said.purchase_option else text("list price")
    key = (
        "{who} does not sell it as {way} in {region} ({source})"
        if said.purchase_option
        else "{who} has no {way} for it ({source})"
    )
    values: dict[str, object] = {"who": place.info.title, "way": way, "source": said.source}
    if said.purchase_option:
        values["region"] = place.region
    return text(key, **values)


def _gap(req: Request, place: Place, option: str) -> Text:
    title, words = place.info.title, text(option.replace("_", "-"))
    if option not in place.info.sells:
        return text("{who} does not sell GPU instances as {way}", who=title, way=words)
    number = place.kept_out.get(option, 0)
    types = ", ".join(req.workload.instance_type)
    key = "no {who} {way} price in the catalogue" + (" for {types}" if types else "")
    values: dict[str, object] = {"who": title, "way": words}
    if types:
        values["types"] = types
    if number:
        key += " ({n} superseded, expired or low-confidence row" + "s" * (number > 1) + " kept out)"
        values["n"] = number
    return text(key, **values)


def of_all(workload: Workload) -> tuple[Text, ...]:
    """Return what holds for the whole quote."""
    notes = []
    if not workload.region:
        notes.append(text("regions: each provider's home region; --region NAME or --region all for others"))
    if workload.use:
        window = workload.window
        key = (
            "use {use}: what runs by the hour pays {hours} h, a commitment {all} h with {unused} h unused, "
            "traffic, disks and addresses {months} months"
        )
        unused = window.length - window.hours
        values = {"use": workload.use, "hours": window.hours, "all": window.length, "unused": unused}
        notes.append(text(key, **values, months=window.months))
    if workload.hours * 60 < 1 and not workload.use:
        notes.append(text("hours are paid by the second; a cloud may bill at least a minute of each machine"))
    if workload.count:
        notes.append(text("the count of {n} was given; the sizing did not decide it", n=workload.count))
    if workload.pipeline_gbps < PIPELINE_GBPS:
        key = (
            "one copy may be split over {n} Gbps (--pipeline-gbps): below {usual} a cloud has TCP only, "
            "which the estimate counts and nobody measured"
        )
        notes.append(text(key, n=workload.pipeline_gbps, usual=PIPELINE_GBPS))
    if workload.discount:
        notes.append(text("discounts are the user's own; list prices stand beside contracted ones"))
    if not workload.tax and not workload.taxes:
        notes.append(text("tax is not modelled; --tax 6% adds it"))
    return tuple(notes)


def measured(heard: Sequence[Measurement]) -> list[Text]:
    """Return which of the user's measurements have a say, the newest of them one by one."""
    if not heard:
        return []
    from planner.sizing.own import sentence

    newest = sorted(heard, key=lambda m: m.measured_on, reverse=True)[:MEASURED]
    found = [sentence(m) for m in newest]
    if len(heard) > MEASURED:
        found.append(text("{n} more of your measurements are preferred to the estimate", n=len(heard) - MEASURED))
    return found


def refusal(sizing: Sizing | None) -> Text:
    """Return why an instance type does not serve the workload; None: nothing is known of the type."""
    if sizing is None:
        return text("no specification in the catalogue: cannot be sized")
    return text("{reasons}", reasons=sizing.reasons)


def seen(offer: Offer) -> tuple[str, bool]:
    """Return the day from which the age of an offer's prices counts, that of its oldest one, and whether one has no day.

    A price counts from when a source last showed it (`Source.seen`), not from when it was first published.
    """
    days = {source.seen for source in offer.sources}
    return min((day for day in days if day), default=""), "" in days


def is_old(offer: Offer, limit: int, today: str) -> bool:
    """Return whether a price of the offer is undated or was last seen more than `limit` days before `today`.

    Prices of the market (spot) do not count: they are old the day after.
    """
    if offer.market:
        return False
    day, undated = seen(offer)
    return undated or day < (date.fromisoformat(today) - timedelta(days=limit)).isoformat()


def old_offers(quote: Quote) -> set[str]:
    """Return the ids of the offers that stand on a stale price."""
    return {o.id for o in quote.offers if is_old(o, quote.workload.max_age, quote.quoted_on)}


class Ages:
    """The days of the prices used per provider, and of which providers offers are older than `limit` days before `today`.

    Prices of the market (spot) do not count: they are old the day after.
    """

    def __init__(self, limit: int, today: str) -> None:
        self._limit = limit
        self._allowed = (date.fromisoformat(today) - timedelta(days=limit)).isoformat()
        self._told: dict[str, tuple[set[str], set[str], set[str]]] = {}
        self._counts: dict[str, tuple[int, int]] = {}

    def add(
        self,
        provider: str,
        offers: Mapping[tuple[str, ...], int],
        undated: Iterable[str],
        origins: Iterable[str] = ("list",),
    ) -> None:
        """Count offers of a provider by the days on which their prices were last seen, "" where no day is known.

        undated: the places of the prices without a day. origins: where prices come from.
        """
        old, every = self._counts.get(provider, (0, 0))
        allowed = self._allowed
        days: set[str] = set()
        for seen, number in offers.items():
            every += number
            old += number if min(seen) < allowed else 0
            days.update(seen)
        if days:
            known, places, whence = self._told.setdefault(provider, (set(), set(), set()))
            known.update(days - {""})
            places.update(undated)
            whence.update(origins)
            self._counts[provider] = old, every

    def result(self) -> tuple[tuple[AsOf, ...], tuple[Stale, ...]]:
        """Return both, by provider."""
        result, stale = [], []
        for provider, (days, places, whence) in sorted(self._told.items()):
            oldest, newest, missing = min(days, default=""), max(days, default=""), len(places)
            old, every = self._counts[provider]
            result.append(AsOf(provider, oldest, newest, missing, "+".join(sorted(whence))))
            if old:
                said = _stale(provider, (oldest, missing), (old, every), self._limit)
                stale.append(Stale(provider, "" if missing else oldest, self._limit, said, old, every))
        return tuple(result), tuple(stale)


def ages(offers: Iterable[Offer], limit: int, today: str) -> tuple[tuple[AsOf, ...], tuple[Stale, ...]]:
    """Return what `Ages` tells of the prices of `offers`."""
    found = Ages(limit, today)
    for offer in offers:
        if not offer.market and offer.sources:
            days = tuple([source.seen for source in offer.sources])
            undated = [source.place for source in offer.sources if not source.seen] if "" in days else ()
            found.add(offer.way.provider, {days: 1}, undated, [source.origin for source in offer.sources])
    return found.result()


def late(limit: int, provider: str) -> Text:
    """Return that prices are older than `limit` days, and what to do."""
    if owns(provider):
        return text("older than {days} days; ask for new quotes", days=limit)
    return text("older than {days} days; run `{command}`", days=limit, command=f"planner refresh {provider}")


def _stale(provider: str, dates: tuple[str, int], offers: tuple[int, int], limit: int) -> Text:
    oldest, missing = dates
    values = {"old": offers[0], "n": offers[1], "late": late(limit, provider)}
    if not oldest:
        return text("{old} of {n} offers, undated prices: {late}", **values)
    if not missing:
        return text("{old} of {n} offers, prices from {date}: {late}", date=oldest, **values)
    return text(
        "{old} of {n} offers, prices from {date} and {undated} undated: {late}", date=oldest, undated=missing, **values
    )


def of_engine(offer: Offer | None) -> tuple[Text, ...]:
    """Return what is published against the engine of the recommended offer and is serious; of machines to buy, what to know of them."""
    if offer is not None and offer.offering == OWNED:
        return offer.sizing.warnings
    return tuple(w for w in offer.sizing.warnings if w.key == advisories.SAID) if offer else ()
