"""The sizing as the quote calls it: `check` a workload once, then `size` it on each instance type."""

from __future__ import annotations

from typing import NamedTuple

from planner import gpus, models
from planner.errors import MisuseError, suggest
from planner.gpus import GIB, GpuSpec
from planner.models import Model
from planner.offer import InstanceType
from planner.sizing import Layout, Memory, Sizing, Step, engines, layout
from planner.sizing.engines import Engine
from planner.sizing.memory import BYTES, LMDEPLOY_SHARE, UTILISATION, Plan, weight_bytes
from planner.workload import PRECISIONS, Workload

__all__ = ["check", "size"]

_cache: dict[tuple[object, ...], Sizing] = {}
_models: dict[tuple[str, str], Model] = {}


def model_of(workload: Workload) -> Model:
    """Return the workload's model; raises MisuseError for an unknown one or a config.json that cannot be used."""
    key = (workload.model, workload.model_config)
    if key not in _models:
        _models[key] = models.from_config(workload.model_config) if workload.model_config else models.find(workload.model)
    return _models[key]


def check(workload: Workload) -> None:
    """Raise MisuseError when the workload cannot be sized on anything: unknown names, impossible lengths or demand."""
    model = model_of(workload)
    if not model.sizable:
        raise MisuseError(f"{model.name} is known but cannot be sized: {model.notes}")
    if workload.precision not in PRECISIONS:
        raise MisuseError(f"unknown precision {workload.precision!r}: {suggest(workload.precision, PRECISIONS)}")
    for field, value in (("input_tokens", workload.input_tokens), ("output_tokens", workload.output_tokens)):
        if value < 1:
            raise MisuseError(f"{field} must be 1 or more, is {value}")
    for field in ("context_tokens", "count", "spare", "rps", "concurrency", "tokens_per_second", "ttft_ms", "tpot_ms"):
        if getattr(workload, field) < 0:
            raise MisuseError(f"{field} must not be negative, is {getattr(workload, field)}")
    context = workload.input_tokens + workload.output_tokens
    if workload.context_tokens and workload.context_tokens < context:
        raise MisuseError(
            f"context_tokens {workload.context_tokens:,} is less than input and output together ({context:,} tokens)"
        )
    longest = max(context, workload.context_tokens)
    if longest > model.max_context:
        raise MisuseError(f"{longest:,} tokens are more than the context of {model.name} ({model.max_context:,})")
    if workload.engine:
        engines.parse(workload.engine)
    demands = [f for f in ("rps", "concurrency", "tokens_per_second") if getattr(workload, f)]
    if len(demands) > 1:
        raise MisuseError(f"give one demand, not {' and '.join(demands)}")
    for name in workload.gpu:
        try:
            gpus.find(name)
        except MisuseError as error:
            if "unknown" in str(error) or str(error).startswith("no datasheet for GPU '"):
                raise


class Shape(NamedTuple):
    """What matters of an instance type: its GPUs and its network. `shown` names it in reasons."""

    gpu: str
    gpus: float
    memory_gib: float | None
    network_gbps: float | None


def size(workload: Workload, instance: InstanceType) -> Sizing:
    """Return how `instance` serves `workload`; a workload that passed `check` never raises here."""
    shape = Shape(
        instance.gpu_model,
        float(instance.gpu_count),
        None if instance.gpu_memory_gib is None else float(instance.gpu_memory_gib),
        None if instance.network_gbps is None else float(instance.network_gbps),
    )
    key = (
        shape, workload.model, workload.model_config, workload.precision, workload.engine, workload.count,
        workload.spare, workload.input_tokens, workload.output_tokens, workload.context_tokens, workload.rps,
        workload.concurrency, workload.tokens_per_second, workload.ttft_ms, workload.tpot_ms, workload.headroom,
    )  # fmt: skip
    found = _cache.get(key)
    if found is None:
        if len(_cache) > 4096:
            _cache.clear()
        found = _cache[key] = _size(workload, shape)
    return found


def _no(workload: Workload, model: Model, engine: str, reasons: tuple[str, ...]) -> Sizing:
    """Return the sizing of an instance type that does not serve the workload."""
    return Sizing(
        False, reasons, 0, workload.count > 0, model.name, workload.precision, engine, None, None, None, None, None,
        None, 0, None, 0, (), (), (),
    )  # fmt: skip


def _size(workload: Workload, shape: Shape) -> Sizing:
    model = model_of(workload)
    try:
        gpu = gpus.find(shape.gpu, shape.memory_gib)
    except MisuseError as error:
        return _no(workload, model, "", (str(error),))
    if 0 < shape.gpus < 1 and gpu.share == 1:
        gpu = gpus.find(f"{gpu.name} (1/{round(1 / shape.gpus)} vGPU)")
    count = max(1, int(shape.gpus))
    engine = engines.parse(workload.engine) if workload.engine else engines.default(gpu)
    refused = engines.refusal(engine, gpu, workload.precision, model)
    if refused:
        return _no(workload, model, engine.label, (refused,))
    context = max(workload.context_tokens, workload.input_tokens + workload.output_tokens)
    plans, reasons = layout.options(
        model, workload.precision, gpu, engine, count, context, shape.network_gbps
    )
    if not plans:
        return _no(workload, model, engine.label, tuple(reasons))
    chosen = plans[0]
    if workload.count and workload.count < chosen.pp:
        reasons.append(f"one copy needs {chosen.pp} instances, count says {workload.count}")
        return _no(workload, model, engine.label, tuple(reasons))
    replicas = max(1, count // chosen.tp) if chosen.pp == 1 else 1
    return Sizing(
        fits=True, reasons=(), count=workload.count or chosen.pp + workload.spare, count_given=workload.count > 0,
        model=model.name, precision=workload.precision, engine=engine.label,
        layout=Layout(chosen.tp, chosen.pp, replicas), memory=memory(chosen, model, replicas),
        output_tokens_per_second=None, total_tokens_per_second=None, ttft_ms=None, tpot_ms=None, concurrency=0,
        utilisation=None, idle_gpus=count - replicas * chosen.tp, basis=(),
        warnings=engines.note(engine, gpu, workload.precision, model),
        steps=memory_steps(chosen, model, workload.precision, gpu, engine),
    )  # fmt: skip


def memory(p: Plan, model: Model, replicas: int) -> Memory:
    """Return the memory of one copy over all its GPUs, and the tokens that all replicas of an instance hold."""
    cards = p.tp * p.pp
    return Memory(
        weights_gib=p.weights * cards / GIB,
        kv_gib_per_1k_tokens=p.kv_per_token * cards * 1000 / GIB,
        overhead_gib=p.overhead * cards / GIB,
        available_gib=p.budget * cards / GIB,
        max_concurrent_tokens=p.tokens * replicas,
    )


def memory_steps(p: Plan, model: Model, precision: str, gpu: GpuSpec, engine: Engine) -> tuple[Step, ...]:
    """Return the memory part of the sizing as steps that a reader can redo by hand."""
    body = model.total_params - model.embedding_params
    stage = f", {p.pp} stages" if p.pp > 1 else ""
    if model.mla:
        kv = f"{model.layers} layers x ({model.kv_lora_rank} + {model.rope_dim}) x 2 bytes, whole on each GPU (MLA)"
    else:
        kv = f"{model.layers} layers x 2 x {model.kv_heads} KV heads x {model.head_dim} x 2 bytes"
    if engine.key == "lmdeploy":
        pool = f"{LMDEPLOY_SHARE:g} x ({gpu.usable_gib:g} - {p.weights / GIB:.2f} - {p.overhead / GIB:.2f})"
    else:
        pool = f"{UTILISATION:g} x {gpu.usable_gib:g} - {p.weights / GIB:.2f} - {p.overhead / GIB:.2f}"
    return (
        Step(
            "weights, one copy",
            f"{body / 1e9:.3f}e9 x {BYTES[precision]:g} + {model.embedding_params / 1e9:.3f}e9 x 2 bytes (16-bit part)",
            f"{weight_bytes(model, precision) / GIB:.2f}", "GiB", model.source,
        ),
        Step("weights per GPU", f"over tp {p.tp}{stage}, fullest stage", f"{p.weights / GIB:.2f}", "GiB", "layout"),
        Step("KV cache per token", kv, f"{model.kv_bytes_per_token:,}", "bytes", model.source),
        Step("engine and activations per GPU", "docs/sizing.md, Memory", f"{p.overhead / GIB:.2f}", "GiB", "fitted"),
        Step("KV cache per GPU", pool, f"{p.pool / GIB:.2f}", "GiB", gpu.usable_source),
        Step(
            "tokens one copy holds", f"{p.pool:.4g} / {p.kv_per_token:,.0f} bytes", f"{p.tokens:,}", "tokens", "formula",
        ),
    )  # fmt: skip
