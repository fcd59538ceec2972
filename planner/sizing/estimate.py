"""Throughput and latency of copies of a model at a load, with the band that measured rows stay in."""

import os
from functools import lru_cache

from planner.files import DATA
from planner.sizing import Range, roofline
from planner.sizing.engines import Engine
from planner.sizing.gpus import GpuSpec
from planner.sizing.kernels import numbers
from planner.sizing.memory import Plan
from planner.sizing.models import Model
from planner.sizing.roofline import Machine, Parameters
from planner.text import Text, text

__all__ = ["Calibration", "Estimate", "anchors", "at", "banded", "calibration", "generation", "hold"]

HOP_SECONDS = 100e-6  # one pipeline hop between machines over 100 Gbps and more; own judgement, no anchor


class Calibration:
    """Fitted parameters; bands as (low, high) factors by metric and kind of family; when and on how many rows.

    measured: the newest version of each engine that a series of rows of today's era has.
    """

    __slots__ = ("bands", "families", "fitted_on", "measured", "parameters", "rows")

    def __init__(
        self,
        parameters: Parameters,
        bands: dict[str, tuple[float, float]],
        families: frozenset[str],
        fitted_on: str,
        rows: int,
        measured: dict[str, str],
    ) -> None:
        self.parameters = parameters
        self.bands = bands
        self.families = families
        self.fitted_on = fitted_on
        self.rows = rows
        self.measured = measured


class Estimate:
    """One instance at one load: output tokens/s over all copies, seconds to the first token and per later token.

    batch is what runs at once over all copies; it is below the load when the KV cache holds no more.
    """

    __slots__ = ("batch", "tokens_per_second", "tpot", "ttft")

    def __init__(self, tokens_per_second: float, ttft: float, tpot: float, batch: float) -> None:
        self.tokens_per_second = tokens_per_second
        self.ttft = ttft
        self.tpot = tpot
        self.batch = batch


_loaded: list[Calibration] = []


def calibration() -> Calibration:
    """Return the committed fit (planner/data/sizing.csv, written by tools/fit_sizing.py), read once."""
    if not _loaded:
        parameters: Parameters = {}
        bands: dict[str, tuple[float, float]] = {}
        families: set[str] = set()
        facts = {}
        measured = {}
        with open(os.path.join(DATA, "sizing.csv"), encoding="utf-8") as file:
            next(file)
            for line in file:
                kind, name, value, high = line.rstrip("\n").split(",")
                if kind == "parameter":
                    parameters[name] = float(value)
                elif kind == "band":
                    bands[name] = (float(value), float(high))
                elif kind == "family":
                    families.add(name)
                elif kind == "measured":
                    measured[name] = value
                else:
                    facts[name] = value
        found = Calibration(
            parameters, bands, frozenset(families), facts["fitted_on"], int(facts["rows"]), measured=measured
        )
        _loaded.append(found)
    return _loaded[0]


def limit(engine: Engine, gpu: GpuSpec) -> int:
    """Return how many sequences an engine runs at once by default: vLLM 1,024 from 70 GiB on, 256 below; TRT 2,048."""
    if engine.key == "tensorrt-llm":
        return 2048
    return 1024 if gpu.usable_gib >= 70 else 256


def hold(plan: Plan, engine: Engine, gpu: GpuSpec, isl: float, osl: float) -> float:
    """Return how many whole requests one copy runs at once (at least one)."""
    return float(max(1, min(limit(engine, gpu), plan.holds(isl + osl))))


def machine(plan: Plan, model: Model, precision: str, gpu: GpuSpec, engine: Engine, p: Parameters) -> Machine:
    """Return the roofline of one copy; a pipeline adds its hops to every step."""
    m = roofline.machine(model, precision, gpu, engine, plan.tp, p, plan.width)
    if plan.pp > 1:
        hops = (plan.pp - 1) * HOP_SECONDS
        m.fixed += hops
        m.prompt_fixed += hops
    return m


def at(
    m: Machine, pp: int, copies: int, most: float, load: float, isl: float, osl: float, burst: bool = False
) -> Estimate:
    """Return what `copies` copies deliver under `load` requests (0: as many as memory holds, `most` per copy).

    The stages of a pipeline work on different requests at the same time: each step takes all layers' time for its
    share of the batch, and `pp` such batches are under way.
    """
    load = load or most * copies
    busy = min(float(copies), load)
    each = load / busy
    batch = min(each, most)
    lanes = min(float(pp), batch)
    if burst:
        rate, first, later = roofline.burst(m, each / lanes, batch / lanes, isl, osl)
    else:
        rate, first, later = roofline.steady(m, batch / lanes, isl, osl)
        if each > batch:  # the others wait for a place: Little's law over the whole queue
            first += (each - batch) * osl / (rate * lanes)
    return Estimate(rate * lanes * busy, first, later, batch * busy)


def banded(value: float, metric: str, anchored: bool) -> Range:
    """Return `value` with the band of `metric` ("rate", "tpot", "ttft"): 80 % of unseen measured rows lie within."""
    low, high = calibration().bands[f"{metric}:{'anchored' if anchored else 'other'}"]
    return Range(value * low, value, value * high)


@lru_cache(maxsize=1024)
def generation(engine: Engine, gpu: GpuSpec) -> Text | None:
    """Return what must be said of a version that is newer than the newest measured one; None when it is not."""
    measured = calibration().measured.get(engine.key, "")
    if measured:
        if numbers(measured) >= engine.number or roofline.era(engine) != "new" or engine.number[0] >= 2000:
            return None
        newest = Engine(engine.key, measured, ()).label
        key = "the newest series of measurements is of {newest}: {engine} is estimated as that generation"
        return text(key, newest=newest, engine=engine.label)
    if roofline.era(engine) == "new" and gpu.family != "volta":  # for V100 the engine's own note says it
        return text("no measured row of today's {engine}: its speed is estimated as vLLM's", engine=engine.label)
    return None


_basis: dict[tuple[str, str], tuple[str, ...]] = {}


def anchors(gpu: GpuSpec, precision: str) -> tuple[str, ...]:
    """Return ids of measured rows (benchmarks/anchors.csv) of this GPU and width; else of its family; else ()."""
    if not _basis:
        with open(os.path.join(DATA, "sizing_anchors.csv"), encoding="utf-8") as file:
            next(file)
            for line in file:
                name, width, ids = line.rstrip("\n").split(",")
                _basis[(name, width)] = tuple(ids.split())
    width = (
        "16"
        if precision in ("fp16", "bf16")
        else "4"
        if precision.startswith("int4") or precision.endswith("fp4")
        else "8"
    )
    name = gpu.name.partition(" (")[0]
    for key in ((name, width), (gpu.family, width), (name, "16"), (gpu.family, "16")):
        if key in _basis:
            return _basis[key]
    return ()
