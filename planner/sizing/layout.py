"""Ways to put copies of a model on the GPUs of an instance: tensor parallel within, replicas, pipeline across."""

from __future__ import annotations

from planner.records import NamedTuple
from planner.sizing.engines import Engine
from planner.sizing.gpus import GIB, GpuSpec
from planner.sizing.memory import Plan, plan, tile_refusal, tp_refusal
from planner.sizing.models import Model
from planner.text import Text, text

__all__ = ["PIPELINE_GBPS", "Plan", "Plans", "options"]

PIPELINE_GBPS = 100  # below this an instance has TCP only on the clouds we know: stages across it are the user's word
MAX_STAGES = 4
SLOW = "pipeline over instances needs {need} Gbps or more between them, the network is {have} Gbps"
#: The same where a slower network is all that stands in the way, and what takes it.
SLOW_HOLDS = (
    "pipeline over instances needs {need} Gbps or more between them, the network is {have} Gbps: "
    "--pipeline-gbps {whole} takes it, in {n} stages"
)
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
    least_gbps: float = PIPELINE_GBPS,
) -> Plans:
    """Return the plans that hold one sequence of `context` tokens, smallest tp first, and why the others do not.

    `only_tp` restricts the choice; `kv` is the KV cache's width ("": the engine's). Pipeline stages across instances are tried only where no single instance fits,
    over `least_gbps` or more.
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
        return Plans(fits, [*reasons, text(key, need=f"{least_gbps:g}")], networked=True)
    else:
        staged = _staged(model, precision, gpu, engine, last.tp, context, kv)
        if network_gbps < least_gbps:
            key = SLOW_HOLDS if staged and network_gbps >= 1 else SLOW
            values = {"need": f"{least_gbps:g}", "have": f"{network_gbps:g}"}
            if key == SLOW_HOLDS and staged:
                values |= {"whole": f"{int(network_gbps)}", "n": str(staged.pp)}
            reasons.append(text(key, **values))
        elif staged:
            return Plans([staged.over(network_gbps) if network_gbps < PIPELINE_GBPS else staged], reasons)
        else:
            reasons.append(text("even {n} pipeline stages do not hold it", n=str(MAX_STAGES)))
    return Plans(fits, reasons)


def _staged(model: Model, precision: str, gpu: GpuSpec, engine: Engine, tp: int, context: int, kv: str) -> Plan | None:
    """Return the shortest pipeline that holds one sequence of `context` tokens, None where none does."""
    for pp in range(2, MAX_STAGES + 1):
        staged = plan(model, precision, gpu, engine, tp, pp, kv=kv)
        if staged.holds(context):
            return staged
    return None


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
