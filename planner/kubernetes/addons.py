"""What stands between cluster and manifests: kinds, then operators, each pinned (planner/data/addons.csv), with values and the order."""

from __future__ import annotations

from typing import Any

from planner.kubernetes import facts
from planner.kubernetes.facts import Addon
from planner.kubernetes.target import Target
from planner.records import NamedTuple
from planner.templating import render

__all__ = ["Step", "files", "steps"]


class Step(NamedTuple):
    """One thing to install. release, namespace: of a chart, "" for plain kinds. values: its file below addons/, "" for none."""

    addon: Addon
    release: str
    namespace: str
    values: str


def steps(t: Target, secrets: str) -> list[Step]:
    """Return what the deployment needs, in the order in which it is applied. secrets: the operator that brings the cloud's."""
    wanted = [
        ("gateway-api", "", True),
        ("inference-extension", "", True),
        ("llm-d-router", "", True),
        ("istio-base", "istio-system", t.cluster.gateway_class == "istio"),
        ("istiod", "istio-system", t.cluster.gateway_class == "istio"),
        ("kube-prometheus-stack", "monitoring", t.cluster.observe or t.cluster.min_replicas is not None),
        ("gpu-operator", "gpu-operator", t.cluster.observe or not t.service.device_plugin),
        ("external-secrets", "external-secrets", secrets == "external-secrets"),
        ("volcano", "volcano-system", t.cluster.queue == "volcano"),
        ("lws", "lws-system", t.size > 1),
        ("kueue", "kueue-system", t.cluster.queue == "kueue"),
        ("keda", "keda", t.cluster.min_replicas is not None),
    ]
    found = []
    for number, (name, space, needed) in enumerate([w for w in wanted if w[2]], 1):
        addon = facts.addon(name)
        file = f"{number:02}-{name}.yaml" if addon.kind == "chart" and name in _VALUES else ""
        found.append(Step(addon, name if addon.kind == "chart" else "", space if needed else "", file))
    return found


#: Charts whose own values are not what is wanted here.
_VALUES = ("istiod", "kube-prometheus-stack", "gpu-operator", "lws")


def files(t: Target, values: dict[str, Any]) -> dict[str, str]:
    """Return `{path: text}` below addons/."""
    order = steps(t, t.service.secrets_operator)
    made = {
        f"addons/{s.values}": render(f"kubernetes/addons/{s.addon.name}.yaml.j2", **values) for s in order if s.values
    }
    for name, template in (("README.md", "README.md.j2"), ("install.sh", "install.sh.j2")):
        made[f"addons/{name}"] = render(f"kubernetes/addons/{template}", steps=order, **values)
    return made
