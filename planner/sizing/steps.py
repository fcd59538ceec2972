"""The sizing told step by step, with numbers and formulas, so that a reader can redo it by hand."""

from __future__ import annotations

from planner.sizing import Step, parts, roofline
from planner.sizing.case import Case
from planner.sizing.engines import Engine
from planner.sizing.estimate import SOCKET_SHARE, Estimate, calibration, hop_token
from planner.sizing.gpus import GIB, GpuSpec
from planner.sizing.memory import FREE_SHARE, UTILISATION, Plan, overhead_parts, weight_bytes, weight_parts
from planner.sizing.models import Model
from planner.sizing.serve import Demand, Served
from planner.text import Text, text

__all__ = ["count_step", "load_step", "memory_steps", "speed_steps"]

FIT = "fitted on benchmarks/anchors.csv (docs/sizing.md)"

# What the steps are called: made once, a quote has thousands of them.
_READ = text("weights read in a decode step")
_EXPERTS = text("experts read in a decode step")
_WORK = text("arithmetic of a decode step")
_SHARE = text("arithmetic of its experts")
_BOTH = text("weights and arithmetic of a decode step")
_CACHE = text("KV cache read")
_LINK = text("all-reduce over the link")
_REST = text("engine's own time in a step")
_STEP = text("decode step")
_MIXED = text("step with a prompt in it")
_SHARED = text("steps that have one")
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
    n = str(model.layers if model.full_layers < 0 else model.full_layers)
    if model.kind == "v4":
        return text("compressed entries and their index, whole on each GPU")
    if not model.mla:
        key = "{n} layers x 2 x {k} KV heads x {d} x 2 bytes"
        heads = text(key, n=n, k=str(model.kv_heads), d=str(model.head_dim))
        if model.kv_window:
            key = "{a}, and {n} bytes for each of the last {m} tokens"
            return text(key, a=heads, n=f"{model.kv_window:,}", m=f"{model.window:,}")
        return heads
    key = "{n} layers x ({a}) x 2 bytes, whole on each GPU (MLA)"
    latent = text(key, n=n, a=f"{model.kv_lora_rank} + {model.rope_dim}")
    if not model.extra_kv_bytes:
        return latent
    index = model.index_bytes // model.extra_kv_bytes
    return text("{latent}, and {n} x {k} for the index", latent=latent, n=str(index), k=str(model.extra_kv_bytes))


_PARTS = {
    "attention": text("weights of attention"),
    "dense layers": text("weights of dense layers"),
    "shared experts": text("weights of shared experts"),
    "routed experts": text("weights of routed experts"),
    "routers": text("weights of routers"),
    "embedding and output head": text("embedding and output head"),
    "vision and other parts": text("vision and other parts"),
}


def _weights(model: Model, precision: str) -> list[Step]:
    """Return the weights part by part, and all of them."""
    told = []
    for part, count, width in weight_parts(model, precision):
        made = text("{a} x {b} bytes", a=f"{count / 1e9:.3f}e9", b=f"{width:g}")
        told.append(Step(_PARTS[part], made, f"{count * width / GIB:.2f}", "GiB", ""))
    if model.extra_bytes:
        more = text("layers that predict more tokens, as published")
        told.append(Step(text("further weights"), more, f"{model.extra_bytes / GIB:.2f}", "GiB", ""))
    whole = weight_bytes(model, precision)
    sums = _sum(" + ".join(step.result for step in told))
    return [*told, Step(text("weights, one copy"), sums, f"{whole / GIB:.2f}", "GiB", model.source)]


def _memory_steps(p: Plan, model: Model, precision: str, gpu: GpuSpec, engine: Engine) -> tuple[Step, ...]:
    weights, overhead, free = p.weights / GIB, p.overhead / GIB, FREE_SHARE.get(engine.key)
    if free:
        pool = f"{free:g} x ({gpu.usable_gib:g} - {weights:.2f} - {overhead:.2f})"
    else:
        pool = f"{UTILISATION:g} x {gpu.usable_gib:g} - {weights:.2f} - {overhead:.2f}"
    stages = text("over tp {tp}, fullest stage", tp=str(p.tp))
    if p.pp > 1:
        stages = text("over tp {tp}, {n} stages, fullest stage", tp=str(p.tp), n=str(p.pp))
    activations, graphs, buffers = (x / GIB for x in overhead_parts(model, gpu, p.tp, engine))
    rest = overhead - activations - graphs - buffers
    key = "activations {a}, graphs {b}, communication {c}, windows of a prefill batch {d} (docs/sizing.md, Memory)"
    engine_part = text(key, a=f"{activations:.2f}", b=f"{graphs:.2f}", c=f"{buffers:.2f}", d=f"{max(0.0, rest):.2f}")
    cached = _cache(model)
    if p.width < 1.0:
        cached = text("{a}, in 8 bits", a=cached)
    told = [
        *_weights(model, precision),
        Step(text("weights per GPU"), stages, f"{weights:.2f}", "GiB", ""),
        Step(text("KV cache per token"), cached, f"{model.kv_bytes_per_token:,}", "bytes", ""),
        Step(text("engine and activations per GPU"), engine_part, f"{overhead:.2f}", "GiB", ""),
        Step(text("KV cache per GPU"), _sum(pool), f"{p.pool / GIB:.2f}", "GiB", gpu.usable_source),
    ]
    if p.state:
        key = "what a request keeps whatever its length, per GPU"
        told.append(Step(text("state of a request"), text(key), f"{p.state / 2**20:.1f}", "MiB", ""))
    made = text("{a} / {b} bytes", a=f"{p.pool:.5g}", b=f"{p.kv_per_token:,.0f}")
    told.append(Step(text("tokens one copy holds"), made, f"{p.tokens:,}", "tokens", ""))
    return tuple(told)


class _Made:
    """A machine told part by part: what it moves and computes, the values of its slots, and the machine itself."""

    def __init__(self, s: Served, case: Case) -> None:
        self.p = parts.parts(case.model, case.load.precision, case.gpu, case.engine, s.plan.tp, s.plan.width)
        values = roofline.values(self.p, calibration().parameters)
        self.v = dict(zip(parts.SLOTS, values, strict=True))
        self.m = s.machine
        self.gbps = s.plan.gbps
        self.hops, self.hop = s.plan.pp - 1, hop_token(s.plan, case.model)
        self.vectors = 4 * case.model.hidden


def _reading(size: float, share: float, rate: str, bandwidth: float) -> str:
    """Return the arithmetic of reading `share` of `size` bytes."""
    part = f"{share:.3f} x " if share < 1.0 else ""
    return f"{part}{size / 1e9:.3f} GB / ({rate} MBU x {bandwidth / 1e9:g} GB/s)"


def _computing(batch: float, work: float, rate: str, peak: float) -> str:
    return f"{batch:g} x {work / 1e9:.3f} GFLOP / ({rate} MFU x {peak / 1e12:g} TFLOPS)"


def _weight_steps(made: _Made, batch: float) -> list[Step]:
    """Return what the weights of a step of `batch` tokens take: bytes and operations of one GPU."""
    m, p, v = made.m, made.p, made.v
    told = [
        Step(_READ, _sum(_reading(p.read, 1.0, f"{v['mbu']:.3f}", p.bandwidth)), f"{1e3 * m.read:.3f}", "ms", FIT),
        Step(
            _WORK, _sum(_computing(batch, p.flops, f"{v['mfu']:.3f}", p.peak)), f"{1e3 * m.work * batch:.3f}", "ms", ""
        ),
    ]
    sums = f"({1e3 * m.read:.3f}^2 + {1e3 * m.work * batch:.3f}^2)^(1/2)"
    if m.experts:
        touched = 1.0 - m.miss ** (batch**m.spread)
        size, work = 1e3 * m.experts * touched, 1e3 * m.share * batch
        key = "{a}: {batch} tokens meet 1 - {miss}^({batch}^{spread}) of the experts"
        reading = _reading(p.experts, touched, f"{v['mbu_moe']:.3f}", p.bandwidth)
        meets = text(key, a=reading, batch=f"{batch:g}", miss=f"{m.miss:.4f}", spread=f"{m.spread:.3f}")
        told.append(Step(_EXPERTS, meets, f"{size:.3f}", "ms", FIT))
        working = _computing(batch, p.expert_flops, f"{v['mfu_moe']:.3f}", p.expert_peak)
        told.append(Step(_SHARE, _sum(working), f"{work:.3f}", "ms", ""))
        sums += f" + ({size:.3f}^2 + {work:.3f}^2)^(1/2)"
    told.append(Step(_BOTH, _sum(sums), f"{1e3 * roofline.core(m, batch):.3f}", "ms", ""))
    return told


def _decode_steps(made: _Made, batch: float, length: float) -> list[Step]:
    """Return what a decode step of `batch` sequences of `length` tokens is made of."""
    m, p, v = made.m, made.p, made.v
    told = _weight_steps(made, batch)
    near = min(length, m.window)
    cache = 1e3 * batch * (length * m.kv + near * m.kv_window)
    caching = text("{n} x {m} tokens x {rest}", n=f"{batch:g}", m=f"{length:,.0f}", rest=_sum(f"{m.kv * 1e9:.3f} ns"))
    if m.kv_window:
        key = "{a}, and {n} x {m} tokens of a window x {rest}"
        window = _sum(f"{m.kv_window * 1e9:.3f} ns")
        caching = text(key, a=caching, n=f"{batch:g}", m=f"{near:,.0f}", rest=window)
    told.append(Step(_CACHE, caching, f"{cache:.3f}", "ms", ""))
    if p.reduces:
        key = "{n} messages x ({a} us + {b} KB / ({share} x {link} GB/s))"
        link = text(
            key,
            n=f"{p.reduces:g}",
            a=f"{v['reduce']:.1f}",
            b=f"{batch * p.message / 1e3:.1f}",
            share=f"{v['link']:.3f}",
            link=f"{p.link / 1e9:g}",
        )
        told.append(Step(_LINK, link, f"{1e3 * (m.reduce + batch * (m.reduce_token - made.hop)):.3f}", "ms", FIT))
    if made.hop:
        told.append(_between(made, batch))
    own = f"{v['step']:.3f} ms + {p.layers:g} x {v['layer']:.1f} us"
    own += f" + {p.mixtures:g} x {v['mixture']:.1f} us" if p.mixtures else ""
    own += f" + {p.linears:g} x {v['linear']:.1f} us" if p.linears else ""
    own += f" + {batch:g} x {m.sequence * 1e6:.1f} us"
    told.append(Step(_REST, _sum(own), f"{1e3 * (m.fixed + batch * m.sequence):.3f}", "ms", FIT))
    factor = text("{a} x the sum of these (factor of this engine's era)", a=f"{m.factor:.3f}")
    told.append(Step(_STEP, factor, f"{1e3 * roofline.step(m, batch, length):.3f}", "ms", ""))
    return told


def _between(made: _Made, batch: float) -> Step:
    """Return what the tokens of a step take between the instances of a pipeline over a slow network."""
    key = "{n} hops x {batch} tokens x {size} KB / ({share} x {gbps} Gbps), beside the all-reduces"
    sums = text(
        key,
        n=str(made.hops),
        batch=f"{batch:g}",
        size=f"{made.vectors / 1e3:.1f}",
        share=f"{SOCKET_SHARE:g}",
        gbps=f"{made.gbps:g}",
    )
    return Step(text("between the instances"), sums, f"{1e3 * batch * made.hop:.3f}", "ms", "")


def speed_steps(s: Served, case: Case, ask: Demand) -> tuple[Step, ...]:
    """Return the speed part: one decode step at the batch of a full machine, and what that makes."""
    m, p = s.machine, s.plan
    lanes = min(float(p.pp), s.batch / s.copies)
    batch = s.batch / s.copies / lanes
    length = ask.isl + 0.5 * ask.osl
    decode = 1e3 * roofline.step(m, batch, length)
    prompt = 1e3 * roofline.prefill(m, ask.isl)
    holds = "min({n} tokens / {m}, engine's limit)"
    if s.batch < s.most * s.copies:
        holds = "min({n} tokens / {m}, engine's limit), lowered to meet the latency limits"
    come, meet, mixed = roofline.meeting(m, batch, ask.isl, ask.osl)
    each = text(
        "{n} prompts of {m} tokens beside {batch}", n=f"{come / meet:.2f}", m=f"{ask.isl:,.0f}", batch=f"{batch:g}"
    )
    later = f"({decode:.2f} + {meet:.3f} x ({1e3 * mixed:.2f} - {decode:.2f}))"
    output = _sum(f"{batch:g} x {ask.osl:,.0f} / ({prompt:.1f} + {ask.osl:,.0f} x {later} ms)")
    if lanes > 1:
        output = text("{n} batches under way x {rest}", n=f"{lanes:g}", rest=output)
    if s.copies > 1:
        output = text("{n} copies x {rest}", n=str(s.copies), rest=output)
    what = _OUTPUT if p.pp == 1 else text("output of {n} instances", n=str(p.pp))
    rate = s.full.tokens_per_second
    low = f"{rate:,.0f} x {s.rate_low / rate:.3f}"
    alone = text("{n} tokens alone", n=f"{ask.isl:,.0f}")
    return (
        Step(
            _AT_ONCE,
            text(holds, n=f"{p.tokens:,}", m=f"{ask.isl + ask.osl:,.0f}"),
            f"{s.batch / s.copies:,.0f}",
            "requests",
            "",
        ),
        *_decode_steps(_Made(s, case), batch, length),
        Step(_MIXED, each, f"{1e3 * mixed:.3f}", "ms", ""),
        Step(_SHARED, _sum(f"1 - e^(-{come:.4f})"), f"{meet:.3f}", "", ""),
        Step(_PROMPT, alone, f"{prompt:.3f}", "ms", ""),
        Step(what, output, f"{rate:,.0f}", "tokens/s", ""),
        Step(_LOW, text("{a} (90 % of unseen rows lie in the range)", a=low), f"{s.rate_low:,.0f}", "tokens/s", FIT),
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
