"""Alerts leave the machine: what is posted, to whom, once; and what an instance does that cannot start."""

from __future__ import annotations

import io
import json
import runpy
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from planner.terraform import bootstrap
from tests.bootstrap.variants import VARIANTS

SCRIPT = Path(__file__).parents[2] / "templates" / "bootstrap" / "alerts.py"
ADDRESS = "https://hooks.example.com/services/T0/B0/do-not-show"


class Machine:
    """A home and a Prometheus for the script; `run` returns what was posted."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.patch = root, monkeypatch
        self.firing: list[dict[str, Any]] = []
        self.fails: Exception | None = None
        self.state("done", "serve", "serving")
        (root / "serving").write_text("")

    def state(self, status: str, step: str, detail: str) -> None:
        (self.root / "state.json").write_text(json.dumps({"status": status, "step": step, "detail": detail}))

    def run(self, address: str = ADDRESS) -> list[tuple[str, Any]]:
        posted: list[tuple[str, Any]] = []

        def urlopen(request: Any, timeout: float = 0) -> io.BytesIO:
            if isinstance(request, str):
                if self.firing == [{}]:
                    raise OSError("refused")
                return io.BytesIO(json.dumps({"data": {"alerts": self.firing}}).encode())
            if self.fails:
                raise self.fails
            posted.append((request.full_url, json.loads(request.data)))
            return io.BytesIO()

        text = SCRIPT.read_text().replace("/var/lib/planner", str(self.root)).replace("/run/planner", str(self.root))
        (self.root / "alerts.py").write_text(text)
        self.patch.setattr(urllib.request, "urlopen", urlopen)
        self.patch.setattr(sys, "stdin", io.StringIO(address + "\n"))
        runpy.run_path(str(self.root / "alerts.py"))
        return posted


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.delenv("PLANNER_DEADLINE", raising=False)
    return Machine(tmp_path, monkeypatch)


def alert(name: str, severity: str = "critical") -> dict[str, Any]:
    labels = {"alertname": name, "severity": severity}
    return {"state": "firing", "labels": labels, "annotations": {"summary": f"{name} it is"}}


def test_nothing_is_posted_while_all_is_well(machine: Machine) -> None:
    assert machine.run() == []


def test_an_alert_is_posted_once_and_its_end_too(machine: Machine) -> None:
    machine.firing = [alert("GpuXid"), {**alert("Later"), "state": "pending"}, alert("UnusedGpuMemory", "info")]
    [(address, body)] = machine.run()
    assert address == ADDRESS and body["text"].endswith(": GpuXid: GpuXid it is")
    assert machine.run() == []
    machine.firing = []
    assert machine.run()[0][1]["text"].endswith(": GpuXid: over")
    assert machine.run() == []


def test_a_start_that_failed_is_told_with_the_reason(machine: Machine) -> None:
    (machine.root / "serving").unlink()
    machine.state("stopped", "model", "the hub refuses the token")
    assert machine.run()[0][1]["text"].endswith("StartFailed: model: the hub refuses the token")


@pytest.mark.parametrize(("hours", "told"), [(47, True), (49, False)])
def test_a_deadline_is_told_two_days_before(machine: Machine, hours: int, told: bool) -> None:
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + hours * 3600))
    machine.patch.setenv("PLANNER_DEADLINE", end)
    posted = machine.run()
    assert bool(posted) is told and (not told or f"DeadlineNear: this instance ends at {end}" in posted[0][1]["text"])


def test_a_silent_prometheus_is_told(machine: Machine) -> None:
    machine.firing = [{}]
    assert "MonitoringDown" in machine.run()[0][1]["text"]


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ("https://oapi.dingtalk.com/robot/send?access_token=x", ("text", "content")),
        ("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=x", ("text", "content")),
        ("https://open.feishu.cn/open-apis/bot/v2/hook/x", ("content", "text")),
    ],
)
def test_each_messenger_gets_its_own_form(machine: Machine, address: str, where: tuple[str, str]) -> None:
    machine.firing = [alert("GpuXid")]
    body = machine.run(address)[0][1]
    assert "GpuXid it is" in body[where[0]][where[1]]


def test_what_nobody_took_is_tried_again_and_the_address_is_never_shown(machine: Machine) -> None:
    machine.firing = [alert("GpuXid")]
    machine.fails = OSError(f"cannot reach {ADDRESS}")
    with pytest.raises(SystemExit) as stopped:
        machine.run()
    assert "do-not-show" not in str(stopped.value) and "OSError" in str(stopped.value)
    machine.fails = None
    assert len(machine.run()) == 1


def test_an_address_without_encryption_is_refused(machine: Machine) -> None:
    with pytest.raises(SystemExit, match="no https address"):
        machine.run("http://hooks.example.com/x")


@pytest.mark.parametrize("name", ["p4d", "gn7i", "gn10xp"])
def test_only_a_module_that_was_asked_for_it_tells_anybody_or_goes_off(name: str) -> None:
    plain = bootstrap.render(VARIANTS[name])
    assert "files/alerts.py" not in plain and "give_up" not in plain["files/bootstrap.sh"]
    assert "STOP_CHARGING" not in str(plain) and "StopCharging" not in str(plain)
    asked = bootstrap.render(VARIANTS[name]._replace(alert_webhook_secret="hook", power_off=True))
    assert "files/alerts.py" in asked
    # The narrowest user-data has room for both without the board, which then lies beside the module.
    assert ("dashboard.json" in asked) == (name == "gn10xp") == ("files/grafana/dashboard.json" not in asked)
    assert ("dashboard.json" in asked["files/compose.yaml"]) == (name != "gn10xp")
    assert ("release" in asked["files/bootstrap.sh"]) == (name != "p4d"), "a shutdown ends the bill on AWS by itself"
    if name != "p4d":
        compile(asked["files/tags.py"], "tags.py", "exec")
        assert "STOP_CHARGING" in asked["files/tags.py"] or "StopCharging" in asked["files/tags.py"]
