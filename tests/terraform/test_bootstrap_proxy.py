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
OTHER = "an0ther-key-of-somebody-else="


def _free() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _knows_fallback(caddy: str) -> bool:
    """Return whether this caddy is as new as the module's image (2.10): that of some distributions is 2.6."""
    said = subprocess.run([caddy, "version"], capture_output=True, text=True, check=True).stdout
    numbers = re.findall(r"[0-9]+", said)
    return [int(number) for number in numbers[:2]] >= [2, 7]


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
    health = _free()
    assert text.count(":8443") == 3 and text.count(":8444") == 1
    assert "/etc/caddy/keys/keys" in text and "\tlog_append key {caller}\n" in text
    (folder / "keys").write_text(f'"Bearer {KEY}" key\n"Bearer {OTHER}" another\n')
    text = text.replace("/etc/caddy/keys/keys", str(folder / "keys"))
    text = text.replace("root /etc/caddy/keys", f"root {folder}")
    text = text.replace("/run/caddy.sock", str(folder / "sock"))
    if "log_append" not in subprocess.run([caddy, "help"], capture_output=True, text=True, check=False).stdout:
        text = text.replace("\tlog_append key {caller}\n", "")  # newer than the caddy of some distributions
    assert "\tfallback_sni {$PLANNER_NODE_IP}\n" in text
    if not _knows_fallback(caddy):
        text = text.replace("\tfallback_sni {$PLANNER_NODE_IP}\n", "")
    (folder / "Caddyfile").write_text(text.replace(":8443", f":{port}").replace(":8444", f":{health}"))
    (folder / "health").write_text(f"http://127.0.0.1:{health}")
    env = {
        **os.environ,
        "PLANNER_NODE_IP": "127.0.0.1",
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


@pytest.mark.parametrize(
    "path",
    ["/v1/models", "/v1/completions", "/v1/chat/completions", "/v1/embeddings", "/v1/rerank", "/v1/messages"],
)
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
        "/v1/responses",
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


def test_keys_have_names_and_change_without_a_restart(proxy):
    """A second key passes; after a reload a new one passes and an old one does not; the process stays the same."""
    url, _, folder = proxy
    caddy = shutil.which("caddy") or ""
    assert ask(url + "/v1/models", OTHER)[0] == 200
    before = (folder / "keys").read_text()
    try:
        (folder / "keys").write_text('"Bearer a-third-key-instead" third\n')
        command = [caddy, "reload", "--config", str(folder / "Caddyfile"), "--address", f"unix/{folder}/sock"]
        done = subprocess.run(
            command, env={**os.environ, "PLANNER_NODE_IP": "127.0.0.1"}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert ask(url + "/v1/models", "a-third-key-instead")[0] == 200
        assert ask(url + "/v1/models", KEY)[0] == ask(url + "/v1/models", OTHER)[0] == 401
    finally:
        (folder / "keys").write_text(before)
        subprocess.run(command, env={**os.environ, "PLANNER_NODE_IP": "127.0.0.1"}, capture_output=True, check=False)


def test_requests_are_logged_without_headers_and_bodies(proxy):
    url, _, folder = proxy
    assert ask(url + "/v1/chat/completions", KEY, b'{"messages": "nobody may read this"}')[0] == 200
    log = (folder / "log").read_text()
    assert '"uri":"/v1/chat/completions"' in log and "nobody may read this" not in log and "Python-urllib" not in log


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PURGE", "OPTIONS"])
def test_odd_methods_stay_outside(proxy, method):
    request = urllib.request.Request(
        proxy[0] + "/v1/models", method=method, headers={"Authorization": f"Bearer {KEY}"}
    )
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10, context=context)
    with caught.value as answer:
        assert answer.code == 404


def test_a_balancer_asks_for_health_and_only_for_that(proxy: tuple[str, list[http.server.ThreadingHTTPServer], Path]) -> None:
    health = (proxy[2] / "health").read_text()
    assert ask(f"{health}/health")[0] == 200
    for path in ("/v1/models", "/metrics", "/"):
        assert ask(f"{health}{path}", KEY)[0] == 404, "nothing else without TLS"


def test_a_drained_instance_says_no_and_goes_on_serving(
    proxy: tuple[str, list[http.server.ThreadingHTTPServer], Path],
) -> None:
    """What the watch of a spot instance writes beside the keys: /health is 503 without a reload, requests pass."""
    url, _, folder = proxy
    health = (folder / "health").read_text()
    (folder / "drain").write_text("2099-09-18T08:22:00Z\n")
    try:
        assert ask(f"{url}/health")[0] == ask(f"{health}/health")[0] == 503
        assert ask(f"{url}/v1/models", KEY)[0] == 200
    finally:
        (folder / "drain").unlink()
    assert ask(f"{health}/health")[0] == 200


def test_a_name_that_points_to_a_balancer_is_answered(proxy: tuple[str, list[http.server.ThreadingHTTPServer], Path]) -> None:
    """A client asks for the balancer's name in TLS and in HTTP; the proxy knows neither."""
    caddy = shutil.which("caddy")
    if caddy is None or not _knows_fallback(caddy):
        return  # a caddy older than the module's image has no fallback_sni: the fixture saw that the file has it
    host, port = proxy[0].removeprefix("https://").split(":")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((host, int(port)), 5) as plain,
        context.wrap_socket(plain, server_hostname="llm-0123456789.elb.us-east-1.amazonaws.com") as secure,
    ):
        lines = (
            "GET /v1/models HTTP/1.1", "Host: llm-0123456789.elb.us-east-1.amazonaws.com:8443",
            f"Authorization: Bearer {KEY}", "Connection: close", "", "",
        )
        secure.sendall("\r\n".join(lines).encode())
        answer = b"".join(iter(lambda: secure.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200") and b"/v1/models" in answer
