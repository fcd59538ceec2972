"""Nothing is applied that nobody answers for: every kind, resource and annotation has its controller in addons/, with its rights in cluster/."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from planner.kubernetes import addons, tree
from tests.kubernetes.cases import CASES, SAMPLE, Made, build, made, manifests, pods

EVERY = [pytest.param(name, marks=[] if name in SAMPLE else [pytest.mark.slow]) for name in CASES]

#: group of a custom kind -> what must be installed for it to come to anything.
ANSWERS = {
    "gateway.networking.k8s.io": ("gateway-api", "istiod"),
    "inference.networking.k8s.io": ("inference-extension", "llm-d-router", "istiod"),
    "external-secrets.io": ("external-secrets",),
    "alibabacloud.com": ("ack-secret-manager",),
    "leaderworkerset.x-k8s.io": ("lws",),
    "keda.sh": ("keda", "kube-prometheus-stack"),
    "kueue.x-k8s.io": ("kueue",),
    "scheduling.volcano.sh": ("volcano",),
    "monitoring.coreos.com": ("kube-prometheus-stack",),
}
BUILT_IN = (
    "v1",
    "apps/v1",
    "policy/v1",
    "networking.k8s.io/v1",
    "rbac.authorization.k8s.io/v1",
    "scheduling.k8s.io/v1",
)


def installed(m: Made) -> list[str]:
    return [step.addon.name for step in addons.steps(m.target, existing=False)]


def whole(m: Made) -> dict[str, str]:
    """Return the files with the cluster's."""
    return tree.files(m.target, m.quote, m.offer, existing=False)


@pytest.mark.parametrize("name", EVERY)
def test_every_kind_has_who_answers_for_it(name: str) -> None:
    m = made(name)
    have = installed(m)
    for item in manifests(m.files):
        if item["apiVersion"] not in BUILT_IN:
            for wanted in ANSWERS[item["apiVersion"].partition("/")[0]]:
                assert wanted in have, (item["kind"], wanted)
    asked = {key for _, _, pod in pods(manifests(m.files)) for key in pod["containers"][0]["resources"]["limits"]}
    assert ("nvidia.com/gpu" in asked) and ("gpu-operator" in have or m.target.service.device_plugin)
    assert ("vpc.amazonaws.com/efa" in asked) is ("aws-efa-k8s-device-plugin" in have)
    overlay = m.files[f"serve/overlays/{m.target.d.provider}/kustomization.yaml"]
    assert ("service.beta.kubernetes.io/aws-load-balancer" in overlay) is ("aws-load-balancer-controller" in have)


@pytest.mark.parametrize("name", [n for n in ("aws-one", "aws-kueue") if n in CASES])
def test_a_controller_that_calls_the_cloud_has_a_role_of_its_own(name: str) -> None:
    m = made(name)
    files = whole(m)
    text = "".join(t for p, t in files.items() if p.startswith("cluster/") and p.endswith(".tf"))
    pairs = re.findall(r'  namespace\s+= "([\w-]+)"\n  service_account\s+= "([\w-]+)"', text)
    calling = {"external-secrets", "aws-load-balancer-controller", "cluster-autoscaler"} & set(installed(m))
    steps = {s.addon.name: s for s in addons.steps(m.target, existing=False)}
    assert {(steps[n].namespace, n) for n in calling} == set(pairs)
    assert ("cluster-autoscaler" in calling) is (m.target.cluster.min_replicas is not None)
    for step in steps.values():
        if step.addon.name in calling - {"external-secrets"}:
            values = yaml.safe_load(files[f"addons/{step.values}"])
            account = values.get("serviceAccount") or values["rbac"]["serviceAccount"]
            assert account == {"create": True, "name": step.addon.name}
            assert m.target.d.region in (values.get("region"), values.get("awsRegion"))  # no pod reaches the metadata


def test_a_secret_manager_with_a_role_by_rrsa() -> None:
    m = made("alicloud-three")
    files = whole(m)
    assert "system:serviceaccount:kube-system:ack-secret-manager" in files["cluster/secrets.tf"]
    assert all(f"secret/{name}" in files["cluster/secrets.tf"] for name in (m.target.d.api_key_secret, "hub-token"))
    script = files["addons/install.sh"]
    for output in ("secrets_role", "oidc_provider"):
        assert f"output -raw {output})" in script and f'output "{output}"' in files["cluster/outputs.tf"]
    values = yaml.safe_load(next(t for p, t in files.items() if p.endswith("-ack-secret-manager.yaml")))
    assert values["rrsa"]["enable"] is True and values["command"] == {"region": "cn-beijing", "enableWorkerRole": False}
    secret = next(i for i in manifests(files) if i["kind"] == "ExternalSecret")
    assert not any("secretStoreRef" in one for one in secret["spec"]["data"])


def test_a_cluster_of_ones_own_names_what_only_its_owner_knows(tmp_path: Path) -> None:
    for name, words in (("aws-one", ["CLUSTER"]), ("alicloud-three", ["SECRETS_ROLE", "OIDC_PROVIDER"])):
        (tmp_path / "install.sh").write_text(made(name).files["addons/install.sh"])
        done = subprocess.run(["sh", str(tmp_path / "install.sh")], capture_output=True, text=True, check=False, env={})
        assert done.returncode != 0 and words[0] in done.stderr, done.stderr
        assert all(f"${{{word}:?" in made(name).files["addons/install.sh"] for word in words)
    assert "cluster-autoscaler" not in [s.addon.name for s in addons.steps(made("aws-kueue").target, existing=True)]


def test_a_block_is_paid_so_that_nobody_takes_its_nodes_away() -> None:
    t = made("aws-kueue").target
    names = [s.addon.name for s in addons.steps(t._replace(d=t.d._replace(capacity="block")), existing=False)]
    assert "cluster-autoscaler" not in names and "keda" in names
    case = CASES["aws-reserved"]
    m = build(case._replace(fields={**case.fields, "count": 6}, cluster={"min_replicas": 1}))
    files = whole(m)
    assert (
        "cluster-autoscaler" not in "".join(files)
        and 'aws_iam_role" "autoscaler' not in files["cluster/controllers.tf"]
    )
    assert "paid whatever the number of replicas" in files["serve/README.md"]
    assert "the reserved nodes stay" in files["addons/README.md"]


def test_what_the_autoscaler_asks_is_scraped_without_the_alerts_too() -> None:
    case = CASES["aws-three"]
    m = build(case._replace(cluster={**case.cluster, "min_replicas": 1}))
    monitors = [i for i in manifests(m.files) if i["kind"] == "PodMonitor"]
    assert len(monitors) == 2 and not [i for i in manifests(m.files) if i["kind"] == "PrometheusRule"]
    router = next(
        i for i in manifests(m.files) if i["kind"] == "Deployment" and i["metadata"]["name"].endswith("-router")
    )
    args = router["spec"]["template"]["spec"]["containers"][0]["args"]
    assert {"--metrics-endpoint-auth=false", "--tracing=false"} <= set(args)  # its role may not ask who scrapes it


def test_a_service_that_sleeps_is_woken_by_what_the_router_counts() -> None:
    case = CASES["aws-three"]
    m = build(case._replace(cluster={**case.cluster, "min_replicas": 0, "observe": True}))
    scaled = next(i for i in manifests(m.files) if i["kind"] == "ScaledObject")["spec"]
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (0, 3)
    assert scaled["cooldownPeriod"] == m.target.times.cold  # not shorter than it takes to come back
    waiting, cache, asked = (t["metadata"] for t in scaled["triggers"])
    assert waiting["query"].endswith(" or vector(0)") and cache["query"].endswith(" or vector(0)")  # no pod is no error
    assert asked["query"].count('llm_d_epp_request_total|llm_d_epp_request_error_total",namespace="llm"') == 2
    assert asked["query"].endswith(" > bool 0") and (asked["threshold"], asked["activationThreshold"]) == ("1", "0")
    rules = next(i for i in manifests(m.files) if i["kind"] == "PrometheusRule")["spec"]["groups"]
    assert "GpuLost" not in [r.get("alert") for g in rules for r in g["rules"]]  # none is no alarm
    readme = m.files["serve/README.md"]
    assert "gets an error (503) and wakes one" in readme and "at the minimum of 0" in readme
    one = build(case._replace(cluster={**case.cluster, "min_replicas": 1}))
    kept = next(i for i in manifests(one.files) if i["kind"] == "ScaledObject")["spec"]
    assert "cooldownPeriod" not in kept and len(kept["triggers"]) == 2 and "vector" not in str(kept)


# -- interfaces past TCP -----------------------------------------------------------------------------------------------


def test_the_pods_of_a_group_get_the_interfaces_that_emit_tf_counts() -> None:
    m = made("aws-kueue")
    slots = m.target.d.fabric.slots
    assert len(slots) == 4
    for _, _, pod in pods(manifests(m.files)):
        engine = pod["containers"][0]
        for kind in ("requests", "limits"):
            assert engine["resources"][kind]["vpc.amazonaws.com/efa"] == "4"
        env = {e["name"]: e.get("value") for e in engine["env"]}
        assert dict(m.target.d.fabric.environment).items() <= env.items() and env["NCCL_DEBUG"] == "INFO"
        copied = next(c for c in pod["initContainers"] if c["name"] == "fabric")
        mounts = [{v["name"]: v["mountPath"] for v in c["volumeMounts"]} for c in (copied, engine)]
        assert mounts[0]["fabric"] == mounts[1]["fabric"] == "/opt/fabric"
        assert env["LD_LIBRARY_PATH"] is not None and env["LD_LIBRARY_PATH"].startswith("/opt/fabric:")
    nodes = whole(m)["cluster/nodes.tf"]
    found = re.findall(
        r"network_card_index\s+= (\d+)\n\s+device_index\s+= (\d+)\n\s+interface_type\s+= \"efa-only\"", nodes
    )
    assert [(int(a), int(b)) for a, b in found] == list(slots)
    assert nodes.count("cluster_security_group_id, aws_security_group.fabric.id]") == 1 + len(slots)
    queue: Any = next(i for i in manifests(m.files) if i["kind"] == "ClusterQueue")
    (group,) = queue["spec"]["resourceGroups"]
    quota = {r["name"]: r["nominalQuota"] for r in group["flavors"][0]["resources"]}
    assert quota["vpc.amazonaws.com/efa"] == "24" and list(quota) == group["coveredResources"]
    assert "NET/OFI" in m.files["serve/README.md"] and "speak EFA" in m.files["serve/README.md"]


def test_the_plugin_is_copied_with_what_it_loads_and_nothing_that_every_image_has(tmp_path: Path) -> None:
    """The script itself, over a folder that looks like the image's, with a stand-in for ldd."""
    pod = pods(manifests(made("aws-nodes").files))[0][2]
    command = next(c for c in pod["initContainers"] if c["name"] == "fabric")["command"]
    amazon, out, bin_ = tmp_path / "amazon", tmp_path / "fabric", tmp_path / "bin"
    for folder in (amazon / "ofi-nccl" / "lib", amazon / "efa" / "lib", out, bin_):
        folder.mkdir(parents=True)
    (amazon / "ofi-nccl" / "lib" / "libnccl-net-ofi.so").write_text("plug-in")
    (amazon / "efa" / "lib" / "libfabric.so.1").write_text("libfabric")
    lines = (f"libfabric.so.1 => {amazon}/efa/lib/libfabric.so.1 (0x1)", "libc.so.6 => /lib/libc.so.6 (0x2)")
    (bin_ / "ldd").write_text("#!/bin/sh\n" + "".join(f"echo '\t{line}'\n" for line in lines))
    (bin_ / "ldd").chmod(0o755)
    script = command[-1].replace("/opt/amazon", str(amazon)).replace("/opt/fabric", str(out))
    words = [*command[:-1], script]
    env = {"PATH": f"{bin_}:/usr/bin:/bin"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    assert {p.name for p in out.iterdir()} == {"libfabric.so.1", "libnccl-net.so"}
    (amazon / "ofi-nccl" / "lib" / "libnccl-net-ofi.so").unlink()
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=env)
    assert done.returncode != 0 and "plug-in for EFA is not in this image" in done.stderr


def test_where_the_type_has_none_it_is_tcp_and_said() -> None:
    m = made("alicloud-nodes")
    text = m.files["serve/base/engine.yaml"]
    assert m.target.fabric == "" and "The stages speak TCP" in text and "FI_PROVIDER" not in text
    assert "speak TCP" in m.files["serve/README.md"]
