"""What emit-k8s writes: one truth with emit-tf, the quote's GPUs, and manifests that hold their own rules."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from planner.errors import MisuseError
from planner.kubernetes import facts, target, tree
from planner.kubernetes.target import Cluster
from planner.terraform import deploy, module
from planner.terraform.deploy import Settings
from planner.terraform.deployment import Deployment
from tests.conftest import make_quote
from tests.kubernetes.cases import CASES, NOW, SAMPLE, SEVEN, Made, build, made, manifests, pods
from tests.terraform.test_module import changed
from tools import reference_kubernetes

EVERY = [pytest.param(name, marks=[] if name in SAMPLE else [pytest.mark.slow]) for name in CASES]


def engines_of(m: Made) -> list[dict[str, Any]]:
    """Return the engine's container of every pod."""
    return [c for _, _, pod in pods(manifests(m.files)) for c in pod["containers"]]


# -- one truth -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_engine_flags_image_precision_and_context_are_emit_tfs(name: str) -> None:
    m = made(name)
    module_files = module.files(m.target.d, m.quote, m.offer, {})
    compose = yaml.safe_load(module_files["files/compose.yaml"])["services"]["engine-0"]["command"]
    pod_words = {"$(LWS_WORKER_INDEX)": "${PLANNER_NODE_RANK:?}", "$(LWS_LEADER_ADDRESS)": "${PLANNER_HEAD_IP:?}"}
    engine = next(i for i in m.target.d.stack.images if i.role == "engine")
    for container in engines_of(m):
        command = [pod_words.get(word, word) for word in container["command"]]
        if command[-1] == "--headless":
            command.pop()
        assert command[-2] == "--shutdown-timeout"
        host = compose.index("--host") + 1
        assert command[host] == "0.0.0.0"
        assert [*command[:host], compose[host], *command[host + 1 : -2]] == compose
        assert container["image"] == f"{engine.reference.rpartition(':')[0]}@{engine.digest}"
    readme = m.files["serve/README.md"].replace("\\", "")
    assert f"vLLM {m.target.d.stack.engine_version}" in readme and f"({m.target.d.precision})" in readme
    assert f"up to {m.target.d.max_model_len} tokens" in readme


@pytest.mark.parametrize("name", EVERY)
def test_gpus_asked_for_are_the_quotes(name: str) -> None:
    m = made(name)
    asked = 0
    for _, count, pod in pods(manifests(m.files)):
        resources = pod["containers"][0]["resources"]
        assert resources["limits"]["nvidia.com/gpu"] == resources["requests"]["nvidia.com/gpu"]
        asked += count * int(resources["limits"]["nvidia.com/gpu"])
    assert asked == m.offer.count * int(m.offer.gpu.count)
    record = json.loads(m.files["planner.json"])
    assert record["replicas"] * record["nodes"] * record["gpus"] == asked
    assert record["schema"] == "planner.kubernetes/1" and record["offer"] == m.offer.id


def test_several_engines_on_a_node_are_as_many_pods() -> None:
    m = made("aws-spot")
    layout = m.offer.sizing.layout
    assert layout is not None
    offer = m.offer._replace(sizing=m.offer.sizing._replace(layout=layout._replace(tp=4, pp=1, replicas=2)), count=3)
    d = deploy.deploy(m.quote, offer, Settings(NOW))
    t = target.target(d, Cluster(), {}, NOW.date())
    assert (t.replicas, t.gpus, t.size) == (6, 4, 1)
    assert 2 * t.memory_gib <= d.memory_gib and 2 * t.cpu <= d.vcpu


# -- what each manifest must hold ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_pods_are_closed_and_nothing_runs_by_a_tag(name: str) -> None:
    m = made(name)
    for item in manifests(m.files):
        for spec in _pod_specs(item):
            assert spec["enableServiceLinks"] is False
            assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            for container in (*spec.get("initContainers", ()), *spec["containers"]):
                assert re.fullmatch(r"[^:@]+@sha256:[0-9a-f]{64}", container["image"])
                inner = container["securityContext"]
                assert inner["readOnlyRootFilesystem"] is True and inner["allowPrivilegeEscalation"] is False
                assert inner["capabilities"] == {"drop": ["ALL"]}
                root = inner.get("runAsUser", spec["securityContext"].get("runAsUser"))
                assert root == 10001 or container["name"] == "fetch"
                assert {"cpu", "memory"} <= set(container["resources"]["limits"])
    assert not [i for i in manifests(m.files) if i["kind"] == "Secret"]


def _pod_specs(item: dict[str, Any]) -> list[dict[str, Any]]:
    spec = item.get("spec", {})
    group = spec.get("leaderWorkerTemplate", {})
    templates = [spec.get("template"), group.get("leaderTemplate"), group.get("workerTemplate")]
    return [t["spec"] for t in templates if t]


@pytest.mark.parametrize("name", EVERY)
def test_probes_and_drain_last_long_enough(name: str) -> None:
    """By bytes over rates worked out here anew, not by what the program says of itself."""
    m = made(name)
    d = m.target.d
    megabytes = d.weights_gib * 1.073741824 * 1000
    disk = m.target.service.disk_mb_s if d.storage_gb or not m.target.service.nvme_path else 1000
    for _, _, pod in pods(manifests(m.files)):
        container = pod["containers"][0]
        allowed = container["startupProbe"]["periodSeconds"] * container["startupProbe"]["failureThreshold"]
        assert allowed >= 2 * megabytes / disk + 600
        if d.layout.pp > 1:
            assert allowed >= 2 * megabytes / disk + 600 + megabytes / min(125, disk)
        wait = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
        words = container["command"]
        drain = int(words[words.index("--shutdown-timeout") + 1])
        head = "--headless" not in words
        assert (wait == 15) if head else (wait >= 15 + drain)
        assert pod["terminationGracePeriodSeconds"] >= 15 + drain + 15
        assert drain >= min(d.sized_tokens[1] / 10, 600) or d.purchase_option == "spot"
        if d.purchase_option == "spot":
            assert pod["terminationGracePeriodSeconds"] <= m.target.service.notice_s
    for item in manifests(m.files):
        if item["kind"] == "Deployment" and item["metadata"]["name"] == d.name:
            cold = megabytes / min(125, disk) + megabytes / disk
            assert item["spec"]["progressDeadlineSeconds"] >= 2 * cold + allowed


def test_a_group_is_vllms_own_multi_node_without_ray() -> None:
    m = made("aws-groups")
    group = next(i for i in manifests(m.files) if i["kind"] == "LeaderWorkerSet")
    assert group["spec"]["replicas"] == 2 and group["spec"]["leaderWorkerTemplate"]["size"] == 3
    assert group["spec"]["startupPolicy"] == "LeaderCreated"
    assert "ray" not in json.dumps(group["spec"]).replace("array", "").lower()
    head, worker = (c["command"] for c in engines_of(m))
    assert worker == [*head, "--headless"]
    assert head[head.index("--nnodes") + 1] == "3" == head[head.index("--pipeline-parallel-size") + 1]
    leaders = {"leaderworkerset.sigs.k8s.io/worker-index": "0"}
    items = {(i["kind"], i["metadata"]["name"]): i for i in manifests(m.files)}
    assert leaders.items() <= items["InferencePool", "deepseek-r1"]["spec"]["selector"]["matchLabels"].items()
    assert leaders.items() <= items["Service", "deepseek-r1-api"]["spec"]["selector"].items()
    # A drained node must keep workers too, and ranks reach each other on any port.
    assert not leaders.items() & items["PodDisruptionBudget", "deepseek-r1"]["spec"]["selector"]["matchLabels"].items()
    policy = items["NetworkPolicy", "deepseek-r1-engine"]["spec"]
    assert [rule for rule in policy["ingress"] if "ports" not in rule] and [
        rule for rule in policy["egress"] if "ports" not in rule
    ]


def test_weights_are_fetched_once_per_node_by_emit_tfs_own_program() -> None:
    m = made("alicloud-three")
    assert m.files["serve/base/model.py"] == module.files(m.target.d, m.quote, m.offer, {})["files/model.py"]
    daemon = next(i for i in manifests(m.files) if i["kind"] == "DaemonSet")
    fetch = daemon["spec"]["template"]["spec"]["initContainers"][0]
    assert "modelscope-hub==0.5.1 -i https://mirrors.aliyun.com" in fetch["command"][2]
    assert {"name": "token", "mountPath": "/run/planner", "readOnly": True} in fetch["volumeMounts"]
    assert (
        "pip"
        not in next(i for i in manifests(made("aws-one").files) if i["kind"] == "DaemonSet")["spec"]["template"][
            "spec"
        ]["initContainers"][0]["command"][2]
    )
    mark = "until grep -q '^deepseek-ai/DeepSeek-R1-Distill-Qwen-7B ' /srv/models/DeepSeek-R1-Distill-Qwen-7B/.planner-complete"
    for _, _, pod in pods(manifests(m.files)):
        assert pod["initContainers"][0]["command"][2].startswith(mark)
        mounts = {v["name"]: v for v in pod["containers"][0]["volumeMounts"]}
        assert mounts["models"]["readOnly"] is True


def test_a_pinned_revision_is_waited_for_as_such() -> None:
    sha = "a" * 40
    case = CASES["aws-one"]._replace(settings={"checkpoint": f"meta-llama/Llama-3.1-8B-Instruct@{sha}"})
    files = build(case).files
    assert f"grep -q '^meta-llama/Llama-3.1-8B-Instruct {sha}$'" in files["serve/base/engine.yaml"]


def test_the_gateway_opens_emit_tfs_paths_with_tls() -> None:
    m = made("aws-three")
    items = {i["kind"]: i for i in manifests(m.files)}
    (listener,) = items["Gateway"]["spec"]["listeners"]
    assert (listener["protocol"], listener["port"], listener["hostname"]) == ("HTTPS", 443, "llm.example.com")
    (rule,) = items["HTTPRoute"]["spec"]["rules"]
    paths = [match["path"] for match in rule["matches"]]
    caddy = module.files(m.target.d, m.quote, m.offer, {})["files/Caddyfile"]
    lines = [line.split() for line in caddy.splitlines()]
    opened = next(words[1:] for words in lines if words[:1] == ["path"] and "/v1/models" in words)
    assert {p["value"] for p in paths} == {"/health", *opened} and {p["type"] for p in paths} == {"Exact"}
    assert rule["backendRefs"][0]["kind"] == "InferencePool"
    router = next(
        i for i in manifests(m.files) if i["kind"] == "Deployment" and i["metadata"]["name"].endswith("-router")
    )
    words = router["spec"]["template"]["spec"]["containers"][0]["args"]
    assert "--secure-serving=false" in words  # a gateway speaks plain gRPC to it
    assert words[words.index("--pool-name") + 1] == items["InferencePool"]["metadata"]["name"]
    assert words[words.index("--pool-namespace") + 1] == m.target.namespace
    for container in engines_of(m):
        key = next(e for e in container["env"] if e["name"] == "VLLM_API_KEY")
        assert key["valueFrom"]["secretKeyRef"] == {"name": f"{m.target.d.name}-keys", "key": "api-key"}


def test_each_cloud_brings_its_secret_its_own_way() -> None:
    aws = manifests(made("aws-one").files)
    external = next(i for i in aws if i["kind"] == "ExternalSecret")
    assert external["apiVersion"] == "external-secrets.io/v1"
    assert [d["remoteRef"]["key"] for d in external["spec"]["data"]] == ["/llama-3-1-8b-instruct/api-key", "/hub/token"]
    ali = next(i for i in manifests(made("alicloud-three").files) if i["kind"] == "ExternalSecret")
    assert ali["apiVersion"] == "alibabacloud.com/v1alpha1"
    assert [d["name"] for d in ali["spec"]["data"]] == ["api-key", "hub-token"]
    tencent = made("tencentcloud-spot")
    assert not [i for i in manifests(tencent.files) if "Secret" in i["kind"]]
    assert (
        "create secret generic qwen2-5-0-5b-instruct-keys --from-file=api-key=/dev/stdin"
        in tencent.files["serve/README.md"]
    )


def test_the_load_balancer_is_private_on_every_cloud() -> None:
    def annotations(name: str) -> dict[str, str]:
        files = made(name).files
        overlay = yaml.safe_load(files[f"serve/overlays/{CASES[name].provider}/kustomization.yaml"])
        (patch,) = yaml.safe_load(overlay["patches"][0]["patch"])
        return patch["value"]["annotations"]  # type: ignore[no-any-return]

    assert annotations("aws-one")["service.beta.kubernetes.io/aws-load-balancer-scheme"] == "internal"
    assert (
        annotations("alicloud-three")["service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type"]
        == "intranet"
    )
    assert annotations("tencentcloud-spot") == {"networking.istio.io/service-type": "ClusterIP"}
    assert annotations("tencentcloud-three") == {
        "service.kubernetes.io/qcloud-loadbalancer-internal-subnetid": "subnet-1a2b3c4d"
    }


def test_the_alarm_of_a_full_disk_looks_where_the_weights_lie() -> None:
    for name, place in (("aws-kueue", "/mnt/k8s-disks/0"), ("alicloud-kueue", "/srv/models")):
        assert f'mountpoint=~"/|{place}"' in made(name).files["serve/components/observe/rules.yaml"]


def test_the_readme_computes_the_cold_start() -> None:
    m = made("aws-nodes")
    readme = m.files["serve/README.md"]
    assert "| 697 GB of weights onto the node, once | 5575 |" in readme
    assert f"**{m.target.times.cold}**" in readme
    assert m.target.times.cold == 600 + 180 + 5575 + 697 + 300
    assert "\n\n\n" not in readme and "checked against the schemas only" in readme


# -- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("aws-one", {"cluster": {"version": "1.33"}}, "ended standard support of Kubernetes 1.33 on 2026-07-29"),
        ("aws-one", {"cluster": {"version": "2.0"}}, "known with 1.34, 1.35"),
        ("alicloud-one", {"cluster": {"version": "1.34"}}, "ended standard support of Kubernetes 1.34"),
        ("aws-one", {"cluster": {"namespace": "n" * 64}}, "1 to 63"),
        ("aws-one", {"cluster": {"namespace": "default"}}, "none of the cluster's own"),
        ("aws-one", {"settings": {"name": "n" * 64}}, "--name"),
        ("aws-one", {"cluster": {"host": "https://x"}}, "no host name"),
        ("aws-one", {"cluster": {"gateway_class": "A b"}}, "--gateway-class"),
        ("aws-one", {"cluster": {"registry": "https://reg.example.com/x:tag"}}, "no registry"),
        ("aws-three", {"cluster": {"min_replicas": -1}}, "keep 0 or more"),
        ("aws-three", {"cluster": {"min_replicas": 3}}, "the fewest must be below"),
        ("aws-three", {"cluster": {"queue": "slurm"}}, "--queue 'slurm'"),
        ("aws-one", {"cluster": {"lb_subnet": "subnet-1a2b3c4d"}}, "private without one"),
        (
            "tencentcloud-one",
            {"cluster": {"lb_subnet": "10.0.0.0/8", "registry": "r.example.com"}},
            "no id of a subnet",
        ),
        ("tencentcloud-one", {"cluster": {}}, "mainland China"),
        ("alicloud-three", {"cluster": {}}, "mainland China"),
    ],
)
def test_refused(name: str, change: dict[str, Any], message: str) -> None:
    with pytest.raises(MisuseError, match=re.escape(message)):
        build(CASES[name]._replace(**change))


def test_pins_stand_for_images_and_must_be_pins() -> None:
    pin = "reg.example.com/vllm@sha256:" + "a" * 64
    pins = {"engine": pin, "router": pin.replace("vllm", "router")}
    case = CASES["tencentcloud-one"]._replace(cluster={})
    m = build(case, pins)
    assert {c["image"] for c in engines_of(m)} == {pin} and m.target.router == pins["router"]
    for bad in ({"engine": "vllm:latest"}, {"proxy": pin}, {"engine": pin + "\n"}):
        with pytest.raises(MisuseError, match="--image"):
            build(CASES["aws-one"], bad)
    with pytest.raises(MisuseError, match="pin router with --image"):
        build(case, {"engine": pin})


def test_a_gpu_that_needs_the_other_engine_is_refused_with_the_way_out() -> None:
    quote = make_quote(provider=("tencentcloud",), model=SEVEN, instance_type=("GN10X.2XLARGE40",))
    d = deploy.deploy(quote, deploy.pick(quote, "tencentcloud"), Settings(NOW))
    with pytest.raises(MisuseError, match=r"V100-SXM2-32GB takes lmdeploy .*--gpu"):
        target.target(d, Cluster(registry="r.example.com"), {}, NOW.date())


def test_a_region_without_the_service_is_refused() -> None:
    d: Deployment = made("aws-one").target.d._replace(region="xx-nowhere-1")
    with pytest.raises(MisuseError, match="Amazon EKS is not sold in xx-nowhere-1"):
        target.target(d, Cluster(), {}, NOW.date())


def test_a_group_that_does_not_come_out_even_is_refused() -> None:
    m = made("aws-nodes")
    with pytest.raises(MisuseError, match="do not split into replicas of 3 instances"):
        deploy.deploy(m.quote, changed(m.offer, {"count": 4}), Settings(NOW))


def test_two_deployments_do_not_share_a_namespace(tmp_path: Any) -> None:
    one, other = (
        made("aws-one"),
        build(CASES["aws-three"]._replace(cluster={"namespace": made("aws-one").target.namespace})),
    )
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "planner.json").write_text(one.files["planner.json"])
    tree.check_place(str(tmp_path / "one"), one.target)
    tree.check_place(str(tmp_path / "two"), made("aws-three").target)
    with pytest.raises(MisuseError, match="has it already"):
        tree.check_place(str(tmp_path / "two"), other.target)
    elsewhere = other.target._replace(d=other.target.d._replace(region="us-west-2"))
    tree.check_place(str(tmp_path / "two"), elsewhere)  # another region is another cluster
    tree.check_place(str(tmp_path / "two"), one.target)  # the same deployment, written twice
    (tmp_path / "one" / "planner.json").write_text('{"schema": "planner.module/1"}')
    with pytest.raises(MisuseError, match="module of emit-tf"):
        tree.check_place(str(tmp_path / "one"), one.target)


def test_facts_of_a_cloud_are_held_to_their_kinds(tmp_path: Any) -> None:
    good = 'service = "X"\nversion = "1.35"\ndisk_mb_s = 100\nnotice_s = 30\n[versions]\n"1.35" = ""\n'
    path = tmp_path / "kubernetes.toml"
    path.write_text(good)
    assert facts.read(str(path)).version == "1.35"
    for old, new, message in (
        ("disk_mb_s = 100", 'disk_mb_s = "fast"', "disk_mb_s must be a whole number"),
        ("disk_mb_s = 100", "disk_mb_s = 0", "disk_mb_s must be a whole number"),
        ("notice_s = 30\n", "", "the key notice_s is missing"),
        ('version = "1.35"', 'version = "1.36"', "not among versions"),
        ('"1.35" = ""', '"1.35" = "soon"', "is no date"),
        ("notice_s", "notis_s", "unknown key notis_s"),
        ("disk_mb_s = 100", 'disk_mb_s = 100\nregions = ["a", 1]', "regions must be a list of texts"),
    ):
        path.write_text(good.replace(old, new, 1))
        with pytest.raises(Exception, match=re.escape(message)):
            facts.read(str(path))


def test_every_spot_case_tolerates_the_spot_taint() -> None:
    for name in ("aws-spot", "tencentcloud-spot"):
        m = made(name)
        part = yaml.safe_load(m.files["serve/components/spot/kustomization.yaml"])
        assert len(part["patches"]) == 2 and all("planner-spot" in p["patch"] for p in part["patches"])
        assert m.offer.purchase_option == "spot"
    assert "serve/components/spot/kustomization.yaml" not in made("aws-one").files


def test_committed_trees_are_what_emit_k8s_writes() -> None:
    root = Path(reference_kubernetes.ROOT)
    for folder, files in reference_kubernetes.trees():
        for path, text in files.items():
            assert (root / folder / path).read_text(encoding="utf-8") == text, f"{folder}/{path}: run `make terraform`"
        have = {p.relative_to(root / folder).as_posix() for p in (root / folder).rglob("*") if p.is_file()}
        assert have == {*files, ".planner-files.json"}
    assert {p.parent.name for p in root.glob("*/kubernetes")} == {case.provider for case in reference_kubernetes.CASES}
