"""The acceptance script, run with stubbed commands against a stubbed door: what passes, what fails, and its report."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from planner.terraform import bootstrap
from tests.bootstrap.variants import VARIANTS

pytestmark = [pytest.mark.system, pytest.mark.long]

if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
    pytest.skip("a mount namespace needs root", allow_module_level=True)

KEY = "k3y.that-nobody_may~read+in/logs="
STUB = r"""#!/bin/bash
name=${0##*/}
echo "$name $*" >>"$STUB/calls"
case "$name $*" in
  cloud-init*) echo "status: done" ;;
  "nvidia-smi -L") yes "GPU" | head -n "$(cat "$STUB/gpus")" ;;
  *driver_version*) cat "$STUB/driver" ;;
  *ecc.errors*) cat "$STUB/ecc" ;;
  "ip -o"*) echo "2: lo    inet 10.0.0.10/24 brd 10.0.0.255 scope global lo" ;;
  dd*) echo "4294967296 bytes (4.3 GB, 4.0 GiB) copied, $(cat "$STUB/seconds") s, x GB/s" >&2 ;;
  dcgmi*) [ ! -e "$STUB/bad-gpu" ] ;;
  ping*) cat "$STUB/rtt" 2>/dev/null || echo "rtt min/avg/max/mdev = 0.050/0.060/0.070/0.001 ms" ;;
  iperf3*) echo "{\"end\": {\"sum_received\": {\"bits_per_second\": $(cat "$STUB/bps")}}}" ;;
  *infiniband*) yes rdmap | head -n "$(cat "$STUB/fabric")" ;;
  *nvidia-smi*) yes "GPU" | head -n "$(cat "$STUB/inside")" ;;
  docker*) echo "NCCL INFO Channel 00 : via $(cat "$STUB/transport")/0" ;;
  systemctl*) true ;;
  date*) cat "$STUB/now" ;;
  curl*)
    keyed=no
    case $* in *"-K -"*) grep -q "Bearer $STUB_KEY\"" && keyed=yes ;; esac
    case "$keyed $*" in
      *127.0.0.1:80*/metrics*) cat "$STUB/metrics" ;;
      *10.0.0.10:80*/health*) cat "$STUB/outside" ;;
      *localhost:8443/health*) echo -n 200 ;;
      yes*/v1/models*) printf '{"data": [{"id": "%s"}]}\n200' "$(cat "$STUB/served")" ;;
      yes*/v1/chat*) printf '{"choices": []}\n200' ;;
      yes*/metrics*) printf '\n%s' "$(cat "$STUB/leak")" ;;
      *) echo -n "$(cat "$STUB/nokey")" ;;
    esac ;;
esac
"""
COMMANDS = "cloud-init nvidia-smi ip dd dcgmi ping iperf3 docker systemctl curl".split()


class Bench:
    """Stubs of one instance of a variant; `run` returns the report, or the output when there is none."""

    def __init__(self, root: Path, name: str) -> None:
        self.d, self.root = VARIANTS[name], root
        files = bootstrap.render(self.d)
        for folder in ("bin", "stub", "etc/planner", "lib/planner", "run/planner", "opt/planner", "srv"):
            (root / folder).mkdir(parents=True)
        stub = root / "bin/.stub"
        stub.write_text(STUB)
        stub.chmod(0o755)
        for command in COMMANDS:
            (root / "bin" / command).symlink_to(stub)
        (root / "opt/planner/acceptance.sh").write_text(files.get("files/acceptance.sh") or files["acceptance.sh"])
        (root / "run/planner/secrets.env").write_text(f"PLANNER_API_KEY={KEY}\n")
        (root / "etc/planner/module.env").write_text(
            "PLANNER_NODE_IP=10.0.0.10\nPLANNER_NODE_RANK=0\nPLANNER_NODE_INDEX=0\n"
        )
        (root / "lib/planner/settings.env").write_text(f"PLANNER_INSTANCES={self.d.count}\n")
        metric = "vllm:kv_cache_usage_perc" if self.d.stack.engine == "vllm" else "lmdeploy:gpu_cache_usage_perc"
        self.set(
            gpus=str(self.d.gpu_count),
            inside=str(self.d.layout.tp),
            fabric=str(len(self.d.fabric.slots)),
            transport="NET/OFI",
            driver="595.91.07\n" * self.d.gpu_count,
            ecc="0\n" * self.d.gpu_count,
            seconds="1.0",
            bps="9e10",
            metrics=f'{metric}{{x="y"}} 0.1\n',
            outside="000",
            served=self.d.served_name,
            leak="404",
            nokey="401",
        )

    def set(self, **answers: str) -> None:
        for name, text in answers.items():
            (self.root / "stub" / name).write_text(text)

    def run(self) -> tuple[int, dict[str, dict[str, str]], str]:
        r = self.root
        binds = "; ".join(
            f"mount --bind {r}/{a} {b}"
            for a, b in (("lib", "/var/lib"), ("opt", "/opt"), ("srv", "/srv"), ("run", "/run"))
        )
        script = f"""
            set -e; cp -a /etc/. {r}/etc/; mount --bind {r}/etc /etc; {binds}
            PATH={r}/bin:$PATH bash /opt/planner/acceptance.sh
        """
        env = {**os.environ, "STUB": f"{r}/stub", "STUB_KEY": KEY}
        done = subprocess.run(
            ["unshare", "-m", "bash", "-c", script], capture_output=True, text=True, env=env, timeout=60, check=False
        )
        output = done.stdout + done.stderr
        report = r / "lib/planner/acceptance.json"
        assert report.exists(), output
        found = json.loads(report.read_text())
        checks = {row["check"]: row for row in found["checks"]}
        assert found["passed"] == (done.returncode == 0) == all(row["result"] != "fail" for row in checks.values())
        calls = (r / "stub/calls").read_text()
        assert KEY not in output + calls + report.read_text()
        return done.returncode, checks, output


@pytest.fixture
def bench(tmp_path):
    return lambda name: Bench(tmp_path, name)


@pytest.mark.parametrize("name", ["gn7i", "gn10xp", "alicloud-h20"])
def test_a_good_instance_passes(bench, name):
    code, checks, output = bench(name).run()
    assert code == 0, (output, checks)
    assert {
        "driver",
        "gpus",
        "ecc",
        "mtu",
        "disk",
        "dcgmi",
        "health",
        "model",
        "completion",
        "no key",
        "allow-list",
        "metrics 8000",
        "closed 8000",
    } <= set(checks)


def test_nodes_of_a_pipeline_measure_the_network_between_them(bench):
    code, checks, output = bench("p5-r1-2-nodes").run()
    wrong = {name for name, row in checks.items() if row["result"] == "fail"}
    mtu = int(Path("/sys/class/net/lo/mtu").read_text())
    assert wrong == ({"mtu"} if mtu < 9001 else set()), (output, checks)
    assert checks["bandwidth to 10.0.0.11"]["detail"] == "90.0 Gbps, at least 50"
    assert checks["latency to 10.0.0.11"]["result"] == "pass" and "bandwidth to 10.0.0.10" not in checks
    assert "NET/OFI" in checks["nccl"]["detail"] and checks["fabric"]["detail"].startswith("32 of 32 EFA interfaces")
    assert code == (1 if wrong else 0)


@pytest.mark.parametrize("answer", ["rtt min/avg/max/mdev = 0.090/0.101/0.300/0.010 ms\n", "no answer\n"])
def test_a_round_trip_above_100_microseconds_fails(bench, answer):
    machine = bench("p5-r1-2-nodes")
    machine.set(rtt=answer)
    code, checks, _ = machine.run()
    assert code == 1 and checks["latency to 10.0.0.11"]["result"] == "fail"
    assert "at most 100" in checks["latency to 10.0.0.11"]["detail"]


@pytest.mark.parametrize(("answers", "failed"), [({"transport": "NET/Socket"}, "nccl"), ({"fabric": "31"}, "fabric")])
def test_a_pipeline_that_fell_back_to_tcp_fails(bench, answers, failed):
    machine = bench("p5-r1-2-nodes")
    machine.set(**answers)
    code, checks, _ = machine.run()
    assert code == 1 and checks[failed]["result"] == "fail" and next(iter(answers.values())) in checks[failed]["detail"]


@pytest.mark.parametrize(
    ("answers", "failed"),
    [
        ({"driver": "510.1\n"}, "driver"),
        pytest.param({"gpus": "0"}, "gpus", marks=pytest.mark.slow),
        pytest.param({"ecc": "3\n"}, "ecc", marks=pytest.mark.slow),
        ({"inside": "0"}, "reload"),
        pytest.param({"seconds": "60"}, "disk", marks=pytest.mark.slow),
        pytest.param({"bad-gpu": ""}, "dcgmi", marks=pytest.mark.slow),
        ({"served": "another"}, "model"),
        pytest.param({"nokey": "200"}, "no key", marks=pytest.mark.slow),
        ({"leak": "200"}, "allow-list"),
        pytest.param({"metrics": "python_info 1\n"}, "metrics 8000", marks=pytest.mark.slow),
        pytest.param({"outside": "200"}, "closed 8000", marks=pytest.mark.slow),
    ],
)
def test_each_fault_is_found_and_named(bench, answers, failed):
    b = bench("gn7i")
    b.set(**answers)
    code, checks, output = b.run()
    assert code == 1
    assert {name for name, row in checks.items() if row["result"] == "fail"} == {failed}
    assert f"failed: {failed}" in output


@pytest.mark.parametrize("faulty", [False, True])
def test_stress_brings_the_containers_back_whatever_the_result(bench, faulty):
    b = bench("gn7i")
    (b.root / "opt/planner/stress.sh").write_text(bootstrap.render(b.d)["files/stress.sh"])
    if faulty:
        b.set(**{"bad-gpu": ""})
    script = f"""
        set -e; cp -a /etc/. {b.root}/etc/; mount --bind {b.root}/etc /etc; mount --bind {b.root}/lib /var/lib
        PATH={b.root}/bin:$PATH bash {b.root}/opt/planner/stress.sh
    """
    env = {**os.environ, "STUB": f"{b.root}/stub", "STUB_KEY": KEY}
    done = subprocess.run(["unshare", "-m", "bash", "-c", script], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == int(faulty), done.stderr
    assert ("failed" in done.stderr) == faulty
    calls = (b.root / "stub/calls").read_text().splitlines()
    order = [" ".join(call.split()[:2]) for call in calls]
    assert "systemctl start nvidia-dcgm" in calls  # dcgmi asks a host engine, which nothing starts by itself
    assert order == ["docker ps", "systemctl stop", "docker stop", "systemctl start", "dcgmi diag", "docker start", "systemctl start"]
    assert "dcgmi diag -r 4 -j" in calls and (b.root / "lib/planner/stress.json").exists()


@pytest.mark.parametrize(("index", "weeks"), [(0, [0, 13]), (14, [1, 14])])
def test_the_stress_test_comes_to_one_instance_a_week(bench, index, weeks):
    """Each once in 13 weeks; those that share a week keep three hours between them."""
    b = bench("gn7i")
    (b.root / "opt/planner/stress.sh").write_text(bootstrap.render(b.d)["files/stress.sh"])
    (b.root / "etc/planner/module.env").write_text(f"PLANNER_NODE_INDEX={index}\n")
    (b.root / "bin/date").symlink_to(b.root / "bin/.stub")
    (b.root / "bin/sleep").symlink_to(b.root / "bin/.stub")
    ran = []
    for week in (0, 1, 2, 13, 14):
        (b.root / "stub/calls").write_text("")
        b.set(now=str(week * 604800 + 3 * 86400))
        script = f"""
            set -e; cp -a /etc/. {b.root}/etc/; mount --bind {b.root}/etc /etc; mount --bind {b.root}/lib /var/lib
            PATH={b.root}/bin:$PATH bash {b.root}/opt/planner/stress.sh --in-turn
        """
        env = {**os.environ, "STUB": f"{b.root}/stub", "STUB_KEY": KEY}
        done = subprocess.run(["unshare", "-m", "bash", "-c", script], capture_output=True, text=True, env=env, check=False)
        assert done.returncode == 0, done.stderr
        calls = (b.root / "stub/calls").read_text()
        if "dcgmi diag -r 4" in calls:
            ran.append(week)
            assert f"sleep {index // 13 * 3}h" in calls
    assert ran == weeks
