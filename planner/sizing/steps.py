"""The sizing told step by step, with numbers and formulas, so that a reader can redo it by hand."""

from __future__ import annotations

from planner.sizing import Step, roofline
from planner.sizing.engines import Engine
from planner.sizing.estimate import Estimate
from planner.sizing.gpus import GIB, GpuSpec
from planner.sizing.memory import BYTES, FREE_SHARE, UTILISATION, Plan, weight_bytes
from planner.sizing.models import Model
from planner.sizing.serve import Demand, Served

__all__ = ["count_step", "load_step", "memory_steps", "speed_steps"]

FIT = "fitted on benchmarks/anchors.csv (docs/sizing.md)"


_told: dict[Plan, tuple[Step, ...]] = {}


def memory_steps(p: Plan, model: Model, precision: str, gpu: GpuSpec, engine: Engine) -> tuple[Step, ...]:
    """Return the memory part; it is told once per plan."""
    told = _told.get(p)
    if told is None:
        if len(_told) > 1024:
            _told.clear()
        told = _told[p] = _memory_steps(p, model, precision, gpu, engine)
    return told


def _memory_steps(p: Plan, model: Model, precision: str, gpu: GpuSpec, engine: Engine) -> tuple[Step, ...]:
    body = model.total_params - model.embedding_params
    stage = f", {p.pp} stages" if p.pp > 1 else ""
    if model.mla:
        kv = f"{model.layers} layers x ({model.kv_lora_rank} + {model.rope_dim}) x 2 bytes, whole on each GPU (MLA)"
        if model.extra_kv_bytes:
            kv += f", and {model.layers} x {model.extra_kv_bytes} for the index"
    else:
        kv = f"{model.layers} layers x 2 x {model.kv_heads} KV heads x {model.head_dim} x 2 bytes"
    weights, overhead, free = p.weights / GIB, p.overhead / GIB, FREE_SHARE.get(engine.key)
    if free:
        pool = f"{free:g} x ({gpu.usable_gib:g} - {weights:.2f} - {overhead:.2f})"
    else:
        pool = f"{UTILISATION:g} x {gpu.usable_gib:g} - {weights:.2f} - {overhead:.2f}"
    return (
        Step(
            "weights, one copy",
            f"{body / 1e9:.3f}e9 x {BYTES[precision]:g} + {model.embedding_params / 1e9:.3f}e9 x 2 bytes (16-bit part)",
            f"{weight_bytes(model, precision) / GIB:.2f}",
            "GiB",
            model.source,
        ),
        Step("weights per GPU", f"over tp {p.tp}{stage}, fullest stage", f"{weights:.2f}", "GiB", ""),
        Step("KV cache per token", kv, f"{model.kv_bytes_per_token:,}", "bytes", ""),
        Step("engine and activations per GPU", "docs/sizing.md, Memory", f"{overhead:.2f}", "GiB", ""),
        Step("KV cache per GPU", pool, f"{p.pool / GIB:.2f}", "GiB", gpu.usable_source),
        Step("tokens one copy holds", f"{p.pool:.5g} / {p.kv_per_token:,.0f} bytes", f"{p.tokens:,}", "tokens", ""),
    )


def speed_steps(s: Served, gpu: GpuSpec, ask: Demand) -> tuple[Step, ...]:
    """Return the speed part: one decode step and one prompt at the layout's limit, then the rate and its low side."""
    m, p = s.machine, s.plan
    lanes = min(float(p.pp), s.batch / s.copies)
    batch = s.batch / s.copies / lanes
    length = ask.isl + 0.5 * ask.osl
    read = 1e3 * (m.read + (m.experts * (1.0 - m.miss**batch) if m.experts else 0.0))
    work = 1e3 * m.compute * batch
    cache = 1e3 * batch * length * m.kv
    reduce = 1e3 * (m.reduce + batch * m.reduce_token)
    rest = 1e3 * (m.fixed + batch * m.sequence)
    decode = 1e3 * roofline.step(m, batch, length)
    prompt = 1e3 * roofline.prefill(m, ask.isl)
    more = 1e3 * roofline.marginal(m, ask.isl)
    times = f"{s.copies} copies x " if s.copies > 1 else ""
    stages = f"{lanes:g} batches under way x " if lanes > 1 else ""
    holds = f"min({p.tokens:,} tokens / {ask.isl + ask.osl:,.0f}, engine's limit)" + (
        ", lowered to meet the latency limits" if s.batch < s.most * s.copies else ""
    )
    rate = s.full.tokens_per_second
    return (
        Step("requests at once, one copy", holds, f"{s.batch / s.copies:,.0f}", "requests", ""),
        Step(
            "weights read in a decode step",
            f"{read * m.mbu * gpu.bandwidth_gb_s * p.tp * 1e-3:.3f} GB / ({m.mbu:.3f} MBU x {gpu.bandwidth_gb_s:g} GB/s x tp {p.tp})",
            f"{read:.3f}",
            "ms",
            FIT,
        ),
        Step(
            "arithmetic of a decode step",
            f"{batch:g} x {m.compute * m.mfu * m.tflops * p.tp * 1e3:.3f} GFLOP / ({m.mfu:.3f} MFU x {m.tflops:g} TFLOPS x tp {p.tp})",
            f"{work:.3f}",
            "ms",
            "",
        ),
        Step(
            "weights and arithmetic of a decode step",
            f"({read:.3f}^4 + {work:.3f}^4)^(1/4)",
            f"{(read**4 + work**4) ** 0.25:.3f}",
            "ms",
            "",
        ),
        Step("KV cache read", f"{batch:g} x {length:,.0f} tokens x {m.kv * 1e9:.3f} ns", f"{cache:.3f}", "ms", ""),
        Step("all-reduce and engine", f"{reduce:.3f} + {rest:.3f}", f"{reduce + rest:.3f}", "ms", ""),
        Step(
            "decode step",
            f"{m.factor:g} x the sum of the three (factor of this engine's era)",
            f"{decode:.3f}",
            "ms",
            "",
        ),
        Step("one prompt", f"{ask.isl:,.0f} tokens alone; {more:.3f} ms in a running batch", f"{prompt:.3f}", "ms", ""),
        Step(
            "output of " + ("one instance" if p.pp == 1 else f"{p.pp} instances"),
            f"{times}{stages}{batch:g} x {ask.osl:,.0f} / ({prompt:.1f} + {batch - 1:g} x {more:.2f} + {ask.osl:,.0f} x "
            f"{decode:.2f} ms)",
            f"{rate:,.0f}",
            "tokens/s",
            "",
        ),
        Step(
            "low side",
            f"{rate:,.0f} x {s.rate_low / rate:.3f} (80 % band of unseen rows)",
            f"{s.rate_low:,.0f}",
            "tokens/s",
            FIT,
        ),
    )


def count_step(s: Served, ask: Demand, count: int, spare: int) -> Step:
    """Return how the number of instances came about; headroom is applied here, once."""
    pp = f" x {s.plan.pp} instances a copy" if s.plan.pp > 1 else ""
    more = f" + {spare} spare" if spare else ""
    if ask.rate:
        formula = f"ceil({ask.rate:,.6g} tokens/s / ({s.rate_low:,.0f} x {ask.keep:g})){pp}{more}"
    elif ask.concurrency:
        formula = f"ceil({ask.concurrency:,.0f} requests / ({s.batch:,.0f} x {ask.keep:g})){pp}{more}"
    else:
        formula = f"no demand is given: what one copy needs{more}"
    return Step("instances", formula, f"{count}", "instances", "headroom is kept once, here")


def load_step(s: Served, now: Estimate, load: float, burst: bool) -> Step:
    """Return what the given load makes on one machine."""
    way = "sent at once and drained" if burst else "kept running"
    formula = f"the same with {load:,.6g} requests {way}, {now.batch:,.6g} at once over {s.copies} copies"
    return Step("output at this load", formula, f"{now.tokens_per_second:,.0f}", "tokens/s", "")
