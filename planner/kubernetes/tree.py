"""The tree of manifests: every file rendered and looked at for secrets before anyone writes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from decimal import Decimal
from ipaddress import ip_network
from typing import Any

from planner.errors import MisuseError
from planner.files import read_text
from planner.kubernetes import addons, cluster, costs
from planner.kubernetes.facts import number
from planner.kubernetes.target import PRESTOP_S, PROBE_S, Target, addresses, patience, times
from planner.money import plain, show
from planner.prices.catalog import Catalog
from planner.quoting.records import Offer, Quote
from planner.sizing import advisories, engines
from planner.templating import render, shell
from planner.terraform import bootstrap, cloud, module, monitoring, stack, words

__all__ = ["SCHEMA", "check_place", "files"]

SCHEMA = "planner.kubernetes/1"

#: Every tree's files, by their templates below templates/kubernetes/.
_BASE = (
    "namespace.yaml",
    "engine.yaml",
    "weights.yaml",
    "router.yaml",
    "gateway.yaml",
    "guard.yaml",
    "kustomization.yaml",
)

#: A ready engine lists its model to who has the key; a socket that is open does not yet mean so much.
ASK_MODELS = (
    'import os, urllib.request as r; r.urlopen(r.Request("http://127.0.0.1:8000/v1/models", '
    'headers={"Authorization": "Bearer " + os.environ["VLLM_API_KEY"]}), timeout=9)'
)
DIAL_HEAD = 'import os, socket; socket.create_connection((os.environ["LWS_LEADER_ADDRESS"], 29501), 9)'


def files(
    target: Target, quote: Quote, offer: Offer, existing: bool = True, catalog: Catalog | None = None
) -> dict[str, str]:
    """Return `{path: text}` of the whole tree, sorted by path; raise `MisuseError` for what would hold a secret.

    existing: the cluster is there, and its Terraform is left out. catalog: the prices of what stands around the machines; None
    takes the committed lists.
    """
    t, whole = costs.costed(target, quote, offer, existing, catalog or Catalog())
    t = t._replace(times=times(t.d, t.service, existing))
    d = t.d
    own = cloud.templates(d.provider)
    secrets = os.path.isfile(os.path.join(own, "kubernetes", "secrets.yaml.j2"))
    values = {
        **_values(t, secrets, existing, whole.around),
        "plain_total": target.d.cost_total,
        "around": show(whole.totals.effective - target.d.bill),
    }

    def write(name: str) -> str:
        return render(name, own=own, **values)

    made = {f"serve/base/{name}": write(f"kubernetes/base/{name}.j2") for name in _BASE}
    made["serve/base/model.py"] = render(
        "bootstrap/model.py.j2", d=d, hub_id=values["hub_id"], directory=values["directory"]
    )
    over = f"serve/overlays/{d.provider}"
    made[f"{over}/kustomization.yaml"] = write("kubernetes/overlay.yaml.j2")
    if secrets:
        made[f"{over}/secrets.yaml"] = write("cloud/kubernetes/secrets.yaml.j2")
    for part in values["components"]:
        made |= _component(part, t, write)
    made |= addons.files(t, values)
    made["serve/README.md"] = write("kubernetes/README.md.j2")
    if not existing:
        made |= cluster.files(t)
    made["planner.json"] = _record(t, quote, offer)
    module.scan(made)
    return dict(sorted(made.items()))


def _component(part: str, t: Target, write: Callable[[str], str]) -> dict[str, str]:
    """Return the files of one component: what it adds, and the kustomization that says so."""
    place, source = (
        f"serve/components/{part}",
        f"kubernetes/components/{part if part != 'queue' else t.cluster.queue}.yaml.j2",
    )
    made = {f"{place}/kustomization.yaml": write(source)}
    if part == "queue":
        made[f"{place}/queue.yaml"] = write(f"kubernetes/components/{t.cluster.queue}-queue.yaml.j2")
    elif part == "scale":
        made[f"{place}/scaledobject.yaml"] = write("kubernetes/components/scaledobject.yaml.j2")
    elif part == "monitor":
        made[f"{place}/monitors.yaml"] = write("kubernetes/components/monitors.yaml.j2")
    elif part == "observe":
        made[f"{place}/rules.yaml"] = write("kubernetes/components/rules.yaml.j2")
        made[f"{place}/dashboard.json"] = monitoring.dashboard(t.d)
    return made


def check_place(folder: str, target: Target) -> None:
    """Raise `MisuseError` where the folder is another thing's, or another deployment beside it has the namespace of the same cluster.

    Two trees of one namespace each hold it and its secret store: deleting one would delete the other's.
    """
    there = _written(folder)
    if there and there.get("schema") != SCHEMA:
        raise MisuseError(f"{folder} holds a module of emit-tf; choose another folder with -o")
    ours = {"schema": SCHEMA, "provider": target.d.provider, "region": target.d.region, "namespace": target.namespace}
    parent = os.path.dirname(os.path.abspath(folder))
    for name in sorted(os.listdir(parent)) if os.path.isdir(parent) else ():
        beside = os.path.join(parent, name)
        if os.path.realpath(beside) == os.path.realpath(folder):
            continue
        other = _written(beside)
        if other.get("name") != target.d.name and all(other.get(key) == value for key, value in ours.items()):
            raise MisuseError(
                f"--namespace {target.namespace}: {beside} has it already; two deployments do not share one, choose another name"
            )


def _written(folder: str) -> dict[str, Any]:
    """Return the record in a folder, {} where there is none that can be read."""
    try:
        raw = json.loads(read_text(os.path.join(folder, "planner.json"), "record", 1 << 20))
    except (MisuseError, ValueError, RecursionError):
        return {}
    return raw if isinstance(raw, dict) else {}


def _record(t: Target, quote: Quote, offer: Offer) -> str:
    """Return planner.json: emit-tf's own record, and what the cluster adds."""
    body = json.loads(module.record(t.d, quote, offer))
    more = {
        "name": t.d.name,
        "region": t.d.region,
        "namespace": t.namespace,
        "kubernetes": t.version,
        "replicas": t.replicas,
        "nodes": t.size,
        "gpus": t.gpus,
        "weights_wait_s": t.times.weights_wait,
        "engine_wait_s": t.times.engine_wait,
    }
    return json.dumps({**body, "schema": SCHEMA, **more}, indent=2, ensure_ascii=False) + "\n"


def _values(t: Target, secrets: bool, existing: bool, fixed: Decimal) -> dict[str, Any]:
    """Return what the templates need beside the target."""
    d, facts = t.d, cloud.find(t.d.provider)
    hub_id = bootstrap.hub_id(d)
    path = bootstrap.model_path(d)
    mark = f"^{hub_id} {d.revision}$" if d.revision else f"^{hub_id} "
    annotations = dict(t.service.gateway)
    if t.cluster.lb_subnet:
        annotations[t.service.subnet_annotation] = t.cluster.lb_subnet
    return {
        "t": t,
        "d": d,
        "cloud": facts,
        "ask_models": ASK_MODELS,
        "dial_head": DIAL_HEAD,
        "existing": existing,
        "addresses": addresses(d, t.service),
        "through_nat": bool(t.service.nat_mbit_s) and not existing,
        "until_marked": f"until grep -q {shell(mark)} {shell(path + '/.planner-complete')} 2>/dev/null; do echo waiting for the weights; sleep 10; done",
        "annotations": sorted(annotations.items()),
        "components": [name for name, wanted in _components(t) if wanted],
        "charts": {"istio-base": "base"},
        "cloud_secrets": ""
        if secrets
        else f"{facts.title} has no operator that brings its secrets into a cluster: serve/README.md says how by hand.",
        "copies": _copies(t),
        "cost": [(label, show(amount), currency) for label, amount, currency in d.cost],
        "directory": path.rpartition("/")[2],
        "hub_id": hub_id,
        "mark": mark,
        "metadata_range": str(ip_network(facts.metadata)),
        "index": facts.pypi if d.mainland else "",
        "model_path": path,
        "open_paths": ("/health", *advisories.paths(engines.parse(f"{d.stack.engine}@{d.stack.engine_version}"))),
        "hours": plain(d.hours),
        **{name: int(number(f"{name}_s")) for name in ("node_start", "image_pull", "engine_start")},
        "packages": stack.packages(d.mainland),
        "prestop": PRESTOP_S,
        "probe": PROBE_S,
        "secrets": secrets,
        "weights_gb": f"{d.weights_gib * 1.073741824:.0f}",
        **words.of(d, facts),
        **_observed(t, fixed),
    }


def _components(t: Target) -> tuple[tuple[str, bool], ...]:
    c = t.cluster
    return (
        ("mainland", bool(c.registry)),
        ("spot", t.d.purchase_option == "spot"),
        ("scale", c.min_replicas is not None),
        ("queue", bool(c.queue)),
        ("monitor", c.observe or c.min_replicas is not None),
        ("observe", c.observe),
    )


def _observed(t: Target, fixed: Decimal) -> dict[str, Any]:
    """Return what monitors, rules and the autoscaler need; one place says which series are this deployment's.

    fixed: what is paid in the window whatever the number of replicas.
    """
    d = t.d
    m = monitoring.engine_metrics(d.stack.engine, d.stack.engine_version)
    fewest = t.replicas if t.cluster.min_replicas is None else t.cluster.min_replicas
    every = d._replace(gpu_count=fewest * t.size * t.gpus)  # emit-tf's rules are one instance's, these are the pool's
    hourly, base = (d.bill - fixed) / d.hours / t.replicas, fixed / d.hours
    grouped = ("/spec/leaderWorkerTemplate/leaderTemplate", "/spec/leaderWorkerTemplate/workerTemplate")
    return {
        "m": m,
        "asked": f'{{__name__=~"llm_d_epp_request_total|llm_d_epp_request_error_total",namespace="{t.namespace}"}}',
        "selector": f'{{namespace="{t.namespace}",model_name="{d.served_name}"}}',
        "rules": render("bootstrap/rules.yml.j2", d=every, m=m, disk=_mount(t)).rstrip(),
        "hourly": plain(hourly.quantize(Decimal("0.0001"))),
        "base": plain(base.quantize(Decimal("0.0001"))),
        "levels": [(n, show(base + hourly * n)) for n in (fewest, t.replicas)],
        "pods": t.replicas * t.size,
        "templates": grouped if t.size > 1 else ("/spec/template",),
        "scale_up_s": min(1800, max(60, t.times.load + t.times.startup // 4)),
        "scale_down_s": patience(t.times),
        "cooldown_s": max(300, t.times.cold),
    }


def _mount(t: Target) -> str:
    """Return where the disk with the weights is mounted on a node."""
    own = t.service.nvme_path
    return own if own and t.models.startswith(f"{own}/") else t.models


def _copies(t: Target) -> list[tuple[str, str, str]]:
    """Return (repository, where it is taken from in the user's registry, digest) of every image that is not the user's own pin."""
    found = []
    for reference in (t.engine, t.router, *([t.fabric] if t.fabric else [])):
        repository, _, digest = reference.partition("@")
        if not repository or not digest:
            raise MisuseError(f"{reference[:60]!r} is not pinned")
        found.append((repository, f"{t.cluster.registry}/{repository.rpartition('/')[2]}", digest))
    return found
