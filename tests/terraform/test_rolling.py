"""Another engine or model behind a balancer: an apply replaces nothing, roll.sh one replica at a time and never the last healthy one."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from planner.terraform.deploy import Settings
from tests.terraform.test_change import NOW, SLOW, TYPES, Applied, files
from tests.terraform.test_module import made
from tests.terraform.test_place import NETWORK
from tests.terraform.test_real import against, environment, moto_image, needs_terraform, terraform
from tests.terraform.test_real import moto as moto  # the fixture

pytestmark = pytest.mark.system

SHA = "b" * 40
MODELS = {"aws": "Llama-70B", "alicloud": "Qwen-7B", "tencentcloud": "Llama-70B"}
LOGS = Path(__file__).parents[1] / "bootstrap" / "nights"


def another_model(provider: str, count: int) -> dict[str, str]:
    return files(provider, count, checkpoint=f"deepseek-ai/DeepSeek-R1-Distill-{MODELS[provider]}@{SHA}")


def plan(m: Applied, *options: str) -> dict[str, dict[str, Any]]:
    """Return what would change of the servers: {address: change}."""
    terraform(m.folder, m.env, "plan", "-input=false", "-out=saved", *options)
    shown = json.loads(terraform(m.folder, m.env, "show", "-json", "saved").stdout)
    of = f"{m.provider}_instance"
    return {c["address"]: c["change"] for c in shown["resource_changes"] if c["type"] == of and c["change"]["actions"] != ["no-op"]}


def data(values: dict[str, Any]) -> str:
    return str(values.get("user_data_base64") or values["user_data"])


@needs_terraform
@pytest.mark.long
@pytest.mark.parametrize("provider", SLOW)
def test_another_engine_or_model_goes_to_one_replica_at_a_time(provider: str, tmp_path: Path) -> None:
    m = Applied(tmp_path / "m", provider, files(provider, 2))
    first, second = f'{provider}_instance.this["0"]', f'{provider}_instance.this["1"]'
    m.write(another_model(provider, 2))
    assert not {a: c for a, c in plan(m).items() if "delete" in c["actions"] or data(c["before"]) != data(c["after"])}
    changed = plan(m, f"-replace={first}")
    assert sorted(changed[first]["actions"]) == ["create", "delete"] and second not in changed
    assert data(changed[first]["before"]) != data(changed[first]["after"]), "the new one starts with the change"
    m.write(files(provider, 2))
    (m.folder / "zz.auto.tfvars").write_text(f'images = {{ engine = "registry.example.com/engine@sha256:{"b" * 64}" }}\n')
    assert not {a: c for a, c in plan(m).items() if "delete" in c["actions"] or data(c["before"]) != data(c["after"])}
    changed = plan(m, f"-replace={second}")
    assert list(changed) == [second] and data(changed[second]["before"]) != data(changed[second]["after"])


@needs_terraform
@pytest.mark.slow
@pytest.mark.parametrize("provider", TYPES)
def test_without_a_balancer_an_apply_leaves_the_instance_and_brings_the_change_to_roll(provider: str, tmp_path: Path) -> None:
    m = Applied(tmp_path / "m", provider, files(provider, 1))

    def brought() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(terraform(m.folder, m.env, "output", "-json", "servers").stdout)
        return found

    [before] = brought().values()
    m.write(another_model(provider, 1))
    assert plan(m) == {}, "nothing replaces or touches the instance"
    terraform(m.folder, m.env, "apply", "-auto-approve", "-input=false")
    [after] = brought().values()
    assert after["id"] == before["id"] and after["data"] != before["data"], "what roll.sh brings to it"
    text = gzip.decompress(base64.b64decode(after["data"])).decode()
    assert SHA in text and sum(line.startswith("    content: ") for line in text.splitlines()) == 2, "as change.sh reads it"
    (m.folder / "zz.auto.tfvars").write_text(f'images = {{ engine = "registry.example.com/engine@sha256:{"b" * 64}" }}\n')
    assert plan(m) == {}
    [changed] = plan(m, f"-replace={provider}_instance.this").values()
    assert sorted(changed["actions"]) == ["create", "delete"] and data(changed["before"]) != data(changed["after"]), "a new one starts with it"


@pytest.mark.slow
@needs_terraform
def test_the_real_aws_provider_replaces_one_replica_and_moves_its_place(moto: str, tmp_path: Path) -> None:
    """Two replicas behind the balancer, applied to moto by the real provider; then another model, and one replica more."""
    folder, env = tmp_path / "m", environment(tmp_path, real=True)
    if "aws" not in Path(env["TF_CLI_CONFIG_FILE"]).read_text():
        pytest.skip("the real hashicorp/aws provider is not installed on this machine")
    moto_image(moto)

    def write(given: dict[str, str]) -> None:
        for path, text in given.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        (folder / "budget.tf").unlink()
        (folder / "test_override.tf").write_text(against(moto))
        lines = ['client_cidr = "10.8.0.0/16"', 'deadline = "2035-12-24T00:00:00Z"']
        (folder / "terraform.tfvars").write_text("\n".join(lines) + "\n")

    def replaced(*options: str) -> dict[str, list[str]]:
        """What a plan would create or delete; what moto forgets is updated in place."""
        terraform(folder, env, "plan", "-input=false", "-out=saved", *options)
        shown = json.loads(terraform(folder, env, "show", "-json", "saved").stdout)["resource_changes"]
        made = {c["address"]: c["change"]["actions"] for c in shown if c["mode"] == "managed"}
        return {a: sorted(x) for a, x in made.items() if x not in (["no-op"], ["update"])}

    write(files("aws", 2))
    terraform(folder, env, "init", "-input=false")
    terraform(folder, env, "apply", "-auto-approve", "-input=false")
    assert replaced() == {}
    write(another_model("aws", 2))
    assert replaced() == {}, "an apply replaces nothing"
    first = {'aws_instance.this["0"]': ["create", "delete"], 'aws_lb_target_group_attachment.this["0"]': ["create", "delete"]}
    assert replaced('-replace=aws_instance.this["0"]') == first
    write(files("aws", 3))
    own = ("aws_instance.this", "aws_lb_target_group_attachment.this", "aws_scheduler_schedule.deadline")
    assert replaced() == {f'{kind}["2"]': ["create"] for kind in own}


def test_only_replicas_behind_a_balancer_are_made_anew() -> None:
    assert "-replace=" not in files("aws", 1)["roll.sh"] + files("aws", 2, balancer=False)["roll.sh"]
    assert "-replace=" not in files("aws", 1, balancer=True)["roll.sh"], "one replica is the last healthy one"
    assert "-replace=" in files("aws", 2)["roll.sh"]
    assert "roll.sh" in files("aws", 2) and "bash roll.sh" in files("aws", 2)["README.md"]
    called = files("aws", 2, as_module=True, **NETWORK["aws"])
    assert "roll.sh" not in called and "-replace=" in called["README.md"]


STUB = """#!/bin/bash
# Stands in for terraform, the clouds' own commands and sleep. `left` holds how many replicas are healthy, a line for each look.
name=${0##*/}
case $name in
  sleep) exit 0 ;;
  terraform)
    if [ "$1" == output ]; then echo the-balancer; exit; fi
    echo "$name $*" >>"$STUB/calls" ;;
  *)
    n=$(head -n 1 "$STUB/left")
    [ "$(wc -l <"$STUB/left")" -le 1 ] || sed -i 1d "$STUB/left"
    echo "# $n of 3 healthy" >>"$STUB/calls"
    case $name in
      aws) echo "$n" ;;
      aliyun) python3 -c "import json; print(json.dumps({'ListenerHealthStatus': [{'ServerGroupInfos': [{'NonNormalServers': [{}] * (3 - $n)}]}]}))" ;;
      tccli) python3 -c "import json; print(json.dumps({'LoadBalancers': [{'Listeners': [{'Rules': [{'Targets': [{'HealthStatus': i < $n} for i in range(3)]}]}]}]}))" ;;
    esac ;;
esac
"""


def rolled(provider: str, folder: Path, left: list[int], *words: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run roll.sh of three replicas; left: how many the balancer finds healthy, look by look, the last for good."""
    (folder / "bin").mkdir(parents=True)
    script = made(provider, Settings(NOW), count=3)[1]["roll.sh"]
    assert "{1..360}" in script
    (folder / "roll.sh").write_text(script.replace("{1..360}", "{1..5}"))  # each look starts programs: two hours of them are long here too
    for name in ("terraform", "aws", "aliyun", "tccli", "sleep"):
        (folder / "bin" / name).write_text(STUB)
        (folder / "bin" / name).chmod(0o755)
    (folder / "left").write_text("".join(f"{n}\n" for n in left))
    (folder / "calls").write_text("")
    env = {**os.environ, "STUB": str(folder), "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", str(folder / "roll.sh"), *words], capture_output=True, text=True, env=env, check=False, timeout=60)
    return done, (folder / "calls").read_text().splitlines()


@pytest.mark.parametrize("provider", ["aws", *(pytest.param(p, marks=pytest.mark.slow) for p in TYPES if p != "aws")])
@pytest.mark.long
def test_roll_takes_one_after_the_other_and_waits(provider: str, tmp_path: Path) -> None:
    done, calls = rolled(provider, tmp_path / "r", [3, 2, 2, 3, 3, 2, 3, 2, 3, 2, 3])
    assert done.returncode == 0, done.stderr
    applies = [call for call in calls if call.startswith("terraform")]
    assert applies == [f'terraform apply -input=false -auto-approve -replace={provider}_instance.this["{i}"]' for i in range(3)]
    for at in (i for i, call in enumerate(calls) if call.startswith("terraform")):
        assert calls[at - 1] == "# 3 of 3 healthy", "never while another one is away"
    log = LOGS / f"rolling-change-{provider}.log"
    text = "\n".join(["# said", *done.stdout.splitlines(), "# did", *calls]) + "\n"
    if os.environ.get("PLANNER_NIGHTS") == "write":
        log.write_text(text)
    assert text == log.read_text(), f"{log} differs: PLANNER_NIGHTS=write pytest writes it anew"


@pytest.mark.parametrize(
    ("provider", "found"),
    [
        pytest.param(provider, found, marks=() if (at + found) % 3 == 0 else pytest.mark.slow)
        for at, provider in enumerate(TYPES)
        for found in (0, 1, 2)
    ],
)
@pytest.mark.long
def test_roll_touches_nothing_while_a_replica_is_away(provider: str, found: int, tmp_path: Path) -> None:
    done, calls = rolled(provider, tmp_path / "r", [found])
    assert done.returncode == 1 and f"{found} of 3 replicas are healthy" in done.stderr
    assert not [call for call in calls if call.startswith("terraform")]


def test_roll_stops_at_the_first_that_does_not_come_up(tmp_path: Path) -> None:
    done, calls = rolled("aws", tmp_path / "r", [3, 2])
    assert done.returncode == 1 and "replica 0 does not come up" in done.stderr
    assert len([call for call in calls if call.startswith("terraform")]) == 1


@pytest.mark.parametrize("word", ["3", "-1", "x", "0;id"])
def test_roll_refuses_what_is_no_replica(word: str, tmp_path: Path) -> None:
    done, calls = rolled("aws", tmp_path / "r", [3], word)
    assert done.returncode == 2 and "is not a replica" in done.stderr and not calls


def test_roll_is_clean_shell(tmp_path: Path) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck")
    for provider in TYPES:
        (tmp_path / provider).write_text(made(provider, Settings(NOW), count=3)[1]["roll.sh"])
        done = subprocess.run(["shellcheck", str(tmp_path / provider)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
