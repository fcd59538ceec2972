"""Markdown for a pull-request comment: the recommendation, a short table, and the difference to an earlier quote."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from planner.i18n import English, translator
from planner.money import show, signed
from planner.quoting.choose import basis_of, near, ranked, standings, worth_showing
from planner.quoting.fiscal import quarters, years
from planner.quoting.records import Offer, Quote
from planner.rendering import advice, foot, words
from planner.text import text

if TYPE_CHECKING:
    from planner.quoting.diff import Diff

__all__ = ["changed_rows", "dump", "escaped"]

#: What a comment on a pull request may take.
LINES = 25
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~$@&])")


def escaped(text: str) -> str:
    """Return `text` as one line without any markup, mention or HTML."""
    return (
        _MARKUP.sub(r"\\\1", " ".join(text.split()))
        .replace("\\@", "@\u200b")
        .replace("\\<", "&lt;")
        .replace("\\&", "&amp;")
    )


def dump(quote: Quote, *, top: int = 1, lang: str = "en", compare: Quote | None = None) -> str:
    """Return the quote as Markdown of at most LINES lines; `compare` adds what changed since that quote.

    top: with 1 the table has the best of each provider and what comes to at most twice the recommended offer; with more
    it has all that the terminal's table has, however long.
    """
    t = translator(lang)
    title = quote.workload.name or t("GPU cost quote")
    first, *rest = advice.headline(quote, t)
    lines = [f"### {escaped(title)}", "", f"**{escaped(first)}**", *(escaped(s) for s in rest)]
    lines += [escaped(words.workload(quote, t)), *(escaped(b) for b in words.budget(quote, t))]
    if compare is not None:
        tail = _tail(quote, t, [])
        return "\n".join([*lines, *_changes(compare, quote, t, LINES - len(lines) - len(tail)), *tail]) + "\n"
    listed = worth_showing(quote, top)
    shown = near(quote, listed) if top == 1 else ranked(quote, listed, basis_of(quote))
    tail = _tail(quote, t, shown)
    if top == 1:
        shown = _cut(quote, shown, LINES - len(lines) - len(tail) - 3)
    return "\n".join([*lines, *(_table(quote, shown, t) if shown else []), *tail]) + "\n"


def _table(quote: Quote, shown: list[Offer], t: English) -> list[str]:
    best = quote.best
    head = [t("instance type"), t("provider"), t("bought as"), t("to pay"), t("effective"), t("billed")]
    lines = ["", "| " + " | ".join(head) + " |", "|---|---|---|---:|---:|---:|"]
    for o in shown:
        report = o.totals.report
        bold = "**" if o is best else ""
        cells = [
            bold + escaped(f"{o.count} x {o.instance_type}") + bold,
            escaped(f"{words.seller(quote, o, t)} {o.region}"),
            escaped(words.way(o, t) + (" *" if o.unpriced else "")),
            ("~" if o.market else "") + show(report.obligation),
            show(report.effective),
            show(report.billed),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _fiscal(quote: Quote, t: English) -> list[str]:
    """Return what the recommended offer bills in each fiscal year, in one line; [] where no start of one is given."""
    if quote.best is None or not quote.workload.fiscal_year_start:
        return []
    found = years(quarters(quote, quote.best))
    said = "; ".join(f"{t('FY {year}', year=y.year)} {show(y.billed)}" for y in found)
    return [
        escaped(
            t("By fiscal year, in {code}, the whole term included, billed: {years}", code=quote.currency, years=said)
        )
    ]


def _cut(quote: Quote, shown: list[Offer], most: int) -> list[Offer]:
    """Return `most` of `shown`, with the best of each provider among them."""
    kept = {s.offer.id for s in standings(quote) if s.offer is not None}
    kept |= {o.id for o in [o for o in shown if o.id not in kept][: max(0, most - len(kept))]}
    return [o for o in shown if o.id in kept]


def _tail(quote: Quote, t: English, shown: list[Offer]) -> list[str]:
    """Return what stands below the table of `shown`: rates, ages, what was left out, which quote it is."""
    rates = "".join(
        f"; 1 {f.base} = {f.rate:f} {f.quote} ({escaped(f.as_of or t.say(text(f.source)))})" for f in quote.fx
    )
    lines = ["", escaped(t("Amounts in {code}", code=quote.currency)) + rates]
    if any(o.market for o in shown):
        lines.append(
            escaped(t("~ spot: a market price of a past sample, not an offer; the instance can be taken back"))
        )
    lines += _fiscal(quote, t)
    unpriced = sorted({u for o in shown for u in o.unpriced}, key=str)
    if unpriced:
        lines.append(escaped("* " + t("not in the total: {text}", text="; ".join(t.say(u) for u in unpriced[:6]))))
    lines += [escaped(line) for line in foot.ages(quote, t)]
    left = [*foot.missing(quote, False, t), *foot.unfit(quote, False, t)]
    lines += [escaped("; ".join(left))] if left else []
    lines += [escaped(t("Note: {text}", text="; ".join(t.say(n) for n in quote.notes)))] if quote.notes else []
    return [*lines, escaped(t("Quote {hash} of {date}", hash=quote.hash, date=quote.quoted_on))]


def _changes(old: Quote, new: Quote, t: English, room: int) -> list[str]:
    """Return what changed since `old`, the recommended offer first, in at most `room` lines."""
    from planner.quoting.diff import compare

    diff = compare(old, new)
    lines = ["", "#### " + t("Since the quote of {date}", date=diff.quoted_on[0])]
    before, after = diff.before, diff.after
    if before and after:
        lines.append(
            t(
                "Recommended, all obligations included: {before} to {after} {code} ({change}).",
                before=show(before[1]),
                after=show(after[1]),
                code=diff.currency,
                change=signed(after[1] - before[1]),
            )
        )
    lines += [f"- {escaped('; '.join(diff.notes))}"] if diff.notes else []
    lines += changed_rows(diff, max(1, room - len(lines) - 5), t)
    counts = {s: sum(1 for o in diff.offers if o.status == s) for s in ("changed", "new", "gone", "same")}
    return [*lines, "", t("Offers: {changed} changed, {new} new, {gone} gone, {same} the same.", **counts)]


def changed_rows(diff: Diff, most: int, t: English) -> list[str]:
    """Return a table of at most `most` offers that changed, those that each quote recommends first; a blank line before it."""
    from planner.quoting.diff import near
    from planner.rendering.diff import changed

    head = [t("offer"), t("before"), t("after"), t("difference"), t("why")]
    lines = ["", "| " + " | ".join(head) + " |", "|---|---:|---:|---:|---|"]
    for name, *amounts, said in changed(diff, near(diff)[:most], t):
        lines.append("| " + " | ".join([escaped(name), *amounts, escaped(said)]) + " |")
    return lines
