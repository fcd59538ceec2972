"""Say a priced row and its change in words, the same way in every command."""

from __future__ import annotations

from planner.money import plain, show
from planner.offer import Price, Priced, TransferPrice
from planner.prices.book.write import Change
from planner.text import Words, english

__all__ = ["change_line", "name_of", "unit_of"]


def name_of(row: Priced, t: Words = english) -> str:
    """Return what is sold where: provider, region, and what tells the row from its neighbours."""
    words: tuple[str, ...]
    if isinstance(row, Price):
        words = (row.instance_type, row.purchase_option, row.term, row.payment, row.offering, row.zone)
        if row.tier_from or row.tier_to is not None:
            words = (*words, t("from {start} h", start=plain(row.tier_from)))
    elif isinstance(row, TransferPrice):
        start = t("from {start} GB", start=plain(row.from_gb))
        words = (t("traffic to"), row.destination, row.to_region, start, t("free") * row.quota)
    else:
        words = (row.item, row.variant)
    return " ".join(word for word in (row.provider, row.region, *words) if word)


def unit_of(row: Priced) -> str:
    """Return currency per unit."""
    return f"{row.currency}/{'GB' if isinstance(row, TransferPrice) else row.unit}"


def change_line(change: Change, t: Words = english) -> str:
    """Return one line: what, old, new, per cent."""
    name, unit = name_of(change.row, t), unit_of(change.row)
    if change.before is None:
        return t("{name}: new at {amount} {unit}", name=name, amount=plain(change.row.amount), unit=unit)
    if change.after is None:
        return t("{name}: withdrawn (was {amount} {unit})", name=name, amount=plain(change.before.amount), unit=unit)
    percent = change.percent
    shown = "" if percent is None else f" ({'+' if percent > 0 else ''}{show(percent)} %)"
    return f"{name}: {plain(change.before.amount)} -> {plain(change.after.amount)} {unit}{shown}"
