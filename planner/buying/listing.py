"""A portfolio, told to people as a table and to programs as JSON (docs/portfolio.md names its fields)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from planner.buying.portfolio import Row
from planner.buying.report import columns
from planner.buying.sharing import Shared
from planner.i18n import English
from planner.money import plain, show
from planner.quoting.records import Offer
from planner.records import NamedTuple
from planner.text import plural

__all__ = ["SCHEMA", "Portfolio", "as_json", "table"]

SCHEMA = "planner.portfolio/1"
ZERO = Decimal(0)


class Portfolio(NamedTuple):
    """The answer. shared: where commitments are bought for all, and that is cheaper; tried: whether it was asked for. budget: of
    all workloads, None without."""

    rows: tuple[Row, ...]
    shared: Shared | None
    tried: bool
    currency: str
    quoted_on: str
    budget: Decimal | None

    @property
    def apart(self) -> Decimal:
        """What all cost, each by itself."""
        return sum((row.cost for row in self.rows), ZERO)

    @property
    def cost(self) -> Decimal:
        """What all cost."""
        return self.apart if self.shared is None else self.apart - self.shared.apart + self.shared.cost

    @property
    def served(self) -> int:
        return sum(1 for row in self.rows if not row.why)


def _share(part: Decimal, whole: Decimal) -> str:
    return f"{show(part / whole * 100, 1)} %" if whole else "-"


#: How an offer is bought, in a language (planner.rendering.words).
Way = Callable[[Offer, English], str]


def table(found: Portfolio, t: English, top: int, way: Way) -> str:
    """Return the answer for people: the `top` dearest workloads, what they cost together, by cloud, and what they share."""
    parts = (_head(found, t), _rows(found, t, top), _clouds(found, t), _pools(found, t, way), _failed(found, t))
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _head(found: Portfolio, t: English) -> list[str]:
    key = plural(
        found.served,
        "{n} workload: {amount} {code} to pay, all obligations included.",
        "{n} workloads: {amount} {code} to pay, all obligations included.",
    )
    lines = [t(key, n=f"{found.served:,}", amount=show(found.cost), code=found.currency)]
    shared = found.shared
    if shared is not None:
        told = {"apart": show(found.apart), "share": _share(found.apart - found.cost, found.apart)}
        lines.append(t("Each by itself: {apart}; shared commitments save {share}.", **told))
    elif found.tried:
        lines.append(t("Shared commitments save nothing here: each workload by itself."))
    if found.budget is not None:
        rest = found.budget - found.cost
        values = {"limit": show(found.budget), "rest": show(abs(rest))}
        lines.append(
            t("Budget {limit}: {rest} left.", **values) if rest >= 0 else t("Budget {limit}: {rest} over.", **values)
        )
    return lines


def _rows(found: Portfolio, t: English, top: int) -> list[str]:
    served = sorted((row for row in found.rows if not row.why), key=lambda r: (-r.cost, r.name))
    header = (t("workload"), t("provider"), t("region"), t("instance type"), t("at most"), t("hours"), t("to pay"))
    lines = [
        (r.name, r.provider, r.region, f"{r.instance_type} ({r.gpu})", str(r.instances), f"{r.hours:,}", show(r.cost))
        for r in served[:top]
    ]
    made = columns([header, *lines], "llllrrr", "  ")
    if len(served) > top:
        rest = sum((r.cost for r in served[top:]), ZERO)
        key = "  ... and {n} more: {amount} (--top {all} shows them)"
        made.append(t(key, n=f"{len(served) - top:,}", amount=show(rest), all=len(served)))
    return made


def _clouds(found: Portfolio, t: English) -> list[str]:
    sums: dict[tuple[str, str], tuple[int, Decimal]] = {}
    for row in found.rows:
        if not row.why:
            number, cost = sums.get((row.provider, row.region), (0, ZERO))
            sums[row.provider, row.region] = (number + 1, cost + row.cost)
    rows = [
        (place[0], place[1], f"{number:,}", show(cost), _share(cost, found.apart))
        for place, (number, cost) in sorted(sums.items(), key=lambda x: -x[1][1])
    ]
    header = (t("provider"), t("region"), t("workloads"), t("by themselves"), t("share"))
    return columns([header, *rows], "llrrr", "  ") if len(rows) > 1 else []


def _pools(found: Portfolio, t: English, way: Way) -> list[str]:
    if found.shared is None:
        return []
    rows: list[Sequence[str]] = [
        (t("shared"), t("region"), t("instance type"), t("workloads"), t("commitments"), t("at most"), t("to pay"))
    ]
    for pool in found.shared.pools:
        market = pool.market
        deals: dict[str, int] = {}
        for deal, number in pool.solved.deals:
            name = way(market.ways[deal.way], t)
            deals[name] = max(deals.get(name, 0), number)
        told = t("; ").join(f"{n} x {name}" for name, n in deals.items()) or "-"
        most = str(max(pool.counts))
        rows.append(
            (market.provider, market.region, market.instance_type, f"{len(pool.names):,}", told, most, show(pool.cost))
        )
    lines = columns(rows, "lllrlrr", "  ")
    if found.shared.moved:
        key = "{n} workloads take another type than by themselves."
        lines.append(t(key, n=f"{len(found.shared.moved):,}"))
    return lines


def _failed(found: Portfolio, t: English) -> list[str]:
    failed = [row for row in found.rows if row.why]
    lines = [
        t(
            plural(len(failed), "{n} workload is served by nothing:", "{n} workloads are served by nothing:"),
            n=len(failed),
        )
    ]
    lines += [f"  {row.name} ({row.where}): {row.why}" for row in failed[:20]]
    lines += [f"  ... {len(failed) - 20:,}"] if len(failed) > 20 else []
    over = [row for row in found.rows if row.over]
    told = [t("{name} is {amount} over its own budget.", name=row.name, amount=show(row.over)) for row in over[:20]]
    return (lines if failed else []) + told


def as_json(found: Portfolio) -> dict[str, Any]:
    """Return `planner.portfolio/1`: amounts as text, exact; null for what does not apply."""
    shared = found.shared
    return {
        "schema": SCHEMA,
        "quoted_on": found.quoted_on,
        "currency": found.currency,
        "cost": plain(found.cost),
        "cost_apart": plain(found.apart),
        "budget": None if found.budget is None else plain(found.budget),
        "workloads": [_row(row) for row in found.rows],
        "shared": None
        if shared is None
        else {
            "hours": shared.hours,
            "start": shared.start,
            "cost": plain(shared.cost),
            "cost_apart": plain(shared.apart),
            "moved": list(shared.moved),
            "pools": [
                {
                    **dict(zip(("provider", "site", "region", "instance_type"), pool.market[:4], strict=True)),
                    "workloads": list(pool.names),
                    "peak_instances": max(pool.counts),
                    "cost": plain(pool.cost),
                    "commitments": [
                        {
                            "offer": pool.market.ways[deal.way].id,
                            "number": number,
                            "first_hour": deal.first,
                            "end_hour": deal.end,
                            "cost": plain(deal.cost * number),
                        }
                        for deal, number in pool.solved.deals
                    ],
                    "on_demand_hours": pool.solved.on_demand,
                    "spot_hours": pool.solved.spot,
                }
                for pool in shared.pools
            ],
        },
    }


def _row(row: Row) -> dict[str, Any]:
    if row.why:
        return {"name": row.name, "where": row.where, "error": row.why}
    return {
        "name": row.name,
        "where": row.where,
        "provider": row.provider,
        "site": row.site,
        "region": row.region,
        "instance_type": row.instance_type,
        "gpu": row.gpu,
        "instances": row.instances,
        "hours": row.hours,
        "cost": plain(row.cost),
        "over_its_budget": plain(row.over) if row.over else None,
        "takes": [
            {"offer": offer, "number": number or None, "cost": plain(cost)} for offer, number, cost in row.offers
        ],
    }
