"""From a layout to what an instance serves: the batch within memory and latency limits, and the instances for a demand."""

import math
from typing import TYPE_CHECKING

from planner.sizing import Range, estimate
from planner.sizing.engines import Engine
from planner.sizing.estimate import Estimate
from planner.sizing.gpus import GpuSpec
from planner.sizing.memory import Plan, plan
from planner.sizing.models import Model
from planner.sizing.roofline import Machine

if TYPE_CHECKING:
    from planner.sizing.own import Measurement, Near, Pace
    from planner.workload import Load, Workload

__all__ = ["Demand", "Served", "demand_of", "instances", "load_for", "serve"]


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


def demand_of(load: "Load | Workload") -> Demand:
    """Return the load's demand and limits as floats; requests a second become output tokens a second."""
    rate = float(load.tokens_per_second) or float(load.rps) * load.output_tokens
    return Demand(
        isl=float(load.input_tokens),
        osl=float(load.output_tokens),
        rate=rate,
        concurrency=float(load.concurrency),
        ttft=float(load.ttft_ms) / 1e3,
        tpot=float(load.tpot_ms) / 1e3,
        keep=1.0 - float(load.headroom),
    )


class Served:
    """A layout at its limit. A unit is one instance, or the pp instances of a pipelined copy.

    most: requests that one copy holds; batch: requests at once over the unit's copies within memory and latency
    limits; full: the estimate there; rate_low: its low side; kind: whose range it has. points: the user's measurements
    that speak of it.
    """

    __slots__ = ("batch", "copies", "full", "kind", "machine", "most", "plan", "points", "rate_low", "version")

    def __init__(
        self,
        plan: Plan,
        copies: int,
        machine: Machine,
        most: float,
        kind: str,
        points: "tuple[Near, ...]" = (),
        version: str = "",
    ) -> None:
        self.plan = plan
        self.copies = copies
        self.machine = machine
        self.most = most
        self.kind = kind
        self.points = points
        self.version = version

    def limit(self, each: float, ask: Demand) -> None:
        """Let each copy run `each` requests at once: that makes `batch`, `full` and `rate_low`."""
        self.batch = each * self.copies
        self.full = self.at(self.batch, ask)
        self.rate_low = self.banded(self.full.tokens_per_second, "rate", self.batch, ask).low

    def at(self, load: float, ask: Demand, burst: bool = False) -> Estimate:
        """Return the estimate of the unit under `load` requests, as the user's measurements have it where there are any."""
        now = estimate.at(self.machine, self.plan.pp, self.copies, self.most, load, ask.isl, ask.osl, burst)
        if not self.points:
            return now
        by = self.pace(load, ask)
        return Estimate(now.tokens_per_second * by.rate, now.ttft * by.ttft, now.tpot * by.tpot, now.batch)

    def pace(self, load: float, ask: Demand) -> "Pace":
        """Return what the measurements do to the estimate at a load."""
        from planner.sizing.own import pace

        each = min(load / min(float(self.copies), max(load, 1.0)), self.most)
        return pace(self.points, each, ask.isl, ask.osl, self.plan.tp, self.version)

    def banded(self, value: float, metric: str, load: float, ask: Demand) -> Range:
        """Return `value` with the band of `metric` at a load: the model's own, or what measurements leave of it."""
        found = estimate.banded(value, metric, self.kind)
        if not self.points:
            return found
        from planner.sizing.own import narrowed

        low, high = narrowed((found.low / value, found.high / value), self.pace(load, ask).spread)
        return Range(value * low, value, value * high)


_machines: dict[Plan, Machine] = {}  # plans are made once per model, precision, GPU and engine (memory.plan)
_serves: dict[tuple[object, ...], "Served | Estimate"] = {}  # whatever rate is asked for: many workloads ask for many


def serve(
    plan: Plan,
    model: Model,
    precision: str,
    gpu: GpuSpec,
    engine: Engine,
    copies: int,
    ask: Demand,
    own: "tuple[Measurement, ...]" = (),
) -> Served | Estimate:
    """Return what a layout serves within the limits, or the estimate for one request when even that exceeds them.

    Limits are held by the pessimistic side of the estimate. own: the user's measurements of this model, GPU and engine.
    """
    if own:
        return _serve(plan, model, precision, gpu, engine, copies, ask, own)
    key = plan, copies, ask.isl, ask.osl, ask.ttft, ask.tpot
    found = _serves.get(key)
    if found is None:
        if len(_serves) > 4096:
            _serves.clear()
        found = _serves[key] = _serve(plan, model, precision, gpu, engine, copies, ask)
    return found


def _serve(
    plan: Plan,
    model: Model,
    precision: str,
    gpu: GpuSpec,
    engine: Engine,
    copies: int,
    ask: Demand,
    own: "tuple[Measurement, ...]" = (),
) -> Served | Estimate:
    kind = estimate.kind_of(model, precision, gpu, engine)
    machine = _machine(plan, model, precision, gpu, engine)
    most = estimate.hold(plan, engine, gpu, ask.isl, ask.osl)
    points = _points(own, plan, model, precision, gpu, engine) if own else ()
    one = Served(plan, 1, machine, most, kind, points, engine.version)
    each = most
    if ask.tpot or ask.ttft:

        def meets(batch: float) -> bool:
            e = one.at(batch, ask)
            tpot = not ask.tpot or one.banded(e.tpot, "tpot", batch, ask).high <= ask.tpot
            return tpot and (not ask.ttft or one.banded(e.ttft, "ttft", batch, ask).high <= ask.ttft)

        if not meets(1.0):
            return one.at(1.0, ask)
        if not meets(most):
            low, high = 1, int(most)
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if meets(float(middle)) else (low, middle)
            each = float(low)
    one.copies = copies
    one.limit(each, ask)
    return one


def _machine(plan: Plan, model: Model, precision: str, gpu: GpuSpec, engine: Engine) -> Machine:
    machine = _machines.get(plan)
    if machine is None:
        if len(_machines) > 1024:
            _machines.clear()
        parameters = estimate.calibration().parameters
        machine = _machines[plan] = estimate.machine(plan, model, precision, gpu, engine, parameters)
    return machine


def _points(
    own: "tuple[Measurement, ...]", of: Plan, model: Model, precision: str, gpu: GpuSpec, engine: Engine
) -> "tuple[Near, ...]":
    """Return the measurements beside what the model says of each, in the layout that it was made with."""
    from planner.sizing.own import near

    def says(m: "Measurement", each: float) -> tuple[Estimate, float]:
        at = plan(model, precision, gpu, engine, m.tp, m.pp, m.kv_cache_dtype)
        if of.gbps and m.pp > 1:
            at = at.over(of.gbps)
        isl, osl = float(m.input_tokens), float(m.output_tokens)
        most = estimate.hold(at, engine, gpu, isl, osl)
        machine = _machine(at, model, precision, gpu, engine)
        return estimate.at(machine, m.pp, 1, most, each, isl, osl, m.arrival == "burst"), most

    return near(own, of.pp, says)


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
    under = s.at(low, ask).tokens_per_second - rate
    if under >= 0:  # less than one request at a time makes it
        return 1.0
    over, side = s.full.tokens_per_second - rate, 0
    for _ in range(12):
        middle = (low * over - high * under) / (over - under)
        off = s.at(middle, ask).tokens_per_second - rate
        if abs(off) < 1e-3 * rate:
            return middle
        if off > 0:
            high, over = middle, off
            under, side = (under / 2 if side == 1 else under), 1
        else:
            low, under = middle, off
            over, side = (over / 2 if side == -1 else over), -1
    return high
