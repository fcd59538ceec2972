"""Machines of the llama.cpp class, AMD cards and CPU sockets: one stream of a model in 4 bits, bound by what its memory reads.

Anchors (planner/data/streams.csv) are of kinds of their own: each says what share of the peak bandwidth a stream read, and of
kind "prompt" how many 10^9 weights a second it went through while reading a prompt. A kind's estimate is the median of its
anchors, its range their least and most; of a device that no anchor is of, the low side is taken a third lower still. Nothing is
promised of several streams at once on one card or socket: a second one needs another.
"""

from __future__ import annotations

import math
import os
from functools import cache
from statistics import median

from planner import tables
from planner.files import DATA
from planner.records import NamedTuple
from planner.sizing import Layout, Memory, Range, Sizing, Step, fit, gpus
from planner.sizing.models import Model
from planner.sizing.serve import demand_of
from planner.text import Text, text
from planner.workload import Load

__all__ = ["ENGINE", "PRECISION", "Device", "Pace", "device", "of_rate", "sized", "speed"]

ENGINE, PRECISION = "llama.cpp", "4-bit (Q4_K_M)"
#: Bits of a weight on average: Q4_K_M files of 7B to 70B have 4.82 to 4.91.
BITS = 4.87
#: Of a device without an anchor of its own: how much lower the low side of its kind is taken.
UNSEEN = 2 / 3
GIB = 2**30
#: What the engine takes beside weights and keys, of a card or socket.
OVERHEAD_GIB = 1.0


class Device(NamedTuple):
    """What one stream runs on: a card or a socket. kind: "rdna3" or "cpu". most: the share of the peak that its memory was seen to read
    (STREAM), beyond which an estimate does not go; its high side goes a tenth beyond."""

    name: str
    kind: str
    bandwidth_gb_s: float
    memory_gib: float
    most: float = 1.0


class Speed(NamedTuple):
    """Tokens a second of one stream as it answers (rate) and as it reads a prompt, and the anchors behind them."""

    rate: Range
    prompt: Range
    basis: tuple[str, ...]
    seen: bool


class _Anchor(NamedTuple):
    id: str
    kind: str
    device: str
    share: float


def _key(name: str) -> str:
    key = "".join(c for c in name.lower() if c.isalnum())
    for maker in ("intel", "amd"):
        key = key.removeprefix(maker)
    return key


@cache
def _cpus() -> dict[str, Device]:
    found = {}
    for row, _ in tables.read(os.path.join(DATA, "cpus.csv"))[1]:
        one = Device(row[0], "cpu", float(row[1]), float(row[2]) * 1e9 / GIB, float(row[3]))
        for name in (row[0], *row[4].split()):
            found[_key(name)] = one
    return found


@cache
def _anchors() -> tuple[_Anchor, ...]:
    return tuple(
        _Anchor(row[0], row[1], row[5], float(row[4]) * float(row[7]) / float(row[6]))
        for row, _ in tables.read(os.path.join(DATA, "streams.csv"))[1]
    )


def device(name: str) -> Device | None:
    """Return the card or socket of this class that a name means, None where it means none."""
    cpu = _cpus().get(_key(name))
    if cpu is not None:
        return cpu
    card = gpus.lookup(name)
    if isinstance(card, gpus.Missing) or card.family != "rdna3":
        return None
    return Device(card.name, card.family, card.bandwidth_gb_s, card.usable_gib)


def weights_gb(model: Model) -> float:
    """Return the size of a model's weights in 4 bits, in 10^9 bytes."""
    return model.total_params * BITS / 8e9


def speed(one: Device, model: Model) -> Speed:
    """Return what one stream of `model` in 4 bits makes."""
    kind = f"{one.kind}:{'moe' if model.experts else 'dense'}"
    mine = [anchor for anchor in _anchors() if anchor.kind == kind]
    shares = [anchor.share for anchor in mine]
    seen = any(anchor.device == one.name for anchor in mine)
    low = min(shares) * (1.0 if seen else UNSEEN)
    whole = one.bandwidth_gb_s / (model.active_params * BITS / 8e9)
    high = min(max(shares), 1.1 * one.most)
    rate = Range(low * whole, min(median(shares), one.most) * whole, high * whole)
    reading = [anchor for anchor in _anchors() if anchor.kind == f"{one.kind}:prompt"]
    paces = [anchor.share * 1e9 / model.active_params for anchor in reading]
    prompt = Range(min(paces), median(paces), max(paces))
    return Speed(rate, prompt, tuple(anchor.id for anchor in (*mine, *reading)), seen)


def sized(load: Load, name: str, number: float) -> Sizing | None:
    """Return how a machine of `number` such cards or sockets serves a load, None for a name that is of another class."""
    one = device(name)
    if one is None:
        return None
    model = fit.model_of(load)
    streams = max(1, int(number))
    weights = weights_gb(model) * 1e9 / GIB
    tokens = max(load.context_tokens, load.input_tokens + load.output_tokens)
    keys = model.kv_bytes_per_token * tokens / GIB
    if weights + keys + OVERHEAD_GIB > one.memory_gib:
        why = text(
            "{model} in 4 bits takes {need} GiB with {tokens} tokens, {device} has {have}",
            model=model.name,
            need=f"{weights + keys + OVERHEAD_GIB:.1f}",
            tokens=f"{tokens:,}",
            device=one.name,
            have=f"{one.memory_gib:.1f}",
        )
        return fit.refused(load, ENGINE, (why,))._replace(precision=PRECISION)
    found = speed(one, model)
    isl, osl = load.input_tokens, load.output_tokens
    seconds = [isl / first + osl / rate for first, rate in zip(found.prompt, found.rate, strict=True)]
    low, middle, high = (streams * osl / each for each in seconds)
    room = Memory(
        weights_gib=weights,
        kv_gib_per_1k_tokens=model.kv_bytes_per_token * 1000 / GIB,
        overhead_gib=OVERHEAD_GIB,
        available_gib=one.memory_gib,
        max_concurrent_tokens=tokens * streams,
    )
    said = [text("one stream a card or socket, in 4 bits by llama.cpp: batching is not counted on")]
    if not found.seen:
        said.append(text("nothing was measured on {device}: its low side is taken a third lower", device=one.name))
    pace = Pace(Range(low, middle, high), streams, _times(found.rate, 1), _times(found.prompt, isl))
    return of_rate(load, pace, (ENGINE, PRECISION), room, found.basis, tuple(said), _steps(one, model, found, load))


def _times(rate: Range, tokens: int) -> Range:
    """Return the milliseconds that so many tokens take at a rate."""
    return Range(*(1e3 * tokens / value for value in (rate.high, rate.estimate, rate.low)))


def _steps(one: Device, model: Model, found: Speed, load: Load) -> tuple[Step, ...]:
    gb = model.active_params * BITS / 8e9
    share = found.rate.estimate * gb / one.bandwidth_gb_s
    source = ", ".join(found.basis)
    read = text(
        "{share} of {peak} GB/s / {gb} GB", share=f"{share:.2f}", peak=f"{one.bandwidth_gb_s:g}", gb=f"{gb:.2f}"
    )
    rate, prompt = found.rate.estimate, found.prompt.estimate
    isl, osl = load.input_tokens, load.output_tokens
    whole = text(
        "{osl} / ({isl} / {prompt} + {osl} / {rate})", osl=osl, isl=isl, prompt=f"{prompt:.0f}", rate=f"{rate:.1f}"
    )
    each = f"{osl / (isl / prompt + osl / rate):.1f}"
    return (
        Step(text("one stream reads the weights once a token"), read, f"{rate:.1f}", "tokens/s", source),
        Step(text("prompt and answer of one stream"), whole, each, "tokens/s", ""),
    )


class Pace(NamedTuple):
    """What one machine makes. each: tokens a second over all its streams; tpot, ttft in ms, None where nothing says."""

    each: Range
    streams: int
    tpot: Range
    ttft: Range | None


def of_rate(
    load: Load,
    pace: Pace,
    how: tuple[str, str],
    memory: Memory | None,
    basis: tuple[str, ...],
    warnings: tuple[Text, ...],
    steps: tuple[Step, ...] = (),
) -> Sizing:
    """Return the sizing of machines of which each keeps a pace, promised at its low side. how: engine and precision."""
    ask = demand_of(load)
    engine, precision = how
    each, streams, tpot, ttft = pace
    if ask.ttft and (ttft is None or ttft.high > ask.ttft * 1e3):
        why = text("a limit on the first token: nothing measured says when it comes there")
        if ttft is not None:
            key = "the first token takes up to {ms} ms there, the limit is {limit}"
            why = text(key, ms=f"{ttft.high:.0f}", limit=load.ttft_ms)
        return fit.refused(load, engine, (why,))._replace(precision=precision)
    if ask.tpot and tpot.high > ask.tpot * 1e3:
        why = text("a token takes up to {ms} ms there, the limit is {limit}", ms=f"{tpot.high:.0f}", limit=load.tpot_ms)
        return fit.refused(load, engine, (why,))._replace(precision=precision)
    needed = 1
    if ask.rate:
        needed = max(1, math.ceil(ask.rate / (each.low * ask.keep) - 1e-9))
    elif ask.concurrency:
        needed = max(1, math.ceil(ask.concurrency / streams - 1e-9))
    count = load.count or needed + load.spare
    units = max(1, count - (0 if load.count else load.spare))
    used = ask.rate / (units * each.low) if ask.rate else None
    if used is not None and used > 1:
        key = "the demand is {share} of what {n} instances deliver at the low side: {need} are needed"
        warnings += (text(key, share=f"{used:.0%}", n=str(count), need=str(needed)),)
    inflow = (ask.isl + ask.osl) / ask.osl
    return Sizing(
        fits=True,
        reasons=(),
        count=count,
        count_given=load.count > 0,
        model=fit.model_of(load).name,
        precision=precision,
        engine=engine,
        layout=Layout(1, 1, streams),
        memory=memory,
        output_tokens_per_second=each,
        total_tokens_per_second=Range(*(value * inflow for value in each)),
        ttft_ms=ttft,
        tpot_ms=tpot,
        concurrency=streams,
        utilisation=used,
        idle_gpus=0,
        basis=basis,
        warnings=warnings,
        steps=steps,
    )
