"""The cluster's own Terraform: control plane, network, GPU pool and CPU nodes, from the cloud's templates.

Nothing of Kubernetes inside is written here: Terraform that also spoke to the cluster's API could not be planned before it stands.
"""

from __future__ import annotations

import os
import re
from math import ceil
from typing import Any

from planner.errors import MisuseError
from planner.kubernetes.facts import Service
from planner.kubernetes.target import Target, addresses, patience
from planner.money import plain
from planner.templating import render
from planner.terraform import cloud, words
from planner.terraform.align import tidy
from planner.terraform.deployment import Deployment
from planner.terraform.hcl import parse

__all__ = ["CPU_DISK_GB", "CPU_NODES", "check", "files", "level"]

#: Two, so that the gateway and the name service outlive one of them.
CPU_NODES = 2
CPU_DISK_GB = 100
#: Mbit/s that a NAT gateway is sold with, where it has a limit of its own.
BANDWIDTHS = (100, 200, 500, 1000, 2000, 5000)
#: Smallest control plane that takes this many nodes, where the cloud sells it by size.
LEVELS = ((5, "L5"), (20, "L20"), (50, "L50"), (100, "L100"))


def level(nodes: int) -> str:
    """Return the size of the control plane for this many GPU nodes."""
    return next((name for most, name in LEVELS if nodes + CPU_NODES <= most), "L200")


def check(d: Deployment, service: Service) -> None:
    """Raise `MisuseError`, with the way out, for a pool that cannot be written."""
    way = "make the nodes yourself and add --existing-cluster"
    if d.prepaid:
        raise MisuseError(
            f"a pool is bought by the hour or as spot, and this offer is a subscription: take another, or {way}"
        )
    if d.spot_limit and not service.spot_limit:
        raise MisuseError(
            f"--spot-limit: {service.service} pays the market price in its pools, up to the on-demand price; drop it"
        )
    if not d.storage_gb and not service.nvme_path:
        raise MisuseError(
            f"{d.instance_type} has local disks that {service.service} does not mount by itself: choose a type without them, or {way}"
        )
    if d.instance_type.startswith(service.apart):
        raise MisuseError(
            f"{d.instance_type} is not sold to a node pool of {service.service}: choose another type, or {way}"
        )
    if d.public_ip:
        raise MisuseError("nodes of a cluster have no public addresses: quote without --public-ips")
    if service.driver and int(d.stack.driver_min.partition(".")[0]) > service.driver:
        raise MisuseError(
            f"{d.gpu_model} with vLLM {d.stack.engine_version} needs driver {d.stack.driver_min}, and the node image of "
            f"{service.service} brings {service.driver}: choose another GPU or --engine, or {way}"
        )


def files(t: Target) -> dict[str, str]:
    """Return `{path: text}` of the Terraform below cluster/, aligned as `terraform fmt` does."""
    check(t.d, t.service)
    d = t.d
    own = cloud.templates(d.provider)
    facts = cloud.find(d.provider)
    place = os.path.join(own, "kubernetes", "cluster")
    names = sorted(name for name in os.listdir(place) if name.endswith(".tf.j2")) if os.path.isdir(place) else []
    if not names:
        raise MisuseError(f"{d.provider} has no templates of a cluster in {place}: add --existing-cluster")
    by_id = bool(facts.zone.id_pattern and re.fullmatch(facts.zone.id_pattern, d.zone))
    values: dict[str, Any] = {
        "t": t,
        "addresses": addresses(d, t.service),
        "nat_bandwidth": next(
            (n for n in BANDWIDTHS if n >= addresses(d, t.service) * t.service.nat_mbit_s), BANDWIDTHS[-1]
        ),
        "d": d,
        "cloud": facts,
        "cluster_level": level(d.count),
        "cpu_disk_gb": CPU_DISK_GB,
        "cpu_nodes": CPU_NODES,
        "disk_kind": facts.disks.kinds.get(d.instance_type.partition(".")[0], facts.disks.kind),
        "hours": plain(d.hours),
        # A block, and a spot pool, take no placement group: it would only narrow what can be had.
        "placed": d.layout.pp > 1 and d.purchase_option not in ("spot", "capacity_block"),
        "scaling": t.cluster.min_replicas is not None and not d.capacity,
        "support_end": t.service.versions[t.version],
        "zone_argument": facts.zone.id_argument if by_id else facts.zone.argument,
        "zone_by_id": by_id,
        "unneeded_minutes": ceil(patience(t.times) / 60),
        **words.of(d, facts),
    }
    made = {
        f"cluster/{name.removesuffix('.j2')}": tidy(render(f"cloud/kubernetes/cluster/{name}", own=own, **values))
        for name in names
    }
    values |= {
        "asked": _asked(made["cluster/variables.tf"], values),
        "own_file": "> kubeconfig" in made["cluster/outputs.tf"],
        "tunnel": 'output "tunnel"' in made["cluster/outputs.tf"],
        "protected": "deletion_protection" in made["cluster/main.tf"],
    }
    made["cluster/README.md"] = render("kubernetes/cluster/README.md.j2", own=own, **values)
    made["cluster/.gitignore"] = render("common/gitignore.j2", own=own, **values) + "kubeconfig\n"
    return made


def _asked(text: str, values: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (name, what it is) of every variable that has no default, as variables.tf describes it."""
    found = []
    for block in parse(text, "variables.tf").blocks:
        if block.header[0] == "variable" and "default" not in block.attributes:
            name, said = block.header[1], str(block.attributes["description"][1])
            found.append((name, f"`{values['zones']}`" if name == "zone" else said))
    return found
