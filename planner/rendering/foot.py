"""What stands below the table: what its columns mean, how old the prices are, and what was left out."""

from __future__ import annotations

from collections.abc import Sequence

from planner.i18n import English
from planner.quoting.records import Offer, Quote
from planner.rendering import words
from planner.rendering.columns import fold
from planner.text import plural

__all__ = ["ages", "foot", "missing", "unfit"]


def foot(
    quote: Quote,
    shown: Sequence[Offer],
    legends: Sequence[str],
    t: English,
    room: int | None,
    *,
    gaps: bool,
    rejected: bool,
) -> list[str]:
    """Return the lines below the table. legends: what the columns shown mean."""
    lines = []
    if any(o is quote.best for o in shown):
        lines.append(t("> what is recommended"))
    if any(o.market for o in shown):
        lines.append(t("~ spot: a market price of a past sample, not an offer; the instance can be taken back"))
    unpriced = sorted({u for o in shown for u in o.unpriced}, key=str)
    lines += ["* " + t("not in the total: {text}", text=t.say(text)) for text in unpriced[:6]]
    lines += [t(x, code=quote.currency) for x in legends if shown]
    if shown:
        lines.append(t("`planner explain OFFER` unfolds an offer down to its price rows; --format csv lists their ids"))
    lines += ["", *ages(quote, t)]
    lines += [t("Note: {text}", text=t.say(n)) for n in quote.notes]
    lines += [x for one in (missing(quote, gaps, t), unfit(quote, rejected, t)) for x in one]
    return [x for line in lines for x in fold(line, room, 2 if not line.startswith("  ") else 4)]


def ages(quote: Quote, t: English) -> list[str]:
    """Return one line for the prices that are too old, with what to do, and one for the others."""
    late = {s.provider: s for s in quote.stale}
    old = [words.dates(age, t) for age in quote.prices_as_of if age.provider in late]
    new = [words.dates(age, t) for age in quote.prices_as_of if age.provider not in late]
    lines = []
    if old:
        days = max(s.limit_days for s in quote.stale)
        key = "STALE prices, older than {days} days; `planner refresh` fetches newer ones: {dates}"
        lines.append(t(key, days=days, dates=t(", ").join(old)))
    if new:
        lines.append(t("Prices of {dates}", dates=t(", ").join(new)))
    return lines


def missing(quote: Quote, whole: bool, t: English) -> list[str]:
    """Return the gaps of the price lists, counted in one line or, as a `whole`, listed."""
    n = len(quote.gaps)
    if not n:
        return []
    if whole:
        return ["", t("Gaps ({n}):", n=n), *(f"  {line}" for line in words.gaps(quote, t))]
    one, many = "{n} gap in the price lists: --gaps shows it", "{n} gaps in the price lists: --gaps lists them"
    return [t(plural(n, one, many), n=n)]


def unfit(quote: Quote, whole: bool, t: English) -> list[str]:
    """Return the instance types that do not serve the workload, counted in one line or, as a `whole`, listed with why."""
    n = len(quote.rejected)
    if not n:
        return []
    if whole:
        return ["", t("Rejected ({n}):", n=n), *(f"  {line}" for line in words.rejected(quote, t))]
    one = "{n} instance type does not serve this workload: --rejected says why"
    many = "{n} instance types do not serve this workload: --rejected says why"
    return [t(plural(n, one, many), n=n)]
