"""One machine, named GPU by GPU or as an instance type: what it serves at a given load (`planner size`)."""

from __future__ import annotations

from planner.errors import MisuseError
from planner.sizing import Sizing, engines, estimate, fit, layout, steps
from planner.sizing.memory import tp_refusal
from planner.sizing.serve import Served, serve
from planner.workload import Workload

__all__ = ["on_machine"]


def on_machine(
    workload: Workload,
    gpu_name: str,
    number: float,
    memory_gib: float | None = None,
    network_gbps: float | None = None,
    tp: int = 0,
    burst: bool = False,
) -> Sizing:
    """Return what one machine does with `workload.concurrency` requests (0: as many as its memory holds).

    With a rate (rps, tokens_per_second) the count says how many such machines it takes. `tp` 0 leaves the layout to us.
    Raises MisuseError for what the machine can never do (engine, precision, tp); memory and latency limits that are
    not met are an answer: fits False with reasons.
    """
    fit.check(workload)
    model = fit.model_of(workload)
    gpu = fit.gpu_of(gpu_name, memory_gib, number)
    cards = max(1, int(number))
    engine = engines.parse(workload.engine) if workload.engine else engines.default(gpu)
    refused = engines.refusal(engine, gpu, workload.precision, model)
    if refused:
        raise MisuseError(refused)
    if tp > cards:
        raise MisuseError(f"tp {tp} needs {tp} GPUs, the machine has {cards}")
    refused = tp_refusal(model, workload.precision, tp) if tp else ""
    if refused:
        raise MisuseError(refused)
    context = max(workload.context_tokens, workload.input_tokens + workload.output_tokens)
    plans, reasons = layout.options(model, workload.precision, gpu, engine, cards, context, network_gbps, tp)
    ask = fit.demand_of(workload)
    if ask.rate or not plans:
        return fit.chosen(workload, model, gpu, engine, cards, plans, reasons)
    best: tuple[Served, estimate.Estimate, float] | None = None
    for plan in plans:
        copies = max(1, cards // plan.tp) if plan.pp == 1 else 1
        s = serve(plan, model, workload.precision, gpu, engine, copies, ask)
        if not isinstance(s, Served):
            continue
        load = ask.concurrency or s.batch
        now = estimate.at(s.machine, plan.pp, copies, s.most, load, ask.isl, ask.osl, burst)
        if best is None or now.tokens_per_second > best[1].tokens_per_second:
            best = (s, now, load)
    if best is None:
        return fit.chosen(workload, model, gpu, engine, cards, plans, reasons)
    s, now, load = best
    found = fit.assemble(workload, model, gpu, engine, s, ask, cards, now, now.tokens_per_second, min(load, now.batch))
    warnings = list(found.warnings)
    held = s.most * s.copies
    if load > held:
        warnings.append(f"{load:,.0f} requests are sent, {held:,.0f} run at once: the others wait, which ttft counts")
    if load > s.batch and s.batch < held:
        warnings.append(f"the latency limits are met up to {s.batch:,.0f} requests at once, not at {load:,.0f}")
    return found._replace(
        warnings=tuple(warnings),
        steps=(*found.steps, steps.load_step(s, now, load, burst)),
    )
