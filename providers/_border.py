"""Where a cloud's answer comes in: floats become Decimals, what cannot be trusted becomes a `FetchError`, nothing
secret goes on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from planner.errors import FetchError, MisuseError, scrubbed
from planner.money import plain
from planner.records import NamedTuple
from providers._http import UnsafeAnswerError

__all__ = [
    "RETRIED",
    "Failure",
    "RefusedError",
    "clean",
    "failure_of",
    "host_only",
    "mapping",
    "mappings",
    "network_reason",
    "number",
    "price",
    "questions",
    "raw_text",
    "refusal",
    "resolve_quickly",
    "text",
]

#: Fields of an answer that say something about the caller rather than about prices: kept out of `--keep-raw`.
_CALLER_FIELDS = frozenset({"accountid", "appid", "hostid", "ownerid", "owneruin", "sourceip", "uin", "userid"})
_KEY_LIKE = re.compile(r"\b(LTAI|STS\.|AKID|AKIA)[A-Za-z0-9]{6,}")


class Failure(NamedTuple):
    """Why a call failed. kind: see `refusal`. code: the cloud's word. detail: its message. wait: seconds it wishes."""

    kind: str
    code: str
    detail: str
    wait: float = 0.0


#: Kinds of failure that may be over at the next try.
RETRIED = frozenset({"throttled", "server", "network"})


class RefusedError(FetchError):
    """The cloud said no. `failure` says why; kind "other" means that it understood, and has nothing of the sort."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure, self.code = failure, failure.code


def questions(looks: Iterable[tuple[str, Callable[[], str]]]) -> Iterator[tuple[str, bool, str]]:
    """Ask each of (call, look) in turn and yield (call, ok, what was seen, or why not), as a self-check does."""
    for call, look in looks:
        try:
            yield call, True, look()
        except FetchError as error:
            yield call, False, str(error)


def number(value: object, what: str) -> Decimal:
    """Return `value` as a Decimal; raise `FetchError` naming `what` when it is missing or not a finite number.

    A float goes through its shortest text, which is what stood on the wire for anything below 15 digits.
    """
    if value is None:
        raise FetchError(f"{what} is missing from the answer; the API may have changed: look at it with --keep-raw DIR")
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
            raise InvalidOperation
        result = Decimal(str(value).strip())
        if not result.is_finite():
            raise InvalidOperation
    except InvalidOperation:
        raise FetchError(f"{what} is {clean(repr(value), 60)}, which is not a number") from None
    return Decimal(plain(result))


def price(value: object, what: str) -> Decimal:
    """Return `value` as a price above zero; zero or less raises `FetchError`, for nothing here is given away."""
    amount = number(value, what)
    if amount <= 0:
        raise FetchError(
            f"{what} is {plain(amount)} where a price is expected; look at it with --keep-raw DIR, and report it"
        )
    return amount


def text(value: object, what: str) -> str:
    """Return `value` as a non-empty string, or raise `FetchError` naming `what`."""
    if not isinstance(value, str) or not value.strip():
        raise FetchError(f"{what} is missing from the answer; the API may have changed: look at it with --keep-raw DIR")
    return value.strip()


def mapping(value: object, what: str) -> Mapping[str, Any]:
    """Return `value` where it is an object, {} for none; anything else raises `FetchError` naming `what`."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise FetchError(f"{what} is {clean(repr(value), 60)}, which is not an object; look at it with --keep-raw DIR")
    return value


def mappings(value: object, what: str) -> list[Mapping[str, Any]]:
    """Return `value` where it is a list of objects, [] for none; anything else raises `FetchError` naming `what`."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise FetchError(f"{what} is {clean(repr(value), 60)}, which is not a list; look at it with --keep-raw DIR")
    return [mapping(one if one is not None else "null", f"{what}[{number}]") for number, one in enumerate(value)]


def clean(message: str, limit: int = 200) -> str:
    """Return `message` in one printable line of at most `limit` characters, with passwords and anything like a key id hidden."""
    line = " ".join("".join(char if char.isprintable() else " " for char in message).split())
    line = scrubbed(line)
    line = _KEY_LIKE.sub(r"\1...", line)
    return line if len(line) <= limit else line[: limit - 3] + "..."


def host_only(endpoint: str, provider: str) -> str:
    """Return `endpoint`, or raise `MisuseError` when it has a path: these SDKs would drop it without a word."""
    path = endpoint.partition("://")[2].partition("/")[2]
    if path:
        raise MisuseError(
            f"--endpoint {provider}={clean(endpoint)}: a path is not supported here; use https://HOST[:PORT]"
        )
    return endpoint


def network_reason(message: str) -> str:
    """Return what went wrong on the way, in the fewest words: SDKs wrap it in object names and whole URLs."""
    for word in (
        "Connection refused",
        "timed out",
        "Name or service not known",
        "Connection aborted",
        "Connection reset",
        "certificate verify failed",
        "Temporary failure in name resolution",
    ):
        if word in message:
            return word.lower()
    return clean(message, 120)


def raw_text(answer: object) -> str:
    """Return `answer` as JSON for the user's audit folder, without the fields that describe the caller."""

    def scrub(part: object) -> object:
        if isinstance(part, Mapping):
            return {key: scrub(value) for key, value in part.items() if str(key).lower() not in _CALLER_FIELDS}
        if isinstance(part, (list, tuple)):
            return [scrub(item) for item in part]
        return part

    return scrubbed(json.dumps(scrub(answer), ensure_ascii=False, indent=1, sort_keys=True, default=str)) + "\n"


def refusal(failure: Failure, *, who: str, call: str, host: str, tries: int, permission: str, docs: str) -> FetchError:
    """Return the one line a user sees when a call failed: what, where, and what to do next."""
    kind, code, detail, _ = failure
    said = f" ({code})" if code else ""
    if kind == "throttled":
        why = (
            f"{call} was throttled{said} {tries} times; try again in some minutes, or ask for less at once "
            "(--region, --family)"
        )
    elif kind == "server":
        why = f"{call} failed on the cloud's side{said} {tries} times; try again later"
    elif kind == "network":
        why = f"{call}: {host} could not be reached or broke off {tries} times: {detail}; check network and proxy"
    elif kind == "unsafe":
        why = f"{call}: {detail}"
    elif kind == "answer":
        why = f"{call} answered what is not the JSON expected: {detail}; check the endpoint and any proxy on the way"
    elif kind == "credentials":
        why = f"{call}: the credentials were refused{said}; check the access key's id and secret"
    elif kind == "expired":
        why = f"{call}: the temporary credentials have expired{said}; get new ones and try again"
    elif kind == "clock":
        why = f"{call}: this computer's clock differs too much from the cloud's{said}; set the clock and try again"
    elif kind == "permission":
        why = f"{call}: not allowed for these credentials{said}; grant {permission} ({docs} has a policy to paste)"
    else:
        why = f"{call} was refused{said}: {detail}"
    return FetchError(f"{who}: {why}")


def failure_of(error: UnsafeAnswerError) -> Failure:
    """Return what a refusal of ours means: by HTTP's status, where that was the reason, whatever the body says."""
    status = error.status
    kind = "throttled" if status == 429 else "server" if status >= 500 else "unsafe"
    return Failure(kind, "", clean(str(error), 300))


def resolve_quickly(find: Callable[[], Any], seconds: float) -> Any:
    """Return what `find` returns; raise `TimeoutError` after `seconds`.

    SDKs look for credentials at a metadata address last, and away from their cloud that may hang for minutes: so the
    chain runs in a daemon thread that is left behind when it takes too long.
    """
    import threading

    box: list[Any] = []
    failed: list[Exception] = []

    def run() -> None:
        try:
            box.append(find())
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True, name="credentials")
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not box:
        raise TimeoutError(f"no answer within {seconds:g} s")
    return box[0]
