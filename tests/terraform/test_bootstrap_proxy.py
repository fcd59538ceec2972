"""The proxy's file in the real proxy (caddy): what passes with the key, without it, and how replicas share the load."""

from __future__ import annotations

import contextlib
import http.server
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from planner.terraform import bootstrap
from tests.bootstrap.variants import VARIANTS

pytestmark = pytest.mark.system

KEY = "k3y.that-nobody_may~read+in/logs="


def _free() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class _Engine(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.seen.append(self.path)  # type: ignore[attr-defined]
        body = f"engine {self.server.server_port} {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(0.2)
        self.do_GET()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def proxy(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, list[http.server.ThreadingHTTPServer], Path]]:
    caddy = shutil.which("caddy")
    if caddy is None:
        pytest.skip("caddy is not installed (apt-get install caddy)")
    folder = tmp_path_factory.mktemp("caddy")
    text = bootstrap.render(VARIANTS["p4d-8x-tp1"])["files/Caddyfile"]
    engines = []
    for port in range(8000, 8008):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Engine)
        server.seen = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        engines.append(server)
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{server.server_port}")
    port = _free()
    assert text.count(":8443") == 2
    (folder / "Caddyfile").write_text(text.replace(":8443", f":{port}"))
    env = {
        **os.environ,
        "PLANNER_NODE_IP": "127.0.0.1",
        "PLANNER_API_KEY": KEY,
        "XDG_DATA_HOME": str(folder),
        "HOME": str(folder),
    }
    log = (folder / "log").open("w")
    process = subprocess.Popen(
        [caddy, "run", "--config", str(folder / "Caddyfile")], env=env, stdout=log, stderr=subprocess.STDOUT
    )
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.1)
        yield f"https://127.0.0.1:{port}", engines, folder
    finally:
        process.terminate()
        process.wait(10)
        log.close()
        for server in engines:
            server.shutdown()
            server.server_close()


def ask(url: str, key: str | None = None, data: bytes | None = None, header: str = "Authorization") -> tuple[int, str]:
    """Return status and body. No name is sent (an address has none): the proxy must still find its certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(url, data=data, headers={header: f"Bearer {key}"} if key is not None else {})
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize("path", ["/v1/models", "/v1/completions", "/v1/chat/completions"])
def test_the_api_needs_the_key(proxy, path):
    url, _, _ = proxy
    assert ask(url + path, KEY)[0] == 200
    for wrong in (None, "", "wrong", KEY[:-1], KEY + "x", KEY.upper(), "*"):
        assert ask(url + path, wrong) == (401, "no valid API key")
    assert ask(url + path, KEY, header="X-Authorization")[0] == 401


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/docs",
        "/invocations",
        "/tokenize",
        "/abort_requests",
        "/v1/embeddings",
        "/v1/load_lora_adapter",
        "/",
        "/v2/x",
        "/v1/models/../../metrics",
        "/v1/models%2f..%2fmetrics",
        "//metrics",
        "/health/x",
    ],
)
def test_everything_else_is_closed_even_with_the_key(proxy, path):
    url, engines, _ = proxy
    assert ask(url + path, KEY)[0] == 404
    assert ask(url + path)[0] == 401
    assert not [seen for engine in engines for seen in engine.seen if "metrics" in seen]


def test_health_is_open(proxy):
    assert ask(proxy[0] + "/health")[0] == 200


def test_requests_spread_over_all_replicas(proxy):
    url, engines, _ = proxy
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda: answers.append(ask(url + "/v1/chat/completions", KEY, b"{}")[1]))
        for _ in range(24)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {int(re.search(r"engine (\d+)", answer)[1]) for answer in answers} == {e.server_port for e in engines}


def test_the_key_is_in_no_log(proxy):
    assert KEY not in (proxy[2] / "log").read_text()
