"""Prices that change inside a window that has a first day: hours pay the price of their day, what was signed before keeps its own.

For a quote a change is one step more of the price by the hour: it begins where the hours run before that day end. What every way
costs from each day on is kept beside it (`Offer.eras`), for whoever buys on another day than the first (planner.buying.market).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import pairwise

from planner.duty import parse
from planner.errors import MisuseError
from planner.money import plain
from planner.offer import Price, Way
from planner.prices.catalog import Catalog
from planner.prices.dated import Change, on
from planner.quoting import lines
from planner.quoting.records import Era
from planner.text import Text, text
from planner.units import months_from
from planner.workload import Workload

__all__ = ["Changes", "begin", "eras_of", "said"]

ZERO = Decimal(0)
#: Ways of buying whose hours pay the price of their day.
HOURLY = ("on_demand", "spot")


class Changes:
    """What changes in one workload's window. early: prices that are counted before the day from which they hold; unplaced: the days
    of changes that a window without a first day has no place for."""

    def __init__(self, work: Workload, first: str, later: Mapping[Way, tuple[Change, ...]]) -> None:
        self.work, self.first = work, first
        self.early: list[Price] = []
        self.unplaced: list[str] = []
        self.later: dict[Way, tuple[Change, ...]] = {}
        length, begin = work.window.length, date.fromisoformat(first)
        for way, changes in later.items():
            inside = tuple(c for c in changes if (date.fromisoformat(c.since) - begin).days * 24 < length)
            if work.start and inside:
                self.later[way] = inside
            elif not work.start:
                self.unplaced += [c.since for c in changes]

    def unheld(self, provider: str, region: str, known: Mapping[str, Mapping[tuple[Way, str], object]]) -> list[Price]:
        """Return the prices of ways that a place sells from a later day only: nothing else is known, so that is counted from the first
        day on. known: what it sells on the first day, by type."""
        found: list[Price] = []
        for way, changes in self.later.items():
            if (way.provider, way.region) == (provider, region):
                sold = known.get(way.instance_type, {})
                if all(mine.anywhere != way for mine, _ in sold):
                    found += changes[0].prices
        self.early += found
        return found

    def of(self, way: Way, currency: str) -> list[tuple[str, list[Price]]]:
        """Return from which days a way of buying has which other prices; those of the whole region where its zone has none."""
        found = []
        for since, prices in self.later.get(way.anywhere, ()):
            mine = [p for p in prices if p.way == way] or [p for p in prices if p.way == way.anywhere]
            if mine and mine[0].currency != currency:
                raise MisuseError(
                    f"price book {mine[0].source.place}: {way.instance_type} is in {mine[0].currency} from {since} on, before in "
                    f"{currency}: a price that changes keeps its currency"
                )
            if mine:
                found.append((since, mine))
        return found

    def before(self, since: str) -> Decimal:
        """Return the hours of use before a day."""
        if not self.work.use:
            return Decimal((date.fromisoformat(since) - date.fromisoformat(self.first)).days * 24)
        use, day = parse(self.work.use), datetime.combine(date.fromisoformat(since), time(), UTC)
        edges = months_from(self.first, self.work.window.span)
        if use.clock:
            return use.on([edges[0], day])[0]
        hours = ZERO
        for (begin, end), used in zip(pairwise(edges), use.by_month(edges), strict=True):
            part = (min(day, end) - begin) / (end - begin) if day > begin else 0
            hours += round(used * Decimal(part), 6)
        return hours

    def merged(self, prices: Sequence[Price]) -> tuple[Sequence[Price], tuple[tuple[str, Sequence[Price]], ...]]:
        """Return the rows of one way of buying as the window pays them, and the rows from each day on where there is a change.

        By the hour every change is a step more; a commitment keeps the price of the day on which it is signed.
        """
        way, currency = prices[0].way, prices[0].currency
        later = self.of(way, currency) if self.later else []
        if not later or prices[0] in self.early:
            return prices, ()
        eras = (("", prices), *later)
        if way.purchase_option not in HOURLY:
            return prices, eras
        edges = [ZERO, *(self.before(since) for since, _ in later), None]
        steps: list[Price] = []
        for (_, rows), (first, end) in zip(eras, pairwise(edges), strict=True):
            assert first is not None
            for row in sorted(rows, key=lambda p: p.tier_from):
                begins = max(first, row.tier_from)
                ends = min((e for e in (end, row.tier_to) if e is not None), default=None)
                if ends is None or begins < ends:
                    steps.append(row._replace(way=way, tier_from=begins, tier_to=ends))
        return steps, eras

    def notes(self) -> list[Text]:
        """Return what the quote must say of prices that hold from a later day on."""
        found = []
        if self.early:
            key = (
                "not yet valid on {first}, the window's first day: {n} of your own prices (the last holds from {date}); what runs before is "
                "counted at them too, --start {date} begins when all hold"
            )
            last = max(p.source.as_of[:10] for p in self.early)
            found.append(text(key, n=len(self.early), first=self.first, date=last))
        inside = sorted({c.since for changes in self.later.values() for c in changes})
        if inside and not self.early:
            key = "your own prices change on {dates}: each hour pays the price of its day, what was signed before keeps its own"
            found.append(text(key, dates=", ".join(inside[:4])))
        if self.unplaced:
            key = "your own prices change on {dates}: --start says when the window begins, and each hour then pays the price of its day"
            found.append(text(key, dates=", ".join(sorted(set(self.unplaced))[:4])))
        return found


def begin(work: Workload, catalog: Catalog, today: str) -> tuple[Catalog, Changes]:
    """Return the catalogue as it is on the window's first day, and what changes in the window."""
    first = work.start or today
    now, known = on(catalog, first, bool(work.start))
    made = Changes(work, first, known.later)
    if not work.start:
        has = {price.group for price in known.now}
        alone = {way for way in known.later if way not in has}
        made.early += [price for way in alone for price in known.later[way][0].prices]
        made.unplaced = sorted(
            {c.since for way, changes in known.later.items() for c in changes[1 if way in alone else 0 :]}
        )
    return now, made


def eras_of(rows: Iterable[tuple[str, Sequence[Price]]], count: int, share: Decimal) -> tuple[Era, ...]:
    """Return what a way of buying is made of from each day on."""
    return tuple(Era(since, lines.compute(prices, count, share)) for since, prices in rows)


def said(eras: Sequence[Era]) -> list[Text]:
    """Return in a sentence for each change what an offer costs from that day on."""
    found = []
    for old, new in pairwise(eras):
        flat = all(len(era.lines) == 1 and len(era.lines[0].rates) == 1 for era in (old, new))
        hourly = new.lines[0].rule == "hours"
        if not flat:
            key = (
                "from {date} on at other prices"
                if hourly
                else "from {date} on at other prices; what was signed before keeps its own"
            )
            found.append(text(key, date=new.since))
            continue
        key = (
            "from {date} on {now} {code} per {unit}, before {before}"
            if hourly
            else ("from {date} on {now} {code} per {unit}, before {before}; what was signed before keeps its price")
        )
        rate, was = new.lines[0].rates[0], old.lines[0].rates[0]
        values = {"now": plain(rate.amount), "before": plain(was.amount), "code": new.lines[0].currency}
        found.append(text(key, date=new.since, unit=text(rate.unit), **values))
    return found
