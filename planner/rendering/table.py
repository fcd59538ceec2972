"""The table for people: what to take and what that beats, the best of each provider, then the choice worth seeing.

`width` is how many columns the screen has (None: as many as it takes); the command line asks the terminal for it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from planner.i18n import English, translator, width
from planner.money import plain, show
from planner.quoting.choose import amount, basis_of, ranked, standings, worth_showing
from planner.quoting.notes import is_old, seen
from planner.quoting.offers import saturated
from planner.quoting.records import Offer, Quote
from planner.records import NamedTuple
from planner.rendering import words
from planner.rendering.advice import headline, sentences, ties
from planner.rendering.columns import bold, dim, fitting, fold, layout
from planner.rendering.foot import foot
from planner.rendering.words import seller, way
from planner.text import plural

__all__ = ["Grid", "amounts", "cells", "dump", "listed"]


class Column(NamedTuple):
    """A column of the table: its title, what stands in it, how soon a narrow screen drops it, whether it is right-aligned.

    rank: 0 stays at any width, then the lowest comes first. basis: the order that needs it in sight ("" = none). legend: a
    line below the table ("" = its title says enough); {code} is the currency.
    """

    title: str
    cell: Callable[[Quote, Offer, English], str]
    rank: int
    right: bool = False
    basis: str = ""
    legend: str = ""


def _report(name: str) -> Callable[[Quote, Offer, English], str]:
    def cell(quote: Quote, offer: Offer, t: English) -> str:
        value = getattr(offer.totals.report, name)
        return show(value) if value or name != "committed" else "-"

    return cell


def _to_pay(quote: Quote, offer: Offer, t: English) -> str:
    """What the offer obliges to pay; a sample of the spot market obliges to nothing and is only about that much."""
    return ("~" if offer.market else "") + show(offer.totals.report.obligation)


def _present(quote: Quote, offer: Offer, t: English) -> str:
    value = amount(quote, offer, "present-value") if quote.workload.discount_rate is not None else None
    return show(value) if value is not None else "-"


def _speed(quote: Quote, offer: Offer, t: English) -> str:
    """Output tokens per second of all instances, low side to high side."""
    speed = offer.sizing.output_tokens_per_second
    return f"{speed.low * offer.count:,.0f}-{speed.high * offer.count:,.0f}" if speed else "?"


def _per_million(quote: Quote, offer: Offer, t: English) -> str:
    return show(offer.cost_per_million_output, 3) if offer.cost_per_million_output is not None else "?"


def _full(quote: Quote, offer: Offer, t: English) -> str:
    value = saturated(quote.workload, offer)[0]
    return show(value, 3) if value is not None else "?"


def _even(quote: Quote, offer: Offer, t: English) -> str:
    return t("{hours} h/mo", hours=offer.break_even_hours) if offer.break_even_hours is not None else ""


def _price_of(quote: Quote, offer: Offer, t: English) -> str:
    """The day on which the oldest of the offer's prices was last seen, marked where that is too long ago."""
    day, undated = seen(offer)
    said = t("undated") if undated or not day else day
    return f"{said} !" if is_old(offer, quote.workload.max_age, quote.quoted_on) else said


#: Sentences on ways of paying below a table.
MOST_TIES = 4

COLUMNS = (
    Column("provider", seller, 0),
    Column("region", lambda q, o, t: o.region, 4),
    Column("n", lambda q, o, t: str(o.count), 7, True),
    Column("instance type", lambda q, o, t: o.instance_type, 0),
    Column("GPUs", lambda q, o, t: f"{plain(o.gpu.count)}x {o.gpu.model}", 2),
    Column("bought as", lambda q, o, t: way(o, t) + (" *" if o.unpriced else ""), 0),
    Column(
        "to pay",
        _to_pay,
        1,
        True,
        "obligation",
        "to pay: all that taking the offer obliges to pay, the whole term of a commitment included",
    ),
    Column("present value", _present, 1, True, "present-value", "present value: the same, discounted to the first day"),
    Column(
        "effective", _report("effective"), 3, True, "effective", "effective: upfront payments spread over their term"
    ),
    Column("billed", _report("billed"), 8, True, "billed", "billed: cash in the window"),
    Column("committed", _report("committed"), 11, True, "committed", "committed: owed over the term"),
    Column("native list", lambda q, o, t: f"{show(o.totals.native.list)} {o.totals.native_currency}", 12, True),
    Column("even at", _even, 9, True, "", "even at: hours a month from which the commitment beats on-demand"),
    Column("tok/s", _speed, 10, True, "", "tok/s: output tokens a second at saturation, an estimate"),
    Column("1M tok", _per_million, 5, True, "per-token", "1M tok: {code} per million output tokens"),
    Column(
        "price of", _price_of, 13, False, "", "price of: when the oldest of its prices was last seen; ! too long ago"
    ),
    Column("1M full", _full, 6, True, "", "1M full: the same at saturation, beside the demanded load"),
)


def dump(
    quote: Quote,
    *,
    top: int = 1,
    lang: str = "en",
    sort: str = "",
    colour: bool = False,
    width: int | None = None,
    gaps: bool = False,
    rejected: bool = False,
) -> str:
    """Return the quote as text, folded to `width` columns (None: every column, each sentence on one line).

    top: offers per provider and way of buying. sort: a basis of planner.quoting.choose ("" = the one on which the quote
    recommends). colour: what matters in bold, notes dim. gaps, rejected: list them instead of counting them. The
    recommended offer is named first and marked ">" in the table.
    """
    t = translator(lang)
    work, basis = quote.workload, sort or basis_of(quote)
    said = headline(quote, t)
    lines = [bold(x, colour) for x in fold(said[0], width)]
    lines += [x for s in said[1:] for x in fold(s, width)]
    lines += [x for s in words.budget(quote, t) for x in fold(s, width)]
    lines += fold((f"{work.name}: " if work.name else "") + words.workload(quote, t), width)
    lines += _best_of_each(quote, t, width, colour)
    also = [x for s in sentences(quote, t)[1:] for x in fold(s, width, 2)]
    lines += ["", *also] if also else []
    shown = ranked(quote, worth_showing(quote, top), basis)
    columns = _columns(quote, shown, basis, t, width)
    lines += ["", *fold(amounts(quote, basis, t), width)]
    if shown:
        lines += _rows(quote, shown, columns, t, width, colour)
    if quote.workload.discount_rate is not None:
        lines += [x for s in _ties(quote, shown, t) for x in fold(s, width, 2)]
    if quote.best is not None and quote.workload.fiscal_year_start:
        from planner.rendering.fiscal import lines as fiscal

        lines += fiscal(quote, quote.best, t, width)
    legend = [c.legend for c in columns if c.legend]
    lines += ["", *(dim(x, colour) for x in foot(quote, shown, legend, t, width, gaps=gaps, rejected=rejected))]
    return "\n".join(lines).rstrip() + "\n"


def _ties(quote: Quote, shown: list[Offer], t: English) -> list[str]:
    """Return at which rates the ways of paying for what is shown tie, the others of the same commitments included."""
    said = ties(quote, shown, t)
    more = [t("and {n} more: --format json has every one", n=len(said) - MOST_TIES)] if len(said) > MOST_TIES else []
    return ["", t("Where two ways of paying tie:"), *(f"  {x}" for x in (*said[:MOST_TIES], *more))] if said else []


def amounts(quote: Quote, basis: str, t: English) -> str:
    order = t("to pay") if basis == "obligation" else t(basis.replace("-", " "))
    rates = "; ".join(f"1 {f.base} = {plain(f.rate)} {f.quote} ({f.as_of or f.source})" for f in quote.fx)
    if rates:
        return t("Amounts in {code} at {rates}, lowest {order} first", code=quote.currency, rates=rates, order=order)
    return t("Amounts in {code}, lowest {order} first", code=quote.currency, order=order)


def _best_of_each(quote: Quote, t: English, room: int | None, colour: bool) -> list[str]:
    """Return one line per provider: its best offer and by how much that is above the recommended one."""
    found = standings(quote)
    if len(found) < 2:
        return []
    header = [t("best of each"), t("instance type"), t("bought as"), t("to pay"), t("more")]
    if basis_of(quote) == "present-value":
        header[3] = t("present value")
    rows, none = [], []
    for one in found:
        o = one.offer
        if o is None:
            none.append("  " + t("{provider}: no firm, fully priced offer", provider=one.provider))
            continue
        more = t("recommended") if o is quote.best else f"+{show((one.share or Decimal(0)) * 100, 0)} %"
        rows.append([seller(quote, o, t), f"{o.count} x {o.instance_type}", way(o, t), show(one.amount), more])
    if not rows:
        return ["", *none]
    head, *rest = layout(header, rows, {3, 4}, room)
    lines = [bold(x, colour) for x in head]
    for row, block in zip(rows, rest, strict=True):
        lines += [bold(x, colour and row[4] == t("recommended")) for x in block]
    return ["", *lines, *none]


def _columns(quote: Quote, shown: list[Offer], basis: str, t: English, room: int | None) -> list[Column]:
    """Return the columns to show: those that say something here and fit, what the rows are ordered by always."""
    work = quote.workload
    every = [c for c in COLUMNS if c.basis != "present-value" or work.discount_rate is not None]
    every = [c for c in every if c.title != "1M full" or work.rps or work.tokens_per_second]
    if room is None or not shown:
        return every
    many = any(o.count != 1 for o in shown)
    ranks = [0 if c.basis == basis or (c.title == "n" and many) else c.rank for c in every]
    widths = [max(width(x) for x in (t(c.title), *(c.cell(quote, o, t) for o in shown))) for c in every]
    return [every[i] for i in fitting(widths, ranks, room)]


class Grid(NamedTuple):
    """A table of offers as texts. right: the columns of numbers. marked: the row of the recommended offer, -1 where none has it."""

    titles: tuple[str, ...]
    right: frozenset[int]
    rows: tuple[tuple[str, ...], ...]
    marked: int
    legend: tuple[str, ...]


def cells(quote: Quote, shown: list[Offer], columns: list[Column], t: English) -> Grid:
    """Return the offers as texts; of rows that look the same on a narrow screen (another region) the first stands for all."""
    best = quote.best
    found: dict[tuple[str, ...], bool] = {}
    for offer in shown:
        row = tuple(c.cell(quote, offer, t) for c in columns)
        found[row] = found.get(row, False) or offer is best
    marked = next((i for i, recommended in enumerate(found.values()) if recommended), -1)
    right = frozenset(i for i, c in enumerate(columns) if c.right)
    legend = tuple(c.legend for c in columns if c.legend)
    return Grid(tuple(t(c.title) for c in columns), right, tuple(found), marked, legend)


def listed(quote: Quote, top: int, room: int, t: English) -> Grid:
    """Return the table that a terminal of `room` columns shows, as texts."""
    basis = basis_of(quote)
    shown = ranked(quote, worth_showing(quote, top), basis)
    return cells(quote, shown, _columns(quote, shown, basis, t, room), t)


def _rows(
    quote: Quote, shown: list[Offer], columns: list[Column], t: English, room: int | None, colour: bool
) -> list[str]:
    """Return the table."""
    made = cells(quote, shown, columns, t)
    rows, marked = made.rows, made.marked
    head, *rest = layout(made.titles, rows, set(made.right), room, marked)
    lines = [bold(x, colour) for x in head]
    for number, block in enumerate(rest):
        lines += [bold(x, colour and number == marked) for x in block]
    hidden = len(quote.offers) + quote.left_out - len(rows)
    if hidden > 0:
        key = plural(hidden, "{n} more offer: --top N, or --format csv", "{n} more offers: --top N, or --format csv")
        lines += fold("  " + t(key, n=hidden), room)
    return lines
