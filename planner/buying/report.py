"""A plan told: a table for people in either language, `planner.commit/1` for programs (docs/commit.md names its fields)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from planner.buying.answers import Answers, Owed, Regret, hourly_json
from planner.buying.plan import Mix, Plan
from planner.i18n import English, pad, width
from planner.money import plain, show
from planner.quoting.changes import said
from planner.quoting.records import Offer, Quote
from planner.text import plural, text

__all__ = [
    "SCHEMA",
    "Seller",
    "Told",
    "Way",
    "amount_of",
    "as_json",
    "columns",
    "mix_json",
    "percent",
    "rate_of",
    "regret_json",
    "table",
]

SCHEMA = "planner.commit/1"
ZERO = Decimal(0)
#: How an offer is bought, and who sells it, in a language (planner.rendering.words).
Way = Callable[[Offer, English], str]
Seller = Callable[[Quote, Offer, English], str]


def table(plan: Plan, found: Answers, t: English, way: Way, seller: Seller) -> str:
    """Return the answer for people."""
    told = Told(plan, found, t, way, seller)
    parts = (told.head(), told.demand(), told.against(), told.regret(), told.others(), told.terms(), told.notes())
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


class Told:
    """The parts of the table, each a list of lines."""

    def __init__(self, plan: Plan, found: Answers, t: English, way: Way, seller: Seller) -> None:
        self.plan, self.found, self.t, self.way, self.seller = plan, found, t, way, seller
        self.quote, self.best = plan.quote, plan.best
        self.code = plan.quote.currency

    def head(self) -> list[str]:
        """What to take, part by part."""
        t, best, market = self.t, self.best, self.best.market
        first = market.ways[0]
        gpu = first.gpu
        name = f"{market.instance_type} ({plain(gpu.count)}x {gpu.model}), {self.seller(self.quote, first, t)} {market.region}"
        hours = f"{self.plan.demand.hours:,}"
        take = "Take {type}: {amount} {code} to pay for {hours} hours, all obligations included."
        lines = [t(take, type=name, amount=show(best.cost), code=self.code, hours=hours)]
        rows = self.bought(best)
        if market.fixed:
            rows.append((t("traffic and addresses"), "", show(market.fixed)))
        return lines + columns(rows, "llr", "  ")

    def bought(self, mix: Mix) -> list[tuple[str, str, str]]:
        """How a type is bought: how, how long, what it costs."""
        t, market, solved = self.t, mix.market, mix.solved
        rows: list[tuple[str, str, str]] = []
        for deal, number in solved.deals:
            how = self.way(market.ways[deal.way], t)
            rows.append((f"{number} x {how}", self._slot(deal.first, deal.end), show(deal.cost * number)))
        for offer, time, cost in (
            (market.on_demand, solved.on_demand, solved.on_demand_cost),
            (market.spot, solved.spot, solved.spot_cost),
        ):
            if time and offer is not None:
                said = t(plural(time, "{n} instance-hour", "{n} instance-hours"), n=f"{time:,}")
                rows.append((self.way(offer, t), said, show(cost)))
        return rows

    def _slot(self, first: int, end: int) -> str:
        if first == 0 and end == self.plan.demand.hours:
            return self.t("all the time")
        return self.t("hours {first} to {end}", first=f"{first:,}", end=f"{end:,}")

    def demand(self) -> list[str]:
        """What was asked for, and what that is in instances."""
        t, demand, counts = self.t, self.plan.demand, self.best.counts
        unit = {"rps": "requests/s", "tokens_per_second": "tokens/s", "instances": "instances"}[demand.kind]
        mean = demand.mean
        lines = [
            t(
                "Demand: {low} to {high} {unit}, {mean} on average, over {hours} hours",
                low=_short(min(demand.values)),
                high=_short(demand.peak),
                mean=_short(mean),
                unit=t.say(unit),
                hours=f"{demand.hours:,}",
            )
        ]
        if demand.kind != "instances":
            average = Decimal(sum(counts)) / len(counts)
            key = "Instances: {low} to {high}, {mean} on average, with {share} % headroom"
            share = plain(self.quote.workload.headroom * 100)
            lines.append(t(key, low=min(counts), high=max(counts), mean=show(average, 1), share=share))
        return lines

    def against(self) -> list[str]:
        """The cost beside other plans, and the three rates."""
        found, fixed = self.found, self.best.market.fixed
        others = (
            ("the same, all on demand", None if found.on_demand is None else found.on_demand + fixed),
            ("the same, all committed", None if found.committed is None else found.committed + fixed),
            ("what planner quote recommends for the peak, all the time", found.fixed_fleet),
        )
        lines = self.beside(self.best.cost, others)
        return [*lines, self.rates(found.coverage, found.utilisation, found.savings_rate)]

    def beside(self, mine: Decimal, others: Sequence[tuple[str, Decimal | None]]) -> list[str]:
        """The cost of the mix, and of other plans."""
        t = self.t
        rows = [(t("cost, {code}", code=self.code), "", ""), (t("this mix"), show(mine), "")]
        for label, cost in others:
            if cost is not None:
                more = (cost / mine - 1) * 100 if mine else ZERO
                more = more.quantize(Decimal("0.1"))
                rows.append((t(label), show(cost), f"{'+' if more > 0 else ''}{show(more, 1)} %"))
        return columns(rows, "lrr", "  ")

    def rates(self, coverage: Decimal | None, utilisation: Decimal | None, saved: Decimal | None) -> str:
        """Coverage, utilisation and the effective savings rate in one line."""
        t = self.t
        rates = [
            t(label, share=percent(share))
            for label, share in (
                ("coverage {share}", coverage),
                ("utilisation {share}", utilisation),
                ("effective savings rate {share}", saved),
            )
            if share is not None
        ]
        return "  " + t(", ").join(rates)

    def regret(self) -> list[str]:
        """What the mix costs if demand comes out otherwise."""
        t = self.t
        rows = [(t("demand comes out"), t("this mix"), t("best then"), t("regret"))]
        for row in self.found.regret:
            change = f"{'+' if row.change > 0 else ''}{plain(row.change * 100)} %"
            if row.cost is None or row.best is None:
                rows.append((change, t("cannot be served"), "" if row.best is None else show(row.best), ""))
            else:
                rows.append((change, show(row.cost), show(row.best), show(row.cost - row.best)))
        return columns(rows, "lrrr", "  ")

    def others(self) -> list[str]:
        """The next types, each with its own cheapest mix."""
        t = self.t
        rows = [
            (t("provider"), t("region"), t("instance type"), t("commitments"), t("at most"), t("to pay"), t("more"))
        ]
        for mix in self.plan.mixes:
            market = mix.market
            deals = t("; ").join(f"{n} x {self.way(market.ways[d.way], t)}" for d, n in mix.solved.deals[:2])
            deals += " ..." if len(mix.solved.deals) > 2 else ""
            share = "" if mix is self.best else f"+{show((mix.cost / self.best.cost - 1) * 100, 0)} %"
            rows.append(
                (
                    self.seller(self.quote, market.ways[0], t),
                    market.region,
                    market.instance_type,
                    deals or "-",
                    str(max(mix.counts)),
                    show(mix.cost),
                    share,
                )
            )
        key = "The cheapest of {n} types and places, each by its own cheapest mix"
        return [t(key, n=self.plan.types), *columns(rows, "llllrrr", "  ")]

    def terms(self) -> list[str]:
        """When commitments pay, when one more would, what is owed at an early end, what all is worth today."""
        t, found, lines = self.t, self.found, []
        for step in found.steps:
            way = self.way(self.best.market.ways[step.deal.way], t)
            key = "{way} pays from {hours} of its {all} hours; one more than {n} would run {runs}."
            lines.append(
                t(
                    key,
                    way=way,
                    hours=show(step.pays_from, 0),
                    all=show(step.deal.bought, 0),
                    n=step.number,
                    runs=f"{step.runs:,}",
                )
            )
        if found.least_demand is not None:
            key = "The mix costs no more than on demand down to {share} of this demand."
            lines.append(t(key, share=percent(found.least_demand)))
        return lines + self.at_end(found.owed, found.present_value)

    def at_end(self, owed: Sequence[Owed], worth: Decimal | None) -> list[str]:
        """What is still owed at an early end, and what all is worth today."""
        t, lines = self.t, []
        if owed:
            shown = [o for o in owed if o.month in (0, 1, 3, 6, 9, 12, 24, 36) or o is owed[-1]]
            said = t(", ").join(
                t("month {n}: {amount}", n=o.month, amount=show(o.amount)) for o in shown if o.amount or o.month == 0
            )
            lines.append(t("Still owed if it ends after {said} {code}.", said=said, code=self.code))
        if worth is not None:
            rate = plain((self.quote.workload.discount_rate or ZERO) * 100)
            key = "Present value at {rate} % a year: {amount} {code}."
            lines.append(t(key, rate=rate, amount=show(worth), code=self.code))
        return lines

    def notes(self) -> list[str]:
        """What a reader must know."""
        t, plan = self.t, self.plan
        lines = [t("Demand from {source}", source=plan.demand.source)]
        if plan.demand.kind == "instances":
            lines.append(
                t("The demand is counted in instances: every type that holds the model takes as many of them.")
            )
        for way in plan.best.market.ways:
            if way.eras and (way.purchase_option != "spot" or plan.best.solved.spot):
                key = "{way}: {changes}"
                changes = t("; ").join(t.say(one) for one in said(way.eras))
                lines.append(t(key, way=self.way(way, t), changes=changes))
        if plan.best.market.paid.stepped:
            lines.append(t("The price on demand falls in steps of a run; an instance that was released begins anew."))
        if plan.best.solved.spot:
            lines.append(t.say(text("market price of a past sample: it moves, and the instance can be taken back")))
        if self.quote.workload.contract:
            lines.append(t("What a framework contract charges below its promise is not in these amounts."))
        left = sum(1 for o in self.quote.offers if o.unpriced)
        if left:
            lines.append(t("{n} offers lack the price of a part and are left out (planner quote --gaps).", n=left))
        stale = next((s for s in self.quote.stale if s.provider == plan.best.market.provider), None)
        if stale is not None:
            lines.append(t.say(stale.message))
        return lines


def _short(value: Decimal) -> str:
    return plain(value.quantize(Decimal("0.01"))) if value >= 1 else f"{float(value):.3g}"


def percent(share: Decimal, places: int = 1) -> str:
    """Return a share in percent."""
    return f"{show(share * 100, places)} %"


def columns(rows: Sequence[Sequence[str]], sides: str, indent: str) -> list[str]:
    """Return rows as lines in columns, each flush left (l) or right (r)."""
    widths = [max(width(row[n]) for row in rows) for n in range(len(rows[0]))] if rows else []
    return [
        (indent + "  ".join(pad(cell, widths[n], sides[n] == "r") for n, cell in enumerate(row))).rstrip()
        for row in rows
    ]


def amount_of(value: Decimal | None) -> str | None:
    """Return an amount as files have it."""
    return None if value is None else plain(value)


def rate_of(value: Decimal | None) -> str | None:
    """Return a share as files have it, to six places."""
    return None if value is None else plain(value.quantize(Decimal("0.000001"), ROUND_HALF_EVEN))


def as_json(plan: Plan, found: Answers) -> dict[str, Any]:
    """Return `planner.commit/1`: amounts and shares as text, exact; null for what does not apply."""
    quote, best, demand = plan.quote, plan.best, plan.demand
    fixed = best.market.fixed
    return {
        "schema": SCHEMA,
        "quoted_on": quote.quoted_on,
        "currency": quote.currency,
        "fx": [
            {"base": f.base, "quote": f.quote, "rate": plain(f.rate), "as_of": f.as_of, "source": f.source}
            for f in quote.fx
        ],
        "demand": {
            "kind": demand.kind,
            "hours": demand.hours,
            "start": demand.start,
            "peak": plain(demand.peak),
            "mean": plain(demand.mean),
            "source": demand.source,
        },
        "asked": {
            "term": plan.asked.rules.term,
            "min_replicas": plan.asked.least,
            "start_ahead_hours": plan.asked.ahead,
            "spot_share": plain(plan.asked.rules.spot_share),
            "spot_interruption": plain(plan.asked.rules.interruption),
        },
        "mix": mix_json(best, whole=True),
        "alternatives": [mix_json(mix, whole=False) for mix in plan.mixes[1:]],
        "types": plan.types,
        "cost": {
            "mix": plain(best.cost),
            "beside_instances": plain(fixed),
            "all_on_demand": amount_of(None if found.on_demand is None else found.on_demand + fixed),
            "all_committed": amount_of(None if found.committed is None else found.committed + fixed),
            "quoted_fleet": amount_of(found.fixed_fleet),
        },
        "usage_hours": found.usage,
        "committed_hours_used": found.covered,
        "committed_hours_bought": plain(found.bought),
        "coverage": rate_of(found.coverage),
        "utilisation": rate_of(found.utilisation),
        "effective_savings_rate": rate_of(found.savings_rate),
        "regret": regret_json(found.regret),
        "break_even": {
            "least_demand": rate_of(found.least_demand),
            "commitments": [
                {
                    "offer": best.market.ways[s.deal.way].id,
                    "first_hour": s.deal.first,
                    "end_hour": s.deal.end,
                    "number": s.number,
                    "pays_from_hours": rate_of(s.pays_from),
                    "next_runs_hours": s.runs,
                }
                for s in found.steps
            ],
        },
        "owed_at_termination": [{"after_month": o.month, "amount": plain(o.amount)} for o in found.owed],
        "discount_rate": amount_of(quote.workload.discount_rate),
        "present_value": None if found.present_value is None else plain(round(found.present_value, 6)),
    }


def regret_json(regret: Sequence[Regret]) -> list[dict[str, str | None]]:
    """Return the rows of a regret."""
    return [
        {
            "demand": plain(r.change),
            "cost": amount_of(r.cost),
            "best": amount_of(r.best),
            "regret": None if r.cost is None or r.best is None else plain(r.cost - r.best),
        }
        for r in regret
    ]


def mix_json(mix: Mix, whole: bool) -> dict[str, Any]:
    """Return how a type is bought; whole: with its instances in each hour."""
    market, solved = mix.market, mix.solved
    made: dict[str, Any] = {
        "provider": market.provider,
        "site": market.site,
        "region": market.region,
        "instance_type": market.instance_type,
        "cost": plain(mix.cost),
        "peak_instances": max(mix.counts),
        "commitments": [
            {
                "offer": market.ways[deal.way].id,
                "number": number,
                "first_hour": deal.first,
                "end_hour": deal.end,
                "hours_bought_each": plain(deal.bought),
                "cost_each": plain(deal.cost),
                "cost": plain(deal.cost * number),
            }
            for deal, number in solved.deals
        ],
        "hourly": hourly_json(market, solved),
    }
    if whole:
        made["instances"] = list(mix.counts)
    return made
