"""Pages of a mix of several types, and of a plan for several demands with weights."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from planner.i18n import English
from planner.money import show
from planner.records import NamedTuple
from planner.rendering.plans import Doc, Words, weeks
from planner.rendering.plans.page import (
    Chart,
    Parts,
    Table,
    built,
    change_of,
    fallen,
    money,
    owed,
    regret,
    regret_chart,
    share_of,
)
from planner.rendering.plans.svg import Series, areas, bars, lines

__all__ = ["committed", "mixed", "running", "scenarios"]

#: Colours of types that are committed; what runs by the hour has its own, the committed level is a line.
COLOURS, HOURLY, SPOT = (1, 4, 5, 6), 2, 3
#: Weeks that are drawn of scenarios.
WEEKS = 4


def committed(deals: Sequence[Doc], hours: int) -> list[int]:
    """Return how many instances are committed in each hour."""
    held = [0] * hours
    for one in deals:
        for hour in range(one["first_hour"], min(one["end_hour"], hours)):
            held[hour] += one["number"]
    return held


def running(part: Doc) -> tuple[list[int], list[int], list[int]]:
    """Return how many instances of a type serve in each hour: committed ones, on spot, on demand."""
    counts = part["instances"]
    held = committed(part["commitments"], len(counts))
    own = [min(n, h) for n, h in zip(counts, held, strict=True)]
    spot = part.get("on_spot") or [0] * len(counts)
    spot = [min(s, n - o) for s, n, o in zip(spot, counts, own, strict=True)]
    return own, spot, [n - o - s for n, o, s in zip(counts, own, spot, strict=True)]


class _Served(NamedTuple):
    """What the instances of a type serve in each hour, in the unit of the demand: committed ones, on spot, on demand; and what all
    that are committed could (`level`)."""

    name: str
    own: list[float]
    spot: list[float]
    firm: list[float]
    level: list[float]

    @staticmethod
    def of(part: Doc) -> _Served:
        each, held = float(part["serves_each"]), committed(part["commitments"], len(part["instances"]))
        return _Served(part["instance_type"], *([each * n for n in series] for series in (*running(part), held)))


def _curve(values: Sequence[float]) -> list[tuple[float, float]]:
    """Return a load-duration curve in steps: what so many hours reach."""
    ordered = sorted(values, reverse=True)
    found = [(0.0, ordered[0])]
    for at, (now, after) in enumerate(zip(ordered, [*ordered[1:], -1.0], strict=True), 1):
        if now != after:
            found += [(float(at), now), (float(at), max(after, 0.0))]
    return found


def _days(first: int, end: int, t: English) -> list[tuple[float, str]]:
    return [(float(at), t("hour {n}", n=f"{first + at:,}")) for at in range(24, end - first, 48)]


def _quarters(hours: int) -> list[tuple[float, str]]:
    return [(hours * n / 4, f"{hours * n // 4:,}") for n in range(5)]


def _bought(part: Doc, words: Words, t: English, name: str = "") -> list[tuple[str, ...]]:
    """Return the rows of what is bought: of which type (where it is said), how, when, what it costs."""
    lead = (name,) if name else ()
    rows = [
        (
            *lead,
            f"{one['number']} x {words.ways[one['offer']]}",
            t("hours {first} to {end}", first=f"{one['first_hour']:,}", end=f"{one['end_hour']:,}"),
            money(one["cost"]),
        )
        for one in part["commitments"]
    ]
    for one in part.get("hourly", ()):
        said = t("{n} instance-hours", n=f"{one['instance_hours']:,}")
        rows.append((*lead, words.ways[one["offer"]], said, money(one["cost"])))
    return rows


# -- several types ----------------------------------------------------------------------------------------------


def mixed(doc: Doc, words: Words, t: English) -> str:
    """Return the page of planner.commit/1 with `mixed_types`."""
    mix, code = doc["mixed_types"], doc["currency"]
    charts = [*_mixed_charts(mix, doc["demand"]["kind"], t), *regret_chart(mix["regret"], t)]
    rows: list[tuple[str, ...]] = []
    for part in mix["parts"]:
        rows += _bought(part, words, t, part["instance_type"])
    if Decimal(mix["beside_instances"]):
        rows.append((t("traffic and addresses"), "", "", money(mix["beside_instances"])))
    rows.append((t("together"), "", "", money(mix["cost"])))
    tables = [Table(t("The mix"), (t("instance type"), t("bought as"), t("when"), code), rows, 3)]
    least = Decimal(mix["cost"])
    against = [
        (t(name), money(cost), _more(cost, least))
        for cost, name in (
            (mix["cost"], "this mix"),
            (mix["all_on_demand"], "types mixed, all on demand"),
            (doc["cost"]["mix"], "the cheapest single type, its own mix"),
            (doc["cost"]["quoted_fleet"], "what planner quote recommends for the peak, all the time"),
        )
        if cost is not None
    ]
    rates = t(
        "coverage {cover}, utilisation {use}, effective savings rate {esr}",
        cover=share_of(mix["coverage"]),
        use=share_of(mix["utilisation"]),
        esr=share_of(mix["effective_savings_rate"]),
    )
    tables.append(Table(t("Beside other plans"), (t("plan"), code, t("more")), against, 1, rates, 0))
    tables += [regret(mix["regret"], t), *owed(mix["owed_at_termination"], code, t), *fallen(words)]
    foot = [
        t("Demand from {source}", source=doc["demand"]["source"]),
        t("Commitments count at all that they oblige to pay; a forecast from published prices, not a bill."),
    ]
    foot += [] if words.falls else words.fallen
    if not mix["proven"]:
        share = f"{show((least - Decimal(mix['at_least'])) / least * 100, 3)} %"
        foot.insert(0, t("No mix of types can be more than {share} cheaper (the solver's time was up).", share=share))
    return built(doc, words, Parts(t("How much to commit"), charts, tables, foot), t)


def _more(cost: str, least: Decimal) -> str:
    share = (Decimal(cost) / least - 1) * 100 if least else Decimal(0)
    return f"{'+' if share > 0 else ''}{show(share, 1)} %" if share else ""


def _mixed_charts(mix: Doc, kind: str, t: English) -> list[Chart]:
    """Return what serves the week of the peak, type by type, and the load-duration curve of what is served."""
    unit = t("instances") if kind == "instances" else t("output tokens/s")
    parts = [_Served.of(part) for part in mix["parts"]]
    hours = len(mix["parts"][0]["instances"])
    level = [sum(values) for values in zip(*(part.level for part in parts), strict=True)]
    served = [sum(values) for values in zip(*(x for part in parts for x in part[1:4]), strict=True)]
    first, end = weeks([round(x) for x in served])
    layers: list[tuple[str, int, list[float]]] = []
    held = [part for part in parts if any(part.own[first:end])]
    for part, colour in zip(held, COLOURS, strict=False):
        layers.append((t("{type}, committed", type=part.name), colour, part.own[first:end]))
    rest = [sum(part.own[hour] for part in held[len(COLOURS) :]) for hour in range(first, end)]
    if any(rest):
        layers.append((t("other types, committed"), COLOURS[-1], rest))
    on_spot, firm = (
        [sum(hour) for hour in zip(*sums, strict=True)] for sums in zip(*(p[2:4] for p in parts), strict=True)
    )
    for name, colour, whole in (("on spot", SPOT, on_spot), ("on demand", HOURLY, firm)):
        sums = whole[first:end]
        if any(sums):
            layers.append((t(name), colour, sums))
    title = t("The week of the peak")
    line = (t("committed capacity"), level[first:end])
    charts: list[Chart] = [
        (title, areas(title, layers, line, _days(first, end, t), unit), t("What each type serves, one upon the other."))
    ]
    title, mean = t("Load-duration curve"), sum(level) / hours
    series = [
        Series(t("served"), 1, _curve(served)),
        Series(t("committed, on average"), 2, [(0.0, mean), (float(hours), mean)], dashed=True),
    ]
    drawn = lines(title, series, _quarters(hours), t("hours that need as much"))
    return [*charts, (title, drawn, t("How many hours are served at least so much, in {unit}.", unit=unit))]


# -- several demands --------------------------------------------------------------------------------------------


def scenarios(doc: Doc, words: Words, t: English) -> str:
    """Return the page of planner.commit-scenarios/1."""
    plan, code = doc["plan"], doc["currency"]
    held = committed(plan["commitments"], doc["hours"])
    told = list(zip(doc["scenarios"], plan["cases"], strict=True))
    names = [t("scenario {n}", n=at) for at in range(1, len(told) + 1)]
    charts: list[Chart] = []
    for name, (said, case) in list(zip(names, told, strict=True))[:WEEKS]:
        counts = case["instances"]
        first, end = weeks(counts)
        own = [min(n, h) for n, h in zip(counts, held, strict=True)]
        layers = [
            (t("by commitments"), 1, own[first:end]),
            (t("by the hour"), 2, [n - o for n, o in zip(counts[first:end], own[first:end], strict=True)]),
        ]
        title = t("{name}: the week of its peak", name=name)
        line = (t("committed instances"), held[first:end])
        note = f"{said['name']} ({share_of(case['share'])})"
        charts.append((title, areas(title, layers, line, _days(first, end, t), t("instances, by the hour")), note))
    title, level, hours = t("Load-duration curve"), sum(held) / len(held), doc["hours"]
    series = [
        Series(name, (1, 4, 5, 6)[at], _curve([float(n) for n in case["instances"]]))
        for at, (name, (_, case)) in enumerate(list(zip(names, told, strict=True))[:4])
    ]
    series.append(Series(t("committed, on average"), 2, [(0.0, level), (float(hours), level)], dashed=True))
    charts.append((title, lines(title, series, _quarters(hours), t("hours that need as many")), ""))
    title = t("What each scenario costs")
    pairs = [(float(case["cost"]), float(case["best"])) for _, case in told]
    what = [(t("this plan"), 1), (t("best, had it been known"), 4)]
    charts.append((title, bars(title, names, pairs, what, code), ""))
    foot = [
        t("Commitments are bought before anybody knows which demand comes; hours follow it."),
        t("A forecast from published prices, not a bill."),
    ]
    if doc["left_out"]:
        foot.append(t("{n} types are left out: their price on demand falls in steps of a run.", n=doc["left_out"]))
    return built(doc, words, Parts(t("How much to commit"), charts, _scenario_tables(doc, words, names, t), foot), t)


def _scenario_tables(doc: Doc, words: Words, names: Sequence[str], t: English) -> list[Table]:
    plan, code = doc["plan"], doc["currency"]
    rows = _bought({"commitments": plan["commitments"]}, words, t) or [(t("no commitment"), "", "")]
    tables = [Table(t("Committed"), (t("bought as"), t("when"), code), rows, 2)]
    cases = []
    for name, said, case in zip(names, doc["scenarios"], plan["cases"], strict=True):
        lost = Decimal(case["cost"]) - Decimal(case["best"])
        told = (share_of(case["share"]), money(case["cost"]), money(case["best"]), show(lost))
        cases.append((name, said["name"], *told))
    known = sum((Decimal(c["share"]) * Decimal(c["best"]) for c in plan["cases"]), Decimal(0))
    lost = Decimal(plan["expected"]) - known
    cases.append((t("expected"), "", "100 %", money(plan["expected"]), show(known), show(lost)))
    head = (t("scenario"), t("demand"), t("weight"), t("this plan"), t("best, had it been known"), t("regret"))
    note = ""
    if Decimal(doc["worst"]) < 1:
        key = "On average of the worst {share} of cases: {amount} {code}"
        note = t(key, share=change_of(doc["worst"]).lstrip("+"), amount=money(plan["worst_mean"]), code=code)
    tables.append(Table(t("Scenarios"), head, cases, 2, note))
    others = [
        (
            m["instance_type"],
            m["provider"],
            m["region"],
            money(m["expected"]),
            show(max(Decimal(case["cost"]) for case in m["cases"])),
        )
        for m in (plan, *doc["alternatives"])
    ]
    named = (t("instance type"), t("provider"), t("region"), t("expected"), t("worst"))
    tables.append(Table(t("The cheapest types"), named, others, 3, "", 0))
    return tables
