"""One question to Alibaba Cloud and its answer as a dict: signed by the official SDK, paced, retried, kept for audit."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from planner.errors import FetchError
from planner.provider import Access, checked_endpoint
from providers._border import (
    RETRIED,
    Failure,
    RefusedError,
    clean,
    failure_of,
    host_only,
    network_reason,
    raw_text,
    refusal,
    resolve_quickly,
)
from providers._http import Bound
from providers._retry import TRIES, retry
from providers._session import guard_darabonba, last_answer, unsafe_in, within
from providers._together import together
from providers.alicloud import terms

if TYPE_CHECKING:
    from providers.alicloud import Alicloud

__all__ = ["Ask", "explain", "find_credentials", "shown", "source_of"]

T = TypeVar("T")

DOCS = "docs/providers/alicloud.md"


def find_credentials(seconds: float) -> tuple[Any, str | None]:
    """Return (credential client, None) by the SDK's default chain, or (None, what was looked for)."""
    looked = (
        "no Alibaba Cloud credentials found: looked at ALIBABA_CLOUD_ACCESS_KEY_ID and _SECRET, OIDC, the aliyun CLI's "
        "profile (~/.aliyun/config.json), ~/.alibabacloud/credentials and the ECS metadata address"
    )

    def find() -> Any:
        from alibabacloud_credentials.client import Client

        # The SDK prints the traceback of a metadata address that does not answer through a handler of its own.
        logging.getLogger("credentials").disabled = True
        guard_darabonba()
        client = Client()
        found = client.get_credential()
        if not found.access_key_id or not found.access_key_secret:
            raise LookupError("empty")
        return client

    try:
        return resolve_quickly(find, seconds), None
    except Exception:  # the SDK's own texts name files and hosts of this machine: ours is enough
        return None, looked


class Ask:
    """One region's questions: signed by the SDK, paced, retried, kept for audit; the answer is a dict."""

    def __init__(self, adapter: Alicloud, region: str, access: Access) -> None:
        self.adapter, self.region, self.access = adapter, region, access
        self.sleep = time.sleep if access.sleep is None else access.sleep
        self.who = f"alicloud {region}"
        self.endpoint = host_only(checked_endpoint(access.endpoint, "alicloud"), "alicloud") if access.endpoint else ""
        self.credential, missing = find_credentials(adapter.credentials_timeout)
        if missing:
            raise FetchError(f"{self.who}: {missing}")
        self._clients: dict[tuple[str, str], Any] = {}
        self._making = threading.Lock()
        self._bound = Bound()

    def client(self, kind: str, host: str) -> Any:
        """Return the SDK's client for `kind` ("ecs" or "bss"), made once: it costs more than a call."""
        with self._making:
            if (kind, host) not in self._clients:
                from alibabacloud_tea_openapi.models import Config

                if kind == "ecs":
                    from alibabacloud_ecs20140526.client import Client
                else:
                    from alibabacloud_bssopenapi20171214.client import Client
                parts = urlsplit(self.endpoint or f"https://{host}")
                self._clients[kind, host] = Client(
                    Config(
                        credential=self.credential,
                        region_id=self.region,
                        endpoint=parts.netloc,
                        protocol=parts.scheme,
                        connect_timeout=int(self.adapter.connect_timeout * 1000),
                        read_timeout=int(self.adapter.read_timeout * 1000),
                    )
                )
            return self._clients[kind, host]

    def __call__(self, call: str, host: str, request: Any, tag: str = "") -> dict[str, Any]:
        """Return `call`'s answer in the API's own names; raise `RefusedError` when the cloud says no, else `FetchError`."""
        from darabonba.runtime import RuntimeOptions

        client = self.client("bss" if call.startswith("Query") else "ecs", host)
        method = getattr(client, _snake(call) + "_with_options")

        def ask() -> dict[str, Any]:
            self.adapter.paces.wait(call, self.sleep)
            with within(self._bound):
                try:
                    answer: dict[str, Any] = method(request, RuntimeOptions()).body.to_map()
                except (AttributeError, TypeError, ValueError):
                    # Not of the shape of the SDK's models: as it came it goes on to `parse`, which names what is wrong.
                    found = last_answer()
                    if not found:
                        raise ValueError("an empty answer") from None
                    answer = dict(found)
            return answer

        try:
            answer = retry(
                ask,
                _wish,
                sleep=self.sleep,
                random=self.adapter.random,
            )
        except Exception as error:
            failure = explain(error)
            raise RefusedError(
                failure,
                str(
                    refusal(
                        failure,
                        who=self.who,
                        call=f"{call}{shown(request)}",
                        host=urlsplit(self.endpoint).netloc or host,
                        tries=TRIES,
                        permission=terms.PERMISSIONS.get(call, call),
                        docs=DOCS,
                    )
                ),
            ) from None
        if self.access.keep_raw:
            self.access.keep_raw(
                "-".join(filter(None, ("alicloud", self.region, call, tag))) + ".json", raw_text(answer)
            )
        return answer

    def ecs(self, call: str, request: Any, tag: str = "") -> dict[str, Any]:
        return self(call, terms.ecs_host(self.region), request, tag)

    def together(self, work: Callable[[Any], T], items: Sequence[Any]) -> list[T]:
        """Return `work` of each of `items`, in their order."""
        return together(work, items, self.adapter.workers, f"alicloud-{self.region}")


def explain(error: Exception) -> Failure:
    """Return what an error of the SDK means."""
    unsafe = unsafe_in(error)
    if unsafe is not None:
        return failure_of(unsafe)
    code = str(getattr(error, "code", "") or "")
    status = getattr(error, "status_code", None)
    full = str(getattr(error, "message", "") or error)
    message = clean(full)
    if code and code != "None":
        fitting = [word for word in terms.FAILURES if code.startswith(word)]
        kind = terms.FAILURES[max(fitting, key=len)] if fitting else "other"
        if kind == "other" and isinstance(status, int) and status >= 500:
            kind = "server"
        if kind == "other" and status == 429:
            kind = "throttled"
        wait = getattr(error, "retry_after", None)
        return Failure(kind, code, message, float(wait) / 1000 if kind == "throttled" and wait else 0.0)
    if isinstance(status, int) and (status >= 500 or status == 429):
        return Failure("throttled" if status == 429 else "server", str(status), message)
    inner = getattr(error, "inner_exception", None)
    if isinstance(inner, Exception):
        return explain(inner)
    if type(error).__name__ == "RetryError" or isinstance(error, (ConnectionError, TimeoutError)):
        return Failure("network", "", network_reason(full))
    if type(error).__name__ == "CredentialException":
        return Failure("credentials", "", "the credential chain gave nothing")
    if "parse the value as json" in message and 'Value: "<' in message:
        # The SDK hides the status of an answer that is not JSON; a page of HTML is a gateway's 502, 503 or 504.
        return Failure("server", "an HTML page instead of JSON", message)
    if "parse the value as json" in message:
        return Failure("answer", "", "its text does not parse")
    name = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
    return Failure("answer", "", clean(name + message, 120))


def _wish(error: Exception) -> float | None:
    failure = explain(error)
    return failure.wait if failure.kind in RETRIED else None


def _snake(call: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in call).lstrip("_")


#: The same in every question, so they say nothing in an error.
_USUAL = frozenset({"Amount", "InstanceNetworkType", "IoOptimized", "Locale", "ModuleCode", "NetworkType", "OSType"})


def shown(request: Any) -> str:
    """Return the question in brackets, as an error prints it."""
    asked = request.to_map()
    return (
        "["
        + ", ".join(f"{key}={_flat(asked[key])}" for key in sorted(asked) if asked[key] != [] and key not in _USUAL)
        + "]"
    )


def _flat(value: object) -> str:
    return str(value.get("Category", "?")) if isinstance(value, dict) else str(value)


def source_of(call: str, ask: Ask, host: str = "") -> str:
    return (
        f"Alibaba Cloud {call} at {urlsplit(ask.endpoint).netloc or host or terms.ecs_host(ask.region)}, {ask.region}"
    )
