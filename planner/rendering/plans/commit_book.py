"""The workbook of planner.commit/1: the mix, its hours and its levels as live formulas."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from planner.errors import PlannerError
from planner.i18n import English
from planner.records import NamedTuple
from planner.rendering.plans import Doc, Words, weeks
from planner.rendering.plans.book import COLOURS, MOST, close, look, opened, regret, series
from planner.rendering.xlsx.book import Sheet, cell

__all__ = ["commit"]


class _Era(NamedTuple):
    """Prices of an hour on demand and on spot, and for which hours they hold."""

    first: int
    end: int
    firm: Decimal
    spot: Decimal


class _Fleet:
    """The mix hour by hour, as the sheets have it; commitments serve what spot does not take, and then the rest."""

    def __init__(self, doc: Doc) -> None:
        self.counts: list[int] = doc["mix"]["instances"]
        self.deals: list[dict[str, Any]] = doc["mix"]["commitments"]
        hourly = doc["mix"]["hourly"]
        self.firm = next((h for h in hourly if ":spot" not in h["offer"]), None)
        self.spot = next((h for h in hourly if ":spot" in h["offer"]), None)
        share = Decimal(doc["asked"]["spot_share"])
        self.share = share if self.spot else Decimal(0)
        self.held = [0] * len(self.counts)
        self.eras = self._eras(len(self.counts))
        for one in self.deals:
            for hour in range(one["first_hour"], min(one["end_hour"], len(self.held))):
                self.held[hour] += one["number"]

    def _eras(self, hours: int) -> list[_Era]:
        """Return for which hours which prices hold; one price for all where it falls in steps of a run: the mean."""
        firm, spot = (None if one is None else one.get("prices") for one in (self.firm, self.spot))
        told = [prices for prices in (firm, spot) if prices]
        if not told or any(p["price"] is None for prices in told for p in prices):
            return [_Era(0, hours, _mean(self.firm), _mean(self.spot))]
        edges = [*(p["first_hour"] for p in told[0]), hours]
        return [
            _Era(
                edges[n],
                edges[n + 1],
                *(Decimal(prices[n]["price"]) if prices else Decimal(0) for prices in (firm, spot)),
            )
            for n in range(len(told[0]))
        ]

    def era(self, at: int) -> int:
        return next(n for n, era in enumerate(self.eras) if at < era.end)

    def hour(self, at: int) -> tuple[int, int, int, int]:
        """Return how many are needed, serve by commitment, by spot and on demand."""
        need, held, era = self.counts[at], self.held[at], self.eras[self.era(at)]
        spot = min(int(need * self.share), max(0, need - held))
        if len(self.eras) > 1 and self.firm and era.spot >= era.firm:
            spot = 0
        used = min(need, held)
        return need, used, spot, need - used - spot


def _mean(one: dict[str, Any] | None) -> Decimal:
    return Decimal(0) if one is None else Decimal(one["cost"]) / one["instance_hours"]


def commit(doc: Doc, words: Words, t: English, lang: str) -> bytes:
    """Return the workbook of planner.commit/1."""
    fleet = _Fleet(doc)
    if len(fleet.counts) > MOST:
        raise PlannerError(f"a workbook holds {MOST:,} hours, the demand has {len(fleet.counts):,}: use --format json")
    book, stream = opened(doc, "commit", t("How much to commit"), t, lang)
    mix = book.sheet("mix", [36, 12, 11, 11, 14, 16], landscape=False)
    levels = book.sheet("levels", [12, 18, 14, 14])
    wide: list[float] = [32, 18, 18, 18, *([18, 16, 10, 18] if "price_falls" in doc else [])]
    told = doc["regret"], doc["owed_at_termination"], doc["currency"]
    regret(book.sheet("regret", wide), *told, t, doc.get("price_falls"), words)
    hours = book.sheet("hours", [10, 12, 12, 12, 12, 12, 12])
    cells = _mix(mix, doc, words, fleet, t)
    _hours(hours, fleet, cells, t)
    _levels(levels, fleet, t)
    _charts(mix, levels, fleet, cells["end"], t)
    return close(book, stream, "mix")


def _mix(s: Sheet, doc: Doc, words: Words, fleet: _Fleet, t: English) -> dict[str, Any]:
    """Write what is bought and what it costs; return the cells that the hours refer to."""
    code, book = doc["currency"], s.book
    s.title(words.heading[0] if words.heading else "")
    s.section(3, t("What may be changed: numbers, prices, the demand"), 6)
    s.head(4, [t("bought as"), t("number"), t("first hour"), t("end hour"), t("each, {code}", code=code), code])
    row, first = 5, 5
    for one in fleet.deals:
        s.text(row, 0, words.ways[one["offer"]])
        s.put(row, 1, one["number"], "int", "input")
        s.put(row, 2, one["first_hour"], "int")
        s.put(row, 3, one["end_hour"], "int")
        s.put(row, 4, Decimal(one["cost_each"]), "money", "input")
        s.calc(row, 5, f"{cell(row, 1)}*{cell(row, 4)}", Decimal(one["cost"]), "money")
        row += 1
    if not fleet.deals:  # a line to type in: what one commitment more would do
        s.text(row, 0, t("no commitment"))
        for at, empty in ((1, 0), (2, 0), (3, len(fleet.counts)), (4, 0)):
            s.put(row, at, empty, "int" if at < 4 else "money", "input")
        s.calc(row, 5, f"{cell(row, 1)}*{cell(row, 4)}", 0, "money")
        row += 1
    deals = (first, row - 1)
    runs = [fleet.hour(at) for at in range(len(fleet.counts))]
    sums = [sum(values) for values in zip(*runs, strict=True)]
    last = len(fleet.counts) + 4
    row, prices = _by_hour(s, row, words, fleet, runs, t)
    s.text(row, 0, t("traffic and addresses"))
    s.put(row, 5, Decimal(doc["cost"]["beside_instances"]), "money", "input")
    row += 1
    s.text(row, 0, t("together"), "total")
    for col in range(1, 5):
        s.text(row, col, "", "total")
    s.calc(row, 5, f"SUM({cell(first, 5)}:{cell(row - 1, 5)})", Decimal(doc["cost"]["mix"]), "money", "total")
    whole = row
    row += 2
    s.text(row, 0, t("each hour's instances, of the plan's"))
    s.put(row, 1, 1, "pct", "input")
    s.text(row, 2, t("rounded up; Regret sizes the demand anew"))
    factor = row
    s.text(row + 1, 0, t("most of an hour's instances on spot"))
    s.put(row + 1, 1, fleet.share, "pct", "input")
    cells = {"deals": deals, "factor": factor, "share": row + 1, "prices": prices}
    row += 3
    s.section(row, t("What the mix means"), 6)
    usage, covered = sums[0], sums[1]
    need = f"SUM({book.ref('hours', f'B5:B{last}')})"
    used = f"SUM({book.ref('hours', f'D5:D{last}')})"
    bought = f"SUMPRODUCT({cell(deals[0], 1)}:{cell(deals[1], 1)},{cell(deals[0], 3)}:{cell(deals[1], 3)}-{cell(deals[0], 2)}:{cell(deals[1], 2)})"
    held = sum(fleet.held)
    on_demand = doc["cost"]["all_on_demand"]
    facts: list[tuple[str, str, object, str]] = [
        ("instance-hours needed", need, usage, "int"),
        ("of these by commitments", used, covered, "int"),
        ("coverage", f"IF({need}=0,0,{used}/{need})", Decimal(covered) / usage if usage else 0, "pct"),
        ("utilisation", f"IF({bought}=0,0,{used}/{bought})", Decimal(covered) / held if held else 0, "pct"),
    ]
    for name, formula, now, kind in facts:
        row += 1
        s.text(row, 0, t(name))
        s.calc(row, 1, formula, now, kind)
    if on_demand is not None and usage:
        beside = Decimal(doc["cost"]["beside_instances"])
        row += 1
        s.text(row, 0, t("the same, all on demand"))
        if len(fleet.eras) > 1 and fleet.firm:
            spans = (book.ref("hours", f"B{era.first + 5}:B{era.end + 4}") for era in fleet.eras)
            firm = "+".join(f"SUM({span})*{cell(at, 4)}" for span, at in zip(spans, prices["firm"], strict=True))
        else:
            s.put(row, 4, (Decimal(on_demand) - beside) / usage, "price", "input")
            firm = f"{need}*{cell(row, 4)}"
        s.calc(row, 5, f"{firm}+{cell(whole - 1, 5)}", Decimal(on_demand), "money")
        row += 1
        s.text(row, 0, t("effective savings rate"))
        less = f"({cell(whole, 5)}-{cell(whole - 1, 5)})"
        rate = f"IF(({firm})=0,0,1-{less}/({firm}))"
        spent = Decimal(doc["cost"]["mix"]) - beside
        s.calc(row, 1, rate, 1 - spent / (Decimal(on_demand) - beside) if Decimal(on_demand) != beside else 0, "pct")
    cells["end"] = row + 2
    return cells


def _by_hour(
    s: Sheet, row: int, words: Words, fleet: _Fleet, runs: list[tuple[int, int, int, int]], t: English
) -> tuple[int, dict[str, list[int]]]:
    """Write what runs by the hour, price by price; return the next row, and the rows of the prices. runs: `fleet.hour` of each."""
    book = s.book
    prices: dict[str, list[int]] = {"firm": [], "spot": []}
    for key, by, letter, which in (("firm", fleet.firm, "F", 3), ("spot", fleet.spot, "E", 2)):
        for era in fleet.eras:
            price: Decimal = getattr(era, key)
            used_now = sum(run[which] for run in runs[era.first : era.end])
            s.text(row, 0, words.ways[by["offer"]] if by else t("on-demand") if key == "firm" else t("spot"))
            s.calc(
                row, 1, f"SUM({book.ref('hours', f'{letter}{era.first + 5}:{letter}{era.end + 4}')})", used_now, "int"
            )
            if len(fleet.eras) > 1:
                s.put(row, 2, era.first, "int")
                s.put(row, 3, era.end, "int")
            else:
                s.text(row, 2, t("instance-hours"), "unit")
            s.put(row, 4, price, "price", "input")
            s.calc(row, 5, f"{cell(row, 1)}*{cell(row, 4)}", price * used_now, "money")
            prices[key].append(row)
            row += 1
    return row, prices


def _hours(s: Sheet, fleet: _Fleet, cells: dict[str, Any], t: English) -> None:
    s.title(t("What each hour needs, and what serves it; typed: the instances of the plan."))
    titles = ("hour", "needed", "committed instances", "by commitments", "on spot", "on demand", "in the plan")
    s.head(3, [t(title) for title in titles])
    first, last = cells["deals"]
    ref = s.book.ref

    def column(col: int) -> str:
        return ref("mix", f"{cell(first, col, 'rc')}:{cell(last, col, 'rc')}")

    factor, share = (ref("mix", cell(cells[name], 1, "rc")) for name in ("factor", "share"))
    both = fleet.firm and len(fleet.eras) > 1
    price = {key: [ref("mix", cell(at, 4, "rc")) for at in rows] for key, rows in cells["prices"].items()}
    for at in range(len(fleet.counts)):
        row, line = at + 4, at + 5
        need, used, spot, firm = fleet.hour(at)
        s.put(row, 0, at, "int")
        s.calc(row, 1, f"ROUNDUP(G{line}*{factor},0)", need, "int")
        s.calc(row, 2, f'SUMIFS({column(1)},{column(2)},"<="&A{line},{column(3)},">"&A{line})', fleet.held[at], "int")
        s.calc(row, 3, f"MIN(B{line},C{line})", used, "int")
        most, era = f"MIN(INT(B{line}*{share}),B{line}-D{line})", fleet.era(at)
        s.calc(row, 4, f"IF({price['spot'][era]}<{price['firm'][era]},{most},0)" if both else most, spot, "int")
        s.calc(row, 5, f"B{line}-D{line}-E{line}", firm, "int")
        s.put(row, 6, fleet.counts[at], "int", "input")
    s.freeze(4, 1)
    s.last[0] = min(s.last[0], 171)  # a week on paper; on the screen there is all


def _levels(s: Sheet, fleet: _Fleet, t: English) -> None:
    """Write in how many hours each level runs: the load-duration curve."""
    s.title(t("In how many hours at least so many instances are needed: where a commitment pays."))
    s.head(3, [t("level"), t("hours that it runs"), t("share"), t("committed instances")])
    last = len(fleet.counts) + 4
    need, held = (s.book.ref("hours", f"${col}$5:${col}${last}") for col in "BC")
    size = len(fleet.counts)
    top = max(fleet.counts)
    step = max(1, -(-top // 500))
    mean = Decimal(sum(fleet.held)) / size
    for at, level in enumerate(range(1, top + 1, step)):
        row = at + 4
        runs = sum(1 for n in fleet.counts if n >= level)
        s.put(row, 0, level, "int")
        s.calc(row, 1, f'COUNTIF({need},">="&A{row + 1})', runs, "int")
        s.calc(row, 2, f"B{row + 1}/{size}", Decimal(runs) / size, "pct")
        s.calc(row, 3, f"AVERAGE({held})", mean, "num")
    s.freeze(4, 1)


def _charts(mix: Sheet, levels: Sheet, fleet: _Fleet, row: int, t: English) -> None:
    first, end = weeks(fleet.counts)
    book = mix.book
    stacked = book.file.add_chart({"type": "area", "subtype": "stacked"})
    for col, name, colour in ((3, "by commitments", 0), (4, "on spot", 3), (5, "on demand", 1)):
        stacked.add_series(series(book, "hours", (first + 4, end + 3), 0, col, t(name), COLOURS[colour]))
    line = book.file.add_chart({"type": "line"})
    line.add_series(series(book, "hours", (first + 4, end + 3), 0, 2, t("committed instances"), COLOURS[2], line=True))
    stacked.combine(line)
    look(stacked, t("The week of the peak"), t("hour"), t("instances"))
    mix.ws.insert_chart(row, 0, stacked, {"x_scale": 1.42, "y_scale": 1.15})
    mix.seen(row + 18, 5)
    top = max(fleet.counts)
    count = len(range(1, top + 1, max(1, -(-top // 500))))
    curve = book.file.add_chart({"type": "scatter", "subtype": "straight"})
    for col, name, colour in ((0, "instances needed", 0), (3, "committed", 1)):
        curve.add_series(series(book, "levels", (4, count + 3), 1, col, t(name), COLOURS[colour], line=True))
    look(curve, t("Load-duration curve"), t("hours that need as many"), t("instances"))
    levels.ws.insert_chart(3, 5, curve, {"x_scale": 1.5, "y_scale": 1.3})
    levels.seen(22, 16)
