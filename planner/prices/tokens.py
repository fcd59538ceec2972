"""What managed APIs ask for tokens: the lists in the homes of the group `planner.tokens`, read only when they are asked for.

A price without a day, of another day than the one asked for, or of low confidence is no price to compare with: it is left
out and counted. Prices stay in the currency in which they are asked.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from planner import tables
from planner.errors import MisuseError
from planner.money import currency_of, decimal_of
from planner.provider import TOKENS, token_homes
from planner.records import NamedTuple

__all__ = ["TERMS", "Listed", "Row", "Terms", "alike", "listed", "terms_of"]

#: The file beside a home's list that says what each API promises.
TERMS = "terms.csv"
_COLUMNS = (
    *("vendor", "site", "region", "model", "serves", "input", "cached_input", "output", "currency", "batch_discount"),
    *("input_from", "input_to", "mode", "band", "hours", "as_of", "until", "source", "confidence", "notes"),
)
#: Hours of a week.
WEEK = Decimal(168)


class Row(NamedTuple):
    """A price per million tokens. serves: the model, as a checkpoint is called. cached: None where hits cost what misses do; batch:
    share off in a batch, None where none is printed. start, end: which lengths of input (end 0: the longest). mode: "" or
    what sets two prices of one model apart. band: "" or hours of a day or week, share: how many of a week's hours these are."""

    vendor: str
    site: str
    region: str
    model: str
    serves: str
    input: Decimal
    cached: Decimal | None
    output: Decimal
    currency: str
    batch: Decimal | None
    start: int
    end: int
    mode: str
    band: str
    share: Decimal
    as_of: str
    until: str
    source: str
    confidence: str
    notes: str
    place: str


class Terms(NamedTuple):
    """What an API promises. Numbers are 0 where no text was seen that says them. kept: "no", "chosen" or ""; trains: "no", "unsaid" or ""."""

    at_once: int = 0
    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    batch_hours: int = 0
    kept: str = ""
    trains: str = ""


class Listed(NamedTuple):
    """The prices of a model on a day, the newest of each; how many others were left out, and why."""

    rows: tuple[Row, ...]
    undated: int
    doubtful: int


def alike(name: str) -> str:
    """Return what names of one model have in common: without organisation and kind of tuning, in small letters."""
    short = name.rpartition("/")[2].lower()
    for kind in ("-instruct", "-thinking", "-it", "-chat"):
        head, found, tail = short.rpartition(kind)
        if found and (not tail or tail[1:].isdigit()):
            short = head + tail
    return short


def listed(names: Iterable[str], as_of: str, low_confidence: bool = False) -> Listed:
    """Return the prices of the model called by one of `names` that held on a day."""
    wanted = {alike(name) for name in names if name}
    mine = [row for home in token_homes().values() for row in _rows(home) if alike(row.serves) in wanted]
    dated = [row for row in mine if row.as_of]
    held = [row for row in dated if row.as_of <= as_of and (not row.until or row.until > as_of)]
    sure = [row for row in held if low_confidence or row.confidence != "low"]
    undated = sum(1 for row in mine if not row.as_of and (not row.until or row.until > as_of))
    return Listed(tuple(_newest(sure)), undated, len(held) - len(sure))


def _newest(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of the newest day of each thing sold; its lengths and hours are told apart on that day."""
    days: dict[tuple[str, ...], str] = {}
    for row in rows:
        key = _sold(row)
        days[key] = max(row.as_of, days.get(key, ""))
    return [row for row in rows if row.as_of == days[_sold(row)]]


def _sold(row: Row) -> tuple[str, ...]:
    return (row.vendor, row.site, row.region, row.model, row.currency)


def _rows(home: str) -> list[Row]:
    path = os.path.join(home, TOKENS)
    try:
        header, rows = tables.read(path)
    except (OSError, ValueError) as exc:
        raise MisuseError(f"{path}: {getattr(exc, 'strerror', None) or exc}") from None
    if lacks := [name for name in _COLUMNS if name not in header]:
        raise MisuseError(f"{path}: the column {lacks[0]!r} is missing")
    return [_row(dict(zip(header, texts, strict=True)), f"{path}:{line}") for texts, line in rows]


def _row(told: Mapping[str, str], place: str) -> Row:
    def number(name: str) -> Decimal:
        value = decimal_of(told[name], f"{place}: {name}")
        if value < 0:
            raise MisuseError(f"{place}: {name}: {value} is below zero")
        return value

    def maybe(name: str) -> Decimal | None:
        return number(name) if told[name] else None

    batch = maybe("batch_discount")
    if batch is not None and batch >= 1:
        raise MisuseError(f"{place}: batch_discount: {batch} is no share below 1")
    part, _, whole = (told["hours"] or "1/1").partition("/")
    hours = decimal_of(part, f"{place}: hours"), decimal_of(whole or "1", f"{place}: hours")
    if not 0 < hours[0] <= hours[1]:
        raise MisuseError(f"{place}: hours: {told['hours']!r}: write a part of a week, such as 35/168")
    return Row(
        vendor=told["vendor"],
        site=told["site"],
        region=told["region"],
        model=told["model"],
        serves=told["serves"],
        input=number("input"),
        cached=maybe("cached_input"),
        output=number("output"),
        currency=currency_of(f"{place}: currency", told["currency"]),
        batch=batch or None,
        start=int(maybe("input_from") or 0),
        end=int(maybe("input_to") or 0),
        mode=told["mode"],
        band=told["band"],
        share=hours[0] * WEEK / hours[1],
        as_of=told["as_of"],
        until=told["until"],
        source=told["source"],
        confidence=told["confidence"],
        notes=told["notes"],
        place=place.rpartition(os.sep)[2],
    )


def terms_of(row: Row) -> Terms:
    """Return what the API of a price promises: of the model where a row names it, else of all that is sold there."""
    found: list[tuple[bool, Terms]] = []
    for home in token_homes().values():
        path = os.path.join(home, TERMS)
        if not os.path.isfile(path):
            continue
        header, rows = tables.read(path)
        for texts, line in rows:
            told = dict(zip(header, texts, strict=True))
            if (told["vendor"], told["site"]) == (row.vendor, row.site) and told["model"] in row.model:
                found.append((bool(told["model"]), _terms(told, f"{path}:{line}")))
    return max(found, key=lambda one: one[0])[1] if found else Terms()


def _terms(told: Mapping[str, str], where: str) -> Terms:
    def number(name: str) -> int:
        return int(decimal_of(told[name] or "0", f"{where}: {name}"))

    return Terms(
        at_once=number("requests_at_once"),
        requests_per_minute=number("requests_per_minute"),
        tokens_per_minute=number("tokens_per_minute"),
        batch_hours=number("batch_hours"),
        kept=told["kept"],
        trains=told["trains"],
    )
