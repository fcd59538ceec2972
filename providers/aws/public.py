"""AWS's public price list: on-demand, reserved, savings-plan and egress prices to anyone, without keys.

The regional files hold hundreds of megabytes; they are read line by line, and only GPU families are looked at. What
the files cannot say (specifications, zones, spot, Capacity Blocks) stays with the committed list and is told as a gap.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping

from planner.errors import FetchError, PlannerError
from planner.offer import Price, TransferPrice
from planner.provider import Access, Batch, checked_endpoint
from providers import _http
from providers._items import Items
from providers.aws import terms
from providers.aws.parse import wanted
from providers.aws.rows import PlanRate, Rate, TransferRate, offer_prices, plan_prices, transfer_prices
from providers.aws.where import Where

__all__ = ["fetch", "self_check"]

#: Cheap test before a line is taken apart: only lines that may name a GPU type. Written without alternatives at its
#: head, it looks at 100 MB/s and more; `(?:^|[",:])` made it 30.
_GPU_LINE = re.compile(r'[",:](?:gr?|p)\d[a-z0-9-]*\.')
_GPU_NAME = re.compile(r'[",:]((?:gr?|p)\d[a-z0-9-]*\.[a-z0-9-]+)')
_OUTBOUND_LINE = re.compile(r"AWS Outbound|InterRegion Outbound")

#: Price list attribute -> column of the CSV file.
_COLUMNS = {
    "operatingSystem": "operating system",
    "tenancy": "tenancy",
    "preInstalledSw": "pre installed s/w",
    "capacitystatus": "capacitystatus",
    "licenseModel": "license model",
    "marketoption": "marketoption",
}
_RATE = ("sku", "effectivedate", "unit", "currency")
_OFFER = (
    *_RATE,
    "termtype",
    "priceperunit",
    "leasecontractlength",
    "purchaseoption",
    "offeringclass",
    "instance type",
    "region code",
    *_COLUMNS.values(),
)
_TRANSFER = (
    *_RATE,
    "termtype",
    "priceperunit",
    "startingrange",
    "endingrange",
    "transfer type",
    "from location type",
    "from region code",
    "to location",
    "to location type",
    "to region code",
    "operation",
)
_PLAN = (
    *_RATE,
    "discountedrate",
    "discountedusagetype",
    "discountedoperation",
    "discountedregioncode",
    "discountedinstancetype",
    "purchaseoption",
    "leasecontractlength",
    "leasecontractlengthunit",
    "product family",
)


class _Table:
    """One price file, streamed: its version, and the rows whose line matches `like`, as dicts by lower-case column."""

    def __init__(self, url: str, where: Where, access: Access, needed: Iterable[str], like: re.Pattern[str]) -> None:
        self._url, self._where, self._access, self._like = url, where, access, like
        self._needed = frozenset(needed)
        self.version = ""
        self.published = ""
        self.seen = self.taken = 0

    def rows(self) -> Iterator[dict[str, str]]:
        """Yield matching rows; raise `FetchError` on another shape, an empty list or a row cut short."""
        what = f"aws {self._where.region}: {self._where.call}"
        kept: list[str] = []
        with _http.Download(self._url, what, self._access.sleep) as stream:
            text = _http.lines(stream, what)
            header = self._header(text)
            columns = [name.strip().lower() for name in _cells(header)]
            missing = sorted(self._needed.difference(columns))
            if missing:
                raise self._where.fail(f"the file has no column {', '.join(missing)}: its shape has changed")
            line = ""
            for line in text:
                self.seen += 1
                if self._like.search(line):
                    self.taken += len(line)
                    if self.taken > _http.MOST_BYTES:
                        raise self._where.fail(f"more than {_http.MOST_BYTES:,} bytes of GPU rows: not a price list")
                    named, row = _GPU_NAME.search(line), None
                    with self._where.one(named[1] if named else ""):
                        row = self._row(line, columns)
                    if row is not None:
                        yield row
                    if self._access.keep_raw is not None:
                        kept.append(line)
            if not self.seen:
                raise self._where.fail("the list is empty")
            self._row(line, columns)  # a file that ends in the middle of a row was cut off
        if self._access.keep_raw is not None:
            name = f"aws-{self._where.region}-{self._where.call.replace(' ', '-')}.csv"
            self._access.keep_raw(name, f"# {self._url} version {self.version}\n{header}{''.join(kept)}")

    def _header(self, text: Iterator[str]) -> str:
        """Read the five lines about the file, and return the line of column names."""
        about: dict[str, str] = {}
        for _ in range(12):
            line = next(text, "")
            cells = _cells(line)
            if cells and cells[0] == "SKU":
                self.version, self.published = about.get("Version", ""), about.get("Publication Date", "")
                if not self.version:
                    break
                return line
            if len(cells) >= 2:
                about[cells[0]] = cells[1]
        raise self._where.fail("this is not an AWS price list: no version, or no line of columns that begins with SKU")

    def check(self) -> str:
        """Read no more than the head; return the version."""
        what = f"aws {self._where.region}: {self._where.call}"
        with _http.Download(self._url, what, self._access.sleep) as stream:
            columns = {name.strip().lower() for name in _cells(self._header(_http.lines(stream, what)))}
        missing = sorted(self._needed - columns)
        if missing:
            raise self._where.fail(f"the file has no column {', '.join(missing)}: its shape has changed")
        return f"version {self.version}"

    def _row(self, line: str, columns: list[str]) -> dict[str, str]:
        cells = _cells(line)
        if len(cells) != len(columns):
            raise self._where.fail(f"row {self.seen} has {len(cells)} cells of {len(columns)}: the file is cut off")
        return dict(zip(columns, cells, strict=True))


def _cells(line: str) -> list[str]:
    return next(csv.reader([line]), [])


def fetch(region: str, access: Access) -> Batch:
    """Return what the public files say of `region`; raise `FetchError`."""
    partition = terms.partition_of(region)
    base = checked_endpoint(access.endpoint, "aws") if access.endpoint else partition.bulk_host
    gaps: list[str] = []
    here = Where(region, partition, "", "", access.now, Items())
    offers = _offers(base, here, access, gaps)
    plans = _plans(base, here, access, gaps)
    transfer = _transfer(base, here, access, gaps)
    if not offers:
        gaps.append(
            "the public price list has no GPU instance type here" + (" in these families" if access.families else "")
        )
    gaps += [
        "specifications, zones, spot prices and Capacity Blocks are not in the public price list: they need keys",
        "the 100 GB a month that AWS gives away (all regions pooled) are not in its price list: the committed list has them",
    ]
    return here.items.settle(
        Batch(
            provider="aws",
            region=region,
            account_site=partition.site,
            instance_types=(),
            prices=tuple(offers + plans),
            transfer=tuple(transfer),
            services=(),
            gaps=tuple(gaps),
        )
    )


def _offers(base: str, here: Where, access: Access, gaps: list[str]) -> list[Price]:
    region, partition = here.region, here.partition
    told = ", ".join(f"{field}={value}" for field, value in {"regionCode": region, **terms.ON_DEMAND_FILTERS}.items())
    where = here._replace(call="public price list AmazonEC2", filters=told)
    url = f"{base}/offers/v1.0/{partition.bulk_cloud}/AmazonEC2/current/{region}/index.csv"
    table = _Table(url, where, access, _OFFER, _GPU_LINE)
    rates = (
        Rate(
            instance_type=row["instance type"],
            sku=row["sku"],
            kind=row["termtype"],
            lease=row["leasecontractlength"],
            payment=row["purchaseoption"],
            offering=row["offeringclass"],
            unit=row["unit"],
            amount=row["priceperunit"],
            currency=row["currency"],
            effective=row["effectivedate"],
            version=table.version,
        )
        for row in table.rows()
        if wanted(row["instance type"], access.families)
        and row["region code"] == region
        and row["termtype"] in ("OnDemand", "Reserved")
        and all(row[_COLUMNS[field]] == value for field, value in terms.ON_DEMAND_FILTERS.items())
    )
    prices, more = offer_prices(rates, where)
    gaps += more
    return prices


def _plans(base: str, here: Where, access: Access, gaps: list[str]) -> list[Price]:
    region, partition = here.region, here.partition
    where = here._replace(call="public price list AWSComputeSavingsPlan", filters="Linux, shared tenancy")
    what = f"aws {region}: {where.call}"
    index_url = f"{base}/savingsPlan/v1.0/{partition.bulk_cloud}/AWSComputeSavingsPlan/current/region_index.json"
    try:
        index = _json(_http.read_small(index_url, what, access.sleep), where)
    except _http.MissingFileError:
        if partition.name == "aws":
            raise
        gaps.append("no public list of savings plans for this partition")
        return []
    with where.reading():
        paths = [str(entry.get("versionUrl")) for entry in index["regions"] if entry.get("regionCode") == region]
    if not paths:
        gaps.append("the public list of savings plans does not have this region")
        return []
    if len(paths) > 1 or not re.fullmatch(r"/savingsPlan/[\w./-]+/index\.json", paths[0]) or ".." in paths[0]:
        raise where.fail(f"the index points to {', '.join(map(repr, paths))}: not a price file")
    table = _Table(base + paths[0].removesuffix("json") + "csv", where, access, _PLAN, _GPU_LINE)
    rates, unknown = [], set()
    for row in table.rows():
        name = row["discountedinstancetype"] or row["discountedusagetype"].partition("BoxUsage:")[2]
        usage = row["discountedusagetype"]
        if (
            "BoxUsage:" not in usage
            or row["discountedoperation"] != "RunInstances"
            or not wanted(name, access.families)
        ):
            continue  # dedicated hosts, unused reservations, Windows
        if row["discountedregioncode"] not in ("", region):
            continue  # a local zone's
        length = f"{row['leasecontractlength']}{row['leasecontractlengthunit'][:1]}"
        plan = terms.PLAN_FAMILIES.get(row["product family"])
        if plan is None or length not in ("1y", "3y"):
            unknown.add(f"savings plans {row['product family']!r} over {length} are new to this version and left out")
            continue
        rates.append(
            PlanRate(
                instance_type=name,
                plan=plan,
                term=length,
                payment=row["purchaseoption"],
                unit=row["unit"],
                amount=row["discountedrate"],
                currency=row["currency"],
                effective=row["effectivedate"],
                version=table.version,
            )
        )
    prices, more = plan_prices(rates, where)
    gaps += sorted(unknown) + more
    return prices


def _transfer(base: str, here: Where, access: Access, gaps: list[str]) -> list[TransferPrice]:
    region, partition = here.region, here.partition
    where = here._replace(call="public price list AWSDataTransfer", filters=f"fromRegionCode={region}")
    url = f"{base}/offers/v1.0/{partition.bulk_cloud}/AWSDataTransfer/current/{region}/index.csv"
    table = _Table(url, where, access, _TRANSFER, _OUTBOUND_LINE)
    rates = (
        TransferRate(
            sku=row["sku"],
            kind=row["transfer type"],
            to_location=row["to location"],
            to_region=row["to region code"] if row["to location type"] == "AWS Region" else "",
            operation=row["operation"],
            usage=row.get("usagetype", ""),
            unit=row["unit"],
            begin=row["startingrange"],
            end=row["endingrange"],
            amount=row["priceperunit"],
            currency=row["currency"],
            effective=row["effectivedate"],
            version=table.version,
        )
        for row in table.rows()
        if row["termtype"] == "OnDemand"
        and row["from region code"] == region
        and row["from location type"] == "AWS Region"
    )
    prices, more = transfer_prices(rates, where)
    gaps += more
    return prices


def _json(text: str, where: Where) -> Mapping[str, list[Mapping[str, str]]]:
    try:
        found = json.loads(text)
    except ValueError as exc:
        raise where.fail(f"the index is not JSON ({exc})") from exc
    if not isinstance(found, dict) or not isinstance(found.get("regions"), list):
        raise where.fail("the index has no list of regions: its shape has changed")
    return found


def self_check(access: Access) -> Iterator[tuple[str, bool, str]]:
    """Read the head of each public file for us-east-1."""
    region, partition = "us-east-1", terms.partition_of("us-east-1")
    base = checked_endpoint(access.endpoint, "aws") if access.endpoint else partition.bulk_host
    for offer, needed in (("AmazonEC2", _OFFER), ("AWSDataTransfer", _TRANSFER)):
        where = Where(region, partition, f"public price list {offer}", "its head", access.now)
        url = f"{base}/offers/v1.0/{partition.bulk_cloud}/{offer}/current/{region}/index.csv"
        try:
            yield where.call, True, _Table(url, where, access, needed, _GPU_LINE).check()
        except PlannerError as exc:
            yield where.call, False, str(exc)
    where = Where(region, partition, "public price list AWSComputeSavingsPlan", "its index", access.now)
    url = f"{base}/savingsPlan/v1.0/aws/AWSComputeSavingsPlan/current/region_index.json"
    try:
        index = _json(_http.read_small(url, f"aws {region}: {where.call}", access.sleep), where)
        yield where.call, True, f"{len(index['regions'])} regions"
    except FetchError as exc:
        yield where.call, False, str(exc)
