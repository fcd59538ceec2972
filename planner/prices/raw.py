"""Keep the raw answers of a refresh for audit, with nothing secret in them."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Mapping

from planner.errors import FetchError, PlannerError
from planner.writing import write_new

__all__ = ["RawFiles", "redacted"]

REMOVED = "[removed]"

#: A field that holds a secret, as JSON, as a header line or in a query; its value goes up to the closing quote, or to
#: the end of the line for headers (an authorization header has blanks and commas in it).
_FIELD = re.compile(
    r"""(?ix)
    (["']?\b(?:x-[a-z]+-|amz-)?
      (?:secret[_-]?(?:access)?[_-]?(?:key|id)|access[_-]?key[_-]?secret|(?:session|security|bearer|x-amz-security)[_-]?token
        |token|password|authorization|signature|credential)
     \b["']?\s*[:=]\s*)
    (?: "[^"\n]*" | '[^'\n]*' | [^\s"',&}\]][^\n"'&}\]]* )
    """
)
_SECRET_NAME = re.compile(r"SECRET|TOKEN|PASSWORD|PASSWD|PRIVATE_KEY", re.IGNORECASE)
_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def redacted(text: str, environ: Mapping[str, str]) -> str:
    """Return `text` without the values of secret-looking fields and of secret-looking environment variables."""
    for name, value in environ.items():
        if len(value) >= 8 and _SECRET_NAME.search(name):
            text = text.replace(value, REMOVED)
    return _FIELD.sub(lambda found: f'{found[1]}"{REMOVED}"', text)


class RawFiles:
    """A folder of raw answers: <folder>/<time of the refresh>/<provider>/<region>/<number>-<name>."""

    def __init__(self, folder: str, now: str, environ: Mapping[str, str]) -> None:
        self.folder = os.path.join(folder, _safe(now))
        self._environ = environ
        self._lock = threading.Lock()
        self.count = 0
        try:
            os.makedirs(self.folder, exist_ok=True)
        except OSError as exc:
            raise PlannerError(f"--keep-raw {folder}: cannot be written ({exc.strerror}); name another folder") from exc

    def keeper(self, provider: str, region: str) -> Callable[[str, str], None]:
        """Return the function that an adapter hands its raw answers to; safe from several threads."""
        folder = os.path.join(self.folder, _safe(provider), _safe(region))

        def keep(name: str, text: str) -> None:
            with self._lock:
                self.count += 1
                number = self.count
            path = os.path.join(folder, f"{number:05d}-{_safe(name)}")
            try:
                os.makedirs(folder, exist_ok=True)
                # An audit trail never writes over itself; it is the owner's only, since contracted prices are private.
                write_new(path, redacted(text, self._environ), private=True)
            except OSError as exc:
                raise FetchError(f"--keep-raw: {path} cannot be written ({exc.strerror})") from exc
            except PlannerError as exc:
                raise FetchError(f"--keep-raw: {exc}") from exc

        return keep


def _safe(name: str) -> str:
    return _NAME.sub("-", name).strip(".-")[:100] or "answer"
