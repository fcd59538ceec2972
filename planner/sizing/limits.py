"""What comes nearest to a latency limit that no layout meets."""

from __future__ import annotations

from planner.sizing import estimate
from planner.sizing.case import Case
from planner.sizing.estimate import Estimate
from planner.sizing.memory import Plan
from planner.sizing.serve import Demand
from planner.text import Text, text

__all__ = ["nearest"]


def nearest(case: Case, plan: Plan, found: Estimate, ask: Demand) -> tuple[float, Text]:
    """Return by how much one request alone exceeds the limits on `plan`, and that in words."""
    kind = estimate.kind_of(case.model, case.load.precision, case.gpu, case.engine)
    tpot = estimate.banded(1e3 * found.tpot, "tpot", kind)
    ttft = estimate.banded(1e3 * found.ttft, "ttft", kind)
    over = max(tpot.high / (ask.tpot * 1e3) if ask.tpot else 0, ttft.high / (ask.ttft * 1e3) if ask.ttft else 0)
    limits = [(name, f"{value * 1e3:g}") for name, value in (("tpot", ask.tpot), ("ttft", ask.ttft)) if value]
    first = text("{what} {limit} ms", what=limits[0][0], limit=limits[0][1])
    both = text(
        "{one} and {other}", one=first, other=text("{what} {limit} ms", what=limits[-1][0], limit=limits[-1][1])
    )
    key = (
        "no layout meets {limits}: the nearest is tp {tp} with one request at a time, tpot {tpot_low} to {tpot_high} ms, "
        "ttft {ttft_low} to {ttft_high} ms"
    )
    said = text(
        key,
        limits=both if len(limits) > 1 else first,
        tp=str(plan.tp),
        tpot_low=f"{tpot.low:.1f}",
        tpot_high=f"{tpot.high:.1f}",
        ttft_low=f"{ttft.low:.0f}",
        ttft_high=f"{ttft.high:.0f}",
    )
    return over, said
