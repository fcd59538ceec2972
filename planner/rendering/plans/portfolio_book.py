"""The workbook of planner.portfolio/1: workloads, shared commitments and what goes to whom, summed by formulas."""

from __future__ import annotations

from decimal import Decimal

from planner.i18n import English
from planner.rendering.plans import Doc, Words
from planner.rendering.plans.book import COLOURS, close, look, opened, series
from planner.rendering.xlsx.book import Sheet

__all__ = ["portfolio"]


def portfolio(doc: Doc, words: Words, t: English, lang: str) -> bytes:
    """Return the workbook of planner.portfolio/1."""
    book, stream = opened(doc, "portfolio", t("Many workloads, one budget"), t, lang)
    code = doc["currency"]
    rows = [r for r in doc["workloads"] if "error" not in r]
    s = book.sheet("workloads", [28, 14, 16, 28, 16, 10, 12, 18])
    s.title(words.heading[0] if words.heading else "")
    titles = ("workload", "provider", "region", "instance type", "GPU", "at most", "hours")
    s.head(3, [*(t(title) for title in titles), t("to pay, {code}", code=code)])
    for at, one in enumerate(rows):
        for col, key in enumerate(("name", "provider", "region", "instance_type", "gpu")):
            s.text(at + 4, col, one[key])
        s.put(at + 4, 5, one["instances"], "int")
        s.put(at + 4, 6, Decimal(one["hours"]), "int")
        s.put(at + 4, 7, Decimal(one["cost"]), "money", "input")
    last = len(rows) + 4
    apart = sum((Decimal(r["cost"]) for r in rows), Decimal(0))
    s.text(last, 0, t("each by itself"), "total")
    for col in range(1, 7):
        s.text(last, col, "", "total")
    s.calc(last, 7, f"SUM(H5:H{max(last, 5)})", apart, "money", "total")
    _budget(s, doc, last + 1, t)
    s.freeze(4, 1)
    _pools(book.sheet("pools", [28, 16, 44, 12, 12, 18]), doc, words, (apart, last), t)
    by = book.sheet("providers", [22, 12, 18, 12])
    by.title(t("What goes to whom"))
    by.head(3, [t("provider"), t("workloads"), t("to pay, {code}", code=code), t("share")])
    names = sorted({r["provider"] for r in rows})
    where, what = (book.ref("workloads", f"${col}$5:${col}${max(last, 5)}") for col in "BH")
    for at, name in enumerate(names):
        mine = [Decimal(r["cost"]) for r in rows if r["provider"] == name]
        line = at + 5
        by.text(at + 4, 0, name)
        by.calc(at + 4, 1, f"COUNTIF({where},A{line})", len(mine), "int")
        by.calc(at + 4, 2, f"SUMIFS({what},{where},A{line})", sum(mine, Decimal(0)), "money")
        by.calc(at + 4, 3, f"IF(SUM({what})=0,0,C{line}/SUM({what}))", sum(mine) / apart if apart else 0, "pct")
    if names:
        chart = book.file.add_chart({"type": "bar"})
        chart.add_series(series(book, "providers", (4, len(names) + 3), 0, 2, code, COLOURS[0]))
        look(chart, t("By provider"), code, "")
        chart.set_legend({"none": True})
        by.ws.insert_chart(len(names) + 5, 0, chart, {"x_scale": 1.2})
        by.seen(len(names) + 21, 3)
    return close(book, stream, "workloads")


def _budget(s: Sheet, doc: Doc, row: int, t: English) -> None:
    """Write what sharing saves, and what is left of the budget."""
    shared, line = doc["shared"], row
    total = f"H{row}"
    if shared is not None:
        saved = Decimal(shared["cost_apart"]) - Decimal(shared["cost"])
        s.text(line, 0, t("shared commitments save"))
        s.calc(line, 7, s.book.ref("pools", "$F$3"), saved, "money")
        total = f"(H{row}-H{line + 1})"
        line += 1
    for col in range(7):
        s.text(line, col, "" if col else t("together"), "total")
    s.calc(line, 7, total, Decimal(doc["cost"]), "money", "total")
    if doc["budget"] is not None:
        s.text(line + 1, 0, t("budget"))
        s.put(line + 1, 7, Decimal(doc["budget"]), "money", "input")
        s.text(line + 2, 0, t("left of the budget"))
        s.calc(line + 2, 7, f"H{line + 2}-H{line + 1}", Decimal(doc["budget"]) - Decimal(doc["cost"]), "money")


def _pools(s: Sheet, doc: Doc, words: Words, apart: tuple[Decimal, int], t: English) -> None:
    shared = doc["shared"]
    s.title(t("Commitments that several workloads use together"))
    s.head(3, [t("instance type"), t("region"), t("commitments"), t("workloads"), t("at most"), t("to pay")])
    if shared is None:
        s.text(4, 0, t("Each workload stays by itself."))
        return
    for at, pool in enumerate(shared["pools"]):
        said = ", ".join(f"{c['number']} x {words.ways.get(c['offer'], c['offer'])}" for c in pool["commitments"])
        s.text(at + 4, 0, pool["instance_type"])
        s.text(at + 4, 1, pool["region"])
        s.text(at + 4, 2, said or "–")
        s.put(at + 4, 3, len(pool["workloads"]), "int")
        s.put(at + 4, 4, pool["peak_instances"], "int")
        s.put(at + 4, 5, Decimal(pool["cost"]), "money", "input")
    last = len(shared["pools"]) + 4
    cost, before = Decimal(shared["cost"]), Decimal(shared["cost_apart"])
    s.text(last, 0, t("together"), "total")
    s.calc(last, 5, f"SUM(F5:F{last})", cost, "money", "total")
    s.text(last + 1, 0, t("the same workloads, each by itself"))
    s.put(last + 1, 5, before, "money", "input")
    s.text(2, 4, t("saved"), "bold")
    s.calc(2, 5, f"F{last + 2}-F{last + 1}", before - cost, "money", "bold")
