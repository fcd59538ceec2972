"""What stands between cluster and manifests: kinds, then operators, each pinned, with values and the order.

What every cloud takes is in planner/data/addons.csv, a cloud's own controllers in its kubernetes.toml.
"""

from __future__ import annotations

import os
from typing import Any

from planner import templating
from planner.kubernetes import facts
from planner.kubernetes.facts import Addon
from planner.kubernetes.target import Target
from planner.records import NamedTuple
from planner.templating import render
from planner.terraform import cloud

__all__ = ["Step", "files", "steps"]


class Step(NamedTuple):
    """One thing to install. release, namespace: of a chart, "" for plain kinds. values: its file below addons/, "" for none."""

    addon: Addon
    release: str
    namespace: str
    values: str


def steps(t: Target, existing: bool) -> list[Step]:
    """Return what the deployment needs, in the order in which it is applied. existing: the cluster is the user's."""
    metrics = t.cluster.observe or t.cluster.min_replicas is not None
    kinds = [("gateway-api", True), ("inference-extension", True), ("llm-d-router", True)]
    operators = [
        ("istio-base", "istio-system", t.cluster.gateway_class == "istio"),
        ("istiod", "istio-system", t.cluster.gateway_class == "istio"),
        ("kube-prometheus-stack", "monitoring", metrics),
        ("gpu-operator", "gpu-operator", t.cluster.observe or not t.service.device_plugin),
        ("external-secrets", "external-secrets", t.service.secrets_operator == "external-secrets"),
        ("volcano", "volcano-system", t.cluster.queue == "volcano"),
        ("lws", "lws-system", t.size > 1),
        ("kueue", "kueue-system", t.cluster.queue == "kueue"),
        ("keda", "keda", t.cluster.min_replicas is not None),
    ]
    wanted = [(facts.addon(name), "") for name, needed in kinds if needed]
    # The cloud's controllers before the operators: one of them answers for every Service and pod that comes after.
    wanted += facts.own(t.service, ("always", *_occasions(t, existing)))
    wanted += [(facts.addon(name), space) for name, space, needed in operators if needed]
    found = []
    for number, (addon, space) in enumerate(wanted, 1):
        chart = addon.kind == "chart"
        file = f"{number:02}-{addon.name}.yaml" if chart and _template(t, addon.name) else ""
        found.append(Step(addon, addon.name if chart else "", space, file))
    return found


def _occasions(t: Target, existing: bool) -> list[str]:
    # What is reserved is paid, used or not: nobody takes its nodes away.
    scaling = t.cluster.min_replicas is not None and not existing and not t.d.capacity
    return [name for name, holds in (("fabric", bool(t.fabric)), ("scaling", scaling)) if holds]


def _template(t: Target, name: str) -> str:
    """Return the template of a chart's values, the cloud's own before the shared one; "" where the chart's own are what is wanted."""
    for folder, place in ((cloud.templates(t.d.provider), "cloud/kubernetes"), (templating.folder(), "kubernetes")):
        if os.path.isfile(os.path.join(folder, "kubernetes", "addons", f"{name}.yaml.j2")):
            return f"{place}/addons/{name}.yaml.j2"
    return ""


def files(t: Target, values: dict[str, Any]) -> dict[str, str]:
    """Return `{path: text}` below addons/."""
    home = cloud.templates(t.d.provider)
    order = steps(t, values["existing"])
    made = {f"addons/{s.values}": render(_template(t, s.addon.name), own=home, **values) for s in order if s.values}
    before = os.path.isfile(os.path.join(home, "kubernetes", "addons", "before.sh.j2"))
    for name, template in (("README.md", "README.md.j2"), ("install.sh", "install.sh.j2")):
        made[f"addons/{name}"] = render(f"kubernetes/addons/{template}", own=home, steps=order, before=before, **values)
    return made
