"""The base of a change, as git has it: which files differ from it, and those files as they were."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence

from planner.errors import MisuseError
from planner.records import NamedTuple

__all__ = ["RECORD", "Change", "Found", "changes", "everything", "found", "records", "start", "unpacked"]

#: What makes a folder a module of emit-tf, or a tree of emit-k8s.
RECORD = "planner.json"
_WORKLOAD = "workload.toml"


class Change(NamedTuple):
    """A file that differs, by its path before and now ("" = not there), relative to the folder in which planner runs."""

    before: str
    now: str


class Found(NamedTuple):
    """A workload file or a module's folder, by its path before and now ("" = not there)."""

    kind: str
    before: str
    now: str


def _git(*words: str, given: bytes = b"") -> bytes:
    """Return what git says; a failure of it is `MisuseError`, in its own words."""
    try:
        done = subprocess.run(["git", "--literal-pathspecs", *words], input=given, capture_output=True, check=False)
    except OSError as exc:
        raise MisuseError(f"--base needs git: {exc.strerror or exc}") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise MisuseError(f"--base: git {words[0]}: {said[-1][:300] if said else f'exit {done.returncode}'}")
    return done.stdout


def start(ref: str) -> str:
    """Return the commit from which the change began: the newest that HEAD and `ref` share."""
    try:
        commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}").decode().strip()
    except MisuseError:
        inside = _git("rev-parse", "--is-inside-work-tree")  # says so itself where there is no repository
        assert inside
        raise MisuseError(
            f"--base {ref[:100]}: this checkout does not have it; fetch it first (actions/checkout: fetch-depth: 0; GitLab: GIT_DEPTH: 0)"
        ) from None
    try:
        return _git("merge-base", commit, "HEAD").decode().strip()
    except MisuseError:
        raise MisuseError(
            f"--base {ref[:100]}: it shares no commit with HEAD here; fetch the whole history (fetch-depth: 0)"
        ) from None


def changes(base: str) -> list[Change]:
    """Return what differs between the commit `base` and the files that lie here, new ones that git ignores not aside."""
    words = (
        _git("diff", "--no-ext-diff", "--name-status", "-z", "-M", "--relative", base, "--")
        .decode("utf-8", "surrogateescape")
        .split("\0")
    )
    made, rest = [], iter(words[:-1])
    for status in rest:
        first = next(rest)
        second = next(rest) if status[:1] in "RC" else first
        gone, new = status.startswith("D"), status[:1] in "AC"
        made.append(Change("" if new else first, "" if gone else second))
    others = _git("ls-files", "--others", "--exclude-standard", "-z").decode("utf-8", "surrogateescape").split("\0")
    return made + [Change("", name) for name in others if name]


def records(base: str) -> frozenset[str]:
    """Return the folders that had a record of ours at the commit `base`."""
    names = _git("ls-tree", "-r", "-z", "--name-only", base).decode("utf-8", "surrogateescape").split("\0")
    return frozenset(os.path.dirname(name) or "." for name in names if os.path.basename(name) == RECORD)


def unpacked(base: str, paths: Iterable[str], folder: str) -> None:
    """Write files and folders as they were at the commit `base` into `folder`; what was not there is passed over, links too."""
    wanted = sorted({os.path.normpath(path) for path in paths if path and _inside(path)})
    listed = _git("ls-tree", "-r", "-z", base, "--", *wanted).decode("utf-8", "surrogateescape") if wanted else ""
    files = []
    for entry in listed.split("\0")[:-1]:
        about, _, name = entry.partition("\t")
        mode, kind, blob = about.split()
        if kind == "blob" and mode != "120000" and _inside(name):
            files.append((name, blob))
    if not files:
        return
    said, at = _git("cat-file", "--batch", given="".join(f"{blob}\n" for _, blob in files).encode()), 0
    for name, _ in files:
        end = said.index(b"\n", at)
        size = int(said[at:end].split()[2])
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(said[end + 1 : end + 1 + size])
        at = end + 1 + size + 1


def _inside(path: str) -> bool:
    """Return whether a path lies below the folder in which planner runs."""
    return not os.path.isabs(path) and os.path.normpath(path).split(os.sep)[0] != ".."


def found(changed: Sequence[Change], paths: Sequence[str], before: frozenset[str]) -> list[Found]:
    """Return the workloads and modules among what changed. paths: where to look (() = everywhere); a file that is named is a workload.

    before: the folders of modules at the base.
    """
    named = {os.path.normpath(path) for path in paths}
    workloads: list[Found] = []
    modules: dict[str, Found] = {}
    for change in changed:
        here = [path for path in (change.before, change.now) if path]
        if not any(_within(path, named) for path in here):
            continue
        if any(_workload(path) or path in named for path in here):
            workloads.append(Found("workload", change.before, change.now))
            continue
        old = _top(here[0], lambda folder: folder in before)
        new = _top(here[-1], lambda folder: os.path.isfile(os.path.join(folder, RECORD)))
        if new or old:
            last = modules.get(new or old, Found("module", "", ""))
            modules[new or old] = Found("module", last.before or old, last.now or new)
    return workloads + list(modules.values())


def _workload(path: str) -> bool:
    return os.path.basename(path) == _WORKLOAD or path.endswith("." + _WORKLOAD)


def _top(path: str, ours: Callable[[str], bool]) -> str:
    """Return the outermost folder above `path` that is one of ours, "" where none is."""
    parts = os.path.dirname(path).split(os.sep)
    folders = [os.sep.join(parts[: n + 1]) or "." for n in range(len(parts))]
    return next((folder for folder in folders if ours(folder)), "")


def _within(path: str, tops: Iterable[str]) -> bool:
    return not tops or any(top == "." or path == top or path.startswith(top + os.sep) for top in tops)


def everything(paths: Sequence[str]) -> list[Found]:
    """Return all workloads and modules at `paths` (() = here); a file that is named is a workload, whatever its name."""
    made: list[Found] = []
    for path in paths or (".",):
        if os.path.isfile(path):
            made.append(Found("workload", "", os.path.normpath(path)))
        elif os.path.isdir(path):
            made += _walk(path)
        else:
            raise MisuseError(
                f"{path}: no such file or folder; name a workload file, a module's folder, or a folder above them"
            )
    return made


def _walk(top: str) -> Iterator[Found]:
    for folder, inner, names in os.walk(top):
        inner[:] = sorted(n for n in inner if not n.startswith("."))
        if RECORD in names:
            inner.clear()
            yield Found("module", "", os.path.normpath(folder))
            continue
        for name in sorted(names):
            if _workload(name):
                yield Found("workload", "", os.path.normpath(os.path.join(folder, name)))
