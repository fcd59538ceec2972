"""What a change costs, in words: a comment in Markdown, lines for a log, JSON (`planner.gate/1`)."""

from __future__ import annotations

from decimal import Decimal
from html import escape
from typing import Any

from planner.gate.sides import Side, Subject, rows_of
from planner.i18n import English
from planner.money import plain, show, signed
from planner.prices.fx import Rates
from planner.records import NamedTuple
from planner.rendering.advice import headline
from planner.rendering.markdown import changed_rows, escaped
from planner.text import Text

__all__ = ["MOST", "Told", "as_json", "as_markdown", "as_table", "marker"]

#: What GitHub takes as a comment; GitLab takes more.
MOST = 65_000
#: Offers of a workload, and charges of a module, that are unfolded.
MOST_ROWS, MOST_CHARGES = 6, 20


class Told(NamedTuple):
    """All that is said of a change. commit: its base ("" = none). policy: the file's name ("" = none). notes: what a reader must know besides."""

    subjects: tuple[Subject, ...]
    commit: str
    policy: str
    basis: str
    day: str
    rates: Rates
    notes: tuple[Text, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether the policy does not allow it."""
        return any(one.why for one in self.subjects)


def marker(name: str) -> str:
    """Return the comment, hidden in Markdown, by which what was written once is found again."""
    return f"<!-- planner gate: {name} -->"


def _change(one: Subject, rates: Rates) -> tuple[Decimal, Decimal | None] | None:
    """Return by how much it costs more, and by how many per cent; None without both sides."""
    if one.before is None or one.after is None:
        return None
    start = rates.convert(one.before.amount, one.before.currency, one.after.currency)
    rise = one.after.amount - start
    return rise, rise / start * 100 if start else None


def _money(side: Side | None, t: English, absent: str) -> str:
    if side is None:
        return t(absent)
    return ("~" if side.market else "") + show(side.amount) + " " + side.currency + (" *" if side.unpriced else "")


def _row(one: Subject, told: Told, t: English) -> tuple[str, str, str, str]:
    """Return a subject's name, what it cost, what it costs, and the difference."""
    absent = "new" if told.commit else "-"
    before = t("cannot be priced") if one.base_problem else _money(one.before, t, absent)
    after = t("cannot be priced") if one.problem else _money(one.after, t, "gone")
    change = _change(one, told.rates)
    if change is None:
        return one.path, before, after, ""
    rise, percent = change
    by = f" ({'+' if percent > 0 else ''}{show(percent)} %)" if percent else ""
    return one.path, before, after, (signed(rise) + by) if rise else t("the same")


def _verdict(told: Told, t: English) -> str:
    broken = [one for one in told.subjects if one.problem]
    if broken:
        return t("Not judged: {n} of it cannot be priced.", n=len(broken))
    if not told.policy:
        return t("No policy was given: nothing is judged.")
    return t("The policy does not allow it.") if told.refused else t("Within the policy.")


def _reasons(told: Told, t: English) -> list[str]:
    said = []
    for one in told.subjects:
        said += [f"{one.path}: {one.problem}"] if one.problem else []
        said += [f"{one.path}: {t.say(why)}" for why in one.why]
        said += [t("{path}: not compared: {why}", path=one.path, why=one.base_problem)] if one.base_problem else []
    return [*said, *(t.say(note) for note in told.notes)]


def _legend(told: Told, t: English) -> list[str]:
    sides = [side for one in told.subjects for side in (one.before, one.after) if side is not None]
    lines = [t("Amounts: {basis}, each for the window of its own workload.", basis=t(told.basis.replace("-", " ")))]
    lines += (
        [t("~ spot: a market price of a past sample, not an offer; the instance can be taken back")]
        if any(s.market for s in sides)
        else []
    )
    missing = {t.say(u) for s in sides for u in s.unpriced}
    lines += [t("* not in the amount: {what}", what="; ".join(sorted(missing)[:6]))] if missing else []
    rates = [f"1 {f.base} = {plain(f.rate)} {f.quote} ({f.as_of or f.source})" for f in told.rates.used.values()]
    return [*lines, *rates]


def as_markdown(told: Told, t: English, name: str) -> str:
    """Return the comment: the verdict, a table, why, and each workload or module unfolded; at most MOST letters."""
    head = [marker(name), "### " + t("Cost of this change"), "", f"**{escaped(_verdict(told, t))}**"]
    if not told.subjects:
        head += [
            "",
            escaped(t("No workload and no module changed.")),
            *(f"- {escaped(t.say(note))}" for note in told.notes),
        ]
        return "\n".join(head) + "\n"
    titles = [t("what"), t("before"), t("after"), t("difference")]
    head += ["", "| " + " | ".join(titles) + " |", "|---|---:|---:|---:|"]
    head += ["| " + " | ".join(escaped(cell) for cell in _row(one, told, t)) + " |" for one in told.subjects]
    head += ["", *(f"- {escaped(line)}" for line in _reasons(told, t)), ""]
    foot = ["", *(f"{escaped(line)}  " for line in _legend(told, t))]
    foot.append(
        escaped(t("Prices as known on {day}; the base is {commit}.", day=told.day, commit=told.commit[:12] or "-"))
    )
    text, end = "\n".join(head) + "\n", "\n".join(foot) + "\n"
    left = 0
    for one in told.subjects:
        block = _unfolded(one, told, t)
        if len(text) + len(block) + len(end) > MOST:
            left += bool(block)
            continue
        text += block
    if left:
        text += t("{n} more are not unfolded here: planner gate --format table shows all.", n=left) + "\n"
    return (text + end)[:MOST]


def _unfolded(one: Subject, told: Told, t: English) -> str:
    lines: list[str] = []
    if one.quote is not None:
        lines += [escaped(said) + "  " for said in headline(one.quote, t)]
    if one.diff is not None:
        lines += ["", *(f"- {escaped(note)}" for note in one.diff.notes[:12])]
        lines += ["", escaped(t("Effective costs of what was and is recommended, and of what comes near:"))]
        lines += changed_rows(one.diff, MOST_ROWS, t)
    elif one.kind == "module" and one.before is not None and one.after is not None:
        rows = rows_of(one, told.rates, told.basis)
        if rows:
            lines += ["", f"| {t('charge')} | {t('before')} | {t('after')} |", "|---|---:|---:|"]
            lines += [f"| {escaped(n)} | {_amount(a)} | {_amount(b)} |" for n, a, b in rows[:MOST_CHARGES]]
    if not lines:
        return ""
    return (
        "\n".join(
            [f"<details><summary>{escape(' '.join(one.path.split()))}</summary>", "", *lines, "", "</details>", ""]
        )
        + "\n"
    )


def _amount(value: Decimal | None) -> str:
    return "-" if value is None else show(value)


def as_table(told: Told, t: English) -> str:
    """Return the same as lines for a log."""
    from planner.rendering.columns import grid

    if not told.subjects:
        return "\n".join([t("No workload and no module changed."), *map(t.say, told.notes)]) + "\n"
    header = [t("what"), t("before"), t("after"), t("difference")]
    lines = [_verdict(told, t), "", *grid(header, [_row(one, told, t) for one in told.subjects], {1, 2, 3}, False), ""]
    lines += [f"- {line}" for line in _reasons(told, t)]
    for one in told.subjects:
        if one.diff is not None and one.diff.notes:
            lines.append(f"{one.path}: " + "; ".join(one.diff.notes))
        both = one.kind == "module" and one.before is not None and one.after is not None
        for name, before, after in rows_of(one, told.rates, told.basis) if both else ():
            lines.append(f"{one.path}: {name}: {_amount(before)} -> {_amount(after)}")
    return "\n".join([*lines, *_legend(told, t)]) + "\n"


def as_json(told: Told, t: English) -> str:
    """Return `planner.gate/1`: exact amounts as strings, null where there is none."""
    import json

    def side(one: Side | None) -> dict[str, Any] | None:
        if one is None:
            return None
        return {
            "offer": one.offer or None,
            "amount": plain(one.amount),
            "currency": one.currency,
            "hours": plain(one.hours),
            "providers": list(one.providers),
            "purchase_options": list(one.options),
            "prices_seen": one.seen or None,
            "unpriced": [str(u) for u in one.unpriced],
        }

    def subject(one: Subject) -> dict[str, Any]:
        change = _change(one, told.rates)
        return {
            "path": one.path,
            "kind": one.kind,
            "before": side(one.before),
            "after": side(one.after),
            "difference": None if change is None else plain(change[0]),
            "increase_percent": None if change is None or change[1] is None else plain(change[1]),
            "refused": [str(why) for why in one.why],
            "problem": str(one.problem) if one.problem else None,
            "base_problem": one.base_problem or None,
        }

    body = {
        "schema": "planner.gate/1",
        "verdict": _word(told),
        "base": told.commit or None,
        "policy": told.policy or None,
        "basis": told.basis,
        "quoted_on": told.day,
        "subjects": [subject(one) for one in told.subjects],
        "notes": [str(note) for note in told.notes],
    }
    return json.dumps(body, ensure_ascii=False, indent=2) + "\n"


def _word(told: Told) -> str:
    if any(one.problem for one in told.subjects):
        return "failed"
    return "refused" if told.refused else "allowed" if told.policy else "not judged"
