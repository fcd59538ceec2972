"""`planner gate`: what a pull request changes in cost, in one comment, judged by a policy."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from planner.cli.help import Grouped, lang_option
from planner.cli.options import book_options, make_quote, open_catalog, put, told
from planner.errors import MisuseError, PlannerError, PolicyError

if TYPE_CHECKING:
    from planner.gate.base import Found
    from planner.gate.sides import Side, Subject
    from planner.gate.words import Told
    from planner.prices.catalog import Catalog
    from planner.prices.fx import Rates
    from planner.quoting.records import Quote
    from planner.text import Text
    from planner.workload import Workload

__all__ = ["gate"]


@click.command(cls=Grouped)
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option("--base", metavar="REF", help="Compare with this commit or branch.  [the one that the CI names]")
@click.option("--policy", "policy_file", metavar="FILE", help="What is allowed (TOML, [policy]).  [nothing is judged]")
@click.option(
    "--comment",
    "where",
    type=click.Choice(("none", "github", "gitlab")),
    default="none",
    help="Make or update the comment there; the token comes from $GITHUB_TOKEN or $GITLAB_TOKEN.  [none]",
)
@click.option(
    "--name", metavar="NAME", default="cost", help="Name of the comment, where a request has several.  [cost]"
)
@click.option(
    "--format",
    "form",
    type=click.Choice(("table", "markdown", "json")),
    default="table",
    help="Output format.  [table]",
)
@click.option("-o", "--output", metavar="FILE", help="Write to a file instead of the terminal.")
@click.option("--force", is_flag=True, help="Replace a file that planner did not write.")
@lang_option()
@book_options
def gate(
    paths: tuple[str, ...],
    base: str | None,
    policy_file: str | None,
    where: str,
    name: str,
    form: str,
    output: str | None,
    force: bool,
    lang: str,
    **books: Any,
) -> int:
    """What a change costs: each workload.toml, *.workload.toml and emitted module that differs from the base is priced as it was and as it is.

    PATHs narrow where to look; a file that is named is a workload whatever its name. Without a base everything there is priced and
    judged as it is. Exit 3 when the policy does not allow it, 1 when something cannot be priced, 2 when it is asked wrongly.
    """
    from planner.gate import forge, words
    from planner.i18n import translator

    if not name or len(name) > 60 or not all(c.isascii() and (c.isalnum() or c in "-_.") for c in name) or "--" in name:
        raise MisuseError("--name: letters, digits, -, _ and . only")
    t = translator(lang)
    at = None if where == "none" else forge.forge_of(where, os.environ)
    found = _told(paths, base or forge.base_of(os.environ), policy_file or "", books)
    comment = words.as_markdown(found, t, name)
    shown = {
        "markdown": lambda: comment,
        "json": lambda: words.as_json(found, t),
        "table": lambda: words.as_table(found, t),
    }
    put(shown[form](), output, force, people=form != "json")
    lost = _comment(at, comment, words.marker(name)) if at is not None else None
    for one in found.subjects:
        if one.problem is not None:
            raise type(one.problem)(f"{one.path}: {one.problem}")
    if found.refused:
        number = sum(bool(one.why) for one in found.subjects)
        first = next(one for one in found.subjects if one.why)
        more = f" (and {number - 1} more)" if number > 1 else ""
        raise PolicyError(f"{policy_file} does not allow it: {first.path}: {first.why[0]}{more}")
    if lost is not None:
        raise lost
    return 0


def _told(paths: tuple[str, ...], ref: str, policy_file: str, books: dict[str, Any]) -> Told:
    """Return all that is to be said of the change since `ref` ("" = of everything there)."""
    from planner.gate import base, policy, words
    from planner.prices import fx

    commit = base.start(ref) if ref else ""
    changed = base.changes(commit) if commit else []
    found = base.found(changed, paths, base.records(commit)) if commit else base.everything(paths)
    with tempfile.TemporaryDirectory(prefix="planner-gate-") as folder:
        notes: list[Text] = []
        rules = policy.Policy()
        now = open_catalog(**books)
        if policy_file:
            where = _of_base(policy_file, commit, folder, notes)
            rules = policy.read(where, tuple(now.providers()))
        rates = fx.Rates(fx.committed(now.as_of))
        then = _then(now, books, commit, folder)
        if commit:
            base.unpacked(commit, [one.before for one in found], folder)
            base.unpacked(
                commit, _configs((o.before for o in found if o.before and o.kind == "workload"), folder), folder
            )
        subjects = tuple(_subject(one, folder, (then, now), rules.basis, rates) for one in found)
        day = now.as_of or time.strftime("%Y-%m-%d")
        judged = tuple(one._replace(why=policy.judge(rules, one, day, rates)) for one in subjects)
    return words.Told(judged, commit, policy_file, rules.basis, day, rates, tuple(notes))


def _configs(paths: Iterable[str], folder: str) -> list[str]:
    """Return the config.json files that the workloads of the base name."""
    from planner.workload import from_toml

    found = []
    for path in paths:
        with contextlib.suppress(PlannerError):
            found.append(from_toml(os.path.join(folder, path)).model_config)
    return [name for name in found if name]


def _of_base(path: str, commit: str, folder: str, notes: list[Text]) -> str:
    """Return where the policy lies by which to judge: the base's, so that no change loosens what it is judged by."""
    from planner.gate import base
    from planner.text import text

    if not commit:
        return path
    base.unpacked(commit, [path], folder)
    old = os.path.join(folder, os.path.normpath(path))
    if os.path.isabs(path) or not os.path.isfile(old):
        return path
    if _bytes(old) != _bytes(path):
        notes.append(text("{path}: this change alters the policy; judged by the base's", path=path))
    return old


def _bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(1 << 20)
    except OSError:
        return b""


def _then(now: Catalog, books: dict[str, Any], commit: str, folder: str) -> Catalog:
    """Return the prices of the base: the same, with the price books of --price-book as they were there."""
    from planner.gate import base

    mine = tuple(path for path in books["price_book"] if not os.path.isabs(path))
    if not commit or not mine:
        return now
    base.unpacked(commit, mine, folder)
    before = tuple(
        path if os.path.isabs(path) else os.path.join(folder, os.path.normpath(path)) for path in books["price_book"]
    )
    kept = tuple(path for path in before if os.path.isfile(path))
    if [_bytes(path) for path in kept] == [_bytes(path) for path in books["price_book"]]:
        return now
    return open_catalog(**(books | {"price_book": kept}))


def _subject(one: Found, folder: str, catalogs: tuple[Catalog, Catalog], basis: str, rates: Rates) -> Subject:
    """Return both sides of a workload or module; what cannot be priced is said in it."""
    from planner.gate.sides import Subject

    price = _workload if one.kind == "workload" else _module
    made = Subject(one.now or one.before, one.kind)
    old: Quote | None = None
    if one.before:
        try:
            side, old = price(os.path.join(folder, one.before), folder, catalogs[0], basis, rates)
            made = made._replace(before=side)
        except PlannerError as exc:
            made = made._replace(base_problem=str(exc).replace(folder + os.sep, ""))
    if one.now:
        try:
            side, new = price(one.now, "", catalogs[1], basis, rates)
        except PlannerError as exc:
            return made._replace(problem=exc)
        made = made._replace(after=side, quote=new)
        if old is not None and new is not None and old.currency == new.currency:
            from planner.quoting.diff import compare

            made = made._replace(diff=compare(old, new, basis))
    return made


def _workload(path: str, folder: str, catalog: Catalog, basis: str, rates: Rates) -> tuple[Side, Quote | None]:
    from planner.gate.sides import of_quote
    from planner.workload import from_toml

    work = from_toml(path)
    quote = _quoted(work, folder, catalog)
    return of_quote(quote, basis), quote


def _quoted(work: Workload, folder: str, catalog: Catalog) -> Quote:
    """Return the quote of a workload; the config.json that it names is the base's where `folder` has the base."""
    if not folder or not work.model_config or os.path.isabs(work.model_config):
        return make_quote(work, catalog)
    mine = os.path.join(folder, os.path.normpath(work.model_config))
    if not os.path.isfile(mine):
        return make_quote(work, catalog)
    quote = make_quote(work._replace(model_config=mine), catalog)
    return quote._replace(workload=work)


def _module(path: str, folder: str, catalog: Catalog, basis: str, rates: Rates) -> tuple[Side, Quote | None]:
    from planner.cli.price import priced_at
    from planner.gate.sides import of_priced
    from planner.terraform.price import Asked

    priced = priced_at(path, None, Asked(), catalog)
    bought, currency = _bought(path)
    return of_priced(priced, bought, currency, rates, basis), None


def _bought(path: str) -> tuple[tuple[tuple[str, str], ...], str]:
    """Return of whom and how a module's machines are bought, as its HCL stands, and the currency in which it was planned."""
    from planner.terraform import configuration
    from planner.terraform.machines import ways
    from planner.terraform.price import record
    from planner.terraform.readback import module_of

    try:
        work = module_of(path).workload
        return ((work.provider[0], work.purchase_option[0]),), work.currency
    except PlannerError:  # machines of several kinds, or a tree of emit-k8s
        raw = record(path) or {}
    said = raw.get("workload")
    currency = str(said.get("currency", "USD")) if isinstance(said, dict) else "USD"
    inner = os.path.join(path, "cluster")
    found = ways(configuration.read(inner if os.path.isdir(inner) else path).resources)
    if found:
        return found, currency
    offer = [*str(raw.get("offer", "")).split(":"), *[""] * 5]  # in a cluster that is there
    return ((str(raw.get("provider", "") or offer[0]), offer[4]),), currency


def _comment(at: Any, text: str, marker: str) -> PlannerError | None:
    """Make or update the comment; where the job may not, write the job's summary instead. Return what must not pass in silence."""
    from planner.gate import forge

    why = (
        "there is no pull request"
        if not at.number
        else ""
        if at.token
        else "there is no token, as in a pull request from a fork"
    )
    lost: PlannerError | None = None
    if not why:
        try:
            told(f"comment {forge.comment(at, text, marker, time.sleep)}")
            return None
        except forge.Refused as exc:
            why = f"it may not be written from a fork ({exc})" if at.fork else str(exc)
        except PlannerError as exc:
            why, lost = str(exc), exc
    if at.summary:
        with open(at.summary, "a", encoding="utf-8") as file:
            file.write(text)
        told(f"no comment: {why}; its text stands in the job's summary")
    else:
        told(f"no comment: {why}; its text stands above, or in the file of -o")
    return lost
