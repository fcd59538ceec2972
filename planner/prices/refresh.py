"""Fetch regions from the clouds, several at once, and keep each in the price book as soon as it is whole.

Threads fetch; the caller's thread checks and writes, so the book has one writer. A region that fails, and whatever an
adapter raises, is one line in the outcome; nothing of that region is kept and no other is touched.
"""

from __future__ import annotations

import functools
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from planner.errors import FetchError, MisuseError, PlannerError, PriceBookError, scrubbed
from planner.money import plain
from planner.offer import InstanceType, Key, Price, Priced
from planner.prices.book import aside
from planner.prices.book.digest import Content, Fetch
from planner.prices.book.words import name_of
from planner.prices.book.write import Change, Writer, as_fetch
from planner.prices.catalog import Catalog
from planner.prices.checks import check_batch
from planner.prices.sift import only, sift, types_of, without
from planner.prices.texts import batch_of
from planner.provider import EXCEPT, Access, Batch, Provider, checked_endpoint
from planner.records import NamedTuple

__all__ = ["Job", "Outcome", "Plan", "endpoints_of", "listed_types", "one_line", "plan", "run", "self_check"]

DEFAULT_PARALLEL = 4
#: How long one region may take before it is given up. Adapters give up by themselves at that time; the rest is for what
#: no reader can bound: a server that sends the head of its answer letter by letter.
REGION_SECONDS = 600.0
_GRACE_SECONDS = 15.0
_SHOWN_PROBLEMS = 3
#: A price that is so many times the last known one, or so small a part of it, waits for a person's word.
FAR_OFF = 20


class Job(NamedTuple):
    """One region to fetch."""

    provider: Provider
    region: str
    access: Access


class Plan(NamedTuple):
    """What will be fetched. notes: what a user must know first; skipped: (provider, why); missing: those of them that
    were asked for by name, so that leaving them out is a failure."""

    jobs: tuple[Job, ...]
    notes: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]


class Outcome(NamedTuple):
    """How one region went. error "" = kept in the book; counts: prices, traffic prices, service prices, types.

    spoilt: (instance type or "", why) of each item that was left out of it; what the book knew of it stays.
    """

    provider: str
    region: str
    public: bool
    seconds: float
    counts: tuple[int, int, int, int]
    changes: tuple[Change, ...]
    gaps: tuple[str, ...]
    error: str
    spoilt: tuple[tuple[str, str], ...] = ()


def endpoints_of(given: Iterable[str], environ: Mapping[str, str], providers: Sequence[str]) -> dict[str, str]:
    """Return the endpoint override per provider: `PROVIDER=URL` options first, then $PLANNER_ENDPOINT_<PROVIDER>."""
    result = {}
    for name in providers:
        url = environ.get(f"PLANNER_ENDPOINT_{name.upper()}", "")
        if url:
            result[name] = checked_endpoint(url, name)
    for text in given:
        name, equals, url = text.partition("=")
        if not equals:
            raise MisuseError(f"--endpoint {text!r}: write PROVIDER=URL, e.g. CLOUD=https://proxy.example")
        if name not in providers:
            raise MisuseError(f"--endpoint {name}=...: {name!r} is not among the providers of this refresh")
        result[name] = checked_endpoint(url, name)
    return result


def plan(
    providers: Sequence[Provider],
    access: Callable[[Provider, bool, str], Access],
    *,
    named: bool,
    regions: Sequence[str] = (),
    public: bool = False,
    known: Callable[[str], Iterable[str]] = lambda name: (),
) -> Plan:
    """Decide what to fetch, from where. Nothing is fetched here, but credential chains are asked whether they find any.

    access(provider, public, region) makes an adapter's Access. named: the user chose the providers. known(name) gives
    region ids from the committed list, which say to whom a `--region` belongs.
    """
    jobs: list[Job] = []
    notes: list[str] = []
    skipped: list[tuple[str, str]] = []
    wanted = _regions(providers, regions, named, known)
    for provider in providers:
        if not wanted[provider.name]:
            continue
        source = str(getattr(provider, "public_source", ""))
        hint = None if public else _hint(provider)
        if (public or hint is not None) and not source:
            why = hint if hint is not None else "has no source that needs no keys"
            skipped.append((provider.name, why))
            continue
        if hint is not None:
            notes.append(f"{hint}; reading {source} instead, which needs no keys")
        jobs += [
            Job(provider, region, access(provider, public or hint is not None, region))
            for region in wanted[provider.name]
        ]
    missing = tuple(name for name, _ in skipped) if named else ()
    return Plan(tuple(jobs), tuple(notes), tuple(skipped), missing)


def _hint(provider: Provider) -> str | None:
    try:
        hint = provider.credentials_hint()
    except Exception as exc:  # noqa: BLE001 - an SDK's credential chain can raise anything (a broken profile file)
        return f"the search for credentials failed ({one_line(exc)})"
    return None if hint is None else one_line(hint).rstrip(".")


def _regions(
    providers: Sequence[Provider], regions: Sequence[str], named: bool, known: Callable[[str], Iterable[str]]
) -> dict[str, tuple[str, ...]]:
    """Return each provider's regions; one provider named alone takes every region that the user writes."""
    regions = tuple(dict.fromkeys(regions))
    if not regions:
        return {p.name: p.default_regions() for p in providers}
    if named and len(providers) == 1:
        return {providers[0].name: regions}
    everywhere: dict[str, set[str]] = {}
    for provider in providers:
        more = getattr(provider, "known_regions", None)
        everywhere[provider.name] = {
            *provider.default_regions(),
            *known(provider.name),
            *(more() if more is not None else ()),
        }
    for region in regions:
        if not any(region in ids for ids in everywhere.values()):
            raise MisuseError(
                f"--region {region}: no provider is known to have it; name the provider as well "
                f"(planner refresh PROVIDER --region {region})"
            )
    return {name: tuple(region for region in regions if region in ids) for name, ids in everywhere.items()}


def run(
    jobs: Sequence[Job],
    book: Writer,
    report: Callable[[Outcome], None],
    stop: threading.Event,
    clock: Callable[[], float] = time.monotonic,
    limit: float = REGION_SECONDS + _GRACE_SECONDS,
) -> list[Outcome]:
    """Fetch all jobs and keep what is whole; `report` hears of each region as it ends. Outcomes are in the jobs' order.

    KeyboardInterrupt sets `stop` and passes on: regions reported until then are in the book, others are not.
    """
    done: queue.Queue[tuple[int, float, Batch | str]] = queue.Queue()
    waiting: dict[str, queue.SimpleQueue[int]] = {}
    for number, job in enumerate(jobs):
        waiting.setdefault(job.provider.name, queue.SimpleQueue()).put(number)

    begun: dict[int, float] = {}

    def work(mine: queue.SimpleQueue[int]) -> None:
        while not stop.is_set():
            try:
                number = mine.get_nowait()
            except queue.Empty:
                return
            begun[number] = clock()
            result = _fetch(jobs[number])
            done.put((number, clock() - begun[number], result))

    def start(name: str) -> None:
        # Daemons, so that a fetch that hangs in a socket cannot hold the process after Ctrl-C.
        threading.Thread(target=work, args=(waiting[name],), daemon=True, name=f"refresh-{name}").start()

    for name, mine in waiting.items():
        one = next(job.provider for job in jobs if job.provider.name == name)
        for _ in range(min(_parallel(one), mine.qsize())):
            start(name)
    outcomes: dict[int, Outcome] = {}
    try:
        while len(outcomes) < len(jobs):
            try:
                # A timeout, because an endless wait cannot be interrupted on every platform.
                number, seconds, result = done.get(timeout=0.5)
            except queue.Empty:
                late = [n for n, since in list(begun.items()) if n not in outcomes and clock() - since > limit]
                if not late:
                    continue
                number, seconds = late[0], clock() - begun[late[0]]
                result = (
                    f"did not end within {seconds:.0f} s and was given up; try again later, or ask for less at once"
                )
                start(jobs[number].provider.name)  # its thread is left behind: another goes on with what waits
            if number in outcomes:
                continue  # given up before
            outcomes[number] = _keep(jobs[number], result, seconds, book)
            report(outcomes[number])
    except BaseException:
        stop.set()
        raise
    return [outcomes[number] for number in range(len(jobs))]


def _parallel(provider: Provider) -> int:
    return max(1, int(getattr(provider, "max_parallel_regions", DEFAULT_PARALLEL)))


def _fetch(job: Job) -> Batch | str:
    """Return the region's batch, or why there is none."""
    try:
        return job.provider.fetch(job.region, job.access)
    except PlannerError as exc:
        return one_line(exc)
    except Exception as exc:  # noqa: BLE001 - an SDK's or an adapter's own error must not end the other regions
        return f"{job.provider.name} {job.region}: unexpected {type(exc).__name__}: {one_line(exc)}"


def _keep(job: Job, result: Batch | str, seconds: float, book: Writer) -> Outcome:
    name, region, access = job.provider.name, job.region, job.access
    changes: list[Change] = []
    counts, error = (0, 0, 0, 0), ""
    gaps: tuple[str, ...] = ()
    spoilt: tuple[tuple[str, str], ...] = ()
    if isinstance(result, str):
        error = result
    else:
        try:
            result, problems = _sifted(job, result)
            if problems:
                more = f" (and {len(problems) - _SHOWN_PROBLEMS} more)" if len(problems) > _SHOWN_PROBLEMS else ""
                raise FetchError("; ".join(problems[:_SHOWN_PROBLEMS]) + more)
            result, changes = _add(job, result, book)
            counts = (len(result.prices), len(result.transfer), len(result.services), len(result.instance_types))
            gaps = result.gaps
            spoilt = tuple((name, one_line(why)) for name, why in result.spoilt)
        except PlannerError as exc:
            error = one_line(exc, 1000)
    return Outcome(
        provider=name,
        region=region,
        public=access.public,
        seconds=seconds,
        counts=counts,
        changes=tuple(changes),
        gaps=gaps,
        error=error,
        spoilt=spoilt,
    )


def _add(job: Job, batch: Batch, book: Writer) -> tuple[Batch, list[Change]]:
    """Keep a batch; return what was kept of it, and what that changed.

    Raise `FetchError` when it is held, `PriceBookError` when it lies aside because the book is not to be had.
    """
    access = job.access
    how = "public" if access.public else "keys"
    try:
        far = _far_off(batch, book)
        if far:
            types = {row.instance_type for row in far if isinstance(row, Price)}
            single = all(isinstance(row, Price) for row in far) and len(types) * 2 <= len(types_of(batch))
            held = only(batch._replace(transfer=(), services=(), gaps=(), spoilt=()), types) if single else batch
            families = types if single else _covered(access, batch)
            path = aside.put(book.beside, aside.HELD, *as_fetch(held, access.now, how, families))
            why = _held(far.values(), path)
            if not single:
                raise FetchError(why)
            batch = without(batch, types)._replace(spoilt=(*batch.spoilt, *((name, why) for name in sorted(types))))
        return batch, book.add(batch, access.now, how, _covered(access, batch))
    except PriceBookError as exc:
        path = aside.put(book.beside, aside.ASIDE, *as_fetch(batch, access.now, how, _covered(access, batch)))
        book.hurry()
        raise PriceBookError(f"{exc}; what was fetched lies in {path}, and the next refresh takes it in") from exc


def _covered(access: Access, batch: Batch) -> tuple[str, ...]:
    """Return the families that a fetch covers: of a spoilt type it says nothing, so what was known of it stands."""
    return (*access.families, *(EXCEPT + name for name, _ in batch.spoilt if name))


def _held(far: Collection[str], path: str) -> str:
    shown = list(far)[:_SHOWN_PROBLEMS]
    more = f" and {len(far) - len(shown)} more" if len(far) > len(shown) else ""
    return (
        f"held for confirmation, {len(far)} prices are more than {FAR_OFF} times off from the last known: "
        f"{'; '.join(shown)}{more}; if they are right: planner catalog import {path}"
    )


def _far_off(batch: Batch, book: Writer) -> dict[Priced, str]:
    """Return the prices that differ from the last known ones, of the book or else of the list, by more than FAR_OFF times."""
    known = {**_listed(batch.provider, batch.region), **book.priced(batch.provider, batch.region)}
    found: dict[Priced, str] = {}
    rows: tuple[Priced, ...] = (*batch.prices, *batch.transfer, *batch.services)
    for row in rows:
        before = known.get(row.key)
        if before is None or row.amount <= 0 or before.amount <= 0:
            continue
        if not before.amount / FAR_OFF <= row.amount <= before.amount * FAR_OFF:
            found[row] = f"{name_of(row)} {plain(before.amount)} -> {plain(row.amount)} {row.currency}"
    return found


@functools.cache
def _listed(provider: str, region: str) -> dict[Key, Priced]:
    catalog = Catalog()
    rows = (catalog.priced(provider, region) if region in _regions_of(catalog, provider) else None) or ()
    return {row.key: row for row in rows if not row.status and row.source.confidence != "low"}


def _regions_of(catalog: Catalog, provider: str) -> Iterable[str]:
    return catalog.regions(provider) if provider in catalog.providers() else ()


def check_fetch(fetch: Fetch, content: Content) -> list[str]:
    """Check a fetch from a file like one from a cloud."""
    made = batch_of(fetch.provider, fetch.region, fetch.account_site, content, fetch.gaps, fetch.tells_zones)
    return check_batch(made, listed_types(fetch.provider))


def _sifted(job: Job, batch: Batch) -> tuple[Batch, list[str]]:
    if (batch.provider, batch.region) != (job.provider.name, job.region):
        return batch, [f"asked {job.provider.name} {job.region}, got {batch.provider} {batch.region}"]
    return sift(batch, listed_types(batch.provider))


@functools.cache
def listed_types(provider: str) -> Mapping[str, InstanceType]:
    """Return the committed specifications, {} for a cloud that has none here."""
    catalog = Catalog()
    return catalog.instances(provider) if provider in catalog.providers() else {}


def self_check(providers: Sequence[tuple[Provider, Access]]) -> Iterable[tuple[str, str, bool, str]]:
    """Yield (provider, call, ok, what was seen) for every call that a refresh depends on; nothing is kept."""
    for provider, access in providers:
        try:
            for call, good, seen in provider.self_check(access):
                yield provider.name, call, good, one_line(seen)
        except Exception as exc:  # noqa: BLE001 - a check reports, whatever it meets
            yield provider.name, "self_check", False, f"{type(exc).__name__}: {one_line(exc)}"


def one_line(what: object, limit: int = 400) -> str:
    """Return a text on one line, cut to `limit` characters, without passwords."""
    text = scrubbed(" ".join(str(what).split()))
    return text if len(text) <= limit else text[: limit - 3] + "..."
