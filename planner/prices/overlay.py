"""Lay observed rows over the committed list: what the book has seen replaces what the list says about the same thing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeVar

from planner.offer import InstanceType, Key, Price, ServicePrice, TransferPrice

__all__ = ["newest_of", "newest_over_list", "types_over_list"]

Row = TypeVar("Row", Price, TransferPrice, ServicePrice)


def newest_over_list(
    listed: Iterable[Row], observed: Collection[Row], withdrawn: Collection[Key] = frozenset()
) -> list[Row]:
    """Return `listed` without the groups that the book has seen or seen vanish, then the observed rows.

    A listed row that is the default variant of a service hands that mark on to the observed row: which variant a
    quote uses is our choice, not the cloud's.
    """
    seen = {row.group for row in observed}
    gone = frozenset(withdrawn) if withdrawn else frozenset()
    kept: list[Row] = []
    defaults: set[Key] = set()
    for row in listed:
        name = row.group
        if name in seen:
            if isinstance(row, ServicePrice) and row.default:
                defaults.add(name)
        elif name not in gone:
            kept.append(row)
    for row in observed:
        if defaults and isinstance(row, ServicePrice) and not row.default and row.group in defaults:
            row = row._replace(default=True)
        kept.append(row)
    return kept


def newest_of(past: Iterable[Price], as_of: str) -> list[Price]:
    """Return the replaced prices that held on the day `as_of`, quotable again: of each group those of the latest date."""
    groups: dict[Key, list[Price]] = {}
    for price in past:
        if price.source.as_of and price.source.as_of <= as_of and price.source.confidence != "low":
            groups.setdefault((price.group, price.currency), []).append(price)
    found: list[Price] = []
    for rows in groups.values():
        latest = max(price.source.as_of for price in rows)
        # What was sold no more after the day on which it was seen last is no price of a later one.
        if any(p.status == "expired" and p.source.as_of == latest and p.source.seen < as_of for p in rows):
            continue
        once = {price.key: price._replace(status="") for price in rows if price.source.as_of == latest}
        found += once.values()
    return found


def types_over_list(listed: Iterable[InstanceType], observed: Iterable[InstanceType]) -> list[InstanceType]:
    """Return the list's instance types, replaced by observed ones of the same provider and name.

    What a cloud's call leaves open (memory per GPU, network, the GPU's name where it is masked) stays as listed.
    """
    by_name = {(row.provider, row.name): row for row in listed}
    for row in observed:
        old = by_name.get((row.provider, row.name))
        by_name[row.provider, row.name] = row if old is None else _filled(row, old)
    return list(by_name.values())


def _filled(new: InstanceType, old: InstanceType) -> InstanceType:
    return new._replace(
        gpu_model=new.gpu_model or old.gpu_model,
        gpu_memory_gib=old.gpu_memory_gib if new.gpu_memory_gib is None else new.gpu_memory_gib,
        network_gbps=old.network_gbps if new.network_gbps is None else new.network_gbps,
        local_nvme_gb=new.local_nvme_gb or old.local_nvme_gb,
    )
