"""The sizing told step by step, with numbers and formulas, so that a reader can redo it by hand."""

from __future__ import annotations

from planner.sizing import Step, roofline
from planner.sizing.engines import Engine
from planner.sizing.estimate import Estimate
from planner.sizing.gpus import GIB, GpuSpec
from planner.sizing.memory import BYTES, FREE_SHARE, UTILISATION, Plan, weight_bytes
from planner.sizing.models import Model
from planner.sizing.serve import Demand, Served
from planner.text import Text, text

__all__ = ["count_step", "load_step", "memory_steps", "speed_steps"]

FIT = "fitted on benchmarks/anchors.csv (docs/sizing.md)"

# What the steps are called: made once, a quote has thousands of them.
_READ = text("weights read in a decode step")
_WORK = text("arithmetic of a decode step")
_BOTH = text("weights and arithmetic of a decode step")
_CACHE = text("KV cache read")
_REST = text("all-reduce and engine")
_STEP = text("decode step")
_PROMPT = text("one prompt")
_LOW = text("low side")
_INSTANCES = text("instances")
_AT_ONCE = text("requests at once, one copy")
_OUTPUT = text("output of one instance")
_LOADED = text("output at this load")


_told: dict[Plan, tuple[Step, ...]] = {}


def memory_steps(p: Plan, model: Model, precision: str, gpu: GpuSpec, engine: Engine) -> tuple[Step, ...]:
    """Return the memory part; it is told once per plan."""
    told = _told.get(p)
    if told is None:
        if len(_told) > 1024:
            _told.clear()
        told = _told[p] = _memory_steps(p, model, precision, gpu, engine)
    return told


def _sum(numbers: str) -> Text:
    """Return a formula of numbers alone: the same in every language."""
    return text("{numbers}", numbers=numbers)


def _cache(model: Model) -> Text:
    """Return what a token adds to the KV cache."""
    n = str(model.layers)
    if not model.mla:
        key = "{n} layers x 2 x {k} KV heads x {d} x 2 bytes"
        return text(key, n=n, k=str(model.kv_heads), d=str(model.head_dim))
    key = "{n} layers x ({a}) x 2 bytes, whole on each GPU (MLA)"
    latent = text(key, n=n, a=f"{model.kv_lora_rank} + {model.rope_dim}")
    if not model.extra_kv_bytes:
        return latent
    return text("{latent}, and {n} x {k} for the index", latent=latent, n=n, k=str(model.extra_kv_bytes))


def _memory_steps(p: Plan, model: Model, precision: str, gpu: GpuSpec, engine: Engine) -> tuple[Step, ...]:
    body = model.total_params - model.embedding_params
    weights, overhead, free = p.weights / GIB, p.overhead / GIB, FREE_SHARE.get(engine.key)
    if free:
        pool = f"{free:g} x ({gpu.usable_gib:g} - {weights:.2f} - {overhead:.2f})"
    else:
        pool = f"{UTILISATION:g} x {gpu.usable_gib:g} - {weights:.2f} - {overhead:.2f}"
    whole = f"{body / 1e9:.3f}e9 x {BYTES[precision]:g} + {model.embedding_params / 1e9:.3f}e9 x 2"
    stages = text("over tp {tp}, fullest stage", tp=str(p.tp))
    if p.pp > 1:
        stages = text("over tp {tp}, {n} stages, fullest stage", tp=str(p.tp), n=str(p.pp))
    return (
        Step(
            what=text("weights, one copy"),
            formula=text("{a} bytes (16-bit part)", a=whole),
            result=f"{weight_bytes(model, precision) / GIB:.2f}",
            unit="GiB",
            source=model.source,
        ),
        Step(text("weights per GPU"), stages, f"{weights:.2f}", "GiB", ""),
        Step(text("KV cache per token"), _cache(model), f"{model.kv_bytes_per_token:,}", "bytes", ""),
        Step(text("engine and activations per GPU"), text("docs/sizing.md, Memory"), f"{overhead:.2f}", "GiB", ""),
        Step(text("KV cache per GPU"), _sum(pool), f"{p.pool / GIB:.2f}", "GiB", gpu.usable_source),
        Step(
            what=text("tokens one copy holds"),
            formula=text("{a} / {b} bytes", a=f"{p.pool:.5g}", b=f"{p.kv_per_token:,.0f}"),
            result=f"{p.tokens:,}",
            unit="tokens",
            source="",
        ),
    )


def _decode_steps(s: Served, gpu: GpuSpec, batch: float, length: float) -> tuple[Step, ...]:
    """Return what a decode step of `batch` sequences of `length` tokens is made of."""
    m, p = s.machine, s.plan
    read = 1e3 * (m.read + (m.experts * (1.0 - m.miss**batch) if m.experts else 0.0))
    work = 1e3 * m.compute * batch
    cache = 1e3 * batch * length * m.kv
    reduce, rest = 1e3 * (m.reduce + batch * m.reduce_token), 1e3 * (m.fixed + batch * m.sequence)
    gigabytes = read * m.mbu * gpu.bandwidth_gb_s * p.tp * 1e-3
    operations = m.compute * m.mfu * m.tflops * p.tp * 1e3
    reading = f"{gigabytes:.3f} GB / ({m.mbu:.3f} MBU x {gpu.bandwidth_gb_s:g} GB/s x tp {p.tp})"
    working = f"{batch:g} x {operations:.3f} GFLOP / ({m.mfu:.3f} MFU x {m.tflops:g} TFLOPS x tp {p.tp})"
    both = f"({read:.3f}^4 + {work:.3f}^4)^(1/4)"
    caching = text("{n} x {m} tokens x {rest}", n=f"{batch:g}", m=f"{length:,.0f}", rest=_sum(f"{m.kv * 1e9:.3f} ns"))
    factor = text("{a} x the sum of the three (factor of this engine's era)", a=f"{m.factor:g}")
    step = 1e3 * roofline.step(m, batch, length)
    return (
        Step(_READ, _sum(reading), f"{read:.3f}", "ms", FIT),
        Step(_WORK, _sum(working), f"{work:.3f}", "ms", ""),
        Step(_BOTH, _sum(both), f"{(read**4 + work**4) ** 0.25:.3f}", "ms", ""),
        Step(_CACHE, caching, f"{cache:.3f}", "ms", ""),
        Step(_REST, _sum(f"{reduce:.3f} + {rest:.3f}"), f"{reduce + rest:.3f}", "ms", ""),
        Step(_STEP, factor, f"{step:.3f}", "ms", ""),
    )


def speed_steps(s: Served, gpu: GpuSpec, ask: Demand) -> tuple[Step, ...]:
    """Return the speed part: one decode step at the batch of a full machine, and what that makes."""
    m, p = s.machine, s.plan
    lanes = min(float(p.pp), s.batch / s.copies)
    batch = s.batch / s.copies / lanes
    length = ask.isl + 0.5 * ask.osl
    decode = 1e3 * roofline.step(m, batch, length)
    prompt = 1e3 * roofline.prefill(m, ask.isl)
    more = 1e3 * roofline.marginal(m, ask.isl)
    holds = "min({n} tokens / {m}, engine's limit)"
    if s.batch < s.most * s.copies:
        holds = "min({n} tokens / {m}, engine's limit), lowered to meet the latency limits"
    made = (
        f"{batch:g} x {ask.osl:,.0f} / ({prompt:.1f} + {batch - 1:g} x {more:.2f} + {ask.osl:,.0f} x {decode:.2f} ms)"
    )
    output = _sum(made)
    if lanes > 1:
        output = text("{n} batches under way x {rest}", n=f"{lanes:g}", rest=output)
    if s.copies > 1:
        output = text("{n} copies x {rest}", n=str(s.copies), rest=output)
    what = _OUTPUT if p.pp == 1 else text("output of {n} instances", n=str(p.pp))
    rate = s.full.tokens_per_second
    low = f"{rate:,.0f} x {s.rate_low / rate:.3f}"
    one = text("{n} tokens alone; {m} ms in a running batch", n=f"{ask.isl:,.0f}", m=f"{more:.3f}")
    return (
        Step(
            _AT_ONCE,
            text(holds, n=f"{p.tokens:,}", m=f"{ask.isl + ask.osl:,.0f}"),
            f"{s.batch / s.copies:,.0f}",
            "requests",
            "",
        ),
        *_decode_steps(s, gpu, batch, length),
        Step(_PROMPT, one, f"{prompt:.3f}", "ms", ""),
        Step(what, output, f"{rate:,.0f}", "tokens/s", ""),
        Step(_LOW, text("{a} (80 % band of unseen rows)", a=low), f"{s.rate_low:,.0f}", "tokens/s", FIT),
    )


def count_step(s: Served, ask: Demand, count: int, spare: int) -> Step:
    """Return how the number of instances came about; headroom is applied here, once."""
    if ask.rate:
        key = "ceil({n} tokens/s / ({low} x {keep}))"
        made = text(key, n=f"{ask.rate:,.6g}", low=f"{s.rate_low:,.0f}", keep=f"{ask.keep:g}")
    elif ask.concurrency:
        key = "ceil({n} requests / ({low} x {keep}))"
        made = text(key, n=f"{ask.concurrency:,.0f}", low=f"{s.batch:,.0f}", keep=f"{ask.keep:g}")
    else:
        made = text("no demand is given: what one copy needs")
    if s.plan.pp > 1 and (ask.rate or ask.concurrency):
        made = text("{part} x {n} instances a copy", part=made, n=str(s.plan.pp))
    if spare:
        made = text("{part} + {n} spare", part=made, n=str(spare))
    return Step(_INSTANCES, made, f"{count}", "instances", "headroom is kept once, here")


def load_step(s: Served, now: Estimate, load: float, burst: bool) -> Step:
    """Return what the given load makes on one machine."""
    key = "the same with {n} requests kept running, {m} at once over {copies} copies"
    if burst:
        key = "the same with {n} requests sent at once and drained, {m} at once over {copies} copies"
    made = text(key, n=f"{load:,.6g}", m=f"{now.batch:,.6g}", copies=str(s.copies))
    return Step(_LOADED, made, f"{now.tokens_per_second:,.0f}", "tokens/s", "")
