"""The recommendation in sentences; which offer it is, planner.quoting.choose says."""

from decimal import Decimal

from planner.i18n import English
from planner.money import plain, show
from planner.quoting.choose import advise, amount
from planner.quoting.records import Offer, Quote
from planner.rendering.words import price_age, seller, way

__all__ = ["name", "sentences"]


def name(quote: Quote, offer: Offer, t: English) -> str:
    """Return the offer in words: count, type, seller, region and way of buying."""
    return f"{offer.count} x {offer.instance_type}, {seller(quote, offer, t)} {offer.region}, {way(offer, t)}"


def sentences(quote: Quote, t: English) -> list[str]:
    """Return the recommendation as one to three sentences."""
    advice, code, chosen = advise(quote), quote.currency, quote.recommended
    if advice.best is None or chosen is None:
        return [t("No firm, fully priced offer serves this workload.")]
    owed = amount(quote, advice.best, chosen.basis) or Decimal(0)
    least = "Least to pay for {hours} hours, all obligations included: {offer}, for {amount} {code}."
    if chosen.basis == "present-value":
        least = "Least present value of all that is owed for {hours} hours: {offer}, at {amount} {code}."
    result = [
        t(
            least,
            hours=plain(quote.hours),
            offer=name(quote, advice.best, t),
            amount=show(owed),
            code=code,
        )
    ]
    result[0] += t(" ") + price_age(quote, advice.best, t)
    if advice.lasting is not None:
        o = advice.lasting
        result.append(
            t(
                "If the need lasts: {offer} has an effective cost of {amount} {code} for the same hours, but binds {committed} {code}.",
                offer=name(quote, o, t),
                amount=show(o.totals.report.effective),
                code=code,
                committed=show(o.totals.report.obligation),
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
                offer=name(quote, o, t),
                amount=show(o.totals.report.effective),
                code=code,
            )
        )
    return result
