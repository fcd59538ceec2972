"""`emit-tf --online`: digests from registries, revisions from hubs, all on this machine; and what they must not talk us into."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from planner import hub
from planner.cli import run
from planner.errors import FetchError
from planner.terraform import online
from planner.terraform.deployment import Image
from tests.test_hub import SHA, Hub
from tests.test_hub import web as web  # the fixture

OLD = "sha256:" + "0" * 64
BODY = b'{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}'
NEW = "sha256:" + hashlib.sha256(BODY).hexdigest()
CADDY = "/v2/library/caddy/manifests/2.10.2"


@pytest.fixture
def registry(web: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The server as docker.io: it wants a token, and gives one to anybody."""
    monkeypatch.setenv("PLANNER_REGISTRY_MIRROR", web.url)
    return web


def guarded(web: Hub, path: str, body: bytes = BODY, **headers: str) -> None:
    name = path.removeprefix("/v2/").partition("/manifests/")[0]
    asked = f'Bearer realm="{web.url}/token",service="registry.example",scope="repository:{name}:pull"'
    web.say(path, b"", 401, WWW_Authenticate=asked)
    web.say(path, body, 200, **headers)
    web.say(f"/token?service=registry.example&scope=repository%3A{name.replace('/', '%2F')}%3Apull", {"token": "anybody"})


def quiet(_: float) -> None: ...


def ask(reference: str = "docker.io/library/caddy:2.10.2") -> str:
    return online.digest(reference, os.environ, quiet)


def test_a_digest_comes_with_the_token_that_anybody_gets(registry: Hub) -> None:
    guarded(registry, CADDY, Docker_Content_Digest=NEW)
    assert ask() == NEW
    assert [who for path, who in registry.heard if path == CADDY] == ["", "Bearer anybody"]


def test_a_registry_without_tokens_or_without_the_header_is_believed_by_its_manifest(registry: Hub) -> None:
    registry.say(CADDY, BODY)
    assert ask() == NEW and len(registry.heard) == 1


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"headers": {"Docker_Content_Digest": OLD}}, "another digest than it says"),
        ({"realm": "ftp://{url}/token"}, "no place that gives a token"),
        ({"realm": "http://registry.example/token"}, "no place that gives a token"),
        ({"token": {"nothing": 1}}, "gives no token"),
        ({"token": {"token": "two\nlines"}}, "gives no token"),
        ({"scheme": "Basic"}, "refused"),
        ({"status": 404}, "no such"),
        ({"status": 500}, "HTTP 500, 3 tries"),
    ],
)
def test_a_registry_that_means_no_good(registry: Hub, said: dict[str, object], message: str) -> None:
    realm = str(said.get("realm", "{url}/token")).replace("{url}", registry.url.removeprefix("http://") if "ftp" in str(said) else registry.url)
    if "status" in said:
        registry.say(CADDY, b"", int(str(said["status"])))
    else:
        registry.say(CADDY, b"", 401, WWW_Authenticate=f'{said.get("scheme", "Bearer")} realm="{realm}",service="s"')
        headers = said.get("headers", {})
        assert isinstance(headers, dict)
        registry.say(CADDY, BODY, 200, **headers)
        registry.say("/token?service=s&scope=repository%3Alibrary%2Fcaddy%3Apull", said.get("token", {"token": "t"}))
    with pytest.raises(FetchError, match=message):
        ask()


@pytest.mark.parametrize("bad", ["caddy", "docker.io/caddy", "docker.io/a:b/c"])
def test_what_is_no_reference_is_not_asked_for(bad: str, registry: Hub) -> None:
    with pytest.raises(FetchError, match="HOST/NAME:TAG"):
        ask(bad)
    assert not registry.heard


def test_one_that_moved_or_does_not_answer_is_said_and_keeps_its_day(registry: Hub) -> None:
    guarded(registry, CADDY)
    known = (
        Image("proxy", "docker.io/library/caddy:2.10.2", OLD, "before", "2026-11-23"),
        Image("grafana", "docker.io/grafana/grafana:12.2.0", OLD, "before", "2026-11-23"),
        Image("engine", "docker.io/x/y:1", "", "before", "2026-11-23"),
    )
    lookup = online.Lookup("2026-11-30", os.environ, quiet)
    proxy, grafana, engine = lookup.images(known)
    assert (proxy.digest, proxy.as_of) == (NEW, "2026-11-30")
    assert grafana == known[1] and engine == known[2]
    assert [str(said).partition(":")[0] for said in lookup.said] == ["proxy", "grafana", "engine"]
    assert "not sha256:000000000000... of 2026-11-23" in str(lookup.said[0])
    assert str(lookup.said[1]).endswith("the digest of 2026-11-23 stays") and str(lookup.said[2]).endswith("no digest of it is known")


def test_revisions_of_both_hubs(web: Hub) -> None:
    web.say("/api/models/me/tiny/revision/main", {"sha": SHA})
    assert hub.newest("me/tiny", "huggingface", os.environ) == SHA
    listed = [
        {"Path": "config.json", "Revision": "c" * 40, "CommittedDate": 100},
        {"Path": "model.safetensors", "Revision": SHA, "CommittedDate": 200},
    ]
    web.say("/api/v1/models/me/tiny/repo/files?Revision=master&Recursive=True", {"Data": {"Files": listed}})
    assert hub.newest("me/tiny", "modelscope", os.environ) == SHA, "of the file that came last"
    web.say("/api/models/me/odd/revision/main", {"sha": "main"})
    with pytest.raises(FetchError, match="at which revision"):
        hub.newest("me/odd", "huggingface", os.environ)


@pytest.mark.parametrize(
    ("cloud", "kind", "asked"),
    [("aws", "p4d.24xlarge", {"client_cidr"}), ("tencentcloud", "GN10Xp.20XLARGE320", {"client_cidr"}), ("alicloud", "ecs.gn7i-c16g1.4xlarge", {"client_cidr"})],
)
def test_emit_tf_online_leaves_one_value_to_say(
    cloud: str, kind: str, asked: set[str], registry: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All digests and the revision are those of the registry and the hub; a copy-images.sh copies exactly them."""
    model = "DeepSeek-R1-Distill-Llama-70B" if cloud != "alicloud" else "DeepSeek-R1-Distill-Qwen-7B"
    monkeypatch.chdir(tmp_path)
    for path in (
        "vllm/vllm-openai/manifests/v0.31.0", "vllm/vllm-openai/manifests/v0.29.0-cu129", "openmmlab/lmdeploy/manifests/v0.17.0-cu12.8",
        "library/caddy/manifests/2.10.2", "prom/prometheus/manifests/v3.5.0", "grafana/grafana/manifests/12.2.0",
        "nvidia/dcgm-exporter/manifests/4.6.1-4.8.4-distroless", "prom/node-exporter/manifests/v1.9.1",
    ):
        guarded(registry, f"/v2/{path}")
    registry.say(f"/api/models/deepseek-ai/{model}/revision/main", {"sha": SHA})
    files = [{"Path": "config.json", "Revision": SHA, "CommittedDate": 1}]
    registry.say(f"/api/v1/models/deepseek-ai/{model}/repo/files?Revision=master&Recursive=True", {"Data": {"Files": files}})
    assert run(["emit-tf", cloud, "--instance-type", kind, "--model", model, "--offline-list", "--online", "-o", "m"]) == 0
    said = capsys.readouterr()
    assert said.err == "" and f"is now {NEW[:19]}" in said.out
    variables, given = (tmp_path / "m" / "variables.tf").read_text(), (tmp_path / "m" / "terraform.tfvars").read_text()
    assert variables.count(f"@{NEW}\")") == 6
    assert {line.split()[1] for line in given.splitlines() if " = " in line and line.startswith("# ")} == asked
    assert SHA in (tmp_path / "m" / "files" / "model.py").read_text()
    if (tmp_path / "m" / "copy-images.sh").exists():
        tools = tmp_path / "tools"
        tools.mkdir()
        (tools / "crane").write_text('#!/bin/sh\necho "$@" >> "$LOG"\n')
        (tools / "crane").chmod(0o755)
        env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "LOG": str(tmp_path / "log")}
        subprocess.run(["bash", "m/copy-images.sh", "reg.example.cn/llm"], env=env, check=True, cwd=tmp_path, capture_output=True)
        copies = (tmp_path / "log").read_text().splitlines()
        assert len(copies) == 6 and all(f"@{NEW} reg.example.cn/llm/" in line for line in copies)
        assert (tmp_path / "m" / "images.auto.tfvars").read_text() == 'registry = "reg.example.cn/llm"\n'


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("aws", "--registry", "https://reg.example.com"), "not HOST/NAMESPACE"),
        (("aws", "--registry", "reg.example.com/llm:1"), "not HOST/NAMESPACE"),
        (("alicloud", "--registry", "docker.io/me"), "mainland China cannot count on docker.io"),
    ],
)
def test_a_registry_is_checked(args: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["emit-tf", *args, "--offline-list"]) == 2
    assert message in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_a_digest_that_is_not_known_is_asked_for_where_it_will_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    args = ["emit-tf", "tencentcloud", "--instance-type", "GN10Xp.20XLARGE320", "--offline-list", "-o", "m"]
    assert run([*args, "--registry", "reg.example.cn/llm"]) == 0
    assert '# images = { engine = "reg.example.cn/llm/lmdeploy:v0.17.0-cu12.8@sha256:..." }' in (tmp_path / "m" / "terraform.tfvars").read_text()


@pytest.mark.parametrize("cloud", ["alicloud", "aws", "tencentcloud"])
def test_the_example_of_a_called_module_sets_up_the_modules_own_provider(
    cloud: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its source terraform takes hashicorp/NAME, another provider than the module's."""
    monkeypatch.chdir(tmp_path)
    assert run(["emit-tf", cloud, "--as-module", "--offline-list", "-o", "m"]) == 0
    source = re.findall(r'source += "(.*?)"', (tmp_path / "m" / "versions.tf").read_text())
    assert source and f'source  = "{source[0]}"' in (tmp_path / "m" / "example" / "main.tf").read_text()


def test_a_registry_of_ones_own_serves_every_cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["emit-tf", "alicloud", "--registry", "reg.example.cn/llm", "--offline-list", "--client-cidr", "10.8.0.0/16", "-o", "m"]) == 0
    variables = (tmp_path / "m" / "variables.tf").read_text()
    assert variables.count('optional(string, "reg.example.cn/llm/') == 6 and 'variable "registry"' not in variables
    assert not (tmp_path / "m" / "copy-images.sh").exists()
    assert json.loads((tmp_path / "m" / "planner.json").read_text())["provider"] == "alicloud"
    assert "\n# " not in (tmp_path / "m" / "terraform.tfvars").read_text()
