"""What a notebook shows of a quote, a sizing and a comparison: the terminal's own numbers as a small table, escaped, without scripts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from planner.i18n import translator
from planner.quoting.choose import basis_of
from planner.quoting.diff import Diff, near
from planner.quoting.records import Quote
from planner.sizing import Sizing

__all__ = ["html"]

#: Columns of the terminal that a table stands for, and rows of a comparison.
ROOM, MOST = 110, 12
_ENGLISH = translator("en")


def html(record: object) -> str:
    """Return a `Quote`, `Sizing` or `Diff` as HTML."""
    if isinstance(record, Quote):
        return _quote(record)
    if isinstance(record, Diff):
        return _diff(record)
    assert isinstance(record, Sizing)
    return _sizing(record)


def _quote(quote: Quote) -> str:
    from planner.rendering import table
    from planner.rendering.advice import headline
    from planner.rendering.words import workload

    t = _ENGLISH
    first, *rest = headline(quote, t)
    made = table.listed(quote, 1, ROOM, t)
    said = [
        *([quote.workload.name] if quote.workload.name else []),
        *rest,
        workload(quote, t),
        table.amounts(quote, basis_of(quote), t),
    ]
    rows = _table(made.titles, made.rows, made.right, made.marked) if made.rows else ""
    more = len(quote.offers) + quote.left_out - len(made.rows)
    below = [*made.legend, t("Quote {hash} of {date}", hash=quote.hash, date=quote.quoted_on)]
    if more > 0:
        below.insert(0, f"{more} more: to_dataframe() has every offer")
    return _block(first, said, rows, below)


def _sizing(sizing: Sizing) -> str:
    from planner.rendering import sizing as words

    t = _ENGLISH
    first = words.title(sizing, "", t)
    if not sizing.fits:
        return _block(first, ["does not serve it:", *(str(reason) for reason in sizing.reasons)], "", ())
    parts = {"layout": words.layout, "memory": words.memory, "KV cache": words.cache}
    facts = [f"{label}: {said}" for label, say in parts.items() if (said := say(sizing, t))]
    facts.append(f"{sizing.concurrency:,} requests at once per machine")
    if sizing.utilisation is not None:
        facts.append(
            f"machines: {t('{n}, used to {share} of their low side', n=sizing.count, share=f'{sizing.utilisation:.0%}')}"
        )
    rows = [(rate.label, rate.low, rate.estimate, rate.high) for rate in words.rates(sizing)]
    basis = ", ".join(sizing.basis) if sizing.basis else "no measured rows of this family"
    return _block(
        first,
        facts,
        _table(("", "low", "estimate", "high"), rows, {1, 2, 3}),
        [f"basis: {basis}", *(f"warning: {said}" for said in sizing.warnings)],
    )


def _diff(diff: Diff) -> str:
    from planner.rendering.diff import changed, headline

    first, *rest = headline(diff)
    shown = near(diff)[:MOST]
    rows = changed(diff, shown)
    titles = ("offer", "effective before", "after", "difference", "why")
    same = sum(o.status == "same" for o in diff.offers)
    left = len(diff.offers) - same - sum(o.status != "same" for o in shown)
    below = [f"{same} of {len(diff.offers)} offers unchanged"]
    if left:
        below.insert(0, f"{left} more changed: to_dataframe() has every offer")
    return _block(first, rest, _table(titles, rows, {1, 2, 3}) if rows else "", below)


def _block(first: str, said: Iterable[str], table: str, below: Iterable[str]) -> str:
    above = "".join(f"<div>{escape(line.strip())}</div>" for line in said)
    small = "".join(f"<div>{escape(line)}</div>" for line in below)
    return f'<div><div><b>{escape(first)}</b></div>{above}{table}<div style="font-size:smaller">{small}</div></div>'


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int], marked: int = -1) -> str:
    sides = [
        ' style="text-align:right"' if number in set(right) else ' style="text-align:left"'
        for number in range(len(titles))
    ]
    head = "".join(f'<th scope="col"{side}>{escape(title)}</th>' for side, title in zip(sides, titles, strict=True))
    body = []
    for number, row in enumerate(rows):
        texts = [f"<b>{escape(cell)}</b>" if number == marked else escape(cell) for cell in row]
        body.append(
            "<tr>" + "".join(f"<td{side}>{cell}</td>" for side, cell in zip(sides, texts, strict=True)) + "</tr>"
        )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
