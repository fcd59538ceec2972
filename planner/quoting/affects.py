"""Which offers a priced row has a part in."""

from __future__ import annotations

from collections.abc import Iterable

from planner.offer import Price, Priced, TransferPrice
from planner.quoting.records import Offer
from planner.text import Words, english

__all__ = ["ids_affected", "words_affected"]

_CATEGORY = {"block_storage": "storage", "public_ip": "ip"}


def words_affected(row: Priced, t: Words = english) -> str:
    """Return the offers that a row would be part of, in words."""
    if isinstance(row, Price):
        words = [row.provider, row.site, row.region, row.instance_type, row.purchase_option]
        words += [word for word in (row.term, row.payment, row.offering, row.zone) if word]
        return ":".join(words)
    place = f"{row.provider}:{row.site}:{row.region}"
    if isinstance(row, TransferPrice):
        return t("every offer in {place} with {kind} traffic", place=place, kind=row.destination.replace("_", " "))
    return t("every offer in {place} with {item}", place=place, item=row.item)


def ids_affected(row: Priced, offers: Iterable[Offer]) -> list[str]:
    """Return the ids of the offers of a quote that have a charge made of this row."""
    return [offer.id for offer in offers if _made_of(offer, row)]


def _made_of(offer: Offer, row: Priced) -> bool:
    if (offer.provider, offer.site, offer.region) != (row.provider, row.site, row.region):
        return False
    if isinstance(row, Price):
        return offer.way == row.way
    if isinstance(row, TransferPrice):
        wanted = "inter_region" if row.destination == "inter_region" else "egress"
        return any(charge.category == wanted for charge in offer.charges)
    wanted = _CATEGORY.get(row.item, "")
    return any(
        line.part == wanted and line.each and (wanted != "storage" or ("what", row.variant) in line.name.values)
        for line in offer.lines
    )
