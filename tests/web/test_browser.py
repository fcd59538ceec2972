"""The web view as people use it: a process of its own, headless Chromium, the keyboard alone; what a rude client sends."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("serve")]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
seen = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
CASE = "model=DeepSeek-R1-Distill-Qwen-32B&hours=26280&rps=90&egress_gb=9000&currency=CNY"


class Server:
    """`planner serve` on a free port."""

    def __init__(self, home: Path) -> None:
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PLANNER_HOME": str(home), "NO_COLOR": "1"}
        env.pop("PLANNER_SERVE_TOKEN", None)
        line = [sys.executable, "-m", "planner", "serve", "--port", "0"]
        self.process = subprocess.Popen(line, env=env, cwd=home, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        said = self.process.stderr.readline()
        assert said.startswith("planner: serving on http://127.0.0.1:"), said
        self.address = said.split()[-1]
        self.port = urlsplit(self.address).port or 0

    def ask(self, sent: bytes, wait: bool = True) -> bytes:
        """Send bytes as they are; return what comes back until the server closes, or nothing."""
        got = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as line:
            try:
                line.sendall(sent)
                while wait and (part := line.recv(65536)):
                    got += part
            except (BrokenPipeError, ConnectionResetError):
                pass
            return got if wait else b""

    def get(self, path: str, *headers: str) -> bytes:
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", "Connection: close", *headers]
        return self.ask("\r\n".join([*lines, "", ""]).encode())

    def stop(self) -> tuple[int, str]:
        """Press Ctrl-C; return the exit code and what was said since the start."""
        self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, said

    def end(self) -> None:
        """End it, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("serve"))
    yield made
    made.end()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.end()


def test_a_rude_client_leaves_no_trace_and_ctrl_c_ends_it_quietly(own: Server, tmp_path: Path) -> None:
    server = own
    before = sorted(tmp_path.rglob("*"))
    huge = b"GET /?name=" + b"a" * 10_000_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    assert server.ask(huge)[:12] in (b"", b"HTTP/1.1 400")
    assert server.get("/?name=" + "a" * 20_000).startswith(b"HTTP/1.1 414")
    assert server.ask(b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert server.get("/", "Content-Length: 5").startswith(b"HTTP/1.1 413")
    for name in ("quote.xlsx", "module.zip", "quote.json", ""):  # closed as soon as it was asked
        server.ask(f"GET /{name} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode(), wait=False)
    with socket.create_connection(("127.0.0.1", server.port)) as half:  # and in the middle of what comes
        half.sendall(f"GET /quote.json HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
        assert half.recv(1000)
    with socket.create_connection(("127.0.0.1", server.port)):  # a tab that stays open does not hold it
        assert server.get("/?hours=100").startswith(b"HTTP/1.1 200")
        assert server.stop() == (0, "")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as play:
        args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        made = play.chromium.launch(executable_path=CHROMIUM, args=args)
        yield made
        made.close()


@pytest.fixture
def visit(chromium: Any, server: Server) -> Iterator[Any]:
    """Open a page of the server's; afterwards nothing was asked of another, and the console had no complaint."""
    wrong: list[str] = []
    contexts: list[Any] = []

    def go(path: str, width: int = 1280, **settings: Any) -> Any:
        contexts.append(chromium.new_context(viewport={"width": width, "height": 900}, **settings))
        page = contexts[-1].new_page()
        page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: wrong.append(str(e)))
        page.on("request", lambda r: None if r.url.startswith((server.address, "data:")) else wrong.append(r.url))
        page.goto(server.address + path)
        return page

    yield go
    for context in contexts:
        context.close()
    assert [said for said in wrong if "status of 400" not in said] == []


@seen
@pytest.mark.system
def test_with_the_keyboard_alone_from_the_form_to_explain_and_download(visit: Any, tmp_path: Path) -> None:
    page = visit("")

    def tab_to(wanted: str, most: int = 60) -> None:
        for _ in range(most):
            page.keyboard.press("Tab")
            if page.evaluate("(w) => document.activeElement.matches(w)", wanted):
                assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
                return
        raise AssertionError(f"{wanted} is not reached")

    tab_to("#f-model")
    page.keyboard.type("DeepSeek-R1-Distill-Qwen-14B")
    tab_to("#f-hours")
    page.keyboard.type("100")
    tab_to("details.group:nth-of-type(4) summary")
    page.keyboard.press("Enter")
    tab_to('input[name="purchase_option"][value="on_demand"]')
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.wait_for_url("**hours=100**")
    assert urlsplit(page.url).query == "model=DeepSeek-R1-Distill-Qwen-14B&hours=100&purchase_option=on_demand"
    assert "Qwen-14B" in page.inner_text("header") and "100 hours" in page.inner_text("#said")
    assert page.locator("#c-bars svg path").count() > 3
    tab_to('.files a[href^="module.zip"]')
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    waiting.value.save_as(tmp_path / "module.zip")
    assert "module/main.tf" in zipfile.ZipFile(tmp_path / "module.zip").namelist()
    tab_to('tr.best a[href^="explain"]')
    page.keyboard.press("Enter")
    page.wait_for_url("**/explain**")
    told = page.inner_text("pre.told")
    assert "price row" in told and "sizing: DeepSeek-R1-Distill-Qwen-14B" in told
    tab_to('header a[href^="./"]')
    page.keyboard.press("Enter")
    page.wait_for_url("**hours=100**")
    assert page.input_value("#f-hours") == "100"


@seen
@pytest.mark.system
def test_an_error_is_reached_from_its_summary(visit: Any) -> None:
    page = visit("?hours=x&fx=abc&lang=zh")
    assert page.get_attribute("#f-fx", "aria-invalid") == "true" and page.is_visible("#e-fx")
    assert page.get_attribute("#f-fx", "aria-describedby") == "e-fx"
    page.click('a[href="#f-fx"]')
    assert page.evaluate("document.activeElement.id") == "f-fx"


@seen
@pytest.mark.system
def test_two_tabs_share_nothing(visit: Any) -> None:
    one, two = visit("?hours=100"), visit("?hours=200&lang=zh")
    one.reload()
    assert (one.input_value("#f-hours"), two.input_value("#f-hours")) == ("100", "200")
    assert one.get_attribute("html", "lang") == "en" and two.get_attribute("html", "lang") == "zh-Hans"


@seen
@pytest.mark.system
def test_a_row_that_the_sliders_bring_leads_to_its_own_offer(visit: Any) -> None:
    page = visit("?model=DeepSeek-R1-Distill-Qwen-32B&precision=int4-awq&rps=2&input_tokens=900&output_tokens=350")
    for hours in ("6570", "720", "26281"):
        page.fill("#hours", hours)
        rows = page.evaluate(
            "() => [...document.querySelectorAll('tr[data-offer]')].map((r) => [r.dataset.offer, r.querySelector('a').href])"
        )
        assert rows and all(page.evaluate("(h) => new URL(h).searchParams.get('offer')", h) == o for o, h in rows)


@seen
@pytest.mark.system
def test_it_works_without_scripts(visit: Any) -> None:
    page = visit("", java_script_enabled=False)
    page.fill("#f-hours", "100")
    page.click("button.main")
    assert urlsplit(page.url).query == "hours=100" and "100 hours" in page.inner_text("#said")
    page.click('tr.best a[href^="explain"]')
    assert "price row" in page.inner_text("pre.told")


@seen
@pytest.mark.system
@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("width", [390, *(pytest.param(width, marks=pytest.mark.slow) for width in (768, 1024, 1600))])
def test_it_never_scrolls_sideways(visit: Any, width: int, lang: str) -> None:
    for path in (f"?{CASE}&lang={lang}", f"explain?{CASE}&lang={lang}", f"?hours={'9' * 90}&fx=abc&lang={lang}"):
        page = visit(path, width=width)
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        wide = page.evaluate("() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide[0] <= wide[1], path


@seen
@pytest.mark.system
@pytest.mark.parametrize(("scheme", "lang"), [("light", "en"), ("dark", "zh")])
def test_axe_finds_nothing(visit: Any, scheme: str, lang: str) -> None:
    axe = os.environ.get("PLANNER_AXE", "")
    if not Path(axe).is_file():
        pytest.skip("PLANNER_AXE does not name axe.min.js (npm install axe-core)")
    for path in (f"?rps=2&lang={lang}", f"explain?rps=2&lang={lang}", f"?hours=x&fx=abc&lang={lang}"):
        page = visit(path, color_scheme=scheme, bypass_csp=True)
        page.evaluate("document.querySelectorAll('details.group').forEach((d) => { d.open = true; })")
        page.evaluate(Path(axe).read_text(encoding="utf-8"))
        found = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'best-practice']})")
        wrong = [(v["id"], [n["html"][:90] for n in v["nodes"][:2]]) for v in found["violations"]]
        assert wrong == [], f"{path}: {json.dumps(wrong, indent=1)}"


def test_a_port_in_use_is_one_line(server: Server, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PLANNER_HOME": str(tmp_path)}
    line = [sys.executable, "-m", "planner", "serve", "--port", str(server.port)]
    done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert re.fullmatch(
        rf"planner: --port: cannot listen on 127\.0\.0\.1 port {server.port}: Address already in use; .*\[E200\]\n",
        done.stderr,
    )
