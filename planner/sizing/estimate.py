"""Throughput and latency of copies of a model at a load, with the band that measured rows stay in."""

import os
from functools import lru_cache

from planner.files import DATA
from planner.sizing import Range, gpus, parts, roofline
from planner.sizing.engines import Engine
from planner.sizing.gpus import GpuSpec
from planner.sizing.kernels import numbers
from planner.sizing.memory import Plan
from planner.sizing.models import Model
from planner.sizing.roofline import Machine, Parameters
from planner.text import Text, text

__all__ = [
    "Calibration",
    "Estimate",
    "anchors",
    "at",
    "banded",
    "calibration",
    "factors",
    "generation",
    "hold",
    "hop_token",
    "kind_of",
    "rests",
    "slow",
]

HOP_SECONDS = 100e-6  # one pipeline hop between machines; own judgement, no anchor
#: Share of a network's rate that NCCL's sockets carry; own judgement, no anchor. Counted below 100 Gbps only.
SOCKET_SHARE = 0.5


class Calibration:
    """Fitted parameters; ranges as (low, high) factors on the rate by kind of speed; when and on how many rows.

    measured: the newest version of each engine that a series of rows of today's era has. rests: by "gpu:NAME" and
    "kind:KIND", how many rows there are, and of how many sources.
    """

    __slots__ = ("bands", "families", "fitted_on", "measured", "parameters", "rests", "rows")

    def __init__(
        self,
        parameters: Parameters,
        bands: dict[str, tuple[float, float]],
        families: frozenset[str],
        facts: dict[str, str],
        measured: dict[str, str],
        rests: dict[str, tuple[int, int]],
    ) -> None:
        self.parameters = parameters
        self.bands = bands
        self.families = families
        self.fitted_on = facts["fitted_on"]
        self.rows = int(facts["rows"])
        self.measured = measured
        self.rests = rests


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
        rests = {}
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
                elif kind == "rests":
                    rests[name] = (int(value), int(high))
                else:
                    facts[name] = value
        _loaded.append(Calibration(parameters, bands, frozenset(families), facts, measured=measured, rests=rests))
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
    """Return the roofline of one copy; a pipeline adds its hops to every step, and over a slow network what they carry."""
    m = roofline.machine(model, precision, gpu, engine, plan.tp, p, plan.width)
    if plan.pp > 1:
        hops = (plan.pp - 1) * HOP_SECONDS
        m.fixed += hops
        m.reduce_token += hop_token(plan, model)
    return m


def hop_token(plan: Plan, model: Model) -> float:
    """Return the seconds that one token takes across the hops of a pipeline; 0 where the network is fast.

    vLLM sends two 16-bit vectors a token (hidden state and residual; vllm/model_executor/models/deepseek_v2.py).
    """
    return (plan.pp - 1) * 4.0 * model.hidden / (plan.gbps * 1e9 / 8 * SOCKET_SHARE) if plan.gbps else 0.0


def slow(plan: Plan, model: Model, isl: int) -> list[Text]:
    """Return what is said of a pipeline over a network that the user took; nothing of a fast one."""
    if not plan.gbps:
        return []
    key = "its instances speak over {gbps} Gbps of TCP, as --pipeline-gbps allows: {ms} ms of each prompt alone is that network"
    return [text(key, gbps=f"{plan.gbps:g}", ms=f"{1e3 * hop_token(plan, model) * isl:.0f}")]


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


OLD = "older engines"  # all of their rows have one range


def kind_of(model: Model, precision: str, gpu: GpuSpec, engine: Engine) -> str:
    """Return the kind whose range the speed of `model` takes; "other" on GPUs of a family that no row has."""
    fit = calibration()
    if gpu.family not in fit.families:
        return "other"
    if parts.era(engine) != "new":
        return OLD
    kind = parts.speed_kind(model, precision, gpu)
    return kind if kind in fit.bands else kind.partition(":")[0]


def factors(metric: str, kind: str) -> tuple[float, float]:
    """Return the factors on an estimate of `metric` ("rate", "tpot", "ttft") within which 90 % of unseen rows lie."""
    bands = calibration().bands
    if metric == "ttft":
        return bands["ttft:other" if kind == "other" else "ttft"]
    low, high = bands[kind]
    return (low, high) if metric == "rate" else (1.0 / high, 1.0 / low)


def banded(value: float, metric: str, kind: str) -> Range:
    """Return `value` with its range."""
    low, high = factors(metric, kind)
    return Range(value * low, value, value * high)


FEW = 3  # sources below which an answer says so


_rested: dict[tuple[str, str, str, str], list[Text]] = {}


def rests(model: Model, precision: str, gpu: GpuSpec) -> list[Text]:
    """Return what must be said of the measurements behind a speed: few sources of its kind, or none of its GPU."""
    key = (parts.speed_kind(model, precision, gpu), precision, gpu.name, model.name if model.kind == "v4" else "")
    found = _rested.get(key)
    if found is None:
        found = _rested[key] = _rests(model, precision, gpu)
    return found


def _rests(model: Model, precision: str, gpu: GpuSpec) -> list[Text]:
    fit = calibration()
    if gpu.family not in fit.families:
        key = "no measured rows for GPUs of family {name}: speed is estimated with global parameters"
        return [text(key, name=gpu.family)]
    said = []
    name = gpu.name.partition(" (")[0]
    number, sources = fit.rests.get("gpu:" + name, (0, 0))
    if not number:
        members = [spec.name for spec in gpus.rows().values() if spec.family == gpu.family]
        others = ", ".join(sorted(other for other in members if "gpu:" + other in fit.rests))
        key = "no measured row of {gpu}: its speed is scaled by datasheet from {others}"
        said.append(text(key, gpu=name, others=others))
    elif sources < FEW:
        key = "speed on {gpu} rests on few measurements: {n} rows, sources: {m}"
        said.append(text(key, gpu=name, n=str(number), m=str(sources)))
    if model.kind == "v4" and gpu.compute_capability >= 10.0:
        key = "{model} on {gpu}: public measurements, with attention in data parallel, are 0.4 of this from 64 requests on"
        said.append(text(key, model=model.name, gpu=name))
    number, sources = fit.rests.get("kind:" + parts.speed_kind(model, precision, gpu), (0, 0))
    if sources < FEW:
        key = "speed of {what} in {precision} rests on few measurements of today's engines: {n} rows, sources: {m}"
        if not number:
            key = "no measured row of today's engines has {what} in {precision} on such a GPU"
        what = text("mixtures of experts") if model.experts else text("dense models")
        said.append(text(key, what=what, precision=precision, n=str(number), m=str(sources)))
    return said


@lru_cache(maxsize=1024)
def generation(engine: Engine, gpu: GpuSpec) -> Text | None:
    """Return what must be said of a version that is newer than the newest measured one; None when it is not."""
    measured = calibration().measured.get(engine.key, "")
    if measured:
        if numbers(measured) >= engine.number or parts.era(engine) != "new" or engine.number[0] >= 2000:
            return None
        newest = Engine(engine.key, measured, ()).label
        key = "the newest series of measurements is of {newest}: {engine} is estimated as that generation"
        return text(key, newest=newest, engine=engine.label)
    if parts.era(engine) == "new" and gpu.family != "volta":  # for V100 the engine's own note says it
        return text("no measured row of today's {engine}: its speed is estimated as vLLM's", engine=engine.label)
    return None


_basis: dict[tuple[str, str], tuple[str, ...]] = {}


def anchors(model: Model, precision: str, gpu: GpuSpec) -> tuple[str, ...]:
    """Return ids of measured rows (benchmarks/anchors.csv) of this GPU and kind of speed; else of its family; else ()."""
    if not _basis:
        with open(os.path.join(DATA, "sizing_anchors.csv"), encoding="utf-8") as file:
            next(file)
            for line in file:
                name, kind, ids = line.rstrip("\n").split(",")
                _basis[(name, kind)] = tuple(ids.split())
    kind = parts.speed_kind(model, precision, gpu)
    name = gpu.name.partition(" (")[0]
    for key in ((name, kind), (gpu.family, kind), (name, "dense:16"), (gpu.family, "dense:16")):
        if key in _basis:
            return _basis[key]
    return ()
