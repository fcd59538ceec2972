"""One bad item never loses a region: instance types whose rows fail the checks are taken out of a batch, the rest is kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from planner.prices.checks import NOTHING, check_batch

if TYPE_CHECKING:
    from planner.offer import InstanceType
    from planner.provider import Batch

__all__ = ["only", "sift", "types_of", "without"]


def sift(batch: Batch, listed: Mapping[str, InstanceType]) -> tuple[Batch, list[str]]:
    """Return the batch without the items that fail the checks, which it reports (`Batch.spoilt`), and no problem.

    Where nothing is left, more fails than does not, or what is wrong is of no item, the batch comes back with all its
    problems: such an answer is not to be trusted. listed: specifications known already.
    """
    problems = check_batch(batch, listed)
    if not problems:
        return batch, []
    bare = batch._replace(transfer=(), services=())
    names = types_of(batch)
    bad = {name: found for name in sorted(names) if (found := _wrong(only(bare, {name}), listed))}
    empty = bare._replace(prices=(), instance_types=(), zones=None)
    lanes = [(row.site, row.destination, row.to_region) for row in batch.transfer]
    spoilt_lanes = {}
    for lane in dict.fromkeys(lanes):
        part = tuple(row for row, its in zip(batch.transfer, lanes, strict=True) if its == lane)
        if found := _wrong(empty._replace(transfer=part), listed):
            spoilt_lanes[lane] = found
    keys = [row.key for row in batch.services]
    spoilt_keys = {}
    for key in dict.fromkeys(keys):
        rows = tuple(row for row, its in zip(batch.services, keys, strict=True) if its == key)
        if found := _wrong(empty._replace(services=rows), listed):
            spoilt_keys[key] = found
    rest = without(batch, bad)._replace(
        transfer=tuple(row for row, lane in zip(batch.transfer, lanes, strict=True) if lane not in spoilt_lanes),
        services=tuple(row for row, key in zip(batch.services, keys, strict=True) if key not in spoilt_keys),
    )
    if len(bad) > len(names) - len(bad) or check_batch(rest, listed):
        return batch, problems
    nameless = [("", found) for found in (*spoilt_lanes.values(), *spoilt_keys.values())]
    return rest._replace(spoilt=(*rest.spoilt, *bad.items(), *nameless)), []


def types_of(batch: Batch) -> set[str]:
    """Return the names of the instance types of which a batch tells anything."""
    zones = {name for name, _ in batch.zones or ()}
    return {row.instance_type for row in batch.prices} | {row.name for row in batch.instance_types} | zones


def only(batch: Batch, types: Collection[str]) -> Batch:
    """Return what a batch tells of `types`; traffic and services stay."""
    return batch._replace(
        instance_types=tuple(row for row in batch.instance_types if row.name in types),
        prices=tuple(row for row in batch.prices if row.instance_type in types),
        zones=None if batch.zones is None else tuple(pair for pair in batch.zones if pair[0] in types),
    )


def without(batch: Batch, types: Collection[str]) -> Batch:
    """Return a batch without whatever it tells of `types`."""
    return only(batch, types_of(batch).difference(types)) if types else batch


def _wrong(part: Batch, listed: Mapping[str, InstanceType]) -> str:
    """Return what is wrong with a part of a batch, "" for nothing; that it has no price is not."""
    return "; ".join([text for text in check_batch(part, listed) if text != NOTHING][:2])
