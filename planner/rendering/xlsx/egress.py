"""The sheet Egress: lanes with their monthly cost now and per scenario, then every tier."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from planner.quoting import cost, steps, whatif
from planner.quoting.records import Rate
from planner.rendering.xlsx.book import Book, cell
from planner.rendering.xlsx.inputs import FACTORS, SCENARIOS, Inputs
from planner.rendering.xlsx.model import Ladder, Model
from planner.rendering.xlsx.prices import ladder_cost

__all__ = ["PART", "Egress", "write_egress"]

FIRST = 4
#: The row of Scenarios with the share of a month that is used in part.
PART = 8


class Egress(NamedTuple):
    """Rows of the lanes and of their tiers, counted from 0 and with the last one; sums: both cost this a month."""

    lanes: tuple[int, int]
    tiers: tuple[int, int]
    sums: float


def write_egress(book: Book, model: Model, refs: Inputs) -> Egress:
    """Write Egress, and note the lanes' rows in their ladders."""
    t = book.t
    s = book.sheet("egress", [8, 34, 16, 14, 14, 12, 12, 14, 14, 14, 14, 14, 14, 14, 14, 14, *[12] * 7])
    s.title(
        t("What data costs that leaves, tier by tier; tiers start anew each month. Amounts at list, native currency.")
    )
    lanes = [x for x in model.ladders if x.line.rule == "traffic"]
    where = [t("lane"), t("traffic"), t("region")]
    month = [t("GB/month"), t("free GB"), t("cost a month"), t("per GB")]
    cases = [t("cost, low"), t("cost, base"), t("cost, high")]
    parts = [t("a month used in part: {what}", what=x) for x in (t("cost"), *cases)]
    volumes = [t("GB/month, {what}", what=t(x)) for x in SCENARIOS]
    volumes += [t("GB, a month used in part: {what}", what=x) for x in (t("now"), *(t(x) for x in SCENARIOS))]
    s.head(3, [*where, t("book"), t("currency"), *month, *cases, *parts, *volumes], 40)
    for number, lane in enumerate(lanes):
        lane.lane = FIRST + number
        _lane(book, model, lane, refs)
    if not lanes:
        s.text(FIRST, 0, t("No price of traffic is carried."))
    first = row = FIRST + max(1, len(lanes)) + 3
    tier = [t("from"), t("to"), t("currency"), t("price"), t("GB in tier"), t("cost a month")]
    tier.append(t("GB in tier, a month used in part"))
    s.head(first - 1, [*where, *tier], 18)
    for lane in lanes:
        lane.tiers = row
        part = lane.line._replace(each=lane.line.each * model.work.window.traffic[1])
        filled, less = dict(steps.in_tiers(lane.line)), dict(steps.in_tiers(part)) if part.each else {}
        for number, rate in enumerate(lane.rates):
            _tier(book, lane, number, rate, (filled.get(rate, cost.ZERO), less.get(rate, cost.ZERO)), row)
            row += 1
    s.freeze(4, 1)
    sums = sum((whatif.month_of(x.line).list for x in lanes), cost.ZERO)
    return Egress((FIRST, FIRST + len(lanes) - 1), (first, row - 1), float(sums))


def _lane(book: Book, model: Model, lane: Ladder, refs: Inputs) -> None:
    s, row, line = book.sheets["egress"], lane.lane, lane.line
    gb, free = cell(row, 5), cell(row, 6, "rc")
    name = "egress" if lane.part == "egress" else "inter"
    for col, text in enumerate(
        (lane.id, book.t.say(lane.item), lane.offer.region, book.t(lane.offer.site), lane.currency)
    ):
        s.text(row, col, text)
    s.calc(row, 5, name + "_used", line.each, "num", "link")
    quota = book.ref("prices", cell(lane.row - 1, 8, "rc")) if lane.free else "0"
    s.calc(row, 6, quota, (lane.free.end or 0) if lane.free else 0, "num", "link")

    def month(amount: str) -> str:
        return f"{ladder_cost(book, lane, amount)}-{ladder_cost(book, lane, f'MIN({amount},{free})')}"

    now = whatif.month_of(line).list
    s.calc(row, 7, month(gb), now, "money")
    s.calc(row, 8, f"IF({gb}=0,0,{cell(row, 7)}/{gb})", now / line.each if line.each else 0, "price")
    for n, factor in enumerate(FACTORS[1]):
        value = whatif.month_of(line, factor).list
        s.calc(row, 16 + n, f"{name}_typed*{refs.scenario[1][n]}", line.each * factor, "num")
        s.calc(row, 9 + n, month(cell(row, 16 + n)), value, "money")
    now_part = model.work.window.traffic[1]
    s.calc(row, 19, f"{gb}*month_part", line.each * now_part, "num")
    s.calc(row, 12, month(cell(row, 19)), whatif.month_of(line, now_part).list, "money")
    for n, (hours, factor) in enumerate(zip(FACTORS[0], FACTORS[1], strict=True)):
        part = model.traffic(model.quote.hours * hours)[1]
        share = book.ref("scenarios", cell(PART, 2 + 3 * n, "rc"))
        s.calc(row, 20 + n, f"{cell(row, 16 + n)}*{share}", line.each * factor * part, "num")
        s.calc(row, 13 + n, month(cell(row, 20 + n)), whatif.month_of(line, factor * part).list, "money")


def _tier(book: Book, lane: Ladder, number: int, rate: Rate, inside: tuple[Decimal, Decimal], row: int) -> None:
    s = book.sheets["egress"]
    start, end, price = (book.ref("prices", cell(lane.row + number, col, "rc")) for col in (7, 8, 9))
    s.text(row, 0, lane.id)
    s.text(row, 1, book.t.say(lane.item))
    s.text(row, 2, lane.offer.region)
    s.calc(row, 3, start, rate.start, "num", "link")
    s.calc(row, 4, f'IF({end}="","",{end})', rate.end if rate.end is not None else "", "num", "link")
    s.text(row, 5, lane.currency)
    s.calc(row, 6, price, rate.amount, "price", "link")
    free = cell(lane.lane, 6, "rc")
    for col, gb, value in ((7, cell(lane.lane, 5, "rc"), inside[0]), (9, cell(lane.lane, 19, "rc"), inside[1])):
        top = f'IF({cell(row, 4)}="",{gb},MIN({gb},{cell(row, 4)}))'
        s.calc(row, col, f"MAX(0,{top}-MAX({cell(row, 3)},MIN({gb},{free})))", value, "num")
    s.calc(row, 8, f"{cell(row, 6)}*{cell(row, 7)}", inside[0] * rate.amount, "money")
