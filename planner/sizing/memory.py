"""GPU memory of one copy of a model: weights, KV cache and what the engine needs, in bytes per GPU.

Checked against measured sizes in tests/sizing/test_memory.py. Per GPU:
    KV cache = usable x utilisation - weights - overhead          (vLLM and others: utilisation 0.90)
    KV cache = share x (usable - weights - overhead)              (LMDeploy 0.8, TensorRT-LLM 0.9: of what is free)
"""

from planner.sizing.engines import Engine
from planner.sizing.gpus import GIB, GpuSpec
from planner.sizing.models import Model
from planner.text import Text, text

__all__ = ["BYTES", "Plan", "plan", "tp_refusal", "weight_bytes"]

# Bytes per quantised parameter; int4 counts the scales and zeros of groups of 128 (Qwen 2.5 sizes agree within 3 %).
BYTES = {
    "fp16": 2.0,
    "bf16": 2.0,
    "fp8": 1.0,
    "int8": 1.0,
    "int8-w8a16": 1.0,
    "int4-awq": 0.5625,
    "int4-gptq": 0.5625,
}
GROUP = 128  # width of a quantisation group: a shard must hold whole groups
UTILISATION = 0.90  # vLLM's --gpu-memory-utilization as our modules set it (its default is 0.92 today, 0.9 before)
# Engines that take a share of what is free after loading: --cache-max-entry-count, --kv_cache_free_gpu_memory_fraction.
FREE_SHARE = {"lmdeploy": 0.8, "tensorrt-llm": 0.9}
# Measured: 7B and 32B, bf16 and fp8, one H100, vLLM 0.26: graphs 0.22 GiB, rest of the gap to the formula 0.17 GiB.
FIXED_BYTES = 0.39 * GIB
NCCL_BYTES = 0.37 * GIB  # aiconfigurator reserves 0.34 to 0.39 GiB a GPU
SAMPLED = 256  # sequences in the sampler's profile run (vLLM max_num_seqs), three float copies of the logits
UNTIED_PREFILL = 8192  # tokens per prefill batch on GPUs of 70 GiB and more; 2,048 below (vLLM's defaults)


class Plan:
    """Memory of one copy on tp GPUs times pp instances; bytes are per GPU of the fullest stage.

    tokens: what the KV cache holds. pool_bytes may be negative: then the copy does not fit.
    """

    __slots__ = ("budget", "kv_per_token", "overhead", "pool", "pp", "tokens", "tp", "weights")

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
    ) -> None:
        self.tp = tp
        self.pp = pp
        self.weights = weights
        self.overhead = overhead
        self.budget = budget
        self.pool = pool
        self.kv_per_token = kv_per_token
        self.tokens = tokens


def weight_bytes(model: Model, precision: str) -> float:
    """Return the bytes of all weights: embeddings and output head stay 16-bit whatever the precision."""
    body = model.total_params - model.embedding_params
    routers = (model.layers - model.dense_layers) * model.hidden * model.experts  # stay 16-bit too
    return (body - routers) * BYTES[precision] + 2.0 * (model.embedding_params + routers)


def tp_refusal(model: Model, precision: str, tp: int) -> Text | None:
    """Return why `model` cannot be split over `tp` GPUs, or None."""
    if model.heads % tp:
        key = "tp {tp} does not divide the {heads} attention heads of {model}"
        return text(key, tp=str(tp), heads=str(model.heads), model=model.name)
    if not model.mla and model.kv_heads % tp and tp % model.kv_heads:
        key = "tp {tp} neither divides nor is a multiple of the {heads} KV heads of {model}"
        return text(key, tp=str(tp), heads=str(model.kv_heads), model=model.name)
    if precision.startswith("int4"):
        width = model.moe_intermediate if model.experts else model.intermediate
        if width % tp or (width // tp) % GROUP:
            key = "tp {tp} cuts the quantisation groups of {group} ({share})"
            return text(key, tp=str(tp), group=str(GROUP), share=f"{width} / {tp} = {width / tp:g}")
    return None


def overhead_bytes(model: Model, gpu: GpuSpec, tp: int) -> float:
    """Return activations at their peak, graphs and communication buffers of one GPU."""
    batch = UNTIED_PREFILL if gpu.usable_gib >= 70 else 2048
    dense = 3 * model.intermediate / tp + 4 * model.hidden
    mixture = model.top_k * (3 * model.moe_intermediate / tp + model.hidden) if model.experts else 0.0
    activations = 2.0 * batch * max(dense, mixture + 4 * model.hidden if mixture else 0.0)
    logits = 3 * 4.0 * SAMPLED * model.vocab
    return max(activations, logits) + FIXED_BYTES + (NCCL_BYTES if tp > 1 else 0.0)


def kv_width(precision: str, gpu: GpuSpec, engine: Engine) -> float:
    """Return the KV cache's bytes against 16-bit ones: TensorRT-LLM's fp8 checkpoints keep the cache in fp8 as well."""
    return 0.5 if engine.key == "tensorrt-llm" and precision == "fp8" and gpu.fp8_tflops else 1.0


_plans: dict[tuple[int, str, str, str, str, int, int], tuple[Model, Plan]] = {}


def plan(model: Model, precision: str, gpu: GpuSpec, engine: Engine, tp: int, pp: int = 1) -> Plan:
    """Return the memory of one copy of `model` over `tp` GPUs in each of `pp` instances (shapes are not checked).

    The same question gets the same object.
    """
    key = (id(model), precision, gpu.name, engine.key, engine.version, tp, pp)
    kept = _plans.get(key)
    if kept is None:
        if len(_plans) > 1024:
            _plans.clear()
        # The model is kept beside its plan, so that its id stays its own.
        kept = _plans[key] = (model, _plan(model, precision, gpu, engine, tp, pp))
    return kept[1]


def _plan(model: Model, precision: str, gpu: GpuSpec, engine: Engine, tp: int, pp: int) -> Plan:
    stage = -(-model.layers // pp) / model.layers  # share of the layers in the fullest pipeline stage
    embedding = 2.0 * model.embedding_params
    total = weight_bytes(model, precision)
    ends = embedding if pp == 1 else embedding / (1 if model.tied else 2)
    weights = ((total - embedding) * stage + ends) / tp
    overhead = overhead_bytes(model, gpu, tp)
    usable = gpu.usable_gib * GIB
    free = FREE_SHARE.get(engine.key)
    if free:
        budget = usable
        pool = free * (usable - weights - overhead)
    else:
        budget = usable * UTILISATION
        pool = budget - weights - overhead
    # KV heads are split, then replicated once tp exceeds them; MLA's latent is whole on every GPU.
    share = 1.0 if model.mla else max(1.0 / tp, 1.0 / model.kv_heads)
    kv = model.kv_bytes_per_token * stage * share * kv_width(precision, gpu, engine)
    return Plan(tp, pp, weights, overhead, budget, pool, kv, max(0, int(pool / kv)))
