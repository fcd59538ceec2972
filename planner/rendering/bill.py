"""The whole bill of an offer: the machines and what a module creates around them, charge by charge, as planner.quoting.around
has it."""

from __future__ import annotations

from planner.i18n import English, translator
from planner.money import show
from planner.quoting.around import Bill
from planner.quoting.records import Offer
from planner.rendering.explain import charge_lines

__all__ = ["dump", "line"]

ENGLISH = translator("en")


def dump(bill: Bill, offer: Offer, t: English = ENGLISH) -> str:
    """Return the bill as text: each charge with its formula and price row, what has no price, and the sum."""
    lines = [t("The whole bill of {id}, with all that its module creates", id=offer.id)]
    for charge in bill.charges:
        lines += charge_lines(charge, t)
    lines += ["    " + t("not in the total: {text}", text=t.say(said)) for said in bill.unpriced]
    lines.append("  " + total(bill, t))
    return "\n".join(lines) + "\n"


def total(bill: Bill, t: English = ENGLISH) -> str:
    """Return the sum of a bill, and the cash of the window where that is another."""
    effective, billed = show(bill.totals.effective), show(bill.totals.billed)
    if effective == billed:
        return t("in all {amount} {code}", amount=effective, code=bill.currency)
    key = "in all {amount} {code} effective, {billed} {code} billed in the window"
    return t(key, amount=effective, billed=billed, code=bill.currency)


def line(bill: Bill, t: English = ENGLISH) -> str:
    """Return in one line what the machines around an offer add to it."""
    names = "; ".join(_what(said, t) for said in bill.unpriced)
    key = "Around the machines (disk, network, addresses) its module adds {more} {code}: {amount} {code} in all"
    said = t(key, more=show(bill.around), amount=show(bill.totals.effective), code=bill.currency)
    if names:
        said += t("; without a price: {names}", names=names)
    return said + t(" (--infrastructure lists it)")


def _what(said: object, t: English) -> str:
    """Return the name of what has no price, without the place."""
    values = dict(getattr(said, "values", ()))
    return t.say(values["what"]) if "what" in values else t.say(said)  # type: ignore[arg-type]
