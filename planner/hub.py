"""A model's config.json from a hub, when somebody asks for it by `--online`: bounded, at a revision that is said and kept.

Hugging Face is asked first, then ModelScope. Mirrors come from the environment (HF_ENDPOINT, MODELSCOPE_ENDPOINT), tokens too
(HF_TOKEN, MODELSCOPE_API_TOKEN), and a token goes to the endpoint's own host only. Nothing but config.json is read.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from planner.addresses import loopback, proxy_for
from planner.errors import FetchError, MisuseError
from planner.harmless import one_line
from planner.records import NamedTuple
from planner.writing import write_new

__all__ = ["HUBS", "AbsentError", "Fetched", "Web", "endpoint_of", "fetch", "newest", "place", "safe"]

#: Where a fetched file lies: HUB/REVISION/OWNER/NAME/config.json.
HUBS = {"huggingface": "Hugging Face", "modelscope": "ModelScope"}
MOST_CONFIG, MOST_LISTING = 1_000_000, 4_000_000
CONNECT_SECONDS, READ_SECONDS, ALL_SECONDS = 10.0, 20.0, 60.0
TRIES, HOPS = 3, 4
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")


class Fetched(NamedTuple):
    """path: the config.json that was kept. hub: its title; endpoint: what was asked. revision: a commit."""

    path: str
    id: str
    hub: str
    endpoint: str
    revision: str


class AbsentError(FetchError):
    """The hub has no such model, or not for us."""


def place(path: str) -> tuple[str, str, str]:
    """Return (hub, OWNER/NAME, revision) of a file that `fetch` kept, by where it lies; ("", "", "") for any other."""
    parts = os.path.abspath(path).replace(os.sep, "/").split("/")[-5:]
    if len(parts) == 5 and parts[0] in HUBS and _commit(parts[1]) and parts[4] == "config.json":
        return parts[0], f"{parts[2]}/{parts[3]}", parts[1]
    return "", "", ""


def fetch(model: str, folder: str, environ: Mapping[str, str], sleep: Callable[[float], None] = time.sleep) -> Fetched:
    """Return the config.json of OWNER/NAME[@REVISION], kept below `folder`; a commit that is there already is not asked for.

    Raises `MisuseError` for what is no id, `FetchError` where no hub has it or answers as expected.
    """
    name, _, revision = model.strip().partition("@")
    parts = name.split("/")
    if len(parts) != 2 or not all(_word(p) for p in parts) or ("@" in model and not _word(revision)):
        raise MisuseError(f"--online: {one_line(model)[:80]!r} is not OWNER/NAME or OWNER/NAME@REVISION of a model hub")
    if environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        raise MisuseError("--online: HF_HUB_OFFLINE is set, which forbids it; unset it, or drop --online")
    if _commit(revision):
        for key, title in HUBS.items():
            path = os.path.join(folder, key, revision, *parts, "config.json")
            if os.path.isfile(path):
                return Fetched(path, name, title, "", revision)
    failed: list[str] = []
    for key, ask in (("huggingface", _huggingface), ("modelscope", _modelscope)):
        try:
            endpoint, commit, data = ask(name, revision, environ, sleep)
        except FetchError as exc:
            failed.append(str(exc))
            continue
        path = os.path.join(folder, key, commit, *parts, "config.json")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_new(path, data, force=True)  # our own folder, and a commit has one content
        return Fetched(path, name, HUBS[key], endpoint, commit)
    raise FetchError(f"--online: no config.json of {name}: {'; '.join(failed)}")


def _word(text: str) -> bool:
    return (
        0 < len(text) <= 96
        and set(text) <= _LETTERS
        and text.strip(".-") != ""
        and ".." not in text
        and text[0] not in ".-"
    )


def _commit(text: str) -> bool:
    return len(text) == 40 and set(text) <= set("0123456789abcdef")


# -- the two hubs ----------------------------------------------------------------------------------------------------


def _huggingface(
    name: str, revision: str, environ: Mapping[str, str], sleep: Callable[[float], None]
) -> tuple[str, str, bytes]:
    web = Web(endpoint_of("HF_ENDPOINT", "https://huggingface.co", environ), environ.get("HF_TOKEN", ""), sleep)
    data = web.get(f"/{name}/resolve/{quote(revision or 'main', safe='')}/config.json", MOST_CONFIG)
    commit = web.told.get("x-repo-commit", "").strip()
    if not _commit(commit):
        raise FetchError(f"{web.endpoint} does not say at which revision {name} is (X-Repo-Commit)")
    return web.endpoint, commit, _config(data, web.endpoint)


def _modelscope(
    name: str, revision: str, environ: Mapping[str, str], sleep: Callable[[float], None]
) -> tuple[str, str, bytes]:
    endpoint = endpoint_of("MODELSCOPE_ENDPOINT", "https://www.modelscope.cn", environ)
    web = Web(endpoint, environ.get("MODELSCOPE_API_TOKEN", ""), sleep)
    base = f"/api/v1/models/{name}/repo"
    listing = web.get(f"{base}/files?Revision={quote(revision or 'master', safe='')}&Recursive=False", MOST_LISTING)
    try:
        files = json.loads(listing)["Data"]["Files"]
        commit = next(str(f["Revision"]) for f in files if f.get("Path", f.get("Name")) == "config.json")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise FetchError(f"{endpoint} lists {name} in a way that is not known") from None
    except StopIteration:
        raise AbsentError(f"{endpoint} has no config.json in {name}") from None
    if not _commit(commit):
        raise FetchError(f"{endpoint} does not say at which revision the config.json of {name} is")
    return endpoint, commit, _config(web.get(f"{base}?Revision={commit}&FilePath=config.json", MOST_CONFIG), endpoint)


def newest(name: str, where: str, environ: Mapping[str, str], sleep: Callable[[float], None] = time.sleep) -> str:
    """Return the newest commit of OWNER/NAME on a hub of `HUBS`, without a token; raise `FetchError`."""
    if environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        raise MisuseError("--online: HF_HUB_OFFLINE is set, which forbids it; unset it, or drop --online")
    if where == "modelscope":
        return _newest_modelscope(name, environ, sleep)
    web = Web(endpoint_of("HF_ENDPOINT", "https://huggingface.co", environ), "", sleep)
    try:
        commit = json.loads(web.get(f"/api/models/{name}/revision/main", MOST_LISTING))["sha"]
    except (ValueError, KeyError, TypeError, RecursionError):
        commit = ""
    if not isinstance(commit, str) or not _commit(commit):
        raise FetchError(f"{web.endpoint} does not say at which revision {name} is")
    return commit


def _newest_modelscope(name: str, environ: Mapping[str, str], sleep: Callable[[float], None]) -> str:
    """Return the commit of the file that changed last: an older one may lack weights that came after it."""
    web = Web(endpoint_of("MODELSCOPE_ENDPOINT", "https://www.modelscope.cn", environ), "", sleep)
    listing = web.get(f"/api/v1/models/{name}/repo/files?Revision=master&Recursive=True", MOST_LISTING)
    try:
        dated = [(int(f["CommittedDate"]), str(f["Revision"])) for f in json.loads(listing)["Data"]["Files"]]
        _, commit = max(dated)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise FetchError(f"{web.endpoint} lists {name} in a way that is not known") from None
    if not _commit(commit):
        raise FetchError(f"{web.endpoint} does not say at which revision {name} is")
    return commit


def endpoint_of(variable: str, usual: str, environ: Mapping[str, str]) -> str:
    """Return a hub's address, a mirror's where the environment names one: https, or http on this machine."""
    url = environ.get(variable, "").strip().rstrip("/") or usual
    if "://" not in url:
        url = f"https://{url}"
    if not safe(url):
        raise MisuseError(f"{variable}: write https://HOST, without password, query or fragment")
    return url


def safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    secret = parts.username is not None or parts.password is not None or bool(parts.query or parts.fragment)
    return bool(host) and not secret and (parts.scheme == "https" or (parts.scheme == "http" and loopback(host)))


def _config(data: bytes, where: str) -> bytes:
    """Return `data` when it is a JSON object; a login page or a pointer to a large file is none."""
    try:
        if isinstance(json.loads(data), dict):
            return data
    except (ValueError, RecursionError):
        pass
    raise FetchError(f"{where} answered with what is no config.json")


class Web:
    """One hub or registry being asked. accept: what answers may be. told: headers of the answers on the way, the earliest of a name."""

    def __init__(self, endpoint: str, token: str, sleep: Callable[[float], None]) -> None:
        self.endpoint, self.token, self.sleep = endpoint, token, sleep
        self.accept = "*/*"
        self.told: dict[str, str] = {}
        self.end = time.monotonic() + ALL_SECONDS

    def get(self, path: str, most: int) -> bytes:
        """Return what stands at a path, at most so many bytes; raises `FetchError`."""
        for number in range(1, TRIES + 1):
            data, why = self._try(self.endpoint + path, most)
            if data is not None:
                return data
            if number < TRIES and time.monotonic() < self.end:
                self.sleep(float(number))
        raise FetchError(f"{self.endpoint}: {why}, {TRIES} tries; check the network, the proxy or the mirror")

    def _try(self, url: str, most: int) -> tuple[bytes | None, str]:
        """Return the answer, or None and why another try may help."""
        import urllib3

        pool = self._pool(url)
        for _ in range(HOPS + 1):
            headers = {"User-Agent": "gpu-cost-planner", "Accept-Encoding": "identity", "Accept": self.accept}
            if self.token and urlsplit(url).netloc == urlsplit(self.endpoint).netloc:
                headers["Authorization"] = f"Bearer {self.token}"
            try:
                answer = pool.request("GET", url, headers=headers, preload_content=False, redirect=False)
                with answer:
                    for key, value in answer.headers.items():
                        self.told.setdefault(key.lower(), value)
                    if answer.status in (301, 302, 303, 307, 308) and answer.headers.get("location"):
                        url = self._onwards(url, answer.headers["location"])
                        pool = self._pool(url)
                        continue
                    if answer.status == 429 or answer.status >= 500:
                        return None, f"HTTP {answer.status}"
                    self._refused(answer.status)
                    return self._read(answer, most), ""
            except (urllib3.exceptions.HTTPError, OSError) as exc:
                return None, "no answer in time" if "Timeout" in type(exc).__name__ else "no connection"
        raise FetchError(f"{self.endpoint}: more than {HOPS} redirections")

    def _onwards(self, url: str, target: str) -> str:
        new = urljoin(url, target)
        bare = new.partition("?")[0].partition("#")[0]
        here = loopback(urlsplit(self.endpoint).hostname or "")
        if not safe(bare) or (loopback(urlsplit(new).hostname or "") and not here):
            raise FetchError(f"{self.endpoint}: refused a redirection to {one_line(bare)[:100]}")
        return new

    def _refused(self, status: int) -> None:
        if status in (401, 403):
            known = "its token does not open it" if self.token else "it is gated or private, and no token is set"
            raise AbsentError(f"{self.endpoint} refused (HTTP {status}): there is no such model, or {known}")
        if status == 404:
            raise AbsentError(f"{self.endpoint} has no such model or revision (HTTP 404)")
        if status != 200:
            raise FetchError(f"{self.endpoint}: HTTP {status}")

    def _read(self, answer: Any, most: int) -> bytes:
        data = b""
        while len(data) <= most:
            if time.monotonic() > self.end:
                raise FetchError(f"{self.endpoint} did not answer wholly within {ALL_SECONDS:g} s")
            more = answer.read1(1 << 16, decode_content=False)
            if not more:
                return data
            data += more
        raise FetchError(f"{self.endpoint} answered with more than {most:,} bytes: not what was asked for")

    def _pool(self, url: str) -> Any:
        import urllib3

        proxy = proxy_for(url)
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        return (
            urllib3.ProxyManager(proxy, timeout=timeout, retries=False)
            if proxy
            else urllib3.PoolManager(timeout=timeout, retries=False)
        )
