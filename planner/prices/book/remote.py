"""A price book that somebody shares over HTTPS: read-only, kept here with its ETag, and the copy used where it is out of reach."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from planner.addresses import loopback
from planner.errors import MisuseError, PriceBookError, scrubbed

if TYPE_CHECKING:
    from urllib.request import OpenerDirector

__all__ = ["checked", "copy_of"]

#: How long the server may be silent, and how long the whole download may take.
SILENT_S, WHOLE_S = 10.0, 300.0
MOST_BYTES = 2 << 30
_CHUNK = 1 << 20
TOKEN = "PLANNER_BOOK_TOKEN"  # noqa: S105 - the variable's name


def checked(url: str) -> str:
    """Return how messages show `url` (a query may hold a signature); raise `MisuseError` unless it is https, or http on loopback."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as exc:
        raise MisuseError(f"PLANNER_BOOK: not an address ({exc})") from None
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    if parts.username is not None or parts.password is not None:
        raise MisuseError(f"{shown}: an address must not hold credentials; put a token into ${TOKEN}")
    if not host or any(char <= " " for char in url):
        raise MisuseError(f"{shown}: not an address; write https://HOST/prices.sqlite3")
    if parts.scheme.lower() != "https" and not loopback(host):
        raise MisuseError(f"{shown}: prices over plain http could be anybody's; use https")
    return shown


def copy_of(url: str, folder: str, warn: Callable[[str], None], token: str = "") -> str:
    """Return the path of a copy of the book at `url` in `folder`, fetched now unless it is still the same.

    Where it is out of reach, or what comes is no price book, the copy of before is used and `warn` hears of it; without one that
    is a `PriceBookError`. token: sent to the address's own host and to no other.
    """
    from hashlib import sha256

    shown = checked(url)
    path = os.path.join(folder, sha256(url.encode()).hexdigest()[:16] + ".sqlite3")
    known = _about(path)
    try:
        _fetch(url, shown, path, known, token)
    except PriceBookError as exc:
        if not os.path.isfile(path):
            raise PriceBookError(f"{exc}; there is no copy of it here yet") from None
        warn(f"{exc}; the copy of {known.get('fetched_at') or 'an unknown day'} is used")
    return path


def _about(path: str) -> dict[str, str]:
    """Return what is known of the copy: its ETag, and when it was fetched."""
    try:
        with open(path + ".json", encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict) or not os.path.isfile(path):
        return {}
    return {str(name): str(value) for name, value in found.items()}


def _fetch(url: str, shown: str, path: str, known: dict[str, str], token: str) -> None:
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request

    headers = {"User-Agent": "planner", "Accept": "application/vnd.sqlite3, application/octet-stream, */*"}
    for name, field in (("If-None-Match", "etag"), ("If-Modified-Since", "modified")):
        if known.get(field):
            headers[name] = known[field]
    request = Request(url, headers=headers)
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        with _opener().open(request, timeout=SILENT_S) as answer:
            _keep(answer, shown, path)
    except HTTPError as exc:
        exc.close()
        if exc.code == 304:
            return
        hint = f"; is ${TOKEN} right?" if exc.code in (401, 403) else ""
        raise PriceBookError(f"{shown}: answered {exc.code} {exc.reason}{hint}") from None
    except (OSError, HTTPException, ValueError) as exc:
        why = getattr(exc, "reason", None) or exc
        raise PriceBookError(f"{shown}: out of reach ({scrubbed(str(why))[:160]})") from None


def _opener() -> OpenerDirector:
    from urllib.request import HTTPRedirectHandler, build_opener

    class Careful(HTTPRedirectHandler):
        """Follows no redirect to where we would not have gone ourselves; the token stays behind (it is unredirected)."""

        def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
            try:
                checked(newurl)
            except MisuseError as exc:
                fp.close()
                raise PriceBookError(f"redirected to {exc}") from None
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    return build_opener(Careful())


def _keep(answer: Any, shown: str, path: str) -> None:
    """Write an answer beside its place, look whether it is a book, and move it there."""
    from planner.prices.book.read import PriceBook

    folder = os.path.dirname(path)
    temporary = f"{path}.{os.urandom(4).hex()}.new"
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(handle, "wb") as file:
                _copy(answer, file, shown)
            book = PriceBook.open_for_read(temporary)
            if book is None:
                raise PriceBookError(f"{shown}: an empty file, not a price book")
            book.close()
            os.replace(temporary, path)
        except PriceBookError as exc:
            raise PriceBookError(str(exc).replace(temporary, shown)) from None
        finally:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        told = {"etag": answer.headers.get("ETag", ""), "modified": answer.headers.get("Last-Modified", "")}
        told["fetched_at"] = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
        with open(path + ".json", "w", encoding="utf-8") as about:
            json.dump(told, about)
    except OSError as exc:
        raise PriceBookError(f"{exc.filename or path}: cannot be written ({exc.strerror or exc})") from exc


def _copy(answer: Any, file: IO[bytes], shown: str) -> None:
    said = answer.headers.get("Content-Length", "")
    total, deadline = 0, time.monotonic() + WHOLE_S
    try:
        while data := answer.read(_CHUNK):
            total += len(data)
            if total > MOST_BYTES:
                raise PriceBookError(f"{shown}: more than {MOST_BYTES:,} bytes; not a price book")
            if time.monotonic() > deadline:
                raise PriceBookError(f"{shown}: not whole within {WHOLE_S:.0f} s")
            file.write(data)
    except (TimeoutError, ConnectionError) as exc:
        raise PriceBookError(f"{shown}: broke off after {total:,} bytes ({exc})") from None
    if said.isdecimal() and total != int(said):
        raise PriceBookError(f"{shown}: broke off after {total:,} of {int(said):,} bytes")
