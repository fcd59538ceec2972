"""A stand-in for AWS on loopback: Price List, Savings Plans and EC2, with Signature Version 4 checked as AWS does.

Answers are put in as dicts in the SDK's own shape; the server writes them in each service's wire format by the shapes of
botocore's service model, so that the SDK under test reads them through its real parser. Faults are queued per call.
Plain GET serves files: a stand-in for the public price list, too.
"""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import sys
import threading
import time
import urllib.parse
from collections import defaultdict, deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

KEY, SECRET, TOKEN = "AKIDEXAMPLETEST", "a-secret-of-no-account", "a-session-token"
LONGEST_SKEW = timedelta(minutes=5)

Fault = Callable[["Handler", str], bool]
Answer = Callable[[dict[str, Any]], dict[str, Any]]


class FakeAws:
    """The server's state. `answers[call](request) -> dict`; `faults[call]` are used up one per request."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.faults: dict[str, deque[Fault]] = defaultdict(deque)
        self.always: dict[str, Fault] = {}
        self.files: dict[str, tuple[bytes, dict[str, str]]] = {}
        self.streams: dict[str, Callable[[Handler], None]] = {}
        self.log: list[tuple[str, dict[str, Any]]] = []
        self.clock_offset = timedelta(0)
        self.expired_tokens: set[str] = set()
        self.latency = 0.0
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.fake = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> FakeAws:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def calls(self, name: str) -> list[dict[str, Any]]:
        return [request for call, request in self.log if call == name]

    def next_fault(self, call: str) -> Fault | None:
        with self._lock:
            if self.faults[call]:
                return self.faults[call].popleft()
        return self.always.get(call)


class _Server(http.server.ThreadingHTTPServer):
    fake: FakeAws
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the game; anything else is a fault of this server and must be seen."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgement
    server: _Server
    wire = "json"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def send(self, status: int, body: bytes, kind: str, claim: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if claim is None else claim))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status: int, code: str, message: str) -> None:
        if self.wire == "ec2":
            text = (
                f"<Response><Errors><Error><Code>{code}</Code><Message>{escape(message)}</Message></Error></Errors>"
                "<RequestID>r-1</RequestID></Response>"
            )
            self.send(status, text.encode(), "text/xml")
        else:
            kind = "application/x-amz-json-1.1" if self.wire == "json" else "application/json"
            self.send(status, json.dumps({"__type": code, "message": message}).encode(), kind)

    def do_GET(self) -> None:
        fake = self.server.fake
        path = urllib.parse.unquote(self.path)
        with fake._lock:
            fake.log.append((path, dict(self.headers)))
        fault = fake.next_fault(path)
        if fault is not None and fault(self, path):
            return
        if path in fake.streams:
            fake.streams[path](self)
            return
        if path not in fake.files:
            self.send(404, b"no such file", "text/plain")
            return
        body, headers = fake.files[path]
        start, status = 0, 200
        if self.headers.get("Range") and self.headers.get("If-Range") == headers.get("ETag", "none"):
            start, status = int(self.headers["Range"].removeprefix("bytes=").rstrip("-")), 206
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start:])

    def do_POST(self) -> None:
        fake = self.server.fake
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = self.headers.get("X-Amz-Target", "")
        request: dict[str, Any]
        if target:
            self.wire, call, request = "json", target.rpartition(".")[2], json.loads(body or b"{}")
        elif self.path != "/":
            self.wire, call, request = "rest", self.path.lstrip("/"), json.loads(body or b"{}")
        else:
            fields = dict(urllib.parse.parse_qsl(body.decode()))
            self.wire, call, request = "ec2", fields["Action"], fields
        with fake._lock:
            fake.log.append((call, request))
        if fake.latency:
            time.sleep(fake.latency)
        if not self.signed(body):
            return
        fault = fake.next_fault(call)
        if fault is not None and fault(self, call):
            return
        if call not in fake.answers:
            self.refuse(400, "UnknownOperationException", call)
            return
        answer = fake.answers[call](request)
        if self.wire == "ec2":
            self.send(200, _ec2_xml(call, answer), "text/xml")
        else:
            kind = "application/x-amz-json-1.1" if self.wire == "json" else "application/json"
            self.send(200, json.dumps(answer).encode(), kind)

    def signed(self, body: bytes) -> bool:
        """Recompute the signature from the request as it came; refuse as AWS does when it is not the same."""
        try:
            algorithm, _, rest = self.headers["Authorization"].partition(" ")
            parts = dict(part.strip().split("=", 1) for part in rest.split(","))
            key, day, region, service, end = parts["Credential"].split("/")
            when = datetime.strptime(self.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except (KeyError, ValueError, TypeError, AttributeError):
            self.refuse(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
            return False
        names = parts["SignedHeaders"].split(";")
        url = urllib.parse.urlsplit(self.path)
        canonical = "\n".join(
            (
                "POST",
                url.path,
                url.query,
                *(f"{n}:{' '.join(self.headers.get(n, '').split())}" for n in names),
                "",
                parts["SignedHeaders"],
                hashlib.sha256(body).hexdigest(),
            )
        )
        text = "\n".join(
            (
                algorithm,
                self.headers["X-Amz-Date"],
                f"{day}/{region}/{service}/{end}",
                hashlib.sha256(canonical.encode()).hexdigest(),
            )
        )
        signing = ("AWS4" + (SECRET if key == KEY else "")).encode()
        for word in (day, region, service, end, text):
            signing = hmac.new(signing, word.encode(), hashlib.sha256).digest()
        ec2 = self.wire == "ec2"
        if key != KEY:
            self.refuse(403, "AuthFailure" if ec2 else "UnrecognizedClientException", "no such key")
        elif not hmac.compare_digest(signing.hex(), parts["Signature"]):
            message = "The request signature we calculated does not match the signature you provided."
            self.refuse(401 if ec2 else 403, "AuthFailure" if ec2 else "InvalidSignatureException", message)
        elif self.headers.get("X-Amz-Security-Token", "") in self.server.fake.expired_tokens:
            message = "The security token included in the request is expired"
            self.refuse(400, "RequestExpired" if ec2 else "ExpiredTokenException", message)
        elif abs(datetime.now(UTC) + self.server.fake.clock_offset - when) > LONGEST_SKEW:
            message = f"Signature expired: {self.headers['X-Amz-Date']} is now earlier than 5 min ago"
            self.refuse(400 if ec2 else 403, "RequestExpired" if ec2 else "InvalidSignatureException", message)
        else:
            return True
        return False


def _ec2_xml(call: str, answer: dict[str, Any]) -> bytes:
    """Write `answer` by the shapes of botocore's own EC2 model."""
    import botocore.session

    global _model
    if _model is None:
        _model = botocore.session.get_session().get_service_model("ec2")
    shape = _model.operation_model(call).output_shape
    return f"<{call}Response><requestId>r-1</requestId>{_xml(shape, answer)}</{call}Response>".encode()


_model: Any = None


def _xml(shape: Any, value: Any) -> str:
    if shape.type_name == "structure":
        text = ""
        for name, member in shape.members.items():
            if name in value:
                tag = member.serialization.get("name", name)
                text += f"<{tag}>{_xml(member, value[name])}</{tag}>"
        return text
    if shape.type_name == "list":
        tag = shape.member.serialization.get("name", "item")
        return "".join(f"<{tag}>{_xml(shape.member, item)}</{tag}>" for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape(str(value))


# -- faults -------------------------------------------------------------------------------------------------------


def error(status: int, code: str, message: str = "") -> Fault:
    def fault(handler: Handler, call: str) -> bool:
        handler.refuse(status, code, message or code)
        return True

    return fault


def throttled(handler: Handler, call: str) -> bool:
    if handler.wire == "ec2":
        handler.refuse(503, "RequestLimitExceeded", "Request limit exceeded.")
    else:
        handler.refuse(400, "ThrottlingException", "Rate exceeded")
    return True


def unavailable(handler: Handler, call: str) -> bool:
    handler.send(503, b"<html>Service Unavailable</html>", "text/html")
    return True


def stalls(seconds: float, body: bytes = b'{"PriceList": [', claim: int = 10_000) -> Fault:
    """Send the beginning of an answer, then nothing for longer than the client waits."""

    def fault(handler: Handler, call: str) -> bool:
        handler.send(200, body, "application/x-amz-json-1.1", claim)
        handler.wfile.flush()
        time.sleep(seconds)
        handler.close_connection = True
        return True

    return fault


def truncated(body: bytes, claim: int | None = None) -> Fault:
    """Send a body cut short: with an honest Content-Length, or (claim) with the whole one's and a closed connection."""

    def fault(handler: Handler, call: str) -> bool:
        kind = {"json": "application/x-amz-json-1.1", "rest": "application/json", "ec2": "text/xml"}[handler.wire]
        handler.send(200, body, kind, claim)
        handler.close_connection = True
        return True

    return fault


def passes(handler: Handler, call: str) -> bool:
    """No fault: lets one request through, so that the next one in the queue hits the second page."""
    return False
