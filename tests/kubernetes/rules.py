"""What the manifests of a case must say, worked out from the quote and the deployment, never from the templates.

`problems(items, case)` names everything that is not so. The mutation test changes and removes every value and asks whether this, the
schemas or the references notice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from math import ceil
from typing import Any

import yaml

from planner.sizing import advisories, engines
from planner.terraform import bootstrap
from tests.kubernetes.cases import Made

Item = dict[str, Any]
NAME, PART = "app.kubernetes.io/name", "app.kubernetes.io/component"
LEADER = {"leaderworkerset.sigs.k8s.io/worker-index": "0"}
CLOSED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
PROMETHEUS = "http://prometheus-operated.monitoring.svc:9090"
#: Seconds for a pod to vanish from routers' lists, and to spare at its end.
VANISH, SPARE = 15, 15


def within(least: float, most: float) -> Callable[[Any], bool]:
    """A number in these bounds; text counts as its number."""
    return lambda x: isinstance(x, (int, float)) and not isinstance(x, bool) and least <= x <= most


def size(least: float, most: float) -> Callable[[Any], bool]:
    """An amount of processors or memory in Mi and thousandths."""
    units = {"m": 0.001, "Mi": 1.0, "Gi": 1024.0, "": 1.0}

    def fits(given: Any) -> bool:
        found = re.fullmatch(r"(\d+)(m|Mi|Gi|)", str(given))
        return bool(found) and least <= int(found[1]) * units[found[2]] <= most

    return fits


ALERTS = (
    "DiskAlmostFull EngineDown EngineRestarts EngineStandsStill GpuMemoryFault GpuUnderused GpuXid KvCacheHeadroomLow Preemptions "
    "SlowFirstToken TargetDown UnusedGpuMemory WeightsMissing"
).split()


class Rules:
    """The rules of one case."""

    def __init__(self, items: list[Item], m: Made) -> None:
        self.items, self.m, self.t, self.d = items, m, m.target, m.target.d
        self.name, self.space = self.d.name, self.t.namespace
        self.said: list[str] = []

    def of(self, kind: str, name: str = "") -> Item:
        found = [i for i in self.items if i["kind"] == kind and name in ("", i["metadata"].get("name"))]
        if len(found) != 1:
            self.said.append(f"{len(found)} x {kind} {name}")
        return found[0] if len(found) == 1 else {}

    def has(self, item: Any, path: str, want: Any) -> Any:
        """Note where what is at the path is not what is wanted: a value, or what a predicate takes."""
        node = item
        for key in path.split("/") if path else ():
            node = node.get(key) if isinstance(node, dict) else node[int(key)] if _there(node, key) else None
        if node is None or not (want(node) if callable(want) else node == want):
            self.said.append(f"{path}: {node!r}")
        return node

    def labels(self, part: str) -> dict[str, str]:
        return {NAME: self.name, PART: part}

    def heads(self) -> dict[str, str]:
        return {**self.labels("engine"), **(LEADER if self.t.size > 1 else {})}

    # -- times, from bytes and rates ------------------------------------------------------------------------------------

    @property
    def load(self) -> float:
        disk = self.t.service.disk_mb_s if self.d.storage_gb or not self.t.service.nvme_path else 1000
        return float(self.d.weights_gib) * 1073.741824 / disk

    @property
    def download(self) -> float:
        disk = self.t.service.disk_mb_s if self.d.storage_gb or not self.t.service.nvme_path else 1000
        return float(self.d.weights_gib) * 1073.741824 / min(125, disk)

    @property
    def drain(self) -> int:
        longest = min(600, max(45, ceil(self.d.sized_tokens[1] / 10)))
        spot = self.d.purchase_option == "spot"
        return min(longest, self.t.service.notice_s - VANISH - SPARE) if spot else longest

    @property
    def mark(self) -> str:
        """What the weights' mark must say: the checkpoint, and its commit where one is pinned."""
        hub = bootstrap.hub_id(self.d)
        return f"^{hub} {self.d.revision}$" if self.d.revision else f"^{hub} "

    @property
    def folder(self) -> str:
        return f"/srv/models/{bootstrap.hub_id(self.d).partition('/')[2]}"

    # -- pods -----------------------------------------------------------------------------------------------------------

    def image(self, role: str) -> str:
        pinned = {"engine": self.t.engine, "router": self.t.router, "fabric": self.t.fabric}[role]
        mirror = self.t.cluster.registry
        return f"{mirror}/{pinned.rpartition('/')[2]}" if mirror else pinned

    def container(self, c: Any, role: str, user: int | None = None) -> None:
        self.has(c, "image", self.image(role))
        self.has(c, "imagePullPolicy", "IfNotPresent")
        own = {} if user is None else {"runAsUser": user, **({"runAsNonRoot": True} if user else {})}
        self.has(c, "securityContext", {**CLOSED, **own})

    def place(self, pod: Any) -> None:
        spot = self.d.purchase_option == "spot"
        keys = ["nvidia.com/gpu", *(["planner-spot"] if spot else [])]
        self.has(pod, "nodeSelector", {"planner-pool": self.name})
        self.has(pod, "tolerations", [{"key": k, "operator": "Exists", "effect": "NoSchedule"} for k in keys])
        self.has(pod, "enableServiceLinks", False)

    def engine_pod(self, pod: Any, head: bool) -> None:
        t, group = self.t, self.t.size > 1
        self.place(pod)
        self.has(pod, "serviceAccountName", self.name)
        self.has(pod, "automountServiceAccountToken", False)
        user = {"runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 0, "fsGroup": 0}
        self.has(pod, "securityContext", {**user, "seccompProfile": {"type": "RuntimeDefault"}})
        self.has(pod, "terminationGracePeriodSeconds", VANISH + self.drain + SPARE)
        if t.cluster.queue:
            self.has(pod, "priorityClassName", f"{self.name}-serving")
        if t.cluster.queue == "volcano":
            self.has(pod, "schedulerName", "volcano")
        volumes: dict[str, Any] = {
            "models": {"hostPath": {"path": t.models, "type": "DirectoryOrCreate"}},
            "shm": {"emptyDir": {"medium": "Memory", "sizeLimit": f"{t.shm_gib}Gi"}},
            "tmp": {"emptyDir": {"sizeLimit": "20Gi"}},
            **({"fabric": {"emptyDir": {"sizeLimit": "1Gi"}}} if t.fabric else {}),
        }
        self.has(
            pod, "volumes", lambda v: {x["name"]: {k: y for k, y in x.items() if k != "name"} for x in v} == volumes
        )
        inits = {c.get("name"): c for c in pod.get("initContainers") or ()}
        self.has(inits, "", lambda x: set(x) == {"weights", *(["fabric"] if t.fabric else [])})
        waits = inits.get("weights", {})
        self.container(waits, "engine")
        marked = f"until grep -q '{self.mark}' {self.folder}/.planner-complete 2>/dev/null; do"
        self.has(
            waits, "command", lambda x: x[:2] == ["sh", "-c"] and x[2].startswith(marked) and x[2].endswith("; done")
        )
        self.has(waits, "volumeMounts", [{"name": "models", "mountPath": "/srv/models", "readOnly": True}])
        self.small(waits)
        if t.fabric:
            plug = inits.get("fabric", {})
            self.container(plug, "fabric")
            last = 'cp -L "$found" /opt/fabric/libnccl-net.so'
            self.has(plug, "command", lambda x: x[:4] == ["bash", "-euo", "pipefail", "-c"])
            self.has(plug, "command", lambda x: x[4].rstrip().splitlines()[-1] == last)
            self.has(plug, "volumeMounts", [{"name": "fabric", "mountPath": "/opt/fabric"}])
            self.small(plug)
        self.has(pod, "containers", lambda x: len(x) == 1)
        self.engine(pod["containers"][0], head, group)

    def small(self, c: Any) -> None:
        self.has(c, "resources/requests/cpu", size(0.01, 2))
        self.has(c, "resources/requests/memory", size(32, 2048))
        self.has(c, "resources/limits/cpu", size(0.1, 4))
        self.has(c, "resources/limits/memory", size(64, 4096))

    def engine(self, c: Any, head: bool, group: bool) -> None:
        t, d = self.t, self.d
        self.has(c, "name", "engine")
        self.container(c, "engine")
        words = c.get("command") or []
        flags = dict(pairwise(words))
        self.has(words, "", lambda x: x[:2] == ["vllm", "serve"] and str(x[2]).startswith("/srv/models/"))
        self.has(
            words, "", list(t.command if head else t.worker)
        )  # emit-tf's own, which test_tree compares word by word
        self.has(flags, "--tensor-parallel-size", str(d.layout.tp))
        self.has(flags, "--shutdown-timeout", str(self.drain))
        env = {e.get("name"): e for e in c.get("env") or ()}
        self.has(env, "VLLM_API_KEY/valueFrom/secretKeyRef", {"name": f"{self.name}-keys", "key": "api-key"})
        fixed = {
            "HOME": "/tmp",
            "USER": "planner",
            "HF_HUB_OFFLINE": "1",
            "VLLM_NO_USAGE_STATS": "1",
            "VLLM_CACHE_ROOT": "/tmp/vllm",
            "TORCHINDUCTOR_CACHE_DIR": "/tmp/torchinductor",
            "TRITON_CACHE_DIR": "/tmp/triton",
        }
        if group:
            self.has(env, "VLLM_HOST_IP/valueFrom/fieldRef/fieldPath", "status.podIP")
            fixed |= {"NCCL_SOCKET_IFNAME": "eth0", "GLOO_SOCKET_IFNAME": "eth0", "NCCL_DEBUG": "INFO"}
        if t.fabric:
            fixed |= dict(d.fabric.environment)
        self.has({k: e["value"] for k, e in env.items() if "value" in e}, "", fixed)
        asked = {"cpu": str(t.cpu), "memory": f"{t.memory_gib}Gi", "nvidia.com/gpu": str(d.layout.tp)}
        asked |= {"vpc.amazonaws.com/efa": str(len(d.fabric.slots))} if t.fabric else {}
        self.has(c, "resources/requests", asked)
        self.has(c, "resources/limits", {**asked, "cpu": str(t.cpu_most)})
        mounts = {"models": ("/srv/models", True), "shm": ("/dev/shm", None), "tmp": ("/tmp", None)}
        mounts |= {"fabric": ("/opt/fabric", True)} if t.fabric else {}
        self.has(c, "volumeMounts", lambda v: {x["name"]: (x["mountPath"], x.get("readOnly")) for x in v} == mounts)
        self.probes(c, head)
        wait = VANISH if head else VANISH + self.drain
        self.has(c, "lifecycle/preStop/exec/command", ["sleep", str(wait)])
        if head:
            self.has(c, "ports", [{"name": "http", "containerPort": 8000}])

    def probes(self, c: Any, head: bool) -> None:
        start = c.get("startupProbe") or {}
        every, times = (
            self.has(start, "periodSeconds", within(5, 30)),
            self.has(start, "failureThreshold", within(1, 1e6)),
        )
        least = 2 * (self.load + 300) + (2 * self.download if self.t.size > 1 else 0)
        if isinstance(every, int) and isinstance(times, int):
            self.has(every * times, "", within(least, 1.05 * least + 60))
        self.has(start, "timeoutSeconds", within(5, 30))
        word = "/v1/models" if head else "LWS_LEADER_ADDRESS"
        self.has(
            start,
            "exec/command",
            lambda x: (
                x[:2] == ["python3", "-c"] and word in x[2] and x[2].startswith("import os") and x[2].endswith(")")
            ),
        )
        live = c.get("livenessProbe") or {}
        self.has(live, "periodSeconds", within(10, 60))
        self.has(live, "timeoutSeconds", within(5, 30))
        self.has(live, "failureThreshold", within(3, 10))
        if head:
            for probe in (live, c.get("readinessProbe") or {}):
                self.has(probe, "httpGet", {"path": "/health", "port": "http"})
            ready = c.get("readinessProbe") or {}
            self.has(ready, "periodSeconds", within(2, 10))
            self.has(ready, "timeoutSeconds", within(3, 10))  # 1 s flaps under load
            self.has(ready, "failureThreshold", within(2, 5))
        else:
            self.has(live, "exec", start.get("exec"))

    # -- objects --------------------------------------------------------------------------------------------------------

    def owners(self) -> None:
        """Names, namespaces and labels."""
        wide = ("Namespace", "PriorityClass", "ResourceFlavor", "ClusterQueue", "Queue")
        for item in self.items:
            name = item["metadata"].get("name", "")
            if item["kind"] == "Namespace":
                self.has(item, "metadata/name", self.space)
                self.has(
                    item,
                    "metadata/labels",
                    {"pod-security.kubernetes.io/enforce": "privileged", "pod-security.kubernetes.io/warn": "baseline"},
                )
                continue
            ends = ("", "-api", "-router", "-engine", "-weights", "-keys", "-serving", "-tls")
            made = name in {self.name + e for e in ends} or re.fullmatch(
                rf"{re.escape(self.name)}-(weights|dashboard)-[a-z0-9]{{10}}", name
            )
            self.has(bool(made), "", True)
            if item["kind"] not in wide:
                self.has(item, "metadata/namespace", self.space)

    def engines(self) -> None:
        group = self.t.size > 1
        kind = "LeaderWorkerSet" if group else "Deployment"
        item = self.of(kind, self.name)
        queue = {"kueue.x-k8s.io/queue-name": self.name} if self.t.cluster.queue == "kueue" else {}
        self.has(item, "metadata/labels", {**self.labels("engine"), **queue})
        spec = item.get("spec", {})
        if self.t.cluster.min_replicas is None:
            self.has(spec, "replicas", self.t.replicas)
        else:
            self.has("replicas" in spec, "", False)  # the autoscaler's alone
        if group:
            self.has(spec, "startupPolicy", "LeaderCreated")
            self.has(
                spec,
                "rolloutStrategy",
                {"type": "RollingUpdate", "rollingUpdateConfiguration": {"maxUnavailable": 1, "maxSurge": 0}},
            )
            self.has(spec, "leaderWorkerTemplate/size", self.t.size)
            self.has(spec, "leaderWorkerTemplate/restartPolicy", "RecreateGroupAfterStart")
            templates = [("leaderWorkerTemplate/leaderTemplate", True), ("leaderWorkerTemplate/workerTemplate", False)]
        else:
            one = self.t.replicas == 1
            rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
            self.has(spec, "strategy", {"type": "Recreate"} if one else rolling)
            cold = 2 * (780 + self.download + self.load + 300)
            self.has(spec, "progressDeadlineSeconds", within(cold, 2.5 * cold))
            self.has(spec, "revisionHistoryLimit", within(1, 10))
            self.has(spec, "selector/matchLabels", self.labels("engine"))
            templates = [("template", True)]
        for path, head in templates:
            template: Any = spec
            for key in path.split("/"):
                template = (template or {}).get(key)
            volcano = {"scheduling.volcano.sh/queue-name": self.name} if self.t.cluster.queue == "volcano" else None
            self.has(template, "metadata/labels", self.labels("engine"))
            if volcano:
                self.has(template, "metadata/annotations", volcano)
            self.engine_pod((template or {}).get("spec") or {"containers": [{}]}, head)
        if not group:
            spread = (spec.get("template") or {}).get("spec", {}).get("topologySpreadConstraints")
            keys = ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
            same = {
                "maxSkew": 1,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": self.labels("engine")},
            }
            self.has(spread, "", [{**same, "topologyKey": key} for key in keys])

    def around(self) -> None:
        api = self.of("Service", f"{self.name}-api")
        self.has(api, "metadata/labels", self.labels("engine"))
        self.has(api, "spec", {"selector": self.heads(), "ports": [{"name": "http", "port": 80, "targetPort": "http"}]})
        budget = self.of("PodDisruptionBudget", self.name)
        kept = {"maxUnavailable": 1, "selector": {"matchLabels": self.labels("engine")}}
        # Else a group that lost one rank keeps its broken node: three of its pods are not ready, and the budget allows one.
        self.has(budget, "spec", {**kept, "unhealthyPodEvictionPolicy": "AlwaysAllow"})
        account = self.of("ServiceAccount", self.name)
        self.has(account, "automountServiceAccountToken", False)
        gate, router = {"gateway.networking.k8s.io/gateway-name": self.name}, self.labels("router")
        watch = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
        names = {
            "to": [
                {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}},
                {"ipBlock": {"cidr": "169.254.20.10/32"}},
            ],
            "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
        }

        def pods(labels: dict[str, str]) -> Item:
            return {"podSelector": {"matchLabels": labels}}

        engine = self.of("NetworkPolicy", f"{self.name}-engine")
        ranks = [pods(self.labels("engine"))] if self.t.size > 1 else []
        self.has(
            engine,
            "spec",
            {
                "podSelector": {"matchLabels": self.labels("engine")},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [
                    {"from": [pods(gate), pods(router), watch], "ports": [{"port": 8000}]},
                    *([{"from": ranks}] if ranks else []),
                ],
                "egress": [names, *([{"to": ranks}] if ranks else [])]
                if ranks
                else (engine.get("spec") or {}).get("egress"),
            },
        )
        if not ranks:  # a replica of one node asks nobody anything, at most for names
            self.has((engine.get("spec") or {}).get("egress"), "", lambda x: x in ([], [names]))
        weights = self.of("NetworkPolicy", f"{self.name}-weights")
        hub = {
            "to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": [_metadata(self.d.provider)]}}],
            "ports": [{"port": 443}],
        }
        self.has(
            weights,
            "spec",
            {
                "podSelector": {"matchLabels": self.labels("weights")},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [],
                "egress": [names, hub],
            },
        )
        door = self.of("NetworkPolicy", f"{self.name}-router")
        self.has(
            door,
            "spec",
            {
                "podSelector": {"matchLabels": router},
                "policyTypes": ["Ingress"],
                "ingress": [
                    {"from": [pods(gate)], "ports": [{"port": 9002}]},
                    {"from": [watch], "ports": [{"port": 9090}]},
                ],
            },
        )

    def routing(self) -> None:
        gateway, host = self.of("Gateway", self.name), self.t.cluster.host
        self.has(gateway, "spec/gatewayClassName", self.t.cluster.gateway_class)
        listener = {
            "name": "https",
            "port": 443,
            "protocol": "HTTPS",
            **({"hostname": host} if host else {}),
            "tls": {"mode": "Terminate", "certificateRefs": [{"kind": "Secret", "name": f"{self.name}-tls"}]},
            "allowedRoutes": {"namespaces": {"from": "Same"}},
        }
        self.has(gateway, "spec/listeners", [listener])
        private = dict(self.t.service.gateway)
        if self.t.cluster.lb_subnet:
            private[self.t.service.subnet_annotation] = self.t.cluster.lb_subnet
        self.has(
            gateway, "spec/infrastructure/annotations", private or {"networking.istio.io/service-type": "ClusterIP"}
        )
        route = self.of("HTTPRoute", self.name)
        self.has(route, "spec/parentRefs", [{"name": self.name}])
        if host:
            self.has(route, "spec/hostnames", [host])
        self.has(route, "spec/rules", lambda x: len(x) == 1)
        rule = (route.get("spec") or {}).get("rules", [{}])[0]
        engine = engines.parse(f"{self.d.stack.engine}@{self.d.stack.engine_version}")
        opened = {"/health", *advisories.paths(engine)}  # what no advisory closes, as in emit-tf's proxy
        self.has(
            rule,
            "matches",
            lambda x: {p["path"]["value"] for p in x} == opened and all(p["path"]["type"] == "Exact" for p in x),
        )
        self.has(rule, "timeouts", {"request": f"{VANISH + self.drain}s"})
        self.has(
            rule, "backendRefs", [{"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": self.name}]
        )
        pool = self.of("InferencePool", self.name)
        self.has(
            pool,
            "spec",
            {
                "selector": {"matchLabels": self.heads()},
                "targetPorts": [{"number": 8000}],
                "endpointPickerRef": {
                    "name": f"{self.name}-router",
                    "failureMode": "FailOpen",
                    "port": {"number": 9002},
                },
            },
        )

    def picker(self) -> None:
        name = f"{self.name}-router"
        item = self.of("Deployment", name)
        self.has(item, "metadata/labels", self.labels("router"))
        spec = item.get("spec") or {}
        self.has(spec, "replicas", 1)
        self.has(spec, "strategy", {"type": "Recreate"})
        self.has(spec, "selector/matchLabels", self.labels("router"))
        self.has(spec, "template/metadata/labels", self.labels("router"))
        pod = (spec.get("template") or {}).get("spec") or {}
        self.has(pod, "serviceAccountName", name)
        self.has(pod, "enableServiceLinks", False)
        self.has(
            pod,
            "securityContext",
            {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
        )
        self.has(pod, "terminationGracePeriodSeconds", within(30, 300))
        c = (pod.get("containers") or [{}])[0]
        self.has(c, "name", "picker")
        self.container(c, "router")
        flags = [
            "--pool-name",
            self.name,
            "--pool-namespace",
            self.space,
            "--pool-group",
            "inference.networking.k8s.io",
        ]
        flags += ["--config-file", "/config/plugins.yaml", "--grpc-health-port", "9003"]
        self.has(c, "args", [*flags, "--secure-serving=false", "--metrics-endpoint-auth=false", "--tracing=false"])
        self.has(
            c,
            "ports",
            [
                {"name": "grpc", "containerPort": 9002},
                {"name": "grpc-health", "containerPort": 9003},
                {"name": "metrics", "containerPort": 9090},
            ],
        )
        for probe in ("readinessProbe", "livenessProbe"):
            self.has(c, f"{probe}/grpc", {"port": 9003, "service": "inference-extension"})
            self.has(c, f"{probe}/periodSeconds", within(2, 20))
        self.has(c, "livenessProbe/initialDelaySeconds", within(1, 30))
        self.has(c, "resources/requests/cpu", size(0.25, 2))
        self.has(c, "resources/requests/memory", size(512, 4096))
        self.has(c, "resources/limits/cpu", size(1, 8))
        self.has(c, "resources/limits/memory", size(1024, 8192))
        mounts = [{"name": "config", "mountPath": "/config", "readOnly": True}, {"name": "tmp", "mountPath": "/tmp"}]
        self.has(c, "volumeMounts", mounts)
        self.has(pod, "volumes", [{"name": "config", "configMap": {"name": name}}, {"name": "tmp", "emptyDir": {}}])
        self.has(
            self.of("Service", name),
            "spec",
            {"selector": self.labels("router"), "ports": [{"name": "grpc", "port": 9002, "appProtocol": "http2"}]},
        )
        scorers = [("queue-scorer", 2), ("kv-cache-utilization-scorer", 2), ("prefix-cache-scorer", 3)]
        config = {
            "apiVersion": "llm-d.ai/v1alpha1",
            "kind": "EndpointPickerConfig",
            "plugins": [{"type": name} for name, _ in scorers],
            "schedulingProfiles": [
                {"name": "default", "plugins": [{"pluginRef": name, "weight": weight} for name, weight in scorers]}
            ],
        }
        self.has(self.of("ConfigMap", name), "data/plugins.yaml", lambda x: yaml.safe_load(x) == config)
        read = ["get", "list", "watch"]
        groups = {
            "": ["pods"],
            "inference.networking.k8s.io": ["inferencepools"],
            "llm-d.ai": ["inferenceobjectives", "inferencemodelrewrites"],
        }
        self.has(
            self.of("Role", name),
            "rules",
            [{"apiGroups": [g], "resources": r, "verbs": read} for g, r in groups.items()],
        )
        bound = self.of("RoleBinding", name)
        self.has(bound, "roleRef", {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name})
        self.has(bound, "subjects", [{"kind": "ServiceAccount", "name": name, "namespace": self.space}])

    def cache(self) -> None:
        item = self.of("DaemonSet", f"{self.name}-weights")
        self.has(item, "metadata/labels", self.labels("weights"))
        spec = item.get("spec") or {}
        self.has(spec, "selector/matchLabels", self.labels("weights"))
        self.has(spec, "template/metadata/labels", self.labels("weights"))
        pod = (spec.get("template") or {}).get("spec") or {}
        self.place(pod)
        self.has(pod, "serviceAccountName", self.name)
        self.has(pod, "automountServiceAccountToken", False)
        self.has(pod, "securityContext", {"seccompProfile": {"type": "RuntimeDefault"}})
        self.has(pod, "terminationGracePeriodSeconds", within(1, 30))
        token = bool(self.d.hf_token_secret)
        fetch, there = (pod.get("initContainers") or [{}])[0], (pod.get("containers") or [{}])[0]
        self.has([fetch.get("name"), there.get("name")], "", ["fetch", "there"])
        self.container(fetch, "engine", 0)
        self.container(there, "engine", 10001)
        self.has(
            fetch,
            "command",
            lambda x: (
                x[:2] == ["sh", "-ec"]
                and "flock /srv/models/.planner-lock" in x[2]
                and x[2].rstrip().endswith("model.py")
            ),
        )
        self.has(
            fetch,
            "env",
            lambda x: {"name": "HOME", "value": "/tmp"} in x and all(set(e) == {"name", "value"} for e in x),
        )
        self.small(fetch)
        mounts = {"models": ("/srv/models", None), "program": ("/opt/planner", True), "tmp": ("/tmp", None)}
        mounts |= {"token": ("/run/planner", True)} if token else {}
        self.has(fetch, "volumeMounts", lambda v: {x["name"]: (x["mountPath"], x.get("readOnly")) for x in v} == mounts)
        self.has(there, "command", ["sleep", "infinity"])
        self.has(there, "volumeMounts", [{"name": "models", "mountPath": "/srv/models", "readOnly": True}])
        self.has(there, "readinessProbe/exec/command", ["grep", "-q", self.mark, f"{self.folder}/.planner-complete"])
        self.has(there, "livenessProbe/exec/command", ["test", "-d", "/srv/models"])
        for probe in ("readinessProbe", "livenessProbe"):
            self.has(there, f"{probe}/periodSeconds", within(10, 120))
            self.has(there, f"{probe}/timeoutSeconds", within(2, 30))
        self.has(there, "livenessProbe/failureThreshold", within(2, 10))
        for kind, most in (("requests", 128), ("limits", 256)):
            self.has(there, f"resources/{kind}/cpu", size(0.005, 0.2))
            self.has(there, f"resources/{kind}/memory", size(16, most))
        program = next(
            (
                i["metadata"]["name"]
                for i in self.items
                if i["kind"] == "ConfigMap" and "-weights-" in i["metadata"]["name"]
            ),
            "",
        )
        volumes: dict[str, Any] = {
            "models": {"hostPath": {"path": self.t.models, "type": "DirectoryOrCreate"}},
            "program": {"configMap": {"name": program}},
            "tmp": {"emptyDir": {}},
        }
        if token:
            keys = {"secretName": f"{self.name}-keys", "items": [{"key": "hub-token", "path": "hub-token"}]}
            self.has(pod, "volumes", lambda v: [x["secret"] for x in v if x["name"] == "token"] == [keys])
        self.has(
            pod,
            "volumes",
            lambda v: (
                {x["name"]: {k: y for k, y in x.items() if k != "name"} for x in v if x["name"] != "token"} == volumes
            ),
        )
        self.has(
            self.of("ConfigMap", program) if program else {}, "data", {"model.py": self.m.files["serve/base/model.py"]}
        )

    def secrets(self) -> None:
        found = [i for i in self.items if i["kind"] == "ExternalSecret"]
        names = [
            ("api-key", self.d.api_key_secret),
            *([("hub-token", self.d.hf_token_secret)] if self.d.hf_token_secret else []),
        ]
        for item in found:
            self.has(item, "metadata/name", f"{self.name}-keys")
            if item["apiVersion"].startswith("external-secrets.io"):
                self.has(
                    item,
                    "spec",
                    {
                        "refreshInterval": "1h",
                        "secretStoreRef": {"kind": "SecretStore", "name": self.name},
                        "target": {"name": f"{self.name}-keys"},
                        "data": [{"secretKey": key, "remoteRef": {"key": name}} for key, name in names],
                    },
                )
                store = self.of("SecretStore", self.name)
                self.has(store, "spec", {"provider": {"aws": {"service": "ParameterStore", "region": self.d.region}}})
            else:
                data = [{"name": key, "key": name, "versionStage": "ACSCurrent"} for key, name in names]
                self.has(item, "spec", {"provider": "kms", "data": data})
        self.has(len(found), "", 0 if self.d.provider == "tencentcloud" else 1)

    # -- options --------------------------------------------------------------------------------------------------------

    def queues(self) -> None:
        queue, gpus = self.t.cluster.queue, self.t.replicas * self.t.size * self.t.gpus
        if not queue:
            return
        first = self.of("PriorityClass", f"{self.name}-serving")
        self.has(first, "value", within(1000, 1_000_000))
        if queue == "volcano":
            self.has(
                self.of("Queue", self.name),
                "spec",
                {"weight": 1, "reclaimable": True, "capability": {"nvidia.com/gpu": str(gpus)}},
            )
            return
        gpu = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
        self.has(
            self.of("ResourceFlavor", self.name),
            "spec",
            {"nodeLabels": {"planner-pool": self.name}, "tolerations": [gpu]},
        )
        self.has(self.of("LocalQueue", self.name), "spec", {"clusterQueue": self.name})
        pods = self.t.replicas * self.t.size
        quota = {"cpu": str(pods * self.t.cpu), "memory": f"{pods * self.t.memory_gib}Gi", "nvidia.com/gpu": str(gpus)}
        quota |= {"vpc.amazonaws.com/efa": str(pods * len(self.d.fabric.slots))} if self.t.fabric else {}
        rows = [{"name": key, "nominalQuota": n} for key, n in quota.items()]
        self.has(
            self.of("ClusterQueue", self.name),
            "spec",
            {
                "cohortName": "gpus",
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.space}},
                "preemption": {"reclaimWithinCohort": "Any", "withinClusterQueue": "LowerPriority"},
                "resourceGroups": [
                    {"coveredResources": list(quota), "flavors": [{"name": self.name, "resources": rows}]}
                ],
            },
        )

    def scaling(self) -> None:
        least = self.t.cluster.min_replicas
        if least is None:
            return
        spec = self.of("ScaledObject", self.name).get("spec") or {}
        group = self.t.size > 1
        target = {
            "apiVersion": "leaderworkerset.x-k8s.io/v1" if group else "apps/v1",
            "kind": "LeaderWorkerSet" if group else "Deployment",
            "name": self.name,
        }
        self.has(spec, "scaleTargetRef", target)
        self.has(spec, "minReplicaCount", least)
        self.has(spec, "maxReplicaCount", self.t.replicas)
        self.has(spec, "pollingInterval", within(5, 60))
        self.has(spec, "fallback", {"failureThreshold": 3, "replicas": self.t.replicas})
        cold = 780 + self.download + self.load + 300
        behavior = (spec.get("advanced") or {}).get("horizontalPodAutoscalerConfig", {}).get("behavior", {})
        self.has(behavior, "scaleUp/policies", lambda x: [(p["type"], p["value"]) for p in x] == [("Pods", 1)])
        probed = 2 * (self.load + 300) + (2 * self.download if group else 0)
        step = min(1800, max(60, self.load + probed / 4))
        self.has(behavior, "scaleUp/policies/0/periodSeconds", within(step - 2, step + 5))
        self.has(
            behavior,
            "scaleDown/stabilizationWindowSeconds",
            within(min(3600, max(300, cold)) - 1, min(3600, max(300, cold)) + 5),
        )
        self.has(behavior, "scaleDown/policies", [{"type": "Pods", "value": 1, "periodSeconds": 300}])
        for n, (metric, limit) in enumerate((("vllm:num_requests_waiting", "5"), ("vllm:kv_cache_usage_perc", "0.8"))):
            self.has(
                spec,
                f"triggers/{n}",
                {
                    "type": "prometheus",
                    "metricType": "AverageValue",
                    "metadata": {
                        "serverAddress": PROMETHEUS,
                        "threshold": limit,
                        "ignoreNullValues": "false",
                        "query": f'sum({metric}{{namespace="{self.space}",model_name="{self.d.served_name}"}})'
                        + ("" if least else " or vector(0)"),
                    },
                },
            )

        if least:
            return
        self.has(spec, "cooldownPeriod", within(max(300, cold) - 1, max(300, cold) + 5))
        came = f'{{__name__=~"llm_d_epp_request_total|llm_d_epp_request_error_total",namespace="{self.space}"}}'
        since = f"(sum({came} offset {spec.get('cooldownPeriod')}s) or vector(0))"
        asked = {
            "query": f"(sum({came}) or vector(0)) - {since} > bool 0",
            "threshold": "1",
            "activationThreshold": "0",
        }
        trigger = {"type": "prometheus", "metricType": "AverageValue"}
        self.has(
            spec,
            "triggers/2",
            {**trigger, "metadata": {"serverAddress": PROMETHEUS, "ignoreNullValues": "false", **asked}},
        )

    def monitors(self) -> None:
        c = self.t.cluster
        if not (c.observe or c.min_replicas is not None):
            return
        for name, labels, port in (
            (self.name, self.heads(), {"port": "http", "path": "/metrics"}),
            (f"{self.name}-router", self.labels("router"), {"port": "metrics"}),
        ):
            self.has(
                self.of("PodMonitor", name),
                "spec",
                {
                    "jobLabel": PART,
                    "selector": {"matchLabels": labels},
                    "podMetricsEndpoints": [{**port, "interval": "15s"}],
                },
            )
        if not c.observe:
            return
        groups = (self.of("PrometheusRule", self.name).get("spec") or {}).get("groups") or []
        self.has([g.get("name") for g in groups], "", ["planner", "planner-kubernetes"])
        rules = [r for g in groups for r in g.get("rules") or ()]
        named = [*ALERTS, *(["GpuLost"] if c.min_replicas != 0 else [])]
        self.has(sorted(r["alert"] for r in rules if "alert" in r), "", sorted(named))
        for rule in rules:
            if "alert" in rule:
                self.has(rule, "labels/severity", lambda x: x in ("info", "warning", "critical"))
                self.has(rule, "annotations/summary", lambda x: len(x) > 12)
            else:
                self.has(rule, "record", "planner:cost_per_million_output_tokens:rate1h")
                self.has(rule, "labels", {"currency": self.d.currency, "namespace": self.space})
        board = next((i for i in self.items if i["kind"] == "ConfigMap" and "-dashboard-" in i["metadata"]["name"]), {})
        self.has(board, "metadata/labels", {"grafana_dashboard": "1"})
        self.has(board, "data", {"dashboard.json": self.m.files["serve/components/observe/dashboard.json"]})


def _there(node: Any, key: str) -> bool:
    return isinstance(node, list) and key.isdigit() and int(key) < len(node)


def _metadata(provider: str) -> str:
    """Where a machine's metadata is: link-local, and Alibaba Cloud's own."""
    return {"alicloud": "100.100.100.200/32"}.get(provider, "169.254.0.0/16")


def problems(items: list[Item], m: Made) -> Iterator[str]:
    """Yield everything in the manifests that is not as the quote and the deployment would have it."""
    rules = Rules(items, m)
    for check in (
        rules.owners,
        rules.engines,
        rules.around,
        rules.routing,
        rules.picker,
        rules.cache,
        rules.secrets,
        rules.queues,
        rules.scaling,
        rules.monitors,
    ):
        try:
            check()
        except (KeyError, TypeError, AttributeError, IndexError, ValueError, yaml.YAMLError) as exc:
            rules.said.append(f"{check.__name__}: {type(exc).__name__} {exc}")
        if rules.said:
            yield from rules.said
            rules.said.clear()
