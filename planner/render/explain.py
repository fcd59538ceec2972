"""One offer unfolded: every charge to its price row, source and date; totals, sizing and rates as formulas."""

from __future__ import annotations

from planner.money import plain
from planner.quote import Offer, Quote
from planner.render.table import way

__all__ = ["dump"]


def dump(quote: Quote, offer: Offer) -> str:
    """Return the explanation of `offer` as text; every number in it can be redone by hand."""
    totals, native = offer.totals, offer.totals.native_currency
    lines = [f"{offer.id}", f"  {offer.count} x {offer.instance_type} in {offer.region} ({offer.site}), {way(offer)}"]
    gpu = offer.gpu
    memory = f" of {plain(gpu.memory_gib)} GiB" if gpu.memory_gib is not None else ""
    lines += [f"  {plain(gpu.count)} x {gpu.model}{memory}, {offer.vcpu} vCPU, {plain(offer.memory_gib)} GiB memory", ""]
    lines.append("  charges")
    for c in offer.charges:
        tier = f" [{c.tier}]" if c.tier else ""
        lines.append(f"    {c.name}{tier}: {plain(c.amount)} {c.currency}")
        lines.append(f"      = {plain(c.quantity)} {c.unit} x {plain(c.unit_price)} {c.currency}    ({c.formula})")
        if c.unit_price != c.list_unit_price:
            lines.append(f"      contracted; the list price is {plain(c.list_unit_price)}, list cost {plain(c.list)}")
        if c.billed != c.amount:
            lines.append(f"      billed in the window: {plain(c.billed)}; committed: {plain(c.committed)}")
        elif c.committed:
            lines.append(f"      committed over the term: {plain(c.committed)}")
        lines.append(f"      price row {c.place} ({c.as_of or c.dated or 'undated'}, confidence {c.confidence})")
        lines.append(f"      source: {c.source}")
    lines += ["", f"  totals in {native}{'' if native == quote.currency else ' and ' + quote.currency}"]
    for name in ("list", "effective", "billed", "committed"):
        own, report = getattr(totals.native, name), getattr(totals.report, name)
        other = "" if native == quote.currency else f"  = {plain(report)} {quote.currency}"
        lines.append(f"    {name:<10} {plain(own)} {native}{other}")
    for fx in quote.fx if native != quote.currency else ():
        lines.append(f"    rate: 1 {fx.base} = {plain(fx.rate)} {fx.quote} ({fx.as_of or 'no date'}; {fx.source})")
    if offer.commitment is not None:
        lines += _break_even(offer)
    if offer.unpriced or offer.notes:
        lines += [""] + [f"  not in the total: {u}" for u in offer.unpriced] + [f"  note: {n}" for n in offer.notes]
    lines += ["", *_sizing(offer)]
    return "\n".join(lines) + "\n"


def _break_even(offer: Offer) -> list[str]:
    if offer.break_even_hours is None:
        return ["    break-even: none within a month (or no on-demand price to compare with)"]
    terms = offer.commitment
    assert terms is not None
    if offer.purchase_option == "subscription":
        monthly = (terms.upfront + terms.monthly * terms.term_months) / terms.term_months
    else:
        monthly = (terms.upfront / terms.term_hours + terms.hourly) * 730
    rate = plain(offer.on_demand_hourly) if offer.on_demand_hourly is not None else "?"
    return [f"    break-even {offer.break_even_hours} h a month: {plain(monthly)} a month / {rate} on-demand an hour, rounded up"]


def _sizing(offer: Offer) -> list[str]:
    s = offer.sizing
    lines = [f"  sizing: {s.model} at {s.precision} on {s.engine}"]
    if s.count_given:
        lines.append("    the count was given; the steps show what the sizing would say")
    for step in s.steps:
        lines.append(f"    {step.what}: {step.result} {step.unit}".rstrip() + (f" = {step.formula}" if step.formula else ""))
        if step.source:
            lines.append(f"      source: {step.source}")
    lines += [f"    warning: {w}" for w in s.warnings]
    return lines
