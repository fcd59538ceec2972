"""What a commitment loses when lists fall: the falls that the price lists have seen, replayed on a term signed the day before.

A term that was signed at the old price is owed in full. Beside it stands the same term at the fallen price, and the same hours on
demand at the list of that day: what it loses is the most that waiting one day longer would have saved.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from itertools import pairwise
from typing import Any

from planner.buying.market import COMMITTED
from planner.buying.plan import Plan
from planner.buying.report import amount_of, columns
from planner.i18n import English
from planner.money import plain, show
from planner.offer import Price, Way
from planner.prices.catalog import Catalog
from planner.quoting.lines import way_text
from planner.records import NamedTuple
from planner.units import term_hours, term_months

__all__ = ["Fall", "Falls", "as_json", "lines", "replayed"]

ZERO, ONE = Decimal(0), Decimal(1)
#: A price that moves less did not fall: lists round.
LEAST = Decimal("0.005")
SHOWN = 5


class Fall(NamedTuple):
    """One price that fell. before, after: its rows; term: what a term obliged to at the old price; fallen: at the new one; on_demand:
    its hours on demand at the list after the fall, None where that is not known."""

    before: Price
    after: Price
    term: Decimal
    fallen: Decimal
    on_demand: Decimal | None

    @property
    def way(self) -> Way:
        return self.after.way

    @property
    def loses(self) -> Decimal:
        return self.term - self.fallen

    @property
    def share(self) -> Decimal:
        return 1 - self.fallen / self.term


class Falls(NamedTuple):
    """The answer. seen: falls of the commitments that the plan could buy at its place, its own type's first; again: the largest share by
    which one of the plan's own kind fell; at_risk: what its commitments would lose by that, in the quote's currency."""

    seen: tuple[Fall, ...]
    again: Fall | None
    at_risk: Decimal


def _of_term(price: Price) -> Decimal:
    """Return what one term of a commitment obliges to at a price that is all of it."""
    if price.unit == "hour":
        return price.amount * term_hours(price.term)
    return price.amount * term_months(price.term) if price.unit == "month" else price.amount


def _series(prices: Iterable[Price]) -> dict[tuple[object, ...], list[Price]]:
    """Return the dated prices of each way of buying, oldest first; ways that have several parts are left out."""
    found: dict[tuple[object, ...], list[Price]] = {}
    for price in prices:
        if (
            price.os == "linux"
            and price.source.as_of
            and not price.zone
            and not price.tier_from
            and price.tier_to is None
        ):
            found.setdefault((price.way, price.unit, price.currency), []).append(price)
    for rows in found.values():
        rows.sort(key=lambda p: p.source.as_of)
    return found


def _list_after(rows: Iterable[Price], day: str) -> Decimal | None:
    """Return the price on demand that was first seen from a day on, else the newest."""
    dated = sorted(rows, key=lambda p: p.source.as_of)
    return next((p.amount for p in dated if p.source.as_of >= day), dated[-1].amount if dated else None)


def replayed(plan: Plan, catalog: Catalog) -> Falls:
    """Return the falls that the lists of the plan's place have seen, and what they mean for its commitments."""
    mix, market = plan.best, plan.best.market
    known = [*catalog.history(market.provider, market.region), *catalog.prices(market.provider, market.region)]
    series = _series(p for p in known if p.site == market.site)
    hourly: dict[tuple[str, str], list[Price]] = {}
    for rows in series.values():
        if rows[0].purchase_option == "on_demand":
            hourly.setdefault((rows[0].instance_type, rows[0].currency), []).extend(rows)
    seen = []
    for rows in series.values():
        way = rows[0].way
        if way.purchase_option not in COMMITTED or not way.term:
            continue
        for before, after in pairwise(rows):
            old, new = _of_term(before), _of_term(after)
            if new < old * (1 - LEAST):
                amount = _list_after(hourly.get((way.instance_type, after.currency), ()), after.source.as_of)
                on_demand = None if amount is None else amount * term_hours(way.term)
                seen.append(Fall(before, after, old, new, on_demand))
    kinds = {_kind(market.ways[deal.way].way) for deal, _ in mix.solved.deals}
    mine = [fall for fall in seen if _kind(fall.way) in kinds]
    own = [fall for fall in mine if fall.way.instance_type == market.instance_type]
    again = max(own or mine, key=lambda f: f.share, default=None)
    owed = sum((deal.cost * number for deal, number in mix.solved.deals), ZERO)
    shown = sorted(
        seen, key=lambda f: (f.way.instance_type != market.instance_type, _kind(f.way) not in kinds, -f.share)
    )
    return Falls(tuple(shown), again, ZERO if again is None else owed * again.share)


def _kind(way: Way) -> tuple[str, ...]:
    return way.purchase_option, way.term, way.payment, way.offering


def rows_of(found: Falls, t: English) -> list[tuple[str, ...]]:
    """Return the falls for people: the header first, those that are shown below it; nothing where none was seen."""
    if not found.seen:
        return []
    rows: list[tuple[str, ...]] = [
        (
            t("price falls, replayed"),
            t("signed"),
            t("fallen"),
            t("a term signed before"),
            t("at the fallen price"),
            t("loses"),
            t("on demand then"),
        )
    ]
    for fall in found.seen[:SHOWN]:
        way = fall.way
        how = t.say(
            way_text(way.purchase_option, way.term, way.payment, "" if way.offering == "standard" else way.offering)
        )
        rows.append(
            (
                f"{way.instance_type}, {how}",
                fall.before.source.seen,
                fall.after.source.as_of,
                f"{show(fall.term)} {fall.after.currency}",
                show(fall.fallen),
                f"{show(fall.loses)} (-{show(fall.share * 100, 1)} %)",
                "-" if fall.on_demand is None else show(fall.on_demand),
            )
        )
    return rows


def lines(found: Falls, plan: Plan, t: English) -> list[str]:
    """Return the falls for people as a table of a terminal, and what follows from them."""
    rows = rows_of(found, t)
    return [*(columns(rows, "lllrrrr", "  ") if rows else []), *said_of(found, plan, t)]


def said_of(found: Falls, plan: Plan, t: English) -> list[str]:
    """Return the sentences below the table."""
    if not found.seen:
        return [t("The lists of {region} have seen no commitment's price fall.", region=plan.best.market.region)]
    said = []
    if len(found.seen) > SHOWN:
        said.append("  " + t("{n} more falls in JSON", n=len(found.seen) - SHOWN))
    if found.again is not None:
        key = "The same fall again ({share} %, {type}), the day after signing: the commitments of this mix would lose {amount} {code}."
        share, name = show(found.again.share * 100, 1), found.again.way.instance_type
        said += ["", t(key, share=share, type=name, amount=show(found.at_risk), code=plan.quote.currency)]
    return said


def as_json(found: Falls) -> dict[str, Any]:
    """Return the falls for programs: amounts as text, of one instance and one term, in the list's currency."""
    return {
        "seen": [
            {
                "instance_type": fall.way.instance_type,
                "purchase_option": fall.way.purchase_option,
                "term": fall.way.term,
                "payment": fall.way.payment,
                "offering": fall.way.offering,
                "signed": fall.before.source.seen,
                "fallen": fall.after.source.as_of,
                "currency": fall.after.currency,
                "before": plain(fall.before.amount),
                "after": plain(fall.after.amount),
                "unit": fall.after.unit,
                "term_signed_before": plain(fall.term),
                "term_at_the_fallen_price": plain(fall.fallen),
                "loses": plain(fall.loses),
                "on_demand_then": amount_of(fall.on_demand),
                "confidence": [fall.before.source.confidence, fall.after.source.confidence],
            }
            for fall in found.seen
        ],
        "again": None if found.again is None else plain(round(found.again.share, 6)),
        "at_risk": plain(round(found.at_risk, 6)),
    }
