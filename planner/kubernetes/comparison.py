"""One offer on plain instances and on the cloud's managed Kubernetes: what the cluster adds in money, and what is had for it.

Both bills are made in the room that makes every bill (planner.quoting.around): plain instances with what a module of emit-tf
creates, the cluster with what cluster/ and serve/ of emit-k8s create. Here they only stand side by side.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any

from planner.buying.report import columns
from planner.errors import MisuseError
from planner.i18n import English
from planner.kubernetes import cluster, costs, target
from planner.kubernetes.costs import Stand
from planner.kubernetes.target import Cluster
from planner.money import plain, show
from planner.prices.catalog import Catalog
from planner.quoting import around
from planner.quoting.around import Bill
from planner.quoting.records import Charge, Offer, Quote
from planner.records import NamedTuple
from planner.terraform import cloud, deploy
from planner.terraform.deploy import Settings
from planner.text import Text, text

__all__ = ["SCHEMA", "Comparison", "Level", "Row", "as_json", "make", "table"]

SCHEMA = "planner.target/1"
ZERO = Decimal(0)


class Row(NamedTuple):
    """A charge of either way, in the window. plain, cluster: 0 where it is not had. source: of its price."""

    name: Text
    plain: Decimal
    cluster: Decimal
    formula: Text
    source: dict[str, Any]


class Level(NamedTuple):
    """What the cluster costs with so many replicas kept through the whole window. at: "minimum", "expected" or "maximum"."""

    at: str
    replicas: int
    nodes: int
    amount: Decimal


class Comparison(NamedTuple):
    """Both ways of one offer. replicas of `size` nodes each; autoscaled: the machines' bill falls with their number.
    scales_nodes: that number follows the replicas by itself."""

    quote: Quote
    offer: Offer
    service: str
    version: str
    replicas: int
    size: int
    rows: tuple[Row, ...]
    plain: Bill
    cluster: Bill
    levels: tuple[Level, ...]
    bought: tuple[Text, ...]
    autoscaled: bool
    scales_nodes: bool


def make(quote: Quote, offer: Offer, catalog: Catalog) -> Comparison:
    """Return the comparison; raise `MisuseError` for what emit-k8s would refuse."""
    rules = cloud.find(offer.provider).options.get(offer.purchase_option)
    limit = (
        Decimal(1) if offer.purchase_option == "spot" and rules and rules.needs_limit else None
    )  # no cost hangs on it
    now = datetime.now(UTC)
    d = deploy.deploy(quote, offer, Settings(now, spot_limit=limit), catalog=catalog)
    service, version, replicas, size = target.check(d, Cluster(), now.date())
    if d.prepaid:
        raise MisuseError(
            f"a pool is bought by the hour or as spot, and {offer.id} is a subscription: name another with --offer ID, "
            "or quote with --purchase-option on_demand"
        )
    cluster.check(d, service)
    stand = Stand(d, service, Cluster())
    asked = around.stand_of(quote, offer)
    single = around.bill(quote, offer, catalog, stand=asked)
    whole = around.bill(quote, offer, catalog, costs.created(stand, existing=False))
    autoscaled = not d.prepaid and offer.commitment is None
    return Comparison(
        quote=quote,
        offer=offer,
        service=service.service,
        version=version,
        replicas=replicas,
        size=size,
        rows=_rows(single.charges, whole.charges),
        plain=single,
        cluster=whole,
        levels=_levels(quote, offer, catalog, stand, (replicas, size, autoscaled), whole),
        bought=_bought(replicas, size),
        autoscaled=autoscaled,
        scales_nodes=service.scales_nodes,
    )


def _rows(single: Iterable[Charge], whole: Iterable[Charge]) -> tuple[Row, ...]:
    """Return both bills by name, in the order of the cluster's, then what only the plain instances have."""
    sums: list[dict[Text, Decimal]] = [{}, {}]
    said: dict[Text, Charge] = {}
    for place, charges in ((1, whole), (0, single)):
        for charge in charges:
            sums[place][charge.name] = sums[place].get(charge.name, ZERO) + charge.amount
            said.setdefault(charge.name, charge)
    return tuple(
        Row(name, sums[0].get(name, ZERO), sums[1].get(name, ZERO), charge.formula, charge.source._asdict())
        for name, charge in said.items()
    )


def _levels(
    quote: Quote, offer: Offer, catalog: Catalog, stand: Stand, sized: tuple[int, int, bool], whole: Bill
) -> tuple[Level, ...]:
    """Return what the fewest replicas, those that the demand needs on average, and the quote's cost.

    Expected: the demand over the low estimate, without the share kept free and the spare machines; the quote's own where no demand is said.
    """
    replicas, size, autoscaled = sized
    per_node = replicas // offer.count if size == 1 else 1
    use = offer.sizing.utilisation
    needed = replicas if use is None else int((Decimal(str(use)) * replicas).to_integral_value(ROUND_CEILING))
    levels = []
    for at, kept in (("minimum", 1), ("expected", min(replicas, max(1, needed))), ("maximum", replicas)):
        nodes = -(-kept // per_node) * size
        bill = whole if nodes == offer.count else _at(quote, offer, catalog, stand, nodes, autoscaled)
        levels.append(Level(at, kept, nodes, bill.totals.effective))
    return tuple(levels)


def _at(quote: Quote, offer: Offer, catalog: Catalog, stand: Stand, nodes: int, autoscaled: bool) -> Bill:
    """Return the bill with `nodes` machines; what is committed to is paid whether it runs or not."""
    lines = tuple(x._replace(count=nodes) if x.part == "compute" and autoscaled else x for x in offer.lines)
    fewer = offer._replace(count=nodes, lines=lines)
    return around.bill(quote, fewer, catalog, costs.created(stand, existing=False, nodes=nodes))


def _bought(replicas: int, size: int) -> tuple[Text, ...]:
    """Return what a cluster does that plain instances do not, by what emit-k8s writes for this offer."""
    said = [
        text("an engine that hangs or ends is started again, and pods move to another node when theirs fails"),
        text("a new version goes out one replica at a time, and running requests are drained before"),
    ]
    if size > 1:
        said.append(text("the {nodes} nodes of a replica start, and start again, as one group", nodes=size))
    if replicas > 1:
        said += [
            text("each request goes to the replica with the shortest queue and the prompt in its cache"),
            text("the number of replicas follows the requests that wait (emit-k8s --min-replicas)"),
        ]
    return (*said, text("teams share the GPUs by quota and priority (emit-k8s --queue)"))


# -- told ------------------------------------------------------------------------------------------------------------


def table(made: Comparison, t: English) -> str:
    """Return the comparison for people."""
    offer, code = made.offer, made.cluster.currency
    single, whole = made.plain.totals.effective, made.cluster.totals.effective
    key = "{id}: {count} x {type} in {region}, {hours} hours, on {service} {version} and as plain instances"
    said = {"id": offer.id, "count": offer.count, "type": offer.instance_type, "region": offer.region}
    head = [t(key, **said, hours=plain(made.quote.hours), service=made.service, version=made.version)]
    rows: list[tuple[str, ...]] = [
        (t("{code} in the window", code=code), t("plain instances"), t("on the cluster"), t("difference"))
    ]
    for row in made.rows:
        amounts = [show(x) if x else "-" for x in (row.plain, row.cluster)]
        rows.append((t.say(row.name), *amounts, _signed(row.cluster - row.plain)))
    rows.append((t("in all"), show(single), show(whole), _signed(whole - single)))
    body = columns(rows, "lrrr", "  ")
    gaps = [t("not in the total: {text}", text=t.say(one)) for one in dict.fromkeys(made.cluster.unpriced)]
    if _least(made):
        gaps.append(t("What only the cluster has and what has no price is in no sum: the difference is at least this."))
    bought = [t("What the cluster does for it:"), *(f"  - {t.say(one)}" for one in made.bought)]
    key = "On the cluster at the minimum, expected and maximum number of replicas, held for the whole window:"
    levels: list[tuple[str, ...]] = [(t("kept"), t("replicas"), t("nodes"), t("{code} in the window", code=code))]
    levels += [(t(one.at), str(one.replicas), str(one.nodes), show(one.amount)) for one in made.levels]
    scaled = [t(key), *columns(levels, "lrrr", "  ")]
    if not made.autoscaled:
        scaled.append(t("The machines are committed to and paid whether they run or not."))
    elif not made.scales_nodes and made.replicas > 1:
        key = "Nodes of {service} do not follow the replicas by themselves: an autoscaler, or you, must take them away."
        scaled.append(t(key, service=made.service))
    return "\n\n".join("\n".join(part) for part in (head, body, gaps, bought, scaled) if part) + "\n"


def _signed(amount: Decimal) -> str:
    return f"+{show(amount)}" if amount > 0 else show(amount) if amount else "-"


def _least(made: Comparison) -> bool:
    """Return whether something that only the cluster has is without a price, so that the difference is a lower bound."""
    return bool(set(map(str, made.cluster.unpriced)) - set(map(str, made.plain.unpriced)))


def as_json(made: Comparison) -> dict[str, Any]:
    """Return `planner.target/1`: amounts as text, exact, in the offer's own currency."""
    single, whole = made.plain.totals.effective, made.cluster.totals.effective
    return {
        "schema": SCHEMA,
        "target": "kubernetes",
        "quote": made.quote.hash,
        "offer": made.offer.id,
        "service": made.service,
        "kubernetes": made.version,
        "hours": plain(made.quote.hours),
        "currency": made.cluster.currency,
        "replicas": made.replicas,
        "nodes_per_replica": made.size,
        "charges": [
            {
                "name": str(row.name),
                "plain": plain(row.plain),
                "cluster": plain(row.cluster),
                "difference": plain(row.cluster - row.plain),
                "formula": str(row.formula),
                "source": row.source,
            }
            for row in made.rows
        ],
        "unpriced": {
            "plain": [str(said) for said in made.plain.unpriced],
            "cluster": [str(said) for said in made.cluster.unpriced],
        },
        "totals": {"plain": plain(single), "cluster": plain(whole), "overhead": plain(whole - single)},
        "overhead_is_at_least": _least(made),
        "bought": [str(said) for said in made.bought],
        "nodes_follow": made.scales_nodes and made.autoscaled,
        "levels": [{**one._asdict(), "amount": plain(one.amount)} for one in made.levels],
    }
