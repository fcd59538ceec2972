"""The matrix of issue 16: three clouds, each with what a platform team asks for."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import yaml

from planner.kubernetes import target, tree
from planner.kubernetes.target import Cluster, Target
from planner.quoting.records import Offer, Quote
from planner.terraform import deploy
from planner.terraform.deploy import Settings
from tests.conftest import make_quote
from tests.terraform.test_module import NOW, changed

REGISTRY = "registry.example.com/llm"
R1, SEVEN, HALF = "DeepSeek-R1", "DeepSeek-R1-Distill-Qwen-7B", "Qwen2.5-0.5B"


class Case(NamedTuple):
    """What is asked for. fields: the workload's; change: another way of buying of the offer."""

    provider: str
    fields: dict[str, Any]
    settings: dict[str, Any] = {}  # noqa: RUF012 - never changed
    cluster: dict[str, Any] = {}  # noqa: RUF012
    change: dict[str, Any] = {}  # noqa: RUF012


def _case(
    provider: str, kind: str, model: str, *, settings: Any = (), cluster: Any = (), change: Any = (), **fields: Any
) -> Case:
    fields = {"instance_type": (kind,), "model": model, **fields}
    return Case(provider, fields, dict(settings), dict(cluster), dict(change))


MIRROR = {"registry": REGISTRY}
SPOT = {"purchase_option": "spot"}
CASES: dict[str, Case] = {
    "aws-one": _case("aws", "g6.xlarge", "Llama-3.1-8B", settings={"hf_token_secret": "/hub/token"}),
    "aws-three": _case("aws", "g6.xlarge", SEVEN, count=3, cluster={"host": "llm.example.com", "namespace": "llm"}),
    "aws-nodes": _case("aws", "p4d.24xlarge", R1),
    "aws-groups": _case("aws", "p4d.24xlarge", R1, count=6),
    "aws-spot": _case("aws", "p4d.24xlarge", "DeepSeek-R1-Distill-Llama-70B", purchase_option=("spot",)),
    "aws-mainland": _case("aws", "g5.xlarge", SEVEN, region=("cn-north-1",), cluster=MIRROR),
    "alicloud-one": _case("alicloud", "ecs.gn7i-c16g1.4xlarge", SEVEN, region=("ap-southeast-1",)),
    "alicloud-three": _case(
        "alicloud", "ecs.gn7i-c16g1.4xlarge", SEVEN, count=3, cluster=MIRROR, settings={"hf_token_secret": "hub-token"}
    ),
    "alicloud-nodes": _case("alicloud", "ecs.ebmgn7ex.32xlarge", R1, cluster=MIRROR),
    "alicloud-spot": _case("alicloud", "ecs.gn7i-c16g1.4xlarge", SEVEN, cluster=MIRROR, change=SPOT),
    "tencentcloud-nodes": _case("tencentcloud", "GT4.41XLARGE948", R1, pipeline_gbps=50, cluster=MIRROR),
    "tencentcloud-one": _case("tencentcloud", "GN7.5XLARGE80", HALF, cluster=MIRROR),
    "tencentcloud-three": _case(
        "tencentcloud", "GN7.5XLARGE80", HALF, count=3, cluster={**MIRROR, "lb_subnet": "subnet-1a2b3c4d"}
    ),
    "tencentcloud-spot": _case(
        "tencentcloud",
        "GN7.5XLARGE80",
        HALF,
        cluster=MIRROR,
        change={**SPOT, "site": "china"},
        settings={"spot_limit": Decimal(9)},
    ),
    "aws-kueue": _case(
        "aws", "p4d.24xlarge", R1, count=6, cluster={"queue": "kueue", "observe": True, "min_replicas": 1}
    ),
    "alicloud-kueue": _case(
        "alicloud",
        "ecs.gn7i-c16g1.4xlarge",
        SEVEN,
        count=3,
        cluster={**MIRROR, "queue": "kueue", "observe": True, "min_replicas": 2},
    ),
    "tencentcloud-volcano": _case(
        "tencentcloud", "GN7.5XLARGE80", HALF, count=3, cluster={**MIRROR, "queue": "volcano", "observe": True}
    ),
    "alicloud-groups": _case(
        "alicloud",
        "ecs.ebmgn7ex.32xlarge",
        R1,
        count=4,
        cluster={**MIRROR, "queue": "volcano", "observe": True, "min_replicas": 0},
    ),
    "tencentcloud-groups": _case(
        "tencentcloud",
        "GT4.41XLARGE948",
        R1,
        count=6,
        pipeline_gbps=50,
        cluster={**MIRROR, "lb_subnet": "subnet-1a2b3c4d", "queue": "kueue", "observe": True, "min_replicas": 1},
    ),
    "tencentcloud-zero": _case(
        "tencentcloud", "GN7.5XLARGE80", HALF, count=3, cluster={**MIRROR, "observe": True, "min_replicas": 0}
    ),
    "aws-reserved": _case("aws", "p4d.24xlarge", R1, settings={"reserve_capacity": True}, cluster={"observe": True}),
    "aws-zero": _case("aws", "g6.xlarge", SEVEN, count=3, cluster={"observe": True, "min_replicas": 0}),
    "aws-volcano": _case("aws", "p4d.24xlarge", R1, cluster={"queue": "volcano"}),
}
#: What `make test` looks at; the rest is `make slow`.
SAMPLE = ("aws-one", "aws-nodes", "alicloud-three", "tencentcloud-spot", "aws-kueue")


class Made(NamedTuple):
    """One case, made."""

    target: Target
    files: dict[str, str]
    quote: Quote
    offer: Offer


@cache
def made(name: str) -> Made:
    """Return the tree of a case."""
    return build(CASES[name])


def build(case: Case, pins: dict[str, str] | None = None) -> Made:
    """Return the tree of what is asked for."""
    quote = make_quote(provider=(case.provider,), **case.fields)
    offer = changed(deploy.pick(quote, case.provider, option=case.fields.get("purchase_option", ())), case.change)
    d = deploy.deploy(quote, offer, Settings(NOW, **case.settings))
    t = target.target(d, Cluster(**case.cluster), pins or {}, NOW.date())
    return Made(t, tree.files(t, quote, offer), quote, offer)


def manifests(files: dict[str, str]) -> list[dict[str, Any]]:
    """Return every manifest of the base and the overlay, as written."""
    return [
        item
        for path, text in sorted(files.items())
        if path.startswith("serve/") and path.endswith(".yaml") and not path.endswith("kustomization.yaml")
        for item in yaml.safe_load_all(text)
    ]


def pods(items: list[dict[str, Any]]) -> list[tuple[str, int, dict[str, Any]]]:
    """Return (name, how many, pod spec) of everything that runs the engine."""
    found = []
    for item in items:
        spec = item.get("spec", {})
        name = item["metadata"]["name"]
        if item["kind"] == "Deployment" and not name.endswith("-router"):
            found.append((name, spec["replicas"], spec["template"]["spec"]))
        if item["kind"] == "LeaderWorkerSet":
            group = spec["leaderWorkerTemplate"]
            found.append((name, spec["replicas"], group["leaderTemplate"]["spec"]))
            found.append((name, spec["replicas"] * (group["size"] - 1), group["workerTemplate"]["spec"]))
    return found
