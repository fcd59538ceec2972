"""A crash harness: a deed is done again and again, and stopped at its first, second, third ... call that changes the disk.

`python -m tests.safe.kills DEED FOLDER` prints one JSON line: how often it was stopped, and what was wrong afterwards. Each try
is a child of its own, forked from a process of one thread. A stop is either a kill (`os._exit` before the call, or just after
it) or an error (EIO, ENOSPC) that the call raises once, and with `errors-on` from there on.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

#: What changes the disk, and what makes it lasting.
CALLS = (
    *("open", "fsync", "replace", "rename", "link", "unlink", "mkdir", "rmdir", "fchmod", "fchown", "setxattr"),
    "write",
)
WAYS = ("kill-before", "kill-after", "eio", "enospc", "errors-on")
KILLED = 9


class Deed:
    """Something that must happen wholly or not at all, in an empty folder."""

    def prepare(self, folder: Path) -> None:
        """Make the old state."""

    def act(self, folder: Path) -> None:
        """Do it: raise `PlannerError` where it could not be done."""

    def state(self, folder: Path) -> str:
        """Return "old", "new" or what is wrong, without changing anything."""
        raise NotImplementedError

    def again(self, folder: Path) -> None:
        """Do it once more after a stop, as a user would."""
        self.act(folder)


def patched(way: str, number: int) -> None:
    """Have the `number`th call of CALLS stop this process, or fail."""
    seen = 0

    def wrap(real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **given: object) -> object:
            nonlocal seen
            seen += 1
            if seen < number or (seen > number and way != "errors-on"):
                return real(*args, **given)
            if way == "kill-before":
                os._exit(KILLED)
            if way == "kill-after":
                real(*args, **given)
                os._exit(KILLED)
            code = errno.ENOSPC if way == "enospc" else errno.EIO
            raise OSError(code, os.strerror(code))

        return call

    for name in CALLS:
        if hasattr(os, name):
            setattr(os, name, wrap(getattr(os, name)))


def tries(deed: Deed, folder: Path, way: str) -> Iterator[tuple[int, str]]:
    """Yield (number of the stop, what is wrong or "")."""
    from planner.errors import PlannerError

    for number in range(1, 1000):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        deed.prepare(folder)
        child = os.fork()
        if child == 0:
            patched(way, number)
            try:
                deed.act(folder)
            except PlannerError:
                os._exit(3)
            except BaseException as exc:
                os.set_blocking(2, True)
                print(f"{way} at {number}: {type(exc).__name__} {exc}", file=sys.stderr)
                os._exit(4)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        state = deed.state(folder)
        wrong = "" if state in ("old", "new") else f"{way} at {number}: {state}"
        if code == 4:
            wrong = f"{way} at {number}: an error that is none of ours"
        if code == 0 and state != "new":
            wrong = f"{way} at {number}: it ended well with {state}"
        if not wrong:
            try:
                deed.again(folder)
                state = deed.state(folder)
                wrong = "" if state == "new" else f"{way} at {number}: the next run leaves {state}"
            except PlannerError as exc:
                wrong = f"{way} at {number}: the next run says {exc}"
        if code == 0:
            if wrong:
                yield number, wrong
            if way in ("kill-before", "kill-after"):
                return
            if number > 400 or not _fails(deed, folder, number):
                return
        else:
            yield number, wrong


def _fails(deed: Deed, folder: Path, number: int) -> bool:
    """Return whether the deed makes as many calls as `number`: an error may also be passed over (extended attributes)."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    deed.prepare(folder)
    child = os.fork()
    if child == 0:
        patched("kill-before", number)
        deed.act(folder)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED


def run(deed: Deed, folder: Path) -> dict[str, object]:
    """Return {"stops": how many, "wrong": [...]}."""
    os.fsync = lambda _: None  # type: ignore[assignment]  # counted, and stopped at; nobody pulls the plug here
    stops, wrong = 0, []
    for way in WAYS:
        for _, problem in tries(deed, folder, way):
            stops += 1
            if problem:
                wrong.append(problem)
    return {"stops": stops, "wrong": wrong}


if __name__ == "__main__":
    from tests.safe.deeds import DEEDS

    print(json.dumps(run(DEEDS[sys.argv[1]], Path(sys.argv[2]) / "d")))
