"""`planner verify`: a load held against an endpoint, or another tool's results, beside the estimate."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from planner.cli.help import Grouped
from planner.cli.options import measured_option, measurements_path, open_catalog, saved_quote
from planner.errors import MisuseError
from planner.records import NamedTuple

if TYPE_CHECKING:
    from planner.measure import Run
    from planner.measure.loop import Served
    from planner.measure.report import Judged
    from planner.measure.target import Endpoint
    from planner.measure.verdict import Asked
    from planner.quoting.records import Offer, Quote
    from planner.sizing.own import Measurement
    from planner.workload import Workload

#: The fields of the load that may be given; what a saved quote says is beaten by them.
LOAD = (
    "model",
    "model_config",
    "precision",
    "kv_cache_dtype",
    "engine",
    "input_tokens",
    "output_tokens",
    "concurrency",
)


@click.command(cls=Grouped)
@click.argument("target", metavar="ENDPOINT|FILE")
@click.option(
    "--quote", "quote_file", metavar="FILE", help="The saved quote that is checked: model, load, machine, price."
)
@click.option("--offer", metavar="ID", help="Which offer of it runs.  [the recommended one]")
@click.option("--model", metavar="NAME", help="Model as sized (see `planner models list`).  [what is served]")
@click.option("--model-config", metavar="FILE", help="A Hugging Face config.json instead.")
@click.option("--precision", metavar="P", help="As for `planner size`.  [as the checkpoint is]")
@click.option("--kv-cache-dtype", metavar="P", help="Width of the KV cache: auto or fp8.  [auto]")
@click.option("--instance-type", metavar="TYPE", help="The instance type that runs it.")
@click.option("--gpu", metavar="NAME", help="A GPU instead; then nothing is priced.")
@click.option("--gpus", type=click.IntRange(1, 1024), metavar="N", help="GPUs that serve.  [all of the type, else 1]")
@click.option("--tp", type=click.IntRange(1, 1024), metavar="K", help="Tensor parallel degree.  [as sized]")
@click.option("--engine", metavar="NAME@VERSION", help="Engine.  [what the endpoint says, else as sized]")
@click.option("--input-tokens", metavar="N", help="Prompt length.  [1024]")
@click.option("--output-tokens", metavar="N", help="Answer length.  [512]")
@click.option("--concurrency", metavar="C", help="Requests kept in flight.  [as many as sized for]")
@click.option("--served-model", metavar="NAME", default="", help="Model name in requests.  [the only one served]")
@click.option("--max-minutes", metavar="M", default="5", help="Longest run.  [5]")
@click.option(
    "--max-requests", type=click.IntRange(2, 1_000_000), metavar="N", help="Most requests.  [7 for each in flight]"
)
@click.option("--max-cost", metavar="AMOUNT", help="Most that the machine may cost meanwhile; the run is cut to that.")
@click.option("--provider", metavar="NAME", multiple=True, help="Cloud whose price counts.")
@click.option("--region", metavar="ID", multiple=True, help="Region whose price counts.  [the home region]")
@click.option("--currency", metavar="CODE", help="Currency of the costs.  [USD]")
@click.option("--save", is_flag=True, help="Keep it as your measurement: later quotes and sizings prefer it.")
@measured_option
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="Output format.  [table]")
def verify(
    target: str,
    quote_file: str | None,
    offer: str | None,
    instance_type: str | None,
    gpu: str | None,
    gpus: int | None,
    tp: int | None,
    served_model: str,
    max_minutes: str,
    max_requests: int | None,
    max_cost: str | None,
    save: bool,
    measurements: str | None,
    form: str,
    **values: Any,
) -> int:
    """Check the sizing against what really runs: exit 0 inside its range, 1 outside.

    ENDPOINT (http://HOST:PORT) is OpenAI-compatible; a closed loop is held against it at the sized lengths. Its key, if any,
    is read from PLANNER_VERIFY_KEY. FILE holds results of vllm bench serve, guidellm, aiperf or inference-perf.
    """
    from planner.measure import verdict
    from planner.measure.report import as_json, table
    from planner.measure.target import KEY, endpoint

    limits = _Limits(_minutes(max_minutes), max_requests, max_cost)
    machine = (instance_type, gpu, gpus)
    place = measurements or measurements_path()
    if save:
        _kept(place)  # a damaged file is said before the run, not after it
    to = endpoint(target, os.environ.get(KEY, "")) if target.startswith(("http://", "https://")) else None
    if not quote_file:  # what is misused is said before anybody is asked
        from planner.cli.size import machine_of

        machine_of(*machine)
    runs: tuple[Run, ...] = ()
    if to is not None:
        from planner.measure import loop

        served = loop.look(to, served_model)
        name = served.model
    else:
        from planner.measure import results

        runs = results.read(target)
        name = runs[0].model
    if not quote_file and values["model"] is None and values["model_config"] is None:
        values["model"] = _known(name)
    subject = _subject(quote_file, offer, machine, tp or 0, values)
    if to is not None:
        subject, run = _measured(to, served, subject, limits, form == "json")
        runs = (run,)
    asked = to is not None or any(values[k] is not None for k in LOAD[-3:])
    shown = [_judged(one, subject, asked) for one in runs]
    new = [
        verdict.keep(j.run, j.sizing, subject.asked, subject.work, _today())
        for j in shown
        if j.sizing.fits and not j.run.broken
    ]
    if save and new:
        _save(place, tuple(new))
    if form == "json":
        import json

        sys.stdout.write(json.dumps(as_json(shown, place if save and new else ""), indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("\n".join(table(j, subject.title) for j in shown))
        if save and new:
            sys.stdout.write(
                f"  saved         in {place}: later quotes and sizings of this model, GPU and engine prefer it\n"
            )
        elif new and not all(j.holds for j in shown):
            sys.stdout.write(
                "  next          --save keeps it as yours: later quotes and sizings of this model, GPU and engine prefer it\n"
            )
    return 0 if all(j.holds for j in shown) else 1


class _Subject(NamedTuple):
    """What is checked: the load as sized, the machine, and the offer whose price counts (None: nothing is priced).

    times: how often the GPUs that are measured stand on one machine of the offer.
    """

    work: Workload
    asked: Asked
    title: str
    quote: Quote | None
    offer: Offer | None
    times: float = 1.0


class _Limits(NamedTuple):
    """What a run may take. cost: as typed, None for no limit."""

    minutes: float
    requests: int | None
    cost: str | None


def _today() -> str:
    from datetime import date

    return date.today().isoformat()


def _minutes(text: str) -> float:
    from planner.money import decimal_of

    minutes = decimal_of(text, "--max-minutes")
    if not 0 < minutes <= 24 * 60:
        raise MisuseError(f"--max-minutes: {text[:40]} is outside 0 (exclusive) to 1,440")
    return float(minutes)


# -- what is checked -------------------------------------------------------------------------------------------------


def _subject(
    path: str | None,
    offer: str | None,
    machine: tuple[str | None, str | None, int | None],
    tp: int,
    values: dict[str, Any],
) -> _Subject:
    """Return what the options, or a saved quote, say about what runs there."""
    from planner.cli.size import load_of, machine_of
    from planner.measure.verdict import Asked

    if path:
        if any(machine):
            raise MisuseError("--quote names the machine; drop --instance-type, --gpu and --gpus, or choose an --offer")
        return _quoted(path, offer, tp, values)
    if offer:
        raise MisuseError("--offer is of a saved quote: name it with --quote FILE")
    work = load_of({k: values[k] for k in LOAD})
    found = machine_of(*machine)
    asked = Asked(found.gpu, found.count, found.memory_gib, found.network_gbps, found.host, tp, machine[0] or "")
    quote, best, times = None, None, 1.0
    if machine[0]:
        where = {k: values[k] for k in ("provider", "region", "currency") if values[k]}
        quote, best = _priced(work, found.name, where)
        times = float(best.machine.gpu.count) / found.count if best else 1.0
    inside = f" ({found.gpus})" if found.gpus != found.name else ""
    return _Subject(work, asked, f"{found.name}{inside}", quote, best, max(1.0, times))


def _quoted(path: str, offer_id: str | None, tp: int, values: dict[str, Any]) -> _Subject:
    """Return what a saved quote says runs: an offer's machine, under the quote's workload or the load that was given."""
    from planner import workload
    from planner.measure.verdict import Asked
    from planner.quoting.choose import named
    from planner.sizing.engines import Host

    quote = saved_quote(path)
    offer = named(quote, offer_id) if offer_id else quote.best or next(iter(quote.offers), None)
    if offer is None:
        raise MisuseError(f"{path}: no offer in this quote")
    sizing, gpu = offer.sizing, offer.machine.gpu
    work = quote.workload
    if not work.engine and sizing.engine:
        work = work._replace(engine=sizing.engine)
    given = {k: values[k] for k in LOAD if values[k] is not None}
    if given.get("model") or given.get("precision"):
        raise MisuseError("--quote names the model and its precision; drop --model and --precision")
    work = workload.make(given, work)
    catalog = open_catalog()
    driver = catalog.info(offer.provider).driver if offer.provider in catalog.providers() else None
    layout = sizing.layout
    asked = Asked(
        gpu=gpu.model,
        count=float(gpu.count),
        memory_gib=None if gpu.memory_gib is None else float(gpu.memory_gib),
        network_gbps=None if offer.machine.network_gbps is None else float(offer.machine.network_gbps),
        host=Host(offer.provider if driver else "", driver.version if driver else ""),
        tp=tp or (layout.tp if layout and layout.pp == 1 else 0),
        place=offer.instance_type,
    )
    return _Subject(work, asked, f"{offer.instance_type} ({gpu.count:g} x {gpu.model})", quote, offer)


def _priced(work: Workload, name: str, where: dict[str, Any]) -> tuple[Quote, Offer | None]:
    """Return the quote of the machine alone by the hour, and its best offer."""
    from planner import workload
    from planner.cli.options import make_quote
    from planner.quoting.choose import best_of

    zero = Decimal(0)
    bare = work._replace(
        rps=zero, tokens_per_second=zero, ttft_ms=zero, tpot_ms=zero, concurrency=0, count=1, engine=""
    )
    bare = workload.make({**where, "instance_type": (name,), "purchase_option": ("on_demand",)}, bare)
    quote = make_quote(bare, open_catalog(), measurements="none")
    return quote, best_of(quote, quote.offers)


# -- the run ---------------------------------------------------------------------------------------------------------


def _known(name: str) -> str:
    """Return the model that an endpoint or a file names, where it is one that we know."""
    from planner.sizing.models import find

    if not name:
        raise MisuseError("the results do not say which model ran: name it with --model")
    try:
        find(name)
    except MisuseError:
        from planner.harmless import one_line

        raise MisuseError(
            f"the model served is called {one_line(name)[:100]!r}, which is none that we know: say which it is with --model NAME "
            "or --model-config FILE"
        ) from None
    return name


def _measured(to: Endpoint, served: Served, subject: _Subject, limits: _Limits, quiet: bool) -> tuple[_Subject, Run]:
    """Hold the load against an endpoint; what it will take at most is said first."""
    from planner.errors import PlannerError
    from planner.measure import loop
    from planner.sizing import engines, fit
    from planner.sizing.machine import on_machine

    work, asked = subject.work, subject.asked
    model = fit.model_of(work)
    if served.engine and not work.engine and engines.parse(served.engine).number:
        work = work._replace(engine=served.engine)
    sized = on_machine(work, asked.gpu, asked.count, asked.memory_gib, asked.network_gbps, tp=asked.tp, host=asked.host)
    if not sized.fits or sized.layout is None:
        raise PlannerError(
            f"{subject.title} does not serve it by the sizing: {'; '.join(str(r) for r in sized.reasons)}"
        )
    many = work.concurrency or min(sized.concurrency * sized.layout.pp, loop.MOST_CONCURRENCY)
    requests = limits.requests or loop.wanted(many)
    minutes, said = _cost(subject, sized.layout.pp, limits)
    out = sys.stderr if quiet else sys.stdout
    out.write(
        f"{to.shown} ({served.model}): {many:,} at once, {work.input_tokens:,} tokens in, {work.output_tokens:,} out; at most "
        f"{requests:,} requests and {minutes:.3g} {'minute' if minutes == 1 else 'minutes'}; {said}\n"
    )
    out.flush()
    load = loop.Load(work.input_tokens, work.output_tokens, many, requests, 60 * minutes, model.vocab)
    return subject._replace(work=work), loop.run(to, served, load)


def _cost(subject: _Subject, machines: int, limits: _Limits) -> tuple[float, str]:
    """Return how many minutes the run may take, and what they cost in words."""
    from planner.measure.verdict import hourly
    from planner.money import decimal_of, show

    quote, offer = subject.quote, subject.offer
    if quote is None or offer is None:
        if limits.cost:
            raise MisuseError(
                "--max-cost: no price is known; name the machine with --instance-type, or a quote with --quote"
            )
        return limits.minutes, "its cost is not known (no --instance-type or --quote)"
    each, minutes = hourly(quote, offer, machines), limits.minutes
    if limits.cost:
        most = decimal_of(limits.cost, "--max-cost")
        if most <= 0:
            raise MisuseError(f"--max-cost: {limits.cost[:40]} is not above zero")
        minutes = min(minutes, float(most / each * 60)) if each else minutes
    cost = each * Decimal(str(round(minutes, 6))) / 60
    return minutes, f"that is {show(cost)} {quote.currency} at {show(each)} an hour ({offer.id})"


# -- what came of it -------------------------------------------------------------------------------------------------


def _judged(run: Run, subject: _Subject, given: bool) -> Judged:
    from planner.measure import verdict
    from planner.measure.report import Judged

    sizing, notes = verdict.sized(run, subject.work, subject.asked, given)
    rows = verdict.inside(run, sizing) if sizing.fits else ()
    priced = None
    if subject.quote is not None and subject.offer is not None and sizing.fits:
        priced = verdict.cost_of(run, sizing, subject.quote, subject.offer, subject.times)
    return Judged(run, sizing, rows, (*run.notes, *notes), priced)


def _kept(place: str) -> tuple[Measurement, ...]:
    from planner.quoting.measured import read

    if place == "none":
        raise MisuseError("--save needs a file: drop --measurements none")
    return read(place) if os.path.exists(place) else ()


def _save(place: str, new: tuple[Measurement, ...]) -> None:
    """Add measurements to the file; two that are saved at once do not lose each other's."""
    from planner.measure.verdict import kept
    from planner.sizing.own import SCHEMA
    from planner.writing import write_new

    folder = os.path.dirname(place)
    if folder and place == measurements_path():
        os.makedirs(folder, mode=0o700, exist_ok=True)
    with _alone(folder or "."):
        write_new(place, kept(_kept(place), new), mine=lambda file: SCHEMA.encode() in file.read(4096), private=True)


@contextlib.contextmanager
def _alone(folder: str) -> Iterator[None]:
    """Hold the folder, where its system has locks, for as long as a file in it is read and written again."""
    import time

    from planner.writing import hold

    if os.name == "nt":  # a folder cannot be opened there
        yield
        return
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        end = time.monotonic() + 5
        while hold(handle) is False and time.monotonic() < end:
            time.sleep(0.02)
        yield
    finally:
        os.close(handle)
