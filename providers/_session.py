"""The sessions that the SDKs send through: no redirect, no other host, no proxy for loopback, and answers that end.

A signed question bears the session token and the key's id. `requests`, which two of the SDKs use, would carry both along
when an answer says 302; here such an answer is an error. Nothing is read of ~/.netrc, whose password `requests` would put
into the place of the signature.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from planner.addresses import proxy_for
from planner.errors import FetchError
from providers._http import Bound, UnsafeAnswerError, read_bounded, refuse_redirect

__all__ = ["guard_darabonba", "guarded", "last_answer", "unsafe_in", "within"]

_thread = threading.local()


@contextmanager
def within(bound: Bound) -> Iterator[None]:
    """Let `bound` hold for what this thread sends."""
    before = getattr(_thread, "bound", None)
    _thread.bound, _thread.body = bound, b""
    try:
        yield
    finally:
        _thread.bound = before


def last_answer() -> Mapping[str, Any] | None:
    """Return the object that this thread was answered last, as it came, None where it was none.

    For answers of another shape than an SDK's models: they lose the field that is wrong, or fail without its name.
    """
    import json

    try:
        found = json.loads(getattr(_thread, "body", b""))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def unsafe_in(error: BaseException | None) -> UnsafeAnswerError | None:
    """Return the refusal of ours that an SDK has wrapped into its own error, None where there is none."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, UnsafeAnswerError):
            return error
        seen.add(id(error))
        inner = getattr(error, "inner_exception", None)
        error = inner if isinstance(inner, BaseException) else error.__cause__ or error.__context__
    return None


@lru_cache(maxsize=1)
def _session_class() -> Any:
    import requests
    from requests.exceptions import ConnectionError as Broken
    from requests.exceptions import ReadTimeout
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    class Guarded(requests.Session):
        """A session to one host ("" = to any). `only_ok`: what is no 200 is refused with its status, whatever is in it.

        Else only a page of a gateway is, where the SDK would hide the status behind its trouble with the page.
        """

        host = ""
        only_ok = False

        def __init__(self) -> None:
            super().__init__()
            self.trust_env = False

        def send(self, request: Any, **options: Any) -> Any:
            bound = getattr(_thread, "bound", None) or Bound()
            host = urlsplit(request.url).netloc
            if self.host and host != self.host:
                raise UnsafeAnswerError(f"a question for {self.host} was to be sent to {host}; nothing was sent")
            proxy = proxy_for(request.url)
            options |= {
                "allow_redirects": False,
                "stream": True,
                "proxies": {"http": proxy, "https": proxy} if proxy else {},
            }
            bound.check(host)
            answer = super().send(request, **options)
            try:
                refuse_redirect(answer.status_code, answer.headers.get("location", ""), host)
                answer._content = read_bounded(answer.raw, host, bound)
                answer._content_consumed = True
                _thread.body = answer._content
            except ReadTimeoutError as exc:
                raise ReadTimeout("Read timed out", request=request) from exc
            except (HTTPError, OSError) as exc:
                if isinstance(exc, requests.RequestException):
                    raise
                raise Broken("Connection aborted", request=request) from exc
            finally:
                answer.close() if answer._content is False else answer.raw.release_conn()
            if answer.status_code != 200 and (self.only_ok or _is_page(answer)):
                raise UnsafeAnswerError(f"{host} answered HTTP {answer.status_code}", answer.status_code)
            return answer

    return Guarded


def guarded(host: str = "", *, only_ok: bool = False) -> Any:
    """Return a `requests.Session` for `host` ("" = the first one asked through it is named in its errors)."""
    session = _session_class()()
    session.host, session.only_ok = host, only_ok
    return session


def _is_page(answer: Any) -> bool:
    return bool(answer.status_code >= 400 and answer._content.lstrip()[:1] != b"{")


_patching = threading.Lock()


def guard_darabonba() -> None:
    """Let every session of Alibaba's two HTTP cores (of its clients, and of its credential chain) be a guarded one.

    They keep their sessions in a table of their own that takes no other class, so the one function that makes them is
    replaced. An SDK without that function is not used: raises `FetchError`.
    """
    import logging

    import darabonba.core
    import Tea.core

    with _patching:
        for core in (darabonba.core.DaraCore, Tea.core.TeaCore):
            make = getattr(core, "_get_session", None)
            if make is None:
                raise FetchError(
                    "alicloud: this version of Alibaba's SDK makes its connections in another way, which could follow a "
                    "redirect with your session token; install the versions in constraints.txt"
                )
            if not getattr(make, "guarded", False):
                core._get_session = staticmethod(_guarding(make))
        # With DEBUG=sdk in the environment it prints every header, the session token's too.
        logging.getLogger("darabonba-core").disabled = True


def _guarding(make: Any) -> Any:
    made: dict[str, Any] = {}
    lock = threading.Lock()

    def get(session_key: str, **options: Any) -> Any:
        with lock:
            if session_key not in made:
                session = guarded()
                session.adapters = make(session_key=session_key, **options).adapters
                made[session_key] = session
            return made[session_key]

    get.guarded = True  # type: ignore[attr-defined]
    return get
