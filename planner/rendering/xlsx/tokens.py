"""The sheet Tokens: what managed APIs ask for the workload's tokens, beside the recommended machines, as formulas of what is typed."""

from __future__ import annotations

from decimal import Decimal

from planner.money import tax_at
from planner.quoting.records import Api
from planner.quoting.tokens import Compared, compared, evens, volume
from planner.rendering.tokens import name, notes_below
from planner.rendering.xlsx.book import Book, Sheet, cell
from planner.rendering.xlsx.costs import span
from planner.rendering.xlsx.inputs import Inputs
from planner.rendering.xlsx.model import Model

__all__ = ["NAME", "write_tokens"]

NAME = "Tokens"
ZERO, MILLION = Decimal(0), Decimal(1_000_000)
#: Rows of the volume, and the first of the APIs.
RATE, RATIO, HITS, OUT, IN, DAYS, MACHINES, HOLDS = range(4, 12)
FIRST = 15
#: Columns of an API.
INPUT, CACHED, OUTPUT, BATCH, TAX, FX, EACH, COST, BATCHED, EVEN, LACKS, SOURCE = range(4, 16)


def write_tokens(book: Book, model: Model, refs: Inputs) -> None:
    """Write the sheet of a quote that has APIs beside its offers."""
    t, quote, found = book.t, model.quote, compared(model.quote)
    s = book.sheet("tokens", [40, 26, 12, 9, 10, 10, 10, 9, 9, 10, 12, 15, 15, 17, 60, 40])
    s.title(
        t("What managed APIs ask for the same tokens, and from how many a day the recommended machines cost no more.")
    )
    _volume(book, model, s)
    titles = [
        t("tokens of"),
        t("sold as"),
        t("price of"),
        t("currency"),
        t("in"),
        t("cached"),
        t("out"),
        t("off in batches"),
    ]
    titles += [
        t("tax"),
        t("rate of exchange"),
        t("1M tok"),
        t("cost"),
        t("in batches"),
        t("machines win from, tokens a day"),
    ]
    s.head(FIRST - 2, [*titles, t("What an API lacks beside a machine of yours:"), t("source")], 48)
    code = quote.currency
    units = (
        "",
        "",
        "",
        "",
        *[t("per 1M, own currency")] * 3,
        t("share"),
        t("share"),
        "",
        code,
        code,
        code,
        t("tokens/day"),
        "",
        "",
    )
    for col, unit in enumerate(units):
        s.text(FIRST - 1, col, unit, "unit")
    for number, one in enumerate(found):
        _api(book, model, s, refs, FIRST + number, one)
    row = FIRST + len(found) + 1
    for said in notes_below(quote, t):
        s.text(row, 0, said)
        row += 1
    s.freeze(FIRST, 1)


def _volume(book: Book, model: Model, s: Sheet) -> None:
    """Write how many tokens there are: by the demand on Inputs, or what the recommended machines put out."""
    t, quote, work = book.t, model.quote, model.work
    much = volume(quote)
    assert quote.beside is not None
    hours, hits = quote.window.hours, quote.beside.cache_hits
    outputs = ZERO if much is None else much.outputs
    rate, ratio = outputs * MILLION / 3600 / hours, Decimal(work.input_tokens) / work.output_tokens
    s.section(3, t("Tokens in the window"), 4)
    words = t("Output tokens a second")
    if much is None or much.full:
        words = t("Output tokens a second (typed: what the recommended machines put out)")
        s.put(RATE, 1, rate, "num", "input")
    else:
        s.calc(RATE, 1, "demand_used", rate, "num", "link")
    s.text(RATE, 0, words)
    s.text(RATIO, 0, t("Tokens in for a token out"))
    s.put(RATIO, 1, ratio, "rate", "input")
    s.text(HITS, 0, t("Share of input found in the cache"))
    s.put(HITS, 1, hits, "pct", "input")
    s.text(OUT, 0, t("Output tokens, millions"))
    s.calc(OUT, 1, f"{_at(RATE)}*3600*hours_used/1000000", outputs, "unit3")
    s.text(IN, 0, t("Input tokens, millions"))
    s.calc(IN, 1, f"{_at(OUT)}*{_at(RATIO)}", outputs * ratio, "unit3")
    s.text(DAYS, 0, t("Days"))
    s.calc(DAYS, 1, ("length_used" if model.span else "hours_used") + "/24", quote.window.length / 24, "num")
    best = model.best
    s.text(MACHINES, 0, t("The recommended machines, effective"))
    formula = f'IF(option_recommended="","",INDEX({span(book, model, "r_eff")},option_recommended))'
    s.calc(MACHINES, 1, formula, best.offer.totals.report.effective if best else "", "money", "link")
    s.text(MACHINES, 2, quote.currency)
    holds = next(
        (e.holds for c in compared(quote)[:1] for e in evens(quote, c) if best and e.offer == best.offer), None
    )
    if holds is not None:
        s.text(HOLDS, 0, t("Tokens a day that they put out at most"))
        s.put(HOLDS, 1, holds.to_integral_value(), "int")


def _at(row: int) -> str:
    return cell(row, 1, "rc")


def _api(book: Book, model: Model, s: Sheet, refs: Inputs, row: int, one: Compared) -> None:
    t, quote, api = book.t, model.quote, one.api
    for col, said in enumerate((name(api), api.model)):
        s.text(row, col, said)
    s.put(row, 2, api.source.as_of, "date", "calc", align="left")
    s.text(row, 3, api.currency)
    prices = ((INPUT, api.input), (CACHED, api.cached), (OUTPUT, api.output))
    for col, price in prices:
        s.put(row, col, price, "price", "input")
    s.put(row, BATCH, api.batch or None, "pct", "input")
    s.put(row, TAX, _added(model, api), "pct", "input")
    s.calc(row, FX, refs.factor[api.currency], model.rate(api.currency), "rate", "link")
    c = {col: cell(row, col, "c") for col in (INPUT, CACHED, OUTPUT, BATCH, TAX, FX, EACH)}
    hit = f'IF({c[CACHED]}="",{c[INPUT]},{c[CACHED]})'
    mixed = f"({c[INPUT]}*(1-{_at(HITS)})+{hit}*{_at(HITS)})"
    whole = f"*{c[FX]}*(1+{c[TAX]})"
    s.calc(row, EACH, f"({mixed}*{_at(RATIO)}+{c[OUTPUT]})/({_at(RATIO)}+1){whole}", one.million, "unit3")
    s.calc(row, COST, f"({mixed}*{_at(IN)}+{c[OUTPUT]}*{_at(OUT)}){whole}", one.cost or ZERO, "money")
    batch = f"({c[INPUT]}*{_at(IN)}+{c[OUTPUT]}*{_at(OUT)})*(1-{c[BATCH]}){whole}"
    s.calc(row, BATCHED, f'IF({c[BATCH]}="","",{batch})', "" if one.batch is None else one.batch, "money")
    best, days = model.best, quote.window.length / 24
    even = best.offer.totals.report.effective / days / one.million * MILLION if best and one.million else ""
    formula = f'IF(OR({_at(MACHINES)}="",{c[EACH]}=0),"",{_at(MACHINES)}/{_at(DAYS)}/{c[EACH]}*1000000)'
    s.calc(row, EVEN, formula, even, "int")
    s.text(row, LACKS, t("; ").join(t.say(x) for x in api.lacks), text_wrap=True, font_size=7)
    s.text(row, SOURCE, api.source.text, text_wrap=True, font_size=7)
    s.ws.set_row(row, 42)


def _added(model: Model, api: Api) -> Decimal:
    tax = tax_at(model.work.taxes, model.work.tax, api.vendor, api.site)
    return ZERO if tax.included or tax.recoverable else tax.share
