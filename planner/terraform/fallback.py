"""Where else an offer's workload could run when its zone has no machines to sell: other zones, then other types, each with its price."""

from __future__ import annotations

from decimal import Decimal

from planner.errors import NoOfferError
from planner.money import show
from planner.prices import fx
from planner.prices.catalog import Catalog
from planner.quoting import build
from planner.quoting.around import bill
from planner.quoting.choose import basis_of, ranked
from planner.quoting.records import Offer, Quote
from planner.terraform.deployment import Fallback

__all__ = ["MOST", "fallbacks"]

MOST = 5


def fallbacks(quote: Quote, offer: Offer, catalog: Catalog | None) -> tuple[Fallback, ...]:
    """Return at most `MOST` ways out in the order of trying: zones of the same machines, as last seen, then other machines, the cheapest first.

    The workload and the way of buying stay. catalog: None for a saved quote, which answers by its own offers.
    """
    found = _zones(quote, offer, catalog)
    wide = _wide(quote, offer, catalog)
    seen = {(offer.region, offer.instance_type)}
    others = []
    for one in ranked(wide, wide.offers, basis_of(wide)):
        place = (one.region, one.instance_type)
        fits = one.sizing.fits and one.sizing.layout is not None and not one.unpriced
        alike = (one.provider, one.purchase_option, one.site) == (offer.provider, offer.purchase_option, offer.site)
        if alike and fits and place not in seen:
            seen.add(place)
            others.append(_priced(wide, one, "", catalog))
        if len(others) >= 2 * MOST:  # what stands around them changes the order a little
            break
    found += [one for _, one in sorted(others, key=lambda pair: pair[0])]
    return tuple(found[:MOST])


def _priced(quote: Quote, offer: Offer, zone: str, catalog: Catalog | None) -> tuple[Decimal, Fallback]:
    whole = bill(quote, offer, catalog or Catalog())
    total = f"{show(whole.totals.effective)} {whole.currency}"
    return whole.totals.effective, Fallback(zone, offer.count, offer.instance_type, offer.region, offer.purchase_option, total)


def _zones(quote: Quote, offer: Offer, catalog: Catalog | None) -> list[Fallback]:
    """Return the other zones that sell the machines, as the price book saw them when it last asked; spot zones at their own price."""
    mine = [o for o in quote.offers if o.way.anywhere == offer.way.anywhere and o.zone and o.zone != offer.zone and offer.zone]
    named = {o.zone: o for o in mine}
    market = catalog.zones(offer.provider, offer.region) if catalog else None
    sold = market.sold(offer.site, offer.instance_type) if market else None
    for zone in sold.zones if sold else ():
        if zone != offer.zone:
            named.setdefault(zone, offer)
    priced = [(_priced(quote, one, zone, catalog), zone) for zone, one in named.items()]
    return [one for (_, one), _ in sorted(priced, key=lambda x: (x[0][0], x[1]))]


def _wide(quote: Quote, offer: Offer, catalog: Catalog | None) -> Quote:
    """Return the quote with all types of the cloud, where the asked one was narrowed to some."""
    work = quote.workload
    if catalog is None or not work.instance_type:
        return quote
    work = work._replace(provider=(offer.provider,), instance_type=(), purchase_option=(offer.purchase_option,), count=0)
    try:
        return build.quote(work, catalog, quote.quoted_on, fx.Rates(fx.committed(catalog.as_of), work.fx))
    except NoOfferError:
        return quote
