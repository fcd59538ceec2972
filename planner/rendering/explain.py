"""One offer unfolded: every charge to its price row, source and date; totals, sizing and rates as formulas."""

from __future__ import annotations

from planner.i18n import English, pad, translator
from planner.money import plain
from planner.quoting.cost import monthly_cost
from planner.quoting.records import Charge, Offer, Quote
from planner.rendering.words import dated, way
from planner.sizing.fit import model_of
from planner.sizing.lengths import longest
from planner.text import text

__all__ = ["charge_lines", "dump"]

ENGLISH = translator("en")


def dump(quote: Quote, offer: Offer, t: English = ENGLISH) -> str:
    """Return the explanation of `offer` as text; every number in it can be redone by hand."""
    lines = [*_head(offer, t), *_advice(quote, offer, t), "", "  " + t("charges")]
    for charge in offer.charges:
        lines += charge_lines(charge, t)
    lines += ["", *_totals(quote, offer, t)]
    if offer.commitment is not None:
        lines += _break_even(offer, t)
    if offer.unpriced or offer.notes:
        lines += (
            [""]
            + ["  " + t("not in the total: {text}", text=t.say(u)) for u in offer.unpriced]
            + ["  " + t("note: {text}", text=t.say(n)) for n in offer.notes]
        )
    lines += ["", *_sizing(quote, offer, t)]
    return "\n".join(lines) + "\n"


def _head(offer: Offer, t: English) -> list[str]:
    """Return what the offer is: its id, where it stands, its machine."""
    gpu = offer.gpu
    memory = t(" of {n} GiB", n=plain(gpu.memory_gib)) if gpu.memory_gib is not None else ""
    where = t(
        "{n} x {type} in {region} ({site}), {way}",
        n=offer.count,
        type=offer.instance_type,
        region=offer.region,
        site=offer.site,
        way=way(offer, t),
    )
    machine = t("{n} GiB memory", n=plain(offer.machine.memory_gib))
    rest = f", {offer.machine.vcpu} vCPU, {machine}" if offer.machine.vcpu else ""  # of machines to buy nobody says
    return [offer.id, f"  {where}", f"  {plain(gpu.count)} x {gpu.model}{memory}{rest}"]


def _advice(quote: Quote, offer: Offer, t: English) -> list[str]:
    """Return whether the quote recommends this offer, or which other one."""
    chosen = quote.recommended
    if chosen is None:
        return []
    if chosen.id == offer.id:
        return ["  " + t("recommended:") + " " + t.say(chosen.reason)]
    return ["  " + t("the quote recommends {id}", id=chosen.id)]


def charge_lines(c: Charge, t: English) -> list[str]:
    """Return one charge: its amount, how it came about, and the price row and source behind it."""
    tier = f" [{t.say(c.tier)}]" if c.tier else ""
    unit = t.say(text(c.unit))
    lines = [
        f"    {t.say(c.name)}{tier}: {plain(c.amount)} {c.currency}",
        f"      = {plain(c.quantity)} {unit} x {plain(c.unit_price)} {c.currency}    ({t.say(c.formula)})",
    ]
    if c.unit_price != c.list_unit_price:
        contracted = "contracted; the list price is {price}, list cost {cost}"
        lines.append("      " + t(contracted, price=plain(c.list_unit_price), cost=plain(c.list)))
    if c.billed != c.amount:
        cash = "billed in the window: {billed}; committed: {committed}"
        lines.append("      " + t(cash, billed=plain(c.billed), committed=plain(c.committed)))
    elif c.committed:
        lines.append("      " + t("committed over the term: {amount}", amount=plain(c.committed)))
    row = t(
        "price row {place} ({date}, confidence {confidence})",
        place=c.source.place,
        date=dated(c.source, t),
        confidence=t.say(text(c.source.confidence)),
    )
    return [*lines, f"      {row}", "      " + t("source: {text}", text=c.source.text)]


def _totals(quote: Quote, offer: Offer, t: English) -> list[str]:
    """Return the totals in the offer's and the report's currency, and the rates between them."""
    totals, native = offer.totals, offer.totals.native_currency
    codes = native if native == quote.currency else f"{native}, {quote.currency}"
    lines = ["  " + t("totals in {codes}", codes=codes)]
    for name in ("list", "effective", "billed", "committed"):
        own, report = getattr(totals.native, name), getattr(totals.report, name)
        other = "" if native == quote.currency else f"  = {plain(report)} {quote.currency}"
        lines.append(f"    {pad(t(name), 10)} {plain(own)} {native}{other}")
    for fx in quote.fx if native != quote.currency else ():
        rate = f"1 {fx.base} = {plain(fx.rate)} {fx.quote} ({fx.as_of or t('no date')}; {t.say(fx.source)})"
        lines.append("    " + t("rate: {rate}", rate=rate))
    return lines


def _break_even(offer: Offer, t: English) -> list[str]:
    if offer.break_even_hours is None:
        return ["    " + t("break-even: none within a month (or no on-demand price to compare with)")]
    terms = offer.commitment
    assert terms is not None
    monthly = monthly_cost(terms)
    rate = plain(offer.on_demand_hourly) if offer.on_demand_hourly is not None else "?"
    return [
        "    "
        + t(
            "break-even {hours} h a month: {monthly} a month / {rate} on-demand an hour, rounded up",
            hours=offer.break_even_hours,
            monthly=plain(monthly),
            rate=rate,
        )
    ]


def _sizing(quote: Quote, offer: Offer, t: English) -> list[str]:
    s, load = offer.sizing, quote.workload
    lines = [
        "  " + t("sizing: {model} at {precision} on {engine}", model=s.model, precision=s.precision, engine=s.engine)
    ]
    tokens = longest(s, model_of(load), load.input_tokens + load.output_tokens, load.context_tokens)
    key = "an emitted module takes requests of up to {n} tokens; sized for {isl} in and {osl} out"
    lines.append("    " + t(key, n=f"{tokens:,}", isl=f"{load.input_tokens:,}", osl=f"{load.output_tokens:,}"))
    if s.count_given:
        lines.append("    " + t("the count was given; the steps show what the sizing would say"))
    for step in s.steps:
        lines.append(
            f"    {t.say(step.what)}: {t.say(step.result)} {t.say(step.unit)}".rstrip()
            + (f" = {t.say(step.formula)}" if step.formula else "")
        )
        if step.source:
            lines.append("      " + t("source: {text}", text=t.say(step.source)))
    lines += ["    " + t("warning: {text}", text=t.say(w)) for w in s.warnings]
    return lines
