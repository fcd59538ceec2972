"""The table for people: what to take, the choice worth seeing, then what was left out and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from planner.i18n import English, pad, translator, width
from planner.money import plain, show
from planner.quoting.choose import ranked, worth_showing
from planner.quoting.notes import late
from planner.quoting.records import Offer, Quote
from planner.records import NamedTuple
from planner.rendering.advice import sentences
from planner.rendering.words import budget, gaps, prices_of, rejected, seller, way, workload

__all__ = ["dump", "grid"]


class Column(NamedTuple):
    """A column of the table: its title, what stands in it, whether it is right-aligned."""

    title: str
    cell: Callable[[Quote, Offer, English], str]
    right: bool = False


def _report(name: str) -> Callable[[Quote, Offer, English], str]:
    def cell(quote: Quote, offer: Offer, t: English) -> str:
        value = getattr(offer.totals.report, name)
        return show(value) if value or name != "committed" else "-"

    return cell


def _speed(quote: Quote, offer: Offer, t: English) -> str:
    """Output tokens per second of all instances, low side to high side."""
    speed = offer.sizing.output_tokens_per_second
    return f"{speed.low * offer.count:,.0f}-{speed.high * offer.count:,.0f}" if speed else "?"


def _per_million(quote: Quote, offer: Offer, t: English) -> str:
    return show(offer.cost_per_million_output, 3) if offer.cost_per_million_output is not None else "?"


def _even(quote: Quote, offer: Offer, t: English) -> str:
    return t("{hours} h/mo", hours=offer.break_even_hours) if offer.break_even_hours is not None else ""


COLUMNS = (
    Column("provider", seller),
    Column("region", lambda q, o, t: o.region),
    Column("instance type", lambda q, o, t: o.instance_type),
    Column("n", lambda q, o, t: str(o.count), True),
    Column("GPUs", lambda q, o, t: f"{plain(o.gpu.count)}x {o.gpu.model}"),
    Column("bought as", lambda q, o, t: way(o, t) + (" *" if o.unpriced else "")),
    Column("effective", _report("effective"), True),
    Column("billed", _report("billed"), True),
    Column("committed", _report("committed"), True),
    Column("native list", lambda q, o, t: f"{show(o.totals.native.list)} {o.totals.native_currency}", True),
    Column("even at", _even, True),
    Column("tok/s", _speed, True),
    Column("1M tok", _per_million, True),
)


def grid(header: Sequence[str], rows: Iterable[Sequence[str]], right: set[int], bold: bool) -> list[str]:
    """Return rows below their header, each column as wide as its widest cell; the header in bold where asked."""
    table = [list(header), *(list(r) for r in rows)]
    widths = [max(width(r[i]) for r in table) for i in range(len(header))]
    lines = []
    for number, row in enumerate(table):
        cells = [pad(c, w, i in right) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        line = "  ".join(cells).rstrip()
        lines.append(f"\x1b[1m{line}\x1b[0m" if bold and number == 0 else line)
    return lines


def dump(quote: Quote, *, top: int = 1, lang: str = "en", sort: str = "effective", colour: bool = False) -> str:
    """Return the quote as text of at most about 130 columns.

    top: offers per provider and way of buying. sort: a basis of planner.quoting.choose. colour: the header in bold and
    notes dim. The recommended offer is named first and marked ">" in the table.
    """
    t = translator(lang)
    work, code = quote.workload, quote.currency
    lines = [(f"{work.name}: " if work.name else "") + workload(quote, t)]
    lines += sentences(quote, t)
    rates = "; ".join(f"1 {f.base} = {plain(f.rate)} {f.quote} ({f.as_of or f.source})" for f in quote.fx)
    order = t(sort.replace("-", " "))
    at = t("Amounts in {code} at {rates}, lowest {order} first", code=code, rates=rates, order=order) if rates else ""
    lines += [at or t("Amounts in {code}, lowest {order} first", code=code, order=order), ""]
    shown = ranked(quote, worth_showing(quote, top), sort)
    if shown:
        best = quote.best
        rows = []
        for offer in shown:
            cells = [column.cell(quote, offer, t) for column in COLUMNS]
            rows.append([("> " if offer is best else "  ") + cells[0], *cells[1:]])
        header = ["  " + t(COLUMNS[0].title), *(t(c.title) for c in COLUMNS[1:])]
        lines += grid(header, rows, {i for i, c in enumerate(COLUMNS) if c.right}, colour)
    else:
        lines.append(t("No offer serves this workload."))
    lines.append("")
    lines += [_dim(x, colour) for x in _foot(quote, shown, t)]
    return "\n".join(lines).rstrip() + "\n"


def _dim(line: str, colour: bool) -> str:
    return f"\x1b[2m{line}\x1b[0m" if colour and line else line


def _foot(quote: Quote, shown: list[Offer], t: English) -> list[str]:
    work = quote.workload
    per = "tok/s: output tokens a second at saturation, an estimate; 1M tok: {code} per million output tokens, "
    per += "at the given load" if work.rps or work.tokens_per_second else "at its low side"
    lines = [
        t("> what is recommended") if quote.best is not None else "",
        t(
            "effective: upfront payments spread over their term; billed: cash in the window; committed: owed over the term"
        ),
        t("even at: hours a month from which the commitment beats on-demand"),
        t(per, code=quote.currency),
    ]
    lines = [line for line in lines if line]
    if any(o.market for o in shown):
        lines.append(t("spot is a market price of a past sample, not an offer; the instance can be taken back"))
    unpriced = sorted({u for o in shown for u in o.unpriced}, key=str)
    lines += ["* " + t("not in the total: {text}", text=t.say(text)) for text in unpriced[:6]]
    lines.append(
        t("{n} offers in all (--format json or csv); `planner explain OFFER` unfolds one", n=len(quote.offers))
    )
    lines += [*budget(quote, t), ""]
    for age in quote.prices_as_of:
        stale = next((s for s in quote.stale if s.provider == age.provider), None)
        old = "  " + t("STALE: {message}", message=t.say(late(stale.limit_days, stale.provider))) if stale else ""
        lines.append(prices_of(age, t) + old)
    if quote.gaps:
        lines += ["", t("Gaps:")] + [f"  {line}" for line in gaps(quote, t)]
    if quote.rejected:
        lines += ["", t("Rejected ({n}):", n=len(quote.rejected)), *(f"  {line}" for line in rejected(quote, t))]
    if quote.notes:
        lines += [""] + [t("Note: {text}", text=t.say(n)) for n in quote.notes]
    return lines
