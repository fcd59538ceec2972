"""The terminal and the process around a command: streams that never raise what nobody can act on, and signals as errors.

`prepare` puts two streams into the place of sys.stdout and sys.stderr. What they are given as text is shown and never obeyed
(`planner.harmless.visible`); what the terminal's encoding lacks is written as an escape. A reader that has gone (`| head`) wants
no more, and the command goes on to its exit code; output that cannot be written (a full disk, a closed stream) is an error,
said once. Nobody hears about errors of stderr.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from types import FrameType
from typing import Any, NoReturn

from planner.errors import PlannerError
from planner.harmless import visible

try:  # `signal` makes enumerations of its numbers, a millisecond of every start; CPython's own module has them plain
    import _signal as signal  # type: ignore[import-not-found]
except ImportError:  # pragma: no cover - another Python
    import signal

__all__ = ["OutputError", "Stopped", "prepare"]

#: What `planner` itself colours with; any other escape sequence is shown as text.
_OURS = ("0m", "1m", "2m")


class OutputError(PlannerError):
    """The output cannot be written."""

    code = "E108"


class Stopped(KeyboardInterrupt):
    """SIGTERM or SIGHUP: the command ends as after Ctrl-C, with the signal's own code. number: which."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class _Raw(io.RawIOBase):
    """A descriptor: writes all or raises `OutputError`, once. closed_: it was closed when we started."""

    def __init__(self, number: int, closed: bool, quiet: bool) -> None:
        self.number, self.closed_, self.quiet, self.gone = number, closed, quiet, False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.number

    def isatty(self) -> bool:
        return not self.closed_ and os.isatty(self.number)

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        while rest and not self.gone:
            try:
                if self.closed_:
                    raise OSError(errno.EBADF, "it is closed")
                rest = rest[os.write(self.number, rest) :]
            except BlockingIOError:  # somebody who shares the terminal made it so
                import select

                select.select([], [self.number], [])
            except OSError as exc:
                self.gone = True
                if not self.quiet and exc.errno != errno.EPIPE:
                    raise OutputError(f"cannot write the output: {exc.strerror}") from exc
        return size


class Stream(io.TextIOBase):
    """A text stream on a descriptor. bare: the stream that it stands for, for what draws with control characters."""

    def __init__(self, number: int, bare: Any, closed: bool, quiet: bool) -> None:
        self.bare = bare
        self.buffer = io.BufferedWriter(_Raw(number, closed, quiet))
        self._into = getattr(bare, "encoding", None) or "utf-8"
        self._at_once = quiet or self.buffer.isatty()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """UTF-8: whatever text comes, it is written (click writes round a stream that says ASCII)."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "backslashreplace"

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.buffer.fileno()

    def isatty(self) -> bool:
        return self.buffer.isatty()

    def write(self, text: str) -> int:
        self.buffer.write(shown(text).encode(self._into, "backslashreplace"))
        if self._at_once:
            self.flush()
        return len(text)

    def flush(self) -> None:
        self.buffer.flush()


def shown(text: str) -> str:
    """Return `text` with every control character shown, but for our own bold and dim."""
    if "\x1b" not in text:
        return visible(text)
    first, *rest = text.split("\x1b[")
    coloured = (f"\x1b[{p[:2]}{visible(p[2:])}" if p[:2] in _OURS else visible(f"\x1b[{p}") for p in rest)
    return visible(first) + "".join(coloured)


def prepare() -> None:
    """Make the process ready: three open descriptors, two streams, and signals that end a command in good order."""
    closed = [_closed(number) for number in (0, 1, 2)]
    if sys.platform == "win32":
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
    else:
        sys.stdout = Stream(1, sys.stdout, closed[1], False)
        sys.stderr = Stream(2, sys.stderr, closed[2], True)
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # Who started us may have said that they are not for us (nohup).
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stop)


def _closed(number: int) -> bool:
    """Return whether a descriptor is closed; then nothing takes its place, lest a file of ours become the terminal."""
    try:
        os.fstat(number)
        return False
    except OSError:
        handle = os.open(os.devnull, os.O_RDWR)
        if handle != number:
            os.dup2(handle, number)
            os.close(handle)
        return True


def _stop(number: int, _: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)  # who asks twice means at once
    raise Stopped(number)
