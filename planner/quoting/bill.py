"""A cloud's real bill as it exports it: rows of FOCUS 1.0 to 1.2, from CSV, CSV.gz or (with the extra `parquet`) Parquet.

Only what a comparison needs is read. Exports differ in what they leave out: 1.0 has no SkuPriceDetails, some write times
without a zone, some quantities as 1E-7.
"""

from __future__ import annotations

import csv
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation

from planner.errors import MisuseError, PlannerError
from planner.files import read_bytes
from planner.records import NamedTuple
from planner.units import iso_date

__all__ = ["MANDATORY", "BillRow", "read"]

#: Without these there is nothing to compare; every version of FOCUS has them.
MANDATORY = ("BilledCost", "EffectiveCost", "BillingCurrency", "BillingPeriodStart", "ChargeCategory", "ServiceName")
#: Columns in which a row may say which instance type it is about.
TELLING = ("SkuPriceDetails", "SkuMeter", "ChargeDescription", "ResourceType", "ResourceName", "SkuId", "x_UsageType")
_FILE, _WHOLE = 512 * 2**20, 4 * 2**30
_MOST = Decimal(10**15)


class BillRow(NamedTuple):
    """One charge of a bill. month: 2026-12. unit, quantity: as priced ("" and None where the bill says none). status: Used or
    Unused under a commitment. said: the texts that may name an instance type; type: the one that it is said to be."""

    month: str
    category: str
    kind: str
    service: str
    region: str
    unit: str
    quantity: Decimal | None
    billed: Decimal
    effective: Decimal
    currency: str
    status: str
    said: str
    type: str
    tags: tuple[tuple[str, str], ...]


def read(path: str) -> Iterator[BillRow]:
    """Yield the rows of the bill at `path`; what is no FOCUS export raises `MisuseError` naming the row and the column."""
    data = read_bytes(path, "bill", _FILE)
    if data[:4] == b"PAR1":
        yield from _rows(_parquet(data, path), path)
    else:
        text = io.TextIOWrapper(io.BufferedReader(_Plain(data, path)), "utf-8-sig", newline="")
        yield from _rows(_csv(text, path), path)


class _Plain(io.RawIOBase):
    """The bytes of a file, unpacked where it is gzip; more than 4 GiB of them are refused."""

    def __init__(self, data: bytearray, path: str) -> None:
        self._data, self._path, self._at, self._given = memoryview(data), path, 0, 0
        self._gzip = zlib.decompressobj(31) if bytes(data[:2]) == b"\x1f\x8b" else None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        size = len(buffer)
        if self._gzip is None:
            part = bytes(self._data[self._at : self._at + size])
            self._at += len(part)
        else:
            part = self._unpacked(size)
        self._given += len(part)
        if self._given > _WHOLE:
            raise MisuseError(f"bill {self._path}: more than {_WHOLE:,} bytes when unpacked; is it the right file?")
        buffer[: len(part)] = part
        return len(part)

    def _unpacked(self, size: int) -> bytes:
        assert self._gzip is not None
        try:
            while True:
                part = self._gzip.decompress(self._gzip.unconsumed_tail or self._more(), size)
                if part:
                    return part
                if self._gzip.eof:
                    rest = self._gzip.unused_data + bytes(self._data[self._at :])
                    if not rest.strip(b"\0"):
                        return b""
                    self._data, self._at, self._gzip = memoryview(rest), 0, zlib.decompressobj(31)
                elif self._at >= len(self._data) and not self._gzip.unconsumed_tail:
                    raise MisuseError(f"bill {self._path}: the gzip file ends too soon; fetch it again")
        except zlib.error as exc:
            raise MisuseError(f"bill {self._path}: damaged gzip ({exc}); fetch it again") from None

    def _more(self) -> bytes:
        part = bytes(self._data[self._at : self._at + 65536])
        self._at += len(part)
        return part


def _csv(text: io.TextIOWrapper, path: str) -> Iterator[Mapping[str, object]]:
    try:
        rows = csv.reader(text, strict=True)
        head = next(rows, [])
        yield dict.fromkeys(head, "")
        for number, row in enumerate(rows, 2):
            if len(row) != len(head):
                if not row:
                    continue
                raise MisuseError(f"bill {path}: row {number} has {len(row)} columns, its head {len(head)}")
            yield dict(zip(head, row, strict=True))
    except csv.Error as exc:
        raise MisuseError(f"bill {path}: not CSV: {exc}") from None
    except UnicodeDecodeError as exc:
        raise MisuseError(f"bill {path}: not UTF-8 text ({exc.reason} at byte {exc.start})") from None


def _parquet(data: bytearray, path: str) -> Iterator[Mapping[str, object]]:
    from importlib import import_module

    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        raise PlannerError(f"bill {path}: Parquet needs an extra: pip install 'gpu-cost-planner[parquet]'") from None
    try:
        file = parquet.ParquetFile(arrow.BufferReader(bytes(data)))
        names = list(file.schema_arrow.names)
        yield dict.fromkeys(names, "")
        wanted = [n for n in names if n in {*MANDATORY, *TELLING, *_OTHERS}]
        for batch in file.iter_batches(65536, columns=wanted):
            yield from batch.to_pylist()
    except (arrow.ArrowException, OSError, ValueError) as exc:
        raise MisuseError(f"bill {path}: damaged Parquet: {' '.join(str(exc).split())[:120]}") from None


_OTHERS = ("ServiceCategory", "RegionId", "PricingUnit", "PricingQuantity", "CommitmentDiscountStatus", "Tags")


def _rows(rows: Iterator[Mapping[str, object]], path: str) -> Iterator[BillRow]:
    head = next(rows)
    missing = [name for name in MANDATORY if name not in head]
    if missing:
        raise MisuseError(
            f"bill {path}: no FOCUS export: it has no column {', '.join(missing)} (FOCUS 1.0 to 1.2, with commas between columns)"
        )
    for number, row in enumerate(rows, 2):
        try:
            yield _row(row)
        except MisuseError as exc:
            raise MisuseError(f"bill {path}: row {number}: {exc}") from None


def _row(row: Mapping[str, object]) -> BillRow:
    details = _object(_text(row, "SkuPriceDetails"))
    tags = _object(_text(row, "Tags"))
    return BillRow(
        month=iso_date(_text(row, "BillingPeriodStart")[:10], "BillingPeriodStart")[:7],
        category=_text(row, "ChargeCategory"),
        kind=_text(row, "ServiceCategory"),
        service=_text(row, "ServiceName"),
        region=_text(row, "RegionId"),
        unit=_text(row, "PricingUnit"),
        quantity=_number(row, "PricingQuantity"),
        billed=_number(row, "BilledCost") or Decimal(0),
        effective=_number(row, "EffectiveCost") or Decimal(0),
        currency=_text(row, "BillingCurrency").upper(),
        status=_text(row, "CommitmentDiscountStatus"),
        said=" ".join(_text(row, name) for name in TELLING).lower(),
        type=str(details.get("InstanceType") or details.get("x_InstanceType") or "").lower(),
        tags=tuple(sorted((str(k), str(v)) for k, v in tags.items())),
    )


def _text(row: Mapping[str, object], name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    if name == "Tags" and isinstance(value, list):  # Parquet keeps a map as pairs
        text = json.dumps(dict(value))
    elif name in ("Tags", "SkuPriceDetails") and isinstance(value, Mapping):
        text = json.dumps(dict(value), default=str)
    return "" if text == "null" else text.strip()


def _number(row: Mapping[str, object], name: str) -> Decimal | None:
    text = _text(row, name)
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or abs(value) > _MOST or (value and value.adjusted() < -40):
        raise MisuseError(f"{name} {text[:40]!r} is no number")
    return value


def _object(text: str) -> Mapping[str, object]:
    """Return a JSON object in a column; {} for anything else, which no sum depends on."""
    if not text.startswith("{"):
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
