"""Writes terraform/<provider>/kubernetes: the trees that `emit-k8s` makes of the committed price lists (`make terraform`).

    python -m tools.reference_kubernetes [DIR]     default: terraform/ of this checkout

DeepSeek-R1 over several nodes on each cloud, each with other parts beside it: a queue by Kueue, an autoscaler between two groups,
gang scheduling by Volcano over a slow network. The clock stands still, so the same lists and templates give the same bytes; a
test compares them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NamedTuple

from planner.kubernetes import target, tree
from planner.kubernetes.target import Cluster
from planner.prices import fx
from planner.prices.catalog import Catalog
from planner.quoting import build
from planner.terraform import deploy
from planner.workload import Workload
from tools.reference_modules import NOW, ROOT, write


class Case(NamedTuple):
    """What is asked for on one cloud."""

    provider: str
    workload: Workload
    cluster: Cluster


def _case(provider: str, kind: str, cluster: Cluster, count: int = 0, pipeline_gbps: int = 100) -> Case:
    workload = Workload(
        provider=(provider,),
        instance_type=(kind,),
        purchase_option=("on_demand",),
        model="DeepSeek-R1",
        count=count,
        pipeline_gbps=pipeline_gbps,
    )
    return Case(provider, workload, cluster)


MIRROR = "registry.example.com/llm"
CASES = (
    _case("aws", "p4d.24xlarge", Cluster(host="llm.example.com", observe=True, queue="kueue")),
    _case("alicloud", "ecs.ebmgn7ex.32xlarge", Cluster(registry=MIRROR, observe=True, min_replicas=1), 4),
    _case(
        "tencentcloud",
        "GT4.41XLARGE948",
        Cluster(registry=MIRROR, lb_subnet="subnet-1a2b3c4d", queue="volcano"),
        pipeline_gbps=50,
    ),
)


def trees() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (folder below terraform/, {path: text}) of every reference tree."""
    catalog = Catalog()
    for case in CASES:
        quote = build.quote(case.workload, catalog, NOW.date().isoformat(), fx.Rates(fx.committed(""), ()))
        offer = deploy.pick(quote, case.provider, option=case.workload.purchase_option)
        made = target.target(deploy.deploy(quote, offer, deploy.Settings(NOW)), case.cluster, {}, NOW.date())
        yield f"{case.provider}/kubernetes", tree.files(made, quote, offer, existing=False)


def main(root: str = ROOT) -> None:
    """Write every tree below `root`."""
    write(trees(), root)


if __name__ == "__main__":
    main(*sys.argv[1:2])
