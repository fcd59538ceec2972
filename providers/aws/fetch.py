"""Ask AWS, thinly: clients, pages, threads and errors; what the answers mean is `parse`'s business."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
)
from botocore.exceptions import ConnectionError as NoConnection

from planner.addresses import loopback
from planner.errors import FetchError
from planner.provider import Access, checked_endpoint
from providers._border import clean
from providers._http import Bound, UnsafeAnswerError, read_bounded, refuse_redirect
from providers._items import Items
from providers.aws import terms
from providers.aws.parse import check_key

__all__ = ["Aws", "credentials_hint", "explain"]

CONNECT_SECONDS = 5
READ_SECONDS = 30
#: Counts the first try. Botocore's standard mode waits a random part of min(20 s, 2^n), and only after throttling,
#: 5xx and network errors.
TRIES = 5

_creating = threading.Lock()  # creating clients is not thread-safe in boto3; using them is
_loader: list[Any] = []  # parsing the EC2 model costs 150 ms: once per process, not once per region

_SLOWER = "wait a minute, or ask for fewer regions at once"
_REFUSED = frozenset(
    "AuthFailure InvalidSignatureException InvalidClientTokenId InvalidAccessKeyId SignatureDoesNotMatch "
    "UnrecognizedClientException MissingAuthenticationTokenException IncompleteSignature InvalidAuthenticationToken "
    "OptInRequired".split()
)
_EXPIRED = frozenset("ExpiredToken ExpiredTokenException RequestExpired TokenRefreshRequired".split())
_DENIED = frozenset("AccessDenied AccessDeniedException UnauthorizedOperation NotAuthorized".split())
_THROTTLED = frozenset(
    "Throttling ThrottlingException RequestLimitExceeded TooManyRequestsException RequestThrottled "
    "ProvisionedThroughputExceededException EC2ThrottledException PriorRequestNotComplete".split()
)


def credentials_hint() -> str | None:
    """Return None if the SDK's chain finds credentials, else a sentence; waits a second or two for a role."""
    session = botocore.session.get_session()
    session.set_config_variable("metadata_service_timeout", 1)  # whole seconds only
    session.set_config_variable("metadata_service_num_attempts", 1)
    try:
        found = session.get_credentials()
    except PartialCredentialsError as exc:
        return f"AWS credentials are incomplete: {clean(str(exc))}"
    except BotoCoreError as exc:
        return f"AWS credentials cannot be used: {clean(str(exc))}"
    if found is not None:
        return None
    return (
        "no AWS credentials found: neither in the environment (AWS_ACCESS_KEY_ID, AWS_PROFILE) nor in ~/.aws (run "
        "`aws configure` or `aws sso login`), nor a role of this machine"
    )


class _ThrottledError(HTTPClientError):  # type: ignore[misc]  # botocore has no types
    """HTTP 429, whatever is in it: botocore looks for its own words in an answer, not at its status."""

    fmt = "HTTP 429"


@lru_cache
def _never_redirected(pool: Any) -> Any:
    def urlopen(self: Any, *args: Any, **options: Any) -> Any:
        return pool.urlopen(self, *args, **{**options, "redirect": False})

    return type(pool.__name__, (pool,), {"urlopen": urlopen})


class _Bounded:
    """What stands between a client and botocore's HTTP session: the answer is read here, within bounds."""

    def __init__(self, session: Any, bound: Bound) -> None:
        self._session, self._bound = session, bound
        # urllib3 takes a question apart for a 303 before it is told not to follow one.
        pools = session._pool_classes_by_scheme
        pools.update({scheme: _never_redirected(pool) for scheme, pool in pools.items()})

    def send(self, request: Any) -> Any:
        import urllib3

        host = urlsplit(request.url).netloc
        self._bound.check(host)
        request.stream_output = True
        answer = self._session.send(request)
        try:
            refuse_redirect(answer.status_code, answer.headers.get("location", ""), host)
            answer._content = read_bounded(answer.raw, host, self._bound)
        except urllib3.exceptions.ReadTimeoutError as exc:
            raise ReadTimeoutError(endpoint_url=request.url, error=exc) from exc
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            raise ConnectionClosedError(error=exc, request=request, endpoint_url=request.url) from exc
        finally:
            answer.raw.release_conn() if answer._content is not None else answer.raw.close()
        if answer.status_code == 429:
            raise _ThrottledError()
        return answer

    def close(self) -> None:
        self._session.close()


class Aws:
    """One region's clients. Every method returns plain dicts and raises `FetchError` for whatever goes wrong."""

    def __init__(self, region: str, access: Access) -> None:
        self.region = region
        self.partition = terms.partition_of(region)
        self._access = access
        self._clients: dict[str, Any] = {}
        self._endpoint = checked_endpoint(access.endpoint, "aws") if access.endpoint else None
        self._bound = Bound()
        #: What of the region could be read.
        self.read = Items()

    def pages(self, service: str, operation: str, **request: Any) -> Iterator[Mapping[str, Any]]:
        """Yield the whole pages of a call, each also handed to `keep_raw`."""
        call = f"{service} {operation}"
        client = self._client(service)
        method = "".join("_" + c.lower() if c.isupper() else c for c in operation).lstrip("_")
        number = 0
        token_in, token_out = ("nextToken", "nextToken") if service == "savingsplans" else ("NextToken", "NextToken")
        seen: set[str] = set()
        while True:
            try:
                answer = getattr(client, method)(**request)
            except Exception as exc:  # the SDK's own errors and, beneath them, urllib3's and the XML parser's
                raise explain(exc, self.region, call) from exc
            number += 1
            self._keep(f"{service}-{operation}", number, request, answer)
            yield answer
            token = answer.get(token_out)
            if not token:
                return
            if token in seen:
                raise FetchError(f"aws {self.region}: {call}: page {number} points back to an earlier page")
            seen.add(token)
            request = {**request, token_in: token}

    def items(self, service: str, operation: str, key: str, where: Any, **request: Any) -> list[Any]:
        """Return what all pages hold under `key`."""
        found: list[Any] = []
        for page in self.pages(service, operation, **request):
            found += check_key(page, key, where)
        return found

    def open(self, *services: str) -> None:
        """Create these clients now, before several threads use them."""
        for service in services:
            self._client(service)

    def _client(self, service: str) -> Any:
        if service in self._clients:
            return self._clients[service]
        region = {"pricing": self.partition.pricing_region, "savingsplans": self.partition.plans_region}.get(
            service, self.region
        )
        config = Config(
            retries={"mode": "standard", "total_max_attempts": TRIES},
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            max_pool_connections=8,
            user_agent_extra="gpu-cost-planner",
            # {} is botocore's word for "no proxy, whatever the environment says"; None lets it look there.
            proxies={} if self._endpoint and loopback(urlsplit(self._endpoint).hostname or "") else None,
        )
        with _creating:
            core = botocore.session.get_session()
            if not _loader:
                _loader.append(core.get_component("data_loader"))
            core.register_component("data_loader", _loader[0])
            try:
                session = boto3.Session(botocore_session=core)
                client = session.client(service, region_name=region, endpoint_url=self._endpoint, config=config)
                client._endpoint.http_session = _Bounded(client._endpoint.http_session, self._bound)
            except Exception as exc:
                raise explain(exc, self.region, service) from exc
        self._clients[service] = client
        return client

    def _keep(self, call: str, number: int, request: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        if self._access.keep_raw is None:
            return
        body = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
        text = json.dumps({"request": request, "answer": body}, default=str, indent=1, sort_keys=True)
        part = request.get("ServiceCode") or request.get("InstanceType") or ""
        self._access.keep_raw("-".join(filter(None, ("aws", self.region, call, part, f"{number:03}"))) + ".json", text)


def explain(exc: Exception, region: str, call: str) -> FetchError:
    """Return the error a user should see: what failed, where, and what to do; never a key or a signature."""
    head = f"aws {region}: {call}: "
    if isinstance(exc, UnsafeAnswerError):
        return UnsafeAnswerError(head + str(exc))
    if isinstance(exc, FetchError):
        return exc
    if isinstance(exc, NoCredentialsError):
        return FetchError(head + "no AWS credentials found; run `aws configure` or `aws sso login`, or use --public")
    if isinstance(exc, ClientError):
        return FetchError(head + _refusal(exc))
    if isinstance(exc, _ThrottledError):
        return FetchError(f"{head}HTTP 429: still throttled after {TRIES} tries; {_SLOWER}")
    if isinstance(exc, (NoConnection, HTTPClientError)):
        return FetchError(
            f"{head}{_network_word(exc)} after {TRIES} tries; check the network, the proxy and the region's name"
        )
    if isinstance(exc, BotoCoreError):
        text = str(exc).split("\n", 1)[0]
        if type(exc).__name__ in ("ResponseParserError",):
            return FetchError(head + "the answer is cut off or not AWS's; try again")
        return FetchError(head + f"{type(exc).__name__}: {clean(text)}")
    if type(exc).__name__ in ("ResponseParserError", "IncompleteRead", "ProtocolError"):
        return FetchError(head + "the answer is cut off or not AWS's; try again")
    raise exc


def _network_word(exc: Exception) -> str:
    name = type(exc).__name__
    return {
        "EndpointConnectionError": "no connection",
        "ConnectTimeoutError": f"no connection within {CONNECT_SECONDS} s",
        "ReadTimeoutError": f"no whole answer within {READ_SECONDS} s",
        "ConnectionClosedError": "the connection was closed",
        "SSLError": "the TLS certificate is not trusted",
        "ProxyConnectionError": "the proxy does not answer",
    }.get(name, f"network error ({name})")


def _refusal(exc: ClientError) -> str:
    code = str(exc.response.get("Error", {}).get("Code", ""))
    message = str(exc.response.get("Error", {}).get("Message", "")).split("\n", 1)[0]
    status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if "Signature expired" in message or "Signature not yet current" in message or code == "RequestTimeTooSkewed":
        return f"{code}: this computer's clock is off by more than five minutes; set it right and try again"
    if code in _EXPIRED or "security token included in the request is expired" in message:
        return f"{code}: the session has expired; sign in again (`aws sso login`, or renew the session token)"
    if code in _REFUSED:
        return f"{code}: AWS refuses these credentials; check the access key, its secret, and that they are of this partition"
    if code in _DENIED:
        return f"{code}: the credentials lack this permission; add it (docs/providers/aws.md has the policy)"
    if code in _THROTTLED:
        return f"{code}: still throttled after {TRIES} tries; {_SLOWER}"
    if status >= 500:
        return f"HTTP {status} after {TRIES} tries: AWS cannot answer now; try again later"
    return f"{code or f'HTTP {status}'}: {clean(message) or 'refused without a reason'}"
