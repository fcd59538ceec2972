"""A stand-in for Tencent Cloud's API 3.0 endpoints that recomputes the TC3-HMAC-SHA256 signature of every request."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from typing import Any

from tests.providers.fake_http import FakeCloud, Reply

KEY_ID, SECRET = "AKIDplannerTestKey0001", "a-secret-for-tests-only"
AUTHORIZATION = re.compile(
    r"^TC3-HMAC-SHA256 Credential=([^/]+)/(\d{4}-\d\d-\d\d)/(\w+)/tc3_request, "
    r"SignedHeaders=([\w;-]+), Signature=([0-9a-f]{64})$"
)


def error(code: str, message: str = "") -> Reply:
    """Tencent answers its errors with HTTP 200."""
    return 200, {"Response": {"Error": {"Code": code, "Message": message or code}, "RequestId": "R-1"}}, {}


class FakeTencentcloud(FakeCloud):
    # With "; charset=..." behind it the SDK would not look for errors in the answer.
    content_type = "application/json"

    def __init__(self, answers: dict[str, Any], keys: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(answers, keys or {KEY_ID: SECRET}, **more)
        self.clock_skew = 0.0

    def question(self, path: str, headers: dict[str, str], body: bytes) -> tuple[str, dict[str, Any]]:
        asked = json.loads(body or b"{}")
        return headers.get("x-tc-action", ""), asked | {"_region": headers.get("x-tc-region")}

    def refuse(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply | None:
        found = AUTHORIZATION.match(headers.get("authorization", ""))
        if not found:
            return error("AuthFailure.InvalidAuthorization")
        key_id, date, service, signed, signature = found.groups()
        if key_id not in self.keys:
            return error("AuthFailure.SecretIdNotFound", f"The SecretId {key_id} is not found.")
        lines = "".join(f"{name}:{headers.get(name, '').lower()}\n" for name in signed.split(";"))
        request = "\n".join([method, "/", "", lines, signed, hashlib.sha256(body).hexdigest()])
        stamp = headers.get("x-tc-timestamp", "0")
        scope = f"{date}/{service}/tc3_request"
        to_sign = "\n".join(["TC3-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
        key = ("TC3" + self.keys[key_id]).encode()
        for word in (date, service, "tc3_request"):
            key = hmac.new(key, word.encode(), hashlib.sha256).digest()
        expected = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, signature):
            return error(
                "AuthFailure.SignatureFailure", f"The provided credentials of {key_id} could not be validated."
            )
        if abs(time.time() - int(stamp) + self.clock_skew) > 300:
            return error("AuthFailure.SignatureExpire", "The difference between server and client time is too large.")
        token = headers.get("x-tc-token")
        if token is not None and token not in self.tokens:
            return error("AuthFailure.TokenFailure", "The token is expired.")
        return None

    def wrap(self, answer: Any) -> Any:
        return {"Response": {**answer, "RequestId": "R-1"}}

    def no_such_call(self, call: str) -> Reply:
        return error("InvalidAction", f"The action {call} does not exist.")

    def throttle(self) -> Reply:
        return error("RequestLimitExceeded", "Your current request times exceed the limit in a second.")


def use_keys(monkeypatch: Any, key_id: str = KEY_ID, secret: str = SECRET) -> None:
    monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", key_id)
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", secret)
