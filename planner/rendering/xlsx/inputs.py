"""The sheets Inputs and Prices: all numbers that a reader may type."""

from __future__ import annotations

from typing import Any

from planner.offer import PURCHASE_OPTIONS
from planner.quoting.records import Offer, Rate
from planner.rendering.xlsx.book import Book, cell
from planner.rendering.xlsx.model import Ladder, Model, Option

__all__ = ["FACTORS", "Refs", "bought", "default_shown", "label", "write_inputs", "write_prices"]

#: What the scenarios multiply, as (low, base, high): hours, traffic, exchange rate.
FACTORS = ((0.8, 1, 1.2), (0.8, 1, 1.2), (0.95, 1, 1.05))
SCENARIOS = ("Low", "Base", "High")


class Refs:
    """Where things stand, as absolute references; named cells are used by their names."""

    def __init__(self) -> None:
        self.count: list[str] = []
        self.discount: dict[tuple[str, str], str] = {}
        self.factor: dict[str, str] = {}
        self.fx: list[str] = []
        self.scenario: list[list[str]] = []  #: [what][low, base, high]
        self.first_price = self.last_price = 0


def label(o: Option, t: Any) -> str:
    """Return the name of an option for people."""
    from planner.rendering.words import way

    offer = o.offer
    site = f" ({offer.site})" if offer.site != offer.provider else ""
    return f"{offer.instance_type}, {offer.region}{site}, {bought(way(offer), t)}"


def bought(words: str, t: Any) -> str:
    """Return a way of buying ("reserved 3y all upfront") in the reader's language."""
    for word in (
        "on-demand",
        "reserved",
        "savings-plan",
        "subscription",
        "spot",
        "capacity-block",
        "all upfront",
        "partial upfront",
        "no upfront",
    ):
        words = words.replace(word, t(word))
    return words


def default_shown(model: Model) -> int:
    """Return the number (from 1) of the option that timeline, sensitivity and curve show: the first commitment."""
    for i, o in enumerate(model.options, 1):
        if o.committed and o.even is not None and not o.offer.unpriced:
            return i
    return 1


def write_inputs(book: Book, model: Model, refs: Refs) -> None:
    """Write Inputs."""
    t, work, quote = book.t, model.work, model.quote
    s = book.sheet("inputs", [58, 16, 13, 14, 26, 14, 16, 16])
    s.title(t("The only sheet, with Prices, on which numbers are typed (blue on yellow). Everything else follows."))
    define: Any = lambda name, row, col: book.file.define_name(name, "=" + book.ref("inputs", cell(row, col, "rc")))
    row = 3
    s.section(row, t("Workload"), 8)
    s.head(row + 1, [t("input"), t("value"), t("unit"), t("used"), t("source"), t("date"), t("owner")], 18)
    row += 2
    told = t("planner quote")
    items: list[tuple[str, str, object, str, str, str, float]] = [
        ("hours", t("Length of the window"), work.hours, t("h"), "hours", "hours", 0),
        ("start", t("First day (empty: months of up to 744 h)"), work.start, t("date"), "date", "", -1),
        ("egress", t("Data out"), work.egress_gb, t("GB/month"), "num", "traffic", 1),
        ("inter", t("Data to other regions"), work.inter_region_gb, t("GB/month"), "num", "traffic", 1),
        ("storage", t("Disk per instance"), work.storage_gb, "GB", "num", "", -1),
        ("ips", t("Public IPv4 addresses"), work.public_ips, t("number"), "int", "", -1),
        ("tax", t("Tax on top"), work.tax, t("share"), "pct", "", -1),
        ("review", t("Date of the review (ages of prices count to it)"), quote.quoted_on, t("date"), "date", "", -1),
        ("maxage", t("Oldest acceptable price"), work.max_age, t("days"), "int", "", -1),
        (
            "demand",
            t("Demand for the unit cost (0: what the instances deliver)"),
            _demand(model),
            t("tokens/s"),
            "num",
            "",
            -1,
        ),
    ]
    scen_row = row + len(items)
    # the scenario's row and its table stand below; their cells are needed above
    table = scen_row + 5
    for name, words, value, unit, number, _, what in items:
        s.text(row, 0, words)
        s.put(row, 1, value, number, "input")
        s.text(row, 2, unit)
        typed = cell(row, 1, "rc")
        if what >= 0:
            line = table + int(what)
            s.calc(
                row, 3, f"{typed}*INDEX({cell(line, 1, 'rc')}:{cell(line, 3, 'rc')},1,scenario_number)", value, number
            )
            define(name + "_used", row, 3)
        elif name == "start":
            s.calc(row, 3, f'IF({typed}="","",{typed})', _serial(work.start) if work.start else "", "date")
        else:
            s.calc(row, 3, typed, _serial(str(value)) if number == "date" else value, number)
            define(name + "_used", row, 3)
        define(name + "_typed", row, 1)
        s.text(row, 4, told)
        s.put(row, 5, quote.quoted_on, "date", "calc", align="left")
        s.put(row, 6, "", "", "input")
        row += 1
    s.ws.data_validation(
        5,
        1,
        5,
        1,
        {
            "validate": "decimal",
            "criteria": "between",
            "minimum": 0.01,
            "maximum": 87840,
            "error_message": "0 < h <= 87,840",
        },
    )
    s.ws.data_validation(7, 1, 10, 1, {"validate": "decimal", "criteria": ">=", "value": 0})
    s.ws.data_validation(11, 1, 11, 1, {"validate": "decimal", "criteria": "between", "minimum": 0, "maximum": 1})
    s.text(row, 0, t("Scenario"))
    s.put(row, 1, t(SCENARIOS[1]), "", "input")
    head = f"{cell(table - 1, 1, 'rc')}:{cell(table - 1, 3, 'rc')}"
    s.ws.data_validation(row, 1, row, 1, {"validate": "list", "source": "=" + head})
    s.calc(row, 3, f"MATCH({cell(row, 1, 'rc')},{head},0)", 2, "int")
    define("scenario_number", row, 3)
    row += 1
    s.text(row, 0, t("Billing months (the longest month has 744 h)"))
    s.text(row, 2, t("months"))
    s.calc(row, 3, _months_formula("hours_used"), model.quote.months, "int")
    define("months_used", row, 3)
    row += 1
    s.text(row, 0, t("Option shown in detail (number on Summary)"))
    s.put(row, 1, default_shown(model), "int", "input")
    s.ws.data_validation(
        row, 1, row, 1, {"validate": "integer", "criteria": "between", "minimum": 1, "maximum": len(model.options)}
    )
    define("option_shown", row, 1)
    row += 1
    s.section(row, t("Scenarios: factors"), 8)
    row += 1
    assert row == table - 1, (row, table)
    s.head(row, [t("factor on"), *(t(x) for x in SCENARIOS)], 18)
    for words, factors in zip((t("hours"), t("traffic"), t("exchange rates")), FACTORS, strict=True):
        row += 1
        s.text(row, 0, words)
        for col, factor in enumerate(factors, 1):
            s.put(row, col, factor, "pct", "input")
        refs.scenario.append([book.ref("inputs", cell(row, c, "rc")) for c in (1, 2, 3)])
    row = _fx(book, model, refs, row + 2)
    row = _discounts(book, model, refs, row + 1)
    s.section(row, t("Instances per option"), 8)
    s.head(row + 1, [t("option"), t("instances"), t("number"), t("sized")], 18)
    row += 2
    for i, o in enumerate(model.options, 1):
        s.text(row, 0, f"{i}  {label(o, t)}")
        s.put(row, 1, o.offer.count, "int", "input")
        s.put(row, 2, i, "int")
        s.put(row, 3, o.offer.sizing.count, "int")
        refs.count.append(book.ref("inputs", cell(row, 1, "rc")))
        row += 1
    s.freeze(3, 1)


def _demand(model: Model) -> object:
    work = model.work
    return work.rps * work.output_tokens if work.rps else work.tokens_per_second


def _serial(day: str) -> int:
    from datetime import date

    return date.fromisoformat(day).toordinal() - date(1899, 12, 30).toordinal()


def _months_formula(hours: str) -> str:
    """Billing months: with a first day the calendar decides (EDATE keeps the last day of short months)."""
    end = f"(start_typed+{hours}/24)"
    count = f"((YEAR({end})-YEAR(start_typed))*12+MONTH({end})-MONTH(start_typed))"
    return f'IF(start_typed="",MAX(1,ROUNDUP({hours}/744,0)),MAX(1,{count}+IF(EDATE(start_typed,{count})<ROUND({end},9),1,0)))'


def _fx(book: Book, model: Model, refs: Refs, row: int) -> int:
    s, t = book.sheets["inputs"], book.t
    s.section(row, t("Exchange rates"), 8)
    s.head(row + 1, [t("pair"), t("rate"), t("unit"), t("used"), t("source"), t("date"), t("owner")], 18)
    row += 2
    cells = []
    for fx in model.quote.fx:
        s.text(row, 0, f"1 {fx.base} = ... {fx.quote}")
        s.put(row, 1, fx.rate, "rate", "input")
        s.text(row, 2, f"{fx.quote}/{fx.base}")
        s.text(row, 4, fx.source, text_wrap=True, font_size=8)
        s.ws.set_row(row, 12 * (1 + len(fx.source) // 28))
        s.put(row, 5, fx.as_of, "date" if fx.as_of else "", "calc", align="left")
        s.put(row, 6, "", "", "input")
        cells.append(cell(row, 1, "rc"))
        refs.fx.append(book.ref("inputs", cells[-1]))
        row += 1
    for code in model.currencies:
        s.text(row, 0, f"1 {code} = ... {model.quote.currency}")
        parts = "1"
        for number, up in model.path(code):
            parts += ("*" if up else "/") + cells[number]
        row_fx = f"INDEX({refs.scenario[2][0]}:{refs.scenario[2][2].rpartition('!')[2]},1,scenario_number)"
        s.calc(row, 3, parts + (f"*{row_fx}" if code != model.quote.currency else ""), model.factor(code), "rate")
        s.text(row, 2, t("calculated"))
        refs.factor[code] = book.ref("inputs", cell(row, 3, "rc"))
        row += 1
    return row


def _discounts(book: Book, model: Model, refs: Refs, row: int) -> int:
    s, t = book.sheets["inputs"], book.t
    s.section(row, t("Discounts agreed (an empty cell takes the provider's)"), 8)
    s.head(row + 1, [t("provider"), t("all"), *(t(x.replace("_", "-")) for x in PURCHASE_OPTIONS)], 18)
    row += 2
    for provider in sorted({o.offer.provider for o in model.options}):
        s.text(row, 0, provider)
        s.put(row, 1, model.shares.get(provider, 0), "pct", "input")
        refs.discount[provider, ""] = book.ref("inputs", cell(row, 1, "rc"))
        for col, option in enumerate(PURCHASE_OPTIONS, 2):
            s.put(row, col, model.shares.get(f"{provider}:{option}"), "pct", "input")
            refs.discount[provider, option] = book.ref("inputs", cell(row, col, "rc"))
        row += 1
    return row + 1


def write_prices(book: Book, model: Model, refs: Refs) -> None:
    """Write Prices, one row per price, and note the rows in the ladders."""
    t = book.t
    s = book.sheet("prices", [7, 12, 15, 14, 27, 27, 10, 9, 9, 13, 9, 12, 9, 12, 8, 7, 11, 9, 10, 12, 60, 44])
    s.title(
        t("One row per published price, excluding discounts; type a new price over a blue one and everything follows.")
    )
    s.head(
        3,
        [
            t("price"),
            t("provider"),
            t("region"),
            t("book"),
            t("item"),
            t("bought as"),
            t("unit"),
            t("from"),
            t("to"),
            t("list price"),
            t("currency"),
            t("price above the step before"),
            t("hours up to 744"),
            t("cost up to the step"),
            t("hours of term"),
            t("months of term"),
            t("as of"),
            t("age, days"),
            t("confidence"),
            t("tax"),
            t("source"),
            t("place"),
        ],
        40,
    )
    row = 4
    refs.first_price = row
    for ladder in model.ladders:
        if ladder.free is not None:
            _price(book, model, ladder, ladder.free, row)
            row += 1
        ladder.row = row
        for number, rate in enumerate(ladder.rates):
            _price(book, model, ladder, rate, row)
            before = ladder.rates[number - 1] if number else None
            money = cell(row, 9)
            tier = (
                ladder.way in ("on-demand", "spot", "capacity-block")
                or rate.unit == "GB"
                or ladder.offer.commitment is None
            )
            if tier:
                step = float(rate.amount) - (float(before.amount) if before else 0.0)
                s.calc(row, 11, f"{money}-{cell(row - 1, 9)}" if before else money, step, "price")
            if tier and rate.unit == "hour" and ladder.part in ("compute", "on_demand"):
                end = 744.0 if rate.end is None else min(744.0, float(rate.end))
                width = max(0.0, end - float(rate.start))
                s.calc(
                    row, 12, f'MAX(0,MIN(744,IF({cell(row, 8)}="",744,{cell(row, 8)}))-{cell(row, 7)})', width, "num"
                )
                done = sum((float(r.end or 0) - float(r.start)) * float(r.amount) for r in ladder.rates[:number])
                above = f"{cell(row - 1, 13)}+({cell(row - 1, 8)}-{cell(row - 1, 7)})*{cell(row - 1, 9)}"
                s.calc(row, 13, above if before else "0", done, "money")
            row += 1
    refs.last_price = row - 1
    s.ws.autofilter(3, 0, row - 1, 21)
    s.freeze(4, 1)
    s.ws.fit_to_pages(2, 0)


def _tax(model: Model, offer: Offer) -> str:
    """Return whether the offer's price book prints prices with tax: "exclusive", "inclusive" or "unknown"."""
    return next((s.tax for s in model.quote.seller(offer.provider).sites if s.id == offer.site), "unknown")


def _price(book: Book, model: Model, ladder: Ladder, rate: Rate, row: int) -> None:
    s, offer = book.sheets["prices"], ladder.offer
    t = book.t
    for col, text in enumerate(
        (
            ladder.id if rate is not ladder.free else "",
            offer.provider,
            offer.region,
            offer.site,
            t.say(ladder.item),
            bought(t.say(ladder.way), t),
            rate.unit,
        )
    ):
        s.text(row, col, text)
    s.put(row, 7, rate.start, "num")
    s.put(row, 8, rate.end, "num")
    s.put(row, 9, rate.amount, "price", "input")
    s.text(row, 10, ladder.currency)
    terms = next((o for o in model.options if o.own is ladder and o.committed), None)
    if terms is not None:
        s.put(row, 14, terms.term_hours, "int")
        s.put(row, 15, terms.term_months, "int")
    source = rate.source
    if source.as_of:
        s.put(row, 16, source.as_of, "date")
        age = _serial(model.quote.quoted_on) - _serial(source.as_of)
        s.calc(row, 17, f"review_used-{cell(row, 16)}", age, "int")
    else:
        s.text(row, 16, t("undated"))
        s.text(row, 17, "")
    s.text(row, 18, t(source.confidence))
    s.text(row, 19, t(_tax(model, offer)))
    s.text(row, 20, source.text)
    s.text(row, 21, source.place)
