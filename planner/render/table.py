"""The table for people: the choice worth seeing, cheapest first, then what was left out and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from planner.money import plain, show
from planner.quote import Offer, Quote

__all__ = ["choose", "dump"]

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
            offer.provider, offer.site, offer.region, offer.instance_type, offer.purchase_option, offer.term,
            offer.payment, offer.offering,
        )  # fmt: skip
        if way in zones:
            continue
        zones.add(way)
        key = (offer.provider, kind_of(offer))
        if offer.instance_type.lower() in named or counts.get(key, 0) < top:
            counts[key] = counts.get(key, 0) + 1
            shown.append(offer)
    return shown


def way(offer: Offer) -> str:
    """Return how the offer is bought, in the field's words."""
    words = offer.purchase_option.replace("_", "-")
    parts = [words, offer.term, offer.payment.replace("_", " "), offer.zone]
    return " ".join(p for p in parts if p)


def _gpu(offer: Offer) -> str:
    return f"{plain(offer.gpu.count)}x {offer.gpu.model}"


def _speed(offer: Offer) -> str:
    """Output tokens per second of all instances, low side to high side."""
    speed = offer.sizing.output_tokens_per_second
    return f"{speed.low * offer.count:,.0f}-{speed.high * offer.count:,.0f}" if speed else "?"


def _per_million(offer: Offer) -> str:
    return show(offer.cost_per_million_output, 3) if offer.cost_per_million_output is not None else "?"


def _grid(header: Sequence[str], rows: Iterable[Sequence[str]], right: set[int], bold: bool) -> list[str]:
    table = [list(header), *(list(r) for r in rows)]
    widths = [max(len(r[i]) for r in table) for i in range(len(header))]
    lines = []
    for number, row in enumerate(table):
        cells = [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        line = "  ".join(cells).rstrip()
        lines.append(f"\x1b[1m{line}\x1b[0m" if bold and number == 0 else line)
    return lines


def dump(quote: Quote, top: int = 1, colour: bool = False) -> str:
    """Return the quote as text of at most about 130 columns; `colour` puts the header in bold and notes dim."""
    work, code = quote.workload, quote.currency
    lines = [
        f"{work.name + ': ' if work.name else ''}{work.model} at {work.precision}, {plain(quote.hours)} hours, "
        f"{plain(work.headroom * 100)} % headroom" + _traffic(quote)
    ]
    rates = "; ".join(f"1 {f.base} = {plain(f.rate)} {f.quote} ({f.as_of or f.source})" for f in quote.fx)
    lines += [f"Amounts in {code}" + (f" at {rates}" if rates else "") + ", cheapest first", ""]
    shown = choose(quote, top)
    if shown:
        header = ["provider", "region", "instance type", "n", "GPUs", "bought as", "effective", "billed", "committed", "native list", "even at", "tok/s", "1M tok"]
        rows = []
        for o in shown:
            t = o.totals
            rows.append(
                [
                    o.provider + ("" if t.native_currency != "USD" or o.site in ("aws", "aws-us-gov") else " (intl)"),
                    o.region, o.instance_type, str(o.count), _gpu(o), way(o) + (" *" if o.unpriced else ""),
                    show(t.report.effective), show(t.report.billed), show(t.report.committed) if t.report.committed else "-",
                    f"{show(t.native.list)} {t.native_currency}",
                    f"{o.break_even_hours} h/mo" if o.break_even_hours is not None else "", _speed(o), _per_million(o),
                ]
            )  # fmt: skip
        lines += _grid(header, rows, {3, 6, 7, 8, 9, 10, 11, 12}, colour)
    else:
        lines.append("No offer serves this workload.")
    lines.append("")
    lines += [_dim(x, colour) for x in _foot(quote, shown)]
    return "\n".join(lines).rstrip() + "\n"


def _traffic(quote: Quote) -> str:
    work, parts = quote.workload, []
    if work.egress_gb:
        parts.append(f"{plain(work.egress_gb)} GB/month to {work.egress_to}")
    if work.inter_region_gb:
        parts.append(f"{plain(work.inter_region_gb)} GB/month between regions")
    if work.storage_gb:
        parts.append(f"{plain(work.storage_gb)} GB disk each")
    return ", " + ", ".join(parts) if parts else ""


def _has_demand(quote: Quote) -> bool:
    work = quote.workload
    return bool(work.rps or work.tokens_per_second)


def _dim(line: str, colour: bool) -> str:
    return f"\x1b[2m{line}\x1b[0m" if colour and line else line


def _foot(quote: Quote, shown: list[Offer]) -> list[str]:
    lines = [
        "effective: upfront payments spread over their term; billed: cash in the window; committed: owed over the term",
        "even at: hours a month from which the commitment beats on-demand",
        f"tok/s: output tokens a second at saturation, an estimate; 1M tok: {quote.currency} per million output tokens, "
        + ("at the given load" if _has_demand(quote) else "at its low side"),
    ]
    if any(o.market for o in shown):
        lines.append("spot is a market price of a past sample, not an offer; the instance can be taken back")
    unpriced = sorted({u for o in shown for u in o.unpriced})
    lines += [f"* not in the total: {text}" for text in unpriced[:6]]
    lines.append(f"{len(quote.offers)} offers in all (--format json or csv); `planner explain OFFER` unfolds one")
    lines += _budget(quote)
    lines.append("")
    for age in quote.prices_as_of:
        dates = age.oldest if age.oldest == age.newest else f"{age.oldest} to {age.newest}"
        text = f"Prices of {age.provider}: {dates or 'undated'}" + (f", {age.undated} undated" if age.undated and dates else "")
        stale = next((s for s in quote.stale if s.provider == age.provider), None)
        lines.append(text + (f"  STALE: {stale.message.rpartition(': ')[2]}" if stale else ""))
    gaps: dict[tuple[str, str], list[str]] = {}
    for gap in quote.gaps:
        gaps.setdefault((gap.provider, gap.message), []).append(gap.region)
    if gaps:
        lines += ["", "Gaps:"] + [f"  {', '.join(regions)}: {text}" for (_, text), regions in gaps.items()]
    if quote.rejected:
        lines += ["", f"Rejected ({len(quote.rejected)}):", *_rejected(quote)]
    if quote.notes:
        lines += [""] + [f"Note: {n}" for n in quote.notes]
    return lines


def _budget(quote: Quote) -> list[str]:
    budget = quote.budget
    if budget is None:
        return []
    limit = f"{show(budget.limit)} {budget.currency}"
    if budget.cheapest is None:
        return [f"Budget {limit}: no offer to compare"]
    gap: Decimal = budget.limit - budget.cheapest
    if budget.fits:
        fitting = sum(1 for o in quote.offers if not o.unpriced and o.totals.report.billed <= budget.limit)
        return [f"Budget {limit}: {fitting} offers fit; the cheapest leaves {show(gap)}"]
    return [f"Budget {limit}: NOTHING FITS; the cheapest bills {show(budget.cheapest)}, {show(-gap)} over"]


def _rejected(quote: Quote) -> list[str]:
    """Group instance types by reason, since one reason often holds for a whole family."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for item in quote.rejected:
        names = reasons.setdefault((item.provider, item.reason), [])
        if item.instance_type not in names:
            names.append(item.instance_type)
    lines = []
    for (provider, reason), names in reasons.items():
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        lines.append(f"  {provider} {', '.join(names[:3])}{more}: {reason}")
    return lines
