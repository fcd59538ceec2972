"""What is published against an engine's version, and whether a module of ours lets it be reached.

planner/data/advisories.csv has a row for each: versions, severity, what it takes, and in `reach` by which way it comes:
`port` (the engine's own port, or a path that no module opens), a path, `request` (any request that the proxy lets through),
`image` (a request with an image or a video), `model` (a hostile checkpoint), `pp` (a model split over instances), `unused`
(a feature that no module switches on). A module answers each way by what it emits; what has no answer is reached.
"""

from __future__ import annotations

import os
from functools import lru_cache

from planner import tables
from planner.errors import MisuseError
from planner.files import DATA
from planner.records import NamedTuple
from planner.sizing.engines import Engine
from planner.text import Text, text

__all__ = [
    "CRITICAL",
    "HIGH",
    "SAID",
    "Advisory",
    "Finding",
    "Setting",
    "accepted",
    "fatal",
    "judge",
    "opened",
    "paths",
    "said",
]

CRITICAL, HIGH = 9.0, 7.0
SAID = "{engine} is open to {id} (severity {severity}); in a module: {answer}"
_WORDS = {"critical": CRITICAL, "high": HIGH, "medium-high": 6.0, "medium": 5.0, "low": 3.0}
#: What the proxy opens with every engine, and what more where the engine has it: path -> first version, by engine.
_ALWAYS = ("/v1/models", "/v1/completions", "/v1/chat/completions")
_MORE: dict[str, dict[str, tuple[int, ...]]] = {
    "vllm": {"/v1/embeddings": (0, 6), "/v1/rerank": (0, 7), "/v1/responses": (0, 10), "/v1/messages": (0, 12)},
    # No /v1/rerank: by which version CVE-2026-5760, which comes by it, is mended was not read.
    "sglang": {"/v1/embeddings": (0, 5, 9), "/v1/responses": (0, 5, 9), "/v1/messages": (0, 5, 20)},
}


class Advisory(NamedTuple):
    """A published weakness. reach: see the top of this module. read: whether somebody read which versions it is in."""

    id: str
    severity: str
    takes: str
    mitigation: str
    reach: str
    read: bool

    @property
    def rating(self) -> str | Text:
        """The severity as it is said: a number, or a word that has another one in Chinese."""
        return self.severity if self.severity[:1].isdigit() else text(self.severity)

    @property
    def score(self) -> float:
        """The severity as a number; a word counts as the least that it can mean, none as 0."""
        word = self.severity.strip().lower()
        return _WORDS[word] if word in _WORDS else float(word) if word.replace(".", "", 1).isdigit() else 0.0

    @property
    def names(self) -> tuple[str, ...]:
        """Each identifier by itself."""
        return tuple(part.strip() for part in self.id.replace(",", "/").split("/") if part.strip())


class Setting(NamedTuple):
    """What a module does with the engine. images: the model takes images; pinned: its files are of a fixed revision."""

    images: bool = False
    pinned: bool = False
    pp: int = 1


class Finding(NamedTuple):
    """An advisory and what a module makes of it. reached: nothing that is emitted stands in its way; answer: what does."""

    advisory: Advisory
    reached: bool
    answer: Text


def _full(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


@lru_cache(maxsize=64)
def opened(engine: Engine) -> tuple[Advisory, ...]:
    """Return the advisories that are open in this very version, the worst first; without those whose range is not read."""
    at, found = _full(engine.version), []
    for since, fixed, last, advisory in _known(engine.key):
        if at >= since and not ((fixed and at >= fixed) or (last and at > last)):
            found.append(advisory)
    return tuple(found)


@lru_cache(maxsize=16)
def _known(key: str) -> list[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], Advisory]]:
    """Return what is published against an engine and whose range is read, the worst first: since, fixed in, last affected."""
    found = []
    header, rows = tables.read(os.path.join(DATA, "advisories.csv"), (key,))
    for texts, _ in rows:
        r = dict(zip(header, texts, strict=True))
        if r["confirmed"] != "range not read":
            read = r["confirmed"].startswith("range read")
            one = Advisory(r["id"], r["severity"], r["what_it_takes"], r["mitigation"], r["reach"], read)
            found.append((_full(r["since"]), _full(r["fixed_in"]), _full(r["last_affected"]), one))
    return sorted(found, key=lambda row: (-row[3].score, row[3].id))


def paths(engine: Engine) -> tuple[str, ...]:
    """Return the paths that the proxy opens: those that the version has and that no open advisory names."""
    named = {path for a in opened(engine) for path in a.reach.split()}
    more = (p for p, since in _MORE.get(engine.key, {}).items() if _full(engine.version) >= since and p not in named)
    return (*_ALWAYS, *more)


def judge(engine: Engine, setting: Setting) -> tuple[Finding, ...]:
    """Return every open advisory with the module's answer to it, the worst first."""
    return tuple(_finding(a, setting) for a in opened(engine))


def _finding(a: Advisory, setting: Setting) -> Finding:
    """Return what a module with `setting` makes of `a`."""
    if a.reach == "port":
        return Finding(
            a, False, text("the engine's port is on the loopback, and the proxy opens few paths, with a key")
        )
    if a.reach.startswith("/"):
        return Finding(a, False, text("the proxy does not open {paths}", paths=a.reach))
    if a.reach == "unused":
        return Finding(a, False, text("the module does not use it"))
    if a.reach == "image" and not setting.images:
        return Finding(a, False, text("the model takes no images"))
    if a.reach == "model" and setting.pinned:
        return Finding(a, False, text("the checkpoint is pinned to a revision, its files are checked"))
    if a.reach == "model":
        return Finding(a, True, text("pin the checkpoint: --checkpoint ORG/NAME@SHA"))
    if a.reach == "pp" and setting.pp == 1:
        return Finding(a, False, text("no replica spans instances"))
    return Finding(a, True, text("nothing stands in its way"))


def fatal(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return the findings that keep a module from being written: critical, in a range that was read, and reached."""
    return tuple(f for f in findings if f.reached and f.advisory.read and f.advisory.score >= CRITICAL)


def accepted(given: tuple[str, ...], findings: tuple[Finding, ...], engine: Engine) -> tuple[Finding, ...]:
    """Return the findings that `given` names; raise MisuseError for a name that is not open in the version."""
    for name in given:
        if not any(name in f.advisory.names for f in findings):
            have = ", ".join(n for f in findings for n in f.advisory.names[:1]) or "none"
            raise MisuseError(f"--accept-advisory {name[:40]!r} is not open in {engine.label}; open there: {have}")
    return tuple(f for f in findings if set(given) & set(f.advisory.names))


@lru_cache(maxsize=256)
def said(engine: Engine, setting: Setting) -> tuple[Text, ...]:
    """Return what a quote and `planner size` say of the version: what is serious, worst first, with a module's answer."""
    return tuple(
        text(
            SAID,
            engine=engine.label,
            id=f.advisory.id,
            severity=f"{f.advisory.score:g}" + "+" * (f.advisory.severity.lower() in _WORDS),  # a word is a class
            answer=f.answer,
        )
        for f in judge(engine, setting)
        if f.advisory.score >= HIGH and f.advisory.reach != "unused"
    )
