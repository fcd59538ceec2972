"""A mix of several types, told to people and to programs: what differs from the plan of one type."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from planner.buying.answers import Answers
from planner.buying.blend import Blend, Meaning
from planner.buying.plan import Plan
from planner.buying.report import Seller, Told, Way, amount_of, columns, mix_json, percent, rate_of, regret_json
from planner.i18n import English
from planner.money import plain, show

__all__ = ["as_json", "table"]

ZERO = Decimal(0)


def table(plan: Plan, found: Answers, blend: Blend, means: Meaning, t: English, way: Way, seller: Seller) -> str:
    """Return the answer for people, the mix of types first."""
    told = _Blended(plan, found, t, way, seller)
    told.blend, told.means = blend, means
    parts = (told.head(), told.demand(), told.against(), told.regret(), told.others(), told.terms(), told.notes())
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


class _Blended(Told):
    """The parts of the table that a mix of types tells otherwise."""

    blend: Blend
    means: Meaning

    def head(self) -> list[str]:
        """What to take, type by type."""
        t, blend = self.t, self.blend
        first = blend.parts[0].market.ways[0]
        hours = f"{self.plan.demand.hours:,}"
        key = (
            "Take {n} types in {region}, {seller}: {amount} {code} to pay for {hours} hours, all obligations included."
        )
        where = {"region": first.region, "seller": self.seller(self.quote, first, t)}
        lines = [t(key, n=len(blend.parts), amount=show(blend.cost), code=self.code, hours=hours, **where)]
        rows = []
        for part in blend.parts:
            gpu = part.market.ways[0].gpu
            name = f"{part.market.instance_type} ({plain(gpu.count)}x {gpu.model})"
            for n, row in enumerate(self.bought(part)):
                rows.append(("" if n else name, *row))
        if blend.place.fixed:
            rows.append((t("traffic and addresses"), "", "", show(blend.place.fixed)))
        lines += columns(rows, "lllr", "  ")
        if not blend.proven:
            share = percent((blend.cost - blend.bound) / blend.cost, 3)
            lines.append(t("No mix of types can be more than {share} cheaper (the solver's time was up).", share=share))
        return lines

    def demand(self) -> list[str]:
        """What was asked for; the instances of each type say the rest."""
        lines = super().demand()[:1]
        key = "Instances of {type}: {low} to {high}, {mean} on average"
        for part in self.blend.parts:
            mean = show(Decimal(sum(part.counts)) / len(part.counts), 1)
            told = {"type": part.market.instance_type, "low": min(part.counts), "high": max(part.counts)}
            lines.append(self.t(key, mean=mean, **told))
        return lines

    def against(self) -> list[str]:
        """The cost beside other plans, and the three rates."""
        means, blend = self.means, self.blend
        others = (
            ("types mixed, all on demand", None if means.on_demand is None else means.on_demand + blend.place.fixed),
            ("the cheapest single type, its own mix", self.best.cost),
            ("what planner quote recommends for the peak, all the time", self.found.fixed_fleet),
        )
        lines = self.beside(blend.cost, others)
        return [*lines, self.rates(means.coverage, means.utilisation, means.savings_rate)]

    def regret(self) -> list[str]:
        self.found = self.found._replace(regret=self.means.regret)
        return super().regret()

    def terms(self) -> list[str]:
        """What is owed at an early end, what all is worth today."""
        return self.at_end(self.means.owed, self.means.present_value)


def as_json(blend: Blend, means: Meaning) -> dict[str, Any]:
    """Return the field `mixed_types` of `planner.commit/1`."""
    market = blend.parts[0].market
    return {
        "provider": market.provider,
        "site": market.site,
        "region": market.region,
        "cost": plain(blend.cost),
        "at_least": plain(blend.bound),
        "proven": blend.proven,
        "beside_instances": plain(blend.place.fixed),
        "all_on_demand": amount_of(None if means.on_demand is None else means.on_demand + blend.place.fixed),
        "parts": [
            {
                **mix_json(part, whole=True),
                "serves_each": plain(Decimal(repr(round(each, 6)))),
                **({"on_spot": list(spot)} if any(spot) else {}),
            }
            for part, each, spot in zip(blend.parts, blend.serves, blend.spots, strict=True)
        ],
        "coverage": rate_of(means.coverage),
        "utilisation": rate_of(means.utilisation),
        "effective_savings_rate": rate_of(means.savings_rate),
        "regret": regret_json(means.regret),
        "owed_at_termination": [{"after_month": o.month, "amount": plain(o.amount)} for o in means.owed],
        "present_value": None if means.present_value is None else plain(round(means.present_value, 6)),
    }
