"""The user's own prices: a CSV or TOML file whose rows add to the catalogue or replace what it says.

Columns (CSV header or keys of each `[[price]]` table): provider, region, instance_type, purchase_option, amount,
currency; and where they apply term, payment, offering, unit, site, zone, tier_from, tier_to, effective_date, source,
note. A CSV may come from a spreadsheet of any locale
(planner.prices.sheet). The file stays where it is; nothing of it is stored.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain
from typing import Any

from planner.errors import MisuseError, suggest
from planner.files import read_bytes, read_text, toml
from planner.harmless import one_line
from planner.money import bounded, decimal_of, plain
from planner.offer import Price, Source, Way
from planner.prices import sheet
from planner.prices.catalog import Catalog
from planner.prices.dated import check
from planner.units import iso_date

__all__ = ["load", "load_all"]

NEEDED = ("provider", "region", "instance_type", "purchase_option", "amount", "currency")
OPTIONAL = (
    "term",
    "payment",
    "offering",
    "unit",
    "site",
    "zone",
    "tier_from",
    "tier_to",
    "effective_date",
    "source",
    "note",
)
LIMIT = 4 * 2**20


def load(path: str, catalog: Catalog) -> list[Price]:
    """Return the prices in `path`, checked like committed ones; the first problem raises `MisuseError` with its line."""
    name = os.path.basename(path)
    if path.lower().endswith(".toml"):
        rows = list(_toml(read_text(path, "price book", LIMIT), name))
    else:
        rows = list(_csv(sheet.text(bytes(read_bytes(path, "price book", LIMIT)), f"price book {path}"), name))
    if not rows:
        raise MisuseError(f"price book {path}: no price in it; the columns are {', '.join(NEEDED)} and more (docs)")
    prices = [_price(row, place, catalog) for place, row in rows]
    _check(prices, catalog)
    return prices


def load_all(paths: Iterable[str], catalog: Catalog) -> tuple[Price, ...]:
    """Return the prices of several files; what stands in two of them for the same day raises `MisuseError`."""
    found = [load(path, catalog) for path in paths]
    prices = tuple(chain.from_iterable(found))
    if len(found) > 1:
        _check(prices, catalog)
    return prices


def _check(prices: Sequence[Price], catalog: Catalog) -> None:
    problems = check(prices, catalog)
    if problems:
        raise MisuseError(f"price book {problems[0][:400]}")


def _csv(text: str, name: str) -> Iterable[tuple[str, Mapping[str, str]]]:
    import csv

    lines = text.split("\n")
    if not text.strip():
        _columns([], name)
    sep, first = sheet.separator(lines, NEEDED + OPTIONAL, f"price book {name}")
    reader = csv.reader((f"{line}\n" for line in lines[first:]), delimiter=sep)
    header = [h.strip().lower() for h in next(_rows(reader, name, first), [])]
    _columns(header, name)
    rows = []
    for row in _rows(reader, name, first):
        if not any(cell.strip() for cell in row):
            continue
        place = f"{name}:{reader.line_num + first}"
        if len(row) != len(header):
            raise MisuseError(f"price book {place}: {len(row)} columns, expected {len(header)}")
        rows.append((place, dict(zip(header, (cell.strip() for cell in row), strict=True))))
    comma = sep != "," and any("," in row["amount"] for _, row in rows)
    for place, cells in rows:
        yield place, _plain(cells, place, sep, comma)


def _plain(row: Mapping[str, str], place: str, sep: str, comma: bool = False) -> Mapping[str, str]:
    try:
        return sheet.cells(row, sep, comma)
    except MisuseError as exc:
        raise MisuseError(f"price book {place}: {exc}") from None


def _rows(reader: Any, name: str, first: int) -> Iterator[list[str]]:
    """Yield the rows of a CSV reader; a cell without end raises `MisuseError` with its line. first: lines before it."""
    import csv

    try:
        yield from reader
    except csv.Error as exc:
        raise MisuseError(f"price book {name}:{reader.line_num + first}: not CSV: {exc}") from None


def _columns(header: list[str], name: str) -> None:
    for column in header:
        if column not in NEEDED + OPTIONAL:
            raise MisuseError(
                f"price book {name}: unknown column {column[:60]!r}: {suggest(column[:60], NEEDED + OPTIONAL)}"
            )
    for column in NEEDED:
        if column not in header:
            raise MisuseError(f"price book {name}: the column {column!r} is missing")


def _toml(text: str, name: str) -> Iterable[tuple[str, Mapping[str, str]]]:
    data = toml(text, f"price book {name}")
    tables = data.pop("price", [])
    if data or not isinstance(tables, list):
        raise MisuseError(f"price book {name}: expected only [[price]] tables")
    for number, table in enumerate(tables, 1):
        place = f"{name}: price {number}"
        if not isinstance(table, dict):
            raise MisuseError(f"price book {place}: expected a table")
        _columns([str(k) for k in table] + [k for k in NEEDED if k in table], place)
        yield place, _plain({k: _told(k, v, place) for k, v in table.items()}, place, "")


def _told(key: str, value: object, place: str) -> str:
    """Return a value of a TOML table as a CSV file would have it."""
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return plain(decimal_of(value, f"price book {place}: {key}"))
    if isinstance(value, (dict, list)):
        raise MisuseError(f"price book {place}: {key}: expected a text or a number")
    return str(value)


def _price(row: Mapping[str, str], place: str, catalog: Catalog) -> Price:
    def get(key: str) -> str:
        return row.get(key, "")

    for key, value in row.items():
        if len(value) > 1000 or one_line(value) != value:
            raise MisuseError(f"price book {place}: {key}: at most 1,000 characters, none of them a control character")
    provider, region, currency = get("provider"), get("region"), get("currency").upper()
    try:
        info = catalog.info(provider)
        if region not in catalog.regions(provider):
            raise MisuseError(f"unknown region {region!r}: {suggest(region, catalog.regions(provider))}")
        site = get("site") or _site(catalog, provider, region, currency)
        if site not in info.sites:
            raise MisuseError(f"unknown site {site!r}: {suggest(site, info.sites)}")
        option = get("purchase_option").replace("-", "_")
        unit = get("unit") or ("month" if option == "subscription" else "hour")
        tier_to = get("tier_to")
        dated = get("effective_date")
        return Price(
            way=Way(
                provider=provider,
                site=site,
                region=region,
                instance_type=get("instance_type"),
                purchase_option=option,
                term=get("term") or ("1m" if unit == "month" else ""),
                payment=get("payment").replace("-", "_"),
                offering=get("offering"),
                zone=get("zone"),
            ),
            unit=unit,
            amount=bounded(get("amount"), "amount", 0, 10**12),
            currency=currency,
            source=Source(
                text=get("source") or f"own price ({place.split(':')[0]})",
                as_of=iso_date(dated, "effective_date") if dated else "",
                dated="" if dated else "own price, no date given",
                confidence="own",
                origin="own",
                place=place,
            ),
            tier_from=bounded(get("tier_from") or "0", "tier_from", 0, 10**9),
            tier_to=bounded(tier_to, "tier_to", 0, 10**9) if tier_to else None,
            note=get("note"),
        )
    except MisuseError as exc:
        told = str(exc)
        raise MisuseError(f"price book {place}: {told if len(told) <= 400 else told[:397] + '...'}") from None


def _site(catalog: Catalog, provider: str, region: str, currency: str) -> str:
    """The region's only site, or the one that bills in `currency`."""
    sites = catalog.regions(provider)[region].sites
    if len(sites) == 1:
        return sites[0]
    info = catalog.info(provider)
    fitting = [s for s in sites if info.sites[s]["currency"] == currency]
    if len(fitting) != 1:
        raise MisuseError(f"name the site (one of {', '.join(sites)}): {currency} does not decide it")
    return fitting[0]
