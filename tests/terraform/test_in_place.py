"""Another engine or model in place: brought beside what serves, swapped, and back where it does not work; played with the stubs."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from planner.terraform import bootstrap
from planner.terraform.deployment import Deployment
from tests.bootstrap.variants import VARIANTS
from tests.terraform.test_bootstrap_nights import kept
from tests.terraform.test_bootstrap_run import Machine
from tests.terraform.test_change import TYPES, files

pytestmark = pytest.mark.system

OLD = VARIANTS["p4d"]
CHANGE = "/var/lib/planner/change"
ALL = "engine-0\nproxy\nprometheus\ngrafana\nnode-exporter\ndcgm-exporter\n"
LOGS = Path(__file__).parents[1] / "bootstrap" / "nights"


def bundle(d: Deployment) -> str:
    """Return all of files/ as Terraform puts them together."""
    found = sorted((p, t) for p, t in bootstrap.render(d).items() if p.startswith("files/"))
    return "".join(f"\f{path.removeprefix('files/')}\n" + re.sub(r"(?m)^ *# .*\n", "", text) for path, text in found)


class Serving(Machine):
    """An instance that serves OLD, to which a change has been brought."""

    def __init__(self, root: Path, new: Deployment, engine: str = "x/engine@sha256:1", old: Deployment = OLD) -> None:
        super().__init__(root, old)
        (root / "lib/planner/change").mkdir()
        (root / "lib/planner/bundle").write_text(bundle(old))
        env = "".join(f"{k}={v}\n" for k, v in {**self.env, "PLANNER_IMAGE_ENGINE": engine}.items() if k != "PLANNER_NODE_IP")
        made = bootstrap.render(new)
        init = made["cloud-init.yaml.tftpl"].replace("${module_env}", json.dumps(env)).replace("${bundle}", json.dumps(bundle(new)))
        (root / "lib/planner/change/data").write_text(base64.b64encode(gzip.compress(init.encode())).decode())
        (root / "lib/planner/change/change.sh").write_text(made["change.sh"])
        (root / "etc/planner").mkdir(exist_ok=True)
        self.write("running", ALL)

    def change(self, *what: str) -> subprocess.CompletedProcess[str]:
        """Boot, then run change.sh for each of `what`; a word that is no part of it is shell."""
        said = f"cat {CHANGE}/status >>{self.root}/statuses"
        steps = [
            f"PATH={self.root}/bin:$PATH bash {CHANGE}/change.sh {word} || true; {said}" if word in ("prepare", "swap", "back") else word
            for word in what
        ]
        return self.boot(f"echo '# a change comes' >>{self.stub}/calls", *steps)

    @property
    def statuses(self) -> list[str]:
        return (self.root / "statuses").read_text().splitlines()

    @property
    def since(self) -> list[str]:
        """What was done since the change came."""
        return self.calls[self.calls.index("# a change comes") + 1 :]


def at(m: Serving, *words: str) -> int:
    """Return where the first command with all of `words` stands."""
    return next(i for i, call in enumerate(m.since) if all(word in call for word in words))


QWEN = "Qwen/Qwen2.5-72B-Instruct"
NEW = OLD._replace(hf_id=QWEN, served_name="Qwen2.5-72B-Instruct", model="Qwen2.5-72B")


def test_another_engine_and_model_come_while_the_old_one_serves_and_take_its_place(tmp_path: Path) -> None:
    m = Serving(tmp_path, NEW)
    (tmp_path / "srv/models/Older").mkdir(parents=True)
    (tmp_path / "srv/models/DeepSeek-R1-Distill-Llama-70B").mkdir()
    run = m.change("prepare", "swap", "watch")
    assert m.statuses == ["prepared", "done it serves the change"], run.stderr
    pulled, weights, stopped = at(m, "pull -q x/engine@sha256:1"), at(m, "change/new/files/model.py"), at(m, " stop -t 30 engine-0")
    up = at(m, " up -d", "engine-0")
    assert pulled < weights < stopped < up, "nothing stops before all is there"
    assert not [c for c in m.since[stopped:up] if "pull -q" in c or "model.py" in c], "the gap has only what must be in it"
    assert (tmp_path / "etc/planner/module.env").read_text().count("x/engine@sha256:1") == 1
    assert "PLANNER_NODE_IP=10.0.0.10" in (tmp_path / "etc/planner/module.env").read_text(), "what the instance found itself stays"
    assert QWEN in (tmp_path / "opt/planner/model.py").read_text() and (tmp_path / "lib/planner/bundle").read_text() == bundle(NEW)
    assert not (tmp_path / "srv/models/Older").exists() and (tmp_path / "srv/models/DeepSeek-R1-Distill-Llama-70B").exists()
    asked = [c for c in m.since if "/v1/completions" in c]
    assert len(asked) == 1 and "Qwen2.5-72B-Instruct" in asked[0]
    assert (tmp_path / "run/serving").exists() and m.state["status"] == "done"
    kept("change-in-place", m, run)


@pytest.mark.long
def test_what_does_not_work_goes_back(tmp_path: Path) -> None:
    m = Serving(tmp_path, NEW)
    m.write("sick-image", "x/engine@sha256:1")
    m.write("ends", "3\n")
    m.write("log", "loading\nRuntimeError: no kernel\n")
    run = m.change("prepare", "swap", "watch")
    assert m.statuses[0] == "prepared" and m.statuses[1].startswith("back the change does not work, what was there before serves again")
    assert m.statuses[1].endswith("RuntimeError: no kernel")
    assert (tmp_path / "lib/planner/bundle").read_text() == bundle(OLD) and "x/engine@sha256:0" in (tmp_path / "etc/planner/module.env").read_text()
    assert "DeepSeek-R1-Distill-Llama-70B" in (tmp_path / "opt/planner/model.py").read_text()
    assert (tmp_path / "run/serving").exists()
    kept("change-goes-back", m, run)


@pytest.mark.slow
def test_back_by_hand_and_a_change_that_is_there_already(tmp_path: Path) -> None:
    m = Serving(tmp_path, NEW)
    m.change("prepare", "swap", "prepare", "back", "swap")
    assert m.statuses == [
        "prepared", "done it serves the change", "same it serves this already", "done what was there before serves again", "failed nothing is prepared",
    ]
    assert (tmp_path / "lib/planner/bundle").read_text() == bundle(OLD)


@pytest.mark.slow
def test_a_way_back_that_does_not_work_leaves_what_serves(tmp_path: Path) -> None:
    m = Serving(tmp_path, NEW)
    sick = f"echo x/engine@sha256:0 >{m.stub}/sick-image; echo 3 >{m.stub}/ends"
    m.change("prepare", "swap", sick, "back", f"rm {m.stub}/sick-image", "back", "back")
    assert m.statuses == [
        "prepared", "done it serves the change", "back what was there before does not work, what served until now serves again",
        "done what was there before serves again", "done what was there before serves again",
    ]
    assert (tmp_path / "lib/planner/bundle").read_text() == bundle(NEW), "back and back again is the change"
    assert (tmp_path / "run/serving").exists()


@pytest.mark.slow
def test_there_is_no_way_back_to_a_model_that_made_room(tmp_path: Path) -> None:
    """The next change takes the disk that the model before the last one had; what serves is never stopped for a model that is gone."""
    m = Serving(tmp_path, NEW)
    third = Serving(tmp_path / "third", OLD._replace(hf_id="mistralai/Mistral-7B-v0.3", served_name="m", model="m")).root / "lib/planner/change/data"
    m.change("prepare", "swap", f"cp {third} {CHANGE}/data; mkdir -p /srv/models/DeepSeek-R1-Distill-Llama-70B", f"touch {m.stub}/no-registry; : >{m.stub}/images", "prepare", "back")
    assert m.statuses[2].startswith("failed the image ") and m.statuses[3].startswith("failed there is nothing to go back to")
    assert not (tmp_path / "srv/models/DeepSeek-R1-Distill-Llama-70B").exists() and (tmp_path / "run/serving").exists()
    assert len([c for c in m.since if " stop -t 30 " in c]) == 1 and (tmp_path / "lib/planner/bundle").read_text() == bundle(NEW)


@pytest.mark.slow
def test_a_notice_between_preparing_and_swapping_is_seen_and_a_spot_instance_counts_anew(tmp_path: Path) -> None:
    spot = OLD._replace(purchase_option="spot")
    m = Serving(tmp_path, NEW._replace(purchase_option="spot"), old=spot)
    drain = "mkdir -p /run/planner/keys; touch /run/planner/keys/drain"
    m.change("prepare", drain, "swap", "rm /run/planner/keys/drain", "swap")
    assert m.statuses[1:] == ["failed the cloud takes this instance back", "done it serves the change"]
    assert [c for c in m.since if c == "systemctl try-restart planner-spot.service"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "why"),
    [
        ("echo 'the model does not fit on the disk: 141 GB to come, 120 GB free' >$STUB/model-stops", "failed the model does not come, the old one goes on serving: the model does not fit"),
        ("touch $STUB/no-registry", "failed the image x/engine@sha256:1 does not come; the old one goes on serving"),
        ("rm /run/planner/serving", "failed the instance does not serve yet"),
        ("mkdir -p /run/planner/keys; touch /run/planner/keys/drain", "failed the cloud takes this instance back"),
        ("echo 470.1.2 >$STUB/gpus", "failed driver 470.1.2: the engine wants"),
    ],
)
def test_a_change_that_cannot_come_touches_nothing(before: str, why: str, tmp_path: Path) -> None:
    m = Serving(tmp_path, NEW)
    m.change(before, "prepare", "swap")
    assert m.statuses[0].startswith(why) and m.statuses[1] == "failed nothing is prepared"
    assert not [c for c in m.since if " stop " in c or " up -d" in c], "the old one goes on serving"
    assert (tmp_path / "lib/planner/bundle").read_text() == bundle(OLD)


@pytest.mark.slow
def test_another_model_of_the_same_name_never_comes_over_the_one_that_serves(tmp_path: Path) -> None:
    m = Serving(tmp_path, OLD._replace(hf_id="somebody/DeepSeek-R1-Distill-Llama-70B"))
    m.change("prepare")
    assert "holds another model of this name" in m.statuses[0] and not [c for c in m.since if "model.py" in c]


def test_another_revision_lies_beside_the_one_that_serves() -> None:
    pinned = OLD._replace(revision="c" * 40)
    assert bootstrap.model_path(pinned) == bootstrap.model_path(OLD) + "-cccccccccccc"
    assert f'/ "{bootstrap.model_path(pinned).rpartition("/")[2]}"' in bootstrap.render(pinned)["files/model.py"]


@pytest.mark.parametrize("provider", TYPES)
def test_one_instance_changes_in_place(provider: str) -> None:
    one = files(provider, 1)
    assert {"roll.sh", "change.sh"} <= set(one) and "in place" in one["README.md"] and 'output "servers"' in one["outputs.tf"]
    assert "change.sh" not in files(provider, 2) and 'output "servers"' not in files(provider, 2)["outputs.tf"]
    assert {"roll.sh", "change.sh"} <= set(files(provider, 2, balancer=False))


STUB = """#!/bin/bash
# Stands in for terraform, sleep and the clouds' own commands: what is to be run on an instance is noted, `statuses` has what each look finds.
name=${0##*/}
run() { # ID SHELL
  case $2 in
    *"printf %s"*) sed "s/^printf %s '\\(.*\\)' >>.*/\\1/" <<<"$2" | tr -d '\\n' >>"$STUB/brought-$1" ;;
    *change.sh\\ prepare* | *change.sh\\ swap* | *change.sh\\ back*) echo "$1 $(sed 's/.*change.sh \\([a-z]*\\) .*/\\1/' <<<"$2")" >>"$STUB/calls" ;;
    *"cat "*) tail -n 1 "$STUB/now-$1" 2>/dev/null || : ;;
  esac
  if [[ $2 == cat* ]]; then
    head -n 1 "$STUB/statuses-$1" >"$STUB/said"
    [ "$(wc -l <"$STUB/statuses-$1")" -le 1 ] || sed -i 1d "$STUB/statuses-$1"
  else
    : >"$STUB/said"
  fi
}
case "$name $*" in
  sleep*) ;;
  terraform*) cat "$STUB/servers" ;;
  "aws ssm send-command"*) run "$(sed 's/.*--instance-ids \\([^ ]*\\) .*/\\1/' <<<"$*" | head -n 1)" "$(python3 -c 'import json, sys; print(json.loads(sys.argv[-1])["commands"][0])' "$@")"; echo id ;;
  "aws ssm get-command"*) python3 -c 'import json, sys; print(json.dumps(["Success", open(sys.argv[1]).read()]))' "$STUB/said" ;;
  "aliyun ecs RunCommand"*) run "$6" "$(base64 -d <<<"${!#}")"; echo '{"InvokeId": "id"}' ;;
  "aliyun ecs Describe"*) python3 -c 'import json, sys; print(json.dumps({"Invocation": {"InvocationResults": {"InvocationResult": [{"InvocationStatus": "Success", "Output": open(sys.argv[1]).read()}]}}}))' "$STUB/said" ;;
  "tccli tat RunCommand"*) run "$(tr -d '"[]' <<<"$6")" "$(base64 -d <<<"${!#}")"; echo '{"InvocationId": "id"}' ;;
  "tccli tat Describe"*) python3 -c 'import base64, json, sys; print(json.dumps({"InvocationTaskSet": [{"TaskStatus": "SUCCESS", "TaskResult": {"Output": base64.b64encode(open(sys.argv[1], "rb").read()).decode()}}]}))' "$STUB/said" ;;
  *) exit 64 ;;
esac
"""


def rolled(given: dict[str, str], folder: Path, statuses: dict[str, list[str]], *words: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run roll.sh of a module; statuses: by instance, look by look, the last for good."""
    (folder / "bin").mkdir(parents=True)
    for name in ("roll.sh", "change.sh"):
        (folder / name).write_text(given[name])
    for name in ("terraform", "aws", "aliyun", "tccli", "sleep"):
        (folder / "bin" / name).write_text(STUB)
        (folder / "bin" / name).chmod(0o755)
    (folder / "calls").write_text("")
    (folder / "servers").write_text(json.dumps({str(i): {"id": one, "data": one * 3000} for i, one in enumerate(statuses)}))
    for one, lines in statuses.items():
        (folder / f"statuses-{one}").write_text("".join(f"{line}\n" for line in lines))
    env = {**os.environ, "STUB": str(folder), "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", str(folder / "roll.sh"), *words], capture_output=True, text=True, env=env, check=False, timeout=60)
    return done, (folder / "calls").read_text().splitlines()


@pytest.mark.long
@pytest.mark.parametrize("provider", ["aws", pytest.param("alicloud", marks=pytest.mark.slow), pytest.param("tencentcloud", marks=pytest.mark.slow)])
def test_roll_brings_the_change_and_waits(provider: str, tmp_path: Path) -> None:
    done, calls = rolled(files(provider, 1), tmp_path / "r", {"i-0": ["", "preparing", "prepared", "prepared", "swapping", "done it serves the change"]})
    assert done.returncode == 0, done.stderr
    assert calls == ["i-0 prepare", "i-0 swap"]
    assert (tmp_path / "r/brought-i-0").read_text() == "i-0" * 3000, "in pieces, whole and in order"


@pytest.mark.slow
def test_roll_says_why_and_goes_no_further(tmp_path: Path) -> None:
    two = files("aws", 2, balancer=False)
    bad = ["prepared", "prepared", "going back the change does not work: no kernel", "back what was there before serves again"]
    done, calls = rolled(two, tmp_path / "a", {"i-0": bad, "i-1": ["prepared"]})
    assert done.returncode == 1 and "no kernel" in done.stderr and "replica 0 goes on with what it served" in done.stderr
    assert calls == ["i-0 prepare", "i-0 swap"], "the next replica keeps what it serves"
    done, calls = rolled(two, tmp_path / "b", {"i-0": ["failed the model does not come"], "i-1": ["prepared"]})
    assert done.returncode == 1 and "the model does not come" in done.stderr and calls == ["i-0 prepare"]
    done, calls = rolled(two, tmp_path / "c", {"i-0": ["same it serves this already"], "i-1": ["same it serves this already"]})
    assert done.returncode == 0 and calls == ["i-0 prepare", "i-1 prepare"] and done.stdout.count("serves this already") == 2
    done, calls = rolled(two, tmp_path / "d", {"i-0": ["done"], "i-1": ["done"]}, "back", "1")
    assert done.returncode == 0 and calls == ["i-1 back"]


@pytest.mark.parametrize("word", ["1", "x", "0;id"])
def test_roll_refuses_what_is_no_replica(word: str, tmp_path: Path) -> None:
    done, calls = rolled(files("aws", 1), tmp_path / "r", {"i-0": ["done"]}, word)
    assert done.returncode == 2 and "is not a replica" in done.stderr and not calls


def test_roll_is_clean_shell(tmp_path: Path) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck")
    for provider in TYPES:
        (tmp_path / provider).write_text(files(provider, 1)["roll.sh"])
    done = subprocess.run(["shellcheck", "-S", "style", *map(str, tmp_path.iterdir())], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
