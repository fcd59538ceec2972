"""Where files lie, and how they are written: a reader never sees half of one, nobody's is lost without being asked."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping

from planner.errors import MisuseError, PlannerError

__all__ = ["DATA", "data_folder", "read_text", "write_new"]

#: The folder of the tables that come with planner.
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")


def write_new(path: str, data: bytes | str, *, force: bool = True) -> None:
    """Write `data` to `path` through a temporary file beside it, moved into place when whole.

    With `force` False an existing file raises `MisuseError`. A missing folder, a full disk or a read-only place raises
    `PlannerError`; the old file is then untouched.
    """
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise MisuseError(f"cannot write {path}: the folder {folder} does not exist; create it first")
    if os.path.isdir(path):
        raise MisuseError(f"cannot write {path}: it is a folder; name a file")
    if not force and os.path.lexists(path):
        raise MisuseError(f"{path} exists; choose another name or add --force to replace it")
    if os.path.exists(path) and not (os.access(path, os.W_OK) and os.stat(path).st_mode & 0o222):
        raise PlannerError(f"cannot write {path}: the file is read-only; choose another name")
    body = data.encode() if isinstance(data, str) else data
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as out:
            out.write(body)
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, path)
    except OSError as exc:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise PlannerError(f"cannot write {path}: {exc.strerror or exc}; the old file, if any, is untouched") from exc


def read_text(path: str, what: str, limit: int = 16 * 2**20) -> str:
    """Return the text of a user's file: UTF-8 with or without a byte-order mark, any line ends, at most `limit` bytes."""
    try:
        size = os.stat(path).st_size
        if size > limit:
            raise MisuseError(f"{what} {path}: {size:,} bytes is over the limit of {limit:,}; is it the right file?")
        with open(path, encoding="utf-8-sig", newline=None) as file:
            return file.read()
    except UnicodeDecodeError as exc:
        raise MisuseError(f"{what} {path}: not UTF-8 text (byte {exc.start})") from exc
    except OSError as exc:
        raise MisuseError(f"cannot read {what} {path}: {exc.strerror or exc}") from exc


def data_folder(environ: Mapping[str, str], platform: str = sys.platform) -> str:
    """Return $PLANNER_HOME, else the folder `planner` where the platform keeps the data of programs."""
    home = environ.get("PLANNER_HOME", "")
    if home:
        return os.path.expanduser(home)
    if platform == "win32":
        base = environ.get("LOCALAPPDATA") or os.path.join(os.path.expanduser("~"), "AppData", "Local")
    elif platform == "darwin":
        base = os.path.join(os.path.expanduser("~"), "Library", "Application Support")
    else:
        # The XDG rule: a relative path in the variable is invalid and is ignored.
        base = environ.get("XDG_DATA_HOME", "")
        if not os.path.isabs(base):
            base = os.path.join(os.path.expanduser("~"), ".local", "share")
    return os.path.join(base, "planner")
