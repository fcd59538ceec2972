"""Writing a module's folder: whole or not at all, and never over what a user has edited unless told so.

A new folder is made beside its place and moved there. In one that exists, an update goes like this, under a lock:

1. everything new is written and synced in a folder `.planner-stage-*` inside, with links to what it will replace;
2. that folder becomes `.planner-update`: from now on, whoever finds it puts the old files back first;
3. a file stands guard, with which terraform refuses to run; then each file is moved into its place;
4. `.planner-update` goes, and with it the way back.

An error puts the old files back at once. A kill leaves what the next `planner emit-tf` into the folder puts back; until then
terraform refuses the folder.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from typing import Any

from planner.errors import MisuseError, PlannerError
from planner.records import NamedTuple
from planner.writing import hold, like, new_name, sweep, sync_folder

__all__ = ["KEPT", "unfinished", "write_module"]

#: The user's own file once it stands: it holds what only the user knows.
KEPT = "terraform.tfvars"

MANIFEST = ".planner-files.json"
UPDATE = ".planner-update"
STAGE = ".planner-stage-"
GUARD = "planner_unfinished.tf"
#: With this file terraform says "unsupported version" and points to it.
GUARD_TEXT = """# planner was stopped while it wrote this module, which is half old and half new.
# Run the same `planner emit-tf` again: it puts the old files back and starts anew.
terraform {
  required_version = "= 0.0.1"
}
"""
_JOURNAL = "journal.json"
#: How long another planner that writes into the same folder is waited for.
LOCK_WAIT_S = 20.0


class Work(NamedTuple):
    """What is to be done: new texts by path, digests for the manifest, paths to remove, the user's files that stay."""

    body: dict[str, str]
    digests: dict[str, str]
    stale: list[str]
    kept: list[str]


def write_module(files: Mapping[str, str], folder: str, *, force: bool = False) -> tuple[str, ...]:
    """Write `files` below `folder`; return the names of files of the user's that were kept as they are.

    A file that planner wrote and nobody changed is replaced; a changed or foreign one under a name of ours raises
    `MisuseError` (with `force` it is replaced), except terraform.tfvars, which is always kept. Files of ours that the new
    module lacks go. Links below `folder`, and what is no regular file, are never written through or replaced.
    """
    folder = os.path.realpath(folder)
    parent = os.path.dirname(folder)
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise MisuseError(f"{folder} is a file; name a folder with -o")
    if not os.path.isdir(parent):
        raise MisuseError(f"cannot write {folder}: {parent} does not exist; create it first")
    if not os.path.lexists(folder) and _made(files, folder):
        return ()
    try:
        with _locked(folder):
            restore(folder)
            work = _plan(files, folder, force)
            if work.body:
                _update(folder, work)
            return tuple(work.kept)
    except OSError as exc:
        rest = "run the same command again, it goes on" if unfinished(folder) else "the old files are untouched"
        raise PlannerError(f"cannot write {folder}: {exc.strerror or exc}; {rest}") from exc


def unfinished(folder: str) -> bool:
    """Return whether planner was stopped while it wrote into `folder`: then it is half old and half new."""
    return os.path.lexists(os.path.join(folder, UPDATE))


# -- a new folder ----------------------------------------------------------------------------------------------------


def _made(files: Mapping[str, str], folder: str) -> bool:
    """Make a folder that is not there; return False where somebody else made it in the meantime."""
    parent = os.path.dirname(folder)
    digests = {path: _sha(text) for path, text in files.items()}
    stage = ""
    try:
        sweep(parent, STAGE, _remove)
        with _stage(parent) as stage:
            _fill(stage, {**files, MANIFEST: _listing(digests)}, "")
            try:
                os.rename(stage, folder)
            except OSError as exc:
                if exc.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                    return False
                raise
            sync_folder(parent)
            return True
    except OSError as exc:
        raise PlannerError(f"cannot write {folder}: {exc.strerror or exc}; nothing was written") from exc


@contextlib.contextmanager
def _stage(parent: str) -> Iterator[str]:
    """Make a folder for preparing in, held so that nobody takes it for left behind; what is left of it goes."""
    stage = os.path.join(parent, new_name(STAGE))
    os.mkdir(stage)
    handle = _folder_handle(stage)
    try:
        if handle is not None:
            hold(handle)
        yield stage
    finally:
        _remove(stage)
        if handle is not None:
            os.close(handle)


def _fill(stage: str, body: Mapping[str, str], old: str) -> None:
    """Write and sync files below `stage`; old: the folder whose files they replace and whose modes they take."""
    folders = {stage}
    for path, text in body.items():
        target = os.path.join(stage, *path.split("/"))
        folder = os.path.dirname(target)
        os.makedirs(folder, exist_ok=True)
        folders.add(folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        handle = os.open(target, flags, 0o777 if path.endswith(".sh") else 0o666)
        with open(handle, "wb") as out:
            out.write(text.encode())
            out.flush()
            before = os.path.join(old, *path.split("/"))
            if old and os.path.exists(before):
                like(handle, before, os.stat(before))
            os.fsync(handle)
    for folder in sorted(folders, reverse=True):
        sync_folder(folder)


# -- a folder that is there ------------------------------------------------------------------------------------------


def _plan(files: Mapping[str, str], folder: str, force: bool) -> Work:
    """Return what is to be done; raise `MisuseError` where it would go over what is the user's."""
    ours = _manifest(folder)
    body = dict(files)
    digests = {path: _sha(text) for path, text in body.items()}
    edited: list[str] = []
    kept: list[str] = []
    same: list[str] = []
    for path in sorted(body):
        _check_way(folder, path)
        have = _digest(os.path.join(folder, *path.split("/")), folder if path != KEPT else "")
        if have == digests[path]:
            same.append(path)
        if have in (None, digests[path], ours.get(path)):
            continue
        (kept if path == KEPT else edited).append(path)
    if edited and not force:
        shown = ", ".join(edited[:3]) + (f" and {len(edited) - 3} more" if len(edited) > 3 else "")
        raise MisuseError(f"{folder}: {shown} not written by planner or edited since; choose another -o, or replace with --force")
    for path in kept:
        del digests[path]
    stale = []
    for path, digest in ours.items():
        if path not in files and _safe(path):
            _check_way(folder, path)
            if _digest(os.path.join(folder, *path.split("/")), "") == digest:
                stale.append(path)
    for path in (*kept, *same):
        del body[path]
    if body or stale or digests != ours:
        body[MANIFEST] = _listing(digests)
    return Work(body, digests, stale, kept)


def _update(folder: str, work: Work) -> None:
    """Bring the folder to its new state, or back to the old one when that fails."""
    _check_writable(folder, work.body)
    update = os.path.join(folder, UPDATE)
    with _stage(folder) as stage:
        # Something stands in the folder now: nobody can move a new folder into its place.
        _fill(os.path.join(stage, "new"), work.body, folder)
        replaced = [p for p in (*work.body, *work.stale) if os.path.lexists(os.path.join(folder, *p.split("/")))]
        for path in replaced:
            _keep_old(os.path.join(folder, *path.split("/")), os.path.join(stage, "old", *path.split("/")))
        journal = {"new": {p: _sha(t) for p, t in work.body.items()}, "old": sorted(replaced)}
        _fill(stage, {_JOURNAL: json.dumps(journal), GUARD: GUARD_TEXT}, "")
        os.rename(stage, update)
    try:
        sync_folder(folder)
        os.rename(os.path.join(update, GUARD), os.path.join(folder, GUARD))
        sync_folder(folder)
        touched = {folder}
        for path in work.body:
            target = os.path.join(folder, *path.split("/"))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.replace(os.path.join(update, "new", *path.split("/")), target)
            touched.add(os.path.dirname(target))
        for path in work.stale:
            target = os.path.join(folder, *path.split("/"))
            os.unlink(target)
            touched.add(os.path.dirname(target))
        for place in sorted(touched, reverse=True):
            sync_folder(place)
    except BaseException:
        with contextlib.suppress(OSError):
            restore(folder)
        raise
    _finish(folder)


def restore(folder: str) -> None:
    """Put back what an update that did not end has replaced; what was edited since then stays as it is."""
    update = os.path.join(folder, UPDATE)
    if os.path.isdir(update) and not os.path.islink(update):
        journal = _journal(update)
        for path, digest in journal["new"].items():
            target = os.path.join(folder, *path.split("/"))
            if path not in journal["old"] and _safe(path) and _digest(target, "") == digest:
                os.unlink(target)
        for path in journal["old"]:
            target, saved = os.path.join(folder, *path.split("/")), os.path.join(update, "old", *path.split("/"))
            if _safe(path) and os.path.lexists(saved) and _digest(target, "") in (None, journal["new"].get(path)):
                # Linked anew and not moved: should this be stopped as well, the next one finds all it needs.
                again = os.path.join(update, new_name("back-"))
                _keep_old(saved, again)
                os.replace(again, target)
        for place in {os.path.dirname(os.path.join(folder, *p.split("/"))) for p in (*journal["new"], *journal["old"])}:
            if os.path.isdir(place):
                sync_folder(place)
        _finish(folder)
    for name in os.listdir(folder):
        if name.startswith(STAGE):  # we hold the lock: whoever made it is gone
            _remove(os.path.join(folder, name))


def _finish(folder: str) -> None:
    """Take the guard and the way back away, in this order: between the two, the update counts as not ended."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(folder, GUARD))
    sync_folder(folder)
    gone = os.path.join(folder, new_name(STAGE))
    os.rename(os.path.join(folder, UPDATE), gone)
    sync_folder(folder)
    _remove(gone)


def _journal(update: str) -> dict[str, Any]:
    try:
        with open(os.path.join(update, _JOURNAL), encoding="utf-8") as file:
            raw = json.load(file)
        return {"new": {str(k): str(v) for k, v in raw["new"].items()}, "old": [str(p) for p in raw["old"]]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise MisuseError(f"{update} cannot be read ({type(exc).__name__}); remove that folder, and check the module") from exc


def _keep_old(path: str, saved: str) -> None:
    """Keep a file under a second name, as a link where the file system has them."""
    os.makedirs(os.path.dirname(saved), exist_ok=True)
    try:
        os.link(path, saved, follow_symlinks=False)
    except (OSError, NotImplementedError):
        shutil.copy2(path, saved, follow_symlinks=False)


@contextlib.contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Be the only planner that writes into `folder`; the lock is on the folder itself and goes with the process."""
    handle = _folder_handle(folder)
    try:
        end = time.monotonic() + LOCK_WAIT_S
        while handle is not None and hold(handle) is False:
            if time.monotonic() > end:
                raise PlannerError(f"{folder}: another planner is writing there; try again when it has ended")
            time.sleep(0.02)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _folder_handle(folder: str) -> int | None:
    try:
        return os.open(folder, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except PermissionError:  # Windows opens no folder
        return None


def _check_way(folder: str, path: str) -> None:
    """Raise where a folder on the way to `path` is a link: what it points to is not ours to write to."""
    place = folder
    for part in path.split("/")[:-1]:
        place = os.path.join(place, part)
        if os.path.islink(place):
            raise MisuseError(f"{place} is a link; planner writes through none inside a module: remove it, or choose another -o")


def _check_writable(folder: str, body: Mapping[str, str]) -> None:
    """Raise before the first file moves when one of them could not."""
    for path in ("", *sorted({os.path.dirname(p) for p in body if os.path.dirname(p)})):
        place = os.path.join(folder, path) if path else folder
        if os.path.isdir(place) and not (os.access(place, os.W_OK) and os.stat(place).st_mode & 0o222):
            raise PermissionError(13, f"{place} is read-only")


def _listing(digests: Mapping[str, str]) -> str:
    return json.dumps(dict(sorted(digests.items())), indent=1) + "\n"


def _manifest(folder: str) -> dict[str, str]:
    """Return path -> SHA-256 of what planner wrote into `folder` before; {} when there is no such record."""
    try:
        with open(os.path.join(folder, MANIFEST), encoding="utf-8") as file:
            raw = json.load(file)
    except (OSError, ValueError, RecursionError):
        return {}
    return {str(k): str(v) for k, v in raw.items()} if isinstance(raw, dict) else {}


def _safe(path: str) -> bool:
    """Say whether a manifest's path stays inside the module."""
    return not os.path.isabs(path) and ".." not in path.replace("\\", "/").split("/") and "\0" not in path


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _digest(path: str, strict: str) -> str | None:
    """Return the SHA-256 of a regular file, None where there is nothing, "" for what is no regular file.

    strict: the module's folder, to raise `MisuseError` instead of returning "": such a thing is never replaced.
    """
    try:
        kind = os.lstat(path).st_mode
        if not stat.S_ISREG(kind):
            if strict:
                raise MisuseError(f"{path} is no regular file; remove it, or choose another -o")
            return ""
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _remove(folder: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
