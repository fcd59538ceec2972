"""The sizing as the quote calls it: `check` a workload once, then `size` it on each instance type."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING

from planner.errors import MisuseError, suggest
from planner.offer import InstanceType
from planner.sizing import Layout, Sizing, Step, Steps, engines, estimate, gpus, layout, models, support
from planner.sizing.advisories import Setting
from planner.sizing.advisories import said as advised
from planner.sizing.case import Case
from planner.sizing.engines import ANYWHERE, Host
from planner.sizing.estimate import Estimate
from planner.sizing.gpus import Missing, gpu_of
from planner.sizing.layout import Plans
from planner.sizing.memory import Plan, expert_parallel, of_copies, own_cache
from planner.sizing.models import Model
from planner.sizing.serve import Demand, Served, demand_of, instances, load_for, serve
from planner.text import Text, text
from planner.workload import PRECISIONS, Load, Workload

if TYPE_CHECKING:
    from planner.sizing.own import Measurement

    Own = tuple[Measurement, ...]
    Gpus = tuple[str, float | None, float]

__all__ = [
    "Sizer",
    "assemble",
    "case_of",
    "check",
    "chosen",
    "gpu_of",
    "model_of",
    "refused",
    "settled",
    "size",
    "sizer",
]


#: A machine as its vendor prints it: GPU, its memory in GiB, how many.
Printed = tuple[str, Decimal | None, Decimal]
_cache: dict[tuple[Load, Host, Own], Sizer] = {}
_models: dict[tuple[str, str], Model] = {}


def model_of(load: Load | Workload) -> Model:
    """Return the load's model; raises MisuseError for an unknown one or a config.json that cannot be used."""
    key = (load.model, load.model_config)
    if key not in _models:
        if load.model_config:
            from planner.sizing import config

            _models[key] = config.load(load.model_config)
        else:
            _models[key] = models.find(load.model)
    return _models[key]


def settled(workload: Workload) -> Workload:
    """Return `workload` with its precision said: one that is left open is what the model's checkpoint is in."""
    return workload if workload.precision != "auto" else workload._replace(precision=model_of(workload).own)


def check(workload: Workload) -> None:
    """Raise MisuseError when the workload cannot be sized on anything: unknown names, impossible lengths or demand."""
    model = model_of(workload)
    if not model.sizable:
        raise MisuseError(f"{model.name} is known but cannot be sized: {model.notes}")
    if workload.precision not in PRECISIONS and workload.precision != "auto":
        raise MisuseError(f"unknown precision {workload.precision!r}: {suggest(workload.precision, PRECISIONS)}")
    for field, value in (("input_tokens", workload.input_tokens), ("output_tokens", workload.output_tokens)):
        if value < 1:
            raise MisuseError("{field} must be 1 or more, is {value}", field=field, value=value)
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
        raise MisuseError("{n:,} tokens are more than the context of {m.name} ({m.max_context:,})", n=longest, m=model)
    if workload.engine:
        engines.parse(workload.engine)
    demands = [f for f in ("rps", "concurrency", "tokens_per_second") if getattr(workload, f)]
    if len(demands) > 1:
        raise MisuseError("give one demand, not {demands}", demands=" and ".join(demands))
    for name in workload.gpu:
        found = gpus.lookup(name)
        if isinstance(found, Missing) and found.unknown:
            raise MisuseError(found.why)


def size(workload: Workload, instance: InstanceType, host: Host = ANYWHERE, own: Own = ()) -> Sizing:
    """Return how `instance` on `host` serves `workload` (checked: nothing is raised); own: the user's measurements."""
    return sizer(workload, host, own)(instance)


class Sizer:
    """How instance types serve one workload on one host: a call gives the sizing, `count` its number of instances alone.

    What many instance types share is asked once, and what nobody looks at is not worked out.
    """

    __slots__ = ("_asked", "_known")

    def __init__(self, load: Load, host: Host, own: Own) -> None:
        self._asked = load, host, own
        self._known: dict[tuple[Printed, Decimal | None], _Found] = {}

    def __call__(self, instance: InstanceType) -> Sizing:
        machine = (instance.gpu_model, instance.gpu_memory_gib, instance.gpu_count)
        return self._found(machine, instance.network_gbps).sizing

    def count(self, gpu: str, memory_gib: Decimal | None, number: Decimal, network_gbps: Decimal | None) -> int:
        """Return how many instances of a machine serve the workload, 0 where it cannot be served."""
        return self._found((gpu, memory_gib, number), network_gbps).count

    def _found(self, machine: Printed, network: Decimal | None) -> _Found:
        found = self._known.get((machine, None)) or self._new(machine, None)
        # The network decides only where one machine is too small: most instance types share the answer above.
        if found.networked and network is not None:
            found = self._known.get((machine, network)) or self._new(machine, network)
        return found

    def _new(self, printed: Printed, network: Decimal | None) -> _Found:
        load, host, own = self._asked
        name, memory, number = printed
        machine = (name, None if memory is None else float(memory), float(number))
        made = _find(load, machine, None if network is None else float(network), host, own)
        self._known[printed, network] = made
        return made


def sizer(workload: Workload, host: Host = ANYWHERE, own: Own = ()) -> Sizer:
    """Return `size` for one workload on one host: what many instance types share is asked once."""
    key = settled(workload).load, host, own
    known = _cache.get(key)
    if known is None:
        if len(_cache) > 256:
            _cache.clear()
        known = _cache[key] = Sizer(*key)
    return known


class _Found:
    """What was found of one machine: its case and plans, or its sizing where there are none; the rest when asked.

    networked: knowing the network could change it.
    """

    __slots__ = ("_case", "_count", "_plans", "_sizing", "networked")

    def __init__(self, sizing: Sizing | None, case: Case | None = None, plans: Plans | None = None) -> None:
        self._sizing, self._case, self._plans = sizing, case, plans
        self._count: int | None = None
        self.networked = plans is not None and plans.networked

    @property
    def sizing(self) -> Sizing:
        if self._sizing is None:
            assert self._case is not None and self._plans is not None
            self._sizing = chosen(self._case, self._plans)
        return self._sizing

    @property
    def count(self) -> int:
        if self._count is None:
            if self._sizing is None and self._case is not None and self._plans is not None:
                self._count = _untimed(self._case.load, self._plans)
            if self._count is None:
                self._count = self.sizing.count if self.sizing.fits else 0
        return self._count


def _untimed(load: Load, plans: Plans) -> int | None:
    """Return the number of instances where no speed decides it: no demand, no limit, layouts of equal length; else None."""
    stages = {plan.pp for plan in plans.fits}
    if load.tokens_per_second or load.rps or load.concurrency or load.ttft_ms or load.tpot_ms or len(stages) != 1:
        return None
    one = stages.pop()
    return 0 if load.count and load.count < one else load.count or one + load.spare


def refused(load: Load, engine: str, reasons: tuple[Text, ...]) -> Sizing:
    """Return the sizing of what does not serve the load."""
    return Sizing(
        fits=False,
        reasons=reasons,
        count=0,
        count_given=load.count > 0,
        model=model_of(load).name,
        precision=load.precision,
        engine=engine,
        layout=None,
        memory=None,
        output_tokens_per_second=None,
        total_tokens_per_second=None,
        ttft_ms=None,
        tpot_ms=None,
        concurrency=0,
        utilisation=None,
        idle_gpus=0,
        basis=(),
        warnings=(),
        steps=(),
    )


def case_of(load: Load, machine: Gpus, host: Host, own: Own = ()) -> Case | tuple[str, Text]:
    """Return the case of `load` on (GPU, its memory in GiB, number), or the engine's label and why there is none."""
    model = model_of(load)
    if load.precision == "auto":
        load = load._replace(precision=model.own)
    gpu = gpu_of(*machine)
    if isinstance(gpu, Missing):
        return "", gpu.why
    choice = engines.choose(gpu, host, load.engine)
    why = choice.refused or support.refusal(
        choice.engine, gpu, load.precision, model, load.kv_cache_dtype or own_cache(model, load.precision)
    )
    if why:
        return choice.engine.label, why
    built = choice.build is not None or not host.name
    if own:
        from planner.sizing.own import of

        mine = of(own, model.name, load.precision, load.kv_cache_dtype, choice.engine.label)
        own = tuple(m for m in mine if m.gpu == gpu.name)
    return Case(load, model, gpu, choice.engine, max(1, int(machine[2])), built, own)


def _find(load: Load, machine: Gpus, network_gbps: float | None, host: Host, own: Own) -> _Found:
    """Return how a machine may serve the load; a machine on which no engine runs it has its answer at once."""
    case = case_of(load, machine, host, own)
    if not isinstance(case, Case):
        label, why = case
        return _Found(refused(load, label, (why,)))
    context = max(load.context_tokens, load.input_tokens + load.output_tokens)
    plans = layout.options(
        case.model,
        load.precision,
        case.gpu,
        case.engine,
        gpus=case.cards,
        context=context,
        network_gbps=network_gbps,
        kv=load.kv_cache_dtype,
        least_gbps=load.pipeline_gbps,
    )
    return _Found(None, case, plans)


def chosen(case: Case, plans: Plans) -> Sizing:
    """Return the sizing with the best of `plans` and the instances that the demand takes, or why there is none."""
    load, label = case.load, case.engine.label
    if not plans.fits:
        return refused(load, label, tuple(plans.reasons))
    ask = demand_of(load)
    best, nearest = _best(case, plans.fits, ask)
    if best is None:
        return refused(load, label, (nearest,))
    pp = best.plan.pp
    if load.count and load.count < pp:
        why = text("one copy needs {need} instances, count says {count}", need=str(pp), count=str(load.count))
        return refused(load, label, (why,))
    needed = instances(best, ask)
    count = load.count or needed + load.spare
    units = max(1, (count - (0 if load.count else load.spare)) // pp)
    held, used = best.batch, None
    if ask.rate:
        held = load_for(best, ask.rate / units, ask)
        used = ask.rate / (units * best.rate_low)
    elif ask.concurrency:
        held = min(ask.concurrency / units, best.most * best.copies)
        used = ask.concurrency / (units * best.batch)
    now = best.full
    if held != best.batch:
        now = best.at(held, ask)
    # With requests in flight given, the rate is what they make; with a rate given, it is what the instance can do.
    made = now if ask.concurrency else best.full
    found = assemble(case, best, ask, now, made.tokens_per_second, held)
    warnings: tuple[Text, ...] = ()
    if used is not None and used > 1:
        key = "the demand is {share} of what {n} instances deliver at the low side: {need} are needed"
        if needed == count:
            key = "the demand is {share} of what {n} instances deliver at the low side: more are needed"
        warnings = (text(key, share=f"{used:.0%}", n=str(count), need=str(needed)),)
    return found._replace(
        count=count,
        utilisation=used,
        warnings=found.warnings + warnings,
        steps=Steps(lambda: (*found.steps, _count_step(best, ask, needed + load.spare, load.spare))),
    )


def _best(case: Case, plans: list[Plan], ask: Demand) -> tuple[Served | None, Text]:
    """Return the layout that needs the fewest instances (then delivers most), or None and what comes nearest."""
    best: Served | None = None
    rank = (0.0, 0.0)
    near: tuple[float, Text] | None = None
    for plan in plans:
        copies = max(1, case.cards // plan.tp) if plan.pp == 1 else 1
        found = serve(plan, case.model, case.load.precision, case.gpu, case.engine, copies, ask, case.own)
        if not isinstance(found, Served):
            from planner.sizing.limits import nearest

            over, said = nearest(case, plan, found, ask)
            if near is None or over < near[0]:
                near = (over, said)
            continue
        score = (-float(instances(found, ask)), found.rate_low if not ask.concurrency else found.batch)
        if best is None or score > rank:
            best, rank = found, score
    return best, near[1] if near else engines.NOTHING


def _warnings(case: Case, s: Served) -> list[Text]:
    """Return what a reader must know about the estimate."""
    engine = case.engine
    found = list(support.note(engine, case.gpu, case.load.precision, case.model))
    if expert_parallel(case.model, case.load.precision, s.plan.tp):
        key = "tp {tp} would cut the experts' fp8 blocks of 128: expert parallel keeps whole experts on each GPU"
        if case.load.precision.startswith("int4"):
            key = "tp {tp} would cut the experts' int4 groups: expert parallel keeps whole experts on each GPU"
        found.append(text(key, tp=str(s.plan.tp)))
    generation = estimate.generation(engine, case.gpu)
    if generation and not any(p.version == engine.version for p in s.points):
        found.append(generation)
    found += advised(engine, Setting(case.model.images, pp=s.plan.pp))
    if not case.built:
        found.append(
            text("{engine} is in no row of the engine table: it is sized, emit-tf refuses it", engine=engine.label)
        )
    found += estimate.rests(case.model, case.load.precision, case.gpu)
    if s.plan.pp > 1 and not s.points:
        key = "a pipeline over {n} instances: no measured row has one, the speed is a model's"
        found.append(text(key, n=str(s.plan.pp)))
    return [*found, *estimate.slow(s.plan, case.model, case.load.input_tokens)]


def assemble(case: Case, s: Served, ask: Demand, now: Estimate, rate: float, held: float) -> Sizing:
    """Return the sizing of a layout whose unit makes `rate` output tokens/s, with the latencies of `now` at `held`."""
    pp, precision = s.plan.pp, case.load.precision
    busy = min(s.copies, math.ceil(held)) if ask.concurrency else s.copies
    made = rate / pp
    full = held if ask.concurrency else s.batch
    warnings, basis = _warnings(case, s), estimate.anchors(case.model, precision, case.gpu)
    if s.points:
        from planner.sizing.own import told

        mine, said = told(s.points, full / s.copies, ask.isl, ask.osl, s.plan.tp, s.version)
        warnings, basis = [said, *warnings], (*mine, *basis)
    return Sizing(
        fits=True,
        reasons=(),
        count=pp,
        count_given=case.load.count > 0,
        model=case.model.name,
        precision=precision,
        engine=case.engine.label,
        layout=Layout(s.plan.tp, pp, s.copies),
        memory=of_copies(s.plan, s.copies, ask.isl + ask.osl),
        output_tokens_per_second=s.banded(made, "rate", full, ask),
        total_tokens_per_second=s.banded(made * (ask.isl + ask.osl) / ask.osl, "rate", full, ask),
        ttft_ms=s.banded(now.ttft * 1e3, "ttft", held, ask),
        tpot_ms=s.banded(now.tpot * 1e3, "tpot", held, ask),
        concurrency=math.ceil(held / pp),
        utilisation=None,
        idle_gpus=case.cards - busy * s.plan.tp,
        basis=basis,
        warnings=tuple(warnings),
        steps=Steps(lambda: _steps(case, s, ask)),
    )


def _steps(case: Case, s: Served, ask: Demand) -> tuple[Step, ...]:
    """Return the sizing told step by step; what tells it is loaded when somebody looks."""
    from planner.sizing import steps

    return (
        *steps.memory_steps(s.plan, case.model, case.load.precision, case.gpu, case.engine),
        *steps.speed_steps(s, case, ask),
    )


def _count_step(s: Served, ask: Demand, count: int, spare: int) -> Step:
    from planner.sizing.steps import count_step

    return count_step(s, ask, count, spare)
