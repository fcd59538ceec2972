"""The roofline: seconds per step of an engine from what a step moves and computes, and fitted efficiencies.

A step computes one token for each of B sequences and, in mixed steps, n tokens of prompts beside them (T = B + n):

    core(T)    = (read^2 + (T work)^2)^(1/2) + ((touched(T) experts)^2 + (T share)^2)^(1/2)     soft maxima
    touched(T) = 1 - (1 - k/E)^(T^s)                                           the experts that T tokens meet
    step(B, c) = f x [ core(B) + B c kv + all-reduce(B) + a + b layers + d mixtures + e B ]
    mixed      = the same with core(B + n), attention among the n tokens, and at least the time to launch it
    steady     : B requests run; a prompt comes every out / B steps, so 1 - exp(-B / out) of the steps are mixed
    burst      : C at once, then drained, B at a time

Everything here is arithmetic that numbers and arrays of numbers take alike: tools/fit_sizing.py fits all rows at once.
Parameters come from planner/data/sizing.csv.
"""

from planner.sizing.engines import Engine
from planner.sizing.gpus import GpuSpec
from planner.sizing.models import Model
from planner.sizing.parts import Parts, parts

__all__ = [
    "Machine",
    "Parameters",
    "burst",
    "core",
    "machine",
    "marginal",
    "meeting",
    "mixed",
    "prefill",
    "steady",
    "step",
    "values",
]

Parameters = dict[str, float]
_E = 2.718281828459045
GRAPH = 512.0  # tokens up to which an engine replays a captured step; beyond, every kernel is launched anew


class Machine:
    """Coefficients of one copy of a model on tp GPUs; seconds, but for `miss`, `spread`, `window` and `factor`.

    read: weights that every step reads; experts: all routed experts; work, share: arithmetic of a token in either; kv,
    kv_window: per token of context and sequence; reduce and reduce_token: all-reduces of a step, and per token; fixed,
    sequence: the engine's time per step, and per sequence in it; pair: attention per pair of a prompt's tokens; launch:
    of a step that was not captured; prompt: per prompt. factor: this engine against current vLLM.
    """

    __slots__ = (
        *(
            "chunk",
            "dense",
            "experts",
            "factor",
            "fixed",
            "kv",
            "kv_window",
            "launch",
            "miss",
            "pair",
            "prompt",
            "read",
        ),
        *("reduce", "reduce_token", "sequence", "share", "spread", "window", "windowed", "work"),
    )

    def __init__(self, p: Parts, v: tuple[float, ...]) -> None:
        mbu, mfu, mbu_moe, mfu_moe, mbu_kv, mfu_kv, link, reduce, *rest = v
        step, layer, mixture, linear, sequence, launch, stall, prompt, spread, factor = rest
        rate = mbu_kv * p.bandwidth
        self.read = p.read / (mbu * p.bandwidth)
        self.work = p.flops / (mfu * p.peak)
        self.experts = p.experts / (mbu_moe * p.bandwidth)
        self.share = p.expert_flops / (mfu_moe * p.expert_peak)
        self.miss = p.miss
        self.spread = spread
        self.kv = soft(p.kv / rate, p.kv_flops / (mfu_kv * p.peak16))
        self.kv_window = p.kv_window / rate
        self.window = p.window
        self.reduce = p.reduces * reduce * 1e-6
        self.reduce_token = p.reduces * p.message / (link * p.link)
        self.fixed = step * 1e-3 + (p.layers * layer + p.mixtures * mixture + p.linears * linear) * 1e-6
        self.sequence = sequence * 1e-6 + p.state / rate + p.head_flops / (mfu_kv * p.peak16)
        self.pair = p.pair_flops / (mfu_kv * p.peak16)
        self.launch = p.layers * launch * 1e-6 + p.stalls * stall * 1e-3
        self.prompt = p.layers * prompt * 1e-6
        self.chunk = p.chunk
        self.factor = factor
        # What a number is without; arrays have some rows of each.
        self.dense = isinstance(p.miss, float) and not p.miss
        self.windowed = not isinstance(p.kv_window, float) or p.kv_window > 0.0


def soft(a: float, b: float) -> float:
    """Return the soft maximum of two times: kernels overlap what they read with what they compute, not wholly."""
    return (a * a + b * b) ** 0.5  # type: ignore[no-any-return]


def most(a: float, b: float) -> float:
    """Return the larger, of numbers and of arrays."""
    return 0.5 * (a + b + abs(a - b))


def least(a: float, b: float) -> float:
    """Return the smaller, of numbers and of arrays."""
    return 0.5 * (a + b - abs(a - b))


def values(p: Parts, parameters: Parameters) -> tuple[float, ...]:
    """Return the value of each slot: the product of its parameters (one that was not fitted is 1)."""
    found = []
    for names in p.names:
        value = 1.0
        for name in names:
            value *= parameters.get(name, 1.0)
        found.append(value)
    return tuple(found)


def machine(
    model: Model, precision: str, gpu: GpuSpec, engine: Engine, tp: int, p: Parameters, cache_width: float = 0.0
) -> Machine:
    """Return the coefficients of one copy of `model` over `tp` GPUs; cache_width 0: the KV cache is the engine's own."""
    made = parts(model, precision, gpu, engine, tp, cache_width)
    return Machine(made, values(made, p))


def core(m: Machine, tokens: float) -> float:
    """Return the seconds of the weights of a step with `tokens` tokens."""
    if m.dense:
        return soft(m.read, m.work * tokens)
    touched = m.experts * (1.0 - m.miss ** (tokens**m.spread))
    return soft(m.read, m.work * tokens) + soft(touched, m.share * tokens)


def _cache(m: Machine, context: float) -> float:
    """Return the seconds that attention of one sequence of `context` tokens takes."""
    if m.windowed:
        return context * m.kv + least(context, m.window) * m.kv_window
    return context * m.kv


def step(m: Machine, batch: float, context: float) -> float:
    """Return the seconds of one decode step for `batch` sequences of `context` tokens each."""
    rest = m.reduce + m.fixed + batch * (_cache(m, context) + m.reduce_token + m.sequence)
    return m.factor * (core(m, batch) + rest)


def launched(batch: float, tokens: float, come: float) -> float:
    """Return the share of the mixed steps that are no captured graph, where `come` prompts come in a step on average.

    As many prompts as fit beside the batch under GRAPH tokens are replayed; what comes in one step is Poisson's.
    """
    none: float = _E**-come
    once = come * none / (1.0 - none)  # of the steps that have a prompt, those that have one
    room = GRAPH - batch
    return 1.0 - once * ((tokens <= room) + 0.5 * come * (2.0 * tokens <= room))


def mixed(m: Machine, batch: float, context: float, tokens: float, prompts: float, share: float = 1.0) -> float:
    """Return the seconds of a step in which `prompts` prompts of `tokens` tokens each are computed beside `batch`.

    share: of such steps, those that are launched kernel by kernel.
    """
    total = batch + prompts * tokens
    rest = m.reduce + m.fixed + m.prompt + batch * (_cache(m, context) + m.sequence)
    rest += total * m.reduce_token + prompts * m.pair * tokens * tokens
    busy = core(m, total) + rest
    return m.factor * (busy + share * (soft(busy, m.launch) - busy))


def prefill(m: Machine, tokens: float) -> float:
    """Return the seconds of computing a prompt of `tokens` tokens alone (reading the weights bounds it from below)."""
    return mixed(m, 0.0, 0.0, tokens, 1.0, 1.0 * (tokens > GRAPH))


def marginal(m: Machine, tokens: float) -> float:
    """Return the seconds that one more prompt adds where many are computed (weights are being read anyway)."""
    part = tokens / m.chunk
    again = soft(m.share * tokens, m.experts * part) + (m.fixed + m.prompt) * part
    return m.factor * (again + (m.work + m.reduce_token + m.pair * tokens) * tokens)


def meeting(m: Machine, batch: float, isl: float, osl: float) -> tuple[float, float, float]:
    """Return the prompts of others that come in a step, the share of the steps that they meet in, and such a step."""
    come = (batch - 1.0) / osl + 1e-9
    meet = 1.0 - _E ** (-come * most(1.0, isl / m.chunk))
    share = launched(batch, isl, come)
    return come, meet, mixed(m, batch, isl + 0.5 * osl, isl, come / meet, share)


def steady(m: Machine, batch: float, isl: float, osl: float) -> tuple[float, float, float]:
    """Return (output tokens/s, TTFT s, TPOT s) with `batch` requests always running."""
    decode = step(m, batch, isl + 0.5 * osl)
    _, meet, beside = meeting(m, batch, isl, osl)
    tpot = decode + meet * (beside - decode)
    own = prefill(m, isl)
    # A new request waits for the rest of a step, and is computed beside the others' tokens.
    others = m.factor * (batch - 1.0) * (_cache(m, isl + 0.5 * osl) + m.sequence + m.work + m.share)
    ttft = own + others + 0.5 * tpot * least(batch - 1.0, 1.0)
    return batch * osl / (own + osl * tpot), ttft, tpot


def burst(
    m: Machine, count: float, batch: float, isl: float, osl: float, longest: float = 0.0
) -> tuple[float, float, float]:
    """Return (output tokens/s, mean TTFT s, mean TPOT s) when `count` requests come at once and `batch` run at a time.

    longest: the longest output where they differ; the last round drains until it ends.
    """
    others = marginal(m, isl)
    rounds = most(1.0, count / batch)
    longest = most(longest, osl)
    full = step(m, batch, isl + 0.5 * osl)
    last = longest * step(m, most(1.0, batch * osl / longest), isl + 0.5 * osl)
    seconds = prefill(m, isl) + (count - 1.0) * others + (rounds - 1.0) * osl * full + last
    first = prefill(m, isl) + 0.5 * (least(count, batch) - 1.0) * others + 0.5 * (rounds - 1.0) * osl * full
    return count * osl / seconds, first, full + (1.0 - 1.0 / rounds) * batch * others / osl
