"""GPU memory of one copy of a model: weights, KV cache and what the engine needs, in bytes per GPU.

Checked against measured sizes in tests/sizing/test_memory.py. Per GPU:
    KV cache = usable x utilisation - weights - overhead          (vLLM and others: utilisation 0.90)
    KV cache = share x (usable - weights - overhead)              (LMDeploy 0.8, TensorRT-LLM 0.9: of what is free)
"""

from copy import copy

from planner.sizing import Memory
from planner.sizing.engines import Engine
from planner.sizing.gpus import GIB, GpuSpec
from planner.sizing.models import Model
from planner.text import Text, text

__all__ = [
    "BYTES",
    "Plan",
    "body_bytes",
    "expert_parallel",
    "of_copies",
    "overhead_parts",
    "plan",
    "tile_refusal",
    "tp_refusal",
    "weight_bytes",
    "weight_parts",
]

# Bytes per quantised parameter; int4 counts the scales and zeros of groups of 128 (Qwen 2.5 sizes agree within 3 %).
BYTES = {
    "fp16": 2.0,
    "bf16": 2.0,
    "fp8": 1.0,
    "int8": 1.0,
    "int8-w8a16": 1.0,
    "int4-awq": 0.5625,
    "int4-gptq": 0.5625,
    "int4-w4a16": 0.5625,
    "mxfp4": 0.53125,  # 4 bits and one 8-bit scale per 32
    "nvfp4": 0.5625,  # 4 bits and one 8-bit scale per 16
}
BLOCK = 128  # rows and columns of an fp8 block: a shard must hold whole ones
TILE = 64  # columns of a tile of the kernels that compute fp8 weights in 16 bits (Marlin)
UTILISATION = 0.90  # vLLM's --gpu-memory-utilization as our modules set it (its default is 0.92 today, 0.9 before)
# Engines that take a share of what is free after loading: --cache-max-entry-count, --kv_cache_free_gpu_memory_fraction.
FREE_SHARE = {"lmdeploy": 0.8, "tensorrt-llm": 0.9}
# Measured: 7B and 32B, bf16 and fp8, one H100, vLLM 0.26: graphs 0.22 GiB, rest of the gap to the formula 0.17 GiB.
FIXED_BYTES = 0.39 * GIB
NCCL_BYTES = 0.37 * GIB  # aiconfigurator reserves 0.34 to 0.39 GiB a GPU
SAMPLED = 256  # sequences in the sampler's profile run, three float copies of the logits
# vLLM's older runner, which mixtures and hybrids still take, sorts the logits of all sequences that may run, whichever
# sampler is there: 14 bytes a logit, and 0.45 GiB more for its graphs. Measured on H100 and H200 with 0.26.0: 3.3 to 3.8
# GiB beside weights and KV cache at the default of 1,024 sequences, 1.9 at 256; 1.3 with the newer one.
SORTED_BYTES = 14.0
OLDER_GRAPHS = 0.45 * GIB
NEWER_RUNNER = ("DeepseekV2ForCausalLM", "Qwen2MoeForCausalLM", "GraniteMoeForCausalLM")  # vllm/config/vllm.py, 0.26.0
UNTIED_PREFILL = 8192  # tokens per prefill batch on GPUs of 70 GiB and more; 2,048 below (vLLM's defaults)


class Plan:
    """Memory of one copy on tp GPUs times pp instances; bytes are per GPU of the fullest stage.

    tokens: what the KV cache holds where a request is nothing but its tokens. pool may be negative: then the copy does
    not fit. kv_window: bytes of a token within the last `window` ones; state: bytes of a request whatever its length.
    width: of the KV cache against 16 bits. gbps: of a network so slow that what crosses it counts, else 0.
    """

    __slots__ = (
        *("budget", "gbps", "kv_per_token", "kv_window", "overhead", "pool", "pp"),
        *("state", "tokens", "tp", "weights", "width", "window"),
    )

    def __init__(
        self,
        tp: int,
        pp: int,
        weights: float,
        overhead: float,
        budget: float,
        pool: float,
        kv_per_token: float,
        tokens: int,
        kv_window: float = 0.0,
        window: int = 0,
        state: float = 0.0,
        width: float = 1.0,
    ) -> None:
        self.tp = tp
        self.pp = pp
        self.weights = weights
        self.overhead = overhead
        self.budget = budget
        self.pool = pool
        self.kv_per_token = kv_per_token
        self.tokens = tokens
        self.kv_window = kv_window
        self.window = window
        self.state = state
        self.width = width
        self.gbps = 0.0

    def over(self, gbps: float) -> "Plan":
        """Return the same copy with its stages `gbps` apart."""
        made = copy(self)
        made.gbps = gbps
        return made

    def cached(self, length: float) -> float:
        """Return the bytes of KV cache that a request of `length` tokens holds, without its state."""
        return self.kv_per_token * length + self.kv_window * min(length, self.window)

    def holds(self, length: float) -> int:
        """Return how many requests of `length` tokens fit."""
        if not self.kv_window and not self.state:
            return int(self.tokens // length)
        return max(0, int(self.pool // (self.cached(length) + self.state)))


def body_bytes(model: Model, precision: str) -> tuple[float, float]:
    """Return the bytes of what every step reads of the layers, and of all routed experts."""
    if model.parts and precision == model.own:
        attention, mlp, shared, experts = model.parts
        fixed = attention * model.attention_params + mlp * model.dense_params + shared * model.shared_params
        return fixed + 2.0 * model.router_params, experts * model.expert_params
    width = BYTES[precision]
    return model.dense_body_params * width, model.expert_params * width


def weight_bytes(model: Model, precision: str) -> float:
    """Return the bytes of all weights: embeddings, output head and routers stay 16-bit whatever the precision."""
    fixed, experts = body_bytes(model, precision)
    if not (model.parts and precision == model.own):
        fixed += (2.0 - BYTES[precision]) * model.router_params
    return fixed + experts + 2.0 * (model.embedding_params + model.extra_params) + model.extra_bytes


def _cuts(width: int, tp: int, group: int) -> str:
    """Return the arithmetic of a shard that holds no whole groups, "" when it holds whole ones."""
    return f"{width} / {tp} = {width / tp:g}" if width % tp or (width // tp) % group else ""


def expert_parallel(model: Model, precision: str, tp: int) -> bool:
    """Return whether `tp` would cut the experts' fp8 blocks or int4 groups, so that whole experts are spread instead."""
    if not model.experts:
        return False
    if precision.startswith("int4"):
        return bool(_cuts(model.moe_intermediate, tp, _group(model, precision)))
    return precision == "fp8" and model.block and bool((model.moe_intermediate / tp) % BLOCK)


def _group(model: Model, precision: str) -> int:
    """Return the width of a group of int4 weights."""
    return model.group if precision == model.own else 128


def _dense_in_groups(model: Model, precision: str) -> bool:
    """Return whether dense layers lie in int4 groups: the few of a mixture do only where its checkpoint says so."""
    if not model.experts:
        return True
    return precision == model.own and bool(model.dense_params) and bool(model.parts) and model.parts[1] < 2


def tp_refusal(model: Model, precision: str, tp: int) -> Text | None:
    """Return why `model` cannot be split over `tp` GPUs, or None."""
    if model.heads % tp:
        key = "tp {tp} does not divide the {heads} attention heads of {model}"
        return text(key, tp=str(tp), heads=str(model.heads), model=model.name)
    if not model.replicated and model.kv_heads % tp and tp % model.kv_heads:
        key = "tp {tp} neither divides nor is a multiple of the {heads} KV heads of {model}"
        return text(key, tp=str(tp), heads=str(model.kv_heads), model=model.name)
    if precision.startswith("int4"):
        group = _group(model, precision)
        cut = _cuts(model.int4_width or model.intermediate, tp, group) if _dense_in_groups(model, precision) else ""
        if cut:
            key = "tp {tp} cuts the quantisation groups of {group} ({share})"
            return text(key, tp=str(tp), group=str(group), share=cut)
        if expert_parallel(model, precision, tp) and model.experts % tp:
            key = "tp {tp} cuts the quantisation groups of {group}, and does not divide {n} experts for expert parallel"
            return text(key, tp=str(tp), group=str(group), n=str(model.experts))
    if precision == "fp8" and model.block:
        cut = _cuts(model.intermediate, tp, BLOCK) if model.dense_params else ""
        if cut:
            return text("tp {tp} cuts the fp8 blocks of {group} ({share})", tp=str(tp), group=str(BLOCK), share=cut)
        if expert_parallel(model, precision, tp) and model.experts % tp:
            key = "tp {tp} cuts the fp8 blocks of {group}, and does not divide the {n} experts for expert parallel"
            return text(key, tp=str(tp), group=str(BLOCK), n=str(model.experts))
    return None


def tile_refusal(model: Model, precision: str, gpu: GpuSpec, engine: Engine, tp: int) -> Text | None:
    """Return why the engine's kernels on `gpu` cannot take the shards of `tp`, or None."""
    if expert_parallel(model, precision, tp) and engine.key not in ("vllm", "sglang"):
        if precision.startswith("int4"):
            key = "tp {tp} cuts the groups of {group}: {engine} would need expert parallel, which is not planned"
            return text(key, tp=str(tp), group=str(_group(model, precision)), engine=engine.label)
        key = (
            "tp {tp} cuts the experts' fp8 blocks of {group}: {engine} would need expert parallel, which is not planned"
        )
        return text(key, tp=str(tp), group=str(BLOCK), engine=engine.label)
    if precision == "fp8" and not model.block and not gpu.fp8_tflops:
        widths = [model.intermediate] if model.dense_params else []
        widths += [model.moe_intermediate] if model.experts else []
        cut = next((w for w in widths if (2 * w) % tp or (2 * w // tp) % TILE), 0)
        if cut:
            key = "tp {tp} cuts the tiles of {tile} of the kernels that compute fp8 in 16 bits ({share})"
            share = f"2 x {cut} / {tp} = {2 * cut / tp:g}"
            return text(key, tp=str(tp), tile=str(TILE), share=share)
    return None


def _batch(gpu: GpuSpec) -> int:
    """Return the tokens of one prefill batch."""
    return UNTIED_PREFILL if gpu.usable_gib >= 70 else 2048


def _older_runner(model: Model, engine: Engine) -> bool:
    """Return whether vLLM runs a model with its older runner, as far as versions from 0.8 on are known."""
    new = not engine.number or (0, 8) <= engine.number < (2000,) or engine.number >= (2026,)
    kind = (bool(model.experts) and model.kind != "v4") or model.kind == "delta"  # V4's overhead is its own, measured
    return engine.key == "vllm" and new and kind and model.arch not in NEWER_RUNNER


def overhead_parts(model: Model, gpu: GpuSpec, tp: int, engine: Engine) -> tuple[float, float, float]:
    """Return activations at their peak (and the sampler's logits), graphs, and communication buffers of one GPU."""
    batch = _batch(gpu)
    dense = 3 * model.intermediate / tp + 4 * model.hidden
    mixture = model.top_k * (3 * model.moe_intermediate / tp + model.hidden) if model.experts else 0.0
    activations = 2.0 * batch * max(dense, mixture + 4 * model.hidden if mixture else 0.0)
    logits = 3 * 4.0 * SAMPLED * model.vocab
    links = NCCL_BYTES if tp > 1 else 0.0
    if _older_runner(model, engine):
        sequences = 1024 if gpu.usable_gib >= 70 else SAMPLED
        return activations + SORTED_BYTES * sequences * model.vocab, FIXED_BYTES + OLDER_GRAPHS, links
    return max(activations, logits), FIXED_BYTES, links


def overhead_bytes(model: Model, gpu: GpuSpec, tp: int, engine: Engine) -> float:
    """Return what the engine takes of one GPU beside weights and KV cache."""
    return sum(overhead_parts(model, gpu, tp, engine))


def weight_parts(model: Model, precision: str) -> list[tuple[str, float, float]]:
    """Return (part, parameters, bytes of each) of all weights; they add up to `weight_bytes` but for `extra_bytes`."""
    own = bool(model.parts) and precision == model.own
    widths = model.parts if own else (BYTES[precision],) * 4
    named = ("attention", "dense layers", "shared experts", "routed experts")
    counts = (model.attention_params, model.dense_params, model.shared_params, model.expert_params)
    found = [(n, float(c), w) for n, c, w in zip(named, counts, widths, strict=True)]
    found += [
        ("routers", float(model.router_params), 2.0),
        ("embedding and output head", float(model.embedding_params), 2.0),
    ]
    found.append(("vision and other parts", float(model.extra_params), 2.0))
    return [part for part in found if part[1]]


def kv_width(precision: str, gpu: GpuSpec, engine: Engine, asked: str = "") -> float:
    """Return the KV cache's bytes against 16-bit ones; `asked` is what --kv-cache-dtype says.

    TensorRT-LLM's fp8 checkpoints keep the cache in fp8 as well.
    """
    if asked == "fp8":
        return 0.5
    return 0.5 if engine.key == "tensorrt-llm" and precision == "fp8" and gpu.fp8_tflops else 1.0


def own_cache(model: Model, precision: str) -> str:
    """Return the KV cache's width that the checkpoint says: it counts where the checkpoint is served as it is."""
    return model.cache if precision == model.own else ""


SPARSE_FP8 = 656  # bytes of a token and layer of sparse MLA in fp8: 512 latent, 4 scales, 64 rope values in 16 bits


def cache_bytes(model: Model, width: float) -> float:
    """Return the bytes that a token adds to the cache for good: the index has its own width, V4's layout is fixed."""
    if model.kind == "v4":
        return float(model.kv_growing)
    if width < 1.0 and model.mla and model.index_bytes:
        return float(SPARSE_FP8 * model.layers + model.index_bytes)
    return model.kv_growing * width + model.index_bytes


_plans: dict[tuple[int, str, str, str, str, int, int, str], tuple[Model, Plan]] = {}


def plan(model: Model, precision: str, gpu: GpuSpec, engine: Engine, tp: int, pp: int = 1, kv: str = "") -> Plan:
    """Return the memory of one copy of `model` over `tp` GPUs in each of `pp` instances (shapes are not checked).

    The same question gets the same object.
    """
    key = (id(model), precision, gpu.name, engine.key, engine.version, tp, pp, kv)
    kept = _plans.get(key)
    if kept is None:
        if len(_plans) > 1024:
            _plans.clear()
        # The model is kept beside its plan, so that its id stays its own.
        kept = _plans[key] = (model, _plan(model, precision, gpu, engine, tp, pp, kv))
    return kept[1]


def _plan(model: Model, precision: str, gpu: GpuSpec, engine: Engine, tp: int, pp: int, asked: str) -> Plan:
    stage = -(-model.layers // pp) / model.layers  # share of the layers in the fullest pipeline stage
    embedding = 2.0 * model.embedding_params
    total = weight_bytes(model, precision)
    ends = embedding if pp == 1 else embedding / (1 if model.tied else 2)
    weights = ((total - embedding) * stage + ends) / tp
    # KV heads are split, then replicated once tp exceeds them; a latent is whole on every GPU.
    share = stage * (1.0 if model.replicated else max(1.0 / tp, 1.0 / model.kv_heads))
    width = kv_width(precision, gpu, engine, asked or own_cache(model, precision))
    kv = cache_bytes(model, width) * share
    within = 0.0 if model.kind == "v4" else model.kv_window * width * share
    # What a prefill batch holds beside: a window's tokens that have not left it yet.
    overhead = overhead_bytes(model, gpu, tp, engine) + _batch(gpu) * (model.inflight * share or within)
    usable = gpu.usable_gib * GIB
    free = FREE_SHARE.get(engine.key)
    if free:
        budget = usable
        pool = free * (usable - weights - overhead)
    else:
        budget = usable * UTILISATION
        pool = budget - weights - overhead
    state = model.state * stage * (1.0 if model.kind == "v4" else 1.0 / tp)
    tokens = max(0, int(pool / (kv or within or 1.0)))
    return Plan(
        tp,
        pp,
        weights,
        overhead,
        budget,
        pool,
        kv,
        tokens,
        kv_window=within,
        window=model.window,
        state=state,
        width=width,
    )


def of_copies(p: Plan, replicas: int, length: float) -> Memory:
    """Return the memory of one copy over all its GPUs, and the tokens that all replicas of an instance hold.

    Where windows limit what a token costs, both are for requests of `length` tokens.
    """
    cards = p.tp * p.pp
    alike = not p.kv_window and not p.state
    return Memory(
        weights_gib=p.weights * cards / GIB,
        kv_gib_per_1k_tokens=(p.kv_per_token if alike else p.cached(length) / length) * cards * 1000 / GIB,
        overhead_gib=p.overhead * cards / GIB,
        available_gib=p.budget * cards / GIB,
        max_concurrent_tokens=(p.tokens if alike else int(p.holds(length) * length)) * replicas,
    )
