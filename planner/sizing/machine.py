"""One machine, named GPU by GPU or as an instance type: what it serves at a given load (`planner size`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import MisuseError
from planner.records import NamedTuple
from planner.sizing import Sizing, Step, Steps, estimate, fit, layout, steps
from planner.sizing.case import Case
from planner.sizing.engines import ANYWHERE, Host
from planner.sizing.memory import tile_refusal, tp_refusal
from planner.sizing.serve import Demand, Served, demand_of, serve
from planner.text import Text, text
from planner.workload import Workload

if TYPE_CHECKING:
    from planner.sizing.own import Measurement

__all__ = ["on_machine"]


class _Run(NamedTuple):
    """A layout under the load that was asked for."""

    served: Served
    now: estimate.Estimate
    load: float


def on_machine(
    workload: Workload,
    gpu_name: str,
    number: float,
    memory_gib: float | None = None,
    network_gbps: float | None = None,
    tp: int = 0,
    burst: bool = False,
    host: Host = ANYWHERE,
    own: tuple[Measurement, ...] = (),
) -> Sizing:
    """Return what one machine does with `workload.concurrency` requests (0: as many as its memory holds).

    With a rate (rps, tokens_per_second) the count says how many such machines it takes. `tp` 0 leaves the layout to us.
    own: the user's measurements, preferred to the model's estimate.
    Raises MisuseError for what the machine can never do (engine, precision, tp); memory and latency limits that are
    not met are an answer: fits False with reasons.
    """
    fit.check(workload)
    load = fit.settled(workload).load
    case = fit.case_of(load, (gpu_name, memory_gib, number), host, own)
    if not isinstance(case, Case):
        from planner.sizing import streams

        alike = streams.sized(load, gpu_name, number)
        if alike is None:
            raise MisuseError(case[1])
        return alike
    if tp > case.cards:
        raise MisuseError("tp {tp} needs {tp} GPUs, the machine has {cards}", tp=tp, cards=case.cards)
    refused = tp_refusal(case.model, load.precision, tp) if tp else None
    if tp and refused is None:
        refused = tile_refusal(case.model, load.precision, case.gpu, case.engine, tp)
    if refused:
        raise MisuseError(refused)
    plans = layout.options(
        case.model,
        load.precision,
        case.gpu,
        case.engine,
        gpus=case.cards,
        context=max(load.context_tokens, load.input_tokens + load.output_tokens),
        network_gbps=network_gbps,
        only_tp=tp,
        kv=load.kv_cache_dtype,
        least_gbps=load.pipeline_gbps,
    )
    ask = demand_of(load)
    best = None if ask.rate else _fastest(case, plans.fits, ask, burst)
    if best is None:
        counted = fit.chosen(case, plans)
        if counted.layout is None:
            return counted
        at, each = counted.layout, counted.concurrency / counted.layout.replicas
        return counted._replace(steps=Steps(lambda: (*counted.steps, *_near(case, ask, at.tp, each))))
    s, now = best.served, best.now
    found = fit.assemble(case, s, ask, now, now.tokens_per_second, min(best.load, now.batch))
    return found._replace(
        warnings=(*found.warnings, *_waiting(best)),
        steps=Steps(
            lambda: (
                *found.steps,
                steps.load_step(s, now, best.load, burst),
                *_near(case, ask, s.plan.tp, best.load / s.copies),
            )
        ),
    )


def _near(case: Case, ask: Demand, tp: int, load: float) -> tuple[Step, ...]:
    from planner.sizing.nearest import nearest_steps

    return nearest_steps(case, ask, tp, load)


def _fastest(case: Case, plans: list[layout.Plan], ask: Demand, burst: bool) -> _Run | None:
    """Return the layout that makes most at the load asked for; None when none meets the limits."""
    best: _Run | None = None
    for plan in plans:
        copies = max(1, case.cards // plan.tp) if plan.pp == 1 else 1
        s = serve(plan, case.model, case.load.precision, case.gpu, case.engine, copies, ask, case.own)
        if not isinstance(s, Served):
            continue
        load = ask.concurrency or s.batch
        now = s.at(load, ask, burst)
        if best is None or now.tokens_per_second > best.now.tokens_per_second:
            best = _Run(s, now, load)
    return best


def _waiting(best: _Run) -> list[Text]:
    """Return what a load beyond the machine's limits means."""
    s, sent = best.served, f"{best.load:,.0f}"
    held = s.most * s.copies
    found = []
    if best.load > held:
        key = "{n} requests are sent, {m} run at once: the others wait, which ttft counts"
        found.append(text(key, n=sent, m=f"{held:,.0f}"))
    if best.load > s.batch and s.batch < held:
        key = "the latency limits are met up to {m} requests at once, not at {n}"
        found.append(text(key, m=f"{s.batch:,.0f}", n=sent))
    return found
