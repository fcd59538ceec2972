"""The recommendation in sentences; which offer it is, planner.quoting.choose says."""

from collections.abc import Iterable
from decimal import Decimal

from planner.i18n import English
from planner.money import plain, show
from planner.quoting.choose import advise, amount, rival
from planner.quoting.records import Offer, Quote
from planner.rendering import words
from planner.rendering.words import price_age, seller, way
from planner.text import text

__all__ = ["headline", "name", "sentences", "ties"]

_RIVALS = {
    "on_demand": "That is {by} {code} ({share} %) less than the best on demand: {offer} at {amount} {code}.",
    "provider": "That is {by} {code} ({share} %) less than the best of another provider: {offer} at {amount} {code}.",
    "next": "That is {by} {code} ({share} %) less than the next best: {offer} at {amount} {code}.",
}


def name(quote: Quote, offer: Offer, t: English) -> str:
    """Return the offer in words: count, type, seller, region and way of buying."""
    return _named(quote, offer, t, "")


def _named(quote: Quote, offer: Offer, t: English, gpus: str) -> str:
    return f"{offer.count} x {offer.instance_type}{gpus}, {seller(quote, offer, t)} {offer.region}, {way(offer, t)}"


def headline(quote: Quote, t: English) -> list[str]:
    """Return what to take and what it costs in one sentence, what that beats (if anything), and the age of its price."""
    best, chosen = quote.best, quote.recommended
    if best is None or chosen is None:
        return [t("No firm, fully priced offer serves this workload.")]
    owed, code = amount(quote, best, chosen.basis) or Decimal(0), quote.currency
    take = "Take {offer}: {amount} {code} to pay for {window}, all obligations included."
    if chosen.basis == "present-value":
        take = "Take {offer}: for {window} all that is owed has a present value of {amount} {code}."
    gpus = f" ({plain(best.gpu.count)}x {best.gpu.model})"
    said = [t(take, offer=_named(quote, best, t, gpus), amount=show(owed), code=code, window=words.window(quote, t))]
    beaten = rival(quote)
    rest = beaten[1].offer if beaten is not None else None
    if beaten is not None and rest is not None and beaten[1].more > 0:
        kind, other = beaten
        said.append(
            t(
                _RIVALS[kind],
                by=show(other.more),
                code=code,
                share=show((other.saved or Decimal(0)) * 100, 0),
                offer=name(quote, rest, t),
                amount=show(other.amount),
            )
        )
    said.append(price_age(quote, best, t))
    return said


def sentences(quote: Quote, t: English) -> list[str]:
    """Return the recommendation as one to three sentences."""
    advice, code, chosen = advise(quote), quote.currency, quote.recommended
    if advice.best is None or chosen is None:
        return [t("No firm, fully priced offer serves this workload.")]
    owed = amount(quote, advice.best, chosen.basis) or Decimal(0)
    least = "Least to pay for {window}, all obligations included: {offer}, for {amount} {code}."
    if chosen.basis == "present-value":
        least = "Least present value of all that is owed for {window}: {offer}, at {amount} {code}."
    result = [
        t(
            least,
            window=words.window(quote, t),
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


def ties(quote: Quote, offers: Iterable[Offer], t: English) -> list[str]:
    """Return, in a sentence each, the rates at which the ways of paying for what is offered tie (planner.quoting.worth).

    All ways of paying that the quote has for the commitments among `offers` count.
    """
    from planner.quoting import worth

    key = (
        "{offer}: {early} instead of {late} takes {upfront} {code} more at once and {saved} {code} less in all; it pays "
        "below {nominal} % a year (nominal, by the month; {effective} % effective)."
    )
    bought = {o.way._replace(payment="", zone="") for o in offers}
    mine = [o for o in quote.offers if o.way._replace(payment="", zone="") in bought]
    return [
        t(
            key,
            offer=f"{x.early.count} x {x.early.instance_type}, {seller(quote, x.early, t)} {x.early.region}, {bought_as(x.early, t)}",
            early=t.say(text(x.early.payment.replace("_", " "))),
            late=t.say(text(x.late.payment.replace("_", " "))),
            upfront=show(x.upfront),
            saved=show(x.saved),
            code=x.early.totals.native_currency,
            nominal=show(x.nominal * 100, 3),
            effective=show(x.effective * 100, 3),
        )
        for x in worth.ties(quote, mine)
    ]


def bought_as(offer: Offer, t: English) -> str:
    """Return how an offer is bought, its way of paying apart."""
    return way(offer._replace(way=offer.way._replace(payment="")), t)
