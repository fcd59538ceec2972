"""Plan against bill as a table for people and as JSON (`planner.actual/1`)."""

from __future__ import annotations

import json
from decimal import Decimal

from planner.i18n import English, translator
from planner.money import plain, show, signed
from planner.quoting.actual import CAUSES, Actual
from planner.rendering.columns import fold, layout
from planner.text import plural

__all__ = ["FORMATS", "as_json", "as_table"]

ENGLISH = translator("en")
#: What a category and a cause are called.
WORDS = {
    "compute": "machines",
    "commitment": "commitment bought",
    "storage": "disks",
    "traffic": "traffic",
    "ip": "addresses",
    "tax": "tax",
    "other": "credits and adjustments",
}
WHY = {
    "hours": "hours of machines",
    "volume": "GB and addresses",
    "price": "price",
    "commitment": "commitment bought",
    "tax": "tax",
    "other": "credits and adjustments",
}
_CENT = Decimal("0.005")
MOST = 8


def as_table(actual: Actual, t: English = ENGLISH, width: int | None = None) -> str:
    """Return the comparison as text, folded to `width` columns."""
    rows = []
    for cell in actual.cells:
        quantities = [f"{q:,.1f}" if q is not None else "" for q in (cell.planned, cell.units)]
        rows.append(
            [
                cell.month,
                t(WORDS[cell.category]),
                show(cell.plan),
                show(cell.bill),
                _signed(cell.difference),
                *quantities,
            ]
        )
    difference = actual.bill - actual.plan
    rows.append([t("in all"), "", show(actual.plan), show(actual.bill), _signed(difference), "", ""])
    head = [t("month"), t("category"), t("plan"), t("bill"), t("difference"), t("planned units"), t("billed units")]
    lines = fold(_headline(actual, t), width)
    lines += ["", *(x for block in layout(head, rows, {2, 3, 4, 5, 6}, width) for x in block), ""]
    if abs(difference) >= _CENT:
        lines += [t("What explains the difference of {amount}:", amount=_signed(difference))]
    for cause in sorted(CAUSES, key=lambda c: -abs(actual.caused(c))):
        amount = actual.caused(cause)
        if abs(amount) >= _CENT:
            lines.append(f"  {_signed(amount):>14}  {t(WHY[cause])}")
    for one in actual.unmatched[:MOST]:
        key = plural(
            one.rows, "not the plan's: {service}, {reason} ({n} row)", "not the plan's: {service}, {reason} ({n} rows)"
        )
        words = t(key, service=one.service or "-", reason=t.say(one.reason), n=one.rows)
        lines += fold(f"  {show(one.amount):>14}  {words}, {one.currency}", width, 18)
    if len(actual.unmatched) > MOST:
        lines.append("  " + t("and {n} more services: --format json", n=len(actual.unmatched) - MOST))
    lines += [""] + [x for note in _notes(actual, t) for x in fold(note, width)]
    return "\n".join(lines).rstrip() + "\n"


def _signed(amount: Decimal) -> str:
    return "0.00" if abs(amount) < _CENT else signed(amount)


def _headline(actual: Actual, t: English) -> str:
    share = ""
    if actual.plan:
        percent = (actual.bill - actual.plan) * 100 / actual.plan
        share = t(" ({percent} % of the plan)", percent=_signed(percent))
    said = t(
        "{first} to {last}: planned {plan} {code}, billed {bill} {code}, {difference}",
        first=actual.months[0],
        last=actual.months[-1],
        plan=show(actual.plan),
        bill=show(actual.bill),
        code=actual.currency,
        difference=_signed(actual.bill - actual.plan),
    )
    return said + share


def _notes(actual: Actual, t: English) -> list[str]:
    basis = "cash as billed" if actual.basis == "billed" else "commitments spread over their term"
    notes = [t("Offer {id}; {basis}; {n} rows read", id=actual.offer, basis=t(basis), n=actual.rows)]
    if abs(actual.later) >= _CENT:
        notes.append(t("Not billed yet: {amount} {code} of the plan", amount=show(actual.later), code=actual.currency))
    if actual.assumed:
        key = plural(
            actual.assumed,
            "{n} row of machines does not name its instance type and was taken as the plan's",
            "{n} rows of machines do not name their instance type and were taken as the plan's",
        )
        notes.append(t(key, n=actual.assumed))
    if actual.skipped:
        key = plural(actual.skipped, "{n} row without the tags was left out", "{n} rows without the tags were left out")
        notes.append(t(key, n=actual.skipped))
    return notes


def as_json(actual: Actual, t: English = ENGLISH, width: int | None = None) -> str:
    """Return the comparison as JSON; amounts are strings, exact."""
    data = {
        "schema": "planner.actual/1",
        "offer": actual.offer,
        "currency": actual.currency,
        "basis": actual.basis,
        "months": actual.months,
        "plan": plain(actual.plan),
        "bill": plain(actual.bill),
        "difference": plain(actual.bill - actual.plan),
        "causes": {cause: plain(actual.caused(cause)) for cause in CAUSES},
        "cells": [
            {
                "month": c.month,
                "category": c.category,
                "plan": plain(c.plan),
                "bill": plain(c.bill),
                "difference": plain(c.difference),
                "planned_units": None if c.planned is None else plain(c.planned),
                "billed_units": None if c.units is None else plain(c.units),
                "causes": {name: plain(amount) for name, amount in c.causes},
            }
            for c in actual.cells
        ],
        "unmatched": [
            {
                "service": u.service,
                "reason": str(u.reason),
                "rows": u.rows,
                "currency": u.currency,
                "amount": plain(u.amount),
            }
            for u in actual.unmatched
        ],
        "not_billed_yet": plain(actual.later),
        "rows": actual.rows,
        "rows_assumed": actual.assumed,
        "rows_without_tags": actual.skipped,
    }
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


FORMATS = {"table": as_table, "json": as_json}
