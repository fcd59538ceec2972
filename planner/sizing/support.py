"""What an engine can run: weight format and attention of a model on a GPU, by the engine's version (kernels.csv)."""

from __future__ import annotations

from functools import lru_cache

from planner.sizing import engines, kernels
from planner.sizing.engines import Engine
from planner.sizing.gpus import GpuSpec
from planner.sizing.models import Model
from planner.text import Text, text
from planner.workload import PRECISIONS

__all__ = ["attention", "gpu_refusal", "note", "refusal", "weight_format"]

_ATTENTION = {
    "mla": "multi-head latent attention (MLA)",
    "sparse-mla": "sparse attention (DSA)",
    "v4": "compressed sparse attention (CSA and HCA)",
    "delta": "linear attention (gated delta net)",
    "window": "sliding windows",
    "sinks": "attention sinks",
}

#: Words of a licence that a reader must know before selling what the model makes.
_BINDING = ("non-commercial", "community", "own terms")


def weight_format(model: Model, precision: str) -> str:
    """Return the format in kernels.csv that `precision` of `model` is: fp8 in blocks where it is published so."""
    return "fp8-block" if precision == "fp8" and model.published == "fp8-block" else precision


def attention(model: Model) -> str:
    """Return the model's kind of attention as kernels.csv names it."""
    if model.kind:
        return model.kind
    return "heads" if not model.mla else "sparse-mla" if model.extra_kv_bytes else "mla"


def _lacks(gpu: GpuSpec, precision: str) -> bool:
    """Whether the GPU itself has no arithmetic for `precision`, whatever the engine."""
    return (precision == "bf16" and not gpu.bf16_tflops) or (precision == "int8" and not gpu.int8_tops)


@lru_cache(maxsize=4096)
def refusal(engine: Engine, gpu: GpuSpec, precision: str, model: Model, kv: str = "") -> Text:
    """Return why `engine` cannot run `model` at `precision` on `gpu`; an empty text when it can.

    kv: the KV cache's width as --kv-cache-dtype says it, "" for the engine's own.
    """
    if not gpu.compute_capability:
        return engines.no_cuda(gpu)
    refused = gpu_refusal(engine, gpu, precision) or _model_refusal(engine, gpu, precision, model)
    return refused or (_cache_refusal(engine, gpu, model, kv) if kv else engines.NOTHING)


def _cache_refusal(engine: Engine, gpu: GpuSpec, model: Model, kv: str) -> Text:
    """Return why the engine does not keep the KV cache in `kv` there."""
    kind = {"mla": "-mla", "sparse-mla": "-sparse-mla"}.get(attention(model), "")
    found = kernels.find(engine.key, engine.number, "kv_cache", kv + kind, gpu.compute_capability)
    if model.kind != "v4" and (found is None or found.support == "refused"):
        key = "{engine} has no KV cache in {kv} for {model} on {gpu} (compute capability {cc})"
        return text(key, engine=engine.label, kv=kv, model=model.name, **engines.named(gpu))
    return engines.NOTHING


def gpu_refusal(engine: Engine, gpu: GpuSpec, precision: str = "fp16") -> Text:
    """Return why the GPU is nothing for the engine or the precision, whatever the model."""
    low = kernels.lowest(engine.key, engine.number)
    if gpu.compute_capability < low:
        key = "{engine} has no kernels for {gpu} (compute capability {cc}): it needs {min} or newer"
        if any(b.rank and gpu.compute_capability in b.capabilities for b in engines.builds()):
            key = (
                "{engine} has no kernels for {gpu} (compute capability {cc}): it needs {min} or newer, "
                "or leave --engine out to use LMDeploy TurboMind"
            )
        return text(key, engine=engine.label, **engines.named(gpu), min=f"{low:g}")
    if precision == "bf16" and (gpu.compute_capability < 8.0 or not gpu.bf16_tflops):
        return text("{gpu} (compute capability {cc}) has no bf16: use fp16", **engines.named(gpu))
    return engines.NOTHING


def _model_refusal(engine: Engine, gpu: GpuSpec, precision: str, model: Model) -> Text:
    """Return why the engine has nothing for the model in this width on this GPU."""
    known = kernels.architectures(engine.key, engine.number)
    if known and model.arch not in known:
        return text(
            "{engine} does not have {arch} ({model}) in its TurboMind engine",
            engine=engine.label,
            arch=model.arch,
            model=model.name,
        )
    if model.arch in kernels.lacking(engine.key, engine.number):
        return text("{engine} does not have {arch} ({model})", engine=engine.label, arch=model.arch, model=model.name)
    kind, cc = weight_format(model, precision), gpu.compute_capability
    narrow = kernels.find(engine.key, engine.number, "mla-weight", kind, cc) if model.mla else None
    if narrow is not None and narrow.support == "refused":
        return text(
            "{engine} has no {precision} for {model}: it runs latent attention (MLA) in 16 bits only",
            engine=engine.label,
            precision=precision,
            model=model.name,
        )
    found = kernels.find(engine.key, engine.number, "weight", kind, cc)
    if found is None or found.support == "refused" or _lacks(gpu, precision):
        return text(
            "{engine} has no {precision} on {gpu} (compute capability {cc}): use {others}",
            engine=engine.label,
            precision=precision,
            **engines.named(gpu),
            others=_others(engine, gpu, model),
        )
    heads = kernels.find(engine.key, engine.number, "attention", attention(model), cc)
    if heads is not None and heads.support == "refused":
        return text(
            "{engine} has no {attention} on {gpu} (compute capability {cc}), which {model} needs",
            engine=engine.label,
            attention=Text(_ATTENTION.get(attention(model), attention(model))),
            **engines.named(gpu),
            model=model.name,
        )
    return engines.NOTHING


def _others(engine: Engine, gpu: GpuSpec, model: Model) -> str:
    """Return the precisions that do run, for the way out."""
    fine = []
    for precision in PRECISIONS:
        kind = weight_format(model, precision)
        found = kernels.find(engine.key, engine.number, "weight", kind, gpu.compute_capability)
        if found is not None and found.support != "refused" and not _lacks(gpu, precision):
            fine.append(precision)
    return ", ".join(fine) or "-"


@lru_cache(maxsize=4096)
def note(engine: Engine, gpu: GpuSpec, precision: str, model: Model) -> tuple[Text, ...]:
    """Return what a reader must know about a combination that runs."""
    cc = gpu.compute_capability
    notes: list[Text] = []
    weights = kernels.find(engine.key, engine.number, "weight", weight_format(model, precision), cc)
    heads = kernels.find(engine.key, engine.number, "attention", attention(model), cc)
    if precision == "fp8" and weights is not None and weights.support == "weights":
        if gpu.fp8_tflops:
            key = "{engine} computes fp8 in 16 bits on {gpu}: only the weights are stored in fp8 (W8A16)"
            notes.append(text(key, engine=engine.label, gpu=gpu.name))
        else:
            key = "{gpu} has no fp8 arithmetic: weights are stored in fp8 and computed in 16 bits (W8A16)"
            notes.append(text(key, gpu=gpu.name))
    unread = heads is None and engine.key == "sglang"
    if unread or any(found is not None and found.support == "unconfirmed" for found in (weights, heads)):
        key = "nobody was seen running {model} with {engine} on {gpu}: try it first"
        notes.append(text(key, model=model.name, engine=engine.label, gpu=gpu.name))
    if model.kind == "v4":
        key = "few measured rows have {what}: memory is exact, speed is rough"
        notes.append(text(key, what=Text(_ATTENTION["v4"])))
    if model.arch == "NemotronHForCausalLM":
        notes.append(text("no measured row has Mamba-2 layers: memory is exact, speed is rough"))
    if model.license and any(word in model.license for word in _BINDING):
        notes.append(text("licence of {model}: {licence}", model=model.name, licence=model.license))
    if precision == "int4-awq" and cc == 7.0:
        notes.append(
            text("int4-awq on V100 depends on the model in LMDeploy TurboMind (issues 2332, 4558): try it first")
        )
    if precision == "int4-gptq" and cc == 7.0 and engine.key == "vllm":
        notes.append(text("int4-gptq on V100 uses a slow kernel in vLLM"))
    if precision in ("fp16", "bf16") and model.published.startswith("fp8"):
        key = "{model} is published in fp8: {precision} doubles its weights without adding quality"
        notes.append(text(key, model=model.name, precision=precision))
    if cc == 7.0 and engine.key == "lmdeploy":
        notes.append(
            text("V100 rows were measured with vLLM 0.7.3, LMDeploy rows on A100: their combination is a model's")
        )
    if cc == 7.0 and engine.key == "vllm":
        notes.append(
            text("vLLM on V100 ends with 0.19.1 and needs patches there: driver branch R580 is the last for V100")
        )
    return tuple(notes)
