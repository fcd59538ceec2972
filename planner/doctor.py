"""`planner doctor`: whether this installation can do what it is for, each finding with what to do about it.

A finding is fine, worth a look, or a fault; only a fault makes the exit code 1. No credential's value is read into a finding: only whether the
cloud's own SDK finds one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from typing import Any

from planner import provider
from planner.errors import PlannerError, TerraformError, scrubbed
from planner.files import data_folder
from planner.prices import fx
from planner.prices.catalog import Catalog
from planner.quoting import build
from planner.records import NamedTuple
from planner.sizing import advisories, engines
from planner.text import Text, text
from planner.version import VERSION
from planner.workload import Workload

__all__ = ["FAULT", "FINE", "LOOK", "Finding", "examine", "passed", "record"]

FINE, LOOK, FAULT = "fine", "look", "fault"
#: The oldest Python that planner runs on.
_PYTHON = (3, 11)
#: Whatever a module may be for: no model is known here, so it takes images and spans instances.
_WIDEST = advisories.Setting(images=True, pp=2)


class Finding(NamedTuple):
    """topic: what was looked at; state: fine, look or fault; said: what was seen; todo: "" or what to do."""

    topic: str
    state: str
    said: Text
    todo: Text = Text("")


def examine(catalog: Catalog, today: str, environ: Mapping[str, str], engine: str = "") -> list[Finding]:
    """Return every finding, in the order of the topics. engine: ENGINE@VERSION instead of those that modules deploy.

    Raises `MisuseError` for an unknown engine. What fails while it is looked at is a finding itself.
    """
    asked = (engines.parse(engine),) if engine else ()
    topics: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("versions", _versions),
        ("prices", lambda: _prices(catalog, today)),
        ("credentials", _credentials),
        ("terraform", _terraform),
        ("folders", lambda: _folders(environ)),
        ("advisories", lambda: _advisories(asked)),
    )
    found: list[Finding] = []
    for topic, look in topics:
        try:
            found += look()
        except PlannerError as exc:
            found.append(Finding(topic, FAULT, text("{why}", why=str(exc))))
    return found


def passed(found: list[Finding]) -> bool:
    """Return whether there is no fault."""
    return all(one.state != FAULT for one in found)


def record(found: list[Finding]) -> dict[str, Any]:
    """Return the findings as JSON has them (schema planner.doctor/1), in English."""
    rows = [{"topic": f.topic, "state": f.state, "said": str(f.said), "todo": str(f.todo)} for f in found]
    return {"schema": "planner.doctor/1", "ok": passed(found), "findings": rows}


# -- the topics --------------------------------------------------------------------------------------------------------


def _versions() -> Iterator[Finding]:
    python = ".".join(str(part) for part in sys.version_info[:3])
    new = sys.version_info[:2] >= _PYTHON
    todo = Text("") if new else text("install Python {least} or newer", least=".".join(map(str, _PYTHON)))
    yield Finding(
        "versions",
        FINE if new else FAULT,
        text("planner {planner}, Python {python}", planner=VERSION, python=python),
        todo,
    )
    needed, extra = _requirements()
    if not needed:
        yield Finding(
            "versions",
            LOOK,
            text("planner is not installed as a package, so what it needs is not known"),
            text("in a checkout: make setup"),
        )
        return
    there = [f"{name} {found}" for name in needed if (found := _version(name))]
    missing = [name for name in needed if not _version(name)]
    if missing:
        todo = text("install planner again, in an environment of its own")
        yield Finding("versions", FAULT, text("missing: {names}", names=", ".join(missing)), todo)
    yield Finding("versions", FINE, text("needed and there: {names}", names=", ".join(there)))
    for name, packages in extra.items():
        absent = [p for p in packages if not _version(p)]
        if absent:
            said = text("the extra {name} is not installed ({names})", name=name, names=", ".join(absent))
            yield Finding(
                "versions", FINE, said, text("only if you want it: pip install 'gpu-cost-planner[{name}]'", name=name)
            )


def _requirements() -> tuple[list[str], dict[str, list[str]]]:
    """Return the packages that planner needs, and those of each extra but the tests'."""
    try:
        said = metadata.requires("gpu-cost-planner") or []
    except metadata.PackageNotFoundError:
        return [], {}
    needed: list[str] = []
    extra: dict[str, list[str]] = {}
    for line in said:
        what, _, marker = line.partition(";")
        name = what.strip()
        for end in "<>=!~[( ":
            name = name.partition(end)[0]
        if "extra ==" not in marker:
            needed.append(name)
        else:
            extra.setdefault(marker.partition("extra ==")[2].strip(" \"')"), []).append(name)
    extra.pop("test", None)
    return needed, extra


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _prices(catalog: Catalog, today: str) -> Iterator[Finding]:
    """The age of the prices of the default quote, by provider."""
    quote = build.quote(Workload(), catalog, today, fx.Rates(fx.committed(catalog.as_of), ()))
    for one in quote.prices_as_of:
        said = text(
            "{who}: prices of {oldest} to {newest}",
            who=one.provider,
            oldest=one.oldest or "?",
            newest=one.newest or "?",
        )
        old = [s for s in quote.stale if s.provider == one.provider]
        todo = text("fetch newer ones: planner refresh, or planner refresh --public") if old else Text("")
        yield Finding("prices", LOOK if old else FINE, said, todo)
    for gap in sorted({g.provider for g in quote.gaps} - {one.provider for one in quote.prices_as_of}):
        yield Finding(
            "prices", FAULT, text("{who}: no price at all", who=gap), text("planner catalog check names what is wrong")
        )


def _credentials() -> Iterator[Finding]:
    """Whether each cloud's SDK finds credentials; asked at once, since a metadata address may be waited for."""
    from concurrent.futures import ThreadPoolExecutor

    def hint(name: str) -> str | None:
        try:
            return provider.load(name).credentials_hint()
        except Exception as exc:
            return scrubbed(f"{type(exc).__name__}: {exc}")

    names = [name for name in provider.names() if _is_asked(name)]
    with ThreadPoolExecutor(max_workers=len(names) or 1) as pool:
        for name, missing in zip(names, pool.map(hint, names), strict=True):
            if missing is None:
                yield Finding("credentials", FINE, text("{who}: found", who=name))
            else:
                todo = text("needed for planner refresh with keys, for quotas, and for terraform; quotes need none")
                yield Finding("credentials", LOOK, text("{who}: not found ({why})", who=name, why=missing), todo)


def _is_asked(name: str) -> bool:
    """Return whether a provider has anything to ask: machines of one's own have not. One that cannot be loaded says so itself."""
    try:
        return bool(provider.load(name).default_regions())
    except Exception:
        return True


def _terraform() -> Iterator[Finding]:
    from planner.terraform import run

    try:
        yield Finding("terraform", FINE, text("Terraform {version}", version=run.version()))
    except TerraformError as exc:
        yield Finding(
            "terraform",
            LOOK,
            text("{why}", why=str(exc)),
            text("needed to apply what emit-tf writes, and for its --validate and --plan"),
        )


def _folders(environ: Mapping[str, str]) -> Iterator[Finding]:
    own = data_folder(environ)
    for path, why in (
        (own, text("the price book and your own prices lie there")),
        (os.getcwd(), text("modules and files are written there")),
    ):
        place = path
        while not os.path.lexists(place) and os.path.dirname(place) != place:
            place = os.path.dirname(place)
        good = os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK)
        if good:
            yield Finding("folders", FINE, text("{path}: writable", path=path))
        else:
            todo = (
                text("{why}: make it writable, or name another one with PLANNER_HOME", why=why) if path == own else why
            )
            yield Finding(
                "folders", FAULT if path == own else LOOK, text("{path}: cannot be written to", path=path), todo
            )


def _advisories(asked: tuple[engines.Engine, ...]) -> Iterator[Finding]:
    """What is published against the engines that modules deploy, or against the one that was asked for."""
    used = asked or tuple(dict.fromkeys(b.engine for b in engines.builds() if b.rank))
    for engine in used:
        findings = advisories.judge(engine, _WIDEST)
        if not findings:
            yield Finding(
                "advisories", FINE, text("{engine}: no published weakness is known to be open", engine=engine.label)
            )
            continue
        fatal = {f.advisory.id for f in advisories.fatal(findings)}
        for f in findings:
            severity = f.advisory.rating
            said = text(
                "{engine} is open to {id} (severity {severity}): {takes}",
                engine=engine.label,
                id=f.advisory.id,
                severity=severity,
                takes=text(f.advisory.takes),
            )
            if f.reached:
                todo = text(
                    "in a module: {answer}; advised: {mitigation}",
                    answer=f.answer,
                    mitigation=text(f.advisory.mitigation),
                )
            else:
                todo = text("in a module: {answer}", answer=f.answer)
            yield Finding("advisories", FAULT if f.advisory.id in fatal else LOOK if f.reached else FINE, said, todo)
