"""The whole bill of an offer: the machines and what a module creates around them, charge by charge, as planner.quoting.around
has it."""

from __future__ import annotations

from typing import Any

from planner.i18n import English, translator
from planner.money import plain, show
from planner.quoting.around import Bill
from planner.quoting.records import Charge, Offer

__all__ = ["dump", "json_of", "line", "resources"]

ENGLISH = translator("en")


def dump(bill: Bill, offer: Offer, t: English = ENGLISH) -> str:
    """Return the bill as text: each charge with its formula and price row, what has no price, and the sum."""
    from planner.rendering.explain import charge_lines

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


def resources(priced: Any, lang: str) -> str:
    """Return what a configuration costs (planner.terraform.price.Priced), resource by resource, for people."""
    t = translator(lang)
    lines = [t("{path}: what it costs in {hours} hours", path=priced.path, hours=plain(priced.hours))]
    for part in priced.parts:
        lines += [f"  {part.address}"] if part.address else []
        for charge in part.charges:
            lines.append(
                f"    {t.say(charge.name)}: {show(charge.amount)} {charge.currency}    ({t.say(charge.formula)})"
            )
    if priced.free:
        names = ", ".join(f"{name} x {n}" if n > 1 else name for name, n in priced.free)
        lines.append("  " + t("free of charge: {names}", names=names))
    lines += ["  " + t("not in the total: {text}", text=t.say(said)) for said in priced.unpriced]
    lines += ["  " + t.say(said) for said in priced.drift]
    for code, amount in priced.totals.items():
        lines.append("  " + t("in all {amount} {code}", amount=show(amount), code=code))
    if not priced.totals:
        lines.append("  " + t("nothing in it has a price here"))
    return "\n".join(lines) + "\n"


def json_of(priced: Any) -> str:
    """Return the same as JSON (planner.price/1)."""
    import json

    body = {
        "schema": "planner.price/1",
        "path": priced.path,
        "hours": plain(priced.hours),
        "resources": [{"address": p.address, "charges": [_row(c) for c in p.charges]} for p in priced.parts],
        "free": dict(priced.free),
        "unpriced": [str(said) for said in priced.unpriced],
        **({"drift": [str(said) for said in priced.drift]} if priced.drift else {}),
        "totals": {code: plain(amount) for code, amount in priced.totals.items()},
    }
    return json.dumps(body, indent=1, ensure_ascii=False) + "\n"


def _row(charge: Charge) -> dict[str, Any]:
    names = ("quantity", "unit_price", "amount", "billed", "committed")
    return {
        "name": str(charge.name),
        **{name: plain(getattr(charge, name)) for name in names},
        "unit": charge.unit,
        "currency": charge.currency,
        "formula": str(charge.formula),
        "source": charge.source._asdict(),
    }


def _what(said: object, t: English) -> str:
    """Return the name of what has no price, without the place."""
    values = dict(getattr(said, "values", ()))
    return t.say(values["what"]) if "what" in values else t.say(said)  # type: ignore[arg-type]
