"""The workbook of planner.rent-or-buy/1: inputs of owning, what follows of them, and the curve of both as live formulas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from planner.errors import PlannerError
from planner.i18n import English
from planner.rendering.plans import Doc, Words
from planner.rendering.plans.book import COLOURS, close, look, opened, series
from planner.rendering.xlsx.book import Sheet

__all__ = ["rent_or_buy"]

#: Months of life that can be typed.
LONGEST = 120


def rent_or_buy(doc: Doc, words: Words, t: English, lang: str) -> bytes:
    """Return the workbook of planner.rent-or-buy/1."""
    if doc["chosen"] is None:
        raise PlannerError(
            "no machine of the file serves this, so there is nothing to put in a workbook; see --format table"
        )
    book, stream = opened(doc, "rent", t("Rent or buy"), t, lang)
    s = book.sheet("buy", [36, 16, 24, 16], landscape=False)
    curve = book.sheet("curve", [10, 18, 18, 18, 18, 18])
    _machines(book.sheet("machines", [30, 10, 16, 16, 14, 12, 12, 44]), doc, t)
    _turns(book.sheet("turns", [40, 18, 18, 14]), doc, words.turns, t)
    _values(book.sheet("values", [28, 16, 12, 12, 12, 12, 60]), doc, t)
    months = _buy(s, doc, words, t)
    _curve(curve, doc, months, t)
    chart = book.file.add_chart({"type": "scatter", "subtype": "straight"})
    for col, name, colour in ((3, "bought, so far", 0), (4, "rented, so far", 1)):
        chart.add_series(series(book, "curve", (4, months + 4), 0, col, t(name), COLOURS[colour], line=True))
    look(chart, t("What is spent so far, {code}", code=doc["currency"]), t("month"), doc["currency"])
    chart.set_x_axis({"name": t("month"), "min": 0, "max": months, "num_format": "0"})
    s.ws.insert_chart(37, 0, chart, {"x_scale": 1.28, "y_scale": 1.25})
    s.seen(56, 3)
    return close(book, stream, "buy")


def _buy(s: Sheet, doc: Doc, words: Words, t: English) -> int:
    """Write the inputs and what follows of them; return the months of the life."""
    code = doc["currency"]
    m = next(one for one in doc["machines"] if one["machine"] == doc["chosen"])
    value = {what: Decimal(v["value"]) for what, v in doc["values"].items()}
    d = {key: Decimal(m[key]) for key in ("upfront", "residual", "power", "rack", "staff", "repairs", "kwh_a_month")}
    bought, working, months = m["bought"], m["working"], m["months"]
    spares, extras = value["spare parts"], value["network, rack and cables"]
    price = d["upfront"] / bought / (1 + extras + spares)
    kwh = d["kwh_a_month"]
    s.title(words.heading[2] if len(words.heading) > 2 else "")
    s.text(2, 0, words.heading[1] if len(words.heading) > 1 else "", "subtitle")
    s.section(3, t("What may be changed"), 4)
    inputs: list[tuple[str, object, str, str]] = [
        ("machines that work", working, "int", m["machine"]),
        ("machines that stand by", bought - working, "int", ""),
        ("price of the machine", price, "money", code),
        ("network, rack and cables", extras, "pct", t("of the price")),
        ("spare parts", spares, "pct", t("of the price")),
        ("years", Decimal(months) / 12, "num", ""),
        ("residual value", value["residual value"], "pct", t("of the price")),
        ("watts under load", value["watts under load"], "num", "W"),
        ("watts idle", value["watts idle"], "num", "W"),
        ("use of the machines that work", Decimal(m["utilisation"]), "pct", t("on average")),
        ("PUE", value["PUE"], "num", ""),
        ("electricity", round(d["power"] / kwh, 12) if kwh else 0, "price", f"{code}/kWh"),
        ("rack, a machine", d["rack"] / bought, "money", t("{code} a month", code=code)),
        ("staff", d["staff"], "money", t("{code} a month", code=code)),
        ("repairs", value["repairs"], "pct3", t("of the price a year")),
        ("cost of capital", value["cost of capital"], "pct", t("a year")),
        ("rent", Decimal(doc["rent"]["month"]), "money", t("{code} a month", code=code)),
        ("millions of output tokens", Decimal(doc["millions_of_tokens_a_month"]), "num", t("a month")),
    ]
    at: dict[str, str] = {}
    for row, (name, given, number, unit) in enumerate(inputs, 4):
        s.text(row, 0, t(name))
        s.put(row, 1, given, number, "input")
        s.text(row, 2, unit, "unit")
        at[name] = f"B{row + 1}"
    _follows(s, doc, m, d, at, t)
    return int(months)


def _follows(
    s: Sheet, doc: Doc, m: Mapping[str, Any], d: Mapping[str, Decimal], at: Mapping[str, str], t: English
) -> None:
    """Write what follows of the inputs, whose cells are `at`."""
    code, kwh, months = doc["currency"], d["kwh_a_month"], m["months"]
    s.section(23, t("What follows"), 4)
    fleet = f"({at['machines that work']}+{at['machines that stand by']})"
    watts = (
        f"({at['machines that work']}*({at['watts idle']}+({at['watts under load']}-{at['watts idle']})*"
        f"{at['use of the machines that work']})+{at['machines that stand by']}*{at['watts idle']})"
    )
    paid = f"{at['price of the machine']}*{fleet}"
    month = Decimal(m["month"])
    wins = m["buying_wins_from_month"]
    n = max(months, LONGEST) + 5
    ref, life = s.book.ref, f"ROUNDUP({at['years']}*12,0)"
    own, rented, at_month = (ref("curve", f"${col}$6:${col}${n}") for col in "DEA")
    dearer = f"SUMPRODUCT(MAX(({own}>{rented})*({at_month}<={life})*{at_month}))"
    rent = at["rent"]
    follows: list[tuple[str, str, object, str, str]] = [
        (
            "paid at once",
            f"{paid}*(1+{at['network, rack and cables']}+{at['spare parts']})",
            d["upfront"],
            "money",
            code,
        ),
        ("comes back at the end", f"{paid}*{at['residual value']}", d["residual"], "money", code),
        ("electricity used", f"{watts}/1000*{at['PUE']}*730", kwh, "num", t("kWh a month")),
        ("Electricity", f"B27*{at['electricity']}", d["power"], "money", t("{code} a month", code=code)),
        ("rack", f"{fleet}*{at['rack, a machine']}", d["rack"], "money", t("{code} a month", code=code)),
        ("repairs", f"{paid}*{at['repairs']}/12", d["repairs"], "money", t("{code} a month", code=code)),
        (
            "running, with staff",
            f"B28+B29+B30+{at['staff']}",
            d["power"] + d["rack"] + d["repairs"] + d["staff"],
            "money",
            t("{code} a month", code=code),
        ),
        (
            "a month of owning, all of it",
            f"INDEX({own},{life})/{life}",
            month,
            "money",
            t("{code} a month", code=code),
        ),
        (
            "of the rent",
            f"IF({rent}=0,0,B32/{rent})",
            month / Decimal(doc["rent"]["month"]) if Decimal(doc["rent"]["month"]) else 0,
            "pct",
            "",
        ),
        (
            "a million tokens, own",
            f"B32/{at['millions of output tokens']}",
            Decimal(m["per_million_tokens"]),
            "unit3",
            code,
        ),
        (
            "buying wins from month",
            f'IF({dearer}>={life},"{t("never")}",{dearer}+1)',
            t("never") if wins is None else wins,
            "int",
            "",
        ),
    ]
    for row, (name, formula, now, number, unit) in enumerate(follows, 24):
        s.text(row, 0, t(name), "bold" if "all of it" in name or "wins" in name else "text")
        s.calc(row, 1, formula, now, number, "bold" if "all of it" in name or "wins" in name else "calc")
        s.text(row, 2, unit, "unit")


def _curve(s: Sheet, doc: Doc, months: int, t: English) -> None:
    """Write both curves; beyond the life they stay where they are, so that more years can be typed."""
    s.title(t("Both, month by month; the residual value comes back in the last."))
    titles = ("month", "in the books", "cost of capital", "bought, so far", "rented, so far", "dearer by")
    s.head(3, [t(title) for title in titles])
    ref = s.book.ref
    upfront, back, running, years = (ref("buy", f"$B${line}") for line in (25, 26, 31, 10))
    capital, rent = ref("buy", "$B$20"), ref("buy", "$B$21")
    life = f"ROUNDUP({years}*12,0)"
    points = doc["cumulative"]
    first = Decimal(points[0]["own"])
    m = next(one for one in doc["machines"] if one["machine"] == doc["chosen"])
    fall = (first - Decimal(m["residual"])) / months
    share = Decimal(doc["values"]["cost of capital"]["value"])
    for month in range(max(months, LONGEST) + 1):
        point, row, line = points[min(month, months)], month + 4, month + 5
        own, rented = Decimal(point["own"]), Decimal(point["rent"])
        within = month <= months
        s.put(row, 0, month, "int")
        books = first - fall * month if within else Decimal(0)
        s.calc(row, 1, f"IF(A{line}>{life},0,{upfront}-({upfront}-{back})/{life}*A{line})", books, "money")
        if month:
            interest = (first - fall * (month - 1)) * share / 12 if within else Decimal(0)
            s.calc(row, 2, f"IF(A{line}>{life},0,B{line - 1}*{capital}/12)", interest, "money")
            more = f"IF(A{line}>{life},0,C{line}+{running}-IF(A{line}={life},{back},0))"
            s.calc(row, 3, f"D{line - 1}+{more}", own, "money")
        else:
            s.calc(row, 3, upfront, own, "money")
        s.calc(row, 4, f"{rent}*MIN(A{line},{life})", rented, "money")
        s.calc(row, 5, f"D{line}-E{line}", own - rented, "money")
    s.freeze(4, 1)
    s.last[0] = months + 4


def _machines(s: Sheet, doc: Doc, t: English) -> None:
    s.title(t("Every machine of the file beside the rent"))
    titles = ("machine", "bought", "at once", "a month", "a million tokens", "of the rent", "wins", "note")
    s.head(3, [t(title) for title in titles])
    rent = s.book.ref("buy", "$B$21")
    month = Decimal(doc["rent"]["month"])
    for row, one in enumerate(doc["machines"], 4):
        s.text(row, 0, one["machine"])
        s.put(row, 1, one["bought"], "int")
        s.put(row, 2, Decimal(one["upfront"]), "money")
        s.put(row, 3, Decimal(one["month"]), "money")
        s.put(row, 4, Decimal(one["per_million_tokens"]), "unit3")
        s.calc(row, 5, f"IF({rent}=0,0,D{row + 1}/{rent})", Decimal(one["month"]) / month if month else 0, "pct")
        s.put(row, 6, one["buying_wins_from_month"] or t("never"), "int")
        s.text(row, 7, one["note"])


def _turns(s: Sheet, doc: Doc, turns: Sequence[str], t: English) -> None:
    s.title(t("The answer with one value elsewhere"))
    s.head(3, [t("if"), t("own, a month"), t("rent, a month"), t("wins")])
    for row, (said, one) in enumerate(zip(turns, doc["sensitivity"], strict=True), 4):
        s.text(row, 0, said)
        s.put(row, 1, Decimal(one["own_month"]), "money")
        s.put(row, 2, Decimal(one["rent_month"]), "money")
        s.put(row, 3, one["buying_wins_from_month"] or t("never"), "int")


def _values(s: Sheet, doc: Doc, t: English) -> None:
    s.title(t("Where each value is from"))
    s.head(3, [t("value"), t("is"), t("low"), t("high"), t("currency"), "", t("source")])
    for row, (what, one) in enumerate(doc["values"].items(), 4):
        kind = t("default") if one["default"] else t("estimate") if one["confidence"] == "low" else ""
        s.text(row, 0, t(what))
        for col, key in ((1, "value"), (2, "low"), (3, "high")):
            s.put(row, col, Decimal(one[key]), "num")
        s.text(row, 4, one["currency"] or "")
        s.text(row, 5, kind)
        s.text(row, 6, ", ".join(filter(None, (one["source"], one["date"]))), "wrap")
