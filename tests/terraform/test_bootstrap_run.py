"""The start-up script itself, run in a mount namespace of its own with the instance's commands stubbed."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from planner.terraform import bootstrap
from planner.terraform.deployment import Deployment
from tests.bootstrap.variants import VARIANTS, deployment

pytestmark = pytest.mark.system

if os.geteuid() != 0:
    pytest.skip("a mount namespace needs root", allow_module_level=True)
if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
    pytest.skip("this machine grants no mount namespace", allow_module_level=True)

STUB = Path(__file__).parents[1] / "bootstrap" / "stub"
NAMES = (
    "nvidia-smi lsblk mdadm mkfs.ext4 mount mountpoint blkid wipefs docker apt-get apt-mark dpkg dpkg-query curl systemctl "
    "iptables aws sleep python3 poweroff"
).split()
KEY = "k3y.that-nobody_may~read+in/logs="


def as_a_service(command: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command as systemd does: standard output and error are sockets of the journal, which cannot be opened by a path."""
    ends = [socket.socketpair() for _ in range(2)]
    texts = ["", ""]

    def read(i: int) -> None:
        with ends[i][0].makefile(encoding="utf-8", newline="") as said:
            texts[i] = said.read()

    readers = [threading.Thread(target=read, args=(i,)) for i in range(2)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=ends[0][1], stderr=ends[1][1], env=env) as process:
        for (_, inner), reader in zip(ends, readers, strict=True):
            inner.close()
            reader.start()
        try:
            process.wait(180)
        finally:
            process.kill()
            for (outer, _), reader in zip(ends, readers, strict=True):
                reader.join(5)
                outer.close()
    return subprocess.CompletedProcess(command, process.returncode, *texts)


class Machine:
    """An instance that keeps its disks between boots: what is bound over /opt, /srv, /etc and /var/lib."""

    def __init__(self, root: Path, variant: Deployment) -> None:
        self.root, self.stub = root, root / "stub"
        for name in (
            "opt/planner",
            "opt/dlami/nvme",
            "srv",
            "etc/planner",
            "etc/systemd/system",
            "etc/apt/sources.list.d",
            "lib/planner",
            "log",
            "stub",
            "bin",
        ):
            (root / name).mkdir(parents=True)
        for name in NAMES:
            (root / "bin" / name).symlink_to(STUB)
        for path, text in bootstrap.render(variant).items():
            file = root / "opt/planner" / path.removeprefix("files/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            file.chmod(0o755)
        self.env = {
            "PLANNER_PROVIDER": variant.provider,
            "PLANNER_REGION": variant.region,
            "PLANNER_NODE_INDEX": "0",
            "PLANNER_NODE_RANK": "0",
            "PLANNER_NODE_IP": "10.0.0.10",
            "PLANNER_HEAD_IP": "10.0.0.10",
        }
        self.env |= {f"PLANNER_IMAGE_{i.role.upper()}": f"x/{i.role}@sha256:0" for i in variant.stack.images}
        self.tag("api-key-secret=the-key", *(["deadline=2099-12-31T10:00:00Z"] if not variant.prepaid else []), "instances=1")
        self.write("key", KEY)
        self.gpus(variant.gpu_count, "595.91.07" if variant.provider == "aws" else "580.95.05")
        self.disks()
        if variant.provider == "aws":
            self.write("runtime", "")
            (root / "bin" / "nvidia-ctk").symlink_to(STUB)

    def write(self, name: str, text: str) -> None:
        (self.stub / name).write_text(text)

    def fabric(self, interfaces: int) -> None:
        """Give the machine EFA interfaces and what the AMI brings for them."""
        for name in ("find", "ldd"):
            (self.root / "bin" / name).symlink_to(STUB)
        at = "opt/amazon/ofi-nccl/lib/x86_64-linux-gnu"
        (self.root / at).mkdir(parents=True)
        for name in ("libnccl-net-ofi.so", "libfabric.so.1", "libhwloc.so.15"):
            (self.root / at / name).write_text(name)
        self.write("interfaces", str(interfaces))
        lines = [f"libfabric.so.1 => /{at}/libfabric.so.1 (0x1)", f"libhwloc.so.15 => /{at}/libhwloc.so.15 (0x2)"]
        last = "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x3)"
        self.write("ldd", "\n".join(["linux-vdso.so.1 (0x0)", *lines, last, ""]))

    def tag(self, *tags: str) -> None:
        """Set the instance's planner- tags, as its cloud answers for them."""
        self.write("tags", "".join(f"{tag}\n" for tag in tags))

    def gpus(self, count: int, version: str, name: str = "gpus") -> None:
        self.write(name, f"{version}\n" * count)

    def disks(self, *disks: tuple[str, str, int]) -> None:
        """Attach blank disks (name, model, GiB) beside a system disk that is in use."""
        blank = {"type": "disk", "fstype": None, "pttype": None, "mountpoint": None}
        system = {
            **blank,
            "name": "nvme0n1",
            "model": "Amazon Elastic Block Store",
            "pttype": "gpt",
            "size": 200 * 2**30,
            "children": [{**blank, "name": "nvme0n1p1", "type": "part", "mountpoint": "/", "size": 200 * 2**30}],
        }
        found = [system, *({**blank, "name": n, "model": m, "size": gib * 2**30} for n, m, gib in disks)]
        self.write("lsblk.json", json.dumps({"blockdevices": found}))

    def boot(self, *then: str) -> subprocess.CompletedProcess[str]:
        """Boot: /run and mounts start empty, everything else is as it was left. `then`: shell lines after the boot."""
        r = self.root
        (r / "etc/planner/module.env").write_text("".join(f"{k}={v}\n" for k, v in self.env.items()))
        (self.stub / "mounted").write_text(
            (self.stub / "ami-mounts").read_text() if (self.stub / "ami-mounts").exists() else ""
        )
        (self.stub / "calls").write_text("")
        script = f"""
            set -e
            cp -a /etc/passwd /etc/group /etc/ld.so.cache /etc/alternatives {r}/etc/ 2>/dev/null || true
            /bin/mount --bind {r}/opt /opt; /bin/mount --bind {r}/srv /srv; /bin/mount --bind {r}/etc /etc
            /bin/mount --bind {r}/lib /var/lib; /bin/mount --bind {r}/log /var/log; /bin/mount -t tmpfs none /run
            echo $$ >{r}/stub/bootstrap.pid
            watch() {{ PATH={r}/bin:$PATH /opt/planner/bootstrap.sh watch; }}
            rc=0; PATH={r}/bin:$PATH bash -c 'echo $$ >{r}/stub/bootstrap.pid; exec /opt/planner/bootstrap.sh' || rc=$?
            {"; ".join(then) or ":"}
            cp -a /run/planner {r}/run 2>/dev/null || true
            exit $rc
        """
        shutil.rmtree(r / "run", ignore_errors=True)
        env = {**os.environ, "STUB": str(self.stub), "STUB_SELF": str(STUB)}
        return as_a_service(["unshare", "-m", "bash", "-c", script], env)

    @property
    def calls(self) -> list[str]:
        return (self.stub / "calls").read_text().splitlines()

    def called(self, start: str) -> list[str]:
        return [call for call in self.calls if call.startswith(start)]

    @property
    def state(self) -> dict[str, str]:
        result: dict[str, str] = json.loads((self.root / "lib/planner/state.json").read_text())
        return result


@pytest.fixture
def machine(tmp_path: Path):  # type: ignore[no-untyped-def]
    return lambda name, **changes: Machine(tmp_path, VARIANTS[name] if not changes else deployment(**changes))


LOCAL = [(f"nvme{i}n1", "Amazon EC2 NVMe Instance Storage", 931) for i in range(1, 9)]


def test_eight_local_disks_become_one_stripe(machine):
    m = machine("p4d")
    m.disks(*LOCAL, ("nvme9n1", "Amazon Elastic Block Store", 500))
    run = m.boot()
    assert run.returncode == 0, run.stdout + run.stderr
    assert (m.state["step"], m.state["status"]) == ("serve", "done")
    disks = " ".join(f"/dev/nvme{i}n1" for i in range(1, 9))
    assert m.called("mdadm") == [f"mdadm --create /dev/md/planner --run --level=0 --raid-devices=8 {disks}"]
    assert m.called("mkfs") == ["mkfs.ext4 -q -m 0 -L planner-models /dev/md/planner"]
    assert m.called("mount ") == ["mount -o noatime /dev/md/planner /srv/models"]
    assert any("up -d" in call for call in m.called("docker compose"))


def test_one_local_disk_is_formatted_alone(machine):
    m = machine("g5")
    m.disks(("nvme1n1", "Amazon EC2 NVMe Instance Storage", 450), ("nvme2n1", "Amazon Elastic Block Store", 900))
    assert m.boot().returncode == 0
    assert not m.called("mdadm")
    assert m.called("mkfs") == ["mkfs.ext4 -q -m 0 -L planner-models /dev/nvme1n1"]


def test_without_local_disks_the_largest_cloud_disk_is_taken(machine):
    m = machine("p4d")
    m.disks(("nvme1n1", "Amazon Elastic Block Store", 100), ("nvme2n1", "Amazon Elastic Block Store", 900))
    assert m.boot().returncode == 0
    assert m.called("mkfs") == ["mkfs.ext4 -q -m 0 -L planner-models /dev/nvme2n1"]


def test_without_any_disk_the_system_disk_is_used(machine):
    m = machine("p4d")
    run = m.boot()
    assert run.returncode == 0
    assert not m.called("mkfs") and not m.called("mount ")
    assert "no disk for the model" in run.stdout


def test_a_promised_data_disk_that_never_comes_is_a_failure(machine):
    m = machine("gn7i")
    assert m.boot().returncode == 1
    assert (m.state["step"], m.state["status"]) == ("cache", "failed")
    assert "500 GB is not attached" in m.state["detail"]


def test_stripe_made_by_the_ami_is_used_as_it_is(machine):
    m = machine("p4d")
    m.disks(*LOCAL)
    m.write("ami-mounts", "/opt/dlami/nvme\n")
    assert m.boot().returncode == 0
    assert not m.called("mdadm") and not m.called("mkfs")
    assert m.called("mount ") == ["mount --bind /opt/dlami/nvme/models /srv/models"]


def test_a_disk_with_a_signature_is_never_formatted(machine):
    m = machine("g5")
    m.disks(("nvme1n1", "Amazon EC2 NVMe Instance Storage", 450))
    m.write("signature", "DEVICE OFFSET TYPE\nnvme1n1 0x438 xfs\n")
    assert m.boot().returncode == 1
    assert "/dev/nvme1n1 is not empty" in m.state["detail"] and not m.called("mkfs")


def test_old_driver_of_the_ami_is_refused(machine):
    m = machine("p4d")
    m.gpus(8, "570.133.20")
    assert m.boot().returncode == 1
    assert (m.state["step"], m.state["status"]) == ("driver", "failed")
    assert "570.133.20" in m.state["detail"] and "580" in m.state["detail"]


def test_a_missing_gpu_is_refused(machine):
    m = machine("p4d")
    m.gpus(7, "595.91.07")
    assert m.boot().returncode == 1
    assert m.state["detail"] == "7 of 8 GPUs answer"


def test_v100_under_a_driver_without_volta_is_refused(machine):
    m = machine("gn10xp")
    m.gpus(8, "590.44.01")
    assert m.boot().returncode == 1
    assert "R580 is the last" in m.state["detail"]


@pytest.mark.parametrize(("name", "version", "gpus"), [pytest.param("gn10xp", "580.95.05", 8, marks=pytest.mark.slow), ("gn7i", "570.133.20", 1)])
def test_driver_is_installed_then_the_machine_reboots_and_goes_on(machine, name, version, gpus):
    m = machine(name)
    m.disks(("vdb", "", 500))
    (m.stub / "gpus").unlink()
    m.gpus(gpus, version, "gpus.next")
    assert m.boot().returncode == 0
    assert m.state["status"] == "reboot" and m.called("systemctl reboot")
    assert version in (m.stub / "installer").read_text()
    assert not m.called("docker"), "nothing goes on before the reboot"
    assert m.boot().returncode == 0
    assert m.state["status"] == "done" and m.state["reboots"] == "1" and not m.called("systemctl reboot")
    assert m.called("mkfs") == ["mkfs.ext4 -q -m 0 -L planner-models /dev/vdb"]
    third = m.boot()
    assert third.returncode == 0 and not m.called("mkfs") and not m.called("apt-get"), (
        "a later boot installs nothing again"
    )


def test_driver_that_never_works_does_not_reboot_for_ever(machine):
    m = machine("gn10xp")
    (m.stub / "gpus").unlink()
    outcomes = [(m.boot().returncode, m.state["status"]) for _ in range(4)]
    assert outcomes == [(0, "reboot"), (0, "reboot"), (1, "failed"), (1, "failed")]


def test_what_trying_again_cannot_help_stops_once(machine):
    """A refused token, a revision that is not there, a full disk: one try, one clear status, no restart by systemd."""
    m = machine("p4d")
    m.write("model-stops", "ORG/NAME: the hub refuses the token\n")
    assert m.boot().returncode == 78
    assert len(m.called("python model.py")) == 1 and not m.called("docker pull")
    assert (m.state["status"], m.state["detail"]) == ("stopped", "ORG/NAME: the hub refuses the token")
    unit = bootstrap.render(VARIANTS["p4d"])["files/units/planner-bootstrap.service"]
    assert "RestartPreventExitStatus=78" in unit


def test_download_that_breaks_off_is_resumed(machine):
    m = machine("p4d")
    m.write("model-failures", "3")
    assert m.boot().returncode == 0
    assert len(m.called("python model.py")) == 4 and m.state["status"] == "done"


def test_death_in_the_middle_of_the_download_is_survived(machine):
    m = machine("g5")
    m.disks(("nvme1n1", "Amazon EC2 NVMe Instance Storage", 450))
    m.write("model-failures", "1")
    m.write("model-kills", "")
    assert m.boot().returncode == 137
    assert (m.state["step"], m.state["status"]) == ("model", "running")
    assert m.boot().returncode == 0
    assert m.state["status"] == "done" and not m.called("mkfs")


def test_download_that_never_works_fails_with_the_reason(machine):
    m = machine("p4d")
    m.write("model-failures", "99")
    assert m.boot().returncode == 1
    assert m.state["detail"].startswith("the model's download failed")


@pytest.mark.parametrize("name", ["p4d", "gn10xp"])
def test_the_key_is_read_by_root_only_and_never_shown(machine, name):
    m = machine(name)
    m.disks(("vdb", "", 500))
    run = m.boot()
    assert run.returncode == 0, run.stdout + run.stderr
    assert (m.root / "run/keys/keys").read_text() == f'"Bearer {KEY}" key\n'
    secrets = m.root / "run/secrets.env"
    assert secrets.read_text() == f"PLANNER_API_KEY={KEY}\n"
    assert secrets.stat().st_mode & 0o777 == 0o600 and secrets.parent.stat().st_mode & 0o777 == 0o700
    shown = run.stdout + run.stderr + "\n".join(m.calls) + json.dumps(m.state)
    assert KEY not in shown


@pytest.mark.parametrize(
    "key",
    [None, 'quo"te-in-the-secret']
    + [pytest.param(key, marks=pytest.mark.slow) for key in ("", "short", "two words of secret", "line\nbreak-in-secret")],
)
def test_a_secret_that_is_missing_or_odd_is_a_failure_that_hides_it(machine, key):
    m = machine("p4d")
    m.write("key", key) if key is not None else (m.stub / "key").unlink()
    run = m.boot()
    assert run.returncode == 1 and m.state["step"] == "secrets"
    assert "the-key" in m.state["detail"]
    assert not key or key not in run.stdout + run.stderr + json.dumps(m.state)


def test_a_passed_deadline_powers_off_before_anything_else(machine):
    m = machine("p4d")
    m.tag("api-key-secret=the-key", "deadline=2026-01-01T00:00:00Z")
    assert m.boot().returncode == 0
    assert m.state["status"] == "stopped" and m.called("systemctl poweroff") and not m.called("nvidia-smi")


def test_a_subscription_has_no_deadline(machine):
    m = machine("gn7i-subscription")
    m.disks(("vdb", "", 500))
    assert m.boot().returncode == 0
    assert not m.called("systemctl poweroff") and not any("deadline" in call for call in m.calls)


@pytest.mark.long
def test_an_engine_that_never_gets_healthy_is_a_failure(machine):
    m = machine("g5")
    m.write("unhealthy", "")
    assert m.boot().returncode == 1
    assert m.state["step"] == "serve" and "not healthy" in m.state["detail"]


def test_a_worker_of_a_pipeline_waits_for_no_engine_of_its_own(machine):
    m = machine("p5-r1-2-nodes")
    m.fabric(32)
    m.env |= {"PLANNER_NODE_RANK": "1", "PLANNER_NODE_IP": "10.0.0.11"}
    m.write("unhealthy", "")
    assert m.boot().returncode == 0
    assert not any("/health" in call for call in m.calls)
