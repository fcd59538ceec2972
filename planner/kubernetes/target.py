"""From a deployment to what its manifests need: pods and what each asks for, probes and drains computed, and every refusal.

The deployment is emit-tf's own (planner.terraform.deploy), so engine, flags, image, precision and context are one answer for
both ways of running an offer. Here stands only what a cluster adds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import ROUND_CEILING, Decimal
from math import ceil

from planner.errors import MisuseError, suggest
from planner.kubernetes import facts
from planner.kubernetes.facts import Service
from planner.records import NamedTuple
from planner.sizing import engines
from planner.terraform import stack
from planner.terraform.bootstrap import engine_command
from planner.terraform.deployment import Deployment, Image
from planner.terraform.images import PIN

__all__ = ["QUEUES", "Cluster", "Target", "Times", "addresses", "check", "patience", "target", "times"]

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+\Z")
REGISTRY = re.compile(r"[a-z0-9][a-z0-9.-]*(:[0-9]{2,5})?(/[a-z0-9][a-z0-9._-]*)*\Z")
SUBNET = re.compile(r"subnet-[a-z0-9]{4,32}\Z")
#: Seconds in which a new cluster's nodes should have their weights, where more addresses help.
FILL_S = 1800
#: Kueue derives the name of its record from the group's: planner keeps below the narrowest of the limits.
LONGEST_NAME = 39
#: Seconds between a pod's end being asked for and its engine hearing of it: routers take it out of their lists.
PRESTOP_S = 15
PROBE_S = 10
MARGIN_S = 15
#: Share of a node's processors and memory that its pods ask for; the rest is the system's and the add-ons'.
SHARE = Decimal("0.75")
MOST_SHM_GIB = 16
DRAIN_MOST_S = 600
QUEUES = ("kueue", "volcano")


class Cluster(NamedTuple):
    """What the user decides beyond a deployment's settings; "" takes what the cloud's facts say, or leaves it out.

    namespace: "" = the deployment's name. version: of Kubernetes. host: the name under which clients call; gateway_class:
    whose gateway. lb_subnet: where a private load balancer stands, for the clouds that ask. registry: where the images
    were copied to, with the same digests. observe: monitors, rules, dashboard. min_replicas: the fewest that the autoscaler keeps, None
    for no autoscaler. queue: "kueue", "volcano" or "". most_nodes: what the block, the reservation or the quota has, None where nobody said.
    """

    namespace: str = ""
    version: str = ""
    host: str = ""
    gateway_class: str = "istio"
    lb_subnet: str = ""
    registry: str = ""
    observe: bool = False
    min_replicas: int | None = None
    queue: str = ""
    most_nodes: int | None = None


class Times(NamedTuple):
    """Seconds, by planner/data/kubernetes.csv and the cloud's disk: what the probes and the README are computed from.

    download: the weights, once per node. load: from the node's disk into the GPUs. startup: what the startup probe
    allows, whole periods. drain: what running requests get. grace: from the wish to end a pod to its end.
    """

    download: int
    load: int
    startup: int
    drain: int
    grace: int
    cold: int

    @property
    def weights_wait(self) -> int:
        """How long one may wait for all nodes' weights before something is wrong."""
        return 2 * self.download + 1800

    @property
    def engine_wait(self) -> int:
        """How long one may wait for the engines after that."""
        return 2 * self.cold + self.startup


class Target(NamedTuple):
    """All that the templates need. replicas: pods, or groups of `size` nodes; gpus, cpu, memory_gib, shm_gib: per pod.

    engine, router: repository@digest. command: the leader's; worker: the other ranks'. fabric: the image that carries NCCL's plug-in for the
    interfaces past TCP, "" where the nodes speak TCP.
    """

    d: Deployment
    service: Service
    cluster: Cluster
    namespace: str
    version: str
    replicas: int
    size: int
    gpus: int
    cpu: int
    cpu_most: int
    memory_gib: int
    shm_gib: int
    models: str
    times: Times
    engine: str
    router: str
    images: tuple[Image, ...]
    command: tuple[str, ...]
    worker: tuple[str, ...]
    fabric: str = ""


def check(d: Deployment, cluster: Cluster, today: date) -> tuple[Service, str, int, int]:
    """Return (the cloud's service, version, replicas, nodes of one); raise `MisuseError` for what cannot run on it, images apart."""
    service = facts.find(d.provider)
    stack.check_layout(d)
    version = facts.version(service, cluster.version, today)
    if service.regions and d.region not in service.regions:
        raise MisuseError(f"{service.service} is not sold in {d.region} by what we know; choose another --region")
    _check_names(d, cluster, service)
    if d.stack.engine != "vllm":
        old = d.stack.engine == "lmdeploy"
        way = "choose a newer GPU with --gpu or --instance-type" if old else "choose --engine vllm"
        raise MisuseError(
            f"emit-k8s serves with vLLM, and {d.gpu_model} takes {d.stack.engine} {d.stack.engine_version}, whose metrics the "
            f"router does not read: {way}, or write plain instances with emit-tf"
        )
    known = engines.flags("vllm", d.stack.engine_version)
    if "--shutdown-timeout" not in known:
        raise MisuseError(
            f"vLLM {d.stack.engine_version} cannot end its requests before it stops (--shutdown-timeout, since 0.18): choose a newer "
            "version with --engine"
        )
    size, per_node = d.layout.pp, d.layout.replicas if d.layout.pp == 1 else 1
    replicas = d.count * per_node if size == 1 else d.count // size
    if cluster.most_nodes is not None and d.count > cluster.most_nodes:
        one = f", and one copy of the model spans {size}" if size > 1 else ""
        fewer = "quote fewer with --count, " if d.count > size else ""
        raise MisuseError(
            f"{d.served_name} needs {d.count} nodes of {d.instance_type}{one}: --most-nodes allows {cluster.most_nodes}; "
            f"{fewer}choose a larger type with --instance-type, or have the block or the quota made larger"
        )
    _check_scaling(cluster, replicas)
    return service, version, replicas, size


def target(d: Deployment, cluster: Cluster, pins: Mapping[str, str], today: date) -> Target:
    """Return what the manifests of `d` need; raise `MisuseError`, with the way out, for what cannot be.

    pins: role (engine, router) -> repository@sha256:digest.
    """
    service, version, replicas, size = check(d, cluster, today)
    per_node = d.layout.replicas if size == 1 else 1
    pinned = _pinned(d, service)
    images = _images(d, pinned, cluster, pins)
    memory = _whole(d.memory_gib * SHARE / per_node)
    rates = times(d, service)
    command = _command(d, rates.drain)
    return Target(
        d=d,
        service=service,
        cluster=cluster,
        namespace=cluster.namespace or d.name,
        version=version,
        replicas=replicas,
        size=size,
        gpus=d.layout.tp,
        cpu=_whole(d.vcpu * SHARE / per_node),
        cpu_most=_whole(Decimal(d.vcpu) / per_node),
        memory_gib=memory,
        shm_gib=max(1, min(MOST_SHM_GIB, memory // 4)),
        models=f"{service.nvme_path}/models" if service.nvme_path and not d.storage_gb else "/srv/models",
        times=rates,
        engine=images["engine"],
        router=images["router"],
        images=pinned,
        command=tuple(command),
        worker=(*command, "--headless") if size > 1 else (),
        fabric=images.get("fabric", ""),
    )


def _whole(amount: Decimal) -> int:
    return max(1, int(amount))


def _check_scaling(cluster: Cluster, replicas: int) -> None:
    """Raise `MisuseError` for a minimum that cannot be kept, or a queue that is not known."""
    least = cluster.min_replicas
    if least is not None and least < 0:
        raise MisuseError(f"--min-replicas {least}: keep 0 or more; 0 lets the service sleep while nobody asks")
    if least is not None and least >= replicas:
        raise MisuseError(
            f"--min-replicas {least}: the quote's {replicas} are the most that are kept, and the fewest must be below; quote more with --count"
        )
    if cluster.queue not in ("", *QUEUES):
        raise MisuseError(f"--queue {cluster.queue[:20]!r}: {suggest(cluster.queue, QUEUES)}")


def _check_names(d: Deployment, cluster: Cluster, service: Service) -> None:
    """Raise `MisuseError` for a name that the cluster, the gateway or the registry would refuse."""
    if len(d.name) > LONGEST_NAME:
        raise MisuseError(f"--name {d.name}: at most {LONGEST_NAME} characters in a cluster")
    space = cluster.namespace or d.name
    if not LABEL.match(space) or space in ("default", "kube-system", "kube-public", "kube-node-lease"):
        raise MisuseError(
            f"--namespace {space[:40]!r}: 1 to 63 of a-z, 0-9 and -, a letter or digit at both ends, and none of the cluster's own"
        )
    if cluster.host and not HOST.match(cluster.host):
        raise MisuseError(f"--host {cluster.host[:60]!r} is no host name such as llm.example.com")
    if not LABEL.match(cluster.gateway_class):
        raise MisuseError(f"--gateway-class {cluster.gateway_class[:40]!r}: 1 to 63 of a-z, 0-9 and -")
    if cluster.registry and not REGISTRY.match(cluster.registry):
        raise MisuseError(
            f"--registry {cluster.registry[:60]!r} is no registry such as registry.example.com/llm (no https://, no tag)"
        )
    if cluster.lb_subnet:
        if not service.subnet_annotation:
            raise MisuseError(f"--lb-subnet: {service.service} keeps its load balancer private without one; drop it")
        if not SUBNET.match(cluster.lb_subnet):
            raise MisuseError(f"--lb-subnet {cluster.lb_subnet[:40]!r} is no id of a subnet such as subnet-1a2b3c4d")


def _pinned(d: Deployment, service: Service) -> tuple[Image, ...]:
    """Return the images that run, by their roles: the engine's, the router's, and what carries NCCL's plug-in past TCP."""
    found = [next(i for i in d.stack.images if i.role == "engine"), facts.image("router")]
    if d.fabric.slots and service.fabric:
        f = service.fabric
        found.append(Image("fabric", f["reference"], f["digest"], f["source"], f["as_of"]))
    return tuple(found)


def _images(d: Deployment, pinned: tuple[Image, ...], cluster: Cluster, pins: Mapping[str, str]) -> dict[str, str]:
    """Return role -> repository@digest; nothing runs by a tag."""
    found = {}
    for image in pinned:
        repository = image.reference.rpartition(":")[0]
        found[image.role] = f"{repository}@{image.digest}" if image.digest else ""
    for role, pin in pins.items():
        if role not in found:
            raise MisuseError(f"--image: there is no image for {role[:30]!r}; roles: {', '.join(sorted(found))}")
        if not PIN.match(pin) or len(pin) > 255:
            raise MisuseError(f"--image {role}: {pin[:60]!r} is not pinned; write repository@sha256:<64 hex digits>")
        found[role] = pin
    for role, reference in found.items():
        if not reference:
            raise MisuseError(
                f"no digest of the {role} image is known: give it with --image {role}=repository@sha256:<64 hex digits>"
            )
    missing = [role for role in sorted(found) if role not in pins]
    if d.mainland and missing and not cluster.registry:
        raise MisuseError(
            f"{d.region} is in mainland China, which cannot count on docker.io and ghcr.io: copy the images into a registry there "
            f"and name it with --registry, or pin {' and '.join(missing)} with --image"
        )
    return found


def times(d: Deployment, service: Service, existing: bool = True) -> Times:
    """Return how long what takes, from bytes and rates. existing: the way out of the cluster is the user's, else our NAT gateway's."""
    megabytes = Decimal(d.weights_gib) * Decimal("1073.741824")
    disk = Decimal(service.disk_mb_s) if d.storage_gb or not service.nvme_path else facts.number("nvme_mb_s")
    hub = facts.number("hub_mb_s")
    if service.nat_mbit_s and not existing:
        hub = min(hub, Decimal(service.nat_mbit_s) * addresses(d, service) / 8 / d.count)
    download, load = _seconds(megabytes / min(disk, hub)), _seconds(megabytes / disk)
    start = int(facts.number("engine_start_s"))
    # A group's head waits for its slowest node, so that its probe has to last through the others' downloads.
    wait = 2 * download if d.layout.pp > 1 else 0
    startup = ceil((2 * (load + start) + wait) / PROBE_S) * PROBE_S
    longest = _seconds(Decimal(d.sized_tokens[1]) / facts.number("tokens_per_s"))
    drain = min(DRAIN_MOST_S, max(int(facts.number("drain_min_s")), longest))
    if d.purchase_option == "spot":
        drain = min(drain, service.notice_s - PRESTOP_S - MARGIN_S)
    cold = int(facts.number("node_start_s") + facts.number("image_pull_s")) + download + load + start
    return Times(download, load, startup, drain, PRESTOP_S + drain + MARGIN_S, cold)


def addresses(d: Deployment, service: Service) -> int:
    """Return how many addresses cluster/'s NAT gateway gets: as many as bring all nodes their weights in half an hour, within what it takes."""
    if not service.nat_mbit_s:
        return 1
    megabits = Decimal(d.weights_gib) * Decimal("1073.741824") * 8 * d.count
    return min(service.nat_addresses, max(1, _seconds(megabits / service.nat_mbit_s / FILL_S)))


def patience(times: Times) -> int:
    """Return how many seconds something must be idle before it is taken away: as long as it would take to come back, an hour at most."""
    return min(3600, max(300, times.cold))


def _seconds(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_CEILING))


def _command(d: Deployment, drain: int) -> list[str]:
    """Return emit-tf's command line with what a pod has another word for, and the drain.

    Instances know rank and head by their environment; LeaderWorkerSet has names of its own for both. A pod listens on its
    own address: the NetworkPolicy is its wall, as the loopback is an instance's.
    """
    words = {
        "${PLANNER_NODE_RANK:?}": "$(LWS_WORKER_INDEX)",
        "${PLANNER_HEAD_IP:?}": "$(LWS_LEADER_ADDRESS)",
        "127.0.0.1": "0.0.0.0",  # noqa: S104
    }
    return [*(words.get(word, word) for word in engine_command(d)), "--shutdown-timeout", str(drain)]
