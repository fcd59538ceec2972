"""A comparison of quotes as a table for people, as Markdown for a pull request, as JSON (`planner.diff/2`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from planner.i18n import English, translator
from planner.money import plain, show, signed
from planner.quoting.diff import Diff, OfferDiff, increase, near
from planner.text import plural

__all__ = ["FORMATS", "LINES", "as_json", "as_markdown", "as_table", "changed", "headline", "why"]

ENGLISH = translator("en")
_CENT = Decimal("0.005")
WORDS = {"exchange_rate": "exchange rate", "volume": "volumes"}
#: What a comparison may take of a terminal or of a pull request, unless asked for more with --top.
LINES = 25
#: Changed inputs of the workload that are listed one by one.
MOST_NOTES = 6


def headline(diff: Diff) -> list[str]:
    """Return the days, what changed of the workload, and what the recommended offer came to and comes to."""
    lines = [f"quoted on {diff.quoted_on[0]} and {diff.quoted_on[1]}, amounts in {diff.currency}"]
    notes = [f"workload changed: {note}" for note in diff.notes]
    lines += notes[:MOST_NOTES] + ([f"and {len(notes) - MOST_NOTES} more inputs"] if len(notes) > MOST_NOTES else [])
    first, last = diff.before, diff.after
    if first is None or last is None:
        lines.append("recommended: " + ("no firm offer in either quote" if first is last else "in one quote only"))
        return lines
    rise = increase(diff)
    percent = f" ({'+' if rise > 0 else ''}{show(rise)} %)" if rise is not None else ""
    lines.append(
        f"recommended, {diff.basis}: {show(first[1])} -> {show(last[1])}, {signed(last[1] - first[1])}{percent}"
    )
    lines.append(f"  {first[0]}" if first[0] == last[0] else f"  {first[0]} -> {last[0]}")
    return lines


def _chosen(diff: Diff, top: int | None, offer: str) -> list[OfferDiff]:
    """Return the offers to show: the named one; without `top` what is near the recommended; else what changed most."""
    if offer:
        return [o for o in diff.offers if o.id == offer]
    if top is None:
        return near(diff)
    rows = [o for o in diff.offers if o.status != "same"]
    best = {one[0] for one in (diff.before, diff.after) if one is not None}
    rows.sort(key=lambda o: o.id not in best)  # the offer that people look at comes first
    return rows[:top] if top else rows


def why(diff: Diff, offer: OfferDiff, t: English = ENGLISH) -> list[tuple[str, str]]:
    """Return (cause with its amount, what moved) lines; sub-cent parts are left to the JSON.

    What is owed stands among them where it moved otherwise than the effective cost.
    """
    lines = []
    first, last = offer.owed
    if first is not None and last is not None and abs(last - first - (offer.difference or Decimal(0))) >= _CENT:
        lines.append((f"{t(diff.basis.replace('-', ' '))} {signed(last - first)}", f"{show(first)} -> {show(last)}"))
    for cause, amount in offer.parts:
        if abs(amount) < _CENT:
            continue
        lines.append((f"{t(WORDS.get(cause, cause))} {signed(amount)}", ""))
        for detail in offer.details:
            if detail.cause == cause and abs(detail.amount) >= _CENT:
                moved = f": {detail.before} -> {detail.after}" if detail.before or detail.after else ""
                lines.append(("", f"{detail.charge}{moved}"))
    lines += [("note", note) for note in offer.notes]
    return lines


def changed(diff: Diff, offers: Sequence[OfferDiff], t: English = ENGLISH) -> list[tuple[str, str, str, str, str]]:
    """Return of each offer its id, what it cost, what it costs, the difference, and why."""
    rows = []
    for o in offers:
        said = [cause for cause, moved in why(diff, o, t) if cause and cause != "note"]
        before = show(o.before) if o.before is not None else t("new")
        after = show(o.after) if o.after is not None else t("gone")
        by = signed(o.difference) if o.difference is not None else ""
        rows.append((o.id, before, after, by, t(", ").join(said)))
    return rows


def _end(diff: Diff, shown: Sequence[OfferDiff], offer: str) -> str:
    total, same = len(diff.offers), sum(o.status == "same" for o in diff.offers)
    left = 0 if offer else total - same - sum(o.status != "same" for o in shown)
    more = f"{left} more changed (--top 0 shows all); " if left else ""
    return more + plural(total, f"{same} of 1 offer unchanged", f"{same} of {total} offers unchanged")


def _block(diff: Diff, row: OfferDiff) -> list[str]:
    if row.before is None or row.after is None:
        amount = row.after if row.before is None else row.before
        return ["", row.id, f"  {row.status}: {show(amount or Decimal(0))}"]
    lines = ["", row.id, f"  {show(row.before)} -> {show(row.after)}, {signed(row.after - row.before)}"]
    for cause, moved in why(diff, row):
        lines.append(f"    {cause}" + (f": {moved}" if cause and moved else "") if cause else f"      {moved}")
    return lines


def as_table(diff: Diff, top: int | None = None, offer: str = "") -> str:
    """Return plain text: the recommended first, then what changed, each with its causes; top as in `_chosen`."""
    lines, shown = headline(diff), []
    for row in _chosen(diff, top, offer):
        block = _block(diff, row)
        room = LINES - 2 - len(lines)
        if top is None and not offer and len(block) > room:
            if room < 3:
                break
            block = [*block[: room - 1], "    ..."] if room > 3 else block[:3]
        lines += block
        shown.append(row)
    return "\n".join([*lines, "", _end(diff, shown, offer)]) + "\n"


def as_markdown(diff: Diff, top: int | None = None, offer: str = "") -> str:
    """Return a comment for a pull request, of at most LINES lines unless `top` asks for more."""

    def cell(text: str) -> str:
        return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")

    rows = _chosen(diff, top, offer)
    lines = ["### Cost of the workload", ""]
    lines += [f"- {cell(line.strip())}" for line in headline(diff)]
    if rows:
        lines += ["", "| offer | before | after | difference | why |", "|---|--:|--:|--:|---|"]
    if top is None and not offer:
        rows = rows[: LINES - 2 - len(lines)]
    for row in rows:
        before = show(row.before) if row.before is not None else "new"
        after = show(row.after) if row.after is not None else "gone"
        by = signed(row.after - row.before) if row.before is not None and row.after is not None else ""
        causes = "; ".join(cause if not moved else f"{cause}: {moved}" for cause, moved in why(diff, row) if cause)
        lines.append(f"| {cell(row.id)} | {before} | {after} | {by} | {cell(causes)} |")
    return "\n".join([*lines, "", _end(diff, rows, offer)]) + "\n"


def as_json(diff: Diff, top: int | None = None, offer: str = "") -> str:
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


FORMATS: dict[str, Callable[[Diff, int | None, str], str]] = {
    "table": as_table,
    "json": as_json,
    "markdown": as_markdown,
}
