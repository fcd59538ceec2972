"""The page of many workloads and their one budget."""

from __future__ import annotations

from decimal import Decimal

from planner.i18n import English
from planner.rendering.plans import Doc, Words
from planner.rendering.plans.page import Chart, Parts, Table, built, money
from planner.rendering.plans.svg import bars

__all__ = ["portfolio"]

MOST_BARS = 12


def portfolio(doc: Doc, words: Words, t: English) -> str:
    """Return the page of planner.portfolio/1."""
    code = doc["currency"]
    rows = sorted((r for r in doc["workloads"] if "error" not in r), key=lambda r: -Decimal(r["cost"]))
    charts: list[Chart] = []
    if rows:
        title = t("The dearest workloads")
        names = [r["name"][:10] for r in rows[:MOST_BARS]]
        pairs = [(float(r["cost"]),) for r in rows[:MOST_BARS]]
        charts.append((title, bars(title, names, pairs, [(t("to pay, {code}", code=code), 1)], ""), ""))
    by: dict[str, list[Decimal]] = {}
    for row in rows:
        by.setdefault(row["provider"], []).append(Decimal(row["cost"]))
    if len(by) > 1:
        title = t("By provider")
        sums = [(float(sum(costs)),) for costs in by.values()]
        charts.append((title, bars(title, list(by), sums, [(t("to pay, {code}", code=code), 4)], ""), ""))
    head = (t("workload"), t("provider"), t("region"), t("instance type"), t("at most"), t("hours"), t("to pay"))
    told = [
        (
            r["name"],
            r["provider"],
            r["region"],
            r["instance_type"],
            str(r["instances"]),
            f"{Decimal(r['hours']):,f}",
            money(r["cost"]),
        )
        for r in rows
    ]
    tables = [Table(t("Workloads, the dearest first"), head, told, 4)]
    shared = doc["shared"]
    if shared is not None:
        title = t("Shared commitments")
        both = [(float(shared["cost_apart"]), float(shared["cost"]))]
        what = [(t("each by itself"), 2), (t("shared"), 1)]
        charts.insert(0, (title, bars(title, [t("workloads that share")], both, what, code), ""))
        pools = [
            (
                p["instance_type"],
                p["region"],
                ", ".join(f"{c['number']} x {words.ways.get(c['offer'], c['offer'])}" for c in p["commitments"]) or "–",
                str(len(p["workloads"])),
                str(p["peak_instances"]),
                money(p["cost"]),
            )
            for p in shared["pools"]
        ]
        of = (t("instance type"), t("region"), t("commitments"), t("workloads"), t("at most"), t("to pay"))
        tables.insert(0, Table(title, of, pools, 3))
    failed = [(r["name"], r["error"]) for r in doc["workloads"] if "error" in r]
    if failed:
        tables.append(Table(t("Not served"), (t("workload"), t("why")), failed, 2))
    foot = [t("A forecast from published prices, not a bill.")]
    return built(doc, words, Parts(t("Many workloads, one budget"), charts, tables, foot), t)
