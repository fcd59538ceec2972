"""The file behind Alibaba Cloud's ECS price page: list prices by the hour, month and year to anyone, without keys.

Not a promised interface: the vendor's page points to the file, the file may change its shape, and whatever is not as
expected is an error, never a guess. There are two, one per account site: China (CNY) and international (USD); their
prices are never mixed. Each holds all regions, so it is read once per refresh, as a stream, and only GPU types are kept.
"""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from planner.errors import FetchError, MisuseError
from planner.money import decimal_of
from planner.offer import Price, Source, Way
from planner.provider import Access, Batch, checked_endpoint, in_families
from planner.records import NamedTuple
from providers import _http
from providers._items import UNNAMED, Items

__all__ = ["SITES", "fetch", "self_check"]


class _Site(NamedTuple):
    """One account site. page: where the vendor says which version is current. folder: where the file of it lies."""

    name: str
    currency: str
    page: str
    folder: str


SITES = (
    _Site("china", "CNY", "https://www.aliyun.com/price/ecs/ecs-pricing/zh", "ecs-price-info"),
    _Site("international", "USD", "https://www.alibabacloud.com/en/product/ecs/pricing", "ecs-price-info-intl"),
)
_HOST = "https://g.alicdn.com"
_GPU_TYPE = re.compile(r"ecs\.(?:ebm|scc|s|v)?g[nai]\d[a-z0-9-]*\.[a-z0-9-]+")
_KEY = re.compile(r"([a-z0-9-]+)::(ecs\.[a-z0-9.-]+)::([a-z0-9-]+)::([a-z0-9-]+)::([a-z0-9-]+)")
_TERM = re.compile(r"[1-9]\d?")
#: Beyond any list: 500 GPU types in 30 regions are 15,000.
_MOST_TYPES = 200_000
_LONGEST_TEXT = 1 << 20
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class _List(NamedTuple):
    """One site's file: what it says of itself, and (type, kind, period, amount text) per region. spoilt: by region ("" for
    all), the type and why it could not be read."""

    site: _Site
    url: str
    version: str
    published: str
    regions: frozenset[str]
    rates: dict[str, list[tuple[str, str, str, str]]]
    spoilt: dict[str, list[tuple[str, FetchError]]]


_reading = threading.Lock()
_read: dict[tuple[str, str, str], _List | FetchError] = {}


def fetch(region: str, access: Access) -> Batch:
    """Return both sites' list prices for `region`, each row with its site; raise `FetchError`.

    One file that cannot be trusted fails the region: half of it would look like prices withdrawn. A type that cannot be
    read in one of them is left out of both.
    """
    items = Items()
    prices: list[Price] = []
    gaps: list[str] = []
    known = False
    for site in SITES:
        found = _list(site, access)
        known = known or region in found.regions
        for name, error in (*found.spoilt.get(region, ()), *found.spoilt.get("", ())):
            if in_families(name, access.families):
                items.add(name, error)
        rows = _prices(found, region, access, items)
        prices += rows
        if not rows:
            gaps.append(f"the {site.name} site's price file has no GPU type in {region}")
    if not known:
        raise FetchError(f"alicloud {region}: neither price file knows this region: check its name")
    gaps.append("specifications, zones, spot, savings plans and traffic are not in the price file: they need keys")
    return items.settle(
        Batch(
            provider="alicloud",
            region=region,
            account_site="+".join(site.name for site in SITES),
            instance_types=(),
            prices=tuple(prices),
            transfer=(),
            services=(),
            gaps=tuple(gaps),
        )
    )


def _list(site: _Site, access: Access) -> _List:
    """Return a site's file, read at most once per refresh, whichever region asks first; failures are kept too."""
    key = (site.name, access.endpoint, access.now)
    with _reading:
        if key not in _read:
            for old in [k for k in _read if k[0] == site.name]:
                del _read[old]
            try:
                _read[key] = _load(site, access)
            except FetchError as exc:
                _read[key] = exc
            except (AttributeError, LookupError, TypeError, ValueError) as exc:
                _read[key] = _odd(site, f"not as expected ({type(exc).__name__}: {exc})"[:200], site.page)
        found = _read[key]
    if isinstance(found, FetchError):
        raise FetchError(str(found)) from found
    return found


def _what(site: _Site) -> str:
    return f"alicloud, {site.name} site's price file"


def _address(site: _Site, access: Access) -> str:
    """Find the current version in the vendor's price page."""
    base = checked_endpoint(access.endpoint, "alicloud") if access.endpoint else ""
    page = base + "/" + site.page.partition("//")[2].partition("/")[2] if base else site.page
    text = _http.read_small(page, f"alicloud, {site.name} site's price page", access.sleep)
    versions = sorted(set(re.findall(rf"g\.alicdn\.com/aliyun/{site.folder}/(\d+\.\d+\.\d+)\b", text)), key=_numbers)
    if not versions:
        raise FetchError(
            f"alicloud, {site.name} site: {page} no longer says where its price file lies; use keys, or the committed list"
        )
    return f"{base or _HOST}/aliyun/{site.folder}/{versions[-1]}/price/download/instancePrice.json"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _load(site: _Site, access: Access) -> _List:
    url = _address(site, access)
    about: dict[str, Any] = {}
    rates: dict[str, list[tuple[str, str, str, str]]] = {}
    regions: set[str] = set()
    seen: set[tuple[str, str]] = set()
    kept: dict[str, Any] = {}
    spoilt: dict[str, list[tuple[str, FetchError]]] = {}
    with _http.Download(url, _what(site), access.sleep) as stream:
        for key, value in _entries(_Texts(stream, _what(site)), site, url, about):
            match = _KEY.fullmatch(key)
            if match is None:
                if not spoilt.get(""):  # told once: of a new kind of key there may be thousands
                    odd = _odd(site, f"key {key[:80]!r} is not region::type::network::os::io", url)
                    spoilt[""] = [(UNNAMED, odd)]
                continue
            region, name, network, system, storage = match.groups()
            regions.add(region)
            if value is None or (network, system, storage) != ("vpc", "linux", "optimized"):
                continue
            try:
                if (region, name) in seen:
                    raise _odd(site, f"{key} stands there twice", url)
                seen.add((region, name))
                rates.setdefault(region, []).extend(list(_rates(name, value, key, site, url)))
            except FetchError as exc:
                spoilt.setdefault(region, []).append((name, exc))
            if len(seen) > _MOST_TYPES or len(regions) > _MOST_TYPES:
                raise _odd(site, f"more than {_MOST_TYPES:,} prices", url)
            if access.keep_raw is not None:
                kept[key] = value
    if about.get("currency") != site.currency:
        raise _odd(site, f"currency {about.get('currency')!r} where {site.currency} is expected", url)
    published = str(about.get("publicationDate", ""))
    if not _DATE.match(published):
        raise _odd(site, f"publicationDate {published[:40]!r} is not a date", url)
    if not any(rates.values()):
        raise next((exc for found in spoilt.values() for _, exc in found), _odd(site, "no GPU type in it", url))
    if access.keep_raw is not None:
        text = json.dumps({"_source": url, **about, "pricingInfo": kept}, indent=1, sort_keys=True, default=str)
        access.keep_raw(f"alicloud-{site.name}-instancePrice.json", text)
    return _List(site, url, str(about.get("version", "")), published, frozenset(regions), rates, spoilt)


class _Texts:
    """A stream of JSON whose texts end: the parser keeps the whole of one, so a text without end would fill the memory."""

    def __init__(self, stream: io.RawIOBase, what: str) -> None:
        self._stream, self._what = io.BufferedReader(stream, 1 << 18), what
        self._run = 0

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        quote = data.replace(b'\\"', b"  ").rfind(b'"')
        self._run = self._run + len(data) if quote < 0 else len(data) - quote
        if self._run > _LONGEST_TEXT:
            raise FetchError(f"{self._what}: a text of more than {_LONGEST_TEXT:,} bytes: not the price list")
        return data


def _odd(site: _Site, what: str, url: str) -> FetchError:
    return FetchError(f"{_what(site)}: {what}: its shape has changed ({url}); use keys, or the committed list")


def _entries(stream: Any, site: _Site, url: str, about: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield (key, value) of `pricingInfo`, value None unless it is a GPU type's; put what stands beside it in `about`.

    By events, because the file as a whole would not fit the memory that a refresh may take.
    """
    import ijson

    depth = 0
    top = key = ""
    builder: Any = None
    try:
        for event, value in ijson.basic_parse(stream, use_float=False):
            opens, closes = event in ("start_map", "start_array"), event in ("end_map", "end_array")
            if closes:
                depth -= 1
            if depth == 1 and event == "map_key":
                top = value
            elif depth == 1 and not opens and not closes:
                about[top] = value
            elif top == "pricingInfo" and depth == 2 and event == "map_key":
                key = value
                parts = key.split("::")
                builder = ijson.ObjectBuilder() if len(parts) > 1 and _GPU_TYPE.fullmatch(parts[1]) else None
            elif top == "pricingInfo" and (depth > 2 or (depth == 2 and key)):
                if builder is not None:
                    builder.event(event, value)
                if depth == 2 and not opens:
                    yield key, builder.value if builder is not None else None
                    key, builder = "", None
            if opens:
                depth += 1
    except ijson.JSONError as exc:
        raise FetchError(f"{_what(site)}: cut off, or not JSON ({str(exc)[:80]!r}); try again ({url})") from exc


def _rates(name: str, value: Any, key: str, site: _Site, url: str) -> Iterator[tuple[str, str, str, str]]:
    if not isinstance(value, dict):
        raise _odd(site, f"{key} is not an object", url)
    for kind in ("hours", "months", "years"):
        steps = value.get(kind, [])
        if not isinstance(steps, list):
            raise _odd(site, f"{key}: {kind} is not a list", url)
        periods = set()
        for step in steps:
            if not isinstance(step, dict) or not {"price", "period"} <= step.keys():
                raise _odd(site, f"{key}: {kind} has a step without price or period", url)
            period, amount = str(step["period"]), str(step["price"])
            if period in periods:
                raise _odd(site, f"{key}: two prices for {period} {kind} where one is expected", url)
            periods.add(period)
            yield name, kind, period, amount


def _prices(found: _List, region: str, access: Access, items: Items) -> list[Price]:
    site = found.site
    rows = []
    for name, kind, period, text in sorted(found.rates.get(region, ())):
        if not in_families(name, access.families):
            continue
        with items.one(name):
            what = f"{name} in {region}, {period} {kind}"
            if not _TERM.fullmatch(period) or (kind == "hours" and period != "1"):
                raise _odd(site, f"{what}: unknown period", found.url)
            try:
                amount = decimal_of(text, what)
            except MisuseError as exc:
                raise _odd(site, str(exc), found.url) from exc
            if amount <= 0:
                raise _odd(site, f"{what} costs {text}: not a price", found.url)
            # A month's price is per month; several months' and a year's price is what the whole term costs.
            term = "" if kind == "hours" else period + kind[0]
            unit = "hour" if kind == "hours" else "month" if term == "1m" else "term"
            rows.append(_price(found, region, name, term, unit, amount))
    return rows


def _price(found: _List, region: str, name: str, term: str, unit: str, amount: Decimal) -> Price:
    return Price(
        way=Way(
            provider="alicloud",
            site=found.site.name,
            region=region,
            instance_type=name,
            purchase_option="subscription" if term else "on_demand",
            term=term,
        ),
        unit=unit,
        amount=amount,
        currency=found.site.currency,
        source=Source(
            text=f"Alibaba Cloud public price file {found.site.folder} {found.version}, {found.site.name} site",
            as_of=found.published[:10],
            dated="",
            confidence="medium",
            origin="book",
        ),
        note="the file behind the vendor's price page; instance only, no disk, no traffic",
    )


def self_check(access: Access) -> Iterator[tuple[str, bool, str]]:
    """Say whether each site's page still points to a price file."""
    for site in SITES:
        try:
            yield f"price page, {site.name} site", True, _address(site, access)
        except FetchError as exc:
            yield f"price page, {site.name} site", False, str(exc)
