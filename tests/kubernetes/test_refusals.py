"""What `emit-k8s` is asked for and cannot be: the bad input of the issue as one table. One line, exit 2, nothing written."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from planner.cli.emit_k8s import emit_k8s
from planner.errors import PlannerError
from planner.provider import Quota, Wanted
from planner.terraform import before
from tests.conftest import Run

L4 = "aws --model Llama-3.1-8B --instance-type g6.xlarge"
R1 = "aws --model DeepSeek-R1 --instance-type p4d.24xlarge"
TKE = "tencentcloud --model Qwen2.5-0.5B --instance-type GN7.5XLARGE80 --registry r.example.com/llm"
ACK = "alicloud --instance-type ecs.gn7i-c16g1.4xlarge --registry r.example.com/llm"
LONG = "n" * 64

#: kind of damage: what is asked for -> what the line says.
TABLE: dict[str, tuple[tuple[str, str], ...]] = {
    "more nodes than there are": (
        (f"{R1} --count 2", "one copy needs 3 instances, count says 2"),
        (f"{R1} --most-nodes 2", "one copy of the model spans 3: --most-nodes allows 2; choose a larger type"),
        (f"{R1} --count 6 --most-nodes 5 --purchase-option capacity_block", "allows 5; quote fewer with --count"),
        (f"{L4} --count 3 --most-nodes 2", "needs 3 nodes of g6.xlarge: --most-nodes allows 2; quote fewer"),
        (f"{TKE} --count 2 --most-nodes 1", "allows 1"),
        (f"{R1} --count 60", "60 instances are more than one module holds (40)"),
        (f"{R1} --count 4 --purchase-option capacity_block", "do not split into replicas of 3 instances"),
        ("aws --model DeepSeek-R1 --instance-type g6.xlarge", "pipeline over instances is planned only over"),
        (
            "tencentcloud --model DeepSeek-R1 --instance-type GT4.41XLARGE948 --registry r.example.com",
            "100 Gbps or more between them, the network is 50 Gbps: --pipeline-gbps 50 takes it, in 3 stages",
        ),
        (
            "tencentcloud --model DeepSeek-R1 --registry r.example.com",
            "(GT4.41XLARGE948 in ap-guangzhou: tp 8: weights and engine need 80.3 GiB a GPU of 35.5 GiB available; pipeline",
        ),
        (
            "tencentcloud --model DeepSeek-R1 --pipeline-gbps 50 --count 2 --registry r.example.com",
            "(GT4.41XLARGE948 in ap-guangzhou: one copy needs 3 instances, count says 2)",
        ),
        ("tencentcloud --model DeepSeek-R1 --pipeline-gbps 0 --registry r.example.com", "--pipeline-gbps"),
    ),
    "no node image for the GPU": (
        (TKE.replace("GN7.5XLARGE80", "GN10X.2XLARGE40"), "V100-SXM2-32GB takes lmdeploy"),
        ("aws --model Qwen2.5-0.5B --instance-type p3.2xlarge", "R580 is the last branch for V100"),
        ("alicloud --instance-type ecs.gn6v-c8g1.2xlarge --model Qwen2.5-0.5B", "takes lmdeploy"),
    ),
    "no managed service there": (
        (
            "aws --model Qwen2.5-0.5B --instance-type g4dn.2xlarge --region af-south-1-los-1",
            "zone of af-south-1 that is sold apart",
        ),
        (
            "aws --model Qwen2.5-0.5B --instance-type g4dn.2xlarge --region ap-northeast-1-wl1-kix1",
            "zone of ap-northeast-1 that is sold apart",
        ),
        ("nowhere --existing-cluster", "unknown provider"),
        ("owned", "has no Kubernetes that can be emitted"),
    ),
    "a version that has ended or is not known": (
        (f"{L4} --kubernetes 1.33", "ended standard support of Kubernetes 1.33 on 2026-07-29"),
        (f"{ACK} --kubernetes 1.34", "ended standard support of Kubernetes 1.34 on 2026-09-30"),
        (f"{TKE} --kubernetes 1.33", "is known with 1.34"),
        (f"{L4} --existing-cluster --kubernetes 1.29", "is known with"),
    ),
    "names that are too long": (
        (f"{L4} --name {LONG}", "must be 1 to 31"),
        (f"{L4} --namespace {LONG}", "1 to 63"),
        (f"{L4} --gateway-class {LONG}", "1 to 63"),
        (f"{L4} --host {LONG}.example.com", "no host name"),
        (f"{L4} --host {'a.' * 130}com", "no host name"),
    ),
    "two groups in one namespace": ((f"{L4} --name other --namespace llm", "has it already"),),
    "options against each other": (
        (f"{L4} --existing-cluster --deadline 2036-01-01T00:00:00Z", "--deadline is the cluster's"),
        (f"{L4} --existing-cluster --zone us-east-1a", "--zone is the cluster's"),
        (f"{L4} --existing-cluster --reserve-capacity", "--reserve-capacity is the cluster's"),
        (f"{ACK} --reserve-capacity", "where the cloud has that"),
        (f"{L4} --reserve-capacity --purchase-option spot", "instances bought on demand"),
        (f"{L4} --engine sglang@0.5.20", "choose --engine vllm, or write plain instances"),
        (f"{L4} --deadline 2020-01-01T00:00:00Z", "minutes ahead"),
        (f"{L4} --zone eu-west-1a", "not in us-east-1"),
        (f"{L4} --existing-cluster --provider alicloud", "drop --provider"),
        (f"{L4} --existing-cluster --image engine", "KEY=VALUE"),
        (f"{L4} --count 3 --min-replicas -1", "keep 0 or more"),
    ),
}


@pytest.mark.parametrize("kind", TABLE)
def test_refused_in_one_line_and_nothing_is_written(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    record = {
        "schema": "planner.kubernetes/1",
        "provider": "aws",
        "region": "us-east-1",
        "namespace": "llm",
        "name": "one",
    }
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "planner.json").write_text(json.dumps(record))
    for words, message in TABLE[kind]:
        done = CliRunner().invoke(emit_k8s, [*words.split(), "-o", "made"], standalone_mode=False)
        error = done.exception
        assert isinstance(error, PlannerError), (words, done.exception, done.output)
        assert message in str(error) and "\n" not in str(error), (words, str(error))
        assert error.exit_code == 2 and not done.stdout, words
        assert [p.name for p in tmp_path.iterdir()] == ["there"], words


class Account:
    """An adapter whose account may run as many vCPUs."""

    quota_hint = "the Fake Console"

    def __init__(self, limit: int) -> None:
        self.limit = Decimal(limit)

    def credentials_hint(self) -> None:
        return None

    def quotas(self, region: str, wanted: Wanted, access: object) -> tuple[Quota, ...]:
        assert region == "us-east-1" and wanted.instance_type == "p4d.24xlarge"
        return (Quota("Running P", "vCPUs", self.limit, Decimal(96), Decimal(wanted.vcpu * wanted.count)),)


def test_more_than_the_accounts_quota_is_refused_and_enough_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [*R1.split(), "--existing-cluster", "--check-quota", "-o", "made"]
    monkeypatch.setattr(before.provider, "load", lambda _: Account(300))
    done = CliRunner().invoke(emit_k8s, words, standalone_mode=False)
    assert isinstance(done.exception, PlannerError) and done.exception.exit_code == 2 and not list(tmp_path.iterdir())
    assert str(done.exception).startswith("3 x p4d.24xlarge need 288 vCPUs (24 GPUs) in us-east-1: quota too low: ")
    assert "96 used, 288 needed; ask for more at the Fake Console" in str(done.exception)
    monkeypatch.setattr(before.provider, "load", lambda _: Account(384))
    done = CliRunner().invoke(emit_k8s, words, standalone_mode=False)
    assert done.exception is None and "Running P: 384 vCPUs, 96 used, 288 needed\n" in done.output


def test_the_whole_command_says_it_in_one_line_and_exits_2(planner: Run, tmp_path: Path) -> None:
    done = planner("emit-k8s", *TABLE["a version that has ended or is not known"][0][0].split())
    assert (done.returncode, done.stderr.count("\n"), done.stdout) == (2, 1, "")
    assert done.stderr.startswith("planner: ") and list(tmp_path.iterdir()) == []
