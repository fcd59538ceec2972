"""Lay observed rows over the committed list: what the book has seen replaces what the list says about the same thing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeVar

from planner.offer import InstanceType, Price, ServicePrice, TransferPrice

__all__ = ["Group", "group", "newest_over_list", "types_over_list"]

Group = tuple[str, ...]
Row = TypeVar("Row", Price, TransferPrice, ServicePrice)


def group(row: Price | TransferPrice | ServicePrice) -> Group:
    """Return what a row is a part of: rows of one group are replaced together.

    Steps (tier_from), the parts of a commitment (unit), zones and currency are inside a group: a new flat price must not
    stand beside yesterday's third step, nor a zone's spot price beside an older one of the whole region. A free quota
    is a group of its own, since some clouds sell tiers in one call and give the quota in prose.
    """
    if isinstance(row, Price):
        return (
            "price",
            row.provider,
            row.site,
            row.region,
            row.instance_type,
            row.purchase_option,
            row.term,
            row.payment,
            row.offering,
            row.os,
        )
    if isinstance(row, TransferPrice):
        quota = "quota" if row.quota else ""
        return ("transfer", row.provider, row.site, row.region, row.destination, row.to_region, quota)
    return ("service", row.provider, row.site, row.region, row.item, row.variant, row.unit)


def newest_over_list(
    listed: Iterable[Row], observed: Collection[Row], withdrawn: Collection[Group] = frozenset()
) -> list[Row]:
    """Return `listed` without the groups that the book has seen or seen vanish, then the observed rows.

    A listed row that is the default variant of a service hands that mark on to the observed row: which variant a
    quote uses is our choice, not the cloud's.
    """
    seen = {group(row) for row in observed}
    gone = frozenset(withdrawn) if withdrawn else frozenset()
    kept: list[Row] = []
    defaults: set[Group] = set()
    for row in listed:
        name = group(row)
        if name in seen:
            if isinstance(row, ServicePrice) and row.default:
                defaults.add(name)
        elif name not in gone:
            kept.append(row)
    for row in observed:
        if defaults and isinstance(row, ServicePrice) and not row.default and group(row) in defaults:
            row = row._replace(default=True)
        kept.append(row)
    return kept


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
