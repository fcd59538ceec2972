"""One question to Tencent Cloud and its answer as a dict: signed by the official SDK, paced, retried, kept for audit."""

from __future__ import annotations

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
from providers._session import guarded, unsafe_in, within
from providers._together import together
from providers.tencentcloud import terms

if TYPE_CHECKING:
    from providers.tencentcloud import Tencentcloud

__all__ = ["Ask", "explain", "filters", "find_credentials", "shown", "source_of"]

T = TypeVar("T")

DOCS = "docs/providers/tencentcloud.md"


def find_credentials(seconds: float) -> tuple[Any, str | None]:
    """Return (credential, None) by the SDK's default chain, or (None, what was looked for)."""
    looked = (
        "no Tencent Cloud credentials found: looked at TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY, "
        "~/.tencentcloud/credentials, /etc/tencentcloud/credentials, the CVM role and the TKE identity"
    )

    def find() -> Any:
        from tencentcloud.common.credential import DefaultCredentialProvider

        found = DefaultCredentialProvider().get_credentials()
        if not found.get_credential_info()[0]:
            raise LookupError("empty")
        return found

    try:
        return resolve_quickly(find, seconds), None
    except Exception:  # the SDK's own texts name files and hosts of this machine: ours is enough
        return None, looked


class Ask:
    """One region's questions: signed by the SDK, paced, retried, kept for audit; the answer is a dict."""

    def __init__(self, adapter: Tencentcloud, region: str, access: Access) -> None:
        from tencentcloud.common.profile.client_profile import ClientProfile
        from tencentcloud.common.profile.http_profile import HttpProfile
        from tencentcloud.cvm.v20170312.cvm_client import CvmClient

        self.adapter, self.region, self.access = adapter, region, access
        self.sleep = time.sleep if access.sleep is None else access.sleep
        self.who = f"tencentcloud {region}"
        endpoint = (
            host_only(checked_endpoint(access.endpoint, "tencentcloud"), "tencentcloud") if access.endpoint else ""
        )
        credential, missing = find_credentials(adapter.credentials_timeout)
        if missing:
            raise FetchError(f"{self.who}: {missing}")
        parts = urlsplit(endpoint)
        self.site = terms.site_of_host(parts.hostname or "") or adapter.site
        self.host = parts.netloc or terms.host_of(self.site, region)
        http = HttpProfile(
            protocol=parts.scheme or "https", endpoint=self.host, reqTimeout=adapter.timeout, keepAlive=True
        )
        self.client = CvmClient(credential, region, ClientProfile(httpProfile=http, language="en-US"))
        self._bound = Bound()
        connection: Any = getattr(self.client.request, "conn", None)
        if not hasattr(connection, "_session"):
            raise FetchError(
                f"{self.who}: this version of Tencent's SDK makes its connections in another way, which could follow a "
                "redirect with your session token; install the versions in constraints.txt"
            )
        connection._session = guarded(self.host, only_ok=True)

    def __call__(self, call: str, asked: dict[str, Any], tag: str = "") -> dict[str, Any]:
        """Return `call`'s answer in the API's own names; raise `FetchError` when there is none."""

        def ask() -> dict[str, Any]:
            self.adapter.pace(call, self.region).wait(self.sleep)
            with within(self._bound):
                found = self.client.call_json(call, asked)
            answer = found.get("Response") if isinstance(found, dict) else None
            if not isinstance(answer, dict):
                raise ValueError("no Response in it")
            if "Error" in answer:  # the SDK looks for it only behind some content types
                raise _error_of(answer["Error"])
            return answer

        try:
            answer = retry(ask, _wish, sleep=self.sleep, random=self.adapter.random)
        except Exception as error:
            failure = explain(error)
            raise RefusedError(
                failure,
                str(
                    refusal(
                        failure,
                        who=self.who,
                        call=f"{call}{shown(asked)}",
                        host=self.host,
                        tries=TRIES,
                        permission=terms.PERMISSIONS.get(call, call),
                        docs=DOCS,
                    )
                ),
            ) from None
        if self.access.keep_raw:
            name = "-".join(filter(None, ("tencentcloud", self.region, call, tag)))
            self.access.keep_raw(f"{name}.json", raw_text(answer))
        return answer

    def together(self, work: Callable[[Any], T], items: Sequence[Any]) -> list[T]:
        """Return `work` of each of `items`, in their order."""
        return together(work, items, self.adapter.workers, f"tencentcloud-{self.region}")


def _error_of(error: Any) -> Exception:
    from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

    found: Exception = TencentCloudSDKException(str(error.get("Code")), str(error.get("Message")))
    return found


def _wish(error: Exception) -> float | None:
    return 0.0 if explain(error).kind in RETRIED else None


def explain(error: Exception) -> Failure:
    """Return what an error of the SDK means."""
    from requests.exceptions import JSONDecodeError, RequestException

    unsafe = unsafe_in(error)
    if unsafe is not None:
        return failure_of(unsafe)
    code = getattr(error, "code", None)
    message = getattr(error, "message", None) or str(error)
    if isinstance(message, bytes):
        message = message.decode("utf-8", "replace")
    full = str(message)
    message = clean(full)
    if isinstance(code, str) and code:
        fitting = [word for word in terms.FAILURES if code.startswith(word)]
        kind = terms.FAILURES[max(fitting, key=len)] if fitting else "other"
        # Our own codes for what never was an answer; the cloud has no word for it.
        shown = "" if code in ("ClientNetworkError", "ServerNetworkError") else code
        return Failure(kind, shown, network_reason(full) if kind == "network" else message)
    if isinstance(error, RequestException) and not isinstance(error, JSONDecodeError):
        return Failure(
            "network", "", network_reason(full)
        )  # raised while the body is read, outside of the SDK's own net
    if isinstance(error, ValueError):  # JSON that does not parse, or a Response that is not there
        return Failure("answer", "", "its text does not parse")
    return Failure("answer", "", clean(f"{type(error).__name__}: {message}", 120))


def shown(asked: dict[str, Any]) -> str:
    """Return the question in brackets, as an error prints it."""
    parts = []
    for key in sorted(set(asked) - {"ImageId", "InternetAccessible"}):  # the same in every question
        if key == "Filters":
            parts += [f"{one['Name']}={','.join(one['Values'])}" for one in asked[key]]
        elif isinstance(asked[key], dict):
            parts += [f"{name}={value}" for name, value in asked[key].items()]
        else:
            parts.append(f"{key}={asked[key]}")
    return f"[{', '.join(parts)}]" if parts else ""


def filters(**values: Sequence[str]) -> dict[str, Any]:
    return {"Filters": [{"Name": name.replace("_", "-"), "Values": list(found)} for name, found in values.items()]}


def source_of(call: str, ask: Ask) -> str:
    return f"Tencent Cloud {call} at {ask.host}, {ask.region}"
