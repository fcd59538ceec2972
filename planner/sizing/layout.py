"""Ways to put copies of a model on the GPUs of an instance: tensor parallel within, replicas, pipeline across."""

from __future__ import annotations

from planner.sizing.engines import Engine
from planner.sizing.gpus import GIB, GpuSpec
from planner.sizing.memory import Plan, plan, tp_refusal
from planner.sizing.models import Model

__all__ = ["NO_NETWORK", "PIPELINE_GBPS", "options"]

PIPELINE_GBPS = 100  # below this an instance has TCP only on the clouds we know; stages across it are refused
NO_NETWORK = f"pipeline over instances needs {PIPELINE_GBPS} Gbps or more between them, the network is unknown"
MAX_STAGES = 4
DEGREES = (1, 2, 4, 8, 16)


def options(
    model: Model,
    precision: str,
    gpu: GpuSpec,
    engine: Engine,
    gpus: int,
    context: int,
    network_gbps: float | None = None,
    only_tp: int = 0,
) -> tuple[list[Plan], list[str]]:
    """Return the plans that hold one sequence of `context` tokens, smallest tp first, and why the others do not.

    `only_tp` restricts the choice. Pipeline stages across instances are tried only where no single instance fits.
    """
    fits: list[Plan] = []
    reasons: list[str] = []
    short = ""  # the largest tp's shortage speaks for the smaller ones
    last: Plan | None = None
    degrees = (only_tp,) if only_tp else tuple(k for k in DEGREES if k <= gpus) or (1,)
    for tp in degrees:
        refused = tp_refusal(model, precision, tp)
        if refused:
            reasons.append(refused)
            continue
        last = plan(model, precision, gpu, engine, tp)
        if last.tokens >= context:
            fits.append(last)
        else:
            short = _short(last, context)
    if short:
        reasons.append(short)
    if fits or last is None:
        return fits, reasons
    if gpus < 2:
        reasons.append("pipeline over instances is planned only over machines of several GPUs")
    elif last.tp != gpus:
        reasons.append(f"pipeline over instances is planned only where tp takes all GPUs of one ({last.tp} of {gpus})")
    elif network_gbps is None:
        reasons.append(NO_NETWORK)
    elif network_gbps < PIPELINE_GBPS:
        reasons.append(
            f"pipeline over instances needs {PIPELINE_GBPS} Gbps or more between them, the network is {network_gbps:g} Gbps"
        )
    else:
        for pp in range(2, MAX_STAGES + 1):
            staged = plan(model, precision, gpu, engine, last.tp, pp)
            if staged.tokens >= context:
                return [staged], reasons
        reasons.append(f"even {MAX_STAGES} pipeline stages do not hold it")
    return fits, reasons


def _short(p: Plan, context: int) -> str:
    """Return in one phrase why a plan does not hold one sequence of `context` tokens."""
    if p.pool <= 0:
        need = (p.weights + p.overhead) / GIB
        return f"tp {p.tp}: weights and engine need {need:.1f} GiB a GPU of {p.budget / GIB:.1f} GiB available"
    return f"tp {p.tp}: room for {p.tokens:,} tokens of KV cache, one sequence needs {context:,}"
