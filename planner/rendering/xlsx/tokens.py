"""The sheet Tokens: what managed APIs ask for the workload's tokens, beside the recommended machines, as formulas of what is typed."""

from __future__ import annotations

from decimal import Decimal

from planner.money import tax_at
from planner.quoting.records import Api
from planner.quoting.tokens import Compared, compared, evens, volume
from planner.rendering.tokens import name, notes_below
from planner.rendering.xlsx.book import Book, Sheet, cell, quoted
from planner.rendering.xlsx.costs import span
from planner.rendering.xlsx.inputs import Inputs
from planner.rendering.xlsx.model import Model, Option, label

__all__ = ["NAME", "write_tokens"]

NAME = "Tokens"
ZERO, MILLION = Decimal(0), Decimal(1_000_000)
#: Rows of the volume and of the machines, and the first of the APIs.
RATE, RATIO, HITS, OUT, IN, DAYS, MACHINES, HOLDS, LEAST, LEAST_HOLDS = range(4, 14)
FIRST = 17
#: Columns of an API's figures.
INPUT, CACHED, OUTPUT, BATCH, TAX, FX, EACH, COST, BATCHED, EVEN, LASTS = range(4, 15)
#: In the list below them, the first columns of two texts, and the last one.
LACKS, SOURCE, END = 1, 8, 14


def write_tokens(book: Book, model: Model, refs: Inputs) -> None:
    """Write the sheet of a quote that has APIs beside its offers."""
    t, quote, found = book.t, model.quote, compared(model.quote)
    s = book.sheet("tokens", [42, 26, 11, 9, 9, 9, 9, 9, 8, 10, 10, 14, 14, 16, 16])
    s.title(
        t("What managed APIs ask for the same tokens, and from how many a day the recommended machines cost no more.")
    )
    _volume(book, model, s)
    titles = [t("tokens of"), t("sold as"), t("price of"), t("currency"), t("in"), t("cached"), t("out")]
    titles += [t("off in batches"), t("tax"), t("rate of exchange"), t("1M tok"), t("cost"), t("in batches")]
    s.head(FIRST - 2, [*titles, t("the recommended win from"), t("what lasts wins from")], 48)
    own, share, code, day = t("per 1M, own currency"), t("share"), quote.currency, t("tokens/day")
    units = ("", "", "", "", own, own, own, share, share, "", code, code, code, day, day)
    s.ws.set_row(FIRST - 1, 24)
    for col, unit in enumerate(units):
        s.text(FIRST - 1, col, unit, "unit", text_wrap=True)
    for number, one in enumerate(found):
        _api(book, model, s, refs, FIRST + number, one)
    row = _lacks(book, s, FIRST + len(found) + 1, found)
    never = t("- never: more tokens a day would be needed than these machines put out at the low side of the estimate")
    for said in (never, *notes_below(quote, t)):
        s.text(row, 0, said)
        row += 1
    s.freeze(FIRST, 1)


def _lacks(book: Book, s: Sheet, row: int, found: list[Compared]) -> int:
    """List what each API lacks and who says what it asks; return the row below."""
    t = book.t
    s.section(row, t("What an API lacks beside a machine of yours:").rstrip(":：").strip(), END + 1)
    for one in found:
        row += 1
        s.text(row, 0, f"{name(one.api)}: {one.api.model}", "wrap", indent=1)
        lacks = t("; ").join(t.say(x) for x in one.api.lacks)
        for col, end, said in ((LACKS, SOURCE - 1, lacks), (SOURCE, END, one.api.source.text)):
            s.ws.merge_range(row, col, row, end, "", book.fmt("wrap", font_size=8))
            s.text(row, col, said, "wrap", font_size=8)
        s.ws.set_row(row, 26)
    return row + 2


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
    s.text(MACHINES, 0, t("The recommended machines, effective"))
    _machines(book, model, s, MACHINES, "option_recommended", model.best)
    s.text(LEAST, 0, t("What costs least if the need lasts, effective"))
    _machines(book, model, s, LEAST, "say_later", model.lasting)


def _machines(book: Book, model: Model, s: Sheet, row: int, number: str, chosen: Option | None) -> None:
    """Write what an option costs in the window, and below it the tokens a day that it puts out at most while it is this one."""
    formula = f'IF({number}="","",INDEX({span(book, model, "r_eff")},{number}))'
    s.calc(row, 1, formula, chosen.offer.totals.report.effective if chosen else "", "money", "link")
    names = span(book, model, "option")
    s.text(row, 2, model.quote.currency)
    s.calc(row, 3, f'IF({number}="","",INDEX({names},{number}))', label(chosen, book.t) if chosen else "", "", "link")
    s.text(row + 1, 0, book.t("Tokens a day that they put out at most"))
    found = compared(model.quote)[:1]
    holds = next((e.holds for c in found for e in evens(model.quote, c) if chosen and e.offer == chosen.offer), None)
    if chosen is None or holds is None:
        s.put(row + 1, 1, "", "int")
        return
    most = holds.to_integral_value()
    s.calc(row + 1, 1, f'IF({number}={chosen.number + 1},{most},"")', most, "int")


def _at(row: int) -> str:
    return cell(row, 1, "rc")


def _api(book: Book, model: Model, s: Sheet, refs: Inputs, row: int, one: Compared) -> None:
    api = one.api
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
    for col, cost, chosen in ((EVEN, MACHINES, model.best), (LASTS, LEAST, model.lasting)):
        _even(book, model, s, (row, col, cost), one, chosen)


def _even(
    book: Book, model: Model, s: Sheet, where: tuple[int, int, int], one: Compared, chosen: Option | None
) -> None:
    """Write the tokens a day from which an option costs no more than an API, or that it never does."""
    row, col, cost = where
    each, never = cell(row, EACH, "c"), book.t("- never")
    days = model.quote.window.length / 24
    even: Decimal | str = ""
    if chosen is not None and one.million:
        even = chosen.offer.totals.report.effective / days / one.million * MILLION
        holds = next((e.holds for e in evens(model.quote, one) if e.offer == chosen.offer), None)
        even = never if holds is not None and even > holds.to_integral_value() else even
    asked = f"{_at(cost)}/{_at(DAYS)}/{each}*1000000"
    most = _at(cost + 1)
    formula = f'IF(OR({_at(cost)}="",{each}=0),"",IF(AND({most}<>"",{asked}>N({most})),{quoted(never)},{asked}))'
    s.calc(row, col, formula, even, "int", align="right")


def _added(model: Model, api: Api) -> Decimal:
    tax = tax_at(model.work.taxes, model.work.tax, api.vendor, api.site)
    return ZERO if tax.included or tax.recoverable else tax.share
