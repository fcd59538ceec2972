"""What a mix means: rates of saving and use, regret, break-even, what is owed when it is ended, what it is worth today."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from planner.buying.demand import scaled
from planner.buying.levels import Deal, Paid, Solved, held, rest, solve
from planner.buying.market import Market
from planner.buying.plan import Mix, Plan, fleet
from planner.money import plain
from planner.quoting import whatif, worth
from planner.quoting.records import Quote
from planner.records import NamedTuple
from planner.units import RATE_MONTH_HOURS

__all__ = ["FACTORS", "Answers", "Owed", "Regret", "Step", "answers", "hourly_json", "owed", "present_value"]

ZERO, ONE = Decimal(0), Decimal(1)
#: Shares by which demand may come out lower or higher.
FACTORS = tuple(Decimal(f) / 100 for f in (-50, -25, -10, 0, 10, 25, 50))
#: Halvings until the demand at which a plan stops paying is known to a tenth of a percent.
HALVINGS = 10


class Regret(NamedTuple):
    """Demand comes out by `change` (-0.25) other than planned. cost: of the plan then; best: of what would have been bought.
    None: the plan cannot serve it (nothing is sold by the hour)."""

    change: Decimal
    cost: Decimal | None
    best: Decimal | None


class Step(NamedTuple):
    """When one more of a commitment would pay: it must run `pays_from` of its hours, and would run `runs`."""

    deal: Deal
    number: int
    pays_from: Decimal
    runs: int


class Owed(NamedTuple):
    """What is still owed, cash not yet paid, if the fleet is given up at the end of a month (0: on the day of signing)."""

    month: int
    amount: Decimal


class Answers(NamedTuple):
    """All of a mix's figures; amounts in the quote's currency.

    on_demand, committed: the same type all by the hour, and all committed at the level of the peak; None where it is not sold so.
    fixed_fleet: what `planner quote` recommends for the peak, running all the time. usage, covered, bought: instance-hours.
    least_demand: the share of the demand down to which the mix costs no more than on demand (0: at any).
    """

    instance_cost: Decimal
    on_demand: Decimal | None
    committed: Decimal | None
    fixed_fleet: Decimal | None
    usage: int
    covered: int
    bought: Decimal
    regret: tuple[Regret, ...]
    least_demand: Decimal | None
    steps: tuple[Step, ...]
    owed: tuple[Owed, ...]
    present_value: Decimal | None

    @property
    def coverage(self) -> Decimal | None:
        """The share of the usage that commitments cover."""
        return Decimal(self.covered) / self.usage if self.usage else None

    @property
    def utilisation(self) -> Decimal | None:
        """The share of the hours bought that are used; None where none are."""
        return Decimal(self.covered) / self.bought if self.bought else None

    @property
    def savings_rate(self) -> Decimal | None:
        """The effective savings rate: 1 - cost / cost of the same usage on demand."""
        return 1 - self.instance_cost / self.on_demand if self.on_demand else None


def answers(plan: Plan) -> Answers:
    """Return what the plan's best mix means."""
    mix, quote = plan.best, plan.quote
    market, counts, paid = mix.market, mix.counts, mix.market.paid
    firm = paid.firm
    usage = sum(counts)
    bought = sum((deal.bought * number for deal, number in mix.solved.deals), ZERO)
    best, fixed = quote.best, None
    if best is not None:
        fixed = best.totals.report.obligation
    rate = quote.workload.discount_rate
    return Answers(
        instance_cost=mix.solved.cost,
        on_demand=_finite(solve(counts, (), firm).cost),
        committed=_finite(solve(counts, market.deals, Paid(None)).cost),
        fixed_fleet=fixed,
        usage=usage,
        covered=usage - mix.solved.on_demand - mix.solved.spot,
        bought=bought,
        regret=_regret(plan),
        least_demand=_least_demand(plan) if mix.solved.deals and firm.hour is not None and not firm.stepped else None,
        steps=tuple(_steps(mix)),
        owed=owed(plan),
        present_value=None if rate is None else present_value(plan, rate),
    )


def _finite(cost: Decimal) -> Decimal | None:
    return cost if cost.is_finite() else None


def _regret(plan: Plan) -> tuple[Regret, ...]:
    mix = plan.best
    made = []
    for change in FACTORS:
        counts = _counts(plan, ONE + change)
        then = _cost_at(mix, counts)
        best = solve(counts, mix.market.deals, mix.market.paid).cost
        made.append(Regret(change, _finite(then + mix.market.fixed), _finite(best + mix.market.fixed)))
    return tuple(made)


def _counts(plan: Plan, factor: Decimal) -> Sequence[int]:
    if factor == 1:
        return plan.best.counts
    return fleet(plan.quote, scaled(plan.demand, factor), plan.asked)(plan.best.market.ways[0])


def _cost_at(mix: Mix, counts: Sequence[int]) -> Decimal:
    """Return what the mix's commitments, and the hours beside them, cost at another demand."""
    owed = sum((deal.cost * number for deal, number in mix.solved.deals), ZERO)
    if counts is mix.counts:
        return mix.solved.cost
    return owed + rest(counts, held(mix.solved.deals, len(counts)), mix.market.paid).cost


def _least_demand(plan: Plan) -> Decimal:
    """Return the least factor on the demand at which the mix costs no more than the same all on demand."""
    mix, firm = plan.best, plan.best.market.paid.firm

    def pays(factor: Decimal) -> bool:
        counts = _counts(plan, factor)
        return _cost_at(mix, counts) <= solve(counts, (), firm).cost

    low, high = ZERO, ONE
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if pays(middle) else (middle, high)
    return high


def _steps(mix: Mix) -> list[Step]:
    """Return for each commitment taken, and each that covers all the time, when one more would pay.

    Where prices change within its time, an hour counts at the mean of them.
    """
    paid, counts = mix.market.paid, mix.counts
    if not paid.hour or paid.stepped:
        return []
    taken = dict(mix.solved.deals)
    asked = [d for d in mix.market.deals if d in taken or (d.first == 0 and d.end == len(counts))]
    covered = held(mix.solved.deals, len(counts))
    made = []
    for deal in asked:
        runs = sum(1 for h in range(deal.first, deal.end) if counts[h] > covered[h])
        hour = paid.going(deal.first, deal.end) / (deal.end - deal.first) if paid.later else paid.hour
        made.append(Step(deal, taken.get(deal, 0), deal.cost / hour, runs))
    return made


class _Cash(NamedTuple):
    """What a month of the plan pays, from the first: at its beginning, and at its end."""

    advance: Decimal
    arrears: Decimal


def _bought(plan: Plan) -> list[_Cash]:
    """Return month by month what the commitments pay."""
    mix, months = plan.best, dict[int, _Cash]()
    for deal, number in mix.solved.deals:
        quote, way = _as_bought(plan.quote, mix.market, deal)
        rate = whatif.rate_of(quote, way.totals.native_currency) * number
        begins = int(deal.first / RATE_MONTH_HOURS + Decimal("0.5"))
        for month in worth.cash(quote, way):
            held_ = months.get(begins + month.period.number, _Cash(ZERO, ZERO))
            paid = _Cash(held_.advance + month.advance * rate, held_.arrears + month.arrears * rate)
            months[begins + month.period.number] = paid
    return [months.get(number, _Cash(ZERO, ZERO)) for number in range(max(months, default=-1) + 1)]


def _as_bought(quote: Quote, market: Market, deal: Deal):  # type: ignore[no-untyped-def]
    """Return the quote over a deal's slot, and one instance of its offer evaluated there."""
    from planner.buying.market import from_hour

    there = from_hour(quote, deal.first)
    window = there.window._replace(hours=Decimal(deal.end - deal.first))
    there = there._replace(hours=window.hours, months=window.months)
    return there, whatif.evaluated(there, market.ways[deal.way])


def owed(plan: Plan) -> tuple[Owed, ...]:
    """Return what is owed month by month: only commitments that have begun by then count."""
    mix = plan.best
    if not mix.solved.deals:
        return ()
    made: dict[int, Decimal] = {}
    for deal, number in mix.solved.deals:
        quote, way = _as_bought(plan.quote, mix.market, deal)
        rate = whatif.rate_of(quote, way.totals.native_currency) * number
        begins = int(deal.first / RATE_MONTH_HOURS + Decimal("0.5"))
        months = worth.cash(quote, way)
        left = sum((m.advance + m.arrears for m in months), ZERO) * rate
        # What is paid on the day of signing is gone; what is owed is the rest.
        left -= sum((m.advance for m in months[:1]), ZERO) * rate
        made[begins] = made.get(begins, ZERO) + left
        for index, month in enumerate(months):
            after = months[index + 1].advance if index + 1 < len(months) else ZERO
            left -= (month.arrears + after) * rate
            at = begins + index + 1
            if index + 1 < len(months):
                made[at] = made.get(at, ZERO) + left
    last = max(made)
    return tuple(Owed(month, made.get(month, ZERO)) for month in range(last + 2))


def present_value(plan: Plan, rate: Decimal) -> Decimal:
    """Return all cash of the mix discounted to the first day: commitments when they are paid, the rest at each month's end."""
    mix = plan.best
    factor, result = 1 + rate / 12, ZERO
    for number, month in enumerate(_bought(plan)):
        result += month.advance / factor**number + month.arrears / factor ** (number + 1)
    covered, size = held(mix.solved.deals, len(mix.counts)), int(RATE_MONTH_HOURS)
    parts = []
    for begin in range(0, len(mix.counts), size):
        end = begin + size
        parts.append(rest(mix.counts[begin:end], covered[begin:end], mix.market.paid.since(begin)).cost)
    hourly, whole = sum(parts, ZERO), mix.solved.on_demand_cost + mix.solved.spot_cost
    scale = whole / hourly if hourly else ZERO
    for number, part in enumerate(parts):
        beside = mix.market.fixed / len(parts)
        result += (part * scale + beside) / factor ** (number + 1)
    return result


def _changes(paid: Paid, which: str) -> dict[str, Any]:
    """Return the prices of an hour where they change: from which hour of the demand on which holds, null where it falls in steps."""
    if not paid.later:
        return {}
    prices = [(0, getattr(paid, which)), *((hour, getattr(one, which)) for hour, one in paid.later)]
    return {
        "prices": [{"first_hour": hour, "price": None if price is None else plain(price)} for hour, price in prices]
    }


def hourly_json(market: Market, solved: Solved) -> list[dict[str, Any]]:
    """Return what runs on demand and on spot."""
    return [
        {"offer": offer.id, "instance_hours": hours, "cost": plain(cost), **_changes(market.paid, which)}
        for which, offer, hours, cost in (
            ("hour", market.on_demand, solved.on_demand, solved.on_demand_cost),
            ("spot", market.spot, solved.spot, solved.spot_cost),
        )
        if offer is not None and hours
    ]
