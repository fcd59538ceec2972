"""How planner writes files: a reader never sees half of one, and nobody's is lost without being asked.

`writing` is the one way out for every command that writes a file:

* a regular file is written beside its place under a random name, made by us and by nobody else (O_EXCL, O_NOFOLLOW), synced,
  and moved into place; its mode, owner and extended attributes stay. A link stays a link: what it points to is replaced;
* what is no regular file (a pipe, a device, /dev/stdout, `>(program)`) is written through and never replaced;
* a regular file that planner did not write is refused unless forced. `mine` says whose a file is, by what stands in it: there
  is no record beside it that could be lost or lie. An empty file holds nothing to lose.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO

from planner.errors import MisuseError, PlannerError

__all__ = ["Mine", "hold", "like", "new_name", "sweep", "sync_folder", "write_new", "writing"]

#: Whether planner wrote the file that lies open for reading.
Mine = Callable[[BinaryIO], bool]

#: How long a named pipe may be without a reader before we say so.
PIPE_WAIT_S = 1.0
#: From this age on a temporary file that nobody holds was left by a process that was killed.
LEFT_BEHIND_S = 60
PREFIX = ".planner-new-"
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)


def write_new(
    path: str, data: bytes | str, *, force: bool = False, mine: Mine | None = None, private: bool = False
) -> None:
    """Write `data` to `path`; what is refused and raised is `writing`'s."""
    with writing(path, force=force, mine=mine, private=private) as out:
        out.write(data.encode(errors="backslashreplace") if isinstance(data, str) else data)


@contextlib.contextmanager
def writing(path: str, *, force: bool = False, mine: Mine | None = None, private: bool = False) -> Iterator[BinaryIO]:
    """Open `path` for writing; when the block ends well it has the new content, else nothing has changed.

    A regular file that planner did not write (`mine` says no, or there is no `mine`) raises `MisuseError` unless `force`, as do
    a folder and a missing one. A full disk or a read-only place raises `PlannerError`; the old file is then untouched. private: a new
    file is its owner's only; one that is replaced keeps its mode in any case.
    """
    through = False
    try:
        place = _place(path)
        through = isinstance(place, _Through)
        with (
            place
            if isinstance(place, _Through)
            else _Beside(place, path, force, mine, 0o600 if private else 0o666) as out
        ):
            yield out
    except OSError as exc:
        if through and isinstance(exc, BrokenPipeError):
            return  # the reader has seen enough, as with `| head`
        rest = "" if through else "; the old file, if any, is untouched"
        raise PlannerError(f"cannot write {path}: {exc.strerror or exc}{rest}") from exc


def sync_folder(folder: str) -> None:
    """Make sure that what was made, moved or removed in `folder` is so after a power cut, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY | _CLOEXEC)
    except OSError:  # a folder may be writable and not readable, and Windows opens none
        return
    try:
        os.fsync(handle)
    except OSError as exc:
        if exc.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(handle)


# -- where it goes ---------------------------------------------------------------------------------------------------


def _place(path: str) -> str | _Through:
    """Return the path of the regular file to write, links resolved, or a way through to what is none."""
    number = _descriptor(path)
    if number is not None:
        return _Through(path, number)
    real = _resolved(path)
    try:
        kind = os.stat(real).st_mode
    except FileNotFoundError:
        folder = os.path.dirname(real) or "."
        if not os.path.isdir(folder):
            raise MisuseError(
                "cannot write {path}: the folder {folder} does not exist; create it first", path=path, folder=folder
            ) from None
        return real
    if stat.S_ISDIR(kind):
        raise MisuseError("cannot write {path}: it is a folder; name a file", path=path)
    return real if stat.S_ISREG(kind) else _Through(real)


def _descriptor(path: str) -> int | None:
    """Return the number of the open file that a path such as /dev/stdout or /dev/fd/63 stands for, else None."""
    named = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
    whole = os.path.normpath(path)
    if whole in named:
        return named[whole]
    folder, _, name = whole.rpartition("/")
    return int(name) if folder in ("/dev/fd", "/proc/self/fd") and name.isdecimal() and len(name) < 9 else None


def _resolved(path: str) -> str:
    """Follow links to where the file is or will be.

    Like Linux with `fs.protected_symlinks`: in a folder where everybody may write, a link of somebody else's is not followed.
    """
    for _ in range(40):
        try:
            entry = os.lstat(path)
        except FileNotFoundError:
            return path
        except NotADirectoryError:
            raise MisuseError(
                "cannot write {path}: the folder {folder} does not exist; create it first",
                path=path,
                folder=os.path.dirname(path),
            ) from None
        except ValueError as exc:
            raise MisuseError("cannot write {path!r}: {why}", path=path, why=exc) from None
        if not stat.S_ISLNK(entry.st_mode):
            return path
        folder = os.path.dirname(path) or "."
        around = os.stat(folder)
        shared = around.st_mode & stat.S_ISVTX and around.st_mode & stat.S_IWOTH
        if shared and hasattr(os, "geteuid") and entry.st_uid not in (os.geteuid(), around.st_uid):
            raise MisuseError(
                "cannot write {path}: a link that another user made in a shared folder; name another file", path=path
            )
        path = os.path.join(folder, os.readlink(path))
    raise MisuseError("cannot write {path}: links that lead to one another", path=path)


# -- a regular file --------------------------------------------------------------------------------------------------


class _Beside:
    """A file written under another name in the same folder, then moved to `real`. shown: what messages call it."""

    def __init__(self, real: str, shown: str, force: bool, mine: Mine | None, mode: int) -> None:
        self.real, self.shown, self.mode = real, shown, mode
        self.force, self.mine = force, mine
        self.old = _old(real, shown, force, mine)
        self.folder = os.path.dirname(real) or "."

    def __enter__(self) -> BinaryIO:
        sweep(self.folder, PREFIX, os.unlink)
        self.temporary = os.path.join(self.folder, new_name(PREFIX))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _CLOEXEC | getattr(os, "O_BINARY", 0)
        # What replaces a file is nobody else's to read until it has that file's mode.
        handle = os.open(self.temporary, flags, self.mode if self.old is None else 0o600)
        try:
            hold(handle)
            self.out = open(handle, "wb")
        except BaseException:
            os.close(handle)
            self._drop()
            raise
        return self.out

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self.out.flush()
                if self.old is not None:
                    like(self.out.fileno(), self.real, self.old)
                os.fsync(self.out.fileno())
                if sys.platform == "win32":
                    self.out.close()
                self._move()
                sync_folder(self.folder)
        finally:
            self._drop()
            with contextlib.suppress(OSError):  # a full disk is said once, by the flush above
                self.out.close()

    def _move(self) -> None:
        """Put the file into its place; what has come to stand there since we looked is somebody's, and asked about."""
        if self.old is None and not self.force:
            try:
                os.link(self.temporary, self.real)
                return
            except FileExistsError:
                _old(self.real, self.shown, self.force, self.mine)
            except OSError:  # a file system without links
                pass
        os.replace(self.temporary, self.real)

    def _drop(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self.temporary)


def _old(real: str, shown: str, force: bool, mine: Mine | None) -> os.stat_result | None:
    """Return what is known of the file that will be replaced, None where there is none; raise where it may not be."""
    try:
        old = os.stat(real)
    except FileNotFoundError:
        return None
    if not (os.access(real, os.W_OK) and old.st_mode & 0o222):
        raise PlannerError("cannot write {shown}: the file is read-only; choose another name", shown=shown)
    if force or not old.st_size:
        return old
    if hasattr(os, "geteuid") and os.geteuid() not in (0, old.st_uid):
        raise MisuseError(
            "{shown} belongs to another user, and a new file would be yours; choose another name or add --force",
            shown=shown,
        )
    if mine is None:
        raise MisuseError("{shown} exists; choose another name or add --force to replace it", shown=shown)
    with open(real, "rb") as file:
        if not mine(file):
            raise MisuseError(
                "{shown} was not written by planner; choose another name or add --force to replace it", shown=shown
            )
    return old


def like(handle: int, real: str, old: os.stat_result) -> None:
    """Give an open file the owner, mode and extended attributes (access lists among them) of the one that it replaces."""
    if hasattr(os, "fchown"):
        now = os.fstat(handle)
        for owner, group in ((old.st_uid, -1), (-1, old.st_gid)):
            if owner not in (-1, now.st_uid) or group not in (-1, now.st_gid):
                with contextlib.suppress(PermissionError):
                    os.fchown(handle, owner, group)
        mode = stat.S_IMODE(old.st_mode)
        if os.fstat(handle).st_gid != old.st_gid:
            mode &= ~0o070  # rights of a group that it no longer has are nobody's
        os.fchmod(handle, mode & ~0o6000)
    if hasattr(os, "listxattr"):
        with contextlib.suppress(OSError):
            for name in os.listxattr(real):
                with contextlib.suppress(OSError):
                    os.setxattr(handle, name, os.getxattr(real, name))


def hold(handle: int) -> bool | None:
    """Mark an open file or folder as held by this process; return False where another one holds it, None without locks."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return None
    return True


def new_name(prefix: str) -> str:
    """Return a name that nobody can guess."""
    return prefix + os.urandom(8).hex()


def sweep(folder: str, prefix: str, remove: Callable[[str], None]) -> None:
    """Remove what processes that were killed have left behind: of our prefix, old, and held by nobody."""
    try:
        names = [name for name in os.listdir(folder) if name.startswith(prefix)]
    except OSError:
        return
    for name in names:
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError):
            handle = os.open(path, os.O_RDONLY | _NOFOLLOW | _CLOEXEC | getattr(os, "O_NONBLOCK", 0))
            try:
                known = os.fstat(handle)
                ours = stat.S_ISREG(known.st_mode) or stat.S_ISDIR(known.st_mode)
                if ours and time.time() - known.st_mtime > LEFT_BEHIND_S and hold(handle) is True:
                    remove(path)
            finally:
                os.close(handle)


# -- what is no regular file -----------------------------------------------------------------------------------------


class _Through:
    """A pipe, a device or an open file, written through. number: the open file, else it is opened by its path."""

    def __init__(self, path: str, number: int | None = None) -> None:
        self.path, self.number = path, number

    def __enter__(self) -> BinaryIO:
        if self.number is not None:
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:
                    stream.flush()
            handle = os.dup(self.number)
        else:
            handle = _opened(self.path)
        self.out = open(handle, "wb")
        return self.out

    def __exit__(self, *_: object) -> None:
        self.out.close()


def _opened(path: str) -> int:
    """Open a pipe or device for writing; a pipe without a reader is waited for, not for ever."""
    flags = os.O_WRONLY | _CLOEXEC | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_NONBLOCK", 0)
    end = time.monotonic() + PIPE_WAIT_S
    while True:
        try:
            handle = os.open(path, flags)
            os.set_blocking(handle, True)
            return handle
        except OSError as exc:
            if exc.errno != errno.ENXIO:
                raise
            if time.monotonic() > end:
                raise MisuseError(
                    "cannot write {path}: nobody reads this pipe; start the reader first", path=path
                ) from None
        time.sleep(0.02)
