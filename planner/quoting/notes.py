"""What a reader of a quote must know beside the offers: gaps, ages of prices, and what was assumed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from planner.quoting.records import AsOf, Charge, Gap, Offer, Rejected, Stale
from planner.quoting.select import Place, Request
from planner.text import Text, plural, text
from planner.workload import Workload

__all__ = ["age_of", "ages", "gaps", "late", "of_all"]


def gaps(req: Request, place: Place) -> tuple[list[Gap], list[Rejected]]:
    """Return what has no price in a region: ways of buying that nobody sells there, and types without any price."""
    info, region, work = place.info, place.region, req.workload
    found = {way.purchase_option for ways in place.types.values() for way, _ in ways}
    missing = []
    for option in work.purchase_option or info.sells:
        if option not in found:
            missing.append(Gap(info.name, region, "", option, _gap(req, place, option)))
    rejected = []
    bare = sorted(n for n, s in place.specs.items() if n not in place.types and req.wants(n, s))
    if bare and req.types:
        why = text("no price in the catalogue for {region}", region=region)
        rejected = [Rejected(info.name, region, name, why) for name in bare]
    elif bare:
        shown = ", ".join(bare[:3]) + (", ..." if len(bare) > 3 else "")
        key = plural(
            len(bare),
            "{n} {who} instance type has a specification but no price: {names}",
            "{n} {who} instance types have a specification but no price: {names}",
        )
        missing.append(Gap(info.name, region, "", "", text(key, n=len(bare), who=info.title, names=shown)))
    return missing, rejected


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
    if workload.count:
        notes.append(text("the count of {n} was given; the sizing did not decide it", n=workload.count))
    if workload.discount:
        notes.append(text("discounts are the user's own; list prices stand beside contracted ones"))
    if not workload.tax:
        notes.append(text("tax is not modelled; --tax 6% adds it"))
    return tuple(notes)


def age_of(charge: Charge) -> str:
    """Return the day from which a charge's price counts its age: when it was last seen, else when it was published.

    What a cloud answered on a day held on that day, however long ago the price became effective.
    """
    return charge.source.observed[:10] or charge.source.as_of


def ages(offers: Iterable[Offer], limit: int, today: str) -> tuple[tuple[AsOf, ...], tuple[Stale, ...]]:
    """Return the dates of the prices used per provider, and which providers are older than `limit` days.

    Prices of the market (spot) do not count: they are old the day after.
    """
    dates: dict[str, set[str]] = {}
    undated: dict[str, set[str]] = {}
    origins: dict[str, set[str]] = {}
    for offer in offers:
        if offer.market:
            continue
        for charge in offer.charges:
            if charge.category == "tax":
                continue
            day = age_of(charge)
            if day:
                dates.setdefault(offer.provider, set()).add(day)
            else:
                undated.setdefault(offer.provider, set()).add(charge.source.place)
            origins.setdefault(offer.provider, set()).add(charge.source.origin)
    oldest_allowed = (date.fromisoformat(today) - timedelta(days=limit)).isoformat()
    result, stale = [], []
    for provider in sorted(origins):
        known = sorted(dates.get(provider, ()))
        oldest, newest = (known[0], known[-1]) if known else ("", "")
        missing = len(undated.get(provider, ()))
        result.append(AsOf(provider, oldest, newest, missing, "+".join(sorted(origins[provider]))))
        if missing or oldest < oldest_allowed:
            stale.append(Stale(provider, "" if missing else oldest, limit, _stale(provider, oldest, missing, limit)))
    return tuple(result), tuple(stale)


def late(limit: int, provider: str) -> Text:
    """Return that prices are older than `limit` days, and what to do."""
    return text("older than {days} days; run `{command}`", days=limit, command=f"planner refresh {provider}")


def _stale(provider: str, oldest: str, missing: int, limit: int) -> Text:
    old = late(limit, provider)
    if not oldest:
        return text("undated prices: {late}", late=old)
    if not missing:
        return text("prices from {date}: {late}", date=oldest, late=old)
    return text("prices from {date} and {n} undated: {late}", date=oldest, n=missing, late=old)
