"""Markdown for a pull-request comment: the recommendation, a short table, and the difference to an earlier quote."""

import re

from planner.i18n import English, translator
from planner.money import show
from planner.quoting.choose import worth_showing
from planner.quoting.records import Quote
from planner.rendering import advice, words
from planner.text import text

__all__ = ["dump"]

#: Changed offers listed by name; the rest is a number.
MOST_CHANGES = 5
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~$@&])")


def _md(text: str) -> str:
    """Return `text` as one line without any markup, mention or HTML."""
    return (
        _MARKUP.sub(r"\\\1", " ".join(text.split()))
        .replace("\\@", "@\u200b")
        .replace("\\<", "&lt;")
        .replace("\\&", "&amp;")
    )


def dump(quote: Quote, *, top: int = 1, lang: str = "en", compare: Quote | None = None) -> str:
    """Return the quote as Markdown; `compare` adds what changed since that quote."""
    t = translator(lang)
    title = quote.workload.name or t("GPU cost quote")
    lines = [f"### {_md(title)}", "", _md(words.workload(quote, t)), ""]
    lines += [f"**{_md(s)}**" if i == 0 else _md(s) for i, s in enumerate(advice.sentences(quote, t))]
    lines += [""] + [_md(b) for b in words.budget(quote, t)]
    if compare is not None:
        lines += _changes(compare, quote, t)
    shown, best = worth_showing(quote, top), quote.best
    if shown:
        head = [t("instance type"), t("provider"), t("bought as"), t("effective"), t("billed"), t("committed")]
        lines += ["", "| " + " | ".join(head) + " |", "|---|---|---|---:|---:|---:|"]
        for o in shown:
            report = o.totals.report
            cells = [
                ("**" if o is best else "") + _md(f"{o.count} x {o.instance_type}") + ("**" if o is best else ""),
                _md(f"{words.seller(quote, o, t)} {o.region}"),
                _md(words.way(o, t) + (" *" if o.unpriced else "")),
                show(report.effective),
                show(report.billed),
                show(report.committed) if report.committed else "-",
            ]
            lines.append("| " + " | ".join(cells) + " |")
    lines += ["", _md(t("Amounts in {code}", code=quote.currency))]
    lines[-1] += "".join(
        f"; 1 {f.base} = {f.rate:f} {f.quote} ({_md(f.as_of or t.say(text(f.source)))})" for f in quote.fx
    )
    unpriced = sorted({u for o in shown for u in o.unpriced}, key=str)
    lines += ["", *(_md("* " + t("not in the total: {text}", text=t.say(u))) + "  " for u in unpriced[:6])]
    lines += ["", "<details><summary>" + t("Prices and gaps") + "</summary>", ""]
    lines += [f"- {_md(words.prices_of(a, t))}" for a in quote.prices_as_of]
    lines += [f"- {_md(s.provider)}: {_md(t.say(s.message))}" for s in quote.stale]
    lines += [f"- {_md(g)}" for g in words.gaps(quote, t)]
    lines += [f"- {_md(t.say(n))}" for n in quote.notes]
    lines += ["", "</details>", "", _md(t("Quote {hash} of {date}", hash=quote.hash, date=quote.quoted_on))]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def _changes(old: Quote, new: Quote, t: English) -> list[str]:
    from planner.quoting.diff import compare

    diff = compare(old, new)
    lines = ["", "#### " + t("Since the quote of {date}", date=diff.quoted_on[0]), ""]
    before, after = diff.before, diff.after
    if before and after:
        lines.append(
            t(
                "Recommended, all obligations included: {before} to {after} {code} ({change}).",
                before=show(before[1]),
                after=show(after[1]),
                code=diff.currency,
                change=_signed(after[1] - before[1]),
            )
        )
    lines += [f"- {_md(n)}" for n in diff.notes]
    changed = [o for o in diff.offers if o.status == "changed"]
    for o in changed[:MOST_CHANGES]:
        parts = t(", ").join(f"{t(cause.replace('_', ' '))} {_signed(amount)}" for cause, amount in o.parts if amount)
        assert o.before is not None and o.after is not None
        lines.append(f"- {_md(o.id)}: {show(o.before)} → {show(o.after)} ({parts})")
    counts = {s: sum(1 for o in diff.offers if o.status == s) for s in ("changed", "new", "gone", "same")}
    lines += ["", t("{changed} offers changed, {new} new, {gone} gone, {same} the same.", **counts)]
    return lines


def _signed(amount: object) -> str:
    from decimal import Decimal

    value = Decimal(str(amount))
    return ("+" if value > 0 else "") + show(value)
