"""The roofline: seconds per decode step and per prefill from a model's shape, a GPU's datasheet and fitted efficiencies.

    step(B, c)  = f x [ (read^q + compute^q)^(1/q) + B c kv + all-reduce + a + b B ]        q = 4: a soft maximum
    prefill(n)  = f x [ (2 params n + attention n^2) / (MFU_p peak tp) + all-reduce + a ]
    steady      : B sequences running; B osl tokens every osl step(B) + B prefill seconds
    burst       : C at once, then drained: C osl tokens in C prefill + (C / B) osl step(B) seconds

Everything here is pure arithmetic on floats; parameters come from planner/data/sizing.csv (tools/fit_sizing.py).
"""

from planner.sizing.engines import Engine
from planner.sizing.gpus import GpuSpec
from planner.sizing.memory import body_bytes, cache_bytes, kv_width
from planner.sizing.models import Model

__all__ = ["Machine", "Parameters", "burst", "era", "machine", "marginal", "prefill", "steady", "step", "width_class"]

Parameters = dict[str, float]
SOFT = 4.0


class Machine:
    """Coefficients of one copy of a model on tp GPUs; seconds, but for `miss` and `batch_limit`.

    read: weights that every step reads; experts: all routed experts, of which a batch of B reads 1 - miss^B; compute:
    per token of a step; kv: per token of context and sequence; reduce and reduce_token: all-reduces of a step, and per
    token; fixed, sequence: the engine's time per step, and per sequence in it. prompt_token, prompt_pair: prefill per
    token, and per pair of tokens. factor: this engine against current vLLM. mbu, mfu, tflops: what read and compute
    were made with, for the steps. kv_window: per token of context within the last `window` ones.
    """

    __slots__ = (
        "compute",
        "experts",
        "factor",
        "fixed",
        "kv",
        "kv_window",
        "mbu",
        "mfu",
        "miss",
        "prompt_fixed",
        "prompt_pair",
        "prompt_token",
        "read",
        "reduce",
        "reduce_token",
        "sequence",
        "tflops",
        "window",
    )

    def __init__(
        self,
        read: float,
        experts: float,
        miss: float,
        compute: float,
        kv: float,
        reduce: float,
        reduce_token: float,
        fixed: float,
        sequence: float,
        prompt_token: float,
        prompt_pair: float,
        prompt_fixed: float,
        factor: float,
        mbu: float,
        mfu: float,
        tflops: float,
        window: float = 0.0,
        kv_window: float = 0.0,
    ) -> None:
        self.read = read
        self.experts = experts
        self.miss = miss
        self.compute = compute
        self.kv = kv
        self.reduce = reduce
        self.reduce_token = reduce_token
        self.fixed = fixed
        self.sequence = sequence
        self.prompt_token = prompt_token
        self.prompt_pair = prompt_pair
        self.prompt_fixed = prompt_fixed
        self.factor = factor
        self.mbu = mbu
        self.mfu = mfu
        self.tflops = tflops
        self.window = window
        self.kv_window = kv_window


def era(engine: Engine) -> str:
    """Return the era of an engine: "new" from vLLM 0.8 (its V1 core) and its contemporaries on, "tgi" for 2023, "old"."""
    number = engine.number
    if engine.key == "tgi":
        return "tgi"
    if not number:
        return "new"
    if number[0] >= 2000:
        return "new" if number[0] >= 2026 else "old"
    first = {"vllm": (0, 8), "tensorrt-llm": (0, 17), "lmdeploy": (0, 6), "sglang": (0, 4)}.get(engine.key, (0, 0))
    return "new" if number >= first else "old"


def width_class(precision: str, gpu: GpuSpec) -> tuple[str, float]:
    """Return the efficiency class of a precision on a GPU, and the rate (10^12/s) it computes at."""
    if precision == "fp8" and gpu.fp8_tflops:
        return "fp8", gpu.fp8_tflops
    if precision == "int8":
        return "int8", gpu.int8_tops
    if precision in ("fp16", "bf16"):
        return "16", gpu.fp16_tflops
    return ("w4" if precision.startswith("int4") or precision.endswith("fp4") else "w8"), gpu.fp16_tflops


def machine(
    model: Model, precision: str, gpu: GpuSpec, engine: Engine, tp: int, p: Parameters, cache_width: float = 0.0
) -> Machine:
    """Return the coefficients of one copy of `model` over `tp` GPUs; cache_width 0: the KV cache is the engine's own."""
    kind, rate = width_class(precision, gpu)
    get = p.get
    moe = "moe" if model.experts else "dense"
    mbu = p["mbu"] * get("mbu:" + gpu.family, 1.0) * get("mbu:" + kind, 1.0) * get("mbu:" + moe, 1.0)
    mfu_scale = get("mfu:" + gpu.family, 1.0) * get("mfu:" + kind, 1.0) * get("mfu:" + moe, 1.0)
    bandwidth = gpu.bandwidth_gb_s * 1e9 * tp
    peak = rate * 1e12 * tp
    body, experts = model.dense_body_params, model.expert_params
    body_read, expert_read = body_bytes(model, precision)
    head = model.vocab * model.hidden
    active = body + (experts * model.top_k / model.experts if model.experts else 0.0)
    age = era(engine)
    read = body_read + 2.0 * head
    # Attention of a decode step reads the cache; a KV head is whole on each GPU once tp exceeds the heads.
    share = 1.0 if model.replicated else max(1.0 / tp, 1.0 / model.kv_heads)
    cache_width = cache_width or kv_width(precision, gpu, engine)
    cache_rate = gpu.bandwidth_gb_s * 1e9 * p["mbu_kv"] * get("mbu:" + gpu.family, 1.0)
    kv = cache_bytes(model, cache_width) * share / cache_rate
    layers = model.layers if model.full_layers < 0 else model.full_layers
    if model.mla:
        absorbed = 2.0 * layers * model.heads * (2 * model.kv_lora_rank + model.rope_dim)
        kv += absorbed / (peak * p["mfu"] * mfu_scale)
    reduce = reduce_token = 0.0
    if tp > 1:
        link = "nvlink" if gpu.link == "nvlink" else "pcie"
        reduce = 2.0 * model.layers * p["reduce_us:" + link] * 1e-6
        ring = 2.0 * (tp - 1) / tp * model.hidden * 2.0
        reduce_token = 2.0 * model.layers * ring / (gpu.link_gb_s * 1e9 * p["link"])
    pairs = layers * model.heads * (model.head_dim + model.v_dim)
    prompt_rate = peak * p["mfu_prefill"] * mfu_scale
    return Machine(
        read=read / (mbu * bandwidth),
        experts=expert_read / (mbu * bandwidth),
        miss=1.0 - model.top_k / model.experts if model.experts else 0.0,
        compute=2.0 * (active + head) / (peak * p["mfu"] * mfu_scale),
        kv=kv,
        reduce=reduce,
        reduce_token=reduce_token,
        fixed=p["step_ms:" + age] * 1e-3 + model.mixtures * p["mixture_us"] * 1e-6,
        # A linear layer reads and writes its state.
        sequence=p["sequence_us:" + age] * 1e-6
        + (2.0 * model.state / tp / cache_rate if model.kind == "delta" else 0.0),
        prompt_token=2.0 * active / prompt_rate + reduce_token,
        # Attention's own arithmetic stays 16-bit whatever the weights are in.
        window=float(model.window),
        kv_window=0.0 if model.kind == "v4" else model.kv_window * cache_width * share / cache_rate,
        prompt_pair=pairs / (gpu.fp16_tflops * 1e12 * tp * p["mfu_prefill"] * get("mfu:" + gpu.family, 1.0)),
        prompt_fixed=p["prompt_ms:" + age] * 1e-3 + reduce,
        factor=get(f"factor:{engine.key}:{age}", 1.0),
        mbu=mbu,
        mfu=p["mfu"] * mfu_scale,
        tflops=rate,
    )


def step(m: Machine, batch: float, context: float) -> float:
    """Return the seconds of one decode step for `batch` sequences of `context` tokens each."""
    read = m.read + (m.experts * (1.0 - m.miss**batch) if m.experts else 0.0)
    work = m.compute * batch
    core = float((read**SOFT + work**SOFT) ** (1.0 / SOFT))
    rest = m.reduce + m.fixed + batch * (context * m.kv + m.reduce_token + m.sequence)
    if m.kv_window:
        rest += batch * min(context, m.window) * m.kv_window
    return m.factor * (core + rest)


def prefill(m: Machine, tokens: float) -> float:
    """Return the seconds of computing a prompt of `tokens` tokens alone (reading the weights bounds it from below)."""
    work = m.prompt_token * tokens
    core = float((m.read**SOFT + work**SOFT) ** (1.0 / SOFT))
    return m.factor * (core + m.prompt_pair * tokens * tokens + m.prompt_fixed)


def marginal(m: Machine, tokens: float) -> float:
    """Return the seconds that one more prompt adds to a running batch (weights are being read anyway)."""
    return m.factor * (m.prompt_token + m.prompt_pair * tokens) * tokens


def steady(m: Machine, batch: float, isl: float, osl: float) -> tuple[float, float, float]:
    """Return (output tokens/s, TTFT s, TPOT s) with `batch` requests always running."""
    decode = step(m, batch, isl + 0.5 * osl)
    own, others = prefill(m, isl), marginal(m, isl)
    tpot = decode + (batch - 1.0) * others / osl
    cycle = own + others * (batch - 1.0) + osl * decode
    # A new request waits for half a step, and for prompts before it: a queue whose server works `busy` of the time.
    busy = others * (batch - 1.0) / cycle
    ttft = own + (0.5 * decode if batch > 1 else 0.0) + 0.5 * others * busy / (1.0 - busy)
    return batch * osl / cycle, ttft, tpot


def burst(m: Machine, count: float, batch: float, isl: float, osl: float) -> tuple[float, float, float]:
    """Return (output tokens/s, mean TTFT s, mean TPOT s) when `count` requests come at once and `batch` run at a time."""
    others = marginal(m, isl)
    rounds = max(1.0, count / batch)
    full = step(m, batch, isl + 0.5 * osl)
    seconds = prefill(m, isl) + (count - 1.0) * others + rounds * osl * full
    first = prefill(m, isl) + 0.5 * (min(count, batch) - 1.0) * others + 0.5 * (rounds - 1.0) * osl * full
    return count * osl / seconds, first, full + (1.0 - 1.0 / rounds) * batch * others / osl
