"""The one comment on a pull request (GitHub) or merge request (GitLab): made once, found again by its hidden marker, updated after.

What the forge tells of itself comes as its own CI variables; the token comes from the environment alone, goes to the forge's own host and
to no other, and no redirection is followed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from planner.addresses import loopback, proxy_for
from planner.errors import FetchError, MisuseError
from planner.files import read_text
from planner.records import NamedTuple

__all__ = ["FORGES", "Forge", "Refused", "base_of", "comment", "forge_of"]

FORGES = ("github", "gitlab")
SECONDS, TRIES, PAGES = 30.0, 3, 100
MOST_BYTES = 16 << 20
_BOT = "Bot"


class Refused(FetchError):
    """The token may not write a comment, as that of a fork's pull request may not."""


class Forge(NamedTuple):
    """Where the comment goes. comments: the path of the request's comments; one: that of one of them, {id} its number. number: "" where there
    is no pull request. fork: whether the change comes from another repository. summary: the job's own page, a file."""

    kind: str
    api: str
    comments: str
    one: str
    number: str
    token: str
    fork: bool = False
    summary: str = ""


def forge_of(kind: str, environ: Mapping[str, str]) -> Forge:
    """Return where to comment, from the CI's variables; raise `MisuseError` where they are not there."""
    return _github(environ) if kind == "github" else _gitlab(environ)


def base_of(environ: Mapping[str, str]) -> str:
    """Return the commit that the pull or merge request is compared with, as the CI names it; "" where there is none."""
    if environ.get("GITLAB_CI"):
        return environ.get("CI_MERGE_REQUEST_DIFF_BASE_SHA", "")
    base = _event(environ).get("pull_request", {}).get("base", {})
    return str(base.get("sha", "")) if isinstance(base, dict) else ""


def _event(environ: Mapping[str, str]) -> dict[str, Any]:
    path = environ.get("GITHUB_EVENT_PATH", "")
    if not path:
        return {}
    try:
        found = json.loads(read_text(path, "GITHUB_EVENT_PATH", MOST_BYTES))
    except (ValueError, RecursionError):
        raise MisuseError(f"GITHUB_EVENT_PATH: {path}: not valid JSON") from None
    pull = found.get("pull_request") if isinstance(found, dict) else None
    return {"pull_request": pull} if isinstance(pull, dict) else {}


def _github(environ: Mapping[str, str]) -> Forge:
    repository = environ.get("GITHUB_REPOSITORY", "")
    if repository.count("/") != 1:
        raise MisuseError("--comment github: $GITHUB_REPOSITORY is not set; it goes with a job of GitHub Actions")
    pull = _event(environ).get("pull_request", {})
    number = str(pull.get("number", "")) if str(pull.get("number", "")).isdecimal() else ""
    head = ((pull.get("head") or {}).get("repo") or {}).get("full_name", "")
    base = f"/repos/{quote(repository)}/issues"
    api = _address("GITHUB_API_URL", environ.get("GITHUB_API_URL") or "https://api.github.com")
    return Forge(
        "github",
        api,
        f"{base}/{number}/comments",
        f"{base}/comments/{{id}}",
        number,
        environ.get("GITHUB_TOKEN", ""),
        fork=bool(pull) and head != repository,
        summary=environ.get("GITHUB_STEP_SUMMARY", ""),
    )


def _gitlab(environ: Mapping[str, str]) -> Forge:
    project = environ.get("CI_MERGE_REQUEST_PROJECT_ID") or environ.get("CI_PROJECT_ID", "")
    if not project.isdecimal():
        raise MisuseError("--comment gitlab: $CI_PROJECT_ID is not set; it goes with a job of GitLab CI")
    number = environ.get("CI_MERGE_REQUEST_IID", "")
    notes = f"/projects/{project}/merge_requests/{quote(number)}/notes"
    source = environ.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", project)
    api = _address("CI_API_V4_URL", environ.get("CI_API_V4_URL") or "https://gitlab.com/api/v4")
    return Forge("gitlab", api, notes, notes + "/{id}", number, environ.get("GITLAB_TOKEN", ""), fork=source != project)


def _address(name: str, url: str) -> str:
    try:
        parts = urlsplit(url.rstrip("/"))
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    plain = parts.scheme == "https" or (parts.scheme == "http" and loopback(host))
    if not host or not plain or parts.username is not None or parts.query or parts.fragment:
        raise MisuseError(f"{name}: write https://HOST, without password, query or fragment")
    return url.rstrip("/")


def comment(forge: Forge, body: str, marker: str, sleep: Callable[[float], None]) -> str:
    """Write `body`, which begins with `marker`, as the request's comment; return "created", "updated" or "unchanged".

    Only a comment of the token's own account is updated: another's that bears the marker is let alone. Raises `Refused` where the token may not
    write, and `FetchError` for anything else.
    """
    web = Web(forge, sleep)
    mine = _account(web)
    for one in _comments(web):
        text = one.get("body")
        author = one.get("user") or one.get("author") or {}
        if isinstance(text, str) and text.startswith(marker) and _is(author, mine):
            if _same(text, body):
                return "unchanged"
            web.ask("PUT" if forge.kind == "gitlab" else "PATCH", forge.one.format(id=int(one["id"])), {"body": body})
            return "updated"
    web.ask("POST", forge.comments, {"body": body})
    return "created"


def _same(one: str, other: str) -> bool:
    return one.replace("\r\n", "\n").rstrip() == other.rstrip()


def _account(web: Web) -> object:
    """Return the id of the token's account; `_BOT` for the token of a job, which may not ask."""
    try:
        found = web.ask("GET", "/user")
    except Refused:
        return _BOT
    return found.get("id") if isinstance(found, dict) else None


def _is(author: Any, mine: object) -> bool:
    if not isinstance(author, dict):
        return False
    return author.get("type") == _BOT if mine == _BOT else mine is not None and author.get("id") == mine


def _comments(web: Web) -> Iterator[dict[str, Any]]:
    for page in range(1, PAGES + 1):
        found = web.ask("GET", f"{web.forge.comments}?per_page=100&page={page}")
        if not isinstance(found, list):
            raise FetchError(f"{web.forge.api}: answered with what is no list of comments")
        yield from (one for one in found if isinstance(one, dict) and isinstance(one.get("id"), int))
        if len(found) < 100:
            return


class Web:
    """A forge being asked, with its own token header."""

    def __init__(self, forge: Forge, sleep: Callable[[float], None]) -> None:
        import urllib3

        self.forge, self.sleep = forge, sleep
        self.headers = {"User-Agent": "gpu-cost-planner", "Accept": "application/json"}
        if forge.kind == "github":
            self.headers |= {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
            self.headers["Authorization"] = f"Bearer {forge.token}"
        else:
            self.headers["PRIVATE-TOKEN"] = forge.token
        proxy, timeout = proxy_for(forge.api), urllib3.Timeout(total=SECONDS)
        self.pool: Any = (
            urllib3.ProxyManager(proxy, timeout=timeout, retries=False)
            if proxy
            else urllib3.PoolManager(timeout=timeout, retries=False)
        )

    def ask(self, method: str, path: str, body: Mapping[str, str] | None = None) -> Any:
        """Return the JSON of an answer; what can be asked twice without harm is tried again where the forge is busy."""
        import urllib3

        given = (
            {}
            if body is None
            else {"body": json.dumps(body).encode(), "headers": self.headers | {"Content-Type": "application/json"}}
        )
        why = ""
        for number in range(1, (1 if method == "POST" else TRIES) + 1):
            try:
                answer = self.pool.request(
                    method, self.forge.api + path, redirect=False, **({"headers": self.headers} | given)
                )
            except (urllib3.exceptions.HTTPError, OSError) as exc:
                why = "no answer in time" if "Timeout" in type(exc).__name__ else "no connection"
            else:
                if answer.status != 429 and answer.status < 500:
                    return self._read(answer, method)
                why = f"HTTP {answer.status}"
            if number < TRIES and method != "POST":
                self.sleep(float(number))
        raise FetchError(f"{self.forge.api}: {method} of the comment: {why}; the job's log has the text")

    def _read(self, answer: Any, method: str) -> Any:
        at = self.forge.api
        if answer.status in (403, 404):
            raise Refused(f"{at}: {method} refused (HTTP {answer.status}): {_RIGHTS[self.forge.kind]}")
        if answer.status == 401:
            raise FetchError(f"{at}: the token is not known there (HTTP 401): {_RIGHTS[self.forge.kind]}")
        if not 200 <= answer.status < 300:
            raise FetchError(f"{at}: {method} of the comment: HTTP {answer.status}")
        if len(answer.data) > MOST_BYTES:
            raise FetchError(f"{at}: answered with more than {MOST_BYTES:,} bytes")
        try:
            return json.loads(answer.data)
        except (ValueError, RecursionError):
            raise FetchError(f"{at}: answered with what is no JSON") from None


_RIGHTS = {
    "github": "the job needs `permissions: pull-requests: write` and GITHUB_TOKEN",
    "gitlab": "GITLAB_TOKEN must be a project access token with the scope api",
}
