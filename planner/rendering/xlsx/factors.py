"""The table of months on Steps: their hours, their discount factors, and of a duty cycle the hours in use of each.

Present values are sums over it: SUMPRODUCTs, so that an option needs no columns of its own per month.
"""

from __future__ import annotations

from decimal import Decimal

from planner.quoting.calendar import first_day, used_by_month
from planner.quoting.records import Quote
from planner.rendering.xlsx.book import Book, Sheet, cell, serial
from planner.rendering.xlsx.model import Model
from planner.units import add_months

__all__ = ["MONTHS", "discounted", "hours_until", "last_month", "room", "used", "used_until", "write_months"]

ZERO = Decimal(0)
#: Months in the table: 87,840 hours from any first day, and what remains then of a term of five years.
MONTHS = 192


def write_months(book: Book, model: Model, s: Sheet, row: int) -> None:
    """Write the table of months: hours from the first day, and what one unit of money then is on the first day."""
    t, first = book.t, first_day(model.quote)
    rate = model.work.discount_rate or ZERO
    s.section(row, t("Months from the first day, with their discount factors"), 7)
    s.head(
        row + 1,
        [
            t("month"),
            t("first day"),
            t("hours before"),
            t("hours to its end"),
            t("factor, first day"),
            t("factor, end"),
            t("hours in it"),
        ],
        30,
    )
    begin = f"DATE({first.year},{first.month},{first.day})"
    s.calc(row + 2, 1, f'IF(start_typed="",{begin},start_typed)', serial(first.isoformat()), "date", align="left")
    s.text(row + 2, 3, t("rate used"))
    s.calc(row + 2, 4, 'IF(rate_used="",0,rate_used)', rate, "pct")
    book.define("rate_now", "steps", row + 2, 4)
    top, last = row + 3, row + 2 + MONTHS
    before = cell(row + 2, 1, "rc")
    for n in range(MONTHS):
        at = top + n
        day, after = add_months(first, n), add_months(first, n + 1)
        s.put(at, 0, n, "int")
        s.calc(at, 1, f"EDATE({before},{cell(at, 0)})", serial(day.isoformat()), "date", align="left")
        s.calc(at, 2, f"({cell(at, 1)}-{before})*24", Decimal((day - first).days * 24), "int")
        s.calc(at, 3, f"(EDATE({before},{cell(at, 0)}+1)-{before})*24", Decimal((after - first).days * 24), "int")
        for col, power in ((4, n), (5, n + 1)):
            formula = f"(1+rate_now/12)^-{cell(at, 0)}" if col == 4 else f"(1+rate_now/12)^-({cell(at, 0)}+1)"
            s.calc(at, col, formula, (1 + rate / 12) ** -power, "factor")
        s.calc(at, 6, f"{cell(at, 3)}-{cell(at, 2)}", Decimal((after - day).days * 24), "int")
    if model.span:
        _pattern(book, model, s, top)
    for name, col in (("m_no", 0), ("m_from", 2), ("m_to", 3), ("m_begin", 4), ("m_end", 5), ("m_len", 6)):
        area = book.ref("steps", f"{cell(top, col, 'rc')}:{cell(last, col, 'rc')}")
        book.file.define_name(name, "=" + area)


def _pattern(book: Book, model: Model, s: Sheet, top: int) -> None:
    """Write the hours in use of each month of a duty cycle, which may be typed, and the share of all of them before and after it."""
    t, last = book.t, top + MONTHS - 1
    used = used_by_month(model.quote)
    for col, words in enumerate((t("in use, h"), t("share before"), t("share to its end")), 7):
        s.text(top - 2, col, words, "head")
    weights = f"{cell(top, 7, 'rc')}:{cell(last, 7, 'rc')}"
    months = f"{cell(top, 0, 'rc')}:{cell(last, 0, 'rc')}"
    s.calc(top - 1, 7, f"SUMPRODUCT(({months}<months_used)*{weights})", sum(used, ZERO), "num")
    done = ZERO
    for n in range(MONTHS):
        mine, at = used[n] if n < len(used) else ZERO, top + n
        s.put(at, 7, mine, "num", "input")
        s.calc(at, 8, cell(at - 1, 9) if n else "0", done, "factor")
        done += mine / sum(used, ZERO)
        share = f"IF({cell(at, 0)}<months_used,{cell(at, 7)}/{cell(top - 1, 7, 'rc')},0)"
        s.calc(at, 9, f"{cell(at, 8)}+{share}", done, "factor")
    for name, col in (("u_from", 8), ("u_to", 9)):
        book.file.define_name(name, "=" + book.ref("steps", f"{cell(top, col, 'rc')}:{cell(last, col, 'rc')}"))


def used_until(model: Model, limit: str, hours: str) -> str:
    """Return the formula of the hours in use up to `limit` of all `hours`, each discounted from the end of its month."""
    if not model.span:
        return hours_until(limit)
    parts = [f"(({hours}*{u}<{limit})*{hours}*{u}+({hours}*{u}>={limit})*{limit})" for u in ("u_to", "u_from")]
    return f"SUMPRODUCT(({parts[0]}-{parts[1]})*m_end)"


def hours_until(limit: str) -> str:
    """Return the formula of the hours up to `limit`, each discounted from the end of its month."""
    return f"SUMPRODUCT(((m_to<{limit})*m_to+(m_to>={limit})*{limit}-(m_from<{limit})*m_from-(m_from>={limit})*{limit})*m_end)"


def room(quote: Quote, months: int) -> Decimal:
    """Return the hours of so many months from the first day."""
    first = first_day(quote)
    return Decimal((add_months(first, months) - first).days * 24)


def last_month(quote: Quote) -> int:
    """Return the number of the window's last month, from 1."""
    number = quote.months
    while not quote.window.span and room(quote, number) < quote.hours:
        number += 1
    return number


def used(model: Model, limit: Decimal, hours: Decimal) -> Decimal:
    """Return the hours in use up to `limit` of all `hours`, each discounted from the end of its month."""
    if not model.span:
        return discounted(model, limit)
    used, factor = used_by_month(model.quote), 1 + (model.work.discount_rate or ZERO) / 12
    done = result = ZERO
    for number, mine in enumerate(used):
        until = min(limit, done + mine * hours / sum(used, ZERO))
        result += max(ZERO, until - done) / factor ** (number + 1)
        done = max(done, until)
    return result


def discounted(model: Model, hours: Decimal) -> Decimal:
    """Return `hours` from the first day, each discounted from the end of its month."""
    first, factor = first_day(model.quote), 1 + (model.work.discount_rate or ZERO) / 12
    done, number, result = ZERO, 0, ZERO
    while done < hours:
        until = min(hours, Decimal((add_months(first, number + 1) - first).days * 24))
        result += (until - done) / factor ** (number + 1)
        done, number = until, number + 1
    return result
