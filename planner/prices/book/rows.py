"""How records become rows: which fields make an item, which are details of one observation, and their text form.

A new field of a record becomes a column here, so it needs a migration in schema.py; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner.money import plain
from planner.offer import OBSERVED, InstanceType, Price, ServicePrice, TransferPrice
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
    "Kind",
    "Record",
    "Zone",
    "batch_of",
    "clean",
    "kind_of",
]


class Zone(NamedTuple):
    """An instance type is sold in a zone of a region."""

    provider: str
    region: str
    instance_type: str
    zone: str


Record = Price | TransferPrice | ServicePrice | InstanceType | Zone

#: Fields that may differ between two observations of the same item; stored once per distinct set.
DETAIL = ("effective_date", "dated", "source", "confidence", "status", "note")


def _decimal_or_none(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def _flag(text: str) -> bool:
    return text == "1"


#: Fields that are not plain text, by name (names mean the same in every record).
_READ: dict[str, Callable[[str], object]] = {
    "amount": Decimal,
    "tier_from": Decimal,
    "tier_to": _decimal_or_none,
    "range_low": _decimal_or_none,
    "from_gb": Decimal,
    "to_gb": _decimal_or_none,
    "quota": _flag,
    "default": _flag,
    "vcpu": int,
    "memory_gib": Decimal,
    "gpu_count": Decimal,
    "gpu_memory_gib": _decimal_or_none,
    "network_gbps": _decimal_or_none,
    "local_nvme_gb": int,
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


class Kind(NamedTuple):
    """One kind of record.

    `texts` are its fields but for origin and place, which the book itself gives. `item` are those that tell one item
    from another, in the order of the table's index; `number` is the kind's code in the log.
    """

    number: int
    name: str
    make: Callable[..., Record]
    texts: tuple[str, ...]
    item: tuple[str, ...]
    has_amount: bool
    place_at: int
    convert: tuple[tuple[int, Callable[[str], object]], ...]

    @property
    def table(self) -> str:
        return f"{self.name}_item"

    def is_number(self, field: str) -> bool:
        """Return whether the field's text must be a plain number."""
        return _READ.get(field, _flag) is not _flag

    def may_be_empty(self, field: str) -> bool:
        """Return whether the number may be missing."""
        return _READ.get(field) is _decimal_or_none

    def write(self, row: Record) -> dict[str, str]:
        """Return the text of each field of `row`; numbers are exact and in plain form."""
        return {name: _write(getattr(row, name)) for name in self.texts}

    def read(self, texts: Sequence[str], observed_at: str) -> Record:
        """Return the record with these texts, in the order of `self.texts`."""
        values: list[object] = list(texts)
        for index, convert in self.convert:
            values[index] = convert(texts[index])
        if self.place_at:
            # origin and place stand side by side; younger fields with defaults follow them.
            values[self.place_at : self.place_at] = ("book", OBSERVED + observed_at)
        return self.make(*values)


def _kind(number: int, name: str, record: Any, first: Iterable[str]) -> Kind:
    texts = tuple(field for field in record._fields if field not in ("origin", "place"))
    rest = [field for field in texts if field not in (*DETAIL, "amount", *first)]
    convert = tuple((index, _READ[field]) for index, field in enumerate(texts) if field in _READ)
    place_at = record._fields.index("origin") if "origin" in record._fields else 0
    return Kind(number, name, record, texts, (*first, *rest), "amount" in texts, place_at, convert)


#: In the order of their numbers. provider and region stand first where there are any, because books are asked by them.
PRICE = _kind(1, "price", Price, ("provider", "region", "instance_type"))
TRANSFER = _kind(2, "transfer", TransferPrice, ("provider", "region"))
SERVICE = _kind(3, "service", ServicePrice, ("provider", "region"))
INSTANCE_TYPE = _kind(4, "instance_type", InstanceType, ("provider", "name"))
ZONE = _kind(5, "zone", Zone, ("provider", "region", "instance_type"))
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
    return kind.read(tuple(kind.write(row).values()), observed_at)


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
        rows[kind.number].append(kind.read(tuple(texts.values()), ""))
    prices, transfer, services, types, sold = (tuple(rows[kind.number]) for kind in KINDS)
    if sold and (not tells_zones or any((row.provider, row.region) != (provider, region) for row in sold)):
        raise ValueError("zones that do not belong to this fetch")
    zones = tuple((row.instance_type, row.zone) for row in sold) if tells_zones else None
    return Batch(provider, region, account_site, types, prices, transfer, services, gaps, zones)
