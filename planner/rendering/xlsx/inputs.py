"""The sheet Inputs: all numbers, beside the prices, that a reader may type."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from planner.offer import PURCHASE_OPTIONS
from planner.rendering.xlsx.book import Book, Sheet, cell, serial
from planner.rendering.xlsx.model import Model, label

__all__ = ["FACTORS", "SCENARIOS", "Inputs", "months_needed", "months_of_traffic", "write_inputs"]

#: What the scenarios multiply, as (low, base, high): hours, traffic, exchange rate.
FACTORS = tuple(tuple(Decimal(x) for x in row.split()) for row in ("0.8 1 1.2", "0.8 1 1.2", "0.95 1 1.05"))
SCENARIOS = ("Low", "Base", "High")
FIRST = 5


class Inputs(NamedTuple):
    """Where the typed numbers stand, as absolute references; named cells are used by their names.

    scenario: [what][low, base, high]. counts: by option. factor: from a currency to the report's. discount: by provider
    and way of buying ("" = all). contracts: by provider: what is promised a month, the share due of what is not spent. taxes: by provider and site: its share ("" = the one on top), whether the prices hold it,
    whether it comes back.
    """

    scenario: list[list[str]]
    fx_now: str
    factor: dict[str, str]
    discount: dict[tuple[str, str], str]
    taxes: dict[tuple[str, str], tuple[str, str, str]]
    counts: list[str]
    contracts: dict[str, tuple[str, str]]


class _Item(NamedTuple):
    """One row of the workload. factor: the row of the scenarios that multiplies it (-1: none)."""

    name: str
    words: str
    value: object
    unit: str
    number: str
    factor: int = -1


def write_inputs(book: Book, model: Model, recommended: str) -> Inputs:
    """Write Inputs; `recommended` is the formula of the number of the recommended option."""
    t = book.t
    s = book.sheet("inputs", [58, 16, 13, 14, 26, 14, 16, 16])
    s.title(t("The only sheet, with Prices, on which numbers are typed (blue on yellow). Everything else follows."))
    s.section(3, t("Workload"), 8)
    s.head(4, [t("input"), t("value"), t("unit"), t("used"), t("source"), t("date"), t("owner")], 18)
    items = _items(book, model)
    table = FIRST + len(items) + (10 if model.span else 8)  # the factors' first row: the cells above refer to it
    for number, item in enumerate(items):
        _typed(book, model, FIRST + number, item, table)
    _bounds(s)
    row = _choices(book, model, FIRST + len(items), table, recommended)
    scenario = _factors(book, row + 1)
    assert row + 3 == table, (row, table)
    fx_now = f"INDEX({scenario[2][0]}:{scenario[2][2].rpartition('!')[2]},1,scenario_number)"
    row, factor = _fx(book, model, fx_now, table + 4)
    row, discount = _discounts(book, model, row + 1)
    row, taxed = _taxes(book, model, row)
    row, contracts = _contracts(book, model, row)
    count = _counts(book, model, row)
    s.freeze(3, 1)
    return Inputs(
        scenario=scenario,
        fx_now=fx_now,
        factor=factor,
        discount=discount,
        taxes=taxed,
        counts=count,
        contracts=contracts,
    )


def _items(book: Book, model: Model) -> list[_Item]:
    t, work = book.t, model.work
    demand = work.rps * work.output_tokens if work.rps else work.tokens_per_second
    today, fiscal = model.quote.quoted_on, t("Month in which a fiscal year begins")
    return [
        _Item("hours", t("Hours in use") if model.span else t("Length of the window"), work.hours, t("h"), "hours", 0),
        _Item("start", t("First day (empty: months of up to 744 h)"), work.start, t("date"), "date"),
        _Item("egress", t("Data out"), work.egress_gb, t("GB/month"), "num", 1),
        _Item("inter", t("Data to other regions"), work.inter_region_gb, t("GB/month"), "num", 1),
        _Item("storage", t("Disk per instance"), work.storage_gb, "GB", "num"),
        _Item("ips", t("Public IPv4 addresses"), work.public_ips, t("number"), "int"),
        _Item("tax", t("Tax on top"), work.tax, t("share"), "pct"),
        _Item("review", t("Date of the review (ages of prices count to it)"), today, t("date"), "date"),
        _Item("maxage", t("Oldest acceptable price"), work.max_age, t("days"), "int"),
        _Item("demand", t("Demand for the unit cost (0: what the instances deliver)"), demand, t("tokens/s"), "num"),
        _Item("rate", t("Discount rate a year, nominal (empty: none)"), work.discount_rate, t("share"), "pct"),
        *([_Item("fiscal", fiscal, work.fiscal_year_start, t("month"), "int")] if work.fiscal_year_start else []),
    ]


def _typed(book: Book, model: Model, row: int, item: _Item, table: int) -> None:
    """Write one typed value, and beside it the one that is used: the scenario's share of it."""
    s, typed, value = book.sheets["inputs"], cell(row, 1, "rc"), item.value
    s.text(row, 0, item.words)
    s.put(row, 1, value, item.number, "input")
    s.text(row, 2, item.unit)
    if item.factor >= 0:
        line = table + item.factor
        factors = f"{cell(line, 1, 'rc')}:{cell(line, 3, 'rc')}"
        s.calc(row, 3, f"{typed}*INDEX({factors},1,scenario_number)", value, item.number)
    elif item.name == "start":
        s.calc(row, 3, f'IF({typed}="","",{typed})', serial(str(value)) if value else "", "date")
    elif item.name == "rate":
        s.calc(row, 3, f'IF({typed}="","",{typed})', "" if value is None else value, "pct")
    else:
        s.calc(row, 3, typed, serial(str(value)) if item.number == "date" else value, item.number)
    if item.name != "start":
        book.define("fiscal_start" if item.name == "fiscal" else item.name + "_used", "inputs", row, 3)
    book.define(item.name + "_typed", "inputs", row, 1)
    s.text(row, 4, book.t("planner quote"))
    s.put(row, 5, model.quote.quoted_on, "date", "calc", align="left")
    s.put(row, 6, "", "", "input")


def _bounds(s: Sheet) -> None:
    hours = {"validate": "decimal", "criteria": "between", "minimum": 0.01, "maximum": 87840}
    s.ws.data_validation(5, 1, 5, 1, {**hours, "error_message": "0 < h <= 87,840"})
    s.ws.data_validation(7, 1, 10, 1, {"validate": "decimal", "criteria": ">=", "value": 0})
    s.ws.data_validation(11, 1, 11, 1, {"validate": "decimal", "criteria": "between", "minimum": 0, "maximum": 1})


def _choices(book: Book, model: Model, row: int, table: int, recommended: str) -> int:
    """Write the scenario, the months that follow, and the option shown; return the next row."""
    s, t = book.sheets["inputs"], book.t
    s.text(row, 0, t("Scenario"))
    s.put(row, 1, t(SCENARIOS[1]), "", "input")
    head = f"{cell(table - 1, 1, 'rc')}:{cell(table - 1, 3, 'rc')}"
    s.ws.data_validation(row, 1, row, 1, {"validate": "list", "source": "=" + head})
    s.calc(row, 3, f"MATCH({cell(row, 1, 'rc')},{head},0)", 2, "int")
    book.define("scenario_number", "inputs", row, 3)
    row = _months(book, model, row + 1)
    prorated, (whole, part) = model.work.window.prorated, model.work.window.traffic
    for name, words, unit, formula, value, number in (
        (
            "months_whole",
            t("Whole months of traffic"),
            t("months"),
            "months_used" if model.span else whole_months(prorated, "hours_used", "months_used"),
            whole,
            "int",
        ),
        (
            "month_part",
            t("Share of one more month that is used"),
            t("share"),
            "0" if model.span else part_month(prorated, "hours_used", "months_whole"),
            part,
            "num",
        ),
    ):
        row += 1
        s.text(row, 0, words)
        s.text(row, 2, unit)
        s.calc(row, 3, formula, value, number)
        book.define(name, "inputs", row, 3)
    row += 1
    s.text(row, 0, t("Option shown in detail (number on Summary)"))
    s.put(row, 1, model.shown.number + 1, "int", "input")
    most = {"validate": "integer", "criteria": "between", "minimum": 1, "maximum": len(model.options)}
    s.ws.data_validation(row, 1, row, 1, most)
    book.define("option_shown", "inputs", row, 1)
    s.text(row, 2, t("recommended:"))
    s.calc(row, 3, recommended, model.best.number + 1 if model.best else "", "int", "link")
    book.define("option_recommended", "inputs", row, 3)
    return row + 1


def _months(book: Book, model: Model, row: int) -> int:
    """Write the billing months: of a duty cycle those typed, and how many hours they have; return the last row."""
    s, t = book.sheets["inputs"], book.t
    s.text(row, 2, t("months"))
    book.define("months_used", "inputs", row, 3)
    if not model.span:
        s.text(row, 0, t("Billing months (the longest month has 744 h)"))
        s.calc(row, 3, billing_months("hours_used"), model.quote.months, "int")
        return row
    s.text(row, 0, t("Months in which it is used (hours of each: Steps)"))
    s.put(row, 1, model.span, "int", "input")
    s.calc(row, 3, cell(row, 1, "rc"), model.span, "int")
    least = (
        'IF(OR(start_typed="",MOD(months_used,12)=0),730*months_used,(EDATE(start_typed,months_used)-start_typed)*24)'
    )
    window = model.quote.window
    for name, words, formula, value in (
        ("length_least", t("Hours of these months"), least, window._replace(hours=Decimal(0)).length),
        ("length_used", t("From beginning to end, used or not"), "MAX(hours_used,length_least)", window.length),
    ):
        row += 1
        s.text(row, 0, words)
        s.text(row, 2, t("h"))
        s.calc(row, 3, formula, value, "hours")
        book.define(name, "inputs", row, 3)
    return row


def months_of_traffic(model: Model, hours: str, months: str, whole: str) -> tuple[str, str]:
    """Return the formulas of whole months of traffic, and of the share of one more; `whole` is where the former stand."""
    if model.span:
        return months, "0"
    prorated = model.work.window.prorated
    return whole_months(prorated, hours, months), part_month(prorated, hours, whole)


def months_needed(model: Model, hours: str) -> str:
    """Return the formula of the billing months of a window with other hours."""
    return "months_used" if model.span else billing_months(hours)


def _factors(book: Book, row: int) -> list[list[str]]:
    s, t = book.sheets["inputs"], book.t
    s.section(row, t("Scenarios: factors"), 8)
    row += 1
    s.head(row, [t("factor on"), *(t(x) for x in SCENARIOS)], 18)
    made = []
    for words, factors in zip((t("hours"), t("traffic"), t("exchange rates")), FACTORS, strict=True):
        row += 1
        s.text(row, 0, words)
        for col, factor in enumerate(factors, 1):
            s.put(row, col, factor, "pct", "input")
        made.append([book.ref("inputs", cell(row, c, "rc")) for c in (1, 2, 3)])
    return made


def billing_months(hours: str) -> str:
    """Return the formula of billing months: with a first day those that have begun by then, in the table of months on Steps."""
    return f'IF(start_typed="",MAX(1,ROUNDUP({hours}/744,0)),MAX(1,SUMPRODUCT((m_from<ROUND({hours},6))*1)))'


def whole_months(prorated: bool, hours: str, months: str) -> str:
    """Return the formula of the months whose traffic is paid as a whole; `months` is where the billing months stand."""
    if not prorated:
        return months
    year = f"MOD({hours},8760)"
    full, more = f"INT({year}/744)", f"MOD({year},744)"
    undated = f"12*INT({hours}/8760)+{full}+IF({more}>=24*(30-{full}),1,0)"
    return f'IF(start_typed="",{undated},SUMPRODUCT((m_to<=ROUND({hours},6))*1))'


def part_month(prorated: bool, hours: str, whole: str) -> str:
    """Return the formula of the share of one more month whose traffic is paid; `whole` is where the whole months stand."""
    if not prorated:
        return "0"
    more, full = f"MOD(MOD({hours},8760),744)", f"INT(MOD({hours},8760)/744)"
    undated = f"IF({more}>=24*(30-{full}),0,{more}/(24*(30-{full})))"
    begun = f"INDEX(m_from,{whole}+1)"
    return f'IF(start_typed="",{undated},({hours}-{begun})/INDEX(m_len,{whole}+1))'


def _fx(book: Book, model: Model, fx_now: str, row: int) -> tuple[int, dict[str, str]]:
    s, t = book.sheets["inputs"], book.t
    s.section(row, t("Exchange rates"), 8)
    s.head(row + 1, [t("pair"), t("rate"), t("unit"), t("used"), t("source"), t("date"), t("owner")], 18)
    row += 2
    cells: list[str] = []
    for fx in model.quote.fx:
        s.text(row, 0, f"1 {fx.base} = ... {fx.quote}")
        s.put(row, 1, fx.rate, "rate", "input")
        s.text(row, 2, f"{fx.quote}/{fx.base}")
        s.text(row, 4, fx.source, text_wrap=True, font_size=8)
        s.ws.set_row(row, 12 * (1 + len(fx.source) // 28))
        s.put(row, 5, fx.as_of, "date" if fx.as_of else "", "calc", align="left")
        s.put(row, 6, "", "", "input")
        cells.append(cell(row, 1, "rc"))
        row += 1
    made = {}
    for code in model.currencies:
        s.text(row, 0, f"1 {code} = ... {model.quote.currency}")
        parts = "1" + "".join(("*" if up else "/") + cells[number] for number, up in model.path(code))
        foreign = code != model.quote.currency
        s.calc(row, 3, parts + (f"*{fx_now}" if foreign else ""), model.rate(code), "rate")
        s.text(row, 2, t("calculated"))
        made[code] = book.ref("inputs", cell(row, 3, "rc"))
        row += 1
    return row, made


def _discounts(book: Book, model: Model, row: int) -> tuple[int, dict[tuple[str, str], str]]:
    s, t = book.sheets["inputs"], book.t
    s.section(row, t("Discounts agreed (an empty cell takes the provider's)"), 8)
    s.head(row + 1, [t("provider"), t("all"), *(t(x.replace("_", "-")) for x in PURCHASE_OPTIONS)], 18)
    row += 2
    made = {}
    for provider in sorted({o.offer.provider for o in model.options}):
        s.text(row, 0, provider)
        s.put(row, 1, model.share(provider), "pct", "input")
        made[provider, ""] = book.ref("inputs", cell(row, 1, "rc"))
        for col, option in enumerate(PURCHASE_OPTIONS, 2):
            s.put(row, col, model.shares.get(f"{provider}:{option}"), "pct", "input")
            made[provider, option] = book.ref("inputs", cell(row, col, "rc"))
        row += 1
    return row + 1, made


def _taxes(book: Book, model: Model, row: int) -> tuple[int, dict[tuple[str, str], tuple[str, str, str]]]:
    s, t, made = book.sheets["inputs"], book.t, {}
    s.section(row, t("Tax by provider and site (an empty share takes the tax on top)"), 8)
    titles = (t("provider, site"), t("share"), t("in the prices, 1 = yes"), t("comes back, 1 = yes"))
    s.head(row + 1, list(titles), 30)
    row += 2
    for provider, site in sorted({(o.offer.provider, o.offer.site) for o in model.options}):
        tax = model.tax(provider, site)
        s.text(row, 0, f"{provider}, {t(site)}")
        s.put(row, 1, tax.share if model.taxed_apart(provider, site) else None, "pct", "input")
        for col, flag in ((2, tax.included), (3, tax.recoverable)):
            s.put(row, col, int(flag), "int", "input")
        cells = [book.ref("inputs", cell(row, col, "rc")) for col in (1, 2, 3)]
        made[provider, site] = (cells[0], cells[1], cells[2])
        row += 1
    return row + 1, made


def _contracts(book: Book, model: Model, row: int) -> tuple[int, dict[str, tuple[str, str]]]:
    s, t, made = book.sheets["inputs"], book.t, {}
    lines = {o.offer.provider: line for o in model.options if (line := model.contract(o)) is not None}
    if not lines:
        return row, {}
    s.section(row, t("Framework contracts: what they promise and what is due of it unspent"), 8)
    s.head(row + 1, [t("provider"), t("to be spent a month"), t("currency"), t("share due")], 30)
    row += 2
    for provider, line in sorted(lines.items()):
        s.text(row, 0, provider)
        s.put(row, 1, line.each, "money", "input")
        s.text(row, 2, line.currency)
        s.put(row, 3, line.rates[0].amount, "pct", "input")
        made[provider] = (book.ref("inputs", cell(row, 1, "rc")), book.ref("inputs", cell(row, 3, "rc")))
        row += 1
    return row + 1, made


def _counts(book: Book, model: Model, row: int) -> list[str]:
    s, t = book.sheets["inputs"], book.t
    s.section(row, t("Instances per option"), 8)
    s.head(row + 1, [t("option"), t("instances"), t("number"), t("sized"), t("offer")], 18)
    row += 2
    made = []
    for o in model.options:
        s.text(row, 0, f"{o.number + 1}  {label(o, t)}")
        s.put(row, 1, o.offer.count, "int", "input")
        s.put(row, 2, o.number + 1, "int")
        s.put(row, 3, o.offer.sizing.count, "int")
        s.text(row, 4, o.offer.id)
        made.append(book.ref("inputs", cell(row, 1, "rc")))
        row += 1
    return made
