"""Records as texts and back, once for the price lists, the price book and its CSV file.

The names and the order of a kind's texts are those of release 0.1.0: the book's columns and the digests of its fetches
(`planner.prices.book.write.uid_of`) follow them, so they may only grow at the end, with a migration in book/schema.py.
What a record groups (`Way`, `Source`) is flat here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache, lru_cache
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any

from planner.money import plain
from planner.offer import OBSERVED, InstanceType, Price, ServicePrice, Source, TransferPrice, Way
from planner.records import NamedTuple

if TYPE_CHECKING:
    from planner.provider import Batch

__all__ = [
    "DETAIL",
    "INSTANCE_TYPE",
    "KINDS",
    "PRICE",
    "SERVICE",
    "TRANSFER",
    "ZONE",
    "At",
    "Kind",
    "Record",
    "Zone",
    "batch_of",
    "clean",
    "kind_of",
    "number",
    "observed",
    "reader_of",
]


class Zone(NamedTuple):
    """An instance type is sold in a zone of a region."""

    provider: str
    region: str
    instance_type: str
    zone: str


Record = Price | TransferPrice | ServicePrice | InstanceType | Zone


class At(NamedTuple):
    """Where texts were read: what a `Source` does not say of itself (see there)."""

    origin: str
    place: str = ""
    observed: str = ""
    group: str = ""
    confirmed: str = ""


def observed(at: str) -> At:
    """Return where a row stands that the price book has seen `at` a UTC time."""
    return At("book", OBSERVED + at, at)


#: Texts that may differ between two observations of the same item; the book stores each distinct set once.
DETAIL = ("effective_date", "dated", "source", "confidence", "status", "note")

#: What a source says of itself, by the name of its text; its other fields (origin, place) say where it was read.
_SOURCE = {"source": "text", "effective_date": "as_of", "dated": "dated", "confidence": "confidence"}
_SOURCE_TEXTS = tuple(_SOURCE)

_NO_NUMBER = frozenset("eEnNiI+_ ")
#: A record from exactly its fields, unchecked: tens of thousands are made of rows whose width was looked at.
_new = tuple.__new__


@lru_cache(maxsize=1 << 16)
def number(text: str) -> Decimal:
    """Return an exact number; exponents, signs of plus, blanks, NaN and infinities raise `ValueError`."""
    if text and _NO_NUMBER.isdisjoint(text):
        try:
            return Decimal(text)
        except ArithmeticError:
            pass
    raise ValueError(f"{text!r} is not a plain number")


def _number_or_none(text: str) -> Decimal | None:
    return number(text) if text else None


def _whole(text: str) -> int:
    return int(text or 0)


def _flag(text: str) -> bool:
    return text not in ("", "0")


#: Texts that are not plain words, by name (names mean the same in every record).
_READ: dict[str, Callable[[str], object]] = {
    "amount": number,
    "tier_from": number,
    "tier_to": _number_or_none,
    "range_low": _number_or_none,
    "from_gb": number,
    "to_gb": _number_or_none,
    "quota": _flag,
    "default": _flag,
    "vcpu": int,
    "memory_gib": number,
    "gpu_count": number,
    "gpu_memory_gib": _number_or_none,
    "network_gbps": _number_or_none,
    "local_nvme_gb": _whole,
}


def _write(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, Decimal):
        return plain(value)
    return str(value)


#: Makes a record of its texts.
Reader = Callable[[list[Any], At], Record]


class Kind(NamedTuple):
    """One kind of record as texts.

    number: its code in the book's log. name: its word in the book's tables and CSV. texts: the names of its texts, in order.
    item: those that tell one item from another, in the order of the book's index. values(row) takes a record apart, in the
    order of the texts.
    """

    number: int
    name: str
    record: Any
    texts: tuple[str, ...]
    item: tuple[str, ...]
    values: Callable[[Any], tuple[object, ...]]

    @property
    def reader(self) -> Reader:
        """What builds the record from its texts; made when one is read, since a quote reads two kinds of five."""
        return reader_of(self.record, self.texts)

    @property
    def table(self) -> str:
        """The name of the book's table of items."""
        return f"{self.name}_item"

    def is_number(self, field: str) -> bool:
        """Return whether the field's text must be a plain number."""
        return _READ.get(field, _flag) is not _flag

    def may_be_empty(self, field: str) -> bool:
        """Return whether the number may be missing."""
        return _READ.get(field) is _number_or_none

    def write(self, row: Record) -> dict[str, str]:
        """Return the text of each field of `row`; numbers are exact and in plain form."""
        return dict(zip(self.texts, map(_write, self.values(row)), strict=True))

    def read(self, texts: Sequence[str], at: At) -> Record:
        """Return the record with these texts, in the order of `self.texts`; a bad number raises `ValueError`.

        Instance types and zones do not tell where they were read.
        """
        return self.reader(list(texts), at)


@cache
def reader_of(record: Any, names: tuple[str, ...]) -> Reader:
    """Return what makes a `record` of a list of texts, whose order `names` tells; other texts between them do not matter.

    It is handed the list for good. Put together once for all files with the same columns, since it runs for every row.
    """
    at = {text: index for index, text in enumerate(names)}
    texts = _texts(record)
    known = [(at[text], read) for text, read in _READ.items() if text in at and text in texts]
    convert = [(index, read) for index, read in known if read is not _number_or_none]
    may_lack = [index for index, read in known if read is _number_or_none]
    make = _maker(record, at)
    said = itemgetter(*(at[text] for text in _SOURCE_TEXTS)) if _sourced(record) else None

    def read(values: list[Any], where: At) -> Record:
        index = 0
        try:
            for index, convert_ in convert:
                values[index] = convert_(values[index])
            for index in may_lack:
                values[index] = number(values[index]) if values[index] else None
        except ValueError as exc:
            raise ValueError(f"{names[index]} {exc}") from None
        return make(values, _new(Source, (*said(values), *where)) if said is not None else None)

    return read


def _sourced(record: Any) -> bool:
    return "source" in record._fields and record is not InstanceType


def _texts(record: Any) -> frozenset[str]:
    """Return the names of the texts that a record is made of."""
    inner = (*(Way._fields if "way" in record._fields else ()), *(_SOURCE_TEXTS if _sourced(record) else ()))
    return frozenset((*record._fields, *inner))


def _maker(record: Any, at: Mapping[str, int]) -> Callable[[Sequence[Any], Source | None], Record]:
    if "way" in record._fields:
        way = itemgetter(*(at[field] for field in Way._fields))
        plain_fields = itemgetter(*(at[field] for field in record._fields if field not in ("way", "source")))

        def make(values: Sequence[Any], source: Source | None) -> Record:
            unit, amount, currency, *rest = plain_fields(values)
            made: Record = _new(record, (_new(Way, way(values)), unit, amount, currency, source, *rest))
            return made
    elif _sourced(record):
        split = record._fields.index("source")
        head = itemgetter(*(at[field] for field in record._fields[:split]))
        tail = itemgetter(*(at[field] for field in record._fields[split + 1 :]))

        def make(values: Sequence[Any], source: Source | None) -> Record:
            made: Record = _new(record, (*head(values), source, *tail(values)))
            return made
    else:
        every = itemgetter(*(at[field] for field in record._fields))

        def make(values: Sequence[Any], source: Source | None) -> Record:
            made: Record = _new(record, every(values))
            return made

    return make


def _kind(number: int, record: Any, name: str, texts: str, first: Iterable[str]) -> Kind:
    """Derive how to build and take apart `record` from the names of its texts."""
    names = tuple(texts.split())
    paths = {text: f"source.{_SOURCE[text]}" for text in _SOURCE if _sourced(record)}
    if "way" in record._fields:
        paths |= {text: f"way.{text}" for text in Way._fields}
    return Kind(
        number=number,
        name=name,
        record=record,
        texts=names,
        item=(*first, *(text for text in names if text not in (*DETAIL, "amount", *first))),
        values=attrgetter(*(paths.get(text, text) for text in names)),
    )


#: In the order of their numbers. provider and region stand first where there are any, because books are asked by them.
PRICE = _kind(
    1,
    Price,
    "price",
    "provider site region instance_type purchase_option term payment offering unit amount currency tier_from tier_to"
    " zone os effective_date dated source confidence status note range_low",
    ("provider", "region", "instance_type"),
)
TRANSFER = _kind(
    2,
    TransferPrice,
    "transfer",
    "provider site region destination to_region from_gb to_gb amount currency quota effective_date dated source"
    " confidence status note",
    ("provider", "region"),
)
SERVICE = _kind(
    3,
    ServicePrice,
    "service",
    "provider site region item variant unit amount currency default effective_date dated source confidence status note",
    ("provider", "region"),
)
INSTANCE_TYPE = _kind(4, InstanceType, "instance_type", " ".join(InstanceType._fields), ("provider", "name"))
ZONE = _kind(5, Zone, "zone", " ".join(Zone._fields), ("provider", "region", "instance_type"))
KINDS = (PRICE, TRANSFER, SERVICE, INSTANCE_TYPE, ZONE)


def kind_of(row: Record) -> Kind:
    """Return the kind of a record."""
    if isinstance(row, Price):
        return PRICE
    if isinstance(row, TransferPrice):
        return TRANSFER
    if isinstance(row, ServicePrice):
        return SERVICE
    return INSTANCE_TYPE if isinstance(row, InstanceType) else ZONE


def clean(row: Record, observed_at: str) -> Record:
    """Return `row` as the book gives it back: numbers in plain form, origin and place the book's."""
    kind = kind_of(row)
    return kind.read(tuple(kind.write(row).values()), observed(observed_at))


def batch_of(
    provider: str,
    region: str,
    account_site: str,
    content: Iterable[tuple[Kind, dict[str, str]]],
    gaps: tuple[str, ...],
    tells_zones: bool = False,
) -> Batch:
    """Return texts of the book as the batch that they came from.

    Zones of a fetch that says it tells none, or of another place, cannot come from a batch: they raise `ValueError`.
    """
    from planner.provider import Batch

    rows: dict[int, list[Any]] = {kind.number: [] for kind in KINDS}
    for kind, texts in content:
        rows[kind.number].append(kind.read(tuple(texts.values()), observed("")))
    prices, transfer, services, types, sold = (tuple(rows[kind.number]) for kind in KINDS)
    if sold and (not tells_zones or any((row.provider, row.region) != (provider, region) for row in sold)):
        raise ValueError("zones that do not belong to this fetch")
    return Batch(
        provider=provider,
        region=region,
        account_site=account_site,
        instance_types=types,
        prices=prices,
        transfer=transfer,
        services=services,
        gaps=gaps,
        zones=tuple((row.instance_type, row.zone) for row in sold) if tells_zones else None,
    )
