"""The sizing as the quote calls it: `check` a workload once, then `size` it on each instance type."""

import math

from planner.errors import MisuseError, suggest
from planner.offer import InstanceType
from planner.sizing import Layout, Memory, Sizing, engines, estimate, gpus, layout, models, steps
from planner.sizing.engines import Engine
from planner.sizing.estimate import Estimate
from planner.sizing.gpus import GIB, GpuSpec
from planner.sizing.memory import Plan
from planner.sizing.models import Model
from planner.sizing.serve import Demand, Served, instances, load_for, serve
from planner.workload import PRECISIONS, Workload

__all__ = ["assemble", "check", "chosen", "demand_of", "gpu_of", "model_of", "size"]

_cache: dict[tuple[object, ...], Sizing] = {}
_models: dict[tuple[str, str], Model] = {}


def model_of(workload: Workload) -> Model:
    """Return the workload's model; raises MisuseError for an unknown one or a config.json that cannot be used."""
    key = (workload.model, workload.model_config)
    if key not in _models:
        _models[key] = (
            models.from_config(workload.model_config) if workload.model_config else models.find(workload.model)
        )
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


def size(workload: Workload, instance: InstanceType) -> Sizing:
    """Return how `instance` serves `workload`; a workload that passed `check` never raises here."""
    memory_gib = None if instance.gpu_memory_gib is None else float(instance.gpu_memory_gib)
    number = float(instance.gpu_count)
    asked = (
        workload.model,
        workload.model_config,
        workload.precision,
        workload.engine,
        workload.count,
        workload.spare,
        workload.input_tokens,
        workload.output_tokens,
        workload.context_tokens,
        workload.rps,
        workload.concurrency,
        workload.tokens_per_second,
        workload.ttft_ms,
        workload.tpot_ms,
        workload.headroom,
    )
    found = _cached(workload, asked, instance.gpu_model, memory_gib, number, None)
    # The network decides only where one machine is too small: most instance types share the answer above.
    if not found.fits and instance.network_gbps is not None and layout.NO_NETWORK in found.reasons:
        found = _cached(workload, asked, instance.gpu_model, memory_gib, number, float(instance.network_gbps))
    return found


def _cached(
    workload: Workload,
    asked: tuple[object, ...],
    name: str,
    memory_gib: float | None,
    number: float,
    network: float | None,
) -> Sizing:
    key = (name, memory_gib, number, network, asked)
    found = _cache.get(key)
    if found is None:
        if len(_cache) > 4096:
            _cache.clear()
        found = _cache[key] = _size(workload, name, memory_gib, number, network)
    return found


def _no(workload: Workload, model: Model, engine: str, reasons: tuple[str, ...]) -> Sizing:
    """Return the sizing of an instance type that does not serve the workload."""
    return Sizing(
        False,
        reasons,
        0,
        workload.count > 0,
        model.name,
        workload.precision,
        engine,
        None,
        None,
        None,
        None,
        None,
        None,
        0,
        None,
        0,
        (),
        (),
        (),
    )


def demand_of(workload: Workload) -> Demand:
    """Return the workload's demand and limits as floats; requests a second become output tokens a second."""
    rate = float(workload.tokens_per_second) or float(workload.rps) * workload.output_tokens
    return Demand(
        float(workload.input_tokens),
        float(workload.output_tokens),
        rate,
        float(workload.concurrency),
        float(workload.ttft_ms) / 1e3,
        float(workload.tpot_ms) / 1e3,
        1.0 - float(workload.headroom),
    )


def gpu_of(name: str, memory_gib: float | None, number: float) -> GpuSpec:
    """Return the datasheet of an instance's GPU, or of its share of one; raises MisuseError where there is none."""
    gpu = gpus.find(name, memory_gib)
    if 0 < number < 1 and gpu.share == 1:
        return gpus.find(f"{gpu.name} (1/{round(1 / number)} vGPU)")
    return gpu


def _size(workload: Workload, name: str, memory_gib: float | None, number: float, network_gbps: float | None) -> Sizing:
    model = model_of(workload)
    try:
        gpu = gpu_of(name, memory_gib, number)
    except MisuseError as error:
        return _no(workload, model, "", (str(error),))
    cards = max(1, int(number))
    engine = engines.parse(workload.engine) if workload.engine else engines.default(gpu)
    refused = engines.refusal(engine, gpu, workload.precision, model)
    if refused:
        return _no(workload, model, engine.label, (refused,))
    context = max(workload.context_tokens, workload.input_tokens + workload.output_tokens)
    plans, reasons = layout.options(model, workload.precision, gpu, engine, cards, context, network_gbps)
    return chosen(workload, model, gpu, engine, cards, plans, reasons)


def chosen(
    workload: Workload, model: Model, gpu: GpuSpec, engine: Engine, cards: int, plans: list[Plan], reasons: list[str]
) -> Sizing:
    """Return the sizing with the best of `plans` and the instances that the demand takes, or why there is none."""
    if not plans:
        return _no(workload, model, engine.label, tuple(reasons))
    ask = demand_of(workload)
    best, nearest = _best(plans, model, workload.precision, gpu, engine, cards, ask)
    if best is None:
        return _no(workload, model, engine.label, (nearest,))
    pp = best.plan.pp
    if workload.count and workload.count < pp:
        why = f"one copy needs {pp} instances, count says {workload.count}"
        return _no(workload, model, engine.label, (why,))
    needed = instances(best, ask)
    count = workload.count or needed + workload.spare
    units = max(1, (count - (0 if workload.count else workload.spare)) // pp)
    load, used = best.batch, None
    if ask.rate:
        load = load_for(best, ask.rate / units, ask)
        used = ask.rate / (units * best.rate_low)
    elif ask.concurrency:
        load = min(ask.concurrency / units, best.most * best.copies)
        used = ask.concurrency / (units * best.batch)
    now = best.full
    if load != best.batch:
        now = estimate.at(best.machine, pp, best.copies, best.most, load, ask.isl, ask.osl)
    # With requests in flight given, the rate is what they make; with a rate given, it is what the instance can do.
    made = now if ask.concurrency else best.full
    warnings: tuple[str, ...] = ()
    if used is not None and used > 1:
        what = f"{needed} are needed" if needed != count else "more are needed"
        warnings = (f"the demand is {used:.0%} of what {count} instances deliver at the low side: {what}",)
    found = assemble(workload, model, gpu, engine, best, ask, cards, now, made.tokens_per_second, load)
    return found._replace(
        count=count,
        utilisation=used,
        warnings=found.warnings + warnings,
        steps=(*found.steps, steps.count_step(best, ask, needed + workload.spare, workload.spare)),
    )


def _best(
    plans: list[Plan], model: Model, precision: str, gpu: GpuSpec, engine: Engine, cards: int, ask: Demand
) -> tuple[Served | None, str]:
    """Return the layout that needs the fewest instances (then delivers most), or None and what comes nearest."""
    best: Served | None = None
    rank = (0.0, 0.0)
    near: tuple[float, str] | None = None
    for plan in plans:
        copies = max(1, cards // plan.tp) if plan.pp == 1 else 1
        found = serve(plan, model, precision, gpu, engine, copies, ask)
        if not isinstance(found, Served):
            anchored = gpu.family in estimate.calibration().families
            tpot = estimate.banded(1e3 * found.tpot, "tpot", anchored)
            ttft = estimate.banded(1e3 * found.ttft, "ttft", anchored)
            over = max(tpot.high / (ask.tpot * 1e3) if ask.tpot else 0, ttft.high / (ask.ttft * 1e3) if ask.ttft else 0)
            limits = " and ".join(
                f"{name} {value * 1e3:g} ms" for name, value in (("tpot", ask.tpot), ("ttft", ask.ttft)) if value
            )
            text = (
                f"no layout meets {limits}: the nearest is tp {plan.tp} with one request at a time, tpot {tpot.low:.1f} to "
                f"{tpot.high:.1f} ms, ttft {ttft.low:.0f} to {ttft.high:.0f} ms"
            )
            if near is None or over < near[0]:
                near = (over, text)
            continue
        score = (-float(instances(found, ask)), found.rate_low if not ask.concurrency else found.batch)
        if best is None or score > rank:
            best, rank = found, score
    return best, near[1] if near else ""


def assemble(
    workload: Workload,
    model: Model,
    gpu: GpuSpec,
    engine: Engine,
    s: Served,
    ask: Demand,
    cards: int,
    now: Estimate,
    rate: float,
    load: float,
) -> Sizing:
    """Return the sizing of a layout whose unit makes `rate` output tokens/s, with the latencies of `now` at `load`."""
    pp = s.plan.pp
    warnings = list(engines.note(engine, gpu, workload.precision, model))
    if not s.anchored:
        warnings.append(f"no measured rows for GPUs of family {gpu.family}: speed is estimated with global parameters")
    if pp > 1:
        warnings.append(f"a pipeline over {pp} instances: no measured row has one, the speed is a model's")
    busy = min(s.copies, math.ceil(load)) if ask.concurrency else s.copies
    made = rate / pp
    return Sizing(
        fits=True,
        reasons=(),
        count=pp,
        count_given=workload.count > 0,
        model=model.name,
        precision=workload.precision,
        engine=engine.label,
        layout=Layout(s.plan.tp, pp, s.copies),
        memory=memory(s.plan, model, s.copies),
        output_tokens_per_second=estimate.banded(made, "rate", s.anchored),
        total_tokens_per_second=estimate.banded(made * (ask.isl + ask.osl) / ask.osl, "rate", s.anchored),
        ttft_ms=estimate.banded(now.ttft * 1e3, "ttft", s.anchored),
        tpot_ms=estimate.banded(now.tpot * 1e3, "tpot", s.anchored),
        concurrency=math.ceil(load / pp),
        utilisation=None,
        idle_gpus=cards - busy * s.plan.tp,
        basis=estimate.anchors(gpu, workload.precision),
        warnings=tuple(warnings),
        steps=(
            *steps.memory_steps(s.plan, model, workload.precision, gpu, engine),
            *steps.speed_steps(s, gpu, ask),
        ),
    )


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
