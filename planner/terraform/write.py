"""Writing a module's folder: whole or not at all, and never over what a user has edited unless told so."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping

from planner.errors import MisuseError, PlannerError

__all__ = ["KEPT", "write_module"]

#: The user's own file once it stands: it holds what only the user knows.
KEPT = "terraform.tfvars"

MANIFEST = ".planner-files.json"


def write_module(files: Mapping[str, str], folder: str, *, force: bool = False) -> tuple[str, ...]:
    """Write `files` below `folder`; return the names of files of the user's that were kept as they are.

    Everything goes to a temporary folder on the same disk first, so a full disk leaves `folder` untouched. A file that
    planner wrote and nobody changed is replaced; a changed or foreign one under a name of ours raises `MisuseError`
    (with `force` it is replaced), except terraform.tfvars, which is kept. Files of ours that the new module lacks go.
    """
    folder = os.path.abspath(folder)
    parent = os.path.dirname(folder)
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise MisuseError(f"{folder} is a file; name a folder with -o")
    if not os.path.isdir(parent):
        raise MisuseError(f"cannot write {folder}: {parent} does not exist; create it first")
    ours = _manifest(folder)
    body = dict(files)
    digests = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in body.items()}
    edited, kept, same = [], [], []
    for path in sorted(body):
        have = _digest(os.path.join(folder, path))
        if have == digests[path]:
            same.append(path)
        if have in (None, digests[path], ours.get(path)):
            continue
        if path == KEPT and not force:
            kept.append(path)
        else:
            edited.append(path)
    if edited and not force:
        shown = ", ".join(edited[:3]) + (f" and {len(edited) - 3} more" if len(edited) > 3 else "")
        raise MisuseError(f"{folder}: {shown} not written by planner or edited since; choose another -o, or replace with --force")
    for path in kept:
        del digests[path]
    stale = [p for p, digest in ours.items() if p not in files and _safe(p) and _digest(os.path.join(folder, p)) == digest]
    for path in (*kept, *same):
        del body[path]
    body[MANIFEST] = json.dumps(dict(sorted(digests.items())), indent=1) + "\n"
    try:
        temporary = tempfile.mkdtemp(prefix=".planner-", dir=parent)
    except OSError as exc:
        raise PlannerError(f"cannot write {folder}: {exc.strerror or exc}; nothing was written") from exc
    try:
        for path, text in body.items():
            target = os.path.join(temporary, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "w", encoding="utf-8", newline="\n") as out:
                out.write(text)
            os.chmod(target, 0o755 if path.endswith(".sh") else 0o644)
        if not os.path.isdir(folder):
            os.chmod(temporary, 0o755)  # noqa: S103 - mkdtemp makes it private, a module is not
            os.rename(temporary, folder)
            return tuple(kept)
        _check_writable(folder, body)
        for path in body:
            target = os.path.join(folder, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.replace(os.path.join(temporary, path), target)
        for path in stale:
            os.unlink(os.path.join(folder, path))
    except OSError as exc:
        raise PlannerError(f"cannot write {folder}: {exc.strerror or exc}; the old files are untouched") from exc
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return tuple(kept)


def _check_writable(folder: str, body: Mapping[str, str]) -> None:
    """Raise before the first file moves when one of them could not."""
    for path in ("", *sorted({os.path.dirname(p) for p in body if os.path.dirname(p)})):
        place = os.path.join(folder, path) if path else folder
        if os.path.isdir(place) and not (os.access(place, os.W_OK) and os.stat(place).st_mode & 0o222):
            raise PermissionError(13, f"{place} is read-only")
    for path in body:
        if os.path.isdir(os.path.join(folder, path)):
            raise IsADirectoryError(21, f"{path} is a folder there")


def _manifest(folder: str) -> dict[str, str]:
    """Return path -> SHA-256 of what planner wrote into `folder` before; {} when there is no such record."""
    try:
        with open(os.path.join(folder, MANIFEST), encoding="utf-8") as file:
            raw = json.load(file)
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in raw.items()} if isinstance(raw, dict) else {}


def _safe(path: str) -> bool:
    """Say whether a manifest's path stays inside the module."""
    return not os.path.isabs(path) and ".." not in path.replace("\\", "/").split("/")


def _digest(path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return None
