"""Where files lie, and how they are read: never more than is asked for, never waiting for what does not come."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from planner.errors import MisuseError

__all__ = ["DATA", "data_folder", "read_bytes", "read_text", "read_toml", "toml"]

#: The folder of the tables that come with planner.
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")

#: How long a pipe may have nobody who writes, and how long the one who writes may be silent, until we say so.
NOBODY_S, SILENT_S = 1.0, 10.0
_CHUNK = 1 << 20


def read_text(path: str, what: str, limit: int = 16 * 2**20) -> str:
    """Return the text of a user's file: UTF-8 with or without a byte-order mark, any line ends, at most `limit` bytes."""
    try:
        text = str(read_bytes(path, what, limit), "utf-8-sig")
    except UnicodeDecodeError as exc:
        raise MisuseError(
            "{what} {path}: not UTF-8 text (byte {start})", what=what, path=path, start=exc.start
        ) from exc
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def read_bytes(path: str, what: str, limit: int) -> bytearray:
    """Return what a user's file, pipe or device holds: at most `limit` bytes of it are ever read, and one more.

    A pipe that nobody writes to, or whose writer falls silent, is not waited for: `MisuseError`, as for anything that
    cannot be read. what: how messages call the file.
    """
    data = bytearray()
    try:
        # O_NONBLOCK: opening a pipe, or reading from it, must not wait for ever.
        handle = os.open(
            path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        )
        try:
            last, pipe = time.monotonic(), not os.path.isfile(path)
            while len(data) <= limit:
                try:
                    more = os.read(handle, min(_CHUNK, limit + 1 - len(data)))
                    patience = NOBODY_S
                except BlockingIOError:
                    more, patience = None, SILENT_S
                if more:
                    data += more
                    last = time.monotonic()
                    continue
                if more is not None and (data or not pipe):
                    break
                if time.monotonic() - last > patience:
                    raise MisuseError("{what} {path}: nothing comes from this pipe", what=what, path=path)
                time.sleep(0.01)
        finally:
            os.close(handle)
    except OSError as exc:
        raise MisuseError("cannot read {what} {path}: {why}", what=what, path=path, why=exc.strerror or exc) from exc
    except ValueError as exc:  # a NUL in the name
        raise MisuseError("cannot read {what} {path!r}: {why}", what=what, path=path, why=exc) from exc
    if len(data) > limit:
        raise MisuseError(
            "{what} {path}: more than the limit of {limit:,} bytes; is it the right file?",
            what=what,
            path=path,
            limit=limit,
        )
    return data


def read_toml(path: str, what: str, limit: int) -> dict[str, Any]:
    """Return what a user's TOML file holds, numbers with a point as Decimal; anything that is not TOML is `MisuseError`."""
    return toml(read_text(path, what, limit), f"{what} {path}")


def toml(text: str, where: str) -> dict[str, Any]:
    """Return what TOML text holds, as `read_toml` does; where: begins the error."""
    import tomllib
    from decimal import Decimal

    try:
        data = tomllib.loads(text, parse_float=Decimal)
        _bounded(data, where)
        return data
    except (
        ValueError,
        ArithmeticError,
    ) as exc:  # not TOML, an integer of more than 4,300 digits, an exponent too large
        raise MisuseError("{where}: not valid TOML: {why}", where=where, why=exc) from None
    except RecursionError:
        raise MisuseError("{where}: nested too deeply", where=where) from None


def _bounded(value: object, where: str) -> None:
    """Raise for an integer that Python would not even write out (a hexadecimal one may have any length)."""
    if isinstance(value, int) and value.bit_length() > 200:
        raise MisuseError("{where}: a number of more than 60 digits", where=where)
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _bounded(part, where)


def data_folder(environ: Mapping[str, str], platform: str = sys.platform) -> str:
    """Return $PLANNER_HOME (~ is the home folder), else the folder `planner` where the platform keeps the data of programs."""
    home = environ.get("PLANNER_HOME", "")
    if home:
        found = os.path.expanduser(home)
        if found.startswith("~"):
            raise MisuseError("PLANNER_HOME: {home}: there is no such user; write the path of a folder", home=home)
        return found
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
