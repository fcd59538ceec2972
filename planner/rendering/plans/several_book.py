"""Workbooks of a mix of several types, and of a plan for several demands with weights: numbers, prices and weights can be typed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from planner.errors import PlannerError
from planner.i18n import English
from planner.records import NamedTuple
from planner.rendering.plans import Doc, Words, weeks
from planner.rendering.plans.book import COLOURS, MOST, close, look, opened, regret, series
from planner.rendering.plans.several import committed, running
from planner.rendering.xlsx.book import Sheet, cell

__all__ = ["mixed", "scenarios"]

ZERO = Decimal(0)
#: Rows above the first hour of the sheet of hours.
ABOVE = 4
#: More layers than this are not told apart in a chart.
LAYERS = ("#0b5cad", "#1d7a3a", "#7a3e9d", "#0f7b8a", "#c2570c", "#5d6b7a")


class _Price(NamedTuple):
    """What an hour costs from hour `first` to before `end`. row: of the sheet where it stands, once written."""

    first: int
    end: int
    amount: Decimal
    row: int = 0


def _prices(one: Doc | None, hours: int) -> list[_Price]:
    """Return the prices of what runs by the hour; the mean where they fall in steps of a run, nothing where nothing runs."""
    if one is None:
        return []
    told = one.get("prices")
    if not told or any(p["price"] is None for p in told):
        return [_Price(0, hours, Decimal(one["cost"]) / one["instance_hours"])]
    edges = [*(p["first_hour"] for p in told), hours]
    return [_Price(edges[n], edges[n + 1], Decimal(p["price"])) for n, p in enumerate(told)]


def _few(hours: int) -> None:
    if hours > MOST:
        raise PlannerError(f"a workbook holds {MOST:,} hours, the demand has {hours:,}: use --format json")


def _deals(s: Sheet, row: int, lead: str, deals: Sequence[Doc], words: Words, hours: int, t: English) -> int:
    """Write commitments, or a line to type one in; return the next row. Columns: type, bought as, number, hours, each, all."""
    for one in deals or ({},):
        s.text(row, 0, lead)
        s.text(row, 1, words.ways[one["offer"]] if one else t("no commitment"))
        s.put(row, 2, one.get("number", 0), "int", "input")
        s.put(row, 3, one.get("first_hour", 0), "int")
        s.put(row, 4, one.get("end_hour", hours), "int")
        s.put(row, 5, Decimal(one.get("cost_each", 0)), "money", "input")
        s.calc(row, 6, f"{cell(row, 2)}*{cell(row, 5)}", Decimal(one.get("cost", 0)), "money")
        row += 1
    return row


def _span(s: Sheet, col: int, first: int, end: int) -> str:
    """Return the hours from `first` to before `end` in a column of the sheet of hours."""
    return s.book.ref("hours", f"{cell(first + ABOVE, col)}:{cell(end + ABOVE - 1, col)}")


# -- several types ----------------------------------------------------------------------------------------------


def mixed(doc: Doc, words: Words, t: English, lang: str) -> bytes:
    """Return the workbook of planner.commit/1 with `mixed_types`."""
    mix = doc["mixed_types"]
    hours = len(mix["parts"][0]["instances"])
    _few(hours)
    book, stream = opened(doc, "mixed", t("How much to commit"), t, lang)
    sheet = book.sheet("mix", [24, 30, 12, 11, 11, 14, 16], landscape=False)
    wide: list[float] = [32, 18, 18, 18, *([18, 16, 10, 18] if "price_falls" in doc else [])]
    told = mix["regret"], mix["owed_at_termination"], doc["currency"]
    regret(book.sheet("regret", wide), *told, t, doc.get("price_falls"), words)
    series_ = book.sheet("hours", [10, *[13] * (5 * len(mix["parts"]))])
    runs = [running(part) for part in mix["parts"]]
    places, end = _mixed_sheet(sheet, doc, words, runs, t)
    _mixed_hours(series_, mix["parts"], runs, places, t)
    _mixed_chart(sheet, mix["parts"], runs, end, t)
    return close(book, stream, "mix")


Runs = Sequence[tuple[list[int], list[int], list[int]]]


def _mixed_sheet(s: Sheet, doc: Doc, words: Words, runs: Runs, t: English) -> tuple[list[tuple[int, int]], int]:
    """Write what is bought of each type; return the rows of each type's commitments, and the row below all."""
    mix, code = doc["mixed_types"], doc["currency"]
    hours = len(mix["parts"][0]["instances"])
    s.title(words.heading[0] if words.heading else "")
    s.section(3, t("What may be changed: numbers and prices"), 7)
    titles = ("instance type", "bought as", "number", "first hour", "end hour")
    s.head(4, [*(t(title) for title in titles), t("each, {code}", code=code), code])
    row, places = 5, []
    for at, (part, (_, spot, firm)) in enumerate(zip(mix["parts"], runs, strict=True)):
        first, name = row, part["instance_type"]
        row = _deals(s, row, name, part["commitments"], words, hours, t)
        places.append((first, row - 1))
        for one in part["hourly"]:
            on_spot = ":spot" in one["offer"]
            values, col = (spot, 4) if on_spot else (firm, 5)
            for price in _prices(one, hours):
                used = sum(values[price.first : price.end])
                s.text(row, 0, name)
                s.text(row, 1, words.ways[one["offer"]])
                s.calc(row, 2, f"SUM({_span(s, 5 * at + col, price.first, price.end)})", used, "int")
                s.put(row, 3, price.first, "int")
                s.put(row, 4, price.end, "int")
                s.put(row, 5, price.amount, "price", "input")
                s.calc(row, 6, f"{cell(row, 2)}*{cell(row, 5)}", price.amount * used, "money")
                row += 1
    s.text(row, 0, t("traffic and addresses"))
    s.put(row, 6, Decimal(mix["beside_instances"]), "money", "input")
    row += 1
    s.text(row, 0, t("together"), "total")
    for col in range(1, 6):
        s.text(row, col, "", "total")
    s.calc(row, 6, f"SUM({cell(5, 6)}:{cell(row - 1, 6)})", Decimal(mix["cost"]), "money", "total")
    whole = row
    row += 2
    s.section(row, t("What the mix means"), 7)
    each = [part["serves_each"] for part in mix["parts"]]

    def sums(col: int) -> str:
        spans = (_span(s, 5 * at + col, 0, hours) for at in range(len(each)))
        return "+".join(f"{one}*SUM({span})" for one, span in zip(each, spans, strict=True))

    s.text(row + 1, 0, t("coverage"))
    s.calc(row + 1, 2, f"IF(({sums(1)})=0,0,({sums(3)})/({sums(1)}))", Decimal(mix["coverage"]), "pct")
    if mix["all_on_demand"] is not None:
        beside = Decimal(mix["beside_instances"])
        s.text(row + 2, 0, t("types mixed, all on demand"))
        s.put(row + 2, 6, Decimal(mix["all_on_demand"]), "money", "input")
        s.text(row + 3, 0, t("effective savings rate"))
        less, more = f"({cell(whole, 6)}-{cell(whole - 1, 6)})", f"({cell(row + 2, 6)}-{cell(whole - 1, 6)})"
        spent, all_ = Decimal(mix["cost"]) - beside, Decimal(mix["all_on_demand"]) - beside
        s.calc(row + 3, 2, f"IF({more}=0,0,1-{less}/{more})", 1 - spent / all_ if all_ else 0, "pct")
    return places, row + 5


def _mixed_hours(s: Sheet, parts: Sequence[Doc], runs: Runs, places: Sequence[tuple[int, int]], t: English) -> None:
    s.title(t("What runs of each type in each hour; typed: the instances of the plan, and those on spot."))
    names = ("running", "committed instances", "by commitments", "on spot", "on demand")
    titles = [f"{part['instance_type']}: {t(name)}" for part in parts for name in names]
    s.head(3, [t("hour"), *titles], 60)
    ref = s.book.ref
    held = [committed(part["commitments"], len(part["instances"])) for part in parts]
    columns = [
        tuple(ref("mix", f"{cell(first, col, 'rc')}:{cell(last, col, 'rc')}") for col in (2, 3, 4))
        for first, last in places
    ]
    for hour in range(len(held[0])):
        row = hour + ABOVE
        s.put(row, 0, hour, "int")
        for at, (part, (own, spot, firm)) in enumerate(zip(parts, runs, strict=True)):
            col, (number, first, end) = 5 * at + 1, columns[at]
            count, have, used, on_spot = (cell(row, col + n) for n in range(4))
            s.put(row, col, part["instances"][hour], "int", "input")
            now = f'SUMIFS({number},{first},"<="&{cell(row, 0)},{end},">"&{cell(row, 0)})'
            s.calc(row, col + 1, now, held[at][hour], "int")
            s.calc(row, col + 2, f"MIN({count},{have})", own[hour], "int")
            s.put(row, col + 3, spot[hour], "int", "input")
            s.calc(row, col + 4, f"MAX(0,{count}-{used}-{on_spot})", firm[hour], "int")
    s.freeze(ABOVE, 1)
    s.last[0] = min(s.last[0], 171)  # a week on paper; on the screen there is all


def _mixed_chart(s: Sheet, parts: Sequence[Doc], runs: Runs, row: int, t: English) -> None:
    """Draw what runs of each type in the week of the peak."""
    each = [float(part["serves_each"]) for part in parts]
    served = [
        sum(e * (own[h] + spot[h] + firm[h]) for e, (own, spot, firm) in zip(each, runs, strict=True))
        for h in range(len(runs[0][0]))
    ]
    first, end = weeks([round(x) for x in served])
    chart = s.book.file.add_chart({"type": "area", "subtype": "stacked"})
    for at, part in enumerate(parts):
        where = (first + ABOVE, end + ABOVE - 1)
        chart.add_series(series(s.book, "hours", where, 0, 5 * at + 1, part["instance_type"], LAYERS[at % len(LAYERS)]))
    look(chart, t("The week of the peak"), t("hour"), t("instances"))
    s.ws.insert_chart(row, 0, chart, {"x_scale": 1.5, "y_scale": 1.15})
    s.seen(row + 18, 6)


# -- several demands --------------------------------------------------------------------------------------------


class _Cells(NamedTuple):
    """Rows of the sheet Mix that the hours and the scenarios refer to."""

    deals: tuple[int, int]
    firm: list[_Price]
    spot: list[_Price]
    share: int


def scenarios(doc: Doc, words: Words, t: English, lang: str) -> bytes:
    """Return the workbook of planner.commit-scenarios/1."""
    _few(doc["hours"])
    book, stream = opened(doc, "scenarios", t("How much to commit"), t, lang)
    mix = book.sheet("mix", [26, 34, 12, 12, 12, 16, 16, 16, 13, 13], landscape=True)
    hours = book.sheet("hours", [10, 13, *[13] * (4 * len(doc["scenarios"]))])
    cells = _scenario_sheet(mix, doc, words, t)
    _scenario_hours(hours, doc, cells, t)
    return close(book, stream, "mix")


def _hourly(doc: Doc, spot: bool) -> Doc | None:
    cases = doc["plan"]["cases"]
    found: Iterable[Doc] = (one for case in cases for one in case["hourly"] if (":spot" in one["offer"]) is spot)
    return next(iter(found), None)


def _scenario_sheet(s: Sheet, doc: Doc, words: Words, t: English) -> _Cells:
    plan, code = doc["plan"], doc["currency"]
    s.title(words.heading[0] if words.heading else "")
    s.section(3, t("What may be changed: numbers, prices, weights, the demands"), 7)
    titles = ("instance type", "bought as", "number", "first hour", "end hour")
    s.head(4, [*(t(title) for title in titles), t("each, {code}", code=code), code])
    row = _deals(s, 5, plan["instance_type"], plan["commitments"], words, doc["hours"], t)
    deals = (5, row - 1)
    found: list[list[_Price]] = []
    for spot in (False, True):
        one, mine = _hourly(doc, spot), []
        for price in _prices(one, doc["hours"]):
            s.text(row, 0, plan["instance_type"])
            s.text(row, 1, words.ways[one["offer"]] if one else "")
            s.put(row, 3, price.first, "int")
            s.put(row, 4, price.end, "int")
            s.put(row, 5, price.amount, "price", "input")
            mine.append(price._replace(row=row))
            row += 1
        found.append(mine)
    s.text(row, 0, t("most of an hour's instances on spot"))
    s.put(row, 2, Decimal(doc["spot_share"]) if found[1] else ZERO, "pct", "input")
    s.text(row + 1, 0, t("traffic and addresses"))
    s.put(row + 1, 5, Decimal(doc["beside_instances"]), "money", "input")
    s.text(row + 2, 0, t("the worst share of cases"))
    s.put(row + 2, 2, Decimal(doc["worst"]), "pct", "input")
    cells = _Cells(deals, found[0], found[1], row)
    _cases(s, row + 4, doc, cells, t)
    return cells


def _cases(s: Sheet, row: int, doc: Doc, cells: _Cells, t: English) -> None:
    """Write what each scenario costs, all of them on average, and the worst of them."""
    plan, number = doc["plan"], len(doc["scenarios"])
    s.section(row, t("What each scenario costs"), 9)
    titles = (
        "scenario",
        "demand",
        "weight",
        "share",
        "instance-hours",
        "this plan",
        "best, had it been known",
        "regret",
    )
    s.head(row + 1, [*(t(title) for title in titles), t("dearer ones"), t("in the worst")])
    first, last = row + 2, row + 1 + number
    owed = f"SUM({cell(cells.deals[0], 6, 'rc')}:{cell(cells.deals[1], 6, 'rc')})+{cell(cells.share + 1, 5, 'rc')}"
    worst = cell(cells.share + 2, 2, "rc")

    def column(col: int) -> str:
        return f"{cell(first, col, 'rc')}:{cell(last, col, 'rc')}"

    costs = [Decimal(case["cost"]) for case in plan["cases"]]
    shares = [Decimal(case["share"]) for case in plan["cases"]]
    parts = []
    for at, (said, case) in enumerate(zip(doc["scenarios"], plan["cases"], strict=True)):
        line, counts = first + at, case["instances"]
        s.text(line, 0, t("scenario {n}", n=at + 1))
        s.text(line, 1, said["name"])
        s.put(line, 2, Decimal(said["weight"]), "num", "input")
        s.calc(line, 3, f"{cell(line, 2)}/SUM({column(2)})", case["share"] and shares[at], "pct")
        s.calc(line, 4, f"SUM({_span(s, 4 * at + 2, 0, len(counts))})", sum(counts), "int")
        paid = "".join(
            f"+SUM({_span(s, 4 * at + col, p.first, p.end)})*{cell(p.row, 5, 'rc')}"
            for col, prices in ((5, cells.firm), (4, cells.spot))
            for p in prices
        )
        s.calc(line, 5, owed + paid, costs[at], "money")
        s.put(line, 6, Decimal(case["best"]), "money")
        s.calc(line, 7, f"{cell(line, 5)}-{cell(line, 6)}", costs[at] - Decimal(case["best"]), "money")
        # Of two that cost the same the first is the dearer.
        above = f"+SUMIFS({cell(first, 3, 'rc')}:{cell(line, 3)},{cell(first, 5, 'rc')}:{cell(line, 5)},{cell(line, 5)})-{cell(line, 3)}"
        dearer = sum(
            (
                w
                for n, (w, c) in enumerate(zip(shares, costs, strict=True))
                if c > costs[at] or (c == costs[at] and n < at)
            ),
            ZERO,
        )
        s.calc(line, 8, f'SUMIFS({column(3)},{column(5)},">"&{cell(line, 5)}){above}', dearer, "pct")
        parts.append(max(ZERO, min(shares[at], Decimal(doc["worst"]) - dearer)))
        s.calc(line, 9, f"MAX(0,MIN({cell(line, 3)},{worst}-{cell(line, 8)}))", parts[-1], "pct")
    s.text(last + 1, 0, t("expected"), "total")
    s.text(last + 2, 0, t("on average of the worst"), "total")
    for line in (last + 1, last + 2):
        for col in range(1, 8):
            s.text(line, col, "", "total")
    s.calc(last + 1, 5, f"SUMPRODUCT({column(3)},{column(5)})", Decimal(plan["expected"]), "money", "total")
    known = sum((w * Decimal(c["best"]) for w, c in zip(shares, plan["cases"], strict=True)), ZERO)
    s.calc(last + 1, 6, f"SUMPRODUCT({column(3)},{column(6)})", known, "money", "total")
    s.calc(
        last + 1,
        7,
        f"ROUND({cell(last + 1, 5)}-{cell(last + 1, 6)},4)",
        round(Decimal(plan["expected"]) - known, 4),
        "money",
        "total",
    )
    mean = f"SUMPRODUCT({column(9)},{column(5)})/SUM({column(9)})"
    s.calc(last + 2, 5, mean, Decimal(plan["worst_mean"]), "money", "total")
    chart = s.book.file.add_chart({"type": "column"})
    for col, name, colour in ((5, "this plan", 0), (6, "best, had it been known", 3)):
        chart.add_series(series(s.book, "mix", (first, last), 0, col, t(name), COLOURS[colour]))
    look(chart, t("What each scenario costs"), "", doc["currency"])
    s.ws.insert_chart(last + 4, 0, chart, {"x_scale": 1.3, "y_scale": 1.1})
    s.seen(last + 22, 6)


def _scenario_hours(s: Sheet, doc: Doc, cells: _Cells, t: English) -> None:
    plan, ref = doc["plan"], s.book.ref
    s.title(t("What each hour needs in each scenario, and what serves it; typed: the instances of the plan."))
    names = ("needed", "by commitments", "on spot", "on demand")
    titles = [f"{t('scenario {n}', n=n)}: {t(name)}" for n in range(1, len(plan["cases"]) + 1) for name in names]
    s.head(3, [t("hour"), t("committed instances"), *titles], 60)
    held = committed(plan["commitments"], doc["hours"])
    number, first, end = (
        ref("mix", f"{cell(cells.deals[0], col, 'rc')}:{cell(cells.deals[1], col, 'rc')}") for col in (2, 3, 4)
    )
    share, most = ref("mix", cell(cells.share, 2, "rc")), Decimal(doc["spot_share"])
    for hour in range(doc["hours"]):
        row = hour + ABOVE
        s.put(row, 0, hour, "int")
        s.calc(row, 1, f'SUMIFS({number},{first},"<="&A{row + 1},{end},">"&A{row + 1})', held[hour], "int")
        firm, spot = _now(cells.firm, hour), _now(cells.spot, hour)
        for at, case in enumerate(plan["cases"]):
            col, need = 4 * at + 2, case["instances"][hour]
            needed, own, on_spot = (cell(row, col + n) for n in range(3))
            used, cheap = min(need, held[hour]), spot is not None and (firm is None or spot.amount < firm.amount)
            taken = min(int(need * most), need - used) if cheap else 0
            s.put(row, col, need, "int", "input")
            s.calc(row, col + 1, f"MIN({needed},B{row + 1})", used, "int")
            said = f"MIN(INT({needed}*{share}),{needed}-{own})"
            if spot is not None and firm is not None:
                lower = f"{ref('mix', cell(spot.row, 5, 'rc'))}<{ref('mix', cell(firm.row, 5, 'rc'))}"
                said = f"IF({lower},{said},0)"
            s.calc(row, col + 2, said if spot is not None else "0", taken, "int")
            s.calc(row, col + 3, f"{needed}-{own}-{on_spot}", need - used - taken, "int")
    s.freeze(ABOVE, 2)
    s.last[0] = min(s.last[0], 171)  # a week on paper; on the screen there is all


def _now(prices: Sequence[_Price], hour: int) -> _Price | None:
    return next((price for price in prices if price.first <= hour < price.end), None)
