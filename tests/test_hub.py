"""`--online`: a config.json from a hub on this machine, and from hubs that mean no good."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from planner import hub
from planner.cli import run
from planner.errors import FetchError, MisuseError
from planner.sizing import config

SHA, OTHER = "a" * 40, "b" * 40
CONFIG = {
    "architectures": ["Qwen2ForCausalLM"],
    "hidden_size": 1536,
    "intermediate_size": 8960,
    "num_attention_heads": 12,
    "num_hidden_layers": 28,
    "num_key_value_heads": 2,
    "vocab_size": 151936,
    "max_position_embeddings": 32768,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
}
Answer = tuple[int, dict[str, str], bytes]


class Hub:
    """Answers by path; heard: (path, Authorization) of every request."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.heard: list[tuple[str, str]] = []
        self.url = ""

    def say(self, path: str, body: object, status: int = 200, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.setdefault(path, []).append((status, {k.replace("_", "-"): v for k, v in headers.items()}, data))

    def good(self, name: str = "me/tiny", sha: str = SHA, revision: str = "main") -> None:
        self.say(f"/{name}/resolve/{revision}/config.json", CONFIG, X_Repo_Commit=sha)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A server that is both hubs, and no other."""
    served = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.heard.append((self.path, self.headers.get("Authorization", "")))
            waiting = served.answers.get(self.path, [(404, {}, b"")])
            status, headers, data = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    for name in ("HF_TOKEN", "MODELSCOPE_API_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", served.url)
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", served.url)
    yield served
    server.shutdown()
    server.server_close()


def get(model: str, folder: Path, **more: str) -> hub.Fetched:
    return hub.fetch(model, str(folder), {**os.environ, **more}, sleep=lambda _: None)


def test_kept_at_the_revision_that_it_was(web: Hub, tmp_path: Path) -> None:
    web.good()
    got = get("me/tiny", tmp_path)
    assert (got.id, got.hub, got.endpoint, got.revision) == ("me/tiny", "Hugging Face", web.url, SHA)
    assert json.loads(Path(got.path).read_bytes()) == CONFIG
    assert hub.place(got.path) == ("huggingface", "me/tiny", SHA)
    assert hub.place(str(tmp_path / "config.json")) == ("", "", "")
    model = config.load(got.path)
    assert (model.name, model.hf_id) == ("tiny", "me/tiny")
    assert model.source == f"config.json of me/tiny at {SHA} (Hugging Face)"
    # The branch is asked for again, the commit is not.
    get("me/tiny", tmp_path)
    assert len(web.heard) == 2
    assert get(f"me/tiny@{SHA}", tmp_path).path == got.path
    assert len(web.heard) == 2


def test_a_revision_may_be_named(web: Hub, tmp_path: Path) -> None:
    web.good(revision="v1.0", sha=OTHER)
    assert get("me/tiny@v1.0", tmp_path).revision == OTHER


def test_modelscope_has_what_the_other_lacks(web: Hub, tmp_path: Path) -> None:
    base = "/api/v1/models/me/tiny/repo"
    files = [{"Path": "a.json", "Revision": OTHER}, {"Path": "config.json", "Revision": SHA}]
    web.say(f"{base}/files?Revision=master&Recursive=False", {"Code": 200, "Data": {"Files": files}})
    web.say(f"{base}?Revision={SHA}&FilePath=config.json", CONFIG)
    got = get("me/tiny", tmp_path, MODELSCOPE_API_TOKEN="ms", HF_TOKEN="hf")
    assert (got.hub, got.revision) == ("ModelScope", SHA)
    assert [key for _, key in web.heard] == ["Bearer hf", "Bearer ms", "Bearer ms"]
    model = config.load(got.path)
    assert (model.hf_id, model.modelscope_id) == ("me/tiny", "me/tiny")


def test_redirections_are_followed_within_reason_and_without_the_token(web: Hub, tmp_path: Path) -> None:
    """Hugging Face sends small files on to another path; the commit stands in the first answer only."""
    web.say("/me/tiny/resolve/main/config.json", b"", 307, Location="/cache/x", X_Repo_Commit=SHA)
    web.say("/cache/x", CONFIG, X_Repo_Commit=OTHER)
    assert get("me/tiny", tmp_path).revision == SHA
    for target in ("http://example.com/x", "https://u:p@example.com/x", "file:///etc/passwd"):
        web.answers["/me/tiny/resolve/main/config.json"] = [(302, {"Location": target, "X-Repo-Commit": SHA}, b"")]
        with pytest.raises(FetchError, match="refused a redirection"):
            get("me/tiny", tmp_path)
    web.answers["/me/tiny/resolve/main/config.json"] = [(302, {"Location": "/me/tiny/resolve/main/config.json"}, b"")]
    with pytest.raises(FetchError, match="more than 4 redirections"):
        get("me/tiny", tmp_path)
    other = web.url.replace("127.0.0.1", "localhost")
    web.answers["/me/tiny/resolve/main/config.json"] = [
        (302, {"Location": f"{other}/cache/x", "X-Repo-Commit": SHA}, b"")
    ]
    web.heard.clear()
    get("me/tiny", tmp_path, HF_TOKEN="hf")
    assert web.heard == [("/me/tiny/resolve/main/config.json", "Bearer hf"), ("/cache/x", "")]


def test_a_busy_hub_is_asked_again(web: Hub, tmp_path: Path) -> None:
    path = "/me/tiny/resolve/main/config.json"
    web.say(path, b"", 429)
    web.say(path, b"", 503)
    web.good()
    assert get("me/tiny", tmp_path).revision == SHA
    web.answers[path] = [(503, {}, b"")]
    with pytest.raises(FetchError, match="HTTP 503, 3 tries"):
        get("me/tiny", tmp_path)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, {"X-Repo-Commit": SHA}, b"<html>sign in</html>"), "what is no config.json"),
        ((200, {"X-Repo-Commit": SHA}, b"[]"), "what is no config.json"),
        ((200, {"X-Repo-Commit": SHA}, b"[" * 100_000), "what is no config.json"),
        ((200, {"X-Repo-Commit": SHA}, b" " * 1_000_001), "more than 1,000,000 bytes"),
        ((200, {}, b"{}"), "does not say at which revision"),
        ((200, {"X-Repo-Commit": "../../x"}, b"{}"), "does not say at which revision"),
        ((401, {}, b""), "it is gated or private, and no token is set"),
        ((404, {}, b""), "has no such model or revision"),
        ((418, {}, b""), "HTTP 418"),
    ],
)
def test_what_is_no_answer_is_said_and_nothing_is_kept(web: Hub, tmp_path: Path, answer: Answer, said: str) -> None:
    web.answers["/me/tiny/resolve/main/config.json"] = [answer]
    with pytest.raises(FetchError, match=said) as found:
        get("me/tiny", tmp_path)
    assert "\n" not in str(found.value)
    assert list(tmp_path.rglob("*.json")) == []


@pytest.mark.parametrize(
    "model",
    [
        "tiny",
        "a/b/c",
        "../x/y",
        "a/..",
        "a/b@",
        "a/b@../c",
        "a b/c",
        "/",
        "a/",
        "-a/b",
        "a/b@x/y",
        "ä/b",
        "a/" + "b" * 97,
    ],
)
def test_what_is_no_id(model: str, tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="is not OWNER/NAME"):
        get(model, tmp_path)


@pytest.mark.parametrize("url", ["http://example.com", "https://u:p@example.com", "ftp://x", "https://x?y=1"])
def test_a_mirror_that_is_not_safe(url: str, tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="HF_ENDPOINT: write https://HOST"):
        get("me/tiny", tmp_path, HF_ENDPOINT=url)


def test_offline_is_offline(web: Hub, tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="HF_HUB_OFFLINE is set"):
        get("me/tiny", tmp_path, HF_HUB_OFFLINE="1")
    assert web.heard == []


def test_the_commands_fetch_only_when_told(web: Hub, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    web.good()
    assert run(["size", "--model", "me/tiny", "--gpu", "L4"]) == 2
    assert "unknown model 'me/tiny'" in capsys.readouterr().err
    assert web.heard == []
    assert run(["size", "--model", "me/tiny", "--online", "--gpu", "L4", "--concurrency", "8"]) == 0
    out = capsys.readouterr()
    assert out.out.startswith("tiny at fp16 on 1 x L4")
    assert f"planner: config.json of me/tiny at revision {SHA} from Hugging Face ({web.url}), kept as " in out.err
    assert run(["models", "show", "me/tiny", "--online"]) == 0
    shown = capsys.readouterr().out
    assert f"config.json of me/tiny at {SHA} (Hugging Face)" in shown
    assert "me/tiny" in shown
    args = ["quote", "--model", "me/tiny", "--gpu", "L4", "--provider", "aws", "--format", "json"]
    assert run([*args, "--online", "-o", str(tmp_path / "q.json")]) == 0
    work = json.loads((tmp_path / "q.json").read_text("utf-8"))["workload"]
    assert (work["model"], hub.place(work["model_config"])) == ("me/tiny", ("huggingface", "me/tiny", SHA))
    asked = len(web.heard)
    assert run(["quote", "--replay", str(tmp_path / "q.json")]) == 0
    assert (
        run(["size", "--model-config", work["model_config"], "--gpu", "L4"]) == 0
    )  # offline again, from what was kept
    assert len(web.heard) == asked
    capsys.readouterr()
    assert run(["size", "--online", "--model-config", work["model_config"], "--gpu", "L4"]) == 2
    assert "--online fetches a config.json; drop --model-config" in capsys.readouterr().err
    assert run(["models", "show", "--online"]) == 2
    assert run(["size", "--model", "me/gone", "--online", "--gpu", "L4"]) == 1
    said = capsys.readouterr().err
    assert "no config.json of me/gone" in said
    assert said.count("has no such model or revision") == 2
