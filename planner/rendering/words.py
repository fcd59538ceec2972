"""Words that several outputs share: who sells, how it is bought, what must run, how old prices are, what is missing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from planner.i18n import English, translator
from planner.money import plain, show
from planner.offer import Source
from planner.quoting.lines import OWNED, exchangeable, term_text
from planner.quoting.notes import is_old, late, seen
from planner.quoting.records import AsOf, Offer, Quote
from planner.text import Text, plural, text
from planner.workload import Workload

__all__ = [
    "budget",
    "dated",
    "dates",
    "gaps",
    "price_age",
    "prices_of",
    "rejected",
    "seller",
    "taxes",
    "way",
    "window",
    "workload",
]

ENGLISH = translator("en")


def way(offer: Offer, t: English = ENGLISH) -> str:
    """Return how the offer is bought, in the field's words."""
    if offer.offering == OWNED:
        return t("bought for {term}", term=t.say(term_text(offer.term)))
    words = [t.say(text(offer.purchase_option.replace("_", "-")))]
    words += [t.say(term_text(offer.term))] if offer.term else []
    words += [t.say(text(offer.payment.replace("_", " ")))] if offer.payment else []
    words += [t.say(text(offer.offering))] if exchangeable(offer.way) else []
    return " ".join([*words, offer.zone] if offer.zone else words)


def seller(quote: Quote, offer: Offer, t: English = ENGLISH) -> str:
    """Return the provider, marked where another price book of the same provider could be meant."""
    site = next((s for s in quote.seller(offer.provider).sites if s.id == offer.site), None)
    return offer.provider + (t(" (" + site.mark + ")") if site is not None and site.mark else "")


def window(quote: Quote, t: English = ENGLISH) -> str:
    """Return how long the window is: "720 hours"."""
    if quote.window.span:
        key = "{hours} of the {all} hours of {months} months"
        whole = quote.window
        return t(key, hours=plain(whole.hours), all=plain(whole.length), months=whole.months)
    return t(plural(quote.hours, "{hours} hour", "{hours} hours"), hours=plain(quote.hours))


def workload(quote: Quote, t: English = ENGLISH) -> str:
    """Return what must run, in one line."""
    work = quote.workload
    parts = [
        t("{model} at {precision}", model=work.model, precision=work.precision),
        window(quote, t),
        t("{share} % headroom", share=plain(work.headroom * 100)),
    ]
    if work.egress_gb:
        parts.append(t("{gb} GB/month to {place}", gb=plain(work.egress_gb), place=t.say(work.egress_to)))
    if work.inter_region_gb:
        parts.append(t("{gb} GB/month between regions", gb=plain(work.inter_region_gb)))
    if work.storage_gb:
        parts.append(t("{gb} GB disk each", gb=plain(work.storage_gb)))
    key = "contract with {provider}: {amount} in {months} months, {share} % off"
    for one in work.contract:
        share = plain(one.discount * 100)
        parts.append(t(key, provider=one.provider, amount=show(one.committed, 0), months=one.months, share=share))
    return t(", ").join(parts + [t("tax {what}", what=x) for x in taxes(work, t)])


def taxes(work: Workload, t: English = ENGLISH) -> list[str]:
    """Return what is said of taxes, a phrase each; [] where none is modelled."""
    said = [t("{share} % on top", share=plain(work.tax * 100))] if work.tax else []
    for tax in work.taxes:
        share = (
            t("{share} % included", share=plain(tax.share * 100))
            if tax.included
            else t("{share} % on top", share=plain(tax.share * 100))
        )
        said.append(f"{tax.scope or t('all')}: {share}" + (t(", recoverable") if tax.recoverable else ""))
    return said


def dated(source: Source, t: English = ENGLISH) -> str:
    """Return since when a price holds, and when it was last seen unchanged: "list of 2024-11-07, seen unchanged 2026-09-24"."""
    day = source.as_of or t.say(text(source.dated)) or t("undated")
    if not source.confirmed or source.confirmed <= source.as_of:
        return day
    if not source.as_of:
        return t("{day}, seen unchanged {confirmed}", day=day, confirmed=source.confirmed)
    return t("list of {day}, seen unchanged {confirmed}", day=day, confirmed=source.confirmed)


def price_age(quote: Quote, offer: Offer, t: English = ENGLISH) -> str:
    """Return in a sentence of when an offer's own prices are, and whether that is too old."""
    day, undated = seen(offer)
    oldest = min((c.source for c in offer.charges if c.source.seen == day and c.category != "tax"), default=None)
    if oldest is None or undated or not day:
        said = t("Its price bears no date.")
    else:
        days = (date.fromisoformat(quote.quoted_on) - date.fromisoformat(day)).days
        said = t("Its price: {dated}, {days} days old.", dated=dated(oldest, t), days=days)
        if days < 0:
            said = t("Its price holds only from {date}.", date=day)
    limit = quote.workload.max_age
    if not is_old(offer, limit, quote.quoted_on):
        return said
    return said + t(" ") + t("STALE: {message}.", message=t.say(late(limit, offer.provider)))


def prices_of(age: AsOf, t: English = ENGLISH) -> str:
    """Return of which dates a provider's prices are."""
    dates = age.oldest
    if age.oldest != age.newest:
        dates = t("{oldest} to {newest}", oldest=age.oldest, newest=age.newest)
    text = t("Prices of {provider}: {dates}", provider=age.provider, dates=dates or t("undated"))
    text += t(", {n} undated", n=age.undated) if age.undated and dates else ""
    return text + _origin(age, t)


def _origin(age: AsOf, t: English) -> str:
    words = {"list": "", "book": t("from the price book"), "own": t("your own")}
    parts = [words[o] for o in age.origin.split("+") if words.get(o)]
    return f" ({t(', ').join(parts)})" if parts else ""


def dates(age: AsOf, t: English = ENGLISH) -> str:
    """Return a provider and the days of its prices, as short as it goes."""
    parts = []
    if age.oldest:
        span = t("{oldest} to {newest}", oldest=age.oldest, newest=age.newest)
        parts.append(age.oldest if age.oldest == age.newest else span)
    if age.undated:
        parts.append(t("{n} undated", n=age.undated))
    return " ".join([age.provider, t(" and ").join(parts) or t("undated")]) + _origin(age, t)


def budget(quote: Quote, t: English = ENGLISH) -> list[str]:
    """Return what the budget allows; [] without a budget."""
    limits = quote.budget
    if limits is None:
        return []
    limit = f"{show(limits.limit)} {limits.currency}"
    if limits.cheapest is None:
        return [t("Budget {limit}: no firm, fully priced offer to compare", limit=limit)]
    gap: Decimal = limits.limit - limits.cheapest
    if limits.fits:
        key = "Budget {limit}: {n} offers fit by {basis}; the least leaves {gap}"
        if limits.fitting == 1:
            key = "Budget {limit}: {n} offer fits by {basis}, and leaves {gap}"
        return [t(key, limit=limit, n=limits.fitting, basis=t(limits.basis.replace("-", " ")), gap=show(gap))]
    least, over = show(limits.cheapest), show(-gap)
    if limits.basis == "billed":
        key = "Budget {limit}: NOTHING FITS; the cheapest bills {cheapest}, {gap} over"
        return [t(key, limit=limit, cheapest=least, gap=over)]
    key = "Budget {limit}: NOTHING FITS; the lowest {basis} is {cheapest}, {gap} over"
    return [t(key, limit=limit, basis=t(limits.basis.replace("-", " ")), cheapest=least, gap=over)]


def gaps(quote: Quote, t: English = ENGLISH) -> list[str]:
    """Group regions by what is missing."""
    found: dict[tuple[str, Text], list[str]] = {}
    for gap in quote.gaps:
        found.setdefault((gap.provider, gap.message), []).append(gap.region)
    return [t("{places}: {text}", places=", ".join(regions), text=t.say(text)) for (_, text), regions in found.items()]


def rejected(quote: Quote, t: English = ENGLISH) -> list[str]:
    """Group instance types by reason, since one reason often holds for a whole family."""
    reasons: dict[tuple[str, Text], list[str]] = {}
    for item in quote.rejected:
        names = reasons.setdefault((item.provider, item.reason), [])
        if item.instance_type not in names:
            names.append(item.instance_type)
    lines = []
    for (provider, reason), names in reasons.items():
        listed = ", ".join(names[:3])
        if len(names) > 3:
            listed = t("{names} and {n} more", names=listed, n=len(names) - 3)
        lines.append(f"{provider} {listed}: {t.say(reason)}")
    return lines
