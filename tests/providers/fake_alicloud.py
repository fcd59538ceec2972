"""A stand-in for Alibaba Cloud's RPC endpoints that recomputes the ACS3-HMAC-SHA256 signature of every request."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from tests.providers.fake_http import FakeCloud, Reply

KEY_ID, SECRET = "LTAI5tPlannerTestKey0001", "a-secret-for-tests-only"
AUTHORIZATION = re.compile(r"^ACS3-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$")


def error(status: int, code: str, message: str = "", **headers: str) -> Reply:
    return status, {"Code": code, "Message": message or code, "RequestId": "R-1"}, dict(headers)


class FakeAlicloud(FakeCloud):
    content_type = "application/json;charset=utf-8"

    def __init__(self, answers: dict[str, Any], keys: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(answers, keys or {KEY_ID: SECRET}, **more)
        self.clock_skew = 0.0

    def question(self, path: str, headers: dict[str, str], body: bytes) -> tuple[str, dict[str, Any]]:
        return headers.get("x-acs-action", ""), dict(parse_qsl(urlsplit(path).query, keep_blank_values=True))

    def refuse(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply | None:
        found = AUTHORIZATION.match(headers.get("authorization", ""))
        if not found:
            return error(400, "MissingAuthorization")
        key_id, signed, signature = found.groups()
        if key_id not in self.keys:
            return error(404, "InvalidAccessKeyId.NotFound", f"Specified access key is not found: {key_id}")
        if "x-acs-action" not in signed or "host" not in signed or "x-acs-date" not in signed:
            return error(400, "IncompleteSignature")
        if headers.get("x-acs-content-sha256") != hashlib.sha256(body).hexdigest():
            return error(400, "IncompleteSignature", "body hash")
        parts = urlsplit(path)
        pairs = sorted(parse_qsl(parts.query, keep_blank_values=True))
        query = "&".join(f"{quote(key, safe='-_.~')}={quote(value, safe='-_.~')}" for key, value in pairs)
        lines = "".join(f"{name}:{headers.get(name, '')}\n" for name in signed.split(";"))
        request = "\n".join([method, parts.path, query, lines, signed, headers["x-acs-content-sha256"]])
        to_sign = "ACS3-HMAC-SHA256\n" + hashlib.sha256(request.encode()).hexdigest()
        expected = hmac.new(self.keys[key_id].encode(), to_sign.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, signature):
            return error(
                400, "SignatureDoesNotMatch", f"Specified signature does not match our calculation for {key_id}"
            )
        asked_at = datetime.fromisoformat(headers["x-acs-date"])
        if abs((datetime.now(UTC) - asked_at).total_seconds() + self.clock_skew) > 900:
            return error(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
        token = headers.get("x-acs-security-token")
        if token is not None and token not in self.tokens:
            return error(400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")
        return None

    def no_such_call(self, call: str) -> Reply:
        return error(404, "InvalidAction.NotFound", f"Specified api is not found: {call}")

    def throttle(self) -> Reply:
        return error(429, "Throttling.User", "Request was denied due to user flow control.")


def use_keys(monkeypatch: Any, key_id: str = KEY_ID, secret: str = SECRET, token: str = "") -> None:
    """Put keys into the environment, and into the copy of it that the SDK took when it was imported."""
    from alibabacloud_credentials.utils import auth_util

    for name, word, value in (
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "environment_access_key_id", key_id),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "environment_access_key_secret", secret),
        ("ALIBABA_CLOUD_SECURITY_TOKEN", "environment_security_token", token),
        ("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "environment_ecs_metadata_disabled", "true"),
    ):
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(auth_util, word, value or None)
