"""From a layout to what an instance serves: the batch within memory and latency limits, and the instances for a demand."""

import math

from planner.sizing import estimate
from planner.sizing.engines import Engine
from planner.sizing.estimate import Estimate
from planner.sizing.gpus import GpuSpec
from planner.sizing.memory import Plan
from planner.sizing.models import Model
from planner.sizing.roofline import Machine

__all__ = ["Demand", "Served", "instances", "load_for", "serve"]


class Demand:
    """What is asked for, as floats; 0 means not asked. rate is in output tokens a second."""

    __slots__ = ("concurrency", "isl", "keep", "osl", "rate", "tpot", "ttft")

    def __init__(
        self,
        isl: float,
        osl: float,
        rate: float,
        concurrency: float,
        ttft: float,
        tpot: float,
        keep: float,
    ) -> None:
        self.isl = isl
        self.osl = osl
        self.rate = rate
        self.concurrency = concurrency
        self.ttft = ttft
        self.tpot = tpot
        self.keep = keep


class Served:
    """A layout at its limit. A unit is one instance, or the pp instances of a pipelined copy.

    most: requests that one copy holds; batch: requests at once over the unit's copies within memory and latency
    limits; full: the estimate there; rate_low: its low side; kind: whose range it has.
    """

    __slots__ = ("batch", "copies", "full", "kind", "machine", "most", "plan", "rate_low")

    def __init__(
        self,
        plan: Plan,
        copies: int,
        machine: Machine,
        most: float,
        batch: float,
        full: Estimate,
        rate_low: float,
        kind: str,
    ) -> None:
        self.plan = plan
        self.copies = copies
        self.machine = machine
        self.most = most
        self.batch = batch
        self.full = full
        self.rate_low = rate_low
        self.kind = kind


_machines: dict[Plan, Machine] = {}  # plans are made once per model, precision, GPU and engine (memory.plan)


def serve(
    plan: Plan, model: Model, precision: str, gpu: GpuSpec, engine: Engine, copies: int, ask: Demand
) -> Served | Estimate:
    """Return what a layout serves within the limits, or the estimate for one request when even that exceeds them.

    Limits are held by the pessimistic side of the estimate.
    """
    fit = estimate.calibration()
    kind = estimate.kind_of(model, precision, gpu, engine)
    machine = _machines.get(plan)
    if machine is None:
        if len(_machines) > 1024:
            _machines.clear()
        machine = _machines[plan] = estimate.machine(plan, model, precision, gpu, engine, fit.parameters)
    most = estimate.hold(plan, engine, gpu, ask.isl, ask.osl)
    each = most
    if ask.tpot or ask.ttft:
        tpot = ask.tpot / estimate.factors("tpot", kind)[1] if ask.tpot else math.inf
        ttft = ask.ttft / estimate.factors("ttft", kind)[1] if ask.ttft else math.inf

        def meets(batch: float) -> bool:
            e = estimate.at(machine, plan.pp, 1, most, batch, ask.isl, ask.osl)
            return e.tpot <= tpot and e.ttft <= ttft

        if not meets(1.0):
            return estimate.at(machine, plan.pp, 1, most, 1.0, ask.isl, ask.osl)
        if not meets(most):
            low, high = 1, int(most)
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if meets(float(middle)) else (low, middle)
            each = float(low)
    full = estimate.at(machine, plan.pp, copies, most, each * copies, ask.isl, ask.osl)
    low_side = full.tokens_per_second * estimate.factors("rate", kind)[0]
    return Served(plan, copies, machine, most, each * copies, full, low_side, kind)


def instances(s: Served, ask: Demand) -> int:
    """Return how many instances meet the demand with headroom kept (the spare ones come on top)."""
    if ask.rate:
        units = math.ceil(ask.rate / (s.rate_low * ask.keep) - 1e-9)
    elif ask.concurrency:
        units = math.ceil(ask.concurrency / (s.batch * ask.keep) - 1e-9)
    else:
        units = 1
    return max(1, units) * s.plan.pp


def load_for(s: Served, rate: float, ask: Demand) -> float:
    """Return the requests in flight over a unit's copies that make `rate` output tokens a second (at most its batch)."""
    if rate >= s.full.tokens_per_second:
        return s.batch
    # False position with halving (Illinois): the rate rises with the load, steeply at first.
    low, high = 1.0, s.batch
    under = estimate.at(s.machine, s.plan.pp, s.copies, s.most, low, ask.isl, ask.osl).tokens_per_second - rate
    if under >= 0:  # less than one request at a time makes it
        return 1.0
    over, side = s.full.tokens_per_second - rate, 0
    for _ in range(12):
        middle = (low * over - high * under) / (over - under)
        off = estimate.at(s.machine, s.plan.pp, s.copies, s.most, middle, ask.isl, ask.osl).tokens_per_second - rate
        if abs(off) < 1e-3 * rate:
            return middle
        if off > 0:
            high, over = middle, off
            under, side = (under / 2 if side == 1 else under), 1
        else:
            low, under = middle, off
            over, side = (over / 2 if side == -1 else over), -1
    return high
