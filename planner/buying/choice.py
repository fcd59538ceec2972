"""Rent or buy, told to people as a table and to programs as JSON (docs/rent-or-buy.md names its fields)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from planner.buying.own import Site, Value
from planner.buying.owned import Owned
from planner.buying.rentbuy import Comparison, curve
from planner.buying.report import columns
from planner.i18n import English
from planner.money import plain, show
from planner.quoting.records import Offer
from planner.sizing.streams import ENGINE

__all__ = ["SCHEMA", "as_json", "table"]

SCHEMA = "planner.rent-or-buy/1"
Way = Callable[[Offer, English], str]
#: Values of a site and of a machine, with what they are called.
SITE = (
    ("electricity", "electricity"),
    ("pue", "PUE"),
    ("rack", "rack"),
    ("staff", "staff"),
    ("capital", "cost of capital"),
    ("spares", "spare parts"),
    ("standby", "machines that stand by"),
)
MACHINE = (
    ("price", "price of the machine"),
    ("load_w", "watts under load"),
    ("idle_w", "watts idle"),
    ("years", "years"),
    ("residual", "residual value"),
    ("failures", "repairs"),
    ("extras", "network, rack and cables"),
)


def table(found: Comparison, t: English, way: Way) -> str:
    """Return the answer for people."""
    told = _Told(found, t, way)
    parts = (told.head(), told.machines(), told.month(), told.curve(), told.turns(), told.values(), told.notes())
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


class _Told:
    """The parts of the table."""

    def __init__(self, found: Comparison, t: English, way: Way) -> None:
        self.found, self.t, self.way = found, t, way
        self.code = found.rent.plan.quote.currency

    def million(self, month: Decimal) -> str:
        return show(self.found.per_million(month), 3)

    def pays(self, month: int | None) -> str:
        return self.t("never") if month is None else self.t("month {n}", n=month)

    def head(self) -> list[str]:
        """Rent, buy, and which is cheaper."""
        t, found = self.t, self.found
        market, rent = found.rent.mix.market, found.rent
        deals = t("; ").join(f"{n} x {self.way(market.ways[d.way], t)}" for d, n in rent.mix.solved.deals[:2]) or t(
            "on-demand"
        )
        where = f"{market.instance_type}, {market.provider} {market.region} ({deals})"
        key = "Rent {type}: {amount} {code} a month, {each} a million output tokens."
        lines = [t(key, type=where, amount=show(rent.month), code=self.code, each=self.million(rent.month))]
        one = found.chosen
        if one is None:
            return [*lines, t("Buy: no machine of the file serves this.")]
        cost = one.costs
        key = "Buy {n} x {machine} ({spare} stand by): {amount} {code} a month over {months} months, {each} a million output tokens."
        told = {"n": cost.bought, "machine": one.machine.name, "spare": int(found.own.site.standby.value)}
        lines.append(
            t(key, amount=show(cost.month), code=self.code, months=cost.months, each=self.million(cost.month), **told)
        )
        month = found.wins(one)
        if month is None:
            key = "Renting is cheaper: buying does not win within {months} months."
            lines.append(t(key, months=cost.months))
        else:
            key = "Buying wins from month {n} on; over {months} months it costs {share} less."
            share = f"{show((1 - cost.month / rent.month) * 100, 1)} %" if rent.month else "-"
            lines.append(t(key, n=month, months=cost.months, share=share))
        return lines

    def machines(self) -> list[str]:
        """Every machine beside the rent."""
        t, found = self.t, self.found
        rows = [
            (t("machine"), t("bought"), t("at once"), t("a month"), t("a million tokens"), t("of the rent"), t("wins"))
        ]
        for one in found.machines:
            cost = one.costs
            of = f"{show(cost.month / found.rent.month * 100, 0)} %" if found.rent.month else "-"
            rows.append(
                (
                    one.machine.name,
                    str(cost.bought),
                    show(cost.upfront, 0),
                    show(cost.month),
                    self.million(cost.month),
                    of,
                    self.pays(found.wins(one)),
                )
            )
        rent = found.rent
        rows.append((t("rent, cheapest mix"), "", "", show(rent.month), self.million(rent.month), "100 %", ""))
        if rent.on_demand is not None:
            of = f"{show(rent.on_demand / rent.month * 100, 0)} %" if rent.month else "-"
            rows.append(
                (t("rent, the same on demand"), "", "", show(rent.on_demand), self.million(rent.on_demand), of, "")
            )
        return columns(rows, "lrrrrrr", "  ")

    def month(self) -> list[str]:
        """What a month of owning consists of."""
        t, one = self.t, self.found.chosen
        if one is None:
            return []
        cost = one.costs
        wear = (cost.upfront - cost.residual) / cost.months
        interest = cost.month - wear - cost.power - cost.rack - cost.staff - cost.repairs
        rows = [
            (t("{machine}, a month on average", machine=one.machine.name), self.code),
            (t("wear: what it loses in value"), show(wear)),
            (t("cost of capital"), show(interest)),
            (t("electricity, {kwh} kWh", kwh=show(cost.kwh, 0)), show(cost.power)),
            (t("rack"), show(cost.rack)),
            (t("staff"), show(cost.staff)),
            (t("repairs"), show(cost.repairs)),
        ]
        used = f"{show(cost.utilisation * 100, 0)} %"
        return [*columns(rows, "lr", "  "), "  " + t("its output is used to {share} on average", share=used)]

    def curve(self) -> list[str]:
        """Both so far, month by month."""
        t, found = self.t, self.found
        if found.chosen is None:
            return []
        rows = [(t("after month"), t("bought, so far"), t("rented, so far"))]
        for month, own, rent in curve(found.chosen, found.rent.month):
            rows.append((str(month), show(own, 0), show(rent, 0)))
        return columns(rows, "rrr", "  ")

    def turns(self) -> list[str]:
        """What would turn the answer."""
        t, found = self.t, self.found
        if not found.turns:
            return []
        rows = [(t("if"), t("own, a month"), t("rent, a month"), t("a million tokens, own"), t("wins"))]
        for turn in found.turns:
            each = show(turn.own / turn.tokens, 3) if turn.tokens else "-"
            rows.append((t.say(turn.what), show(turn.own), show(turn.rent), each, self.pays(turn.wins)))
        return columns(rows, "lrrrr", "  ")

    def values(self) -> list[str]:
        """Every value with its range and source; defaults and estimates are called so."""
        t, found = self.t, self.found
        lines = []
        for what, value in _values(found.own.site, found.chosen):
            said = _number(value)
            spread = "" if value.low == value.high else f" ({plain(value.low)} - {plain(value.high)})"
            kind = t("default") if value.default else t("estimate") if value.confidence == "low" else ""
            source = ", ".join(filter(None, (value.source, value.date)))
            lines.append((t(what), f"{said}{spread}", kind, source))
        rows = [(t("value"), t("with its range"), "", t("source")), *lines]
        one = found.chosen
        if one is not None and one.fleet.measured is not None:
            row = one.fleet.measured
            rate = row.rate
            kind = t("estimate") if rate.confidence == "low" else ""
            spread = f"{plain(rate.value)} ({plain(rate.low)} - {plain(rate.high)})"
            rows.append(
                (t("tokens/s, {precision}", precision=row.precision), spread, kind, f"{rate.source}, {rate.date}")
            )
        return columns(rows, "llll", "  ")

    def notes(self) -> list[str]:
        """What a reader must know."""
        t, found = self.t, self.found
        lines = []
        if found.own.site.staff_year is None:
            lines.append(t("Staff is not in it: say what a person costs a year (staff_year)."))
        for one in found.machines:
            if one.machine.note:
                lines.append(f"{one.machine.name}: {one.machine.note}")
            if one.fleet.measured is not None:
                key = "{machine}: measured at {precision} with {engine}, not sized; another precision than the rent's answers otherwise."
                row = one.fleet.measured
                lines.append(t(key, machine=one.machine.name, precision=row.precision or "?", engine=row.engine or "?"))
            elif one.fleet.engine == ENGINE and one.fleet.sizing is not None:
                each = one.fleet.sizing.output_tokens_per_second
                key = "{machine}: {precision} by {engine}, one stream a card or socket: {low} to {high} tokens/s, an estimate; counted at {low}."
                spread = {"low": f"{each.low:.0f}", "high": f"{each.high:.0f}"} if each is not None else {}
                engine, precision = one.fleet.engine, one.fleet.precision
                lines.append(t(key, machine=one.machine.name, precision=precision, engine=engine, **spread))
        for left in found.unserved:
            why = t("; ").join(t.say(reason) for reason in left.why)
            lines.append(t("{machine} is left out: {why}", machine=left.machine.name, why=why))
        lines.append(
            t("Rent stays at today's price; the line of the site to the internet is not in the cost of owning.")
        )
        for fx in found.fx:
            lines.append(f"1 {fx.base} = {plain(fx.rate)} {fx.quote}, {fx.as_of or fx.source}")
        return lines


def _number(value: Value) -> str:
    return plain(value.value) + (f" {value.currency}" if value.currency else "")


def _values(site: Site, one: Owned | None) -> Iterator[tuple[str, Value]]:
    for field, what in SITE:
        yield what, getattr(site, field)
    for field, what in MACHINE if one is not None else ():
        assert one is not None
        yield what, getattr(one.machine, field)


def _value(value: Value) -> dict[str, Any]:
    return {
        "value": plain(value.value),
        "low": plain(value.low),
        "high": plain(value.high),
        "currency": value.currency or None,
        "default": value.default,
        "source": value.source,
        "date": value.date,
        "confidence": value.confidence,
    }


def as_json(found: Comparison) -> dict[str, Any]:
    """Return `planner.rent-or-buy/1`: amounts as text, exact; null for what does not apply."""
    rent, one = found.rent, found.chosen
    market = rent.mix.market
    return {
        "schema": SCHEMA,
        "quoted_on": rent.plan.quote.quoted_on,
        "currency": rent.plan.quote.currency,
        "fx": [
            {"base": f.base, "quote": f.quote, "rate": plain(f.rate), "as_of": f.as_of, "source": f.source}
            for f in found.fx
        ],
        "millions_of_tokens_a_month": plain(round(found.tokens, 6)),
        "rent": {
            "provider": market.provider,
            "region": market.region,
            "instance_type": market.instance_type,
            "month": plain(rent.month),
            "on_demand_month": None if rent.on_demand is None else plain(rent.on_demand),
            "per_million_tokens": plain(round(found.per_million(rent.month), 6)),
        },
        "machines": [_owned(found, owned) for owned in found.machines],
        "left_out": [{"machine": u.machine.name, "why": [str(w) for w in u.why]} for u in found.unserved],
        "chosen": None if one is None else one.machine.name,
        "values": {what: _value(value) for what, value in _values(found.own.site, one)},
        "cumulative": None
        if one is None
        else [
            {"month": month, "own": plain(spent), "rent": plain(rent.month * month)}
            for month, spent in enumerate(one.costs.cumulative)
        ],
        "sensitivity": [
            {
                "if": str(turn.what),
                "own_month": plain(turn.own),
                "rent_month": plain(turn.rent),
                "own_per_million_tokens": plain(round(turn.own / turn.tokens, 6)) if turn.tokens else None,
                "buying_wins_from_month": turn.wins,
            }
            for turn in found.turns
        ],
    }


def _owned(found: Comparison, one: Owned) -> dict[str, Any]:
    cost = one.costs
    return {
        "machine": one.machine.name,
        "bought": cost.bought,
        "working": one.fleet.working,
        "tokens_per_second_each": plain(round(one.fleet.each, 3)),
        "measured": one.fleet.measured is not None,
        "precision": one.fleet.precision,
        "engine": one.fleet.engine,
        "upfront": plain(cost.upfront),
        "residual": plain(cost.residual),
        "months": cost.months,
        "month": plain(cost.month),
        "power": plain(cost.power),
        "rack": plain(cost.rack),
        "staff": plain(cost.staff),
        "repairs": plain(cost.repairs),
        "kwh_a_month": plain(round(cost.kwh, 9)),
        "utilisation": plain(round(cost.utilisation, 12)),
        "per_million_tokens": plain(round(found.per_million(cost.month), 6)),
        "buying_wins_from_month": found.wins(one),
        "note": one.machine.note,
    }
