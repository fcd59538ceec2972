"""Nights of an instance, played with stubs: what it does of itself, and the log of each, kept in tests/bootstrap/nights/.

A log holds what the script says and which commands it gives, one a line. To write them anew after a change that is meant:
`PLANNER_NIGHTS=write pytest tests/terraform/test_bootstrap_nights.py`, then read the diff.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.bootstrap.variants import VARIANTS
from tests.terraform.test_bootstrap_run import KEY, STUB, Machine

pytestmark = [pytest.mark.system, pytest.mark.long]

NIGHTS = Path(__file__).parents[1] / "bootstrap" / "nights"
#: Commands whose order is the machine's own business.
QUIET = ("python3", "curl", "sleep", "apt-mark", "dpkg-query", "lsblk", "blkid", "mountpoint", "wipefs", "aws", "date")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path, VARIANTS["p4d"])


def kept(night: str, machine: Machine, *runs: subprocess.CompletedProcess[str]) -> None:
    """Compare what was said and done with the night's file."""
    said = [line for run in runs for line in (run.stdout + run.stderr).splitlines() if line.startswith("planner:")]
    did = [call for call in machine.calls if not call.startswith(QUIET)]
    text = "\n".join(["# said", *said, "# did", *did]).replace(str(machine.root), "ROOT") + "\n"
    file = NIGHTS / f"{night}.log"
    if os.environ.get("PLANNER_NIGHTS") == "write":
        NIGHTS.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text(), f"{file} differs: see this test's docstring"
    assert KEY not in text


def test_a_reboot_asks_no_registry_and_no_hub(machine: Machine) -> None:
    assert machine.boot().returncode == 0
    machine.write("no-registry", "")
    machine.write("model-failures", "0")
    again = machine.boot()
    assert again.returncode == 0 and machine.state["status"] == "done"
    assert not machine.called("docker pull") and not machine.called("apt-get") and not machine.called("python -m pip")
    kept("reboot", machine, again)


def test_a_registry_outage_at_first_boot_is_a_clear_failure(machine: Machine) -> None:
    machine.write("no-registry", "")
    run = machine.boot()
    assert run.returncode == 1 and machine.state["detail"] == "the images of engine and proxy do not come"
    kept("registry-outage", machine, run)


def test_missing_monitoring_never_blocks_the_engine(machine: Machine) -> None:
    machine.write("no-image", "x/grafana\n")
    run = machine.boot()
    assert run.returncode == 0 and machine.state["status"] == "done"
    first = next(call for call in machine.calls if " up -d" in call)
    assert "engine-0 proxy" in first and "grafana" not in first
    assert machine.calls.index(first) < min(i for i, c in enumerate(machine.calls) if "pull -q x/prometheus" in c)
    kept("no-monitoring", machine, run)


def test_what_docker_lost_is_brought_up_again(machine: Machine) -> None:
    """A restart of the daemon that leaves containers down: the next minute brings them up."""
    machine.write("running", "engine-0\nproxy\nprometheus\ngrafana\nnode-exporter\ndcgm-exporter\n")
    stub = machine.stub
    run = machine.boot(f"watch; echo '# docker restarts' >>{stub}/calls; echo proxy >{stub}/running; watch")
    assert run.returncode == 0, run.stderr
    after = machine.calls[machine.calls.index("# docker restarts") :]
    before = machine.calls[: machine.calls.index("# docker restarts")]
    assert [c.rpartition("--pull never")[2] for c in after if " up -d" in c] == [" engine-0 proxy", ""], "engine first"
    assert len([c for c in before if " up -d" in c]) == 2, "nothing is touched while all runs"
    kept("docker-restart", machine, run)


def test_an_engine_comes_back_also_while_monitoring_cannot(machine: Machine) -> None:
    machine.write("no-image", "x/grafana\n")
    run = machine.boot(f"echo proxy >{machine.stub}/running; watch")
    assert run.returncode == 0
    ups = [c for c in machine.calls if " up -d" in c]
    assert len(ups) == 2 and all(c.endswith("engine-0 proxy") for c in ups)


def test_an_unhealthy_container_is_restarted(machine: Machine) -> None:
    run = machine.boot(f"echo deadbeef >{machine.stub}/sick; watch")
    assert run.returncode == 0 and machine.called("docker restart deadbeef")


def test_a_bad_token_stops_once(machine: Machine) -> None:
    machine.write("model-stops", "deepseek-ai/DeepSeek-R1-Distill-Llama-70B : the hub refuses the token\n")
    run = machine.boot()
    assert run.returncode == 78 and machine.state["status"] == "stopped"
    kept("bad-token", machine, run)


def test_a_full_disk_stops_once(machine: Machine) -> None:
    machine.write("model-stops", "the model does not fit on the disk: 141 GB to come, 120 GB free\n")
    run = machine.boot()
    assert run.returncode == 78 and "does not fit" in machine.state["detail"]
    kept("full-disk", machine, run)


def test_a_deadline_that_came_near_ends_the_instance_and_one_that_moved_away_does_not(machine: Machine) -> None:
    stub = machine.stub
    moved = f"printf 'api-key-secret=the-key\\ndeadline=2100-01-31T00:00:00Z\\ninstances=1\\n' >{stub}/tags; watch"
    passed = f"printf 'api-key-secret=the-key\\ndeadline=2026-01-01T00:00:00Z\\ninstances=1\\n' >{stub}/tags; watch"
    run = machine.boot(moved, f"echo '# the deadline passes' >>{stub}/calls", passed)
    assert run.returncode == 0, run.stderr
    off = [i for i, call in enumerate(machine.calls) if call == "systemctl poweroff"]
    assert len(off) == 1 and off[0] > machine.calls.index("# the deadline passes")
    assert machine.state["detail"] == "the deadline 2026-01-01T00:00:00Z has passed"
    kept("expired-deadline", machine, run)
    assert machine.boot().returncode == 0 and machine.called("systemctl poweroff"), "and off again after a start by hand"
    machine.tag("api-key-secret=the-key", "deadline=2100-01-31T00:00:00Z", "instances=1")
    assert machine.boot().returncode == 0 and not machine.called("systemctl poweroff"), "a new deadline lets it start"


def test_tags_that_cannot_be_read_leave_what_was_known(machine: Machine) -> None:
    assert machine.boot().returncode == 0
    (machine.stub / "tags").unlink()
    assert machine.boot("watch").returncode == 0 and machine.state["status"] == "done"
    settings = (machine.root / "lib/planner/settings.env").read_text()
    assert "PLANNER_DEADLINE=2099-12-31T10:00:00Z" in settings


def test_a_first_boot_without_tags_says_so(machine: Machine) -> None:
    (machine.stub / "tags").unlink()
    assert machine.boot().returncode == 1
    assert machine.state["detail"] == "the instance cannot read its own tags"


@pytest.mark.parametrize("value", ["$(touch /srv/owned)", "`touch /srv/owned`", "a b; touch /srv/owned", 'x"; touch /srv/owned; "'])
def test_a_tag_is_never_run(machine: Machine, value: str) -> None:
    """Who may set tags may not run commands as root: what is no plain word is left out."""
    machine.tag(f"api-key-secret=the-key", "deadline=2099-12-31T10:00:00Z", f"instances={value}")
    machine.boot()
    assert not (machine.root / "srv/owned").exists()
    assert "PLANNER_INSTANCES" not in (machine.root / "lib/planner/settings.env").read_text()


def test_a_lost_gpu_is_said(machine: Machine) -> None:
    assert machine.boot().returncode == 0
    machine.gpus(7, "595.91.07")
    run = machine.boot()
    assert run.returncode == 1 and machine.state["detail"] == "7 of 8 GPUs answer"
    kept("lost-gpu", machine, run)


NOTICES = {
    "p4d": '{"action": "terminate", "time": "2099-09-18T08:22:00Z"}',
    "gn7i": "2099-09-18T08:22:00Z",
    "gn10xp": "2099-09-18 16:22:00",  # in UTC+8
}


@pytest.mark.parametrize("name", NOTICES)
def test_a_spot_notice_drains_the_instance(name: str, tmp_path: Path) -> None:
    """Health says no at once, what runs may end, then the engine stops, and no watch brings it back."""
    m = Machine(tmp_path, VARIANTS[name]._replace(purchase_option="spot"))
    m.disks(("vdb", "", 500))
    if name != "p4d":
        m.gpus(VARIANTS[name].gpu_count, "580.95.05")
    m.write("notice-after", "3")
    m.write("notice", NOTICES[name])
    m.write("streams", "4")
    m.write("running", "engine-0\nproxy\nprometheus\ngrafana\nnode-exporter\ndcgm-exporter\n")
    stub = m.stub
    spot = f"PATH={m.root}/bin:$PATH /opt/planner/bootstrap.sh spot; echo '# drained' >>{stub}/calls; echo grafana >{stub}/running; watch"
    run = m.boot(spot)
    assert run.returncode == 0, run.stderr
    looks = [i for i, call in enumerate(m.calls) if call.startswith("curl") and ("termination-time" in call or "instance-action" in call)]
    polls = [i for i, call in enumerate(m.calls) if call.startswith("curl") and ":8000/metrics" in call]
    assert len(looks) == 4, "three times nothing, then the notice"
    assert len(polls) == 4 + 6, "four looks with a stream, then six without"
    stopped = next(i for i, call in enumerate(m.calls) if " stop -t 5 " in call)
    assert stopped > polls[-1] and m.calls[stopped].endswith("engine-0 proxy")
    assert not [c for c in m.calls[m.calls.index("# drained") :] if " up -d" in c], "the watch leaves it down"
    assert (m.root / "run/keys/drain").read_text() == "2099-09-18T08:22:00Z\n"
    assert m.state["status"] == "drained"
    kept(f"spot-notice-{name}", m, run)


def test_a_spot_notice_waits_no_longer_than_the_end(tmp_path: Path) -> None:
    m = Machine(tmp_path, VARIANTS["p4d"]._replace(purchase_option="spot"))
    m.write("notice-after", "0")
    m.write("notice", '{"action": "terminate", "time": "2026-01-01T00:00:00Z"}')
    m.write("streams", "1000000")
    run = m.boot(f"PATH={m.root}/bin:$PATH /opt/planner/bootstrap.sh spot")
    assert run.returncode == 0 and m.state["status"] == "drained"


PAIR = VARIANTS["p5-r1-2-nodes"]._replace(purchase_option="spot", fabric=VARIANTS["p4d"].fabric)
#: Of this process alone: the head's port is given, and tests beside this one have heads too, that would answer in its place.
HEAD, WORKER = (f"127.{1 + os.getpid() // 250 % 250}.{1 + os.getpid() % 250}.{n}" for n in (8, 9))
END = 4093402920  # 2099-09-18T08:22:00Z


def node(folder: Path, rank: int) -> Machine:
    """Return one of two nodes of a pipeline of spot instances; its clock stands 100 seconds before END."""
    m = Machine(folder, PAIR)
    m.env |= {"PLANNER_NODE_RANK": str(rank), "PLANNER_NODE_IP": [HEAD, WORKER][rank], "PLANNER_HEAD_IP": HEAD}
    (m.root / "bin/date").symlink_to(STUB)
    m.write("now", str(END - 100))
    m.write("streams", "4")
    return m


@pytest.mark.long
def test_a_worker_tells_the_head_and_stays_while_streams_run(tmp_path: Path) -> None:
    m = node(tmp_path, 1)
    m.write("notice-after", "3")
    m.write("notice", NOTICES["p4d"])
    run = m.boot(f"echo {END - 110} >{m.stub}/now; PATH={m.root}/bin:$PATH /opt/planner/bootstrap.sh spot")
    assert run.returncode == 0, run.stderr
    told = [i for i, call in enumerate(m.calls) if call.endswith(f"http://{HEAD}:29502/2099-09-18T08:22:00Z")]
    stopped = next(i for i, call in enumerate(m.calls) if " stop -t 5 " in call)
    assert len(told) == 4 + 6 and told[-1] < stopped, "streams run, then none; the worker goes last"
    assert m.state["status"] == "drained" and not m.called("python3 peers.py")
    kept("spot-notice-worker", m, run)


ASK = "/usr/bin/curl -s -o /dev/null -w '%{http_code}' http://" + HEAD + ":29502"


def on_the_head(m: Machine, *then: str) -> str:
    """Return shell that looks for a notice on the head, asks it for what it takes for none, and does `then`."""
    return "\n".join(
        (
            "set +e",
            f": >{m.stub}/calls; echo {END - 110} >{m.stub}/now",
            f"PATH={m.root}/bin:$PATH setsid /opt/planner/bootstrap.sh spot & spot=$!",
            f'for i in $(seq 3000); do [ "$({ASK}/other)" != 404 ] || break; /usr/bin/sleep 0.02; done',
            *then,
            "kill -- -$spot; wait",
        )
    )


def test_the_head_drains_for_a_worker_and_serves_again_with_the_next_one(tmp_path: Path) -> None:
    m = node(tmp_path, 0)
    m.write("notice-after", "1000000")
    ask = f"{ASK}/other >{m.root}/other; {ASK}/2099-09-18T08:22:00Z >{m.root}/told"
    run = m.boot(on_the_head(m, ask, f'for i in $(seq 3000); do ! grep -q "up -d" {m.stub}/calls || break; /usr/bin/sleep 0.02; done'))
    assert (m.root / "other").read_text() == "404", "nothing else drains it"
    assert (m.root / "told").read_text() == "202", "something runs yet"
    polls = [i for i, call in enumerate(m.calls) if ":8000/metrics" in call]
    stopped = next(i for i, call in enumerate(m.calls) if " stop -t 5 " in call)
    up = next(i for i, call in enumerate(m.calls) if " up -d" in call)
    assert len(polls) == 4 + 6 and polls[-1] < stopped < up, "drained first, up again when the worker is gone"
    assert int((m.stub / "now").read_text()) >= END
    assert not (m.root / "run/keys/drain").exists() and m.state["status"] == "done"
    assert [line for line in run.stdout.splitlines() if "spot: " in line] == [
        "planner: spot: draining the cloud takes this instance back at 2099-09-18T08:22:00Z",
        "planner: spot: drained the cloud takes this instance back at 2099-09-18T08:22:00Z",
        "planner: spot: done a worker was taken back at 2099-09-18T08:22:00Z; serves again when another one has joined",
    ]
    kept("spot-notice-head", m, run)


@pytest.mark.long
def test_a_head_that_goes_itself_tells_its_workers_and_stays_down(tmp_path: Path) -> None:
    m = node(tmp_path, 0)
    m.write("notice-after", "3")
    m.write("notice", NOTICES["p4d"])
    m.boot(on_the_head(m, f'for i in $(seq 3000); do {ASK}/2099-09-18T08:22:00Z | tee {m.root}/told | grep -q 202 || break; /usr/bin/sleep 0.02; done'))
    assert (m.root / "told").read_text() == "200", "a worker that goes too need not wait for it"
    assert m.state["status"] == "drained" and not [call for call in m.calls if " up -d" in call]


@pytest.mark.parametrize("name", [name for name, variant in VARIANTS.items() if variant.layout.pp > 1])
def test_spot_pipelines_fit_into_the_user_data(name: str) -> None:
    """With all that is asked for beside it, or a clear word of what to leave out."""
    from planner.terraform import bootstrap

    spot = VARIANTS[name]._replace(purchase_option="spot")
    files = bootstrap.render(spot)
    assert "29502" in files["files/peers.py"] and "29501" not in files["files/peers.py"], "the engine's own port is another one"
    assert bootstrap.user_data_size(spot, files) <= bootstrap.cloud.find(spot.provider).user_data_bytes
    assert "files/peers.py" not in bootstrap.render(VARIANTS[name])
    compile(files["files/peers.py"], "peers.py", "exec")
    done = subprocess.run(["bash", "-n"], input=files["files/bootstrap.sh"], capture_output=True, text=True, check=False)
    assert not done.stderr


def test_only_a_spot_instance_looks_for_a_notice() -> None:
    from planner.terraform import bootstrap

    plain = bootstrap.render(VARIANTS["p4d"])
    assert "files/units/planner-spot.timer" not in plain and "notice()" not in plain["files/bootstrap.sh"]
    assert "files/units/planner-spot.timer" in bootstrap.render(VARIANTS["p4d"]._replace(purchase_option="spot"))


def test_new_keys_reach_the_proxy_without_a_restart(machine: Machine) -> None:
    machine.write("key", f"{KEY}\nteam-b:{'b' * 20}\n")
    stub = machine.stub
    renamed = f"sed -i s/the-key/another/ {stub}/tags; printf %s {'c' * 20} >{stub}/key; watch"
    run = machine.boot(renamed)
    assert run.returncode == 0, run.stderr
    reloads = machine.called("docker exec planner-proxy-1 caddy reload")
    assert len(reloads) == 1 and not machine.called("docker restart")
    assert (machine.root / "run/keys/keys").read_text() == f'"Bearer {"c" * 20}" key\n'
    assert "c" * 20 not in "\n".join(machine.calls)
    kept("new-keys", machine, run)


def test_a_key_that_is_none_leaves_the_old_ones(machine: Machine) -> None:
    run = machine.boot(f"sed -i s/the-key/another/ {machine.stub}/tags; printf %s short >{machine.stub}/key; watch")
    assert run.returncode == 0 and "the keys stay as they are" in run.stdout
    assert (machine.root / "run/keys/keys").read_text() == f'"Bearer {KEY}" key\n'


def test_a_driver_that_fails_is_told_all_the_same(tmp_path: Path) -> None:
    """Tags and secrets are read by the Python of the start-up: it and the settings come before the driver."""
    m = Machine(tmp_path, VARIANTS["gn7i"]._replace(alert_webhook_secret="hook", power_off=True))
    m.gpus(0, "")
    m.tag("api-key-secret=the-key", "deadline=2099-12-31T10:00:00Z", "alert-webhook-secret=hook", "instances=1")
    (m.root / "lib/planner/reboots").write_text("2\n")
    run = m.boot("watch || true", "cp /run/planner/webhook /srv/webhook")
    assert m.state["detail"].startswith("driver missing after two installations"), run.stdout
    assert m.called("python secret.py hook") and (m.root / "srv/webhook").exists()


def test_an_engine_that_ends_again_and_again_is_given_up_before_the_hour_is_over(tmp_path: Path) -> None:
    m = Machine(tmp_path, VARIANTS["p4d"])
    m.write("unhealthy", "")
    m.write("ends", "10")
    assert m.boot().returncode == 1
    assert m.state["detail"] == "the engine ended 10 times, with: CUDA error: no kernel image is available"
    assert not m.called("sleep 20")


def test_a_docker_that_does_not_answer_never_ends_an_instance_that_serves(tmp_path: Path) -> None:
    """Ten looks that fail are no ten starts that failed: --power-off-on-failure is about a start that cannot succeed."""
    m = Machine(tmp_path, VARIANTS["p4d"]._replace(power_off=True, purchase_option="spot"))
    run = m.boot("seq 9 >/run/planner/failures; touch $STUB/no-docker", "watch", "rm $STUB/no-docker", "watch")
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("planner: docker does not answer") == 1
    assert m.state["status"] == "done" and not m.called("systemctl poweroff") and not m.called("poweroff")


def test_a_look_that_hangs_is_ended_and_asks_a_registry_once(tmp_path: Path) -> None:
    m = Machine(tmp_path, VARIANTS["p4d"])
    assert "\nTimeoutStartSec=10min\n" in (m.root / "opt/planner/units/planner-watch.service").read_text()
    lost = ": >$STUB/images; : >$STUB/calls; echo proxy >$STUB/running; touch $STUB/no-registry"
    assert m.boot(lost, "watch").returncode == 0
    pulls = m.called("docker pull")
    assert pulls and len(pulls) == len(set(pulls)), pulls


def test_updates_of_the_image_that_hold_the_lock_are_waited_for(tmp_path: Path) -> None:
    m = Machine(tmp_path, VARIANTS["gn10xp"])
    m.disks(("vdb", "", 500))
    assert m.boot().returncode == 0
    assert m.called("apt-get install") and all("DPkg::Lock::Timeout=" in c for c in m.called("apt-get install"))
    assert not m.called("dpkg -i")


def test_packages_come_before_the_engine_is_up(machine: Machine) -> None:
    machine.tag("api-key-secret=the-key", "deadline=2099-12-31T10:00:00Z", "instances=2")
    (machine.root / "bin" / "apt-get").unlink()
    (machine.root / "bin" / "apt-get").write_text('#!/bin/bash\necho "apt-get $*" >>"$STUB/calls"\n[[ $* != *install* ]] || { touch "${0%/*}/iperf3" && chmod +x "${0%/*}/iperf3"; }\n')
    (machine.root / "bin" / "apt-get").chmod(0o755)
    assert machine.boot().returncode == 0
    order = [call for call in machine.calls if "iperf3" in call or " up -d" in call]
    assert order[0].startswith("apt-get install") and order[-1] == "systemctl start planner-iperf3"
    assert len([call for call in order if call.startswith("apt-get")]) == 1


def test_gpus_survive_a_reload_of_systemd(machine: Machine) -> None:
    """cgroupfs and device links, live-restore, and no reload or enable after the engine is up."""
    import json

    assert machine.boot("watch").returncode == 0
    config = json.loads((machine.root / "etc/docker/daemon.json").read_text())
    assert config["exec-opts"] == ["native.cgroupdriver=cgroupfs"] and config["live-restore"] is True
    assert config["runtimes"] == {"nvidia": {}}, "what nvidia-ctk wrote stays"
    assert machine.called("nvidia-ctk system create-dev-char-symlinks")
    up = next(i for i, call in enumerate(machine.calls) if " up -d" in call)
    late = [c for c in machine.calls[up:] if c.startswith("systemctl") and ("reload" in c or "enable" in c)]
    assert not late
    restarts = machine.called("systemctl restart docker")
    machine.boot()
    assert len(restarts) == 1 and not machine.called("systemctl restart docker"), "once, at the first boot"
    held = next(c for c in machine.calls if c.startswith("dpkg-query"))
    assert all(name in held for name in ("docker*", "containerd*", "runc*"))


def test_a_disk_that_comes_late_is_seen(tmp_path: Path) -> None:
    """Each look asks anew: the list of disks is not the one of the first second."""
    machine = Machine(tmp_path, VARIANTS["gn7i"])
    machine.write("disk-after", "3")
    run = machine.boot()
    assert run.returncode == 0, machine.state
    assert machine.called("mkfs.ext4 -q -m 0 -L planner-models /dev/vdb")


@pytest.mark.parametrize("name", ["p4d", "gn7i"])
def test_a_start_that_cannot_succeed_ends_the_bill_when_asked(name: str, tmp_path: Path) -> None:
    m = Machine(tmp_path, VARIANTS[name]._replace(power_off=True))
    m.disks(("vdb", "", 500))
    m.write("model-stops", "no such model or revision\n")
    run = m.boot()
    assert run.returncode == 78 and m.called("systemctl poweroff")
    assert bool(m.called("python tags.py release")) == (name != "p4d")
    kept(f"power-off-{name}", m, run)


@pytest.mark.long
def test_a_failure_that_may_pass_is_tried_ten_times_before_the_end(tmp_path: Path) -> None:
    m = Machine(tmp_path, VARIANTS["g5"]._replace(power_off=True))
    m.write("gpus", "No devices were found\n")
    once = m.boot()
    assert once.returncode == 1 and not m.called("systemctl poweroff")
    again = "/opt/planner/bootstrap.sh || true"
    m.boot(*[f"PATH={m.root}/bin:$PATH {again}" for _ in range(9)])
    assert len(m.called("systemctl poweroff")) == 1


@pytest.mark.parametrize("interfaces", [32, 31])
def test_a_pipeline_brings_the_fabric_to_its_containers_or_stops_before_the_weights(interfaces: int, tmp_path: Path) -> None:
    m = Machine(tmp_path, VARIANTS["p5-r1-2-nodes"])
    m.fabric(interfaces)
    run = m.boot()
    fabric = m.root / "opt/planner/fabric"
    if interfaces == 32:
        assert run.returncode == 0, run.stdout + run.stderr
        assert sorted(p.name for p in fabric.iterdir()) == ["libfabric.so.1", "libhwloc.so.15", "libnccl-net.so"]
    else:
        assert run.returncode == 1 and m.state["detail"].startswith("31 of 32 EFA interfaces answer")
        assert not m.called("docker pull") and not fabric.exists()
    kept(f"fabric-{interfaces}", m, run)
