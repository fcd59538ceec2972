"""A comparison of quotes as a table for people, as Markdown for a pull request, as JSON (`planner.diff/2`)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from planner.money import plain, show
from planner.quoting.diff import Diff, OfferDiff, increase

__all__ = ["FORMATS", "as_json", "as_markdown", "as_table"]

_CENT = Decimal("0.005")
WORDS = {"exchange_rate": "exchange rate", "volume": "volumes"}


def _signed(value: Decimal) -> str:
    shown = show(value)
    if shown in ("0.00", "-0.00"):
        return "0.00"
    return f"+{shown}" if value > 0 else shown


def _headline(diff: Diff) -> list[str]:
    lines = [f"quoted on {diff.quoted_on[0]} and {diff.quoted_on[1]}, amounts in {diff.currency}"]
    lines += [f"workload changed: {note}" for note in diff.notes]
    first, last = diff.before, diff.after
    if first is None or last is None:
        lines.append("recommended: " + ("no firm offer in either quote" if first is last else "in one quote only"))
        return lines
    rise = increase(diff)
    percent = f" ({'+' if rise > 0 else ''}{show(rise)} %)" if rise is not None else ""
    lines.append(
        f"recommended, {diff.basis}: {show(first[1])} -> {show(last[1])}, {_signed(last[1] - first[1])}{percent}"
    )
    lines.append(f"  {first[0]}" if first[0] == last[0] else f"  {first[0]} -> {last[0]}")
    return lines


def _chosen(diff: Diff, top: int, offer: str) -> tuple[list[OfferDiff], int]:
    rows = [o for o in diff.offers if (o.id == offer if offer else o.status != "same")]
    best = {one[0] for one in (diff.before, diff.after) if one is not None}
    rows.sort(key=lambda o: o.id not in best)  # the offer that people look at comes first
    return (rows[:top], len(rows) - top) if top and len(rows) > top else (rows, 0)


def _why(offer: OfferDiff) -> list[tuple[str, str]]:
    """Return (cause with its amount, what moved) lines; sub-cent parts are left to the JSON."""
    lines = []
    for cause, amount in offer.parts:
        if abs(amount) < _CENT:
            continue
        lines.append((f"{WORDS.get(cause, cause)} {_signed(amount)}", ""))
        for detail in offer.details:
            if detail.cause == cause and abs(detail.amount) >= _CENT:
                moved = f": {detail.before} -> {detail.after}" if detail.before or detail.after else ""
                lines.append(("", f"{detail.charge}{moved}"))
    lines += [("note", note) for note in offer.notes]
    return lines


def _end(diff: Diff, left: int) -> str:
    same = sum(o.status == "same" for o in diff.offers)
    more = f"{left} more changed (--top 0 shows all); " if left else ""
    return f"{more}{same} of {len(diff.offers)} offers unchanged"


def as_table(diff: Diff, top: int = 20, offer: str = "") -> str:
    """Return plain text: the recommended first, then what changed most, each with its causes."""
    lines = _headline(diff)
    rows, left = _chosen(diff, top, offer)
    for row in rows:
        if row.before is None or row.after is None:
            amount = row.after if row.before is None else row.before
            lines += ["", f"{row.id}", f"  {row.status}: {show(amount or Decimal(0))}"]
            continue
        lines += ["", row.id, f"  {show(row.before)} -> {show(row.after)}, {_signed(row.after - row.before)}"]
        for cause, moved in _why(row):
            lines.append(f"    {cause}" + (f": {moved}" if cause and moved else "") if cause else f"      {moved}")
    return "\n".join([*lines, "", _end(diff, left)]) + "\n"


def as_markdown(diff: Diff, top: int = 20, offer: str = "") -> str:
    """Return a comment for a pull request."""

    def cell(text: str) -> str:
        return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")

    rows, left = _chosen(diff, top, offer)
    lines = ["### Cost of the workload", ""]
    lines += [f"- {cell(line.strip())}" for line in _headline(diff)]
    if rows:
        lines += ["", "| offer | before | after | difference | why |", "|---|--:|--:|--:|---|"]
    for row in rows:
        before = show(row.before) if row.before is not None else "new"
        after = show(row.after) if row.after is not None else "gone"
        by = _signed(row.after - row.before) if row.before is not None and row.after is not None else ""
        why = "; ".join(cause if not moved else f"{cause}: {moved}" for cause, moved in _why(row) if cause)
        lines.append(f"| {cell(row.id)} | {before} | {after} | {by} | {cell(why)} |")
    return "\n".join([*lines, "", _end(diff, left)]) + "\n"


def as_json(diff: Diff, top: int = 0, offer: str = "") -> str:
    """Return `planner.diff/2`: every offer, exact amounts as strings; parts of an offer add up to its difference."""
    import json

    def text(value: Decimal | None) -> str | None:
        return None if value is None else plain(value)

    def best(value: tuple[str, Decimal] | None) -> dict[str, str] | None:
        return None if value is None else {"id": value[0], "amount": plain(value[1])}

    rise = increase(diff)
    body = {
        "schema": "planner.diff/2",
        "currency": diff.currency,
        "quoted_on": {"before": diff.quoted_on[0], "after": diff.quoted_on[1]},
        "workload_changes": list(diff.notes),
        "recommended": {
            "basis": diff.basis,
            "before": best(diff.before),
            "after": best(diff.after),
            "increase_percent": text(rise),
        },
        "offers": [
            {
                "id": o.id,
                "status": o.status,
                "before": text(o.before),
                "after": text(o.after),
                "difference": text(o.difference),
                diff.basis: {"before": text(o.owed[0]), "after": text(o.owed[1])},
                "parts": {cause: plain(amount) for cause, amount in o.parts},
                "details": [d._asdict() | {"amount": plain(d.amount)} for d in o.details],
                "notes": list(o.notes),
            }
            for o in diff.offers
            if not offer or o.id == offer
        ],
    }
    return json.dumps(body, ensure_ascii=False, indent=2) + "\n"


FORMATS: dict[str, Callable[[Diff, int, str], str]] = {"table": as_table, "json": as_json, "markdown": as_markdown}
