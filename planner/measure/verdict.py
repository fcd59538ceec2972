"""What a run says about the estimate: inside its range or not, what a million tokens cost, and the measurement to keep."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from planner.errors import MisuseError
from planner.measure import Run
from planner.quoting.offers import per_million
from planner.records import NamedTuple
from planner.sizing import Range, Sizing
from planner.sizing.machine import on_machine
from planner.sizing.own import SCHEMA, Measurement
from planner.text import Text, text

if TYPE_CHECKING:
    from planner.quoting.records import Offer, Quote
    from planner.sizing.engines import Host
    from planner.workload import Workload

__all__ = ["Asked", "Compared", "Priced", "cost_of", "hourly", "inside", "keep", "kept", "sized"]

#: From this difference on, lengths that were not those asked for are said.
LENGTH = 0.05


class Asked(NamedTuple):
    """The machine that was measured. count: its GPUs; tp: 0 leaves the layout to the sizing. place: instance type or ""."""

    gpu: str
    count: float  # type: ignore[assignment]  # the machine's own word; tuple.count is not used
    memory_gib: float | None
    network_gbps: float | None
    host: Host
    tp: int
    place: str


class Compared(NamedTuple):
    """One value as measured beside its estimate; said: "inside", "above" or "below" the range, "" where not measured.

    weak: it does not decide the verdict.
    """

    name: str
    measured: float
    range: Range
    said: str
    weak: bool = False

    @property
    def off(self) -> float:
        """By which share the measured value lies beyond the side of the range that it crossed; 0 inside."""
        side = {"below": self.range.low, "above": self.range.high}.get(self.said, self.measured)
        return abs(self.measured / side - 1) if side else 0.0


class Priced(NamedTuple):
    """Cost per million output tokens, and per million of input and output: as measured, and by the estimate's low side."""

    currency: str
    output: Decimal
    tokens: Decimal
    estimated: Decimal | None


def sized(run: Run, work: Workload, asked: Asked, said: bool = True) -> tuple[Sizing, list[Text]]:
    """Return the estimate for the load that the run really held, without any measurement in it; and what differs.

    The estimate is the model's alone: a measurement is not held against itself. said: whether the load was asked for, so that
    another one is worth a note.
    """
    if run.output_tokens < 1 or run.input_tokens < 1 or run.concurrency < 0.5:
        raise MisuseError(
            f"{run.tool}: {run.input_tokens:.3g} tokens in, {run.output_tokens:.3g} out, {run.concurrency:.3g} at once: nothing to compare"
        )
    inflow, outflow, many = (max(1, round(v)) for v in (run.input_tokens, run.output_tokens, run.concurrency))
    notes = [
        text(
            "{what}: {told} asked for, {real} is what ran; the estimate is for that",
            what=text(what),
            told=str(told),
            real=str(real),
        )
        for what, told, real in (
            ("input tokens", work.input_tokens, inflow),
            ("output tokens", work.output_tokens, outflow),
            ("requests at once", work.concurrency, many),
        )
        if said and told and abs(real / told - 1) > LENGTH
    ]
    zero = Decimal(0)
    load = work._replace(
        input_tokens=inflow,
        output_tokens=outflow,
        concurrency=many,
        context_tokens=0,
        rps=zero,
        tokens_per_second=zero,
        ttft_ms=zero,
        tpot_ms=zero,
        count=0,
        spare=0,
    )
    found = on_machine(
        load,
        asked.gpu,
        asked.count,
        asked.memory_gib,
        asked.network_gbps,
        tp=asked.tp,
        burst=run.burst,
        host=asked.host,
    )
    return found, notes


def inside(run: Run, s: Sizing) -> tuple[Compared, ...]:
    """Return each measured value beside its range; s: a sizing that fits. A copy over several machines is one unit."""
    pp = s.layout.pp if s.layout else 1
    rows = (
        ("output tokens/s", run.tokens_per_second / pp, s.output_tokens_per_second, False),
        ("TPOT ms", run.tpot_ms, s.tpot_ms, False),
        ("TTFT ms", run.ttft_ms, s.ttft_ms, True),
    )
    found = []
    for name, value, band, weak in rows:
        if band is not None:
            said = "" if not value else "below" if value < band.low else "above" if value > band.high else "inside"
            found.append(Compared(name, value, band, said, weak))
    return tuple(found)


def cost_of(run: Run, s: Sizing, quote: Quote, offer: Offer, times: float = 1.0) -> Priced | None:
    """Return the cost per million tokens at the offer's price and the measured rate; None without a price or a rate.

    times: how often what was measured stands on one machine (8 where one of its 8 GPUs was measured).
    """
    pp = s.layout.pp if s.layout else 1
    rate = run.tokens_per_second / pp
    zero = Decimal(0)
    work = quote.workload._replace(
        rps=zero,
        tokens_per_second=zero,
        input_tokens=max(1, round(run.input_tokens)),
        output_tokens=max(1, round(run.output_tokens)),
    )
    whole = s._replace(count=offer.count, count_given=True)
    total = offer.totals.report.effective / Decimal(str(times))
    measured = per_million(work, whole._replace(output_tokens_per_second=Range(rate, rate, rate)), total)
    estimated = per_million(work, whole, total)
    if measured[0] is None or measured[1] is None:
        return None
    return Priced(quote.currency, measured[0], measured[1], estimated[0])


def hourly(quote: Quote, offer: Offer, machines: int) -> Decimal:
    """Return what `machines` of the offer's cost an hour, in the quote's currency."""
    return offer.totals.report.effective / quote.hours / offer.count * machines


def keep(run: Run, s: Sizing, asked: Asked, work: Workload, today: str) -> Measurement:
    """Return the measurement that a run is of the machine and layout that `s` sized."""
    from planner.sizing import fit

    layout = s.layout
    if layout is None:
        raise MisuseError("a load that the machine does not hold is no measurement of it")
    gpu = fit.gpu_of(asked.gpu, asked.memory_gib, asked.count)
    return Measurement(
        model=s.model,
        precision=s.precision,
        kv_cache_dtype=work.kv_cache_dtype,
        engine=s.engine,
        gpu=getattr(gpu, "name", asked.gpu),
        tp=layout.tp,
        pp=layout.pp,
        copies=layout.replicas,
        input_tokens=max(1, round(run.input_tokens)),
        output_tokens=max(1, round(run.output_tokens)),
        concurrency=max(1, round(run.concurrency)),
        arrival="burst" if run.burst else "steady",
        tokens_per_second=round(run.tokens_per_second, 3),
        ttft_ms=round(run.ttft_ms, 3),
        tpot_ms=round(run.tpot_ms, 4),
        requests=run.requests,
        seconds=round(run.seconds, 3),
        measured_on=run.day or today,
        tool=run.tool,
        place=asked.place,
    )


def kept(old: tuple[Measurement, ...], new: tuple[Measurement, ...]) -> str:
    """Return the text of a file with the new measurements in place of older ones of the same load."""
    import json

    def load(m: Measurement) -> tuple[object, ...]:
        engine = m.engine.partition("@")
        return (
            m.model,
            m.precision,
            m.kv_cache_dtype,
            *engine,
            m.gpu,
            m.tp,
            m.pp,
            m.copies,
            m.place,
            m.arrival,
            *m[8:11],
        )

    rows = {load(m): m for m in (*old, *new)}
    lines = ",\n  ".join(json.dumps(m._asdict(), ensure_ascii=False) for m in rows.values())
    return f'{{\n "schema": "{SCHEMA}",\n "measurements": [\n  {lines}\n ]\n}}\n'
