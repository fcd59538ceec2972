"""What our local stand-ins for cloud APIs share: a loopback server that can be told to fail in every usual way."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

Reply = tuple[int, Any, dict[str, str]]


class Fault:
    """One way to fail, for the next `times` requests of `call` ("" = any) about `region` after `skip` good ones."""

    def __init__(
        self, how: str, call: str = "", times: int = 10**9, skip: int = 0, reply: Reply | None = None, region: str = ""
    ) -> None:
        self.how, self.call, self.times, self.skip, self.reply, self.region = how, call, times, skip, reply, region

    def applies(self, call: str, asked: dict[str, Any]) -> bool:
        if self.call not in ("", call) or self.times <= 0 or (self.region and self.region not in asked.values()):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True


class FakeCloud:
    """A server on 127.0.0.1. `answers`: call -> what it answers, or a function of the question.

    Subclasses say how a request is signed (`refuse`), what it asks (`question`) and how an answer is wrapped (`wrap`).
    """

    content_type = "application/json"

    def __init__(self, answers: dict[str, Any], keys: dict[str, str], latency: float = 0.0) -> None:
        self.answers, self.keys, self.latency = answers, keys, latency
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.tokens: set[str] = set()
        self.connections: list[socket.socket] = []
        self._lock = threading.Lock()
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Without this a small answer waits 40 ms for the client's delayed ACK.
            wbufsize = -1
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                fake.connections.append(self.connection)

            def log_message(self, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                self.do_POST()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {key.lower(): value.strip() for key, value in self.headers.items()}
                fake.handle(self, headers, body)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Say nothing: clients that leave early are what these tests are about."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        for connection in self.connections:  # clients keep theirs for the next question
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def fail(self, how: str, call: str = "", **more: Any) -> None:
        self.faults.append(Fault(how, call, **more))

    def count(self, call: str) -> int:
        return sum(1 for name, _ in self.requests if name == call)

    # -- what a cloud adds ----------------------------------------------------------------------------------------

    def question(self, path: str, headers: dict[str, str], body: bytes) -> tuple[str, dict[str, Any]]:
        raise NotImplementedError

    def refuse(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply | None:
        raise NotImplementedError

    def wrap(self, answer: Any) -> Any:
        return answer

    def no_such_call(self, call: str) -> Reply:
        raise NotImplementedError

    def throttle(self) -> Reply:
        raise NotImplementedError

    # -- serving --------------------------------------------------------------------------------------------------

    def handle(self, handler: http.server.BaseHTTPRequestHandler, headers: dict[str, str], body: bytes) -> None:
        call, asked = self.question(handler.path, headers, body)
        with self._lock:
            self.requests.append((call, asked))
            fault = next((one for one in self.faults if one.applies(call, asked)), None)
        if self.latency:
            time.sleep(self.latency)
        refused = self.refuse(handler.command, handler.path, headers, body)
        if refused:
            return self._send(handler, *refused)
        if fault and fault.how == "drop":
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return None
        if fault and fault.how == "throttle":
            return self._send(handler, *self.throttle())
        if fault and fault.how == "reply" and fault.reply:
            return self._send(handler, *fault.reply)
        if call not in self.answers:
            return self._send(handler, *self.no_such_call(call))
        answer = self.answers[call]
        reply = answer(asked) if callable(answer) else answer
        status, content = (200, self.wrap(reply)) if not isinstance(reply, tuple) else reply[:2]
        if fault and fault.how in ("truncate", "stall"):
            return self._send_part(handler, content, stall=fault.how == "stall")
        return self._send(handler, status, content, {})

    def _send(self, handler: Any, status: int, content: Any, extra: dict[str, str]) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
        try:
            handler.send_response(status)
            for key, value in {"Content-Type": self.content_type, "Content-Length": str(len(data)), **extra}.items():
                handler.send_header(key, value)
            handler.end_headers()
            handler.wfile.write(data)
            handler.wfile.flush()
        except OSError:  # the client has left, as the tests of timeouts mean it to
            handler.close_connection = True

    def _send_part(self, handler: Any, content: Any, stall: bool) -> None:
        """Send half of the answer: then either stop for good (`stall`), or call the half the whole."""
        data = json.dumps(content, ensure_ascii=False).encode()
        half = data[: max(1, len(data) // 2)]
        handler.send_response(200)
        handler.send_header("Content-Type", self.content_type)
        handler.send_header("Content-Length", str(len(data) if stall else len(half)))
        handler.end_headers()
        handler.wfile.write(half)
        handler.wfile.flush()
        if stall:
            time.sleep(1.5)
            handler.close_connection = True


@contextmanager
def serving(make: Callable[[], FakeCloud]) -> Iterator[FakeCloud]:
    """Run the server that `make` makes for the length of a `with` block."""
    fake = make()
    try:
        yield fake
    finally:
        fake.close()
