"""What a step of an engine moves and computes, part by part, before any efficiency: bytes, operations, messages.

`parts` names the fitted parameters beside each part, so that roofline.machine only multiplies: the product reads their
values, tools/fit_sizing.py looks for them.
"""

from planner.records import NamedTuple
from planner.sizing.engines import Engine
from planner.sizing.gpus import GpuSpec
from planner.sizing.memory import body_bytes, cache_bytes, kv_width
from planner.sizing.models import Model

__all__ = ["SLOTS", "Parts", "era", "late", "parts", "speed_kind", "width_class"]

#: What a machine is made with; the value of each is the product of the parameters that `Parts.names` lists for it.
SLOTS = (
    *("mbu", "mfu", "mbu_moe", "mfu_moe", "mbu_kv", "mfu_kv", "link", "reduce"),
    *("step", "layer", "mixture", "linear", "sequence", "launch", "stall", "prompt", "spread", "factor"),
)
SPARSE = 2048  # tokens that sparse attention (V3.2, GLM-5) looks at; its index looks at all


class Parts(NamedTuple):
    """Per GPU of a copy. Bytes: `read` of weights that every step reads, `experts` of all routed experts, `kv` and
    `kv_window` per sequence and token of context (the latter within the last `window`), `state` per sequence, `message`
    per token of an all-reduce. Operations per token: `flops`, `expert_flops`, `head_flops` (per sequence), `kv_flops`
    (per token of context), `pair_flops` (times the square of a prompt's tokens). Rates a second: `bandwidth`, `peak` and
    `expert_peak` of the weights' formats, `peak16`, `link`. miss: share of the experts that one token leaves alone.
    names: parameters by slot.
    """

    read: float
    experts: float
    miss: float
    flops: float
    expert_flops: float
    head_flops: float
    kv: float
    kv_flops: float
    kv_window: float
    window: float
    state: float
    reduces: float
    message: float
    pair_flops: float
    layers: float
    mixtures: float
    linears: float
    stalls: float
    bandwidth: float
    peak: float
    expert_peak: float
    peak16: float
    link: float
    chunk: float
    names: tuple[tuple[str, ...], ...]


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


def late(engine: Engine) -> bool:
    """Return whether an engine is of the generation in which mixed steps of a mixture stall: vLLM from 0.20 on."""
    return engine.key == "vllm" and (
        not engine.number or (0, 20) <= engine.number < (2000,) or engine.number >= (2026,)
    )


def width_class(precision: str, gpu: GpuSpec) -> tuple[str, float]:
    """Return the efficiency class of a precision on a GPU, and the rate (10^12/s) it computes at."""
    if precision == "fp8" and gpu.fp8_tflops:
        return "fp8", gpu.fp8_tflops
    if precision == "int8":
        return "int8", gpu.int8_tops
    if precision in ("fp16", "bf16"):
        return "16", gpu.fp16_tflops
    if precision.endswith("fp4") and gpu.compute_capability >= 10.0:
        return "fp4", 2.0 * gpu.fp8_tflops
    return ("w4" if precision.startswith("int4") or precision.endswith("fp4") else "w8"), gpu.fp16_tflops


def _dense_class(model: Model, precision: str, gpu: GpuSpec) -> tuple[str, float]:
    """Return the class and rate of what is no routed expert: a checkpoint may leave its attention in 16 or 8 bits."""
    if model.parts and precision == model.own:
        width = model.parts[0]
        return width_class("bf16" if width >= 2.0 else "fp8" if width >= 1.0 else precision, gpu)
    return width_class(precision, gpu)


def speed_kind(model: Model, precision: str, gpu: GpuSpec) -> str:
    """Return the kind that a range is calibrated for: "dense" or "mixture", and the class of its weights."""
    if model.experts:
        return "mixture:" + ("i4" if precision.startswith("int4") else width_class(precision, gpu)[0])
    return "dense:" + width_class(precision, gpu)[0]


def _expert_class(model: Model, precision: str, gpu: GpuSpec, engine: Engine) -> str:
    """Return the class of the routed experts, which may be narrower than the rest."""
    floats = len(model.parts) == 4 and precision == model.own == "fp8" and model.parts[3] < 0.7
    kind = width_class("mxfp4" if floats else precision, gpu)[0]
    if floats and kind == "w4":  # 4-bit floats beside fp8, computed in 16 bits
        return "f4"
    if precision.startswith("int4"):  # vLLM's kernel took twice the time before 0.20
        return "i4:early" if engine.key == "vllm" and not late(engine) else "i4"
    return kind


def parts(model: Model, precision: str, gpu: GpuSpec, engine: Engine, tp: int, width: float = 0.0) -> Parts:
    """Return the parts of one copy of `model` over `tp` GPUs; width 0: the KV cache is the engine's own."""
    kind, rate = _dense_class(model, precision, gpu)
    expert_kind = _expert_class(model, precision, gpu, engine)
    body_read, expert_read = body_bytes(model, precision)
    head = float(model.vocab * model.hidden)
    routed = model.expert_params * model.top_k / model.experts if model.experts else 0.0
    age = era(engine)
    # Attention of a decode step reads the cache; a KV head is whole on each GPU once tp exceeds the heads.
    share = 1.0 if model.replicated else max(1.0 / tp, 1.0 / model.kv_heads)
    width = width or kv_width(precision, gpu, engine)
    cached, within, window = cache_bytes(model, width), model.kv_window * width, float(model.window)
    if model.kind == "v4":
        within = 0.0
    elif model.mla and model.index_bytes:
        cached, within, window = float(model.index_bytes), cached - model.index_bytes, float(SPARSE)
    layers = model.layers if model.full_layers < 0 else model.full_layers
    mixing = float(layers * model.heads * (model.head_dim + model.v_dim))
    latent = 2.0 * layers * model.heads * (2 * model.kv_lora_rank + model.rope_dim) / tp if model.mla else 0.0
    linears = float(model.layers - layers) if model.kind == "delta" else 0.0
    # V4 mixes each token with a window and what its index chose, whatever the length.
    chosen = 4.0 * model.layers * model.heads * model.head_dim * (window + 256) if model.kind == "v4" else 0.0
    link = "nvlink" if gpu.link == "nvlink" else "pcie"
    # Without peer access every message goes through the memory of a socket, which its cards share: up to four of them.
    shared = 0.5 * min(tp, 4) if gpu.link == "host" else 1.0
    family, old = gpu.family, "" if age == "new" else ":old"
    return Parts(
        read=(body_read + 2.0 * head) / tp,
        experts=expert_read / tp,
        miss=1.0 - model.top_k / model.experts if model.experts else 0.0,
        flops=(2.0 * model.dense_body_params + chosen) / tp,
        expert_flops=2.0 * routed / tp,
        head_flops=2.0 * head / tp,
        kv=cached * share,
        kv_flops=0.0 if model.index_bytes else latent,
        kv_window=within * share,
        window=window,
        state=2.0 * model.state / tp if model.kind == "delta" else 0.0,
        reduces=2.0 * model.layers if tp > 1 else 0.0,
        message=2.0 * (tp - 1) / tp * model.hidden * 2.0 * shared,
        pair_flops=mixing / tp,
        layers=float(model.layers),
        mixtures=float(model.mixtures),
        linears=linears,
        stalls=1.0 if model.experts and late(engine) else 0.0,
        bandwidth=gpu.bandwidth_gb_s * 1e9,
        peak=rate * 1e12,
        expert_peak=gpu.fp16_tflops * 1e12,
        peak16=gpu.fp16_tflops * 1e12,
        link=gpu.link_gb_s * 1e9,
        chunk=8192.0 if gpu.usable_gib >= 70 else 2048.0,
        names=(
            ("mbu", "mbu:" + family, "mbu:" + kind + old),
            ("mfu", "mfu:" + family, "mfu:" + kind + old),
            ("mbu", "mbu:" + family, "mbu:moe", "mbu:moe:" + expert_kind),
            ("mfu", "mfu:" + family, "mfu:moe", "mfu:moe:" + expert_kind),
            ("mbu_kv", "mbu:" + family),
            ("mfu", "mfu:" + family),
            ("link:" + link,),
            ("reduce_us:" + link,),
            ("step_ms:" + age,),
            ("layer_us:" + age, "layer:" + kind, "layer:tp" if tp > 1 else ""),
            ("mixture_us:" + age, "mixture:" + expert_kind),
            ("linear_us",),
            ("sequence_us:" + age,),
            ("launch_us:" + age, "launch:moe" if model.experts else ""),
            ("stall_ms",),
            ("prompt_us:" + age,),
            ("spread",),
            (f"factor:{engine.key}:{age}",),
        ),
    )
