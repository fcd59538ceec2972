"""Where machines stand: the regions of an area in which data has to stay, and what must be known of law and licence there.

The European Union is its member states (not Zurich, London or Moscow), CN the Chinese mainland (not Hong Kong). A zone that is sold apart may
stand in another country than its region, and counts as outside. planner/data/terms.csv has a row for each text that binds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from planner import tables
from planner.errors import MisuseError, NoOfferError
from planner.files import DATA
from planner.prices.catalog import Catalog
from planner.records import NamedTuple

__all__ = ["AREAS", "ELSEWHERE", "Term", "inside", "kept", "stands", "stays", "terms"]

AREAS = ("CN", "EU", "US")
#: Of a place that is known, and in none of them.
ELSEWHERE = "elsewhere"


class Term(NamedTuple):
    """A text that binds. kind: "licence" (of a model), "gpu" (wherever it runs), "export" (in mainland China), "weights" (of an area);
    match: names, or words of them. said, said_zh: what it says, in short."""

    kind: str
    match: tuple[str, ...]
    said: str
    said_zh: str
    source: str
    date: str
    confidence: str


def inside(catalog: Catalog, provider: str, area: str) -> tuple[str, ...]:
    """Return the provider's regions in an area, its home regions if any of them is, else all."""
    info = catalog.info(provider)
    every = [name for name, region in catalog.regions(provider).items() if not region.zone_of]
    if area == "CN":
        found = [name for name in every if catalog.market(provider, name) == "mainland"]
    else:
        found = [name for name in every if name in info.areas.get(area, ())]
    home = [name for name in info.home_regions if name in found]
    return tuple(home or found)


def _all_inside(catalog: Catalog, provider: str, area: str) -> set[str]:
    if area == "CN":
        return {name for name in catalog.regions(provider) if catalog.market(provider, name) == "mainland"}
    return set(catalog.info(provider).areas.get(area, ()))


def stands(catalog: Catalog, seller: str, region: str) -> str:
    """Return the area in which a seller's region lies, `ELSEWHERE`, or "" where that is not known."""
    if seller in catalog.providers() and region in catalog.regions(seller):
        return next((area for area in AREAS if region in _all_inside(catalog, seller, area)), ELSEWHERE)
    return "CN" if region == "cn" or region.startswith("cn-") else ""


def stays(said: str, providers: Sequence[str], named: Sequence[str], told: Callable[[str], None]) -> tuple[str, ...]:
    """Return the regions in which a workload's data stay (`kept`), and say them, with what the weights' licences bind."""
    area, found = kept(Catalog(), said, providers, named)
    weights = next(t for t in terms() if t.kind == "weights" and area in t.match)
    told(f"data stays in {area}: {', '.join(found)}; {weights.said} ({weights.source}, {weights.date})")
    return found


def kept(catalog: Catalog, said: str, providers: Sequence[str], named: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the area, and the regions in which a workload stays: those that were named, all of them if "all", else the usual ones inside.

    Raises `MisuseError` for an unknown area and a named region outside, `NoOfferError` where a provider has none inside.
    """
    area = said.strip().upper()
    if area not in AREAS:
        raise MisuseError(f"--data-stays: {said[:40]!r} is no area that is known: write {', '.join(AREAS)}")
    asked = tuple(providers) or catalog.providers()
    within = {p: _all_inside(catalog, p, area) for p in asked}
    if named and tuple(named) != ("all",):
        for region in named:
            selling = [p for p in asked if region in catalog.regions(p)]
            outside = [p for p in selling if region not in within[p]]
            if outside:
                raise MisuseError(
                    f"--region {region}: {outside[0]} has it outside {area} (--data-stays): name another, or none"
                )
        return area, tuple(named)
    found: list[str] = []
    for provider in asked:
        here = inside(catalog, provider, area)
        if not here and providers:
            raise NoOfferError(
                f"{provider} has no region in {area} that the lists know (--data-stays): name another --provider"
            )
        more = within[provider] if named else here
        found += [name for name in catalog.regions(provider) if name in more and name not in found]
    mixed = [n for n in found if any(n in catalog.regions(p) and n not in within[p] for p in asked)]
    if mixed:
        raise NoOfferError(f"{mixed[0]} is in {area} with one provider and outside with another: name one --provider")
    if not found:
        raise NoOfferError(f"no provider has a region in {area} that the lists know (--data-stays)")
    return area, tuple(found)


def terms() -> list[Term]:
    """Return every text that binds."""
    _, rows = tables.read(os.path.join(DATA, "terms.csv"))
    return [Term(row[0], tuple(row[1].split("; ")), *row[2:]) for row, _ in rows]
