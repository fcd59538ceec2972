"""The table for people: the choice worth seeing, cheapest first, then what was left out and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from planner.i18n import English, pad, translator, width
from planner.money import plain, show
from planner.quoting.records import AsOf, Offer, Quote

__all__ = ["choose", "dump", "seller", "way"]

ENGLISH = translator("en")
KINDS = ("on_demand", "committed", "spot")


def kind_of(offer: Offer) -> str:
    """Return "on_demand", "spot" or "committed"."""
    return offer.purchase_option if offer.purchase_option in ("on_demand", "spot") else "committed"


def choose(quote: Quote, top: int) -> list[Offer]:
    """Return the offers worth showing: per provider the `top` of each kind, and all of the named instance types (else the reference ones).

    Of the same type bought in the same way in several zones the cheapest stands for all.
    """
    named = {t.lower() for t in quote.workload.instance_type or quote.reference_types}
    shown: list[Offer] = []
    counts: dict[tuple[str, str], int] = {}
    zones: set[tuple[str, ...]] = set()
    for offer in quote.offers:
        way = (
            offer.provider,
            offer.site,
            offer.region,
            offer.instance_type,
            offer.purchase_option,
            offer.term,
            offer.payment,
            offer.offering,
        )
        if way in zones:
            continue
        zones.add(way)
        key = (offer.provider, kind_of(offer))
        if offer.instance_type.lower() in named or counts.get(key, 0) < top:
            counts[key] = counts.get(key, 0) + 1
            shown.append(offer)
    return shown


def way(offer: Offer, t: English = ENGLISH) -> str:
    """Return how the offer is bought, in the field's words."""
    words = t.say(offer.purchase_option.replace("_", "-"))
    parts = [words, t.say(offer.term), t.say(offer.payment.replace("_", " ")), offer.zone]
    return " ".join(p for p in parts if p)


def seller(offer: Offer, t: English = ENGLISH) -> str:
    """Return the provider, marked when the international site bills where another site could."""
    foreign = offer.totals.native_currency == "USD" and offer.site not in ("aws", "aws-us-gov")
    return offer.provider + (t(" (intl)") if foreign else "")


def _gpu(offer: Offer) -> str:
    return f"{plain(offer.gpu.count)}x {offer.gpu.model}"


def _speed(offer: Offer) -> str:
    """Output tokens per second of all instances, low side to high side."""
    speed = offer.sizing.output_tokens_per_second
    return f"{speed.low * offer.count:,.0f}-{speed.high * offer.count:,.0f}" if speed else "?"


def _per_million(offer: Offer) -> str:
    return show(offer.cost_per_million_output, 3) if offer.cost_per_million_output is not None else "?"


def grid(header: Sequence[str], rows: Iterable[Sequence[str]], right: set[int], bold: bool) -> list[str]:
    table = [list(header), *(list(r) for r in rows)]
    widths = [max(width(r[i]) for r in table) for i in range(len(header))]
    lines = []
    for number, row in enumerate(table):
        cells = [pad(c, w, i in right) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        line = "  ".join(cells).rstrip()
        lines.append(f"\x1b[1m{line}\x1b[0m" if bold and number == 0 else line)
    return lines


def dump(quote: Quote, top: int = 1, colour: bool = False, t: English = ENGLISH) -> str:
    """Return the quote as text of at most about 130 columns; `colour` puts the header in bold and notes dim."""
    work, code = quote.workload, quote.currency
    lines = [(f"{work.name}: " if work.name else "") + workload(quote, t)]
    rates = "; ".join(f"1 {f.base} = {plain(f.rate)} {f.quote} ({f.as_of or f.source})" for f in quote.fx)
    at = t("Amounts in {code} at {rates}, cheapest first", code=code, rates=rates) if rates else ""
    lines += [at or t("Amounts in {code}, cheapest first", code=code), ""]
    shown = choose(quote, top)
    if shown:
        header = [
            t("provider"),
            t("region"),
            t("instance type"),
            t("n"),
            t("GPUs"),
            t("bought as"),
            t("effective"),
            t("billed"),
            t("committed"),
            t("native list"),
            t("even at"),
            t("tok/s"),
            t("1M tok"),
        ]
        rows = []
        for o in shown:
            rows.append(
                [
                    seller(o, t),
                    o.region,
                    o.instance_type,
                    str(o.count),
                    _gpu(o),
                    way(o, t) + (" *" if o.unpriced else ""),
                    show(o.totals.report.effective),
                    show(o.totals.report.billed),
                    show(o.totals.report.committed) if o.totals.report.committed else "-",
                    f"{show(o.totals.native.list)} {o.totals.native_currency}",
                    t("{hours} h/mo", hours=o.break_even_hours) if o.break_even_hours is not None else "",
                    _speed(o),
                    _per_million(o),
                ]
            )
        lines += grid(header, rows, {3, 6, 7, 8, 9, 10, 11, 12}, colour)
    else:
        lines.append(t("No offer serves this workload."))
    lines.append("")
    lines += [_dim(x, colour) for x in _foot(quote, shown, t)]
    return "\n".join(lines).rstrip() + "\n"


def workload(quote: Quote, t: English = ENGLISH) -> str:
    """Return what must run, in one line."""
    work = quote.workload
    parts = [
        t("{model} at {precision}", model=work.model, precision=work.precision),
        t("{hours} hours", hours=plain(quote.hours)),
        t("{share} % headroom", share=plain(work.headroom * 100)),
    ]
    if work.egress_gb:
        parts.append(t("{gb} GB/month to {place}", gb=plain(work.egress_gb), place=t.say(work.egress_to)))
    if work.inter_region_gb:
        parts.append(t("{gb} GB/month between regions", gb=plain(work.inter_region_gb)))
    if work.storage_gb:
        parts.append(t("{gb} GB disk each", gb=plain(work.storage_gb)))
    return t(", ").join(parts)


def _has_demand(quote: Quote) -> bool:
    work = quote.workload
    return bool(work.rps or work.tokens_per_second)


def _dim(line: str, colour: bool) -> str:
    return f"\x1b[2m{line}\x1b[0m" if colour and line else line


def _foot(quote: Quote, shown: list[Offer], t: English) -> list[str]:
    lines = [
        t(
            "effective: upfront payments spread over their term; billed: cash in the window; committed: owed over the term"
        ),
        t("even at: hours a month from which the commitment beats on-demand"),
        (
            t(
                "tok/s: output tokens a second at saturation, an estimate; 1M tok: {code} per million output tokens, at the given load",
                code=quote.currency,
            )
            if _has_demand(quote)
            else t(
                "tok/s: output tokens a second at saturation, an estimate; 1M tok: {code} per million output tokens, at its low side",
                code=quote.currency,
            )
        ),
    ]
    if any(o.market for o in shown):
        lines.append(t("spot is a market price of a past sample, not an offer; the instance can be taken back"))
    unpriced = sorted({u for o in shown for u in o.unpriced})
    lines += ["* " + t("not in the total: {text}", text=t.say(text)) for text in unpriced[:6]]
    lines.append(
        t("{n} offers in all (--format json or csv); `planner explain OFFER` unfolds one", n=len(quote.offers))
    )
    lines += budget(quote, t)
    lines.append("")
    for age in quote.prices_as_of:
        stale = next((s for s in quote.stale if s.provider == age.provider), None)
        text = prices_of(age, t)
        lines.append(
            text + ("  " + t("STALE: {message}", message=t.say(stale.message.rpartition(": ")[2])) if stale else "")
        )
    if quote.gaps:
        lines += ["", t("Gaps:")] + [f"  {line}" for line in gaps(quote, t)]
    if quote.rejected:
        lines += ["", t("Rejected ({n}):", n=len(quote.rejected)), *(f"  {line}" for line in rejected(quote, t))]
    if quote.notes:
        lines += [""] + [t("Note: {text}", text=t.say(n)) for n in quote.notes]
    return lines


def prices_of(age: AsOf, t: English = ENGLISH) -> str:
    """Return of which dates a provider's prices are."""
    dates = age.oldest
    if age.oldest != age.newest:
        dates = t("{oldest} to {newest}", oldest=age.oldest, newest=age.newest)
    text = t("Prices of {provider}: {dates}", provider=age.provider, dates=dates or t("undated"))
    text += t(", {n} undated", n=age.undated) if age.undated and dates else ""
    words = {"list": "", "book": t("from the price book"), "own": t("your own")}
    parts = [words[o] for o in age.origin.split("+") if words.get(o)]
    return text + (f" ({t(', ').join(parts)})" if parts else "")


def budget(quote: Quote, t: English = ENGLISH) -> list[str]:
    """Return what the budget allows; [] without a budget."""
    limits = quote.budget
    if limits is None:
        return []
    limit = f"{show(limits.limit)} {limits.currency}"
    if limits.cheapest is None:
        return [t("Budget {limit}: no offer to compare", limit=limit)]
    gap: Decimal = limits.limit - limits.cheapest
    if limits.fits:
        fitting = sum(1 for o in quote.offers if not o.unpriced and o.totals.report.billed <= limits.limit)
        return [t("Budget {limit}: {n} offers fit; the cheapest leaves {gap}", limit=limit, n=fitting, gap=show(gap))]
    return [
        t(
            "Budget {limit}: NOTHING FITS; the cheapest bills {cheapest}, {gap} over",
            limit=limit,
            cheapest=show(limits.cheapest),
            gap=show(-gap),
        )
    ]


def gaps(quote: Quote, t: English = ENGLISH) -> list[str]:
    """Group regions by what is missing."""
    found: dict[tuple[str, str], list[str]] = {}
    for gap in quote.gaps:
        found.setdefault((gap.provider, gap.message), []).append(gap.region)
    return [t("{places}: {text}", places=", ".join(regions), text=t.say(text)) for (_, text), regions in found.items()]


def rejected(quote: Quote, t: English = ENGLISH) -> list[str]:
    """Group instance types by reason, since one reason often holds for a whole family."""
    reasons: dict[tuple[str, str], list[str]] = {}
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
