"""What a deployment on a cluster costs: the machines, and what cluster/ and serve/ create around them, each priced or named.

The things are the cloud's own (kubernetes.toml), the sum is made where emit-tf's is made (planner.quoting.around).
"""

from __future__ import annotations

from decimal import Decimal

from planner.errors import CatalogError
from planner.kubernetes.cluster import CPU_DISK_GB, CPU_NODES, level
from planner.kubernetes.facts import Service
from planner.kubernetes.target import Cluster, Target, addresses
from planner.prices.catalog import Catalog
from planner.quoting.around import Bill, Thing, bill
from planner.quoting.records import Offer, Quote
from planner.records import NamedTuple
from planner.terraform import cloud
from planner.terraform.deploy import total
from planner.terraform.deployment import Deployment
from planner.text import text

__all__ = ["Stand", "costed", "created"]

ZERO = Decimal(0)


class Stand(NamedTuple):
    """What of a target decides what is created."""

    d: Deployment
    service: Service
    cluster: Cluster


def created(t: Target | Stand, existing: bool, nodes: int | None = None) -> list[Thing]:
    """Return what is charged beside the machines. existing: the cluster is the user's, and so are its network and its CPU nodes.

    nodes: how many of the pool's there are, where that is not the quote's number.
    """
    d, nodes = t.d, t.d.count if nodes is None else nodes
    weights = Decimal(str(round(d.weights_gib * 1.073741824, 3)))
    sizes = {
        "root_gb": Decimal(d.root_gb),
        "disk_gb": Decimal(d.storage_gb),
        "root_and_data_gb": Decimal(d.root_gb + d.storage_gb),
        "cpu_disk_gb": Decimal(CPU_DISK_GB),
        "weights_gb": weights,
    }
    disks = cloud.find(d.provider).disks
    variants = {"disk_kind": disks.kinds.get(d.instance_type.partition(".")[0], disks.kind), "level": level(d.count)}
    ours = not existing
    places = {
        "node": nodes,
        "data_disk": nodes if d.storage_gb else 0,
        "balancer": int(bool(t.service.gateway or t.cluster.lb_subnet)),
        "cluster": int(ours),
        "cpu": CPU_NODES * ours,
        "address": addresses(d, t.service) * ours,
        "download": nodes * ours,
    }
    made = []
    for entry in t.service.things:
        if entry["per"] not in places:
            raise CatalogError(
                f"{t.service.service}: things are charged per {', '.join(places)}, not per {entry['per']}"
            )
        size = entry.get("each", "1")
        each, count = sizes[size] if size in sizes else Decimal(size), places[entry["per"]]
        variant = variants.get(entry.get("variant", ""), entry.get("variant", ""))
        if count and each:
            use = bool(entry.get("use"))
            each, count = (ZERO, 0) if use else (each, count)
            made.append(
                Thing(
                    text(entry["what"]),
                    entry["item"],
                    variant,
                    each,
                    count,
                    use or entry["per"] == "download",
                    entry.get("unit", ""),
                )
            )
    return made


def costed(t: Target, quote: Quote, offer: Offer, existing: bool, catalog: Catalog) -> tuple[Target, Bill]:
    """Return the target with the costs of the cluster in place of a module's, and the whole bill."""
    whole = bill(quote, offer, catalog, created(t, existing))
    return t._replace(
        d=t.d._replace(
            cost=tuple((str(c.name), c.amount, c.currency) for c in whole.charges),
            cost_total=total(whole),
            unpriced=tuple(str(said) for said in whole.unpriced),
            bill=whole.totals.effective,
        )
    ), whole
