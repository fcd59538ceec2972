"""The page of a plan: what to take, its charts as SVG, and the tables behind them. It runs no script and asks for nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from planner.i18n import English
from planner.money import plain, show
from planner.records import NamedTuple
from planner.rendering.plans import Doc, Words, weeks
from planner.rendering.plans.svg import Series, areas, bars, lines
from planner.templating import environment, folder

__all__ = [
    "Chart",
    "Parts",
    "Table",
    "built",
    "change_of",
    "commit",
    "money",
    "owed",
    "regret",
    "regret_chart",
    "rent_or_buy",
    "share_of",
]

Chart = tuple[str, str, str]


class Table(NamedTuple):
    """A table. text: how many columns are words; best: the row that is marked, -1 for none."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    text: int = 1
    note: str = ""
    best: int = -1


class Parts(NamedTuple):
    """What a page consists of, below its heading."""

    title: str
    charts: Sequence[Chart]
    tables: Sequence[Table]
    foot: Sequence[str]


def built(doc: Doc, words: Words, parts: Parts, t: English) -> str:
    from markupsafe import Markup

    env = environment(html=True)
    env.globals.update({"t": t})
    with open(os.path.join(folder(), "report", "page.css"), encoding="utf-8") as file:
        style = file.read()
    rates = [f"1 {f['base']} = {f['rate']} {f['quote']} ({f['as_of'] or f['source']})" for f in doc.get("fx", ())]
    dated = t("Planned on {date}, amounts in {code}", date=doc["quoted_on"], code=doc["currency"])
    return env.get_template("report/plan.html").render(
        lang=t.tag,
        title=parts.title,
        dated="; ".join([dated, *rates]),
        heading=words.heading,
        charts=[(name, Markup(chart), note) for name, chart, note in parts.charts],
        tables=parts.tables,
        foot=parts.foot,
        style=Markup(style),
    )


def money(value: str | None) -> str:
    return "–" if value is None else show(Decimal(value))


def share_of(value: str | None) -> str:
    return "–" if value is None else f"{show(Decimal(value) * 100, 1)} %"


# -- commit -----------------------------------------------------------------------------------------------------


def committed_at(doc: Doc) -> list[int]:
    """Return how many instances are committed in each hour."""
    held = [0] * len(doc["mix"]["instances"])
    for one in doc["mix"]["commitments"]:
        for hour in range(one["first_hour"], min(one["end_hour"], len(held))):
            held[hour] += one["number"]
    return held


def commit(doc: Doc, words: Words, t: English) -> str:
    """Return the page of planner.commit/1."""
    parts = Parts(
        t("How much to commit"),
        _commit_charts(doc, t),
        _commit_tables(doc, words, t),
        [*_commit_foot(doc, t), *([] if words.falls else words.fallen)],
    )
    return built(doc, words, parts, t)


def _commit_charts(doc: Doc, t: English) -> list[Chart]:
    counts: list[int] = doc["mix"]["instances"]
    held = committed_at(doc)
    first, end = weeks(counts)
    covered = [min(n, h) for n, h in zip(counts, held, strict=True)]
    above = [n - c for n, c in zip(counts, covered, strict=True)]
    layers = [
        (t("by commitments"), 1, covered[first:end]),
        (t("by the hour"), 2, above[first:end]),
    ]
    days = [(float(at), t("hour {n}", n=f"{first + at:,}")) for at in range(24, end - first, 48)]
    title = t("The week of the peak")
    found = [
        (
            title,
            areas(title, layers, (t("committed instances"), held[first:end]), days, t("instances, by the hour")),
            "",
        )
    ]
    title = t("The whole term")
    found.append((title, _term(covered, above, held, title, t), ""))
    title = t("Load-duration curve")
    found.append((title, _duration(counts, held, title, t), t("How many hours need at least so many instances.")))
    return found + regret_chart(doc["regret"], t)


def regret_chart(told: Sequence[Doc], t: English) -> list[Chart]:
    """Return what the mix costs at other demands beside what would have been best; nothing where nothing can be served."""
    rows = [r for r in told if r["cost"] is not None and r["best"] is not None]
    if not rows:
        return []
    title = t("Regret: demand comes out otherwise")
    names = [change_of(r["demand"]) for r in rows]
    pairs = [(float(r["cost"]), float(r["best"])) for r in rows]
    what = [(t("this mix"), 1), (t("best then"), 4)]
    return [(title, bars(title, names, pairs, what, t("demand")), "")]


def _term(covered: Sequence[int], above: Sequence[int], held: Sequence[int], title: str, t: English) -> str:
    """Return the term by its days, or weeks where there are many: means of instances."""
    size = 24 if len(held) <= 24 * 400 else 168
    starts = range(0, len(held), size)

    def means(values: Sequence[int]) -> list[float]:
        return [sum(values[at : at + size]) / len(values[at : at + size]) for at in starts]

    number = len(starts)
    step = max(1, number // 8)
    ticks = [(at + 0.5, f"{at:,}") for at in range(step, number, step)]
    label = t("instances, means of days") if size == 24 else t("instances, means of weeks")
    layers = [(t("by commitments"), 1, means(covered)), (t("by the hour"), 2, means(above))]
    return areas(title, layers, (t("committed instances"), means(held)), ticks, label)


def _duration(counts: Sequence[int], held: Sequence[int], title: str, t: English) -> str:
    ordered = sorted(counts, reverse=True)
    curve = [(0.0, float(ordered[0]))]
    for at, (now, after) in enumerate(zip(ordered, [*ordered[1:], -1], strict=True), 1):
        if now != after:
            curve += [(float(at), float(now)), (float(at), float(max(after, 0)))]
    level = sum(held) / len(held)
    hours = len(counts)
    series = [
        Series(t("instances needed"), 1, curve),
        Series(t("committed, on average"), 2, [(0.0, level), (float(hours), level)], dashed=True),
    ]
    ticks = [(hours * n / 4, f"{hours * n // 4:,}") for n in range(5)]
    return lines(title, series, ticks, t("hours that need as many"))


def change_of(share: str) -> str:
    value = Decimal(share) * 100
    return f"{'+' if value > 0 else ''}{plain(value)} %"


def _commit_tables(doc: Doc, words: Words, t: English) -> list[Table]:
    mix, cost, code = doc["mix"], doc["cost"], doc["currency"]
    rows = [
        (
            f"{one['number']} x {words.ways[one['offer']]}",
            t("hours {first} to {end}", first=f"{one['first_hour']:,}", end=f"{one['end_hour']:,}"),
            money(one["cost"]),
        )
        for one in mix["commitments"]
    ]
    for one in mix["hourly"]:
        said = t("{n} instance-hours", n=f"{one['instance_hours']:,}")
        rows.append((words.ways[one["offer"]], said, money(one["cost"])))
    if Decimal(cost["beside_instances"]):
        rows.append((t("traffic and addresses"), "", money(cost["beside_instances"])))
    rows.append((t("together"), "", money(cost["mix"])))
    found = [Table(t("The mix"), (t("bought as"), t("when"), code), rows, 2)]
    changes: list[Sequence[str]] = [
        (words.ways[one["offer"]], t("hour {n}", n=f"{p['first_hour']:,}"), p["price"] or t("in steps of a run"))
        for one in mix["hourly"]
        for p in one.get("prices", ())
    ]
    if changes:
        of = (t("bought as"), t("from"), t("an instance-hour, {code}", code=code))
        found.append(Table(t("Prices that change"), of, changes, 2))
    against = [
        (t(name), money(cost[key]), _more(cost[key], cost["mix"]))
        for key, name in (
            ("mix", "this mix"),
            ("all_on_demand", "the same, all on demand"),
            ("all_committed", "the same, all committed"),
            ("quoted_fleet", "what planner quote recommends for the peak, all the time"),
        )
    ]
    rates = t(
        "coverage {cover}, utilisation {use}, effective savings rate {esr}",
        cover=share_of(doc["coverage"]),
        use=share_of(doc["utilisation"]),
        esr=share_of(doc["effective_savings_rate"]),
    )
    found.append(Table(t("Beside other plans"), (t("plan"), code, t("more")), against, 1, rates, 0))
    found += [regret(doc["regret"], t), *owed(doc["owed_at_termination"], code, t), *fallen(words)]
    others = [
        (m["instance_type"], m["provider"], m["region"], str(m["peak_instances"]), money(m["cost"]))
        for m in (mix, *doc["alternatives"])
    ]
    head = (t("instance type"), t("provider"), t("region"), t("at most"), t("to pay"))
    found.append(Table(t("The cheapest types"), head, others, 3, "", 0))
    return found


def fallen(words: Words) -> list[Table]:
    """Return what commitments lost when lists fell, where that was asked for."""
    if not words.falls:
        return []
    head, *rows = words.falls
    return [Table(head[0][:1].upper() + head[0][1:], head, rows, 3, " ".join(said for said in words.fallen if said))]


def regret(told: Sequence[Doc], t: English) -> Table:
    """Return what the mix costs at other demands as a table."""
    rows = [(change_of(r["demand"]), *map(money, (r["cost"], r["best"], r["regret"]))) for r in told]
    return Table(t("Regret"), (t("demand comes out"), t("this mix"), t("best then"), t("regret")), rows)


def owed(told: Sequence[Doc], code: str, t: English) -> list[Table]:
    """Return what is owed at an early end as a table; none where nothing is."""
    if not told:
        return []
    kept = [o for o in told if o["after_month"] in (0, 1, 3, 6, 9) or o["after_month"] % 12 == 0]
    rows = [(t("month {n}", n=o["after_month"]), money(o["amount"])) for o in kept]
    return [Table(t("Still owed if it ends"), (t("after"), code), rows)]


def _more(cost: str | None, least: str) -> str:
    if cost is None or not Decimal(least) or cost == least:
        return ""
    share = (Decimal(cost) / Decimal(least) - 1) * 100
    return f"{'+' if share > 0 else ''}{show(share, 1)} %"


def _commit_foot(doc: Doc, t: English) -> list[str]:
    return [
        t("Demand from {source}", source=doc["demand"]["source"]),
        t("Commitments count at all that they oblige to pay; a forecast from published prices, not a bill."),
    ]


# -- rent or buy ------------------------------------------------------------------------------------------------


def rent_or_buy(doc: Doc, words: Words, t: English) -> str:
    """Return the page of planner.rent-or-buy/1."""
    code, rent = doc["currency"], doc["rent"]
    charts: list[Chart] = []
    if doc["cumulative"]:
        charts.append(_curve(doc, t))
    title = t("A month, machine by machine")
    shown = doc["machines"][:5]
    if shown:
        names = [t("rent"), *(_brief(m["machine"]) for m in shown)]
        pairs = [(float(rent["month"]),), *((float(m["month"]),) for m in shown)]
        most = 6 * float(rent["month"])
        fitting = [(n, p) for n, p in zip(names, pairs, strict=True) if p[0] <= most]
        note = "" if len(fitting) == len(names) else t("Machines above six times the rent are left to the table.")
        what = [(t("a month, {code}", code=code), 1)]
        charts.append((title, bars(title, [n for n, _ in fitting], [p for _, p in fitting], what, ""), note))
    head = (t("machine"), t("bought"), t("at once"), t("a month"), t("a million tokens"), t("of the rent"), t("wins"))
    rows = [_machine(m, rent, t) for m in doc["machines"]]
    rows.append(
        (t("rent, cheapest mix"), "", "", money(rent["month"]), show(Decimal(rent["per_million_tokens"]), 3), "", "")
    )
    best = next((n for n, m in enumerate(doc["machines"]) if m["machine"] == doc["chosen"]), -1)
    tables = [Table(t("Rent beside buy"), head, rows, 1, "", best)]
    if doc["sensitivity"]:
        turned = [
            (
                said,
                money(turn["own_month"]),
                money(turn["rent_month"]),
                _wins(turn["buying_wins_from_month"], t),
            )
            for said, turn in zip(words.turns, doc["sensitivity"], strict=True)
        ]
        tables.append(
            Table(t("What would turn it"), (t("if"), t("own, a month"), t("rent, a month"), t("wins")), turned)
        )
    values = [
        (
            t(what),
            f"{v['value']} {v['currency'] or ''}".strip(),
            "" if v["low"] == v["high"] else f"{v['low']} – {v['high']}",
            t("default") if v["default"] else t("estimate") if v["confidence"] == "low" else "",
            ", ".join(filter(None, (v["source"], v["date"]))),
        )
        for what, v in doc["values"].items()
    ]
    told = (t("value"), t("is"), t("range"), "", t("source"))
    tables.append(Table(t("Values and their sources"), told, values, 5))
    foot = [t("Rent stays at today's price; the line of the site to the internet is not in the cost of owning.")]
    return built(doc, words, Parts(t("Rent or buy"), charts, tables, foot), t)


def _curve(doc: Doc, t: English) -> Chart:
    points = doc["cumulative"]
    title = t("What is spent so far, {code}", code=doc["currency"])
    series = [
        Series(t("bought"), 1, [(float(p["month"]), float(p["own"])) for p in points]),
        Series(t("rented"), 2, [(float(p["month"]), float(p["rent"])) for p in points], dashed=True),
    ]
    last = points[-1]["month"]
    step = 6 if last <= 60 else 12
    ticks = [(float(m), str(m)) for m in range(0, last + 1, step)]
    chosen = next(m for m in doc["machines"] if m["machine"] == doc["chosen"])
    month = chosen["buying_wins_from_month"]
    mark = None if month is None else (float(month), t("buying wins from month {n}", n=month))
    note = "" if month is not None else t("Buying does not win within {n} months.", n=last)
    return title, lines(title, series, ticks, t("month"), mark), note


def _brief(name: str) -> str:
    return name if len(name) <= 13 else name[:12] + "…"


def _wins(month: int | None, t: English) -> str:
    return t("never") if month is None else t("month {n}", n=month)


def _machine(m: dict[str, Any], rent: dict[str, Any], t: English) -> tuple[str, ...]:
    of = f"{show(Decimal(m['month']) / Decimal(rent['month']) * 100, 0)} %" if Decimal(rent["month"]) else "–"
    return (
        m["machine"],
        f"{m['bought']:,}",
        show(Decimal(m["upfront"]), 0),
        money(m["month"]),
        show(Decimal(m["per_million_tokens"]), 3),
        of,
        _wins(m["buying_wins_from_month"], t),
    )
