"""Ways to put copies of a model on the GPUs of an instance: tensor parallel within, replicas, pipeline across."""

from __future__ import annotations

from planner.records import NamedTuple
from planner.sizing.engines import Engine
from planner.sizing.gpus import GIB, GpuSpec
from planner.sizing.memory import Plan, plan, tile_refusal, tp_refusal
from planner.sizing.models import Model
from planner.text import Text, text

__all__ = ["PIPELINE_GBPS", "Plan", "Plans", "options"]

PIPELINE_GBPS = 100  # below this an instance has TCP only on the clouds we know; stages across it are refused
MAX_STAGES = 4
DEGREES = (1, 2, 4, 8, 16)


class Plans(NamedTuple):
    """fits: plans that hold one sequence, smallest tp first. reasons: why the others do not.

    networked: a pipeline was not tried because the network is unknown; knowing it may change the answer.
    """

    fits: list[Plan]
    reasons: list[Text]
    networked: bool = False


def options(
    model: Model,
    precision: str,
    gpu: GpuSpec,
    engine: Engine,
    gpus: int,
    context: int,
    network_gbps: float | None = None,
    only_tp: int = 0,
    kv: str = "",
) -> Plans:
    """Return the plans that hold one sequence of `context` tokens, smallest tp first, and why the others do not.

    `only_tp` restricts the choice; `kv` is the KV cache's width ("": the engine's). Pipeline stages across instances are tried only where no single instance fits.
    """
    fits: list[Plan] = []
    reasons: list[Text] = []
    short: Text | None = None  # the largest tp's shortage speaks for the smaller ones
    last: Plan | None = None
    degrees = (only_tp,) if only_tp else tuple(k for k in DEGREES if k <= gpus) or (1,)
    for tp in degrees:
        refused = tp_refusal(model, precision, tp) or tile_refusal(model, precision, gpu, engine, tp)
        if refused:
            reasons.append(refused)
            continue
        last = plan(model, precision, gpu, engine, tp, kv=kv)
        if last.holds(context):
            fits.append(last)
        else:
            short = _short(last, context)
    if short:
        reasons.append(short)
    if fits or last is None:
        return Plans(fits, reasons)
    if gpus < 2:
        reasons.append(text("pipeline over instances is planned only over machines of several GPUs"))
    elif last.tp != gpus:
        key = "pipeline over instances is planned only where tp takes all GPUs of one ({tp} of {gpus})"
        reasons.append(text(key, tp=str(last.tp), gpus=str(gpus)))
    elif network_gbps is None:
        key = "pipeline over instances needs {need} Gbps or more between them, the network is unknown"
        return Plans(fits, [*reasons, text(key, need=str(PIPELINE_GBPS))], networked=True)
    elif network_gbps < PIPELINE_GBPS:
        key = "pipeline over instances needs {need} Gbps or more between them, the network is {have} Gbps"
        reasons.append(text(key, need=str(PIPELINE_GBPS), have=f"{network_gbps:g}"))
    else:
        for pp in range(2, MAX_STAGES + 1):
            staged = plan(model, precision, gpu, engine, last.tp, pp, kv=kv)
            if staged.holds(context):
                return Plans([staged], reasons)
        reasons.append(text("even {n} pipeline stages do not hold it", n=str(MAX_STAGES)))
    return Plans(fits, reasons)


def _short(p: Plan, context: int) -> Text:
    """Return in one phrase why a plan does not hold one sequence of `context` tokens."""
    if p.pool <= 0:
        key = "tp {tp}: weights and engine need {need} GiB a GPU of {have} GiB available"
        need = (p.weights + p.overhead) / GIB
        return text(key, tp=str(p.tp), need=f"{need:.1f}", have=f"{p.budget / GIB:.1f}")
    if p.kv_window or p.state:
        key = "tp {tp}: room for {have} GiB of KV cache, one sequence needs {need}"
        return text(key, tp=str(p.tp), have=f"{p.pool / GIB:.2f}", need=f"{(p.cached(context) + p.state) / GIB:.2f}")
    key = "tp {tp}: room for {have} tokens of KV cache, one sequence needs {need}"
    return text(key, tp=str(p.tp), have=f"{p.tokens:,}", need=f"{context:,}")
