"""The download itself: the real client of the hub against a local hub that breaks off, and files that are not right."""

from __future__ import annotations

import hashlib
import http.server
import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from planner.terraform import bootstrap
from tests.bootstrap.variants import VARIANTS

pytestmark = pytest.mark.system

if importlib.util.find_spec("huggingface_hub") is None:
    pytest.skip("huggingface_hub is not installed", allow_module_level=True)

ID = "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = bytes(range(256)) * 4 * 24576  # 24 MiB: the client counts what it has in steps of 10 MiB
FILES = {
    "config.json": b'{"model_type": "qwen2"}',
    "model.safetensors": WEIGHTS,
    "original/consolidated.pth": b"never" * 100,
}


class _Hub(http.server.BaseHTTPRequestHandler):
    """As much of the hub's protocol as a download needs; `server.cuts` answers of the weights stop halfway."""

    protocol_version = "HTTP/1.1"

    def _send(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.seen.append((self.command, path, self.headers.get("Range", "")))  # type: ignore[attr-defined]
        if path.startswith("/api/v1/models/"):
            return self._modelscope()
        if path.startswith(f"/api/models/{ID}"):
            siblings = [
                {
                    "rfilename": name,
                    "size": len(data),
                    "blobId": "x",
                    **(
                        {"lfs": {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 1}}
                        if len(data) > 99
                        else {}
                    ),
                }
                for name, data in FILES.items()
            ]
            tree = [{"type": "file", "path": s["rfilename"], "size": s["size"], "oid": "x"} for s in siblings]
            answer: object = (
                tree if "/tree/" in path else {"id": ID, "modelId": ID, "sha": COMMIT, "siblings": siblings, "tags": []}
            )
            return self._send(json.dumps(answer).encode(), Content_Type="application/json")
        match = re.fullmatch(rf"/{ID}/resolve/[^/]+/(.+)", path)
        if match is None or match[1] not in FILES:
            return self._send(b"", 404)
        data, etag = FILES[match[1]], hashlib.sha256(FILES[match[1]]).hexdigest()
        sent = self.server.corrupt if match[1].endswith("safetensors") and self.server.corrupt else data  # type: ignore[attr-defined]
        head = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        body = sent[start:]
        if self.command == "GET" and match[1].endswith("safetensors") and self.server.cuts:  # type: ignore[attr-defined]
            self.server.cuts -= 1  # type: ignore[attr-defined]
            self.send_response(206 if asked else 200)
            for name, value in {**head, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.close_connection = True
            return None
        if asked:
            head["Content-Range"] = f"bytes {start}-{len(sent) - 1}/{len(sent)}"
        return self._send(body, 206 if asked else 200, **head)

    def _modelscope(self) -> None:
        """Answer as ModelScope does: a list of files with checksums, and files by query."""
        query = parse_qs(urlsplit(self.path).query)
        if self.path.partition("?")[0] == f"/api/v1/models/{ID}/repo/files":
            listed = [
                {
                    "Path": name,
                    "Name": name,
                    "Size": len(data),
                    "Sha256": hashlib.sha256(data).hexdigest(),
                    "Type": "blob",
                }
                for name, data in FILES.items()
            ]
            data = {"Files": [*listed, {"Path": "original", "Name": "original", "Type": "tree", "Size": 0}]}
            return self._send(
                json.dumps({"Code": 200, "Success": True, "Data": data}).encode(), Content_Type="application/json"
            )
        name = query.get("FilePath", [""])[0]
        if name not in FILES:
            return self._send(b"{}", 404)
        sent = self.server.corrupt if name.endswith("safetensors") and self.server.corrupt else FILES[name]  # type: ignore[attr-defined]
        self.server.seen[-1] = (self.command, f"/resolve/{name}", self.headers.get("Range", ""))  # type: ignore[attr-defined]
        asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        if self.command == "GET" and name.endswith("safetensors") and self.server.cuts:  # type: ignore[attr-defined]
            self.server.cuts -= 1  # type: ignore[attr-defined]
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(sent) - start))
            self.end_headers()
            self.wfile.write(sent[start : start + (len(sent) - start) // 2])
            self.wfile.flush()
            self.close_connection = True
            return None
        head = {"Content-Range": f"bytes {start}-{len(sent) - 1}/{len(sent)}"} if asked else {}
        return self._send(sent[start:], 206 if asked else 200, **head)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[http.server.ThreadingHTTPServer]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    server.seen, server.cuts, server.corrupt = [], 0, b""  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def download(hub, folder: Path, variant: str = "g5") -> subprocess.CompletedProcess[str]:
    """Run the emitted model.py with its disk moved into `folder`."""
    text = bootstrap.render(VARIANTS[variant])["files/model.py"]
    assert text.count('"/srv/models"') == 1 and text.count('"/run/planner/hub-token"') == 1
    script = folder / "model.py"
    script.write_text(
        text.replace("/srv/models", str(folder / "models")).replace("/run/planner/hub-token", str(folder / "token"))
    )
    env = {
        **os.environ,
        "MODELSCOPE_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
        "MODELSCOPE_CACHE": str(folder / "home"),
        "HOME": str(folder),
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
        "HF_HOME": str(folder / "home"),
        "HF_HUB_DISABLE_XET": "1",
    }
    return subprocess.run(
        [sys.executable, str(script)], env=env, capture_output=True, text=True, timeout=60, check=False
    )


def test_model_arrives_whole_and_is_marked(hub, tmp_path):
    done = download(hub, tmp_path)
    assert done.returncode == 0, done.stderr
    model = tmp_path / "models/DeepSeek-R1-Distill-Qwen-7B"
    assert (model / "model.safetensors").read_bytes() == WEIGHTS and (model / "config.json").exists()
    assert not (model / "original").exists(), "the same weights a second time are left out"
    assert (model / ".planner-complete").read_text() == f"{ID} {COMMIT}\n"
    hub.seen.clear()
    assert download(hub, tmp_path).returncode == 0 and hub.seen == [], "a marked model asks nobody"


def _ranges(hub) -> list[int]:
    """Return where each request for the weights started."""
    asked = [r for method, path, r in hub.seen if method == "GET" and path.endswith("safetensors")]
    return [int(re.sub(r"\D", "", r) or 0) for r in asked]


def test_broken_connection_goes_on_where_it_stopped(hub, tmp_path):
    hub.cuts = 1
    assert download(hub, tmp_path).returncode == 0
    starts = _ranges(hub)
    assert len(starts) == 2 and 0 == starts[0] < starts[1], "each try asks for what is missing"
    assert (tmp_path / "models/DeepSeek-R1-Distill-Qwen-7B/model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.long
def test_broken_process_fetches_only_the_files_that_it_lacks(hub, tmp_path):
    # huggingface_hub 2.x keeps no part of a file when its process dies: what is resumed is the list of files.
    hub.cuts = 1000
    first = download(hub, tmp_path)
    assert first.returncode != 0 and not list(tmp_path.rglob(".planner-complete"))
    hub.cuts = 0
    hub.seen.clear()
    assert download(hub, tmp_path).returncode == 0
    fetched = {path for method, path, _ in hub.seen if method == "GET" and "/resolve/" in path}
    assert [path.rpartition("/")[2] for path in fetched] == ["model.safetensors"]


def test_wrong_bytes_are_removed_and_reported(hub, tmp_path):
    hub.corrupt = WEIGHTS[:-1] + b"?"
    done = download(hub, tmp_path)
    assert done.returncode == 1 and "1 files differ from the hub's checksums" in done.stderr
    model = tmp_path / "models/DeepSeek-R1-Distill-Qwen-7B"
    assert not (model / "model.safetensors").exists() and not (model / ".planner-complete").exists()
    hub.corrupt = b""
    assert download(hub, tmp_path).returncode == 0
    assert (model / "model.safetensors").read_bytes() == WEIGHTS


def test_modelscope_delivers_whole_checks_and_resumes(hub, tmp_path):
    if importlib.util.find_spec("modelscope_hub") is None:
        pytest.skip("modelscope-hub is not installed")
    hub.cuts = 1
    done = download(hub, tmp_path, "gn7i")
    assert done.returncode == 0, done.stderr
    model = tmp_path / "models/DeepSeek-R1-Distill-Qwen-7B"
    assert (model / "model.safetensors").read_bytes() == WEIGHTS and not (model / "original").exists()
    assert (model / ".planner-complete").read_text() == f"{ID} master\n"
    assert any(start > 0 for start in _ranges(hub)), "the broken file goes on where it stopped"


@pytest.mark.long
def test_modelscope_wrong_bytes_never_count_as_complete(hub, tmp_path):
    if importlib.util.find_spec("modelscope_hub") is None:
        pytest.skip("modelscope-hub is not installed")
    hub.corrupt = WEIGHTS[:-1] + b"?"
    done = download(hub, tmp_path, "gn7i")
    assert done.returncode != 0
    assert not (tmp_path / "models/DeepSeek-R1-Distill-Qwen-7B/.planner-complete").exists()
    hub.corrupt = b""
    assert download(hub, tmp_path, "gn7i").returncode == 0


# -- what a listing may say ------------------------------------------------------------------------------------------

#: Stand-ins of the hubs' clients: they answer with a listing, and write what is asked for as they find it beside them.
CLIENTS = """
import fnmatch, json, os, pathlib

class Plain:
    def __init__(self, **fields):
        self.__dict__.update(fields)

LISTING = json.load(open(os.environ["LISTING"]))

def refuse(at):
    status = int(os.environ["STATUS"])
    if status and os.environ["STATUS_AT"] == at:
        error = OSError("not now")
        error.response = Plain(status_code=status)
        raise error

def ask(revision):
    pathlib.Path("asked").write_text(revision or "")
    refuse("list")

def deliver(local_dir, allow_patterns):
    refuse("files")
    for name, size, sha, text in LISTING:
        if any(fnmatch.fnmatch(name, pattern) for pattern in allow_patterns) and text is not None:
            path = pathlib.Path(local_dir) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
"""
HUGGING_FACE = (
    CLIENTS
    + """
class HfApi:
    def model_info(self, *args, revision, **given):
        ask(revision)
        files = [Plain(rfilename=n, size=s, lfs=Plain(sha256=h) if h else None) for n, s, h, _ in LISTING]
        return Plain(sha="0" * 40, siblings=files)

def snapshot_download(*args, local_dir, allow_patterns, **given):
    deliver(local_dir, allow_patterns)
"""
)
MODELSCOPE = (
    CLIENTS
    + """
class HubApi:
    def __init__(self, **given):
        pass

    def list_repo_files(self, *args, revision, **given):
        ask(revision)
        return [Plain(path=n, size=s, sha256=h, is_dir=False) for n, s, h, _ in LISTING]

    def download_repo(self, *args, local_dir, allow_patterns, **given):
        deliver(local_dir, allow_patterns)
"""
)


def _row(name: str, text: str | None = "x", sha: str | None = "") -> list[object]:
    """Return a listed file; sha: "" = the right one."""
    said = hashlib.sha256((text or "").encode()).hexdigest() if sha == "" else sha
    return [name, len(text or ""), said, text]


CONFIG, WEIGHT = _row("config.json", "{}", None), _row("model.safetensors")


def _listed(
    rows: list[list[object]], folder: Path, variant: str, free: int = 10**15, status: int = 0, revision: str = "", at: str = "list",
    token: str = "",
) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = folder / f"{variant}-home"
    (folder / "stubs").mkdir(parents=True)
    (folder / "stubs" / "huggingface_hub.py").write_text(HUGGING_FACE)
    (folder / "stubs" / "modelscope_hub.py").write_text(MODELSCOPE)
    (folder / "listing.json").write_text(json.dumps(rows))
    (folder / "victim").write_text("v")
    if token:
        (folder / "token").write_text(token)
    text = bootstrap.render(VARIANTS[variant]._replace(revision=revision))["files/model.py"]
    text = text.replace("/srv/models", str(folder / "models")).replace("/run/planner/hub-token", str(folder / "token"))
    plenty = "import shutil, types\nshutil.disk_usage = lambda path: types.SimpleNamespace(free=FREE)\n".replace("FREE", str(free))
    (folder / "model.py").write_text(plenty + text)
    env = {**os.environ, "PYTHONPATH": str(folder / "stubs"), "LISTING": str(folder / "listing.json"), "STATUS": str(status), "STATUS_AT": at}
    done = subprocess.run(
        [sys.executable, "model.py"], cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert (folder / "victim").read_text() == "v" and "Traceback" not in done.stderr, done.stderr
    return done, folder / "models" / bootstrap.model_path(VARIANTS[variant]._replace(revision=revision)).rpartition("/")[2]


@pytest.mark.parametrize("variant", ["g5", "gn7i"])
@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "no weights"),
        ([CONFIG], "no weights"),
        ([CONFIG, _row("deep/model.safetensors")], "no weights"),
        ([CONFIG, _row("../model.safetensors")], "no weights"),
        ([CONFIG, _row("model.safetensors", sha=None)], "some weights are without SHA-256"),
        ([CONFIG, _row("model.safetensors", sha="abc")], "differ from the hub"),
        ([CONFIG, _row("a.safetensors"), _row("b.safetensors", sha=None)], "some weights are without SHA-256"),
        ([CONFIG, _row("model.safetensors", sha="0" * 64)], "differ from the hub"),
        ([CONFIG, _row("a.safetensors"), _row("b.safetensors", None)], "differ from the hub"),
    ],
)
def test_a_listing_that_cannot_be_trusted_never_counts_as_complete(rows, said, variant, tmp_path):
    done, model = _listed(rows, tmp_path, variant)
    assert said in done.stderr and not (model / ".planner-complete").exists()
    assert done.returncode == (1 if "differ" in said else 3), "only what the hub may mend is tried again"


@pytest.mark.parametrize("variant", ["g5", "gn7i"])
def test_names_stay_inside_the_folder(variant, tmp_path):
    """Whatever the listing says of files elsewhere, they are neither fetched nor checked nor removed."""
    hostile = ["../../victim", "../../../victim", "/etc/victim", "a/../../../victim", "..", ".", "", "a\nb", "*", "[a]", "a\\b"]
    rows = [CONFIG, WEIGHT, *(_row(name, sha="0" * 64) for name in hostile)]
    done, model = _listed(rows, tmp_path, variant)
    assert done.returncode == 0, done.stderr
    assert {p.name for p in model.rglob("*")} == {"config.json", "model.safetensors", ".planner-complete"}


INDEX = "model.safetensors.index.json"
#: What a repository lists, and what of it an engine loads; small files that are no weights always come.
REPOSITORIES = [
    ("model.safetensors consolidated.safetensors pytorch_model.bin tf_model.h5", "model.safetensors"),
    ("model-1.safetensors model-2.safetensors original/m.safetensors", "model-1.safetensors model-2.safetensors"),
    ("consolidated.safetensors x.gguf", "consolidated.safetensors"),
    ("pytorch_model-1.bin pytorch_model-2.bin model.gguf", "pytorch_model-1.bin pytorch_model-2.bin"),
    ("model.safetensors model.fp16.safetensors model.fp32-00001-of-00001.safetensors", "model.safetensors"),
    (
        f"{INDEX} model.safetensors model-00001-of-00002.safetensors model-00002-of-00002.safetensors "
        "model.fp16-00001-of-00002.safetensors model.fp16-00002-of-00002.safetensors",
        f"{INDEX} model-00001-of-00002.safetensors model-00002-of-00002.safetensors",
    ),
    (
        f"{INDEX} model_00001-of-00002.safetensors model_00002-of-00002.safetensors pytorch_model_00001-of-00002.bin",
        f"{INDEX} model_00001-of-00002.safetensors model_00002-of-00002.safetensors",
    ),
    ("pytorch_model.bin pytorch_model.fp16.bin training_args.bin optimizer.bin optimizer.pt", "pytorch_model.bin"),
    ("model.safetensors adapter_model.safetensors lora/adapter.safetensors", "model.safetensors"),
    ("consolidated.00.pt consolidated.01.pt model-00001-of-00001.safetensors", "model-00001-of-00001.safetensors"),
    ("gptq_model-4bit-128g.safetensors flax_model.msgpack rust_model.ot", "gptq_model-4bit-128g.safetensors"),
    ("model.safetensors model.onnx model.onnx_data decoder.pth whisper.nemo model.tflite", "model.safetensors"),
    ("weights.pt", "weights.pt"),
]


@pytest.mark.parametrize("variant", ["g5", "gn7i"])
@pytest.mark.parametrize("large", [True, False], ids=["large", "small"])
@pytest.mark.parametrize(("names", "right"), REPOSITORIES)
def test_weights_come_once(names, right, large, variant, tmp_path):
    """Also where the other formats are small: a size says nothing of what the engine loads."""
    rows = [[name, 10**9 if large and not name.endswith("json") else 1, *_row(name)[2:]] for name in names.split()]
    for row in rows:
        if row[0] == INDEX:
            named = [n for n in right.split() if n != INDEX]
            row[3] = json.dumps({"weight_map": {f"layer.{i}": n for i, n in enumerate(named)}})
            row[2] = None
    done, model = _listed([CONFIG, _row(".gitattributes"), *rows], tmp_path, variant)
    assert done.returncode == 0, done.stderr
    found = {p.relative_to(model).as_posix() for p in model.rglob("*") if p.is_file()}
    assert found == {*right.split(), "config.json", ".gitattributes", ".planner-complete"}


@pytest.mark.parametrize("variant", ["g5", "gn7i"])
def test_an_index_decides_whatever_the_names_say(variant, tmp_path):
    index = [INDEX, 9, None, json.dumps({"weight_map": {"a": "model-odd.safetensors"}})]
    done, model = _listed([CONFIG, index, WEIGHT, _row("model-odd.safetensors")], tmp_path, variant)
    assert done.returncode == 0, done.stderr
    assert (model / "model-odd.safetensors").exists() and not (model / "model.safetensors").exists()
    index[3] = json.dumps({"weight_map": {"a": "model-gone.safetensors"}})
    done, model = _listed([CONFIG, index, WEIGHT], tmp_path / "second", variant)
    assert done.returncode == 3 and "the index names files that the hub does not list" in done.stderr


def test_the_disk_is_measured_against_what_comes(tmp_path):
    """The list is what comes, not the repository: 27 GB in two formats fit where 14 GB do."""
    rows = [CONFIG, ["model.safetensors", 14 * 10**9, *_row("x")[2:]], ["pytorch_model.bin", 13 * 10**9, *_row("x")[2:]]]
    done, _ = _listed(rows, tmp_path, "g5", free=15 * 10**9)
    assert done.returncode == 0, done.stderr
    done, _ = _listed(rows, tmp_path / "second", "g5", free=13 * 10**9)
    assert done.returncode == 3 and "does not fit on the disk: 14 GB to come, 13 GB free" in done.stderr


@pytest.mark.parametrize(
    ("status", "at", "token", "said", "code", "variant"),
    [
        (401, "list", "t", "the hub refuses the token", 3, "g5"),
        (401, "list", "", "the hub wants a token (--hf-token-secret), or has no such model", 3, "gn7i"),
        (403, "list", "t", "the token may not read it", 3, "gn7i"),
        (404, "list", "", "no such model or revision", 3, "g5"),
        (503, "list", "", "OSError: not now", 1, "g5"),
        (503, "files", "", "OSError: not now", 1, "gn7i"),
        # A gated model lists its files to everybody.
        (403, "files", "t", "the token may not read it", 3, "g5"),
        (401, "files", "", "the hub wants a token", 3, "g5"),
        (403, "files", "", "the hub wants a token (--hf-token-secret)", 3, "gn7i"),
    ],
)
def test_a_hub_that_refuses_stops_once(status, at, token, said, code, variant, tmp_path):
    done, _ = _listed([CONFIG, WEIGHT], tmp_path, variant, status=status, at=at, token=token)
    assert done.returncode == code and said in done.stderr.splitlines()[-1]


def test_a_mark_that_a_crash_left_empty_is_none(tmp_path):
    done, model = _listed([CONFIG, WEIGHT], tmp_path, "g5")
    assert done.returncode == 0, done.stderr
    (model / ".planner-complete").write_text("")
    again = subprocess.run([sys.executable, "model.py"], cwd=tmp_path / "g5-home", env={**os.environ, "PYTHONPATH": "stubs", "LISTING": "listing.json", "STATUS": "0"}, capture_output=True, text=True, check=False)
    assert again.returncode == 0 and (model / ".planner-complete").read_text(), again.stderr


@pytest.mark.parametrize("variant", ["g5", "gn7i"])
def test_a_pinned_revision_is_asked_for_and_another_one_comes_anew(variant, tmp_path):
    done, model = _listed([CONFIG, WEIGHT], tmp_path, variant, revision=COMMIT)
    assert done.returncode == 0, done.stderr
    assert (model / ".planner-complete").read_text() == f"{ID} {COMMIT if variant == 'gn7i' else '0' * 40}\n"
    assert (tmp_path / f"{variant}-home/asked").read_text() == COMMIT
