"""Which offer to recommend, by one rule that every report shares, and the sentences that say so."""

from decimal import Decimal
from typing import NamedTuple

from planner.i18n import English
from planner.money import plain, show
from planner.quoting.records import Offer, Quote
from planner.rendering.recipe import path
from planner.rendering.table import seller, way

__all__ = ["Advice", "advise", "owed", "sentences"]


class Advice(NamedTuple):
    """best: least to pay in all if the need ends with the window. lasting: a commitment with a lower effective cost, for
    a need that lasts its term. market: the cheapest spot sample, if it is lower still. Each may be None."""

    best: Offer | None
    lasting: Offer | None
    market: Offer | None


def owed(quote: Quote, offer: Offer) -> Decimal:
    """Return all that taking the offer for the window obliges to pay, in the report currency.

    Of each charge that is what is owed over its term or, where nothing is, what is billed.
    """
    native = sum((max(c.billed, c.committed) for c in offer.charges if c.category != "tax"), Decimal(0))
    native += native * quote.workload.tax
    for index, sign in path(quote, offer):
        rate = quote.fx[index].rate
        native = native * rate if sign == "x" else native / rate
    return native


def advise(quote: Quote) -> Advice:
    """Return what to recommend: complete offers only, spot never as the best (it can be taken back)."""
    complete = [o for o in quote.offers if not o.unpriced]
    firm = [o for o in complete if not o.market]
    best = min(firm, key=lambda o: owed(quote, o), default=None)
    if best is None:
        return Advice(None, None, None)
    lower = [o for o in firm if o.totals.report.effective < best.totals.report.effective]
    spot = [o for o in complete if o.market and o.totals.report.effective < best.totals.report.effective]
    return Advice(
        best,
        min(lower, key=lambda o: o.totals.report.effective, default=None),
        min(spot, key=lambda o: o.totals.report.effective, default=None),
    )


def name(offer: Offer, t: English) -> str:
    """Return the offer in words: count, type, seller, region and way of buying."""
    return f"{offer.count} x {offer.instance_type}, {seller(offer, t)} {offer.region}, {way(offer, t)}"


def sentences(quote: Quote, t: English) -> list[str]:
    """Return the recommendation as one to three sentences."""
    advice, code = advise(quote), quote.currency
    if advice.best is None:
        return [t("No firm, fully priced offer serves this workload.")]
    result = [
        t(
            "Least to pay for {hours} hours, all obligations included: {offer}, for {amount} {code}.",
            hours=plain(quote.hours),
            offer=name(advice.best, t),
            amount=show(owed(quote, advice.best)),
            code=code,
        )
    ]
    if advice.lasting is not None:
        o = advice.lasting
        result.append(
            t(
                "If the need lasts: {offer} has an effective cost of {amount} {code} for the same hours, but binds {committed} {code}.",
                offer=name(o, t),
                amount=show(o.totals.report.effective),
                code=code,
                committed=show(owed(quote, o)),
            )
        )
        if o.break_even_hours is not None:
            result[-1] += t(" ") + t(
                "It beats on-demand of the same type from {hours} hours a month.", hours=o.break_even_hours
            )
    if advice.market is not None:
        o = advice.market
        result.append(
            t(
                "Spot was sampled at {amount} {code} ({offer}); it moves, and the instance can be taken back.",
                offer=name(o, t),
                amount=show(o.totals.report.effective),
                code=code,
            )
        )
    return result
