"""The sheets of words: Cover, Sizing, Notes."""

from __future__ import annotations

from planner.money import plain
from planner.quoting.records import Rejected
from planner.rendering.words import taxes
from planner.rendering.xlsx.book import Book, Sheet, quoted
from planner.rendering.xlsx.checks import Checked
from planner.rendering.xlsx.model import Model
from planner.version import VERSION

__all__ = ["write_cover", "write_notes", "write_sizing"]


def write_cover(book: Book, model: Model, checked: Checked) -> None:
    """Write Cover."""
    t, work = book.t, model.work
    s = book.sheet("cover", [30, 70], landscape=False)
    s.ws.set_row(0, 30)
    s.text(0, 0, t("Cost review: GPU capacity for {model}", model=work.model), "title")
    s.text(1, 0, work.name, "subtitle")
    row = 3
    for name, text in _facts(book, model):
        s.text(row, 0, name, "bold")
        s.text(row, 1, text, "wrap")
        row += 1
    for name in (t("Owner"), t("Reviewed by"), t("Approved on")):
        s.text(row, 0, name, "bold")
        s.put(row, 1, "", "", "input")
        row += 1
    _verdict(book, s, row + 1, checked)
    row += 3
    s.section(row, t("Colours"), 2)
    for style, words in (
        ("input", t("typed: change it")),
        ("calc", t("calculated here")),
        ("link", t("taken from another sheet")),
    ):
        row += 1
        s.text(row, 0, t("Sample"), style)
        s.text(row, 1, words)
    row = _contents(book, s, row + 2)
    s.text(row + 2, 0, t("Formula cells are protected without a password: Review, Unprotect Sheet."), "subtitle")


def _facts(book: Book, model: Model) -> list[tuple[str, str]]:
    t, quote, work = book.t, model.quote, model.work
    return [
        (
            t("Purpose"),
            t("Compare ways to rent the capacity, and approve one. A forecast from published prices, not a bill."),
        ),
        (t("Workload"), f"{work.model}, {work.precision}, {plain(quote.hours)} h"),
        (t("Quoted on"), quote.quoted_on),
        (t("Quote"), quote.hash),
        (t("Made by"), f"planner {VERSION}"),
        (t("Report currency"), quote.currency),
        (t("Options"), t("{shown} of {all} offers", shown=len(model.options), all=len(quote.offers))),
        (
            t("Tax"),
            t("prices as published; tax only where Inputs say so")
            if not work.tax and not work.taxes
            else t(", ").join(taxes(work, t)),
        ),
        *([(t("Tags"), t(", ").join(f"{key}={value}" for key, value in work.tag))] if work.tag else []),
    ]


def _verdict(book: Book, s: Sheet, row: int, checked: Checked) -> None:
    """Say whether all checks hold, and which fails first."""
    t, passed = book.t, checked.passed
    s.text(row, 0, t("All checks"), "bold")
    ok, failed = t("all checks hold"), t("A CHECK FAILS") + ": "
    formula = f"IF({passed}=1,{quoted(ok)},{quoted(failed)}&{checked.failing})"
    s.calc(row, 1, formula, failed + checked.failed if checked.failed else ok, "", "check", align="left")
    red = book.file.add_format({"font_color": "#C00000", "bg_color": "#FDE0E0"})
    green = book.file.add_format({"font_color": "#006100", "bg_color": "#DDF3DF"})
    for sign, colour in (("<>", red), ("=", green)):
        s.ws.conditional_format(row, 1, row, 1, {"type": "formula", "criteria": f"={passed}{sign}1", "format": colour})


def _contents(book: Book, s: Sheet, row: int) -> int:
    """Write what each sheet is for; return the last row."""
    t = book.t
    s.section(row, t("Sheets"), 2)
    for key, words in (
        ("summary", t("the options side by side, recommendation, charts")),
        ("inputs", t("hours, traffic, rates, discounts, instances, scenario")),
        ("prices", t("every price with source, date and confidence")),
        ("sizing", t("how many instances, step by step")),
        ("costs", t("the calculation, one row per option")),
        ("timeline", t("cash and amortised cost by month, prepaid balance")),
        ("commitment", t("break-even, over-use and under-use")),
        ("egress", t("traffic, tier by tier")),
        ("scenarios", t("low, base and high side by side")),
        ("sensitivity", t("hours x discount; what moves the total most")),
        ("tokens", t("managed APIs for the same tokens")),
        ("steps", t("scenarios and present values, step by step")),
        ("checks", t("what must hold")),
        ("focus", t("the recommended option as FOCUS rows")),
        ("notes", t("terms, gaps, warnings, rejected types")),
        ("sources", t("date, age and confirmation of each price")),
        ("versions", t("what it was made from; the change log")),
    ):
        if key not in book.names:
            continue
        row += 1
        named = t(book.names[key])
        s.ws.write_url(row, 0, f"internal:'{named}'!A1", book.fmt("link", "", underline=1), named)
        s.seen(row, 0)
        s.text(row, 1, words)
    return row


def write_sizing(book: Book, model: Model) -> None:
    """Write Sizing: one row per option, then the steps of every instance type."""
    t, work = book.t, model.work
    s = book.sheet("sizing", [34, 30, 22, 14, 14, 14, 14, 14, 50])
    s.title(t("How many instances, and what one delivers: an estimate with its band (about 90 % of measured cases)."))
    s.text(2, 0, t("Tokens in, per request"))
    s.put(2, 1, work.input_tokens, "int", "calc", align="left")
    s.text(2, 2, t("Tokens out, per request"))
    s.put(2, 3, work.output_tokens, "int", "calc", align="left")
    s.head(
        4,
        [
            t("instance type"),
            "GPU",
            t("engine"),
            t("instances"),
            t("tokens out/s, low"),
            t("tokens out/s"),
            t("tokens out/s, high"),
            t("KV cache, tokens"),
            t("warnings"),
        ],
        30,
    )
    row = 5
    for i, o in enumerate(model.options, 1):
        z, gpu = o.offer.sizing, o.offer.gpu
        band = z.output_tokens_per_second
        s.text(row, 0, f"{i}  {o.offer.instance_type}")
        s.text(row, 1, f"{plain(gpu.count)}x {gpu.model}")
        s.text(row, 2, z.engine)
        s.put(row, 3, z.count, "int")
        for col, value in (
            (4, round(band.low, 3) if band else 0),
            (5, band.estimate if band else 0),
            (6, band.high if band else 0),
        ):
            s.put(row, col, value, "num")
        s.put(row, 7, z.memory.max_concurrent_tokens if z.memory else None, "int")
        s.text(row, 8, "; ".join(t.say(w) for w in z.warnings))
        row += 1
    seen: set[str] = set()
    for o in model.options:
        z, name = o.offer.sizing, o.offer.instance_type
        if name in seen or not z.steps or len(seen) >= 40:
            continue
        seen.add(name)
        row += 1
        s.section(row, t("{type}: steps", type=name), 9)
        for step in z.steps:
            row += 1
            s.text(row, 0, t.say(step.what))
            s.text(row, 1, f"{step.result} {t.say(step.unit)}".strip())
            s.text(row, 2, t.say(step.formula))
            s.text(row, 8, t.say(step.source))
        row += 1
    s.freeze(5, 1)


def write_notes(book: Book, model: Model) -> None:
    """Write Notes: what a reader must know beyond the numbers."""
    t, quote = book.t, model.quote
    s = book.sheet("notes", [26, 120])
    s.title(t("Words used, notes, gaps, and what was left out."))
    row = 3
    blocks: list[tuple[str, list[tuple[str, str]]]] = [
        (
            t("Words"),
            [
                (t("list"), t("what the window costs at published prices of this way of buying")),
                (t("effective"), t("the same at contracted prices, upfront payments spread evenly over their term")),
                (t("billed"), t("cash that leaves in the window")),
                (t("committed"), t("what is owed over the whole term from the day of signing")),
                (
                    t("month"),
                    t(
                        "a billing month; without a first day it holds up to 744 hours; 730 hours where a price per month is billed by the hour"
                    ),
                ),
            ],
        ),
        (t("Notes"), [("", t.say(n)) for n in quote.notes]),
        (
            t("Options"),
            [(f"{i}", t.say(n)) for i, o in enumerate(model.options, 1) for n in (*o.offer.notes, *o.offer.unpriced)],
        ),
        (t("Old prices"), [(x.provider, t.say(x.message)) for x in quote.stale]),
        (t("Gaps"), [(g.provider, t.say(g.message)) for g in quote.gaps]),
        (t("Rejected"), [(f"{r.provider} {r.instance_type}", t.say(r.reason)) for r in _distinct(model)]),
    ]
    if not any(line.volume and not line.each for o in model.options for line in o.offer.lines):
        blocks[1][1].append(("", t("made from a saved quote: prices beyond its own hours and traffic are not carried")))
    for title, lines in blocks:
        if not lines:
            continue
        s.section(row, title, 2)
        for name, text in lines:
            row += 1
            s.text(row, 0, name)
            s.text(row, 1, text, "wrap")
            if len(text) > 125:
                s.ws.set_row(row, 12.5 * (1 + len(text) // 125))
        row += 2


def _distinct(model: Model) -> list[Rejected]:
    seen: set[tuple[object, ...]] = set()
    result = []
    for r in model.quote.rejected:
        key = (r.provider, r.instance_type, r.reason)
        if key not in seen:
            seen.add(key)
            result.append(r)
    return result
